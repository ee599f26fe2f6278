/* keyring_fuzz.c: keyrings as the vault hands them out, and the JSON that is inside one. */
#include <stdlib.h>
#include <string.h>

#include "format/device_name.h"
#include "format/keyring_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is read of a session's label says the same again. */
static void read_label(const uint8_t *data, size_t size) {
    char text[DEVICE_NAME_MAX_BYTES + 1] = {0}, again[DEVICE_NAME_MAX_BYTES + 1];
    struct session_label label, back;
    memcpy(text, data, size < DEVICE_NAME_MAX_BYTES ? size : DEVICE_NAME_MAX_BYTES);
    session_label_read(text, &label);
    session_label_text(&label, again);
    session_label_read(again, &back);
    if (back.how != label.how || back.since != label.since || strcmp(back.name, label.name) != 0) abort();
}

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
    read_label(data, size);
    return 0;
}
