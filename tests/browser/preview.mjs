/* preview: a home with days of events behind it, and pictures of all pages, for looking at them. Development alone.
 *
 *   node tests/browser/preview.mjs [--shots DIR] [--keep]      --keep leaves it running, and says where
 *
 * Cameras play real footage; what is seen in it is found here, by comparing pictures with the still background, and sealed into the
 * vault as a hub would, for two weeks back. Where the hub itself does not know seeing yet, its settings are answered from here. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import * as h from "./home.mjs";
import { giveHub, hubState, stubHub } from "./preview_hub.mjs";

const run = promisify(execFile);
const source = resolve(new URL("../..", import.meta.url).pathname);
const { build } = createRequire(join(source, "web/package.json"))("esbuild");
const option = (name) => (process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : null);
const shots = option("--shots");
const only = option("--only");

async function seedModule(folder) {
    const out = join(folder, "seed.mjs");
    await build({ entryPoints: [join(source, "web/test/seed.ts")], bundle: true, format: "esm", platform: "node", outfile: out, logLevel: "error", define: { "import.meta.url": '""' },
        banner: { js: "import { webcrypto as __w } from 'node:crypto'; globalThis.crypto ??= __w;" } });
    return import(out);
}

/* ---- what moves in a clip: the largest thing that differs from the median picture ---- */
const W = 96, H = 54, FPS = 2;
async function seen(clip) {
    const { stdout } = await run("ffmpeg", ["-v", "error", "-i", clip, "-vf", `fps=${FPS},scale=${W}:${H}:flags=area,format=gray`, "-f", "rawvideo", "-"], { encoding: "buffer", maxBuffer: 1 << 28 });
    const frames = [];
    for (let at = 0; at + W * H <= stdout.length; at += W * H) frames.push(stdout.subarray(at, at + W * H));
    const ground = Uint8Array.from({ length: W * H }, (_, i) => frames.map((f) => f[i]).sort((a, b) => a - b)[frames.length >> 1]);
    return frames.map((f, i) => ({ t: i / FPS, box: largest(f, ground) }));
}
function largest(f, ground) {
    const on = Uint8Array.from(f, (v, i) => (Math.abs(v - ground[i]) > 26 ? 1 : 0));
    let best = null;
    for (let i = 0; i < on.length; i++) {
        if (on[i] !== 1) continue;
        const stack = [i];
        let [x0, y0, x1, y1, n] = [W, H, 0, 0, 0];
        on[i] = 2;
        while (stack.length > 0) {
            const p = stack.pop();
            const [x, y] = [p % W, Math.floor(p / W)];
            [x0, y0, x1, y1] = [Math.min(x0, x), Math.min(y0, y), Math.max(x1, x), Math.max(y1, y)];
            n++;
            for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1], [0, 2], [2, 0]]) {
                const [a, b] = [x + dx, y + dy];
                if (a >= 0 && a < W && b >= 0 && b < H && on[b * W + a] === 1) (on[b * W + a] = 2), stack.push(b * W + a);
            }
        }
        if (n >= 10 && (!best || n > best.n)) best = { n, box: [x0 / W, y0 / H, (x1 - x0 + 1) / W, (y1 - y0 + 1) / H].map((v) => Math.round(v * 10_000)) };
    }
    return best?.box ?? null;
}

/* Runs of pictures in which something was there, as paths. */
function visits(all) {
    const out = [];
    let run_ = [];
    for (const { t, box } of [...all, { t: 0, box: null }]) {
        if (box) run_.push([t, ...box]);
        else if (run_.length >= 4) out.push(run_), (run_ = []);
        else run_ = [];
    }
    return out.flatMap((v) => (v.length > 40 ? [v.slice(0, 36)] : [v]));
}

async function crop(clip, [t, x, y, w, hh], folder) {
    const cx = x + w / 2, cy = y + hh / 2;
    const cw = Math.min(10_000, Math.max(w * 1.5, 1400)), ch = Math.min(10_000, Math.max(hh * 1.3, 2200));
    const px = Math.max(0, Math.min(10_000 - cw, cx - cw / 2)), py = Math.max(0, Math.min(10_000 - ch, cy - ch / 2));
    const out = join(folder, `crop-${Math.random().toString(36).slice(2)}.jpg`);
    await run("ffmpeg", ["-v", "error", "-ss", String(t), "-i", clip, "-frames:v", "1", "-vf", `crop=iw*${cw / 10_000}:ih*${ch / 10_000}:iw*${px / 10_000}:ih*${py / 10_000},scale='min(480,iw)':-2`, "-q:v", "5", out]);
    return readFile(out);
}

function random(seed) {
    let s = seed;
    return () => ((s = (Math.imul(s, 1664525) + 1013904223) >>> 0) / 2 ** 32);
}

async function seed(home, folder, clips, state) {
    const { seeding } = await seedModule(folder);
    const s = await seeding(home.url, h.LOGIN, h.PASSPHRASE);
    const next = random(5);
    const pick = (l) => l[Math.floor(next() * l.length)];
    const kinds = {
        "Front garden": ["person", "person", "person", "dog", "bicycle"], Hallway: ["person"], Driveway: ["car", "car", "truck", "motorcycle"], Porch: ["cat", "cat", "bird", "package"],
    };
    const library = [];
    for (const [name, clip] of Object.entries(clips)) {
        const all = visits(await seen(clip));
        for (const v of all.slice(0, 8)) library.push({ name, path: v, jpeg: await crop(clip, v[v.length >> 1], folder) });
    }
    const zones = state ? Object.fromEntries(Object.entries(s.cameras).map(([n, id]) => [n, (state.zones[id] ?? []).map((z) => z.id)])) : {};
    const items = [];
    const end = Date.now() / 1000 - 120;
    for (let day = 0; day < 14; day++) {
        const n = 9 + Math.floor(next() * 16);
        for (let i = 0; i < n; i++) {
            const hour = Math.min(23.9, Math.max(0, 6 + 16 * ((next() + next() + next()) / 3) + (next() < 0.1 ? 6 : 0)));
            const midnight = new Date(Date.now() - day * 864e5).setHours(0, 0, 0, 0) / 1000;
            const t = midnight + hour * 3600;
            if (t > end) continue;
            const what = pick(library);
            const label = next() < 0.12 ? "motion" : pick(kinds[what.name] ?? ["person"]);
            const begin = Math.round(t * 1e6);
            const length = what.path[what.path.length - 1][0] - what.path[0][0];
            const place = zones[what.name]?.length && next() < 0.7 ? [zones[what.name][0]] : [];
            const alert = label === "person" && next() < 0.45;
            const who = label === "person" && next() < 0.4 ? (next() < 0.6 && state?.faces.people[0] ? { person: state.faces.people[0].id, name: state.faces.people[0].name } : { unknown: true }) : undefined;
            const rule = state?.rules[0] ?? { id: "00000000", name: "People" };
            items.push({ camera: what.name, jpeg: label === "motion" ? null : what.jpeg, event: {
                label, begin, end: begin + Math.round(length * 1e6), score: 0.55 + 0.42 * next(), zones: place, crossed: [], path: what.path.map(([pt, ...b]) => [Math.round((pt - what.path[0][0]) * 1000), ...b]),
                model: "motion-classifier", ...(who ? { face: who } : {}),
                ...(alert ? { alert: { rule: rule.id, name: rule.name, at: begin + 900_000, channels: state?.channels.map((c) => c.id) ?? [] } }
                    : label === "motion" ? {} : { quiet: [{ rule: rule.id, name: rule.name, because: pick(["cooldown", "zone", "dwell"]), text: pick(["This rule had alerted 41 s before; it does so once in 60 s.", "It was not in Path.", "It stayed for 2 s; this rule waits for 5 s."]) }] }),
            } });
        }
    }
    await s.put(items);
    return { s, items };
}

const PAGES = (cameras, event, rule) => [
    ["wall", "#/"], ["events", "#/events"], ["event", `#/events?e=${event}`], ["alerts", "#/alerts"], ["rule", `#/alerts?rule=${rule}`], ["channels", "#/alerts?show=channels"],
    ["stats", "#/stats"], ["settings", "#/settings"], ["shared", "#/shared"], ["people", "#/people"], ["faces", "#/faces"], ["zones", `#/camera/${cameras[0]}/zones`], ["camera", `#/camera/${cameras[0]}`], ["debug", `#/camera/${cameras[0]}?debug=1`],
    ["health", "#/health"], ["nothing", "#/events?q=zeppelin"], ["camera-settings", `#/camera/${cameras[0]}/settings`],
];

const home = await h.startHome();
const folder = await mkdtemp(join(tmpdir(), "cardea-preview-"));
const browser = await h.browse();
try {
    const clips = {};
    for (const [name, file, o] of [["Front garden", "vtest.avi", { seconds: 40 }], ["Hallway", "one-by-one-person-detection.mp4", { seconds: 70 }], ["Driveway", "car-detection.mp4", { seconds: 29 }], ["Porch", "porch-cat.mp4", { seconds: 4 }]]) clips[name] = await h.makeClip(home.folder, `${name.replace(" ", "-")}.mp4`, file, o);
    const page = await h.openPage(browser, home);
    await h.confirmKit(page, await h.makeHousehold(page, home));
    for (const [name, clip] of Object.entries(clips)) await h.addCamera(page, home, name, `file:${clip}`);
    await page.evaluate(() => window.cardea.client.stay());
    const cameras = await page.evaluate(async () => (await window.cardea.client.view()).cameras.map((c) => ({ id: c.id, name: c.profile.name })));
    const seesItself = await page.evaluate(() => window.cardea.client.command("see.get", {}).then(() => true, () => false));
    const state = seesItself ? await giveHub(page, hubState(cameras)) : hubState(cameras);
    console.log(seesItself ? "the hub sees" : "the hub does not see: its settings are answered from here");
    const { items } = await seed(home, folder, clips, state);
    console.log(`${home.url}: ${items.length} events`);
    if (!seesItself) await stubHub(page.context(), state);
    await page.goto(`${home.url}/#/events`);
    await page.reload();
    await page.waitForSelector("nav.nav", { timeout: 60_000 });
    const found = await h.until("events", () => page.evaluate(async () => { const f = await window.cardea.client.findEvents({ labels: ["person"], alerted: true }, { cameras: {}, zones: {}, people: {} }); return f.total > 20 ? (await window.cardea.client.eventRows([f.rows[0]]))[0].id : null; }), 60_000);
    if (seesItself) {
        const own = await h.until("an event of the hub's own", () => page.evaluate(async (t) => { await window.cardea.client.syncEvents(); const f = await window.cardea.client.findEvents({ from: t, without: ["motion"] }, { cameras: {}, zones: {}, people: {} }); return f.total; }, Date.now() / 1000 - 110), 90_000);
        console.log(`${own} events of the hub's own`);
    }
    const readme = option("--readme");
    if (readme) {
        /* The picture of README.md: an event of the hub's own, as it plays. */
        const e = await h.until("one that has ended", () => page.evaluate(async () => {
            await window.cardea.client.syncEvents();
            const f = await window.cardea.client.findEvents({ labels: ["person"], from: Date.now() / 1000 - 300 }, { cameras: {}, zones: {}, people: {} });
            const rows = (await window.cardea.client.eventRows(f.rows)).filter((x) => x && !x.open && x.path.length > 4 && x.picture && x.end / 1e6 < Date.now() / 1000 - 8);
            return rows.sort((a, b) => Number(b.alert !== null) - Number(a.alert !== null) || b.score - a.score)[0] ?? null;
        }), 120_000);
        await page.setViewportSize({ width: 1320, height: 778 });
        await page.emulateMedia({ colorScheme: "dark" });
        await page.goto(`${home.url}/#/events?e=${e.id}`);
        await h.until("its box", () => page.evaluate((e) => document.querySelector(".moment video.shown") && window.cardea.player.time.value > e.begin / 1e6 + 1.2, e), 60_000);
        await page.screenshot({ path: readme });
    }
    if (shots) {
        await mkdir(shots, { recursive: true });
        for (const [size, width, height] of [["390", 390, 844], ["1280", 1280, 860], ["2560", 2560, 1440]])
            for (const scheme of size === "2560" ? ["dark"] : ["light", "dark"]) {
                await page.setViewportSize({ width, height });
                await page.emulateMedia({ colorScheme: scheme });
                for (const [name, hash] of PAGES(cameras.map((c) => c.id), found, state.rules[0].id)) {
                    if (only && !only.split(",").includes(name)) continue;
                    await page.goto(`${home.url}/${hash}`);
                    await page.waitForFunction(() => document.querySelector("main [aria-busy=true]") === null);
                    await page.waitForTimeout(["wall", "camera", "debug", "event"].includes(name) ? 3500 : 1200);
                    await page.screenshot({ path: join(shots, `${name}-${size}-${scheme}.png`) });
                    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
                    if (over > 0) console.log(`${name} at ${width}: ${over} px too wide`);
                }
            }
        console.log(page.wrong.length ? `WRONG: ${[...new Set(page.wrong)].join("\n")}` : "nothing was thrown");
    }
    if (process.argv.includes("--keep")) {
        console.log(`sign in at ${home.url} as ${h.LOGIN} with “${h.PASSPHRASE}”; Ctrl-C ends it`);
        await new Promise((r) => process.once("SIGINT", r));
    }
} finally {
    await browser.close();
    await home.stop();
    await rm(folder, { recursive: true, force: true });
}
