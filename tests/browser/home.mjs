/* A real home for the browser's tests: footage, `cardea home`, Chromium, and what to hold against each other. */
import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const source = resolve(new URL("../..", import.meta.url).pathname);
const build = resolve(process.env.CARDEA_BUILD ?? join(source, "build"));
const { chromium } = createRequire(join(source, "web/package.json"))("playwright-core");

export const cardea = join(build, "src/cli/cardea");
export const PASSPHRASE = "copper lantern over quiet harbour";
export const LOGIN = "ada@example.org";
/* How long a busy machine may take for what an idle one does in a few seconds. */
export const PATIENCE_MS = 120_000;

/* What is missing to run these tests, in words, or null. */
export function missing() {
    if (!existsSync(cardea)) return `${cardea} is not built`;
    if (!process.env.CARDEA_LIBEXEC && !existsSync(join(build, "src/vault/cardea-vault"))) return "cardea-vault is not built";
    if (!existsSync(join(source, "web/dist/index.html"))) return "web/dist is not built (npm run build in web/)";
    if (!existsSync("/usr/bin/chromium")) return "Chromium is not installed";
    if (!footage("vtest.avi")) return "vtest.avi is in neither CARDEA_FOOTAGE nor Debian's opencv-doc";
    return null;
}

function footage(name) {
    const folders = [process.env.CARDEA_FOOTAGE, join(source, "../shared/footage"), "/usr/share/doc/opencv-doc/examples/data"];
    for (const f of folders.filter(Boolean)) for (const p of [join(f, "clips", name), join(f, name)]) if (existsSync(p)) return p;
    return null;
}

/* Clips as a camera would send them: a key frame each second, H.264 or H.265. */
export async function makeClip(folder, name, from, { codec = "libx264", sound = false, size = "640:-2", seconds = 24 } = {}) {
    const out = join(folder, name);
    const tone = sound ? ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"] : [];
    const audio = sound ? ["-c:a", "aac", "-b:a", "48k", "-shortest"] : ["-an"];
    const video = codec === "libx265" ? ["-x265-params", "log-level=error:keyint=15:min-keyint=15:bframes=0"] : ["-g", "15", "-bf", "0", "-sc_threshold", "0"];
    await run("ffmpeg", ["-v", "error", "-y", "-i", footage(from), ...tone, "-t", String(seconds), "-vf", `scale=${size}`, "-r", "15",
        "-c:v", codec, "-preset", "ultrafast", "-crf", "26", "-pix_fmt", "yuv420p", ...video, ...audio, out]);
    return out;
}

/* Two sizes, one after the other, in one stream: as when somebody changes the camera's settings. */
export async function makeChangingClip(folder, name, seconds) {
    const parts = [];
    for (const size of ["640x360", "320x240"]) {
        const part = join(folder, `${size}.ts`);
        await run("ffmpeg", ["-v", "error", "-y", "-i", footage("vtest.avi"), "-t", String(seconds), "-an", "-vf", `scale=${size.replace("x", ":")}`, "-r", "25", "-c:v", "mpeg2video", "-q:v", "4", part]);
        parts.push(await readFile(part));
    }
    const out = join(folder, name);
    await writeFile(out, Buffer.concat(parts));
    return out;
}

/* `data`: a folder that something was put into before. */
export async function startHome({ port = 0, data: given } = {}) {
    const folder = await mkdtemp(join(tmpdir(), "cardea-browser-"));
    const data = given ?? join(folder, "home");
    const child = spawn(cardea, ["home", "--data", data, "--listen", `127.0.0.1:${port}`], { stdio: ["ignore", "pipe", "pipe"] });
    const log = [];
    const ended = new Promise((r) => child.once("exit", r));
    const home = {
        folder, data, log, child,
        url: "", first: "",
        cli: (...args) => run(cardea, [...args]),
        blobs: async () => (await readdir(join(data, "vault/blobs"), { recursive: true, withFileTypes: true })).filter((e) => e.isFile()).map((e) => join(e.parentPath ?? e.path, e.name)),
        async halt() {
            if (child.exitCode === null) child.kill("SIGTERM");
            await ended;
        },
        async stop() {
            await home.halt();
            await rm(folder, { recursive: true, force: true });
        },
    };
    child.stderr.on("data", (d) => log.push(String(d)));
    await new Promise((ready, fail) => {
        let text = "";
        const late = setTimeout(() => fail(new Error(`the home did not start: ${log.join("")}`)), 120_000);
        child.once("exit", (code) => fail(new Error(`cardea home ended with ${code}: ${log.join("")}`)));
        child.stdout.on("data", (d) => {
            text += d;
            log.push(String(d));
            const first = /open (http:\/\/\S+#setup=\S+)/.exec(text);
            if (!first) return;
            clearTimeout(late);
            home.first = first[1];
            home.url = new URL(first[1]).origin;
            ready();
        });
    }).catch(async (e) => {
        await home.stop();
        throw e;
    });
    return home;
}

const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required"];

export async function browse() {
    const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: FLAGS });
    return browser;
}

/* A page that keeps what must not happen: errors, violations of the content policy, requests to other origins. */
export async function openPage(browser, home, options = {}) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, acceptDownloads: true, ...options });
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    page.wrong = [];
    page.on("pageerror", (e) => page.wrong.push(`error: ${e.message}`));
    page.on("console", (m) => {
        /* Chromium prints each answer of 4xx; those are the tests' own doing. */
        if (m.type() === "error" && !m.text().startsWith("Failed to load resource")) page.wrong.push(`console: ${m.text()}`);
    });
    context.on("request", (r) => {
        const u = new URL(r.url());
        if (u.origin !== home.url && !["blob:", "data:"].includes(u.protocol)) page.wrong.push(`request: ${r.url()}`);
    });
    await page.addInitScript(() => {
        /* What the player says stays for some seconds only: it is kept here. */
        window.told = [];
        new MutationObserver(() => {
            const text = document.querySelector(".stage-notice")?.textContent;
            if (text && window.told.at(-1) !== text) window.told.push(text);
        }).observe(document, { subtree: true, childList: true, characterData: true });
        addEventListener("securitypolicyviolation", (e) => console.error(`policy: ${e.violatedDirective} ${e.blockedURI}`));
        delete window.showSaveFilePicker; /* headless: a download instead of a dialog */
        Object.defineProperty(window, "showSaveFilePicker", { value: undefined });
    });
    return page;
}

export async function makeHousehold(page, home) {
    await page.goto(home.first);
    await page.fill("[name=login]", LOGIN);
    await page.fill("[name=passphrase]", PASSPHRASE);
    await page.click("text=Make it");
    await page.waitForSelector(".words code");
    const words = await page.$$eval(".words code", (all) => all.map((e) => e.textContent));
    const asked = await page.$$eval(".kit .field label", (all) => all.map((e) => Number(/\d+/.exec(e.textContent)[0])));
    return { words, asked };
}

export async function confirmKit(page, { words, asked }) {
    await page.fill("[name=word0]", words[asked[0] - 1]);
    await page.fill("[name=word1]", words[asked[1] - 1]);
    await page.click(".kit button[type=submit]");
    await page.waitForSelector("nav.nav");
}

export async function signIn(page, home, passphrase = PASSPHRASE) {
    await page.goto(home.url);
    await page.fill("[name=login]", LOGIN);
    await page.fill("[name=passphrase]", passphrase);
    await page.click("button[type=submit]");
}

export async function addCamera(page, home, name, url, { sub, sound = false } = {}) {
    await page.goto(`${home.url}/#/add`);
    await page.fill("[name=name]", name);
    await page.fill("[name=url]", url);
    if (sub) {
        await page.click("summary");
        await page.fill("[name=sub]", sub);
    }
    if (sound) await page.getByRole("switch", { name: /Sound/ }).check();
    await page.getByRole("button", { name: "Test", exact: true }).click();
    await page.waitForSelector(".tested");
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await page.waitForFunction(() => location.hash === "#/");
    await page.waitForSelector(`.tile:has-text("${name}")`);
}

/* ---- pictures, held against each other as 32 x 24 of grey ---- */

const W = 32;
const H = 24;

/* The frames of a clip. */
export async function framesOf(path, from = 0, seconds = 0) {
    const cut = seconds > 0 ? ["-ss", String(from), "-t", String(seconds)] : [];
    const { stdout } = await run("ffmpeg", ["-v", "error", "-i", path, ...cut, "-vf", `scale=${W}:${H}:flags=area,format=gray`, "-f", "rawvideo", "-"], { encoding: "buffer", maxBuffer: 1 << 28 });
    const out = [];
    for (let at = 0; at + W * H <= stdout.length; at += W * H) out.push(stdout.subarray(at, at + W * H));
    return out;
}

/* What a <video> of the page shows now. */
export async function shown(page, selector = "video") {
    return page.evaluate(({ selector, W, H }) => {
        const v = document.querySelector(selector);
        if (!v || v.videoWidth === 0) return null;
        /* In steps, as an area filter would: one large reduction takes single pixels. */
        let from = v;
        let [w, h] = [v.videoWidth, v.videoHeight];
        while (w > 2 * W) {
            w = Math.max(W, w >> 1);
            h = Math.max(H, h >> 1);
            const c = new OffscreenCanvas(w, h);
            c.getContext("2d").drawImage(from, 0, 0, w, h);
            from = c;
        }
        const c = new OffscreenCanvas(W, H);
        const g = c.getContext("2d");
        g.drawImage(from, 0, 0, W, H);
        const { data } = g.getImageData(0, 0, W, H);
        return Array.from({ length: W * H }, (_, i) => Math.round(0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2]));
    }, { selector, W, H });
}

export const difference = (a, b) => a.reduce((n, x, i) => n + Math.abs(x - b[i]), 0) / a.length;

/* The frame of `frames` that is most like `picture`. */
export function nearest(picture, frames) {
    let best = { index: -1, difference: Infinity };
    frames.forEach((f, index) => {
        const d = difference(picture, f);
        if (d < best.difference) best = { index, difference: d };
    });
    return best;
}

/* Until the element says what matches; what it says. */
export async function says(page, selector, pattern) {
    return until(`${selector} to say ${pattern}`, () =>
        page.$$eval(selector, (all, p) => all.map((e) => e.innerText).find((t) => new RegExp(p.source, p.flags).test(t)), { source: pattern.source, flags: pattern.flags }));
}

/* Until the player has said what matches, be it gone by now. */
export async function told(page, pattern) {
    return until(`the player to say ${pattern}`, async () => (await page.evaluate(() => window.told)).find((t) => pattern.test(t)));
}

/* What `jump` leads to: the time of the first picture that is shown after it. */
export async function firstShown(page, jump) {
    await page.evaluate(() => {
        const p = window.cardea.player;
        let began = false;
        window.first = null;
        const stop = p.seekMs.subscribe((ms) => {
            if (ms === null) began = true;
            else if (began && window.first === null) window.first = p.time.peek();
        });
        window.firstStop = stop;
    });
    await jump();
    const time = await until("the first picture after a jump", () => page.evaluate(() => window.first));
    await page.evaluate(() => window.firstStop());
    return time;
}

/* Until the keyboard's place is there. A button that was busy must not take it away. */
export const focused = (page, selector) => page.waitForFunction((s) => document.activeElement?.matches(s), selector);

/* Chromium's virtual authenticator. `remove` takes it out of the machine. */
export async function authenticator(page, options = {}) {
    const cdp = await page.context().newCDPSession(page);
    await cdp.send("WebAuthn.enable");
    const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", {
        options: { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, hasPrf: true, automaticPresenceSimulation: true, ...options },
    });
    return { cdp, authenticatorId, remove: () => cdp.send("WebAuthn.removeVirtualAuthenticator", { authenticatorId }) };
}

export const player = (page, expression) => page.evaluate(`(() => { const p = window.cardea?.player; return p ? ${expression} : null; })()`);

export async function until(what, probe, ms = PATIENCE_MS) {
    const end = Date.now() + ms;
    let last;
    while (Date.now() < end) {
        last = await probe();
        if (last) return last;
        await new Promise((r) => setTimeout(r, 100));
    }
    throw new Error(`waited ${ms / 1000} s in vain: ${what} (last: ${JSON.stringify(last)})`);
}
