/* Places in a picture, in ten-thousandths from the top left (docs/seeing.md): polygons, lines, paths in time. */
import type { Box, PathPoint, Point, SeenEvent, Zone } from "./seeing.ts";

export const FULL = 10_000;
export const clampPoint = ([x, y]: Point): Point => [Math.round(Math.min(FULL, Math.max(0, x))), Math.round(Math.min(FULL, Math.max(0, y)))];

/* Where an object stands: the middle of its box's lower edge. */
export const footOf = ([x, y, w, h]: Box): Point => [x + w / 2, y + h];

/* Even-odd rule; a point on the edge counts as inside. */
export function inside([px, py]: Point, polygon: Point[]): boolean {
    let within = false;
    for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
        const [ax, ay] = polygon[i]!;
        const [bx, by] = polygon[j]!;
        const cross = (bx - ax) * (py - ay) - (by - ay) * (px - ax);
        if (Math.abs(cross) < 1e-6 && px >= Math.min(ax, bx) && px <= Math.max(ax, bx) && py >= Math.min(ay, by) && py <= Math.max(ay, by)) return true;
        if (ay > py !== by > py && px < ((bx - ax) * (py - ay)) / (by - ay) + ax) within = !within;
    }
    return within;
}

const side = (a: Point, b: Point, p: Point): number => (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]);

/* Whether the way from p to q cuts the line a-b, and how: `in` is from its left to its right, seen from a to b. */
export function crossing(a: Point, b: Point, p: Point, q: Point): "in" | "out" | null {
    const from = side(a, b, p);
    const to = side(a, b, q);
    if (from === 0 || from > 0 === to > 0) return null;
    const u = side(p, q, a);
    const v = side(p, q, b);
    if (u !== 0 && v !== 0 && u > 0 === v > 0) return null;
    /* y grows downwards: what lies to the left of somebody who walks from a to b has a negative side. */
    return from < 0 ? "in" : "out";
}

export const fits = (zone: Zone, way: "in" | "out" | null): boolean => way !== null && (zone.direction === "both" || zone.direction === way);

/* The box of an event at a time (µs), between the points of its path; null outside of it. */
export function boxAt(event: { begin: number; end: number; path: PathPoint[] }, time: number): Box | null {
    const { path } = event;
    const ms = (time - event.begin) / 1000;
    const first = path[0];
    const last = path[path.length - 1];
    if (!first || !last || ms < first[0] - 250 || ms > Math.max(last[0], (event.end - event.begin) / 1000) + 250) return null;
    let low = 0;
    let high = path.length - 1;
    while (high - low > 1) {
        const mid = (low + high) >> 1;
        if (path[mid]![0] <= ms) low = mid;
        else high = mid;
    }
    const a = path[low]!;
    const b = path[high]!;
    const part = b[0] > a[0] ? Math.min(1, Math.max(0, (ms - a[0]) / (b[0] - a[0]))) : 0;
    return [1, 2, 3, 4].map((i) => a[i]! + (b[i]! - a[i]!) * part) as Box;
}

/* The feet's way up to a time, for the trail behind a box. */
export function trail(event: { begin: number; path: PathPoint[] }, time: number): Point[] {
    const ms = (time - event.begin) / 1000;
    return event.path.filter((p) => p[0] <= ms).map((p) => footOf([p[1], p[2], p[3], p[4]]));
}

/* How long an event's feet were inside a polygon at a stretch, s. */
export function dwell(event: SeenEvent, polygon: Point[]): number {
    let longest = 0;
    let since: number | null = null;
    for (const [ms, x, y, w, h] of event.path) {
        if (inside(footOf([x, y, w, h]), polygon)) {
            since ??= ms;
            longest = Math.max(longest, ms - since);
        } else since = null;
    }
    /* The last point of a path may lie before the end: what has stopped there is still there. */
    if (since !== null) longest = Math.max(longest, (event.end - event.begin) / 1000 - since);
    return longest / 1000;
}

/* ---- what the zones editor does to a shape ---- */

export const MIN_POINTS = 3;
export const MAX_ZONE_POINTS = 16;
export const MAX_MASK_POINTS = 12;
export const MAX_ZONES = 16;
export const MAX_MASKS = 8;

export const movePoint = (points: Point[], index: number, to: Point): Point[] => points.map((p, i) => (i === index ? clampPoint(to) : p));
export const midpoint = (points: Point[], index: number): Point => {
    const a = points[index]!;
    const b = points[(index + 1) % points.length]!;
    return clampPoint([(a[0] + b[0]) / 2, (a[1] + b[1]) / 2]);
};
export const addPoint = (points: Point[], after: number, most: number): Point[] =>
    points.length >= most ? points : [...points.slice(0, after + 1), midpoint(points, after), ...points.slice(after + 1)];
export const removePoint = (points: Point[], index: number, least: number): Point[] => (points.length <= least ? points : points.filter((_, i) => i !== index));

/* Moves all points together, as far as the picture allows. */
export function moveAll(points: Point[], dx: number, dy: number): Point[] {
    const xs = points.map((p) => p[0]);
    const ys = points.map((p) => p[1]);
    const x = Math.min(FULL - Math.max(...xs), Math.max(-Math.min(...xs), dx));
    const y = Math.min(FULL - Math.max(...ys), Math.max(-Math.min(...ys), dy));
    return points.map((p) => clampPoint([p[0] + x, p[1] + y]));
}

/* Two edges that are not neighbours cut each other: such a shape means nothing clear. */
export function tangled(points: Point[]): boolean {
    const n = points.length;
    for (let i = 0; i < n; i++)
        for (let j = i + 2; j < n; j++) {
            if (i === 0 && j === n - 1) continue;
            if (crossing(points[i]!, points[(i + 1) % n]!, points[j]!, points[(j + 1) % n]!)) return true;
        }
    return false;
}

export const centre = (points: Point[]): Point => [points.reduce((n, p) => n + p[0], 0) / points.length, points.reduce((n, p) => n + p[1], 0) / points.length];

/* An arrow across a line's middle, towards its `in` side: from its left to its right. */
export function arrowOf([a, b]: [Point, Point], aspect: number): { from: Point; to: Point } {
    const mx = (a[0] + b[0]) / 2;
    const my = (a[1] + b[1]) / 2;
    const dx = (b[0] - a[0]) * aspect;
    const dy = b[1] - a[1];
    const length = Math.hypot(dx, dy) || 1;
    /* The right hand of somebody who walks from a to b, with y downwards, is (-dy, dx). */
    const nx = (-dy / length) * 600 / aspect;
    const ny = (dx / length) * 600;
    return { from: [mx - nx, my - ny], to: [mx + nx, my + ny] };
}
