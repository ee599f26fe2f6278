/* One ticket: what was said, the health figures, what was asked to see. */
import { useEffect, useRef, useState } from "preact/hooks";
import { requestsOf, subjectOf, type Asked, type Said } from "../shared/thread.ts";
import type { Health, TicketRequest } from "../shared/ticket.ts";
import { now } from "../owner/backend.ts";
import { fromLocalInput, localInput, rangeTime, whenTime } from "../owner/format.ts";
import { Button, Dialog, Field, Icon, Message, Page, sentence, useAction } from "../owner/ui.tsx";
import { HealthCards } from "../owner/healthcards.tsx";
import { useThread } from "../owner/thread.ts";
import { agentName, client, shortTicket } from "./state.ts";
import type { Me } from "./worker.ts";

export function TicketPage({ id, me }: { id: string; me: Me }) {
    const { thread, problem } = useThread(id, client.ticket);
    const [asking, setAsking] = useState(false);
    const [closing, setClosing] = useState(false);
    const [since, setSince] = useState(Infinity); /* the first message that an answer to what was asked here can be */
    const open = thread?.said.find((s) => s.message?.kind === "open")?.message;
    const { subject } = subjectOf(open?.text ?? "Ticket");
    const health = thread?.said.findLast((s) => s.message?.kind === "health")?.message?.health ?? null;
    const requests = thread ? requestsOf(thread.said) : [];
    /* What was asked on this page opens on it, as soon as its owner says yes. */
    const allowed = requests.find((r) => r.said.n >= since && r.said.agent?.number === me.number && r.answer?.grant && thread!.grants.includes(r.answer.grant));
    useEffect(() => {
        if (allowed) location.hash = `#/view/${id}/${allowed.answer!.grant}`;
    }, [allowed?.answer?.grant]);
    const end = useRef<HTMLDivElement>(null);
    useEffect(() => end.current?.scrollIntoView({ block: "nearest" }), [thread?.said.length]);
    return (
        <Page title={open ? subject : shortTicket(id)} actions={thread && (
            <>
                <span class={`pill ${thread.state === "open" ? "good" : ""}`}>{shortTicket(id)} · {thread.state === "open" ? "Open" : "Closed"}</span>
                {thread.state === "open" && <Button look="quiet" onClick={() => setClosing(true)}>Close it</Button>}
            </>
        )}>
            <a class="desk-back link" href="#/"><Icon name="back" /> Tickets</a>
            {problem && <Message kind="warn" title="The ticket could not be read">{sentence(problem)}</Message>}
            {!thread && !problem && <div class="desk-loading"><span class="spinner" role="status" aria-label="Loading" /></div>}
            {thread && (
                <div class="desk-ticket">
                    <section class="card thread-card" aria-label="Conversation">
                        <ol class="thread">{thread.said.map((s) => <Line key={s.n} said={s} me={me} />)}</ol>
                        <div ref={end} />
                        {thread.state === "open" ? <Answer id={id} /> : <p class="muted">This ticket is closed. Its owner can open a new one.</p>}
                    </section>
                    <aside class="desk-side">
                        <section class="card" aria-label="Access">
                            <div class="card-head"><h2>Access</h2></div>
                            {requests.length === 0 && <p class="muted">You see no picture of this home. If words and figures are not enough, ask: its owner decides which cameras, and for how long.</p>}
                            {requests.map((r) => <RequestState key={r.request.id} asked={r} here={r.said.n >= since} ticket={id} open={thread.state === "open"} grants={thread.grants} me={me} />)}
                            {thread.state === "open" && <Button icon="eye" look={requests.length === 0 ? "main" : "plain"} disabled={!health} onClick={() => setAsking(true)}>Ask to see</Button>}
                            {thread.state === "open" && !health && <p class="hint">Cameras are known by their health figures, and none were sent. Ask the owner to send them.</p>}
                        </section>
                        <section class="card" aria-label="Health">
                            <div class="card-head"><h2>Health</h2></div>
                            {health ? <HealthCards health={health} /> : <p class="muted">The owner has sent no figures.</p>}
                        </section>
                    </aside>
                </div>
            )}
            {asking && health && <Ask id={id} health={health} onAsked={() => setSince((thread?.said.at(-1)?.n ?? 0) + 1)} onClose={() => setAsking(false)} />}
            {closing && <Close id={id} onClose={() => setClosing(false)} />}
        </Page>
    );
}

function Line({ said, me }: { said: Said; me: Me }) {
    const m = said.message;
    const mine = said.from === "staff" && said.agent?.number === me.number;
    const who = said.from === "household" ? "Owner" : mine ? "You" : said.agent ? agentName(said.agent) : "Staff";
    return (
        <li class={`said ${said.from === "staff" ? "mine" : ""} k-${m?.kind ?? "bad"}`}>
            <small class="muted num">{who} · {whenTime(said.at)}</small>
            {said.problem ? <p class="said-bad"><Icon name="warn" /> Not shown: {said.problem}</p> : <Content said={said} />}
        </li>
    );
}

function Content({ said }: { said: Said }) {
    const m = said.message!;
    switch (m.kind) {
        case "open": {
            const { subject, words } = subjectOf(m.text!);
            return <div class="bubble"><strong>{subject}</strong>{words && <p>{words}</p>}</div>;
        }
        case "words": return <div class="bubble"><p>{m.text}</p></div>;
        case "health": return <p class="said-note"><Icon name="pulse" /> Sent health figures of {m.health!.cameras.length === 1 ? "1 camera" : `${m.health!.cameras.length} cameras`}</p>;
        case "request": return <p class="said-note"><Icon name="eye" /> Asked to see {requestWords(m.request!)}</p>;
        case "answer": return <p class="said-note good"><Icon name="check" /> Allowed{m.request ? `: ${requestWords(m.request)}` : ""}</p>;
        case "refuse": return <p class="said-note"><Icon name="close" /> Refused{m.text ? `: “${m.text}”` : ""}</p>;
        case "close": return <p class="said-note"><Icon name="lock" /> Closed the ticket{m.text ? `: “${m.text}”` : ""}</p>;
    }
}

export function requestWords(r: TicketRequest): string {
    const what = r.cameras.join(", ");
    return r.live_minutes ? `${what}, live for ${r.live_minutes} min` : `${what}, ${rangeTime(r.from!, r.to!)}`;
}

function Answer({ id }: { id: string }) {
    const [words, setWords] = useState("");
    const { busy, error, run } = useAction();
    const send = (): void => void run(async () => {
        await client.say(id, words.trim());
        setWords("");
    });
    return (
        <form class="answer" onSubmit={(e) => { e.preventDefault(); if (words.trim()) send(); }}>
            <Field label="Answer">{(i) => <textarea id={i} name="answer" rows={3} maxLength={4000} value={words} onInput={(e) => setWords(e.currentTarget.value)} onKeyDown={(e) => { if (e.key === "Enter" && (e.ctrlKey || e.metaKey) && words.trim()) send(); }} />}</Field>
            {error && <Message kind="bad">{error}</Message>}
            <div class="actions spread"><small class="muted">Ctrl Enter sends</small><Button look="main" type="submit" busy={busy} disabled={!words.trim()}>Send</Button></div>
        </form>
    );
}

function RequestState({ asked, here, ticket, open, grants, me }: { asked: Asked; here: boolean; ticket: string; open: boolean; grants: string[]; me: Me }) {
    const { request, answer, said } = asked;
    const mine = said.agent?.number === me.number;
    const grant = answer?.kind === "answer" ? answer.grant : null;
    const alive = grant !== null && grants.includes(grant);
    return (
        <div class={`ask-state ${answer?.kind ?? "waits"}`}>
            <p><strong>{requestWords(answer?.narrowed ?? request)}</strong></p>
            <p class="muted">“{request.reason}”{mine ? "" : ` – ${said.agent ? agentName(said.agent) : "a colleague"}`}</p>
            {!answer && open && <p class="desk-wait" role="status"><span class="spinner" aria-hidden="true" /> Waiting for the owner{here && mine ? ". It opens here when they allow it" : ""}</p>}
            {!answer && !open && <p class="muted">Never answered.</p>}
            {answer?.kind === "refuse" && <p><span class="pill">Refused</span></p>}
            {answer?.kind === "answer" && (mine && alive ? <Button look="main" icon="eye" onClick={() => (location.hash = `#/view/${ticket}/${grant}`)}>Open it</Button> : <p><span class="pill">{mine ? "Over" : "Granted to a colleague"}</span></p>)}
        </div>
    );
}

const LIVE = [2, 5, 10, 15, 30];
function Ask({ id, health, onAsked, onClose }: { id: string; health: Health; onAsked: () => void; onClose: () => void }) {
    const names = health.cameras.map((c) => c.name).filter((n) => !n.endsWith(" (substream)"));
    const [chosen, setChosen] = useState<string[]>(names.length === 1 ? names : []);
    const [live, setLive] = useState(true);
    const [minutes, setMinutes] = useState(5);
    const [from, setFrom] = useState(localInput(now() - 600));
    const [to, setTo] = useState(localInput(now() - 300));
    const [reason, setReason] = useState("");
    const { busy, error, run } = useAction();
    const past = { from: Math.floor(fromLocalInput(from)), to: Math.ceil(fromLocalInput(to)) };
    const wrong = !live && !(past.to > past.from);
    const wide = chosen.length > 3 || (!live && past.to - past.from > 3600);
    const submit = (e: Event): void => {
        e.preventDefault();
        void run(async () => {
            onAsked();
            await client.request(id, { cameras: chosen, reason: reason.trim(), ...(live ? { live_minutes: minutes } : past) });
            onClose();
        });
    };
    return (
        <Dialog title="Ask to see" onClose={onClose}>
            <form onSubmit={submit}>
                <fieldset>
                    <legend>Cameras</legend>
                    {names.map((n) => <label class="check" key={n}><input type="checkbox" name="camera" value={n} checked={chosen.includes(n)} onChange={(e) => setChosen(e.currentTarget.checked ? [...chosen, n] : chosen.filter((x) => x !== n))} /> <span>{n}</span></label>)}
                </fieldset>
                <div class="segmented" role="radiogroup" aria-label="When">
                    {([[true, "Live"], [false, "Recorded"]] as const).map(([v, label]) => <label key={label} class={live === v ? "on" : ""}><input type="radio" name="when" checked={live === v} onChange={() => setLive(v)} />{label}</label>)}
                </div>
                {live ? (
                    <div class="segmented" role="radiogroup" aria-label="Minutes">
                        {LIVE.map((m) => <label key={m} class={minutes === m ? "on" : ""}><input type="radio" name="minutes" checked={minutes === m} onChange={() => setMinutes(m)} />{m} min</label>)}
                    </div>
                ) : (
                    <div class="two wide">
                        <Field label="From" type="datetime-local" step={1} value={from} onInput={(e) => setFrom(e.currentTarget.value)} />
                        <Field label="To" type="datetime-local" step={1} value={to} error={wrong ? "It must be after the beginning" : null} onInput={(e) => setTo(e.currentTarget.value)} />
                    </div>
                )}
                <Field label="Reason" hint="The owner reads this, and it stays with the ticket.">{(i, d) => <textarea id={i} aria-describedby={d} name="reason" rows={2} maxLength={200} value={reason} onInput={(e) => setReason(e.currentTarget.value)} required />}</Field>
                {wide && <Message kind="warn">That is much: more than three cameras or an hour is looked at by an administrator.</Message>}
                {error && <Message kind="bad">{error}</Message>}
                <div class="actions">
                    <Button look="quiet" onClick={onClose}>Cancel</Button>
                    <Button look="main" type="submit" busy={busy} disabled={chosen.length === 0 || !reason.trim() || wrong}>Ask the owner</Button>
                </div>
            </form>
        </Dialog>
    );
}

function Close({ id, onClose }: { id: string; onClose: () => void }) {
    const [words, setWords] = useState("");
    const { busy, error, run } = useAction();
    return (
        <Dialog title="Close this ticket?" onClose={onClose}>
            <form onSubmit={(e) => { e.preventDefault(); void run(async () => { await client.close(id, words.trim()); onClose(); }); }}>
                <p class="lead">What runs under its grants ends at once, and nothing more can be said in it. Its owner can open another.</p>
                <Field label="Last words">{(i) => <textarea id={i} name="last" rows={2} maxLength={1000} value={words} onInput={(e) => setWords(e.currentTarget.value)} />}</Field>
                {error && <Message kind="bad">{error}</Message>}
                <div class="actions"><Button look="quiet" onClick={onClose}>Keep it open</Button><Button look="danger" type="submit" busy={busy}>Close it</Button></div>
            </form>
        </Dialog>
    );
}
