/* What the index caches: the past for good, what is still arriving for a moment. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Api } from "../shared/api.ts";
import { Recordings } from "../shared/recordings.ts";

const CAMERA = "00".repeat(16);
const REEL = "11".repeat(16);
const HOUR = 3600;
const SLOT = 500_000 * HOUR + 100;
const ARRIVING = 128;

/* Table entries of 2 s segments from SLOT on. */
function table(count: number): string {
    const out = Buffer.alloc(20 * count);
    for (let i = 0; i < count; i++) {
        out.writeUInt32BE(SLOT + 2 * i, 20 * i);
        out[20 * i + 4] = 2;
        out.writeUInt32BE(1000 * i, 20 * i + 8);
        out.writeUInt32BE(1000, 20 * i + 12);
        out.writeUInt32BE(500, 20 * i + 16);
    }
    return out.toString("base64url");
}

class Vault {
    asked = 0;
    segments = 3;
    flags = ARRIVING;
    async get(path: string): Promise<unknown> {
        this.asked++;
        const row = [REEL, 1, SLOT, SLOT + 2 * this.segments, 1000 * this.segments, this.segments, this.flags];
        return { reels: [path.endsWith("segments") ? [...row, table(this.segments)] : row] };
    }
}

async function at<T>(ms: number, what: () => Promise<T>): Promise<T> {
    const real = Date.now;
    Date.now = () => ms;
    try {
        return await what();
    } finally {
        Date.now = real;
    }
}

/* A hub that catches up sends old hours: the time line must follow it there too. */
for (const [label, later] of [["the present hour", 30], ["an hour long past", 100 * HOUR]] as const)
    test(`a reel that is arriving in ${label} is looked at again`, async () => {
        const vault = new Vault();
        const r = new Recordings(vault as unknown as Api, () => Promise.reject(new Error("no keys here")), () => SLOT + later);
        const begin = (SLOT + later) * 1000;
        const last = () => r.at(CAMERA, SLOT + 2 * vault.segments - 1);
        const span = () => r.spans(CAMERA, SLOT, SLOT + 1);
        assert.equal((await at(begin, last))?.offset, 2000);
        assert.equal((await at(begin, span))[0]?.to, SLOT + 6);
        const first = vault.asked;
        await at(begin + 100, span);
        assert.equal(vault.asked, first, "not asked again at once");
        vault.segments = 5;
        vault.flags = 0;
        assert.equal((await at(begin + 3000, last))?.offset, 4000);
        assert.equal((await at(begin + 3000, span))[0]?.to, SLOT + 10);
        const settled = vault.asked;
        await at(begin + 60_000, span);
        if (later > HOUR) assert.equal(vault.asked, settled, "the past is kept");
        else assert.ok(vault.asked > settled, "the present is not");
    });
