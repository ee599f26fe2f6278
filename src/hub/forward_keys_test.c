/* The keys on the hub's disk open nothing that was sealed; restarts; clocks that jump. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "crypto/unbox.h"
#include "format/camera_object.h"
#include "hub/forward_keys.h"

static char folder[64], path[96];
static struct disk_thread *disk;
static struct box_key household;
static const uint8_t camera[CAMERA_ID_BYTES] = {1, 2, 3};

static int start(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/cardea-keys-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/keys", folder);
    box_key_generate(&household);
    return disk_thread_new(&disk, NULL);
}

static int finish(void **state) {
    (void)state;
    disk_thread_free(disk);
    unlink(path);
    return rmdir(folder);
}

static struct wall_us at(struct wall_us base, int64_t seconds) {
    return (struct wall_us){base.us + seconds * 1000000};
}
static struct steady_us later(struct steady_us base, int64_t seconds) {
    return (struct steady_us){base.us + seconds * 1000000};
}

/* All keys that a thief of the disk finds, for one stream. */
static void stolen(struct timekey_set *out) {
    AUTO(blob_clear) struct blob raw = {0};
    assert_int_equal(file_read(path, 1 << 20, &raw, NULL), ERR_OK);
    assert_memory_equal(raw.data, "CRDF\1", 5);
    assert_int_equal(be32_get(raw.data + 9), 1);
    uint32_t len = be32_get(raw.data + 13 + CAMERA_ID_BYTES + 4);
    assert_int_equal(timekey_decode(BYTES(raw.data + 13 + CAMERA_ID_BYTES + 8, len), out, NULL), ERR_OK);
}

static void test_disk_opens_nothing_that_was_sealed(void **state) {
    (void)state;
    struct forward_keys *k = NULL;
    struct forward_slot slot;
    AUTO(blob_clear) struct blob root = {0};
    struct wall_us t0 = wall_now();
    struct steady_us s0 = steady_now();
    assert_int_equal(forward_keys_open(path, disk, &k, NULL), ERR_OK);
    assert_int_equal(forward_keys_slot(k, camera, t0, t0, &slot), ERR_NOT_FOUND);
    assert_int_equal(forward_keys_begin(k, camera, 1, household.public_key, t0, &root), ERR_OK);

    struct timekey_set whole = {0};
    assert_int_equal(camera_root_open(&household, camera, 1, blob_bytes(&root), &whole, NULL), ERR_OK);
    for (int64_t s = 0; s < 60; s++) {
        forward_keys_tick(k, at(t0, s), later(s0, s));
        assert_int_equal(forward_keys_slot(k, camera, at(t0, s), at(t0, s), &slot), ERR_OK);
        assert_int_equal(slot.epoch, 1);
        /* It is the household's key, and memory has forgotten every slot before it. */
        uint8_t ours[TIMEKEY_BYTES], theirs[TIMEKEY_BYTES];
        assert_int_equal(timekey_leaf(slot.keys, slot.slot, ours), ERR_OK);
        assert_int_equal(timekey_leaf(&whole, slot.slot, theirs), ERR_OK);
        assert_memory_equal(ours, theirs, TIMEKEY_BYTES);
        assert_false(timekey_covers(slot.keys, slot.slot - 1, slot.slot));
        disk_thread_drain(disk);
        /* The thief, at any moment: neither this slot nor any before it; and yet those ahead. */
        struct timekey_set found = {0};
        stolen(&found);
        assert_int_equal(timekey_leaf(&found, slot.slot, ours), ERR_NOT_FOUND);
        assert_int_equal(timekey_leaf(&found, slot.slot - 30, ours), ERR_NOT_FOUND);
        assert_true(timekey_covers(&found, slot.slot + FORWARD_LEAD_S + 1, TIMEKEY_SLOT_END));
        timekey_set_clear(&found);
        if (s > FORWARD_PERIOD_S) assert_int_equal(slot.slot, wall_slot(at(t0, s)));
    }
    timekey_set_clear(&whole);
    forward_keys_close(k);
}

static void test_crash_and_orderly_restart(void **state) {
    (void)state;
    struct forward_keys *k = NULL;
    struct forward_slot slot;
    AUTO(blob_clear) struct blob root = {0};
    struct wall_us t0 = wall_now();
    struct steady_us s0 = steady_now();
    assert_int_equal(forward_keys_open(path, disk, &k, NULL), ERR_OK);
    assert_int_equal(forward_keys_begin(k, camera, 7, household.public_key, t0, &root), ERR_OK);
    forward_keys_tick(k, t0, s0);
    disk_thread_drain(disk);
    assert_int_equal(forward_keys_slot(k, camera, t0, t0, &slot), ERR_OK);

    /* A crash: the file is what it was. Another process reads it. */
    struct forward_keys *after = NULL;
    AUTO(blob_clear) struct blob crashed = {0};
    assert_int_equal(file_read(path, 1 << 20, &crashed, NULL), ERR_OK);
    forward_keys_close(k);
    assert_int_equal(file_replace(path, blob_bytes(&crashed), 0600, NULL), ERR_OK);
    assert_int_equal(forward_keys_open(path, disk, &after, NULL), ERR_OK);
    int64_t gap = -1;
    for (int64_t s = 1; s <= FORWARD_LEAD_S + 2 && gap < 0; s++) {
        forward_keys_tick(after, at(t0, s), later(s0, s));
        disk_thread_drain(disk);
        err e = forward_keys_slot(after, camera, at(t0, s), at(t0, s), &slot);
        if (e)
            assert_int_equal(e, ERR_BUSY);
        else
            gap = s;
    }
    assert_in_range(gap, 1, FORWARD_LEAD_S + 1);
    assert_int_equal(slot.epoch, 7);
    forward_keys_close(after);

    /* An orderly end: the next second is good again. */
    struct wall_us now = wall_now();
    assert_int_equal(forward_keys_open(path, disk, &k, NULL), ERR_OK);
    err e = ERR_BUSY;
    int64_t s = 1;
    for (; e == ERR_BUSY && s < 20; s++) {
        forward_keys_tick(k, at(now, s), later(s0, 100 + s));
        disk_thread_drain(disk);
        e = forward_keys_slot(k, camera, at(now, s), at(now, s), &slot);
    }
    assert_int_equal(e, ERR_OK);
    forward_keys_close(k);
}

static void test_clocks(void **state) {
    (void)state;
    static const struct {
        const char *label;
        int64_t jump_s;
        err expected;
        bool clock_ok;
    } cases[] = {
        {"back 5 s: the slot is held", -5, ERR_OK, true},
        {"back 7 s", -7, ERR_CONFLICT, true},
        {"back an hour", -3600, ERR_CONFLICT, true},
        {"back a year", -365 * 86400, ERR_CONFLICT, true},
        {"forward 59 minutes", 3540, ERR_OK, true},
        {"forward 61 minutes", 3661, ERR_CONFLICT, false},
        {"forward a year", 365 * 86400, ERR_CONFLICT, false},
        {"not at all", 0, ERR_OK, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct forward_keys *k = NULL;
        struct forward_slot slot;
        AUTO(blob_clear) struct blob root = {0};
        struct wall_us t0 = wall_now();
        struct steady_us s0 = steady_now();
        assert_int_equal(forward_keys_open(path, disk, &k, NULL), ERR_OK);
        assert_int_equal(forward_keys_begin(k, camera, 1, household.public_key, t0, &root), ERR_OK);
        for (int64_t s = 0; s < 10; s++) {
            forward_keys_tick(k, at(t0, s), later(s0, s));
            disk_thread_drain(disk);
            assert_int_equal(forward_keys_slot(k, camera, at(t0, s), at(t0, s), &slot), ERR_OK);
        }
        uint32_t before = slot.slot;
        struct wall_us jumped = at(t0, 10 + cases[i].jump_s);
        forward_keys_tick(k, jumped, later(s0, 10));
        disk_thread_drain(disk);
        err e = forward_keys_slot(k, camera, jumped, jumped, &slot);
        if (e == ERR_BUSY) { /* a slow disk's turn: the file moves on at the next period */
            forward_keys_tick(k, at(jumped, 5), later(s0, 15));
            disk_thread_drain(disk);
            e = forward_keys_slot(k, camera, at(jumped, 5), at(jumped, 5), &slot);
        }
        if (e != cases[i].expected) fail_msg("%s: %s", cases[i].label, err_text(e));
        if (!e) assert_true(slot.slot >= before);
        assert_int_equal(forward_keys_clock_ok(k), cases[i].clock_ok);
        /* Whatever happened: a new epoch records on, and so does another when the clock is set right again.
         */
        if (e == ERR_CONFLICT) {
            assert_int_equal(forward_keys_begin(k, camera, 2, household.public_key, jumped, &root), ERR_OK);
            assert_int_equal(forward_keys_slot(k, camera, jumped, jumped, &slot), ERR_OK);
            assert_int_equal(slot.epoch, 2);
            struct wall_us right = at(t0, 11);
            forward_keys_tick(k, right, later(s0, 11));
            disk_thread_drain(disk);
            e = forward_keys_slot(k, camera, right, right, &slot);
            if (e)
                assert_int_equal(forward_keys_begin(k, camera, 3, household.public_key, right, &root),
                                 ERR_OK);
            assert_int_equal(forward_keys_slot(k, camera, right, right, &slot), ERR_OK);
        }
        forward_keys_close(k);
    }
}

static void test_damaged_file_and_lying_worker(void **state) {
    (void)state;
    struct forward_keys *k = NULL;
    struct forward_slot slot;
    AUTO(blob_clear) struct blob root = {0}, raw = {0};
    struct wall_us t0 = wall_now();
    assert_int_equal(forward_keys_open(path, disk, &k, NULL), ERR_OK);
    assert_int_equal(forward_keys_begin(k, camera, 1, household.public_key, t0, &root), ERR_OK);
    forward_keys_tick(k, t0, steady_now());
    disk_thread_drain(disk);
    /* A worker's stamps cannot burn the keys of the future, nor reach back. */
    assert_int_equal(forward_keys_slot(k, camera, at(t0, 1000000), t0, &slot), ERR_OK);
    assert_in_range(slot.slot, wall_slot(t0), wall_slot(t0) + 1);
    assert_int_equal(forward_keys_slot(k, camera, at(t0, -1000000), t0, &slot), ERR_OK);
    assert_in_range(slot.slot, wall_slot(t0), wall_slot(t0) + 1);
    forward_keys_close(k);

    assert_int_equal(file_read(path, 1 << 20, &raw, NULL), ERR_OK);
    for (size_t i = 0; i < raw.len; i += raw.len / 7) {
        raw.data[i] ^= 1;
        assert_int_equal(file_replace(path, blob_bytes(&raw), 0600, NULL), ERR_OK);
        raw.data[i] ^= 1;
        uint32_t epoch;
        assert_int_equal(forward_keys_open(path, disk, &k, NULL), ERR_OK);
        assert_int_equal(forward_keys_epoch(k, camera, &epoch), ERR_NOT_FOUND);
        forward_keys_close(k);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_disk_opens_nothing_that_was_sealed, start, finish),
        cmocka_unit_test_setup_teardown(test_crash_and_orderly_restart, start, finish),
        cmocka_unit_test_setup_teardown(test_clocks, start, finish),
        cmocka_unit_test_setup_teardown(test_damaged_file_and_lying_worker, start, finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
