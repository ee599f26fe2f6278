/* Familiar faces: off until asked for, each by name and with consent, deleted for good. */
import { useSignal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { b64 } from "../shared/bytes.ts";
import type { Person, SeenEvent, SeeState } from "../shared/seeing.ts";
import { dayName, fullTime } from "./format.ts";
import { b64toUrl } from "./picture.ts";
import { go, route } from "./route.ts";
import { attempt, names, pollEvents, pollSee, sync, tell } from "./seeing.ts";
import { WithSeeing } from "./seestate.tsx";
import { shrink } from "./shrink.ts";
import { client, command, household, say } from "./state.ts";
import { eventPicture, Thumb } from "./thumb.tsx";
import { Button, Confirm, Dialog, Field, Icon, Message, Page, Switch, sentence, useAction } from "./ui.tsx";

const MAX_PICTURES = 4;
const MAX_BYTES = 24 << 10;

export function FacesPage() {
    useEffect(() => {
        const stops = [pollSee(15_000), pollEvents(60_000)];
        return () => stops.forEach((s) => s());
    }, []);
    return <Page title="Familiar faces"><WithSeeing what="familiar faces">{(s) => (s.faces.on ? <On state={s} /> : <Off />)}</WithSeeing></Page>;
}

function Off() {
    const { busy, error, run } = useAction();
    return (
        <div class="faces-off">
            <div class="empty-art" aria-hidden="true"><Icon name="face" /></div>
            <h2>Know who is at the door</h2>
            <p class="lead">Cardea can greet the people you know by name, and be louder about those you do not. It is off, and looks at no face, until you turn it on.</p>
            <ul class="promises">
                <li><Icon name="home" /><span><strong>It stays at home.</strong> Faces are compared on the hub. What is kept of a person is 256 numbers for each picture, no picture, sealed.</span></li>
                <li><Icon name="person" /><span><strong>By name, and with consent.</strong> You add each person yourself and note that they agreed.</span></li>
                <li><Icon name="close" /><span><strong>Strangers are not kept.</strong> Nothing of an unknown face is stored.</span></li>
                <li><Icon name="trash" /><span><strong>Deletion is complete.</strong> The numbers and the key they were sealed with go, and no copy opens again.</span></li>
            </ul>
            {error && <Message kind="bad">{error}</Message>}
            <Button look="main" busy={busy} onClick={() => void run(async () => void (await tell("see.set", { faces: true })))}>Turn on familiar faces</Button>
            <p class="hint">In some countries you may recognise only people of your household, or must put up a sign. You can turn it off at any time.</p>
        </div>
    );
}

function On({ state }: { state: SeeState }) {
    const wanted = route.value.query.get("event");
    const [adding, setAdding] = useState(wanted !== null);
    const [leaving, setLeaving] = useState(false);
    const people = state.faces.people;
    return (
        <>
            {state.faces.message && <Message kind="warn">{sentence(state.faces.message)}</Message>}
            {people.length === 0 ? (
                <div class="empty compact">
                    <div class="empty-art" aria-hidden="true"><Icon name="face" /></div>
                    <h2>Nobody yet</h2>
                    <p>Add somebody from a picture: of an event, or one of yours.</p>
                    <Button look="main" icon="plus" onClick={() => setAdding(true)}>Add a person</Button>
                </div>
            ) : (
                <>
                    <ul class="people" aria-label="People">{people.map((p) => <PersonCard key={p.id} person={p} />)}</ul>
                    <div class="actions start"><Button look="main" icon="plus" onClick={() => setAdding(true)}>Add a person</Button></div>
                </>
            )}
            {state.faces.suggest && <Suggestions />}
            <section class="card narrow faces-settings">
                <h2>Settings</h2>
                <Switch label="Suggest people who come again" hint="Keeps unknown faces for up to 7 days, to ask you who they are. Off: nothing of them is kept." checked={state.faces.suggest} onChange={(suggest) => void attempt(tell("see.set", { suggest }))} />
                <div class="actions start"><Button look="danger" onClick={() => setLeaving(true)}>Turn off familiar faces</Button></div>
            </section>
            {adding && <AddPerson eventId={wanted} onClose={() => (setAdding(false), wanted && go("#/faces"))} />}
            {leaving && (
                <Confirm title="Turn off familiar faces?" action="Turn it off" onClose={() => setLeaving(false)} onDone={async () => {
                    await tell("see.set", { faces: false });
                    say("No face is looked at any more");
                }}><p>No face is looked at any more. The people you added stay on the hub, sealed, until you delete them here.</p></Confirm>
            )}
        </>
    );
}

function PersonCard({ person: p }: { person: Person }) {
    const [asking, setAsking] = useState<"rename" | "delete" | null>(null);
    const [name, setName] = useState(p.name);
    const last = useSignal<SeenEvent | null>(null);
    const { busy, error, run } = useAction();
    useEffect(() => {
        void client.findEvents({ people: [p.id] }, names.peek()).then(async (f) => {
            if (f.total > 0) last.value = (await client.eventRows([f.rows[0]!]))[0] ?? null;
        }).catch(() => undefined);
    }, [p.id, sync.value.version]);
    const set = (args: Record<string, unknown>, said: string, undo: Record<string, unknown>): Promise<boolean> =>
        attempt(tell("face.set", { person: p.id, ...args })).then((ok) => (ok && say(said, "info", () => void attempt(tell("face.set", { person: p.id, ...undo }))), ok));
    return (
        <li class={`card person ${p.exclude ? "excluded" : ""}`}>
            {last.value ? <a href={`#/events?e=${last.value.id}`} aria-label={`The last event with ${p.name}`}><Thumb event={last.value} /></a> : <span class="thumb bare"><span class="initial" aria-hidden="true">{p.name.charAt(0)}</span></span>}
            <div class="person-words">
                <h2>{p.name}</h2>
                <small class="muted">{p.exclude ? "Never recognised: nothing is said about this person" : last.value ? `Last seen ${dayName(last.value.begin / 1e6)}` : "Not seen yet"}</small>
                <small class="muted">{p.templates} {p.templates === 1 ? "picture" : "pictures"} · consent noted by {p.consent.by}, {dayName(Date.parse(p.consent.at || p.added) / 1000)}</small>
            </div>
            <div class="person-do">
                <Button look="quiet" onClick={() => (setName(p.name), setAsking("rename"))}>Rename</Button>
                <Button look="quiet" onClick={() => void set({ exclude: !p.exclude }, p.exclude ? `${p.name} is recognised again` : `${p.name} is never recognised from now on`, { exclude: p.exclude })}>{p.exclude ? "Recognise again" : "Never recognise"}</Button>
                <Button look="quiet" icon="trash" aria-label={`Delete ${p.name}`} onClick={() => setAsking("delete")} />
            </div>
            {asking === "rename" && (
                <Dialog title={`Rename ${p.name}`} onClose={() => setAsking(null)}>
                    <form onSubmit={(e) => { e.preventDefault(); void run(async () => { if (await set({ name: name.trim() }, "Renamed", { name: p.name })) setAsking(null); }); }}>
                        <Field label="Name" value={name} maxLength={80} onInput={(e) => setName(e.currentTarget.value)} required />
                        {error && <Message kind="bad">{error}</Message>}
                        <div class="actions"><Button look="quiet" onClick={() => setAsking(null)}>Cancel</Button><Button look="main" type="submit" busy={busy} disabled={!name.trim()}>Rename</Button></div>
                    </form>
                </Dialog>
            )}
            {asking === "delete" && (
                <Confirm title={`Delete ${p.name}?`} action="Delete for good" onClose={() => setAsking(null)} onDone={async () => {
                    await tell("face.remove", { person: p.id });
                    say(`${p.name} is deleted: no template is left`);
                }}>
                    <p>Everything by which the hub knows {p.name} goes: the templates, and the key they were sealed with is replaced, so that no copy of the file opens either. This cannot be undone.</p>
                    <p>Events of the past keep the name; delete those with the recordings.</p>
                </Confirm>
            )}
        </li>
    );
}

interface Picked {
    key: string;
    url: string;
    blob: Blob;
}

function AddPerson({ eventId, onClose }: { eventId: string | null; onClose: () => void }) {
    const [name, setName] = useState("");
    const [agreed, setAgreed] = useState(false);
    const [by, setBy] = useState(household.value?.login ?? "");
    const picked = useSignal<Picked[]>([]);
    const recent = useSignal<SeenEvent[]>([]);
    const refused = useSignal<string[]>([]);
    const file = useRef<HTMLInputElement>(null);
    const { busy, error, run, setError } = useAction();
    useEffect(() => {
        const load = async (): Promise<void> => {
            const f = await client.findEvents({ labels: ["person"] }, names.peek());
            const rows = await client.eventRows(f.rows.slice(0, 60));
            recent.value = rows.filter((e) => e !== null && e.picture !== null && !(e.face && "person" in e.face)).slice(0, 12) as SeenEvent[];
            const first = eventId ? await client.eventById(eventId) : null;
            if (first) await pick(first);
        };
        void load().catch(() => undefined);
        return () => picked.peek().forEach((p) => p.key.startsWith("file") && URL.revokeObjectURL(p.url));
    }, []);
    const pick = async (e: SeenEvent): Promise<void> => {
        if (picked.peek().some((p) => p.key === e.id)) return void (picked.value = picked.peek().filter((p) => p.key !== e.id));
        if (picked.peek().length >= MAX_PICTURES) return setError(`At most ${MAX_PICTURES} pictures: take one away first.`);
        const url = await eventPicture(e);
        if (!url) return setError("This event's picture is not there any more.");
        picked.value = [...picked.peek(), { key: e.id, url, blob: await (await fetch(url)).blob() }];
    };
    const take = async (files: FileList | null): Promise<void> => {
        for (const f of Array.from(files ?? []).slice(0, MAX_PICTURES - picked.peek().length)) {
            try {
                const blob = await shrink(f, MAX_BYTES);
                picked.value = [...picked.peek(), { key: `file ${f.name} ${f.size}`, url: URL.createObjectURL(blob), blob }];
            } catch (e) {
                setError(sentence((e as Error).message));
            }
        }
    };
    const submit = (e: Event): void => {
        e.preventDefault();
        refused.value = [];
        void run(async () => {
            const pictures = await Promise.all(picked.peek().map(async (p) => b64(new Uint8Array(await (await shrink(p.blob, MAX_BYTES)).arrayBuffer()))));
            const r = await tell<{ person?: string; templates: number; refused?: string[] }>("face.add", { name: name.trim(), consent: { by: by.trim() }, pictures });
            if ((r.templates ?? 0) === 0) {
                refused.value = r.refused ?? [];
                throw new Error("no picture was good enough to know somebody by");
            }
            say(`${name.trim()} is known from now on${r.refused?.length ? `; ${r.refused.length} of the pictures did not help` : ""}`);
            onClose();
        });
    };
    return (
        <Dialog title="Add a person" onClose={onClose}>
            <form onSubmit={submit}>
                <Field label="Name" name="person" value={name} maxLength={80} autocomplete="off" onInput={(e) => setName(e.currentTarget.value)} required />
                <fieldset>
                    <legend>Pictures of their face, up to {MAX_PICTURES}</legend>
                    {picked.value.length > 0 && (
                        <div class="picked">
                            {picked.value.map((p) => <button type="button" key={p.key} aria-label="Take this picture away" title="Take this picture away" onClick={() => (picked.value = picked.peek().filter((x) => x !== p))}><img src={p.url} alt="" /><Icon name="close" /></button>)}
                        </div>
                    )}
                    {recent.value.length > 0 && (
                        <>
                            <p class="hint">From what your cameras saw</p>
                            <div class="pick-events">
                                {recent.value.map((e) => <button type="button" key={e.id} class={picked.value.some((p) => p.key === e.id) ? "on" : ""} aria-pressed={picked.value.some((p) => p.key === e.id)} aria-label={`Picture of ${fullTime(e.begin / 1e6)}`} onClick={() => void pick(e)}><Thumb event={e} /></button>)}
                            </div>
                        </>
                    )}
                    <div><input ref={file} type="file" accept="image/*" multiple hidden aria-label="Photos" onChange={(e) => void take(e.currentTarget.files)} /><Button icon="photo" onClick={() => file.current?.click()}>Choose photos</Button></div>
                    <p class="hint">Looking at the camera, sharp, in good light; two or three from different days work best. Photos are made small here before they go to the hub, sealed.</p>
                </fieldset>
                <label class="check"><input type="checkbox" checked={agreed} onChange={(e) => setAgreed(e.currentTarget.checked)} /><span>{name.trim() || "This person"} knows of this and agreed</span></label>
                {agreed && <Field label="Who asked them" name="consent" value={by} maxLength={80} hint="Noted with the date." onInput={(e) => setBy(e.currentTarget.value)} required />}
                {error && <Message kind="bad" title={error}>{refused.value.length > 0 && <ul>{refused.value.map((r) => <li key={r}>{sentence(r)}</li>)}</ul>}</Message>}
                <div class="actions">
                    <Button look="quiet" onClick={onClose}>Cancel</Button>
                    <Button look="main" type="submit" busy={busy} disabled={!name.trim() || !agreed || !by.trim() || picked.value.length === 0}>Add</Button>
                </div>
            </form>
        </Dialog>
    );
}

interface Suggestion {
    id: string;
    seen: number;
    last: number;
    picture: string;
}

function Suggestions() {
    const list = useSignal<Suggestion[] | null>(null);
    const [naming, setNaming] = useState<Suggestion | null>(null);
    const load = (): void => void command<{ suggestions: Suggestion[] }>("face.suggestions", {}).then((r) => (list.value = r.suggestions ?? [])).catch(() => undefined);
    useEffect(load, []);
    const dismiss = (s: Suggestion): void => void attempt(command("face.dismiss", { id: s.id })).then((ok) => ok && (load(), say("Forgotten")));
    if (!list.value) return null;
    return (
        <section class="card" aria-label="People who come again">
            <h2>People who come again</h2>
            {list.value.length === 0 ? <p class="muted">Nobody unknown has come more than once in the last days.</p> : (
                <ul class="suggestions">
                    {list.value.map((s) => (
                        <li key={s.id}>
                            <img src={b64toUrl(s.picture)} alt="An unknown face" />
                            <span>Seen {s.seen} times<small class="muted">last {fullTime(s.last / 1e6)}</small></span>
                            <Button onClick={() => setNaming(s)}>Name</Button>
                            <Button look="quiet" onClick={() => dismiss(s)}>Forget</Button>
                        </li>
                    ))}
                </ul>
            )}
            {naming && <NameThem s={naming} onClose={() => (setNaming(null), load())} />}
        </section>
    );
}

function NameThem({ s, onClose }: { s: Suggestion; onClose: () => void }) {
    const [name, setName] = useState("");
    const [agreed, setAgreed] = useState(false);
    const { busy, error, run } = useAction();
    return (
        <Dialog title="Who is this?" onClose={onClose}>
            <form onSubmit={(e) => { e.preventDefault(); void run(async () => { await tell("face.name", { id: s.id, name: name.trim(), consent: { by: household.peek()?.login ?? "owner" } }); say(`${name.trim()} is known from now on`); onClose(); }); }}>
                <img class="suggested" src={b64toUrl(s.picture)} alt="An unknown face" />
                <Field label="Name" value={name} maxLength={80} onInput={(e) => setName(e.currentTarget.value)} required />
                <label class="check"><input type="checkbox" checked={agreed} onChange={(e) => setAgreed(e.currentTarget.checked)} /><span>{name.trim() || "This person"} knows of this and agreed</span></label>
                {error && <Message kind="bad">{error}</Message>}
                <div class="actions"><Button look="quiet" onClick={onClose}>Cancel</Button><Button look="main" type="submit" busy={busy} disabled={!name.trim() || !agreed}>Add</Button></div>
            </form>
        </Dialog>
    );
}
