/* show-around: staff showed each other videos.
 *
 * The tester is an agent with a grant, at their own screen: what they see says that it is theirs, unseen, in a screenshot at half the size and
 * JPEG quality 70 too; and the portal has nothing that hands a picture on. Beside it, the owner's own export works, without a mark. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import * as d from "../browser/desk.mjs";
import * as h from "../browser/home.mjs";

const run = promisify(execFile);
const skip = h.missing();
const SHOTS = 20;
const READ_GOAL = 0.95;
let folder, home, browser, owner, agent, key;

before(async () => {
    if (skip) return;
    folder = await mkdtemp(join(tmpdir(), "cardea-show-around-"));
    const clip = await h.makeClip(folder, "porch.mp4", "vtest.avi");
    home = await d.startDesk();
    browser = await h.browse();
    owner = await h.openPage(browser, home);
    await d.ownerWithCamera(owner, home, clip);
    agent = await d.openDesk(browser, home);
    agent.attached = [];
    agent.on("response", (r) => r.headers()["content-disposition"] && agent.attached.push(r.url()));
    agent.on("download", (x) => agent.attached.push(x.url()));
    await d.join_(agent, home);
    await d.openTicket(owner, home);
    await agent.click(".desk-queue a");
    await agent.click("text=Ask to see");
    await agent.fill("[name=reason]", "Whether the picture tears");
    await agent.click("text=Ask the owner");
    await owner.click(".request-card button:has-text('Allow')");
    await agent.waitForFunction(() => window.cardea.marked?.drawn > 5);
    key = await agent.evaluate(async () => (await window.cardea.client.standing()).me.key);
}, { timeout: 240_000 });

after(async () => {
    await browser?.close();
    await home?.stop();
    if (folder) await rm(folder, { recursive: true, force: true });
});

const opts = { skip: skip ?? false, timeout: 240_000 };

/* What the screen shows, at half the size, as a JPEG of quality 70. */
async function screenshot(page, name) {
    const cdp = await page.context().newCDPSession(page);
    const { width, height } = page.viewportSize();
    const { data } = await cdp.send("Page.captureScreenshot", { format: "jpeg", quality: 70, clip: { x: 0, y: 0, width, height, scale: 0.5 } });
    await cdp.detach();
    const path = join(folder, name);
    await writeFile(path, Buffer.from(data, "base64"));
    return path;
}

const markOf = (path) => run(h.cardea, ["support", "mark", path, "--json", "--vault", home.url]).then(({ stdout }) => JSON.parse(stdout), (e) => ({ none: String(e.stderr) }));

test("a screenshot at half the size, as a JPEG of quality 70, names the agent", opts, async () => {
    let read = 0;
    for (let i = 0; i < SHOTS; i++) {
        const before = await agent.evaluate(() => window.cardea.marked.drawn);
        await agent.waitForFunction((n) => window.cardea.marked.drawn > n + 3, before);
        const mark = await markOf(await screenshot(agent, `shot${i}.jpg`));
        if (mark.none) continue;
        assert.equal(mark.key, key.slice(0, 8), "a mark that is read is the agent's");
        assert.deepEqual([mark.number, mark.name, mark.provider], [1, d.AGENT.name, "Hearth Co-op"]);
        assert.ok(Math.abs(Date.parse(mark.minute) - Date.now()) < 130_000, mark.minute);
        read++;
    }
    console.log(`# ${read} of ${SHOTS} screenshots of a page with 1280 pixels were read`);
    assert.ok(read >= READ_GOAL * SHOTS, `${read} of ${SHOTS}`);
});

test("the agent's name and number stand in the picture's own pixels", opts, async () => {
    /* Whatever a style sheet does, the canvas has them: the frame's border is where it must be. */
    const corner = await agent.evaluate(() => {
        const c = document.querySelector("canvas");
        const { data } = c.getContext("2d").getImageData(2, c.height >> 1, 1, 1);
        return [...data.slice(0, 3)];
    });
    assert.ok(Math.abs(corner[0] - 255) < 10 && Math.abs(corner[1] - 176) < 10 && corner[2] < 10, String(corner));
    assert.deepEqual(await agent.$$eval("main *", (all) => all.filter((e) => /Agent 1 · Ann ·/.test(e.textContent) && e.children.length === 0).length), 0);
});

test("the portal hands nothing on", opts, async () => {
    const controls = await agent.$$eval("button, a, input, select, [role=menuitem]", (all) => all.map((e) => `${e.textContent} ${e.getAttribute("aria-label") ?? ""} ${e.getAttribute("title") ?? ""}`));
    assert.ok(controls.length > 3);
    for (const c of controls) assert.doesNotMatch(c, /export|download|save|copy|print|picture.in.picture|snapshot/i);
    assert.equal(await agent.$("video, a[download], img[src^=blob], source"), null, "the canvas is all there is");
    const menu = await agent.evaluate(() => !document.querySelector("canvas").dispatchEvent(new MouseEvent("contextmenu", { bubbles: true, cancelable: true })));
    assert.ok(menu, "no menu offers to save the canvas");
    assert.equal(await agent.evaluate(() => document.pictureInPictureElement), null);
    assert.deepEqual(agent.attached, []);
    /* Nor is there code in it that could. */
    const scripts = await agent.evaluate(async () => {
        const names = performance.getEntriesByType("resource").map((e) => e.name).filter((n) => n.endsWith(".js"));
        return Promise.all([...new Set(names)].map(async (n) => (await fetch(n)).text()));
    });
    assert.ok(scripts.length >= 2);
    for (const text of scripts) assert.doesNotMatch(text, /showSaveFilePicker|createWritable|requestPictureInPicture|captureStream|MediaRecorder/);
    const calls = await agent.evaluate(() => Promise.all(["export", "picture"].map((m) => window.cardea.client[m](1, "x", 0, 1).then(() => "there", (e) => e.word))));
    assert.deepEqual(calls, ["internal", "internal"], "the worker has no such method");
});

test("on paper there is no picture", opts, async () => {
    await agent.emulateMedia({ media: "print" });
    assert.equal(await agent.isVisible("canvas"), false);
    await agent.emulateMedia({ media: null });
});

test("the owner's own export works, and has no mark", opts, async () => {
    const out = join(folder, "mine.mp4");
    const passphrase = join(folder, "passphrase");
    await writeFile(passphrase, h.PASSPHRASE);
    /* What was recorded lies in the vault a minute at a time. */
    await h.until("the export", async () => {
        try {
            await home.cli("export", "Porch", "--from", "-70s", "--to", "-62s", "-o", out, "--data", home.data, "--login", h.LOGIN, "--passphrase-file", passphrase);
            return true;
        } catch {
            return false;
        }
    }, 200_000);
    const frame = join(folder, "mine.png");
    await run("ffmpeg", ["-v", "error", "-y", "-i", out, "-frames:v", "1", "-vf", "scale=1280:-2", frame]);
    assert.match((await markOf(frame)).none ?? "", /no mark is found/);
});
