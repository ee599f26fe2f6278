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
    const name = e.request.mode === "navigate" && url.pathname === "/" ? "/" : url.pathname;
    if (!FILES.includes(name)) return;
    e.respondWith(caches.open(VERSION).then(async (c) => (await c.match(name)) ?? fetch(e.request)));
});
