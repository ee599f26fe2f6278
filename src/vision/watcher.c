#include "vision/watcher.h"

#include <math.h>
#include <stdlib.h>

#include "vision/crops.h"
#include "vision/jpeg.h"
#include "vision/look.h"
#include "vision/sharpness.h"
#include "vision/tracker.h"

#define RATE_PART 0.1f
#define SURROUNDINGS 0.35f /* of a box's sides, in its picture */
#define SURROUNDINGS_LEAST 0.03f
#define CUT_BY_EDGE 0.6f /* what half a thing's picture is worth */
#define EDGE 0.004f
#define KNOWN_AROUND 0.2f /* of a box's sides: motion there is its own */
#define KNOWN_PART 0.8f   /* of what moved */
#define KNOWN_HITS 5
#define KNOWN_CLEARLY 0.1f /* above the threshold */
#define CUT_FURTHER 0.4f   /* of its sides, around what a part's edge cut */

/* What is remembered of a track for its picture and its face. */
struct kept {
    uint64_t id;
    float told, face; /* the quality of what was told */
    struct wall_us told_at, face_at, looked_at;
    struct area box; /* where it was seen last */
};

struct watched {
    struct tracker tracker;
    bool rested;      /* the last frame was not looked at, since nothing in it could be new */
    size_t cut_count; /* what a part's edge cut in the last frame: the next one looks further */
    struct area cut[CROPS_MAX];
    struct kept kept[VISION_TRACKS_MAX];
};

struct watcher {
    struct detector *detector;
    struct faces *faces;
    struct watcher_ports ports;
    struct watched *cameras[VISION_CAMERAS_MAX];
    uint64_t next_id;
    struct vision_counts counts;
    struct steady_us last;
    struct vision_sightings sightings;
};

/* One frame on its way. */
struct glance {
    struct watcher *w;
    struct watched *c;
    const struct vision_frame *frame;
    bool late; /* older than the last: nothing of it is news */
    struct image image;
    struct crops crops;
    struct detections found;
    int8_t looks[DETECTIONS_MAX][VISION_LOOK_BYTES];
    struct area moving[VISION_REGIONS_MAX];
    struct tracker_input in;
};

err watcher_new(struct detector *t, struct faces *f, const struct watcher_ports *ports, struct watcher **out,
                struct diag *d) {
    struct watcher *w = calloc(1, sizeof *w);
    if (!w) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    w->detector = t;
    w->faces = f;
    w->ports = *ports;
    w->next_id = 1;
    *out = w;
    return ERR_OK;
}

void watcher_forget(struct watcher *w, uint8_t camera) {
    free(w->cameras[camera]);
    w->cameras[camera] = NULL;
}

void watcher_free(struct watcher *w) {
    if (!w) return;
    for (int i = 0; i < VISION_CAMERAS_MAX; i++) watcher_forget(w, (uint8_t)i);
    detector_free(w->detector);
    faces_unload(w->faces);
    free(w);
}

static struct watched *watched(struct watcher *w, uint8_t camera) {
    struct watched *c = w->cameras[camera];
    if (c) return c;
    c = w->cameras[camera] = calloc(1, sizeof *c);
    if (c) c->tracker.next_id = &w->next_id;
    return c;
}

/* What is kept of a track; the place of one that is no more is taken. */
static struct kept *kept_of(struct watched *c, uint64_t id) {
    struct kept *free_one = NULL;
    for (size_t i = 0; i < VISION_TRACKS_MAX; i++) {
        if (c->kept[i].id == id) return &c->kept[i];
        bool alive = false;
        for (size_t k = 0; k < c->tracker.count && !alive; k++)
            alive = c->tracker.list[k].id == c->kept[i].id;
        if (!alive) free_one = &c->kept[i];
    }
    if (free_one) *free_one = (struct kept){.id = id};
    return free_one;
}

/* --- Where to look --- */

static struct area region_area(struct vision_region r) {
    return (struct area){(float)r.x / 256, (float)r.y / 256, (float)(r.x + r.w) / 256,
                         (float)(r.y + r.h) / 256};
}

static bool in_crops(const struct glance *g, struct area a) {
    for (size_t i = 0; i < g->crops.count; i++)
        if (area_inside(area_clip(a), crops_area(&g->image, g->crops.list[i])) > 0.9f) return true;
    return false;
}

/* Tracks that nothing draws attention to are looked for all the same, at a low rate: the one that waits
 * longest first. Nothing is added for the rest: their turn comes. */
static void plan_tracks(struct glance *g) {
    struct tracker *k = &g->c->tracker;
    while (g->crops.count < CROPS_MAX) {
        struct track *longest = NULL;
        struct kept *its = NULL;
        for (size_t i = 0; i < k->count; i++) {
            struct track *t = &k->list[i];
            struct kept *kept = t->state != TRACK_LOST && !in_crops(g, t->box) ? kept_of(g->c, t->id) : NULL;
            if (!kept) continue;
            int64_t since = t->seen.us > kept->looked_at.us ? t->seen.us : kept->looked_at.us;
            int64_t wait = t->misses  ? WATCHER_DOUBT_AGAIN_US
                           : t->still ? WATCHER_STILL_AGAIN_US
                                      : WATCHER_LOOK_AGAIN_US;
            if (g->frame->wall.us - since < wait) continue;
            if (longest && t->seen.us >= longest->seen.us) continue;
            longest = t;
            its = kept;
        }
        if (!longest || !crops_add(&g->image, longest->box, detector_side(g->w->detector), &g->crops)) return;
        its->looked_at = g->frame->wall;
    }
}

/* What has no limbs and stands does not move: the motion before it is something else's. */
static bool may_move(const struct track *t) {
    bool alive = t->label == SEEN_PERSON || seen_label_animal(t->label);
    return alive || (t->arrived && !t->still);
}

/* Does all that moves belong to things that are well known? */
static bool all_known(const struct glance *g, const struct area *moving, size_t count) {
    const struct tracker *k = &g->c->tracker;
    for (size_t i = 0; i < count; i++) {
        bool known = false;
        for (size_t t = 0; t < k->count && !known; t++) {
            const struct track *one = &k->list[t];
            float x = KNOWN_AROUND * (one->box.x1 - one->box.x0),
                  y = KNOWN_AROUND * (one->box.y1 - one->box.y0);
            struct area around = {one->box.x0 - x, one->box.y0 - y, one->box.x1 + x, one->box.y1 + y};
            known = one->confirmed && one->seen_now && may_move(one) && one->hits >= KNOWN_HITS &&
                    one->score > detector_threshold(g->w->detector, one->label) + KNOWN_CLEARLY &&
                    area_inside(moving[i], around) > KNOWN_PART;
        }
        if (!known) return false;
    }
    return count > 0;
}

static void plan(struct glance *g) {
    struct area moving[CROPS_MOVING_MAX];
    size_t count = 0;
    for (; count < g->frame->region_count; count++) moving[count] = region_area(g->frame->regions[count]);
    for (size_t i = 0; i < g->c->cut_count; i++) moving[count++] = g->c->cut[i];
    g->c->cut_count = 0;
    bool classifies = detector_classifies(g->w->detector), safety = g->frame->flags & VISION_FRAME_SAFETY;
    /* What is well known is looked at in every second frame: in between its way is known well enough. */
    g->c->rested = !classifies && !safety && !g->c->rested && all_known(g, moving, count);
    if (g->c->rested) return;
    crops_plan(&g->image, moving, count, detector_side(g->w->detector), classifies, &g->crops);
    if (classifies) return; /* it says what moved, and knows nothing of what does not */
    if (safety && g->crops.count < CROPS_MAX)
        g->crops.list[g->crops.count++] = (struct rect){0, 0, g->image.width, g->image.height};
    plan_tracks(g);
}

/* --- Looking --- */

static void keep_cut(struct glance *g) {
    struct watched *c = g->c;
    for (size_t i = 0; i < g->found.count && c->cut_count < CROPS_MAX; i++) {
        const struct detection *f = &g->found.list[i];
        if (!f->cut || f->score < detector_threshold(g->w->detector, f->label)) continue;
        float x = CUT_FURTHER * (f->box.x1 - f->box.x0), y = CUT_FURTHER * (f->box.y1 - f->box.y0);
        c->cut[c->cut_count++] =
            area_clip((struct area){f->box.x0 - x, f->box.y0 - y, f->box.x1 + x, f->box.y1 + y});
    }
}

static err detect(struct glance *g, struct diag *d) {
    struct vision_counts *n = &g->w->counts;
    float side = (float)detector_side(g->w->detector);
    for (size_t i = 0; i < g->crops.count; i++) {
        struct rect r = g->crops.list[i];
        struct steady_us begin = steady_now();
        err e = detector_run(g->w->detector, &g->image, r, &g->found, d);
        if (e) return e;
        double ms = (double)(steady_now().us - begin.us) / 1000;
        n->detect_ms += n->detections ? (double)RATE_PART * (ms - n->detect_ms) : ms;
        n->detections++;
        g->in.looked[g->in.looked_count++] =
            (struct looked){crops_area(&g->image, r), side * (float)g->image.width / (float)r.w,
                            side * (float)g->image.height / (float)r.h};
    }
    if (g->crops.count > 1) detections_suppress(&g->found);
    keep_cut(g);
    return ERR_OK;
}

static void look_at(void *context, struct area box, int8_t out[VISION_LOOK_BYTES]) {
    look_of(&((struct glance *)context)->image, box, out);
}

static float threshold(void *context, enum seen_label l) {
    return detector_threshold(((struct glance *)context)->w->detector, l);
}

static err track(struct glance *g) {
    for (size_t i = 0; i < g->found.count; i++) look_of(&g->image, g->found.list[i].box, g->looks[i]);
    g->in.wall = g->frame->wall;
    g->in.found = &g->found;
    g->in.words = detector_classifies(g->w->detector);
    g->in.looks = (const int8_t(*)[VISION_LOOK_BYTES])g->looks;
    for (size_t i = 0; i < g->frame->region_count; i++) g->moving[i] = region_area(g->frame->regions[i]);
    g->in.moving = g->moving;
    g->in.moving_count = g->frame->region_count;
    g->in.context = g;
    g->in.look = look_at;
    g->in.threshold = threshold;
    return tracker_update(&g->c->tracker, &g->in);
}

/* --- Telling --- */

static struct rect surroundings(const struct image *m, struct area a) {
    float x = SURROUNDINGS * (a.x1 - a.x0) + SURROUNDINGS_LEAST,
          y = SURROUNDINGS * (a.y1 - a.y0) + SURROUNDINGS_LEAST;
    return image_rect(m, area_clip((struct area){a.x0 - x, a.y0 - y, a.x1 + x, a.y1 + y}));
}

static float picture_quality(const struct glance *g, const struct track *t) {
    struct rect r = image_rect(&g->image, t->box);
    float quality = sqrtf(sharpness(&g->image, r)) * sqrtf((float)r.w * (float)r.h) * t->score;
    bool cut = t->box.x0 < EDGE || t->box.y0 < EDGE || t->box.x1 > 1 - EDGE || t->box.y1 > 1 - EDGE;
    return cut ? quality * CUT_BY_EDGE : quality;
}

/* Sends a track's picture when it is its first, or clearly better than the one that was told. */
static err tell_picture(struct glance *g, const struct track *t, struct diag *d) {
    struct kept *k = kept_of(g->c, t->id);
    if (!k || !t->confirmed || !t->seen_now) return ERR_OK;
    if (k->told > 0 && g->frame->wall.us - k->told_at.us < WATCHER_PICTURE_AGAIN_US) return ERR_OK;
    float quality = picture_quality(g, t);
    if (k->told > 0 && quality < WATCHER_PICTURE_BETTER * k->told) return ERR_OK;
    AUTO(blob_clear) struct blob jpeg = {0};
    err e = jpeg_encode(&g->image, surroundings(&g->image, t->box), WATCHER_PICTURE_SIDE,
                        VISION_PICTURE_MAX_BYTES, &jpeg, d);
    if (e) return e;
    AUTO(blob_clear) struct blob small = {0};
    e = jpeg_encode(&g->image, surroundings(&g->image, t->box), WATCHER_SMALL_SIDE, VISION_SMALL_MAX_BYTES,
                    &small, d);
    if (e && e != ERR_LIMIT) return e; /* what does not fit goes without */
    if (e) small.len = 0;
    k->told = fmaxf(quality, 1e-3f);
    k->told_at = g->frame->wall;
    const struct vision_picture p = {
        g->frame->camera, t->id, g->frame->wall, (uint32_t)quality, blob_bytes(&small), blob_bytes(&jpeg)};
    return g->w->ports.picture(g->w->ports.context, &p);
}

/* The face of a person in view, when it is better than the one that was told. */
static err find_face(struct glance *g, const struct track *t, struct seen_track *out, struct diag *d) {
    static _Thread_local struct found_face found[VISION_FACES_MAX];
    struct kept *k = kept_of(g->c, t->id);
    if (!g->w->faces || !(g->frame->flags & VISION_FRAME_FACES) || t->label != SEEN_PERSON || !t->seen_now ||
        !k || g->frame->wall.us - k->face_at.us < WATCHER_FACE_AGAIN_US)
        return ERR_OK;
    float w = t->box.x1 - t->box.x0, h = t->box.y1 - t->box.y0;
    struct area head = {t->box.x0 - 0.1f * w, t->box.y0 - 0.1f * h, t->box.x1 + 0.1f * w,
                        t->box.y0 + fmaxf(0.5f * h, fminf(h, w))};
    size_t count = 0;
    k->face_at = g->frame->wall;
    err e =
        faces_find(g->w->faces, &g->image, image_rect(&g->image, area_clip(head)), k->face, found, &count, d);
    if (e || count == 0 || found[0].reason[0]) return e;
    k->face = found[0].face.quality;
    out->has_face = true;
    out->face = found[0].face;
    return ERR_OK;
}

/* Where it is. A classifier sees all that moves: where it thinks that what it does not see has gone by now
 * helps it to know it again, but nobody was seen there, in a zone say. */
static struct area told_box(struct glance *g, const struct track *t) {
    struct kept *k = detector_classifies(g->w->detector) ? kept_of(g->c, t->id) : NULL;
    if (!k) return t->box;
    if (t->seen_now) k->box = t->box;
    return area_size(k->box) > 0 ? k->box : t->box;
}

static err tell(struct glance *g, struct steady_us begin, struct diag *d) {
    struct vision_sightings *s = &g->w->sightings;
    *s = (struct vision_sightings){.camera = g->frame->camera, .wall = g->frame->wall};
    for (size_t i = 0; i < g->c->tracker.count; i++) {
        const struct track *t = &g->c->tracker.list[i];
        if (!t->confirmed || (g->late && t->state == TRACK_LOST)) continue;
        err e = g->late ? ERR_OK : tell_picture(g, t, d);
        struct seen_track *out = &s->tracks[s->count++];
        *out = (struct seen_track){.id = t->id,
                                   .label = t->label,
                                   .score = t->score,
                                   .box = area_box(told_box(g, t)),
                                   .first = t->first,
                                   .state = g->late ? TRACK_SEEN : t->state,
                                   .still = t->still || !t->arrived};
        memcpy(out->look, t->look, sizeof out->look);
        if (!e && !g->late) e = find_face(g, t, out, d);
        if (e) return e;
    }
    s->took_ms = (uint32_t)((steady_now().us - begin.us) / 1000);
    return g->w->ports.sightings(g->w->ports.context, s);
}

static void count(struct watcher *w, struct steady_us now) {
    double gap = (double)(now.us - w->last.us) / 1e6;
    if (w->last.us && gap > 0) w->counts.rate += (double)RATE_PART * (1 / fmax(gap, 0.001) - w->counts.rate);
    w->last = now;
    w->counts.frames++;
}

err watcher_frame(struct watcher *w, const struct vision_frame *frame, struct diag *d) {
    struct steady_us begin = steady_now();
    static _Thread_local struct glance g;
    g = (struct glance){.w = w,
                        .c = watched(w, frame->camera),
                        .frame = frame,
                        .image = image_i420(frame->i420.data, frame->width, frame->height)};
    if (!g.c) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    count(w, begin);
    g.late = tracker_late(&g.c->tracker, frame->wall);
    if (g.late) {
        w->counts.skipped++;
        return tell(&g, begin, d);
    }
    plan(&g);
    err e = detect(&g, d);
    if (!e) e = track(&g);
    return e ? e : tell(&g, begin, d);
}

void watcher_embed(struct watcher *w, const struct vision_embed *m, struct vision_faces *out) {
    static _Thread_local struct found_face found[VISION_FACES_MAX];
    AUTO(blob_clear) struct blob pixels = {0};
    struct image image;
    struct diag d = {{0}};
    *out = (struct vision_faces){.request = m->request};
    err e = w->faces ? jpeg_decode(m->jpeg, &pixels, &image, &d)
                     : diag_fail(&d, ERR_UNSUPPORTED, "there are no models for faces");
    if (!e)
        e = faces_find(w->faces, &image, (struct rect){0, 0, image.width, image.height}, 0, found,
                       &out->count, &d);
    if (!e && out->count == 0) (void)diag_fail(&d, ERR_NOT_FOUND, "there is no face in the picture");
    if (e) out->count = 0;
    for (size_t i = 0; i < out->count; i++) {
        out->faces[i] = found[i].face;
        memcpy(out->reasons[i], found[i].reason, sizeof found[i].reason);
    }
    memcpy(out->message, d.text, sizeof out->message - 1);
}

void watcher_counts(const struct watcher *w, struct vision_counts *out) {
    *out = w->counts;
}
