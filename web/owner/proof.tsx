/* What is proven and when; and what to make of it when the proof fails. */
import { useState } from "preact/hooks";
import type { Failure } from "../shared/lookmemory.ts";
import type { LookedState } from "../shared/wholooked.ts";
import { fullTime } from "./format.ts";
import { agoWords, atWords, CASES, checkNow, plural, proof } from "./looked.ts";
import { client, now, say } from "./state.ts";
import { Button, Confirm, Icon, Message, sentence } from "./ui.tsx";

const STEPS: Record<LookedState["step"], string> = {
    idle: "", entries: "Asking for your entries…", proofs: "Proving each entry…", tail: "Looking for entries that were kept from you…", witness: "Asking your hub what it has witnessed…",
    everything: "Checking everything, once…",
};

function witnessed(s: LookedState): string {
    if (!s.witness) return s.witnessProblem ? "not yet witnessed by your hub" : "";
    return s.witnessProblem || now() - s.witness.at > 600 ? `witnessed by your hub ${agoWords(s.witness.at)}` : "witnessed by your hub";
}

export function ProofCard() {
    const s = proof.value;
    const busy = !!s && s.step !== "idle";
    const p = s?.proven;
    if (s?.failure) return null;
    const known = p || (s && !s.problem);
    const share = busy && s.of > 0 ? Math.round((100 * s.done) / s.of) : null;
    return (
        <section class={`card proof ${s?.problem ? "amiss" : p ? "whole" : ""}`} aria-label="What is proven">
            <div class="proof-head">
                <span class="proof-mark" aria-hidden="true">{busy && !p ? <span class="spinner" /> : <Icon name={s?.problem ? "warn" : p ? "check" : "lock"} />}</span>
                <div class="proof-words" role="status">
                    <strong>{s?.problem ? (p ? `Last proven whole ${agoWords(p.at)}` : "Not proven yet") : p ? `Proven whole ${agoWords(p.at)}` : "Proving…"}</strong>
                    <small class="muted">
                        {s?.problem ? sentence(s.problem) : busy && !p ? `${STEPS[s.step]}${share !== null ? ` ${share} %` : ""}` : p ? [p.entries === 0 ? "No entry concerns you" : plural(p.entries, "entry of yours", "entries of yours"), witnessed(s!)].filter(Boolean).join(", ") : known ? "This device asks the vault for its log." : ""}
                    </small>
                </div>
                <Button icon="replay" busy={busy} onClick={() => void checkNow().catch((e) => say(String(e.message ?? e), "bad"))}>Check now</Button>
            </div>
            {busy && share !== null && s.of > 20 && <progress class="proof-progress" max={100} value={share} aria-label={STEPS[s.step]} />}
            {s?.step === "everything" && <p class="hint proof-everything">Checking everything, once: {share} % of {p!.size.toLocaleString()} entries. You can leave this page; it goes on, and on this device it is not done again.</p>}
            {p && <How s={s!} />}
        </section>
    );
}

function How({ s }: { s: LookedState }) {
    const p = s.proven!;
    return (
        <details class="proof-how">
            <summary>How this is proven</summary>
            <div class="prose">
                <p>Your vault writes down every access in a log that can only grow, before anything is opened. Only your household can tell which entries are yours. This device checks, without believing the vault:</p>
                <ul class="proof-list">
                    <li><Icon name="check" />The log is signed by the key that your household pinned.</li>
                    <li><Icon name="check" />It continues, entry for entry, the log that this device saw before.</li>
                    <li><Icon name={s.witness && !s.witnessProblem ? "check" : "more"} />{s.witness && !s.witnessProblem ? "It continues what the hub in your home has witnessed." : sentence(s.witnessProblem ?? "your hub has not been asked yet")}</li>
                    <li><Icon name="check" />Your entries are numbered, and no number is missing; each one is in the log.</li>
                    <li><Icon name={p.searched >= p.size && p.from === 0 ? "check" : "more"} />{p.searched >= p.size ? (p.from === 0 ? "Nothing of yours in the log was kept from this device: all of it was read." : <Past s={s} />) : `The log is searched for what was kept from you: ${p.searched.toLocaleString()} of ${p.size.toLocaleString()} entries so far.`}</li>
                    <li><Icon name="check" />Time does not go back in it, nor is it ahead of this device's clock, by more than five minutes.</li>
                    <li><Icon name="check" />Everything you allowed or ended is in it, and nothing was used that you did not allow.</li>
                </ul>
                <p class="muted">What nobody can prove: what people do with what you rightly showed them.</p>
            </div>
            <dl class="ledger">
                <div><dt>Log</dt><dd><code>{p.origin}</code></dd></div>
                <div><dt>Entries in all</dt><dd class="num">{p.size.toLocaleString()}</dd></div>
                <div><dt>Its key</dt><dd><code>{p.key}</code></dd></div>
                <div><dt>Root</dt><dd><code>{p.root}</code></dd></div>
                {s.witness && <div><dt>Witness</dt><dd><code>cardea-hub/{s.witness.hub.slice(0, 16)}</code>, {s.witness.size.toLocaleString()} entries, {fullTime(s.witness.at)}</dd></div>}
                {s.evidence.length > 0 && <div><dt>Earlier failures</dt><dd>{s.evidence.map((f) => <button type="button" class="link" key={f.at} onClick={() => keep(f, "evidence")}>{CASES[f.case].title}, {fullTime(f.at)}</button>)}</dd></div>}
            </dl>
        </details>
    );
}

/* What stands before this device's first look is read once; of a large log when somebody asks for it, since that is much to fetch. */
function Past({ s }: { s: LookedState }) {
    const p = s.proven!;
    const run = () => void checkNow(true).catch((e) => say(String(e.message ?? e), "bad"));
    return (
        <span>
            Nothing of yours in the log was kept from this device, from entry {p.from.toLocaleString()} on.{" "}
            {s.step === "everything" ? "What stands before is being read." : <button type="button" class="link" onClick={run}>Read what stands before, about {megabytes(p.from - p.past)}</button>}
        </span>
    );
}
const megabytes = (entries: number): string => `${Math.max(1, Math.round((entries * ENTRY_BYTES) / 1e6)).toLocaleString()} MB`;
const ENTRY_BYTES = 350; /* about, as the log has them */

/* ---- a proof that failed ---- */

const file = (name: string, text: string): void => {
    const a = document.createElement("a");
    a.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    a.download = name;
    a.click();
    setTimeout(() => URL.revokeObjectURL(a.href), 10_000);
};
const stamp = (s: number): string => new Date(s * 1000).toISOString().slice(0, 19).replaceAll(":", "-");

function keep(f: Failure, which: "before" | "now" | "evidence"): void {
    if (which === "before") file(`cardea-log-before-${stamp(f.at)}.txt`, f.before ?? "");
    else if (which === "now") file(`cardea-log-now-${stamp(f.at)}.txt`, f.now ?? "");
    else file(`cardea-log-evidence-${stamp(f.at)}.json`, JSON.stringify({ v: 1, ...f, at: new Date(f.at * 1000).toISOString(), vault: location.origin }, null, 1));
}

const sizeOf = (note: string | null): string => {
    const [, size] = (note ?? "").split("\n");
    return size && /^\d+$/.test(size) ? plural(Number(size), "entry", "entries") : "cannot be read";
};

export function FailurePage({ of: f }: { of: Failure }) {
    const [accepting, setAccepting] = useState(false);
    const c = CASES[f.case];
    const fork = f.before !== null && f.now !== null;
    return (
        <div class="failure">
            <section class="failure-head" role="alert">
                <span class="failure-mark" aria-hidden="true"><Icon name="warn" /></span>
                <div>
                    <h2>{c.title}</h2>
                    <p>{c.means}</p>
                    <p class="failure-said">{sentence(f.message)} <span class="muted">Found {atWords(f.at)}.</span></p>
                </div>
            </section>
            <div class="columns">
                <section class="card">
                    <h2>What to do now</h2>
                    <ol class="failure-steps">
                        <li><strong>Keep the evidence.</strong> It lies on this device; save a copy of it elsewhere too. The checkpoints are signed by the vault: it cannot deny them.</li>
                        <li><strong>Ask whoever runs the vault</strong> what happened. If it is you, and you restored it from a backup, that explains a log that became shorter: nothing was hidden then.</li>
                        <li><strong>Look from another device.</strong> If it says the same, the log is wrong; if it does not, somebody stands between this device and the vault.</li>
                        <li><strong>Until it is explained</strong>, give nobody access, and end what is open: <a class="link" href="#/shared">shared links</a>, <a class="link" href="#/people">people</a>.</li>
                    </ol>
                    <p class="muted">Your recordings stay sealed whatever the vault does: it has no keys. What failed is the proof of who was let in.</p>
                </section>
                <section class="card">
                    <h2>Evidence</h2>
                    {fork ? (
                        <div class="evidence">
                            <Checkpoint title={f.case === "witness" ? "What your hub witnessed" : "What this device saw before"} note={f.before} onSave={() => keep(f, "before")} />
                            <Checkpoint title="What the vault shows now" note={f.now} onSave={() => keep(f, "now")} />
                        </div>
                    ) : <Checkpoint title="What the vault showed" note={f.now ?? f.before} onSave={() => keep(f, f.now ? "now" : "before")} />}
                    <div class="actions start"><Button icon="down" look="main" onClick={() => keep(f, "evidence")}>Save all of it</Button></div>
                    <p class="hint">Anybody can hold a checkpoint against the log: <code>cardea log audit {location.origin}</code></p>
                </section>
            </div>
            <div class="failure-accept">
                <Button look="quiet" onClick={() => setAccepting(true)}>It is explained: go on with the log as it is</Button>
            </div>
            {accepting && (
                <Confirm title="Go on with this log?" word="go on" action="Go on" onClose={() => setAccepting(false)} onDone={() => client.acceptLog()}>
                    <p>This device forgets what it had proven, and begins anew with the log as the vault shows it. What was hidden in it stays hidden.</p>
                    <p>The evidence is kept, under “How this is proven”.</p>
                </Confirm>
            )}
        </div>
    );
}

function Checkpoint({ title, note, onSave }: { title: string; note: string | null; onSave: () => void }) {
    if (!note) return <Message kind="info">No checkpoint belongs to this.</Message>;
    return (
        <div class="checkpoint">
            <div class="checkpoint-head"><span><strong>{title}</strong><small class="muted"> · {sizeOf(note)}</small></span><button type="button" class="link" onClick={onSave}>Save</button></div>
            <pre tabIndex={0} aria-label={title}>{note.trim()}</pre>
        </div>
    );
}
