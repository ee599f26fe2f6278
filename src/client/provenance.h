/* provenance.h: is an exported clip what the hub recorded? (docs/formats.md, "Export"). Works without a
 * network. Threads: no shared state. */
#ifndef CARDEA_CLIENT_PROVENANCE_H
#define CARDEA_CLIENT_PROVENANCE_H

#include <stdbool.h>

#include "base/bytes.h"
#include "format/certificate.h"
#include "format/segment.h"

enum verdict {
    VERDICT_UNTOUCHED, /* every byte of video and sound is as the hub signed it */
    VERDICT_EDITED,    /* something was changed, added, moved or taken out */
    VERDICT_CUT_SHORT, /* the end is missing, or the recording ended before it could be signed */
    VERDICT_UNKNOWN,   /* no signatures of ours */
};
const char *verdict_text(enum verdict v); /* "untouched" */

#define PROVENANCE_SPANS_MAX 64

struct provenance_span {
    int64_t from_us, to_us; /* wall time */
};

struct provenance {
    enum verdict verdict;
    char why[300]; /* one line for people; empty when untouched */
    bool edited_at_known;
    int64_t edited_at_us; /* wall time of the first damage */
    double edited_at_s;   /* the same in the clip's own time */

    bool signer_known; /* the fields below are filled */
    uint8_t camera[CAMERA_ID_BYTES];
    uint8_t household[32];
    struct hub_certificate hub;
    int64_t from_us, to_us; /* what the clip shows, wall time */
    size_t segments, fragments;

    struct provenance_span gaps[PROVENANCE_SPANS_MAX]; /* footage that is missing in between */
    size_t gap_count;
};

/* `file` is the whole clip. Never fails on hostile bytes: the verdict says what they are. ERR_NO_MEMORY. */
err provenance_check(struct bytes file, struct provenance *out, struct diag *d) CHECKED;

#endif
