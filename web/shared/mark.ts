/* A hub's signed statement on a segment (docs/formats.md, "Mark"). */
import { hex, own, readU32, type Bytes } from "./bytes.ts";
import { forged, invalid } from "./errors.ts";
import { verify } from "./sign.ts";

const HEAD_BYTES = 81;
const TAIL_BYTES = 32 + 64;
const HASHES_MAX = 65536;

export interface Mark {
    camera: string;
    epoch: number;
    slot: number;
    segment: string;
    previous: Bytes;
    hashes: Bytes[];
    hub: Bytes;
}

/* Whether that hub is the household's is the caller's question. */
export async function readMark(raw: Uint8Array): Promise<Mark> {
    if (raw.length < 5 || readU32(raw, 0) !== 0x4352444d) throw invalid("mark: magic");
    if (raw[4] !== 1) throw invalid("mark: version");
    if (raw.length < HEAD_BYTES + TAIL_BYTES) throw invalid("mark: length");
    const count = readU32(raw, 77);
    if (count > HASHES_MAX) throw invalid("mark: count");
    if (raw.length !== HEAD_BYTES + 32 * count + TAIL_BYTES) throw invalid("mark: length");
    const hub = own(raw.subarray(raw.length - 96, raw.length - 64));
    const signed = raw.subarray(0, raw.length - 64);
    if (!(await verify(hub, "cardea/1 mark", signed, raw.subarray(raw.length - 64)))) throw forged("mark: the hub's signature does not fit");
    const hashes: Bytes[] = [];
    for (let i = 0; i < count; i++) hashes.push(own(raw.subarray(HEAD_BYTES + 32 * i, HEAD_BYTES + 32 * (i + 1))));
    return {
        camera: hex(raw.subarray(5, 21)), epoch: readU32(raw, 21), slot: readU32(raw, 25), segment: hex(raw.subarray(29, 45)),
        previous: own(raw.subarray(45, 77)), hashes, hub,
    };
}
