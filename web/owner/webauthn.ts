/* The browser's authenticators (W3C Web Authentication): security keys, and passkeys whose PRF opens the keyring. On the page, since a
 * worker has none; what they sign and answer goes to the worker. */
import { b64, unb64, utf8, type Bytes } from "../shared/bytes.ts";
import { CardeaError } from "../shared/errors.ts";
import type { Assertion, Registration, RegistrationOffer } from "../shared/signin.ts";

/* What a passkey's PRF is asked for (docs/formats.md, "Keyring"): the same for everybody; the secret is the authenticator's. */
const PRF_INPUT = utf8("cardea/1 passkey");

/* Browsers register keys for names alone. */
const named = (): boolean => !/^[0-9.]+$/.test(location.hostname) && !location.hostname.includes(":");
export const canUseKeys = (): boolean => typeof PublicKeyCredential !== "undefined" && isSecureContext && named();
/* The same page on this machine under a name, when it was opened by its numeric address. */
export const namedAddress = (): string | null => (location.hostname === "127.0.0.1" || location.hostname === "[::1]" ? `${location.protocol}//localhost${location.port ? `:${location.port}` : ""}/#/account` : null);

interface Capabilities {
    getClientCapabilities?: () => Promise<Record<string, boolean>>;
}

/* Does this browser have the extension that a passkey opens keys by? One that cannot say so may have it. */
export async function canUsePasskeys(): Promise<boolean> {
    if (!canUseKeys()) return false;
    const ask = (PublicKeyCredential as unknown as Capabilities).getClientCapabilities;
    if (!ask) return true;
    const all = await ask.call(PublicKeyCredential).catch((): Record<string, boolean> => ({}));
    return all["extension:prf"] !== false;
}

const bytes = (b: ArrayBuffer | BufferSource): Bytes => new Uint8Array(b as ArrayBuffer).slice() as Bytes;

/* What the browser throws, in words: most often the person closed its dialog. */
function inWords(e: unknown): CardeaError {
    const name = e instanceof DOMException ? e.name : "";
    if (name === "NotAllowedError" || name === "AbortError") return new CardeaError("cancelled", "Nothing was confirmed. Try again when you have the key at hand.");
    if (name === "InvalidStateError") return new CardeaError("exists", "This key is registered already.");
    if (name === "SecurityError") return new CardeaError("unsupported", "This browser uses no security keys at this address.");
    if (name === "NotSupportedError" || name === "ConstraintError") return new CardeaError("unsupported", "This key cannot do what a passkey needs. Add it as a security key.");
    return new CardeaError("internal", e instanceof Error ? e.message : String(e));
}

interface PrfOutput {
    prf?: { enabled?: boolean; results?: { first?: ArrayBuffer } };
}
const prfOf = (credential: PublicKeyCredential): { enabled: boolean; first: Bytes | null } => {
    const out = (credential.getClientExtensionResults() as PrfOutput).prf;
    return { enabled: out?.enabled === true || out?.results?.first !== undefined, first: out?.results?.first ? bytes(out.results.first) : null };
};
const prfInput = (): AuthenticationExtensionsClientInputs => ({ prf: { eval: { first: PRF_INPUT } } }) as AuthenticationExtensionsClientInputs;

export interface Made {
    registration: Registration;
    credential: Bytes;
    prf: Bytes | null;
    hasPrf: boolean;
}

/* `passkey`: kept by the authenticator, which checks who holds it, so that it can stand for name and passphrase. */
export async function makeKey(offer: RegistrationOffer, login: string, passkey: boolean): Promise<Made> {
    const publicKey: PublicKeyCredentialCreationOptions = {
        challenge: unb64(offer.challenge),
        rp: { id: offer.rp, name: "Cardea" },
        user: { id: unb64(offer.user), name: login, displayName: login },
        pubKeyCredParams: offer.algorithms.map((alg) => ({ type: "public-key", alg })),
        excludeCredentials: offer.exclude.map((id) => ({ type: "public-key", id: unb64(id) })),
        authenticatorSelection: passkey ? { residentKey: "required", userVerification: "required" } : { residentKey: "discouraged", userVerification: "discouraged" },
        attestation: "none",
        timeout: 240_000,
        ...(passkey ? { extensions: prfInput() } : {}),
    };
    const made = (await navigator.credentials.create({ publicKey }).catch((e) => {
        throw inWords(e);
    })) as PublicKeyCredential | null;
    if (!made) throw new CardeaError("cancelled", "Nothing was confirmed.");
    const response = made.response as AuthenticatorAttestationResponse;
    const { enabled, first } = prfOf(made);
    const registration = {
        credential: b64(bytes(made.rawId)), algorithm: response.getPublicKeyAlgorithm(),
        authenticator_data: b64(bytes(response.getAuthenticatorData())), client_data: b64(bytes(response.clientDataJSON)),
    };
    return { registration, credential: bytes(made.rawId), prf: first, hasPrf: enabled };
}

export interface Signed {
    assertion: Assertion;
    user: string | null;
    prf: Bytes | null;
}

async function signed(challenge: Bytes, credentials: Bytes[], passkey: boolean): Promise<Signed> {
    const publicKey: PublicKeyCredentialRequestOptions = {
        challenge, rpId: location.hostname, timeout: 240_000,
        allowCredentials: credentials.map((id) => ({ type: "public-key", id })),
        userVerification: passkey ? "required" : "discouraged",
        ...(passkey ? { extensions: prfInput() } : {}),
    };
    const got = (await navigator.credentials.get({ publicKey }).catch((e) => {
        throw inWords(e);
    })) as PublicKeyCredential | null;
    if (!got) throw new CardeaError("cancelled", "Nothing was confirmed.");
    const response = got.response as AuthenticatorAssertionResponse;
    return {
        assertion: {
            credential: b64(bytes(got.rawId)), authenticator_data: b64(bytes(response.authenticatorData)),
            client_data: b64(bytes(response.clientDataJSON)), signature: b64(bytes(response.signature)),
        },
        user: response.userHandle ? b64(bytes(response.userHandle)) : null, prf: prfOf(got).first,
    };
}

/* One of the account's keys, after the passphrase. */
export const useKey = (challenge: string, credentials: string[]): Promise<Signed> => signed(unb64(challenge), credentials.map(unb64), false);
/* Any passkey of this address. */
export const usePasskey = (challenge: string): Promise<Signed> => signed(unb64(challenge), [], true);
/* What a passkey that was just made answers: not every authenticator says it at once. Nobody checks this signature. */
export const askPrf = async (credential: Bytes): Promise<Bytes | null> => (await signed(crypto.getRandomValues(new Uint8Array(32)), [credential], true)).prf;
