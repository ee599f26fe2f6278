/* The queue: tickets by number. There is no search for a person, since no ticket names one. */
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { messageOf } from "../shared/errors.ts";
import { duration } from "../owner/format.ts";
import { now } from "../owner/backend.ts";
import { choose, route } from "../owner/route.ts";
import { Icon, Message, Page, sentence } from "../owner/ui.tsx";
import { client, shortTicket } from "./state.ts";
import type { TicketRow } from "./worker.ts";

const rows = signal<TicketRow[] | null>(null);
const problem = signal<string | null>(null);
const EVERY_MS = 5000;

async function load(): Promise<void> {
    try {
        rows.value = await client.tickets();
        problem.value = null;
    } catch (e) {
        problem.value = messageOf(e);
    }
}

export function QueuePage() {
    useEffect(() => {
        void load();
        const timer = setInterval(() => document.visibilityState === "visible" && void load(), EVERY_MS);
        return () => clearInterval(timer);
    }, []);
    const state = route.value.query.get("show") === "closed" ? "closed" : "open";
    const all = rows.value;
    const shown = all?.filter((r) => r.state === state) ?? [];
    return (
        <Page title="Tickets" actions={
            <div class="segmented" role="radiogroup" aria-label="Which tickets">
                {(["open", "closed"] as const).map((s) => (
                    <label key={s} class={state === s ? "on" : ""}>
                        <input type="radio" name="show" checked={state === s} onChange={() => choose({ show: s === "open" ? null : s })} />
                        {s === "open" ? "Open" : "Closed"}{all ? ` · ${all.filter((r) => r.state === s).length}` : ""}
                    </label>
                ))}
            </div>
        }>
            {problem.value && <Message kind="warn" title="The queue could not be read">{sentence(problem.value)}</Message>}
            {!all && !problem.value && <div class="desk-loading"><span class="spinner" role="status" aria-label="Loading" /></div>}
            {all && shown.length === 0 && (
                <div class="empty">
                    <span class="empty-art"><Icon name={state === "open" ? "check" : "mail"} /></span>
                    <h2>{state === "open" ? "Nobody waits" : "Nothing was closed yet"}</h2>
                    <p>{state === "open" ? "New tickets appear here by themselves, the latest first. You see what their owners wrote and the figures they chose to send, and nothing else until they let you." : "Tickets stay readable here once they are closed."}</p>
                </div>
            )}
            {shown.length > 0 && (
                <ul class="desk-queue card flush">
                    {shown.map((r) => (
                        <li key={r.ticket}>
                            <a class="setting" href={`#/ticket/${r.ticket}`}>
                                <span class="setting-icon"><Icon name="mail" /></span>
                                <span class="setting-words"><strong>{r.subject}</strong><small class="muted num">{shortTicket(r.ticket)} · {r.messages === 1 ? "1 message" : `${r.messages} messages`}</small></span>
                                <span class="muted num desk-age">{duration(Math.max(0, now() - r.last))} ago</span>
                                <Icon name="next" />
                            </a>
                        </li>
                    ))}
                </ul>
            )}
        </Page>
    );
}
