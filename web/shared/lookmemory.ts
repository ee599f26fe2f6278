/* What a device remembers of a household's access log, in IndexedDB "cardea-log".
 *
 * `logs`: the last checkpoint that was proven and, after a failure, the checkpoints that contradict each other. It outlasts signing out,
 * since a vault could wait for that; names are hashes, which tell nobody who opens the browser later whose it was.
 *
 * `rest`: which entries are the household's, so that they need not be proven again. Sealed under a key that the browser does not hand
 * out, for as long as somebody stays signed in. */
import { random, text, utf8, type Bytes } from "./bytes.ts";

/* What went wrong, by name: the page explains each (owner/proof.tsx). */
export type FailureCase =
    | "signature" /* the checkpoint is not signed by the pinned key, or is another log's */
    | "shrank"
    | "forked"
    | "missing" /* a number of ours is not among the entries */
    | "withheld" /* an entry of ours is in the log, and was not among those that we were given */
    | "not_included"
    | "altered" /* an entry is not what its tag or details say */
    | "grant_missing" /* a grant of ours was never logged */
    | "revocation_missing"
    | "unknown_grant" /* a use of a grant that we did not make */
    | "time" /* an entry is older than those before it, or is not yet */
    | "succession" /* another number of successions than our keys know */
    | "witness"; /* the own hub witnessed a log that this one does not continue */

export interface Failure {
    case: FailureCase;
    message: string;
    at: number; /* s since 1970 */
    before: string | null; /* checkpoints as they came: what was seen before, or by the hub */
    now: string | null;
    entry: number | null; /* n */
    grant: string | null;
}

export interface SeenLog {
    checkpoint: string; /* the text; empty: none was proven yet */
    at: number;
    witness: { hub: string; at: number; size: number } | null;
    release: number; /* index of the newest release entry that this device took, or -1 */
    timed?: number; /* times are held against each other from this entry on: a person knows why they were wrong before */
    failure: Failure | null;
    evidence: Failure[]; /* earlier ones, which a person has accepted */
}

export const nothingSeen = (): SeenLog => ({ checkpoint: "", at: 0, witness: null, release: -1, failure: null, evidence: [] });

export interface LookMemory {
    seen(name: string): Promise<SeenLog>;
    keepSeen(name: string, seen: SeenLog): Promise<void>;
    rest<T>(name: string): Promise<T | null>;
    keepRest(name: string, value: unknown): Promise<void>;
}

const NAME = "cardea-log";
const asked = <T>(r: IDBRequest<T>): Promise<T> => new Promise((resolve, reject) => ((r.onsuccess = () => resolve(r.result)), (r.onerror = () => reject(r.error))));

function database(): Promise<IDBDatabase> {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
        for (const store of ["logs", "rest"]) request.result.createObjectStore(store);
    };
    return asked(request);
}

async function within<T>(mode: IDBTransactionMode, store: "logs" | "rest", work: (s: IDBObjectStore) => IDBRequest<T>): Promise<T> {
    const db = await database();
    try {
        return await asked(work(db.transaction(store, mode).objectStore(store)));
    } finally {
        db.close();
    }
}

interface Sealed {
    key: CryptoKey;
    nonce: Bytes;
    sealed: ArrayBuffer;
}

/* A window without storage (a private one) remembers for as long as it is open. */
const here = new Map<string, SeenLog>();

export const lookMemory: LookMemory = {
    async seen(name) {
        const held = here.get(name) ?? (await within<SeenLog | undefined>("readonly", "logs", (s) => s.get(name)).catch(() => undefined));
        return { ...nothingSeen(), ...held };
    },
    async keepSeen(name, seen) {
        here.set(name, seen);
        await within("readwrite", "logs", (s) => s.put(seen, name)).catch(() => undefined);
    },
    async rest<T>(name: string) {
        try {
            const stored = await within<Sealed | undefined>("readonly", "rest", (s) => s.get(name));
            if (!stored) return null;
            const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv: stored.nonce, additionalData: utf8(name) }, stored.key, stored.sealed);
            return JSON.parse(text(new Uint8Array(plain))) as T;
        } catch {
            return null; /* it is proven again */
        }
    },
    async keepRest(name, value) {
        try {
            const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
            const nonce = random(12);
            const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce, additionalData: utf8(name) }, key, utf8(JSON.stringify(value)));
            await within("readwrite", "rest", (s) => s.put({ key, nonce, sealed } satisfies Sealed, name));
        } catch {
            /* without storage it is proven again at the next start */
        }
    },
};

/* Signing out: what was seen of the log stays, which entries were whose goes. */
export async function eraseLooks(): Promise<void> {
    if (typeof indexedDB === "undefined") return;
    await within("readwrite", "rest", (s) => s.clear()).catch(() => undefined);
}
