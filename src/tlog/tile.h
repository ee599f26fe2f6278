/* tile.h: where a log's hashes and entries lie: C2SP tlog-tiles (c2sp.org/tlog-tiles). Threads: no shared
 * state.
 *
 * A tile at level L holds up to 256 roots of complete subtrees of height 8 L; an entry bundle up to 256
 * entries, each preceded by its length (2). What is not full has its width in its path. */
#ifndef CARDEA_TLOG_TILE_H
#define CARDEA_TLOG_TILE_H

#include "tlog/tree.h"

#define TILE_WIDTH 256
#define TILE_HEIGHT 8
#define TILE_PATH_BYTES 96
#define TILE_LEVEL_ENTRIES 255 /* stands for entry bundles */
#define TILE_BUNDLE_MAX_BYTES (TILE_WIDTH * (2u + TLOG_ENTRY_MAX_BYTES))

/* "tile/0/x001/234", "tile/1/000.p/7", "tile/entries/000". `width` is 1 to TILE_WIDTH. */
void tile_path(unsigned level, uint64_t index, unsigned width, char out[TILE_PATH_BYTES]);

/* Takes the next entry of a bundle; *bundle moves past it. ERR_CUT_SHORT: the bundle ends within it;
 * ERR_NOT_FOUND: at its end. */
err tile_next_entry(struct bytes *bundle, struct bytes *entry) CHECKED;
err tile_append_entry(struct blob *bundle, struct bytes entry) CHECKED; /* ERR_LIMIT, ERR_NO_MEMORY */

#endif
