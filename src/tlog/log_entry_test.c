#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tlog/cosignature.h"
#include "tlog/log_entry.h"
#include "tlog/log_proof.h"

static struct log_entry full_entry(void) {
    struct log_entry e = {.version = 2,
                          .time = {1700000000000000},
                          .kind = "grant.use",
                          .tagged = true,
                          .acted = true,
                          .fact_count = 3,
                          .facts = {{"minutes", 5}, {"live", 1}, {"cameras", 24}},
                          .details = bytes_text("sealed")};
    memset(e.tag, 0x11, sizeof e.tag);
    memset(e.actor, 0x22, sizeof e.actor);
    return e;
}

static void test_an_entry_comes_back(void **state) {
    (void)state;
    struct log_entry e = full_entry(), back;
    AUTO(blob_clear) struct blob raw = {0};
    AUTO(blob_clear) struct blob again = {0};
    struct diag d = {0};
    uint64_t value = 0;
    assert_int_equal(log_entry_encode(&e, &raw), ERR_OK);
    if (log_entry_decode(blob_bytes(&raw), &back, &d)) fail_msg("%s", d.text);
    assert_string_equal(back.kind, "grant.use");
    assert_int_equal(back.time.us, e.time.us);
    assert_true(back.tagged && back.acted);
    assert_memory_equal(back.tag, e.tag, sizeof e.tag);
    assert_string_equal(back.facts[0].name, "live"); /* shorter keys stand first */
    assert_true(log_entry_fact(&back, "cameras", &value));
    assert_int_equal(value, 24);
    assert_false(log_entry_fact(&back, "ticket", &value));
    assert_int_equal(log_entry_encode(&back, &again), ERR_OK);
    assert_true(bytes_equal(blob_bytes(&raw), blob_bytes(&again)));
    for (size_t i = 0; i < raw.len; i++) /* whatever reads is written again byte for byte */
        for (unsigned bit = 0; bit < 8; bit++) {
            raw.data[i] ^= (uint8_t)(1u << bit);
            again.len = 0;
            if (log_entry_decode(blob_bytes(&raw), &back, &d) == ERR_OK) {
                assert_int_equal(log_entry_encode(&back, &again), ERR_OK);
                assert_true(bytes_equal(blob_bytes(&raw), blob_bytes(&again)));
            }
            raw.data[i] ^= (uint8_t)(1u << bit);
        }
    for (size_t i = 0; i < raw.len; i++)
        assert_int_not_equal(log_entry_decode(BYTES(raw.data, i), &back, &d), ERR_OK);
}

static void test_limits_of_entries(void **state) {
    (void)state;
    struct log_entry e = full_entry(), back;
    AUTO(blob_clear) struct blob raw = {0};
    AUTO(blob_clear) struct blob details = {0};
    struct diag d;
    static const uint8_t zeros[LOG_DETAILS_MAX_BYTES + 1];
    assert_int_equal(blob_append(&details, BYTES_OF(zeros)), ERR_OK);
    e.details = BYTES(details.data, LOG_DETAILS_MAX_BYTES);
    assert_int_equal(log_entry_encode(&e, &raw), ERR_OK);
    assert_int_equal(log_entry_decode(blob_bytes(&raw), &back, &d), ERR_OK);
    e.details = blob_bytes(&details);
    assert_int_equal(log_entry_encode(&e, &raw), ERR_LIMIT);
    e = full_entry();
    e.fact_count = LOG_FACTS_MAX;
    for (size_t i = 0; i < LOG_FACTS_MAX; i++) snprintf(e.facts[i].name, 8, "fact%c", (char)('a' + i));
    raw.len = 0;
    assert_int_equal(log_entry_encode(&e, &raw), ERR_OK);
    e.fact_count = LOG_FACTS_MAX + 1;
    assert_int_equal(log_entry_encode(&e, &raw), ERR_LIMIT);
    e = full_entry();
    memset(e.kind, 'a', LOG_KIND_MAX_BYTES);
    assert_int_equal(log_entry_encode(&e, &raw), ERR_OK);
    struct log_entry wrong = full_entry();
    snprintf(wrong.kind, sizeof wrong.kind, "Grant");
    assert_int_equal(log_entry_encode(&wrong, &raw), ERR_INVALID);
    wrong = full_entry();
    snprintf(wrong.facts[1].name, sizeof wrong.facts[1].name, "minutes");
    assert_int_equal(log_entry_encode(&wrong, &raw), ERR_INVALID);
    wrong = full_entry();
    wrong.time.us = -1;
    assert_int_equal(log_entry_encode(&wrong, &raw), ERR_INVALID);
}

/* As a vault before this version wrote its starts. */
static void test_entries_of_version_1_are_read(void **state) {
    (void)state;
    static const uint8_t old[] = {0x85, 0x01, 0x1b, 0,   0x06, 0x0a, 0x24, 0x18, 0x1e, 0x40, 0,   0x79,
                                  0,    9,    'a',  'd', 'm',  'i',  'n',  '.',  'a',  'c',  't', 0xf6,
                                  0x79, 0,    7,    'r', 'e',  's',  't',  'o',  'r',  'e'};
    struct log_entry e;
    struct diag d = {0};
    if (log_entry_decode(BYTES_OF(old), &e, &d)) fail_msg("%s", d.text);
    assert_int_equal(e.version, 1);
    assert_string_equal(e.kind, "admin.act");
    assert_true(bytes_equal(e.details, bytes_text("restore")));
    assert_int_equal(log_entry_decode(BYTES(old, sizeof old - 1), &e, &d), ERR_INVALID);
}

/* golang.org/x/mod/sumdb/note: the examples of its documentation. */
static void test_a_note_of_another_implementation(void **state) {
    (void)state;
    static const char text[] = "If you think cryptography is the answer to your problem,\n"
                               "then you don't know what your problem is.\n"
                               "\n"
                               "\xe2\x80\x94 PeterNeumann "
                               "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpR"
                               "Zb6KE6RyyBwJnAM=\n";
    static const char key[] = "ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    uint8_t raw[64], id[NOTE_KEY_ID_BYTES];
    size_t len;
    struct note note;
    struct note_signature s;
    struct diag d;
    assert_true(note_unbase64(bytes_text(key), raw, sizeof raw, &len));
    assert_int_equal(len, 1 + SIGN_PUBLIC_BYTES);
    assert_int_equal(raw[0], NOTE_ED25519);
    assert_int_equal(note_key_id("PeterNeumann", NOTE_ED25519, raw + 1, id), ERR_OK);
    assert_int_equal(be32_get(id), 0xc74f20a3);
    assert_int_equal(note_split(bytes_text(text), &note, &d), ERR_OK);
    assert_int_equal(note_next(&note.lines, &s), ERR_OK);
    assert_true(note_signed_by(&s, "PeterNeumann", id, SIGNATURE_BYTES));
    assert_int_equal(verify_raw(raw + 1, note.body, s.raw + NOTE_KEY_ID_BYTES), ERR_OK);
    assert_int_equal(note_next(&note.lines, &s), ERR_NOT_FOUND);
}

/* Keys of type 4 and a cosignature's time, as transparency-dev/formats (note_cosigv1_test.go) publishes them.
 */
static void test_witnesses_of_other_implementations(void **state) {
    (void)state;
    static const char remora[] = "BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
                      line[] =
                          "\xe2\x80\x94 witness.example "
                          "ZGhGuQAAAABm/qTPeyKXD+R2rzyQsxPiP8mXum7qq/iF0u4vanlqJyocWODBt97w9uL+8qT7S5gxEHWW"
                          "OworDcFiEBYJXORmnFBOBA==\n";
    uint8_t raw[64], id[NOTE_KEY_ID_BYTES];
    size_t len;
    struct bytes lines = bytes_text(line);
    struct note_signature s;
    assert_true(note_unbase64(bytes_text(remora), raw, sizeof raw, &len));
    assert_int_equal(len, 1 + SIGN_PUBLIC_BYTES);
    assert_int_equal(raw[0], NOTE_COSIGNATURE_ED25519);
    assert_int_equal(note_key_id("remora.n621.de", NOTE_COSIGNATURE_ED25519, raw + 1, id), ERR_OK);
    assert_int_equal(be32_get(id), 0xda77ade7);
    assert_int_equal(note_next(&lines, &s), ERR_OK);
    assert_int_equal(s.len, NOTE_KEY_ID_BYTES + COSIGNATURE_BYTES);
    assert_int_equal(be64_get(s.raw + NOTE_KEY_ID_BYTES), 1727964367);
}

/* The example of c2sp.org/tlog-cosignature: read, though its keys are not published. */
static void test_the_example_of_the_specification(void **state) {
    (void)state;
    static const char text[] =
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
        "\xe2\x80\x94 example.com/behind-the-sofa "
        "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeM"
        "cTOAYQ8=\n"
        "\xe2\x80\x94 witness.example.com/w1 "
        "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0"
        "xUe+mbIUBkBIfZ+qnA==\n";
    struct checkpoint c;
    struct note note;
    struct note_signature s;
    struct diag d;
    assert_int_equal(checkpoint_parse(bytes_text(text), &c, &note, &d), ERR_OK);
    assert_string_equal(c.origin, "example.com/behind-the-sofa");
    assert_int_equal(c.size, 20852163);
    assert_int_equal(note_next(&note.lines, &s), ERR_OK);
    assert_int_equal(s.len, NOTE_KEY_ID_BYTES + SIGNATURE_BYTES);
    assert_int_equal(note_next(&note.lines, &s), ERR_OK);
    assert_int_equal(be64_get(s.raw + NOTE_KEY_ID_BYTES), 1679315147);
    assert_int_equal(note_next(&note.lines, &s), ERR_NOT_FOUND);
}

/* The text ends with the last empty line; a checkpoint's has none within. */
static void test_empty_lines(void **state) {
    (void)state;
    struct note note;
    struct checkpoint c;
    struct diag d;
    assert_int_equal(note_split(bytes_text("a\n\nb\n\n\xe2\x80\x94 k AAAAAA==\n"), &note, &d), ERR_OK);
    assert_true(bytes_equal(note.body, bytes_text("a\n\nb\n")));
    assert_int_equal(note_split(bytes_text("a\nb\n"), &note, &d), ERR_INVALID);
    static const char odd[] =
        "o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\nmore\n\n\xe2\x80\x94 o AAAAAA==\n";
    assert_int_equal(checkpoint_parse(bytes_text(odd), &c, &note, &d), ERR_INVALID);
}

struct scene {
    struct sign_key log, hub, other;
    struct checkpoint checkpoint;
    struct blob text, leaf;
    uint8_t proof[2][HASH_BYTES];
};

static int scene_make(void **state) {
    struct scene *s = calloc(1, sizeof *s);
    uint8_t leaf[HASH_BYTES], left[HASH_BYTES];
    if (!s) return -1;
    sign_key_generate(&s->log);
    sign_key_generate(&s->hub);
    sign_key_generate(&s->other);
    struct log_entry e = full_entry();
    err failed = log_entry_encode(&e, &s->leaf);
    if (!failed) failed = tlog_leaf_hash(blob_bytes(&s->leaf), leaf);
    memset(s->proof, 7, sizeof s->proof); /* entry 1 of three */
    tlog_node_hash(s->proof[0], leaf, left);
    tlog_node_hash(left, s->proof[1], s->checkpoint.root);
    s->checkpoint.size = 3;
    snprintf(s->checkpoint.origin, sizeof s->checkpoint.origin, "log.example.org");
    if (!failed) failed = checkpoint_sign(&s->checkpoint, &s->log, &s->text);
    *state = s;
    return failed ? -1 : 0;
}

static int scene_clear(void **state) {
    struct scene *s = *state;
    blob_clear(&s->text);
    blob_clear(&s->leaf);
    free(s);
    return 0;
}

static err prove(struct scene *s, uint64_t index, const uint8_t (*witnesses)[SIGN_PUBLIC_BYTES], size_t count,
                 struct diag *d) {
    struct checkpoint out;
    return log_proof_check(s->log.public_key, (const char *)s->text.data, s->text.len, index,
                           blob_bytes(&s->leaf), (const uint8_t(*)[HASH_BYTES])s->proof, 2, witnesses, count,
                           &out, d);
}

static void test_cosignatures(void **state) {
    struct scene *s = *state;
    char name[COSIGNER_NAME_BYTES];
    struct diag d = {0};
    struct checkpoint back;
    uint64_t seen = 0;
    cosigner_name(s->hub.public_key, name);
    assert_int_equal(cosignature_verify(blob_bytes(&s->text), name, s->hub.public_key, &seen, &d),
                     ERR_NOT_FOUND);
    assert_int_equal(cosignature_sign(blob_bytes(&s->text), name, &s->hub, 1700000000, &s->text), ERR_OK);
    assert_int_equal(cosignature_verify(blob_bytes(&s->text), name, s->hub.public_key, &seen, &d), ERR_OK);
    assert_int_equal(seen, 1700000000);
    assert_int_equal(checkpoint_verify(blob_bytes(&s->text), NULL, s->log.public_key, &back, &d), ERR_OK);
    assert_int_equal(cosignature_verify(blob_bytes(&s->text), name, s->other.public_key, &seen, &d),
                     ERR_NOT_FOUND);
    /* Another root under the same cosignature. */
    struct checkpoint lie = s->checkpoint;
    AUTO(blob_clear) struct blob forged = {0};
    struct note note;
    lie.root[0] ^= 1;
    assert_int_equal(checkpoint_sign(&lie, &s->log, &forged), ERR_OK);
    assert_int_equal(note_split(blob_bytes(&s->text), &note, &d), ERR_OK);
    const uint8_t *line = memchr(note.lines.data, '\n', note.lines.len);
    assert_int_equal(
        blob_append(&forged, BYTES(line + 1, note.lines.len - (size_t)(line + 1 - note.lines.data))), ERR_OK);
    assert_int_equal(cosignature_verify(blob_bytes(&forged), name, s->hub.public_key, &seen, &d), ERR_FORGED);
}

static void test_proofs(void **state) {
    struct scene *s = *state;
    uint8_t witnesses[LOG_WITNESSES_MAX + 1][SIGN_PUBLIC_BYTES] = {{0}};
    char name[COSIGNER_NAME_BYTES];
    struct diag d = {0};
    memcpy(witnesses[1], s->hub.public_key, SIGN_PUBLIC_BYTES);
    const uint8_t(*list)[SIGN_PUBLIC_BYTES] = (const uint8_t(*)[SIGN_PUBLIC_BYTES])witnesses;
    if (prove(s, 1, NULL, 0, &d)) fail_msg("%s", d.text);
    assert_int_equal(prove(s, 0, NULL, 0, &d), ERR_FORGED);
    assert_int_equal(prove(s, 2, NULL, 0, &d), ERR_INVALID);
    assert_int_equal(prove(s, 3, NULL, 0, &d), ERR_FORGED);
    assert_non_null(strstr(d.text, "is not in the log"));
    assert_int_equal(prove(s, 1, list, 2, &d), ERR_NOT_FOUND);
    assert_non_null(strstr(d.text, "witnessed"));
    cosigner_name(s->hub.public_key, name);
    assert_int_equal(cosignature_sign(blob_bytes(&s->text), name, &s->hub, 1700000000, &s->text), ERR_OK);
    if (prove(s, 1, list, LOG_WITNESSES_MAX, &d)) fail_msg("%s", d.text);
    assert_int_equal(prove(s, 1, list, LOG_WITNESSES_MAX + 1, &d), ERR_INVALID);
    assert_int_equal(prove(s, 1, list, 1, &d), ERR_NOT_FOUND); /* only another was asked for */
    s->leaf.data[s->leaf.len - 1] ^= 1;
    assert_int_equal(prove(s, 1, NULL, 0, &d), ERR_FORGED);
    s->leaf.data[s->leaf.len - 1] ^= 1;
    s->log = s->other;
    assert_int_equal(prove(s, 1, NULL, 0, &d), ERR_FORGED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_entry_comes_back),
        cmocka_unit_test(test_limits_of_entries),
        cmocka_unit_test(test_entries_of_version_1_are_read),
        cmocka_unit_test(test_a_note_of_another_implementation),
        cmocka_unit_test(test_witnesses_of_other_implementations),
        cmocka_unit_test(test_the_example_of_the_specification),
        cmocka_unit_test(test_empty_lines),
        cmocka_unit_test_setup_teardown(test_cosignatures, scene_make, scene_clear),
        cmocka_unit_test_setup_teardown(test_proofs, scene_make, scene_clear),
    };
    return cmocka_run_group_tests_name("log entry", tests, NULL, NULL);
}
