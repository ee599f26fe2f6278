/* Add a camera (seen before it is added), find cameras, pair a hub. */
import { useState } from "preact/hooks";
import { b64toBlob } from "./picture.ts";
import { go } from "./route.ts";
import { client, command, household, loadHousehold, loadReports, say } from "./state.ts";
import { Button, Field, Message, Page, Switch, useAction } from "./ui.tsx";
import { codecName } from "./format.ts";

interface Tested {
    width: number;
    height: number;
    codec: string;
    fps?: number;
    audio?: string | boolean | null;
    picture?: string;
}
interface Found {
    url: string;
    name?: string;
    model?: string;
}

export function AddPage() {
    const paired = (household.value?.hubs.length ?? 0) > 0;
    return <Page title={paired ? "Add a camera" : "Pair a hub"}>{paired ? <AddCamera /> : <PairHub />}</Page>;
}

function AddCamera() {
    const [form, setForm] = useState({ name: "", url: "", sub: "", user: "", password: "", indoor: true, audio: false });
    const [tested, setTested] = useState<Tested | null>(null);
    const [found, setFound] = useState<Found[] | null>(null);
    const test = useAction();
    const add = useAction();
    const look = useAction();
    const set = (k: "name" | "url" | "sub" | "user" | "password") => (e: { currentTarget: HTMLInputElement }) => {
        if (k !== "name") setTested(null);
        setForm({ ...form, [k]: e.currentTarget.value });
    };
    const address = withLogin(form.url.trim(), form.user, form.password);
    const sub = form.sub.trim() ? withLogin(form.sub.trim(), form.user, form.password) : undefined;
    const tryIt = (): void => void test.run(async () => {
        setTested(null);
        setTested(await command<Tested>("camera.test", { url: address }));
    });
    const submit = (e: Event): void => {
        e.preventDefault();
        if (!tested) return tryIt();
        void add.run(async () => {
            const { camera } = await command<{ camera: string }>("camera.add", {
                name: form.name.trim() || "Camera", url: address, ...(sub ? { sub } : {}), indoor: form.indoor, audio: form.audio,
            });
            await arrived(camera);
            await loadReports();
            say(`${form.name.trim() || "Camera"} is added`);
            go("#/");
        });
    };
    return (
        <div class="columns">
            <form class="card" onSubmit={submit}>
                <Field label="Name" name="name" value={form.name} onInput={set("name")} placeholder="Front door" maxLength={80} required />
                <Field label="Address" name="url" value={form.url} onInput={set("url")} placeholder="rtsp://192.168.1.20/stream1" autocapitalize="none" spellcheck={false} hint="rtsp://, rtsps://, onvif://, v4l2: or file:" required />
                <details>
                    <summary>Sign-in and substream</summary>
                    <div class="two">
                        <Field label="Camera's user" name="user" value={form.user} onInput={set("user")} autocomplete="off" autocapitalize="none" />
                        <Field label="Camera's password" name="password" type="password" value={form.password} onInput={set("password")} autocomplete="new-password" hint="Stays on the hub." />
                    </div>
                    <Field label="Substream" name="sub" value={form.sub} onInput={set("sub")} placeholder="rtsp://192.168.1.20/stream2" autocapitalize="none" spellcheck={false} hint="A smaller picture of the same camera, best in H.264: used for the wall, and where the main one does not play." />
                </details>
                <Switch label="Indoors" hint="Asks twice before anything of it is ever shared." checked={form.indoor} onChange={(indoor) => setForm({ ...form, indoor })} />
                <Switch label="Sound" hint="Some places forbid recording people's voices." checked={form.audio} onChange={(audio) => setForm({ ...form, audio })} />
                {test.error && <Message kind="bad" title="The camera did not answer as it should">{test.error}</Message>}
                {add.error && <Message kind="bad">{add.error}</Message>}
                <div class="actions">
                    <Button onClick={tryIt} busy={test.busy} disabled={!form.url.trim()}>Test</Button>
                    <Button look="main" type="submit" busy={add.busy} disabled={!tested || !form.name.trim()}>Add</Button>
                </div>
                {!tested && <p class="hint">Test first: you see what it sees before it is added.</p>}
            </form>
            <div>
                {tested && <TestedCard tested={tested} />}
                <section class="card">
                    <h2>On your network</h2>
                    <p class="muted">The hub asks the network for ONVIF cameras. Nothing leaves your home.</p>
                    <Button icon="search" busy={look.busy} onClick={() => void look.run(async () => setFound((await command<{ found: Found[] }>("camera.discover", {})).found))}>Look for cameras</Button>
                    {look.error && <Message kind="bad">{look.error}</Message>}
                    {found && found.length === 0 && <Message kind="warn" title="None answered">Switch ONVIF on in the camera's settings, check that it is on the hub's network, or type its address.</Message>}
                    <ul class="list">
                        {(found ?? []).map((f) => (
                            <li key={f.url}>
                                <button type="button" class="row" onClick={() => { setTested(null); setForm({ ...form, url: f.url, name: form.name || f.name || "" }); }}>
                                    <strong>{f.name || f.model || "Camera"}</strong><span class="muted">{f.url}</span>
                                </button>
                            </li>
                        ))}
                    </ul>
                </section>
            </div>
        </div>
    );
}

/* The hub answers before the profile is in the vault: wait for it, so that the wall shows it at once. */
async function arrived(camera: string): Promise<void> {
    for (let i = 0; i < 40; i++) {
        await loadHousehold();
        if (household.peek()?.cameras.some((c) => c.id === camera)) return;
        await new Promise((r) => setTimeout(r, 500));
    }
    throw new Error("the hub added the camera, but its first message has not arrived in the vault yet; it appears on its own");
}

/* Puts user and password into an address that has none. */
function withLogin(url: string, user: string, password: string): string {
    const parts = /^([a-z0-9+]+:\/\/)([^@/]+@)?(.*)$/i.exec(url);
    if (!parts || !user || parts[2]) return url;
    return `${parts[1]}${encodeURIComponent(user)}:${encodeURIComponent(password)}@${parts[3]}`;
}

function TestedCard({ tested }: { tested: Tested }) {
    const hevc = codecName(tested.codec) === "H.265";
    return (
        <section class="card tested" aria-label="What the camera sees">
            {tested.picture ? <img src={b64toBlob(tested.picture)} alt="The camera's picture now" /> : <div class="nothing">It answered, without a picture yet</div>}
            <p class="num">{tested.width}×{tested.height} · {codecName(tested.codec)}{tested.fps ? ` · ${Math.round(tested.fps)} pictures/s` : ""}{tested.audio ? " · sound" : ""}</p>
            {hevc && <Message kind="warn" title="H.265">Many browsers cannot play it. Give a substream in H.264 as well, or set the camera to H.264.</Message>}
        </section>
    );
}

function PairHub() {
    const [code, setCode] = useState("");
    const { busy, error, run } = useAction();
    return (
        <form class="card narrow" onSubmit={(e) => {
            e.preventDefault();
            void run(async () => {
                await client.pair(code);
                await loadHousehold();
                await loadReports();
                say("The hub is paired");
            });
        }}>
            <p>The hub prints a code when it starts without a household. Type it here; it proves to both sides that nobody stands between them.</p>
            <Field label="Pairing code" name="code" value={code} onInput={(e) => setCode(e.currentTarget.value)} placeholder="XXXX-XXXX-XXXX-XXXX" autocomplete="off" autocapitalize="characters" spellcheck={false} required />
            {error && <Message kind="bad">{error}</Message>}
            <Button look="main" type="submit" busy={busy} disabled={code.trim().length < 16}>Pair</Button>
        </form>
    );
}
