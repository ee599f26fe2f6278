/* Security keys, as the browser speaks to them (WebAuthn level 2). */
import { b64, unb64 } from "../shared/bytes.ts";
import { CardeaError } from "../shared/errors.ts";
import type { FactorAsked, WebauthnNew, WebauthnProof } from "./account.ts";

const cancelled = (e: unknown): never => {
    if (e instanceof DOMException && (e.name === "NotAllowedError" || e.name === "AbortError")) throw new CardeaError("aborted", "the key was not touched in time, or it was cancelled: try again");
    if (e instanceof DOMException && e.name === "InvalidStateError") throw new CardeaError("exists", "that key is already one of this account's");
    throw e;
};
const bytes = (b: ArrayBuffer): string => b64(new Uint8Array(b));

export const hasWebauthn = (): boolean => "PublicKeyCredential" in window && !/^[\d.]+$|^\[/.test(location.hostname);

export async function makeKey(n: WebauthnNew, login: string): Promise<{ credential: string; algorithm: number; authenticator_data: string; client_data: string }> {
    const made = (await navigator.credentials.create({
        publicKey: {
            challenge: unb64(n.challenge), rp: { id: n.rp, name: "Cardea" }, user: { id: unb64(n.user), name: login, displayName: login },
            pubKeyCredParams: n.algorithms.map((alg) => ({ type: "public-key", alg })), excludeCredentials: n.exclude.map((id) => ({ type: "public-key", id: unb64(id) })),
            authenticatorSelection: { residentKey: "discouraged", userVerification: "discouraged" }, attestation: "none", timeout: 120_000,
        },
    }).catch(cancelled)) as PublicKeyCredential;
    const answer = made.response as AuthenticatorAttestationResponse;
    return { credential: bytes(made.rawId), algorithm: answer.getPublicKeyAlgorithm(), authenticator_data: bytes(answer.getAuthenticatorData()), client_data: bytes(answer.clientDataJSON) };
}

export async function useKey(asked: FactorAsked): Promise<WebauthnProof> {
    const got = (await navigator.credentials.get({
        publicKey: { challenge: unb64(asked.challenge), allowCredentials: asked.credentials.map((id) => ({ type: "public-key", id: unb64(id) })), userVerification: "discouraged", timeout: 120_000 },
    }).catch(cancelled)) as PublicKeyCredential;
    const answer = got.response as AuthenticatorAssertionResponse;
    return { credential: bytes(got.rawId), authenticator_data: bytes(answer.authenticatorData), client_data: bytes(answer.clientDataJSON), signature: bytes(answer.signature) };
}
