/* From entries of the log to what a person reads: who looked at which camera, when, for how long, and by what right. */
import { hex, text } from "./bytes.ts";
import type { Entry } from "./log.ts";

/* What the vault seals to the household with each entry (docs/trust.md, "details"). All of it may be missing: it is the vault's word. */
export interface Details {
    grant?: string;
    purpose?: string;
    ticket?: string;
    key?: string;
    cameras?: string[];
    from?: number;
    to?: number;
    live?: boolean;
    agent?: number;
    reason?: string;
    [more: string]: unknown;
}

/* One of the household's entries, proven and opened. */
export interface OwnEntry {
    n: number;
    index: number;
    time: number; /* s since 1970 */
    kind: string;
    actor: string | null; /* hex */
    facts: Record<string, number>;
    details: Details;
    raw: string; /* base64url, as the log has it */
}

const isText = (v: unknown): v is string => typeof v === "string";
const hexList = (v: unknown): string[] | undefined => (Array.isArray(v) ? v.filter((c): c is string => isText(c) && /^[0-9a-f]{32}$/.test(c)).slice(0, 256) : undefined);

export function readDetails(plain: Uint8Array): Details {
    let json: unknown;
    try {
        json = JSON.parse(text(plain));
    } catch {
        return {};
    }
    if (typeof json !== "object" || json === null || Array.isArray(json)) return {};
    const d = json as Record<string, unknown>;
    const out: Details = { ...d };
    for (const field of ["grant", "purpose", "ticket", "key", "reason"] as const) if (!isText(d[field])) delete out[field];
    for (const field of ["from", "to", "agent"] as const) if (typeof d[field] !== "number") delete out[field];
    if (typeof d["live"] !== "boolean") delete out.live;
    const cameras = hexList(d["cameras"]);
    if (cameras) out.cameras = cameras;
    else delete out.cameras;
    return out;
}

export const ownEntry = (n: number, index: number, entry: Entry, details: Details, raw: string): OwnEntry => ({
    n, index, time: entry.time / 1e6, kind: entry.kind, actor: entry.actor && hex(entry.actor), facts: { ...entry.facts }, details, raw,
});

/* A look: one opening of a grant, with the live watching that followed it. */
export interface Look {
    entry: OwnEntry;
    entries: OwnEntry[]; /* the use, begins and ends of live */
    grant: string;
    who: string; /* whose it is: the same for the same person, see whoOf */
    purpose: string;
    ticket: string | null;
    cameras: string[]; /* streams */
    begin: number; /* s since 1970 */
    end: number; /* of the last live part, else the begin */
    live: { camera: string | null; begin: number; end: number | null }[]; /* null: it is going on, or its end was not logged */
    past: { from: number; to: number } | null; /* recorded seconds that could be opened */
}

/* The same person or device has the same key; a link has its own. */
export const whoOf = (e: OwnEntry): string => e.actor ?? e.details.key ?? e.details.grant ?? "";

/* One that ends before its day is over is no longer "now". */
const TOKEN_S = 3600;

/* Entries in their order; a live part belongs to the last look with its grant and person. */
export function looksOf(entries: readonly OwnEntry[]): Look[] {
    const out: Look[] = [];
    const last = new Map<string, Look>();
    const uses = new Map<number, Look>(); /* by the use's place in the log, which live parts name */
    const start = (e: OwnEntry, key: string): Look => {
        const d = e.details;
        const past = e.kind === "grant.use" && d.from !== undefined && d.to !== undefined && d.from < d.to ? { from: d.from, to: d.to } : null;
        const look: Look = {
            entry: e, entries: [e], grant: d.grant ?? "", who: whoOf(e), purpose: d.purpose ?? "", ticket: d.ticket ?? null, cameras: d.cameras ?? [], begin: e.time, end: e.time, live: [], past,
        };
        out.push(look);
        last.set(key, look);
        return look;
    };
    for (const e of entries) {
        const key = `${e.details.grant ?? ""}/${whoOf(e)}`;
        if (e.kind === "grant.use") {
            const before = typeof e.details["renews"] === "number" ? uses.get(e.details["renews"]) : undefined;
            before?.entries.push(e); /* the same opening, with another token */
            uses.set(e.index, before ?? start(e, key));
        }
        if (e.kind !== "live.begin" && e.kind !== "live.end") continue;
        const use = typeof e.details["use"] === "number" ? uses.get(e.details["use"]) : undefined;
        let look = use ?? last.get(key);
        if (e.kind === "live.begin") {
            if (!look || (!use && e.time - look.begin > TOKEN_S + 60)) look = start(e, key);
            else look.entries.push(e);
            const cameras: (string | null)[] = e.details.cameras?.length ? e.details.cameras : [null];
            for (const camera of cameras) look.live.push({ camera, begin: e.time, end: null });
            look.cameras = [...new Set([...look.cameras, ...(e.details.cameras ?? [])])];
        } else if (look) {
            const ended = e.details.cameras;
            /* It is written down a little later than it was. */
            const to = e.details.to;
            const end = to !== undefined && to <= e.time && to >= look.begin - 1 ? to : e.time;
            look.entries.push(e);
            for (const l of look.live) if (l.end === null && (!ended?.length || l.camera === null || ended.includes(l.camera))) l.end = Math.max(l.begin, end);
        }
        if (look) look.end = Math.max(look.end, e.time);
    }
    return out;
}

/* How long somebody watched live, each second once. */
export function liveSeconds(look: Look, now: number): number {
    const parts = look.live.map((l) => [l.begin, l.end ?? Math.min(now, l.begin + TOKEN_S)] as const).sort((a, b) => a[0] - b[0]);
    let total = 0;
    let until = -Infinity;
    for (const [a, b] of parts) {
        total += Math.max(0, b - Math.max(a, until));
        until = Math.max(until, b);
    }
    return total;
}

export const isWatching = (look: Look, now: number): boolean => look.live.some((l) => l.end === null && now - l.begin < TOKEN_S);
