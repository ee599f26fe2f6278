/* From a passphrase to keys: one Argon2id, then two labels (src/crypto/passphrase.h). Runs in a worker:
 * it takes 64 MiB and most of a second. */
import { argon2id } from "hash-wasm";
import { utf8, type Bytes } from "./bytes.ts";
import { CardeaError } from "./errors.ts";
import { hkdfExpand, NOTHING } from "./hash.ts";
import type { DerivedKeys } from "./recovery.ts";

export interface Cost {
    memoryKib: number;
    passes: number;
}

export const COST: Cost = { memoryKib: 65536, passes: 3 };

/* The Argon2id alone, for what has labels of its own (link.ts). */
export async function argon(password: Uint8Array, salt: Uint8Array, cost: Cost): Promise<Bytes> {
    if (cost.memoryKib < 8192 || cost.memoryKib > 1 << 20 || cost.passes < 1 || cost.passes > 16 || salt.length !== 16)
        throw new CardeaError("limit", "the vault asks for a key derivation that this page does not accept");
    if (password.length === 0) throw new CardeaError("denied", "there is no password");
    const options = { password, salt, parallelism: 1, iterations: cost.passes, memorySize: cost.memoryKib, hashLength: 32 };
    return (await argon2id({ ...options, outputType: "binary" })) as Bytes;
}

export async function derive(passphrase: string, salt: Uint8Array, cost: Cost): Promise<DerivedKeys> {
    const key = await argon(utf8(passphrase), salt, cost);
    const keys = {
        auth: hkdfExpand(key, "cardea/1 auth", NOTHING, 32),
        wrap: hkdfExpand(key, "cardea/1 wrap", NOTHING, 32),
    };
    key.fill(0);
    return keys;
}
