#include "camera/cutter.h"

#include <stdlib.h>

#include "media/fmp4.h"
#include "media/frame_scaler.h"
#include "media/motion.h"
#include "media/picture.h"
#include "media/sound.h"
#include "media/timeline.h"

#define BATCH_MS 120 /* of sound in a fragment */
#define BATCH_MAX_BYTES (256u << 10)
#define BATCH_MAX_US 1000000
#define NO_TRACK (-1)
#define AAC_SAMPLES 1024
#define SETTLE_US 300000 /* of arrivals are looked at before the first sample gets its time */
#define SETTLE_MAX_BYTES (4u << 20)
#define SETTLE_MAX_SAMPLES 256
#define SOUND_OVERLAP_US 2000 /* more is left out: sound that was moved back over what has been sent */
#define CLOCK_LOOK_US 1000000 /* how often the wall clock is looked at */

struct cut_track {
    struct media_track track; /* as it goes into the init; config points into `config` */
    struct blob config;
    struct timeline timeline;
    struct fmp4_pace pace;
    bool started;
    int64_t last_dts;
};

/* Sound that waits for its fragment. */
struct batch {
    struct blob data;
    struct fmp4_sample samples[FMP4_SAMPLES_MAX];
    size_t count;
    struct wall_us wall;
    int64_t ticks; /* length so far */
};

/* The first samples of a connection: a camera may send them late, all at once. They wait until it is clear
 * how far its clock is from ours. */
struct settling {
    struct blob data;
    struct media_sample samples[SETTLE_MAX_SAMPLES]; /* data.data is NULL; data.len counts in `data` */
    size_t count;
};

struct cutter {
    struct cutter_options options;
    struct media_sink sink;
    struct blob *out;
    struct cut_track tracks[MEDIA_TRACKS_MAX];
    size_t track_count;
    int index_of[MEDIA_TRACKS_MAX]; /* of the source's tracks in ours */
    int video, audio;               /* our indices, or NO_TRACK */
    bool a_law;
    struct sound *sound; /* for G.711 */
    struct steady_us sound_arrived;
    uint8_t source_of[MEDIA_TRACKS_MAX]; /* the source's index of each of ours */
    uint32_t sound_source_hz;
    int64_t sound_source_pts, sound_end_us, sound_end_ticks;
    bool sound_seen;
    cutter_camera_wall *camera_wall;
    const void *clock_context;
    struct settling *settling; /* NULL once settled */
    struct batch batch;
    struct wall_base base;
    struct motion *motion;
    struct frame_scaler scaler;
    struct blob jpeg;
    uint32_t sequence, slot;
    bool wait_key, sound_may_correct, picture_sent;
    struct steady_us picture_at;
    struct cutter_counts counts;
};

static void count_lost(void *context, uint64_t packets) {
    ((struct cutter *)context)->counts.lost += packets;
}

/* --- Fragments --- */

static uint32_t ticks_us(int64_t ticks, uint32_t hz) {
    return (uint32_t)(ticks * 1000000 / hz);
}

static err write_fragment(struct cutter *c, int index, uint8_t flags, struct wall_us wall,
                          uint32_t duration_us, const struct fmp4_sample *samples, size_t count,
                          struct bytes data) {
    size_t mark;
    err e = blob_reserve(c->out, c->out->len + data.len + 256 + 16 * count);
    if (!e) e = worker_fragment_begin(c->out, flags, wall, duration_us, &mark);
    if (e) return e;
    e = fmp4_fragment_append(c->out, ++c->sequence, (uint32_t)index + 1,
                             fmp4_time(wall, c->tracks[index].track.clock_hz), samples, count, data);
    if (!e) return worker_message_end(c->out, mark);
    c->out->len = mark;
    return e;
}

static err flush_sound(struct cutter *c) {
    struct batch *b = &c->batch;
    if (b->count == 0) return ERR_OK;
    uint32_t hz = c->tracks[c->audio].track.clock_hz;
    err e = write_fragment(c, c->audio, WORKER_FRAGMENT_SOUND, b->wall, ticks_us(b->ticks, hz), b->samples,
                           b->count, blob_bytes(&b->data));
    b->count = 0;
    b->data.len = 0;
    b->ticks = 0;
    return e;
}

/* --- Tracks --- */

static err sound_packet(void *context, int64_t pts, uint32_t duration, struct bytes data, struct diag *d);

static err start_g711(struct cutter *c, const struct media_track *t, struct media_track *out,
                      struct diag *d) {
    const struct sound_sink sink = {c, sound_packet};
    c->a_law = t->codec == MEDIA_CODEC_PCMA;
    err e = sound_new(t->clock_hz, t->channels ? t->channels : 1, &sink, &c->sound, d);
    *out = (struct media_track){
        .codec = MEDIA_CODEC_OPUS, .clock_hz = SOUND_OUT_HZ, .channels = t->channels ? t->channels : 1};
    return e;
}

static err add_track(struct cutter *c, size_t source_index, const struct media_track *t, bool video,
                     struct diag *d) {
    struct media_track taken = *t;
    if (t->codec == MEDIA_CODEC_PCMU || t->codec == MEDIA_CODEC_PCMA) {
        err e = start_g711(c, t, &taken, d);
        if (e) return e;
    }
    struct cut_track *out = &c->tracks[c->track_count];
    uint32_t old_hz = out->timeline.clock_hz;
    out->config.len = 0;
    err e = blob_append(&out->config, t->config);
    if (e) return e;
    out->track = taken;
    out->track.config = blob_bytes(&out->config);
    out->pace = (struct fmp4_pace){0};
    if (old_hz != taken.clock_hz) {
        timeline_init(&out->timeline, taken.clock_hz);
        out->started = false;
    }
    c->index_of[source_index] = (int)c->track_count;
    c->source_of[c->track_count] = (uint8_t)source_index;
    if (!video) {
        c->sound_source_hz = t->clock_hz;
        c->sound_seen = false;
    }
    *(video ? &c->video : &c->audio) = (int)c->track_count++;
    return ERR_OK;
}

/* `fps` is what the frames so far say; 0 before the first. */
static err send_init(struct cutter *c, struct diag *d) {
    struct media_track tracks[MEDIA_TRACKS_MAX];
    for (size_t i = 0; i < c->track_count; i++) tracks[i] = c->tracks[i].track;
    AUTO(blob_clear) struct blob boxes = {0};
    err e = fmp4_init_append(&boxes, tracks, c->track_count, d);
    if (e) return e;
    struct worker_init init = {.data = blob_bytes(&boxes)};
    if (c->video != NO_TRACK) {
        const struct cut_track *v = &c->tracks[c->video];
        init.width = v->track.width;
        init.height = v->track.height;
        if (v->pace.count) init.fps = 90000.0 / fmp4_pace_duration(&v->pace, 90000);
        e = fmp4_codec_text(&v->track, init.codec, d);
    }
    if (!e && c->audio != NO_TRACK) {
        const struct media_track *a = &c->tracks[c->audio].track;
        init.audio_hz = a->clock_hz;
        init.channels = a->channels;
        e = fmp4_codec_text(a, init.audio_codec, d);
    }
    if (e) return e;
    memcpy(c->counts.codec, init.codec, sizeof init.codec);
    memcpy(c->counts.audio_codec, init.audio_codec, sizeof init.audio_codec);
    return worker_init_append(c->out, &init);
}

static bool is_video(const struct media_track *t) {
    return t->codec == MEDIA_CODEC_H264 || t->codec == MEDIA_CODEC_H265;
}

static err take_tracks(struct cutter *c, const struct media_track *tracks, size_t count, struct diag *d) {
    err e = flush_sound(c);
    if (e) return e;
    sound_free(c->sound);
    c->sound = NULL;
    c->track_count = 0;
    c->video = c->audio = NO_TRACK;
    for (size_t i = 0; i < MEDIA_TRACKS_MAX; i++) c->index_of[i] = NO_TRACK;
    for (size_t i = 0; i < count && i < MEDIA_TRACKS_MAX; i++) {
        bool video = is_video(&tracks[i]);
        if (video ? c->video != NO_TRACK : c->audio != NO_TRACK || !c->options.audio) continue;
        e = add_track(c, i, &tracks[i], video, d);
        if (e && video) return e;
    }
    if (c->video == NO_TRACK)
        return diag_fail(d, ERR_UNSUPPORTED, "the camera sends no video that can be recorded");
    c->wait_key = true;
    motion_free(c->motion);
    c->motion = NULL;
    if (c->options.motion) e = motion_new(&c->tracks[c->video].track, &c->motion, d);
    return e ? e : send_init(c, d);
}

/* --- Time --- */

static void look_at_clock(struct cutter *c) {
    struct steady_us now = steady_now();
    if (c->base.set && now.us - c->base.last.us < CLOCK_LOOK_US) return;
    if (!wall_base_update(&c->base, wall_now(), now)) return;
    c->counts.clock_steps++;
    for (size_t i = 0; i < MEDIA_TRACKS_MAX; i++) timeline_reset(&c->tracks[i].timeline);
}

/* What the camera's wall clock is ahead of a track's media time by. */
static bool camera_offset(const struct cutter *c, int track, int64_t pts, uint32_t hz, int64_t *out_us) {
    int64_t media_us = pts / (int64_t)hz * 1000000 + pts % (int64_t)hz * 1000000 / (int64_t)hz;
    struct wall_us wall = {media_us};
    if (c->camera_wall && !c->camera_wall(c->clock_context, c->source_of[track], pts, &wall)) return false;
    *out_us = wall.us - media_us;
    return true;
}

/* Puts sound where the camera says it belongs, beside the picture whose time line rules. */
static void align_sound(struct cutter *c, const struct media_sample *picture) {
    int64_t video_us, audio_us;
    const struct timeline *t = &c->tracks[c->video].timeline;
    if (c->audio == NO_TRACK || !c->sound_seen || !t->set) return;
    if (!camera_offset(c, c->video, picture->pts_ticks, 90000, &video_us)) return;
    if (!camera_offset(c, c->audio, c->sound_source_pts, c->sound_source_hz, &audio_us)) return;
    timeline_align(&c->tracks[c->audio].timeline, t->offset_us - video_us + audio_us);
}

/* --- Sound --- */

/* A sample that does not follow the ones that wait (a loss, a pause) starts a fragment of its own. */
static err take_sound(struct cutter *c, int64_t pts, uint32_t duration, struct steady_us arrived,
                      struct bytes data) {
    struct cut_track *t = &c->tracks[c->audio];
    struct batch *b = &c->batch;
    uint32_t hz = t->track.clock_hz;
    if (t->started && pts <= t->last_dts) return ERR_OK;
    if (b->count) {
        int64_t step = pts - t->last_dts, nominal = b->samples[b->count - 1].duration;
        bool follows = step > 0 && step * 4 <= nominal * 5;
        if (follows) {
            b->ticks += step - nominal;
            b->samples[b->count - 1].duration = (uint32_t)step;
        }
        bool full = b->ticks * 1000 >= (int64_t)hz * BATCH_MS || b->count == FMP4_SAMPLES_MAX ||
                    b->data.len + data.len > BATCH_MAX_BYTES;
        err e = !follows || full ? flush_sound(c) : ERR_OK;
        if (e) return e;
    }
    struct wall_us wall, heard = wall_base_at(&c->base, arrived);
    heard.us -= ticks_us(duration, hz); /* it was sent when its end had been heard */
    enum timeline_fit fit = timeline_map(&t->timeline, pts, heard, c->sound_may_correct, &wall);
    if (fit == TIMELINE_BROKEN) return ERR_OK;
    if (fit == TIMELINE_FITS && wall.us + SOUND_OVERLAP_US < c->sound_end_us) return flush_sound(c);
    c->sound_end_us = wall.us + ticks_us(duration, hz);
    if (b->count == 0) b->wall = wall;
    c->sound_may_correct = false;
    t->started = true;
    t->last_dts = pts;
    b->samples[b->count++] =
        (struct fmp4_sample){.bytes = (uint32_t)data.len, .duration = duration, .key = true};
    b->ticks += duration;
    return blob_append(&b->data, data);
}

static err sound_packet(void *context, int64_t pts, uint32_t duration, struct bytes data, struct diag *d) {
    (void)d;
    struct cutter *c = context;
    /* A long G.711 packet became several of ours: each as if it had come when its own end had been heard. */
    const struct steady_us arrived = {c->sound_arrived.us -
                                      (c->sound_end_ticks - pts - duration) * 1000 / 48};
    return take_sound(c, pts, duration, arrived, data);
}

static uint32_t sound_duration(const struct cutter *c, const struct media_sample *s) {
    const struct media_track *t = &c->tracks[c->audio].track;
    if (c->sound) return (uint32_t)(s->data.len / t->channels * SOUND_OUT_HZ / c->sound_source_hz);
    return t->codec == MEDIA_CODEC_OPUS ? opus_packet_duration(s->data) : AAC_SAMPLES;
}

/* Where a packet from the source ends, in our track's ticks. */
static int64_t sound_end(const struct cutter *c, const struct media_sample *s) {
    int64_t pts = c->sound ? s->pts_ticks * (SOUND_OUT_HZ / (int64_t)c->sound_source_hz) : s->pts_ticks;
    return pts + sound_duration(c, s);
}

static err take_audio_sample(struct cutter *c, const struct media_sample *s, struct diag *d) {
    c->sound_seen = true;
    c->sound_source_pts = s->pts_ticks;
    if (c->wait_key) return ERR_OK; /* sound alone makes no segment */
    if (c->sound) {
        c->sound_arrived = s->arrived;
        c->sound_end_ticks = sound_end(c, s);
        return sound_feed_g711(c->sound, c->a_law, s->pts_ticks, s->data, d);
    }
    uint32_t duration = sound_duration(c, s);
    if (duration == 0) return ERR_OK;
    return take_sound(c, s->pts_ticks, duration, s->arrived, s->data);
}

/* --- Video --- */

static err send_picture(struct cutter *c, const struct media_sample *s, struct wall_us wall) {
    if (c->options.picture_s == 0) return ERR_OK;
    if (c->picture_sent &&
        s->arrived.us - c->picture_at.us < (int64_t)c->options.picture_s * 1000000 - 500000)
        return ERR_OK;
    c->picture_sent = true;
    c->picture_at = s->arrived;
    c->jpeg.len = 0;
    struct diag ignored; /* a picture that cannot be made costs the picture */
    const struct picture_viewer viewer = {c->motion, motion_see};
    if (picture_make(&c->tracks[c->video].track, s->data, c->motion ? &viewer : NULL, &c->jpeg, &ignored))
        return ERR_OK;
    const struct worker_picture picture = {wall, blob_bytes(&c->jpeg)};
    return worker_picture_append(c->out, &picture);
}

/* A frame that cannot be made, or that the hub has no time for, is left out. */
static void send_frame(struct cutter *c, const struct motion_seen *seen) {
    const struct cutter_options *o = &c->options;
    if (!o->see || !seen->picture || o->behind(o->context)) return;
    struct worker_frame f = {.wall = seen->motion.wall,
                             .flags = seen->safety ? WORKER_FRAME_SAFETY : 0,
                             .region_count = seen->motion.count};
    memcpy(f.regions, seen->motion.regions, sizeof f.regions);
    struct diag ignored;
    if (!frame_scaler_append(&c->scaler, seen->picture, &f, c->out, &ignored)) c->counts.seen++;
}

static err look_for_motion(struct cutter *c, const struct media_sample *s, struct wall_us wall) {
    struct motion_seen seen;
    if (!c->motion) return ERR_OK;
    motion_frame(c->motion, s, wall, &seen);
    err e = seen.tell ? worker_motion_append(c->out, &seen.motion) : ERR_OK;
    if (!e) send_frame(c, &seen);
    return e;
}

/* What has to precede a key frame. */
static err before_key(struct cutter *c, const struct media_sample *s, struct wall_us wall, bool stepped,
                      struct diag *d) {
    err e = flush_sound(c);
    c->sound_may_correct = true;
    align_sound(c, s);
    if (!e && stepped) {
        c->counts.clock_steps++;
        e = send_init(c, d); /* a new segment begins, whatever slot it is in */
    }
    return e ? e : send_picture(c, s, wall);
}

static err take_video_sample(struct cutter *c, const struct media_sample *s, struct diag *d) {
    struct cut_track *t = &c->tracks[c->video];
    if (c->wait_key && !s->key) return ERR_OK;
    if (s->key || !c->base.set) look_at_clock(c);
    struct wall_us wall;
    enum timeline_fit fit =
        timeline_map(&t->timeline, s->dts_ticks, wall_base_at(&c->base, s->arrived), s->key, &wall);
    c->wait_key = fit == TIMELINE_BROKEN;
    if (c->wait_key) return ERR_OK;
    if (t->started) fmp4_pace_step(&t->pace, s->dts_ticks - t->last_dts, t->track.clock_hz);
    t->started = true;
    t->last_dts = s->dts_ticks;
    err e = s->key ? before_key(c, s, wall, fit == TIMELINE_STEPPED, d) : ERR_OK;
    if (!e && wall_slot(wall) != c->slot) e = flush_sound(c);
    if (!e) e = look_for_motion(c, s, wall);
    if (e) return e;
    c->slot = wall_slot(wall);
    int64_t composition = s->pts_ticks - s->dts_ticks;
    if (composition > 10 * 90000 || composition < -10 * 90000) composition = 0;
    const struct fmp4_sample sample = {.bytes = (uint32_t)s->data.len,
                                       .duration = fmp4_pace_duration(&t->pace, t->track.clock_hz),
                                       .composition_offset = (int32_t)composition,
                                       .key = s->key};
    c->counts.frames++;
    c->counts.frame_us = fmp4_pace_mean(&t->pace) * 1000000 / t->track.clock_hz;
    return write_fragment(c, c->video, s->key ? WORKER_FRAGMENT_KEY : 0, wall,
                          ticks_us(sample.duration, t->track.clock_hz), &sample, 1, s->data);
}

static err cut_sample(struct cutter *c, const struct media_sample *s, struct diag *d) {
    if (s->track >= MEDIA_TRACKS_MAX || s->data.len == 0 || s->data.len > MEDIA_SAMPLE_MAX_BYTES)
        return ERR_OK;
    int index = c->index_of[s->track];
    if (index == NO_TRACK) return ERR_OK;
    c->counts.bytes += s->data.len;
    return index == c->video ? take_video_sample(c, s, d) : take_audio_sample(c, s, d);
}

/* --- Settling --- */

static err end_settling(struct cutter *c, struct diag *d) {
    struct settling *q = c->settling;
    c->settling = NULL;
    err e = ERR_OK;
    size_t at = 0;
    for (size_t i = 0; q && i < q->count && !e; i++) {
        struct media_sample s = q->samples[i];
        s.data = BYTES(q->data.data + at, s.data.len);
        at += s.data.len;
        e = cut_sample(c, &s, d);
    }
    if (q) blob_clear(&q->data);
    free(q);
    return e;
}

static void observe(struct cutter *c, const struct media_sample *s) {
    int index = s->track < MEDIA_TRACKS_MAX ? c->index_of[s->track] : NO_TRACK;
    if (index == NO_TRACK) return;
    look_at_clock(c);
    int64_t ticks = s->dts_ticks;
    if (index == c->audio) {
        ticks = sound_end(c, s);
        c->sound_seen = true;
        c->sound_source_pts = s->pts_ticks;
    }
    timeline_observe(&c->tracks[index].timeline, ticks, wall_base_at(&c->base, s->arrived));
}

static err take_sample(void *context, const struct media_sample *s, struct diag *d) {
    struct cutter *c = context;
    struct settling *q = c->settling;
    if (!q) return cut_sample(c, s, d);
    observe(c, s);
    q->samples[q->count] = *s;
    q->samples[q->count++].data.data = NULL;
    err e = blob_append(&q->data, s->data);
    if (e) return e;
    bool over = s->arrived.us - q->samples[0].arrived.us >= SETTLE_US || q->count == SETTLE_MAX_SAMPLES ||
                q->data.len >= SETTLE_MAX_BYTES;
    return over ? end_settling(c, d) : ERR_OK;
}

static err change_tracks(void *context, const struct media_track *tracks, size_t count, struct diag *d) {
    struct cutter *c = context;
    bool first = c->track_count == 0;
    err e = first ? ERR_OK : end_settling(c, d);
    return e ? e : take_tracks(c, tracks, count, d);
}

/* --- The object --- */

err cutter_new(const struct cutter_options *options, struct blob *out, struct cutter **result,
               struct diag *d) {
    struct cutter *c = calloc(1, sizeof *c);
    struct settling *settling = calloc(1, sizeof *settling);
    if (!c || !settling) {
        free(c);
        free(settling);
        return diag_fail(d, ERR_NO_MEMORY, "no memory to record");
    }
    c->settling = settling;
    c->options = *options;
    c->out = out;
    c->video = c->audio = NO_TRACK;
    for (size_t i = 0; i < MEDIA_TRACKS_MAX; i++) c->index_of[i] = NO_TRACK;
    c->sink = (struct media_sink){c, change_tracks, take_sample, count_lost};
    *result = c;
    return ERR_OK;
}

void cutter_free(struct cutter *c) {
    if (!c) return;
    for (size_t i = 0; i < MEDIA_TRACKS_MAX; i++) blob_clear(&c->tracks[i].config);
    if (c->settling) blob_clear(&c->settling->data);
    free(c->settling);
    sound_free(c->sound);
    motion_free(c->motion);
    frame_scaler_clear(&c->scaler);
    blob_clear(&c->batch.data);
    blob_clear(&c->jpeg);
    free(c);
}

void cutter_set_clock(struct cutter *c, cutter_camera_wall *camera_wall, const void *context) {
    c->camera_wall = camera_wall;
    c->clock_context = context;
}

const struct media_sink *cutter_sink(const struct cutter *c) {
    return &c->sink;
}

void cutter_counts(const struct cutter *c, struct cutter_counts *out) {
    *out = c->counts;
}
