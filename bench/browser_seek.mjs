/* How long a click in the timeline takes to its first picture, in Chromium, against a real home on loopback.
 *
 *     node bench/browser_seek.mjs [clicks]        prints one line of JSON; takes some minutes, since it records first */
import { makeHousehold, confirmKit, addCamera, browse, makeClip, missing, openPage, player, startHome, until } from "../tests/browser/home.mjs";

const clicks = Number(process.argv[2] ?? 40);
const RECORD_S = 150;

const lacking = missing();
if (lacking) {
    console.error(`browser_seek: ${lacking}`);
    process.exit(1);
}
const home = await startHome();
const browser = await browse();
try {
    const page = await openPage(browser, home, { viewport: { width: 1280, height: 860 } });
    await confirmKit(page, await makeHousehold(page, home));
    await addCamera(page, home, "Camera", `file:${await makeClip(home.folder, "clip.mp4", "vtest.avi", { size: "1280:-2", seconds: 24 })}`);
    await page.locator(".tile a").first().click();
    const camera = (await until("the address", () => /camera\/([0-9a-f]{32})/.exec(page.url())))[1];
    const span = await until("a recording", () => page.evaluate(async ([c, s]) => {
        const now = Date.now() / 1000;
        const [first] = await window.cardea.client.spans(c, Math.floor(now - 3600), Math.ceil(now));
        return first && first.to - first.from >= s ? first : null;
    }, [camera, RECORD_S - 60]), (RECORD_S + 120) * 1000);
    await page.reload();
    await until("a player", () => player(page, "p.mode.value === 'live' && p.video.readyState >= 3"));
    await page.getByRole("button", { name: "10 min" }).click();
    const box = await page.locator(".timeline canvas").boundingBox();
    const measured = [];
    let seed = 1;
    for (let i = 0; i < clicks + 3; i++) {
        seed = (seed * 1103515245 + 12345) % 2147483648;
        const t = span.from + 1 + (seed / 2147483648) * (span.to - span.from - 30);
        const view = await page.evaluate(() => window.cardea.view.value);
        await page.evaluate(() => (window.cardea.player.seekMs.value = null));
        await page.mouse.click(box.x + ((t - view.from) / (view.to - view.from)) * box.width, box.y + 50);
        const ms = await until("a picture", () => player(page, "p.seekMs.value"), 10_000);
        if (i >= 3) measured.push(ms); /* the first ones also load the index and compile the code */
        await page.waitForTimeout(150);
    }
    measured.sort((a, b) => a - b);
    const at = (q) => Number(measured[Math.min(measured.length - 1, Math.floor(q * measured.length))].toFixed(1));
    console.log(JSON.stringify({ name: "browser_seek", clicks: measured.length, unit: "ms", median: at(0.5), p90: at(0.9), worst: at(1), goal: 250 }));
} finally {
    await browser.close();
    await home.stop();
}
