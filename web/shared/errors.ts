/* What can go wrong, by what the caller can do about it. `word` is one of docs/protocol.md, or one of
 * these: forged, cut_short, no_key, offline, unsupported. `message` is for a person. */
import type { FactorQuestion } from "./signin.ts";

export interface ErrorDetail {
    retryAfter?: number;
    factor?: FactorQuestion; /* of the word `factor` */
}

export class CardeaError extends Error {
    constructor(
        readonly word: string,
        message: string,
        readonly detail?: ErrorDetail,
    ) {
        super(message);
        this.name = "CardeaError";
    }
}

export const invalid = (message: string) => new CardeaError("invalid", message);
export const forged = (message: string) => new CardeaError("forged", message);
export const cutShort = (message: string) => new CardeaError("cut_short", message);
export const noKey = (message: string) => new CardeaError("no_key", message);

export function wordOf(e: unknown): string {
    return e instanceof CardeaError ? e.word : "internal";
}
export function messageOf(e: unknown): string {
    return e instanceof Error ? e.message : String(e);
}
