/* A ticket's messages, opened and held against who may have written them (docs/trust.md, "The support desk"). The vault says who said
 * what; what is believed is the signature: of the household that opened the ticket, or of an agent whom the staff key certified. */
import type { BoxOpener } from "./box.ts";
import { equal, unb64, type Bytes } from "./bytes.ts";
import { forged, messageOf } from "./errors.ts";
import { readStaffCertificate, type StaffCertificate } from "./staff.ts";
import { openTicketMessage, type BoxedTicketMessage, type SignedTicketMessage, type TicketRequest } from "./ticket.ts";

export interface Listed {
    ticket: string;
    opened: number; /* slot */
    state: "open" | "closed";
    messages: number;
    last: number; /* slot */
}
export interface RawThread {
    state: "open" | "closed";
    messages: [number, "owner" | "staff", number, BoxedTicketMessage][];
    grants: string[];
}

export interface Said {
    n: number;
    from: "household" | "staff";
    at: number; /* slot, as the vault says */
    message: SignedTicketMessage | null;
    agent: StaffCertificate | null;
    problem: string | null; /* why it is not shown */
}

export interface Reader {
    as: "household" | "desk";
    open: BoxOpener;
    household: Bytes[] | null; /* its signing key and its former ones; null: as the ticket's first message says */
    staff: Bytes; /* the provider's key */
}

export async function openThread(raw: RawThread["messages"], ticket: string, reader: Reader): Promise<Said[]> {
    let household = reader.household;
    const out: Said[] = [];
    for (const [n, who, at, boxed] of raw) {
        const said: Said = { n, from: who === "owner" ? "household" : "staff", at, message: null, agent: null, problem: null };
        try {
            const box = boxed[reader.as];
            if (!box) throw forged(reader.as === "desk" ? "it was not written to the desk" : "it was not written to this household");
            const m = await openTicketMessage(unb64(box), ticket, reader.open);
            if (said.from === "household") {
                if (m.kind === "open" && !equal(m.signer, m.household!.sign)) throw forged("it names another household than the one that signed it");
                household ??= m.kind === "open" ? [m.signer] : null;
                if (!household?.some((h) => equal(m.signer, h))) throw forged("it is not signed by the household of this ticket");
            } else said.agent = await agentOf(m, reader.staff);
            said.message = m;
        } catch (e) {
            said.problem = messageOf(e);
        }
        out.push(said);
    }
    return out;
}

async function agentOf(m: SignedTicketMessage, staff: Bytes): Promise<StaffCertificate> {
    if (!m.certificate) throw forged("it carries no certificate of the desk");
    const agent = await readStaffCertificate(m.certificate, staff);
    if (!equal(agent.sign, m.signer)) throw forged("it is signed by another key than its certificate names");
    if (!agent.roles.includes("agent")) throw forged(`${agent.name} is certified, and not as an agent`);
    if (m.time < agent.from - 300 || m.time >= agent.expires) throw forged(`the certificate of ${agent.name} does not hold at that time`);
    return agent;
}

/* The ticket's first words are its subject and what is the matter, a blank line between them. */
export const wordsOf = (subject: string, words: string): string => (words.trim() ? `${subject.trim()}\n\n${words.trim()}` : subject.trim());
export function subjectOf(text: string): { subject: string; words: string } {
    const at = text.indexOf("\n\n");
    return at < 0 ? { subject: text, words: "" } : { subject: text.slice(0, at), words: text.slice(at + 2) };
}

export interface Asked {
    said: Said;
    request: TicketRequest;
    answer: { kind: "answer" | "refuse"; grant: string | null; text: string; narrowed: TicketRequest | null; at: number } | null;
}

/* What was asked for in a ticket, and what became of it. */
export function requestsOf(thread: readonly Said[]): Asked[] {
    return thread.flatMap((said) => {
        const request = said.message?.kind === "request" ? said.message.request! : null;
        if (!request) return [];
        const by = thread.find((t) => t.from === "household" && (t.message?.kind === "answer" || t.message?.kind === "refuse") && t.message.answers === request.id);
        const m = by?.message;
        return [{ said, request, answer: m ? { kind: m.kind as "answer" | "refuse", grant: m.grant ?? null, text: m.text ?? "", narrowed: m.request ?? null, at: by!.at } : null }];
    });
}
