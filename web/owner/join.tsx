/* Accepting an invitation: an account, then a wait for an owner's device, which alone can hand over the keys. */
import { useEffect, useState } from "preact/hooks";
import { messageOf, wordOf } from "../shared/errors.ts";
import { DoorFrame } from "./app.tsx";
import { Kit } from "./kit.tsx";
import { dropInvitation, takeInvitation } from "./route.ts";
import { client, goHome, joinCode, outside, phase, say } from "./state.ts";
import { strength, StrengthHint } from "./strength.tsx";
import { Button, Field, Message, sentence, useAction } from "./ui.tsx";

type Step = "account" | "kit" | "wait";

export function leaveInvitation(): void {
    dropInvitation();
    joinCode.value = null;
}

export function JoinPage() {
    /* Somebody who is signed in goes on at once. */
    const [step, setStep] = useState<Step>(outside.peek() || phase.peek() === "home" ? "wait" : "account");
    const [kit, setKit] = useState<{ login: string; words: string[] } | null>(null);
    useEffect(() => {
        void client.standing().then(() => setStep((s) => (s === "account" ? "wait" : s)), () => undefined);
    }, []);
    if (step === "kit" && kit)
        return (
            <DoorFrame title="Keep this recovery kit" lead="If you forget your passphrase, these twelve words are the only way back. They are shown once. Nobody else has them.">
                <Kit login={kit.login} words={kit.words} action="I have it: go on" onConfirmed={async () => setStep("wait")} />
            </DoorFrame>
        );
    if (step === "wait") return <Wait />;
    /* Who has an account signs in as ever, second factor and all, and comes back here. */
    return <Account onMade={(login, words) => { setKit({ login, words }); setStep("kit"); }} onOther={() => (phase.value = "signin")} />;
}

function Account({ onMade, onOther }: { onMade: (login: string, words: string[]) => void; onOther: () => void }) {
    const [form, setForm] = useState({ login: "", passphrase: "" });
    const { busy, error, run } = useAction();
    const judged = strength(form.passphrase, form.login);
    const submit = (e: Event): void => {
        e.preventDefault();
        void run(async () => {
            const signup = takeInvitation()?.signup;
            const login = form.login.trim();
            const words = await client.signUpAlone({ login, passphrase: form.passphrase, ...(signup ? { setupCode: signup } : {}) });
            await client.stay().catch(() => undefined);
            onMade(login, words);
        });
    };
    return (
        <DoorFrame title="You are invited" lead="Somebody lets you see their cameras. Make an account: it holds the keys that you will be given, sealed under a passphrase that only you know.">
            <form onSubmit={submit} aria-busy={busy}>
                <Field label="Sign-in name" name="login" value={form.login} autocomplete="username" autocapitalize="none" maxLength={254} onInput={(e) => setForm({ ...form, login: e.currentTarget.value })} hint="An e-mail address or any name. Nothing is ever sent to it." required />
                <Field label="Passphrase" name="passphrase" type="password" value={form.passphrase} autocomplete="new-password" maxLength={256} onInput={(e) => setForm({ ...form, passphrase: e.currentTarget.value })} hint={<StrengthHint value={judged} />} required />
                {error && <Message kind="bad">{error}</Message>}
                <Button look="main" type="submit" class="wide" busy={busy} disabled={!judged.ok || !form.login.trim()}>Make my account</Button>
                <p class="working" role="status">{busy ? "Turning your passphrase into a key. This takes a second on purpose." : ""}</p>
            </form>
            <p class="aside">
                <span>Have one already? <button type="button" class="link" onClick={onOther}>Sign in</button></span>
                <button type="button" class="link" onClick={() => { leaveInvitation(); phase.value = "signin"; }}>Not now</button>
            </p>
        </DoorFrame>
    );
}

function Wait() {
    const [problem, setProblem] = useState<string | null>(null);
    const [round, setRound] = useState(0);
    useEffect(() => {
        let gone = false;
        const code = joinCode.peek();
        const follow = async (): Promise<void> => {
            if (!code) return;
            await client.offerJoin(code);
            while (!gone) {
                try {
                    if (!(await client.awaitJoin(code))) continue;
                    leaveInvitation();
                    await client.stay().catch(() => undefined);
                    await goHome();
                    say("You are in");
                    return;
                } catch (e) {
                    if (wordOf(e) !== "offline") throw e;
                    await new Promise((r) => setTimeout(r, 3000));
                }
            }
        };
        follow().catch((e) => !gone && setProblem(sentence(messageOf(e))));
        return () => void (gone = true);
    }, [round]);
    if (problem)
        return (
            <DoorFrame title="The invitation did not work">
                <Message kind="bad">{problem}</Message>
                <Button look="main" onClick={() => { setProblem(null); setRound(round + 1); }}>Try again</Button>
                <p class="aside"><button type="button" class="link" onClick={() => { leaveInvitation(); void goHome().catch(() => (phase.value = "signin")); }}>Leave it</button></p>
            </DoorFrame>
        );
    return (
        <DoorFrame title="Waiting to be let in" lead="Tell whoever invited you that you are here. As soon as they have Cardea open, their device hands you the keys. Nobody else could.">
            <p class="waiting" role="status"><span class="spinner" aria-hidden="true" /> Keep this page open, or come back to it later by the same link.</p>
            <p class="aside"><button type="button" class="link" onClick={() => { leaveInvitation(); void goHome().catch(() => (phase.value = "signin")); }}>Not now</button></p>
        </DoorFrame>
    );
}

/* Signed in, and in no home: shown out of the one there was, or not let in yet. */
export function OutsidePage() {
    const o = outside.value;
    const others = (o?.homes ?? []).filter((h) => !h.here);
    const owned = o?.homes.find((h) => h.here)?.role === "owner";
    return (
        <DoorFrame title={o?.outside ? (o.outside.again ? o.outside.title : `${o.outside.name} is closed to you`) : "You are in no home yet"}
            lead={o?.outside ? (o.outside.again ? o.outside.text : `An owner of that home has ended your access${owned ? ": you are no longer one of its owners" : ""}. If that is a mistake, ask them to invite you again.`) : "Open the link of your invitation again, on this device."}>
            <div class="stack">
                {others.map((h) => <Button key={h.id} icon="home" onClick={() => void client.choose(h.id).then(goHome)}>{h.name}</Button>)}
                {o?.outside && <Button onClick={() => void client.choose(o.homes.find((h) => h.here)?.id ?? "").then(goHome)}>Try again</Button>}
                <Button look="quiet" onClick={() => void client.signOut().then(() => (phase.value = "signin"))}>Sign out{o ? ` ${o.login}` : ""}</Button>
            </div>
        </DoorFrame>
    );
}
