/* "What did it see, and why": the hub's last 60 s of looking, over the picture and as a list. */
import { useSignal, useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { messageOf, wordOf } from "../shared/errors.ts";
import { becauseWords } from "../shared/rules.ts";
import { labelName, type DebugFrame, type DebugTrack, type DebugWhy } from "../shared/seeing.ts";
import { clockTime } from "./format.ts";
import { Glyph } from "./glyph.tsx";
import { drawBoxes, percent } from "./overlay.tsx";
import type { Player } from "./player.ts";
import { see } from "./seeing.ts";
import { command } from "./state.ts";
import { Button, Message, Tool } from "./ui.tsx";

const EVERY_MS = 1000;
const STILL_FITS_US = 1.2e6; /* a picture may be that far from the frame that was looked at */

const clean = (frames: unknown): DebugFrame[] => (Array.isArray(frames) ? frames : [])
    .filter((f): f is DebugFrame => typeof f?.wall === "number")
    .map((f) => ({ ...f, regions: f.regions ?? [], tracks: f.tracks ?? [], ms: f.ms ?? 0, answered: f.answered !== false }))
    .sort((a, b) => a.wall - b.wall);

export function DebugView({ player, camera, onClose }: { player: Player; camera: string; onClose: () => void }) {
    const frames = useSignal<DebugFrame[]>([]);
    const held = useSignal<number | null>(null); /* a frame that was chosen, by its time */
    const why = useSignal<DebugWhy[]>([]);
    const problem = useSignal<string | null>(null);
    const canvas = useRef<HTMLCanvasElement | null>(null);
    /* Over the picture, which is not this view's own. */
    useEffect(() => {
        const c = document.createElement("canvas");
        c.className = "boxes";
        c.setAttribute("aria-hidden", "true");
        player.video.after(c);
        canvas.current = c;
        return () => c.remove();
    }, [player]);
    useEffect(() => {
        let gone = false;
        let timer: ReturnType<typeof setTimeout>;
        const ask = async (): Promise<void> => {
            try {
                const r = await command<{ frames: unknown; why?: DebugWhy[] }>("see.debug", { camera });
                if (gone) return;
                if (held.peek() === null) {
                    frames.value = clean(r.frames);
                    why.value = Array.isArray(r.why) ? r.why : [];
                }
                problem.value = null;
            } catch (e) {
                problem.value = wordOf(e) === "unsupported" ? "This hub does not see yet: update it, and what it looks at is shown here." : messageOf(e);
            }
            if (!gone) timer = setTimeout(() => void ask(), EVERY_MS);
        };
        void ask();
        return () => {
            gone = true;
            clearTimeout(timer);
        };
    }, [camera]);

    const nearest = (t: number): DebugFrame | null => {
        let best: DebugFrame | null = null;
        for (const f of frames.value) if (f.answered && (!best || Math.abs(f.wall - t) < Math.abs(best.wall - t))) best = f;
        return best;
    };
    const current = (): DebugFrame | null => {
        if (held.value !== null) return frames.value.find((f) => f.wall === held.value) ?? null;
        const f = nearest(player.time.value * 1e6);
        return f && (player.mode.value === "live" || Math.abs(f.wall - player.time.value * 1e6) < STILL_FITS_US) ? f : null;
    };
    useSignalEffect(() => {
        const f = current();
        void player.time.value;
        if (!canvas.current) return;
        drawBoxes(canvas.current, player.video, (f?.tracks ?? []).map((t) => ({ box: t.box, label: t.label, text: `${labelName(t.label)} ${percent(t.score)}${t.still ? " · still" : ""}` })), f?.regions ?? []);
    });
    const hold = (f: DebugFrame): void => {
        held.value = f.wall;
        void player.seek(f.wall / 1e6, false);
    };
    const step = (by: number): void => {
        const all = frames.peek();
        const at = all.findIndex((f) => f.wall === (held.peek() ?? current()?.wall));
        const next = all[Math.max(0, Math.min(all.length - 1, at + by))];
        if (next) hold(next);
    };
    const f = current();
    const skipped = frames.value.filter((x) => !x.answered).length;
    return (
            <section class="debug" aria-label="What it sees, and why">
                <header>
                    <h2>What it sees, and why</h2>
                    <span class="muted num">{frames.value.length > 0 ? `Looked ${frames.value.filter((x) => x.answered).length} times in the last minute${skipped > 0 ? `, skipped ${skipped}` : ""}${f?.answered ? `; this one took ${Math.round(f.ms)} ms` : ""}` : ""}</span>
                        <Tool icon="stepBack" label="The look before" disabled={frames.value.length === 0} onClick={() => step(-1)} />
                    <Tool icon="stepOn" label="The next look" disabled={frames.value.length === 0} onClick={() => step(1)} />
                    {held.value !== null && <Button onClick={() => { held.value = null; player.live(); }}>Go on live</Button>}
                    <Tool icon="close" label="Close this view" onClick={onClose} />
                </header>
                {problem.value && <Message kind="warn">{problem.value}</Message>}
                {frames.value.length > 0 && <Strip frames={frames.value} now={f?.wall ?? null} onPick={hold} />}
                {!problem.value && frames.value.length === 0 && <p class="muted">{see.value?.on === false ? "Seeing is off." : "Nothing has moved in the last minute, so it had nothing to look at. Walk past the camera."}</p>}
                {f && (
                    <div class="debug-now">
                        <p class="num">{clockTime(f.wall / 1e6)} · {f.regions.length === 0 ? "nothing moved" : `${f.regions.length} ${f.regions.length === 1 ? "place" : "places"} moved (dashed)`} · {!f.answered ? "skipped, the hub was busy" : f.tracks.length === 0 ? "nothing found" : `${f.tracks.length} found`}</p>
                        {f.tracks.length > 0 && <ul class="debug-tracks">{f.tracks.map((t, i) => <Track key={t.id ?? i} track={t} />)}</ul>}
                    </div>
                )}
                {why.value.length > 0 && (
                    <ul class="debug-why" aria-label="What the rules say now">
                        {why.value.map((w, i) => <li key={i} class={w.because === "alert" ? "alert" : ""}><strong>{w.rule}</strong> {labelName(w.label ?? "")}{w.track !== undefined ? ` #${w.track}` : ""}: {w.text ?? becauseWords(w.because ?? "")}</li>)}
                    </ul>
                )}
            </section>
    );
}

const STATES: Record<string, string> = { new: "just confirmed", seen: "followed", lost: "gone" };
function Track({ track: t }: { track: DebugTrack }) {
    return (
        <li>
            <Glyph label={t.label} /><strong>{labelName(t.label)}</strong> <span class="num">{percent(t.score)}</span>
            <small class="muted">{t.id !== undefined ? `#${t.id} ` : ""}{t.still ? "stands still" : (STATES[t.state ?? ""] ?? t.state ?? "")}</small>
        </li>
    );
}

const heightOf = (f: DebugFrame): number => (f.answered ? Math.min(26, 7 + 6 * f.tracks.length) : 4);
/* A mark for each look: higher where more was found. */
function Strip({ frames, now: at, onPick }: { frames: DebugFrame[]; now: number | null; onPick: (f: DebugFrame) => void }) {
    const last = frames[frames.length - 1]!.wall;
    const first = Math.min(frames[0]!.wall, last - 10e6);
    const x = (t: number): number => ((t - first) / (last - first)) * 100;
    const ref = useRef<SVGSVGElement>(null);
    const pick = (e: PointerEvent): void => {
        const r = ref.current!.getBoundingClientRect();
        const t = first + ((e.clientX - r.left) / r.width) * (last - first);
        onPick(frames.reduce((a, b) => (Math.abs(b.wall - t) < Math.abs(a.wall - t) ? b : a)));
    };
    return (
        <svg ref={ref} class="debug-strip" viewBox="0 0 100 28" preserveAspectRatio="none" role="img" aria-label="Looks of the last minute; step through them with the buttons" onPointerDown={pick}>
            {frames.map((f) => <rect key={f.wall} class={f.wall === at ? "on" : f.tracks.length > 0 ? "found" : f.answered ? "" : "skipped"} x={x(f.wall) - 0.2} width="0.4" y={28 - heightOf(f)} height={heightOf(f)} />)}
        </svg>
    );
}
