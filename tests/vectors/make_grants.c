/* make_grants.c: grants: reading and holding uses against the statement, opening the keys. */
#include <string.h>

#include "crypto/hash.h"
#include "format/grant_about.h"
#include "make.h"

static struct sign_key household;
static struct box_key grantee;
static struct grant_part part;
static struct grant_about about;
static struct blob about_text;

static struct grant_statement statement(void) {
    struct grant_statement s = {.purpose = GRANT_MEMBER,
                                .role = GRANT_ROLE_VIEWER,
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
    make_bytes("log key", s.log, sizeof s.log);
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
    json_t *keys = json_array(), *cameras = json_array(), *witnesses = json_array();
    for (size_t i = 0; i < parts.count; i++)
        json_array_append_new(
            keys, json_pack("{s:o, s:I, s:o}", "camera", make_hex(BYTES_OF(parts.parts[i].camera)), "epoch",
                            (json_int_t)parts.parts[i].epoch, "set", make_set(&parts.parts[i].keys)));
    for (size_t i = 0; i < s.camera_count; i++)
        json_array_append_new(cameras, make_hex(BYTES_OF(s.cameras[i])));
    for (size_t i = 0; i < s.witness_count; i++)
        json_array_append_new(witnesses, make_hex(BYTES_OF(s.witnesses[i])));
    grant_case(cases, name, NULL, SLOT + 2000, use_of(part.camera, SLOT, SLOT + 600, false, false), &grantee,
               raw);
    json_t *one = json_array_get(cases, json_array_size(cases) - 1);
    json_object_set_new(one, "seed", make_hex(BYTES_OF(household.seed)));
    json_object_set_new(one, "ephemeral", make_hex(BYTES(ephemeral, BOX_SECRET_BYTES)));
    json_object_set_new(
        one, "expected",
        json_pack("{s:o, s:o, s:o, s:s, s:s, s:s, s:o, s:I, s:I, s:b, s:b, s:I, s:I, "
                  "s:I, s:I, s:o, s:o, s:o, s:o}",
                  "id", make_hex(BYTES_OF(s.id)), "grantee", make_hex(BYTES_OF(s.grantee)), "grantee_sign",
                  make_hex(BYTES_OF(s.grantee_sign)), "purpose", grant_purposes[s.purpose], "role",
                  grant_roles[s.role], "ticket", s.ticket, "cameras", cameras, "from", (json_int_t)s.from,
                  "to", (json_int_t)s.to, "live", s.live, "export", s.may_export, "not_before",
                  (json_int_t)s.not_before, "expires", (json_int_t)s.expires, "time", (json_int_t)s.time,
                  "views", (json_int_t)s.views, "log", make_hex(BYTES_OF(s.log)), "witnesses", witnesses,
                  "about", make_hex(blob_bytes(&parts.about)), "keys", keys));
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
    MUST(grant_issue_with(&s, &other, blob_bytes(&about_text), &part, 1, ephemeral, &forged, NULL));
    grant_case(cases, "issued by another household", "forged", now, NULL, &grantee, blob_bytes(&forged));
    struct bytes whole = blob_bytes(raw);
    static const struct {
        const char *name, *error;
        size_t at;
    } flips[] = {{"another magic", "invalid", 0},
                 {"version 1 or another", "invalid", 4},
                 {"another length of the statement", "invalid", 6},
                 {"another statement", "forged", 9 + 101 + 40}};
    for (size_t i = 0; i < sizeof flips / sizeof *flips; i++) {
        raw->data[flips[i].at] ^= 3;
        grant_case(cases, flips[i].name, flips[i].error, now, NULL, &grantee, whole);
        raw->data[flips[i].at] ^= 3;
    }
    raw->data[raw->len - 1] ^= 1;
    grant_case(cases, "a flipped bit in the keys", "forged", now, NULL, &grantee, whole);
    raw->data[raw->len - 1] ^= 1;
    /* The statement of one grant before the keys of another, longer one. */
    s.to = SLOT + 601;
    forged.len = 0;
    MUST(grant_issue_with(&s, &household, blob_bytes(&about_text), &part, 1, ephemeral, &forged, NULL));
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
    MUST(grant_issue_with(&s, &household, blob_bytes(&about_text), &part, 1, ephemeral, &raw, NULL));
    MUST(timekey_cover(&part.keys, SLOT, SLOT + 601, &keys));
    MUST(timekey_encode(&keys, &set));
    MUST(blob_append_be32(&payload, (uint32_t)about_text.len));
    MUST(blob_append(&payload, blob_bytes(&about_text)));
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

/* A statement whose JSON cannot be, properly signed; the box never comes into it. */
static void statement_case(json_t *cases, const char *name, const char *from, const char *to,
                           struct bytes good) {
    char text[2048];
    const char *at = memmem(good.data, good.len, from, strlen(from));
    AUTO(blob_clear) struct blob raw = {0};
    AUTO(blob_clear) struct blob envelope = {0};
    const uint8_t box[BOX_OVERHEAD_BYTES] = {0};
    if (!at) MUST(ERR_NOT_FOUND);
    size_t before = (size_t)((const uint8_t *)at - good.data), after = before + strlen(from);
    int n = snprintf(text, sizeof text, "%.*s%s%.*s", (int)before, (const char *)good.data, to,
                     (int)(good.len - after), (const char *)good.data + after);
    MUST(envelope_sign(&household, "cardea/1 grant", BYTES(text, (size_t)n), &envelope));
    MUST(blob_append(&raw, bytes_text("CRDG\x02")));
    MUST(blob_append_be32(&raw, (uint32_t)envelope.len));
    MUST(blob_append(&raw, blob_bytes(&envelope)));
    MUST(blob_append(&raw, BYTES_OF(box)));
    grant_case(cases, name, "invalid", SLOT + 2000, NULL, &grantee, blob_bytes(&raw));
}

static void statement_cases(json_t *cases, struct bytes member, struct bytes support) {
    struct bytes text =
        BYTES(member.data + 9 + ENVELOPE_OVERHEAD_BYTES, be32_get(member.data + 5) - ENVELOPE_OVERHEAD_BYTES);
    struct bytes other = BYTES(support.data + 9 + ENVELOPE_OVERHEAD_BYTES,
                               be32_get(support.data + 5) - ENVELOPE_OVERHEAD_BYTES);
    statement_case(cases, "a statement of version 1", "\"v\":2", "\"v\":1", text);
    statement_case(cases, "a role that is not known", "\"viewer\"", "\"landlord\"", text);
    statement_case(cases, "a member without a role", "\"role\":\"viewer\",", "", text);
    statement_case(cases, "a link with a role", "\"purpose\":\"member\"", "\"purpose\":\"link\"", text);
    statement_case(cases, "a purpose that is not known", "\"member\"", "\"police\"", text);
    statement_case(cases, "no views at all", "\"log\":", "\"views\":0,\"log\":", text);
    statement_case(cases, "too many views", "\"log\":", "\"views\":1000001,\"log\":", text);
    statement_case(cases, "no log", "\"log\":", "\"lag\":", text);
    statement_case(cases, "a field that is not known", "\"live\":", "\"audio\":true,\"live\":", text);
    statement_case(cases, "support without a ticket", "\"ticket\":\"T-1234\",", "", other);
    statement_case(cases, "support that may export", "\"export\":false", "\"export\":true", other);
    char witnesses[256];
    const char *begin = memmem(other.data, other.len, ",\"witnesses\"", 12);
    snprintf(witnesses, sizeof witnesses, "%.*s", (int)(strcspn(begin, "]") + 1), begin);
    statement_case(cases, "support without a witness", witnesses, "", other);
}

/* Not signed at all, and signed twice. */
static void signing_cases(json_t *cases, struct bytes raw) {
    size_t len = be32_get(raw.data + 5);
    struct bytes envelope = BYTES(raw.data + 9, len), box = BYTES(raw.data + 9 + len, raw.len - 9 - len);
    struct bytes text = BYTES(envelope.data + ENVELOPE_OVERHEAD_BYTES, len - ENVELOPE_OVERHEAD_BYTES);
    AUTO(blob_clear) struct blob twice = {0};
    MUST(envelope_sign(&household, "cardea/1 grant", envelope, &twice));
    const struct {
        const char *name;
        struct bytes statement;
    } of[] = {{"not signed", text}, {"signed twice", blob_bytes(&twice)}};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        AUTO(blob_clear) struct blob out = {0};
        MUST(blob_append(&out, bytes_text("CRDG\x02")));
        MUST(blob_append_be32(&out, (uint32_t)of[i].statement.len));
        MUST(blob_append(&out, of[i].statement));
        MUST(blob_append(&out, box));
        grant_case(cases, of[i].name, "invalid", SLOT + 2000, NULL, &grantee, blob_bytes(&out));
    }
}

static void make_about(void) {
    struct hub_certificate hub = {.added = {INT64_C(1700000000) * 1000000}};
    struct sign_key hub_key;
    struct box_key hub_box;
    char key[HUB_KEY_TEXT_BYTES];
    AUTO(blob_clear) struct blob payload = {0};
    about =
        (struct grant_about){.household = "Höme", .words = "the parcel ✓", .camera_count = 2, .hub_count = 1};
    make_bytes("camera", about.cameras[0].id, CAMERA_ID_BYTES);
    make_bytes("camera 2", about.cameras[1].id, CAMERA_ID_BYTES);
    make_bytes("actor", about.actor, sizeof about.actor);
    about.has_actor = true;
    memcpy(about.cameras[0].name, "porch", 6);
    memcpy(about.cameras[1].name, "porch", 6);
    memcpy(about.cameras[0].codec, "avc1.640028", 12);
    about.cameras[0].has_sub = about.cameras[1].is_sub = true;
    memcpy(about.cameras[0].sub, about.cameras[1].id, CAMERA_ID_BYTES);
    memcpy(about.cameras[1].main, about.cameras[0].id, CAMERA_ID_BYTES);
    make_sign_key("hub sign", &hub_key);
    make_box_key("hub box", &hub_box);
    memcpy(hub.sign, hub_key.public_key, sizeof hub.sign);
    memcpy(hub.box, hub_box.public_key, sizeof hub.box);
    make_bytes("hub writer", hub.writer, sizeof hub.writer);
    hub_id_of(hub.sign, hub.hub);
    memcpy(about.cameras[0].hub, hub.hub, HUB_ID_BYTES);
    memcpy(about.cameras[1].hub, hub.hub, HUB_ID_BYTES);
    hub_certificate_key(hub.hub, key);
    MUST(hub_certificate_encode(&hub, &payload));
    MUST(object_sign(&household, key, 1, blob_bytes(&payload), &about.envelopes[0]));
    MUST(grant_about_encode(&about, &about_text, NULL));
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
    make_about();
    struct grant_statement s = statement();
    AUTO(blob_clear) struct blob raw = {0};
    AUTO(blob_clear) struct blob link = {0};
    AUTO(blob_clear) struct blob support = {0};
    make_bytes("camera 2", s.cameras[1], CAMERA_ID_BYTES);
    s.camera_count = 2;
    MUST(grant_issue_with(&s, &household, blob_bytes(&about_text), &part, 1, ephemeral, &raw, NULL));
    good_case(cases, "a member's grant, of a camera with keys and one without", ephemeral, blob_bytes(&raw));
    s.purpose = GRANT_LINK;
    s.role = GRANT_ROLE_NONE;
    s.views = 3;
    s.may_export = true;
    MUST(grant_issue_with(&s, &household, (struct bytes){0}, &part, 1, ephemeral, &link, NULL));
    good_case(cases, "a link that opens three times", ephemeral, blob_bytes(&link));
    s.purpose = GRANT_SUPPORT;
    s.views = 0;
    s.may_export = s.live = false;
    s.witness_count = 2;
    make_bytes("witness", s.witnesses, 2 * SIGN_PUBLIC_BYTES);
    memcpy(s.ticket, "T-1234", 7);
    MUST(grant_issue_with(&s, &household, blob_bytes(&about_text), &part, 1, ephemeral, &support, NULL));
    good_case(cases, "a grant for support, with a ticket and witnesses", ephemeral, blob_bytes(&support));
    misuse_cases(cases, blob_bytes(&raw));
    forged_cases(cases, &raw, ephemeral);
    overreaching_case(cases, ephemeral);
    statement_cases(cases, blob_bytes(&raw), blob_bytes(&support));
    signing_cases(cases, blob_bytes(&raw));
    grant_about_clear(&about);
    blob_clear(&about_text);
    timekey_set_clear(&part.keys);
    make_file(folder, "grant.json",
              "Grants. Each case is read with the household's key, held against \"now\" and, if there is "
              "one, \"use\", "
              "and opened with \"grantee_secret\", in this order; the first error is the case's.",
              "docs/formats.md, \"Grant\"", cases);
}
