/* Bundles the pages into dist/: each with a bundle and a worker of its own, under hashed names, so that they may be cached for ever;
 * and a service worker that pins the owner's set, and leaves the other pages alone. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, mkdir, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

/* `path` is what the vault serves at /, /share/ and /desk/ (src/vault/pages.c). `name` begins the names of the page's files. `limit`: how
 * many KiB, gzipped, its script may have, with all that it loads later. */
const pages = [
    { name: "main", entry: "owner/main.tsx", style: "owner/main.css", worker: "shared/worker.ts", html: "index.html", path: "index.html", pinned: true },
    { name: "share", entry: "share/main.tsx", style: "share/main.css", worker: "share/worker.ts", html: "share/index.html", path: "share/index.html", limit: 90 },
    { name: "desk", entry: "desk/main.tsx", style: "desk/main.css", worker: "desk/worker.ts", html: "desk/index.html", path: "desk/index.html", limit: 130 },
];

const out = new URL("dist/", import.meta.url).pathname;
const here = new URL("./", import.meta.url).pathname;

const common = {
    absWorkingDir: here,
    bundle: true,
    format: "esm",
    target: ["es2022"],
    minify: true,
    legalComments: "none",
    outdir: out,
    entryNames: "[name]-[hash]",
    metafile: true,
    logLevel: "warning",
};

const entryOf = (result, source, ext) => {
    const found = Object.entries(result.metafile.outputs).find(([name, o]) => o.entryPoint === source && name.endsWith(ext));
    return found[0].split("/").pop();
};
const filesOf = (result) => Object.keys(result.metafile.outputs).map((o) => o.split("/").pop());
const packed = async (f) => gzipSync(await readFile(out + f)).length;
const kib = async (names) => (await Promise.all([...names].map(packed))).reduce((a, b) => a + b, 0) / 1024;

async function bundle(page) {
    const name = page.name === "main" ? "worker" : `${page.name}-worker`;
    const worker = entryOf(await build({ ...common, entryPoints: [{ in: page.worker, out: name }] }), page.worker, ".js");
    const code = await build({
        ...common,
        entryPoints: [{ in: page.entry, out: page.name }],
        splitting: true,
        chunkNames: page.name === "main" ? "[name]-[hash]" : `${page.name}-[name]-[hash]`,
        jsx: "automatic",
        jsxImportSource: "preact",
        define: { WORKER_URL: JSON.stringify(`/${worker}`) },
    });
    const style = entryOf(await build({ ...common, entryPoints: [{ in: page.style, out: page.name }] }), page.style, ".css");
    const main = entryOf(code, page.entry, ".js");
    const html = (await readFile(here + page.html, "utf8")).replace("main.js", main).replace("style.css", style);
    await mkdir(out + dirname(page.path), { recursive: true });
    await writeFile(out + page.path, html);
    const first = new Set([main, worker, style, page.path]);
    for (const f of first) {
        const made = Object.entries(code.metafile.outputs).find(([n]) => n.endsWith(`/${f}`))?.[1];
        for (const i of made?.imports ?? []) if (i.kind === "import-statement") first.add(i.path.split("/").pop());
    }
    return { ...page, first, files: new Set([...filesOf(code), worker, style, page.path]) };
}

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
await cp(`${here}static`, out, { recursive: true });
const made = [];
for (const page of pages) made.push(await bundle(page));

const all = (await readdir(out, { recursive: true, withFileTypes: true }))
    .filter((e) => e.isFile())
    .map((e) => `${e.parentPath ?? e.path}/${e.name}`.replaceAll("//", "/").slice(out.length));

/* What the service worker keeps: the pinned page's files, and what no page has alone (icons, manifest). */
const others = new Set(made.filter((p) => !p.pinned).flatMap((p) => [...p.files]));
const pinned = made.find((p) => p.pinned);
const kept = all.filter((f) => f !== "sw.js" && (pinned.files.has(f) || !others.has(f))).sort();
const digest = createHash("sha256");
for (const f of kept) digest.update(await readFile(out + f));
const version = digest.digest("hex").slice(0, 12);
const sw = (await readFile(`${out}sw.js`, "utf8"))
    .replace("__VERSION__", version)
    .replace("__FILES__", JSON.stringify(["/", ...kept.filter((f) => f !== pinned.path).map((f) => `/${f}`)]));
await writeFile(`${out}sw.js`, sw);

/* The vault sends these to browsers that take them. */
for (const f of all) {
    if (!/\.(js|css|html|svg|webmanifest)$/.test(f)) continue;
    const small = gzipSync(await readFile(out + f), { level: 9 });
    if (small.length < (await stat(out + f)).size) await writeFile(`${out}${f}.gz`, small);
}

/* What this release is: the vault logs the hash of this list, and serves no page that is not as it says (src/tlog/release.h). */
const hashes = {};
for (const f of all.flatMap((f) => (existsSync(`${out}${f}.gz`) ? [f, `${f}.gz`] : [f])).sort()) hashes[`/${f}`] = createHash("sha256").update(await readFile(out + f)).digest("hex");
await writeFile(`${out}release.json`, `${JSON.stringify({ v: 1, version, files: hashes }, null, 1)}\n`);

for (const p of made) {
    const scripts = [...p.files].filter((f) => f.endsWith(".js"));
    const later = scripts.filter((f) => !p.first.has(f));
    const total = await kib(scripts);
    const about = later.length > 0 ? `; ${later.length} parts on demand, ${(await kib(later)).toFixed(0)} KiB` : "";
    console.log(`web: ${p.path}: ${(await kib(p.first)).toFixed(0)} KiB gzipped${about}${p.pinned ? `; version ${version}` : ""}`);
    if (p.limit && total > p.limit) throw new Error(`${p.path}: its script has ${total.toFixed(1)} KiB gzipped, and ${p.limit} is what it may have`);
}
