/* The service worker, and the offer of a new version: one that waits is told to take over when the public log proves that it is a release,
 * and the person says so. Of one that is in no log that is said; a browser may start it all the same (docs/trust.md, "The app, pinned"). */
import { effect, signal } from "@preact/signals";
import { messageOf, wordOf } from "../shared/errors.ts";
import { client, phase } from "./state.ts";

const AGAIN_MS = 60_000;

export const updateReady = signal<(() => void) | null>(null);
/* Why what the server offers was not taken. */
export const updateRefused = signal<string | null>(null);

/* What cannot be asked now is asked later; all else speaks against the pages. */
const LATER = ["offline", "busy", "timeout", "denied"];

let taking = false;
let waiting: ServiceWorker | null = null;
let checking = false;

async function consider(): Promise<void> {
    const offered = waiting;
    if (!offered || checking || phase.value !== "home") return; /* who is not signed in has no key to hold it against */
    checking = true;
    try {
        const { entry } = await client.checkUpdate();
        updateRefused.value = null;
        updateReady.value = () => {
            taking = true;
            void client.tookUpdate(entry).finally(() => offered.postMessage("take over"));
        };
    } catch (e) {
        if (LATER.includes(wordOf(e))) setTimeout(() => void consider(), AGAIN_MS);
        else {
            updateReady.value = null;
            updateRefused.value = messageOf(e);
            console.info(`pages that are in no log are not taken: ${messageOf(e)}`);
        }
    } finally {
        checking = false;
        if (waiting !== offered) void consider();
    }
}

export function registerWorker(): void {
    if (!("serviceWorker" in navigator) || !isSecureContext) return;
    const had = navigator.serviceWorker.controller !== null;
    /* A notification was tapped while the app is open. */
    navigator.serviceWorker.addEventListener("message", ({ data }: MessageEvent<{ go?: string }>) => {
        if (typeof data?.go === "string" && data.go.startsWith("#/")) location.hash = data.go;
    });
    navigator.serviceWorker.addEventListener("controllerchange", () => {
        if (had && taking) location.reload();
    });
    const offer = (next: ServiceWorker): void => {
        waiting = next;
        void consider();
    };
    effect(() => {
        if (phase.value === "home") void consider();
    });
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
