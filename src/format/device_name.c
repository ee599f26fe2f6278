#include "format/device_name.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "crypto/hash.h"
#include "crypto/open.h"

static void sealer_release(struct aead_sealer **s) {
    aead_sealer_free(*s);
}
static void opener_release(struct aead_opener **o) {
    aead_opener_free(*o);
}

static void name_key(const struct sign_key *account, uint8_t out[AEAD_KEY_BYTES]) {
    hash_hkdf_expand(account->seed, "cardea/1 device name", (struct bytes){0},
                     (struct buffer){out, AEAD_KEY_BYTES});
}

/* How much of a text takes at most so many bytes, cut between characters. */
static size_t beginning(const char *text, size_t most) {
    size_t len = strnlen(text, most + 1);
    if (len > most)
        for (len = most; len && ((uint8_t)text[len] & 0xc0) == 0x80;) len--;
    return len;
}

err device_name_seal_with(const struct sign_key *account, const char *name, const uint8_t nonce[12],
                          uint8_t out[DEVICE_NAME_SEALED_BYTES]) {
    AUTO(sealer_release) struct aead_sealer *s = aead_sealer_new();
    uint8_t key[AEAD_KEY_BYTES], plain[DEVICE_NAME_MAX_BYTES] = {0};
    if (!s) return ERR_NO_MEMORY;
    memcpy(plain, name, beginning(name, sizeof plain));
    name_key(account, key);
    aead_sealer_key(s, key);
    wipe(key, sizeof key);
    memcpy(out, nonce, AEAD_NONCE_BYTES);
    return aead_seal(s, nonce, (struct bytes){0}, BYTES_OF(plain),
                     (struct buffer){out + AEAD_NONCE_BYTES, DEVICE_NAME_SEALED_BYTES - AEAD_NONCE_BYTES});
}

err device_name_seal(const struct sign_key *account, const char *name,
                     uint8_t out[DEVICE_NAME_SEALED_BYTES]) {
    uint8_t nonce[AEAD_NONCE_BYTES];
    random_bytes(nonce, sizeof nonce);
    return device_name_seal_with(account, name, nonce, out);
}

/* UTF-8, padded with zeros alone, and nothing that moves a terminal's cursor. */
static bool plain_text(const uint8_t *text) {
    size_t len = strnlen((const char *)text, DEVICE_NAME_MAX_BYTES);
    for (size_t i = 0; i < DEVICE_NAME_MAX_BYTES; i++)
        if (i < len ? text[i] < 0x20 || text[i] == 0x7f : text[i] != 0) return false;
    json_t *checked = json_stringn((const char *)text, len);
    json_decref(checked);
    return checked != NULL;
}

err device_name_open(const struct sign_key *account, struct bytes sealed,
                     char out[DEVICE_NAME_MAX_BYTES + 1]) {
    AUTO(opener_release) struct aead_opener *o = aead_opener_new();
    uint8_t key[AEAD_KEY_BYTES], plain[DEVICE_NAME_MAX_BYTES];
    if (!o) return ERR_NO_MEMORY;
    if (sealed.len != DEVICE_NAME_SEALED_BYTES) return ERR_FORGED;
    name_key(account, key);
    aead_opener_key(o, key);
    wipe(key, sizeof key);
    err e = aead_open(o, sealed.data, (struct bytes){0},
                      BYTES(sealed.data + AEAD_NONCE_BYTES, sealed.len - AEAD_NONCE_BYTES),
                      (struct buffer){plain, sizeof plain});
    if (e) return ERR_FORGED;
    if (!plain_text(plain)) return ERR_INVALID;
    memcpy(out, plain, sizeof plain);
    out[sizeof plain] = 0;
    return ERR_OK;
}

/* ---- a session's label ---- */

static const char letters[] = "\0pkra"; /* by enum session_how */

void session_label_text(const struct session_label *label, char out[DEVICE_NAME_MAX_BYTES + 1]) {
    if (label->how == SESSION_UNSAID) {
        memcpy(out, label->name, DEVICE_NAME_MAX_BYTES + 1);
        return;
    }
    size_t name = beginning(label->name, DEVICE_NAME_MAX_BYTES - SESSION_LABEL_MORE_BYTES);
    snprintf(out, DEVICE_NAME_MAX_BYTES + 1, "%.*s #%c%08" PRIx32 "%08" PRIx32, (int)name, label->name,
             letters[label->how], label->since, label->used);
}

static bool read_slot(const char *hex, uint32_t *out) {
    uint32_t value = 0;
    for (int i = 0; i < 8; i++) {
        const char *digit = hex[i] ? strchr("0123456789abcdef", hex[i]) : NULL;
        if (!digit) return false;
        value = value << 4 | (uint32_t)(digit - "0123456789abcdef");
    }
    *out = value;
    return true;
}

void session_label_read(const char text[DEVICE_NAME_MAX_BYTES + 1], struct session_label *out) {
    size_t len = strnlen(text, DEVICE_NAME_MAX_BYTES);
    *out = (struct session_label){0};
    memcpy(out->name, text, len);
    if (len < SESSION_LABEL_MORE_BYTES) return;
    const char *more = text + len - SESSION_LABEL_MORE_BYTES;
    const char *letter = more[2] ? strchr(letters + 1, more[2]) : NULL;
    uint32_t since, used;
    if (more[0] != ' ' || more[1] != '#' || !letter || !read_slot(more + 3, &since) ||
        !read_slot(more + 11, &used))
        return;
    out->name[len - SESSION_LABEL_MORE_BYTES] = 0;
    out->how = (enum session_how)(letter - letters);
    out->since = since;
    out->used = used;
}
