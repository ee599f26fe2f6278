/* One camera, large: live and back in time, with its timeline. */
import { useSignal, useSignalEffect, type Signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import type { CameraView } from "../shared/views.ts";
import type { SeenEvent } from "../shared/seeing.ts";
import { ExportPanel } from "./clip.tsx";
import { whoOf } from "./eventlist.tsx";
import { clockTime, codecName, dayName, fromLocalInput, isToday, localInput, minuteTime } from "./format.ts";
import { Glyph } from "./glyph.tsx";
import { inspect } from "./inspect.ts";
import { lazy } from "./lazy.tsx";
import { Boxes } from "./overlay.tsx";
import { Player, SPEEDS } from "./player.ts";
import { choose, go, note, route } from "./route.ts";
import { pollEvents, pollSee, sync } from "./seeing.ts";
import { client, household, isOwner, now, reportOf, say, statusOf } from "./state.ts";
import { Thumb } from "./thumb.tsx";
import { Timeline, clampView, zoom, type Range, type View } from "./timeline.tsx";
import { Button, Dialog, Field, Icon, Tool } from "./ui.tsx";

const ShareDialog = lazy<{ camera: CameraView; range: Range | null; onClose: () => void }>(() => import("./share.tsx").then((m) => m.ShareDialog), true);
const DebugView = lazy<{ player: Player; camera: string; onClose: () => void }>(() => import("./debug.tsx").then((m) => m.DebugView));

export function CameraPage({ id }: { id: string }) {
    const camera = household.value?.cameras.find((c) => c.id === id);
    if (!camera)
        return (
            <main class="page" id="main" tabIndex={-1}>
                <div class="empty">
                    <h1>This camera is not here</h1>
                    <p>It was removed, or the link is of another household.</p>
                    <a class="button main" href="#/">All cameras</a>
                </div>
            </main>
        );
    return <Watch camera={camera} />;
}

function Watch({ camera }: { camera: CameraView }) {
    const video = useRef<HTMLVideoElement>(null);
    const stage = useRef<HTMLDivElement>(null);
    const [player, setPlayer] = useState<Player | null>(null);
    const events = useSignal<SeenEvent[]>([]);
    const boxes = useSignal(localStorage.getItem("boxes") !== "off");
    const debug = route.value.query.get("debug") === "1";
    const sharing = useSignal<{ range: Range | null } | null>(null);
    const share = (range?: Range): void => {
        const p = player;
        const past = p && p.mode.peek() !== "live" ? p.time.peek() : null;
        sharing.value = { range: range ?? (past ? { from: past - 30, to: Math.min(past + 30, now() - 1) } : null) };
    };
    useEffect(() => {
        const stops = [pollEvents(15_000), pollSee(60_000)];
        return () => stops.forEach((s) => s());
    }, []);
    useEffect(() => {
        document.title = `${camera.profile.name} · Cardea`;
        const { since = 0, role } = household.peek() ?? {};
        /* What a member was not given is not there to be asked for. */
        const p = new Player(video.current!, camera, role === "owner" || since === 0 ? undefined : { from: since, to: Infinity, live: true });
        const t = Number(route.peek().query.get("t"));
        const speed = Number(route.peek().query.get("speed"));
        if (SPEEDS.includes(speed) && t > 0) p.setSpeed(speed);
        if (t > 0) void p.seek(t, route.peek().query.get("play") !== "0");
        else p.live();
        setPlayer(p);
        inspect({ player: p });
        return () => p.close();
    }, []);
    return (
        <main class="watch" id="main" tabIndex={-1}>
            <header class="watch-head">
                <a class="tool" href="#/" aria-label="All cameras" title="All cameras"><Icon name="back" /></a>
                <h1>{camera.profile.name}</h1>
                <CameraState camera={camera} />
                {isOwner.value && <Tool icon="eye" label="What it sees, and why" aria-pressed={debug} onClick={() => choose({ debug: debug ? null : "1" })} />}
                {isOwner.value && <a class="tool" href={`#/looked?camera=${camera.id}`} aria-label="Who looked at this camera?" title="Who looked at this camera?"><Icon name="shield" /></a>}
                {isOwner.value && <Tool icon="link" label="Share" onClick={() => share()} />}
                {isOwner.value && <a class="tool" href={`#/camera/${camera.id}/zones`} aria-label="Zones and privacy masks" title="Zones and privacy masks"><Icon name="zone" /></a>}
                {isOwner.value && <a class="tool" href={`#/camera/${camera.id}/settings`} aria-label="Settings of this camera" title="Settings of this camera"><Icon name="gear" /></a>}
            </header>
            <div class="stage" ref={stage}>
                <video ref={video} playsInline muted aria-label={`${camera.profile.name}, video`} />
                {player && boxes.value && !debug && <Boxes video={player.video} time={player.time} events={events} />}
                {player && <Overlay player={player} camera={camera} />}
            </div>
            {player && debug && <DebugView player={player} camera={camera.id} onClose={() => choose({ debug: null })} />}
            {player && <Controls player={player} camera={camera} stage={stage} events={events} boxes={boxes} onShare={share} />}
            {sharing.value && <ShareDialog camera={camera} range={sharing.value.range} onClose={() => (sharing.value = null)} />}
        </main>
    );
}

function CameraState({ camera }: { camera: CameraView }) {
    const report = reportOf(camera.profile.hub);
    const status = statusOf(camera.id);
    if (report && !report.online) return <span class="state bad">Hub offline{report.since ? ` since ${minuteTime(Date.parse(report.since) / 1000)}` : ""}</span>;
    if (!status) return <span class="state" />;
    if (status.state !== "streaming") return <span class="state warn">{status.message ?? status.state}</span>;
    return <span class="state">{status.width}×{status.height} · {codecName(status.codec)}{status.fps ? ` · ${Math.round(status.fps)} pictures/s` : ""}</span>;
}

function Overlay({ player, camera }: { player: Player; camera: CameraView }) {
    const stopped = player.stopped.value;
    const notice = player.notice.value;
    const mode = player.mode.value;
    return (
        <>
            {stopped && (
                <div class="stage-stop" role="alert">
                    <Icon name="warn" />
                    <strong>{stopped.text}</strong>
                    <p>{stopped.detail}</p>
                    {isOwner.value && <a class="button plain" href={`#/camera/${camera.id}/settings`}>Camera settings</a>}
                </div>
            )}
            {player.loading.value && !stopped && <div class="stage-wait"><span class="spinner" role="status" aria-label="Loading" /></div>}
            <div class="stage-top">
                <span class={`badge ${mode}`}>
                    {mode === "live" ? <><i class="dot" />Live</> : <>{isToday(player.time.value) ? "" : `${dayName(player.time.value)} `}{clockTime(player.time.value)}</>}
                </span>
                {mode === "live" && player.latencyMs.value !== null && <span class="badge quiet" title="From the camera's picture to this screen">{(player.latencyMs.value / 1000).toFixed(1)} s</span>}
                {mode !== "live" && player.rate.value !== 1 && <span class="badge quiet">{player.rate.value}×</span>}
            </div>
            <div class="stage-notice" role="status" aria-live="polite">
                {notice && <div class={`notice ${notice.kind}`}><strong>{notice.text}</strong>{notice.detail && <small>{notice.detail}</small>}</div>}
            </div>
        </>
    );
}

interface Deck {
    player: Player;
    camera: CameraView;
    stage: { current: HTMLDivElement | null };
    events: Signal<SeenEvent[]>;
    boxes: Signal<boolean>;
    onShare: (range: Range) => void;
}

function Controls({ player, camera, stage, events, boxes, onShare }: Deck) {
    const start = player.time.peek();
    const view = useSignal<View>(clampView({ from: start - 1800, to: start + 1800 }));
    const trim = useSignal<Range | null>(null);
    const [jump, setJump] = useState(false);
    const seek = (t: number): void => void player.seek(t);
    inspect({ view, trim });
    useEvents(camera, view, events);
    useAddress(player);
    useKeys(player, stage, view);

    const startTrim = (): void => {
        const t = player.mode.peek() === "recorded" ? player.time.peek() : now() - 120;
        const range = { from: t - 30, to: Math.min(t + 30, now() - 1) };
        if (view.peek().to - view.peek().from > 1200) view.value = clampView({ from: t - 240, to: t + 240 });
        trim.value = range;
    };
    return (
        <div class="deck">
            <Timeline player={player} view={view} trim={trim} events={events} onSeek={seek} />
            <Transport player={player} camera={camera} stage={stage} onTrim={() => (trim.value ? (trim.value = null) : startTrim())} trimming={trim.value !== null} onJump={() => setJump(true)} boxes={boxes} />
            {trim.value && <ExportPanel player={player} camera={camera} trim={trim} {...(isOwner.value ? { onShare: () => onShare(trim.peek()!) } : {})} />}
            <Zoom view={view} player={player} />
            <EventStrip events={events.value} camera={camera} player={player} onSeek={(t) => { seek(t); view.value = clampView({ from: t - 300, to: t + 300 }); }} />
            {jump && <Jump at={player.time.peek()} onClose={() => setJump(false)} onJump={(t) => { setJump(false); const span = Math.min(7200, view.peek().to - view.peek().from); view.value = clampView({ from: t - span / 2, to: t + span / 2 }); seek(t); }} />}
        </div>
    );
}

interface TransportParts {
    player: Player;
    camera: CameraView;
    stage: { current: HTMLDivElement | null };
    onTrim: () => void;
    trimming: boolean;
    onJump: () => void;
    boxes: Signal<boolean>;
}

function Transport({ player, camera, stage, onTrim, trimming, onJump, boxes }: TransportParts) {
    const live = player.mode.value === "live";
    return (
        <div class="transport" role="toolbar" aria-label="Playback">
            <div class="group">
                <Tool icon="stepBack" label="Previous picture" keys="," onClick={() => player.step(-1)} />
                <button type="button" class="tool big" aria-label={player.playing.value ? "Pause" : "Play"} title={`${player.playing.value ? "Pause" : "Play"} (space)`} onClick={() => player.toggle()}>
                    <Icon name={player.playing.value ? "pause" : "play"} />
                </button>
                <Tool icon="stepOn" label="Next picture" keys="." onClick={() => player.step(1)} />
            </div>
            <div class="group">
                <button type="button" class={`live-button ${live ? "on" : ""}`} aria-pressed={live} onClick={() => player.live()}><i class="dot" />Live</button>
                <label class="speed">
                    <span class="sr">Speed</span>
                    <select value={String(player.rate.value)} onChange={(e) => player.setSpeed(Number(e.currentTarget.value))}>
                        {SPEEDS.map((s) => <option key={s} value={String(s)}>{s}×</option>)}
                    </select>
                </label>
            </div>
            <div class="group end">
                <Tool icon="boxes" label="Boxes and ways of what was seen" keys="o" aria-pressed={boxes.value} data-key="o" onClick={() => { boxes.value = !boxes.value; localStorage.setItem("boxes", boxes.value ? "on" : "off"); }} />
                <Tool icon="calendar" label="Go to a date and time" keys="j" onClick={onJump} />
                {household.value?.export !== false && <Tool icon="scissors" label="Export a clip" keys="e" aria-pressed={trimming} onClick={onTrim} data-key="e" />}
                {household.value?.export !== false && <Tool icon="photo" label="Save this picture" keys="s" onClick={() => void snapshot(player, camera)} />}
                {(player.hasSound.value || camera.profile.audio) && <Tool icon={player.sound.value ? "sound" : "mute"} label={player.sound.value ? "Sound off" : "Sound on"} keys="m" aria-pressed={player.sound.value} onClick={() => player.setSound(!player.sound.value)} />}
                {document.pictureInPictureEnabled && <Tool icon="pip" label="Picture in picture" keys="p" onClick={() => void pictureInPicture(player)} />}
                <Tool icon="full" label="Full screen" keys="f" onClick={() => fullScreen(stage.current!)} />
            </div>
        </div>
    );
}

const fullScreen = (el: HTMLElement): void => void (document.fullscreenElement ? document.exitFullscreen() : el.requestFullscreen?.());
async function pictureInPicture(player: Player): Promise<void> {
    try {
        if (document.pictureInPictureElement) await document.exitPictureInPicture();
        else await player.video.requestPictureInPicture();
    } catch {
        say("This browser does not show this video in a small window", "bad");
    }
}

async function snapshot(player: Player, camera: CameraView): Promise<void> {
    const v = player.video;
    if (v.videoWidth === 0) return say("There is no picture to save yet", "bad");
    const c = new OffscreenCanvas(v.videoWidth, v.videoHeight);
    c.getContext("2d")!.drawImage(v, 0, 0);
    const url = URL.createObjectURL(await c.convertToBlob({ type: "image/jpeg", quality: 0.93 }));
    const a = document.createElement("a");
    a.href = url;
    a.download = `${camera.profile.name} ${localInput(player.time.peek()).replaceAll(":", "-")}.jpg`;
    a.click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
    say("Picture saved");
}

/* The address follows: camera, time and speed can be kept, shared with oneself, and gone back to. */
function useAddress(player: Player): void {
    useEffect(() => {
        const timer = setInterval(() => {
            if (player.mode.peek() === "live") return note({ t: null, speed: null });
            note({ t: player.time.peek().toFixed(player.playing.peek() ? 0 : 2), speed: player.rate.peek() === 1 ? null : String(player.rate.peek()) });
        }, 1000);
        return () => clearInterval(timer);
    }, []);
}

function useKeys(player: Player, stage: { current: HTMLDivElement | null }, view: { value: View; peek(): View }): void {
    useEffect(() => {
        const onKey = (e: KeyboardEvent): void => {
            const target = e.target as HTMLElement;
            if (e.ctrlKey || e.metaKey || e.altKey || target.closest("input, textarea, select, dialog, [contenteditable]")) return;
            const step = e.shiftKey ? 60 : 5;
            const actions: Record<string, () => void> = {
                " ": () => player.toggle(),
                k: () => player.toggle(),
                ArrowLeft: () => player.skip(-step),
                ArrowRight: () => player.skip(step),
                ",": () => player.step(-1),
                ".": () => player.step(1),
                "<": () => faster(player, -1),
                ">": () => faster(player, 1),
                "-": () => faster(player, -1),
                "+": () => faster(player, 1),
                l: () => player.live(),
                End: () => player.live(),
                m: () => player.setSound(!player.sound.peek()),
                f: () => fullScreen(stage.current!),
                p: () => void pictureInPicture(player),
                e: () => document.querySelector<HTMLButtonElement>("[data-key=e]")?.click(),
                o: () => document.querySelector<HTMLButtonElement>("[data-key=o]")?.click(),
                s: () => document.querySelector<HTMLButtonElement>(".transport [title*='(s)']")?.click(),
                j: () => document.querySelector<HTMLButtonElement>(".transport [title*='(j)']")?.click(),
                Escape: () => (document.fullscreenElement ? undefined : go("#/")),
            };
            if ((e.key === " " || e.key === "Enter") && target.closest("button, a")) return;
            const action = actions[e.key];
            if (!action) return;
            e.preventDefault();
            action();
        };
        addEventListener("keydown", onKey);
        return () => removeEventListener("keydown", onKey);
    }, []);
    void view;
}

function faster(player: Player, by: 1 | -1): void {
    const next = SPEEDS[SPEEDS.indexOf(player.rate.peek()) + by];
    if (next) player.setSpeed(next);
}

function Zoom({ view, player }: { view: { value: View }; player: Player }) {
    const spans: [string, number][] = [["10 min", 600], ["1 h", 3600], ["6 h", 21_600], ["1 day", 86_400], ["1 week", 604_800]];
    const shown = view.value.to - view.value.from;
    const nearest = spans.reduce((a, b) => (Math.abs(Math.log(a[1] / shown)) < Math.abs(Math.log(b[1] / shown)) ? a : b));
    return (
        <div class="zoom" role="group" aria-label="Timeline shows">
            {spans.map(([label, s]) => (
                <button type="button" key={label} class={nearest[1] === s ? "on" : ""} aria-pressed={nearest[1] === s}
                    onClick={() => zoom(view as Parameters<typeof zoom>[0], view.value, player.time.peek(), s / (view.value.to - view.value.from))}>{label}</button>
            ))}
        </div>
    );
}

function Jump({ at, onJump, onClose }: { at: number; onJump: (t: number) => void; onClose: () => void }) {
    const [value, setValue] = useState(localInput(at));
    return (
        <Dialog title="Go to a date and time" onClose={onClose}>
            <form onSubmit={(e) => { e.preventDefault(); onJump(fromLocalInput(value)); }}>
                <Field label="Date and time" type="datetime-local" step="1" name="when" value={value} max={localInput(now())} onInput={(e) => setValue(e.currentTarget.value)} required />
                <div class="actions">
                    <Button look="quiet" onClick={() => onJump(now() - 86_400)}>Yesterday, this time</Button>
                    <Button look="main" type="submit">Go there</Button>
                </div>
            </form>
        </Dialog>
    );
}

/* Events of what is in view, from this device's own copy; anew when something comes. */
function useEvents(camera: CameraView, view: { value: View }, events: { value: SeenEvent[] }): void {
    useSignalEffect(() => {
        void sync.value.version;
        const { from, to } = view.value;
        const span = to - from;
        void client.eventsBetween(camera.id, from - span, to + span).then((all) => (events.value = all)).catch(() => undefined);
    });
}

/* What happened, newest first, each with its picture. */
function EventStrip({ events, camera, player, onSeek }: { events: SeenEvent[]; camera: CameraView; player: Player; onSeek: (t: number) => void }) {
    const newest = events.filter((e) => e.label !== "motion").sort((a, b) => b.begin - a.begin).slice(0, 40);
    if (newest.length === 0) return null;
    const at = player.time.value * 1e6;
    return (
        <section class="events" aria-label="Events">
            {newest.map((e) => <EventCard key={e.id} event={e} on={player.mode.value !== "live" && at >= e.begin && at <= e.end + 1e6} onSeek={onSeek} />)}
            <a class="event all" href={`#/events?camera=${camera.id}`}><Icon name="list" /><span>All events</span></a>
        </section>
    );
}

function EventCard({ event, on, onSeek }: { event: SeenEvent; on: boolean; onSeek: (t: number) => void }) {
    const begin = event.begin / 1e6;
    return (
        <button type="button" class={`event ${event.alert ? "alert" : ""} ${on ? "on" : ""}`} onClick={() => onSeek(begin - 1)} aria-label={`${event.alert ? "Alert: " : ""}${whoOf(event)} at ${clockTime(begin)}`}>
            <Thumb event={event} />
            <span><Glyph label={event.label} />{whoOf(event)}{event.alert && <Icon name="bell" />}</span>
            <small>{isToday(begin) ? "" : `${dayName(begin)} `}{minuteTime(begin)}</small>
        </button>
    );
}
