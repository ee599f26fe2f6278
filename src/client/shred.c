#include "client/shred.h"

#include <stdio.h>

#include "format/camera_object.h"

#define ATTEMPTS_MAX 5

/* True when the set opens any slot of the range. */
static bool touches(const struct timekey_set *set, uint64_t from, uint64_t to) {
    for (size_t i = 0; i < set->count; i++) {
        uint64_t first = set->nodes[i].first,
                 end = first + ((uint64_t)1 << (TIMEKEY_DEPTH - set->nodes[i].depth));
        if (first < to && end > from) return true;
    }
    return false;
}

static err rewrite_epoch(struct client *c, struct camera *cam, struct camera_epoch *epoch, uint64_t from,
                         uint64_t to, struct diag *d) {
    char key[CAMERA_KEY_TEXT_BYTES];
    AUTO(blob_clear) struct blob payload = {0};
    err e = timekey_remove(&epoch->keys, from, to);
    if (e) return diag_fail(d, e, "no memory to rewrite the keys");
    e = camera_root_seal(c->household.box.public_key, cam->id, epoch->epoch, &epoch->keys, &payload);
    if (e) return diag_fail(d, e, "the keys do not fit: too many ranges were deleted one by one");
    camera_root_key(cam->id, epoch->epoch, key);
    e = client_object_put(c, key, epoch->version + 1, blob_bytes(&payload), d);
    if (!e) epoch->version++;
    return e;
}

static err shred_keys(struct client *c, struct camera *cam, uint64_t from, uint64_t to, size_t *epochs,
                      struct diag *d) {
    err e = ERR_OK;
    for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        e = camera_load_keys(c, cam, d);
        for (size_t i = 0; i < cam->epoch_count && !e; i++) {
            if (!touches(&cam->epochs[i].keys, from, to)) continue;
            e = rewrite_epoch(c, cam, &cam->epochs[i], from, to, d);
            if (!e) ++*epochs;
        }
        if (e != ERR_CONFLICT) return e; /* else somebody deleted at the same time: look again */
    }
    return e;
}

err shred_range(struct client *c, struct camera *cam, uint64_t from, uint64_t to, struct shred_result *out,
                struct diag *d) {
    char path[160];
    AUTO(json_release) json_t *answer = NULL;
    if (from >= to || to > wall_slot(wall_now()))
        return diag_fail(d, ERR_INVALID, "a range to delete ends before now");
    err e = shred_keys(c, cam, from, to, &out->epochs, d);
    if (e) return e;
    snprintf(path, sizeof path, "/v1/recordings?camera=%s&from=%llu&to=%llu", cam->hex,
             (unsigned long long)from, (unsigned long long)to);
    e = client_json(c, "DELETE", path, NULL, &answer, d);
    if (e) {
        diag_prefix(d, "the keys are gone, so nothing can be opened; removing the rest failed, run it again");
        return e;
    }
    out->segments += (uint64_t)json_integer_value(json_object_get(answer, "segments"));
    out->bytes += (uint64_t)json_integer_value(json_object_get(answer, "bytes"));
    return ERR_OK;
}
