/* event_search: 100 000 events of 12 cameras, searched as the events page does; in node and in Chromium. Goal: under 50 ms.
 *
 *   node bench/event_search.mjs [EVENTS]
 *
 * Beside the median and the worst of 30 runs of each search stands the peer: the same search over an array of objects. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const source = resolve(new URL("..", import.meta.url).pathname);
const required = createRequire(join(source, "web/package.json"));
const { build } = required("esbuild");
const EVENTS = Number(process.argv[2] ?? 100_000);

const program = `
import { EventIndex, words } from ${JSON.stringify(join(source, "web/shared/search.ts"))};
import { household } from ${JSON.stringify(join(source, "web/test/made.ts"))};
export function measure(n) {
    const { events, names } = household(n);
    const began = performance.now();
    const index = new EventIndex();
    events.forEach((e, i) => index.add(e, i));
    index.find({}, names);
    const built = performance.now() - began;
    const to = 20_000 * 86_400;
    const searches = {
        "everything": {}, "words: person front path": { text: "person front path" }, "words that fit nothing": { text: "zeppelin" },
        "label, person, alerted": { labels: ["person"], people: ["p1"], alerted: true }, "a week of one camera, words": { cameras: ["c3"], from: to - 7 * 86_400, to, text: "dog" },
    };
    const plain = (f) => events.filter((e) => {
        if (f.labels && !f.labels.includes(e.label)) return false;
        if (f.cameras && !f.cameras.includes(e.camera)) return false;
        if (f.people && !(e.face && f.people.includes(e.face.person))) return false;
        if (f.alerted !== undefined && (e.alert !== null) !== f.alerted) return false;
        if (f.from !== undefined && (e.begin / 1e6 < f.from || e.begin / 1e6 >= f.to)) return false;
        if (!f.text) return true;
        const all = words([e.label, names.cameras[e.camera], e.face?.person ? names.people[e.face.person] : "", ...e.zones.map((z) => names.zones[z]), e.alert?.name ?? "", ...e.quiet.map((q) => q.name)].join(" "));
        return words(f.text).every((w) => all.some((x) => x.startsWith(w)));
    }).sort((a, b) => b.begin - a.begin);
    const times = (run, count) => {
        const t = [];
        for (let i = 0; i < count; i++) { const a = performance.now(); run(); t.push(performance.now() - a); }
        return t.sort((a, b) => a - b);
    };
    return { built, searches: Object.entries(searches).map(([name, f]) => {
        const t = times(() => index.find(f, names), 30);
        const p = times(() => plain(f), 3);
        return { name, found: index.find(f, names).total, median: t[15], worst: t[29], peer: p[1] };
    }) };
}`;

function print(where, r) {
    console.log(`${where}: ${EVENTS.toLocaleString("en")} events, index built in ${r.built.toFixed(0)} ms`);
    for (const s of r.searches) console.log(`  ${s.name.padEnd(30)} ${String(s.found).padStart(7)} found   median ${s.median.toFixed(1).padStart(5)} ms   worst ${s.worst.toFixed(1).padStart(5)} ms   array of objects ${s.peer.toFixed(0).padStart(5)} ms`);
}

const folder = await mkdtemp(join(tmpdir(), "cardea-search-"));
try {
    const entry = join(folder, "search.ts");
    await writeFile(entry, program);
    await build({ entryPoints: [entry], bundle: true, format: "esm", outfile: join(folder, "search.mjs"), logLevel: "error", minify: true });
    print(`node ${process.versions.node}`, (await import(join(folder, "search.mjs"))).measure(EVENTS));
    const script = await readFile(join(folder, "search.mjs"));
    const server = createServer((q, a) => a.writeHead(200, { "Content-Type": q.url === "/" ? "text/html" : "text/javascript" }).end(q.url === "/" ? "<!doctype html>" : script));
    await new Promise((r) => server.listen(0, "127.0.0.1", r));
    const browser = await required("playwright-core").chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--headless", "--no-sandbox", "--disable-gpu"] });
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    print(`Chromium ${browser.version()}`, await page.evaluate((n) => import("/search.mjs").then((m) => m.measure(n)), EVENTS));
    await browser.close();
    server.close();
} finally {
    await rm(folder, { recursive: true, force: true });
}
