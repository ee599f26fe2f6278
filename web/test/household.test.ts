/* What an owner's software believes of its household's objects, and of whom. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { boxPublic, boxSeal } from "../shared/box.ts";
import { b64, concat, hex, random, u32, unhex, utf8, type Bytes } from "../shared/bytes.ts";
import { CardeaError } from "../shared/errors.ts";
import { sha256 } from "../shared/hash.ts";
import type { Api } from "../shared/api.ts";
import type { Memory, Seen } from "../shared/device.ts";
import { checkMarkHub, Household, openProfile, openRoot, recall, type Hub } from "../shared/household.ts";
import { makeHouseholdKeys, sealHouseholdKeys, type HouseholdKeys } from "../shared/householdkeys.ts";
import { newSignKey, sealObject, type SignKey } from "../shared/sign.ts";
import { encodeSet } from "../shared/timekey.ts";

const CAMERA = "ca".repeat(16);
const PROFILE = `camera/${CAMERA}/profile`;
const ROOT = `camera/${CAMERA}/root/3`;

const forged = (what: RegExp) => (e: unknown): boolean => e instanceof CardeaError && e.word === "forged" && what.test(e.message);

interface Home {
    keys: HouseholdKeys;
    own: SignKey;
    other: SignKey;
    hubs: Hub[];
}

const idOf = (k: SignKey): string => hex(sha256(k.public).subarray(0, 16));

async function home(): Promise<Home> {
    const keys = await makeHouseholdKeys("home", "0a".repeat(16));
    const [own, other] = [await newSignKey(), await newSignKey()];
    const hub = (k: SignKey): Hub => ({ id: idOf(k), sign: k.public, box: random(32), writer: b64(random(32)), added: "2026-01-01T00:00:00.000Z", certificate: random(8) });
    return { keys, own, other, hubs: [hub(own), hub(other)] };
}

async function profile(h: Home, by: SignKey, names: SignKey, version = 1): Promise<Bytes> {
    const json = JSON.stringify({ v: 1, kind: "main", name: "porch", hub: idOf(names) });
    return sealObject(by, PROFILE, version, await boxSeal(h.keys.boxPublic, "cardea/1 profile", unhex(CAMERA), utf8(json)));
}

async function root(h: Home, by: SignKey): Promise<Bytes> {
    const set = encodeSet([{ depth: 0, first: 0, key: random(32) }]);
    return sealObject(by, ROOT, 1, await boxSeal(h.keys.boxPublic, "cardea/1 root", concat(unhex(CAMERA), u32(3)), set));
}

test("a profile is the hub's that it names", async () => {
    const h = await home();
    const open = async (by: SignKey, names: SignKey) => openProfile(await profile(h, by, names), PROFILE, h.keys, h.hubs);
    assert.equal((await open(h.own, h.own)).profile.hub, idOf(h.own));
    await assert.rejects(open(h.other, h.own), forged(/another hub than it names/));
    await assert.rejects(open(h.own, h.other), forged(/another hub than it names/));
    await assert.rejects(open(h.keys.sign, h.own), forged(/signed by somebody else/));
    await assert.rejects(open(await newSignKey(), h.own), forged(/signed by somebody else/));
});

test("a root is the camera's hub's or the household's", async () => {
    const h = await home();
    const open = async (by: SignKey) => openRoot(await root(h, by), CAMERA, 3, h.keys, h.hubs[0]!);
    assert.equal((await open(h.own)).nodes.length, 1);
    assert.equal((await open(h.keys.sign)).nodes.length, 1);
    await assert.rejects(open(h.other), forged(/signed by somebody else/));
    await assert.rejects(openRoot(await root(h, h.own), CAMERA, 3, h.keys, null), forged(/signed by somebody else/));
});

test("a mark is the camera's hub's", async () => {
    const h = await home();
    assert.equal(checkMarkHub(h.hubs[0]!, h.own.public), h.hubs[0]);
    assert.throws(() => checkMarkHub(h.hubs[0]!, h.other.public), forged(/another hub than the camera's/));
    assert.throws(() => checkMarkHub(null, h.own.public), forged(/another hub than the camera's/));
});

class Remembered implements Memory {
    kept = new Map<string, Seen>();
    get = async (name: string) => this.kept.get(name);
    put = async (name: string, seen: Seen) => void this.kept.set(name, seen);
}

test("an older version is refused by name, whoever signed it", async () => {
    const memory = new Remembered();
    const [a, b] = [random(32), random(32)];
    const see = (key: string, version: number, signer: Bytes, household = "0a".repeat(16)) => recall(memory, household, key, { version, signer });
    await see("hub/00", 3, a);
    await see("hub/00", 3, a);
    await assert.rejects(see("hub/00", 2, a), forged(/^hub\/00: the vault sent version 2, and this device has seen version 3/));
    await see("hub/00", 4, a);
    await assert.rejects(see("hub/00", 3, a), forged(/version 3/));
    await see("hub/00", 1, a, "0b".repeat(16)); /* another household's */
    await see(ROOT, 1, a);
    await see(ROOT, 2, b); /* shredded by the household */
    await assert.rejects(see(ROOT, 1, a), forged(/root\/3/));
    for (const key of [PROFILE, "household/keys/00"]) {
        await see(key, 1, a);
        await assert.rejects(see(key, 2, b), forged(/another key than this device has seen/));
        await assert.rejects(see(key, 1, b), forged(/another key than this device has seen/));
        await see(key, 2, a);
    }
    assert.ok([...memory.kept.keys()].every((k) => !/camera|hub|household/.test(k)), "names tell nothing");
});

/* A vault of three objects, which a test can put back. */
class Vault {
    objects = new Map<string, { version: number; raw: Bytes }>();
    api = {
        get: async (path: string) => {
            const prefix = decodeURIComponent(path.split("prefix=")[1]!);
            return { objects: [...this.objects].filter(([k]) => k.startsWith(prefix)).map(([key, o]) => ({ key, version: o.version, bytes: o.raw.length })) };
        },
        bytes: async (path: string) => this.objects.get(path.slice("/v1/objects/".length))!.raw,
    } as unknown as Api;
}

async function certificate(h: Home, version: number): Promise<Bytes> {
    const json = JSON.stringify({ v: 1, hub: idOf(h.own), sign: b64(h.own.public), box: b64(random(32)), writer: b64(random(32)), added: "2026-01-01T00:00:00.000Z" });
    return sealObject(h.keys.sign, `hub/${idOf(h.own)}`, version, utf8(json));
}

test("a vault that goes back is noticed by a device that saw more, and by no new one", async () => {
    const h = await home();
    const account = random(32);
    const keys = await sealHouseholdKeys(h.keys, await boxPublic(account));
    const vault = new Vault();
    const put = (key: string, version: number, raw: Bytes) => void vault.objects.set(key, { version, raw });
    put(keys.key, 1, keys.raw);
    put(`hub/${idOf(h.own)}`, 2, await certificate(h, 2));
    put(PROFILE, 5, await profile(h, h.own, h.own, 5));
    const memory = new Remembered();
    const look = async (m: Memory) => {
        const household = await Household.open(vault.api, h.keys.id, account, m);
        await household.refresh();
        return { cameras: household.cameras.length, problems: household.problems };
    };
    assert.deepEqual(await look(memory), { cameras: 1, problems: [] });
    put(PROFILE, 4, await profile(h, h.own, h.own, 4));
    const { cameras, problems } = await look(memory);
    assert.equal(cameras, 0);
    assert.match(problems.join(), new RegExp(`^${PROFILE}: .*version 4, and this device has seen version 5`));
    assert.deepEqual(await look(new Remembered()), { cameras: 1, problems: [] });
    put(PROFILE, 5, await profile(h, h.own, h.own, 5));
    put(`hub/${idOf(h.own)}`, 1, await certificate(h, 1));
    assert.match((await look(memory)).problems.join(), new RegExp(`hub/${idOf(h.own)}: .*version 1, and this device has seen version 2`));
    /* Household keys that the vault made up: anybody can seal a box to an account. */
    const made = await sealHouseholdKeys(await makeHouseholdKeys("home", h.keys.id), await boxPublic(account));
    put(made.key, 1, made.raw);
    await assert.rejects(look(memory), forged(/^household\/keys\/.*another key than this device has seen/));
});
