/* What besides the passphrase is asked for, and where one is signed in: two cards of the account's page. */
import { useSignal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { CardeaError, messageOf } from "../shared/errors.ts";
import type { FactorView, SessionView, TotpOffer } from "../shared/signin.ts";
import { dayName, fullTime, startOfDay } from "./format.ts";
import { copy } from "./handover.tsx";
import { lazy } from "./lazy.tsx";
import { dropNews, loadSessions, sessions } from "./sessions.ts";
import { client, household, now, offlineSince, say } from "./state.ts";
import { Button, Confirm, Dialog, Field, Icon, Message, sentence, useAction, useReturn, type IconName } from "./ui.tsx";
import { askPrf, canUseKeys, canUsePasskeys, makeKey, namedAddress } from "./webauthn.ts";

const Qr = lazy<{ text: string; label: string }>(() => import("./qr.tsx").then((m) => m.Qr), true);

type Adding = "totp" | "key" | "passkey";
const KINDS: Record<Adding, { icon: IconName; title: string; about: string }> = {
    totp: { icon: "phone", title: "Authenticator app", about: "A code that changes every half minute" },
    key: { icon: "key", title: "Security key", about: "A USB or NFC key that you touch" },
    passkey: { icon: "face", title: "Passkey", about: "Face, finger or PIN instead of the passphrase" },
};
const kindOf = (f: FactorView): Adding => (f.kind === "totp" ? "totp" : f.passkey ? "passkey" : "key");

export function FactorsCard() {
    const factors = useSignal<FactorView[] | null>(null);
    const problem = useSignal<string | null>(null);
    const [adding, setAdding] = useState<Adding | null>(null);
    const [removing, setRemoving] = useState<FactorView | null>(null);
    const [prf, setPrf] = useState(false);
    const load = async (): Promise<void> => {
        try {
            factors.value = await client.factors();
            problem.value = null;
        } catch (e) {
            problem.value = sentence(messageOf(e));
        }
    };
    useEffect(() => {
        void load();
        void canUsePasskeys().then(setPrf);
    }, []);
    const list = factors.value;
    const named = namedAddress();
    return (
        <section class="card" aria-label="Second factor">
            <h2>Second factor</h2>
            {list && (list.length === 0
                ? <p class="muted">Your passphrase alone signs in. With a second factor, somebody who learned it still stays outside.</p>
                : <p class="muted">Signing in asks for one of these, after the passphrase. A passkey signs in alone.</p>)}
            {problem.value && <Message kind={offlineSince.value ? "warn" : "bad"}>{problem.value}</Message>}
            {!list && !problem.value && <div class="page-wait"><span class="spinner" role="status" aria-label="Loading" /></div>}
            {list && list.length > 0 && (
                <ul class="things">
                    {list.map((f) => {
                        const k = KINDS[kindOf(f)];
                        return (
                            <li key={f.id}>
                                <span class="device-icon"><Icon name={k.icon} /></span>
                                <div><strong>{f.name || k.title}</strong><small class="muted">{k.about}</small></div>
                                <Button look="quiet" aria-label={`Remove ${f.name || k.title}`} onClick={() => setRemoving(f)}>Remove</Button>
                            </li>
                        );
                    })}
                </ul>
            )}
            {list && (
                <div class="actions start">
                    <Button icon="phone" onClick={() => setAdding("totp")}>Add an app</Button>
                    {canUseKeys() && <Button icon="key" onClick={() => setAdding("key")}>Add a security key</Button>}
                    {canUseKeys() && prf && <Button icon="face" onClick={() => setAdding("passkey")}>Add a passkey</Button>}
                </div>
            )}
            {named && <p class="muted small">Security keys and passkeys belong to a name, not to a numeric address: <a href={named}>open this page as localhost</a> to add one.</p>}
            <p class="muted small"><Icon name="lock" /> Keep your recovery kit: it opens your account when a phone or key is lost, and asks for no second factor.</p>
            {adding === "totp" && <AddApp onClose={() => { setAdding(null); void load(); }} />}
            {(adding === "key" || adding === "passkey") && <AddKey passkey={adding === "passkey"} onClose={() => { setAdding(null); void load(); }} />}
            {removing && <Remove factor={removing} last={list?.length === 1} onClose={() => { setRemoving(null); void load(); }} />}
        </section>
    );
}

/* Somebody who finds this page open could add a factor of their own, and shut its owner out. */
function Present({ value, set }: { value: string; set: (v: string) => void }) {
    return <Field label="Your passphrase" name="old" type="password" value={value} autocomplete="current-password" hint="Asked for again, so that nobody who finds this page open can do it." onInput={(e) => set(e.currentTarget.value)} required />;
}
const PROVING = "Turning the passphrase into a key. This takes a second on purpose.";

function AddApp({ onClose }: { onClose: () => void }) {
    const [offer, setOffer] = useState<TotpOffer | null>(null);
    return (
        <Dialog title="Add an authenticator app" onClose={onClose}>
            {offer ? <ConfirmApp offer={offer} onClose={onClose} /> : <BeginApp onOffer={setOffer} onClose={onClose} />}
        </Dialog>
    );
}

function BeginApp({ onOffer, onClose }: { onOffer: (o: TotpOffer) => void; onClose: () => void }) {
    const [passphrase, setPassphrase] = useState("");
    const { busy, error, run } = useAction();
    const form = useReturn<HTMLFormElement>({ busy, error });
    const submit = (e: Event): void => {
        e.preventDefault();
        void run(async () => onOffer(await client.beginTotp(passphrase)));
    };
    return (
        <form ref={form} onSubmit={submit} aria-busy={busy}>
            <p class="lead">From then on your passphrase signs in together with a code of the app, which changes every half minute.</p>
            <Present value={passphrase} set={setPassphrase} />
            {error && <Message kind="bad">{error}</Message>}
            <p class="working" role="status">{busy ? PROVING : ""}</p>
            <div class="actions">
                <Button look="quiet" onClick={onClose}>Cancel</Button>
                <Button look="main" type="submit" busy={busy} disabled={!passphrase}>Continue</Button>
            </div>
        </form>
    );
}

function ConfirmApp({ offer, onClose }: { offer: TotpOffer; onClose: () => void }) {
    const [code, setCode] = useState("");
    const { busy, error, run } = useAction();
    const form = useReturn<HTMLFormElement>({ busy, error });
    useEffect(() => form.current?.querySelector("input")?.focus(), []);
    const submit = (e: Event): void => {
        e.preventDefault();
        void run(async () => {
            await client.confirmTotp(offer.pending, code, "Authenticator app");
            say("From now on signing in asks for a code too");
            onClose();
        });
    };
    return (
        <form ref={form} onSubmit={submit}>
            <p class="lead">Scan this with an authenticator app, then type the code that it shows.</p>
            <figure class="qr-frame">
                <Qr text={offer.uri} label="QR code for an authenticator app" />
                <figcaption class="secret"><code>{offer.secret.match(/..../g)!.join(" ")}</code> <button type="button" class="link" onClick={() => void copy(offer.secret)}>Copy</button></figcaption>
            </figure>
            <Field label="Code of the app">
                {(id) => <input id={id} class="code-input" name="totp" inputMode="numeric" autocomplete="one-time-code" pattern="[0-9 ]*" maxLength={7} value={code} onInput={(e) => setCode(e.currentTarget.value)} required />}
            </Field>
            {error && <Message kind="bad">{error}</Message>}
            <div class="actions">
                <Button look="quiet" onClick={onClose}>Cancel</Button>
                <Button look="main" type="submit" busy={busy} disabled={code.replaceAll(/\s/g, "").length !== 6}>Turn it on</Button>
            </div>
        </form>
    );
}

function AddKey({ passkey, onClose }: { passkey: boolean; onClose: () => void }) {
    const [name, setName] = useState(passkey ? "" : "Security key");
    const [passphrase, setPassphrase] = useState("");
    const { busy, error, run } = useAction();
    const form = useReturn<HTMLFormElement>({ busy, error }, "[name=old]");
    useEffect(() => void (passkey && client.deviceName().then((d) => setName(`Passkey of ${d}`))), []);
    const submit = (e: Event): void => {
        e.preventDefault();
        void run(async () => {
            const made = await makeKey(await client.beginKey(passphrase), household.value!.login, passkey);
            await client.finishKey(made.registration, name.trim() || (passkey ? "Passkey" : "Security key"));
            if (!passkey) say("From now on signing in asks for this key, or another second factor");
            else {
                const prf = made.prf ?? (made.hasPrf ? await askPrf(made.credential) : null);
                if (!prf) {
                    say("This passkey cannot open your keys: it was added as a security key", "bad");
                    return onClose();
                }
                await client.addPasskey(made.credential, prf, passphrase);
                say("You can sign in with this passkey now");
            }
            onClose();
        });
    };
    return (
        <Dialog title={passkey ? "Add a passkey" : "Add a security key"} onClose={onClose}>
            <form ref={form} onSubmit={submit} aria-busy={busy}>
                <p class="lead">{passkey ? "It signs in alone: your face, finger or PIN on this device opens your keys. Your passphrase goes on working, and then asks for a second factor." : "Have it at hand: the browser asks you to insert and touch it."}</p>
                <Field label="What you call it" name="keyname" value={name} maxLength={60} onInput={(e) => setName(e.currentTarget.value)} />
                <Present value={passphrase} set={setPassphrase} />
                {error && <Message kind="bad">{error}</Message>}
                <div class="actions">
                    <Button look="quiet" onClick={onClose}>Cancel</Button>
                    <Button look="main" type="submit" busy={busy} disabled={!passphrase}>Continue</Button>
                </div>
            </form>
        </Dialog>
    );
}

function Remove({ factor, last, onClose }: { factor: FactorView; last: boolean; onClose: () => void }) {
    const [passphrase, setPassphrase] = useState("");
    const { busy, error, run } = useAction();
    const form = useReturn<HTMLFormElement>({ busy, error });
    const what = factor.name || KINDS[kindOf(factor)].title;
    const submit = (e: Event): void => {
        e.preventDefault();
        void run(async () => {
            await client.removeFactor(factor.id, passphrase);
            say(last ? `${what} is removed: the passphrase alone signs in now` : `${what} is removed`);
            onClose();
        });
    };
    return (
        <Dialog title={`Remove ${what}?`} onClose={onClose}>
            <form ref={form} onSubmit={submit} aria-busy={busy}>
                <p class="lead">{last ? "It is your only second factor: your passphrase alone will sign in." : "It signs nobody in any more."}</p>
                <Present value={passphrase} set={setPassphrase} />
                {error && <Message kind="bad">{error}</Message>}
                <div class="actions">
                    <Button look="quiet" onClick={onClose}>Keep it</Button>
                    <Button look="danger" type="submit" busy={busy} disabled={!passphrase}>Remove</Button>
                </div>
            </form>
        </Dialog>
    );
}

/* ---- sessions ---- */

const iconOf = (name: string | null): IconName => (name === null ? "warn" : /Android|iPhone|iPad/.test(name) ? "phone" : /^cardea on /.test(name) ? "hub" : "screen");
const left = (day: number): string => {
    const days = Math.max(0, day - Math.floor(now() / 86_400));
    return days <= 1 ? "ends by tomorrow" : `ends in ${days} days`;
};

const HOWS = { passphrase: "signed in by passphrase", passkey: "signed in by passkey", recovery: "signed in by recovery code", approved: "let in by another device" };
const lastDay = (s: number): string => (startOfDay(s) >= startOfDay(now()) ? "today" : dayName(s));

/* What tells sessions of the same browser apart; sessions from before a label said it have the end alone. */
function aboutSession(s: SessionView): string {
    const said = s.how && [`${HOWS[s.how]} ${fullTime(s.since)}`, !s.current && `last used ${lastDay(s.used)}`];
    const parts = [s.news && "new", ...(said || []), s.factor && "with a second factor", left(s.expiresDay)];
    return parts.filter(Boolean).join(" · ").replace(/^./, (c) => c.toUpperCase());
}

export function SessionsCard() {
    const [ending, setEnding] = useState<SessionView | "others" | null>(null);
    const problem = useSignal<string | null>(null);
    const load = async (): Promise<void> => {
        try {
            await loadSessions();
            problem.value = null;
        } catch (e) {
            problem.value = sentence(messageOf(e));
        }
    };
    useEffect(() => void load(), []);
    const list = sessions.value;
    const others = list?.filter((s) => !s.current) ?? [];
    return (
        <section class="card" aria-label="Where you are signed in">
            <h2>Where you are signed in</h2>
            {problem.value && <Message kind={offlineSince.value ? "warn" : "bad"}>{problem.value}</Message>}
            {!list && !problem.value && <div class="page-wait"><span class="spinner" role="status" aria-label="Loading" /></div>}
            {list && (
                <ul class="things">
                    {list.map((s) => (
                        <li key={s.id}>
                            <span class="device-icon"><Icon name={iconOf(s.name)} /></span>
                            <div>
                                <strong>{s.name ?? "A device without a name"}{s.current && ", this device"}</strong>
                                <small class="muted">{aboutSession(s)}</small>
                            </div>
                            {!s.current && <Button look="quiet" aria-label={`End ${s.name ?? "the session without a name"}`} onClick={() => setEnding(s)}>End</Button>}
                        </li>
                    ))}
                </ul>
            )}
            <div class="actions start">
                <a class="button plain" href="#/approve"><Icon name="phone" /><span>Let another device in</span></a>
                {others.length > 1 && <Button look="danger" onClick={() => setEnding("others")}>End all others</Button>}
            </div>
            {ending && (
                <Confirm title={ending === "others" ? `End ${others.length} other sessions?` : `End ${ending.name ?? "this session"}?`} action={ending === "others" ? "End them" : "End it"} onClose={() => setEnding(null)} onDone={async () => {
                    for (const s of ending === "others" ? others : [ending]) await client.endSession(s.id);
                    say(ending === "others" ? "All others are signed out" : `${ending.name ?? "The session"} is signed out`);
                    await load();
                }}>
                    <p>{ending === "others" ? "They have to sign in again." : "It has to sign in again."} Its app forgets what it held the next time it reaches the vault.</p>
                    <p>Was it somebody else, or is the device in other hands? Then change your passphrase too, and take the device's passkey away. Software that was tampered with may have kept your home's keys: only a new home makes new ones.</p>
                </Confirm>
            )}
        </section>
    );
}

/* "New sign-in: was that you?", above every page. */
export function NewSignIns() {
    useEffect(() => {
        const look = (): void => {
            if (document.visibilityState === "visible") void loadSessions().catch(() => undefined);
        };
        look();
        const timer = setInterval(look, 60_000);
        document.addEventListener("visibilitychange", look);
        return () => {
            clearInterval(timer);
            document.removeEventListener("visibilitychange", look);
        };
    }, []);
    const { busy, run } = useAction();
    const news = sessions.value?.find((s) => s.news);
    if (!news) return null;
    const name = news.name ?? "a device that gave no name";
    const no = (): void => void run(async () => {
        try {
            await client.endSession(news.id);
            await dropNews(news.id);
            say("It is signed out. Change your passphrase, so that it cannot come back.", "bad");
            location.hash = "#/account";
        } catch (e) {
            say(e instanceof CardeaError && e.word === "offline" ? "The vault does not answer: it was not signed out" : sentence(messageOf(e)), "bad");
        }
    });
    return (
        <div class="banner warn news" role="alert">
            <Icon name="key" />
            <span>New sign-in to your account: <strong>{name}</strong>. Was that you?</span>
            <span class="news-do">
                <Button disabled={busy} onClick={() => void dropNews(news.id)}>Yes</Button>
                <Button look="danger" busy={busy} onClick={no}>No, end it</Button>
            </span>
        </div>
    );
}
