/* The list of events by day: thumbnails, only those that are seen are there. */
import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Found } from "../shared/search.ts";
import { labelName, type SeenEvent } from "../shared/seeing.ts";
import { clockTime, duration, isToday, longDay, startOfDay } from "./format.ts";
import { Glyph } from "./glyph.tsx";
import { cameraNames, marked, names } from "./seeing.ts";
import { client } from "./state.ts";
import { Thumb } from "./thumb.tsx";
import { Icon } from "./ui.tsx";

const HEAD = 54;
const GAP = 14;
const BEYOND = 700; /* px that are ready above and below the window */

interface Block {
    day: number;
    first: number; /* place of its first event in what was found */
    count: number;
    top: number;
    height: number;
}

export interface Shape {
    columns: number;
    row: number; /* height of a row of cards, gap included */
}

/* Cards in a grid where there is room, lines with a small picture on a phone. */
export function shapeFor(width: number): Shape {
    if (width < 560) return { columns: 1, row: 92 };
    const columns = Math.max(2, Math.floor((width + GAP) / (228 + GAP)));
    const card = (width - GAP * (columns - 1)) / columns;
    return { columns, row: Math.round(card * 0.5625) + 58 + GAP };
}

export function layOut(begins: Float64Array, shape: Shape): { blocks: Block[]; height: number } {
    const blocks: Block[] = [];
    let top = 0;
    for (let first = 0; first < begins.length; ) {
        const day = startOfDay(begins[first]!);
        let end = first + 1;
        while (end < begins.length && begins[end]! >= day) end++;
        const height = HEAD + Math.ceil((end - first) / shape.columns) * shape.row;
        blocks.push({ day, first, count: end - first, top, height });
        top += height;
        first = end;
    }
    return { blocks, height: top };
}

const known = new Map<number, SeenEvent>();
const KNOWN_MAX = 4000;

export async function eventsAt(found: Found, places: number[]): Promise<(SeenEvent | null)[]> {
    const lacking = places.map((p) => found.rows[p]!).filter((r) => !known.has(r));
    if (lacking.length > 0) {
        const got = await client.eventRows(lacking);
        if (known.size > KNOWN_MAX) known.clear();
        got.forEach((e, i) => e && known.set(lacking[i]!, e));
    }
    return places.map((p) => known.get(found.rows[p]!) ?? null);
}

interface ListParts {
    found: Found;
    chosen: string | null;
    at: number; /* the chosen one's place, or -1 */
    onChoose: (e: SeenEvent) => void;
}

export function EventList({ found, chosen, at, onChoose }: ListParts) {
    const host = useRef<HTMLDivElement>(null);
    const [width, setWidth] = useState(0);
    const window_ = useSignal<[number, number]>([0, 0]);
    const arrived = useSignal(0);
    const shape = useMemo(() => shapeFor(width), [width]);
    const { blocks, height } = useMemo(() => layOut(found.begins, shape), [found, shape]);

    useLayoutEffect(() => {
        const observer = new ResizeObserver(() => setWidth(host.current?.clientWidth ?? 0));
        observer.observe(host.current!);
        setWidth(host.current!.clientWidth);
        return () => observer.disconnect();
    }, []);
    useEffect(() => {
        const look = (): void => {
            const top = -(host.current?.getBoundingClientRect().top ?? 0);
            const next: [number, number] = [Math.floor((top - BEYOND) / 200) * 200, Math.ceil((top + innerHeight + BEYOND) / 200) * 200];
            if (next[0] !== window_.peek()[0] || next[1] !== window_.peek()[1]) window_.value = next;
        };
        look();
        addEventListener("scroll", look, { passive: true });
        addEventListener("resize", look);
        return () => (removeEventListener("scroll", look), removeEventListener("resize", look));
    }, [blocks]);

    /* An event that was led to (an alert, the keys) is brought into view; one that was clicked is there already. */
    useEffect(() => {
        if (at < 0 || width === 0) return;
        const block = blocks.find((b) => at >= b.first && at < b.first + b.count);
        if (!block || !host.current?.checkVisibility()) return;
        const y = host.current.getBoundingClientRect().top + block.top + HEAD + Math.floor((at - block.first) / shape.columns) * shape.row;
        if (y < 70 || y + shape.row > innerHeight) scrollBy({ top: y - innerHeight / 3, behavior: "instant" });
    }, [at, blocks]);

    const [from, to] = window_.value;
    const seen = blocks.filter((b) => b.top + b.height > from && b.top < to);
    const places: number[] = [];
    for (const b of seen) {
        const firstRow = Math.max(0, Math.floor((from - b.top - HEAD) / shape.row));
        const lastRow = Math.ceil((Math.min(to, b.top + b.height) - b.top - HEAD) / shape.row);
        for (let i = firstRow * shape.columns; i < Math.min(b.count, lastRow * shape.columns); i++) places.push(b.first + i);
    }
    const key = places.map((p) => found.rows[p]).join(",");
    useEffect(() => {
        void eventsAt(found, places).then(() => arrived.value++).catch(() => undefined);
    }, [key]);
    void arrived.value;

    return (
        <div class={`ev-list ${shape.columns === 1 ? "lines" : "grid"}`} ref={host} style={{ height: `${height}px` }} role="list" aria-label={`${found.total} events`}>
            {seen.map((b) => (
                <div class="ev-day" key={b.day} style={{ top: `${b.top}px`, height: `${b.height}px` }} role="presentation">
                    <h2><span>{isToday(b.day) ? "Today" : longDay(b.day)}</span><small>{b.count}</small></h2>
                    {places.filter((p) => p >= b.first && p < b.first + b.count).map((p) => {
                        const i = p - b.first;
                        const row = Math.floor(i / shape.columns);
                        const column = i % shape.columns;
                        const e = known.get(found.rows[p]!) ?? null;
                        return (
                            <div class="ev-at" role="listitem" aria-posinset={p + 1} aria-setsize={found.total} key={found.rows[p]}
                                style={{ top: `${HEAD + row * shape.row}px`, height: `${shape.row - GAP}px`, left: `${(100 / shape.columns) * column}%`, width: `${100 / shape.columns}%`,
                                    paddingLeft: `${(GAP * column) / shape.columns}px`, paddingRight: `${(GAP * (shape.columns - 1 - column)) / shape.columns}px` }}>
                                {e ? <Card event={e} chosen={e.id === chosen} onChoose={() => onChoose(e)} /> : <span class="ev-card ghost" aria-hidden="true"><span class="thumb" /></span>}
                            </div>
                        );
                    })}
                </div>
            ))}
        </div>
    );
}

export const whoOf = (e: SeenEvent): string => {
    if (e.face && "person" in e.face) return names.value.people[e.face.person] ?? e.face.name;
    return labelName(e.label);
};
export const placesOf = (e: SeenEvent): string => {
    const zones = [...e.zones, ...e.crossed].map((z) => names.value.zones[z]).filter(Boolean);
    return [cameraNames.value[e.camera] ?? "Removed camera", ...zones].join(" · ");
};

function Card({ event: e, chosen, onChoose }: { event: SeenEvent; chosen: boolean; onChoose: () => void }) {
    const strip = useFilm(e);
    const begin = e.begin / 1e6;
    const quiet = marked.value.has(e.id);
    return (
        <button type="button" class={`ev-card ${e.alert ? "alert" : ""} ${chosen ? "on" : ""} ${quiet ? "marked" : ""}`} aria-pressed={chosen} onClick={onChoose} {...strip.handlers}
            aria-label={`${e.alert ? "Alert: " : ""}${whoOf(e)}, ${placesOf(e)}, ${isToday(begin) ? "" : `${longDay(begin)} `}${clockTime(begin)}`}>
            <span class="ev-pic">
                <Thumb event={e} />
                {strip.picture && <img class="film" src={strip.picture} alt="" />}
                <Glyph label={e.label} />
                {e.alert && <span class="ev-bell"><Icon name="bell" /></span>}
                {e.open && <span class="badge live"><i class="dot" />Now</span>}
            </span>
            <span class="ev-words">
                <strong>{whoOf(e)}{e.face && "unknown" in e.face && <em>unknown</em>}</strong>
                <span class="num">{clockTime(begin)}{e.end > e.begin + 1e6 && <small> {duration((e.end - e.begin) / 1e6)}</small>}</span>
                <small class="ev-place">{quiet ? "Not interesting" : placesOf(e)}</small>
            </span>
        </button>
    );
}

/* While the pointer rests on a card, the recording's pictures of that moment, one after the other. */
function useFilm(e: SeenEvent) {
    const picture = useSignal<string | null>(null);
    const stop = useRef<(() => void) | null>(null);
    const leave = (): void => {
        stop.current?.();
        stop.current = null;
    };
    useEffect(() => leave, [e.id]);
    const enter = (p: PointerEvent): void => {
        if (p.pointerType === "touch" || stop.current || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
        let over = false;
        const urls: string[] = [];
        let timer: ReturnType<typeof setTimeout>;
        stop.current = () => {
            over = true;
            clearTimeout(timer);
            picture.value = null;
            urls.forEach((u) => URL.revokeObjectURL(u));
        };
        const load = async (): Promise<void> => {
            const begin = e.begin / 1e6;
            const length = Math.min(20, Math.max(4, (e.end - e.begin) / 1e6));
            let last = -1;
            for (let i = 0; i < 6 && !over; i++) {
                const t = begin + (length * i) / 5;
                const got = await client.picture(e.camera, t).catch(() => null);
                if (!got || got.slot === last || Math.abs(got.slot - t) > 6) continue;
                last = got.slot;
                urls.push(URL.createObjectURL(got.blob));
                if (urls.length === 1) show(0);
            }
        };
        const show = (i: number): void => {
            if (over) return;
            picture.value = urls[i % urls.length] ?? null;
            timer = setTimeout(() => show(i + 1), 550);
        };
        timer = setTimeout(() => void load(), 350);
    };
    return { picture: picture.value, handlers: { onPointerEnter: enter, onPointerLeave: leave } };
}
