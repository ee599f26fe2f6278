/* log_browser: "Who looked?" from cold: 1000 entries of a household in a log of a million, proven in Chromium. Goal: at most 5 s.
 *
 *   node bench/log_browser.mjs [ENTRIES] [OWN]      CARDEA_BUILD: the build with bench/log_made
 *
 * The log is made by the vault's own writer, and served over loopback as a vault does; the page's own code checks it in a worker. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const source = resolve(new URL("..", import.meta.url).pathname);
const made = join(process.env.CARDEA_BUILD ?? join(source, "build"), "bench/log_made");
const required = createRequire(join(source, "web/package.json"));
const ENTRIES = Number(process.argv[2] ?? 1_000_000);
const OWN = Number(process.argv[3] ?? 1000);
const RUNS = 3;

const shared = (name) => JSON.stringify(join(source, `web/shared/${name}.ts`));
const keysProgram = `
import { makeHouseholdKeys } from ${shared("householdkeys")};
import { hex } from ${shared("bytes")};
export async function keys() { const k = await makeHouseholdKeys("home", "0a".repeat(16)); return { seed: hex(k.sign.seed), box: hex(k.boxPublic), secret: hex(k.box) }; }`;
const workerProgram = `
import { Api } from ${shared("api")};
import { boxPublic } from ${shared("box")};
import { unhex } from ${shared("bytes")};
import { signKey } from ${shared("sign")};
import { logKeyOf } from ${shared("log")};
import { nothingSeen } from ${shared("lookmemory")};
import { Looked } from ${shared("wholooked")};
onmessage = async ({ data }) => {
    const api = new Api();
    api.prove = async () => ((api.tokenEnds = Date.now() + 1e9), "bench");
    const box = unhex(data.secret);
    const keys = { id: "0a".repeat(16), name: "home", box, boxPublic: await boxPublic(box), sign: await signKey(unhex(data.seed)), log: logKeyOf(unhex(data.seed)), former: [], chain: [] };
    const memory = { seen: async () => nothingSeen(), keepSeen: async () => {}, rest: async () => null, keepRest: async () => {} };
    const steps = [];
    let proven = 0;
    const began = performance.now();
    const looked = new Looked({ api, household: { keys, hubs: [] }, memory, objects: { get: async () => undefined, put: async () => {} }, now: () => Date.now() / 1000, command: async () => ({}), staying: () => false,
        emit: (s) => { if (s.proven) proven ||= performance.now() - began; if (steps.at(-1)?.[0] !== s.step) steps.push([s.step, Math.round(performance.now() - began)]); } });
    await looked.check(); /* what stands before our last entry is read after it is shown, where the log is not too large */
    const cold = proven;
    const first = performance.now();
    await looked.check();
    const warm = performance.now() - first;
    await looked.check(true); /* now whatever its size */
    postMessage({ cold, warm, whole: performance.now() - began - warm, steps, state: looked.state });
};`;

const folder = await mkdtemp(join(tmpdir(), "cardea-log-"));
try {
    if (!existsSync(made)) throw new Error(`${made} is not built`);
    const bundle = async (name, program, o = {}) => {
        await writeFile(join(folder, `${name}.ts`), program);
        const banner = o.platform === "node" ? { js: "import { webcrypto as __w } from 'node:crypto'; globalThis.crypto ??= __w;" } : {};
        await required("esbuild").build({ entryPoints: [join(folder, `${name}.ts`)], bundle: true, format: "esm", outfile: join(folder, `${name}.mjs`), logLevel: "error", minify: true, nodePaths: [join(source, "web/node_modules")], banner, ...o });
        return join(folder, `${name}.mjs`);
    };
    const keys = await (await import(await bundle("keys", keysProgram, { platform: "node" }))).keys();
    const worker = await readFile(await bundle("worker", workerProgram));
    let began = performance.now();
    execFileSync(made, [folder, String(ENTRIES), String(OWN), keys.seed, keys.box], { stdio: "inherit" });
    console.log(`a log of ${ENTRIES.toLocaleString("en")} entries, ${OWN} of them ours, made in ${((performance.now() - began) / 1000).toFixed(1)} s`);
    const mine = (await readFile(join(folder, "mine.jsonl"), "utf8")).trim().split("\n").filter(Boolean).map(JSON.parse);
    const pub = Buffer.from(await readFile(join(folder, "log.pub"), "utf8"), "hex").toString("base64url");
    const served = { files: 0, bytes: 0 };
    const objects = new Map();
    const body = async (q) => {
        const parts = [];
        for await (const p of q) parts.push(p);
        return parts;
    };
    const answer = async (q) => {
        const url = new URL(q.url, "http://x");
        if (url.pathname === "/") return ["text/html", "<!doctype html>"];
        if (url.pathname === "/worker.mjs") return ["text/javascript", worker];
        const json = (v) => ["application/json", JSON.stringify(v)];
        if (url.pathname === "/v1/vault") return json({ log_key: pub });
        if (url.pathname === "/v1/grants") return json({ grants: [] });
        if (url.pathname === "/v1/log/mine") return json({ next: mine.length, entries: mine.slice(Number(url.searchParams.get("from"))).slice(0, 1000) });
        if (url.pathname.startsWith("/v1/objects/") && q.method === "PUT") return objects.set(url.pathname, Buffer.concat(await body(q))), json({});
        if (objects.has(url.pathname)) return ["application/octet-stream", objects.get(url.pathname)];
        if (url.pathname.startsWith("/log/")) return ["application/octet-stream", await readFile(join(folder, url.pathname)).catch(() => null)];
        return [null, null];
    };
    const server = createServer(async (q, a) => {
        const [type, body] = await answer(q);
        served.files++;
        served.bytes += body?.length ?? 0;
        a.writeHead(body === null ? 404 : 200, { "Content-Type": type ?? "application/json" }).end(body ?? '{"error":"not_found"}');
    });
    await new Promise((r) => server.listen(0, "127.0.0.1", r));
    const browser = await required("playwright-core").chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--headless", "--no-sandbox", "--disable-gpu"] });
    const times = [];
    for (let i = 0; i < RUNS; i++) {
        objects.clear();
        served.files = served.bytes = 0;
        const page = await browser.newPage();
        await page.goto(`http://127.0.0.1:${server.address().port}/`);
        const r = await page.evaluate((k) => new Promise((done) => {
            const w = new Worker("/worker.mjs", { type: "module" });
            w.onmessage = ({ data }) => done(data);
            w.postMessage(k);
        }), keys);
        if (r.state.failure || r.state.problem || r.state.proven?.entries !== OWN || r.state.proven.from !== 0) throw new Error(JSON.stringify(r.state));
        times.push(r.cold);
        console.log(`  cold ${(r.cold / 1000).toFixed(2)} s (${r.steps.map(([s, t]) => `${s} at ${t}`).join(", ")} ms), again ${r.warm.toFixed(0)} ms, all of it read after ${(r.whole / 1000).toFixed(1)} s; ${served.files} files, ${(served.bytes / 1e6).toFixed(1)} MB`);
        await page.close();
    }
    const worst = Math.max(...times) / 1000;
    console.log(`${browser.version()}: ${OWN} entries of ${ENTRIES.toLocaleString("en")} proven from cold in ${worst.toFixed(2)} s at worst of ${RUNS}; goal 5 s: ${worst <= 5 ? "met" : "MISSED"}`);
    await browser.close();
    server.close();
    process.exitCode = worst <= 5 ? 0 : 1;
} finally {
    await rm(folder, { recursive: true, force: true });
}
