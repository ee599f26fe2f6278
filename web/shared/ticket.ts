/* What an owner and a support desk write to each other (docs/trust.md, "The support desk"): boxes to both, of signed words. */
import { b64, own, unb64, unhex, utf8, type Bytes } from "./bytes.ts";
import { boxSeal, type BoxOpener } from "./box.ts";
import { CardeaError, forged, invalid } from "./errors.ts";
import { openEnvelope, seal, type SignKey } from "./sign.ts";
import { isB64, isHex, isObject, isSlot, isText, isWhole, parseJson, readFields } from "./staff.ts";

export const KINDS = ["open", "words", "health", "request", "answer", "refuse", "close"] as const;
export type TicketKind = (typeof KINDS)[number];

export const TEXT_MAX_BYTES = 8192;
export const REASON_MAX_BYTES = 512;
export const CAMERAS_MAX = 64;
export const LIVE_MINUTES_MAX = 240;
const CAMERA_NAME_MAX_BYTES = 128;
const BOX_MAX_BYTES = 32 * 1024;
const INFO = "cardea/1 ticket";

export interface CameraHealth {
    name: string;
    state?: string;
    fps?: number;
    kbit_s?: number;
    lost?: number;
    restarts?: number;
    width?: number;
    height?: number;
    codec?: string;
    error?: string;
}
export interface Health {
    cameras: CameraHealth[];
    hub?: { version?: string; state?: string; uptime_s?: number; spool_bytes?: number; waiting?: number };
    vault?: string; /* version */
}
export interface TicketRequest {
    id: string; /* 16 hex digits */
    cameras: string[]; /* names, as in the health figures */
    live_minutes?: number;
    from?: number; /* slots */
    to?: number;
    reason: string;
}
export interface TicketMessage {
    ticket: string; /* 32 hex digits */
    time: number; /* slot */
    kind: TicketKind;
    text?: string;
    health?: Health;
    request?: TicketRequest;
    answers?: string; /* the request's id; of "answer" and "refuse" */
    grant?: string; /* of "answer" */
    household?: { sign: Bytes; box: Bytes }; /* of "open" */
    certificate?: Bytes; /* an agent's, with all it writes */
}
export interface SignedTicketMessage extends TicketMessage {
    signer: Bytes;
}

/* ---- health figures: these and nothing else ---- */

const isNumber = (v: unknown): boolean => typeof v === "number" && v >= 0 && v < 1e18;
const isWord = isText(0, 64);
const CAMERA = {
    name: isText(1, CAMERA_NAME_MAX_BYTES), "state?": isWord, "fps?": isNumber, "kbit_s?": isNumber, "lost?": isNumber, "restarts?": isNumber,
    "width?": isNumber, "height?": isNumber, "codec?": isWord, "error?": isText(0, 200),
};
const HUB = { "version?": isWord, "state?": isWord, "uptime_s?": isNumber, "spool_bytes?": isNumber, "waiting?": isNumber };

export function checkHealth(health: unknown): Health {
    const v = readFields("health", health, { cameras: (l) => Array.isArray(l) && l.length <= CAMERAS_MAX, "hub?": isObject, "vault?": isWord });
    for (const c of v["cameras"]) readFields("health: a camera", c, CAMERA);
    if (v["hub"]) readFields("health: the hub", v["hub"], HUB);
    return v as Health;
}

/* An error's words may hold the camera's address or password; they go out without. */
export const scrubError = (message: string): string =>
    message
        .replace(/\b[a-z][a-z0-9+.-]*:\/\/\S+/gi, "[address]")
        .replace(/\S*@\S*/g, "[address]")
        .replace(/\[?[0-9a-f]*:[0-9a-f:.]*:[0-9a-f:.]*\]?(:\d+)?/gi, "[address]")
        .replace(/\b\d{1,3}(\.\d{1,3}){3}(:\d+)?\b/g, "[address]")
        .replace(/\b[\w-]+(\.[\w-]+)*\.(local|lan|home|internal|com|net|org|de)\b(:\d+)?/gi, "[address]")
        .slice(0, 180);

/* ---- which fields which kind has ---- */

type Field = "text" | "health" | "request" | "answers" | "grant" | "household" | "certificate";
const FIELDS: Field[] = ["text", "health", "request", "answers", "grant", "household", "certificate"];
const NEEDS: Record<TicketKind, { needs: Field[]; may: Field[] }> = {
    open: { needs: ["text", "household"], may: [] },
    words: { needs: ["text"], may: ["certificate"] },
    health: { needs: ["health"], may: ["text"] },
    request: { needs: ["request", "certificate"], may: ["text"] },
    answer: { needs: ["answers", "grant"], may: ["text", "request"] },
    refuse: { needs: ["answers"], may: ["text"] },
    close: { needs: [], may: ["text", "certificate"] },
};

function checkMessage(m: TicketMessage): void {
    const rule = NEEDS[m.kind];
    for (const f of FIELDS) {
        if (rule.needs.includes(f) && m[f] === undefined) throw invalid(`ticket: "${f}" is missing in "${m.kind}"`);
        if (m[f] !== undefined && !rule.needs.includes(f) && !rule.may.includes(f)) throw invalid(`ticket: "${f}" does not belong in "${m.kind}"`);
    }
    if (m.request && !m.request.live_minutes && !m.request.to) throw invalid('ticket: "request" asks for nothing: live_minutes, or from and to');
    if (m.health) checkHealth(m.health);
}

function readRequest(value: unknown): TicketRequest {
    const r = readFields("ticket: request", value, {
        id: isHex(8),
        cameras: (l) => Array.isArray(l) && l.length > 0 && l.length <= CAMERAS_MAX && l.every(isText(1, CAMERA_NAME_MAX_BYTES)),
        "live_minutes?": isWhole(1, LIVE_MINUTES_MAX), "from?": isSlot, "to?": isWhole(1, 0xffffffff), reason: isText(0, REASON_MAX_BYTES),
    });
    if (("from" in r) !== ("to" in r) || ("to" in r && r["from"] >= r["to"])) throw invalid('ticket: "to" must be after "from"');
    return r as TicketRequest;
}

/* ---- making ---- */

export function ticketText(m: TicketMessage): string {
    const r = m.request;
    return JSON.stringify({
        v: 1, ticket: m.ticket, time: m.time, kind: m.kind, text: m.text, health: m.health,
        request: r && { id: r.id, cameras: r.cameras, live_minutes: r.live_minutes || undefined, from: r.to ? r.from : undefined, to: r.to || undefined, reason: r.reason },
        answers: m.answers, grant: m.grant,
        household: m.household && { sign: b64(m.household.sign), box: b64(m.household.box) },
        certificate: m.certificate && b64(m.certificate),
    });
}

/* What `POST /v1/tickets…` takes as "message". */
export interface BoxedTicketMessage {
    household?: string;
    desk: string;
}

export async function sealTicketMessage(m: TicketMessage, signer: SignKey, to: { household?: Uint8Array; desk: Uint8Array }): Promise<BoxedTicketMessage> {
    checkMessage(m);
    const envelope = await seal(signer, INFO, utf8(ticketText(m)));
    if (envelope.length > BOX_MAX_BYTES - 48) throw new CardeaError("limit", `the message is larger than ${BOX_MAX_BYTES / 1024} KiB`);
    const aad = unhex(m.ticket);
    const desk = b64(await boxSeal(to.desk, INFO, aad, envelope));
    return to.household ? { household: b64(await boxSeal(to.household, INFO, aad, envelope)), desk } : { desk };
}

/* ---- reading ---- */

/* `open`: with the desk's key, or with the household's keys. */
export async function openTicketMessage(box: Uint8Array, ticket: string, open: BoxOpener): Promise<SignedTicketMessage> {
    if (box.length > BOX_MAX_BYTES) throw new CardeaError("limit", "ticket: larger than 32 KiB");
    const { signer, body } = await openEnvelope(await open(INFO, unhex(ticket), box), INFO);
    const v = readFields("ticket", parseJson("ticket", body), {
        v: isWhole(1, 1), ticket: isHex(16), time: isSlot, kind: (k) => KINDS.includes(k as TicketKind), "text?": isText(0, TEXT_MAX_BYTES),
        "health?": isObject, "request?": isObject, "answers?": isHex(8), "grant?": isHex(16), "household?": isObject,
        "certificate?": (c) => typeof c === "string" && c.length > 0 && c.length <= 5462 && /^[A-Za-z0-9_-]*$/.test(c),
    });
    if (v["ticket"] !== ticket) throw forged("ticket: it was written in another ticket");
    const m: SignedTicketMessage = { signer: own(signer), ticket, time: v["time"], kind: v["kind"] };
    if ("text" in v) m.text = v["text"];
    if ("health" in v) m.health = v["health"];
    if ("request" in v) m.request = readRequest(v["request"]);
    if ("answers" in v) m.answers = v["answers"];
    if ("grant" in v) m.grant = v["grant"];
    if ("household" in v) {
        const h = readFields("ticket: household", v["household"], { sign: isB64(32), box: isB64(32) });
        m.household = { sign: unb64(h["sign"]), box: unb64(h["box"]) };
    }
    if ("certificate" in v) m.certificate = unb64(v["certificate"]);
    checkMessage(m);
    return m;
}
