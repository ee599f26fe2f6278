/* The page's worker, as what plays needs it: on the owner's page it is the household's client, on the share page a grant's. */
import { signal } from "@preact/signals";
import type { ExportResult } from "../shared/export.ts";
import type { Media, SegmentRef, Span } from "../shared/recordings.ts";
import { remote } from "../shared/rpc.ts";
import type { ClientEvent } from "../shared/views.ts";

declare const WORKER_URL: string;

export interface Backend {
    spans(camera: string, from: number, to: number): Promise<Span[]>;
    picture(camera: string, time: number): Promise<{ slot: number; blob: Blob } | null>;
    segmentAt(camera: string, time: number): Promise<SegmentRef | null>;
    segmentAfter(camera: string, ref: SegmentRef): Promise<SegmentRef | null>;
    segmentBefore(camera: string, ref: SegmentRef): Promise<SegmentRef | null>;
    media(camera: string, ref: SegmentRef, base: number, until?: number): Promise<Media>;
    watch(cameras: string[]): number;
    stop(job: number): void;
    newJob(): number;
    export(job: number, camera: string, from: number, to: number, file: FileSystemFileHandle | null, at?: SegmentRef): Promise<ExportResult & { blob: Blob | null }>;
}

const listeners = new Set<(e: ClientEvent) => void>();
export const backend = remote<Backend>(new Worker(WORKER_URL, { type: "module" }), (e) => listeners.forEach((l) => l(e as ClientEvent)));

export function listen(l: (e: ClientEvent) => void): () => void {
    listeners.add(l);
    return () => listeners.delete(l);
}

/* The vault's clock less this device's. */
export const clockOffsetMs = signal(0);
export const now = (): number => (Date.now() + clockOffsetMs.value) / 1000;
