/* Sharing in Chromium, against a real home: a link opens exactly what it says in another browser, a password and an end count, and
 * somebody joins a home and is removed from it. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import * as h from "./home.mjs";

const lacking = h.missing();
const SECOND = { login: "carl@example.org", passphrase: "nine brown otters under a bridge" };
const GUEST = { login: "ben@example.org", passphrase: "seven grey herons by the pond" };

describe("sharing", { skip: lacking ?? false, timeout: 2_400_000 }, () => {
    let home, browser, owner, clip, frames, camera, begin;
    const contexts = [];

    /* Somebody else's browser: what it asked for is kept, with what went along. */
    async function stranger(options = {}) {
        const page = await h.openPage(browser, home, options);
        contexts.push(page.context());
        page.asked = [];
        page.context().on("request", (r) => page.asked.push({ url: r.url(), text: `${r.url()} ${JSON.stringify(r.headers())} ${r.postData() ?? ""}` }));
        return page;
    }

    /* By the dialog of the camera's page, as a person does. */
    async function share(fill) {
        await owner.goto(`${home.url}/#/camera/${camera}?t=${begin + 3}&play=0`);
        await owner.getByRole("button", { name: "Share", exact: true }).click();
        const dialog = owner.locator("dialog");
        await dialog.waitFor();
        await fill?.(dialog);
        /* It is inside a home, as every camera is until somebody says otherwise: that is asked about. */
        assert.ok(await dialog.getByRole("button", { name: "Make the link" }).isDisabled());
        await dialog.locator("[name=sure]").check();
        await dialog.getByRole("button", { name: "Make the link" }).click();
        const link = dialog.getByLabel("The link", { exact: true });
        await link.waitFor();
        const address = await link.inputValue();
        await dialog.getByRole("button", { name: "Done" }).click();
        return address;
    }

    /* Somebody who was invited makes an account, and is let in by the owner's open app. */
    async function join(link, { login, passphrase }) {
        const guest = await stranger();
        await guest.goto(link);
        assert.equal(new URL(guest.url()).hash, "", "the code leaves the address");
        await guest.fill("[name=login]", login);
        await guest.fill("[name=passphrase]", passphrase);
        await guest.getByRole("button", { name: "Make my account" }).click();
        await guest.waitForSelector(".words code");
        const words = await guest.$$eval(".words code", (all) => all.map((e) => e.textContent));
        const asked = await guest.$$eval(".kit .field label", (all) => all.map((e) => Number(/\d+/.exec(e.textContent)[0])));
        await guest.fill("[name=word0]", words[asked[0] - 1]);
        await guest.fill("[name=word1]", words[asked[1] - 1]);
        await guest.click(".kit button[type=submit]");
        await guest.waitForSelector("nav.nav");
        return guest;
    }

    const range = async (dialog, from, to) => {
        const local = (s) => new Date(s * 1000 - new Date(s * 1000).getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
        await dialog.locator("[name=from]").fill(local(from));
        await dialog.locator("[name=to]").fill(local(to));
        await h.says(owner, "dialog .hint", /Exactly .* not a second more/);
    };

    before(async () => {
        home = await h.startHome();
        clip = await h.makeClip(home.folder, "front.mp4", "vtest.avi");
        frames = await h.framesOf(clip);
        browser = await h.browse();
        owner = await h.openPage(browser, home);
        await h.confirmKit(owner, await h.makeHousehold(owner, home));
        await h.addCamera(owner, home, "Porch", `file:${clip}`);
        camera = await owner.evaluate(async () => (await window.cardea.client.view()).cameras[0].id);
        await owner.evaluate(() => window.cardea.client.stay());
        const spans = () => owner.evaluate(({ camera }) => window.cardea.client.spans(camera, Math.floor(Date.now() / 1000) - 600, Math.ceil(Date.now() / 1000) + 1), { camera });
        const long = await h.until("some recorded seconds", async () => (await spans()).find((s) => s.to - s.from >= 24));
        begin = long.from;
    });

    after(async () => {
        for (const c of contexts) await c.close();
        await browser?.close();
        await home?.stop();
    });

    test("a link opens in another browser, shows what was recorded, and nothing of it goes to the vault", async () => {
        const link = await share(async (dialog) => {
            await range(dialog, begin + 4, begin + 12);
            await dialog.locator("[name=words]").fill("Is this your cat?");
            await dialog.locator("[name=name]").fill("The neighbors");
        });
        assert.match(link, new RegExp(`^${home.url}/share/#[A-Za-z0-9_-]{88}$`));
        const guest = await stranger();
        await guest.goto(link);
        await h.says(guest, ".shared-words", /Is this your cat/);
        await h.says(guest, ".shared-foot", /sees that this was opened/);
        const picture = await h.until("a picture of the clip", async () => {
            const p = await h.shown(guest);
            return p && h.nearest(p, frames).difference < 6 ? p : null;
        });
        assert.ok(h.nearest(picture, frames).difference < 6);
        const t = await h.player(guest, "p.time.peek()");
        assert.ok(t >= begin && t <= begin + 16, `${t - begin} s from the beginning`);
        /* The vault knows the grant's id; the secret is the last 32 bytes, and no 8 letters of it may be in any request. */
        const secret = link.split("#")[1].slice(46);
        for (const { url, text } of guest.asked) {
            assert.ok(url.startsWith(home.url) || url.startsWith("blob:"), url);
            for (let i = 0; i + 8 <= secret.length; i++) assert.ok(!text.includes(secret.slice(i, i + 8)), `${url} tells of the link`);
            assert.ok(!/\/(main|chunk|worker)-/.test(url), `${url} is of the owner's app`);
        }
        assert.deepEqual(guest.wrong, []);
        await owner.goto(`${home.url}/#/shared`);
        await h.says(owner, ".share", /The neighbors[\s\S]*Opened once/);
    });

    test("the neighboring seconds do not open", async () => {
        const guest = contexts.at(-1).pages()[0];
        const spans = await guest.evaluate(async () => {
            const c = window.cardea.client;
            const p = window.cardea.player;
            const s = p.limits; /* what the grant says */
            const all = await c.spans(p.camera.id, s.from - 600, s.to + 600);
            return { all, from: s.from, to: s.to };
        });
        for (const s of spans.all) assert.ok(s.from >= spans.from - 64 && s.to <= spans.to + 64, "the time line is cut");
        await guest.evaluate(() => window.cardea.player.seek(0));
        await h.until("the first second that was shared", () => h.player(guest, `!p.loading.peek() && p.time.peek() >= p.limits.from - 0.1`));
    });

    test("a password: wrong ones open nothing, the right one does", async () => {
        const link = await share(async (dialog) => {
            await range(dialog, begin + 4, begin + 12);
            await dialog.locator("[name=password]").fill("marzipan");
        });
        const guest = await stranger({ viewport: { width: 390, height: 800 } });
        await guest.goto(link);
        await guest.fill("[name=password]", "marzipans");
        await guest.getByRole("button", { name: "Open it" }).click();
        await h.says(guest, ".message.bad", /not the password/);
        await guest.fill("[name=password]", "marzipan");
        await guest.getByRole("button", { name: "Open it" }).click();
        await h.until("a picture", async () => h.shown(guest));
        assert.deepEqual(guest.wrong, []);
        /* Once it has ended, nobody is asked for its password. */
        await owner.evaluate(async (link) => {
            const c = window.cardea.client;
            await c.endShare((await c.shares()).find((s) => s.link === link).id);
        }, link);
        const late = await stranger();
        await late.goto(link);
        await h.says(late, "h1", /This link has ended/);
        assert.equal(await late.locator("[name=password]").count(), 0);
        assert.deepEqual(late.wrong, []);
    });

    test("a link that can be opened once is used up; a cut one is damaged; one of nobody opens nothing", async () => {
        const link = await share(async (dialog) => {
            await range(dialog, begin + 4, begin + 12);
            await dialog.getByText("More conditions").click();
            await dialog.locator("[name=views]").fill("1");
        });
        const guest = await stranger();
        await guest.goto(link);
        await h.until("a picture", async () => h.shown(guest));
        const second = await stranger();
        await second.goto(link);
        await h.says(second, "h1", /used up/);
        await second.goto("about:blank");
        await second.goto(link.slice(0, -3));
        await h.says(second, "h1", /damaged/);
        /* Another grant's id. */
        const letter = link.split("#")[1][8];
        await second.goto("about:blank");
        await second.goto(link.replace(/#(.{8})./, `#$1${letter === "A" ? "B" : "A"}`));
        await h.says(second, "h1", /nothing at this link/);
    });

    test("what may be downloaded is an MP4 of just that, which verifies", async () => {
        const guest = contexts.at(-1).pages()[0];
        const link = await share((dialog) => range(dialog, begin + 4, begin + 12));
        await guest.goto("about:blank");
        await guest.goto(link);
        await h.until("a picture", async () => h.shown(guest));
        await guest.getByRole("button", { name: "Download" }).click();
        const waiting = guest.waitForEvent("download");
        await guest.getByRole("button", { name: "Export MP4" }).click();
        const path = await (await waiting).path();
        await h.says(guest, ".message", /Nothing is missing|Exported/);
        const { stdout } = await home.cli("verify", path);
        assert.match(stdout, /untouched|signed|verified|whole/i);
    });

    test("live: the owner sees who watches, and ends it; the picture is gone at once", async () => {
        const link = await share(async (dialog) => {
            await dialog.getByText("Live", { exact: true }).click();
            await dialog.locator("[name=name]").fill("Mum");
        });
        const guest = await stranger();
        await guest.goto(link);
        await h.until("a live picture", async () => (await h.player(guest, "p.mode.peek() === 'live' && !p.loading.peek()")) && h.shown(guest));
        await owner.goto(`${home.url}/#/`);
        await h.says(owner, ".watcher", /Mum is watching Porch live/);
        const before = Date.now();
        const mum = owner.locator(".watcher", { hasText: "Mum" });
        await mum.locator(".watcher-end").click();
        await h.says(guest, ".stage-stop, h1", /ended/i);
        assert.ok(Date.now() - before < 10_000, `it took ${Date.now() - before} ms`);
        await h.until("no watcher", async () => (await mum.count()) === 0);
        await guest.reload();
        await h.says(guest, "h1", /was ended/);
        /* The camera goes on under its new keys. */
        await owner.goto(`${home.url}/#/camera/${camera}`);
        await h.until("the owner's live picture", async () => (await h.player(owner, "p.mode.peek() === 'live' && !p.loading.peek()")) && h.shown(owner));
    });

    test("somebody is invited, makes an account, is let in, and watches", async () => {
        await owner.goto(`${home.url}/#/people`);
        await owner.getByRole("button", { name: "Invite" }).click();
        await owner.fill("dialog [name=name]", "Ben");
        await owner.locator(`dialog [name="camera-${camera}"]`).check(); /* inside: nobody gets it unasked */
        await owner.getByRole("button", { name: "Make the invitation" }).click();
        const link = await owner.getByLabel("The link", { exact: true }).inputValue();
        assert.match(link, /#join=[0-9A-Z-]{19}&signup=[0-9A-Z-]{19}$/);
        await owner.getByRole("button", { name: "Done" }).click();
        await h.says(owner, ".invited", /Ben/);
        const guest = await join(link, GUEST);
        await h.until("a live picture in the member's tile", () => h.shown(guest, ".tile video"));
        assert.equal(await guest.getByRole("link", { name: "Alerts" }).count(), 0, "rules are the owners'");
        await guest.goto(`${home.url}/#/people`);
        await h.says(guest, ".empty", /for the owners of/);
        await h.says(owner, ".members", /Ben[\s\S]*Viewer/);
        assert.deepEqual(guest.wrong, []);
    });

    test("removed, the member sees nothing more, at once and after signing in again", async () => {
        const guest = contexts.at(-1).pages()[0];
        await guest.goto(`${home.url}/#/camera/${camera}`);
        await h.until("a live picture", async () => (await h.player(guest, "p.mode.peek() === 'live' && !p.loading.peek()")) && h.shown(guest));
        await owner.goto(`${home.url}/#/people`);
        await owner.getByRole("button", { name: "Remove" }).click();
        await owner.locator("dialog").getByRole("button", { name: "Remove" }).click();
        await h.says(owner, ".toast", /Ben sees nothing more/);
        await h.says(guest, "h1", /closed to you/);
        assert.equal(await guest.locator("video").count(), 0, "no picture stays");
        await guest.goto(home.url);
        await guest.reload();
        await h.says(guest, "h1", /closed to you/);
        await h.until("an empty list", async () => !(await owner.locator(".members").first().innerText()).includes("Ben"));
        assert.deepEqual(owner.wrong, []);
    });

    test("an owner is removed: they see nothing more, and all else goes on under new keys", async () => {
        const link = await share(async (dialog) => {
            await range(dialog, begin + 4, begin + 12);
            await dialog.locator("[name=name]").fill("Aunt May");
        });
        await owner.goto(`${home.url}/#/people`);
        await owner.getByRole("button", { name: "Invite" }).click();
        await owner.fill("dialog [name=name]", "Carl");
        await owner.locator("dialog [name=role][value=owner]").check();
        await owner.getByRole("button", { name: "Make the invitation" }).click();
        const invitation = await owner.getByLabel("The link", { exact: true }).inputValue();
        await owner.getByRole("button", { name: "Done" }).click();
        const carl = await join(invitation, SECOND);
        await h.until("a live picture in the second owner's tile", () => h.shown(carl, ".tile video"));
        await carl.evaluate(() => window.cardea.client.stay());
        await h.says(owner, ".members", /Carl[\s\S]*Owner/);
        await carl.goto(`${home.url}/#/people`);
        await h.says(carl, ".members", new RegExp(h.LOGIN));
        await carl.goto(`${home.url}/#/camera/${camera}`);
        await h.until("a live picture", async () => (await h.player(carl, "p.mode.peek() === 'live' && !p.loading.peek()")) && h.shown(carl));
        const fingerprint = () => owner.evaluate(() => window.cardea.client.fingerprint());
        const before = await fingerprint();

        await owner.getByRole("button", { name: "Remove" }).click();
        const dialog = owner.locator("dialog");
        await h.says(owner, "dialog", /Carl can see nothing that is recorded from now on[\s\S]*new keys/);
        assert.ok(await dialog.getByRole("button", { name: "Remove" }).isDisabled());
        await dialog.locator("input").fill("Carl");
        const gone = owner.context().waitForEvent("response", (r) => r.request().method() === "DELETE" && r.url().includes("/v1/capabilities/"));
        await dialog.getByRole("button", { name: "Remove" }).click();
        assert.equal((await gone).status(), 204);
        const ended = Date.now();
        await h.says(carl, "h1", /closed to you/);
        assert.ok(Date.now() - ended < 10_000, `it took ${Date.now() - ended} ms`);
        await h.says(carl, ".door", /you are no longer one of its owners/);
        assert.equal(await carl.locator("video").count(), 0, "no picture stays");
        await h.says(owner, "dialog h2", /Carl is removed/);
        assert.equal(await dialog.locator(".message").count(), 0, "nothing is left to be done");
        await dialog.getByRole("button", { name: "Done" }).click();
        assert.notEqual(await fingerprint(), before);
        const under = Math.ceil(Date.now() / 1000);
        await h.until("a list without Carl", async () => !(await owner.locator(".members").first().innerText()).includes("Carl"));

        const left = await carl.evaluate(async () => ({
            view: await window.cardea.client.view().then(() => "open", (e) => e.word ?? String(e)),
            kept: (await indexedDB.databases()).map((d) => d.name),
        }));
        assert.equal(left.view, "denied", "the page that was open gets nothing more");
        assert.ok(!left.kept.includes("cardea-events"), `${left.kept} stays on the device`);
        await carl.goto(home.url);
        await carl.reload();
        await h.says(carl, "h1", /closed to you/);
        await h.says(carl, ".door", /An owner of that home has ended your access/);
        assert.equal(await carl.evaluate(() => window.cardea.client.view().then(() => "open", (e) => e.word ?? String(e))), "denied");

        await owner.goto(`${home.url}/#/camera/${camera}`);
        await h.until("the owner's live picture", async () => (await h.player(owner, "p.mode.peek() === 'live' && !p.loading.peek()")) && h.shown(owner));
        const spans = () => owner.evaluate(({ camera, under }) => window.cardea.client.spans(camera, under - 600, Math.ceil(Date.now() / 1000) + 1), { camera, under });
        await h.until("seconds recorded under the new keys", async () => (await spans()).some((s) => s.from <= under + 4 && s.to >= under + 8));
        for (const at of [begin + 6, under + 5]) {
            await owner.goto(`${home.url}/#/`); /* so that the page of the camera opens at that second, and is not live already */
            await owner.goto(`${home.url}/#/camera/${camera}?t=${at}&play=0`);
            const picture = await h.until(`a picture of second ${at}`, async () => {
                const p = (await h.player(owner, "!p.loading.peek() && p.mode.peek() !== 'live'")) && (await h.shown(owner));
                return p && h.nearest(p, frames).difference < 6 ? p : null;
            });
            assert.ok(picture);
        }
        const guest = await stranger();
        await guest.goto(link);
        await h.until("a picture by the link from before", async () => {
            const p = await h.shown(guest);
            return p && h.nearest(p, frames).difference < 6;
        });
        await owner.goto(`${home.url}/#/shared`);
        await h.says(owner, ".share", /Aunt May[\s\S]*Opened once/);
        assert.equal(await owner.locator(".shares-former").count(), 0);
        await owner.goto(`${home.url}/#/looked`);
        await owner.evaluate(() => window.cardea.client.checkLooks());
        const story = await owner.evaluate(() => window.cardea.client.whoLooked());
        assert.equal(story.state.failure, null);
        assert.equal(story.entries.filter((e) => e.kind === "household.succeed").length, 1);
        await owner.locator(".given summary").click();
        await h.says(owner, ".given", /An owner was removed, and your home got new keys/);
        assert.deepEqual(owner.wrong, []);
        assert.deepEqual(carl.wrong, []);
        assert.deepEqual(guest.wrong, []);
    });
});
