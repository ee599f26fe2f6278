/* make_grants.c: grants: reading and holding uses against the statement, opening the keys. */
#include <string.h>

#include "crypto/hash.h"
#include "format/grant.h"
#include "make.h"

static struct sign_key household;
static struct box_key grantee;
static struct grant_part part;

static struct grant_statement statement(void) {
    struct grant_statement s = {.purpose = GRANT_MEMBER,
                                .camera_count = 1,
                                .from = SLOT,
                                .to = SLOT + 600,
                                .live = true,
                                .not_before = SLOT + 1000,
                                .expires = SLOT + 5000,
                                .time = SLOT + 900};
    make_bytes("grant id", s.id, sizeof s.id);
    memcpy(s.grantee, grantee.public_key, sizeof s.grantee);
    make_bytes("grantee sign", s.grantee_sign, sizeof s.grantee_sign);
    memcpy(s.cameras[0], part.camera, CAMERA_ID_BYTES);
    return s;
}

/* `use`: {"camera", "begin", "end", "live", "export"} or NULL; taken. */
static void grant_case(json_t *cases, const char *name, const char *error, uint32_t now, json_t *use,
                       const struct box_key *key, struct bytes raw) {
    make_case(cases, error,
              json_pack("{s:s, s:o, s:o, s:I, s:o*, s:o}", "name", name, "household",
                        make_hex(BYTES_OF(household.public_key)), "grantee_secret",
                        make_hex(BYTES_OF(key->secret)), "now", (json_int_t)now, "use", use, "grant",
                        make_hex(raw)));
}

static json_t *use_of(const uint8_t *camera, uint64_t begin, uint64_t end, bool live, bool exporting) {
    return json_pack("{s:o, s:I, s:I, s:b, s:b}", "camera", make_hex(BYTES(camera, CAMERA_ID_BYTES)), "begin",
                     (json_int_t)begin, "end", (json_int_t)end, "live", live, "export", exporting);
}

static void good_case(json_t *cases, const char *name, const uint8_t ephemeral[BOX_SECRET_BYTES],
                      struct bytes raw) {
    struct grant_statement s;
    struct grant_parts parts = {0};
    struct diag d = {0};
    MUST(grant_open(raw, household.public_key, &grantee, &s, &parts, &d));
    json_t *keys = json_array(), *cameras = json_array();
    for (size_t i = 0; i < parts.count; i++)
        json_array_append_new(
            keys, json_pack("{s:o, s:I, s:o}", "camera", make_hex(BYTES_OF(parts.parts[i].camera)), "epoch",
                            (json_int_t)parts.parts[i].epoch, "set", make_set(&parts.parts[i].keys)));
    for (size_t i = 0; i < s.camera_count; i++)
        json_array_append_new(cameras, make_hex(BYTES_OF(s.cameras[i])));
    grant_case(cases, name, NULL, SLOT + 2000, use_of(part.camera, SLOT, SLOT + 600, false, false), &grantee,
               raw);
    json_t *one = json_array_get(cases, json_array_size(cases) - 1);
    json_object_set_new(one, "seed", make_hex(BYTES_OF(household.seed)));
    json_object_set_new(one, "ephemeral", make_hex(BYTES(ephemeral, BOX_SECRET_BYTES)));
    json_object_set_new(one, "expected",
                        json_pack("{s:o, s:o, s:o, s:s, s:s, s:o, s:I, s:I, s:b, s:b, s:I, s:I, s:I, s:o}",
                                  "id", make_hex(BYTES_OF(s.id)), "grantee", make_hex(BYTES_OF(s.grantee)),
                                  "grantee_sign", make_hex(BYTES_OF(s.grantee_sign)), "purpose",
                                  grant_purposes[s.purpose], "ticket", s.ticket, "cameras", cameras, "from",
                                  (json_int_t)s.from, "to", (json_int_t)s.to, "live", s.live, "export",
                                  s.may_export, "not_before", (json_int_t)s.not_before, "expires",
                                  (json_int_t)s.expires, "time", (json_int_t)s.time, "keys", keys));
    grant_parts_clear(&parts);
}

static void misuse_cases(json_t *cases, struct bytes raw) {
    uint8_t other[CAMERA_ID_BYTES] = {9};
    const uint8_t *camera = part.camera;
    const uint32_t now = SLOT + 2000;
    grant_case(cases, "five minutes early, for a clock that is behind", NULL, SLOT + 700, NULL, &grantee,
               raw);
    grant_case(cases, "more than five minutes early", "denied", SLOT + 699, NULL, &grantee, raw);
    grant_case(cases, "the last second before it expires", NULL, SLOT + 4999, NULL, &grantee, raw);
    grant_case(cases, "expired", "denied", SLOT + 5000, NULL, &grantee, raw);
    grant_case(cases, "its last second", NULL, now, use_of(camera, SLOT + 599, SLOT + 600, false, false),
               &grantee, raw);
    grant_case(cases, "one second too far", "denied", now,
               use_of(camera, SLOT + 599, SLOT + 601, false, false), &grantee, raw);
    grant_case(cases, "one second too early", "denied", now, use_of(camera, SLOT - 1, SLOT + 5, false, false),
               &grantee, raw);
    grant_case(cases, "an empty stretch of time", "denied", now,
               use_of(camera, SLOT + 5, SLOT + 5, false, false), &grantee, raw);
    grant_case(cases, "another camera", "denied", now, use_of(other, SLOT, SLOT + 5, false, false), &grantee,
               raw);
    grant_case(cases, "live, which it allows", NULL, now, use_of(camera, 0, 0, true, false), &grantee, raw);
    grant_case(cases, "export, which it does not", "denied", now, use_of(camera, SLOT, SLOT + 5, false, true),
               &grantee, raw);
    struct box_key stranger;
    make_box_key("stranger", &stranger);
    grant_case(cases, "another grantee's key", "forged", now, NULL, &stranger, raw);
}

static void forged_cases(json_t *cases, struct blob *raw, const uint8_t ephemeral[BOX_SECRET_BYTES]) {
    const uint32_t now = SLOT + 2000;
    struct grant_statement s = statement();
    struct sign_key other;
    AUTO(blob_clear) struct blob forged = {0};
    make_sign_key("stranger", &other);
    MUST(grant_issue_with(&s, &other, &part, 1, ephemeral, &forged, NULL));
    grant_case(cases, "issued by another household", "forged", now, NULL, &grantee, blob_bytes(&forged));
    struct bytes whole = blob_bytes(raw);
    static const struct {
        const char *name, *error;
        size_t at;
    } flips[] = {{"another magic", "invalid", 0},
                 {"another version", "invalid", 4},
                 {"another length of the statement", "invalid", 6},
                 {"another statement", "forged", 9 + 101 + 40}};
    for (size_t i = 0; i < sizeof flips / sizeof *flips; i++) {
        raw->data[flips[i].at] ^= 1;
        grant_case(cases, flips[i].name, flips[i].error, now, NULL, &grantee, whole);
        raw->data[flips[i].at] ^= 1;
    }
    raw->data[raw->len - 1] ^= 1;
    grant_case(cases, "a flipped bit in the keys", "forged", now, NULL, &grantee, whole);
    raw->data[raw->len - 1] ^= 1;
    /* The statement of one grant before the keys of another, longer one. */
    s.to = SLOT + 601;
    forged.len = 0;
    MUST(grant_issue_with(&s, &household, &part, 1, ephemeral, &forged, NULL));
    size_t statement_len = 9 + be32_get(raw->data + 5), other_len = 9 + be32_get(forged.data + 5);
    AUTO(blob_clear) struct blob mixed = {0};
    MUST(blob_append(&mixed, BYTES(raw->data, statement_len)));
    MUST(blob_append(&mixed, BYTES(forged.data + other_len, forged.len - other_len)));
    grant_case(cases, "the keys of another grant", "forged", now, NULL, &grantee, blob_bytes(&mixed));
    grant_case(cases, "cut short", "invalid", now, NULL, &grantee, BYTES(raw->data, statement_len + 40));
}

/* Keys beyond the statement, sealed to it properly by a household that cheats or errs. */
static void overreaching_case(json_t *cases, const uint8_t ephemeral[BOX_SECRET_BYTES]) {
    struct grant_statement s = statement();
    AUTO(blob_clear) struct blob raw = {0};
    AUTO(blob_clear) struct blob payload = {0};
    AUTO(blob_clear) struct blob set = {0};
    AUTO(timekey_set_clear) struct timekey_set keys = {0};
    uint8_t hash[HASH_BYTES];
    MUST(grant_issue_with(&s, &household, &part, 1, ephemeral, &raw, NULL));
    MUST(timekey_cover(&part.keys, SLOT, SLOT + 601, &keys));
    MUST(timekey_encode(&keys, &set));
    MUST(blob_append(&payload, BYTES_OF(part.camera)));
    MUST(blob_append_be32(&payload, part.epoch));
    MUST(blob_append_be32(&payload, (uint32_t)set.len));
    MUST(blob_append(&payload, blob_bytes(&set)));
    size_t len = be32_get(raw.data + 5);
    hash_sha256(BYTES(raw.data + 9, len), hash);
    raw.len = 9 + len;
    MUST(box_seal_with(s.grantee, ephemeral, "cardea/1 grant", BYTES_OF(hash), blob_bytes(&payload), &raw));
    grant_case(cases, "keys of a second that the statement does not name", "forged", SLOT + 2000, NULL,
               &grantee, blob_bytes(&raw));
}

void make_grants(const char *folder) {
    json_t *cases = json_array();
    uint8_t ephemeral[BOX_SECRET_BYTES];
    make_bytes("grant ephemeral", ephemeral, sizeof ephemeral);
    make_sign_key("household sign", &household);
    make_box_key("grantee", &grantee);
    make_bytes("camera", part.camera, sizeof part.camera);
    part.epoch = 2;
    make_root("camera root", &part.keys);
    struct grant_statement s = statement();
    AUTO(blob_clear) struct blob raw = {0};
    AUTO(blob_clear) struct blob support = {0};
    MUST(grant_issue_with(&s, &household, &part, 1, ephemeral, &raw, NULL));
    good_case(cases, "a member's grant", ephemeral, blob_bytes(&raw));
    s.purpose = GRANT_SUPPORT;
    s.may_export = true;
    s.live = false;
    memcpy(s.ticket, "T-1234", 7);
    make_bytes("camera 2", s.cameras[1], CAMERA_ID_BYTES);
    s.camera_count = 2;
    MUST(grant_issue_with(&s, &household, &part, 1, ephemeral, &support, NULL));
    good_case(cases, "a grant for support, with a ticket and a camera that has no keys", ephemeral,
              blob_bytes(&support));
    misuse_cases(cases, blob_bytes(&raw));
    forged_cases(cases, &raw, ephemeral);
    overreaching_case(cases, ephemeral);
    timekey_set_clear(&part.keys);
    make_file(folder, "grant.json",
              "Grants. Each case is read with the household's key, held against \"now\" and, if there is "
              "one, \"use\", "
              "and opened with \"grantee_secret\", in this order; the first error is the case's.",
              "docs/formats.md, \"Grant\"", cases);
}
