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
    type?: "text" | "password" | "number" | "url" | "datetime-local" | "time";
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

export function Message({ kind = "info", title, children }: { kind?: "info" | "warn" | "bad" | "good"; title?: string; children?: ComponentChildren }) {
    const icon: IconName = kind === "good" ? "check" : kind === "info" ? "lock" : "warn";
    return (
        <div class={`message ${kind}`} role={kind === "bad" ? "alert" : "status"}>
            <Icon name={icon} />
            <div>
                {title && <strong>{title}</strong>}
                {children && <div>{children}</div>}
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
export function Confirm({ title, word, action, children, onDone, onClose }: {
    title: string; word?: string; action: string; children: ComponentChildren; onDone: () => Promise<void>; onClose: () => void;
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
                    <Button look="quiet" onClick={onClose}>Keep it</Button>
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
