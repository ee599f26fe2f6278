/* HPKE base mode, single shot: enc (32) || ciphertext || tag (RFC 9180; docs/formats.md, "Box"). */
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from "@hpke/core";
import { concat, random, utf8, type Bytes } from "./bytes.ts";
import { forged, invalid } from "./errors.ts";
import { hkdfExpand, hkdfExtract, NOTHING } from "./hash.ts";

const kem = new DhkemX25519HkdfSha256();
const suite = new CipherSuite({ kem, kdf: new HkdfSha256(), aead: new Aes256Gcm() });
const PKCS8_X25519 = new Uint8Array([0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 4, 0x22, 4, 0x20]);
const ENC_BYTES = 32;
const OVERHEAD_BYTES = ENC_BYTES + 16;

const buffer = (b: Uint8Array): ArrayBuffer => b.slice().buffer as ArrayBuffer;

export async function boxPublic(secret: Uint8Array): Promise<Bytes> {
    const pair = await keyPair(secret);
    return new Uint8Array(await kem.serializePublicKey(pair.publicKey));
}

async function keyPair(secret: Uint8Array): Promise<CryptoKeyPair> {
    const privateKey = await kem.deserializePrivateKey(buffer(secret));
    const base = new Uint8Array(32);
    base[0] = 9;
    /* RFC 7748: the public key is the secret times the base point. */
    const publicKey = await kem.deserializePublicKey(buffer(await multiply(secret, base)));
    return { privateKey, publicKey };
}

async function multiply(secret: Uint8Array, point: Bytes): Promise<Bytes> {
    const key = await crypto.subtle.importKey("pkcs8", concat(PKCS8_X25519, secret), "X25519", false, ["deriveBits"]);
    const base = await crypto.subtle.importKey("raw", point, "X25519", false, []);
    return new Uint8Array(await crypto.subtle.deriveBits({ name: "X25519", public: base }, key, 256));
}

export async function newBoxKey(): Promise<{ secret: Bytes; public: Bytes }> {
    const secret = random(32);
    return { secret, public: await boxPublic(secret) };
}

export async function boxSeal(recipient: Uint8Array, info: string, aad: Uint8Array, plain: Uint8Array): Promise<Bytes> {
    if (recipient.length !== 32) throw invalid("box: the public key is not 32 bytes");
    const recipientPublicKey = await kem.deserializePublicKey(buffer(recipient));
    try {
        const { ct, enc } = await suite.seal({ recipientPublicKey, info: buffer(utf8(info)) }, buffer(plain), buffer(aad));
        return concat(new Uint8Array(enc), new Uint8Array(ct));
    } catch {
        throw invalid("box: the public key is of small order");
    }
}

export const boxOpen = async (secret: Uint8Array, info: string, aad: Uint8Array, sealed: Uint8Array): Promise<Bytes> =>
    (await boxOpener(secret))(info, aad, sealed);

export type BoxOpener = (info: string, aad: Uint8Array, sealed: Uint8Array) => Promise<Bytes>;

/* For many boxes to one key. The library asks the browser for each of some twenty small hashes of a box, and waits; here they are made at
 * once (hash.ts), and the browser does the curve and the cipher alone: a log's thousand entries are opened in a third of the time. */
export async function boxOpener(secret: Uint8Array): Promise<BoxOpener> {
    const own = await crypto.subtle.importKey("pkcs8", concat(PKCS8_X25519, secret), "X25519", false, ["deriveBits"]);
    const recipient = await boxPublic(secret);
    const contexts = new Map<string, Bytes>(); /* of each info */
    return async (info, aad, sealed) => {
        if (sealed.length < OVERHEAD_BYTES) throw invalid("box: too short");
        try {
            let context = contexts.get(info);
            if (!context) {
                context = concat(new Uint8Array(1), labeledExtract(HPKE_ID, NOTHING, "psk_id_hash", NOTHING), labeledExtract(HPKE_ID, NOTHING, "info_hash", utf8(info)));
                contexts.set(info, context);
            }
            const enc = sealed.slice(0, ENC_BYTES);
            const sender = await crypto.subtle.importKey("raw", enc, "X25519", false, []);
            const shared = new Uint8Array(await crypto.subtle.deriveBits({ name: "X25519", public: sender }, own, 256));
            if (shared.every((b) => b === 0)) throw new Error("small order");
            const prk = labeledExpand(KEM_ID, labeledExtract(KEM_ID, NOTHING, "eae_prk", shared), "shared_secret", concat(enc, recipient), 32);
            const root = labeledExtract(HPKE_ID, prk, "secret", NOTHING);
            const key = await crypto.subtle.importKey("raw", labeledExpand(HPKE_ID, root, "key", context, 32), "AES-GCM", false, ["decrypt"]);
            const iv = labeledExpand(HPKE_ID, root, "base_nonce", context, 12);
            return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv, additionalData: buffer(aad) }, key, buffer(sealed.subarray(ENC_BYTES))));
        } catch {
            throw forged("box: addressed to somebody else, or altered");
        }
    };
}

/* RFC 9180 section 4: LabeledExtract and LabeledExpand; the ids of DHKEM(X25519, HKDF-SHA256) and of the whole suite. */
const KEM_ID = concat(utf8("KEM"), new Uint8Array([0, 0x20]));
const HPKE_ID = concat(utf8("HPKE"), new Uint8Array([0, 0x20, 0, 1, 0, 2]));
const labeledExtract = (id: Uint8Array, salt: Uint8Array, label: string, secret: Uint8Array): Bytes => hkdfExtract(salt, concat(utf8("HPKE-v1"), id, utf8(label), secret));
const labeledExpand = (id: Uint8Array, prk: Uint8Array, label: string, info: Uint8Array, length: number): Bytes =>
    hkdfExpand(prk, "", concat(new Uint8Array([0, length]), utf8("HPKE-v1"), id, utf8(label), info), length);
