/* The service worker, and the offer of a new version when one is waiting. */
import { signal } from "@preact/signals";

export const updateReady = signal<(() => void) | null>(null);

export function registerWorker(): void {
    if (!("serviceWorker" in navigator) || !isSecureContext) return;
    const had = navigator.serviceWorker.controller !== null;
    let taking = false;
    /* A notification was tapped while the app is open. */
    navigator.serviceWorker.addEventListener("message", ({ data }: MessageEvent<{ go?: string }>) => {
        if (typeof data?.go === "string" && data.go.startsWith("#/")) location.hash = data.go;
    });
    navigator.serviceWorker.addEventListener("controllerchange", () => {
        if (had && taking) location.reload();
    });
    const offer = (waiting: ServiceWorker): void => {
        updateReady.value = () => {
            taking = true;
            waiting.postMessage("take over");
        };
    };
    navigator.serviceWorker
        .register("/sw.js", { updateViaCache: "none" })
        .then((registration) => {
            if (registration.waiting && had) offer(registration.waiting);
            registration.addEventListener("updatefound", () => {
                const next = registration.installing;
                next?.addEventListener("statechange", () => {
                    if (next.state === "installed" && navigator.serviceWorker.controller) offer(next);
                });
            });
        })
        .catch((e) => console.info(`no offline copy of the app: ${e}`));
}
