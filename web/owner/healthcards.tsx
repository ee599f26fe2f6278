/* Health figures of a ticket, as they are read: the same to the owner before they go, and to the agent when they came. */
import type { CameraHealth, Health } from "../shared/ticket.ts";
import { bytes, codecName, duration } from "./format.ts";

export function figuresOf(c: CameraHealth): [string, string][] {
    const out: [string, string][] = [];
    if (c.fps !== undefined) out.push(["Pictures/s", c.fps.toFixed(1)]);
    if (c.kbit_s !== undefined) out.push(["kbit/s", String(Math.round(c.kbit_s))]);
    if (c.lost !== undefined) out.push(["Lost", String(c.lost)]);
    if (c.restarts) out.push(["Restarts", String(c.restarts)]);
    if (c.width) out.push(["Picture", `${c.width}×${c.height ?? "?"}`]);
    if (c.codec) out.push(["Codec", codecName(c.codec)]);
    return out;
}

export function HealthCard({ camera: c }: { camera: CameraHealth }) {
    const well = c.state === "streaming" || c.state === undefined;
    return (
        <div class="health-card">
            <div class="card-head"><strong>{c.name}</strong><span class={`pill ${well ? "good" : "warn"}`}>{c.state === "streaming" ? "Streaming" : (c.state ?? "Unknown")}</span></div>
            <dl>{figuresOf(c).map(([k, v]) => <div key={k}><dt>{k}</dt><dd class="num">{v}</dd></div>)}</dl>
            {c.error && <p class="hint bad">{c.error}</p>}
        </div>
    );
}

export function HealthCards({ health }: { health: Health }) {
    const { hub } = health;
    const about = [hub?.version && `Hub ${hub.version}`, hub?.uptime_s !== undefined && `up ${duration(hub.uptime_s)}`, hub?.spool_bytes !== undefined && `${bytes(hub.spool_bytes)} waiting`, health.vault && `vault ${health.vault}`].filter(Boolean);
    return (
        <div class="health-cards">
            {health.cameras.map((c) => <HealthCard key={c.name} camera={c} />)}
            {about.length > 0 && <p class="muted num">{about.join(" · ")}</p>}
        </div>
    );
}
