/* The portal's worker: an agent's keys, tickets, and what grants open. Everything is held in memory and ends with the page; nothing is
 * written to the device, and nothing that was opened can be saved: there is no export in it to be called. */
import { Api, type Proven } from "../shared/api.ts";
import { boxOpener, boxPublic } from "../shared/box.ts";
import { b64, hex, random, unb64, type Bytes } from "../shared/bytes.ts";
import type { ClientEvent } from "../shared/views.ts";
import { CardeaError, messageOf, wordOf } from "../shared/errors.ts";
import { GrantAccess } from "../shared/grantee.ts";
import { parseCode } from "../shared/hub.ts";
import { Recordings, type Media, type SegmentRef, type Span } from "../shared/recordings.ts";
import { emitter, serve, type WorkerScope } from "../shared/rpc.ts";
import { sign, signKey, type SignKey } from "../shared/sign.ts";
import { checkStaffCertificate, openDeskKey, readStaffCertificate, readStaffKey, staffActor, staffFingerprint, type Role, type StaffCertificate, type StaffKey } from "../shared/staff.ts";
import { openThread, subjectOf, type Listed, type RawThread, type Said } from "../shared/thread.ts";
import { sealTicketMessage, type TicketMessage, type TicketRequest } from "../shared/ticket.ts";
import { watch, type LivePart, type LiveState } from "../shared/watch.ts";
import type { Notice } from "../shared/live.ts";
import { StaffAccount, type Factor, type FactorAsked, type WebauthnNew } from "./account.ts";

export interface Me {
    number: number;
    name: string;
    roles: Role[];
    expires: number;
    key: string; /* as the log and the mark name it: 32 hex digits */
    fingerprint: string;
}
export type Standing = { at: "factor" } | { at: "again" } | { at: "asking"; fingerprint: string; message: string } | { at: "waiting"; fingerprint: string; message: string } | { at: "in"; me: Me };

export interface TicketRow extends Listed {
    subject: string;
}
export interface Thread {
    ticket: string;
    state: "open" | "closed";
    said: Said[];
    grants: string[];
}
export interface Shown {
    grant: string;
    cameras: { id: string; name: string; sub: { id: string } | null }[];
    from: number;
    to: number;
    live: boolean;
    expires: number;
    household: string;
}
export interface Alarm {
    number: number;
    time: number;
    rule: number;
    actor: string;
    name?: string;
    value: number;
}
export interface Report {
    days: { day: string /* UTC */; actor: string; name?: string; kind: string; count: number }[];
}
export interface Colleague {
    number: number;
    name: string;
    roles: Role[];
    state: "invited" | "requested" | "certified" | "expired" | "revoked";
    since: number;
    expires: number;
    sign?: string;
}

export class DeskClient {
    private readonly session = new Api(); /* and the desk's requests */
    private readonly account = new StaffAccount(this.session);
    private provider: StaffKey | null = null;
    private sign: SignKey | null = null;
    private certificate: { raw: Bytes; is: StaffCertificate } | null = null;
    private deskSecret: Bytes | null = null;
    private subjects = new Map<string, string>();
    private households = new Map<string, Bytes>(); /* who opened a ticket: their signing key */
    private boxes = new Map<string, Bytes>(); /* and what is written to them is boxed to */
    private offsetMs = 0;
    /* What is looked at now. */
    private shown: { api: Api; access: GrantAccess; recordings: Recordings; jobs: Map<number, AbortController> } | null = null;
    private nextJob = 1;

    constructor(private readonly emit: (e: ClientEvent) => void) {}

    private now = (): number => (Date.now() + this.offsetMs) / 1000;

    async vault(): Promise<{ provider: string; fingerprint: string; clockOffsetMs: number } | null> {
        const before = Date.now();
        const info = await this.session.get<{ time: string; staff?: string }>("/v1/vault", { who: "nobody" });
        const offset = Date.parse(info.time) - (before + Date.now()) / 2;
        this.offsetMs = Math.abs(offset) < 1500 ? 0 : offset;
        if (!info.staff) return null;
        this.provider = await readStaffKey(unb64(info.staff));
        return { provider: this.provider.name, fingerprint: staffFingerprint(this.provider.staff), clockOffsetMs: this.offsetMs };
    }

    /* ---- the door ---- */

    signIn(login: string, passphrase: string): Promise<FactorAsked | null> {
        return this.account.signIn(login, passphrase);
    }

    prove(factor: Factor): Promise<FactorAsked | null> {
        return this.account.prove(factor);
    }

    async signUp(login: string, passphrase: string, code: string): Promise<string[]> {
        return this.account.signUp(login, passphrase, code);
    }

    totpBegin(passphrase: string): Promise<{ secret: string; pending: string; uri: string }> {
        return this.account.totpBegin(this.provider?.name ?? "Cardea", passphrase);
    }

    totpConfirm(pending: string, code: string): Promise<void> {
        return this.account.totpConfirm(pending, code);
    }

    webauthnBegin(passphrase: string): Promise<WebauthnNew> {
        return this.account.webauthnBegin(passphrase);
    }

    webauthnFinish(made: { credential: string; algorithm: number; authenticator_data: string; client_data: string }): Promise<void> {
        return this.account.webauthnFinish(made);
    }

    /* This account is that invitation's. */
    async ask(code: string): Promise<void> {
        const { sign: seed, box } = this.account.keys;
        const json = { code: b64(parseCode(code)), sign: b64((await signKey(seed)).public), box: b64(await boxPublic(box)) };
        await this.session.send("POST", "/v1/staff/requests", { who: "session", json });
    }

    /* Where this account stands with the desk. */
    async standing(): Promise<Standing> {
        const key = await signKey(this.account.keys.sign);
        const fingerprint = staffFingerprint(key.public);
        if (!(await this.account.guarded())) return { at: "factor" };
        this.sign = key;
        try {
            const first = await this.proveStaff();
            this.session.useAccess(() => this.proveStaff(), first);
            const { is } = this.certificate!;
            return { at: "in", me: { number: is.number, name: is.name, roles: is.roles, expires: is.expires, key: staffActor(is.sign), fingerprint } };
        } catch (e) {
            if (wordOf(e) !== "denied" && wordOf(e) !== "not_found") throw e;
            const message = messageOf(e);
            if (/second factor/.test(message)) return { at: "again" }; /* there is one, and this session came without it */
            return /certified yet/.test(message) ? { at: "waiting", fingerprint, message } : { at: "asking", fingerprint, message };
        }
    }

    private async proveStaff(): Promise<Proven> {
        const { challenge } = await this.session.get<{ challenge: string }>("/v1/access/challenge", { who: "nobody" });
        const signature = await sign(this.sign!, "cardea/1 staff access", unb64(challenge));
        const answer = await this.session.send<Proven & { roles: Role[]; certificate: string; desk: string }>("POST", "/v1/staff/access", {
            who: "session", json: { challenge, signature: b64(signature) },
        });
        const raw = unb64(answer.certificate);
        const is = await readStaffCertificate(raw, this.provider!.staff);
        checkStaffCertificate(is, Math.floor(this.now()));
        this.certificate = { raw, is };
        if (is.roles.includes("agent")) this.deskSecret = await openDeskKey(this.account.keys.box, unb64(answer.desk));
        return answer;
    }

    async signOut(): Promise<void> {
        this.hide();
        this.session.useAccess(null);
        this.sign = this.certificate = this.deskSecret = null;
        this.subjects.clear();
        this.households.clear();
        this.boxes.clear();
        await this.account.signOut();
    }

    /* ---- tickets ---- */

    async tickets(): Promise<TicketRow[]> {
        const { tickets } = await this.session.get<{ tickets: Listed[] }>("/v1/tickets");
        return Promise.all(tickets.map(async (t) => ({ ...t, subject: this.subjects.get(t.ticket) ?? (await this.ticket(t.ticket, 0, 0).then(() => this.subjects.get(t.ticket) ?? "It cannot be read", messageOf)) })));
    }

    async ticket(id: string, after: number, wait: number): Promise<Thread> {
        const raw = await this.session.get<RawThread>(`/v1/tickets/${id}?after=${after}&wait_s=${wait}`);
        const household = this.households.get(id);
        const said = await openThread(raw.messages, id, { as: "desk", open: await boxOpener(this.deskSecret!), household: household ? [household] : null, staff: this.provider!.staff });
        const open = said.find((s) => s.message?.kind === "open")?.message;
        if (open) {
            this.subjects.set(id, subjectOf(open.text!).subject);
            this.households.set(id, open.household!.sign);
            this.boxes.set(id, open.household!.box);
        }
        return { ticket: id, state: raw.state, said, grants: raw.grants };
    }
    private async post(ticket: string, m: Omit<TicketMessage, "ticket" | "time" | "certificate">): Promise<void> {
        if (!this.boxes.has(ticket)) await this.ticket(ticket, 0, 0);
        const to = { household: this.boxes.get(ticket)!, desk: this.provider!.desk };
        const message = await sealTicketMessage({ ...m, ticket, time: Math.floor(this.now()), certificate: this.certificate!.raw }, this.sign!, to);
        await this.session.send("POST", `/v1/tickets/${ticket}/messages`, { json: { message } });
    }

    say(ticket: string, text: string): Promise<void> {
        return this.post(ticket, { kind: "words", text });
    }

    request(ticket: string, r: Omit<TicketRequest, "id">): Promise<void> {
        return this.post(ticket, { kind: "request", request: { id: hex(random(8)), ...r } });
    }

    async close(ticket: string, text: string): Promise<void> {
        await this.post(ticket, { kind: "close", ...(text ? { text } : {}) });
        await this.session.send("POST", `/v1/tickets/${ticket}/close`);
    }

    /* ---- what a grant shows ---- */

    /* Opens it when its use is proven to be in the log, and not before. */
    async show(ticket: string, grant: string): Promise<Shown> {
        this.hide();
        if (!this.households.has(ticket)) await this.ticket(ticket, 0, 0);
        const { box } = this.account.keys;
        const api = new Api();
        const holder = { grant, box: { secret: box, public: await boxPublic(box) }, sign: this.sign!, issuer: { key: this.households.get(ticket)! }, staff: this.session };
        const access = await GrantAccess.open(api, holder, this.now);
        const s = access.statement;
        if (s.purpose !== "support" || s.ticket !== ticket) throw new CardeaError("forged", "the vault sent a grant of another ticket");
        const recordings = new Recordings(api, (c, e) => access.timeKeys(c, e), () => Math.floor(this.now()), s.from);
        this.shown = { api, access, recordings, jobs: new Map() };
        return {
            grant, from: s.from, to: s.to, live: s.live, expires: s.expires, household: access.about.household,
            cameras: access.cameras.filter((c) => c.profile.kind === "main").map((c) => ({ id: c.id, name: c.profile.name, sub: c.profile.sub ? { id: c.profile.sub } : null })),
        };
    }

    /* Lets go of keys and of what was fetched. */
    hide(): void {
        for (const j of this.shown?.jobs.values() ?? []) j.abort();
        this.shown?.recordings.forget();
        this.shown = null;
    }

    private open() {
        if (!this.shown) throw new CardeaError("denied", "there is nothing open");
        return this.shown;
    }

    /* Throws what the vault says once it has ended. */
    async alive(): Promise<void> {
        await this.open().api.get("/v1/cameras");
    }

    spans(camera: string, from: number, to: number): Promise<Span[]> {
        return this.open().recordings.spans(camera, from, to);
    }

    segmentAt(camera: string, time: number): Promise<SegmentRef | null> {
        return this.open().recordings.at(camera, time);
    }

    segmentAfter(camera: string, ref: SegmentRef): Promise<SegmentRef | null> {
        return this.open().recordings.next(camera, ref);
    }

    segmentBefore(camera: string, ref: SegmentRef): Promise<SegmentRef | null> {
        return this.open().recordings.previous(camera, ref);
    }

    media(camera: string, ref: SegmentRef, base: number, until?: number): Promise<Media> {
        return this.open().recordings.media(camera, ref, until === undefined ? { base } : { base, until });
    }

    watch(cameras: string[]): number {
        const { api, access, jobs } = this.open();
        const job = this.nextJob++;
        const control = new AbortController();
        jobs.set(job, control);
        const events = {
            part: (camera: string, part: LivePart) => this.emit({ type: "live", watch: job, camera, part }),
            notice: (camera: string | null, notice: Notice) => this.emit({ type: "notice", watch: job, camera, notice }),
            state: (state: LiveState, message: string) => this.emit({ type: "live-state", watch: job, state, message }),
        };
        void watch(api, access, cameras, events, control.signal);
        return job;
    }

    stop(job: number): void {
        this.shown?.jobs.get(job)?.abort();
        this.shown?.jobs.delete(job);
    }

    /* ---- an administrator's ---- */

    async staff(): Promise<Colleague[]> {
        return (await this.session.get<{ staff: Colleague[] }>("/v1/staff")).staff;
    }

    async alarms(): Promise<Alarm[]> {
        return (await this.session.get<{ alarms: Alarm[] }>("/v1/alarms")).alarms;
    }

    report(): Promise<Report> {
        return this.session.get("/v1/staff/report");
    }
}

const scope = self as unknown as WorkerScope;
serve(scope, new DeskClient(emitter(scope)));
