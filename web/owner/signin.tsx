/* Signing in, and coming back by the recovery code. */
import { useState } from "preact/hooks";
import { DoorFrame } from "./app.tsx";
import { client, goHome, phase, setupCode } from "./state.ts";
import { strength, StrengthHint } from "./strength.tsx";
import { Button, Field, Message, useAction } from "./ui.tsx";

export function SignInPage() {
    const [login, setLogin] = useState("");
    const [passphrase, setPassphrase] = useState("");
    const [stay, setStay] = useState(true);
    const { busy, error, run } = useAction();
    const submit = (e: Event): void => {
        e.preventDefault();
        void run(async () => {
            await client.signIn(login.trim(), passphrase, stay);
            await goHome();
        });
    };
    return (
        <DoorFrame title="Welcome back">
            <form onSubmit={submit}>
                <Field label="Sign-in name" name="login" value={login} autocomplete="username" autocapitalize="none" onInput={(e) => setLogin(e.currentTarget.value)} required />
                <Field label="Passphrase" name="passphrase" type="password" value={passphrase} autocomplete="current-password" onInput={(e) => setPassphrase(e.currentTarget.value)} required />
                <label class="check">
                    <input type="checkbox" checked={stay} onChange={(e) => setStay(e.currentTarget.checked)} /> <span>Stay signed in on this device</span>
                </label>
                {error && <Message kind="bad">{error}</Message>}
                <Button look="main" type="submit" class="wide" busy={busy} disabled={!login.trim() || !passphrase}>Sign in</Button>
            </form>
            <p class="aside">
                <button type="button" class="link" onClick={() => (phase.value = "recover")}>I forgot my passphrase</button>
                {setupCode.value && <button type="button" class="link" onClick={() => (phase.value = "first")}>Make a household</button>}
            </p>
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
