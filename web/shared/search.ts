/* The event index: all cameras' events in columns, found by what they are, where, who, when, and by words. No page in it.
 *
 * A hundred thousand events are a few megabytes here: what repeats (labels, cameras, people, sets of zones, sets of rules) stands
 * once in a dictionary, and a filter is decided for each dictionary entry first, so that an event costs some table look-ups. */
import { labelFits, labelName, groupOf, type SeenEvent } from "./seeing.ts";

export interface Filter {
    labels?: string[]; /* also `vehicle`, `pet` */
    without?: string[];
    people?: string[]; /* ids, or `unknown` */
    cameras?: string[];
    zones?: string[];
    from?: number; /* s */
    to?: number;
    alerted?: boolean;
    text?: string;
}

/* Names as they are now; the events hold ids. */
export interface Names {
    cameras: Record<string, string>;
    zones: Record<string, string>;
    people: Record<string, string>;
}

const CHAIN_MAX = 64; /* an event is told again a few times at most; a circle of them is somebody's joke */
const ALERTED = 1;
const GONE = 2;
const OPEN = 4;

class Dictionary<T> {
    readonly values: T[] = [];
    private readonly ids = new Map<string, number>();

    id(key: string, value: () => T): number {
        let id = this.ids.get(key);
        if (id === undefined) {
            id = this.values.length;
            this.ids.set(key, id);
            this.values.push(value());
        }
        return id;
    }
}

/* Words as they are compared: lower case, without accents. */
export const words = (text: string): string[] =>
    text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().split(/[^\p{L}\p{N}]+/u).filter((w) => w !== "");

const SYNONYMS: Record<string, string> = {
    person: "people human somebody", vehicle: "vehicle car", pet: "pet animal", ring: "doorbell ring bell", motion: "motion movement", package: "parcel delivery",
};

function grow<T extends Float64Array | Float32Array | Uint32Array | Uint16Array | Uint8Array>(old: T, size: number): T {
    const next = new (old.constructor as new (n: number) => T)(size);
    next.set(old as never);
    return next;
}

export interface Found {
    total: number;
    rows: Uint32Array; /* newest first */
    begins: Float64Array; /* s, of each */
}

export class EventIndex {
    private size = 0;
    private begin = new Float64Array(1024);
    private seconds = new Float32Array(1024);
    private label = new Uint16Array(1024);
    private camera = new Uint16Array(1024);
    private person = new Uint16Array(1024);
    private places = new Uint16Array(1024);
    private rules = new Uint16Array(1024);
    private flags = new Uint8Array(1024);
    private ref = new Uint32Array(1024); /* the caller's: where the whole event lies */
    private order: Uint32Array = new Uint32Array(0); /* rows by time, oldest first, without those that are gone */
    private sorted = 0; /* rows that `order` knows */
    private gone = 0;
    private rowOf = new Map<string, number>();
    private replaced = new Map<string, string>(); /* what was told again, by what */
    private readonly labels = new Dictionary<string>();
    private readonly cameras = new Dictionary<string>();
    private readonly people = new Dictionary<string>();
    private readonly placeSets = new Dictionary<string[]>();
    private readonly ruleSets = new Dictionary<string>();

    get count(): number {
        return this.rowOf.size;
    }

    /* Adds an event, or puts it in the place of the one it replaces, whichever comes first. `ref` is given back by refOf. */
    add(e: SeenEvent, ref: number): void {
        if (e.replaces) {
            this.replaced.set(e.replaces, e.id);
            this.drop(e.replaces);
        }
        if (this.replaced.has(e.id)) return;
        const row = this.rowOf.get(e.id) ?? this.newRow(e.id);
        this.begin[row] = e.begin / 1e6;
        this.seconds[row] = (e.end - e.begin) / 1e6;
        this.label[row] = this.labels.id(e.label, () => e.label);
        this.camera[row] = this.cameras.id(e.camera, () => e.camera);
        const who = e.face === null ? "" : "person" in e.face ? e.face.person : "unknown";
        this.person[row] = this.people.id(who, () => who);
        const where = e.crossed.length > 0 ? [...e.zones, ...e.crossed] : e.zones;
        this.places[row] = this.placeSets.id(where.join(" "), () => where);
        const rules = [e.alert?.name ?? "", ...e.quiet.map((q) => q.name), e.face && "name" in e.face ? e.face.name : ""].join(" ");
        this.rules[row] = this.ruleSets.id(rules, () => rules);
        this.flags[row] = (e.alert ? ALERTED : 0) | (e.open ? OPEN : 0);
        this.ref[row] = ref;
    }

    private newRow(id: string): number {
        const row = this.size++;
        if (row >= this.begin.length) {
            const n = this.begin.length * 2;
            this.begin = grow(this.begin, n);
            this.seconds = grow(this.seconds, n);
            this.label = grow(this.label, n);
            this.camera = grow(this.camera, n);
            this.person = grow(this.person, n);
            this.places = grow(this.places, n);
            this.rules = grow(this.rules, n);
            this.flags = grow(this.flags, n);
            this.ref = grow(this.ref, n);
        }
        this.rowOf.set(id, row);
        return row;
    }

    private drop(id: string): void {
        const row = this.rowOf.get(id);
        if (row === undefined) return;
        this.rowOf.delete(id);
        this.flags[row] = GONE;
        this.gone++;
    }

    /* Forgets a camera's events that begin in [from, to) s. */
    forget(camera: string, from = -Infinity, to = Infinity): number {
        const id = this.cameras.values.indexOf(camera);
        const before = this.gone;
        for (const [key, row] of this.rowOf) if (this.camera[row] === id && this.begin[row]! >= from && this.begin[row]! < to) this.drop(key);
        return this.gone - before;
    }

    /* Rows by time. Few new ones are merged into many old ones. */
    private inOrder(): Uint32Array {
        if (this.sorted === this.size && this.gone === 0) return this.order;
        const fresh: number[] = [];
        for (let r = this.sorted; r < this.size; r++) if (!(this.flags[r]! & GONE)) fresh.push(r);
        const begin = this.begin;
        fresh.sort((a, b) => begin[a]! - begin[b]!);
        const out = new Uint32Array(this.order.length + fresh.length);
        let n = 0;
        let f = 0;
        for (const row of this.order) {
            if (this.flags[row]! & GONE) continue;
            while (f < fresh.length && begin[fresh[f]!]! < begin[row]!) out[n++] = fresh[f++]!;
            out[n++] = row;
        }
        while (f < fresh.length) out[n++] = fresh[f++]!;
        this.order = out.slice(0, n);
        this.sorted = this.size;
        this.gone = 0;
        return this.order;
    }

    /* The first place in `order` whose event begins at or after t. */
    private at(order: Uint32Array, t: number): number {
        let low = 0;
        let high = order.length;
        while (low < high) {
            const mid = (low + high) >> 1;
            if (this.begin[order[mid]!]! < t) low = mid + 1;
            else high = mid;
        }
        return low;
    }

    find(filter: Filter, names: Names): Found {
        const order = this.inOrder();
        const first = filter.from === undefined ? 0 : this.at(order, filter.from);
        const last = filter.to === undefined ? order.length : this.at(order, filter.to);
        const t = this.tables(filter, names);
        const rows = new Uint32Array(Math.max(0, last - first));
        const { label, camera, person, places, flags, rules } = this;
        let n = 0;
        for (let i = last - 1; i >= first; i--) {
            const r = order[i]!;
            if (t.labels && !t.labels[label[r]!]) continue;
            if (t.cameras && !t.cameras[camera[r]!]) continue;
            if (t.people && !t.people[person[r]!]) continue;
            if (t.places && !t.places[places[r]!]) continue;
            if (filter.alerted !== undefined && ((flags[r]! & ALERTED) !== 0) !== filter.alerted) continue;
            let all = true;
            for (const w of t.words)
                if (!(w.labels[label[r]!] || w.cameras[camera[r]!] || w.people[person[r]!] || w.places[places[r]!] || w.rules[rules[r]!])) {
                    all = false;
                    break;
                }
            if (all) rows[n++] = r;
        }
        const found = rows.slice(0, n);
        const begins = new Float64Array(n);
        for (let i = 0; i < n; i++) begins[i] = this.begin[found[i]!]!;
        return { total: n, rows: found, begins };
    }

    private tables(f: Filter, names: Names) {
        const table = <T>(values: readonly T[], fits: (v: T) => boolean): Uint8Array => Uint8Array.from(values, (v) => (fits(v) ? 1 : 0));
        const some = (list: string[] | undefined): list is string[] => list !== undefined && list.length > 0;
        const labelFilter = some(f.labels) || some(f.without);
        const wordTables = words(f.text ?? "").map((w) => {
            const hit = (text: string): boolean => words(text).some((x) => x.startsWith(w));
            return {
                labels: table(this.labels.values, (l) => hit(`${l} ${labelName(l)} ${groupOf(l)} ${SYNONYMS[l] ?? ""} ${SYNONYMS[groupOf(l)] ?? ""}`)),
                cameras: table(this.cameras.values, (c) => hit(names.cameras[c] ?? "")),
                people: table(this.people.values, (p) => p !== "" && hit(p === "unknown" ? "unknown stranger" : (names.people[p] ?? ""))),
                places: table(this.placeSets.values, (set) => set.some((z) => hit(names.zones[z] ?? ""))),
                rules: table(this.ruleSets.values, hit),
            };
        });
        return {
            labels: labelFilter ? table(this.labels.values, (l) => (!some(f.labels) || f.labels.some((w) => labelFits(w, l))) && !f.without?.some((w) => labelFits(w, l))) : null,
            cameras: some(f.cameras) ? table(this.cameras.values, (c) => f.cameras!.includes(c)) : null,
            people: some(f.people) ? table(this.people.values, (p) => f.people!.includes(p)) : null,
            places: some(f.zones) ? table(this.placeSets.values, (set) => set.some((z) => f.zones!.includes(z))) : null,
            words: wordTables,
        };
    }

    refOf = (row: number): number => this.ref[row]!;
    cameraOf = (row: number): string => this.cameras.values[this.camera[row]!]!;
    labelOf = (row: number): string => this.labels.values[this.label[row]!]!;
    alerted = (row: number): boolean => (this.flags[row]! & ALERTED) !== 0;

    /* The row of an event, or of what took its place: an alert names the event as it was first told. */
    rowFor(id: string): number | null {
        let now = id;
        for (let i = 0; i < CHAIN_MAX; i++) {
            const row = this.rowOf.get(now);
            if (row !== undefined) return row;
            const next = this.replaced.get(now);
            if (next === undefined) return null;
            now = next;
        }
        return null;
    }

    /* Labels, people and zones that occur, for the filters to offer. */
    facets(): { labels: string[]; people: string[]; zones: string[]; cameras: string[] } {
        const zones = new Set(this.placeSets.values.flat());
        return { labels: [...this.labels.values], people: this.people.values.filter((p) => p !== ""), zones: [...zones], cameras: [...this.cameras.values] };
    }
}
