/* One event: its moment played with its box, why it alerted or not, and what can be done about it. */
import { useSignal, useSignalEffect } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import type { CameraView } from "../shared/views.ts";
import { why } from "../shared/rules.ts";
import type { SeenEvent } from "../shared/seeing.ts";
import { placesOf, whoOf } from "./eventlist.tsx";
import { clockTime, duration, isToday, longDay } from "./format.ts";
import { Glyph } from "./glyph.tsx";
import { inspect } from "./inspect.ts";
import { Boxes, percent } from "./overlay.tsx";
import { lazy } from "./lazy.tsx";
import { Player } from "./player.ts";
import { go } from "./route.ts";
import { interesting, marked, notInteresting, ruleNames, ruleOf, see } from "./seeing.ts";
import { client, household, isOwner } from "./state.ts";
import { useEventPicture } from "./thumb.tsx";
import type { Range } from "./timeline.tsx";
import { Button, Icon, Tool } from "./ui.tsx";

const ShareDialog = lazy<{ camera: CameraView; range: Range | null; onClose: () => void }>(() => import("./share.tsx").then((m) => m.ShareDialog), true);
const BEFORE_S = 2.5;
const AFTER_S = 3;

export function EventDetail({ event: e, onClose, onOlder, onNewer }: { event: SeenEvent; onClose: () => void; onOlder: (() => void) | null; onNewer: (() => void) | null }) {
    const head = useRef<HTMLHeadingElement>(null);
    useEffect(() => head.current?.focus({ preventScroll: true }), []);
    const begin = e.begin / 1e6;
    return (
        <article class="detail">
            <header class="detail-head">
                <Tool icon="back" label="All events" keys="Esc" onClick={onClose} />
                <div>
                    <h2 ref={head} tabIndex={-1}><Glyph label={e.label} />{whoOf(e)}</h2>
                    <p class="muted num">{isToday(begin) ? "Today" : longDay(begin)}, {clockTime(begin)}</p>
                </div>
                <div class="detail-steps">
                    <Tool icon="up" label="Newer event" keys="k" disabled={!onNewer} onClick={() => onNewer?.()} />
                    <Tool icon="down" label="Older event" keys="j" disabled={!onOlder} onClick={() => onOlder?.()} />
                </div>
            </header>
            <Moment event={e} />
            <p class="detail-place">{placesOf(e)}{e.end > e.begin + 1e6 ? `, for ${duration((e.end - e.begin) / 1e6)}` : ""}{e.still && ", stood still"}</p>
            <WhyBox event={e} />
            <Actions event={e} />
        </article>
    );
}

/* The recording around the event; its picture until that plays, and where nothing was recorded. */
function Moment({ event: e }: { event: SeenEvent }) {
    const video = useRef<HTMLVideoElement>(null);
    const url = useEventPicture(e);
    const [recorded, setRecorded] = useState<boolean | null>(null);
    const player_ = useSignal<Player | null>(null);
    const shown = useSignal(false);
    const events = useSignal<SeenEvent[]>([e]);
    const boxes = useSignal(localStorage.getItem("boxes") !== "off");
    const camera = household.value?.cameras.find((c) => c.id === e.camera);
    const begin = e.begin / 1e6 - BEFORE_S;
    const end = Math.max(e.end / 1e6, e.begin / 1e6 + 2) + AFTER_S;
    useEffect(() => {
        let gone = false;
        let made: Player | null = null;
        void client.spans(e.camera, Math.floor(begin), Math.ceil(end)).then((spans) => {
            if (gone) return;
            const there = camera !== undefined && spans.some((s) => s.from < e.begin / 1e6 + 2 && s.to > e.begin / 1e6);
            setRecorded(there);
            if (!there || !video.current) return;
            made = new Player(video.current, camera);
            inspect({ player: made });
            void made.seek(begin, true);
            player_.value = made;
        }).catch(() => setRecorded(false));
        void client.eventsBetween(e.camera, begin, end).then((all) => !gone && (events.value = all.some((x) => x.id === e.id) ? all : [...all, e])).catch(() => undefined);
        return () => {
            gone = true;
            made?.close();
        };
    }, [e.camera, e.begin]);
    useEffect(() => {
        events.value = [...events.peek().filter((x) => x.id !== e.id && x.id !== e.replaces), e];
    }, [e.id]);
    useSignalEffect(() => {
        const player = player_.value;
        if (!player) return;
        if (!player.loading.value && player.mode.value === "recorded") shown.value = true;
        /* It ends where the event ends, and can be seen again. */
        if (player.time.value > end && player.playing.peek()) player.pause();
    });
    const player = player_.value;
    const again = (): void => void player?.seek(begin, true);
    const ended = player !== null && !player.playing.value && player.time.value > end - 0.5;
    return (
        <div class="moment">
            {url && !shown.value && <img class="behind" src={url} alt="" aria-hidden="true" />}
            {url && !shown.value && <img class="front" src={url} alt={`${whoOf(e)}, the picture of the event`} />}
            {url === null && !shown.value && recorded === false && <Glyph label={e.label} />}
            <video ref={video} muted playsInline class={shown.value ? "shown" : ""} aria-label="The moment of the event" onClick={() => player?.toggle()} />
            {player && shown.value && boxes.value && <Boxes video={player.video} time={player.time} events={events} chosen={e.id} />}
            {recorded === null && <span class="spinner" role="status" aria-label="Loading" />}
            {recorded === false && <span class="badge quiet moment-note">Its picture alone: nothing was recorded then</span>}
            {player && shown.value && (
                <div class="moment-bar">
                    <button type="button" class="tool" aria-label={ended ? "Play again" : player.playing.value ? "Pause" : "Play"} onClick={() => (ended ? again() : player.toggle())}><Icon name={ended ? "replay" : player.playing.value ? "pause" : "play"} /></button>
                    <input type="range" aria-label="Time" min={begin} max={end} step="0.1" value={player.time.value} onInput={(x) => void player.seek(Number(x.currentTarget.value))} />
                    <button type="button" class="tool" data-key="o" aria-pressed={boxes.value} aria-label="Boxes and ways" title="Boxes and ways (o)" onClick={() => ((boxes.value = !boxes.value), localStorage.setItem("boxes", boxes.value ? "on" : "off"))}><Icon name="boxes" /></button>
                    <a class="tool" aria-label="Open in the camera's timeline" title="Open in the camera's timeline" href={`#/camera/${e.camera}?t=${begin.toFixed(0)}`}><Icon name="full" /></a>
                </div>
            )}
        </div>
    );
}

function WhyBox({ event: e }: { event: SeenEvent }) {
    const w = why(e, e.alert ? ruleOf(e.alert.rule) : null, ruleNames.value);
    return (
        <section class={`why ${e.alert ? "alert" : ""}`} aria-label={e.alert ? "Why this alert" : "Why no alert"}>
            <h3><Icon name={e.alert ? "bell" : "bellOff"} />{w.headline}</h3>
            {w.lines.length > 0 && <ul>{w.lines.map((l) => <li key={l}>{l}</li>)}</ul>}
            {w.instead.length > 0 && (
                <details>
                    <summary>What would have stopped it</summary>
                    <ul>{w.instead.map((l) => <li key={l}>{l.charAt(0).toUpperCase() + l.slice(1)}</li>)}</ul>
                </details>
            )}
            {e.alert && isOwner.value && <a class="link" href={`#/alerts?rule=${e.alert.rule}`}>Change this rule</a>}
            {isOwner.value && !e.alert && e.label !== "motion" && e.quiet.length === 0 && <a class="link" href="#/alerts">Make a rule</a>}
            {e.gap && <p class="muted">For a part of it nobody was looking: the hub's vision was starting again.</p>}
        </section>
    );
}

function Actions({ event: e }: { event: SeenEvent }) {
    const off = marked.value.has(e.id);
    const person = e.label === "person" && e.picture !== null;
    const camera = household.value?.cameras.find((c) => c.id === e.camera);
    const [sharing, setSharing] = useState(false);
    const canName = person && see.value?.faces.on && !(e.face && "person" in e.face);
    return (
        <>
            <div class="actions start">
                {isOwner.value && camera && <Button icon="link" onClick={() => setSharing(true)}>Share</Button>}
                {!isOwner.value ? null : off ? <Button icon="undo" onClick={() => void interesting(e)}>Take “Not interesting” back</Button>
                    : e.label !== "motion" && <Button icon="bellOff" data-key="n" title="What looks like this in this place stays quiet (n)" onClick={() => void notInteresting(e)}>Not interesting</Button>}
                {canName && <Button icon="face" onClick={() => go(`#/faces?event=${e.id}`)}>I know who this is</Button>}
            </div>
            {sharing && camera && <ShareDialog camera={camera} range={{ from: e.begin / 1e6 - BEFORE_S, to: Math.max(e.end / 1e6, e.begin / 1e6 + 2) + AFTER_S }} onClose={() => setSharing(false)} />}
            <dl class="facts small">
                {e.score > 0 && <div><dt>Sure</dt><dd class="num">{percent(e.score)}</dd></div>}
                {e.model && <div><dt>Seen by</dt><dd>{e.model === "motion-classifier" ? "Built-in classifier (coarse)" : e.model}</dd></div>}
                <div><dt>Event</dt><dd><code>{e.id.slice(0, 8)}</code></dd></div>
            </dl>
        </>
    );
}
