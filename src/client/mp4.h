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

/* Takes the box at the front of r. ERR_CUT_SHORT: it goes on past the end. ERR_INVALID: its size cannot be. */
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

/* Appends `init` with an edit list in each track that moves absolute time `zero_us` to zero.
 * ERR_EXISTS: it has edit lists, which a recorded init never has. */
err mp4_init_with_edit(struct bytes init, int64_t zero_us, struct blob *out, struct diag *d) CHECKED;
/* The reverse: appends `init` without `edts`, exactly as recorded; *zero_us is the video's (or first) edit. */
err mp4_init_without_edit(struct bytes init, struct blob *out, int64_t *zero_us, struct diag *d) CHECKED;

/* What a fragment (`moof` + `mdat`) says of its first track run. */
struct mp4_fragment {
    int64_t time_us; /* `tfdt`, absolute */
    bool video;
};
err mp4_fragment_read(const struct mp4_init *init, struct bytes fragment, struct mp4_fragment *out,
                      struct diag *d) CHECKED;

#endif
