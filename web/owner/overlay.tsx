/* Boxes, ways and names over a playing picture: where things were at the time that is shown. */
import { useSignalEffect, type ReadonlySignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { boxAt, trail } from "../shared/geometry.ts";
import { labelName, type Box, type Point, type SeenEvent } from "../shared/seeing.ts";
import { colorVar } from "./glyph.tsx";

export interface Drawn {
    box: Box;
    label: string;
    text: string;
    trail?: Point[];
    faint?: boolean;
}

/* Where the picture is within its element: object-fit: contain leaves bars. */
export function pictureRect(el: HTMLVideoElement | HTMLImageElement): { x: number; y: number; w: number; h: number } {
    const [iw, ih] = el instanceof HTMLVideoElement ? [el.videoWidth, el.videoHeight] : [el.naturalWidth, el.naturalHeight];
    const [w, h] = [el.clientWidth, el.clientHeight];
    if (!iw || !ih) return { x: 0, y: 0, w, h };
    const scale = Math.min(w / iw, h / ih);
    return { x: (w - iw * scale) / 2, y: (h - ih * scale) / 2, w: iw * scale, h: ih * scale };
}

export function drawBoxes(c: HTMLCanvasElement, el: HTMLVideoElement, items: Drawn[], regions: number[][] = []): void {
    const scale = devicePixelRatio || 1;
    const [w, h] = [el.clientWidth, el.clientHeight];
    if (c.width !== Math.round(w * scale) || c.height !== Math.round(h * scale)) {
        c.width = Math.round(w * scale);
        c.height = Math.round(h * scale);
    }
    const g = c.getContext("2d")!;
    g.setTransform(scale, 0, 0, scale, 0, 0);
    g.clearRect(0, 0, w, h);
    if (items.length === 0 && regions.length === 0) return;
    const r = pictureRect(el);
    const style = getComputedStyle(c);
    const at = ([x, y]: Point): Point => [r.x + (x / 10_000) * r.w, r.y + (y / 10_000) * r.h];
    g.setLineDash([5, 4]);
    g.lineWidth = 1.5;
    g.strokeStyle = "#ffffffb0";
    for (const [x, y, rw, rh] of regions) {
        const [ax, ay] = at([x!, y!]);
        g.strokeRect(ax, ay, (rw! / 10_000) * r.w, (rh! / 10_000) * r.h);
    }
    g.setLineDash([]);
    g.font = `600 12.5px ${style.fontFamily}`;
    g.textBaseline = "middle";
    for (const d of items) one(g, d, at, r, style.getPropertyValue(colorVar(d.label)).trim() || "#fff", w);
}

function one(g: CanvasRenderingContext2D, d: Drawn, at: (p: Point) => Point, r: { w: number; h: number }, color: string, width: number): void {
    const [x, y] = at([d.box[0], d.box[1]]);
    const w = (d.box[2] / 10_000) * r.w;
    const h = (d.box[3] / 10_000) * r.h;
    g.globalAlpha = d.faint ? 0.55 : 1;
    if (d.trail && d.trail.length > 0) {
        g.beginPath();
        d.trail.map(at).forEach(([px, py], i) => (i === 0 ? g.moveTo(px, py) : g.lineTo(px, py)));
        g.lineTo(x + w / 2, y + h);
        g.lineWidth = 4.5;
        g.lineJoin = g.lineCap = "round";
        g.strokeStyle = "#00000070";
        g.stroke();
        g.lineWidth = 2.2;
        g.strokeStyle = color;
        g.stroke();
    }
    /* A dark rim, so that a box is seen on snow and at night alike. */
    g.lineWidth = 4.5;
    g.strokeStyle = "#00000080";
    g.beginPath();
    g.roundRect(x, y, w, h, 6);
    g.stroke();
    g.lineWidth = 2.2;
    g.strokeStyle = color;
    g.stroke();
    const tw = g.measureText(d.text).width + 14;
    const tx = Math.max(2, Math.min(width - tw - 2, x - 1));
    const ty = y > 26 ? y - 23 : y + 3;
    g.fillStyle = color;
    g.beginPath();
    g.roundRect(tx, ty, tw, 21, 6);
    g.fill();
    g.fillStyle = "#0b0c0e";
    g.fillText(d.text, tx + 7, ty + 11);
    g.globalAlpha = 1;
}

export const percent = (score: number): string => `${Math.round(score * 100)} %`;
export const textOf = (e: SeenEvent): string => {
    const name = e.face && "name" in e.face ? e.face.name : labelName(e.label);
    return e.score > 0 ? `${name} ${percent(e.score)}` : name;
};

export function drawnAt(events: SeenEvent[], time: number, chosen?: string): Drawn[] {
    const out: Drawn[] = [];
    for (const e of events) {
        const box = boxAt(e, time * 1e6);
        if (box) out.push({ box, label: e.label, text: textOf(e), trail: trail(e, time * 1e6), faint: chosen !== undefined && e.id !== chosen });
    }
    return out;
}

/* Follows the player's own clock: it moves with each picture that is shown. */
export function Boxes({ video, time, events, chosen }: { video: HTMLVideoElement; time: ReadonlySignal<number>; events: ReadonlySignal<SeenEvent[]>; chosen?: string }) {
    const canvas = useRef<HTMLCanvasElement>(null);
    const paint = (): void => {
        if (canvas.current) drawBoxes(canvas.current, video, drawnAt(events.peek(), time.peek(), chosen));
    };
    useSignalEffect(() => {
        void time.value;
        void events.value;
        paint();
    });
    useEffect(() => {
        const observer = new ResizeObserver(paint);
        observer.observe(video);
        return () => observer.disconnect();
    }, []);
    return <canvas ref={canvas} class="boxes" aria-hidden="true" />;
}
