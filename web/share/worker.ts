/* The share page's worker: what a link opens is opened here, and its keys never reach the page. */
import type { ClientEvent } from "../shared/views.ts";
import { GrantAccess, holderOf } from "../shared/grantee.ts";
import { linkKeys, parseFragment } from "../shared/link.ts";
import { Playback } from "../shared/playback.ts";
import { Recordings } from "../shared/recordings.ts";
import { LINK_ENDED, refusalOf, type Refusal } from "../shared/refusal.ts";
import { emitter, serve, type WorkerScope } from "../shared/rpc.ts";

export interface Shared {
    household: string;
    words: string;
    cameras: { id: string; name: string; sub: { id: string } | null }[];
    from: number; /* s */
    to: number;
    live: boolean;
    export: boolean;
    expires: number;
    views: number | null;
}

export type Answer = { ok: true; shared: Shared } | ({ ok: false; password: boolean } & Refusal);

export class ShareClient extends Playback {
    private offsetMs = 0;

    constructor(emit: (e: ClientEvent) => void) {
        super(emit);
    }

    private now = (): number => (Date.now() + this.offsetMs) / 1000;

    /* How much the vault's clock is ahead of this device's. Whole seconds: less than one and a half is none. */
    async clock(): Promise<number> {
        const { time } = await this.api.get<{ time: string }>("/v1/vault", { who: "nobody" });
        const offset = Date.parse(time) - Date.now();
        this.offsetMs = Math.abs(offset) < 1500 ? 0 : offset;
        return this.offsetMs;
    }

    /* Whether the link asks for a password: one that has ended asks for none. Throws when it is damaged. */
    async ask(fragment: string): Promise<{ password: boolean; refused: Refusal | null }> {
        const { password, grant } = parseFragment(fragment);
        if (!password) return { password, refused: null }; /* opening it says what is wrong */
        try {
            const { ended } = await this.api.get<{ ended: boolean }>(`/v1/grants/${grant}/ended`, { who: "nobody" });
            return { password, refused: ended ? LINK_ENDED : null };
        } catch (e) {
            return { password, refused: refusalOf(e) };
        }
    }

    async open(fragment: string, password: string): Promise<Answer> {
        let asked = false;
        try {
            const link = parseFragment(fragment);
            asked = link.password;
            const access = await GrantAccess.open(this.api, holderOf(link, await linkKeys(link, password)), this.now);
            this.access = access;
            this.recordings = new Recordings(this.api, (c, e) => access.timeKeys(c, e), () => Math.floor(this.now()), access.statement.from);
            return { ok: true, shared: sharedOf(access) };
        } catch (e) {
            return { ok: false, password: asked, ...refusalOf(e) };
        }
    }

    /* Whether it still holds: throws what the vault says when it does not. */
    async alive(): Promise<void> {
        await this.api.get("/v1/cameras");
    }
}

function sharedOf({ statement: s, about, cameras }: GrantAccess): Shared {
    return {
        household: about.household, words: about.words ?? "", from: s.from, to: s.to, live: s.live, export: s.export, expires: s.expires, views: s.views ?? null,
        cameras: cameras.filter((c) => c.profile.kind === "main").map((c) => ({ id: c.id, name: c.profile.name, sub: c.profile.sub ? { id: c.profile.sub } : null })),
    };
}

const scope = self as unknown as WorkerScope;
serve(scope, new ShareClient(emitter(scope)));
