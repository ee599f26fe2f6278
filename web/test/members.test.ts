/* Invitations, and tending: against a vault in memory. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { boxPublic } from "../shared/box.ts";
import { b64, random, unb64, type Bytes } from "../shared/bytes.ts";
import { CardeaError } from "../shared/errors.ts";
import { readGrant } from "../shared/grant.ts";
import { Household } from "../shared/household.ts";
import { answered, offer } from "../shared/join.ts";
import { FOREVER } from "../shared/limits.ts";
import { signKey } from "../shared/sign.ts";
import { camera, HOUSE, Kept, NOW } from "./kept.ts";

const guest = (): { box: Bytes; sign: Bytes } => ({ box: random(32), sign: random(32) });
const codeOf = (link: string): string => /#join=([0-9A-Z-]+)&signup=AAAA-BBBB-CCCC-DDDD$/.exec(link)![1]!;
const wait = (v: Kept, code: string, who: { box: Bytes; sign: Bytes }) => answered(v.api, code, who, new AbortController().signal);

test("a viewer is invited, comes, and gets the cameras that were chosen, from now on", async () => {
    const v = await Kept.make();
    await v.addCamera(2, "Hall");
    await v.household.refresh();
    const invited = await v.members.invite({ name: "Ben", role: "viewer", cameras: [camera(1)], past: false, export: false });
    const ben = guest();
    const code = codeOf(invited.link);
    assert.deepEqual(await v.members.complete(), [], "nobody came yet");
    await offer(v.api, code, ben);
    assert.equal(await wait(v, code, ben), null, "and nobody answered");
    assert.deepEqual(await v.members.complete(), ["Ben"]);
    const home = await wait(v, code, ben);
    assert.equal(home!.role, "viewer");
    assert.equal(home!.id, HOUSE);
    assert.deepEqual(home!.sign, v.keys.sign.public);
    assert.equal(home!.capability.length, 0);
    assert.deepEqual(await v.opens(home!.grant!, ben), { cameras: [camera(1)], epochs: ["01/1"], names: ["Porch"] });
    const { statement } = await readGrant(unb64(v.grants.get(home!.grant!)!.grant));
    assert.deepEqual([statement.from, statement.to, statement.expires, statement.export, statement.role], [NOW, FOREVER, FOREVER, false, "viewer"]);
    const list = await v.members.list();
    assert.deepEqual([list.invited.length, list.people.map((p) => [p.name, p.role])], [0, [["Ben", "viewer"]]]);
});

test("who is let in again keeps nothing of what was given before", async () => {
    const v = await Kept.make();
    await v.household.refresh();
    const ben = guest();
    const first = await v.members.invite({ name: "Ben", role: "member", cameras: [], past: true, export: true });
    await offer(v.api, codeOf(first.link), ben);
    assert.deepEqual(await v.members.complete(), ["Ben"]);
    const before = (await wait(v, codeOf(first.link), ben))!.grant!;
    assert.deepEqual(v.revoked, []);
    const second = await v.members.invite({ name: "Ben", role: "viewer", cameras: [camera(1)], past: false, export: false });
    await offer(v.api, codeOf(second.link), ben);
    assert.deepEqual(await v.members.complete(), ["Ben"]);
    assert.deepEqual(v.revoked, [before]);
    assert.notEqual((await wait(v, codeOf(second.link), ben))!.grant, before);
    assert.deepEqual((await v.members.list()).people.map((p) => [p.name, p.role]), [["Ben", "viewer"]]);
});

test("an owner gets a capability of their own and the household's keys", async () => {
    const v = await Kept.make();
    const invited = await v.members.invite({ name: "Eve", role: "owner", cameras: [], past: true, export: true });
    const eve = guest();
    await offer(v.api, codeOf(invited.link), eve);
    await v.members.complete();
    const home = (await wait(v, codeOf(invited.link), eve))!;
    assert.equal(home.role, "owner");
    assert.equal(v.capabilities[0]!["role"], "owner");
    assert.equal(b64((await signKey(home.capability)).public), v.capabilities[0]!["capability"]);
    const theirs = await Household.open(v.api, HOUSE, eve.box, { get: async () => undefined, put: async () => undefined });
    assert.deepEqual(theirs.keys.sign.seed, v.keys.sign.seed);
});

test("keys that were changed on the way are not let in, and that is said", async () => {
    const v = await Kept.make();
    const invited = await v.members.invite({ name: "Ben", role: "member", cameras: [], past: false, export: true });
    await offer(v.api, codeOf(invited.link), guest());
    const [id, p] = [...v.pairing][0]!;
    v.pairing.set(id, { ...p, box: b64(await boxPublic(random(32))) });
    assert.deepEqual(await v.members.complete(), []);
    assert.match((await v.members.list()).invited[0]!.problem!, /without its code/);
    assert.equal(v.grants.size, 0);
});

test("an invitation ends after a week", async () => {
    const v = await Kept.make();
    const invited = await v.members.invite({ name: "Ben", role: "member", cameras: [], past: false, export: true });
    await offer(v.api, codeOf(invited.link), guest());
    v.now = NOW + 7 * 86_400 + 1;
    assert.deepEqual(await v.members.complete(), []);
    assert.deepEqual((await v.members.list()).invited, []);
});

test("tending: a new epoch's keys go to who may look, a new camera to members alone, and nothing twice", async () => {
    const v = await Kept.make();
    const let_in = async (role: "member" | "viewer"): Promise<{ who: ReturnType<typeof guest>; grant: string }> => {
        const who = guest();
        const { link } = await v.members.invite({ name: role, role, cameras: [camera(1)], past: true, export: true });
        await offer(v.api, codeOf(link), who);
        await v.members.complete();
        return { who, grant: (await wait(v, codeOf(link), who))!.grant! };
    };
    const member = await let_in("member");
    const viewer = await let_in("viewer");
    assert.equal(await v.makes.tend(), 0, "all have what there is");
    await v.epoch(1, 2);
    assert.equal(await v.makes.tend(), 2);
    assert.deepEqual((await v.opens(viewer.grant, viewer.who)).epochs, ["01/1", "01/2"]);
    await v.addCamera(2, "Hall");
    assert.equal(await v.makes.tend(), 1);
    assert.deepEqual(await v.opens(member.grant, member.who), { cameras: [camera(1), camera(2)], epochs: ["01/1", "01/2", "02/1"], names: ["Porch", "Hall"] });
    assert.deepEqual((await v.opens(viewer.grant, viewer.who)).cameras, [camera(1)]);
    assert.equal(await v.makes.tend(), 0);
    assert.deepEqual([v.grants.get(member.grant)!.puts, v.grants.get(viewer.grant)!.puts], [2, 1]);
});

test("a list that the vault made up is refused", async () => {
    const v = await Kept.make();
    const other = await Kept.make();
    await other.makes.share({ cameras: [camera(1)], from: NOW - 60, to: NOW, live: false, export: true, expires: NOW + 60 });
    v.grants.set(...[...other.grants][0]!);
    await assert.rejects(v.makes.list(), /did not make/);
});

test("a share of a time whose keys are gone says so", async () => {
    const v = await Kept.make();
    v.objects.delete(`camera/${camera(1)}/root/1`);
    await assert.rejects(v.makes.share({ cameras: [camera(1)], from: NOW - 60, to: NOW, live: false, export: true, expires: NOW + 60 }), (e: CardeaError) => e.word === "no_key");
});
