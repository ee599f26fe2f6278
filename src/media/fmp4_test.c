#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "media/fmp4.h"

static const uint8_t avcc[] = {1,    0x64, 0x00, 0x28, 0xff, 0xe1, 0,    4,   0x67,
                               0x64, 0,    0x28, 1,    0,    2,    0x68, 0xee};
static const uint8_t hvcc[23] = {1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 93, 0xf0};
static const uint8_t hvcc_high[23] = {1, 0x42 | 0x20, 0x20, 0, 0, 0, 0xb0, 0, 0, 0, 0x10, 0, 120, 0xf0};
static const uint8_t aac[] = {0x12, 0x10};

static const struct media_track video = {.codec = MEDIA_CODEC_H264,
                                         .clock_hz = 90000,
                                         .width = 1920,
                                         .height = 1080,
                                         .config = {avcc, sizeof avcc}};
static const struct media_track sound = {
    .codec = MEDIA_CODEC_AAC, .clock_hz = 44100, .channels = 2, .config = {aac, sizeof aac}};

/* The contents of the box at `path` ("moof/traf/tfdt"); fails the test when it is not there or boxes do not
 * add up. */
static struct bytes find(struct bytes in, const char *path) {
    while (in.len) {
        if (in.len < 8) fail_msg("%zu bytes are left over before %s", in.len, path);
        uint32_t size = be32_get(in.data);
        if (size < 8 || size > in.len) fail_msg("a box of %u bytes in %zu", size, in.len);
        if (memcmp(in.data + 4, path, 4) == 0) {
            struct bytes contents = BYTES(in.data + 8, size - 8);
            return path[4] ? find(contents, path + 5) : contents;
        }
        in = BYTES(in.data + size, in.len - size);
    }
    fail_msg("no box %s", path);
    return in;
}

/* All boxes, all the way down, fill their parents exactly. */
static void walk(struct bytes in) {
    static const char *const parents[] = {"moov", "trak", "mdia", "minf", "dinf",
                                          "stbl", "mvex", "moof", "traf"};
    while (in.len) {
        assert_true(in.len >= 8);
        uint32_t size = be32_get(in.data);
        assert_true(size >= 8 && size <= in.len);
        for (size_t i = 0; i < sizeof parents / sizeof *parents; i++)
            if (memcmp(in.data + 4, parents[i], 4) == 0) walk(BYTES(in.data + 8, size - 8));
        in = BYTES(in.data + size, in.len - size);
    }
}

static void test_codec_text(void **state) {
    (void)state;
    static const struct {
        const char *label;
        enum media_codec codec;
        struct bytes config;
        err expected;
        const char *text;
    } cases[] = {
        {"H.264 high", MEDIA_CODEC_H264, {avcc, sizeof avcc}, ERR_OK, "avc1.640028"},
        {"H.264 cut", MEDIA_CODEC_H264, {avcc, 6}, ERR_INVALID, NULL},
        {"H.264 Annex B",
         MEDIA_CODEC_H264,
         {(const uint8_t *)"\0\0\0\1\x67\x64\0\x28", 8},
         ERR_INVALID,
         NULL},
        {"H.265 main", MEDIA_CODEC_H265, {hvcc, sizeof hvcc}, ERR_OK, "hvc1.1.6.L93.90"},
        {"H.265 with all",
         MEDIA_CODEC_H265,
         {hvcc_high, sizeof hvcc_high},
         ERR_OK,
         "hvc1.A2.4.H120.B0.0.0.0.10"},
        {"H.265 cut", MEDIA_CODEC_H265, {hvcc, 22}, ERR_INVALID, NULL},
        {"AAC LC", MEDIA_CODEC_AAC, {aac, sizeof aac}, ERR_OK, "mp4a.40.2"},
        {"AAC, extended type", MEDIA_CODEC_AAC, {(const uint8_t *)"\xf9\x40", 2}, ERR_OK, "mp4a.40.42"},
        {"AAC cut", MEDIA_CODEC_AAC, {aac, 1}, ERR_INVALID, NULL},
        {"Opus", MEDIA_CODEC_OPUS, {NULL, 0}, ERR_OK, "opus"},
        {"G.711", MEDIA_CODEC_PCMU, {NULL, 0}, ERR_UNSUPPORTED, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct media_track t = {.codec = cases[i].codec, .config = cases[i].config};
        char text[FMP4_CODEC_TEXT_BYTES] = "untouched";
        struct diag d = {0};
        err e = fmp4_codec_text(&t, text, &d);
        if (e != cases[i].expected) fail_msg("%s: %s", cases[i].label, err_text(e));
        assert_string_equal(text, e ? "untouched" : cases[i].text);
        if (e) assert_true(d.text[0]);
    }
}

static void test_init(void **state) {
    (void)state;
    AUTO(blob_clear) struct blob out = {0};
    const struct media_track tracks[] = {video, sound};
    struct diag d = {0};
    assert_int_equal(fmp4_init_append(&out, tracks, 2, &d), ERR_OK);
    walk(blob_bytes(&out));
    struct bytes moov = find(blob_bytes(&out), "moov");
    struct bytes entry = find(moov, "trak/mdia/minf/stbl/stsd");
    assert_int_equal(be32_get(entry.data + 4), 1);
    assert_memory_equal(entry.data + 12, "avc1", 4);
    assert_int_equal(be16_get(entry.data + 8 + 32), 1920);
    assert_int_equal(be16_get(entry.data + 8 + 34), 1080);
    assert_true(bytes_equal(find(BYTES(entry.data + 8 + 86, entry.len - 8 - 86), "avcC"), video.config));
    assert_int_equal(be32_get(find(moov, "trak/mdia/mdhd").data + 12), 90000);
    struct bytes second = BYTES(find(moov, "trak").data + find(moov, "trak").len, 0);
    second.len = (size_t)(moov.data + moov.len - second.data);
    assert_int_equal(be32_get(find(second, "trak/tkhd").data + 12), 2);
    assert_int_equal(be32_get(find(second, "trak/mdia/mdhd").data + 12), 44100);
    assert_memory_equal(find(second, "trak/mdia/minf/stbl/stsd").data + 12, "mp4a", 4);
    assert_int_equal(find(moov, "mvex").len, 2 * 32);
}

static void test_init_refuses(void **state) {
    (void)state;
    struct media_track wide = video, flat = video, fast = sound, opus = sound, large = video;
    wide.width = MEDIA_WIDTH_MAX + 1;
    flat.height = 0;
    fast.clock_hz = 192001;
    opus.codec = MEDIA_CODEC_OPUS;
    opus.clock_hz = 48000;
    opus.channels = 3;
    large.config.len = FMP4_CONFIG_MAX_BYTES + 1;
    const struct {
        const char *label;
        const struct media_track *track;
        err expected;
    } cases[] = {{"too wide", &wide, ERR_LIMIT},
                 {"no height", &flat, ERR_LIMIT},
                 {"sound too fast", &fast, ERR_LIMIT},
                 {"Opus of three channels", &opus, ERR_UNSUPPORTED},
                 {"large configuration", &large, ERR_LIMIT}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        AUTO(blob_clear) struct blob out = {0};
        struct diag d = {0};
        err e = fmp4_init_append(&out, cases[i].track, 1, &d);
        if (e != cases[i].expected || out.len) fail_msg("%s: %s", cases[i].label, err_text(e));
    }
    AUTO(blob_clear) struct blob out = {0};
    struct media_track widest = video;
    widest.width = MEDIA_WIDTH_MAX;
    assert_int_equal(fmp4_init_append(&out, &widest, 1, NULL), ERR_OK);
}

static void test_fragment(void **state) {
    (void)state;
    AUTO(blob_clear) struct blob out = {0};
    assert_int_equal(blob_append(&out, bytes_text("before")), ERR_OK);
    const struct fmp4_sample samples[] = {{5, 3600, 0, true}, {3, 3600, -1800, false}};
    const struct wall_us wall = {1795318458140289};
    assert_int_equal(
        fmp4_fragment_append(&out, 7, 1, fmp4_time(wall, 90000), samples, 2, bytes_text("ABCDEFGH")), ERR_OK);
    struct bytes fragment = BYTES(out.data + 6, out.len - 6);
    walk(fragment);
    assert_int_equal(be32_get(find(fragment, "moof/mfhd").data + 4), 7);
    assert_int_equal(be32_get(find(fragment, "moof/traf/tfhd").data + 4), 1);
    struct bytes tfdt = find(fragment, "moof/traf/tfdt"), trun = find(fragment, "moof/traf/trun");
    assert_int_equal(tfdt.data[0], 1);
    assert_int_equal(be64_get(tfdt.data + 4), INT64_C(161578661232626)); /* 1795318458.140289 * 90000 */
    assert_int_equal(trun.data[0], 1);
    assert_int_equal(be32_get(trun.data + 4), 2);
    const uint8_t *first = fragment.data + be32_get(trun.data + 8);
    assert_memory_equal(first, "ABCDEFGH", 8);
    assert_true(first + 8 == fragment.data + fragment.len);
    assert_int_equal(be32_get(trun.data + 12 + 4), 5);
    assert_int_equal(be32_get(trun.data + 12 + 8), 0x02000000);
    assert_int_equal((int32_t)be32_get(trun.data + 28 + 12), -1800);
    assert_int_equal(be32_get(trun.data + 28 + 8), 0x01010000);

    size_t len = out.len;
    assert_int_equal(fmp4_fragment_append(&out, 8, 1, 0, samples, 0, bytes_text("")), ERR_LIMIT);
    assert_int_equal(fmp4_fragment_append(&out, 8, 1, 0, samples, FMP4_SAMPLES_MAX + 1, bytes_text("")),
                     ERR_LIMIT);
    assert_int_equal(out.len, len);
}

static void test_time(void **state) {
    (void)state;
    /* To the year 2106, whatever the time scale, without overflow and never rounded up. */
    static const uint32_t scales[] = {8000, 44100, 48000, 90000, 192000};
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
        assert_int_equal(fmp4_time((struct wall_us){INT64_C(4294967295999999)}, scales[i]),
                         UINT64_C(4294967296) * scales[i] - 1);
        assert_int_equal(fmp4_time((struct wall_us){0}, scales[i]), 0);
        assert_int_equal(fmp4_time((struct wall_us){-5}, scales[i]), 0);
    }
}

static void test_pace(void **state) {
    (void)state;
    struct fmp4_pace p = {0};
    assert_int_equal(fmp4_pace_duration(&p, 90000), 9000);
    for (int i = 0; i < 3; i++) fmp4_pace_step(&p, 3600, 90000);
    assert_int_equal(fmp4_pace_duration(&p, 90000), 3600);
    fmp4_pace_step(&p, 18000, 90000); /* 25 frames a second become 5: at once */
    assert_int_equal(fmp4_pace_duration(&p, 90000), 18000);
    for (int i = 0; i < 8; i++) fmp4_pace_step(&p, 3600, 90000);
    assert_int_equal(fmp4_pace_duration(&p, 90000), 3600);
    fmp4_pace_step(&p, 90001, 90000);
    fmp4_pace_step(&p, -5, 90000);
    assert_int_equal(fmp4_pace_duration(&p, 90000), 3600);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codec_text), cmocka_unit_test(test_init), cmocka_unit_test(test_init_refuses),
        cmocka_unit_test(test_fragment),   cmocka_unit_test(test_time), cmocka_unit_test(test_pace),
    };
    return cmocka_run_group_tests_name("fmp4", tests, NULL, NULL);
}
