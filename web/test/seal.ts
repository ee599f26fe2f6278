/* The sealing half of segments, for tests alone: pages only ever open. */
import { concat, u32, unhex, view, type Bytes } from "../shared/bytes.ts";
import { sha256 } from "../shared/hash.ts";
import { HEADER_BYTES, Kind, padme } from "../shared/segment.ts";
import { eventKey, segmentCommitment, segmentKey, type TimeKeys } from "../shared/timekey.ts";

export interface PlainRecord {
    kind: Kind;
    second: number;
    data: Uint8Array;
}

export function makeHeader(keys: TimeKeys, camera: string, epoch: number, slot: number, id: Bytes): Bytes {
    const head = concat(u32(0x43524441), new Uint8Array([1, 1]), unhex(camera), u32(epoch), u32(slot), id);
    return concat(head, segmentCommitment(keys.leaf(slot), id));
}

export function pad(data: Uint8Array): Bytes {
    const out = new Uint8Array(padme(4 + data.length));
    out.set(u32(data.length));
    out.set(data, 4);
    return out;
}

export class Sealer {
    private number = 0;
    private second = 0;
    private readonly bound: Bytes;

    constructor(
        private readonly keys: TimeKeys,
        private readonly header: Bytes,
    ) {
        this.bound = sha256(header);
    }

    async record(r: PlainRecord): Promise<Bytes> {
        const slot = view(this.header).getUint32(26) + r.second;
        const id = this.header.subarray(30, 46);
        const leaf = this.keys.leaf(slot);
        const key = await crypto.subtle.importKey("raw", segmentKey(leaf, id), "AES-GCM", false, ["encrypt"]);
        const iv = new Uint8Array(12);
        view(iv).setUint32(7, this.number++);
        if (r.kind === Kind.end) iv[11] = 1;
        const about = new Uint8Array([r.kind, r.second]);
        const sealed = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: concat(this.bound, about) }, key, pad(r.data)));
        const commitment = r.second !== this.second ? segmentCommitment(leaf, id) : new Uint8Array(0);
        this.second = r.second;
        return concat(u32(2 + commitment.length + sealed.length), about, commitment, sealed);
    }
}

export async function sealSegment(keys: TimeKeys, header: Bytes, records: PlainRecord[]): Promise<Bytes> {
    const sealer = new Sealer(keys, header);
    const parts: Bytes[] = [header];
    for (const r of records) parts.push(await sealer.record(r));
    return concat(...parts);
}

export { HEADER_BYTES };

/* An entry of a stream's day, an event or a picture, as a hub seals it. */
export async function sealEntry(kind: "event" | "picture", keys: TimeKeys, o: { camera: string; epoch: number; slot: number; id: Bytes; data: Uint8Array }): Promise<Bytes> {
    const leaf = keys.leaf(o.slot);
    const head = concat(u32(kind === "event" ? 0x43524456 : 0x43524450), new Uint8Array([1, 1]), unhex(o.camera), u32(o.epoch), u32(o.slot), o.id, segmentCommitment(leaf, o.id));
    const key = await crypto.subtle.importKey("raw", eventKey(leaf, o.id), "AES-GCM", false, ["encrypt"]);
    return concat(head, new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv: new Uint8Array(12), additionalData: head }, key, pad(o.data))));
}
