/* Who looked: what the worker has proven, kept up to date while the app is open, and how it is put in words. */
import { signal } from "@preact/signals";
import type { Look, OwnEntry } from "../shared/looks.ts";
import { isWatching, liveSeconds } from "../shared/looks.ts";
import type { FailureCase } from "../shared/lookmemory.ts";
import { alarmWords, unusual, type Alarm } from "../shared/unusual.ts";
import type { GrantSeen, LookedState } from "../shared/wholooked.ts";
import { clockTime, dayName, duration, isToday, minuteTime } from "./format.ts";
import { client, household, listen, now } from "./state.ts";

const RECHECK_MS = 150_000;
const FRESH_S = 5;
/* Without a proof for so long, it is said on every page: a vault that just does not answer is no excuse for ever. */
const STALE_S = 3 * 86_400;

export interface Story {
    looks: Look[];
    entries: OwnEntry[];
    grants: Record<string, GrantSeen>;
    alarms: Alarm[];
}
export interface Subject {
    text: string;
    agents: { key: string; number: number }[];
}

export const proof = signal<LookedState | null>(null);
export const story = signal<Story | null>(null);
export const subjects = signal<Record<string, Subject | null>>({});

let shown = -1;
async function load(version: number): Promise<void> {
    if (version === shown) return;
    shown = version;
    const { looks, entries, grants } = await client.whoLooked();
    story.value = { looks, entries, grants, alarms: unusual(entries) };
    for (const look of looks) if (look.ticket && !(look.ticket in subjects.value)) void askSubject(look.ticket);
}

async function askSubject(ticket: string): Promise<void> {
    subjects.value = { ...subjects.value, [ticket]: null };
    const subject = await client.ticketSubject(ticket).catch(() => null);
    if (subject) subjects.value = { ...subjects.value, [ticket]: subject };
}

export async function checkNow(everything = false): Promise<void> {
    const state = await client.checkLooks(everything);
    proof.value = state;
    await load(state.version);
}

/* Who opens the page asks about now, not about some minutes ago. */
export function lookAgain(): void {
    const s = proof.peek();
    if (s?.step === "idle" && s.proven && !s.failure && now() - s.proven.at > FRESH_S) void checkNow().catch(() => undefined);
}

/* At the start, every few minutes, and when somebody comes back to the app. */
export function followLooks(): () => void {
    shown = -1;
    const stop = listen((e) => {
        if (e.type !== "looked") return;
        const { type: _, ...state } = e;
        proof.value = state;
        if (state.step === "idle") void load(state.version).catch(() => undefined);
    });
    let last = 0;
    const check = (): void => {
        if (document.visibilityState !== "visible" || Date.now() - last < RECHECK_MS - 1000) return;
        last = Date.now();
        void checkNow().catch(() => undefined);
    };
    check();
    const timer = setInterval(check, RECHECK_MS);
    document.addEventListener("visibilitychange", check);
    return () => {
        stop();
        clearInterval(timer);
        document.removeEventListener("visibilitychange", check);
        proof.value = story.value = null;
    };
}

export const isStale = (s: LookedState | null): boolean => !!s && !s.failure && !!s.problem && now() - (s.proven?.at ?? 0) > STALE_S && s.proven !== null;

/* ---- words ---- */

export const plural = (n: number, one: string, many = `${one}s`): string => `${n.toLocaleString()} ${n === 1 ? one : many}`;
export const agoWords = (t: number): string => {
    const s = now() - t;
    return s < 50 ? "just now" : `${duration(s < 3600 ? Math.round(s / 60) * 60 : s)} ago`;
};
export const atWords = (t: number): string => (isToday(t) ? `today at ${minuteTime(t)}` : `on ${dayName(t)} at ${minuteTime(t)}`);

/* Streams as cameras' names; what is not here any more is told as such. */
export function camerasOf(streams: readonly string[]): { ids: string[]; words: string } {
    const all = household.value?.cameras ?? [];
    const here = all.filter((c) => streams.includes(c.id) || (c.sub && streams.includes(c.sub.id)));
    const gone = streams.filter((s) => !all.some((c) => c.id === s || c.sub?.id === s)).length;
    const names = here.map((c) => c.profile.name);
    if (names.length === 0) return { ids: [], words: gone > 0 ? "a camera that is not here any more" : "a camera" };
    const words = names.length === all.length && names.length > 2 ? "all cameras" : names.length > 3 ? `${names.length} cameras` : names.join(", ").replace(/, ([^,]+)$/, " and $1");
    return { ids: here.map((c) => c.id), words };
}

export function whoName(look: Look): string {
    const grant = story.value?.grants[look.grant];
    const agent = look.ticket ? subjects.value[look.ticket]?.agents.find((a) => a.key === (look.entry.details.key ?? grant?.key)) : undefined;
    if (look.purpose === "support") return agent ? `Agent ${agent.number}` : (grant?.name ?? (look.entry.details.agent ? `Agent ${look.entry.details.agent}` : "Somebody"));
    return grant?.name ?? (look.purpose === "member" ? "A member of your home" : look.purpose === "link" ? "Somebody with a link" : "Somebody");
}

const SECONDS_OF_MEMBERS = 400 * 86_400; /* a grant that reaches so far is not of a moment */

/* "watched Porch live for 3 min", without who and why. */
export function didWhat(look: Look, at = now()): string {
    const cameras = camerasOf(look.cameras).words;
    if (look.live.length > 0) {
        const seen = camerasOf(look.live.flatMap((l) => (l.camera ? [l.camera] : look.cameras))).words;
        const s = liveSeconds(look, at);
        const long = s < 60 ? "under a minute" : duration(s < 600 ? s : Math.round(s / 60) * 60);
        return isWatching(look, at) ? `is watching ${seen} live, for ${long} so far` : `watched ${seen} live for ${long}`;
    }
    const past = look.past;
    if (past && past.to - past.from < SECONDS_OF_MEMBERS) {
        const same = new Date(past.from * 1000).toDateString() === new Date(past.to * 1000).toDateString();
        return `opened recordings of ${cameras}, ${isToday(past.from) ? "" : `${dayName(past.from)} `}${minuteTime(past.from)} to ${same || past.to - past.from < 43_200 ? "" : `${dayName(past.to)} `}${minuteTime(past.to)}`;
    }
    return `opened ${cameras}`;
}

/* Why they could: the line below. */
export function byWhat(look: Look): string {
    const words = story.value?.grants[look.grant]?.words;
    switch (look.purpose) {
        case "support": {
            const text = (look.ticket && subjects.value[look.ticket]?.text) || words || "";
            return `Support desk, for your ticket${text ? `: “${text.length > 120 ? `${text.slice(0, 117)}…` : text}”` : look.ticket ? ` ${look.ticket.slice(0, 8)}` : ""}`;
        }
        case "link":
            return words ? `By a link that you gave: “${words}”` : "By a link that you gave";
        case "member":
            return story.value?.grants[look.grant]?.role === "viewer" ? "A viewer of your home" : "A member of your home";
        default:
            return look.purpose ? `By a grant for ${look.purpose}` : "By a grant";
    }
}

export { alarmWords, clockTime, isWatching, liveSeconds };

export const CASES: Record<FailureCase, { title: string; means: string }> = {
    signature: { title: "This is not your vault's log", means: "What the vault shows is not signed by the key that your household has pinned. Either somebody else answers in your vault's place, or the vault began another log." },
    shrank: { title: "The log has become shorter", means: "Entries that this device has seen are not there any more. A log that only grows cannot do that: it was cut, or replaced by an older copy." },
    forked: { title: "The log has been rewritten", means: "The vault now shows another past than the one that this device has seen. At least one entry was changed or taken out, or the vault shows different logs to different people." },
    missing: { title: "An entry of yours is missing", means: "Your household's entries are numbered without a gap, and one number is not there. An access may have been hidden from you." },
    withheld: { title: "An entry was kept from you", means: "It stands in the public log under your household's next number, and the vault did not hand it out. An access may have been hidden from you." },
    not_included: { title: "An entry is not in the log", means: "The vault handed out an entry that the log does not contain, or hashes that do not fit its entries." },
    altered: { title: "An entry was altered", means: "An entry of yours is not what it must be: its order or its details were changed after it was made." },
    grant_missing: { title: "Something you allowed was not logged", means: "You gave somebody access, and the log does not have it. What was done with it could be hidden as well." },
    revocation_missing: { title: "Something you ended was not logged", means: "You ended an access, and the log does not have that. Others could be made to believe that it still holds." },
    unknown_grant: { title: "Somebody used an access that you did not give", means: "The log has a use, or the vault lists a grant, that no device of your household has signed." },
    time: { title: "Times in the log cannot be", means: "An entry is older than one before it by more than five minutes, or is not yet. Either the vault's clock was set, or this device's is wrong, or somebody wrote down another time than when they looked." },
    succession: { title: "Your home's keys were replaced by somebody else", means: "The log does not have exactly the changes of keys that your home has made. Somebody who was an owner, together with the vault, may have told a hub or a device that other keys are yours." },
    witness: { title: "Your hub has seen another log", means: "The hub in your home has witnessed a log that the one shown here does not continue. The vault shows different logs to you and to your hub." },
};
