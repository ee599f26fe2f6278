#include "media/sdp.h"

#include <strings.h>

bool text_equal_nocase(struct bytes a, const char *b) {
    return a.len == strlen(b) && (a.len == 0 || strncasecmp((const char *)a.data, b, a.len) == 0);
}

static bool is_space(uint8_t c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct bytes text_trim(struct bytes t) {
    while (t.len && is_space(t.data[0])) t = BYTES(t.data + 1, t.len - 1);
    while (t.len && is_space(t.data[t.len - 1])) t.len--;
    return t;
}

bool text_number(struct bytes t, uint64_t max, uint64_t *out) {
    uint64_t v = 0;
    if (t.len == 0 || t.len > 19) return false;
    for (size_t i = 0; i < t.len; i++) {
        if (t.data[i] < '0' || t.data[i] > '9') return false;
        v = v * 10 + (uint64_t)(t.data[i] - '0');
    }
    if (v > max) return false;
    *out = v;
    return true;
}

/* Cuts up to `stop`; *rest goes on after it. */
static struct bytes cut(struct bytes *rest, uint8_t stop) {
    const uint8_t *at = rest->len ? memchr(rest->data, stop, rest->len) : NULL;
    size_t len = at ? (size_t)(at - rest->data) : rest->len;
    struct bytes head = BYTES(rest->data, len);
    *rest = at ? BYTES(at + 1, rest->len - len - 1) : BYTES(rest->data + len, 0);
    return head;
}

static void media_begin(struct sdp *s, struct bytes value) {
    if (s->count == SDP_MEDIA_MAX) return;
    struct sdp_media *m = &s->media[s->count++];
    *m = (struct sdp_media){.kind = SDP_OTHER};
    struct bytes kind = cut(&value, ' ');
    cut(&value, ' '); /* port */
    struct bytes transport = cut(&value, ' '), format = cut(&value, ' ');
    if (text_equal_nocase(kind, "video")) m->kind = SDP_VIDEO;
    if (text_equal_nocase(kind, "audio")) m->kind = SDP_AUDIO;
    uint64_t number = 0;
    m->rtp = transport.len >= 4 && strncasecmp((const char *)transport.data, "RTP/", 4) == 0 &&
             text_number(text_trim(format), 127, &number);
    m->payload_type = (uint8_t)number;
    if (m->payload_type == 0 || m->payload_type == 8) { /* static types of RFC 3551 need no rtpmap */
        m->encoding = bytes_text(m->payload_type ? "PCMA" : "PCMU");
        m->clock_hz = 8000;
    }
    m->channels = 1;
}

/* "96 H264/90000", "97 opus/48000/2"; false when it is for another payload type. */
static bool for_type(struct sdp_media *m, struct bytes *value) {
    uint64_t number;
    struct bytes type = cut(value, ' ');
    return text_number(text_trim(type), 127, &number) && number == m->payload_type;
}

static void rtpmap_read(struct sdp_media *m, struct bytes value) {
    if (!for_type(m, &value)) return;
    struct bytes rest = text_trim(value);
    uint64_t number;
    m->encoding = cut(&rest, '/');
    if (text_number(text_trim(cut(&rest, '/')), 1000000, &number)) m->clock_hz = (uint32_t)number;
    if (text_number(text_trim(cut(&rest, '/')), 8, &number) && number) m->channels = (uint8_t)number;
}

static void attribute_read(struct sdp *s, struct bytes value) {
    struct sdp_media *m = s->count ? &s->media[s->count - 1] : NULL;
    struct bytes name = cut(&value, ':');
    if (text_equal_nocase(name, "control")) {
        value = text_trim(value);
        if (value.len > SDP_CONTROL_MAX_BYTES) return;
        if (m)
            m->control = value;
        else
            s->control = value;
    }
    if (!m) return;
    if (text_equal_nocase(name, "rtpmap")) rtpmap_read(m, value);
    if (text_equal_nocase(name, "fmtp") && for_type(m, &value)) m->fmtp = text_trim(value);
    if (text_equal_nocase(name, "sendonly")) m->sendonly = true;
}

err sdp_parse(struct bytes text, struct sdp *out, struct diag *d) {
    *out = (struct sdp){0};
    if (text.len > SDP_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT, "the camera's description is larger than %u KiB", SDP_MAX_BYTES >> 10);
    bool overflow = false;
    while (text.len) {
        struct bytes line = text_trim(cut(&text, '\n'));
        if (line.len < 2 || line.data[1] != '=') continue;
        struct bytes value = BYTES(line.data + 2, line.len - 2);
        if (line.data[0] == 'm') {
            overflow = out->count == SDP_MEDIA_MAX;
            media_begin(out, value);
        } else if (line.data[0] == 'a' && !overflow) {
            attribute_read(out, value);
        }
    }
    if (out->count == 0) return diag_fail(d, ERR_INVALID, "the camera's description (SDP) names no media");
    return ERR_OK;
}

bool sdp_codec(const struct sdp_media *m, enum media_codec *out) {
    static const struct {
        enum sdp_kind kind;
        const char *name;
        enum media_codec codec;
    } table[] = {
        {SDP_VIDEO, "H264", MEDIA_CODEC_H264},     {SDP_VIDEO, "H265", MEDIA_CODEC_H265},
        {SDP_VIDEO, "HEVC", MEDIA_CODEC_H265},     {SDP_AUDIO, "MPEG4-GENERIC", MEDIA_CODEC_AAC},
        {SDP_AUDIO, "MP4A-LATM", MEDIA_CODEC_AAC}, {SDP_AUDIO, "opus", MEDIA_CODEC_OPUS},
        {SDP_AUDIO, "PCMU", MEDIA_CODEC_PCMU},     {SDP_AUDIO, "PCMA", MEDIA_CODEC_PCMA},
    };
    if (!m->rtp) return false;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (m->kind != table[i].kind || !text_equal_nocase(m->encoding, table[i].name)) continue;
        *out = table[i].codec;
        return true;
    }
    return false;
}

bool sdp_param(struct bytes fmtp, const char *name, struct bytes *out) {
    while (fmtp.len) {
        struct bytes value = text_trim(cut(&fmtp, ';'));
        struct bytes key = text_trim(cut(&value, '='));
        if (!text_equal_nocase(key, name)) continue;
        *out = text_trim(value);
        return true;
    }
    return false;
}

bool sdp_param_number(struct bytes fmtp, const char *name, uint32_t max, uint32_t *out) {
    struct bytes value;
    uint64_t number;
    if (!sdp_param(fmtp, name, &value) || !text_number(value, max, &number)) return false;
    *out = (uint32_t)number;
    return true;
}

static int base64_digit(uint8_t c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+' || c == '-') return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

err sdp_base64(struct bytes text, struct buffer out, size_t *out_len, size_t *used) {
    uint32_t bits = 0;
    unsigned count = 0;
    size_t n = 0, at = 0;
    for (; at < text.len && text.data[at] != ',' && text.data[at] != '='; at++) {
        int digit = base64_digit(text.data[at]);
        if (digit < 0) return ERR_INVALID;
        bits = bits << 6 | (uint32_t)digit;
        count += 6;
        if (count < 8) continue;
        count -= 8;
        if (n == out.len) return ERR_LIMIT;
        out.data[n++] = (uint8_t)(bits >> count);
    }
    while (at < text.len && text.data[at] == '=') at++;
    if (at < text.len && text.data[at] != ',') return ERR_INVALID;
    *used = at < text.len ? at + 1 : at;
    *out_len = n;
    return ERR_OK;
}
