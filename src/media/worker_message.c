/* length (4): counts what follows | type (1) | payload. docs/worker.md describes the payloads. */
#include "media/worker_message.h"

#include <math.h>

#include "base/json.h"

static const char *const stream_words[] = {"main", "sub"};
static const char *const transport_words[] = {"auto", "tcp", "udp"};
static const char *const kind_words[] = {"tcp", "udp", "peer", "file", "device"};
static const char *const state_words[] = {"connecting", "streaming", "failed"};
static const char *const layer_words[] = {"seccomp", "landlock", "netns"};

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define WORDS(array) array, COUNT(array)

/* --- Framing --- */

err worker_message_end(struct blob *out, size_t mark) {
    return message_end(out, mark, worker_type_limit);
}

/* Takes the object, which may be NULL when there was no memory for it. */
static err append_json(struct blob *out, json_t *object, bool with_length) {
    AUTO(json_release) json_t *owned = object;
    size_t n = owned ? json_dumpb(owned, NULL, 0, JSON_COMPACT) : 0;
    if (n == 0) return ERR_NO_MEMORY;
    if (n > WORKER_JSON_MAX_BYTES) return ERR_LIMIT;
    err e = with_length ? blob_append_be32(out, (uint32_t)n) : ERR_OK;
    if (!e) e = blob_reserve(out, out->len + n);
    if (e) return e;
    out->len += json_dumpb(owned, (char *)out->data + out->len, n, JSON_COMPACT);
    return ERR_OK;
}

static err append_json_message(struct blob *out, enum worker_type type, json_t *object) {
    size_t mark = out->len;
    err e = message_begin(out, (uint8_t)type, &mark);
    if (e)
        json_release(&object);
    else
        e = append_json(out, object, false);
    if (!e) e = worker_message_end(out, mark);
    if (e) out->len = mark;
    return e;
}

static err word_index(const char *field, const char *word, const char *const *words, size_t count, int *out,
                      struct diag *d) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(word, words[i])) continue;
        *out = (int)i;
        return ERR_OK;
    }
    return diag_fail(d, ERR_INVALID, "\"%s\" has an unknown value", field);
}

/* Copies text of at most size - 1 bytes, which json_read has checked. */
static void copy_text(char *out, size_t size, const char *text) {
    size_t n = strlen(text);
    if (n >= size) n = size - 1;
    memcpy(out, text, n);
    out[n] = 0;
}
#define COPY_TEXT(array, text) copy_text(array, sizeof(array), text)
#define TEXT_FIELD(name, required, array, out)                                                               \
    { name, JSON_KIND_TEXT, required, 0, sizeof(array) - 1, out, NULL }

/* Takes a number that may have a fraction out of the object; json_read knows whole numbers only. */
static err take_number(json_t *object, const char *name, double *out, struct diag *d) {
    json_t *value = json_object_get(object, name);
    if (!value) return ERR_OK;
    double number = json_number_value(value);
    if (!json_is_number(value) || !isfinite(number) || number < 0 || number > 100000)
        return diag_fail(d, ERR_INVALID, "\"%s\" must be a number from 0 to 100000", name);
    *out = number;
    return json_object_del(object, name) ? ERR_INVALID : ERR_OK;
}

/* --- To the worker --- */

void worker_config_clear(struct worker_config *c) {
    if (c) wipe(c, sizeof *c);
}

err worker_config_append(struct blob *out, const struct worker_config *c) {
    return append_json_message(out, WORKER_TYPE_CONFIG,
                               json_pack("{s:s,s:b,s:s,s:i,s:b,s:s,s:b,s:o}", "url", c->url, "audio",
                                         (int)c->audio, "stream", stream_words[c->stream], "picture_s",
                                         (int)c->picture_s, "motion", (int)c->motion, "transport",
                                         transport_words[c->transport], "see", (int)c->see, "masks",
                                         worker_masks_json(&c->masks)));
}

err worker_config_decode(struct bytes payload, struct worker_config *out, struct diag *d) {
    AUTO(json_release) json_t *object = NULL;
    err e = json_parse(payload, &object, d);
    if (e) return e;
    const char *url = "", *stream = "main", *transport = "auto";
    int64_t picture_s = 0;
    bool audio = false, motion = false, see = false;
    json_t *mask_list = NULL;
    const struct json_field fields[] = {
        {"url", JSON_KIND_TEXT, true, 1, WORKER_URL_MAX_BYTES, &url, NULL},
        {"audio", JSON_KIND_BOOL, true, 0, 0, &audio, NULL},
        {"stream", JSON_KIND_TEXT, true, 0, 8, &stream, NULL},
        {"picture_s", JSON_KIND_INT, true, 0, 3600, &picture_s, NULL},
        {"motion", JSON_KIND_BOOL, true, 0, 0, &motion, NULL},
        {"transport", JSON_KIND_TEXT, true, 0, 8, &transport, NULL},
        {"see", JSON_KIND_BOOL, false, 0, 0, &see, NULL},
        {"masks", JSON_KIND_ARRAY, false, 0, WORKER_MASKS_MAX, &mask_list, NULL},
    };
    int stream_index = 0, transport_index = 0;
    struct worker_masks masks = {0};
    e = JSON_READ(object, fields, d);
    if (!e) e = word_index("stream", stream, WORDS(stream_words), &stream_index, d);
    if (!e) e = word_index("transport", transport, WORDS(transport_words), &transport_index, d);
    if (!e) e = worker_masks_read(mask_list, &masks, d);
    if (e) return e;
    *out = (struct worker_config){.audio = audio,
                                  .motion = motion,
                                  .see = see,
                                  .masks = masks,
                                  .stream = (enum worker_stream)stream_index,
                                  .picture_s = (uint32_t)picture_s,
                                  .transport = (enum worker_transport)transport_index};
    COPY_TEXT(out->url, url);
    return ERR_OK;
}

err worker_descriptor_append(struct blob *out, const struct worker_descriptor *m) {
    json_t *object = json_pack("{s:I,s:b}", "request", (json_int_t)m->request, "ok", (int)m->ok);
    int bad = !object;
    if (!bad && m->ok && m->port) bad = json_object_set_new(object, "port", json_integer(m->port));
    if (!bad && !m->ok) bad = json_object_set_new(object, "message", json_string(m->message));
    if (bad) json_release(&object);
    return append_json_message(out, WORKER_TYPE_DESCRIPTOR, object);
}

err worker_descriptor_decode(struct bytes payload, struct worker_descriptor *out, struct diag *d) {
    AUTO(json_release) json_t *object = NULL;
    err e = json_parse(payload, &object, d);
    if (e) return e;
    int64_t request = 0, port = 0;
    bool ok = false;
    const char *message = "";
    const struct json_field fields[] = {
        {"request", JSON_KIND_INT, true, 0, UINT32_MAX, &request, NULL},
        {"ok", JSON_KIND_BOOL, true, 0, 0, &ok, NULL},
        {"port", JSON_KIND_INT, false, 1, 65535, &port, NULL},
        TEXT_FIELD("message", false, out->message, &message),
    };
    e = JSON_READ(object, fields, d);
    if (e) return e;
    *out = (struct worker_descriptor){.request = (uint32_t)request, .ok = ok, .port = (uint16_t)port};
    COPY_TEXT(out->message, message);
    return ERR_OK;
}

err worker_stop_append(struct blob *out) {
    size_t mark;
    err e = message_begin(out, WORKER_TYPE_STOP, &mark);
    return e ? e : worker_message_end(out, mark);
}

err worker_pace_append(struct blob *out, bool watched) {
    size_t mark;
    err e = message_begin(out, WORKER_TYPE_PACE, &mark);
    if (!e) e = blob_append_u8(out, watched);
    return e ? e : worker_message_end(out, mark);
}

err worker_pace_decode(struct bytes payload, bool *watched, struct diag *d) {
    if (payload.len != 1 || payload.data[0] > 1) return diag_fail(d, ERR_INVALID, "pace: not 0 or 1");
    *watched = payload.data[0] == 1;
    return ERR_OK;
}

/* --- To the hub --- */

err worker_want_append(struct blob *out, const struct worker_want *m) {
    return append_json_message(out, WORKER_TYPE_WANT,
                               json_pack("{s:I,s:s,s:i}", "request", (json_int_t)m->request, "kind",
                                         kind_words[m->kind], "port", (int)m->port));
}

err worker_want_decode(struct bytes payload, struct worker_want *out, struct diag *d) {
    AUTO(json_release) json_t *object = NULL;
    err e = json_parse(payload, &object, d);
    if (e) return e;
    int64_t request = 0, port = 0;
    const char *kind = "";
    const struct json_field fields[] = {
        {"request", JSON_KIND_INT, true, 0, UINT32_MAX, &request, NULL},
        {"kind", JSON_KIND_TEXT, true, 0, 8, &kind, NULL},
        {"port", JSON_KIND_INT, false, 0, 65535, &port, NULL},
    };
    int kind_index = 0;
    e = JSON_READ(object, fields, d);
    if (!e) e = word_index("kind", kind, WORDS(kind_words), &kind_index, d);
    if (e) return e;
    *out = (struct worker_want){(uint32_t)request, (enum worker_want_kind)kind_index, (uint16_t)port};
    return ERR_OK;
}

err worker_init_append(struct blob *out, const struct worker_init *m) {
    if (m->data.len > WORKER_INIT_MAX_BYTES) return ERR_LIMIT;
    size_t mark = out->len;
    json_t *head =
        json_pack("{s:s,s:i,s:i,s:f,s:s*,s:i,s:i}", "codec", m->codec, "width", (int)m->width, "height",
                  (int)m->height, "fps", m->fps, "audio_codec", m->audio_codec[0] ? m->audio_codec : NULL,
                  "audio_hz", (int)m->audio_hz, "channels", (int)m->channels);
    err e = message_begin(out, WORKER_TYPE_INIT, &mark);
    if (e)
        json_release(&head);
    else
        e = append_json(out, head, true);
    if (!e) e = blob_append(out, m->data);
    if (!e) e = worker_message_end(out, mark);
    if (e) out->len = mark;
    return e;
}

static err init_head(struct bytes text, struct worker_init *out, struct diag *d) {
    AUTO(json_release) json_t *object = NULL;
    err e = json_parse(text, &object, d);
    if (e) return e;
    /* null says the same as absence. */
    if (json_is_null(json_object_get(object, "audio_codec"))) json_object_del(object, "audio_codec");
    const char *codec = "", *audio_codec = "";
    int64_t width = 0, height = 0, audio_hz = 0, channels = 0;
    double fps = 0;
    const struct json_field fields[] = {
        TEXT_FIELD("codec", true, out->codec, &codec),
        TEXT_FIELD("audio_codec", false, out->audio_codec, &audio_codec),
        {"width", JSON_KIND_INT, true, 0, 16384, &width, NULL},
        {"height", JSON_KIND_INT, true, 0, 16384, &height, NULL},
        {"audio_hz", JSON_KIND_INT, false, 0, 192000, &audio_hz, NULL},
        {"channels", JSON_KIND_INT, false, 0, 8, &channels, NULL},
    };
    e = take_number(object, "fps", &fps, d);
    if (!e) e = JSON_READ(object, fields, d);
    if (e) return e;
    *out = (struct worker_init){.width = (uint16_t)width,
                                .height = (uint16_t)height,
                                .fps = fps,
                                .audio_hz = (uint32_t)audio_hz,
                                .channels = (uint8_t)channels};
    COPY_TEXT(out->codec, codec);
    COPY_TEXT(out->audio_codec, audio_codec);
    return ERR_OK;
}

err worker_init_decode(struct bytes payload, struct worker_init *out, struct diag *d) {
    struct reader r = reader_of(payload);
    uint32_t head_len;
    struct bytes head;
    if (!reader_be32(&r, &head_len) || head_len > WORKER_JSON_MAX_BYTES || !reader_take(&r, head_len, &head))
        return diag_fail(d, ERR_INVALID, "the init message's head is longer than the message");
    size_t left = reader_left(&r);
    if (left == 0 || left > WORKER_INIT_MAX_BYTES)
        return diag_fail(d, ERR_INVALID, "the init message holds %zu bytes of media", left);
    err e = init_head(head, out, d);
    if (e) return e;
    out->data = BYTES(r.at, left);
    return ERR_OK;
}

err worker_fragment_begin(struct blob *out, uint8_t flags, struct wall_us wall, uint32_t duration_us,
                          size_t *mark) {
    err e = message_begin(out, WORKER_TYPE_FRAGMENT, mark);
    if (!e) e = blob_append_u8(out, flags);
    if (!e) e = blob_append_be64(out, (uint64_t)wall.us);
    if (!e) e = blob_append_be32(out, duration_us);
    if (e) out->len = *mark;
    return e;
}

/* Wall times outside of the slots' range (to the year 2106) are nobody's clock. */
static err read_wall(struct reader *r, struct wall_us *out, struct diag *d) {
    uint64_t us;
    if (!reader_be64(r, &us)) return diag_fail(d, ERR_INVALID, "a message is too short for its time");
    if (us >= (uint64_t)1000000 << 32) return diag_fail(d, ERR_INVALID, "a message's time is out of range");
    out->us = (int64_t)us;
    return ERR_OK;
}

err worker_fragment_decode(struct bytes payload, struct worker_fragment *out, struct diag *d) {
    struct reader r = reader_of(payload);
    struct worker_fragment f = {0};
    if (!reader_u8(&r, &f.flags) || f.flags > (WORKER_FRAGMENT_KEY | WORKER_FRAGMENT_SOUND))
        return diag_fail(d, ERR_INVALID, "a fragment has unknown flags");
    err e = read_wall(&r, &f.wall, d);
    if (e) return e;
    if (!reader_be32(&r, &f.duration_us) || reader_left(&r) == 0)
        return diag_fail(d, ERR_INVALID, "a fragment is empty");
    f.data = BYTES(r.at, reader_left(&r));
    *out = f;
    return ERR_OK;
}

err worker_picture_append(struct blob *out, const struct worker_picture *m) {
    if (m->jpeg.len > WORKER_PICTURE_MAX_BYTES) return ERR_LIMIT;
    size_t mark = out->len;
    err e = message_begin(out, WORKER_TYPE_PICTURE, &mark);
    if (!e) e = blob_append_be64(out, (uint64_t)m->wall.us);
    if (!e) e = blob_append(out, m->jpeg);
    if (!e) e = worker_message_end(out, mark);
    if (e) out->len = mark;
    return e;
}

err worker_picture_decode(struct bytes payload, struct worker_picture *out, struct diag *d) {
    struct reader r = reader_of(payload);
    struct wall_us wall = {0};
    err e = read_wall(&r, &wall, d);
    if (e) return e;
    struct bytes jpeg = BYTES(r.at, reader_left(&r));
    if (jpeg.len < 4 || jpeg.data[0] != 0xff || jpeg.data[1] != 0xd8)
        return diag_fail(d, ERR_INVALID, "a picture is not a JPEG");
    *out = (struct worker_picture){wall, jpeg};
    return ERR_OK;
}

static err append_regions(struct blob *out, const struct worker_region *regions, size_t count) {
    if (count > WORKER_REGIONS_MAX) return ERR_LIMIT;
    err e = blob_append_u8(out, (uint8_t)count);
    for (size_t i = 0; !e && i < count; i++) {
        const uint8_t raw[4] = {regions[i].x, regions[i].y, regions[i].w, regions[i].h};
        e = blob_append(out, BYTES_OF(raw));
    }
    return e;
}

static err read_regions(struct reader *r, struct worker_region regions[WORKER_REGIONS_MAX], uint8_t *count,
                        struct diag *d) {
    if (!reader_u8(r, count) || *count > WORKER_REGIONS_MAX || reader_left(r) < (size_t)4 * *count)
        return diag_fail(d, ERR_INVALID, "the regions of a motion or frame message are cut short");
    for (size_t i = 0; i < *count; i++, r->at += 4) {
        regions[i] = (struct worker_region){r->at[0], r->at[1], r->at[2], r->at[3]};
        if (r->at[0] + r->at[2] > 256 || r->at[1] + r->at[3] > 256)
            return diag_fail(d, ERR_INVALID, "a motion region leaves the picture");
    }
    return ERR_OK;
}

err worker_motion_append(struct blob *out, const struct worker_motion *m) {
    size_t mark = out->len;
    err e = message_begin(out, WORKER_TYPE_MOTION, &mark);
    if (!e) e = blob_append_be64(out, (uint64_t)m->wall.us);
    if (!e) e = blob_append_u8(out, m->score);
    if (!e) e = append_regions(out, m->regions, m->count);
    if (!e) e = worker_message_end(out, mark);
    if (e) out->len = mark;
    return e;
}

err worker_motion_decode(struct bytes payload, struct worker_motion *out, struct diag *d) {
    struct reader r = reader_of(payload);
    struct worker_motion m = {0};
    err e = read_wall(&r, &m.wall, d);
    if (e) return e;
    if (!reader_u8(&r, &m.score)) return diag_fail(d, ERR_INVALID, "a motion message has no score");
    e = read_regions(&r, m.regions, &m.count, d);
    if (e) return e;
    if (reader_left(&r)) return diag_fail(d, ERR_INVALID, "a motion message's regions do not fill it");
    *out = m;
    return ERR_OK;
}

static bool frame_sizes_fit(const struct worker_frame *m) {
    return m->source_width && m->source_height && m->width && m->height && m->width % 2 == 0 &&
           m->height % 2 == 0 && m->width <= WORKER_FRAME_MAX_WIDTH && m->height <= WORKER_FRAME_MAX_HEIGHT;
}

err worker_frame_begin(struct blob *out, const struct worker_frame *m, size_t *mark) {
    if (!frame_sizes_fit(m)) return ERR_INVALID;
    uint8_t sizes[8];
    be16_put(sizes, m->source_width);
    be16_put(sizes + 2, m->source_height);
    be16_put(sizes + 4, m->width);
    be16_put(sizes + 6, m->height);
    *mark = out->len;
    err e = blob_reserve(out, out->len + WORKER_HEAD_BYTES + WORKER_FRAME_HEAD_BYTES + 4u * m->region_count +
                                  worker_frame_bytes(m));
    if (!e) e = message_begin(out, WORKER_TYPE_FRAME, mark);
    if (!e) e = blob_append_be64(out, (uint64_t)m->wall.us);
    if (!e) e = blob_append_u8(out, m->flags);
    if (!e) e = blob_append(out, BYTES_OF(sizes));
    if (!e) e = append_regions(out, m->regions, m->region_count);
    if (e) out->len = *mark;
    return e;
}

err worker_frame_append(struct blob *out, const struct worker_frame *m) {
    if (m->i420.len != worker_frame_bytes(m)) return ERR_INVALID;
    size_t mark = out->len;
    err e = worker_frame_begin(out, m, &mark);
    if (!e) e = blob_append(out, m->i420);
    if (!e) e = worker_message_end(out, mark);
    if (e) out->len = mark;
    return e;
}

err worker_frame_decode(struct bytes payload, struct worker_frame *out, struct diag *d) {
    struct reader r = reader_of(payload);
    struct worker_frame m = {0};
    uint8_t sizes[8];
    err e = read_wall(&r, &m.wall, d);
    if (e) return e;
    if (!reader_u8(&r, &m.flags) || m.flags > WORKER_FRAME_SAFETY)
        return diag_fail(d, ERR_INVALID, "a frame has unknown flags");
    if (!reader_copy(&r, sizes, sizeof sizes)) return diag_fail(d, ERR_INVALID, "a frame has no size");
    m.source_width = be16_get(sizes);
    m.source_height = be16_get(sizes + 2);
    m.width = be16_get(sizes + 4);
    m.height = be16_get(sizes + 6);
    if (!frame_sizes_fit(&m))
        return diag_fail(d, ERR_INVALID, "a frame of %u x %u is none", m.width, m.height);
    e = read_regions(&r, m.regions, &m.region_count, d);
    if (e) return e;
    m.i420 = BYTES(r.at, reader_left(&r));
    if (m.i420.len != worker_frame_bytes(&m))
        return diag_fail(d, ERR_INVALID, "a frame of %u x %u has %zu bytes", m.width, m.height, m.i420.len);
    *out = m;
    return ERR_OK;
}

err worker_ring_append(struct blob *out, const struct worker_ring *m) {
    return append_json_message(out, WORKER_TYPE_RING, json_pack("{s:s}", "topic", m->topic));
}

err worker_ring_decode(struct bytes payload, struct worker_ring *out, struct diag *d) {
    AUTO(json_release) json_t *object = NULL;
    err e = json_parse(payload, &object, d);
    if (e) return e;
    const char *topic = "";
    const struct json_field fields[] = {
        {"topic", JSON_KIND_TEXT, true, 1, WORKER_TOPIC_MAX_BYTES, &topic, NULL}};
    e = JSON_READ(object, fields, d);
    if (!e) COPY_TEXT(out->topic, topic);
    return e;
}

static json_t *layers_json(uint8_t layers) {
    json_t *list = json_array();
    for (size_t i = 0; list && i < COUNT(layer_words); i++) {
        if (!(layers >> i & 1)) continue;
        if (json_array_append_new(list, json_string(layer_words[i]))) json_release(&list);
    }
    return list;
}

static err layers_read(json_t *list, uint8_t *out, struct diag *d) {
    uint8_t layers = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *word = json_string_value(json_array_get(list, i));
        int index = 0;
        err e = word_index("sandbox", word ? word : "", WORDS(layer_words), &index, d);
        if (e) return e;
        layers = (uint8_t)(layers | 1u << index);
    }
    *out = layers;
    return ERR_OK;
}

err worker_status_append(struct blob *out, const struct worker_status *m) {
    json_t *object = json_pack(
        "{s:s,s:s*,s:s*,s:s*,s:s*,s:f,s:i,s:I,s:i,s:i,s:o*}", "state", state_words[m->state], "error",
        m->error[0] ? m->error : NULL, "message", m->message[0] ? m->message : NULL, "codec",
        m->codec[0] ? m->codec : NULL, "audio_codec", m->audio_codec[0] ? m->audio_codec : NULL, "fps",
        m->fps, "kbit_s", (int)(m->kbit_s & INT32_MAX), "lost", (json_int_t)(m->lost & INT64_MAX),
        "reconnects", (int)(m->reconnects & INT32_MAX), "clock_steps", (int)(m->clock_steps & INT32_MAX),
        "sandbox", layers_json(m->sandbox));
    return append_json_message(out, WORKER_TYPE_STATUS, object);
}

err worker_status_decode(struct bytes payload, struct worker_status *out, struct diag *d) {
    AUTO(json_release) json_t *object = NULL;
    err e = json_parse(payload, &object, d);
    if (e) return e;
    const char *state = "", *error = "", *message = "", *codec = "", *audio_codec = "";
    int64_t kbit_s = 0, lost = 0, reconnects = 0, clock_steps = 0;
    json_t *layers = NULL;
    struct worker_status s = {0};
    const struct json_field fields[] = {
        {"state", JSON_KIND_TEXT, true, 0, 16, &state, NULL},
        TEXT_FIELD("error", false, s.error, &error),
        TEXT_FIELD("message", false, s.message, &message),
        TEXT_FIELD("codec", false, s.codec, &codec),
        TEXT_FIELD("audio_codec", false, s.audio_codec, &audio_codec),
        {"kbit_s", JSON_KIND_INT, false, 0, INT32_MAX, &kbit_s, NULL},
        {"lost", JSON_KIND_INT, false, 0, INT64_MAX, &lost, NULL},
        {"reconnects", JSON_KIND_INT, false, 0, INT32_MAX, &reconnects, NULL},
        {"clock_steps", JSON_KIND_INT, false, 0, INT32_MAX, &clock_steps, NULL},
        {"sandbox", JSON_KIND_ARRAY, false, 0, COUNT(layer_words), &layers, NULL},
    };
    int state_index = 0;
    e = take_number(object, "fps", &s.fps, d);
    if (!e) e = JSON_READ(object, fields, d);
    if (!e) e = word_index("state", state, WORDS(state_words), &state_index, d);
    if (!e) e = layers_read(layers, &s.sandbox, d);
    if (e) return e;
    s.state = (enum worker_state)state_index;
    s.kbit_s = (uint32_t)kbit_s;
    s.lost = (uint64_t)lost;
    s.reconnects = (uint32_t)reconnects;
    s.clock_steps = (uint32_t)clock_steps;
    COPY_TEXT(s.error, error);
    COPY_TEXT(s.message, message);
    COPY_TEXT(s.codec, codec);
    COPY_TEXT(s.audio_codec, audio_codec);
    *out = s;
    return ERR_OK;
}
