#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "format/segment_writer.h"

#define SLOT 1700000000u

static const uint8_t camera[CAMERA_ID_BYTES] = {0xca, 2};

/* `slots` apart, `count` segments of an init, a picture in every second one, and two fragments. */
static void make_reel(unsigned count, uint32_t slots, struct blob *out) {
    AUTO(timekey_set_clear) struct timekey_set keys = {0};
    struct sign_key hub;
    const struct segment_totals totals = {2, 2, 1000000};
    uint8_t data[100] = {1, 2, 3};
    sign_key_generate(&hub);
    assert_int_equal(timekey_generate(&keys), ERR_OK);
    struct segment_writer *w = segment_writer_new(camera, &hub);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t slot = SLOT + i * slots;
        assert_int_equal(segment_writer_begin(w, &keys, 7, slot, out), ERR_OK);
        assert_int_equal(segment_writer_record(w, &keys, RECORD_INIT, slot, BYTES(data, 50), out), ERR_OK);
        if (i % 2)
            assert_int_equal(segment_writer_record(w, &keys, RECORD_PICTURE, slot, BYTES(data, 90), out),
                             ERR_OK);
        assert_int_equal(segment_writer_record(w, &keys, RECORD_FRAGMENT, slot, BYTES(data, 100), out),
                         ERR_OK);
        assert_int_equal(segment_writer_record(w, &keys, RECORD_FRAGMENT, slot + 1, BYTES(data, 80), out),
                         ERR_OK);
        assert_int_equal(segment_writer_end(w, &totals, out), ERR_OK);
    }
    segment_writer_free(w);
}

struct seen {
    uint64_t at;
    unsigned headers, records;
};

/* What is passed must be without a gap. */
static void boundary(void *context, enum reel_boundary what, uint64_t begin, uint64_t end,
                     const struct record_frame *frame) {
    struct seen *s = context;
    assert_int_equal(begin, s->at);
    assert_true(end > begin);
    assert_int_equal(frame != NULL, what == REEL_AT_RECORD);
    if (frame) {
        assert_int_equal(frame->bytes, end - begin);
        assert_null(frame->sealed.data);
        s->records++;
    } else {
        s->headers++;
    }
    s->at = end;
}

static struct reel_scanner *scan(struct bytes raw, size_t step, struct seen *seen) {
    struct reel_scanner *s = reel_scanner_new(camera, 7);
    struct diag d = {0};
    for (size_t at = 0; at < raw.len; at += step) {
        size_t n = raw.len - at < step ? raw.len - at : step;
        if (reel_scanner_feed(s, BYTES(raw.data + at, n), boundary, seen, &d)) fail_msg("%s", d.text);
    }
    return s;
}

static void test_any_pieces_give_the_same_table(void **state) {
    (void)state;
    AUTO(blob_clear) struct blob raw = {0};
    make_reel(5, 2, &raw);
    struct seen at_once = {0};
    struct reel_scanner *whole = scan(blob_bytes(&raw), raw.len, &at_once);
    const struct reel_entry *expected = NULL, *got = NULL;
    assert_int_equal(reel_scanner_entries(whole, &expected), 5);
    assert_int_equal(at_once.headers, 5);
    assert_int_equal(at_once.records, 5 * 5 + 2);
    assert_int_equal(expected[1].flags, REEL_ENTRY_PICTURE);
    assert_int_equal(expected[0].seconds, 2);
    static const size_t steps[] = {1, 2, 3, 5, 7, 77, 78, 79, 100, 1000};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct seen seen = {0};
        struct reel_scanner *s = scan(blob_bytes(&raw), steps[i], &seen);
        assert_int_equal(reel_scanner_entries(s, &got), 5);
        for (unsigned k = 0; k < 5; k++) {
            uint8_t a[REEL_ENTRY_BYTES], b[REEL_ENTRY_BYTES];
            reel_entry_encode(&got[k], a);
            reel_entry_encode(&expected[k], b);
            assert_memory_equal(a, b, sizeof a);
        }
        assert_memory_equal(&seen, &at_once, sizeof seen);
        assert_int_equal(reel_scanner_whole_bytes(s), raw.len);
        reel_scanner_free(s);
    }
    reel_scanner_free(whole);
}

static void test_cut_at_every_byte(void **state) {
    (void)state;
    AUTO(blob_clear) struct blob raw = {0};
    make_reel(3, 1, &raw);
    struct seen all = {0};
    struct reel_scanner *whole = scan(blob_bytes(&raw), raw.len, &all);
    const struct reel_entry *expected = NULL, *got = NULL;
    reel_scanner_entries(whole, &expected);
    for (size_t len = 0; len <= raw.len; len++) {
        AUTO(blob_clear) struct blob cut = {0};
        struct seen seen = {0};
        assert_int_equal(blob_append(&cut, BYTES(raw.data, len)), ERR_OK);
        struct reel_scanner *s = scan(blob_bytes(&cut), len ? len : 1, &seen);
        unsigned complete = 0;
        while (complete < 3 && expected[complete].offset + expected[complete].length <= len) complete++;
        assert_int_equal(reel_scanner_entries(s, &got), complete);
        uint64_t whole_bytes = complete ? expected[complete - 1].offset + expected[complete - 1].length : 0;
        assert_int_equal(reel_scanner_whole_bytes(s), whole_bytes);
        assert_int_equal(reel_scanner_record_bytes(s), seen.at);
        reel_scanner_finish(s);
        size_t count = reel_scanner_entries(s, &got);
        assert_true(count == complete || count == complete + 1);
        if (count > complete) {
            assert_int_equal(got[complete].flags & REEL_ENTRY_CUT_SHORT, REEL_ENTRY_CUT_SHORT);
            assert_int_equal(got[complete].offset + got[complete].length, seen.at);
            assert_true(got[complete].head_length < got[complete].length ||
                        got[complete].flags & REEL_ENTRY_PICTURE);
            uint8_t entry[REEL_ENTRY_BYTES];
            struct reel_entry back;
            reel_entry_encode(&got[complete], entry);
            assert_int_equal(reel_entry_decode(entry, &back), ERR_OK);
        }
        struct diag d = {0};
        assert_int_equal(reel_scanner_feed(s, bytes_text("x"), NULL, NULL, &d), ERR_INVALID);
        reel_scanner_free(s);
    }
    reel_scanner_free(whole);
}

static err feed_all(const uint8_t id[CAMERA_ID_BYTES], uint32_t epoch, struct bytes raw, struct diag *d) {
    struct reel_scanner *s = reel_scanner_new(id, epoch);
    err e = reel_scanner_feed(s, raw, NULL, NULL, d);
    reel_scanner_free(s);
    return e;
}

static void test_limits(void **state) {
    (void)state;
    struct diag d = {0};
    AUTO(blob_clear) struct blob sixty = {0};
    AUTO(blob_clear) struct blob past = {0};
    make_reel(2, REEL_MAX_SLOTS - 1, &sixty);
    make_reel(2, REEL_MAX_SLOTS, &past);
    assert_int_equal(feed_all(camera, 7, blob_bytes(&sixty), &d), ERR_OK);
    assert_int_equal(feed_all(camera, 7, blob_bytes(&past), &d), ERR_LIMIT);
    assert_int_equal(feed_all(camera, 8, blob_bytes(&sixty), &d), ERR_INVALID);
    const uint8_t other[CAMERA_ID_BYTES] = {0};
    assert_int_equal(feed_all(other, 7, blob_bytes(&sixty), &d), ERR_INVALID);
    AUTO(blob_clear) struct blob many = {0};
    make_reel(1, 1, &many);
    size_t one = many.len;
    for (unsigned i = 1; i <= REEL_SEGMENTS_MAX; i++) {
        AUTO(blob_clear) struct blob copy = {0};
        assert_int_equal(blob_append(&copy, BYTES(many.data, one)), ERR_OK);
        assert_int_equal(blob_append(&many, blob_bytes(&copy)), ERR_OK);
    }
    assert_int_equal(feed_all(camera, 7, BYTES(many.data, one * REEL_SEGMENTS_MAX), &d), ERR_OK);
    assert_int_equal(feed_all(camera, 7, blob_bytes(&many), &d), ERR_LIMIT);
}

/* Five fragments near 8 MiB: the fourth fits below the hard limit only without its kin. */
static void test_byte_limits(void **state) {
    (void)state;
    AUTO(blob_clear) struct blob raw = {0};
    struct segment_header h = {.epoch = 7, .slot = SLOT};
    struct diag d = {0};
    memcpy(h.camera, camera, sizeof h.camera);
    uint8_t header[SEGMENT_HEADER_BYTES];
    segment_header_encode(&h, header);
    struct reel_scanner *s = reel_scanner_new(camera, 7);
    assert_int_equal(reel_scanner_feed(s, BYTES_OF(header), NULL, NULL, &d), ERR_OK);
    assert_int_equal(blob_reserve(&raw, 4 + SEGMENT_RECORD_MAX_BYTES), ERR_OK);
    memset(raw.data, 0, 4 + SEGMENT_RECORD_MAX_BYTES);
    be32_put(raw.data, SEGMENT_RECORD_MAX_BYTES);
    raw.len = 4 + SEGMENT_RECORD_MAX_BYTES;
    raw.data[4] = RECORD_INIT;
    assert_int_equal(reel_scanner_feed(s, blob_bytes(&raw), NULL, NULL, &d), ERR_OK);
    raw.data[4] = RECORD_FRAGMENT;
    assert_int_equal(reel_scanner_feed(s, blob_bytes(&raw), NULL, NULL, &d), ERR_OK);
    assert_int_equal(reel_scanner_feed(s, blob_bytes(&raw), NULL, NULL, &d), ERR_OK);
    assert_int_equal(reel_scanner_feed(s, blob_bytes(&raw), NULL, NULL, &d), ERR_LIMIT);
    reel_scanner_free(s);
    be32_put(raw.data, SEGMENT_RECORD_MAX_BYTES + 1);
    struct record_frame frame;
    assert_int_equal(record_frame_read(blob_bytes(&raw), 0, &frame, &d), ERR_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_pieces_give_the_same_table),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_byte_limits),
    };
    return cmocka_run_group_tests_name("reel", tests, NULL, NULL);
}
