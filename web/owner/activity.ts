/* Who is watching now, as the vault tells it at each change, with the names that the notes have. */
import { signal } from "@preact/signals";
import type { Watching } from "../shared/views.ts";
import type { GrantView } from "../shared/grants.ts";
import { messageOf } from "../shared/errors.ts";
import { client, listen, now, say } from "./state.ts";

export const watching = signal<Watching[]>([]);
export const shares = signal<GrantView[] | null>(null);
export const sharesProblem = signal<string | null>(null);

export async function loadShares(): Promise<void> {
    try {
        shares.value = await client.shares();
        sharesProblem.value = null;
    } catch (e) {
        sharesProblem.value = messageOf(e);
    }
}

export const grantOf = (id: string): GrantView | null => shares.value?.find((g) => g.id === id) ?? null;

export function nameOf(g: GrantView | null, purpose: string): string {
    if (g?.note?.name) return g.note.name;
    return purpose === "support" ? "The support desk" : purpose === "member" ? "A member of your home" : purpose === "link" ? "Somebody with a link" : "Somebody";
}

/* m:ss, or null where there is no end to wait for. */
export function left(g: GrantView | null): string | null {
    if (!g) return null;
    const s = Math.round(g.statement.expires - now());
    if (s > 4 * 3600 || s < 0) return null;
    const h = Math.floor(s / 3600), m = Math.floor((s % 3600) / 60), rest = String(s % 60).padStart(2, "0");
    return h > 0 ? `${h}:${String(m).padStart(2, "0")}:${rest}` : `${m}:${rest}`;
}

/* Follows it until stopped. */
export function followActivity(): () => void {
    let job = 0;
    let gone = false;
    const stop = listen((e) => {
        if (e.type !== "activity" || e.job !== job) return;
        const unknown = e.grants.some((w) => !grantOf(w.id));
        watching.value = e.grants;
        if (unknown) void loadShares();
    });
    void client.activity().then((id) => (gone ? void client.stop(id) : (job = id))).catch(() => undefined);
    return () => {
        gone = true;
        stop();
        watching.value = [];
        if (job) void client.stop(job);
    };
}

export async function endShare(id: string): Promise<boolean> {
    try {
        const rest = await client.endShare(id);
        say(rest ?? "Ended. Nobody watches by it any more.", rest ? "bad" : "info");
        return true;
    } catch (e) {
        say(messageOf(e), "bad");
        return false;
    } finally {
        await loadShares();
    }
}
