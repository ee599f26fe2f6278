/* Both sides of docs/seeing.md, "Vision": what goes in comes out, and what does not fit is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "vision/vision_message.h"

static struct bytes payload_of(const struct blob *b, uint8_t type) {
    static struct message_reader r;
    struct message m;
    message_reader_clear(&r);
    assert_int_equal(message_reader_feed(&r, blob_bytes(b)), ERR_OK);
    assert_int_equal(message_reader_next(&r, vision_type_limit, &m, NULL), ERR_OK);
    assert_int_equal(m.type, type);
    static struct blob kept;
    kept.len = 0;
    assert_int_equal(blob_append(&kept, m.payload), ERR_OK);
    return blob_bytes(&kept);
}

static void test_words(void **state) {
    for (int i = SEEN_NOTHING + 1; i < SEEN_LABELS; i++) {
        enum seen_label l;
        assert_int_equal(seen_label_read(seen_label_text((enum seen_label)i), &l), ERR_OK);
        assert_int_equal(l, i);
    }
    enum seen_label l;
    assert_int_equal(seen_label_read("nothing", &l), ERR_NOT_FOUND);
    assert_int_equal(seen_label_read("kite", &l), ERR_NOT_FOUND);
    for (int i = 0; i < VISION_KINDS; i++) {
        enum vision_kind k;
        assert_int_equal(vision_kind_read(vision_kind_text((enum vision_kind)i), &k), ERR_OK);
        assert_int_equal(k, i);
    }
}

static void test_config(void **state) {
    struct vision_config in = {
        .threads = 2, .faces = true, .detector = {.name = "picodet-s-416", .files = 1}};
    in.detector.kind = VISION_PICODET;
    in.detector.width = 416;
    in.detector.height = 320;
    in.detector.label_count = 2;
    memcpy(in.detector.labels[0], "person", 7);
    memcpy(in.detector.labels[1], "package", 8);
    in.detector.thresholds[SEEN_PACKAGE] = 0.25f;
    AUTO(blob_clear) struct blob b = {0};
    assert_int_equal(vision_config_append(&b, &in), ERR_OK);
    struct vision_config out = {0};
    struct diag d = {{0}};
    assert_int_equal(vision_config_decode(payload_of(&b, VISION_TYPE_CONFIG), &out, &d), ERR_OK);
    assert_memory_equal(&in, &out, sizeof in);
}

static void test_bad_configs(void **state) {
    static const struct {
        const char *what, *json;
    } cases[] = {
        {"no detector", "{\"threads\":1}"},
        {"no threads", "{\"threads\":0,\"detector\":{\"name\":\"a\",\"kind\":\"picodet\",\"width\":416,"
                       "\"height\":416,\"labels\":[],\"files\":1}}"},
        {"a name that is a path", "{\"threads\":1,\"detector\":{\"name\":\"../a\",\"kind\":\"picodet\","
                                  "\"width\":416,\"height\":416,\"labels\":[],\"files\":1}}"},
        {"another kind", "{\"threads\":1,\"detector\":{\"name\":\"a\",\"kind\":\"resnet\",\"width\":416,"
                         "\"height\":416,\"labels\":[],\"files\":1}}"},
        {"no multiple of 32", "{\"threads\":1,\"detector\":{\"name\":\"a\",\"kind\":\"yolox\",\"width\":417,"
                              "\"height\":416,\"labels\":[],\"files\":1}}"},
        {"too wide", "{\"threads\":1,\"detector\":{\"name\":\"a\",\"kind\":\"yolox\",\"width\":1312,"
                     "\"height\":416,\"labels\":[],\"files\":1}}"},
        {"too many files", "{\"threads\":1,\"detector\":{\"name\":\"a\",\"kind\":\"yolox\",\"width\":416,"
                           "\"height\":416,\"labels\":[],\"files\":5}}"},
        {"a label that is a number", "{\"threads\":1,\"detector\":{\"name\":\"a\",\"kind\":\"yolox\","
                                     "\"width\":416,\"height\":416,\"labels\":[1],\"files\":1}}"},
        {"a threshold above 1",
         "{\"threads\":1,\"detector\":{\"name\":\"a\",\"kind\":\"yolox\",\"width\":416,\"height\":416,"
         "\"labels\":[],\"thresholds\":{\"person\":1.5},\"files\":1}}"},
        {"something unknown",
         "{\"threads\":1,\"detector\":{\"name\":\"a\",\"kind\":\"yolox\",\"width\":416,\"height\":416,"
         "\"labels\":[],\"files\":1,\"url\":\"x\"}}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct vision_config out;
        struct diag d = {{0}};
        err e = vision_config_decode(bytes_text(cases[i].json), &out, &d);
        if (e != ERR_INVALID || !d.text[0]) fail_msg("%s: %s", cases[i].what, err_text(e));
    }
}

static void test_frame(void **state) {
    static uint8_t pixels[64 * 36 * 3 / 2];
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)i;
    struct vision_frame in = {.camera = VISION_CAMERAS_MAX - 1,
                              .flags = VISION_FRAME_SAFETY | VISION_FRAME_FACES,
                              .wall = {1700000000000000},
                              .source_width = 1920,
                              .source_height = 1080,
                              .width = 64,
                              .height = 36,
                              .region_count = 2,
                              .regions = {{0, 0, 255, 255}, {255, 255, 1, 1}},
                              .i420 = BYTES_OF(pixels)};
    AUTO(blob_clear) struct blob b = {0};
    assert_int_equal(vision_frame_append(&b, &in), ERR_OK);
    struct bytes payload = payload_of(&b, VISION_TYPE_FRAME);
    struct vision_frame out;
    assert_int_equal(vision_frame_decode(payload, &out, NULL), ERR_OK);
    assert_int_equal(out.camera, in.camera);
    assert_int_equal(out.flags, in.flags);
    assert_int_equal(out.wall.us, in.wall.us);
    assert_int_equal(out.source_width, 1920);
    assert_int_equal(out.region_count, 2);
    assert_memory_equal(out.regions, in.regions, sizeof in.regions);
    assert_true(bytes_equal(out.i420, in.i420));
    struct diag d = {{0}};
    assert_int_equal(vision_frame_decode(BYTES(payload.data, payload.len - 1), &out, &d), ERR_INVALID);
    for (size_t n = 0; n < payload.len; n += 1 + n / 8)
        assert_int_equal(vision_frame_decode(BYTES(payload.data, n), &out, NULL), ERR_INVALID);
}

/* The limits, at them and one past. */
static void test_frame_limits(void **state) {
    size_t len = (size_t)VISION_FRAME_MAX_WIDTH * VISION_FRAME_MAX_HEIGHT * 3 / 2;
    uint8_t *pixels = calloc(1, len + 2 * VISION_FRAME_MAX_WIDTH * 3 / 2);
    assert_non_null(pixels);
    struct vision_frame m = {.source_width = 1,
                             .source_height = 1,
                             .width = VISION_FRAME_MAX_WIDTH,
                             .height = VISION_FRAME_MAX_HEIGHT,
                             .region_count = VISION_REGIONS_MAX,
                             .i420 = BYTES(pixels, len)};
    AUTO(blob_clear) struct blob b = {0};
    assert_int_equal(vision_frame_append(&b, &m), ERR_OK);
    struct vision_frame out;
    assert_int_equal(vision_frame_decode(payload_of(&b, VISION_TYPE_FRAME), &out, NULL), ERR_OK);
    m.height += 2;
    m.i420.len = (size_t)m.width * m.height * 3 / 2;
    assert_int_equal(vision_frame_append(&b, &m), ERR_INVALID);
    m.height = 35;
    m.i420.len = (size_t)m.width * m.height * 3 / 2;
    assert_int_equal(vision_frame_append(&b, &m), ERR_INVALID);
    m.height = 36;
    m.i420.len = (size_t)m.width * m.height * 3 / 2;
    m.camera = VISION_CAMERAS_MAX;
    assert_int_equal(vision_frame_append(&b, &m), ERR_INVALID);
    free(pixels);
}

static void fill_track(struct seen_track *t, uint64_t id, bool face) {
    *t = (struct seen_track){.id = id,
                             .label = SEEN_DOG,
                             .score = 0.75f,
                             .box = {100, 200, 300, 9800},
                             .first = {1700000000000000},
                             .state = TRACK_NEW,
                             .still = true,
                             .has_face = face};
    for (int i = 0; i < VISION_LOOK_BYTES; i++) t->look[i] = (int8_t)(i - 32);
    if (!face) return;
    t->face.quality = 0.5f;
    t->face.box = (struct place_box){1, 2, 3, 4};
    for (int i = 0; i < VISION_EMBEDDING_FLOATS; i++) t->face.embedding[i] = (float)(i % 3 - 1) / 16;
}

static void test_sightings(void **state) {
    static struct vision_sightings in, out;
    in = (struct vision_sightings){.camera = 3, .wall = {1700000000000001}, .took_ms = 41};
    in.count = VISION_TRACKS_MAX;
    for (size_t i = 0; i < in.count; i++) fill_track(&in.tracks[i], i + 1, true);
    AUTO(blob_clear) struct blob b = {0};
    assert_int_equal(vision_sightings_append(&b, &in), ERR_OK);
    struct diag d = {{0}};
    assert_int_equal(vision_sightings_decode(payload_of(&b, VISION_TYPE_SIGHTINGS), &out, &d), ERR_OK);
    assert_int_equal(out.count, in.count);
    assert_int_equal(out.camera, 3);
    assert_int_equal(out.wall.us, in.wall.us);
    assert_int_equal(out.took_ms, 41);
    for (size_t i = 0; i < in.count; i++)
        assert_memory_equal(&in.tracks[i], &out.tracks[i], sizeof *in.tracks);
    in.count++;
    assert_int_equal(vision_sightings_append(&b, &in), ERR_LIMIT);
}

#define LOOK "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define TRACK(id, label, score, box, state)                                                                  \
    "{\"camera\":0,\"wall\":1,\"ms\":1,\"tracks\":[{\"id\":" id ",\"label\":\"" label "\",\"score\":" score  \
    ",\"box\":" box ",\"first\":1,\"still\":false,\"state\":\"" state "\",\"look\":\"" LOOK "\"}]}"

static void test_bad_sightings(void **state) {
    static const struct {
        const char *what, *json;
        err e;
    } cases[] = {
        {"a good one", TRACK("1", "person", "0.5", "[0,0,10000,10000]", "seen"), ERR_OK},
        {"no id", TRACK("0", "person", "0.5", "[0,0,1,1]", "seen"), ERR_INVALID},
        {"an unknown label", TRACK("1", "kite", "0.5", "[0,0,1,1]", "seen"), ERR_INVALID},
        {"a score above 1", TRACK("1", "person", "1.01", "[0,0,1,1]", "seen"), ERR_INVALID},
        {"a box past the right edge", TRACK("1", "person", "1", "[1,0,10000,1]", "seen"), ERR_INVALID},
        {"a box of three", TRACK("1", "person", "1", "[1,0,1]", "seen"), ERR_INVALID},
        {"a negative box", TRACK("1", "person", "1", "[-1,0,1,1]", "seen"), ERR_INVALID},
        {"an unknown state", TRACK("1", "person", "1", "[0,0,1,1]", "gone"), ERR_INVALID},
        {"a camera too many", "{\"camera\":128,\"wall\":1,\"ms\":1,\"tracks\":[]}", ERR_INVALID},
        {"a track that is a number", "{\"camera\":0,\"wall\":1,\"ms\":1,\"tracks\":[1]}", ERR_INVALID},
    };
    static struct vision_sightings out;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct diag d = {{0}};
        err e = vision_sightings_decode(bytes_text(cases[i].json), &out, &d);
        if (e != cases[i].e) fail_msg("%s: %s (%s)", cases[i].what, err_text(e), d.text);
    }
}

static void test_small_ones(void **state) {
    AUTO(blob_clear) struct blob b = {0};
    struct diag d = {{0}};
    struct vision_ready ready = {.model = "picodet-s-416", .load_ms = 11, .sandbox = 5, .message = "half"}, r;
    assert_int_equal(vision_ready_append(&b, &ready), ERR_OK);
    assert_int_equal(vision_ready_decode(payload_of(&b, VISION_TYPE_READY), &r, &d), ERR_OK);
    assert_string_equal(r.model, ready.model);
    assert_int_equal(r.sandbox, 5);
    b.len = 0;
    struct vision_refused refused = {.message = "another shape"}, f;
    assert_int_equal(vision_refused_append(&b, &refused), ERR_OK);
    assert_int_equal(vision_refused_decode(payload_of(&b, VISION_TYPE_REFUSED), &f, &d), ERR_OK);
    assert_string_equal(f.message, "another shape");
    b.len = 0;
    struct vision_counts counts = {.frames = 3,
                                   .skipped = 2,
                                   .detections = 9,
                                   .detect_ms = 12.5,
                                   .rate = 4.5},
                         c;
    assert_int_equal(vision_counts_append(&b, &counts), ERR_OK);
    assert_int_equal(vision_counts_decode(payload_of(&b, VISION_TYPE_STATUS), &c, &d), ERR_OK);
    assert_int_equal(c.detections, 9);
    b.len = 0;
    struct vision_file file = {.bytes = VISION_FILE_MAX_BYTES, .sha256 = {1, 2}}, g;
    assert_int_equal(vision_file_append(&b, &file), ERR_OK);
    assert_int_equal(vision_file_decode(payload_of(&b, VISION_TYPE_FILE), &g, &d), ERR_OK);
    assert_memory_equal(&g, &file, sizeof file);
    b.len = 0;
    file.bytes++;
    assert_int_equal(vision_file_append(&b, &file), ERR_OK);
    assert_int_equal(vision_file_decode(payload_of(&b, VISION_TYPE_FILE), &g, &d), ERR_INVALID);
    b.len = 0;
    uint8_t camera;
    assert_int_equal(vision_forget_append(&b, 7), ERR_OK);
    assert_int_equal(vision_forget_decode(payload_of(&b, VISION_TYPE_FORGET), &camera, &d), ERR_OK);
    assert_int_equal(camera, 7);
}

static void test_pictures(void **state) {
    static uint8_t jpeg[VISION_EMBED_MAX_BYTES + 1] = {0xff, 0xd8};
    AUTO(blob_clear) struct blob b = {0};
    struct vision_picture in = {1,
                                UINT64_C(1) << 60,
                                {5},
                                77,
                                BYTES(jpeg, VISION_SMALL_MAX_BYTES),
                                BYTES(jpeg, VISION_PICTURE_MAX_BYTES)},
                          out;
    assert_int_equal(vision_picture_append(&b, &in), ERR_OK);
    assert_int_equal(vision_picture_decode(payload_of(&b, VISION_TYPE_PICTURE), &out, NULL), ERR_OK);
    assert_true(out.track == in.track && out.wall.us == 5 && out.quality == 77 && out.camera == 1);
    assert_true(bytes_equal(out.jpeg, in.jpeg) && bytes_equal(out.small, in.small));
    in.jpeg.len++;
    assert_int_equal(vision_picture_append(&b, &in), ERR_LIMIT);
    in.jpeg.len--;
    in.small.len++;
    assert_int_equal(vision_picture_append(&b, &in), ERR_LIMIT);
    in.small = (struct bytes){0};
    b.len = 0;
    assert_int_equal(vision_picture_append(&b, &in), ERR_OK);
    assert_int_equal(vision_picture_decode(payload_of(&b, VISION_TYPE_PICTURE), &out, NULL), ERR_OK);
    assert_true(out.small.len == 0 && bytes_equal(out.jpeg, in.jpeg));
    in.small = bytes_text("no picture");
    assert_int_equal(vision_picture_append(&b, &in), ERR_INVALID);
    b.len = 0;
    struct vision_embed embed = {9, BYTES(jpeg, VISION_EMBED_MAX_BYTES)}, e;
    assert_int_equal(vision_embed_append(&b, &embed), ERR_OK);
    assert_int_equal(vision_embed_decode(payload_of(&b, VISION_TYPE_EMBED), &e, NULL), ERR_OK);
    assert_int_equal(e.request, 9);
    embed.jpeg.len++;
    assert_int_equal(vision_embed_append(&b, &embed), ERR_LIMIT);
    embed.jpeg = BYTES("GIF89a", 6);
    assert_int_equal(vision_embed_append(&b, &embed), ERR_INVALID);
}

static void test_faces(void **state) {
    static struct vision_faces in, out;
    in = (struct vision_faces){.request = 12, .count = 2};
    in.faces[0].quality = 0.25f;
    in.faces[0].embedding[7] = -1;
    in.faces[1].quality = 0.125f;
    memcpy(in.reasons[1], "too small", 10);
    AUTO(blob_clear) struct blob b = {0};
    assert_int_equal(vision_faces_append(&b, &in), ERR_OK);
    struct diag d = {{0}};
    assert_int_equal(vision_faces_decode(payload_of(&b, VISION_TYPE_FACES), &out, &d), ERR_OK);
    assert_memory_equal(&in, &out, sizeof in);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),         cmocka_unit_test(test_config),
        cmocka_unit_test(test_bad_configs),   cmocka_unit_test(test_frame),
        cmocka_unit_test(test_frame_limits),  cmocka_unit_test(test_sightings),
        cmocka_unit_test(test_bad_sightings), cmocka_unit_test(test_small_ones),
        cmocka_unit_test(test_pictures),      cmocka_unit_test(test_faces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
