/* The URL's fragment is the app's only place of state that is worth keeping: page, camera, time, speed. */
import { signal } from "@preact/signals";

export interface Route {
    path: string[];
    query: URLSearchParams;
}

function parse(): Route {
    const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
    return { path: (path ?? "").split("/").filter((p) => p !== "").map(decodeURIComponent), query: new URLSearchParams(query) };
}

export const route = signal<Route>(parse());
addEventListener("hashchange", () => (route.value = parse()));

export const go = (hash: string): void => {
    location.hash = hash;
};

/* Changes the query without a new entry in the history. */
export function note(changes: Record<string, string | null>): void {
    const { path, query } = parse();
    for (const [k, v] of Object.entries(changes)) v === null ? query.delete(k) : query.set(k, v);
    const q = query.toString();
    history.replaceState(null, "", `#/${path.join("/")}${q ? `?${q}` : ""}`);
}

/* The same, for what the page itself follows: filters, an opened event. `keep` makes an entry to go back to. */
export function choose(changes: Record<string, string | null>, keep = false): void {
    const { path, query } = parse();
    for (const [k, v] of Object.entries(changes)) v === null || v === "" ? query.delete(k) : query.set(k, v);
    const q = query.toString();
    const hash = `#/${path.join("/")}${q ? `?${q}` : ""}`;
    if (hash === location.hash) return;
    if (keep) location.hash = hash;
    else {
        history.replaceState(null, "", hash);
        route.value = parse();
    }
}

/* #join=CODE, and &signup=CODE where one is needed: an invitation. It outlives a reload of this tab, and not the tab. */
export function takeInvitation(): { join: string; signup: string | null } | null {
    const found = /^#join=([0-9A-Za-z-]+)(?:&signup=([0-9A-Za-z-]+))?$/.exec(location.hash);
    if (found) {
        history.replaceState(null, "", location.pathname);
        sessionStorage.setItem("join", JSON.stringify({ join: found[1], signup: found[2] ?? null }));
    }
    const kept = sessionStorage.getItem("join");
    return kept ? (JSON.parse(kept) as { join: string; signup: string | null }) : null;
}
export const dropInvitation = (): void => sessionStorage.removeItem("join");

/* #setup=CODE, given by `cardea home` to the first visitor; taken out of the address at once. */
export function takeSetupCode(): string | null {
    const code = /^#setup=([0-9A-Za-z-]+)$/.exec(location.hash)?.[1] ?? null;
    if (code) history.replaceState(null, "", location.pathname);
    return code;
}

/* #approve=CODE, read from another device's screen: that device asks to be let in. */
export function takeApproval(): string | null {
    const code = /^#approve=([0-9A-Za-z-]+)$/.exec(location.hash)?.[1] ?? null;
    if (code) history.replaceState(null, "", location.pathname);
    return code;
}
