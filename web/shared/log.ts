/* A transparency log as its reader sees it (docs/trust.md, "The access log"): C2SP tlog-tiles, tlog-checkpoint (a signed note),
 * tlog-cosignature; hashes and proofs of RFC 6962 and RFC 9162. Verifies and proves; fetches through a function that the caller gives.
 *
 * Whoever sends what is read here may be hostile: what a proof does not lead to is "forged", what cannot be read is "invalid". */
import { concat, equal, hex, own, text, u64, unhex, utf8, view, type Bytes } from "./bytes.ts";
import { CardeaError, forged, invalid } from "./errors.ts";
import { hkdfExpand, hmac, NOTHING, sha256, sha256Node } from "./hash.ts";
import { verifyBytes } from "./sign.ts";

export const TILE_WIDTH = 256;
const TILE_HEIGHT = 8;
const HASH_BYTES = 32;
export const ENTRY_MAX_BYTES = 65_535;
export const CHECKPOINT_MAX_BYTES = 16_384;
const ORIGIN_MAX_BYTES = 255;
const PROOF_MAX = 64;

/* ---- hashes (RFC 6962 section 2.1) ---- */

export function leafHash(entry: Uint8Array): Bytes {
    if (entry.length > ENTRY_MAX_BYTES) throw invalid("log: an entry is longer than 65535 bytes");
    const input = new Uint8Array(1 + entry.length);
    input.set(entry, 1);
    return sha256(input);
}

export const nodeHash = sha256Node;

/* Sizes go up to 2^53, beyond what bit operations hold. */
const half = (n: number): number => Math.floor(n / 2);
const odd = (n: number): boolean => n % 2 === 1;
const isPower = (n: number): boolean => Number.isInteger(Math.log2(n)) && 2 ** Math.log2(n) === n;
const split = (n: number): number => {
    let k = 1;
    while (k * 2 < n) k *= 2;
    return k;
};
const isSize = (n: number): boolean => Number.isSafeInteger(n) && n >= 0;

/* RFC 9162 section 2.1.3.2. */
export function verifyInclusion(index: number, size: number, leaf: Uint8Array, proof: readonly Uint8Array[], root: Uint8Array): void {
    if (!isSize(index) || !isSize(size) || index >= size) throw invalid(`log: entry ${index} cannot be in a log of ${size}`);
    if (proof.length > PROOF_MAX || proof.some((h) => h.length !== HASH_BYTES)) throw invalid("log: the inclusion proof is malformed");
    let fn = index;
    let sn = size - 1;
    let hash: Uint8Array = leaf;
    for (const p of proof) {
        if (sn === 0) throw invalid("log: the inclusion proof is too long");
        if (odd(fn) || fn === sn) {
            hash = nodeHash(p, hash);
            while (!odd(fn) && fn > 0) {
                fn = half(fn);
                sn = half(sn);
            }
        } else hash = nodeHash(hash, p);
        fn = half(fn);
        sn = half(sn);
    }
    if (sn !== 0) throw invalid("log: the inclusion proof is too short");
    if (!equal(hash, root)) throw forged(`log: entry ${index} is not in the log: its proof does not lead to the checkpoint`);
}

/* RFC 9162 section 2.1.4.2: the log of `second` entries has that of `first` as its beginning. */
export function verifyConsistency(first: number, second: number, firstRoot: Uint8Array, secondRoot: Uint8Array, proof: readonly Uint8Array[]): void {
    if (!isSize(first) || !isSize(second) || first > second) throw invalid(`log: ${first} entries cannot be the beginning of ${second}`);
    if (proof.length > PROOF_MAX + 1 || proof.some((h) => h.length !== HASH_BYTES)) throw invalid("log: the consistency proof is malformed");
    const wrong = (): CardeaError => forged(`log: its ${second} entries do not continue the ${first} that were there before`);
    if (first === second || first === 0) {
        if (proof.length > 0) throw invalid("log: the consistency proof is too long");
        if (first > 0 && !equal(firstRoot, secondRoot)) throw wrong();
        return;
    }
    const power = isPower(first);
    if (!power && proof.length === 0) throw invalid("log: the consistency proof is too short");
    let fn = first - 1;
    let sn = second - 1;
    for (; odd(fn); fn = half(fn)) sn = half(sn);
    let fr: Uint8Array = power ? firstRoot : proof[0]!;
    let sr = fr;
    for (const p of power ? proof : proof.slice(1)) {
        if (sn === 0) throw invalid("log: the consistency proof is too long");
        if (odd(fn) || fn === sn) {
            fr = nodeHash(p, fr);
            sr = nodeHash(p, sr);
            while (!odd(fn) && fn > 0) {
                fn = half(fn);
                sn = half(sn);
            }
        } else sr = nodeHash(sr, p);
        fn = half(fn);
        sn = half(sn);
    }
    if (sn !== 0) throw invalid("log: the consistency proof is too short");
    if (!equal(fr, firstRoot) || !equal(sr, secondRoot)) throw wrong();
}

/* The root of the complete subtree of that height and index; from tiles, or from memory. */
export type Subtree = (height: number, index: number) => Promise<Uint8Array>;

async function rangeRoot(subtree: Subtree, begin: number, end: number): Promise<Uint8Array> {
    const n = end - begin;
    if (isPower(n)) return subtree(Math.log2(n), begin / n);
    const middle = begin + split(n);
    return nodeHash(await rangeRoot(subtree, begin, middle), await rangeRoot(subtree, middle, end));
}

/* PATH of RFC 6962 section 2.1.1. */
export async function proveInclusion(index: number, size: number, subtree: Subtree): Promise<Uint8Array[]> {
    if (!isSize(index) || !isSize(size) || index >= size) throw invalid(`log: entry ${index} cannot be in a log of ${size}`);
    const out: Uint8Array[] = [];
    let [begin, end] = [0, size];
    while (end - begin > 1) {
        const middle = begin + split(end - begin);
        if (index < middle) {
            out.unshift(await rangeRoot(subtree, middle, end));
            end = middle;
        } else {
            out.unshift(await rangeRoot(subtree, begin, middle));
            begin = middle;
        }
    }
    return out;
}

/* PROOF of RFC 6962 section 2.1.2. */
export async function proveConsistency(first: number, second: number, subtree: Subtree): Promise<Uint8Array[]> {
    if (!isSize(first) || !isSize(second) || first > second) throw invalid(`log: ${first} entries cannot be the beginning of ${second}`);
    if (first === 0 || first === second) return [];
    const out: Uint8Array[] = [];
    let [begin, end, whole] = [0, second, true];
    while (first !== end) {
        const middle = begin + split(end - begin);
        if (first <= middle) {
            out.unshift(await rangeRoot(subtree, middle, end));
            end = middle;
        } else {
            out.unshift(await rangeRoot(subtree, begin, middle));
            begin = middle;
            whole = false;
        }
    }
    if (!whole) out.unshift(await rangeRoot(subtree, begin, end));
    return out;
}

/* ---- checkpoints: signed notes (c2sp.org/signed-note, c2sp.org/tlog-checkpoint) ---- */

export interface Checkpoint {
    origin: string;
    size: number;
    root: Bytes;
    text: string; /* as it came, with all its signatures */
}

const ED25519 = 1;
const COSIGNATURE_V1 = 4;

/* Standard base64 with padding, as signed notes want, one text for one value; null: it is not. */
function padded(value: string, bytes: number): Bytes | null {
    if (value.length !== Math.ceil(bytes / 3) * 4 || !/^[A-Za-z0-9+/]*={0,2}$/.test(value)) return null;
    const binary = atob(value);
    if (binary.length !== bytes || btoa(binary) !== value) return null;
    return Uint8Array.from(binary, (c) => c.charCodeAt(0));
}

const keyId = (name: string, algorithm: number, key: Uint8Array): Bytes =>
    own(sha256(concat(utf8(name), new Uint8Array([0x0a, algorithm]), key)).subarray(0, 4));

interface Note {
    checkpoint: Checkpoint;
    body: string; /* what is signed, its last end of line included */
    lines: { name: string; encoded: string }[];
}

function readNote(note: string): Note {
    if (utf8(note).length > CHECKPOINT_MAX_BYTES) throw invalid("checkpoint: too long");
    const end = note.indexOf("\n\n");
    if (end < 0) throw invalid("checkpoint: no signature");
    const body = note.slice(0, end + 1);
    const [origin, size, root] = body.split("\n");
    if (!origin || utf8(origin).length > ORIGIN_MAX_BYTES) throw invalid("checkpoint: the origin is missing or too long");
    if (/[\u0000- +\u007f]/.test(origin)) throw invalid("checkpoint: the origin has forbidden characters");
    if (!size || !/^(0|[1-9][0-9]{0,18})$/.test(size)) throw invalid("checkpoint: the size is not a number");
    if (!Number.isSafeInteger(Number(size))) throw invalid("checkpoint: the size is too large");
    const hash = padded(root ?? "", HASH_BYTES);
    if (!hash) throw invalid("checkpoint: the root is not 32 bytes in base64");
    const rest = note.slice(end + 2);
    if (rest === "") throw invalid("checkpoint: no signature");
    if (!rest.endsWith("\n")) throw invalid("checkpoint: the last line has no end");
    const lines = rest.slice(0, -1).split("\n").map((line) => {
        const found = /^\u2014 (\S+) (\S+)$/.exec(line);
        if (!found) throw invalid("checkpoint: a line after the body is not a signature");
        return { name: found[1]!, encoded: found[2]! };
    });
    return { checkpoint: { origin, size: Number(size), root: hash, text: note }, body, lines };
}

/* What a log says it is, when its key signed it. Signatures of others are kept in the text, and looked at by nobody here. */
export async function openCheckpoint(note: string, key: Uint8Array, origin?: string): Promise<Checkpoint> {
    const { checkpoint, body, lines } = readNote(note);
    if (origin !== undefined && origin !== checkpoint.origin) throw forged(`checkpoint: of the log ${checkpoint.origin}, not ${origin}`);
    const id = keyId(checkpoint.origin, ED25519, key);
    let found = false;
    for (const { name, encoded } of lines) {
        if (name !== checkpoint.origin) continue;
        const raw = padded(encoded, 4 + 64);
        if (!raw || !equal(raw.subarray(0, 4), id)) continue; /* another key, or another algorithm */
        if (!(await verifyBytes(key, utf8(body), raw.subarray(4)))) throw forged("checkpoint: the log's signature does not fit");
        found = true;
    }
    if (!found) throw forged("checkpoint: not signed by the log's key");
    return checkpoint;
}

export interface Cosigned {
    name: string;
    key: Bytes;
    time: number; /* s since 1970 */
}

/* A hub's name as a witness: the first 16 hex digits of its id. */
export const cosignerName = (hubSign: Uint8Array): string => `cardea-hub/${hex(sha256(hubSign).subarray(0, 8))}`;

/* The hubs among `witnesses` that cosigned (c2sp.org/tlog-cosignature, v1). A line that does not fit counts for nothing. */
export async function cosignatures(note: string, witnesses: readonly Uint8Array[]): Promise<Cosigned[]> {
    const { body, lines } = readNote(note);
    const out: Cosigned[] = [];
    for (const { name, encoded } of lines) {
        const raw = padded(encoded, 4 + 8 + 64);
        if (!raw) continue;
        const key = witnesses.find((w) => name === cosignerName(w) && equal(keyId(name, COSIGNATURE_V1, w), raw.subarray(0, 4)));
        if (!key) continue;
        const time = view(raw).getBigUint64(4);
        if (!(await verifyBytes(key, utf8(`cosignature/v1\ntime ${time}\n${body}`), raw.subarray(12)))) continue;
        if (!out.some((c) => equal(c.key, key))) out.push({ name, key: own(key), time: Number(time) });
    }
    return out;
}

/* What a grantee's software holds a vault's answer against before it opens anything: the entry is in the log that this checkpoint is,
 * the log's key signed it and, when the grant names witnesses, one of them has cosigned. */
export async function checkProof(
    logKey: Uint8Array, note: string, index: number, leaf: Uint8Array, proof: readonly Uint8Array[], witnesses: readonly Uint8Array[] | null = null,
): Promise<Checkpoint> {
    const checkpoint = await openCheckpoint(note, logKey);
    if (index >= checkpoint.size) throw forged(`the use is not in the log: entry ${index} lies beyond the checkpoint's ${checkpoint.size}`);
    verifyInclusion(index, checkpoint.size, leafHash(leaf), proof, checkpoint.root);
    if (witnesses?.length && (await cosignatures(note, witnesses)).length === 0) throw new CardeaError("not_found", "no hub of the household has witnessed this log: the log could have been made for you alone");
    return checkpoint;
}

/* ---- tiles (c2sp.org/tlog-tiles) ---- */

export function tilePath(level: number | "entries", index: number, width: number): string {
    let number = String(index % 1000).padStart(3, "0");
    for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) number = `x${String(rest % 1000).padStart(3, "0")}/${number}`;
    return `tile/${level}/${number}${width < TILE_WIDTH ? `.p/${width}` : ""}`;
}

/* Reads the log's file at `path`; throws not_found when there is none. */
export type Fetch = (path: string) => Promise<Uint8Array>;

/* Tiles of the log of `size` entries, each fetched once. What they say is believed only where a proof leads to a checkpoint. */
export class Tiles {
    private readonly rows = new Map<string, Promise<Uint8Array[][]>>();

    constructor(
        private readonly fetch: Fetch,
        readonly size: number,
    ) {}

    private width(level: number, index: number): number {
        const row = Math.floor(this.size / TILE_WIDTH ** level);
        return Math.min(TILE_WIDTH, row - index * TILE_WIDTH);
    }

    /* A tile as the rows of its own little tree, each made when it is first asked for. */
    private tile(level: number, index: number): Promise<Uint8Array[][]> {
        const path = tilePath(level, index, this.width(level, index));
        let rows = this.rows.get(path);
        if (!rows) {
            rows = this.load(level, index, path);
            this.rows.set(path, rows);
            rows.catch(() => this.rows.delete(path));
        }
        return rows;
    }

    private async load(level: number, index: number, path: string): Promise<Uint8Array[][]> {
        const width = this.width(level, index);
        if (width <= 0) throw invalid(`log: there is no ${path} in a log of ${this.size}`);
        const raw = (await this.part(path, width)).subarray(0, width < TILE_WIDTH ? width * HASH_BYTES : undefined);
        if (raw.length !== width * HASH_BYTES) throw invalid(`log: ${path} has ${raw.length} bytes, not ${width * HASH_BYTES}`);
        return [Array.from({ length: width }, (_, i) => raw.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES))];
    }

    readonly subtree: Subtree = async (height, index) => {
        const level = Math.floor(height / TILE_HEIGHT);
        const within = height - level * TILE_HEIGHT;
        const first = index * 2 ** within; /* in the tile's level */
        const tile = Math.floor(first / TILE_WIDTH);
        const rows = await this.tile(level, tile);
        return rowNode(rows, within, (first - tile * TILE_WIDTH) / 2 ** within);
    };

    /* The entries from `first` up to the end of their bundle. */
    async bundle(index: number): Promise<Uint8Array[]> {
        const width = Math.min(TILE_WIDTH, this.size - index * TILE_WIDTH);
        if (width <= 0) throw invalid(`log: there is no bundle ${index} in a log of ${this.size}`);
        const path = tilePath("entries", index, width);
        return splitBundle(await this.part(path, width), width, path);
    }

    /* Partial tiles may go once the full one is there. */
    private async part(path: string, width: number): Promise<Uint8Array> {
        try {
            return await this.fetch(path);
        } catch (e) {
            if (width === TILE_WIDTH || !(e instanceof CardeaError) || e.word !== "not_found") throw e;
            return this.fetch(path.slice(0, path.indexOf(".p/")));
        }
    }

    /* Proves that the entry is at `index` of the log that the checkpoint is. */
    async include(checkpoint: Checkpoint, index: number, entry: Uint8Array): Promise<void> {
        verifyInclusion(index, checkpoint.size, leafHash(entry), await proveInclusion(index, checkpoint.size, this.subtree), checkpoint.root);
    }

    /* The entries of a bundle, every one of them proven: all hashes of a tile take part in the proof of any one. */
    async proven(checkpoint: Checkpoint, index: number): Promise<Uint8Array[]> {
        const entries = await this.bundle(index);
        for (const [i, raw] of entries.entries())
            if (!equal(leafHash(raw), await this.subtree(0, index * TILE_WIDTH + i))) throw forged(`log: entry ${index * TILE_WIDTH + i} is not what the log's hashes say`);
        await this.include(checkpoint, index * TILE_WIDTH, entries[0]!);
        return entries;
    }

    /* Proves that the log which the checkpoint is has `before` as its beginning. */
    async extend(before: { size: number; root: Uint8Array }, checkpoint: Checkpoint): Promise<void> {
        const proof = await proveConsistency(before.size, checkpoint.size, this.subtree);
        verifyConsistency(before.size, checkpoint.size, before.root, checkpoint.root, proof);
    }
}

function rowNode(rows: Uint8Array[][], height: number, index: number): Uint8Array {
    while (rows.length <= height) {
        const below = rows[rows.length - 1]!;
        rows.push(Array.from({ length: below.length >> 1 }, (_, i) => nodeHash(below[2 * i]!, below[2 * i + 1]!)));
    }
    const hash = rows[height]![index];
    if (!hash) throw invalid("log: a subtree that is not complete was asked for");
    return hash;
}

export function splitBundle(raw: Uint8Array, width: number, name: string): Uint8Array[] {
    const out: Uint8Array[] = [];
    let at = 0;
    while (out.length < width) {
        if (raw.length < at + 2) throw invalid(`log: ${name} ends within its entries`);
        const end = at + 2 + ((raw[at]! << 8) | raw[at + 1]!);
        if (raw.length < end) throw invalid(`log: ${name} ends within an entry`);
        out.push(raw.subarray(at + 2, end));
        at = end;
    }
    if (at !== raw.length && !name.includes(".p/")) throw invalid(`log: ${name} has more entries than it may`);
    return out;
}

/* ---- entries: 2 | time µs | kind | tag (32) or null | actor (16) or null | facts {text: unsigned} | details ----
 * Of version 1, which earlier vaults wrote, for acts of theirs alone: 1 | time | kind | null | details (text), heads of fixed lengths. */

export interface Entry {
    version: 1 | 2;
    time: number; /* µs since 1970 */
    kind: string; /* grant.use and so on; one that a later vault knows is no error */
    tag: Bytes | null;
    actor: Bytes | null;
    facts: Record<string, number>;
    details: Bytes;
}

const TAG_BYTES = 32;
const ACTOR_BYTES = 16;
const FACTS_MAX = 8;
const NAME_MAX_BYTES = 32;
const DETAILS_MAX_BYTES = 32_768;

const UINT = 0;
const BYTE_STRING = 2;
const TEXT = 3;
const ARRAY = 4;
const MAP = 5;

function head(major: number, value: number): Bytes {
    const m = major << 5;
    if (value < 24) return new Uint8Array([m | value]);
    if (value < 0x100) return new Uint8Array([m | 24, value]);
    if (value < 0x10000) return new Uint8Array([m | 25, value >> 8, value & 255]);
    const out = new Uint8Array(value < 2 ** 32 ? 5 : 9);
    const v = new DataView(out.buffer);
    out[0] = m | (out.length === 5 ? 26 : 27);
    if (out.length === 5) v.setUint32(1, value);
    else v.setBigUint64(1, BigInt(value));
    return out;
}

const NULL = new Uint8Array([0xf6]);
const cborText = (t: string): Bytes => concat(head(TEXT, utf8(t).length), utf8(t));
const cborBytes = (b: Uint8Array | null): Bytes => (b ? concat(head(BYTE_STRING, b.length), b) : NULL);

/* RFC 8949 section 4.2.1: keys of a map stand in the order of their encodings. */
const before = (a: Uint8Array, b: Uint8Array): number => {
    for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
    return a.length - b.length;
};

export function encodeEntry(e: Entry): Bytes {
    const facts = Object.entries(e.facts).map(([k, v]) => [cborText(k), head(UINT, v)] as const).sort(([a], [b]) => before(a, b));
    return concat(
        head(ARRAY, 7), head(UINT, 2), head(UINT, e.time), cborText(e.kind), cborBytes(e.tag), cborBytes(e.actor), head(MAP, facts.length), ...facts.flat(), cborBytes(e.details),
    );
}

class Reader {
    private at = 0;
    constructor(
        private readonly raw: Uint8Array,
        private readonly old = false, /* version 1: times of eight bytes, lengths of two */
    ) {}

    private byte(): number {
        if (this.at >= this.raw.length) throw invalid("log entry: it ends too early");
        return this.raw[this.at++]!;
    }

    /* The one encoding of a head that deterministic CBOR allows. */
    head(major: number, field: string): number {
        const first = this.byte();
        if (first >> 5 !== major) throw invalid(`log entry: ${field} is of another type`);
        const short = first & 31;
        if (short < 24 && !(this.old && major === TEXT)) return short;
        if (short < 24 || short > 27) throw invalid(`log entry: ${field} has no definite length`);
        const bytes = 1 << (short - 24);
        let value = 0;
        for (let i = 0; i < bytes; i++) value = value * 256 + this.byte();
        if (!Number.isSafeInteger(value)) throw invalid(`log entry: ${field} is too large`);
        if (this.old && short !== (major === TEXT ? 25 : 27)) throw invalid(`log entry: ${field} has another length than version 1 wrote`);
        if (!this.old && value < [24, 0x100, 0x10000, 2 ** 32][short - 24]!) throw invalid(`log entry: ${field} is not in its shortest form`);
        return value;
    }

    take(n: number, field: string): Bytes {
        if (n > this.raw.length - this.at) throw invalid(`log entry: ${field} ends too early`);
        this.at += n;
        return own(this.raw.subarray(this.at - n, this.at));
    }

    text(field: string): string {
        const bytes = this.take(this.head(TEXT, field), field);
        try {
            return text(bytes);
        } catch {
            throw invalid(`log entry: ${field} is not text`);
        }
    }

    bytes(field: string): Bytes {
        return this.take(this.head(BYTE_STRING, field), field);
    }

    orNull(length: number, field: string): Bytes | null {
        if (this.raw[this.at] === NULL[0]) {
            this.at++;
            return null;
        }
        const bytes = this.bytes(field);
        if (bytes.length !== length) throw invalid(`log entry: ${field} has ${bytes.length} bytes, not ${length}`);
        return bytes;
    }

    facts(): Record<string, number> {
        const n = this.head(MAP, "facts");
        if (n > FACTS_MAX) throw invalid("log entry: too many facts");
        const out: Record<string, number> = Object.create(null);
        let last: Uint8Array | null = null;
        for (let i = 0; i < n; i++) {
            const from = this.at;
            const key = this.text("facts");
            if (!/^[a-z_]{1,32}$/.test(key)) throw invalid("log entry: the name of a fact");
            const encoded = this.raw.subarray(from, this.at);
            if (last && before(last, encoded) >= 0) throw invalid("log entry: facts are not in their order");
            last = encoded;
            out[key] = this.head(UINT, "facts");
        }
        return out;
    }

    end(): void {
        if (this.at !== this.raw.length) throw invalid("log entry: something follows it");
    }
}

/* Version 1 is not deterministic CBOR. */
function decodeOld(raw: Uint8Array): Entry {
    const r = new Reader(raw, true);
    r.head(ARRAY, "the entry");
    r.head(UINT, "version");
    const time = raw[2] === 0x1b ? r.head(UINT, "time") : refuse("time");
    const kind = kindOf(r.text("kind"));
    if (r.orNull(TAG_BYTES, "subject")) throw invalid("log entry: subject");
    const details = utf8(r.text("details"));
    r.end();
    return { version: 1, time, kind, tag: null, actor: null, facts: {}, details };
}

function refuse(field: string): never {
    throw invalid(`log entry: ${field}`);
}

function kindOf(kind: string): string {
    if (kind.length > NAME_MAX_BYTES || !/^[a-z_.]+$/.test(kind)) throw invalid("log entry: kind");
    return kind;
}

export function decodeEntry(raw: Uint8Array): Entry {
    if (raw.length > ENTRY_MAX_BYTES) throw invalid("log entry: longer than 65535 bytes");
    if (raw[0] === 0x85 && raw[1] === 1) return decodeOld(raw);
    const r = new Reader(raw);
    if (r.head(ARRAY, "the entry") !== 7) throw invalid("log entry: not an array of seven");
    const version = r.head(UINT, "version");
    if (version > 2) throw new CardeaError("unsupported", `log entry: version ${version} is of a newer Cardea than this app: update it`);
    if (version !== 2) throw invalid("log entry: version");
    const time = r.head(UINT, "time");
    const kind = kindOf(r.text("kind"));
    const tag = r.orNull(TAG_BYTES, "tag");
    const actor = r.orNull(ACTOR_BYTES, "actor");
    const facts = r.facts();
    const details = r.bytes("details");
    if (details.length > DETAILS_MAX_BYTES) throw invalid("log entry: details are too long");
    r.end();
    return { version, time, kind, tag, actor, facts, details };
}

/* ---- times ---- */

/* How much clocks may differ, or be set (src/tlog/log_clock.h): of grantees too. */
export const LOG_CLOCK_OFF_S = 300;

/* The times of entries in their order, held against each other and against one's own clock. After a fault it goes on. */
export class LogClock {
    constructor(public latest = 0 /* µs */) {}

    take(entry: number /* µs */, now: number /* s */): "back" | "ahead" | null {
        const off = LOG_CLOCK_OFF_S * 1e6;
        if (entry - now * 1e6 > off) return "ahead";
        const back = this.latest - entry > off;
        this.latest = back ? entry : Math.max(this.latest, entry);
        return back ? "back" : null;
    }
}

/* ---- whose an entry is ---- */

/* What a household's tags come from: HKDF-Expand(signing seed, "cardea/1 log", 32). */
export const logKeyOf = (householdSeed: Uint8Array): Bytes => hkdfExpand(householdSeed, "cardea/1 log", NOTHING, 32);
export const tagOf = (logKey: Uint8Array, n: number): Bytes => hmac(logKey, u64(n));
export const staffActor = (signKey: Uint8Array): Bytes => own(sha256(signKey).subarray(0, ACTOR_BYTES));
export const privateActor = (logKey: Uint8Array, signKey: Uint8Array): Bytes => own(hmac(logKey, concat(utf8("actor"), signKey)).subarray(0, ACTOR_BYTES));

/* The fact "grant" of staff's acts: 48 bits of SHA-256("cardea/1 use" || the grant's id). */
export const grantFact = (grant: string): number => parseInt(hex(sha256(concat(utf8("cardea/1 use"), unhex(grant))).subarray(0, 6)), 16);

/* The fact "opening" of a use: 48 bits of SHA-256("cardea/1 opening" || nonce || signature). The holder of the grant made the nonce for this
 * opening, so that no entry of an earlier one can stand for it; to anybody else it is a random number. */
export const OPENING = "opening";
export const OPENING_NONCE_BYTES = 16;
export const openingFact = (nonce: Uint8Array, signature: Uint8Array): number => parseInt(hex(sha256(concat(utf8("cardea/1 opening"), nonce, signature)).subarray(0, 6)), 16);

/* Is it an act of a member of staff? Theirs alone have facts that count. */
export const byStaff = (e: { actor: unknown; facts: Record<string, number> }): boolean => Boolean(e.actor) && Object.keys(e.facts).some((k) => k !== OPENING);
