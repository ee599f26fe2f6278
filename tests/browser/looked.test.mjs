/* Who looked: a real home, its real log, and a vault that lies about it; and an app that does not take pages that are in no log. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { cp, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import * as h from "./home.mjs";
import { answerLooks, madeLooks } from "./preview_looked.mjs";

const lacking = h.missing() ?? false;
const looked = async (page, home) => {
    await page.goto(`${home.url}/#/looked`);
    await page.waitForSelector(".proof.whole, .proof.amiss, .failure");
};
const check = (page) => page.evaluate(async () => {
    await window.cardea.client.checkLooks();
});

async function house() {
    const home = await h.startHome();
    const browser = await h.browse();
    const page = await h.openPage(browser, home);
    await h.confirmKit(page, await h.makeHousehold(page, home));
    await page.evaluate(() => window.cardea.client.stay());
    return { home, browser, page, stop: async () => (await browser.close(), await home.stop()) };
}

test("nobody has looked, a link is opened, and it is told and proven", { skip: lacking, timeout: 900_000 }, async () => {
    const { home, browser, page, stop } = await house();
    try {
        await looked(page, home);
        await h.says(page, ".proof-words", /Proven whole/);
        await h.says(page, ".empty", /Nobody but you has looked/);
        await h.addCamera(page, home, "Porch", `file:${await h.makeClip(home.folder, "porch.mp4", "vtest.avi", { seconds: 8 })}`);
        const made = await h.until("a link", () => page.evaluate(async () => {
            const camera = (await window.cardea.client.view()).cameras[0].id;
            const now = Math.floor(Date.now() / 1000);
            return window.cardea.client.share({ cameras: [camera], from: now - 60, to: now + 3600, live: true, export: false, expires: now + 3600, name: "Grandma" }).catch(() => null);
        }));
        const guest = await h.openPage(browser, home);
        await guest.goto(made.link);
        await guest.waitForFunction(() => document.body.innerText.includes("Porch"));
        await h.until("the look to be proven", async () => {
            await check(page);
            return page.evaluate(async () => (await window.cardea.client.whoLooked()).looks.length > 0);
        });
        await looked(page, home);
        const row = await h.says(page, ".look summary", /Grandma/);
        assert.match(row, /Porch/);
        assert.match(await h.says(page, ".proof-words", /entries of yours/), /Proven whole/);
        await h.says(page, ".strip-legend", /Links/);
        await page.goto(`${home.url}/#/looked?by=cameras`);
        await h.says(page, ".look-sum", /Porch/);
        await page.goto(`${home.url}/#/settings`);
        await h.says(page, "a[href='#/looked'] .pill", /Proven/);
        /* An honest log stays proven; the same, with an entry dropped on the way, does not. */
        await page.context().route("**/v1/log/mine*", async (route) => {
            const response = await route.fetch();
            const said = await response.json();
            await route.fulfill({ response, json: { next: Math.max(0, said.next - 1), entries: said.entries.slice(0, -1) } });
        });
        await page.evaluate(() => new Promise((done) => (indexedDB.deleteDatabase("cardea-log").onsuccess = done)));
        await page.goto(`${home.url}/#/`);
        await page.reload();
        await page.waitForSelector(".proof-banner");
        await page.click(".proof-banner a");
        await h.says(page, ".failure-head", /An entry was kept from you|An entry of yours is missing/);
        assert.deepEqual(page.wrong, []);
    } finally {
        await stop();
    }
});

test("weeks of access are told in words, and a log that forks raises the alarm with both checkpoints", { skip: lacking, timeout: 900_000 }, async () => {
    const { home, page, stop } = await house();
    try {
        for (const name of ["Front garden", "Hallway", "Driveway", "Porch"]) await h.addCamera(page, home, name, `file:${await h.makeClip(home.folder, `${name.replace(" ", "")}.mp4`, "vtest.avi", { seconds: 3 })}`);
        const made = await madeLooks(home.folder, home.url, h.LOGIN, h.PASSPHRASE);
        await answerLooks(page.context(), made);
        /* Another log than the one that this device has pinned: its pin is what the test makes, too. */
        await page.evaluate(() => new Promise((done) => (indexedDB.deleteDatabase("cardea-log").onsuccess = done)));
        await page.goto(`${home.url}/#/`);
        await page.reload();
        await page.waitForSelector("nav.nav");
        await looked(page, home);
        await h.says(page, ".proof-words", /Proven whole/);
        await h.says(page, ".look summary", /Grandma is watching Porch live/);
        await h.says(page, ".look summary", /Agent 7 watched Porch live for 3 min[\s\S]*Support desk, for your ticket: “picture is dark”/);
        await h.says(page, ".look summary", /Officer Lindqvist opened recordings of Front garden/);
        await h.says(page, ".alarms", /Agent 12 [\s\S]*opened 90 minutes at once/);
        assert.ok((await page.$$(".strip-look")).length > 20, "days have their strips");
        /* By person, and one person's alone. */
        await page.click(".page-actions label:has-text('By person')");
        await page.click(".look-sum:has-text('Agent 7')");
        await h.until("Agent 7 alone", async () => (await page.$$eval(".look summary strong", (all) => [...new Set(all.map((e) => e.textContent))])).join() === "Agent 7");
        await page.keyboard.press("Tab");
        /* By keyboard: a look opens, and its proof with it. */
        await page.focus(".look summary");
        await page.keyboard.press("Enter");
        await page.focus(".look-proof summary");
        await page.keyboard.press("Enter");
        await h.says(page, ".entry", /grant\.use[\s\S]*of the log/);
        /* The past is rewritten. */
        made.vault.log = made.vault.log.fork();
        made.vault.log.entries[3] = new Uint8Array(100);
        await page.goto(`${home.url}/#/events`);
        await check(page);
        await h.says(page, ".proof-banner", /The log has been rewritten/);
        await page.click(".proof-banner a");
        await h.says(page, ".failure-head", /another past/);
        const notes = await page.$$eval(".checkpoint pre", (all) => all.map((e) => e.textContent));
        assert.equal(notes.length, 2);
        assert.notEqual(notes[0], notes[1]);
        assert.equal(notes[1], made.vault.log.checkpoint().trim());
        const [download] = await Promise.all([page.waitForEvent("download"), page.click("text=Save all of it")]);
        const evidence = JSON.parse(await readFile(await download.path(), "utf8"));
        assert.deepEqual([evidence.case, evidence.now, evidence.before.trim()], ["forked", made.vault.log.checkpoint(), notes[0]]);
        /* It stands after a reload, and after signing in again, until a person decides. */
        await page.reload();
        await page.waitForSelector(".failure");
        await page.click("text=go on with the log as it is");
        await page.fill("dialog input", "go on");
        await page.click("dialog button[type=submit]");
        await page.waitForSelector(".proof.whole");
        await page.click(".proof-how summary");
        await h.says(page, ".proof-how", /The log has been rewritten/);
        assert.deepEqual(page.wrong, []);
    } finally {
        await stop();
    }
});

/* ---- the pinned app ---- */

const sha = (b) => createHash("sha256").update(b).digest("hex");

/* The app's server as somebody could run it: passes on to the home, but for the files that it swaps. Loopback, so that it is secure. */
async function between(home) {
    const swapped = new Map();
    const server = createServer(async (q, a) => {
        const path = q.url.split("?")[0];
        if (swapped.has(path)) return a.writeHead(200, { "Content-Type": path.endsWith(".json") ? "application/json" : path.endsWith(".js") ? "text/javascript" : "text/html", "Cache-Control": "no-cache" }).end(swapped.get(path));
        const parts = [];
        for await (const p of q) parts.push(p);
        const headers = { ...q.headers };
        for (const n of ["host", "connection", "content-length", "accept-encoding", "if-none-match"]) delete headers[n];
        const r = await fetch(home.url + q.url, { method: q.method, headers, body: parts.length ? Buffer.concat(parts) : undefined }).catch(() => null);
        if (!r) return a.writeHead(502).end();
        const kept = Object.fromEntries([...r.headers].filter(([n]) => !["connection", "transfer-encoding", "content-encoding", "content-length", "keep-alive"].includes(n)));
        a.writeHead(r.status, kept);
        try {
            if (r.body) for await (const piece of r.body) a.write(piece);
        } catch {
            /* whoever listened is gone */
        }
        a.end();
    });
    await new Promise((done) => server.listen(0, "127.0.0.1", done));
    return { swapped, url: `http://127.0.0.1:${server.address().port}`, stop: () => (server.closeAllConnections(), server.close()) };
}

test("an installed app takes pages that are in the log, and no others", { skip: lacking, timeout: 900_000 }, async () => {
    const { home, browser, page: first, stop } = await house();
    const server = await between(home);
    try {
        await first.close();
        const page = await h.openPage(browser, { url: server.url });
        await h.signIn(page, server);
        await page.waitForSelector("nav.nav");
        await page.evaluate(() => window.cardea.client.stay());
        await page.evaluate(() => navigator.serviceWorker.ready.then(() => true));
        await page.reload();
        await page.waitForSelector("nav.nav");
        await h.until("the app to be installed", () => page.evaluate(() => navigator.serviceWorker.controller !== null));

        /* Another script, a service worker that has it, and a list that fits both: but no log does. */
        const get = async (path) => Buffer.from(await (await fetch(home.url + path)).arrayBuffer());
        const html = String(await get("/index.html"));
        const main = /src="(\/main-[^"]+)"/.exec(html)[1];
        const sw = String(await get("/sw.js"));
        const evil = Buffer.concat([await get(main), Buffer.from("\n;document.title='evil'")]);
        const list = JSON.parse(await get("/release.json"));
        const swEvil = sw.replace(/cardea-[0-9a-f]{12}/, "cardea-00000000evil");
        Object.assign(list, { version: "00000000evil" });
        list.files[main] = sha(evil);
        list.files["/sw.js"] = sha(swEvil);
        server.swapped.set(main, evil).set("/sw.js", swEvil).set("/release.json", JSON.stringify(list));
        await page.evaluate(async () => (await navigator.serviceWorker.getRegistration()).update());
        assert.match(await h.says(page, ".banner.bad", /not in its public log/), /this app stays as it is/);
        assert.equal(await page.$("text=Use it now"), null);
        await page.reload();
        await page.waitForSelector("nav.nav");
        assert.notEqual(await page.title(), "evil", "the app runs the pages that it had");

        /* A list of a release that the log has, and pages that are not its. */
        server.swapped.set("/release.json", await get("/release.json"));
        await page.reload();
        await h.says(page, ".banner.bad", /not the release that the server names|not the release's file/);

        /* Honest: the vault is given new pages, logs them, and the app takes them. */
        server.swapped.clear();
        const web = join(home.folder, "web");
        await cp(resolve(new URL("../../web/dist", import.meta.url).pathname), web, { recursive: true });
        const next = await release(web, main);
        await home.halt();
        const vault = await startAgain(home, web);
        try {
            await page.evaluate(async () => (await navigator.serviceWorker.getRegistration()).update());
            await h.until("the update to be offered", () => page.evaluate(() => document.body.innerText.includes("Use it now")));
            await page.click("text=Use it now");
            await h.until("the new pages", () => page.evaluate((v) => caches.keys().then((k) => k.join() === `cardea-${v}`), next).catch(() => false)); /* it reloads meanwhile */
            await page.waitForSelector("nav.nav");
        } finally {
            await vault.stop();
        }
    } finally {
        server.stop();
        await stop();
    }
});

/* The same home, at the same address, with other pages. */
async function startAgain(home, web) {
    const child = spawn(h.cardea, ["home", "--data", home.data, "--listen", new URL(home.url).host], { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, CARDEA_WEB: web } });
    const ended = new Promise((r) => child.once("exit", r));
    await new Promise((ready, fail) => {
        child.stdout.on("data", (d) => String(d).includes("cardea home: http") && ready());
        void ended.then((code) => fail(new Error(`cardea home ended with ${code}`)));
    });
    return { stop: async () => (child.kill("SIGTERM"), await ended) };
}

/* A new release of the pages in a folder: its version. */
async function release(web, main) {
    const list = JSON.parse(await readFile(join(web, "release.json"), "utf8"));
    const version = "0123456789ab";
    const put = async (path, body) => {
        await writeFile(web + path, body);
        list.files[path] = sha(body);
        if (!list.files[`${path}.gz`]) return;
        const packed = gzipSync(body);
        await writeFile(`${web}${path}.gz`, packed);
        list.files[`${path}.gz`] = sha(packed);
    };
    await put(main, Buffer.concat([await readFile(web + main), Buffer.from("\n;0")]));
    await put("/sw.js", Buffer.from(String(await readFile(`${web}/sw.js`)).replace(/cardea-[0-9a-f]{12}/, `cardea-${version}`)));
    await writeFile(join(web, "release.json"), JSON.stringify({ ...list, version }));
    return version;
}
