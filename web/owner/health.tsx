/* Whether all is well: the hub, each camera, and what the vault holds. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { CameraStatus, HubReport, StoredCamera, Usage } from "../shared/views.ts";
import { messageOf } from "../shared/errors.ts";
import { ago, bytes, codecName, duration, fullTime } from "./format.ts";
import { stateOf } from "./channels.tsx";
import { attempt, pollSee, seeing, tell } from "./seeing.ts";
import { client, household, pollReports, reports } from "./state.ts";
import { Message, Page, Switch, sentence } from "./ui.tsx";

export function HealthPage() {
    const stored = useSignal<{ usage: Usage; cameras: StoredCamera[] } | null>(null);
    const error = useSignal<string | null>(null);
    useEffect(() => pollReports(4000), []);
    useEffect(() => pollSee(8000), []);
    useEffect(() => {
        const load = (): void => void client.storage().then((s) => ((stored.value = s), (error.value = null))).catch((e) => (error.value = sentence(messageOf(e))));
        load();
        const timer = setInterval(load, 15_000);
        return () => clearInterval(timer);
    }, []);
    const hubs = reports.value;
    return (
        <Page title="Storage and health">
            {(household.value?.hubs.length ?? 0) === 0 && <div class="empty"><h2>No hub yet</h2><p>Pair one to record your cameras.</p><a class="button main" href="#/add">Pair a hub</a></div>}
            {hubs.map((h) => <HubCard key={h.id} hub={h} />)}
            {hubs.some((h) => h.online) && <VisionCard />}
            {hubs.some((h) => h.online) && <AlertsCard />}
            {error.value && <Message kind="bad">{error.value}</Message>}
            {stored.value && <Stored usage={stored.value.usage} cameras={stored.value.cameras} />}
        </Page>
    );
}

function HubCard({ hub }: { hub: HubReport }) {
    const s = hub.status;
    const spool = s?.spool_bytes ?? 0;
    const limit = s?.spool_limit_bytes ?? 0;
    return (
        <section class="card" aria-label="Hub">
            <div class="card-head">
                <h2>Hub</h2>
                <span class={`pill ${hub.online ? "good" : "bad"}`}>{hub.online ? "Online" : "Offline"}</span>
            </div>
            {!hub.online && <Message kind="bad" title="The hub is not connected">{hub.since ? `Last seen ${ago(hub.since)}. ` : ""}Check its power and network. If it runs without this connection, it records into its own spool and sends everything later.</Message>}
            {hub.problem && <Message kind="warn" title="The hub did not answer">{sentence(hub.problem)}</Message>}
            {s && (
                <>
                    {s.state && s.state !== "ok" && s.message && !s.vault_since && <Message kind="warn" title="The hub says">{sentence(s.message)}</Message>}
                    {s.clock_ok === false && <Message kind="warn" title="The hub's clock is wrong">Recordings carry its time. Switch on time synchronisation on that machine.</Message>}
                    {s.vault_since && <Message kind="warn" title="The hub cannot reach the vault">Since {ago(s.vault_since)}. It records into its spool; nothing is lost until that is full.</Message>}
                    {(s.dropped_bytes ?? 0) > 0 && <Message kind="bad" title={`${bytes(s.dropped_bytes!)} were lost`}>The spool was full while the vault could not be reached, and the oldest continuous recordings gave way.</Message>}
                    <dl class="figures">
                        <div><dt>Running for</dt><dd>{duration(s.uptime_s ?? 0)}</dd></div>
                        <div><dt>Waiting to be sent</dt><dd>{bytes(spool)}{limit > 0 && <small> of {bytes(limit)}</small>}</dd></div>
                        <div><dt>Version</dt><dd>{s.version ?? "unknown"}</dd></div>
                    </dl>
                    {hub.cameras.length > 0 && <CameraTable cameras={hub.cameras} />}
                </>
            )}
        </section>
    );
}

const KINDS: Record<string, string> = { "motion-classifier": "built in", picodet: "detector", yolox: "detector", darknet: "detector" };

/* Who looks, how well, and whether it does. */
function VisionCard() {
    const s = seeing.value;
    if (s.kind === "asking" || s.kind === "silent") return null;
    if (s.kind === "old") {
        return (
            <section class="card" aria-label="Seeing">
                <div class="card-head"><h2>Seeing</h2><span class="pill">Not on this hub</span></div>
                <p class="muted">This hub records and cannot tell what is in the picture. Update Cardea on it to find people, vehicles and pets.</p>
            </section>
        );
    }
    const { on, model, vision } = s.state;
    const coarse = model?.kind === "motion-classifier";
    const well = vision?.state === "working";
    const skipped = vision && (vision.frames ?? 0) + (vision.skipped ?? 0) > 0 ? (100 * (vision.skipped ?? 0)) / ((vision.frames ?? 0) + (vision.skipped ?? 0)) : 0;
    return (
        <section class="card" aria-label="Seeing">
            <div class="card-head">
                <h2>Seeing</h2>
                <span class={`pill ${!on ? "" : well ? "good" : "warn"}`}>{!on ? "Off" : well ? "Looking" : vision?.state === "starting" ? "Starting" : "Not at work"}</span>
            </div>
            {on && vision?.message && !well && <Message kind="warn" title="Recognition is not at work">{sentence(vision.message)} {typeof vision.since === "string" && `Since ${ago(vision.since)}. `}Recording goes on, and events say that nobody was looking. The hub starts it again by itself; if it stays so, <code>cardea model use auto</code> has another model look.</Message>}
            {well && model?.message && <Message kind={coarse ? "info" : "warn"}>{sentence(model.message)}</Message>}
            <dl class="figures">
                <div><dt>Model</dt><dd>{model ? (coarse ? "Built-in classifier" : model.name) : "None"} <small class="below">{model ? (coarse ? "coarse: person, vehicle, animal" : (KINDS[model.kind] ?? model.kind)) : ""}</small></dd></div>
                {(vision?.detect_ms ?? 0) > 0 && <div><dt>One look takes</dt><dd>{Math.round(vision!.detect_ms!)} <small>ms</small></dd></div>}
                {vision?.frames !== undefined && <div><dt>Pictures looked at</dt><dd>{vision.frames.toLocaleString()} <small>{skipped >= 0.5 ? `${Math.round(skipped)} % skipped, the hub is busy` : ""}</small></dd></div>}
            </dl>
            <Switch label="Look for people, vehicles and pets" hint="Off: the hub records without looking, and nothing alerts." checked={on} onChange={(v) => void attempt(tell("see.set", { on: v }))} />
            {coarse && <p class="hint">The built-in classifier tells a person, a vehicle and an animal apart, roughly. A detector is better: <code>cardea model get yolox-nano</code>, where there is a network, and <code>cardea model use auto</code>.</p>}
        </section>
    );
}

/* Whether those who are to be told can be. */
function AlertsCard() {
    const s = seeing.value;
    if (s.kind !== "here" || s.state.channels.length === 0) return null;
    const all = s.state.channels.map((c) => ({ c, s: stateOf(c) }));
    const failing = all.filter((x) => x.s.look === "bad" || x.s.look === "warn");
    return (
        <section class="card" aria-label="Alerts">
            <div class="card-head">
                <h2>Alerts</h2>
                <span class={`pill ${failing.length > 0 ? "warn" : "good"}`}>{failing.length > 0 ? `${failing.length} of ${all.length} not reached` : "All reached"}</span>
            </div>
            {failing.map(({ c, s }) => <Message key={c.id} kind="warn" title={c.name}>{s.more ?? s.text}</Message>)}
            <p class="muted">{failing.length > 0 ? "Recording goes on. " : ""}<a href="#/alerts?show=channels">{failing.length > 0 ? "Test or change them" : "Whom alerts go to"}</a></p>
        </section>
    );
}

function CameraTable({ cameras }: { cameras: CameraStatus[] }) {
    return (
        <div class="scroll">
            <table class="cameras">
                <thead><tr><th scope="col">Camera</th><th scope="col">State</th><th scope="col" class="n">Pictures/s</th><th scope="col" class="n">kbit/s</th><th scope="col" class="n">Lost</th><th scope="col">Picture</th></tr></thead>
                <tbody>
                    {cameras.map((c) => (
                        <tr key={c.camera}>
                            <th scope="row">{c.name}{c.kind === "sub" && <small class="muted"> substream</small>}</th>
                            <td><span class={`pill ${c.state === "streaming" ? "good" : "warn"}`}>{c.state === "streaming" ? (c.recording === false ? "Live only" : "Recording") : c.state}</span>{c.state !== "streaming" && c.message && <small class="muted"> {c.message}</small>}</td>
                            <td class="n">{c.fps !== undefined && c.fps !== null ? c.fps.toFixed(1) : "–"}</td>
                            <td class="n">{c.kbit_s !== undefined && c.kbit_s !== null ? Math.round(c.kbit_s) : "–"}</td>
                            <td class="n">{c.lost ?? 0}</td>
                            <td class="num">{c.width ? `${c.width}×${c.height} ${codecName(c.codec)}` : "–"}</td>
                        </tr>
                    ))}
                </tbody>
            </table>
        </div>
    );
}

function Stored({ usage, cameras }: { usage: Usage; cameras: StoredCamera[] }) {
    const known = household.value?.cameras ?? [];
    const nameOf = (id: string): string => {
        const main = known.find((c) => c.id === id);
        if (main) return main.profile.name;
        const of = known.find((c) => c.sub?.id === id);
        return of ? `${of.profile.name}, substream` : "Removed camera";
    };
    const largest = Math.max(1, ...cameras.map((c) => c.bytes));
    return (
        <section class="card" aria-label="Vault">
            <div class="card-head">
                <h2>Vault</h2>
                <span class="num muted">{bytes(usage.bytes)}{usage.quota_bytes > 0 && ` of ${bytes(usage.quota_bytes)}`}, all of it sealed</span>
            </div>
            {usage.quota_bytes > 0 && <progress max={usage.quota_bytes} value={usage.bytes} aria-label="Used of the quota" />}
            {cameras.length === 0 && <p class="muted">Nothing is stored yet. A minute of recording arrives when it is whole.</p>}
            <ul class="bars">
                {cameras.map((c) => (
                    <li key={c.camera}>
                        <span>{nameOf(c.camera)}</span>
                        <span class="bar" aria-hidden="true"><i style={{ width: `${(100 * c.bytes) / largest}%` }} /></span>
                        <span class="num">{bytes(c.bytes)}</span>
                        <small class="muted">{c.reels > 0 ? `since ${fullTime(c.first)}` : "the first minute is being recorded"}, {c.retention_days > 0 ? `kept ${c.retention_days} ${c.retention_days === 1 ? "day" : "days"}` : "kept until deleted"}</small>
                    </li>
                ))}
            </ul>
        </section>
    );
}
