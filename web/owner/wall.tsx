/* All cameras, live, over one connection. */
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { CameraView } from "../shared/views.ts";
import { Feed, type FeedState } from "./feed.ts";
import { minuteTime } from "./format.ts";
import { client, goHome, household, isOwner, listen, loadHousehold, now, reportOf, statusOf } from "./state.ts";
import { Icon, Page } from "./ui.tsx";
import type { LivePart } from "../shared/watch.ts";
import { codecName } from "./format.ts";

type Sub = (part: LivePart) => void;

export function WallPage() {
    const cameras = household.value?.cameras ?? [];
    const feeds = useRef(new Map<string, Sub>());
    const lost = useSignal<string | null>(null);
    const fallback = useSignal<Record<string, string>>({});
    /* The substream, where there is one: a tile is small. */
    const streams = cameras.map((c) => fallback.value[c.id] ?? c.sub?.id ?? c.id);
    const key = streams.join(",");

    useEffect(() => {
        if (key === "") return;
        let id = 0;
        let stopped = false;
        const stop = listen((e) => {
            if (!("watch" in e) || e.watch !== id) return;
            if (e.type === "live") feeds.current.get(e.camera)?.(e.part);
            else if (e.type === "live-state" && e.state === "ended" && !isOwner.peek()) void client.choose(household.peek()!.id).then(goHome).catch(() => undefined);
            else if (e.type === "live-state") lost.value = e.state === "lost" || e.state === "ended" ? e.message : e.state === "open" ? null : lost.peek();
            else if (e.type === "notice" && e.notice.kind === "online") void loadHousehold().catch(() => undefined);
        });
        void client.watch(key.split(",")).then((w) => (stopped ? void client.stop(w) : (id = w)));
        return () => {
            stopped = true;
            stop();
            if (id) void client.stop(id);
        };
    }, [key]);

    if (cameras.length === 0) return <NoCameras />;
    return (
        <Page title={household.value?.name ?? "Cameras"} actions={<><span class="muted num">{lost.value ? "Live connection lost, trying again…" : summary(cameras)}</span>{isOwner.value && <a class="tool" href="#/add" aria-label="Add a camera or hub" title="Add a camera or hub"><Icon name="plus" /></a>}</>}>
            <ul class={`wall n${Math.min(cameras.length, 9)}`}>
                {cameras.map((c, i) => (
                    <Tile key={`${c.id} ${streams[i]}`} camera={c} stream={streams[i]!} feeds={feeds.current}
                        onUnsupported={() => streams[i] !== c.id ? false : c.sub ? ((fallback.value = { ...fallback.value, [c.id]: c.sub.id }), true) : false} />
                ))}
            </ul>
        </Page>
    );
}

function summary(cameras: CameraView[]): string {
    const down = cameras.filter((c) => {
        const s = statusOf(c.id);
        return s && s.state !== "streaming";
    }).length;
    const n = `${cameras.length} camera${cameras.length === 1 ? "" : "s"}`;
    return down > 0 ? `${n}, ${down} not streaming` : n;
}

function NoCameras() {
    if (!isOwner.value)
        return (
            <Page title={household.value?.name ?? "Cameras"}>
                <div class="empty">
                    <div class="empty-art" aria-hidden="true"><Icon name="photo" /></div>
                    <h2>No camera is shared with you</h2>
                    <p>Ask an owner of {household.value?.name} to choose which ones you may watch.</p>
                </div>
            </Page>
        );
    const paired = (household.value?.hubs.length ?? 0) > 0;
    return (
        <Page title={household.value?.name ?? "Cameras"}>
            <div class="empty">
                <div class="empty-art" aria-hidden="true"><Icon name="photo" /></div>
                <h2>{paired ? "No camera yet" : "No hub yet"}</h2>
                <p>{paired
                    ? "Add one by its address, or let the hub look for cameras on your network."
                    : "A hub is the machine that speaks with your cameras and seals what they see. Pair one, then add cameras."}</p>
                <a class="button main" href="#/add">{paired ? "Add a camera" : "Pair a hub"}</a>
            </div>
        </Page>
    );
}

function Tile({ camera, stream, feeds, onUnsupported }: { camera: CameraView; stream: string; feeds: Map<string, Sub>; onUnsupported: () => boolean }) {
    const video = useRef<HTMLVideoElement>(null);
    const state = useSignal<FeedState>({ kind: "waiting" });
    const latency = useSignal<number | null>(null);
    const poster = useSignal<string | null>(null);

    useEffect(() => {
        const feed = new Feed(video.current!, false, (s) => {
            if (s.kind === "unsupported" && onUnsupported()) return;
            if (state.peek().kind !== s.kind) state.value = s;
        });
        feeds.set(stream, (p) => feed.part(p));
        const timer = setInterval(() => (latency.value = feed.latencyMs), 1000);
        void client.picture(stream, now() - 45).then((p) => p && (poster.value = URL.createObjectURL(p.blob))).catch(() => undefined);
        return () => {
            feeds.delete(stream);
            clearInterval(timer);
            feed.close();
            if (poster.peek()) URL.revokeObjectURL(poster.peek()!);
        };
    }, []);

    const status = statusOf(camera.id);
    const report = reportOf(camera.profile.hub);
    const s = state.value;
    const trouble = report && !report.online ? `The hub is offline${report.since ? ` since ${minuteTime(Date.parse(report.since) / 1000)}` : ""}`
        : status && status.state !== "streaming" ? (status.message ?? status.state)
        : s.kind === "unsupported" ? `${s.message}. Set the camera${camera.sub ? "'s substream" : ""} to H.264.`
        : s.kind === "damaged" ? s.message : null;
    const live = s.kind === "playing" && !trouble;
    return (
        <li class="tile">
            <a href={`#/camera/${camera.id}`} aria-label={`${camera.profile.name}, ${trouble ?? (live ? "live" : "connecting")}`}>
                <div class="tile-picture">
                    {poster.value && s.kind !== "playing" && <img src={poster.value} alt="" class="poster" />}
                    <video ref={video} muted playsInline aria-hidden="true" tabIndex={-1} class={s.kind === "playing" ? "shown" : ""} />
                    {s.kind === "waiting" && !trouble && <span class="spinner" aria-hidden="true" />}
                    {trouble && <div class="tile-trouble"><Icon name="warn" /><span>{trouble}</span></div>}
                    <span class="tile-badges">
                        {live && <span class="badge live"><i class="dot" />Live{latency.value !== null && <em>{(latency.value / 1000).toFixed(1)} s</em>}</span>}
                        {status?.motion && <span class="badge motion"><i class="dot" />Motion</span>}
                    </span>
                </div>
                <div class="tile-foot">
                    <strong>{camera.profile.name}</strong>
                    <span class="muted">{isOwner.value ? recordWord(camera, status?.recording) : ""}{status?.codec ? ` · ${codecName(status.codec)}` : ""}</span>
                </div>
            </a>
        </li>
    );
}

function recordWord(camera: CameraView, recording: boolean | undefined): string {
    const mode = camera.profile.record?.mode ?? "always";
    if (mode === "off") return "Not recording";
    if (recording === false) return mode === "motion" ? "Records motion" : mode === "schedule" ? "Records by schedule" : "Not recording now";
    return "Recording";
}

