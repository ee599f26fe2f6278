/* Accounts: sign-up, sign-in, recovery, and changes of what seals the keyring (docs/protocol.md, "Vault"). */
import { b64, hex, own, random, unb64, type Bytes } from "./bytes.ts";
import { boxPublic } from "./box.ts";
import type { Api, SessionAnswer } from "./api.ts";
import { CardeaError, forged } from "./errors.ts";
import { makeHouseholdKeys, sealHouseholdKeys } from "./householdkeys.ts";
import { bodyOf, openKeyring, rewriteKeyring, sealKeyring, wrapForPasskey, type Keyring, type KeyringBody, type KeyringHousehold } from "./keyring.ts";
import { COST, derive } from "./passphrase.ts";
import { newRecovery, parseRecovery, recoveryKeys, type DerivedKeys } from "./recovery.ts";
import { sign, signKey } from "./sign.ts";
import type { FactorProof } from "./signin.ts";

export interface Account {
    login: string;
    ring: Keyring;
    version: number;
}

export interface SignUp {
    login: string;
    passphrase: string;
    household: string;
    setupCode?: string;
}

const newBody = (households: KeyringHousehold[], recovery: Bytes): KeyringBody => ({
    v: 1,
    account: { box: random(32), sign: random(32) },
    recovery,
    households,
});

/* Makes the account; the household is made by makeHousehold. The words are the recovery code: shown once. */
export function signUp(api: Api, o: SignUp): Promise<{ account: Account; words: string[] }> {
    return makeAccount(api, o, [{ id: hex(random(16)), capability: random(32), name: o.household }]);
}

async function makeAccount(api: Api, o: Omit<SignUp, "household">, households: KeyringHousehold[]): Promise<{ account: Account; words: string[] }> {
    const recovery = newRecovery();
    const second = recoveryKeys(recovery.secret);
    const ring: Keyring = { cost: COST, salt: random(16), key: random(32), body: newBody(households, second.wrap) };
    const first = await derive(o.passphrase, ring.salt, ring.cost);
    const raw = await sealKeyring(ring, first.wrap);
    const unused = await api.send<{ token: string }>("POST", "/v1/accounts", {
        who: "nobody",
        json: {
            login: o.login, salt: b64(ring.salt), memory_kib: ring.cost.memoryKib, passes: ring.cost.passes,
            auth: b64(first.auth), recovery_auth: b64(second.auth), keyring: b64(raw),
            ...(o.setupCode ? { setup_code: o.setupCode } : {}),
        },
    });
    /* Where sign-up is open the vault does not say whether the name was free: signing in does. */
    const json = { login: o.login, auth: b64(first.auth) };
    const session = await api.send<SessionAnswer>("POST", "/v1/sessions", { who: "nobody", json }).catch((e) => {
        if (e instanceof CardeaError && e.word === "denied") throw new CardeaError("exists", `the name “${o.login}” is taken: choose another, or sign in`);
        throw e;
    });
    /* The one that came with the account has no use, and would be listed as a device without a name. */
    api.session = unused.token;
    await api.send("DELETE", "/v1/sessions/current", { who: "session" }).catch(() => undefined);
    api.session = session.token;
    return { account: { login: o.login, ring, version: session.version }, words: recovery.words };
}

/* Registers the keyring's first household with the vault, and stores its keys there, sealed to the account. No session goes with
 * these requests: the vault must not learn whose household it is. */
export async function makeHousehold(api: Api, body: KeyringBody, setupCode?: string): Promise<void> {
    const { id, capability, name } = body.households[0]!;
    const key = await signKey(own(capability));
    const signature = await sign(key, "cardea/1 household", householdId(id));
    await api.send("POST", "/v1/households", {
        who: "nobody",
        json: { id, capability: b64(key.public), signature: b64(signature), ...(setupCode ? { setup_code: setupCode } : {}) },
    });
    api.useCapability(key);
    const keys = await makeHouseholdKeys(name, id);
    const object = await sealHouseholdKeys(keys, await boxPublic(body.account.box));
    await api.send("PUT", `/v1/objects/${object.key}`, { body: object.raw, headers: { "If-Match": '"0"' } });
}

const householdId = (id: string): Bytes => new Uint8Array(id.match(/../g)!.map((h) => parseInt(h, 16)));

/* What the passphrase makes, kept while a person looks for their phone. */
export interface Ready {
    login: string;
    keys: DerivedKeys;
}

export async function prepare(api: Api, login: string, passphrase: string): Promise<Ready> {
    const params = await api.send<{ salt: string; memory_kib: number; passes: number }>("POST", "/v1/sessions/params", {
        who: "nobody", json: { login },
    });
    const cost = { memoryKib: params.memory_kib, passes: params.passes };
    /* What is derived at a lower cost than every keyring has would be cheaper to guess from: no honest vault asks. */
    if (!(cost.memoryKib >= COST.memoryKib && cost.passes >= COST.passes))
        throw forged("This vault asks for a weaker passphrase hash than Cardea makes. Do not trust it with this passphrase.");
    return { login, keys: await derive(passphrase, unb64(params.salt), cost) };
}

/* Error `factor`: the passphrase is right, and its detail says what else is needed. */
export async function signIn(api: Api, { login, keys }: Ready, factor?: FactorProof): Promise<Account> {
    const json = { login, auth: b64(keys.auth), ...(factor ? { factor } : {}) };
    const answer = await api.send<SessionAnswer>("POST", "/v1/sessions", { who: "nobody", json });
    api.session = answer.token;
    return { login, ring: await openKeyring(unb64(answer.keyring), 1, keys.wrap), version: answer.version };
}

/* The present secret, which the vault asks for again where a session is not enough. */
export type Proof = { present_auth: string } | { present_recovery_auth: string };

export async function recover(api: Api, login: string, words: string): Promise<{ account: Account; proof: Proof }> {
    const keys = recoveryKeys(parseRecovery(words));
    const answer = await api.send<SessionAnswer>("POST", "/v1/sessions/recover", {
        who: "nobody", json: { login, recovery_auth: b64(keys.auth) },
    });
    api.session = answer.token;
    const ring = await openKeyring(unb64(answer.keyring), 2, keys.wrap);
    return { account: { login, ring, version: answer.version }, proof: { present_recovery_auth: b64(keys.auth) } };
}

/* Seals the keyring anew under a passphrase, and under another recovery code if one is given; ends all other sessions. */
export async function reseal(api: Api, account: Account, proof: Proof, passphrase: string, recoverySecret?: Uint8Array): Promise<Account> {
    const second = recoverySecret && recoveryKeys(recoverySecret);
    const body = { ...account.ring.body, ...(second ? { recovery: second.wrap } : {}) };
    const ring: Keyring = { body, cost: COST, salt: random(16), key: random(32) };
    const first = await derive(passphrase, ring.salt, ring.cost);
    const raw = await sealKeyring(ring, first.wrap);
    const { version: before } = await api.get<{ version: number }>("/v1/keyring", { who: "session" });
    const version = before + 1;
    const wraps = await wrapsOf(api, ring);
    await api.send("PUT", "/v1/keyring", {
        who: "session",
        json: {
            keyring: b64(raw), version, salt: b64(ring.salt), memory_kib: ring.cost.memoryKib, passes: ring.cost.passes,
            auth: b64(first.auth), wraps, ...(second ? { recovery_auth: b64(second.auth) } : {}), ...proof,
        },
    });
    return { login: account.login, ring, version };
}

/* The new key for the account's passkeys. One that was taken away on another device leaves the keyring here. */
async function wrapsOf(api: Api, ring: Keyring): Promise<{ id: string; wrap: string }[]> {
    const all = ring.body.passkeys ?? [];
    if (all.length === 0) return [];
    const { factors } = await api.get<{ factors: { id: string }[] }>("/v1/factors", { who: "session" });
    const kept = all.filter((p) => factors.some((f) => f.id === p.id));
    return Promise.all(kept.map(async (p) => ({ id: p.id, wrap: b64(await wrapForPasskey(ring, p.wrap)) })));
}

/* The account of somebody who was invited: it belongs to no household yet. */
export async function signUpAlone(api: Api, o: Omit<SignUp, "household">): Promise<{ account: Account; words: string[] }> {
    return makeAccount(api, o, []);
}

/* Another household in the keyring, or another version of one that is there. What seals the keyring stays as it is, and so does every session. */
export async function addHousehold(api: Api, account: Account, household: KeyringHousehold): Promise<Account> {
    const { keyring, version: before } = await api.get<{ keyring: string; version: number }>("/v1/keyring", { who: "session" });
    const stored = await bodyOf(unb64(keyring), account.ring.key); /* another device may have changed it */
    const held = stored.households.some((h) => h.id === household.id);
    const households = held ? stored.households.map((h) => (h.id === household.id ? household : h)) : [...stored.households, household];
    const body = { ...stored, households };
    const raw = await rewriteKeyring(unb64(keyring), account.ring.key, body);
    const version = before + 1;
    await api.send("PUT", "/v1/keyring", { who: "session", json: { keyring: b64(raw), version } });
    return { ...account, ring: { ...account.ring, body }, version };
}

/* Whether `passphrase` opens this account, asked of the keyring itself: nothing goes to the vault but the request for it. The account as
 * it is stored now, which another device may have changed. */
export async function checkPassphrase(api: Api, account: Account, passphrase: string): Promise<{ account: Account; proof: Proof }> {
    const { keyring, version } = await api.get<{ keyring: string; version: number }>("/v1/keyring", { who: "session" });
    const raw = unb64(keyring);
    const v = new DataView(raw.buffer);
    const keys = await derive(passphrase, raw.subarray(14, 30), { memoryKib: v.getUint32(6), passes: v.getUint32(10) });
    try {
        const ring = await openKeyring(raw, 1, keys.wrap);
        return { account: { login: account.login, ring, version }, proof: { present_auth: b64(keys.auth) } };
    } catch (e) {
        if (e instanceof CardeaError && e.word === "denied") throw new CardeaError("denied", "that is not your present passphrase");
        throw e;
    }
}
