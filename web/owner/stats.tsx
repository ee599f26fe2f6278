/* Counts over days: by label, by hour of the week, alerts against quiet, by camera. */
import { useSignal, useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import type { Stats } from "../shared/stats.ts";
import { dateValue, longDay, shortDay, startOfDay } from "./format.ts";
import { colorVar, Glyph, groupName } from "./glyph.tsx";
import { choose, go, route } from "./route.ts";
import { cameraNames, names, pollEvents, sync } from "./seeing.ts";
import { client, household, now, theme } from "./state.ts";
import { Icon, Page } from "./ui.tsx";

const SPANS: [string, string][] = [["7", "7 days"], ["30", "30 days"], ["90", "90 days"]];
const HEIGHT = 230;

export function StatsPage() {
    const stats = useSignal<Stats | null>(null);
    useEffect(() => pollEvents(60_000), []);
    const days = Number(route.value.query.get("days")) || 30;
    const camera = route.value.query.get("camera") ?? "";
    useSignalEffect(() => {
        void sync.value.version;
        const n = Number(route.value.query.get("days")) || 30;
        const c = route.value.query.get("camera");
        const to = startOfDay(now() + 86_400 + 3600);
        const from = startOfDay(now() - (n - 1) * 86_400);
        void client.eventStats({ without: ["motion"], cameras: c ? [c] : [] }, names.value, from, to).then((s) => (stats.value = s)).catch(() => undefined);
    });
    const s = stats.value;
    const cameras = household.value?.cameras ?? [];
    return (
        <Page title="Statistics" actions={
            <>
                {cameras.length > 1 && (
                    <label class={`pick ${camera ? "on" : ""}`}><span class="sr">Camera</span>
                        <select value={camera} onChange={(e) => choose({ camera: e.currentTarget.value })}><option value="">Every camera</option>{cameras.map((c) => <option key={c.id} value={c.id}>{c.profile.name}</option>)}</select><Icon name="down" />
                    </label>
                )}
                <div class="segmented small" role="radiogroup" aria-label="How far back">{SPANS.map(([v, text]) => <label key={v} class={String(days) === v ? "on" : ""}><input type="radio" name="days" checked={String(days) === v} onChange={() => choose({ days: v })} />{text}</label>)}</div>
            </>
        }>
            {s === null ? <div class="skeleton" role="status" aria-label="Counting"><span /><span /></div> : s.total === 0 ? <Empty /> : <Body s={s} days={days} />}
        </Page>
    );
}

const Empty = () => (
    <div class="empty">
        <div class="empty-art" aria-hidden="true"><Icon name="chart" /></div>
        <h2>Nothing to count yet</h2>
        <p>When your cameras have seen people, vehicles or pets for a day or two, you see here when your home is busy, and how many alerts that made.</p>
        <a class="button plain" href="#/events">Events</a>
    </div>
);

function Body({ s, days }: { s: Stats; days: number }) {
    const share = s.total > 0 ? Math.round((100 * s.alerted) / s.total) : 0;
    /* Days before the first event are no quiet days: most likely there was no camera yet. */
    const first = s.alerts.findIndex((n, i) => n + s.quiet[i]! > 0);
    const aDay = s.total / (first > 0 ? days - first : days);
    const busiest = s.hours.reduce((best, n, i) => (n > s.hours[best]! ? i : best), 0);
    return (
        <>
            <dl class="figures tiles">
                <div><dt>Events</dt><dd>{s.total.toLocaleString()}</dd></div>
                <div><dt>A day</dt><dd>{aDay.toFixed(aDay < 10 ? 1 : 0)}</dd></div>
                <div><dt>Alerts</dt><dd>{s.alerted.toLocaleString()} <small>{share} %</small></dd></div>
                <div><dt>Busiest hour</dt><dd>{WEEK[Math.floor(busiest / 24)]} {String(busiest % 24).padStart(2, "0")}:00</dd></div>
            </dl>
            <section class="card">
                <div class="card-head"><h2>Each day</h2><Legend s={s} /></div>
                <Chart days={s.days} series={s.labels.map((l, i) => ({ name: groupName(l), color: colorVar(l), values: s.byLabel[i]! }))} />
            </section>
            <div class="columns">
                <section class="card">
                    <div class="card-head"><h2>Alerts among them</h2><span class="muted num">{s.alerted} of {s.total}</span></div>
                    <Chart days={s.days} series={[{ name: "Alerts", color: "--live", values: s.alerts }, { name: "Quiet", color: "--tl-recorded", values: s.quiet }]} />
                </section>
                <section class="card">
                    <h2>When in the week</h2>
                    <Heat hours={s.hours} />
                </section>
            </div>
            {s.cameras.length > 1 && (
                <section class="card">
                    <h2>By camera</h2>
                    <ul class="bars">
                        {s.cameras.map((c) => (
                            <li key={c.id}>
                                <a href={`#/events?camera=${c.id}`}>{cameraNames.value[c.id] ?? "Removed camera"}</a>
                                <span class="bar" aria-hidden="true"><i style={{ width: `${(100 * c.events) / s.cameras[0]!.events}%` }} /></span>
                                <span class="num">{c.events.toLocaleString()}</span>
                                <small class="muted">{c.alerts.toLocaleString()} alerts</small>
                            </li>
                        ))}
                    </ul>
                </section>
            )}
        </>
    );
}

const Legend = ({ s }: { s: Stats }) => (
    <ul class="legend">{s.labels.slice(0, 8).map((l, i) => <li key={l}><Glyph label={l} />{groupName(l)} <span class="muted num">{s.byLabel[i]!.reduce((a, b) => a + b, 0).toLocaleString()}</span></li>)}</ul>
);

interface Series {
    name: string;
    color: string;
    values: number[];
}

/* Stacked bars by day. A click goes to that day's events; the table says the same to who does not see it. */
function Chart({ days, series }: { days: number[]; series: Series[] }) {
    const host = useRef<HTMLDivElement>(null);
    const hover = useSignal<number | null>(null);
    useEffect(() => {
        const el = host.current!;
        const style = getComputedStyle(el);
        const color = (v: string): string => style.getPropertyValue(v).trim();
        /* Each series on top of those before it: drawn from the top down. */
        const tops = series.map((_, i) => days.map((_, d) => series.slice(0, i + 1).reduce((n, x) => n + x.values[d]!, 0)));
        const bars = uPlot.paths.bars!({ size: [0.72, 46], radius: 0 });
        const plot = new uPlot({
            width: el.clientWidth, height: HEIGHT, padding: [10, 4, 0, 0], legend: { show: false },
            cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
            scales: { x: { time: false, range: (_, a, b) => [a - 0.6, b + 0.6] }, y: { range: (_, __, most) => [0, Math.max(4, most * 1.08)] } },
            series: [{}, ...series.map((x) => ({ label: x.name, fill: color(x.color), stroke: color(x.color), width: 0, paths: bars, points: { show: false } })).reverse()],
            axes: [
                { stroke: color("--muted"), grid: { show: false }, ticks: { show: false }, font: `12px ${style.fontFamily}`, size: 30, space: 64, values: (_, v) => v.map((i) => (Number.isInteger(i) && days[i] !== undefined ? shortDay(days[i]!) : "")) },
                { stroke: color("--muted"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false }, font: `12px ${style.fontFamily}`, size: 42, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000] },
            ],
            hooks: { setCursor: [(u) => (hover.value = u.cursor.idx ?? null)] },
        }, [days.map((_, i) => i), ...tops.reverse()], el);
        plot.over.addEventListener("click", () => {
            const i = plot.cursor.idx;
            if (i !== null && i !== undefined && days[i] !== undefined) go(`#/events?when=${dateValue(days[i]!)}`);
        });
        const observer = new ResizeObserver(() => plot.setSize({ width: el.clientWidth, height: HEIGHT }));
        observer.observe(el);
        return () => {
            observer.disconnect();
            plot.destroy();
        };
    }, [days, series.map((x) => x.values.join()).join("|"), theme.value]);
    const i = hover.value;
    return (
        <figure class="chart">
            <div ref={host} class="chart-plot" aria-hidden="true" />
            <figcaption class="chart-now">{i !== null && days[i] !== undefined ? <><strong>{longDay(days[i]!)}</strong> {series.filter((x) => x.values[i]! > 0).map((x) => <span key={x.name}><i style={{ background: `var(${x.color})` }} />{x.name} {x.values[i]}</span>)}</> : <span class="muted">Choose a day to see its events</span>}</figcaption>
            <div class="sr"><table>
                <caption>Events by day</caption>
                <thead><tr><th scope="col">Day</th>{series.map((x) => <th scope="col" key={x.name}>{x.name}</th>)}</tr></thead>
                <tbody>{days.map((d, n) => <tr key={d}><th scope="row">{longDay(d)}</th>{series.map((x) => <td key={x.name}>{x.values[n]}</td>)}</tr>)}</tbody>
            </table></div>
        </figure>
    );
}

const WEEK = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

function Heat({ hours }: { hours: number[] }) {
    const most = Math.max(1, ...hours);
    return (
        <div class="heat" role="table" aria-label="Events by hour of the week">
            <div role="row" class="heat-head"><span role="columnheader" />{Array.from({ length: 24 }, (_, h) => <span role="columnheader" key={h}>{h % 6 === 0 ? String(h).padStart(2, "0") : ""}</span>)}</div>
            {WEEK.map((d, w) => (
                <div role="row" key={d}>
                    <span role="rowheader">{d}</span>
                    {Array.from({ length: 24 }, (_, h) => {
                        const n = hours[w * 24 + h]!;
                        return <span role="cell" key={h} title={`${d} ${String(h).padStart(2, "0")}:00: ${n}`} aria-label={String(n)} style={{ "--n": `${n === 0 ? 0 : Math.round(14 + 86 * Math.sqrt(n / most))}%` }} />;
                    })}
                </div>
            ))}
        </div>
    );
}
