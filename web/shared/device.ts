/* "Stay signed in on this device": what was unlocked, sealed under a key that the browser keeps and does not hand out
 * (a non-extractable CryptoKey in IndexedDB). Signing out deletes both. */
import { random, text, utf8, type Bytes } from "./bytes.ts";

const NAME = "cardea";

function open(): Promise<IDBDatabase> {
    return new Promise((resolve, reject) => {
        const request = indexedDB.open(NAME, 1);
        request.onupgradeneeded = () => request.result.createObjectStore("device");
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
    });
}

async function transact<T>(mode: IDBTransactionMode, work: (s: IDBObjectStore) => IDBRequest<T>): Promise<T> {
    const db = await open();
    try {
        return await new Promise<T>((resolve, reject) => {
            const request = work(db.transaction("device", mode).objectStore("device"));
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
    await transact("readwrite", (s) => s.put(stored, "unlocked"));
}

export async function recall<T>(): Promise<T | null> {
    try {
        const stored = await transact<Stored | undefined>("readonly", (s) => s.get("unlocked") as IDBRequest<Stored | undefined>);
        if (!stored) return null;
        const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv: stored.nonce }, stored.key, stored.sealed);
        return JSON.parse(text(new Uint8Array(plain))) as T;
    } catch {
        return null; /* no storage in a private window, or a browser that lost the key: sign in again */
    }
}

export async function forget(): Promise<void> {
    await transact("readwrite", (s) => s.delete("unlocked")).catch(() => undefined);
}
