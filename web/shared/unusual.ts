/* Unusual use by members of staff, by rules over the log alone (docs/trust.md, "Unusual use"): the same as src/trust/unusual.c. Here all
 * entries are one household's. */
import { byStaff } from "./log.ts";
import type { OwnEntry } from "./looks.ts";

export const RATE_MAX = 12; /* grants opened in an hour */
export const NIGHT_END_HOUR = 5; /* from midnight on, at the desk */
export const DAYS = 3; /* different days, of … */
export const DAYS_OF = 30;
export const CAMERAS_MAX = 3;
export const MINUTES_MAX = 60;
export const REFUSED_MAX = 5; /* in an hour */
const HOUR_S = 3600;
const DAY_S = 86_400;

export interface Alarm {
    rule: 1 | 2 | 3 | 4 | 5 | 6;
    time: number; /* s, of the entry that passed the rule */
    actor: string;
    n: number; /* the entry */
    value: number; /* what was counted */
}

interface Act {
    n: number;
    time: number;
    refused: boolean;
    actor: string;
    cameras: number;
    minutes: number;
    ticket: boolean;
}

/* Only acts of staff have facts that count. */
function actOf(e: OwnEntry): Act | null {
    const refused = e.kind === "admin.refused";
    if (!e.actor || !byStaff(e) || (!refused && e.kind !== "grant.use")) return null;
    return { n: e.n, time: e.time, refused, actor: e.actor, cameras: e.facts["cameras"] ?? 0, minutes: e.facts["minutes"] ?? 0, ticket: e.facts["ticket"] === 1 };
}

/* Entries in their order; `offset` is the desk's time zone in seconds east of UTC. */
export function unusual(entries: readonly OwnEntry[], offset = 0): Alarm[] {
    const out: Alarm[] = [];
    const acts: Act[] = [];
    for (const e of entries) {
        const act = actOf(e);
        if (!act) continue;
        acts.push(act);
        const same = acts.filter((a) => a.actor === act.actor && a.refused === act.refused);
        const inHour = same.filter((a) => act.time - a.time >= 0 && act.time - a.time < HOUR_S).length;
        const raise = (rule: Alarm["rule"], value: number): void => void out.push({ rule, value, time: act.time, actor: act.actor, n: act.n });
        if (!act.refused) {
            if (inHour > RATE_MAX) raise(1, inHour);
            const second = (((Math.floor(act.time) + offset) % DAY_S) + DAY_S) % DAY_S;
            const hour = Math.floor(second / HOUR_S);
            if (hour < NIGHT_END_HOUR) raise(2, hour);
            const today = Math.floor(act.time / DAY_S);
            const days = new Set(same.map((a) => today - Math.floor(a.time / DAY_S)).filter((d) => d >= 0 && d < DAYS_OF)).size;
            if (days >= DAYS) raise(3, days);
            if (act.cameras > CAMERAS_MAX) raise(4, act.cameras);
            else if (act.minutes > MINUTES_MAX) raise(4, act.minutes);
        }
        if (!act.ticket) raise(5, 0);
        if (act.refused && inHour > REFUSED_MAX) raise(6, inHour);
    }
    return out;
}

/* For the owner, after a name: "Agent 7 …". */
export function alarmWords(a: Alarm): string {
    switch (a.rule) {
        case 1:
            return `opened ${a.value} grants within an hour`;
        case 2:
            return "looked in the middle of the desk's night";
        case 3:
            return `looked on ${a.value} different days within a month`;
        case 4:
            return a.value > MINUTES_MAX ? `opened ${a.value} minutes at once` : `opened ${a.value} cameras at once`;
        case 5:
            return "looked, or tried to, without an open ticket";
        case 6:
            return `was refused ${a.value} times within an hour`;
    }
}
