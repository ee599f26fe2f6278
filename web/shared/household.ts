/* The household as its objects say, each verified: keys, hubs, cameras, roots (docs/formats.md, "Household objects"). */
import { b64, concat, equal, hex, random, text, u32, unb64, unhex, utf8, type Bytes } from "./bytes.ts";
import { boxOpen, boxPublic, boxSeal } from "./box.ts";
import type { Access } from "./access.ts";
import type { Api } from "./api.ts";
import { CardeaError, forged, invalid, messageOf } from "./errors.ts";
import { sha256 } from "./hash.ts";
import type { Memory } from "./device.ts";
import { openObject, sealObject, signKey, type SignKey } from "./sign.ts";
import { decodeSet, encodeSet, remove, TimeKeys } from "./timekey.ts";

export interface HouseholdKeys {
    id: string;
    name: string;
    box: Bytes; /* secret */
    boxPublic: Bytes;
    sign: SignKey;
}

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

export async function makeHouseholdKeys(name: string, id: string): Promise<HouseholdKeys> {
    const box = random(32);
    return { id, name, box, boxPublic: await boxPublic(box), sign: await signKey(random(32)) };
}

/* The object that holds the household's keys for one owner. */
export async function sealHouseholdKeys(keys: HouseholdKeys, accountPublic: Uint8Array): Promise<{ key: string; raw: Bytes }> {
    const key = `household/keys/${hex(sha256(accountPublic).subarray(0, 8))}`;
    const json = JSON.stringify({ v: 1, id: keys.id, name: keys.name, box: b64(keys.box), sign: b64(keys.sign.seed) });
    const payload = await boxSeal(accountPublic, "cardea/1 household", new Uint8Array(0), utf8(json));
    return { key, raw: await sealObject(keys.sign, key, 1, payload) };
}

/* An owner's copy of the household's keys: the signer must be the key inside, since anybody can seal a box to an account. */
export async function openHouseholdKeys(raw: Bytes, key: string, id: string, accountSecret: Uint8Array): Promise<HouseholdKeys> {
    const { signer, payload } = await openObject(raw, key, null);
    const json = JSON.parse(text(await boxOpen(accountSecret, "cardea/1 household", new Uint8Array(0), payload))) as {
        v: number; id: string; name: string; box: string; sign: string;
    };
    if (json.v !== 1) throw invalid(`${key}: v`);
    if (json.id !== id) throw forged(`${key}: of another household`);
    const sign = await signKey(unb64(json.sign));
    if (!equal(sign.public, signer)) throw forged(`${key}: signed by somebody else`);
    const box = unb64(json.box);
    return { id, name: json.name, box, boxPublic: await boxPublic(box), sign };
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
    const plain = await boxOpen(keys.box, "cardea/1 profile", unhex(id), payload);
    const profile = JSON.parse(text(plain)) as Profile;
    if (profile.hub !== hubId(signer)) throw forged(`${key}: signed by another hub than it names`);
    return { id, profile };
}

const rootAad = (camera: string, epoch: number): Bytes => concat(unhex(camera), u32(epoch));

/* A camera's root is its own hub's or, after shredding, the household's. */
export async function openRoot(raw: Bytes, camera: string, epoch: number, keys: HouseholdKeys, hub: Hub | null) {
    const key = `camera/${camera}/root/${epoch}`;
    const { payload, version } = await openObject(raw, key, [keys.sign.public, ...(hub ? [hub.sign] : [])]);
    const plain = await boxOpen(keys.box, "cardea/1 root", rootAad(camera, epoch), payload);
    return { nodes: decodeSet(plain), version };
}

/* The hub whose mark it is must be the camera's. */
export function checkMarkHub(hub: Hub | null, sign: Uint8Array): Hub {
    if (!hub || !equal(hub.sign, sign)) throw forged("the recording is signed by another hub than the camera's");
    return hub;
}

/* Keys of which one signer alone can ever speak. */
const oneSigner = (key: string): boolean => /^household\/keys\/|^camera\/[^/]+\/profile$/.test(key);

const nameOf = (household: string, key: string): string => b64(sha256(concat(unhex(household), utf8(key))));

/* Has this device seen any version of it? A vault that denies it then holds it back. */
export const recalls = async (memory: Memory, household: string, key: string): Promise<boolean> => (await memory.get(nameOf(household, key))) !== undefined;

/* Compares a verified object with what this device has seen before, and remembers it: a vault cannot go back to an older one. */
export async function recall(memory: Memory, household: string, key: string, object: { version: number; signer: Uint8Array }): Promise<void> {
    const name = nameOf(household, key);
    const signer = b64(object.signer);
    const before = await memory.get(name);
    if (before && object.version < before.version)
        throw forged(`${key}: the vault sent version ${object.version}, and this device has seen version ${before.version}: it holds a change back. If the vault was restored from a backup, clear this site's data in the browser to accept that`);
    if (before && before.signer !== signer && oneSigner(key)) throw forged(`${key}: signed by another key than this device has seen before`);
    if (!before || object.version > before.version) await memory.put(name, { version: object.version, signer });
}

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
        readonly keys: HouseholdKeys,
        private readonly memory: Memory,
    ) {}

    get id(): string {
        return this.keys.id;
    }

    readonly until = Infinity;

    get signer(): Bytes {
        return this.keys.sign.public;
    }

    static async open(api: Api, id: string, accountSecret: Uint8Array, memory: Memory): Promise<Household> {
        const { objects } = await api.get<{ objects: Listed[] }>("/v1/objects?prefix=household/keys/");
        for (const o of objects) {
            const raw = await api.bytes(`/v1/objects/${o.key}`);
            const keys = await openHouseholdKeys(raw, o.key, id, accountSecret).catch(() => null);
            if (!keys) continue;
            const household = new Household(api, keys, memory);
            await household.seen(o.key, raw);
            return household;
        }
        throw new CardeaError("no_key", "the vault holds no keys of this household for you: set it up again, or ask another owner");
    }

    private async seen(key: string, raw: Bytes): Promise<void> {
        await recall(this.memory, this.keys.id, key, await openObject(raw, key, null));
    }

    /* What this device did or saw once, under a name as objects have; the vault could act as if it had never been. */
    remember(what: string, version = 1): Promise<void> {
        return recall(this.memory, this.keys.id, what, { version, signer: this.keys.sign.public });
    }

    remembers(what: string): Promise<boolean> {
        return recalls(this.memory, this.keys.id, what);
    }

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
        const hub = await readCertificate(certificate, o.key, this.keys.sign.public);
        await this.seen(o.key, certificate);
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
