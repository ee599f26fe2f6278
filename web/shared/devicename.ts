/* What a session, a second factor or a device that wants in is called, sealed so that the vault learns no name and no length
 * (docs/formats.md, "A device's name"; src/format/device_name.h). */
import { concat, own, random, text, utf8, type Bytes } from "./bytes.ts";
import { hkdfExpand, NOTHING } from "./hash.ts";

const NAME_BYTES = 64;
export const SEALED_NAME_BYTES = 12 + NAME_BYTES + 16;

const gcm = (key: Uint8Array): Promise<CryptoKey> => crypto.subtle.importKey("raw", own(key), "AES-GCM", false, ["encrypt", "decrypt"]);

/* The beginning of a name that takes at most so many bytes, cut between characters. */
function beginning(name: string, most: number): string {
    let used = 0, out = "";
    for (const c of name) {
        used += utf8(c).length;
        if (used > most) break;
        out += c;
    }
    return out;
}

function fitted(name: string): Bytes {
    const out = new Uint8Array(NAME_BYTES);
    out.set(utf8(beginning(name, NAME_BYTES)));
    return out;
}

async function seal(key: Uint8Array, aad: Bytes, name: string, nonce = random(12)): Promise<Bytes> {
    const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce, additionalData: aad }, await gcm(key), fitted(name));
    return concat(nonce, new Uint8Array(sealed));
}

async function open(key: Uint8Array, aad: Bytes, sealed: Uint8Array): Promise<string | null> {
    if (sealed.length !== SEALED_NAME_BYTES) return null;
    try {
        const parameters = { name: "AES-GCM", iv: own(sealed.subarray(0, 12)), additionalData: aad };
        const plain = new Uint8Array(await crypto.subtle.decrypt(parameters, await gcm(key), own(sealed.subarray(12))));
        const end = plain.indexOf(0);
        const name = end < 0 ? plain : plain.subarray(0, end);
        if (end >= 0 && plain.subarray(end).some((b) => b !== 0)) return null;
        if (name.some((b) => b < 0x20 || b === 0x7f)) return null;
        return text(name);
    } catch {
        return null; /* none of this account's devices sealed it */
    }
}

const accountKey = (sign: Uint8Array): Bytes => hkdfExpand(sign, "cardea/1 device name", NOTHING, 32);
export const sealName = (sign: Uint8Array, name: string, nonce?: Bytes): Promise<Bytes> => seal(accountKey(sign), NOTHING, name, nonce);
/* Null: not sealed by one of the account's devices. */
export const openName = (sign: Uint8Array, sealed: Uint8Array): Promise<string | null> => open(accountKey(sign), NOTHING, sealed);

/* `hash` is SHA-256 of the code's ten bytes; the name is bound to the keys that are announced with it. */
const aboutKey = (hash: Uint8Array): Bytes => hkdfExpand(hash, "cardea/1 pairing about", NOTHING, 32);
export const sealAbout = (hash: Uint8Array, keys: Bytes, name: string): Promise<Bytes> => seal(aboutKey(hash), keys, name);
export const openAbout = (hash: Uint8Array, keys: Bytes, sealed: Uint8Array): Promise<string | null> => open(aboutKey(hash), keys, sealed);

interface Hints {
    userAgent: string;
    userAgentData?: { brands?: { brand: string }[]; platform?: string };
}

/* "Chromium on Linux": enough for a person to know a device by, and no more. */
export function deviceName(n: Hints): string {
    const ua = n.userAgent;
    const brands = n.userAgentData?.brands?.map((b) => b.brand) ?? [];
    const known = ["Microsoft Edge", "Opera", "Brave", "Vivaldi", "Samsung Internet", "Google Chrome", "Chromium"].find((b) => brands.includes(b));
    const browser = known ?? (/Edg\//.test(ua) ? "Microsoft Edge" : /OPR\//.test(ua) ? "Opera" : /SamsungBrowser/.test(ua) ? "Samsung Internet" : /Firefox|FxiOS/.test(ua) ? "Firefox"
        : /CriOS|Chrome\//.test(ua) ? "Chrome" : /Safari\//.test(ua) ? "Safari" : "A browser");
    const platform = n.userAgentData?.platform;
    const system = platform && platform !== "Unknown" ? platform : /iPhone/.test(ua) ? "iPhone" : /iPad/.test(ua) ? "iPad" : /Android/.test(ua) ? "Android" : /Windows/.test(ua) ? "Windows"
        : /Mac OS X|Macintosh/.test(ua) ? "macOS" : /CrOS/.test(ua) ? "ChromeOS" : /Linux/.test(ua) ? "Linux" : "an unknown system";
    return `${browser.replace("Google Chrome", "Chrome").replace("Microsoft Edge", "Edge")} on ${system}`;
}

/* ---- a session's label ----
 * What a device says of its own session, behind the name (docs/formats.md, "A session's label"). Its own word: the vault cannot read
 * it, and vouches for none of it. */
export type How = "passphrase" | "passkey" | "recovery" | "approved";
export interface SessionLabel {
    name: string;
    how: How | null; /* null: it does not say; the times are 0 then */
    since: number; /* slots */
    used: number; /* to the day */
}
const LETTERS: Record<How, string> = { passphrase: "p", passkey: "k", recovery: "r", approved: "a" };
const LABELLED = /^(.*) #([pkra])([0-9a-f]{8})([0-9a-f]{8})$/su;
const LABEL_NAME_BYTES = NAME_BYTES - 19;

export function labelText({ name, how, since, used }: SessionLabel): string {
    if (!how) return name;
    const slot = (s: number): string => Math.min(Math.max(Math.floor(s), 0), 0xffffffff).toString(16).padStart(8, "0");
    return `${beginning(name, LABEL_NAME_BYTES)} #${LETTERS[how]}${slot(since)}${slot(used)}`;
}

export function readLabel(text: string): SessionLabel {
    const found = LABELLED.exec(text);
    const how = (Object.keys(LETTERS) as How[]).find((h) => LETTERS[h] === found?.[2]);
    if (!found || !how) return { name: text, how: null, since: 0, used: 0 };
    return { name: found[1]!, how, since: parseInt(found[3]!, 16), used: parseInt(found[4]!, 16) };
}
