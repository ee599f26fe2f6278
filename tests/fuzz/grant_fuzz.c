/* grant_fuzz.c: grants as they arrive; the input as a statement, as a revocation and as what a grant tells,
 * signed; and as keys that are sealed. */
#include <stdlib.h>

#include "crypto/hash.h"
#include "format/grant_about.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sign_key household;
static struct box_key grantee;
static struct blob statement;

static void prepare(void) {
    static const uint8_t secret[32] = {3};
    static const char json[] =
        "{\"v\":2,\"id\":\"00000000000000000000000000000000\",\"grantee\":"
        "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
        "\"grantee_sign\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"purpose\":\"owner\","
        "\"cameras\":[\"00000000000000000000000000000000\"],\"from\":0,\"to\":4294967296,\"live\":true,"
        "\"export\":true,"
        "\"not_before\":0,\"expires\":4294967296,\"time\":0,"
        "\"log\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}";
    sign_key_from_seed(secret, &household);
    box_key_from_secret(secret, &grantee);
    if (envelope_sign(&household, "cardea/1 grant", bytes_text(json), &statement)) abort();
}

static void assemble(struct blob *raw, struct bytes envelope, struct bytes payload) {
    uint8_t hash[HASH_BYTES];
    hash_sha256(envelope, hash);
    if (blob_append(raw, bytes_text("CRDG\x02")) || blob_append_be32(raw, (uint32_t)envelope.len) ||
        blob_append(raw, envelope) ||
        box_seal_with(grantee.public_key, hash, "cardea/1 grant", BYTES_OF(hash), payload, raw))
        abort();
}

static void try_open(struct bytes raw) {
    struct grant_statement s;
    AUTO(grant_parts_clear) struct grant_parts parts = {0};
    struct diag d = {0};
    err e = grant_open(raw, household.public_key, &grantee, &s, &parts, &d);
    if (e && (!d.text[0] || parts.count)) abort();
    if (e) return;
    if (s.camera_count > GRANT_CAMERAS_MAX || parts.count > GRANT_PARTS_MAX || s.from >= s.to) abort();
    const struct grant_use use = {s.cameras[0], s.from, s.to, s.live, s.may_export};
    if (grant_allows(&s, &use, &d)) abort();
}

static void try_acts(struct bytes text, struct bytes signed_as_revocation) {
    static const struct grant_statement s = {.camera_count = 1};
    AUTO(grant_about_clear) struct grant_about about = {0};
    struct grant_revocation revocation;
    struct diag d = {0};
    if (grant_revocation_read(text, NULL, &revocation, &d) && !d.text[0]) abort();
    d.text[0] = 0;
    if (grant_revocation_read(signed_as_revocation, NULL, &revocation, &d) && !d.text[0]) abort();
    d.text[0] = 0;
    err e = grant_about_read(text, &s, &about, &d);
    if (e && (!d.text[0] || about.camera_count || about.hub_count)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!statement.len) prepare();
    if (size > GRANT_STATEMENT_MAX_BYTES) return 0;
    AUTO(blob_clear) struct blob envelope = {0};
    AUTO(blob_clear) struct blob as_statement = {0};
    AUTO(blob_clear) struct blob as_keys = {0};
    AUTO(blob_clear) struct blob as_revocation = {0};
    try_open(BYTES(data, size));
    if (envelope_sign(&household, "cardea/1 grant", BYTES(data, size), &envelope)) abort();
    assemble(&as_statement, blob_bytes(&envelope), (struct bytes){0});
    try_open(blob_bytes(&as_statement));
    assemble(&as_keys, blob_bytes(&statement), BYTES(data, size));
    try_open(blob_bytes(&as_keys));
    if (envelope_sign(&household, "cardea/1 revoke", BYTES(data, size), &as_revocation)) abort();
    try_acts(BYTES(data, size), blob_bytes(&as_revocation));
    return 0;
}
