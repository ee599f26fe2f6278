/* What the pages share: the client in its worker, the household, the hubs' reports. Signals; no copy of what the URL holds. */
import { effect, signal } from "@preact/signals";
import type { Client, ClientEvent, HouseholdView, HubReport } from "../shared/client.ts";
import { wordOf } from "../shared/errors.ts";
import { inspect } from "./inspect.ts";
import { remote } from "../shared/rpc.ts";

declare const WORKER_URL: string;

const listeners = new Set<(e: ClientEvent) => void>();
export const client = remote<Client>(new Worker(WORKER_URL, { type: "module" }), (e) => {
    const event = e as ClientEvent;
    if (event.type === "reach") reach(event.ok);
    listeners.forEach((l) => l(event));
});
inspect({ client });

export function listen(l: (e: ClientEvent) => void): () => void {
    listeners.add(l);
    return () => listeners.delete(l);
}

export type Phase = "starting" | "first" | "signin" | "recover" | "kit" | "home" | "unreachable";
export const phase = signal<Phase>("starting");
export const household = signal<HouseholdView | null>(null);
export const reports = signal<HubReport[]>([]);
export const clockOffsetMs = signal(0);
export const vaultName = signal("");
export const setupCode = signal<string | null>(null);
/* Since when the vault has not answered, or null. */
export const offlineSince = signal<number | null>(null);
export const toast = signal<{ text: string; kind: "info" | "bad"; key: number; undo?: () => void } | null>(null);

function reach(ok: boolean): void {
    if (ok && offlineSince.value !== null) offlineSince.value = null;
    if (!ok && offlineSince.value === null) offlineSince.value = Date.now();
}

let toasts = 0;
export function say(text: string, kind: "info" | "bad" = "info", undo?: () => void): void {
    const key = ++toasts;
    toast.value = { text, kind, key, ...(undo ? { undo } : {}) };
    setTimeout(() => {
        if (toast.value?.key === key) toast.value = null;
    }, kind === "bad" || undo ? 9000 : 5000);
}

export const command = <T>(verb: string, args: { camera?: string } & Record<string, unknown>): Promise<T> =>
    client.command(verb, args) as Promise<T>;

export const now = (): number => (Date.now() + clockOffsetMs.value) / 1000;

export async function loadHousehold(): Promise<void> {
    household.value = await client.view();
}

export async function loadReports(): Promise<void> {
    try {
        reports.value = await client.hubs();
    } catch (e) {
        if (wordOf(e) !== "offline") throw e;
    }
}

export const statusOf = (camera: string) => reports.value.flatMap((r) => r.cameras).find((c) => c.camera === camera) ?? null;
export const reportOf = (hub: string) => reports.value.find((r) => r.id === hub) ?? null;

/* Asks for the hubs' reports now and every `ms`, while the page is seen. */
export function pollReports(ms: number): () => void {
    const ask = (): void => {
        if (document.visibilityState === "visible") void loadReports().catch(() => undefined);
    };
    ask();
    const timer = setInterval(ask, ms);
    return () => clearInterval(timer);
}

/* Theme: the system's unless the person chose; kept on this device alone. */
export type Theme = "system" | "light" | "dark";
export const theme = signal<Theme>((localStorage.getItem("theme") as Theme | null) ?? "system");
effect(() => {
    if (theme.value === "system") {
        localStorage.removeItem("theme");
        delete document.documentElement.dataset["theme"];
    } else {
        localStorage.setItem("theme", theme.value);
        document.documentElement.dataset["theme"] = theme.value;
    }
});
