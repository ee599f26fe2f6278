/* One MediaSource for one <video>: appends in order, evicts, and keeps times small by a base in whole seconds. */
import { isHevc, mime, type Track } from "../shared/mp4.ts";

type Kind = "video" | "audio";

interface Buffer {
    source: SourceBuffer;
    type: string;
    init: Uint8Array | null;
    queue: Promise<void>;
}

export const playable = (t: Track): boolean => "MediaSource" in window && MediaSource.isTypeSupported(mime(t));
export const cannotPlay = (t: Track): string =>
    isHevc(t.codec) ? "This browser cannot play H.265" : `This browser cannot play ${t.codec}`;

const KEEP_BEHIND_S = 45;

export class Sink {
    private media = new MediaSource();
    private buffers = new Map<Kind, Buffer>();
    private opened: Promise<void>;
    private url: string;
    closed = false;

    constructor(
        readonly video: HTMLVideoElement,
        readonly base: number,
    ) {
        this.opened = new Promise((resolve) => this.media.addEventListener("sourceopen", () => resolve(), { once: true }));
        this.url = URL.createObjectURL(this.media);
        video.src = this.url;
    }

    close(): void {
        this.closed = true;
        URL.revokeObjectURL(this.url);
        if (this.video.src === this.url) {
            this.video.removeAttribute("src");
            this.video.load();
        }
    }

    has(kind: Kind): boolean {
        return this.buffers.has(kind);
    }

    /* Must come before a kind's first media, and whenever the init changes; appends it only then. All kinds that will
     * ever be used are given in the first call: browsers take no further source buffer later. */
    async init(inits: { track: Track; data: Uint8Array }[]): Promise<void> {
        await this.opened;
        if (this.closed) return;
        for (const { track } of inits) {
            if (this.buffers.has(track.kind)) continue;
            const source = this.media.addSourceBuffer(mime(track));
            this.buffers.set(track.kind, { source, type: mime(track), init: null, queue: Promise.resolve() });
        }
        for (const { track, data } of inits) {
            const b = this.buffers.get(track.kind)!;
            if (b.init && b.init.length === data.length && b.init.every((x, i) => x === data[i])) continue;
            b.init = data.slice();
            const type = mime(track);
            await this.run(b, () => {
                if (b.type !== type) b.source.changeType(type);
                b.type = type;
                b.source.appendBuffer(data.slice());
            });
        }
    }

    append(kind: Kind, data: Uint8Array): Promise<void> {
        const b = this.buffers.get(kind);
        if (!b || data.length === 0) return Promise.resolve();
        return this.run(b, () => b.source.appendBuffer(data as Uint8Array<ArrayBuffer>));
    }

    private run(b: Buffer, work: () => void): Promise<void> {
        const next = b.queue.then(async () => {
            if (this.closed || this.media.readyState === "closed") return;
            try {
                work();
            } catch (e) {
                if (!(e instanceof DOMException) || e.name !== "QuotaExceededError") throw e;
                b.source.remove(0, Math.max(0.1, this.video.currentTime - 5));
                await settled(b.source);
                work();
            }
            await settled(b.source);
        });
        b.queue = next.catch(() => undefined);
        return next;
    }

    /* Drops what was played long ago. */
    trim(): void {
        const until = this.video.currentTime - KEEP_BEHIND_S;
        for (const b of this.buffers.values()) {
            const start = b.source.buffered.length > 0 ? b.source.buffered.start(0) : Infinity;
            if (start < until - 15) void this.run(b, () => b.source.remove(0, until));
        }
    }

    async clear(): Promise<void> {
        await Promise.all([...this.buffers.values()].map((b) => this.run(b, () => b.source.remove(0, Infinity))));
    }

    /* The buffered range around `time` (wall seconds), or null. */
    range(time: number): { from: number; to: number } | null {
        const r = this.video.buffered;
        const t = time - this.base;
        for (let i = 0; i < r.length; i++)
            if (t >= r.start(i) - 0.05 && t < r.end(i)) return { from: r.start(i) + this.base, to: r.end(i) + this.base };
        return null;
    }

    nextStart(time: number): number | null {
        const r = this.video.buffered;
        for (let i = 0; i < r.length; i++) if (r.start(i) + this.base > time) return r.start(i) + this.base;
        return null;
    }

    get end(): number | null {
        const r = this.video.buffered;
        return r.length > 0 ? r.end(r.length - 1) + this.base : null;
    }

    get start(): number | null {
        const r = this.video.buffered;
        return r.length > 0 ? r.start(r.length - 1) + this.base : null;
    }

    get time(): number {
        return this.video.currentTime + this.base;
    }

    set time(t: number) {
        this.video.currentTime = t - this.base;
    }
}

function settled(source: SourceBuffer): Promise<void> {
    if (!source.updating) return Promise.resolve();
    return new Promise((resolve, reject) => {
        const done = (): void => {
            source.removeEventListener("updateend", done);
            source.removeEventListener("error", failed);
            resolve();
        };
        const failed = (): void => {
            source.removeEventListener("updateend", done);
            source.removeEventListener("error", failed);
            reject(new Error("the browser could not read this part of the recording"));
        };
        source.addEventListener("updateend", done);
        source.addEventListener("error", failed);
    });
}
