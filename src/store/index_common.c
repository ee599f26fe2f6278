#include "store/index_common.h"

#include <stdlib.h>

static bool all_of(const char *text, const char *allowed) {
    return text[strspn(text, allowed)] == 0;
}

err index_check_key(const char *key, bool prefix, struct diag *d) {
    size_t len = strlen(key);
    if ((len == 0 && !prefix) || len > INDEX_OBJECT_KEY_CHARS)
        return diag_fail(d, ERR_INVALID, "an object's key has 1 to %d characters", INDEX_OBJECT_KEY_CHARS);
    if (!all_of(key, "abcdefghijklmnopqrstuvwxyz0123456789/-"))
        return diag_fail(d, ERR_INVALID, "an object's key consists of a-z, 0-9, / and -");
    return ERR_OK;
}

err index_check_setting(const char *key, struct diag *d) {
    size_t len = strlen(key);
    if (len == 0 || len > 64 || !all_of(key, "abcdefghijklmnopqrstuvwxyz0123456789_.-"))
        return diag_fail(d, ERR_INVALID, "a setting's name has 1 to 64 of a-z, 0-9, _ . -");
    return ERR_OK;
}

err index_check_reel(const struct reel_info *reel, struct diag *d) {
    if (reel->end <= reel->first || reel->end - reel->first > INDEX_REEL_SPAN_MAX_SLOTS)
        return diag_fail(d, ERR_INVALID, "a reel spans 1 to %u slots", INDEX_REEL_SPAN_MAX_SLOTS);
    if (reel->segments == 0 || reel->table.len != (size_t)reel->segments * REEL_TABLE_ENTRY_BYTES ||
        reel->table.len > INDEX_REEL_TABLE_MAX_BYTES)
        return diag_fail(d, ERR_INVALID,
                         "a reel's table has %u bytes for each of its segments, and at most %u",
                         REEL_TABLE_ENTRY_BYTES, INDEX_REEL_TABLE_MAX_BYTES);
    return ERR_OK;
}

err index_check_size(const char *what, size_t len, size_t max, struct diag *d) {
    if (len <= max) return ERR_OK;
    return diag_fail(d, ERR_LIMIT, "%s has %zu bytes; at most %zu are kept", what, len, max);
}

err index_check_grant(const struct grant_bytes *bytes, struct diag *d) {
    err e = index_check_size("a grant", bytes->statement.len + bytes->box.len, INDEX_GRANT_MAX_BYTES, d);
    if (!e) e = index_check_size("a grant's note", bytes->note.len, INDEX_GRANT_NOTE_MAX_BYTES, d);
    return e ? e : index_check_size("a revocation", bytes->revocation.len, INDEX_REVOCATION_MAX_BYTES, d);
}

err index_check_grants(uint64_t held, const struct grant_bytes *more, struct diag *d) {
    if (held + more->statement.len + more->box.len + more->note.len <= INDEX_GRANTS_MAX_BYTES) return ERR_OK;
    return diag_fail(d, ERR_LIMIT,
                     "a household's grants have at most %u MiB together: forget some that ended",
                     INDEX_GRANTS_MAX_BYTES >> 20);
}

err index_no_keys(struct diag *d) {
    return diag_fail(d, ERR_NOT_FOUND, "the household has not told its keys yet");
}

err index_other_keys(struct diag *d) {
    return diag_fail(d, ERR_EXISTS, "the household has told other keys already");
}

err index_grant_known(struct diag *d) {
    return diag_fail(d, ERR_EXISTS, "a grant of this id is there already");
}

err index_grant_ended(struct diag *d) {
    return diag_fail(d, ERR_EXISTS, "this grant is revoked already");
}

err index_grant_moved(struct diag *d) {
    return diag_fail(d, ERR_CONFLICT, "this grant was issued again meanwhile: read it and try again");
}

err index_no_grant(struct diag *d) {
    return diag_fail(d, ERR_NOT_FOUND, "there is no such grant");
}

err index_no_watch(struct diag *d) {
    return diag_fail(d, ERR_NOT_FOUND, "there is no such live view");
}

err index_watch_exists(struct diag *d) {
    return diag_fail(d, ERR_EXISTS, "there is a live view of this id already");
}

err index_grant_revoked(struct diag *d) {
    return diag_fail(d, ERR_DENIED, "grant: it was revoked");
}

err index_grant_alive(struct diag *d) {
    return diag_fail(d, ERR_DENIED, "this grant has not ended: revoke it first");
}

err index_grant_used_up(struct diag *d) {
    return diag_fail(d, ERR_DENIED, "grant: it was opened as often as it may be");
}

err index_grants_full(struct diag *d) {
    return diag_fail(d, ERR_LIMIT, "a household has at most %u grants: forget some that have ended",
                     INDEX_GRANTS_MAX);
}

void grant_blobs_clear(struct grant_blobs *blobs) {
    blob_clear(&blobs->statement);
    blob_clear(&blobs->box);
    blob_clear(&blobs->note);
    blob_clear(&blobs->revocation);
}

err index_check_event(bool picture, size_t len, struct diag *d) {
    return picture ? index_check_size("a picture", len, INDEX_PICTURE_MAX_BYTES, d)
                   : index_check_size("an event", len, INDEX_EVENT_MAX_BYTES, d);
}

err index_check_day_full(bool picture, struct diag *d) {
    return diag_fail(d, ERR_LIMIT, "a camera has at most %u %s in a day", INDEX_EVENTS_DAY_MAX,
                     picture ? "pictures of events" : "events");
}

err index_deny_shorter(struct diag *d) {
    return diag_fail(d, ERR_DENIED,
                     "a hub may only lengthen how long recordings are kept: the owner shortens it");
}

bool index_cut_add(struct index_cut *cuts, size_t *count, uint32_t from, uint32_t to) {
    for (size_t i = 0; i < *count; i++)
        if (cuts[i].from <= from && cuts[i].to >= to) return false;
    size_t kept = 0;
    uint32_t lowest = from, highest = to;
    for (size_t i = 0; i < *count; i++) {
        if (cuts[i].from < lowest) lowest = cuts[i].from;
        if (cuts[i].to > highest) highest = cuts[i].to;
    }
    for (size_t i = 0; i < *count; i++) {
        bool apart = cuts[i].to < from || cuts[i].from > to;
        if (apart) {
            cuts[kept++] = cuts[i];
            continue;
        }
        if (cuts[i].from < from) from = cuts[i].from;
        if (cuts[i].to > to) to = cuts[i].to;
    }
    if (kept == INDEX_CUTS_MAX) {
        kept = 0;
        from = lowest;
        to = highest;
    }
    size_t place = kept;
    for (; place && cuts[place - 1].from > from; place--) cuts[place] = cuts[place - 1];
    cuts[place] = (struct index_cut){from, to};
    *count = kept + 1;
    return true;
}

err timeline_append(struct timeline *timeline, const struct reel_info *reel) {
    if ((timeline->count & (timeline->count - 1)) == 0) { /* full at each power of two */
        size_t room = timeline->count ? timeline->count * 2 : 1;
        struct reel_info *grown = realloc(timeline->reels, room * sizeof *grown);
        if (!grown) return ERR_NO_MEMORY;
        timeline->reels = grown;
    }
    err e = blob_append(&timeline->tables, reel->table);
    if (!e) timeline->reels[timeline->count++] = *reel;
    return e;
}

void timeline_settle(struct timeline *timeline) {
    size_t at = 0;
    for (size_t i = 0; i < timeline->count; i++) {
        struct bytes *table = &timeline->reels[i].table;
        table->data = table->len ? timeline->tables.data + at : NULL;
        at += table->len;
    }
}

void timeline_clear(struct timeline *timeline) {
    free(timeline->reels);
    blob_clear(&timeline->tables);
    *timeline = (struct timeline){0};
}

void index_release(struct index **index) {
    if (*index) (*index)->ops->close(*index);
    *index = NULL;
}

err index_check_succession(const struct index_succession *s, struct diag *d) {
    if (s->n == 0 || s->n > INDEX_SUCCESSIONS_MAX)
        return diag_fail(d, ERR_LIMIT, "a household's keys can be succeeded %u times", INDEX_SUCCESSIONS_MAX);
    return index_check_size("a succession", s->statement.len, INDEX_SUCCESSION_MAX_BYTES, d);
}

err index_no_successor(struct diag *d) {
    return diag_fail(d, ERR_CONFLICT, "this does not succeed the keys that the household has now");
}
