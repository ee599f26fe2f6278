/* What an owner's device does, behind one object that lives in a worker: keys never reach the page. */
import { Api, type VaultInfo } from "./api.ts";
import * as accounts from "./account.ts";
import { b64, hex, unb64, type Bytes } from "./bytes.ts";
import * as device from "./device.ts";
import { CardeaError, messageOf } from "./errors.ts";
import { eventDay, eventEpoch, openEvent, openEventPicture, type CameraEvent } from "./event.ts";
import { eraseEvents, EventStore, type SyncState } from "./eventstore.ts";
import { exportClip, type ExportResult } from "./export.ts";
import { Household, type Profile } from "./household.ts";
import { command, pair } from "./hub.ts";
import type { Notice } from "./live.ts";
import { looksOf, type Look, type OwnEntry } from "./looks.ts";
import { eraseLooks, lookMemory } from "./lookmemory.ts";
import { newRecovery } from "./recovery.ts";
import { Recordings, type Media, type SegmentRef, type Span } from "./recordings.ts";
import { tryRule, type Trial } from "./rules.ts";
import type { Filter, Found, Names } from "./search.ts";
import type { Rule, SeenEvent, Zone } from "./seeing.ts";
import { signKey } from "./sign.ts";
import type { Stats } from "./stats.ts";
import { watch, type LivePart, type LiveState } from "./watch.ts";
import { Looked, type GrantSeen, type LookedState } from "./wholooked.ts";

export type ClientEvent =
    | { type: "reach"; ok: boolean }
    | { type: "live"; watch: number; camera: string; part: LivePart }
    | { type: "notice"; watch: number; camera: string | null; notice: Notice }
    | { type: "live-state"; watch: number; state: LiveState; message: string }
    | { type: "progress"; job: number; done: number }
    | ({ type: "looked" } & LookedState)
    | ({ type: "events" } & SyncState);

export interface CameraView {
    id: string;
    profile: Profile;
    sub: { id: string; codec: string | null } | null;
}

export interface HouseholdView {
    login: string;
    id: string;
    name: string;
    hubs: { id: string; added: string }[];
    cameras: CameraView[];
    problems: string[];
}

export interface CameraStatus {
    camera: string;
    name: string;
    kind?: "main" | "sub";
    state: string;
    message?: string | null;
    since?: string;
    fps?: number;
    kbit_s?: number;
    lost?: number;
    width?: number;
    height?: number;
    codec?: string;
    audio?: string | boolean | null;
    motion?: boolean;
    recording?: boolean;
}

export interface HubStatus {
    version?: string;
    uptime_s?: number;
    spool_bytes?: number;
    spool_limit_bytes?: number;
    spool_oldest?: string | null;
    vault_since?: string | null;
    clock_ok?: boolean;
    dropped_bytes?: number;
    state?: string;
    message?: string;
}

export interface HubReport {
    id: string;
    online: boolean;
    since: string | null;
    status: HubStatus | null;
    problem: string | null;
    cameras: CameraStatus[];
}

interface Remembered {
    login: string;
    token: string;
    version: number;
    account: { box: string; sign: string };
    recovery: string;
    households: { id: string; capability: string; name: string }[];
}

export class Client {
    private api = new Api();
    private account: accounts.Account | null = null;
    private household: Household | null = null;
    private recordings: Recordings | null = null;
    private store: EventStore | null = null;
    private looked: Looked | null = null;
    private pending: Bytes | null = null; /* a recovery secret that was shown and is not in force yet */
    private clockOffsetMs = 0;
    private jobs = new Map<number, AbortController>();
    private nextJob = 1;
    private remembered = false;

    constructor(private readonly emit: (e: ClientEvent) => void) {
        this.api.reach = (ok) => emit({ type: "reach", ok });
    }

    /* ---- the vault and its clock ---- */

    async vault(): Promise<VaultInfo & { clockOffsetMs: number }> {
        const before = Date.now();
        const info = await this.api.get<VaultInfo>("/v1/vault", { who: "nobody" });
        const middle = (before + Date.now()) / 2;
        this.clockOffsetMs = Date.parse(info.time) - middle;
        if (Math.abs(this.clockOffsetMs) < 1500) this.clockOffsetMs = 0; /* `time` is in whole seconds */
        return { ...info, clockOffsetMs: this.clockOffsetMs };
    }

    private now = (): number => Date.now() + this.clockOffsetMs;

    /* ---- accounts ---- */

    async signUp(o: accounts.SignUp): Promise<string[]> {
        const { account, words } = await accounts.signUp(this.api, o);
        this.account = account;
        await accounts.makeHousehold(this.api, account.ring.body, o.setupCode);
        await this.enter();
        return words;
    }

    async signIn(login: string, passphrase: string, stay: boolean): Promise<void> {
        this.account = await accounts.signIn(this.api, login, passphrase);
        await this.enter();
        if (stay) await this.remember();
    }

    /* The first half of recovering: the words open the keyring. */
    async recover(login: string, words: string): Promise<void> {
        this.account = await accounts.recover(this.api, login, words);
    }

    async finishRecovery(passphrase: string): Promise<void> {
        this.account = await accounts.reseal(this.api, this.signedIn(), passphrase);
        await this.enter();
    }

    async changePassphrase(old: string, next: string): Promise<void> {
        await accounts.checkPassphrase(this.api, old);
        this.account = await accounts.reseal(this.api, this.signedIn(), next);
        if (this.remembered) await this.remember();
    }

    /* A new recovery code, shown before it is in force; useRecovery puts it there. */
    async proposeRecovery(passphrase: string): Promise<string[]> {
        this.signedIn();
        await accounts.checkPassphrase(this.api, passphrase);
        const { secret, words } = newRecovery();
        this.pending = secret;
        return words;
    }

    async useRecovery(passphrase: string): Promise<void> {
        if (!this.pending) throw new CardeaError("invalid", "no recovery code is waiting to be put in force");
        this.account = await accounts.reseal(this.api, this.signedIn(), passphrase, this.pending);
        this.pending = null;
        if (this.remembered) await this.remember();
    }

    private signedIn(): accounts.Account {
        if (!this.account) throw new CardeaError("denied", "sign in first");
        return this.account;
    }

    private async enter(): Promise<void> {
        const { ring, login } = this.signedIn();
        const first = ring.body.households[0];
        if (!first) throw new CardeaError("not_found", `${login} belongs to no household yet`);
        this.api.useCapability(await signKey(first.capability));
        this.household = await this.openHousehold(first.id);
        const household = this.household;
        this.recordings = new Recordings(this.api, (c, e) => household.timeKeys(c, e), () => Math.floor(this.now() / 1000));
        this.store?.close();
        this.store = new EventStore(this.api, household, () => this.now() / 1000, () => this.remembered, (s) => this.emit({ type: "events", ...s }));
        this.looked = new Looked({
            api: this.api, household, memory: lookMemory, objects: device.memory, now: () => this.now() / 1000, staying: () => this.remembered,
            command: (hub, verb) => command(this.api, household.keys, hub, verb, {}, this.now()), emit: (s) => this.emit({ type: "looked", ...s }),
        });
        await household.refresh();
    }

    private async openHousehold(id: string): Promise<Household> {
        const body = this.signedIn().ring.body;
        try {
            return await Household.open(this.api, id, body.account.box, device.memory);
        } catch (e) {
            /* The sign-up was cut off between the account and the household: go on where it ended, if the vault still lets us. */
            if (!(e instanceof CardeaError) || (e.word !== "denied" && e.word !== "not_found")) throw e;
            const info = await this.vault();
            if (info.signup === "closed" || (info.signup === "code" && !info.setup_code)) throw e;
            await accounts.makeHousehold(this.api, body, info.setup_code);
            return Household.open(this.api, id, body.account.box, device.memory);
        }
    }

    private async remember(): Promise<void> {
        const { login, ring, version } = this.signedIn();
        const value: Remembered = {
            login, version, token: this.api.session,
            account: { box: b64(ring.body.account.box), sign: b64(ring.body.account.sign) },
            recovery: b64(ring.body.recovery),
            households: ring.body.households.map((h) => ({ ...h, capability: b64(h.capability) })),
        };
        await device.remember(value);
        this.remembered = true;
    }

    async stay(): Promise<void> {
        await this.remember();
    }

    /* Goes on with what this device remembers; false: sign in. */
    async resume(): Promise<boolean> {
        const kept = await device.recall<Remembered>();
        if (!kept) return false;
        this.api.session = kept.token;
        const body = {
            v: 1 as const,
            account: { box: unb64(kept.account.box), sign: unb64(kept.account.sign) },
            recovery: unb64(kept.recovery),
            households: kept.households.map((h) => ({ ...h, capability: unb64(h.capability) })),
        };
        const none = new Uint8Array(0);
        this.account = { login: kept.login, version: kept.version, ring: { cost: { memoryKib: 0, passes: 0 }, salt: none, key: none, body } };
        this.remembered = true;
        await this.enter();
        return true;
    }

    async signOut(): Promise<void> {
        this.store?.close();
        await Promise.all([device.forget(), eraseEvents(), eraseLooks()]);
        for (const j of this.jobs.values()) j.abort();
        await this.api.send("DELETE", "/v1/sessions/current", { who: "session" }).catch(() => undefined);
        this.api.session = "";
        this.api.useCapability(null);
        this.account = this.household = this.recordings = this.store = this.looked = null;
    }

    /* ---- the household ---- */

    private home(): { household: Household; recordings: Recordings } {
        if (!this.household || !this.recordings) throw new CardeaError("denied", "sign in first");
        return { household: this.household, recordings: this.recordings };
    }

    async view(): Promise<HouseholdView> {
        const { household } = this.home();
        await household.refresh();
        const profiles = new Map(household.cameras.map((c) => [c.id, c.profile]));
        const cameras = household.cameras
            .filter((c) => c.profile.kind === "main")
            .map(({ id, profile }) => ({
                id, profile,
                sub: profile.sub ? { id: profile.sub, codec: profiles.get(profile.sub)?.codec ?? null } : null,
            }));
        return {
            login: this.signedIn().login, id: household.keys.id, name: household.keys.name, cameras,
            hubs: household.hubs.map(({ id, added }) => ({ id, added })), problems: household.problems,
        };
    }

    async pair(code: string): Promise<string> {
        const { household } = this.home();
        const hub = await pair(this.api, household.keys, code);
        await household.refresh();
        return hub;
    }

    /* A camera's hub does what `verb` says; without a camera, the only hub or the first. */
    async command<T>(verb: string, args: { camera?: string } & Record<string, unknown>): Promise<T> {
        const { household } = this.home();
        const id = household.cameras.find((c) => c.id === args.camera)?.profile.hub ?? household.hubs[0]?.id;
        const hub = household.hubs.find((h) => h.id === id);
        if (!hub) throw new CardeaError("not_found", "no hub is paired with this household: pair one first");
        return command<T>(this.api, household.keys, hub, verb, args, this.now());
    }

    async hubs(): Promise<HubReport[]> {
        const { household } = this.home();
        const { hubs } = await this.api.get<{ hubs: { hub: string; online: boolean; since: string | null }[] }>("/v1/hubs");
        return Promise.all(
            household.hubs.map(async (h): Promise<HubReport> => {
                const listed = hubs.find((x) => x.hub === h.id);
                const report = { id: h.id, online: listed?.online ?? false, since: listed?.since ?? null };
                if (!report.online) return { ...report, status: null, problem: null, cameras: [] };
                try {
                    const reply = await command<{ hub: HubStatus; cameras: CameraStatus[] }>(this.api, household.keys, h, "status", {}, this.now());
                    return { ...report, status: reply.hub, problem: null, cameras: reply.cameras };
                } catch (e) {
                    return { ...report, status: null, problem: messageOf(e), cameras: [] };
                }
            }),
        );
    }

    async storage(): Promise<{ usage: Usage; cameras: StoredCamera[] }> {
        const [usage, { cameras }] = await Promise.all([
            this.api.get<Usage>("/v1/usage"),
            this.api.get<{ cameras: StoredCamera[] }>("/v1/cameras"),
        ]);
        return { usage, cameras };
    }

    async setRetention(camera: string, days: number): Promise<void> {
        await this.api.send("PUT", `/v1/cameras/${camera}`, { json: { retention_days: days } });
    }

    /* The hub forgets the camera first, so that nothing new arrives; then the vault deletes what there is. */
    async removeCamera(camera: string): Promise<void> {
        const { household, recordings } = this.home();
        const sub = household.cameras.find((c) => c.id === camera)?.profile.sub;
        await this.command("camera.remove", { camera });
        for (const id of [camera, sub]) if (id) await this.api.send("DELETE", `/v1/cameras/${id}`).catch(notFoundIsFine);
        recordings.forget();
        await this.store?.forget(camera);
        await household.refresh();
    }

    /* Bytes, rows and keys of [from, to) slots. */
    async deleteRange(camera: string, from: number, to: number): Promise<{ segments: number; bytes: number }> {
        const { household, recordings } = this.home();
        const sub = household.cameras.find((c) => c.id === camera)?.profile.sub;
        let total = { segments: 0, bytes: 0 };
        for (const id of [camera, sub]) {
            if (!id) continue;
            await household.shred(id, from, to);
            const gone = await this.api.send<{ segments: number; bytes: number }>("DELETE", `/v1/recordings?camera=${id}&from=${from}&to=${to}`);
            total = { segments: total.segments + (gone?.segments ?? 0), bytes: total.bytes + (gone?.bytes ?? 0) };
        }
        recordings.forget();
        await this.store?.forget(camera, from, to);
        return total;
    }

    /* ---- what is recorded ---- */

    spans(camera: string, from: number, to: number): Promise<Span[]> {
        return this.home().recordings.spans(camera, from, to);
    }

    async events(camera: string, day: number): Promise<CameraEvent[]> {
        const { household } = this.home();
        const out = new Map<string, CameraEvent>();
        for (const sealed of await this.sealedEvents(camera, day)) {
            try {
                const raw = unb64(sealed);
                const event = await openEvent(raw, await household.timeKeys(camera, eventEpoch(raw).epoch));
                if (event.replaces) out.delete(event.replaces);
                out.set(event.id, event);
            } catch {
                /* An event that does not open is not shown; its recording says for itself what is wrong. */
            }
        }
        return [...out.values()].sort((a, b) => a.begin - b.begin);
    }

    /* A day may hold more than the vault sends at once. */
    private async sealedEvents(camera: string, day: number): Promise<string[]> {
        const all: string[] = [];
        for (let after = 0; ; ) {
            const { events, last } = await this.api.get<{ events: [number, string][]; last: number }>(`/v1/events?camera=${camera}&day=${day}&after=${after}`);
            all.push(...events.map(([, sealed]) => sealed));
            if (events.length === 0 || last <= after) return all;
            after = last;
        }
    }

    /* The picture that an event names, by the event's slot; null: there is none, or its keys are gone. */
    async eventPicture(camera: string, slot: number, id: string): Promise<Blob | null> {
        const { household } = this.home();
        const day = eventDay(slot);
        const raw = (await this.eventEntry(camera, day, id)) ?? (day > 0 ? await this.eventEntry(camera, day - 1, id) : null);
        if (!raw) return null;
        const picture = await openEventPicture(raw, await household.timeKeys(camera, eventEpoch(raw).epoch));
        if (picture.id !== id) throw new CardeaError("forged", "the vault sent another picture than was asked for");
        return new Blob([picture.jpeg], { type: "image/jpeg" });
    }

    /* One sealed entry of a day. A picture that was sealed just before midnight belongs to an event of the next day. */
    private async eventEntry(camera: string, day: number, id: string): Promise<Bytes | null> {
        try {
            return await this.api.bytes(`/v1/events/${id}?camera=${camera}&day=${day}`);
        } catch (e) {
            notFoundIsFine(e);
            return null;
        }
    }

    /* ---- the event index (eventstore.ts) ---- */

    private eventStore(): EventStore {
        if (!this.store) throw new CardeaError("denied", "sign in first");
        return this.store;
    }

    async loadEvents(): Promise<void> {
        await this.eventStore().load();
    }

    async syncEvents(): Promise<SyncState> {
        const store = this.eventStore();
        await store.sync();
        return { ...store.state };
    }

    async findEvents(filter: Filter, names: Names): Promise<Found> {
        const store = this.eventStore();
        await store.load();
        return store.find(filter, names);
    }

    eventRows(rows: ArrayLike<number>): Promise<(SeenEvent | null)[]> {
        return this.eventStore().rows(rows);
    }

    async eventById(id: string): Promise<SeenEvent | null> {
        const store = this.eventStore();
        await store.load();
        return store.byId(id);
    }

    eventFacets(): { labels: string[]; people: string[]; zones: string[]; cameras: string[] } {
        return this.eventStore().facets();
    }

    async eventStats(filter: Filter, names: Names, from: number, to: number): Promise<Stats> {
        const store = this.eventStore();
        await store.load();
        return store.stats(filter, names, from, to);
    }

    /* What a rule would have done between these times, over the events that are on this device. */
    async tryRule(rule: Rule, zones: Record<string, Zone>, from: number, to: number): Promise<Trial & { looked: number }> {
        const store = this.eventStore();
        await store.load();
        const found = store.find({ from, to, labels: rule.labels, cameras: rule.cameras }, { cameras: {}, zones: {}, people: {} });
        const events = (await store.rows(found.rows)).filter((e) => e !== null);
        return { ...tryRule(rule, events, zones), looked: events.length };
    }

    /* Whole events of a camera that touch [from, to) s, for what is drawn over its picture. */
    async eventsBetween(camera: string, from: number, to: number): Promise<SeenEvent[]> {
        const store = this.eventStore();
        await store.load();
        const found = store.find({ cameras: [camera], from: from - 3600, to }, { cameras: {}, zones: {}, people: {} });
        const events = (await store.rows(found.rows.slice(0, 4000))).filter((e) => e !== null);
        return events.filter((e) => e.end / 1e6 >= from);
    }

    /* ---- who looked (wholooked.ts) ---- */

    private looks(): Looked {
        if (!this.looked) throw new CardeaError("denied", "sign in first");
        return this.looked;
    }

    async checkLooks(): Promise<LookedState> {
        const looked = this.looks();
        await looked.check();
        return { ...looked.state };
    }

    async acceptLog(): Promise<void> {
        await this.looks().accept();
    }

    whoLooked(): { state: LookedState; looks: Look[]; entries: OwnEntry[]; grants: Record<string, GrantSeen> } {
        const looked = this.looks();
        return { state: { ...looked.state }, looks: looksOf(looked.list()), entries: looked.list(), grants: looked.known() };
    }

    picture(camera: string, time: number): Promise<{ slot: number; blob: Blob } | null> {
        return this.home().recordings.picture(camera, time);
    }

    segmentAt(camera: string, time: number): Promise<SegmentRef | null> {
        return this.home().recordings.at(camera, time);
    }

    segmentAfter(camera: string, ref: SegmentRef): Promise<SegmentRef | null> {
        return this.home().recordings.next(camera, ref);
    }

    segmentBefore(camera: string, ref: SegmentRef): Promise<SegmentRef | null> {
        return this.home().recordings.previous(camera, ref);
    }

    media(camera: string, ref: SegmentRef, base: number, until?: number): Promise<Media> {
        return this.home().recordings.media(camera, ref, until === undefined ? { base } : { base, until });
    }

    /* ---- live ---- */

    watch(cameras: string[]): number {
        const { household } = this.home();
        const job = this.nextJob++;
        const stop = new AbortController();
        this.jobs.set(job, stop);
        const events = {
            part: (camera: string, part: LivePart) => this.emit({ type: "live", watch: job, camera, part }),
            notice: (camera: string | null, notice: Notice) => this.emit({ type: "notice", watch: job, camera, notice }),
            state: (state: LiveState, message: string) => this.emit({ type: "live-state", watch: job, state, message }),
        };
        void watch(this.api, household, cameras, events, stop.signal);
        return job;
    }

    stop(job: number): void {
        this.jobs.get(job)?.abort();
        this.jobs.delete(job);
    }

    /* ---- export ---- */

    newJob(): number {
        const job = this.nextJob++;
        this.jobs.set(job, new AbortController());
        return job;
    }

    /* Writes to the file, or answers with the whole clip where the browser has no such files. */
    async export(job: number, camera: string, from: number, to: number, file: FileSystemFileHandle | null, at?: SegmentRef): Promise<ExportResult & { blob: Blob | null }> {
        const { household, recordings } = this.home();
        const signal = this.jobs.get(job)!.signal;
        const stream = file ? await file.createWritable() : null;
        const parts: Blob[] = [];
        const progress = (done: number): void => this.emit({ type: "progress", job, done });
        const write = async (part: Bytes): Promise<void> => {
            if (stream) await stream.write(part);
            else parts.push(new Blob([part]));
        };
        try {
            const result = await exportClip(recordings, household, { camera, from, to, at, write, progress, signal });
            await stream?.close();
            return { ...result, blob: stream ? null : new Blob(parts, { type: "video/mp4" }) };
        } catch (e) {
            await stream?.abort().catch(() => undefined);
            throw e;
        } finally {
            this.jobs.delete(job);
        }
    }

    /* For the account page: a short fingerprint of the household's key, to compare by eye. */
    async fingerprint(): Promise<string> {
        const { household } = this.home();
        return hex(household.keys.sign.public).slice(0, 16).match(/..../g)!.join(" ");
    }
}

const notFoundIsFine = (e: unknown): void => {
    if (!(e instanceof CardeaError) || e.word !== "not_found") throw e;
};

export interface Usage {
    bytes: number;
    reels: number;
    quota_bytes: number;
}

export interface StoredCamera {
    camera: string;
    first: number;
    last: number;
    bytes: number;
    reels: number;
    retention_days: number;
}
