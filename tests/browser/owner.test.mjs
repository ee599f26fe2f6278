/* The owner's app in Chromium, against a real home: household, live, back in time, export, and what goes wrong. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { open, stat } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import * as h from "./home.mjs";

const run = promisify(execFile);
const lacking = h.missing();

describe("the owner's app", { skip: lacking ?? false, timeout: 900_000 }, () => {
    let home, browser, page, kit, front, back, sourceFront, sourceBack, camera;

    before(async () => {
        home = await h.startHome();
        front = await h.makeClip(home.folder, "front.mp4", "vtest.avi", { sound: true });
        back = await h.makeClip(home.folder, "back.mp4", "tree.avi");
        [sourceFront, sourceBack] = await Promise.all([h.framesOf(front), h.framesOf(back)]);
        browser = await h.browse();
        page = await h.openPage(browser, home);
    });

    after(async () => {
        await browser?.close();
        await home?.stop();
    });

    test("first start: a household, and a recovery kit that must be confirmed", async () => {
        await page.goto(home.first);
        await page.fill("[name=login]", h.LOGIN);
        await page.fill("[name=passphrase]", "short");
        assert.match(await page.locator(".strength").innerText(), /5 more characters/);
        assert.ok(await page.getByRole("button", { name: "Make it" }).isDisabled());
        assert.equal(new URL(page.url()).hash, "", "the setup code leaves the address");
        kit = await h.makeHousehold(page, home);
        assert.equal(kit.words.length, 12);
        assert.equal(await page.locator(".message.warn").count(), 0, "the hub is paired");
        await page.fill("[name=word0]", "babab");
        await page.fill("[name=word1]", "babab");
        await page.click(".kit button[type=submit]");
        assert.match(await page.locator(".message.bad").innerText(), /is not the one on your kit/);
        await h.confirmKit(page, kit);
        assert.match(await page.locator(".empty").innerText(), /Add one by its address/);
    });

    test("a camera is seen before it is added; one that is not there is refused in words", async () => {
        await page.goto(`${home.url}/#/add`);
        await page.fill("[name=name]", "Nowhere");
        await page.fill("[name=url]", `file:${home.folder}/missing.mp4`);
        await page.getByRole("button", { name: "Test", exact: true }).click();
        await page.waitForSelector(".message.bad", { timeout: 30_000 });
        await h.addCamera(page, home, "Front garden", `file:${front}`, { sound: true });
        await h.addCamera(page, home, "Back yard", `file:${back}`);
    });

    test("the wall shows both cameras live, and each what its camera sees", async () => {
        await page.waitForFunction(() => document.querySelectorAll(".tile video.shown").length === 2, undefined, { timeout: 30_000 });
        for (const [name, own, other] of [["Front garden", sourceFront, sourceBack], ["Back yard", sourceBack, sourceFront]]) {
            const selector = `.tile:has(strong) a[aria-label^="${name}"] video`;
            const picture = await h.shown(page, selector);
            const [same, not] = [h.nearest(picture, own), h.nearest(picture, other)];
            assert.ok(same.difference < 8, `${name}: ${same.difference} from its own source`);
            assert.ok(not.difference > 3 * same.difference, `${name}: ${not.difference} from the other's`);
            const before = await page.$eval(selector, (v) => v.currentTime);
            await h.until("frames advance", async () => (await page.$eval(selector, (v) => v.currentTime)) > before + 1);
        }
        const badge = await page.locator(".badge.live").first().innerText();
        assert.match(badge, /Live/);
    });

    test("one camera, large: live within a second or two of the camera", async () => {
        await page.locator(".tile", { hasText: "Front garden" }).locator("a").click();
        camera = (await h.until("the address names it", () => /camera\/([0-9a-f]{32})/.exec(page.url())))[1];
        await h.until("live plays", () => h.player(page, "p.mode.value === 'live' && p.latencyMs.value !== null && p.video.readyState >= 3"));
        const late = await h.until("latency settles", async () => {
            const ms = await h.player(page, "p.latencyMs.value");
            return ms < 2000 && ms;
        });
        assert.ok(late > 0);
        const seen = [];
        for (let i = 0; i < 3; i++) {
            const best = h.nearest(await h.shown(page), sourceFront);
            assert.ok(best.difference < 8, `${best.difference}`);
            seen.push(best.index);
            await new Promise((r) => setTimeout(r, 700));
        }
        assert.ok(new Set(seen).size === 3, `frames advance: ${seen}`);
    });

    test("sound is off until asked for, and then plays", async () => {
        assert.equal(await h.player(page, "p.video.muted"), true);
        await page.keyboard.press("m");
        await h.until("sound is in the buffer", () => h.player(page, "!p.video.muted && p.feed?.sink?.has('audio') && p.video.readyState >= 3"));
        await page.keyboard.press("m");
        assert.equal(await h.player(page, "p.video.muted"), true);
    });

    test("keyboard: pause, picture by picture, on", async () => {
        await h.until("plays", () => h.player(page, "!p.video.paused && p.feed.frames.length > 30"));
        await page.keyboard.press("Space");
        assert.equal(await h.player(page, "p.video.paused"), true);
        await page.waitForTimeout(300);
        const t = await h.player(page, "p.video.currentTime");
        await page.keyboard.press(",");
        await h.until("one picture back", async () => { const d = t - (await h.player(page, "p.video.currentTime")); return d > 0.02 && d < 0.2; });
        const u = await h.player(page, "p.video.currentTime");
        await page.waitForTimeout(200);
        await page.keyboard.press(".");
        await h.until("one picture on", async () => { const d = (await h.player(page, "p.video.currentTime")) - u; return d > 0.02 && d < 0.2; });
        await page.keyboard.press("l");
        await h.until("live again", () => h.player(page, "p.mode.value === 'live' && !p.video.paused"));
    });

    test("recordings appear on the timeline as they are made", async () => {
        await h.until("a reel is listed", () => page.evaluate(async (c) => {
            const now = Date.now() / 1000;
            const spans = await window.cardea.client.spans(c, Math.floor(now - 600), Math.ceil(now));
            return spans.length > 0 && spans[0].to - spans[0].from > 20;
        }, camera), 45_000);
    });

    const recorded = () => page.evaluate(async (c) => {
        const now = Date.now() / 1000;
        const spans = await window.cardea.client.spans(c, Math.floor(now - 3600), Math.ceil(now));
        return spans[0];
    }, camera);

    const clickTime = async (t) => {
        const box = await page.locator(".timeline canvas").boundingBox();
        const view = await page.evaluate(() => window.cardea.view.value);
        const x = box.x + ((t - view.from) / (view.to - view.from)) * box.width;
        await page.mouse.click(x, box.y + 50);
    };

    test("a click in the timeline plays from there, and shows what the camera saw", async () => {
        await page.getByRole("button", { name: "10 min" }).click();
        const span = await recorded();
        await clickTime(span.from + 12);
        await h.until("it plays", () => h.player(page, "p.mode.value !== 'live' && !p.loading.value && p.seekMs.value !== null"));
        const t = await h.player(page, "p.time.value");
        assert.ok(Math.abs(t - span.from - 12) < 3, `${t - span.from}`);
        const best = h.nearest(await h.shown(page), sourceFront);
        assert.ok(best.difference < 8, `${best.difference}`);
        const now = await h.player(page, "p.time.value");
        await h.until("it goes on", async () => (await h.player(page, "p.time.value")) > now + 1.5);
        await h.until("the address follows", () => /t=\d+/.test(page.url()));
        /* What the address says is enough: a new page goes there, from the vault alone. */
        await page.reload();
        await h.until("it plays again", () => h.player(page, "p.mode.value === 'recorded' && !p.loading.value && p.video.readyState >= 2"));
        assert.ok(h.nearest(await h.shown(page), sourceFront).difference < 8);
    });

    test("arrows go five seconds and a minute", async () => {
        const a = await h.player(page, "p.time.value");
        await page.keyboard.press("ArrowRight");
        await h.until("+5 s", async () => { const d = (await h.player(page, "p.time.value")) - a; return d > 4 && d < 8; });
        const b = await h.player(page, "p.time.value");
        await page.keyboard.press("ArrowLeft");
        await h.until("-5 s", async () => { const d = (await h.player(page, "p.time.value")) - b; return d < -3 && d > -6; });
    });

    test("speeds from a quarter to sixteen", async () => {
        const span = await recorded();
        for (const [speed, least, most] of [[0.25, 0.1, 0.45], [4, 3, 5], [16, 10, 20]]) {
            await page.selectOption(".speed select", String(speed));
            await page.evaluate((t) => window.cardea.player.seek(t, true), span.from + 1);
            await h.until("plays", () => h.player(page, "!p.loading.value && !p.video.paused && p.video.readyState >= 3"));
            await page.waitForTimeout(300);
            const from = await h.player(page, "[p.time.value, performance.now()]");
            await page.waitForTimeout(1500);
            const to = await h.player(page, "[p.time.value, performance.now()]");
            const rate = ((to[0] - from[0]) * 1000) / (to[1] - from[1]);
            assert.ok(rate > least && rate < most, `${speed}: ${rate}`);
        }
        await page.selectOption(".speed select", "1");
    });

    test("the pointer over the timeline shows the picture of that time, and where there is none says so", async () => {
        const span = await recorded();
        const box = await page.locator(".timeline canvas").boundingBox();
        const view = await page.evaluate(() => window.cardea.view.value);
        const at = (t) => box.x + ((t - view.from) / (view.to - view.from)) * box.width;
        await page.mouse.move(at(span.from + 15), box.y + 50);
        await h.until("a picture", () => page.$eval(".preview img", (i) => i.naturalWidth > 0).catch(() => false));
        await page.mouse.move(at(span.from - 30), box.y + 50);
        await h.until("none there", async () => (await page.locator(".preview").innerText()).includes("Nothing recorded"));
    });

    test("a time before the first recording is told as a gap", async () => {
        const span = await recorded();
        await page.evaluate((t) => window.cardea.player.seek(t, true), span.from - 40);
        await h.until("told", async () => /Nothing was recorded/.test(await page.locator(".stage-notice").innerText()));
        await h.until("it goes on behind the gap", async () => (await h.player(page, "p.time.value")) >= span.from - 1);
    });

    test("an exported clip is what the camera saw, and verifies", async () => {
        const span = await recorded();
        await page.evaluate((t) => window.cardea.player.seek(t, false), span.from + 10);
        await h.until("there", () => h.player(page, "!p.loading.value"));
        await page.keyboard.press("e");
        await page.evaluate(([a, b]) => (window.cardea.trim.value = { from: a, to: b }), [span.from + 6, span.from + 16]);
        const coming = page.waitForEvent("download");
        await page.getByRole("button", { name: "Export MP4" }).click();
        const download = await coming;
        const clip = join(home.folder, "clip.mp4");
        await download.saveAs(clip);
        assert.match(await page.locator(".clip .message").innerText(), /Nothing is missing/);
        const { stdout: probed } = await run("ffprobe", ["-v", "error", "-count_packets", "-show_entries", "stream=codec_name,codec_type,nb_read_packets,width", "-of", "json", clip]);
        const streams = JSON.parse(probed).streams;
        const video = streams.find((s) => s.codec_type === "video");
        assert.equal(video.codec_name, "h264");
        assert.ok(streams.some((s) => s.codec_type === "audio"), "it has sound");
        assert.ok(Number(video.nb_read_packets) >= 9 * 15 && Number(video.nb_read_packets) <= 13 * 15, `${video.nb_read_packets} pictures`);
        const frames = await h.framesOf(clip);
        for (let i = 0; i < frames.length; i += 20) {
            const best = h.nearest(frames[i], sourceFront);
            assert.ok(best.difference < 3, `picture ${i}: ${best.difference}`);
        }
        const { stdout } = await home.cli("verify", clip);
        assert.match(stdout, /untouched/);
        const edited = await open(clip, "r+");
        const at = Math.floor((await stat(clip)).size / 2);
        const byte = Buffer.alloc(1);
        await edited.read(byte, 0, 1, at);
        byte[0] ^= 1;
        await edited.write(byte, 0, 1, at);
        await edited.close();
        await assert.rejects(home.cli("verify", clip));
        await page.getByRole("button", { name: "Close" }).click();
    });

    test("an export can be cancelled", async () => {
        const span = await recorded();
        await page.keyboard.press("e");
        await page.evaluate(([a, b]) => (window.cardea.trim.value = { from: a, to: b }), [span.from + 1, span.to - 1]);
        await page.route("**/v1/reels/*", async (r) => { await new Promise((x) => setTimeout(x, 150)); await r.continue(); });
        await page.getByRole("button", { name: "Export MP4" }).click();
        await page.getByRole("button", { name: "Cancel" }).click();
        await page.waitForSelector("text=The export was cancelled");
        await page.unrouteAll({ behavior: "ignoreErrors" });
        await page.keyboard.press("e");
    });

    test("health says what the hub says", async () => {
        await page.goto(`${home.url}/#/health`);
        await page.waitForSelector("table tbody tr:nth-child(2)", { timeout: 20_000 });
        assert.match(await page.locator("table").innerText(), /Front garden[\s\S]*Recording/);
        /* A reel takes up to a minute to become a row, whose bytes are counted. */
        await h.until("stored bytes", async () => /[kM]B/.test(await page.locator(".bars").innerText()), 90_000);
    });

    test("settings are kept, by the hub", async () => {
        await page.goto(`${home.url}/#/camera/${camera}/settings`);
        await page.fill("[name=name]", "Garden gate");
        await page.getByLabel("Keep recordings for (days)").fill("7");
        await page.getByRole("button", { name: "Save" }).click();
        await page.waitForSelector("text=Saved");
        await page.goto(`${home.url}/#/`);
        await h.until("the new name", () => page.locator(".tile", { hasText: "Garden gate" }).count());
    });

    test("a tampered recording is named, and what is whole around it plays", async () => {
        const span = await recorded();
        for (const path of await home.blobs()) {
            const size = (await stat(path)).size;
            const file = await open(path, "r+");
            const byte = Buffer.alloc(1);
            /* Somewhere in the middle third of each reel. */
            for (let at = Math.floor(size * 0.4); at < size * 0.6; at += Math.floor(size / 40)) {
                await file.read(byte, 0, 1, at);
                byte[0] ^= 1;
                await file.write(byte, 0, 1, at);
            }
            await file.close();
        }
        await page.goto(`${home.url}/#/camera/${camera}?t=${span.from + 20}&speed=4`);
        await h.until("it is named", async () => /was altered after it was recorded/.test(await page.locator(".stage-notice").innerText()), 40_000);
        assert.match(await page.locator(".stage-notice").innerText(), /Segment [0-9a-f]{8}\+\d+/);
    });

    test("H.265 where the browser has none: the substream, or what to change", async () => {
        const hevc = await h.makeClip(home.folder, "hevc.mp4", "vtest.avi", { codec: "libx265", seconds: 12, size: "320:-2" });
        if (await page.evaluate(() => MediaSource.isTypeSupported('video/mp4; codecs="hvc1.1.6.L93.B0"'))) return; /* this browser has it */
        await h.addCamera(page, home, "Drive", `file:${hevc}`);
        const tile = page.locator(".tile", { hasText: "Drive" });
        await h.until("the wall says so", async () => /cannot play H\.265/.test(await tile.innerText()));
        await tile.locator("a").click();
        await page.waitForSelector("text=Set the camera's video to H.264");
        const sub = await h.makeClip(home.folder, "sub.mp4", "vtest.avi", { size: "320:-2", seconds: 12 });
        const copy = await h.makeClip(home.folder, "hevc2.mp4", "vtest.avi", { codec: "libx265", seconds: 12, size: "352:-2" });
        await h.addCamera(page, home, "Porch", `file:${copy}`, { sub: `file:${sub}` });
        await page.locator(".tile", { hasText: "Porch" }).locator("a").click();
        await h.until("the substream plays", () => h.player(page, "p.mode.value === 'live' && p.video.readyState >= 3 && p.stream.value !== p.camera.id"), 30_000);
        assert.ok(h.nearest(await h.shown(page), sourceFront).difference < 8);
    });

    test("at 360, 390 and 2560 pixels nothing is cut off, and every control has a name", async () => {
        for (const [width, height] of [[360, 740], [390, 844], [2560, 1440]]) {
            await page.setViewportSize({ width, height });
            for (const hash of ["#/", `#/camera/${camera}`, `#/camera/${camera}/settings`, "#/add", "#/health", "#/account"]) {
                await page.goto(`${home.url}/${hash}`);
                await page.waitForSelector("main");
                await page.waitForTimeout(250);
                const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
                assert.ok(over <= 0, `${hash} at ${width}: ${over} px too wide`);
                const nameless = await page.$$eval("button, a[href], input, select, textarea, [role=slider]", (all) =>
                    all.filter((e) => e.checkVisibility() && !(e.getAttribute("aria-label") || e.labels?.[0]?.textContent.trim() || e.textContent.trim())).map((e) => e.outerHTML.slice(0, 120)));
                assert.deepEqual(nameless, [], hash);
            }
        }
        await page.setViewportSize({ width: 1280, height: 860 });
    });

    test("a reload keeps this device signed in", async () => {
        await page.goto(`${home.url}/#/account`);
        await page.reload();
        await page.waitForSelector("nav.nav");
    });

    const changed = "five other words entirely now";

    test("the passphrase changes; the old one no longer opens, the same answer for an unknown name", async () => {
        await page.goto(`${home.url}/#/account`);
        await page.click("text=Change the passphrase");
        await page.fill("dialog [name=old]", "not my passphrase");
        await page.fill("dialog [name=new]", changed);
        await page.click("dialog button[type=submit]");
        await page.waitForSelector("text=That is not your present passphrase");
        await page.fill("dialog [name=old]", h.PASSPHRASE);
        await page.click("dialog button[type=submit]");
        await page.waitForSelector("text=The passphrase is changed", { timeout: 30_000 });
        await page.click("text=Sign out on this device");
        await page.waitForSelector("text=Welcome back");
        await h.signIn(page, home, h.PASSPHRASE);
        const refused = await page.locator(".message.bad").innerText();
        await page.fill("[name=login]", "nobody@example.org");
        await page.click("button[type=submit]");
        await page.waitForTimeout(300);
        await h.until("refused again", async () => (await page.locator(".message.bad").innerText()) === refused, 15_000);
        await h.signIn(page, home, changed);
        await page.waitForSelector("nav.nav", { timeout: 20_000 });
    });

    test("the recovery kit opens everything again, and names a wrong word", async () => {
        const other = await h.openPage(browser, home);
        await other.goto(home.url);
        await other.click("text=I forgot my passphrase");
        await other.fill("[name=login]", h.LOGIN);
        const wrong = [...kit.words];
        wrong[6] = "hello";
        await other.fill("[name=words]", wrong.join(" "));
        await other.click("button[type=submit]");
        assert.match(await other.locator(".message.bad").innerText(), /Word 7/);
        await other.fill("[name=words]", kit.words.join(" ").toUpperCase());
        await other.click("button[type=submit]");
        await other.waitForSelector("text=Choose a new passphrase", { timeout: 20_000 });
        await other.fill("[name=passphrase]", "a third set of six words");
        await other.click("button[type=submit]");
        await other.waitForSelector("nav.nav", { timeout: 30_000 });
        assert.deepEqual(other.wrong, []);
        await other.context().close();
    });

    test("a range is deleted with its keys, and a camera with everything", async () => {
        await page.evaluate(() => indexedDB.deleteDatabase("cardea"));
        await page.goto("about:blank");
        await h.signIn(page, home, "a third set of six words");
        await page.waitForSelector("nav.nav", { timeout: 20_000 });
        const span = await recorded();
        await page.goto(`${home.url}/#/camera/${camera}/settings`);
        const local = (t) => new Date(t * 1000 - new Date(t * 1000).getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
        await page.waitForSelector("section:has(h2:text('Delete')) input");
        const [from, to] = await page.locator("section:has(h2:text('Delete')) input[type=datetime-local]").all();
        await from.fill(local(Math.floor(span.from)));
        await to.fill(local(Math.floor(span.from + 30)));
        await page.getByRole("button", { name: "Delete this time" }).click();
        await page.fill("dialog input", "delete");
        await page.click("dialog button[type=submit]");
        await page.waitForSelector("text=/Deleted \\d+ segments/", { timeout: 20_000 });
        const rest = await recorded();
        assert.ok(rest.from >= span.from + 29, `${rest.from - span.from}`);
        await page.getByRole("button", { name: "Remove the camera" }).click();
        await page.fill("dialog input", "Garden gate");
        await page.click("dialog button[type=submit]");
        await page.waitForFunction(() => location.hash === "#/", undefined, { timeout: 20_000 });
        assert.equal(await page.locator(".tile", { hasText: "Garden gate" }).count(), 0);
    });

    test("nothing was asked of another origin, no policy was broken, nothing was thrown", () => assert.deepEqual(page.wrong, []));

    test("a vault that is gone is said so, with the time; the installed app still opens, and says it too", async () => {
        await page.evaluate(() => navigator.serviceWorker.ready);
        const cached = await page.evaluate(async () => {
            const names = await caches.keys();
            const all = await Promise.all(names.map(async (n) => (await (await caches.open(n)).keys()).map((r) => new URL(r.url).pathname)));
            return all.flat();
        });
        assert.ok(cached.includes("/") && cached.some((p) => /^\/main-/.test(p)));
        assert.deepEqual(cached.filter((p) => p.startsWith("/v1/")), [], "nothing of the vault's is kept");
        await home.halt();
        await h.until("the banner", async () => /has not answered since \d\d:\d\d:\d\d/.test(await page.locator(".content").innerText()), 40_000);
        await page.reload();
        await page.waitForSelector("text=The vault does not answer");
    });
});
