/* All cameras' events on this device: synced by day from the vault, opened once, found through the index, and kept sealed at rest.
 *
 * At rest: IndexedDB "cardea-events". One key that the browser does not hand out (AES-256-GCM, not extractable), and one entry
 * for each camera and day, `camera/day`: nonce and sealed JSON, with the entry's name as additional data, so that entries cannot be
 * swapped. Names say which days there are, as the vault knows too. Where the device is not to remember, nothing is written. */
import type { Access } from "./access.ts";
import type { Api } from "./api.ts";
import { random, text, unb64, utf8, type Bytes } from "./bytes.ts";
import { wordOf } from "./errors.ts";
import { eventEpoch, openEvent } from "./event.ts";
import { EventIndex, type Filter, type Found, type Names } from "./search.ts";
import { readSeen, type SeenEvent } from "./seeing.ts";
import { count, type Stats } from "./stats.ts";

const NAME = "cardea-events";
const DAY = 86_400;
/* A day that has been over for this long is not asked for again: a hub that was cut off has caught up by then. */
const SETTLED_AFTER_DAYS = 3;
const EMPTY_DAYS = 7; /* that many without an event, before the camera was added: there are none */
const AT_ONCE = 4;
const CACHED_DAYS = 24;
const ROWS_A_DAY = 200_000; /* that a vault may list of one camera */
const PER_DAY = 16_384; /* a ref is chunk × PER_DAY + place */

interface Day {
    camera: string;
    day: number;
    last: number; /* sequence */
    settled: boolean;
    count: number;
    events: SeenEvent[] | null; /* null: at rest */
}
interface Stored {
    nonce: Bytes;
    sealed: ArrayBuffer;
}
interface Packed {
    last: number;
    settled: boolean;
    events: SeenEvent[];
}

export interface SyncState {
    count: number;
    version: number; /* grows with each change */
    busy: boolean;
    done: number; /* days read of those to read */
    of: number;
    problem: string | null;
}

function database(): Promise<IDBDatabase> {
    return new Promise((resolve, reject) => {
        const request = indexedDB.open(NAME, 1);
        request.onupgradeneeded = () => {
            request.result.createObjectStore("days");
            request.result.createObjectStore("about");
        };
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
    });
}
const asked = <T>(r: IDBRequest<T>): Promise<T> => new Promise((resolve, reject) => ((r.onsuccess = () => resolve(r.result)), (r.onerror = () => reject(r.error))));

export function eraseEvents(): Promise<void> {
    return new Promise((resolve) => {
        if (typeof indexedDB === "undefined") return resolve();
        const request = indexedDB.deleteDatabase(NAME);
        request.onsuccess = request.onerror = request.onblocked = () => resolve();
    });
}

/* The device's copy; without one (a private window, a person who is not staying) everything is in memory alone. */
class AtRest {
    private constructor(
        private readonly db: IDBDatabase,
        private readonly key: CryptoKey,
    ) {}

    static async open(household: string): Promise<AtRest | null> {
        try {
            const db = await database();
            const about = db.transaction("about").objectStore("about");
            const [owner, key] = await Promise.all([asked(about.get("household")), asked(about.get("key") as IDBRequest<CryptoKey | undefined>)]);
            if (owner === household && key) return new AtRest(db, key);
            const fresh = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
            const change = db.transaction(["about", "days"], "readwrite");
            change.objectStore("days").clear();
            change.objectStore("about").put(fresh, "key");
            await asked(change.objectStore("about").put(household, "household"));
            return new AtRest(db, fresh);
        } catch {
            return null;
        }
    }

    async names(): Promise<string[]> {
        return (await asked(this.db.transaction("days").objectStore("days").getAllKeys())) as string[];
    }

    async read(name: string): Promise<Packed | null> {
        try {
            const stored = await asked(this.db.transaction("days").objectStore("days").get(name) as IDBRequest<Stored | undefined>);
            if (!stored) return null;
            const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv: stored.nonce, additionalData: utf8(name) }, this.key, stored.sealed);
            return JSON.parse(text(new Uint8Array(plain))) as Packed;
        } catch {
            return null; /* it is fetched again */
        }
    }

    async write(name: string, packed: Packed): Promise<void> {
        const nonce = random(12);
        const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce, additionalData: utf8(name) }, this.key, utf8(JSON.stringify(packed)));
        await asked(this.db.transaction("days", "readwrite").objectStore("days").put({ nonce, sealed } satisfies Stored, name));
    }

    async remove(name: string): Promise<void> {
        await asked(this.db.transaction("days", "readwrite").objectStore("days").delete(name));
    }

    close(): void {
        this.db.close();
    }
}

export class EventStore {
    private readonly index = new EventIndex();
    private readonly days: Day[] = [];
    private readonly dayOf = new Map<string, number>();
    private recent: number[] = []; /* days held in memory, least recently used first */
    private rest: AtRest | null = null;
    private loaded: Promise<void> | null = null;
    private running: Promise<void> | null = null;
    private closed = false;
    readonly state: SyncState = { count: 0, version: 0, busy: false, done: 0, of: 0, problem: null };

    constructor(
        private readonly api: Api,
        private readonly access: Access,
        private readonly now: () => number, /* s */
        private readonly keep: () => boolean,
        private readonly changed: (s: SyncState) => void,
    ) {}

    close(): void {
        this.closed = true;
        this.rest?.close();
    }

    /* What this device kept, into the index. */
    load(): Promise<void> {
        this.loaded ??= this.restore();
        return this.loaded;
    }

    private async restore(): Promise<void> {
        if (!this.keep()) return;
        this.rest = await AtRest.open(this.access.id);
        const known = new Set(this.access.cameras.map((c) => c.id));
        const names = ((await this.rest?.names()) ?? []).sort((a, b) => Number(b.split("/")[1]) - Number(a.split("/")[1]));
        for (const name of names) {
            const [camera, day] = name.split("/") as [string, string];
            const packed = known.has(camera) ? await this.rest!.read(name) : null;
            if (!packed) {
                await this.rest!.remove(name);
                continue;
            }
            const at = this.day(camera, Number(day));
            Object.assign(this.days[at]!, { last: packed.last, settled: packed.settled, events: packed.events, count: packed.events.length });
            packed.events.forEach((e, i) => this.index.add(e, at * PER_DAY + i));
            this.use(at);
        }
        this.tell();
    }

    private day(camera: string, day: number): number {
        const name = `${camera}/${day}`;
        let at = this.dayOf.get(name);
        if (at === undefined) {
            at = this.days.push({ camera, day, last: 0, settled: false, count: 0, events: [] }) - 1;
            this.dayOf.set(name, at);
        }
        return at;
    }

    /* Few days are in memory as whole events; the rest is read when it is looked at. */
    private use(at: number): void {
        this.recent = this.recent.filter((x) => x !== at);
        this.recent.push(at);
        if (!this.rest) return;
        while (this.recent.length > CACHED_DAYS) this.days[this.recent.shift()!]!.events = null;
    }

    private async eventsOf(at: number): Promise<SeenEvent[]> {
        const day = this.days[at]!;
        if (!day.events) {
            const packed = await this.rest?.read(`${day.camera}/${day.day}`);
            day.events ??= packed?.events ?? [];
        }
        this.use(at);
        return day.events;
    }

    private tell(): void {
        this.state.count = this.index.count;
        this.state.version++;
        if (!this.closed) this.changed({ ...this.state });
    }

    /* ---- from the vault ---- */

    sync(): Promise<void> {
        this.running ??= this.load().then(() => this.syncAll()).finally(() => (this.running = null));
        return this.running;
    }

    private async syncAll(): Promise<void> {
        const today = Math.floor(this.now() / DAY);
        const work: (() => Promise<void>)[] = [];
        this.state.problem = null;
        const cameras = this.access.cameras.filter((c) => c.profile.kind === "main");
        for (const { id, profile } of cameras) {
            const keep = profile.retention_days > 0 ? profile.retention_days : 3650;
            const oldest = today - keep;
            await this.expire(id, oldest);
            const added = Math.floor((Date.parse(profile.added ?? "") || this.now() * 1000) / 1000 / DAY);
            work.push(() => this.syncCamera(id, today, Math.max(oldest, added), oldest));
        }
        this.state.busy = true;
        this.state.done = this.state.of = 0;
        try {
            await inParallel(work, AT_ONCE);
        } catch (e) {
            this.state.problem = wordOf(e);
            if (wordOf(e) !== "offline") throw e;
        } finally {
            this.state.busy = false;
            this.tell();
        }
    }

    /* From today back: the day it was added, and on while there is something. */
    private async syncCamera(camera: string, today: number, added: number, oldest: number): Promise<void> {
        let empty = 0;
        for (let day = today + 1; day >= oldest && (day >= added || empty < EMPTY_DAYS) && !this.closed; day--) {
            const at = this.day(camera, day);
            if (!this.days[at]!.settled) {
                this.state.of++;
                await this.syncDay(at, today);
                this.state.done++;
            }
            empty = this.days[at]!.count > 0 ? 0 : empty + 1;
        }
    }

    private async syncDay(at: number, today: number): Promise<void> {
        const day = this.days[at]!;
        const name = `${day.camera}/${day.day}`;
        const fresh: SeenEvent[] = [];
        /* A vault that answers the same again, or without end, is not listened to for ever. */
        for (let rows = 0; rows < ROWS_A_DAY;) {
            const { events, last } = await this.api.get<{ events: [number, string][]; last: number }>(`/v1/events?camera=${day.camera}&day=${day.day}&after=${day.last}`);
            for (const [, sealed] of events) {
                const event = await this.open(day, sealed);
                if (event && fresh.length < PER_DAY) fresh.push(event);
            }
            if (events.length === 0) break;
            rows += events.length;
            const next = Math.max(last ?? 0, ...events.map((e) => e[0]));
            if (!(next > day.last)) break;
            day.last = next;
        }
        const settled = day.day + SETTLED_AFTER_DAYS < today;
        if (fresh.length === 0 && settled === day.settled) return;
        day.settled = settled;
        let events = await this.eventsOf(at);
        const had = events.length;
        events = [...events, ...fresh].slice(0, PER_DAY);
        if (settled) {
            /* Nothing more will come: what was told again is kept once, without its history. */
            const old = new Set(events.map((e) => e.replaces));
            events = events.filter((e) => !old.has(e.id));
            this.index.forget(day.camera, day.day * DAY, (day.day + 1) * DAY);
        }
        day.events = events;
        day.count = events.length;
        for (let i = settled ? 0 : had; i < events.length; i++) this.index.add(events[i]!, at * PER_DAY + i);
        await this.rest?.write(name, { last: day.last, settled, events });
        if (fresh.length > 0) this.tell();
    }

    private async open({ camera, day }: Day, sealed: string): Promise<SeenEvent | null> {
        try {
            const raw = unb64(sealed);
            const about = eventEpoch(raw);
            if (about.camera !== camera) return null;
            const plain = await openEvent(raw, await this.access.timeKeys(camera, about.epoch));
            return readSeen(camera, day, plain.id, plain);
        } catch (e) {
            if (wordOf(e) === "offline") throw e;
            return null; /* what does not open is not shown; its recording says for itself what is wrong */
        }
    }

    private async expire(camera: string, oldest: number): Promise<void> {
        for (let at = 0; at < this.days.length; at++) {
            const day = this.days[at]!;
            if (day.camera === camera && day.day < oldest && day.count > 0) await this.clear(at);
        }
    }

    private async clear(at: number): Promise<void> {
        const day = this.days[at]!;
        this.index.forget(day.camera, day.day * DAY, (day.day + 1) * DAY);
        day.events = [];
        day.count = 0;
        await this.rest?.remove(`${day.camera}/${day.day}`);
    }

    /* What was deleted in the vault goes from this device as well. */
    async forget(camera: string, from = -Infinity, to = Infinity): Promise<void> {
        await this.load();
        this.index.forget(camera, from, to);
        for (let at = 0; at < this.days.length; at++) {
            const day = this.days[at]!;
            if (day.camera !== camera || (day.day + 1) * DAY <= from || day.day * DAY >= to || day.count === 0) continue;
            const rest = (await this.eventsOf(at)).filter((e) => e.begin / 1e6 < from || e.begin / 1e6 >= to);
            this.index.forget(camera, day.day * DAY, (day.day + 1) * DAY);
            rest.forEach((e, i) => this.index.add(e, at * PER_DAY + i));
            Object.assign(day, { events: rest, count: rest.length });
            if (this.rest) await (rest.length > 0 ? this.rest.write(`${camera}/${day.day}`, { last: day.last, settled: day.settled, events: rest }) : this.rest.remove(`${camera}/${day.day}`));
        }
        this.tell();
    }

    /* ---- asking ---- */

    find = (filter: Filter, names: Names): Found => this.index.find(filter, names);
    facets = () => this.index.facets();

    async rows(rows: ArrayLike<number>): Promise<(SeenEvent | null)[]> {
        const out: (SeenEvent | null)[] = [];
        for (let i = 0; i < rows.length; i++) {
            const ref = this.index.refOf(rows[i]!);
            out.push((await this.eventsOf(Math.floor(ref / PER_DAY)))[ref % PER_DAY] ?? null);
        }
        return out;
    }

    async byId(id: string): Promise<SeenEvent | null> {
        const row = this.index.rowFor(id);
        return row === null ? null : ((await this.rows([row]))[0] ?? null);
    }

    stats(filter: Filter, names: Names, from: number, to: number): Stats {
        return count(this.index, this.index.find({ ...filter, from, to }, names), from, to);
    }
}

async function inParallel(work: (() => Promise<void>)[], atOnce: number): Promise<void> {
    const queue = [...work];
    await Promise.all(Array.from({ length: Math.min(atOnce, queue.length) }, async () => {
        for (let next = queue.shift(); next; next = queue.shift()) await next();
    }));
}
