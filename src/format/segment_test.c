#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crypto/hash.h"
#include "format/mark.h"
#include "format/padme.h"
#include "format/segment_reader.h"
#include "format/segment_writer.h"

#define SLOT 1700000000u

static const uint8_t camera[CAMERA_ID_BYTES] = {0xca, 1};

struct made {
    struct timekey_set keys;
    struct sign_key hub;
    struct blob bytes;
    size_t ends[64]; /* where the header and each record end */
    size_t count;
};

static void made_clear(struct made *m) {
    timekey_set_clear(&m->keys);
    blob_clear(&m->bytes);
}

/* init, picture, then fragments over three seconds, of sizes that reach every padding. */
static void make_segment(struct made *m, uint32_t slot) {
    struct segment_writer *w = segment_writer_new(camera, &m->hub);
    assert_non_null(w);
    assert_int_equal(segment_writer_begin(w, &m->keys, 3, slot, &m->bytes), ERR_OK);
    m->ends[m->count++] = m->bytes.len;
    uint8_t data[4096];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)(i * 7);
    static const struct {
        enum record_kind kind;
        uint32_t second;
        size_t len;
    } records[] = {{RECORD_INIT, 0, 700},      {RECORD_PICTURE, 0, 1234}, {RECORD_FRAGMENT, 0, 4096},
                   {RECORD_FRAGMENT, 0, 0},    {RECORD_FRAGMENT, 1, 1},   {RECORD_FRAGMENT, 1, 33},
                   {RECORD_OBSERVATION, 1, 9}, {RECORD_FRAGMENT, 3, 257}};
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        assert_int_equal(segment_writer_record(w, &m->keys, records[i].kind, slot + records[i].second,
                                               BYTES(data, records[i].len), &m->bytes),
                         ERR_OK);
        m->ends[m->count++] = m->bytes.len;
    }
    const struct segment_totals totals = {5, 4, 3500000};
    assert_int_equal(segment_writer_end(w, &totals, &m->bytes), ERR_OK);
    segment_writer_free(w);
}

static void made_init(struct made *m) {
    *m = (struct made){0};
    assert_int_equal(timekey_generate(&m->keys), ERR_OK);
    sign_key_generate(&m->hub);
    make_segment(m, SLOT);
}

struct counted {
    unsigned records;
    uint32_t last_slot;
    bool marked;
};

static err count_record(void *context, enum record_kind kind, uint32_t slot, struct bytes data) {
    struct counted *c = context;
    c->records++;
    c->last_slot = slot;
    if (kind == RECORD_MARK) {
        struct mark m;
        struct diag d;
        assert_int_equal(mark_verify(data, &m, &d), ERR_OK);
        assert_int_equal(m.count, 7);
        assert_int_equal(m.slot, SLOT);
        c->marked = true;
    }
    return ERR_OK;
}

static void reader_release(struct segment_reader **r) {
    segment_reader_free(*r);
}

static void test_round_trip(void **state) {
    (void)state;
    AUTO(made_clear) struct made m;
    made_init(&m);
    AUTO(reader_release) struct segment_reader *r = segment_reader_new();
    struct counted c = {0};
    struct diag d = {0};
    assert_int_equal(segment_read(r, &m.keys, blob_bytes(&m.bytes), count_record, &c, &d), ERR_OK);
    assert_int_equal(c.records, 10);
    assert_int_equal(c.last_slot, SLOT + 3);
    assert_true(c.marked);
}

/* Whole records before the cut come out, and the answer is "cut short", wherever power failed. */
static void test_cut_at_every_byte(void **state) {
    (void)state;
    AUTO(made_clear) struct made m;
    made_init(&m);
    AUTO(reader_release) struct segment_reader *r = segment_reader_new();
    size_t whole = 0;
    for (size_t len = 0; len < m.bytes.len; len++) {
        while (whole < m.count && m.ends[whole] <= len) whole++;
        /* A copy of exactly that length, so that the address sanitizer sees a read past it. */
        AUTO(blob_clear) struct blob cut = {0};
        assert_int_equal(blob_append(&cut, BYTES(m.bytes.data, len)), ERR_OK);
        struct counted c = {0};
        struct diag d = {0};
        assert_int_equal(segment_read(r, &m.keys, blob_bytes(&cut), count_record, &c, &d), ERR_CUT_SHORT);
        assert_false(segment_reader_complete(r));
        unsigned expected = whole ? (unsigned)whole - 1 : 0;
        if (len >= m.ends[m.count - 1])
            assert_true(c.records == expected || c.records == expected + 1); /* the mark */
        else
            assert_int_equal(c.records, expected);
    }
}

/* No byte can change without the reader saying so before it hands out what the byte belongs to. */
static void test_every_byte_counts(void **state) {
    (void)state;
    AUTO(made_clear) struct made m;
    made_init(&m);
    AUTO(reader_release) struct segment_reader *r = segment_reader_new();
    for (size_t at = 0; at < m.bytes.len; at++) {
        unsigned before = 0;
        while (before < m.count && m.ends[before] <= at) before++;
        uint8_t was = m.bytes.data[at];
        m.bytes.data[at] ^= (uint8_t)(1u << at % 8);
        struct counted c = {0};
        struct diag d = {0};
        err e = segment_read(r, &m.keys, blob_bytes(&m.bytes), count_record, &c, &d);
        if (e != ERR_FORGED && e != ERR_INVALID && e != ERR_NOT_FOUND && e != ERR_CUT_SHORT)
            fail_msg("byte %zu: %s", at, err_text(e));
        unsigned most = before ? before - 1 : 0;
        if (before == m.count) most++; /* a change within the end record leaves the mark */
        if (c.records > most) fail_msg("byte %zu: %u records", at, c.records);
        assert_true(d.text[0]);
        m.bytes.data[at] = was;
    }
}

/* A grant of [begin, end) around and within a segment of four seconds: exactly its seconds open. */
static void test_every_neighbouring_second(void **state) {
    (void)state;
    static const unsigned records_by_end[] = {0, 4, 7, 7,
                                              10}; /* readable when the grant ends after 0..4 seconds */
    AUTO(made_clear) struct made m;
    made_init(&m);
    AUTO(reader_release) struct segment_reader *r = segment_reader_new();
    for (uint32_t begin = SLOT - 2; begin <= SLOT + 5; begin++) {
        for (uint32_t end = begin + 1; end <= SLOT + 6; end++) {
            AUTO(timekey_set_clear) struct timekey_set grant = {0};
            struct counted c = {0};
            struct diag d = {0};
            assert_int_equal(timekey_cover(&m.keys, begin, end, &grant), ERR_OK);
            err e = segment_read(r, &grant, blob_bytes(&m.bytes), count_record, &c, &d);
            bool starts = begin <= SLOT && end > SLOT;
            uint32_t seconds = end > SLOT ? end - SLOT : 0;
            assert_int_equal(c.records, !starts ? 0 : records_by_end[seconds < 4 ? seconds : 4]);
            assert_int_equal(e, starts && seconds >= 4 ? ERR_OK : ERR_NOT_FOUND);
        }
    }
}

/* The hub's half, with keys that go forward under it as the seconds pass: it finishes what it began and can
 * open nothing of it. */
static void test_writer_keeps_up_with_forgetting(void **state) {
    (void)state;
    AUTO(timekey_set_clear) struct timekey_set root = {0};
    AUTO(timekey_set_clear) struct timekey_set hub_keys = {0};
    AUTO(reader_release) struct segment_reader *r = segment_reader_new();
    AUTO(blob_clear) struct blob out = {0};
    struct sign_key hub;
    struct diag d = {0};
    sign_key_generate(&hub);
    assert_int_equal(timekey_generate(&root), ERR_OK);
    assert_int_equal(timekey_cover(&root, SLOT, TIMEKEY_SLOT_END, &hub_keys), ERR_OK);
    struct segment_writer *w = segment_writer_new(camera, &hub);
    assert_int_equal(segment_writer_begin(w, &hub_keys, 1, SLOT, &out), ERR_OK);
    for (uint32_t i = 0; i < 4; i++) {
        enum record_kind kind = i ? RECORD_FRAGMENT : RECORD_INIT;
        assert_int_equal(timekey_forward(&hub_keys, SLOT + i), ERR_OK);
        assert_int_equal(segment_writer_record(w, &hub_keys, kind, SLOT + i, bytes_text("frame"), &out),
                         ERR_OK);
    }
    assert_int_equal(timekey_forward(&hub_keys, SLOT + 60), ERR_OK); /* the camera went silent */
    size_t before = out.len;
    assert_int_equal(segment_writer_record(w, &hub_keys, RECORD_FRAGMENT, SLOT + 5, bytes_text("late"), &out),
                     ERR_NOT_FOUND);
    assert_int_equal(out.len, before);
    const struct segment_totals totals = {3, 3, 4000000};
    assert_int_equal(segment_writer_end(w, &totals, &out), ERR_OK);
    segment_writer_free(w);
    assert_int_equal(segment_reader_begin(r, &hub_keys, &(struct segment_header){.slot = SLOT}, &d),
                     ERR_NOT_FOUND);
    struct segment_header header;
    assert_int_equal(segment_header_decode(blob_bytes(&out), &header, &d), ERR_OK);
    assert_int_equal(segment_reader_begin(r, &root, &header, &d), ERR_OK);
    size_t at = SEGMENT_HEADER_BYTES;
    uint8_t second = 0;
    for (unsigned i = 0; i < 6; i++) {
        struct record_frame frame;
        struct bytes data;
        assert_int_equal(record_frame_read(BYTES(out.data + at, out.len - at), second, &frame, &d), ERR_OK);
        assert_int_equal(segment_reader_record(r, &frame, &data, &d), ERR_OK);
        second = frame.second;
        at += frame.bytes;
    }
    assert_true(segment_reader_complete(r));
    assert_int_equal(second, 3);
}

static void test_writer_limits(void **state) {
    (void)state;
    AUTO(timekey_set_clear) struct timekey_set root = {0};
    AUTO(blob_clear) struct blob out = {0};
    AUTO(blob_clear) struct blob large = {0};
    struct sign_key hub;
    sign_key_generate(&hub);
    assert_int_equal(timekey_generate(&root), ERR_OK);
    struct segment_writer *w = segment_writer_new(camera, &hub);
    struct bytes few = bytes_text("data");
    const struct segment_totals totals = {0};
    assert_int_equal(segment_writer_record(w, &root, RECORD_INIT, SLOT, few, &out), ERR_INVALID);
    assert_int_equal(segment_writer_end(w, &totals, &out), ERR_INVALID);
    assert_int_equal(segment_writer_begin(w, &root, 1, SLOT, &out), ERR_OK);
    assert_int_equal(segment_writer_end(w, &totals, &out), ERR_INVALID);
    assert_int_equal(segment_writer_record(w, &root, RECORD_FRAGMENT, SLOT, few, &out), ERR_INVALID);
    assert_int_equal(segment_writer_record(w, &root, RECORD_INIT, SLOT - 1, few, &out), ERR_INVALID);
    assert_int_equal(segment_writer_record(w, &root, RECORD_MARK, SLOT, few, &out), ERR_INVALID);
    assert_int_equal(segment_writer_record(w, &root, RECORD_INIT, SLOT, few, &out), ERR_OK);
    assert_int_equal(segment_writer_record(w, &root, RECORD_INIT, SLOT, few, &out), ERR_INVALID);
    size_t most = SEGMENT_RECORD_MAX_BYTES;
    while (padded_size(most) > SEGMENT_RECORD_MAX_BYTES - 2 - COMMITMENT_BYTES - 16) most--;
    assert_int_equal(blob_reserve(&large, most + 1), ERR_OK);
    memset(large.data, 5, most + 1);
    assert_int_equal(
        segment_writer_record(w, &root, RECORD_FRAGMENT, SLOT, BYTES(large.data, most + 1), &out), ERR_LIMIT);
    assert_int_equal(segment_writer_record(w, &root, RECORD_FRAGMENT, SLOT, BYTES(large.data, most), &out),
                     ERR_OK);
    assert_int_equal(segment_writer_record(w, &root, RECORD_FRAGMENT, SLOT + SEGMENT_SECONDS_MAX, few, &out),
                     ERR_LIMIT);
    assert_int_equal(
        segment_writer_record(w, &root, RECORD_FRAGMENT, SLOT + SEGMENT_SECONDS_MAX - 1, few, &out), ERR_OK);
    assert_int_equal(segment_writer_record(w, &root, RECORD_FRAGMENT, SLOT, few, &out), ERR_INVALID);
    assert_int_equal(segment_writer_end(w, &totals, &out), ERR_OK);
    assert_int_equal(segment_writer_end(w, &totals, &out), ERR_INVALID);
    segment_writer_free(w);
}

static void test_marks_make_a_chain(void **state) {
    (void)state;
    AUTO(made_clear) struct made m = {0};
    assert_int_equal(timekey_generate(&m.keys), ERR_OK);
    sign_key_generate(&m.hub);
    struct segment_writer *w = segment_writer_new(camera, &m.hub);
    AUTO(reader_release) struct segment_reader *r = segment_reader_new();
    uint8_t previous[MARK_HASH_BYTES] = {0};
    for (unsigned i = 0; i < 3; i++) {
        AUTO(blob_clear) struct blob out = {0};
        const struct segment_totals totals = {0};
        struct diag d = {0};
        assert_int_equal(segment_writer_begin(w, &m.keys, 1, SLOT + i, &out), ERR_OK);
        assert_int_equal(segment_writer_record(w, &m.keys, RECORD_INIT, SLOT + i, bytes_text("init"), &out),
                         ERR_OK);
        if (i == 1) { /* a segment that the camera tore apart is no part of the chain */
            segment_writer_abandon(w);
            continue;
        }
        assert_int_equal(segment_writer_end(w, &totals, &out), ERR_OK);
        struct segment_header header;
        assert_int_equal(segment_header_decode(blob_bytes(&out), &header, &d), ERR_OK);
        assert_int_equal(segment_reader_begin(r, &m.keys, &header, &d), ERR_OK);
        struct record_frame frame;
        struct bytes data;
        struct mark mark;
        size_t at = SEGMENT_HEADER_BYTES;
        for (unsigned k = 0; k < 2; k++) {
            assert_int_equal(record_frame_read(BYTES(out.data + at, out.len - at), 0, &frame, &d), ERR_OK);
            assert_int_equal(segment_reader_record(r, &frame, &data, &d), ERR_OK);
            at += frame.bytes;
        }
        assert_int_equal(mark_verify(data, &mark, &d), ERR_OK);
        assert_memory_equal(mark.previous, previous, sizeof previous);
        assert_memory_equal(mark.hub, m.hub.public_key, SIGN_PUBLIC_BYTES);
        uint8_t hash[MARK_HASH_BYTES];
        mark_hash(RECORD_INIT, bytes_text("init"), hash);
        assert_int_equal(mark.count, 1);
        assert_memory_equal(mark.hashes, hash, sizeof hash);
        hash_sha256(data, previous);
    }
    segment_writer_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_every_byte_counts),
        cmocka_unit_test(test_every_neighbouring_second),
        cmocka_unit_test(test_writer_keeps_up_with_forgetting),
        cmocka_unit_test(test_writer_limits),
        cmocka_unit_test(test_marks_make_a_chain),
    };
    return cmocka_run_group_tests_name("segment", tests, NULL, NULL);
}
