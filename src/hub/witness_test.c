/* A hub witnesses a log that grows, and tells each lie from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/folder_fixture.h"
#include "hub/witness.h"
#include "tlog/checkpoint.h"
#include "tlog/cosignature.h"
#include "tlog/log_clock.h"
#include "tlog/log_entry.h"

#define LEAVES 40
#define NOW ((struct wall_us){1700000000000000})

struct scene {
    char folder[64];
    struct sign_key log, hub, other;
    uint8_t leaves[LEAVES][HASH_BYTES];
    struct witness *w;
    struct wall_us now;
    bool last;           /* the last entry is sent too, */
    struct wall_us time; /* of this time, */
    bool last_wrong;     /* or another one that is not there */
};

static void open_witness(struct scene *s) {
    struct diag d = {0};
    if (witness_open(s->folder, &s->hub, &s->w, &d)) fail_msg("%s", d.text);
}

static int setup(void **state) {
    struct scene *s = calloc(1, sizeof *s);
    snprintf(s->folder, sizeof s->folder, "/tmp/cardea-witness-XXXXXX");
    if (!mkdtemp(s->folder)) return -1;
    s->now = NOW;
    sign_key_generate(&s->log);
    sign_key_generate(&s->hub);
    sign_key_generate(&s->other);
    for (size_t i = 0; i < LEAVES; i++) memset(s->leaves[i], (int)i, HASH_BYTES);
    open_witness(s);
    *state = s;
    return 0;
}

static int teardown(void **state) {
    struct scene *s = *state;
    witness_free(s->w);
    folder_fixture_remove(s->folder);
    free(s);
    return 0;
}

static err subtree(void *context, unsigned height, uint64_t index, uint8_t out[HASH_BYTES]) {
    const struct scene *s = context;
    struct tlog_tree t = {0};
    for (uint64_t i = index << height; i < (index + 1) << height; i++)
        if (tlog_tree_append(&t, s->leaves[i], NULL, NULL)) return ERR_INVALID;
    tlog_tree_root(&t, out);
    return ERR_OK;
}

static void checkpoint_of(struct scene *s, uint64_t size, const struct sign_key *key, struct blob *text) {
    struct tlog_tree t = {0};
    struct checkpoint c = {.origin = "log.example.org", .size = size};
    for (uint64_t i = 0; i < size; i++)
        assert_int_equal(tlog_tree_append(&t, s->leaves[i], NULL, NULL), ERR_OK);
    tlog_tree_root(&t, c.root);
    text->len = 0;
    assert_int_equal(checkpoint_sign(&c, key, text), ERR_OK);
}

/* The last entry of a log of `size`, which is put into its place. */
static json_t *last_of(struct scene *s, uint64_t size) {
    struct log_entry entry = {.time = s->time, .kind = "grant.use", .details = bytes_text("sealed")};
    AUTO(blob_clear) struct blob raw = {0};
    uint8_t proof[TLOG_PROOF_MAX + 1][HASH_BYTES];
    size_t count = 0;
    json_t *list = json_array();
    assert_int_equal(log_entry_encode(&entry, &raw), ERR_OK);
    assert_int_equal(tlog_leaf_hash(blob_bytes(&raw), s->leaves[size - 1]), ERR_OK);
    if (s->last_wrong) s->leaves[size - 1][0] ^= 1;
    assert_int_equal(tlog_prove_inclusion(size - 1, size, subtree, s, proof, &count), ERR_OK);
    for (size_t i = 0; i < count; i++) json_array_append_new(list, json_base64(BYTES(proof[i], HASH_BYTES)));
    return json_pack("{s:o,s:o}", "entry", json_base64(blob_bytes(&raw)), "proof", list);
}

/* What the vault sends; the answer's size, 0 when it said nothing. `signed_by` is by whom the text is signed.
 */
static int64_t show(struct scene *s, uint64_t old, uint64_t size, const struct sign_key *signed_by,
                    const uint8_t *log_key, struct witness_answer *a) {
    AUTO(blob_clear) struct blob text = {0};
    uint8_t proof[TLOG_PROOF_MAX + 1][HASH_BYTES];
    size_t count = 0;
    struct diag d = {0};
    json_t *list = json_array(), *last = s->last ? last_of(s, size) : NULL;
    checkpoint_of(s, size, signed_by, &text);
    if (old && old < size)
        assert_int_equal(tlog_prove_consistency(old, size, subtree, s, proof, &count), ERR_OK);
    for (size_t i = 0; i < count; i++) json_array_append_new(list, json_base64(BYTES(proof[i], HASH_BYTES)));
    AUTO(json_release)
    json_t *o =
        json_pack("{s:I,s:o,s:s#,s:o,s:o*}", "old", (json_int_t)old, "log", json_base64(BYTES(log_key, 32)),
                  "checkpoint", (const char *)text.data, (int)text.len, "proof", list, "last", last);
    char *json = json_dumps(o, 0);
    *a = (struct witness_answer){0};
    err e = witness_take(s->w, bytes_text(json), s->now, a, &d);
    free(json);
    if (e) return -(int64_t)e;
    if (a->body.len == 0) return 0;
    AUTO(json_release) json_t *said = NULL;
    assert_int_equal(json_parse(blob_bytes(&a->body), &said, &d), ERR_OK);
    const char *line = json_string_value(json_object_get(said, "cosignature"));
    int64_t answered = json_integer_value(json_object_get(said, "size"));
    if (!line) return answered + 1000; /* it asks */
    char name[COSIGNER_NAME_BYTES];
    cosigner_name(s->hub.public_key, name);
    assert_int_equal(blob_append(&text, bytes_text(line)), ERR_OK);
    assert_int_equal(blob_append_u8(&text, '\n'), ERR_OK);
    assert_int_equal(cosignature_verify(blob_bytes(&text), name, s->hub.public_key, NULL, &d), ERR_OK);
    return answered;
}

static int64_t show_plain(struct scene *s, uint64_t old, uint64_t size) {
    AUTO(witness_answer_clear) struct witness_answer a;
    int64_t answered = show(s, old, size, &s->log, s->log.public_key, &a);
    assert_string_equal(a.alarm, "");
    return answered;
}

/* Nothing is signed, and the owner hears of it, the first time. */
static void assert_alarm(struct scene *s, uint64_t old, uint64_t size, const uint8_t *log_key,
                         const char *word) {
    AUTO(witness_answer_clear) struct witness_answer a = {0};
    AUTO(witness_answer_clear) struct witness_answer again = {0};
    const struct sign_key *key = memcmp(log_key, s->log.public_key, 32) == 0 ? &s->log : &s->other;
    assert_int_equal(show(s, old, size, key, log_key, &a), 0);
    if (!strstr(a.alarm, word)) fail_msg("\"%s\" says nothing of %s", a.alarm, word);
    assert_int_equal(show(s, old, size, key, log_key, &again), 0);
    assert_string_equal(again.alarm, "");
}

static int64_t described(struct scene *s, const char *field) {
    AUTO(json_release) json_t *o = witness_describe(s->w);
    return json_integer_value(json_object_get(o, field));
}

static void test_a_log_that_grows(void **state) {
    struct scene *s = *state;
    assert_int_equal(described(s, "size"), 0);
    assert_int_equal(show_plain(s, 0, 3), 3);
    assert_int_equal(show_plain(s, 3, 3), 3); /* again: the same */
    assert_int_equal(show_plain(s, 3, 20), 20);
    assert_int_equal(show_plain(s, 0, 30), 1020); /* the vault has forgotten: it is told */
    assert_int_equal(show_plain(s, 3, 30), 1020);
    assert_int_equal(show_plain(s, 20, 30), 30);
    witness_free(s->w);
    open_witness(s);
    assert_int_equal(described(s, "size"), 30);
    assert_int_equal(show_plain(s, 30, 31), 31);
    assert_int_equal(described(s, "evidence"), 0);
}

static void test_a_log_that_shrank(void **state) {
    struct scene *s = *state;
    assert_int_equal(show_plain(s, 0, 20), 20);
    assert_alarm(s, 0, 19, s->log.public_key, "shrunk");
    assert_int_equal(described(s, "size"), 20);
    assert_int_equal(described(s, "evidence"), 1);
    assert_int_equal(show_plain(s, 20, 21), 21); /* what continues is signed still */
}

static void test_a_log_that_forked(void **state) {
    struct scene *s = *state;
    assert_int_equal(show_plain(s, 0, 20), 20);
    s->leaves[7][0] ^= 1; /* another past */
    assert_alarm(s, 20, 25, s->log.public_key, "changed");
    assert_alarm(s, 20, 20, s->log.public_key, "changed");
    assert_int_equal(described(s, "evidence"), 2);
    assert_int_equal(described(s, "size"), 20);
    witness_free(s->w); /* and after a start */
    open_witness(s);
    assert_int_equal(show_plain(s, 20, 25), 0);
}

static void test_a_vault_that_never_proves(void **state) {
    struct scene *s = *state;
    assert_int_equal(show_plain(s, 0, 20), 20);
    s->leaves[7][0] ^= 1;
    for (unsigned i = 0; i < WITNESS_UNPROVEN_MAX; i++) assert_int_equal(show_plain(s, 10, 25), 1020);
    AUTO(witness_answer_clear) struct witness_answer a;
    assert_int_equal(show(s, 10, 25, &s->log, s->log.public_key, &a), 0);
    assert_non_null(strstr(a.alarm, "does not prove"));
}

static void test_another_key(void **state) {
    struct scene *s = *state;
    assert_int_equal(show_plain(s, 0, 5), 5);
    assert_alarm(s, 5, 9, s->other.public_key, "key");
    AUTO(witness_answer_clear) struct witness_answer a;
    assert_int_equal(show(s, 5, 9, &s->other, s->log.public_key, &a), -ERR_FORGED); /* nobody's signature */
    assert_string_equal(a.alarm, "");
    assert_int_equal(described(s, "size"), 5);
}

/* An alarm with that word, and no cosignature. */
static void assert_time_alarm(struct scene *s, uint64_t old, uint64_t size, int64_t us, const char *word) {
    AUTO(witness_answer_clear) struct witness_answer a = {0};
    s->time.us = us;
    assert_int_equal(show(s, old, size, &s->log, s->log.public_key, &a), 0);
    if (!strstr(a.alarm, word)) fail_msg("\"%s\" says nothing of %s", a.alarm, word);
}

static void test_times(void **state) {
    struct scene *s = *state;
    const int64_t off = LOG_CLOCK_OFF_S * INT64_C(1000000);
    s->last = true;
    s->time.us = NOW.us;
    assert_int_equal(show_plain(s, 0, 5), 5);
    assert_time_alarm(s, 5, 6, NOW.us - off - 1, "goes back");
    s->time.us = NOW.us - off;
    assert_int_equal(show_plain(s, 5, 7), 7);
    assert_time_alarm(s, 7, 8, NOW.us - off - 1, "goes back"); /* small steps do not add up */
    assert_time_alarm(s, 7, 9, NOW.us + off + 1, "ahead");
    s->time.us = NOW.us + off;
    assert_int_equal(show_plain(s, 7, 10), 10);
    witness_free(s->w); /* and after a start */
    open_witness(s);
    assert_time_alarm(s, 10, 11, NOW.us - 1, "goes back");
    s->now.us = 0; /* the hub's own clock has lost its time: it was later once */
    s->time.us = NOW.us + 1;
    assert_int_equal(show_plain(s, 10, 12), 12);
    assert_int_equal(described(s, "size"), 12);
}

static void test_a_vault_that_stops_to_show_its_last_entry(void **state) {
    struct scene *s = *state;
    assert_int_equal(show_plain(s, 0, 3), 3); /* an older vault */
    s->last = true;
    s->time = NOW;
    assert_int_equal(show_plain(s, 3, 5), 5);
    s->last = false;
    for (unsigned i = 0; i < WITNESS_UNPROVEN_MAX; i++) assert_int_equal(show_plain(s, 5, 9), 1005);
    AUTO(witness_answer_clear) struct witness_answer a;
    assert_int_equal(show(s, 5, 9, &s->log, s->log.public_key, &a), 0);
    assert_non_null(strstr(a.alarm, "does not prove"));
}

static void test_a_last_entry_that_is_not_the_logs(void **state) {
    struct scene *s = *state;
    AUTO(witness_answer_clear) struct witness_answer a;
    s->last = s->last_wrong = true;
    s->time = NOW;
    assert_int_equal(show(s, 0, 5, &s->log, s->log.public_key, &a), -ERR_INVALID);
    assert_int_equal(described(s, "size"), 0);
}

/* What an earlier program remembered. */
static void test_version_1(void **state) {
    struct scene *s = *state;
    char path[PATH_TEXT_BYTES];
    struct diag d = {0};
    AUTO(blob_clear) struct blob raw = {0}, old = {0};
    assert_int_equal(show_plain(s, 0, 5), 5);
    assert_int_equal(path_join(path, s->folder, "witness"), ERR_OK);
    assert_int_equal(file_read(path, 4096, &raw, &d), ERR_OK);
    assert_int_equal(blob_append(&old, BYTES(raw.data, 45)), ERR_OK);
    assert_int_equal(blob_append(&old, BYTES(raw.data + 53, raw.len - 53)), ERR_OK);
    old.data[4] = 1;
    assert_int_equal(file_replace(path, blob_bytes(&old), 0600, &d), ERR_OK);
    witness_free(s->w);
    open_witness(s);
    assert_int_equal(show_plain(s, 5, 9), 9);
}

static void test_messages_that_are_none(void **state) {
    struct scene *s = *state;
    static const char *const bad[] = {
        "",
        "{}",
        "{\"old\":-1,\"log\":\"\",\"checkpoint\":\"x\",\"proof\":[]}",
        "{\"old\":0,\"log\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"checkpoint\":\"x\",\"proof\":["
        "1]}",
        "{\"old\":0,\"log\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"checkpoint\":\"x\",\"proof\":[]"
        ",\"a\":1}",
        "{\"old\":0,\"log\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"checkpoint\":\"x\",\"proof\":[]"
        ",\"last\":{\"entry\":\"AA\",\"proof\":[]}}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct diag d = {0};
        AUTO(witness_answer_clear) struct witness_answer a = {0};
        assert_int_equal(witness_take(s->w, bytes_text(bad[i]), NOW, &a, &d), ERR_INVALID);
    }
}

static void test_a_damaged_memory_is_said(void **state) {
    struct scene *s = *state;
    char path[PATH_TEXT_BYTES];
    struct diag d = {0};
    AUTO(blob_clear) struct blob raw = {0};
    assert_int_equal(show_plain(s, 0, 5), 5);
    assert_int_equal(path_join(path, s->folder, "witness"), ERR_OK);
    assert_int_equal(file_read(path, 4096, &raw, &d), ERR_OK);
    raw.data[60] ^= 1;
    assert_int_equal(file_replace(path, blob_bytes(&raw), 0600, &d), ERR_OK);
    struct witness *other;
    assert_int_equal(witness_open(s->folder, &s->hub, &other, &d), ERR_INVALID);
    assert_non_null(strstr(d.text, "damaged"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_log_that_grows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_log_that_shrank, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_log_that_forked, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_vault_that_never_proves, setup, teardown),
        cmocka_unit_test_setup_teardown(test_another_key, setup, teardown),
        cmocka_unit_test_setup_teardown(test_times, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_vault_that_stops_to_show_its_last_entry, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_last_entry_that_is_not_the_logs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_version_1, setup, teardown),
        cmocka_unit_test_setup_teardown(test_messages_that_are_none, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_damaged_memory_is_said, setup, teardown),
    };
    return cmocka_run_group_tests_name("hub witness", tests, NULL, NULL);
}
