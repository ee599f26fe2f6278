/* Speaking with a hub through the vault: pairing and commands (docs/protocol.md, "Hub"). */
import { b64, concat, equal, hex, random, text, unb64, unhex, utf8, type Bytes } from "./bytes.ts";
import { boxSeal, type BoxOpener } from "./box.ts";
import type { Api } from "./api.ts";
import { CardeaError, forged, invalid } from "./errors.ts";
import { hkdfExpand, hmac, NOTHING, sha256 } from "./hash.ts";
import type { Hub } from "./household.ts";
import { householdOpen, type HouseholdKeys } from "./householdkeys.ts";
import { newSignKey, openEnvelope, seal, sealObject } from "./sign.ts";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* XXXX-XXXX-XXXX-XXXX, forgiving as Crockford's base32 is: case, dashes, O for 0, I and L for 1. */
export function parseCode(input: string): Bytes {
    const letters = input.toUpperCase().replaceAll(/[\s-]/g, "").replaceAll("O", "0").replaceAll(/[IL]/g, "1");
    if (letters.length !== 16) throw invalid("a code has 16 letters and digits, in four groups of four");
    let bits = 0n;
    for (const c of letters) {
        const n = ALPHABET.indexOf(c);
        if (n < 0) throw invalid(`"${c}" does not occur in a code`);
        bits = (bits << 5n) | BigInt(n);
    }
    return unhex(bits.toString(16).padStart(20, "0"));
}

/* The other way round. */
export function formatCode(secret: Bytes): string {
    let bits = BigInt(`0x${hex(secret)}`);
    let letters = "";
    for (let i = 0; i < 16; i++, bits >>= 5n) letters = ALPHABET[Number(bits & 31n)]! + letters;
    return letters.match(/..../g)!.join("-");
}

export function pairingOf(secret: Bytes): { id: string; key: Bytes } {
    const key = sha256(secret);
    return { id: hex(hkdfExpand(key, "cardea/1 pairing id", NOTHING, 16)), key: hkdfExpand(key, "cardea/1 pairing", NOTHING, 32) };
}

export async function pair(api: Api, keys: HouseholdKeys, code: string): Promise<string> {
    const { id, key: k } = pairingOf(parseCode(code));
    const offer = await api.get<{ sign: string; box: string; mac: string }>(`/v1/pairing/${id}`, { who: "nobody" });
    const sign = unb64(offer.sign);
    const box = unb64(offer.box);
    if (!equal(hmac(k, concat(utf8("hub"), sign, box)), unb64(offer.mac)))
        throw forged("the hub's keys do not fit the code: somebody between you and the hub changed them");
    const hub = hex(sha256(sign).subarray(0, 16));
    const writer = await newSignKey();
    const key = `hub/${hub}`;
    /* Paired before: the new certificate has the new capability. */
    const { objects } = await api.get<{ objects: { key: string; version: number }[] }>(`/v1/objects?prefix=${key}`);
    const before = objects.find((o) => o.key === key)?.version ?? 0;
    const certificate = JSON.stringify({
        v: 1, hub, sign: offer.sign, box: offer.box, writer: b64(writer.public), added: new Date().toISOString(),
    });
    const envelope = await sealObject(keys.sign, key, before + 1, utf8(certificate));
    await api.send("PUT", `/v1/objects/${key}`, { body: envelope, headers: { "If-Match": `"${before}"` } });
    await api.send("POST", "/v1/capabilities", { json: { capability: b64(writer.public), role: "writer", hub } });
    const answer = JSON.stringify({
        v: 1, household: keys.id, box: b64(keys.boxPublic), sign: b64(keys.sign.public), writer: b64(writer.seed), certificate: b64(envelope),
    });
    const sealed = await boxSeal(box, "cardea/1 pairing", k, utf8(answer));
    await api.send("POST", `/v1/pairing/${id}/answer`, { who: "nobody", json: { answer: b64(sealed) } });
    await online(api, hub);
    return hub;
}

async function online(api: Api, hub: string): Promise<void> {
    for (let i = 0; i < 75; i++) {
        const { hubs } = await api.get<{ hubs: { hub: string; online: boolean }[] }>("/v1/hubs");
        if (hubs.some((h) => h.hub === hub && h.online)) return;
        await new Promise((r) => setTimeout(r, 200));
    }
    throw new CardeaError("timeout", "the hub was paired, but does not connect to the vault: look at its messages");
}

/* What is signed: for one hub, so that it is no command to any other, whoever boxes it anew. */
export const commandText = (id: Uint8Array, timeUs: number, hub: string, verb: string, args: unknown): string =>
    JSON.stringify({ id: hex(id), time: timeUs, hub, verb, args });

export async function command<T>(api: Api, keys: HouseholdKeys, hub: Hub, verb: string, args: unknown, nowMs: number): Promise<T> {
    const id = random(16);
    const message = commandText(id, Math.round(nowMs * 1000), hub.id, verb, args);
    const envelope = await seal(keys.sign, "cardea/1 command", utf8(message));
    const sealed = await boxSeal(hub.box, "cardea/1 command", unhex(hub.id), envelope);
    const response = await api.fetch("POST", `/v1/hubs/${hub.id}/commands?wait_s=25`, { body: concat(id, sealed) });
    const raw = new Uint8Array(await response.arrayBuffer());
    const reply = await openReply<T>(raw, (info, aad, sealed) => householdOpen(keys, info, aad, sealed), hub.sign, id);
    if (!reply.ok) throw new CardeaError(reply.error ?? "internal", reply.message ?? "the hub refused");
    return reply.result as T;
}

/* Tells a hub the household's present keys. It begins new epochs under them before it answers; one that has them already does nothing. */
export async function succeed(api: Api, keys: HouseholdKeys, hub: Hub, nowMs: number): Promise<{ fresh?: boolean }> {
    return command(api, keys, hub, "succeed", { succession: keys.chain.map((s) => b64(s.raw)), certificate: b64(hub.certificate) }, nowMs);
}

interface Reply<T> {
    id: string;
    ok: boolean;
    result?: T;
    error?: string;
    message?: string;
}

/* `open` opens a box to the household: a hub that has not taken its present keys answers to the former ones. */
export async function openReply<T>(raw: Bytes, open: BoxOpener, hubSign: Bytes, id: Bytes): Promise<Reply<T>> {
    const opened = await openEnvelope(await open("cardea/1 reply", id, raw), "cardea/1 reply");
    if (!equal(opened.signer, hubSign)) throw forged("the reply is not from the hub");
    const reply = JSON.parse(text(opened.body)) as Reply<T>;
    if (reply.id !== hex(id)) throw forged("the reply is to another command");
    if (typeof reply.ok !== "boolean") throw invalid("the reply: ok");
    return reply;
}
