/* Bundles the pages into dist/: hashed names, so that they may be cached for ever; a service worker that pins this very set. */
import { createHash } from "node:crypto";
import { cp, mkdir, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

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

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
await cp(`${here}static`, out, { recursive: true });

const worker = entryOf(await build({ ...common, entryPoints: ["shared/worker.ts"] }), "shared/worker.ts", ".js");
const pages = await build({
    ...common,
    entryPoints: ["owner/main.tsx"],
    splitting: true,
    chunkNames: "[name]-[hash]",
    jsx: "automatic",
    jsxImportSource: "preact",
    define: { WORKER_URL: JSON.stringify(`/${worker}`) },
});
const style = entryOf(await build({ ...common, entryPoints: ["owner/main.css"] }), "owner/main.css", ".css");
const main = entryOf(pages, "owner/main.tsx", ".js");

const html = (await readFile(`${here}index.html`, "utf8")).replace("main.js", main).replace("style.css", style);
await writeFile(`${out}index.html`, html);

const files = (await readdir(out)).filter((f) => f !== "sw.js").sort();
const digest = createHash("sha256");
for (const f of files) digest.update(await readFile(out + f));
const version = digest.digest("hex").slice(0, 12);
const sw = (await readFile(`${out}sw.js`, "utf8"))
    .replace("__VERSION__", version)
    .replace("__FILES__", JSON.stringify(["/", ...files.filter((f) => f !== "index.html").map((f) => `/${f}`)]));
await writeFile(`${out}sw.js`, sw);

/* The vault sends these to browsers that take them. */
for (const f of await readdir(out)) {
    if (!/\.(js|css|html|svg|webmanifest)$/.test(f)) continue;
    const packed = gzipSync(await readFile(out + f), { level: 9 });
    if (packed.length < (await stat(out + f)).size) await writeFile(`${out}${f}.gz`, packed);
}

/* What the first page needs, and what comes with the pages that are gone to. */
const first = new Set([main, worker, style, "index.html"]);
for (const name of first) {
    const made = Object.entries(pages.metafile.outputs).find(([n]) => n.endsWith(`/${name}`))?.[1];
    for (const i of made?.imports ?? []) if (i.kind === "import-statement") first.add(i.path.split("/").pop());
}
const sizes = async (names) => {
    const packed = await Promise.all(names.map(async (f) => gzipSync(await readFile(out + f)).length));
    return `${(packed.reduce((a, b) => a + b, 0) / 1024).toFixed(0)} KiB gzipped`;
};
const later = files.filter((f) => f.endsWith(".js") && !first.has(f));
console.log(`web: version ${version}, ${await sizes([...first])}; ${later.length} pages on demand, ${await sizes(later)}`);
