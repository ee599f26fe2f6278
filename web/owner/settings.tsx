/* The settings of one camera. */
import { useState } from "preact/hooks";
import type { CameraView } from "../shared/views.ts";
import type { Profile, Schedule } from "../shared/household.ts";
import { bytes, codecName, fromLocalInput, fullTime, localInput } from "./format.ts";
import { go } from "./route.ts";
import { client, household, loadHousehold, now, say, statusOf } from "./state.ts";
import { Button, Confirm, Field, Icon, Message, Page, Switch, useAction } from "./ui.tsx";

export function SettingsPage({ id }: { id: string }) {
    const camera = household.value?.cameras.find((c) => c.id === id);
    if (!camera) return <Page title="Camera"><div class="empty"><p>This camera is not here.</p><a class="button main" href="#/">All cameras</a></div></Page>;
    return (
        <Page title={camera.profile.name} actions={<a class="button plain" href={`#/camera/${id}`}>Watch</a>}>
            <div class="columns">
                <Edit camera={camera} />
                <div>
                    <a class="card flush setting" href={`#/camera/${id}/zones`}>
                        <span class="setting-icon"><Icon name="zone" /></span>
                        <span class="setting-words"><strong>Zones and privacy masks</strong><small class="muted">What to look at, what to ignore, what nobody may see</small></span>
                        <Icon name="next" />
                    </a>
                    <About camera={camera} />
                    <Delete camera={camera} />
                </div>
            </div>
        </Page>
    );
}

const MODES: [Profile["record"]["mode"], string, string][] = [
    ["always", "Always", "Everything, day and night."],
    ["motion", "When something moves", "With some seconds before and after."],
    ["schedule", "By schedule", "At the times below."],
    ["off", "Never", "Live view only; nothing is kept."],
];

function Edit({ camera }: { camera: CameraView }) {
    const p = camera.profile;
    const record: Profile["record"] = p.record ?? { mode: "always", pre_s: 5, post_s: 10, schedule: [] };
    const [form, setForm] = useState({ name: p.name, audio: p.audio, indoor: p.indoor, retention: p.retention_days ?? 30, record });
    const { busy, error, run } = useAction();
    const setRecord = (r: Partial<Profile["record"]>): void => setForm({ ...form, record: { ...form.record, ...r } });
    const save = (e: Event): void => {
        e.preventDefault();
        void run(async () => {
            await client.command("camera.set", {
                camera: camera.id, name: form.name.trim(), audio: form.audio, indoor: form.indoor,
                record: form.record, retention_days: form.retention,
            });
            await client.setRetention(camera.id, form.retention);
            if (camera.sub) await client.setRetention(camera.sub.id, form.retention);
            await loadHousehold();
            say("Saved");
        });
    };
    return (
        <form class="card" onSubmit={save}>
            <Field label="Name" name="name" value={form.name} maxLength={80} onInput={(e) => setForm({ ...form, name: e.currentTarget.value })} required />
            <Switch label="Indoors" hint="Asks twice before anything of it is ever shared." checked={form.indoor} onChange={(indoor) => setForm({ ...form, indoor })} />
            <Switch label="Sound" checked={form.audio} onChange={(audio) => setForm({ ...form, audio })} />
            <fieldset>
                <legend>Record</legend>
                {MODES.map(([mode, label, hint]) => (
                    <label class="choice" key={mode}>
                        <input type="radio" name="mode" value={mode} checked={form.record.mode === mode} onChange={() => setRecord({ mode })} />
                        <span>{label}<small>{hint}</small></span>
                    </label>
                ))}
            </fieldset>
            {form.record.mode === "motion" && (
                <div class="two">
                    <Field label="Seconds before" type="number" min={0} max={30} value={form.record.pre_s} onInput={(e) => setRecord({ pre_s: Number(e.currentTarget.value) })} />
                    <Field label="Seconds after" type="number" min={1} max={120} value={form.record.post_s} onInput={(e) => setRecord({ post_s: Number(e.currentTarget.value) })} />
                </div>
            )}
            {form.record.mode === "schedule" && <Times value={form.record.schedule ?? []} onChange={(schedule) => setRecord({ schedule })} />}
            <Field label="Keep recordings for (days)" type="number" min={0} max={3650} value={form.retention} hint="0 keeps them until you delete them." onInput={(e) => setForm({ ...form, retention: Number(e.currentTarget.value) })} />
            {error && <Message kind="bad">{error}</Message>}
            <div class="actions"><Button look="main" type="submit" busy={busy} disabled={!form.name.trim()}>Save</Button></div>
        </form>
    );
}

const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

function Times({ value, onChange }: { value: Schedule[]; onChange: (v: Schedule[]) => void }) {
    const change = (i: number, s: Partial<Schedule>): void => onChange(value.map((x, n) => (n === i ? { ...x, ...s } : x)));
    return (
        <div class="times">
            {value.map((s, i) => (
                <div class="time-row" key={i}>
                    <div class="days" role="group" aria-label="Days">
                        {DAYS.map((d, n) => {
                            const on = s.days.includes(n + 1);
                            return <button type="button" key={d} class={on ? "on" : ""} aria-pressed={on} onClick={() => change(i, { days: on ? s.days.filter((x) => x !== n + 1) : [...s.days, n + 1].sort() })}>{d}</button>;
                        })}
                    </div>
                    <Field label="From" type="time" value={s.from} onInput={(e) => change(i, { from: e.currentTarget.value })} />
                    <Field label="To" type="time" value={s.to} onInput={(e) => change(i, { to: e.currentTarget.value })} />
                    <Button look="quiet" icon="trash" aria-label="Remove these times" onClick={() => onChange(value.filter((_, n) => n !== i))} />
                </div>
            ))}
            <Button onClick={() => onChange([...value, { days: [1, 2, 3, 4, 5], from: "08:00", to: "18:00" }])}>Add times</Button>
        </div>
    );
}

function About({ camera }: { camera: CameraView }) {
    const s = statusOf(camera.id);
    const p = camera.profile;
    const rows: [string, string][] = [
        ["State", s ? (s.state === "streaming" ? "Streaming" : (s.message ?? s.state)) : "The hub has not said yet"],
        ["Picture", `${s?.width ?? p.width ?? "?"}×${s?.height ?? p.height ?? "?"}, ${codecName(s?.codec ?? p.codec)}`],
        ["Rate", s?.fps ? `${s.fps.toFixed(1)} pictures/s, ${Math.round(s.kbit_s ?? 0)} kbit/s` : "unknown"],
        ["Lost packets", String(s?.lost ?? 0)],
        ["Substream", camera.sub ? "Yes" : "None"],
        ["Added", p.added ? fullTime(Date.parse(p.added) / 1000) : "unknown"],
    ];
    return (
        <section class="card">
            <h2>This camera</h2>
            <dl class="facts">{rows.map(([k, v]) => <div key={k}><dt>{k}</dt><dd class="num">{v}</dd></div>)}</dl>
            <p class="muted">Its address and password are on the hub alone.</p>
        </section>
    );
}

function Delete({ camera }: { camera: CameraView }) {
    const [asking, setAsking] = useState<"range" | "camera" | null>(null);
    const [from, setFrom] = useState(localInput(now() - 3600));
    const [to, setTo] = useState(localInput(now()));
    const a = Math.floor(fromLocalInput(from));
    const b = Math.ceil(fromLocalInput(to));
    return (
        <section class="card">
            <h2>Delete</h2>
            <div class="two wide">
                <Field label="From" type="datetime-local" step="1" value={from} onInput={(e) => setFrom(e.currentTarget.value)} />
                <Field label="To" type="datetime-local" step="1" value={to} onInput={(e) => setTo(e.currentTarget.value)} />
            </div>
            <div class="actions spread">
                <Button look="danger" disabled={!(b > a)} onClick={() => setAsking("range")}>Delete this time</Button>
                <Button look="danger" icon="trash" onClick={() => setAsking("camera")}>Remove the camera</Button>
            </div>
            {asking === "range" && (
                <Confirm title="Delete this time for ever?" word="delete" action="Delete" onClose={() => setAsking(null)} onDone={async () => {
                    const gone = await client.deleteRange(camera.id, a, b);
                    say(`Deleted ${gone.segments} segments, ${bytes(gone.bytes)}`);
                }}>
                    <p>Everything “{camera.profile.name}” recorded from {fullTime(a)} to {fullTime(b)} goes, and the keys to it: not even a copy of the vault's disk opens it afterwards.</p>
                </Confirm>
            )}
            {asking === "camera" && (
                <Confirm title={`Remove “${camera.profile.name}”?`} word={camera.profile.name} action="Remove it" onClose={() => setAsking(null)} onDone={async () => {
                    await client.removeCamera(camera.id);
                    await loadHousehold();
                    say(`${camera.profile.name} is removed`);
                    go("#/");
                }}>
                    <p>The hub forgets the camera, and all of its recordings and keys are deleted. Export what you want to keep first.</p>
                </Confirm>
            )}
        </section>
    );
}
