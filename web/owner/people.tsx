/* Whose home this is: owners, members, viewers; who is invited; and removing somebody, with what that means said before. */
import { useSignal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { messageOf } from "../shared/errors.ts";
import type { Invited, InviteOptions, MemberRole, People, Person } from "../shared/members.ts";
import type { SuccessionProgress, SuccessionRest, SuccessionStep } from "../shared/succeed.ts";
import { grantOf, loadShares, watching } from "./activity.ts";
import { dayName, isToday, minuteTime } from "./format.ts";
import { Handover } from "./handover.tsx";
import { client, household, listen, now, say } from "./state.ts";
import { Button, Confirm, Dialog, Field, Icon, Message, Page, sentence, Switch, useAction } from "./ui.tsx";

const ROLES: Record<MemberRole, [string, string]> = {
    viewer: ["Viewer", "Watches the cameras you choose."],
    member: ["Member", "Watches every camera, those that come later too."],
    owner: ["Owner", "Everything you can do: settings, sharing, deleting, inviting and removing people."],
};
/* How often an invitation that waits is looked after, while somebody looks at this page. */
const TEND_MS = 3000;

export function PeoplePage() {
    const people = useSignal<People | null>(null);
    const problem = useSignal<string | null>(null);
    const [inviting, setInviting] = useState(false);
    const [removing, setRemoving] = useState<Person | null>(null); /* here: who is removed leaves the list while it is told */
    const load = async (): Promise<void> => {
        try {
            people.value = await client.people();
            problem.value = null;
        } catch (e) {
            problem.value = sentence(messageOf(e));
        }
    };
    useEffect(() => {
        let gone = false;
        const look = async (): Promise<void> => {
            if (document.visibilityState === "visible") {
                if ((people.peek()?.invited.length ?? 0) > 0) {
                    const came = await client.tend().catch(() => []);
                    came.forEach((name) => say(`${name} is in`));
                }
                await load();
            }
            if (!gone) setTimeout(() => void look(), TEND_MS);
        };
        void load().then(look);
        void loadShares();
        return () => void (gone = true);
    }, []);
    const p = people.value;
    return (
        <Page title="People" actions={<Button look="main" icon="plus" onClick={() => setInviting(true)}>Invite</Button>}>
            {problem.value && <Message kind="bad">{problem.value}</Message>}
            {p && (p.rest || p.problems.length > 0) && (
                <div class="people-rest">
                    {p.rest && <Pending of={p.rest} />}
                    {p.problems.map((x) => <Message kind="bad" key={x} title="An entry of your list cannot be believed">{sentence(x)}</Message>)}
                </div>
            )}
            {!p && !problem.value && <div class="page-wait"><span class="spinner" role="status" aria-label="Loading" /></div>}
            {p && (
                <>
                    <ul class="card flush members">
                        <li class="member">
                            <Initial name={household.value!.login} />
                            <div class="member-words"><strong>{household.value!.login}</strong><small class="muted">You</small></div>
                            <span class="pill good">Owner</span>
                        </li>
                        {p.people.map((m) => <Member key={m.key} of={m} onChanged={load} onRemoveOwner={() => setRemoving(m)} />)}
                    </ul>
                    {p.people.length === 0 && p.invited.length === 0 && <p class="muted members-hint">Nobody else can see your cameras. Invite who lives with you, or who looks after your home while you are away.</p>}
                    {p.invited.length > 0 && (
                        <section class="invited" aria-label="Invited">
                            <h2>Invited</h2>
                            <ul class="card flush members">{p.invited.map((i) => <Waiting key={i.key} of={i} onChanged={load} />)}</ul>
                            <p class="muted members-hint">They are let in while this app is open on a device of yours: it hands over the keys, which nobody else has.</p>
                        </section>
                    )}
                </>
            )}
            {removing && <RemoveOwner of={removing} onClose={() => setRemoving(null)} onChanged={load} />}
            {inviting && <Invite onClose={() => { setInviting(false); void load(); }} />}
        </Page>
    );
}

const Initial = ({ name }: { name: string }) => <span class="initial-badge" aria-hidden="true">{[...name.trim()][0]?.toUpperCase() ?? "?"}</span>;

const camerasOf = (ids: string[]): string => {
    const all = household.value?.cameras ?? [];
    const names = all.filter((c) => ids.includes(c.id)).map((c) => c.profile.name);
    return names.length === 0 ? "No camera" : names.length === all.length && all.length > 1 ? "All cameras there are now" : names.join(", ");
};

function Member({ of: m, onChanged, onRemoveOwner }: { of: Person; onChanged: () => Promise<void>; onRemoveOwner: () => void }) {
    const [doing, setDoing] = useState<"remove" | "cameras" | null>(null);
    const grant = m.grant ? grantOf(m.grant) : null;
    const here = watching.value.some((w) => w.id === m.grant);
    const since = Date.parse(m.added) / 1000;
    const sees = m.role === "viewer" ? camerasOf(grant?.statement.cameras ?? []) : m.role === "member" ? "Every camera" : "Everything";
    return (
        <li class="member">
            <Initial name={m.name} />
            <div class="member-words">
                <strong>{m.name}</strong>
                <small class="muted">{sees} · here since {isToday(since) ? `today, ${minuteTime(since)}` : dayName(since)}{grant && grant.uses > 0 && grant.lastUse ? ` · last here ${isToday(grant.lastUse) ? minuteTime(grant.lastUse) : dayName(grant.lastUse)}` : ""}</small>
                {m.leaving && <small class="bad-text">Their removal was begun, and is not finished: remove them again.</small>}
                {here && <small class="share-now"><i class="dot" />Watching now</small>}
            </div>
            <span class={`pill ${m.role === "owner" ? "good" : ""}`}>{ROLES[m.role][0]}</span>
            <div class="member-do">
                {m.role === "viewer" && <Button icon="photo" look="quiet" onClick={() => setDoing("cameras")}>Cameras</Button>}
                <Button look="danger" onClick={() => (m.role === "owner" ? onRemoveOwner() : setDoing("remove"))}>Remove</Button>
            </div>
            {doing === "remove" && (
                <Confirm title={`Remove ${m.name}?`} action="Remove" keep={`Keep ${m.name}`} onClose={() => setDoing(null)} onDone={async () => {
                    const { left } = await client.removePerson(m.key);
                    say(left ?? `${m.name} sees nothing more`, left ? "bad" : "info");
                    await onChanged();
                }}>
                    <p>{m.name} sees nothing new from this moment on: what runs ends, and the cameras get new keys.</p>
                    <p>What {m.name} has watched or downloaded cannot be taken back.</p>
                </Confirm>
            )}
            {doing === "cameras" && <Choose of={m} now={grant?.statement.cameras ?? []} onClose={() => setDoing(null)} onChanged={onChanged} />}
        </li>
    );
}

const STEPS: Record<SuccessionStep, string> = {
    end: "Ending their access", keys: "Making new keys", vault: "Telling the vault", objects: "Renewing your home's certificates",
    hubs: "Handing the new keys to your hubs", grants: "Handing them to those who may still look", done: "Done",
};
const ORDER: SuccessionStep[] = ["end", "keys", "vault", "objects", "hubs", "grants"];

/* Who had all the keys: the home gets others, which is told before, while it happens, and with what is left afterwards. */
function RemoveOwner({ of: m, onClose, onChanged }: { of: Person; onClose: () => void; onChanged: () => Promise<void> }) {
    const [typed, setTyped] = useState("");
    const [step, setStep] = useState<SuccessionProgress | null>(null);
    const [after, setAfter] = useState<{ rest: SuccessionRest | null } | null>(null);
    const { busy, error, run } = useAction();
    useEffect(() => listen((e) => e.type === "succession" && setStep(e)), []);
    const remove = (e: Event): void => {
        e.preventDefault();
        void run(async () => {
            const { rest } = await client.removePerson(m.key);
            setAfter({ rest });
            await Promise.all([loadShares(), onChanged()]);
        });
    };
    if (after)
        return (
            <Dialog title={`${m.name} is removed`} onClose={onClose}>
                <p class="lead">{m.name} can see nothing that is recorded from now on{after.rest?.hubs.length ? ", but for one thing" : ""}. Your home has new keys; the devices of all other owners go on by themselves.</p>
                {after.rest && <Pending of={after.rest} />}
                <div class="actions"><Button look="main" onClick={onClose}>Done</Button></div>
            </Dialog>
        );
    const at = busy && step ? ORDER.indexOf(step.step) : -1;
    return (
        <Dialog title={busy ? `Removing ${m.name}` : `Remove ${m.name}?`} onClose={() => !busy && onClose()}>
            <form onSubmit={remove}>
                <div class="prose">
                    <p><strong>{m.name} can see nothing that is recorded from now on.</strong> Your home gets new keys; this takes a few seconds.</p>
                    {!busy && <p>What was recorded until now was {m.name}'s to see as well: whatever they have kept, pictures or keys, cannot be taken back. Links and members that you have now go on as they are; open invitations are withdrawn.</p>}
                </div>
                {busy && (
                    <ol class="succession-steps" aria-live="polite">
                        {ORDER.map((s, i) => (
                            <li key={s} class={i < at ? "done" : i === at ? "now" : ""}>
                                {i < at ? <Icon name="check" /> : <i class="dot" />}
                                <span>{STEPS[s]}{i === at && step && step.of > 1 ? `, ${step.done} of ${step.of}` : ""}</span>
                            </li>
                        ))}
                    </ol>
                )}
                {!busy && <Field label={`Type “${m.name}” to confirm`} value={typed} autocomplete="off" onInput={(e) => setTyped(e.currentTarget.value)} />}
                {error && <Message kind="bad">{error}. Nothing is lost: remove {m.name} again to go on from here.</Message>}
                <div class="actions">
                    {!busy && <Button look="quiet" onClick={onClose}>Keep {m.name}</Button>}
                    <Button look="danger" type="submit" busy={busy} disabled={typed.trim() !== m.name}>Remove</Button>
                </div>
            </form>
        </Dialog>
    );
}

/* A hub has no name of its own: it is the one of these cameras. */
const hubName = (cameras: string[]): string => (cameras.length === 0 ? "A hub" : `The hub of ${cameras.length < 3 ? cameras.join(" and ") : `${cameras[0]} and ${cameras.length - 1} more`}`);

function Pending({ of: rest }: { of: SuccessionRest }) {
    return (
        <>
            {rest.hubs.map((h) => (
                <Message kind="warn" key={h.id} title={`${hubName(h.cameras)} has not been reachable`}>
                    Until it is back, it records under the former keys, which a removed owner may have kept. It gets the new ones by itself as soon as it is back and this app is open.
                </Message>
            ))}
            {rest.problems.map((p) => <Message kind="bad" key={p} title="Something could not follow">{sentence(p)}</Message>)}
        </>
    );
}

function Cameras({ chosen, onChange }: { chosen: string[]; onChange: (ids: string[]) => void }) {
    return (
        <fieldset>
            <legend>Cameras</legend>
            {(household.value?.cameras ?? []).map((c) => (
                <label class="check" key={c.id}>
                    <input type="checkbox" name={`camera-${c.id}`} checked={chosen.includes(c.id)} onChange={(e) => onChange(e.currentTarget.checked ? [...chosen, c.id] : chosen.filter((x) => x !== c.id))} />
                    <span>{c.profile.name}{c.profile.indoor && <small class="muted"> · inside</small>}</span>
                </label>
            ))}
        </fieldset>
    );
}

function Choose({ of: m, now: before, onClose, onChanged }: { of: Person; now: string[]; onClose: () => void; onChanged: () => Promise<void> }) {
    const mains = (household.value?.cameras ?? []).map((c) => c.id).filter((id) => before.includes(id));
    const [chosen, setChosen] = useState(mains);
    const { busy, error, run } = useAction();
    const save = (e: Event): void => {
        e.preventDefault();
        void run(async () => {
            const rest = await client.setPersonCameras(m.key, chosen);
            say(rest ?? `${m.name} sees ${camerasOf(chosen)}`, rest ? "bad" : "info");
            await Promise.all([loadShares(), onChanged()]);
            onClose();
        });
    };
    return (
        <Dialog title={`What ${m.name} sees`} onClose={onClose}>
            <form onSubmit={save}>
                <Cameras chosen={chosen} onChange={setChosen} />
                <p class="hint">A camera that you take away gets new keys, so that what comes from it opens for {m.name} no more.</p>
                {error && <Message kind="bad">{error}</Message>}
                <div class="actions"><Button look="quiet" onClick={onClose}>Cancel</Button><Button look="main" type="submit" busy={busy} disabled={chosen.length === 0}>Save</Button></div>
            </form>
        </Dialog>
    );
}

const daysLeft = (until: number): string => {
    const d = Math.ceil((until - now()) / 86_400);
    return d <= 1 ? "ends today" : `${d} days left`;
};

function Waiting({ of: i, onChanged }: { of: Invited; onChanged: () => Promise<void> }) {
    const [doing, setDoing] = useState<"link" | "withdraw" | null>(null);
    return (
        <li class="member">
            <Initial name={i.name} />
            <div class="member-words">
                <strong>{i.name}</strong>
                <small class="muted">{i.role === "viewer" ? camerasOf(i.cameras) : ROLES[i.role][0]} · {daysLeft(i.until)}</small>
                {i.problem && <small class="bad-text">{sentence(i.problem)}</small>}
            </div>
            <span class="pill">Waiting</span>
            <div class="member-do">
                <Button icon="link" look="quiet" onClick={() => setDoing("link")}>Link</Button>
                <Button look="danger" onClick={() => setDoing("withdraw")}>Withdraw</Button>
            </div>
            {doing === "link" && <Dialog title={`The invitation for ${i.name}`} onClose={() => setDoing(null)}><Given of={i} /></Dialog>}
            {doing === "withdraw" && (
                <Confirm title={`Withdraw the invitation for ${i.name}?`} action="Withdraw" onClose={() => setDoing(null)} onDone={async () => { await client.withdrawInvite(i.key); await onChanged(); }}>
                    <p>The link lets nobody in any more. You can invite {i.name} again at any time.</p>
                </Confirm>
            )}
        </li>
    );
}

function Given({ of: i }: { of: Invited }) {
    return (
        <>
            <p class="lead">Send this to {i.name} alone, by a way that nobody else reads: whoever opens it first is let in as {i.name}.</p>
            <Handover link={i.link} what={`An invitation to ${household.value?.name ?? "my home"}`} />
        </>
    );
}

function Invite({ onClose }: { onClose: () => void }) {
    const [made, setMade] = useState<Invited | null>(null);
    const [o, setO] = useState<InviteOptions>({ name: "", role: "viewer", cameras: (household.value?.cameras ?? []).filter((c) => !c.profile.indoor).map((c) => c.id), past: false, export: true });
    const { busy, error, run } = useAction();
    const submit = (e: Event): void => {
        e.preventDefault();
        void run(async () => setMade(await client.invite({ ...o, name: o.name.trim() })));
    };
    if (made)
        return (
            <Dialog title={`${made.name} is invited`} onClose={onClose}>
                <Given of={made} />
                <p class="share-seen"><Icon name="lock" /><span>Keep this app open on a device of yours until they are in: it hands over the keys. The link works for a week.</span></p>
                <div class="actions"><Button onClick={onClose}>Done</Button></div>
            </Dialog>
        );
    return (
        <Dialog title="Invite somebody" onClose={onClose}>
            <form onSubmit={submit}>
                <Field label="Name" name="name" value={o.name} maxLength={80} placeholder="Ben" hint="As it is to stand in your list and in the log." onInput={(e) => setO({ ...o, name: e.currentTarget.value })} required />
                <fieldset>
                    <legend>What they may do</legend>
                    {(["viewer", "member", "owner"] as const).map((role) => (
                        <label class="choice" key={role}>
                            <input type="radio" name="role" value={role} checked={o.role === role} onChange={() => setO({ ...o, role })} />
                            <span>{ROLES[role][0]}<small>{ROLES[role][1]}</small></span>
                        </label>
                    ))}
                </fieldset>
                {o.role === "viewer" && <Cameras chosen={o.cameras} onChange={(cameras) => setO({ ...o, cameras })} />}
                {o.role !== "owner" && (
                    <div>
                        <Switch label="The past too" hint="Off: only what is recorded from now on." checked={o.past} onChange={(past) => setO({ ...o, past })} />
                        <Switch label="May download" checked={o.export} onChange={(v) => setO({ ...o, export: v })} />
                    </div>
                )}
                {o.role === "owner" && <Message kind="warn">An owner gets the keys of your home, and can remove you. Invite as owner only who you would give your house key and your passport.</Message>}
                {error && <Message kind="bad">{error}</Message>}
                <div class="actions"><Button look="quiet" onClick={onClose}>Cancel</Button><Button look="main" type="submit" busy={busy} disabled={!o.name.trim() || (o.role === "viewer" && o.cameras.length === 0)}>Make the invitation</Button></div>
            </form>
        </Dialog>
    );
}
