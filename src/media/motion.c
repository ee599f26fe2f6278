#include "media/motion.h"

#include <libavcodec/avcodec.h>
#include <stdlib.h>

#include "media/motion_grid.h"
#include "media/picture.h"

#define GOP_MAX_BYTES (2u << 20) /* kept, so that decoding can begin in the middle of one */
#define GOP_MAX_FRAMES 300
#define RISE 1.5f /* times the baseline that a frame's size hints at change */
#define RISE_BYTES 20.0f
#define HINTS 2 /* such frames in a row */
#define BASELINE_RATE 0.02f
#define LOOK_US 200000       /* between two looks, and two messages */
#define STILL_US 4000000     /* without motion before the decoder goes away */
#define KEY_LOOK_US 20000000 /* between safety looks at a key frame, while nothing hints at change */
/* Larger pictures (a main stream without a substream) cost too much to decode one after the other: of these
 * only key frames are looked at, this far apart while something hints at change. */
#define LARGE_PIXELS (1024u * 576u)
#define LARGE_LOOK_US 4000000
#define LARGE_MOVING_US                                                                                      \
    12000000 /* while it moves: the pictures taken every ten seconds are looked at anyway */
#define LARGE_STILL_US 15000000

struct kept_frame {
    uint32_t offset, bytes;
};

struct motion {
    struct media_track track;
    struct blob config;
    /* What came since the last key frame, while nothing is being decoded. */
    struct blob gop;
    struct kept_frame frames[GOP_MAX_FRAMES];
    size_t frame_count;
    bool gop_whole;
    bool baseline_known;
    float baseline; /* bytes of a frame between key frames while nothing moves */
    double still_bytes;
    unsigned still_frames, hints;
    AVCodecContext *decoder; /* NULL: idle */
    AVPacket *packet;
    AVFrame *frame;
    struct motion_grid grid;
    int64_t look_us, key_look_us, moved_us; /* arrival times */
    bool moving, large, hinted;
    bool shown; /* `cells` are of the key frame that comes next */
    float cells[MOTION_GRID_CELLS];
};

void motion_free(struct motion *m) {
    if (!m) return;
    avcodec_free_context(&m->decoder);
    av_packet_free(&m->packet);
    av_frame_free(&m->frame);
    blob_clear(&m->config);
    blob_clear(&m->gop);
    free(m);
}

static void motion_release(struct motion **m) {
    motion_free(*m);
}

err motion_new(const struct media_track *video, struct motion **out, struct diag *d) {
    AUTO(motion_release) struct motion *m = calloc(1, sizeof *m);
    if (!m || blob_append(&m->config, video->config))
        return diag_fail(d, ERR_NO_MEMORY, "no memory to see motion");
    m->track = *video;
    m->track.config = blob_bytes(&m->config);
    m->large = (uint32_t)video->width * video->height > LARGE_PIXELS;
    *out = m;
    m = NULL;
    return ERR_OK;
}

/* --- Hints --- */

/* The baseline follows slowly, and faster downwards. */
static bool hints_at_change(struct motion *m, size_t bytes) {
    float size = (float)bytes;
    bool larger = size > m->baseline * RISE + RISE_BYTES;
    m->hints = larger ? m->hints + 1 : 0;
    m->baseline += (size - m->baseline) * (size < m->baseline ? 2 * BASELINE_RATE : BASELINE_RATE);
    return m->hints >= HINTS;
}

static void keep(struct motion *m, const struct media_sample *s) {
    if (s->key) {
        m->gop.len = m->frame_count = 0;
        m->gop_whole = true;
    }
    if (!m->gop_whole) return;
    if (m->frame_count == GOP_MAX_FRAMES || m->gop.len + s->data.len > GOP_MAX_BYTES ||
        blob_append(&m->gop, s->data)) {
        m->gop_whole = false;
        return;
    }
    m->frames[m->frame_count++] =
        (struct kept_frame){(uint32_t)(m->gop.len - s->data.len), (uint32_t)s->data.len};
}

/* --- Decoding --- */

static bool take_cells(struct motion *m, const AVFrame *f) {
    /* 8 bits of luma in the first plane is what every camera's format has; deeper ones are left to later
     * work. */
    bool planar = f->format == AV_PIX_FMT_YUV420P || f->format == AV_PIX_FMT_YUVJ420P ||
                  f->format == AV_PIX_FMT_YUV422P || f->format == AV_PIX_FMT_YUVJ422P ||
                  f->format == AV_PIX_FMT_GRAY8;
    if (!planar || f->width < MOTION_GRID_COLUMNS * 2 || f->height < MOTION_GRID_ROWS * 2) return false;
    motion_grid_cells(f->data[0], (size_t)f->linesize[0], f->width, f->height, m->cells);
    return true;
}

static void look(struct motion *m, struct worker_motion *out, bool *looked) {
    if (!take_cells(m, m->frame)) return;
    motion_grid_look(&m->grid, m->cells, out);
    *looked = true;
}

void motion_see(void *motion, const AVFrame *full) {
    struct motion *m = motion;
    m->shown = take_cells(m, full);
}

/* Decodes one frame, and looks at what comes out if `wanted`. */
static void decode(struct motion *m, struct bytes data, bool wanted, struct worker_motion *out,
                   bool *looked) {
    if (av_new_packet(m->packet, (int)data.len) < 0) return;
    memcpy(m->packet->data, data.data, data.len);
    int failed = avcodec_send_packet(m->decoder, m->packet);
    av_packet_unref(m->packet);
    while (!failed && avcodec_receive_frame(m->decoder, m->frame) >= 0) {
        if (wanted) look(m, out, looked);
        av_frame_unref(m->frame);
    }
}

static bool start_decoder(struct motion *m) {
    struct diag ignored;
    if (!m->packet) m->packet = av_packet_alloc();
    if (!m->frame) m->frame = av_frame_alloc();
    return m->packet && m->frame && !picture_decoder_open(&m->track, &m->decoder, &ignored);
}

/* From the key frame on, whose picture is the background if there is none that is recent. */
static void catch_up(struct motion *m) {
    struct worker_motion ignored;
    bool looked = false;
    for (size_t i = 0; i < m->frame_count; i++) {
        struct bytes data = BYTES(m->gop.data + m->frames[i].offset, m->frames[i].bytes);
        decode(m, data, i == 0, &ignored, &looked);
    }
    m->gop_whole = false;
    m->frame_count = 0;
    blob_clear(&m->gop);
}

static void begin_still(struct motion *m) {
    m->still_bytes = 0;
    m->still_frames = 0;
}

static void stop_decoder(struct motion *m) {
    avcodec_free_context(&m->decoder);
    m->hints = 0;
    if (m->still_frames == 0) return;
    m->baseline = (float)(m->still_bytes / m->still_frames);
    m->baseline_known = true;
}

/* Looks at a key frame alone, decoding it unless somebody has. */
static bool look_at_key(struct motion *m, const struct media_sample *s, struct worker_motion *out) {
    bool looked = false;
    m->key_look_us = s->arrived.us;
    if (m->shown) {
        motion_grid_look(&m->grid, m->cells, out);
        return true;
    }
    if (!start_decoder(m)) return false;
    decode(m, s->data, true, out, &looked);
    if (!looked) {
        avcodec_send_packet(m->decoder, NULL);
        if (avcodec_receive_frame(m->decoder, m->frame) >= 0) look(m, out, &looked);
        av_frame_unref(m->frame);
    }
    avcodec_free_context(&m->decoder);
    return looked;
}

/* A look at a key frame, now and then: what came too slowly to make frames larger. */
static bool key_look(struct motion *m, const struct media_sample *s, struct worker_motion *out) {
    if (!s->key || (!m->shown && s->arrived.us - m->key_look_us < KEY_LOOK_US)) return false;
    return look_at_key(m, s, out) && out->score > 0;
}

/* Sizes tell when to look, key frames what there is. */
static bool large_frame(struct motion *m, const struct media_sample *s, struct worker_motion *out) {
    if (!s->key) {
        if (!m->baseline_known) m->baseline = (float)s->data.len;
        m->baseline_known = true;
        m->hinted |= hints_at_change(m, s->data.len);
        return false;
    }
    int64_t apart = m->moving ? LARGE_MOVING_US : m->hinted || !m->grid.learnt ? LARGE_LOOK_US : KEY_LOOK_US;
    if ((!m->shown && s->arrived.us - m->key_look_us < apart) || !look_at_key(m, s, out)) return false;
    m->hinted = false;
    if (out->score) {
        m->moved_us = s->arrived.us;
        m->moving = true;
        return true;
    }
    if (!m->moving || s->arrived.us - m->moved_us < LARGE_STILL_US) return false;
    m->moving = false;
    return true; /* score 0: it has ended */
}

static bool busy_frame(struct motion *m, const struct media_sample *s, struct worker_motion *out) {
    bool wanted = s->arrived.us - m->look_us >= LOOK_US, looked = false;
    if (!s->key) {
        m->still_bytes += (double)s->data.len;
        m->still_frames++;
    }
    decode(m, s->data, wanted, out, &looked);
    if (!looked) return false;
    m->look_us = s->arrived.us;
    if (out->score) {
        m->moved_us = s->arrived.us;
        m->moving = true;
        begin_still(m);
        return true;
    }
    if (s->arrived.us - m->moved_us < STILL_US) return false;
    stop_decoder(m);
    bool told = m->moving;
    m->moving = false;
    return told; /* score 0: it has ended */
}

static bool see_frame(struct motion *m, const struct media_sample *s, struct worker_motion *out) {
    if (m->large) return large_frame(m, s, out);
    if (m->decoder) return busy_frame(m, s, out);
    keep(m, s);
    bool wanted = m->baseline_known ? !s->key && hints_at_change(m, s->data.len) : s->key;
    if (m->baseline_known && key_look(m, s, out)) wanted = true;
    if (!wanted || !m->gop_whole || !start_decoder(m)) return false;
    catch_up(m);
    begin_still(m);
    m->moved_us = m->key_look_us = s->arrived.us;
    m->look_us = 0;
    return false; /* the next frame is looked at */
}

bool motion_frame(struct motion *m, const struct media_sample *s, struct wall_us wall,
                  struct worker_motion *out) {
    *out = (struct worker_motion){.wall = wall};
    bool tell = see_frame(m, s, out);
    m->shown = false;
    return tell;
}
