/* What the pages share of seeing: the hub's answer, names, and the event index on this device. */
import { computed, signal } from "@preact/signals";
import type { SyncState } from "../shared/eventstore.ts";
import { messageOf, wordOf } from "../shared/errors.ts";
import type { RuleNames } from "../shared/rules.ts";
import type { Names } from "../shared/search.ts";
import { readSee, type Rule, type SeeState, type Zone } from "../shared/seeing.ts";
import { client, command, household, isOwner, listen, say } from "./state.ts";

/* `old`: the hub answers, but knows no seeing. */
export type Seeing = { kind: "asking" } | { kind: "here"; state: SeeState } | { kind: "old" } | { kind: "silent"; message: string };
export const seeing = signal<Seeing>({ kind: "asking" });
export const see = computed<SeeState | null>(() => (seeing.value.kind === "here" ? seeing.value.state : null));

export async function loadSee(): Promise<void> {
    if (!isOwner.peek()) return; /* a hub answers owners alone */
    try {
        seeing.value = { kind: "here", state: readSee(await command<unknown>("see.get", {})) };
    } catch (e) {
        const word = wordOf(e);
        /* A reply that is late now and then does not take away what is known. */
        if (seeing.peek().kind === "here" && word !== "unsupported") return;
        seeing.value = word === "unsupported" ? { kind: "old" } : { kind: "silent", message: messageOf(e) };
    }
}

/* Does it at the hub, then asks what is now. What went wrong is said, and thrown for who wants to know. */
export async function tell<T>(verb: string, args: { camera?: string } & Record<string, unknown>): Promise<T> {
    try {
        return await command<T>(verb, args);
    } finally {
        await loadSee();
    }
}
export const attempt = (work: Promise<unknown>): Promise<boolean> =>
    work.then(() => true, (e) => (say(messageOf(e), "bad"), false));

export function pollSee(ms: number): () => void {
    const ask = (): void => {
        if (document.visibilityState === "visible") void loadSee();
    };
    ask();
    const timer = setInterval(ask, ms);
    return () => clearInterval(timer);
}

export const zonesById = computed<Record<string, Zone>>(() =>
    Object.fromEntries(Object.values(see.value?.zones ?? {}).flat().map((z) => [z.id, z])));
export const cameraNames = computed<Record<string, string>>(() => Object.fromEntries((household.value?.cameras ?? []).map((c) => [c.id, c.profile.name])));
export const names = computed<Names>(() => ({
    cameras: cameraNames.value,
    zones: Object.fromEntries(Object.values(zonesById.value).map((z) => [z.id, z.name])),
    people: Object.fromEntries((see.value?.faces.people ?? []).map((p) => [p.id, p.name])),
}));
export const ruleNames = computed<RuleNames>(() => ({
    cameras: cameraNames.value, zones: zonesById.value, people: names.value.people,
    channels: Object.fromEntries((see.value?.channels ?? []).map((c) => [c.id, c.name])),
}));
export const ruleOf = (id: string): Rule | null => see.value?.rules.find((r) => r.id === id) ?? null;

export const sync = signal<SyncState>({ count: 0, version: 0, busy: false, done: 0, of: 0, problem: null });
listen((e) => {
    if (e.type === "events") sync.value = e;
});

/* Asks the vault for what is new, now and then, and at once when a hub says that something happened. */
export function pollEvents(ms: number): () => void {
    let waiting: ReturnType<typeof setTimeout> | undefined;
    const ask = (): void => {
        if (document.visibilityState === "visible") void client.syncEvents().catch(() => undefined);
    };
    const stop = listen((e) => {
        if (e.type !== "notice" || e.notice.kind !== "event") return;
        clearTimeout(waiting);
        waiting = setTimeout(ask, 400);
    });
    ask();
    const timer = setInterval(ask, ms);
    return () => (stop(), clearInterval(timer), clearTimeout(waiting));
}

/* One-tap "Not interesting", with undo. Kept here until the hub's next event says it by itself. */
export const marked = signal<ReadonlySet<string>>(new Set());
function mark(id: string, on: boolean): void {
    const next = new Set(marked.peek());
    if (on) next.add(id);
    else next.delete(id);
    marked.value = next;
}

export async function notInteresting(event: { id: string; camera: string }): Promise<void> {
    mark(event.id, true);
    try {
        await command("event.feedback", { camera: event.camera, event: event.id, verdict: "not_interesting" });
        say("What looks like this here will stay quiet", "info", () => void interesting(event));
    } catch (e) {
        mark(event.id, false);
        say(messageOf(e), "bad");
    }
}

export async function interesting(event: { id: string; camera: string }): Promise<void> {
    try {
        await command("event.feedback", { camera: event.camera, event: event.id, verdict: "interesting" });
        mark(event.id, false);
        say("Taken back");
    } catch (e) {
        say(messageOf(e), "bad");
    }
}
