/* A member of staff's account: the same as anybody's, and never without a second factor. Nothing of it is kept on the device. */
import { checkPassphrase, signUpAlone, type Account, type Proof } from "../shared/account.ts";
import type { Api, SessionAnswer } from "../shared/api.ts";
import { b64, unb64, type Bytes } from "../shared/bytes.ts";
import { CardeaError, forged } from "../shared/errors.ts";
import { openKeyring } from "../shared/keyring.ts";
import { COST, derive } from "../shared/passphrase.ts";
import type { DerivedKeys } from "../shared/recovery.ts";

export interface WebauthnProof {
    credential: string;
    authenticator_data: string;
    client_data: string;
    signature: string;
}
export type Factor = { totp: string } | { webauthn: WebauthnProof };

/* What is asked for once the passphrase is right. */
export interface FactorAsked {
    message: string;
    factors: ("totp" | "webauthn")[];
    challenge: string;
    credentials: string[];
}
export interface WebauthnNew {
    challenge: string;
    rp: string;
    user: string;
    algorithms: number[];
    exclude: string[];
}

export class StaffAccount {
    account: Account | null = null;
    private typed: { login: string; keys: DerivedKeys } | null = null; /* between passphrase and code */

    constructor(private readonly api: Api) {}

    /* Null: signed in. */
    async signIn(login: string, passphrase: string): Promise<FactorAsked | null> {
        const params = await this.api.send<{ salt: string; memory_kib: number; passes: number }>("POST", "/v1/sessions/params", { who: "nobody", json: { login } });
        const cost = { memoryKib: params.memory_kib, passes: params.passes };
        if (!(cost.memoryKib >= COST.memoryKib && cost.passes >= COST.passes))
            throw forged("This vault asks for a weaker passphrase hash than Cardea makes. Do not trust it with this passphrase.");
        this.typed = { login, keys: await derive(passphrase, unb64(params.salt), cost) };
        return this.prove(null);
    }

    async prove(factor: Factor | null): Promise<FactorAsked | null> {
        if (!this.typed) throw new CardeaError("denied", "sign in again");
        const { login, keys } = this.typed;
        /* By hand: this refusal carries what the second factor needs. */
        const response = await fetch("/v1/sessions", {
            method: "POST", cache: "no-store", credentials: "omit", headers: { "Content-Type": "application/json" },
            body: JSON.stringify({ login, auth: b64(keys.auth), ...(factor ? { factor } : {}) }),
        }).catch(() => {
            throw new CardeaError("offline", "the vault does not answer: check your connection");
        });
        const answer = (await response.json()) as SessionAnswer & FactorAsked & { error?: string };
        if (response.status === 401 && answer.error === "factor") return { message: answer.message, factors: answer.factors, challenge: answer.challenge, credentials: answer.credentials };
        if (!response.ok) throw new CardeaError(answer.error ?? "internal", answer.message ?? `the vault answered ${response.status}`);
        this.api.session = answer.token;
        this.account = { login, ring: await openKeyring(unb64(answer.keyring), 1, keys.wrap), version: answer.version };
        this.typed = null;
        return null;
    }

    async signUp(login: string, passphrase: string, code: string): Promise<string[]> {
        const { account, words } = await signUpAlone(this.api, { login, passphrase, setupCode: code });
        this.account = account;
        return words;
    }

    /* Whether a second factor stands behind this account. */
    async guarded(): Promise<boolean> {
        const { factors } = await this.api.get<{ factors: unknown[] }>("/v1/factors", { who: "session" });
        return factors.length > 0;
    }

    private async proof(passphrase: string): Promise<Proof> {
        if (!this.account) throw new CardeaError("denied", "sign in first");
        return (await checkPassphrase(this.api, this.account, passphrase)).proof;
    }

    async totpBegin(provider: string, passphrase: string): Promise<{ secret: string; pending: string; uri: string }> {
        const json = await this.proof(passphrase);
        const { secret, pending, digits, period_s } = await this.api.send<{ secret: string; pending: string; digits: number; period_s: number }>("POST", "/v1/factors/totp", { who: "session", json });
        const label = encodeURIComponent(`${provider} support:${this.account!.login}`);
        return { secret, pending, uri: `otpauth://totp/${label}?secret=${secret}&issuer=${encodeURIComponent(`${provider} support`)}&digits=${digits}&period=${period_s}` };
    }

    async totpConfirm(pending: string, code: string): Promise<void> {
        await this.api.send("POST", "/v1/factors/totp/confirm", { who: "session", json: { pending, code } });
    }

    async webauthnBegin(passphrase: string): Promise<WebauthnNew> {
        return this.api.send("POST", "/v1/factors/webauthn/begin", { who: "session", json: await this.proof(passphrase) });
    }

    async webauthnFinish(made: { credential: string; algorithm: number; authenticator_data: string; client_data: string }): Promise<void> {
        await this.api.send("POST", "/v1/factors/webauthn/finish", { who: "session", json: made });
    }

    get keys(): { box: Bytes; sign: Bytes } {
        if (!this.account) throw new CardeaError("denied", "sign in first");
        return this.account.ring.body.account;
    }

    async signOut(): Promise<void> {
        this.account = this.typed = null;
        await this.api.send("DELETE", "/v1/sessions/current", { who: "session" }).catch(() => undefined);
        this.api.session = "";
    }
}
