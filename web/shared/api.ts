/* The vault's HTTP interface (docs/protocol.md). Two tokens, never in one request: the session reads the sealed
 * keyring, the access token is got by proving a capability. */
import { b64, unb64, type Bytes } from "./bytes.ts";
import { CardeaError, type ErrorDetail } from "./errors.ts";
import { sign, type SignKey } from "./sign.ts";
import type { FactorQuestion } from "./signin.ts";

export interface VaultInfo {
    name: string;
    version: string;
    time: string;
    signup: "open" | "code" | "closed";
    setup_code?: string;
}

export interface SessionAnswer {
    token: string;
    keyring: string;
    version: number;
}

type Who = "nobody" | "session" | "access";
export interface Options {
    who?: Who;
    json?: unknown;
    body?: Uint8Array;
    headers?: Record<string, string>;
    signal?: AbortSignal;
}

/* What was got by proving who asks. */
export interface Proven {
    token: string;
    expires_in_s: number;
}

export class Api {
    session = "";
    private prover: (() => Promise<Proven>) | null = null;
    private token: Promise<string> | null = null;
    private tokenEnds = 0;
    /* Called as the vault becomes unreachable or reachable again. */
    reach: (ok: boolean) => void = () => {};
    /* Called when the vault refuses what proves who asks, before whoever asked hears of it: it proves again, or throws. */
    refused: (prove: () => Promise<Proven>, why: CardeaError) => Promise<Proven> = (_, why) => Promise.reject(why);

    useCapability(key: SignKey | null): void {
        this.useAccess(key && (() => this.proveCapability(key)));
    }

    /* Asks by what `prove` gets, whenever what it got before has ended. */
    useAccess(prove: (() => Promise<Proven>) | null, already?: Proven): void {
        this.prover = prove;
        this.token = already ? Promise.resolve(this.keep(already)) : null;
    }

    private keep(proven: Proven): string {
        this.tokenEnds = Date.now() + Math.max(30, proven.expires_in_s - 60) * 1000;
        return proven.token;
    }

    /* Gives up what was proven, and proves anew: what it opens may have changed. */
    async proveAgain(): Promise<void> {
        this.token = null;
        await this.accessToken();
    }

    private accessToken(): Promise<string> {
        if (this.token && Date.now() < this.tokenEnds) return this.token;
        this.tokenEnds = Date.now() + 60_000;
        const token = this.prove();
        this.token = token;
        token.catch(() => {
            if (this.token === token) this.token = null;
        });
        return token;
    }

    private async prove(): Promise<string> {
        const { prover } = this;
        if (!prover) throw new CardeaError("denied", "sign in first");
        try {
            return this.keep(await prover());
        } catch (e) {
            if (!(e instanceof CardeaError) || e.word !== "denied" || this.prover !== prover) throw e;
            return this.keep(await this.refused(prover, e));
        }
    }

    private async proveCapability(key: SignKey): Promise<Proven> {
        const { challenge } = await this.get<{ challenge: string }>("/v1/access/challenge", { who: "nobody" });
        const signature = await sign(key, "cardea/1 access", unb64(challenge));
        const json = { capability: b64(key.public), challenge, signature: b64(signature) };
        return this.send<Proven>("POST", "/v1/access", { who: "nobody", json });
    }

    async fetch(method: string, path: string, o: Options = {}): Promise<Response> {
        const first = await this.once(method, path, o);
        if (first.status !== 401 || (o.who ?? "access") !== "access") return this.checked(first);
        this.token = null; /* the vault restarted, or the clock jumped: prove again, once */
        return this.checked(await this.once(method, path, o));
    }

    private async once(method: string, path: string, o: Options): Promise<Response> {
        const headers: Record<string, string> = { ...o.headers };
        const who = o.who ?? "access";
        if (who === "session") headers["Authorization"] = `Session ${this.session}`;
        if (who === "access") headers["Authorization"] = `Access ${await this.accessToken()}`;
        const init: RequestInit = { method, headers, cache: "no-store", credentials: "omit" };
        if (o.signal) init.signal = o.signal;
        if (o.json !== undefined) {
            headers["Content-Type"] = "application/json";
            init.body = JSON.stringify(o.json);
        } else if (o.body) init.body = o.body as Bytes;
        try {
            const response = await fetch(path, init);
            this.reach(true);
            return response;
        } catch (e) {
            if (o.signal?.aborted) throw new CardeaError("aborted", "stopped");
            this.reach(false);
            throw new CardeaError("offline", "the vault does not answer: check that it runs and that this device is on its network");
        }
    }

    private async checked(response: Response): Promise<Response> {
        if (response.ok) return response;
        let word = response.status === 404 ? "not_found" : "internal";
        let message = `the vault answered ${response.status}`;
        const detail: ErrorDetail = {};
        try {
            const body = (await response.json()) as { error?: string; message?: string } & Partial<FactorQuestion>;
            word = body.error ?? word;
            message = body.message ?? message;
            if (word === "factor" && body.factors && body.challenge && body.credentials)
                detail.factor = { factors: body.factors, challenge: body.challenge, credentials: body.credentials };
        } catch {
            /* A proxy's page, not ours: the status must do. */
        }
        const after = Number(response.headers.get("Retry-After") ?? 0);
        if (after > 0) detail.retryAfter = after;
        throw new CardeaError(word, message, Object.keys(detail).length > 0 ? detail : undefined);
    }

    async send<T>(method: string, path: string, o: Options = {}): Promise<T> {
        const response = await this.fetch(method, path, o);
        if (response.status === 204) return undefined as T;
        const type = response.headers.get("Content-Type") ?? "";
        return (type.startsWith("application/json") ? await response.json() : undefined) as T;
    }

    get<T>(path: string, o: Options = {}): Promise<T> {
        return this.send<T>("GET", path, o);
    }

    async bytes(path: string, o: Options = {}): Promise<Bytes> {
        return new Uint8Array(await (await this.fetch("GET", path, o)).arrayBuffer());
    }

    range(path: string, from: number, length: number, signal?: AbortSignal): Promise<Bytes> {
        const o: Options = { headers: { Range: `bytes=${from}-${from + length - 1}` } };
        if (signal) o.signal = signal;
        return this.bytes(path, o);
    }
}
