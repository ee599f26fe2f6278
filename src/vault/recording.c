/* What is recorded: the time line, deletion by range, cameras, usage. */
#include <stdio.h>
#include <stdlib.h>

#include "crypto/hash.h"
#include "vault/grant.h"
#include "vault/in_flight.h"
#include "vault/upload.h"

#define TIMELINE_ANSWER_MAX INDEX_TIMELINE_MAX
#define REMOVE_BATCH 500

/* --- the time line --- */

/* A day has 1440 rows and a month 43 200: written straight, without a tree of JSON values. */
static err append_reel(struct blob *out, const struct reel_info *reel, bool table, bool first) {
    char line[160], hex[2 * STORE_ID_BYTES + 1];
    hex_encode(BYTES_OF(reel->reel.bytes), hex);
    int n = snprintf(line, sizeof line, "%s[\"%s\",%u,%u,%u,%llu,%u,%u", first ? "" : ",", hex, reel->epoch,
                     reel->first, reel->end, (unsigned long long)reel->bytes, reel->segments, reel->flags);
    err e = blob_append(out, BYTES(line, (size_t)n));
    if (!e && table) e = blob_append(out, bytes_text(",\""));
    if (!e && table) e = blob_reserve(out, out->len + BASE64_CHARS(reel->table.len));
    if (!e && table) {
        base64_encode(reel->table, (char *)out->data + out->len);
        out->len += BASE64_CHARS(reel->table.len) - 1;
        e = blob_append(out, bytes_text("\""));
    }
    return e ? e : blob_append(out, bytes_text("]"));
}

static err timeline_text(const struct timeline *t, bool tables, struct blob *out) {
    err e = blob_append(out, bytes_text("{\"reels\":["));
    for (size_t i = 0; !e && i < t->count; i++) e = append_reel(out, &t->reels[i], tables, i == 0);
    if (!e) e = blob_append(out, bytes_text("]"));
    char more[40] = "}";
    if (t->more) snprintf(more, sizeof more, ",\"more_from\":%u}", t->more_from);
    return e ? e : blob_append(out, bytes_text(more));
}

static bool read_span(struct http_request *request, struct store_id *camera, uint32_t *from, uint32_t *to,
                      const char **detail, struct http_reply *r) {
    uint64_t a = 0, b = 0;
    const struct query_field fields[] = {
        {"camera", QUERY_HEX, true, 0, camera},
        {"from", QUERY_UINT, true, UINT32_MAX, &a},
        {"to", QUERY_UINT, true, UINT32_MAX, &b},
        {"detail", QUERY_TEXT, false, 16, detail},
    };
    if (!request_query(request, fields, detail ? 4 : 3, r)) return false;
    if (a >= b) {
        reply_invalid(r, "\"from\" must be before \"to\"");
        return false;
    }
    *from = (uint32_t)a;
    *to = (uint32_t)b;
    return true;
}

static void timeline_release(struct timeline *t) {
    timeline_clear(t);
}

enum http_outcome timeline_get(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    struct reel_place place = {.household = caller_of(request)->capability.household};
    uint32_t from, to;
    const char *detail = "reels";
    if (!read_span(request, &place.camera, &from, &to, &detail, r)) return HTTP_DONE;
    bool tables = strcmp(detail, "segments") == 0;
    if (!tables && strcmp(detail, "reels") != 0)
        return reply_invalid(r, "\"detail\" must be \"reels\" or \"segments\"");
    AUTO(in_flight_clear) struct in_flight arriving = {0};
    AUTO(timeline_release) struct timeline t = {0};
    AUTO(blob_clear) struct blob text = {0};
    struct diag d = {0};
    const struct grant_scope *scope = scope_of_caller(request);
    err e = scope_camera(scope, &place.camera, &d);
    if (!e && !scope_clip(scope, &from, &to)) /* nothing of it may be seen: an empty line */
        return reply_json(r, 200, json_pack("{s:[]}", "reels"));
    if (!e) e = in_flight_list(v, &place.household, &place.camera, &arriving);
    if (!e)
        e = v->index->ops->timeline(v->index, &place, from, to, TIMELINE_ANSWER_MAX, tables || scope, &t, &d);
    if (!e) e = in_flight_merge(&arriving, from, to, &t);
    if (!e) e = scope_timeline(scope, &t, &d);
    if (!e) activity_note(v, &place.household, scope, &place.camera);
    if (!e) e = timeline_text(&t, tables, &text);
    return e ? reply_err(r, e, &d) : reply_text(r, 200, "application/json", &text);
}

/* --- deletion --- */

/* Writes entries [begin, end) of a reel's table as a reel of its own, and its row; it stands in for
 * *replaces, if given. */
static err write_part(struct vault *v, const struct reel_place *place, const struct reel_info *old,
                      struct bytes bytes, const struct reel_entry *entries, size_t count,
                      const struct store_id *replaces, struct diag *d) {
    struct store_id name;
    random_bytes(name.bytes, sizeof name.bytes);
    const struct index_upload announced = {name, *place, old->epoch, slot_now()};
    err e = v->index->ops->reel_begin(v->index, &announced, d);
    if (e) return e;
    struct reel_info info = {
        .reel = name, .epoch = old->epoch, .first = entries[0].slot, .segments = (uint32_t)count};
    AUTO(blob_clear) struct blob table = {0};
    uint32_t start = entries[0].offset;
    for (size_t i = 0; !e && i < count; i++) {
        struct reel_entry moved = entries[i];
        uint8_t raw[REEL_ENTRY_BYTES];
        moved.offset -= start;
        reel_entry_encode(&moved, raw);
        e = blob_append(&table, BYTES_OF(raw));
        uint32_t end = moved.slot + moved.seconds;
        info.end = end > info.end ? end : info.end;
        info.flags |= moved.flags;
    }
    info.bytes = entries[count - 1].offset + entries[count - 1].length - start;
    info.table = blob_bytes(&table);
    struct blob_writer *writer = NULL;
    uint64_t held = 0;
    if (!e) e = v->blobs->ops->begin(v->blobs, &name, &writer, &held, d);
    if (!e) e = v->blobs->ops->append(writer, BYTES(bytes.data + start, info.bytes), d);
    if (e) {
        v->blobs->ops->abort(writer);
        err ignored = v->index->ops->upload_drop(v->index, &place->household, &name, slot_now(), d);
        (void)ignored;
        return e;
    }
    e = v->blobs->ops->commit(writer, d);
    return e ? e : v->index->ops->reel_commit(v->index, &place->household, &info, replaces, slot_now(), d);
}

struct part {
    size_t begin, end;
};

/* Which entries stay: those before the range and those after it. A segment that the range touches goes whole.
 */
static err read_table(struct bytes table, uint64_t bytes, uint32_t from, uint32_t to, struct reel_entry **out,
                      struct part *before, struct part *after, struct diag *d) {
    size_t count = table.len / REEL_ENTRY_BYTES;
    struct reel_entry *entries = calloc(count ? count : 1, sizeof *entries);
    if (!entries) return diag_fail(d, ERR_NO_MEMORY, "no memory to read a reel's table");
    *before = (struct part){0, 0};
    *after = (struct part){count, count};
    for (size_t i = 0; i < count; i++) {
        err e = reel_entry_decode(table.data + i * REEL_ENTRY_BYTES, &entries[i]);
        if (e || (uint64_t)entries[i].offset + entries[i].length > bytes) {
            free(entries);
            return diag_fail(d, ERR_IO, "a reel's table is damaged: run cardea fsck");
        }
        if ((uint64_t)entries[i].slot + entries[i].seconds <= from && before->end == i) before->end = i + 1;
        if (entries[i].slot >= to && after->begin == count) after->begin = i;
    }
    *out = entries;
    return ERR_OK;
}

/* The later part first: should this be broken off between the two, it stands twice, and nothing is lost. */
static err rewrite_edge(struct vault *v, const struct reel_place *place, const struct reel_info *reel,
                        uint32_t from, uint32_t to, struct index_removed *removed, struct diag *d) {
    AUTO(blob_clear) struct blob bytes = {0};
    struct reel_entry *entries = NULL;
    struct part before = {0}, after = {0};
    err e = blob_read_all(v->blobs, &reel->reel, REEL_HARD_MAX_BYTES, &bytes, d);
    if (!e) e = read_table(reel->table, bytes.len, from, to, &entries, &before, &after, d);
    if (e) return e;
    size_t kept = (before.end - before.begin) + (after.end - after.begin);
    size_t all = reel->table.len / REEL_ENTRY_BYTES;
    if (kept == all) { /* the range fell between two segments */
        free(entries);
        return ERR_OK;
    }
    for (size_t i = before.end; i < after.begin; i++) removed->bytes += entries[i].length;
    removed->segments += all - kept;
    bool both = before.end > before.begin && after.end > after.begin;
    if (both)
        e = write_part(v, place, reel, blob_bytes(&bytes), entries + after.begin, after.end - after.begin,
                       NULL, d);
    const struct part last = before.end > before.begin ? before : after;
    if (!e && last.end > last.begin)
        e = write_part(v, place, reel, blob_bytes(&bytes), entries + last.begin, last.end - last.begin,
                       &reel->reel, d);
    else if (!e)
        e = v->index->ops->reel_remove(v->index, &place->household, &reel->reel, slot_now(), d);
    if (!e && last.end == last.begin) removed->reels++;
    free(entries);
    return e == ERR_CONFLICT || e == ERR_NOT_FOUND ? ERR_OK : e; /* somebody else has removed it */
}

err recordings_remove(struct vault *v, const struct reel_place *place, uint32_t from, uint32_t to,
                      struct index_removed *removed, struct diag *d) {
    AUTO(timeline_release) struct timeline edges = {0};
    err e = v->index->ops->range_edges(v->index, place, from, to, &edges, d);
    for (size_t i = 0; !e && i < edges.count; i++)
        e = rewrite_edge(v, place, &edges.reels[i], from, to, removed, d);
    for (bool more = true; !e && more;) {
        struct index_removed step = {0};
        e = v->index->ops->range_remove(v->index, place, from, to, REMOVE_BATCH, slot_now(), &step, d);
        removed->reels += step.reels;
        removed->segments += step.segments;
        removed->bytes += step.bytes;
        removed->events += step.events;
        more = step.more;
    }
    return e ? e : vault_collect(v, d);
}

enum http_outcome recordings_delete(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    struct reel_place place = {.household = caller_of(request)->capability.household};
    uint32_t from, to;
    struct index_removed removed = {0};
    struct diag d = {0};
    if (!read_span(request, &place.camera, &from, &to, NULL, r)) return HTTP_DONE;
    err e = uploads_cut(v, &place, from, to, &d);
    if (!e) e = recordings_remove(v, &place, from, to, &removed, &d);
    if (e) return reply_err(r, e, &d);
    return reply_json(r, 200,
                      json_pack("{s:I,s:I,s:I,s:I}", "segments", (json_int_t)removed.segments, "bytes",
                                (json_int_t)removed.bytes, "reels", (json_int_t)removed.reels, "events",
                                (json_int_t)removed.events));
}

/* --- cameras --- */

struct camera_rows {
    const struct grant_scope *scope;
    json_t *list;
    struct in_flight arriving;
};

/* What arrives extends what is stored; a camera's first reel makes its row before the index has one. */
static void extend(struct camera_info *c, const struct in_flight *arriving, size_t i) {
    const struct reel_info *reel = &arriving->reels[i].info;
    if (c->last == 0 || reel->first < c->first) c->first = reel->first;
    if (reel->end > c->last) c->last = reel->end;
}

static err append_camera_row(json_t *list, const struct camera_info *c) {
    json_t *item = json_pack("{s:o,s:I,s:I,s:I,s:I,s:I}", "camera", json_hex(BYTES_OF(c->camera.bytes)),
                             "first", (json_int_t)c->first, "last", (json_int_t)c->last, "bytes",
                             (json_int_t)(c->bytes + c->events_bytes), "reels", (json_int_t)c->reels,
                             "retention_days", (json_int_t)c->retention_days);
    return json_array_append_new(list, item) ? ERR_NO_MEMORY : ERR_OK;
}

/* Takes what arrives of it out of the rows. */
static err append_camera(void *arg, const struct camera_info *stored) {
    struct camera_rows *rows = arg;
    struct camera_info c = *stored;
    for (size_t i = 0; i < rows->arriving.count; i++) {
        if (!store_id_equal(&rows->arriving.reels[i].camera, &c.camera)) continue;
        extend(&c, &rows->arriving, i);
        rows->arriving.reels[i].info.segments = 0;
    }
    if (!rows->scope) return append_camera_row(rows->list, &c);
    if (scope_camera(rows->scope, &c.camera, NULL)) return ERR_OK;
    if (!scope_clip(rows->scope, &c.first, &c.last)) c.first = c.last = 0;
    c.bytes = c.events_bytes = c.reels = 0; /* of all that there is: an owner's figures */
    return append_camera_row(rows->list, &c);
}

static err append_new_cameras(struct camera_rows *rows) {
    err e = ERR_OK;
    for (size_t i = 0; !e && i < rows->arriving.count; i++) {
        if (!rows->arriving.reels[i].info.segments) continue;
        const struct camera_info none = {.camera = rows->arriving.reels[i].camera};
        e = append_camera(rows, &none);
    }
    return e;
}

enum http_outcome camera_list(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    const struct store_id *household = &caller_of(request)->capability.household;
    struct camera_rows rows = {.scope = scope_of_caller(request), .list = json_array()};
    struct diag d = {0};
    err e = in_flight_list(v, household, NULL, &rows.arriving);
    if (!e) e = v->index->ops->camera_list(v->index, household, append_camera, &rows, &d);
    if (!e) e = append_new_cameras(&rows);
    in_flight_clear(&rows.arriving);
    if (!e) return reply_json(r, 200, json_pack("{s:o}", "cameras", rows.list));
    json_decref(rows.list);
    return reply_err(r, e, &d);
}

enum http_outcome camera_put(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    struct store_id camera;
    int64_t days = 0;
    AUTO(json_release) json_t *document = NULL;
    struct diag d = {0};
    const struct json_field fields[] = {
        {"retention_days", JSON_KIND_INT, true, 0, INDEX_RETENTION_MAX_DAYS, &days, NULL}};
    if (!request_id(request, 0, "camera", &camera, r) || !REQUEST_JSON(request, fields, &document, r))
        return HTTP_DONE;
    /* Whoever holds a stolen hub could have the vault delete what shows the theft. */
    bool lengthen = caller_of(request)->who != WHO_OWNER;
    err e = v->index->ops->camera_set_retention(v->index, &caller_of(request)->capability.household, &camera,
                                                (uint32_t)days, lengthen, &d);
    return e ? reply_err(r, e, &d) : reply_empty(r, 204);
}

enum http_outcome camera_delete(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    struct reel_place place = {.household = caller_of(request)->capability.household};
    struct diag d = {0};
    if (!request_id(request, 0, "camera", &place.camera, r)) return HTTP_DONE;
    struct index_removed step = {.more = true};
    err e = uploads_cut(v, &place, 0, UINT32_MAX, &d);
    for (bool first = true; !e && step.more; first = false) {
        e = v->index->ops->camera_remove(v->index, &place, REMOVE_BATCH, slot_now(), &step, &d);
        if (e == ERR_NOT_FOUND && !first) e = ERR_OK, step.more = false;
    }
    if (e == ERR_NOT_FOUND) return reply_error(r, 404, "not_found", "there is no such camera");
    if (!e) e = vault_collect(v, &d);
    return e ? reply_err(r, e, &d) : reply_empty(r, 204);
}

enum http_outcome usage_get(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    struct index_usage usage;
    struct diag d = {0};
    err e = v->index->ops->usage(v->index, &caller_of(request)->capability.household, &usage, &d);
    if (e) return reply_err(r, e, &d);
    return reply_json(r, 200,
                      json_pack("{s:I,s:I,s:I}", "bytes", (json_int_t)usage.bytes, "reels",
                                (json_int_t)usage.reels, "quota_bytes", (json_int_t)usage.quota_bytes));
}
