/* Keeps the app's own files, one pinned set of them, and nothing else: no recording and no answer of the vault is ever cached.
 * A new set is installed beside the old one and takes over when the person says so. */
const VERSION = "cardea-__VERSION__";
const FILES = __FILES__;

self.addEventListener("install", (e) => {
    e.waitUntil(caches.open(VERSION).then((c) => c.addAll(FILES.map((f) => new Request(f, { cache: "reload" })))));
});

self.addEventListener("activate", (e) => {
    e.waitUntil(
        caches.keys()
            .then((names) => Promise.all(names.filter((n) => n !== VERSION).map((n) => caches.delete(n))))
            .then(() => self.clients.claim()),
    );
});

self.addEventListener("message", (e) => {
    if (e.data === "take over") self.skipWaiting();
});

self.addEventListener("fetch", (e) => {
    const url = new URL(e.request.url);
    if (e.request.method !== "GET" || url.origin !== location.origin) return;
    if (e.request.cache === "reload") return; /* the app asks what the server offers now */
    const name = e.request.mode === "navigate" && url.pathname === "/" ? "/" : url.pathname;
    if (!FILES.includes(name)) return;
    e.respondWith(caches.open(VERSION).then(async (c) => (await c.match(name)) ?? fetch(e.request)));
});

/* ---- alerts ----
 * A push is sealed for this browser (RFC 8291); what is shown comes from it alone, so that a phone that is not at home shows it too.
 * {"v":1,"id","event","camera","camera_name","title","text","at": µs,"picture"?: base64 JPEG} */
const HEX = /^[0-9a-f]{32}$/;
const line = (v, most, otherwise) => (typeof v === "string" && v !== "" ? v.slice(0, most) : otherwise);

function notificationOf(json) {
    const a = typeof json === "object" && json !== null && json.v === 1 ? json : {};
    const at = typeof a.at === "number" && a.at > 0 ? a.at : Date.now() * 1000;
    const event = HEX.test(a.event) ? a.event : null;
    const options = {
        body: line(a.text, 400, ""), tag: HEX.test(a.id) ? a.id : "cardea", timestamp: Math.floor(at / 1000), icon: "/icon-192.png", badge: "/icon-192.png",
        data: { url: event ? `/#/events?e=${event}` : "/#/events" },
    };
    if (typeof a.picture === "string" && /^[A-Za-z0-9_-]+$/.test(a.picture)) {
        const plain = a.picture.replaceAll("-", "+").replaceAll("_", "/");
        options.image = `data:image/jpeg;base64,${plain}${"=".repeat((4 - (plain.length % 4)) % 4)}`;
    }
    return [line(a.title, 200, "Something happened"), options];
}

self.addEventListener("push", (e) => {
    let json = null;
    try {
        json = e.data?.json();
    } catch {
        /* Not ours; a browser wants to see a notification for each push all the same. */
    }
    e.waitUntil(self.registration.showNotification(...notificationOf(json)));
});

/* An open app goes to the event; else it is opened there. */
self.addEventListener("notificationclick", (e) => {
    e.notification.close();
    const url = new URL(e.notification.data?.url ?? "/", location.origin);
    e.waitUntil((async () => {
        const [open] = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
        if (!open) return void (await self.clients.openWindow(url.href));
        open.postMessage({ go: url.hash });
        await open.focus().catch(() => undefined);
    })());
});
