/* What every driver of index.h does. Usage: index_conformance sqlite|memory */
#include "index_fixture.h"

#include <pthread.h>

/* --- */

static void test_settings(void **state) {
    struct fixture *f = *state;
    const struct index_ops *ops = f->index->ops;
    AUTO(blob_clear) struct blob value = {0};
    assert_ok(ops->ping(f->index, D));
    assert_err(ops->setting_get(f->index, "secret", &value, D), ERR_NOT_FOUND);
    assert_ok(ops->setting_init(f->index, "secret", bytes_text("one"), &value, D));
    assert_true(bytes_equal(blob_bytes(&value), bytes_text("one")));
    assert_ok(ops->setting_init(f->index, "secret", bytes_text("two"), &value, D));
    assert_true(bytes_equal(blob_bytes(&value), bytes_text("one")));
    assert_ok(ops->setting_put(f->index, "secret", bytes_text("three"), D));
    assert_ok(ops->setting_get(f->index, "secret", &value, D));
    assert_true(bytes_equal(blob_bytes(&value), bytes_text("three")));
    assert_ok(ops->setting_put(f->index, "empty", BYTES(NULL, 0), D));
    assert_ok(ops->setting_get(f->index, "empty", &value, D));
    assert_int_equal(value.len, 0);
    assert_err(ops->setting_put(f->index, "Bad Name", bytes_text("x"), D), ERR_INVALID);
    assert_err(ops->setting_put(f->index, "", bytes_text("x"), D), ERR_INVALID);
    void *large = test_calloc(1, INDEX_SETTING_MAX_BYTES + 1);
    assert_ok(ops->setting_put(f->index, "large", BYTES(large, INDEX_SETTING_MAX_BYTES), D));
    assert_err(ops->setting_put(f->index, "large", BYTES(large, INDEX_SETTING_MAX_BYTES + 1), D), ERR_LIMIT);
    test_free(large);
}

static err count_capability(void *arg, const struct capability *c) {
    ++*(unsigned *)arg;
    return ERR_OK;
}

static void test_households_and_capabilities(void **state) {
    struct fixture *f = *state;
    const struct index_ops *ops = f->index->ops;
    struct store_id other = id_of(50);
    struct store_key owner = key_of(1), second = key_of(2), third = key_of(3);
    uint64_t count;
    assert_ok(ops->household_count(f->index, &count, D));
    assert_int_equal(count, 1);
    assert_err(ops->household_create(f->index, &f->home, &second, 0, D), ERR_EXISTS);
    assert_err(ops->household_create(f->index, &other, &owner, 0, D), ERR_EXISTS);
    assert_ok(ops->household_count(f->index, &count, D));
    assert_int_equal(count, 1); /* the refused one left nothing */
    assert_ok(ops->household_create(f->index, &other, &second, 0, D));

    struct capability writer = {
        .key = third, .household = f->home, .role = CAPABILITY_ROLE_WRITER, .hub = id_of(9)};
    struct capability got;
    assert_ok(ops->capability_add(f->index, &writer, D));
    assert_err(ops->capability_add(f->index, &writer, D), ERR_EXISTS);
    writer.key = key_of(4);
    writer.household = id_of(99);
    assert_err(ops->capability_add(f->index, &writer, D), ERR_NOT_FOUND);
    assert_ok(ops->capability_get(f->index, &third, &got, D));
    assert_true(store_id_equal(&got.household, &f->home) && got.role == CAPABILITY_ROLE_WRITER);
    assert_int_equal(got.seen, 0);
    assert_ok(ops->capability_seen(f->index, &third, 1234, D));
    assert_ok(ops->capability_get(f->index, &third, &got, D));
    assert_int_equal(got.seen, 1234);
    assert_err(ops->capability_get(f->index, &writer.key, &got, D), ERR_NOT_FOUND);
    assert_err(ops->capability_seen(f->index, &writer.key, 1, D), ERR_NOT_FOUND);
    unsigned listed = 0;
    assert_ok(ops->capability_list(f->index, &f->home, count_capability, &listed, D));
    assert_int_equal(listed, 2);
    assert_err(ops->capability_remove(f->index, &other, &third, D), ERR_NOT_FOUND); /* another's */
    assert_err(ops->capability_remove(f->index, &f->home, &owner, D), ERR_DENIED);  /* the last owner */
    assert_ok(ops->capability_remove(f->index, &f->home, &third, D));
    assert_err(ops->capability_get(f->index, &third, &got, D), ERR_NOT_FOUND);
}

static void test_capability_limit(void **state) {
    struct fixture *f = *state;
    struct capability c = {.household = f->home, .role = CAPABILITY_ROLE_WRITER};
    for (uint32_t i = 1; i < INDEX_CAPABILITIES_MAX; i++) {
        c.key = key_of(100 + i);
        assert_ok(f->index->ops->capability_add(f->index, &c, D));
    }
    c.key = key_of(5000);
    assert_err(f->index->ops->capability_add(f->index, &c, D), ERR_LIMIT);
}

struct listed {
    char keys[16][INDEX_OBJECT_KEY_CHARS + 1];
    unsigned count;
};

static err note_object(void *arg, const struct object_info *o) {
    struct listed *l = arg;
    snprintf(l->keys[l->count++ % 16], sizeof l->keys[0], "%s", o->key);
    return ERR_OK;
}

static void test_objects(void **state) {
    struct fixture *f = *state;
    const struct index_ops *ops = f->index->ops;
    AUTO(blob_clear) struct blob value = {0};
    uint64_t current = 77, version = 0;
    struct index_usage usage;
    assert_err(ops->object_get(f->index, &f->home, "a/b", &version, &value, D), ERR_NOT_FOUND);
    assert_err(ops->object_put(f->index, &f->home, "a/b", 1, bytes_text("x"), &current, D), ERR_CONFLICT);
    assert_int_equal(current, 0);
    assert_ok(ops->object_put(f->index, &f->home, "a/b", 0, bytes_text("first"), &current, D));
    assert_err(ops->object_put(f->index, &f->home, "a/b", 0, bytes_text("x"), &current, D), ERR_CONFLICT);
    assert_int_equal(current, 1);
    assert_ok(ops->object_put(f->index, &f->home, "a/b", 1, bytes_text("second!"), &current, D));
    assert_ok(ops->object_get(f->index, &f->home, "a/b", &version, &value, D));
    assert_int_equal(version, 2);
    assert_true(bytes_equal(blob_bytes(&value), bytes_text("second!")));
    assert_ok(ops->usage(f->index, &f->home, &usage, D));
    assert_int_equal(usage.bytes, 7);

    assert_ok(ops->object_put(f->index, &f->home, "a-c", 0, bytes_text("x"), &current, D));
    assert_ok(ops->object_put(f->index, &f->home, "a/c", 0, bytes_text("x"), &current, D));
    assert_ok(ops->object_put(f->index, &f->home, "b", 0, bytes_text("x"), &current, D));
    struct listed l = {0};
    assert_ok(ops->object_list(f->index, &f->home, "a/", note_object, &l, D));
    assert_int_equal(l.count, 2);
    assert_string_equal(l.keys[0], "a/b");
    assert_string_equal(l.keys[1], "a/c");
    l.count = 0;
    assert_ok(ops->object_list(f->index, &f->home, "", note_object, &l, D));
    assert_int_equal(l.count, 4);
    struct store_id other = id_of(60);
    struct store_key other_owner = key_of(60);
    assert_ok(ops->household_create(f->index, &other, &other_owner, 0, D));
    assert_err(ops->object_get(f->index, &other, "a/b", &version, &value, D), ERR_NOT_FOUND);
    l.count = 0;
    assert_ok(ops->object_list(f->index, &other, "", note_object, &l, D));
    assert_int_equal(l.count, 0);

    assert_ok(ops->object_remove(f->index, &f->home, "a/b", D));
    assert_err(ops->object_remove(f->index, &f->home, "a/b", D), ERR_NOT_FOUND);
    assert_ok(ops->usage(f->index, &f->home, &usage, D));
    assert_int_equal(usage.bytes, 3);
    struct store_id nobody = id_of(61);
    assert_err(ops->object_put(f->index, &nobody, "k", 0, bytes_text("x"), &current, D), ERR_NOT_FOUND);
}

static void test_object_limits(void **state) {
    struct fixture *f = *state;
    const struct index_ops *ops = f->index->ops;
    uint64_t current;
    char key[INDEX_OBJECT_KEY_CHARS + 2] = {0};
    static const char *const bad[] = {"", "A", "a b", "a_b", "a.b", "\x7f", "a\xc3\xa4"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_err(ops->object_put(f->index, &f->home, bad[i], 0, bytes_text("x"), &current, D), ERR_INVALID);
    memset(key, 'k', INDEX_OBJECT_KEY_CHARS);
    assert_ok(ops->object_put(f->index, &f->home, key, 0, bytes_text("x"), &current, D));
    struct listed l = {0};
    assert_ok(ops->object_list(f->index, &f->home, key, note_object, &l, D));
    assert_int_equal(l.count, 1);
    key[INDEX_OBJECT_KEY_CHARS] = 'k';
    assert_err(ops->object_put(f->index, &f->home, key, 0, bytes_text("x"), &current, D), ERR_INVALID);
    void *large = test_calloc(1, INDEX_OBJECT_MAX_BYTES + 1);
    assert_ok(ops->object_put(f->index, &f->home, "l", 0, BYTES(large, INDEX_OBJECT_MAX_BYTES), &current, D));
    assert_err(
        ops->object_put(f->index, &f->home, "m", 0, BYTES(large, INDEX_OBJECT_MAX_BYTES + 1), &current, D),
        ERR_LIMIT);
    test_free(large);
}

static void test_reel_life(void **state) {
    struct fixture *f = *state;
    const struct index_ops *ops = f->index->ops;
    struct reel_info reel = reel_at(10, NOW, NOW + 60), got;
    struct reel_place place;
    struct index_upload upload = {.reel = reel.reel, .place = f->place, .epoch = 7, .begun = NOW}, held;
    AUTO(blob_clear) struct blob table = {0};

    assert_err(ops->reel_commit(f->index, &f->home, &reel, NULL, NOW, D), ERR_NOT_FOUND); /* never begun */
    assert_err(ops->upload_get(f->index, &f->home, &reel.reel, &held, D), ERR_NOT_FOUND);
    assert_ok(ops->reel_begin(f->index, &upload, D));
    assert_ok(ops->reel_begin(f->index, &upload, D)); /* resumed */
    assert_ok(ops->upload_get(f->index, &f->home, &reel.reel, &held, D));
    assert_int_equal(held.epoch, 7);
    assert_int_equal(held.begun, NOW);
    assert_true(store_id_equal(&held.place.camera, &f->camera));
    assert_ok(ops->name_known(f->index, &reel.reel, D));

    struct index_upload changed = upload; /* another epoch, camera, household under the same name */
    changed.epoch = 8;
    assert_err(ops->reel_begin(f->index, &changed, D), ERR_CONFLICT);
    changed = upload;
    changed.place.camera = id_of(3);
    assert_err(ops->reel_begin(f->index, &changed, D), ERR_CONFLICT);
    changed = upload;
    changed.place.household = id_of(98);
    assert_err(ops->reel_begin(f->index, &changed, D), ERR_CONFLICT);
    changed.reel = id_of(97);
    assert_err(ops->reel_begin(f->index, &changed, D), ERR_NOT_FOUND);

    assert_err(ops->reel_get(f->index, &f->home, &reel.reel, &place, &got, &table, D), ERR_NOT_FOUND);
    assert_ok(ops->reel_commit(f->index, &f->home, &reel, NULL, NOW, D));
    assert_err(ops->reel_commit(f->index, &f->home, &reel, NULL, NOW, D), ERR_EXISTS);
    assert_err(ops->reel_begin(f->index, &upload, D), ERR_EXISTS);
    assert_err(ops->upload_get(f->index, &f->home, &reel.reel, &held, D), ERR_NOT_FOUND);
    assert_ok(ops->reel_get(f->index, &f->home, &reel.reel, &place, &got, &table, D));
    assert_int_equal(got.first, NOW);
    assert_int_equal(got.end, NOW + 60);
    assert_int_equal(got.epoch, 7);
    assert_int_equal(got.bytes, reel.bytes);
    assert_int_equal(got.segments, 3);
    assert_int_equal(got.flags, 5);
    assert_true(bytes_equal(got.table, reel.table));
    assert_true(store_id_equal(&place.camera, &f->camera));
    struct store_id stranger = id_of(98);
    assert_err(ops->reel_get(f->index, &stranger, &reel.reel, &place, &got, NULL, D), ERR_NOT_FOUND);

    struct camera_info camera;
    assert_ok(ops->camera_get(f->index, &f->home, &f->camera, &camera, D));
    assert_int_equal(camera.reels, 1);
    assert_int_equal(camera.bytes, reel.bytes);
    assert_int_equal(camera.first, NOW);
    assert_int_equal(camera.last, NOW + 60);
}

static void test_reel_refused(void **state) {
    struct fixture *f = *state;
    const struct index_ops *ops = f->index->ops;
    struct reel_info good = reel_at(10, NOW, NOW + 60);
    begin(f, &f->place, 10);
    struct reel_info bad[5] = {good, good, good, good, good};
    bad[0].end = bad[0].first;
    bad[1].end = bad[1].first + INDEX_REEL_SPAN_MAX_SLOTS + 1;
    bad[2].segments = 0;
    bad[3].segments = 4;
    bad[4].segments = 1025;
    uint8_t *table = test_calloc(1, 1025 * 20);
    bad[4].table = BYTES(table, 1025 * 20);
    for (size_t i = 0; i < 5; i++)
        assert_err(ops->reel_commit(f->index, &f->home, &bad[i], NULL, NOW, D), ERR_INVALID);
    test_free(table);
    good.end = good.first + INDEX_REEL_SPAN_MAX_SLOTS;
    good.segments = 1024;
    good.table = BYTES(table_bytes, 1024 * 20);
    assert_ok(ops->reel_commit(f->index, &f->home, &good, NULL, NOW, D));
}

static err count_upload(void *arg, const struct index_upload *u) {
    ++*(unsigned *)arg;
    return ERR_OK;
}

static void test_uploads_given_up(void **state) {
    struct fixture *f = *state;
    const struct index_ops *ops = f->index->ops;
    unsigned count = 0;
    struct names garbage;
    struct store_id stranger = id_of(98), reel = id_of(10);
    begin(f, &f->place, 10);
    begin(f, &f->place, 11);
    assert_ok(ops->upload_list(f->index, NOW + 1, count_upload, &count, D));
    assert_int_equal(count, 2);
    count = 0;
    assert_ok(ops->upload_list(f->index, NOW, count_upload, &count, D));
    assert_int_equal(count, 0);
    assert_err(ops->upload_drop(f->index, &stranger, &reel, NOW, D), ERR_NOT_FOUND);
    assert_ok(ops->upload_drop(f->index, &f->home, &reel, NOW, D));
    assert_err(ops->upload_drop(f->index, &f->home, &reel, NOW, D), ERR_NOT_FOUND);
    assert_int_equal(garbage_of(f, &garbage), 1);
    assert_true(store_id_equal(&garbage.names[0], &reel));
    struct reel_info info = reel_at(10, NOW, NOW + 60);
    assert_err(ops->reel_commit(f->index, &f->home, &info, NULL, NOW, D), ERR_NOT_FOUND);
    struct index_upload again = {.reel = reel, .place = f->place, .epoch = 7, .begun = NOW};
    assert_err(ops->reel_begin(f->index, &again, D), ERR_CONFLICT); /* until the blob is gone */
    assert_ok(ops->garbage_done(f->index, garbage.names, 1, D));
    assert_int_equal(garbage_of(f, &garbage), 0);
    assert_err(ops->name_known(f->index, &reel, D), ERR_NOT_FOUND);
    assert_ok(ops->reel_begin(f->index, &again, D));
}

static void test_quota(void **state) {
    struct fixture *f = *state;
    const struct index_ops *ops = f->index->ops;
    struct index_usage usage;
    uint64_t current, sequence;
    struct store_id nobody = id_of(99), event = id_of(500);
    assert_err(ops->usage(f->index, &nobody, &usage, D), ERR_NOT_FOUND);
    assert_err(ops->household_set_quota(f->index, &nobody, 1, D), ERR_NOT_FOUND);
    assert_ok(ops->household_set_quota(f->index, &f->home, 2005, D));
    store_reel(f, &f->place, 10, NOW, NOW + 60);
    store_reel(f, &f->place, 20, NOW + 60, NOW + 120);
    struct reel_info third = reel_at(30, NOW + 120, NOW + 180);
    begin(f, &f->place, 30);
    assert_err(ops->reel_commit(f->index, &f->home, &third, NULL, NOW, D), ERR_NO_SPACE);
    assert_err(ops->event_add(f->index, &f->place, NOW, &event, false, bytes_text("123456"), &sequence, D),
               ERR_NO_SPACE);
    assert_err(ops->object_put(f->index, &f->home, "k", 0, bytes_text("123456"), &current, D), ERR_NO_SPACE);
    assert_ok(ops->object_put(f->index, &f->home, "k", 0, bytes_text("12345"), &current, D));
    assert_ok(ops->usage(f->index, &f->home, &usage, D));
    assert_int_equal(usage.bytes, 2005);
    assert_int_equal(usage.reels, 2);
    assert_int_equal(usage.quota_bytes, 2005);
    struct index_upload upload = {.reel = id_of(31), .place = f->place, .epoch = 7, .begun = NOW};
    assert_err(ops->reel_begin(f->index, &upload, D), ERR_NO_SPACE);
    struct store_id first = id_of(10);
    third.bytes = 500; /* an edge that is rewritten when all is full */
    assert_ok(ops->reel_commit(f->index, &f->home, &third, &first, NOW, D));
    assert_ok(ops->usage(f->index, &f->home, &usage, D));
    assert_int_equal(usage.bytes, 1505);
}

static void test_timeline(void **state) {
    struct fixture *f = *state;
    const struct index_ops *ops = f->index->ops;
    AUTO(timeline_clear) struct timeline t = {0};
    struct reel_place unknown = {f->home, id_of(77)};
    assert_ok(ops->timeline(f->index, &unknown, 0, UINT32_MAX, 100, true, &t, D));
    assert_int_equal(t.count, 0);
    store_minutes(f, 30);
    store_reel(f, &f->place, 2000, NOW + 90, NOW + 90 + INDEX_REEL_SPAN_MAX_SLOTS); /* overlaps a good deal */
    struct reel_place other = {f->home, id_of(78)};
    store_reel(f, &other, 2001, NOW, NOW + 60);

    static const struct {
        const char *label;
        uint32_t from, to, max;
        size_t count;
        bool more;
        uint32_t more_from;
    } cases[] = {
        {"all", 0, UINT32_MAX, 100, 31, false, 0},
        {"exactly one", NOW, NOW + 60, 100, 1, false, 0},
        {"one slot of it", NOW + 59, NOW + 60, 100, 1, false, 0},
        {"two", NOW + 59, NOW + 61, 100, 2, false, 0},
        {"before", 0, NOW, 100, 0, false, 0},
        {"after", NOW + 1800, UINT32_MAX, 100, 0, false, 0},
        {"the last slot of the long one", NOW + 1113, NOW + 1114, 100, 2, false, 0},
        {"just after the long one", NOW + 1114, NOW + 1115, 100, 1, false, 0},
        {"nothing", NOW, NOW, 100, 0, false, 0},
        {"reversed", NOW + 60, NOW, 100, 0, false, 0},
        {"as many as asked for", NOW, NOW + 60, 1, 1, false, 0},
        {"more than asked for", NOW, NOW + 600, 2, 2, true, NOW + 90},
        {"none asked for", NOW, NOW + 600, 0, 0, true, NOW},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_ok(ops->timeline(f->index, &f->place, cases[i].from, cases[i].to, cases[i].max, i % 2, &t, D));
        if (t.count != cases[i].count) print_error("%s\n", cases[i].label);
        assert_int_equal(t.count, cases[i].count);
        assert_int_equal(t.more, cases[i].more);
        if (t.more) assert_int_equal(t.more_from, cases[i].more_from);
        for (size_t k = 0; k < t.count; k++) {
            assert_int_equal(t.reels[k].table.len, i % 2 ? 60 : 0);
            if (i % 2) assert_true(bytes_equal(t.reels[k].table, BYTES(table_bytes, 60)));
            if (k) assert_true(t.reels[k - 1].first <= t.reels[k].first);
        }
    }
}

static void test_range_edges(void **state) {
    struct fixture *f = *state;
    const struct index_ops *ops = f->index->ops;
    AUTO(timeline_clear) struct timeline t = {0};
    store_minutes(f, 20);
    static const struct {
        const char *label;
        uint32_t from, to;
        size_t count;
    } cases[] = {
        {"on the borders", 60, 180, 0},
        {"one at each end", 90, 150, 2},
        {"within one", 70, 80, 1},
        {"at the begin", 90, 180, 1},
        {"at the end", 60, 170, 1},
        {"empty", 90, 90, 0},
        {"all", 0, 1200, 0},
        {"one slot before all", 59, 1200, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_ok(ops->range_edges(f->index, &f->place, NOW + cases[i].from, NOW + cases[i].to, &t, D));
        if (t.count != cases[i].count) print_error("%s\n", cases[i].label);
        assert_int_equal(t.count, cases[i].count);
        for (size_t k = 0; k < t.count; k++) assert_int_equal(t.reels[k].table.len, 60);
    }
}

static void test_range_remove(void **state) {
    struct fixture *f = *state;
    const struct index_ops *ops = f->index->ops;
    struct index_removed removed;
    AUTO(timeline_clear) struct timeline t = {0};
    struct names garbage;
    uint64_t sequence;
    store_minutes(f, 20);
    for (uint32_t i = 0; i < 20; i++) {
        struct store_id id = id_of(500 + i);
        assert_ok(
            ops->event_add(f->index, &f->place, NOW + 60 * i, &id, false, bytes_text("event"), &sequence, D));
    }
    uint64_t reels = 0, segments = 0, bytes = 0, events = 0;
    unsigned rounds = 0;
    do {
        assert_ok(ops->range_remove(f->index, &f->place, NOW + 90, NOW + 630, 3, NOW, &removed, D));
        assert_true(removed.reels <= 3);
        reels += removed.reels;
        segments += removed.segments;
        bytes += removed.bytes;
        events += removed.events;
        assert_true(++rounds < 10);
    } while (removed.more);
    assert_int_equal(reels, 8); /* minutes 2 to 9; those at 60 and 600 reach over the range */
    assert_int_equal(segments, 24);
    assert_int_equal(bytes, 8 * 1000 + 2 + 3 + 4 + 5 + 6 + 7 + 8 + 9);
    assert_int_equal(events, 9); /* of 120 to 600 */
    assert_int_equal(garbage_of(f, &garbage), 8);
    assert_ok(ops->timeline(f->index, &f->place, 0, UINT32_MAX, 100, true, &t, D));
    assert_int_equal(t.count, 12);
    assert_ok(ops->range_remove(f->index, &f->place, NOW + 90, NOW + 630, 3, NOW, &removed, D));
    assert_int_equal(removed.reels + removed.events, 0);
    assert_false(removed.more);

    /* The edge is rewritten: one reel takes the place of another, in one step. */
    struct reel_info rest = reel_at(3000, NOW + 60, NOW + 90);
    struct store_id edge = id_of(1001);
    begin(f, &f->place, 3000);
    assert_ok(ops->reel_commit(f->index, &f->home, &rest, &edge, NOW, D));
    assert_int_equal(garbage_of(f, &garbage), 9);
    rest.reel = id_of(3001);
    begin(f, &f->place, 3001);
    assert_err(ops->reel_commit(f->index, &f->home, &rest, &edge, NOW, D), ERR_CONFLICT); /* it is gone */
    assert_ok(ops->timeline(f->index, &f->place, NOW + 60, NOW + 120, 100, true, &t, D));
    assert_int_equal(t.count, 1);
    assert_int_equal(t.reels[0].end, NOW + 90);
    struct store_id last = id_of(1019), stranger = id_of(98);
    assert_err(ops->reel_remove(f->index, &stranger, &last, NOW, D), ERR_NOT_FOUND);
    assert_ok(ops->reel_remove(f->index, &f->home, &last, NOW, D));
    assert_err(ops->reel_remove(f->index, &f->home, &last, NOW, D), ERR_NOT_FOUND);
}

static void test_many_at_one_slot(void **state) {
    struct fixture *f = *state;
    struct index_removed removed = {.more = true};
    for (uint32_t i = 0; i < 10; i++) store_reel(f, &f->place, 1000 + i, NOW, NOW + 10);
    unsigned rounds = 0;
    uint64_t reels = 0;
    while (removed.more) {
        assert_ok(f->index->ops->range_remove(f->index, &f->place, NOW, NOW + 20, 3, NOW, &removed, D));
        reels += removed.reels;
        assert_true(++rounds < 10);
    }
    assert_int_equal(reels, 10);
}

static err count_camera(void *arg, const struct camera_info *c) {
    ++*(unsigned *)arg;
    return ERR_OK;
}

static void test_camera_removed(void **state) {
    struct fixture *f = *state;
    const struct index_ops *ops = f->index->ops;
    struct index_removed removed;
    struct names garbage;
    uint64_t current, sequence, reels = 0, version;
    AUTO(blob_clear) struct blob value = {0};
    char key[80], hex[33];
    hex_encode(BYTES(f->camera.bytes, 16), hex);
    snprintf(key, sizeof key, "camera/%s/profile", hex);
    struct store_id event = id_of(500);
    store_minutes(f, 7);
    begin(f, &f->place, 3000);
    assert_ok(ops->event_add(f->index, &f->place, NOW, &event, false, bytes_text("event"), &sequence, D));
    assert_ok(ops->object_put(f->index, &f->home, key, 0, bytes_text("p"), &current, D));
    assert_ok(ops->object_put(f->index, &f->home, "camera/other", 0, bytes_text("p"), &current, D));
    do {
        assert_ok(ops->camera_remove(f->index, &f->place, 2, NOW, &removed, D));
        reels += removed.reels;
    } while (removed.more);
    assert_int_equal(reels, 7);
    assert_err(ops->camera_remove(f->index, &f->place, 2, NOW, &removed, D), ERR_NOT_FOUND);
    assert_int_equal(garbage_of(f, &garbage), 8); /* with the upload */
    assert_err(ops->object_get(f->index, &f->home, key, &version, &value, D), ERR_NOT_FOUND);
    assert_ok(ops->object_get(f->index, &f->home, "camera/other", &version, &value, D));
    unsigned cameras = 0;
    assert_ok(ops->camera_list(f->index, &f->home, count_camera, &cameras, D));
    assert_int_equal(cameras, 0);
    struct index_usage usage;
    assert_ok(ops->usage(f->index, &f->home, &usage, D));
    assert_int_equal(usage.bytes, 1);
    store_minutes(f, 0);
    store_reel(f, &f->place, 4000, NOW, NOW + 60); /* the same camera anew */
}

static void test_retention(void **state) {
    struct fixture *f = *state;
    const struct index_ops *ops = f->index->ops;
    struct index_removed removed;
    struct index_sweep sweep = {0};
    struct reel_place forever = {f->home, id_of(70)}, short_lived = {f->home, id_of(71)};
    struct camera_info camera;
    uint64_t sequence;
    assert_ok(ops->camera_set_retention(f->index, &f->home, &f->camera, 2, false, D));
    assert_ok(ops->camera_set_retention(f->index, &f->home, &short_lived.camera, 1, false, D));
    assert_err(
        ops->camera_set_retention(f->index, &f->home, &f->camera, INDEX_RETENTION_MAX_DAYS + 1, false, D),
        ERR_LIMIT);
    struct store_id nobody = id_of(99);
    assert_err(ops->camera_set_retention(f->index, &nobody, &f->camera, 1, false, D), ERR_NOT_FOUND);
    for (uint32_t i = 0; i < 10; i++) {
        store_reel(f, &f->place, 1000 + i, NOW - DAY * 2 - 300 + 60 * i, NOW - DAY * 2 - 240 + 60 * i);
        store_reel(f, &forever, 2000 + i, NOW - DAY * 100 + 60 * i, NOW - DAY * 100 + 60 * i + 60);
        store_reel(f, &short_lived, 3000 + i, NOW - DAY * 3 + 60 * i, NOW - DAY * 3 + 60 * i + 60);
    }
    struct store_id old = id_of(500), young = id_of(501);
    assert_ok(ops->event_add(f->index, &f->place, NOW - DAY * 2 - 1, &old, false, bytes_text("event"),
                             &sequence, D));
    assert_ok(
        ops->event_add(f->index, &f->place, NOW - DAY * 2, &young, false, bytes_text("event"), &sequence, D));
    uint64_t reels = 0, events = 0;
    unsigned rounds = 0;
    do {
        assert_ok(ops->retention_sweep(f->index, &sweep, NOW, 4, &removed, D));
        reels += removed.reels;
        events += removed.events;
        assert_true(++rounds < 20);
    } while (removed.more);
    assert_int_equal(reels, 15); /* five of the first, all of the third */
    assert_int_equal(events, 1);
    assert_ok(ops->camera_get(f->index, &f->home, &f->camera, &camera, D));
    assert_int_equal(camera.reels, 5);
    assert_int_equal(camera.first, NOW - DAY * 2);
    assert_int_equal(camera.retention_days, 2);
    assert_ok(ops->camera_get(f->index, &f->home, &forever.camera, &camera, D));
    assert_int_equal(camera.reels, 10);
    sweep = (struct index_sweep){0};
    assert_ok(ops->retention_sweep(f->index, &sweep, NOW, 4, &removed, D));
    assert_int_equal(removed.reels + removed.events, 0);
    assert_false(removed.more);
}

struct events {
    uint64_t last;
    unsigned count;
};

static err note_event(void *arg, uint64_t sequence, struct bytes event) {
    struct events *e = arg;
    assert_true(sequence > e->last);
    e->last = sequence;
    e->count++;
    return ERR_OK;
}

/* Who may only lengthen creates, and lengthens. */
static void test_retention_lengthened(void **state) {
    struct fixture *f = *state;
    const struct index_ops *ops = f->index->ops;
    struct camera_info camera;
    const struct {
        uint32_t days;
        bool lengthen;
        err expected;
    } steps[] = {
        {30, true, ERR_OK},       {30, true, ERR_OK}, {29, true, ERR_DENIED}, {31, true, ERR_OK},
        {7, false, ERR_OK},       {8, true, ERR_OK},  {0, true, ERR_OK}, /* for ever is the longest */
        {3650, true, ERR_DENIED}, {0, true, ERR_OK},  {1, false, ERR_OK}};
    store_minutes(f, 1); /* what is there by its first reel has never been told */
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct camera_info before;
        assert_ok(ops->camera_get(f->index, &f->home, &f->camera, &before, D));
        assert_err(
            ops->camera_set_retention(f->index, &f->home, &f->camera, steps[i].days, steps[i].lengthen, D),
            steps[i].expected);
        assert_ok(ops->camera_get(f->index, &f->home, &f->camera, &camera, D));
        assert_int_equal(camera.retention_days, steps[i].expected ? before.retention_days : steps[i].days);
    }
}

static void test_events(void **state) {
    struct fixture *f = *state;
    const struct index_ops *ops = f->index->ops;
    uint64_t first, second, again, third;
    struct store_id a = id_of(500), b = id_of(501), c = id_of(502), nobody = id_of(99);
    struct reel_place stranger = {nobody, f->camera};
    assert_ok(ops->event_add(f->index, &f->place, NOW, &a, false, bytes_text("one"), &first, D));
    assert_ok(ops->event_add(f->index, &f->place, NOW + DAY - 1, &b, false, bytes_text("two"), &second, D));
    assert_true(second > first && first >= 1);
    assert_ok(ops->event_add(f->index, &f->place, NOW, &a, false, bytes_text("one"), &again, D));
    assert_int_equal(again, first);
    assert_ok(ops->event_add(f->index, &f->place, NOW + DAY, &c, false, bytes_text("three"), &third, D));
    assert_err(ops->event_add(f->index, &stranger, NOW, &a, false, bytes_text("x"), &again, D),
               ERR_NOT_FOUND);
    struct events seen = {0};
    assert_ok(ops->event_list(f->index, &f->place, NOW / DAY, 0, 100, note_event, &seen, D));
    assert_int_equal(seen.count, 2);
    seen = (struct events){0};
    assert_ok(ops->event_list(f->index, &f->place, NOW / DAY, first, 100, note_event, &seen, D));
    assert_int_equal(seen.count, 1);
    seen = (struct events){0};
    assert_ok(ops->event_list(f->index, &f->place, NOW / DAY, 0, 1, note_event, &seen, D));
    assert_int_equal(seen.last, first);
    assert_ok(ops->event_list(f->index, &f->place, NOW / DAY, UINT64_MAX, 1, note_event, &seen, D));
    assert_int_equal(seen.count, 1);
    struct index_removed removed;
    assert_ok(ops->range_remove(f->index, &f->place, NOW + DAY, NOW + DAY + 1, 10, NOW, &removed, D));
    assert_int_equal(removed.events, 1);
    uint64_t fourth; /* a removed event's number is not used again */
    struct store_id e = id_of(503);
    assert_ok(ops->event_add(f->index, &f->place, NOW + DAY, &e, false, bytes_text("four"), &fourth, D));
    assert_true(fourth > third);
    static const uint8_t large[INDEX_EVENT_MAX_BYTES + 1];
    struct store_id l = id_of(504);
    assert_err(ops->event_add(f->index, &f->place, NOW, &l, false, BYTES(large, sizeof large), &again, D),
               ERR_LIMIT);
    assert_ok(ops->event_add(f->index, &f->place, NOW, &l, false, BYTES(large, sizeof large - 1), &again, D));
}

static void get_text(struct fixture *f, uint32_t day, const struct store_id *id, const char *expected) {
    AUTO(blob_clear) struct blob got = {0};
    err e = f->index->ops->event_get(f->index, &f->place, day, id, &got, D);
    assert_int_equal(e, expected ? ERR_OK : ERR_NOT_FOUND);
    if (expected) assert_true(bytes_equal(blob_bytes(&got), bytes_text(expected)));
}

/* A picture is had by its id alone, and goes when the events of its time go. */
static void test_pictures(void **state) {
    struct fixture *f = *state;
    const struct index_ops *ops = f->index->ops;
    uint64_t number, again, event;
    struct store_id a = id_of(510), b = id_of(511), c = id_of(512), nobody = id_of(99), other = id_of(98);
    assert_ok(ops->event_add(f->index, &f->place, NOW, &a, true, bytes_text("picture"), &number, D));
    assert_ok(ops->event_add(f->index, &f->place, NOW, &a, true, bytes_text("picture"), &again, D));
    assert_int_equal(number, again);
    assert_ok(ops->event_add(f->index, &f->place, NOW, &b, false, bytes_text("event"), &event, D));
    assert_true(event > number && number >= 1);
    struct events seen = {0};
    assert_ok(ops->event_list(f->index, &f->place, NOW / DAY, 0, 100, note_event, &seen, D));
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.last, event);
    get_text(f, NOW / DAY, &a, "picture");
    get_text(f, NOW / DAY, &b, "event");
    get_text(f, NOW / DAY, &c, NULL);
    get_text(f, NOW / DAY + 1, &a, NULL);
    AUTO(blob_clear) struct blob none = {0};
    struct reel_place strangers[] = {{nobody, f->camera}, {f->place.household, other}};
    for (size_t i = 0; i < 2; i++)
        assert_err(ops->event_get(f->index, &strangers[i], NOW / DAY, &a, &none, D), ERR_NOT_FOUND);
    static const uint8_t large[INDEX_PICTURE_MAX_BYTES + 1];
    assert_err(ops->event_add(f->index, &f->place, NOW, &c, true, BYTES(large, sizeof large), &again, D),
               ERR_LIMIT);
    assert_ok(ops->event_add(f->index, &f->place, NOW, &c, true, BYTES(large, sizeof large - 1), &again, D));
    struct camera_info info;
    assert_ok(ops->camera_get(f->index, &f->place.household, &f->camera, &info, D));
    assert_int_equal(info.events_bytes, strlen("picture") + strlen("event") + sizeof large - 1);
    struct index_removed removed;
    assert_ok(ops->range_remove(f->index, &f->place, NOW, NOW + 1, 10, NOW, &removed, D));
    assert_int_equal(removed.events, 3);
    get_text(f, NOW / DAY, &a, NULL);
    assert_ok(ops->camera_get(f->index, &f->place.household, &f->camera, &info, D));
    assert_int_equal(info.events_bytes, 0);
}

static void test_pairing(void **state) {
    struct fixture *f = *state;
    const struct index_ops *ops = f->index->ops;
    AUTO(blob_clear) struct blob announcement = {0}, answer = {0};
    struct store_id id = id_of(40);
    assert_err(ops->pairing_get(f->index, &id, NOW, &announcement, &answer, D), ERR_NOT_FOUND);
    assert_ok(ops->pairing_put(f->index, &id, bytes_text("hub"), NOW + 10, D));
    assert_err(ops->pairing_put(f->index, &id, bytes_text("evil"), NOW + 10, D), ERR_EXISTS);
    assert_ok(ops->pairing_get(f->index, &id, NOW, &announcement, &answer, D));
    assert_true(bytes_equal(blob_bytes(&announcement), bytes_text("hub")));
    assert_int_equal(answer.len, 0);
    assert_ok(ops->pairing_answer(f->index, &id, NOW, bytes_text("yes"), D));
    assert_err(ops->pairing_answer(f->index, &id, NOW, bytes_text("no"), D), ERR_EXISTS);
    assert_ok(ops->pairing_get(f->index, &id, NOW + 9, NULL, &answer, D));
    assert_true(bytes_equal(blob_bytes(&answer), bytes_text("yes")));
    assert_err(ops->pairing_get(f->index, &id, NOW + 10, NULL, &answer, D), ERR_NOT_FOUND);
    assert_err(ops->pairing_answer(f->index, &id, NOW + 10, bytes_text("late"), D), ERR_NOT_FOUND);
    assert_ok(ops->pairing_sweep(f->index, NOW + 10, D));
    assert_ok(ops->pairing_put(f->index, &id, bytes_text("hub"), NOW + 20, D));
}

static void test_strays(void **state) {
    struct fixture *f = *state;
    const struct index_ops *ops = f->index->ops;
    struct store_id stray = id_of(900), reel = id_of(10);
    struct names garbage;
    uint32_t since;
    store_reel(f, &f->place, 10, NOW, NOW + 60);
    assert_err(ops->stray_seen(f->index, &reel, NOW, false, &since, D), ERR_CONFLICT);
    assert_ok(ops->stray_seen(f->index, &stray, NOW, false, &since, D));
    assert_int_equal(since, NOW);
    assert_ok(ops->stray_seen(f->index, &stray, NOW + 50, false, &since, D));
    assert_int_equal(since, NOW);
    assert_err(ops->name_known(f->index, &stray, D), ERR_NOT_FOUND);
    assert_int_equal(garbage_of(f, &garbage), 0);
    assert_ok(ops->stray_seen(f->index, &stray, NOW + DAY, true, &since, D));
    assert_int_equal(garbage_of(f, &garbage), 1);
    struct store_id saved = id_of(901); /* a hub uploads it again: no stray any more */
    assert_ok(ops->stray_seen(f->index, &saved, NOW, false, &since, D));
    begin(f, &f->place, 901);
    assert_err(ops->stray_seen(f->index, &saved, NOW, false, &since, D), ERR_CONFLICT);
}

struct scan {
    struct store_id last;
    unsigned count;
    bool tables;
};

static err note_reel(void *arg, const struct reel_place *place, const struct reel_info *reel) {
    struct scan *s = arg;
    if (s->count) assert_true(memcmp(reel->reel.bytes, s->last.bytes, STORE_ID_BYTES) > 0);
    assert_int_equal(reel->table.len, s->tables ? 60 : 0);
    s->last = reel->reel;
    s->count++;
    return ERR_OK;
}

static err stop_at_once(void *arg, const struct reel_place *place, const struct reel_info *reel) {
    ++*(unsigned *)arg;
    return ERR_CANCELLED;
}

static void test_scan(void **state) {
    struct fixture *f = *state;
    const struct index_ops *ops = f->index->ops;
    struct scan all = {.tables = true}, rest = {0};
    unsigned visits = 0;
    store_minutes(f, 50);
    begin(f, &f->place, 3000);
    assert_ok(ops->reel_scan(f->index, NULL, true, note_reel, &all, D));
    assert_int_equal(all.count, 50);
    assert_ok(ops->reel_scan(f->index, &all.last, false, note_reel, &rest, D));
    assert_int_equal(rest.count, 1);
    assert_err(ops->reel_scan(f->index, NULL, false, stop_at_once, &visits, D), ERR_CANCELLED);
    assert_int_equal(visits, 1);
}

static void test_tenants_are_apart(void **state) {
    struct fixture *f = *state;
    const struct index_ops *ops = f->index->ops;
    struct store_id other = id_of(60);
    struct store_key owner = key_of(60);
    struct reel_place same_camera = {other, f->camera};
    struct index_removed removed;
    AUTO(timeline_clear) struct timeline t = {0};
    assert_ok(ops->household_create(f->index, &other, &owner, 0, D));
    store_reel(f, &f->place, 10, NOW, NOW + 60);
    store_reel(f, &same_camera, 11, NOW, NOW + 60); /* the same id in another household is another camera */
    assert_ok(ops->timeline(f->index, &same_camera, 0, UINT32_MAX, 10, false, &t, D));
    assert_int_equal(t.count, 1);
    assert_ok(ops->camera_remove(f->index, &same_camera, 10, NOW, &removed, D));
    assert_int_equal(removed.reels, 1);
    assert_ok(ops->timeline(f->index, &f->place, 0, UINT32_MAX, 10, false, &t, D));
    assert_int_equal(t.count, 1);
    struct store_id mine = id_of(10); /* nor can another's reel be replaced */
    struct reel_info thief = reel_at(12, NOW, NOW + 60);
    begin(f, &same_camera, 12);
    assert_err(ops->reel_commit(f->index, &other, &thief, &mine, NOW, D), ERR_CONFLICT);
    assert_err(ops->reel_commit(f->index, &f->home, &thief, NULL, NOW, D), ERR_NOT_FOUND);
}

static void test_kept_after_reopening(void **state) {
    struct fixture *f = *state;
    AUTO(timeline_clear) struct timeline t = {0};
    char copy[PATH_TEXT_BYTES];
    store_minutes(f, 5);
    index_release(&f->index);
    open_index(f);
    assert_ok(f->index->ops->timeline(f->index, &f->place, 0, UINT32_MAX, 10, true, &t, D));
    assert_int_equal(t.count, 5);
    assert_ok(path_join(copy, f->folder, "copy.sqlite"));
    assert_ok(f->index->ops->copy(f->index, copy, D));
    assert_err(f->index->ops->copy(f->index, copy, D), ERR_EXISTS);
    struct index *copied;
    assert_ok(index_sqlite_open(copy, &copied, D));
    assert_ok(copied->ops->timeline(copied, &f->place, 0, UINT32_MAX, 10, true, &t, D));
    assert_int_equal(t.count, 5);
    index_release(&copied);
}

/* --- threads: writers share commits, readers see whole transactions --- */

/* What a household can grow has an end: at the limit, and one past it. */
static void test_household_limits(void **state) {
    struct fixture *f = *state;
    const struct index_ops *ops = f->index->ops;
    uint64_t current;
    char key[32];
    for (uint32_t i = 0; i < INDEX_OBJECTS_MAX; i++) {
        snprintf(key, sizeof key, "k/%u", i);
        assert_ok(ops->object_put(f->index, &f->home, key, 0, bytes_text("x"), &current, D));
    }
    assert_err(ops->object_put(f->index, &f->home, "one-more", 0, bytes_text("x"), &current, D), ERR_LIMIT);
    assert_ok(ops->object_put(f->index, &f->home, "k/0", 1, bytes_text("y"), &current,
                              D)); /* a change is not more */
    for (uint32_t i = 0; i < INDEX_CAMERAS_MAX; i++) {
        struct store_id camera = id_of(10000 + i);
        assert_ok(ops->camera_set_retention(f->index, &f->home, &camera, 1, false, D));
    }
    struct store_id one_more = id_of(9000), known = id_of(10000);
    assert_err(ops->camera_set_retention(f->index, &f->home, &one_more, 1, false, D), ERR_LIMIT);
    struct reel_place place = {f->home, known};
    for (uint32_t i = 0; i < INDEX_UPLOADS_MAX; i++) begin(f, &place, 20000 + i);
    struct index_upload upload = {.reel = id_of(19000), .place = place, .epoch = 7, .begun = NOW};
    assert_err(ops->reel_begin(f->index, &upload, D), ERR_LIMIT);
    struct reel_info reel = reel_at(20000, NOW, NOW + 60);
    assert_ok(ops->reel_commit(f->index, &f->home, &reel, NULL, NOW, D));
    assert_ok(ops->reel_begin(f->index, &upload, D)); /* one is done: there is room for one */
}

#define THREADS 4
#define ROUNDS 40

struct worker {
    struct fixture *f;
    uint32_t number;
    bool failed;
};

static void *upload_many(void *arg) {
    struct worker *w = arg;
    const struct index_ops *ops = w->f->index->ops;
    struct reel_place place = {w->f->home, id_of(200 + w->number)};
    struct diag d;
    for (uint32_t i = 0; i < ROUNDS && !w->failed; i++) {
        uint32_t number = 10000 * (w->number + 1) + i;
        struct index_upload upload = {.reel = id_of(number), .place = place, .epoch = 7, .begun = NOW};
        struct reel_info reel = reel_at(number, NOW + 60 * i, NOW + 60 * i + 60);
        struct camera_info camera;
        AUTO(timeline_clear) struct timeline t = {0};
        if (ops->reel_begin(w->f->index, &upload, &d) ||
            ops->reel_commit(w->f->index, &w->f->home, &reel, NULL, NOW, &d) ||
            ops->reel_commit(w->f->index, &w->f->home, &reel, NULL, NOW, &d) != ERR_EXISTS ||
            ops->camera_get(w->f->index, &w->f->home, &place.camera, &camera, &d) || camera.reels != i + 1 ||
            ops->timeline(w->f->index, &place, 0, UINT32_MAX, 1000, true, &t, &d) || t.count != i + 1)
            w->failed = true;
    }
    return NULL;
}

static void test_threads(void **state) {
    struct fixture *f = *state;
    struct worker workers[THREADS];
    pthread_t threads[THREADS];
    struct index_usage usage;
    for (uint32_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.f = f, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, upload_many, &workers[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    for (uint32_t i = 0; i < THREADS; i++) assert_false(workers[i].failed);
    assert_ok(f->index->ops->usage(f->index, &f->home, &usage, D));
    assert_int_equal(usage.reels, THREADS * ROUNDS);
}

int main(int argc, char **argv) {
    if (argc > 1) driver = argv[1];
    const struct CMUnitTest tests[] = {
        CASE(test_settings),
        CASE(test_households_and_capabilities),
        CASE(test_capability_limit),
        CASE(test_objects),
        CASE(test_object_limits),
        CASE(test_reel_life),
        CASE(test_reel_refused),
        CASE(test_uploads_given_up),
        CASE(test_quota),
        CASE(test_timeline),
        CASE(test_range_edges),
        CASE(test_range_remove),
        CASE(test_many_at_one_slot),
        CASE(test_camera_removed),
        CASE(test_retention),
        CASE(test_retention_lengthened),
        CASE(test_events),
        CASE(test_pictures),
        CASE(test_pairing),
        CASE(test_strays),
        CASE(test_scan),
        CASE(test_tenants_are_apart),
        CASE(test_threads),
        CASE(test_household_limits),
        CASE(test_kept_after_reopening),
    };
    /* The last 1 are of what is kept in files. */
    size_t count = sizeof tests / sizeof *tests;
    if (strcmp(driver, "memory") == 0) count -= 1;
    return _cmocka_run_group_tests(driver, tests, count, NULL, NULL);
}
