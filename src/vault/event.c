/* Sealed events of a camera's day, and their pictures. */
#include <stdlib.h>

#include "format/event.h"
#include "vault/grant.h"
#include "vault/stream.h"

#define EVENTS_ANSWER_MAX_BYTES (8u << 20) /* then the caller asks on with after=last */
#define DAY_MAX (UINT32_MAX / STORE_DAY_SLOTS)

static bool read_day(struct http_request *request, struct store_id *camera, uint64_t *day, uint64_t *after,
                     struct http_reply *r) {
    const struct query_field fields[] = {
        {"camera", QUERY_HEX, true, 0, camera},
        {"day", QUERY_UINT, true, DAY_MAX, day},
        {"after", QUERY_UINT, false, INT64_MAX, after},
    };
    return request_query(request, fields, after ? 3 : 2, r);
}

static err head_check(struct bytes raw, const struct store_id *camera, uint64_t day, struct event_head *head,
                      struct diag *d) {
    err e = event_head_decode(raw, head, d);
    if (e) return e == ERR_LIMIT ? ERR_INVALID : e;
    if (memcmp(head->camera, camera->bytes, CAMERA_ID_BYTES) != 0)
        return diag_fail(d, ERR_INVALID, "the event is of another camera");
    if (head->slot / STORE_DAY_SLOTS != day) return diag_fail(d, ERR_INVALID, "the event is of another day");
    return ERR_OK;
}

/* Live viewers hear of an event; its picture came before it. */
static void tell(struct vault *v, const struct reel_place *place, uint64_t day, uint64_t sequence) {
    char channel[CHANNEL_BYTES];
    channel_live(&place->household, &place->camera, channel);
    publish_json(v, channel, STREAM_NOTICE,
                 json_pack("{s:s,s:o,s:I,s:I}", "kind", "event", "camera",
                           json_hex(BYTES_OF(place->camera.bytes)), "day", (json_int_t)day, "sequence",
                           (json_int_t)sequence));
}

enum http_outcome event_post(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    struct reel_place place = {.household = caller_of(request)->capability.household};
    uint64_t day = 0, sequence = 0;
    struct event_head head;
    struct store_id id;
    struct diag d = {0};
    if (!read_day(request, &place.camera, &day, NULL, r)) return HTTP_DONE;
    err e = head_check(request->body, &place.camera, day, &head, &d);
    if (e) return reply_err(r, e, &d);
    memcpy(id.bytes, head.id, sizeof id.bytes);
    e = v->index->ops->event_add(v->index, &place, head.slot, &id, head.kind == EVENT_KIND_PICTURE,
                                 request->body, &sequence, &d);
    if (e) return reply_err(r, e, &d);
    atomic_fetch_add(&v->count.events, 1);
    if (head.kind == EVENT_KIND_EVENT) tell(v, &place, day, sequence);
    return reply_json(r, 201, json_pack("{s:I}", "sequence", (json_int_t)sequence));
}

struct event_rows {
    const struct grant_scope *scope;
    json_t *list;
    size_t bytes;
    uint64_t last;
};

/* Is it of a second that may be seen? */
static bool in_scope(const struct grant_scope *scope, struct bytes event) {
    struct event_head head;
    return !scope || (event_head_decode(event, &head, NULL) == ERR_OK && scope_holds(scope, head.slot));
}

static err append_event(void *arg, uint64_t sequence, struct bytes event) {
    struct event_rows *rows = arg;
    if (!in_scope(rows->scope, event)) return ERR_OK;
    if (rows->bytes + event.len > EVENTS_ANSWER_MAX_BYTES) return ERR_LIMIT;
    json_t *item = json_pack("[I,o]", (json_int_t)sequence, json_base64(event));
    if (json_array_append_new(rows->list, item)) return ERR_NO_MEMORY;
    rows->bytes += event.len;
    rows->last = sequence;
    return ERR_OK;
}

enum http_outcome event_list(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    struct reel_place place = {.household = caller_of(request)->capability.household};
    uint64_t day = 0, after = 0;
    struct diag d = {0};
    if (!read_day(request, &place.camera, &day, &after, r)) return HTTP_DONE;
    const struct grant_scope *scope = scope_of_caller(request);
    err e = scope_camera(scope, &place.camera, &d);
    if (e) return reply_err(r, e, &d);
    activity_note(v, &place.household, scope, &place.camera);
    struct event_rows rows = {scope, json_array(), 0, after};
    e = v->index->ops->event_list(v->index, &place, (uint32_t)day, after, INDEX_EVENTS_DAY_MAX, append_event,
                                  &rows, &d);
    if (!e || e == ERR_LIMIT)
        return reply_json(r, 200, json_pack("{s:o,s:I}", "events", rows.list, "last", (json_int_t)rows.last));
    json_decref(rows.list);
    return reply_err(r, e, &d);
}

enum http_outcome event_get(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    struct reel_place place = {.household = caller_of(request)->capability.household};
    uint64_t day = 0;
    struct store_id id;
    AUTO(blob_clear) struct blob value = {0};
    struct diag d = {0};
    if (!request_id(request, 0, "event", &id, r) || !read_day(request, &place.camera, &day, NULL, r))
        return HTTP_DONE;
    const struct grant_scope *scope = scope_of_caller(request);
    err e = scope_camera(scope, &place.camera, &d);
    if (!e) e = v->index->ops->event_get(v->index, &place, (uint32_t)day, &id, &value, &d);
    if (!e && !in_scope(scope, blob_bytes(&value))) e = ERR_NOT_FOUND;
    if (!e) activity_note(v, &place.household, scope, &place.camera);
    if (e == ERR_NOT_FOUND) return reply_error(r, 404, "not_found", "that day has no such event");
    if (e) return reply_err(r, e, &d);
    return reply_text(r, 200, "application/octet-stream", &value);
}
