/* Bundles the tests (they import TypeScript) and runs them under node:test. */
import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";

const here = new URL("./", import.meta.url).pathname;
const out = await mkdtemp(join(tmpdir(), "cardea-web-"));
try {
    const tests = (await readdir(here)).filter((f) => f.endsWith(".test.ts")).map((f) => join(here, f));
    await build({
        entryPoints: tests, bundle: true, format: "esm", platform: "node", target: "node18", outdir: out, outExtension: { ".js": ".mjs" },
        sourcemap: "inline", logLevel: "warning",
        /* Node 18 has WebCrypto, but not as a global. */
        banner: { js: "import { webcrypto as __webcrypto } from 'node:crypto'; globalThis.crypto ??= __webcrypto;" },
    });
    const files = (await readdir(out)).filter((f) => f.endsWith(".mjs")).map((f) => join(out, f));
    const run = spawnSync(process.execPath, ["--enable-source-maps", "--test", ...files], {
        stdio: "inherit", env: { ...process.env, CARDEA_VECTORS: join(here, "../../tests/vectors") },
    });
    process.exitCode = run.status ?? 1;
} finally {
    await rm(out, { recursive: true, force: true });
}
