/* Export of a clip: the range, progress, cancel, and an honest word on what is missing in it. */
import { useSignal, type Signal } from "@preact/signals";
import type { ClientEvent } from "../shared/views.ts";
import { exportName, type ExportResult } from "../shared/export.ts";
import { bytes, duration, fromLocalInput, localInput, whenTime } from "./format.ts";
import type { Player } from "./player.ts";
import { backend, listen } from "./backend.ts";
import type { Range } from "./timeline.tsx";
import { Button, Field, Message, sentence } from "./ui.tsx";
import { messageOf, wordOf } from "../shared/errors.ts";

interface Picker {
    showSaveFilePicker?: (o: unknown) => Promise<FileSystemFileHandle>;
}

interface Parts {
    player: Player;
    camera: { id: string; profile: { name: string } };
    trim: Signal<Range | null>;
    onShare?: () => void;
}

export function ExportPanel({ player, camera, trim, onShare }: Parts) {
    const job = useSignal<{ id: number; done: number } | null>(null);
    const error = useSignal<string | null>(null);
    const result = useSignal<Awaited<ReturnType<typeof backend.export>> | null>(null);
    const range = trim.value!;

    const start = async (rest?: ExportResult["rest"]): Promise<void> => {
        const from = rest?.from ?? range.from;
        error.value = null;
        result.value = null;
        const name = exportName(camera.profile.name, from);
        let file: FileSystemFileHandle | null = null;
        try {
            const picker = (window as unknown as Picker).showSaveFilePicker;
            if (picker) file = await picker({ suggestedName: name, types: [{ description: "MP4 video", accept: { "video/mp4": [".mp4"] } }] });
        } catch (e) {
            if (e instanceof DOMException && e.name === "AbortError") return;
        }
        const id = await backend.newJob();
        job.value = { id, done: 0 };
        const stop = listen((e: ClientEvent) => {
            if (e.type === "progress" && e.job === id) job.value = { id, done: e.done };
        });
        try {
            const made = await backend.export(id, camera.id, from, range.to, file, rest?.at);
            if (made.blob) save(made.blob, name);
            result.value = made;
        } catch (e) {
            error.value = wordOf(e) === "aborted" ? "The export was cancelled; nothing was kept." : sentence(messageOf(e));
        } finally {
            stop();
            job.value = null;
        }
    };

    const set = (key: "from" | "to") => (e: { currentTarget: HTMLInputElement }): void => {
        const t = fromLocalInput(e.currentTarget.value);
        if (Number.isFinite(t)) trim.value = { ...range, [key]: t };
    };
    const bad = range.to <= range.from;
    return (
        <section class="clip" aria-label="Export a clip">
            <div class="clip-range">
                <Field label="From" type="datetime-local" step="1" name="from" value={localInput(range.from)} onInput={set("from")} />
                <Field label="To" type="datetime-local" step="1" name="to" value={localInput(range.to)} onInput={set("to")} />
                <div class="clip-here">
                    <Button look="quiet" onClick={() => (trim.value = { from: player.time.peek(), to: Math.max(range.to, player.time.peek() + 1) })}>Starts here</Button>
                    <Button look="quiet" onClick={() => (trim.value = { from: Math.min(range.from, player.time.peek() - 1), to: player.time.peek() })}>Ends here</Button>
                </div>
            </div>
            <div class="clip-do">
                {job.value ? (
                    <>
                        <progress max={1} value={job.value.done} aria-label="Export" />
                        <span class="num">{Math.round(job.value.done * 100)} %</span>
                        <Button look="quiet" onClick={() => void backend.stop(job.value!.id)}>Cancel</Button>
                    </>
                ) : (
                    <>
                        <span class="muted">{bad ? "The end lies before the beginning" : `${duration(range.to - range.from)}, with the hub's signatures`}</span>
                        <Button look="quiet" onClick={() => (trim.value = null)}>Close</Button>
                        {onShare && <Button icon="link" disabled={bad} onClick={onShare}>Share…</Button>}
                        <Button look="main" disabled={bad} onClick={() => void start()}>Export MP4</Button>
                    </>
                )}
            </div>
            {error.value && <Message kind="bad">{error.value}</Message>}
            {result.value && <Outcome result={result.value} onRest={() => void start(result.value!.rest)} />}
        </section>
    );
}

function Outcome({ result, onRest }: { result: Awaited<ReturnType<typeof backend.export>>; onRest: () => void }) {
    const missing = result.gaps.reduce((n, [a, b]) => n + (b - a) / 1e6, 0);
    const whole = result.gaps.length === 0 && result.damaged.length === 0 && !result.rest;
    return (
        <Message kind={whole ? "good" : "warn"} title={`Exported ${duration(result.seconds)}, ${bytes(result.bytes)}`}>
            {whole ? <p>Nothing is missing. Anyone can check it with <code>cardea verify</code>.</p> : (
                <ul>
                    {result.gaps.length > 0 && <li>{duration(missing)} of it were not recorded: {result.gaps.slice(0, 4).map(([a, b]) => `${whenTime(a / 1e6)} to ${whenTime(b / 1e6)}`).join(", ")}.</li>}
                    {result.damaged.map((d) => <li key={d}>Left out: {d}</li>)}
                    {result.rest && <li>This file ends at {whenTime(result.rest.from)}, where the camera's picture changed its coding or size: the rest needs a file of its own.</li>}
                </ul>
            )}
            {result.rest && <div class="actions"><Button onClick={onRest}>Export the rest</Button></div>}
        </Message>
    );
}

function save(blob: Blob, name: string): void {
    const url = URL.createObjectURL(blob);
    const a = document.createElement("a");
    a.href = url;
    a.download = name;
    a.click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
