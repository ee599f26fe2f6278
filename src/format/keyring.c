#include "format/keyring.h"

#include "crypto/hash.h"
#include "crypto/open.h"
#include "format/keyring_body.h"

#define MAGIC "CRDK"
#define VERSION 1
#define SUITE 1
#define NONCE_BYTES AEAD_NONCE_BYTES
/* After enum keyring_way: what the last byte of the AAD says is being sealed. */
#define BODY_PART 3
#define PASSKEY_PART 4

void keyring_clear(struct keyring *k) {
    if (k) wipe(k, sizeof *k);
}

void keyring_access_clear(struct keyring_access *a) {
    if (a) wipe(a, sizeof *a);
}

static void sealer_release(struct aead_sealer **s) {
    aead_sealer_free(*s);
}
static void opener_release(struct aead_opener **o) {
    aead_opener_free(*o);
}

/* `out`: nonce, ciphertext, tag. */
static err part_seal(const uint8_t head[KEYRING_HEAD_BYTES], uint8_t part, const uint8_t key[AEAD_KEY_BYTES],
                     const uint8_t nonce[NONCE_BYTES], struct bytes plain, uint8_t *out) {
    AUTO(sealer_release) struct aead_sealer *s = aead_sealer_new();
    if (!s) return ERR_NO_MEMORY;
    uint8_t aad[KEYRING_HEAD_BYTES + 1];
    memcpy(aad, head, KEYRING_HEAD_BYTES);
    aad[KEYRING_HEAD_BYTES] = part;
    aead_sealer_key(s, key);
    return aead_seal(s, nonce, BYTES_OF(aad), plain, (struct buffer){out, plain.len + AEAD_TAG_BYTES});
}

static err part_open(const uint8_t head[KEYRING_HEAD_BYTES], uint8_t part, const uint8_t key[AEAD_KEY_BYTES],
                     const uint8_t nonce[NONCE_BYTES], struct bytes sealed, struct buffer out) {
    AUTO(opener_release) struct aead_opener *o = aead_opener_new();
    if (!o) return ERR_NO_MEMORY;
    uint8_t aad[KEYRING_HEAD_BYTES + 1];
    memcpy(aad, head, KEYRING_HEAD_BYTES);
    aad[KEYRING_HEAD_BYTES] = part;
    aead_opener_key(o, key);
    return aead_open(o, nonce, BYTES_OF(aad), sealed, out);
}

/* Makes k->locks out of k->key and the two wrapping keys. */
static err make_locks(struct keyring *k, const struct keyring_seeds *seeds, struct passphrase_cost cost,
                      const uint8_t by_passphrase[32], const uint8_t by_recovery[32]) {
    uint8_t *head = k->locks;
    memcpy(head, MAGIC, 4);
    head[4] = VERSION;
    head[5] = SUITE;
    be32_put(head + 6, cost.memory_kib);
    be32_put(head + 10, cost.passes);
    memcpy(head + 14, seeds->salt, PASSPHRASE_SALT_BYTES);
    for (uint8_t i = 0; i < 2; i++) {
        uint8_t *wrap = k->locks + KEYRING_HEAD_BYTES + i * KEYRING_WRAP_BYTES;
        memcpy(wrap, seeds->wrap_nonce[i], NONCE_BYTES);
        err e = part_seal(head, i + 1, i ? by_recovery : by_passphrase, wrap, BYTES_OF(k->key),
                          wrap + NONCE_BYTES);
        if (e) return e;
    }
    return ERR_OK;
}

/* Locks *k afresh. `recovery` is NULL to keep the code that it has. */
static err lock(struct keyring *k, const struct keyring_seeds *seeds, struct bytes passphrase,
                struct passphrase_cost cost, char *recovery, struct keyring_access *access, struct diag *d) {
    AUTO(passphrase_keys_clear) struct passphrase_keys by_passphrase = {0};
    AUTO(passphrase_keys_clear) struct passphrase_keys by_recovery = {0};
    err e = passphrase_derive(passphrase, seeds->salt, cost, &by_passphrase, d);
    if (e) return e;
    AUTO(keyring_clear) struct keyring made = *k;
    memcpy(made.key, seeds->key, sizeof made.key);
    if (recovery) {
        recovery_keys(seeds->recovery, &by_recovery);
        memcpy(made.recovery_wrap, by_recovery.wrap, sizeof made.recovery_wrap);
    }
    e = make_locks(&made, seeds, cost, by_passphrase.wrap, made.recovery_wrap);
    if (e) return e;
    if (recovery) recovery_format(seeds->recovery, recovery);
    *k = made;
    access->cost = cost;
    memcpy(access->salt, seeds->salt, sizeof access->salt);
    memcpy(access->auth, by_passphrase.auth, sizeof access->auth);
    memcpy(access->recovery_auth, by_recovery.auth, sizeof access->recovery_auth);
    return ERR_OK;
}

static void random_seeds(struct keyring_seeds *seeds) {
    random_bytes(seeds, sizeof *seeds);
    seeds->recovery[RECOVERY_SECRET_BYTES - 1] &= 0xf0;
}

err keyring_create_with(const struct keyring_seeds *seeds, struct bytes passphrase,
                        struct passphrase_cost cost, struct keyring *out, char recovery[RECOVERY_TEXT_BYTES],
                        struct keyring_access *access, struct diag *d) {
    AUTO(keyring_clear) struct keyring made = {0};
    box_key_from_secret(seeds->box, &made.box);
    sign_key_from_seed(seeds->sign, &made.sign);
    err e = lock(&made, seeds, passphrase, cost, recovery, access, d);
    if (!e) *out = made;
    return e;
}

err keyring_create(struct bytes passphrase, struct passphrase_cost cost, struct keyring *out,
                   char recovery[RECOVERY_TEXT_BYTES], struct keyring_access *access, struct diag *d) {
    struct keyring_seeds seeds;
    random_seeds(&seeds);
    err e = keyring_create_with(&seeds, passphrase, cost, out, recovery, access, d);
    wipe(&seeds, sizeof seeds);
    return e;
}

err keyring_change_passphrase(struct keyring *k, struct bytes passphrase, struct passphrase_cost cost,
                              struct keyring_access *access, struct diag *d) {
    struct keyring_seeds seeds;
    random_seeds(&seeds);
    err e = lock(k, &seeds, passphrase, cost, NULL, access, d);
    wipe(&seeds, sizeof seeds);
    return e;
}

err keyring_change_recovery(struct keyring *k, struct bytes passphrase, struct passphrase_cost cost,
                            char recovery[RECOVERY_TEXT_BYTES], struct keyring_access *access,
                            struct diag *d) {
    struct keyring_seeds seeds;
    random_seeds(&seeds);
    err e = lock(k, &seeds, passphrase, cost, recovery, access, d);
    wipe(&seeds, sizeof seeds);
    return e;
}

err keyring_seal(const struct keyring *k, struct blob *out) {
    uint8_t nonce[NONCE_BYTES];
    random_bytes(nonce, sizeof nonce);
    return keyring_seal_with(k, nonce, out);
}

err keyring_seal_with(const struct keyring *k, const uint8_t body_nonce[12], struct blob *out) {
    AUTO(blob_clear) struct blob body = {0};
    err e = keyring_body_encode(k, &body);
    if (e) return e;
    size_t before = out->len, fixed = sizeof k->locks + NONCE_BYTES + 4 + AEAD_TAG_BYTES;
    if (body.len > KEYRING_MAX_BYTES - fixed) return ERR_LIMIT;
    e = blob_reserve(out, before + fixed + body.len);
    if (e) return e;
    uint8_t *at = out->data + before + sizeof k->locks;
    memcpy(out->data + before, k->locks, sizeof k->locks);
    memcpy(at, body_nonce, NONCE_BYTES);
    be32_put(at + NONCE_BYTES, (uint32_t)body.len);
    e = part_seal(k->locks, BODY_PART, k->key, at, blob_bytes(&body), at + NONCE_BYTES + 4);
    if (!e) out->len += fixed + body.len;
    return e;
}

err keyring_cost(struct bytes raw, uint8_t salt[PASSPHRASE_SALT_BYTES], struct passphrase_cost *cost,
                 struct diag *d) {
    if (raw.len > KEYRING_MAX_BYTES)
        return diag_fail(d, ERR_INVALID, "keyring: larger than %u bytes", KEYRING_MAX_BYTES);
    if (raw.len < 4 || memcmp(raw.data, MAGIC, 4) != 0)
        return diag_fail(d, ERR_INVALID, "keyring: the magic is not CRDK");
    if (raw.len < 5 || raw.data[4] != VERSION)
        return diag_fail(d, ERR_INVALID, "keyring: this version is not known");
    if (raw.len < 6 || raw.data[5] != SUITE)
        return diag_fail(d, ERR_INVALID, "keyring: this suite is not known");
    size_t fixed = KEYRING_HEAD_BYTES + 2 * KEYRING_WRAP_BYTES + NONCE_BYTES + 4 + AEAD_TAG_BYTES;
    if (raw.len < fixed ||
        be32_get(raw.data + KEYRING_HEAD_BYTES + 2 * KEYRING_WRAP_BYTES + NONCE_BYTES) != raw.len - fixed)
        return diag_fail(d, ERR_INVALID, "keyring: the length does not fit");
    cost->memory_kib = be32_get(raw.data + 6);
    cost->passes = be32_get(raw.data + 10);
    memcpy(salt, raw.data + 14, PASSPHRASE_SALT_BYTES);
    return ERR_OK;
}

static err open_body(struct bytes raw, struct keyring *k, struct diag *d) {
    const uint8_t *at = raw.data + sizeof k->locks;
    size_t sealed = raw.len - sizeof k->locks - NONCE_BYTES - 4;
    AUTO(blob_clear) struct blob body = {0};
    err e = blob_reserve(&body, sealed);
    if (e) return e;
    body.len = sealed - AEAD_TAG_BYTES;
    e = part_open(raw.data, BODY_PART, k->key, at, BYTES(at + NONCE_BYTES + 4, sealed),
                  (struct buffer){body.data, body.len});
    if (e) return diag_fail(d, e, "keyring: its contents are altered");
    e = keyring_body_decode(blob_bytes(&body), k, d);
    if (e) diag_prefix(d, "keyring");
    return e;
}

void keyring_passkey_key(const uint8_t prf[KEYRING_PRF_BYTES], uint8_t out[32]) {
    hash_hkdf_expand(prf, "cardea/1 passkey wrap", (struct bytes){0}, (struct buffer){out, 32});
}

err keyring_passkey_wrap_with(const struct keyring *k, size_t i, const uint8_t nonce[12],
                              uint8_t out[KEYRING_WRAP_BYTES]) {
    memcpy(out, nonce, NONCE_BYTES);
    return part_seal(k->locks, PASSKEY_PART, k->passkeys[i].wrap, nonce, BYTES_OF(k->key), out + NONCE_BYTES);
}

err keyring_passkey_wrap(const struct keyring *k, size_t i, uint8_t out[KEYRING_WRAP_BYTES]) {
    uint8_t nonce[NONCE_BYTES];
    random_bytes(nonce, sizeof nonce);
    return keyring_passkey_wrap_with(k, i, nonce, out);
}

err keyring_unlock_passkey(struct bytes raw, const uint8_t wrap[KEYRING_WRAP_BYTES], const uint8_t key[32],
                           struct keyring *out, struct diag *d) {
    uint8_t salt[PASSPHRASE_SALT_BYTES];
    struct passphrase_cost cost;
    err e = keyring_cost(raw, salt, &cost, d);
    if (e) return e;
    AUTO(keyring_clear) struct keyring k = {0};
    memcpy(k.locks, raw.data, sizeof k.locks);
    e = part_open(raw.data, PASSKEY_PART, key, wrap,
                  BYTES(wrap + NONCE_BYTES, KEYRING_WRAP_BYTES - NONCE_BYTES),
                  (struct buffer){k.key, sizeof k.key});
    if (e) return diag_fail(d, e, "this passkey does not open the keyring");
    e = open_body(raw, &k, d);
    if (!e) *out = k;
    return e;
}

err keyring_unlock(struct bytes raw, enum keyring_way way, const struct passphrase_keys *keys,
                   struct keyring *out, struct diag *d) {
    uint8_t salt[PASSPHRASE_SALT_BYTES];
    struct passphrase_cost cost;
    err e = keyring_cost(raw, salt, &cost, d);
    if (e) return e;
    AUTO(keyring_clear) struct keyring k = {0};
    memcpy(k.locks, raw.data, sizeof k.locks);
    const uint8_t *wrap =
        k.locks + KEYRING_HEAD_BYTES + (way == KEYRING_BY_RECOVERY ? KEYRING_WRAP_BYTES : 0);
    e = part_open(raw.data, (uint8_t)way, keys->wrap, wrap,
                  BYTES(wrap + NONCE_BYTES, KEYRING_WRAP_BYTES - NONCE_BYTES),
                  (struct buffer){k.key, sizeof k.key});
    if (e)
        return diag_fail(d, e, "this %s does not open the keyring",
                         way == KEYRING_BY_RECOVERY ? "recovery code" : "passphrase");
    e = open_body(raw, &k, d);
    if (!e) *out = k;
    return e;
}

err keyring_add_household(struct keyring *k, const uint8_t id[HOUSEHOLD_ID_BYTES],
                          const struct sign_key *capability, const char *name) {
    if (strlen(name) > HOUSEHOLD_NAME_MAX_BYTES) return ERR_INVALID;
    if (keyring_find_household(k, id)) return ERR_EXISTS;
    if (k->count == KEYRING_HOUSEHOLDS_MAX) return ERR_LIMIT;
    struct keyring_household *h = &k->households[k->count++];
    *h = (struct keyring_household){.capability = *capability};
    memcpy(h->id, id, HOUSEHOLD_ID_BYTES);
    memcpy(h->name, name, strlen(name));
    return ERR_OK;
}

static bool joined_whole(const struct keyring_household *h) {
    return h->role == KEYRING_OWNER || (h->has_sign && h->has_grant);
}

err keyring_join_household(struct keyring *k, const struct keyring_household *h) {
    if (!joined_whole(h)) return ERR_INVALID;
    for (size_t i = 0; i < k->count; i++) {
        struct keyring_household *old = &k->households[i];
        if (memcmp(old->id, h->id, HOUSEHOLD_ID_BYTES) != 0) continue;
        if (old->role == KEYRING_OWNER && !old->has_sign) return ERR_EXISTS;
        *old = *h;
        return ERR_OK;
    }
    if (k->count == KEYRING_HOUSEHOLDS_MAX) return ERR_LIMIT;
    k->households[k->count++] = *h;
    return ERR_OK;
}

void keyring_drop_household(struct keyring *k, const uint8_t id[HOUSEHOLD_ID_BYTES]) {
    for (size_t i = 0; i < k->count; i++) {
        if (memcmp(k->households[i].id, id, HOUSEHOLD_ID_BYTES) != 0) continue;
        k->count--;
        memmove(&k->households[i], &k->households[i + 1], (k->count - i) * sizeof *k->households);
        wipe(&k->households[k->count], sizeof *k->households);
        return;
    }
}

const struct keyring_household *keyring_find_household(const struct keyring *k,
                                                       const uint8_t id[HOUSEHOLD_ID_BYTES]) {
    for (size_t i = 0; i < k->count; i++)
        if (memcmp(k->households[i].id, id, HOUSEHOLD_ID_BYTES) == 0) return &k->households[i];
    return NULL;
}
