#include "client/export_box.h"

#include <stdlib.h>

#include "base/json.h"
#include "client/mp4.h"

const uint8_t export_uuid[EXPORT_UUID_BYTES] = {'c', 'a', 'r', 'd', 'e', 'a', '/', '1',
                                                ' ', 'e', 'x', 'p', 'o', 'r', 't', '!'};
const char export_notice[] = "cardea/1 export: the signatures are in the uuid box at the end";

#define SLOT_MAX 4294967295LL

void export_box_clear(struct export_box *b) {
    for (size_t i = 0; i < b->segment_count; i++) blob_clear(&b->segments[i].mark);
    free(b->segments);
    free(b->gaps);
    blob_clear(&b->certificate);
    *b = (struct export_box){0};
}

static bool grow(void **items, size_t count, size_t *cap, size_t size, size_t most) {
    if (count < *cap) return true;
    if (count >= most) return false;
    size_t wanted = *cap ? *cap * 2 : 64;
    void *more = realloc(*items, wanted * size);
    if (!more) return false;
    *items = more;
    *cap = wanted;
    return true;
}

struct export_segment *export_box_add_segment(struct export_box *b) {
    if (!grow((void **)&b->segments, b->segment_count, &b->segment_cap, sizeof *b->segments,
              EXPORT_SEGMENTS_MAX))
        return NULL;
    struct export_segment *s = &b->segments[b->segment_count++];
    *s = (struct export_segment){0};
    return s;
}

err export_box_add_gap(struct export_box *b, int64_t from_us, int64_t to_us) {
    if (!grow((void **)&b->gaps, b->gap_count, &b->gap_cap, sizeof *b->gaps, EXPORT_GAPS_MAX))
        return ERR_LIMIT;
    b->gaps[b->gap_count++] = (struct export_gap){from_us, to_us};
    return ERR_OK;
}

static json_t *segment_json(const struct export_segment *s) {
    return json_pack("{s:I, s:o, s:o, s:I, s:I}", "slot", (json_int_t)s->slot, "mark",
                     s->mark.len ? json_base64(blob_bytes(&s->mark)) : json_null(), "init",
                     json_base64(BYTES_OF(s->init)), "from", (json_int_t)s->from, "count",
                     (json_int_t)s->count);
}

static json_t *box_json(const struct export_box *b) {
    json_t *segments = json_array(), *gaps = json_array();
    for (size_t i = 0; i < b->segment_count; i++)
        if (json_array_append_new(segments, segment_json(&b->segments[i]))) break;
    for (size_t i = 0; i < b->gap_count; i++)
        if (json_array_append_new(
                gaps, json_pack("[I, I]", (json_int_t)b->gaps[i].from_us, (json_int_t)b->gaps[i].to_us)))
            break;
    bool whole = json_array_size(segments) == b->segment_count && json_array_size(gaps) == b->gap_count;
    json_t *root = json_pack("{s:i, s:o, s:o, s:o, s:I, s:o, s:o}", "v", 1, "camera",
                             json_hex(BYTES_OF(b->camera)), "hub", json_base64(blob_bytes(&b->certificate)),
                             "household", json_base64(BYTES_OF(b->household)), "zero", (json_int_t)b->zero_us,
                             "segments", segments, "gaps", gaps);
    if (whole) return root;
    json_decref(root);
    return NULL;
}

err export_box_encode(const struct export_box *b, struct blob *out) {
    AUTO(json_release) json_t *root = box_json(b);
    char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
    if (!text) return ERR_NO_MEMORY;
    size_t len = strlen(text), size = 8 + EXPORT_UUID_BYTES + len;
    err e = size > EXPORT_BOX_MAX_BYTES ? ERR_LIMIT : blob_append_be32(out, (uint32_t)size);
    if (!e) e = blob_append_be32(out, MP4_TYPE('u', 'u', 'i', 'd'));
    if (!e) e = blob_append(out, BYTES_OF(export_uuid));
    if (!e) e = blob_append(out, BYTES(text, len));
    free(text);
    return e;
}

static err fixed(struct blob *b, uint8_t *out, size_t len) {
    if (b->len != len) return ERR_INVALID;
    memcpy(out, b->data, len);
    return ERR_OK;
}

static err read_mark(json_t *object, struct export_segment *out, struct diag *d) {
    json_t *mark = json_object_get(object, "mark");
    if (!mark) return diag_fail(d, ERR_INVALID, "mark is missing");
    if (json_is_null(mark)) return ERR_OK;
    size_t len = json_string_length(mark);
    if (!json_is_string(mark) || len == 0 || len > (size_t)BASE64_CHARS((size_t)EXPORT_MARK_MAX_BYTES))
        return diag_fail(d, ERR_INVALID, "mark is not base64 of a mark");
    if (base64_decode(json_string_value(mark), len, &out->mark))
        return diag_fail(d, ERR_INVALID, "mark is not base64");
    return ERR_OK;
}

static err read_segment(json_t *object, struct export_segment *out, struct diag *d) {
    int64_t slot = 0, from = 0, count = 0;
    AUTO(blob_clear) struct blob init = {0};
    const struct json_field fields[] = {
        {.name = "slot", .kind = JSON_KIND_INT, .required = true, .max = SLOT_MAX, .out = &slot},
        {.name = "init", .kind = JSON_KIND_BASE64, .required = true, .min = 32, .max = 32, .out = &init},
        {.name = "from", .kind = JSON_KIND_INT, .required = true, .max = 65535, .out = &from},
        {.name = "count", .kind = JSON_KIND_INT, .required = true, .min = 1, .max = 65535, .out = &count},
    };
    if (!json_is_object(object)) return diag_fail(d, ERR_INVALID, "not an object");
    err e = read_mark(object, out, d);
    if (e) return e;
    json_object_del(object, "mark"); /* it may be null, which the table has no kind for */
    e = JSON_READ(object, fields, d);
    if (!e) e = fixed(&init, out->init, sizeof out->init);
    if (e) return e;
    out->slot = (uint32_t)slot;
    out->from = (uint32_t)from;
    out->count = (uint32_t)count;
    return ERR_OK;
}

static err read_gap(json_t *pair, struct export_box *b, struct diag *d) {
    json_t *from = json_array_get(pair, 0), *to = json_array_get(pair, 1);
    if (json_array_size(pair) != 2 || !json_is_integer(from) || !json_is_integer(to) ||
        json_integer_value(from) >= json_integer_value(to))
        return diag_fail(d, ERR_INVALID, "not a pair of times");
    return export_box_add_gap(b, json_integer_value(from), json_integer_value(to));
}

static err read_lists(json_t *segments, json_t *gaps, struct export_box *b, struct diag *d) {
    size_t i;
    json_t *item;
    json_array_foreach(segments, i, item) {
        struct export_segment *s = export_box_add_segment(b);
        err e = s ? read_segment(item, s, d) : diag_fail(d, ERR_NO_MEMORY, "out of memory");
        if (!e) continue;
        diag_prefix(d, "segments[%zu]", i);
        return e;
    }
    json_array_foreach(gaps, i, item) {
        err e = read_gap(item, b, d);
        if (!e) continue;
        diag_prefix(d, "gaps[%zu]", i);
        return e;
    }
    return ERR_OK;
}

static err read_box(json_t *root, struct export_box *b, struct diag *d) {
    int64_t version = 0;
    json_t *segments = NULL, *gaps = NULL;
    AUTO(blob_clear) struct blob household = {0};
    const struct json_field fields[] = {
        {.name = "v", .kind = JSON_KIND_INT, .required = true, .min = 1, .max = 1, .out = &version},
        {.name = "camera", .kind = JSON_KIND_HEX, .required = true, .max = CAMERA_ID_BYTES, .out = b->camera},
        {.name = "hub",
         .kind = JSON_KIND_BASE64,
         .required = true,
         .min = 1,
         .max = 4096,
         .out = &b->certificate},
        {.name = "household",
         .kind = JSON_KIND_BASE64,
         .required = true,
         .min = 32,
         .max = 32,
         .out = &household},
        {.name = "zero",
         .kind = JSON_KIND_INT,
         .required = true,
         .max = SLOT_MAX * 1000000,
         .out = &b->zero_us},
        {.name = "segments",
         .kind = JSON_KIND_ARRAY,
         .required = true,
         .max = EXPORT_SEGMENTS_MAX,
         .out = &segments},
        {.name = "gaps", .kind = JSON_KIND_ARRAY, .required = true, .max = EXPORT_GAPS_MAX, .out = &gaps},
    };
    err e = JSON_READ(root, fields, d);
    if (!e) e = fixed(&household, b->household, sizeof b->household);
    return e ? e : read_lists(segments, gaps, b, d);
}

err export_box_decode(struct bytes body, struct export_box *out, struct diag *d) {
    if (body.len < EXPORT_UUID_BYTES || memcmp(body.data, export_uuid, EXPORT_UUID_BYTES) != 0)
        return diag_fail(d, ERR_NOT_FOUND, "not a box of ours");
    if (body.len > EXPORT_BOX_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT, "the signatures are larger than 256 MiB");
    AUTO(json_release) json_t *root = NULL;
    err e = json_parse(BYTES(body.data + EXPORT_UUID_BYTES, body.len - EXPORT_UUID_BYTES), &root, d);
    if (e) return e;
    AUTO(export_box_clear) struct export_box b = {0};
    e = read_box(root, &b, d);
    if (e) return e;
    export_box_clear(out);
    *out = b;
    b = (struct export_box){0};
    return ERR_OK;
}
