/* Notifications on this device: a subscription of this browser's, given to the hub, whose key alone may use it. */
import { b64, unb64 } from "../shared/bytes.ts";
import { messageOf } from "../shared/errors.ts";
import type { Channel } from "../shared/seeing.ts";
import { tell } from "./seeing.ts";
import { command, say } from "./state.ts";

/* Why this browser cannot be told, in words, or null. */
export function canPush(): string | null {
    if (!isSecureContext) return "This page was opened without a certificate that the browser trusts. Install Cardea's certificate on this device first.";
    if (!("serviceWorker" in navigator) || !("PushManager" in window) || !("Notification" in window)) {
        return /iPhone|iPad/.test(navigator.userAgent) ? "On an iPhone or iPad, put Cardea on the home screen first (Share, Add to Home Screen), and open it from there." : "This browser has no push notifications.";
    }
    if (Notification.permission === "denied") return "Notifications of this page are blocked in the browser's settings. Allow them there, then come back.";
    return null;
}

const KEPT = "push-channel";
export const thisDevice = (channels: Channel[]): Channel | null => {
    const id = localStorage.getItem(KEPT);
    return channels.find((c) => c.kind === "webpush" && c.id === id) ?? null;
};

function deviceName(): string {
    const ua = navigator.userAgent;
    const browser = /Edg\//.test(ua) ? "Edge" : /Firefox\//.test(ua) ? "Firefox" : /Chrom(e|ium)\//.test(ua) ? "Chrome" : /Safari\//.test(ua) ? "Safari" : "Browser";
    const system = /iPhone/.test(ua) ? "iPhone" : /iPad/.test(ua) ? "iPad" : /Android/.test(ua) ? "Android" : /Mac OS/.test(ua) ? "Mac" : /Windows/.test(ua) ? "Windows" : "Linux";
    return `${browser} on ${system}`;
}

export async function pushHere(): Promise<void> {
    if ((await Notification.requestPermission()) !== "granted") throw new Error("the browser was not allowed to show notifications");
    const { vapid } = await command<{ vapid: string }>("notify.key", {});
    const registration = await navigator.serviceWorker.ready;
    const plain = vapid.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
    let subscription: PushSubscription;
    try {
        /* One of another hub's key would be refused: begin anew. */
        await (await registration.pushManager.getSubscription())?.unsubscribe();
        subscription = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: unb64(plain) });
    } catch (e) {
        throw new Error(`the browser's push service did not take the subscription (${messageOf(e)}): it needs a connection to it, and some browsers have it switched off`);
    }
    const key = (name: PushEncryptionKeyName): string => b64(new Uint8Array(subscription.getKey(name)!));
    try {
        const { id } = await tell<{ id: string }>("notify.add", { kind: "webpush", name: deviceName(), endpoint: subscription.endpoint, p256dh: key("p256dh"), auth: key("auth") });
        localStorage.setItem(KEPT, id);
        say("This device is told from now on");
    } catch (e) {
        await subscription.unsubscribe().catch(() => undefined);
        throw e;
    }
}

export async function pushOff(channel: Channel): Promise<void> {
    await tell("notify.remove", { id: channel.id });
    localStorage.removeItem(KEPT);
    const registration = await navigator.serviceWorker.ready;
    await (await registration.pushManager.getSubscription())?.unsubscribe();
    say("This device is not told any more");
}
