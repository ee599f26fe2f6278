/* Formats against each other's halves and against published values; the shared vectors are in vectors.test.ts. */
import assert from "node:assert/strict";
import { createHash, createHmac, randomBytes } from "node:crypto";
import { test } from "node:test";
import { boxOpen, boxSeal, newBoxKey } from "../shared/box.ts";
import { b64, concat, hex, own, random, unb64, unhex, utf8, type Bytes } from "../shared/bytes.ts";
import { labelText, readLabel } from "../shared/devicename.ts";
import { CardeaError } from "../shared/errors.ts";
import { hkdfExpand, hkdfExtract, hmac, sha256 } from "../shared/hash.ts";
import { parseCode } from "../shared/hub.ts";
import { openKeyring, sealKeyring, type Keyring } from "../shared/keyring.ts";
import { Message, MessageReader } from "../shared/live.ts";
import { newRecovery, parseRecovery, recoveryKeys } from "../shared/recovery.ts";
import { decodeTable, HEADER_BYTES, Kind, padme, readSegment } from "../shared/segment.ts";
import { newSignKey, openEnvelope, openObject, seal, sealObject } from "../shared/sign.ts";
import { cover, covers, decodeSet, encodeSet, remove, SLOT_END, TimeKeys, type Node } from "../shared/timekey.ts";
import { makeHeader, sealSegment, type PlainRecord } from "./seal.ts";

const bytes = (b: Buffer): Bytes => new Uint8Array(b);
const root = (): Node[] => [{ depth: 0, first: 0, key: random(32) }];
const word = (e: unknown): string => (e instanceof CardeaError ? e.word : `not ours: ${String(e)}`);
const throws = (word_: string, work: () => unknown): void => assert.throws(work, (e) => word(e) === word_);
const rejects = (word_: string, work: Promise<unknown>): Promise<void> => assert.rejects(work, (e) => word(e) === word_);

test("sha256, hmac and hkdf agree with node's at every border of a block", () => {
    for (const n of [0, 1, 3, 55, 56, 57, 63, 64, 65, 119, 120, 127, 128, 1000]) {
        const data = bytes(randomBytes(n));
        assert.equal(hex(sha256(data)), createHash("sha256").update(data).digest("hex"));
        for (const k of [0, 1, 32, 64, 65, 200]) {
            const key = bytes(randomBytes(k));
            assert.equal(hex(hmac(key, data)), createHmac("sha256", key).update(data).digest("hex"));
        }
    }
    /* RFC 5869, test case 1 */
    const prk = hkdfExtract(unhex("000102030405060708090a0b0c"), unhex("0b".repeat(22)));
    assert.equal(hex(prk), "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
    assert.equal(hex(hkdfExpand(prk, "", unhex("f0f1f2f3f4f5f6f7f8f9"), 42)), "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
});

test("base64url and hex refuse what is not theirs", () => {
    const data = random(300);
    assert.deepEqual(unb64(b64(data)), data);
    assert.deepEqual(unhex(hex(data)), data);
    for (const bad of ["a+b=", "a b", "ä"]) assert.throws(() => unb64(bad));
    for (const bad of ["abc", "AB", "0g"]) assert.throws(() => unhex(bad));
});

test("a cover opens its own seconds and no others", () => {
    const all = new TimeKeys(root());
    const part = new TimeKeys(cover(all.nodes, 1000, 1777));
    for (const s of [1000, 1001, 1500, 1776]) assert.deepEqual(part.leaf(s), all.leaf(s));
    for (const s of [0, 999, 1777, SLOT_END - 1]) throws("no_key", () => part.leaf(s));
    assert.ok(cover(all.nodes, 1, SLOT_END - 1).length <= 62);
    assert.ok(covers(part.nodes, 1000, 1777) && !covers(part.nodes, 999, 1001));
    throws("no_key", () => cover(part.nodes, 999, 1001));
    throws("invalid", () => cover(all.nodes, 5, 5));
});

test("shredding leaves the rest as it was", () => {
    const all = new TimeKeys(root());
    const rest = new TimeKeys(remove(all.nodes, 50_000, 50_010));
    for (const s of [0, 49_999, 50_010, SLOT_END - 1]) assert.deepEqual(rest.leaf(s), all.leaf(s));
    for (let s = 50_000; s < 50_010; s++) throws("no_key", () => rest.leaf(s));
    assert.deepEqual(decodeSet(encodeSet(rest.nodes)), rest.nodes);
});

test("a damaged time key set is refused by field", () => {
    const raw = encodeSet(cover(root(), 10, 20));
    const bad: [number, string][] = [[0, "magic"], [4, "version"], [5, "suite"], [9, "count"], [10, "depth"]];
    for (const [at, field] of bad) {
        const copy = own(raw);
        copy[at]! ^= 0xff;
        assert.throws(() => decodeSet(copy), new RegExp(field));
    }
    assert.throws(() => decodeSet(raw.subarray(0, raw.length - 1)), /count/);
});

test("padme grows by less than 12 % and never shrinks", () => {
    assert.deepEqual([0, 1, 3, 4, 5, 9, 33, 1000].map(padme), [0, 1, 3, 4, 5, 10, 36, 1024]);
    for (let n = 8; n < 200_000; n = Math.ceil(n * 1.31)) assert.ok(padme(n) >= n && padme(n) < n * 1.12);
});

const camera = "ab".repeat(16);
async function sample(): Promise<{ keys: TimeKeys; raw: Bytes; records: PlainRecord[] }> {
    const keys = new TimeKeys(root());
    const records: PlainRecord[] = [
        { kind: Kind.init, second: 0, data: utf8("init") },
        { kind: Kind.fragment, second: 0, data: bytes(randomBytes(900)) },
        { kind: Kind.fragment, second: 1, data: bytes(randomBytes(70_000)) },
        { kind: Kind.fragment, second: 3, data: bytes(randomBytes(10)) },
        { kind: Kind.mark, second: 3, data: bytes(randomBytes(200)) },
        { kind: Kind.end, second: 3, data: new Uint8Array(16) },
    ];
    return { keys, records, raw: await sealSegment(keys, makeHeader(keys, camera, 7, 1_000_000, random(16)), records) };
}

test("a segment opens to what was sealed", async () => {
    const { keys, raw, records } = await sample();
    const s = await readSegment(raw, keys);
    assert.equal(s.problem, null);
    assert.deepEqual(s.records.map((r) => [r.kind, r.slot, hex(r.data)]), records.map((r) => [r.kind, 1_000_000 + r.second, hex(r.data)]));
    assert.equal(s.header.camera, camera);
    assert.equal(s.header.epoch, 7);
});

test("a segment cut anywhere keeps what is whole and says so", async () => {
    const { keys, raw } = await sample();
    for (const cut of [HEADER_BYTES, HEADER_BYTES + 3, HEADER_BYTES + 40, 2000, raw.length - 1]) {
        const s = await readSegment(raw.subarray(0, cut), keys);
        assert.equal(s.problem?.word, "cut_short");
        assert.ok(s.records.length < 6);
    }
    await rejects("cut_short", readSegment(raw.subarray(0, 20), keys));
});

test("an altered, reordered or dropped record is named", async () => {
    const { keys, raw } = await sample();
    for (let at = 0; at < raw.length; at += 397) {
        const copy = own(raw);
        copy[at]! ^= 1;
        const outcome = await readSegment(copy, keys).then((s) => s.problem?.word ?? "none", word);
        assert.ok(["forged", "invalid", "cut_short", "no_key"].includes(outcome), `byte ${at}: ${outcome}`);
    }
    const first = HEADER_BYTES + 4 + new DataView(raw.buffer).getUint32(HEADER_BYTES);
    const second = first + 4 + new DataView(raw.buffer).getUint32(first);
    const dropped = await readSegment(concat(raw.subarray(0, first), raw.subarray(second)), keys);
    assert.equal(dropped.problem?.word, "forged");
});

test("a grant that ends within a segment opens exactly so far", async () => {
    const { keys, raw } = await sample();
    const s = await readSegment(raw, new TimeKeys(cover(keys.nodes, 1_000_000, 1_000_001)));
    assert.equal(s.problem?.word, "no_key");
    assert.deepEqual(s.records.map((r) => r.slot), [1_000_000, 1_000_000]);
});

test("boxes open for whom they are for, with the same words", async () => {
    const key = await newBoxKey();
    const other = await newBoxKey();
    const sealed = await boxSeal(key.public, "cardea/1 root", utf8("aad"), utf8("hello"));
    assert.deepEqual(await boxOpen(key.secret, "cardea/1 root", utf8("aad"), sealed), utf8("hello"));
    await rejects("forged", boxOpen(other.secret, "cardea/1 root", utf8("aad"), sealed));
    await rejects("forged", boxOpen(key.secret, "cardea/1 profile", utf8("aad"), sealed));
    await rejects("forged", boxOpen(key.secret, "cardea/1 root", utf8("add"), sealed));
    await rejects("invalid", boxOpen(key.secret, "cardea/1 root", utf8("aad"), sealed.subarray(0, 40)));
});

test("objects cannot be moved, edited or signed by somebody else", async () => {
    const key = await newSignKey();
    const other = await newSignKey();
    const raw = await sealObject(key, "hub/aa", 3, utf8("payload"));
    const o = await openObject(raw, "hub/aa", [key.public]);
    assert.deepEqual([o.version, hex(o.payload)], [3, hex(utf8("payload"))]);
    await rejects("forged", openObject(raw, "hub/ab", [key.public]));
    await rejects("forged", openObject(raw, "hub/aa", [other.public]));
    const copy = own(raw);
    copy[copy.length - 1]! ^= 1;
    await rejects("forged", openObject(copy, "hub/aa", [key.public]));
    await rejects("forged", openEnvelope(await seal(key, "cardea/1 mark", utf8("x")), "cardea/1 grant"));
});

test("the keyring opens by passphrase and by recovery code, and by nothing else", async () => {
    const a = random(32);
    const b = random(32);
    const ring: Keyring = {
        cost: { memoryKib: 65536, passes: 3 }, salt: random(16), key: random(32),
        body: { v: 1, account: { box: random(32), sign: random(32) }, recovery: b, households: [{ id: hex(random(16)), capability: random(32), name: "Höme" }] },
    };
    const raw = await sealKeyring(ring, a);
    assert.deepEqual((await openKeyring(raw, 1, a)).body, ring.body);
    assert.deepEqual((await openKeyring(raw, 2, b)).body, ring.body);
    await rejects("denied", openKeyring(raw, 1, b));
    for (const at of [14, 60, raw.length - 1]) {
        const copy = own(raw);
        copy[at]! ^= 1;
        await assert.rejects(openKeyring(copy, 1, a));
    }
});

test("a recovery code survives capitals and spaces, and names a wrong word", () => {
    const { secret, words } = newRecovery();
    assert.deepEqual(parseRecovery(words.join("-")), secret);
    assert.deepEqual(parseRecovery(` ${words.join("  ").toUpperCase()}\n`), secret);
    assert.notDeepEqual(recoveryKeys(secret).auth, recoveryKeys(secret).wrap);
    const swapped = [...words];
    swapped[4] = swapped[4]!.startsWith("b") ? `d${swapped[4]!.slice(1)}` : `b${swapped[4]!.slice(1)}`;
    assert.throws(() => parseRecovery(swapped.join(" ")), /word (5|6|7)/);
    assert.throws(() => parseRecovery(words.slice(0, 11).join(" ")), /has 12 words, and this has 11/);
    swapped[4] = "hello";
    assert.throws(() => parseRecovery(swapped.join(" ")), /word 5, "hello"/);
});

test("a pairing code forgives case and look-alikes", () => {
    assert.equal(hex(parseCode("0000-0000-0000-0001")), "00000000000000000001");
    assert.deepEqual(parseCode("oil0 abcd efgh jkmn"), parseCode("0110-ABCD-EFGH-JKMN"));
    assert.throws(() => parseCode("0110-ABCD-EFGH-JKM"), /16/);
    assert.throws(() => parseCode("U110-ABCD-EFGH-JKMN"), /"U"/);
});

test("live messages survive any cutting of the stream", () => {
    const parts: Bytes[] = [];
    const expected: string[] = [];
    for (let i = 0; i < 50; i++) {
        const payload = bytes(randomBytes(i * 37));
        const head = new Uint8Array(6);
        head[0] = i % 2 ? Message.record : Message.header;
        head[1] = i;
        new DataView(head.buffer).setUint32(2, payload.length);
        parts.push(head, payload);
        expected.push(`${head[0]} ${i} ${hex(payload)}`);
    }
    const all = concat(...parts);
    for (const size of [1, 5, 6, 7, 64, 1000, all.length]) {
        const reader = new MessageReader();
        const got: string[] = [];
        for (let at = 0; at < all.length; at += size)
            for (const m of reader.push(all.subarray(at, at + size))) got.push(`${m.type} ${m.camera} ${hex(m.payload)}`);
        assert.deepEqual(got, expected);
    }
    assert.throws(() => new MessageReader().push(new Uint8Array([2, 0, 0xff, 0, 0, 0])), /too long/);
});

test("a reel's table is read by its flags", () => {
    const raw = unhex("00000064" + "03" + "02" + "0000" + "00000010" + "00000020" + "00000008");
    assert.deepEqual(decodeTable(raw), [{ slot: 100, seconds: 3, cutShort: false, picture: true, noKeyFrame: false, offset: 16, length: 32, headLength: 8 }]);
    assert.throws(() => decodeTable(raw.subarray(1)));
});

/* The same texts as in src/format/format_test.c. */
test("a session's label says how and when beside the name, and what is none is a name", () => {
    const label = { name: "Chromium on Linux", how: "passkey" as const, since: 0x6a2b3c4d, used: 0xffffffff };
    assert.equal(labelText(label), "Chromium on Linux #k6a2b3c4dffffffff");
    assert.deepEqual(readLabel(labelText(label)), label);
    assert.equal(readLabel(labelText({ ...label, name: "n".repeat(45) })).name, "n".repeat(45));
    assert.equal(readLabel(labelText({ ...label, name: "n".repeat(44) + "ä" })).name, "n".repeat(44));
    for (const name of ["", "x", " #k6a2b3c4d0000000", "Phone #x6a2b3c4d00000000", "Phone #k6A2b3c4d00000000", "Phone #k6a2b3c4d0000000g", "Phone#k6a2b3c4d00000000", "Phone #k6a2b3c4d00000000 "]) {
        assert.deepEqual(readLabel(name), { name, how: null, since: 0, used: 0 });
        assert.equal(labelText(readLabel(name)), name);
    }
});
