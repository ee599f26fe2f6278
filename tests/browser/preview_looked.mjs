/* For preview.mjs and looked.test.mjs: a log with weeks of access, answered in place of the vault's own. */
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const source = resolve(new URL("../..", import.meta.url).pathname);
const { build } = createRequire(join(source, "web/package.json"))("esbuild");

export async function madeLooks(folder, ...args) {
    const out = join(folder, "seedlooks.mjs");
    await build({ entryPoints: [join(source, "web/test/seedlooks.ts")], bundle: true, format: "esm", platform: "node", outfile: out, logLevel: "error",
        banner: { js: "import { webcrypto as __w } from 'node:crypto'; globalThis.crypto ??= __w;" } });
    return (await import(out)).madeLooks(...args);
}

/* Answers for the vault from now on, in this context's pages and workers. */
export async function answerLooks(context, made) {
    const path = (route) => route.request().url().replace(/^https?:\/\/[^/]+/, "");
    const stand = async (route) => {
        if (route.request().method() === "PUT") {
            made.vault.objects.set("trust/pins", new Uint8Array(route.request().postDataBuffer()));
            return route.fulfill({ status: 204 });
        }
        const a = route.request().method() === "GET" ? made.answer(path(route)) : undefined;
        return a ? route.fulfill({ status: a.status, contentType: a.type, body: typeof a.body === "string" ? a.body : Buffer.from(a.body) }) : route.fallback();
    };
    for (const pattern of ["**/v1/log/mine*", "**/log/**", "**/v1/grants", "**/v1/objects/trust/pins"]) await context.route(pattern, stand);
    /* The home's own hub has witnessed the vault's real log: it would tell of another one than this, and rightly so. */
    await context.route("**/v1/hubs/*/commands*", (route) => route.fulfill({ status: 503, json: { error: "unreachable", message: "your hub is away" } }));
    await context.route("**/v1/vault", async (route) => {
        const response = await route.fetch();
        const body = await response.json();
        await route.fulfill({ response, json: { ...body, log_key: Buffer.from(made.vault.log.key.public).toString("base64url") } });
    });
}
