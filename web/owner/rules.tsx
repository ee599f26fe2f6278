/* The rules as sentences whose words can be changed, tried on what has happened. */
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useId, useState } from "preact/hooks";
import type { Because, Slot, Trial } from "../shared/rules.ts";
import { becauseWords, ruleParts, ruleSentence, span, suggestName } from "../shared/rules.ts";
import { NEW_RULE, type Rule, type RuleTime, type SeeState } from "../shared/seeing.ts";
import { clockTime, dayName, isToday } from "./format.ts";
import { Glyph, groupName } from "./glyph.tsx";
import { route } from "./route.ts";
import { attempt, cameraNames, ruleNames, sync, tell, zonesById } from "./seeing.ts";
import { client, household, now, say } from "./state.ts";
import { Thumb } from "./thumb.tsx";
import { Button, Field, Icon, Message } from "./ui.tsx";

const WHAT = ["person", "vehicle", "pet", "package", "bicycle", "bird", "animal", "ring"];
const DWELL = [0, 3, 10, 30, 60, 300];
const COOLDOWN = [0, 60, 300, 900, 3600];

export function Rules({ state }: { state: SeeState }) {
    const [draft, setDraft] = useState<Rule | null>(null);
    const wanted = route.value.query.get("rule");
    return (
        <div class="rules">
            {state.rules.length === 0 && !draft && (
                <div class="card rule-default">
                    <h2>Until you write a rule, there is one</h2>
                    <p class="sentence">When a person is seen anywhere, at any time, tell every channel; not again for 1 min.</p>
                    <p class="muted">Write your own, and this one goes.</p>
                </div>
            )}
            {state.rules.map((r) => <RuleCard key={r.id} rule={r} state={state} begin={wanted === r.id} />)}
            {draft && <RuleCard key="new" rule={draft} state={state} begin onClose={() => setDraft(null)} />}
            {!draft && <div class="actions start"><Button look="main" icon="plus" onClick={() => setDraft({ ...NEW_RULE })}>New rule</Button></div>}
            {state.channels.length === 0 && <Message kind="warn" title="Nobody is told yet">Alerts appear under Events. <a class="link" href="#/alerts?show=channels">Choose a phone, e-mail or something else to tell</a></Message>}
        </div>
    );
}

function RuleCard({ rule, state, begin, onClose }: { rule: Rule; state: SeeState; begin: boolean; onClose?: () => void }) {
    const fresh = rule.id === "";
    const [changed, setChanged] = useState<Rule | null>(fresh ? rule : null);
    const [slot, setSlot] = useState<Slot | null>(null);
    const [editing, setEditing] = useState(begin);
    const [busy, setBusy] = useState(false);
    const now_ = changed ?? rule;
    const id = useId();
    const dirty = changed !== null && (fresh || JSON.stringify(changed) !== JSON.stringify(rule));
    const change = (part: Partial<Rule>): void => setChanged({ ...now_, ...part });
    const end = (): void => (setSlot(null), setChanged(null), setEditing(false), onClose?.());

    const save = (): void => {
        setBusy(true);
        const { id: _, ...settings } = { ...now_, name: now_.name.trim() || freeName(suggestName(now_, ruleNames.peek()), state.rules.filter((r) => r.id !== rule.id).map((r) => r.name)) };
        void attempt(fresh ? tell("rule.add", settings) : tell("rule.set", { id: rule.id, ...settings })).then((ok) => {
            setBusy(false);
            if (!ok) return;
            end();
            if (fresh) say(`“${settings.name}” is watching`);
            else {
                const { id: was, ...before } = rule;
                say("Changed", "info", () => void attempt(tell("rule.set", { id: was, ...before })));
            }
        });
    };
    const remove = (): void => {
        const { id: _, ...settings } = rule;
        void attempt(tell("rule.remove", { id: rule.id })).then((ok) => ok && say(`“${rule.name}” is gone`, "info", () => void attempt(tell("rule.add", settings))));
    };
    const toggle = (on: boolean): void => void attempt(tell("rule.set", { id: rule.id, on }));

    return (
        <section class={`card rule ${now_.on ? "" : "off"} ${editing ? "editing" : ""}`} aria-labelledby={id}>
            <div class="card-head">
                <h2 id={id}>{fresh ? "New rule" : rule.name || suggestName(rule, ruleNames.value)}</h2>
                {!fresh && (
                    <div class="rule-tools">
                        <label class="switch bare"><span class="sr">{rule.name} is on</span><input type="checkbox" role="switch" checked={rule.on} onChange={(e) => toggle(e.currentTarget.checked)} /></label>
                        <button type="button" class="tool" aria-label={`Change ${rule.name}`} title="Change" aria-expanded={editing} onClick={() => (editing ? end() : setEditing(true))}><Icon name="edit" /></button>
                        <button type="button" class="tool" aria-label={`Delete ${rule.name}`} title="Delete" onClick={remove}><Icon name="trash" /></button>
                    </div>
                )}
            </div>
            {!editing ? <p class="sentence">{ruleSentence(now_, ruleNames.value)}</p> : (
                <>
                    <p class="sentence editable">
                        {ruleParts(now_, ruleNames.value).map((p, i) => (p.slot ? (
                            <button type="button" key={i} class={`slot ${p.unset ? "unset" : ""} ${slot === p.slot ? "on" : ""}`} aria-expanded={slot === p.slot} aria-controls={`${id}-slot`} onClick={() => setSlot(slot === p.slot ? null : p.slot!)}>{p.text}</button>
                        ) : <span key={i}>{p.text}</span>))}
                    </p>
                    <div id={`${id}-slot`} class="slot-editor" hidden={!slot}>
                        {slot && <SlotEditor slot={slot} rule={now_} state={state} change={change} />}
                    </div>
                    <Field label="Name" value={now_.name} maxLength={80} placeholder={suggestName(now_, ruleNames.value)} onInput={(e) => change({ name: e.currentTarget.value })} />
                </>
            )}
            <TrialBox rule={now_} open={editing} />
            {editing && (
                <div class="actions">
                    <Button look="quiet" onClick={end}>{dirty && !fresh ? "Discard" : "Close"}</Button>
                    <Button look="main" busy={busy} disabled={!dirty || now_.labels.length === 0} onClick={save}>{fresh ? "Add this rule" : "Save"}</Button>
                </div>
            )}
        </section>
    );
}

function freeName(name: string, taken: string[]): string {
    let free = name;
    for (let n = 2; taken.includes(free); n++) free = `${name} ${n}`;
    return free;
}

interface SlotProps {
    slot: Slot;
    rule: Rule;
    state: SeeState;
    change: (part: Partial<Rule>) => void;
}
const flip = <T,>(list: T[], v: T): T[] => (list.includes(v) ? list.filter((x) => x !== v) : [...list, v]);

function Chip({ on, onClick, children }: { on: boolean; onClick: () => void; children: ComponentChildren }) {
    return <button type="button" class={`chip ${on ? "on" : ""}`} aria-pressed={on} onClick={onClick}>{children}</button>;
}

function SlotEditor({ slot, rule, state, change }: SlotProps) {
    if (slot === "what" || slot === "who") return <What rule={rule} state={state} change={change} />;
    if (slot === "where") return <Where rule={rule} state={state} change={change} />;
    if (slot === "when") return <When value={rule.schedule} onChange={(schedule) => change({ schedule })} />;
    if (slot === "presence") {
        return (
            <div class="chips" role="group" aria-label="Presence">
                {([["any", "Whether or not"], ["away", "Nobody is home"], ["home", "Somebody is home"]] as const).map(([v, text]) => <Chip key={v} on={rule.presence === v} onClick={() => change({ presence: v })}>{text}</Chip>)}
            </div>
        );
    }
    if (slot === "channels") {
        if (state.channels.length === 0) return <p class="muted">There is none yet. <a class="link" href="#/alerts?show=channels">Add one</a></p>;
        return (
            <div class="chips" role="group" aria-label="Whom to tell">
                <Chip on={rule.channels.length === 0} onClick={() => change({ channels: [] })}>Every channel</Chip>
                {state.channels.map((c) => <Chip key={c.id} on={rule.channels.includes(c.id)} onClick={() => change({ channels: flip(rule.channels, c.id) })}>{c.name}</Chip>)}
            </div>
        );
    }
    const dwell = slot === "dwell";
    const value = dwell ? rule.dwell_s : rule.cooldown_s;
    const most = dwell ? 600 : 86_400;
    const set = (s: number): void => change(dwell ? { dwell_s: s } : { cooldown_s: s });
    const offered = dwell ? DWELL : COOLDOWN;
    return (
        <div class="chips" role="group" aria-label={dwell ? "How long" : "Not again for"}>
            {offered.map((s) => <Chip key={s} on={value === s} onClick={() => set(s)}>{s === 0 ? (dwell ? "However briefly" : "Every time") : span(s)}</Chip>)}
            <label class="inline-number"><span class="sr">Seconds</span><input type="number" min={0} max={most} value={value} onChange={(e) => set(Math.max(0, Math.min(most, Math.round(Number(e.currentTarget.value) || 0))))} /> s</label>
        </div>
    );
}

function What({ rule, state, change }: Omit<SlotProps, "slot">) {
    const people = state.faces.on ? state.faces.people.filter((p) => !p.exclude) : [];
    const who = rule.who;
    return (
        <>
            <div class="chips" role="group" aria-label="What">
                {WHAT.map((l) => <Chip key={l} on={rule.labels.includes(l)} onClick={() => change({ labels: flip(rule.labels, l) })}><Glyph label={l} />{groupName(l)}</Chip>)}
            </div>
            {rule.labels.includes("person") && (
                <div class="chips" role="group" aria-label="Which people">
                    {([["anyone", "Anyone"], ["unknown", "Not known"], ["known", "Known"]] as const).map(([v, text]) => <Chip key={v} on={who === v} onClick={() => change({ who: v })}>{text}</Chip>)}
                    {people.map((p) => <Chip key={p.id} on={Array.isArray(who) && who.includes(p.id)} onClick={() => {
                        const next = flip(Array.isArray(who) ? who : [], p.id);
                        change({ who: next.length === 0 ? "anyone" : next });
                    }}>{p.name}</Chip>)}
                    {!state.faces.on && <small class="muted">To tell people apart, turn on <a class="link" href="#/faces">familiar faces</a>.</small>}
                </div>
            )}
        </>
    );
}

function Where({ rule, state, change }: Omit<SlotProps, "slot">) {
    const cameras = household.value?.cameras ?? [];
    const any = rule.zones.length === 0 && rule.cameras.length === 0;
    return (
        <div class="where">
            <Chip on={any} onClick={() => change({ zones: [], cameras: [] })}>Anywhere</Chip>
            {cameras.map((c) => {
                const zones = (state.zones[c.id] ?? []).filter((z) => z.kind !== "exclude");
                return (
                    <div class="where-camera" key={c.id}>
                        <span class="muted">{c.profile.name}</span>
                        <div class="chips" role="group" aria-label={c.profile.name}>
                            <Chip on={rule.cameras.includes(c.id)} onClick={() => change({ cameras: flip(rule.cameras, c.id), zones: [] })}>All of it</Chip>
                            {zones.map((z) => <Chip key={z.id} on={rule.zones.includes(z.id)} onClick={() => change({ zones: flip(rule.zones, z.id), cameras: [] })}><Icon name={z.kind === "line" ? "line" : "zone"} />{z.name}</Chip>)}
                            <a class="link" href={`#/camera/${c.id}/zones`}>{zones.length === 0 ? "Draw a zone" : "Zones"}</a>
                        </div>
                    </div>
                );
            })}
        </div>
    );
}

const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const ALL_DAYS = [1, 2, 3, 4, 5, 6, 7];

function When({ value, onChange }: { value: RuleTime[]; onChange: (v: RuleTime[]) => void }) {
    const change = (i: number, s: Partial<RuleTime>): void => onChange(value.map((x, n) => (n === i ? { ...x, ...s } : x)));
    return (
        <div class="times">
            <div class="chips" role="group" aria-label="Times">
                <Chip on={value.length === 0} onClick={() => onChange([])}>Any time</Chip>
                <Chip on={false} onClick={() => onChange([{ days: ALL_DAYS, from: "22:00", to: "06:00" }])}>At night</Chip>
                <Chip on={false} onClick={() => onChange([{ days: [1, 2, 3, 4, 5], from: "08:00", to: "18:00" }])}>Working hours</Chip>
            </div>
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
            {value.length > 0 && <Button onClick={() => onChange([...value, { days: ALL_DAYS, from: "08:00", to: "18:00" }])}>Add times</Button>}
        </div>
    );
}

/* What it would have done in the last seven days, over the events that are on this device. */
function TrialBox({ rule, open }: { rule: Rule; open: boolean }) {
    const trial = useSignal<(Trial & { looked: number }) | null>(null);
    const key = JSON.stringify({ ...rule, name: "", on: true, channels: [] });
    useEffect(() => {
        const timer = setTimeout(() => {
            void client.tryRule(rule, zonesById.peek(), now() - 7 * 86_400, now()).then((t) => (trial.value = t)).catch(() => undefined);
        }, open ? 150 : 0);
        return () => clearTimeout(timer);
    }, [key, sync.value.version, open]);
    const t = trial.value;
    if (!t || sync.value.count === 0) return null;
    const n = t.alerts.length;
    const why = (Object.entries(t.quiet) as [Because, number][]).filter(([b]) => b !== "label").sort((a, b) => b[1] - a[1]);
    return (
        <div class="trial" aria-live="polite">
            <p><strong>{n === 0 ? "Would not have alerted" : `Would have alerted ${n === 1 ? "once" : `${n} times`}`}</strong> <span class="muted">in the last 7 days{rule.presence !== "any" ? ", if that was so at home" : ""}</span></p>
            {n > 0 && (
                <div class="trial-strip">
                    {t.alerts.slice(0, 12).map((e) => (
                        <a key={e.id} href={`#/events?e=${e.id}`} aria-label={`${cameraNames.value[e.camera] ?? ""}, ${dayName(e.begin / 1e6)} ${clockTime(e.begin / 1e6)}`}>
                            <Thumb event={e} />
                            <small class="num">{isToday(e.begin / 1e6) ? "" : `${dayName(e.begin / 1e6).split(" ")[0]!.replace(",", "")} `}{clockTime(e.begin / 1e6).slice(0, 5)}</small>
                        </a>
                    ))}
                </div>
            )}
            {open && why.length > 0 && <p class="muted small">Quiet for {why.reduce((a, [, c]) => a + c, 0)} others: {why.slice(0, 3).map(([b, c]) => `${becauseWords(b)} (${c})`).join("; ")}.</p>}
        </div>
    );
}
