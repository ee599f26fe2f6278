/* What is recorded, and its opened bytes: the timeline's index by day and hour, segments and pictures. */
import { unb64, type Bytes } from "./bytes.ts";
import type { Api } from "./api.ts";
import { CardeaError, messageOf, wordOf } from "./errors.ts";
import { concat } from "./bytes.ts";
import { readFragment, shift, stretch, trackInit, tracks, type Fragment, type Track } from "./mp4.ts";
import { decodeHeader, decodeTable, Kind, readSegment, type ReelEntry, type Segment } from "./segment.ts";
import type { TimeKeys } from "./timekey.ts";

const HOUR = 3600;
const DAY = 86400;
/* How long a stretch of the index is taken for true: the present grows about as often as a segment is made, the past only
 * when a hub catches up; a reel that is still arriving grows wherever it is. */
const FRESH_MS = 2000;
const SETTLED_MS = 300_000;
const REEL_ARRIVING = 128; /* of a row's flags */
const SETTLED_SLOTS = 300;

export interface SegmentRef extends ReelEntry {
    reel: string;
    epoch: number;
}

export interface Span {
    from: number; /* slots */
    to: number;
    damaged?: string;
}

type Row = [string, number, number, number, number, number, number, string?];

interface Loaded<T> {
    items: T[];
    arriving: boolean; /* one of its reels is: it will be longer */
}

interface Chunk<T> {
    items: Promise<T[]>;
    until: number;
}

export interface Problem {
    word: string;
    message: string;
    from: number; /* s */
    to: number;
    segment: string;
}

export interface Media {
    base: number; /* what was taken off the fragments' times, s */
    from: number; /* s, of the segment's first slot */
    to: number; /* s, end of its last sample */
    tracks: Track[];
    init: { video: Bytes | null; audio: Bytes | null };
    video: Bytes;
    audio: Bytes;
    frames: number[]; /* presentation times of the video, s */
    problem: Problem | null;
}

/* The keys of a stream's epoch. */
export type KeysOf = (camera: string, epoch: number) => Promise<TimeKeys>;

const arriving = (row: Row): boolean => (row[6] & REEL_ARRIVING) !== 0;

export class Recordings {
    private hours = new Map<string, Chunk<SegmentRef>>();
    private days = new Map<string, Chunk<Span>>();
    private pictures = new Map<string, Promise<Blob | null>>();

    constructor(
        private readonly api: Api,
        private readonly keysOf: KeysOf,
        private readonly nowSlot: () => number,
        private readonly since = 0, /* a segment that begins before it does not open, since its beginning does not */
    ) {}

    forget(): void {
        this.hours.clear();
        this.days.clear();
        this.pictures.clear();
    }

    private cached<T>(map: Map<string, Chunk<T>>, key: string, end: number, load: () => Promise<Loaded<T>>): Promise<T[]> {
        const hit = map.get(key);
        if (hit && Date.now() < hit.until) return hit.items;
        const settled = end + SETTLED_SLOTS < this.nowSlot();
        const loaded = load();
        const chunk = { items: loaded.then((l) => l.items), until: Date.now() + (settled ? SETTLED_MS : FRESH_MS) };
        map.set(key, chunk);
        void loaded.then(
            (l) => l.arriving && (chunk.until = Math.min(chunk.until, Date.now() + FRESH_MS)),
            () => undefined,
        );
        chunk.items.catch(() => map.delete(key));
        if (map.size > 400) map.delete(map.keys().next().value!);
        return chunk.items;
    }

    private async rows(camera: string, from: number, to: number, detail: "reels" | "segments"): Promise<Row[]> {
        const out: Row[] = [];
        for (let at = from; at < to; ) {
            const path = `/v1/timeline?camera=${camera}&from=${at}&to=${to}&detail=${detail}`;
            const answer = await this.api.get<{ reels: Row[]; more_from?: number }>(path);
            out.push(...answer.reels);
            if (answer.more_from === undefined || answer.more_from <= at) break;
            at = answer.more_from;
        }
        return out;
    }

    /* Spans of what is there between two slots, from the rows of whole days. */
    async spans(camera: string, from: number, to: number): Promise<Span[]> {
        const days: Promise<Span[]>[] = [];
        for (let day = Math.floor(from / DAY); day * DAY < to; day++)
            days.push(
                this.cached(this.days, `${camera}/${day}`, (day + 1) * DAY, async () => {
                    const rows = await this.rows(camera, day * DAY, (day + 1) * DAY, "reels");
                    return { items: rows.map((r) => ({ from: r[2], to: r[3] })), arriving: rows.some(arriving) };
                }),
            );
        const out: Span[] = [];
        for (const s of (await Promise.all(days)).flat().sort((a, b) => a.from - b.from)) {
            const last = out[out.length - 1];
            if (last && s.from <= last.to + 1) last.to = Math.max(last.to, s.to);
            else out.push({ ...s });
        }
        return out;
    }

    /* The segments that begin within an hour. */
    private hour(camera: string, hour: number): Promise<SegmentRef[]> {
        return this.cached(this.hours, `${camera}/${hour}`, (hour + 1) * HOUR, async () => {
            const rows = await this.rows(camera, hour * HOUR, (hour + 1) * HOUR, "segments");
            const refs = rows.flatMap(([reel, epoch, , , , , , table]) =>
                decodeTable(unb64(table!)).map((e) => ({ ...e, reel, epoch })),
            );
            const items = refs
                .filter((e) => Math.floor(e.slot / HOUR) === hour && e.slot >= this.since)
                .sort((a, b) => a.slot - b.slot || a.offset - b.offset);
            return { items, arriving: rows.some(arriving) };
        });
    }

    /* The segment that holds `time` (s), else the next one after it within `ahead` hours of days that have any. */
    async at(camera: string, time: number): Promise<SegmentRef | null> {
        const hour = Math.floor(time / HOUR);
        const slot = Math.floor(time);
        const before = (await this.hour(camera, hour)).filter((e) => e.slot <= slot);
        const last = before[before.length - 1] ?? (await this.hour(camera, hour - 1)).at(-1);
        if (last && slot < last.slot + last.seconds) return last;
        return this.after(camera, slot);
    }

    /* The first segment whose slot is after `slot`. */
    async after(camera: string, slot: number): Promise<SegmentRef | null> {
        const now = this.nowSlot();
        for (let hour = Math.floor(slot / HOUR); hour * HOUR <= now; ) {
            const found = (await this.hour(camera, hour)).find((e) => e.slot > slot);
            if (found) return found;
            const next = await this.nextRecorded(camera, (hour + 1) * HOUR);
            if (next === null) return null;
            hour = Math.max(hour + 1, Math.floor(next / HOUR));
        }
        return null;
    }

    private async nextRecorded(camera: string, from: number): Promise<number | null> {
        for (let at = from; at < this.nowSlot() + DAY; at = (Math.floor(at / DAY) + 1) * DAY) {
            const spans = await this.spans(camera, at, at + 1);
            const span = spans.find((s) => s.to > at);
            if (span) return Math.max(span.from, at);
        }
        return null;
    }

    /* The next segment after this one, which may begin in the same slot. */
    async next(camera: string, ref: SegmentRef): Promise<SegmentRef | null> {
        const hour = await this.hour(camera, Math.floor(ref.slot / HOUR));
        const i = hour.findIndex((e) => e.reel === ref.reel && e.offset === ref.offset);
        if (i >= 0 && hour[i + 1]) return hour[i + 1]!;
        return this.after(camera, ref.slot);
    }

    async previous(camera: string, ref: SegmentRef): Promise<SegmentRef | null> {
        const hour = Math.floor(ref.slot / HOUR);
        const refs = [...(await this.hour(camera, hour - 1)), ...(await this.hour(camera, hour))];
        const i = refs.findIndex((e) => e.reel === ref.reel && e.offset === ref.offset);
        return i > 0 ? refs[i - 1]! : null;
    }

    async open(camera: string, ref: SegmentRef, signal?: AbortSignal): Promise<Segment> {
        const [raw, keys] = await Promise.all([
            this.api.range(`/v1/reels/${ref.reel}`, ref.offset, ref.length, signal),
            this.keysOf(camera, ref.epoch),
        ]);
        this.check(raw, camera, ref);
        return readSegment(raw, keys);
    }

    /* What opens is the household's; that it is what was asked for its header says, which each record is sealed under. */
    private check(raw: Bytes, camera: string, ref: SegmentRef): void {
        const header = decodeHeader(raw);
        if (header.camera !== camera || header.epoch !== ref.epoch || header.slot !== ref.slot)
            throw new CardeaError("forged", "the vault answered with a segment of another camera or time");
    }

    /* A segment made ready to play; `keyFrames` keeps its first picture alone, shown until `until` (s). */
    async media(camera: string, ref: SegmentRef, o: { base: number; until?: number; signal?: AbortSignal }): Promise<Media> {
        const name = `${ref.reel.slice(0, 8)}+${ref.offset}`;
        const whole = { from: ref.slot, to: ref.slot + ref.seconds };
        const out: Media = {
            base: o.base, from: ref.slot, to: ref.slot, tracks: [], init: { video: null, audio: null },
            video: new Uint8Array(0), audio: new Uint8Array(0), frames: [], problem: null,
        };
        let segment: Segment;
        try {
            segment = await this.open(camera, ref, o.signal);
        } catch (e) {
            if (["aborted", "offline", "denied"].includes(wordOf(e))) throw e;
            out.problem = { word: wordOf(e), message: messageOf(e), segment: name, ...whole };
            out.to = whole.to;
            return out;
        }
        this.collect(segment, out, o);
        if (segment.problem) {
            const from = Math.max(ref.slot, out.to);
            out.problem = { word: segment.problem.word, message: segment.problem.message, segment: name, from, to: Math.max(from, whole.to) };
        }
        return out;
    }

    private collect(segment: Segment, out: Media, o: { base: number; until?: number }): void {
        const init = segment.records.find((r) => r.kind === Kind.init);
        if (!init) return;
        out.tracks = tracks(init.data);
        const byId = new Map(out.tracks.map((t) => [t.id, t]));
        const scales = new Map(out.tracks.map((t) => [t.id, t.timescale]));
        for (const t of out.tracks) out.init[t.kind] ??= trackInit(init.data, t.id);
        const parts: { video: Bytes[]; audio: Bytes[] } = { video: [], audio: [] };
        for (const r of segment.records) {
            if (r.kind !== Kind.fragment) continue;
            const f: Fragment = readFragment(r.data);
            const track = byId.get(f.track);
            if (!track) continue;
            const begin = f.time / track.timescale;
            if (track.kind === "video") {
                out.frames.push((f.time + f.composition) / track.timescale);
                out.to = Math.max(out.to, begin + f.duration / track.timescale);
            }
            if (o.until === undefined) parts[track.kind].push(r.data);
            else if (track.kind === "video" && parts.video.length === 0)
                parts.video.push(stretch(r.data, f, Math.round(Math.max(0.02, o.until - begin) * track.timescale)));
        }
        out.video = concat(...parts.video);
        out.audio = concat(...parts.audio);
        shift(out.video, o.base, scales);
        shift(out.audio, o.base, scales);
    }

    /* The picture nearest before `time` (or the first after it in the hour), with its slot. */
    async picture(camera: string, time: number): Promise<{ slot: number; blob: Blob } | null> {
        const hour = Math.floor(time / HOUR);
        const refs = [...(await this.hour(camera, hour - 1)), ...(await this.hour(camera, hour))].filter((e) => e.picture);
        let best: SegmentRef | undefined;
        for (const e of refs) if (!best || Math.abs(e.slot - time) < Math.abs(best.slot - time)) best = e;
        if (!best || Math.abs(best.slot - time) > 30) return null;
        const ref = best;
        const key = `${ref.reel}/${ref.offset}`;
        let blob = this.pictures.get(key);
        if (!blob) {
            blob = this.readPicture(camera, ref);
            this.pictures.set(key, blob);
            blob.catch(() => this.pictures.delete(key));
            if (this.pictures.size > 600) this.pictures.delete(this.pictures.keys().next().value!);
        }
        const found = await blob;
        return found && { slot: ref.slot, blob: found };
    }

    private async readPicture(camera: string, ref: SegmentRef): Promise<Blob | null> {
        const [raw, keys] = await Promise.all([
            this.api.range(`/v1/reels/${ref.reel}`, ref.offset, ref.headLength),
            this.keysOf(camera, ref.epoch),
        ]);
        /* The head alone is by nature cut short; what it holds is verified like any record. */
        this.check(raw, camera, ref);
        const { records } = await readSegment(raw, keys);
        const picture = records.find((r) => r.kind === Kind.picture);
        return picture ? new Blob([picture.data], { type: "image/jpeg" }) : null;
    }
}

