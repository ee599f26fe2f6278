/* Bytes, hex, base64url and big-endian numbers. No dependency. */

export type Bytes = Uint8Array<ArrayBuffer>;

const encoder = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true });

export const utf8 = (text: string): Bytes => encoder.encode(text) as Bytes;
export const text = (bytes: Uint8Array): string => strict.decode(bytes);

export function concat(...parts: Uint8Array[]): Bytes {
    const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
    let at = 0;
    for (const p of parts) {
        out.set(p, at);
        at += p.length;
    }
    return out;
}

export function equal(a: Uint8Array, b: Uint8Array): boolean {
    if (a.length !== b.length) return false;
    let different = 0;
    for (let i = 0; i < a.length; i++) different |= a[i]! ^ b[i]!;
    return different === 0;
}

export function hex(bytes: Uint8Array): string {
    let out = "";
    for (const b of bytes) out += b.toString(16).padStart(2, "0");
    return out;
}

export function unhex(value: string): Bytes {
    if (value.length % 2 !== 0 || !/^[0-9a-f]*$/.test(value)) throw new Error("not lower-case hex");
    const out = new Uint8Array(value.length / 2);
    for (let i = 0; i < out.length; i++) out[i] = parseInt(value.slice(2 * i, 2 * i + 2), 16);
    return out;
}

export function b64(bytes: Uint8Array): string {
    let binary = "";
    for (let i = 0; i < bytes.length; i += 0x8000) binary += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
    return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

export function unb64(value: string): Bytes {
    if (!/^[A-Za-z0-9_-]*$/.test(value)) throw new Error("not base64url");
    const binary = atob(value.replaceAll("-", "+").replaceAll("_", "/"));
    const out = new Uint8Array(binary.length);
    for (let i = 0; i < binary.length; i++) out[i] = binary.charCodeAt(i);
    return out;
}

export function u32(value: number): Bytes {
    const out = new Uint8Array(4);
    new DataView(out.buffer).setUint32(0, value);
    return out;
}

export function u64(value: number): Bytes {
    const out = new Uint8Array(8);
    new DataView(out.buffer).setBigUint64(0, BigInt(value));
    return out;
}

export const view = (b: Uint8Array): DataView => new DataView(b.buffer, b.byteOffset, b.byteLength);
export const readU32 = (b: Uint8Array, at: number): number => view(b).getUint32(at);

/* A number of 64 bits that fits JavaScript's 53, else an error. */
export function readU64(b: Uint8Array, at: number): number {
    const value = view(b).getBigUint64(at);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Error("number too large");
    return Number(value);
}

export const random = (n: number): Bytes => crypto.getRandomValues(new Uint8Array(n));

/* A copy on its own buffer, so that it can be transferred or kept without its surroundings. */
export const own = (b: Uint8Array): Bytes => b.slice() as Bytes;
