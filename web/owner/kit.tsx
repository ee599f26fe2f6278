/* The recovery kit: shown once, printed or saved, and confirmed by typing two of its words. */
import { useMemo, useState } from "preact/hooks";
import { fullTime } from "./format.ts";
import { vaultName } from "./state.ts";
import { Button, Field, Message, useAction } from "./ui.tsx";

const pick = (): [number, number] => {
    const [a, b] = crypto.getRandomValues(new Uint32Array(2)) as unknown as [number, number];
    const first = a % 12;
    const second = (first + 1 + (b % 11)) % 12;
    return first < second ? [first, second] : [second, first];
};

export function kitText(login: string, words: string[]): string {
    const lines = words.map((w, i) => `${String(i + 1).padStart(4)}  ${w}`);
    return [
        "CARDEA RECOVERY KIT", "",
        `Sign-in name: ${login}`, `Vault:        ${vaultName.peek()} (${location.origin})`, `Made:         ${fullTime(Date.now() / 1000)}`, "",
        "These twelve words open all of your recordings if you forget your passphrase.",
        "Nobody else has them, and nobody can give them to you again. Keep this paper",
        "where you keep your passport. Whoever holds it can watch your cameras.", "",
        ...lines, "", words.join("-"), "",
    ].join("\n");
}

export function Kit({ login, words, action, onConfirmed }: { login: string; words: string[]; action: string; onConfirmed: () => Promise<void> }) {
    const asked = useMemo(pick, [words]);
    const [typed, setTyped] = useState<[string, string]>(["", ""]);
    const { busy, error, run, setError } = useAction();
    const save = (): void => {
        const url = URL.createObjectURL(new Blob([kitText(login, words)], { type: "text/plain" }));
        const a = document.createElement("a");
        a.href = url;
        a.download = "cardea-recovery-kit.txt";
        a.click();
        URL.revokeObjectURL(url);
    };
    const confirm = (e: Event): void => {
        e.preventDefault();
        const wrong = asked.findIndex((n, i) => typed[i]!.trim().toLowerCase() !== words[n]);
        if (wrong >= 0) return setError(`Word ${asked[wrong]! + 1} is not the one on your kit. Look again.`);
        void run(onConfirmed);
    };
    return (
        <div class="kit">
            <ol class="words" aria-label="Recovery words">
                {words.map((w) => <li key={w}><code>{w}</code></li>)}
            </ol>
            <p class="print-only">Cardea recovery kit for {login} at {location.origin}, {fullTime(Date.now() / 1000)}. These words open all recordings. Keep this paper where you keep your passport.</p>
            <div class="actions start no-print">
                <Button onClick={() => print()}>Print</Button>
                <Button onClick={save}>Save as a file</Button>
            </div>
            <form onSubmit={confirm} class="no-print">
                <p class="lead">Type two of them, so that we both know the kit is safe.</p>
                <div class="two">
                    {asked.map((n, i) => (
                        <Field key={n} label={`Word ${n + 1}`} name={`word${i}`} value={typed[i]} autocomplete="off" autocapitalize="none" spellcheck={false}
                            onInput={(e) => setTyped(i === 0 ? [e.currentTarget.value, typed[1]] : [typed[0], e.currentTarget.value])} />
                    ))}
                </div>
                {error && <Message kind="bad">{error}</Message>}
                <Button look="main" type="submit" busy={busy} class="wide">{action}</Button>
            </form>
        </div>
    );
}
