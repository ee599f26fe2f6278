/* What an owner lets an agent see, marked, for as long as they let it. No file, no copy, no second window comes out of it. */
import { useSignal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { messageOf, wordOf } from "../shared/errors.ts";
import { unhex } from "../shared/bytes.ts";
import { now } from "../owner/backend.ts";
import { clockTime, dayName, isToday } from "../owner/format.ts";
import { inspect } from "../owner/inspect.ts";
import { Player, SPEEDS } from "../owner/player.ts";
import { Button, Icon, Page, sentence, Tool } from "../owner/ui.tsx";
import { MarkedCanvas } from "./marked.ts";
import { agentName, client, shortTicket } from "./state.ts";
import type { Me, Shown } from "./worker.ts";

const ALIVE_MS = 1500;
type State = { at: "opening" } | { at: "open"; shown: Shown } | { at: "over"; title: string; text: string };

function overOf(e: unknown): Extract<State, { at: "over" }> {
    const m = messageOf(e);
    if (wordOf(e) === "offline") return { at: "over", title: "The vault does not answer", text: "Nothing is shown while it is away. Go back and open it again when the connection is there." };
    if (/revoked|withdrawn|ended/.test(m)) return { at: "over", title: "The owner ended this", text: "Nothing of it is left here. If you need to see more, say why in the ticket and ask again." };
    if (/expired|is over/.test(m)) return { at: "over", title: "The time is over", text: "What the owner allowed has ended. If you need to see more, say why in the ticket and ask again." };
    if (/closed/.test(m)) return { at: "over", title: "The ticket is closed", text: "With it ends what was allowed under it." };
    if (wordOf(e) === "forged") return { at: "over", title: "This was not opened", text: sentence(`What the vault sent does not prove itself: ${m}. Tell an administrator`) };
    return { at: "over", title: "This was not opened", text: sentence(m) };
}

export function ViewPage({ ticket, grant, me }: { ticket: string; grant: string; me: Me }) {
    const [state, setState] = useState<State>({ at: "opening" });
    useEffect(() => {
        let gone = false;
        const end = (e: unknown): void => {
            if (gone) return;
            void client.hide();
            setState(overOf(e));
        };
        void client.show(ticket, grant).then((shown) => !gone && setState({ at: "open", shown }), end);
        const timer = setInterval(() => void client.alive().catch((e) => wordOf(e) !== "offline" && !/nothing open/.test(messageOf(e)) && end(e)), ALIVE_MS);
        return () => {
            gone = true;
            clearInterval(timer);
            void client.hide();
        };
    }, []);
    const back = <a class="desk-back link" href={`#/ticket/${ticket}`}><Icon name="back" /> {shortTicket(ticket)}</a>;
    if (state.at === "opening")
        return <Page title="Opening">{back}<p class="desk-wait" role="status"><span class="spinner" aria-hidden="true" /> The use is written to the public log, and its proof is checked</p></Page>;
    if (state.at === "over")
        return (
            <Page title={state.title}>
                {back}
                <div class="empty" role="alert"><span class="empty-art"><Icon name="lock" /></span><h2>{state.title}</h2><p>{state.text}</p><Button look="main" onClick={() => (location.hash = `#/ticket/${ticket}`)}>Back to the ticket</Button></div>
            </Page>
        );
    return <Show shown={state.shown} ticket={ticket} me={me} back={back} onOver={() => (void client.hide(), setState(overOf(new Error("the time is over"))))} />;
}

const left = (s: number): string => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;

function Show({ shown, ticket, me, back, onOver }: { shown: Shown; ticket: string; me: Me; back: preact.ComponentChildren; onOver: () => void }) {
    const [camera, setCamera] = useState(shown.cameras[0]!);
    const tick = useSignal(0);
    const rest = shown.expires - now();
    useEffect(() => {
        const timer = setInterval(() => (now() >= shown.expires ? onOver() : tick.value++), 500);
        return () => clearInterval(timer);
    }, []);
    void tick.value;
    return (
        <Page title={camera.name} actions={<span class={`desk-left num ${rest < 30 ? "soon" : ""}`} role="timer" aria-label="Time left"><i class="dot" aria-hidden="true" />{left(Math.max(0, rest))} left</span>}>
            {back}
            {shown.cameras.length > 1 && (
                <div class="chips" role="group" aria-label="Cameras">
                    {shown.cameras.map((c) => <button type="button" key={c.id} class={`chip ${c === camera ? "on" : ""}`} aria-pressed={c === camera} onClick={() => setCamera(c)}>{c.name}</button>)}
                </div>
            )}
            <Stage key={camera.id} shown={shown} camera={camera} ticket={ticket} me={me} />
            <p class="muted desk-told"><Icon name="eye" /> The owner sees that you watch, and can end it. Every frame says that it was shown to {agentName(me)}.</p>
        </Page>
    );
}

function Stage({ shown, camera, ticket, me }: { shown: Shown; camera: Shown["cameras"][number]; ticket: string; me: Me }) {
    const canvas = useRef<HTMLCanvasElement>(null);
    const stage = useRef<HTMLDivElement>(null);
    const [player, setPlayer] = useState<Player | null>(null);
    useEffect(() => {
        const video = document.createElement("video");
        video.muted = true;
        video.playsInline = true;
        video.disablePictureInPicture = true;
        video.disableRemotePlayback = true;
        const marked = new MarkedCanvas(canvas.current!, video, { key: unhex(me.key), words: `${agentName(me)} · ${me.name} · ${shortTicket(ticket)}`, now });
        const p = new Player(video, camera, { from: shown.from, to: shown.to, live: shown.live });
        if (p.mayLive) p.live();
        else void p.seek(shown.from, true);
        setPlayer(p);
        inspect({ player: p, marked });
        return () => {
            p.close();
            marked.close();
        };
    }, []);
    return (
        <>
            <div class="stage desk-stage" ref={stage}>
                <canvas ref={canvas} width={1} height={1} role="img" aria-label={`${camera.name}, marked picture`} onDragStart={(e) => e.preventDefault()} />
                {player && <Overlay player={player} />}
            </div>
            {player && <Deck player={player} shown={shown} stage={stage} />}
        </>
    );
}

function Overlay({ player }: { player: Player }) {
    const stopped = player.stopped.value;
    const notice = player.notice.value;
    const live = player.mode.value === "live";
    return (
        <>
            {stopped && <div class="stage-stop" role="alert"><Icon name="warn" /><strong>{stopped.text}</strong><p>{stopped.detail}</p></div>}
            {player.loading.value && !stopped && <div class="stage-wait"><span class="spinner" role="status" aria-label="Loading" /></div>}
            <div class="stage-top"><span class={`badge ${player.mode.value}`}>{live ? <><i class="dot" />Live</> : <>{isToday(player.time.value) ? "" : `${dayName(player.time.value)} `}{clockTime(player.time.value)}</>}</span></div>
            <div class="stage-notice" role="status" aria-live="polite">{notice && <div class={`notice ${notice.kind}`}><strong>{notice.text}</strong>{notice.detail && <small>{notice.detail}</small>}</div>}</div>
        </>
    );
}

function Deck({ player, shown, stage }: { player: Player; shown: Shown; stage: { current: HTMLDivElement | null } }) {
    const live = player.mode.value === "live";
    const end = Math.min(shown.to, now());
    useEffect(() => {
        const onKey = (e: KeyboardEvent): void => {
            const target = e.target as HTMLElement;
            if (e.ctrlKey || e.metaKey || e.altKey || target.closest("input, textarea, select, button, a")) return;
            const actions: Record<string, () => void> = {
                " ": () => player.toggle(), ArrowLeft: () => player.skip(-5), ArrowRight: () => player.skip(5), ",": () => player.step(-1), ".": () => player.step(1), l: () => player.live(),
                f: () => void stage.current?.requestFullscreen?.().catch(() => undefined),
            };
            const action = actions[e.key];
            if (!action) return;
            e.preventDefault();
            action();
        };
        addEventListener("keydown", onKey);
        return () => removeEventListener("keydown", onKey);
    }, []);
    return (
        <div class="deck">
            {!shown.live && <input class="desk-scrub" type="range" aria-label="Time" aria-valuetext={clockTime(player.time.value)} min={shown.from} max={end} step={0.1} value={player.time.value} onInput={(e) => void player.seek(Number(e.currentTarget.value))} />}
            <div class="transport" role="toolbar" aria-label="Playback">
                <div class="group">
                    <Tool icon="stepBack" label="Previous picture" keys="," onClick={() => player.step(-1)} />
                    <button type="button" class="tool big" aria-label={player.playing.value ? "Pause" : "Play"} onClick={() => player.toggle()}><Icon name={player.playing.value ? "pause" : "play"} /></button>
                    <Tool icon="stepOn" label="Next picture" keys="." onClick={() => player.step(1)} />
                </div>
                <div class="group">
                    {player.mayLive && <button type="button" class={`live-button ${live ? "on" : ""}`} aria-pressed={live} onClick={() => player.live()}><i class="dot" />Live</button>}
                    {!live && (
                        <label class="speed"><span class="sr">Speed</span><select value={String(player.rate.value)} onChange={(e) => player.setSpeed(Number(e.currentTarget.value))}>{SPEEDS.filter((s) => s <= 4).map((s) => <option key={s} value={String(s)}>{s}×</option>)}</select></label>
                    )}
                </div>
                <div class="group end"><Tool icon="full" label="Full screen" keys="f" onClick={() => void (document.fullscreenElement ? document.exitFullscreen() : stage.current?.requestFullscreen?.().catch(() => undefined))} /></div>
            </div>
        </div>
    );
}
