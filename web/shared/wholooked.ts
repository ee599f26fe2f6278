/* "Who looked?": what an owner's device proves of the access log (docs/trust.md, "What an owner's software proves"), and what it shows
 * of it. The vault is the one that is checked: all that it says is held against the log, the log against its key, against what this
 * device saw before, and against what the household's own hub has witnessed.
 *
 * Each check goes on from the last: an entry that was proven once is in every log that continues that one. */
import type { Api } from "./api.ts";
import { boxOpener, type BoxOpener } from "./box.ts";
import { b64, concat, equal, hex, text, unb64, unhex, utf8, type Bytes } from "./bytes.ts";
import type { Memory } from "./device.ts";
import { CardeaError, forged, messageOf, wordOf } from "./errors.ts";
import { readStatement } from "./grant.ts";
import { sha256 } from "./hash.ts";
import { recall, recalls, type Household, type Hub } from "./household.ts";
import { cosignatures, decodeEntry, grantFact, leafHash, logKeyOf, openCheckpoint, privateActor, tagOf, Tiles, TILE_WIDTH, type Checkpoint, type Fetch } from "./log.ts";
import { ownEntry, readDetails, type OwnEntry } from "./looks.ts";
import { nothingSeen, type Failure, type FailureCase, type LookMemory, type SeenLog } from "./lookmemory.ts";
import { openEnvelope, openObject, sealObject } from "./sign.ts";

const PIN = "trust/pins";
const AT_ONCE = 24;
/* Bundles that one check looks through for entries that were withheld; what is left is looked through by the next ones. */
const TAIL_BUNDLES = 192;
/* How many numbers ahead a withheld entry is looked for. */
const AHEAD = 4;
export const RECHECK_MS = 150_000;
/* The vault maps entries to households a moment after they are in the log. */
const MAY_PASS: FailureCase[] = ["withheld", "grant_missing", "revocation_missing", "unknown_grant"];

export interface Pins {
    log: Bytes;
    staff: Bytes | null;
}

/* What the vault lists of a grant, as far as it is held against the log here. */
interface ListedGrant {
    id: string;
    statement: string;
    revocation?: string | null;
    note?: string;
}

/* A grant that the household signed, and what its note says of whom it is for. */
export interface GrantSeen {
    purpose: string;
    role: string | null;
    ticket: string | null;
    cameras: string[];
    key: string; /* the grantee's, base64url */
    name: string | null;
    words: string | null;
}

export type ProofStep = "idle" | "entries" | "proofs" | "tail" | "witness";

export interface LookedState {
    step: ProofStep;
    done: number;
    of: number;
    proven: { at: number; entries: number; size: number; origin: string; key: string; root: string; searched: number } | null;
    witness: { hub: string; at: number; size: number } | null;
    witnessProblem: string | null; /* why no hub's word stands behind it */
    failure: Failure | null;
    evidence: Failure[];
    problem: string | null; /* it could not be checked: no alarm yet */
    version: number; /* grows when entries come */
}

interface Rest {
    log: string; /* base64url of the key that it was proven under */
    checkpoint: { size: number; root: string };
    entries: OwnEntry[];
    searched: number; /* entries of the log before this one were looked through for withheld ones */
    grants: Record<string, GrantSeen>; /* those whose statement was seen to be the household's */
}

/* What is looked for in entries that the vault did not give out. */
interface Sought {
    from: number;
    tags: Bytes[];
    actors: Set<string>;
    grants: Set<number>; /* facts, of those to staff, who act for other households too */
    own: Set<number>;
}

class Broken extends Error {
    constructor(
        readonly which: FailureCase,
        message: string,
        readonly more: { before?: string; now?: string; entry?: number; grant?: string } = {},
    ) {
        super(message);
    }
}

export interface LookedParts {
    api: Api;
    household: Household;
    memory: LookMemory;
    objects: Memory;
    now: () => number; /* s */
    command: <T>(hub: Hub, verb: string) => Promise<T>;
    staying: () => boolean;
    emit: (s: LookedState) => void;
    waits?: number[]; /* ms, before the vault is asked again for what it seems to keep from us */
}

export class Looked {
    private entries: OwnEntry[] = [];
    private grants: Record<string, GrantSeen> = {};
    private proven: Checkpoint | null = null;
    private searched = 0;
    private running: Promise<void> | null = null;
    private seen: SeenLog = nothingSeen();
    private pinned: Pins | null = null;
    private loaded = false;
    private readonly name: string;
    private readonly logKey: Bytes;
    private opener: Promise<BoxOpener> | null = null;
    readonly state: LookedState = {
        step: "idle", done: 0, of: 0, proven: null, witness: null, witnessProblem: null, failure: null, evidence: [], problem: null, version: 0,
    };

    constructor(private readonly p: LookedParts) {
        const keys = p.household.keys;
        this.name = b64(sha256(concat(unhex(keys.id), utf8("log"))));
        this.logKey = logKeyOf(keys.sign.seed);
    }

    list(): OwnEntry[] {
        return this.entries;
    }

    known(): Record<string, GrantSeen> {
        return this.grants;
    }

    /* One check at a time; whoever asks meanwhile waits for the one that runs. */
    check(): Promise<void> {
        this.running ??= this.run().finally(() => (this.running = null));
        return this.running;
    }

    private tell(change: Partial<LookedState>): void {
        Object.assign(this.state, change);
        this.p.emit({ ...this.state });
    }

    private async run(): Promise<void> {
        try {
            await this.load();
            if (this.seen.failure) return; /* it stands until a person has decided */
            await this.proveOnceMore();
            this.tell({ step: "idle", problem: null });
        } catch (e) {
            if (e instanceof Broken) await this.fail(e);
            else this.tell({ step: "idle", problem: messageOf(e) });
        }
    }

    /* What happens while we ask can look like something that is kept from us: the vault is asked again before there is an alarm. */
    private async proveOnceMore(): Promise<void> {
        for (const wait of [...(this.p.waits ?? [300, 1500, 4000]), null]) {
            try {
                return await this.prove();
            } catch (e) {
                if (!(e instanceof Broken) || !MAY_PASS.includes(e.which) || wait === null) throw e;
                await new Promise((r) => setTimeout(r, wait));
            }
        }
    }

    private async fail(e: Broken): Promise<void> {
        const { before = this.seen.checkpoint || null, now = null, entry = null, grant = null } = e.more;
        this.seen = { ...this.seen, failure: { case: e.which, message: e.message, at: this.p.now(), before, now, entry, grant } };
        await this.p.memory.keepSeen(this.name, this.seen);
        this.tell({ step: "idle", failure: this.seen.failure });
    }

    /* A person has read what failed, and goes on with the log as it is now. The evidence stays. */
    async accept(): Promise<void> {
        if (!this.seen.failure) return;
        this.seen = { ...nothingSeen(), release: this.seen.release, evidence: [...this.seen.evidence, this.seen.failure].slice(-16) };
        this.entries = [];
        this.proven = null;
        this.searched = 0;
        await this.p.memory.keepSeen(this.name, this.seen);
        await this.p.memory.keepRest(this.name, null);
        this.tell({ failure: null, evidence: this.seen.evidence, proven: null, version: this.state.version + 1 });
        await this.check();
    }

    /* ---- what this device remembers ---- */

    private async load(): Promise<void> {
        if (this.loaded) return;
        this.seen = await this.p.memory.seen(this.name);
        this.pinned = await this.pins();
        const rest = await this.p.memory.rest<Rest>(this.name);
        if (rest && rest.log === b64(this.pinned.log)) {
            this.entries = rest.entries;
            this.grants = rest.grants;
            this.searched = rest.searched;
            this.proven = { origin: "", size: rest.checkpoint.size, root: unb64(rest.checkpoint.root), text: "" };
        }
        this.loaded = true;
        this.tell({ failure: this.seen.failure, evidence: this.seen.evidence, witness: this.seen.witness, version: this.state.version + 1 });
    }

    private async remember(checkpoint: Checkpoint): Promise<void> {
        this.seen = { ...this.seen, checkpoint: checkpoint.text, at: this.p.now(), witness: this.state.witness };
        await this.p.memory.keepSeen(this.name, this.seen);
        if (!this.p.staying()) return;
        const rest: Rest = {
            log: b64(this.pinned!.log), checkpoint: { size: checkpoint.size, root: b64(checkpoint.root) }, entries: this.entries, searched: this.searched, grants: this.grants,
        };
        await this.p.memory.keepRest(this.name, rest);
    }

    /* ---- the pin ---- */

    async pins(): Promise<Pins> {
        const held = await this.readPins();
        const said = await this.p.api.get<{ log_key?: string; staff?: string }>("/v1/vault", { who: "nobody" });
        const staff = said.staff ? await staffKey(unb64(said.staff)) : null;
        if (held && (held.pins.staff || !staff)) return held.pins;
        if (!held && !said.log_key) throw new CardeaError("not_found", "this vault keeps no access log: it is older than this app, and should be updated");
        const pins = { log: held?.pins.log ?? unb64(said.log_key!), staff };
        const json = JSON.stringify({ v: 1, log: b64(pins.log), ...(staff ? { staff: b64(staff) } : {}) });
        const version = (held?.version ?? 0) + 1;
        const body = await sealObject(this.p.household.keys.sign, PIN, version, utf8(json));
        try {
            await this.p.api.send("PUT", `/v1/objects/${PIN}`, { body, headers: { "If-Match": `"${version - 1}"` } });
        } catch (e) {
            /* Another device was first. */
            const other = await this.readPins();
            if (!other) throw e;
            return other.pins;
        }
        await recall(this.p.objects, this.p.household.keys.id, PIN, { version, signer: this.p.household.keys.sign.public });
        return pins;
    }

    private async readPins(): Promise<{ pins: Pins; version: number } | null> {
        let raw: Bytes;
        try {
            raw = await this.p.api.bytes(`/v1/objects/${PIN}`);
        } catch (e) {
            if (wordOf(e) !== "not_found") throw e;
            /* It is never deleted: a vault without it would have another log, or another desk, believed. */
            if (!(await recalls(this.p.objects, this.p.household.keys.id, PIN))) return null;
            throw forged(`${PIN}: this device has seen your household's pins of the log and of the support desk, and the vault now says that there are none`);
        }
        const object = await openObject(raw, PIN, [this.p.household.keys.sign.public]);
        await recall(this.p.objects, this.p.household.keys.id, PIN, object);
        const json = JSON.parse(text(object.payload)) as { v: number; log: string; staff?: string };
        const log = unb64(json.log ?? "");
        if (json.v !== 1 || log.length !== 32) throw new CardeaError("invalid", `${PIN}: it holds no key`);
        return { pins: { log, staff: json.staff ? unb64(json.staff) : null }, version: object.version };
    }

    /* ---- the proof ---- */

    private readonly fetchTile: Fetch = (path) => this.p.api.bytes(`/log/${path}`, { who: "nobody" });

    private async prove(): Promise<void> {
        this.tell({ step: "entries", done: 0, of: 0 });
        const grants = await this.listGrants();
        const fresh = await this.mine(this.entries.length);
        const { checkpoint, tiles } = await this.newest();
        await this.extendsSeen(checkpoint, tiles);
        const added = await this.proveEntries(fresh, checkpoint, tiles);
        await this.holdAgainst(grants, [...this.entries, ...added], checkpoint);
        this.entries = [...this.entries, ...added];
        this.proven = checkpoint;
        await this.searchTail(checkpoint, tiles);
        const witness = await this.askWitness(checkpoint, tiles);
        this.tell({
            proven: {
                at: this.p.now(), entries: this.entries.length, size: checkpoint.size, origin: checkpoint.origin, key: hex(this.pinned!.log), root: hex(checkpoint.root), searched: this.searched,
            },
            ...witness, version: this.state.version + (added.length > 0 ? 1 : 0),
        });
        await this.remember(checkpoint);
    }

    private async newest(): Promise<{ checkpoint: Checkpoint; tiles: Tiles }> {
        const note = text(await this.fetchTile("checkpoint"));
        let checkpoint: Checkpoint;
        try {
            checkpoint = await openCheckpoint(note, this.pinned!.log);
        } catch (e) {
            if (wordOf(e) === "forged") throw new Broken("signature", messageOf(e), { now: note });
            throw e;
        }
        return { checkpoint, tiles: new Tiles(this.fetchTile, checkpoint.size) };
    }

    /* The checkpoint continues the one that this device proved before, or may have proved before a sign-out. */
    private async extendsSeen(checkpoint: Checkpoint, tiles: Tiles): Promise<void> {
        const before = this.seen.checkpoint ? await openCheckpoint(this.seen.checkpoint, this.pinned!.log) : null;
        for (const old of [before, this.proven]) if (old) await this.continues(old, checkpoint, tiles, "forked", before?.text);
    }

    private async continues(old: Checkpoint, checkpoint: Checkpoint, tiles: Tiles, which: FailureCase, text_ = old.text): Promise<void> {
        if (checkpoint.size < old.size)
            throw new Broken(which === "forked" ? "shrank" : which, `the log had ${old.size} entries, and now says that it has ${checkpoint.size}`, { before: text_, now: checkpoint.text });
        try {
            await tiles.extend(old, checkpoint);
        } catch (e) {
            if (wordOf(e) !== "forged") throw e;
            throw new Broken(which, `the log's ${checkpoint.size} entries do not continue the ${old.size} that were there before`, { before: text_, now: checkpoint.text });
        }
    }

    /* What the vault says is ours, from number `from` on. A hint: each is proven. */
    private async mine(from: number): Promise<[number, number, string][]> {
        const out: [number, number, string][] = [];
        for (;;) {
            const at = from + out.length;
            const answer = await this.p.api.get<{ next: number; entries: [number, number, string][] }>(`/v1/log/mine?from=${at}`);
            for (const [i, [n]] of answer.entries.entries())
                if (n !== at + i) throw new Broken("missing", `your entry number ${at + i} is missing: the vault went on with number ${n}`, { entry: at + i });
            out.push(...answer.entries);
            if (answer.entries.length > 0 && from + out.length < answer.next) continue;
            if (answer.next < from) throw new Broken("missing", `this device has proven ${from} entries of yours, and the vault now says that there are ${answer.next}`, { entry: answer.next });
            if (answer.next > from + out.length) throw new Broken("missing", `your entry number ${from + out.length} is missing: the vault counts ${answer.next} and does not give it out`, { entry: from + out.length });
            return out;
        }
    }

    private async proveEntries(fresh: [number, number, string][], checkpoint: Checkpoint, tiles: Tiles): Promise<OwnEntry[]> {
        if (fresh.length > 0) this.tell({ step: "proofs", done: 0, of: fresh.length });
        let last = this.entries.at(-1)?.index ?? -1;
        for (const [n, index] of fresh) {
            if (!Number.isSafeInteger(index) || index <= last) throw new Broken("altered", `your entry number ${n} is said to stand at ${index} of the log, before the one that precedes it`, { entry: n, now: checkpoint.text });
            last = index;
        }
        const out = new Array<OwnEntry>(fresh.length);
        let next = 0;
        let done = 0;
        const work = async (): Promise<void> => {
            for (let i = next++; i < fresh.length; i = next++) {
                out[i] = await this.proveOne(fresh[i]!, checkpoint, tiles);
                if (++done % 64 === 0) this.tell({ done });
            }
        };
        await Promise.all(Array.from({ length: AT_ONCE }, work));
        return out;
    }

    private async proveOne([n, index, sealed]: [number, number, string], checkpoint: Checkpoint, tiles: Tiles): Promise<OwnEntry> {
        const raw = unb64(sealed);
        const about = { entry: n, now: checkpoint.text };
        const entry = decodeEntry(raw);
        if (!entry.tag || !equal(entry.tag, tagOf(this.logKey, n))) throw new Broken("missing", `your entry number ${n} is missing: what stands in its place is another one`, about);
        if (index >= checkpoint.size) throw new Broken("not_included", `your entry number ${n} is not in the log: it is said to stand at ${index}, beyond the checkpoint's ${checkpoint.size}`, about);
        try {
            await tiles.include(checkpoint, index, raw);
        } catch (e) {
            if (wordOf(e) !== "forged") throw e;
            throw new Broken("not_included", `your entry number ${n} is not in the log at ${index}, where the vault says that it is`, about);
        }
        let plain: Bytes;
        try {
            plain = await (await this.box())("cardea/1 log", entry.tag, entry.details);
        } catch {
            throw new Broken("altered", `the details of your entry number ${n} do not open with your household's key`, about);
        }
        return ownEntry(n, index, entry, readDetails(plain), sealed);
    }

    /* ---- grants, held against entries ---- */

    private async listGrants(): Promise<ListedGrant[]> {
        try {
            return (await this.p.api.get<{ grants: ListedGrant[] }>("/v1/grants")).grants;
        } catch (e) {
            if (wordOf(e) === "not_found") return []; /* the household has never granted anything */
            throw e;
        }
    }

    private async holdAgainst(listed: ListedGrant[], entries: OwnEntry[], checkpoint: Checkpoint): Promise<void> {
        const of = (kind: string): Set<string> => new Set(entries.filter((e) => e.kind === kind).map((e) => e.details.grant ?? ""));
        const [created, revoked] = [of("grant.create"), of("grant.revoke")];
        const sign = this.p.household.keys.sign.public;
        const now = checkpoint.text;
        for (const g of listed) {
            const { statement: said, household } = await readStatement(unb64(g.statement));
            if (!equal(household, sign) || said.id !== g.id) throw new Broken("unknown_grant", `the vault lists a grant that your household did not sign`, { grant: g.id, now });
            this.grants[g.id] = {
                purpose: said.purpose, role: said.role ?? null, ticket: said.ticket ?? null, cameras: said.cameras, key: said.grantee_sign, ...(await this.readNote(g)),
            };
            if (!created.has(g.id)) throw new Broken("grant_missing", `a grant that you gave is not in the log`, { grant: g.id, now });
            if (!g.revocation) continue;
            const revocation = await openEnvelope(unb64(g.revocation), "cardea/1 revoke");
            if (equal(revocation.signer, sign) && !revoked.has(g.id)) throw new Broken("revocation_missing", `you ended a grant, and its end is not in the log`, { grant: g.id, now });
        }
        for (const e of entries)
            if (e.kind === "grant.use" && !created.has(e.details.grant ?? ""))
                throw new Broken("unknown_grant", `your entry number ${e.n} is a use of a grant that you did not give`, { entry: e.n, grant: e.details.grant ?? "", now });
    }

    /* For whom it is, as the owner who gave it wrote down. */
    private async readNote(g: ListedGrant): Promise<{ name: string | null; words: string | null }> {
        try {
            const note = JSON.parse(text(await (await this.box())("cardea/1 note", unhex(g.id), unb64(g.note ?? "")))) as { name?: unknown; words?: unknown };
            return { name: typeof note.name === "string" ? note.name : null, words: typeof note.words === "string" ? note.words : null };
        } catch {
            return { name: null, words: null };
        }
    }

    private box(): Promise<BoxOpener> {
        return (this.opener ??= boxOpener(this.p.household.keys.box));
    }

    /* ---- entries that were withheld ---- */

    /* An entry that the vault keeps from us stands after our last one, under the next number's tag. So the rest of the log is read. */
    private async searchTail(checkpoint: Checkpoint, tiles: Tiles): Promise<void> {
        /* At first from our last entry on; from then on all that comes is looked at. */
        const from = this.searched || (this.entries.at(-1)?.index ?? -1) + 1;
        const actors = this.ownActors();
        const grants = new Set(Object.entries(this.grants).filter(([, g]) => g.purpose === "support").map(([id]) => grantFact(id)));
        const own = new Set(this.entries.map((e) => e.index));
        const first = Math.floor(from / TILE_WIDTH);
        const last = Math.min(Math.ceil(checkpoint.size / TILE_WIDTH), first + TAIL_BUNDLES);
        const tags = Array.from({ length: AHEAD }, (_, i) => tagOf(this.logKey, this.entries.length + i));
        this.tell({ step: "tail", done: 0, of: last - first });
        let next = first;
        let done = 0;
        const work = async (): Promise<void> => {
            for (let i = next++; i < last; i = next++) {
                await this.searchBundle(i, { from, tags, actors, grants, own }, checkpoint, tiles);
                this.tell({ done: ++done });
            }
        };
        await Promise.all(Array.from({ length: AT_ONCE }, work));
        this.searched = Math.max(from, Math.min(checkpoint.size, last * TILE_WIDTH));
    }

    /* What the log calls this household, and those to whom it gave something. */
    private ownActors(): Set<string> {
        const keys = Object.values(this.grants).filter((g) => g.purpose !== "support").map((g) => unb64(g.key));
        return new Set([this.p.household.keys.sign.public, ...keys].map((k) => hex(privateActor(this.logKey, k))));
    }

    private async searchBundle(i: number, { from, tags, actors, grants, own }: Sought, checkpoint: Checkpoint, tiles: Tiles): Promise<void> {
        const bundle = await tiles.bundle(i);
        for (const [j, raw] of bundle.entries()) {
            const index = i * TILE_WIDTH + j;
            if (!equal(leafHash(raw), await tiles.subtree(0, index))) throw new Broken("not_included", `the log's entry ${index} is not what the log's hashes say`, { now: checkpoint.text });
            const ahead = tags.findIndex((t) => contains(raw, t));
            if (ahead >= 0)
                throw new Broken("withheld", `an entry of yours stands in the log at ${index}, and the vault did not give it out`, { entry: this.entries.length + ahead, now: checkpoint.text });
            /* Nobody but us can call somebody so: it is ours, under a number at which we would never look. */
            if (index >= from && !own.has(index) && namesOurs(raw, actors, grants))
                throw new Broken("withheld", `an act of somebody to whom you gave access stands in the log at ${index}, under no number of yours: the vault hid it from you`, { now: checkpoint.text });
        }
        /* All hashes of a tile take part in the proof of any one of them. */
        await tiles.include(checkpoint, i * TILE_WIDTH, bundle[0]!).catch((e) => {
            if (wordOf(e) !== "forged") throw e;
            throw new Broken("not_included", `the log's entries from ${i * TILE_WIDTH} on do not lead to its checkpoint`, { now: checkpoint.text });
        });
    }

    /* ---- the household's own hubs ---- */

    private async askWitness(checkpoint: Checkpoint, tiles: Tiles): Promise<Pick<LookedState, "witness" | "witnessProblem">> {
        this.tell({ step: "witness" });
        let best: LookedState["witness"] = null;
        let evidence: string | null = null;
        let problem: string | null = this.p.household.hubs.length === 0 ? "no hub is paired with this household yet" : null;
        const answers = await Promise.all(this.p.household.hubs.map(async (hub) => {
            try {
                return { hub, said: await this.p.command<{ checkpoint?: string | null; time?: string | null; evidence?: number }>(hub, "log.witness") };
            } catch (e) {
                problem ??= messageOf(e);
                return null;
            }
        }));
        for (const a of answers) {
            if (!a) continue;
            if (!a.said.checkpoint) {
                problem ??= "your hub has not witnessed the log yet";
                continue;
            }
            const witnessed = await openCheckpoint(a.said.checkpoint, this.pinned!.log).catch((e) => {
                throw new Broken("witness", `your hub has witnessed another log than this one: ${messageOf(e)}`, { before: a.said.checkpoint!, now: checkpoint.text });
            });
            const grown = witnessed.size > checkpoint.size ? await this.newest() : { checkpoint, tiles };
            await this.continues(witnessed, grown.checkpoint, grown.tiles, "witness");
            if (a.said.evidence) evidence = "your hub keeps evidence of a log that shrank or forked: `cardea log verify` says where";
            const at = Date.parse(a.said.time ?? "") / 1000;
            if (!best || witnessed.size > best.size) best = { hub: a.hub.id, at: Number.isNaN(at) ? this.p.now() : at, size: witnessed.size };
        }
        if (best) return { witness: best, witnessProblem: evidence };
        /* It is away: what it cosigned may stand under the checkpoint all the same. */
        const [line] = await cosignatures(checkpoint.text, this.p.household.hubs.map((h) => h.sign));
        if (line) return { witness: { hub: hex(sha256(line.key).subarray(0, 16)), at: line.time, size: checkpoint.size }, witnessProblem: null };
        return { witness: this.seen.witness, witnessProblem: problem };
    }

    /* The log as it is now, under the pinned key and continuing what was seen: for whoever looks for another entry in it (release.ts). */
    async current(): Promise<{ checkpoint: Checkpoint; tiles: Tiles; seen: SeenLog; keep: (s: Partial<SeenLog>) => Promise<void> }> {
        await this.load();
        const { checkpoint, tiles } = await this.newest();
        await this.extendsSeen(checkpoint, tiles);
        const keep = async (change: Partial<SeenLog>): Promise<void> => {
            this.seen = { ...this.seen, ...change };
            await this.p.memory.keepSeen(this.name, this.seen);
        };
        return { checkpoint, tiles, seen: this.seen, keep };
    }
}

async function staffKey(statement: Bytes): Promise<Bytes | null> {
    try {
        const { signer } = await openEnvelope(statement, "cardea/1 staff key");
        return signer;
    } catch {
        return null; /* it is shown by who uses it; a key that cannot be read is not pinned */
    }
}

function namesOurs(raw: Uint8Array, actors: Set<string>, grants: Set<number>): boolean {
    try {
        const { actor, facts } = decodeEntry(raw);
        return actor !== null && (actors.has(hex(actor)) || grants.has(facts["grant"] ?? -1));
    } catch {
        return false; /* of a later version, perhaps: who holds the log's hashes against it will say */
    }
}

function contains(raw: Uint8Array, wanted: Uint8Array): boolean {
    const first = wanted[0]!;
    for (let at = raw.indexOf(first); at >= 0 && at + wanted.length <= raw.length; at = raw.indexOf(first, at + 1)) if (equal(raw.subarray(at, at + wanted.length), wanted)) return true;
    return false;
}
