/* What whoever holds a grant does with it: opens it, believing the vault nothing that is not proven, and then sees what it is of
 * (docs/trust.md, "Opening"). */
import type { Access } from "./access.ts";
import type { Api, Proven } from "./api.ts";
import { b64, equal, random, unb64, unhex, type Bytes } from "./bytes.ts";
import { forged, invalid, noKey } from "./errors.ts";
import { checkValid, openGrantBox, readAbout, readGrant, signOpen, type About, type Statement } from "./grant.ts";
import type { Camera, Hub, Profile } from "./household.ts";
import { issuerOf, type Link, type LinkKeys } from "./link.ts";
import { checkProof, decodeEntry, grantFact, LOG_CLOCK_OFF_S, OPENING, OPENING_NONCE_BYTES, openingFact, staffActor } from "./log.ts";
import type { SignKey } from "./sign.ts";
import { followedFrom, readChainText } from "./succession.ts";
import { TimeKeys } from "./timekey.ts";

/* Who opens it, and from whom it must be: a member knows the household's whole key, a link the first half of its hash. When the household's
 * keys have been succeeded since, the chain that comes with the grant leads from there to who signed it. */
export interface Holder {
    grant: string;
    box: { secret: Bytes; public: Bytes };
    sign: SignKey;
    issuer: { key: Bytes } | { hash: Bytes };
    staff?: Api; /* an agent opens it as one of the staff, by this one's access */
}

export const holderOf = (link: Link, keys: LinkKeys): Holder => ({ grant: link.grant, box: keys.box, sign: keys.sign, issuer: { hash: link.issuer } });

interface Opened {
    token: string;
    expires_in_s: number;
    grant: string;
    entry: number;
    leaf: string;
    checkpoint: string;
    proof: string[];
    succession?: string[];
}

/* Keys of an epoch that began since the grant was opened: the owner's device hands them over within seconds. */
const AGAIN_MS = 5000;

export class GrantAccess implements Access {
    statement!: Statement;
    about!: About;
    cameras: Camera[] = [];
    signer!: Bytes;
    private hubs: Hub[] = [];
    private keys = new Map<string, TimeKeys>();
    private lastEntry = -1;
    private openedAt = 0;
    private token: string | null = null; /* of the last opening: the next goes on with it, and is no further view */

    private constructor(
        private readonly api: Api,
        private readonly holder: Holder,
        private readonly now: () => number, /* s */
    ) {}

    /* Opens it, and from then on the api asks as its holder; an opening lasts for an hour, and is then made anew. */
    static async open(api: Api, holder: Holder, now: () => number): Promise<GrantAccess> {
        const access = new GrantAccess(api, holder, now);
        const first = await access.prove();
        api.useAccess(() => access.prove(), first);
        return access;
    }

    get until(): number {
        return this.statement.to;
    }

    get id(): string {
        return this.holder.grant;
    }

    private async prove(): Promise<Proven> {
        const { challenge } = await this.api.get<{ challenge: string }>("/v1/access/challenge", { who: "nobody" });
        const signature = await signOpen(this.holder.sign, unb64(challenge), this.holder.grant);
        const nonce = random(OPENING_NONCE_BYTES); /* the vault could send the same challenge again */
        const json = { challenge, signature: b64(signature), nonce: b64(nonce), ...(this.token ? { renews: this.token } : {}) };
        const { staff } = this.holder;
        const answer = await (staff ?? this.api).send<Opened>("POST", `/v1/grants/${this.holder.grant}/open`, { who: staff ? "access" : "nobody", json });
        await this.believe(answer, openingFact(nonce, signature));
        this.openedAt = Date.now();
        this.token = answer.token;
        return answer;
    }

    /* Each of these has its own words: what fails here is the vault, or somebody between it and the household. */
    private async believe(answer: Opened, opening: number): Promise<void> {
        const grant = await readGrant(unb64(answer.grant));
        const s = grant.statement;
        const { issuer, box, sign } = this.holder;
        const known = (key: Uint8Array): boolean => ("key" in issuer ? equal(issuer.key, key) : equal(issuer.hash, issuerOf(key)));
        if (!known(grant.household) && !followedFrom(await readChainText(answer.succession), known).some((k) => equal(k, grant.household))) throw forged("what the vault sent is not from the household that shared this with you");
        if (s.id !== this.holder.grant) throw forged("the vault sent another share than the one that was asked for");
        if (!equal(unb64(s.grantee_sign), sign.public)) throw forged("what the vault sent is for somebody else");
        checkValid(s, Math.floor(this.now()));
        const leaf = unb64(answer.leaf);
        await checkProof(unb64(s.log), answer.checkpoint, answer.entry, leaf, answer.proof.map(unb64), s.witnesses ? s.witnesses.map(unb64) : null);
        const { about: raw, keys } = await openGrantBox(grant, grant.household, box.secret, box.public, Math.floor(this.now()));
        const { about, hubs } = await readAbout(raw, grant);
        this.checkEntry(leaf, answer.entry, opening, s, about);
        Object.assign(this, { statement: s, about, hubs, signer: grant.household, lastEntry: answer.entry });
        for (const k of keys) this.keys.set(`${k.camera}/${k.epoch}`, new TimeKeys(k.nodes));
        this.cameras = s.cameras.map((id) => ({ id, profile: this.profileOf(id) }));
    }

    /* That it is in the log is proven; that it is this use of this grant is what is held against it here. */
    private checkEntry(leaf: Bytes, index: number, opening: number, s: Statement, about: About): void {
        const entry = decodeEntry(leaf);
        if (entry.kind !== "grant.use") throw forged("the vault proved another entry of its log than this use");
        const actor = s.purpose === "support" ? staffActor(this.holder.sign.public) : about.actor && unhex(about.actor);
        if (!actor) throw invalid("grant: it does not say what the log calls its holder");
        if (!entry.actor || !equal(entry.actor, actor)) throw forged("the vault proved somebody else's use of its log, not yours");
        if (s.purpose === "support" && entry.facts["grant"] !== grantFact(s.id)) throw forged("the vault proved your use of another grant, and did not write this one down");
        if (entry.facts[OPENING] !== opening) throw forged("the vault proved another opening than this one, and did not write this one down");
        if (Math.abs(entry.time / 1e6 - this.now()) > LOG_CLOCK_OFF_S || index <= this.lastEntry) throw forged("the vault proved an earlier use, and did not write this one down");
    }

    /* How many days there can be anything of; 0: no end. */
    private get days(): number {
        return this.statement.from > 0 ? Math.max(1, Math.floor(this.now() / 86_400) - Math.floor(this.statement.from / 86_400)) : 0;
    }

    private profileOf(id: string): Profile {
        const c = this.about.cameras[id];
        return {
            v: 1, kind: c?.main ? "sub" : "main", ...(c?.main ? { main: c.main } : {}), name: c?.name ?? "Camera",
            sub: c?.sub && this.statement.cameras.includes(c.sub) ? c.sub : null, hub: c?.hub ?? this.hubs[0]?.id ?? "", indoor: c?.indoor ?? false, audio: true, added: "",
            ...(c?.codec ? { codec: c.codec } : {}), record: { mode: "always", pre_s: 0, post_s: 0, schedule: [] }, retention_days: this.days,
        };
    }

    hubOf(camera: string): Hub | null {
        const hub = this.cameras.find((c) => c.id === camera)?.profile.hub;
        return this.hubs.find((h) => h.id === hub) ?? null;
    }

    async timeKeys(camera: string, epoch: number): Promise<TimeKeys> {
        const held = (): TimeKeys | undefined => this.keys.get(`${camera}/${epoch}`);
        if (!held() && Date.now() - this.openedAt > AGAIN_MS) await this.api.proveAgain();
        const keys = held();
        if (!keys) throw noKey("the keys of this time were not shared with you");
        return keys;
    }
}
