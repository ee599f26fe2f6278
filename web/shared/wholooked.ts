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
import { householdSigners, tryEach } from "./householdkeys.ts";
import { cosignatures, decodeEntry, grantFact, leafHash, LogClock, openCheckpoint, privateActor, tagOf, Tiles, TILE_WIDTH, type Checkpoint, type Entry, type Fetch } from "./log.ts";
import { ownEntry, readDetails, type OwnEntry } from "./looks.ts";
import { nothingSeen, type Failure, type FailureCase, type LookMemory, type SeenLog } from "./lookmemory.ts";
import { openEnvelope, openObject, sealObject } from "./sign.ts";

const PIN = "trust/pins";
const AT_ONCE = 24;
/* Bundles that one check looks through for entries that were withheld; what is left is looked through by the next ones. */
const TAIL_BUNDLES = 192;
/* How many numbers ahead a withheld entry is looked for. */
const AHEAD = 1024;
/* So many earlier numbers are looked for too when the rest alone is read. */
const NUMBERS_MAX = 4096;
/* A log of at most so many entries is read whole, once, by each device; a larger one when a person asks for it. 350 bytes each. */
export const EVERYTHING_MAX = 250_000;
export const RECHECK_MS = 150_000;
/* The vault maps entries to households a moment after they are in the log. */
const MAY_PASS: FailureCase[] = ["withheld", "grant_missing", "revocation_missing", "unknown_grant", "succession"];

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

export type ProofStep = "idle" | "entries" | "proofs" | "tail" | "witness" | "everything";

export interface LookedState {
    step: ProofStep;
    done: number;
    of: number;
    proven: { at: number; entries: number; size: number; origin: string; key: string; root: string; from: number; past: number; searched: number } | null;
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
    from?: number; /* from this one on … */
    past?: number; /* … and those before this one, until all are */
    latest?: number; /* µs, of the entries up to `searched` */
    pastLatest?: number; /* µs, of those up to `past` */
    grants: Record<string, GrantSeen>; /* those whose statement was seen to be the household's */
}

/* What is looked for in entries that the vault did not give out. */
interface Sought {
    from: number; /* entries [from, to) */
    to: number;
    tags: Map<string, number>; /* of numbers */
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
    private from: number | null = null; /* entries [from, searched) were looked through, */
    private past = 0; /* and [0, past) */
    private clock = new LogClock();
    private pastClock = new LogClock();
    private everything = false; /* whatever the log's size */
    private running: Promise<void> | null = null;
    private seen: SeenLog = nothingSeen();
    private pinned: Pins | null = null;
    private loaded = false;
    private readonly name: string;
    private readonly logKey: Bytes;
    private readonly openers = new Map<string, Promise<BoxOpener>>();
    readonly state: LookedState = {
        step: "idle", done: 0, of: 0, proven: null, witness: null, witnessProblem: null, failure: null, evidence: [], problem: null, version: 0,
    };

    constructor(private readonly p: LookedParts) {
        const keys = p.household.keys;
        this.name = b64(sha256(concat(unhex(keys.id), utf8("log"))));
        this.logKey = keys.log;
    }

    list(): OwnEntry[] {
        return this.entries;
    }

    known(): Record<string, GrantSeen> {
        return this.grants;
    }

    /* One check at a time; whoever asks meanwhile waits for the one that runs. `everything`: the whole log is read, once, whatever its size. */
    check(everything = false): Promise<void> {
        this.everything ||= everything;
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
        const { failure, timed } = this.seen;
        const size = Number((failure.now ?? "").split("\n")[1]);
        this.seen = { ...nothingSeen(), release: this.seen.release, evidence: [...this.seen.evidence, failure].slice(-16), ...(failure.case === "time" && size ? { timed: size } : timed ? { timed } : {}) };
        this.entries = [];
        this.proven = null;
        this.forgetSearch();
        await this.p.memory.keepSeen(this.name, this.seen);
        await this.p.memory.keepRest(this.name, null);
        this.tell({ failure: null, evidence: this.seen.evidence, proven: null, version: this.state.version + 1 });
        await this.check();
    }

    private forgetSearch(): void {
        this.searched = this.past = 0;
        this.from = null;
        this.clock = new LogClock();
        this.pastClock = new LogClock();
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
            if (rest.from !== undefined) {
                this.from = rest.from;
                this.searched = rest.searched;
                this.past = rest.past ?? 0;
                this.clock = new LogClock(rest.latest);
                this.pastClock = new LogClock(rest.pastLatest);
            }
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
            ...(this.from === null ? {} : { from: this.from }), past: this.past, latest: this.clock.latest, pastLatest: this.pastClock.latest,
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
        await this.p.household.know(raw);
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
        await this.holdSuccessions([...this.entries, ...added], checkpoint);
        this.entries = [...this.entries, ...added];
        this.proven = checkpoint;
        await this.searchTail(checkpoint, tiles);
        const witness = await this.askWitness(checkpoint, tiles);
        this.tell({ ...this.provenNow(checkpoint), ...witness, version: this.state.version + (added.length > 0 ? 1 : 0) });
        await this.remember(checkpoint);
        await this.searchPast(checkpoint, tiles);
    }

    private provenNow(c: Checkpoint): Pick<LookedState, "proven"> {
        return {
            proven: {
                at: this.p.now(), entries: this.entries.length, size: c.size, origin: c.origin, key: hex(this.pinned!.log), root: hex(c.root),
                from: this.from ?? 0, past: this.past, searched: this.searched,
            },
        };
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
        const before = this.entries.at(-1);
        const clock = new LogClock(before && before.index >= this.timed ? Math.round(before.time * 1e6) : 0);
        for (const e of out) this.holdTime(clock, e.index, Math.round(e.time * 1e6), checkpoint);
        return out;
    }

    private get timed(): number {
        return this.seen.timed ?? 0;
    }

    private holdTime(clock: LogClock, index: number, us: number, checkpoint: Checkpoint): void {
        if (index < this.timed) return;
        const iso = (t: number): string => new Date(t / 1000).toISOString().slice(0, 19) + "Z";
        const { latest } = clock;
        const fault = clock.take(us, this.p.now());
        if (fault === "ahead") throw new Broken("time", `the log's entry ${index} is of ${us / 1000 <= 8.64e15 ? iso(us) : "no time"}, which is not yet: the vault's clock is wrong, or this device's`, { now: checkpoint.text });
        if (fault === "back") throw new Broken("time", `the log's entry ${index} is of ${iso(us)}, and one before it of ${iso(latest)}: the vault wrote a time that was not`, { now: checkpoint.text });
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
        const plain = (await this.openDetails(entry.tag, entry.details)) ?? ((await this.p.household.renewKeys()) ? await this.openDetails(entry.tag, entry.details) : null);
        if (!plain)
            throw new Broken("altered", `the details of your entry number ${n} do not open with your household's key`, about);
        return ownEntry(n, index, entry, readDetails(plain), sealed);
    }

    /* Null: not by any key that this device has. Another owner's device may have made others since. */
    private async openDetails(tag: Bytes, details: Bytes): Promise<Bytes | null> {
        return (await this.box())("cardea/1 log", tag, details).catch(() => null);
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
        const signers = householdSigners(this.p.household.keys);
        const now = checkpoint.text;
        for (const g of listed) {
            const { statement: said, household } = await readStatement(unb64(g.statement));
            if (!signers.some((s) => equal(household, s)) || said.id !== g.id) throw new Broken("unknown_grant", `the vault lists a grant that your household did not sign`, { grant: g.id, now });
            this.grants[g.id] = {
                purpose: said.purpose, role: said.role ?? null, ticket: said.ticket ?? null, cameras: said.cameras, key: said.grantee_sign, ...(await this.readNote(g)),
            };
            if (!created.has(g.id)) throw new Broken("grant_missing", `a grant that you gave is not in the log`, { grant: g.id, now });
            if (!g.revocation) continue;
            const revocation = await openEnvelope(unb64(g.revocation), "cardea/1 revoke");
            if (signers.some((s) => equal(revocation.signer, s)) && !revoked.has(g.id)) throw new Broken("revocation_missing", `you ended a grant, and its end is not in the log`, { grant: g.id, now });
        }
        for (const e of entries)
            if (e.kind === "grant.use" && !created.has(e.details.grant ?? ""))
                throw new Broken("unknown_grant", `your entry number ${e.n} is a use of a grant that you did not give`, { entry: e.n, grant: e.details.grant ?? "", now });
    }

    /* Each succession of the household's keys is in the log, and no other is: whoever has had a former key and has the vault could make
     * one that no owner knows. */
    private async holdSuccessions(entries: OwnEntry[], checkpoint: Checkpoint): Promise<void> {
        const logged = entries.filter((e) => e.kind === "household.succeed");
        const { household, api } = this.p;
        if (logged.length > household.keys.chain.length) await household.renewKeys(); /* another owner's device made it just now */
        const known = household.keys.chain.length;
        if (logged.length === known) return;
        const words = logged.length > known
            ? `the log has ${logged.length} successions of your household's keys, and your keys know of ${known}: somebody who had a former key made another`
            : `your household's keys were succeeded ${known} times, and the log has ${logged.length} of these`;
        const told = await api.get<{ succession?: string[] }>("/v1/household").then((h) => h.succession?.length ?? 0, (e) => (wordOf(e) === "not_found" ? 0 : Promise.reject(e)));
        if (logged.length < known && told === logged.length) throw new CardeaError("conflict", "the vault has not taken your household's new keys yet");
        throw new Broken("succession", words, { now: checkpoint.text, ...(logged.length > known ? { entry: logged[known]!.n } : {}) });
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

    /* A box to the household's present key or, if it was made before, to a former one: of each one opener, for they are many. */
    private async box(): Promise<BoxOpener> {
        const { box, former } = this.p.household.keys;
        const all = await Promise.all([box, ...former.slice().reverse()].map((secret) => {
            const name = b64(sha256(secret));
            const held = this.openers.get(name) ?? boxOpener(secret);
            this.openers.set(name, held);
            return held;
        }));
        return (info, aad, sealed) => tryEach(all, (open) => open(info, aad, sealed));
    }

    /* ---- entries that were withheld ---- */

    /* An entry that the vault keeps from us stands after our last one, under the next number's tag, if it numbers as it should. So the rest of the log is read. */
    private async searchTail(checkpoint: Checkpoint, tiles: Tiles): Promise<void> {
        /* At first from our last entry on; from then on all that comes is looked at. */
        this.from ??= (this.entries.at(-1)?.index ?? -1) + 1;
        const begin = this.searched || this.from;
        const end = Math.min(checkpoint.size, (Math.floor(begin / TILE_WIDTH) + TAIL_BUNDLES) * TILE_WIDTH);
        this.tell({ step: "tail", done: 0, of: Math.ceil(end / TILE_WIDTH) - Math.floor(begin / TILE_WIDTH) });
        const clock = new LogClock(this.clock.latest);
        await this.search(this.sought(begin, end), clock, checkpoint, tiles, (done) => this.tell({ done }));
        this.clock = clock;
        this.searched = Math.max(begin, end);
    }

    /* What it should not do is looked for in all the rest, once, while what is proven is shown already. It goes on where it ended. */
    private async searchPast(checkpoint: Checkpoint, tiles: Tiles): Promise<void> {
        if (!this.from || (checkpoint.size > EVERYTHING_MAX && !this.everything)) return;
        const of = Math.ceil(this.from / TILE_WIDTH);
        this.tell({ step: "everything", done: Math.floor(this.past / TILE_WIDTH), of });
        while (this.past < this.from) {
            const begin = this.past;
            const end = Math.min(this.from, begin + TAIL_BUNDLES * TILE_WIDTH);
            const clock = new LogClock(this.pastClock.latest);
            await this.search(this.sought(begin, end), clock, checkpoint, tiles, (done) => this.tell({ done: Math.floor(begin / TILE_WIDTH) + done }));
            this.pastClock = clock;
            this.past = end;
            await this.remember(checkpoint);
        }
        this.from = 0;
        this.tell(this.provenNow(checkpoint));
        await this.remember(checkpoint);
    }

    private sought(from: number, to: number): Sought {
        const have = this.entries.length;
        const past = from < this.from!;
        const first = past || have <= NUMBERS_MAX ? 0 : have;
        const last = have + AHEAD;
        return {
            from, to, tags: new Map(Array.from({ length: last - first }, (_, i) => [hex(tagOf(this.logKey, first + i)), first + i])), actors: this.ownActors(),
            grants: new Set(Object.entries(this.grants).filter(([, g]) => g.purpose === "support").map(([id]) => grantFact(id))), own: new Set(this.entries.map((e) => e.index)),
        };
    }

    /* Bundles are fetched beside each other; their times are held against each other in their order. */
    private async search(s: Sought, clock: LogClock, checkpoint: Checkpoint, tiles: Tiles, tell: (done: number) => void): Promise<void> {
        const first = Math.floor(s.from / TILE_WIDTH);
        const last = Math.ceil(s.to / TILE_WIDTH);
        const times: [number, number][][] = [];
        let next = first;
        let done = 0;
        const work = async (): Promise<void> => {
            for (let i = next++; i < last; i = next++) {
                times[i - first] = await this.searchBundle(i, s, checkpoint, tiles);
                tell(++done);
            }
        };
        await Promise.all(Array.from({ length: AT_ONCE }, work));
        for (const [index, us] of times.flat()) this.holdTime(clock, index, us, checkpoint);
    }

    /* What the log calls this household, and those to whom it gave something. */
    private ownActors(): Set<string> {
        const keys = Object.values(this.grants).filter((g) => g.purpose !== "support").map((g) => unb64(g.key));
        return new Set([...householdSigners(this.p.household.keys), ...keys].map((k) => hex(privateActor(this.logKey, k))));
    }

    /* Returns the times of its entries: [index, µs]. */
    private async searchBundle(i: number, s: Sought, checkpoint: Checkpoint, tiles: Tiles): Promise<[number, number][]> {
        const bundle = await tiles.bundle(i);
        const times: [number, number][] = [];
        for (const [j, raw] of bundle.entries()) {
            const index = i * TILE_WIDTH + j;
            if (!equal(leafHash(raw), await tiles.subtree(0, index))) throw new Broken("not_included", `the log's entry ${index} is not what the log's hashes say`, { now: checkpoint.text });
            const entry = readable(raw);
            if (!entry || index < s.from || index >= s.to) continue;
            times.push([index, entry.time]);
            if (!s.own.has(index)) this.lookAt(entry, index, s, checkpoint); /* the tags of our own are proven */
        }
        /* All hashes of a tile take part in the proof of any one of them. */
        await tiles.include(checkpoint, i * TILE_WIDTH, bundle[0]!).catch((e) => {
            if (wordOf(e) !== "forged") throw e;
            throw new Broken("not_included", `the log's entries from ${i * TILE_WIDTH} on do not lead to its checkpoint`, { now: checkpoint.text });
        });
        return times;
    }

    private lookAt(entry: Entry, index: number, s: Sought, checkpoint: Checkpoint): void {
        const n = entry.tag ? s.tags.get(hex(entry.tag)) : undefined;
        const now = checkpoint.text;
        if (n !== undefined && n < this.entries.length) throw new Broken("withheld", `an entry of yours stands in the log at ${index} under the number ${n}, which another one has: the vault hid it from you`, { entry: n, now });
        if (n !== undefined) throw new Broken("withheld", `an entry of yours stands in the log at ${index}, and the vault did not give it out`, { entry: n, now });
        /* Nobody but us can call somebody so: it is ours, under a number at which we would never look. */
        if (entry.actor && (s.actors.has(hex(entry.actor)) || s.grants.has(entry.facts["grant"] ?? -1)))
            throw new Broken("withheld", `an act of somebody to whom you gave access stands in the log at ${index}, under no number of yours: the vault hid it from you`, { now });
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

/* null: of a later version, perhaps; who holds the log's hashes against it will say. */
function readable(raw: Uint8Array): Entry | null {
    try {
        return decodeEntry(raw);
    } catch {
        return null;
    }
}
