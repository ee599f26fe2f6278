/* Whether the pages that wait to take over are those of a release in the vault's public log (docs/trust.md, "The app, pinned").
 *
 * What the service worker has put into its cache is held against /release.json, that against the log, and the log against its key. */
import type { Api } from "./api.ts";
import { hex, text, type Bytes } from "./bytes.ts";
import { CardeaError, forged } from "./errors.ts";
import { sha256 } from "./hash.ts";
import { decodeEntry, TILE_WIDTH, type Checkpoint, type Tiles } from "./log.ts";

const LIST = "/release.json";
const LIST_MAX_BYTES = 256 << 10;

export interface Release {
    version: string;
    hash: string;
    files: Map<string, string>; /* path → hex SHA-256 */
}

export function readRelease(raw: Uint8Array): Release {
    if (raw.length > LIST_MAX_BYTES) throw new CardeaError("limit", "the list of the pages is too large");
    let json: { v?: unknown; version?: unknown; files?: unknown };
    try {
        json = JSON.parse(text(raw)) as typeof json;
    } catch {
        throw forged("the list of the pages cannot be read");
    }
    const files = Object.entries(typeof json?.files === "object" && json.files !== null ? json.files : {});
    if (json?.v !== 1 || typeof json.version !== "string" || files.length === 0 || files.some(([path, hash]) => !path.startsWith("/") || typeof hash !== "string" || !/^[0-9a-f]{64}$/.test(hash)))
        throw forged("the list of the pages is not as it must be");
    return { version: json.version, hash: hex(sha256(raw)), files: new Map(files as [string, string][]) };
}

/* The release's entry in the log, proven: which it is. */
export async function findRelease(release: Release, hint: number, checkpoint: Checkpoint, tiles: Tiles): Promise<void> {
    if (!Number.isSafeInteger(hint) || hint < 0 || hint >= checkpoint.size) throw forged("the pages are not in the public log");
    const raw = (await tiles.bundle(Math.floor(hint / TILE_WIDTH)))[hint % TILE_WIDTH]!;
    await tiles.include(checkpoint, hint, raw);
    const entry = decodeEntry(raw);
    const said = entry.kind === "web.release" ? (JSON.parse(text(entry.details)) as { release?: unknown }) : {};
    if (said.release !== release.hash) throw forged("the pages are not the release that the public log names");
}

export interface Held {
    path: string; /* "/" is /index.html */
    body: Bytes;
}

const digest = async (b: Bytes): Promise<string> => hex(new Uint8Array(await crypto.subtle.digest("SHA-256", b)));

export async function checkFiles(release: Release, held: Held[]): Promise<void> {
    if (!held.some((f) => f.path === "/") || !held.some((f) => f.path.endsWith(".js"))) throw forged("pages are missing from what the server offers");
    for (const { path, body } of held) {
        const hash = release.files.get(path === "/" ? "/index.html" : path);
        if (hash === undefined) throw forged(`${path} is in no release`);
        if ((await digest(body)) !== hash) throw forged(`${path} is not the release's file`);
    }
}

/* From the server itself, past every cache and the service worker. */
async function fresh(path: string): Promise<Bytes> {
    const response = await fetch(path, { cache: "reload", credentials: "omit" }).catch(() => {
        throw new CardeaError("offline", "the vault does not answer");
    });
    if (!response.ok) throw new CardeaError(response.status === 404 ? "not_found" : "internal", response.status === 404 && path === LIST ? "the server has no list of its pages" : `${path}: the vault answered ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
}

async function cached(version: string): Promise<Held[]> {
    const name = `cardea-${version}`;
    if (!(await caches.has(name))) throw forged("what waits to take over is not the release that the server names");
    const cache = await caches.open(name);
    const out: Held[] = [];
    for (const request of await cache.keys()) {
        const response = await cache.match(request);
        if (response) out.push({ path: new URL(request.url).pathname, body: new Uint8Array(await response.arrayBuffer()) });
    }
    return out;
}

export interface LogNow {
    checkpoint: Checkpoint;
    tiles: Tiles;
    newest: number; /* the entry of the release that this device took last, or -1 */
}

/* Throws unless the pages that wait may take over; says which entry of the log they are. */
export async function checkUpdate(api: Api, log: () => Promise<LogNow>): Promise<{ version: string; entry: number }> {
    const release = readRelease(await fresh(LIST));
    const vault = await api.get<{ release?: { entry?: number } }>("/v1/vault", { who: "nobody" });
    const entry = vault.release?.entry ?? -1;
    const { checkpoint, tiles, newest } = await log();
    await findRelease(release, entry, checkpoint, tiles);
    if (entry < newest) throw forged("the pages are an older release than this app's");
    const held = await cached(release.version);
    await checkFiles(release, [...held, { path: "/sw.js", body: await fresh("/sw.js") }]);
    return { version: release.version, entry };
}
