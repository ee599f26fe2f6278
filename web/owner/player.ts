/* Plays one camera, live and back in time, in one <video>. Live fragments and recorded segments carry absolute times and so
 * share one buffer: going back a few seconds from live needs no request. */
import { signal } from "@preact/signals";
import type { ClientEvent } from "../shared/views.ts";
import { CardeaError, messageOf, wordOf } from "../shared/errors.ts";
import { refusalOf } from "../shared/refusal.ts";
import type { Track } from "../shared/mp4.ts";
import type { Media, SegmentRef } from "../shared/recordings.ts";
import { baseFor, eachFrame, Feed } from "./feed.ts";
import { duration, whenTime } from "./format.ts";
import { cannotPlay, playable, Sink } from "./sink.ts";
import { backend, listen, now } from "./backend.ts";

export const SPEEDS = [0.25, 0.5, 1, 2, 4, 8, 16];
/* From this speed on, key frames alone are fetched from their segments and shown. */
const KEY_FRAMES_FROM = 8;
const AHEAD_S = 12;
/* Cameras send a key frame at least this often. */
const KEY_FRAME_S = 12;
/* A jump shorter than this is a segment's border, not a gap. */
const GAP_S = 1.2;
/* The vault lists a segment once it is whole; until then only live viewers have it. */
const UNLISTED_S = 20;

export interface PlayerNotice {
    kind: "info" | "warn" | "bad";
    text: string;
    detail?: string;
}

/* What of a camera is played: its stream, and a smaller one for browsers that cannot play the first. */
export interface Playable {
    id: string;
    sub: { id: string } | null;
}

/* What somebody may see of it, s. */
export interface Limits {
    from: number;
    to: number;
    live: boolean;
}
const ALL: Limits = { from: 0, to: Infinity, live: true };

export class Player {
    readonly mode = signal<"live" | "behind" | "recorded">("live");
    readonly time = signal(now());
    readonly playing = signal(true);
    readonly rate = signal(1);
    readonly sound = signal(false);
    readonly hasSound = signal(false);
    readonly loading = signal(true);
    readonly latencyMs = signal<number | null>(null);
    readonly notice = signal<PlayerNotice | null>(null);
    readonly stopped = signal<PlayerNotice | null>(null); /* instead of a picture */
    readonly stream = signal<string>("");
    readonly size = signal("");
    readonly seekMs = signal<number | null>(null); /* the last click's way to its picture */

    private feed: Feed | null = null;
    private sink: Sink | null = null;
    private watchId = 0;
    private generation = 0;
    private cursor: SegmentRef | null = null;
    private pumping = false;
    private atEnd = false;
    private frames: number[] = [];
    private problems: { from: number; to: number; text: string }[] = [];
    private timer: ReturnType<typeof setInterval>;
    private stops: (() => void)[] = [];
    private frameLength = 1 / 25;
    private fellBack = false;
    private seekFrom = 0;
    private noticeTimer: ReturnType<typeof setTimeout> | undefined;

    constructor(
        readonly video: HTMLVideoElement,
        readonly camera: Playable,
        private readonly limits: Limits = ALL,
    ) {
        this.stream.value = camera.id;
        video.muted = true;
        this.timer = setInterval(() => this.tick(), 100);
        this.stops.push(listen((e) => this.event(e)));
        this.stops.push(eachFrame(video, (t) => this.shown(t)));
    }

    close(): void {
        this.generation++;
        clearInterval(this.timer);
        this.stops.forEach((s) => s());
        this.stopLive();
        this.sink?.close();
        this.feed?.close();
    }

    /* ---- live ---- */

    get mayLive(): boolean {
        return this.limits.live && now() < this.limits.to;
    }

    live(): void {
        if (!this.mayLive) return;
        const behind = this.feed && this.mode.value === "behind";
        this.generation++;
        this.mode.value = "live";
        this.playing.value = true;
        this.setSpeed(1);
        this.notice.value = null;
        if (behind && this.feed) {
            this.feed.following = true;
            return;
        }
        this.startLive();
    }

    /* What was fetched goes too: nothing of it can be shown again. */
    private dropPicture(): void {
        this.cursor = null;
        this.stopLive();
        this.sink?.close();
        this.feed?.close();
        this.sink = this.feed = null;
    }

    private startLive(): void {
        this.dropPicture();
        this.loading.value = true;
        this.stopped.value = null;
        this.frames = [];
        const feed = new Feed(this.video, this.sound.value, (s) => {
            if (this.feed !== feed) return;
            if (s.kind === "playing") this.loading.value = false;
            else if (s.kind === "unsupported") this.unsupported(s.track, () => this.startLive());
            else if (s.kind === "damaged") this.tell("bad", s.word === "late" ? "This is not live" : "A piece of the live picture could not be opened", s.message);
        });
        this.feed = feed;
        const generation = this.generation;
        void backend.watch([this.stream.value]).then((id) => {
            if (generation !== this.generation || this.feed !== feed) void backend.stop(id);
            else this.watchId = id;
        });
    }

    private stopLive(): void {
        if (this.watchId) void backend.stop(this.watchId);
        this.watchId = 0;
    }

    private event(e: ClientEvent): void {
        if (!("watch" in e) || e.watch !== this.watchId || !this.watchId) return;
        if (e.type === "live") {
            if (e.part.kind === "init") {
                this.hasSound.value = e.part.tracks.some((t) => t.kind === "audio");
                this.describe(e.part.tracks);
            }
            this.feed?.part(e.part);
        } else if (e.type === "notice" && e.notice.kind === "skipped") this.tell("warn", "Your connection is too slow for all of it: some pictures were left out");
        else if (e.type === "notice" && e.notice.kind === "offline") this.tell("warn", "The camera's stream has stopped. It goes on when the camera is back");
        else if (e.type === "live-state" && e.state === "ended") this.ended(e.message);
        else if (e.type === "live-state" && e.state === "lost") this.tell("warn", "The live connection broke; trying again", e.message);
    }

    private ended(message: string): void {
        this.loading.value = false;
        this.playing.value = false;
        this.notice.value = null;
        this.generation++;
        this.dropPicture();
        const why = refusalOf(new CardeaError("denied", message));
        this.stopped.value = { kind: "warn", text: why.title, detail: why.text };
    }

    private describe(all: Track[]): void {
        const v = all.find((t) => t.kind === "video");
        if (v) this.size.value = `${v.width}×${v.height}`;
    }

    /* H.265 where the browser has none of it: the substream, if its codec plays; else say what to change. */
    private unsupported(track: Track, again: () => void): void {
        const sub = this.camera.sub;
        if (sub && !this.fellBack) {
            this.fellBack = true;
            this.stream.value = sub.id;
            this.tell("info", `${cannotPlay(track)}: showing the camera's smaller stream instead`);
            again();
            return;
        }
        this.loading.value = false;
        this.stopped.value = {
            kind: "warn",
            text: cannotPlay(track),
            detail: sub
                ? "Its substream does not play here either. Set the camera's substream (or its main stream) to H.264 in the camera's own settings, or use a browser that plays H.265. What is recorded is complete: exports hold it as it is."
                : "Set the camera's video to H.264 in the camera's own settings, or give Cardea the address of a substream in H.264, or use a browser that plays H.265. What is recorded is complete: exports hold it as it is.",
        };
    }

    /* ---- back in time ---- */

    async seek(time: number, play = this.playing.value): Promise<void> {
        this.seekFrom = performance.now();
        this.seekMs.value = null;
        const target = Math.max(this.limits.from, Math.min(time, now(), this.limits.to - 0.05));
        this.time.value = target;
        /* Not while an earlier jump is under way: its answer would undo this one. */
        if (!this.loading.value && this.bufferHas(target)) return this.within(target, play);
        if (this.mayLive && this.mode.value !== "recorded" && target > now() - 2) return this.live();
        const generation = ++this.generation;
        const current = (): boolean => generation === this.generation;
        this.cursor = null; /* what reads ahead stops, until begin() says from where */
        this.stopLive();
        this.mode.value = "recorded";
        this.loading.value = true;
        this.stopped.value = null;
        this.playing.value = play;
        this.video.pause();
        /* The picture stays while what is to come is fetched. */
        void this.sink?.clear();
        try {
            const ref = await backend.segmentAt(this.stream.value, target);
            if (!current()) return;
            if (!ref) return this.nothingAfter(target);
            const media = await this.firstMedia(ref, target);
            if (current()) await this.begin(media.ref, media.media, target, play, current);
        } catch (e) {
            if (current()) this.failed(e, () => void this.seek(time, play));
        }
    }

    private bufferHas(t: number): boolean {
        const sink = this.sink ?? this.feed?.sink;
        const r = sink && !sink.closed ? sink.range(t) : null;
        return r !== null && t < r.to - 0.05 && !(this.keyFramesOnly && this.mode.value !== "recorded");
    }

    private within(target: number, play: boolean): void {
        const sink = (this.sink ?? this.feed?.sink)!;
        if (this.feed && this.mode.value !== "recorded") {
            this.feed.following = false;
            this.mode.value = "behind";
        }
        sink.time = target;
        this.playing.value = play;
        if (play) void this.video.play().catch(() => undefined);
        else this.video.pause();
    }

    private async firstMedia(ref: SegmentRef, target: number): Promise<{ ref: SegmentRef; media: Media }> {
        const media = await this.read(ref);
        /* Two segments can begin in one second: the picture asked for may be in the one before. */
        if (ref.slot <= target && media.frames[0] !== undefined && media.frames[0] > target + 0.02) {
            const before = await backend.segmentBefore(this.stream.value, ref);
            if (before && before.slot + before.seconds >= target) return { ref: before, media: await this.read(before) };
        }
        return { ref, media };
    }

    private get keyFramesOnly(): boolean {
        return this.rate.value >= KEY_FRAMES_FROM;
    }

    private base = baseFor(now());

    private async read(ref: SegmentRef): Promise<Media> {
        if (!this.keyFramesOnly) return backend.media(this.stream.value, ref, this.base);
        const next = await backend.segmentAfter(this.stream.value, ref);
        const end = ref.slot + ref.seconds;
        /* Shown until the next segment's first second, unless a gap lies between. */
        const until = next && next.slot <= end + 1 ? Math.max(next.slot + 0.5, ref.slot + 0.5) : end;
        return backend.media(this.stream.value, ref, this.base, until);
    }

    private async begin(ref: SegmentRef, media: Media, target: number, play: boolean, current: () => boolean): Promise<void> {
        const video = media.tracks.find((t) => t.kind === "video");
        if (video && !playable(video)) return this.unsupported(video, () => void this.seek(target, play));
        if (target < this.base + 60) this.base = baseFor(target);
        this.feed?.close();
        this.feed = null;
        if (!this.sink || this.sink.closed || this.sink.base !== this.base) {
            this.sink?.close();
            this.sink = new Sink(this.video, this.base);
            if (media.problem === null || media.video.length > 0) media = await this.rebased(ref, media, this.sink.base);
        }
        if (!current()) return;
        this.frames = [];
        this.problems = [];
        this.atEnd = false;
        this.cursor = ref;
        await this.add(media);
        if (!current()) return;
        const first = media.frames[0] ?? media.from;
        const start = Math.max(target, first);
        if (first > target + GAP_S) this.tellGap(target, first);
        this.sink.time = start + 0.001;
        this.video.playbackRate = this.rate.value;
        if (play) void this.video.play().catch(() => undefined);
        this.loading.value = false;
        void this.pump();
    }

    /* Media that was read for another base is read again: it happens once in 60 days of scrubbing. */
    private async rebased(ref: SegmentRef, media: Media, base: number): Promise<Media> {
        return media.base === base ? media : backend.media(this.stream.value, ref, base);
    }

    private async add(media: Media): Promise<void> {
        const sink = this.sink!;
        this.describe(media.tracks);
        const inits: { track: Track; data: Uint8Array }[] = [];
        for (const t of media.tracks) {
            const data = media.init[t.kind];
            if (data && playable(t) && (t.kind === "video" || (this.sound.value && !this.keyFramesOnly))) inits.push({ track: t, data });
            if (t.kind === "audio") this.hasSound.value = true;
        }
        if (media.problem) this.addProblem(media.problem);
        if (inits.length === 0) return;
        await sink.init(inits);
        if (media.frames.length > 1) this.frameLength = (media.frames[media.frames.length - 1]! - media.frames[0]!) / (media.frames.length - 1);
        this.frames.push(...media.frames);
        if (this.frames.length > 20_000) this.frames.splice(0, 8000);
        await Promise.all([sink.append("video", media.video), sink.has("audio") ? sink.append("audio", media.audio) : null]);
    }

    private addProblem(p: NonNullable<Media["problem"]>): void {
        if (p.from >= this.limits.to - 1) return; /* the end of what may be seen, in the midst of a segment */
        const what: Record<string, string> = {
            forged: "was altered after it was recorded, and is not shown",
            no_key: "cannot be opened: its key was deleted or never shared",
            cut_short: "was cut short while it was recorded",
            not_found: "is missing from the vault",
        };
        const text = `${whenTime(p.from)}: this part ${what[p.word] ?? "cannot be read"}`;
        this.problems.push({ from: p.from, to: p.to, text });
        if (p.word !== "cut_short") this.tell("bad", text, `Segment ${p.segment}: ${p.message}`);
    }

    /* Reads on ahead of the picture until told otherwise. */
    private async pump(): Promise<void> {
        const generation = this.generation;
        if (this.pumping) return;
        this.pumping = true;
        try {
            while (generation === this.generation && this.cursor && this.sink) {
                /* Not by what is buffered: a part of what was watched before may still be there. */
                const reached: number = this.cursor.slot + this.cursor.seconds;
                if (reached - this.sink.time > AHEAD_S * Math.max(1, this.rate.value)) {
                    await pause(200);
                    continue;
                }
                const from: SegmentRef = this.cursor;
                const stale = (): boolean => generation !== this.generation || this.cursor !== from;
                const next: SegmentRef | null = await backend.segmentAfter(this.stream.value, from);
                if (stale()) return;
                this.atEnd = next === null;
                if (!next) {
                    await pause(1000);
                    continue;
                }
                const media: Media = await this.read(next);
                if (stale()) return;
                this.cursor = next;
                await this.add(media);
                this.sink.trim();
            }
        } catch (e) {
            if (generation === this.generation) this.failed(e, () => void this.pump());
        } finally {
            this.pumping = false;
            if (this.mode.peek() === "recorded" && this.cursor && generation !== this.generation) void this.pump();
        }
    }

    private failed(e: unknown, again: () => void): void {
        if (wordOf(e) === "denied") return this.ended(messageOf(e));
        const offline = wordOf(e) === "offline";
        this.tell(offline ? "warn" : "bad", offline ? "The vault does not answer; trying again" : "This could not be played", messageOf(e));
        if (offline) {
            const generation = this.generation;
            setTimeout(() => generation === this.generation && again(), 2000);
        } else this.loading.value = false;
    }

    private nothingAfter(target: number): void {
        if (this.mayLive && target > now() - UNLISTED_S) {
            this.live();
            return this.tell("info", "That moment is still being recorded: here is the live picture");
        }
        this.loading.value = false;
        this.tell("warn", `Nothing was recorded after ${whenTime(target)}`, this.mayLive ? "Choose an earlier time, or go to the live picture" : "Choose an earlier time");
    }

    /* ---- the clock of it all ---- */

    private shown(mediaTime: number): void {
        const sink = this.sink ?? this.feed?.sink;
        if (!sink || this.ofBefore(mediaTime + sink.base, sink.time)) return;
        this.time.value = mediaTime + sink.base;
        if (this.seekFrom > 0 && !this.loading.value) {
            this.seekMs.value = performance.now() - this.seekFrom;
            this.seekFrom = 0;
        }
    }

    /* After a jump, pictures from before it may still be on their way to the screen: they are not where we are. */
    private ofBefore(picture: number, target: number): boolean {
        if (this.mode.value === "recorded" && this.loading.value) return true;
        if (!this.video.seeking) return false;
        return picture > target + 0.1 || picture < target - (this.keyFramesOnly ? KEY_FRAME_S : 1);
    }

    private tick(): void {
        this.latencyMs.value = this.mode.value === "live" ? (this.feed?.latencyMs ?? null) : null;
        const sink = this.sink;
        if (this.mode.value === "behind") return this.tickBehind();
        if (this.mode.value !== "recorded" || !sink || !this.playing.value || this.loading.value) return;
        const t = sink.time;
        if (t >= this.limits.to - 0.05) return this.pause();
        const range = sink.range(t);
        if (range && t < range.to - 0.15) return;
        const next = sink.nextStart(t + 0.05);
        const reached = this.cursor ? this.cursor.slot + this.cursor.seconds + 1 : 0;
        if (next !== null && next < reached) {
            if (next - t > GAP_S) this.tellGap(range?.to ?? t, next);
            sink.time = next + 0.01;
            return;
        }
        if (this.atEnd && t > this.limits.to - UNLISTED_S) return this.pause();
        if (this.mayLive && this.atEnd && now() - t < UNLISTED_S) {
            this.live();
            this.tell("info", "You have caught up: this is live");
        }
    }

    private tickBehind(): void {
        const sink = this.feed?.sink;
        if (sink && this.playing.value && (sink.end ?? 0) - sink.time < 0.3 && this.rate.value > 1) this.live();
        sink?.trim();
    }

    private tellGap(from: number, to: number): void {
        const problem = this.problems.find((p) => p.from < to && p.to > from);
        if (problem) return this.tell("bad", `${problem.text}. Going on at ${whenTime(to)}`);
        this.tell("info", `Nothing was recorded from ${whenTime(from)} to ${whenTime(to)} (${duration(to - from)})`);
    }

    private tell(kind: PlayerNotice["kind"], text: string, detail?: string): void {
        this.notice.value = detail === undefined ? { kind, text } : { kind, text, detail };
        clearTimeout(this.noticeTimer);
        this.noticeTimer = setTimeout(() => (this.notice.value = null), kind === "bad" ? 15_000 : 7000);
    }

    /* ---- controls ---- */

    toggle(): void {
        if (this.playing.value) return this.pause();
        this.playing.value = true;
        if (this.mode.value === "behind" && this.feed) this.feed.following = false;
        void this.video.play().catch(() => undefined);
    }

    pause(): void {
        this.playing.value = false;
        if (this.feed && this.mode.value === "live") {
            this.feed.following = false;
            this.mode.value = "behind";
        }
        this.video.pause();
        /* A busy machine's clock runs ahead of its pictures, and a paused one shows no further: we stand at what is seen. */
        const sink = this.sink ?? this.feed?.sink;
        const seen = this.time.value;
        if (sink && !this.loading.value && sink.range(seen) && Math.abs(sink.time - seen) > 0.05) sink.time = seen + 0.001;
    }

    skip(seconds: number): void {
        const target = this.time.value + seconds;
        if (seconds > 0 && target > now() - 1 && this.mayLive) return this.live();
        void this.seek(target);
    }

    /* The next or previous picture. */
    step(direction: 1 | -1): void {
        this.pause();
        const sink = this.sink ?? this.feed?.sink;
        if (!sink) return;
        const frames = this.sink ? this.frames : (this.feed?.frames ?? []);
        const t = this.time.value;
        const next = direction > 0 ? frames.find((f) => f > t + 0.002) : frames.findLast((f) => f < t - 0.002);
        const target = (next ?? t + direction * this.frameLength) + 0.001;
        if (!sink.range(target)) {
            /* What was skipped a moment ago is not in the vault yet: a step must not become a jump to the live picture. */
            if (this.mode.value === "recorded" || target < now() - UNLISTED_S) void this.seek(target, false);
            return;
        }
        sink.time = target;
        this.time.value = target; /* the next step counts from here, be this picture on the screen by then or not */
    }

    setSpeed(rate: number): void {
        const before = this.keyFramesOnly;
        this.rate.value = rate;
        if (this.mode.value === "live" && rate !== 1) {
            if (this.feed) this.feed.following = false;
            this.mode.value = "behind";
        }
        this.video.playbackRate = rate;
        if (before !== this.keyFramesOnly && this.mode.value !== "live") {
            void this.sink?.clear();
            if (this.mode.value === "behind") this.mode.value = "recorded";
            void this.seekAnew(this.time.value);
        }
    }

    private async seekAnew(t: number): Promise<void> {
        const playing = this.playing.value;
        this.feed?.close();
        this.feed = null;
        this.sink?.close();
        this.sink = null;
        await this.seek(t, playing);
    }

    setSound(on: boolean): void {
        this.sound.value = on;
        this.video.muted = !on;
        const sink = this.sink ?? this.feed?.sink;
        if (!on || sink?.has("audio")) return;
        if (this.mode.value === "live") this.startLive();
        else if (this.mode.value === "behind") this.live();
        else void this.seekAnew(this.time.value);
    }
}

const pause = (ms: number): Promise<void> => new Promise((r) => setTimeout(r, ms));
