/* make_segments.c: padding, segments, reels, marks, events. */
#include <string.h>

#include "crypto/hash.h"
#include "crypto/seal.h"
#include "format/event.h"
#include "format/mark.h"
#include "format/padme.h"
#include "format/segment_reader.h"
#include "format/segment_writer.h"
#include "make.h"

static void make_padme(const char *folder) {
    static const uint64_t sizes[] = {0,     1,     2,      3,       4,       5,       7,         8,
                                     9,     15,    16,     17,      31,      33,      63,        65,
                                     127,   129,   255,    257,     1000,    1023,    1025,      4099,
                                     65535, 65537, 100000, 1000000, 8388608, 8388609, 4294967297};
    json_t *cases = json_array();
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        make_case(cases, NULL,
                  json_pack("{s:I, s:I}", "len", (json_int_t)sizes[i], "expected",
                            (json_int_t)padme_size(sizes[i])));
    make_file(folder, "padme.json", "The Padmé size of a length.", "Nikitin et al., PETS 2019, section 4",
              cases);
}

struct scene {
    uint8_t camera[CAMERA_ID_BYTES], id[SEGMENT_ID_BYTES];
    struct timekey_set root;
    struct sign_key hub;
};

static const struct {
    enum record_kind kind;
    uint32_t second;
    size_t len;
} script[] = {{RECORD_INIT, 0, 60},     {RECORD_PICTURE, 0, 130}, {RECORD_FRAGMENT, 0, 301},
              {RECORD_FRAGMENT, 0, 0},  {RECORD_FRAGMENT, 1, 77}, {RECORD_FRAGMENT, 1, 1},
              {RECORD_FRAGMENT, 3, 200}};
#define SCRIPT_COUNT (sizeof script / sizeof *script)

static void scene_init(struct scene *s) {
    make_bytes("camera", s->camera, sizeof s->camera);
    make_bytes("segment", s->id, sizeof s->id);
    make_sign_key("hub sign", &s->hub);
    s->root = (struct timekey_set){0};
    make_root("camera root", &s->root);
}

/* Segments of one writer, so that the second's mark names the first's. */
static void write_segments(const struct scene *s, unsigned count, bool end_last, struct blob *out,
                           size_t *last) {
    struct segment_writer *w = segment_writer_new(s->camera, &s->hub);
    for (unsigned n = 0; n < count; n++) {
        uint8_t id[SEGMENT_ID_BYTES], data[512];
        memcpy(id, s->id, sizeof id);
        id[15] = (uint8_t)(id[15] + n);
        *last = out->len;
        MUST(segment_writer_begin_with(w, &s->root, 2, SLOT + 4 * n, id, out));
        for (size_t i = 0; i < SCRIPT_COUNT; i++) {
            char label[32];
            snprintf(label, sizeof label, "record %u %zu", n, i);
            make_bytes(label, data, script[i].len);
            MUST(segment_writer_record(w, &s->root, script[i].kind, SLOT + 4 * n + script[i].second,
                                       BYTES(data, script[i].len), out));
        }
        const struct segment_totals totals = {5, 4, 3250000};
        if (n + 1 < count || end_last) MUST(segment_writer_end(w, &totals, out));
    }
    segment_writer_free(w);
}

struct collected {
    json_t *records;
};

static err collect(void *context, enum record_kind kind, uint32_t slot, struct bytes data) {
    struct collected *c = context;
    json_array_append_new(c->records, json_pack("{s:i, s:I, s:o}", "kind", (int)kind, "slot",
                                                (json_int_t)slot, "data", make_hex(data)));
    return ERR_OK;
}

/* What the reader makes of it is the expectation, once the error is the one that the case is about. */
static void segment_case(json_t *cases, const char *name, const char *error, err expected, size_t records,
                         const struct timekey_set *keys, struct bytes segment) {
    struct segment_reader *r = segment_reader_new();
    struct collected c = {json_array()};
    struct diag d = {0};
    err e = segment_read(r, keys, segment, collect, &c, &d);
    if (e != expected || json_array_size(c.records) != records) {
        fprintf(stderr, "segment: %s: %s, %zu records, %s\n", name, err_text(e), json_array_size(c.records),
                d.text);
        exit(1);
    }
    make_case(cases, error,
              json_pack("{s:s, s:o, s:o, s:b, s:o}", "name", name, "keys", make_set(keys), "segment",
                        make_hex(segment), "complete", segment_reader_complete(r), "records", c.records));
    segment_reader_free(r);
}

/* Where record `number` of the segment begins, and its framing. */
static size_t record_at(struct bytes segment, unsigned number, struct record_frame *frame) {
    size_t at = SEGMENT_HEADER_BYTES;
    uint8_t second = 0;
    for (unsigned i = 0;; i++) {
        MUST(record_frame_read(BYTES(segment.data + at, segment.len - at), second, frame, NULL));
        if (i == number) return at;
        second = frame->second;
        at += frame->bytes;
    }
}

/* Seals a plaintext of any form in the place of record 2, with the right key. */
static void reseal(const struct scene *s, struct blob *segment, unsigned number, struct bytes plain) {
    struct record_frame frame;
    size_t at = record_at(blob_bytes(segment), number, &frame);
    uint8_t leaf[TIMEKEY_BYTES], key[AEAD_KEY_BYTES], nonce[AEAD_NONCE_BYTES] = {0}, aad[HASH_BYTES + 2];
    MUST(timekey_leaf(&s->root, SLOT + frame.second, leaf));
    timekey_segment_key(leaf, s->id, key);
    hash_sha256(BYTES(segment->data, SEGMENT_HEADER_BYTES), aad);
    aad[HASH_BYTES] = frame.kind;
    aad[HASH_BYTES + 1] = frame.second;
    nonce[10] = (uint8_t)number;
    struct aead_sealer *sealer = aead_sealer_new();
    aead_sealer_key(sealer, key);
    if (plain.len + AEAD_TAG_BYTES != frame.sealed.len) MUST(ERR_CONFLICT);
    MUST(aead_seal(sealer, nonce, BYTES_OF(aad), plain,
                   (struct buffer){segment->data + at + 6 + frame.commitment.len, frame.sealed.len}));
    aead_sealer_free(sealer);
}

static void damaged_cases(json_t *cases, const struct scene *s, struct blob *b) {
    struct record_frame two, three;
    struct bytes whole = blob_bytes(b);
    size_t at2 = record_at(whole, 2, &two), at3 = record_at(whole, 3, &three);
    b->data[at2 + 10] ^= 4;
    segment_case(cases, "a flipped bit in record 2", "forged", ERR_FORGED, 2, &s->root, whole);
    b->data[at2 + 10] ^= 4;
    b->data[at2 + 4] = RECORD_OBSERVATION;
    segment_case(cases, "record 2 called another kind", "forged", ERR_FORGED, 2, &s->root, whole);
    b->data[at2 + 4] = 9;
    segment_case(cases, "record 2 of an unknown kind", "invalid", ERR_INVALID, 2, &s->root, whole);
    b->data[at2 + 4] = RECORD_INIT;
    segment_case(cases, "a second init record", "invalid", ERR_INVALID, 2, &s->root, whole);
    b->data[at2 + 4] = RECORD_FRAGMENT;
    b->data[at2] = 0x7f;
    segment_case(cases, "a length that cannot be", "invalid", ERR_INVALID, 2, &s->root, whole);
    b->data[at2] = 0;

    AUTO(blob_clear) struct blob moved = {0};
    MUST(blob_append(&moved, BYTES(b->data, at2)));
    MUST(blob_append(&moved, BYTES(b->data + at3, three.bytes)));
    MUST(blob_append(&moved, BYTES(b->data + at2, two.bytes)));
    MUST(blob_append(&moved, BYTES(b->data + at3 + three.bytes, b->len - at3 - three.bytes)));
    segment_case(cases, "records 2 and 3 exchanged", "forged", ERR_FORGED, 2, &s->root, blob_bytes(&moved));
    moved.len = at2;
    MUST(blob_append(&moved, BYTES(b->data + at3, b->len - at3)));
    segment_case(cases, "record 2 left out", "forged", ERR_FORGED, 2, &s->root, blob_bytes(&moved));

    uint8_t plain[512] = {0};
    size_t padded = two.sealed.len - AEAD_TAG_BYTES;
    be32_put(plain, 301);
    plain[padded - 1] = 1;
    reseal(s, b, 2, BYTES(plain, padded));
    segment_case(cases, "padding that is not zero", "forged", ERR_FORGED, 2, &s->root, whole);
    plain[padded - 1] = 0;
    be32_put(plain, 100);
    reseal(s, b, 2, BYTES(plain, padded));
    segment_case(cases, "more padding than its data calls for", "forged", ERR_FORGED, 2, &s->root, whole);
    be32_put(plain, 400);
    reseal(s, b, 2, BYTES(plain, padded));
    segment_case(cases, "data longer than the record", "forged", ERR_FORGED, 2, &s->root, whole);
}

static void keyed_cases(json_t *cases, const struct scene *s, struct blob *b) {
    struct bytes whole = blob_bytes(b);
    struct record_frame four;
    size_t at4 = record_at(whole, 4, &four);
    AUTO(timekey_set_clear) struct timekey_set keys = {0};
    make_root("another root", &keys);
    segment_case(cases, "another root", "forged", ERR_FORGED, 0, &keys, whole);
    MUST(timekey_cover(&s->root, SLOT - 100, SLOT + 1, &keys));
    segment_case(cases, "a grant that ends after the first second", "not_found", ERR_NOT_FOUND, 4, &keys,
                 whole);
    MUST(timekey_cover(&s->root, SLOT - 100, SLOT + 3, &keys));
    segment_case(cases, "a grant that ends before the last second", "not_found", ERR_NOT_FOUND, 6, &keys,
                 whole);
    MUST(timekey_cover(&s->root, SLOT - 100, SLOT, &keys));
    segment_case(cases, "a grant that ends as the segment starts", "not_found", ERR_NOT_FOUND, 0, &keys,
                 whole);
    MUST(timekey_cover(&s->root, SLOT + 1, SLOT + 100, &keys));
    segment_case(cases, "a grant that starts one second late", "not_found", ERR_NOT_FOUND, 0, &keys, whole);
    MUST(timekey_cover(&s->root, SLOT, SLOT + 4, &keys));
    segment_case(cases, "a grant of exactly its seconds", NULL, ERR_OK, 9, &keys, whole);
    b->data[46] ^= 1;
    segment_case(cases, "another commitment in the header", "forged", ERR_FORGED, 0, &s->root, whole);
    b->data[46] ^= 1;
    b->data[at4 + 6] ^= 1;
    segment_case(cases, "another commitment in record 4", "forged", ERR_FORGED, 4, &s->root, whole);
    b->data[at4 + 6] ^= 1;
}

static void header_cases(json_t *cases, const struct scene *s, struct blob *b) {
    static const struct {
        const char *name, *error;
        err expected;
        size_t at;
    } flips[] = {
        {"another magic", "invalid", ERR_INVALID, 0},    {"another version", "invalid", ERR_INVALID, 4},
        {"another suite", "invalid", ERR_INVALID, 5},    {"another camera id", "forged", ERR_FORGED, 6},
        {"another epoch", "forged", ERR_FORGED, 25},     {"another slot", "forged", ERR_FORGED, 29},
        {"another segment id", "forged", ERR_FORGED, 30}};
    struct bytes whole = blob_bytes(b);
    for (size_t i = 0; i < sizeof flips / sizeof *flips; i++) {
        b->data[flips[i].at] ^= 2;
        segment_case(cases, flips[i].name, flips[i].error, flips[i].expected, 0, &s->root, whole);
        b->data[flips[i].at] ^= 2;
    }
}

static void make_segment(const char *folder) {
    json_t *cases = json_array();
    struct scene s;
    size_t last = 0;
    struct record_frame frame;
    scene_init(&s);
    AUTO(blob_clear) struct blob b = {0};
    write_segments(&s, 1, true, &b, &last);
    struct bytes whole = blob_bytes(&b);
    segment_case(cases, "whole", NULL, ERR_OK, 9, &s.root, whole);
    segment_case(cases, "cut short within the header", "cut_short", ERR_CUT_SHORT, 0, &s.root,
                 BYTES(b.data, 77));
    segment_case(cases, "cut short after the header", "cut_short", ERR_CUT_SHORT, 0, &s.root,
                 BYTES(b.data, 78));
    size_t at = record_at(whole, 5, &frame);
    segment_case(cases, "cut short within record 5", "cut_short", ERR_CUT_SHORT, 5, &s.root,
                 BYTES(b.data, at + 9));
    at = record_at(whole, 8, &frame);
    segment_case(cases, "the end record is missing", "cut_short", ERR_CUT_SHORT, 8, &s.root,
                 BYTES(b.data, at));
    keyed_cases(cases, &s, &b);
    header_cases(cases, &s, &b);
    AUTO(blob_clear) struct blob longer = {0};
    MUST(blob_append(&longer, whole));
    MUST(blob_append_u8(&longer, 0));
    segment_case(cases, "a byte after the end", "invalid", ERR_INVALID, 9, &s.root, blob_bytes(&longer));
    damaged_cases(cases, &s, &b);
    timekey_set_clear(&s.root);
    make_file(folder, "segment.json",
              "Whole sealed segments with the keys to try. \"records\" are what comes out, in order, before "
              "the error "
              "if there is one; \"complete\" is whether the end record was reached.",
              "docs/formats.md, \"Segment\"", cases);
}

static void reel_case(json_t *cases, const char *name, const char *error, const struct scene *s,
                      uint32_t epoch, struct bytes raw) {
    struct reel_scanner *scanner = reel_scanner_new(s->camera, epoch);
    struct diag d = {0};
    err e = reel_scanner_feed(scanner, raw, NULL, NULL, &d);
    if ((e == ERR_INVALID) != (error != NULL)) MUST(ERR_CONFLICT);
    reel_scanner_finish(scanner);
    const struct reel_entry *entries = NULL;
    size_t count = reel_scanner_entries(scanner, &entries);
    AUTO(blob_clear) struct blob table = {0};
    for (size_t i = 0; i < count; i++) {
        uint8_t entry[REEL_ENTRY_BYTES];
        reel_entry_encode(&entries[i], entry);
        MUST(blob_append(&table, BYTES_OF(entry)));
    }
    make_case(cases, error,
              json_pack("{s:s, s:o, s:i, s:o, s:I, s:I, s:o}", "name", name, "camera",
                        make_hex(BYTES_OF(s->camera)), "epoch", (int)epoch, "reel", make_hex(raw),
                        "whole_bytes", (json_int_t)reel_scanner_whole_bytes(scanner), "record_bytes",
                        (json_int_t)reel_scanner_record_bytes(scanner), "table",
                        make_hex(blob_bytes(&table))));
    reel_scanner_free(scanner);
}

static void make_reel(const char *folder) {
    json_t *cases = json_array();
    struct scene s;
    size_t last = 0, torn_last = 0;
    scene_init(&s);
    AUTO(blob_clear) struct blob b = {0};
    AUTO(blob_clear) struct blob torn = {0};
    write_segments(&s, 3, true, &b, &last);
    reel_case(cases, "three segments", NULL, &s, 2, blob_bytes(&b));
    reel_case(cases, "cut short within the third", NULL, &s, 2, BYTES(b.data, last + 500));
    reel_case(cases, "cut short within the third's header", NULL, &s, 2, BYTES(b.data, last + 40));
    reel_case(cases, "cut short after the third's init record", NULL, &s, 2, BYTES(b.data, last + 170));
    reel_case(cases, "empty", NULL, &s, 2, (struct bytes){0});
    reel_case(cases, "another epoch", "invalid", &s, 3, blob_bytes(&b));
    write_segments(&s, 1, false, &torn, &torn_last);
    MUST(blob_append(&torn, blob_bytes(&b)));
    reel_case(cases, "a header where a record should be", "invalid", &s, 2, blob_bytes(&torn));
    b.data[0] = 'X';
    reel_case(cases, "another magic", "invalid", &s, 2, blob_bytes(&b));
    b.data[0] = 'C';
    b.data[last + 29] = 0; /* the third's slot before the second's */
    b.data[last + 28] = 0;
    reel_case(cases, "a slot that goes back", "invalid", &s, 2, blob_bytes(&b));
    timekey_set_clear(&s.root);
    make_file(folder, "reel.json",
              "Reels and the table that their framing gives. \"whole_bytes\" is the end of the last complete "
              "segment, "
              "\"record_bytes\" that of the last whole header or record; \"table\" is of 20-byte entries, a "
              "cut-short "
              "segment's last.",
              "docs/formats.md, \"Reel\"", cases);
}

static void mark_case(json_t *cases, const char *name, const char *error, struct bytes raw) {
    struct mark m;
    struct diag d = {0};
    err e = mark_verify(raw, &m, &d);
    if ((e == ERR_OK) != (error == NULL)) MUST(ERR_CONFLICT);
    json_t *one = json_pack("{s:s, s:o}", "name", name, "mark", make_hex(raw));
    if (!e) {
        json_t *hashes = json_array();
        for (uint32_t i = 0; i < m.count; i++)
            json_array_append_new(hashes, make_hex(BYTES(m.hashes + i * MARK_HASH_BYTES, MARK_HASH_BYTES)));
        json_object_set_new(one, "expected",
                            json_pack("{s:o, s:I, s:I, s:o, s:o, s:o, s:o}", "camera",
                                      make_hex(BYTES_OF(m.camera)), "epoch", (json_int_t)m.epoch, "slot",
                                      (json_int_t)m.slot, "segment", make_hex(BYTES_OF(m.segment)),
                                      "previous", make_hex(BYTES_OF(m.previous)), "hashes", hashes, "hub",
                                      make_hex(BYTES_OF(m.hub))));
    }
    make_case(cases, error, one);
}

static void make_mark(const char *folder) {
    json_t *cases = json_array();
    struct sign_key hub;
    uint8_t hashes[3 * MARK_HASH_BYTES];
    struct mark m = {.epoch = 2, .slot = SLOT, .hashes = hashes, .count = 3};
    make_sign_key("hub sign", &hub);
    make_bytes("camera", m.camera, sizeof m.camera);
    make_bytes("segment", m.segment, sizeof m.segment);
    make_bytes("previous mark", m.previous, sizeof m.previous);
    for (uint8_t i = 0; i < 3; i++)
        mark_hash(i ? RECORD_FRAGMENT : RECORD_INIT, BYTES("ab", i), hashes + i * MARK_HASH_BYTES);
    AUTO(blob_clear) struct blob raw = {0};
    MUST(mark_sign(&m, &hub, &raw));
    struct bytes whole = blob_bytes(&raw);
    mark_case(cases, "three hashes: an empty init, fragments \"a\" and \"ab\"", NULL, whole);
    static const struct {
        const char *name, *error;
        size_t at;
    } flips[] = {{"another magic", "invalid", 0},
                 {"another version", "invalid", 4},
                 {"another camera", "forged", 5},
                 {"another slot", "forged", 28},
                 {"another previous mark", "forged", 45},
                 {"another count", "invalid", 80},
                 {"another hash", "forged", 90},
                 {"another hub", "forged", 81 + 96},
                 {"another signature", "forged", 81 + 96 + 40}};
    for (size_t i = 0; i < sizeof flips / sizeof *flips; i++) {
        raw.data[flips[i].at] ^= 1;
        mark_case(cases, flips[i].name, flips[i].error, whole);
        raw.data[flips[i].at] ^= 1;
    }
    mark_case(cases, "cut short", "invalid", BYTES(raw.data, raw.len - 1));
    make_file(folder, "mark.json", "A hub's signed statements on segments.", "docs/formats.md, \"Mark\"",
              cases);
}

static void event_case(json_t *cases, const char *name, const char *error, enum event_kind kind,
                       const struct timekey_set *keys, struct bytes raw) {
    struct event_head head;
    struct diag d = {0};
    AUTO(blob_clear) struct blob data = {0};
    bool picture = kind == EVENT_KIND_PICTURE;
    err e = event_open(keys, kind, raw, &head, &data, &d);
    if ((e == ERR_OK) != (error == NULL)) MUST(ERR_CONFLICT);
    json_t *one = json_pack("{s:s, s:s, s:o, s:o}", "name", name, "kind", picture ? "picture" : "event",
                            "keys", make_set(keys), "event", make_hex(raw));
    if (!e)
        json_object_set_new(one, "expected",
                            json_pack("{s:o, s:I, s:I, s:o, s:o}", "camera", make_hex(BYTES_OF(head.camera)),
                                      "epoch", (json_int_t)head.epoch, "slot", (json_int_t)head.slot, "id",
                                      make_hex(BYTES_OF(head.id)), picture ? "jpeg" : "json",
                                      make_hex(blob_bytes(&data))));
    make_case(cases, error, one);
}

static const char motion_event[] =
    "{\"v\":1,\"label\":\"motion\",\"begin\":1700000000250000,\"end\":1700000004000000,"
    "\"score\":0.75,\"zones\":[]}";
static const char person_event[] =
    "{\"v\":1,\"label\":\"person\",\"begin\":1700000000250000,\"end\":1700000009000000,\"score\":0.81,"
    "\"replaces\":\"000102030405060708090a0b0c0d0e0f\",\"zones\":[\"0a0b0c0d\"],\"crossed\":[\"01020304\"],"
    "\"path\":[[0,4000,2500,900,3100],[8750,6100,2600,950,3300]],"
    "\"picture\":\"f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff\","
    "\"face\":{\"person\":\"00112233445566778899aabbccddeeff\",\"name\":\"Ada\"},\"model\":\"picodet-s-416\","
    "\"alert\":{\"rule\":\"11223344\",\"name\":\"Somebody at the door\",\"at\":1700000001000000,"
    "\"channels\":[\"55667788\"]},"
    "\"quiet\":[{\"rule\":\"99aabbcc\",\"name\":\"At night\",\"because\":\"schedule\","
    "\"text\":\"It was 14:13; this rule is on from 22:00 to 06:00.\"}]}";

static void event_flips(json_t *cases, const struct timekey_set *keys, struct blob *raw) {
    static const struct {
        const char *name, *error;
        size_t at;
    } flips[] = {{"another magic", "invalid", 0},      {"another version", "invalid", 4},
                 {"another suite", "invalid", 5},      {"another camera", "forged", 6},
                 {"another epoch", "forged", 25},      {"another slot", "forged", 29},
                 {"another id", "forged", 30},         {"another commitment", "forged", 46},
                 {"another ciphertext", "forged", 100}};
    for (size_t i = 0; i < sizeof flips / sizeof *flips; i++) {
        raw->data[flips[i].at] ^= 1;
        event_case(cases, flips[i].name, flips[i].error, EVENT_KIND_EVENT, keys, blob_bytes(raw));
        raw->data[flips[i].at] ^= 1;
    }
    event_case(cases, "cut short", "forged", EVENT_KIND_EVENT, keys, BYTES(raw->data, raw->len - 1));
    event_case(cases, "no data", "invalid", EVENT_KIND_EVENT, keys, BYTES(raw->data, EVENT_HEAD_BYTES + 19));
}

/* The bytes stand for a JPEG: what seals and opens does not look into it. */
static void event_pictures(json_t *cases, const struct scene *s) {
    uint8_t id[EVENT_ID_BYTES], jpeg[700];
    AUTO(blob_clear) struct blob raw = {0};
    make_bytes("event picture", id, sizeof id);
    make_bytes("jpeg", jpeg, sizeof jpeg);
    MUST(event_seal_with(&s->root, EVENT_KIND_PICTURE, s->camera, 2, SLOT, BYTES_OF(jpeg), id, &raw));
    event_case(cases, "a picture", NULL, EVENT_KIND_PICTURE, &s->root, blob_bytes(&raw));
    event_case(cases, "a picture where an event should be", "invalid", EVENT_KIND_EVENT, &s->root,
               blob_bytes(&raw));
    raw.data[3] = 'V';
    event_case(cases, "a picture that says it is an event", "forged", EVENT_KIND_EVENT, &s->root,
               blob_bytes(&raw));
    raw.len = 0;
    make_bytes("event as picture", id, sizeof id);
    MUST(event_seal_with(&s->root, EVENT_KIND_EVENT, s->camera, 2, SLOT, bytes_text(motion_event), id, &raw));
    event_case(cases, "an event where a picture should be", "invalid", EVENT_KIND_PICTURE, &s->root,
               blob_bytes(&raw));
    raw.data[3] = 'P';
    event_case(cases, "an event that says it is a picture", "forged", EVENT_KIND_PICTURE, &s->root,
               blob_bytes(&raw));
}

static void make_event(const char *folder) {
    json_t *cases = json_array();
    struct scene s;
    uint8_t id[EVENT_ID_BYTES];
    const enum event_kind kind = EVENT_KIND_EVENT;
    scene_init(&s);
    make_bytes("event", id, sizeof id);
    AUTO(blob_clear) struct blob raw = {0};
    AUTO(blob_clear) struct blob rich = {0};
    AUTO(timekey_set_clear) struct timekey_set keys = {0};
    MUST(event_seal_with(&s.root, kind, s.camera, 2, SLOT, bytes_text(motion_event), id, &raw));
    struct bytes whole = blob_bytes(&raw);
    event_case(cases, "motion", NULL, kind, &s.root, whole);
    MUST(timekey_cover(&s.root, SLOT, SLOT + 1, &keys));
    event_case(cases, "a grant of its second alone", NULL, kind, &keys, whole);
    MUST(timekey_cover(&s.root, SLOT - 10, SLOT, &keys));
    event_case(cases, "a grant that ends one second early", "not_found", kind, &keys, whole);
    make_root("another root", &keys);
    event_case(cases, "another root", "forged", kind, &keys, whole);
    event_flips(cases, &s.root, &raw);
    make_bytes("rich event", id, sizeof id);
    MUST(event_seal_with(&s.root, kind, s.camera, 2, SLOT + 9, bytes_text(person_event), id, &rich));
    event_case(cases, "a person, updated", NULL, kind, &s.root, blob_bytes(&rich));
    event_pictures(cases, &s);
    timekey_set_clear(&s.root);
    make_file(folder, "event.json", "Sealed events and their pictures.", "docs/formats.md, \"Event\"", cases);
}

void make_segments(const char *folder) {
    make_padme(folder);
    make_segment(folder);
    make_reel(folder);
    make_mark(folder);
    make_event(folder);
}
