/* Export: a plain fragmented MP4 that carries its hub's marks (docs/formats.md, "Export"). */
import type { Access } from "./access.ts";
import { b64, concat, equal, utf8, type Bytes } from "./bytes.ts";
import { CardeaError, messageOf } from "./errors.ts";
import { sha256 } from "./hash.ts";
import { checkMarkHub } from "./household.ts";
import { readMark } from "./mark.ts";
import { box, readFragment, shiftUs, tracks } from "./mp4.ts";
import type { Recordings, SegmentRef } from "./recordings.ts";
import { Kind, type Segment } from "./segment.ts";

export interface ExportResult {
    seconds: number;
    bytes: number;
    gaps: [number, number][]; /* µs */
    damaged: string[];
    rest: { from: number; at: SegmentRef } | null; /* where another file has to begin: one file has one init */
}

export interface ExportOptions {
    camera: string;
    from: number; /* s */
    to: number;
    at?: SegmentRef | undefined; /* begins with this segment: the rest of an earlier export */
    write: (part: Bytes) => Promise<void>;
    progress: (done: number) => void; /* 0..1 */
    signal: AbortSignal;
}

interface Listed {
    slot: number;
    mark: string | null; /* null: cut short before the hub could sign */
    init: string;
    from: number;
    count: number;
}

/* Less than this between two pictures is the camera's rhythm. */
const GAP_US = 1_500_000;
/* In a `free` box after `moov`: tells a clip whose end is missing from one that never had signatures. */
const NOTICE = "cardea/1 export: the signatures are in the uuid box at the end";

export async function exportClip(recordings: Recordings, access: Access, o: ExportOptions): Promise<ExportResult> {
    const result: ExportResult = { seconds: 0, bytes: 0, gaps: [], damaged: [], rest: null };
    const listed: Listed[] = [];
    const put = async (part: Bytes): Promise<void> => {
        result.bytes += part.length;
        await o.write(part);
    };
    let init: Bytes | null = null;
    let reached = o.from;
    const hub = access.hubOf(o.camera);
    let first = 0;
    let last = 0;
    let zero = 0n; /* µs of wall time that are the clip's zero */
    let scales = new Map<number, number>();
    for (let ref = o.at ?? (await recordings.at(o.camera, o.from)); ref && ref.slot < o.to; ref = await recordings.next(o.camera, ref)) {
        if (o.signal.aborted) throw new CardeaError("aborted", "the export was cancelled");
        /* A segment's signature is at its end: one that is not shared to its end would leave the clip without proof. */
        if (init && ref.slot + ref.seconds > access.until) break;
        const segment = await openOrName(recordings, o, ref, result);
        const opened = segment && select(segment, o.to);
        if (!segment || !opened || opened.parts.length === 0) continue;
        if (init && !equal(init, opened.init)) {
            result.rest = { from: opened.from, at: ref };
            break;
        }
        if (!init) {
            init = opened.init;
            first = opened.from;
            zero = BigInt(Math.floor(opened.earliest * 1e6));
            scales = new Map(tracks(init).map((t) => [t.id, t.timescale]));
            await put(init);
            await put(box("free", utf8(NOTICE)));
        }
        const before = last || o.from;
        if ((opened.from - before) * 1e6 > GAP_US) result.gaps.push([Math.round(before * 1e6), Math.round(opened.from * 1e6)]);
        reached = Math.max(reached, opened.to);
        last = opened.last;
        const mark = segment.problem ? null : opened.mark;
        if (mark) checkMarkHub(hub, (await readMark(mark)).hub);
        else result.damaged.push(`${iso(segment.header.slot)}: cut short before the hub could sign it; what there is was kept`);
        listed.push({ slot: segment.header.slot, mark: mark && b64(mark), init: opened.initHash, from: opened.index, count: opened.parts.length });
        await put(concat(...opened.parts.map((p) => fromZero(p, zero, scales))));
        o.progress(Math.min(1, Math.max(0, (reached - o.from) / (o.to - o.from))));
    }
    if (!init) throw new CardeaError("not_found", "nothing is recorded between these times");
    if ((o.to - reached) * 1e6 > GAP_US && !result.rest) result.gaps.push([Math.round(reached * 1e6), Math.round(o.to * 1e6)]);
    if (!hub) throw new CardeaError("forged", "the camera's hub is not this household's");
    const statement = {
        v: 1, camera: o.camera, hub: b64(hub.certificate), household: b64(access.signer), zero: Number(zero),
        segments: listed, gaps: result.gaps,
    };
    await put(box("uuid", utf8("cardea/1 export!"), utf8(JSON.stringify(statement))));
    result.seconds = reached - first;
    return result;
}

async function openOrName(recordings: Recordings, o: ExportOptions, ref: SegmentRef, result: ExportResult): Promise<Segment | null> {
    try {
        const segment = await recordings.open(o.camera, ref, o.signal);
        if (segment.problem && segment.problem.word !== "cut_short")
            result.damaged.push(`${iso(ref.slot)}: ${segment.problem.message}`);
        return segment;
    } catch (e) {
        if (o.signal.aborted) throw new CardeaError("aborted", "the export was cancelled");
        if (e instanceof CardeaError && e.word === "offline") throw e;
        result.damaged.push(`${iso(ref.slot)}: ${messageOf(e)}`);
        return null;
    }
}

interface Selected {
    init: Bytes;
    initHash: string;
    parts: Bytes[];
    index: number; /* of the first part among the mark's hashes */
    earliest: number; /* s, of any track */
    from: number; /* s */
    to: number;
    last: number; /* the last picture's time */
    mark: Bytes | null;
}

/* The fragments of a segment that begin before `to`. A segment starts at a key frame, so its start is always kept. */
function select(segment: Segment, to: number): Selected | null {
    const init = segment.records[0];
    if (!init || init.kind !== Kind.init) return null;
    const byId = new Map(tracks(init.data).map((t) => [t.id, t]));
    const out: Selected = { init: init.data, initHash: b64(sha256(concat(new Uint8Array([Kind.init]), init.data))), parts: [], index: 1, earliest: Infinity, from: Infinity, to: 0, last: 0, mark: null };
    let hashed = 0;
    let past = false;
    for (const r of segment.records) {
        if (r.kind === Kind.mark) out.mark = r.data;
        if (r.kind !== Kind.init && r.kind !== Kind.fragment && r.kind !== Kind.picture) continue;
        const index = hashed++;
        if (r.kind !== Kind.fragment || past) continue;
        const f = readFragment(r.data);
        const track = byId.get(f.track);
        if (!track) continue;
        const begin = f.time / track.timescale;
        past = track.kind === "video" && begin >= to;
        if (past) continue;
        if (out.parts.length === 0) out.index = index;
        out.parts.push(r.data);
        out.earliest = Math.min(out.earliest, begin);
        if (track.kind !== "video") continue;
        out.from = Math.min(out.from, begin);
        out.last = Math.max(out.last, begin);
        out.to = Math.max(out.to, begin + f.duration / track.timescale);
    }
    return out;
}

/* A fragment whose time counts from the clip's zero. */
function fromZero(part: Uint8Array, zero: bigint, scales: Map<number, number>): Bytes {
    const copy = part.slice();
    shiftUs(copy, zero, scales);
    return copy;
}

const iso = (slot: number): string => new Date(slot * 1000).toISOString();

export const exportName = (camera: string, from: number): string => {
    const d = new Date(from * 1000);
    const two = (n: number): string => String(n).padStart(2, "0");
    const day = `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
    const safe = camera.replaceAll(/[^\p{L}\p{N}]+/gu, "-").replaceAll(/^-|-$/g, "") || "camera";
    return `${safe}-${day}-${two(d.getHours())}${two(d.getMinutes())}${two(d.getSeconds())}.mp4`;
};

