/* The log's reader against an independent little model of RFC 6962: its own recursion, over Node's SHA-256. */
import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, sign as nodeSign, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { boxOpen } from "../shared/box.ts";
import { CardeaError } from "../shared/errors.ts";
import {
    byStaff, checkProof, cosignatures, cosignerName, decodeEntry, encodeEntry, leafHash, logKeyOf, nodeHash, openCheckpoint, OPENING, openingFact, privateActor, proveConsistency, proveInclusion, splitBundle, staffActor, tagOf, tilePath, Tiles, verifyConsistency, verifyInclusion,
    type Entry,
} from "../shared/log.ts";
import { concat, equal, hex, utf8, type Bytes } from "../shared/bytes.ts";
import { seeded } from "./made.ts";

const H = (...parts: Uint8Array[]): Buffer => parts.reduce((h, p) => h.update(p), createHash("sha256")).digest();
const LEAF = new Uint8Array([0]);
const NODE = new Uint8Array([1]);

/* Section 2.1, word for word. */
const k = (n: number): number => 2 ** Math.ceil(Math.log2(n) - 1);
function MTH(d: Uint8Array[]): Buffer {
    if (d.length === 0) return H();
    if (d.length === 1) return H(LEAF, d[0]!);
    return H(NODE, MTH(d.slice(0, k(d.length))), MTH(d.slice(k(d.length))));
}
function PATH(m: number, d: Uint8Array[]): Buffer[] {
    if (d.length === 1) return [];
    const s = k(d.length);
    return m < s ? [...PATH(m, d.slice(0, s)), MTH(d.slice(s))] : [...PATH(m - s, d.slice(s)), MTH(d.slice(0, s))];
}
function SUBPROOF(m: number, d: Uint8Array[], b: boolean): Buffer[] {
    if (m === d.length) return b ? [] : [MTH(d)];
    const s = k(d.length);
    return m <= s ? [...SUBPROOF(m, d.slice(0, s), b), MTH(d.slice(s))] : [...SUBPROOF(m - s, d.slice(s), false), MTH(d.slice(0, s))];
}

const entries = (n: number): Uint8Array[] => Array.from({ length: n }, (_, i) => utf8(`entry ${i}`));
const subtreeOf = (d: Uint8Array[]) => async (height: number, index: number) => MTH(d.slice(index * 2 ** height, (index + 1) * 2 ** height));
const forged = (what: RegExp) => (e: unknown): boolean => e instanceof CardeaError && e.word === "forged" && what.test(e.message);
const invalid = (what: RegExp) => (e: unknown): boolean => e instanceof CardeaError && e.word === "invalid" && what.test(e.message);

test("leaves and nodes hash as the standard says", () => {
    assert.equal(hex(leafHash(new Uint8Array(0))), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    assert.ok(equal(nodeHash(H(utf8("a")), H(utf8("b"))), H(NODE, H(utf8("a")), H(utf8("b")))));
    leafHash(new Uint8Array(65_535));
    assert.throws(() => leafHash(new Uint8Array(65_536)), invalid(/longer than 65535/));
});

test("each entry of each small log is proven included, by our proof and the model's, and no other entry is", async () => {
    for (let n = 1; n <= 40; n++) {
        const d = entries(n);
        const root = MTH(d);
        for (let m = 0; m < n; m++) {
            const proof = await proveInclusion(m, n, subtreeOf(d));
            assert.deepEqual(proof.map(hex), PATH(m, d).map((b) => hex(b)));
            verifyInclusion(m, n, leafHash(d[m]!), proof, root);
            assert.throws(() => verifyInclusion(m, n, leafHash(utf8("another")), proof, root), forged(/not in the log/));
            if (n > 1) assert.throws(() => verifyInclusion((m + 1) % n, n, leafHash(d[m]!), proof, root), CardeaError);
            if (proof.length > 0) assert.throws(() => verifyInclusion(m, n, leafHash(d[m]!), proof.slice(1), root), CardeaError);
            assert.throws(() => verifyInclusion(m, n, leafHash(d[m]!), [...proof, root], root), invalid(/too long/));
        }
        assert.throws(() => verifyInclusion(n, n, leafHash(d[0]!), [], root), invalid(/cannot be/));
    }
});

test("each beginning of each small log is proven, and no log that differs", async () => {
    for (let n = 1; n <= 33; n++) {
        const d = entries(n);
        for (let m = 0; m <= n; m++) {
            const proof = await proveConsistency(m, n, subtreeOf(d));
            assert.deepEqual(proof.map(hex), m === 0 ? [] : SUBPROOF(m, d, true).map((b) => hex(b)));
            const first = MTH(d.slice(0, m));
            verifyConsistency(m, n, first, MTH(d), proof);
            if (m === 0) continue;
            const other = [...d];
            other[m - 1] = utf8("forked");
            assert.throws(() => verifyConsistency(m, n, MTH(other.slice(0, m)), MTH(d), proof), forged(/do not continue/));
            if (m < n) assert.throws(() => verifyConsistency(m, n, first, MTH(other), proof), CardeaError);
        }
        assert.throws(() => verifyConsistency(n + 1, n, MTH(d), MTH(d), []), invalid(/cannot be the beginning/));
    }
});

test("proofs that are no hashes, and too many of them, are refused", () => {
    const root = H();
    assert.throws(() => verifyInclusion(0, 2, root, [new Uint8Array(31)], root), invalid(/malformed/));
    assert.throws(() => verifyInclusion(0, 2 ** 52, root, Array.from({ length: 65 }, () => root), root), invalid(/malformed/));
    assert.throws(() => verifyConsistency(3, 2 ** 52, root, root, Array.from({ length: 66 }, () => root)), invalid(/malformed/));
});

/* ---- checkpoints ---- */

interface Key {
    secret: KeyObject;
    public: Uint8Array;
}
const newKey = (): Key => {
    const pair = generateKeyPairSync("ed25519");
    return { secret: pair.privateKey, public: new Uint8Array(pair.publicKey.export({ type: "spki", format: "der" }).subarray(-32)) };
};
const id = (name: string, algorithm: number, key: Uint8Array) => H(utf8(name), new Uint8Array([10, algorithm]), key).subarray(0, 4);
const bodyOf = (origin: string, size: number | string, root: Uint8Array) => `${origin}\n${size}\n${Buffer.from(root).toString("base64")}\n`;
const line = (name: string, by: Key, body: string): string => `\u2014 ${name} ${Buffer.concat([id(name, 1, by.public), nodeSign(null, Buffer.from(body), by.secret)]).toString("base64")}\n`;
function cosign(name: string, by: Key, body: string, time = 1_700_000_000): string {
    const at = Buffer.alloc(8);
    at.writeBigUInt64BE(BigInt(time));
    return `\u2014 ${name} ${Buffer.concat([id(name, 4, by.public), at, nodeSign(null, Buffer.from(`cosignature/v1\ntime ${time}\n${body}`), by.secret)]).toString("base64")}\n`;
}

test("a checkpoint is read, and each way in which it can be wrong has its message", async () => {
    const key = newKey();
    const other = newKey();
    const body = bodyOf("example.org/log", 7, H());
    const note = `${body}\n${line("example.org/log", key, body)}`;
    const c = await openCheckpoint(note, key.public, "example.org/log");
    assert.deepEqual([c.origin, c.size, hex(c.root)], ["example.org/log", 7, hex(H())]);
    /* Another key's line, and a witness's, change nothing. */
    await openCheckpoint(`${body}\n${line("elsewhere", other, body)}${line("example.org/log", other, body)}${line("example.org/log", key, body)}${cosign("w", other, body)}`, key.public);
    /* Extension lines belong to the body. */
    const more = `${body}an extension\n`;
    assert.equal((await openCheckpoint(`${more}\n${line("example.org/log", key, more)}`, key.public)).size, 7);
    const cases: [string, string, (e: unknown) => boolean][] = [
        ["empty", "", invalid(/no signature/)],
        ["no signature", `${body}\n`, invalid(/no signature/)],
        ["no empty line", body, invalid(/no signature/)],
        ["no end", note.slice(0, -1), invalid(/no end/)],
        ["another key", `${body}\n${line("example.org/log", other, body)}`, forged(/not signed by the log's key/)],
        ["another body", note.replace("\n7\n", "\n8\n"), forged(/does not fit/)],
        ["a line that is none", `${note}hello\n`, invalid(/not a signature/)],
        ["leading zero", `${bodyOf("o", "07", H())}\n${line("o", key, body)}`, invalid(/size is not a number/)],
        ["negative", `${bodyOf("o", "-7", H())}\n${line("o", key, body)}`, invalid(/size is not a number/)],
        ["too large", `${bodyOf("o", "9007199254740992", H())}\n${line("o", key, body)}`, invalid(/too large/)],
        ["root too short", `${bodyOf("o", 7, H().subarray(1))}\n${line("o", key, body)}`, invalid(/root/)],
        ["origin with a space", `${bodyOf("o o", 7, H())}\n${line("o", key, body)}`, invalid(/forbidden/)],
        ["origin with a plus", `${bodyOf("o+o", 7, H())}\n${line("o", key, body)}`, invalid(/forbidden/)],
        ["origin too long", `${bodyOf("o".repeat(256), 7, H())}\n${line("o", key, body)}`, invalid(/too long/)],
        ["too long", `${note}${line("x", key, body).repeat(200)}`, invalid(/too long/)],
    ];
    for (const [what, wrong, check] of cases) await assert.rejects(openCheckpoint(wrong, key.public), check, what);
    await assert.rejects(openCheckpoint(note, key.public, "another"), forged(/of the log example.org\/log, not another/));
    const longest = bodyOf("o".repeat(255), 7, H());
    assert.equal((await openCheckpoint(`${longest}\n${line("o".repeat(255), key, longest)}`, key.public)).size, 7);
});

test("witnesses that were asked for are found among the lines, and a line of theirs that does not fit is an error", async () => {
    const [key, hub, stranger] = [newKey(), newKey(), newKey()];
    const body = bodyOf("o", 7, H());
    const note = `${body}\n${line("o", key, body)}`;
    assert.deepEqual(await cosignatures(note, [hub.public]), []);
    const both = `${note}${cosign(cosignerName(stranger.public), stranger, body)}${cosign(cosignerName(hub.public), hub, body, 5)}`;
    const [found, ...rest] = await cosignatures(both, [hub.public]);
    assert.equal(rest.length, 0);
    assert.deepEqual([found!.name, found!.time, hex(found!.key)], [cosignerName(hub.public), 5, hex(hub.public)]);
    const wrong = `${note}${cosign(cosignerName(hub.public), hub, bodyOf("o", 8, H()))}`;
    assert.deepEqual(await cosignatures(wrong, [hub.public]), [], "of another log");
    assert.deepEqual(await cosignatures(`${note}${cosign("cardea-hub/0123456789abcdef", hub, body)}`, [hub.public]), [], "under another name");
});

test("what a grantee holds against the vault's answer: each failure its own message", async () => {
    const [key, hub] = [newKey(), newKey()];
    const d = entries(9);
    const root = MTH(d);
    const body = bodyOf("o", 9, root);
    const note = `${body}\n${line("o", key, body)}`;
    const witnessed = `${note}${cosign(cosignerName(hub.public), hub, body)}`;
    const proof = PATH(4, d);
    assert.equal((await checkProof(key.public, note, 4, d[4]!, proof)).size, 9);
    assert.equal((await checkProof(key.public, witnessed, 4, d[4]!, proof, [newKey().public, hub.public])).size, 9);
    await assert.rejects(checkProof(newKey().public, note, 4, d[4]!, proof), forged(/not signed by the log's key/));
    await assert.rejects(checkProof(key.public, note, 9, d[4]!, proof), forged(/beyond the checkpoint/));
    await assert.rejects(checkProof(key.public, note, 4, d[5]!, proof), forged(/not in the log/));
    await assert.rejects(checkProof(key.public, note, 4, d[4]!, proof.slice(1)), CardeaError);
    await assert.rejects(checkProof(key.public, note, 4, d[4]!, proof, [hub.public]), /no hub of the household has witnessed/);
    await checkProof(key.public, note, 4, d[4]!, proof, []);
});

/* ---- tiles ---- */

/* A log's files, as the specification lays them out. */
function files(d: Uint8Array[], size: number): Map<string, Uint8Array> {
    const out = new Map<string, Uint8Array>();
    for (let level = 0; 256 ** level <= size; level++) {
        const row = Math.floor(size / 256 ** level);
        for (let i = 0; i * 256 < row; i++) {
            const width = Math.min(256, row - i * 256);
            const hashes = Array.from({ length: width }, (_, j) => MTH(d.slice((i * 256 + j) * 256 ** level, (i * 256 + j + 1) * 256 ** level)));
            out.set(tilePath(level, i, width), concat(...hashes));
        }
    }
    for (let i = 0; i * 256 < size; i++) {
        const some = d.slice(i * 256, Math.min(size, (i + 1) * 256));
        out.set(tilePath("entries", i, some.length), concat(...some.map((e) => concat(new Uint8Array([e.length >> 8, e.length & 255]), e))));
    }
    return out;
}

test("paths of tiles", () => {
    assert.equal(tilePath(0, 0, 256), "tile/0/000");
    assert.equal(tilePath(0, 1234067, 256), "tile/0/x001/x234/067");
    assert.equal(tilePath(1, 273, 112), "tile/1/273.p/112");
    assert.equal(tilePath("entries", 1000, 1), "tile/entries/x001/000.p/1");
});

test("inclusion and consistency are proven from tiles alone", async () => {
    const d = entries(65_800).map((e, i) => (i < 600 || i > 65_000 ? e : utf8("x")));
    for (const size of [1, 255, 256, 257, 600, 65_800]) {
        const some = d.slice(0, size);
        const have = files(some, size);
        const asked: string[] = [];
        const tiles = new Tiles(async (path) => {
            asked.push(path);
            const found = have.get(path);
            if (!found) throw new CardeaError("not_found", path);
            return found;
        }, size);
        const checkpoint = { origin: "o", size, root: new Uint8Array(MTH(some)), text: "" };
        for (const i of [0, size >> 1, size - 1]) await tiles.include(checkpoint, i, d[i]!);
        await assert.rejects(tiles.include(checkpoint, size - 1, utf8("another")), forged(/not in the log/));
        for (const first of size > 1000 ? [40_000, size] : [0, 1, size >> 1, size - 1, size]) await tiles.extend({ size: first, root: MTH(d.slice(0, first)) }, checkpoint);
        if (size > 1) await assert.rejects(tiles.extend({ size: size >> 1, root: H(utf8("another")) }, checkpoint), forged(/do not continue/));
        assert.equal(new Set(asked).size, asked.length, "each tile is asked for once");
        assert.deepEqual((await tiles.bundle(0)).map(hex), some.slice(0, 256).map(hex));
        /* A partial tile is gone once the full one is there, of which it is the beginning. */
        const full = files(d, 65_800);
        const later = new Tiles(async (path) => {
            const found = path.includes(".p/") && !path.startsWith("tile/1") && !path.startsWith("tile/2") ? undefined : full.get(path) ?? have.get(path);
            if (!found) throw new CardeaError("not_found", path);
            return found;
        }, size);
        if (size <= 600) await later.include(checkpoint, size - 1, d[size - 1]!);
        if (size <= 600) assert.deepEqual((await later.bundle(0)).map(hex), some.slice(0, 256).map(hex));
        const lying = new Tiles(async (path) => have.get(path)!.map((b) => b ^ 1), size);
        if (size > 1) await assert.rejects(lying.include(checkpoint, 0, d[0]!), CardeaError);
    }
});

test("a bundle's lengths are held against its bytes", () => {
    assert.deepEqual(splitBundle(new Uint8Array([0, 1, 7, 0, 0]), 2, "b").map(hex), ["07", ""]);
    assert.throws(() => splitBundle(new Uint8Array([0, 1, 7, 0]), 2, "b"), invalid(/ends within its entries/));
    assert.throws(() => splitBundle(new Uint8Array([0, 1, 7, 0, 2, 1]), 2, "b"), invalid(/ends within an entry/));
    assert.throws(() => splitBundle(new Uint8Array([0, 1, 7, 0, 0, 0]), 2, "b"), invalid(/more entries/));
});

/* ---- entries ---- */

const sample = (more: Partial<Entry> = {}): Entry => ({
    version: 2, time: 1_790_000_000_123_456, kind: "grant.use", tag: new Uint8Array(32).fill(7), actor: new Uint8Array(16).fill(9), facts: { cameras: 2, minutes: 5, live: 1, ticket: 1 }, details: utf8("sealed"), ...more,
});

test("an entry has one encoding", () => {
    const raw = encodeEntry(sample());
    assert.equal(hex(raw.subarray(0, 11)), `87021b${(1_790_000_000_123_456).toString(16).padStart(16, "0")}`);
    const again = decodeEntry(raw);
    assert.deepEqual({ ...again, facts: { ...again.facts } }, sample());
    assert.match(hex(raw), /a4646c69766501667469636b6574016763616d6572617302676d696e7574657305/, "keys in the order of their encodings");
    const next = seeded(3);
    for (let i = 0; i < 500; i++) {
        const e = sample({
            time: Math.floor(next() * 2 ** Math.floor(next() * 53)), tag: next() < 0.5 ? null : new Uint8Array(32), actor: next() < 0.5 ? null : new Uint8Array(16),
            facts: next() < 0.5 ? {} : { a: Math.floor(next() * 2 ** Math.floor(next() * 53)), bb: 23, ccc: 24, b: 255 }, details: new Uint8Array(Math.floor(next() * 400)),
        });
        const d = decodeEntry(encodeEntry(e));
        assert.deepEqual({ ...d, facts: { ...d.facts } }, e);
        assert.deepEqual(encodeEntry(d), encodeEntry(e));
    }
});

test("every byte of an entry matters, and none is missing", () => {
    const raw = encodeEntry(sample());
    for (let i = 0; i < raw.length; i++) assert.throws(() => decodeEntry(raw.subarray(0, i)), CardeaError, `cut at ${i}`);
    assert.throws(() => decodeEntry(concat(raw, new Uint8Array(1))), invalid(/follows/));
    /* Whatever is flipped is refused, or reads as an entry that encodes to just these bytes. */
    for (let i = 0; i < raw.length; i++)
        for (let bit = 0; bit < 8; bit++) {
            const wrong = raw.slice();
            wrong[i]! ^= 1 << bit;
            try {
                assert.deepEqual(encodeEntry(decodeEntry(wrong)), wrong);
            } catch (e) {
                assert.ok(e instanceof CardeaError, String(e));
            }
        }
    const swap = (from: string, to: string) => () => decodeEntry(Buffer.from(hex(raw).replace(from, to), "hex"));
    assert.throws(swap("8702", "871802"), invalid(/version is not in its shortest form/));
    assert.throws(swap("8702", "8703"), (e) => e instanceof CardeaError && e.word === "unsupported");
    assert.throws(swap("8702", "9f02"), invalid(/no definite length/));
    assert.throws(swap(hex(utf8("cameras")), hex(utf8("nameras"))), invalid(/not in their order/));
    assert.throws(swap(hex(utf8("grant.use")), hex(utf8("grant.USE"))), invalid(/kind/));
    assert.throws(() => decodeEntry(encodeEntry(sample({ tag: new Uint8Array(31) }))), invalid(/tag has 31 bytes/));
    assert.throws(() => decodeEntry(encodeEntry(sample({ actor: new Uint8Array(17) }))), invalid(/actor has 17 bytes/));
    assert.throws(() => decodeEntry(encodeEntry(sample({ facts: Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`f${"abcdefghi"[i]}`, 1])) }))), invalid(/too many facts/));
    assert.throws(() => decodeEntry(new Uint8Array(65_536)), invalid(/longer/));
    decodeEntry(encodeEntry(sample({ details: new Uint8Array(32_768) })));
    assert.throws(() => decodeEntry(encodeEntry(sample({ details: new Uint8Array(32_769) }))), invalid(/details are too long/));
    assert.throws(() => decodeEntry(encodeEntry(sample({ facts: { "a b": 1 } }))), invalid(/name of a fact/));
});

test("an entry that an earlier vault wrote is still read", () => {
    const old = concat(new Uint8Array([0x85, 1, 0x1b, 0, 6, 0x5b, 0xfd, 0x68, 0xdf, 0x42, 0x40, 0x79, 0, 9]), utf8("admin.act"), new Uint8Array([0xf6, 0x79, 0, 5]), utf8("start"));
    const e = decodeEntry(old);
    assert.deepEqual([e.version, e.kind, e.tag, Buffer.from(e.details).toString()], [1, "admin.act", null, "start"]);
    for (let i = 0; i < old.length; i++) assert.throws(() => decodeEntry(old.subarray(0, i)), CardeaError);
});

/* ---- what C reads and proves too ---- */

type Case = Record<string, any>;
const vectors = (name: string): Case[] => JSON.parse(readFileSync(join(process.env["CARDEA_VECTORS"]!, `${name}.json`), "utf8")).cases;
const bytes = (h: string): Bytes => new Uint8Array(Buffer.from(h, "hex"));
const wordIs = (word: string) => (e: unknown): boolean => e instanceof CardeaError && e.word === word;

test("vectors: log_entry", async (t) => {
    for (const c of vectors("log_entry"))
        await t.test(c["name"], async () => {
            if (c["what"] === "keys") {
                assert.equal(hex(logKeyOf(bytes(c["seed"]))), c["log_key"]);
                assert.equal(hex(tagOf(bytes(c["log_key"]), Number(c["n"]))), c["tag"]);
                assert.equal(hex(privateActor(bytes(c["log_key"]), bytes(c["sign"]))), c["actor"]);
                assert.equal(hex(staffActor(bytes(c["sign"]))), c["staff"]);
                return;
            }
            if (c["what"] === "opening") {
                const e = decodeEntry(bytes(c["entry"]));
                assert.equal(openingFact(bytes(c["nonce"]), bytes(c["signature"])), c["opening"]);
                assert.equal(e.facts[OPENING], c["opening"]);
                assert.equal(byStaff(e), false);
                return;
            }
            if (c["error"]) return void assert.throws(() => decodeEntry(bytes(c["entry"])), wordIs(c["error"]));
            const e = decodeEntry(bytes(c["entry"]));
            if (c["what"] === "details") {
                const plain = await boxOpen(bytes(c["household_secret"]), "cardea/1 log", e.tag!, e.details);
                assert.equal(Buffer.from(plain).toString(), c["plain"]);
                assert.equal(hex(e.tag!), hex(tagOf(bytes(c["log_key"]), Number(c["n"]))));
                return;
            }
            assert.deepEqual([e.version, e.time, e.kind, e.tag && hex(e.tag), e.actor && hex(e.actor), { ...e.facts }, hex(e.details)], [c["version"], c["time"], c["kind"], c["tag"], c["actor"], c["facts"], c["details"]]);
            if (e.version === 2) assert.equal(hex(encodeEntry(e)), c["entry"]);
        });
});

test("vectors: log_proof", async (t) => {
    for (const c of vectors("log_proof"))
        await t.test(c["name"], async () => {
            const check = checkProof(bytes(c["log_key"]), c["checkpoint"], c["index"], bytes(c["leaf"]), c["proof"].map(bytes), c["witnesses"].map(bytes));
            if (c["error"]) return assert.rejects(check, wordIs(c["error"]));
            const found = await check;
            assert.deepEqual([found.size, hex(found.root)], [c["size"], c["root"]]);
        });
});
