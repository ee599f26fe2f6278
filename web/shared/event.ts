/* Sealed events of a stream's day, and their pictures (docs/formats.md, "Event"; docs/seeing.md). */
import { equal, hex, readU32, text, type Bytes } from "./bytes.ts";
import { forged, invalid } from "./errors.ts";
import { unpad } from "./segment.ts";
import { eventKey, segmentCommitment, type TimeKeys } from "./timekey.ts";

const HEAD_BYTES = 78;
const DAY_SLOTS = 86400;
const MAGIC = { event: 0x43524456, picture: 0x43524450 } as const;
type Kind = keyof typeof MAGIC;

/* ms since the event's begin, and the box in ten-thousandths of the picture. */
export type PathPoint = [ms: number, x: number, y: number, w: number, h: number];

/* Why a rule stayed quiet. */
export type Because =
    | "label"
    | "zone"
    | "schedule"
    | "presence"
    | "person"
    | "dwell"
    | "cooldown"
    | "muted"
    | "not_interesting"
    | "still"
    | "score";

export interface QuietRule {
    rule: string;
    name: string;
    because: Because;
    text: string;
}

export interface CameraEvent {
    id: string;
    slot: number; /* in which it was sealed: its day is also its picture's */
    label: string;
    begin: number; /* µs */
    end: number;
    score: number;
    open?: boolean; /* it is still going on: an update will replace this */
    replaces?: string;
    zones?: string[];
    crossed?: string[];
    path?: PathPoint[];
    picture?: string | { slot: number }; /* an entry's id; of motion, the segment whose thumbnail shows it */
    face?: { person: string; name: string } | { unknown: true };
    still?: boolean;
    model?: string;
    alert?: { rule: string; name: string; at: number; channels: string[] };
    quiet?: QuietRule[];
    gap?: boolean; /* nobody was looking for a part of it */
}

export const eventDay = (slot: number): number => Math.floor(slot / DAY_SLOTS);

export function eventEpoch(raw: Uint8Array): { camera: string; epoch: number } {
    if (raw.length < HEAD_BYTES + 16 + 5) throw invalid("event: length");
    const magic = readU32(raw, 0);
    if (magic !== MAGIC.event && magic !== MAGIC.picture) throw invalid("event: magic");
    if (raw[4] !== 1 || raw[5] !== 1) throw invalid("event: version");
    return { camera: hex(raw.subarray(6, 22)), epoch: readU32(raw, 22) };
}

async function open(kind: Kind, raw: Bytes, keys: TimeKeys): Promise<{ id: string; slot: number; data: Uint8Array }> {
    eventEpoch(raw);
    if (readU32(raw, 0) !== MAGIC[kind]) throw invalid("event: the other kind of entry");
    const id = raw.subarray(30, 46);
    const slot = readU32(raw, 26);
    const leaf = keys.leaf(slot);
    if (!equal(segmentCommitment(leaf, id), raw.subarray(46, 78))) throw forged("event: the key is not the one it was made with");
    const key = await crypto.subtle.importKey("raw", eventKey(leaf, id), "AES-GCM", false, ["decrypt"]);
    const additionalData = raw.slice(0, HEAD_BYTES);
    let plain: ArrayBuffer;
    try {
        plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv: new Uint8Array(12), additionalData }, key, raw.subarray(HEAD_BYTES) as Bytes);
    } catch {
        throw forged("event: altered");
    }
    const data = unpad(new Uint8Array(plain));
    if (data.length === 0) throw invalid("event: no data");
    return { id: hex(id), slot, data };
}

export async function openEvent(raw: Bytes, keys: TimeKeys): Promise<CameraEvent> {
    const { id, slot, data } = await open("event", raw, keys);
    const json = JSON.parse(text(data)) as CameraEvent & { v: number };
    if (json.v !== 1 || typeof json.begin !== "number" || typeof json.end !== "number") throw invalid("event: fields");
    return { ...json, id, slot };
}

/* The JPEG of an event. */
export async function openEventPicture(raw: Bytes, keys: TimeKeys): Promise<{ id: string; jpeg: Bytes }> {
    const { id, data } = await open("picture", raw, keys);
    return { id, jpeg: data as Bytes };
}
