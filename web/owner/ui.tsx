/* The controls that all pages are made of. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { messageOf } from "../shared/errors.ts";

const paths = {
    grid: "M4 5h7v6H4zM13 5h7v6h-7zM4 13h7v6H4zM13 13h7v6h-7z",
    plus: "M12 5v14M5 12h14",
    pulse: "M3 12h4l3-7 4 14 3-7h4",
    person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.500 20c1-4 4-5.500 7.500-5.500s6.500 1.500 7.500 5.500",
    play: "M8 5.500v13l10.500-6.500z",
    pause: "M8 5.500v13M16 5.500v13",
    back: "M14.500 6 8.500 12l6 6",
    sound: "M4 9.500v5h3.500L12 19V5L7.500 9.500zM15.500 9a4.500 4.500 0 0 1 0 6M18 6.500a8 8 0 0 1 0 11",
    mute: "M4 9.500v5h3.500L12 19V5L7.500 9.500zM16 9.500l5 5M21 9.500l-5 5",
    full: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
    pip: "M3.500 5.500h17v13h-17zM12 12h6v4.500h-6z",
    photo: "M4 7.500h3.500l1.500-2h6l1.500 2H20v11H4zM12 16.200a3.200 3.200 0 1 0 0-6.400 3.200 3.200 0 0 0 0 6.400z",
    gear: "M12 15.200a3.200 3.200 0 1 0 0-6.400 3.200 3.200 0 0 0 0 6.400zM12 3v2.500M12 18.500V21M3 12h2.500M18.500 12H21M5.600 5.600l1.800 1.800M16.600 16.600l1.800 1.800M18.400 5.600l-1.800 1.800M7.400 16.600l-1.800 1.800",
    scissors: "M8 8 20 18M8 16 20 6M6 9.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5zM6 19.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5z",
    calendar: "M4.500 6h15v14h-15zM4.500 10h15M8.500 3.500V7M15.500 3.500V7",
    stepBack: "M16 6l-6 6 6 6M7 6v12",
    stepOn: "M8 6l6 6-6 6M17 6v12",
    close: "M6 6l12 12M18 6 6 18",
    check: "M5 12.500 10 17.500 19.500 7",
    warn: "M12 4 2.800 19.500h18.400zM12 10v4.500M12 17v.5",
    lock: "M6 11h12v9H6zM8.500 11V8a3.500 3.500 0 0 1 7 0v3",
    trash: "M5 7h14M9.500 7V4.500h5V7M7 7l1 13h8l1-13",
    key: "M8.500 15.500a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 11.500h9M18 11.500V15M15 11.500v2.500",
    search: "M10.500 17a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13zM15.500 15.500 20.500 20.500",
    bell: "M12 3.500a5.500 5.500 0 0 0-5.500 5.500c0 5.500-2 6.500-2 7.500h15c0-1-2-2-2-7.500A5.500 5.500 0 0 0 12 3.500zM10 19.500a2.200 2.200 0 0 0 4 0",
    bellOff: "M4 4l16 16M7 8c-.3.700-.5 5-1 6.500-.4 1.300-1.500 1.500-1.500 2H16M17.500 13.500c0-1-.1-2.500-.1-4.500A5.500 5.500 0 0 0 9 4.400M10 19.500a2.200 2.200 0 0 0 4 0",
    list: "M4 6h3v3H4zM4 15h3v3H4zM10.500 7.500h9.500M10.500 16.500h9.500",
    chart: "M4 20h16M6.500 16.500v-5M11 16.500v-10M15.500 16.500v-7M19.500 16.500v-3",
    eye: "M2.500 12S6 5.500 12 5.500 21.500 12 21.500 12 18 18.500 12 18.500 2.500 12 2.500 12zM12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6z",
    home: "M4 11.500 12 4.500l8 7M6 10v9.500h12V10M10 19.500v-5h4v5",
    away: "M10 4.500H5.500v15H10M9.500 12H20M16.500 8.500 20 12l-3.500 3.500",
    undo: "M8 5 4 9l4 4M4 9h9.500a5.500 5.500 0 0 1 0 11H9",
    redo: "M16 5l4 4-4 4M20 9h-9.500a5.500 5.500 0 0 0 0 11H15",
    zone: "M5 6.500 18 4.500l1.500 11-11 4zM5 6.500l3.500 13",
    mask: "M4 6h16v12H4zM4 12l6-6M4 18 16 6M10 18 20 8M16 18l4-4",
    line: "M4 17 20 7M9.500 5.500l5 9M14.500 14.500l.3-3.800M14.500 14.500l-3.500-1.600",
    shield: "M12 3.500 5 6v5.500c0 4.500 3 7.500 7 9 4-1.500 7-4.500 7-9V6zM9 12l2.200 2.200 4-4.200",
    next: "M9.500 6l6 6-6 6",
    up: "M6 14.500l6-6 6 6",
    down: "M6 9.500l6 6 6-6",
    car: "M4 16.500v-4l2-5.500h12l2 5.500v4zM4 12.500h16M7 16.500v2M17 16.500v2M7.500 14.500h.5M16 14.500h.5",
    bicycle: "M6 18a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7zM18 18a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7zM6 14.500 9.500 8H14l4 6.500M9.500 8l3.500 6.500H6M13 14.500 15 6h2M8 6h3",
    paw: "M12 12c-2.500 0-5 2.500-5 4.700 0 1.500 1 2.300 2.400 2.300 1.100 0 1.600-.5 2.600-.5s1.500.5 2.600.5c1.400 0 2.400-.8 2.400-2.300 0-2.200-2.500-4.700-5-4.700zM5.500 12.500v-1M9 8V6.500M15 8V6.500M18.500 12.500v-1",
    bird: "M4 17c6 2.500 12 .5 13-6.500l3-2-3-1a3.500 3.500 0 0 0-6.500 1.500C9.500 12 8 14 4 17zM10 18.500l-1 2M13 18l.5 2.500",
    box: "M4 8l8-4 8 4v8.500l-8 4-8-4zM4 8l8 4 8-4M12 12v8.500M8 6l8 4",
    wave: "M3 12c1.500-5 3-5 4.500 0s3 5 4.500 0 3-5 4.500 0 3 5 4.500 0",
    face: "M5 9V5h4M15 5h4v4M19 15v4h-4M9 19H5v-4M9 10v.5M15 10v.5M9 14.500c1.800 1.600 4.200 1.600 6 0",
    phone: "M8 3.500h8v17H8zM11 18h2",
    screen: "M4 5h16v11H4zM9 20h6M12 16v4",
    mail: "M4 6h16v12H4zM4 7l8 6 8-6",
    link: "M10 14a4 4 0 0 0 6 .5l3-3a4 4 0 0 0-5.700-5.700L12 7M14 10a4 4 0 0 0-6-.5l-3 3a4 4 0 0 0 5.700 5.700L12 17",
    hub: "M12 14.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5zM12 9.500V4M14.200 13.200 19 16M9.800 13.200 5 16",
    thumb: "M7 11v8.500H4V11zM7 11l4-7c1.500 0 2.300 1 2 2.500L12.500 9H19c1 0 1.700 1 1.500 2l-1.500 7c-.2 1-1 1.500-2 1.500H7",
    replay: "M5 5v5h5M5.500 10A7.500 7.500 0 1 1 5 14",
    more: "M6 12h.01M12 12h.01M18 12h.01",
    filter: "M4 6h16M7 12h10M10 18h4",
    edit: "M4 20h4L19 9l-4-4L4 16zM13 7l4 4",
    boxes: "M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4M9 9h6v6H9z",
    offline: "M4 4l16 16M8.500 8.800A8 8 0 0 0 4 12M20 12a8 8 0 0 0-6-3.400M7.500 15.500a5 5 0 0 1 5-1.500M12 19v.5",
};
export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }) {
    const solid = name === "play";
    return (
        <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" fill={solid ? "currentColor" : "none"} stroke="currentColor" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round">
            <path d={paths[name]} />
        </svg>
    );
}

export const iconPath = (name: IconName): string => paths[name];

export function Logo() {
    return (
        <svg class="logo" viewBox="8 12 48 40" aria-hidden="true">
            <path class="leaf" d="M10 19a5 5 0 0 1 5-5h19.500a2.500 2.500 0 0 1 2.500 2.500v6a2.500 2.500 0 0 1-2.500 2.500H25v14h9.500a2.500 2.500 0 0 1 2.500 2.500v6a2.500 2.500 0 0 1-2.500 2.500H15a5 5 0 0 1-5-5z" />
            <path d="M54 19a5 5 0 0 0-5-5h-9v14h-9.500a2.500 2.500 0 0 0-2.500 2.500v3a2.500 2.500 0 0 0 2.500 2.500H40v14h9a5 5 0 0 0 5-5zM46.500 28.800a3.200 3.200 0 1 1 0 6.400 3.200 3.200 0 0 1 0-6.400z" fill="currentColor" fill-rule="evenodd" />
        </svg>
    );
}

type ButtonProps = JSX.IntrinsicElements["button"] & { icon?: IconName; look?: "main" | "plain" | "quiet" | "danger"; busy?: boolean };
export function Button({ icon, look = "plain", busy, children, class: c, ...rest }: ButtonProps) {
    return (
        <button type="button" {...rest} class={`button ${look} ${children ? "" : "round"} ${(c as string | undefined) ?? ""}`} disabled={(rest.disabled as boolean | undefined) || busy} aria-busy={busy}>
            {busy ? <span class="spinner" aria-hidden="true" /> : icon && <Icon name={icon} />}
            {children && <span>{children}</span>}
        </button>
    );
}

/* A round button with an icon alone: its label is for the screen reader and the tooltip. */
export function Tool({ icon, label, keys, ...rest }: { icon: IconName; label: string; keys?: string } & JSX.IntrinsicElements["button"]) {
    return (
        <button type="button" class="tool" aria-label={label} title={keys ? `${label} (${keys})` : label} {...rest}>
            <Icon name={icon} />
        </button>
    );
}

interface Input {
    name?: string;
    type?: "text" | "password" | "number" | "url" | "datetime-local" | "time" | "date" | "email";
    value?: string | number;
    required?: boolean;
    autocomplete?: string;
    autocapitalize?: string;
    spellcheck?: boolean;
    placeholder?: string;
    maxLength?: number;
    min?: number | string;
    max?: number | string;
    step?: number | string;
    disabled?: boolean;
    onInput?: (e: { currentTarget: HTMLInputElement }) => void;
}
interface FieldProps {
    label: string;
    hint?: ComponentChildren;
    error?: string | null;
    children?: (id: string, describedBy: string | undefined) => ComponentChildren;
}
export function Field({ label, hint, error, children, ...input }: FieldProps & Input) {
    const id = useId();
    const described = hint || error ? `${id}-about` : undefined;
    return (
        <div class="field">
            <label for={id}>{label}</label>
            {children ? children(id, described) : <input id={id} aria-describedby={described} aria-invalid={error ? true : undefined} {...(input as JSX.IntrinsicElements["input"])} />}
            {(hint || error) && (
                <div id={described} class={error ? "hint bad" : "hint"}>
                    {error ?? hint}
                </div>
            )}
        </div>
    );
}

export function Switch({ label, hint, checked, onChange, disabled }: { label: string; hint?: string; checked: boolean; onChange: (v: boolean) => void; disabled?: boolean }) {
    return (
        <label class="switch">
            <span>
                {label}
                {hint && <small>{hint}</small>}
            </span>
            <input type="checkbox" role="switch" checked={checked} disabled={disabled} onChange={(e) => onChange(e.currentTarget.checked)} />
        </label>
    );
}

/* What the hub and the command line put in backticks is a command. */
const coded = (text: string) => text.split("`").map((part, i) => (i % 2 === 1 ? <code key={i}>{part}</code> : part));

export function Message({ kind = "info", title, children }: { kind?: "info" | "warn" | "bad" | "good"; title?: string; children?: ComponentChildren }) {
    const icon: IconName = kind === "good" ? "check" : kind === "info" ? "lock" : "warn";
    return (
        <div class={`message ${kind}`} role={kind === "bad" ? "alert" : "status"}>
            <Icon name={icon} />
            <div>
                {title && <strong>{title}</strong>}
                {children && <div>{typeof children === "string" ? coded(children) : children}</div>}
            </div>
        </div>
    );
}

export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ComponentChildren }) {
    const ref = useRef<HTMLDialogElement>(null);
    const id = useId();
    useEffect(() => {
        ref.current?.showModal();
    }, []);
    return (
        <dialog ref={ref} aria-labelledby={id} onClose={onClose} onClick={(e) => e.target === ref.current && ref.current?.close()}>
            <div class="dialog">
                <h2 id={id}>{title}</h2>
                {children}
            </div>
        </dialog>
    );
}

/* Asks before what cannot be undone; the person types `word`, so that no stray Enter does it. */
export function Confirm({ title, word, action, keep = "Keep it", children, onDone, onClose }: {
    title: string; word?: string | undefined; action: string; keep?: string; children: ComponentChildren; onDone: () => Promise<void>; onClose: () => void;
}) {
    const [typed, setTyped] = useState("");
    const { busy, error, run } = useAction();
    return (
        <Dialog title={title} onClose={onClose}>
            <form
                onSubmit={(e) => {
                    e.preventDefault();
                    void run(async () => {
                        await onDone();
                        onClose();
                    });
                }}
            >
                <div class="prose">{children}</div>
                {word && <Field label={`Type “${word}” to confirm`} value={typed} autocomplete="off" onInput={(e) => setTyped(e.currentTarget.value)} />}
                {error && <Message kind="bad">{error}</Message>}
                <div class="actions">
                    <Button look="quiet" onClick={onClose}>{keep}</Button>
                    <Button look="danger" type="submit" busy={busy} disabled={!!word && typed.trim() !== word}>{action}</Button>
                </div>
            </form>
        </Dialog>
    );
}

/* Runs one thing at a time and keeps what went wrong. */
export function useAction() {
    const [busy, setBusy] = useState(false);
    const [error, setError] = useState<string | null>(null);
    const run = async (work: () => Promise<void>): Promise<void> => {
        setBusy(true);
        setError(null);
        try {
            await work();
        } catch (e) {
            setError(sentence(messageOf(e)));
        } finally {
            setBusy(false);
        }
    };
    return { busy, error, run, setError };
}

/* Where to go on after what went wrong: a button that was busy has lost the focus. `ref` is of what holds it. */
export function useReturn<E extends HTMLElement>({ busy, error }: { busy: boolean; error: string | null }, selector = "input") {
    const ref = useRef<E>(null);
    useEffect(() => {
        if (error && !busy) ref.current?.querySelector<HTMLElement>(selector)?.focus();
    }, [busy, error]);
    return ref;
}

export const sentence = (m: string): string => {
    const first = m.charAt(0).toUpperCase() + m.slice(1);
    return /[.!?]$/.test(first) ? first : `${first}.`;
};

export function Page({ title, children, actions }: { title: string; children: ComponentChildren; actions?: ComponentChildren }) {
    useEffect(() => {
        document.title = `${title} · Cardea`;
    }, [title]);
    return (
        <main class="page" id="main" tabIndex={-1}>
            <header class="page-head">
                <h1>{title}</h1>
                <div class="page-actions">{actions}</div>
            </header>
            {children}
        </main>
    );
}
