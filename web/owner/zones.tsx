/* Zones and privacy masks, drawn on the camera's picture: by pointer, touch or keyboard, with undo. */
import { useSignal, type Signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import type { CameraView } from "../shared/views.ts";
import * as geo from "../shared/geometry.ts";
import type { Point, SeeState, Zone } from "../shared/seeing.ts";
import { inspect } from "./inspect.ts";
import { pollSee, tell } from "./seeing.ts";
import { WithSeeing } from "./seestate.tsx";
import { client, household, now, say } from "./state.ts";
import { Button, Confirm, Field, Message, Page, Tool, useAction } from "./ui.tsx";

/* A mask is drawn as a zone is; it has no name and no direction. */
export interface Shape {
    id: string;
    name: string;
    kind: Zone["kind"] | "mask";
    points: Point[];
    direction: Zone["direction"];
}
interface History {
    past: Shape[][];
    now: Shape[];
    future: Shape[][];
}

const KIND_WORDS: Record<Shape["kind"], { one: string; about: string }> = {
    include: { one: "Zone", about: "A place that rules can name." },
    exclude: { one: "Ignored area", about: "What stands here makes no event: the street, a neighbour's path." },
    line: { one: "Line", about: "Counts when feet cross it, in the arrow's direction or both." },
    mask: { one: "Privacy mask", about: "Painted black before anything is recorded." },
};

const newId = (): string => Array.from(crypto.getRandomValues(new Uint8Array(4)), (b) => b.toString(16).padStart(2, "0")).join("");

export function ZonesPage({ id }: { id: string }) {
    const camera = household.value?.cameras.find((c) => c.id === id);
    useEffect(() => pollSee(60_000), []);
    if (!camera) return <Page title="Zones"><div class="empty"><p>This camera is not here.</p><a class="button main" href="#/">All cameras</a></div></Page>;
    return (
        <Page title={`Zones · ${camera.profile.name}`} actions={<a class="button plain" href={`#/camera/${id}`}>Watch</a>}>
            <WithSeeing what="zones and masks">{(s) => <Editor key={id} camera={camera} state={s} />}</WithSeeing>
        </Page>
    );
}

const shapesOf = (s: SeeState, id: string): Shape[] => [
    ...(s.zones[id] ?? []).map((z) => ({ ...z, points: z.points.map((p) => [...p] as Point) })),
    ...(s.masks[id] ?? []).map((points, i): Shape => ({ id: `mask-${i}`, name: `Mask ${i + 1}`, kind: "mask", direction: "both", points: points.map((p) => [...p] as Point) })),
];

function useHistory(first: Shape[]) {
    const h = useSignal<History>({ past: [], now: first, future: [] });
    return {
        shapes: h.value.now, signal: h,
        canUndo: h.value.past.length > 0, canRedo: h.value.future.length > 0,
        /* `merge`: goes with the change before, as one drag is one step. */
        set(next: Shape[], merge = false): void {
            const { past, now: was } = h.peek();
            h.value = { past: merge ? past : [...past.slice(-99), was], now: next, future: [] };
        },
        undo(): void {
            const { past, now: was, future } = h.peek();
            if (past.length > 0) h.value = { past: past.slice(0, -1), now: past[past.length - 1]!, future: [was, ...future] };
        },
        redo(): void {
            const { past, now: was, future } = h.peek();
            if (future.length > 0) h.value = { past: [...past, was], now: future[0]!, future: future.slice(1) };
        },
        reset(to: Shape[]): void {
            h.value = { past: [], now: to, future: [] };
        },
    };
}
type Editing = ReturnType<typeof useHistory>;

function Editor({ camera, state }: { camera: CameraView; state: SeeState }) {
    const [saved, setSaved] = useState(() => shapesOf(state, camera.id));
    const edit = useHistory(saved);
    const chosen = useSignal<string | null>(saved[0]?.id ?? null);
    const [asking, setAsking] = useState(false);
    const { busy, error, run } = useAction();
    const dirty = JSON.stringify(edit.shapes) !== JSON.stringify(saved);
    const masksOf = (list: Shape[]): string => JSON.stringify(list.filter((s) => s.kind === "mask").map((s) => s.points));
    const zonesOf = (list: Shape[]): string => JSON.stringify(list.filter((s) => s.kind !== "mask"));
    inspect({ zones: edit.signal });

    useEffect(() => {
        const onKey = (e: KeyboardEvent): void => {
            if (!(e.ctrlKey || e.metaKey) || (e.target as HTMLElement).closest("input, dialog")) return;
            const key = e.key.toLowerCase();
            if (key === "z" && !e.shiftKey) edit.undo();
            else if (key === "y" || (key === "z" && e.shiftKey)) edit.redo();
            else return;
            e.preventDefault();
        };
        /* What was drawn is not lost by a stray click on the tab's cross. */
        const onLeave = (e: BeforeUnloadEvent): void => {
            if (JSON.stringify(edit.signal.peek().now) !== JSON.stringify(saved)) e.preventDefault();
        };
        addEventListener("keydown", onKey);
        addEventListener("beforeunload", onLeave);
        return () => (removeEventListener("keydown", onKey), removeEventListener("beforeunload", onLeave));
    }, [saved]);

    const save = async (): Promise<void> => {
        const shapes = edit.shapes;
        if (zonesOf(shapes) !== zonesOf(saved)) {
            const zones = shapes.filter((s) => s.kind !== "mask").map(({ id, name, kind, points, direction }) => ({ id, name: name.trim() || KIND_WORDS[kind].one, kind, points, direction }));
            await tell("zone.set", { camera: camera.id, zones });
        }
        if (masksOf(shapes) !== masksOf(saved)) await tell("mask.set", { camera: camera.id, masks: shapes.filter((s) => s.kind === "mask").map((s) => s.points) });
        setSaved(shapes);
        say("Zones are saved");
    };
    const tangled = edit.shapes.find((s) => s.kind !== "line" && geo.tangled(s.points));
    const zoneNames = edit.shapes.filter((s) => s.kind !== "mask").map((s) => s.name.trim());
    const twice = zoneNames.find((n, i) => zoneNames.indexOf(n) !== i);
    const add = (kind: Shape["kind"]): void => {
        const used = new Set(edit.shapes.map((s) => s.name));
        const base = kind === "include" ? "Zone" : KIND_WORDS[kind].one;
        let name = base;
        for (let n = 2; used.has(name); n++) name = `${base} ${n}`;
        const points: Point[] = kind === "line" ? [[2500, 7000], [7500, 7000]] : [[3000, 4000], [7000, 4000], [7000, 8000], [3000, 8000]];
        const shape: Shape = { id: newId(), name, kind, points, direction: "both" };
        edit.set([...edit.shapes, shape]);
        chosen.value = shape.id;
    };
    const zones = edit.shapes.filter((s) => s.kind !== "mask").length;
    const masks = edit.shapes.length - zones;
    return (
        <div class="zones">
            <div class="zones-main">
                <div class="zones-tools" role="toolbar" aria-label="Draw">
                    <Button icon="zone" disabled={zones >= geo.MAX_ZONES} onClick={() => add("include")}>Zone</Button>
                    <Button icon="line" disabled={zones >= geo.MAX_ZONES} onClick={() => add("line")}>Line</Button>
                    <Button icon="close" disabled={zones >= geo.MAX_ZONES} onClick={() => add("exclude")}>Ignore</Button>
                    <Button icon="mask" disabled={masks >= geo.MAX_MASKS} onClick={() => add("mask")}>Mask</Button>
                    <span class="grow" />
                    <Tool icon="undo" label="Undo" keys="Ctrl Z" disabled={!edit.canUndo} onClick={edit.undo} />
                    <Tool icon="redo" label="Redo" keys="Ctrl Shift Z" disabled={!edit.canRedo} onClick={edit.redo} />
                </div>
                <Canvas camera={camera} edit={edit} chosen={chosen} />
                <p class="hint zones-hint"><span class="foot-mark" aria-hidden="true" /> An object is where its feet are. The dots are where people and things stood in the last seven days: draw around them. Drag points, or move them with the arrow keys; <kbd>+</kbd> adds a point, <kbd>Del</kbd> takes it away.</p>
            </div>
            <div class="zones-side">
                {edit.shapes.length === 0 ? (
                    <div class="card zones-empty">
                        <h2>The whole picture counts</h2>
                        <p class="muted">Draw a zone where it matters, and rules can say “in Driveway”. Ignore the street, and it stays quiet. A mask hides what nobody should ever see.</p>
                    </div>
                ) : (
                    <ul class="shape-list" aria-label="Zones and masks">
                        {edit.shapes.map((s) => <ShapeRow key={s.id} shape={s} edit={edit} chosen={chosen} />)}
                    </ul>
                )}
                {tangled && <Message kind="warn">The edges of “{tangled.name}” cross each other. Move a point so that its shape is clear.</Message>}
                {twice !== undefined && <Message kind="warn">Two zones are called “{twice}”. Give one another name, so that rules can tell them apart.</Message>}
                {error && <Message kind="bad">{error}</Message>}
                <div class="actions">
                    <Button look="quiet" disabled={!dirty} onClick={() => edit.reset(saved)}>Discard</Button>
                    <Button look="main" busy={busy} disabled={!dirty || tangled !== undefined || twice !== undefined} onClick={() => (masksOf(edit.shapes) !== masksOf(saved) ? setAsking(true) : void run(save))}>Save</Button>
                </div>
            </div>
            {asking && (
                <Confirm title={masks > 0 ? "Burn the masks into every picture?" : "Record without masks?"} action={masks > 0 ? "Mask from now on" : "Take the masks off"} onClose={() => setAsking(false)} onDone={save}>
                    {masks > 0 ? <p>From now on {masks === 1 ? "this part is" : "these parts are"} black in everything “{camera.profile.name}” records and shows live. <strong>What is behind a mask is not recorded anywhere, and nobody can ever bring it back.</strong> What was recorded before stays as it is.</p>
                        : <p>From now on the whole picture is recorded and shown live again. What was recorded with masks stays black.</p>}
                    <p>The hub encodes the picture anew for this, which costs it some work.</p>
                </Confirm>
            )}
        </div>
    );
}

function ShapeRow({ shape: s, edit, chosen }: { shape: Shape; edit: Editing; chosen: Signal<string | null> }) {
    const on = chosen.value === s.id;
    const set = (part: Partial<Shape>, merge = false): void => edit.set(edit.shapes.map((x) => (x.id === s.id ? { ...x, ...part } : x)), merge);
    const remove = (): void => {
        edit.set(edit.shapes.filter((x) => x.id !== s.id));
        say(`“${s.name}” is taken away`, "info", edit.undo);
    };
    return (
        <li class={`shape ${s.kind} ${on ? "on" : ""}`}>
            <div class="shape-head">
                <button type="button" class="shape-pick" aria-expanded={on} onClick={() => (chosen.value = on ? null : s.id)}>
                    <i class="swatch" aria-hidden="true" /><span><strong>{s.name || KIND_WORDS[s.kind].one}</strong><small>{KIND_WORDS[s.kind].one}</small></span>
                </button>
                <Tool icon="trash" label={`Take ${s.name} away`} onClick={remove} />
            </div>
            {on && (
                <div class="shape-more">
                    <p class="muted small">{KIND_WORDS[s.kind].about}</p>
                    {s.kind !== "mask" && <Field label="Name" value={s.name} maxLength={40} onInput={(e) => set({ name: e.currentTarget.value }, true)} />}
                    {(s.kind === "include" || s.kind === "exclude") && (
                        <div class="segmented small" role="radiogroup" aria-label="What it does">
                            {([["include", "Counts"], ["exclude", "Ignored"]] as const).map(([k, text]) => <label key={k} class={s.kind === k ? "on" : ""}><input type="radio" name={`kind-${s.id}`} checked={s.kind === k} onChange={() => set({ kind: k })} />{text}</label>)}
                        </div>
                    )}
                    {s.kind === "line" && (
                        <>
                            <div class="segmented small" role="radiogroup" aria-label="Which way counts">
                                {([["both", "Both ways"], ["in", "Along the arrow"], ["out", "Against it"]] as const).map(([d, text]) => <label key={d} class={s.direction === d ? "on" : ""}><input type="radio" name={`dir-${s.id}`} checked={s.direction === d} onChange={() => set({ direction: d })} />{text}</label>)}
                            </div>
                            <Button onClick={() => set({ points: [s.points[1]!, s.points[0]!] })}>Turn the arrow round</Button>
                        </>
                    )}
                </div>
            )}
        </li>
    );
}

/* ---- the picture and what is drawn on it ---- */

function usePicture(camera: CameraView): string | null {
    const [url, setUrl] = useState<string | null>(null);
    useEffect(() => {
        let made: string | null = null;
        let gone = false;
        const load = async (): Promise<void> => {
            for (const back of [20, 90, 600, 86_400]) {
                const got = await client.picture(camera.id, now() - back).catch(() => null);
                if (gone) return;
                if (got) return setUrl((made = URL.createObjectURL(got.blob)));
            }
        };
        void load();
        return () => {
            gone = true;
            if (made) URL.revokeObjectURL(made);
        };
    }, [camera.id]);
    return url;
}

/* Where feet were in the last days: the best guide to where a zone belongs. */
function useFeet(camera: string): Point[] {
    const [feet, setFeet] = useState<Point[]>([]);
    useEffect(() => {
        void client.eventsBetween(camera, now() - 7 * 86_400, now()).then((events) => {
            const all = events.filter((e) => e.label !== "motion").flatMap((e) => e.path.filter((_, i) => i % 3 === 0).map((p) => geo.footOf([p[1], p[2], p[3], p[4]])));
            const step = Math.max(1, Math.ceil(all.length / 500));
            setFeet(all.filter((_, i) => i % step === 0));
        }).catch(() => undefined);
    }, [camera]);
    return feet;
}

const W = 1600; /* the drawing's units; its height follows the picture's shape */

function Canvas({ camera, edit, chosen }: { camera: CameraView; edit: Editing; chosen: Signal<string | null> }) {
    const svg = useRef<SVGSVGElement>(null);
    const url = usePicture(camera);
    const feet = useFeet(camera.id);
    const aspect = (camera.profile.width ?? 16) / (camera.profile.height ?? 9);
    const H = W / aspect;
    const at = ([x, y]: Point): Point => [(x / geo.FULL) * W, (y / geo.FULL) * H];
    const back = (e: PointerEvent): Point => {
        const r = svg.current!.getBoundingClientRect();
        return [((e.clientX - r.left) / r.width) * geo.FULL, ((e.clientY - r.top) / r.height) * geo.FULL];
    };
    const drag = useRef<{ id: string; point: number; from: Point; points: Point[]; moved: boolean } | null>(null);
    const put = (id: string, points: Point[], merge: boolean): void => edit.set(edit.signal.peek().now.map((s) => (s.id === id ? { ...s, points } : s)), merge);
    const start = (s: Shape, point: number) => (e: PointerEvent): void => {
        e.stopPropagation();
        chosen.value = s.id;
        svg.current!.setPointerCapture(e.pointerId);
        drag.current = { id: s.id, point, from: back(e), points: s.points, moved: false };
    };
    const move = (e: PointerEvent): void => {
        const d = drag.current;
        if (!d) return;
        const p = back(e);
        const points = d.point >= 0 ? geo.movePoint(d.points, d.point, p) : geo.moveAll(d.points, p[0] - d.from[0], p[1] - d.from[1]);
        put(d.id, points, d.moved);
        d.moved = true;
    };
    const end = (): void => void (drag.current = null);

    const focus = (id: string, i: number): void => void requestAnimationFrame(() => svg.current?.querySelector<SVGElement>(`[data-point="${id}-${i}"]`)?.focus());
    const most = (s: Shape): number => (s.kind === "line" ? 2 : s.kind === "mask" ? geo.MAX_MASK_POINTS : geo.MAX_ZONE_POINTS);
    const add = (s: Shape, i: number): void => {
        const next = geo.addPoint(s.points, i, most(s));
        if (next === s.points) return say(`A ${KIND_WORDS[s.kind].one.toLowerCase()} has at most ${most(s)} points`, "bad");
        put(s.id, next, false);
        focus(s.id, i + 1);
    };
    const drop = (s: Shape, i: number): void => {
        const next = geo.removePoint(s.points, i, s.kind === "line" ? 2 : geo.MIN_POINTS);
        if (next !== s.points) put(s.id, next, false);
        focus(s.id, Math.min(i, next.length - 1));
    };
    const key = (s: Shape, i: number) => (e: KeyboardEvent): void => {
        const by = e.shiftKey ? 500 : e.altKey ? 10 : 100;
        const ways: Record<string, Point> = { ArrowLeft: [-by, 0], ArrowRight: [by, 0], ArrowUp: [0, -by], ArrowDown: [0, by] };
        const way = ways[e.key];
        const p = s.points[i]!;
        if (way) put(s.id, geo.movePoint(s.points, i, [p[0] + way[0], p[1] + way[1]]), e.repeat);
        else if (e.key === "+" || e.key === "Enter") add(s, i);
        else if (e.key === "Delete" || e.key === "Backspace" || e.key === "-") drop(s, i);
        else return;
        e.preventDefault();
        e.stopPropagation();
    };
    const shapes = [...edit.shapes].sort((a, b) => Number(a.id === chosen.value) - Number(b.id === chosen.value));
    return (
        <div class="zones-picture" style={{ aspectRatio: String(aspect) }}>
            {url ? <img src={url} alt={`${camera.profile.name}, a recent picture`} draggable={false} /> : <span class="spinner" role="status" aria-label="Loading the picture" />}
            <svg ref={svg} viewBox={`0 0 ${W} ${H}`} onPointerMove={move} onPointerUp={end} onPointerCancel={end} onPointerDown={() => (chosen.value = null)} role="group" aria-label="Zones on the picture">
                <defs>
                    <pattern id="stripes" width="22" height="22" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="9" height="22" fill="currentColor" opacity=".5" /></pattern>
                </defs>
                {feet.map((f, i) => { const [x, y] = at(f); return <circle key={i} class="foot" cx={x} cy={y} r="5" />; })}
                {shapes.map((s) => {
                    const on = s.id === chosen.value;
                    const pts = s.points.map(at);
                    const [cx, cy] = at(geo.centre(s.points));
                    return (
                        <g key={s.id} class={`z ${s.kind} ${on ? "on" : ""}`}>
                            {s.kind === "line" ? <LineShape shape={s} at={at} aspect={aspect} onDown={start(s, -1)} />
                                : <polygon points={pts.map((p) => p.join(",")).join(" ")} onPointerDown={start(s, -1)} />}
                            <text x={cx} y={s.kind === "line" ? cy - 26 : cy} class="z-name">{s.name}</text>
                            {on && s.kind !== "line" && pts.length < most(s) && pts.map((_, i) => {
                                const [mx, my] = at(geo.midpoint(s.points, i));
                                return <circle key={`m${i}`} class="mid" cx={mx} cy={my} r="11" aria-hidden="true" onPointerDown={(e) => { e.stopPropagation(); const next = geo.addPoint(s.points, i, most(s)); put(s.id, next, false); svg.current!.setPointerCapture(e.pointerId); drag.current = { id: s.id, point: i + 1, from: back(e), points: next, moved: true }; }} />;
                            })}
                            {on && pts.map(([x, y], i) => (
                                <g key={i}>
                                    <circle class="grab" cx={x} cy={y} r="34" onPointerDown={start(s, i)} onDblClick={() => drop(s, i)} />
                                    <circle class="point" cx={x} cy={y} r="13" data-point={`${s.id}-${i}`} tabindex={0} role="button" onKeyDown={key(s, i)} onPointerDown={start(s, i)} onDblClick={() => drop(s, i)}
                                        aria-label={`Point ${i + 1} of ${s.points.length} of ${s.name}: ${Math.round(s.points[i]![0] / 100)} % from the left, ${Math.round(s.points[i]![1] / 100)} % from the top`} />
                                </g>
                            ))}
                        </g>
                    );
                })}
            </svg>
        </div>
    );
}

function LineShape({ shape: s, at, aspect, onDown }: { shape: Shape; at: (p: Point) => Point; aspect: number; onDown: (e: PointerEvent) => void }) {
    const [a, b] = s.points.map(at) as [Point, Point];
    const arrow = geo.arrowOf(s.points as [Point, Point], aspect);
    const head = (from: Point, to: Point): string => {
        const [fx, fy] = at(from);
        const [tx, ty] = at(to);
        const angle = Math.atan2(ty - fy, tx - fx);
        const wing = (d: number): string => `${tx - 24 * Math.cos(angle + d)},${ty - 24 * Math.sin(angle + d)}`;
        return `M${fx},${fy}L${tx},${ty}M${wing(0.5)}L${tx},${ty}L${wing(-0.5)}`;
    };
    return (
        <>
            <line class="hit" x1={a[0]} y1={a[1]} x2={b[0]} y2={b[1]} onPointerDown={onDown} />
            <line x1={a[0]} y1={a[1]} x2={b[0]} y2={b[1]} onPointerDown={onDown} />
            {s.direction !== "out" && <path class="arrow" d={head(arrow.from, arrow.to)} />}
            {s.direction !== "in" && <path class="arrow" d={head(arrow.to, arrow.from)} />}
        </>
    );
}

