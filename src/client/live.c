#include "client/live.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "client/grantee.h"
#include "client/live_stream.h"
#include "format/segment_reader.h"

#define IDLE_MS 25000 /* a beat comes every 10 s of silence */
#define RETRY_FIRST_MS 200
#define RETRY_MAX_MS 5000
#define KEYS_WAIT_S 60 /* in which the household's devices hand a grantee the keys of a new epoch */

struct view {
    struct segment_reader *reader;
    bool open; /* a segment's header was taken, and all since */
    bool late; /* and that was said */
    uint8_t second;
    uint32_t slot;
};

struct live {
    struct client *client;
    struct camera **cameras;
    size_t count;
    const struct live_handler *handler;
    struct live_stream stream;
    struct view views[LIVE_CAMERAS_MAX];
    struct diag *diag;
    bool got_any;
    bool keys_wanted; /* a new epoch began whose keys the grant did not have yet */
    struct steady_us keys_wanted_since;
};

/* A vault can send any segment it has ever had. */
static bool is_late(struct live *l, size_t i, uint32_t slot) {
    struct view *v = &l->views[i];
    struct diag why;
    bool late = live_check_slot(slot, wall_slot(wall_now()), &why) != ERR_OK;
    if (late && !v->late && l->handler->late) l->handler->late(l->handler->context, i, why.text);
    v->late = late;
    return late;
}

static err on_header(struct live *l, size_t i, struct bytes payload, struct diag *d) {
    struct segment_header header;
    struct view *v = &l->views[i];
    v->open = false;
    err e = segment_header_decode(payload, &header, d);
    if (e) return e;
    if (memcmp(header.camera, l->cameras[i]->id, CAMERA_ID_BYTES) != 0)
        return diag_fail(d, ERR_FORGED, "the vault sent another camera's segment");
    if (is_late(l, i, header.slot)) return ERR_OK;
    const struct timekey_set *keys = camera_keys(l->cameras[i], header.epoch);
    if (!keys && l->client->grant) { /* they come with the grant, which is opened again between two streams */
        l->keys_wanted = true;
        return diag_fail(d, ERR_BUSY, "the camera's keys changed; waiting for the new ones");
    }
    if (!keys) { /* a new epoch began since we looked */
        e = camera_load_keys(l->client, l->cameras[i], d);
        if (e) return e;
        keys = camera_keys(l->cameras[i], header.epoch);
    }
    if (!keys)
        return diag_fail(d, ERR_NOT_FOUND, "the household has no key of epoch %u of this camera",
                         header.epoch);
    e = segment_reader_begin(v->reader, keys, &header, d);
    if (e == ERR_NOT_FOUND && l->client->grant)
        return ERR_OK; /* it began before what was given: the next one */
    if (e) return e;
    v->open = true;
    v->second = 0;
    v->slot = header.slot;
    return ERR_OK;
}

static err on_record(struct live *l, size_t i, struct bytes payload, struct diag *d) {
    struct view *v = &l->views[i];
    struct record_frame frame;
    struct bytes data;
    if (!v->open) return ERR_OK; /* the rest of a segment whose start was missed */
    err e = record_frame_read(payload, v->second, &frame, d);
    if (!e) e = segment_reader_record(v->reader, &frame, &data, d);
    if (e) {
        v->open = false;
        if (e == ERR_FORGED && l->handler->trouble) l->handler->trouble(l->handler->context, e, d->text);
        return e == ERR_FORGED || e == ERR_NOT_FOUND ? ERR_OK : e; /* the next segment may be whole */
    }
    v->second = frame.second;
    l->got_any = true;
    struct live_item item = {i, (enum record_kind)frame.kind, v->slot + frame.second, data};
    return l->handler->item(l->handler->context, &item, d);
}

static err on_message(void *context, const struct live_message *m, struct diag *d) {
    struct live *l = context;
    switch (m->type) {
        case LIVE_HEADER: return on_header(l, m->camera, m->payload, d);
        case LIVE_RECORD: return on_record(l, m->camera, m->payload, d);
        case LIVE_NOTICE:
            if (l->handler->notice) l->handler->notice(l->handler->context, m->payload);
            return ERR_OK;
        default: return ERR_OK;
    }
}

static err on_data(void *context, struct bytes piece) {
    struct live *l = context;
    return live_stream_feed(&l->stream, piece, on_message, l, l->diag);
}

static err stream_once(struct live *l, struct diag *d) {
    char path[64 + LIVE_CAMERAS_MAX * (2 * CAMERA_ID_BYTES + 1)] = "/v1/live?cameras=";
    size_t at = strlen(path);
    for (size_t i = 0; i < l->count; i++) {
        at += (size_t)snprintf(path + at, sizeof path - at, "%s%s", i ? "," : "", l->cameras[i]->hex);
        l->views[i].open = false;
    }
    const char *access;
    err e = client_access(l->client, &access, d);
    if (e) return e;
    live_stream_clear(&l->stream);
    live_stream_init(&l->stream, (uint8_t)l->count);
    struct http_request request = {.method = "GET",
                                   .path = path,
                                   .authorization = access,
                                   .data = on_data,
                                   .context = l,
                                   .idle_ms = IDLE_MS};
    AUTO(http_response_clear) struct http_response response = {0};
    struct diag inner = {{0}}, outer = {{0}};
    l->diag = &inner;
    e = http_client_do(l->client->http, &request, &response, &outer);
    *d = *inner.text ? inner : outer;
    return e ? e : diag_fail(d, ERR_UNREACHABLE, "the vault ended the live view");
}

static bool mends_itself(err e) {
    return e == ERR_UNREACHABLE || e == ERR_TIMEOUT || e == ERR_BUSY || e == ERR_IO;
}

static void wait_before_retry(int ms) {
    struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
    nanosleep(&t, NULL);
}

/* Opens the grant again. ERR_NOT_FOUND: its keys have not come in time; they will not. */
static err renew_keys(struct live *l, struct diag *d) {
    int64_t now_us = steady_now().us;
    if (!l->keys_wanted_since.us) l->keys_wanted_since.us = now_us;
    if (now_us - l->keys_wanted_since.us > KEYS_WAIT_S * INT64_C(1000000))
        return diag_fail(
            d, ERR_NOT_FOUND,
            "the camera's keys changed, and nobody has handed you the new ones: an owner's device does "
            "that when it is next used");
    l->keys_wanted = false;
    err e = grantee_open_again(l->client, d);
    for (size_t i = 0; !e && i < l->count; i++) e = camera_load_keys(l->client, l->cameras[i], d);
    return e;
}

err live_run(struct client *c, struct camera **cameras, size_t count, const struct live_handler *handler,
             struct diag *d) {
    if (count == 0 || count > LIVE_CAMERAS_MAX)
        return diag_fail(d, ERR_INVALID, "a live view has 1 to %d cameras", LIVE_CAMERAS_MAX);
    struct live *l = calloc(1, sizeof *l);
    if (!l) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    *l = (struct live){.client = c, .cameras = cameras, .count = count, .handler = handler};
    err e = ERR_OK;
    for (size_t i = 0; i < count && !e; i++) {
        l->views[i].reader = segment_reader_new();
        if (!l->views[i].reader) e = diag_fail(d, ERR_NO_MEMORY, "out of memory");
        if (!e && cameras[i]->epoch_count == 0) e = camera_load_keys(c, cameras[i], d);
    }
    int delay_ms = RETRY_FIRST_MS;
    while (!e) {
        l->got_any = false;
        e = stream_once(l, d);
        if (e == ERR_BUSY && l->keys_wanted) {
            e = renew_keys(l, d);
            if (!e) wait_before_retry(RETRY_FIRST_MS * 5);
            if (!e) continue;
        } else if (l->got_any) {
            l->keys_wanted_since = (struct steady_us){0};
        }
        if (!mends_itself(e)) break;
        if (handler->trouble) handler->trouble(handler->context, e, d->text);
        delay_ms = l->got_any ? RETRY_FIRST_MS : delay_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : delay_ms * 2;
        wait_before_retry(delay_ms);
        e = ERR_OK;
    }
    for (size_t i = 0; i < count; i++) segment_reader_free(l->views[i].reader);
    live_stream_clear(&l->stream);
    free(l);
    return e;
}
