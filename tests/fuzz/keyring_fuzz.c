/* keyring_fuzz.c: keyrings as the vault hands them out, and the JSON that is inside one. */
#include <stdlib.h>

#include "format/keyring_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct passphrase_keys keys = {0};
    struct passphrase_cost cost;
    struct keyring k = {0};
    struct diag d = {0};
    uint8_t salt[PASSPHRASE_SALT_BYTES];
    if (keyring_cost(BYTES(data, size), salt, &cost, &d) == ERR_OK &&
        (keyring_unlock(BYTES(data, size), KEYRING_BY_PASSPHRASE, &keys, &k, &d) != ERR_FORGED ||
         keyring_unlock(BYTES(data, size), KEYRING_BY_RECOVERY, &keys, &k, &d) != ERR_FORGED))
        abort();
    err e = keyring_body_decode(BYTES(data, size), &k, &d);
    if (e && !d.text[0]) abort();
    AUTO(blob_clear) struct blob again = {0};
    struct keyring back = {0};
    if (!e && (keyring_body_encode(&k, &again) || keyring_body_decode(blob_bytes(&again), &back, &d)))
        abort();
    if (!e && (back.count != k.count || k.count > KEYRING_HOUSEHOLDS_MAX)) abort();
    if (!e && (back.passkey_count != k.passkey_count || k.passkey_count > KEYRING_PASSKEYS_MAX)) abort();
    keyring_clear(&k);
    keyring_clear(&back);
    return 0;
}
