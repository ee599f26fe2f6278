/* Events as a busy household would have them, the same for the same seed: for tests and the benchmark. */
import type { SeenEvent, Zone } from "../shared/seeing.ts";

export function seeded(seed: number): () => number {
    let s = seed >>> 0;
    return () => {
        s = (s + 0x6d2b79f5) >>> 0;
        let t = Math.imul(s ^ (s >>> 15), 1 | s);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
    };
}

export const blank = (id: string, more: Partial<SeenEvent> = {}): SeenEvent => ({
    id, camera: "c0", day: 20_000, label: "person", begin: 20_000 * 86_400e6, end: 20_000 * 86_400e6 + 8e6, score: 0.8, open: false, replaces: null, zones: [], crossed: [],
    path: [], picture: null, face: null, still: false, model: "test", alert: null, quiet: [], gap: false, ...more,
});

export const zone = (id: string, more: Partial<Zone> = {}): Zone => ({ id, name: id, kind: "include", points: [[0, 0], [10000, 0], [10000, 10000], [0, 10000]], direction: "both", ...more });

const LABELS = ["person", "person", "person", "car", "car", "truck", "dog", "cat", "bird", "bicycle", "motion", "motion", "package"];

export function household(events: number, cameras = 12, days = 60): { events: SeenEvent[]; names: { cameras: Record<string, string>; zones: Record<string, string>; people: Record<string, string> } } {
    const next = seeded(7);
    const pick = <T>(from: readonly T[]): T => from[Math.floor(next() * from.length)]!;
    const people = ["p0", "p1", "p2", "p3"];
    const names = {
        cameras: Object.fromEntries(Array.from({ length: cameras }, (_, i) => [`c${i}`, ["Front door", "Driveway", "Garden", "Back yard", "Garage", "Gate"][i % 6]! + (i < 6 ? "" : ` ${i}`)])),
        zones: Object.fromEntries(Array.from({ length: cameras * 3 }, (_, i) => [`z${i}`, ["Path", "Lawn", "Street"][i % 3]!])),
        people: { p0: "Ada", p1: "Grace", p2: "Élodie", p3: "Alan" },
    };
    const out: SeenEvent[] = [];
    for (let i = 0; i < events; i++) {
        const c = Math.floor(next() * cameras);
        const begin = Math.round((20_000 * 86_400 - next() * days * 86_400) * 1e6);
        const label = pick(LABELS);
        const alerted = label === "person" && next() < 0.3;
        out.push(blank(i.toString(16).padStart(32, "0"), {
            camera: `c${c}`, day: Math.floor(begin / 86_400e6), label, begin, end: begin + Math.round(next() * 30e6),
            zones: next() < 0.6 ? [`z${c * 3 + Math.floor(next() * 3)}`] : [],
            face: label === "person" && next() < 0.4 ? (next() < 0.5 ? { unknown: true } : { person: pick(people), name: "" }) : null,
            alert: alerted ? { rule: "r0", name: "People at the door", at: begin, channels: [] } : null,
            quiet: alerted ? [] : [{ rule: "r0", name: "People at the door", because: "cooldown", text: "" }],
        }));
    }
    return { events: out, names };
}
