#include "tlog/tile.h"

#include <stdio.h>

void tile_path(unsigned level, uint64_t index, unsigned width, char out[TILE_PATH_BYTES]) {
    char number[64] = "", step[80];
    snprintf(number, sizeof number, "%03u", (unsigned)(index % 1000));
    for (uint64_t rest = index / 1000; rest; rest /= 1000) { /* from the last group to the first */
        snprintf(step, sizeof step, "x%03u/%s", (unsigned)(rest % 1000), number);
        snprintf(number, sizeof number, "%.63s", step);
    }
    char name[16] = "entries", partial[16] = "";
    if (level != TILE_LEVEL_ENTRIES) snprintf(name, sizeof name, "%u", level);
    if (width < TILE_WIDTH) snprintf(partial, sizeof partial, ".p/%u", width);
    snprintf(out, TILE_PATH_BYTES, "tile/%s/%s%s", name, number, partial);
}

err tile_next_entry(struct bytes *bundle, struct bytes *entry) {
    if (bundle->len == 0) return ERR_NOT_FOUND;
    if (bundle->len < 2) return ERR_CUT_SHORT;
    size_t len = be16_get(bundle->data);
    if (bundle->len < 2 + len) return ERR_CUT_SHORT;
    *entry = BYTES(bundle->data + 2, len);
    *bundle = BYTES(bundle->data + 2 + len, bundle->len - 2 - len);
    return ERR_OK;
}

err tile_append_entry(struct blob *bundle, struct bytes entry) {
    uint8_t length[2];
    if (entry.len > TLOG_ENTRY_MAX_BYTES) return ERR_LIMIT;
    be16_put(length, (uint16_t)entry.len);
    err e = blob_reserve(bundle, bundle->len + 2 + entry.len);
    if (!e) e = blob_append(bundle, BYTES_OF(length));
    if (!e) e = blob_append(bundle, entry);
    return e;
}
