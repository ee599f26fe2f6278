/* A home whose vault has a support desk, its owner, and an agent with two factors, each in a browser of their own. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import * as h from "./home.mjs";

const source = resolve(new URL("../..", import.meta.url).pathname);
const { build } = createRequire(join(source, "web/package.json"))("esbuild");

export const AGENT = { name: "Ann", login: "ann@desk.example", passphrase: "willow anchor paper comet" };

async function bundled(folder) {
    const out = join(folder, "provider.mjs");
    await build({ entryPoints: [join(source, "web/test/provider.ts")], bundle: true, format: "esm", platform: "node", outfile: out, logLevel: "error",
        banner: { js: "import { webcrypto as __w } from 'node:crypto'; globalThis.crypto ??= __w;" } });
    return import(out);
}

/* A home with a desk; `stop` ends everything. */
export async function startDesk({ provider: name = "Hearth Co-op" } = {}) {
    const folder = await mkdtemp(join(tmpdir(), "cardea-desk-"));
    const { Provider, totp } = await bundled(folder);
    const provider = await Provider.make(name);
    const data = join(folder, "home");
    await mkdir(join(data, "staff"), { recursive: true, mode: 0o700 });
    await writeFile(join(data, "staff/public"), provider.statement);
    const home = await h.startHome({ data });
    const stop = home.stop;
    return Object.assign(home, {
        provider, totp,
        async stop() {
            await stop();
            await rm(folder, { recursive: true, force: true });
        },
    });
}

export async function openDesk(browser, home, options = {}) {
    const page = await h.openPage(browser, home, options);
    await page.goto(`${home.url}/desk/`);
    return page;
}

/* As far as the choice of a second factor. */
async function signUp(page, home, { name, login, passphrase }, roles) {
    const code = await home.provider.invite(home.url, name, roles);
    await page.click("text=I have an invitation code");
    await page.fill("[name=invitation]", code);
    await page.fill("[name=login]", login);
    await page.fill("[name=passphrase]", passphrase);
    await page.click("button[type=submit]");
    await page.check("[name=kept]");
    await page.click("text=Continue");
}

async function certified(page, home, name) {
    await page.waitForSelector("text=Waiting to be certified");
    await home.provider.certify(home.url, name);
    await page.waitForSelector(".frame.desk");
}

/* Joins by an invitation, sets the second factor up, and is certified. Answers with the factor's secret. */
export async function join_(page, home, who = AGENT, roles = ["agent"]) {
    await signUp(page, home, who, roles);
    await page.click("text=Use an authenticator app");
    await page.click("summary");
    const secret = (await page.textContent(".desk-secret")).replaceAll(" ", "");
    await page.fill("[name=code]", await home.totp(secret, Date.now() / 1000));
    await page.click("text=Confirm");
    await page.waitForSelector("text=Wait for your app's next code");
    /* The next step's code is taken one step early, as a clock that is ahead would send it. */
    await page.fill("[name=code]", await home.totp(secret, Date.now() / 1000 + 30));
    await page.click("button[type=submit]");
    await certified(page, home, who.name);
    return secret;
}

/* The same with a security key, which is in the machine. */
export async function joinByKey(page, home, who, roles = ["agent"]) {
    await signUp(page, home, who, roles);
    await page.click("text=Use a security key");
    await page.waitForSelector("text=Touch the security key");
    await page.click("text=Use a security key");
    await certified(page, home, who.name);
}

export async function signIn(page, { login, passphrase }) {
    await page.fill("[name=login]", login);
    await page.fill("[name=passphrase]", passphrase);
    await page.click("button[type=submit]");
}

/* A household with one camera on real footage. */
export async function ownerWithCamera(page, home, clip, name = "Porch") {
    await h.confirmKit(page, await h.makeHousehold(page, home));
    await h.addCamera(page, home, name, `file:${clip}`);
    await page.waitForSelector(".tile-picture video.shown", { state: "attached" });
}

export async function openTicket(page, home, subject = "The porch camera stutters", words = "Since yesterday evening, every few seconds.") {
    await page.goto(`${home.url}/#/support`);
    await page.click("text=Open a ticket");
    await page.fill("[name=subject]", subject);
    await page.fill("[name=words]", words);
    await page.waitForSelector(".figure-pick");
    await page.click("text=Send words and figures");
    await page.waitForSelector(".thread .said");
}
