/* What a browser remembers of a household outlasts its pages, and signing out; and what an earlier version kept is not lost. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { browse } from "./home.mjs";

const web = resolve(new URL("../../web", import.meta.url).pathname);
const lacking = !existsSync("/usr/bin/chromium") ? "Chromium is not installed" : !existsSync(join(web, "node_modules")) ? "npm ci was not run in web/" : false;

/* web/shared/device.ts alone, on a page of its own. */
async function serve() {
    const { build } = createRequire(join(web, "package.json"))("esbuild");
    const source = { contents: 'import * as device from "./shared/device.ts"; globalThis.device = device;', resolveDir: web };
    const { outputFiles } = await build({ stdin: source, bundle: true, format: "iife", write: false, logLevel: "error" });
    const page = `<!doctype html><script>${outputFiles[0].text}</script>`;
    const server = createServer((_, answer) => answer.setHeader("Content-Type", "text/html").end(page));
    await new Promise((done) => server.listen(0, "127.0.0.1", done));
    return { server, url: `http://127.0.0.1:${server.address().port}/` };
}

test("a browser remembers what it has seen", { skip: lacking, timeout: 600_000 }, async () => {
    const { server, url } = await serve();
    const browser = await browse();
    try {
        const context = await browser.newContext();
        const visit = async (work) => {
            const page = await context.newPage();
            try {
                await page.goto(url);
                return await page.evaluate(work);
            } finally {
                await page.close();
            }
        };
        /* The database as the first version made it. */
        await visit(() => new Promise((done, fail) => {
            const request = indexedDB.open("cardea", 1);
            request.onupgradeneeded = () => request.result.createObjectStore("device");
            request.onsuccess = () => (request.result.close(), done());
            request.onerror = () => fail(request.error);
        }));
        assert.equal(await visit(() => device.memory.get("a")), undefined);
        await visit(async () => {
            await device.remember({ login: "ada" });
            await device.memory.put("a", { version: 7, signer: "s" });
        });
        assert.deepEqual(await visit(() => device.memory.get("a")), { version: 7, signer: "s" });
        assert.deepEqual(await visit(() => device.recall()), { login: "ada" });
        await visit(() => device.forget());
        assert.equal(await visit(() => device.recall()), null);
        assert.deepEqual(await visit(() => device.memory.get("a")), { version: 7, signer: "s" }, "signing out forgets keys, not what was seen");
    } finally {
        await browser.close();
        server.close();
    }
});
