/* A link by which somebody without an account opens a grant (docs/trust.md, "A link"). No request carries any of it. */
import { b64, concat, hex, own, unb64, unhex, utf8, type Bytes } from "./bytes.ts";
import { boxPublic } from "./box.ts";
import { CardeaError, invalid } from "./errors.ts";
import { hkdfExpand, NOTHING, sha256 } from "./hash.ts";
import { argon, COST } from "./passphrase.ts";
import { signKey, type SignKey } from "./sign.ts";

const BYTES = 1 + 1 + 16 + 16 + 32;
const PASSWORD = 1;
const PASSWORD_MAX_BYTES = 1024;
const PAGE = "/share/#";

export interface Link {
    password: boolean;
    grant: string;
    issuer: Bytes; /* 16: see issuerOf */
    secret: Bytes;
}

export const issuerOf = (household: Uint8Array): Bytes => own(sha256(household).subarray(0, 16));

export function formatLink(link: Link, vault: string): string {
    const raw = concat(new Uint8Array([1, link.password ? PASSWORD : 0]), unhex(link.grant), link.issuer, link.secret);
    return `${vault.replace(/\/$/, "")}${PAGE}${b64(raw)}`;
}

/* What follows "#"; a page has it in location.hash. */
export function parseFragment(fragment: string): Link {
    let raw: Bytes;
    try {
        raw = unb64(fragment.replace(/^#/, ""));
    } catch {
        throw invalid("link: what follows # is damaged: copy the whole link");
    }
    if (raw.length < 1 || raw[0] !== 1) throw invalid("link: this version is not known");
    if (raw.length !== BYTES) throw invalid("link: its length does not fit: copy the whole link");
    if (raw[1]! & ~PASSWORD) throw invalid("link: these flags are not known");
    return { password: (raw[1]! & PASSWORD) !== 0, grant: hex(raw.subarray(2, 18)), issuer: own(raw.subarray(18, 34)), secret: own(raw.subarray(34)) };
}

export function parseLink(link: string): { link: Link; vault: string } {
    const at = link.indexOf(PAGE);
    if (!/^https?:\/\//.test(link) || at < 0) throw invalid(`link: it is not one like https://vault${PAGE}…`);
    return { link: parseFragment(link.slice(at + PAGE.length)), vault: link.slice(0, at) };
}

export interface LinkKeys {
    box: { secret: Bytes; public: Bytes };
    sign: SignKey;
}

/* `password` counts only when the link says that there is one; then it takes 64 MiB and part of a second: run it in the worker. */
export async function linkKeys(link: Link, password: string): Promise<LinkKeys> {
    const seed = await linkSeed(link, password);
    const secret = hkdfExpand(seed, "cardea/1 link box", NOTHING, 32);
    const sign = await signKey(hkdfExpand(seed, "cardea/1 link sign", NOTHING, 32));
    seed.fill(0);
    return { box: { secret, public: await boxPublic(secret) }, sign };
}

export async function linkSeed(link: Link, password: string): Promise<Bytes> {
    if (!link.password) return hkdfExpand(link.secret, "cardea/1 link", NOTHING, 32);
    const typed = utf8(password);
    if (typed.length > PASSWORD_MAX_BYTES) throw new CardeaError("limit", "the password is too long");
    const slow = await argon(typed, unhex(link.grant), COST);
    const seed = hkdfExpand(slow, "cardea/1 link password", link.secret, 32);
    slow.fill(0);
    return seed;
}
