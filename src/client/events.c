#include "client/events.h"

#include <stdio.h>
#include <stdlib.h>

#include "client/internal.h"
#include "format/event.h"

#define EVENTS_MAX 200000

struct found {
    struct camera_event event; /* its json is owned here */
    char replaces[33];
    bool replaced;
};
struct found_list {
    struct found *items;
    size_t count, cap, unreadable;
};

static void found_clear(struct found_list *l) {
    for (size_t i = 0; i < l->count; i++) json_decref(l->items[i].event.json);
    free(l->items);
    *l = (struct found_list){0};
}

static err open_event(const struct camera *cam, struct bytes raw, struct found *out, struct diag *d) {
    struct event_head head;
    AUTO(blob_clear) struct blob text = {0};
    err e = event_head_decode(raw, &head, d);
    if (e) return e;
    const struct timekey_set *keys = camera_keys(cam, head.epoch);
    if (!keys || memcmp(head.camera, cam->id, CAMERA_ID_BYTES) != 0) return ERR_NOT_FOUND;
    e = event_open(keys, EVENT_KIND_EVENT, raw, &head, &text, d);
    if (!e) e = json_parse(blob_bytes(&text), &out->event.json, d);
    if (e) return e;
    json_t *json = out->event.json;
    hex_encode(BYTES_OF(head.id), out->event.id);
    out->event.slot = head.slot;
    snprintf(out->event.label, sizeof out->event.label, "%s", client_text(json, "label"));
    snprintf(out->replaces, sizeof out->replaces, "%s", client_text(json, "replaces"));
    out->event.begin_us = json_integer_value(json_object_get(json, "begin"));
    out->event.end_us = json_integer_value(json_object_get(json, "end"));
    out->event.score = json_number_value(json_object_get(json, "score"));
    return ERR_OK;
}

static err add_event(const struct camera *cam, json_t *row, struct found_list *l, struct diag *d) {
    AUTO(blob_clear) struct blob raw = {0};
    json_t *text = json_array_get(row, 1);
    if (l->count == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        struct found *more = l->count < EVENTS_MAX ? realloc(l->items, cap * sizeof *more) : NULL;
        if (!more) return diag_fail(d, ERR_LIMIT, "more than %d events: ask for less", EVENTS_MAX);
        l->items = more;
        l->cap = cap;
    }
    struct found f = {0};
    struct diag ignored;
    if (!json_is_string(text) || base64_decode(json_string_value(text), json_string_length(text), &raw) ||
        open_event(cam, blob_bytes(&raw), &f, &ignored)) {
        json_decref(f.event.json);
        l->unreadable++;
        return ERR_OK;
    }
    l->items[l->count++] = f;
    return ERR_OK;
}

static err read_day(struct client *c, const struct camera *cam, uint32_t day, struct found_list *l,
                    struct diag *d) {
    json_int_t after = 0;
    for (;;) {
        char path[128];
        AUTO(json_release) json_t *answer = NULL;
        snprintf(path, sizeof path, "/v1/events?camera=%s&day=%u&after=%lld", cam->hex, day,
                 (long long)after);
        err e = client_json(c, "GET", path, NULL, &answer, d);
        if (e) return e;
        json_t *rows = json_object_get(answer, "events"), *row;
        if (json_array_size(rows) == 0) return ERR_OK;
        size_t i;
        json_array_foreach(rows, i, row) {
            e = add_event(cam, row, l, d);
            if (e) return e;
        }
        json_int_t last =
            json_integer_value(json_array_get(json_array_get(rows, json_array_size(rows) - 1), 0));
        if (last <= after) return ERR_OK;
        after = last;
    }
}

static int by_begin(const void *a, const void *b) {
    int64_t x = ((const struct found *)a)->event.begin_us, y = ((const struct found *)b)->event.begin_us;
    return x < y ? -1 : x > y;
}

static int by_id(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Marks what another event replaces: the replaced ids, sorted, then one look-up for each event. */
static err mark_replaced(struct found_list *l) {
    const char **ids = calloc(l->count + 1, sizeof *ids);
    if (!ids) return ERR_NO_MEMORY;
    size_t n = 0;
    for (size_t i = 0; i < l->count; i++)
        if (*l->items[i].replaces) ids[n++] = l->items[i].replaces;
    qsort(ids, n, sizeof *ids, by_id);
    for (size_t i = 0; i < l->count; i++) {
        const char *id = l->items[i].event.id;
        l->items[i].replaced = bsearch(&id, ids, n, sizeof *ids, by_id) != NULL;
    }
    free(ids);
    return ERR_OK;
}

err camera_events(struct client *c, const struct camera *cam, struct wall_us from, struct wall_us to,
                  camera_event_fn *fn, void *context, size_t *unreadable, struct diag *d) {
    AUTO(found_clear) struct found_list l = {0};
    err e = ERR_OK;
    uint32_t last_day = wall_slot(to) / EVENT_DAY_SLOTS;
    for (uint32_t day = wall_slot(from) / EVENT_DAY_SLOTS; day <= last_day && !e; day++)
        e = read_day(c, cam, day, &l, d);
    if (!e && mark_replaced(&l)) e = diag_fail(d, ERR_NO_MEMORY, "out of memory");
    if (e) return e;
    *unreadable += l.unreadable;
    if (l.count) qsort(l.items, l.count, sizeof *l.items, by_begin);
    for (size_t i = 0; i < l.count && !e; i++) {
        const struct camera_event *event = &l.items[i].event;
        if (l.items[i].replaced || event->begin_us >= to.us || event->end_us < from.us) continue;
        e = fn(context, event, d);
    }
    return e;
}

/* A picture that was sealed just before midnight belongs to an event of the next day. */
static err read_entry(struct client *c, const struct camera *cam, uint32_t day, const char *id,
                      struct blob *out, struct diag *d) {
    char path[160];
    snprintf(path, sizeof path, "/v1/events/%s?camera=%s&day=%u", id, cam->hex, day);
    err e = client_bytes(c, path, NULL, out, d);
    if (e != ERR_NOT_FOUND || day == 0) return e;
    snprintf(path, sizeof path, "/v1/events/%s?camera=%s&day=%u", id, cam->hex, day - 1);
    return client_bytes(c, path, NULL, out, d);
}

err camera_event_picture(struct client *c, const struct camera *cam, uint32_t slot, const char *id,
                         struct blob *jpeg, struct diag *d) {
    AUTO(blob_clear) struct blob raw = {0};
    struct event_head head;
    uint8_t wanted[EVENT_ID_BYTES];
    if (hex_decode(id, (struct buffer){wanted, sizeof wanted}))
        return diag_fail(d, ERR_INVALID, "the event names its picture wrongly");
    err e = read_entry(c, cam, slot / EVENT_DAY_SLOTS, id, &raw, d);
    if (!e) e = event_head_decode(blob_bytes(&raw), &head, d);
    if (e) return e;
    const struct timekey_set *keys = camera_keys(cam, head.epoch);
    if (!keys) return diag_fail(d, ERR_NOT_FOUND, "there is no key for the picture");
    if (memcmp(head.id, wanted, sizeof wanted) != 0 || memcmp(head.camera, cam->id, CAMERA_ID_BYTES) != 0)
        return diag_fail(d, ERR_FORGED, "the vault sent another picture than was asked for");
    return event_open(keys, EVENT_KIND_PICTURE, blob_bytes(&raw), &head, jpeg, d);
}
