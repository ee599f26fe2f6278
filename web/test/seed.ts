/* Puts events and their pictures into a vault as a hub would: for looking at the pages with days behind them. Development alone. */
import { Api } from "../shared/api.ts";
import * as accounts from "../shared/account.ts";
import { b64, hex, random, utf8, type Bytes } from "../shared/bytes.ts";
import type { Memory } from "../shared/device.ts";
import { Household } from "../shared/household.ts";
import { newSignKey, signKey } from "../shared/sign.ts";
import { sealEntry } from "./seal.ts";

export interface Seeded {
    camera: string; /* its name */
    event: Record<string, unknown> & { begin: number };
    jpeg: Uint8Array | null;
}

export interface Seeding {
    cameras: Record<string, string>; /* id by name */
    hub: string;
    put(items: Seeded[]): Promise<string[]>;
}

export async function seeding(origin: string, login: string, passphrase: string): Promise<Seeding> {
    const plain = globalThis.fetch;
    globalThis.fetch = ((path: string, init: RequestInit) => plain(path.startsWith("/") ? origin + path : path, init)) as typeof fetch;
    const owner = new Api();
    const account = await accounts.signIn(owner, await accounts.prepare(owner, login, passphrase));
    const mine = account.ring.body.households[0]!;
    owner.useCapability(await signKey(mine.capability));
    const known = new Map<string, Awaited<ReturnType<Memory["get"]>>>();
    const memory: Memory = { get: async (name) => known.get(name), put: async (name, value) => void known.set(name, value) };
    const household = await Household.open(owner, mine.id, account.ring.body.account.box, memory);
    await household.refresh();
    const hub = household.hubs[0]!.id;
    const capability = await newSignKey();
    await owner.send("POST", "/v1/capabilities", { json: { capability: b64(capability.public), role: "writer", hub } });
    const writer = new Api();
    writer.useCapability(capability);
    const cameras = Object.fromEntries(household.cameras.filter((c) => c.profile.kind === "main").map((c) => [c.profile.name, c.id]));

    const entry = async (kind: "event" | "picture", camera: string, slot: number, data: Bytes): Promise<string> => {
        const id = random(16);
        const raw = await sealEntry(kind, await household.timeKeys(camera, 1), { camera, epoch: 1, slot, id, data });
        await writer.send("POST", `/v1/events?camera=${camera}&day=${Math.floor(slot / 86_400)}`, { body: raw });
        return hex(id);
    };
    return {
        cameras, hub,
        async put(items) {
            const ids: string[] = [];
            for (const { camera, event, jpeg } of items) {
                const id = cameras[camera]!;
                const slot = Math.floor(event.begin / 1e6);
                const picture = jpeg ? await entry("picture", id, slot, jpeg as Bytes) : undefined;
                ids.push(await entry("event", id, slot, utf8(JSON.stringify({ v: 1, ...event, ...(picture ? { picture } : {}) }))));
            }
            return ids;
        },
    };
}
