/* length (4): counts what follows | type (1) | payload. docs/seeing.md, "Vision", describes the payloads. */
#include "vision/vision_message.h"

#include <math.h>

#include "vision/vision_json.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define TEXT_FIELD(name, required, min, array, out)                                                          \
    { name, JSON_KIND_TEXT, required, min, sizeof(array) - 1, out, NULL }
#define FRAME_HEAD_BYTES 19 /* camera to regions */
#define FRAME_MAX_BYTES                                                                                      \
    (FRAME_HEAD_BYTES + 4 * VISION_REGIONS_MAX + VISION_FRAME_MAX_WIDTH * VISION_FRAME_MAX_HEIGHT * 3 / 2)

static const char *const layer_words[] = {"seccomp", "landlock", "netns"};

uint32_t vision_type_limit(uint8_t type) {
    switch (type) {
        case VISION_TYPE_CONFIG:
        case VISION_TYPE_FILE:
        case VISION_TYPE_READY:
        case VISION_TYPE_STATUS:
        case VISION_TYPE_REFUSED: return 1 + VISION_JSON_MAX_BYTES;
        case VISION_TYPE_FRAME: return 1 + FRAME_MAX_BYTES;
        case VISION_TYPE_FORGET: return 2;
        case VISION_TYPE_EMBED: return 1 + 4 + VISION_EMBED_MAX_BYTES;
        case VISION_TYPE_SIGHTINGS: return 1 + VISION_SIGHTINGS_MAX_BYTES;
        case VISION_TYPE_PICTURE: return 1 + 25 + VISION_SMALL_MAX_BYTES + VISION_PICTURE_MAX_BYTES;
        case VISION_TYPE_FACES: return 1 + 4 + VISION_SIGHTINGS_MAX_BYTES;
        default: return 0;
    }
}

/* --- Pieces --- */

err vision_take_number(json_t *object, const char *name, bool required, double min, double max, double *out,
                       struct diag *d) {
    json_t *value = json_object_get(object, name);
    if (!value && !required) return ERR_OK;
    double number = json_number_value(value);
    if (!json_is_number(value) || !isfinite(number) || number < min || number > max)
        return diag_fail(d, ERR_INVALID, "\"%s\" must be a number from %g to %g", name, min, max);
    *out = number;
    return json_object_del(object, name) ? ERR_INVALID : ERR_OK;
}

err vision_append_json(struct blob *out, json_t *object) {
    AUTO(json_release) json_t *owned = object;
    size_t n = owned ? json_dumpb(owned, NULL, 0, JSON_COMPACT) : 0;
    if (n == 0) return ERR_NO_MEMORY;
    if (n > VISION_SIGHTINGS_MAX_BYTES) return ERR_LIMIT;
    err e = blob_reserve(out, out->len + n);
    if (e) return e;
    out->len += json_dumpb(owned, (char *)out->data + out->len, n, JSON_COMPACT);
    return ERR_OK;
}

err vision_append_json_message(struct blob *out, enum vision_type type, json_t *object) {
    size_t mark = out->len;
    err e = message_begin(out, (uint8_t)type, &mark);
    if (e)
        json_release(&object);
    else
        e = vision_append_json(out, object);
    if (!e) e = message_end(out, mark, vision_type_limit);
    if (e) out->len = mark;
    return e;
}

void vision_copy_text(char *out, size_t size, const char *text) {
    size_t n = strlen(text);
    if (n >= size) n = size - 1;
    memcpy(out, text, n);
    out[n] = 0;
}
#define COPY_TEXT(array, text) vision_copy_text(array, sizeof(array), text)

err vision_read_wall(struct reader *r, struct wall_us *out, struct diag *d) {
    uint64_t us;
    if (!reader_be64(r, &us)) return diag_fail(d, ERR_INVALID, "a message is too short for its time");
    if (us >= (uint64_t)VISION_WALL_END) return diag_fail(d, ERR_INVALID, "a message's time is out of range");
    out->us = (int64_t)us;
    return ERR_OK;
}

/* --- The model --- */

static err take_labels(json_t *list, struct vision_detector *out, struct diag *d) {
    size_t count = json_array_size(list);
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (!text || !text[0] || strlen(text) > VISION_MODEL_LABEL_MAX_BYTES)
            return diag_fail(d, ERR_INVALID, "\"labels\" must be texts of 1 to %d bytes",
                             VISION_MODEL_LABEL_MAX_BYTES);
        COPY_TEXT(out->labels[i], text);
    }
    out->label_count = (uint16_t)count;
    return ERR_OK;
}

static err take_thresholds(json_t *object, struct vision_detector *out, struct diag *d) {
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value) {
        enum seen_label label;
        double number = json_number_value(value);
        if (seen_label_read(name, &label) || !json_is_number(value) || !(number >= 0 && number <= 1))
            return diag_fail(d, ERR_INVALID, "\"thresholds\" must give labels numbers from 0 to 1");
        out->thresholds[label] = (float)number;
    }
    return ERR_OK;
}

static err check_shape(const char *kind, int64_t width, int64_t height, struct vision_detector *m,
                       struct diag *d) {
    if (vision_kind_read(kind, &m->kind)) return diag_fail(d, ERR_INVALID, "\"kind\" has an unknown value");
    bool detects = m->kind != VISION_MOTION_CLASSIFIER; /* whose picture is halved five or six times */
    if (detects && (width % 32 || height % 32))
        return diag_fail(d, ERR_INVALID, "\"width\" and \"height\" must be multiples of 32");
    m->width = (uint16_t)width;
    m->height = (uint16_t)height;
    return ERR_OK;
}

/* A name becomes a folder's: letters, digits, and . _ - inside. */
static bool good_name(const char *name) {
    if (name[0] == '.') return false;
    for (const char *p = name; *p; p++) {
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9');
        if (!plain && *p != '.' && *p != '_' && *p != '-') return false;
    }
    return true;
}

static json_t *take_member(json_t *object, const char *name) {
    json_t *value = json_incref(json_object_get(object, name));
    json_object_del(object, name);
    return value;
}

err vision_detector_take(json_t *object, struct vision_detector *out, struct diag *d) {
    static const char *const members[] = {"name", "kind", "width", "height", "labels", "thresholds"};
    AUTO(json_release) json_t *own = json_object();
    if (!own) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < COUNT(members); i++) {
        json_t *value = take_member(object, members[i]);
        if (value && json_object_set_new(own, members[i], value))
            return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    }
    struct vision_detector m = {.files = 0};
    const char *name = "", *kind = "";
    int64_t width = 0, height = 0;
    json_t *labels = NULL, *thresholds = NULL;
    const struct json_field fields[] = {
        TEXT_FIELD("name", true, 1, m.name, &name),
        {"kind", JSON_KIND_TEXT, true, 1, VISION_KIND_MAX_BYTES, &kind, NULL},
        {"width", JSON_KIND_INT, true, VISION_MODEL_SIDE_MIN, VISION_MODEL_SIDE_MAX, &width, NULL},
        {"height", JSON_KIND_INT, true, VISION_MODEL_SIDE_MIN, VISION_MODEL_SIDE_MAX, &height, NULL},
        {"labels", JSON_KIND_ARRAY, true, 0, VISION_MODEL_LABELS_MAX, &labels, NULL},
        {"thresholds", JSON_KIND_OBJECT, false, 0, 0, &thresholds, NULL},
    };
    err e = JSON_READ(own, fields, d);
    if (!e && !good_name(name))
        e = diag_fail(d, ERR_INVALID, "\"name\" may have letters, digits and . _ - after the first");
    if (!e) e = check_shape(kind, width, height, &m, d);
    if (!e) e = take_labels(labels, &m, d);
    if (!e) e = take_thresholds(thresholds, &m, d);
    if (e) return e;
    COPY_TEXT(m.name, name);
    *out = m;
    return ERR_OK;
}

static json_t *labels_json(const struct vision_detector *m) {
    json_t *list = json_array();
    for (size_t i = 0; list && i < m->label_count; i++)
        if (json_array_append_new(list, json_string(m->labels[i]))) json_release(&list);
    return list;
}

static json_t *thresholds_json(const struct vision_detector *m) {
    json_t *object = json_object();
    for (int i = SEEN_NOTHING + 1; object && i < SEEN_LABELS; i++) {
        if (m->thresholds[i] <= 0) continue;
        if (json_object_set_new(object, seen_label_text((enum seen_label)i),
                                json_real((double)m->thresholds[i])))
            json_release(&object);
    }
    return object;
}

json_t *vision_detector_json(const struct vision_detector *m) {
    return json_pack("{s:s,s:s,s:i,s:i,s:o,s:o}", "name", m->name, "kind", vision_kind_text(m->kind), "width",
                     (int)m->width, "height", (int)m->height, "labels", labels_json(m), "thresholds",
                     thresholds_json(m));
}

/* --- To vision --- */

err vision_config_append(struct blob *out, const struct vision_config *m) {
    json_t *detector = vision_detector_json(&m->detector);
    if (detector && json_object_set_new(detector, "files", json_integer(m->detector.files)))
        json_release(&detector);
    json_t *object = json_pack("{s:i,s:o}", "threads", (int)m->threads, "detector", detector);
    json_t *faces = m->faces ? json_pack("{s:i}", "files", 2) : json_null();
    if (json_object_set_new(object, "faces", faces)) json_release(&object);
    return vision_append_json_message(out, VISION_TYPE_CONFIG, object);
}

static err take_files(json_t *object, int64_t min, int64_t max, int64_t *out, struct diag *d) {
    const struct json_field fields[] = {{"files", JSON_KIND_INT, true, min, max, out, NULL}};
    return JSON_READ(object, fields, d);
}

err vision_config_decode(struct bytes payload, struct vision_config *out, struct diag *d) {
    AUTO(json_release) json_t *object = NULL;
    err e = json_parse(payload, &object, d);
    if (e) return e;
    if (json_is_null(json_object_get(object, "faces"))) json_object_del(object, "faces");
    int64_t threads = 0, files = 0, face_files = 0;
    json_t *detector = NULL, *faces = NULL;
    struct vision_config c = {0};
    const struct json_field fields[] = {
        {"threads", JSON_KIND_INT, true, 1, VISION_THREADS_MAX, &threads, NULL},
        {"detector", JSON_KIND_OBJECT, true, 0, 0, &detector, NULL},
        {"faces", JSON_KIND_OBJECT, false, 0, 0, &faces, NULL},
    };
    e = JSON_READ(object, fields, d);
    if (!e) e = vision_detector_take(detector, &c.detector, d);
    if (!e) e = take_files(detector, 1, VISION_MODEL_FILES_MAX, &files, d);
    if (!e && faces) e = take_files(faces, 2, 2, &face_files, d);
    if (e) return e;
    c.threads = (uint8_t)threads;
    c.detector.files = (uint8_t)files;
    c.faces = faces != NULL;
    *out = c;
    return ERR_OK;
}

err vision_file_append(struct blob *out, const struct vision_file *m) {
    return vision_append_json_message(
        out, VISION_TYPE_FILE,
        json_pack("{s:I,s:o}", "bytes", (json_int_t)m->bytes, "sha256", json_hex(BYTES_OF(m->sha256))));
}

err vision_file_decode(struct bytes payload, struct vision_file *out, struct diag *d) {
    AUTO(json_release) json_t *object = NULL;
    err e = json_parse(payload, &object, d);
    if (e) return e;
    struct vision_file m = {0};
    int64_t bytes = 0;
    const struct json_field fields[] = {
        {"bytes", JSON_KIND_INT, true, 1, VISION_FILE_MAX_BYTES, &bytes, NULL},
        {"sha256", JSON_KIND_HEX, true, 0, sizeof m.sha256, m.sha256, NULL},
    };
    e = JSON_READ(object, fields, d);
    if (e) return e;
    m.bytes = (uint32_t)bytes;
    *out = m;
    return ERR_OK;
}

static bool good_frame(const struct vision_frame *m) {
    return m->camera < VISION_CAMERAS_MAX && m->flags <= (VISION_FRAME_SAFETY | VISION_FRAME_FACES) &&
           m->source_width && m->source_height && m->width && m->height && m->width % 2 == 0 &&
           m->height % 2 == 0 && m->width <= VISION_FRAME_MAX_WIDTH && m->height <= VISION_FRAME_MAX_HEIGHT &&
           m->region_count <= VISION_REGIONS_MAX && m->i420.len == (size_t)m->width * m->height * 3 / 2;
}

err vision_frame_append(struct blob *out, const struct vision_frame *m) {
    if (!good_frame(m)) return ERR_INVALID;
    size_t mark;
    err e = message_begin(out, VISION_TYPE_FRAME, &mark);
    if (e) return e;
    uint8_t head[FRAME_HEAD_BYTES] = {m->camera, m->flags};
    be64_put(head + 2, (uint64_t)m->wall.us);
    be16_put(head + 10, m->source_width);
    be16_put(head + 12, m->source_height);
    be16_put(head + 14, m->width);
    be16_put(head + 16, m->height);
    head[18] = m->region_count;
    e = blob_append(out, BYTES_OF(head));
    for (size_t i = 0; !e && i < m->region_count; i++) {
        const struct vision_region *r = &m->regions[i];
        const uint8_t raw[4] = {r->x, r->y, r->w, r->h};
        e = blob_append(out, BYTES_OF(raw));
    }
    if (!e) e = blob_append(out, m->i420);
    if (!e) e = message_end(out, mark, vision_type_limit);
    if (e) out->len = mark;
    return e;
}

err vision_frame_decode(struct bytes payload, struct vision_frame *out, struct diag *d) {
    struct reader r = reader_of(payload);
    struct vision_frame m = {0};
    struct bytes sizes;
    if (!reader_u8(&r, &m.camera) || !reader_u8(&r, &m.flags))
        return diag_fail(d, ERR_INVALID, "a frame has no head");
    err e = vision_read_wall(&r, &m.wall, d);
    if (e) return e;
    if (!reader_take(&r, 8, &sizes) || !reader_u8(&r, &m.region_count) ||
        m.region_count > VISION_REGIONS_MAX || reader_left(&r) < (size_t)4 * m.region_count)
        return diag_fail(d, ERR_INVALID, "a frame is too short for its head");
    m.source_width = be16_get(sizes.data);
    m.source_height = be16_get(sizes.data + 2);
    m.width = be16_get(sizes.data + 4);
    m.height = be16_get(sizes.data + 6);
    for (size_t i = 0; i < m.region_count; i++, r.at += 4) {
        m.regions[i] = (struct vision_region){r.at[0], r.at[1], r.at[2], r.at[3]};
        if (r.at[0] + r.at[2] > 256 || r.at[1] + r.at[3] > 256)
            return diag_fail(d, ERR_INVALID, "a frame's motion region leaves the picture");
    }
    m.i420 = BYTES(r.at, reader_left(&r));
    if (!good_frame(&m)) return diag_fail(d, ERR_INVALID, "a frame's picture does not fit its head");
    *out = m;
    return ERR_OK;
}

err vision_forget_append(struct blob *out, uint8_t camera) {
    size_t mark;
    err e = message_begin(out, VISION_TYPE_FORGET, &mark);
    if (!e) e = blob_append_u8(out, camera);
    return e ? e : message_end(out, mark, vision_type_limit);
}

err vision_forget_decode(struct bytes payload, uint8_t *out, struct diag *d) {
    if (payload.len != 1 || payload.data[0] >= VISION_CAMERAS_MAX)
        return diag_fail(d, ERR_INVALID, "forget: not a camera");
    *out = payload.data[0];
    return ERR_OK;
}

static bool is_jpeg(struct bytes b) {
    return b.len >= 4 && b.data[0] == 0xff && b.data[1] == 0xd8;
}

err vision_embed_append(struct blob *out, const struct vision_embed *m) {
    if (m->jpeg.len > VISION_EMBED_MAX_BYTES) return ERR_LIMIT;
    if (!is_jpeg(m->jpeg)) return ERR_INVALID;
    size_t mark;
    err e = message_begin(out, VISION_TYPE_EMBED, &mark);
    if (!e) e = blob_append_be32(out, m->request);
    if (!e) e = blob_append(out, m->jpeg);
    if (!e) e = message_end(out, mark, vision_type_limit);
    if (e) out->len = mark;
    return e;
}

err vision_embed_decode(struct bytes payload, struct vision_embed *out, struct diag *d) {
    struct reader r = reader_of(payload);
    struct vision_embed m;
    if (!reader_be32(&r, &m.request)) return diag_fail(d, ERR_INVALID, "embed: no request");
    m.jpeg = BYTES(r.at, reader_left(&r));
    if (!is_jpeg(m.jpeg)) return diag_fail(d, ERR_INVALID, "embed: not a JPEG");
    *out = m;
    return ERR_OK;
}

/* --- To the hub, in few words --- */

static json_t *layers_json(uint8_t layers) {
    json_t *list = json_array();
    for (size_t i = 0; list && i < COUNT(layer_words); i++) {
        if (!(layers >> i & 1)) continue;
        if (json_array_append_new(list, json_string(layer_words[i]))) json_release(&list);
    }
    return list;
}

static err layers_read(json_t *list, uint8_t *out, struct diag *d) {
    unsigned layers = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *word = json_string_value(json_array_get(list, i));
        unsigned bit = 0;
        for (size_t k = 0; word && k < COUNT(layer_words); k++)
            if (strcmp(word, layer_words[k]) == 0) bit = 1u << k;
        if (!bit) return diag_fail(d, ERR_INVALID, "\"sandbox\" has an unknown value");
        layers |= bit;
    }
    *out = (uint8_t)layers;
    return ERR_OK;
}

err vision_ready_append(struct blob *out, const struct vision_ready *m) {
    return vision_append_json_message(out, VISION_TYPE_READY,
                                      json_pack("{s:s,s:I,s:o,s:s*}", "model", m->model, "load_ms",
                                                (json_int_t)m->load_ms, "sandbox", layers_json(m->sandbox),
                                                "message", m->message[0] ? m->message : NULL));
}

err vision_ready_decode(struct bytes payload, struct vision_ready *out, struct diag *d) {
    AUTO(json_release) json_t *object = NULL;
    err e = json_parse(payload, &object, d);
    if (e) return e;
    struct vision_ready m = {.load_ms = 0};
    const char *model = "", *message = "";
    int64_t load_ms = 0;
    json_t *layers = NULL;
    const struct json_field fields[] = {
        TEXT_FIELD("model", true, 1, m.model, &model),
        {"load_ms", JSON_KIND_INT, true, 0, UINT32_MAX, &load_ms, NULL},
        {"sandbox", JSON_KIND_ARRAY, true, 0, COUNT(layer_words), &layers, NULL},
        TEXT_FIELD("message", false, 0, m.message, &message),
    };
    e = JSON_READ(object, fields, d);
    if (!e) e = layers_read(layers, &m.sandbox, d);
    if (e) return e;
    m.load_ms = (uint32_t)load_ms;
    COPY_TEXT(m.model, model);
    COPY_TEXT(m.message, message);
    *out = m;
    return ERR_OK;
}

err vision_refused_append(struct blob *out, const struct vision_refused *m) {
    return vision_append_json_message(out, VISION_TYPE_REFUSED, json_pack("{s:s}", "message", m->message));
}

err vision_refused_decode(struct bytes payload, struct vision_refused *out, struct diag *d) {
    AUTO(json_release) json_t *object = NULL;
    err e = json_parse(payload, &object, d);
    if (e) return e;
    const char *message = "";
    const struct json_field fields[] = {TEXT_FIELD("message", true, 1, out->message, &message)};
    e = JSON_READ(object, fields, d);
    if (!e) COPY_TEXT(out->message, message);
    return e;
}

err vision_counts_append(struct blob *out, const struct vision_counts *m) {
    return vision_append_json_message(
        out, VISION_TYPE_STATUS,
        json_pack("{s:I,s:I,s:I,s:f,s:f}", "frames", (json_int_t)(m->frames & INT64_MAX), "skipped",
                  (json_int_t)(m->skipped & INT64_MAX), "detections", (json_int_t)(m->detections & INT64_MAX),
                  "detect_ms", m->detect_ms, "rate", m->rate));
}

err vision_counts_decode(struct bytes payload, struct vision_counts *out, struct diag *d) {
    AUTO(json_release) json_t *object = NULL;
    err e = json_parse(payload, &object, d);
    if (e) return e;
    struct vision_counts m = {0};
    int64_t frames = 0, skipped = 0, detections = 0;
    const struct json_field fields[] = {
        {"frames", JSON_KIND_INT, true, 0, INT64_MAX, &frames, NULL},
        {"skipped", JSON_KIND_INT, true, 0, INT64_MAX, &skipped, NULL},
        {"detections", JSON_KIND_INT, true, 0, INT64_MAX, &detections, NULL},
    };
    e = vision_take_number(object, "detect_ms", true, 0, 1e6, &m.detect_ms, d);
    if (!e) e = vision_take_number(object, "rate", true, 0, 1e6, &m.rate, d);
    if (!e) e = JSON_READ(object, fields, d);
    if (e) return e;
    m.frames = (uint64_t)frames;
    m.skipped = (uint64_t)skipped;
    m.detections = (uint64_t)detections;
    *out = m;
    return ERR_OK;
}

err vision_picture_append(struct blob *out, const struct vision_picture *m) {
    if (m->jpeg.len > VISION_PICTURE_MAX_BYTES || m->small.len > VISION_SMALL_MAX_BYTES) return ERR_LIMIT;
    if (!is_jpeg(m->jpeg) || (m->small.len && !is_jpeg(m->small)) || m->camera >= VISION_CAMERAS_MAX)
        return ERR_INVALID;
    size_t mark;
    err e = message_begin(out, VISION_TYPE_PICTURE, &mark);
    if (!e) e = blob_append_u8(out, m->camera);
    if (!e) e = blob_append_be64(out, m->track);
    if (!e) e = blob_append_be64(out, (uint64_t)m->wall.us);
    if (!e) e = blob_append_be32(out, m->quality);
    if (!e) e = blob_append_be32(out, (uint32_t)m->small.len);
    if (!e) e = blob_append(out, m->small);
    if (!e) e = blob_append(out, m->jpeg);
    if (!e) e = message_end(out, mark, vision_type_limit);
    if (e) out->len = mark;
    return e;
}

err vision_picture_decode(struct bytes payload, struct vision_picture *out, struct diag *d) {
    struct reader r = reader_of(payload);
    struct vision_picture m = {0};
    if (!reader_u8(&r, &m.camera) || m.camera >= VISION_CAMERAS_MAX || !reader_be64(&r, &m.track))
        return diag_fail(d, ERR_INVALID, "a picture has no camera or track");
    err e = vision_read_wall(&r, &m.wall, d);
    if (e) return e;
    if (!reader_be32(&r, &m.quality)) return diag_fail(d, ERR_INVALID, "a picture has no quality");
    uint32_t small;
    if (!reader_be32(&r, &small) || small > VISION_SMALL_MAX_BYTES || !reader_take(&r, small, &m.small))
        return diag_fail(d, ERR_INVALID, "a picture's small one is cut short or too large");
    if (small && !is_jpeg(m.small)) return diag_fail(d, ERR_INVALID, "a track's small picture is not a JPEG");
    m.jpeg = BYTES(r.at, reader_left(&r));
    if (!is_jpeg(m.jpeg)) return diag_fail(d, ERR_INVALID, "a track's picture is not a JPEG");
    *out = m;
    return ERR_OK;
}
