/* The vectors that the C implementation passes too: tests/vectors. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { argon2id } from "hash-wasm";
import { boxOpen, boxOpener, boxPublic, boxSeal } from "../shared/box.ts";
import { concat, hex, text, u32, unb64, unhex, utf8 } from "../shared/bytes.ts";
import { CardeaError } from "../shared/errors.ts";
import { eventEpoch, openEvent, openEventPicture } from "../shared/event.ts";
import { allows, checkOpen, makeRevocation, openGrantBox, readAbout, readGrant, readRevocation, signOpen, statementText } from "../shared/grant.ts";
import { hkdfExpand, hkdfExtract, hmac, sha256 } from "../shared/hash.ts";
import { readCertificate } from "../shared/household.ts";
import { openHouseholdKeys } from "../shared/householdkeys.ts";
import { commandText, openReply, pairingOf, parseCode } from "../shared/hub.ts";
import { openName, sealName } from "../shared/devicename.ts";
import { openByPasskey, openKeyring, passkeyKey, wrapForPasskey } from "../shared/keyring.ts";
import { formatLink, linkKeys, parseLink } from "../shared/link.ts";
import { leads, makeSuccession, readChain } from "../shared/succession.ts";
import { markDeltas } from "../shared/mark_hidden.ts";
import { readMark } from "../shared/mark.ts";
import { readAnswer } from "../shared/join.ts";
import { memberMac } from "../shared/members.ts";
import { derive } from "../shared/passphrase.ts";
import { parseRecovery, recoveryKeys } from "../shared/recovery.ts";
import { decodeHeader, decodeTable, padme, readSegment } from "../shared/segment.ts";
import { readStaffCertificate, readStaffKey, readStaffRevocation, staffCertificateText, staffFingerprint } from "../shared/staff.ts";
import { openEnvelope, openObject, sign, signKey, verify } from "../shared/sign.ts";
import { openTicketMessage, sealTicketMessage, ticketText } from "../shared/ticket.ts";
import { cover, decodeSet, encodeSet, eventKey, intersect, remove, segmentCommitment, segmentKey, TimeKeys } from "../shared/timekey.ts";

/* eslint-style looseness is fine here: the files are the types. */
type Case = Record<string, any>;
const folder = process.env["CARDEA_VECTORS"]!;
const cases = (name: string): Case[] => JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8")).cases;

/* Our words for what C says otherwise. */
const SAME: Record<string, string> = { no_key: "not_found" };
const wordOf = (e: unknown): string => (e instanceof CardeaError ? (SAME[e.word] ?? e.word) : `threw ${String(e)}`);

function each(name: string, run: (c: Case) => Promise<void> | void, filter: (c: Case) => boolean = () => true): void {
    test(`vectors: ${name}`, async (t) => {
        const all = cases(name).filter(filter);
        assert.ok(all.length > 0);
        for (const c of all)
            await t.test(String(c["name"] ?? c["len"]), async () => {
                if (!c["error"]) return run(c);
                await assert.rejects(async () => run(c), (e) => {
                    assert.equal(wordOf(e), c["error"], String(e));
                    if (c["names"]) assert.match(String(e), new RegExp(c["names"]));
                    return true;
                });
            });
    });
}

each("hkdf", (c) => {
    const prk = hkdfExtract(unhex(c["salt"]), unhex(c["secret"]));
    assert.equal(hex(prk), c["prk"]);
    assert.equal(hex(hkdfExpand(prk, "", unhex(c["info"]), c["okm"].length / 2)), c["okm"]);
});

each("padme", (c) => assert.equal(padme(c["len"]), c["expected"]));

each("sign", async (c) => {
    const publicKey = unhex(c["public"]);
    const signature = unhex(c["signature"]);
    if ("raw" in c) {
        /* RFC 8032 signs bytes without a domain: WebCrypto itself. */
        const key = await crypto.subtle.importKey("raw", publicKey, "Ed25519", false, ["verify"]);
        if (!(await crypto.subtle.verify("Ed25519", key, signature, unhex(c["raw"])))) throw new CardeaError("forged", "no");
        return;
    }
    if (!(await verify(publicKey, c["domain"], unhex(c["message"]), signature))) throw new CardeaError("forged", "no");
    if (!c["seed"]) return;
    const key = await signKey(unhex(c["seed"]));
    assert.equal(hex(key.public), c["public"]);
    assert.equal(hex(await sign(key, c["domain"], unhex(c["message"]))), c["signature"]);
});

each("box", async (c) => {
    if (!c["recipient_secret"]) return void (await boxSeal(unhex(c["recipient_public"]), c["info"], unhex(c["aad"]), unhex(c["plain"])));
    assert.equal(c["recipient_public"] ?? hex(await boxPublic(unhex(c["recipient_secret"]))), hex(await boxPublic(unhex(c["recipient_secret"]))));
    assert.equal(hex(await boxOpen(unhex(c["recipient_secret"]), c["info"], unhex(c["aad"]), unhex(c["sealed"]))), c["plain"]);
}, (c) => "recipient_secret" in c || "error" in c);

each("passphrase", async (c) => {
    const salt = unhex(c["salt"]);
    const keys = await derive(c["passphrase"], salt, { memoryKib: c["memory_kib"], passes: c["passes"] });
    const raw = await argon2id({ password: utf8(c["passphrase"]), salt, parallelism: 1, iterations: c["passes"], memorySize: c["memory_kib"], hashLength: 32, outputType: "hex" });
    assert.deepEqual([raw, hex(keys.auth), hex(keys.wrap)], [c["argon2id"], c["auth"], c["wrap"]]);
}, (c) => c["passphrase"] !== ""); /* hash-wasm takes no empty one, and no page does */

each("recovery", (c) => {
    try {
        const secret = parseRecovery(c["text"]);
        const keys = recoveryKeys(secret);
        assert.deepEqual([hex(secret), hex(keys.auth), hex(keys.wrap)], [c["secret"], c["auth"], c["wrap"]]);
    } catch (e) {
        if (c["word"] && c["word"] <= 12) assert.match(String(e), new RegExp(`word ${c["word"]}\\b|has 12 words`));
        throw e;
    }
});

each("keyring", async (c) => {
    const raw = unhex(c["keyring"]);
    try {
        if (c["way"] === "passkey") return void (await openByPasskey(raw, unhex(c["sealed"]), unhex(c["wrap"])));
        const ring = await openKeyring(raw, c["way"] === "recovery" ? 2 : 1, unhex(c["wrap"]));
        assert.equal(ring.body.login, c["login"]);
        for (const p of c["passkeys"] ?? []) {
            const key = passkeyKey(unhex(p["prf"]));
            assert.equal(hex(key), p["key"]);
            const opened = await openByPasskey(raw, unhex(p["wrap"]), key);
            assert.deepEqual(opened.body, ring.body);
            assert.deepEqual((await openByPasskey(raw, await wrapForPasskey(ring, key), key)).key, ring.key);
        }
        assert.deepEqual((ring.body.passkeys ?? []).map((p) => [p.id, hex(p.wrap)]), (c["passkeys"] ?? []).map((p: Case) => [p["id"], p["key"]]));
        const again = await openKeyring(raw, 2, unhex(c["recovery_wrap"]));
        assert.deepEqual(ring.body, again.body);
        assert.equal(hex(ring.key), c["keyring_key"]);
        assert.equal(hex(ring.body.recovery), c["recovery_wrap"]);
        assert.deepEqual(
            { account: { box: hex(ring.body.account.box), sign: hex(ring.body.account.sign) }, households: ring.body.households.map((h) => ({ ...h, capability: hex(h.capability), ...(h.sign && { sign: hex(h.sign) }) })) },
            c["expected"],
        );
    } catch (e) {
        /* To a person, a wrap that does not open is a wrong passphrase. */
        if (e instanceof CardeaError && e.word === "denied") throw new CardeaError("forged", e.message);
        throw e;
    }
});

each("device", async (c) => {
    const account = unhex(c["account"]);
    const name = await openName(account, unhex(c["sealed"]));
    /* To a person a name that does not open is none: which way it is wrong does not matter here. */
    if (name === null) throw new CardeaError(c["error"], "no name");
    assert.equal(name, c["expected"]);
    assert.equal(hex(await sealName(account, c["device"], unhex(c["nonce"]))), c["sealed"]);
});

each("timekey", (c) => {
    if (c["op"] === "decode") {
        const nodes = decodeSet(unhex(c["raw"]));
        assert.deepEqual(nodes.map((n) => ({ depth: n.depth, first: n.first, key: hex(n.key) })), c["expected"]);
        return assert.equal(hex(encodeSet(nodes)), c["raw"]);
    }
    const nodes = decodeSet(unhex(c["set"]));
    if (c["op"] === "leaf") {
        const leaf = new TimeKeys(nodes).leaf(c["slot"]);
        const id = unhex(c["id"]);
        return assert.deepEqual([leaf, segmentKey(leaf, id), segmentCommitment(leaf, id), eventKey(leaf, id)].map(hex), [c["expected"], c["segment_key"], c["segment_commitment"], c["event_key"]]);
    }
    const ops: Record<string, () => unknown> = {
        cover: () => cover(nodes, c["begin"], c["end"]),
        intersect: () => intersect(nodes, c["begin"], c["end"]),
        remove: () => remove(nodes, c["begin"], c["end"]),
        forward: () => remove(nodes, 0, c["now"] ?? c["begin"]),
    };
    const op = ops[c["op"]];
    assert.ok(op, `operation ${c["op"]}`);
    assert.equal(hex(encodeSet(op() as ReturnType<typeof cover>)), c["expected"]);
}, (c) => ["leaf", "decode", "cover", "intersect", "remove", "forward"].includes(c["op"]));

each("segment", async (c) => {
    const s = await readSegment(unhex(c["segment"]), new TimeKeys(decodeSet(unhex(c["keys"]))));
    const got = s.records.map((r) => ({ kind: r.kind as number, slot: r.slot, data: hex(r.data) }));
    assert.deepEqual(got, c["records"]);
    assert.equal(s.complete, c["complete"]);
    if (s.problem) throw s.problem;
});

each("reel", async (c) => {
    const reel = unhex(c["reel"]);
    for (const e of decodeTable(unhex(c["table"]))) {
        const header = decodeHeader(reel.subarray(e.offset));
        assert.deepEqual([header.camera, header.epoch, header.slot], [c["camera"], c["epoch"], e.slot]);
        assert.ok(e.headLength <= e.length && e.offset + e.length <= reel.length);
    }
}, (c) => !c["error"]);

each("event", async (c) => {
    const raw = unhex(c["event"]);
    const head = eventEpoch(raw);
    const keys = new TimeKeys(decodeSet(unhex(c["keys"])));
    const expected = c["expected"];
    if (c["kind"] === "picture") {
        const picture = await openEventPicture(raw, keys);
        return assert.deepEqual([head.camera, head.epoch, picture.id, hex(picture.jpeg)], [expected.camera, expected.epoch, expected.id, expected.jpeg]);
    }
    const { id, slot, ...event } = await openEvent(raw, keys);
    assert.deepEqual([head.camera, head.epoch, id, slot], [expected.camera, expected.epoch, expected.id, expected.slot]);
    assert.deepEqual(event, JSON.parse(text(unhex(expected.json))));
});

each("mark", async (c) => {
    const mark = await readMark(unhex(c["mark"]));
    const e = c["expected"];
    assert.deepEqual([mark.camera, mark.epoch, mark.slot, mark.segment, hex(mark.previous), mark.hashes.map(hex), hex(mark.hub)], [e.camera, e.epoch, e.slot, e.segment, e.previous, e.hashes, e.hub]);
});

each("hidden_mark", (c) => {
    const raw = unhex(c["means_16"]);
    const means = Int32Array.from({ length: raw.length / 2 }, (_, i) => (raw[2 * i]! << 8) | raw[2 * i + 1]!);
    const deltas = markDeltas(means, { key: c["key"], minute: c["minute"] });
    assert.deepEqual([deltas.filter((d) => d !== 0).length, hex(sha256(new Uint8Array(deltas.buffer)))], [c["changed"], c["deltas_sha256"]]);
});

each("envelope", async (c) => {
    const e = await openEnvelope(unhex(c["envelope"]), c["domain"]);
    assert.deepEqual([hex(e.signer), hex(e.body)], [c["signer"], c["message"]]);
});

each("object", async (c) => {
    const o = await openObject(unhex(c["object"]), c["key"], [unhex(c["signer"])]);
    assert.deepEqual([o.version, hex(o.payload)], [c["version"], c["payload"]]);
});

each("camera", async (c) => {
    const aad = c["kind"] === "root" ? concat(unhex(c["camera"]), u32(c["epoch"])) : unhex(c["camera"]);
    assert.equal(hex(await boxOpen(unhex(c["household_secret"]), `cardea/1 ${c["kind"]}`, aad, unhex(c["payload"]))), c["expected"]);
});

each("household", async (c) => {
    if (c["kind"] === "certificate") {
        const key = `hub/${c["hub"] ?? "02eaf263caa17a902fbac6792e6b92f3"}`;
        const hub = await readCertificate(unhex(c["object"]), key, unhex(c["signer"]));
        return assert.deepEqual([hub.id, hex(hub.sign), hex(hub.box), hub.added], [c["hub"], c["sign"], c["box"], c["added"]]);
    }
    const secret = unhex(c["account_secret"]);
    const key = c["key"] ?? `household/keys/069894b6607b804d`;
    const keys = await openHouseholdKeys(unhex(c["object"]), key, c["household"], secret);
    if (c["known"]) {
        assert.deepEqual([hex(keys.log), keys.former.map(hex)], [c["log"], c["former"]]);
        assert.ok(leads(keys.chain, unhex(c["known"]), unhex(c["present"])));
        assert.deepEqual(keys.sign.public, unhex(c["present"]));
    }
    assert.deepEqual([hex(keys.box), hex(keys.sign.seed), keys.name], [c["box"], c["sign"], c["title"]]);
    assert.equal(key, `household/keys/${hex(sha256(await boxPublic(secret)).subarray(0, 8))}`);
});

each("succession", async (c) => {
    const chain = await readChain(c["chain"].map(unhex));
    if (!leads(chain, unhex(c["known"]), unhex(c["signer"]))) throw new CardeaError("forged", "it leads elsewhere");
    if (!c["former_seed"]) return;
    const next = { sign: await signKey(unhex(c["next_seed"])), box: unhex(c["next_box"]) };
    const made = await makeSuccession(await signKey(unhex(c["former_seed"])), next, { household: c["household"], n: 1, time: c["time"] });
    assert.equal(hex(made), c["chain"][0]);
});

each("pairing", (c) => {
    if (c["kind"] === "code") {
        const p = pairingOf(parseCode(c["text"]));
        return assert.deepEqual([hex(parseCode(c["text"])), p.id, hex(p.key)], [c["secret"], c["id"], c["key"]]);
    }
    const mac = hex(hmac(unhex(c["key"]), concat(utf8("hub"), unhex(c["sign"]), unhex(c["box"]))));
    if (mac !== c["mac"]) throw new CardeaError("forged", "mac");
}, (c) => c["kind"] !== "answer");

each("staff", async (c) => {
    const raw = unhex(c["raw"]);
    const staff = unhex(c["staff"]);
    if (c["kind"] === "key") {
        const key = await readStaffKey(raw);
        const got = { desk: hex(key.desk), name: key.name, time: key.time, fingerprint: staffFingerprint(key.staff) };
        assert.equal(hex(key.staff), c["staff"]);
        return assert.deepEqual(got, c["expected"]);
    }
    if (c["kind"] === "revocation") {
        const r = await readStaffRevocation(raw, staff);
        return assert.deepEqual({ ...r, sign: hex(r.sign) }, c["expected"]);
    }
    const certificate = await readStaffCertificate(raw, staff);
    assert.deepEqual({ ...certificate, sign: hex(certificate.sign), box: hex(certificate.box) }, c["expected"]);
    assert.equal(staffCertificateText(certificate), text((await openEnvelope(raw, "cardea/1 staff")).body));
});

/* Read and written again, the words are the same: so every field has been read. */
each("ticket", async (c) => {
    const m = await openTicketMessage(unhex(c["box"]), c["ticket"], await boxOpener(unhex(c["desk_secret"])));
    assert.equal(hex(m.signer), c["signer"]);
    assert.equal(ticketText(m), c["text"]);
    const secret = unhex(c["desk_secret"]);
    const again = await sealTicketMessage(m, await signKey(new Uint8Array(32)), { desk: await boxPublic(secret) });
    assert.equal(ticketText(await openTicketMessage(unb64(again.desk), c["ticket"], await boxOpener(secret))), c["text"]);
});

/* A page only seals commands: what it signs is, byte for byte, what the hub is to find in the box. */
each("command", async (c) => {
    const envelope = await openEnvelope(await boxOpen(unhex(c["hub_secret"]), "cardea/1 command", unhex(c["hub"]), unhex(c["command"])), "cardea/1 command");
    assert.equal(hex(envelope.signer), c["household"]);
    const { time, verb, args } = c["expected"];
    assert.equal(text(envelope.body), commandText(unhex(c["id"]), time, c["hub"], verb, args));
}, (c) => !c["error"]);

each("reply", async (c) => {
    const reply = await openReply(unhex(c["reply"]), await boxOpener(unhex(c["household_secret"])), unhex(c["hub_sign"]), unhex(c["id"]));
    const { id, ...rest } = reply;
    assert.equal(id, c["id"]);
    assert.deepEqual(rest, c["expected"]);
});

each("grant", async (c) => {
    const grant = await readGrant(unhex(c["grant"]));
    const secret = unhex(c["grantee_secret"]);
    const use = c["use"];
    const s = grant.statement;
    const { about, keys } = await openGrantBox(grant, unhex(c["household"]), secret, await boxPublic(secret), c["now"]);
    if (use && !allows(s, use.camera, use.begin, use.end, use.live, use.export)) throw new CardeaError("denied", "not in the statement");
    const e = c["expected"];
    if (!e) return;
    assert.deepEqual(
        { id: s.id, grantee: hex(unb64(s.grantee)), grantee_sign: hex(unb64(s.grantee_sign)), purpose: s.purpose, role: s.role ?? "", ticket: s.ticket ?? "", cameras: s.cameras, from: s.from, to: s.to,
          live: s.live, export: s.export, not_before: s.not_before, expires: s.expires, time: s.time, views: s.views ?? 0, log: hex(unb64(s.log)), witnesses: (s.witnesses ?? []).map((w) => hex(unb64(w))),
          about: hex(about), keys: keys.map((k) => ({ camera: k.camera, epoch: k.epoch, set: hex(encodeSet(k.nodes)) })) },
        e,
    );
    const raw = unhex(c["grant"]);
    const statement = raw.subarray(9 + 101, 9 + new DataView(raw.buffer).getUint32(5));
    assert.equal(statementText(s), text(statement), "what this page writes is what C writes");
    if (about.length === 0) return;
    const told = await readAbout(about, grant);
    assert.equal(told.hubs.length, 1);
    assert.equal(hex(utf8(JSON.stringify(told.about))), e.about);
});

each("link", async (c) => {
    const { link, vault } = parseLink(c["link"]);
    assert.deepEqual([vault, link.password, link.grant, hex(link.issuer), hex(link.secret)], [c["vault"], c["has_password"], c["grant"], c["issuer"], c["secret"]]);
    const keys = await linkKeys(link, c["password"]);
    assert.deepEqual([hex(keys.box.secret), hex(keys.box.public), hex(keys.sign.seed), hex(keys.sign.public)], [c["box"], c["box_public"], c["sign"], c["sign_public"]]);
    assert.equal(formatLink(link, vault), c["link"]);
});

each("revocation", async (c) => {
    const { time } = await readRevocation(unhex(c["revocation"]), unhex(c["household"]), c["grant"]);
    assert.equal(time, c["time"]);
    assert.equal(hex(await makeRevocation(await signKey(unhex(c["seed"])), c["grant"], time)), c["revocation"]);
});

each("open", async (c) => {
    await checkOpen(unhex(c["grantee_sign"]), unhex(c["challenge"]), c["grant"], unhex(c["signature"]));
    assert.equal(hex(await signOpen(await signKey(unhex(c["seed"])), unhex(c["challenge"]), c["grant"])), c["signature"]);
});

each("invitation", async (c) => {
    const k = unhex(c["key"]);
    if (c["kind"] === "mac") {
        if (hex(memberMac(k, unhex(c["sign"]), unhex(c["box"]))) !== c["mac"]) throw new CardeaError("forged", "mac");
        return;
    }
    const a = await readAnswer(unhex(c["answer"]), k, unhex(c["box_secret"]));
    assert.deepEqual({ household: a.id, name: a.name, role: a.role, sign: hex(a.sign!), grant: a.grant ?? "", capability: hex(a.capability) }, c["expected"]);
});
