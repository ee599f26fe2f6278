/* Sealed events of a stream's day (docs/formats.md, "Event"). */
import { equal, hex, readU32, text, type Bytes } from "./bytes.ts";
import { forged, invalid } from "./errors.ts";
import { unpad } from "./segment.ts";
import { eventKey, segmentCommitment, type TimeKeys } from "./timekey.ts";

const HEAD_BYTES = 78;

export interface CameraEvent {
    id: string;
    label: string;
    begin: number; /* µs */
    end: number;
    score: number;
    replaces?: string;
    picture?: { slot: number };
}

export function eventEpoch(raw: Uint8Array): { camera: string; epoch: number } {
    if (raw.length < HEAD_BYTES + 16 + 5 || readU32(raw, 0) !== 0x43524456) throw invalid("event: magic");
    if (raw[4] !== 1 || raw[5] !== 1) throw invalid("event: version");
    return { camera: hex(raw.subarray(6, 22)), epoch: readU32(raw, 22) };
}

export async function openEvent(raw: Bytes, keys: TimeKeys): Promise<CameraEvent> {
    eventEpoch(raw);
    const id = raw.subarray(30, 46);
    const leaf = keys.leaf(readU32(raw, 26));
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
    const json = JSON.parse(text(data)) as CameraEvent & { v: number };
    if (json.v !== 1 || typeof json.begin !== "number" || typeof json.end !== "number") throw invalid("event: fields");
    return { ...json, id: hex(id) };
}
