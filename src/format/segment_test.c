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
    } records[] = {{RECORD_INIT, 0, 700},     {RECORD_PICTURE, 0, 1234}, {RECORD_FRAGMENT, 0, 4096},
                   {RECORD_FRAGMENT, 0, 0},   {RECORD_FRAGMENT, 1, 1},   {RECORD_FRAGMENT, 1, 33},
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

static void reader_release(struct segment_reader **r) { segment_reader_free(*r); }

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests_name("segment", tests, NULL, NULL);
}
