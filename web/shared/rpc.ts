/* Calls from a page to its worker: each method of the worker's object becomes a promise. */
import { CardeaError, type ErrorDetail } from "./errors.ts";

type Method = (...args: never[]) => unknown;
export type Remote<T> = {
    [K in keyof T as T[K] extends Method ? K : never]: T[K] extends (...args: infer A) => infer R ? (...args: A) => Promise<Awaited<R>> : never;
};

interface Call {
    id: number;
    method: string;
    args: unknown[];
}
interface Answer {
    id: number;
    result?: unknown;
    error?: { word: string; message: string; detail?: ErrorDetail };
}

export function remote<T>(worker: Worker, onEvent: (event: unknown) => void): Remote<T> {
    const waiting = new Map<number, { resolve: (v: unknown) => void; reject: (e: Error) => void }>();
    let next = 1;
    worker.onmessage = ({ data }: MessageEvent<Answer | { event: unknown }>) => {
        if ("event" in data) return onEvent(data.event);
        const call = waiting.get(data.id);
        waiting.delete(data.id);
        if (data.error) call?.reject(new CardeaError(data.error.word, data.error.message, data.error.detail));
        else call?.resolve(data.result);
    };
    worker.onerror = (e) => {
        for (const w of waiting.values()) w.reject(new CardeaError("internal", `the app's worker failed: ${e.message}`));
        waiting.clear();
    };
    return new Proxy({} as Remote<T>, {
        get: (_, method: string) =>
            (...args: unknown[]) =>
                new Promise((resolve, reject) => {
                    waiting.set(next, { resolve, reject });
                    worker.postMessage({ id: next++, method, args } satisfies Call);
                }),
    });
}

/* Large buffers of an answer, moved rather than copied. */
function buffers(value: unknown, depth = 0): ArrayBuffer[] {
    if (value instanceof Uint8Array) return value.byteLength === value.buffer.byteLength ? [value.buffer as ArrayBuffer] : [];
    if (depth > 3 || typeof value !== "object" || value === null || value instanceof Blob) return [];
    return Object.values(value).flatMap((v) => (typeof v === "object" ? buffers(v, depth + 1) : []));
}

export interface WorkerScope {
    postMessage(message: unknown, transfer: ArrayBuffer[]): void;
    onmessage: ((e: MessageEvent<Call>) => void) | null;
}

export const emitter = (scope: WorkerScope) => (event: unknown) =>
    scope.postMessage({ event }, [...new Set(buffers(event))]);

export function serve(scope: WorkerScope, target: object): void {
    scope.onmessage = async ({ data: { id, method, args } }) => {
        try {
            const call = (target as Record<string, unknown>)[method];
            if (typeof call !== "function") throw new CardeaError("internal", `no method ${method}`);
            const result: unknown = await call.apply(target, args);
            scope.postMessage({ id, result }, [...new Set(buffers(result))]);
        } catch (e) {
            const known = e instanceof CardeaError;
            const message = e instanceof Error ? e.message : String(e);
            const error = { word: known ? e.word : "internal", message, ...(known && e.detail ? { detail: e.detail } : {}) };
            scope.postMessage({ id, error }, []);
        }
    };
}
