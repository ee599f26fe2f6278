/* An update is taken when the log has it, later than what is there, and every file is the list's; each lie has its message. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { utf8, type Bytes } from "../shared/bytes.ts";
import { CardeaError } from "../shared/errors.ts";
import { encodeEntry, openCheckpoint, Tiles } from "../shared/log.ts";
import { checkFiles, findRelease, readRelease } from "../shared/release.ts";
import { newSignKey } from "../shared/sign.ts";
import { MadeLog, MadeVault } from "./madevault.ts";

const sha = (b: Uint8Array): string => createHash("sha256").update(b).digest("hex");
const pages: Record<string, Bytes> = { "/index.html": utf8("<script>"), "/main.js": utf8("honest()"), "/sw.js": utf8("pinned()") };
const listOf = (p: Record<string, Bytes>): Bytes => utf8(JSON.stringify({ v: 1, version: "one", files: Object.fromEntries(Object.entries(p).map(([k, b]) => [k, sha(b)])) }));
const says = (what: RegExp) => (e: unknown): boolean => e instanceof CardeaError && what.test(e.message);

test("a list is read, or refused", () => {
    const r = readRelease(listOf(pages));
    assert.deepEqual([r.version, r.hash, r.files.get("/main.js")], ["one", sha(listOf(pages)), sha(pages["/main.js"]!)]);
    for (const wrong of ["", "7", "null", "{}", '{"v":2,"version":"a","files":{"/a":"00"}}', '{"v":1,"version":"a","files":{}}', '{"v":1,"version":"a","files":{"/a":"00"}}', `{"v":1,"version":"a","files":{"a":"${"0".repeat(64)}"}}`])
        assert.throws(() => readRelease(utf8(wrong)), CardeaError, wrong);
    readRelease(utf8(`{"v":1,"version":"a","files":{"/a":"${"0".repeat(64)}"}}`.padEnd(256 << 10)));
    assert.throws(() => readRelease(utf8(`{"v":1,"version":"a","files":{"/a":"${"0".repeat(64)}"}}`.padEnd((256 << 10) + 1))), says(/too large/));
});

test("the log has the release, at the entry that the vault names", async () => {
    const v = await MadeVault.make();
    await v.others(300);
    const release = readRelease(listOf(pages));
    const log = async (kind: string, details: unknown): Promise<number> => v.log.entries.push(encodeEntry({ version: 2, time: 1, kind, tag: null, actor: null, facts: {}, details: utf8(JSON.stringify(details)) })) - 1;
    const good = await log("web.release", { release: release.hash, version: "one" });
    const other = await log("web.release", { release: "00".repeat(32), version: "one" });
    const act = await log("admin.act", { release: release.hash, version: "one" });
    await v.others(100);
    const checkpoint = await openCheckpoint(v.log.checkpoint(), v.log.key.public);
    const find = (hint: number, log: MadeLog = v.log) => findRelease(release, hint, checkpoint, new Tiles(async (path) => log.file(path), checkpoint.size));
    await find(good);
    await assert.rejects(find(other), says(/not the release that the public log names/));
    await assert.rejects(find(act), says(/not the release that the public log names/));
    await assert.rejects(find(0), CardeaError);
    await assert.rejects(find(-1), says(/not in the public log/));
    await assert.rejects(find(checkpoint.size), says(/not in the public log/));
    /* An entry that is put in the place of another one. */
    const forged = v.log.fork();
    forged.entries[other] = forged.entries[good]!;
    await assert.rejects(find(other, forged), CardeaError);
    await assert.rejects(openCheckpoint(v.log.checkpoint(), (await newSignKey()).public), says(/not signed by the log's key/));
});

test("every file is the list's, and none is missing or new", async () => {
    const release = readRelease(listOf(pages));
    const held = (change: Record<string, Bytes> = {}) => Object.entries({ "/": pages["/index.html"]!, "/main.js": pages["/main.js"]!, "/sw.js": pages["/sw.js"]!, ...change }).map(([path, body]) => ({ path, body }));
    await checkFiles(release, held());
    for (const path of ["/", "/main.js", "/sw.js"]) await assert.rejects(checkFiles(release, held({ [path]: utf8("evil()") })), says(/is not the release's file/));
    await assert.rejects(checkFiles(release, held({ "/more.js": utf8("more()") })), says(/\/more.js is in no release/));
    await assert.rejects(checkFiles(release, held().slice(1)), says(/pages are missing/));
    await assert.rejects(checkFiles(release, []), says(/pages are missing/));
});
