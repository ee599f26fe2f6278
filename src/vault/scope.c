#include "vault/scope.h"

#include <stdlib.h>

#include "base/clock.h"

void scope_of(const struct grant_statement *s, uint64_t entry, struct grant_scope *out) {
    *out = (struct grant_scope){.entry = entry,
                                .purpose = s->purpose,
                                .from = s->from,
                                .to = s->to,
                                .expires = s->expires,
                                .live = s->live,
                                .camera_count = s->camera_count};
    memcpy(out->grant.bytes, s->id, sizeof out->grant.bytes);
    memcpy(out->ticket, s->ticket, sizeof out->ticket);
    memcpy(out->key, s->grantee_sign, sizeof out->key);
    memcpy(out->cameras, s->cameras, s->camera_count * CAMERA_ID_BYTES);
}

err scope_camera(const struct grant_scope *scope, const struct store_id *camera, struct diag *d) {
    if (!scope) return ERR_OK;
    for (size_t i = 0; i < scope->camera_count; i++)
        if (memcmp(scope->cameras[i], camera->bytes, CAMERA_ID_BYTES) == 0) return ERR_OK;
    return diag_fail(d, ERR_DENIED, "grant: it does not name this camera");
}

bool scope_clip(const struct grant_scope *scope, uint32_t *from, uint32_t *to) {
    if (!scope) return true;
    if (scope->from > *from) *from = (uint32_t)(scope->from < *to ? scope->from : *to);
    if (scope->to < *to) *to = (uint32_t)(scope->to > *from ? scope->to : *from);
    return *from < *to;
}

bool scope_holds(const struct grant_scope *scope, uint32_t slot) {
    return !scope || (slot >= scope->from && slot < scope->to);
}

bool scope_touches(const struct grant_scope *scope, const struct reel_entry *entry) {
    return !scope || (entry->slot < scope->to && (uint64_t)entry->slot + entry->seconds > scope->from);
}

/* What is left of one reel; its table moves into `tables`. */
static err cut_reel(const struct grant_scope *scope, const struct reel_info *old, struct blob *tables,
                    struct reel_info *out, struct diag *d) {
    struct reel_info kept = {.reel = old->reel, .epoch = old->epoch, .first = UINT32_MAX};
    size_t at = tables->len;
    for (size_t i = 0; i + REEL_ENTRY_BYTES <= old->table.len; i += REEL_ENTRY_BYTES) {
        struct reel_entry entry;
        if (reel_entry_decode(old->table.data + i, &entry))
            return diag_fail(d, ERR_IO, "a reel's table is damaged: run cardea fsck");
        if (!scope_touches(scope, &entry)) continue;
        if (blob_append(tables, BYTES(old->table.data + i, REEL_ENTRY_BYTES)))
            return diag_fail(d, ERR_NO_MEMORY, "no memory for a time line");
        uint64_t end = (uint64_t)entry.slot + entry.seconds;
        if (end > scope->to) end = scope->to;
        if (end > UINT32_MAX) end = UINT32_MAX;
        uint32_t first = entry.slot < scope->from ? (uint32_t)scope->from : entry.slot;
        if (first < kept.first) kept.first = first;
        if (end > kept.end) kept.end = (uint32_t)end;
        kept.segments++;
        kept.bytes += entry.length;
        kept.flags |= entry.flags;
    }
    kept.flags |=
        old->flags & ~(uint32_t)(REEL_ENTRY_CUT_SHORT | REEL_ENTRY_PICTURE | REEL_ENTRY_NO_KEY_FRAME);
    kept.table.len = tables->len - at;
    *out = kept;
    return ERR_OK;
}

err scope_timeline(const struct grant_scope *scope, struct timeline *t, struct diag *d) {
    if (!scope) return ERR_OK;
    AUTO(blob_clear) struct blob tables = {0};
    size_t kept = 0, at = 0;
    for (size_t i = 0; i < t->count; i++) {
        struct reel_info left;
        err e = cut_reel(scope, &t->reels[i], &tables, &left, d);
        if (e) return e;
        if (left.segments) t->reels[kept++] = left;
    }
    t->count = kept;
    for (size_t i = 0; i < kept; i++) { /* only now that they move no more */
        t->reels[i].table.data = tables.data + at;
        at += t->reels[i].table.len;
    }
    blob_clear(&t->tables);
    t->tables = tables;
    tables = (struct blob){0};
    return ERR_OK;
}

static err outside(const struct grant_scope *scope, struct diag *d) {
    char from[WALL_TEXT_BYTES], to[WALL_TEXT_BYTES];
    wall_format((struct wall_us){(int64_t)scope->from * 1000000}, from);
    wall_format((struct wall_us){(int64_t)scope->to * 1000000}, to);
    return diag_fail(d, ERR_DENIED,
                     "grant: it is for %s to %s alone; ask for a range of segments that touch that", from,
                     to);
}

err scope_bytes(const struct grant_scope *scope, const struct reel_entry *entries, size_t count,
                uint64_t begin, uint64_t end, struct diag *d) {
    if (!scope) return ERR_OK;
    uint64_t at = begin;
    for (size_t i = 0; i < count && at < end; i++) { /* entries lie one after the other */
        uint64_t first = entries[i].offset, last = first + entries[i].length;
        if (at < first || at >= last) continue;
        if (!scope_touches(scope, &entries[i])) break;
        at = last;
    }
    return begin < end && at >= end ? ERR_OK : outside(scope, d);
}

err scope_table(const struct grant_scope *scope, struct bytes table, uint64_t begin, uint64_t end,
                struct diag *d) {
    if (!scope) return ERR_OK;
    size_t count = table.len / REEL_ENTRY_BYTES;
    struct reel_entry *entries = calloc(count ? count : 1, sizeof *entries);
    if (!entries) return diag_fail(d, ERR_NO_MEMORY, "no memory to read a reel's table");
    err e = ERR_OK;
    for (size_t i = 0; !e && i < count; i++)
        e = reel_entry_decode(table.data + i * REEL_ENTRY_BYTES, &entries[i]);
    e = e ? diag_fail(d, ERR_IO, "a reel's table is damaged: run cardea fsck")
          : scope_bytes(scope, entries, count, begin, end, d);
    free(entries);
    return e;
}

err scope_live(const struct grant_scope *scope, const struct store_id *cameras, size_t count, uint32_t now,
               uint64_t *until, struct diag *d) {
    char when[WALL_TEXT_BYTES];
    *until = 0;
    if (!scope) return ERR_OK;
    for (size_t i = 0; i < count; i++) {
        err e = scope_camera(scope, &cameras[i], d);
        if (e) return e;
    }
    if (!scope->live) return diag_fail(d, ERR_DENIED, "grant: it is not for live viewing");
    if (now < scope->from) {
        wall_format((struct wall_us){(int64_t)scope->from * 1000000}, when);
        return diag_fail(d, ERR_DENIED, "grant: it shows nothing before %s", when);
    }
    *until = scope->to < scope->expires ? scope->to : scope->expires;
    if (now < *until) return ERR_OK;
    wall_format((struct wall_us){(int64_t)*until * 1000000}, when);
    return diag_fail(d, ERR_DENIED, "grant: it shows nothing from %s on", when);
}
