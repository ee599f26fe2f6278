/* SHA-256 (FIPS 180-4), HMAC (RFC 2104) and HKDF (RFC 5869), synchronous: the time key tree takes a few
 * hundred small hashes for a cold seek, and a promise for each would cost more than the hashing. Large
 * inputs go through WebCrypto instead. */
import { concat, utf8, type Bytes } from "./bytes.ts";

const K = new Uint32Array(64);
const INITIAL = new Uint32Array(8);
{
    /* The first 32 bits of the fractional parts of the cube and square roots of the first primes. */
    let n = 0;
    for (let c = 2; n < 64; c++) {
        let prime = true;
        for (let d = 2; d * d <= c; d++) if (c % d === 0) prime = false;
        if (!prime) continue;
        if (n < 8) INITIAL[n] = root(c, 2n);
        K[n++] = root(c, 3n);
    }
    function root(p: number, degree: bigint): number {
        const target = BigInt(p) << (32n * degree);
        let low = 0n;
        let high = 1n << 40n;
        while (high - low > 1n) {
            const middle = (low + high) >> 1n;
            if (middle ** degree <= target) low = middle;
            else high = middle;
        }
        return Number(low & 0xffffffffn);
    }
}

/* Signed, all of them: numbers of 31 bits and a sign stay what an engine computes with at full speed. */
const W = new Int32Array(64);
const KS = Int32Array.from(K);

/* The block that stands in the first sixteen words of W. */
function compressWords(h: Uint32Array): void {
    for (let i = 16; i < 64; i++) {
        const x = W[i - 15]!;
        const y = W[i - 2]!;
        const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
        const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
        W[i] = (((W[i - 16]! + s0) | 0) + ((W[i - 7]! + s1) | 0)) | 0;
    }
    let a = h[0]! | 0;
    let b = h[1]! | 0;
    let c = h[2]! | 0;
    let d = h[3]! | 0;
    let e = h[4]! | 0;
    let f = h[5]! | 0;
    let g = h[6]! | 0;
    let k = h[7]! | 0;
    for (let i = 0; i < 64; i++) {
        const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
        const t1 = (((k + s1) | 0) + ((((e & f) ^ (~e & g)) + ((KS[i]! + W[i]!) | 0)) | 0)) | 0;
        const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
        const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        k = g;
        g = f;
        f = e;
        e = (d + t1) | 0;
        d = c;
        c = b;
        b = a;
        a = (t1 + t2) | 0;
    }
    h[0]! += a;
    h[1]! += b;
    h[2]! += c;
    h[3]! += d;
    h[4]! += e;
    h[5]! += f;
    h[6]! += g;
    h[7]! += k;
}

function compress(h: Uint32Array, block: Uint8Array, at: number): void {
    for (let i = 0; i < 16; i++, at += 4) W[i] = (block[at]! << 24) | (block[at + 1]! << 16) | (block[at + 2]! << 8) | block[at + 3]!;
    compressWords(h);
}

const state = new Uint32Array(8);

/* SHA-256(1 || left || right), two hashes of 32 bytes: a node of RFC 6962. A log's proof takes hundreds of thousands of them. */
export function sha256Node(left: Uint8Array, right: Uint8Array): Bytes {
    state.set(INITIAL);
    let before = 1;
    for (let i = 0; i < 16; i++) {
        const half = i < 8 ? left : right;
        const at = (i & 7) * 4;
        W[i] = (before << 24) | (half[at]! << 16) | (half[at + 1]! << 8) | half[at + 2]!;
        before = half[at + 3]!;
    }
    compressWords(state);
    W.fill(0, 1, 15);
    W[0] = (before << 24) | 0x800000;
    W[15] = 65 * 8;
    compressWords(state);
    const out = new Uint8Array(32);
    for (let i = 0; i < 8; i++) {
        const word = state[i]!;
        out[4 * i] = word >>> 24;
        out[4 * i + 1] = word >>> 16;
        out[4 * i + 2] = word >>> 8;
        out[4 * i + 3] = word;
    }
    return out;
}

function finish(h: Uint32Array, data: Uint8Array, before: number): Bytes {
    const whole = data.length & ~63;
    for (let at = 0; at < whole; at += 64) compress(h, data, at);
    const rest = data.length - whole;
    const tail = new Uint8Array(rest < 56 ? 64 : 128);
    tail.set(data.subarray(whole));
    tail[rest] = 0x80;
    new DataView(tail.buffer).setBigUint64(tail.length - 8, BigInt(before + data.length) * 8n);
    for (let at = 0; at < tail.length; at += 64) compress(h, tail, at);
    const out = new Uint8Array(32);
    const v = new DataView(out.buffer);
    for (let i = 0; i < 8; i++) v.setUint32(4 * i, h[i]!);
    return out;
}

export const sha256 = (data: Uint8Array): Bytes => finish(INITIAL.slice(), data, 0);

function hmacStates(key: Uint8Array): [Uint32Array, Uint32Array] {
    const block = new Uint8Array(64);
    block.set(key.length > 64 ? sha256(key) : key);
    const inner = INITIAL.slice();
    const outer = INITIAL.slice();
    compress(inner, block.map((b) => b ^ 0x36), 0);
    compress(outer, block.map((b) => b ^ 0x5c), 0);
    block.fill(0);
    return [inner, outer];
}

function hmacWith([inner, outer]: [Uint32Array, Uint32Array], data: Uint8Array): Bytes {
    return finish(outer.slice(), finish(inner.slice(), data, 64), 64);
}

export const hmac = (key: Uint8Array, data: Uint8Array): Bytes => hmacWith(hmacStates(key), data);

export const hkdfExtract = (salt: Uint8Array, secret: Uint8Array): Bytes => hmac(salt, secret);

/* `info` is label || context. */
export function hkdfExpand(key: Uint8Array, label: string, context: Uint8Array, length: number): Bytes {
    const states = hmacStates(key);
    const info = concat(utf8(label), context);
    const out = new Uint8Array(length);
    let block: Uint8Array = new Uint8Array(0);
    for (let at = 0, i = 1; at < length; at += 32, i++) {
        block = hmacWith(states, concat(block, info, new Uint8Array([i])));
        out.set(block.subarray(0, Math.min(32, length - at)), at);
    }
    return out;
}

export const NOTHING = new Uint8Array(0);
