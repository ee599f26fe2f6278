#include "crypto/passphrase.h"

#include <sodium.h>

#include "crypto/hash.h"
#include "crypto/must.h"

#define MEMORY_LEAST_KIB (8u << 10)
#define MEMORY_MOST_KIB (1u << 20)
#define PASSES_MOST 16

err passphrase_argon2id(struct bytes passphrase, const uint8_t salt[PASSPHRASE_SALT_BYTES],
                        struct passphrase_cost cost, uint8_t out[32], struct diag *d) {
    _Static_assert(PASSPHRASE_SALT_BYTES == crypto_pwhash_argon2id_SALTBYTES, "the salt fits Argon2id");
    if (passphrase.len > PASSPHRASE_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT, "the passphrase is longer than %d bytes", PASSPHRASE_MAX_BYTES);
    if (cost.memory_kib < MEMORY_LEAST_KIB || cost.memory_kib > MEMORY_MOST_KIB)
        return diag_fail(d, ERR_LIMIT, "the memory cost of %u KiB is outside %u to %u", cost.memory_kib,
                         MEMORY_LEAST_KIB, MEMORY_MOST_KIB);
    if (cost.passes < 1 || cost.passes > PASSES_MOST)
        return diag_fail(d, ERR_LIMIT, "%u passes are outside 1 to %d", cost.passes, PASSES_MOST);
    must(sodium_init() >= 0); /* picks the fast code; may be called again and by several threads */
    if (crypto_pwhash_argon2id(out, HASH_BYTES, passphrase.len ? (const char *)passphrase.data : "",
                               passphrase.len, salt, cost.passes, (size_t)cost.memory_kib * 1024,
                               crypto_pwhash_argon2id_ALG_ARGON2ID13))
        return diag_fail(d, ERR_NO_MEMORY, "no %u KiB of memory for the passphrase", cost.memory_kib);
    return ERR_OK;
}

err passphrase_derive(struct bytes passphrase, const uint8_t salt[PASSPHRASE_SALT_BYTES],
                      struct passphrase_cost cost, struct passphrase_keys *out, struct diag *d) {
    uint8_t secret[HASH_BYTES];
    err e = passphrase_argon2id(passphrase, salt, cost, secret, d);
    if (e) return e;
    const struct bytes none = {0};
    hash_hkdf_expand(secret, "cardea/1 auth", none, (struct buffer){out->auth, sizeof out->auth});
    hash_hkdf_expand(secret, "cardea/1 wrap", none, (struct buffer){out->wrap, sizeof out->wrap});
    wipe(secret, sizeof secret);
    return ERR_OK;
}

void passphrase_keys_clear(struct passphrase_keys *k) {
    if (k) wipe(k, sizeof *k);
}
