/* Grants: a signed statement plus time keys sealed to the grantee (docs/formats.md, "Grant"). */
import { equal, hex, own, readU32, text, unb64, type Bytes } from "./bytes.ts";
import { boxOpen } from "./box.ts";
import { CardeaError, forged, invalid } from "./errors.ts";
import { sha256 } from "./hash.ts";
import { openEnvelope } from "./sign.ts";
import { decodeSet, type Node } from "./timekey.ts";

export interface Statement {
    v: 1;
    id: string;
    grantee: string;
    grantee_sign: string;
    purpose: string;
    ticket?: string;
    cameras: string[];
    from: number;
    to: number;
    live: boolean;
    export: boolean;
    not_before: number;
    expires: number;
    time: number;
}

export interface Grant {
    statement: Statement;
    household: Bytes;
    sealed: Bytes;
    bound: Bytes;
}

export async function readGrant(raw: Uint8Array): Promise<Grant> {
    if (raw.length < 9 || readU32(raw, 0) !== 0x43524447) throw invalid("grant: magic");
    if (raw[4] !== 1) throw invalid("grant: version");
    const length = readU32(raw, 5);
    if (raw.length < 9 + length) throw invalid("grant: length");
    const signed = own(raw.subarray(9, 9 + length));
    const { signer, body } = await openEnvelope(signed, "cardea/1 grant");
    const statement = JSON.parse(text(body)) as Statement;
    if (statement.v !== 1) throw invalid("grant: v");
    if (statement.from >= statement.to) throw invalid("grant: from and to");
    return { statement, household: signer, sealed: own(raw.subarray(9 + length)), bound: sha256(signed) };
}

/* A clock may be behind by this much. */
const EARLY_S = 300;

/* Whether the statement allows a use of some seconds of a camera; the keys say it again. */
export function allows(s: Statement, camera: string, begin: number, end: number, live = false, exporting = false): boolean {
    const within = end === 0 || (begin < end && begin >= s.from && end <= s.to); /* end 0: live alone */
    return s.cameras.includes(camera) && within && (!live || s.live) && (!exporting || s.export);
}

/* The grant's keys, by camera and epoch, after its household and time are checked. */
export async function openGrant(grant: Grant, household: Uint8Array, secret: Uint8Array, grantee: Uint8Array, nowSlot: number) {
    const s = grant.statement;
    if (!equal(grant.household, household)) throw forged("grant: signed by another household");
    if (!equal(unb64(s.grantee), grantee)) throw forged("grant: it is for somebody else");
    if (nowSlot < s.not_before - EARLY_S) throw new CardeaError("denied", "this grant does not hold yet");
    if (nowSlot >= s.expires) throw new CardeaError("denied", "this grant has expired");
    const plain = await boxOpen(secret, "cardea/1 grant", grant.bound, grant.sealed);
    const out: { camera: string; epoch: number; nodes: Node[] }[] = [];
    for (let at = 0; at < plain.length; ) {
        if (plain.length < at + 24) throw invalid("grant: payload");
        const length = readU32(plain, at + 20);
        if (plain.length < at + 24 + length) throw invalid("grant: payload");
        const camera = hex(plain.subarray(at, at + 16));
        if (!s.cameras.includes(camera)) throw forged("grant: a camera that the statement does not name");
        const nodes = decodeSet(plain.subarray(at + 24, at + 24 + length));
        if (nodes.some((n) => n.first < s.from || n.first + 2 ** (32 - n.depth) > s.to)) throw forged("grant: keys of seconds that the statement does not name");
        out.push({ camera, epoch: readU32(plain, at + 16), nodes });
        at += 24 + length;
    }
    return out;
}
