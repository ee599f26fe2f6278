/* Ed25519 over domain || 0x00 || message, and signed envelopes (docs/formats.md, "Signed"). */
import { concat, hex, own, random, readU32, u32, u64, utf8, text, readU64, unb64, equal, type Bytes } from "./bytes.ts";
import { forged, invalid } from "./errors.ts";

const PKCS8 = new Uint8Array([0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20]);
const MAGIC = 0x43524453; /* "CRDS" */
const ENVELOPE_HEAD = 4 + 1 + 32 + 64;

export interface SignKey {
    seed: Bytes;
    public: Bytes;
    key: CryptoKey;
}

export async function signKey(seed: Bytes): Promise<SignKey> {
    const key = await crypto.subtle.importKey("pkcs8", concat(PKCS8, seed), "Ed25519", true, ["sign"]);
    const jwk = await crypto.subtle.exportKey("jwk", key);
    return { seed, public: unb64(jwk.x!), key };
}

export const newSignKey = (): Promise<SignKey> => signKey(random(32));

const message = (domain: string, body: Uint8Array): Bytes => concat(utf8(domain), new Uint8Array(1), body);

export async function sign(key: SignKey, domain: string, body: Uint8Array): Promise<Bytes> {
    return new Uint8Array(await crypto.subtle.sign("Ed25519", key.key, message(domain, body)));
}

/* Points of small order, by their y: under such a key a signature can fit every message. */
const SMALL_ORDER = new Set([
    "00".repeat(32), `01${"00".repeat(31)}`,
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    `ec${"ff".repeat(30)}7f`, `ed${"ff".repeat(30)}7f`, `ee${"ff".repeat(30)}7f`,
]);

function isSmallOrder(key: Uint8Array): boolean {
    const y = own(key);
    y[31]! &= 0x7f;
    return SMALL_ORDER.has(hex(y));
}

/* Without a domain, for what others specified: checkpoints and cosignatures. */
export async function verifyBytes(signer: Uint8Array, bytes: Uint8Array, signature: Uint8Array): Promise<boolean> {
    if (isSmallOrder(signer)) return false;
    const key = await crypto.subtle.importKey("raw", own(signer), "Ed25519", false, ["verify"]);
    return crypto.subtle.verify("Ed25519", key, own(signature), own(bytes));
}

export const verify = (signer: Uint8Array, domain: string, body: Uint8Array, signature: Uint8Array): Promise<boolean> => verifyBytes(signer, message(domain, body), signature);

export async function seal(key: SignKey, domain: string, body: Uint8Array): Promise<Bytes> {
    return concat(u32(MAGIC), new Uint8Array([1]), key.public, await sign(key, domain, body), body);
}

export interface Envelope {
    signer: Bytes;
    body: Bytes;
}

export async function openEnvelope(raw: Uint8Array, domain: string): Promise<Envelope> {
    if (raw.length < ENVELOPE_HEAD || readU32(raw, 0) !== MAGIC) throw invalid("envelope: magic");
    if (raw[4] !== 1) throw invalid("envelope: version");
    const signer = own(raw.subarray(5, 37));
    const body = own(raw.subarray(ENVELOPE_HEAD));
    if (!(await verify(signer, domain, body, raw.subarray(37, ENVELOPE_HEAD))))
        throw forged("envelope: the signature does not fit");
    return { signer, body };
}

/* Household objects: the envelope's message is key length (2) | key | version (8) | payload. */
const OBJECT = "cardea/1 object";

export function sealObject(signer: SignKey, key: string, version: number, payload: Uint8Array): Promise<Bytes> {
    const name = utf8(key);
    const head = new Uint8Array([name.length >> 8, name.length & 255]);
    return seal(signer, OBJECT, concat(head, name, u64(version), payload));
}

export interface HouseholdObject {
    signer: Bytes;
    version: number;
    payload: Bytes;
}

/* Opens the object that a vault says is `key`, and refuses one that was moved or signed by none of `signers` (null: the caller looks). */
export async function openObject(raw: Uint8Array, key: string, signers: Uint8Array[] | null): Promise<HouseholdObject> {
    const { signer, body } = await openEnvelope(raw, OBJECT);
    if (signers && !signers.some((s) => equal(s, signer))) throw forged(`${key}: signed by somebody else`);
    if (key.length > 128 || !/^[a-z0-9-]+(\/[a-z0-9-]+)*$/.test(key)) throw invalid(`${key}: not an object's key`);
    const length = body.length < 2 ? -1 : (body[0]! << 8) | body[1]!;
    if (length < 0 || body.length < 2 + length + 8) throw invalid(`${key}: too short`);
    if (text(body.subarray(2, 2 + length)) !== key) throw forged(`${key}: this is another object, moved here`);
    const version = readU64(body, 2 + length);
    if (version < 1) throw invalid(`${key}: version`);
    return { signer, version, payload: own(body.subarray(2 + length + 8)) };
}
