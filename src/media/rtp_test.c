#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "media/media_time.h"
#include "media/rtcp.h"
#include "media/rtp.h"

static size_t packet_make(uint8_t *out, uint16_t seq, uint32_t timestamp, uint32_t ssrc, uint8_t tag) {
    memset(out, 0, 12);
    out[0] = 0x80;
    out[1] = 96;
    be16_put(out + 2, seq);
    be32_put(out + 4, timestamp);
    be32_put(out + 8, ssrc);
    out[12] = tag;
    return 13;
}

static void test_parse(void **state) {
    (void)state;
    /* Marker, one contributing source, an extension of one word, two bytes of padding. */
    uint8_t raw[] = {0xb1, 0xe0, 0xff, 0xfe, 0, 0, 0, 9, 0, 0, 0,   7,   1, 1,
                     1,    1,    0xbe, 0xde, 0, 1, 5, 5, 5, 5, 'a', 'b', 0, 2};
    struct rtp_packet p;
    assert_int_equal(rtp_parse(BYTES_OF(raw), &p), ERR_OK);
    assert_true(p.marker);
    assert_int_equal(p.payload_type, 96);
    assert_int_equal(p.seq, 0xfffe);
    assert_int_equal(p.timestamp, 9);
    assert_int_equal(p.ssrc, 7);
    assert_true(bytes_equal(p.payload, bytes_text("ab")));
    for (size_t n = 0; n < 24; n++) assert_int_equal(rtp_parse(BYTES(raw, n), &p), ERR_INVALID);
    raw[27] = 5; /* padding beyond the payload */
    assert_int_equal(rtp_parse(BYTES_OF(raw), &p), ERR_INVALID);
    raw[27] = 0;
    assert_int_equal(rtp_parse(BYTES_OF(raw), &p), ERR_INVALID);
    raw[0] = 0x71; /* version 1 */
    assert_int_equal(rtp_parse(BYTES_OF(raw), &p), ERR_INVALID);
}

static enum rtp_order take(struct rtp_source *s, uint16_t seq, uint32_t ssrc, uint32_t *missing) {
    const struct rtp_packet p = {.seq = seq, .timestamp = seq * 3000u, .ssrc = ssrc};
    return rtp_source_take(s, &p, (struct steady_us){seq * 33333ll}, missing);
}

static void test_source(void **state) {
    (void)state;
    struct rtp_source s = {.clock_hz = 90000};
    uint32_t missing;
    assert_int_equal(take(&s, 65534, 1, &missing), RTP_IN_ORDER);
    assert_int_equal(take(&s, 65535, 1, &missing), RTP_IN_ORDER);
    assert_int_equal(take(&s, 0, 1, &missing), RTP_IN_ORDER); /* 16 bits wrap */
    assert_int_equal(take(&s, 0, 1, &missing), RTP_REFUSED);  /* repeated */
    assert_int_equal(take(&s, 4, 1, &missing), RTP_AFTER_GAP);
    assert_int_equal(missing, 3);
    assert_int_equal(take(&s, 2, 1, &missing), RTP_REFUSED); /* late */
    assert_int_equal(s.lost, 3);
    assert_int_equal(s.highest, 65534 + 6);
    assert_int_equal(take(&s, 30000, 1, &missing), RTP_REFUSED); /* once is an error, twice a restart */
    assert_int_equal(take(&s, 30001, 1, &missing), RTP_AFTER_GAP);
    assert_int_equal(missing, 0);
    assert_int_equal(take(&s, 30002, 1, &missing), RTP_IN_ORDER);
    assert_int_equal(take(&s, 500, 2, &missing), RTP_REFUSED); /* another source */
    assert_int_equal(take(&s, 30003, 1, &missing), RTP_IN_ORDER);
    assert_int_equal(take(&s, 501, 2, &missing), RTP_REFUSED);
    assert_int_equal(take(&s, 502, 2, &missing), RTP_AFTER_GAP);
    assert_int_equal(s.ssrc, 2);
}

struct arrival {
    uint16_t seq;
    int64_t ms;
};

static void queue_run(const struct arrival *in, size_t count, const char *expected) {
    struct rtp_queue *q = rtp_queue_new();
    assert_non_null(q);
    char got[128] = "";
    size_t at = 0;
    struct rtp_packet p;
    struct steady_us now = {0};
    for (size_t i = 0; i < count; i++) {
        now.us = in[i].ms * 1000 + 1000000;
        uint8_t *slot = rtp_queue_slot(q);
        assert_non_null(slot);
        size_t len = packet_make(slot, in[i].seq, 0, 1, (uint8_t)('a' + (uint8_t)(in[i].seq + 1)));
        err e = rtp_queue_put(q, len, now);
        while (rtp_queue_take(q, now, &p)) got[at++] = (char)p.payload.data[0];
        if (e == ERR_BUSY) assert_int_equal(rtp_queue_put(q, len, now), ERR_OK);
        while (rtp_queue_take(q, now, &p)) got[at++] = (char)p.payload.data[0];
    }
    for (unsigned i = 0; i < 100 && rtp_queue_deadline(q).us != INT64_MAX; i++) {
        now = rtp_queue_deadline(q);
        while (rtp_queue_take(q, now, &p)) got[at++] = (char)p.payload.data[0];
    }
    rtp_queue_free(q);
    got[at] = 0;
    assert_string_equal(got, expected);
}

static void test_queue(void **state) {
    (void)state;
    static const struct arrival ordered[] = {{65535, 0}, {0, 1}, {1, 2}},
                                swapped[] = {{65535, 0}, {1, 1}, {0, 2}, {2, 3}},
                                doubled[] = {{0, 0}, {2, 1}, {2, 2}, {1, 3}, {1, 4}},
                                lost[] = {{0, 0}, {2, 1}, {3, 2}, {4, 200}, {1, 201}},
                                leap[] = {{0, 0}, {2, 1}, {3, 1}, {1000, 2}, {1001, 3}};
    queue_run(ordered, 3, "abc");
    queue_run(swapped, 4, "abcd");
    queue_run(doubled, 5, "bcd");
    queue_run(lost, 5, "bdef"); /* 1 came after its hole had been given up */
    queue_run(leap, 5, "bde\x4a\x4b");
}

static void test_rtcp(void **state) {
    (void)state;
    uint8_t raw[36] = {0x80, 200, 0, 6};
    be32_put(raw + 4, 77);
    be64_put(raw + 8, (uint64_t)(2208988800u + 1700000000u) << 32 | 0x40000000u);
    be32_put(raw + 16, 9000);
    raw[28] = 0x81;
    raw[29] = 203;
    raw[31] = 1;
    be32_put(raw + 32, 77);
    struct rtcp_news news;
    assert_int_equal(rtcp_parse(BYTES_OF(raw), &news), ERR_OK);
    assert_true(news.report && news.bye);
    assert_int_equal(news.report_timestamp, 9000);
    assert_int_equal(rtcp_ntp_wall_us(news.report_ntp), 1700000000250000);
    assert_int_equal(rtcp_ntp_wall_us(0), 0);
    assert_int_equal(rtcp_parse(BYTES(raw, 35), &news), ERR_INVALID);
    assert_true(news.report && !news.bye);

    struct rtp_source s = {.clock_hz = 90000};
    uint32_t missing;
    (void)take(&s, 10, 77, &missing);
    (void)take(&s, 12, 77, &missing);
    const struct rtcp_heard heard = {news.report_ntp, {1000000}};
    uint8_t out[RTCP_REPORT_BYTES];
    size_t len = rtcp_report(&s, &heard, 5, (struct steady_us){1500000}, out);
    assert_int_equal(rtcp_parse(BYTES(out, len), &news), ERR_OK); /* well formed */
    assert_int_equal(out[1], 201);
    assert_int_equal(be32_get(out + 8), 77);
    assert_int_equal(out[12], 256 / 3); /* one of three */
    assert_int_equal(be32_get(out + 12) & 0xffffff, 1);
    assert_int_equal(be32_get(out + 16), 12);
    assert_int_equal(be32_get(out + 28), 32768); /* half a second since the report */
    (void)rtcp_report(&s, &heard, 5, (struct steady_us){1500000}, out);
    assert_int_equal(out[12], 0); /* nothing in the new interval */
}

static void next(struct media_time *t, uint32_t rtp, int64_t ms, int64_t *pts, int64_t *dts) {
    media_time_next(t, rtp, (struct steady_us){ms * 1000}, pts, dts);
}

static void test_time_wraps_and_mends(void **state) {
    (void)state;
    struct media_time t;
    int64_t pts, dts, first;
    media_time_init(&t, 90000);
    media_time_reorder(&t, 0, true);
    next(&t, 0xffffff00u, 0, &first, &dts);
    next(&t, 0xffffff00u + 3000, 33, &pts, &dts); /* 32 bits wrap */
    assert_int_equal(pts - first, 3000);
    next(&t, 0xffffff00u + 3000, 66, &pts, &dts); /* repeated */
    assert_int_equal(dts - first, 3001);
    next(&t, 0xffffff00u + 2000, 80, &pts, &dts); /* back a little */
    assert_int_equal(dts - first, 3002);
    next(&t, 0xffffff00u + 9000, 100, &pts, &dts);
    assert_int_equal(dts - first, 9000);
    assert_int_equal(t.mended, 2);
    next(&t, 0x12345678u, 140, &pts, &dts); /* the camera's clock jumps: here, 40 ms pass */
    assert_int_equal(pts - first, 9000 + 3600);
    next(&t, 0x12345678u + 3600, 180, &pts, &dts);
    assert_int_equal(pts - first, 9000 + 7200);
    next(&t, 0x12345678u + 3600 + 90000 * 60, 60180, &pts, &dts); /* a minute of silence is no jump */
    assert_int_equal(pts - first, 9000 + 7200 + 90000 * 60);
}

/* I0 P3 B1 B2, repeated: decoding times go forward and never pass presentation. */
static void reordered_run(unsigned depth, bool known, unsigned settled) {
    static const int order[] = {0, 3, 1, 2};
    struct media_time t;
    media_time_init(&t, 90000);
    media_time_reorder(&t, depth, known);
    int64_t last = INT64_MIN, shift = 0;
    for (unsigned i = 0; i < 40; i++) {
        int64_t pts, dts, at = (i / 4 * 4 + (unsigned)order[i % 4]) * 3600;
        next(&t, 1000 + (uint32_t)at, i * 40, &pts, &dts);
        if (i == 0) shift = pts - at;
        assert_true(dts > last);
        assert_true(pts >= dts);
        if (i >= settled) assert_int_equal(pts - shift, at);
        if (i >= settled + 4) assert_int_equal(dts - last, 3600);
        last = dts;
    }
}

static void test_time_reordered(void **state) {
    (void)state;
    reordered_run(2, true, 0);
    reordered_run(1, true, 0);
    reordered_run(0, false, 12); /* learned from what comes */
}

static void test_time_wall(void **state) {
    (void)state;
    struct media_time t;
    int64_t pts, dts;
    struct wall_us wall;
    media_time_init(&t, 90000);
    media_time_report(&t, 1000, (struct wall_us){1700000000000000}); /* before the first packet */
    assert_false(media_time_wall(&t, 0, &wall));
    next(&t, 1000 + 45000, 0, &pts, &dts);
    assert_true(media_time_wall(&t, pts, &wall));
    assert_int_equal(wall.us, 1700000000500000);
    next(&t, 0x80000000u, 100, &pts, &dts); /* after a jump the old report says nothing */
    assert_false(media_time_wall(&t, pts, &wall));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),          cmocka_unit_test(test_source),
        cmocka_unit_test(test_queue),          cmocka_unit_test(test_rtcp),
        cmocka_unit_test(test_time_wall),      cmocka_unit_test(test_time_wraps_and_mends),
        cmocka_unit_test(test_time_reordered),
    };
    return cmocka_run_group_tests_name("rtp", tests, NULL, NULL);
}
