/* The little of ISO 14496-12 that playing and exporting need: what an init says, one track's init out of
 * several, a fragment's track, time and samples, and moving it in time. Fragments hold one track each. */
import { concat, own, readU32, u32, view, type Bytes } from "./bytes.ts";
import { invalid } from "./errors.ts";

export interface Box {
    type: string;
    at: number; /* of the box in the buffer it was read from */
    body: number;
    end: number;
}

export function* boxes(data: Uint8Array, from = 0, to = data.length): Generator<Box> {
    const v = view(data);
    for (let at = from; at < to; ) {
        if (at + 8 > to) throw invalid("mp4: a box ends too soon");
        let size = v.getUint32(at);
        let body = at + 8;
        if (size === 1) {
            if (at + 16 > to) throw invalid("mp4: a box ends too soon");
            size = Number(v.getBigUint64(at + 8));
            body = at + 16;
        } else if (size === 0) size = to - at;
        if (size < body - at || at + size > to) throw invalid("mp4: a box has a false size");
        yield { type: String.fromCharCode(...data.subarray(at + 4, at + 8)), at, body, end: at + size };
        at += size;
    }
}

export function find(data: Uint8Array, path: string, from = 0, to = data.length): Box | null {
    let box: Box = { type: "", at: from, body: from, end: to };
    for (const type of path.split("/")) {
        const next = [...boxes(data, box.body, box.end)].find((b) => b.type === type);
        if (!next) return null;
        box = next;
    }
    return box;
}

export interface Track {
    id: number;
    kind: "video" | "audio";
    timescale: number;
    codec: string; /* as MSE wants it */
    width: number;
    height: number;
}

export function tracks(init: Uint8Array): Track[] {
    const moov = find(init, "moov");
    if (!moov) throw invalid("init: no moov");
    const out: Track[] = [];
    for (const trak of boxes(init, moov.body, moov.end)) {
        if (trak.type !== "trak") continue;
        const inside = (path: string): Box => {
            const box = find(init, path, trak.body, trak.end);
            if (!box) throw invalid(`init: no ${path}`);
            return box;
        };
        const v = view(init);
        const tkhd = inside("tkhd");
        const mdhd = inside("mdia/mdhd");
        const hdlr = inside("mdia/hdlr");
        const handler = readU32(init, hdlr.body + 8);
        if (handler !== 0x76696465 && handler !== 0x736f756e) continue; /* vide, soun */
        const entry = [...boxes(init, inside("mdia/minf/stbl/stsd").body + 8, inside("mdia/minf/stbl/stsd").end)][0];
        if (!entry) throw invalid("init: no sample entry");
        const video = handler === 0x76696465;
        out.push({
            id: v.getUint32(tkhd.body + (init[tkhd.body] === 1 ? 20 : 12)),
            kind: video ? "video" : "audio",
            timescale: v.getUint32(mdhd.body + (init[mdhd.body] === 1 ? 20 : 12)),
            codec: video ? videoCodec(init, entry) : entry.type === "Opus" ? "opus" : "mp4a.40.2",
            width: video ? v.getUint16(entry.body + 24) : 0,
            height: video ? v.getUint16(entry.body + 26) : 0,
        });
    }
    return out;
}

function videoCodec(init: Uint8Array, entry: Box): string {
    const config = [...boxes(init, entry.body + 78, entry.end)].find((b) => b.type === "avcC" || b.type === "hvcC");
    if (!config) throw invalid(`init: ${entry.type} without its configuration`);
    const c = init.subarray(config.body, config.end);
    const byte = (n: number): string => n.toString(16).padStart(2, "0");
    if (config.type === "avcC") return `${entry.type}.${byte(c[1]!)}${byte(c[2]!)}${byte(c[3]!)}`;
    /* ISO 14496-15, annex E.3: profile, compatibility in reverse bit order, tier and level, constraints. */
    const space = ["", "A", "B", "C"][c[1]! >> 6]!;
    let reversed = 0;
    for (let i = 0, flags = readU32(c, 2); i < 32; i++) reversed = (reversed << 1) | ((flags >>> i) & 1);
    const constraints = [...c.subarray(6, 12)].map((b) => b.toString(16));
    while (constraints.length > 0 && constraints[constraints.length - 1] === "0") constraints.pop();
    const tier = c[1]! & 32 ? "H" : "L";
    const first = `${entry.type}.${space}${c[1]! & 31}.${(reversed >>> 0).toString(16)}.${tier}${c[12]}`;
    return [first, ...constraints].join(".");
}

export const mime = (t: Track): string => `${t.kind}/mp4; codecs="${t.codec}"`;
export const isHevc = (codec: string): boolean => /^(hvc1|hev1)/.test(codec);

/* A copy of the init with one track alone. */
export function trackInit(init: Uint8Array, id: number): Bytes {
    const ftyp = find(init, "ftyp");
    const moov = find(init, "moov");
    if (!ftyp || !moov) throw invalid("init: no ftyp or moov");
    const keep: Uint8Array[] = [];
    for (const b of boxes(init, moov.body, moov.end)) {
        const whole = init.subarray(b.at, b.end);
        if (b.type === "trak") {
            const tkhd = find(init, "tkhd", b.body, b.end);
            if (tkhd && readU32(init, tkhd.body + (init[tkhd.body] === 1 ? 20 : 12)) === id) keep.push(whole);
        } else if (b.type === "mvex") {
            const trex = [...boxes(init, b.body, b.end)].filter((x) => x.type === "trex" && readU32(init, x.body + 4) === id);
            keep.push(box("mvex", ...trex.map((x) => init.subarray(x.at, x.end))));
        } else keep.push(whole);
    }
    return concat(init.subarray(ftyp.at, ftyp.end), box("moov", ...keep));
}

export function box(type: string, ...parts: Uint8Array[]): Bytes {
    const size = 8 + parts.reduce((n, p) => n + p.length, 0);
    const name = new Uint8Array([...type].map((c) => c.charCodeAt(0)));
    return concat(u32(size), name, ...parts);
}

const SAMPLES_MAX = 65536;

/* Where things stand in a fragment's moof, found once. */
export interface Fragment {
    track: number;
    time: number; /* tfdt, in the track's time scale; fits 53 bits for some 3000 years */
    timeAt: number; /* where the 8 bytes of it stand */
    duration: number; /* of all samples */
    samples: number;
    composition: number; /* first sample's presentation minus its decoding time */
    durationAt: number; /* where the first sample's duration stands in a trun, or -1 */
    defaultDurationAt: number; /* where tfhd has its default duration, or -1 */
    sync: boolean; /* the first sample is a key frame, as far as the fragment says */
}

export function readFragment(data: Uint8Array, defaultDuration = 0): Fragment {
    const moof = [...boxes(data)].find((b) => b.type === "moof");
    const traf = moof && [...boxes(data, moof.body, moof.end)].find((b) => b.type === "traf");
    if (!traf) throw invalid("fragment: no traf");
    const v = view(data);
    const f: Fragment = {
        track: 0, time: 0, timeAt: -1, duration: 0, samples: 0, composition: 0, durationAt: -1, defaultDurationAt: -1, sync: true,
    };
    let each = defaultDuration;
    let defaultFlags = 0;
    for (const b of boxes(data, traf.body, traf.end)) {
        const flags = v.getUint32(b.body) & 0xffffff;
        if (b.type === "tfhd") {
            f.track = v.getUint32(b.body + 4);
            let at = b.body + 8 + (flags & 1 ? 8 : 0) + (flags & 2 ? 4 : 0);
            if (flags & 8) {
                f.defaultDurationAt = at;
                each = v.getUint32(at);
                at += 4;
            }
            if (flags & 16) at += 4;
            if (flags & 32) defaultFlags = v.getUint32(at);
        } else if (b.type === "tfdt") {
            const wide = data[b.body] === 1;
            f.timeAt = wide ? b.body + 4 : -1;
            f.time = wide ? Number(v.getBigUint64(b.body + 4)) : v.getUint32(b.body + 4);
        } else if (b.type === "trun") {
            const count = v.getUint32(b.body + 4);
            if (count > SAMPLES_MAX) throw invalid("fragment: too many samples");
            let at = b.body + 8 + (flags & 1 ? 4 : 0);
            let first = defaultFlags;
            if (flags & 4) {
                first = v.getUint32(at);
                at += 4;
            }
            for (let i = 0; i < count; i++) {
                if (flags & 0x100) {
                    if (f.samples === 0) f.durationAt = at;
                    f.duration += v.getUint32(at);
                    at += 4;
                } else f.duration += each;
                if (flags & 0x200) at += 4;
                if (flags & 0x400) {
                    if (f.samples === 0) first = v.getUint32(at);
                    at += 4;
                }
                if (flags & 0x800) {
                    if (f.samples === 0) f.composition = v.getInt32(at);
                    at += 4;
                }
                f.samples++;
            }
            f.sync = (first & 0x10000) === 0;
        }
    }
    return f;
}

/* Moves every fragment of `data` back by `seconds` (a whole number), in place. `scales` is by track id. */
export function shift(data: Uint8Array, seconds: number, scales: Map<number, number>): void {
    shiftUs(data, BigInt(seconds) * 1_000_000n, scales);
}

/* The same by microseconds, which round down in a track's time scale. */
export function shiftUs(data: Uint8Array, us: bigint, scales: Map<number, number>): void {
    const v = view(data);
    for (const b of boxes(data)) {
        if (b.type !== "moof") continue;
        const f = readFragment(data.subarray(b.at, b.end));
        const scale = scales.get(f.track);
        if (f.timeAt < 0 || !scale) continue;
        v.setBigUint64(b.at + f.timeAt, v.getBigUint64(b.at + f.timeAt) - (us * BigInt(scale)) / 1_000_000n);
    }
}

/* A copy of a one-frame fragment that is shown for `duration` and without reordering. */
export function stretch(data: Uint8Array, f: Fragment, duration: number): Bytes {
    const out = own(data);
    const at = f.durationAt >= 0 ? f.durationAt : f.defaultDurationAt;
    if (at >= 0) view(out).setUint32(at, duration);
    return out;
}
