/* What was shared, played: the owner's player and timeline, within the range that the grant names. */
import { useSignal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { messageOf, wordOf } from "../shared/errors.ts";
import { FOREVER } from "../shared/limits.ts";
import { refusalOf } from "../shared/refusal.ts";
import type { SeenEvent } from "../shared/seeing.ts";
import { now } from "../owner/backend.ts";
import { ExportPanel } from "../owner/clip.tsx";
import { clockTime, dayName, duration, fullTime, isToday, minuteTime } from "../owner/format.ts";
import { inspect } from "../owner/inspect.ts";
import { Player, SPEEDS } from "../owner/player.ts";
import { clampView, Timeline, type Range, type View } from "../owner/timeline.tsx";
import { Button, Icon, Logo, Tool } from "../owner/ui.tsx";
import { client, ended } from "./share.tsx";
import type { Shared } from "./worker.ts";

/* How soon an ended share is noticed while what is played lies in the buffer. */
const ALIVE_MS = 4000;
/* In a share that began that near to now there is nothing to look back at yet. */
const LIVE_WITHIN_S = 15;

const whenOf = (s: number): string => (isToday(s) ? `today, ${minuteTime(s)}` : `${dayName(s)}, ${minuteTime(s)}`);

function rangeWords({ from, to, live }: Shared): string {
    if (live && from > now() - 86_400 && to > now()) return `live, until ${whenOf(to)}`;
    if (to >= FOREVER) return `from ${whenOf(from)} on`;
    const same = new Date(from * 1000).toDateString() === new Date((to - 1) * 1000).toDateString();
    return same ? `${isToday(from) ? "Today" : dayName(from)}, ${clockTime(from)} to ${clockTime(to)} (${duration(to - from)})` : `${fullTime(from)} to ${fullTime(to)}`;
}

export function Show({ shared }: { shared: Shared }) {
    const [camera, setCamera] = useState(shared.cameras[0]!);
    const names = shared.cameras.map((c) => c.name).join(", ");
    useEffect(() => {
        document.title = `${names} · ${shared.household}`;
    }, []);
    useAlive();
    return (
        <main class="shared">
            <header class="shared-head">
                <a class="brand" href="/" aria-label="Cardea"><Logo /></a>
                <div>
                    <h1>{shared.cameras.length === 1 ? camera.name : shared.household}</h1>
                    <p class="muted num">{shared.cameras.length === 1 ? `${shared.household} · ` : ""}{rangeWords(shared)}</p>
                </div>
                <span class="pill shared-until">{shared.expires >= FOREVER ? "Does not expire" : `Open until ${whenOf(shared.expires)}`}</span>
            </header>
            {shared.words && <blockquote class="shared-words">{shared.words}</blockquote>}
            {shared.cameras.length > 1 && (
                <div class="chips" role="group" aria-label="Cameras">
                    {shared.cameras.map((c) => <button type="button" key={c.id} class={`chip ${c === camera ? "on" : ""}`} aria-pressed={c === camera} onClick={() => setCamera(c)}>{c.name}</button>)}
                </div>
            )}
            <Stage key={camera.id} shared={shared} camera={camera} />
            <footer class="shared-foot">
                <p><Icon name="eye" /> {shared.household} sees that this was opened, and when{shared.live ? ", and who watches live now" : ""}.</p>
                <p><Icon name="lock" /> It is opened on this device alone: the server that keeps it has no key. Nothing stays here when you close this page{shared.export ? "" : ", and it was shared for looking, not for keeping"}.</p>
            </footer>
        </main>
    );
}

/* An ended share ends here too, within seconds, whatever is buffered. */
function useAlive(): void {
    useEffect(() => {
        const timer = setInterval(() => {
            if (document.visibilityState === "visible")
                void client.alive().catch((e) => {
                    if (wordOf(e) === "denied" || wordOf(e) === "not_found") ended(refusalOf(e));
                });
        }, ALIVE_MS);
        return () => clearInterval(timer);
    }, []);
}

function Stage({ shared, camera }: { shared: Shared; camera: Shared["cameras"][number] }) {
    const video = useRef<HTMLVideoElement>(null);
    const stage = useRef<HTMLDivElement>(null);
    const [player, setPlayer] = useState<Player | null>(null);
    useEffect(() => {
        const p = new Player(video.current!, camera, { from: shared.from, to: shared.to, live: shared.live });
        if (p.mayLive) p.live();
        else void p.seek(shared.from, true);
        setPlayer(p);
        inspect({ player: p });
        return () => p.close();
    }, []);
    return (
        <>
            <div class="stage" ref={stage}>
                <video ref={video} playsInline muted aria-label={`${camera.name}, video`} onClick={() => player?.toggle()} />
                {player && <Overlay player={player} />}
            </div>
            {player && <Deck player={player} shared={shared} camera={camera} stage={stage} />}
        </>
    );
}

function Overlay({ player }: { player: Player }) {
    const stopped = player.stopped.value;
    const notice = player.notice.value;
    const mode = player.mode.value;
    return (
        <>
            {stopped && <div class="stage-stop" role="alert"><Icon name="warn" /><strong>{stopped.text}</strong><p>{stopped.detail}</p></div>}
            {player.loading.value && !stopped && <div class="stage-wait"><span class="spinner" role="status" aria-label="Loading" /></div>}
            <div class="stage-top">
                <span class={`badge ${mode}`}>{mode === "live" ? <><i class="dot" />Live</> : <>{isToday(player.time.value) ? "" : `${dayName(player.time.value)} `}{clockTime(player.time.value)}</>}</span>
                {mode !== "live" && player.rate.value !== 1 && <span class="badge quiet">{player.rate.value}×</span>}
            </div>
            <div class="stage-notice" role="status" aria-live="polite">
                {notice && <div class={`notice ${notice.kind}`}><strong>{notice.text}</strong>{notice.detail && <small>{notice.detail}</small>}</div>}
            </div>
        </>
    );
}

function Deck({ player, shared, camera, stage }: { player: Player; shared: Shared; camera: Shared["cameras"][number]; stage: { current: HTMLDivElement | null } }) {
    /* The end moves on while it is shared live. */
    const [bounds] = useState<Range>(() => ({ from: shared.from, get to() { return Math.min(shared.to, now() + 1); } }));
    const view = useSignal<View>(clampView({ from: shared.from, to: Math.min(shared.to, now()) }, bounds));
    const trim = useSignal<Range | null>(null);
    const events = useSignal<SeenEvent[]>([]);
    const live = player.mode.value === "live";
    const nothingYet = shared.from > now() - LIVE_WITHIN_S && shared.live;
    useKeys(player, stage);
    return (
        <div class="deck">
            {!nothingYet && <Timeline player={player} view={view} trim={trim} events={events} bounds={bounds} onSeek={(t) => void player.seek(t)} />}
            <div class="transport" role="toolbar" aria-label="Playback">
                <div class="group">
                    <Tool icon="stepBack" label="Previous picture" keys="," onClick={() => player.step(-1)} />
                    <button type="button" class="tool big" aria-label={player.playing.value ? "Pause" : "Play"} title={`${player.playing.value ? "Pause" : "Play"} (space)`} onClick={() => again(player, shared)}>
                        <Icon name={player.playing.value ? "pause" : "play"} />
                    </button>
                    <Tool icon="stepOn" label="Next picture" keys="." onClick={() => player.step(1)} />
                </div>
                <div class="group">
                    {player.mayLive && <button type="button" class={`live-button ${live ? "on" : ""}`} aria-pressed={live} onClick={() => player.live()}><i class="dot" />Live</button>}
                    <label class="speed">
                        <span class="sr">Speed</span>
                        <select value={String(player.rate.value)} onChange={(e) => player.setSpeed(Number(e.currentTarget.value))}>
                            {SPEEDS.map((s) => <option key={s} value={String(s)}>{s}×</option>)}
                        </select>
                    </label>
                </div>
                <div class="group end">
                    {player.hasSound.value && <Tool icon={player.sound.value ? "sound" : "mute"} label={player.sound.value ? "Sound off" : "Sound on"} keys="m" aria-pressed={player.sound.value} onClick={() => player.setSound(!player.sound.value)} />}
                    <Tool icon="full" label="Full screen" keys="f" onClick={() => fullScreen(stage.current!)} />
                    {shared.export && !nothingYet && <Button icon="scissors" aria-pressed={trim.value !== null} onClick={() => (trim.value = trim.value ? null : { from: bounds.from, to: Math.min(bounds.to, bounds.from + 600) })}>Download</Button>}
                </div>
            </div>
            {trim.value && <ExportPanel player={player} camera={{ id: camera.id, profile: { name: camera.name } }} trim={trim} />}
        </div>
    );
}

/* Play at the end begins anew. */
function again(player: Player, shared: Shared): void {
    const atEnd = !player.playing.peek() && player.mode.peek() === "recorded" && player.time.peek() > Math.min(shared.to, now()) - 1.5;
    if (atEnd) void player.seek(shared.from, true);
    else player.toggle();
}

const fullScreen = (el: HTMLElement): void => void (document.fullscreenElement ? document.exitFullscreen() : el.requestFullscreen?.()?.catch((e) => console.info(messageOf(e))));

function useKeys(player: Player, stage: { current: HTMLDivElement | null }): void {
    useEffect(() => {
        const onKey = (e: KeyboardEvent): void => {
            const target = e.target as HTMLElement;
            if (e.ctrlKey || e.metaKey || e.altKey || target.closest("input, textarea, select")) return;
            if ((e.key === " " || e.key === "Enter") && target.closest("button, a")) return;
            const step = e.shiftKey ? 60 : 5;
            const actions: Record<string, () => void> = {
                " ": () => player.toggle(), ArrowLeft: () => player.skip(-step), ArrowRight: () => player.skip(step), ",": () => player.step(-1), ".": () => player.step(1),
                l: () => player.live(), m: () => player.setSound(!player.sound.peek()), f: () => fullScreen(stage.current!),
            };
            const action = actions[e.key];
            if (!action) return;
            e.preventDefault();
            action();
        };
        addEventListener("keydown", onKey);
        return () => removeEventListener("keydown", onKey);
    }, []);
}
