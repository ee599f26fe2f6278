/* check_grants.c: grant. */
#include <string.h>

#include "check.h"
#include "format/grant_about.h"

static err hold_use(json_t *use, const struct grant_statement *s, struct diag *d) {
    uint8_t camera[CAMERA_ID_BYTES];
    check_hex_into(use, "camera", camera, sizeof camera);
    const struct grant_use asked = {
        .camera = camera,
        .begin = (uint64_t)check_int(use, "begin"),
        .end = (uint64_t)check_int(use, "end"),
        .live = json_is_true(json_object_get(use, "live")),
        .exporting = json_is_true(json_object_get(use, "export")),
    };
    return grant_allows(s, &asked, d);
}

static void check_statement(json_t *expected, const struct grant_statement *s,
                            const struct grant_parts *parts) {
    check_equal(expected, "id", BYTES_OF(s->id));
    check_equal(expected, "grantee", BYTES_OF(s->grantee));
    check_equal(expected, "grantee_sign", BYTES_OF(s->grantee_sign));
    assert_string_equal(check_text(expected, "purpose"), grant_purposes[s->purpose]);
    assert_string_equal(check_text(expected, "role"), grant_roles[s->role]);
    assert_int_equal(check_int(expected, "views"), s->views);
    check_equal(expected, "log", BYTES_OF(s->log));
    check_equal(expected, "about", blob_bytes(&parts->about));
    assert_int_equal(json_array_size(json_object_get(expected, "witnesses")), s->witness_count);
    assert_string_equal(check_text(expected, "ticket"), s->ticket);
    assert_int_equal(json_array_size(json_object_get(expected, "cameras")), s->camera_count);
    assert_int_equal(check_int(expected, "from"), s->from);
    assert_int_equal(check_int(expected, "to"), s->to);
    assert_int_equal(check_int(expected, "not_before"), s->not_before);
    assert_int_equal(check_int(expected, "expires"), s->expires);
    assert_int_equal(check_int(expected, "time"), s->time);
    assert_int_equal(json_is_true(json_object_get(expected, "live")), s->live);
    assert_int_equal(json_is_true(json_object_get(expected, "export")), s->may_export);
    json_t *keys = json_object_get(expected, "keys");
    assert_int_equal(json_array_size(keys), parts->count);
    for (size_t i = 0; i < parts->count; i++) {
        json_t *one = json_array_get(keys, i);
        AUTO(blob_clear) struct blob set = {0};
        assert_int_equal(timekey_encode(&parts->parts[i].keys, &set), ERR_OK);
        check_equal(one, "camera", BYTES_OF(parts->parts[i].camera));
        check_equal(one, "set", blob_bytes(&set));
        assert_int_equal(check_int(one, "epoch"), parts->parts[i].epoch);
    }
}

static void check_issued(json_t *one, const struct grant_statement *s, const struct grant_parts *parts) {
    uint8_t seed[SIGN_SEED_BYTES], ephemeral[BOX_SECRET_BYTES];
    struct sign_key household;
    AUTO(blob_clear) struct blob again = {0};
    struct diag d = {0};
    check_hex_into(one, "seed", seed, sizeof seed);
    check_hex_into(one, "ephemeral", ephemeral, sizeof ephemeral);
    sign_key_from_seed(seed, &household);
    assert_int_equal(grant_issue_with(s, &household, blob_bytes(&parts->about), parts->parts, parts->count,
                                      ephemeral, &again, &d),
                     ERR_OK);
    check_equal(one, "grant", blob_bytes(&again));
}

/* What the grant tells is read, and says the same when it is written again. */
static void check_about(const struct grant_statement *s, const struct grant_parts *parts) {
    if (!parts->about.len) return;
    AUTO(grant_about_clear) struct grant_about about = {0};
    AUTO(blob_clear) struct blob again = {0};
    struct diag d = {0};
    assert_int_equal(grant_about_read(blob_bytes(&parts->about), s, &about, &d), ERR_OK);
    assert_int_equal(about.camera_count, 2);
    assert_true(about.cameras[0].has_sub && about.cameras[1].is_sub);
    assert_int_equal(about.hub_count, 1);
    assert_int_equal(grant_about_encode(&about, &again, &d), ERR_OK);
    assert_true(bytes_equal(blob_bytes(&again), blob_bytes(&parts->about)));
}

static void check_grant(json_t *one) {
    AUTO(blob_clear) struct blob raw = check_hex(one, "grant");
    AUTO(grant_parts_clear) struct grant_parts parts = {0};
    uint8_t household[SIGN_PUBLIC_BYTES], secret[BOX_SECRET_BYTES];
    struct box_key grantee;
    struct grant_statement s;
    struct diag d = {0};
    check_hex_into(one, "household", household, sizeof household);
    check_hex_into(one, "grantee_secret", secret, sizeof secret);
    box_key_from_secret(secret, &grantee);
    json_t *use = json_object_get(one, "use");
    err e = grant_read(blob_bytes(&raw), household, &s, &d);
    if (!e) e = grant_valid_at(&s, (uint32_t)check_int(one, "now"), &d);
    if (!e && use) e = hold_use(use, &s, &d);
    if (!e) e = grant_open(blob_bytes(&raw), household, &grantee, &s, &parts, &d);
    check_error(one, e, &d);
    if (e) assert_int_equal(strncmp(d.text, "grant: ", 7), 0);
    if (e || !json_object_get(one, "expected")) return;
    check_statement(json_object_get(one, "expected"), &s, &parts);
    check_issued(one, &s, &parts);
    check_about(&s, &parts);
}

void check_grant_files(void **state) {
    (void)state;
    check_file("grant.json", check_grant);
}
