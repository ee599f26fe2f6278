/* A camera's streams: their workers, recorders, epochs and profiles. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "format/camera_object.h"
#include "hub/hub.h"

struct hub_camera *hub_camera_find(const struct hub *h, const uint8_t camera[CAMERA_ID_BYTES]) {
    for (struct hub_camera *c = h->list; c; c = c->next)
        for (size_t i = 0; i < c->stream_count; i++)
            if (memcmp(c->streams[i].id, camera, CAMERA_ID_BYTES) == 0) return c;
    return NULL;
}

static struct hub_stream *find_stream(const struct hub *h, const uint8_t camera[CAMERA_ID_BYTES]) {
    struct hub_camera *c = hub_camera_find(h, camera);
    if (!c) return NULL;
    return memcmp(c->streams[0].id, camera, CAMERA_ID_BYTES) == 0 ? &c->streams[0] : &c->streams[1];
}

/* --- Epochs
 * ------------------------------------------------------------------------------------------------------- */

err hub_new_epoch(void *context, const uint8_t stream[CAMERA_ID_BYTES], struct diag *d) {
    struct hub *h = context;
    struct hub_stream *s = find_stream(h, stream);
    struct camera_settings *settings = cameras_find(&h->cameras, stream);
    if (!settings) return diag_fail(d, ERR_NOT_FOUND, "there is no such camera");
    struct steady_us now = steady_now();
    if (s && s->epoch_tried.us && now.us - s->epoch_tried.us < HUB_EPOCH_AGAIN_US)
        return diag_fail(d, ERR_BUSY, "a new epoch was begun just now");
    if (s) s->epoch_tried = now;
    bool sub = settings->has_sub && memcmp(settings->sub, stream, CAMERA_ID_BYTES) == 0;
    uint32_t *last = sub ? &settings->sub_epoch : &settings->epoch;
    ++*last; /* durable before it is used, so that no number is ever used for two roots */
    err e = cameras_store(&h->cameras, d);
    if (e) return e;
    AUTO(blob_clear) struct blob root = {0};
    char key[CAMERA_KEY_TEXT_BYTES];
    camera_root_key(stream, *last, key);
    e = forward_keys_begin(h->keys, stream, *last, h->identity->household.box, wall_now(), &root);
    if (e) return diag_fail(d, e, "cannot make keys: %s", err_text(e));
    AUTO(json_release) json_t *head = json_pack("{s:s,s:s,s:b}", "kind", "object", "key", key, "create", 1);
    e = head ? outbox_add(h->outbox, head, blob_bytes(&root), d)
             : diag_fail(d, ERR_NO_MEMORY, "out of memory");
    if (e)
        forward_keys_forget(h->keys, stream); /* what nobody could ever open must not be recorded */
    else
        log_info("camera %s: epoch %u begins", settings->name, *last);
    return e;
}

/* --- Profiles
 * ----------------------------------------------------------------------------------------------------- */

err hub_publish(struct hub *h, const struct camera_settings *s, struct hub_stream *stream, struct diag *d) {
    AUTO(json_release) json_t *profile = camera_profile(s, stream->sub, h->identity->hub);
    AUTO(blob_clear) struct blob payload = {0};
    char key[CAMERA_KEY_TEXT_BYTES];
    camera_profile_key(stream->id, key);
    if (profile && stream->codec[0]) {
        json_object_set_new(profile, "codec", json_string(stream->codec));
        json_object_set_new(profile, "width", json_integer(stream->width));
        json_object_set_new(profile, "height", json_integer(stream->height));
    }
    char *text = profile ? json_dumps(profile, JSON_COMPACT) : NULL;
    AUTO(json_release) json_t *head = json_pack("{s:s,s:s,s:b}", "kind", "object", "key", key, "create", 0);
    err e = text && head
                ? camera_profile_seal(h->identity->household.box, stream->id, bytes_text(text), &payload)
                : ERR_NO_MEMORY;
    free(text);
    if (e) return diag_fail(d, e, "cannot seal the profile: %s", err_text(e));
    return outbox_add(h->outbox, head, blob_bytes(&payload), d);
}

err hub_publish_retention(struct hub *h, const struct camera_settings *s, struct diag *d) {
    for (int i = 0; i < (s->has_sub ? 2 : 1); i++) {
        AUTO(json_release)
        json_t *head = json_pack("{s:s,s:o,s:I}", "kind", "retention", "camera",
                                 json_hex(BYTES(i ? s->sub : s->id, CAMERA_ID_BYTES)), "days",
                                 (json_int_t)s->retention_days);
        err e = head ? outbox_add(h->outbox, head, (struct bytes){0}, d) : ERR_NO_MEMORY;
        if (e) return e;
    }
    return ERR_OK;
}

/* --- What a worker says
 * ------------------------------------------------------------------------------------------- */

static err on_init(void *context, const struct worker_init *m, struct diag *d) {
    struct hub_stream *s = context;
    struct hub *h = s->camera->hub;
    err e = recorder_init(s->recorder, m, d);
    if (e) return e;
    bool same =
        s->published && strcmp(s->codec, m->codec) == 0 && s->width == m->width && s->height == m->height;
    snprintf(s->codec, sizeof s->codec, "%s", m->codec);
    snprintf(s->audio_codec, sizeof s->audio_codec, "%s", m->audio_codec);
    s->width = m->width;
    s->height = m->height;
    if (same) return ERR_OK;
    struct diag why = {{0}};
    const struct camera_settings *settings = cameras_find(&h->cameras, s->id);
    if (settings && !hub_publish(h, settings, s, &why))
        s->published = true;
    else
        log_warning("the profile could not be stored: %s", why.text);
    return ERR_OK;
}

static err on_fragment(void *context, const struct worker_fragment *m, struct diag *d) {
    struct hub_stream *s = context;
    return recorder_fragment(s->recorder, m, d);
}

static err on_picture(void *context, const struct worker_picture *m, struct diag *d) {
    struct hub_stream *s = context;
    return recorder_picture(s->recorder, m, d);
}

static void on_motion(void *context, const struct worker_motion *m) {
    hub_seen_motion(context, m);
}

static void on_frame(void *context, const struct worker_frame *m) {
    hub_seen_frame(context, m);
}

static void on_ring(void *context, const struct worker_ring *m) {
    (void)m;
    hub_seen_ring(context);
}

static void on_paused(void *context) {
    struct hub_stream *s = context;
    recorder_flush(s->recorder);
}

static void on_ended(void *context) {
    struct hub_stream *s = context;
    if (s->recorder) recorder_end(s->recorder);
    hub_seen_end(s->camera);
}

/* --- Starting and stopping
 * ---------------------------------------------------------------------------------------- */

static err start_worker(struct hub_stream *s, const struct camera_settings *settings, struct diag *d) {
    struct hub *h = s->camera->hub;
    /* Where there is a substream it is the cheaper one to look at. */
    bool look = settings->record.mode != RECORD_MODE_OFF && s->sub == settings->has_sub;
    const struct worker_masks *masks = seeing_masks(h->seeing, settings->id);
    struct worker_options o = {
        .program = h->camera_program,
        .name = settings->name,
        .url = s->sub ? settings->sub_url : settings->url,
        .audio = settings->audio && !s->sub,
        .motion = look,
        .see = look && seeing_on(h->seeing),
        .sub = s->sub,
        .picture_s = HUB_PICTURE_S,
        .loop = h->loop,
        .events = {.context = s,
                   .init = on_init,
                   .fragment = on_fragment,
                   .picture = on_picture,
                   .motion = on_motion,
                   .frame = on_frame,
                   .ring = on_ring,
                   .paused = on_paused,
                   .ended = on_ended},
    };
    if (masks) o.masks = *masks;
    return worker_new(&o, &s->worker, d);
}

static err start_stream(struct hub_stream *s, const struct camera_settings *settings, struct diag *d) {
    struct hub *h = s->camera->hub;
    struct recorder_options o = {
        .hub = &h->identity->sign,
        .keys = h->keys,
        .spool = h->spool,
        .link = h->link,
        .new_epoch = hub_new_epoch,
        .context = h,
    };
    memcpy(o.stream, s->id, sizeof o.stream);
    err e = recorder_new(&o, &s->recorder);
    if (e) return diag_fail(d, e, "out of memory");
    recorder_settings(s->recorder, &settings->record);
    uint32_t epoch;
    if (forward_keys_epoch(h->keys, s->id, &epoch)) {
        e = hub_new_epoch(h, s->id, d);
        if (e) return e;
    }
    return start_worker(s, settings, d);
}

static void free_camera(struct hub_camera *c) {
    for (size_t i = 0; i < c->stream_count; i++) {
        worker_free(c->streams[i].worker);
        c->streams[i].worker = NULL;
    }
    for (size_t i = 0; i < c->stream_count; i++) recorder_free(c->streams[i].recorder);
    free(c);
}

static uint8_t free_number(const struct hub *h) {
    uint8_t n = 0;
    for (const struct hub_camera *c = h->list; c;) {
        bool taken = c->number == n;
        n = (uint8_t)(n + taken);
        c = taken ? h->list : c->next;
    }
    return n;
}

err hub_camera_start(struct hub *h, const struct camera_settings *s, struct diag *d) {
    struct hub_camera *c = calloc(1, sizeof *c);
    if (!c) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    c->hub = h;
    c->number = free_number(h);
    c->stream_count = s->has_sub ? 2 : 1;
    err e = ERR_OK;
    for (size_t i = 0; i < c->stream_count && !e; i++) {
        struct hub_stream *stream = &c->streams[i];
        stream->camera = c;
        stream->sub = i == 1;
        memcpy(stream->id, i ? s->sub : s->id, sizeof stream->id);
        e = start_stream(stream, s, d);
    }
    if (e) {
        free_camera(c);
        return e;
    }
    struct hub_camera **at = &h->list;
    while (*at) at = &(*at)->next;
    *at = c;
    hub_seen_cameras(h);
    return ERR_OK;
}

void hub_camera_stop(struct hub *h, const uint8_t camera[CAMERA_ID_BYTES]) {
    struct hub_camera *c = hub_camera_find(h, camera);
    for (struct hub_camera **at = &h->list; *at; at = &(*at)->next) {
        if (*at != c) continue;
        hub_seen_end(c);
        *at = c->next;
        free_camera(c);
        hub_seen_cameras(h);
        return;
    }
}

static err restart_stream(struct hub_stream *s, const struct camera_settings *settings, struct diag *d) {
    worker_free(s->worker);
    s->worker = NULL;
    return start_worker(s, settings, d);
}

err hub_camera_restart(struct hub *h, struct hub_camera *c, struct diag *d) {
    const struct camera_settings *settings = cameras_find(&h->cameras, c->streams[0].id);
    if (!settings) return diag_fail(d, ERR_NOT_FOUND, "there is no such camera");
    err e = ERR_OK;
    for (size_t i = 0; i < c->stream_count && !e; i++) e = restart_stream(&c->streams[i], settings, d);
    return e;
}

err hub_camera_apply(struct hub *h, struct hub_camera *c, const struct camera_settings *s, bool restart,
                     struct diag *d) {
    for (size_t i = 0; i < c->stream_count; i++) {
        struct hub_stream *stream = &c->streams[i];
        recorder_settings(stream->recorder, &s->record);
        if (restart) {
            err e = restart_stream(stream, s, d);
            if (e) return e;
        }
        err e = hub_publish(h, s, stream, d);
        if (e) return e;
    }
    hub_seen_cameras(h);
    return ERR_OK;
}
