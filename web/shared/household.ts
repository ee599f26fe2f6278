/* The household as its objects say, each verified: keys, hubs, cameras, roots (docs/formats.md, "Household objects"). */
import { b64, concat, equal, hex, text, u32, unb64, unhex, utf8, type Bytes } from "./bytes.ts";
import { boxPublic, boxSeal } from "./box.ts";
import type { Access } from "./access.ts";
import type { Api } from "./api.ts";
import { CardeaError, forged, invalid, messageOf, wordOf } from "./errors.ts";
import { sha256 } from "./hash.ts";
import type { Memory } from "./device.ts";
import { householdOpen, householdSigners, keysObject, openHouseholdKeys, type HouseholdKeys } from "./householdkeys.ts";
import { openObject, sealObject } from "./sign.ts";
import { leads, type Succession } from "./succession.ts";
import { decodeSet, encodeSet, remove, TimeKeys } from "./timekey.ts";

export interface Hub {
    id: string;
    sign: Bytes;
    box: Bytes;
    writer: string;
    added: string;
    certificate: Bytes; /* the envelope */
}

export interface Schedule {
    days: number[];
    from: string;
    to: string;
}

export interface Profile {
    v: 1;
    kind: "main" | "sub";
    main?: string;
    name: string;
    sub: string | null;
    hub: string;
    indoor: boolean;
    audio: boolean;
    added: string;
    codec?: string;
    width?: number;
    height?: number;
    record: { mode: "always" | "motion" | "schedule" | "off"; pre_s: number; post_s: number; schedule: Schedule[] };
    retention_days: number;
}

export interface Camera {
    id: string;
    profile: Profile;
}

interface Listed {
    key: string;
    version: number;
    bytes: number;
}

const hubId = (sign: Uint8Array): string => hex(sha256(sign).subarray(0, 16));

/* A household's statement that a hub is its own. */
export async function readCertificate(certificate: Bytes, key: string, householdSign: Uint8Array): Promise<Hub> {
    const { payload } = await openObject(certificate, key, [householdSign]);
    const json = JSON.parse(text(payload)) as { v: number; hub: string; sign: string; box: string; writer: string; added: string };
    const sign = unb64(json.sign);
    if (json.v !== 1) throw invalid(`${key}: v`);
    if (json.hub !== hubId(sign) || key !== `hub/${json.hub}`) throw forged(`${key}: this is not that hub's certificate`);
    return { id: json.hub, sign, box: unb64(json.box), writer: json.writer, added: json.added, certificate };
}

/* A camera belongs to the hub that signs its profile, which names it. */
export async function openProfile(raw: Bytes, key: string, keys: HouseholdKeys, hubs: Hub[]): Promise<Camera> {
    const id = key.split("/")[1]!;
    const { signer, payload } = await openObject(raw, key, hubs.map((h) => h.sign));
    const plain = await householdOpen(keys, "cardea/1 profile", unhex(id), payload);
    const profile = JSON.parse(text(plain)) as Profile;
    if (profile.hub !== hubId(signer)) throw forged(`${key}: signed by another hub than it names`);
    return { id, profile };
}

const rootAad = (camera: string, epoch: number): Bytes => concat(unhex(camera), u32(epoch));

/* A camera's root is its own hub's or, after shredding, the household's: of an epoch that is over perhaps by a former key of it. */
export async function openRoot(raw: Bytes, camera: string, epoch: number, keys: HouseholdKeys, hub: Hub | null) {
    const key = `camera/${camera}/root/${epoch}`;
    const { payload, version } = await openObject(raw, key, [...householdSigners(keys), ...(hub ? [hub.sign] : [])]);
    const plain = await householdOpen(keys, "cardea/1 root", rootAad(camera, epoch), payload);
    return { nodes: decodeSet(plain), version };
}

/* The hub whose mark it is must be the camera's. */
export function checkMarkHub(hub: Hub | null, sign: Uint8Array): Hub {
    if (!hub || !equal(hub.sign, sign)) throw forged("the recording is signed by another hub than the camera's");
    return hub;
}

const KEYS = "household/keys/";

/* Keys of which one signer alone can ever speak. */
const oneSigner = (key: string): boolean => /^household\/keys\/|^camera\/[^/]+\/profile$/.test(key);

const nameOf = (household: string, key: string): string => b64(sha256(concat(unhex(household), utf8(key))));

/* Has this device seen any version of it? A vault that denies it then holds it back. */
export const recalls = async (memory: Memory, household: string, key: string): Promise<boolean> => (await memory.get(nameOf(household, key))) !== undefined;

/* Compares a verified object with what this device has seen before, and remembers it: a vault cannot go back to an older one. Another
 * signer of the household's keys is one to whom `chain`, which is in them, leads from the one that was seen. */
export async function recall(memory: Memory, household: string, key: string, object: { version: number; signer: Uint8Array }, chain: readonly Succession[] = []): Promise<void> {
    const name = nameOf(household, key);
    const signer = b64(object.signer);
    const before = await memory.get(name);
    if (before && object.version < before.version)
        throw forged(`${key}: the vault sent version ${object.version}, and this device has seen version ${before.version}: it holds a change back. If the vault was restored from a backup, clear this site's data in the browser to accept that`);
    const other = before !== undefined && before.signer !== signer;
    if (other && oneSigner(key) && !(key.startsWith(KEYS) && leads(chain, unb64(before.signer), object.signer)))
        throw forged(`${key}: signed by another key than this device has seen before`);
    if (!before || object.version > before.version || other) await memory.put(name, { version: object.version, signer });
}

const againName = (raw: Uint8Array): string => `again/${hex(sha256(raw).subarray(0, 16))}`;

function epochsOf(objects: Listed[]): Map<string, number[]> {
    const out = new Map<string, number[]>();
    for (const o of objects) {
        const found = /^camera\/([0-9a-f]{32})\/root\/(\d+)$/.exec(o.key);
        if (found) out.set(found[1]!, [...(out.get(found[1]!) ?? []), Number(found[2])].sort((a, b) => a - b));
    }
    return out;
}

export class Household implements Access {
    hubs: Hub[] = [];
    cameras: Camera[] = [];
    problems: string[] = []; /* objects that did not verify, by name */
    private known = new Map<string, number[]>(); /* epochs, by stream */
    private raw = new Map<string, { version: number; bytes: Promise<Bytes> }>();
    private roots = new Map<string, Promise<TimeKeys>>();

    private constructor(
        private readonly api: Api,
        private held: HouseholdKeys,
        private readonly account: Uint8Array, /* secret */
        private readonly memory: Memory,
    ) {}

    /* The present ones: another owner's device, or this one, may make successors at any time. */
    get keys(): HouseholdKeys {
        return this.held;
    }

    get id(): string {
        return this.keys.id;
    }

    readonly until = Infinity;

    get signer(): Bytes {
        return this.keys.sign.public;
    }

    /* `known`: the household's signing key as an owner who was invited has it in their keyring. */
    static async open(api: Api, id: string, accountSecret: Uint8Array, memory: Memory, known?: Uint8Array): Promise<Household> {
        const { keys, raw, key } = await readKeys(api, id, accountSecret);
        if (known && !leads(keys.chain, known, keys.sign.public)) throw forged(`${key}: these are not the keys of the household that you were invited to`);
        const household = new Household(api, keys, accountSecret, memory);
        await household.seen(key, raw, keys.chain);
        household.keysVersion = (await openObject(raw, key, null)).version;
        return household;
    }

    private keysVersion = 0;

    /* The keys as the vault has them now: another owner's device may have made successors. True: they are others than before. */
    async renewKeys(): Promise<boolean> {
        const { keys, raw, key } = await readKeys(this.api, this.id, this.account);
        await this.seen(key, raw, keys.chain);
        return this.adopt(keys, (await openObject(raw, key, null)).version);
    }

    /* Goes on with these. All that was opened stays open; what was by a former key is looked at anew. */
    adopt(keys: HouseholdKeys, version: number): boolean {
        const others = !equal(keys.sign.public, this.held.sign.public);
        this.held = keys;
        this.keysVersion = version;
        return others;
    }

    accountPublic(): Promise<Bytes> {
        return boxPublic(this.account);
    }

    /* The object that has this owner's copy of the keys. */
    async keysObject(): Promise<{ key: string; version: number }> {
        return { key: keysObject(await this.accountPublic()), version: this.keysVersion };
    }

    /* Compares with what was seen before, and remembers. */
    async seen(key: string, raw: Bytes, chain: readonly Succession[] = []): Promise<void> {
        await recall(this.memory, this.keys.id, key, await openObject(raw, key, null), chain);
    }

    /* What this device did or saw once, under a name as objects have; the vault could act as if it had never been. */
    remember(what: string, version = 1): Promise<void> {
        return recall(this.memory, this.keys.id, what, { version, signer: this.keys.sign.public });
    }

    remembers(what: string): Promise<boolean> {
        return recalls(this.memory, this.keys.id, what);
    }

    /* What this device has read while it was by the present key. After a succession this, and nothing else, is signed again: whoever kept a
     * former key could have made the rest since. */
    async know(raw: Bytes): Promise<void> {
        const name = againName(raw);
        if (this.noted.has(name)) return;
        await this.remember(name);
        this.noted.add(name);
    }

    knows(raw: Bytes): Promise<boolean> {
        return this.remembers(againName(raw));
    }

    private readonly noted = new Set<string>(); /* what was remembered since this was opened */

    private fetchObject(o: Listed): Promise<Bytes> {
        const held = this.raw.get(o.key);
        if (held && held.version === o.version) return held.bytes;
        if (held && held.version > o.version) return Promise.reject(forged(`${o.key}: the vault went back to an older version`));
        const bytes = this.api.bytes(`/v1/objects/${o.key}`);
        this.raw.set(o.key, { version: o.version, bytes });
        bytes.catch(() => this.raw.delete(o.key));
        return bytes;
    }

    /* Reads hubs and cameras anew; unchanged objects are not fetched again. */
    async refresh(): Promise<void> {
        const { objects } = await this.api.get<{ objects: Listed[] }>("/v1/objects?prefix=");
        const own = (await this.keysObject()).key;
        if (objects.some((o) => o.key === own && o.version > this.keysVersion)) await this.renewKeys();
        const problems: string[] = [];
        const attempt = async <T>(o: Listed, work: (o: Listed) => Promise<T>): Promise<T | null> => {
            try {
                return await work(o);
            } catch (e) {
                if (e instanceof CardeaError && e.word === "offline") throw e;
                problems.push(`${o.key}: ${messageOf(e)}`);
                return null;
            }
        };
        const hubs = await Promise.all(objects.filter((o) => o.key.startsWith("hub/")).map((o) => attempt(o, (x) => this.readHub(x))));
        this.hubs = hubs.filter((h) => h !== null);
        const profiles = objects.filter((o) => /^camera\/[0-9a-f]{32}\/profile$/.test(o.key));
        const cameras = await Promise.all(profiles.map((o) => attempt(o, (x) => this.readProfile(x))));
        this.cameras = cameras.filter((c) => c !== null).sort((a, b) => (a.profile.added ?? "").localeCompare(b.profile.added ?? ""));
        this.problems = problems;
        this.known = epochsOf(objects);
        for (const o of objects) {
            const held = this.raw.get(o.key);
            if (o.key.includes("/root/") && held && held.version !== o.version) this.roots.delete(o.key);
        }
    }

    private async readHub(o: Listed): Promise<Hub> {
        const certificate = await this.fetchObject(o);
        /* While another device makes successor keys, what was read under the former one goes on to hold. */
        const held = this.hubs.find((h) => equal(h.certificate, certificate));
        if (held) return held;
        const hub = await readCertificate(certificate, o.key, this.keys.sign.public);
        await this.seen(o.key, certificate);
        await this.know(certificate);
        return hub;
    }

    private async readProfile(o: Listed): Promise<Camera> {
        const raw = await this.fetchObject(o);
        const camera = await openProfile(raw, o.key, this.keys, this.hubs);
        await this.seen(o.key, raw);
        return camera;
    }

    hubOf(camera: string): Hub | null {
        const hub = this.cameras.find((c) => c.id === camera)?.profile.hub;
        return this.hubs.find((h) => h.id === hub) ?? null;
    }

    /* The time keys of a stream's epoch, from its root object. */
    timeKeys(camera: string, epoch: number): Promise<TimeKeys> {
        const key = `camera/${camera}/root/${epoch}`;
        let keys = this.roots.get(key);
        if (!keys) {
            keys = this.readRoot(camera, epoch).then((r) => new TimeKeys(r.nodes));
            this.roots.set(key, keys);
            keys.catch(() => this.roots.delete(key));
        }
        return keys;
    }

    /* The epochs that a stream has keys of, ascending, as the last refresh found them. */
    epochs(camera: string): number[] {
        return this.known.get(camera) ?? [];
    }

    private async readRoot(camera: string, epoch: number) {
        const key = `camera/${camera}/root/${epoch}`;
        let raw: Bytes;
        try {
            raw = await this.api.bytes(`/v1/objects/${key}`);
        } catch (e) {
            if (e instanceof CardeaError && e.word === "not_found")
                throw new CardeaError("no_key", "the key to this recording is not in the vault");
            throw e;
        }
        const root = await openRoot(raw, camera, epoch, this.keys, this.hubOf(camera));
        await this.seen(key, raw);
        this.raw.set(key, { version: root.version, bytes: Promise.resolve(raw) });
        return root;
    }

    /* Shredding: replaces every epoch's root by what remains without [from, to). */
    async shred(camera: string, from: number, to: number): Promise<void> {
        const prefix = `camera/${camera}/root/`;
        const { objects } = await this.api.get<{ objects: Listed[] }>(`/v1/objects?prefix=${prefix}`);
        for (const o of objects) {
            const epoch = Number(o.key.slice(prefix.length));
            const { nodes, version } = await this.readRoot(camera, epoch);
            const rest = encodeSet(remove(nodes, from, to));
            const payload = await boxSeal(this.keys.boxPublic, "cardea/1 root", rootAad(camera, epoch), rest);
            const raw = await sealObject(this.keys.sign, o.key, version + 1, payload);
            await this.api.send("PUT", `/v1/objects/${o.key}`, { body: raw, headers: { "If-Match": `"${version}"` } });
            this.roots.delete(o.key);
            await this.seen(o.key, raw);
        }
    }
}

async function readKeys(api: Api, id: string, accountSecret: Uint8Array): Promise<{ keys: HouseholdKeys; raw: Bytes; key: string }> {
    const key = keysObject(await boxPublic(accountSecret));
    const raw = await api.bytes(`/v1/objects/${key}`).catch((e) => {
        if (wordOf(e) !== "not_found") throw e;
        throw new CardeaError("no_key", "the vault holds no keys of this household for you: set it up again, or ask another owner");
    });
    return { keys: await openHouseholdKeys(raw, key, id, accountSecret), raw, key };
}
