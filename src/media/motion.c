#include "media/motion.h"

#include <libavcodec/avcodec.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <math.h>
#include <stdlib.h>

#include "media/mask_paint.h"
#include "media/motion_model.h"
#include "media/picture.h"

#define GOP_MAX_BYTES (3u << 20) /* kept, so that decoding can begin in the middle of one */
#define GOP_MAX_FRAMES 600
#define LOOK_US 190000            /* between two looks, and two messages: five a second of 20 or 25 frames */
#define STILL_US 4000000          /* without motion before the decoder goes away */
#define AFTER_US 2000000          /* pictures go on for this long */
#define KEY_LOOK_US 20000000      /* between safety looks at a key frame, while nothing hints at change */
#define KEY_LOOK_OFTEN_US 1800000 /* where sizes tell little: they spread widely, or the rate is used up */
#define KEY_LOOK_LARGE_US 3800000 /* the same, of larger pictures, and of a scene that has long been calm */
#define CALM_US 60000000          /* without a run of the decoder: a night of noise costs half from here on */
#define SPREAD_WIDE 0.5f          /* of the mean */
#define BITS_MANY 0.06f    /* for each pixel of a still scene: noise, and a rate that has no room for more */
#define SAFETY_US 30000000 /* between pictures of a still scene */
#define CATCH_UP_US 50000  /* of decoding in one call, so that recording goes on in between */
/* Larger pictures (a main stream without a substream) cost several times as much to decode. */
#define LARGE_PIXELS (1024u * 576u)
#define LARGE_STILL_US 2500000

/* The sum of (deviations above the baseline - SLACK), which never falls below 0. At SLACK 1 and LIMIT 5
 * frames of three deviations more are seen after three, and noise alone reaches it less than once in a day;
 * no single frame counts for more than DEVIATIONS_MOST, so that one alone is not enough. */
#define SLACK 1.0f
#define LIMIT 5.0f
#define DEVIATIONS_MOST 4.0f
#define STRICTER 1.5f /* times the limit, after a run that saw nothing */
#define STRICTEST 3.5f
#define FORGET_RATE 0.0005f /* of what is stricter, at each frame: some two minutes */
#define BASELINE_RATE 0.02f
#define DISTANCES 6        /* from the key frame: 1, 2 and 3, 4 to 7, up to 32 and more */
#define SPREAD_LEAST 0.04f /* of the mean */
#define SPREAD_LEAST_BYTES 8.0f

struct kept_frame {
    uint32_t offset, bytes;
};

/* Sizes of the frames at about the same distance from their key frame, while nothing moves: encoders mend
 * what a key frame left coarse, so that the first ones are larger. */
struct sizes {
    bool known;
    float mean, spread;
    double bytes, squares; /* of a run of the decoder, since something moved */
    unsigned frames;
};

struct baseline {
    bool known;
    struct sizes sizes[DISTANCES];
    float sum, strictness;
    unsigned since_key;
};

struct motion {
    struct media_track track;
    struct blob config;
    struct blob gop; /* what came since the last key frame */
    struct kept_frame frames[GOP_MAX_FRAMES];
    size_t frame_count, next_frame; /* next_frame: to be decoded */
    bool gop_whole;
    struct baseline base;
    AVCodecContext *decoder; /* NULL: idle */
    AVPacket *packet;
    AVFrame *frame, *shown; /* shown: of the key frame that comes next */
    AVFrame *next;          /* what the decoder fills, and empties at its last call */
    struct motion_model model;
    struct SwsContext *scaler; /* for pixel formats that are not planar, or deeper than 8 bits */
    int64_t look_us, key_look_us, moved_us, safety_us; /* arrival times */
    bool moving, large, fruitful, was_shown;
    struct motion_counts counts;
};

void motion_free(struct motion *m) {
    if (!m) return;
    avcodec_free_context(&m->decoder);
    av_packet_free(&m->packet);
    av_frame_free(&m->frame);
    av_frame_free(&m->shown);
    av_frame_free(&m->next);
    sws_freeContext(m->scaler);
    blob_clear(&m->config);
    blob_clear(&m->gop);
    free(m);
}

static void motion_release(struct motion **m) {
    motion_free(*m);
}

err motion_new(const struct media_track *video, struct motion **out, struct diag *d) {
    AUTO(motion_release) struct motion *m = calloc(1, sizeof *m);
    if (m) {
        m->packet = av_packet_alloc();
        m->frame = av_frame_alloc();
        m->shown = av_frame_alloc();
        m->next = av_frame_alloc();
    }
    if (!m || !m->packet || !m->frame || !m->shown || !m->next || blob_append(&m->config, video->config))
        return diag_fail(d, ERR_NO_MEMORY, "no memory to see motion");
    m->track = *video;
    m->track.config = blob_bytes(&m->config);
    m->large = (uint32_t)video->width * video->height > LARGE_PIXELS;
    m->base.strictness = 1;
    *out = m;
    m = NULL;
    return ERR_OK;
}

void motion_counts(const struct motion *m, struct motion_counts *out) {
    *out = m->counts;
}

/* --- Hints --- */

static float at_least(float a, float b) {
    return a > b ? a : b;
}

static struct sizes *sizes_at(struct baseline *b) {
    size_t i = 0;
    while (i + 1 < DISTANCES && b->since_key >> (i + 1)) i++;
    return &b->sizes[i];
}

static float spread_of(const struct sizes *s) {
    return at_least(s->spread, at_least(SPREAD_LEAST * s->mean, SPREAD_LEAST_BYTES));
}

/* The baseline follows slowly, and faster downwards. */
static bool hints_at_change(struct baseline *b, size_t bytes) {
    struct sizes *s = sizes_at(b);
    if (!s->known) *s = (struct sizes){.known = true, .mean = (float)bytes, .spread = (float)bytes / 2};
    float off = (float)bytes - s->mean, deviations = off / spread_of(s);
    if (deviations > DEVIATIONS_MOST) deviations = DEVIATIONS_MOST;
    b->sum = at_least(0, b->sum + deviations - SLACK);
    b->strictness -= FORGET_RATE * (b->strictness - 1);
    s->mean += off * (off < 0 ? 2 * BASELINE_RATE : BASELINE_RATE);
    s->spread += (at_least(off, -off) * 1.25f - s->spread) * BASELINE_RATE; /* 1.25: of a bell curve */
    return b->sum >= LIMIT * b->strictness;
}

static void begin_still(struct baseline *b) {
    for (size_t i = 0; i < DISTANCES; i++) {
        b->sizes[i].bytes = b->sizes[i].squares = 0;
        b->sizes[i].frames = 0;
    }
}

static void count_still(struct baseline *b, size_t bytes) {
    struct sizes *s = sizes_at(b);
    s->bytes += (double)bytes;
    s->squares += (double)bytes * (double)bytes;
    s->frames++;
}

static void end_still(struct baseline *b) {
    b->sum = 0;
    for (size_t i = 0; i < DISTANCES; i++) {
        struct sizes *s = &b->sizes[i];
        if (s->frames < 2) continue;
        double mean = s->bytes / s->frames, square = s->squares / s->frames - mean * mean;
        /* A few frames say little about how far sizes spread: what is known of it goes on counting. */
        float spread = (float)sqrt(square > 0 ? square : 0), share = s->known && s->frames < 16 ? 0.5f : 1;
        s->mean = (float)mean;
        s->spread += share * (spread - s->spread);
        s->known = b->known = true;
    }
}

/* Whether sizes would show that something moves. */
static bool sizes_tell(const struct baseline *b, float pixels) {
    float mean = 0, spread = 0;
    for (size_t i = 0; i < DISTANCES; i++) {
        mean += b->sizes[i].mean;
        spread += b->sizes[i].spread;
    }
    return spread < SPREAD_WIDE * mean && 8 * mean / DISTANCES < BITS_MANY * pixels;
}

static void keep(struct motion *m, const struct media_sample *s) {
    if (s->key) {
        m->gop.len = m->frame_count = m->next_frame = 0;
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

/* --- Looking --- */

static bool reduce_planes(const AVFrame *f, struct model_picture *out) {
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get((enum AVPixelFormat)f->format);
    if (!mask_paint_takes(f->format) || f->width < MODEL_COLUMNS || f->height < MODEL_ROWS) return false;
    model_reduce(f->data[0], (size_t)f->linesize[0], f->width, f->height, out->luma, MODEL_COLUMNS,
                 MODEL_ROWS);
    int width = f->width >> format->log2_chroma_w, height = f->height >> format->log2_chroma_h;
    out->colour = format->nb_components == 3 && width >= MODEL_COLUMNS / 2 && height >= MODEL_ROWS / 2;
    if (!out->colour) return true;
    model_reduce(f->data[1], (size_t)f->linesize[1], width, height, out->u, MODEL_COLUMNS / 2,
                 MODEL_ROWS / 2);
    model_reduce(f->data[2], (size_t)f->linesize[2], width, height, out->v, MODEL_COLUMNS / 2,
                 MODEL_ROWS / 2);
    return true;
}

/* Of any other kind, or tiny. */
static bool reduce_scaled(struct motion *m, const AVFrame *f, struct model_picture *out) {
    m->scaler =
        sws_getCachedContext(m->scaler, f->width, f->height, (enum AVPixelFormat)f->format, MODEL_COLUMNS,
                             MODEL_ROWS, AV_PIX_FMT_YUV420P, SWS_AREA, NULL, NULL, NULL);
    if (!m->scaler) return false;
    uint8_t *const to[4] = {out->luma, out->u, out->v, NULL};
    const int strides[4] = {MODEL_COLUMNS, MODEL_COLUMNS / 2, MODEL_COLUMNS / 2, 0};
    sws_scale(m->scaler, (const uint8_t *const *)f->data, f->linesize, 0, f->height, to, strides);
    out->colour = true;
    return true;
}

static bool look(struct motion *m, const AVFrame *f, int64_t now_us, struct worker_motion *out) {
    struct model_picture p = {.colour = false};
    if (!reduce_planes(f, &p) && !reduce_scaled(m, f, &p)) return false;
    motion_model_look(&m->model, &p, (double)now_us / 1e6, out);
    m->counts.looks++;
    return true;
}

void motion_see(void *motion, const AVFrame *full) {
    struct motion *m = motion;
    av_frame_unref(m->shown);
    m->was_shown = av_frame_ref(m->shown, full) >= 0;
}

/* --- Decoding --- */

/* True if m->frame is another picture now: the last one that came out. */
static bool take_picture(struct motion *m) {
    bool any = false;
    while (avcodec_receive_frame(m->decoder, m->next) >= 0) {
        AVFrame *before = m->frame;
        m->frame = m->next;
        m->next = before;
        any = true;
    }
    return any;
}

/* Decodes one frame; returns as take_picture. */
static bool decode(struct motion *m, struct bytes data) {
    if (av_new_packet(m->packet, (int)data.len) < 0) return false;
    memcpy(m->packet->data, data.data, data.len);
    m->counts.decoded++;
    int failed = avcodec_send_packet(m->decoder, m->packet);
    av_packet_unref(m->packet);
    return !failed && take_picture(m);
}

static bool start_decoder(struct motion *m) {
    struct diag ignored;
    if (picture_decoder_open(&m->track, PICTURE_QUICK, &m->decoder, &ignored)) return false;
    m->decoder->skip_frame = AVDISCARD_NONREF; /* enough pictures are left for five looks a second */
    m->counts.runs++;
    return true;
}

static void stop_decoder(struct motion *m) {
    avcodec_free_context(&m->decoder);
    av_frame_unref(m->frame);
    motion_model_settle(&m->model);
    end_still(&m->base);
    if (m->fruitful)
        m->base.strictness = 1;
    else if (m->base.strictness < STRICTEST)
        m->base.strictness *= STRICTER;
}

/* Decodes what was kept, up to the frame at hand or for as long as one call may take. */
static bool catch_up(struct motion *m, int64_t now_us) {
    int64_t until = steady_now().us + CATCH_UP_US;
    bool picture = false;
    while (m->next_frame < m->frame_count) {
        const struct kept_frame *k = &m->frames[m->next_frame++];
        bool first = m->next_frame == 1;
        picture = decode(m, BYTES(m->gop.data + k->offset, k->bytes)) || picture;
        struct worker_motion ignored;
        /* The key frame's picture is the background if there is none yet. */
        if (first && picture && !m->model.learnt) look(m, m->frame, now_us, &ignored);
        if (m->next_frame < m->frame_count && steady_now().us >= until) return false;
    }
    return picture;
}

/* --- Each frame --- */

static void offer(struct motion *m, const AVFrame *picture, int64_t now_us, bool safety,
                  struct motion_seen *out) {
    bool early = m->safety_us && now_us - m->safety_us < SAFETY_US;
    if (safety && early && !m->model.calibrated)
        return;            /* who came with the change is in the background now */
    m->safety_us = now_us; /* one of what moves serves as well */
    out->picture = picture;
    out->safety = safety;
}

/* Looks at a key frame alone, decoding it unless somebody has. */
static bool look_at_key(struct motion *m, const struct media_sample *s, struct motion_seen *out) {
    m->key_look_us = s->arrived.us;
    AVFrame *picture = m->shown;
    if (!m->was_shown) {
        if (!start_decoder(m)) return false;
        bool any = decode(m, s->data);
        if (!any && avcodec_send_packet(m->decoder, NULL) >= 0) any = take_picture(m);
        avcodec_free_context(&m->decoder);
        if (!any) return false;
        picture = m->frame;
    }
    if (!look(m, picture, s->arrived.us, &out->motion)) return false;
    bool moves = m->model.suspect;
    if (!moves) offer(m, picture, s->arrived.us, true, out);
    out->motion.score = out->motion.count = 0; /* told once more pictures agree */
    return moves;
}

static int64_t key_look_apart(const struct motion *m, int64_t now_us) {
    if (sizes_tell(&m->base, (float)m->track.width * (float)m->track.height)) return KEY_LOOK_US;
    return m->large || now_us - m->moved_us >= CALM_US ? KEY_LOOK_LARGE_US : KEY_LOOK_OFTEN_US;
}

static void idle_frame(struct motion *m, const struct media_sample *s, struct motion_seen *out) {
    bool wanted = m->base.known ? !s->key && hints_at_change(&m->base, s->data.len) : s->key;
    bool due = m->was_shown || s->arrived.us - m->key_look_us >= key_look_apart(m, s->arrived.us);
    if (m->base.known && s->key && due) wanted |= look_at_key(m, s, out);
    if (!wanted || !m->gop_whole || !start_decoder(m)) return;
    out->picture = NULL;
    m->next_frame = 0;
    m->fruitful = false;
    m->moved_us = m->key_look_us = s->arrived.us;
    m->look_us = 0;
    begin_still(&m->base);
}

static void busy_frame(struct motion *m, const struct media_sample *s, struct motion_seen *out) {
    if (!s->key) count_still(&m->base, s->data.len);
    bool wanted = s->arrived.us - m->look_us >= LOOK_US;
    if (!m->gop_whole &&
        m->next_frame < m->frame_count) { /* it outgrew what is kept: after the next key frame */
        avcodec_free_context(&m->decoder);
        return;
    }
    bool picture = m->gop_whole ? catch_up(m, s->arrived.us) : decode(m, s->data);
    if (!picture || !wanted || !look(m, m->frame, s->arrived.us, &out->motion)) return;
    m->look_us = s->arrived.us;
    if (out->motion.score) {
        m->moved_us = s->arrived.us;
        m->moving = m->fruitful = out->tell = true;
        begin_still(&m->base);
    }
    if (m->model.calibrated) offer(m, m->frame, s->arrived.us, true, out);
    int64_t still_us = s->arrived.us - m->moved_us;
    if (m->moving && still_us < AFTER_US) offer(m, m->frame, s->arrived.us, false, out);
    /* A picture that was just offered is the decoder's: it goes away at the next frame. */
    if (out->picture || still_us < (m->large ? LARGE_STILL_US : STILL_US)) return;
    stop_decoder(m);
    out->tell = m->moving; /* score 0: it has ended */
    m->moving = false;
}

void motion_frame(struct motion *m, const struct media_sample *s, struct wall_us wall,
                  struct motion_seen *out) {
    *out = (struct motion_seen){.motion.wall = wall};
    m->counts.frames++;
    keep(m, s);
    m->base.since_key = s->key ? 0 : m->base.since_key + 1;
    if (!m->decoder) {
        av_frame_unref(m->frame);
        idle_frame(m, s, out);
    }
    if (m->decoder) busy_frame(m, s, out);
    if (out->picture != m->shown) av_frame_unref(m->shown);
    m->was_shown = false;
}
