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

describe("the owner's app", { skip: lacking ?? false, timeout: 2_400_000 }, () => {
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
        await h.says(page, ".strength", /5 more characters/);
        assert.ok(await page.getByRole("button", { name: "Make it" }).isDisabled());
        assert.equal(new URL(page.url()).hash, "", "the setup code leaves the address");
        kit = await h.makeHousehold(page, home);
        assert.equal(kit.words.length, 12);
        assert.equal(await page.locator(".message.warn").count(), 0, "the hub is paired");
        await page.fill("[name=word0]", "babab");
        await page.fill("[name=word1]", "babab");
        await page.click(".kit button[type=submit]");
        await h.says(page, ".message.bad", /is not the one on your kit/);
        await h.confirmKit(page, kit);
        await h.says(page, ".empty", /Add one by its address/);
    });

    test("a camera is seen before it is added; one that is not there is refused in words", async () => {
        await page.goto(`${home.url}/#/add`);
        await page.fill("[name=name]", "Nowhere");
        await page.fill("[name=url]", `file:${home.folder}/missing.mp4`);
        await page.getByRole("button", { name: "Test", exact: true }).click();
        await page.waitForSelector(".message.bad");
        await h.addCamera(page, home, "Front garden", `file:${front}`, { sound: true });
        await h.addCamera(page, home, "Back yard", `file:${back}`);
    });

    test("the wall shows both cameras live, and each what its camera sees", async () => {
        await page.waitForFunction(() => document.querySelectorAll(".tile video.shown").length === 2);
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
        const seen = new Set();
        await h.until("three different pictures", async () => {
            const best = h.nearest(await h.shown(page), sourceFront);
            assert.ok(best.difference < 8, `${best.difference}`);
            return seen.add(best.index).size >= 3;
        });
    });

    test("sound is off until asked for, and then plays", async () => {
        assert.equal(await h.player(page, "p.video.muted"), true);
        await page.keyboard.press("m");
        await h.until("sound is in the buffer", () => h.player(page, "!p.video.muted && p.feed?.sink?.has('audio') && p.video.readyState >= 3"));
        await page.keyboard.press("m");
        await h.until("it is off again", () => h.player(page, "p.video.muted"));
    });

    test("keyboard: pause, picture by picture, on", async () => {
        await h.until("plays", () => h.player(page, "!p.video.paused && p.feed.frames.length > 30"));
        /* The picture it stands at, and its neighbours, in the order in which the camera sent them. */
        const around = () => h.player(page, `(() => {
            const [t, frames, sink] = [p.time.value, p.feed.frames, p.feed.sink];
            const settled = p.video.paused && !p.video.seeking && Math.abs(t - sink.time) < 0.1;
            const [before, after] = [frames.findLast((f) => f < t - 0.002), frames.find((f) => f > t + 0.002)];
            return settled && { t, before: sink.range(before + 0.001) && before, after: after && sink.range(after + 0.001) && after };
        })()`);
        const standsAt = (time) => h.until(`the picture of ${time}`, async () => Math.abs((await h.player(page, "p.time.value")) - time) < 0.01 && Math.abs((await h.player(page, "p.feed.sink.time")) - time) < 0.01);
        const here = await h.until("it stands at a picture that has another before it", async () => {
            await page.keyboard.press("Space");
            await h.until("it is paused", () => h.player(page, "p.video.paused"));
            const seen = await h.until("the picture to be the one it stands at", around);
            if (seen.before) return seen;
            await page.keyboard.press("l"); /* pictures were skipped just there */
            await h.until("plays", () => h.player(page, "!p.video.paused"));
            return null;
        });
        assert.ok(here.t - here.before < 1, "pictures follow each other");
        await page.keyboard.press(",");
        await standsAt(here.before);
        /* At the live edge a picture is listed a moment before it can be shown, by as much as its sound comes later. */
        const next = await h.until("the picture after it to be there", async () => (await around()).after);
        assert.ok(Math.abs(next - here.t) < 0.01, `${next} follows, ${here.t} is where we were`);
        await page.keyboard.press(".");
        await standsAt(next);
        await page.keyboard.press("l");
        await h.until("live again", () => h.player(page, "p.mode.value === 'live' && !p.video.paused"));
    });

    test("recordings appear on the timeline as they are made", async () => {
        await h.until("a reel is listed", () => page.evaluate(async (c) => {
            const now = Date.now() / 1000;
            const spans = await window.cardea.client.spans(c, Math.floor(now - 600), Math.ceil(now));
            return spans.length > 0 && spans[0].to - spans[0].from > 20;
        }, camera));
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
        const t = await h.firstShown(page, () => clickTime(span.from + 12));
        assert.notEqual(await h.player(page, "p.mode.value"), "live");
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
        const span = await recorded();
        /* From a picture that stands: what plays on has moved meanwhile. */
        await page.keyboard.press("Space");
        await h.until("it is paused", () => h.player(page, "p.video.paused && !p.loading.value && Math.abs(p.time.value - p.sink.time) < 0.1"));
        const a = await h.player(page, "p.time.value");
        const at = async (t) => h.until(`${t} s from there`, async () => Math.abs((await h.player(page, "p.loading.value ? 0 : p.time.value")) - a - t) < 0.5);
        await page.keyboard.press("ArrowRight");
        await at(5);
        await page.keyboard.press("ArrowLeft");
        await at(0);
        await page.keyboard.press("Shift+ArrowLeft");
        await h.until("a minute back lies before the recording, which goes on where it begins", async () => Math.abs((await h.player(page, "p.loading.value ? 0 : p.time.value")) - span.from) < 2);
        await page.keyboard.press("Space");
        await h.until("it plays on", () => h.player(page, "!p.video.paused"));
    });

    test("speeds from a quarter to sixteen", async () => {
        const span = await recorded();
        for (const [speed, least, most] of [[0.25, 0.1, 0.45], [4, 3, 5], [16, 10, 20]]) {
            await page.selectOption(".speed select", String(speed));
            const rates = [];
            await h.until(`it plays at ${speed}`, async () => { /* a busy machine may stutter at first */
                await page.evaluate((t) => window.cardea.player.seek(t, true), span.from + 1);
                await h.until("plays", () => h.player(page, "!p.loading.value && !p.video.paused && p.video.readyState >= 3 && p.seekMs.value !== null"));
                const [from, to] = await page.evaluate(async () => {
                    const p = window.cardea.player;
                    const here = () => [p.time.value, performance.now()];
                    const before = here();
                    await new Promise((r) => setTimeout(r, 1500));
                    return [before, here()];
                });
                rates.push(((to[0] - from[0]) * 1000) / (to[1] - from[1]));
                return rates.at(-1) > least && rates.at(-1) < most;
            }).catch((e) => assert.fail(`${e.message}: ${rates}`));
        }
        await page.selectOption(".speed select", "1");
    });

    test("the pointer over the timeline shows the picture of that time, and where there is none says so", async () => {
        const span = await recorded();
        const box = await page.locator(".timeline canvas").boundingBox();
        const point = async (t) => { /* anew each time: the timeline moves on with the time */
            const view = await page.evaluate(() => window.cardea.view.value);
            await page.mouse.move(box.x + ((t - view.from) / (view.to - view.from)) * box.width, box.y + 50);
        };
        await point(span.from + 15);
        await h.until("a picture", () => page.$eval(".preview img", (i) => i.naturalWidth > 0).catch(() => false));
        await h.until("none there", async () => {
            await point(span.from - 30);
            return page.$eval(".preview", (e) => e.innerText.includes("Nothing recorded")).catch(() => false);
        });
    });

    test("a time before the first recording is told as a gap", async () => {
        const span = await recorded();
        await page.evaluate(() => (window.told.length = 0));
        await page.evaluate((t) => window.cardea.player.seek(t, true), span.from - 40);
        await h.told(page, /Nothing was recorded/);
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
        await h.says(page, ".clip .message", /Nothing is missing/);
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
        let cancelled;
        const held = new Promise((r) => (cancelled = r));
        await page.route("**/v1/reels/*", async (r) => { await held; await r.continue().catch(() => undefined); });
        await page.getByRole("button", { name: "Export MP4" }).click();
        await page.getByRole("button", { name: "Cancel" }).click();
        await page.waitForSelector("text=The export was cancelled");
        cancelled();
        await page.unrouteAll({ behavior: "ignoreErrors" });
        await page.keyboard.press("e");
    });

    test("where the picture changes its size an export ends, and the rest is offered", async () => {
        await h.addCamera(page, home, "Changing", `file:${await h.makeChangingClip(home.folder, "changing.ts", 6)}`);
        const id = await page.evaluate(() => document.querySelector('.tile:has(strong) a[aria-label^="Changing"]').href.split("/").at(-1));
        const range = await h.until("both sizes to be recorded", () => page.evaluate(async (c) => {
            const now = Date.now() / 1000;
            const [span] = await window.cardea.client.spans(c, Math.floor(now - 600), Math.ceil(now));
            return span && span.to - span.from >= 16 && { from: span.from, to: span.from + 14 };
        }, id));
        await page.goto(`${home.url}/#/camera/${id}`);
        await h.until("the player", () => h.player(page, "p.camera.profile.name === 'Changing'"));
        await page.keyboard.press("e");
        await page.evaluate((r) => (window.cardea.trim.value = r), range);
        const sizes = [];
        for (let part = 1, button = "Export MP4"; button; part++) {
            const coming = page.waitForEvent("download");
            await page.getByRole("button", { name: button }).click();
            const download = await coming;
            const clip = join(home.folder, `changing-${part}.mp4`);
            await download.saveAs(clip);
            const { stdout } = await run("ffprobe", ["-v", "error", "-show_entries", "stream=width", "-of", "csv=p=0", clip]);
            sizes.push(Number(stdout));
            assert.match((await home.cli("verify", clip)).stdout, /untouched/);
            const message = await h.says(page, ".clip .message", /Exported/);
            button = (await page.getByRole("button", { name: "Export the rest" }).count()) ? "Export the rest" : null;
            assert.equal(/picture changed its coding or size/.test(message), button !== null, message);
        }
        assert.ok(sizes.length >= 2 && sizes.every((s, i) => s === sizes[i % 2] && (s === 640 || s === 320)) && sizes[0] !== sizes[1], `${sizes}`);
        await page.evaluate((c) => window.cardea.client.removeCamera(c), id);
    });

    test("health says what the hub says", async () => {
        await page.goto(`${home.url}/#/health`);
        await page.waitForSelector("table tbody tr:nth-child(2)");
        await h.says(page, "table", /Front garden[\s\S]*Recording/);
        await h.says(page, ".bars", /[kM]B/);
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
        await h.told(page, /was altered after it was recorded[\s\S]*Segment [0-9a-f]{8}\+\d+/);
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
        await h.until("the substream plays", () => h.player(page, "p.mode.value === 'live' && p.video.readyState >= 3 && p.stream.value !== p.camera.id"));
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
        await page.waitForSelector("text=The passphrase is changed");
        await page.click("text=Sign out on this device");
        await page.waitForSelector("text=Welcome back");
        await h.signIn(page, home, h.PASSPHRASE);
        const refused = await page.locator(".message.bad").innerText();
        await page.fill("[name=login]", "nobody@example.org");
        const answered = page.waitForResponse((r) => new URL(r.url()).pathname === "/v1/sessions");
        await page.click("button[type=submit]");
        assert.equal((await answered).status(), 403);
        await h.until("refused again", () => page.$$eval(".message.bad", (all, text) => all.some((e) => e.innerText === text), refused));
        await h.signIn(page, home, changed);
        await page.waitForSelector("nav.nav");
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
        await h.says(other, ".message.bad", /Word 7/);
        await other.fill("[name=words]", kit.words.join(" ").toUpperCase());
        await other.click("button[type=submit]");
        await other.waitForSelector("text=Choose a new passphrase");
        await other.fill("[name=passphrase]", "a third set of six words");
        await other.click("button[type=submit]");
        await other.waitForSelector("nav.nav");
        assert.deepEqual(other.wrong, []);
        await other.context().close();
    });

    test("a range is deleted with its keys, and a camera with everything", async () => {
        await page.evaluate(() => indexedDB.deleteDatabase("cardea"));
        await page.goto("about:blank");
        await h.signIn(page, home, "a third set of six words");
        await page.waitForSelector("nav.nav");
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
        await page.waitForSelector("text=/Deleted \\d+ segments/");
        const rest = await recorded();
        assert.ok(rest.from >= span.from + 29, `${rest.from - span.from}`);
        await page.getByRole("button", { name: "Remove the camera" }).click();
        await page.fill("dialog input", "Garden gate");
        await page.click("dialog button[type=submit]");
        await page.waitForFunction(() => location.hash === "#/");
        await h.until("its tile to be gone", async () => (await page.locator(".tile", { hasText: "Garden gate" }).count()) === 0);
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
        await h.says(page, ".content", /has not answered since \d\d:\d\d:\d\d/);
        await page.reload();
        await page.waitForSelector("text=The vault does not answer");
    });
});
