/* rtsp_setup.c: which of the media that a camera describes are taken, and how they come. */
#include <stdio.h>

#include "media/rtsp_internal.h"

#define SPROP_SETS_MAX 16

void rtsp_track_clear(struct rtsp_track *t) {
    rtsp_socket_close(&t->rtp);
    rtsp_socket_close(&t->rtcp);
    rtp_queue_free(t->queue);
    rtp_video_clear(&t->coded_video);
    rtp_sound_clear(&t->coded_sound);
    blob_clear(&t->config);
    *t = (struct rtsp_track){.rtp.fd = -1, .rtcp.fd = -1};
}

/* Parameter sets from the description; damaged ones are left for the stream to bring. */
static void sprop_take(struct rtp_video *v, struct bytes fmtp, const char *name) {
    struct bytes text;
    if (!sdp_param(fmtp, name, &text)) return;
    for (unsigned i = 0; i < SPROP_SETS_MAX && text.len; i++) {
        uint8_t nal[PARAM_SET_MAX_BYTES];
        size_t len = 0, used = 0;
        if (sdp_base64(text, (struct buffer){nal, sizeof nal}, &len, &used)) return;
        size_t skip = len > 4 && be32_get(nal) == 1 ? 4 : 0; /* a start code has no place there, and yet */
        if (param_sets_put(&v->sets, BYTES(nal + skip, len - skip))) return;
        text = BYTES(text.data + used, text.len - used);
    }
}

static err hex_config(struct bytes text, uint8_t out[64], size_t *len) {
    char copy[129];
    if (text.len == 0 || text.len % 2 || text.len >= sizeof copy) return ERR_INVALID;
    for (size_t i = 0; i < text.len; i++) {
        char c = (char)text.data[i];
        copy[i] = c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
    }
    copy[text.len] = 0;
    *len = text.len / 2;
    return hex_decode(copy, (struct buffer){out, *len});
}

static err aac_take(struct rtsp_track *t, const struct sdp_media *m) {
    bool latm = text_equal_nocase(m->encoding, "MP4A-LATM");
    t->coded_sound.form = latm ? RTP_SOUND_LATM : RTP_SOUND_AAC;
    uint8_t config[64];
    size_t len = 0;
    struct bytes text;
    err e = sdp_param(m->fmtp, "config", &text) ? hex_config(text, config, &len) : ERR_NOT_FOUND;
    if (!e && latm) {
        uint8_t inner[64];
        e = latm_config_parse(BYTES(config, len), inner, &len);
        if (!e) memcpy(config, inner, len);
    }
    struct aac_config aac;
    if (!e) e = aac_config_parse(BYTES(config, len), &aac);
    if (e) { /* none, or a wrong one: what the rtpmap says is AAC-LC on all such cameras */
        e = aac_config_make(m->clock_hz, m->channels, config);
        len = 2;
        if (!e) e = aac_config_parse(BYTES(config, len), &aac);
    }
    if (e) return e;
    uint32_t number;
    if (sdp_param_number(m->fmtp, "sizelength", 16, &number) && number)
        t->coded_sound.size_bits = (uint8_t)number;
    if (sdp_param_number(m->fmtp, "indexlength", 16, &number)) t->coded_sound.index_bits = (uint8_t)number;
    if (sdp_param_number(m->fmtp, "indexdeltalength", 16, &number))
        t->coded_sound.index_delta_bits = (uint8_t)number;
    uint32_t clock_hz = m->clock_hz ? m->clock_hz : aac.sample_hz;
    t->coded_sound.unit_ticks = (uint16_t)((uint64_t)aac.unit_samples * clock_hz / aac.sample_hz);
    t->track.clock_hz = clock_hz;
    t->track.channels = aac.channels ? aac.channels : 2;
    t->config.len = 0;
    return blob_append(&t->config, BYTES(config, len));
}

static err video_unit(void *context, const struct rtp_unit *unit, struct diag *d);
static err sound_unit(void *context, const struct rtp_unit *unit, struct diag *d);

static err track_take(struct rtsp_client *c, const struct sdp_media *m, enum media_codec codec,
                      struct diag *d) {
    struct rtsp_track *t = &c->tracks[c->track_count];
    rtsp_track_clear(t);
    t->client = c;
    t->index = (uint8_t)c->track_count;
    t->video = m->kind == SDP_VIDEO;
    t->payload_type = m->payload_type;
    t->track.codec = codec;
    if (rtsp_url_control(c->base, m->control, t->control))
        return diag_fail(d, ERR_INVALID, "the camera's description names a malformed address for a track");
    if (t->video) {
        rtp_video_init(&t->coded_video, codec == MEDIA_CODEC_H265, (struct rtp_unit_sink){t, video_unit});
        static const char *const names[] = {"sprop-parameter-sets", "sprop-vps", "sprop-sps", "sprop-pps"};
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            sprop_take(&t->coded_video, m->fmtp, names[i]);
        t->track.clock_hz = 90000;
    } else {
        rtp_sound_init(&t->coded_sound, RTP_SOUND_PLAIN, (struct rtp_unit_sink){t, sound_unit});
        t->track.clock_hz = codec == MEDIA_CODEC_OPUS ? 48000 : 8000;
        t->track.channels = m->channels;
        err e = codec == MEDIA_CODEC_AAC ? aac_take(t, m) : ERR_OK;
        if (e) return e;
    }
    media_time_init(&t->time, t->track.clock_hz);
    t->source.clock_hz = t->track.clock_hz;
    c->track_count++;
    return ERR_OK;
}

static const struct sdp_media *find(const struct sdp *s, enum sdp_kind kind, enum media_codec *codec) {
    const struct sdp_media *back = NULL; /* taken only if there is no other: some cameras mislabel */
    for (size_t i = 0; i < s->count; i++) {
        if (s->media[i].kind != kind || !sdp_codec(&s->media[i], codec)) continue;
        if (!s->media[i].sendonly) return &s->media[i];
        if (!back) back = &s->media[i];
    }
    if (back) (void)sdp_codec(back, codec);
    return back;
}

static err no_video(const struct sdp *s, struct diag *d) {
    char names[128] = "";
    size_t at = 0;
    for (size_t i = 0; i < s->count && at < sizeof names - 40; i++) {
        if (s->media[i].kind != SDP_VIDEO) continue;
        char name[64];
        struct bytes encoding = s->media[i].encoding;
        if (encoding.len > 24) encoding.len = 24;
        rtsp_printable(encoding, name);
        at += (size_t)snprintf(names + at, sizeof names - at, "%s%s", at ? ", " : "",
                               name[0] ? name : "unnamed");
    }
    if (!at) return diag_fail(d, ERR_UNSUPPORTED, "the camera offers no video under this address");
    return diag_fail(d, ERR_UNSUPPORTED, "the camera offers %s; set it to H.264 or H.265", names);
}

err rtsp_tracks_choose(struct rtsp_client *c, struct bytes description, struct diag *d) {
    struct sdp s;
    err e = sdp_parse(description, &s, d);
    if (e) return e;
    if (rtsp_url_control(c->base, s.control, c->aggregate))
        return diag_fail(d, ERR_INVALID, "the camera's description names a malformed address");
    enum media_codec codec = MEDIA_CODEC_H264;
    const struct sdp_media *video = find(&s, SDP_VIDEO, &codec);
    if (!video) return no_video(&s, d);
    c->track_count = 0;
    e = track_take(c, video, codec, d);
    if (e) return e;
    const struct sdp_media *sound = c->audio ? find(&s, SDP_AUDIO, &codec) : NULL;
    if (!sound) return ERR_OK;
    e = track_take(c, sound, codec, d);
    return e == ERR_NO_MEMORY ? e : ERR_OK; /* sound that cannot be taken costs the sound */
}

static bool port_pair(struct bytes value, uint64_t max, uint16_t *first, uint16_t *second) {
    const uint8_t *dash = value.len ? memchr(value.data, '-', value.len) : NULL;
    uint64_t a, b;
    if (!text_number(text_trim(BYTES(value.data, dash ? (size_t)(dash - value.data) : value.len)), max, &a))
        return false;
    b = a + 1;
    if (dash &&
        !text_number(text_trim(BYTES(dash + 1, (size_t)(value.data + value.len - dash) - 1)), max, &b))
        return false;
    if (b > max) return false;
    *first = (uint16_t)a;
    *second = (uint16_t)b;
    return true;
}

static err udp_take(struct rtsp_client *c, struct rtsp_track *t, struct bytes transport, struct diag *d) {
    struct bytes value;
    t->set_up = true;
    t->queue = rtp_queue_new();
    if (!t->queue) return ERR_NO_MEMORY;
    if (!rtsp_field(transport, "server_port", &value)) return ERR_OK; /* then it hears no reports */
    if (!port_pair(value, 65535, &t->peer_rtp, &t->peer_rtcp) || t->peer_rtp == 0)
        return diag_fail(d, ERR_INVALID, "the camera names malformed UDP ports");
    err e = rtsp_want_socket(c, &t->rtp, RTSP_WANT_PEER, t->peer_rtp, d);
    return e ? e : rtsp_want_socket(c, &t->rtcp, RTSP_WANT_PEER, t->peer_rtcp, d);
}

err rtsp_transport_take(struct rtsp_client *c, struct rtsp_track *t, const struct rtsp_message *m,
                        struct diag *d) {
    struct bytes transport, value;
    bool told = rtsp_message_header(m, "Transport", 0, &transport);
    if (!told) transport = BYTES("", 0);
    if (c->udp) return udp_take(c, t, transport, d);
    uint16_t channel = (uint16_t)(2 * t->index), control = (uint16_t)(channel + 1);
    if (rtsp_field(transport, "interleaved", &value)) {
        if (!port_pair(value, 255, &channel, &control))
            return diag_fail(d, ERR_INVALID, "the camera names malformed interleaved channels");
    } else if (rtsp_field(transport, "server_port", &value)) {
        return diag_fail(d, ERR_INVALID, "the camera was asked for TCP and answers with UDP");
    }
    for (size_t i = 0; i < t->index; i++)
        if (c->tracks[i].set_up && (c->tracks[i].channel == channel || c->tracks[i].rtcp_channel == channel))
            return diag_fail(d, ERR_INVALID, "the camera gives two tracks the same channel");
    t->channel = (uint8_t)channel;
    t->rtcp_channel = (uint8_t)control;
    t->set_up = true;
    return ERR_OK;
}

/* Tells the sink of the tracks: of all that were set up, with the video's parameter sets. */
static err announce(struct rtsp_client *c, struct rtsp_track *video, struct diag *d) {
    uint8_t reorder = 0;
    err e = param_sets_describe(&video->coded_video.sets, &video->track, &video->config, &reorder);
    if (e) return diag_fail(d, e, "the camera's parameter sets cannot be used");
    video->coded_video.sets_refused = false;
    bool known = reorder != 255;
    media_time_reorder(&video->time, known ? reorder : 0, known);
    struct media_track tracks[MEDIA_TRACKS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < c->track_count; i++) {
        if (!c->tracks[i].set_up) continue;
        c->tracks[i].index = (uint8_t)count;
        tracks[count] = c->tracks[i].track;
        tracks[count++].config = blob_bytes(&c->tracks[i].config);
    }
    c->announced = true;
    return c->sink.tracks(c->sink.context, tracks, count, d);
}

static err give(struct rtsp_track *t, const struct rtp_unit *unit, struct diag *d) {
    struct rtsp_client *c = t->client;
    struct media_sample sample = {.track = t->index, .key = unit->key, .arrived = c->now, .data = unit->data};
    media_time_next(&t->time, unit->timestamp, c->now, &sample.pts_ticks, &sample.dts_ticks);
    return c->sink.sample(c->sink.context, &sample, d);
}

static err video_unit(void *context, const struct rtp_unit *unit, struct diag *d) {
    struct rtsp_track *t = context;
    t->client->picture_at = t->client->now;
    if (unit->key && t->coded_video.sets.changed) {
        err e = announce(t->client, t, d);
        if (e) return e;
    }
    return give(t, unit, d);
}

static err sound_unit(void *context, const struct rtp_unit *unit, struct diag *d) {
    struct rtsp_track *t = context;
    return t->client->announced ? give(t, unit, d) : ERR_OK; /* sound before the first picture has no place */
}
