/* Counts over days, from the event index: by day and label, by hour of the week, by camera, alerts against quiet. */
import type { EventIndex, Found } from "./search.ts";
import { groupOf } from "./seeing.ts";

export interface Stats {
    days: number[]; /* local midnights, s, ascending, each day of the range */
    labels: string[]; /* groups, the most frequent first */
    byLabel: number[][]; /* [label][day] */
    alerts: number[]; /* [day] */
    quiet: number[];
    hours: number[]; /* [weekday from Monday × 24 + hour] */
    cameras: { id: string; events: number; alerts: number }[];
    total: number;
    alerted: number;
}

function midnights(from: number, to: number): number[] {
    const out: number[] = [];
    const d = new Date(from * 1000);
    d.setHours(0, 0, 0, 0);
    /* By the calendar, not by 86 400 s: twice a year a day is an hour longer or shorter. */
    for (; d.getTime() / 1000 < to; d.setDate(d.getDate() + 1)) out.push(d.getTime() / 1000);
    return out;
}

export function count(index: EventIndex, found: Found, from: number, to: number): Stats {
    const days = midnights(from, to);
    const perLabel = new Map<string, number[]>();
    const perCamera = new Map<string, { id: string; events: number; alerts: number }>();
    const alerts = days.map(() => 0);
    const quiet = days.map(() => 0);
    const hours = new Array<number>(168).fill(0);
    let day = days.length - 1;
    let alerted = 0;
    for (let i = 0; i < found.total; i++) {
        const row = found.rows[i]!;
        const t = found.begins[i]!;
        while (day > 0 && days[day]! > t) day--; /* newest first */
        const group = groupOf(index.labelOf(row));
        let counts = perLabel.get(group);
        if (!counts) perLabel.set(group, (counts = days.map(() => 0)));
        counts[day]!++;
        const isAlert = index.alerted(row);
        (isAlert ? alerts : quiet)[day]!++;
        if (isAlert) alerted++;
        const d = new Date(t * 1000);
        hours[((d.getDay() + 6) % 7) * 24 + d.getHours()]!++;
        const id = index.cameraOf(row);
        const camera = perCamera.get(id) ?? { id, events: 0, alerts: 0 };
        camera.events++;
        if (isAlert) camera.alerts++;
        perCamera.set(id, camera);
    }
    const sum = (list: number[]): number => list.reduce((a, b) => a + b, 0);
    const labels = [...perLabel.keys()].sort((a, b) => sum(perLabel.get(b)!) - sum(perLabel.get(a)!));
    return {
        days, labels, byLabel: labels.map((l) => perLabel.get(l)!), alerts, quiet, hours, total: found.total, alerted,
        cameras: [...perCamera.values()].sort((a, b) => b.events - a.events),
    };
}
