/* Who asks to see something is certified by the log, and nobody whom it says was revoked, however the vault arranges it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Api } from "../shared/api.ts";
import { b64, concat, random, utf8, type Bytes } from "../shared/bytes.ts";
import { CardeaError } from "../shared/errors.ts";
import type { Grants } from "../shared/grants.ts";
import { encodeEntry, openCheckpoint, staffActor, Tiles } from "../shared/log.ts";
import { newSignKey, seal, type SignKey } from "../shared/sign.ts";
import { sealStaffCertificate, type StaffCertificate } from "../shared/staff.ts";
import { Support } from "../shared/support.ts";
import { madeHousehold, MadeVault } from "./madevault.ts";

interface House {
    v: MadeVault;
    support: Support;
    agent: StaffCertificate;
    certificate: Bytes;
    say: (kind: string, more?: Record<string, string>) => void;
}

async function house(): Promise<House> {
    const v = await MadeVault.make();
    const provider: SignKey = await newSignKey();
    v.staff = b64(await seal(provider, "cardea/1 staff key", utf8(JSON.stringify({ v: 1, staff: b64(provider.public), desk: b64(random(32)), name: "Housing", time: 5 }))));
    const agent: StaffCertificate = { number: 7, name: "Nia", roles: ["agent"], sign: (await newSignKey()).public, box: random(32), from: v.time, expires: v.time + 86_400 };
    const certificate = await sealStaffCertificate(provider, agent);
    const say = (kind: string): void => {
        const details = utf8(JSON.stringify({ certificate: b64(certificate) }));
        v.log.entries.push(encodeEntry({ version: 2, time: v.time++ * 1e6, kind, tag: null, actor: staffActor(agent.sign), facts: {}, details }));
    };
    const support = new Support({
        api: v.api as Api, household: madeHousehold(v.keys), grants: {} as Grants, now: () => v.time, pins: async () => ({ staff: provider.public }),
        log: async () => {
            const checkpoint = await openCheckpoint(v.log.checkpoint(), v.log.key.public);
            return { checkpoint, tiles: new Tiles(async (path) => v.bytes(`/log/${path}`), checkpoint.size) };
        },
    });
    v.time -= 5000;
    await v.others(300);
    v.time += 5000;
    return { v, support, agent, certificate, say };
}

const refused = (work: Promise<unknown>, word: string, words: RegExp): Promise<void> => assert.rejects(work, (e: Error) => e instanceof CardeaError && e.word === word && words.test(e.message));

test("an agent whom the log certifies is believed, and one whom it does not is not", async () => {
    const { support, agent, certificate, say } = await house();
    await refused(support.verify(agent, certificate), "forged", /in secret/);
    say("staff.certify");
    assert.equal((await support.verify(agent, certificate)).entry, 300);
});

test("a revocation that comes later ends what was believed before", async () => {
    const { v, support, agent, certificate, say } = await house();
    say("staff.certify");
    await support.verify(agent, certificate);
    await v.others(600);
    say("staff.revoke");
    await refused(support.verify(agent, certificate), "denied", /was revoked/);
});

test("a certificate that is written down once more after its revocation stays revoked", async () => {
    const { v, support, agent, certificate, say } = await house();
    say("staff.certify");
    await v.others(600);
    say("staff.revoke");
    await v.others(600);
    say("staff.certify");
    await refused(support.verify(agent, certificate), "denied", /was revoked/);
});

test("a revocation cannot be left out of what is read", async () => {
    const { v, support, agent, certificate, say } = await house();
    say("staff.certify");
    say("staff.revoke");
    await v.others(3);
    const hidden = v.log.entries.findIndex((e) => Buffer.from(e).includes("staff.revoke"));
    const put = encodeEntry({ version: 2, time: v.time * 1e6, kind: "grant.use", tag: random(32), actor: random(16), facts: {}, details: random(180) });
    v.lie.file = (path, honest) => {
        if (!path.startsWith("tile/entries/001")) return honest;
        const some = v.log.entries.map((e, i) => (i === hidden ? put : e)).slice(256);
        return concat(...some.map((e) => concat(new Uint8Array([e.length >> 8, e.length & 255]), e)));
    };
    await refused(support.verify(agent, certificate), "forged", /not what the log's hashes say/);
});
