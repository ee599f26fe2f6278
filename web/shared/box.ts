/* HPKE base mode, single shot: enc (32) || ciphertext || tag (RFC 9180; docs/formats.md, "Box"). */
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from "@hpke/core";
import { concat, random, utf8, type Bytes } from "./bytes.ts";
import { forged, invalid } from "./errors.ts";

const kem = new DhkemX25519HkdfSha256();
const suite = new CipherSuite({ kem, kdf: new HkdfSha256(), aead: new Aes256Gcm() });
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
    const head = new Uint8Array([0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 4, 0x22, 4, 0x20]);
    const key = await crypto.subtle.importKey("pkcs8", concat(head, secret), "X25519", false, ["deriveBits"]);
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

/* For many boxes to one key: its pair is made once. */
export async function boxOpener(secret: Uint8Array): Promise<BoxOpener> {
    const recipientKey = await keyPair(secret);
    return async (info, aad, sealed) => {
        if (sealed.length < OVERHEAD_BYTES) throw invalid("box: too short");
        try {
            const o = { recipientKey, enc: buffer(sealed.subarray(0, ENC_BYTES)), info: buffer(utf8(info)) };
            return new Uint8Array(await suite.open(o, buffer(sealed.subarray(ENC_BYTES)), buffer(aad)));
        } catch {
            throw forged("box: addressed to somebody else, or altered");
        }
    };
}
