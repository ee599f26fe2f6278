/* rtcp.h: sender reports in, receiver reports out (RFC 3550 section 6). Threads: no shared state. */
#ifndef CARDEA_MEDIA_RTCP_H
#define CARDEA_MEDIA_RTCP_H

#include "media/rtp.h"

#define RTCP_REPORT_BYTES 64 /* receiver report with one block, and a name */
#define RTCP_PERIOD_S 5

/* What a compound packet says. Only the first of each kind counts. */
struct rtcp_news {
    bool report;
    uint32_t report_ssrc, report_timestamp;
    uint64_t report_ntp; /* 32.32 seconds since 1900 */
    bool bye;
    uint32_t bye_ssrc;
};

/* ERR_INVALID: not RTCP version 2, or torn; what came before the damage is in *out. */
err rtcp_parse(struct bytes raw, struct rtcp_news *out) CHECKED;

/* Microseconds since 1970; 0 for times outside of 1970..2100, which cameras without a clock send. */
int64_t rtcp_ntp_wall_us(uint64_t ntp);

/* The last sender report of a source, for the receiver's answer. */
struct rtcp_heard {
    uint64_t ntp;
    struct steady_us at;
};

/* Writes a report about the source (none of it before its first packet) and returns its length. Begins a new
 * interval of the source's figures. */
size_t rtcp_report(struct rtp_source *s, const struct rtcp_heard *heard, uint32_t own_ssrc,
                   struct steady_us now, uint8_t out[RTCP_REPORT_BYTES]);

#endif
