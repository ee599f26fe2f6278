/* The account's sessions as this device last heard of them. */
import { signal } from "@preact/signals";
import { wordOf } from "../shared/errors.ts";
import type { SessionView } from "../shared/signin.ts";
import { client, household, phase, signedOut } from "./state.ts";

export const sessions = signal<SessionView[] | null>(null);

/* What was ended elsewhere is over here too. */
export async function loadSessions(): Promise<void> {
    try {
        sessions.value = await client.sessions();
    } catch (e) {
        if (wordOf(e) !== "ended") throw e;
        sessions.value = null;
        household.value = null;
        signedOut.value = true;
        location.hash = "";
        phase.value = "signin";
    }
}

/* Somebody has said whose it is; or it has ended. */
export async function dropNews(id: string): Promise<void> {
    await client.knowSession(id);
    await loadSessions();
}
