/* rtsp.h: receives one camera over RTSP (RFC 2326; RTP by RFC 3550 over TCP or UDP; TLS for rtsps).
 *
 * A state machine that opens no descriptors and owns no loop. It asks for connected sockets with `want`, is
 * handed them with rtsp_client_give, and works when the caller's loop calls rtsp_client_ready. Whatever the
 * camera sends is hostile: every buffer has a named limit and no byte of it reaches an assertion. Threads:
 * one at a time.
 *
 *     rtsp_client_new(url, &options, &sink, &client, &d);
 *     for (;;) {
 *         n = rtsp_client_poll(client, fds, RTSP_POLL_MAX);
 *         poll(fds, n, until rtsp_client_deadline(client));   (waking only each 10 ms is fine, and cheaper)
 *         e = rtsp_client_ready(client, steady_now(), &d);    (calls want, sink.tracks, sink.sample,
 * sink.lost) if (e) break;                                       (ERR_CANCELLED: the end that
 * rtsp_client_stop asked for)
 *     }
 *     rtsp_client_free(client);
 */
#ifndef CARDEA_MEDIA_RTSP_H
#define CARDEA_MEDIA_RTSP_H

#include <poll.h>

#include "media/source.h"

#define RTSP_POLL_MAX (1 + 2 * MEDIA_TRACKS_MAX) /* the connection; RTP and RTCP of each track over UDP */
#define RTSP_URL_MAX_BYTES 2048
#define RTSP_RECEIVE_BYTES (256u << 10) /* one read; holds any reply and any interleaved packet */
#define RTSP_ANSWER_DEADLINE_S 10       /* for a socket, a handshake, an answer */
#define RTSP_SILENCE_S 10               /* without a packet, while playing */
#define RTSP_PICTURE_DEADLINE_S 60      /* without a whole picture, while packets come */
#define RTSP_UDP_SILENCE_S 4            /* without a first packet, before auto falls back to TCP */
#define RTSP_REDIRECTS_MAX 3
#define RTSP_RESTARTS_MAX 4 /* new connections within one client: redirects, 401 with close, UDP to TCP */
#define RTSP_AUTH_TRIES_MAX 2
#define RTSP_GARBAGE_MAX_BYTES (1u << 20) /* between two interleaved packets */
#define RTSP_FINGERPRINT_CHARS 65         /* SHA-256 in hex and its end */

enum rtsp_transport { RTSP_TRANSPORT_AUTO, RTSP_TRANSPORT_TCP, RTSP_TRANSPORT_UDP };

enum rtsp_want_kind {
    RTSP_WANT_TCP,  /* a TCP socket connected to the camera's host at `port` */
    RTSP_WANT_UDP,  /* a UDP socket bound to a local port; port is 0. They are asked for in pairs, RTP then
                     * RTCP, and  the second's local port should be the first's plus one (RTP's even) */
    RTSP_WANT_PEER, /* connect the UDP socket given for this same request number to the camera's `port`;
                     * answered by rtsp_client_give with fd -1, or by a refusal, which only costs receiver
                     * reports */
};

struct rtsp_want {
    uint32_t request;
    enum rtsp_want_kind kind;
    uint16_t port;
};

struct rtsp_options {
    enum rtsp_transport transport;
    bool audio;
    const char
        *pin; /* rtsps: hex SHA-256 of the camera's certificate; NULL or empty accepts any and reports it */
    void *context; /* for want */
    /* Called from rtsp_client_ready only; answer later, or at once from within. */
    err (*want)(void *context, const struct rtsp_want *want, struct diag *d);
};

enum rtsp_state { RTSP_CONNECTING, RTSP_ASKING, RTSP_STREAMING, RTSP_STOPPING, RTSP_ENDED };

struct rtsp_status {
    enum rtsp_state state;
    bool udp;
    uint64_t bytes;         /* received, all told */
    uint64_t packets;       /* RTP packets taken */
    uint64_t lost;          /* RTP packets that never came, came too late, or were damaged */
    uint64_t dropped_units; /* access units thrown away: torn, or needing what was lost */
    uint64_t garbage_bytes; /* skipped between interleaved packets */
    char server[64];        /* what the camera calls itself, printable ASCII only */
    char fingerprint[RTSP_FINGERPRINT_CHARS]; /* of its certificate, or empty */
};

struct rtsp_client;

/* Loads what OpenSSL needs, so that a sandbox that forbids files can follow. Optional. */
err rtsp_prepare(struct diag *d) CHECKED;

/* Copies url and options; *sink is borrowed until rtsp_client_free. The password leaves memory at
 * rtsp_client_free. ERR_INVALID  the URL is no rtsp:// or rtsps:// URL (d says what is wrong, never the
 * password) ERR_NO_MEMORY */
err rtsp_client_new(const char *url, const struct rtsp_options *options, const struct media_sink *sink,
                    struct rtsp_client **out, struct diag *d) CHECKED;
void rtsp_client_free(struct rtsp_client *c); /* closes what it was given; NULL is fine */

/* Answers a want. Takes fd, also on error. local_port matters for UDP. ERR_NOT_FOUND: no such request. */
err rtsp_client_give(struct rtsp_client *c, uint32_t request, int fd, uint16_t local_port) CHECKED;
err rtsp_client_refuse(struct rtsp_client *c, uint32_t request, const char *message) CHECKED;

/* Fills what to wait for; returns the count. */
size_t rtsp_client_poll(const struct rtsp_client *c, struct pollfd *fds, size_t max);
/* When rtsp_client_ready must be called even if nothing arrives. */
struct steady_us rtsp_client_deadline(const struct rtsp_client *c);

/* Does all that can be done now without waiting. Any error is the end of this client; make a new one to try
 * again. ERR_DENIED       user name or password refused, or another certificate than the pinned one
 *   ERR_NOT_FOUND    the camera knows no such stream
 *   ERR_UNREACHABLE  no connection, or it ended
 *   ERR_TIMEOUT      no answer, or no packet, or no whole picture in time
 *   ERR_INVALID, ERR_LIMIT, ERR_UNSUPPORTED   what the camera says is wrong, too large, not recordable
 *   ERR_CANCELLED    stopped as asked
 *   or what the sink returned */
err rtsp_client_ready(struct rtsp_client *c, struct steady_us now, struct diag *d) CHECKED;

/* Says TEARDOWN; rtsp_client_ready returns ERR_CANCELLED within a second. */
void rtsp_client_stop(struct rtsp_client *c);

void rtsp_client_status(const struct rtsp_client *c, struct rtsp_status *out);

/* The camera's own wall clock for a media time, from its last sender report; false before the first. Tracks
 * of one camera share that clock, so the difference between two tracks tells how to align them, however wrong
 * it is. */
bool rtsp_client_wall(const struct rtsp_client *c, uint8_t track, int64_t pts_ticks, struct wall_us *out);

#endif
