/* What the portal's pages share. Signals; none of it outlives the page. */
import { signal } from "@preact/signals";
import { backend } from "../owner/backend.ts";
import { inspect } from "../owner/inspect.ts";
import type { Remote } from "../shared/rpc.ts";
import type { FactorAsked } from "./account.ts";
import type { DeskClient, Me } from "./worker.ts";

export const client = backend as unknown as Remote<DeskClient>;
inspect({ client });

export type Phase =
    | { at: "starting" }
    | { at: "none" } /* this vault has no desk */
    | { at: "unreachable" }
    | { at: "signin" }
    | { at: "signup" }
    | { at: "words"; words: string[]; then: Pending }
    | { at: "code"; asked: FactorAsked; pending: Pending | null }
    | { at: "factor"; pending: Pending } /* to be set up, which the passphrase proves */
    | { at: "asking"; fingerprint: string; message: string }
    | { at: "waiting"; fingerprint: string }
    | { at: "in"; me: Me };

/* Of a sign-up that goes on once the second factor is there. */
export interface Pending {
    login: string;
    passphrase: string;
    code: string;
}

export const phase = signal<Phase>({ at: "starting" });
export const provider = signal({ name: "", fingerprint: "" });

/* Goes to where the account stands. */
export async function enter(pending: Pending | null): Promise<void> {
    const s = await client.standing();
    if (s.at === "in") phase.value = { at: "in", me: s.me };
    else if (s.at === "factor" && pending) phase.value = { at: "factor", pending };
    else if (s.at === "factor" || s.at === "again") phase.value = { at: "signin" };
    else if (s.at === "waiting") phase.value = { at: "waiting", fingerprint: s.fingerprint };
    else if (pending?.code) {
        await client.ask(pending.code);
        await enter(null);
    } else phase.value = { at: "asking", fingerprint: s.fingerprint, message: s.message };
}

export const agentName = (me: { number: number; name: string }): string => `Agent ${me.number}`;
export const shortTicket = (id: string): string => `#${id.slice(0, 6).toUpperCase()}`;
