/* rtp.h: RTP packets (RFC 3550 section 5.1), the bookkeeping of their sequence numbers (appendix A), and the
 * small queue that puts UDP's packets back in order. Threads: no shared state. */
#ifndef CARDEA_MEDIA_RTP_H
#define CARDEA_MEDIA_RTP_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/clock.h"

struct rtp_packet {
    uint16_t seq;
    uint32_t timestamp, ssrc;
    uint8_t payload_type;
    bool marker;
    struct bytes payload; /* borrowed */
};

/* ERR_INVALID: not RTP version 2, or its lengths contradict each other. */
err rtp_parse(struct bytes raw, struct rtp_packet *out) CHECKED;

#define RTP_GAP_MAX 3000  /* a larger step is a restart of the source */
#define RTP_LATE_MAX 1000 /* a packet at most this far behind is late; further behind is a restart */

struct rtp_source {
    bool begun;
    uint32_t ssrc;
    uint16_t next;   /* expected sequence number */
    uint32_t rejoin; /* what a second packet of a restarted source would say: ssrc's low half << 16 | seq */
    bool rejoining;
    uint32_t clock_hz;
    uint64_t expected, received, lost;
    uint64_t expected_prior, received_prior; /* at the last report */
    uint32_t highest;                        /* cycles << 16 | highest sequence number */
    uint32_t jitter_16;                      /* ticks times 16 */
    int32_t transit;
};

enum rtp_order { RTP_IN_ORDER, RTP_AFTER_GAP, RTP_REFUSED };

/* Accounts for a packet. RTP_AFTER_GAP: packets are missing before it (*out_missing), or the source began
 * anew
 * (*out_missing 0). RTP_REFUSED: late, repeated, or of another source; do not use it. */
enum rtp_order rtp_source_take(struct rtp_source *s, const struct rtp_packet *p, struct steady_us now,
                               uint32_t *out_missing);

#define RTP_QUEUE_SLOTS 64
#define RTP_DATAGRAM_MAX_BYTES 8192
#define RTP_QUEUE_WAIT_MS 80 /* how long a hole is waited for */

struct rtp_queue;
struct rtp_queue *rtp_queue_new(void); /* NULL: out of memory */
void rtp_queue_free(struct rtp_queue *q);

/* Where the next datagram goes: RTP_DATAGRAM_MAX_BYTES. NULL while the queue is full: take packets out first.
 */
uint8_t *rtp_queue_slot(struct rtp_queue *q);
/* The slot now holds len bytes. ERR_INVALID: no RTP, and forgotten. ERR_BUSY: too far ahead of what is held;
 * take all that, then put again. */
err rtp_queue_put(struct rtp_queue *q, size_t len, struct steady_us now) CHECKED;
/* The next packet in order, or after a hole that was waited for long enough. The packet lives until the next
 * rtp_queue_slot. */
bool rtp_queue_take(struct rtp_queue *q, struct steady_us now, struct rtp_packet *out);
/* When rtp_queue_take will give up on a hole; INT64_MAX when nothing waits. */
struct steady_us rtp_queue_deadline(const struct rtp_queue *q);

#endif
