/* What an owner's device does, behind one object that lives in a worker: keys never reach the page. */
import { b64, hex, text, unb64, type Bytes } from "./bytes.ts";
import { CardeaError, messageOf, wordOf } from "./errors.ts";
import { eventDay, eventEpoch, openEvent, openEventPicture, type CameraEvent } from "./event.ts";
import type { EventStore, SyncState } from "./eventstore.ts";
import { GrantAccess } from "./grantee.ts";
import type { Grants, GrantView, ShareOptions } from "./grants.ts";
import { sha256 } from "./hash.ts";
import type { Household } from "./household.ts";
import { householdOpen } from "./householdkeys.ts";
import { command, pair } from "./hub.ts";
import { Message, readLive } from "./live.ts";
import { openCheckpoint, Tiles } from "./log.ts";
import { looksOf, type Look, type OwnEntry } from "./looks.ts";
import type { Invited, InviteOptions, Members, People, Removed } from "./members.ts";
import type { Recordings } from "./recordings.ts";
import { checkUpdate } from "./release.ts";
import { tryRule, type Trial } from "./rules.ts";
import type { Filter, Found, Names } from "./search.ts";
import type { Rule, SeenEvent, Zone } from "./seeing.ts";
import { Session } from "./session.ts";
import { readStaffCertificate } from "./staff.ts";
import type { Stats } from "./stats.ts";
import { healthOf, type Support, type Agent, type Approval, type Desk, type Thread, type TicketRow } from "./support.ts";
import type { Said } from "./thread.ts";
import { openTicketMessage, type Health, type TicketRequest } from "./ticket.ts";
import type { CameraStatus, HouseholdView, HubReport, HubStatus, StoredCamera, Usage, Watching } from "./views.ts";
import { pause } from "./watch.ts";
import type { GrantSeen, Looked, LookedState } from "./wholooked.ts";

export class Client extends Session {
    /* ---- the household ---- */

    private home(): { household: Household; recordings: Recordings } {
        if (this.access && !this.household) throw new CardeaError("denied", "only an owner of this home can do that");
        if (!this.household || !this.recordings) throw new CardeaError("denied", "sign in first");
        return { household: this.household, recordings: this.recordings };
    }

    async view(): Promise<HouseholdView> {
        const { access } = this.opened();
        await this.household?.refresh();
        const profiles = new Map(access.cameras.map((c) => [c.id, c.profile]));
        const cameras = access.cameras
            .filter((c) => c.profile.kind === "main")
            .map(({ id, profile }) => ({
                id, profile,
                sub: profile.sub ? { id: profile.sub, codec: profiles.get(profile.sub)?.codec ?? null } : null,
            }));
        const { login, homes } = this.standing();
        const here = homes.find((h) => h.here);
        const grant = access instanceof GrantAccess ? access : null;
        return {
            login, id: here?.id ?? "", name: this.household?.keys.name ?? grant?.about.household ?? "", cameras, homes,
            role: here?.role ?? "owner", since: grant?.statement.from ?? 0, export: grant?.statement.export ?? true,
            hubs: this.household?.hubs.map(({ id, added }) => ({ id, added })) ?? [], problems: this.household?.problems ?? [],
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
        if (!this.household) return []; /* a hub answers owners alone */
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

    async events(camera: string, day: number): Promise<CameraEvent[]> {
        const { access } = this.opened();
        const out = new Map<string, CameraEvent>();
        for (const sealed of await this.sealedEvents(camera, day)) {
            try {
                const raw = unb64(sealed);
                const event = await openEvent(raw, await access.timeKeys(camera, eventEpoch(raw).epoch));
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
        const { access } = this.opened();
        const day = eventDay(slot);
        const raw = (await this.eventEntry(camera, day, id)) ?? (day > 0 ? await this.eventEntry(camera, day - 1, id) : null);
        if (!raw) return null;
        const picture = await openEventPicture(raw, await access.timeKeys(camera, eventEpoch(raw).epoch));
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

    /* May the pages that wait take over? Throws what speaks against it. */
    checkUpdate(): Promise<{ version: string; entry: number }> {
        return checkUpdate(this.api, async () => {
            if (this.looked) {
                const { checkpoint, tiles, seen } = await this.looked.current();
                return { checkpoint, tiles, newest: seen.release };
            }
            if (!(this.access instanceof GrantAccess)) throw new CardeaError("denied", "sign in first");
            const read = (path: string): Promise<Bytes> => this.api.bytes(`/log/${path}`, { who: "nobody" });
            const checkpoint = await openCheckpoint(text(await read("checkpoint")), unb64(this.access.statement.log));
            return { checkpoint, tiles: new Tiles(read, checkpoint.size), newest: -1 };
        });
    }

    async tookUpdate(entry: number): Promise<void> {
        await (await this.looked?.current())?.keep({ release: entry });
    }

    async checkLooks(everything = false): Promise<LookedState> {
        const looked = this.looks();
        await looked.check(everything);
        return { ...looked.state };
    }

    async acceptLog(): Promise<void> {
        await this.looks().accept();
    }

    /* What a ticket is about, in the owner's own words, and who answered in it; null: it cannot be read. */
    async ticketSubject(ticket: string): Promise<{ text: string; agents: { key: string; number: number }[] } | null> {
        const { household } = this.home();
        try {
            const { messages } = await this.api.get<{ messages: [number, string, number, { household?: string }][] }>(`/v1/tickets/${encodeURIComponent(ticket)}?after=0`);
            let text = "";
            const agents = new Map<string, number>();
            for (const [, , , m] of messages) {
                if (!m.household) continue;
                const opened = await openTicketMessage(unb64(m.household), ticket, (info, aad, sealed) => householdOpen(household.keys, info, aad, sealed)).catch(() => null);
                if (opened?.kind === "open") text ||= opened.text?.split("\n", 1)[0] ?? "";
                const staff = (await this.looks().pins()).staff;
                if (!opened?.certificate || !staff) continue;
                const c = await readStaffCertificate(opened.certificate, staff).catch(() => null);
                if (c) agents.set(b64(c.sign), c.number);
            }
            return { text, agents: [...agents].map(([key, number]) => ({ key, number })) };
        } catch {
            return null;
        }
    }

    whoLooked(): { state: LookedState; looks: Look[]; entries: OwnEntry[]; grants: Record<string, GrantSeen> } {
        const looked = this.looks();
        return { state: { ...looked.state }, looks: looksOf(looked.list()), entries: looked.list(), grants: looked.known() };
    }

    /* ---- sharing ---- */

    private sharing(): { grants: Grants; members: Members } {
        this.home();
        return { grants: this.grants!, members: this.members! };
    }

    /* A range (s) as it can be handed over, in slots: a segment opens from its beginning or not at all, and its signature is at its end. */
    async shareRange(camera: string, from: number, to: number): Promise<{ from: number; to: number }> {
        const { recordings } = this.opened();
        const [first, last] = await Promise.all([recordings.at(camera, from), to < this.now() / 1000 ? recordings.at(camera, to - 0.001) : null]);
        const begin = first && first.slot < from ? first.slot : Math.floor(from);
        const end = last && last.slot < to ? Math.max(Math.ceil(to), last.slot + last.seconds) : Math.ceil(to);
        return { from: begin, to: Math.max(end, begin + 1) };
    }

    share(o: ShareOptions): Promise<{ id: string; link: string }> {
        return this.sharing().grants.share(o);
    }

    shares(): Promise<GrantView[]> {
        return this.sharing().grants.list();
    }

    endShare(id: string): Promise<string | null> {
        return this.sharing().grants.revoke(id);
    }

    forgetShare(id: string): Promise<void> {
        return this.sharing().grants.forget(id);
    }

    people(): Promise<People> {
        return this.sharing().members.list();
    }

    invite(o: InviteOptions): Promise<Invited> {
        return this.sharing().members.invite(o);
    }

    withdrawInvite(key: string): Promise<void> {
        return this.sharing().members.withdraw(key);
    }

    removePerson(key: string): Promise<Removed> {
        return this.sharing().members.remove(key);
    }

    setPersonCameras(key: string, cameras: string[]): Promise<string | null> {
        return this.sharing().members.setCameras(key, cameras);
    }

    /* What an owner's device does by itself while it is open: lets in who was invited, hands over new keys. Who was let in, by name. */
    async tend(): Promise<string[]> {
        const { grants, members, succession } = this;
        if (!grants || !members || !succession) return [];
        await succession.goOn();
        try {
            return await members.complete();
        } finally {
            await grants.tend();
        }
    }

    /* ---- the support desk (support.ts) ---- */

    private support(): Support {
        this.home();
        return this.desk!;
    }

    supportDesk(): Promise<Desk | null> {
        return this.support().about();
    }

    tickets(): Promise<TicketRow[]> {
        return this.support().list();
    }

    ticket(id: string, after: number, wait: number): Promise<Thread> {
        return this.support().read(id, after, wait);
    }

    openTicket(subject: string, words: string, health: Health | null): Promise<string> {
        return this.support().open(subject, words, health);
    }

    sayInTicket(id: string, words: string): Promise<void> {
        return this.support().say(id, words);
    }

    sendHealth(id: string, health: Health): Promise<void> {
        return this.support().sendHealth(id, health);
    }

    closeTicket(id: string): Promise<void> {
        return this.support().close(id);
    }

    /* What would be sent of the cameras' health; nothing is. */
    async healthFigures(): Promise<Health> {
        const { version } = await this.vault();
        return healthOf(await this.hubs(), version);
    }

    verifyAgent(said: Said): Promise<Agent> {
        return this.support().verify(said.agent!, said.message!.certificate!);
    }

    approveRequest(id: string, request: TicketRequest, said: Said, approval: Approval): Promise<string> {
        return this.support().approve(id, request, { agent: said.agent!, certificate: said.message!.certificate! }, approval);
    }

    refuseRequest(id: string, request: string, words: string): Promise<void> {
        return this.support().refuse(id, request, words);
    }

    /* ---- who is watching ---- */

    /* Tells who watches now, at each change, until stopped. */
    activity(): number {
        this.home();
        const job = this.newJob();
        void this.followActivity(job, this.jobs.get(job)!.signal);
        return job;
    }

    private async followActivity(job: number, signal: AbortSignal): Promise<void> {
        for (let wait = 1000; !signal.aborted; wait = Math.min(wait * 2, 30_000)) {
            try {
                const response = await this.api.fetch("GET", "/v1/activity", { signal });
                await readLive(response, 25_000, (m) => {
                    wait = 1000;
                    if (m.type !== Message.activity) return;
                    const { grants } = JSON.parse(text(m.payload)) as { grants: Watching[] };
                    this.emit({ type: "activity", job, grants });
                });
            } catch (e) {
                if (signal.aborted || wordOf(e) === "denied") return;
            }
            await pause(wait, signal);
        }
    }

    /* For the account page: a short fingerprint of the household's key, to compare by eye with the one of `cardea status`. */
    async fingerprint(): Promise<string> {
        return hex(sha256(this.opened().access.signer)).slice(0, 16);
    }
}

const notFoundIsFine = (e: unknown): void => {
    if (!(e instanceof CardeaError) || e.word !== "not_found") throw e;
};
