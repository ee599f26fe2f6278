/* Tokens and challenges that need no row.
 *
 *   access token   version 1 | expires: slot (4) | capability's public key (32) | mac (16)
 *   grantee's      version 2 | expires: slot (4) | grant id (16) | entry of its use (8) | mac (16)
 *   challenge      expires: slot (4) | random (16) | mac (16)
 *
 * Both in base64url; mac is the beginning of HMAC-SHA256 under the vault's secret with a label. A token names
 * a capability and no role, a grantee's a grant and no rights: each request looks it up, so that what is
 * removed or revoked ends at once.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "crypto/hash.h"
#include "vault/grant.h"
#include "vault/vault.h"

#define MAC_BYTES 16

void vault_mac(const struct vault *v, const char *label, struct bytes data, uint8_t out[32]) {
    uint8_t key[HASH_BYTES];
    hash_hkdf_expand(v->secret, label, (struct bytes){0}, (struct buffer){key, sizeof key});
    hash_hmac(BYTES_OF(key), data, out);
    wipe(key, sizeof key);
}

void login_key(const struct vault *v, const char *login, struct store_key *out) {
    char text[256];
    login += strspn(login, " \t");
    size_t len = strlen(login);
    while (len && (login[len - 1] == ' ' || login[len - 1] == '\t')) len--;
    if (len > sizeof text) len = sizeof text;
    for (size_t i = 0; i < len; i++) text[i] = (char)tolower((unsigned char)login[i]);
    vault_mac(v, "cardea/1 vault login", BYTES(text, len), out->bytes);
    wipe(text, sizeof text);
}

static bool mac_fits(const struct vault *v, const char *label, struct bytes data,
                     const uint8_t mac[MAC_BYTES]) {
    uint8_t expected[HASH_BYTES];
    vault_mac(v, label, data, expected);
    return bytes_equal_secret(BYTES(expected, MAC_BYTES), BYTES(mac, MAC_BYTES));
}

void access_token_make(const struct vault *v, const struct store_key *capability, uint32_t expires,
                       char out[ACCESS_TOKEN_CHARS]) {
    uint8_t raw[ACCESS_TOKEN_BYTES], mac[HASH_BYTES];
    raw[0] = 1;
    be32_put(raw + 1, expires);
    memcpy(raw + 5, capability->bytes, sizeof capability->bytes);
    vault_mac(v, "cardea/1 vault access", BYTES(raw, ACCESS_TOKEN_BYTES - MAC_BYTES), mac);
    memcpy(raw + ACCESS_TOKEN_BYTES - MAC_BYTES, mac, MAC_BYTES);
    base64_encode(BYTES_OF(raw), out);
    wipe(raw, sizeof raw);
}

err access_token_read(const struct vault *v, const char *text, uint32_t now, struct store_key *capability) {
    AUTO(blob_clear) struct blob raw = {0};
    if (strlen(text) > ACCESS_TOKEN_CHARS || base64_decode(text, strlen(text), &raw)) return ERR_DENIED;
    if (raw.len != ACCESS_TOKEN_BYTES || raw.data[0] != 1) return ERR_DENIED;
    const size_t signed_len = ACCESS_TOKEN_BYTES - MAC_BYTES;
    if (!mac_fits(v, "cardea/1 vault access", BYTES(raw.data, signed_len), raw.data + signed_len))
        return ERR_DENIED;
    if (be32_get(raw.data + 1) <= now) return ERR_DENIED;
    memcpy(capability->bytes, raw.data + 5, sizeof capability->bytes);
    return ERR_OK;
}

void grant_token_make(const struct vault *v, const struct store_id *grant, uint64_t entry, uint32_t expires,
                      char out[GRANT_TOKEN_CHARS]) {
    uint8_t raw[GRANT_TOKEN_BYTES], mac[HASH_BYTES];
    raw[0] = 2;
    be32_put(raw + 1, expires);
    memcpy(raw + 5, grant->bytes, sizeof grant->bytes);
    be64_put(raw + 21, entry);
    vault_mac(v, "cardea/1 vault grant", BYTES(raw, GRANT_TOKEN_BYTES - MAC_BYTES), mac);
    memcpy(raw + GRANT_TOKEN_BYTES - MAC_BYTES, mac, MAC_BYTES);
    base64_encode(BYTES_OF(raw), out);
    wipe(raw, sizeof raw);
}

err grant_token_read(const struct vault *v, const char *text, uint32_t now, struct store_id *grant,
                     uint64_t *entry) {
    AUTO(blob_clear) struct blob raw = {0};
    if (strlen(text) > GRANT_TOKEN_CHARS || base64_decode(text, strlen(text), &raw)) return ERR_DENIED;
    if (raw.len != GRANT_TOKEN_BYTES || raw.data[0] != 2) return ERR_DENIED;
    const size_t signed_len = GRANT_TOKEN_BYTES - MAC_BYTES;
    if (!mac_fits(v, "cardea/1 vault grant", BYTES(raw.data, signed_len), raw.data + signed_len))
        return ERR_DENIED;
    if (be32_get(raw.data + 1) <= now) return ERR_DENIED;
    memcpy(grant->bytes, raw.data + 5, sizeof grant->bytes);
    *entry = be64_get(raw.data + 21);
    return ERR_OK;
}

bool grant_token_renews(const struct vault *v, const char *text, uint32_t now, const struct store_id *grant,
                        uint64_t *entry) {
    struct store_id of;
    uint32_t then = now > GRANT_RENEW_S ? now - GRANT_RENEW_S : 0;
    return grant_token_read(v, text, then, &of, entry) == ERR_OK && store_id_equal(&of, grant);
}

void challenge_make(const struct vault *v, uint32_t now, uint8_t out[CHALLENGE_BYTES]) {
    uint8_t mac[HASH_BYTES];
    be32_put(out, now + VAULT_CHALLENGE_S);
    random_bytes(out + 4, CHALLENGE_BYTES - 4 - MAC_BYTES);
    vault_mac(v, "cardea/1 vault challenge", BYTES(out, CHALLENGE_BYTES - MAC_BYTES), mac);
    memcpy(out + CHALLENGE_BYTES - MAC_BYTES, mac, MAC_BYTES);
}

err challenge_check(const struct vault *v, const uint8_t challenge[CHALLENGE_BYTES], uint32_t now) {
    const size_t signed_len = CHALLENGE_BYTES - MAC_BYTES;
    if (!mac_fits(v, "cardea/1 vault challenge", BYTES(challenge, signed_len), challenge + signed_len))
        return ERR_DENIED;
    uint32_t expires = be32_get(challenge);
    return expires < now || expires > now + VAULT_CHALLENGE_S ? ERR_DENIED : ERR_OK;
}

err vault_once(struct vault *v, const char *kind, struct bytes what, uint32_t ttl_s, struct diag *d) {
    uint8_t hash[HASH_BYTES];
    char name[BUS_CHANNEL_CHARS], digits[2 * STORE_ID_BYTES + 1];
    struct store_id owner;
    hash_sha256(what, hash);
    hex_encode(BYTES(hash, STORE_ID_BYTES), digits);
    snprintf(name, sizeof name, "%s/%s", kind, digits);
    random_bytes(owner.bytes, sizeof owner.bytes);
    err e = v->bus->ops->claim(v->bus, name, &owner, ttl_s, (struct bytes){0}, d);
    return e == ERR_CONFLICT ? ERR_DENIED : e;
}
