/* stolen_hub.c: a burglar takes the box: its disk at any moment, and even the memory of the running hub,
 * opens nothing that was recorded before; after the owner removes the hub, nothing after it either. Beside it
 * the honest path: the household opens all of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "crypto/unbox.h"
#include "format/camera_object.h"
#include "format/segment_reader.h"
#include "format/segment_writer.h"
#include "hub/forward_keys.h"

#define SECONDS 24
#define SEGMENT_SECONDS 2
#define SEGMENTS (SECONDS / SEGMENT_SECONDS)

static const uint8_t camera[CAMERA_ID_BYTES] = {0xca, 3};

struct house {
    char folder[64], path[96];
    struct disk_thread *disk;
    struct box_key household, hub_box;
    struct sign_key hub_sign;
    struct forward_keys *keys;
    struct wall_us begin;
    struct steady_us steady;
    struct blob root, recorded[SEGMENTS];
    uint32_t last_slot[SEGMENTS];
};

static int start(void **state) {
    struct house *h = calloc(1, sizeof *h);
    if (!h) return -1;
    snprintf(h->folder, sizeof h->folder, "/tmp/cardea-stolen-XXXXXX");
    if (!mkdtemp(h->folder)) return -1;
    snprintf(h->path, sizeof h->path, "%s/keys", h->folder);
    box_key_generate(&h->household);
    box_key_generate(&h->hub_box);
    sign_key_generate(&h->hub_sign);
    h->begin = wall_now();
    h->steady = steady_now();
    *state = h;
    if (disk_thread_new(&h->disk, NULL)) return -1;
    if (forward_keys_open(h->path, h->disk, &h->keys, NULL)) return -1;
    return forward_keys_begin(h->keys, camera, 1, h->household.public_key, h->begin, &h->root);
}

static int finish(void **state) {
    struct house *h = *state;
    forward_keys_close(h->keys);
    disk_thread_free(h->disk);
    for (size_t i = 0; i < SEGMENTS; i++) blob_clear(&h->recorded[i]);
    blob_clear(&h->root);
    unlink(h->path);
    int gone = rmdir(h->folder);
    free(h);
    return gone;
}

/* What the thief has: a list of sets, one for each copy of the keys that ever was within reach. */
struct loot {
    struct timekey_set sets[2 * SECONDS];
    size_t count;
};

static void loot_clear(struct loot *l) {
    for (size_t i = 0; i < l->count; i++) timekey_set_clear(&l->sets[i]);
}

static void steal_disk(const struct house *h, struct loot *l) {
    AUTO(blob_clear) struct blob raw = {0};
    assert_int_equal(file_read(h->path, 1 << 20, &raw, NULL), ERR_OK);
    uint32_t len = be32_get(raw.data + 13 + CAMERA_ID_BYTES + 4);
    assert_int_equal(
        timekey_decode(BYTES(raw.data + 13 + CAMERA_ID_BYTES + 8, len), &l->sets[l->count++], NULL), ERR_OK);
}

static void record_second(struct house *h, struct segment_writer *w, unsigned second) {
    struct blob *out = &h->recorded[second / SEGMENT_SECONDS];
    struct wall_us now = {h->begin.us + second * INT64_C(1000000)};
    struct steady_us steady = {h->steady.us + second * INT64_C(1000000)};
    struct forward_slot s;
    uint8_t frame[2000];
    memset(frame, (int)second, sizeof frame);
    forward_keys_tick(h->keys, now, steady);
    assert_int_equal(forward_keys_slot(h->keys, camera, now, now, &s), ERR_OK);
    if (second % SEGMENT_SECONDS == 0) {
        assert_int_equal(segment_writer_begin(w, s.keys, s.epoch, s.slot, out), ERR_OK);
        assert_int_equal(segment_writer_record(w, s.keys, RECORD_INIT, s.slot, bytes_text("init"), out),
                         ERR_OK);
    }
    assert_int_equal(segment_writer_record(w, s.keys, RECORD_FRAGMENT, s.slot, BYTES_OF(frame), out), ERR_OK);
    h->last_slot[second / SEGMENT_SECONDS] = s.slot;
    const struct segment_totals totals = {SEGMENT_SECONDS, SEGMENT_SECONDS, SEGMENT_SECONDS * 1000000};
    if (second % SEGMENT_SECONDS == SEGMENT_SECONDS - 1)
        assert_int_equal(segment_writer_end(w, &totals, out), ERR_OK);
    disk_thread_drain(h->disk);
}

static err count_record(void *context, enum record_kind kind, uint32_t slot, struct bytes data) {
    (void)kind, (void)slot, (void)data;
    ++*(unsigned *)context;
    return ERR_OK;
}

/* The thief's own node, moved to each place on the way down to the slot: a key that were reused anywhere in
 * the tree would show. */
static void try_everywhere(struct segment_reader *r, const uint8_t key[TIMEKEY_BYTES],
                           const struct segment_header *header) {
    for (uint8_t depth = 0; depth <= TIMEKEY_DEPTH; depth++) {
        uint64_t span = (uint64_t)1 << (TIMEKEY_DEPTH - depth);
        struct timekey_node node = {.first = (uint32_t)(header->slot / span * span), .depth = depth};
        memcpy(node.key, key, TIMEKEY_BYTES);
        const struct timekey_set moved = {&node, 1, 1};
        struct diag d = {0};
        assert_int_equal(segment_reader_begin(r, &moved, header, &d), ERR_FORGED);
    }
}

static void assert_useless(const struct loot *l, struct bytes segment) {
    struct segment_reader *r = segment_reader_new();
    struct segment_header header;
    struct diag d = {0};
    assert_int_equal(segment_header_decode(segment, &header, &d), ERR_OK);
    for (size_t i = 0; i < l->count; i++) {
        unsigned records = 0;
        assert_int_equal(segment_read(r, &l->sets[i], segment, count_record, &records, &d), ERR_NOT_FOUND);
        assert_int_equal(records, 0);
        for (size_t k = 0; k < l->sets[i].count; k++) try_everywhere(r, l->sets[i].nodes[k].key, &header);
    }
    segment_reader_free(r);
}

static void record_and_steal(struct house *h, struct loot *every_second) {
    struct segment_writer *w = segment_writer_new(camera, &h->hub_sign);
    for (unsigned second = 0; second < SECONDS; second++) {
        record_second(h, w, second);
        steal_disk(h, every_second);
    }
    segment_writer_free(w);
}

static void test_nothing_before_the_theft(void **state) {
    struct house *h = *state;
    AUTO(loot_clear) struct loot disk = {0};
    record_and_steal(h, &disk);
    /* The last disk, and beside it the running hub's memory. */
    AUTO(loot_clear) struct loot thief = {0};
    struct wall_us now = {h->begin.us + SECONDS * INT64_C(1000000)};
    struct forward_slot s;
    forward_keys_tick(h->keys, now, (struct steady_us){h->steady.us + SECONDS * INT64_C(1000000)});
    assert_int_equal(forward_keys_slot(h->keys, camera, now, now, &s), ERR_OK);
    assert_int_equal(timekey_set_copy(s.keys, &thief.sets[thief.count++]), ERR_OK);
    steal_disk(h, &thief);
    unsigned tried = 0;
    for (size_t i = 0; i < SEGMENTS; i++) {
        if (h->last_slot[i] >= s.slot) continue; /* recorded in the very second of the theft */
        assert_useless(&thief, blob_bytes(&h->recorded[i]));
        tried++;
    }
    assert_in_range(tried, SEGMENTS - 1, SEGMENTS);
    /* Copies made earlier, of the disk alone, do not open what had been recorded when they were made. */
    for (unsigned second = 0; second < SECONDS; second++) {
        struct loot then = {.count = 1};
        then.sets[0] = disk.sets[second];
        for (size_t i = 0; i < (second + 1) / SEGMENT_SECONDS; i++)
            assert_useless(&then, blob_bytes(&h->recorded[i]));
    }
    /* The root is on the hub's disk too while the vault is away, sealed to the household. */
    AUTO(timekey_set_clear) struct timekey_set root = {0};
    struct diag d = {0};
    assert_int_equal(camera_root_open(&h->hub_box, camera, 1, blob_bytes(&h->root), &root, &d), ERR_FORGED);
}

static void test_the_household_opens_all_of_it(void **state) {
    struct house *h = *state;
    AUTO(loot_clear) struct loot disk = {0};
    AUTO(timekey_set_clear) struct timekey_set root = {0};
    struct diag d = {0};
    record_and_steal(h, &disk);
    assert_int_equal(camera_root_open(&h->household, camera, 1, blob_bytes(&h->root), &root, &d), ERR_OK);
    struct segment_reader *r = segment_reader_new();
    for (size_t i = 0; i < SEGMENTS; i++) {
        unsigned records = 0;
        err e = segment_read(r, &root, blob_bytes(&h->recorded[i]), count_record, &records, &d);
        if (e) fail_msg("segment %zu: %s", i, d.text);
        assert_int_equal(records, 1 + SEGMENT_SECONDS + 2);
        assert_true(segment_reader_complete(r));
    }
    segment_reader_free(r);
}

/* The stolen keys do open the seconds to come: that is why removing a hub begins a new epoch. */
static void test_nothing_after_the_hub_is_removed(void **state) {
    struct house *h = *state;
    AUTO(loot_clear) struct loot disk = {0};
    record_and_steal(h, &disk);
    struct segment_writer *w = segment_writer_new(camera, &h->hub_sign);
    struct segment_reader *r = segment_reader_new();
    const struct segment_totals totals = {0};
    uint32_t slot = h->last_slot[SEGMENTS - 1] + 100;
    struct diag d = {0};
    AUTO(timekey_set_clear) struct timekey_set root = {0};
    AUTO(timekey_set_clear) struct timekey_set fresh = {0};
    assert_int_equal(camera_root_open(&h->household, camera, 1, blob_bytes(&h->root), &root, &d), ERR_OK);
    assert_int_equal(timekey_generate(&fresh), ERR_OK);
    for (uint32_t epoch = 1; epoch <= 2; epoch++) {
        AUTO(blob_clear) struct blob out = {0};
        const struct timekey_set *keys = epoch == 1 ? &root : &fresh;
        assert_int_equal(segment_writer_begin(w, keys, epoch, slot, &out), ERR_OK);
        assert_int_equal(segment_writer_record(w, keys, RECORD_INIT, slot, bytes_text("init"), &out), ERR_OK);
        assert_int_equal(segment_writer_end(w, &totals, &out), ERR_OK);
        for (size_t i = 0; i < disk.count; i++) {
            unsigned records = 0;
            err e = segment_read(r, &disk.sets[i], blob_bytes(&out), count_record, &records, &d);
            assert_int_equal(e, epoch == 1 ? ERR_OK : ERR_FORGED);
            assert_int_equal(records, epoch == 1 ? 3 : 0);
        }
    }
    segment_writer_free(w);
    segment_reader_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_before_the_theft, start, finish),
        cmocka_unit_test_setup_teardown(test_the_household_opens_all_of_it, start, finish),
        cmocka_unit_test_setup_teardown(test_nothing_after_the_hub_is_removed, start, finish),
    };
    return cmocka_run_group_tests_name("stolen hub", tests, NULL, NULL);
}
