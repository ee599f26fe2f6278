/* A base64url JPEG of a hub's answer as an address for <img>; data: would need an exception in the content policy. */
import { unb64 } from "../shared/bytes.ts";

const made = new Map<string, string>();

export function b64toBlob(value: string): string {
    let url = made.get(value);
    if (!url) {
        const plain = value.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
        url = URL.createObjectURL(new Blob([unb64(plain)], { type: "image/jpeg" }));
        made.forEach((u) => URL.revokeObjectURL(u));
        made.clear();
        made.set(value, url);
    }
    return url;
}

/* The same for several at once, for as long as the page is open: a list of faces is short. */
const kept = new Map<string, string>();
export function b64toUrl(value: string): string {
    let url = kept.get(value);
    if (!url) {
        const plain = value.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
        kept.set(value, (url = URL.createObjectURL(new Blob([unb64(plain)], { type: "image/jpeg" }))));
    }
    return url;
}
