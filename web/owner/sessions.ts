/* The account's sessions as this device last heard of them. */
import { signal } from "@preact/signals";
import type { SessionView } from "../shared/signin.ts";
import { client } from "./state.ts";

export const sessions = signal<SessionView[] | null>(null);

export async function loadSessions(): Promise<void> {
    sessions.value = await client.sessions();
}

/* Somebody has said whose it is; or it has ended. */
export async function dropNews(id: string): Promise<void> {
    await client.knowSession(id);
    await loadSessions();
}
