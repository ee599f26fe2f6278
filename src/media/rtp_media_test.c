#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "media/h264_sps.h"
#include "media/h265_sps.h"
#include "media/rtp_sound.h"
#include "media/rtp_video.h"

struct nal {
    uint8_t data[256];
    size_t len;
};

static struct bytes unhex(const char *text, struct nal *out) {
    out->len = strlen(text) / 2;
    assert_int_equal(hex_decode(text, (struct buffer){out->data, out->len}), ERR_OK);
    return BYTES(out->data, out->len);
}

/* Parameter sets that x264 and x265 wrote, with what they were asked for. */
static void test_sps(void **state) {
    (void)state;
    static const struct {
        const char *label, *hex;
        uint16_t width, height;
        uint8_t profile, level, reorder;
    } cases[] = {
        {"high 1080p", "67640028acb403c0113f2c20000003002000000641e30654", 1920, 1080, 100, 40, 0},
        {"baseline small", "6742c00ad902847e5c05a830303528000003000800000300f478913240", 160, 120, 66, 10, 0},
        {"baseline 1080p", "6742c028d900780227e5ffc000c00104000003000400000300c83c60c920", 1920, 1080, 66, 40,
         0},
        {"main with B", "674d401eeca0501ed808800000030080000019078b16cb", 640, 480, 77, 30, 2},
        {"4:2:2 10 bit", "677a001eb6cd940b424dff800800078800000300080000030190f8a14cb0", 720, 576, 122, 30,
         2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct nal nal;
        struct h264_sps s = {0};
        struct bytes raw = unhex(cases[i].hex, &nal);
        assert_int_equal(h264_sps_parse(raw, &s), ERR_OK);
        if (s.width != cases[i].width || s.height != cases[i].height || s.profile != cases[i].profile ||
            s.level != cases[i].level || s.reorder != cases[i].reorder)
            fail_msg("%s: %ux%u profile %u level %u reorder %u", cases[i].label, s.width, s.height, s.profile,
                     s.level, s.reorder);
        for (size_t n = 0; n < 8; n++) assert_int_not_equal(h264_sps_parse(BYTES(nal.data, n), &s), ERR_OK);
    }
    struct nal nal;
    struct h265_sps s = {0};
    assert_int_equal(
        h265_sps_parse(
            unhex("420101022000000300900000030000030078a003c08010e4d96565924caf016808000003000800000300c840",
                  &nal),
            &s),
        ERR_OK);
    assert_int_equal(s.width, 1920);
    assert_int_equal(s.height, 1080);
    assert_int_equal(s.depth_luma, 10);
    assert_int_equal(s.reorder, 2);
    assert_int_equal(h265_sps_parse(unhex("420101040800000300980800000300001e9002840f2294b2b3492657ff80008000"
                                          "b5060606040000030004000003003c20",
                                          &nal),
                                    &s),
                     ERR_OK);
    assert_int_equal(s.width, 160);
    assert_int_equal(s.height, 120);
    for (size_t n = 0; n < 20; n++) assert_int_not_equal(h265_sps_parse(BYTES(nal.data, n), &s), ERR_OK);
}

/* As FFmpeg writes them for the same parameter sets. */
static void test_config(void **state) {
    (void)state;
    static const struct {
        bool h265;
        const char *sets[3], *expected;
    } cases[] = {
        {false,
         {"67640028acd940780227e5c044000003000400000300c83c60c658", "68ebe3cb22c0"},
         "01640028ffe1001b67640028acd940780227e5c044000003000400000300c83c60c65801000668ebe3cb22c0fdf8f800"},
        {true,
         {"40010c01ffff022000000300900000030000030078959409",
          "420101022000000300900000030000030078a003c08010e4d96565924caf016808000003000800000300c840",
          "4401c172b46240"},
         "01022000000090000000000078f000fcfdfafa00000f03"
         "a00001001840010c01ffff022000000300900000030000030078959409"
         "a10001002c420101022000000300900000030000030078a003c08010e4d96565924caf016808000003000800000300c840"
         "a2000100074401c172b46240"},
    };
    for (size_t i = 0; i < 2; i++) {
        struct param_sets s = {.h265 = cases[i].h265};
        AUTO(blob_clear) struct blob config = {0};
        struct media_track t;
        uint8_t reorder;
        struct nal nal;
        for (size_t k = 0; k < 3 && cases[i].sets[k]; k++) {
            assert_int_equal(param_sets_describe(&s, &t, &config, &reorder), ERR_NOT_FOUND);
            assert_int_equal(param_sets_put(&s, unhex(cases[i].sets[k], &nal)), ERR_OK);
        }
        assert_int_equal(param_sets_describe(&s, &t, &config, &reorder), ERR_OK);
        assert_true(bytes_equal(t.config, unhex(cases[i].expected, &nal)));
        assert_int_equal(t.width, 1920);
        assert_int_equal(t.height, 1080);
        assert_false(s.changed);
        assert_int_equal(param_sets_put(&s, unhex(cases[i].sets[0], &nal)), ERR_OK); /* the same again */
        assert_false(s.changed);
    }
}

static void test_config_limits(void **state) {
    (void)state;
    struct param_sets s = {0};
    uint8_t pps[PARAM_SET_MAX_BYTES + 1] = {0x68};
    memset(pps + 1, 0xff, sizeof pps - 1);
    assert_int_equal(param_sets_put(&s, BYTES(pps, PARAM_SET_MAX_BYTES)), ERR_OK);
    assert_int_equal(param_sets_put(&s, BYTES(pps, PARAM_SET_MAX_BYTES + 1)), ERR_LIMIT);
    unsigned taken = 1;
    for (unsigned id = 0; id < 64; id++) { /* picture parameter sets of many numbers, of SPS 0 */
        uint32_t code = id + 1;
        unsigned bits = 32 - (unsigned)__builtin_clz(code);
        uint32_t v = (code << 1 | 1) << (32 - (2 * bits - 1) - 1) | 1;
        uint8_t one[5] = {0x68};
        be32_put(one + 1, v);
        err e = param_sets_put(&s, BYTES_OF(one));
        assert_true(e == ERR_OK || e == ERR_LIMIT);
        taken += e == ERR_OK;
        assert_true(s.count <= PARAM_SETS_MAX);
    }
    assert_int_equal(s.count, PARAM_SETS_MAX);
    assert_true(taken >= PARAM_SETS_MAX);
}

/* What a depacketiser handed over, as text: "K3000:AABB P6000:..." */
struct seen {
    char text[1024];
    size_t at;
    struct rtp_video *video;
};

static err see(void *context, const struct rtp_unit *u, struct diag *d) {
    struct seen *s = context;
    (void)d;
    if (s->video && u->key && s->video->sets.changed) {
        struct media_track t;
        uint8_t reorder;
        AUTO(blob_clear) struct blob config = {0};
        assert_int_equal(param_sets_describe(&s->video->sets, &t, &config, &reorder), ERR_OK);
    }
    s->at += (size_t)snprintf(s->text + s->at, sizeof s->text - s->at, "%s%c%u:", s->at ? " " : "",
                              u->key ? 'K' : 'P', u->timestamp);
    for (size_t i = 0; i < u->data.len && s->at + 3 < sizeof s->text; i++)
        s->at += (size_t)snprintf(s->text + s->at, sizeof s->text - s->at, "%02x", u->data.data[i]);
    return ERR_OK;
}

struct feed {
    uint32_t timestamp;
    bool marker, gap;
    const char *hex;
};

#define SPS "67640028acd940780227e5c044000003000400000300c83c60c658"
#define PPS "68ebe3cb22c0"
#define IDR "6588aa" /* first_mb 0, slice type 7, PPS 0 */
#define P "419aaa"   /* first_mb 0, slice type 5, PPS 0, referred to */
#define B "019eaa"   /* the same, referred to by nothing */

static void video_run(const char *label, bool h265, const struct feed *in, size_t count, const char *expected,
                      uint64_t dropped) {
    struct rtp_video v;
    struct seen seen = {.video = &v};
    struct diag d = {0};
    rtp_video_init(&v, h265, (struct rtp_unit_sink){&seen, see});
    for (size_t i = 0; i < count; i++) {
        struct nal nal;
        const struct rtp_packet p = {
            .timestamp = in[i].timestamp, .marker = in[i].marker, .payload = unhex(in[i].hex, &nal)};
        err e = rtp_video_packet(&v, &p, in[i].gap, &d);
        if (e) fail_msg("%s: %s", label, d.text);
    }
    assert_int_equal(rtp_video_flush(&v, &d), ERR_OK);
    if (strcmp(seen.text, expected) != 0) fail_msg("%s: %s, not %s", label, seen.text, expected);
    if (v.dropped != dropped) fail_msg("%s: %u dropped", label, (unsigned)v.dropped);
    rtp_video_clear(&v);
}

#define VIDEO(label, h265, expected, dropped, ...)                                                           \
    do {                                                                                                     \
        static const struct feed in[] = {__VA_ARGS__};                                                       \
        video_run(label, h265, in, sizeof in / sizeof *in, expected, dropped);                               \
    } while (0)
#define SETS                                                                                                 \
    {1, false, false, SPS}, {                                                                                \
        1, false, false, PPS                                                                                 \
    }

static void test_h264(void **state) {
    (void)state;
    VIDEO("single units", false,
          "K1:00000003"
          "6588aa P2:00000003"
          "419aaa",
          0, SETS, {1, true, false, IDR}, {2, true, false, P});
    VIDEO("no marker: time tells", false,
          "K1:00000003"
          "6588aa P2:00000003"
          "419aaa",
          0, SETS, {1, false, false, IDR}, {2, false, false, P});
    VIDEO("aggregate with a delimiter and SEI", false,
          "K1:00000003"
          "060080"
          "000000036588aa",
          0, {1, false, false, "78001b" SPS "0006" PPS},
          {1, true, false,
           "78"
           "000209f0"
           "0003060080"
           "0003" IDR});
    VIDEO("fragments", false,
          "K1:00000005"
          "6588aabbcc",
          0, SETS, {1, false, false, "7c8588"}, {1, false, false, "7c05aabb"}, {1, true, false, "7c45cc"});
    VIDEO("a forgotten end bit", false,
          "K1:00000005"
          "6588aabbcc",
          0, SETS, {1, false, false, "7c8588aa"}, {1, true, false, "7c05bbcc"});
    VIDEO("nothing before the first key frame", false,
          "K3:00000003"
          "6588aa",
          0, SETS, {1, true, false, P}, {2, true, false, P}, {3, true, false, IDR});
    VIDEO("no parameter sets", false, "", 0, {1, true, false, IDR}, {2, true, false, P});
    VIDEO("slices of one picture", false,
          "K1:00000003"
          "6588aa"
          "00000003"
          "65448a",
          0, SETS, {1, false, false, IDR}, {1, true, false, "65448a"});
    VIDEO("each slice marked", false,
          "K1:000000036588aa K4:00000003"
          "6588aa"
          "0000000365448a",
          1, SETS, {1, true, false, IDR}, {1, true, false, "65448a"}, {4, true, false, IDR},
          {4, true, false, "65448a"});
    VIDEO("two pictures of one time", false, "K1:000000036588aa P1:00000003419aaa", 0, SETS,
          {1, true, false, IDR}, {1, true, false, P});
    VIDEO("recovery point", false,
          "K1:0000000406060184"
          "0000000341b8aa",
          0, SETS, {1, false, false, "06060184"}, {1, true, false, "41b8aa"});
    VIDEO("recovery point of P slices is none", false, "", 0, SETS, {1, false, false, "06060184"},
          {1, true, false, P});
}

static void test_h264_losses(void **state) {
    (void)state;
    VIDEO("a referred picture torn", false, "K1:000000036588aa K4:000000036588aa", 2, SETS,
          {1, true, false, IDR},
          {2, false, false,
           "5c81"
           "9a"},
          {2, true, true,
           "5c41"
           "aa"},
          {3, true, false, P}, {4, true, false, IDR});
    VIDEO("whole pictures missing", false, "K1:000000036588aa K4:000000036588aa", 1, SETS,
          {1, true, false, IDR}, {3, true, true, P}, {4, true, false, IDR});
    VIDEO("missing, and a key frame follows at once", false,
          "K1:000000036588aa K4:000000036588aa P5:00000003419aaa", 0, SETS, {1, true, false, IDR},
          {4, true, true, IDR}, {5, true, false, P});
    VIDEO("a slice missing of what nothing refers to", false, "K1:000000036588aa P3:00000003419aaa", 1, SETS,
          {1, true, false, IDR}, {2, false, false, B}, {2, true, true, "01448a"}, {3, true, false, P});
    VIDEO("fragment without start", false, "K1:000000036588aa", 1, SETS, {1, true, false, IDR},
          {2, true, false, "5c4122"});
    VIDEO("fragment without end", false, "K1:000000036588aa K3:000000036588aa", 1, SETS,
          {1, true, false, IDR}, {2, false, false, "5c819a"}, {2, true, false, "419aaa"},
          {3, true, false, IDR});
    VIDEO("a torn key frame is none", false, "K5:000000036588aa", 0, SETS, {1, false, false, "7c8588"},
          {1, true, true, "7c45aa"}, {2, true, false, P}, {5, true, false, IDR});
    VIDEO("aggregate cut short", false, "K1:000000036588aa", 1, SETS, {1, true, false, IDR},
          {2, true, false, "780003419aaa000541"});
    VIDEO("forbidden bit", false, "K1:000000036588aa", 1, SETS, {1, true, false, IDR},
          {2, true, false, "c19aaa"});
    VIDEO("interleaved mode", false, "K1:000000036588aa", 1, SETS, {1, true, false, IDR},
          {2, true, false, "79000041"});
    VIDEO("new parameter sets without a key frame", false, "K1:000000036588aa K3:000000036588aa", 1, SETS,
          {1, true, false, IDR},
          {2, false, false, "6742c028d900780227e5ffc000c00104000003000400000300c83c60c920"},
          {2, true, false, P}, {3, true, false, IDR});
}

#define VPS5 "40010c01ffff022000000300900000030000030078959409"
#define SPS5 "420101022000000300900000030000030078a003c08010e4d96565924caf016808000003000800000300c840"
#define PPS5 "4401c172b46240"
#define SETS5                                                                                                \
    {1, false, false, VPS5}, {1, false, false, SPS5}, {                                                      \
        1, false, false, PPS5                                                                                \
    }

static void test_h265(void **state) {
    (void)state;
    VIDEO("single units", true,
          "K1:00000004"
          "2601af12 P2:00000004"
          "0201d012",
          0, SETS5, {1, true, false, "2601af12"}, {2, true, false, "0201d012"});
    VIDEO("fragments", true,
          "K1:00000006"
          "2601af123456",
          0, SETS5, {1, false, false, "620193af"}, {1, false, false, "62011312"},
          {1, true, false, "6201533456"});
    VIDEO("aggregate", true, "K1:000000042601af12", 0,
          {1, true, false,
           "6001"
           "0018" VPS5 "002c" SPS5 "0007" PPS5 "0004"
           "2601af12"});
    VIDEO("leading pictures of the first CRA", true,
          "K1:000000042a01af12 P4:000000040201d012 K5:000000042a01af12 P6:000000041001d012", 0, SETS5,
          {1, true, false, "2a01af12"}, {2, true, false, "1001d012"}, {3, true, false, "1201d012"},
          {4, true, false, "0201d012"}, {5, true, false, "2a01af12"}, {6, true, false, "1001d012"});
    VIDEO("a referred picture torn", true, "K1:000000042601af12 K4:000000042601af12", 2, SETS5,
          {1, true, false, "2601af12"}, {2, false, false, "620181d0"}, {2, true, true, "62014112"},
          {3, true, false, "0201d012"}, {4, true, false, "2601af12"});
    VIDEO("a slice missing of what nothing refers to", true, "K1:000000042601af12 P3:000000040201d012", 1,
          SETS5, {1, true, false, "2601af12"}, {2, false, false, "0001d012"}, {2, true, true, "00015012"},
          {3, true, false, "0201d012"});
    VIDEO("too short for a header", true, "K1:000000042601af12", 1, SETS5, {1, true, false, "2601af12"},
          {2, true, false, "0201"});
}

static void test_video_limits(void **state) {
    (void)state;
    struct rtp_video v;
    struct seen seen = {0};
    struct diag d = {0};
    rtp_video_init(&v, false, (struct rtp_unit_sink){&seen, see});
    uint8_t payload[60000] = {0x7c, 0x85};
    err e = ERR_OK;
    size_t sent = 0;
    for (; !e && sent < 16u * MEDIA_SAMPLE_MAX_BYTES; sent += sizeof payload) {
        const struct rtp_packet p = {.timestamp = 1, .payload = BYTES_OF(payload)};
        e = rtp_video_packet(&v, &p, false, &d);
        payload[1] = 0x05;
        assert_true(v.unit.cap <= 2 * MEDIA_SAMPLE_MAX_BYTES + 4096);
    }
    assert_int_equal(e, ERR_LIMIT);
    assert_non_null(strstr(d.text, "larger than 6 MiB"));
    rtp_video_clear(&v);
}

static void sound_run(const char *label, enum rtp_sound_form form, const struct feed *in, size_t count,
                      const char *expected, uint64_t damaged) {
    struct rtp_sound s;
    struct seen seen = {0};
    struct diag d = {0};
    rtp_sound_init(&s, form, (struct rtp_unit_sink){&seen, see});
    for (size_t i = 0; i < count; i++) {
        struct nal raw;
        const struct rtp_packet p = {
            .timestamp = in[i].timestamp, .marker = in[i].marker, .payload = unhex(in[i].hex, &raw)};
        assert_int_equal(rtp_sound_packet(&s, &p, in[i].gap, &d), ERR_OK);
    }
    if (strcmp(seen.text, expected) != 0) fail_msg("%s: %s, not %s", label, seen.text, expected);
    if (s.damaged_packets != damaged) fail_msg("%s: %u damaged", label, (unsigned)s.damaged_packets);
    rtp_sound_clear(&s);
}

#define SOUND(label, form, expected, damaged, ...)                                                           \
    do {                                                                                                     \
        static const struct feed in[] = {__VA_ARGS__};                                                       \
        sound_run(label, form, in, sizeof in / sizeof *in, expected, damaged);                               \
    } while (0)

static void test_sound(void **state) {
    (void)state;
    SOUND("Opus or G.711", RTP_SOUND_PLAIN, "K5:aabb K9:cc", 0, {5, false, false, "aabb"},
          {9, true, true, "cc"}, {12, true, false, ""});
    SOUND("one unit", RTP_SOUND_AAC, "K5:aabbcc", 0, {5, true, false, "00100018aabbcc"});
    SOUND("two units", RTP_SOUND_AAC, "K5:aabb K1029:cc", 0, {5, true, false, "002000100008aabbcc"});
    SOUND("a unit over two packets", RTP_SOUND_AAC, "K5:aabbccdd", 0, {5, false, false, "00100020aabb"},
          {5, true, false, "00100020ccdd"});
    SOUND("half a unit lost", RTP_SOUND_AAC, "K9:ee", 2, {5, false, false, "00100020aabb"},
          {5, true, true, "00100020ccdd"}, {9, true, false, "00100008ee"});
    SOUND("sizes beyond the packet", RTP_SOUND_AAC, "K5:aabb", 1, {5, true, false, "0020001000f8aabbcc"});
    SOUND("headers beyond the packet", RTP_SOUND_AAC, "", 3, {5, true, false, "ffff0010aa"},
          {6, true, false, "00"}, {7, true, false, "0000aa"});
    SOUND("LATM", RTP_SOUND_LATM, "K5:aabb", 0, {5, true, false, "02aabb"});
    SOUND("LATM over two packets", RTP_SOUND_LATM, "K5:aabbcc", 0, {5, false, false, "03aa"},
          {5, true, false, "bbcc"});
    SOUND("LATM too long", RTP_SOUND_LATM, "", 2, {5, true, false, "04aa"}, {6, true, false, "ff"});
}

static void test_aac_config(void **state) {
    (void)state;
    static const struct {
        const char *hex;
        err expected;
        uint32_t hz;
        uint8_t channels;
        uint16_t samples;
    } cases[] = {
        {"1190", ERR_OK, 48000, 2, 1024},     {"1408", ERR_OK, 16000, 1, 1024},
        {"1588", ERR_OK, 8000, 1, 1024},      {"1194", ERR_OK, 48000, 2, 960},
        {"f8f0", ERR_INVALID, 0, 0, 0},       {"1690", ERR_INVALID, 0, 0, 0},
        {"2b920800", ERR_OK, 22050, 2, 1024}, {"11", ERR_INVALID, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct nal raw;
        struct aac_config c = {0};
        err e = aac_config_parse(unhex(cases[i].hex, &raw), &c);
        if (e != cases[i].expected || c.sample_hz != cases[i].hz || c.channels != cases[i].channels ||
            c.unit_samples != cases[i].samples)
            fail_msg("%s: %s %u %u %u", cases[i].hex, err_text(e), c.sample_hz, c.channels, c.unit_samples);
    }
    uint8_t made[2], inner[64];
    size_t len;
    assert_int_equal(aac_config_make(16000, 1, made), ERR_OK);
    assert_int_equal(be16_get(made), 0x1408);
    assert_int_equal(aac_config_make(12345, 1, made), ERR_UNSUPPORTED);
    struct nal raw;
    assert_int_equal(latm_config_parse(unhex("400026203fc0", &raw), inner, &len),
                     ERR_OK); /* 24 kHz, stereo */
    struct aac_config c;
    assert_int_equal(aac_config_parse(BYTES(inner, len), &c), ERR_OK);
    assert_int_equal(c.sample_hz, 24000);
    assert_int_equal(latm_config_parse(unhex("c0002320", &raw), inner, &len), ERR_UNSUPPORTED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sps),           cmocka_unit_test(test_config),
        cmocka_unit_test(test_config_limits), cmocka_unit_test(test_h264),
        cmocka_unit_test(test_h264_losses),   cmocka_unit_test(test_h265),
        cmocka_unit_test(test_video_limits),  cmocka_unit_test(test_sound),
        cmocka_unit_test(test_aac_config),
    };
    return cmocka_run_group_tests_name("rtp_media", tests, NULL, NULL);
}
