/* Clips are made as an export makes them, from real marks of a real key; then every byte is turned. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "client/export_writer.h"
#include "client/provenance.h"
#include "crypto/hash.h"
#include "format/mark.h"

#define SLOT 1790000000u
#define PER_SEGMENT 5
#define STEP_US 200000

static struct sign_key household, hub;
static struct hub_certificate certificate_of_hub;
static struct blob certificate;
static const uint8_t camera[CAMERA_ID_BYTES] = {7, 7, 7};
static char folder[64], path[96];

static void box_begin(struct blob *b, size_t *at, const char *type) {
    *at = b->len;
    assert_int_equal(blob_append_be32(b, 0), ERR_OK);
    assert_int_equal(blob_append(b, BYTES(type, 4)), ERR_OK);
}

static void box_end(struct blob *b, size_t at) {
    be32_put(b->data + at, (uint32_t)(b->len - at));
}

static void words(struct blob *b, size_t n, const uint32_t *values) {
    for (size_t i = 0; i < n; i++) assert_int_equal(blob_append_be32(b, values[i]), ERR_OK);
}

/* The least `ftyp` + `moov` that names one video track of 90 kHz. */
static void make_init(struct blob *out, uint32_t variant) {
    size_t ftyp, moov, trak, tkhd, mdia, mdhd, hdlr;
    box_begin(out, &ftyp, "ftyp");
    words(out, 2, (uint32_t[]){MP4_TYPE('i', 's', 'o', '6'), variant});
    box_end(out, ftyp);
    box_begin(out, &moov, "moov");
    box_begin(out, &trak, "trak");
    box_begin(out, &tkhd, "tkhd");
    words(out, 4, (uint32_t[]){0, 0, 0, 1});
    box_end(out, tkhd);
    box_begin(out, &mdia, "mdia");
    box_begin(out, &mdhd, "mdhd");
    words(out, 5, (uint32_t[]){0, 0, 0, 90000, 0});
    box_end(out, mdhd);
    box_begin(out, &hdlr, "hdlr");
    words(out, 3, (uint32_t[]){0, 0, MP4_TYPE('v', 'i', 'd', 'e')});
    box_end(out, hdlr);
    box_end(out, mdia);
    box_end(out, trak);
    box_end(out, moov);
}

static void make_fragment(struct blob *out, int64_t time_us, uint8_t content) {
    size_t moof, traf, tfhd, tfdt, mdat;
    uint64_t ticks = (uint64_t)(time_us / 100 * 9);
    box_begin(out, &moof, "moof");
    box_begin(out, &traf, "traf");
    box_begin(out, &tfhd, "tfhd");
    words(out, 2, (uint32_t[]){0, 1});
    box_end(out, tfhd);
    box_begin(out, &tfdt, "tfdt");
    words(out, 3, (uint32_t[]){0x01000000, (uint32_t)(ticks >> 32), (uint32_t)ticks});
    box_end(out, tfdt);
    box_end(out, traf);
    box_end(out, moof);
    box_begin(out, &mdat, "mdat");
    uint8_t picture[24];
    memset(picture, content, sizeof picture);
    assert_int_equal(blob_append(out, BYTES_OF(picture)), ERR_OK);
    box_end(out, mdat);
}

struct clip_plan {
    unsigned segments, skip; /* segments; one that is left out (its number, 0: none) */
    bool declare_gap, no_last_mark;
    unsigned drop_fragment; /* of the second segment: left out of the file and of its count */
};

/* Marks of consecutive seconds, chained; those of `skip` are made and not written. */
static void make_clip(const struct clip_plan *plan, struct blob *file) {
    AUTO(blob_clear) struct blob init = {0};
    AUTO(export_writer_clear) struct export_writer w;
    uint8_t previous[32] = {0};
    struct diag d;
    make_init(&init, 1);
    assert_int_equal(export_writer_open(&w, path, camera, blob_bytes(&certificate), household.public_key,
                                        blob_bytes(&init), SLOT * INT64_C(1000000), &d),
                     ERR_OK);
    for (unsigned s = 0; s < plan->segments; s++) {
        AUTO(blob_clear) struct blob hashes = {0}, mark_bytes = {0};
        uint8_t hash[32];
        bool written = !plan->skip || s != plan->skip;
        mark_hash(RECORD_INIT, blob_bytes(&init), hash);
        assert_int_equal(blob_append(&hashes, BYTES_OF(hash)), ERR_OK);
        if (written) assert_int_equal(export_writer_segment(&w, SLOT + s, 1, &d), ERR_OK);
        for (unsigned i = 0; i < PER_SEGMENT; i++) {
            AUTO(blob_clear) struct blob fragment = {0};
            make_fragment(&fragment, (SLOT + s) * INT64_C(1000000) + i * STEP_US,
                          (uint8_t)(s * PER_SEGMENT + i + 1));
            mark_hash(RECORD_FRAGMENT, blob_bytes(&fragment), hash);
            assert_int_equal(blob_append(&hashes, BYTES_OF(hash)), ERR_OK);
            bool dropped = plan->drop_fragment && s == 1 && i == plan->drop_fragment;
            if (written && !dropped)
                assert_int_equal(export_writer_fragment(&w, blob_bytes(&fragment), &d), ERR_OK);
        }
        struct mark m = {.slot = SLOT + s, .count = PER_SEGMENT + 1, .hashes = hashes.data};
        memcpy(m.camera, camera, sizeof m.camera);
        memcpy(m.previous, previous, sizeof m.previous);
        m.segment[0] = (uint8_t)s;
        assert_int_equal(mark_sign(&m, &hub, &mark_bytes), ERR_OK);
        hash_sha256(blob_bytes(&mark_bytes), previous);
        bool bare = plan->no_last_mark && s + 1 == plan->segments;
        if (written && !bare) assert_int_equal(export_writer_mark(&w, blob_bytes(&mark_bytes), &d), ERR_OK);
        if (!written && plan->declare_gap)
            assert_int_equal(export_writer_gap(&w, (SLOT + s) * INT64_C(1000000) - STEP_US,
                                               (SLOT + s + 1) * INT64_C(1000000), &d),
                             ERR_OK);
    }
    assert_int_equal(export_writer_finish(&w, &d), ERR_OK);
    assert_int_equal(file_read(path, 1u << 20, file, &d), ERR_OK);
    unlink(path);
}

static int begin(void **state) {
    struct diag d;
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/cardea-provenance-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/clip.mp4", folder);
    sign_key_generate(&household);
    sign_key_generate(&hub);
    memcpy(certificate_of_hub.sign, hub.public_key, 32);
    hub_id_of(hub.public_key, certificate_of_hub.hub);
    certificate_of_hub.added = wall_now();
    char key[HUB_KEY_TEXT_BYTES];
    AUTO(blob_clear) struct blob payload = {0};
    hub_certificate_key(certificate_of_hub.hub, key);
    if (hub_certificate_encode(&certificate_of_hub, &payload)) return -1;
    if (object_sign(&household, key, 1, blob_bytes(&payload), &certificate)) return -1;
    struct hub_certificate back;
    return hub_certificate_verify(blob_bytes(&certificate), household.public_key, &back, &d);
}

static int end(void **state) {
    (void)state;
    blob_clear(&certificate);
    return rmdir(folder);
}

static struct provenance check(const struct blob *file) {
    struct provenance p;
    struct diag d;
    assert_int_equal(provenance_check(blob_bytes(file), &p, &d), ERR_OK);
    return p;
}

static void an_export_is_untouched(void **state) {
    (void)state;
    AUTO(blob_clear) struct blob file = {0};
    make_clip(&(struct clip_plan){.segments = 3}, &file);
    struct provenance p = check(&file);
    assert_string_equal(p.why, "");
    assert_int_equal(p.verdict, VERDICT_UNTOUCHED);
    assert_int_equal(p.fragments, 3 * PER_SEGMENT);
    assert_int_equal(p.from_us, SLOT * INT64_C(1000000));
    assert_int_equal(p.to_us, (SLOT + 2) * INT64_C(1000000) + (PER_SEGMENT - 1) * STEP_US);
    assert_memory_equal(p.household, household.public_key, 32);
    assert_memory_equal(p.hub.sign, hub.public_key, 32);
    assert_int_equal(p.gap_count, 0);
}

static void every_changed_byte_is_noticed(void **state) {
    (void)state;
    AUTO(blob_clear) struct blob file = {0};
    make_clip(&(struct clip_plan){.segments = 2}, &file);
    /* Some microseconds of the clip's zero are less than a tick: its last two digits are the exception. */
    uint8_t *zero = memmem(file.data, file.len, "\"zero\":", 7);
    assert_non_null(zero);
    size_t last = (size_t)(zero - file.data) + 7 + 15;
    for (size_t i = 0; i < file.len; i++) {
        if (i == last || i == last - 1) continue;
        static const uint8_t turns[] = {0x01, 0x80};
        for (size_t k = 0; k < sizeof turns; k++) {
            file.data[i] ^= turns[k];
            struct provenance p = check(&file);
            if (p.verdict == VERDICT_UNTOUCHED)
                fail_msg("byte %zu of %zu turned by %u: untouched", i, file.len, turns[k]);
            file.data[i] ^= turns[k];
        }
    }
}

static void the_edited_second_is_named(void **state) {
    (void)state;
    AUTO(blob_clear) struct blob file = {0};
    make_clip(&(struct clip_plan){.segments = 3}, &file);
    uint8_t picture[24];
    memset(picture, 1 * PER_SEGMENT + 2 + 1, sizeof picture); /* the third of the second segment: 1.4 s */
    uint8_t *at = memmem(file.data, file.len, picture, sizeof picture);
    assert_non_null(at);
    at[4] ^= 1;
    struct provenance p = check(&file);
    assert_int_equal(p.verdict, VERDICT_EDITED);
    assert_true(p.edited_at_known);
    assert_true(p.edited_at_s >= 1.0 && p.edited_at_s <= 1.5);
}

static void every_shorter_file_is_cut_short_or_unknown(void **state) {
    (void)state;
    AUTO(blob_clear) struct blob file = {0};
    make_clip(&(struct clip_plan){.segments = 2}, &file);
    size_t head = 0; /* until the notice is whole, nothing says whose file it was */
    uint8_t *notice = memmem(file.data, file.len, export_notice, strlen(export_notice));
    assert_non_null(notice);
    head = (size_t)(notice - file.data) + strlen(export_notice);
    for (size_t len = 0; len < file.len; len++) {
        struct blob cut = {file.data, len, len};
        struct provenance p = check(&cut);
        if (len < head)
            assert_true(p.verdict == VERDICT_UNKNOWN || p.verdict == VERDICT_CUT_SHORT);
        else if (p.verdict != VERDICT_CUT_SHORT)
            fail_msg("%zu of %zu bytes: %s", len, file.len, verdict_text(p.verdict));
    }
}

static void footage_taken_out_is_noticed(void **state) {
    (void)state;
    AUTO(blob_clear) struct blob silent = {0}, declared = {0}, fragment = {0};
    make_clip(&(struct clip_plan){.segments = 4, .skip = 2}, &silent);
    assert_int_equal(check(&silent).verdict, VERDICT_EDITED);
    make_clip(&(struct clip_plan){.segments = 4, .skip = 2, .declare_gap = true}, &declared);
    struct provenance p = check(&declared);
    assert_int_equal(p.verdict, VERDICT_UNTOUCHED);
    make_clip(&(struct clip_plan){.segments = 3, .drop_fragment = 4}, &fragment);
    assert_int_equal(check(&fragment).verdict, VERDICT_EDITED);
}

static void a_part_without_a_mark_is_not_untouched(void **state) {
    (void)state;
    AUTO(blob_clear) struct blob file = {0};
    make_clip(&(struct clip_plan){.segments = 3, .no_last_mark = true}, &file);
    struct provenance p = check(&file);
    assert_int_equal(p.verdict, VERDICT_CUT_SHORT);
    assert_non_null(strstr(p.why, "2026-09-21"));
}

static void another_household_cannot_vouch(void **state) {
    (void)state;
    AUTO(blob_clear) struct blob file = {0};
    struct sign_key kept = household;
    sign_key_generate(&household); /* the file names it, the certificate is signed by the other */
    make_clip(&(struct clip_plan){.segments = 1}, &file);
    household = kept;
    assert_int_equal(check(&file).verdict, VERDICT_EDITED);
}

static void other_files_are_unknown(void **state) {
    (void)state;
    struct blob empty = {0}, text = {(uint8_t *)(uintptr_t) "hello, this is not video", 24, 24};
    AUTO(blob_clear) struct blob plain = {0};
    assert_int_equal(check(&empty).verdict, VERDICT_UNKNOWN);
    assert_int_equal(check(&text).verdict, VERDICT_UNKNOWN);
    make_init(&plain, 1);
    make_fragment(&plain, 1000000, 1);
    assert_int_equal(check(&plain).verdict, VERDICT_UNKNOWN);
}

static void an_export_never_replaces_a_file(void **state) {
    (void)state;
    AUTO(blob_clear) struct blob init = {0}, content = {0};
    AUTO(export_writer_clear) struct export_writer w;
    struct diag d;
    make_init(&init, 1);
    assert_int_equal(file_replace(path, bytes_text("mine"), 0600, &d), ERR_OK);
    assert_int_equal(export_writer_open(&w, path, camera, blob_bytes(&certificate), household.public_key,
                                        blob_bytes(&init), 0, &d),
                     ERR_EXISTS);
    assert_int_equal(file_read(path, 16, &content, &d), ERR_OK);
    assert_memory_equal(content.data, "mine", 4);
    unlink(path);
    /* One that appears while it is written is kept too, and no part stays behind. */
    assert_int_equal(export_writer_open(&w, path, camera, blob_bytes(&certificate), household.public_key,
                                        blob_bytes(&init), 0, &d),
                     ERR_OK);
    assert_int_equal(file_replace(path, bytes_text("mine"), 0600, &d), ERR_OK);
    assert_int_equal(export_writer_finish(&w, &d), ERR_EXISTS);
    export_writer_clear(&w);
    unlink(path);
}

static void a_shifted_fragment_comes_back(void **state) {
    (void)state;
    AUTO(blob_clear) struct blob init = {0}, fragment = {0}, shifted = {0}, back = {0};
    struct mp4_init tracks;
    struct mp4_fragment f;
    struct diag d;
    const int64_t zero = INT64_C(1790000000123456);
    make_init(&init, 1);
    make_fragment(&fragment, zero + 700000, 9);
    assert_int_equal(mp4_init_read(blob_bytes(&init), &tracks, &d), ERR_OK);
    assert_int_equal(mp4_fragment_shift(&tracks, blob_bytes(&fragment), zero, false, &shifted, &d), ERR_OK);
    assert_int_equal(mp4_fragment_read(&tracks, blob_bytes(&shifted), &f, &d), ERR_OK);
    assert_in_range(f.time_us, 699900, 700100);
    assert_int_equal(mp4_fragment_shift(&tracks, blob_bytes(&shifted), zero, true, &back, &d), ERR_OK);
    assert_true(bytes_equal(blob_bytes(&fragment), blob_bytes(&back)));
    assert_int_equal(mp4_fragment_shift(&tracks, blob_bytes(&fragment), zero + 800000, false, &shifted, &d),
                     ERR_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_export_is_untouched),
        cmocka_unit_test(every_changed_byte_is_noticed),
        cmocka_unit_test(the_edited_second_is_named),
        cmocka_unit_test(every_shorter_file_is_cut_short_or_unknown),
        cmocka_unit_test(footage_taken_out_is_noticed),
        cmocka_unit_test(a_part_without_a_mark_is_not_untouched),
        cmocka_unit_test(another_household_cannot_vouch),
        cmocka_unit_test(other_files_are_unknown),
        cmocka_unit_test(an_export_never_replaces_a_file),
        cmocka_unit_test(a_shifted_fragment_comes_back),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
