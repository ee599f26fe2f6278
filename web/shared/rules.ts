/* Rules in plain words, and what a rule would have done with the events there are (docs/seeing.md, "Rules"). No page in it. */
import { dwell } from "./geometry.ts";
import { labelFits, labelName, oneOf, type Rule, type RuleTime, type SeenEvent, type Zone } from "./seeing.ts";

export interface RuleNames {
    cameras: Record<string, string>;
    zones: Record<string, Zone>; /* by id */
    people: Record<string, string>;
    channels: Record<string, string>;
}

export type Slot = "what" | "who" | "where" | "dwell" | "presence" | "when" | "channels" | "cooldown";
/* A piece of the sentence: plain words, or words that a control stands behind. `unset`: nothing was chosen, the words offer it. */
export interface Part {
    text: string;
    slot?: Slot;
    unset?: boolean;
}

export function listed(items: string[], word = "or"): string {
    if (items.length <= 1) return items[0] ?? "";
    return `${items.slice(0, -1).join(", ")} ${word} ${items[items.length - 1]}`;
}

export function span(s: number): string {
    if (s < 60) return `${s} s`;
    if (s % 3600 === 0) return `${s / 3600} h`;
    return s < 3600 ? `${Math.round((s / 60) * 10) / 10} min` : `${Math.round((s / 3600) * 10) / 10} h`;
}

const NIGHT = [["22:00", "06:00"], ["21:00", "06:00"], ["22:00", "07:00"]];
const DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const every = (days: number[]): boolean => days.length === 7;
function dayWords(days: number[]): string {
    const key = [...days].sort().join("");
    if (key === "12345") return "on weekdays";
    if (key === "67") return "at weekends";
    return `on ${listed([...days].sort().map((d) => `${DAYS[d - 1]}s`), "and")}`;
}

export function timeWords(t: RuleTime): string {
    const hours = NIGHT.some(([a, b]) => a === t.from && b === t.to) ? `at night (${t.from} to ${t.to})`
        : t.from === "00:00" && (t.to === "00:00" || t.to === "24:00" || t.to === "23:59") ? "all day" : `from ${t.from} to ${t.to}`;
    return every(t.days) ? hours : `${dayWords(t.days)}${hours === "all day" ? "" : ` ${hours}`}`;
}

/* A doorbell is not seen, it rings. */
const rings = (rule: Rule): "only" | "too" | "no" => (!rule.labels.includes("ring") ? "no" : rule.labels.length === 1 ? "only" : "too");

function whatWords(rule: Rule, names: RuleNames): string {
    if (rule.labels.length === 0) return "nothing yet";
    if (rings(rule) === "only") return "the doorbell";
    const people = rule.labels.includes("person");
    const others = rule.labels.filter((l) => l !== "person" && l !== "ring").map(oneOf);
    const person = rule.who === "unknown" ? "a person who is not known" : rule.who === "known" ? "somebody known"
        : Array.isArray(rule.who) ? listed(rule.who.map((p) => names.people[p] ?? "somebody removed")) : "a person";
    return listed(people ? [person, ...others] : others);
}

function whereWords(rule: Rule, names: RuleNames): { verb: string; place: string; unset: boolean } {
    const zones = rule.zones.map((z) => names.zones[z]);
    const known = zones.filter((z): z is Zone => z !== undefined);
    const lines = known.filter((z) => z.kind === "line");
    const verb = rings(rule) === "only" ? "rings" : lines.length > 0 && lines.length === known.length ? "crosses" : rule.dwell_s > 0 ? "stands in" : "is in";
    if (rule.zones.length > 0) return { verb, place: listed(zones.map((z) => z?.name ?? "a removed zone")), unset: false };
    if (rule.cameras.length > 0) return { verb: rings(rule) === "only" ? "rings at" : "is seen by", place: listed(rule.cameras.map((c) => names.cameras[c] ?? "a removed camera")), unset: false };
    return { verb: rings(rule) === "only" ? "rings" : "is seen", place: "anywhere", unset: true };
}

/* When [a person or a pet] stands in [Driveway] [for 10 s], [while nobody is home], [at night], tell [Phone and E-mail]; [not again for 5 min]. */
export function ruleParts(rule: Rule, names: RuleNames): Part[] {
    const where = whereWords(rule, names);
    const channels = rule.channels.map((c) => names.channels[c] ?? "a removed channel");
    return [
        { text: "When " },
        { text: whatWords(rule, names), slot: "what", unset: rule.labels.length === 0 },
        { text: ` ${where.verb} ` },
        { text: where.place, slot: "where", unset: where.unset },
        { text: " " },
        { text: rule.dwell_s > 0 ? `for ${span(rule.dwell_s)}` : "however briefly", slot: "dwell", unset: rule.dwell_s === 0 },
        ...(rings(rule) === "too" ? [{ text: ", or " }, { text: "the doorbell rings", slot: "what" as Slot }] : []),
        { text: ", " },
        { text: rule.presence === "away" ? "while nobody is home" : rule.presence === "home" ? "while somebody is home" : "whether or not somebody is home", slot: "presence", unset: rule.presence === "any" },
        { text: ", " },
        { text: rule.schedule.length === 0 ? "at any time" : listed(rule.schedule.map(timeWords)), slot: "when", unset: rule.schedule.length === 0 },
        { text: ", tell " },
        { text: channels.length === 0 ? "every channel" : listed(channels, "and"), slot: "channels", unset: channels.length === 0 },
        { text: "; " },
        { text: rule.cooldown_s === 0 ? "every time" : `not again for ${span(rule.cooldown_s)}`, slot: "cooldown", unset: rule.cooldown_s === 0 },
        { text: "." },
    ];
}

/* The same without what was left open, for reading. */
export function ruleSentence(rule: Rule, names: RuleNames): string {
    const where = whereWords(rule, names);
    const some = [
        `When ${whatWords(rule, names)} ${where.verb}${where.unset ? "" : ` ${where.place}`}`,
        rule.dwell_s > 0 ? ` for ${span(rule.dwell_s)}` : "",
        rings(rule) === "too" ? " or the doorbell rings" : "",
        rule.presence === "away" ? ", while nobody is home" : rule.presence === "home" ? ", while somebody is home" : "",
        rule.schedule.length > 0 ? `, ${listed(rule.schedule.map(timeWords))}` : "",
        ` → ${rule.channels.length === 0 ? "every channel" : listed(rule.channels.map((c) => names.channels[c] ?? "a removed channel"), "and")}`,
        rule.cooldown_s > 0 ? `; not again for ${span(rule.cooldown_s)}` : "",
    ];
    return some.join("");
}

/* A short name for a rule that was not given one. */
export function suggestName(rule: Rule, names: RuleNames): string {
    const what = rule.labels.length === 0 ? "Nothing" : listed(rule.labels.map((l) => (l === "vehicle" ? "vehicle" : l === "pet" ? "pet" : labelName(l).toLowerCase())));
    const where = whereWords(rule, names);
    const name = `${what.charAt(0).toUpperCase()}${what.slice(1)}${where.unset ? "" : ` · ${where.place}`}${rule.presence === "away" ? ", nobody home" : ""}`;
    return name.slice(0, 80);
}

const minutes = (hhmm: string): number => Number(hhmm.slice(0, 2)) * 60 + Number(hhmm.slice(3, 5));

/* A window that ends before it begins goes on past midnight and belongs to the day it began. */
export function inSchedule(schedule: RuleTime[], time: Date): boolean {
    if (schedule.length === 0) return true;
    const day = ((time.getDay() + 6) % 7) + 1;
    const before = day === 1 ? 7 : day - 1;
    const m = time.getHours() * 60 + time.getMinutes();
    return schedule.some((s) => {
        const from = minutes(s.from);
        const to = minutes(s.to);
        if (from < to) return s.days.includes(day) && m >= from && m < to;
        return (s.days.includes(day) && m >= from) || (s.days.includes(before) && m < to);
    });
}

function whoFits(rule: Rule, e: SeenEvent): boolean {
    if (e.label !== "person" || rule.who === "anyone") return true;
    const known = e.face !== null && "person" in e.face ? e.face.person : null;
    if (rule.who === "unknown") return known === null;
    return rule.who === "known" ? known !== null : known !== null && rule.who.includes(known);
}

export type Because = "label" | "zone" | "schedule" | "person" | "dwell" | "cooldown" | "not_interesting" | "still";

/* Why a rule would not alert for this event, or null if it would. Presence is not asked: who was home then, nobody wrote down. */
export function against(rule: Rule, e: SeenEvent, zones: Record<string, Zone>): Because | null {
    if (!rule.labels.some((l) => labelFits(l, e.label))) return "label";
    if (rule.cameras.length > 0 && !rule.cameras.includes(e.camera)) return "zone";
    if (rule.zones.length > 0 && !rule.zones.some((z) => e.zones.includes(z) || e.crossed.includes(z))) return "zone";
    if (!inSchedule(rule.schedule, new Date(e.begin / 1000))) return "schedule";
    if (!whoFits(rule, e)) return "person";
    if (e.still) return "still";
    if (e.quiet.some((q) => q.because === "not_interesting")) return "not_interesting";
    if (rule.dwell_s > 0 && stayed(rule, e, zones) < rule.dwell_s) return "dwell";
    return null;
}

function stayed(rule: Rule, e: SeenEvent, zones: Record<string, Zone>): number {
    const areas = rule.zones.map((z) => zones[z]).filter((z): z is Zone => z !== undefined && z.kind === "include" && e.zones.includes(z.id));
    if (areas.length === 0 || e.path.length < 2) return (e.end - e.begin) / 1e6;
    return Math.max(...areas.map((z) => dwell(e, z.points)));
}

export interface Trial {
    alerts: SeenEvent[]; /* newest first */
    quiet: Partial<Record<Because, number>>;
}

/* What a rule would have done with these events; the cool-down counts by rule and camera. */
export function tryRule(rule: Rule, events: SeenEvent[], zones: Record<string, Zone>): Trial {
    const alerts: SeenEvent[] = [];
    const quiet: Trial["quiet"] = {};
    const last = new Map<string, number>();
    for (const e of [...events].sort((a, b) => a.begin - b.begin)) {
        let because = against(rule, e, zones);
        const at = e.begin + rule.dwell_s * 1e6;
        if (because === null && at - (last.get(e.camera) ?? -Infinity) < rule.cooldown_s * 1e6) because = "cooldown";
        if (because === null) {
            last.set(e.camera, at);
            alerts.push(e);
        } else quiet[because] = (quiet[because] ?? 0) + 1;
    }
    return { alerts: alerts.reverse(), quiet };
}

const QUIET_WORDS: Record<string, string> = {
    label: "no rule looks for this", zone: "it was not in a place that counts", schedule: "it was outside the hours", presence: "somebody was home, or nobody was",
    person: "it was not one of those people", dwell: "it did not stay long enough", cooldown: "there had been an alert shortly before", muted: "alerts were muted",
    not_interesting: "you marked something like it as not interesting", still: "it was there before and only stood still", score: "the hub was not sure enough",
};
export const becauseWords = (because: string): string => QUIET_WORDS[because] ?? because.replaceAll("_", " ");

export interface Why {
    headline: string;
    lines: string[]; /* what spoke for it, or each rule's reason */
    instead: string[]; /* what would have stopped it, or made it an alert */
}

/* Why this alert and what would have stopped it; or why not. */
export function why(e: SeenEvent, rule: Rule | null, names: RuleNames): Why {
    if (e.label === "motion") return { headline: "Quiet: something moved, and it was nothing that is looked for", lines: ["Motion alone never alerts."], instead: [] };
    if (!e.alert) {
        const lines = e.quiet.map((q) => `${q.name ? `“${q.name}”: ` : ""}${q.text || becauseWords(q.because)}`);
        return { headline: e.quiet.length === 0 ? "Quiet: no rule asks for this" : "Quiet", lines, instead: [] };
    }
    const who = e.face && "name" in e.face ? e.face.name : oneOf(e.label);
    const places = [...e.zones, ...e.crossed].map((z) => names.zones[z]?.name).filter((n): n is string => n !== undefined);
    const told = e.alert.channels.map((c) => names.channels[c] ?? "a removed channel");
    const lines = [`It saw ${who}${places.length > 0 ? ` in ${listed(places, "and")}` : ""}, ${Math.round(e.score * 100)} % sure.`];
    if (told.length > 0) lines.push(`It told ${listed(told, "and")}.`);
    return { headline: `Alert by “${e.alert.name || "a rule"}”`, lines, instead: rule ? stoppers(rule, e, names) : [] };
}

function stoppers(rule: Rule, e: SeenEvent, names: RuleNames): string[] {
    const out: string[] = [];
    const zones = rule.zones.map((z) => names.zones[z]?.name).filter((n): n is string => n !== undefined);
    if (zones.length > 0) out.push(`staying out of ${listed(zones)}`);
    else if (e.zones.length === 0) out.push("an exclude zone where it stood");
    if (rule.schedule.length > 0) out.push(`another time than ${listed(rule.schedule.map(timeWords))}`);
    if (rule.presence === "away") out.push("somebody being home");
    if (rule.presence === "home") out.push("nobody being home");
    if (e.label === "person" && rule.who === "unknown") out.push("a face you have named");
    if (rule.dwell_s > 0) out.push(`leaving within ${span(rule.dwell_s)}`);
    if (rule.cooldown_s > 0) out.push(`another alert in the ${span(rule.cooldown_s)} before`);
    out.push("“Not interesting” on something like it here");
    return out;
}
