/* The spool after an end at any byte, and when it is full. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "format/segment_reader.h"
#include "format/segment_writer.h"
#include "hub/spool.h"
#include "hub/spool_recover.h"

static char folder[64], camera_folder[160];
static struct disk_thread *disk;
static const uint8_t camera[CAMERA_ID_BYTES] = {0xaa, 1};
static struct timekey_set keys;
static struct blob reel;   /* two segments */
static size_t records[64]; /* where each header or record ends */
static size_t record_count, first_segment_end;

static void record(struct segment_writer *w, enum record_kind kind, uint32_t slot, const char *data) {
    assert_int_equal(segment_writer_record(w, &keys, kind, slot, bytes_text(data), &reel), ERR_OK);
    records[record_count++] = reel.len;
}

static void make_segment(struct segment_writer *w, uint32_t slot) {
    assert_int_equal(segment_writer_begin(w, &keys, 3, slot, &reel), ERR_OK);
    records[record_count++] = reel.len;
    record(w, RECORD_INIT, slot, "init");
    record(w, RECORD_PICTURE, slot, "picture");
    record(w, RECORD_FRAGMENT, slot, "one");
    record(w, RECORD_FRAGMENT, slot + 1, "two, which is longer than the others");
    size_t before = reel.len;
    assert_int_equal(segment_writer_end(w, &(struct segment_totals){2, 2, 80000}, &reel), ERR_OK);
    struct record_frame mark;
    assert_int_equal(record_frame_read(BYTES(reel.data + before, reel.len - before), 1, &mark, NULL), ERR_OK);
    records[record_count++] = before + mark.bytes;
    records[record_count++] = reel.len;
}

static int make_reel(void **state) {
    (void)state;
    struct sign_key hub;
    sign_key_generate(&hub);
    assert_int_equal(timekey_generate(&keys), ERR_OK);
    struct segment_writer *w = segment_writer_new(camera, &hub);
    make_segment(w, 1000);
    first_segment_end = reel.len;
    make_segment(w, 1003);
    segment_writer_free(w);
    return 0;
}

static int drop_reel(void **state) {
    (void)state;
    blob_clear(&reel);
    timekey_set_clear(&keys);
    return 0;
}

static int start(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/cardea-spool-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    char hex[2 * CAMERA_ID_BYTES + 1];
    hex_encode(BYTES_OF(camera), hex);
    snprintf(camera_folder, sizeof camera_folder, "%s/%s", folder, hex);
    return disk_thread_new(&disk, NULL);
}

static int finish(void **state) {
    (void)state;
    disk_thread_free(disk);
    rmdir(camera_folder);
    return rmdir(folder);
}

/* What must remain of the first n bytes: the last whole record, if a picture of its segment is whole. */
static size_t expected_whole(size_t n) {
    size_t whole = 0;
    for (size_t i = 0; i < record_count; i++) {
        size_t in_segment = i % 7; /* header, init, picture, one, two, mark, end */
        if (records[i] <= n && in_segment >= 2) whole = records[i];
    }
    return whole;
}

static err count_record(void *context, enum record_kind kind, uint32_t slot, struct bytes data) {
    (void)kind;
    (void)slot;
    (void)data;
    ++*(unsigned *)context;
    return ERR_OK;
}

static void test_cut_at_every_byte(void **state) {
    (void)state;
    struct segment_reader *reader = segment_reader_new();
    for (size_t n = 0; n <= reel.len; n++) {
        uint64_t whole = spool_whole_bytes(BYTES(reel.data, n));
        if (whole != expected_whole(n))
            fail_msg("cut at %zu: %llu, not %zu", n, (unsigned long long)whole, expected_whole(n));
        size_t begin = whole > first_segment_end ? first_segment_end : 0;
        if (!whole) continue;
        unsigned count = 0;
        err e =
            segment_read(reader, &keys, BYTES(reel.data + begin, whole - begin), count_record, &count, NULL);
        bool complete = whole == first_segment_end || whole == reel.len;
        assert_int_equal(e, complete ? ERR_OK : ERR_CUT_SHORT);
        assert_true(count >= 2);
    }
    segment_reader_free(reader);
}

static void test_garbage_after_power_loss(void **state) {
    (void)state;
    /* The length was extended, and the blocks never written: zeros, or what lay there before. */
    for (size_t n = 100; n < reel.len; n += 13) {
        for (int fill = 0; fill < 256; fill += 85) {
            AUTO(blob_clear) struct blob torn = {0};
            assert_int_equal(blob_append(&torn, blob_bytes(&reel)), ERR_OK);
            memset(torn.data + n, fill, torn.len - n);
            uint64_t whole = spool_whole_bytes(blob_bytes(&torn));
            /* A record whose head is whole and whose body is not cannot be told without the key; readers tell
             * it. What comes after it is never believed. */
            assert_true(whole <= torn.len);
            size_t least = expected_whole(n);
            assert_true(whole >= least);
        }
    }
}

static bool look_at(void *context, struct spool_reel *r) {
    struct spool_reel **out = context;
    *out = spool_reel_ref_locked(r);
    return false;
}

static void test_recovers_files(void **state) {
    (void)state;
    for (size_t n = 0; n <= reel.len; n += 11) {
        char path[300];
        assert_int_equal(folder_make(camera_folder, NULL), ERR_OK);
        snprintf(path, sizeof path, "%s/00112233445566778899aabbccddeeff.part", camera_folder);
        assert_int_equal(file_replace(path, BYTES(reel.data, n), 0600, NULL), ERR_OK);
        snprintf(path, sizeof path, "%s/ff112233445566778899aabbccddeeff.held", camera_folder);
        assert_int_equal(file_replace(path, BYTES(reel.data, n), 0600, NULL), ERR_OK);
        struct spool *s = NULL;
        struct spool_state held;
        struct spool_reel *found = NULL;
        assert_int_equal(spool_open(folder, 1 << 20, disk, &s, NULL), ERR_OK);
        spool_state(s, &held);
        assert_int_equal(held.bytes, expected_whole(n));
        assert_int_equal(held.reels, expected_whole(n) ? 1 : 0);
        spool_visit(s, look_at, &found);
        if (found) {
            assert_int_equal(found->epoch, 3);
            assert_int_equal(found->first_slot, 1000);
            AUTO(fd_close) int fd = -1;
            struct stat info;
            assert_int_equal(spool_reel_file(found, &fd), ERR_OK);
            assert_int_equal(fstat(fd, &info), 0);
            assert_int_equal(info.st_size, expected_whole(n));
            spool_reel_acknowledge(found);
            spool_reel_unref(found);
        }
        spool_state(s, &held);
        assert_int_equal(held.reels, 0);
        spool_close(s);
        assert_int_equal(rmdir(camera_folder), 0); /* nothing is left behind */
    }
}

static struct spool_reel *add(struct spool *s, uint32_t slot, enum spool_kind kind, size_t bytes) {
    struct spool_reel *r = NULL;
    AUTO(blob_clear) struct blob data = {0};
    assert_int_equal(spool_reel_begin(s, camera, 1, slot, kind, &r, NULL), ERR_OK);
    assert_int_equal(blob_reserve(&data, bytes), ERR_OK);
    memset(data.data, 7, bytes);
    data.len = bytes;
    assert_int_equal(spool_reel_append(r, blob_bytes(&data), NULL), ERR_OK);
    return r;
}

struct slots {
    uint32_t list[16];
    size_t count;
};
static bool note_slot(void *context, struct spool_reel *r) {
    struct slots *out = context;
    out->list[out->count++] = r->first_slot;
    return true;
}

static void expect_slots(struct spool *s, size_t count, const uint32_t *list) {
    struct slots found = {0};
    spool_visit(s, note_slot, &found);
    assert_int_equal(found.count, count);
    for (size_t i = 0; i < count; i++) assert_int_equal(found.list[i], list[i]);
}

static void test_full(void **state) {
    (void)state;
    struct spool *s = NULL;
    struct spool_state now;
    assert_int_equal(spool_open(folder, 1000, disk, &s, NULL), ERR_OK);
    spool_reel_end(add(s, 10, SPOOL_KIND_EVENT, 200));
    spool_reel_end(add(s, 20, SPOOL_KIND_KEEP, 200));
    spool_reel_end(add(s, 30, SPOOL_KIND_HELD, 200));
    spool_reel_end(add(s, 40, SPOOL_KIND_KEEP, 200));
    spool_state(s, &now);
    assert_int_equal(now.bytes, 800);
    assert_false(now.full);
    spool_reel_end(add(s, 50, SPOOL_KIND_KEEP, 200)); /* just fits */
    expect_slots(s, 5, (uint32_t[]){10, 20, 30, 40, 50});

    spool_reel_end(
        add(s, 60, SPOOL_KIND_KEEP, 200)); /* what only waits for a viewer goes first, and is no loss */
    expect_slots(s, 5, (uint32_t[]){10, 20, 40, 50, 60});
    spool_state(s, &now);
    assert_int_equal(now.dropped_bytes, 0);
    spool_reel_end(add(s, 70, SPOOL_KIND_KEEP, 1)); /* then the oldest recording, not the older event */
    expect_slots(s, 5, (uint32_t[]){10, 40, 50, 60, 70});
    spool_state(s, &now);
    assert_int_equal(now.dropped_bytes, 200);
    assert_true(now.full);
    assert_int_equal(now.oldest_slot, 10);

    struct spool_reel *growing = add(s, 80, SPOOL_KIND_KEEP, 790);
    expect_slots(s, 3, (uint32_t[]){10, 70, 80});
    uint8_t more[150] = {1};
    struct diag d;
    assert_int_equal(spool_reel_append(growing, BYTES_OF(more), &d), ERR_OK); /* the event last of all */
    expect_slots(s, 1, (uint32_t[]){80});
    assert_int_equal(spool_reel_append(growing, BYTES_OF(more), &d), ERR_NO_SPACE); /* nothing left to drop */
    struct spool_look look;
    spool_reel_look(growing, &look);
    assert_int_equal(look.bytes, 940);
    spool_reel_end(growing);
    disk_thread_drain(disk);
    spool_remove_camera(s, camera);
    expect_slots(s, 0, NULL);
    spool_close(s);
}

static void test_pre_roll_is_promoted(void **state) {
    (void)state;
    struct spool *s = NULL;
    assert_int_equal(spool_open(folder, 10000, disk, &s, NULL), ERR_OK);
    for (uint32_t slot = 100; slot < 110; slot += 2) spool_reel_end(add(s, slot, SPOOL_KIND_HELD, 50));
    disk_thread_drain(disk);
    spool_drop_held(s, camera, 102);
    expect_slots(s, 4, (uint32_t[]){102, 104, 106, 108});
    spool_promote_held(s, camera, 105, SPOOL_KIND_EVENT); /* 104 reaches past 105 */
    spool_drop_held(s, camera, 1000);
    expect_slots(s, 3, (uint32_t[]){104, 106, 108});
    spool_close(s);
    /* Promotion is durable: a restart keeps them. Their bytes here are no reel, so only the names are looked
     * at. */
    unsigned names = 0;
    DIR *dir = opendir(camera_folder);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));) {
        if (e->d_name[0] == '.') continue;
        assert_string_equal(e->d_name + 32, ".event");
        names++;
        assert_int_equal(unlinkat(dirfd(dir), e->d_name, 0), 0);
    }
    closedir(dir);
    assert_int_equal(names, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_cut_at_every_byte, start, finish),
        cmocka_unit_test_setup_teardown(test_garbage_after_power_loss, start, finish),
        cmocka_unit_test_setup_teardown(test_recovers_files, start, finish),
        cmocka_unit_test_setup_teardown(test_full, start, finish),
        cmocka_unit_test_setup_teardown(test_pre_roll_is_promoted, start, finish),
    };
    return cmocka_run_group_tests(tests, make_reel, drop_reel);
}
