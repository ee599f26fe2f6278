/* Signing in, in Chromium against a real home: codes, security keys and passkeys of a virtual authenticator, sessions, and one device that
 * lets in another. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, before, describe, test } from "node:test";
import * as h from "./home.mjs";

const lacking = h.missing();

/* RFC 6238, of our own. */
function code(secret, ahead = 0) {
    let bits = "";
    for (const c of secret) bits += "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(c).toString(2).padStart(5, "0");
    const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
    const step = Buffer.alloc(8);
    step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + ahead));
    const mac = createHmac("sha1", key).update(step).digest();
    return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}
/* A moment at which this step lasts some seconds more. */
const early = () => h.until("a fresh step", () => Date.now() % 30_000 < 20_000, 15_000);

describe("signing in", { skip: lacking ?? false, timeout: 900_000 }, () => {
    let home, browser, page, kit, secret;

    before(async () => {
        home = await h.startHome();
        home.first = home.first.replace("127.0.0.1", "localhost"); /* keys are registered for names */
        home.url = home.url.replace("127.0.0.1", "localhost");
        browser = await h.browse();
        page = await h.openPage(browser, home);
        kit = await h.makeHousehold(page, home);
        await h.confirmKit(page, kit);
        await page.evaluate(() => window.cardea.client.stay());
    });
    after(async () => {
        await browser?.close();
        await home?.stop();
    });

    const account = async (p = page) => {
        await p.goto(`${home.url}/#/account`);
        await p.waitForSelector("section[aria-label='Second factor'] .actions");
    };
    const signOut = async (p = page) => {
        await account(p);
        await p.getByRole("button", { name: "Sign out on this device" }).click();
        await p.waitForSelector("[name=passphrase]");
    };
    /* What is added is proven by the passphrase. */
    const prove = async (p = page, passphrase = h.PASSPHRASE) => {
        await p.fill("dialog [name=old]", passphrase);
        await p.getByRole("button", { name: "Continue" }).click();
    };
    const typeCode = async (p, value) => {
        await p.fill("[name=code]", value);
        await p.getByRole("button", { name: "Sign in", exact: true }).click();
    };

    test("without a second factor the account's page says so, and names this device", async () => {
        await account();
        await h.says(page, "section[aria-label='Second factor']", /Your passphrase alone signs in/);
        await h.says(page, "section[aria-label='Where you are signed in']", /Chromium on Linux, this device/);
    });

    test("an authenticator app is added by a code of it, and a wrong one is told", async () => {
        await page.getByRole("button", { name: "Add an app" }).click();
        await prove(page, "not it at all, no");
        await h.says(page, "dialog .message.bad", /not your present passphrase/);
        assert.equal(await page.locator("dialog .qr").count(), 0);
        await h.focused(page, "dialog [name=old]");
        await prove();
        await page.waitForSelector("dialog .qr");
        secret = (await page.textContent("dialog .secret code")).replaceAll(" ", "");
        assert.match(secret, /^[A-Z2-7]{32}$/);
        await page.fill("[name=totp]", "000000");
        await page.getByRole("button", { name: "Turn it on" }).click();
        await h.says(page, "dialog .message.bad", /not right/);
        await h.focused(page, "[name=totp]");
        await early();
        await page.fill("[name=totp]", code(secret, -1));
        await page.getByRole("button", { name: "Turn it on" }).click();
        await h.says(page, ".things", /Authenticator app/);
    });

    test("then the passphrase is followed by a code, each of which passes once", async () => {
        await signOut();
        await h.signIn(page, home);
        await page.waitForSelector("[name=code]");
        await typeCode(page, "000000");
        await h.says(page, ".message.bad", /not right/);
        await h.focused(page, "[name=code]");
        await early();
        const once = code(secret);
        await typeCode(page, once);
        await page.waitForSelector("nav.nav");
        const other = await h.openPage(browser, home);
        await h.signIn(other, home);
        await typeCode(other, once);
        await h.says(other, ".message.bad", /used already/);
        await other.context().close();
    });

    test("a wrong passphrase hears nothing of a second factor", async () => {
        const other = await h.openPage(browser, home);
        await h.signIn(other, home, "not the passphrase at all");
        await h.says(other, ".message.bad", /wrong name or passphrase/i);
        assert.equal(await other.locator("[name=code]").count(), 0);
        await other.context().close();
    });

    test("a security key is added, and signs in after the passphrase", async () => {
        const key = await h.authenticator(page, { transport: "usb", hasResidentKey: false, hasUserVerification: false, isUserVerified: false, hasPrf: false });
        await account();
        await page.getByRole("button", { name: "Add a security key" }).click();
        await page.fill("[name=keyname]", "Blue key");
        await prove(page, "not it at all, no");
        await h.says(page, "dialog .message.bad", /not your present passphrase/);
        await prove();
        await h.says(page, ".things", /Blue key/);
        /* The same one twice is refused by the browser, in our words. */
        await page.getByRole("button", { name: "Add a security key" }).click();
        await prove();
        await h.says(page, "dialog .message.bad", /registered already/);
        await page.keyboard.press("Escape");
        await signOut();
        await h.signIn(page, home);
        await page.getByRole("button", { name: /Use a security key/ }).click();
        await page.waitForSelector("nav.nav");
        await key.remove();
    });

    test("a passkey with PRF signs in alone and opens the keys", async () => {
        await h.authenticator(page);
        await account();
        await page.getByRole("button", { name: "Add a passkey" }).click();
        await page.waitForFunction(() => /Passkey of/.test(document.querySelector("[name=keyname]")?.value ?? ""));
        await prove();
        await h.says(page, ".things", /Passkey of Chromium on Linux/);
        await signOut();
        await page.getByRole("button", { name: "Sign in with a passkey" }).click();
        await page.waitForSelector("nav.nav");
        await account();
        await h.says(page, ".card h2", new RegExp(h.LOGIN));
        await page.reload();
        await page.waitForSelector("nav.nav");
    });

    const NEXT = "silver ladder under loud mountain";
    test("a new passphrase leaves the passkey working, and ends the other sessions", async () => {
        const other = await h.openPage(browser, home);
        await h.signIn(other, home);
        await early();
        await typeCode(other, code(secret, 1));
        await other.waitForSelector("nav.nav");
        await page.bringToFront();
        await account();
        await page.getByRole("button", { name: "Change the passphrase" }).click();
        await page.fill("[name=old]", h.PASSPHRASE);
        await page.fill("[name=new]", NEXT);
        await page.getByRole("button", { name: "Change it" }).click();
        await page.waitForSelector("dialog", { state: "detached" });
        await other.reload();
        await other.waitForSelector("[name=passphrase]");
        await other.context().close();
        await signOut();
        await page.getByRole("button", { name: "Sign in with a passkey" }).click();
        await page.waitForSelector("nav.nav");
    });

    test("a new device is let in by this one, which sees its name and asks for its digits", async () => {
        const phone = await h.openPage(browser, home, { viewport: { width: 390, height: 844 } });
        await phone.goto(home.url);
        await phone.getByRole("button", { name: "Use a device that is signed in" }).click();
        const asks = await phone.textContent(".let-code");
        const digits = await phone.textContent(".let-check strong");
        assert.match(asks, /^[0-9A-Z]{4}(-[0-9A-Z]{4}){3}$/);
        /* As a phone's camera opens it, in a page that is open. */
        await page.evaluate((c) => (location.hash = `#approve=${c}`), asks);
        await h.says(page, ".device-asks", /Chromium on Linux/);
        await page.fill("[name=digits]", digits === "42" ? "43" : "42");
        await page.getByRole("button", { name: "Let it in" }).click();
        await h.says(page, ".message.bad", /not the digits/);
        await page.fill("[name=digits]", digits);
        await page.getByRole("button", { name: "Let it in" }).click();
        await h.says(page, ".message.good", /is in/);
        await phone.waitForSelector("nav.nav");
        await phone.reload();
        await phone.waitForSelector("nav.nav");
        await phone.goto(`${home.url}/#/account`);
        await h.says(phone, ".card h2", new RegExp(h.LOGIN));
        /* Sessions of one browser are told apart by how and when each signed in. */
        const mine = phone.locator("section[aria-label='Where you are signed in'] li", { hasText: "this device" });
        assert.match(await mine.innerText(), /let in by another device .*ends in \d+ days/is);
        const said = await phone.evaluate(async () => (await window.cardea.client.sessions()).map((s) => [s.current, s.how]));
        assert.ok(said.some(([current, how]) => !current && ["passphrase", "passkey", "recovery"].includes(how)), JSON.stringify(said));
        /* It can do what needs the keyring's own key: a passkey of its own. */
        await h.authenticator(phone);
        await phone.getByRole("button", { name: "Add a passkey" }).click();
        await prove(phone, NEXT);
        await phone.waitForFunction(() => document.querySelectorAll("section[aria-label='Second factor'] .things li").length === 4);
        /* No news on the device that let it in. */
        await page.goto(`${home.url}/#/`);
        await page.reload();
        await page.waitForSelector("nav.nav");
        await page.evaluate(() => window.cardea.client.sessions());
        assert.equal(await page.locator(".banner.news").count(), 0);
        assert.deepEqual(phone.wrong, []);
        await phone.context().close();
    });

    test("a code that nobody asks under, and one of something else, are told apart", async () => {
        await page.goto(`${home.url}/#/approve`);
        await page.fill("[name=approve]", "0000-0000-0000-0000");
        await page.getByRole("button", { name: "Continue" }).click();
        await h.says(page, ".message.bad", /No device asks under this code/);
    });

    test("a sign-in that this device does not know is told, and ended", async () => {
        const stranger = await h.openPage(browser, home);
        await h.signIn(stranger, home, NEXT);
        await stranger.waitForSelector("[name=code]");
        /* The code of this step may have been used above: the next one passes, once. */
        await h.until("a code that passes", async () => {
            await typeCode(stranger, code(secret));
            await stranger.waitForSelector("nav.nav, .message.bad");
            return (await stranger.locator("nav.nav").count()) > 0;
        }, 90_000);
        await page.bringToFront();
        await page.goto(`${home.url}/#/`);
        await page.reload();
        await h.says(page, ".banner.news", /New sign-in to your account: Chromium on Linux/);
        await page.getByRole("button", { name: "No, end it" }).click();
        await page.waitForSelector(".banner.news", { state: "detached" });
        await stranger.reload();
        await stranger.waitForSelector("[name=passphrase]");
        await stranger.context().close();
    });

    test("a session alone, as somebody finds it, adds and removes nothing", async () => {
        const tried = await page.evaluate(() => Promise.all([
            window.cardea.client.beginTotp("not it at all, no"), window.cardea.client.beginKey("not it at all, no"), window.cardea.client.removeFactor("0".repeat(32), "not it at all, no"),
        ].map((p) => p.then(() => "done", (e) => e.word))));
        assert.deepEqual(tried, ["denied", "denied", "denied"]);
    });

    test("all other sessions end at once, and a factor goes with the passphrase alone", async () => {
        await account();
        const others = await page.locator("section[aria-label='Where you are signed in'] .things li").count();
        assert.ok(others >= 2);
        await page.getByRole("button", { name: /^End / }).first().click();
        await page.getByRole("button", { name: "End it" }).click();
        await page.waitForSelector("dialog", { state: "detached" });
        await page.getByRole("button", { name: /Remove Authenticator app/ }).click();
        await page.fill("dialog [name=old]", "not it at all, no");
        await page.getByRole("button", { name: "Remove", exact: true }).last().click();
        await h.says(page, "dialog .message.bad", /not your present passphrase/);
        await page.fill("dialog [name=old]", NEXT);
        await page.getByRole("button", { name: "Remove", exact: true }).last().click();
        await page.waitForSelector("dialog", { state: "detached" });
        /* The dialog goes first, and then the list is read anew. */
        await page.locator("section[aria-label='Second factor'] .things li", { hasText: "Authenticator app" }).waitFor({ state: "detached" });
    });

    test("at the numeric address a key is not offered, and where it would be is said", async () => {
        const numeric = { ...home, url: home.url.replace("localhost", "127.0.0.1") };
        const other = await h.openPage(browser, numeric);
        await other.goto(numeric.url);
        await other.waitForSelector("[name=passphrase]");
        assert.equal(await other.getByRole("button", { name: "Sign in with a passkey" }).count(), 0);
        await other.context().close();
    });

    test("the recovery kit asks for no second factor", async () => {
        const other = await h.openPage(browser, home);
        await other.goto(home.url);
        await other.getByRole("button", { name: "I forgot my passphrase" }).click();
        await other.fill("[name=login]", h.LOGIN);
        await other.fill("[name=words]", kit.words.join(" "));
        await other.getByRole("button", { name: "Continue" }).click();
        await other.fill("[name=passphrase]", "third passphrase of this home");
        await other.getByRole("button", { name: "Open my cameras" }).click();
        await other.waitForSelector("nav.nav");
        await other.context().close();
    });

    test("where the passphrase was guessed at, adding a factor says for how long it waits", async () => {
        const visitor = await h.openPage(browser, home);
        await visitor.goto(home.url);
        await visitor.getByRole("button", { name: "I forgot my passphrase" }).click();
        await visitor.fill("[name=login]", h.LOGIN);
        await visitor.fill("[name=words]", kit.words.join(" "));
        await visitor.getByRole("button", { name: "Continue" }).click();
        await visitor.fill("[name=passphrase]", NEXT);
        await visitor.getByRole("button", { name: "Open my cameras" }).click();
        await visitor.waitForSelector("nav.nav");
        await account(visitor);
        await visitor.evaluate(async (login) => {
            const auth = btoa(String.fromCharCode(...new Uint8Array(32))).replaceAll("=", "");
            for (let i = 0; i < 10; i++) await fetch("/v1/sessions", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ login, auth }) });
        }, h.LOGIN);
        await visitor.getByRole("button", { name: "Add an app" }).click();
        await prove(visitor, NEXT);
        await h.says(visitor, "dialog .message.bad", /Too many attempts; try again in \d+ s\./);
        assert.equal(await visitor.locator("dialog .qr").count(), 0);
        await visitor.context().close();
    });

    test("nothing was thrown, and nothing was asked of anybody else", () => {
        assert.deepEqual(page.wrong, []);
    });
});
