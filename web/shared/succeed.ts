/* Successor keys, as an owner's device makes them when an owner goes (docs/trust.md, "Removing an owner"). Each step may be done again,
 * and what another device left half done is gone on with. */
import type { Api } from "./api.ts";
import { boxSeal } from "./box.ts";
import { equal, hex, text, unb64, utf8, type Bytes } from "./bytes.ts";
import { CardeaError, messageOf, wordOf } from "./errors.ts";
import type { Grants, GrantView } from "./grants.ts";
import type { Household } from "./household.ts";
import { householdOpen, householdSigners, keysObject, makeSuccessor, sealHouseholdKeys } from "./householdkeys.ts";
import { succeed } from "./hub.ts";
import { openObject, sealObject } from "./sign.ts";
import { SUCCESSIONS_MAX } from "./succession.ts";
import { isHex, isWhole, parseJson, readFields } from "./staff.ts";

const STATE = "household/succession";
const MEMBER = "member/";
const INVITE = "member/invite/";
/* What the household signs, and must go on to be signed by it. */
const isOwn = (key: string): boolean => /^(hub|member)\//.test(key) || key === "trust/pins";

export type SuccessionStep = "end" | "keys" | "vault" | "objects" | "hubs" | "grants" | "done";

export interface SuccessionProgress {
    step: SuccessionStep;
    done: number;
    of: number;
}

/* What is left to be done of it; all of it by itself, once it can be. */
export interface SuccessionRest {
    hubs: { id: string; cameras: string[]; problem: string | null }[]; /* they have not taken the keys, and go on under the former ones */
    problems: string[];
}

/* Of an owner who goes, as the list has them. */
export interface Leaving {
    key: string;
    box: Bytes;
    capability: Bytes | null;
    mark: (n: number) => Promise<number>; /* writes down which succession follows, if it is not yet; answers with that */
}

interface Person {
    role: string;
    box: string;
    capability?: string;
    removed?: number;
}

interface Listed {
    key: string;
    version: number;
}

/* What the object says: which succession everything has followed, and which one a device has set out to make. */
interface State {
    n: number;
    hubs: string[];
    begun: number; /* 0: none but those that are made */
    version: number;
}

/* A device that has set out makes the keys within seconds. Another one does it in its place when it has not for so long. */
const LATE_S = 60;
/* How long the roots of new epochs may take to reach the vault; what comes later is handed over by tending. */
const ROOTS_MS = 10_000;

export class Succeeding {
    private running: Promise<SuccessionRest | null> | null = null;
    private taken: { n: number; hubs: string[] } | null = null; /* as the object said last */
    private lastRest: SuccessionRest | null = null;
    private begunSeen: { version: number; at: number } | null = null;

    constructor(
        private readonly api: Api,
        private readonly household: Household,
        private readonly grants: Grants,
        private readonly now: () => number, /* s */
        private readonly emit: (p: SuccessionProgress) => void = () => undefined,
    ) {}

    /* As the last look found it; null: nothing is left. */
    rest(): SuccessionRest | null {
        return this.lastRest;
    }

    private tell(step: SuccessionStep, done = 0, of = 0): void {
        this.emit({ step, done, of });
    }

    /* ---- removing an owner ---- */

    async remove(who: Leaving): Promise<SuccessionRest | null> {
        this.tell("end");
        await this.running?.catch(() => null); /* what tends is of the former keys */
        await this.household.refresh();
        const state = await this.readState();
        const next = this.household.keys.chain.length + 1;
        if (next > SUCCESSIONS_MAX) throw new CardeaError("limit", `your home's keys were replaced ${SUCCESSIONS_MAX} times, which is the most: make a new home`);
        if (state.begun !== next) await this.writeState(state, { ...state, begun: next });
        const n = await who.mark(next);
        await this.household.remember(goneName(n, who.key));
        await this.shutOut(who);
        await this.withdrawInvitations();
        if (this.household.keys.chain.length < n) await this.makeKeys();
        return this.goOn(true);
    }

    /* What the vault serves them ends now. */
    private async shutOut({ box, capability }: { box: Bytes; capability: Bytes | null }): Promise<void> {
        if (capability) await this.api.send("DELETE", `/v1/capabilities/${hex(capability)}`).catch(goneIsFine);
        await this.api.send("DELETE", `/v1/objects/${keysObject(box)}`).catch(goneIsFine);
    }

    /* One that another device set out to make, and did not: by whoever is marked as going. */
    private async beginAgain(): Promise<void> {
        const going = (await this.members()).filter(({ value }) => (value.removed ?? 0) > this.household.keys.chain.length);
        if (going.length === 0) return;
        for (const { key, value } of going) {
            await this.household.remember(goneName(value.removed!, key));
            await this.shutOut({ box: unb64(value.box), capability: value.capability ? unb64(value.capability) : null });
        }
        await this.withdrawInvitations();
        await this.makeKeys();
    }

    /* That an owner goes was written by a former key, which they have too: a vault can keep it from a device, and serve what stood there
     * before. So a device that began goes by who it saw leaving, and another takes nobody for an owner by a former key's word. */
    private async mayGoOn(key: string, { role, removed }: Person, former: boolean): Promise<boolean> {
        if (!former || role !== "owner" || removed !== undefined) return true;
        const n = this.household.keys.chain.length;
        return (await this.household.remembers(begunName(n))) && !(await this.household.remembers(goneName(n, key)));
    }

    /* The people who can be believed. */
    private async members(): Promise<{ key: string; value: Person; former: boolean }[]> {
        const out: { key: string; value: Person; former: boolean }[] = [];
        for (const { key } of (await this.list(MEMBER)).filter((x) => !x.key.startsWith(INVITE))) {
            try {
                const { value, former } = await this.readMember(key);
                out.push({ key, value, former });
            } catch (e) {
                if (wordOf(e) === "offline") throw e;
            }
        }
        return out;
    }

    private async list(prefix: string): Promise<Listed[]> {
        return (await this.api.get<{ objects: Listed[] }>(`/v1/objects?prefix=${prefix}`)).objects;
    }

    /* Who goes has seen the codes. */
    private async withdrawInvitations(): Promise<void> {
        for (const { key } of await this.list(INVITE)) {
            await this.api.send("DELETE", `/v1/objects/${key}`).catch(goneIsFine);
            await this.household.remember(key, 2);
        }
    }

    /* The own copy of the household's keys is where it has happened: all that follows is done again until it is. */
    private async makeKeys(): Promise<void> {
        this.tell("keys");
        await this.grants.introduce();
        await this.rememberOwn();
        const next = await makeSuccessor(this.household.keys, Math.floor(this.now()));
        const own = await this.household.keysObject();
        const object = await sealHouseholdKeys(next, await this.household.accountPublic(), own.version + 1);
        await this.put(own.key, own.version, object.raw);
        await this.household.seen(own.key, object.raw, next.chain);
        this.household.adopt(next, own.version + 1);
    }

    /* What is signed by the present key now, and by this device's own eyes: afterwards a former owner could sign so as well. */
    private async rememberOwn(): Promise<void> {
        const present = [this.household.keys.sign.public];
        for (const o of (await this.list("")).filter((x) => isOwn(x.key))) {
            const raw = await this.api.bytes(`/v1/objects/${o.key}`);
            await openObject(raw, o.key, present);
            if (!o.key.startsWith(MEMBER)) await this.household.seen(o.key, raw);
            await this.household.know(raw);
        }
        for (const g of await this.grants.list()) if (!g.former && isAlive(g)) await this.household.know(grantBytes(g));
        await this.household.remember(begunName(this.household.keys.chain.length + 1));
    }

    /* ---- going on ---- */

    /* What is not done yet of the last succession. Null: there is none, or everything has followed it. */
    async goOn(always = false): Promise<SuccessionRest | null> {
        while (always && this.running) await this.running.catch(() => null); /* it may have begun before the keys were made */
        this.running ??= this.finish(always).finally(() => (this.running = null));
        return this.running;
    }

    private async finish(always: boolean): Promise<SuccessionRest | null> {
        const lacks = (hubs: string[]) => this.household.hubs.filter((h) => !hubs.includes(h.id));
        const count = (): number => this.household.keys.chain.length;
        if (!always && count() > 0 && this.taken?.n === count() && lacks(this.taken.hubs).length === 0) return this.lastRest;
        const state = await this.readState();
        if (state.begun > count() && this.isLate(state)) await this.beginAgain();
        if (count() === 0) return (this.lastRest = null);
        const problems: string[] = [];
        const half = state.n < count();
        if (half) {
            problems.push(...(await this.sealToOwners()));
            this.tell("vault");
            await this.grants.introduce();
            problems.push(...(await this.signAgain()));
        }
        await this.household.refresh();
        const { hubs, failed } = await this.tellHubs(half ? [] : state.hubs);
        if (half) problems.push(...(await this.renewGrants()));
        if (failed.length === 0) await this.forgetRemoved();
        const known = hubs.filter((h) => this.household.hubs.some((x) => x.id === h));
        if (half || known.join() !== state.hubs.join()) await this.writeState(state, { n: count(), hubs: known, begun: 0 });
        this.taken = { n: count(), hubs: known };
        this.tell("done");
        this.lastRest = failed.length === 0 && problems.length === 0 ? null : { hubs: failed, problems };
        return this.lastRest;
    }

    private isLate({ version }: State): boolean {
        if (this.begunSeen?.version !== version) this.begunSeen = { version, at: this.now() };
        return this.now() - this.begunSeen.at >= LATE_S;
    }

    private async readState(): Promise<State> {
        if ((await this.list(STATE)).length === 0) return { n: 0, hubs: [], begun: 0, version: 0 };
        const raw = await this.api.bytes(`/v1/objects/${STATE}`);
        const { keys } = this.household;
        const { signer, version, payload } = await openObject(raw, STATE, householdSigners(keys));
        await this.household.seen(STATE, raw);
        const v = readFields(STATE, parseJson(STATE, payload), {
            v: isWhole(1, 1), n: isWhole(0, SUCCESSIONS_MAX), hubs: (l) => Array.isArray(l) && l.every(isHex(16)), "begun?": isWhole(1, SUCCESSIONS_MAX),
        });
        /* By a former key it tells of a former succession, whatever it says. */
        return equal(signer, keys.sign.public) ? { n: v["n"], hubs: v["hubs"], begun: v["begun"] ?? 0, version } : { n: 0, hubs: [], begun: 0, version };
    }

    private async writeState({ version }: State, { n, hubs, begun }: Omit<State, "version">): Promise<void> {
        const raw = await sealObject(this.household.keys.sign, STATE, version + 1, utf8(JSON.stringify({ v: 1, n, hubs, ...(begun > n ? { begun } : {}) })));
        await this.put(STATE, version, raw);
        await this.household.seen(STATE, raw);
    }

    private put(key: string, before: number, body: Bytes): Promise<void> {
        return this.api.send("PUT", `/v1/objects/${key}`, { body, headers: { "If-Match": `"${before}"` } });
    }

    /* Of all other owners who are still on the list. */
    private async sealToOwners(): Promise<string[]> {
        this.tell("keys");
        const { keys } = this.household;
        const held = new Map((await this.list("household/keys/")).map((o) => [o.key, o.version]));
        held.delete((await this.household.keysObject()).key);
        const own = await this.household.accountPublic();
        for (const { key: entry, value, former } of await this.members()) {
            const box = unb64(value.box);
            if (value.role !== "owner" || value.removed !== undefined || equal(box, own) || !(await this.mayGoOn(entry, value, former))) continue;
            const key = keysObject(box);
            const before = held.get(key) ?? 0;
            held.delete(key);
            if (before > 0 && equal((await openObject(await this.api.bytes(`/v1/objects/${key}`), key, null)).signer, keys.sign.public)) continue;
            await this.put(key, before, (await sealHouseholdKeys(keys, box, before + 1)).raw);
        }
        return held.size === 0 ? [] : [`${held.size === 1 ? "an owner is" : `${held.size} owners are`} not on your list, and could not be given the new keys: invite them again`];
    }

    /* A person's entry: by the present key, or by a former one and just as this device saw it then. */
    private async readMember(key: string): Promise<{ value: Person; payload: Bytes; former: boolean; version: number }> {
        const { keys } = this.household;
        const { payload, signer, version } = await this.believe(key, await this.api.bytes(`/v1/objects/${key}`));
        const plain = await householdOpen(keys, "cardea/1 member", utf8(key), payload);
        return { value: JSON.parse(text(plain)), payload: plain, former: !equal(signer, keys.sign.public), version };
    }

    private async believe(key: string, raw: Bytes) {
        const { keys } = this.household;
        const object = await openObject(raw, key, householdSigners(keys));
        if (equal(object.signer, keys.sign.public)) return object;
        /* By a key before the last former one: it was not carried over when that one came, or is long gone. */
        if (!equal(object.signer, keys.chain.at(-1)!.former) || !(await this.household.knows(raw)))
            throw new CardeaError("forged", "it is signed by a former key of your household, and this device has not seen it before: it was not signed again");
        return object;
    }

    private async signAgain(): Promise<string[]> {
        const problems: string[] = [];
        const all = (await this.list("")).filter((o) => isOwn(o.key));
        for (const [i, o] of all.entries()) {
            this.tell("objects", i, all.length);
            try {
                await this.signOne(o);
            } catch (e) {
                if (wordOf(e) === "offline") throw e;
                if (wordOf(e) !== "not_found" && wordOf(e) !== "conflict") problems.push(`${o.key}: ${messageOf(e)}`); /* another device was first */
            }
        }
        return problems;
    }

    private async signOne({ key }: Listed): Promise<void> {
        const { keys } = this.household;
        const raw = await this.api.bytes(`/v1/objects/${key}`);
        if (equal((await openObject(raw, key, null)).signer, keys.sign.public)) return;
        if (key.startsWith(INVITE)) {
            await this.api.send("DELETE", `/v1/objects/${key}`).catch(goneIsFine);
            return this.household.remember(key, 2);
        }
        if (key.startsWith(MEMBER)) return this.signMember(key);
        const { payload, version } = await this.believe(key, raw);
        await this.household.seen(key, raw);
        const again = await sealObject(keys.sign, key, version + 1, payload);
        await this.put(key, version, again);
        await this.household.seen(key, again);
    }

    private async signMember(key: string): Promise<void> {
        const { keys } = this.household;
        const { value, payload, former, version } = await this.readMember(key);
        if (!(await this.mayGoOn(key, value, former)))
            throw new CardeaError("forged", "another device began to replace your home's keys, and this one cannot tell who left: finish it there, or invite this owner again");
        const box = await boxSeal(keys.boxPublic, "cardea/1 member", utf8(key), payload);
        await this.put(key, version, await sealObject(keys.sign, key, version + 1, box));
    }

    /* Those that know already need not be told again. */
    private async tellHubs(taken: string[]): Promise<{ hubs: string[]; failed: SuccessionRest["hubs"] }> {
        const hubs = [...taken];
        const failed: SuccessionRest["hubs"] = [];
        const todo = this.household.hubs.filter((h) => !taken.includes(h.id));
        if (todo.length === 0) return { hubs, failed };
        const before = this.newestEpochs();
        const fresh = new Set<string>(); /* streams */
        let done = 0;
        this.tell("hubs", 0, todo.length);
        await Promise.all(todo.map(async (hub) => {
            const cameras = this.household.cameras.filter((c) => c.profile.hub === hub.id);
            try {
                const said = await succeed(this.api, this.household.keys, hub, this.now() * 1000);
                hubs.push(hub.id);
                if (said.fresh) cameras.forEach((c) => fresh.add(c.id));
            } catch (e) {
                failed.push({ id: hub.id, cameras: cameras.filter((c) => c.profile.kind === "main").map((c) => c.profile.name), problem: messageOf(e) });
            }
            this.tell("hubs", ++done, todo.length);
        }));
        await this.awaitRoots(before, fresh);
        return { hubs: hubs.sort(), failed };
    }

    private newestEpochs(): Map<string, number> {
        return new Map(this.household.cameras.map((c) => [c.id, Math.max(0, ...this.household.epochs(c.id))]));
    }

    /* A hub answers before the roots of its new epochs have reached the vault, and those are what is handed over next. */
    private async awaitRoots(before: Map<string, number>, streams: Set<string>): Promise<void> {
        for (const until = Date.now() + ROOTS_MS; Date.now() < until; await new Promise((r) => setTimeout(r, 250))) {
            const now = this.newestEpochs();
            if ([...streams].every((s) => (now.get(s) ?? 0) > (before.get(s) ?? 0))) return;
            await this.household.refresh();
        }
    }

    /* Those that were alive before, as this device saw them: who left could have signed others since. */
    private async renewGrants(): Promise<string[]> {
        const problems: string[] = [];
        await this.household.refresh(); /* the new epochs' keys */
        const grants = (await this.grants.list()).filter((g) => g.former && isAlive(g));
        for (const [i, g] of grants.entries()) {
            this.tell("grants", i, grants.length);
            try {
                if (await this.household.knows(grantBytes(g))) await this.grants.renew(g);
            } catch (e) {
                if (wordOf(e) === "offline") throw e;
                problems.push(`${g.note?.name ?? "a share"}: ${messageOf(e)}`);
            }
        }
        return problems;
    }

    /* The entry of who has gone is kept while something is left to do, so that it can be done again. */
    private async forgetRemoved(): Promise<void> {
        for (const { key, value } of await this.members())
            if (value.removed !== undefined && value.removed <= this.household.keys.chain.length) await this.api.send("DELETE", `/v1/objects/${key}`).catch(goneIsFine);
    }
}

/* What a device remembers of a succession that it makes: that it set out, and who left. */
const begunName = (n: number): string => `again/begun-${n}`;
const goneName = (n: number, member: string): string => `again/gone-${n}-${member.slice(MEMBER.length)}`;

const isAlive = (g: GrantView): boolean => g.state === "active" || g.state === "later";
const grantBytes = (g: GrantView): Bytes => utf8(`${g.signed}/${JSON.stringify(g.statement)}`);
const goneIsFine = (e: unknown): void => {
    if (wordOf(e) !== "not_found") throw e;
};
