/* An event's picture: an entry of its own, sealed as an event is, with magic CRDP and a JPEG (docs/seeing.md, "Events"). */
import { equal, hex, own, readU32, type Bytes } from "./bytes.ts";
import { forged, invalid } from "./errors.ts";
import { unpad } from "./segment.ts";
import { eventKey, segmentCommitment, type TimeKeys } from "./timekey.ts";

const HEAD_BYTES = 78;
const MAX_JPEG = 48 << 10;

export function pictureEpoch(raw: Uint8Array): { camera: string; epoch: number; id: string } {
    if (raw.length < HEAD_BYTES + 16 + 5 || readU32(raw, 0) !== 0x43524450) throw invalid("event picture: magic");
    if (raw[4] !== 1 || raw[5] !== 1) throw invalid("event picture: version");
    return { camera: hex(raw.subarray(6, 22)), epoch: readU32(raw, 22), id: hex(raw.subarray(30, 46)) };
}

export async function openEventPicture(raw: Bytes, keys: TimeKeys): Promise<Bytes> {
    pictureEpoch(raw);
    const id = raw.subarray(30, 46);
    const leaf = keys.leaf(readU32(raw, 26));
    if (!equal(segmentCommitment(leaf, id), raw.subarray(46, 78))) throw forged("event picture: the key is not the one it was made with");
    const key = await crypto.subtle.importKey("raw", eventKey(leaf, id), "AES-GCM", false, ["decrypt"]);
    let plain: ArrayBuffer;
    try {
        plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv: new Uint8Array(12), additionalData: raw.slice(0, HEAD_BYTES) }, key, raw.subarray(HEAD_BYTES) as Bytes);
    } catch {
        throw forged("event picture: altered");
    }
    const jpeg = unpad(new Uint8Array(plain));
    if (jpeg.length < 4 || jpeg.length > MAX_JPEG || jpeg[0] !== 0xff || jpeg[1] !== 0xd8) throw invalid("event picture: not a JPEG");
    return own(jpeg);
}
