/* Signing in: by passphrase and, where there is one, a second factor; by a passkey; with the help of a device that is signed in; and
 * coming back by the recovery code. */
import { useEffect, useState } from "preact/hooks";
import { CardeaError } from "../shared/errors.ts";
import type { FactorQuestion } from "../shared/signin.ts";
import { DoorFrame } from "./app.tsx";
import { lazy } from "./lazy.tsx";
import { client, goHome, joinCode, phase, setupCode, signedOut } from "./state.ts";
import { strength, StrengthHint } from "./strength.tsx";
import { Button, Field, Icon, Message, sentence, useAction, useReturn } from "./ui.tsx";
import { canUseKeys, canUsePasskeys, useKey, usePasskey } from "./webauthn.ts";

const AskDevice = lazy<{ stay: boolean; onBack: () => void }>(() => import("./letin.tsx").then((m) => m.AskDevice), true);

export function SignInPage() {
    const [login, setLogin] = useState("");
    const [passphrase, setPassphrase] = useState("");
    const [stay, setStay] = useState(true);
    const [question, setQuestion] = useState<FactorQuestion | null>(null);
    const [device, setDevice] = useState(false);
    const [passkeys, setPasskeys] = useState(false);
    const { busy, error, run, setError } = useAction();
    const key = useAction();
    useEffect(() => void canUsePasskeys().then(setPasskeys), []);
    const submit = (e: Event): void => {
        e.preventDefault();
        key.setError(null);
        void run(async () => {
            try {
                await client.signIn(login.trim(), passphrase, stay);
            } catch (problem) {
                if (!(problem instanceof CardeaError) || !problem.detail?.factor) throw problem;
                return setQuestion(problem.detail.factor);
            }
            await goHome();
        });
    };
    const byPasskey = (): void => {
        setError(null);
        void key.run(async () => {
            const { assertion, user, prf } = await usePasskey(await client.passkeyChallenge());
            if (!user || !prf) throw new CardeaError("unsupported", "That passkey, or this browser, cannot open your keys. Sign in with your passphrase.");
            await client.signInPasskey(assertion, user, prf, stay);
            await goHome();
        });
    };
    if (question) return <FactorStep question={question} stay={stay} onBack={() => { setQuestion(null); setPassphrase(""); }} />;
    if (device) return <AskDevice stay={stay} onBack={() => setDevice(false)} />;
    return (
        <DoorFrame title="Welcome back" lead={joinCode.value ? "Sign in, and the invitation is added to your account. What you have stays." : undefined}>
            {signedOut.value && <Message kind="warn" title="You were signed out">This session was ended on another device of yours, or it was not used for 30 days. What was kept on this device is erased.</Message>}
            <form onSubmit={submit}>
                <Field label="Sign-in name" name="login" value={login} autocomplete="username" autocapitalize="none" onInput={(e) => setLogin(e.currentTarget.value)} required />
                <Field label="Passphrase" name="passphrase" type="password" value={passphrase} autocomplete="current-password" onInput={(e) => setPassphrase(e.currentTarget.value)} required />
                <label class="check">
                    <input type="checkbox" checked={stay} onChange={(e) => setStay(e.currentTarget.checked)} /> <span>Stay signed in on this device</span>
                </label>
                {(error ?? key.error) && <Message kind="bad">{error ?? key.error}</Message>}
                <Button look="main" type="submit" class="wide" busy={busy} disabled={!login.trim() || !passphrase || key.busy}>Sign in</Button>
            </form>
            <div class="door-ways">
                {passkeys && <Button icon="face" class="wide" busy={key.busy} disabled={busy} onClick={byPasskey}>Sign in with a passkey</Button>}
                <Button icon="phone" class="wide" disabled={busy || key.busy} onClick={() => setDevice(true)}>Use a device that is signed in</Button>
            </div>
            <p class="aside">
                <button type="button" class="link" onClick={() => (phase.value = "recover")}>I forgot my passphrase</button>
                {joinCode.value && <button type="button" class="link" onClick={() => (phase.value = "join")}>Make a new account</button>}
                {setupCode.value && <button type="button" class="link" onClick={() => (phase.value = "first")}>Make a household</button>}
            </p>
        </DoorFrame>
    );
}

/* The passphrase was right: what else is asked for. */
function FactorStep({ question, stay, onBack }: { question: FactorQuestion; stay: boolean; onBack: () => void }) {
    const keys = question.factors.includes("webauthn");
    const codes = question.factors.includes("totp");
    const [asked, setAsked] = useState(question);
    const [code, setCode] = useState("");
    const { busy, error, run } = useAction();
    const key = useAction();
    const form = useReturn<HTMLFormElement>({ busy, error });
    const ways = useReturn<HTMLDivElement>(key, "button");
    useEffect(() => form.current?.querySelector("input")?.focus(), []);
    const prove = async (proof: Parameters<typeof client.signInFactor>[0]): Promise<void> => {
        try {
            await client.signInFactor(proof, stay);
        } catch (problem) {
            if (problem instanceof CardeaError && problem.detail?.factor) setAsked(problem.detail.factor); /* with a fresh challenge */
            setCode("");
            throw problem;
        }
        await goHome();
    };
    const submit = (e: Event): void => {
        e.preventDefault();
        key.setError(null);
        void run(() => prove({ totp: code.replaceAll(/\s/g, "") }));
    };
    const touch = (): void => void key.run(async () => prove({ webauthn: (await useKey(asked.challenge, asked.credentials)).assertion }));
    return (
        <DoorFrame title="One more step" lead={codes && keys ? "Your passphrase is right. Type a code of your authenticator app, or use a security key." : codes ? "Your passphrase is right. Now the code that your authenticator app shows." : "Your passphrase is right. Now your security key."}>
            {codes && (
                <form ref={form} onSubmit={submit}>
                    <Field label="Code" hint="Six digits, which change every half minute.">
                        {(id, described) => <input id={id} aria-describedby={described} class="code-input" name="code" inputMode="numeric" autocomplete="one-time-code" pattern="[0-9 ]*" maxLength={7} value={code} onInput={(e) => setCode(e.currentTarget.value)} required />}
                    </Field>
                    {error && <Message kind="bad">{error}</Message>}
                    <Button look="main" type="submit" class="wide" busy={busy} disabled={code.replaceAll(/\s/g, "").length !== 6 || key.busy}>Sign in</Button>
                </form>
            )}
            {keys && (
                <div class="door-ways" ref={ways}>
                    {canUseKeys() ? (
                        <Button look={codes ? "plain" : "main"} icon="key" class="wide" busy={key.busy} disabled={busy} onClick={touch}>Use a security key or passkey</Button>
                    ) : (
                        <Message kind="warn">{sentence(codes ? "Your security key works at this vault's name, not at this address: use the code" : "Your security key works at this vault's name, not at this numeric address. Open the page under its name, or use your recovery kit")}</Message>
                    )}
                    {key.error && <Message kind="bad">{key.error}</Message>}
                </div>
            )}
            <p class="aside">
                <button type="button" class="link" onClick={onBack}>Start again</button>
                <button type="button" class="link" onClick={() => (phase.value = "recover")}>I lost it: use my recovery kit</button>
            </p>
            <p class="muted small"><Icon name="lock" /> The recovery kit needs no second step.</p>
        </DoorFrame>
    );
}

export function RecoverPage() {
    const [login, setLogin] = useState("");
    const [words, setWords] = useState("");
    const [opened, setOpened] = useState(false);
    const [passphrase, setPassphrase] = useState("");
    const { busy, error, run } = useAction();
    const judged = strength(passphrase, login);
    const open = (e: Event): void => {
        e.preventDefault();
        void run(async () => {
            await client.recover(login.trim(), words);
            setOpened(true);
        });
    };
    const finish = (e: Event): void => {
        e.preventDefault();
        void run(async () => {
            await client.finishRecovery(passphrase);
            await client.stay().catch(() => undefined);
            await goHome();
        });
    };
    if (opened)
        return (
            <DoorFrame title="Choose a new passphrase" lead="Your recovery kit opened your keys. It stays as it is; the old passphrase ends now.">
                <form onSubmit={finish}>
                    <Field label="New passphrase" name="passphrase" type="password" value={passphrase} autocomplete="new-password" onInput={(e) => setPassphrase(e.currentTarget.value)} hint={<StrengthHint value={judged} />} required />
                    {error && <Message kind="bad">{error}</Message>}
                    <Button look="main" type="submit" class="wide" busy={busy} disabled={!judged.ok}>Open my cameras</Button>
                </form>
            </DoorFrame>
        );
    return (
        <DoorFrame title="Come back with your recovery kit" lead="Type the twelve words from the paper you kept. A mistyped word is named.">
            <form onSubmit={open}>
                <Field label="Sign-in name" name="login" value={login} autocomplete="username" autocapitalize="none" onInput={(e) => setLogin(e.currentTarget.value)} required />
                <Field label="Recovery words">
                    {(id) => <textarea id={id} name="words" rows={3} value={words} autocapitalize="none" autocomplete="off" spellcheck={false} onInput={(e) => setWords(e.currentTarget.value)} required />}
                </Field>
                {error && <Message kind="bad">{error}</Message>}
                <Button look="main" type="submit" class="wide" busy={busy} disabled={!login.trim() || !words.trim()}>Continue</Button>
            </form>
            <p class="aside"><button type="button" class="link" onClick={() => (phase.value = "signin")}>Back to signing in</button></p>
        </DoorFrame>
    );
}
