/* What an owner's device does, behind one object that lives in a worker: keys never reach the page. */
import type { VaultInfo } from "./api.ts";
import type { Access } from "./access.ts";
import * as accounts from "./account.ts";
import { b64, hex, text, unb64, type Bytes } from "./bytes.ts";
import { boxPublic } from "./box.ts";
import * as device from "./device.ts";
import { CardeaError, messageOf, wordOf } from "./errors.ts";
import { eventDay, eventEpoch, openEvent, openEventPicture, type CameraEvent } from "./event.ts";
import { eraseEvents, EventStore, type SyncState } from "./eventstore.ts";
import { GrantAccess } from "./grantee.ts";
import { Grants, type GrantView, type ShareOptions } from "./grants.ts";
import { sha256 } from "./hash.ts";
import { Household, type Profile } from "./household.ts";
import { command, pair } from "./hub.ts";
import * as joining from "./join.ts";
import type { KeyringHousehold } from "./keyring.ts";
import { Message, readLive, type Notice } from "./live.ts";
import { openCheckpoint, Tiles } from "./log.ts";
import { looksOf, type Look, type OwnEntry } from "./looks.ts";
import { eraseLooks, lookMemory } from "./lookmemory.ts";
import { Members, type Invited, type InviteOptions, type MemberRole, type People } from "./members.ts";
import { newRecovery } from "./recovery.ts";
import { checkUpdate } from "./release.ts";
import { refusalOf } from "./refusal.ts";
import { Playback } from "./playback.ts";
import { Recordings } from "./recordings.ts";
import { tryRule, type Trial } from "./rules.ts";
import type { Filter, Found, Names } from "./search.ts";
import type { Rule, SeenEvent, Zone } from "./seeing.ts";
import { signKey } from "./sign.ts";
import * as signin from "./signin.ts";
import type { Asking, Assertion, FactorProof, FactorView, Registration, RegistrationOffer, SessionView, TotpOffer } from "./signin.ts";
import { readStaffCertificate } from "./staff.ts";
import type { Stats } from "./stats.ts";
import { healthOf, Support, type Agent, type Approval, type Desk, type Thread, type TicketRow } from "./support.ts";
import { openTicketMessage, type Health, type TicketRequest } from "./ticket.ts";
import type { Said } from "./thread.ts";
import { pause, type LivePart, type LiveState } from "./watch.ts";
import { Looked, type GrantSeen, type LookedState } from "./wholooked.ts";

export type ClientEvent =
    | { type: "reach"; ok: boolean }
    | { type: "live"; watch: number; camera: string; part: LivePart }
    | { type: "notice"; watch: number; camera: string | null; notice: Notice }
    | { type: "live-state"; watch: number; state: LiveState; message: string }
    | { type: "progress"; job: number; done: number }
    | ({ type: "looked" } & LookedState)
    | { type: "activity"; job: number; grants: Watching[] }
    | ({ type: "events" } & SyncState);

/* Somebody who uses a grant now. */
export interface Watching {
    id: string;
    purpose: string;
    ticket?: string;
    live: string[]; /* streams */
    since: string;
}

export interface CameraView {
    id: string;
    profile: Profile;
    sub: { id: string; codec: string | null } | null;
}

export interface HouseholdView {
    login: string;
    id: string;
    name: string;
    role: MemberRole; /* of who is signed in */
    since: number; /* slot, before which nothing is shown to a member */
    export: boolean;
    homes: Standing["homes"];
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
    households: (Omit<KeyringHousehold, "capability" | "sign"> & { capability: string; sign?: string })[];
    passkeys?: { id: string; wrap: string }[];
    named?: string;
    ring?: string; /* the keyring's own key: a home can be added to it */
    chosen?: string;
}

export interface Standing {
    login: string;
    open: boolean;
    outside: { name: string; title: string; text: string; again: boolean } | null;
    homes: { id: string; name: string; role: MemberRole; here: boolean }[];
}

export class Client extends Playback {
    private account: accounts.Account | null = null;
    private ready: accounts.Ready | null = null; /* a passphrase that was right, while a second factor is looked for */
    private asking: Asking | null = null;
    private asked: AbortController | null = null;
    private household: Household | null = null;
    private store: EventStore | null = null;
    private looked: Looked | null = null;
    private grants: Grants | null = null;
    private members: Members | null = null;
    private desk: Support | null = null;
    private outside: Standing["outside"] = null;
    private chosen = ""; /* which of the account's homes */
    private pending: Bytes | null = null; /* a recovery secret that was shown and is not in force yet */
    private recovering: accounts.Proof | null = null; /* the words opened the keyring, and no passphrase is chosen yet */
    private clockOffsetMs = 0;
    private remembered = false;

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
        await this.arrive(false);
        return words;
    }

    /* Error `factor`: the passphrase is right; signInFactor goes on with what its detail asks for. */
    async signIn(login: string, passphrase: string, stay: boolean): Promise<void> {
        this.ready = await accounts.prepare(this.api, login, passphrase);
        await this.signInFactor(undefined, stay);
    }

    async signInFactor(proof: FactorProof | undefined, stay: boolean): Promise<void> {
        if (!this.ready) throw new CardeaError("invalid", "begin with the passphrase");
        this.account = await accounts.signIn(this.api, this.ready, proof);
        this.ready = null;
        await this.arrive(stay);
    }

    /* Signed in, whichever way. */
    private async arrive(stay: boolean): Promise<void> {
        await this.enter();
        await signin.nameSession(this.api, this.signedIn());
        if (stay) await this.remember();
    }

    passkeyChallenge(): Promise<string> {
        return signin.passkeyChallenge(this.api);
    }

    async signInPasskey(assertion: Assertion, user: string, prf: Uint8Array, stay: boolean): Promise<void> {
        this.account = await signin.signInByPasskey(this.api, assertion, user, prf);
        await this.arrive(stay);
    }

    /* ---- another device (signin.ts) ---- */

    async askToBeLetIn(): Promise<{ code: string; digits: string }> {
        this.asking = await signin.askToBeLetIn(this.api);
        return { code: this.asking.code, digits: this.asking.digits };
    }

    /* Until a signed-in device has answered; false: stopAsking was called. */
    async waitToBeLetIn(stay: boolean): Promise<boolean> {
        const asking = this.asking;
        if (!asking) throw new CardeaError("invalid", "nothing was asked for");
        const stop = (this.asked = new AbortController());
        while (!stop.signal.aborted) {
            const account = await signin.answerFor(this.api, asking, stop.signal).catch(async (e) => {
                if (wordOf(e) === "aborted") return null;
                if (wordOf(e) !== "offline") throw e;
                await new Promise((r) => setTimeout(r, 2000)); /* a phone that changes networks goes on */
                return null;
            });
            if (!account) continue;
            this.asking = this.asked = null;
            this.account = account;
            await this.enter();
            if (stay) await this.remember();
            return true;
        }
        return false;
    }

    stopAsking(): void {
        this.asked?.abort();
        this.asking = this.asked = null;
    }

    whoAsks(code: string): Promise<{ name: string | null }> {
        return signin.whoAsks(this.api, code);
    }

    async letIn(code: string, digits: string): Promise<string | null> {
        const account = this.signedIn();
        const name = await signin.letIn(this.api, account, code, digits);
        /* It is of this device's doing: no news here. */
        await this.know((await signin.listSessions(this.api, account, await this.known())).map((s) => s.id));
        return name;
    }

    /* ---- sessions and second factors ---- */

    private who(): string {
        return hex(sha256(this.signedIn().ring.body.account.sign));
    }

    private async known(): Promise<Set<string> | null> {
        const ids = await device.knownSessions(this.who());
        return ids && new Set(ids);
    }

    private async know(ids: string[]): Promise<void> {
        await device.rememberSessions(this.who(), ids);
    }

    /* The first look on a device knows them all: there is nothing to compare with. Error `ended`: this one was ended, and the device has
     * forgotten what it held. */
    async sessions(): Promise<SessionView[]> {
        const account = this.signedIn();
        const known = await this.known();
        let list = await signin.listSessions(this.api, account, known).catch(async (e) => {
            if (wordOf(e) !== "denied") throw e;
            await this.forgetHere();
            throw new CardeaError("ended", "this session was ended");
        });
        const current = list.find((s) => s.current);
        if (current && (await signin.renew(this.api, account, current, this.now()))) {
            if (this.remembered) await this.remember();
            list = await signin.listSessions(this.api, account, known);
        }
        await this.know(list.filter((s) => !s.news).map((s) => s.id));
        return list;
    }

    private async forgetHere(): Promise<void> {
        this.leave();
        await Promise.all([device.forget(), eraseEvents(), eraseLooks()]);
        this.api.session = "";
        this.account = null;
        this.recovering = null;
        this.remembered = false;
        this.chosen = "";
    }

    /* "That was me." */
    async knowSession(id: string): Promise<void> {
        await this.know([...((await this.known()) ?? []), id]);
    }

    endSession(id: string): Promise<void> {
        return signin.endSession(this.api, id);
    }

    factors(): Promise<FactorView[]> {
        return signin.listFactors(this.api, this.signedIn());
    }

    beginTotp(): Promise<TotpOffer> {
        return signin.beginTotp(this.api, this.signedIn());
    }

    confirmTotp(pending: string, code: string, name: string): Promise<void> {
        return signin.confirmTotp(this.api, this.signedIn(), pending, code, name);
    }

    beginKey(): Promise<RegistrationOffer> {
        return signin.beginKey(this.api);
    }

    finishKey(registration: Registration, name: string): Promise<void> {
        return signin.finishKey(this.api, this.signedIn(), registration, name);
    }

    async addPasskey(credential: Uint8Array, prf: Uint8Array): Promise<void> {
        this.account = await signin.addPasskey(this.api, this.signedIn(), credential, prf);
        if (this.remembered) await this.remember();
    }

    removeFactor(id: string, passphrase: string): Promise<void> {
        return signin.removeFactor(this.api, id, passphrase);
    }

    deviceName(): string {
        return signin.here();
    }

    /* The first half of recovering: the words open the keyring. */
    async recover(login: string, words: string): Promise<void> {
        ({ account: this.account, proof: this.recovering } = await accounts.recover(this.api, login, words));
    }

    async finishRecovery(passphrase: string): Promise<void> {
        if (!this.recovering) throw new CardeaError("denied", "type the recovery words first");
        this.account = await accounts.reseal(this.api, this.signedIn(), this.recovering, passphrase);
        this.recovering = null;
        await this.arrive(false);
    }

    async changePassphrase(old: string, next: string): Promise<void> {
        const { account, proof } = await accounts.checkPassphrase(this.api, this.signedIn(), old);
        this.account = await accounts.reseal(this.api, account, proof, next);
        if (this.remembered) await this.remember();
    }

    /* A new recovery code, shown before it is in force; useRecovery puts it there. */
    async proposeRecovery(passphrase: string): Promise<string[]> {
        await accounts.checkPassphrase(this.api, this.signedIn(), passphrase);
        const { secret, words } = newRecovery();
        this.pending = secret;
        return words;
    }

    async useRecovery(passphrase: string): Promise<void> {
        if (!this.pending) throw new CardeaError("invalid", "no recovery code is waiting to be put in force");
        const { account, proof } = await accounts.checkPassphrase(this.api, this.signedIn(), passphrase);
        this.account = await accounts.reseal(this.api, account, proof, passphrase, this.pending);
        this.pending = null;
        if (this.remembered) await this.remember();
    }

    private signedIn(): accounts.Account {
        if (!this.account) throw new CardeaError("denied", "sign in first");
        return this.account;
    }

    private async enter(): Promise<void> {
        const { ring } = this.signedIn();
        this.leave();
        const of = ring.body.households.find((h) => h.id === this.chosen) ?? ring.body.households[0];
        if (!of) return; /* invited, and not let in yet */
        this.chosen = of.id;
        const now = (): number => this.now() / 1000;
        if (of.role === "member" || of.role === "viewer") {
            const grant = await this.enterAsMember(of).catch((e) => {
                if (wordOf(e) === "offline") throw e;
                this.outside = { name: of.name, ...refusalOf(e) };
                return null;
            });
            if (!grant) return;
            this.use(grant, grant.statement.from);
        } else {
            this.api.useCapability(await signKey(of.capability));
            const household = await this.openHousehold(of).catch((e) => {
                /* An owner who was invited can be removed as well. */
                if (!of.role || !["denied", "no_key"].includes(wordOf(e))) throw e;
                this.outside = { name: of.name, title: "", text: "", again: false };
                return null;
            });
            if (!household) return this.api.useAccess(null);
            this.household = household;
            this.grants = new Grants(this.api, household, now, location.origin, () => this.looked!.pins());
            this.members = new Members(this.api, household, this.grants, now, location.origin);
            this.use(household, 0);
            this.looked = new Looked({
                api: this.api, household, memory: lookMemory, objects: device.memory, now, staying: () => this.remembered,
                command: (hub, verb) => command(this.api, household.keys, hub, verb, {}, this.now()), emit: (l) => this.emit({ type: "looked", ...l }),
            });
            const looked = this.looked;
            this.desk = new Support({ api: this.api, household, grants: this.grants, now, pins: () => looked.pins(), log: () => looked.current() });
            await household.refresh();
        }
    }

    private use(access: Access, since: number): void {
        this.access = access;
        this.recordings = new Recordings(this.api, (c, e) => access.timeKeys(c, e), () => Math.floor(this.now() / 1000), since);
        this.store = new EventStore(this.api, access, () => this.now() / 1000, () => this.remembered, (s) => this.emit({ type: "events", ...s }));
    }

    /* Nobody's home is open. */
    private leave(): void {
        this.store?.close();
        for (const j of this.jobs.values()) j.abort();
        this.jobs.clear();
        this.access = this.household = this.recordings = this.store = this.looked = this.grants = this.members = this.desk = this.outside = null;
        this.api.useAccess(null);
    }

    private async enterAsMember(of: KeyringHousehold): Promise<GrantAccess> {
        const { account } = this.signedIn().ring.body;
        const box = { secret: account.box, public: await boxPublic(account.box) };
        const holder = { grant: of.grant!, box, sign: await signKey(account.sign), issuer: { key: of.sign! } };
        return GrantAccess.open(this.api, holder, () => this.now() / 1000);
    }

    /* Where this account stands: in its home, in none yet, or before the door of one that it was shown out of. */
    standing(): Standing {
        const homes = this.account?.ring.body.households.map((h) => ({ id: h.id, name: h.name, role: h.role ?? "owner", here: h.id === this.chosen })) ?? [];
        return { login: this.signedIn().login, open: this.access !== null, outside: this.outside, homes };
    }

    async choose(home: string): Promise<void> {
        this.chosen = home;
        await this.enter();
        if (this.remembered) await this.remember();
    }

    private async openHousehold({ id, role }: KeyringHousehold): Promise<Household> {
        const body = this.signedIn().ring.body;
        try {
            return await Household.open(this.api, id, body.account.box, device.memory);
        } catch (e) {
            /* The sign-up was cut off between the account and the household: go on where it ended, if the vault still lets us. */
            if (!(e instanceof CardeaError) || (e.word !== "denied" && e.word !== "not_found") || role) throw e;
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
            households: ring.body.households.map((h) => ({ ...h, capability: b64(h.capability), sign: h.sign && b64(h.sign) })),
            ring: b64(ring.key), chosen: this.chosen,
            ...(ring.body.passkeys ? { passkeys: ring.body.passkeys.map((p) => ({ id: p.id, wrap: b64(p.wrap) })) } : {}), ...(ring.body.login ? { named: ring.body.login } : {}),
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
            households: kept.households.map((h) => ({ ...h, capability: unb64(h.capability), ...(h.sign ? { sign: unb64(h.sign) } : {}) }) as KeyringHousehold),
            ...(kept.passkeys ? { passkeys: kept.passkeys.map((p) => ({ id: p.id, wrap: unb64(p.wrap) })) } : {}), ...(kept.named ? { login: kept.named } : {}),
        };
        const none = new Uint8Array(0);
        this.account = { login: kept.login, version: kept.version, ring: { cost: { memoryKib: 0, passes: 0 }, salt: none, key: unb64(kept.ring ?? ""), body } };
        this.chosen = kept.chosen ?? "";
        this.remembered = true;
        const [alive] = await Promise.all([signin.alive(this.api), this.enter()]);
        if (alive) return true;
        await this.forgetHere();
        throw new CardeaError("ended", "this session was ended");
    }

    async signOut(): Promise<void> {
        const token = this.api.session;
        await this.forgetHere();
        this.api.session = token;
        await this.api.send("DELETE", "/v1/sessions/current", { who: "session" }).catch(() => undefined);
        this.api.session = "";
    }

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

    async checkLooks(): Promise<LookedState> {
        const looked = this.looks();
        await looked.check();
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
                const opened = await openTicketMessage(unb64(m.household), ticket, household.keys.box).catch(() => null);
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

    removePerson(key: string): Promise<string | null> {
        return this.sharing().members.remove(key);
    }

    setPersonCameras(key: string, cameras: string[]): Promise<string | null> {
        return this.sharing().members.setCameras(key, cameras);
    }

    /* What an owner's device does by itself while it is open: lets in who was invited, hands over new keys. Who was let in, by name. */
    async tend(): Promise<string[]> {
        if (!this.grants || !this.members) return [];
        const came = await this.members.complete();
        await this.grants.tend();
        return came;
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

    /* ---- joining a home ---- */

    async signUpAlone(o: { login: string; passphrase: string; setupCode?: string }): Promise<string[]> {
        const { account, words } = await accounts.signUpAlone(this.api, o);
        this.account = account;
        return words;
    }

    /* Offers this account's keys under the invitation's code. */
    async offerJoin(code: string): Promise<void> {
        await joining.offer(this.api, code, this.signedIn().ring.body.account);
    }

    /* Waits up to 25 s for an owner's device. True: this account is in, and the home is open. */
    async awaitJoin(code: string): Promise<boolean> {
        const account = this.signedIn();
        if (account.ring.key.length === 0) throw new CardeaError("denied", "sign in again to accept an invitation: this device cannot change your keyring");
        const home = await joining.answered(this.api, code, account.ring.body.account, new AbortController().signal);
        if (!home) return false;
        this.account = await accounts.addHousehold(this.api, account, home);
        this.chosen = home.id;
        if (this.remembered) await this.remember();
        await this.enter();
        return true;
    }

    /* For the account page: a short fingerprint of the household's key, to compare by eye with the one of `cardea status`. */
    async fingerprint(): Promise<string> {
        return hex(sha256(this.opened().access.signer)).slice(0, 16);
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
