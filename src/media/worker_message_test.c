#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "media/worker_message.h"

/* Feeds `sent` one byte at a time, so that every cut is met, and expects exactly one message at the end. */
static struct worker_message receive(struct worker_reader *r, const struct blob *sent) {
    struct worker_message m = {0};
    struct diag d = {0};
    for (size_t i = 0; i < sent->len; i++) {
        assert_int_equal(worker_reader_next(r, &m, &d), ERR_BUSY);
        assert_int_equal(worker_reader_feed(r, BYTES(sent->data + i, 1)), ERR_OK);
    }
    assert_int_equal(worker_reader_next(r, &m, &d), ERR_OK);
    return m;
}

static void test_config(void **state) {
    (void)state;
    AUTO(blob_clear) struct blob out = {0};
    AUTO(worker_reader_clear) struct worker_reader r = {0};
    const struct worker_config sent = {
        .url = "rtsp://u:p\"\xc3\xa4@camera/1",
        .audio = true,
        .stream = WORKER_STREAM_SUB,
        .picture_s = 10,
        .transport = WORKER_TRANSPORT_UDP,
        .see = true,
        .masks = {2, {{3, {{0, 0}, {10000, 0}, {1, 9999}}}, {4, {{1, 2}, {3, 4}, {5, 6}, {7, 8}}}}}};
    assert_int_equal(worker_config_append(&out, &sent), ERR_OK);
    struct worker_message m = receive(&r, &out);
    assert_int_equal(m.type, WORKER_TYPE_CONFIG);
    struct worker_config got;
    struct diag d = {0};
    assert_int_equal(worker_config_decode(m.payload, &got, &d), ERR_OK);
    assert_string_equal(got.url, sent.url);
    assert_true(got.audio && !got.motion && got.see);
    assert_memory_equal(&got.masks, &sent.masks, sizeof got.masks);
    assert_int_equal(got.stream, sent.stream);
    assert_int_equal(got.picture_s, 10);
    assert_int_equal(got.transport, sent.transport);
    worker_config_clear(&got);
    assert_int_equal(got.url[0], 0);
    struct worker_config left = sent;
    assert_int_equal(
        worker_config_decode(bytes_text("{\"url\":\"x\",\"audio\":true,\"stream\":\"third\",\"picture_s\":1,"
                                        "\"motion\":false,\"transport\":\"tcp\"}"),
                             &left, &d),
        ERR_INVALID);
    assert_non_null(strstr(d.text, "stream"));
    assert_string_equal(left.url, sent.url);
}

/* `count` masks of `points` points, the last of which is at x. */
static json_t *masks_of(size_t count, size_t points, int x) {
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *mask = json_array();
        for (size_t k = 0; k < points; k++)
            json_array_append_new(mask, json_pack("[i,i]", k + 1 < points ? (int)k : x, (int)k));
        json_array_append_new(list, mask);
    }
    return list;
}

static void test_masks(void **state) {
    (void)state;
    static const struct {
        const char *label;
        size_t count, points;
        int x;
        err expected;
    } cases[] = {
        {"none", 0, 0, 0, ERR_OK},
        {"as many as there may be", WORKER_MASKS_MAX, WORKER_MASK_POINTS_MAX, WORKER_PLACE_WHOLE, ERR_OK},
        {"one more", WORKER_MASKS_MAX + 1, 3, 0, ERR_LIMIT},
        {"two points", 1, 2, 0, ERR_INVALID},
        {"thirteen points", 1, WORKER_MASK_POINTS_MAX + 1, 0, ERR_INVALID},
        {"a point outside", 1, 3, WORKER_PLACE_WHOLE + 1, ERR_INVALID},
        {"a point before", 1, 3, -1, ERR_INVALID},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        AUTO(json_release) json_t *list = masks_of(cases[i].count, cases[i].points, cases[i].x);
        struct worker_masks m = {0};
        struct diag d = {0};
        err e = worker_masks_read(list, &m, &d);
        if (e != cases[i].expected) fail_msg("%s: %s", cases[i].label, err_text(e));
        if (e) continue;
        AUTO(json_release) json_t *again = worker_masks_json(&m);
        if (!json_equal(list, again)) fail_msg("%s: is not the same when written", cases[i].label);
    }
}

static void test_frame_and_ring(void **state) {
    (void)state;
    struct diag d = {0};
    AUTO(blob_clear) struct blob out = {0};
    AUTO(worker_reader_clear) struct worker_reader r = {0};
    uint8_t pixels[4 * 2 * 3 / 2];
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * 20);
    const struct worker_frame sent = {.wall = {1700000000123456},
                                      .flags = WORKER_FRAME_SAFETY,
                                      .source_width = 1919,
                                      .source_height = 1080,
                                      .width = 4,
                                      .height = 2,
                                      .region_count = 1,
                                      .regions = {{1, 2, 3, 4}},
                                      .i420 = BYTES_OF(pixels)};
    assert_int_equal(worker_frame_append(&out, &sent), ERR_OK);
    struct worker_frame got;
    assert_int_equal(worker_frame_decode(receive(&r, &out).payload, &got, &d), ERR_OK);
    assert_int_equal(got.wall.us, sent.wall.us);
    assert_int_equal(got.flags, sent.flags);
    assert_int_equal(got.source_width, 1919);
    assert_int_equal(got.source_height, 1080);
    assert_int_equal(got.width, 4);
    assert_int_equal(got.height, 2);
    assert_int_equal(got.region_count, 1);
    assert_memory_equal(got.regions, sent.regions, sizeof *sent.regions);
    assert_true(bytes_equal(got.i420, sent.i420));
    const struct bytes whole = BYTES(out.data + WORKER_HEAD_BYTES, out.len - WORKER_HEAD_BYTES);
    for (size_t len = 0; len < whole.len; len++)
        assert_int_equal(worker_frame_decode(BYTES(whole.data, len), &got, &d), ERR_INVALID);
    out.data[out.len - 13]++; /* the region's height: no matter */
    out.data[WORKER_HEAD_BYTES + 14] = 3;
    assert_int_equal(worker_frame_decode(whole, &got, &d), ERR_INVALID);

    out.len = 0;
    const struct worker_ring ring = {"tns1:Device/Trigger/DigitalInput"};
    struct worker_ring got_ring;
    assert_int_equal(worker_ring_append(&out, &ring), ERR_OK);
    assert_int_equal(worker_ring_decode(receive(&r, &out).payload, &got_ring, &d), ERR_OK);
    assert_string_equal(got_ring.topic, ring.topic);
    assert_int_equal(worker_ring_decode(bytes_text("{\"topic\":\"\"}"), &got_ring, &d), ERR_INVALID);
}

static void test_frame_sizes(void **state) {
    (void)state;
    static const struct {
        const char *label;
        uint16_t width, height;
        err expected;
    } cases[] = {
        {"the largest", WORKER_FRAME_MAX_WIDTH, WORKER_FRAME_MAX_HEIGHT, ERR_OK},
        {"too wide", WORKER_FRAME_MAX_WIDTH + 2, 2, ERR_INVALID},
        {"too high", 2, WORKER_FRAME_MAX_HEIGHT + 2, ERR_INVALID},
        {"odd", 3, 2, ERR_INVALID},
        {"nothing", 0, 2, ERR_INVALID},
    };
    static const uint8_t pixels[(WORKER_FRAME_MAX_WIDTH + 2) * WORKER_FRAME_MAX_HEIGHT * 3 / 2];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        AUTO(blob_clear) struct blob out = {0};
        struct worker_frame m = {.source_width = 1,
                                 .source_height = 1,
                                 .width = cases[i].width,
                                 .height = cases[i].height,
                                 .region_count = WORKER_REGIONS_MAX};
        m.i420 = BYTES(pixels, worker_frame_bytes(&m));
        err e = worker_frame_append(&out, &m);
        if (e != cases[i].expected) fail_msg("%s: %s", cases[i].label, err_text(e));
        if (e && out.len) fail_msg("%s: left something behind", cases[i].label);
    }
}

static void test_descriptor_and_want(void **state) {
    (void)state;
    struct diag d = {0};
    const struct worker_descriptor sent[] = {{.request = 7, .ok = true, .port = 50002},
                                             {.request = 4294967295u, .message = "no route to camera"}};
    for (size_t i = 0; i < 2; i++) {
        AUTO(blob_clear) struct blob out = {0};
        AUTO(worker_reader_clear) struct worker_reader r = {0};
        struct worker_descriptor got;
        assert_int_equal(worker_descriptor_append(&out, &sent[i]), ERR_OK);
        assert_int_equal(worker_descriptor_decode(receive(&r, &out).payload, &got, &d), ERR_OK);
        assert_int_equal(got.request, sent[i].request);
        assert_int_equal(got.ok, sent[i].ok);
        assert_int_equal(got.port, sent[i].port);
        assert_string_equal(got.message, sent[i].message);
    }
    AUTO(blob_clear) struct blob out = {0};
    AUTO(worker_reader_clear) struct worker_reader r = {0};
    const struct worker_want want = {3, WORKER_WANT_UDP, 6970};
    struct worker_want got;
    assert_int_equal(worker_want_append(&out, &want), ERR_OK);
    assert_int_equal(worker_want_decode(receive(&r, &out).payload, &got, &d), ERR_OK);
    assert_int_equal(got.request, want.request);
    assert_int_equal(got.kind, want.kind);
    assert_int_equal(got.port, want.port);
    assert_int_equal(worker_want_decode(bytes_text("{\"request\":1,\"kind\":\"shell\"}"), &got, &d),
                     ERR_INVALID);
}

static void test_media(void **state) {
    (void)state;
    struct diag d = {0};
    AUTO(blob_clear) struct blob out = {0};
    AUTO(worker_reader_clear) struct worker_reader r = {0};
    const struct worker_init init = {.codec = "avc1.640028",
                                     .audio_codec = "opus",
                                     .width = 1920,
                                     .height = 1080,
                                     .fps = 12.5,
                                     .audio_hz = 48000,
                                     .channels = 1,
                                     .data = bytes_text("ftypmoov")};
    assert_int_equal(worker_init_append(&out, &init), ERR_OK);
    struct worker_init got_init;
    assert_int_equal(worker_init_decode(receive(&r, &out).payload, &got_init, &d), ERR_OK);
    assert_string_equal(got_init.codec, init.codec);
    assert_string_equal(got_init.audio_codec, "opus");
    assert_true(got_init.fps == 12.5);
    assert_int_equal(got_init.audio_hz, 48000);
    assert_true(bytes_equal(got_init.data, init.data));

    size_t mark;
    out.len = 0;
    assert_int_equal(
        worker_fragment_begin(&out, WORKER_FRAGMENT_KEY, (struct wall_us){1700000000123456}, 40000, &mark),
        ERR_OK);
    assert_int_equal(blob_append(&out, bytes_text("moofmdat")), ERR_OK);
    assert_int_equal(worker_message_end(&out, mark), ERR_OK);
    assert_int_equal(out.len, WORKER_HEAD_BYTES + WORKER_FRAGMENT_HEAD_BYTES + 8);
    struct worker_fragment f;
    assert_int_equal(worker_fragment_decode(receive(&r, &out).payload, &f, &d), ERR_OK);
    assert_int_equal(f.flags, WORKER_FRAGMENT_KEY);
    assert_int_equal(f.wall.us, 1700000000123456);
    assert_int_equal(f.duration_us, 40000);
    assert_true(bytes_equal(f.data, bytes_text("moofmdat")));

    out.len = 0;
    const struct worker_picture picture = {{5}, BYTES("\xff\xd8\xff\xd9", 4)};
    struct worker_picture got_picture;
    assert_int_equal(worker_picture_append(&out, &picture), ERR_OK);
    assert_int_equal(worker_picture_decode(receive(&r, &out).payload, &got_picture, &d), ERR_OK);
    assert_true(bytes_equal(got_picture.jpeg, picture.jpeg));

    out.len = 0;
    const struct worker_motion motion = {{6}, 200, 2, {{1, 2, 3, 4}, {200, 0, 56, 255}}};
    struct worker_motion got_motion;
    assert_int_equal(worker_motion_append(&out, &motion), ERR_OK);
    assert_int_equal(worker_motion_decode(receive(&r, &out).payload, &got_motion, &d), ERR_OK);
    assert_int_equal(got_motion.wall.us, 6);
    assert_int_equal(got_motion.score, 200);
    assert_int_equal(got_motion.count, 2);
    assert_memory_equal(got_motion.regions, motion.regions, 2 * sizeof *motion.regions);
    out.data[out.len - 2] = 57;
    assert_int_equal(worker_motion_decode(BYTES(out.data + WORKER_HEAD_BYTES, out.len - WORKER_HEAD_BYTES),
                                          &got_motion, &d),
                     ERR_INVALID);
}

static void test_status(void **state) {
    (void)state;
    struct diag d = {0};
    AUTO(blob_clear) struct blob out = {0};
    AUTO(worker_reader_clear) struct worker_reader r = {0};
    const struct worker_status sent = {.state = WORKER_STATE_FAILED,
                                       .error = "unreachable",
                                       .message = "no answer",
                                       .codec = "avc1.42001f",
                                       .fps = 24.75,
                                       .kbit_s = 4000,
                                       .lost = 12,
                                       .reconnects = 1,
                                       .clock_steps = 2,
                                       .sandbox = WORKER_LAYER_SECCOMP | WORKER_LAYER_NETNS};
    struct worker_status got;
    assert_int_equal(worker_status_append(&out, &sent), ERR_OK);
    assert_int_equal(worker_status_decode(receive(&r, &out).payload, &got, &d), ERR_OK);
    assert_int_equal(got.state, sent.state);
    assert_string_equal(got.error, sent.error);
    assert_string_equal(got.message, sent.message);
    assert_string_equal(got.codec, sent.codec);
    assert_string_equal(got.audio_codec, "");
    assert_true(got.fps == sent.fps);
    assert_int_equal(got.kbit_s, sent.kbit_s);
    assert_int_equal(got.lost, sent.lost);
    assert_int_equal(got.reconnects, sent.reconnects);
    assert_int_equal(got.clock_steps, sent.clock_steps);
    assert_int_equal(got.sandbox, sent.sandbox);
}

static void test_limits(void **state) {
    (void)state;
    static const struct {
        const char *label;
        uint32_t length;
        uint8_t type;
        err expected;
    } cases[] = {
        {"fragment at the limit", WORKER_MESSAGE_MAX_BYTES, WORKER_TYPE_FRAGMENT, ERR_BUSY},
        {"fragment past it", WORKER_MESSAGE_MAX_BYTES + 1, WORKER_TYPE_FRAGMENT, ERR_LIMIT},
        {"status at the limit", WORKER_JSON_MAX_BYTES + 1, WORKER_TYPE_STATUS, ERR_BUSY},
        {"status past it", WORKER_JSON_MAX_BYTES + 2, WORKER_TYPE_STATUS, ERR_LIMIT},
        {"frame at the limit", 1 + 18 + 64 + 1280 * 720 * 3 / 2, WORKER_TYPE_FRAME, ERR_BUSY},
        {"frame past it", 2 + 18 + 64 + 1280 * 720 * 3 / 2, WORKER_TYPE_FRAME, ERR_LIMIT},
        {"ring past it", WORKER_JSON_MAX_BYTES + 2, WORKER_TYPE_RING, ERR_LIMIT},
        {"pace", 2, WORKER_TYPE_PACE, ERR_BUSY},
        {"pace too long", 3, WORKER_TYPE_PACE, ERR_LIMIT},
        {"stop", 1, WORKER_TYPE_STOP, ERR_OK},
        {"stop with a payload", 2, WORKER_TYPE_STOP, ERR_LIMIT},
        {"no type", 0, WORKER_TYPE_STOP, ERR_INVALID},
        {"unknown", 1, 99, ERR_INVALID},
        {"huge", UINT32_MAX, WORKER_TYPE_FRAGMENT, ERR_LIMIT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        AUTO(worker_reader_clear) struct worker_reader r = {0};
        struct worker_message m;
        struct diag d = {0};
        uint8_t head[WORKER_HEAD_BYTES];
        be32_put(head, cases[i].length);
        head[4] = cases[i].type;
        assert_int_equal(worker_reader_feed(&r, BYTES_OF(head)), ERR_OK);
        err e = worker_reader_next(&r, &m, &d);
        if (e != cases[i].expected) fail_msg("%s: %s", cases[i].label, err_text(e));
    }
}

static void test_over_a_socket(void **state) {
    (void)state;
    int ends[2], pipe_ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(pipe(pipe_ends), 0);
    struct diag d = {0};
    struct worker_message m;
    AUTO(worker_reader_clear) struct worker_reader r = {0};
    assert_int_equal(worker_reader_fill(&r, ends[1], true, &d), ERR_BUSY);
    for (uint32_t i = 0; i < 2; i++) {
        AUTO(blob_clear) struct blob out = {0};
        const struct worker_descriptor answer = {.request = i, .ok = true};
        assert_int_equal(worker_descriptor_append(&out, &answer), ERR_OK);
        assert_int_equal(worker_message_send(ends[0], blob_bytes(&out), pipe_ends[i]), ERR_OK);
    }
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    int got[2];
    for (uint32_t i = 0; i < 2; i++) {
        while (worker_reader_next(&r, &m, &d) == ERR_BUSY)
            assert_int_equal(worker_reader_fill(&r, ends[1], true, &d), ERR_OK);
        struct worker_descriptor answer;
        assert_int_equal(worker_descriptor_decode(m.payload, &answer, &d), ERR_OK);
        assert_int_equal(answer.request, i);
        got[i] = worker_reader_take_descriptor(&r);
        assert_true(got[i] >= 0);
    }
    char byte = 0;
    assert_int_equal(write(got[1], "x", 1), 1);
    assert_int_equal(read(got[0], &byte, 1), 1);
    assert_int_equal(byte, 'x');
    fd_close(&got[0]);
    fd_close(&got[1]);
    fd_close(&ends[0]);
    assert_int_equal(worker_reader_fill(&r, ends[1], true, &d), ERR_CUT_SHORT);
    assert_int_equal(worker_message_send(ends[1], bytes_text("x"), -1), ERR_UNREACHABLE);
    fd_close(&ends[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config),
        cmocka_unit_test(test_masks),
        cmocka_unit_test(test_frame_and_ring),
        cmocka_unit_test(test_frame_sizes),
        cmocka_unit_test(test_descriptor_and_want),
        cmocka_unit_test(test_media),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_over_a_socket),
    };
    return cmocka_run_group_tests_name("worker_message", tests, NULL, NULL);
}
