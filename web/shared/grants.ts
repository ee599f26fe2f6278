/* What an owner's device does with grants: issues, lists, revokes and tends them (docs/trust.md, "One statement, two enforcers"). */
import type { Api } from "./api.ts";
import { b64, equal, hex, random, text, unb64, unhex, utf8, type Bytes } from "./bytes.ts";
import { boxPublic, boxSeal } from "./box.ts";
import { CardeaError, messageOf, wordOf } from "./errors.ts";
import { issueGrant, makeRevocation, readStatement, type About, type GrantKeys, type Statement } from "./grant.ts";
import type { Household } from "./household.ts";
import { householdOpen, householdSigners, type HouseholdKeys } from "./householdkeys.ts";
import { command } from "./hub.ts";
import { privateActor } from "./log.ts";
import { formatLink, issuerOf, linkKeys, type Link } from "./link.ts";
import { openEnvelope } from "./sign.ts";
import { intersect } from "./timekey.ts";

export interface Note {
    v: 1;
    name?: string | undefined; /* for whom */
    words?: string | undefined;
    link?: string | undefined; /* the fragment */
    password?: boolean | undefined;
    epochs: Record<string, number[]>;
}

export interface GrantView {
    id: string;
    statement: Statement;
    signed: string; /* by whom, base64url */
    former: boolean; /* by a key that a removed owner has held: nobody tends it */
    note: Note | null; /* null: it does not open, or there is none */
    state: "active" | "later" | "expired" | "revoked" | "used";
    uses: number;
    lastUse: number | null; /* slot */
    revoked: number | null;
    watching: { camera: string; live: boolean; since: string }[];
    link: string | null; /* the whole address */
}

export interface ShareOptions {
    cameras: string[]; /* main streams; their substreams go with them */
    from: number; /* slots */
    to: number;
    live: boolean;
    export: boolean;
    expires: number;
    views?: number | undefined;
    name?: string | undefined;
    words?: string | undefined;
    password?: string | undefined;
}

interface Listed {
    id: string;
    statement: string;
    note: string | null;
    uses: number;
    last_use: number | null;
    entry: number;
    revocation: string | null;
    revoked: number | null;
    active: { camera: string; live: boolean; since: string }[];
}

interface HeldKeys {
    sign: string;
    box: string;
    log_key?: string;
    succession?: string[];
}

/* The keys that the household began with, as the vault is told them. */
async function firstKeys(keys: HouseholdKeys): Promise<HeldKeys & { log_key: string }> {
    const box = keys.former.length > 0 ? await boxPublic(keys.former[0]!) : keys.boxPublic;
    return { sign: b64(householdSigners(keys)[0]!), box: b64(box), log_key: b64(keys.log) };
}

/* Who is to open it, and what for: what a statement says beside what it is of. */
export type To = Pick<Statement, "grantee" | "grantee_sign" | "purpose"> & Partial<Pick<Statement, "role" | "ticket" | "views" | "witnesses">>;
export type Of = Omit<ShareOptions, "password" | "views"> & { time?: number | undefined; id?: string | undefined; not_before?: number | undefined };

/* A grant that this device ended, or whose end it saw, as it remembers that. */
const endedName = (id: string): string => `grant/${id}/revoked`;

export class Grants {
    private told = ""; /* the signing key, once the vault knows that it is the household's */

    constructor(
        private readonly api: Api,
        private readonly household: Household,
        private readonly now: () => number, /* s */
        private readonly origin: string,
        private readonly pins: () => Promise<{ log: Bytes }>,
    ) {}

    private get slot(): number {
        return Math.floor(this.now());
    }

    /* What the vault must know of a household before it takes a grant: its keys, and each succession of them. Said once, and the same
     * until the next succession. */
    async introduce(): Promise<void> {
        const { keys } = this.household;
        if (this.told === b64(keys.sign.public)) return;
        const first = await firstKeys(keys);
        let held = await this.held();
        if (!held) {
            await this.api.send("PUT", "/v1/household", { json: first });
            held = first;
        }
        const said = held.succession ?? [];
        const mine = keys.chain.map((s) => b64(s.raw));
        /* Another owner's device was there first. */
        if (said.length > mine.length && (await this.household.renewKeys())) return this.introduce();
        const last = keys.chain[said.length - 1];
        const at = last ? { sign: b64(last.sign), box: b64(last.box) } : first;
        if (said.some((s, i) => s !== mine[i]) || held.sign !== at.sign || held.box !== at.box)
            throw new CardeaError("forged", "the vault holds other keys for this household than yours: it cannot be trusted with a share");
        for (const succession of mine.slice(said.length)) await this.api.send("PUT", "/v1/household", { json: { succession } });
        this.told = b64(keys.sign.public);
    }

    private held(): Promise<HeldKeys | null> {
        return this.api.get<HeldKeys>("/v1/household").catch((e) => {
            if (wordOf(e) !== "not_found") throw e;
            return null;
        });
    }

    /* ---- issuing ---- */

    /* A camera's main stream and its substream. */
    private streams(cameras: string[]): string[] {
        return cameras.flatMap((id) => {
            const camera = this.household.cameras.find((c) => c.id === id);
            if (!camera) throw new CardeaError("not_found", "that camera is not one of this household any more");
            return camera.profile.sub ? [id, camera.profile.sub] : [id];
        });
    }

    private async parts(streams: string[], from: number, to: number): Promise<GrantKeys[]> {
        const out: GrantKeys[] = [];
        for (const camera of streams)
            for (const epoch of this.household.epochs(camera)) {
                const nodes = intersect((await this.household.timeKeys(camera, epoch)).nodes, from, to);
                if (nodes.length > 0) out.push({ camera, epoch, nodes });
            }
        if (out.length === 0) throw new CardeaError("no_key", "there are no keys of that time: it was deleted, or the camera was not there yet");
        return out;
    }

    private about(streams: string[], actor: string | null, words?: string): About {
        const cameras: About["cameras"] = {};
        const hubs = new Set<string>();
        for (const id of streams) {
            const { profile } = this.household.cameras.find((c) => c.id === id) ?? { profile: null };
            if (!profile) continue;
            cameras[id] = {
                name: profile.name, hub: profile.hub, indoor: profile.indoor === true,
                ...(profile.main ? { main: profile.main } : {}), ...(profile.sub ? { sub: profile.sub } : {}), ...(profile.codec ? { codec: profile.codec } : {}),
            };
            const hub = this.household.hubOf(id);
            if (hub) hubs.add(b64(hub.certificate));
        }
        return { v: 1, household: this.household.keys.name, ...(words ? { words } : {}), ...(actor ? { actor } : {}), cameras, hubs: [...hubs] };
    }

    /* The grant's bytes, and what its note says of them. */
    async make(to: To, of: Of): Promise<{ statement: Statement; raw: Bytes; note: Note }> {
        await this.household.refresh(); /* the newest epoch's keys too */
        const { log_key } = await this.api.get<{ log_key?: string }>("/v1/vault", { who: "nobody" });
        if (!log_key) throw new CardeaError("unsupported", "this vault keeps no log, and without one nothing is shared");
        /* Whoever opens it believes the log of this key, which must be the one that the household looks at. */
        if (b64((await this.pins()).log) !== log_key) throw new CardeaError("forged", "this vault's log has another key than the one that your household knows: nothing was shared");
        const streams = this.streams(of.cameras);
        const statement: Statement = {
            v: 2, id: of.id ?? hex(random(16)), grantee: to.grantee, grantee_sign: to.grantee_sign, purpose: to.purpose,
            ...(to.role ? { role: to.role } : {}), ...(to.ticket ? { ticket: to.ticket } : {}),
            cameras: streams, from: of.from, to: of.to, live: of.live, export: of.export,
            not_before: of.not_before ?? this.slot, expires: of.expires, time: of.time ?? this.slot,
            ...(to.views ? { views: to.views } : {}), log: log_key, ...(to.witnesses ? { witnesses: to.witnesses } : {}),
        };
        const parts = await this.parts(streams, of.from, of.to);
        /* Staff know what the log calls them: it is made of their key alone. */
        const actor = to.purpose === "support" ? null : hex(privateActor(this.household.keys.log, unb64(to.grantee_sign)));
        const about = this.about(streams, actor, of.words);
        const raw = await issueGrant(statement, this.household.keys.sign, about, parts);
        const epochs: Record<string, number[]> = {};
        for (const p of parts) (epochs[p.camera] ??= []).push(p.epoch);
        return { statement, raw, note: { v: 1, ...(of.name ? { name: of.name } : {}), ...(of.words ? { words: of.words } : {}), epochs } };
    }

    private async sealNote(id: string, note: Note): Promise<string> {
        return b64(await boxSeal(this.household.keys.boxPublic, "cardea/1 note", unhex(id), utf8(JSON.stringify(note))));
    }

    async post(made: { statement: Statement; raw: Bytes; note: Note }): Promise<void> {
        await this.introduce();
        await this.api.send("POST", "/v1/grants", { json: { grant: b64(made.raw), note: await this.sealNote(made.statement.id, made.note) } });
    }

    /* A link for somebody without an account. */
    async share(o: ShareOptions): Promise<{ id: string; link: string }> {
        const link: Link = { password: !!o.password, grant: hex(random(16)), issuer: issuerOf(this.household.keys.sign.public), secret: random(32) };
        const keys = await linkKeys(link, o.password ?? "");
        const to: To = { grantee: b64(keys.box.public), grantee_sign: b64(keys.sign.public), purpose: "link", ...(o.views ? { views: o.views } : {}) };
        const made = await this.make(to, { ...o, id: link.grant });
        made.note.link = formatLink(link, "").split("#")[1];
        if (link.password) made.note.password = true;
        await this.post(made);
        return { id: link.grant, link: formatLink(link, this.origin) };
    }

    private address(fragment: string): string {
        return `${this.origin}/share/#${fragment}`;
    }

    /* ---- what there is ---- */

    async list(): Promise<GrantView[]> {
        const { grants } = await this.api.get<{ grants: Listed[] }>("/v1/grants");
        const all = await Promise.all(grants.map((g) => this.view(g)));
        return all.sort((a, b) => b.statement.time - a.statement.time);
    }

    private async view(g: Listed): Promise<GrantView> {
        /* The vault lists what this household signed, now or under a former key, and nothing that it made up itself. */
        const { statement, household } = await readStatement(unb64(g.statement));
        const { keys } = this.household;
        if (!householdSigners(keys).some((k) => equal(k, household))) throw new CardeaError("forged", "the vault lists a share that this household did not make");
        if (statement.id !== g.id) throw new CardeaError("forged", "the vault lists a share under another one's number");
        const note = g.note ? await this.openNote(g.id, g.note) : null;
        if (g.revocation && (await this.endedBy(g.id, g.revocation))) await this.household.remember(endedName(g.id));
        const now = this.slot;
        const state = g.revoked != null ? "revoked" : now >= statement.expires ? "expired" : statement.views && g.uses >= statement.views && g.active.length === 0 ? "used" : now < statement.not_before ? "later" : "active";
        return {
            id: g.id, statement, signed: b64(household), former: !equal(household, keys.sign.public), note, state, uses: g.uses, lastUse: g.last_use, revoked: g.revoked, watching: g.active,
            link: note?.link ? this.address(note.link) : null,
        };
    }

    /* Is that a revocation of this grant, by this household? One that was made before a succession stays what it is. */
    private async endedBy(id: string, revocation: string): Promise<boolean> {
        try {
            const { signer, body } = await openEnvelope(unb64(revocation), "cardea/1 revoke");
            return householdSigners(this.household.keys).some((k) => equal(k, signer)) && (JSON.parse(text(body)) as { grant?: string }).grant === id;
        } catch {
            return false;
        }
    }

    private async openNote(id: string, sealed: string): Promise<Note | null> {
        try {
            const plain = await householdOpen(this.household.keys, "cardea/1 note", unhex(id), unb64(sealed));
            const note = JSON.parse(text(plain)) as Note;
            return note.v === 1 && typeof note.epochs === "object" && note.epochs !== null ? note : null;
        } catch {
            return null; /* the statement says all that must be known */
        }
    }

    /* ---- ending ---- */

    /* Ends it, and when its keys reach beyond now, makes them useless: a new epoch of its cameras, of which the others get the keys.
     * Answers with what could not be done of that, in words, or null. */
    async revoke(id: string): Promise<string | null> {
        const { statement } = await this.view(await this.api.get<Listed>(`/v1/grants/${id}`));
        await this.end(id);
        if (statement.to <= this.slot + 1) return null;
        return this.rekey(statement.cameras);
    }

    async end(id: string): Promise<void> {
        const revocation = await makeRevocation(this.household.keys.sign, id, this.slot);
        await this.api.send("POST", `/v1/grants/${id}/revoke`, { json: { revocation: b64(revocation) } });
        await this.household.remember(endedName(id));
    }

    /* A new epoch of these streams' cameras, and its keys for whoever may still look. */
    async rekey(streams: string[]): Promise<string | null> {
        const { cameras, keys } = this.household;
        const mains = [...new Set(streams.map((s) => cameras.find((c) => c.id === s)?.profile.main ?? s))];
        const failed: string[] = [];
        for (const camera of mains) {
            const hub = this.household.hubOf(camera);
            try {
                if (!hub) throw new CardeaError("not_found", "no hub records it");
                await command(this.api, keys, hub, "epoch", { camera }, this.now() * 1000);
            } catch (e) {
                failed.push(`${cameras.find((c) => c.id === camera)?.profile.name ?? camera}: ${messageOf(e)}`);
            }
        }
        await this.tend().catch((e) => failed.push(messageOf(e)));
        if (failed.length === 0) return null;
        return `Access has ended at the vault. New keys could not be made for all cameras (${failed.join("; ")}): do it again when the hub is online`;
    }

    async forget(id: string): Promise<void> {
        await this.api.send("DELETE", `/v1/grants/${id}`);
    }

    /* ---- tending: what reaches beyond now gets the keys of each new epoch, and a member each new camera ---- */

    async tend(): Promise<number> {
        await this.household.refresh();
        let tended = 0;
        const heldBack: string[] = [];
        for (const g of await this.list()) {
            const { statement: s, note } = g;
            if (g.former) continue; /* whoever made it may not be an owner any more */
            if ((g.state !== "active" && g.state !== "later") || s.to <= this.slot) continue;
            if (await this.household.remembers(endedName(s.id))) {
                heldBack.push(note?.name ?? s.id);
                continue;
            }
            if (!note) continue;
            const cameras = this.wanted(s);
            if (cameras.length === 0 || !this.lacks(this.streams(cameras), note)) continue;
            await this.again(g, cameras);
            tended++;
        }
        if (heldBack.length > 0)
            throw new CardeaError("forged", `the vault acts as if you had not ended the share for ${heldBack.join(", ")}: no new keys were given to it. If the vault was restored from a backup, end it again`);
        return tended;
    }

    /* The same grant once more, with the keys that there are now and by the household's present one. */
    private async again({ statement: s, note }: GrantView, cameras: string[]): Promise<Statement> {
        const made = await this.make(s, { ...s, cameras, time: Math.max(this.slot, s.time + 1), name: note?.name, words: note?.words });
        made.note = { ...note, v: 1, epochs: made.note.epochs };
        await this.api.send("PUT", `/v1/grants/${s.id}`, { json: { grant: b64(made.raw), note: await this.sealNote(s.id, made.note) } });
        return made.statement;
    }

    /* After a succession: signs a grant that is alive again. */
    async renew(g: GrantView): Promise<void> {
        if (await this.household.remembers(endedName(g.id)))
            throw new CardeaError("forged", "the vault acts as if you had not ended it: no new keys were given to it. If the vault was restored from a backup, end it again");
        const cameras = this.wanted(g.statement);
        if (cameras.length > 0) await this.again(g, cameras);
    }

    /* The same grant, of other cameras (main streams). Answers with the streams that it names no more. */
    async change(id: string, cameras: string[]): Promise<string[]> {
        const g = await this.view(await this.api.get<Listed>(`/v1/grants/${id}`));
        const made = await this.again(g, cameras);
        return g.statement.cameras.filter((c) => !made.cameras.includes(c));
    }

    /* Main streams: a member's are all there are, anybody else's those that were named and are still there. */
    private wanted(s: Statement): string[] {
        const mains = this.household.cameras.filter((c) => c.profile.kind === "main").map((c) => c.id);
        return s.role === "member" ? mains : mains.filter((id) => s.cameras.includes(id));
    }

    private lacks(streams: string[], note: Note): boolean {
        for (const camera of streams) {
            const held = note.epochs[camera] ?? [];
            const all = this.household.epochs(camera);
            /* An epoch that ended before the grant began has no keys in it: only the newest counts. */
            if (all.length > 0 && !held.includes(Math.max(...all))) return true;
        }
        return false;
    }
}
