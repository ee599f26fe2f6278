/* see.debug: the last minute, frame by frame: where it moved, what was seen there, and what the rules said.
 * In memory alone; some 150 KiB for a camera that is looked at. */
#include <stdlib.h>

#include "hub/seeing_internal.h"

#define SECONDS 60
#define FRAMES (SECONDS * 5)
#define TRACKS 12 /* of a frame; a crowd's others are counted */
#define FRAME_MATCH_US 1000

struct noted_track {
    uint64_t id;
    uint8_t label, state, score; /* score: per cent */
    bool still;
    struct place_box box;
};

struct noted_frame {
    struct wall_us wall;
    uint32_t ms;
    uint8_t region_count, track_count;
    bool answered;
    struct worker_region regions[WORKER_REGIONS_MAX];
    struct noted_track tracks[TRACKS];
};

struct see_debug {
    size_t next;
    struct noted_frame frames[FRAMES];
};

void see_debug_free(struct see_debug *g) {
    free(g);
}

static struct noted_frame *frame_at(struct see_camera *c, struct wall_us wall) {
    if (!c->debug) c->debug = calloc(1, sizeof *c->debug);
    if (!c->debug) return NULL;
    for (size_t i = 0; i < FRAMES; i++) {
        int64_t off = c->debug->frames[i].wall.us - wall.us;
        if (off > -FRAME_MATCH_US && off < FRAME_MATCH_US) return &c->debug->frames[i];
    }
    struct noted_frame *f = &c->debug->frames[c->debug->next++ % FRAMES];
    *f = (struct noted_frame){.wall = wall};
    return f;
}

void seeing_frame(struct seeing *s, const uint8_t camera[CAMERA_ID_BYTES], const struct worker_frame *m) {
    struct see_camera *c = s->on ? see_camera_need(s, camera) : NULL;
    struct noted_frame *f = c ? frame_at(c, m->wall) : NULL;
    if (!f) return;
    f->region_count = m->region_count;
    memcpy(f->regions, m->regions, sizeof f->regions);
}

void see_debug_note(struct see_camera *c, const struct vision_sightings *m) {
    struct noted_frame *f = frame_at(c, m->wall);
    if (!f) return;
    f->ms = m->took_ms;
    f->answered = true;
    f->track_count = (uint8_t)(m->count < TRACKS ? m->count : TRACKS);
    for (size_t i = 0; i < f->track_count; i++) {
        const struct seen_track *t = &m->tracks[i];
        f->tracks[i] = (struct noted_track){
            t->id, (uint8_t)t->label, (uint8_t)t->state, (uint8_t)(t->score * 100 + 0.5f), t->still, t->box};
    }
}

static json_t *frame_json(const struct noted_frame *f) {
    static const char *const states[] = {"new", "seen", "lost"};
    json_t *regions = json_array(), *tracks = json_array();
    for (size_t i = 0; i < f->region_count; i++) { /* a worker's regions are in 255ths */
        const struct worker_region *r = &f->regions[i];
        json_array_append_new(regions, json_pack("[i,i,i,i]", r->x * PLACE_WHOLE / 255, r->y * PLACE_WHOLE / 255,
                                                 r->w * PLACE_WHOLE / 255, r->h * PLACE_WHOLE / 255));
    }
    for (size_t i = 0; i < f->track_count; i++) {
        const struct noted_track *t = &f->tracks[i];
        json_array_append_new(tracks,
                              json_pack("{s:I,s:s,s:f,s:[i,i,i,i],s:b,s:s}", "id", (json_int_t)t->id, "label",
                                        seen_label_text((enum seen_label)t->label), "score", t->score / 100.0,
                                        "box", t->box.x, t->box.y, t->box.w, t->box.h, "still", t->still,
                                        "state", states[t->state <= TRACK_LOST ? t->state : TRACK_SEEN]));
    }
    return json_pack("{s:I,s:o,s:o,s:i,s:b}", "wall", (json_int_t)f->wall.us, "regions", regions, "tracks",
                     tracks, "ms", (int)f->ms, "answered", f->answered);
}

/* What the rules say of the objects that are there now. */
static json_t *why_json(const struct seeing *s, const struct see_camera *c) {
    json_t *list = json_array();
    for (size_t i = 0; i < VISION_TRACKS_MAX; i++) {
        const struct see_track *t = c->tracks[i];
        for (size_t k = 0; t && t->confirmed && k < s->rules.count; k++) {
            const struct see_answer *a = &t->answers[k];
            const char *text = a->alerted ? "It alerted." : a->count ? a->reasons[0].text : "";
            if (!text[0]) continue;
            json_array_append_new(
                list, json_pack("{s:I,s:s,s:s,s:s,s:s}", "track", (json_int_t)t->id, "label",
                                seen_label_text(t->label), "rule", s->rules.rules[k].name, "because",
                                a->alerted ? "alert" : because_word(a->reasons[0].because), "text", text));
        }
    }
    return list;
}

json_t *see_debug_json(const struct seeing *s, const struct see_camera *c) {
    json_t *frames = json_array();
    for (size_t i = 0; c->debug && i < FRAMES; i++) {
        const struct noted_frame *f = &c->debug->frames[(c->debug->next + i) % FRAMES];
        if (f->wall.us && c->looked.us - f->wall.us < (int64_t)SECONDS * 1000000)
            json_array_append_new(frames, frame_json(f));
    }
    return json_pack("{s:o,s:o}", "frames", frames, "why", why_json(s, c));
}
