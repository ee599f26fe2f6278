/* Invitations, and tending: against a vault in memory that keeps what it is given and checks nothing, as a hostile one may. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Api } from "../shared/api.ts";
import { boxPublic, boxSeal } from "../shared/box.ts";
import { b64, concat, hex, random, u32, unb64, unhex, utf8, type Bytes } from "../shared/bytes.ts";
import { CardeaError } from "../shared/errors.ts";
import { openGrantBox, readAbout, readGrant } from "../shared/grant.ts";
import { Grants } from "../shared/grants.ts";
import { sha256 } from "../shared/hash.ts";
import { Household, makeHouseholdKeys, sealHouseholdKeys, type HouseholdKeys } from "../shared/household.ts";
import { answered, offer } from "../shared/join.ts";
import { FOREVER } from "../shared/limits.ts";
import { Members } from "../shared/members.ts";
import { newSignKey, sealObject, signKey, type SignKey } from "../shared/sign.ts";
import { encodeSet } from "../shared/timekey.ts";

const NOW = 1_790_000_000;
const HOUSE = "0a".repeat(16);
const camera = (n: number): string => n.toString(16).padStart(2, "0").repeat(16);

class Kept {
    readonly objects = new Map<string, { version: number; raw: Bytes }>();
    readonly pairing = new Map<string, Record<string, string>>();
    readonly grants = new Map<string, { grant: string; note: string; puts: number }>();
    readonly capabilities: Record<string, string>[] = [];
    readonly revoked: string[] = [];
    keys!: HouseholdKeys;
    hub!: SignKey;
    account = { box: random(32), sign: random(32) };
    household!: Household;
    members!: Members;
    makes!: Grants;
    now = NOW;

    static async make(): Promise<Kept> {
        const v = new Kept();
        v.keys = await makeHouseholdKeys("Home", HOUSE);
        v.hub = await newSignKey();
        const own = await sealHouseholdKeys(v.keys, await boxPublic(v.account.box));
        v.objects.set(own.key, { version: 1, raw: own.raw });
        const id = hex(sha256(v.hub.public).subarray(0, 16));
        const certificate = JSON.stringify({ v: 1, hub: id, sign: b64(v.hub.public), box: b64(random(32)), writer: b64(random(32)), added: "2026-01-01T00:00:00Z" });
        v.objects.set(`hub/${id}`, { version: 1, raw: await sealObject(v.keys.sign, `hub/${id}`, 1, utf8(certificate)) });
        await v.addCamera(1, "Porch");
        v.household = await Household.open(v.api, HOUSE, v.account.box, { get: async () => undefined, put: async () => undefined });
        await v.household.refresh();
        v.makes = new Grants(v.api, v.household, () => v.now, "https://vault", async () => ({ log: unb64((await v.api.get<{ log_key: string }>("/v1/vault")).log_key) }));
        v.members = new Members(v.api, v.household, v.makes, () => v.now, "https://vault");
        return v;
    }

    private async put(key: string, signer: SignKey, info: string, aad: Bytes, plain: Bytes): Promise<void> {
        this.objects.set(key, { version: 1, raw: await sealObject(signer, key, 1, await boxSeal(this.keys.boxPublic, info, aad, plain)) });
    }

    async addCamera(n: number, name: string): Promise<void> {
        const id = camera(n);
        const profile = { v: 1, kind: "main", name, sub: null, hub: hex(sha256(this.hub.public).subarray(0, 16)), indoor: false, audio: false, added: `2026-01-0${n}T00:00:00Z`, retention_days: 30 };
        await this.put(`camera/${id}/profile`, this.hub, "cardea/1 profile", unhex(id), utf8(JSON.stringify(profile)));
        await this.epoch(n, 1);
    }

    epoch(n: number, epoch: number): Promise<void> {
        const id = camera(n);
        const set = encodeSet([{ depth: 0, first: 0, key: sha256(utf8(`${id}/${epoch}`)) }]);
        return this.put(`camera/${id}/root/${epoch}`, this.hub, "cardea/1 root", concat(unhex(id), u32(epoch)), set);
    }

    private get(path: string): unknown {
        const [name = "", query] = path.split("?");
        if (name === "/v1/objects") {
            const prefix = new URLSearchParams(query).get("prefix") ?? "";
            return { objects: [...this.objects].filter(([k]) => k.startsWith(prefix)).map(([key, o]) => ({ key, version: o.version, bytes: o.raw.length })) };
        }
        if (name === "/v1/vault") return { signup: "code", log_key: b64(new Uint8Array(32).fill(3)) };
        if (name === "/v1/grants") return { grants: [...this.grants.keys()].map((id) => this.listed(id)) };
        if (name.startsWith("/v1/grants/")) return this.listed(name.slice(11));
        const found = /^\/v1\/pairing\/([0-9a-f]{32})(\/answer)?$/.exec(name);
        const p = found && this.pairing.get(found[1]!);
        if (p && found![2]) return p["answer"] ? { answer: p["answer"] } : undefined;
        if (p) return p;
        throw new CardeaError("not_found", path);
    }

    private listed(id: string): Record<string, unknown> {
        const { grant, note } = this.grants.get(id)!;
        const raw = unb64(grant);
        const length = new DataView(raw.buffer).getUint32(5);
        return { id, statement: b64(raw.subarray(9, 9 + length)), note, uses: 0, entry: 1, active: [] };
    }

    private send(method: string, path: string, o: { json?: Record<string, string>; body?: Uint8Array }): unknown {
        const json = o.json ?? {};
        if (path.startsWith("/v1/objects/")) {
            const key = path.slice(12);
            if (method === "DELETE") return void this.objects.delete(key);
            return void this.objects.set(key, { version: (this.objects.get(key)?.version ?? 0) + 1, raw: o.body as Bytes });
        }
        if (path === "/v1/accounts/invitations") return { setup_code: "AAAA-BBBB-CCCC-DDDD", until: NOW };
        if (path === "/v1/pairing") return void this.pairing.set(json["id"]!, { sign: json["sign"]!, box: json["box"]!, mac: json["mac"]! });
        if (path.endsWith("/answer")) return void (this.pairing.get(path.split("/")[3]!)!["answer"] = json["answer"]!);
        if (path === "/v1/capabilities") return void this.capabilities.push(json);
        if (path === "/v1/household") return undefined;
        const id = path.split("/")[3];
        if (id && path.endsWith("/revoke")) return void this.revoked.push(id);
        if (path === "/v1/grants" || (method === "PUT" && id)) return this.keep(id ?? "", json);
        throw new CardeaError("not_found", path);
    }

    private async keep(id: string, json: Record<string, string>): Promise<void> {
        const { statement } = await readGrant(unb64(json["grant"]!));
        const before = this.grants.get(statement.id);
        assert.equal(id === "" || id === statement.id, true);
        this.grants.set(statement.id, { grant: json["grant"]!, note: json["note"]!, puts: (before?.puts ?? -1) + 1 });
    }

    get api(): Api {
        const bytes = async (path: string): Promise<Bytes> => {
            const held = this.objects.get(path.slice("/v1/objects/".length));
            if (!held) throw new CardeaError("not_found", path);
            return held.raw;
        };
        return { get: async (p: string) => this.get(p), send: async (m: string, p: string, o = {}) => this.send(m, p, o), bytes } as unknown as Api;
    }

    /* What the holder of an account finds in its grant. */
    async opens(id: string, account: { box: Bytes }): Promise<{ cameras: string[]; epochs: string[]; names: string[] }> {
        const grant = await readGrant(unb64(this.grants.get(id)!.grant));
        const { about, keys } = await openGrantBox(grant, this.keys.sign.public, account.box, await boxPublic(account.box), this.now);
        const told = await readAbout(about, grant);
        return { cameras: grant.statement.cameras, epochs: keys.map((k) => `${k.camera.slice(0, 2)}/${k.epoch}`), names: Object.values(told.about.cameras).map((c) => c.name) };
    }
}

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
