#include "vault/webauthn.h"

#include <fido.h>
#include <fido/eddsa.h>
#include <fido/es256.h>
#include <fido/rs256.h>
#include <pthread.h>

#include "base/json.h"
#include "crypto/hash.h"

/* Authenticator data (section 6.1): SHA-256 of the rp id (32) | flags (1) | counter (4) | … */
#define FLAG_PRESENT 0x01
#define FLAG_VERIFIED 0x04
#define FLAG_CREDENTIAL 0x40
#define FLAG_EXTENSIONS 0x80
#define HEAD_BYTES 37

static pthread_once_t fido_once = PTHREAD_ONCE_INIT;

static void fido_start(void) {
    fido_init(FIDO_DISABLE_U2F_FALLBACK); /* and no debugging output */
}

static err refuse(struct diag *d, const char *why) {
    return diag_fail(d, ERR_DENIED, "%s", why);
}

/* The host of "https://host[:port]"; plain http only for this very machine, as browsers have it. */
static bool origin_host(const char *origin, char out[WEBAUTHN_RP_MAX_BYTES + 1]) {
    bool plain = strncmp(origin, "http://", 7) == 0;
    if (!plain && strncmp(origin, "https://", 8) != 0) return false;
    const char *host = origin + (plain ? 7 : 8);
    size_t len = strcspn(host, ":/?#@[]\\");
    if (len == 0 || len > WEBAUTHN_RP_MAX_BYTES || (host[len] && host[len] != ':')) return false;
    memcpy(out, host, len);
    out[len] = 0;
    return !plain || strcmp(out, "localhost") == 0;
}

err webauthn_client_read(struct bytes client_data, const char *type, struct webauthn_client *out,
                         struct diag *d) {
    AUTO(json_release) json_t *document = NULL;
    AUTO(blob_clear) struct blob challenge = {0};
    if (client_data.len > WEBAUTHN_CLIENT_DATA_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT, "\"client_data\" is too long");
    err e = json_parse(client_data, &document, d);
    if (e) return e;
    const char *said = json_string_value(json_object_get(document, "type"));
    const char *text = json_string_value(json_object_get(document, "challenge"));
    const char *origin = json_string_value(json_object_get(document, "origin"));
    if (!said || !text || !origin || strcmp(said, type) != 0)
        return diag_fail(d, ERR_INVALID, "\"client_data\" is of another ceremony");
    if (json_is_true(json_object_get(document, "crossOrigin")))
        return diag_fail(d, ERR_INVALID, "\"client_data\" comes from a page within another's");
    if (strlen(text) > 2 * WEBAUTHN_CHALLENGE_MAX_BYTES || base64_decode(text, strlen(text), &challenge) ||
        challenge.len > sizeof out->challenge)
        return diag_fail(d, ERR_INVALID, "\"client_data\" holds no challenge");
    struct webauthn_client c = {.challenge_len = challenge.len};
    if (challenge.len) memcpy(c.challenge, challenge.data, challenge.len);
    if (!origin_host(origin, c.rp))
        return diag_fail(d, ERR_INVALID, "\"client_data\" has an origin that is not taken");
    *out = c;
    return ERR_OK;
}

#define CBOR_DEPTH_MAX 4 /* CTAP 2, section 8 */

/* Walks one item of CBOR (RFC 8949), as CTAP has it: every length is said beforehand. False: it claims more
 * than there is. libcbor makes room for what a head claims before it looks for the rest; so what strangers
 * claim is looked at first. */
static bool cbor_walk(struct bytes in, size_t *at, unsigned depth) {
    if (*at >= in.len || depth > CBOR_DEPTH_MAX) return false;
    unsigned major = in.data[*at] >> 5, info = in.data[*at] & 31;
    size_t more = info < 24 ? 0 : (size_t)1 << (info - 24);
    uint64_t value = info;
    (*at)++;
    if (info > 27 || more > in.len - *at) return false;
    if (more) value = 0;
    for (size_t i = 0; i < more; i++) value = value << 8 | in.data[(*at)++];
    size_t left = in.len - *at;
    if (major == 2 || major == 3) {
        if (value > left) return false;
        *at += (size_t)value;
        return true;
    }
    if (major < 2 || major == 7) return true;
    if (value > left) return false;
    size_t items = major == 6 ? 1 : major == 5 ? 2 * (size_t)value : (size_t)value;
    for (size_t i = 0; i < items; i++)
        if (!cbor_walk(in, at, depth + 1)) return false;
    return true;
}

/* What follows the head: aaguid (16) | id's length (2) | id | key, if there is a credential; and a map of
 * extensions, if there is one; and nothing else. */
static bool tail_sound(struct bytes data) {
    size_t at = HEAD_BYTES;
    if (data.data[32] & FLAG_CREDENTIAL) {
        if (data.len < HEAD_BYTES + 18) return false;
        at += 18 + ((size_t)data.data[HEAD_BYTES + 16] << 8 | data.data[HEAD_BYTES + 17]);
        if (!cbor_walk(data, &at, 0)) return false;
    }
    if (data.data[32] & FLAG_EXTENSIONS && !cbor_walk(data, &at, 0)) return false;
    return at == data.len;
}

static err check_head(struct bytes data, const char *rp, uint8_t flags, uint32_t *counter, struct diag *d) {
    uint8_t hash[HASH_BYTES];
    if (data.len < HEAD_BYTES || data.len > WEBAUTHN_AUTHENTICATOR_MAX_BYTES)
        return refuse(d, "the authenticator's data have the wrong length");
    hash_sha256(bytes_text(rp), hash);
    if (memcmp(data.data, hash, sizeof hash) != 0)
        return refuse(d, "that key is registered for another address");
    if ((data.data[32] & flags) != flags)
        return refuse(d, flags & FLAG_VERIFIED
                             ? "the key did not check who holds it: it needs a PIN or a fingerprint"
                             : "nobody touched the key");
    if (!tail_sound(data)) return refuse(d, "the authenticator's data cannot be read");
    *counter = be32_get(data.data + 33);
    return ERR_OK;
}

static void cred_release(fido_cred_t **c) {
    fido_cred_free(c);
}

static bool algorithm_taken(int64_t algorithm) {
    return algorithm == WEBAUTHN_ES256 || algorithm == WEBAUTHN_EDDSA || algorithm == WEBAUTHN_RS256;
}

err webauthn_register(const struct webauthn_registration *registration, const char *rp,
                      struct webauthn_key *key, uint32_t *counter, struct diag *d) {
    struct bytes data = registration->authenticator_data;
    err e = check_head(data, rp, FLAG_PRESENT | FLAG_CREDENTIAL, counter, d);
    if (e) return e;
    if (!algorithm_taken(registration->algorithm))
        return refuse(d, "that key signs in a way that is not taken here");
    pthread_once(&fido_once, fido_start);
    AUTO(cred_release) fido_cred_t *cred = fido_cred_new();
    if (!cred) return diag_fail(d, ERR_NO_MEMORY, "no memory for a credential");
    if (fido_cred_set_type(cred, (int)registration->algorithm) != FIDO_OK ||
        fido_cred_set_authdata_raw(cred, data.data, data.len) != FIDO_OK)
        return diag_fail(d, ERR_INVALID, "\"authenticator_data\" cannot be read");
    struct bytes id = BYTES(fido_cred_id_ptr(cred), fido_cred_id_len(cred));
    size_t len = fido_cred_pubkey_len(cred);
    if (!bytes_equal(id, registration->credential))
        return refuse(d, "the key's data are of another credential");
    if (!fido_cred_pubkey_ptr(cred) || len == 0 || len > sizeof key->bytes)
        return diag_fail(d, ERR_INVALID, "\"authenticator_data\" holds no public key");
    *key = (struct webauthn_key){.algorithm = (int32_t)registration->algorithm, .len = len};
    memcpy(key->bytes, fido_cred_pubkey_ptr(cred), len);
    return ERR_OK;
}

static void assert_release(fido_assert_t **a) {
    fido_assert_free(a);
}
static void es256_release(es256_pk_t **k) {
    es256_pk_free(k);
}
static void eddsa_release(eddsa_pk_t **k) {
    eddsa_pk_free(k);
}
static void rs256_release(rs256_pk_t **k) {
    rs256_pk_free(k);
}

static bool verify_with(const fido_assert_t *a, const struct webauthn_key *key) {
    AUTO(es256_release) es256_pk_t *es256 = es256_pk_new();
    AUTO(eddsa_release) eddsa_pk_t *eddsa = eddsa_pk_new();
    AUTO(rs256_release) rs256_pk_t *rs256 = rs256_pk_new();
    if (!es256 || !eddsa || !rs256) return false;
    switch (key->algorithm) {
        case WEBAUTHN_ES256:
            return es256_pk_from_ptr(es256, key->bytes, key->len) == FIDO_OK &&
                   fido_assert_verify(a, 0, COSE_ES256, es256) == FIDO_OK;
        case WEBAUTHN_EDDSA:
            return eddsa_pk_from_ptr(eddsa, key->bytes, key->len) == FIDO_OK &&
                   fido_assert_verify(a, 0, COSE_EDDSA, eddsa) == FIDO_OK;
        case WEBAUTHN_RS256:
            return rs256_pk_from_ptr(rs256, key->bytes, key->len) == FIDO_OK &&
                   fido_assert_verify(a, 0, COSE_RS256, rs256) == FIDO_OK;
    }
    return false;
}

err webauthn_verify(const struct webauthn_assertion *assertion, const char *rp,
                    const struct webauthn_key *key, bool verified, uint32_t *counter, struct diag *d) {
    static const char *const wrong = "that key's signature is not right";
    struct bytes data = assertion->authenticator_data, client = assertion->client_data;
    err e = check_head(data, rp, verified ? FLAG_PRESENT | FLAG_VERIFIED : FLAG_PRESENT, counter, d);
    if (e) return e;
    uint8_t hash[HASH_BYTES];
    hash_sha256(client, hash);
    pthread_once(&fido_once, fido_start);
    AUTO(assert_release) fido_assert_t *a = fido_assert_new();
    if (!a) return diag_fail(d, ERR_NO_MEMORY, "no memory for an assertion");
    if (fido_assert_set_count(a, 1) != FIDO_OK || fido_assert_set_rp(a, rp) != FIDO_OK ||
        fido_assert_set_clientdata_hash(a, hash, sizeof hash) != FIDO_OK ||
        fido_assert_set_authdata_raw(a, 0, data.data, data.len) != FIDO_OK ||
        fido_assert_set_sig(a, 0, assertion->signature.data, assertion->signature.len) != FIDO_OK ||
        fido_assert_set_up(a, FIDO_OPT_TRUE) != FIDO_OK)
        return refuse(d, wrong);
    if (verified && fido_assert_set_uv(a, FIDO_OPT_TRUE) != FIDO_OK) return refuse(d, wrong);
    if (verify_with(a, key)) return ERR_OK;
    /* A key that was asked for its PRF answers with the extension's (sealed) output, which is signed too. */
    bool with_prf = fido_assert_set_extensions(a, FIDO_EXT_HMAC_SECRET) == FIDO_OK && verify_with(a, key);
    return with_prf ? ERR_OK : refuse(d, wrong);
}
