/* export_box.h: the signature chain at the end of an exported clip (docs/formats.md, "Export").
 * Threads: no shared state. */
#ifndef CARDEA_CLIENT_EXPORT_BOX_H
#define CARDEA_CLIENT_EXPORT_BOX_H

#include <stdbool.h>

#include "base/bytes.h"
#include "format/segment.h"

#define EXPORT_SEGMENTS_MAX 100000
#define EXPORT_GAPS_MAX 10000
#define EXPORT_BOX_MAX_BYTES (256u << 20)
#define EXPORT_MARK_MAX_BYTES (3u << 20)
#define EXPORT_UUID_BYTES 16
extern const uint8_t export_uuid[EXPORT_UUID_BYTES];
/* The text of the `free` box after `moov`: tells a clip whose end is missing from one that never had
 * signatures. */
extern const char export_notice[];

struct export_segment {
    uint32_t slot;
    struct blob mark; /* empty: the recording was cut short before the hub could sign */
    uint8_t init[32]; /* SHA-256(kind || data) of the init record */
    uint32_t from;    /* the first fragment's index in the mark */
    uint32_t count;   /* fragments of this segment in the file */
};

struct export_gap {
    int64_t from_us, to_us;
};

struct export_box {
    uint8_t camera[CAMERA_ID_BYTES];
    uint8_t household[32];
    int64_t zero_us;         /* the wall time that is the clip's zero */
    struct blob certificate; /* the hub's, as an object's envelope */
    struct export_segment *segments;
    size_t segment_count, segment_cap;
    struct export_gap *gaps;
    size_t gap_count, gap_cap;
};
void export_box_clear(struct export_box *b);

/* The next segment, zeroed; NULL: ERR_LIMIT or no memory. */
struct export_segment *export_box_add_segment(struct export_box *b);
err export_box_add_gap(struct export_box *b, int64_t from_us, int64_t to_us) CHECKED;

/* Appends the whole `uuid` box. */
err export_box_encode(const struct export_box *b, struct blob *out) CHECKED;
/* From a `uuid` box's body, user type included.
 *   ERR_NOT_FOUND  another user type     ERR_INVALID  names the field     ERR_LIMIT */
err export_box_decode(struct bytes body, struct export_box *out, struct diag *d) CHECKED;

#endif
