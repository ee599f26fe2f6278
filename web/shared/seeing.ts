/* What the hub sees and says of it: the shapes of docs/seeing.md, read with care, and their words for a person. No page in it. */
import { invalid } from "./errors.ts";

export const LABELS = ["person", "car", "truck", "bus", "motorcycle", "bicycle", "dog", "cat", "bird", "animal", "package"] as const;
export const GROUPS: Record<string, readonly string[]> = { vehicle: ["car", "truck", "bus", "motorcycle"], pet: ["dog", "cat"] };

/* A label and what stands for it: the group of a car is `vehicle`. */
export function groupOf(label: string): string {
    for (const [group, members] of Object.entries(GROUPS)) if (members.includes(label)) return group;
    return label;
}
export const labelFits = (wanted: string, label: string): boolean => wanted === label || (GROUPS[wanted]?.includes(label) ?? false);

const ONE: Record<string, string> = { person: "a person", vehicle: "a vehicle", pet: "a pet", animal: "an animal", ring: "the doorbell", motion: "something moving" };
export const oneOf = (label: string): string => ONE[label] ?? `a ${label}`;
export const labelName = (label: string): string =>
    label === "ring" ? "Doorbell" : label === "motion" ? "Motion" : label.charAt(0).toUpperCase() + label.slice(1);

export type Point = [number, number];
export type Box = [number, number, number, number]; /* x, y, w, h in ten-thousandths */
export type PathPoint = [number, number, number, number, number]; /* ms since begin, box */

export interface Quiet {
    rule: string;
    name: string;
    because: string;
    text: string;
}

/* An event as it lies in the vault, checked: what does not fit is left out rather than shown wrongly. */
export interface SeenEvent {
    id: string;
    camera: string;
    day: number; /* under which it and its picture lie in the vault */
    label: string;
    begin: number; /* µs */
    end: number;
    score: number;
    open: boolean;
    replaces: string | null;
    zones: string[];
    crossed: string[];
    path: PathPoint[];
    picture: string | null;
    face: { person: string; name: string } | { unknown: true } | null;
    still: boolean;
    model: string;
    alert: { rule: string; name: string; at: number; channels: string[] } | null;
    quiet: Quiet[];
    gap: boolean;
}

const MAX_PATH = 40;
const MAX_NAMES = 64;
const str = (v: unknown, most = 256): string => (typeof v === "string" ? v.slice(0, most) : "");
const num = (v: unknown): number => (typeof v === "number" && Number.isFinite(v) ? v : 0);
const list = (v: unknown): unknown[] => (Array.isArray(v) ? v : []);
const names = (v: unknown): string[] => list(v).slice(0, MAX_NAMES).map((x) => str(x)).filter((x) => x !== "");

function readPath(v: unknown): PathPoint[] {
    return list(v).slice(0, MAX_PATH)
        .filter((p): p is number[] => Array.isArray(p) && p.length === 5 && p.every((n) => typeof n === "number" && Number.isFinite(n)))
        .map((p) => p.slice() as PathPoint);
}

function readFace(v: unknown): SeenEvent["face"] {
    const f = v as { person?: unknown; name?: unknown; unknown?: unknown } | null | undefined;
    if (typeof f !== "object" || f === null) return null;
    if (typeof f.person === "string") return { person: f.person, name: str(f.name) || "Somebody known" };
    return f.unknown === true ? { unknown: true } : null;
}

function readAlert(v: unknown): SeenEvent["alert"] {
    const a = v as { rule?: unknown; name?: unknown; at?: unknown; channels?: unknown } | null | undefined;
    if (typeof a !== "object" || a === null) return null;
    return { rule: str(a.rule), name: str(a.name), at: num(a.at), channels: names(a.channels) };
}

const readQuiet = (v: unknown): Quiet[] => list(v).slice(0, 32).map((q) => {
    const x = (q ?? {}) as Record<string, unknown>;
    return { rule: str(x["rule"]), name: str(x["name"]), because: str(x["because"]), text: str(x["text"], 512) };
});

export function readSeen(camera: string, day: number, id: string, data: unknown): SeenEvent {
    const e = data as Record<string, unknown>;
    if (typeof e !== "object" || e === null || typeof e["begin"] !== "number" || typeof e["end"] !== "number") throw invalid("event: fields");
    return {
        id, camera, day, label: str(e["label"], 40) || "motion", begin: num(e["begin"]), end: Math.max(num(e["begin"]), num(e["end"])), score: num(e["score"]),
        open: e["open"] === true, replaces: typeof e["replaces"] === "string" ? e["replaces"] : null,
        zones: names(e["zones"]), crossed: names(e["crossed"]), path: readPath(e["path"]),
        picture: typeof e["picture"] === "string" ? e["picture"] : null, face: readFace(e["face"]), still: e["still"] === true,
        model: str(e["model"]), alert: readAlert(e["alert"]), quiet: readQuiet(e["quiet"]), gap: e["gap"] === true,
    };
}

export interface Zone {
    id: string;
    name: string;
    kind: "include" | "exclude" | "line";
    points: Point[];
    direction: "both" | "in" | "out";
}

export interface RuleTime {
    days: number[];
    from: string;
    to: string;
}

export interface Rule {
    id: string;
    name: string;
    on: boolean;
    labels: string[];
    cameras: string[];
    zones: string[];
    schedule: RuleTime[];
    presence: "any" | "home" | "away";
    who: "anyone" | "unknown" | "known" | string[];
    dwell_s: number;
    cooldown_s: number;
    channels: string[];
}

export interface Person {
    id: string;
    name: string;
    consent: { by: string; at: string };
    added: string;
    exclude: boolean;
    templates: number;
}

export interface Channel {
    id: string;
    kind: "webpush" | "mqtt" | "webhook" | "smtp" | "ntfy";
    name: string;
    on?: boolean;
    state?: string;
    message?: string | null;
    waiting?: number;
    dropped?: number;
    since?: string | null;
    settings?: Record<string, unknown>; /* without secrets */
}

export interface SeeState {
    on: boolean;
    model: { name: string; kind: string; state?: string; message?: string | null } | null;
    vision: { state: string; since?: string | number | null; message?: string | null; frames?: number; skipped?: number; detect_ms?: number } | null;
    presence: { now: "home" | "away"; by?: string } | null;
    zones: Record<string, Zone[]>;
    masks: Record<string, Point[][]>;
    rules: Rule[];
    faces: { on: boolean; suggest: boolean; people: Person[]; message: string };
    channels: Channel[];
    muted_until: number;
}

/* A hub's answer to see.get, with what it did not say in its neutral place. */
export function readSee(v: unknown): SeeState {
    const s = (typeof v === "object" && v !== null ? v : {}) as Partial<SeeState>;
    const faces = s.faces ?? { on: false, suggest: false, people: [], message: "" };
    return {
        on: s.on !== false, model: s.model ?? null, vision: s.vision ?? null, presence: s.presence ?? null,
        zones: s.zones ?? {}, masks: s.masks ?? {}, rules: list(s.rules).map((r) => readRule(r as Partial<Rule>)),
        faces: { on: faces.on === true, suggest: faces.suggest === true, people: list(faces.people) as Person[], message: typeof faces.message === "string" ? faces.message : "" },
        channels: list(s.channels) as Channel[], muted_until: num(s.muted_until),
    };
}

export const NEW_RULE: Rule = {
    id: "", name: "", on: true, labels: ["person"], cameras: [], zones: [], schedule: [], presence: "any", who: "anyone", dwell_s: 0, cooldown_s: 60, channels: [],
};
export const readRule = (r: Partial<Rule>): Rule => ({ ...NEW_RULE, ...r });

export interface DebugTrack {
    id?: number | string;
    label: string;
    score: number;
    box: Box;
    still?: boolean;
    state?: string;
    first?: number;
}
export interface DebugFrame {
    wall: number; /* µs */
    regions: number[][];
    tracks: DebugTrack[];
    ms: number;
    answered: boolean; /* or skipped, because there was newer */
}
/* What the rules say of the objects that are there now. */
export interface DebugWhy {
    track?: number | string;
    label?: string;
    rule?: string;
    because?: string;
    text?: string;
}
