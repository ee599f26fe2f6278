#include "hub/recorder.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "format/segment_writer.h"

#define IDLE_US 3000000 /* after so long without a fragment the segment and its reel end */
#define REEL_SEGMENTS_SOFT 1000
#define HELD_SLACK_S 12             /* a held segment may be as long as the camera's key frames are apart */
#define OUT_KEEP_BYTES (512u << 10) /* of the buffer for sealed records between fragments */
#define TROUBLE_AGAIN_US 60000000

enum use { USE_NONE, USE_LIVE, USE_HOLD, USE_KEEP };

struct motion_state {
    bool open;
    struct steady_us last_seen;
};

struct recorder {
    struct recorder_options o;
    struct record_settings settings;
    struct segment_writer *writer;
    struct blob init, picture, out;
    bool has_picture;
    /* The segment in progress. */
    bool open;
    enum use use;
    struct wall_us segment_wall;
    uint32_t segment_slot;
    uint64_t segment_bytes;
    struct segment_totals totals;
    int64_t video_end_us, sound_end_us; /* since segment_wall */
    /* The reel in progress. */
    struct spool_reel *reel;
    bool fresh; /* the uploader has not heard of it */
    enum use reel_use;
    uint32_t reel_segments;
    struct steady_us active, motion_until;
    struct motion_state motion;
    char trouble[200];
    char logged[200]; /* the trouble that was logged last, and when */
    struct steady_us logged_at;
};

/* --- Which fragments, and for how long
 * ---------------------------------------------------------------------------- */

static enum use wanted(struct recorder *r) {
    switch (r->settings.mode) {
        case RECORD_MODE_ALWAYS: return USE_KEEP;
        case RECORD_MODE_MOTION: return steady_now().us < r->motion_until.us ? USE_KEEP : USE_HOLD;
        case RECORD_MODE_SCHEDULE:
            if (schedule_wants(&r->settings, wall_now())) return USE_KEEP;
            break;
        case RECORD_MODE_OFF: break;
    }
    return link_viewers(r->o.link, r->o.stream) ? USE_LIVE : USE_NONE;
}

static void trouble(struct recorder *r, const char *what) {
    snprintf(r->trouble, sizeof r->trouble, "%s", what);
    /* What comes and goes with each segment, such as a full disk, is logged once in a while. */
    if (!what[0] || (strcmp(r->logged, what) == 0 && steady_now().us < r->logged_at.us + TROUBLE_AGAIN_US))
        return;
    snprintf(r->logged, sizeof r->logged, "%s", what);
    r->logged_at = steady_now();
    log_warning("recording: %s", what);
}

uint32_t fragment_samples(struct bytes fragment) {
    /* moof > traf > trun: version and flags (4), sample_count (4) */
    static const char *const path[] = {"moof", "traf", "trun"};
    struct bytes in = fragment;
    size_t depth = 0;
    while (in.len >= 16) {
        uint32_t size = be32_get(in.data);
        if (size < 8 || size > in.len) return 1;
        if (memcmp(in.data + 4, path[depth], 4) != 0) {
            in = BYTES(in.data + size, in.len - size);
            continue;
        }
        if (depth == 2) return size >= 16 ? be32_get(in.data + 12) : 1;
        in = BYTES(in.data + 8, size - 8);
        depth++;
    }
    return 1;
}

/* --- Reels
 * -------------------------------------------------------------------------------------------------------- */

static void end_reel(struct recorder *r) {
    if (!r->reel) return;
    spool_reel_end(r->reel);
    r->reel = NULL;
    link_wake(r->o.link, true);
}

static bool reel_goes_on(const struct recorder *r, enum use use, const struct forward_slot *at) {
    if (!r->reel || use != USE_KEEP || r->reel_use != USE_KEEP) return false;
    struct spool_look look;
    spool_reel_look(r->reel, &look);
    return !look.dropped && r->reel->epoch == at->epoch && at->slot - r->reel->first_slot < REEL_MAX_SLOTS &&
           at->slot >= r->reel->first_slot && look.bytes < REEL_MAX_BYTES &&
           r->reel_segments < REEL_SEGMENTS_SOFT;
}

static err take_reel(struct recorder *r, enum use use, const struct forward_slot *at, struct diag *d) {
    if (reel_goes_on(r, use, at)) return ERR_OK;
    end_reel(r);
    enum spool_kind kind = use != USE_KEEP  ? SPOOL_KIND_HELD
                           : r->motion.open ? SPOOL_KIND_EVENT
                                            : SPOOL_KIND_KEEP;
    err e = spool_reel_begin(r->o.spool, r->o.stream, at->epoch, at->slot, kind, &r->reel, d);
    r->reel_use = use;
    r->reel_segments = 0;
    r->fresh = true;
    return e;
}

/* Appends what is sealed since the last time, and offers it: one write and one wake for all that came at
 * once. */
static err flush(struct recorder *r, struct diag *d) {
    if (!r->out.len || !r->reel) return ERR_OK;
    err e = spool_reel_append(r->reel, blob_bytes(&r->out), d);
    r->out.len = 0;
    if (r->out.cap > OUT_KEEP_BYTES) blob_clear(&r->out);
    if (!e && (r->reel_use == USE_KEEP || link_viewers(r->o.link, r->o.stream)))
        link_wake(r->o.link, r->fresh);
    r->fresh = false;
    return e;
}

/* Gives up the segment in progress: what is whole of it stays, cut short. */
static void abandon(struct recorder *r, const char *why) {
    segment_writer_abandon(r->writer);
    r->open = false;
    if (flush(r, NULL)) r->out.len = 0;
    end_reel(r);
    trouble(r, why);
}

/* --- Segments
 * ----------------------------------------------------------------------------------------------------- */

static void end_segment(struct recorder *r) {
    if (!r->open) return;
    struct diag d = {{0}};
    int64_t length = r->video_end_us > 0 ? r->video_end_us : r->sound_end_us;
    r->totals.duration_us = length > 0 ? (uint64_t)length : 0;
    err e = segment_writer_end(r->writer, &r->totals, &r->out);
    r->open = false;
    if (!e) e = flush(r, &d);
    if (e) {
        abandon(r, d.text[0] ? d.text : err_text(e));
        return;
    }
    spool_reel_sync(r->reel);
    if (r->reel_use != USE_KEEP) end_reel(r); /* one segment each */
}

static err find_slot(struct recorder *r, struct wall_us at, struct forward_slot *out, struct diag *d) {
    struct wall_us now = wall_now();
    err e = forward_keys_slot(r->o.keys, r->o.stream, at, now, out);
    if (e != ERR_NOT_FOUND && e != ERR_CONFLICT) return e;
    e = r->o.new_epoch(r->o.context, r->o.stream, d);
    return e ? e : forward_keys_slot(r->o.keys, r->o.stream, at, now, out);
}

static err begin_segment(struct recorder *r, const struct worker_fragment *f, struct forward_slot *at,
                         struct diag *d) {
    enum use use = wanted(r);
    if (use == USE_NONE) {
        end_reel(r);
        return ERR_CANCELLED;
    }
    err e = find_slot(r, f->wall, at, d);
    if (!e) e = take_reel(r, use, at, d);
    if (!e) e = segment_writer_begin(r->writer, at->keys, at->epoch, at->slot, &r->out);
    if (!e)
        e = segment_writer_record(r->writer, at->keys, RECORD_INIT, at->slot, blob_bytes(&r->init), &r->out);
    if (!e && r->has_picture)
        e = segment_writer_record(r->writer, at->keys, RECORD_PICTURE, at->slot, blob_bytes(&r->picture),
                                  &r->out);
    if (e) return e;
    r->open = true;
    r->use = use;
    r->segment_wall = f->wall;
    r->segment_slot = at->slot;
    r->segment_bytes = 0;
    r->totals = (struct segment_totals){0};
    r->video_end_us = r->sound_end_us = 0;
    r->reel_segments++;
    return ERR_OK;
}

static void count(struct recorder *r, const struct worker_fragment *f) {
    int64_t end = f->wall.us - r->segment_wall.us + f->duration_us;
    r->totals.fragments++;
    if (f->flags & WORKER_FRAGMENT_SOUND) {
        if (end > r->sound_end_us) r->sound_end_us = end;
        return;
    }
    r->totals.video_samples += fragment_samples(f->data);
    if (end > r->video_end_us) r->video_end_us = end;
}

static bool must_cut(const struct recorder *r, const struct worker_fragment *f) {
    int64_t age = f->wall.us - r->segment_wall.us;
    bool key = f->flags & WORKER_FRAGMENT_KEY;
    if (f->flags & WORKER_FRAGMENT_SOUND) return false;
    return (key && (age >= SEGMENT_LEAST_US || age < 0)) || age >= SEGMENT_MOST_US ||
           r->segment_bytes + f->data.len > SEGMENT_MOST_BYTES;
}

static err seal(struct recorder *r, const struct worker_fragment *f, struct diag *d) {
    struct forward_slot at;
    bool first = !r->open;
    size_t before = r->out.len;
    err e = first ? begin_segment(r, f, &at, d) : find_slot(r, f->wall, &at, d);
    if (!e && !first && at.epoch != r->reel->epoch) e = ERR_LIMIT; /* the epoch changed in the middle */
    uint32_t slot = e ? 0 : at.slot < r->segment_slot ? r->segment_slot : at.slot;
    if (!e) e = segment_writer_record(r->writer, at.keys, RECORD_FRAGMENT, slot, f->data, &r->out);
    if (e) {
        r->out.len = before < r->out.len ? before : r->out.len;
        return e;
    }
    r->segment_bytes += r->out.len - before;
    count(r, f);
    return r->out.len > OUT_KEEP_BYTES / 2 ? flush(r, d) : ERR_OK;
}

static void after_failure(struct recorder *r, err e, const struct diag *d) {
    switch (e) {
        case ERR_CANCELLED: break; /* nobody wants it */
        case ERR_BUSY:
            if (r->open)
                abandon(r, "waiting until the keys are safe on the disk");
            else
                trouble(r, "waiting until the keys on the disk are passed");
            break;
        case ERR_LIMIT: /* the segment cannot go on: the next key frame begins another */
            end_segment(r);
            end_reel(r);
            break;
        default: abandon(r, d->text[0] ? d->text : err_text(e));
    }
}

err recorder_fragment(struct recorder *r, const struct worker_fragment *f, struct diag *d) {
    if (!r->init.len) return diag_fail(d, ERR_INVALID, "the worker sent a fragment before its init");
    int64_t off = f->wall.us - wall_now().us;
    if (off > WORKER_CLOCK_OFF_US || off < -WORKER_CLOCK_OFF_US)
        return diag_fail(d, ERR_INVALID, "the worker's clock is %lld s off", (long long)(off / 1000000));
    bool key = f->flags & WORKER_FRAGMENT_KEY, sound = f->flags & WORKER_FRAGMENT_SOUND;
    r->active = steady_now();
    if (r->open && must_cut(r, f)) {
        end_segment(r);
        key = key || r->reel != NULL; /* cut for its size: goes on without a key frame */
    }
    if (!r->open && (!key || sound)) return ERR_OK;
    struct diag why = {{0}};
    err e = seal(r, f, &why);
    if (e)
        after_failure(r, e, &why);
    else
        trouble(r, "");
    if (!sound) r->has_picture = false; /* it was this frame's or none's */
    return ERR_OK;
}

void recorder_flush(struct recorder *r) {
    struct diag d = {{0}};
    if (flush(r, &d)) abandon(r, d.text);
}

err recorder_init(struct recorder *r, const struct worker_init *init, struct diag *d) {
    end_segment(r);
    blob_clear(&r->init);
    r->has_picture = false;
    if (init->data.len == 0) return diag_fail(d, ERR_INVALID, "the worker sent an empty init");
    err e = blob_append(&r->init, init->data);
    return e ? diag_fail(d, e, "out of memory") : ERR_OK;
}

err recorder_picture(struct recorder *r, const struct worker_picture *p, struct diag *d) {
    r->picture.len = 0;
    r->has_picture = false;
    err e = blob_append(&r->picture, p->jpeg);
    if (e) return diag_fail(d, e, "out of memory");
    r->has_picture = p->jpeg.len > 0;
    return ERR_OK;
}

/* --- Motion
 * ------------------------------------------------------------------------------------------------------- */

bool recorder_minds(struct recorder *r) {
    return r->settings.mode != RECORD_MODE_OFF &&
           (r->settings.mode != RECORD_MODE_SCHEDULE || wanted(r) == USE_KEEP);
}

void recorder_motion(struct recorder *r) {
    if (!recorder_minds(r)) return;
    struct steady_us now = steady_now();
    bool first = !r->motion.open;
    r->motion_until.us = now.us + (int64_t)(r->settings.post_s ? r->settings.post_s : 1) * 1000000;
    r->motion = (struct motion_state){true, now};
    if (first && r->settings.mode == RECORD_MODE_MOTION) {
        spool_promote_held(r->o.spool, r->o.stream, wall_slot(wall_now()) - r->settings.pre_s,
                           SPOOL_KIND_EVENT);
        link_wake(r->o.link, true);
    }
    if (r->reel && r->reel_use == USE_KEEP) spool_reel_promote(r->reel, SPOOL_KIND_EVENT);
}

static void motion_tick(struct recorder *r, struct steady_us now) {
    if (now.us - r->motion.last_seen.us >= MOTION_MERGE_US) r->motion.open = false;
}

err recorder_slot(struct recorder *r, struct forward_slot *out, struct diag *d) {
    return find_slot(r, wall_now(), out, d);
}

uint32_t recorder_segment_slot(const struct recorder *r) {
    return r->open ? r->segment_slot : 0;
}

/* --- Life
 * ---------------------------------------------------------------------------------------------------------
 */

err recorder_new(const struct recorder_options *options, struct recorder **out) {
    struct recorder *r = calloc(1, sizeof *r);
    if (!r) return ERR_NO_MEMORY;
    r->o = *options;
    r->writer = segment_writer_new(options->stream, options->hub);
    if (!r->writer) {
        free(r);
        return ERR_NO_MEMORY;
    }
    *out = r;
    return ERR_OK;
}

void recorder_free(struct recorder *r) {
    if (!r) return;
    recorder_end(r);
    segment_writer_free(r->writer);
    blob_clear(&r->init);
    blob_clear(&r->picture);
    blob_clear(&r->out);
    free(r);
}

void recorder_settings(struct recorder *r, const struct record_settings *settings) {
    r->settings = *settings;
}

void recorder_end(struct recorder *r) {
    end_segment(r);
    end_reel(r);
}

void recorder_tick(struct recorder *r) {
    struct steady_us now = steady_now();
    motion_tick(r, now);
    if (r->reel && now.us - r->active.us > IDLE_US) {
        end_segment(r);
        end_reel(r);
    }
    uint32_t keep = r->settings.mode == RECORD_MODE_MOTION ? r->settings.pre_s : 0;
    uint32_t today = wall_slot(wall_now());
    if (today > keep + HELD_SLACK_S) spool_drop_held(r->o.spool, r->o.stream, today - keep - HELD_SLACK_S);
}

void recorder_state(const struct recorder *r, struct recorder_state *out) {
    *out = (struct recorder_state){.recording = r->reel && r->reel_use == USE_KEEP, .motion = r->motion.open};
    snprintf(out->trouble, sizeof out->trouble, "%s", r->trouble);
}
