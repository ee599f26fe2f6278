#include "client/timeline.h"

#include <stdio.h>
#include <stdlib.h>

#include "client/internal.h"

void timeline_clear(struct timeline *t) {
    for (size_t i = 0; i < t->count; i++) blob_clear(&t->reels[i].table);
    free(t->reels);
    *t = (struct timeline){0};
}

static struct timeline_reel *add_reel(struct timeline *t) {
    if (t->count == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 256;
        struct timeline_reel *more =
            t->count < TIMELINE_REELS_MAX ? realloc(t->reels, cap * sizeof *more) : NULL;
        if (!more) return NULL;
        t->reels = more;
        t->cap = cap;
    }
    t->reels[t->count] = (struct timeline_reel){0};
    return &t->reels[t->count++];
}

static bool slot_item(json_t *row, size_t i, uint32_t *out) {
    json_t *item = json_array_get(row, i);
    json_int_t value = json_integer_value(item);
    if (!json_is_integer(item) || value < 0 || value > UINT32_MAX) return false;
    *out = (uint32_t)value;
    return true;
}

/* [reel, epoch, first slot, end slot, bytes, segments, flags, table?] */
static err read_row(json_t *row, struct timeline *t, struct diag *d) {
    struct timeline_reel *r = add_reel(t);
    if (!r) return diag_fail(d, ERR_NO_MEMORY, "no memory for the timeline");
    const char *id = json_string_value(json_array_get(row, 0));
    json_t *bytes = json_array_get(row, 4);
    if (!id || hex_decode(id, (struct buffer){r->reel, sizeof r->reel}) || !slot_item(row, 1, &r->epoch) ||
        !slot_item(row, 2, &r->first) || !slot_item(row, 3, &r->end) || !json_is_integer(bytes) ||
        json_integer_value(bytes) < 0 || !slot_item(row, 5, &r->segments) || !slot_item(row, 6, &r->flags) ||
        r->first >= r->end)
        return diag_fail(d, ERR_INVALID, "the vault's timeline holds a row that cannot be");
    r->bytes = (uint64_t)json_integer_value(bytes);
    json_t *table = json_array_get(row, 7);
    if (!table) return ERR_OK;
    if (!json_is_string(table) ||
        base64_decode(json_string_value(table), json_string_length(table), &r->table) ||
        r->table.len % REEL_ENTRY_BYTES || r->table.len / REEL_ENTRY_BYTES > REEL_SEGMENTS_MAX)
        return diag_fail(d, ERR_INVALID, "the vault's timeline holds a table that cannot be");
    return ERR_OK;
}

static err read_page(struct client *c, const char *camera, uint64_t from, uint64_t to, bool segments,
                     struct timeline *t, uint64_t *more_from, struct diag *d) {
    char path[192];
    AUTO(json_release) json_t *answer = NULL;
    snprintf(path, sizeof path, "/v1/timeline?camera=%s&from=%llu&to=%llu&detail=%s", camera,
             (unsigned long long)from, (unsigned long long)to, segments ? "segments" : "reels");
    err e = client_json(c, "GET", path, NULL, &answer, d);
    if (e) return e;
    json_t *rows = json_object_get(answer, "reels"), *row;
    if (!json_is_array(rows)) return diag_fail(d, ERR_INVALID, "the vault's answer holds no timeline");
    size_t i;
    json_array_foreach(rows, i, row) {
        e = read_row(row, t, d);
        if (e) return e;
    }
    *more_from = (uint64_t)json_integer_value(json_object_get(answer, "more_from"));
    return ERR_OK;
}

err timeline_read(struct client *c, const uint8_t camera[CAMERA_ID_BYTES], uint64_t from, uint64_t to,
                  bool segments, struct timeline *out, struct diag *d) {
    char hex[2 * CAMERA_ID_BYTES + 1];
    AUTO(timeline_clear) struct timeline t = {0};
    hex_encode(BYTES(camera, CAMERA_ID_BYTES), hex);
    while (from < to) {
        uint64_t more = 0;
        size_t before = t.count;
        err e = read_page(c, hex, from, to, segments, &t, &more, d);
        if (e) return e;
        /* The next page begins with reels that touch its first slot, of which the last page may have shown
         * some. */
        for (size_t i = before; i < t.count && before;) {
            bool twice = false;
            for (size_t k = before > 8 ? before - 8 : 0; k < before; k++)
                twice = twice || memcmp(t.reels[k].reel, t.reels[i].reel, REEL_ID_BYTES) == 0;
            if (!twice) break;
            blob_clear(&t.reels[i].table);
            memmove(&t.reels[i], &t.reels[i + 1], (t.count - i - 1) * sizeof *t.reels);
            t.count--;
        }
        if (more <= from) break;
        from = more;
    }
    timeline_clear(out);
    *out = t;
    t = (struct timeline){0};
    return ERR_OK;
}

static err add_span(struct timeline_span **spans, size_t *count, size_t *cap, uint32_t from, uint32_t to,
                    uint64_t bytes, uint32_t join) {
    if (*count && from <= (*spans)[*count - 1].to + (uint64_t)join) {
        struct timeline_span *last = &(*spans)[*count - 1];
        if (to > last->to) last->to = to;
        last->bytes += bytes;
        return ERR_OK;
    }
    if (*count == *cap) {
        size_t wanted = *cap ? *cap * 2 : 64;
        struct timeline_span *more = realloc(*spans, wanted * sizeof *more);
        if (!more) return ERR_NO_MEMORY;
        *spans = more;
        *cap = wanted;
    }
    (*spans)[(*count)++] = (struct timeline_span){from, to, bytes};
    return ERR_OK;
}

err timeline_spans(const struct timeline *t, uint32_t join, struct timeline_span **out, size_t *count) {
    struct timeline_span *spans = NULL;
    size_t n = 0, cap = 0;
    err e = ERR_OK;
    for (size_t i = 0; i < t->count && !e; i++) {
        const struct timeline_reel *r = &t->reels[i];
        if (r->table.len == 0) e = add_span(&spans, &n, &cap, r->first, r->end, r->bytes, join);
        for (size_t at = 0; at < r->table.len && !e; at += REEL_ENTRY_BYTES) {
            struct reel_entry entry;
            if (reel_entry_decode(r->table.data + at, &entry)) continue;
            e = add_span(&spans, &n, &cap, entry.slot, entry.slot + entry.seconds, entry.length, join);
        }
    }
    if (e) {
        free(spans);
        return e;
    }
    *out = spans;
    *count = n;
    return ERR_OK;
}

err timeline_extent(struct client *c, const uint8_t camera[CAMERA_ID_BYTES], uint32_t *first, uint32_t *last,
                    struct diag *d) {
    char hex[2 * CAMERA_ID_BYTES + 1];
    AUTO(json_release) json_t *answer = NULL;
    hex_encode(BYTES(camera, CAMERA_ID_BYTES), hex);
    err e = client_json(c, "GET", "/v1/cameras", NULL, &answer, d);
    if (e) return e;
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(answer, "cameras"), i, item) {
        if (strcmp(client_text(item, "camera"), hex) != 0) continue;
        *first = (uint32_t)json_integer_value(json_object_get(item, "first"));
        *last = (uint32_t)json_integer_value(json_object_get(item, "last"));
        if (*last > 0) return ERR_OK;
    }
    return diag_fail(d, ERR_NOT_FOUND, "nothing of this camera is in the vault yet");
}

/* Entries that lie byte after byte in their reel, fetched with one request. */
struct run {
    struct reel_entry entries[REEL_SEGMENTS_MAX];
    size_t count;
};

/* The next run of entries that touch [from, to), from *at on; *at is left after it. A reel that is still
 * arriving has gaps where something was deleted. */
static err next_run(const struct timeline_reel *r, uint64_t from, uint64_t to, size_t *at, struct run *run,
                    struct diag *d) {
    size_t n = r->table.len / REEL_ENTRY_BYTES;
    run->count = 0;
    for (; *at < n; ++*at) {
        struct reel_entry entry;
        err e = reel_entry_decode(r->table.data + *at * REEL_ENTRY_BYTES, &entry);
        if (e || (uint64_t)entry.offset + entry.length > REEL_HARD_MAX_BYTES)
            return diag_fail(d, ERR_INVALID, "the vault's table of a reel cannot be");
        bool touches = entry.slot < to && (uint64_t)entry.slot + entry.seconds > from;
        const struct reel_entry *last = run->count ? &run->entries[run->count - 1] : NULL;
        if (last && (!touches || entry.offset != last->offset + last->length)) return ERR_OK;
        if (touches) run->entries[run->count++] = entry;
    }
    return ERR_OK;
}

static err walk_run(struct client *c, const struct timeline_reel *r, const struct run *run, footage_fn *fn,
                    void *context, struct diag *d) {
    const struct reel_entry *first = &run->entries[0], *last = &run->entries[run->count - 1];
    char path[64 + 2 * REEL_ID_BYTES], hex[2 * REEL_ID_BYTES + 1], range[48];
    AUTO(blob_clear) struct blob bytes = {0};
    hex_encode(BYTES_OF(r->reel), hex);
    snprintf(path, sizeof path, "/v1/reels/%s", hex);
    snprintf(range, sizeof range, "%u-%llu", first->offset,
             (unsigned long long)last->offset + last->length - 1);
    err e = client_bytes(c, path, range, &bytes, d);
    if (e == ERR_NOT_FOUND) return ERR_OK; /* retention took it since the list was made */
    for (size_t i = 0; i < run->count && !e; i++) {
        const struct reel_entry *entry = &run->entries[i];
        size_t at = (size_t)entry->offset - first->offset;
        if (at + entry->length > bytes.len)
            return diag_fail(d, ERR_INVALID, "the vault sent less of a reel than its table says");
        struct footage_segment s = {r->epoch, entry->slot, entry->seconds, entry->flags,
                                    BYTES(bytes.data + at, entry->length)};
        e = fn(context, &s, d);
    }
    return e;
}

static err walk_reel(struct client *c, const struct timeline_reel *r, uint64_t from, uint64_t to,
                     footage_fn *fn, void *context, struct diag *d) {
    struct run *run = malloc(sizeof *run);
    if (!run) return diag_fail(d, ERR_NO_MEMORY, "no memory to read a reel");
    size_t at = 0;
    err e = next_run(r, from, to, &at, run, d);
    while (!e && run->count) {
        e = walk_run(c, r, run, fn, context, d);
        if (!e) e = next_run(r, from, to, &at, run, d);
    }
    free(run);
    return e;
}

err footage_walk(struct client *c, const struct timeline *t, uint64_t from, uint64_t to, footage_fn *fn,
                 void *context, struct diag *d) {
    for (size_t i = 0; i < t->count; i++) {
        err e = walk_reel(c, &t->reels[i], from, to, fn, context, d);
        if (e) return e;
    }
    return ERR_OK;
}
