/* A vault that acts as if something had never ended: a share, an invitation, the household's pins. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Api } from "../shared/api.ts";
import { b64, random, unb64, type Bytes } from "../shared/bytes.ts";
import { CardeaError } from "../shared/errors.ts";
import { Grants } from "../shared/grants.ts";
import { recall, recalls, type Household } from "../shared/household.ts";
import { makeHouseholdKeys, type HouseholdKeys } from "../shared/householdkeys.ts";
import { pairingOf, parseCode } from "../shared/hub.ts";
import { memberMac, Members } from "../shared/members.ts";
import { Succeeding } from "../shared/succeed.ts";
import { newSignKey } from "../shared/sign.ts";
import { MadeObjects } from "./madevault.ts";

const NOW = 1_790_000_000;
const CAMERA = "ca".repeat(16);
const ORIGIN = "https://vault";

/* As much of a vault as grants and invitations need. */
class Vault {
    readonly objects = new Map<string, Bytes>();
    readonly grants = new Map<string, Record<string, unknown>>();
    readonly deleted = new Map<string, Bytes>();
    readonly offers = new Map<string, unknown>();
    log = random(32);
    readonly api = {
        get: async (path: string) => this.get(path),
        bytes: async (path: string) => {
            const raw = this.objects.get(path.slice("/v1/objects/".length));
            if (!raw) throw new CardeaError("not_found", path);
            return raw;
        },
        send: async (method: string, path: string, o: { body?: Bytes; json?: Record<string, string> } = {}) => this.send(method, path, o),
    } as unknown as Api;

    private get(path: string): unknown {
        if (path === "/v1/vault") return { log_key: b64(this.log), signup: "open" };
        if (path === "/v1/household") throw new CardeaError("not_found", path);
        if (path === "/v1/grants") return { grants: [...this.grants.values()] };
        if (path.startsWith("/v1/grants/")) return this.grants.get(path.slice("/v1/grants/".length));
        if (path.startsWith("/v1/objects?prefix=")) {
            const prefix = path.slice("/v1/objects?prefix=".length);
            return { objects: [...this.objects.keys()].filter((k) => k.startsWith(prefix)).map((key) => ({ key, version: 1 })) };
        }
        const offer = this.offers.get(path.slice("/v1/pairing/".length));
        if (!offer) throw new CardeaError("not_found", path);
        return offer;
    }

    private send(method: string, path: string, { body, json }: { body?: Bytes; json?: Record<string, string> }): void {
        const key = path.slice("/v1/objects/".length);
        const grant = path.split("/")[3] ?? "";
        if (path.startsWith("/v1/objects/") && method === "PUT") this.objects.set(key, body!);
        if (path.startsWith("/v1/objects/") && method === "DELETE") {
            this.deleted.set(key, this.objects.get(key)!);
            this.objects.delete(key);
        }
        if (path === "/v1/grants") this.take(json!);
        if (path.startsWith("/v1/grants/") && method === "PUT") this.take(json!);
        if (path.endsWith("/revoke")) Object.assign(this.grants.get(grant)!, { revocation: json!["revocation"], revoked: NOW });
    }

    private take(json: Record<string, string>): void {
        const raw = unb64(json["grant"]!);
        const envelope = raw.subarray(9, 9 + new DataView(raw.buffer, raw.byteOffset).getUint32(5));
        const text = Buffer.from(envelope).toString("latin1");
        const id = /"id":"([0-9a-f]{32})"/.exec(text)![1]!;
        this.grants.set(id, { id, statement: b64(envelope), note: json["note"], uses: 0, entry: 0, active: [], puts: Number(this.grants.get(id)?.["puts"] ?? -1) + 1 });
    }
}

const SELF = { name: "Ada", sign: random(32), box: random(32), capability: random(32) };

async function house(): Promise<{ v: Vault; keys: HouseholdKeys; grants: Grants; members: Members; epochs: number[]; pin: { log: Bytes } }> {
    const v = new Vault();
    const keys = await makeHouseholdKeys("home", "0a".repeat(16));
    const memory = new MadeObjects();
    const epochs = [1];
    const pin = { log: v.log };
    const household = {
        keys, hubs: [], refresh: async () => undefined, hubOf: () => null, epochs: () => epochs,
        cameras: [{ id: CAMERA, profile: { kind: "main", name: "Porch", hub: "", sub: null } }],
        timeKeys: async () => ({ nodes: [{ depth: 0, first: 0, key: new Uint8Array(32).fill(9) }] }),
        remember: (what: string, version = 1) => recall(memory, keys.id, what, { version, signer: keys.sign.public }),
        know: async () => undefined,
        remembers: (what: string) => recalls(memory, keys.id, what),
    } as unknown as Household;
    const grants = new Grants(v.api, household, () => NOW, ORIGIN, async () => pin);
    return { v, keys, grants, members: new Members(v.api, household, grants, () => NOW, ORIGIN, new Succeeding(v.api, household, grants, () => NOW), SELF), epochs, pin };
}

const shared = { cameras: [CAMERA], from: NOW - 60, to: NOW + 3600, live: true, export: false, expires: NOW + 3600, name: "Grandma" };
const forged = (work: Promise<unknown>, words: RegExp): Promise<void> => assert.rejects(work, (e: Error) => e instanceof CardeaError && e.word === "forged" && words.test(e.message));

test("new keys go to who may still look, and to nobody whose share was ended, whatever the vault says", async () => {
    const { v, grants, epochs } = await house();
    const { id } = await grants.share(shared);
    const other = await grants.share({ ...shared, name: "Neighbor" });
    epochs.push(2);
    assert.equal(await grants.tend(), 2);
    await grants.end(id);
    const row = v.grants.get(id)!;
    delete row["revocation"];
    delete row["revoked"];
    epochs.push(3);
    await forged(grants.tend(), /had not ended the share for Grandma/);
    assert.deepEqual([row["puts"], v.grants.get(id)!["puts"], v.grants.get(other.id)!["puts"]], [1, 1, 2]);
});

test("an invitation that was used lets nobody in when the vault brings it back", async () => {
    const { v, members } = await house();
    const { link, key } = await members.invite({ name: "Ada", role: "member", cameras: [], past: false, export: false });
    const { id, key: k } = pairingOf(parseCode(link.split("#join=")[1]!));
    const [sign, box] = [(await newSignKey()).public, random(32)];
    v.offers.set(id, { sign: b64(sign), box: b64(box), mac: b64(memberMac(k, sign, box)) });
    assert.deepEqual(await members.complete(), ["Ada"]);
    assert.equal(v.grants.size, 1);
    v.objects.set(key, v.deleted.get(key)!);
    await forged(members.complete(), /holds a change back/);
    assert.equal(v.grants.size, 1);
});

test("a share is of the log that the household looks at", async () => {
    const { v, grants } = await house();
    v.log = random(32);
    await forged(grants.share(shared), /log has another key/);
    assert.equal(v.grants.size, 0);
});
