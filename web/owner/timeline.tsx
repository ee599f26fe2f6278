/* The timeline of one camera: what is recorded, where gaps are, what happened, under a pointer that shows pictures. */
import { useSignal, useSignalEffect, type Signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Span } from "../shared/recordings.ts";
import type { SeenEvent } from "../shared/seeing.ts";
import { clockTime, dayName, fullTime, isToday, minuteTime, startOfDay } from "./format.ts";
import { colorVar, glyphPath } from "./glyph.tsx";
import type { Player } from "./player.ts";
import { backend, now } from "./backend.ts";
import { theme } from "./theme.ts";

export interface View {
    from: number; /* s */
    to: number;
}
export interface Range {
    from: number;
    to: number;
}

const MIN_SPAN = 30;
const MAX_SPAN = 14 * 86400;
const AXIS = 22;
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400];

interface Props {
    player: Player;
    view: Signal<View>;
    trim: Signal<Range | null>;
    events: Signal<SeenEvent[]>;
    onSeek: (t: number) => void;
    bounds?: Range | undefined; /* what there is to see, when it is not all */
}

export function clampView(v: View, bounds?: Range): View {
    const most = bounds ? Math.max(1, bounds.to - bounds.from) : MAX_SPAN;
    const span = Math.min(most, Math.max(MIN_SPAN, v.to - v.from));
    const middle = (v.from + v.to) / 2;
    const latest = bounds ? Math.max(bounds.to, bounds.from + span) : now() + span * 0.15;
    const to = Math.max(bounds ? bounds.from + span : -Infinity, Math.min(latest, middle + span / 2));
    return { from: to - span, to };
}

export function Timeline({ player, view, trim, events, onSeek, bounds }: Props) {
    const canvas = useRef<HTMLCanvasElement>(null);
    const spans = useSignal<Span[]>([]);
    const hover = useSignal<{ x: number; t: number } | null>(null);
    const dark = useSignal(matchMedia("(prefers-color-scheme: dark)").matches);
    const width = useSignal(0);

    useEffect(() => {
        const media = matchMedia("(prefers-color-scheme: dark)");
        const changed = (): void => void (dark.value = media.matches);
        media.addEventListener("change", changed);
        const observer = new ResizeObserver(() => (width.value = canvas.current?.clientWidth ?? 0));
        observer.observe(canvas.current!);
        return () => (media.removeEventListener("change", changed), observer.disconnect());
    }, []);

    useSpans(player, view, spans);
    useSignalEffect(() => {
        void dark.value;
        void theme.value;
        if (width.value > 0)
            draw(canvas.current!, {
                view: view.value, spans: spans.value, events: events.value, time: player.time.value, trim: trim.value,
                hover: hover.value?.t ?? null, live: player.mode.value !== "recorded", grows: player.mayLive,
            });
    });
    useFollow(player, view, bounds);
    usePointer(canvas, { player, view, trim, hover, onSeek, bounds });

    const t = player.time.value;
    return (
        <div class="timeline">
            <canvas ref={canvas} tabIndex={0} role="slider" aria-label="Timeline" aria-valuemin={Math.round(view.value.from)} aria-valuemax={Math.round(view.value.to)}
                aria-valuenow={Math.round(t)} aria-valuetext={player.mode.value === "live" ? `Live, ${clockTime(t)}` : fullTime(t)} />
            {hover.value && <Preview player={player} x={hover.value.x} t={hover.value.t} spans={spans.value} width={width.value} />}
        </div>
    );
}

/* Loads what the view shows, and asks again while it reaches into the present. */
function useSpans(player: Player, view: Signal<View>, spans: Signal<Span[]>): void {
    const asked = useRef("");
    const load = (force: boolean): void => {
        const { from, to } = view.peek();
        const days = `${player.stream.peek()} ${Math.floor(from / 86400)} ${Math.floor(to / 86400)}`;
        if (!force && days === asked.current) return;
        asked.current = days;
        void backend.spans(player.stream.peek(), Math.floor(from) - 86400, Math.ceil(to) + 86400)
            .then((s) => asked.current === days && (spans.value = s))
            .catch(() => (asked.current = ""));
    };
    useSignalEffect(() => {
        void view.value;
        void player.stream.value;
        load(false);
    });
    useEffect(() => {
        const timer = setInterval(() => load(true), 3000);
        return () => clearInterval(timer);
    }, []);
}

/* Keeps the playhead in view while it moves by itself. */
function useFollow(player: Player, view: Signal<View>, bounds?: Range): void {
    const last = useRef(0);
    useSignalEffect(() => {
        const t = player.time.value;
        const { from, to } = view.peek();
        const moved = t - last.current;
        last.current = t;
        const span = to - from;
        if (moved < 0 || moved > 5) {
            if (t < from || t > to) view.value = clampView({ from: t - span * 0.7, to: t + span * 0.3 }, bounds);
            return;
        }
        if (t > to - span * 0.12 && t < to + 5) view.value = bounds ? clampView({ from: from + moved, to: to + moved }, bounds) : { from: from + moved, to: to + moved };
    });
}

interface PointerParts {
    player: Player;
    view: Signal<View>;
    trim: Signal<Range | null>;
    hover: Signal<{ x: number; t: number } | null>;
    onSeek: (t: number) => void;
    bounds: Range | undefined;
}

function usePointer(ref: { current: HTMLCanvasElement | null }, p: PointerParts): void {
    useEffect(() => {
        const c = ref.current!;
        const at = (x: number): number => {
            const { from, to } = p.view.peek();
            return from + (x / c.clientWidth) * (to - from);
        };
        const xOf = (t: number): number => ((t - p.view.peek().from) / (p.view.peek().to - p.view.peek().from)) * c.clientWidth;
        const down = new Map<number, number>();
        let drag: { what: "pan" | "play" | "from" | "to"; x: number; view: View; moved: boolean; pinch: number } | null = null;
        let lastSeek = 0;

        const grab = (x: number, touch: boolean): "pan" | "play" | "from" | "to" => {
            const near = touch ? 22 : 9;
            const trim = p.trim.peek();
            if (trim && Math.abs(xOf(trim.from) - x) < near) return "from";
            if (trim && Math.abs(xOf(trim.to) - x) < near) return "to";
            return Math.abs(xOf(p.player.time.peek()) - x) < near ? "play" : "pan";
        };
        const onDown = (e: PointerEvent): void => {
            c.setPointerCapture(e.pointerId);
            down.set(e.pointerId, e.offsetX);
            const [a, b] = [...down.values()];
            const pinch = b === undefined ? 0 : Math.abs(a! - b);
            drag = { what: pinch ? "pan" : grab(e.offsetX, e.pointerType === "touch"), x: e.offsetX, view: p.view.peek(), moved: pinch > 0, pinch };
        };
        const onMove = (e: PointerEvent): void => {
            const x = Math.max(0, Math.min(c.clientWidth, e.offsetX));
            if (!drag) {
                if (e.pointerType !== "touch") p.hover.value = { x, t: at(x) };
                c.dataset["grab"] = grab(x, false);
                return;
            }
            down.set(e.pointerId, e.offsetX);
            if (Math.abs(x - drag.x) > 4) drag.moved = true;
            if (!drag.moved) return;
            const span = drag.view.to - drag.view.from;
            const [a, b] = [...down.values()];
            if (drag.pinch > 0 && a !== undefined && b !== undefined) {
                const middle = drag.view.from + ((a + b) / 2 / c.clientWidth) * span;
                zoom(p.view, drag.view, middle, drag.pinch / Math.max(20, Math.abs(a - b)), p.bounds);
            } else if (drag.what === "pan") {
                const shift = ((drag.x - x) / c.clientWidth) * span;
                p.view.value = clampView({ from: drag.view.from + shift, to: drag.view.to + shift }, p.bounds);
                p.hover.value = null;
            } else if (drag.what === "play") {
                p.hover.value = { x, t: at(x) };
                if (performance.now() - lastSeek > 180) {
                    lastSeek = performance.now();
                    p.onSeek(at(x));
                }
            } else {
                const trim = p.trim.peek()!;
                const t = at(x);
                p.hover.value = { x, t };
                p.trim.value = drag.what === "from" ? { from: Math.min(t, trim.to - 1), to: trim.to } : { from: trim.from, to: Math.max(t, trim.from + 1) };
            }
        };
        const onUp = (e: PointerEvent): void => {
            const was = drag;
            down.delete(e.pointerId);
            if (down.size === 0) drag = null;
            if (!was || e.type === "pointercancel") return;
            if (!was.moved || was.what === "play") p.onSeek(at(e.offsetX));
            if (e.pointerType === "touch") p.hover.value = null;
        };
        const onWheel = (e: WheelEvent): void => {
            e.preventDefault();
            const v = p.view.peek();
            const span = v.to - v.from;
            const sideways = e.shiftKey ? e.deltaY || e.deltaX : Math.abs(e.deltaX) > Math.abs(e.deltaY) ? e.deltaX : 0;
            if (sideways) {
                const shift = (sideways / c.clientWidth) * span;
                p.view.value = clampView({ from: v.from + shift, to: v.to + shift }, p.bounds);
            } else zoom(p.view, v, at(e.offsetX), Math.exp(e.deltaY * 0.0022), p.bounds);
            p.hover.value = { x: e.offsetX, t: at(e.offsetX) };
        };
        const onLeave = (): void => {
            if (!drag) p.hover.value = null;
        };
        const pairs: [string, EventListener, AddEventListenerOptions?][] = [
            ["pointerdown", onDown as EventListener], ["pointermove", onMove as EventListener], ["pointerup", onUp as EventListener],
            ["pointercancel", onUp as EventListener], ["pointerleave", onLeave], ["wheel", onWheel as EventListener, { passive: false }],
        ];
        pairs.forEach(([n, f, o]) => c.addEventListener(n, f, o));
        return () => pairs.forEach(([n, f]) => c.removeEventListener(n, f));
    }, []);
}

export function zoom(view: Signal<View>, from: View, around: number, factor: number, bounds?: Range): void {
    const span = Math.min(MAX_SPAN, bounds ? Math.max(1, bounds.to - bounds.from) : MAX_SPAN, Math.max(MIN_SPAN, (from.to - from.from) * factor));
    const part = (around - from.from) / (from.to - from.from);
    view.value = clampView({ from: around - span * part, to: around + span * (1 - part) }, bounds);
}

/* The picture nearest the pointer. One request at a time; the newest position wins. */
function Preview({ player, x, t, spans, width }: { player: Player; x: number; t: number; spans: Span[]; width: number }) {
    const url = useSignal<string | null>(null);
    const wanted = useRef(0);
    const busy = useRef(false);
    const shown = useRef(-1);
    const ask = (): void => {
        if (busy.current) return;
        const target = wanted.current;
        busy.current = true;
        void backend.picture(player.stream.peek(), target)
            .then((p) => {
                if (p?.slot === shown.current) return;
                shown.current = p?.slot ?? -1;
                if (url.peek()) URL.revokeObjectURL(url.peek()!);
                url.value = p ? URL.createObjectURL(p.blob) : null;
            })
            .catch(() => undefined)
            .finally(() => {
                busy.current = false;
                if (Math.abs(wanted.current - target) > 0.5) ask();
            });
    };
    useEffect(() => {
        wanted.current = t;
        ask();
    }, [t]);
    useEffect(() => () => void (url.peek() && URL.revokeObjectURL(url.peek()!)), []);
    const inSpan = spans.some((s) => t >= s.from && t < s.to);
    const half = 90;
    const left = Math.max(half + 4, Math.min(width - half - 4, x));
    return (
        <div class="preview" style={{ left: `${left}px` }} aria-hidden="true">
            {inSpan && url.value ? <img src={url.value} alt="" /> : <div class="nothing">{inSpan ? "" : t > now() ? "Not yet" : t > now() - 20 ? "Being recorded" : "Nothing recorded"}</div>}
            <span>{isToday(t) ? clockTime(t) : fullTime(t)}</span>
        </div>
    );
}

interface Scene {
    view: View;
    spans: Span[];
    events: SeenEvent[];
    time: number;
    trim: Range | null;
    hover: number | null;
    live: boolean;
    grows: boolean; /* what is recorded now will be seen */
}

function draw(c: HTMLCanvasElement, s: Scene): void {
    const scale = devicePixelRatio || 1;
    const w = c.clientWidth;
    const h = c.clientHeight;
    if (c.width !== Math.round(w * scale) || c.height !== Math.round(h * scale)) {
        c.width = Math.round(w * scale);
        c.height = Math.round(h * scale);
    }
    const g = c.getContext("2d")!;
    const style = getComputedStyle(c);
    const color = (name: string): string => style.getPropertyValue(name).trim();
    g.setTransform(scale, 0, 0, scale, 0, 0);
    g.clearRect(0, 0, w, h);
    const { from, to } = s.view;
    const x = (t: number): number => ((t - from) / (to - from)) * w;
    const top = AXIS;
    const height = h - AXIS;

    g.fillStyle = color("--tl-empty");
    g.fillRect(0, top, w, height);
    hatch(g, color("--tl-hatch"), 0, top, Math.min(w, Math.max(0, x(now()))), height);
    g.fillStyle = color("--tl-recorded");
    for (const span of s.spans) {
        if (span.to < from || span.from > to) continue;
        const left = Math.max(0, x(span.from));
        const size = Math.max(1.5, Math.min(w, x(span.to)) - left);
        g.clearRect(left, top, size, height);
        g.fillRect(left, top, size, height);
    }
    /* The last minute is recorded, and listed once it is whole. */
    const last = s.spans[s.spans.length - 1];
    if (s.grows && (last ? now() - last.to < 150 : s.live)) {
        g.fillStyle = color("--tl-arriving");
        const left = Math.max(0, x(last?.to ?? now() - 20));
        g.clearRect(left, top, Math.max(0, x(now()) - left), height);
        g.fillRect(left, top, Math.max(0, x(now()) - left), height);
    }
    marks(g, s, x, top, h, color);
    axis(g, s.view, w, top, height, color);
    if (s.trim) trimRange(g, x(s.trim.from), x(s.trim.to), top, height, color);
    if (s.hover !== null) {
        g.fillStyle = color("--tl-hover");
        g.fillRect(Math.round(x(s.hover)), top, 1, height);
    }
    playhead(g, x(s.time), top, h, color(s.live ? "--live" : "--text"));
}

const GLYPH = 17;
/* Events by label: a bar for how long, and above it a glyph where there is room. Motion is a thin line; alerts stand taller. */
function marks(g: CanvasRenderingContext2D, s: Scene, x: (t: number) => number, top: number, h: number, color: (n: string) => string): void {
    const shown = s.events.filter((e) => e.end / 1e6 >= s.view.from && e.begin / 1e6 <= s.view.to);
    /* What matters most is drawn last, and gets its glyph first. */
    const weight = (e: SeenEvent): number => (e.label === "motion" ? 0 : e.alert ? 2 : 1);
    shown.sort((a, b) => weight(a) - weight(b));
    for (const e of shown) {
        const w = weight(e);
        const size = w === 0 ? 4 : w === 1 ? 9 : 13;
        g.fillStyle = color(colorVar(e.label));
        g.fillRect(x(e.begin / 1e6), h - size, Math.max(w === 0 ? 1.5 : 3, x(e.end / 1e6) - x(e.begin / 1e6)), size);
    }
    const taken: number[] = [];
    for (const e of shown.reverse()) {
        if (e.label === "motion") break;
        const at = Math.max(GLYPH / 2 + 2, (x(e.begin / 1e6) + x(e.end / 1e6)) / 2);
        if (taken.some((t) => Math.abs(t - at) < GLYPH + 5)) continue;
        taken.push(at);
        glyph(g, glyphPath(e.label), at, (top + h - 13) / 2 + 1, color(colorVar(e.label)), color("--surface"));
    }
}

const paths = new Map<string, Path2D>();
function glyph(g: CanvasRenderingContext2D, path: string, x: number, y: number, color: string, under: string): void {
    let p = paths.get(path);
    if (!p) paths.set(path, (p = new Path2D(path)));
    g.save();
    g.fillStyle = under;
    g.beginPath();
    g.arc(x, y, GLYPH / 2 + 3, 0, 7);
    g.fill();
    g.translate(x - GLYPH / 2, y - GLYPH / 2);
    g.scale(GLYPH / 24, GLYPH / 24);
    g.strokeStyle = color;
    g.lineWidth = 2;
    g.lineCap = g.lineJoin = "round";
    g.stroke(p);
    g.restore();
}

function hatch(g: CanvasRenderingContext2D, color: string, x: number, y: number, w: number, h: number): void {
    if (w <= 0) return;
    g.save();
    g.beginPath();
    g.rect(x, y, w, h);
    g.clip();
    g.strokeStyle = color;
    g.lineWidth = 1;
    g.beginPath();
    for (let i = x - h; i < x + w; i += 8) {
        g.moveTo(i, y + h);
        g.lineTo(i + h, y);
    }
    g.stroke();
    g.restore();
}

const fontOf = (g: CanvasRenderingContext2D): string => getComputedStyle(g.canvas).fontFamily;

function axis(g: CanvasRenderingContext2D, v: View, w: number, top: number, height: number, color: (n: string) => string): void {
    const perLabel = ((v.to - v.from) / w) * 84;
    const step = STEPS.find((s) => s >= perLabel) ?? 86_400 * Math.ceil(perLabel / 86_400);
    g.font = `500 11px ${fontOf(g)}`;
    g.textBaseline = "middle";
    g.textAlign = "center";
    const begin = startOfDay(v.from);
    for (let t = begin + Math.floor((v.from - begin) / step) * step; t < v.to + step; t += step) {
        const x = ((t - v.from) / (v.to - v.from)) * w;
        if (x < 0 || x > w) continue;
        const midnight = Math.abs(startOfDay(t + 1) - t) < 1;
        g.fillStyle = color("--tl-tick");
        g.fillRect(Math.round(x), top, 1, midnight ? height : 5);
        g.fillStyle = color(midnight ? "--text" : "--muted");
        const label = midnight || step >= 86_400 ? dayName(t) : step < 60 ? clockTime(t) : minuteTime(t);
        const half = g.measureText(label).width / 2;
        g.fillText(label, Math.max(half, Math.min(w - half, x)), top / 2 + 1); /* whole, at the edges too */
    }
}

function trimRange(g: CanvasRenderingContext2D, a: number, b: number, top: number, height: number, color: (n: string) => string): void {
    g.fillStyle = color("--tl-trim");
    g.fillRect(a, top, b - a, height);
    g.fillStyle = color("--accent");
    g.fillRect(a, top, b - a, 3);
    g.fillRect(a, top + height - 3, b - a, 3);
    for (const [x, side] of [[a, -1], [b, 1]] as const) {
        g.beginPath();
        g.roundRect(side < 0 ? x - 7 : x, top, 7, height, 3);
        g.fill();
    }
}

function playhead(g: CanvasRenderingContext2D, x: number, top: number, bottom: number, color: string): void {
    g.fillStyle = color;
    g.fillRect(Math.round(x) - 1, top - 2, 2, bottom - top + 2);
    g.beginPath();
    g.moveTo(x - 6, top - 8);
    g.lineTo(x + 6, top - 8);
    g.lineTo(x, top);
    g.fill();
}
