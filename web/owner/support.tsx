/* Help from the provider's support desk: words and figures that the owner sends, and what they let be seen. */
import { useEffect, useState } from "preact/hooks";
import { messageOf } from "../shared/errors.ts";
import type { Agent, Approval } from "../shared/support.ts";
import { requestsOf, subjectOf, type Asked, type Said } from "../shared/thread.ts";
import type { CameraHealth, Health, TicketRequest } from "../shared/ticket.ts";
import { dayName, rangeTime, whenTime } from "./format.ts";
import { HealthCard } from "./healthcards.tsx";
import { client, household, now, say } from "./state.ts";
import { desk, loadTickets, pollTickets, tickets, ticketsProblem } from "./support.ts";
import { useThread } from "./thread.ts";
import { Button, Confirm, Dialog, Field, Icon, Message, Page, sentence, useAction } from "./ui.tsx";

const LIST_MS = 5000;

export function SupportPage({ id }: { id: string | undefined }) {
    return id ? <TicketPage id={id} key={id} /> : <ListPage />;
}

function ListPage() {
    const [opening, setOpening] = useState(false);
    useEffect(() => pollTickets(LIST_MS), []);
    const all = tickets.value;
    if (desk.value === null)
        return (
            <Page title="Support">
                <div class="empty"><span class="empty-art"><Icon name="mail" /></span><h2>There is no support desk</h2><p>This vault is run without one, as a home's own are. <code>cardea doctor</code> looks for what is wrong, and says how it is mended.</p></div>
            </Page>
        );
    return (
        <Page title="Support" actions={all && all.length > 0 && <Button look="main" icon="plus" onClick={() => setOpening(true)}>New ticket</Button>}>
            {ticketsProblem.value && <Message kind="bad" title="Support is not reached">{sentence(ticketsProblem.value)}</Message>}
            {!all && !ticketsProblem.value && <p class="desk-wait" role="status"><span class="spinner" aria-hidden="true" /> Asking the vault</p>}
            {all && all.length === 0 && (
                <div class="empty">
                    <span class="empty-art"><Icon name="mail" /></span>
                    <h2>Is something not as it should be?</h2>
                    <p>Write to {desk.value?.name ?? "the support desk"}. They read your words and the figures that you send with them. They see no picture, unless they ask and you say yes.</p>
                    <Button look="main" icon="plus" onClick={() => setOpening(true)}>Open a ticket</Button>
                </div>
            )}
            {all && all.length > 0 && (
                <ul class="card flush">
                    {all.map((t) => (
                        <li key={t.ticket}>
                            <a class="setting" href={`#/support/${t.ticket}`}>
                                <span class="setting-icon"><Icon name="mail" /></span>
                                <span class="setting-words"><strong>{t.subject}</strong><small class="muted">{dayName(t.opened)}, {t.messages === 1 ? "1 message" : `${t.messages} messages`}</small></span>
                                <span class={`pill ${t.waiting ? "warn" : t.state === "open" ? "good" : ""}`}>{t.waiting ? "They ask to see" : t.state === "open" ? "Open" : "Closed"}</span>
                                <Icon name="next" />
                            </a>
                        </li>
                    ))}
                </ul>
            )}
            <p class="muted support-foot"><Icon name="lock" /> <span>Tickets are sealed: only you and the desk read them. No ticket names you, and each look at a camera is in <a href="#/looked">Who looked?</a></span></p>
            {opening && <OpenTicket onClose={() => setOpening(false)} />}
        </Page>
    );
}

/* ---- opening one ---- */

/* What may go: cameras and figures as the owner leaves them. */
function useFigures() {
    const [all, setAll] = useState<Health | null>(null);
    const [problem, setProblem] = useState<string | null>(null);
    const [off, setOff] = useState<string[]>([]);
    const [errors, setErrors] = useState(true);
    useEffect(() => void client.healthFigures().then(setAll, (e) => setProblem(messageOf(e))), []);
    const cameras = all?.cameras.filter((c) => !off.includes(c.name)).map((c): CameraHealth => {
        const { error, ...rest } = c;
        return errors && error ? c : rest;
    });
    const health = all && cameras && cameras.length > 0 ? { ...all, cameras } : null;
    return { all, problem, off, setOff, errors, setErrors, health };
}

function Figures({ f }: { f: ReturnType<typeof useFigures> }) {
    if (f.problem) return <Message kind="warn" title="No figures">{sentence(f.problem)} Your words go without them.</Message>;
    if (!f.all) return <p class="desk-wait" role="status"><span class="spinner" aria-hidden="true" /> Asking your hub</p>;
    if (f.all.cameras.length === 0) return <p class="muted">Your hub is offline, or has no camera: there are no figures to send.</p>;
    const toggle = (name: string, on: boolean): void => f.setOff(on ? f.off.filter((n) => n !== name) : [...f.off, name]);
    return (
        <fieldset class="figures-send">
            <legend>Figures to send</legend>
            <p class="hint">Nothing else goes: no picture, no address, no password.</p>
            {f.all.cameras.map((c) => {
                const on = !f.off.includes(c.name);
                const { error, ...rest } = c;
                return (
                    <label class={`figure-pick ${on ? "on" : ""}`} key={c.name}>
                        <input type="checkbox" name="figures" value={c.name} checked={on} onChange={(e) => toggle(c.name, e.currentTarget.checked)} aria-label={`Send figures of ${c.name}`} />
                        <HealthCard camera={f.errors && error ? c : rest} />
                    </label>
                );
            })}
            {f.all.cameras.some((c) => c.error) && <label class="check"><input type="checkbox" checked={f.errors} onChange={(e) => f.setErrors(e.currentTarget.checked)} /> <span>With the cameras' error messages, addresses taken out</span></label>}
            {f.health && <details><summary>Exactly this is sent</summary><pre class="exact">{JSON.stringify(f.health, null, 2)}</pre></details>}
        </fieldset>
    );
}

function OpenTicket({ onClose }: { onClose: () => void }) {
    const [subject, setSubject] = useState("");
    const [words, setWords] = useState("");
    const figures = useFigures();
    const { busy, error, run } = useAction();
    const submit = (e: Event): void => {
        e.preventDefault();
        void run(async () => {
            const id = await client.openTicket(subject, words, figures.health);
            await loadTickets();
            onClose();
            location.hash = `#/support/${id}`;
        });
    };
    return (
        <Dialog title={`Write to ${desk.value?.name ?? "the support desk"}`} onClose={onClose}>
            <form onSubmit={submit}>
                <Field label="What is it about?" name="subject" value={subject} maxLength={120} placeholder="The porch camera stutters" onInput={(e) => setSubject(e.currentTarget.value.replaceAll("\n", " "))} required />
                <Field label="Tell more">{(i) => <textarea id={i} name="words" rows={4} maxLength={4000} value={words} placeholder="Since when, and what you have tried" onInput={(e) => setWords(e.currentTarget.value)} />}</Field>
                <Figures f={figures} />
                {error && <Message kind="bad">{error}</Message>}
                <div class="actions">
                    <Button look="quiet" onClick={onClose}>Cancel</Button>
                    <Button look="main" type="submit" busy={busy} disabled={!subject.trim()}>{figures.health ? "Send words and figures" : "Send"}</Button>
                </div>
            </form>
        </Dialog>
    );
}

/* ---- one ticket ---- */

function TicketPage({ id }: { id: string }) {
    const { thread, problem } = useThread(id, client.ticket);
    const [closing, setClosing] = useState(false);
    const [sending, setSending] = useState(false);
    useEffect(() => {
        if (desk.value === undefined) void loadTickets();
    }, []);
    const open = thread?.said.find((s) => s.message?.kind === "open")?.message;
    const requests = thread ? requestsOf(thread.said) : [];
    const waiting = thread?.state === "open" ? requests.filter((r) => !r.answer) : [];
    return (
        <Page title={open ? subjectOf(open.text!).subject : "Ticket"} actions={thread && (
            <>
                <span class={`pill ${thread.state === "open" ? "good" : ""}`}>{thread.state === "open" ? "Open" : "Closed"}</span>
                {thread.state === "open" && <Button look="quiet" onClick={() => setClosing(true)}>Close it</Button>}
            </>
        )}>
            <a class="link support-back" href="#/support"><Icon name="back" /> Support</a>
            {problem && <Message kind="warn" title="The ticket could not be read">{sentence(problem)}</Message>}
            {!thread?.former && waiting.map((r) => <RequestCard key={r.request.id} asked={r} ticket={id} />)}
            {thread && (
                <section class="card" aria-label="Conversation">
                    <ol class="thread">{thread.said.map((s) => <Line key={s.n} said={s} />)}</ol>
                    {thread.state === "open" && thread.former ? (
                        <Message kind="warn" title="Your home has got new keys since">The desk knows this ticket by the former ones, and cannot tell that what you write now is from you. <a class="link" href="#/support">Open a new ticket</a> if something is left, and close this one.</Message>
                    ) : thread.state === "open" ? <Answer id={id} onFigures={() => setSending(true)} /> : <p class="muted">This ticket is closed. What ran under it has ended; <a class="link" href="#/support">open another</a> if something is left.</p>}
                </section>
            )}
            {requests.some((r) => r.answer?.kind === "answer") && <p class="muted support-foot"><Icon name="eye" /> <span>What they looked at, and when, is in <a href="#/looked">Who looked?</a></span></p>}
            {closing && (
                <Confirm title="Close this ticket?" action="Close it" onDone={async () => { await client.closeTicket(id); await loadTickets(); }} onClose={() => setClosing(false)}>
                    <p>Whatever the desk may still see under it ends at once. You can read it later, and open another.</p>
                </Confirm>
            )}
            {sending && <SendFigures id={id} onClose={() => setSending(false)} />}
        </Page>
    );
}

function Line({ said }: { said: Said }) {
    const m = said.message;
    const who = said.from === "household" ? "You" : said.agent ? `Agent ${said.agent.number}, ${said.agent.name}` : "The desk";
    return (
        <li class={`said ${said.from === "household" ? "mine" : ""} k-${m?.kind ?? "bad"}`}>
            <small class="muted num">{who} · {whenTime(said.at)}</small>
            {said.problem ? <p class="said-bad" role="alert"><Icon name="warn" /> Not shown, since it proves nothing: {said.problem}</p> : <Content said={said} />}
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
        case "health": return <details class="said-health"><summary>Health figures of {m.health!.cameras.length === 1 ? m.health!.cameras[0]!.name : `${m.health!.cameras.length} cameras`}</summary><div class="health-cards">{m.health!.cameras.map((c) => <HealthCard key={c.name} camera={c} />)}</div></details>;
        case "request": return <p class="said-note"><Icon name="eye" /> Asked to see {wordsOf(m.request!)}: “{m.request!.reason}”</p>;
        case "answer": return <p class="said-note good"><Icon name="check" /> Allowed{m.request ? `: ${wordsOf(m.request)}` : ""}</p>;
        case "refuse": return <p class="said-note"><Icon name="close" /> Refused{m.text ? `: “${m.text}”` : ""}</p>;
        case "close": return <p class="said-note"><Icon name="lock" /> Closed the ticket{m.text ? `: “${m.text}”` : ""}</p>;
    }
}

const wordsOf = (r: TicketRequest): string => {
    const cameras = r.cameras.join(", ").replace(/, ([^,]+)$/, " and $1");
    return r.live_minutes ? `${cameras} live for ${r.live_minutes} minutes` : `${cameras}, ${rangeTime(r.from!, r.to!)}`;
};

function Answer({ id, onFigures }: { id: string; onFigures: () => void }) {
    const [words, setWords] = useState("");
    const { busy, error, run } = useAction();
    const send = (): void => void run(async () => {
        await client.sayInTicket(id, words.trim());
        setWords("");
    });
    return (
        <form class="answer" onSubmit={(e) => { e.preventDefault(); if (words.trim()) send(); }}>
            <Field label="Your answer">{(i) => <textarea id={i} name="answer" rows={3} maxLength={4000} value={words} onInput={(e) => setWords(e.currentTarget.value)} onKeyDown={(e) => { if (e.key === "Enter" && (e.ctrlKey || e.metaKey) && words.trim()) send(); }} />}</Field>
            {error && <Message kind="bad">{error}</Message>}
            <div class="actions spread"><Button icon="pulse" onClick={onFigures}>Send figures</Button><Button look="main" type="submit" busy={busy} disabled={!words.trim()}>Send</Button></div>
        </form>
    );
}

function SendFigures({ id, onClose }: { id: string; onClose: () => void }) {
    const figures = useFigures();
    const { busy, error, run } = useAction();
    return (
        <Dialog title="Send health figures" onClose={onClose}>
            <form onSubmit={(e) => { e.preventDefault(); void run(async () => { await client.sendHealth(id, figures.health!); say("The figures are sent"); onClose(); }); }}>
                <Figures f={figures} />
                {error && <Message kind="bad">{error}</Message>}
                <div class="actions"><Button look="quiet" onClick={onClose}>Cancel</Button><Button look="main" type="submit" busy={busy} disabled={!figures.health}>Send these</Button></div>
            </form>
        </Dialog>
    );
}

/* ---- a request: who, what, why; less of it with a tap; yes or no ---- */

const MINUTES = [1, 2, 5, 10, 15, 30, 60];

function RequestCard({ asked, ticket }: { asked: Asked; ticket: string }) {
    const { request, said } = asked;
    const mine = household.value?.cameras ?? [];
    const meant = mine.filter((c) => request.cameras.includes(c.profile.name));
    const unknown = request.cameras.filter((n) => !mine.some((c) => c.profile.name === n));
    const [agent, setAgent] = useState<Agent | null>(null);
    const [bad, setBad] = useState<string | null>(null);
    const [cameras, setCameras] = useState(meant.map((c) => c.id));
    const [minutes, setMinutes] = useState(request.live_minutes ?? 0);
    const [refusing, setRefusing] = useState(false);
    const { busy, error, run } = useAction();
    useEffect(() => void client.verifyAgent(said).then(setAgent, (e) => setBad(messageOf(e))), []);
    const live = request.live_minutes !== undefined;
    const choices = [...new Set([...MINUTES.filter((m) => m < request.live_minutes!), request.live_minutes!])];
    const allow = (): void => void run(async () => {
        const what: Approval = live ? { cameras, live_minutes: minutes } : { cameras, from: request.from!, to: Math.min(request.to!, Math.floor(now())) };
        await client.approveRequest(ticket, request, said, what);
        say(live ? "Allowed. You see above when they look, and can end it." : "Allowed. Each look is in “Who looked?”.");
        await loadTickets();
    });
    const names = request.cameras.join(", ").replace(/, ([^,]+)$/, " and $1");
    return (
        <section class="card request-card" aria-label="Request">
            <div class="request-who">
                <span class="request-badge" aria-hidden="true"><Icon name="person" /></span>
                <div>
                    <h2>{said.agent ? `${said.agent.name}, agent ${said.agent.number},` : "Somebody"} asks to see {names}</h2>
                    {agent && <p class="proven"><Icon name="check" /> Certified by {agent.provider} on {dayName(agent.since)}, as the public log says (entry {agent.entry})</p>}
                    {!agent && !bad && <p class="desk-wait" role="status"><span class="spinner" aria-hidden="true" /> Checking who that is</p>}
                </div>
            </div>
            {bad && <Message kind="bad" title="Do not allow this">{sentence(bad)}</Message>}
            <blockquote class="request-why">{request.reason}</blockquote>
            {!live && <p><strong>Recorded:</strong> <span class="num">{rangeTime(request.from!, request.to!)}</span></p>}
            {meant.length > 1 && (
                <fieldset><legend>Which cameras</legend>
                    <div class="chips">{meant.map((c) => {
                        const on = cameras.includes(c.id);
                        return <button type="button" key={c.id} class={`chip ${on ? "on" : ""}`} aria-pressed={on} onClick={() => setCameras(on ? cameras.filter((x) => x !== c.id) : [...cameras, c.id])}>{c.profile.name}{c.profile.indoor ? " · indoors" : ""}</button>;
                    })}</div>
                </fieldset>
            )}
            {live && (
                <fieldset><legend>For how long, live</legend>
                    <div class="segmented" role="radiogroup" aria-label="Minutes">
                        {choices.map((m) => <label key={m} class={minutes === m ? "on" : ""}><input type="radio" name={`minutes-${request.id}`} value={m} checked={minutes === m} onChange={() => setMinutes(m)} />{m} min</label>)}
                    </div>
                </fieldset>
            )}
            {meant.some((c) => c.profile.indoor && cameras.includes(c.id)) && <Message kind="warn">A camera indoors is among them.</Message>}
            {unknown.length > 0 && <Message kind="warn">Your home has no camera named {unknown.join(", ")}.</Message>}
            {error && <Message kind="bad">{error}</Message>}
            <div class="actions">
                <Button onClick={() => setRefusing(true)} disabled={busy}>Refuse</Button>
                <Button look="main" icon="eye" busy={busy} disabled={!agent || cameras.length === 0} onClick={allow}>{live ? `Allow ${minutes} min` : "Allow"}</Button>
            </div>
            {refusing && <Refuse ticket={ticket} request={request.id} onClose={() => setRefusing(false)} />}
        </section>
    );
}

function Refuse({ ticket, request, onClose }: { ticket: string; request: string; onClose: () => void }) {
    const [words, setWords] = useState("");
    const { busy, error, run } = useAction();
    return (
        <Dialog title="Refuse this request?" onClose={onClose}>
            <form onSubmit={(e) => { e.preventDefault(); void run(async () => { await client.refuseRequest(ticket, request, words.trim()); await loadTickets(); onClose(); }); }}>
                <p class="lead">They can ask again, and go on helping without a picture.</p>
                <Field label="Say why, if you like">{(i) => <textarea id={i} name="why" rows={2} maxLength={500} value={words} onInput={(e) => setWords(e.currentTarget.value)} />}</Field>
                {error && <Message kind="bad">{error}</Message>}
                <div class="actions"><Button look="quiet" onClick={onClose}>Back</Button><Button look="danger" type="submit" busy={busy}>Refuse</Button></div>
            </form>
        </Dialog>
    );
}
