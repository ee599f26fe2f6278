/* Sealed segments: framing, and opening with time keys (docs/formats.md, "Segment"). */
import { concat, equal, hex, own, readU32, view, type Bytes } from "./bytes.ts";
import { CardeaError, cutShort, forged, invalid } from "./errors.ts";
import { sha256 } from "./hash.ts";
import { segmentCommitment, segmentKey, type TimeKeys } from "./timekey.ts";

export const HEADER_BYTES = 78;
export const RECORD_MAX_BYTES = 8 << 20;
export const SECONDS_MAX = 64;
const TAG_BYTES = 16;
const MAGIC = 0x43524441; /* "CRDA" */

export enum Kind {
    init = 1,
    fragment = 2,
    picture = 3,
    observation = 4,
    mark = 5,
    end = 255,
}

export interface Header {
    raw: Bytes;
    camera: string;
    epoch: number;
    slot: number;
    id: Bytes;
    commitment: Bytes;
}

export function decodeHeader(bytes: Uint8Array): Header {
    if (bytes.length < HEADER_BYTES) throw cutShort("the segment ends within its header");
    const raw = own(bytes.subarray(0, HEADER_BYTES));
    if (readU32(raw, 0) !== MAGIC) throw invalid("segment: magic");
    if (raw[4] !== 1) throw invalid("segment: version");
    if (raw[5] !== 1) throw invalid("segment: suite");
    return {
        raw,
        camera: hex(raw.subarray(6, 22)),
        epoch: readU32(raw, 22),
        slot: readU32(raw, 26),
        id: own(raw.subarray(30, 46)),
        commitment: own(raw.subarray(46, 78)),
    };
}

export interface Frame {
    kind: Kind;
    second: number;
    commitment: Uint8Array | null;
    sealed: Uint8Array;
    bytes: number;
}

/* The framing of the record at the start of `raw`, borrowed from it. Null: `raw` ends within it. */
export function readFrame(raw: Uint8Array, previousSecond: number): Frame | null {
    if (raw.length < 6) return null;
    const length = readU32(raw, 0);
    const kind = raw[4]!;
    const second = raw[5]!;
    if (!(kind in Kind)) throw invalid(`record: kind ${kind}`);
    if (second < previousSecond || second >= SECONDS_MAX) throw invalid("record: second");
    const changes = second !== previousSecond;
    const ahead = changes ? 32 : 0;
    if (length < 2 + ahead + TAG_BYTES || length > RECORD_MAX_BYTES) throw invalid("record: length");
    if (raw.length < 4 + length) return null;
    return {
        kind,
        second,
        commitment: changes ? raw.subarray(6, 38) : null,
        sealed: raw.subarray(6 + ahead, 4 + length),
        bytes: 4 + length,
    };
}

/* The Padmé size of a length (Nikitin et al., PETS 2019, section 4). */
export function padme(length: number): number {
    if (length < 4) return length;
    const e = Math.floor(Math.log2(length));
    const s = Math.floor(Math.log2(e)) + 1;
    const step = 2 ** (e - s);
    return Math.ceil(length / step) * step;
}

export function unpad(plain: Bytes): Bytes {
    if (plain.length < 4) throw forged("the padding is false");
    const length = readU32(plain, 0);
    if (4 + length > plain.length || plain.length !== padme(4 + length)) throw forged("the padding is false");
    for (let i = 4 + length; i < plain.length; i++) if (plain[i] !== 0) throw forged("the padding is false");
    return plain.subarray(4, 4 + length) as Bytes;
}

export interface Opened {
    kind: Kind;
    slot: number;
    data: Bytes;
}

/* Opens one segment's records in order. A call of open() starts at once and may overlap with the next: the order of the
 * calls is the order of the records, and the promises may be awaited together. */
export class SegmentReader {
    complete = false;
    private number = 0;
    private second = 0;
    private marked = false;
    private readonly bound: Bytes;
    private key: Promise<CryptoKey>;

    constructor(
        readonly header: Header,
        private readonly keys: TimeKeys,
    ) {
        this.bound = sha256(header.raw);
        this.key = this.keyOf(0, header.commitment);
    }

    private keyOf(second: number, commitment: Uint8Array): Promise<CryptoKey> {
        const leaf = this.keys.leaf(this.header.slot + second);
        if (!equal(segmentCommitment(leaf, this.header.id), commitment))
            throw forged(`the key of second ${second} is not the one the recording was made with`);
        const raw = segmentKey(leaf, this.header.id);
        return crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["decrypt"]);
    }

    get previousSecond(): number {
        return this.second;
    }

    /* The init is the first record and only the first, a picture only the second, and after the mark comes the end alone. */
    private order(kind: Kind): void {
        if (this.complete) throw invalid("there are records after the end of the segment");
        if ((this.number === 0) !== (kind === Kind.init)) throw invalid(this.number === 0 ? "the segment does not begin with its init record" : "a second init record");
        if (kind === Kind.picture && this.number !== 1) throw invalid("a picture that is not the second record");
        if (this.marked && kind !== Kind.end) throw invalid("a record between the mark and the end");
        this.marked = kind === Kind.mark;
    }

    open(frame: Frame): Promise<Opened> {
        this.order(frame.kind);
        if (frame.commitment) this.key = this.keyOf(frame.second, frame.commitment);
        this.second = frame.second;
        const number = this.number++;
        const nonce = new Uint8Array(12);
        view(nonce).setUint32(7, number);
        if (frame.kind === Kind.end) nonce[11] = 1;
        this.complete = frame.kind === Kind.end;
        const additionalData = concat(this.bound, new Uint8Array([frame.kind, frame.second]));
        return this.decrypt(number, frame, nonce, additionalData);
    }

    private async decrypt(number: number, frame: Frame, iv: Bytes, additionalData: Bytes): Promise<Opened> {
        const key = await this.key;
        let plain: ArrayBuffer;
        try {
            plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv, additionalData }, key, frame.sealed as Bytes);
        } catch {
            throw forged(`record ${number} was altered, or is not from this place`);
        }
        return { kind: frame.kind, slot: this.header.slot + frame.second, data: unpad(new Uint8Array(plain)) };
    }
}

export interface Segment {
    header: Header;
    complete: boolean; /* up to its end record */
    records: Opened[];
    problem: CardeaError | null; /* what stopped it: cut_short, forged, no_key; what came before it is whole */
}

/* Opens a whole segment in memory; what verifies is kept, and what stopped it is named. */
export async function readSegment(raw: Uint8Array, keys: TimeKeys): Promise<Segment> {
    const header = decodeHeader(raw);
    const reader = new SegmentReader(header, keys);
    const pending: Promise<Opened>[] = [];
    let problem: CardeaError | null = null;
    for (let at = HEADER_BYTES; at < raw.length; ) {
        try {
            if (reader.complete) throw invalid("there are bytes after the end of the segment");
            const frame = readFrame(raw.subarray(at), reader.previousSecond);
            if (!frame) break;
            pending.push(reader.open(frame));
            at += frame.bytes;
        } catch (e) {
            problem = asProblem(e);
            break;
        }
    }
    const settled = await Promise.allSettled(pending);
    const records: Opened[] = [];
    for (const s of settled) {
        if (s.status === "rejected") return { header, records, complete: false, problem: asProblem(s.reason) };
        records.push(s.value);
    }
    if (!problem && !reader.complete) problem = cutShort("the recording was cut short here");
    return { header, records, complete: reader.complete, problem };
}

const asProblem = (e: unknown): CardeaError => (e instanceof CardeaError ? e : forged(String(e)));

/* One entry of a reel's table (docs/formats.md, "Reel"). */
export interface ReelEntry {
    slot: number;
    seconds: number;
    cutShort: boolean;
    picture: boolean;
    noKeyFrame: boolean;
    offset: number;
    length: number;
    headLength: number;
}

export const REEL_ENTRY_BYTES = 20;

export function decodeTable(raw: Uint8Array): ReelEntry[] {
    if (raw.length % REEL_ENTRY_BYTES !== 0) throw invalid("reel table: length");
    const v = view(raw);
    const out: ReelEntry[] = [];
    for (let at = 0; at < raw.length; at += REEL_ENTRY_BYTES) {
        const flags = raw[at + 5]!;
        out.push({
            slot: v.getUint32(at),
            seconds: raw[at + 4]!,
            cutShort: (flags & 1) !== 0,
            picture: (flags & 2) !== 0,
            noKeyFrame: (flags & 4) !== 0,
            offset: v.getUint32(at + 8),
            length: v.getUint32(at + 12),
            headLength: v.getUint32(at + 16),
        });
    }
    return out;
}
