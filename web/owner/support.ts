/* Whether the support desk waits for this home's owner, for the banner and the settings. */
import { signal } from "@preact/signals";
import type { Desk, TicketRow } from "../shared/support.ts";
import { messageOf, wordOf } from "../shared/errors.ts";
import { client } from "./state.ts";

export const desk = signal<Desk | null | undefined>(undefined); /* undefined: not asked yet; null: there is none */
export const tickets = signal<TicketRow[] | null>(null);
export const ticketsProblem = signal<string | null>(null);

export async function loadTickets(): Promise<void> {
    try {
        if (desk.value === undefined) desk.value = await client.supportDesk();
        if (desk.value) tickets.value = await client.tickets();
        ticketsProblem.value = null;
    } catch (e) {
        if (wordOf(e) !== "offline") ticketsProblem.value = messageOf(e);
    }
}

/* Asks now and every `ms`, while the page is seen. */
export function pollTickets(ms: number): () => void {
    const ask = (): void => {
        if (document.visibilityState === "visible" && desk.value !== null) void loadTickets();
    };
    ask();
    const timer = setInterval(ask, ms);
    return () => clearInterval(timer);
}
