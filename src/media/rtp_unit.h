/* rtp_unit.h: what depacketisers hand over. Threads: no shared state. */
#ifndef CARDEA_MEDIA_RTP_UNIT_H
#define CARDEA_MEDIA_RTP_UNIT_H

#include <stdbool.h>

#include "media/rtp.h"
#include "media/source.h"

/* An access unit: the data of one struct media_sample, with the time as the camera counts. */
struct rtp_unit {
    uint32_t timestamp;
    bool key;
    struct bytes data; /* borrowed for the call */
};

struct rtp_unit_sink {
    void *context;
    err (*unit)(void *context, const struct rtp_unit *unit, struct diag *d);
};

#endif
