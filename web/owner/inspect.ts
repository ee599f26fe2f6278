/* What the page is made of, by name, for tests and for whoever looks into a fault from the browser's console. It gives
 * nothing that the page's own code does not have: keys are in the worker. */
const handle: Record<string, unknown> = {};
(globalThis as { cardea?: typeof handle }).cardea = handle;

export const inspect = (parts: Record<string, unknown>): void => void Object.assign(handle, parts);
