/* Grants: a signed statement, and a box with time keys for the grantee (docs/trust.md; docs/formats.md, "Grant"). */
import { concat, equal, hex, own, readU32, text, u32, unb64, unhex, utf8, type Bytes } from "./bytes.ts";
import { boxOpen, boxSeal } from "./box.ts";
import { CardeaError, forged, invalid } from "./errors.ts";
import { sha256 } from "./hash.ts";
import { readCertificate, type Hub } from "./household.ts";
import { openEnvelope, seal, sign, verify, type SignKey } from "./sign.ts";
import { decodeSet, encodeSet, intersect, SLOT_END, type Node } from "./timekey.ts";

export const CAMERAS_MAX = 64;
export const VIEWS_MAX = 1_000_000;
const WITNESSES_MAX = 16;
const TICKET_MAX_BYTES = 64;
const STATEMENT_MAX_BYTES = 16 << 10;
const ABOUT_MAX_BYTES = 64 << 10;
const PARTS_MAX = 1024;
const MAX_BYTES = 1 << 20;
const HEAD_BYTES = 101; /* of an envelope */
const MAGIC = 0x43524447; /* "CRDG" */
const PURPOSES = ["owner", "member", "link", "support", "labs", "request"] as const;
const ROLES = ["member", "viewer"] as const;

export type Purpose = (typeof PURPOSES)[number];
export type Role = (typeof ROLES)[number];

export interface Statement {
    v: 2;
    id: string;
    grantee: string;
    grantee_sign: string;
    purpose: Purpose;
    role?: Role; /* of purpose member, and of no other */
    ticket?: string;
    cameras: string[];
    from: number;
    to: number;
    live: boolean;
    export: boolean;
    not_before: number;
    expires: number;
    time: number;
    views?: number;
    log: string;
    witnesses?: string[];
}

export interface AboutCamera {
    name: string;
    main?: string; /* of a substream */
    sub?: string;
    hub?: string; /* whose camera it is; need not be named where "hubs" has one */
    indoor: boolean;
    codec?: string;
}

export interface About {
    v: 1;
    household: string;
    words?: string;
    actor?: string; /* what the log calls the grantee */
    cameras: Record<string, AboutCamera>;
    hubs: string[]; /* certificates, as the household signed them */
}

export interface Grant {
    statement: Statement;
    household: Bytes; /* who signed it */
    sealed: Bytes;
    bound: Bytes;
}

export interface GrantKeys {
    camera: string;
    epoch: number;
    nodes: Node[];
}

/* ---- reading a statement ---- */

type Check = (value: unknown) => boolean;
const whole = (least: number, most: number): Check => (v) => Number.isSafeInteger(v) && (v as number) >= least && (v as number) <= most;
const oneOf = (words: readonly string[]): Check => (v) => typeof v === "string" && words.includes(v);
const bool: Check = (v) => typeof v === "boolean";
const words = (most: number): Check => (v) => typeof v === "string" && v.length > 0 && utf8(v).length <= most;
const id: Check = (v) => typeof v === "string" && /^[0-9a-f]{32}$/.test(v);
const key: Check = (v) => {
    try {
        return typeof v === "string" && unb64(v).length === 32;
    } catch {
        return false;
    }
};
const listOf = (check: Check, least: number, most: number): Check => (v) => Array.isArray(v) && v.length >= least && v.length <= most && v.every(check);

const FIELDS: Record<string, { check: Check; optional?: true }> = {
    v: { check: whole(2, 2) },
    id: { check: id },
    grantee: { check: key },
    grantee_sign: { check: key },
    purpose: { check: oneOf(PURPOSES) },
    role: { check: oneOf(ROLES), optional: true },
    ticket: { check: words(TICKET_MAX_BYTES), optional: true },
    cameras: { check: listOf(id, 1, CAMERAS_MAX) },
    from: { check: whole(0, SLOT_END - 1) },
    to: { check: whole(0, SLOT_END) },
    live: { check: bool },
    export: { check: bool },
    not_before: { check: whole(0, SLOT_END - 1) },
    expires: { check: whole(0, SLOT_END) },
    time: { check: whole(0, SLOT_END - 1) },
    views: { check: whole(1, VIEWS_MAX), optional: true },
    log: { check: key },
    witnesses: { check: listOf(key, 0, WITNESSES_MAX), optional: true },
};

function object(json: string, what: string): Record<string, unknown> {
    let value: unknown;
    try {
        value = JSON.parse(json);
    } catch {
        throw invalid(`${what}: it is not JSON`);
    }
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid(`${what}: it is not an object`);
    return value as Record<string, unknown>;
}

/* What can be no grant, whoever signs it. */
export function checkStatement(s: Statement): void {
    for (const name of Object.keys(s)) if (!(name in FIELDS)) throw invalid(`grant: "${name}" is not known`);
    for (const [name, field] of Object.entries(FIELDS)) {
        const value = (s as unknown as Record<string, unknown>)[name];
        if (value === undefined ? !field.optional : !field.check(value)) throw invalid(`grant: "${name}"`);
    }
    if (new Set(s.cameras).size !== s.cameras.length) throw invalid('grant: "cameras" names one twice');
    if (s.from >= s.to) throw invalid('grant: "to" must be after "from"');
    if (s.not_before >= s.expires) throw invalid('grant: "expires" must be after "not_before"');
    if ((s.role !== undefined) !== (s.purpose === "member")) throw invalid('grant: "role" belongs to the purpose member, and to no other');
    if (s.purpose !== "support") return;
    if (!s.ticket) throw invalid('grant: for support, "ticket" must name one');
    if (s.export) throw invalid('grant: for support, "export" must be false');
    if (!s.witnesses?.length) throw invalid('grant: for support, "witnesses" must name a hub');
}

/* A statement as lists hold it: the envelope alone. Its signature is checked; whose it is is the caller's question. */
export async function readStatement(signed: Uint8Array): Promise<{ statement: Statement; household: Bytes }> {
    if (signed.length > STATEMENT_MAX_BYTES) throw new CardeaError("limit", "grant: the statement is too large");
    if (signed[0] === 0x7b) throw invalid("grant: the statement is not signed");
    if (signed.length > HEAD_BYTES + 4 && readU32(signed, HEAD_BYTES) === 0x43524453) throw invalid("grant: the statement is signed twice");
    const { signer, body } = await openEnvelope(signed, "cardea/1 grant");
    const statement = object(text(body), "grant") as unknown as Statement;
    checkStatement(statement);
    return { statement, household: signer };
}

export async function readGrant(raw: Uint8Array): Promise<Grant> {
    if (raw.length > MAX_BYTES) throw new CardeaError("limit", "grant: too large");
    if (raw.length < 9 || readU32(raw, 0) !== MAGIC) throw invalid("grant: magic");
    if (raw[4] !== 2) throw invalid("grant: version");
    const length = readU32(raw, 5);
    if (raw.length < 9 + length + 48) throw invalid("grant: length");
    const signed = own(raw.subarray(9, 9 + length));
    const { statement, household } = await readStatement(signed);
    return { statement, household, sealed: own(raw.subarray(9 + length)), bound: sha256(signed) };
}

/* ---- uses ---- */

/* A clock may be behind by this much. */
const EARLY_S = 300;

/* Whether the statement allows a use of some seconds of a camera; the keys say it again. */
export function allows(s: Statement, camera: string, begin: number, end: number, live = false, exporting = false): boolean {
    const within = end === 0 || (begin < end && begin >= s.from && end <= s.to); /* end 0: live alone */
    return s.cameras.includes(camera) && within && (!live || s.live) && (!exporting || s.export);
}

export function checkValid(s: Statement, nowSlot: number): void {
    if (nowSlot < s.not_before - EARLY_S) throw new CardeaError("denied", "this grant does not hold yet");
    if (nowSlot >= s.expires) throw new CardeaError("denied", "this grant has expired");
}

/* ---- the box ---- */

/* What the box holds, after its household, its holder and its time are checked. */
export async function openGrantBox(grant: Grant, household: Uint8Array, secret: Uint8Array, grantee: Uint8Array, nowSlot: number): Promise<{ about: Bytes; keys: GrantKeys[] }> {
    const s = grant.statement;
    if (!equal(grant.household, household)) throw forged("grant: signed by another household");
    if (!equal(unb64(s.grantee), grantee)) throw forged("grant: it is for somebody else");
    checkValid(s, nowSlot);
    const plain = await boxOpen(secret, "cardea/1 grant", grant.bound, grant.sealed);
    if (plain.length < 4) throw invalid("grant: payload");
    const first = 4 + readU32(plain, 0);
    if (first - 4 > ABOUT_MAX_BYTES || plain.length < first) throw invalid("grant: payload");
    const keys: GrantKeys[] = [];
    for (let at = first; at < plain.length; ) {
        if (plain.length < at + 24 || keys.length === PARTS_MAX) throw invalid("grant: payload");
        const length = readU32(plain, at + 20);
        if (plain.length < at + 24 + length) throw invalid("grant: payload");
        const camera = hex(plain.subarray(at, at + 16));
        if (!s.cameras.includes(camera)) throw forged("grant: a camera that the statement does not name");
        const nodes = decodeSet(plain.subarray(at + 24, at + 24 + length));
        if (nodes.some((n) => n.first < s.from || n.first + 2 ** (32 - n.depth) > s.to)) throw forged("grant: keys of seconds that the statement does not name");
        keys.push({ camera, epoch: readU32(plain, at + 16), nodes });
        at += 24 + length;
    }
    return { about: own(plain.subarray(4, first)), keys };
}

/* Names and words, and the hubs that the household certified: whoever else signs what is seen is no hub of it. */
export async function readAbout(raw: Uint8Array, grant: Grant): Promise<{ about: About; hubs: Hub[] }> {
    const value = object(text(raw), "grant: about") as unknown as About;
    if (value.v !== 1 || typeof value.household !== "string" || typeof value.cameras !== "object" || value.cameras === null || !Array.isArray(value.hubs) || value.hubs.length > 16)
        throw invalid("grant: about");
    if (value.actor !== undefined && !id(value.actor)) throw invalid("grant: about: actor");
    for (const [camera, c] of Object.entries(value.cameras)) {
        if (!grant.statement.cameras.includes(camera)) throw forged("grant: it tells of a camera that the statement does not name");
        if (typeof c !== "object" || c === null || typeof c.name !== "string" || typeof c.indoor !== "boolean") throw invalid("grant: about: cameras");
    }
    const hubs: Hub[] = [];
    for (const one of value.hubs) {
        const envelope = unb64(one);
        hubs.push(await readCertificate(envelope, certificateKey(envelope), grant.household));
    }
    /* Marks are believed of the camera's own hub alone. */
    for (const c of Object.values(value.cameras)) {
        const hub = c.hub ?? (hubs.length === 1 ? hubs[0]!.id : undefined);
        if (!hubs.some((h) => h.id === hub)) throw invalid('grant: about: "hub" of a camera is none of "hubs"');
    }
    return { about: value, hubs };
}

/* A certificate names its own key ("hub/<id>"), and readCertificate holds that against the hub's signing key. */
function certificateKey(envelope: Uint8Array): string {
    if (envelope.length < HEAD_BYTES + 2) throw invalid("grant: about: hubs");
    const length = (envelope[HEAD_BYTES]! << 8) | envelope[HEAD_BYTES + 1]!;
    return text(envelope.subarray(HEAD_BYTES + 2, HEAD_BYTES + 2 + length));
}

/* ---- issuing ---- */

/* The statement as C writes it: same fields, same order, absent where they do not count. */
export function statementText(s: Statement): string {
    const ordered: Record<string, unknown> = {};
    for (const name of Object.keys(FIELDS)) ordered[name] = (s as unknown as Record<string, unknown>)[name];
    return JSON.stringify(ordered);
}

/* Hands over, of each set of keys, what lies in [from, to); a set that has nothing of it is left out. */
export async function issueGrant(s: Statement, household: SignKey, about: About, keys: GrantKeys[]): Promise<Bytes> {
    checkStatement(s);
    const told = utf8(JSON.stringify(about));
    if (told.length > ABOUT_MAX_BYTES) throw new CardeaError("limit", "grant: what it says of the cameras is too large");
    const payload: Bytes[] = [u32(told.length), told];
    for (const part of keys) {
        if (!s.cameras.includes(part.camera)) throw invalid("grant: keys of a camera that it does not name");
        const nodes = intersect(part.nodes, s.from, s.to);
        if (nodes.length === 0) continue;
        const set = encodeSet(nodes);
        payload.push(unhex(part.camera), u32(part.epoch), u32(set.length), set);
    }
    const signed = await seal(household, "cardea/1 grant", utf8(statementText(s)));
    const box = await boxSeal(unb64(s.grantee), "cardea/1 grant", sha256(signed), concat(...payload));
    const raw = concat(u32(MAGIC), new Uint8Array([2]), u32(signed.length), signed, box);
    if (signed.length > STATEMENT_MAX_BYTES || raw.length > MAX_BYTES) throw new CardeaError("limit", "grant: too large; name fewer cameras or a shorter time");
    return raw;
}

/* ---- ending and opening ---- */

export function makeRevocation(household: SignKey, grant: string, time: number): Promise<Bytes> {
    return seal(household, "cardea/1 revoke", utf8(JSON.stringify({ v: 1, grant, time })));
}

/* A revocation of that grant by that household. One that is replayed for another grant is refused. */
export async function readRevocation(raw: Uint8Array, household: Uint8Array, grant: string): Promise<{ time: number }> {
    const { signer, body } = await openEnvelope(raw, "cardea/1 revoke");
    if (!equal(signer, household)) throw forged("revocation: it is by another household");
    const value = object(text(body), "revocation");
    if (Object.keys(value).some((k) => !["v", "grant", "time"].includes(k)) || value["v"] !== 1) throw invalid("revocation: v");
    if (!id(value["grant"])) throw invalid("revocation: grant");
    if (!whole(0, SLOT_END - 1)(value["time"])) throw invalid("revocation: time");
    if (value["grant"] !== grant) throw forged("revocation: it is another grant's");
    return { time: value["time"] as number };
}

const opening = (challenge: Uint8Array, grant: string): Bytes => concat(challenge, unhex(grant));

/* What POST /v1/grants/{id}/open wants signed. */
export const signOpen = (grantee: SignKey, challenge: Uint8Array, grant: string): Promise<Bytes> => sign(grantee, "cardea/1 open", opening(challenge, grant));

export async function checkOpen(granteeSign: Uint8Array, challenge: Uint8Array, grant: string, signature: Uint8Array): Promise<void> {
    if (!(await verify(granteeSign, "cardea/1 open", opening(challenge, grant), signature))) throw forged("grant: the signature is not its holder's");
}
