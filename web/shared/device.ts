/* What the browser keeps, in IndexedDB.
 *
 * "Stay signed in on this device": what was unlocked, sealed under a key that the browser keeps and does not hand out
 * (a non-extractable CryptoKey). Signing out deletes both.
 *
 * What was seen of household objects (docs/formats.md, "What a device remembers"): it stays when somebody signs out, since a
 * vault could wait for that, and its names are hashes. */
import { random, text, utf8, type Bytes } from "./bytes.ts";

const NAME = "cardea";

function open(): Promise<IDBDatabase> {
    return new Promise((resolve, reject) => {
        const request = indexedDB.open(NAME, 2);
        request.onupgradeneeded = () => {
            for (const store of ["device", "seen"]) if (!request.result.objectStoreNames.contains(store)) request.result.createObjectStore(store);
        };
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
    });
}

async function transact<T>(store: "device" | "seen", mode: IDBTransactionMode, work: (s: IDBObjectStore) => IDBRequest<T>): Promise<T> {
    const db = await open();
    try {
        return await new Promise<T>((resolve, reject) => {
            const request = work(db.transaction(store, mode).objectStore(store));
            request.onsuccess = () => resolve(request.result);
            request.onerror = () => reject(request.error);
        });
    } finally {
        db.close();
    }
}

interface Stored {
    key: CryptoKey;
    nonce: Bytes;
    sealed: ArrayBuffer;
}

export async function remember(value: unknown): Promise<void> {
    const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
    const nonce = random(12);
    const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce }, key, utf8(JSON.stringify(value)));
    const stored: Stored = { key, nonce, sealed };
    await transact("device", "readwrite", (s) => s.put(stored, "unlocked"));
}

export async function recall<T>(): Promise<T | null> {
    try {
        const stored = await transact<Stored | undefined>("device", "readonly", (s) => s.get("unlocked") as IDBRequest<Stored | undefined>);
        if (!stored) return null;
        const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv: stored.nonce }, stored.key, stored.sealed);
        return JSON.parse(text(new Uint8Array(plain))) as T;
    } catch {
        return null; /* no storage in a private window, or a browser that lost the key: sign in again */
    }
}

export async function forget(): Promise<void> {
    await transact("device", "readwrite", (s) => s.delete("unlocked")).catch(() => undefined);
}

/* Which of an account's sessions this device has shown somebody: it stays when they sign out. `who` is a hash. */
export async function knownSessions(who: string): Promise<string[] | null> {
    return (await transact<string[] | undefined>("device", "readonly", (s) => s.get(`sessions/${who}`) as IDBRequest<string[] | undefined>).catch(() => undefined)) ?? null;
}
export async function rememberSessions(who: string, ids: string[]): Promise<void> {
    await transact("device", "readwrite", (s) => s.put(ids, `sessions/${who}`)).catch(() => undefined);
}

export interface Seen {
    version: number;
    signer: string; /* base64url */
}
export interface Memory {
    get(name: string): Promise<Seen | undefined>;
    put(name: string, seen: Seen): Promise<void>;
}

/* A window without storage (a private one) remembers for as long as it is open. */
const here = new Map<string, Seen>();
export const memory: Memory = {
    get: async (name) => here.get(name) ?? (await transact<Seen | undefined>("seen", "readonly", (s) => s.get(name) as IDBRequest<Seen | undefined>).catch(() => undefined)),
    put: async (name, seen) => {
        here.set(name, seen);
        await transact("seen", "readwrite", (s) => s.put(seen, name)).catch(() => undefined);
    },
};
