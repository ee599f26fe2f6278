/* Who is signed in on this device, and which of their homes is open: keys never leave the worker that this lives in. */
import type { Access } from "./access.ts";
import * as accounts from "./account.ts";
import type { Proven, VaultInfo } from "./api.ts";
import { boxPublic } from "./box.ts";
import { b64, equal, hex, unb64, type Bytes } from "./bytes.ts";
import * as device from "./device.ts";
import type { How } from "./devicename.ts";
import { CardeaError, wordOf } from "./errors.ts";
import { eraseEvents, EventStore } from "./eventstore.ts";
import { GrantAccess } from "./grantee.ts";
import { Grants } from "./grants.ts";
import { sha256 } from "./hash.ts";
import { Household } from "./household.ts";
import { command } from "./hub.ts";
import * as joining from "./join.ts";
import type { KeyringHousehold } from "./keyring.ts";
import { eraseLooks, lookMemory } from "./lookmemory.ts";
import { Members, type Self } from "./members.ts";
import { Playback } from "./playback.ts";
import { Recordings } from "./recordings.ts";
import { newRecovery } from "./recovery.ts";
import { refusalOf } from "./refusal.ts";
import { signKey } from "./sign.ts";
import * as signin from "./signin.ts";
import type { Asking, Assertion, FactorProof, FactorView, Registration, RegistrationOffer, SessionView, TotpOffer } from "./signin.ts";
import { Succeeding } from "./succeed.ts";
import { Support } from "./support.ts";
import type { ClientEvent, Standing } from "./views.ts";
import type { LiveState } from "./watch.ts";
import { Looked } from "./wholooked.ts";

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

export class Session extends Playback {
    private account: accounts.Account | null = null;
    private ready: accounts.Ready | null = null; /* a passphrase that was right, while a second factor is looked for */
    private asking: Asking | null = null;
    private asked: AbortController | null = null;
    protected household: Household | null = null;
    protected store: EventStore | null = null;
    protected looked: Looked | null = null;
    protected grants: Grants | null = null;
    protected members: Members | null = null;
    protected succession: Succeeding | null = null;
    protected desk: Support | null = null;
    private outside: Standing["outside"] = null;
    private chosen = ""; /* which of the account's homes */
    private pending: Bytes | null = null; /* a recovery secret that was shown and is not in force yet */
    private recovering: accounts.Proof | null = null; /* the words opened the keyring, and no passphrase is chosen yet */
    private clockOffsetMs = 0;
    private remembered = false;

    constructor(emit: (e: ClientEvent) => void) {
        super(emit);
        this.api.refused = (prove, why) => this.proveOrLeave(prove, why);
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

    protected now = (): number => Date.now() + this.clockOffsetMs;

    /* ---- accounts ---- */

    async signUp(o: accounts.SignUp): Promise<string[]> {
        const { account, words } = await accounts.signUp(this.api, o);
        this.account = account;
        await accounts.makeHousehold(this.api, account.ring.body, o.setupCode);
        await this.arrive("passphrase", false);
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
        await this.arrive("passphrase", stay);
    }

    /* Signed in, whichever way. */
    private async arrive(how: How, stay: boolean): Promise<void> {
        await this.enter();
        await signin.nameSession(this.api, this.signedIn(), how, this.now() / 1000);
        if (stay) await this.remember();
    }

    passkeyChallenge(): Promise<string> {
        return signin.passkeyChallenge(this.api);
    }

    async signInPasskey(assertion: Assertion, user: string, prf: Uint8Array, stay: boolean): Promise<void> {
        this.account = await signin.signInByPasskey(this.api, assertion, user, prf);
        await this.arrive("passkey", stay);
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
        const name = await signin.letIn(this.api, account, code, digits, this.now() / 1000);
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
        } else if (current && (await signin.touchSession(this.api, account, current, this.now() / 1000).catch(() => false))) {
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

    beginTotp(passphrase: string): Promise<TotpOffer> {
        return signin.beginTotp(this.api, this.signedIn(), passphrase);
    }

    confirmTotp(pending: string, code: string, name: string): Promise<void> {
        return signin.confirmTotp(this.api, this.signedIn(), pending, code, name);
    }

    beginKey(passphrase: string): Promise<RegistrationOffer> {
        return signin.beginKey(this.api, this.signedIn(), passphrase);
    }

    finishKey(registration: Registration, name: string): Promise<void> {
        return signin.finishKey(this.api, this.signedIn(), registration, name);
    }

    async addPasskey(credential: Uint8Array, prf: Uint8Array, passphrase: string): Promise<void> {
        this.account = await signin.addPasskey(this.api, this.signedIn(), credential, prf, passphrase);
        if (this.remembered) await this.remember();
    }

    removeFactor(id: string, passphrase: string): Promise<void> {
        return signin.removeFactor(this.api, this.signedIn(), id, passphrase);
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
        await this.arrive("recovery", false);
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
                return this.shutOut(of, e);
            });
            if (!grant) return;
            this.use(grant, grant.statement.from);
            await this.keepSigner(of, grant.signer);
        } else {
            this.api.useCapability(await signKey(of.capability));
            const household = await this.openHousehold(of).catch((e) => {
                /* Any owner can be removed. */
                if (wordOf(e) !== "denied" && !(wordOf(e) === "no_key" && of.role)) throw e;
                return this.shutOut(of, e);
            });
            if (!household) return this.api.useAccess(null);
            this.household = household;
            this.grants = new Grants(this.api, household, now, location.origin, () => this.looked!.pins());
            this.succession = new Succeeding(this.api, household, this.grants, now, (p) => this.emit({ type: "succession", ...p }));
            this.members = new Members(this.api, household, this.grants, now, location.origin, this.succession, await this.self(of));
            this.use(household, 0);
            this.looked = new Looked({
                api: this.api, household, memory: lookMemory, objects: device.memory, now, staying: () => this.remembered,
                command: (hub, verb) => command(this.api, household.keys, hub, verb, {}, this.now()), emit: (l) => this.emit({ type: "looked", ...l }),
            });
            const looked = this.looked;
            this.desk = new Support({ api: this.api, household, grants: this.grants, now, pins: () => looked.pins(), log: () => looked.current() });
            await household.refresh();
            await this.keepSigner(of, household.signer);
        }
    }

    /* This account as the household's list of people has it. */
    private async self(of: KeyringHousehold): Promise<Self> {
        const { login, ring } = this.signedIn();
        const [sign, capability] = [await signKey(ring.body.account.sign), await signKey(of.capability)];
        return { name: login, sign: sign.public, box: await boxPublic(ring.body.account.box), capability: capability.public };
    }

    /* The household's signing key as this account knows it: the newest that was followed, for devices that have not seen it yet. One that
     * cannot change the keyring knows it for as long as it is open. */
    private async keepSigner(of: KeyringHousehold, signer: Bytes): Promise<void> {
        if (!of.sign || equal(of.sign, signer)) return;
        of.sign = signer;
        const account = this.signedIn();
        if (account.ring.key.length === 0) return;
        this.account = await accounts.addHousehold(this.api, account, { ...of }).catch(() => account);
        if (this.remembered) await this.remember();
    }

    private use(access: Access, since: number): void {
        this.access = access;
        this.recordings = new Recordings(this.api, (c, e) => access.timeKeys(c, e), () => Math.floor(this.now() / 1000), since);
        this.store = new EventStore(this.api, access, () => this.now() / 1000, () => this.remembered, (s) => this.emit({ type: "events", ...s }));
    }

    /* The vault refuses what opened the home. A challenge that ran out on its way is refused with the same word: a fresh one tells. Then
     * this account is in that home no longer, and the page hears of that alone, whatever it had asked for. */
    private async proveOrLeave(prove: () => Promise<Proven>, why: CardeaError): Promise<Proven> {
        const { access } = this;
        if (!access) throw why; /* it was not open yet: `enter` hears of it */
        try {
            return await prove();
        } catch (e) {
            const of = this.signedIn().ring.body.households.find((h) => h.id === this.chosen);
            if (wordOf(e) !== "denied" || this.access !== access || !of) throw e;
            this.leave();
            const erased = this.shutOut(of, e);
            this.emit({ type: "outside", standing: this.standing() });
            await erased;
            throw e;
        }
    }

    /* What was refused to a live view may be refused to all: a grant that was ended is found out by proving again. */
    protected override async tellLive(job: number, state: LiveState, message: string): Promise<void> {
        if (state === "ended") await this.api.proveAgain().catch(() => undefined);
        if (this.jobs.has(job)) await super.tellLive(job, state, message);
    }

    /* Before the door of a home. What this device kept of it goes, unless it opens again by itself. */
    private async shutOut(of: KeyringHousehold, e: unknown): Promise<null> {
        this.outside = { name: of.name, ...(of.grant ? refusalOf(e) : { title: "", text: "", again: false }) };
        if (!this.outside.again) await Promise.all([eraseEvents(), eraseLooks()]);
        return null;
    }

    /* Nobody's home is open. */
    private leave(): void {
        this.store?.close();
        for (const j of this.jobs.values()) j.abort();
        this.jobs.clear();
        this.access = this.household = this.recordings = this.store = this.looked = this.grants = this.members = this.succession = this.desk = this.outside = null;
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

    private async openHousehold({ id, role, sign }: KeyringHousehold): Promise<Household> {
        const body = this.signedIn().ring.body;
        try {
            return await Household.open(this.api, id, body.account.box, device.memory, sign);
        } catch (e) {
            /* The sign-up was cut off between the account and the household: go on where it ended, if the vault still lets us. */
            if (!(e instanceof CardeaError) || (e.word !== "denied" && e.word !== "not_found") || role) throw e;
            const info = await this.vault();
            if (info.signup === "closed" || (info.signup === "code" && !info.setup_code)) throw e;
            await accounts.makeHousehold(this.api, body, info.setup_code).catch((made) => {
                throw wordOf(made) === "exists" ? e : made; /* it was not cut off: another owner has removed this one */
            });
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
}
