#include "format/link.h"

#include <stdio.h>

#include "crypto/hash.h"
#include "crypto/passphrase.h"

#define VERSION 1
#define FLAG_PASSWORD 1
#define PAGE "/share/"

void link_clear(struct link *l) {
    if (l) wipe(l, sizeof *l);
}

void link_keys_clear(struct link_keys *k) {
    if (k) wipe(k, sizeof *k);
}

void link_issuer(const uint8_t household[SIGN_PUBLIC_BYTES], uint8_t out[LINK_ISSUER_BYTES]) {
    uint8_t hash[HASH_BYTES];
    hash_sha256(BYTES(household, SIGN_PUBLIC_BYTES), hash);
    memcpy(out, hash, LINK_ISSUER_BYTES);
}

err link_format(const struct link *l, const char *vault, char out[LINK_TEXT_BYTES]) {
    uint8_t raw[LINK_BYTES] = {VERSION, l->password ? FLAG_PASSWORD : 0};
    char fragment[LINK_FRAGMENT_CHARS];
    size_t len = strlen(vault);
    if (len && vault[len - 1] == '/') len--;
    if (len >= LINK_URL_MAX_BYTES) return ERR_LIMIT;
    memcpy(raw + 2, l->grant, LINK_GRANT_BYTES);
    memcpy(raw + 18, l->issuer, LINK_ISSUER_BYTES);
    memcpy(raw + 34, l->secret, LINK_SECRET_BYTES);
    base64_encode(BYTES_OF(raw), fragment);
    snprintf(out, LINK_TEXT_BYTES, "%.*s" PAGE "#%s", (int)len, vault, fragment);
    wipe(raw, sizeof raw);
    wipe(fragment, sizeof fragment);
    return ERR_OK;
}

static err decode(const char *fragment, struct link *out, struct diag *d) {
    AUTO(blob_clear) struct blob raw = {0};
    if (base64_decode(fragment, strlen(fragment), &raw))
        return diag_fail(d, ERR_INVALID, "link: what follows # is damaged: copy the whole link");
    if (raw.len < 1 || raw.data[0] != VERSION)
        return diag_fail(d, ERR_INVALID, "link: this version is not known");
    if (raw.len != LINK_BYTES)
        return diag_fail(d, ERR_INVALID, "link: its length does not fit: copy the whole link");
    if (raw.data[1] & ~FLAG_PASSWORD) return diag_fail(d, ERR_INVALID, "link: these flags are not known");
    out->password = raw.data[1] & FLAG_PASSWORD;
    memcpy(out->grant, raw.data + 2, LINK_GRANT_BYTES);
    memcpy(out->issuer, raw.data + 18, LINK_ISSUER_BYTES);
    memcpy(out->secret, raw.data + 34, LINK_SECRET_BYTES);
    return ERR_OK;
}

err link_parse(const char *text, struct link *out, char vault[LINK_URL_MAX_BYTES], struct diag *d) {
    const char *page = strstr(text, PAGE "#");
    if ((strncmp(text, "https://", 8) != 0 && strncmp(text, "http://", 7) != 0) || !page ||
        page - text >= LINK_URL_MAX_BYTES)
        return diag_fail(d, ERR_INVALID, "link: it is not one like https://vault" PAGE "#…");
    AUTO(link_clear) struct link found = {0};
    err e = decode(page + sizeof PAGE, &found, d);
    if (e) return e;
    *out = found;
    memcpy(vault, text, (size_t)(page - text));
    vault[page - text] = 0;
    return ERR_OK;
}

/* `cardea/1 link`, of the secret alone or of the password and it. */
static err derive_seed(const struct link *l, struct bytes password, uint8_t out[HASH_BYTES], struct diag *d) {
    const struct passphrase_cost cost = {PASSPHRASE_MEMORY_KIB, PASSPHRASE_PASSES};
    uint8_t slow[HASH_BYTES];
    const struct buffer seed = {out, HASH_BYTES};
    _Static_assert(LINK_GRANT_BYTES == PASSPHRASE_SALT_BYTES, "the grant's id is the salt");
    if (!l->password) {
        hash_hkdf_expand(l->secret, "cardea/1 link", (struct bytes){0}, seed);
        return ERR_OK;
    }
    if (password.len > LINK_PASSWORD_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT, "the password is longer than %d bytes", LINK_PASSWORD_MAX_BYTES);
    err e = passphrase_argon2id(password, l->grant, cost, slow, d);
    if (e) return e;
    hash_hkdf_expand(slow, "cardea/1 link password", BYTES_OF(l->secret), seed);
    wipe(slow, sizeof slow);
    return ERR_OK;
}

err link_derive(const struct link *l, struct bytes password, struct link_keys *out, struct diag *d) {
    uint8_t seed[HASH_BYTES], box[BOX_SECRET_BYTES], sign[SIGN_SEED_BYTES];
    err e = derive_seed(l, password, seed, d);
    if (e) return e;
    hash_hkdf_expand(seed, "cardea/1 link box", (struct bytes){0}, (struct buffer){box, sizeof box});
    hash_hkdf_expand(seed, "cardea/1 link sign", (struct bytes){0}, (struct buffer){sign, sizeof sign});
    box_key_from_secret(box, &out->box);
    sign_key_from_seed(sign, &out->sign);
    wipe(seed, sizeof seed);
    wipe(box, sizeof box);
    wipe(sign, sizeof sign);
    return ERR_OK;
}
