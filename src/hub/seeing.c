#include "hub/seeing_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/log.h"

#define EARLY_US 10000000 /* an object that is not confirmed by then never will be */

/* --- Cameras --- */

struct see_camera *see_camera_find(const struct seeing *s, const uint8_t id[CAMERA_ID_BYTES]) {
    for (struct see_camera *c = s->cameras; c; c = c->next)
        if (memcmp(c->id, id, CAMERA_ID_BYTES) == 0) return c;
    return NULL;
}

struct see_camera *see_camera_need(struct seeing *s, const uint8_t id[CAMERA_ID_BYTES]) {
    struct see_camera *c = see_camera_find(s, id);
    if (c) return c;
    c = s->camera_count < SEE_CAMERAS_MAX ? calloc(1, sizeof *c) : NULL;
    if (!c) return NULL;
    memcpy(c->id, id, CAMERA_ID_BYTES);
    c->next = s->cameras;
    s->cameras = c;
    s->camera_count++;
    return c;
}

bool see_looks(const struct seeing *s, const struct see_camera *c, struct wall_us now) {
    return s->on && c->looked.us && now.us - c->looked.us < SEEING_LOOK_US;
}

/* --- What goes on, for who wants states rather than events --- */

static void tell_states(struct seeing *s, struct see_camera *c) {
    unsigned present[SEEN_LABELS] = {0};
    for (size_t i = 0; i < VISION_TRACKS_MAX; i++)
        if (c->tracks[i] && c->tracks[i]->told && !c->tracks[i]->settled) present[c->tracks[i]->label]++;
    for (int l = SEEN_NOTHING + 1; l < SEEN_LABELS; l++)
        if ((present[l] > 0) != (c->present[l] > 0))
            s->ports.state(s->ports.context, c->id, seen_label_text((enum seen_label)l), present[l] > 0);
    memcpy(c->present, present, sizeof present);
}

void see_end_all(struct seeing *s, struct see_camera *c, bool gap) {
    for (size_t i = 0; i < VISION_TRACKS_MAX; i++) {
        if (c->tracks[i]) see_track_end(s, c, c->tracks[i], gap);
        c->tracks[i] = NULL;
    }
    tell_states(s, c);
}

/* --- Objects --- */

static struct see_track **place_of(struct see_camera *c, uint64_t id) {
    struct see_track **free_place = NULL;
    for (size_t i = 0; i < VISION_TRACKS_MAX; i++) {
        if (c->tracks[i] && c->tracks[i]->id == id) return &c->tracks[i];
        if (!c->tracks[i] && !free_place) free_place = &c->tracks[i];
    }
    return free_place;
}

/* NULL: more than may be; it is left out. */
static struct see_track *track_need(struct see_camera *c, uint64_t id) {
    struct see_track **place = place_of(c, id);
    if (!place) return NULL;
    if (!*place && (*place = calloc(1, sizeof **place))) (*place)->id = id;
    return *place;
}

static void drop(struct seeing *s, struct see_camera *c, struct see_track *t, bool gap) {
    for (size_t i = 0; i < VISION_TRACKS_MAX; i++)
        if (c->tracks[i] == t) c->tracks[i] = NULL;
    see_track_end(s, c, t, gap);
}

static void settle_if_still(struct seeing *s, struct see_camera *c, struct see_track *t) {
    if (t->confirmed && t->still && !t->settled && t->last.us - t->still_since.us >= SEEING_SETTLE_US)
        see_track_settle(s, c, t);
}

static void take_track(struct seeing *s, struct see_camera *c, const struct seen_track *m,
                       struct wall_us wall) {
    if (m->label <= SEEN_NOTHING || m->label >= SEEN_LABELS) return;
    struct see_track *t = track_need(c, m->id);
    if (!t) return;
    see_track_update(s, c, t, m, wall);
    if (m->state == TRACK_LOST) {
        drop(s, c, t, false);
        return;
    }
    if (!t->confirmed || t->settled) return;
    if (!zones_excluding(&c->zones, t->inside)) {
        see_track_judge(s, c, t, wall);
        if (!t->still) c->motion.object = true;
    }
    settle_if_still(s, c, t);
}

static bool anything_moves(const struct see_camera *c) {
    for (size_t i = 0; i < VISION_TRACKS_MAX; i++) {
        const struct see_track *t = c->tracks[i];
        if (t && t->confirmed && !t->still && !t->was_there) return true;
    }
    return false;
}

void seeing_sightings(struct seeing *s, const uint8_t camera[CAMERA_ID_BYTES],
                      const struct vision_sightings *m) {
    struct see_camera *c = s->on ? see_camera_need(s, camera) : NULL;
    if (!c) return;
    if (!see_looks(s, c, m->wall)) c->looking_since = m->wall;
    if (m->wall.us > c->looked.us) c->looked = m->wall;
    for (size_t i = 0; i < m->count && i < VISION_TRACKS_MAX; i++) take_track(s, c, &m->tracks[i], m->wall);
    for (size_t i = 0; i < VISION_TRACKS_MAX; i++)
        if (c->tracks[i]) see_track_flush(s, c, c->tracks[i], m->wall, false);
    if (anything_moves(c)) s->ports.worth(s->ports.context, camera);
    tell_states(s, c);
    see_debug_note(c, m);
}

void seeing_picture(struct seeing *s, const uint8_t camera[CAMERA_ID_BYTES], const struct vision_picture *p) {
    struct see_camera *c = s->on ? see_camera_need(s, camera) : NULL;
    struct see_track *t = c ? track_need(c, p->track) : NULL;
    if (!t || p->jpeg.len == 0 || p->jpeg.len > VISION_PICTURE_MAX_BYTES) return;
    if (t->jpeg.len && p->quality <= t->quality) return;
    t->jpeg.len = t->small.len = 0;
    if (blob_append(&t->jpeg, p->jpeg) || blob_append(&t->small, p->small)) {
        t->jpeg.len = 0;
        return;
    }
    if (!t->first.us) t->first = p->wall; /* it came before the object was confirmed */
    t->quality = p->quality;
    t->picture_new = true;
    see_track_flush(s, c, t, p->wall, false);
    tell_states(s, c);
}

void seeing_gone(struct seeing *s) {
    for (struct see_camera *c = s->cameras; c; c = c->next) {
        see_end_all(s, c, true);
        c->looked.us = 0;
    }
}

void seeing_ended(struct seeing *s, const uint8_t camera[CAMERA_ID_BYTES]) {
    struct see_camera *c = see_camera_find(s, camera);
    if (!c) return;
    see_end_all(s, c, false);
    see_motion_end(s, c);
    c->looked.us = 0;
}

void seeing_presence(struct seeing *s, bool home, const char *by) {
    snprintf(s->presence_by, sizeof s->presence_by, "%.64s", by);
    if (s->home == home) return;
    s->home = home;
    s->presence_new = true;
}

/* A broker may say it many times in a second, and each time the disk would be waited for. */
static void store_presence(struct seeing *s, struct wall_us now) {
    struct diag d = {{0}};
    if (!s->presence_new) return;
    log_info("%s, says %s", s->home ? "somebody is at home" : "everybody is away", s->presence_by);
    s->presence_stored = now;
    s->presence_new = see_store(s, &d) != ERR_OK;
    if (s->presence_new) log_warning("who is at home is not remembered: %s", d.text);
}

static void presence_tick(struct seeing *s, struct wall_us now) {
    int64_t since = now.us - s->presence_stored.us;
    if (since < 0 || since >= SEE_PRESENCE_US) store_presence(s, now);
}

static void free_camera(struct see_camera *c) {
    see_debug_free(c->debug);
    free(c);
}

void seeing_forget(struct seeing *s, const uint8_t camera[CAMERA_ID_BYTES]) {
    struct diag d = {{0}};
    for (struct see_camera **at = &s->cameras; *at; at = &(*at)->next) {
        struct see_camera *c = *at;
        if (memcmp(c->id, camera, CAMERA_ID_BYTES) != 0) continue;
        for (size_t i = 0; i < VISION_TRACKS_MAX; i++) {
            see_track_free(c->tracks[i]);
        }
        *at = c->next;
        s->camera_count--;
        free_camera(c);
        break;
    }
    negatives_forget(&s->negatives, camera);
    recent_forget(s->recent, camera);
    if (see_store(s, &d)) log_warning("a camera's zones are not forgotten: %s", d.text);
}

static void tick_tracks(struct seeing *s, struct see_camera *c, struct wall_us now) {
    for (size_t i = 0; i < VISION_TRACKS_MAX; i++) {
        struct see_track *t = c->tracks[i];
        if (!t) continue;
        see_track_flush(s, c, t, now, false);
        if (!t->confirmed && now.us - t->first.us > EARLY_US) drop(s, c, t, false);
    }
}

void seeing_tick(struct seeing *s, struct wall_us now) {
    for (struct see_camera *c = s->cameras; c; c = c->next) {
        tick_tracks(s, c, now);
        see_motion_tick(s, c, now);
        tell_states(s, c);
    }
    see_people_tick(s, now);
    presence_tick(s, now);
}

bool seeing_on(const struct seeing *s) {
    return s->on;
}

bool seeing_wants_faces(const struct seeing *s) {
    return s->on && s->faces_on && s->faces && (s->suggest || faces_any(s->faces));
}

const struct worker_masks *seeing_masks(const struct seeing *s, const uint8_t camera[CAMERA_ID_BYTES]) {
    const struct see_camera *c = see_camera_find(s, camera);
    return c && c->masks.count ? &c->masks : NULL;
}

/* --- Life --- */

/* What the last run left open ended with it; nobody was looking since. */
static void end_left_open(struct seeing *s) {
    const struct recent_event *open;
    while ((open = recent_next_open(s->recent))) {
        struct recent_event e = *open;
        struct diag d = {{0}};
        char hex[33];
        hex_encode(BYTES_OF(e.id), hex);
        AUTO(json_release)
        json_t *o = json_pack("{s:i,s:s,s:I,s:I,s:f,s:s,s:b}", "v", 1, "label", label_word(e.label), "begin",
                              (json_int_t)e.begin.us, "end", (json_int_t)e.end.us, "score", (double)e.score,
                              "replaces", hex, "gap", 1);
        uint8_t old[16], id[16] = {0};
        memcpy(old, e.id, sizeof old);
        bool known = s->ports.camera_name(s->ports.context, e.camera) != NULL;
        err gone = known && o ? s->ports.event(s->ports.context, e.camera, o, id, &d) : ERR_OK;
        if (gone)
            log_warning("an event that was left open stays so: %s", d.text[0] ? d.text : err_text(gone));
        memcpy(e.id, id, sizeof e.id);
        e.open = false;
        recent_add(s->recent, &e, old);
    }
}

err seeing_new(const char *data, const struct seeing_ports *ports, struct seeing **out, struct diag *d) {
    struct seeing *s = calloc(1, sizeof *s);
    struct diag why = {{0}};
    if (!s) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    s->ports = *ports;
    err e =
        path_join(s->path, data, "seeing.json") ? diag_fail(d, ERR_LIMIT, "the path is too long") : ERR_OK;
    if (!e) e = see_load(s, d);
    if (!e) e = recent_open(data, &s->recent, d);
    if (e) {
        seeing_free(s);
        return e;
    }
    /* Faces that cannot be read are no reason to see nothing. */
    if (faces_open(data, &s->faces, &why)) {
        snprintf(s->faces_trouble, sizeof s->faces_trouble, "%.190s", why.text);
        log_error("familiar faces: %s", why.text);
    }
    *out = s;
    return ERR_OK;
}

void seeing_start(struct seeing *s) {
    end_left_open(s);
}

void seeing_free(struct seeing *s) {
    if (!s) return;
    store_presence(s, wall_now()); /* before the cameras and their zones go */
    while (s->cameras) {
        struct see_camera *c = s->cameras;
        see_end_all(s, c, false);
        see_motion_end(s, c);
        s->cameras = c->next;
        free_camera(c);
    }
    see_people_clear(s);
    faces_free(s->faces);
    recent_free(s->recent);
    free(s);
}
