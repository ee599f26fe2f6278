/* Live fragments into a Sink, kept near the edge: for a tile of the wall, and for a camera that is watched live. */
import { shift, type Track } from "../shared/mp4.ts";
import type { LivePart } from "../shared/watch.ts";
import { cannotPlay, playable, Sink } from "./sink.ts";
import { now } from "./backend.ts";

/* How far behind the newest picture we stay, so that an uneven network does not show as stutter. */
const AHEAD_S = 0.15;
const HURRY_S = 0.7;
const JUMP_S = 1.6;

export type FeedState = { kind: "waiting" } | { kind: "playing" } | { kind: "unsupported"; track: Track; message: string } | { kind: "damaged"; message: string; word?: string };

/* Far enough back that all of the buffer has a positive time. */
export const baseFor = (time: number): number => Math.floor(time / 86400) * 86400 - 60 * 86400;

export class Feed {
    sink: Sink | null = null;
    following = true;
    frames: number[] = []; /* presentation times, s */
    private scales = new Map<number, number>();
    private pending = { video: [] as Uint8Array[], audio: [] as Uint8Array[] };
    private busy = { video: false, audio: false };
    private ready = false;
    private waitKey = true;
    private late = false; /* what is on the screen is not live any more */
    private timer: ReturnType<typeof setInterval>;
    private latency = 0; /* of the picture that is shown, as it was shown, ms */
    private stopFrames: () => void;

    constructor(
        private readonly video: HTMLVideoElement,
        private readonly sound: boolean,
        private readonly onState: (s: FeedState) => void,
    ) {
        this.timer = setInterval(() => this.keepUp(), 250);
        this.stopFrames = eachFrame(video, (t) => {
            if (this.sink) this.latency = Math.max(0, (now() - t - this.sink.base) * 1000);
        });
    }

    close(): void {
        clearInterval(this.timer);
        this.stopFrames();
        this.sink?.close();
        this.sink = null;
    }

    part(p: LivePart): void {
        if (p.kind === "restart") this.waitKey = true;
        else if (p.kind === "damaged") {
            this.waitKey = true;
            this.late = p.word === "late";
            this.onState({ kind: "damaged", message: p.message, word: p.word });
        } else if (p.kind === "init") void this.init(p);
        else this.fragment(p);
    }

    private async init(p: Extract<LivePart, { kind: "init" }>): Promise<void> {
        const video = p.tracks.find((t) => t.kind === "video");
        if (!video || !p.video) return;
        if (!playable(video)) return this.onState({ kind: "unsupported", track: video, message: cannotPlay(video) });
        this.sink ??= new Sink(this.video, baseFor(now()));
        this.scales = new Map(p.tracks.map((t) => [t.id, t.timescale]));
        const inits = [{ track: video, data: p.video as Uint8Array }];
        const audio = p.tracks.find((t) => t.kind === "audio");
        if (this.sound && audio && p.audio && playable(audio)) inits.push({ track: audio, data: p.audio });
        await this.sink.init(inits);
        this.ready = true;
        this.flush("video");
        this.flush("audio");
    }

    private fragment(p: Extract<LivePart, { kind: "fragment" }>): void {
        this.late = false;
        if (p.track === "video") {
            if (this.waitKey && !p.sync) return;
            this.waitKey = false;
            this.frames.push(p.time);
            if (this.frames.length > 8000) this.frames.splice(0, 4000);
        } else if (!this.sound) return;
        const sink = this.sink;
        if (sink) shift(p.data, sink.base, this.scales);
        else return; /* before the first init there is nothing to show */
        this.pending[p.track].push(p.data);
        this.flush(p.track);
    }

    private flush(kind: "video" | "audio"): void {
        if (!this.ready || this.busy[kind] || this.pending[kind].length === 0 || !this.sink) return;
        const parts = this.pending[kind].splice(0);
        this.busy[kind] = true;
        const all = parts.length === 1 ? parts[0]! : join(parts);
        this.sink.append(kind, all)
            .then(() => kind === "video" && this.keepUp())
            .catch(() => this.onState({ kind: "damaged", message: "the browser could not read the live picture" }))
            .finally(() => {
                this.busy[kind] = false;
                this.flush(kind);
            });
    }

    private keepUp(): void {
        const { sink, video } = this;
        const end = sink?.end;
        if (!sink || end == null || !this.following) return;
        const behind = end - sink.time;
        const outside = sink.range(sink.time) === null;
        if (outside || behind > JUMP_S || behind < -0.5) sink.time = Math.max(sink.start ?? 0, end - AHEAD_S);
        video.playbackRate = behind > HURRY_S ? 1.2 : behind > 2 * AHEAD_S ? 1.06 : 1;
        if (video.paused) void video.play().catch(() => undefined);
        if (video.readyState >= 2 && !this.late) this.onState({ kind: "playing" });
        sink.trim();
    }

    /* From the camera's clock to the screen, ms; null while nothing is shown. */
    get latencyMs(): number | null {
        return this.latency > 0 && this.following ? this.latency : null;
    }
}

function join(parts: Uint8Array[]): Uint8Array {
    const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
    let at = 0;
    for (const p of parts) {
        out.set(p, at);
        at += p.length;
    }
    return out;
}

/* Calls back with the media time of each picture as it is shown. */
export function eachFrame(video: HTMLVideoElement, fn: (mediaTime: number) => void): () => void {
    let stopped = false;
    if (!("requestVideoFrameCallback" in video)) {
        const timer = setInterval(() => fn((video as HTMLVideoElement).currentTime), 100);
        return () => clearInterval(timer);
    }
    const next = (_: number, frame: VideoFrameCallbackMetadata): void => {
        if (stopped) return;
        fn(frame.mediaTime);
        video.requestVideoFrameCallback(next);
    };
    video.requestVideoFrameCallback(next);
    return () => (stopped = true);
}
