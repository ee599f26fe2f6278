/* param_sets.h: keeps the parameter sets that a camera sends, and makes avcC and hvcC of them (ISO/IEC
 * 14496-15 sections 5.3.3.1 and 8.3.3.1). Threads: no shared state. */
#ifndef CARDEA_MEDIA_PARAM_SETS_H
#define CARDEA_MEDIA_PARAM_SETS_H

#include <stdbool.h>

#include "media/source.h"

#define PARAM_SETS_MAX 16 /* of all kinds together */
#define PARAM_SET_MAX_BYTES 1024

struct param_set {
    uint8_t nal_type, id;
    uint16_t len;
    uint8_t data[PARAM_SET_MAX_BYTES];
};

struct param_sets {
    bool h265;
    bool changed;         /* since param_sets_describe last succeeded */
    size_t count, sps_at; /* sps_at: the SPS that changed last, which describes the picture */
    struct param_set sets[PARAM_SETS_MAX];
};

/* Takes a VPS, SPS or PPS; the same one again changes nothing. ERR_INVALID: no such thing. ERR_LIMIT: too
 * large, too many, or of a picture that is. Either leaves the sets alone. */
err param_sets_put(struct param_sets *s, struct bytes nal) CHECKED;

/* Whether everything that a decoder needs is there. */
bool param_sets_complete(const struct param_sets *s);

/* Fills the track's codec, size and config; the config's bytes are appended to *config, which is emptied
 * first. *out_reorder as in struct h264_sps. ERR_NOT_FOUND: incomplete. */
err param_sets_describe(struct param_sets *s, struct media_track *track, struct blob *config,
                        uint8_t *out_reorder) CHECKED;

#endif
