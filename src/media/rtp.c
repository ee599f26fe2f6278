#include "media/rtp.h"

#include <stdlib.h>

#define HEADER_BYTES 12

err rtp_parse(struct bytes raw, struct rtp_packet *out) {
    if (raw.len < HEADER_BYTES || raw.data[0] >> 6 != 2) return ERR_INVALID;
    size_t at = HEADER_BYTES + (raw.data[0] & 15u) * 4;
    if (raw.data[0] & 0x10) {
        if (raw.len < at + 4) return ERR_INVALID;
        at += 4 + (size_t)be16_get(raw.data + at + 2) * 4;
    }
    if (raw.len < at) return ERR_INVALID;
    size_t end = raw.len;
    if (raw.data[0] & 0x20) {
        uint8_t padding = raw.data[raw.len - 1];
        if (padding == 0 || padding > end - at) return ERR_INVALID;
        end -= padding;
    }
    out->marker = raw.data[1] >> 7;
    out->payload_type = raw.data[1] & 127;
    out->seq = be16_get(raw.data + 2);
    out->timestamp = be32_get(raw.data + 4);
    out->ssrc = be32_get(raw.data + 8);
    out->payload = BYTES(raw.data + at, end - at);
    return ERR_OK;
}

static void source_begin(struct rtp_source *s, const struct rtp_packet *p) {
    uint64_t lost = s->lost;
    uint32_t clock_hz = s->clock_hz;
    *s = (struct rtp_source){
        .begun = true, .ssrc = p->ssrc, .next = p->seq, .clock_hz = clock_hz, .lost = lost};
    s->highest = p->seq;
}

/* Interarrival jitter, RFC 3550 appendix A.8. */
static void source_time(struct rtp_source *s, const struct rtp_packet *p, struct steady_us now) {
    uint64_t arrival = (uint64_t)now.us * s->clock_hz / 1000000;
    int32_t transit = (int32_t)((uint32_t)arrival - p->timestamp);
    if (s->received > 0) {
        int64_t d = (int64_t)transit - s->transit;
        if (d < 0) d = -d;
        if (d < (int64_t)s->clock_hz * 10) /* a jump of the camera's clock is no jitter */
            s->jitter_16 += (uint32_t)d - ((s->jitter_16 + 8) >> 4);
    }
    s->transit = transit;
}

/* A restart is believed when two packets in a row tell of it. */
static bool source_rejoins(struct rtp_source *s, const struct rtp_packet *p) {
    bool second = s->rejoining && s->rejoin == (p->ssrc << 16 | p->seq);
    s->rejoining = true;
    s->rejoin = p->ssrc << 16 | (uint16_t)(p->seq + 1);
    return second;
}

enum rtp_order rtp_source_take(struct rtp_source *s, const struct rtp_packet *p, struct steady_us now,
                               uint32_t *out_missing) {
    *out_missing = 0;
    enum rtp_order order = RTP_IN_ORDER;
    if (!s->begun) source_begin(s, p);
    uint16_t ahead = (uint16_t)(p->seq - s->next);
    bool stranger = p->ssrc != s->ssrc || (ahead > RTP_GAP_MAX && ahead < 0x10000 - RTP_LATE_MAX);
    if (stranger) {
        if (!source_rejoins(s, p)) {
            s->lost++;
            return RTP_REFUSED;
        }
        source_begin(s, p);
        order = RTP_AFTER_GAP;
        ahead = 0;
    } else if (ahead > RTP_GAP_MAX) {
        return RTP_REFUSED; /* late or repeated */
    }
    s->rejoining = false;
    if (ahead > 0) {
        order = RTP_AFTER_GAP;
        *out_missing = ahead;
        s->lost += ahead;
    }
    source_time(s, p, now);
    s->received++;
    s->expected += 1u + ahead;
    s->highest += ahead + (s->received > 1 ? 1u : 0u);
    s->next = (uint16_t)(p->seq + 1);
    return order;
}

/* Slots lie at fixed places; `ring` says which slot holds the packet `i` ahead of `next`. */
struct rtp_queue {
    bool begun;
    bool hurry; /* hand out all that is held, without waiting */
    uint32_t ssrc;
    uint16_t next;
    uint16_t held;  /* packets in the ring */
    int8_t filling; /* the slot that is handed out for writing */
    int8_t given;   /* the slot whose packet the caller reads; -1 for none */
    int8_t ring[RTP_QUEUE_SLOTS];
    int8_t unused[RTP_QUEUE_SLOTS];
    uint8_t unused_count;
    struct steady_us hole_since;
    struct rtp_packet packets[RTP_QUEUE_SLOTS];
    uint8_t bytes[RTP_QUEUE_SLOTS][RTP_DATAGRAM_MAX_BYTES];
};

struct rtp_queue *rtp_queue_new(void) {
    struct rtp_queue *q = calloc(1, sizeof *q); /* pages come with use */
    if (!q) return NULL;
    memset(q->ring, -1, sizeof q->ring);
    q->filling = q->given = -1;
    for (int8_t i = 0; i < RTP_QUEUE_SLOTS; i++)
        q->unused[q->unused_count++] = (int8_t)(RTP_QUEUE_SLOTS - 1 - i);
    return q;
}

void rtp_queue_free(struct rtp_queue *q) {
    free(q);
}

static void slot_return(struct rtp_queue *q, int8_t *slot) {
    if (*slot >= 0) q->unused[q->unused_count++] = *slot;
    *slot = -1;
}

uint8_t *rtp_queue_slot(struct rtp_queue *q) {
    slot_return(q, &q->given);
    if (q->filling < 0) {
        if (q->unused_count == 0) return NULL;
        q->filling = q->unused[--q->unused_count];
    }
    return q->bytes[q->filling];
}

err rtp_queue_put(struct rtp_queue *q, size_t len, struct steady_us now) {
    if (q->filling < 0 || len > RTP_DATAGRAM_MAX_BYTES) return ERR_INVALID;
    struct rtp_packet p;
    err e = rtp_parse(BYTES(q->bytes[q->filling], len), &p);
    if (e) return e; /* the slot is filled again */
    bool stranger = !q->begun || p.ssrc != q->ssrc;
    uint16_t ahead = (uint16_t)(p.seq - q->next);
    if (!stranger && ahead > 0x10000 - RTP_LATE_MAX) return ERR_OK; /* late: its hole was given up */
    if (q->held == 0 && (stranger || ahead >= RTP_QUEUE_SLOTS)) {
        q->next = p.seq; /* rtp_source judges strangers, and counts what is missing */
        q->ssrc = p.ssrc;
        q->begun = true;
        ahead = 0;
    } else if (stranger || ahead >= RTP_QUEUE_SLOTS) {
        /* Far ahead of what is held: the hole will not be filled. Hand out what is held, then go on from
         * here. */
        q->hurry = true;
        return ERR_BUSY;
    }
    int8_t *place = &q->ring[p.seq % RTP_QUEUE_SLOTS];
    if (*place >= 0) return ERR_OK; /* repeated */
    if (q->held == 0) q->hole_since = now;
    q->packets[q->filling] = p;
    *place = q->filling;
    q->filling = -1;
    q->held++;
    return ERR_OK;
}

bool rtp_queue_take(struct rtp_queue *q, struct steady_us now, struct rtp_packet *out) {
    if (q->held == 0) return false;
    if (q->ring[q->next % RTP_QUEUE_SLOTS] < 0) {
        bool waited = q->hurry || now.us - q->hole_since.us >= RTP_QUEUE_WAIT_MS * 1000;
        if (!waited && q->held < RTP_QUEUE_SLOTS / 2) return false;
        while (q->ring[q->next % RTP_QUEUE_SLOTS] < 0)
            q->next++; /* held > 0: ends within one turn of the ring */
    }
    slot_return(q, &q->given);
    int8_t *place = &q->ring[q->next % RTP_QUEUE_SLOTS];
    q->given = *place;
    *place = -1;
    *out = q->packets[q->given];
    q->next++;
    q->held--;
    if (q->held == 0) q->hurry = false;
    q->hole_since = now;
    return true;
}

struct steady_us rtp_queue_deadline(const struct rtp_queue *q) {
    if (q->held == 0) return (struct steady_us){INT64_MAX};
    if (q->ring[q->next % RTP_QUEUE_SLOTS] >= 0) return q->hole_since;
    return (struct steady_us){q->hole_since.us + RTP_QUEUE_WAIT_MS * 1000};
}
