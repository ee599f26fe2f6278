/* Removing an owner: new keys, everything follows them, and nothing that the former ones can do is believed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { boxPublic } from "../shared/box.ts";
import { b64, equal, hex, random, unb64, utf8, type Bytes } from "../shared/bytes.ts";
import { CardeaError } from "../shared/errors.ts";
import { issueGrant, readGrant } from "../shared/grant.ts";
import { openHouseholdKeys, keysObject, makeSuccessor, sealHouseholdKeys, householdOpen } from "../shared/householdkeys.ts";
import { Household } from "../shared/household.ts";
import { answered, offer } from "../shared/join.ts";
import { openEnvelope, openObject, sealObject, signKey } from "../shared/sign.ts";
import { makeSuccession, readChain, SUCCESSIONS_MAX } from "../shared/succession.ts";
import { camera, HOUSE, Kept, type Device, type Owner } from "./kept.ts";
import { MadeObjects } from "./madevault.ts";

const HUB = (v: Kept): string => [...v.objects.keys()].find((k) => k.startsWith("hub/"))!;
const signerOf = async (v: Kept, key: string): Promise<Bytes> => (await openObject(v.objects.get(key)!.raw, key, null)).signer;
const forged = (work: Promise<unknown>, words: RegExp): Promise<void> => assert.rejects(work, (e: Error) => e instanceof CardeaError && e.word === "forged" && words.test(e.message));

/* Somebody who is let in as an owner, and the device that they use. */
async function owner(v: Kept, name: string): Promise<Owner> {
    const invited = await v.members.invite({ name, role: "owner", cameras: [], past: true, export: true });
    const account = { box: random(32), sign: random(32) };
    const code = /#join=([0-9A-Z-]+)/.exec(invited.link)![1]!;
    await offer(v.api, code, account);
    await v.members.complete();
    const home = (await answered(v.api, code, account, new AbortController().signal))!;
    return { account, capability: (await signKey(home.capability)).public, name, memory: new MadeObjects() };
}

const share = (d: Device, name: string) => d.grants.share({ cameras: [camera(1)], from: 1000, to: 2 ** 32 - 1, live: true, export: false, expires: 2 ** 32 - 1, name });
const keyOf = async (d: Device, name: string): Promise<string> => (await d.members.list()).people.find((p) => p.name === name)!.key;

/* A home of three owners with a link; Ben goes. */
async function three(): Promise<{ v: Kept; ada: Device; ben: Owner; eve: Owner; link: string }> {
    const v = await Kept.make();
    const [ben, eve] = [await owner(v, "Ben"), await owner(v, "Eve")];
    const ada = await v.device(v.ada);
    const link = await share(ada, "Grandma");
    return { v, ada, ben, eve, link: link.id };
}

/* What is true when nothing is left to be done. */
async function settled(v: Kept, ben: Owner, link: string): Promise<void> {
    const ada = await v.device(v.ada);
    assert.equal(await ada.succession.goOn(), null);
    const { keys } = ada.household;
    assert.equal(keys.chain.length, 1);
    assert.deepEqual([v.told!.sign, v.told!.box, v.told!.succession.length], [b64(keys.sign.public), b64(keys.boxPublic), 1]);
    assert.deepEqual(v.hubKnows, { sign: keys.sign.public, box: keys.boxPublic });
    for (const key of v.objects.keys()) if (!key.startsWith("camera/")) assert.deepEqual(await signerOf(v, key), keys.sign.public, key);
    assert.equal(v.objects.has(keysObject(await boxPublic(ben.account.box))), false);
    assert.ok(v.gone.includes(hex(ben.capability)));
    assert.deepEqual((await ada.members.list()).people.map((p) => p.name), ["Eve"]);
    assert.deepEqual((await ada.members.list()).gone, []);
    const [grant] = (await ada.grants.list()).filter((g) => g.id === link);
    assert.deepEqual([grant!.former, grant!.note!.name, grant!.link !== null], [false, "Grandma", true]);
    assert.ok(grant!.note!.epochs[camera(1)]!.includes(v.epochs), "with the new epoch's keys");
}

test("an owner goes: all that is the household's is under new keys, which the others have and the one who went has not", async () => {
    const { v, ada, ben, eve, link } = await three();
    const open = await v.members.invite({ name: "Carl", role: "viewer", cameras: [camera(1)], past: false, export: false });
    const before = (await v.device(ben)).household.keys;
    assert.deepEqual((await ada.members.list()).people.map((p) => p.name), ["Ben", "Eve"], "one's own entry is not shown");
    assert.deepEqual(await ada.members.remove(await keyOf(ada, "Ben")), { left: null, rest: null });
    assert.deepEqual([...new Set(ada.steps)], ["end", "keys", "vault", "objects", "hubs", "grants", "done"]);
    await settled(v, ben, link);
    assert.equal(v.objects.has(open.key), false, "a code that Ben has seen lets nobody in");
    /* The former keys open nothing of what comes. */
    const root = v.objects.get(`camera/${camera(1)}/root/${v.epochs}`)!.raw;
    const aad = new Uint8Array([...new Uint8Array(16).fill(1), 0, 0, 0, v.epochs]);
    const { payload } = await openObject(root, `camera/${camera(1)}/root/${v.epochs}`, null);
    await forged(householdOpen(before, "cardea/1 root", aad, payload), /somebody else/);
    assert.equal((await householdOpen(ada.household.keys, "cardea/1 root", aad, payload)).length > 0, true);
    /* Eve goes on, from the keys that she knew; what was sealed before opens for her too. */
    const hers = await v.device(eve);
    assert.deepEqual(hers.household.keys.sign.seed, ada.household.keys.sign.seed);
    assert.deepEqual(hers.household.keys.log, before.log);
    assert.equal((await hers.household.timeKeys(camera(1), 1)).nodes.length, 1);
    assert.equal((await hers.household.timeKeys(camera(1), v.epochs)).nodes.length, 1);
    assert.deepEqual(hers.household.problems, []);
});

test("a device that was open all the while goes on with the new keys by itself", async () => {
    const { v, ada, eve, link } = await three();
    const hers = await v.device(eve);
    await ada.members.remove(await keyOf(ada, "Ben"));
    await hers.household.refresh();
    assert.deepEqual(hers.household.keys.sign.public, ada.household.keys.sign.public);
    assert.deepEqual(hers.household.problems, []);
    const made = await share(hers, "Neighbor");
    assert.equal((await hers.grants.list()).find((g) => g.id === made.id)!.former, false);
    assert.equal(await hers.grants.revoke(link), null);
});

test("an owner who was invited removes another: whoever made the home has the new keys too", async () => {
    const { v, ben, eve } = await three();
    const hers = await v.device(eve);
    assert.deepEqual((await hers.members.list()).people.map((p) => p.name).sort(), ["Ada", "Ben"]);
    assert.equal((await hers.members.remove(await keyOf(hers, "Ben"))).rest, null);
    const adas = await v.device(v.ada);
    assert.deepEqual(adas.household.keys.sign.public, hers.household.keys.sign.public);
    await assert.rejects(v.device(ben), (e: CardeaError) => e.word === "no_key");
    await assert.rejects(hers.members.remove(await keyOf(adas, "Eve")), /that is you/);
});

test("cut off anywhere, it is gone on with to the same end", async () => {
    const all = await three();
    const before = all.v.writes.length;
    await all.ada.members.remove(await keyOf(all.ada, "Ben"));
    const writes = all.v.writes.length - before;
    assert.ok(writes > 12, `${writes} writes`);
    for (let at = 0; at < writes; at++) {
        const { v, ada, ben, link } = await three();
        const key = await keyOf(ada, "Ben");
        v.cut = v.writes.length + at;
        await ada.members.remove(key).then((r) => assert.notEqual(r.rest, null, `cut at ${at}, and nobody said so`), () => undefined);
        v.cut = -1;
        /* The app is opened again. Before there are new keys somebody has to say again that Ben goes. */
        const again = await v.device(v.ada);
        if (again.household.keys.chain.length === 0) await again.members.remove(key);
        else await again.succession.goOn();
        await settled(v, ben, link);
    }
});

test("another owner's device goes on where the one that began was cut off", async () => {
    const whole = await three();
    const before = whole.v.writes.length;
    await whole.ada.members.remove(await keyOf(whole.ada, "Ben"));
    const writes = whole.v.writes.slice(before);
    const first = writes.findIndex((w) => w === "PUT /v1/household");
    assert.ok(first > 0);
    for (let at = first; at < writes.length; at++) {
        const { v, ada, ben, eve, link } = await three();
        await v.device(eve); /* she has seen what there was */
        await (await v.device(eve)).members.list();
        const key = await keyOf(ada, "Ben");
        v.cut = v.writes.length + at;
        await ada.members.remove(key).catch(() => undefined);
        v.cut = -1;
        const again = await v.device(eve);
        const rest = await again.succession.goOn();
        /* Who is an owner was written by a key that Ben has: what Ada's device did not sign again she is told of, and all else has followed. */
        const people = (k: string): boolean => k.startsWith("member/") || k.startsWith("household/keys/");
        assert.ok((rest?.problems ?? []).every((p) => p.startsWith("member/") || /invite them again/.test(p)), rest?.problems.join());
        for (const k of v.objects.keys()) if (!k.startsWith("camera/") && !people(k)) assert.deepEqual(await signerOf(v, k), again.household.keys.sign.public, k);
        assert.deepEqual(v.hubKnows.sign, again.household.keys.sign.public);
        assert.equal(v.objects.has(keysObject(await boxPublic(ben.account.box))), false);
        assert.equal((await again.grants.list()).some((g) => g.id === link), true);
    }
});

test("what was begun and not done is done by another device, a minute later", async () => {
    const { v, ada, ben, eve } = await three();
    const writes = v.writes.length;
    const key = await keyOf(ada, "Ben");
    v.cut = writes + 3; /* begun, marked, and the capability is gone */
    await assert.rejects(ada.members.remove(key));
    v.cut = -1;
    const hers = await v.device(eve);
    assert.equal(await hers.succession.goOn(), null);
    assert.equal(hers.household.keys.chain.length, 0, "Ada's device may be at it");
    v.now += 59;
    await hers.succession.goOn();
    assert.equal(hers.household.keys.chain.length, 0);
    v.now += 1;
    await hers.succession.goOn();
    assert.equal(hers.household.keys.chain.length, 1);
    assert.deepEqual((await hers.members.list()).people.map((p) => p.name), ["Ada"]);
    assert.equal(v.objects.has(keysObject(await boxPublic(ben.account.box))), false);
});

test("a hub that is away is said by its cameras' names, and gets the keys when it is back", async () => {
    const { v, ada, ben, link } = await three();
    v.hubAway = true;
    const { rest } = await ada.members.remove(await keyOf(ada, "Ben"));
    assert.deepEqual(rest!.hubs.map((h) => h.cameras), [["Porch"]]);
    assert.deepEqual((await ada.members.list()).gone, ["Ben"]);
    const epochs = v.epochs;
    assert.deepEqual((await ada.succession.goOn())!.hubs.length, 1);
    v.hubAway = false;
    assert.equal(await ada.succession.goOn(), null);
    assert.equal(v.epochs, epochs + 1, "told once");
    await ada.grants.tend();
    await settled(v, ben, link);
});

test("what a former key signs afterwards is not signed again, not tended, and said", async () => {
    const { v, ada, ben, eve } = await three();
    const bens = await v.device(ben);
    const stale = await share(bens, "Ben's friend");
    await ada.members.remove(await keyOf(ada, "Ben"));
    /* With the vault, Ben lists a grant that nobody has seen, and brings back a hub's certificate and a person. */
    const { keys } = bens.household;
    const other = await share(bens, "Another").catch(() => null);
    assert.equal(other, null, "their device is told that the vault has other keys");
    const { statement } = await readGrant(unb64(v.grants.get(stale.id)!.grant));
    const raw = await issueGrant({ ...statement, id: "0d".repeat(16), time: statement.time + 5 }, keys.sign, { v: 1, household: "Home", cameras: {}, hubs: [] }, []);
    v.grants.set("0d".repeat(16), { grant: b64(raw), note: "", puts: 0 });
    const hub = HUB(v);
    const version = v.objects.get(hub)!.version;
    v.objects.set(hub, { version: version + 1, raw: await sealObject(keys.sign, hub, version + 1, utf8("{}")) });
    const hers = await v.device(eve);
    await hers.succession.goOn();
    assert.deepEqual(hers.household.hubs, [], "a certificate by a former key is none");
    assert.match(hers.household.problems.join(), /signed by somebody else/);
    assert.ok(equal(await signerOf(v, hub), keys.sign.public), "and is not signed again");
    await hers.grants.tend();
    const list = await hers.grants.list();
    assert.deepEqual(list.filter((g) => g.former).map((g) => g.id), ["0d".repeat(16)]);
    assert.equal(v.grants.get("0d".repeat(16))!.puts, 0);
    await hers.grants.end("0d".repeat(16));
    assert.ok(v.revoked.includes("0d".repeat(16)));
});

/* Ben's entry as it stood before he was marked as leaving. The vault has it again, from right after the mark on. */
async function unmarked(v: Kept, key: string): Promise<() => Promise<void>> {
    const before = v.objects.get(key)!;
    return async () => void v.objects.set(key, before);
}

test("who leaves gets no new keys, though the vault takes back that they leave", async () => {
    const { v, ada, ben } = await three();
    const key = await keyOf(ada, "Ben");
    const back = await unmarked(v, key);
    const bens = keysObject(await boxPublic(ben.account.box));
    const introduce = ada.grants.introduce.bind(ada.grants); /* the step after the mark, and the one after the keys */
    ada.grants.introduce = async () => back().then(introduce);
    const { rest } = await ada.members.remove(key);
    assert.equal(v.objects.has(bens), false, "keys for Ben");
    assert.match(rest!.problems.join(), new RegExp(`${key}:`), "and it is said");
    assert.equal(equal(await signerOf(v, key), ada.household.keys.sign.public), false);
});

test("a share that was ended is not given again, though the vault forgets that it was", async () => {
    const { v, ada, link } = await three();
    await ada.grants.end(link);
    v.revoked.splice(0);
    const before = v.grants.get(link)!.puts;
    const { rest } = await ada.members.remove(await keyOf(ada, "Ben"));
    assert.equal(v.grants.get(link)!.puts, before);
    assert.match(rest!.problems.join(), /as if you had not ended it/);
});

test("another device gives no keys to whom a former key alone calls an owner", async () => {
    const { v, ada, ben, eve } = await three();
    await (await v.device(eve)).members.list();
    const key = await keyOf(ada, "Ben");
    const back = await unmarked(v, key);
    await ada.members.remove(key);
    await back();
    v.objects.delete("household/succession");
    const hers = await v.device(eve);
    await hers.succession.goOn();
    assert.equal(v.objects.has(keysObject(await boxPublic(ben.account.box))), false, "keys for Ben");
    assert.equal(equal(await signerOf(v, key), hers.household.keys.sign.public), false, "or a word of the new key for him");
});

test("keys to which no chain leads from those that a device has seen are refused", async () => {
    const { v, ada, ben, eve } = await three();
    await v.device(eve);
    const bens = await v.device(ben);
    await ada.members.remove(await keyOf(ada, "Ben"));
    const hers = await v.device(eve);
    /* Ben's own succession, by the key that was: Eve has seen the one that holds. */
    const rival = await makeSuccessor(bens.household.keys, 5);
    const key = keysObject(await boxPublic(eve.account.box));
    const { version } = v.objects.get(key)!;
    v.objects.set(key, { version: version + 1, raw: (await sealHouseholdKeys(rival, await boxPublic(eve.account.box), version + 1)).raw });
    await forged(hers.household.refresh(), /another key than this device has seen/);
    await forged(v.device(eve), /another key than this device has seen/);
    /* A device that has seen nothing knows who invited it. */
    const fresh = { ...eve, memory: new MadeObjects() };
    await forged(Household.open(v.api, HOUSE, fresh.account.box, fresh.memory, ada.household.keys.sign.public), /not the keys of the household that you were invited to/);
});

test("the copy of the keys says what it must of former ones", async () => {
    const v = await Kept.make();
    let keys = v.household.keys;
    const account = random(32);
    const pub = await boxPublic(account);
    const opened = async (k: typeof keys) => {
        const { key, raw } = await sealHouseholdKeys(k, pub);
        return openHouseholdKeys(raw, key, HOUSE, account);
    };
    for (let n = 1; n <= SUCCESSIONS_MAX; n++) keys = await makeSuccessor(keys, n);
    const held = await opened(keys);
    assert.deepEqual([held.former.length, held.chain.length, hex(held.log)], [64, 64, hex(v.household.keys.log)]);
    await assert.rejects(makeSuccessor(keys, 65), (e: CardeaError) => e.word === "limit");
    await assert.rejects(opened({ ...keys, former: keys.former.slice(1) }), /former/);
    await forged(opened({ ...keys, former: [...keys.former.slice(0, -1), random(32)] }), /former key is not the one/);
    await forged(opened({ ...keys, chain: keys.chain.slice(0, -1), former: keys.former.slice(0, -1) }), /leads to other keys/);
    await assert.rejects(opened({ ...keys, log: random(31) }), /log/);
});

test("a statement is read strictly", async () => {
    const v = await Kept.make();
    const { sign } = v.household.keys;
    const next = { sign: await signKey(random(32)), box: random(32) };
    const good = await makeSuccession(sign, next, { household: HOUSE, n: 1, time: 7 });
    assert.equal((await readChain([good]))[0]!.time, 7);
    await assert.rejects(makeSuccession(sign, next, { household: HOUSE, n: 0, time: 7 }), (e: CardeaError) => e.word === "limit");
    await assert.rejects(makeSuccession(sign, next, { household: HOUSE, n: SUCCESSIONS_MAX + 1, time: 7 }), (e: CardeaError) => e.word === "limit");
    await assert.rejects(readChain(Array.from({ length: SUCCESSIONS_MAX + 1 }, () => good)), (e: CardeaError) => e.word === "limit");
    await forged(readChain([good, good]), /stands where 2 must/);
    for (let i = 0; i < good.length; i++) {
        const bad = good.slice();
        bad[i]! ^= 1;
        await assert.rejects(readChain([bad]), `byte ${i}`);
    }
    assert.ok((await openEnvelope(good, "cardea/1 succession")).body.length > 0);
});
