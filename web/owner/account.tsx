/* The person: passphrase, recovery kit, this device, looks. */
import { useEffect, useState } from "preact/hooks";
import { Kit } from "./kit.tsx";
import { FactorsCard, SessionsCard } from "./security.tsx";
import { client, goHome, household, phase, say, theme, type Theme } from "./state.ts";
import { strength, StrengthHint } from "./strength.tsx";
import { Button, Dialog, Field, Message, Page, useAction } from "./ui.tsx";

export function AccountPage() {
    const [doing, setDoing] = useState<"passphrase" | "kit" | null>(null);
    const [print, setPrint] = useState("");
    useEffect(() => void client.fingerprint().then(setPrint).catch(() => undefined), []);
    const view = household.value!;
    return (
        <Page title="Account">
            <div class="columns">
                <section class="card">
                    <h2>{view.login}</h2>
                    <dl class="facts">
                        <div><dt>Household</dt><dd>{view.name}{view.role !== "owner" && ` (${view.role})`}</dd></div>
                        <div><dt>Its key's fingerprint</dt><dd><code>{print}</code></dd></div>
                    </dl>
                    <div class="stack">
                        <Button icon="key" onClick={() => setDoing("passphrase")}>Change the passphrase</Button>
                        <Button icon="lock" onClick={() => setDoing("kit")}>Make a new recovery kit</Button>
                        <Button look="quiet" onClick={() => void client.signOut().then(() => { location.hash = ""; phase.value = "signin"; })}>Sign out on this device</Button>
                    </div>
                    <p class="muted">Changing the passphrase ends every other session of yours.</p>
                    {view.homes.length > 1 && (
                        <>
                            <h2>Your homes</h2>
                            <div class="stack">{view.homes.map((h) => <Button key={h.id} icon={h.here ? "check" : "home"} disabled={h.here} onClick={() => void client.choose(h.id).then(() => { location.hash = "#/"; return goHome(); })}>{h.name}</Button>)}</div>
                        </>
                    )}
                </section>
                <FactorsCard />
                <SessionsCard />
                <section class="card">
                    <h2>Appearance</h2>
                    <div class="segmented" role="radiogroup" aria-label="Appearance">
                        {(["system", "light", "dark"] as Theme[]).map((t) => (
                            <label key={t} class={theme.value === t ? "on" : ""}>
                                <input type="radio" name="theme" value={t} checked={theme.value === t} onChange={() => (theme.value = t)} />
                                {t === "system" ? "Automatic" : t === "light" ? "Light" : "Dark"}
                            </label>
                        ))}
                    </div>
                    <h2>Keys of the keyboard</h2>
                    <dl class="keys">
                        {[["Space", "play, pause"], ["← →", "5 seconds"], ["Shift ← →", "1 minute"], [", .", "picture by picture"], ["< >", "slower, faster"], ["L", "live"], ["J", "go to a date"], ["E", "export a clip"], ["S", "save the picture"], ["M", "sound"], ["F", "full screen"], ["O", "boxes over the picture"], ["J K", "next, previous event"], ["N", "not interesting"], ["/", "search events"]].map(([k, v]) => (
                            <div key={k}><dt><kbd>{k}</kbd></dt><dd>{v}</dd></div>
                        ))}
                    </dl>
                </section>
            </div>
            {doing === "passphrase" && <Change onClose={() => setDoing(null)} />}
            {doing === "kit" && <Renew onClose={() => setDoing(null)} />}
        </Page>
    );
}

function Change({ onClose }: { onClose: () => void }) {
    const [old, setOld] = useState("");
    const [next, setNext] = useState("");
    const { busy, error, run } = useAction();
    const judged = strength(next, household.value!.login);
    const submit = (e: Event): void => {
        e.preventDefault();
        void run(async () => {
            await client.changePassphrase(old, next);
            say("The passphrase is changed, and every other session has ended");
            onClose();
        });
    };
    return (
        <Dialog title="Change the passphrase" onClose={onClose}>
            <form onSubmit={submit}>
                <p class="lead">Your recovery kit stays as it is.</p>
                <Field label="Present passphrase" name="old" type="password" value={old} autocomplete="current-password" onInput={(e) => setOld(e.currentTarget.value)} required />
                <Field label="New passphrase" name="new" type="password" value={next} autocomplete="new-password" hint={<StrengthHint value={judged} />} onInput={(e) => setNext(e.currentTarget.value)} required />
                {error && <Message kind="bad">{error}</Message>}
                <div class="actions">
                    <Button look="quiet" onClick={onClose}>Cancel</Button>
                    <Button look="main" type="submit" busy={busy} disabled={!old || !judged.ok}>Change it</Button>
                </div>
            </form>
        </Dialog>
    );
}

/* The new kit is confirmed before it is in force. */
function Renew({ onClose }: { onClose: () => void }) {
    const [passphrase, setPassphrase] = useState("");
    const [words, setWords] = useState<string[] | null>(null);
    const { busy, error, run } = useAction();
    const propose = (e: Event): void => {
        e.preventDefault();
        void run(async () => setWords(await client.proposeRecovery(passphrase)));
    };
    return (
        <Dialog title="A new recovery kit" onClose={onClose}>
            {words ? (
                <>
                    <p class="lead">Until you confirm it, the old kit stays in force.</p>
                    <Kit login={household.value!.login} words={words} action="Use this kit from now on" onConfirmed={async () => {
                        await client.useRecovery(passphrase);
                        say("The new kit is in force. Destroy the old one.");
                        onClose();
                    }} />
                </>
            ) : (
                <form onSubmit={propose}>
                    <p class="lead">For when the old one was lost, or somebody has seen it.</p>
                    <Field label="Passphrase" name="old" type="password" value={passphrase} autocomplete="current-password" onInput={(e) => setPassphrase(e.currentTarget.value)} required />
                    {error && <Message kind="bad">{error}</Message>}
                    <div class="actions">
                        <Button look="quiet" onClick={onClose}>Cancel</Button>
                        <Button look="main" type="submit" busy={busy} disabled={!passphrase}>Continue</Button>
                    </div>
                </form>
            )}
        </Dialog>
    );
}
