/* First start: make the household, pair the hub, keep the recovery kit. */
import { useState } from "preact/hooks";
import { messageOf, wordOf } from "../shared/errors.ts";
import { DoorFrame } from "./app.tsx";
import { Kit } from "./kit.tsx";
import { client, loadHousehold, phase, setupCode } from "./state.ts";
import { strength, StrengthHint } from "./strength.tsx";
import { Button, Field, Message, sentence, useAction } from "./ui.tsx";

type Step = "form" | "working" | "kit";

export function FirstPage() {
    const [step, setStep] = useState<Step>("form");
    const [stage, setStage] = useState("");
    const [words, setWords] = useState<string[]>([]);
    const [form, setForm] = useState({ household: "Home", login: "", passphrase: "", code: setupCode.value ?? "" });
    const [paired, setPaired] = useState<string | null>(null);
    const { error, run } = useAction();
    const set = (k: keyof typeof form) => (e: { currentTarget: HTMLInputElement }) => setForm({ ...form, [k]: e.currentTarget.value });
    const judged = strength(form.passphrase, form.login);

    const make = (e: Event): void => {
        e.preventDefault();
        void run(async () => {
            setStep("working");
            setStage("Turning your passphrase into a key. This takes a second on purpose: each guess costs an attacker as much.");
            try {
                const made = await client.signUp({
                    login: form.login.trim(), passphrase: form.passphrase, household: form.household.trim() || "Home",
                    ...(form.code ? { setupCode: form.code } : {}),
                });
                setWords(made);
                setStage("Pairing with the hub, so that it can seal to your keys.");
                setPaired(await pairWith(form.code));
                await client.stay().catch(() => undefined);
                setStep("kit");
            } catch (problem) {
                setStep("form");
                throw problem;
            }
        });
    };

    if (step === "kit")
        return (
            <DoorFrame title="Keep this recovery kit" lead="If you forget your passphrase, these twelve words are the only way back. They are shown once. Nobody else has them, not even the machine that stores your recordings.">
                {paired && <Message kind="warn" title="The hub is not paired yet">{paired} You can pair it later under Add.</Message>}
                <Kit login={form.login} words={words} action="I have it: open my cameras" onConfirmed={async () => {
                    await loadHousehold();
                    setupCode.value = null;
                    phase.value = "home";
                }} />
            </DoorFrame>
        );
    return (
        <DoorFrame title="Make your household" lead="One name, one passphrase. From then on everything your cameras see is sealed to keys that only you hold.">
            <form onSubmit={make} aria-busy={step === "working"}>
                <Field label="Name of the household" name="household" value={form.household} maxLength={80} onInput={set("household")} required />
                <Field label="Sign-in name" name="login" value={form.login} autocomplete="username" autocapitalize="none" maxLength={254} onInput={set("login")} hint="An e-mail address or any name. Nothing is ever sent to it." required />
                <Field label="Passphrase" name="passphrase" type="password" value={form.passphrase} autocomplete="new-password" maxLength={256} onInput={set("passphrase")} hint={<StrengthHint value={judged} />} required />
                {!setupCode.value && <Field label="Setup code" name="code" value={form.code} onInput={set("code")} autocomplete="off" hint="Printed where Cardea was started, like 7K2M-…" />}
                {error && <Message kind="bad">{error}</Message>}
                <Button look="main" type="submit" class="wide" busy={step === "working"} disabled={!judged.ok || !form.login.trim()}>Make it</Button>
                <p class="working" role="status">{step === "working" ? stage : ""}</p>
            </form>
            <p class="aside">Already have one? <button type="button" class="link" onClick={() => (phase.value = "signin")}>Sign in</button></p>
        </DoorFrame>
    );
}

/* The setup code is the hub's pairing code too, on a home. Null, or what went wrong: the household exists either way. */
async function pairWith(code: string): Promise<string | null> {
    if (!code) return "No code was given.";
    for (let attempt = 0; ; attempt++) {
        try {
            await client.pair(code);
            return null;
        } catch (e) {
            /* The hub may offer itself a moment after the page opened. */
            if (wordOf(e) !== "not_found" || attempt >= 20) return sentence(messageOf(e));
            await new Promise((r) => setTimeout(r, 500));
        }
    }
}
