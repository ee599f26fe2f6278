/* A vault in memory that keeps what it is given and checks nothing, as a hostile one may; and an honest hub behind it. */
import assert from "node:assert/strict";
import type { Api } from "../shared/api.ts";
import { boxOpen, boxPublic, boxSeal } from "../shared/box.ts";
import { b64, concat, equal, hex, random, text, u32, unb64, unhex, utf8, type Bytes } from "../shared/bytes.ts";
import { CardeaError } from "../shared/errors.ts";
import { openGrantBox, readAbout, readGrant } from "../shared/grant.ts";
import { Grants } from "../shared/grants.ts";
import { sha256 } from "../shared/hash.ts";
import { Household } from "../shared/household.ts";
import { makeHouseholdKeys, sealHouseholdKeys, type HouseholdKeys } from "../shared/householdkeys.ts";
import { Members } from "../shared/members.ts";
import { newSignKey, openEnvelope, seal, sealObject, signKey, type SignKey } from "../shared/sign.ts";
import { Succeeding, type SuccessionStep } from "../shared/succeed.ts";
import { leads, readChainText, readSuccession } from "../shared/succession.ts";
import { encodeSet } from "../shared/timekey.ts";
import { MadeObjects } from "./madevault.ts";

export const NOW = 1_790_000_000;
export const HOUSE = "0a".repeat(16);
export const camera = (n: number): string => n.toString(16).padStart(2, "0").repeat(16);

export interface Owner {
    account: { box: Bytes; sign: Bytes };
    capability: Bytes; /* public */
    name: string;
    memory: MadeObjects;
}

export interface Device {
    household: Household;
    members: Members;
    grants: Grants;
    succession: Succeeding;
    steps: SuccessionStep[];
}

export class Kept {
    readonly objects = new Map<string, { version: number; raw: Bytes }>();
    readonly pairing = new Map<string, Record<string, string>>();
    readonly grants = new Map<string, { grant: string; note: string; puts: number }>();
    readonly capabilities: Record<string, string>[] = [];
    readonly revoked: string[] = [];
    readonly gone: string[] = []; /* capabilities */
    readonly writes: string[] = []; /* requests that change something */
    told: { sign: string; box: string; log_key: string; succession: string[] } | null = null; /* of the household */
    cut = -1; /* this write is not answered, and what comes after it is not either */
    hubAway = false;
    hubBox = random(32);
    hubKnows!: { sign: Bytes; box: Bytes }; /* of the household */
    epochs = 1;
    ada: Owner = { account: { box: random(32), sign: random(32) }, capability: random(32), name: "Ada", memory: new MadeObjects() };
    keys!: HouseholdKeys;
    hub!: SignKey;
    household!: Household;
    members!: Members;
    makes!: Grants;
    now = NOW;

    static async make(): Promise<Kept> {
        const v = new Kept();
        v.keys = await makeHouseholdKeys("Home", HOUSE);
        v.hub = await newSignKey();
        const own = await sealHouseholdKeys(v.keys, await boxPublic(v.ada.account.box));
        v.objects.set(own.key, { version: 1, raw: own.raw });
        const id = hex(sha256(v.hub.public).subarray(0, 16));
        const certificate = JSON.stringify({ v: 1, hub: id, sign: b64(v.hub.public), box: b64(await boxPublic(v.hubBox)), writer: b64(random(32)), added: "2026-01-01T00:00:00Z" });
        v.objects.set(`hub/${id}`, { version: 1, raw: await sealObject(v.keys.sign, `hub/${id}`, 1, utf8(certificate)) });
        await v.addCamera(1, "Porch");
        v.hubKnows = { sign: v.keys.sign.public, box: v.keys.boxPublic };
        const { household, members, grants } = await v.device(v.ada);
        Object.assign(v, { household, members, makes: grants });
        return v;
    }

    /* An owner's app, opened. */
    async device(o: Owner): Promise<Device> {
        const household = await Household.open(this.api, HOUSE, o.account.box, o.memory);
        await household.refresh();
        const now = (): number => this.now;
        const grants = new Grants(this.api, household, now, "https://vault", async () => ({ log: unb64((await this.api.get<{ log_key: string }>("/v1/vault")).log_key) }));
        const steps: SuccessionStep[] = [];
        const succession = new Succeeding(this.api, household, grants, now, (p) => void steps.push(p.step));
        const self = { name: o.name, sign: (await signKey(o.account.sign)).public, box: await boxPublic(o.account.box), capability: o.capability };
        return { household, grants, succession, steps, members: new Members(this.api, household, grants, now, "https://vault", succession, self) };
    }

    /* The hub does as it is told by the household's key, and begins a new epoch under new ones. */
    private async hubHears(raw: Bytes): Promise<Bytes> {
        const id = raw.subarray(0, 16);
        const hub = hex(sha256(this.hub.public).subarray(0, 16));
        const { signer, body } = await openEnvelope(await boxOpen(this.hubBox, "cardea/1 command", unhex(hub), raw.subarray(16)), "cardea/1 command");
        const { verb, args } = JSON.parse(text(body)) as { verb: string; args: { succession: string[]; certificate: string } };
        const reply = async (of: Record<string, unknown>): Promise<Bytes> => boxSeal(this.hubKnows.box, "cardea/1 reply", id, await seal(this.hub, "cardea/1 reply", utf8(JSON.stringify({ id: hex(id), ...of }))));
        if (verb === "succeed") {
            const chain = await readChainText(args.succession);
            if (!leads(chain, this.hubKnows.sign, signer) || !equal(chain.at(-1)!.sign, signer)) return reply({ ok: false, error: "forged", message: "not by the household" });
            if (equal(this.hubKnows.sign, signer)) return reply({ ok: true, result: { fresh: false } });
            this.hubKnows = { sign: signer, box: chain.at(-1)!.box };
        } else if (!equal(this.hubKnows.sign, signer)) return reply({ ok: false, error: "forged", message: "not by the household" });
        if (verb === "succeed" || verb === "epoch") await this.epoch(1, ++this.epochs);
        return reply({ ok: true, result: { fresh: true } });
    }

    private tellHousehold(json: Record<string, string>): Promise<void> | void {
        if (!("succession" in json)) return void (this.told ??= { sign: json["sign"]!, box: json["box"]!, log_key: json["log_key"]!, succession: [] });
        return this.succeedHousehold(json["succession"]!);
    }

    private async succeedHousehold(raw: string): Promise<void> {
        if (this.told!.succession.includes(raw)) return;
        const s = await readSuccession(unb64(raw));
        if (b64(s.former) !== this.told!.sign || s.n !== this.told!.succession.length + 1) throw new CardeaError("conflict", "another succession");
        Object.assign(this.told!, { sign: b64(s.sign), box: b64(s.box), succession: [...this.told!.succession, raw] });
    }

    private async put(key: string, signer: SignKey, info: string, aad: Bytes, plain: Bytes): Promise<void> {
        this.objects.set(key, { version: 1, raw: await sealObject(signer, key, 1, await boxSeal(this.hubKnows?.box ?? this.keys.boxPublic, info, aad, plain)) });
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
        if (name === "/v1/household" && this.told) return this.told.succession.length > 0 ? this.told : { ...this.told, succession: undefined };
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
        return { id, statement: b64(raw.subarray(9, 9 + length)), note, uses: 0, entry: 1, active: [], revoked: this.revoked.includes(id) ? NOW : null };
    }

    private send(method: string, path: string, o: { json?: Record<string, string>; body?: Uint8Array; headers?: Record<string, string> }): unknown {
        const json = o.json ?? {};
        this.write(`${method} ${path}`);
        if (path.startsWith("/v1/objects/")) {
            const key = path.slice(12);
            if (method === "DELETE") return void this.objects.delete(key);
            const version = this.objects.get(key)?.version ?? 0;
            if (o.headers!["If-Match"] !== `"${version}"`) throw new CardeaError("conflict", `${key} has version ${version}`);
            return void this.objects.set(key, { version: version + 1, raw: o.body as Bytes });
        }
        if (path === "/v1/accounts/invitations") return { setup_code: "AAAA-BBBB-CCCC-DDDD", until: NOW };
        if (path === "/v1/pairing") return void this.pairing.set(json["id"]!, { sign: json["sign"]!, box: json["box"]!, mac: json["mac"]! });
        if (path.endsWith("/answer")) return void (this.pairing.get(path.split("/")[3]!)!["answer"] = json["answer"]!);
        if (path === "/v1/capabilities") return void this.capabilities.push(json);
        if (path === "/v1/household") return this.tellHousehold(json);
        if (path.startsWith("/v1/capabilities/")) return void this.gone.push(path.slice(17));
        const id = path.split("/")[3];
        if (id && path.endsWith("/revoke")) return void this.revoked.push(id);
        if (path === "/v1/grants" || (method === "PUT" && id)) return this.keep(id ?? "", json);
        throw new CardeaError("not_found", path);
    }

    /* A device that is switched off in the middle. */
    private write(what: string): void {
        if (this.cut >= 0 && this.writes.length >= this.cut) throw new CardeaError("offline", "cut off");
        this.writes.push(what);
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
        const fetch = async (method: string, path: string, o: { body: Bytes }): Promise<Response> => {
            this.write(`${method} ${path}`);
            if (this.hubAway) throw new CardeaError("not_found", "the hub has not been seen since yesterday");
            return new Response(await this.hubHears(o.body));
        };
        return { fetch, get: async (p: string) => this.get(p), send: async (m: string, p: string, o = {}) => this.send(m, p, o), bytes } as unknown as Api;
    }

    /* What the holder of an account finds in its grant. */
    async opens(id: string, account: { box: Bytes }, by: Bytes = this.keys.sign.public): Promise<{ cameras: string[]; epochs: string[]; names: string[] }> {
        const grant = await readGrant(unb64(this.grants.get(id)!.grant));
        const { about, keys } = await openGrantBox(grant, by, account.box, await boxPublic(account.box), this.now);
        const told = await readAbout(about, grant);
        return { cameras: grant.statement.cameras, epochs: keys.map((k) => `${k.camera.slice(0, 2)}/${k.epoch}`), names: Object.values(told.about.cameras).map((c) => c.name) };
    }
}

