/* What a link opens, for somebody without an account: asks for the password if there is one, says plainly what is wrong if
 * something is, and plays. */
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { backend, clockOffsetMs } from "../owner/backend.ts";
import { inspect } from "../owner/inspect.ts";
import { Button, Field, Icon, Logo, Message } from "../owner/ui.tsx";
import type { Remote } from "../shared/rpc.ts";
import { Show } from "./show.tsx";
import type { Answer, Shared, ShareClient } from "./worker.ts";

export const client = backend as unknown as Remote<ShareClient>;
inspect({ client });

type Refusal = Extract<Answer, { ok: false }>;
type State = { at: "opening" } | { at: "password"; wrong?: string } | { at: "refused"; why: Refusal } | { at: "open"; shared: Shared };
const state = signal<State>({ at: "opening" });
const DAMAGED: Refusal = { ok: false, password: false, again: false, title: "This link is damaged", text: "A part of it is missing or was changed. Copy the whole link, to its last letter, and open it again." };

export const ended = (why: Omit<Refusal, "ok" | "password">): void => void (state.value = { at: "refused", why: { ok: false, password: false, ...why } });

/* Browsers keep their cryptography from pages that came over an open line. */
const OPEN_LINE: Refusal = { ok: false, password: false, again: false, title: "This needs a safe connection", text: "The address begins with http://. Ask whoever sent you the link for one that begins with https://." };

async function begin(): Promise<void> {
    if (!isSecureContext) return void (state.value = { at: "refused", why: OPEN_LINE });
    const fragment = location.hash.slice(1);
    try {
        const { password, refused } = await client.ask(fragment);
        if (refused) return ended(refused);
        clockOffsetMs.value = await client.clock().catch(() => 0);
        if (password) state.value = { at: "password" };
        else await open("");
    } catch {
        state.value = { at: "refused", why: DAMAGED };
    }
}

async function open(password: string): Promise<void> {
    const answer = await client.open(location.hash.slice(1), password);
    if (answer.ok) state.value = { at: "open", shared: answer.shared };
    /* What the vault calls another signature is a wrong password, to whoever typed one. */
    else if (answer.password && answer.wrong) state.value = { at: "password", wrong: "That is not the password. Ask whoever sent you the link; it is not part of the link." };
    else if (answer.password && answer.again) state.value = { at: "password", wrong: `${answer.title}. ${answer.text}` };
    else state.value = { at: "refused", why: answer };
}

addEventListener("hashchange", () => location.reload());
void begin();

export function Share() {
    const s = state.value;
    if (s.at === "open") return <Show shared={s.shared} />;
    if (s.at === "opening") return <main class="door quiet" aria-busy="true"><Logo /></main>;
    if (s.at === "password") return <Password wrong={s.wrong} />;
    return (
        <Door title={s.why.title}>
            <p class="lead">{s.why.text}</p>
            {s.why.again && <Button look="main" onClick={() => location.reload()}>Try again</Button>}
        </Door>
    );
}

function Door({ title, children }: { title: string; children: ComponentChildren }) {
    useEffect(() => {
        document.title = `${title} · Cardea`;
    }, [title]);
    return (
        <main class="door">
            <div class="door-card">
                <div class="brand"><Logo /><span>Cardea</span></div>
                <h1>{title}</h1>
                {children}
            </div>
            <p class="door-foot"><Icon name="lock" /> What is shared is opened on this device, and nowhere else.</p>
        </main>
    );
}

function Password({ wrong }: { wrong: string | undefined }) {
    const [typed, setTyped] = useState("");
    const [busy, setBusy] = useState(false);
    const submit = (e: Event): void => {
        e.preventDefault();
        setBusy(true);
        void open(typed).finally(() => setBusy(false));
    };
    return (
        <Door title="This share has a password">
            <p class="lead">Whoever sent you the link chose one, and has told it to you by another way.</p>
            <form onSubmit={submit} aria-busy={busy}>
                <Field label="Password" name="password" type="password" value={typed} autocomplete="off" onInput={(e) => setTyped(e.currentTarget.value)} required />
                {wrong && !busy && <Message kind="bad">{wrong}</Message>}
                <Button look="main" type="submit" class="wide" busy={busy} disabled={!typed}>Open it</Button>
                <p class="working" role="status">{busy ? "Turning the password into a key. This takes a second on purpose." : ""}</p>
            </form>
        </Door>
    );
}
