/* Sharing a moment, or live for a while, by a link: what exactly, for how long, and with which conditions. */
import { useEffect, useState } from "preact/hooks";
import type { CameraView } from "../shared/views.ts";
import { clockTime, duration, fromLocalInput, fullTime, isToday, localInput, minuteTime, whenTime } from "./format.ts";
import { Handover } from "./handover.tsx";
import { client, now, say } from "./state.ts";
import type { Range } from "./timeline.tsx";
import { Button, Dialog, Field, Icon, Message, Switch, useAction } from "./ui.tsx";

const HOUR = 3600;
const DAY = 86_400;
const LIVE: [string, number][] = [["15 minutes", 900], ["1 hour", HOUR], ["4 hours", 4 * HOUR], ["1 day", DAY]];
const OPEN: [string, number][] = [["1 hour", HOUR], ["1 day", DAY], ["1 week", 7 * DAY], ["30 days", 30 * DAY], ["1 year", 365 * DAY]];
const WORDS_MAX = 1000;
/* Longer than this is asked about: it is easy to hand over a week by a slip. */
const LONG_S = 6 * HOUR;

type Form = { live: boolean; from: number; to: number; liveFor: number; open: number; name: string; words: string; password: string; views: string; export: boolean; sure: boolean };

export function ShareDialog({ camera, range, onClose }: { camera: CameraView; range: Range | null; onClose: () => void }) {
    const [made, setMade] = useState<{ link: string; form: Form; exact: Range } | null>(null);
    return (
        <Dialog title={made ? "The link is ready" : `Share ${camera.profile.name}`} onClose={onClose}>
            {made ? <Made {...made} camera={camera} onClose={onClose} /> : <Ask camera={camera} range={range} onClose={onClose} onMade={setMade} />}
        </Dialog>
    );
}

/* The range as it is handed over: whole segments, some seconds more at either end. */
function useExact(camera: string, form: Form): Range | null {
    const [exact, setExact] = useState<Range | null>(null);
    useEffect(() => {
        let gone = false;
        if (form.live || !(form.to > form.from)) return setExact(null);
        void client.shareRange(camera, form.from, form.to).then((r) => !gone && setExact(r)).catch(() => !gone && setExact({ from: Math.floor(form.from), to: Math.ceil(form.to) }));
        return () => void (gone = true);
    }, [camera, form.live, form.from, form.to]);
    return exact;
}

const span = (r: Range): string => (r.to - r.from < DAY && isToday(r.from) === isToday(r.to) ? `${whenTime(r.from)} to ${clockTime(r.to)}` : `${fullTime(r.from)} to ${fullTime(r.to)}`);

function Ask({ camera, range, onClose, onMade }: { camera: CameraView; range: Range | null; onClose: () => void; onMade: (m: { link: string; form: Form; exact: Range }) => void }) {
    const [form, setForm] = useState<Form>(() => ({
        live: range === null, from: Math.floor(range?.from ?? now() - 120), to: Math.ceil(range?.to ?? now() - 1), liveFor: HOUR, open: 7 * DAY,
        name: "", words: "", password: "", views: "", export: true, sure: false,
    }));
    const set = (f: Partial<Form>): void => setForm({ ...form, ...f });
    const { busy, error, run } = useAction();
    const exact = useExact(camera.id, form);
    const length = form.to - form.from;
    const bad = !form.live && !(length > 0);
    const long = !form.live && length > LONG_S;
    const submit = (e: Event): void => {
        e.preventDefault();
        void run(async () => {
            const start = Math.floor(now());
            const what = form.live ? { from: start, to: start + form.liveFor } : (exact ?? { from: Math.floor(form.from), to: Math.ceil(form.to) });
            const { link } = await client.share({
                cameras: [camera.id], ...what, live: form.live, export: form.export && !form.live, expires: form.live ? what.to : start + form.open,
                views: form.views ? Number(form.views) : undefined, name: form.name.trim() || undefined, words: form.words.trim() || undefined, password: form.password || undefined,
            });
            onMade({ link, form, exact: what });
        });
    };
    return (
        <form onSubmit={submit} class="share-form">
            <div class="segmented" role="radiogroup" aria-label="What is shared">
                {([[false, "A recording"], [true, "Live"]] as const).map(([live, label]) => (
                    <label key={label} class={form.live === live ? "on" : ""}><input type="radio" name="kind" checked={form.live === live} onChange={() => set({ live })} />{label}</label>
                ))}
            </div>
            {form.live ? (
                <Field label="For" hint="Live alone: nothing from before, and at the end it ends.">
                    {(id, about) => <Pick id={id} about={about} name="live" value={form.liveFor} options={LIVE} onPick={(liveFor) => set({ liveFor })} />}
                </Field>
            ) : (
                <div>
                    <div class="two">
                        <Field label="From" type="datetime-local" step="1" name="from" value={localInput(form.from)} onInput={(e) => set({ from: fromLocalInput(e.currentTarget.value) })} required />
                        <Field label="To" type="datetime-local" step="1" name="to" value={localInput(form.to)} max={localInput(now())} onInput={(e) => set({ to: fromLocalInput(e.currentTarget.value) })} required />
                    </div>
                    <p class={bad ? "hint bad" : "hint"} role="status">{bad ? "The end lies before the beginning." : exact ? `Exactly ${span(exact)}: ${duration(exact.to - exact.from)}, and not a second more.` : "…"}</p>
                </div>
            )}
            {!form.live && (
                <Field label="The link works for">
                    {(id, about) => <Pick id={id} about={about} name="open" value={form.open} options={OPEN} onPick={(open) => set({ open })} />}
                </Field>
            )}
            <div class="two">
                <Field label="For whom" name="name" value={form.name} maxLength={80} placeholder="Mum, the neighbors" hint="Only you see this." onInput={(e) => set({ name: e.currentTarget.value })} />
                <Field label="Password" name="password" type="password" value={form.password} maxLength={256} autocomplete="new-password" placeholder="None" hint="Tell it by another way than the link." onInput={(e) => set({ password: e.currentTarget.value })} />
            </div>
            <Field label="Words to go with it" hint="Shown above the picture.">
                {(id, about) => <textarea id={id} aria-describedby={about} name="words" rows={2} maxLength={WORDS_MAX} value={form.words} onInput={(e) => set({ words: e.currentTarget.value })} />}
            </Field>
            <details>
                <summary>More conditions</summary>
                <Field label="Can be opened" type="number" name="views" min={1} max={1_000_000} value={form.views} placeholder="Any number of times" onInput={(e) => set({ views: e.currentTarget.value })} />
                {!form.live && <Switch label="May be downloaded" hint="Off asks their browser not to offer it. Whoever sees it can film the screen." checked={form.export} onChange={(v) => set({ export: v })} />}
            </details>
            {(camera.profile.indoor || long) && (
                <label class="check sure">
                    <input type="checkbox" name="sure" checked={form.sure} onChange={(e) => set({ sure: e.currentTarget.checked })} />
                    <span>{camera.profile.indoor ? "This camera is inside your home. Share it all the same." : `Share all ${duration(length)} of it.`}</span>
                </label>
            )}
            {error && <Message kind="bad">{error}</Message>}
            <div class="actions">
                <Button look="quiet" onClick={onClose}>Cancel</Button>
                <Button look="main" type="submit" busy={busy} disabled={bad || ((camera.profile.indoor || long) && !form.sure)}>Make the link</Button>
            </div>
        </form>
    );
}

function Pick({ id, about, name, value, options, onPick }: { id: string; about: string | undefined; name: string; value: number; options: [string, number][]; onPick: (v: number) => void }) {
    return (
        <select id={id} name={name} aria-describedby={about} value={String(value)} onChange={(e) => onPick(Number(e.currentTarget.value))}>
            {options.map(([label, v]) => <option key={v} value={String(v)}>{label}</option>)}
        </select>
    );
}

function Made({ link, form, exact, camera, onClose }: { link: string; form: Form; exact: Range; camera: CameraView; onClose: () => void }) {
    return (
        <>
            <p class="lead">
                Whoever has this link sees {camera.profile.name} {form.live ? `live until ${minuteTime(exact.to)}` : `from ${span(exact)}`}, and nothing else.
                {form.password ? " It asks for the password: tell it by another way." : " It needs no account: send it only to whom it is for."}
            </p>
            <Handover link={link} what={`${camera.profile.name}, shared with you`} />
            <p class="share-seen"><Icon name="eye" /><span>Each opening is written down. You see how often, and end it, under <a class="link" href="#/shared" onClick={onClose}>Shared links</a>.</span></p>
            <div class="actions"><Button onClick={() => { onClose(); say("Shared"); }}>Done</Button></div>
        </>
    );
}
