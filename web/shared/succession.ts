/* By which key of a household the next one follows (docs/keys.md, "Successor keys"; docs/formats.md, "Succession"). Whoever knows one
 * signing key of it follows the chain of statements to the present one. */
import { b64, concat, equal, own, unb64, unhex, u32, utf8, type Bytes } from "./bytes.ts";
import { CardeaError, forged } from "./errors.ts";
import { openEnvelope, seal, sign, verify, type SignKey } from "./sign.ts";
import { isB64, isHex, isSlot, isWhole, parseJson, readFields } from "./staff.ts";

export const SUCCESSIONS_MAX = 64;
const STATEMENT_MAX_BYTES = 512;
const DOMAIN = "cardea/1 succession";
const PROOF = "cardea/1 successor";
const SIGNATURE_BYTES = 64;

export interface Succession {
    household: string;
    n: number; /* from 1 */
    former: Bytes; /* who signed it: the key that hands over */
    sign: Bytes; /* to this one */
    box: Bytes;
    time: number; /* slot */
    raw: Bytes;
}

type Named = Pick<Succession, "household" | "n" | "former" | "sign" | "box" | "time">;

/* What the new key signs: nobody names another's as the next. */
const proven = (s: Named): Bytes => concat(unhex(s.household), u32(s.n), s.former, s.sign, s.box, u32(s.time));

export async function makeSuccession(former: SignKey, next: { sign: SignKey; box: Bytes }, of: { household: string; n: number; time: number }): Promise<Bytes> {
    if (of.n < 1 || of.n > SUCCESSIONS_MAX) throw new CardeaError("limit", `a household's keys are succeeded ${SUCCESSIONS_MAX} times at most: make a new household`);
    const proof = await sign(next.sign, PROOF, proven({ ...of, former: former.public, sign: next.sign.public, box: next.box }));
    const json = { v: 1, household: of.household, n: of.n, sign: b64(next.sign.public), box: b64(next.box), time: of.time, proof: b64(proof) };
    return seal(former, DOMAIN, utf8(JSON.stringify(json)));
}

export async function readSuccession(raw: Uint8Array): Promise<Succession> {
    if (raw.length > STATEMENT_MAX_BYTES) throw new CardeaError("limit", "succession: larger than 512 bytes");
    const { signer, body } = await openEnvelope(raw, DOMAIN);
    const v = readFields("succession", parseJson("succession", body), {
        v: isWhole(1, 1), household: isHex(16), n: isWhole(1, SUCCESSIONS_MAX), sign: isB64(32), box: isB64(32), time: isSlot, proof: isB64(SIGNATURE_BYTES),
    });
    const s: Succession = { household: v["household"], n: v["n"], former: signer, sign: unb64(v["sign"]), box: unb64(v["box"]), time: v["time"], raw: own(raw) };
    if (!(await verify(s.sign, PROOF, proven(s), unb64(v["proof"])))) throw forged("succession: the new key does not say so itself");
    return s;
}

/* All statements of a household, oldest first, held against each other. */
export async function readChain(raws: readonly Uint8Array[]): Promise<Succession[]> {
    if (raws.length > SUCCESSIONS_MAX) throw new CardeaError("limit", `succession: more than ${SUCCESSIONS_MAX} statements`);
    const chain: Succession[] = [];
    for (const raw of raws) {
        const s = await readSuccession(raw);
        const before = chain.at(-1);
        if (s.n !== chain.length + 1) throw forged(`succession: number ${s.n} stands where ${chain.length + 1} must`);
        if (before && s.household !== before.household) throw forged("succession: of another household");
        if (before && !equal(s.former, before.sign)) throw forged("succession: it is not by the key that the one before it names");
        chain.push(s);
    }
    return chain;
}

/* As requests carry it: absent where there was none. */
export const readChainText = (raws: readonly string[] | undefined): Promise<Succession[]> => readChain((raws ?? []).map((r) => unb64(r)));

/* The signing keys that a chain names, oldest first. */
export const signersOf = (chain: readonly Succession[]): Bytes[] => (chain.length === 0 ? [] : [chain[0]!.former, ...chain.map((s) => s.sign)]);

/* The keys from the one that is known on, in their order: any of them speaks for the household to who knows that one. Without a chain, or
 * with one that does not name it, nothing follows it. */
export function followedFrom(chain: readonly Succession[], known: (key: Bytes) => boolean): Bytes[] {
    const all = signersOf(chain);
    const at = all.findIndex(known);
    return at < 0 ? [] : all.slice(at);
}

/* Whether it leads from one key to another; each leads to itself. */
export const leads = (chain: readonly Succession[], from: Uint8Array, to: Uint8Array): boolean =>
    equal(from, to) || followedFrom(chain, (k) => equal(k, from)).some((k) => equal(k, to));
