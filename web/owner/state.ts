/* What the pages share: the client in its worker, the household, the hubs' reports. Signals; no copy of what the URL holds. */
import { batch, computed, signal } from "@preact/signals";
import type { Client } from "../shared/client.ts";
import type { HouseholdView, HubReport, Standing } from "../shared/views.ts";
import { wordOf } from "../shared/errors.ts";
import { inspect } from "./inspect.ts";
import type { Remote } from "../shared/rpc.ts";
import { backend, listen } from "./backend.ts";

export const client = backend as unknown as Remote<Client>;
listen((e) => {
    if (e.type === "reach") reach(e.ok);
    else if (e.type === "outside") leaveHome(e.standing);
});
inspect({ client });

export { clockOffsetMs, listen, now } from "./backend.ts";
export { theme, type Theme } from "./theme.ts";

export type Phase = "starting" | "first" | "signin" | "recover" | "kit" | "home" | "outside" | "join" | "unreachable";
export const phase = signal<Phase>("starting");
export const household = signal<HouseholdView | null>(null);
/* Whoever is no owner sees, and sets nothing. */
export const isOwner = computed(() => household.value?.role === "owner");
export const outside = signal<Standing | null>(null); /* signed in, and in no home */
export const reports = signal<HubReport[]>([]);
export const vaultName = signal("");
export const joinCode = signal<string | null>(null); /* of an invitation that waits to be accepted */
export const signedOut = signal(false); /* by another device, or by time */
export const approvalCode = signal<string | null>(null); /* of a device that asks to be let in */
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

export async function loadHousehold(): Promise<void> {
    household.value = await client.view();
}

/* After signing in: the home, or why there is none. */
export async function goHome(): Promise<void> {
    const standing = await client.standing();
    signedOut.value = false;
    if (standing.open) await loadHousehold();
    outside.value = standing.open ? null : standing;
    if (approvalCode.value) location.hash = "#/approve";
    phase.value = joinCode.value ? "join" : standing.open ? "home" : "outside";
}

/* The home was closed while the app was open: nothing that was seen of it stays. */
function leaveHome(standing: Standing): void {
    location.hash = "";
    batch(() => {
        if (phase.value === "home") phase.value = "outside";
        outside.value = standing;
        household.value = null;
        reports.value = [];
    });
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
