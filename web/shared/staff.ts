/* A provider's staff key, and who is of its staff (docs/trust.md, "The support desk"). */
import { b64, equal, hex, text, unb64, utf8, type Bytes } from "./bytes.ts";
import { boxOpen, boxSeal } from "./box.ts";
import { CardeaError, forged, invalid } from "./errors.ts";
import { sha256 } from "./hash.ts";
import { openEnvelope, seal, type SignKey } from "./sign.ts";

export const ROLES = ["agent", "operator", "moderator", "administrator"] as const;
export type Role = (typeof ROLES)[number];

export const NAME_MAX_BYTES = 64;
const NUMBER_MAX = 1_000_000_000;
const SLOT_MAX = 0xffffffff;
const SKEW_SLOTS = 300;

export interface StaffKey {
    staff: Bytes; /* Ed25519, signs certificates */
    desk: Bytes; /* X25519, what tickets are boxed to */
    name: string;
    time: number;
}

export interface StaffCertificate {
    number: number; /* of the person: "Agent 7" */
    name: string;
    roles: Role[];
    sign: Bytes;
    box: Bytes;
    from: number;
    expires: number;
}

export interface StaffRevocation {
    number: number;
    sign: Bytes;
    time: number;
}

/* ---- reading with a table of fields, as the C does: what is missing, of another shape or unknown is refused ---- */

export type Fields = Record<string, (value: unknown) => boolean>;
export const isWhole = (least: number, most: number) => (v: unknown): boolean =>
    typeof v === "number" && Number.isSafeInteger(v) && v >= least && v <= most;
export const isSlot = isWhole(0, SLOT_MAX);
export const isText = (least: number, most: number) => (v: unknown): boolean =>
    typeof v === "string" && utf8(v).length >= least && utf8(v).length <= most;
export const isB64 = (bytes: number) => (v: unknown): boolean => {
    if (typeof v !== "string") return false;
    try {
        return unb64(v).length === bytes;
    } catch {
        return false;
    }
};
export const isHex = (bytes: number) => (v: unknown): boolean => typeof v === "string" && v.length === 2 * bytes && /^[0-9a-f]*$/.test(v);
export const isObject = (v: unknown): v is Record<string, unknown> => typeof v === "object" && v !== null && !Array.isArray(v);

/* A name that ends in "?" may be absent. */
export function readFields(what: string, value: unknown, fields: Fields): Record<string, any> {
    if (!isObject(value)) throw invalid(`${what}: not an object`);
    for (const name of Object.keys(value)) if (!(name in fields) && !(`${name}?` in fields)) throw invalid(`${what}: "${name}" is not known`);
    for (const [field, fits] of Object.entries(fields)) {
        const name = field.replace(/\?$/, "");
        if (!(name in value)) {
            if (name === field) throw invalid(`${what}: "${name}" is missing`);
        } else if (!fits(value[name])) throw invalid(`${what}: "${name}" is not what it should be`);
    }
    return value;
}

export function parseJson(what: string, raw: Uint8Array): unknown {
    try {
        return JSON.parse(text(raw));
    } catch {
        throw invalid(`${what}: not JSON`);
    }
}

const isVersion = isWhole(1, 1);
/* eslint-disable-next-line no-control-regex */
const isName = (v: unknown): boolean => isText(1, NAME_MAX_BYTES)(v) && !/[\x00-\x1f\x7f]/.test(v as string);
const isRoles = (v: unknown): boolean =>
    Array.isArray(v) && v.length > 0 && new Set(v).size === v.length && v.every((r) => ROLES.includes(r as Role)) &&
    (!v.includes("administrator") || v.length === 1);

/* ---- the key ---- */

export async function readStaffKey(raw: Uint8Array): Promise<StaffKey> {
    if (raw.length > 2048) throw new CardeaError("limit", "staff key: larger than 2048 bytes");
    const { signer, body } = await openEnvelope(raw, "cardea/1 staff key");
    const v = readFields("staff key", parseJson("staff key", body), { v: isVersion, staff: isB64(32), desk: isB64(32), name: isName, time: isSlot });
    const staff = unb64(v["staff"]);
    if (!equal(staff, signer)) throw forged("staff key: it is signed by another key than it names");
    return { staff, desk: unb64(v["desk"]), name: v["name"], time: v["time"] };
}

/* For people to compare: eight groups of four hex digits. */
export const staffFingerprint = (sign: Uint8Array): string => hex(sha256(sign).subarray(0, 16)).replace(/(.{4})(?=.)/g, "$1 ");

/* What the log calls a member of staff. */
export const staffActor = (sign: Uint8Array): string => hex(sha256(sign).subarray(0, 16));

/* ---- certificates ---- */

export async function readStaffCertificate(raw: Uint8Array, staff: Uint8Array): Promise<StaffCertificate> {
    if (raw.length > 4096) throw new CardeaError("limit", "staff certificate: larger than 4096 bytes");
    const { signer, body } = await openEnvelope(raw, "cardea/1 staff");
    if (!equal(signer, staff)) throw forged("staff certificate: it is signed by somebody else");
    const v = readFields("staff certificate", parseJson("staff certificate", body), {
        v: isVersion, number: isWhole(1, NUMBER_MAX), name: isName, roles: isRoles, sign: isB64(32), box: isB64(32), from: isSlot, expires: isSlot,
    });
    if (v["from"] >= v["expires"]) throw invalid('staff certificate: "expires" must be after "from"');
    return { number: v["number"], name: v["name"], roles: v["roles"], sign: unb64(v["sign"]), box: unb64(v["box"]), from: v["from"], expires: v["expires"] };
}

export function checkStaffCertificate(c: StaffCertificate, nowSlot: number): void {
    const when = (slot: number): string => new Date(slot * 1000).toISOString();
    if (nowSlot + SKEW_SLOTS < c.from) throw new CardeaError("denied", `the certificate of ${c.name} is not valid before ${when(c.from)}`);
    if (nowSlot >= c.expires) throw new CardeaError("denied", `the certificate of ${c.name} expired at ${when(c.expires)}`);
}

export const staffCertificateText = (c: StaffCertificate): string =>
    JSON.stringify({ v: 1, number: c.number, name: c.name, roles: c.roles, sign: b64(c.sign), box: b64(c.box), from: c.from, expires: c.expires });

export const sealStaffCertificate = (staff: SignKey, c: StaffCertificate): Promise<Bytes> => seal(staff, "cardea/1 staff", utf8(staffCertificateText(c)));

export async function readStaffRevocation(raw: Uint8Array, staff: Uint8Array): Promise<StaffRevocation> {
    if (raw.length > 1024) throw new CardeaError("limit", "staff revocation: larger than 1024 bytes");
    const { signer, body } = await openEnvelope(raw, "cardea/1 staff revoke");
    if (!equal(signer, staff)) throw forged("staff revocation: it is signed by somebody else");
    const v = readFields("staff revocation", parseJson("staff revocation", body), { v: isVersion, number: isWhole(1, NUMBER_MAX), sign: isB64(32), time: isSlot });
    return { number: v["number"], sign: unb64(v["sign"]), time: v["time"] };
}

/* ---- the desk's secret, boxed to an agent's certified key ---- */

const DESK_INFO = "cardea/1 desk key";
export const sealDeskKey = (agentBox: Uint8Array, deskSecret: Uint8Array): Promise<Bytes> => boxSeal(agentBox, DESK_INFO, new Uint8Array(0), deskSecret);

export async function openDeskKey(agentSecret: Uint8Array, sealed: Uint8Array): Promise<Bytes> {
    const secret = await boxOpen(agentSecret, DESK_INFO, new Uint8Array(0), sealed);
    if (secret.length !== 32) throw invalid("the desk's key is not 32 bytes");
    return secret;
}
