/* rtp_video.h: the input as RTP packets of one camera, put together to units: of H.264 or H.265. */
#ifndef CARDEA_TESTS_FUZZ_RTP_VIDEO_H
#define CARDEA_TESTS_FUZZ_RTP_VIDEO_H

#include <stdlib.h>

#include "media/rtp_video.h"
#include "packets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline err unit(void *context, const struct rtp_unit *u, struct diag *d) {
    struct rtp_video *v = context;
    struct media_track track;
    AUTO(blob_clear) struct blob config = {0};
    uint8_t reorder;
    if (v->sets.changed && param_sets_describe(&v->sets, &track, &config, &reorder)) return ERR_INVALID;
    struct reader r = reader_of(u->data);
    while (reader_left(&r)) { /* every NAL unit's length fits */
        uint32_t len;
        struct bytes nal;
        if (!reader_be32(&r, &len) || len == 0 || !reader_take(&r, len, &nal)) abort();
    }
    return diag_fail(d, ERR_OK, "taken");
}

static inline int fuzz_rtp_video(bool h265, const uint8_t *data, size_t size) {
    struct rtp_video v;
    struct rtp_source source = {.clock_hz = 90000};
    struct reader r = reader_of(BYTES(data, size));
    struct bytes raw;
    struct diag d;
    err e = ERR_OK;
    rtp_video_init(&v, h265, (struct rtp_unit_sink){&v, unit});
    while (!e && packet_next(&r, &raw)) {
        struct rtp_packet p;
        uint32_t missing;
        if (rtp_parse(raw, &p)) continue;
        enum rtp_order order = rtp_source_take(&source, &p, (struct steady_us){0}, &missing);
        if (order != RTP_REFUSED) e = rtp_video_packet(&v, &p, order == RTP_AFTER_GAP, &d);
    }
    if (!e) e = rtp_video_flush(&v, &d);
    rtp_video_clear(&v);
    return 0;
}

#endif
