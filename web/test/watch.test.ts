/* What a vault sends as live must be of now: old segments are as valid as new ones. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Api } from "../shared/api.ts";
import { concat, u32, type Bytes } from "../shared/bytes.ts";
import type { Access } from "../shared/access.ts";
import { Message } from "../shared/live.ts";
import { Kind } from "../shared/segment.ts";
import { TimeKeys } from "../shared/timekey.ts";
import { LIVE_BEHIND_MAX_S, watch, type LivePart } from "../shared/watch.ts";
import { HEADER_BYTES, makeHeader, sealSegment } from "./seal.ts";

const CAMERA = "0c".repeat(16);
const NOW = 1_800_000_000;
const keys = new TimeKeys([{ depth: 0, first: 0, key: new Uint8Array(32).fill(7) as Bytes }]);

const message = (type: Message, payload: Uint8Array): Bytes => concat(new Uint8Array([type, 0]), u32(payload.length), payload);

/* A segment as the vault relays it; its one record is no fMP4, so that what is opened is told by what it fails at. */
async function relayed(slot: number): Promise<Bytes> {
    const header = makeHeader(keys, CAMERA, 1, slot, new Uint8Array(16).fill(slot % 251) as Bytes);
    const all = await sealSegment(keys, header, [{ kind: Kind.init, second: 0, data: new Uint8Array(40) }]);
    return concat(message(Message.header, header), message(Message.record, all.subarray(HEADER_BYTES)));
}

/* What came of it: at least `expected` parts, and what follows them within a moment. */
async function watched(slots: number[], expected = 1): Promise<LivePart[]> {
    const real = Date.now;
    Date.now = () => NOW * 1000;
    try {
        const body = concat(...(await Promise.all(slots.map(relayed))));
        const stop = new AbortController();
        const parts: LivePart[] = [];
        let over: ReturnType<typeof setInterval> | undefined;
        const api = { fetch: async () => new Response(body) } as unknown as Api;
        const household = { timeKeys: async () => keys } as unknown as Access;
        await watch(api, household, [CAMERA], {
            part: (_, p) => void (p.kind !== "restart" && parts.push(p)),
            notice: () => undefined,
            state: (s) => {
                if (s !== "lost" || over) return;
                over = setInterval(() => parts.length >= expected && (clearInterval(over), setTimeout(() => stop.abort(), 50)), 10);
            },
        }, stop.signal);
        return parts;
    } finally {
        Date.now = real;
    }
}

const words = (parts: LivePart[]): string[] => parts.map((p) => (p.kind === "damaged" ? p.word : p.kind));

test("a segment of now, and one at the limit, are opened", async () => {
    for (const slot of [NOW, NOW - 124, NOW - LIVE_BEHIND_MAX_S, NOW + 3600]) assert.deepEqual(words(await watched([slot])), ["invalid"], `${slot - NOW}`);
});

test("one past the limit is refused, in words", async () => {
    const [part] = await watched([NOW - LIVE_BEHIND_MAX_S - 1]);
    assert.equal(part?.kind, "damaged");
    assert.match((part as { message: string }).message, /is 5 min old and is not shown/);
    assert.match(((await watched([NOW - 26 * 3600]))[0] as { message: string }).message, /26 h 0 min old/);
});

test("a replay is said once, and what is live again is opened", async () => {
    const old = NOW - 86400;
    assert.deepEqual(words(await watched([old, old + 2, old + 4, NOW, old], 3)), ["late", "invalid", "late"]);
});
