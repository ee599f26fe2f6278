/* What a grantee's software believes of a vault, and what a grant opens: not a second more than it says. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createPrivateKey, sign as nodeSign } from "node:crypto";
import type { Api } from "../shared/api.ts";
import { boxPublic } from "../shared/box.ts";
import { b64, concat, hex, random, unb64, utf8, type Bytes } from "../shared/bytes.ts";
import { sha256 } from "../shared/hash.ts";
import { CardeaError } from "../shared/errors.ts";
import { issueGrant, type About, type Statement } from "../shared/grant.ts";
import { GrantAccess, holderOf, type Holder } from "../shared/grantee.ts";
import { makeHouseholdKeys, type HouseholdKeys } from "../shared/householdkeys.ts";
import { formatLink, issuerOf, linkKeys, parseFragment, type Link, type LinkKeys } from "../shared/link.ts";
import { cosignerName, encodeEntry, grantFact, logKeyOf, privateActor, proveInclusion, leafHash, openingFact, staffActor, type Entry } from "../shared/log.ts";
import { refusalOf } from "../shared/refusal.ts";
import { newSignKey, sealObject, type SignKey } from "../shared/sign.ts";
import { TimeKeys, type Node } from "../shared/timekey.ts";
import { MadeLog } from "./madevault.ts";

const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");
const NOW = 1_790_000_000;
const CAMERA = "ca".repeat(16);
const ROOT: Node = { depth: 0, first: 0, key: new Uint8Array(32).fill(9) as Bytes };
const RANGE = { from: NOW - 1000, to: NOW - 700 };

interface Opening {
    token: string;
    expires_in_s: number;
    grant: string;
    entry: number;
    leaf: string;
    checkpoint: string;
    proof: string[];
}

/* A household, a link that it made, and a vault that opens it: honestly, until `lie` changes its answer. */
class Made {
    keys!: HouseholdKeys;
    log!: MadeLog;
    link!: Link;
    holder!: LinkKeys;
    grant!: Bytes;
    statement!: Statement;
    now = NOW;
    unnamed = false; /* the box does not say what the log calls its holder */
    renews: (string | null)[] = []; /* what each opening went on with */
    again: () => Promise<unknown> = async () => undefined;
    opening = 0; /* of what was posted last */
    lie: (honest: Opening) => Promise<Opening> | Opening = (o) => o;

    static async make(change: Partial<Statement> = {}, password = "", by?: SignKey, unnamed = false): Promise<Made> {
        const m = new Made();
        m.unnamed = unnamed;
        m.keys = await makeHouseholdKeys("Home", "0a".repeat(16));
        m.log = new MadeLog(await newSignKey());
        m.link = { password: password !== "", grant: hex(random(16)), issuer: issuerOf(m.keys.sign.public), secret: random(32) };
        m.holder = await linkKeys(m.link, password);
        m.statement = {
            v: 2, id: m.link.grant, grantee: b64(m.holder.box.public), grantee_sign: b64(m.holder.sign.public), purpose: "link", cameras: [CAMERA], ...RANGE,
            live: false, export: true, not_before: NOW - 10, expires: NOW + 3600, time: NOW - 10, log: b64(m.log.key.public), ...change,
        };
        m.grant = await issueGrant(m.statement, by ?? m.keys.sign, await m.about(), [{ camera: CAMERA, epoch: 1, nodes: [ROOT] }]);
        m.other(3);
        return m;
    }

    async about(): Promise<About> {
        const sign = await newSignKey();
        const hub = hex(sha256(sign.public).subarray(0, 16));
        const certificate = JSON.stringify({ v: 1, hub, sign: b64(sign.public), box: b64(random(32)), writer: b64(random(32)), added: "2026-01-01T00:00:00Z" });
        const envelope = await sealObject(this.keys.sign, `hub/${hub}`, 1, utf8(certificate));
        return { v: 1, household: "Home", words: "Look", ...(this.unnamed ? {} : { actor: this.actor }), cameras: { [CAMERA]: { name: "Porch", hub, indoor: false } }, hubs: [b64(envelope)] };
    }

    get actor(): string {
        return hex(privateActor(logKeyOf(this.keys.sign.seed), this.holder.sign.public));
    }

    entry(more: Partial<Entry> = {}): Entry {
        return { version: 2, time: this.now * 1e6, kind: "grant.use", tag: random(32), actor: Uint8Array.from(Buffer.from(this.actor, "hex")), facts: { opening: this.opening }, details: random(90), ...more } as Entry;
    }

    other(n: number): void {
        for (let i = 0; i < n; i++) this.log.entries.push(encodeEntry(this.entry({ actor: random(16) })));
    }

    async proof(index: number): Promise<Pick<Opening, "entry" | "leaf" | "checkpoint" | "proof">> {
        const size = this.log.entries.length;
        const hashes = this.log.entries.map(leafHash);
        const { nodeHash } = await import("../shared/log.ts");
        const subtree = async (height: number, at: number): Promise<Uint8Array> => {
            const build = (h: number, i: number): Uint8Array => (h === 0 ? hashes[i]! : nodeHash(build(h - 1, 2 * i), build(h - 1, 2 * i + 1)));
            return build(height, at);
        };
        const proof = await proveInclusion(index, size, subtree);
        return { entry: index, leaf: b64(this.log.entries[index]!), checkpoint: this.log.checkpoint(), proof: proof.map((p) => b64(p)) };
    }

    async use(entry = this.entry()): Promise<Opening> {
        const index = this.log.entries.push(encodeEntry(entry)) - 1;
        return { token: `t${index}`, expires_in_s: 3600, grant: b64(this.grant), ...(await this.proof(index)) };
    }

    get api(): Api {
        const api = {
            get: async () => ({ challenge: b64(random(48)) }),
            send: async (_method: string, _path: string, { json }: { json: { nonce: string; signature: string; renews?: string } }) => {
                this.opening = openingFact(unb64(json.nonce), unb64(json.signature));
                this.renews.push(json.renews ?? null);
                return this.lie(await this.use());
            },
            useAccess: (again: () => Promise<unknown>) => (this.again = again),
            proveAgain: async () => undefined,
        };
        return api as unknown as Api;
    }

    open(holder: Holder = holderOf(this.link, this.holder)): Promise<GrantAccess> {
        return GrantAccess.open(this.api, holder, () => this.now);
    }
}

/* A hub's line under a checkpoint (c2sp.org/tlog-cosignature, v1). */
async function cosigned(checkpoint: string, hub: SignKey): Promise<string> {
    const body = checkpoint.slice(0, checkpoint.indexOf("\n\n") + 1);
    const name = cosignerName(hub.public);
    const id = sha256(concat(utf8(`${name}\n`), new Uint8Array([4]), hub.public)).subarray(0, 4);
    const time = new Uint8Array(8);
    new DataView(time.buffer).setBigUint64(0, BigInt(NOW));
    const signature = nodeSign(null, utf8(`cosignature/v1\ntime ${NOW}\n${body}`), createPrivateKey({ key: Buffer.concat([PKCS8, hub.seed]), format: "der", type: "pkcs8" }));
    return `\u2014 ${name} ${Buffer.from(concat(id, time, signature)).toString("base64")}\n`;
}

const refused = (work: Promise<unknown>, pattern: RegExp): Promise<void> => assert.rejects(work, (e: Error) => e instanceof CardeaError && pattern.test(e.message));

test("what is opened for longer than a token lasts is the same opening", async () => {
    const m = await Made.make({ views: 1 });
    await m.open();
    m.now += 60;
    await m.again();
    assert.deepEqual(m.renews, [null, "t3"]);
});

test("an honest vault is believed, and what it was shared with is said", async () => {
    const m = await Made.make();
    const access = await m.open();
    assert.equal(access.about.household, "Home");
    assert.deepEqual(access.cameras.map((c) => [c.id, c.profile.name, c.profile.kind]), [[CAMERA, "Porch", "main"]]);
    assert.ok(access.hubOf(CAMERA));
    await access.timeKeys(CAMERA, 1);
});

test("every second of the grant opens, and no neighboring one", async () => {
    for (const [from, to] of [[RANGE.from, RANGE.to], [RANGE.from, RANGE.from + 1], [0, 1], [1023, 4097], [2 ** 31 - 3, 2 ** 31 + 3]] as const) {
        const m = await Made.make({ from, to });
        const keys = await (await m.open()).timeKeys(CAMERA, 1);
        const all = new TimeKeys([ROOT]);
        for (let s = from; s < to; s++) assert.deepEqual(keys.leaf(s), all.leaf(s));
        for (const s of [from - 3, from - 2, from - 1, to, to + 1, to + 2, 0, 2 ** 32 - 1]) {
            if (s < 0 || (s >= from && s < to)) continue;
            assert.throws(() => keys.leaf(s), (e: CardeaError) => e.word === "no_key", `${s} of [${from}, ${to})`);
        }
    }
});

test("keys of another epoch or camera are not there", async () => {
    const access = await (await Made.make()).open();
    await refused(access.timeKeys(CAMERA, 2), /not shared with you/);
    await refused(access.timeKeys("cb".repeat(16), 1), /not shared with you/);
});

/* Each lie of a vault has its own words. */
const LIES: [string, RegExp, (m: Made, o: Opening) => Promise<Opening> | Opening][] = [
    ["the grant of another household", /not from the household/, async (_, o) => {
        const other = await Made.make();
        return { ...o, grant: b64(other.grant) };
    }],
    ["another grant of the same household", /another share/, async (m, o) => {
        const raw = await issueGrant({ ...m.statement, id: "0c".repeat(16) }, m.keys.sign, await m.about(), []);
        return { ...o, grant: b64(raw) };
    }],
    ["a grant for somebody else", /for somebody else/, async (m, o) => {
        const raw = await issueGrant({ ...m.statement, grantee_sign: b64((await newSignKey()).public) }, m.keys.sign, await m.about(), []);
        return { ...o, grant: b64(raw) };
    }],
    ["a box to somebody else", /somebody else/, async (m, o) => {
        const raw = await issueGrant({ ...m.statement, grantee: b64(await boxPublic(random(32))) }, m.keys.sign, await m.about(), []);
        return { ...o, grant: b64(raw) };
    }],
    ["an altered statement", /signature does not fit/, (_, o) => {
        const raw = unb64(o.grant);
        raw[9 + 120]! ^= 1;
        return { ...o, grant: b64(raw) };
    }],
    ["no use in the log", /does not lead|beyond the checkpoint/, (m, o) => ({ ...o, leaf: b64(encodeEntry(m.entry())) })],
    ["a log of another key", /not signed by the log's key/, async (_, o) => {
        const other = new MadeLog(await newSignKey());
        other.entries.push(unb64(o.leaf));
        return { ...o, entry: 0, checkpoint: other.checkpoint(), proof: [] };
    }],
    ["somebody else's use", /somebody else's use/, async (m, o) => ({ ...o, ...(await m.proof(1)) })],
    ["an entry that is no use", /another entry/, async (m, o) => ({ ...o, ...(await m.use(m.entry({ kind: "grant.create" }))) })],
    ["an earlier use", /earlier use/, async (m, o) => ({ ...o, ...(await m.use(m.entry({ time: (m.now - 301) * 1e6 }))) })],
    ["the use of an opening before this one", /another opening/, async (m, o) => ({ ...o, ...(await m.use(m.entry({ facts: { opening: m.opening + 1 } }))) })],
    ["a use of no opening", /another opening/, async (m, o) => ({ ...o, ...(await m.use(m.entry({ facts: {} }))) })],
];
for (const [what, words, lie] of LIES)
    test(`a vault that sends ${what} is refused`, async () => {
        const m = await Made.make();
        m.lie = (o) => lie(m, o);
        await refused(m.open(), words);
    });

test("a second opening needs a second entry", async () => {
    const m = await Made.make();
    let first: Opening | null = null;
    let prove: (() => Promise<unknown>) | null = null;
    const api = { ...m.api, useAccess: (p: () => Promise<unknown>) => void (prove = p) } as unknown as Api;
    m.lie = (o) => (first ??= o);
    await GrantAccess.open(api, holderOf(m.link, m.holder), () => m.now);
    await refused(prove!(), /another opening/);
});

test("another device's opening needs an entry too, be it a second later and by the same challenge", async () => {
    const m = await Made.make();
    let first: Opening | null = null;
    const challenge = b64(random(48));
    const api = { ...m.api, get: async () => ({ challenge }) } as unknown as Api;
    m.lie = (o) => (first ??= o);
    await GrantAccess.open(api, holderOf(m.link, m.holder), () => m.now);
    await refused(GrantAccess.open(api, holderOf(m.link, m.holder), () => m.now), /another opening/);
});

test("support: an agent's use is logged by the agent's key, and no other agent's stands in for it", async () => {
    const hub = await newSignKey();
    const m = await Made.make({ purpose: "support", ticket: "0b".repeat(16), export: false, witnesses: [b64(hub.public)] }, "", undefined, true);
    const used = async (o: Opening, actor: Bytes, logged = m.statement.id, past = 0): Promise<Opening> => {
        const answer = { ...o, ...(await m.use(m.entry({ actor, facts: { grant: grantFact(logged), opening: m.opening - past } }))) };
        return { ...answer, checkpoint: answer.checkpoint + (await cosigned(answer.checkpoint, hub)) };
    };
    m.lie = (o) => used(o, staffActor(m.holder.sign.public));
    await m.open();
    const other = await newSignKey();
    m.lie = (o) => used(o, staffActor(other.public));
    await refused(m.open(), /somebody else's use/);
    m.lie = (o) => used(o, staffActor(m.holder.sign.public), "0c".repeat(16));
    await refused(m.open(), /your use of another grant/);
    m.lie = (o) => used(o, staffActor(m.holder.sign.public), m.statement.id, 1);
    await refused(m.open(), /another opening/);
});

test("a grant that does not say what the log calls its holder proves nothing", async () => {
    await refused((await Made.make({}, "", undefined, true)).open(), /what the log calls its holder/);
});

test("witnesses: a log that no hub has seen is not believed", async () => {
    const m = await Made.make({ witnesses: [b64((await newSignKey()).public)] });
    await refused(m.open(), /no hub of the household has witnessed/);
});

test("times: five minutes early is a clock, more is too early; the end is the end", async () => {
    const m = await Made.make({ not_before: NOW, expires: NOW + 60 });
    m.now = NOW - 300;
    await m.open();
    m.now = NOW - 301;
    await refused(m.open(), /does not hold yet/);
    m.now = NOW + 59;
    await m.open();
    m.now = NOW + 60;
    await refused(m.open(), /expired/);
});

test("a password makes other keys, and a link says that there is one", async () => {
    const m = await Made.make({}, "marzipan");
    const fragment = formatLink(m.link, "https://vault").split("#")[1]!;
    const link = parseFragment(fragment);
    assert.ok(link.password);
    await m.open(holderOf(link, await linkKeys(link, "marzipan")));
    const wrong = await linkKeys(link, "marzipans");
    assert.notDeepEqual(wrong.sign.public, m.holder.sign.public);
    assert.notDeepEqual(wrong.box.public, m.holder.box.public);
});

test("each refusal has its own words for whoever stands before the door", () => {
    const cases: [CardeaError, RegExp, boolean][] = [
        [new CardeaError("denied", "grant: it was revoked at 2026-01-01T00:00:00Z"), /was ended/, false],
        [new CardeaError("denied", "this grant has expired"), /has expired/, false],
        [new CardeaError("denied", "grant: it shows nothing from 2026-01-01T00:00:00Z on"), /has expired/, false],
        [new CardeaError("denied", "this grant does not hold yet"), /Not yet/, true],
        [new CardeaError("denied", "grant: it was opened as often as it may be"), /used up/, false],
        [new CardeaError("denied", "this cannot be opened: the link or its password is not right, or the try was too slow"), /nothing at this link/, false],
        [new CardeaError("forged", "x"), /proof failed/, false],
        [new CardeaError("invalid", "link: its length does not fit"), /damaged/, false],
        [new CardeaError("offline", "x"), /does not answer/, true],
        [new CardeaError("limit", "too many attempts; try again in 30 s", { retryAfter: 30 }), /Too many/, true],
    ];
    for (const [e, title, again] of cases) {
        const r = refusalOf(e);
        assert.match(r.title, title);
        assert.equal(r.again, again, r.title);
    }
});
