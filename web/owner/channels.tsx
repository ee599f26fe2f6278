/* Whom to tell: this device by push, and MQTT, webhooks, e-mail, ntfy; each with its state and a test. */
import { useSignal } from "@preact/signals";
import { useState } from "preact/hooks";
import { messageOf } from "../shared/errors.ts";
import type { Channel, SeeState } from "../shared/seeing.ts";
import { ago } from "./format.ts";
import { canPush, pushHere, pushOff, thisDevice } from "./push.ts";
import { attempt, tell } from "./seeing.ts";
import { command, say } from "./state.ts";
import { Button, Confirm, Dialog, Field, Icon, Message, Switch, sentence, useAction, type IconName } from "./ui.tsx";

type Kind = Channel["kind"];
const KINDS: Record<Kind, { name: string; icon: IconName; about: string }> = {
    webpush: { name: "This device", icon: "phone", about: "A notification with its picture, sealed for this browser alone." },
    ntfy: { name: "ntfy", icon: "bell", about: "The ntfy app on your phone, by a topic of a server you choose." },
    smtp: { name: "E-mail", icon: "mail", about: "A message with the picture, by your own mail account." },
    mqtt: { name: "MQTT, Home Assistant", icon: "hub", about: "Sensors for each camera, found by Home Assistant by itself." },
    webhook: { name: "Webhook", icon: "link", about: "A signed JSON request to an address of yours." },
};

export function Channels({ state }: { state: SeeState }) {
    const [adding, setAdding] = useState<Kind | null>(null);
    return (
        <div class="channels">
            <ThisDevice state={state} />
            {state.channels.length > 0 && <ul class="channel-list" aria-label="Channels">{state.channels.map((c) => <ChannelCard key={c.id} channel={c} />)}</ul>}
            <section class="card">
                <h2>Tell somebody else</h2>
                <div class="kinds">
                    {(Object.keys(KINDS) as Kind[]).filter((k) => k !== "webpush").map((k) => (
                        <button type="button" class="kind" key={k} onClick={() => setAdding(k)}>
                            <Icon name={KINDS[k].icon} /><span><strong>{KINDS[k].name}</strong><small>{KINDS[k].about}</small></span>
                        </button>
                    ))}
                </div>
            </section>
            {adding && <Add kind={adding} onClose={() => setAdding(null)} />}
        </div>
    );
}

function ThisDevice({ state }: { state: SeeState }) {
    const { busy, error, run } = useAction();
    const here = thisDevice(state.channels);
    const cannot = canPush();
    return (
        <section class={`card device ${here ? "on" : ""}`}>
            <div class="device-words">
                <span class="device-icon"><Icon name="phone" /></span>
                <div>
                    <h2>{here ? "This device is told" : "Tell this device"}</h2>
                    <p class="muted">{here ? `As “${here.name}”. Only this browser can read what is sent; the push service in between cannot.`
                        : cannot ?? "A notification with the picture, a second after somebody comes. Only this browser can read it; the push service in between cannot."}</p>
                </div>
            </div>
            {error && <Message kind="bad">{error}</Message>}
            <div class="actions start">
                {here ? <Button busy={busy} onClick={() => void run(() => pushOff(here))}>Turn off here</Button>
                    : <Button look="main" icon="bell" busy={busy} disabled={cannot !== null} onClick={() => void run(pushHere)}>Turn on notifications</Button>}
            </div>
        </section>
    );
}

/* How a channel does, in words; `failing` since when, and what is being done about it. */
export function stateOf(c: Channel): { look: string; text: string; more: string | null } {
    if (c.on === false) return { look: "", text: "Off", more: null };
    const waiting = c.waiting ? `${c.waiting} waiting` : null;
    if (!c.state || c.state === "ok" || c.state === "ready" || c.state === "connected") return { look: "good", text: "Works", more: waiting };
    if (c.state === "new") return { look: "", text: "Not tried yet", more: null };
    const since = c.since ? `Since ${ago(c.since)}.` : null;
    const more = [c.message ? sentence(c.message) : null, since, waiting && `${waiting}; each is tried again for 24 h.`].filter(Boolean).join(" ") || null;
    if (c.state === "gone") return { look: "bad", text: "Ended", more };
    return { look: "warn", text: "Trying again", more };
}

const targetOf = (c: Channel): string | null => {
    const settings = c.settings ?? {};
    for (const key of ["to", "url", "host"]) {
        const v = settings[key];
        /* A topic or a hook's address is a secret of its own: its host says enough. */
        if (typeof v === "string" && v !== "") return key === "url" ? v.replace(/^(\w+:\/\/[^/]+).*$/, "$1") : v;
    }
    return null;
};

function ChannelCard({ channel: c }: { channel: Channel }) {
    const s = stateOf(c);
    const kind = KINDS[c.kind];
    const test = useSignal<{ busy: boolean; said: string | null; bad: boolean }>({ busy: false, said: null, bad: false });
    const [removing, setRemoving] = useState(false);
    const run = async (): Promise<void> => {
        test.value = { busy: true, said: null, bad: false };
        try {
            const r = await command<{ message?: string; said?: string } | string>("notify.test", { id: c.id });
            const said = typeof r === "string" ? r : (r.said ?? r.message ?? "it was taken");
            test.value = { busy: false, said, bad: false };
        } catch (e) {
            test.value = { busy: false, said: messageOf(e), bad: true };
        }
    };
    const set = async (on: boolean): Promise<void> => {
        if (await attempt(tell("notify.set", { id: c.id, on }))) say(on ? `${c.name} is told again` : `${c.name} is not told until you switch it on`, "info", () => void attempt(tell("notify.set", { id: c.id, on: !on })));
    };
    return (
        <li class={`card channel ${c.on === false ? "off" : ""}`}>
            <span class="channel-icon"><Icon name={kind?.icon ?? "bell"} /></span>
            <div class="channel-words">
                <strong>{c.name}</strong>
                <small class="muted">{kind?.name ?? c.kind}{targetOf(c) && c.kind !== "webpush" ? ` · ${targetOf(c)}` : ""}</small>
            </div>
            <span class={`pill ${s.look}`}>{s.text}</span>
            <div class="channel-do">
                <Button look="quiet" aria-label={c.on === false ? `Switch ${c.name} on` : `Switch ${c.name} off`} onClick={() => void set(c.on === false)}>{c.on === false ? "Switch on" : "Switch off"}</Button>
                <Button busy={test.value.busy} disabled={c.on === false} onClick={() => void run()}>Test</Button>
                <Button look="quiet" icon="trash" aria-label={`Remove ${c.name}`} onClick={() => setRemoving(true)} />
            </div>
            {(s.more || test.value.said) && (
                <div class="channel-more">
                    {s.more && <small class={s.look === "bad" ? "bad-text" : "muted"}>{s.more}</small>}
                    {test.value.said && <Message kind={test.value.bad ? "bad" : "good"} title={test.value.bad ? "It was not taken" : "Sent"}>{sentence(test.value.said)}</Message>}
                </div>
            )}
            {removing && (
                <Confirm title={`Remove “${c.name}”?`} action="Remove" onClose={() => setRemoving(false)} onDone={async () => {
                    await tell("notify.remove", { id: c.id });
                    say(`${c.name} is not told any more`);
                }}><p>Alerts that still wait for it are dropped. Its address and password are deleted on the hub.</p></Confirm>
            )}
        </li>
    );
}

interface FieldOf {
    key: string;
    label: string;
    type?: "text" | "password" | "number" | "url" | "email";
    hint?: string;
    placeholder?: string;
    optional?: boolean;
    value?: string;
}
const FIELDS: Record<Exclude<Kind, "webpush">, FieldOf[]> = {
    mqtt: [
        { key: "host", label: "Broker", placeholder: "homeassistant.local" }, { key: "port", label: "Port", type: "number", value: "1883" },
        { key: "user", label: "User", optional: true }, { key: "password", label: "Password", type: "password", optional: true },
        { key: "prefix", label: "Topic prefix", value: "cardea", hint: "Sensors appear in Home Assistant by themselves." },
    ],
    webhook: [
        { key: "url", label: "Address", type: "url", placeholder: "https://example.org/cardea" },
        { key: "secret", label: "Secret", type: "password", optional: true, hint: "Each request is signed with it (Cardea-Signature). Leave it empty, and the hub makes one." },
    ],
    smtp: [
        { key: "url", label: "Mail server", type: "url", placeholder: "smtps://mail.example.org" },
        { key: "user", label: "User", optional: true }, { key: "password", label: "Password", type: "password", optional: true },
        { key: "from", label: "From", type: "email", placeholder: "cardea@example.org" }, { key: "to", label: "To", type: "email", placeholder: "you@example.org" },
    ],
    ntfy: [
        { key: "url", label: "Server and topic", type: "url", placeholder: "https://ntfy.example.org/a-topic-nobody-guesses", hint: "Whoever knows the topic reads it: choose one that nobody guesses." },
        { key: "token", label: "Access token", type: "password", optional: true },
    ],
};

function Add({ kind, onClose }: { kind: Kind; onClose: () => void }) {
    const fields = FIELDS[kind as Exclude<Kind, "webpush">];
    const [form, setForm] = useState<Record<string, string>>({ name: KINDS[kind].name.split(",")[0]!, ...Object.fromEntries(fields.map((f) => [f.key, f.value ?? ""])) });
    const [tls, setTls] = useState(false);
    const [made, setMade] = useState<string | null>(null);
    const { busy, error, run } = useAction();
    const complete = form["name"]!.trim() !== "" && fields.every((f) => f.optional || form[f.key]!.trim() !== "");
    const submit = (e: Event): void => {
        e.preventDefault();
        void run(async () => {
            const settings: Record<string, unknown> = { kind, name: form["name"]!.trim() };
            for (const f of fields) {
                const v = form[f.key]!.trim();
                if (v !== "") settings[f.key] = f.type === "number" ? Number(v) : v;
            }
            if (kind === "mqtt") settings["tls"] = tls;
            const { id, secret } = await tell<{ id: string; secret?: string }>("notify.add", settings);
            if (secret) setMade(secret);
            else onClose();
            say(`${form["name"]} is added; sending it a test…`);
            await attempt(command("notify.test", { id }).then(() => say(`${form["name"]} took the test`)));
        });
    };
    if (made) {
        return (
            <Dialog title="The webhook's secret" onClose={onClose}>
                <p class="lead">The hub made it and shows it this once. Give it to what receives the requests, so that it can check them.</p>
                <code class="secret">{made}</code>
                <div class="actions"><Button onClick={() => void navigator.clipboard.writeText(made).then(() => say("Copied"))}>Copy</Button><Button look="main" onClick={onClose}>Done</Button></div>
            </Dialog>
        );
    }
    return (
        <Dialog title={KINDS[kind].name} onClose={onClose}>
            <form onSubmit={submit}>
                <p class="lead">{KINDS[kind].about} What you enter goes to the hub, sealed, and lies there alone.</p>
                <Field label="Name" name="channel-name" value={form["name"]} maxLength={80} onInput={(e) => setForm({ ...form, name: e.currentTarget.value })} required />
                <div class={fields.length > 2 ? "two" : "stack wide"}>
                    {fields.map((f) => (
                        <Field key={f.key} label={f.optional ? `${f.label} (if needed)` : f.label} name={`channel-${f.key}`} type={f.type ?? "text"} value={form[f.key]} hint={f.hint} placeholder={f.placeholder}
                            autocomplete="off" autocapitalize="none" spellcheck={false} onInput={(e) => setForm({ ...form, [f.key]: e.currentTarget.value })} required={!f.optional} />
                    ))}
                </div>
                {kind === "mqtt" && <Switch label="TLS" hint="The broker's certificate is checked." checked={tls} onChange={(v) => (setTls(v), setForm({ ...form, port: v && form["port"] === "1883" ? "8883" : !v && form["port"] === "8883" ? "1883" : form["port"]! }))} />}
                {error && <Message kind="bad">{error}</Message>}
                <div class="actions">
                    <Button look="quiet" onClick={onClose}>Cancel</Button>
                    <Button look="main" type="submit" busy={busy} disabled={!complete}>Add and test</Button>
                </div>
            </form>
        </Dialog>
    );
}
