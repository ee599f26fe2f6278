/* The owner's side of the support desk: tickets, health figures that they approve, and access that they grant (docs/trust.md). */
import type { Api } from "./api.ts";
import { b64, equal, hex, random, text, unb64, type Bytes } from "./bytes.ts";
import type { HubReport } from "./views.ts";
import { CardeaError, forged, messageOf } from "./errors.ts";
import type { Grants } from "./grants.ts";
import type { Household } from "./household.ts";
import { householdOpen, householdSigners } from "./householdkeys.ts";
import { decodeEntry, TILE_WIDTH, type Checkpoint, type Tiles } from "./log.ts";
import { checkStaffCertificate, readStaffKey, staffActor, staffFingerprint, type StaffCertificate, type StaffKey } from "./staff.ts";
import { openThread, requestsOf, subjectOf, wordsOf, type Listed, type RawThread, type Said } from "./thread.ts";
import { scrubError, sealTicketMessage, type Health, type TicketMessage, type TicketRequest } from "./ticket.ts";

export interface TicketRow extends Listed {
    subject: string;
    waiting: boolean; /* the desk asks to see something, and has no answer */
}
export interface Thread {
    ticket: string;
    state: "open" | "closed";
    said: Said[];
    grants: string[];
    former: boolean; /* opened under a former key of the household: the desk cannot tell that what is written now is from it */
}
export interface Desk {
    name: string;
    fingerprint: string;
}
/* Who asks, and what is proven of that. */
export interface Agent {
    number: number;
    name: string;
    provider: string;
    expires: number;
    entry: number; /* of the log */
    since: number; /* s, when it was logged */
}
export interface Approval {
    cameras: string[]; /* main streams */
    live_minutes?: number;
    from?: number;
    to?: number;
}

/* A live view begins with the key frame before it: cameras send one at least this often, most each second or two. */
const LEAD_S = 5;
/* How long a granted stretch of the past can be opened. */
const PAST_EXPIRES_S = 3600;

interface Parts {
    api: Api;
    household: Household;
    grants: Grants;
    now: () => number; /* s */
    pins: () => Promise<{ staff: Bytes | null }>;
    log: () => Promise<{ checkpoint: Checkpoint; tiles: Tiles }>;
}

export class Support {
    private key: StaffKey | null = null;
    private rows = new Map<string, { messages: number; subject: string; waiting: boolean }>();
    private openedBy = new Map<string, Bytes>();
    private certified = new Map<string, { entry: number; since: number; size: number }>(); /* by the certificate's bytes; size: of the log, as far as it was read */

    constructor(private readonly p: Parts) {}

    /* The provider's key as this household pinned it; null: this vault has no desk. */
    private async staff(): Promise<StaffKey | null> {
        const { staff: said } = await this.p.api.get<{ staff?: string }>("/v1/vault", { who: "nobody" });
        if (!said) return null;
        const key = await readStaffKey(unb64(said));
        const pinned = (await this.p.pins()).staff;
        if (pinned && !equal(pinned, key.staff)) throw forged("this vault names another support desk than the one that your household knows: nothing is written to it");
        return (this.key = key);
    }

    private async desk(): Promise<StaffKey> {
        const key = this.key ?? (await this.staff());
        if (!key) throw new CardeaError("unsupported", "this vault has no support desk");
        return key;
    }

    async about(): Promise<Desk | null> {
        const key = await this.staff();
        return key && { name: key.name, fingerprint: staffFingerprint(key.staff) };
    }

    /* ---- tickets ---- */

    async list(): Promise<TicketRow[]> {
        const { tickets } = await this.p.api.get<{ tickets: Listed[] }>("/v1/tickets");
        return Promise.all(tickets.map((t) => this.row(t)));
    }

    /* A ticket in which nothing was said since is not read again. */
    private async row(t: Listed): Promise<TicketRow> {
        let held = this.rows.get(t.ticket);
        if (!held || held.messages !== t.messages) {
            const said = await this.read(t.ticket, 0, 0).then((r) => r.said, (e) => messageOf(e));
            if (typeof said === "string") return { ...t, subject: said, waiting: false };
            const open = said.find((s) => s.message?.kind === "open")?.message;
            held = { messages: t.messages, subject: open ? subjectOf(open.text!).subject : "It cannot be read", waiting: requestsOf(said).some((r) => !r.answer) };
            this.rows.set(t.ticket, held);
        }
        return { ...t, subject: held.subject, waiting: held.waiting && t.state === "open" };
    }

    /* What was said after message `after`; waits for something new when `wait` s are given. */
    async read(ticket: string, after: number, wait: number): Promise<Thread> {
        const raw = await this.p.api.get<RawThread>(`/v1/tickets/${ticket}?after=${after}&wait_s=${wait}`);
        const { keys } = this.p.household;
        const said = await openThread(raw.messages, ticket, { as: "household", open: (info, aad, sealed) => householdOpen(keys, info, aad, sealed), household: householdSigners(keys), staff: (await this.desk()).staff });
        const open = said.find((s) => s.message?.kind === "open")?.message;
        if (open) this.openedBy.set(ticket, open.signer);
        const by = this.openedBy.get(ticket);
        return { ticket, state: raw.state, said, grants: raw.grants, former: by !== undefined && !equal(by, keys.sign.public) };
    }

    private async seal(ticket: string, m: Omit<TicketMessage, "ticket" | "time">) {
        const { keys } = this.p.household;
        return sealTicketMessage({ ...m, ticket, time: Math.floor(this.p.now()) }, keys.sign, { household: keys.boxPublic, desk: (await this.desk()).desk });
    }

    private async post(ticket: string, m: Omit<TicketMessage, "ticket" | "time">): Promise<void> {
        await this.p.api.send("POST", `/v1/tickets/${ticket}/messages`, { json: { message: await this.seal(ticket, m) } });
    }

    /* `health`: what the owner has seen and approved, or null. */
    async open(subject: string, words: string, health: Health | null): Promise<string> {
        await this.p.grants.introduce();
        const ticket = hex(random(16));
        const { keys } = this.p.household;
        const message = await this.seal(ticket, { kind: "open", text: wordsOf(subject, words), household: { sign: keys.sign.public, box: keys.boxPublic } });
        await this.p.api.send("POST", "/v1/tickets", { json: { ticket, message } });
        if (health) await this.post(ticket, { kind: "health", health });
        return ticket;
    }

    say(ticket: string, words: string): Promise<void> {
        return this.post(ticket, { kind: "words", text: words });
    }

    sendHealth(ticket: string, health: Health): Promise<void> {
        return this.post(ticket, { kind: "health", health });
    }

    async close(ticket: string): Promise<void> {
        await this.post(ticket, { kind: "close" });
        await this.p.api.send("POST", `/v1/tickets/${ticket}/close`);
    }

    /* ---- requests ---- */

    /* Throws what is wrong with whoever asks. */
    async verify(c: StaffCertificate, certificate: Bytes): Promise<Agent> {
        const desk = await this.desk();
        checkStaffCertificate(c, Math.floor(this.p.now()));
        const { entry, since } = await this.certification(c, certificate);
        return { number: c.number, name: c.name, provider: desk.name, expires: c.expires, entry, since };
    }

    /* The log's entry of this very certificate: one that is not in the log was made in secret. All that came after the certificate was
     * made is looked through, since it may have been revoked, and written down once more; what was looked through once is not read again. */
    private async certification(c: StaffCertificate, certificate: Bytes): Promise<{ entry: number; since: number }> {
        const key = b64(certificate);
        const known = this.certified.get(key);
        const { checkpoint, tiles } = await this.p.log();
        const least = Math.floor((known?.size ?? 0) / TILE_WIDTH);
        let found = known ?? null;
        let before = false; /* what was read last is older than the certificate */
        for (let bundle = Math.ceil(checkpoint.size / TILE_WIDTH) - 1; bundle >= least && !(found && before); bundle--) {
            const entries = await tiles.proven(checkpoint, bundle);
            before = true;
            for (let i = entries.length - 1; i >= 0; i--) {
                const e = decodeEntry(entries[i]!);
                before &&= e.time / 1e6 < c.from;
                if (e.kind === "staff.revoke" && e.actor && hex(e.actor) === staffActor(c.sign)) throw new CardeaError("denied", `the log says that ${c.name} was revoked`);
                if (e.kind !== "staff.certify" || (JSON.parse(text(e.details)) as { certificate?: string }).certificate !== key) continue;
                found = { entry: bundle * TILE_WIDTH + i, since: e.time / 1e6, size: checkpoint.size };
            }
        }
        if (!found) throw forged(`the log does not say that ${c.name} was certified: whoever made that certificate did it in secret`);
        this.certified.set(key, { ...found, size: checkpoint.size });
        return found;
    }

    /* Grants what the owner left of the request; answers with the grant's id. */
    async approve(ticket: string, request: TicketRequest, said: { agent: StaffCertificate; certificate: Bytes }, a: Approval): Promise<string> {
        const agent = await this.verify(said.agent, said.certificate);
        const now = Math.floor(this.p.now());
        const live = a.live_minutes !== undefined;
        const range = live ? { from: now - LEAD_S, to: now + 60 * a.live_minutes! } : { from: a.from!, to: a.to! };
        const witnesses = this.p.household.hubs.map((h) => b64(h.sign));
        if (witnesses.length === 0) throw new CardeaError("unsupported", "no hub of yours could witness it: pair one first");
        const to = { grantee: b64(said.agent.box), grantee_sign: b64(said.agent.sign), purpose: "support" as const, ticket, witnesses };
        const made = await this.p.grants.make(to, {
            cameras: a.cameras, ...range, live, export: false, expires: live ? range.to : now + PAST_EXPIRES_S, name: `Agent ${agent.number}, ${agent.provider}`,
        });
        await this.p.grants.post(made);
        const names = a.cameras.map((id) => this.p.household.cameras.find((c) => c.id === id)?.profile.name ?? "Camera");
        const narrowed: TicketRequest = { id: request.id, cameras: names, reason: request.reason, ...(live ? { live_minutes: a.live_minutes! } : { from: a.from!, to: a.to! }) };
        await this.post(ticket, { kind: "answer", answers: request.id, grant: made.statement.id, request: narrowed });
        return made.statement.id;
    }

    refuse(ticket: string, request: string, words: string): Promise<void> {
        return this.post(ticket, { kind: "refuse", answers: request, ...(words ? { text: words } : {}) });
    }
}

/* What the hubs say of themselves and their cameras, without what is nobody's business: no address, no password, no picture. */
export function healthOf(reports: readonly HubReport[], vault: string | undefined): Health {
    const first = reports.find((r) => r.status);
    const cameras = reports.flatMap((r) => r.cameras).map((c) => ({
        name: c.kind === "sub" ? `${c.name} (substream)` : c.name, state: c.state,
        ...(c.fps != null ? { fps: Math.round(c.fps * 10) / 10 } : {}), ...(c.kbit_s != null ? { kbit_s: Math.round(c.kbit_s) } : {}), ...(c.lost != null ? { lost: c.lost } : {}),
        ...(c.width ? { width: c.width } : {}), ...(c.height ? { height: c.height } : {}), ...(c.codec ? { codec: c.codec } : {}), ...(c.message ? { error: scrubError(c.message) } : {}),
    }));
    const s = first?.status;
    return {
        cameras,
        ...(s ? { hub: { ...(s.version ? { version: s.version } : {}), ...(s.state ? { state: s.state } : {}), ...(s.uptime_s != null ? { uptime_s: s.uptime_s } : {}), ...(s.spool_bytes != null ? { spool_bytes: s.spool_bytes } : {}) } } : {}),
        ...(vault ? { vault } : {}),
    };
}
