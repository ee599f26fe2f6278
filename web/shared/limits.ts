/* Numbers that pages and worker share, apart from what computes with them: a page that shows one loads no Argon2. */
export const MIN_CHARS = 10;

/* The end of time, in slots: a member's grant has no other. */
export const FOREVER = 2 ** 32 - 1;
