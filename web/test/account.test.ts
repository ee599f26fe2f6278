/* What the account's requests prove besides the session: against a vault in memory that keeps what it is sent. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkPassphrase, recover, reseal, signUpAlone } from "../shared/account.ts";
import type { Api } from "../shared/api.ts";
import { CardeaError } from "../shared/errors.ts";
import { newRecovery } from "../shared/recovery.ts";

type Json = Record<string, unknown>;

class Kept {
    stored: Json = {};
    version = 1;
    readonly puts: Json[] = [];

    readonly api = {
        session: "",
        get: async (path: string) => this.answer("GET", path, {}),
        send: async (method: string, path: string, o: { json?: Json } = {}) => this.answer(method, path, o.json ?? {}),
    } as unknown as Api;

    private answer(method: string, path: string, json: Json): Json {
        const held = { token: "t", keyring: this.stored["keyring"], version: this.version };
        if (path === "/v1/accounts" || (method === "PUT" && path === "/v1/keyring")) {
            if (method === "PUT") this.puts.push(json), this.version++;
            this.stored = { ...this.stored, ...json };
            return { token: "t", version: this.version };
        }
        if (path === "/v1/sessions/recover") assert.equal(json["recovery_auth"], this.stored["recovery_auth"]);
        return held;
    }
}

test("a new passphrase comes with the present one", async () => {
    const vault = new Kept();
    const { account } = await signUpAlone(vault.api, { login: "ada", passphrase: "the first of them" });
    const before = vault.stored["auth"];
    const checked = await checkPassphrase(vault.api, account, "the first of them");
    await reseal(vault.api, checked.account, checked.proof, "another one");
    assert.equal(vault.puts[0]!["present_auth"], before);
    assert.equal(vault.puts[0]!["present_recovery_auth"], undefined);
    assert.notEqual(vault.stored["auth"], before);
    await assert.rejects(checkPassphrase(vault.api, account, "the first of them"), (e) => e instanceof CardeaError && e.word === "denied");
});

test("a new recovery code comes with the passphrase", async () => {
    const vault = new Kept();
    const { account } = await signUpAlone(vault.api, { login: "ada", passphrase: "the first of them" });
    const before = vault.stored["auth"];
    const checked = await checkPassphrase(vault.api, account, "the first of them");
    await reseal(vault.api, checked.account, checked.proof, "the first of them", newRecovery().secret);
    assert.equal(vault.puts[0]!["present_auth"], before);
    assert.ok(vault.puts[0]!["recovery_auth"]);
});

test("after recovery the code is the proof", async () => {
    const vault = new Kept();
    const { words } = await signUpAlone(vault.api, { login: "ada", passphrase: "the first of them" });
    const code = vault.stored["recovery_auth"];
    const { account, proof } = await recover(vault.api, "ada", words.join(" "));
    await reseal(vault.api, account, proof, "another one");
    assert.equal(vault.puts[0]!["present_recovery_auth"], code);
    assert.equal(vault.puts[0]!["present_auth"], undefined);
});
