#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/live_stream.h"

struct seen {
    unsigned count[5];
    size_t bytes;
    err answer;
};

static err note(void *context, const struct live_message *m, struct diag *d) {
    struct seen *s = context;
    s->count[m->type]++;
    s->bytes += m->payload.len;
    return s->answer;
}

static void append(struct blob *b, uint8_t type, uint8_t camera, uint32_t length, uint8_t fill) {
    assert_int_equal(blob_append_u8(b, type), ERR_OK);
    assert_int_equal(blob_append_u8(b, camera), ERR_OK);
    assert_int_equal(blob_append_be32(b, length), ERR_OK);
    for (uint32_t i = 0; i < length; i++) assert_int_equal(blob_append_u8(b, fill), ERR_OK);
}

static void pieces_of_any_size_make_the_same_messages(void **state) {
    (void)state;
    AUTO(blob_clear) struct blob all = {0};
    append(&all, LIVE_HEADER, 0, SEGMENT_HEADER_BYTES, 1);
    append(&all, LIVE_RECORD, 1, 500, 2);
    append(&all, LIVE_NOTICE, LIVE_CAMERA_NONE, 20, '{');
    append(&all, LIVE_BEAT, LIVE_CAMERA_NONE, 0, 0);
    append(&all, LIVE_RECORD, 0, 22, 3);
    for (size_t step = 1; step <= all.len; step++) {
        struct live_stream s;
        struct seen seen = {.bytes = 0};
        struct diag d;
        live_stream_init(&s, 2);
        for (size_t at = 0; at < all.len; at += step) {
            size_t n = all.len - at < step ? all.len - at : step;
            assert_int_equal(live_stream_feed(&s, BYTES(all.data + at, n), note, &seen, &d), ERR_OK);
        }
        assert_int_equal(seen.count[LIVE_HEADER], 1);
        assert_int_equal(seen.count[LIVE_RECORD], 2);
        assert_int_equal(seen.count[LIVE_NOTICE], 1);
        assert_int_equal(seen.count[LIVE_BEAT], 1);
        assert_int_equal(seen.bytes, SEGMENT_HEADER_BYTES + 500 + 20 + 22);
        live_stream_clear(&s);
    }
}

static void what_cannot_be_is_refused(void **state) {
    (void)state;
    static const struct {
        uint8_t type, camera;
        uint32_t length;
        const char *says;
    } cases[] = {
        {0, 0, 0, "type 0"},
        {5, 0, 0, "type 5"},
        {LIVE_HEADER, 0, SEGMENT_HEADER_BYTES - 1, "77"},
        {LIVE_HEADER, 0, SEGMENT_HEADER_BYTES + 1, "79"},
        {LIVE_RECORD, 0, 21, "21"},
        {LIVE_RECORD, 0, LIVE_RECORD_MAX_BYTES + 1, "type 2"},
        {LIVE_RECORD, 2, 100, "camera 2"},
        {LIVE_RECORD, LIVE_CAMERA_NONE, 100, "without a camera"},
        {LIVE_NOTICE, LIVE_CAMERA_NONE, LIVE_NOTICE_MAX_BYTES + 1, "type 3"},
        {LIVE_BEAT, LIVE_CAMERA_NONE, 1, "type 4"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct live_stream s;
        struct seen seen = {.bytes = 0};
        struct diag d = {{0}};
        uint8_t head[LIVE_MESSAGE_HEAD_BYTES] = {cases[i].type, cases[i].camera};
        be32_put(head + 2, cases[i].length);
        live_stream_init(&s, 2);
        assert_int_equal(live_stream_feed(&s, BYTES_OF(head), note, &seen, &d), ERR_INVALID);
        assert_non_null(strstr(d.text, cases[i].says));
        assert_int_equal(live_stream_feed(&s, BYTES_OF(head), note, &seen, &d), ERR_INVALID);
        live_stream_clear(&s);
    }
}

static void the_largest_record_passes(void **state) {
    (void)state;
    struct live_stream s;
    struct seen seen = {.bytes = 0};
    struct diag d;
    uint8_t head[LIVE_MESSAGE_HEAD_BYTES] = {LIVE_RECORD, 0};
    be32_put(head + 2, LIVE_RECORD_MAX_BYTES);
    uint8_t *body = calloc(1, LIVE_RECORD_MAX_BYTES);
    assert_non_null(body);
    live_stream_init(&s, 1);
    assert_int_equal(live_stream_feed(&s, BYTES_OF(head), note, &seen, &d), ERR_OK);
    assert_int_equal(live_stream_feed(&s, BYTES(body, LIVE_RECORD_MAX_BYTES), note, &seen, &d), ERR_OK);
    assert_int_equal(seen.bytes, LIVE_RECORD_MAX_BYTES);
    live_stream_clear(&s);
    free(body);
}

static void a_handlers_error_ends_it(void **state) {
    (void)state;
    struct live_stream s;
    struct seen seen = {.answer = ERR_CANCELLED};
    struct diag d;
    AUTO(blob_clear) struct blob all = {0};
    append(&all, LIVE_BEAT, LIVE_CAMERA_NONE, 0, 0);
    append(&all, LIVE_BEAT, LIVE_CAMERA_NONE, 0, 0);
    live_stream_init(&s, 1);
    assert_int_equal(live_stream_feed(&s, blob_bytes(&all), note, &seen, &d), ERR_CANCELLED);
    assert_int_equal(seen.count[LIVE_BEAT], 1);
    live_stream_clear(&s);
}

/* Old segments are as valid as new ones; they are no live picture. */
static void what_is_old_is_not_live(void **state) {
    (void)state;
    const uint32_t now = 1800000000;
    const struct {
        uint32_t slot;
        err expected;
        const char *says;
    } cases[] = {
        {now, ERR_OK, ""},
        {now - 124, ERR_OK, ""},
        {now - LIVE_BEHIND_MAX_S, ERR_OK, ""},
        {now - LIVE_BEHIND_MAX_S - 1, ERR_TIMEOUT, " 5 min old"},
        {now - 3600, ERR_TIMEOUT, " 1 h 0 min old"},
        {now - 86400, ERR_TIMEOUT, " 24 h 0 min old"},
        {0, ERR_TIMEOUT, "clock"},
        {now + 100000, ERR_OK, ""}, /* this device's clock is behind: nothing can be of the future */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct diag d = {{0}};
        assert_int_equal(live_check_slot(cases[i].slot, now, &d), cases[i].expected);
        assert_non_null(strstr(d.text, cases[i].says));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_of_any_size_make_the_same_messages),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(the_largest_record_passes),
        cmocka_unit_test(a_handlers_error_ends_it),
        cmocka_unit_test(what_is_old_is_not_live),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
