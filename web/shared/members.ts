/* People of a household, on an owner's device: invitations, who came by them, and removing them (docs/trust.md, "Members"). */
import type { Api } from "./api.ts";
import { b64, concat, equal, hex, random, text, unb64, utf8, type Bytes } from "./bytes.ts";
import { boxSeal } from "./box.ts";
import { CardeaError, forged, messageOf, wordOf } from "./errors.ts";
import type { Grants } from "./grants.ts";
import { hmac, sha256 } from "./hash.ts";
import type { Household } from "./household.ts";
import { householdOpen, sealHouseholdKeys } from "./householdkeys.ts";
import { formatCode, pairingOf, parseCode } from "./hub.ts";
import { FOREVER } from "./limits.ts";
import { newSignKey, openObject, sealObject } from "./sign.ts";
import type { Succeeding, SuccessionRest } from "./succeed.ts";

export type MemberRole = "owner" | "member" | "viewer";

export interface InviteOptions {
    name: string;
    role: MemberRole;
    cameras: string[]; /* of a viewer, main streams */
    past: boolean;
    export: boolean;
}

interface Invite extends InviteOptions {
    v: 1;
    code: string;
    until: number; /* slot */
    signup?: string;
}

interface Member {
    v: 1;
    name: string;
    role: MemberRole;
    sign: string;
    box: string;
    grant?: string;
    capability?: string;
    added: string; /* ISO */
    removed?: number; /* of an owner who goes: the succession that follows, see succeed.ts */
}

export interface Invited extends InviteOptions {
    key: string;
    until: number;
    link: string;
    problem: string | null; /* why somebody who came with it was not let in */
}

export interface Person {
    key: string;
    name: string;
    role: MemberRole;
    added: string;
    grant: string | null;
    leaving: boolean; /* an owner whom somebody began to remove, before there were new keys */
}

export interface People {
    people: Person[];
    invited: Invited[];
    gone: string[]; /* owners who were removed, while something of that is left to be done */
    rest: SuccessionRest | null;
    problems: string[]; /* entries that cannot be believed */
}

/* Who this is: each owner is on the list, so that another one's device knows to whom the household's keys are sealed. */
export interface Self {
    name: string;
    sign: Bytes; /* all public */
    box: Bytes;
    capability: Bytes;
}

export interface Removed {
    left: string | null; /* what could not be done, in words */
    rest: SuccessionRest | null;
}

interface Kept<T> {
    key: string;
    version: number;
    value: T;
}

const PREFIX = "member/";
const INVITE = "member/invite/";
const WITHDRAWN = 2; /* a version that none has: they are written once */
const INVITE_S = 7 * 86_400;

const memberKey = (sign: Uint8Array): string => `${PREFIX}${hex(sha256(sign).subarray(0, 8))}`;

/* What an invited person's device posts is made with the code that only they and the owner have. */
export const memberMac = (k: Bytes, sign: Uint8Array, box: Uint8Array): Bytes => hmac(k, concat(utf8("member"), sign, box));

export class Members {
    private problems = new Map<string, string>(); /* by invitation */

    constructor(
        private readonly api: Api,
        private readonly household: Household,
        private readonly grants: Grants,
        private readonly now: () => number, /* s */
        private readonly origin: string,
        private readonly succession: Succeeding,
        private readonly self: Self,
    ) {}

    /* ---- objects ---- */

    private async read<T>(key: string): Promise<Kept<T>> {
        const { keys } = this.household;
        const raw = await this.api.bytes(`/v1/objects/${key}`);
        const { version, payload } = await openObject(raw, key, [keys.sign.public]);
        if (!key.startsWith(INVITE)) await this.household.know(raw);
        const plain = await householdOpen(keys, "cardea/1 member", utf8(key), payload);
        const value = JSON.parse(text(plain)) as T & { v: number };
        if (value.v !== 1) throw new CardeaError("invalid", `${key}: v`);
        if (key.startsWith(INVITE)) await this.household.remember(key, version);
        return { key, version, value };
    }

    private async write(key: string, before: number, value: unknown): Promise<void> {
        const { keys } = this.household;
        const payload = await boxSeal(keys.boxPublic, "cardea/1 member", utf8(key), utf8(JSON.stringify(value)));
        const raw = await sealObject(keys.sign, key, before + 1, payload);
        await this.api.send("PUT", `/v1/objects/${key}`, { body: raw, headers: { "If-Match": `"${before}"` } });
    }

    /* One that cannot be believed does not keep the others from being read. */
    private async all(): Promise<{ members: Kept<Member>[]; invites: Kept<Invite>[]; problems: string[] }> {
        const { objects } = await this.api.get<{ objects: { key: string }[] }>(`/v1/objects?prefix=${PREFIX}`);
        const keys = objects.map((o) => o.key);
        const problems: string[] = [];
        const read = async <T>(key: string): Promise<Kept<T> | null> => {
            try {
                return await this.read<T>(key);
            } catch (e) {
                if (wordOf(e) === "offline") throw e;
                if (wordOf(e) !== "not_found") problems.push(`${key}: ${messageOf(e)}`); /* another device removed it meanwhile */
                return null;
            }
        };
        const [members, invites] = await Promise.all([
            Promise.all(keys.filter((k) => !k.startsWith(INVITE)).map((k) => read<Member>(k))),
            Promise.all(keys.filter((k) => k.startsWith(INVITE)).map((k) => read<Invite>(k))),
        ]);
        return { members: members.filter((m) => m !== null), invites: invites.filter((i) => i !== null), problems };
    }

    private get own(): string {
        return memberKey(this.self.sign);
    }

    async list(): Promise<People> {
        const { members, invites, problems } = await this.all();
        const successions = this.household.keys.chain.length;
        const gone = (m: Member): boolean => m.removed !== undefined && m.removed <= successions;
        return {
            people: members
                .filter(({ key, value }) => key !== this.own && !gone(value))
                .map(({ key, value: m }) => ({ key, name: m.name, role: m.role, added: m.added, grant: m.grant ?? null, leaving: m.removed !== undefined }))
                .sort((a, b) => a.added.localeCompare(b.added)),
            invited: invites.map(({ key, value }) => this.invited(key, value)).sort((a, b) => a.until - b.until),
            gone: members.filter(({ value }) => gone(value)).map(({ value }) => value.name),
            rest: this.succession.rest(),
            problems,
        };
    }

    /* An owner who was there before there were others puts themselves on the list. */
    private async listSelf(members: Kept<Member>[]): Promise<void> {
        if (!members.some(({ value }) => value.role === "owner") || members.some(({ key }) => key === this.own)) return;
        const { name, sign, box, capability } = this.self;
        const member: Member = {
            v: 1, name, role: "owner", sign: b64(sign), box: b64(box), capability: b64(capability), added: new Date(this.now() * 1000).toISOString(),
        };
        await this.write(this.own, 0, member);
    }

    private invited(key: string, i: Invite): Invited {
        const link = `${this.origin}/#join=${i.code}${i.signup ? `&signup=${i.signup}` : ""}`;
        return { key, name: i.name, role: i.role, cameras: i.cameras, past: i.past, export: i.export, until: i.until, link, problem: this.problems.get(key) ?? null };
    }

    /* ---- invitations ---- */

    async invite(o: InviteOptions): Promise<Invited> {
        const { signup } = await this.api.get<{ signup: string }>("/v1/vault", { who: "nobody" });
        /* Whoever is invited may need an account first; a vault that is closed lets in only those who have one. */
        const code = signup === "code" ? await this.api.send<{ setup_code: string }>("POST", "/v1/accounts/invitations") : null;
        const until = Math.floor(this.now()) + INVITE_S;
        const invite: Invite = { v: 1, ...o, code: formatCode(random(10)), until, ...(code ? { signup: code.setup_code } : {}) };
        const key = `${INVITE}${hex(random(4))}`;
        await this.write(key, 0, invite);
        return this.invited(key, invite);
    }

    /* One that was used or withdrawn lets nobody in again, should the vault bring it back. */
    async withdraw(key: string): Promise<void> {
        await this.api.send("DELETE", `/v1/objects/${key}`).catch(goneIsFine);
        if (key.startsWith(INVITE)) await this.household.remember(key, WITHDRAWN);
    }

    /* Lets in whoever came with a code of this household's. Answers with the names of those who did. */
    async complete(): Promise<string[]> {
        const { members, invites, problems } = await this.all();
        await this.listSelf(members);
        const done: string[] = [];
        for (const { key, value } of invites) {
            if (value.until < this.now()) {
                await this.withdraw(key);
                continue;
            }
            try {
                if (await this.admit(key, value)) done.push(value.name);
            } catch (e) {
                if (wordOf(e) === "offline") throw e;
                this.problems.set(key, messageOf(e));
            }
        }
        if (problems.length > 0) throw forged(problems[0]!);
        return done;
    }

    private async admit(key: string, invite: Invite): Promise<boolean> {
        const { id, key: k } = pairingOf(parseCode(invite.code));
        const offer = await this.api.get<{ sign: string; box: string; mac: string }>(`/v1/pairing/${id}`, { who: "nobody" }).catch((e) => {
            if (wordOf(e) !== "not_found") throw e;
            return null;
        });
        if (!offer) return false;
        const sign = unb64(offer.sign);
        const box = unb64(offer.box);
        if (!equal(memberMac(k, sign, box), unb64(offer.mac)))
            throw forged("somebody answered this invitation without its code: withdraw it, and invite anew by a way that nobody else reads");
        const { keys } = this.household;
        const object = memberKey(sign);
        if ((await this.versionOf(object)) > 0) await this.remove(object); /* let in again, perhaps as something else: what was given before ends */
        const given = invite.role === "owner" ? await this.makeOwner(box) : { grant: await this.makeMember(invite, sign, box) };
        const answer = {
            v: 1, household: keys.id, name: keys.name, role: invite.role, sign: b64(keys.sign.public),
            ...(given.grant ? { grant: given.grant } : {}), ...("seed" in given ? { capability: given.seed } : {}),
        };
        const member: Member = {
            v: 1, name: invite.name, role: invite.role, sign: offer.sign, box: offer.box, added: new Date(this.now() * 1000).toISOString(),
            ...(given.grant ? { grant: given.grant } : {}), ...("public" in given ? { capability: given.public } : {}),
        };
        /* Remembered first: whoever has got in can be seen and removed, be this device cut off now or not. */
        await this.write(object, await this.versionOf(object), member);
        if (invite.role === "owner") await this.listSelf((await this.all()).members);
        const sealed = await boxSeal(box, "cardea/1 pairing", k, utf8(JSON.stringify(answer)));
        await this.api.send("POST", `/v1/pairing/${id}/answer`, { who: "nobody", json: { answer: b64(sealed) } });
        await this.withdraw(key);
        this.problems.delete(key);
        return true;
    }

    private async versionOf(key: string): Promise<number> {
        const { objects } = await this.api.get<{ objects: { key: string; version: number }[] }>(`/v1/objects?prefix=${key}`);
        return objects.find((o) => o.key === key)?.version ?? 0;
    }

    private async makeMember(o: InviteOptions, sign: Bytes, box: Bytes): Promise<string> {
        const mains = this.household.cameras.filter((c) => c.profile.kind === "main").map((c) => c.id);
        const cameras = o.role === "member" ? mains : mains.filter((id) => o.cameras.includes(id));
        const role = o.role as "member" | "viewer";
        const made = await this.grants.make(
            { grantee: b64(box), grantee_sign: b64(sign), purpose: "member", role },
            { cameras, from: o.past ? 0 : Math.floor(this.now()), to: FOREVER, live: true, export: o.export, expires: FOREVER, name: o.name },
        );
        await this.grants.post(made);
        return made.statement.id;
    }

    private async makeOwner(box: Bytes): Promise<{ grant?: undefined; seed: string; public: string }> {
        const capability = await newSignKey();
        await this.api.send("POST", "/v1/capabilities", { json: { capability: b64(capability.public), role: "owner" } });
        const object = await sealHouseholdKeys(this.household.keys, box);
        if ((await this.versionOf(object.key)) === 0) await this.api.send("PUT", `/v1/objects/${object.key}`, { body: object.raw, headers: { "If-Match": '"0"' } });
        return { seed: b64(capability.seed), public: b64(capability.public) };
    }

    /* ---- changes ---- */

    /* What they opened they have seen; from now on nothing new opens. */
    async remove(key: string): Promise<Removed> {
        if (key === this.own) throw new CardeaError("invalid", "that is you: another owner can remove you");
        const { value: m } = await this.read<Member>(key);
        if (m.role === "owner") return { left: null, rest: await this.removeOwner(key, m) };
        const left = m.grant ? await this.grants.revoke(m.grant).catch(goneIsFine) : null;
        await this.withdraw(key);
        return { left, rest: null };
    }

    /* Who was an owner may have kept the household's keys: it gets others. */
    private removeOwner(key: string, m: Member): Promise<SuccessionRest | null> {
        const mark = async (n: number): Promise<number> => {
            const now = await this.read<Member>(key);
            if (now.value.removed !== undefined) return now.value.removed;
            await this.write(key, now.version, { ...now.value, removed: n });
            return n;
        };
        return this.succession.remove({ key, box: unb64(m.box), capability: m.capability ? unb64(m.capability) : null, mark });
    }

    /* A viewer's cameras, from now on. What is taken away gets new keys, so that it cannot be opened any more. */
    async setCameras(key: string, cameras: string[]): Promise<string | null> {
        const { value: m } = await this.read<Member>(key);
        if (!m.grant || m.role !== "viewer") throw new CardeaError("invalid", "a member sees all cameras; only a viewer's can be chosen");
        const taken = await this.grants.change(m.grant, cameras);
        return taken.length > 0 ? this.grants.rekey(taken) : null;
    }
}

const goneIsFine = (e: unknown): null => {
    if (wordOf(e) !== "not_found") throw e;
    return null;
};
