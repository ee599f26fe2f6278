/* What is seen, and who is told: frames of the workers to vision, what vision says to seeing, alerts to
 * notify. */
#include <stdio.h>
#include <sys/epoll.h>

#include "base/file.h"
#include "base/log.h"
#include "format/event.h"
#include "hub/hub.h"
#include "vision/published.h"

static struct hub_camera *by_number(const struct hub *h, uint8_t number) {
    for (struct hub_camera *c = h->list; c; c = c->next)
        if (c->number == number) return c;
    return NULL;
}

static struct recorder *main_recorder(const struct hub *h, const uint8_t camera[CAMERA_ID_BYTES]) {
    struct hub_camera *c = hub_camera_find(h, camera);
    return c ? c->streams[0].recorder : NULL;
}

/* --- Seeing's ports --- */

/* An update is sealed in the slot in which it is made: the keys of the begin are gone by then. */
static err seal(struct hub *h, enum event_kind kind, const uint8_t camera[CAMERA_ID_BYTES], struct bytes data,
                uint8_t id[EVENT_ID_BYTES], struct diag *d) {
    struct forward_slot at;
    char hex[2 * CAMERA_ID_BYTES + 1];
    AUTO(blob_clear) struct blob sealed = {0};
    struct recorder *r = main_recorder(h, camera);
    if (!r) return diag_fail(d, ERR_NOT_FOUND, "there is no such camera");
    err e = recorder_slot(r, &at, d);
    if (e) return e;
    e = event_seal(at.keys, kind, camera, at.epoch, at.slot, data, id, &sealed);
    if (e) return diag_fail(d, e, "cannot seal it: %s", err_text(e));
    hex_encode(BYTES(camera, CAMERA_ID_BYTES), hex);
    outbox_add_later(h->outbox,
                     json_pack("{s:s,s:s,s:I}", "kind", "event", "camera", hex, "day",
                               (json_int_t)(at.slot / EVENT_DAY_SLOTS)),
                     blob_bytes(&sealed));
    return ERR_OK;
}

static err port_event(void *context, const uint8_t camera[CAMERA_ID_BYTES], json_t *json, uint8_t id[16],
                      struct diag *d) {
    char *text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(3));
    if (!text) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    err e = seal(context, EVENT_KIND_EVENT, camera, bytes_text(text), id, d);
    free(text);
    return e;
}

static err port_picture(void *context, const uint8_t camera[CAMERA_ID_BYTES], struct bytes jpeg,
                        uint8_t id[16], struct diag *d) {
    return seal(context, EVENT_KIND_PICTURE, camera, jpeg, id, d);
}

static void port_worth(void *context, const uint8_t camera[CAMERA_ID_BYTES]) {
    struct hub_camera *c = hub_camera_find(context, camera);
    for (size_t i = 0; c && i < c->stream_count; i++) recorder_motion(c->streams[i].recorder);
}

static const char *port_name(void *context, const uint8_t camera[CAMERA_ID_BYTES]) {
    const struct hub *h = context;
    const struct camera_settings *s = cameras_find(&h->cameras, camera);
    return s && memcmp(s->id, camera, CAMERA_ID_BYTES) == 0 ? s->name : NULL;
}

static uint32_t port_slot(void *context, const uint8_t camera[CAMERA_ID_BYTES]) {
    const struct recorder *r = main_recorder(context, camera);
    return r ? recorder_segment_slot(r) : 0;
}

static err port_alert(void *context, const struct alert *a, struct diag *d) {
    struct hub *h = context;
    return notify_alert(h->notify, a, d);
}

static void port_state(void *context, const uint8_t camera[CAMERA_ID_BYTES], const char *what, bool on) {
    struct hub *h = context;
    const char *name = port_name(h, camera);
    notify_state(h->notify, camera, name ? name : "", what, on);
}

static err port_embed(void *context, uint32_t request, struct bytes jpeg, struct diag *d) {
    struct hub *h = context;
    return vision_embed(h->vision, request, jpeg, d);
}

/* NULL: all cameras. */
static void port_masks(void *context, const uint8_t *camera) {
    struct hub *h = context;
    for (struct hub_camera *c = h->list; c; c = c->next) {
        struct diag d = {{0}};
        if (camera && memcmp(c->streams[0].id, camera, CAMERA_ID_BYTES) != 0) continue;
        if (hub_camera_restart(h, c, &d)) log_error("a camera was not started: %s", d.text);
    }
}

/* --- What vision says --- */

static void on_sightings(void *context, const struct vision_sightings *m) {
    struct hub *h = context;
    const struct hub_camera *c = by_number(h, m->camera);
    if (c) seeing_sightings(h->seeing, c->streams[0].id, m);
}

static void on_picture(void *context, const struct vision_picture *m) {
    struct hub *h = context;
    const struct hub_camera *c = by_number(h, m->camera);
    if (c) seeing_picture(h->seeing, c->streams[0].id, m);
}

static void on_faces(void *context, const struct vision_faces *m) {
    struct hub *h = context;
    seeing_faces(h->seeing, m);
}

static void on_gone(void *context) {
    struct hub *h = context;
    if (h->seeing) seeing_gone(h->seeing);
}

/* --- What channels say --- */

static void on_presence(void *context, bool home, const char *by) {
    struct hub *h = context;
    seeing_presence(h->seeing, home, by);
    notify_presence(h->notify, home);
}

static void on_channel_ring(void *context, const uint8_t camera[16]) {
    struct hub *h = context;
    if (port_name(h, camera)) seeing_ring(h->seeing, camera, wall_now());
}

/* A doorbell's request to the vault. */
void hub_pressed(struct hub *h, const uint8_t ring[LINK_RING_BYTES]) {
    uint8_t camera[CAMERA_ID_BYTES];
    if (doorbells_press(&h->doorbells, ring, steady_now(), camera)) on_channel_ring(h, camera);
}

static void poll_notify(struct hub *h) {
    notify_poll(h->notify, &(struct notify_events){h, on_presence, on_channel_ring});
}

static void on_alerts(void *context, uint32_t events) {
    (void)events;
    poll_notify(context);
}

/* --- What workers say --- */

void hub_seen_frame(struct hub_stream *s, const struct worker_frame *m) {
    struct hub *h = s->camera->hub;
    struct hub_camera *c = s->camera;
    if (!seeing_on(h->seeing) || !recorder_minds(c->streams[0].recorder)) return;
    seeing_frame(h->seeing, c->streams[0].id, m);
    vision_frame(h->vision, c->number, m, seeing_wants_faces(h->seeing));
}

void hub_seen_motion(struct hub_stream *s, const struct worker_motion *m) {
    struct hub_camera *c = s->camera;
    if (m->score == 0 || !recorder_minds(c->streams[0].recorder)) return;
    bool first = !recorder_moves(c->streams[0].recorder);
    for (size_t i = 0; i < c->stream_count; i++) recorder_motion(c->streams[i].recorder);
    if (first) hub_pace(c->hub); /* from now on each frame at once */
    seeing_motion(c->hub->seeing, c->streams[0].id, wall_now(), m->score);
}

void hub_seen_ring(struct hub_stream *s) {
    seeing_ring(s->camera->hub->seeing, s->camera->streams[0].id, wall_now());
}

void hub_seen_end(struct hub_camera *c) {
    struct hub *h = c->hub;
    if (h->vision) vision_forget(h->vision, c->number);
    if (h->seeing) seeing_ended(h->seeing, c->streams[0].id);
}

void hub_seen_forget(struct hub *h, const uint8_t camera[CAMERA_ID_BYTES]) {
    seeing_forget(h->seeing, camera);
    if (doorbells_forget(&h->doorbells, camera)) doorbells_tell(&h->doorbells, h->link);
}

void hub_seen_cameras(struct hub *h) {
    AUTO(json_release) json_t *list = json_array();
    for (const struct hub_camera *c = h->list; c && h->notify; c = c->next) {
        const char *name = port_name(h, c->streams[0].id);
        json_array_append_new(list, json_pack("{s:o,s:s}", "camera", json_hex(BYTES_OF(c->streams[0].id)),
                                              "name", name ? name : ""));
    }
    if (h->notify && list) notify_cameras(h->notify, list);
}

/* --- Commands --- */

static void on_done(void *context, const uint8_t command[16], err e, json_t *result, const struct diag *d) {
    hub_reply(context, command, e, result, d);
}

struct test_done {
    struct hub *hub;
    uint8_t command[COMMAND_ID_BYTES];
};

static void on_tested(void *context, err e, json_t *result, const struct diag *d) {
    struct test_done *t = context;
    hub_reply(t->hub, t->command, e, result, d);
    free(t);
}

static err test_channel(struct hub *h, const struct command *c, bool *later, struct diag *d) {
    struct test_done *t = calloc(1, sizeof *t);
    if (!t) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    t->hub = h;
    memcpy(t->command, c->id, sizeof t->command);
    err e = notify_test(h->notify, c->args, on_tested, t, d);
    *later = !e;
    if (e) free(t);
    return e;
}

static err doorbell_command(struct hub *h, const struct command *c, json_t **result, struct diag *d) {
    uint8_t camera[CAMERA_ID_BYTES];
    bool changed;
    const char *hex = json_string_value(json_object_get(c->args, "camera"));
    if (hex && !hex_decode(hex, (struct buffer){camera, sizeof camera}) && !port_name(h, camera))
        return diag_fail(d, ERR_NOT_FOUND, "this hub has no such camera");
    err e = doorbells_command(&h->doorbells, c->verb, c->args, result, &changed, d);
    if (changed) doorbells_tell(&h->doorbells, h->link);
    return e;
}

/* Familiar faces that are on, and cannot be, say so. */
static void explain_faces(json_t *seeing, json_t *models) {
    json_t *faces = json_object_get(seeing, "faces"), *m;
    const char *message = json_string_value(json_object_get(faces, "message"));
    size_t i;
    if (!json_is_true(json_object_get(faces, "on")) || !message || *message) return;
    json_array_foreach(models, i, m) {
        const char *name = json_string_value(json_object_get(m, "name"));
        if (name && strcmp(name, PUBLISHED_FACES) == 0 && json_is_false(json_object_get(m, "here")))
            json_object_set_new(faces, "message",
                                json_string("nobody is recognised yet: the models for faces are not here; "
                                            "`cardea model get faces` fetches them"));
    }
}

/* What only the hub knows beside seeing. */
static err add_surroundings(struct hub *h, json_t *o, struct diag *d) {
    json_t *models = NULL, *none = json_object();
    err e = none ? vision_command(h->vision, "model.list", none, &models, d) : ERR_NO_MEMORY;
    json_decref(none);
    if (e) return e;
    json_t *list = json_object_get(models, "models");
    json_object_set(o, "models", list ? list : models);
    explain_faces(o, list);
    json_decref(models);
    json_object_set_new(o, "model", vision_model(h->vision));
    json_object_set_new(o, "vision", vision_status(h->vision));
    json_object_set_new(o, "channels", notify_channels(h->notify));
    return ERR_OK;
}

err hub_seeing_command(struct hub *h, const struct command *c, json_t **result, bool *later, struct diag *d) {
    static const char *const seen[] = {"see.", "zone.", "mask.", "rule.", "event.", "face."};
    if (strcmp(c->verb, "notify.test") == 0) return test_channel(h, c, later, d);
    if (strncmp(c->verb, "notify.", 7) == 0) return notify_command(h->notify, c->verb, c->args, result, d);
    if (strncmp(c->verb, "doorbell.", 9) == 0) return doorbell_command(h, c, result, d);
    if (strncmp(c->verb, "model.", 6) == 0) return vision_command(h->vision, c->verb, c->args, result, d);
    for (size_t i = 0; i < sizeof seen / sizeof *seen; i++) {
        if (strncmp(c->verb, seen[i], strlen(seen[i])) != 0) continue;
        err e = seeing_command(h->seeing, c->id, c->verb, c->args, result, later, on_done, h, d);
        if (!e && strcmp(c->verb, "see.get") == 0) e = add_surroundings(h, *result, d);
        return e;
    }
    return diag_fail(d, ERR_UNSUPPORTED, "this hub does not know \"%s\"", c->verb);
}

/* --- Life --- */

err hub_seeing_init(struct hub *h, const struct hub_options *options, struct diag *d) {
    const struct seeing_ports ports = {.context = h,
                                       .event = port_event,
                                       .picture = port_picture,
                                       .worth = port_worth,
                                       .camera_name = port_name,
                                       .slot = port_slot,
                                       .alert = port_alert,
                                       .state = port_state,
                                       .embed = port_embed,
                                       .masks = port_masks};
    const struct vision_options vision = {.program = options->vision_program,
                                          .data = options->data,
                                          .published = options->models,
                                          .builtin = options->builtin,
                                          .sign = &h->identity->sign,
                                          .loop = h->loop,
                                          .events = {h, on_sightings, on_picture, on_faces, on_gone}};
    err e = notify_new(&(struct notify_options){options->data, options->ca_file}, &h->notify, d);
    if (!e) e = doorbells_load(options->data, &h->doorbells, d);
    if (!e) e = seeing_new(options->data, &ports, &h->seeing, d);
    if (!e) e = vision_new(&vision, &h->vision, d);
    if (e) return e;
    h->alerts = (struct watch){.fd = notify_fd(h->notify), .ready = on_alerts, .context = h};
    e = event_loop_add(h->loop, &h->alerts, EPOLLIN);
    return e ? diag_fail(d, e, "cannot watch for what channels say") : ERR_OK;
}

void hub_seeing_start(struct hub *h) {
    seeing_start(h->seeing);
    hub_seen_cameras(h);
    doorbells_tell(&h->doorbells, h->link);
}

void hub_seeing_tick(struct hub *h, struct steady_us now) {
    vision_tick(h->vision, now);
    seeing_tick(h->seeing, wall_now());
    poll_notify(h);
}

void hub_seeing_clear(struct hub *h) {
    struct seeing *s = h->seeing;
    h->seeing = NULL; /* nothing is said to it any more */
    seeing_free(s);
    vision_free(h->vision);
    h->vision = NULL;
    h->alerts.fd = -1; /* closed by notify */
    notify_free(h->notify);
    h->notify = NULL;
}
