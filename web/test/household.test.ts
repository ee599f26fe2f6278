/* What an owner's software believes of its household's objects, and of whom. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { boxSeal } from "../shared/box.ts";
import { b64, concat, hex, random, u32, unhex, utf8, type Bytes } from "../shared/bytes.ts";
import { CardeaError } from "../shared/errors.ts";
import { sha256 } from "../shared/hash.ts";
import { checkMarkHub, makeHouseholdKeys, openProfile, openRoot, type Hub, type HouseholdKeys } from "../shared/household.ts";
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
