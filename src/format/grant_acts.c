/* grant_acts.c: what ends a grant, and who may open it. */
#include "format/grant.h"
#include "format/json_bytes.h"

err grant_revocation_read(struct bytes raw, const uint8_t household[SIGN_PUBLIC_BYTES],
                          struct grant_revocation *out, struct diag *d) {
    AUTO(json_release) json_t *value = NULL;
    struct envelope envelope;
    struct grant_revocation found = {0};
    int64_t version = 0, time = 0;
    const struct json_field fields[] = {
        JSON_VERSION(&version),
        JSON_ID("grant", GRANT_ID_BYTES, found.grant),
        {"time", JSON_KIND_INT, true, 0, UINT32_MAX, &time, NULL},
    };
    if (raw.len > GRANT_REVOCATION_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT, "revocation: larger than %u bytes", GRANT_REVOCATION_MAX_BYTES);
    err e = envelope_verify(raw, "cardea/1 revoke", &envelope, d);
    if (!e && household && memcmp(envelope.signer, household, SIGN_PUBLIC_BYTES) != 0)
        e = diag_fail(d, ERR_FORGED, "it is by another household");
    if (!e) e = json_parse(envelope.message, &value, d);
    if (!e) e = JSON_READ(value, fields, d);
    if (e) {
        diag_prefix(d, "revocation");
        return e;
    }
    found.time = (uint64_t)time;
    *out = found;
    return ERR_OK;
}

err grant_revocation_check(struct bytes raw, const struct grant_statement *s,
                           const uint8_t household[SIGN_PUBLIC_BYTES], struct grant_revocation *out,
                           struct diag *d) {
    struct grant_revocation found;
    err e = grant_revocation_read(raw, household, &found, d);
    if (e) return e;
    if (memcmp(found.grant, s->id, GRANT_ID_BYTES) != 0)
        return diag_fail(d, ERR_FORGED, "revocation: it is another grant's");
    *out = found;
    return ERR_OK;
}

err grant_open_check(const struct grant_statement *s, struct bytes challenge,
                     const uint8_t signature[SIGNATURE_BYTES], struct diag *d) {
    uint8_t message[GRANT_CHALLENGE_MAX_BYTES + GRANT_ID_BYTES];
    if (challenge.len > GRANT_CHALLENGE_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT, "grant: the challenge is larger than %u bytes",
                         GRANT_CHALLENGE_MAX_BYTES);
    if (challenge.len) memcpy(message, challenge.data, challenge.len);
    memcpy(message + challenge.len, s->id, GRANT_ID_BYTES);
    if (verify_message(s->grantee_sign, "cardea/1 open", BYTES(message, challenge.len + GRANT_ID_BYTES),
                       signature))
        return diag_fail(d, ERR_FORGED, "grant: the signature is not its holder's");
    return ERR_OK;
}
