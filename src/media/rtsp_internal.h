/* rtsp_internal.h: what the parts of the RTSP client share: rtsp.c (the interface, sockets, deadlines),
 * rtsp_link.c (the connection), rtsp_exchange.c (requests and answers), rtsp_setup.c (tracks out of the
 * description), rtsp_track.c (packets). Not for others. */
#ifndef CARDEA_MEDIA_RTSP_INTERNAL_H
#define CARDEA_MEDIA_RTSP_INTERNAL_H

#include "media/media_time.h"
#include "media/rtcp.h"
#include "media/rtp_sound.h"
#include "media/rtp_video.h"
#include "media/rtsp.h"
#include "media/rtsp_auth.h"
#include "media/rtsp_message.h"
#include "media/rtsp_tls.h"
#include "media/rtsp_url.h"
#include "media/sdp.h"

#define RTSP_SESSION_MAX_BYTES 256
#define RTSP_OUT_MAX_BYTES (64u << 10)
#define RTSP_EXTRA_BYTES 256
#define RTSP_RESENDS_MAX 5 /* of one request, for authentication and what a camera refuses */
#define RTSP_READS_MAX 16  /* in one rtsp_client_ready, so that a flood leaves the caller's loop its turn */
#define RTSP_STOP_DEADLINE_MS 800
#define RTSP_SESSION_DEFAULT_S 60
#define RTSP_KEEPALIVE_MAX_S 30
#define RTSP_PORT_ANY 0

#define SECOND_US 1000000ll

/* A descriptor that was asked for. */
struct rtsp_socket {
    enum { SOCKET_NONE, SOCKET_ASKED, SOCKET_HELD } state;
    uint32_t request;
    int fd;
    uint16_t local_port;
    enum { PEER_NONE, PEER_ASKED, PEER_SET } peer;
};

/* The TCP or TLS connection. */
struct rtsp_link {
    struct rtsp_socket socket;
    struct rtsp_tls *tls;
    bool open; /* the handshake, if any, is done */
    bool ended;
    uint8_t *in; /* RTSP_RECEIVE_BYTES */
    size_t in_len;
    struct blob out;
};

struct rtsp_client;

struct rtsp_track {
    struct rtsp_client *client;
    bool video;
    uint8_t index;                 /* in the sink's tracks */
    uint8_t payload_type, channel; /* RTP on this interleaved channel, RTCP on the next */
    uint8_t rtcp_channel;
    bool set_up;
    char control[RTSP_URL_TEXT_BYTES];
    struct rtsp_socket rtp, rtcp;
    uint16_t peer_rtp, peer_rtcp; /* the camera's ports */
    struct rtp_queue *queue;      /* UDP */
    struct rtp_source source;
    struct rtcp_heard heard;
    struct steady_us report_at;
    struct media_time time;
    struct rtp_video coded_video;
    struct rtp_sound coded_sound;
    struct media_track track;
    struct blob config;
    uint64_t damaged;     /* packets that were no RTP, or cut */
    uint64_t other_types; /* packets of a payload type that was not announced */
    uint8_t other_type;
};

enum rtsp_step {
    STEP_START,
    STEP_SOCKET,
    STEP_TLS,
    STEP_OPTIONS,
    STEP_DESCRIBE,
    STEP_PORTS,
    STEP_SETUP,
    STEP_PLAY,
    STEP_STREAM,
    STEP_TEARDOWN,
    STEP_ENDED,
};

struct rtsp_request {
    bool waiting; /* for its answer */
    bool authorised;
    const char *method;
    char url[RTSP_URL_TEXT_BYTES], extra[RTSP_EXTRA_BYTES];
    uint32_t number;
    unsigned resends;
    struct steady_us deadline;
};

struct rtsp_client {
    struct rtsp_url url;
    enum rtsp_transport transport;
    bool audio;
    char pin[RTSP_FINGERPRINT_CHARS];
    void *want_context;
    err (*want)(void *context, const struct rtsp_want *want, struct diag *d);
    struct media_sink sink;

    enum rtsp_step step;
    struct steady_us now, step_deadline;
    bool kick; /* something was given: rtsp_client_ready has work */
    bool stop_asked;
    err ended_with;
    uint32_t next_request; /* numbers of wants */
    uint32_t own_ssrc;
    unsigned restarts, redirects, auth_tries;
    bool udp, udp_failed;
    bool refused;
    struct diag refusal;

    struct rtsp_link link;
    size_t scanned; /* see rtsp_message_read */
    uint64_t garbage_run;
    struct rtsp_auth auth;
    struct rtsp_request request;
    uint32_t number; /* CSeq */
    char base[RTSP_URL_TEXT_BYTES], aggregate[RTSP_URL_TEXT_BYTES];
    char session[RTSP_SESSION_MAX_BYTES];
    uint32_t session_s;
    bool has_get_parameter;
    bool no_range;
    size_t setup_at;

    size_t track_count;
    struct rtsp_track tracks[MEDIA_TRACKS_MAX];
    bool announced; /* sink.tracks was called */
    struct steady_us keepalive_at, packet_at, picture_at;
    bool first_packet;
    uint64_t lost_told;
    struct rtsp_status status;
};

/* rtsp_link.c */
err rtsp_link_open(struct rtsp_link *l, const struct rtsp_url *url,
                   struct diag *d) CHECKED; /* ERR_BUSY: later */
/* Reads once; *out_more: there may be more. Sets ended. */
err rtsp_link_receive(struct rtsp_link *l, size_t *out_len, bool *out_more, struct diag *d) CHECKED;
err rtsp_link_send(struct rtsp_link *l, struct bytes data) CHECKED; /* queues; ERR_LIMIT */
err rtsp_link_flush(struct rtsp_link *l, struct diag *d) CHECKED;
void rtsp_link_consume(struct rtsp_link *l, size_t len);
void rtsp_link_close(struct rtsp_link *l);
void rtsp_socket_close(struct rtsp_socket *s);

/* rtsp_exchange.c */
err rtsp_request_send(struct rtsp_client *c, const char *method, const char *url, const char *extra,
                      struct diag *d) CHECKED;
err rtsp_answer_take(struct rtsp_client *c, const struct rtsp_message *m, struct diag *d) CHECKED;
err rtsp_camera_asks(struct rtsp_client *c, const struct rtsp_message *m, struct diag *d) CHECKED;
err rtsp_keepalive_send(struct rtsp_client *c, struct diag *d) CHECKED;
err rtsp_setup_next(struct rtsp_client *c, struct diag *d) CHECKED;

/* rtsp_setup.c */
err rtsp_tracks_choose(struct rtsp_client *c, struct bytes description, struct diag *d) CHECKED;
err rtsp_transport_take(struct rtsp_client *c, struct rtsp_track *t, const struct rtsp_message *m,
                        struct diag *d) CHECKED;
void rtsp_track_clear(struct rtsp_track *t);

/* rtsp_track.c */
err rtsp_track_packet(struct rtsp_track *t, struct bytes raw, struct diag *d) CHECKED; /* TCP: in order */
err rtsp_track_control_packet(struct rtsp_track *t, struct bytes raw, struct diag *d) CHECKED; /* RTCP */
err rtsp_track_receive(struct rtsp_track *t, struct diag *d) CHECKED;                          /* UDP */
err rtsp_track_report(struct rtsp_track *t, struct diag *d) CHECKED;
err rtsp_track_flush(struct rtsp_track *t, struct diag *d) CHECKED;
uint64_t rtsp_track_lost(const struct rtsp_track *t);

/* rtsp.c */
err rtsp_restart(struct rtsp_client *c, struct diag *d) CHECKED; /* a new connection, from the start */
err rtsp_want_socket(struct rtsp_client *c, struct rtsp_socket *s, enum rtsp_want_kind kind, uint16_t port,
                     struct diag *d) CHECKED;
void rtsp_step_to(struct rtsp_client *c, enum rtsp_step step);
/* What a camera wrote, for messages: printable ASCII, at most 63 characters. */
void rtsp_printable(struct bytes text, char out[64]);

#endif
