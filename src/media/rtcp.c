#include "media/rtcp.h"

#define TYPE_SENDER_REPORT 200
#define TYPE_RECEIVER_REPORT 201
#define TYPE_DESCRIPTION 202
#define TYPE_BYE 203
#define NTP_TO_UNIX_S 2208988800u

err rtcp_parse(struct bytes raw, struct rtcp_news *out) {
    *out = (struct rtcp_news){0};
    size_t at = 0;
    while (at < raw.len) {
        const uint8_t *p = raw.data + at;
        if (raw.len - at < 4 || p[0] >> 6 != 2) return ERR_INVALID;
        size_t len = 4 + (size_t)be16_get(p + 2) * 4;
        if (len > raw.len - at) return ERR_INVALID;
        if (p[1] == TYPE_SENDER_REPORT && !out->report) {
            if (len < 28) return ERR_INVALID;
            out->report = true;
            out->report_ssrc = be32_get(p + 4);
            out->report_ntp = be64_get(p + 8);
            out->report_timestamp = be32_get(p + 16);
        } else if (p[1] == TYPE_BYE && !out->bye && len >= 8 && (p[0] & 31)) {
            out->bye = true;
            out->bye_ssrc = be32_get(p + 4);
        }
        at += len;
    }
    return ERR_OK;
}

int64_t rtcp_ntp_wall_us(uint64_t ntp) {
    int64_t seconds = (int64_t)(ntp >> 32) - NTP_TO_UNIX_S;
    /* Era 1 begins in 2036: a small count is more likely that than 1900. */
    if (seconds < 0 && ntp >> 32 != 0 && ntp >> 32 < 0x80000000u) seconds += 1ll << 32;
    if (seconds <= 0 || seconds > 4102444800) return 0;
    return seconds * 1000000 + (int64_t)((ntp & 0xffffffffu) * 1000000 >> 32);
}

static uint8_t fraction_lost(struct rtp_source *s) {
    uint64_t expected = s->expected - s->expected_prior, received = s->received - s->received_prior;
    s->expected_prior = s->expected;
    s->received_prior = s->received;
    if (expected == 0 || received >= expected) return 0;
    return (uint8_t)(((expected - received) << 8) / expected);
}

size_t rtcp_report(struct rtp_source *s, const struct rtcp_heard *heard, uint32_t own_ssrc,
                   struct steady_us now, uint8_t out[RTCP_REPORT_BYTES]) {
    size_t at = 8;
    out[0] = s->begun ? 0x81 : 0x80;
    out[1] = TYPE_RECEIVER_REPORT;
    be32_put(out + 4, own_ssrc);
    if (s->begun) {
        uint64_t lost = s->expected - s->received;
        be32_put(out + 8, s->ssrc);
        be32_put(out + 12, lost > 0x7fffff ? 0x7fffff : (uint32_t)lost);
        out[12] = fraction_lost(s);
        be32_put(out + 16, s->highest);
        be32_put(out + 20, s->jitter_16 >> 4);
        be32_put(out + 24, heard->ntp ? (uint32_t)(heard->ntp >> 16) : 0);
        be32_put(out + 28, heard->ntp ? (uint32_t)((now.us - heard->at.us) * 65536 / 1000000) : 0);
        at = 32;
    }
    be16_put(out + 2, (uint16_t)(at / 4 - 1));
    static const uint8_t name[] = {1, 6, 'c', 'a', 'r', 'd', 'e', 'a', 0, 0, 0, 0};
    uint8_t *p = out + at;
    p[0] = 0x81;
    p[1] = TYPE_DESCRIPTION;
    be16_put(p + 2, (4 + sizeof name) / 4);
    be32_put(p + 4, own_ssrc);
    memcpy(p + 8, name, sizeof name);
    return at + 8 + sizeof name;
}
