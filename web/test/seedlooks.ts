/* A log with weeks of access for a real household, answered in the vault's place: for looking at the page of who looked. Development alone. */
import * as accounts from "../shared/account.ts";
import { b64, utf8 } from "../shared/bytes.ts";
import { Api } from "../shared/api.ts";
import type { Memory } from "../shared/device.ts";
import { Household } from "../shared/household.ts";
import { logKeyOf } from "../shared/log.ts";
import { newSignKey, sealObject, signKey } from "../shared/sign.ts";
import { MadeLog, MadeVault } from "./madevault.ts";

export interface MadeLooks {
    vault: MadeVault;
    /* Undefined: the real vault answers. */
    answer(path: string): { status: number; type: string; body: string | Uint8Array } | undefined;
}

const DAY = 86_400;

export async function madeLooks(origin: string, login: string, passphrase: string, quiet = false): Promise<MadeLooks> {
    const plain = globalThis.fetch;
    globalThis.fetch = ((path: string, init: RequestInit) => plain(path.startsWith("/") ? origin + path : path, init)) as typeof fetch;
    const owner = new Api();
    const account = await accounts.signIn(owner, await accounts.prepare(owner, login, passphrase));
    const mine = account.ring.body.households[0]!;
    owner.useCapability(await signKey(mine.capability));
    const memory: Memory = { get: async () => undefined, put: async () => {} };
    const household = await Household.open(owner, mine.id, account.ring.body.account.box, memory);
    await household.refresh();
    globalThis.fetch = plain;
    const v = new MadeVault();
    v.log = new MadeLog(await newSignKey());
    v.keys = household.keys;
    v.logKey = logKeyOf(household.keys.sign.seed);
    /* The household's own pin of that log, later than any that a device has seen: a pin is never believed to be gone. */
    v.objects.set("trust/pins", await sealObject(household.keys.sign, "trust/pins", 1000, utf8(JSON.stringify({ v: 1, log: b64(v.log.key.public) }))));
    const cameras = household.cameras.filter((c) => c.profile.kind === "main").map((c) => c.id);
    const camera = (i: number): string => cameras[i % cameras.length]!;
    const now = Math.floor(Date.now() / 1000);
    const today = new Date().setHours(0, 0, 0, 0) / 1000;
    v.time = today - 13 * DAY;
    await v.others(400);
    if (!quiet) await fill(v, camera, now, today);
    await v.others(60);
    const json = (value: unknown, status = 200) => ({ status, type: "application/json", body: JSON.stringify(value) });
    return {
        vault: v,
        answer(path) {
            try {
                if (path === "/v1/grants" || path.startsWith("/v1/log/mine")) return json(v.said(path));
                if (path === "/v1/objects/trust/pins") return v.objects.has("trust/pins") ? { status: 200, type: "application/octet-stream", body: v.objects.get("trust/pins")! } : json({ error: "not_found", message: "" }, 404);
                if (path.startsWith("/log/")) return { status: 200, type: "application/octet-stream", body: v.bytes(path) };
            } catch {
                return json({ error: "not_found", message: "there is no such file" }, 404);
            }
            return undefined;
        },
    };
}

async function fill(v: MadeVault, camera: (i: number) => string, now: number, today: number): Promise<void> {
    const at = async (t: number, kind: string, details: Record<string, unknown>, o: Parameters<MadeVault["append"]>[2] = {}): Promise<number> => {
        v.time = t - 7;
        return v.append(kind, details, o);
    };
    const watch = async (g: Awaited<ReturnType<MadeVault["grant"]>>, t: number, seconds: number, cameras: string[], facts: Record<string, number> = {}): Promise<void> => {
        const use = await at(t, "grant.use", g.details, { actor: g.actor, facts });
        if (seconds === 0) return;
        await at(t + 2, "live.begin", { ...g.details, cameras, use }, { actor: g.actor });
        if (seconds > 0) await at(t + 2 + seconds, "live.end", { ...g.details, cameras, use, from: t + 2, to: t + 2 + seconds }, { actor: g.actor });
    };
    const given = async (t: number, more: Parameters<MadeVault["grant"]>[0]) => {
        v.time = t - 7;
        return v.grant(more);
    };
    const past = { from: today - 3 * DAY + 51_000, to: today - 3 * DAY + 51_720 };
    const tom = await given(today - 12 * DAY + 40_000, { purpose: "member", name: "Tom", cameras: [0, 1, 2, 3].map(camera) });
    const grandma = await given(today - 9 * DAY + 50_000, { name: "Grandma", cameras: [camera(3)], words: "The cat" });
    grandma.details["from"] = today - 10 * DAY + 43_200;
    grandma.details["to"] = today - 10 * DAY + 43_380;
    tom.details["from"] = 0;
    tom.details["to"] = 4294967295;
    /* A log is in the order of its times. */
    const plan: [number, () => Promise<unknown>][] = [];
    const then = (t: number, act: () => Promise<unknown>) => void plan.push([t, act]);
    for (let d = 6; d >= 1; d--) {
        const day = today - d * DAY;
        for (const h of [7.4, 12.1, 18.6]) then(day + h * 3600 + d * 311, () => watch(tom, today - d * DAY + h * 3600 + d * 311, h > 12 ? 95 + d * 40 : 0, [camera(d)]));
        if (d === 5 || d === 2) then(day + 15.3 * 3600, () => watch(grandma, day + 15.3 * 3600, 0, []));
        if (d === 3) then(day + 60_000, async () => {
            const police = await given(today - 3 * DAY + 60_000, { name: "Officer Lindqvist", cameras: [camera(0)], words: "The bicycle, on Tuesday" });
            Object.assign(police.details, past);
            await watch(police, today - 3 * DAY + 63_000, 0, []);
            await v.revoke(police.id);
        });
        if (d === 2) then(day + 33_000, async () => {
            const agent = await given(today - 2 * DAY + 33_000, { purpose: "support", name: "Agent 7", words: "picture is dark", cameras: [camera(3)] });
            await watch(agent, today - 2 * DAY + 34_200, 180, [camera(3)], { cameras: 1, minutes: 15, live: 1, ticket: 1 });
            await watch(agent, today - 2 * DAY + 36_900, 74, [camera(3)], { cameras: 1, minutes: 15, live: 1, ticket: 1 });
        });
        then(day + DAY - 1, () => v.others(30));
    }
    for (const [, act] of plan.sort(([a], [b]) => a - b)) await act();
    const third = await newSignKey();
    const night = await given(Math.min(now - 3100, today + 600), { purpose: "support", name: "Agent 12", words: "hub does not come back", cameras: [camera(0), camera(1)], who: third });
    await watch(night, Math.min(now - 3000, today + 2 * 3600 + 900), 240, [camera(0)], { cameras: 2, minutes: 90, live: 1, ticket: 1 });
    await watch(tom, now - 2400, 300, [camera(1)]);
    await watch(grandma, now - 130, -1, [camera(3)]);
}
