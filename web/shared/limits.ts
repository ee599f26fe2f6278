/* Numbers that pages and worker share, apart from what computes with them: a page that shows one loads no Argon2. */
export const MIN_CHARS = 10;
