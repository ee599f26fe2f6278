/* Who looked: an honest log is proven whole, and each way in which a vault could lie about it has its name. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { boxSeal } from "../shared/box.ts";
import { b64, random, utf8 } from "../shared/bytes.ts";
import type { Hub } from "../shared/household.ts";
import { encodeEntry, grantFact, tagOf } from "../shared/log.ts";
import { liveSeconds, looksOf, isWatching } from "../shared/looks.ts";
import type { FailureCase } from "../shared/lookmemory.ts";
import { newSignKey } from "../shared/sign.ts";
import { Looked, type LookedState } from "../shared/wholooked.ts";
import { madeHousehold, MadeLog, MadeMemory, MadeObjects, MadeVault } from "./madevault.ts";

interface Device {
    memory: MadeMemory;
    objects: MadeObjects;
    hubs: Hub[];
    witness: (hub: Hub) => { checkpoint?: string | null };
    staying: boolean;
}
const device = (more: Partial<Device> = {}): Device => ({ memory: new MadeMemory(), objects: new MadeObjects(), hubs: [], witness: () => ({}), staying: true, ...more });

function looked(v: MadeVault, d: Device, emit: (s: LookedState) => void = () => {}): Looked {
    return new Looked({
        api: v.api, household: madeHousehold(v.keys, d.hubs, () => v.keys), memory: d.memory, objects: d.objects, now: () => v.time, staying: () => d.staying, emit, waits: [1, 5],
        command: async <T>(hub: Hub) => d.witness(hub) as T,
    });
}

/* A house with a grant to a link, one to support and some use of both, among others' entries. */
async function house(): Promise<{ v: MadeVault; link: Awaited<ReturnType<MadeVault["grant"]>>; support: Awaited<ReturnType<MadeVault["grant"]>> }> {
    const v = await MadeVault.make();
    await v.others(300);
    const link = await v.grant();
    await v.others(30);
    const support = await v.grant({ purpose: "support", name: "Agent 7", words: "picture is dark" });
    await v.append("grant.use", link.details, { actor: link.actor });
    await v.others(200);
    await v.append("grant.use", support.details, { actor: support.actor, facts: { cameras: 1, minutes: 15, live: 1, ticket: 1 } });
    await v.append("live.begin", { ...support.details, cameras: ["ca".repeat(16)] }, { actor: support.actor });
    v.time += 173;
    await v.append("live.end", { ...support.details, cameras: ["ca".repeat(16)] }, { actor: support.actor });
    await v.others(40);
    return { v, link, support };
}

test("an opening that goes on with another token is one look", async () => {
    const { v, link } = await house();
    const first = v.log.entries.length;
    await v.append("grant.use", link.details, { actor: link.actor });
    v.time += 3500;
    await v.append("grant.use", { ...link.details, renews: first }, { actor: link.actor });
    const l = looked(v, device());
    await l.check();
    assert.equal(l.state.failure, null);
    const looks = looksOf(l.list()).filter((x) => x.grant === link.id);
    assert.deepEqual(looks.map((x) => x.entries.length), [1, 2]);
});

test("an honest log is proven whole, and told in looks", async () => {
    const { v, link, support } = await house();
    const steps: string[] = [];
    const l = looked(v, device(), (s) => steps.push(s.step));
    await l.check();
    assert.deepEqual([l.state.failure, l.state.problem], [null, null]);
    assert.deepEqual([l.state.proven!.entries, l.state.proven!.size, l.state.proven!.searched], [6, v.log.entries.length, v.log.entries.length]);
    assert.deepEqual([...new Set(steps)], ["idle", "entries", "proofs", "tail", "witness", "everything"]);
    assert.deepEqual([l.state.proven!.from, l.state.step], [0, "idle"]);
    const looks = looksOf(l.list());
    assert.deepEqual(looks.map((x) => [x.grant, x.purpose]), [[link.id, "link"], [support.id, "support"]]);
    assert.equal(liveSeconds(looks[1]!, v.time), 180);
    assert.equal(isWatching(looks[1]!, v.time), false);
    assert.deepEqual(looks[0]!.past, { from: 1000, to: 2000 });
    assert.deepEqual([l.known()[support.id]!.name, l.known()[support.id]!.words], ["Agent 7", "picture is dark"]);
    assert.ok(v.objects.has("trust/pins"));
});

test("what was before a succession of the household's keys opens after it, and the succession is told", async () => {
    const { v, link } = await house();
    const d = device();
    await looked(v, d).check();
    await v.revoke(link.id);
    await v.succeed();
    const after = await v.grant({ name: "Neighbor" });
    const l = looked(v, { ...d, memory: new MadeMemory() });
    await l.check();
    assert.deepEqual([l.state.failure, l.state.problem], [null, null]);
    assert.deepEqual(l.list().filter((e) => e.kind === "household.succeed").map((e) => e.details["n"]), [1]);
    assert.deepEqual([l.known()[link.id]!.name, l.known()[after.id]!.name], ["Grandma", "Neighbor"]);
});

test("a device that was open while another made new keys learns of them before it alarms", async () => {
    const { v } = await house();
    const l = looked(v, device());
    await l.check();
    await v.succeed();
    await l.check();
    assert.deepEqual([l.state.failure, l.state.problem], [null, null]);
});

test("a succession that no owner knows, and one that the log does not have, are alarms", async () => {
    const { v } = await house();
    await v.append("household.succeed", { n: 1 });
    const l = looked(v, device());
    await l.check();
    assert.equal(l.state.failure?.case, "succession");
    assert.match(l.state.failure.message, /1 successions of your household's keys, and your keys know of 0/);
    const other = (await house()).v;
    await other.succeed(false);
    const missing = looked(other, device());
    await missing.check();
    assert.equal(missing.state.failure?.case, "succession");
    /* One that the vault has not been told yet is no alarm. */
    other.lie.told = [];
    const early = looked(other, device());
    await early.check();
    assert.deepEqual([early.state.failure, early.state.problem], [null, "the vault has not taken your household's new keys yet"]);
    /* Two hidden one in the other: as many as there are, and no more. */
    const twice = (await house()).v;
    await twice.succeed();
    await twice.append("household.succeed", { n: 1 });
    const third = looked(twice, device());
    await third.check();
    assert.equal(third.state.failure?.case, "succession");
});

test("a check goes on from the last one, on this device and after a restart", async () => {
    const { v, link } = await house();
    const d = device();
    const l = looked(v, d);
    await l.check();
    await v.others(10);
    await v.append("grant.use", link.details, { actor: link.actor });
    v.asked = [];
    await l.check();
    assert.equal(l.state.proven!.entries, 7);
    assert.ok(v.asked.length < 12, `only what is new is read: ${v.asked.join(" ")}`);
    const again = looked(v, d);
    v.asked = [];
    await again.check();
    assert.equal(again.state.proven!.entries, 7);
    assert.equal(again.list().length, 7);
    assert.ok(v.asked.length < 8, `nothing is proven twice: ${v.asked.join(" ")}`);
    /* Signed out and in again: the checkpoint is remembered, entries are proven anew. */
    d.memory.kept.clear();
    const fresh = looked(v, d);
    await fresh.check();
    assert.deepEqual([fresh.state.failure, fresh.list().length], [null, 7]);
});

test("an empty log, and one in which nothing is ours", async () => {
    const v = await MadeVault.make();
    const l = looked(v, device());
    await l.check();
    assert.deepEqual([l.state.failure, l.state.problem, l.state.proven!.entries, l.state.proven!.size], [null, null, 0, 0]);
    await v.others(500);
    await l.check();
    assert.deepEqual([l.state.failure, l.state.proven!.size], [null, 500]);
});

async function broken(what: FailureCase, says: RegExp, lie: (v: MadeVault, parts: Awaited<ReturnType<typeof house>>) => Promise<void> | void, before = false): Promise<void> {
    const parts = await house();
    const { v } = parts;
    const d = device();
    if (before) {
        const l = looked(v, d);
        await l.check();
        assert.equal(l.state.failure, null, "it was honest before");
        d.memory.kept.clear();
    }
    await lie(v, parts);
    const l = looked(v, d);
    await l.check();
    assert.equal(l.state.problem, null);
    assert.equal(l.state.failure?.case, what, l.state.failure?.message);
    assert.match(l.state.failure!.message, says);
    if (before) assert.ok(l.state.failure!.before && l.state.failure!.now, "both checkpoints are kept");
    /* It stands, on this device, until a person decides; then the log is looked at anew. */
    v.lie = {};
    const after = looked(v, d);
    await after.check();
    assert.equal(after.state.failure?.case, what);
    assert.equal((await d.memory.seen([...d.memory.logs.keys()][0]!)).failure?.case, what);
}

test("an entry that is dropped", async () => {
    await broken("missing", /entry number 2 is missing: the vault went on with number 3/, (v) => void (v.lie.mine = (e) => e.filter(([n]) => n !== 2)));
});
test("an entry that is dropped, the others renumbered", async () => {
    await broken("missing", /entry number 2 is missing: what stands in its place/, (v) => void (v.lie.mine = (e) => e.filter(([n]) => n !== 2).map(([, i, r], n) => [n, i, r])));
});
test("the newest entries withheld", async () => {
    await broken("withheld", /stands in the log at \d+, and the vault did not give it out/, (v) => void (v.lie.mine = (e) => e.slice(0, -1)));
});
test("a use that is written down under no number of ours, and one more of ours after it", async () => {
    const { v, link } = await house();
    const d = device();
    await looked(v, d).check();
    v.log.entries.push(encodeEntry({ version: 2, time: v.time * 1e6, kind: "grant.use", tag: random(32), actor: link.actor, facts: {}, details: random(180) }));
    await v.append("grant.use", link.details, { actor: link.actor });
    const l = looked(v, d);
    await l.check();
    assert.equal(l.state.failure?.case, "withheld", l.state.problem ?? "");
    assert.match(l.state.failure!.message, /under no number of yours/);
});
test("an agent's use of our grant that is written down as another household's", async () => {
    const { v, support } = await house();
    const d = device();
    await looked(v, d).check();
    const use = (grant: string) => v.log.entries.push(encodeEntry({ version: 2, time: v.time * 1e6, kind: "grant.use", tag: random(32), actor: support.actor, facts: { grant: grantFact(grant) }, details: random(180) }));
    use("0c".repeat(16));
    const failure = async (): Promise<FailureCase | undefined> => {
        const l = looked(v, d);
        await l.check();
        return l.state.failure?.case;
    };
    assert.equal(await failure(), undefined, "the agent works for others too");
    use(support.id);
    assert.equal(await failure(), "withheld");
});
/* Before the last entry of ours, on a device that has never looked. */
for (const [what, forge] of [
    ["under no number", (_v: MadeVault) => ({ tag: random(32) })],
    ["under a number that another one has", (v: MadeVault) => ({ tag: tagOf(v.logKey, 1) })],
    ["under a number far ahead", (v: MadeVault) => ({ tag: tagOf(v.logKey, v.mine.length + 900) })],
] as const)
    test(`an act that is written down ${what}, long before a device's first look`, async () => {
        const { v, link } = await house();
        const at = v.log.entries.push(encodeEntry({ version: 2, time: v.time * 1e6, kind: "live.begin", ...forge(v), actor: what === "under no number" ? link.actor : random(16), facts: {}, details: random(180) })) - 1;
        await v.append("grant.use", link.details, { actor: link.actor });
        const d = device();
        const l = looked(v, d);
        await l.check();
        assert.equal(l.state.failure?.case, "withheld", l.state.problem ?? "");
        assert.ok(l.state.failure!.message.includes(` ${at}`), l.state.failure!.message);
    });

test("everything is read once, goes on where it ended, and not again", async () => {
    const { v } = await house();
    await v.others(300);
    const d = device();
    await looked(v, d).check();
    const name = [...d.memory.logs.keys()][0]!;
    const rest = (await d.memory.rest<Record<string, unknown>>(name))!;
    assert.equal(rest["from"], 0);
    /* As a device that was closed after the first 256. */
    await d.memory.keepRest(name, { ...rest, from: 400, past: 256, pastLatest: 0 });
    v.asked = [];
    await looked(v, d).check();
    assert.ok(!v.asked.some((a) => a.includes("tile/entries/000")) && v.asked.some((a) => a.includes("tile/entries/001")), v.asked.join(" "));
    v.asked = [];
    await looked(v, d).check();
    assert.ok(!v.asked.some((a) => a.includes("tile/entries/00")) || v.log.entries.length % 256 !== 0, v.asked.join(" "));
});

for (const [what, seconds, failure] of [["299 s back", -299, null], ["301 s back", -301, "time"], ["a year back", -365 * 86_400, "time"], ["300 s ahead", 300, null], ["301 s ahead", 301, "time"]] as const)
    for (const when of ["before a device's first look", "since its last one"])
        test(`time in the log goes ${what}, ${when}`, async () => {
            const { v, link } = await house();
            const d = device();
            if (when !== "before a device's first look") await looked(v, d).check();
            v.log.entries.push(encodeEntry({ version: 2, time: (v.time + seconds) * 1e6, kind: "grant.use", tag: random(32), actor: random(16), facts: {}, details: random(180) }));
            if (seconds < 0) await v.append("grant.use", link.details, { actor: link.actor });
            const l = looked(v, d);
            await l.check();
            assert.equal(l.state.failure?.case ?? null, failure, l.state.failure?.message ?? l.state.problem ?? "");
            if (!failure || seconds > 0) return;
            await l.accept(); /* a person knows that the clock was set */
            assert.deepEqual([l.state.failure, l.state.problem], [null, null]);
            await v.append("grant.use", link.details, { actor: link.actor });
            await l.check();
            assert.equal(l.state.failure, null);
        });

test("our own entries out of their time are found in their own order", async () => {
    await broken("time", /one before it of/, async (v, p) => {
        v.time -= 400;
        await v.append("grant.use", p.link.details, { actor: p.link.actor });
        v.time += 400;
    });
});

test("a count that does not fit", async () => {
    await broken("missing", /the vault counts 9/, (v) => void (v.lie.next = 9));
});
test("fewer entries than were proven", async () => {
    const { v } = await house();
    const d = device();
    const l = looked(v, d);
    await l.check();
    v.lie.mine = (e) => e.slice(0, 4);
    await l.check();
    assert.equal(l.state.failure?.case, "missing");
});
test("an entry that is not in the log", async () => {
    await broken("not_included", /entry number 1 is not in the log at/, (v) => {
        const [index, raw] = v.mine[1]!;
        const other = raw.slice();
        other[other.length - 1]! ^= 1;
        v.mine[1] = [index, other];
    });
});
test("an entry at another place than it is said to be", async () => {
    await broken("not_included", /entry number 2 is not in the log/, (v) => void (v.mine[2]![0] += 1));
});
test("an entry beyond the checkpoint", async () => {
    await broken("not_included", /beyond the checkpoint's/, (v) => void (v.mine.at(-1)![0] = 10_000));
});
test("entries out of their order", async () => {
    await broken("altered", /before the one that precedes it/, (v) => void (v.mine[1]![0] = 3));
});
test("details that were not sealed to us", async () => {
    await broken("altered", /do not open with your household's key/, (v, p) => v.append("grant.use", {}, { sealed: random(200), actor: p.link.actor }).then(() => undefined));
});
test("bundles that are not what the hashes say", async () => {
    await broken("not_included", /not what the log's hashes say/, (v) => void (v.lie.file = (path, honest) => (path.startsWith("tile/entries") ? honest.map((b, i) => (i === 20 ? b ^ 1 : b)) : honest)));
});
test("a log that shrank", async () => {
    await broken("shrank", /had \d+ entries, and now says that it has 560/, (v) => {
        v.log.entries.splice(560);
    }, true);
});
test("a log that forked", async () => {
    await broken("forked", /do not continue the \d+ that were there before/, async (v) => {
        v.log = v.log.fork();
        v.log.entries[3] = random(100);
        await v.others(20);
    }, true);
});
test("a log of the same size with another past", async () => {
    await broken("forked", /do not continue/, (v) => {
        v.log = v.log.fork();
        v.log.entries[3] = random(100);
    }, true);
});
test("a checkpoint by another key", async () => {
    const other = await newSignKey();
    await broken("signature", /not signed by the log's key/, (v) => {
        const log = new MadeLog(other);
        log.entries.push(...v.log.entries);
        v.lie.checkpoint = () => log.checkpoint();
    }, true);
});
test("another log key does not change the pin", async () => {
    await broken("signature", /not signed by the log's key/, async (v) => {
        const log = new MadeLog(await newSignKey());
        log.entries.push(...v.log.entries);
        v.log = log;
    }, true);
});
test("a grant of ours that was never logged", async () => {
    await broken("grant_missing", /a grant that you gave is not in the log/, (v) => v.grant({ logged: false }).then(() => undefined));
});
test("a revocation of ours that was never logged", async () => {
    await broken("revocation_missing", /its end is not in the log/, (v, p) => v.revoke(p.link.id, false));
});
test("a use of a grant that we did not give", async () => {
    await broken("unknown_grant", /entry number 6 is a use of a grant that you did not give/, (v) => v.append("grant.use", { grant: "ff".repeat(16), purpose: "support" }).then(() => undefined));
});
test("a grant that another signed", async () => {
    const other = await newSignKey();
    await broken("unknown_grant", /did not sign/, (v) => v.grant({ by: other }).then(() => undefined));
});

const hub = async (): Promise<Hub> => ({ id: "0c".repeat(16), sign: (await newSignKey()).public, box: random(32), writer: b64(random(32)), added: "", certificate: random(8) });

test("the own hub's witness stands behind it, or tells of another log", async () => {
    const { v } = await house();
    const earlier = v.log.checkpoint(520);
    const d = device({ hubs: [await hub()], witness: () => ({ checkpoint: earlier }) });
    const l = looked(v, d);
    await l.check();
    assert.deepEqual([l.state.failure, l.state.witness!.size, l.state.witnessProblem], [null, 520, null]);
    /* Away: what it said last is still known. */
    d.witness = () => {
        throw new Error("the hub is offline");
    };
    await l.check();
    assert.deepEqual([l.state.failure, l.state.witness!.size, l.state.witnessProblem], [null, 520, "the hub is offline"]);
    d.witness = () => ({});
    await l.check();
    assert.match(l.state.witnessProblem!, /has not witnessed/);
    /* The vault shows us another log than the hub. */
    const other = v.log.fork();
    other.entries[100] = random(90);
    d.witness = () => ({ checkpoint: other.checkpoint() });
    await l.check();
    assert.equal(l.state.failure?.case, "witness");
    assert.equal(l.state.failure!.before, other.checkpoint());
    assert.equal(l.state.failure!.now, v.log.checkpoint());
});

test("the vault shows us an older log than the hub has witnessed", async () => {
    const { v } = await house();
    const d = device({ hubs: [await hub()] });
    const newest = v.log.checkpoint();
    d.witness = () => ({ checkpoint: newest });
    v.lie.checkpoint = () => v.log.checkpoint(540);
    v.lie.mine = (e) => e.filter(([, i]) => i < 540);
    const l = looked(v, d);
    await l.check();
    assert.equal(l.state.failure?.case, "witness");
});

test("an entry that comes while we ask is no alarm", async () => {
    const { v, link } = await house();
    const l = looked(v, device());
    let once = true;
    const sealed = await boxSeal(v.keys.boxPublic, "cardea/1 log", tagOf(v.logKey, 6), utf8(JSON.stringify(link.details)));
    v.lie.checkpoint = () => v.log.checkpoint();
    v.lie.mine = (e) => {
        if (!once) return e;
        once = false;
        /* It is in the log at once, and in the vault's list a moment later. */
        void v.append("grant.use", link.details, { actor: link.actor, sealed });
        return e;
    };
    await l.check();
    assert.deepEqual([l.state.failure, l.state.problem], [null, null]);
    await l.check();
    assert.equal(l.state.proven!.entries, 7);
});

test("what cannot be read is no alarm, and says so", async () => {
    const { v } = await house();
    const l = looked(v, device());
    v.lie.file = () => new Uint8Array(7);
    await l.check();
    assert.equal(l.state.failure, null);
    assert.match(l.state.problem!, /has 7 bytes/);
    v.lie = {};
    await l.check();
    assert.deepEqual([l.state.problem, l.state.proven!.entries], [null, 6]);
});

test("a person accepts what failed, and the evidence is kept", async () => {
    const { v } = await house();
    const d = device();
    const l = looked(v, d);
    await l.check();
    v.log.entries.splice(100);
    v.mine.splice(0);
    v.grants.clear();
    await l.check();
    assert.ok(l.state.failure);
    await l.accept();
    assert.equal(l.state.failure, null);
    assert.equal(l.state.evidence.length, 1);
    assert.deepEqual([l.state.proven!.size, l.state.proven!.entries], [100, 0]);
    assert.equal(looked(v, d).state.failure, null);
});

test("the pin is the first device's, and all others' after it", async () => {
    const { v } = await house();
    await looked(v, device()).check();
    const pins = await looked(v, device()).pins();
    assert.equal(b64(pins.log), b64(v.log.key.public));
    assert.equal(pins.staff, null);
    v.lie.logKey = random(32);
    assert.equal(b64((await looked(v, device()).pins()).log), b64(v.log.key.public));
});

test("pins that this device has seen are not made anew", async () => {
    const { v } = await house();
    const d = device();
    await looked(v, d).check();
    v.objects.delete("trust/pins");
    v.lie.logKey = random(32);
    const l = looked(v, d);
    await l.check();
    assert.match(l.state.problem ?? "", /has seen your household's pins/);
    assert.equal(v.objects.has("trust/pins"), false);
});
