/* Grants as owners make and end them and as their holders open them: over HTTP, against the real daemon. */
#include <ftw.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "crypto/hash.h"
#include "format/certificate.h"
#include "tlog/cosignature.h"
#include "tlog/log_entry.h"
#include "tlog/log_proof.h"
#include "vault/grant_fixture.h"

static int forget_one(const char *path, const struct stat *info, int type, struct FTW *at) {
    return remove(path);
}

static void folder_forget(const char *path) {
    assert_int_equal(nftw(path, forget_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static uint32_t now_slot(void) {
    return wall_slot(wall_now());
}

static json_t *keys_json(const uint8_t sign[32], const uint8_t box[32], const uint8_t log_key[32]) {
    return json_pack("{s:o,s:o,s:o}", "sign", json_base64(BYTES(sign, 32)), "box",
                     json_base64(BYTES(box, 32)), "log_key", json_base64(BYTES(log_key, 32)));
}

/* A household tells its keys once. */
static void test_household_keys(void **state) {
    struct household h;
    AUTO(answer_clear) struct answer a = {0};
    uint8_t sign[32] = {1}, box[32] = {2}, log_key[32] = {3};
    household_make(&vault, &h);
    ASK(&vault, 404, NULL, "GET", "/v1/household", h.owner_auth);
    ASK(&vault, 403, NULL, "GET", "/v1/household", h.writer_auth);
    ASK(&vault, 204, NULL, "PUT", "/v1/household", h.owner_auth, .json = keys_json(sign, box, log_key));
    ASK(&vault, 204, NULL, "PUT", "/v1/household", h.owner_auth, .json = keys_json(sign, box, log_key));
    log_key[0] = 4;
    ASK(&vault, 409, &a, "PUT", "/v1/household", h.owner_auth, .json = keys_json(sign, box, log_key));
    assert_string_equal(answer_text(&a, "error"), "exists");
    ASK(&vault, 200, &a, "GET", "/v1/household", h.owner_auth);
    log_key[0] = 3;
    AUTO(json_release) json_t *expected = keys_json(sign, box, log_key);
    assert_true(json_equal(a.json, expected));
}

/* --- grants that are refused, each with its own words --- */

struct refused {
    const char *label;
    long status;
    const char *says;
    void (*spoil)(struct sharing *s, struct grant_statement *g, struct blob *raw);
};

static void spoil_expired(struct sharing *s, struct grant_statement *g, struct blob *raw) {
    g->expires = now_slot();
}
static void spoil_camera(struct sharing *s, struct grant_statement *g, struct blob *raw) {
    random_bytes(g->cameras[0], CAMERA_ID_BYTES);
}
static void spoil_clock(struct sharing *s, struct grant_statement *g, struct blob *raw) {
    g->time = now_slot() + GRANT_SKEW_SLOTS + 90; /* the test may take a minute */
}
static void spoil_log(struct sharing *s, struct grant_statement *g, struct blob *raw) {
    g->log[0] ^= 1;
}
static void spoil_issuer(struct sharing *s, struct grant_statement *g, struct blob *raw) {
    sign_key_generate(&s->sign);
}
static void spoil_support(struct sharing *s, struct grant_statement *g, struct blob *raw) {
    g->purpose = GRANT_SUPPORT;
    snprintf(g->ticket, sizeof g->ticket, "00112233445566778899aabbccddeeff");
    g->witness_count = 1;
}
/* What follows is done to the bytes. */
static void spoil_signature(struct sharing *s, struct grant_statement *g, struct blob *raw) {
    if (raw) raw->data[9 + 5 + 32 + 3] ^= 1;
}
static void spoil_statement(struct sharing *s, struct grant_statement *g, struct blob *raw) {
    if (raw) raw->data[9 + ENVELOPE_OVERHEAD_BYTES + 5] ^= 1;
}
static void replace_statement(struct blob *raw, struct bytes with) {
    AUTO(blob_clear) struct blob out = {0};
    struct bytes statement, box;
    assert_int_equal(grant_split(blob_bytes(raw), &statement, &box, NULL), ERR_OK);
    assert_int_equal(blob_append(&out, BYTES(raw->data, 5)), ERR_OK);
    assert_int_equal(blob_append_be32(&out, (uint32_t)with.len), ERR_OK);
    assert_int_equal(blob_append(&out, with), ERR_OK);
    assert_int_equal(blob_append(&out, box), ERR_OK);
    struct blob before = *raw;
    *raw = out;
    out = before;
}
static void spoil_unsigned(struct sharing *s, struct grant_statement *g, struct blob *raw) {
    struct bytes statement, box;
    if (!raw) return;
    assert_int_equal(grant_split(blob_bytes(raw), &statement, &box, NULL), ERR_OK);
    replace_statement(
        raw, BYTES(statement.data + ENVELOPE_OVERHEAD_BYTES, statement.len - ENVELOPE_OVERHEAD_BYTES));
}
static void spoil_twice(struct sharing *s, struct grant_statement *g, struct blob *raw) {
    AUTO(blob_clear) struct blob twice = {0};
    struct bytes statement, box;
    if (!raw) return;
    assert_int_equal(grant_split(blob_bytes(raw), &statement, &box, NULL), ERR_OK);
    assert_int_equal(envelope_sign(&s->sign, "cardea/1 grant", statement, &twice), ERR_OK);
    replace_statement(raw, blob_bytes(&twice));
}
static void spoil_size(struct sharing *s, struct grant_statement *g, struct blob *raw) {
    if (!raw) return;
    static const uint8_t zeros[4096];
    while (raw->len <= GRANT_MAX_BYTES) assert_int_equal(blob_append(raw, BYTES_OF(zeros)), ERR_OK);
    raw->len = GRANT_MAX_BYTES + 1;
}
static void spoil_magic(struct sharing *s, struct grant_statement *g, struct blob *raw) {
    if (raw) raw->data[0] = 'X';
}
static void spoil_cut(struct sharing *s, struct grant_statement *g, struct blob *raw) {
    if (raw) raw->len = 40;
}

static const struct refused refused[] = {
    {"expired", 403, "it expired at", spoil_expired},
    {"a camera that is not there", 400, "does not have", spoil_camera},
    {"a clock that is ahead", 400, "minutes ahead of the vault's clock", spoil_clock},
    {"another log", 400, "\"log\" is not the key", spoil_log},
    {"another household", 403, "another household", spoil_issuer},
    {"support without a desk", 501, "support desk", spoil_support},
    {"a signature that does not fit", 403, "signature", spoil_signature},
    {"an altered statement", 403, "signature", spoil_statement},
    {"unsigned", 400, "not signed", spoil_unsigned},
    {"signed twice", 400, "signed twice", spoil_twice},
    {"oversized", 409, "larger than", spoil_size},
    {"another magic", 400, "magic", spoil_magic},
    {"cut short", 400, "length cannot be", spoil_cut},
};

static void test_refused(void **state) {
    struct sharing s;
    struct grantee g;
    sharing_make(&vault, &s);
    grantee_make(&g);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        AUTO(answer_clear) struct answer a = {0};
        AUTO(blob_clear) struct blob raw = {0};
        struct sharing other = s;
        struct grant_statement statement = sharing_statement(&s, &g, 100, 200);
        refused[i].spoil(&other, &statement, NULL);
        sharing_issue(&other, &statement, &raw);
        refused[i].spoil(&other, &statement, &raw);
        print_message("# %s\n", refused[i].label);
        sharing_post(&vault, &s, blob_bytes(&raw), refused[i].status, &a);
        if (!strstr(answer_text(&a, "message"), refused[i].says))
            fail_msg("%s: %s", refused[i].label, answer_text(&a, "message"));
    }
    AUTO(answer_clear) struct answer list = {0};
    ASK(&vault, 200, &list, "GET", "/v1/grants", s.h.owner_auth);
    assert_int_equal(json_array_size(json_object_get(list.json, "grants")), 0); /* none of them was kept */
    log_wait(&vault, &s, "grant.create", 0);
    sharing_clear(&s);
}

/* At the limit it is taken, and the same id is taken once. */
static void test_largest(void **state) {
    struct sharing s;
    struct grantee g;
    AUTO(blob_clear) struct blob raw = {0}, note = {0};
    AUTO(answer_clear) struct answer a = {0};
    char path[128];
    sharing_make(&vault, &s);
    grantee_make(&g);
    struct grant_statement statement = sharing_statement(&s, &g, 100, 200);
    sharing_issue(&s, &statement, &raw);
    assert_int_equal(blob_reserve(&raw, GRANT_MAX_BYTES), ERR_OK);
    memset(raw.data + raw.len, 0, GRANT_MAX_BYTES - raw.len); /* a box that nobody opens */
    raw.len = GRANT_MAX_BYTES;
    assert_int_equal(blob_reserve(&note, 4097), ERR_OK);
    memset(note.data, 7, 4097);
    note.len = 4097;
    ASK(&vault, 400, NULL, "POST", "/v1/grants", s.h.owner_auth,
        .json = json_pack("{s:o,s:o}", "grant", json_base64(blob_bytes(&raw)), "note",
                          json_base64(blob_bytes(&note))));
    note.len = 4096;
    ASK(&vault, 201, NULL, "POST", "/v1/grants", s.h.owner_auth,
        .json = json_pack("{s:o,s:o}", "grant", json_base64(blob_bytes(&raw)), "note",
                          json_base64(blob_bytes(&note))));
    sharing_post(&vault, &s, blob_bytes(&raw), 409, &a);
    assert_string_equal(answer_text(&a, "error"), "exists");
    ASK(&vault, 200, &a, "GET", grant_path(statement.id, "", path), s.h.owner_auth);
    assert_int_equal(strlen(answer_text(&a, "grant")), (GRANT_MAX_BYTES * 4 + 2) / 3);
    sharing_clear(&s);
}

/* --- opening --- */

/* `opening`: what the entry says of which opening it is; NULL: of none. */
static void check_proof(const struct sharing *s, const struct answer *a, const uint64_t *opening) {
    AUTO(blob_clear) struct blob leaf = {0};
    uint8_t proof[65][HASH_BYTES];
    struct checkpoint checkpoint;
    struct log_entry entry;
    struct diag d = {0};
    size_t i;
    json_t *one, *list = json_object_get(a->json, "proof");
    const char *text = answer_text(a, "leaf"), *note = answer_text(a, "checkpoint");
    assert_int_equal(base64_decode(text, strlen(text), &leaf), ERR_OK);
    assert_true(json_array_size(list) <= 65);
    json_array_foreach(list, i, one) {
        AUTO(blob_clear) struct blob hash = {0};
        assert_int_equal(base64_decode(json_string_value(one), json_string_length(one), &hash), ERR_OK);
        assert_int_equal(hash.len, HASH_BYTES);
        memcpy(proof[i], hash.data, HASH_BYTES);
    }
    uint64_t index = (uint64_t)json_integer_value(json_object_get(a->json, "entry"));
    if (log_proof_check(s->log, note, strlen(note), index, blob_bytes(&leaf), proof, json_array_size(list),
                        NULL, 0, &checkpoint, &d))
        fail_msg("%s", d.text);
    assert_int_equal(log_entry_decode(blob_bytes(&leaf), &entry, &d), ERR_OK);
    assert_string_equal(entry.kind, "grant.use");
    uint64_t said = 0;
    assert_true(entry.tagged && entry.acted && !log_entry_by_staff(&entry));
    assert_int_equal(entry.fact_count, opening ? 1 : 0);
    if (opening) assert_true(log_entry_fact(&entry, LOG_OPENING_FACT, &said) && said == *opening);
}

static void test_opened(void **state) {
    struct sharing s;
    struct grantee g;
    AUTO(answer_clear) struct answer a = {0};
    AUTO(blob_clear) struct blob raw = {0}, given = {0};
    AUTO(grant_parts_clear) struct grant_parts parts = {0};
    struct grant_statement read;
    struct diag d = {0};
    char auth[128];
    sharing_make(&vault, &s);
    grantee_make(&g);
    const struct grant_statement statement = sharing_statement(&s, &g, 1000, 2000);
    sharing_issue(&s, &statement, &raw);
    sharing_post(&vault, &s, blob_bytes(&raw), 201, NULL);
    sharing_open(&vault, &g, statement.id, 200, auth, &a);
    const char *text = answer_text(&a, "grant");
    assert_int_equal(base64_decode(text, strlen(text), &given), ERR_OK);
    assert_true(bytes_equal(blob_bytes(&given), blob_bytes(&raw)));
    assert_int_equal(grant_open(blob_bytes(&given), s.sign.public_key, &g.box, &read, &parts, &d), ERR_OK);
    json_int_t lasts = json_integer_value(json_object_get(a.json, "expires_in_s"));
    assert_true(lasts > 3500 && lasts <= 3600);
    check_proof(&s, &a, NULL);
    ASK(&vault, 200, NULL, "GET", "/v1/cameras", auth);

    AUTO(answer_clear) struct answer list = {0};
    ASK(&vault, 200, &list, "GET", "/v1/grants", s.h.owner_auth);
    json_t *one = json_array_get(json_object_get(list.json, "grants"), 0);
    assert_int_equal(json_integer_value(json_object_get(one, "uses")), 1);
    assert_true(json_integer_value(json_object_get(one, "last_use")) > 0);
    assert_string_equal(json_string_value(json_object_get(one, "note")), "YSBub3Rl");
    AUTO(blob_clear) struct blob envelope = {0};
    text = json_string_value(json_object_get(one, "statement"));
    assert_int_equal(base64_decode(text, strlen(text), &envelope), ERR_OK);
    assert_int_equal(grant_statement_read(blob_bytes(&envelope), s.sign.public_key, &read, &d), ERR_OK);
    assert_memory_equal(read.id, statement.id, sizeof read.id);

    /* What was done is there for the household to read: who, and which seconds. */
    AUTO(json_release) json_t *log = log_of(&vault, &s);
    assert_int_equal(json_array_size(log), 2);
    json_t *made = json_array_get(log, 0), *use = json_array_get(log, 1);
    assert_string_equal(json_string_value(json_object_get(made, "kind")), "grant.create");
    assert_string_equal(json_string_value(json_object_get(use, "kind")), "grant.use");
    assert_true(json_equal(json_object_get(use, "index"), json_object_get(a.json, "entry")));
    assert_true(json_equal(json_object_get(made, "index"), json_object_get(one, "entry")));
    assert_int_equal(json_integer_value(json_object_get(use, "from")), 1000);
    assert_string_equal(json_string_value(json_object_get(use, "purpose")), "link");
    AUTO(json_release) json_t *key = json_base64(BYTES_OF(g.sign.public_key));
    assert_true(json_equal(json_object_get(use, "key"), key));
    uint8_t actor[LOG_ACTOR_BYTES];
    log_actor_private(s.log_key, g.sign.public_key, actor);
    AUTO(json_release) json_t *expected = json_hex(BYTES_OF(actor));
    assert_true(json_equal(json_object_get(use, "actor"), expected));
    sharing_clear(&s);
}

/* Who has not the key is told the same of a grant that is there and of one that is not. */
static void test_not_the_holder(void **state) {
    struct sharing s;
    struct grantee g, stranger;
    AUTO(answer_clear) struct answer wrong = {0}, unknown = {0}, a = {0};
    uint8_t nowhere[GRANT_ID_BYTES], signature[SIGNATURE_BYTES] = {0};
    char path[128];
    sharing_make(&vault, &s);
    grantee_make(&g);
    grantee_make(&stranger);
    random_bytes(nowhere, sizeof nowhere);
    const struct grant_statement statement = sharing_statement(&s, &g, 1000, 2000);
    sharing_give(&vault, &s, &statement);
    sharing_open(&vault, &stranger, statement.id, 403, NULL, &wrong);
    sharing_open(&vault, &stranger, nowhere, 403, NULL, &unknown);
    assert_true(bytes_equal(blob_bytes(&wrong.body), blob_bytes(&unknown.body)));
    /* A challenge is good once, and must be the vault's. */
    AUTO(blob_clear) struct blob challenge = {0};
    ASK(&vault, 200, &a, "GET", "/v1/access/challenge");
    char text[100];
    snprintf(text, sizeof text, "%s", answer_text(&a, "challenge"));
    assert_int_equal(base64_decode(text, strlen(text), &challenge), ERR_OK);
    assert_int_equal(grant_open_sign(&g.sign, blob_bytes(&challenge), statement.id, signature), ERR_OK);
    for (int i = 0; i < 2; i++)
        ASK(&vault, i == 0 ? 200 : 403, NULL, "POST", grant_path(statement.id, "/open", path),
            .json = json_pack("{s:s,s:o}", "challenge", text, "signature", json_base64(BYTES_OF(signature))));
    challenge.data[10] ^= 1;
    assert_int_equal(grant_open_sign(&g.sign, blob_bytes(&challenge), statement.id, signature), ERR_OK);
    ASK(&vault, 403, NULL, "POST", path,
        .json = json_pack("{s:o,s:o}", "challenge", json_base64(blob_bytes(&challenge)), "signature",
                          json_base64(BYTES_OF(signature))));
    sharing_clear(&s);
}

/* What whoever knows a link's id is told, without its key. */
static void ended_is(const uint8_t id[GRANT_ID_BYTES], bool expected) {
    AUTO(answer_clear) struct answer a = {0};
    char path[128];
    ASK(&vault, 200, &a, "GET", grant_path(id, "/ended", path));
    assert_int_equal(json_object_size(a.json), 1);
    assert_int_equal(json_is_true(json_object_get(a.json, "ended")), expected);
}

/* Its holder is told what ended it; whoever has the link, that it ended. */
static void test_not_now(void **state) {
    struct sharing s;
    struct grantee g;
    AUTO(answer_clear) struct answer a = {0};
    sharing_make(&vault, &s);
    grantee_make(&g);
    struct grant_statement later = sharing_statement(&s, &g, 1000, 2000);
    later.not_before = now_slot() + GRANT_SKEW_SLOTS + 90;
    sharing_give(&vault, &s, &later);
    sharing_open(&vault, &g, later.id, 403, NULL, &a);
    assert_non_null(strstr(answer_text(&a, "message"), "not valid before"));
    ended_is(later.id, false);

    struct grant_statement skewed = sharing_statement(&s, &g, 1000, 2000);
    skewed.not_before = now_slot() + GRANT_SKEW_SLOTS - 90; /* a clock that is ahead of ours */
    skewed.time = now_slot() + GRANT_SKEW_SLOTS;
    sharing_give(&vault, &s, &skewed);
    sharing_open(&vault, &g, skewed.id, 200, NULL, NULL);

    struct grant_statement twice = sharing_statement(&s, &g, 1000, 2000);
    twice.views = 2;
    sharing_give(&vault, &s, &twice);
    sharing_open(&vault, &g, twice.id, 200, NULL, NULL);
    ended_is(twice.id, false);
    sharing_open(&vault, &g, twice.id, 200, NULL, NULL);
    ended_is(twice.id, true);
    sharing_open(&vault, &g, twice.id, 403, NULL, &a);
    assert_non_null(strstr(answer_text(&a, "message"), "as often as it may be"));

    char auth[128], path[128];
    struct grant_statement brief = sharing_statement(&s, &g, 1000, 2000);
    brief.expires = now_slot() + 2;
    sharing_give(&vault, &s, &brief);
    sharing_open(&vault, &g, brief.id, 200, auth, &a);
    assert_true(json_integer_value(json_object_get(a.json, "expires_in_s")) <= 2);
    log_wait(&vault, &s, "grant.expire", 1); /* by then it is over */
    sharing_open(&vault, &g, brief.id, 403, NULL, &a);
    assert_non_null(strstr(answer_text(&a, "message"), "expired at"));
    ended_is(brief.id, true);
    ASK(&vault, 401, NULL, "GET", "/v1/cameras", auth);
    ASK(&vault, 204, NULL, "DELETE", grant_path(brief.id, "", path), s.h.owner_auth);
    sharing_open(&vault, &g, brief.id, 403, NULL, NULL);
    ended_is(brief.id, false); /* forgotten: as one that never was */
    sharing_clear(&s);
}

static void test_guessing_slows_down(void **state) {
    struct sharing s;
    struct grantee g, stranger;
    AUTO(answer_clear) struct answer a = {0};
    char text[200];
    sharing_make(&vault, &s);
    grantee_make(&g);
    grantee_make(&stranger);
    const struct grant_statement one = sharing_statement(&s, &g, 1000, 2000),
                                 two = sharing_statement(&s, &g, 1000, 2000);
    sharing_give(&vault, &s, &one);
    sharing_give(&vault, &s, &two);
    for (int i = 0; i < 10; i++) sharing_open(&vault, &stranger, one.id, 403, NULL, NULL);
    sharing_open(&vault, &stranger, one.id, 429, NULL, &a);
    int retry = (int)strtol(answer_header(&a, "Retry-After", text), NULL, 10);
    assert_true(retry > 0 && retry <= 30);
    sharing_open(&vault, &g, two.id, 200, NULL, NULL); /* other grants are not the slower for it */
    sharing_clear(&s);
}

/* Whoever holds a link does not fill the household's log with it. */
/* Each opening has an entry of its own, which says of which it is. */
static void test_bound(void **state) {
    struct sharing s;
    struct grantee g;
    uint8_t nonce[LOG_OPENING_NONCE_BYTES + 1] = {7};
    uint64_t first = 0, second = 0;
    AUTO(answer_clear) struct answer a = {0};
    sharing_make(&vault, &s);
    grantee_make(&g);
    const struct grant_statement statement = sharing_statement(&s, &g, 1000, 2000);
    sharing_give(&vault, &s, &statement);
    struct bytes whole = BYTES(nonce, LOG_OPENING_NONCE_BYTES);
    sharing_open_as(&vault, &g, statement.id, whole, &first, 200, NULL, &a);
    check_proof(&s, &a, &first);
    sharing_open_as(&vault, &g, statement.id, whole, &second, 200, NULL, &a);
    check_proof(&s, &a, &second);
    assert_true(first != second); /* another challenge */
    sharing_open_as(&vault, &g, statement.id, BYTES(nonce, LOG_OPENING_NONCE_BYTES - 1), &second, 400, NULL,
                    &a);
    sharing_open_as(&vault, &g, statement.id, BYTES_OF(nonce), &second, 400, NULL, &a);
    sharing_clear(&s);
}

static void test_opened_often(void **state) {
    struct sharing s;
    struct grantee g;
    AUTO(answer_clear) struct answer a = {0};
    char text[200];
    sharing_make(&vault, &s);
    grantee_make(&g);
    const struct grant_statement statement = sharing_statement(&s, &g, 1000, 2000);
    sharing_give(&vault, &s, &statement);
    for (int i = 0; i < 60; i++) sharing_open(&vault, &g, statement.id, 200, NULL, NULL);
    sharing_open(&vault, &g, statement.id, 429, NULL, &a);
    int retry = (int)strtol(answer_header(&a, "Retry-After", text), NULL, 10);
    assert_true(retry > 0 && retry <= 10);
    log_wait(&vault, &s, "grant.use", 60);
    sharing_clear(&s);
}

/* Who watches for longer than a token lasts opens the grant again, and has opened it once: the token shows
 * it. */
static void test_an_opening_goes_on(void **state) {
    struct sharing s;
    struct grantee g;
    AUTO(answer_clear) struct answer list = {0}, a = {0};
    char auth[128], other[128];
    sharing_make(&vault, &s);
    grantee_make(&g);
    struct grant_statement statement = sharing_statement(&s, &g, 1000, 2000);
    const struct grant_statement another = sharing_statement(&s, &g, 1000, 2000);
    statement.views = 1;
    sharing_give(&vault, &s, &statement);
    sharing_give(&vault, &s, &another);
    sharing_open(&vault, &g, another.id, 200, other, NULL);
    sharing_open(&vault, &g, statement.id, 200, auth, &a);
    json_int_t first = json_integer_value(json_object_get(a.json, "entry"));
    sharing_open(&vault, &g, statement.id, 403, NULL, NULL);
    sharing_open_again(&vault, &g, statement.id, other + 7, 403, NULL, NULL); /* of another grant */
    sharing_open_again(&vault, &g, statement.id, "AAAA", 403, NULL, NULL);
    for (int i = 0; i < 2; i++) {
        sharing_open_again(&vault, &g, statement.id, auth + 7, 200, auth, NULL);
        ASK(&vault, 200, NULL, "GET", "/v1/cameras", auth);
    }
    ASK(&vault, 200, &list, "GET", "/v1/grants", s.h.owner_auth);
    json_t *one = json_array_get(json_object_get(list.json, "grants"), 0);
    assert_int_equal(json_integer_value(json_object_get(one, "uses")), 1);
    AUTO(json_release) json_t *log = log_of(&vault, &s);
    json_t *third = json_array_get(log, json_array_size(log) - 1);
    json_t *second = json_array_get(log, json_array_size(log) - 2);
    assert_int_equal(json_integer_value(json_object_get(second, "renews")), first); /* each is in the log */
    assert_true(json_equal(json_object_get(third, "renews"), json_object_get(second, "index")));
    sharing_revoke(&vault, &s, statement.id, 200);
    sharing_open_again(&vault, &g, statement.id, auth + 7, 403, NULL, NULL);
    sharing_clear(&s);
}

/* --- a hub's cosignature --- */

struct witness {
    struct sharing *s;
    struct sign_key sign, writer;
    char auth[128];
    struct listener commands;
};

/* A hub of the household with a certificate, that is connected. */
static void witness_make(struct sharing *s, struct witness *w) {
    struct hub_certificate c = {.added = wall_now()};
    AUTO(blob_clear) struct blob payload = {0}, object = {0};
    char key[HUB_KEY_TEXT_BYTES], path[100];
    *w = (struct witness){.s = s};
    sign_key_generate(&w->sign);
    sign_key_generate(&w->writer);
    hub_id_of(w->sign.public_key, c.hub);
    memcpy(c.sign, w->sign.public_key, sizeof c.sign);
    memcpy(c.writer, w->writer.public_key, sizeof c.writer);
    hub_certificate_key(c.hub, key);
    assert_int_equal(hub_certificate_encode(&c, &payload), ERR_OK);
    assert_int_equal(object_sign(&s->sign, key, 1, blob_bytes(&payload), &object), ERR_OK);
    snprintf(path, sizeof path, "/v1/objects/%s", key);
    ASK(&vault, 204, NULL, "PUT", path, s->h.owner_auth, .body = blob_bytes(&object),
        .headers = {"If-Match: \"0\""});
    ASK(&vault, 201, NULL, "POST", "/v1/capabilities", s->h.owner_auth,
        .json = json_pack("{s:o,s:s,s:o}", "capability", json_base64(BYTES_OF(w->writer.public_key)), "role",
                          "writer", "hub", json_hex(BYTES_OF(c.hub))));
    access_get(&vault, &w->writer, w->auth, 200);
    listener_start(&w->commands, &vault, "/v1/hub/commands?instance=w", w->auth, false);
    assert_true(listener_wait(&w->commands, 6, NULL));
}

/* Signs each checkpoint that it is shown, until its stream ends. */
static void *witness_run(void *arg) {
    struct witness *w = arg;
    unsigned answered = 0;
    for (size_t n = 1;;) {
        AUTO(blob_clear) struct blob all = {0};
        if (!listener_wait(&w->commands, n, &all)) return NULL;
        n = all.len + 1;
        struct bytes at = blob_bytes(&all);
        struct message m;
        for (unsigned i = 0; message_read(&at, &m); i++) {
            if (m.type != 21 || i < answered) continue;
            answered = i + 1;
            AUTO(json_release) json_t *o = json_loadb((const char *)m.payload.data, m.payload.len, 0, NULL);
            const char *text = json_string_value(json_object_get(o, "checkpoint"));
            AUTO(blob_clear) struct blob line = {0};
            AUTO(answer_clear) struct answer a = {0};
            char name[COSIGNER_NAME_BYTES];
            cosigner_name(w->sign.public_key, name);
            if (cosignature_sign(bytes_text(text), name, &w->sign, now_slot(), &line)) return NULL;
            long long size = strtoll(strchr(text, '\n') + 1, NULL, 10);
            const struct ask q = {"POST", "/v1/log/cosignatures", w->auth,
                                  .json = json_pack("{s:I,s:o}", "size", (json_int_t)size, "cosignature",
                                                    json_stringn((const char *)line.data, line.len - 1))};
            ask(&vault, &q, &a); /* 409 when a later checkpoint was asked for meanwhile */
        }
    }
}

static void test_cosigned(void **state) {
    struct sharing s;
    struct grantee g;
    struct witness w;
    AUTO(answer_clear) struct answer a = {0};
    pthread_t thread;
    sharing_make(&vault, &s);
    grantee_make(&g);
    witness_make(&s, &w);
    struct grant_statement statement = sharing_statement(&s, &g, 1000, 2000);
    memcpy(statement.witnesses[statement.witness_count++], w.sign.public_key, SIGN_PUBLIC_BYTES);
    sharing_give(&vault, &s, &statement);
    assert_int_equal(pthread_create(&thread, NULL, witness_run, &w), 0);
    for (int i = 0; i < 5; i++) {
        struct steady_us before = steady_now();
        sharing_open(&vault, &g, statement.id, 200, NULL, &a);
        assert_true(steady_now().us - before.us < 4000000); /* nobody waited the whole time */
        const char *text = answer_text(&a, "checkpoint");
        const uint8_t(*key)[SIGN_PUBLIC_BYTES] = (const uint8_t(*)[SIGN_PUBLIC_BYTES]) & w.sign.public_key;
        assert_int_equal(cosignatures_count(bytes_text(text), key, 1), 1);
        check_proof(&s, &a, NULL);
    }
    char path[100] = "/v1/capabilities/";
    hex_encode(BYTES_OF(w.writer.public_key), path + strlen(path));
    ASK(&vault, 204, NULL, "DELETE", path, s.h.owner_auth); /* its stream ends, and so does the thread */
    pthread_join(thread, NULL);
    listener_stop(&w.commands);
    sharing_clear(&s);
}

struct opener {
    struct grantee *g;
    const uint8_t *grant;
};

static void *open_one(void *arg) {
    struct opener *o = arg;
    sharing_open(&vault, o->g, o->grant, 200, NULL, NULL);
    return NULL;
}

/* No hub answers: it is answered without, after a while, and nothing else waits for that. */
static void test_not_cosigned(void **state) {
    struct sharing s;
    struct grantee g;
    pthread_t threads[12];
    sharing_make(&vault, &s);
    grantee_make(&g);
    struct grant_statement statement = sharing_statement(&s, &g, 1000, 2000);
    random_bytes(statement.witnesses[statement.witness_count++], SIGN_PUBLIC_BYTES);
    sharing_give(&vault, &s, &statement);
    struct opener o = {&g, statement.id};
    struct steady_us before = steady_now();
    for (size_t i = 0; i < 12; i++) assert_int_equal(pthread_create(&threads[i], NULL, open_one, &o), 0);
    log_wait(&vault, &s, "grant.use", 12); /* all are under way, more than there are workers */
    ASK(&vault, 200, NULL, "GET", "/v1/grants", s.h.owner_auth);
    assert_true(steady_now().us - before.us < 4500000);
    for (size_t i = 0; i < 12; i++) pthread_join(threads[i], NULL);
    assert_true(steady_now().us - before.us > 4500000);
    sharing_clear(&s);
}

static void *open_refused(void *arg) {
    struct opener *o = arg;
    AUTO(answer_clear) struct answer a = {0};
    sharing_open(&vault, o->g, o->grant, 403, NULL, &a);
    assert_non_null(strstr(answer_text(&a, "message"), "revoked at"));
    return NULL;
}

/* What was revoked while a cosignature was waited for is not handed out after all. */
static void test_revoked_meanwhile(void **state) {
    struct sharing s;
    struct grantee g;
    pthread_t thread;
    sharing_make(&vault, &s);
    grantee_make(&g);
    struct grant_statement statement = sharing_statement(&s, &g, 1000, 2000);
    random_bytes(statement.witnesses[statement.witness_count++], SIGN_PUBLIC_BYTES);
    sharing_give(&vault, &s, &statement);
    struct opener o = {&g, statement.id};
    assert_int_equal(pthread_create(&thread, NULL, open_refused, &o), 0);
    log_wait(&vault, &s, "grant.use", 1); /* it is logged, and waits */
    sharing_revoke(&vault, &s, statement.id, 200);
    pthread_join(thread, NULL);
    sharing_clear(&s);
}

/* --- ending --- */

static void test_revoked(void **state) {
    struct sharing s, other;
    struct grantee g;
    AUTO(answer_clear) struct answer a = {0};
    AUTO(blob_clear) struct blob replayed = {0}, foreign = {0};
    char auth[128], path[128];
    sharing_make(&vault, &s);
    sharing_make(&vault, &other);
    grantee_make(&g);
    const struct grant_statement first = sharing_statement(&s, &g, 1000, 2000),
                                 second = sharing_statement(&s, &g, 1000, 2000);
    sharing_give(&vault, &s, &first);
    sharing_give(&vault, &s, &second);
    sharing_open(&vault, &g, first.id, 200, auth, NULL);
    ASK(&vault, 200, NULL, "GET", "/v1/cameras", auth);

    /* A revocation is of one grant, by the household. */
    assert_int_equal(grant_revocation_make(&s.sign, second.id, now_slot(), &replayed), ERR_OK);
    ASK(&vault, 403, &a, "POST", grant_path(first.id, "/revoke", path), s.h.owner_auth,
        .json = json_pack("{s:o}", "revocation", json_base64(blob_bytes(&replayed))));
    assert_non_null(strstr(answer_text(&a, "message"), "another grant's"));
    assert_int_equal(grant_revocation_make(&other.sign, first.id, now_slot(), &foreign), ERR_OK);
    ASK(&vault, 403, &a, "POST", path, s.h.owner_auth,
        .json = json_pack("{s:o}", "revocation", json_base64(blob_bytes(&foreign))));
    ASK(&vault, 404, NULL, "POST", path, other.h.owner_auth,
        .json = json_pack("{s:o}", "revocation", json_base64(blob_bytes(&foreign))));
    ASK(&vault, 403, NULL, "DELETE", grant_path(first.id, "", path), s.h.owner_auth); /* it has not ended */
    ASK(&vault, 200, NULL, "GET", "/v1/cameras", auth);

    sharing_revoke(&vault, &s, first.id, 200);
    ASK(&vault, 403, &a, "GET", "/v1/cameras", auth);
    assert_non_null(strstr(answer_text(&a, "message"), "revoked at"));
    sharing_open(&vault, &g, first.id, 403, NULL, &a);
    assert_non_null(strstr(answer_text(&a, "message"), "revoked at"));
    ended_is(first.id, true);
    ended_is(second.id, false);
    sharing_open(&vault, &g, second.id, 200, NULL, NULL);
    sharing_revoke(&vault, &s, first.id, 409);
    log_wait(&vault, &s, "grant.revoke", 1);
    ASK(&vault, 200, &a, "GET", grant_path(first.id, "", path), s.h.owner_auth);
    assert_true(json_integer_value(json_object_get(a.json, "revoked")) > 0);
    assert_true(strlen(answer_text(&a, "revocation")) > 100);
    ASK(&vault, 404, NULL, "GET", path, other.h.owner_auth);
    ASK(&vault, 404, NULL, "DELETE", path, other.h.owner_auth);
    ASK(&vault, 204, NULL, "DELETE", path, s.h.owner_auth);
    ASK(&vault, 404, NULL, "GET", path, s.h.owner_auth);
    ASK(&vault, 401, NULL, "GET", "/v1/cameras", auth);
    sharing_clear(&s);
    sharing_clear(&other);
}

/* A vault that was set up anew keeps another log: what was given before proves nothing there. */
static void test_another_log(void **state) {
    struct daemon d;
    struct sharing s;
    struct grantee g;
    AUTO(answer_clear) struct answer a = {0};
    char path[300];
    daemon_make(&d, true);
    daemon_start(&d);
    sharing_make(&d, &s);
    grantee_make(&g);
    const struct grant_statement statement = sharing_statement(&s, &g, 1000, 2000);
    sharing_give(&d, &s, &statement);
    sharing_open(&d, &g, statement.id, 200, NULL, NULL);
    daemon_stop(&d, SIGTERM);
    daemon_start(&d);
    sharing_open(&d, &g, statement.id, 200, NULL, NULL);
    daemon_stop(&d, SIGTERM);
    snprintf(path, sizeof path, "%s/index/log.key", d.folder);
    assert_int_equal(unlink(path), 0);
    snprintf(path, sizeof path, "%s/index/log", d.folder);
    folder_forget(path);
    daemon_start(&d);
    sharing_open(&d, &g, statement.id, 403, NULL, &a);
    assert_non_null(strstr(answer_text(&a, "message"), "another access log"));
    daemon_clean(&d);
    sharing_clear(&s);
}

/* While the log cannot be written nothing is given, opened or watched; but what is to end ends, and is logged
 * as soon as that goes again. */
static void test_nothing_unlogged(void **state) {
    struct daemon d;
    struct sharing s;
    struct grantee g;
    AUTO(blob_clear) struct blob raw = {0}, revocation = {0};
    AUTO(answer_clear) struct answer a = {0};
    char log[300], away[300], auth[128], live[100], path[128];
    daemon_make(&d, true);
    daemon_start(&d);
    sharing_make(&d, &s);
    grantee_make(&g);
    uint32_t now = now_slot();
    const struct grant_statement old = sharing_statement(&s, &g, now - 100, now + 1000),
                                 next = sharing_statement(&s, &g, now - 100, now + 1000);
    sharing_give(&d, &s, &old);
    sharing_open(&d, &g, old.id, 200, auth, NULL);
    snprintf(log, sizeof log, "%s/index/log", d.folder);
    snprintf(away, sizeof away, "%s/index/away", d.folder);
    snprintf(live, sizeof live, "/v1/live?cameras=%s", s.porch.hex);
    assert_int_equal(rename(log, away), 0);

    sharing_issue(&s, &next, &raw);
    sharing_post(&d, &s, blob_bytes(&raw), 500, NULL);
    ASK(&d, 200, &a, "GET", "/v1/grants", s.h.owner_auth);
    assert_int_equal(json_array_size(json_object_get(a.json, "grants")), 1);
    sharing_open(&d, &g, old.id, 500, NULL, &a);
    assert_null(json_object_get(a.json, "token"));
    assert_null(json_object_get(a.json, "grant"));
    ASK(&d, 500, NULL, "GET", live, auth);
    ASK(&d, 200, NULL, "GET", "/v1/cameras", auth); /* its use is in the log already */
    assert_int_equal(grant_revocation_make(&s.sign, old.id, now, &revocation), ERR_OK);
    ASK(&d, 500, NULL, "POST", grant_path(old.id, "/revoke", path), s.h.owner_auth,
        .json = json_pack("{s:o}", "revocation", json_base64(blob_bytes(&revocation))));
    ASK(&d, 403, NULL, "GET", "/v1/cameras", auth);

    assert_int_equal(rename(away, log), 0);
    log_wait(&d, &s, "grant.revoke", 1);
    sharing_post(&d, &s, blob_bytes(&raw), 201, NULL);
    sharing_open(&d, &g, next.id, 200, auth, NULL);
    daemon_clean(&d);
    sharing_clear(&s);
}

/* From outside. */
static void index_run(const struct daemon *d, const char *sql) {
    char path[300];
    sqlite3 *db = NULL;
    snprintf(path, sizeof path, "%s/index/index.db", d->folder);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) fail_msg("%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

/* The log has a grant before the index does. Where the index does not take it, it is not there, the log says
 * so, and the same grant can be made once it does. */
static void test_index_refuses(void **state) {
    struct daemon d;
    struct sharing s;
    struct grantee g;
    AUTO(blob_clear) struct blob raw = {0};
    AUTO(answer_clear) struct answer a = {0};
    char auth[128];
    daemon_make(&d, true);
    daemon_start(&d);
    sharing_make(&d, &s);
    grantee_make(&g);
    const struct grant_statement statement = sharing_statement(&s, &g, 1000, 2000);
    sharing_issue(&s, &statement, &raw);
    index_run(&d, "CREATE TRIGGER full BEFORE INSERT ON grants BEGIN INSERT INTO nowhere VALUES(1); END");
    sharing_post(&d, &s, blob_bytes(&raw), 500, NULL);
    log_wait(&d, &s, "grant.create", 1);
    log_wait(&d, &s, "grant.cancel", 1);
    ASK(&d, 200, &a, "GET", "/v1/grants", s.h.owner_auth);
    assert_int_equal(json_array_size(json_object_get(a.json, "grants")), 0);
    sharing_open(&d, &g, statement.id, 403, NULL, NULL);
    index_run(&d, "DROP TRIGGER full");
    sharing_post(&d, &s, blob_bytes(&raw), 201, NULL);
    log_wait(&d, &s, "grant.create", 2);
    sharing_open(&d, &g, statement.id, 200, auth, NULL);
    sharing_post(&d, &s, blob_bytes(&raw), 409, NULL);
    log_wait(&d, &s, "grant.create", 2);
    log_wait(&d, &s, "grant.cancel", 1);
    daemon_clean(&d);
    sharing_clear(&s);
}

/* --- issuing again --- */

static void put(const struct sharing *s, const struct grant_statement *statement, const uint8_t id[16],
                long status, const char *says) {
    AUTO(blob_clear) struct blob raw = {0};
    AUTO(answer_clear) struct answer a = {0};
    char path[128];
    sharing_issue(s, statement, &raw);
    ASK(&vault, status, &a, "PUT", grant_path(id, "", path), s->h.owner_auth,
        .json = json_pack("{s:o}", "grant", json_base64(blob_bytes(&raw))));
    if (says && !strstr(answer_text(&a, "message"), says)) fail_msg("%s", answer_text(&a, "message"));
}

static void test_issued_again(void **state) {
    struct sharing s;
    struct grantee g, another;
    sharing_make(&vault, &s);
    grantee_make(&g);
    grantee_make(&another);
    struct grant_statement old = sharing_statement(&s, &g, 1000, 2000);
    old.time -= 100;
    old.views = 5;
    old.live = false;
    sharing_give(&vault, &s, &old);
    struct grant_statement next = old;
    put(&s, &next, old.id, 403, "later");
    next.time++;
    put(&s, &next, old.id, 200, NULL);
    old = next;
    const struct {
        const char *label, *says;
        long status;
        int what;
    } cases[] = {
        {"earlier", "from, to", 403, 0},
        {"later", "from, to", 403, 1},
        {"longer", "expires", 403, 2},
        {"before", "not_before", 403, 3},
        {"live", "live", 403, 4},
        {"export", "export", 403, 5},
        {"more views", "views", 403, 6},
        {"any views", "views", 403, 7},
        {"a camera", "cameras", 403, 8},
        {"another grantee", "another grantee", 403, 9},
        {"another purpose", "purpose", 403, 10},
        {"another id", "another id", 400, 11},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        next = old;
        next.time += 1 + i;
        if (cases[i].what == 0) next.from--;
        if (cases[i].what == 1) next.to++;
        if (cases[i].what == 2) next.expires++;
        if (cases[i].what == 3) next.not_before--;
        if (cases[i].what == 4) next.live = true;
        if (cases[i].what == 5) next.may_export = true;
        if (cases[i].what == 6) next.views = 6;
        if (cases[i].what == 7) next.views = 0;
        if (cases[i].what == 8) memcpy(next.cameras[next.camera_count++], s.garden.id, CAMERA_ID_BYTES);
        if (cases[i].what == 9) memcpy(next.grantee_sign, another.sign.public_key, 32);
        if (cases[i].what == 10) next.purpose = GRANT_REQUEST;
        if (cases[i].what == 11) random_bytes(next.id, sizeof next.id);
        print_message("# %s\n", cases[i].label);
        put(&s, &next, old.id, cases[i].status, cases[i].says);
    }
    next = old;
    next.time += 50;
    next.from++, next.to--, next.expires--, next.views--;
    put(&s, &next, old.id, 200, NULL); /* narrower is no trouble */
    put(&s, &old, old.id, 403, "later");

    /* Members and viewers get cameras that are added; nobody else does (above). */
    for (int viewer = 0; viewer < 2; viewer++) {
        struct grant_statement member = sharing_statement(&s, &g, 1000, TIMEKEY_SLOT_END - 1);
        member.purpose = GRANT_MEMBER;
        member.role = viewer ? GRANT_ROLE_VIEWER : GRANT_ROLE_MEMBER;
        member.time -= 100;
        sharing_give(&vault, &s, &member);
        memcpy(member.cameras[member.camera_count++], s.garden.id, CAMERA_ID_BYTES);
        member.time++;
        put(&s, &member, member.id, 200, NULL);
        if (!viewer) {
            sharing_revoke(&vault, &s, member.id, 200);
            member.time++;
            put(&s, &member, member.id, 403, "revoked");
            ended_is(member.id, false); /* of links alone */
        }
    }
    uint8_t nowhere[16];
    random_bytes(nowhere, sizeof nowhere);
    put(&s, &next, nowhere, 404, NULL);
    sharing_clear(&s);
}

/* With a body where the method has one. */
static void refuse(const char *method, const char *path, const char *auth, long status) {
    bool body = method[0] == 'P';
    ASK(&vault, status, NULL, method, path, auth, .json = body ? json_object() : NULL);
}

/* Grants are an owner's, and their holders' tokens are for watching alone. */
static void test_who(void **state) {
    struct sharing s;
    struct grantee g;
    char auth[128], path[128], revoke[128];
    sharing_make(&vault, &s);
    grantee_make(&g);
    const struct grant_statement statement = sharing_statement(&s, &g, 1000, 2000);
    sharing_give(&vault, &s, &statement);
    sharing_open(&vault, &g, statement.id, 200, auth, NULL);
    grant_path(statement.id, "", path);
    grant_path(statement.id, "/revoke", revoke);
    const struct {
        const char *method, *path;
    } owners[] = {
        {"GET", "/v1/grants"},    {"POST", "/v1/grants"},  {"GET", path},           {"PUT", path},
        {"DELETE", path},         {"POST", revoke},        {"GET", "/v1/activity"}, {"GET", "/v1/household"},
        {"PUT", "/v1/household"}, {"GET", "/v1/log/mine"},
    };
    for (size_t i = 0; i < sizeof owners / sizeof *owners; i++) {
        refuse(owners[i].method, owners[i].path, s.h.writer_auth, 403);
        refuse(owners[i].method, owners[i].path, auth, 403);
        refuse(owners[i].method, owners[i].path, NULL, 401);
    }
    static const struct {
        const char *method, *path;
    } others[] = {
        {"GET", "/v1/objects"},
        {"GET", "/v1/objects/a"},
        {"PUT", "/v1/objects/a"},
        {"DELETE", "/v1/objects/a"},
        {"GET", "/v1/usage"},
        {"GET", "/v1/hubs"},
        {"POST", "/v1/capabilities"},
        {"DELETE", "/v1/recordings"},
        {"GET", "/v1/hub/commands"},
        {"POST", "/v1/events"},
        {"PUT", "/v1/cameras/00112233445566778899aabbccddeeff"},
        {"DELETE", "/v1/cameras/00112233445566778899aabbccddeeff"},
        {"HEAD", "/v1/reels/00112233445566778899aabbccddeeff"},
        {"POST", "/v1/hubs/00112233445566778899aabbccddeeff/commands"},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        refuse(others[i].method, others[i].path, auth, 403);
    ASK(&vault, 401, NULL, "GET", "/v1/keyring", auth);
    /* An altered token is none. */
    auth[strlen(auth) - 3] ^= 1;
    ASK(&vault, 401, NULL, "GET", "/v1/cameras", auth);
    sharing_clear(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_household_keys),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_largest),
        cmocka_unit_test(test_opened),
        cmocka_unit_test(test_not_the_holder),
        cmocka_unit_test(test_not_now),
        cmocka_unit_test(test_guessing_slows_down),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_opened_often),
        cmocka_unit_test(test_an_opening_goes_on),
        cmocka_unit_test(test_cosigned),
        cmocka_unit_test(test_not_cosigned),
        cmocka_unit_test(test_revoked_meanwhile),
        cmocka_unit_test(test_revoked),
        cmocka_unit_test(test_another_log),
        cmocka_unit_test(test_nothing_unlogged),
        cmocka_unit_test(test_index_refuses),
        cmocka_unit_test(test_issued_again),
        cmocka_unit_test(test_who),
    };
    return cmocka_run_group_tests(tests, vault_start, vault_stop);
}
