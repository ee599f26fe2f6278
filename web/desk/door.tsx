/* Before the desk is open: signing in with two factors, joining by an invitation, waiting to be certified. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Qr } from "../owner/qr.tsx";
import { strength, StrengthHint } from "../owner/strength.tsx";
import { Button, Field, Icon, Logo, Message, sentence, useAction, useReturn } from "../owner/ui.tsx";
import { client, enter, phase, provider, type Pending, type Phase } from "./state.ts";
import { hasWebauthn, makeKey, useKey } from "./webauthn.ts";

type At<K extends Phase["at"]> = Extract<Phase, { at: K }>;

export function DoorFrame({ title, lead, children }: { title: string; lead?: ComponentChildren; children?: ComponentChildren }) {
    useEffect(() => {
        document.title = `${title} · Support desk`;
    }, [title]);
    return (
        <main class="door">
            <div class="door-card">
                <div class="brand"><Logo /><span>Cardea <em class="desk-word">support desk</em></span></div>
                <h1>{title}</h1>
                {lead && <p class="lead">{lead}</p>}
                {children}
            </div>
            <p class="door-foot"><Icon name="eye" /> What you open here is logged in public, and its owner sees it at once.</p>
        </main>
    );
}

export function SignIn() {
    const [login, setLogin] = useState("");
    const [passphrase, setPassphrase] = useState("");
    const { busy, error, run } = useAction();
    const submit = (e: Event): void => {
        e.preventDefault();
        void run(async () => {
            const asked = await client.signIn(login.trim(), passphrase);
            if (asked) phase.value = { at: "code", asked, pending: null };
            else await enter({ login: login.trim(), passphrase, code: "" });
        });
    };
    return (
        <DoorFrame title="Sign in" lead={provider.value.name ? <>You work for <strong>{provider.value.name}</strong>.</> : undefined}>
            <form onSubmit={submit} aria-busy={busy}>
                <Field label="Sign-in name" name="login" value={login} autocomplete="username" autocapitalize="none" onInput={(e) => setLogin(e.currentTarget.value)} required />
                <Field label="Passphrase" name="passphrase" type="password" value={passphrase} autocomplete="current-password" onInput={(e) => setPassphrase(e.currentTarget.value)} required />
                {error && <Message kind="bad">{error}</Message>}
                <Button look="main" type="submit" class="wide" busy={busy} disabled={!login.trim() || !passphrase}>Continue</Button>
                <p class="working" role="status">{busy ? "Turning the passphrase into a key. This takes a second on purpose." : ""}</p>
            </form>
            <p class="aside"><button type="button" class="link" onClick={() => (phase.value = { at: "signup" })}>I have an invitation code</button></p>
        </DoorFrame>
    );
}

export function Code({ asked, pending }: At<"code">) {
    const [code, setCode] = useState("");
    const { busy, error, run, setError } = useAction();
    const ways = useReturn<HTMLDivElement>({ busy, error }, "input, button");
    useEffect(() => ways.current?.querySelector("input")?.focus(), []);
    const totp = asked.factors.includes("totp");
    const key = asked.factors.includes("webauthn") && hasWebauthn();
    const done = async (again: typeof asked | null): Promise<void> => {
        if (!again) return enter(pending);
        phase.value = { at: "code", asked: again, pending };
        setCode("");
        setError(sentence(again.message));
    };
    const submit = (e: Event): void => {
        e.preventDefault();
        void run(async () => done(await client.prove({ totp: code.replaceAll(" ", "") })));
    };
    return (
        <DoorFrame title="Your second factor" lead={!totp ? "Touch the security key of this account." : pending ? "Wait for your app's next code: each can be used once." : "The six digits that your app shows now."}>
            <div class="desk-ways" ref={ways}>
                {totp && (
                    <form onSubmit={submit}>
                        <Field label="Code">{(id) => <input id={id} name="code" class="code-input" inputMode="numeric" autocomplete="one-time-code" maxLength={7} value={code} onInput={(e) => setCode(e.currentTarget.value)} required />}</Field>
                        {error && <Message kind="bad">{error}</Message>}
                        <Button look="main" type="submit" class="wide" busy={busy} disabled={code.replaceAll(" ", "").length !== 6}>Sign in</Button>
                    </form>
                )}
                {key && <Button look={totp ? "plain" : "main"} icon="key" class="wide" busy={busy} onClick={() => void run(async () => done(await client.prove({ webauthn: await useKey(asked) })))}>Use a security key</Button>}
                {!totp && !key && <Message kind="warn">This account has a security key alone, and this address cannot use one. Open the portal under the name that the key was made for.</Message>}
                {!totp && error && <Message kind="bad">{error}</Message>}
            </div>
            <p class="aside"><button type="button" class="link" onClick={() => (phase.value = { at: "signin" })}>Start over</button></p>
        </DoorFrame>
    );
}

export function SignUp() {
    const [form, setForm] = useState({ code: "", login: "", passphrase: "" });
    const { busy, error, run } = useAction();
    const judged = strength(form.passphrase, form.login);
    const set = (name: keyof typeof form) => (e: { currentTarget: HTMLInputElement }) => setForm({ ...form, [name]: e.currentTarget.value });
    const submit = (e: Event): void => {
        e.preventDefault();
        void run(async () => {
            const then: Pending = { login: form.login.trim(), passphrase: form.passphrase, code: form.code.trim() };
            const words = await client.signUp(then.login, then.passphrase, then.code);
            phase.value = { at: "words", words, then };
        });
    };
    return (
        <DoorFrame title="Join the desk" lead="You were given a code of sixteen letters and digits. It works once.">
            <form onSubmit={submit} aria-busy={busy}>
                <Field label="Invitation code" name="invitation" value={form.code} autocomplete="off" autocapitalize="characters" spellcheck={false} placeholder="XXXX-XXXX-XXXX-XXXX" onInput={set("code")} required />
                <Field label="Sign-in name" name="login" value={form.login} autocomplete="username" autocapitalize="none" onInput={set("login")} required hint="For work alone. Owners never see it." />
                <Field label="Passphrase" name="passphrase" type="password" value={form.passphrase} autocomplete="new-password" onInput={set("passphrase")} hint={<StrengthHint value={judged} />} required />
                {error && <Message kind="bad">{error}</Message>}
                <Button look="main" type="submit" class="wide" busy={busy} disabled={!form.code.trim() || !form.login.trim() || !judged.ok}>Continue</Button>
            </form>
            <p class="aside"><button type="button" class="link" onClick={() => (phase.value = { at: "signin" })}>I have an account</button></p>
        </DoorFrame>
    );
}

/* Shown once. There is no file of it to be saved: a portal saves nothing. */
export function Words({ words, then }: At<"words">) {
    const [kept, setKept] = useState(false);
    return (
        <DoorFrame title="Write these down" lead="Twelve words open your account if you forget the passphrase. They are shown this once.">
            <ol class="words" aria-label="Recovery words">{words.map((w) => <li key={w}><code>{w}</code></li>)}</ol>
            <label class="check"><input type="checkbox" name="kept" checked={kept} onChange={(e) => setKept(e.currentTarget.checked)} /> <span>I have them on paper</span></label>
            <Button look="main" class="wide" disabled={!kept} onClick={() => (phase.value = { at: "factor", pending: then })}>Continue</Button>
        </DoorFrame>
    );
}

export function NewFactor({ pending }: At<"factor">) {
    const [made, setMade] = useState<{ secret: string; pending: string; uri: string } | null>(null);
    const [code, setCode] = useState("");
    const { busy, error, run } = useAction();
    const form = useReturn<HTMLFormElement>({ busy, error });
    const again = async (): Promise<void> => {
        const asked = await client.signIn(pending.login, pending.passphrase);
        if (asked) phase.value = { at: "code", asked, pending };
    };
    const confirm = (e: Event): void => {
        e.preventDefault();
        void run(async () => {
            await client.totpConfirm(made!.pending, code.replaceAll(" ", ""));
            await again();
        });
    };
    if (made)
        return (
            <DoorFrame title="Scan it with your app" lead="Any authenticator app will do. Then type the code that it shows.">
                <div class="desk-qr"><Qr text={made.uri} label="The secret for your authenticator app" /></div>
                <details><summary>Type it instead</summary><code class="desk-secret">{made.secret.match(/.{1,4}/g)!.join(" ")}</code></details>
                <form ref={form} onSubmit={confirm}>
                    <Field label="Code">{(id) => <input id={id} name="code" class="code-input" inputMode="numeric" autocomplete="one-time-code" maxLength={7} value={code} onInput={(e) => setCode(e.currentTarget.value)} required />}</Field>
                    {error && <Message kind="bad">{error}</Message>}
                    <Button look="main" type="submit" class="wide" busy={busy} disabled={code.replaceAll(" ", "").length !== 6}>Confirm</Button>
                </form>
            </DoorFrame>
        );
    return (
        <DoorFrame title="A second factor" lead="Nobody works here with a passphrase alone: who learned yours must not be able to ask an owner for their porch.">
            <Button look="main" icon="phone" class="wide" busy={busy} onClick={() => void run(async () => setMade(await client.totpBegin(pending.passphrase)))}>Use an authenticator app</Button>
            {hasWebauthn() && (
                <Button icon="key" class="wide" busy={busy} onClick={() => void run(async () => {
                    await client.webauthnFinish(await makeKey(await client.webauthnBegin(pending.passphrase), pending.login));
                    await again();
                })}>Use a security key</Button>
            )}
            {error && <Message kind="bad">{error}</Message>}
        </DoorFrame>
    );
}

const Fingerprint = ({ of }: { of: string }) => <p class="desk-print"><small class="muted">Your key</small><code>{of}</code></p>;

export function Asking({ fingerprint, message }: At<"asking">) {
    const [code, setCode] = useState("");
    const { busy, error, run } = useAction();
    return (
        <DoorFrame title="Not one of the desk" lead={/revoked|expired/.test(message) ? `${message}. Speak with whoever runs the desk; with a new invitation you go on here.` : "This account belongs to nobody on the staff yet. With an invitation it will."}>
            <form onSubmit={(e) => { e.preventDefault(); void run(async () => { await client.ask(code); await enter(null); }); }}>
                <Field label="Invitation code" name="invitation" value={code} autocomplete="off" spellcheck={false} placeholder="XXXX-XXXX-XXXX-XXXX" onInput={(e) => setCode(e.currentTarget.value)} required />
                {error && <Message kind="bad">{error}</Message>}
                <Button look="main" type="submit" class="wide" busy={busy} disabled={!code.trim()}>Take it</Button>
            </form>
            <Fingerprint of={fingerprint} />
            <SignOut />
        </DoorFrame>
    );
}

const ASK_MS = 3000;
export function Waiting({ fingerprint }: At<"waiting">) {
    useEffect(() => {
        const timer = setInterval(() => void enter(null).catch(() => undefined), ASK_MS);
        return () => clearInterval(timer);
    }, []);
    return (
        <DoorFrame title="Waiting to be certified" lead={<>Whoever runs the desk signs your key, and this page goes on by itself. They compare it first: read it to them.</>}>
            <Fingerprint of={fingerprint} />
            <p class="desk-wait" role="status"><span class="spinner" aria-hidden="true" /> Asking every few seconds</p>
            <SignOut />
        </DoorFrame>
    );
}

const SignOut = () => <p class="aside"><button type="button" class="link" onClick={() => void client.signOut().then(() => (phase.value = { at: "signin" }))}>Sign out</button></p>;
