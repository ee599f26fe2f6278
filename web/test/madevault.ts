/* A vault's log and what it says of it, in memory, honest until a test makes it lie. Made with Node's own SHA-256 and Ed25519. */
import { createHash, createPrivateKey, sign as nodeSign } from "node:crypto";
import type { Api } from "../shared/api.ts";
import { boxSeal } from "../shared/box.ts";
import { b64, concat, hex, random, unhex, utf8, type Bytes } from "../shared/bytes.ts";
import type { Memory, Seen } from "../shared/device.ts";
import { CardeaError } from "../shared/errors.ts";
import { type Household, type Hub } from "../shared/household.ts";
import { makeHouseholdKeys, makeSuccessor, type HouseholdKeys } from "../shared/householdkeys.ts";
import { encodeEntry, logKeyOf, privateActor, staffActor, tagOf } from "../shared/log.ts";
import { nothingSeen, type LookMemory, type SeenLog } from "../shared/lookmemory.ts";
import { newSignKey, openObject, seal, sealObject, type SignKey } from "../shared/sign.ts";

const H = (...parts: Uint8Array[]): Bytes => new Uint8Array(parts.reduce((h, p) => h.update(p), createHash("sha256")).digest());
const LEAF = new Uint8Array([0]);
const NODE = new Uint8Array([1]);
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");

export class MadeLog {
    readonly entries: Bytes[] = [];
    private readonly roots = new Map<string, Bytes>();

    constructor(
        readonly key: SignKey,
        readonly origin = "cardea-vault/test",
    ) {}

    fork(): MadeLog {
        const other = new MadeLog(this.key, this.origin);
        other.entries.push(...this.entries);
        return other;
    }

    private root(from: number, to: number): Bytes {
        if (to === from) return H();
        if (to - from === 1) return H(LEAF, this.entries[from]!);
        const name = `${from}-${to}`;
        let root = this.roots.get(name);
        if (!root) {
            const middle = from + 2 ** Math.ceil(Math.log2(to - from) - 1);
            root = H(NODE, this.root(from, middle), this.root(middle, to));
            this.roots.set(name, root);
        }
        return root;
    }

    checkpoint(size = this.entries.length, key = this.key): string {
        const body = `${this.origin}\n${size}\n${Buffer.from(this.root(0, size)).toString("base64")}\n`;
        const secret = createPrivateKey({ key: Buffer.concat([PKCS8, key.seed]), format: "der", type: "pkcs8" });
        const id = H(utf8(`${this.origin}\n`), new Uint8Array([1]), key.public).subarray(0, 4);
        return `${body}\n\u2014 ${this.origin} ${Buffer.concat([id, nodeSign(null, Buffer.from(body), secret)]).toString("base64")}\n`;
    }

    /* The file at a path of the specification. */
    file(path: string): Bytes {
        const found = /^tile\/(entries|\d+)\/((?:x\d{3}\/)*\d{3})(?:\.p\/(\d+))?$/.exec(path);
        if (!found) throw new CardeaError("not_found", path);
        const index = Number(found[2]!.replaceAll(/[x/]/g, ""));
        const width = Number(found[3] ?? 256);
        if (found[1] === "entries") {
            const some = this.entries.slice(index * 256, index * 256 + width);
            return concat(...some.map((e) => concat(new Uint8Array([e.length >> 8, e.length & 255]), e)));
        }
        const span = 256 ** Number(found[1]);
        return concat(...Array.from({ length: width }, (_, i) => this.root((index * 256 + i) * span, (index * 256 + i + 1) * span)));
    }
}

export class MadeVault {
    readonly objects = new Map<string, Bytes>();
    readonly mine: [number, Bytes][] = []; /* index, entry */
    readonly grants = new Map<string, { statement: Bytes; note: string; revocation?: Bytes }>();
    log!: MadeLog;
    keys!: HouseholdKeys;
    logKey!: Bytes;
    time = 1_790_000_000;
    staff: string | null = null;
    /* What a test makes it say instead. */
    lie: { checkpoint?: () => string; mine?: (entries: [number, number, string][]) => [number, number, string][]; next?: number; file?: (path: string, honest: Bytes) => Bytes; grants?: boolean; logKey?: Bytes; told?: string[] } = {};
    asked: string[] = [];

    static async make(): Promise<MadeVault> {
        const v = new MadeVault();
        v.log = new MadeLog(await newSignKey());
        v.keys = await makeHouseholdKeys("home", "0a".repeat(16));
        v.logKey = logKeyOf(v.keys.sign.seed);
        return v;
    }

    /* Others' entries between ours. */
    async others(n: number): Promise<void> {
        for (let i = 0; i < n; i++) this.log.entries.push(encodeEntry({ version: 2, time: this.time * 1e6, kind: "grant.use", tag: random(32), actor: random(16), facts: {}, details: random(180) }));
    }

    async append(kind: string, details: Record<string, unknown>, o: { n?: number; actor?: Uint8Array; facts?: Record<string, number>; sealed?: Bytes; hidden?: boolean } = {}): Promise<number> {
        const n = o.n ?? this.mine.length;
        const tag = tagOf(this.logKey, n);
        const sealed = o.sealed ?? (await boxSeal(this.keys.boxPublic, "cardea/1 log", tag, utf8(JSON.stringify(details))));
        this.time += 7;
        const raw = encodeEntry({ version: 2, time: this.time * 1e6, kind, tag, actor: o.actor ? (o.actor as Bytes) : null, facts: o.facts ?? {}, details: sealed });
        const index = this.log.entries.push(raw) - 1;
        if (!o.hidden) this.mine.push([index, raw]);
        return index;
    }

    async grant(more: { purpose?: string; name?: string; ticket?: string; cameras?: string[]; words?: string; by?: SignKey; logged?: boolean; who?: SignKey } = {}): Promise<{ id: string; who: SignKey; actor: Bytes; details: Record<string, unknown> }> {
        const id = hex(random(16));
        const who = more.who ?? (await newSignKey());
        const support = more.purpose === "support";
        const statement = {
            v: 2, id, grantee: b64(random(32)), grantee_sign: b64(who.public), purpose: more.purpose ?? "link", ...(more.purpose === "member" ? { role: "member" } : {}), ...(support ? { ticket: more.ticket ?? "0b".repeat(16), witnesses: [b64(random(32))] } : {}),
            cameras: more.cameras ?? ["ca".repeat(16)], from: 1000, to: 2000, live: true, export: false, not_before: 0, expires: 4_000_000_000, time: 5, log: b64(this.log.key.public),
        };
        const note = b64(await boxSeal(this.keys.boxPublic, "cardea/1 note", unhex(id), utf8(JSON.stringify({ v: 1, name: more.name ?? "Grandma", words: more.words, epochs: {} }))));
        this.grants.set(id, { statement: await seal(more.by ?? this.keys.sign, "cardea/1 grant", utf8(JSON.stringify(statement))), note });
        const details = { grant: id, purpose: statement.purpose, ...(support ? { ticket: (statement as { ticket?: string }).ticket } : {}), key: b64(who.public), cameras: statement.cameras, from: 1000, to: 2000, live: true };
        if (more.logged !== false) await this.append("grant.create", details);
        return { id, who, actor: support ? staffActor(who.public) : privateActor(this.logKey, who.public), details };
    }

    /* The household's keys are succeeded: its pins are signed again, and the log says so. */
    async succeed(logged = true): Promise<void> {
        this.keys = await makeSuccessor(this.keys, 9);
        const pins = this.objects.get("trust/pins");
        if (pins) {
            const { version, payload } = await openObject(pins, "trust/pins", null);
            this.objects.set("trust/pins", await sealObject(this.keys.sign, "trust/pins", version + 1, payload));
        }
        if (logged) await this.append("household.succeed", { n: this.keys.chain.length }, { actor: privateActor(this.logKey, this.keys.sign.public) });
    }

    async revoke(id: string, logged = true): Promise<void> {
        this.grants.get(id)!.revocation = await seal(this.keys.sign, "cardea/1 revoke", utf8(JSON.stringify({ v: 1, grant: id, time: 9 })));
        if (logged) await this.append("grant.revoke", { grant: id });
    }

    /* What it answers with, as JSON and as bytes. */
    said(path: string): unknown {
        const [name, query] = path.split("?");
        if (name === "/v1/vault") return { log_key: b64(this.lie.logKey ?? this.log.key.public), ...(this.staff ? { staff: this.staff } : {}) };
        if (name === "/v1/household") return { succession: this.lie.told ?? this.keys.chain.map((c) => b64(c.raw)) };
        if (name === "/v1/grants") return { grants: [...this.grants].map(([id, g]) => ({ id, statement: b64(g.statement), note: g.note, uses: 0, entry: 0, active: [], ...(g.revocation ? { revocation: b64(g.revocation), revoked: 9 } : {}) })) };
        if (name === "/v1/log/mine") {
            const from = Number(new URLSearchParams(query).get("from"));
            const honest = this.mine.map(([index, raw], n): [number, number, string] => [n, index, b64(raw)]);
            const said = this.lie.mine?.(honest) ?? honest;
            return { next: this.lie.next ?? said.length, entries: said.slice(from, from + 1000) };
        }
        throw new CardeaError("not_found", path);
    }

    bytes(path: string): Bytes {
        this.asked.push(path);
        if (path === "/log/checkpoint") return utf8(this.lie.checkpoint?.() ?? this.log.checkpoint());
        if (path.startsWith("/log/")) {
            const honest = this.log.file(path.slice(5));
            return this.lie.file?.(path.slice(5), honest) ?? honest;
        }
        const object = this.objects.get(path.slice("/v1/objects/".length));
        if (!object) throw new CardeaError("not_found", path);
        return object;
    }

    readonly api = {
        get: async (path: string) => this.said(path),
        bytes: async (path: string) => this.bytes(path),
        send: async (_: string, path: string, o: { body: Bytes }) => void this.objects.set(path.slice("/v1/objects/".length), o.body),
    } as unknown as Api;
}

export class MadeMemory implements LookMemory {
    readonly logs = new Map<string, SeenLog>();
    readonly kept = new Map<string, string>();
    seen = async (name: string) => ({ ...nothingSeen(), ...this.logs.get(name) });
    keepSeen = async (name: string, seen: SeenLog) => void this.logs.set(name, structuredClone(seen));
    rest = async <T>(name: string) => (this.kept.has(name) ? (JSON.parse(this.kept.get(name)!) as T) : null);
    keepRest = async (name: string, value: unknown) => void this.kept.set(name, JSON.stringify(value));
}

export class MadeObjects implements Memory {
    private readonly kept = new Map<string, Seen>();
    get = async (name: string) => this.kept.get(name);
    put = async (name: string, seen: Seen) => void this.kept.set(name, seen);
}

/* `renew`: the keys as the vault has them, should another owner's device have made others. */
export const madeHousehold = (keys: HouseholdKeys, hubs: Hub[] = [], renew: () => HouseholdKeys = () => keys): Household => {
    const made = { keys, hubs, know: async () => undefined, renewKeys: async () => {
        const others = made.keys !== renew();
        made.keys = renew();
        return others;
    } };
    return made as unknown as Household;
};
