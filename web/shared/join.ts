/* The invited person's side of an invitation: offers the account's keys under the code, and waits for an owner's device to answer
 * (docs/trust.md, "Members"). */
import type { Api } from "./api.ts";
import { b64, hex, text, unb64, type Bytes } from "./bytes.ts";
import { boxOpen, boxPublic } from "./box.ts";
import { CardeaError, invalid } from "./errors.ts";
import { parseCode, pairingOf } from "./hub.ts";
import type { KeyringBody, KeyringHousehold } from "./keyring.ts";
import { memberMac } from "./members.ts";
import { signKey } from "./sign.ts";

export async function offer(api: Api, code: string, account: KeyringBody["account"]): Promise<void> {
    const { id, key: k } = pairingOf(parseCode(code));
    const sign = (await signKey(account.sign)).public;
    const box = await boxPublic(account.box);
    try {
        await api.send("POST", "/v1/pairing", { who: "nobody", json: { id, sign: b64(sign), box: b64(box), mac: b64(memberMac(k, sign, box)) } });
    } catch (e) {
        if (e instanceof CardeaError && e.word === "exists") throw new CardeaError("exists", "this invitation was used by somebody else: ask for a new one");
        throw e;
    }
}

/* One wait of at most 25 s. Null: not yet. */
export async function answered(api: Api, code: string, account: KeyringBody["account"], signal: AbortSignal): Promise<KeyringHousehold | null> {
    const { id, key: k } = pairingOf(parseCode(code));
    const reply = await api.get<{ answer: string } | undefined>(`/v1/pairing/${id}/answer`, { who: "nobody", signal });
    return reply ? readAnswer(unb64(reply.answer), k, account.box) : null;
}

export async function readAnswer(sealed: Bytes, k: Bytes, accountSecret: Bytes): Promise<KeyringHousehold> {
    const json = JSON.parse(text(await boxOpen(accountSecret, "cardea/1 pairing", k, sealed))) as Record<string, unknown>;
    const { v, household, name, role, sign, grant, capability } = json;
    if (v !== 1) throw invalid("the invitation's answer: v");
    if (typeof household !== "string" || !/^[0-9a-f]{32}$/.test(household)) throw invalid("the invitation's answer: household");
    if (typeof name !== "string" || typeof sign !== "string") throw invalid("the invitation's answer: name or sign");
    const out: KeyringHousehold = { id: household, name: name.slice(0, 128), capability: new Uint8Array(0), role: "owner", sign: unb64(sign) };
    if (hex(out.sign!).length !== 64) throw invalid("the invitation's answer: sign");
    if (role === "owner" && typeof capability === "string") return { ...out, capability: unb64(capability) };
    if ((role !== "member" && role !== "viewer") || typeof grant !== "string" || !/^[0-9a-f]{32}$/.test(grant)) throw invalid("the invitation's answer: role or grant");
    return { ...out, role, grant };
}
