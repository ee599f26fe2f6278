/* The recovery code: 132 random bits as 12 proquints (arXiv:0901.4016), each with five bits of check
 * (src/crypto/passphrase.h). A mistyped word is named. */
import { concat, random, utf8, type Bytes } from "./bytes.ts";
import { invalid } from "./errors.ts";
import { hkdfExpand, hkdfExtract, NOTHING, sha256 } from "./hash.ts";

export const WORDS = 12;
const SECRET_BYTES = 17;
const CONSONANTS = "bdfghjklmnprstvz";
const VOWELS = "aiou";

const spell = (n: number): string =>
    CONSONANTS[n >> 12]! + VOWELS[(n >> 10) & 3]! + CONSONANTS[(n >> 6) & 15]! + VOWELS[(n >> 4) & 3]! + CONSONANTS[n & 15]!;

function check(values: number[], i: number): number {
    const parts = values.slice(0, i + 1).map((v) => new Uint8Array([v >> 8, v & 255]));
    return sha256(concat(utf8("cardea/1 recovery"), new Uint8Array([i]), ...parts))[0]! >> 3;
}

const bit = (bytes: Uint8Array, at: number): number => (bytes[at >> 3]! >> (7 - (at & 7))) & 1;

export function recoveryWords(secret: Uint8Array): string[] {
    const values: number[] = [];
    for (let i = 0; i < WORDS; i++) {
        let v = 0;
        for (let b = 0; b < 11; b++) v = (v << 1) | bit(secret, 11 * i + b);
        values.push(v);
    }
    return values.map((v, i) => spell((v << 5) | check(values, i)));
}

export function newRecovery(): { secret: Bytes; words: string[] } {
    const secret = random(SECRET_BYTES);
    secret[16]! &= 0xf0;
    return { secret, words: recoveryWords(secret) };
}

function read(word: string): number {
    if (word.length !== 5) return -1;
    const digits = [CONSONANTS, VOWELS, CONSONANTS, VOWELS, CONSONANTS].map((set, i) => set.indexOf(word[i]!));
    if (digits.includes(-1)) return -1;
    const [a, b, c, d, e] = digits as [number, number, number, number, number];
    return (a << 12) | (b << 10) | (c << 6) | (d << 4) | e;
}

export function parseRecovery(input: string): Bytes {
    const words = input.toLowerCase().split(/[\s-]+/).filter((w) => w !== "");
    const secret = new Uint8Array(SECRET_BYTES);
    const values: number[] = [];
    for (let i = 0; i < Math.min(words.length, WORDS); i++) {
        const word = words[i]!;
        const n = read(word);
        if (n < 0) throw invalid(`word ${i + 1}, "${word}", is not a word of a recovery code: five letters, like "lusab"`);
        values.push(n >> 5);
        if ((n & 31) !== check(values, i)) throw invalid(`word ${i + 1}, "${word}", does not fit: compare it with your recovery kit`);
        for (let b = 0; b < 11; b++) if ((n >> (15 - b)) & 1) secret[(11 * i + b) >> 3]! |= 128 >> ((11 * i + b) & 7);
    }
    if (words.length !== WORDS) throw invalid(`a recovery code has ${WORDS} words, and this has ${words.length}`);
    return secret;
}

export interface DerivedKeys {
    auth: Bytes;
    wrap: Bytes;
}

export function recoveryKeys(secret: Uint8Array): DerivedKeys {
    const key = hkdfExtract(NOTHING, secret);
    return {
        auth: hkdfExpand(key, "cardea/1 recovery auth", NOTHING, 32),
        wrap: hkdfExpand(key, "cardea/1 recovery wrap", NOTHING, 32),
    };
}
