/* Datagrams through the reordering queue, the bookkeeping, the clock and the reports; RTCP on the way. */
#include <stdlib.h>

#include "media/media_time.h"
#include "media/rtcp.h"
#include "packets.h"

static struct media_time media;
static struct rtp_source source;

static void drain(struct rtp_queue *q, struct steady_us now) {
    struct rtp_packet p;
    while (rtp_queue_take(q, now, &p)) {
        uint32_t missing;
        int64_t pts, dts, before = media.last_dts;
        if (rtp_source_take(&source, &p, now, &missing) == RTP_REFUSED) continue;
        bool first = !media.begun;
        media_time_next(&media, p.timestamp, now, &pts, &dts);
        if (pts < dts || (!first && dts <= before)) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    struct rtp_queue *q = rtp_queue_new();
    if (!q) abort();
    source = (struct rtp_source){.clock_hz = 90000};
    media_time_init(&media, 90000);
    media_time_reorder(&media, data[0] % 18, data[1] & 1);
    struct reader r = reader_of(BYTES(data + 2, size - 2));
    struct steady_us now = {1000000};
    struct rtcp_heard heard = {0};
    struct bytes raw;
    while (packet_next(&r, &raw)) {
        struct rtcp_news news;
        uint8_t report[RTCP_REPORT_BYTES];
        now.us += 3000;
        if (!rtcp_parse(raw, &news) && news.report) {
            int64_t wall = rtcp_ntp_wall_us(news.report_ntp);
            if (wall) media_time_report(&media, news.report_timestamp, (struct wall_us){wall});
            heard = (struct rtcp_heard){news.report_ntp, now};
            if (rtcp_report(&source, &heard, 7, now, report) > sizeof report) abort();
        }
        uint8_t *slot = rtp_queue_slot(q);
        if (!slot) abort();
        size_t len = raw.len < RTP_DATAGRAM_MAX_BYTES ? raw.len : RTP_DATAGRAM_MAX_BYTES;
        memcpy(slot, raw.data, len);
        err e = rtp_queue_put(q, len, now);
        drain(q, now);
        if (e == ERR_BUSY && rtp_queue_put(q, len, now) == ERR_BUSY) abort();
    }
    for (unsigned holes = 0; rtp_queue_deadline(q).us != INT64_MAX; holes++) {
        now = rtp_queue_deadline(q);
        drain(q, now);
        if (holes > RTP_QUEUE_SLOTS) abort(); /* nothing waits for ever */
    }
    rtp_queue_free(q);
    return 0;
}
