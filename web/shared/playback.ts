/* What a page plays from, in its worker: recordings, live, export. The owner's client and the share page's are both made of it. */
import type { Access } from "./access.ts";
import { Api } from "./api.ts";
import type { Bytes } from "./bytes.ts";
import type { ClientEvent } from "./views.ts";
import { CardeaError } from "./errors.ts";
import { exportClip, type ExportResult } from "./export.ts";
import type { Notice } from "./live.ts";
import type { Media, Recordings, SegmentRef, Span } from "./recordings.ts";
import { watch, type LivePart, type LiveState } from "./watch.ts";

export class Playback {
    protected api = new Api();
    protected access: Access | null = null;
    protected recordings: Recordings | null = null;
    protected jobs = new Map<number, AbortController>();
    private nextJob = 1;

    constructor(protected readonly emit: (e: ClientEvent) => void) {
        this.api.reach = (ok) => emit({ type: "reach", ok });
    }

    protected opened(): { access: Access; recordings: Recordings } {
        if (!this.access || !this.recordings) throw new CardeaError("denied", "sign in first");
        return { access: this.access, recordings: this.recordings };
    }

    spans(camera: string, from: number, to: number): Promise<Span[]> {
        return this.opened().recordings.spans(camera, from, to);
    }

    picture(camera: string, time: number): Promise<{ slot: number; blob: Blob } | null> {
        return this.opened().recordings.picture(camera, time);
    }

    segmentAt(camera: string, time: number): Promise<SegmentRef | null> {
        return this.opened().recordings.at(camera, time);
    }

    segmentAfter(camera: string, ref: SegmentRef): Promise<SegmentRef | null> {
        return this.opened().recordings.next(camera, ref);
    }

    segmentBefore(camera: string, ref: SegmentRef): Promise<SegmentRef | null> {
        return this.opened().recordings.previous(camera, ref);
    }

    media(camera: string, ref: SegmentRef, base: number, until?: number): Promise<Media> {
        return this.opened().recordings.media(camera, ref, until === undefined ? { base } : { base, until });
    }

    /* ---- live ---- */

    watch(cameras: string[]): number {
        const { access } = this.opened();
        const job = this.newJob();
        const events = {
            part: (camera: string, part: LivePart) => this.emit({ type: "live", watch: job, camera, part }),
            notice: (camera: string | null, notice: Notice) => this.emit({ type: "notice", watch: job, camera, notice }),
            state: (state: LiveState, message: string) => void this.tellLive(job, state, message),
        };
        void watch(this.api, access, cameras, events, this.jobs.get(job)!.signal);
        return job;
    }

    protected async tellLive(job: number, state: LiveState, message: string): Promise<void> {
        this.emit({ type: "live-state", watch: job, state, message });
    }

    stop(job: number): void {
        this.jobs.get(job)?.abort();
        this.jobs.delete(job);
    }

    /* ---- export ---- */

    newJob(): number {
        const job = this.nextJob++;
        this.jobs.set(job, new AbortController());
        return job;
    }

    /* Writes to the file, or answers with the whole clip where the browser has no such files. */
    async export(job: number, camera: string, from: number, to: number, file: FileSystemFileHandle | null, at?: SegmentRef): Promise<ExportResult & { blob: Blob | null }> {
        const { access, recordings } = this.opened();
        const signal = this.jobs.get(job)!.signal;
        const stream = file ? await file.createWritable() : null;
        const parts: Blob[] = [];
        const progress = (done: number): void => this.emit({ type: "progress", job, done });
        const write = async (part: Bytes): Promise<void> => {
            if (stream) await stream.write(part);
            else parts.push(new Blob([part]));
        };
        try {
            const result = await exportClip(recordings, access, { camera, from, to, at, write, progress, signal });
            await stream?.close();
            return { ...result, blob: stream ? null : new Blob(parts, { type: "video/mp4" }) };
        } catch (e) {
            await stream?.abort().catch(() => undefined);
            throw e;
        } finally {
            this.jobs.delete(job);
        }
    }
}
