/* A live connection for one or several cameras: opens records as they come and hands fragments on. Reconnects until stopped. */
import type { Access } from "./access.ts";
import { CardeaError, messageOf, wordOf } from "./errors.ts";
import type { Api } from "./api.ts";
import type { Bytes } from "./bytes.ts";
import { Message, readLive, readNotice, type LiveMessage, type Notice } from "./live.ts";
import { readFragment, trackInit, tracks, type Track } from "./mp4.ts";
import { decodeHeader, Kind, readFrame, SegmentReader } from "./segment.ts";

export type LivePart =
    | { kind: "init"; tracks: Track[]; video: Bytes | null; audio: Bytes | null }
    | { kind: "fragment"; track: "video" | "audio"; data: Bytes; time: number; duration: number; sync: boolean }
    | { kind: "damaged"; message: string; word: string }
    | { kind: "restart" };

/* `ended`: what gave access holds no longer, and trying again would not help. */
export type LiveState = "connecting" | "open" | "lost" | "ended";

export interface WatchEvents {
    part(camera: string, part: LivePart): void;
    notice(camera: string | null, notice: Notice): void;
    state(state: LiveState, message: string): void;
}

/* How far behind this device's clock a live segment may begin: 60 s by which a vault still takes one for live, 64 s that a segment
 * may last, and the rest for clocks that differ. By the device's clock alone: the vault's word for the time is what it would lie about. */
export const LIVE_BEHIND_MAX_S = 300;

/* Beats come every 10 s; two missed ones mean a dead connection. */
const SILENCE_MS = 25_000;

class Stream {
    private reader: SegmentReader | null = null;
    private tracks = new Map<number, Track>();
    private queue: Promise<void> = Promise.resolve();
    private broken = false;

    constructor(
        readonly camera: string,
        private readonly access: Access,
        private readonly emit: (part: LivePart) => void,
        private readonly late: { said: boolean },
    ) {}

    push(m: LiveMessage): void {
        this.queue = this.queue.then(async () => {
            try {
                if (m.type === Message.header) await this.begin(m.payload);
                else if (this.reader && !this.broken) await this.record(m.payload);
            } catch (e) {
                if (!this.broken) this.emit({ kind: "damaged", message: messageOf(e), word: e instanceof CardeaError ? e.word : "internal" });
                this.broken = true;
            }
        });
    }

    private async begin(raw: Bytes): Promise<void> {
        this.reader = null;
        this.broken = false;
        const header = decodeHeader(raw);
        if (header.camera !== this.camera) throw new CardeaError("forged", "the vault sent another camera's picture");
        const behind = Date.now() / 1000 - header.slot;
        if (behind > LIVE_BEHIND_MAX_S) return this.refuse(behind);
        this.late.said = false;
        this.reader = new SegmentReader(header, await this.access.timeKeys(this.camera, header.epoch));
    }

    /* A vault can send any segment it has ever had: this one is whole, but it is not live. Said once, until what comes is live again. */
    private refuse(behind: number): void {
        if (!this.late.said) this.emit({ kind: "damaged", word: "late", message: lateWords(behind) });
        this.late.said = true;
    }

    private async record(raw: Bytes): Promise<void> {
        const frame = readFrame(raw, this.reader!.previousSecond);
        if (!frame || frame.bytes !== raw.length) throw new CardeaError("forged", "a live record is damaged");
        const { kind, data } = await this.reader!.open(frame);
        if (kind === Kind.init) {
            const all = tracks(data);
            this.tracks = new Map(all.map((t) => [t.id, t]));
            const of = (k: string): Bytes | null => {
                const t = all.find((x) => x.kind === k);
                return t ? trackInit(data, t.id) : null;
            };
            this.emit({ kind: "init", tracks: all, video: of("video"), audio: of("audio") });
        } else if (kind === Kind.fragment) {
            const f = readFragment(data);
            const track = this.tracks.get(f.track);
            if (!track) return;
            const own = data.slice() as Bytes;
            this.emit({
                kind: "fragment", track: track.kind, data: own, sync: f.sync,
                time: (f.time + f.composition) / track.timescale, duration: f.duration / track.timescale,
            });
        }
    }
}

function lateWords(behind: number): string {
    const minutes = Math.floor(behind / 60), hours = Math.floor(minutes / 60);
    const age = hours ? `${hours} h ${minutes % 60} min` : `${minutes} min`;
    return `What the vault sends as live is ${age} old and is not shown: the vault holds it back or repeats it, or this device's clock or the hub's is wrong`;
}

export async function watch(api: Api, access: Access, cameras: string[], events: WatchEvents, signal: AbortSignal): Promise<void> {
    const late = cameras.map(() => ({ said: false })); /* outlives a connection */
    for (let wait = 500; !signal.aborted; wait = Math.min(wait * 2, 15_000)) {
        events.state("connecting", "");
        try {
            const response = await api.fetch("GET", `/v1/live?cameras=${cameras.join(",")}`, { signal });
            const streams = cameras.map((c, i) => new Stream(c, access, (part) => events.part(c, part), late[i]!));
            events.state("open", "");
            streams.forEach((s) => events.part(s.camera, { kind: "restart" }));
            await readLive(response, SILENCE_MS, (m) => {
                wait = 500;
                const stream = streams[m.camera];
                if (m.type === Message.notice) events.notice(stream?.camera ?? null, readNotice(m.payload));
                else if (m.type === Message.header || m.type === Message.record) stream?.push(m);
            });
            if (!signal.aborted) events.state("lost", "the vault closed the live connection");
        } catch (e) {
            if (signal.aborted) return;
            if (wordOf(e) === "denied") return events.state("ended", messageOf(e));
            events.state("lost", messageOf(e));
        }
        await pause(wait, signal);
    }
}

export function pause(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
        const timer = setTimeout(resolve, ms);
        signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
    });
}
