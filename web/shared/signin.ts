/* Sessions, second factors, passkeys, and letting another device in (docs/trust.md, "Sign-in"; docs/protocol.md, "Vault"). What
 * the browser's authenticator does happens on the page (owner/webauthn.ts): a worker has none. */
import { checkPassphrase, type Account } from "./account.ts";
import type { Api, SessionAnswer } from "./api.ts";
import { b64, concat, equal, hex, random, text, unb64, utf8, type Bytes } from "./bytes.ts";
import { boxOpen, boxPublic, boxSeal } from "./box.ts";
import { deviceName, labelText, openAbout, openName, readLabel, sealAbout, sealName, type How, type SessionLabel } from "./devicename.ts";
import { CardeaError, forged, invalid } from "./errors.ts";
import { hmac, sha256 } from "./hash.ts";
import { formatCode, pairingOf, parseCode } from "./hub.ts";
import { bodyOf, keyringFromJson, keyringJson, openByPasskey, passkeyKey, rewriteKeyring, wrapForPasskeyOf, type KeyringBody } from "./keyring.ts";
import { newSignKey } from "./sign.ts";

/* The vault's question after the right passphrase. */
export interface FactorQuestion {
    factors: ("totp" | "webauthn")[];
    challenge: string;
    credentials: string[];
}
export interface Assertion {
    credential: string;
    authenticator_data: string;
    client_data: string;
    signature: string;
}
export type FactorProof = { totp: string } | { webauthn: Assertion };

export interface SessionView {
    id: string;
    name: string | null; /* null: none that one of this account's devices sealed */
    how: How | null; /* by its own word, as the times; null: it does not say */
    since: number; /* slots; 0: it does not say */
    used: number;
    expiresDay: number;
    current: boolean;
    factor: boolean;
    news: boolean; /* this device has not seen it before, and nobody has said that it is theirs */
}
export interface FactorView {
    id: string;
    kind: "totp" | "webauthn";
    passkey: boolean;
    name: string;
}
export interface TotpOffer {
    secret: string;
    uri: string;
    pending: string;
}
export interface Registration {
    credential: string;
    algorithm: number;
    authenticator_data: string;
    client_data: string;
}
export interface RegistrationOffer {
    challenge: string;
    rp: string;
    user: string;
    algorithms: number[];
    exclude: string[];
}

const session = { who: "session" as const };
export const here = (): string => deviceName(navigator as never);

/* ---- sessions ---- */

const signSeed = (account: Account): Bytes => account.ring.body.account.sign;

/* What this device says of its session, for the account's other devices. A session works without it too. */
const sealLabel = async (account: Account, label: SessionLabel): Promise<string> => b64(await sealName(signSeed(account), labelText(label)));
export async function nameSession(api: Api, account: Account, how: How, now: number): Promise<void> {
    const label = await sealLabel(account, { name: here(), how, since: now, used: now });
    await api.send("PUT", "/v1/sessions/current", { ...session, json: { label } }).catch(() => undefined);
}

/* Once a day: that this session is used. */
export async function touchSession(api: Api, account: Account, current: SessionView, now: number): Promise<boolean> {
    if (!current.how || Math.floor(now / 86_400) <= Math.floor(current.used / 86_400)) return false;
    const label = await sealLabel(account, { ...current, name: current.name ?? here(), used: now });
    await api.send("PUT", "/v1/sessions/current", { ...session, json: { label } });
    return true;
}

interface ListedSession {
    id: string;
    label: string;
    expires_day: number;
    current: boolean;
    factor: boolean;
}

export async function listSessions(api: Api, account: Account, known: ReadonlySet<string> | null): Promise<SessionView[]> {
    const { sessions } = await api.get<{ sessions: ListedSession[] }>("/v1/sessions", session);
    const views = sessions.map(async (s): Promise<SessionView> => {
        const label = await openName(signSeed(account), unb64(s.label));
        const said = label === null ? { name: null, how: null, since: 0, used: 0 } : readLabel(label);
        return { id: s.id, ...said, expiresDay: s.expires_day, current: s.current, factor: s.factor, news: known !== null && !s.current && !known.has(s.id) };
    });
    return (await Promise.all(views)).sort((a, b) => Number(b.current) - Number(a.current) || b.expiresDay - a.expiresDay);
}

/* False: it was ended on another device, or has run out. A vault that cannot be asked says nothing. */
export async function alive(api: Api): Promise<boolean> {
    return api.get("/v1/sessions", session).then(() => true, (e) => !(e instanceof CardeaError) || e.word !== "denied");
}

/* A session lasts 30 days. One that is used goes on: when half of them are over, another one takes its place. */
const RENEW_DAYS = 15;
export async function renew(api: Api, account: Account, current: SessionView, nowMs: number): Promise<boolean> {
    if (current.expiresDay - Math.floor(nowMs / 86_400_000) >= RENEW_DAYS) return false;
    const label = await sealLabel(account, { ...current, name: current.name ?? here(), used: current.how ? nowMs / 1000 : 0 });
    const { token } = await api.send<{ token: string }>("POST", "/v1/sessions/another", { ...session, json: { label } });
    const old = current.id;
    api.session = token;
    await endSession(api, old);
    return true;
}

export const endSession = (api: Api, id: string): Promise<void> =>
    api.send<void>("DELETE", `/v1/sessions/${id}`, session).catch((e) => {
        if (!(e instanceof CardeaError) || e.word !== "not_found") throw e; /* it has ended already */
    });

/* ---- second factors ---- */

/* What is added or taken away here is proven by the passphrase: a session that was left open somewhere is not enough. */

interface ListedFactor {
    id: string;
    kind: "totp" | "webauthn";
    label: string;
    passkey: boolean;
}

export async function listFactors(api: Api, account: Account): Promise<FactorView[]> {
    const { factors } = await api.get<{ factors: ListedFactor[] }>("/v1/factors", session);
    return Promise.all(factors.map(async ({ id, kind, passkey, label }) => ({ id, kind, passkey, name: (await openName(signSeed(account), unb64(label))) ?? "" })));
}

export async function beginTotp(api: Api, account: Account, passphrase: string): Promise<TotpOffer> {
    const { proof } = await checkPassphrase(api, account, passphrase);
    const { secret, pending } = await api.send<{ secret: string; pending: string }>("POST", "/v1/factors/totp", { ...session, json: proof });
    if (!/^[A-Z2-7]{32}$/.test(secret)) throw invalid("the vault sent no secret");
    const uri = `otpauth://totp/Cardea:${encodeURIComponent(account.login)}?secret=${secret}&issuer=Cardea`;
    return { secret, pending, uri };
}

export async function confirmTotp(api: Api, account: Account, pending: string, code: string, name: string): Promise<void> {
    const label = b64(await sealName(signSeed(account), name));
    await api.send("POST", "/v1/factors/totp/confirm", { ...session, json: { pending, code: code.replaceAll(/\s/g, ""), label } });
}

export async function beginKey(api: Api, account: Account, passphrase: string): Promise<RegistrationOffer> {
    const { proof } = await checkPassphrase(api, account, passphrase);
    return api.send("POST", "/v1/factors/webauthn/begin", { ...session, json: proof });
}

export async function finishKey(api: Api, account: Account, registration: Registration, name: string): Promise<void> {
    const label = b64(await sealName(signSeed(account), name));
    await api.send("POST", "/v1/factors/webauthn/finish", { ...session, json: { ...registration, label } });
}

export async function removeFactor(api: Api, account: Account, id: string, passphrase: string): Promise<void> {
    const { proof } = await checkPassphrase(api, account, passphrase);
    await api.send("DELETE", `/v1/factors/${id}`, { ...session, json: proof });
}

/* ---- passkeys ---- */

export const credentialId = (credential: Uint8Array): string => hex(sha256(credential).subarray(0, 16));

/* Lets a registered credential open the keyring, by what its PRF answered. */
export async function addPasskey(api: Api, account: Account, credential: Uint8Array, prf: Uint8Array, passphrase: string): Promise<Account> {
    const { proof } = await checkPassphrase(api, account, passphrase);
    const { keyring, version: before } = await api.get<{ keyring: string; version: number }>("/v1/keyring", session);
    const raw = unb64(keyring);
    const stored = await bodyOf(raw, account.ring.key); /* another device may have changed it */
    const id = credentialId(credential);
    const wrap = passkeyKey(prf);
    const body: KeyringBody = { ...stored, login: account.login, passkeys: [...(stored.passkeys ?? []).filter((p) => p.id !== id), { id, wrap }] };
    const wraps = [{ id, wrap: b64(await wrapForPasskeyOf(raw, account.ring.key, wrap)) }];
    const version = before + 1;
    await api.send("PUT", "/v1/keyring", { ...session, json: { keyring: b64(await rewriteKeyring(raw, account.ring.key, body)), version, wraps, ...proof } });
    return { ...account, version, ring: { ...account.ring, body } };
}

export const passkeyChallenge = async (api: Api): Promise<string> => (await api.get<{ challenge: string }>("/v1/sessions/passkey", { who: "nobody" })).challenge;

/* The vault knows who by the passkey alone; the name comes out of the keyring. */
export async function signInByPasskey(api: Api, assertion: Assertion, user: string, prf: Uint8Array): Promise<Account> {
    const answer = await api.send<SessionAnswer & { wrap: string }>("POST", "/v1/sessions/passkey", { who: "nobody", json: { ...assertion, user } });
    api.session = answer.token;
    const ring = await openByPasskey(unb64(answer.keyring), unb64(answer.wrap), passkeyKey(prf));
    return { login: ring.body.login ?? "", ring, version: answer.version };
}

/* ---- letting another device in ---- */

const DIGITS = 90;
const mac = (k: Uint8Array, word: string, keys: Uint8Array): Bytes => hmac(k, concat(utf8(word), keys));
/* Two digits on the new device's screen: a link that somebody sent is not enough to let that somebody in. */
function digitsOf(k: Uint8Array, keys: Uint8Array): string {
    const m = mac(k, "check", keys);
    return String(10 + (((m[0]! << 8) | m[1]!) % DIGITS));
}

/* The new device's side: what it shows, and what it waits with. */
export interface Asking {
    code: string;
    digits: string;
    id: string;
    key: Bytes;
    box: Bytes; /* secret */
}

export async function askToBeLetIn(api: Api): Promise<Asking> {
    const secret = random(10);
    const { id, key } = pairingOf(secret);
    const box = random(32);
    const keys = concat((await newSignKey()).public, await boxPublic(box));
    const about = await sealAbout(sha256(secret), keys, here());
    const json = { id, sign: b64(keys.subarray(0, 32)), box: b64(keys.subarray(32)), mac: b64(mac(key, "device", keys)), about: b64(about) };
    await api.send("POST", "/v1/pairing", { who: "nobody", json });
    return { code: formatCode(secret), digits: digitsOf(key, keys), id, key, box };
}

/* One wait of at most 25 s. Null: not yet. */
export async function answerFor(api: Api, asking: Asking, signal: AbortSignal): Promise<Account | null> {
    const reply = await api.get<{ answer: string } | undefined>(`/v1/pairing/${asking.id}/answer`, { who: "nobody", signal });
    if (!reply) return null;
    const json = JSON.parse(text(await boxOpen(asking.box, "cardea/1 pairing", asking.key, unb64(reply.answer)))) as { v: number; login: string; token: string; version: number; body: unknown; key: string };
    if (json.v !== 1 || typeof json.token !== "string" || typeof json.login !== "string") throw invalid("the answer of the other device cannot be read");
    api.session = json.token;
    const ring = { cost: { memoryKib: 0, passes: 0 }, salt: new Uint8Array(0), key: unb64(json.key), body: keyringFromJson(json.body) };
    return { login: json.login, version: json.version, ring };
}

interface Offer {
    sign: string;
    box: string;
    mac: string;
    about?: string;
}

/* The signed-in device's side: which device asks under this code. */
export async function whoAsks(api: Api, code: string): Promise<{ name: string | null }> {
    return { name: (await readOffer(api, code)).name };
}

async function readOffer(api: Api, code: string): Promise<{ id: string; key: Bytes; keys: Bytes; name: string | null }> {
    const secret = parseCode(code);
    const { id, key } = pairingOf(secret);
    const offer = await api.get<Offer>(`/v1/pairing/${id}`, { who: "nobody" }).catch((e) => {
        if (e instanceof CardeaError && e.word === "not_found") throw new CardeaError("not_found", "No device asks under this code. Is it typed as it is shown? A code is good for a day.");
        throw e;
    });
    const keys = concat(unb64(offer.sign), unb64(offer.box));
    if (!equal(mac(key, "device", keys), unb64(offer.mac))) {
        if (equal(mac(key, "hub", keys), unb64(offer.mac)) || equal(mac(key, "member", keys), unb64(offer.mac)))
            throw invalid("this code is of a hub or of an invitation, and not of a device of yours");
        throw forged("the device's keys do not fit the code: somebody between you and it changed them");
    }
    return { id, key, keys, name: offer.about ? await openAbout(sha256(secret), keys, unb64(offer.about)) : null };
}

export async function letIn(api: Api, account: Account, code: string, digits: string, now: number): Promise<string | null> {
    const { id, key, keys, name } = await readOffer(api, code);
    if (digitsOf(key, keys) !== digits.trim()) throw new CardeaError("denied", "Those are not the digits on the new device. If it is not in front of you, do not let it in.");
    const label = await sealLabel(account, { name: name ?? "A device without a name", how: "approved", since: now, used: now });
    const { token } = await api.send<{ token: string }>("POST", "/v1/sessions/another", { ...session, json: { label } });
    const answer = JSON.stringify({ v: 1, login: account.login, token, version: account.version, body: keyringJson(account.ring.body), key: b64(account.ring.key) });
    const sealed = await boxSeal(keys.subarray(32), "cardea/1 pairing", key, utf8(answer));
    await api.send("POST", `/v1/pairing/${id}/answer`, { who: "nobody", json: { answer: b64(sealed) } });
    return name;
}
