/* Letting another device in: the new one shows a code, and a signed-in one answers with a session and the keys, sealed to it (docs/trust.md,
 * "Sign-in"). */
import { useEffect, useState } from "preact/hooks";
import { CardeaError, messageOf } from "../shared/errors.ts";
import { DoorFrame } from "./app.tsx";
import { lazy } from "./lazy.tsx";
import { approvalCode, client, goHome, say } from "./state.ts";
import { Button, Field, Icon, Message, Page, sentence, useAction } from "./ui.tsx";

const Qr = lazy<{ text: string; label: string }>(() => import("./qr.tsx").then((m) => m.Qr), true);

/* On the new device. */
export function AskDevice({ stay, onBack }: { stay: boolean; onBack: () => void }) {
    const [asking, setAsking] = useState<{ code: string; digits: string } | null>(null);
    const [problem, setProblem] = useState<string | null>(null);
    const [round, setRound] = useState(0);
    useEffect(() => {
        let gone = false;
        const ask = async (): Promise<void> => {
            try {
                setProblem(null);
                setAsking(await client.askToBeLetIn());
                if (!gone && (await client.waitToBeLetIn(stay))) await goHome();
            } catch (e) {
                if (!gone) setProblem(sentence(messageOf(e)));
            }
        };
        void ask();
        return () => {
            gone = true;
            void client.stopAsking();
        };
    }, [round]);
    return (
        <DoorFrame title="Use a device that is signed in" lead="Point the camera of a phone that is signed in at this code. Or open Account there, choose “Let another device in”, and type it.">
            {problem ? (
                <>
                    <Message kind="bad">{problem}</Message>
                    <Button look="main" onClick={() => setRound(round + 1)}>Try again</Button>
                </>
            ) : !asking ? (
                <div class="page-wait"><span class="spinner" role="status" aria-label="Asking for a code" /></div>
            ) : (
                <>
                    <figure class="qr-frame">
                        <Qr text={`${location.origin}/#approve=${asking.code}`} label="QR code for a device that is signed in" />
                        <figcaption><code class="let-code">{asking.code}</code></figcaption>
                    </figure>
                    <p class="let-check">It asks for these two digits: <strong>{asking.digits}</strong></p>
                    <p class="working" role="status"><span class="spinner" aria-hidden="true" /> Waiting for the other device…</p>
                </>
            )}
            <p class="aside"><button type="button" class="link" onClick={onBack}>Back to signing in</button></p>
        </DoorFrame>
    );
}

/* On the device that is signed in. */
export function ApprovePage() {
    const [code, setCode] = useState(approvalCode.peek() ?? "");
    const [who, setWho] = useState<{ name: string | null } | null>(null);
    const [digits, setDigits] = useState("");
    const [done, setDone] = useState<string | null>(null);
    const { busy, error, run, setError } = useAction();
    const look = (): void => void run(async () => setWho(await client.whoAsks(code)));
    useEffect(() => {
        if (!approvalCode.peek()) return;
        approvalCode.value = null;
        look(); /* it came by a link or a QR code */
    }, []);
    const approve = (e: Event): void => {
        e.preventDefault();
        void run(async () => {
            try {
                const name = await client.letIn(code, digits);
                setDone(name ?? "The new device");
                say(`${name ?? "The new device"} is in`);
            } catch (problem) {
                if (problem instanceof CardeaError && problem.word === "exists") throw new CardeaError("exists", "That device was answered already. If it is not in, let it show a new code.");
                throw problem;
            }
        });
    };
    const again = (): void => {
        setWho(null);
        setDone(null);
        setCode("");
        setDigits("");
        setError(null);
    };
    return (
        <Page title="Let another device in">
            <section class="card narrow">
                {done ? (
                    <>
                        <Message kind="good" title={`${done} is in`}>It has its own session now, which you can end under Account at any time.</Message>
                        <div class="actions start"><a class="button main" href="#/account">Account</a><Button onClick={again}>Let in another</Button></div>
                    </>
                ) : who ? (
                    <form onSubmit={approve}>
                        <div class="device-asks">
                            <span class="device-icon"><Icon name={/Android|iPhone|iPad/.test(who.name ?? "") ? "phone" : "screen"} /></span>
                            <div><strong>{who.name ?? "A device without a name"}</strong><small class="muted">asks to be let in</small></div>
                        </div>
                        <Message kind="warn" title="Is it in front of you?">It will see everything that you can see, and change what you can change. If somebody sent you a link or a code, do not let it in.</Message>
                        <Field label="Two digits from its screen">
                            {(id) => <input id={id} class="code-input short" name="digits" autofocus inputMode="numeric" autocomplete="off" pattern="[0-9]*" maxLength={2} value={digits} onInput={(e) => setDigits(e.currentTarget.value)} required />}
                        </Field>
                        {error && <Message kind="bad">{error}</Message>}
                        <div class="actions">
                            <Button look="quiet" onClick={again}>Not mine</Button>
                            <Button look="main" type="submit" busy={busy} disabled={digits.length !== 2}>Let it in</Button>
                        </div>
                    </form>
                ) : (
                    <form onSubmit={(e) => { e.preventDefault(); look(); }}>
                        <p class="lead">On the new device, open Cardea and choose “Use a device that is signed in”. It shows a code.</p>
                        <Field label="Its code" name="approve" value={code} autocomplete="off" autocapitalize="characters" spellcheck={false} placeholder="XXXX-XXXX-XXXX-XXXX" onInput={(e) => setCode(e.currentTarget.value)} required />
                        {error && <Message kind="bad">{error}</Message>}
                        <div class="actions"><Button look="main" type="submit" busy={busy} disabled={code.replaceAll(/[\s-]/g, "").length !== 16}>Continue</Button></div>
                    </form>
                )}
            </section>
        </Page>
    );
}
