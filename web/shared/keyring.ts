/* The keyring: what a person holds, sealed under a passphrase and under a recovery code (docs/formats.md). */
import { b64, concat, own, random, readU32, text, u32, unb64, utf8, type Bytes } from "./bytes.ts";
import { CardeaError, forged, invalid } from "./errors.ts";
import { hkdfExpand, NOTHING } from "./hash.ts";
import type { Cost } from "./passphrase.ts";

const MAGIC = 0x4352444b; /* "CRDK" */
const HEAD_BYTES = 30;
const WRAP_BYTES = 12 + 32 + 16;
const MAX_BYTES = 64 << 10;

export interface KeyringBody {
    v: 1;
    account: { box: Bytes; sign: Bytes };
    recovery: Bytes; /* the recovery code's wrapping key: a change of the passphrase re-seals its copy too */
    households: KeyringHousehold[];
    /* Passkeys that open it, by the first bytes of SHA-256 of their credential's id: a change of the passphrase makes their wraps anew. */
    passkeys?: { id: string; wrap: Bytes }[];
    login?: string; /* for who comes by a passkey, and types no name */
}

export interface KeyringHousehold {
    id: string;
    capability: Bytes; /* an owner's; of nobody else: empty */
    name: string;
    role?: "owner" | "member" | "viewer"; /* of who was invited; without it, who made the household */
    sign?: Bytes; /* the household's key: who issues what a member is given */
    grant?: string;
}

export interface Keyring {
    cost: Cost;
    salt: Bytes;
    key: Bytes; /* the random key that both wraps hold */
    body: KeyringBody;
}

const bound = (head: Uint8Array, which: number): Bytes => concat(head, new Uint8Array([which]));

async function gcm(key: Uint8Array): Promise<CryptoKey> {
    return crypto.subtle.importKey("raw", own(key), "AES-GCM", false, ["encrypt", "decrypt"]);
}

async function encrypt(key: Uint8Array, aad: Bytes, plain: Bytes): Promise<{ nonce: Bytes; sealed: Bytes }> {
    const nonce = random(12);
    const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce, additionalData: aad }, await gcm(key), plain);
    return { nonce, sealed: new Uint8Array(sealed) };
}

async function decrypt(key: Uint8Array, aad: Bytes, nonce: Uint8Array, sealed: Uint8Array): Promise<Bytes> {
    const parameters = { name: "AES-GCM", iv: own(nonce), additionalData: aad };
    return new Uint8Array(await crypto.subtle.decrypt(parameters, await gcm(key), own(sealed)));
}

const headOf = (ring: Keyring): Bytes => concat(u32(MAGIC), new Uint8Array([1, 1]), u32(ring.cost.memoryKib), u32(ring.cost.passes), ring.salt);

/* The wrapping key that a passkey's PRF stands for. */
export const passkeyKey = (prf: Uint8Array): Bytes => hkdfExpand(prf, "cardea/1 passkey wrap", NOTHING, 32);

/* The keyring's key as a passkey opens it: kept by the vault, with the credential. */
export const wrapForPasskey = (ring: Keyring, key: Uint8Array): Promise<Bytes> => wrapForPasskeyOf(headOf(ring), ring.key, key);

/* The same with the keyring as it is stored. */
export async function wrapForPasskeyOf(raw: Uint8Array, ringKey: Bytes, key: Uint8Array): Promise<Bytes> {
    const { nonce, sealed } = await encrypt(key, bound(own(raw.subarray(0, HEAD_BYTES)), 4), ringKey);
    return concat(nonce, sealed);
}

export async function sealKeyring(ring: Keyring, passphraseWrap: Uint8Array): Promise<Bytes> {
    const head = headOf(ring);
    const first = await encrypt(passphraseWrap, bound(head, 1), ring.key);
    const second = await encrypt(ring.body.recovery, bound(head, 2), ring.key);
    const body = await encrypt(ring.key, bound(head, 3), utf8(encodeBody(ring.body)));
    const length = u32(body.sealed.length - 16);
    return concat(head, first.nonce, first.sealed, second.nonce, second.sealed, body.nonce, length, body.sealed);
}

/* What is stored now, for a device that was unlocked before: another one may have changed it since. */
export async function bodyOf(raw: Uint8Array, key: Uint8Array): Promise<KeyringBody> {
    const bodyAt = HEAD_BYTES + 2 * WRAP_BYTES;
    if (raw.length < bodyAt || readU32(raw, 0) !== MAGIC || raw[4] !== 1) throw invalid("keyring: magic or version");
    const aad = bound(own(raw.subarray(0, HEAD_BYTES)), 3);
    let plain: Bytes;
    try {
        plain = await decrypt(key, aad, raw.subarray(bodyAt, bodyAt + 12), raw.subarray(bodyAt + 16));
    } catch {
        throw forged("keyring: it was sealed anew on another device: sign in again");
    }
    return decodeBody(text(plain));
}

/* The same keyring with another body: what it opens with stays. */
export async function rewriteKeyring(raw: Uint8Array, key: Uint8Array, body: KeyringBody): Promise<Bytes> {
    await bodyOf(raw, key);
    const bodyAt = HEAD_BYTES + 2 * WRAP_BYTES;
    const sealed = await encrypt(key, bound(own(raw.subarray(0, HEAD_BYTES)), 3), utf8(encodeBody(body)));
    return concat(raw.subarray(0, bodyAt), sealed.nonce, u32(sealed.sealed.length - 16), sealed.sealed);
}

function encodeBody(body: KeyringBody): string {
    return JSON.stringify({
        v: 1,
        account: { box: b64(body.account.box), sign: b64(body.account.sign) },
        recovery: b64(body.recovery),
        households: body.households.map((h) => ({
            id: h.id,
            capability: h.capability.length ? b64(h.capability) : undefined,
            name: h.name,
            role: h.role,
            sign: h.sign && b64(h.sign),
            grant: h.grant,
        })),
        passkeys: body.passkeys?.length ? body.passkeys.map((p) => ({ id: p.id, wrap: b64(p.wrap) })) : undefined,
        login: body.login || undefined,
    });
}

const WRONG = ["", "wrong passphrase", "this recovery code is of another keyring", "", "this passkey is of another keyring"];

/* Opens with the passphrase's wrapping key (which 1) or the recovery code's (which 2). */
export async function openKeyring(raw: Uint8Array, which: 1 | 2, wrap: Uint8Array): Promise<Keyring> {
    const at = HEAD_BYTES + (which - 1) * WRAP_BYTES;
    return open(raw, which, raw.subarray(at, at + WRAP_BYTES), wrap);
}

/* Opens with a passkey's wrap, which is not in the keyring, and its key. */
export const openByPasskey = (raw: Uint8Array, wrap: Uint8Array, key: Uint8Array): Promise<Keyring> => open(raw, 4, wrap, key);

async function open(raw: Uint8Array, which: 1 | 2 | 4, wrap: Uint8Array, by: Uint8Array): Promise<Keyring> {
    const bodyAt = HEAD_BYTES + 2 * WRAP_BYTES;
    if (raw.length < bodyAt + 32 || readU32(raw, 0) !== MAGIC) throw invalid("keyring: magic");
    if (raw[4] !== 1) throw invalid("keyring: version");
    if (raw[5] !== 1) throw invalid("keyring: suite");
    if (raw.length > MAX_BYTES) throw invalid("keyring: too large");
    if (raw.length !== bodyAt + 12 + 4 + readU32(raw, bodyAt + 12) + 16) throw invalid("keyring: length");
    const head = own(raw.subarray(0, HEAD_BYTES));
    let key: Bytes;
    try {
        key = await decrypt(by, bound(head, which), wrap.subarray(0, 12), wrap.subarray(12));
    } catch {
        throw new CardeaError("denied", WRONG[which]!);
    }
    let plain: Bytes;
    try {
        plain = await decrypt(key, bound(head, 3), raw.subarray(bodyAt, bodyAt + 12), raw.subarray(bodyAt + 16));
    } catch {
        throw forged("keyring: the body was altered");
    }
    const cost = { memoryKib: readU32(raw, 6), passes: readU32(raw, 10) };
    return { cost, salt: own(raw.subarray(14, 30)), key, body: decodeBody(text(plain)) };
}

/* What a body is in JSON, for a device that is let in (signin.ts). */
export const keyringJson = (body: KeyringBody): unknown => JSON.parse(encodeBody(body));
export const keyringFromJson = (value: unknown): KeyringBody => decodeBody(JSON.stringify(value));

function decodeBody(json: string): KeyringBody {
    const raw = JSON.parse(json) as {
        v: number;
        account: { box: string; sign: string };
        recovery: string;
        households: RawHousehold[];
        passkeys?: { id: string; wrap: string }[];
        login?: string;
    };
    if (raw.v !== 1) throw invalid("keyring: v");
    if (raw.households.length > 16) throw invalid("keyring: households");
    return {
        v: 1,
        account: { box: unb64(raw.account.box), sign: unb64(raw.account.sign) },
        recovery: unb64(raw.recovery),
        households: raw.households.map(decodeHousehold),
        ...(raw.passkeys?.length ? { passkeys: raw.passkeys.map((p) => ({ id: p.id, wrap: unb64(p.wrap) })) } : {}),
        ...(raw.login ? { login: raw.login } : {}),
    };
}

interface RawHousehold {
    id: string;
    capability?: string;
    name: string;
    role?: string;
    sign?: string;
    grant?: string;
}

function decodeHousehold(raw: RawHousehold): KeyringHousehold {
    const role = raw.role ?? "owner";
    if (role !== "owner" && role !== "member" && role !== "viewer") throw invalid("keyring: role");
    if ((raw.capability !== undefined) !== (role === "owner")) throw invalid("keyring: capability");
    if (role !== "owner" && (!raw.sign || !raw.grant)) throw invalid("keyring: a member's needs sign and grant");
    const out: KeyringHousehold = { id: raw.id, capability: unb64(raw.capability ?? ""), name: raw.name };
    if (raw.role) out.role = role;
    if (raw.sign) out.sign = unb64(raw.sign);
    if (raw.grant) out.grant = raw.grant;
    return out;
}
