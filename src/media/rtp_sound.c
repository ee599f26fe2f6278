#include "media/rtp_sound.h"
#include "media/bits.h"

static const uint32_t rates[] = {96000, 88200, 64000, 48000, 44100, 32000, 24000,
                                 22050, 16000, 12000, 11025, 8000,  7350};

static uint8_t object_type_get(struct bits *b) {
    uint32_t type = bits_get(b, 5);
    return (uint8_t)(type == 31 ? 32 + bits_get(b, 6) : type);
}

static uint32_t rate_get(struct bits *b) {
    uint32_t index = bits_get(b, 4);
    if (index == 15) return bits_get(b, 24);
    if (index >= sizeof rates / sizeof *rates) {
        b->failed = true;
        return 0;
    }
    return rates[index];
}

/* Leaves the cursor after the fields that AAC has; returns false for what is no AAC. */
static bool config_read(struct bits *b, struct aac_config *out) {
    static const uint8_t channels[] = {0, 1, 2, 3, 4, 5, 6, 8};
    uint8_t type = object_type_get(b);
    uint32_t hz = rate_get(b), layout = bits_get(b, 4);
    if (type == 5 || type == 29) { /* SBR and PS: the rate of the core stays what timestamps count in */
        rate_get(b);
        type = object_type_get(b);
    }
    if (b->failed || layout > 7 || hz < 7350 || hz > 96000) return false;
    if (type < 1 || type > 4) return false; /* Main, LC, SSR, LTP */
    bool short_frames = bits_flag(b);
    if (bits_flag(b)) bits_skip(b, 14); /* depends on a core coder */
    if (bits_flag(b)) return false;     /* extension */
    *out = (struct aac_config){hz, channels[layout], type, short_frames ? 960 : 1024};
    return !b->failed;
}

err aac_config_parse(struct bytes config, struct aac_config *out) {
    struct bits b = bits_of(config);
    return config_read(&b, out) ? ERR_OK : ERR_INVALID;
}

err aac_config_make(uint32_t sample_hz, uint8_t channels, uint8_t out[2]) {
    for (uint8_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        if (rates[i] != sample_hz || channels < 1 || channels > 6) continue;
        be16_put(out, (uint16_t)(2 << 11 | i << 7 | channels << 3));
        return ERR_OK;
    }
    return ERR_UNSUPPORTED;
}

err latm_config_parse(struct bytes mux, uint8_t out[64], size_t *out_len) {
    struct bits b = bits_of(mux);
    if (bits_flag(&b)) return ERR_UNSUPPORTED; /* audioMuxVersion 1 */
    bool same_framing = bits_flag(&b);
    if (!same_framing || bits_get(&b, 6) || bits_get(&b, 4) || bits_get(&b, 3)) return ERR_UNSUPPORTED;
    size_t from = b.at;
    struct aac_config config;
    if (!config_read(&b, &config)) return ERR_INVALID;
    size_t count = b.at - from, len = (count + 7) / 8;
    if (len > 64) return ERR_LIMIT;
    b.at = from;
    memset(out, 0, len);
    for (size_t i = 0; i < count; i++)
        if (bits_flag(&b)) out[i / 8] |= (uint8_t)(0x80 >> i % 8);
    if (bits_get(&b, 3) != 0)
        return ERR_UNSUPPORTED; /* frameLengthType 0: the length stands before each frame */
    *out_len = len;
    return b.failed ? ERR_INVALID : ERR_OK;
}

static err give(struct rtp_sound *s, uint32_t timestamp, struct bytes data, struct diag *d) {
    const struct rtp_unit unit = {timestamp, true, data};
    return data.len ? s->sink.unit(s->sink.context, &unit, d) : ERR_OK;
}

static err damaged(struct rtp_sound *s) {
    s->damaged_packets++;
    s->partial.len = 0;
    return ERR_OK;
}

/* One access unit that is larger than its packet: each packet repeats the header with the whole size. */
static err fragment(struct rtp_sound *s, const struct rtp_packet *p, size_t size, struct bytes data,
                    struct diag *d) {
    if (size > RTP_SOUND_UNIT_MAX_BYTES) return damaged(s);
    if (s->partial.len == 0 || s->partial_timestamp != p->timestamp || s->partial_want != size) {
        s->partial.len = 0;
        s->partial_timestamp = p->timestamp;
        s->partial_want = size;
    }
    if (data.len > size - s->partial.len) return damaged(s);
    err e = blob_append(&s->partial, data);
    if (e) return e;
    if (s->partial.len < size) return p->marker ? damaged(s) : ERR_OK;
    e = give(s, p->timestamp, blob_bytes(&s->partial), d);
    s->partial.len = 0;
    return e;
}

static err aac_packet(struct rtp_sound *s, const struct rtp_packet *p, struct diag *d) {
    if (p->payload.len < 2) return damaged(s);
    size_t header_bits = be16_get(p->payload.data), header_bytes = (header_bits + 7) / 8;
    if (header_bits == 0 || header_bytes > p->payload.len - 2) return damaged(s);
    struct bits b = bits_of(BYTES(p->payload.data + 2, header_bytes));
    struct reader data =
        reader_of(BYTES(p->payload.data + 2 + header_bytes, p->payload.len - 2 - header_bytes));
    uint32_t timestamp = p->timestamp;
    size_t left = header_bits;
    for (unsigned i = 0; i < RTP_SOUND_UNITS_MAX; i++) {
        unsigned bits = s->size_bits + (i ? s->index_delta_bits : s->index_bits);
        if (left < bits) return ERR_OK;
        left -= bits;
        size_t size = bits_get(&b, s->size_bits);
        unsigned skip = bits_get(&b, i ? s->index_delta_bits : s->index_bits);
        if (i) timestamp += (1 + skip) * s->unit_ticks;
        struct bytes unit;
        if (size > reader_left(&data)) {
            if (i > 0 || left > 0) return damaged(s);
            (void)reader_take(&data, reader_left(&data), &unit);
            return fragment(s, p, size, unit, d);
        }
        (void)reader_take(&data, size, &unit);
        s->partial.len = i ? s->partial.len : 0;
        err e = give(s, timestamp, unit, d);
        if (e) return e;
    }
    return ERR_OK;
}

/* AudioMuxElement without its config: sizes in bytes of 255 and a last smaller one, then the frame. */
static err latm_unit(struct rtp_sound *s, uint32_t timestamp, struct bytes element, struct diag *d) {
    size_t size = 0, at = 0;
    while (at < element.len && element.data[at] == 255) size += element.data[at++];
    if (at == element.len) return damaged(s);
    size += element.data[at++];
    if (size > element.len - at) return damaged(s);
    return give(s, timestamp, BYTES(element.data + at, size), d);
}

static err latm_packet(struct rtp_sound *s, const struct rtp_packet *p, struct diag *d) {
    if (s->partial.len && s->partial_timestamp != p->timestamp) (void)damaged(s);
    if (p->marker && s->partial.len == 0) return latm_unit(s, p->timestamp, p->payload, d);
    if (p->payload.len > RTP_SOUND_UNIT_MAX_BYTES - s->partial.len) return damaged(s);
    s->partial_timestamp = p->timestamp;
    err e = blob_append(&s->partial, p->payload);
    if (e || !p->marker) return e;
    e = latm_unit(s, p->timestamp, blob_bytes(&s->partial), d);
    s->partial.len = 0;
    return e;
}

void rtp_sound_init(struct rtp_sound *s, enum rtp_sound_form form, struct rtp_unit_sink sink) {
    *s = (struct rtp_sound){.sink = sink,
                            .form = form,
                            .size_bits = 13,
                            .index_bits = 3,
                            .index_delta_bits = 3,
                            .unit_ticks = 1024};
}

void rtp_sound_clear(struct rtp_sound *s) {
    blob_clear(&s->partial);
}

err rtp_sound_packet(struct rtp_sound *s, const struct rtp_packet *p, bool gap, struct diag *d) {
    if (gap && s->partial.len) (void)damaged(s);
    if (p->payload.len == 0) return ERR_OK;
    if (p->payload.len > RTP_SOUND_UNIT_MAX_BYTES) return damaged(s);
    switch (s->form) {
        case RTP_SOUND_AAC: return aac_packet(s, p, d);
        case RTP_SOUND_LATM: return latm_packet(s, p, d);
        case RTP_SOUND_PLAIN: break; /* Opus, G.711: the payload is the access unit */
    }
    return give(s, p->timestamp, p->payload, d);
}
