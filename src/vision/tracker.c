#include "vision/tracker.h"

#include <math.h>
#include <stdlib.h>

#include "vision/assign.h"
#include "vision/look.h"

#define SECOND 1000000.0f
#define ACCELERATION 1.5f /* of the box's side, each second squared */
#define SLOWING 0.7f
#define SEEN_NOISE 0.06f /* of the box's side */
#define IOU_LEAST 0.15f
#define IOU_LOW 0.3f /* for uncertain detections */
#define REACH 1.2f   /* sides that a thing may be from where it was thought to be, without overlap */
#define LOOK_ALIKE 0.75f
#define LOOK_WEIGHT 0.3f
#define LOOK_SAME_PLACE 0.97f /* a place that looks like it holds the same thing still */
#define STILL_IOU 0.5f
#define HIDDEN_PART 0.35f
#define IN_VIEW 0.25f
#define SEEN_CLOSELY 0.55f /* of the size at which it was found */
#define DUPLICATE_IOU 0.45f
#define DUPLICATE_PART 0.9f
#define CLEARLY 0.12f           /* above its threshold */
#define WORD_CERTAIN 0.85f      /* a classifier's median, of what stays in its place */
#define WORD_CLEARLY 0.1f       /* above its threshold, of what goes somewhere */
#define SHIFTED 0.2f            /* of a box's side, by both of its edges: more than boxes are off by */
#define SHIFTED_HITS 2          /* in a row */
#define MOTION_AROUND 0.2f      /* of a box's sides: motion there is its own */
#define MOTION_OWN 0.7f         /* of what moves lies in a thing that moves */
#define AT_EDGE 0.01f           /* of the picture, as near to its edge */
#define HANGS 0.85f             /* what ends above this does not stand at the lower edge */
#define MOTION_FILLS 0.3f       /* so much of a thing that moves as a whole */
#define MOTION_FILLS_ALIVE 0.1f /* and of one that may move a limb alone */
#define MOTION_COVERS 0.5f      /* of a thing that changes its place */
#define MOTION_EVERYWHERE 0.5f  /* of the picture: that is no thing's */
#define UNSEEN_SLOWING_US 500000
#define CHANCE_LOG -4.6f /* of 1 in 100 */

/* --- Filters --- */

static void filter_start(struct filter *f, float x, float side) {
    float r = SEEN_NOISE * side;
    *f = (struct filter){.x = x, .pxx = r * r, .pvv = side * side};
}

static void filter_predict(struct filter *f, float dt, float side) {
    float q = ACCELERATION * side * dt, half = dt / 2;
    f->x += f->v * dt;
    f->pxx += dt * (2 * f->pxv + dt * f->pvv) + q * q * half * half;
    f->pxv += dt * f->pvv + q * q * half;
    f->pvv += q * q;
}

static void filter_correct(struct filter *f, float seen, float side) {
    float r = SEEN_NOISE * side, s = f->pxx + r * r, kx = f->pxx / s, kv = f->pxv / s, off = seen - f->x;
    f->x += kx * off;
    f->v += kv * off;
    f->pvv -= kv * f->pxv;
    f->pxv -= kx * f->pxv;
    f->pxx -= kx * f->pxx;
}

static float side_of(struct area a) {
    return fmaxf(1e-3f, (a.x1 - a.x0 + a.y1 - a.y0) / 2);
}

static void box_numbers(struct area a, float out[4]) {
    out[0] = (a.x0 + a.x1) / 2;
    out[1] = (a.y0 + a.y1) / 2;
    out[2] = a.x1 - a.x0;
    out[3] = a.y1 - a.y0;
}

static struct area predicted(const struct track *t) {
    float w = fmaxf(t->filters[2].x, 1e-3f) / 2, h = fmaxf(t->filters[3].x, 1e-3f) / 2;
    float x = t->filters[0].x, y = t->filters[1].x;
    return (struct area){x - w, y - h, x + w, y + h};
}

/* What nobody sees is not known to go on at the same speed. Sizes have none: what a door or a pole hides bit
 * by bit would shrink to nothing. */
static void predict(struct track *t, float dt, int64_t unseen_us) {
    float side = side_of(t->box);
    if (dt > 1) dt = 1;
    for (int i = 0; i < 4; i++) {
        if (t->still || i >= 2)
            t->filters[i].v = 0;
        else if (t->misses || (!t->arrived && unseen_us > UNSEEN_SLOWING_US))
            t->filters[i].v *= SLOWING;
        filter_predict(&t->filters[i], dt, i >= 2 ? side / 4 : side);
    }
}

/* --- One track --- */

static int by_size(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

static float median(const struct track *t) {
    float sorted[TRACK_SCORES];
    size_t n = t->hits < TRACK_SCORES ? t->hits : TRACK_SCORES;
    memcpy(sorted, t->scores, sizeof sorted);
    qsort(sorted, n, sizeof *sorted, by_size);
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

static void vote(struct track *t, const struct detection *f) {
    t->votes[f->label] += f->score;
    for (int i = 0; i < SEEN_LABELS; i++)
        if (t->votes[i] > t->votes[t->label]) t->label = (enum seen_label)i;
}

/* Has it moved from where it stood? */
static void settle(struct track *t, struct wall_us wall) {
    if (area_iou(t->box, t->anchor) < STILL_IOU) {
        t->anchor = t->box;
        t->since = wall;
        t->still = false;
    } else if (wall.us - t->since.us >= TRACK_STILL_US && t->hits >= TRACK_CONFIRM_HITS) {
        t->still = true;
    }
}

/* --- Arrivals --- */

/* Where things move, for those that are found there a moment later. A change of most of the picture is
 * light. */
static void note_motion(struct tracker *k, const struct tracker_input *in) {
    float all = 0;
    for (size_t i = 0; i < in->moving_count; i++) all += area_size(in->moving[i]);
    if (all > MOTION_EVERYWHERE) return;
    for (size_t i = 0; i < in->moving_count; i++)
        k->motions[k->motion_next++ % TRACK_MOTIONS] = (struct track_motion){in->wall, in->moving[i]};
}

static bool alive(enum seen_label l) {
    return l == SEEN_PERSON || seen_label_animal(l);
}

/* Did motion of about its extent go on in its place? A light that sweeps over it is larger, and what passes
 * before it smaller. */
static bool moves_there(const struct tracker *k, const struct track *t, struct wall_us wall) {
    float x = MOTION_AROUND * (t->box.x1 - t->box.x0), y = MOTION_AROUND * (t->box.y1 - t->box.y0);
    struct area around = {t->box.x0 - x, t->box.y0 - y, t->box.x1 + x, t->box.y1 + y};
    float fills = alive(t->label) ? MOTION_FILLS_ALIVE : MOTION_FILLS;
    for (size_t i = 0; i < TRACK_MOTIONS; i++) {
        const struct track_motion *m = &k->motions[i];
        if (m->wall.us && wall.us - m->wall.us < TRACK_MOTION_US &&
            area_inside(m->area, around) > MOTION_OWN && area_inside(t->box, m->area) > fills)
            return true;
    }
    return false;
}

/* By how much of its side a span was moved as a whole: one edge alone may be badly seen. */
static float shift_of(float from0, float from1, float to0, float to1) {
    float a = to0 - from0, b = to1 - from1, side = fmaxf(from1 - from0, to1 - to0);
    return a * b > 0 ? fminf(fabsf(a), fabsf(b)) / fmaxf(side, 1e-3f) : 0;
}

/* Somewhere else, by its box as a whole, than where it was first seen? */
static bool is_away(const struct track *t, struct area box) {
    return shift_of(t->origin.x0, t->origin.x1, box.x0, box.x1) > SHIFTED ||
           shift_of(t->origin.y0, t->origin.y1, box.y0, box.y1) > SHIFTED;
}

/* Where nothing moves, nothing has moved: then its box is wrong, or that of another thing. */
static bool in_motion(const struct tracker_input *in, struct area box) {
    for (size_t i = 0; i < in->moving_count; i++)
        if (area_inside(box, in->moving[i]) > MOTION_COVERS) return true;
    return false;
}

static void arrive(const struct tracker *k, struct track *t, const struct detection *f,
                   const struct tracker_input *in) {
    if (t->arrived) return;
    if (t->whole_hits == 1 && !f->cut) t->origin = f->box;
    t->shifted = is_away(t, f->box) && !f->cut && in_motion(in, f->box) ? t->shifted + 1 : 0;
    t->arrived = t->shifted >= SHIFTED_HITS || moves_there(k, t, in->wall);
}

/* --- Hits --- */

/* People stand: what hangs into the picture from its upper corner is an arm that reaches in, or somebody of
 * whom more will be seen soon. */
static bool reaches_in(const struct track *t) {
    bool corner = t->box.y0 < AT_EDGE && (t->box.x0 < AT_EDGE || t->box.x1 > 1 - AT_EDGE);
    return t->label == SEEN_PERSON && corner && t->box.y1 < HANGS;
}

/* A classifier's word has to be repeated for a while, at whatever rate there are looks. */
static bool sure_of_word(const struct track *t, float threshold) {
    if (t->hits < TRACK_WORD_HITS || t->seen.us - t->first.us < TRACK_WORD_US) return false;
    if (t->score >= fmaxf(threshold, WORD_CERTAIN)) return true;
    return t->score >= threshold + WORD_CLEARLY && is_away(t, t->box);
}

/* What is only just believed has to be seen more often: half of a person who comes in is no dog for long. */
static bool sure_of(const struct track *t, const struct tracker_input *in) {
    float threshold = in->threshold(in->context, t->label);
    if (reaches_in(t) && t->seen.us - t->first.us < TRACK_REACHES_US) return false;
    if (in->words) return sure_of_word(t, threshold);
    bool clear = t->score >= threshold + CLEARLY && t->whole_hits;
    uint32_t needed = clear ? TRACK_CONFIRM_HITS : TRACK_DOUBTED_HITS;
    return t->hits >= needed && t->score >= threshold;
}

static void hit(const struct tracker *k, struct track *t, const struct detection *f, const int8_t *look,
                const struct tracker_input *in) {
    struct wall_us wall = in->wall;
    float seen[4], side = side_of(f->box);
    box_numbers(f->box, seen);
    /* A part's edge says nothing of where a thing ends. */
    bool whole = !f->cut || !t->whole_hits;
    t->whole_hits += !f->cut;
    /* After a while nothing is known of its way: what it did meanwhile is no speed. */
    bool anew = wall.us - t->seen.us > TRACK_ANEW_US;
    for (int i = 0; i < 4 && whole; i++) {
        if (anew)
            filter_start(&t->filters[i], seen[i], side);
        else
            filter_correct(&t->filters[i], seen[i], side);
    }
    if (whole) t->box = f->box;
    t->scores[t->hits++ % TRACK_SCORES] = f->score;
    t->looks++;
    t->misses = 0;
    t->seen = wall;
    t->seen_now = true;
    t->side_px += 0.3f * (f->side_px - t->side_px);
    vote(t, f);
    look_blend(t->look, look, f->score > DETECTION_DEFAULT ? 0.2f : 0.05f);
    t->score = median(t);
    settle(t, wall);
    arrive(k, t, f, in);
    if (!t->confirmed && sure_of(t, in)) {
        t->confirmed = true;
        t->state = TRACK_NEW;
    }
}

static void begin(struct tracker *k, const struct detection *f, const int8_t *look,
                  const struct tracker_input *in) {
    struct wall_us wall = in->wall;
    if (k->count == VISION_TRACKS_MAX) return;
    struct track *t = &k->list[k->count++];
    float seen[4], side = side_of(f->box);
    *t = (struct track){.id = (*k->next_id)++,
                        .label = f->label,
                        .state = TRACK_SEEN,
                        .seen_now = true,
                        .score = f->score,
                        .box = f->box,
                        .first = wall,
                        .seen = wall,
                        .since = wall,
                        .side_px = f->side_px,
                        .anchor = f->box,
                        .origin = f->box,
                        .hits = 1,
                        .whole_hits = !f->cut,
                        .looks = 1};
    memcpy(t->look, look, sizeof t->look);
    t->scores[0] = f->score;
    t->votes[f->label] = f->score;
    box_numbers(f->box, seen);
    for (int i = 0; i < 4; i++) filter_start(&t->filters[i], seen[i], side);
    arrive(k, t, f, in);
}

/* --- Association --- */

/* How much speaks for a detection to be this track; 0: nothing. */
static float worth(const struct track *t, const struct detection *f, const int8_t *look, bool low) {
    if (label_group(t->label) != label_group(f->label)) return 0;
    struct area p = predicted(t);
    float iou = fmaxf(area_iou(p, f->box), area_iou(t->box, f->box));
    if (low) return iou >= IOU_LOW ? iou : 0;
    float alike = look_cosine(t->look, look);
    if (iou >= IOU_LEAST) return iou + LOOK_WEIGHT * fmaxf(0, alike);
    /* Little is known yet of how it moves, or it was not seen for a while: near and alike is enough. */
    float dx = (p.x0 + p.x1 - f->box.x0 - f->box.x1) / 2, dy = (p.y0 + p.y1 - f->box.y0 - f->box.y1) / 2;
    float wide = fmaxf(p.x1 - p.x0, f->box.x1 - f->box.x0), high = fmaxf(p.y1 - p.y0, f->box.y1 - f->box.y0);
    float far = sqrtf(dx * dx / (wide * wide) + dy * dy / (high * high));
    float grown = area_size(f->box) / fmaxf(area_size(t->box), 1e-6f);
    if (t->still || far > REACH || alike < LOOK_ALIKE || grown > 2.5f || grown < 0.4f) return 0;
    return 0.1f * (1 - far / REACH) + LOOK_WEIGHT * (alike - LOOK_ALIKE) + 0.01f;
}

struct pairing {
    bool track_taken[VISION_TRACKS_MAX], found_taken[DETECTIONS_MAX];
};

static bool is_low(const struct tracker_input *in, const struct detection *f) {
    return f->score < in->threshold(in->context, f->label);
}

/* One stage: the detections that are (not) certain with the tracks that are still free. */
static void associate(struct tracker *k, const struct tracker_input *in, bool low, struct pairing *p) {
    static _Thread_local float worths[VISION_TRACKS_MAX * DETECTIONS_MAX];
    size_t rows = 0, columns = 0, row_track[VISION_TRACKS_MAX], column_found[DETECTIONS_MAX];
    int out[VISION_TRACKS_MAX];
    for (size_t i = 0; i < k->count; i++)
        if (!p->track_taken[i]) row_track[rows++] = i;
    for (size_t i = 0; i < in->found->count; i++)
        if (!p->found_taken[i] && is_low(in, &in->found->list[i]) == low) column_found[columns++] = i;
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            worths[r * columns + c] = worth(&k->list[row_track[r]], &in->found->list[column_found[c]],
                                            in->looks[column_found[c]], low);
    assign(worths, rows, columns, out);
    for (size_t r = 0; r < rows; r++) {
        if (out[r] < 0) continue;
        size_t i = row_track[r], f = column_found[out[r]];
        p->track_taken[i] = p->found_taken[f] = true;
        hit(k, &k->list[i], &in->found->list[f], in->looks[f], in);
    }
}

/* A second box on something that a track has already; but a child before her father is no second box. */
static bool duplicate(const struct tracker *k, const struct detection *f) {
    for (size_t i = 0; i < k->count; i++) {
        const struct track *t = &k->list[i];
        if (!t->seen_now || label_group(t->label) != label_group(f->label)) continue;
        float iou = area_iou(t->box, f->box);
        if (iou > DUPLICATE_IOU || (area_inside(f->box, t->box) > DUPLICATE_PART && iou > DUPLICATE_IOU / 2))
            return true;
    }
    return false;
}

/* --- What was not seen --- */

/* Was its place looked at, about as closely as when it was found? */
static bool looked_at(const struct tracker_input *in, const struct track *t) {
    struct area box = area_clip(t->box);
    for (size_t i = 0; i < in->looked_count; i++) {
        const struct looked *l = &in->looked[i];
        float side = fmaxf((box.x1 - box.x0) * l->px_w, (box.y1 - box.y0) * l->px_h);
        if (area_inside(box, l->area) > 0.9f && side >= SEEN_CLOSELY * t->side_px) return true;
    }
    return false;
}

static bool hidden(const struct tracker *k, const struct track *t) {
    for (size_t i = 0; i < k->count; i++) {
        const struct track *o = &k->list[i];
        if (o != t && o->seen_now && area_inside(t->box, o->box) > HIDDEN_PART) return true;
    }
    return false;
}

/* Misses in a row that are no chance any more, for something found in hits of looks. */
static uint32_t misses_allowed(const struct track *t) {
    float rate = ((float)t->hits + 1) / ((float)t->looks + 2);
    float n = CHANCE_LOG / logf(fminf(0.99f, 1.0001f - rate));
    return n < 4 ? 4 : n > 40 ? 40 : (uint32_t)n;
}

static bool place_unchanged(const struct tracker_input *in, const struct track *t) {
    int8_t now[VISION_LOOK_BYTES];
    in->look(in->context, t->box, now);
    return look_cosine(now, t->look) >= LOOK_SAME_PLACE;
}

static bool gone(const struct tracker *k, const struct tracker_input *in, struct track *t) {
    int64_t unseen = in->wall.us - t->seen.us;
    bool looked = looked_at(in, t), behind = hidden(k, t);
    if (looked && !behind) {
        t->misses++;
        t->looks++;
    }
    if (!t->confirmed) return t->misses >= 2 || unseen > TRACK_HIDDEN_US;
    if (t->still) {
        if (t->misses && !behind && place_unchanged(in, t)) {
            t->misses = 0;
            t->seen = in->wall;
        }
        return t->misses >= misses_allowed(t) && unseen > TRACK_LOST_US;
    }
    if (area_size(area_clip(predicted(t))) < IN_VIEW * area_size(predicted(t))) return true;
    if (behind) return unseen > TRACK_HIDDEN_US;
    return (t->misses >= 3 && unseen > TRACK_LOST_US) || (t->misses && unseen > TRACK_HIDDEN_US) ||
           unseen > TRACK_FORGET_US;
}

static void miss(struct tracker *k, const struct tracker_input *in, struct track *t) {
    t->seen_now = false;
    if (gone(k, in, t))
        t->state = TRACK_LOST;
    else if (!t->still && t->confirmed)
        t->box = area_clip(predicted(t));
}

/* --- All of them --- */

/* What was lost was told of with the last frame. */
static void drop_lost(struct tracker *k) {
    size_t kept = 0;
    for (size_t i = 0; i < k->count; i++)
        if (k->list[i].state != TRACK_LOST) k->list[kept++] = k->list[i];
    k->count = kept;
}

/* The wall clock was set: times move along. */
static void shift_times(struct tracker *k, int64_t by_us) {
    for (size_t i = 0; i < k->count; i++) {
        struct track *t = &k->list[i];
        t->first.us += by_us;
        t->seen.us += by_us;
        t->since.us += by_us;
    }
    for (size_t i = 0; i < TRACK_MOTIONS; i++)
        if (k->motions[i].wall.us) k->motions[i].wall.us += by_us;
}

bool tracker_late(const struct tracker *k, struct wall_us wall) {
    int64_t step = wall.us - k->last.us;
    return k->last.us && step <= 0 && step > -TRACK_BACK_US;
}

err tracker_update(struct tracker *k, const struct tracker_input *in) {
    int64_t step = in->wall.us - k->last.us;
    if (tracker_late(k, in->wall)) return ERR_CONFLICT;
    if (k->last.us && step <= 0) {
        shift_times(k, step - 200000);
        step = 200000;
    }
    float dt = k->last.us ? (float)step / SECOND : 0;
    k->last = in->wall;
    drop_lost(k);
    note_motion(k, in);
    struct pairing p = {.track_taken = {false}};
    for (size_t i = 0; i < k->count; i++) {
        k->list[i].state = TRACK_SEEN;
        predict(&k->list[i], dt, in->wall.us - k->list[i].seen.us);
    }
    associate(k, in, false, &p);
    associate(k, in, true, &p);
    size_t known = k->count;
    for (size_t i = 0; i < known; i++)
        if (!p.track_taken[i]) k->list[i].seen_now = false;
    for (size_t i = 0; i < known; i++)
        if (!p.track_taken[i]) miss(k, in, &k->list[i]);
    for (size_t i = 0; i < in->found->count; i++) {
        const struct detection *f = &in->found->list[i];
        if (!p.found_taken[i] && !is_low(in, f) && !duplicate(k, f)) begin(k, f, in->looks[i], in);
    }
    return ERR_OK;
}
