/* Seeing in Chromium, against a real home that looks: events, zones, rules, channels, faces, statistics, and what goes wrong. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { resolve } from "node:path";
import { after, before, describe, test } from "node:test";
import * as h from "./home.mjs";

const lacking = h.missing();
/* Published weights for development; without them the built-in classifier is at work. */
const models = process.env.CARDEA_MODELS ?? resolve(new URL("../../../shared/models", import.meta.url).pathname);
if (existsSync(models)) process.env.CARDEA_MODELS = models;

describe("seeing", { skip: lacking ?? false, timeout: 900_000 }, () => {
    let home, browser, page, front, sourceFront, camera, hook;
    const calls = [];
    const command = (verb, args = {}) => page.evaluate(([v, a]) => window.cardea.client.command(v, a), [verb, args]);
    const see = () => command("see.get");
    const NONE = { cameras: {}, zones: {}, people: {} };
    const seen = (filter) => page.evaluate(async ([f, n]) => {
        await window.cardea.client.syncEvents();
        const found = await window.cardea.client.findEvents(f, n);
        return (await window.cardea.client.eventRows(found.rows)).filter((e) => e !== null);
    }, [filter, NONE]);

    before(async () => {
        hook = createServer((request, answer) => {
            const parts = [];
            request.on("data", (d) => parts.push(d));
            request.on("end", () => {
                calls.push({ headers: request.headers, body: Buffer.concat(parts).toString() });
                answer.end("noted");
            });
        });
        await new Promise((r) => hook.listen(0, "127.0.0.1", r));
        home = await h.startHome();
        front = await h.makeClip(home.folder, "front.mp4", "vtest.avi", { seconds: 40 });
        sourceFront = await h.framesOf(front);
        browser = await h.browse();
        page = await h.openPage(browser, home, { permissions: ["notifications"] });
        await h.confirmKit(page, await h.makeHousehold(page, home));
        await page.evaluate(() => window.cardea.client.stay());
    });

    after(async () => {
        await browser?.close();
        await home?.stop();
        hook?.close();
    });

    const chosen = () => new URLSearchParams(new URL(page.url()).hash.split("?")[1] ?? "").get("e");

    test("before anything happened, each page says what to do", async () => {
        for (const [hash, words] of [["#/events", /No camera yet/], ["#/stats", /Nothing to count yet/], ["#/faces", /It stays at home/], ["#/settings", /Familiar faces/]]) {
            await page.goto(`${home.url}/${hash}`);
            await h.until(hash, async () => words.test(await page.locator("main").innerText()));
        }
        await h.addCamera(page, home, "Front garden", `file:${front}`);
        camera = await page.evaluate(async () => (await window.cardea.client.view()).cameras[0].id);
    });

    test("health says who looks", async () => {
        await page.goto(`${home.url}/#/health`);
        await h.until("it looks", async () => /Looking/.test(await page.locator("[aria-label=Seeing]").innerText()), 60_000);
        assert.ok((await see()).model.name.length > 0);
    });

    test("what is seen is listed with its picture, and each picture is of what the camera saw", async () => {
        await page.goto(`${home.url}/#/events`);
        await page.waitForSelector(".ev-card:not(.ghost)", { timeout: 120_000 });
        await h.until("a picture", () => page.$eval(".ev-card .front", (i) => i.naturalWidth > 0).catch(() => false), 60_000);
        const card = await page.locator(".ev-card:not(.ghost)").first().getAttribute("aria-label");
        assert.match(card, /Front garden.*\d\d:\d\d:\d\d/);
        const size = await page.evaluate(async () => {
            const found = await window.cardea.client.findEvents({ without: ["motion"] }, { cameras: {}, zones: {}, people: {} });
            const rows = (await window.cardea.client.eventRows(found.rows)).filter((e) => e?.picture);
            const blob = await window.cardea.client.eventPicture(rows[0].camera, rows[0].day * 86400, rows[0].picture);
            return { type: blob.type, bytes: blob.size };
        });
        assert.equal(size.type, "image/jpeg");
        assert.ok(size.bytes > 1000 && size.bytes <= 48 << 10, `${size.bytes}`);
    });

    const ended = () => h.until("an event that has ended, a while ago", async () =>
        (await seen({ without: ["motion"] })).find((e) => !e.open && e.path.length > 2 && e.end / 1e6 < Date.now() / 1000 - 5) ?? null, 120_000);

    test("an opened event plays its moment, with its box where it was", async () => {
        const e = await ended();
        await page.goto(`${home.url}/#/events?e=${e.id}`);
        await page.waitForSelector(".detail");
        await h.until("it plays", () => page.$eval(".moment video", (v) => v.classList.contains("shown") && v.readyState >= 2).catch(() => false), 60_000);
        const best = h.nearest(await h.shown(page, ".moment video"), sourceFront);
        assert.ok(best.difference < 8, `${best.difference}`);
        await h.until("a box", () => page.evaluate((e) => {
            const c = document.querySelector(".moment .boxes");
            if (!c || c.width === 0 || window.cardea.player.time.value < e.begin / 1e6) return false;
            const { data } = c.getContext("2d").getImageData(0, 0, c.width, c.height);
            return data.some((v, i) => i % 4 === 3 && v > 0);
        }, e), 30_000);
        await page.keyboard.press("o");
        await h.until("no boxes", async () => (await page.locator(".moment .boxes").count()) === 0);
        await page.keyboard.press("o");
        assert.match(await page.locator(".why").innerText(), /Alert by|Quiet/);
    });

    test("keys go from event to event, and the address is enough to come back", async () => {
        await h.until("two that have ended", async () => (await seen({ without: ["motion"] })).filter((e) => !e.open).length >= 2, 120_000);
        await page.goto(`${home.url}/#/events`);
        await page.waitForSelector(".ev-card:not(.ghost)");
        await page.locator(".ev-card:not(.ghost)").first().click();
        const first = await h.until("the address names it", chosen);
        await page.waitForSelector(".detail-steps button[aria-label='Older event']:enabled");
        await page.keyboard.press("j");
        const second = await h.until("another", () => chosen() !== first && chosen());
        await page.reload();
        await page.waitForSelector(".detail");
        assert.equal(chosen(), second);
        await page.waitForSelector(".detail-steps button[aria-label='Newer event']:enabled");
        await page.keyboard.press("k");
        await h.until("newer again", () => chosen() !== second);
        await page.keyboard.press("Escape");
        await h.until("closed", () => chosen() === null);
    });

    test("filters and words narrow the list, also without the vault", async () => {
        await page.goto(`${home.url}/#/events`);
        await page.waitForSelector(".ev-card:not(.ghost)");
        await page.locator(".chip", { hasText: "People" }).click();
        await h.until("the address says so", () => /label=person/.test(page.url()));
        await h.until("people alone", async () => {
            const labels = await page.$$eval(".ev-card:not(.ghost)", (all) => all.map((e) => e.getAttribute("aria-label")));
            return labels.length > 0 && labels.every((l) => /Person/.test(l));
        });
        await page.context().setOffline(true);
        await page.fill(".search input", "pers gard");
        await h.until("still found", async () => /found/.test(await page.locator(".page-head").innerText()) || (await page.locator(".ev-card:not(.ghost)").count()) > 0);
        await page.fill(".search input", "zeppelin");
        await page.waitForSelector("text=Nothing fits");
        await page.context().setOffline(false);
        await page.click("text=Show everything");
        await page.waitForSelector(".ev-card:not(.ghost)");
        await h.until("the vault is back", async () => (await page.locator(".banner.warn").count()) === 0, 30_000);
    });

    test("events lie on the device sealed, under a key that it does not hand out", async () => {
        const kept = await page.evaluate(async () => {
            const ask = (r) => new Promise((ok, no) => ((r.onsuccess = () => ok(r.result)), (r.onerror = () => no(r.error))));
            const db = await ask(indexedDB.open("cardea-events"));
            const key = await ask(db.transaction("about").objectStore("about").get("key"));
            const names = await ask(db.transaction("days").objectStore("days").getAllKeys());
            const all = await ask(db.transaction("days").objectStore("days").getAll());
            db.close();
            const exported = await crypto.subtle.exportKey("raw", key).then(() => true, () => false);
            const text = all.map((a) => new TextDecoder("latin1").decode(a.sealed)).join("");
            return { exported, extractable: key.extractable, names, bytes: text.length, plain: /person|label|begin/.test(text) };
        });
        assert.ok(kept.names.some((n) => n.startsWith(`${camera}/`)) && kept.bytes > 100);
        assert.deepEqual([kept.exported, kept.extractable, kept.plain], [false, false, false]);
    });

    test("“Not interesting” is one tap, kept by the hub, and taken back", async () => {
        const e = await ended();
        const kept = async () => (await see()).negatives;
        const had = await kept();
        await page.goto(`${home.url}/#/events?e=${e.id}`);
        await page.waitForSelector(".detail");
        await page.getByRole("button", { name: "Not interesting" }).click();
        await h.until("kept", async () => (await kept()) === had + 1);
        await page.locator(".toast button", { hasText: "Undo" }).click();
        await h.until("taken back", async () => (await kept()) === had);
    });

    test("a zone is drawn, moved by keys and by the pointer, undone, and saved at the hub", async () => {
        await page.goto(`${home.url}/#/camera/${camera}/zones`);
        await page.waitForSelector(".zones-picture img");
        await page.getByRole("button", { name: "Zone", exact: true }).click();
        await page.getByLabel("Name").fill("Path");
        const points = () => page.evaluate(() => window.cardea.zones.value.now.find((s) => s.name === "Path").points);
        const before = await points();
        await page.locator(".point").first().focus();
        await page.keyboard.press("ArrowLeft");
        await page.keyboard.press("ArrowUp");
        assert.deepEqual((await points())[0], [before[0][0] - 100, before[0][1] - 100]);
        await page.keyboard.press("+");
        assert.equal((await points()).length, 5);
        await page.keyboard.press("Delete");
        assert.equal((await points()).length, 4);
        const box = await page.locator(".zones-picture svg").boundingBox();
        const at = ([x, y]) => [box.x + (x / 10_000) * box.width, box.y + (y / 10_000) * box.height];
        const [x, y] = at((await points())[2]);
        await page.mouse.move(x, y);
        await page.mouse.down();
        await page.mouse.move(box.x + box.width + 80, y - 40, { steps: 4 });
        await page.mouse.up();
        assert.equal((await points())[2][0], 10_000, "no point leaves the picture");
        await page.keyboard.press("Control+z");
        assert.ok((await points())[2][0] < 10_000, "one drag is one step back");
        await page.keyboard.press("Control+Shift+z");
        assert.equal((await points())[2][0], 10_000);
        await page.getByRole("button", { name: "Save" }).click();
        await page.waitForSelector("text=Zones are saved");
        const [zone] = (await see()).zones[camera];
        assert.deepEqual([zone.name, zone.kind, zone.points], ["Path", "include", await points()]);
    });

    test("a mask says what it means before it is burnt in", async () => {
        await page.getByRole("button", { name: "Mask", exact: true }).click();
        await page.getByRole("button", { name: "Save" }).click();
        assert.match(await page.locator("dialog").innerText(), /nobody can ever bring it back/);
        await page.getByRole("button", { name: "Keep it" }).click();
        assert.deepEqual((await see()).masks[camera] ?? [], []);
        await page.getByRole("button", { name: "Discard" }).click();
    });

    test("a rule is put together as a sentence, tried on what happened, and kept", async () => {
        await page.goto(`${home.url}/#/alerts`);
        await page.getByRole("button", { name: "New rule" }).click();
        const card = page.locator(".rule.editing");
        await card.locator(".slot", { hasText: "anywhere" }).click();
        await card.getByRole("button", { name: "Path" }).click();
        await card.locator(".slot", { hasText: "whether or not" }).click();
        await card.getByRole("button", { name: "Nobody is home" }).click();
        await card.locator(".slot", { hasText: "at any time" }).click();
        await card.getByRole("button", { name: "At night" }).click();
        assert.match((await card.locator(".sentence").innerText()).replaceAll("\n", ""), /When a person is in Path.*while nobody is home.*at night \(22:00 to 06:00\).*tell every channel/);
        await h.until("it was tried", async () => /ould (not )?have alerted/.test(await card.locator(".trial").innerText()));
        await card.getByLabel("Name").fill("Away at night");
        await card.getByRole("button", { name: "Add this rule" }).click();
        const made = await h.until("the hub has it", async () => (await see()).rules.find((r) => r.name === "Away at night"));
        assert.deepEqual([made.labels, made.presence, made.zones.length, made.schedule[0].from], [["person"], "away", 1, "22:00"]);
        await page.getByRole("switch", { name: /Away at night is on/ }).uncheck();
        await h.until("off", async () => (await see()).rules.find((r) => r.name === "Away at night").on === false);
        await page.getByRole("button", { name: "Delete Away at night" }).click();
        await h.until("gone", async () => !(await see()).rules.some((r) => r.name === "Away at night"));
        await page.locator(".toast button", { hasText: "Undo" }).click();
        await h.until("back", async () => (await see()).rules.some((r) => r.name === "Away at night"));
    });

    test("nobody home and quiet for an hour are said to the hub, and undone", async () => {
        await page.getByText("Nobody home").click();
        await h.until("away", async () => (await see()).presence.now === "away");
        await page.getByRole("button", { name: "1 hour" }).click();
        const until = await h.until("muted", async () => (await see()).muted_until);
        assert.ok(Math.abs(until / 1e6 - Date.now() / 1000 - 3600) < 120);
        await page.getByRole("button", { name: "End it" }).click();
        await h.until("loud again", async () => (await see()).muted_until === 0);
        await page.getByText("Somebody home").click();
        await h.until("home", async () => (await see()).presence.now === "home");
    });

    test("a webhook is added, tested for real, and signed; one that nobody answers is said so", async () => {
        await page.goto(`${home.url}/#/alerts?show=channels`);
        await page.locator(".kind", { hasText: "Webhook" }).click();
        await page.fill("[name=channel-name]", "My server");
        await page.fill("[name=channel-url]", `http://127.0.0.1:${hook.address().port}/cardea`);
        const secret = "a secret that both sides know";
        await page.fill("[name=channel-secret]", secret);
        await page.getByRole("button", { name: "Add and test" }).click();
        const call = await h.until("the server was called", () => calls[0], 30_000);
        const [t, v1] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(call.headers["cardea-signature"]).slice(1);
        assert.equal(createHmac("sha256", secret).update(`${t}.${call.body}`).digest("hex"), v1);
        await h.until("it works", async () => /Works/.test(await page.locator(".channel", { hasText: "My server" }).innerText()), 30_000);
        await page.getByRole("button", { name: "Switch My server off" }).click();
        await h.until("it is off", async () => (await see()).channels.find((c) => c.name === "My server").on === false);
        await h.until("no test of what is off", () => page.locator(".channel", { hasText: "My server" }).getByRole("button", { name: "Test", exact: true }).isDisabled());
        await page.locator(".toast").getByRole("button", { name: "Undo" }).click();
        await h.until("it is on again", async () => (await see()).channels.find((c) => c.name === "My server").on !== false);
        await page.locator(".kind", { hasText: "ntfy" }).click();
        await page.fill("[name=channel-name]", "Nobody");
        await page.fill("[name=channel-url]", "http://127.0.0.1:9/topic");
        await page.getByRole("button", { name: "Add and test" }).click();
        const card = page.locator(".channel", { hasText: "Nobody" });
        await card.waitFor();
        await card.getByRole("button", { name: "Test" }).click();
        await card.locator(".message.bad").waitFor({ timeout: 60_000 });
        await card.getByRole("button", { name: "Remove Nobody" }).click();
        await page.locator("dialog").getByRole("button", { name: "Remove" }).click();
        await h.until("gone", async () => !(await see()).channels.some((c) => c.name === "Nobody"));
    });

    test("a push is shown with its words and picture, and a tap leads to the event", async () => {
        await page.goto(`${home.url}/#/`);
        await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
        const [worker] = page.context().serviceWorkers();
        const push = { v: 1, id: "ab".repeat(16), event: "cd".repeat(16), camera, title: "A person at Front garden", text: "In Path, 19:04", at: Date.now() * 1000, picture: "_9j_4A" };
        const show = (data) => worker.evaluate(async (data) => {
            const waits = [];
            const e = new PushEvent("push", { data });
            e.waitUntil = (p) => waits.push(p);
            self.dispatchEvent(e);
            await Promise.all(waits);
            return (await self.registration.getNotifications()).map((n) => ({ title: n.title, body: n.body, tag: n.tag, url: n.data.url, image: n.image ?? null }));
        }, data);
        const shown = await show(JSON.stringify(push));
        assert.deepEqual(shown.map((n) => [n.title, n.body, n.tag, n.url]), [[push.title, push.text, push.id, `/#/events?e=${push.event}`]]);
        assert.equal((await show(JSON.stringify(push))).length, 1, "the same alert again is one notification");
        const odd = await show("not json");
        assert.ok(odd.some((n) => n.title === "Something happened"));
        const hostile = await show(JSON.stringify({ v: 1, id: "../x", event: "javascript:alert(1)", title: { a: 1 }, text: 7 }));
        assert.ok(hostile.every((n) => /^\/#\/events(\?e=[0-9a-f]{32})?$/.test(n.url)));
        await worker.evaluate(async (tag) => {
            const [n] = await self.registration.getNotifications({ tag });
            const waits = [];
            const e = new NotificationEvent("notificationclick", { notification: n });
            e.waitUntil = (p) => waits.push(p);
            self.dispatchEvent(e);
            await Promise.all(waits);
        }, push.id);
        await h.until("the app goes there", () => chosen() === push.event);
        await page.waitForSelector("text=This event is not here");
    });

    test("turning notifications on without a push service is said in words, and leaves nothing behind", async () => {
        await page.goto(`${home.url}/#/alerts?show=channels`);
        const button = page.getByRole("button", { name: "Turn on notifications" });
        await button.click();
        await h.until("an answer", async () => (await page.locator(".device .message.bad, .device.on").count()) > 0, 30_000);
        if ((await page.locator(".device.on").count()) === 0) assert.deepEqual((await see()).channels.filter((c) => c.kind === "webpush"), []);
    });

    test("familiar faces are off; once on, a photo without a face is refused in words", async () => {
        await page.goto(`${home.url}/#/faces`);
        assert.equal((await see()).faces.on, false);
        await page.getByRole("button", { name: "Turn on familiar faces" }).click();
        await h.until("on, or why not", async () => (await see()).faces.on || (await page.locator(".message.bad").count()) > 0);
        if (!(await see()).faces.on) return;
        await page.getByRole("button", { name: "Add a person" }).first().click();
        await page.fill("[name=person]", "Ada");
        const photo = await page.evaluate(async () => {
            const c = new OffscreenCanvas(1600, 1200);
            const g = c.getContext("2d");
            for (let i = 0; i < 400; i++) (g.fillStyle = `hsl(${i * 7} 60% 50%)`), g.fillRect((i * 97) % 1600, (i * 61) % 1200, 120, 90);
            return Array.from(new Uint8Array(await (await c.convertToBlob({ type: "image/jpeg", quality: 0.95 })).arrayBuffer()));
        });
        assert.ok(photo.length > 24 << 10, "it must be scaled first");
        await page.setInputFiles("dialog input[type=file]", { name: "ada.jpg", mimeType: "image/jpeg", buffer: Buffer.from(photo) });
        await page.waitForSelector(".picked img");
        assert.ok(await page.locator("dialog button[type=submit]").isDisabled(), "consent first");
        await page.getByText("knows of this and agreed").click();
        await page.locator("dialog button[type=submit]").click();
        await page.waitForSelector("dialog .message.bad", { timeout: 60_000 });
        assert.equal((await see()).faces.people.length, 0);
        await page.getByRole("button", { name: "Cancel" }).click();
    });

    const faces = resolve(process.env.CARDEA_FOOTAGE ?? new URL("../../../shared/footage", import.meta.url).pathname, "restricted-test-only/faces");
    const skipFaces = !existsSync(`${models}/face`) ? `no weights for faces in ${models}/face` : !existsSync(faces) ? `no photos of faces in ${faces}` : false;
    test("somebody is named from a photo, renamed, never recognised, taken back, and deleted for good", { skip: skipFaces }, async () => {
        await page.goto(`${home.url}/#/faces`);
        const people = async () => (await see()).faces.people;
        if (!(await see()).faces.on) await page.getByRole("button", { name: "Turn on familiar faces" }).click();
        await page.getByRole("button", { name: "Add a person" }).first().click();
        await page.fill("[name=person]", "Joe");
        await page.setInputFiles("dialog input[type=file]", [`${faces}/biden.jpg`, `${faces}/obama_and_biden.jpg`]);
        await h.until("both are there", async () => (await page.locator(".picked img").count()) === 2);
        await page.getByText("knows of this and agreed").click();
        await page.fill("[name=consent]", "Anna");
        await page.locator("dialog button[type=submit]").click();
        const card = page.locator(".person");
        await card.waitFor({ timeout: 60_000 });
        const [added] = await people();
        assert.equal(added.name, "Joe");
        assert.equal(added.templates, 1, "a photo of two people names nobody");
        assert.match(await card.innerText(), /1 picture · consent noted by Anna/);
        await card.getByRole("button", { name: "Rename" }).click();
        await page.locator("dialog input").fill("Joseph");
        await page.locator("dialog button[type=submit]").click();
        await h.until("renamed", async () => (await people())[0].name === "Joseph" && /Joseph/.test(await card.innerText()));
        await card.getByRole("button", { name: "Never recognise" }).click();
        await h.until("excluded", async () => (await people())[0].exclude && /Never recognised/.test(await card.innerText()));
        await page.locator(".toast").getByRole("button", { name: "Undo" }).click();
        await h.until("taken back", async () => !(await people())[0].exclude && !/Never recognised/.test(await card.innerText()));
        await card.getByRole("button", { name: "Delete Joseph" }).click();
        await page.getByRole("button", { name: "Delete for good" }).click();
        await h.until("nobody is left", async () => (await people()).length === 0 && /Nobody yet/.test(await page.locator("main").innerText()));
        assert.ok(!existsSync(`${home.data}/hub/faces`), "no template is left");
        assert.ok(readFileSync(`${home.data}/hub/faces.key`).every((byte) => byte === 0), "and no key");
    });

    test("what it sees and why: looks of the last minute, boxes over the live picture", async () => {
        await page.goto(`${home.url}/#/camera/${camera}?debug=1`);
        await h.until("looks", async () => /Looked \d+ times/.test(await page.locator(".debug").innerText()), 60_000);
        await h.until("found something", async () => (await page.locator(".debug-strip .found").count()) > 0, 60_000);
        await h.until("drawn", () => page.evaluate(() => {
            const c = document.querySelector(".stage .boxes");
            return c && c.width > 0 && c.getContext("2d").getImageData(0, 0, c.width, c.height).data.some((v, i) => i % 4 === 3 && v > 0);
        }), 60_000);
        /* A picture that is higher than its place is made smaller, not cut off; and boxes are where it is. */
        const [stage, video, boxes] = await page.evaluate(() => [".stage", ".stage video", ".stage .boxes"].map((s) => { const r = document.querySelector(s).getBoundingClientRect(); return [r.x, r.y, r.width, r.height].map(Math.round); }));
        assert.deepEqual([video, boxes], [stage, stage]);
        await page.getByRole("button", { name: "Close this view" }).click();
        await h.until("closed", async () => (await page.locator(".debug").count()) === 0);
    });

    test("statistics count what is there", async () => {
        await page.goto(`${home.url}/#/stats?days=7`);
        await page.waitForSelector(".uplot canvas");
        await h.until("the same number", async () => {
            const told = Number((await page.locator(".tiles dd").first().innerText()).replaceAll(/\D/g, ""));
            return told > 0 && told === (await seen({ without: ["motion"] })).length;
        }, 30_000);
    });

    test("at 360, 390 and 2560 pixels nothing is cut off, and every control has a name", async () => {
        const e = await ended();
        for (const [width, height] of [[360, 740], [390, 844], [2560, 1440]]) {
            await page.setViewportSize({ width, height });
            for (const hash of ["#/events", `#/events?e=${e.id}`, "#/alerts", "#/alerts?show=channels", "#/stats", "#/settings", "#/faces", `#/camera/${camera}/zones`, `#/camera/${camera}?debug=1`]) {
                await page.goto(`${home.url}/${hash}`);
                await page.waitForSelector("main :is(h1, h2):visible");
                await page.waitForFunction(() => document.querySelector("main [aria-busy=true]") === null); /* the line of who looks never ends */
                const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
                assert.ok(over <= 0, `${hash} at ${width}: ${over} px too wide`);
                const nameless = await page.$$eval("button, a[href], input, select, textarea, [role=slider], [role=button]", (all) =>
                    all.filter((x) => x.checkVisibility() && !(x.getAttribute("aria-label") || x.labels?.[0]?.textContent.trim() || x.textContent.trim())).map((x) => x.outerHTML.slice(0, 120)));
                assert.deepEqual(nameless, [], hash);
            }
        }
        await page.setViewportSize({ width: 1280, height: 860 });
    });

    test("nothing was asked of another origin, no policy was broken, nothing was thrown", () =>
        /* The browser's own words about push in a window like the tests'. */
        assert.deepEqual(page.wrong.filter((w) => !/Push API in incognito mode/.test(w)), []));

    test("signing out leaves no event on the device", async () => {
        await page.goto(`${home.url}/#/account`);
        await page.click("text=Sign out on this device");
        await page.waitForSelector("text=Welcome back");
        await h.until("gone", () => page.evaluate(async () => !(await indexedDB.databases()).some((d) => d.name === "cardea-events")));
    });
});
