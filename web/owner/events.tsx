/* What happened: all cameras' events by day, filtered by the address, and one of them, played and explained. */
import { useSignal, useSignalEffect } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { Filter, Found } from "../shared/search.ts";
import { GROUPS, type SeenEvent } from "../shared/seeing.ts";
import { EventDetail } from "./eventdetail.tsx";
import { EventList, eventsAt } from "./eventlist.tsx";
import { localDate, startOfDay } from "./format.ts";
import { Glyph, groupName } from "./glyph.tsx";
import { inspect } from "./inspect.ts";
import { choose, route } from "./route.ts";
import { cameraNames, names, pollEvents, pollSee, see, seeing, sync, zonesById } from "./seeing.ts";
import { client, household, now } from "./state.ts";
import { Icon } from "./ui.tsx";

const NOTHING: Found = { total: 0, rows: new Uint32Array(0), begins: new Float64Array(0) };
const CHIPS = ["person", "vehicle", "pet", "package", "bicycle", "bird", "animal", "ring"];
const WHEN: [string, string][] = [["", "Any time"], ["today", "Today"], ["yesterday", "Yesterday"], ["7", "Last 7 days"], ["30", "Last 30 days"]];

const listOf = (q: URLSearchParams, key: string): string[] => (q.get(key) ?? "").split(",").filter((v) => v !== "");

function whenOf(value: string): { from?: number; to?: number } {
    const today = startOfDay(now());
    if (value === "today") return { from: today };
    if (value === "yesterday") return { from: startOfDay(today - 3600), to: today };
    if (/^\d+$/.test(value)) return { from: startOfDay(now() - (Number(value) - 1) * 86_400) };
    const day = /^\d{4}-\d\d-\d\d$/.test(value) ? new Date(`${value}T00:00`).getTime() / 1000 : NaN;
    return Number.isNaN(day) ? {} : { from: day, to: startOfDay(day + 86_400 + 7200) };
}

/* The filter is the address: it can be kept, sent to oneself, and gone back to. */
export function filterOf(q: URLSearchParams): Filter {
    const labels = listOf(q, "label");
    const only = q.get("only");
    return {
        labels, ...(labels.length === 0 && q.get("motion") !== "1" ? { without: ["motion"] } : {}),
        people: listOf(q, "who"), cameras: listOf(q, "camera"), zones: listOf(q, "zone"), text: q.get("q") ?? "",
        ...(only === "alerts" ? { alerted: true } : only === "quiet" ? { alerted: false } : {}), ...whenOf(q.get("when") ?? ""),
    };
}
const KEYS = ["label", "who", "camera", "zone", "q", "only", "when", "motion"];

export function EventsPage() {
    const found = useSignal<Found>(NOTHING);
    const ready = useSignal(false);
    const opened = useSignal<SeenEvent | null>(null);
    const place = useSignal(-1);
    inspect({ found, opened });
    useEffect(() => {
        document.title = "Events · Cardea";
        const stops = [pollEvents(20_000), pollSee(30_000)];
        return () => stops.forEach((s) => s());
    }, []);

    const search = KEYS.map((k) => route.value.query.get(k) ?? "").join("|");
    useSignalEffect(() => {
        void sync.value.version;
        const filter = filterOf(route.value.query);
        const wanted = JSON.stringify(filter);
        void client.findEvents(filter, names.value).then((f) => {
            if (JSON.stringify(filterOf(route.peek().query)) !== wanted) return;
            found.value = f;
            ready.value = true;
        }).catch(() => undefined);
    });

    /* The opened event is the address's, too: an alert's notification leads here. */
    const id = route.value.query.get("e");
    useSignalEffect(() => {
        void sync.value.version;
        const wanted = route.value.query.get("e");
        if (!wanted) return void (opened.value = null);
        if (opened.peek()?.id === wanted && !opened.peek()?.open) return;
        /* It may have been told again since: what took its place is shown. */
        void client.eventById(wanted).then((e) => {
            if (route.peek().query.get("e") === wanted && e) opened.value = e;
        }).catch(() => undefined);
    });
    useSignalEffect(() => {
        const e = opened.value;
        const f = found.value;
        place.value = e ? placeOf(f, e) : -1;
    });

    const open = (e: SeenEvent | null): void => {
        if (e) opened.value = e;
        choose({ e: e?.id ?? null, at: null }, (id === null) !== (e === null));
    };
    const step = (by: number): void => {
        const f = found.peek();
        const to = place.peek() < 0 ? (by > 0 ? 0 : -1) : place.peek() + by;
        if (to < 0 || to >= f.total) return;
        void eventsAt(f, [to]).then(([e]) => e && open(e));
    };
    useKeys({ step, close: () => open(null) });

    const filtered = search.replaceAll("|", "") !== "";
    const showing = opened.value && id ? opened.value : null;
    return (
        <main class={`page wide events-page ${id ? "with-detail" : ""}`} id="main" tabIndex={-1}>
            <div class="events-main">
                <header class="page-head">
                    <h1>Events</h1>
                    <SyncWords total={found.value.total} filtered={filtered} />
                </header>
                <Filters />
                {found.value.total > 0 ? <EventList found={found.value} chosen={showing?.id ?? null} at={place.value} onChoose={(e) => open(e.id === showing?.id ? null : e)} />
                    : ready.value && !(sync.value.busy && sync.value.count === 0) ? <Nothing filtered={filtered} /> : <Waiting />}
            </div>
            {id && (
                <aside class="events-detail" aria-label="Event">
                    {showing ? <EventDetail key={`${showing.camera} ${showing.begin}`} event={showing} onClose={() => open(null)}
                        onOlder={place.value >= 0 && place.value < found.value.total - 1 ? () => step(1) : null} onNewer={place.value > 0 ? () => step(-1) : null} />
                        : <NotHere onClose={() => open(null)} />}
                </aside>
            )}
        </main>
    );
}

function placeOf(f: Found, e: SeenEvent): number {
    const t = e.begin / 1e6;
    let low = 0;
    let high = f.total;
    while (low < high) {
        const mid = (low + high) >> 1;
        if (f.begins[mid]! > t) low = mid + 1;
        else high = mid;
    }
    return low < f.total && Math.abs(f.begins[low]! - t) < 1e-3 ? low : -1;
}

function useKeys({ step, close }: { step: (by: number) => void; close: () => void }): void {
    useEffect(() => {
        const onKey = (e: KeyboardEvent): void => {
            const target = e.target as HTMLElement;
            if (e.ctrlKey || e.metaKey || e.altKey || target.closest("input, textarea, select, dialog")) return;
            const actions: Record<string, () => void> = {
                j: () => step(1), k: () => step(-1), ArrowDown: () => step(1), ArrowUp: () => step(-1), Escape: close,
                "/": () => document.querySelector<HTMLInputElement>(".search input")?.focus(),
                n: () => document.querySelector<HTMLButtonElement>("[data-key=n]")?.click(),
                o: () => document.querySelector<HTMLButtonElement>("[data-key=o]")?.click(),
            };
            /* Without an opened event the arrows scroll, as everywhere. */
            if (e.key.startsWith("Arrow") && !route.peek().query.get("e")) return;
            const action = actions[e.key];
            if (!action) return;
            e.preventDefault();
            action();
        };
        addEventListener("keydown", onKey);
        return () => removeEventListener("keydown", onKey);
    }, []);
}

function SyncWords({ total, filtered }: { total: number; filtered: boolean }) {
    const s = sync.value;
    if (s.busy && s.of - s.done > 2) {
        return (
            <div class="sync" role="status">
                <span class="muted num">Reading day {s.done} of {s.of}</span>
                <progress max={Math.max(1, s.of)} value={s.done} aria-label="Events are being read" />
            </div>
        );
    }
    if (s.problem === "offline") return <span class="muted">Not connected: what this device already has</span>;
    return total > 0 ? <span class="muted num" role="status">{total.toLocaleString()} {filtered ? "found" : total === 1 ? "event" : "events"}</span> : null;
}

const Waiting = () => <div class="ev-wait" aria-busy="true">{Array.from({ length: 8 }, (_, i) => <span class="ev-card ghost" key={i} aria-hidden="true"><span class="thumb" /></span>)}</div>;

function Nothing({ filtered }: { filtered: boolean }) {
    if (filtered) {
        return (
            <div class="empty">
                <div class="empty-art" aria-hidden="true"><Icon name="search" /></div>
                <h2>Nothing fits</h2>
                <p>No event on this device is all of that at once. Take a filter away, or look at more days.</p>
                <button type="button" class="button main" onClick={() => choose(Object.fromEntries(KEYS.map((k) => [k, null])))}>Show everything</button>
            </div>
        );
    }
    const none = (household.value?.cameras.length ?? 0) === 0;
    const old = seeing.value.kind === "old";
    const off = see.value?.on === false;
    return (
        <div class="empty">
            <div class="empty-art" aria-hidden="true"><Icon name={none ? "photo" : "eye"} /></div>
            <h2>{none ? "No camera yet" : old ? "This hub does not see yet" : off ? "Seeing is off" : "Nothing has happened yet"}</h2>
            <p>{none ? "Add one, and what it sees will be here." : old ? "It records, and cannot tell what is in the picture. Update the hub, and people, cars and pets will be listed here."
                : off ? "Your hub records without looking. Turn seeing on to find people, vehicles and pets." : "As soon as a person, a vehicle or a pet is seen, it is here, with its picture. Walk past a camera to try it."}</p>
            <a class="button main" href={none ? "#/add" : off || old ? "#/health" : "#/"}>{none ? "Add a camera" : off || old ? "Look at the hub" : "Watch live"}</a>
        </div>
    );
}

function NotHere({ onClose }: { onClose: () => void }) {
    const looking = sync.value.busy || sync.value.version === 0;
    return (
        <div class="detail-empty">
            {looking ? <><span class="spinner" aria-hidden="true" /><p role="status">Fetching this event…</p></>
                : <><h2>This event is not here</h2><p class="muted">It was deleted, its camera was removed, or it has not arrived yet.</p></>}
            <button type="button" class="button plain" onClick={onClose}>All events</button>
        </div>
    );
}

/* ---- filters ---- */

const flip = (list: string[], v: string): string => (list.includes(v) ? list.filter((x) => x !== v) : [...list, v]).join(",");

function Filters() {
    const q = route.value.query;
    const labels = listOf(q, "label");
    const facets = useSignal<Awaited<ReturnType<typeof client.eventFacets>>>({ labels: [], people: [], zones: [], cameras: [] });
    useSignalEffect(() => {
        void sync.value.version;
        void client.eventFacets().then((f) => (facets.value = f)).catch(() => undefined);
    });
    const groups = useMemo(() => {
        const there = new Set(facets.value.labels);
        return CHIPS.filter((c) => ["person", "vehicle", "pet"].includes(c) || labels.includes(c) || there.has(c) || GROUPS[c]?.some((l) => there.has(l)));
    }, [facets.value, labels.join()]);
    const cameras = household.value?.cameras ?? [];
    const people = see.value?.faces.people ?? [];
    const zones = Object.values(zonesById.value).filter((z) => z.kind !== "exclude");
    const extra = KEYS.filter((k) => k !== "q" && k !== "only" && q.get(k)).length;
    return (
        <div class="filters" role="search">
            <label class="search">
                <Icon name="search" />
                <span class="sr">Search events</span>
                <input type="search" placeholder="Search: dog driveway" value={q.get("q") ?? ""} enterkeyhint="search" onInput={(e) => choose({ q: e.currentTarget.value })} />
                <kbd aria-hidden="true">/</kbd>
            </label>
            <div class="segmented small" role="radiogroup" aria-label="Alerts or all">
                {([["", "All"], ["alerts", "Alerts"], ["quiet", "Quiet"]] as const).map(([v, text]) => (
                    <label key={v} class={(q.get("only") ?? "") === v ? "on" : ""}><input type="radio" name="only" checked={(q.get("only") ?? "") === v} onChange={() => choose({ only: v })} />{text}</label>
                ))}
            </div>
            <div class="chips" role="group" aria-label="What">
                {groups.map((g) => (
                    <button type="button" key={g} class={`chip ${labels.includes(g) ? "on" : ""}`} aria-pressed={labels.includes(g)} onClick={() => choose({ label: flip(labels, g) })}>
                        <Glyph label={g} />{groupName(g)}
                    </button>
                ))}
                <button type="button" class={`chip ${q.get("motion") === "1" ? "on" : ""}`} aria-pressed={q.get("motion") === "1"} title="What moved without being anything" onClick={() => choose({ motion: q.get("motion") === "1" ? null : "1" })}><Glyph label="motion" />Motion</button>
                <span class="chip-line" aria-hidden="true" />
                <Pick label="When" value={q.get("when") ?? ""} options={/^\d{4}-/.test(q.get("when") ?? "") ? [...WHEN, [q.get("when")!, localDate(q.get("when")!)]] : WHEN} onChange={(v) => choose({ when: v })} />
                {cameras.length > 1 && <Pick label="Camera" value={q.get("camera") ?? ""} options={[["", "Every camera"], ...cameras.map((c): [string, string] => [c.id, cameraNames.value[c.id] ?? ""])]} onChange={(v) => choose({ camera: v })} />}
                {zones.length > 0 && <Pick label="Zone" value={q.get("zone") ?? ""} options={[["", "Every zone"], ...zones.map((z): [string, string] => [z.id, z.name])]} onChange={(v) => choose({ zone: v })} />}
                {people.length > 0 && <Pick label="Who" value={q.get("who") ?? ""} options={[["", "Anyone"], ["unknown", "Unknown people"], ...people.map((p): [string, string] => [p.id, p.name])]} onChange={(v) => choose({ who: v })} />}
                {extra > 0 && <button type="button" class="link" onClick={() => choose(Object.fromEntries(KEYS.map((k) => [k, null])))}>Clear</button>}
            </div>
        </div>
    );
}

function Pick({ label, value, options, onChange }: { label: string; value: string; options: [string, string][]; onChange: (v: string) => void }) {
    return (
        <label class={`pick ${value ? "on" : ""}`}>
            <span class="sr">{label}</span>
            <select value={value} onChange={(e) => onChange(e.currentTarget.value)}>
                {options.map(([v, text]) => <option key={v} value={v}>{text}</option>)}
            </select>
            <Icon name="down" />
        </label>
    );
}

