/* The keys of a household, as each owner's copy holds them (docs/formats.md, "Household objects"; docs/keys.md, "Successor keys"). */
import { b64, equal, hex, random, text, unb64, utf8, type Bytes } from "./bytes.ts";
import { boxOpen, boxPublic, boxSeal } from "./box.ts";
import { forged, invalid } from "./errors.ts";
import { sha256 } from "./hash.ts";
import { logKeyOf } from "./log.ts";
import { makeSuccession, readChain, signersOf, SUCCESSIONS_MAX, type Succession } from "./succession.ts";
import { openObject, sealObject, signKey, type SignKey } from "./sign.ts";

const INFO = "cardea/1 household";
const NOTHING = new Uint8Array(0);

export interface HouseholdKeys {
    id: string;
    name: string;
    box: Bytes; /* secret */
    boxPublic: Bytes;
    sign: SignKey;
    log: Bytes; /* makes the tags of log entries; stays what it was over a succession */
    former: Bytes[]; /* box secrets, oldest first: they open what was sealed before */
    chain: Succession[];
}

export async function makeHouseholdKeys(name: string, id: string): Promise<HouseholdKeys> {
    const box = random(32);
    const sign = await signKey(random(32));
    return { id, name, box, boxPublic: await boxPublic(box), sign, log: logKeyOf(sign.seed), former: [], chain: [] };
}

/* Fresh keys to whom the present ones hand over. The former signing seed is in none of it. */
export async function makeSuccessor(keys: HouseholdKeys, time: number): Promise<HouseholdKeys> {
    const fresh = await makeHouseholdKeys(keys.name, keys.id);
    const raw = await makeSuccession(keys.sign, { sign: fresh.sign, box: fresh.boxPublic }, { household: keys.id, n: keys.chain.length + 1, time });
    const chain = await readChain([...keys.chain.map((s) => s.raw), raw]);
    return { ...fresh, log: keys.log, former: [...keys.former, keys.box], chain };
}

export const keysObject = (accountPublic: Uint8Array): string => `household/keys/${hex(sha256(accountPublic).subarray(0, 8))}`;

/* The object that holds the household's keys for one owner. */
export async function sealHouseholdKeys(keys: HouseholdKeys, accountPublic: Uint8Array, version = 1): Promise<{ key: string; raw: Bytes }> {
    const key = keysObject(accountPublic);
    const json = JSON.stringify({
        v: 1, id: keys.id, name: keys.name, box: b64(keys.box), sign: b64(keys.sign.seed),
        ...(keys.chain.length > 0 ? { log: b64(keys.log), former: keys.former.map(b64), succession: keys.chain.map((s) => b64(s.raw)) } : {}),
    });
    const payload = await boxSeal(accountPublic, INFO, NOTHING, utf8(json));
    return { key, raw: await sealObject(keys.sign, key, version, payload) };
}

interface Json {
    v: number;
    id: string;
    name: string;
    box: string;
    sign: string;
    log?: string;
    former?: string[];
    succession?: string[];
}

/* An owner's copy of the household's keys: the signer must be the key inside, since anybody can seal a box to an account. */
export async function openHouseholdKeys(raw: Bytes, key: string, id: string, accountSecret: Uint8Array): Promise<HouseholdKeys> {
    const { signer, payload } = await openObject(raw, key, null);
    const json = JSON.parse(text(await boxOpen(accountSecret, INFO, NOTHING, payload))) as Json;
    if (json.v !== 1) throw invalid(`${key}: v`);
    if (json.id !== id) throw forged(`${key}: of another household`);
    const sign = await signKey(unb64(json.sign));
    if (!equal(sign.public, signer)) throw forged(`${key}: signed by somebody else`);
    const box = unb64(json.box);
    const keys: HouseholdKeys = { id, name: json.name, box, boxPublic: await boxPublic(box), sign, log: logKeyOf(sign.seed), former: [], chain: [] };
    return json.succession === undefined ? keys : withFormer(keys, json, key);
}

/* What was before: as many former boxes as statements, each of them the one that its own statement names. */
async function withFormer(keys: HouseholdKeys, { log, former, succession }: Json, key: string): Promise<HouseholdKeys> {
    if (!Array.isArray(succession) || succession.length === 0 || succession.length > SUCCESSIONS_MAX) throw invalid(`${key}: succession`);
    if (!Array.isArray(former) || former.length !== succession.length) throw invalid(`${key}: former`);
    const chain = await readChain(succession.map((s) => unb64(s)));
    const last = chain.at(-1)!;
    if (last.household !== keys.id) throw forged(`${key}: its succession is another household's`);
    if (!equal(last.sign, keys.sign.public) || !equal(last.box, keys.boxPublic)) throw forged(`${key}: its succession leads to other keys`);
    const boxes = former.map((f) => unb64(f));
    for (const [i, box] of boxes.entries()) {
        if (box.length !== 32) throw invalid(`${key}: former`);
        if (i > 0 && !equal(await boxPublic(box), chain[i - 1]!.box)) throw forged(`${key}: a former key is not the one that its succession names`);
    }
    const logKey = unb64(log ?? "");
    if (logKey.length !== 32) throw invalid(`${key}: log`);
    return { ...keys, log: logKey, former: boxes, chain };
}

/* The signing keys that spoke for the household, and the one that does, oldest first. */
export const householdSigners = (keys: HouseholdKeys): Bytes[] => (keys.chain.length > 0 ? signersOf(keys.chain) : [keys.sign.public]);

/* A box to the household: to its present key or, if it was sealed before, to a former one. */
export async function householdOpen(keys: HouseholdKeys, info: string, aad: Uint8Array, sealed: Uint8Array): Promise<Bytes> {
    return tryEach([keys.box, ...keys.former.slice().reverse()], (secret) => boxOpen(secret, info, aad, sealed));
}

/* The first that does not refuse; what the first of all said when all do. */
export async function tryEach<K, T>(keys: readonly K[], open: (key: K) => Promise<T>): Promise<T> {
    let first: unknown = null;
    for (const key of keys) {
        try {
            return await open(key);
        } catch (e) {
            first ??= e;
        }
    }
    throw first;
}
