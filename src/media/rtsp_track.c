/* rtsp_track.c: packets of a track, from either transport, to the depacketisers; reports back. */
#include <errno.h>
#include <sys/socket.h>

#include "media/rtsp_internal.h"

#define OTHER_TYPES_MAX 200 /* packets of an unannounced type alone, before saying so */
#define DATAGRAMS_MAX 512   /* of one track in one turn */

static err type_is_other(struct rtsp_track *t, uint8_t type, struct diag *d) {
    t->other_types++;
    t->other_type = type;
    if (!t->video || t->source.begun || t->other_types < OTHER_TYPES_MAX) return ERR_OK;
    return diag_fail(d, ERR_INVALID, "the camera announces payload type %u and sends %u", t->payload_type,
                     type);
}

static err take(struct rtsp_track *t, const struct rtp_packet *p, struct diag *d) {
    struct rtsp_client *c = t->client;
    if (p->payload_type != t->payload_type) return type_is_other(t, p->payload_type, d);
    uint32_t missing;
    enum rtp_order order = rtp_source_take(&t->source, p, c->now, &missing);
    c->packet_at = c->now;
    c->first_packet = true;
    c->status.packets++;
    if (order == RTP_REFUSED) return ERR_OK;
    bool gap = order == RTP_AFTER_GAP;
    return t->video ? rtp_video_packet(&t->coded_video, p, gap, d)
                    : rtp_sound_packet(&t->coded_sound, p, gap, d);
}

err rtsp_track_packet(struct rtsp_track *t, struct bytes raw, struct diag *d) {
    struct rtp_packet p;
    if (rtp_parse(raw, &p)) {
        t->damaged++;
        return ERR_OK;
    }
    return take(t, &p, d);
}

err rtsp_track_flush(struct rtsp_track *t, struct diag *d) {
    return t->video ? rtp_video_flush(&t->coded_video, d) : ERR_OK;
}

err rtsp_track_control_packet(struct rtsp_track *t, struct bytes raw, struct diag *d) {
    struct rtsp_client *c = t->client;
    struct rtcp_news news;
    if (rtcp_parse(raw, &news)) t->damaged++;
    if (news.report && (!t->source.begun || news.report_ssrc == t->source.ssrc)) {
        int64_t wall = rtcp_ntp_wall_us(news.report_ntp);
        t->heard = (struct rtcp_heard){news.report_ntp, c->now};
        if (wall) media_time_report(&t->time, news.report_timestamp, (struct wall_us){wall});
    }
    if (!news.bye || !t->video || !t->source.begun || news.bye_ssrc != t->source.ssrc) return ERR_OK;
    for (size_t i = 0; i < c->track_count; i++) {
        err e = rtsp_track_flush(&c->tracks[i], d);
        if (e) return e;
    }
    return diag_fail(d, ERR_UNREACHABLE, "the camera said that it ends the stream");
}

static err drain(struct rtsp_track *t, struct diag *d) {
    struct rtp_packet p;
    while (rtp_queue_take(t->queue, t->client->now, &p)) {
        err e = take(t, &p, d);
        if (e) return e;
    }
    return ERR_OK;
}

static err media_receive(struct rtsp_track *t, struct diag *d) {
    for (unsigned i = 0; i < DATAGRAMS_MAX; i++) {
        uint8_t *slot = rtp_queue_slot(t->queue);
        if (!slot) { /* cannot be: a queue half full hands out. Bytes from outside must not make it an endless
                        loop. */
            err e = drain(t, d);
            if (e) return e;
            continue;
        }
        ssize_t n = recv(t->rtp.fd, slot, RTP_DATAGRAM_MAX_BYTES, MSG_DONTWAIT | MSG_TRUNC);
        if (n < 0) break; /* nothing there; or the camera's port refused a report, which means nothing */
        t->client->status.bytes += (uint64_t)n;
        if (n > RTP_DATAGRAM_MAX_BYTES) {
            t->damaged++;
            continue;
        }
        err put = rtp_queue_put(t->queue, (size_t)n, t->client->now);
        if (put == ERR_INVALID) t->damaged++;
        err e = drain(t, d);
        if (!e && put == ERR_BUSY) {
            t->damaged += rtp_queue_put(t->queue, (size_t)n, t->client->now) != ERR_OK;
            e = drain(t, d);
        }
        if (e) return e;
    }
    return drain(t, d);
}

err rtsp_track_receive(struct rtsp_track *t, struct diag *d) {
    err e = t->queue && t->rtp.state == SOCKET_HELD ? media_receive(t, d) : ERR_OK;
    for (unsigned i = 0; i < DATAGRAMS_MAX && !e && t->rtcp.state == SOCKET_HELD; i++) {
        uint8_t raw[2048];
        ssize_t n = recv(t->rtcp.fd, raw, sizeof raw, MSG_DONTWAIT);
        if (n < 0) break;
        e = rtsp_track_control_packet(t, BYTES(raw, (size_t)n), d);
    }
    return e;
}

/* A first empty packet to the camera's port opens the way back through firewalls that track connections. */
static void open_the_way(struct rtsp_track *t) {
    uint8_t empty[12] = {0x80, t->payload_type};
    be32_put(empty + 8, t->client->own_ssrc);
    if (!t->client->first_packet && t->rtp.peer == PEER_SET)
        (void)send(t->rtp.fd, empty, sizeof empty, MSG_DONTWAIT | MSG_NOSIGNAL);
}

err rtsp_track_report(struct rtsp_track *t, struct diag *d) {
    struct rtsp_client *c = t->client;
    if (!t->set_up || c->now.us < t->report_at.us) return ERR_OK;
    t->report_at.us = c->now.us + RTCP_PERIOD_S * SECOND_US;
    uint8_t raw[4 + RTCP_REPORT_BYTES];
    size_t len = rtcp_report(&t->source, &t->heard, c->own_ssrc + t->index, c->now, raw + 4);
    if (c->udp) {
        open_the_way(t);
        if (t->rtcp.peer == PEER_SET) (void)send(t->rtcp.fd, raw + 4, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        return ERR_OK;
    }
    raw[0] = '$';
    raw[1] = t->rtcp_channel;
    be16_put(raw + 2, (uint16_t)len);
    /* A camera that does not read its connection loses reports, no more. */
    if (c->link.out.len < RTSP_OUT_MAX_BYTES / 2) return rtsp_link_send(&c->link, BYTES(raw, 4 + len));
    return ERR_OK;
}

uint64_t rtsp_track_lost(const struct rtsp_track *t) {
    return t->source.lost + t->damaged + t->coded_video.damaged_packets + t->coded_sound.damaged_packets;
}
