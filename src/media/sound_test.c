#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <libavcodec/avcodec.h>

#include "media/sound.h"

/* Decodes what comes out and keeps it, so that the test hears what a listener does. */
struct listener {
    AVCodecContext *decoder;
    float heard[48000 * 4];
    size_t count, packets;
    int64_t first_pts, next_pts;
    unsigned gaps;
};

static err hear(void *context, int64_t pts, uint32_t duration, struct bytes data, struct diag *d) {
    (void)d;
    struct listener *l = context;
    assert_int_equal(duration, 960);
    assert_int_equal(opus_packet_duration(data), 960);
    if (l->packets == 0)
        l->first_pts = pts;
    else if (pts != l->next_pts)
        l->gaps++;
    l->next_pts = pts + duration;
    l->packets++;
    AVPacket *p = av_packet_alloc();
    AVFrame *f = av_frame_alloc();
    assert_true(p && f && av_new_packet(p, (int)data.len) == 0);
    memcpy(p->data, data.data, data.len);
    assert_int_equal(avcodec_send_packet(l->decoder, p), 0);
    while (avcodec_receive_frame(l->decoder, f) == 0) {
        assert_int_equal(f->format, AV_SAMPLE_FMT_FLTP);
        for (int i = 0; i < f->nb_samples && l->count < 48000 * 4; i++)
            l->heard[l->count++] = ((float *)(void *)f->data[0])[i];
    }
    av_frame_free(&f);
    av_packet_free(&p);
    return ERR_OK;
}

static void listen(struct listener *l) {
    const AVCodec *codec = avcodec_find_decoder(AV_CODEC_ID_OPUS);
    l->decoder = avcodec_alloc_context3(codec);
    l->decoder->sample_rate = 48000;
    av_channel_layout_default(&l->decoder->ch_layout, 1);
    assert_int_equal(avcodec_open2(l->decoder, codec, NULL), 0);
}

/* How much of a tone's energy is at `hz`: 1 is a pure tone. */
static double purity(const float *x, size_t n, double hz) {
    double re = 0, im = 0, energy = 0;
    for (size_t i = 0; i < n; i++) {
        re += x[i] * cos(2 * M_PI * hz * (double)i / 48000);
        im += x[i] * sin(2 * M_PI * hz * (double)i / 48000);
        energy += x[i] * x[i];
    }
    return 2 * (re * re + im * im) / ((double)n * energy);
}

/* The inverse of G.711 by search, from the definition of its decoding tables in ITU-T G.191: nearest value
 * wins. */
static double mu_value(uint8_t b) {
    unsigned v = ~(unsigned)b & 255u;
    double m = ((2.0 * (v & 15) + 33) * (1u << (v >> 4 & 7)) - 33) * 4;
    return v & 0x80 ? -m : m;
}
static double a_value(uint8_t b) {
    unsigned v = b ^ 0x55u, segment = v >> 4 & 7;
    double m = segment ? (2.0 * (v & 15) + 33) * (1u << (segment - 1)) * 8 : (2.0 * (v & 15) + 1) * 8;
    return v & 0x80 ? m : -m;
}
static uint8_t nearest(bool a_law, double x) {
    uint8_t best = 0;
    double least = 1e9;
    for (unsigned b = 0; b < 256; b++) {
        double off = fabs((a_law ? a_value((uint8_t)b) : mu_value((uint8_t)b)) - x);
        if (off < least) {
            least = off;
            best = (uint8_t)b;
        }
    }
    return best;
}

static void test_g711_becomes_opus(void **state) {
    (void)state;
    for (int a_law = 0; a_law < 2; a_law++) {
        static struct listener l;
        l = (struct listener){0};
        listen(&l);
        const struct sound_sink sink = {&l, hear};
        struct sound *s = NULL;
        struct diag d = {0};
        assert_int_equal(sound_new(8000, 1, &sink, &s, &d), ERR_OK);
        uint8_t packet[160];
        for (int p = 0; p < 100; p++) { /* two seconds of 440 Hz, as cameras send it */
            for (int i = 0; i < 160; i++)
                packet[i] = nearest(a_law, 12000 * sin(2 * M_PI * 440 * (p * 160 + i) / 8000));
            assert_int_equal(sound_feed_g711(s, a_law, 5000 + p * 160, BYTES_OF(packet), &d), ERR_OK);
        }
        sound_free(s);
        avcodec_free_context(&l.decoder);
        assert_true(l.packets >= 98);
        assert_int_equal(l.gaps, 0);
        assert_true(llabs(l.first_pts - 30000) <= 960); /* where it began, less the encoder's look-ahead */
        assert_true(purity(l.heard + 24000, 48000, 440) > 0.98);
        double loudest = 0;
        for (size_t i = 24000; i < 72000; i++) loudest = fmax(loudest, fabs(l.heard[i]));
        assert_true(loudest > 0.3 && loudest < 0.45); /* 12000 of 32768 */
    }
}

static void test_gaps_are_gaps(void **state) {
    (void)state;
    static struct listener l;
    l = (struct listener){0};
    listen(&l);
    const struct sound_sink sink = {&l, hear};
    struct sound *s = NULL;
    struct diag d = {0};
    assert_int_equal(sound_new(16000, 1, &sink, &s, &d), ERR_OK);
    static const int16_t quiet[320];
    for (int i = 0; i < 10; i++) /* 10 ms of jitter in the time stamps are none in the sound */
        assert_int_equal(sound_feed(s, i * 320 + (i % 2) * 160, quiet, 320, &d), ERR_OK);
    assert_int_equal(l.gaps, 0);
    assert_int_equal(sound_feed(s, 48000, quiet, 320, &d), ERR_OK);
    assert_int_equal(sound_feed(s, 48320, quiet, 320, &d), ERR_OK);
    assert_int_equal(l.gaps, 1);
    assert_true(llabs(l.next_pts - 3 * 48640) <= 960);
    sound_free(s);
    avcodec_free_context(&l.decoder);
}

static void test_refuses(void **state) {
    (void)state;
    const struct sound_sink sink = {NULL, hear};
    struct sound *s = NULL;
    struct diag d = {0};
    assert_int_equal(sound_new(11025, 1, &sink, &s, &d), ERR_UNSUPPORTED);
    assert_int_equal(sound_new(8000, 3, &sink, &s, &d), ERR_UNSUPPORTED);
    assert_int_equal(sound_new(8000, 0, &sink, &s, &d), ERR_UNSUPPORTED);
    assert_null(s);
}

static void test_packet_duration(void **state) {
    (void)state;
    static const struct {
        uint8_t head[2];
        size_t len;
        uint32_t expected;
    } cases[] = {
        {{0x00}, 1, 480},        {{0x18}, 1, 2880}, {{0x78}, 1, 960}, {{0x80}, 1, 120},     {{0xf9}, 1, 1920},
        {{0xfb, 0x06}, 2, 5760}, {{0xfb, 7}, 2, 0}, {{0xfb}, 1, 0},   {{0xfb, 0x00}, 2, 0}, {{0}, 0, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(opus_packet_duration(BYTES(cases[i].head, cases[i].len)), cases[i].expected);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_g711_becomes_opus),
        cmocka_unit_test(test_gaps_are_gaps),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_packet_duration),
    };
    return cmocka_run_group_tests_name("sound", tests, NULL, NULL);
}
