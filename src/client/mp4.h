/* mp4.h: the few boxes of fragmented MP4 (ISO/IEC 14496-12) that live, export and verify touch.
 * Nothing here decodes; every length is checked against what holds it. Threads: no shared state. */
#ifndef CARDEA_CLIENT_MP4_H
#define CARDEA_CLIENT_MP4_H

#include <stdbool.h>

#include "base/bytes.h"

#define MP4_TRACKS_MAX 4
#define MP4_TYPE(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

struct mp4_box {
    uint32_t type;
    struct bytes whole, body; /* body: after the header */
};

/* Takes the box at the front of r. ERR_CUT_SHORT: it goes on past the end. ERR_INVALID: its size cannot be.
 */
err mp4_next(struct reader *r, struct mp4_box *out, struct diag *d) CHECKED;
/* The first child of that type. ERR_NOT_FOUND, or as mp4_next. */
err mp4_child(struct bytes parent_body, uint32_t type, struct mp4_box *out, struct diag *d) CHECKED;

struct mp4_track {
    uint32_t id, timescale;
    bool video;
};
struct mp4_init {
    struct mp4_track tracks[MP4_TRACKS_MAX];
    size_t count;
};
/* Reads `ftyp` + `moov`. ERR_INVALID names the box. */
err mp4_init_read(struct bytes init, struct mp4_init *out, struct diag *d) CHECKED;

/* What a fragment (`moof` + `mdat`) says of its first track run. */
struct mp4_fragment {
    int64_t time_us; /* `tfdt`, absolute */
    bool video;
};
err mp4_fragment_read(const struct mp4_init *init, struct bytes fragment, struct mp4_fragment *out,
                      struct diag *d) CHECKED;

/* Appends the fragment with zero_us of wall time taken from (or, to `restore` it, added to) the `tfdt` of
 * each track; all else stays byte for byte. In a track's time scale zero_us rounds down, so that what begins
 * at or after it stays positive. ERR_INVALID  a `tfdt` is not of version 1, or would become negative */
err mp4_fragment_shift(const struct mp4_init *init, struct bytes fragment, int64_t zero_us, bool restore,
                       struct blob *out, struct diag *d) CHECKED;

#endif
