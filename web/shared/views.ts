/* What the pages are told and shown, as it crosses from the worker. */
import type { SyncState } from "./eventstore.ts";
import type { Profile } from "./household.ts";
import type { Notice } from "./live.ts";
import type { MemberRole } from "./members.ts";
import type { SuccessionProgress } from "./succeed.ts";
import type { LivePart, LiveState } from "./watch.ts";
import type { LookedState } from "./wholooked.ts";

export type ClientEvent =
    | { type: "reach"; ok: boolean }
    | { type: "outside"; standing: Standing } /* the home that was open is closed to this account */
    | { type: "live"; watch: number; camera: string; part: LivePart }
    | { type: "notice"; watch: number; camera: string | null; notice: Notice }
    | { type: "live-state"; watch: number; state: LiveState; message: string }
    | { type: "progress"; job: number; done: number }
    | ({ type: "succession" } & SuccessionProgress)
    | ({ type: "looked" } & LookedState)
    | { type: "activity"; job: number; grants: Watching[] }
    | ({ type: "events" } & SyncState);

/* Somebody who uses a grant now. */
export interface Watching {
    id: string;
    purpose: string;
    ticket?: string;
    live: string[]; /* streams */
    since: string;
}

export interface CameraView {
    id: string;
    profile: Profile;
    sub: { id: string; codec: string | null } | null;
}

export interface HouseholdView {
    login: string;
    id: string;
    name: string;
    role: MemberRole; /* of who is signed in */
    since: number; /* slot, before which nothing is shown to a member */
    export: boolean;
    homes: Standing["homes"];
    hubs: { id: string; added: string }[];
    cameras: CameraView[];
    problems: string[];
}

export interface CameraStatus {
    camera: string;
    name: string;
    kind?: "main" | "sub";
    state: string;
    message?: string | null;
    since?: string;
    fps?: number;
    kbit_s?: number;
    lost?: number;
    width?: number;
    height?: number;
    codec?: string;
    audio?: string | boolean | null;
    motion?: boolean;
    recording?: boolean;
}

export interface HubStatus {
    version?: string;
    uptime_s?: number;
    spool_bytes?: number;
    spool_limit_bytes?: number;
    spool_oldest?: string | null;
    vault_since?: string | null;
    clock_ok?: boolean;
    dropped_bytes?: number;
    state?: string;
    message?: string;
}

export interface HubReport {
    id: string;
    online: boolean;
    since: string | null;
    status: HubStatus | null;
    problem: string | null;
    cameras: CameraStatus[];
}

export interface Standing {
    login: string;
    open: boolean;
    outside: { name: string; title: string; text: string; again: boolean } | null;
    homes: { id: string; name: string; role: MemberRole; here: boolean }[];
}

export interface Usage {
    bytes: number;
    reels: number;
    quota_bytes: number;
}

export interface StoredCamera {
    camera: string;
    first: number;
    last: number;
    bytes: number;
    reels: number;
    retention_days: number;
}
