/* check_segments.c: padme, segment, reel, mark, event. */
#include <string.h>

#include "check.h"
#include "format/event.h"
#include "format/mark.h"
#include "format/padme.h"
#include "format/segment_reader.h"

static void check_padme(json_t *one) {
    assert_int_equal(padme_size((uint64_t)check_int(one, "len")), check_int(one, "expected"));
}

struct walk {
    json_t *one, *records;
    size_t at;
};

static err check_record(void *context, enum record_kind kind, uint32_t slot, struct bytes data) {
    struct walk *w = context;
    json_t *expected = json_array_get(w->records, w->at++);
    if (!expected) fail_msg("%s: a record too many", check_name(w->one));
    assert_int_equal(check_int(expected, "kind"), kind);
    assert_int_equal(check_int(expected, "slot"), slot);
    check_equal(expected, "data", data);
    return ERR_OK;
}

static void check_segment(json_t *one) {
    AUTO(blob_clear) struct blob raw = check_hex(one, "segment");
    AUTO(timekey_set_clear) struct timekey_set keys = {0};
    check_set(one, "keys", &keys);
    struct walk w = {one, json_object_get(one, "records"), 0};
    struct diag d = {0};
    struct segment_reader *r = segment_reader_new();
    check_error(one, segment_read(r, &keys, blob_bytes(&raw), check_record, &w, &d), &d);
    assert_int_equal(w.at, json_array_size(w.records));
    assert_int_equal(segment_reader_complete(r), json_is_true(json_object_get(one, "complete")));
    segment_reader_free(r);
}

static void check_reel(json_t *one) {
    AUTO(blob_clear) struct blob raw = check_hex(one, "reel");
    AUTO(blob_clear) struct blob table = check_hex(one, "table");
    uint8_t camera[CAMERA_ID_BYTES];
    struct diag d = {0};
    check_hex_into(one, "camera", camera, sizeof camera);
    struct reel_scanner *s = reel_scanner_new(camera, (uint32_t)check_int(one, "epoch"));
    check_error(one, reel_scanner_feed(s, blob_bytes(&raw), NULL, NULL, &d), &d);
    reel_scanner_finish(s);
    assert_int_equal(reel_scanner_whole_bytes(s), check_int(one, "whole_bytes"));
    assert_int_equal(reel_scanner_record_bytes(s), check_int(one, "record_bytes"));
    const struct reel_entry *entries = NULL;
    size_t count = reel_scanner_entries(s, &entries);
    assert_int_equal(count * REEL_ENTRY_BYTES, table.len);
    for (size_t i = 0; i < count; i++) {
        uint8_t entry[REEL_ENTRY_BYTES], again[REEL_ENTRY_BYTES];
        struct reel_entry back;
        reel_entry_encode(&entries[i], entry);
        assert_memory_equal(entry, table.data + i * REEL_ENTRY_BYTES, REEL_ENTRY_BYTES);
        assert_int_equal(reel_entry_decode(entry, &back), ERR_OK);
        reel_entry_encode(&back, again);
        assert_memory_equal(entry, again, sizeof entry);
    }
    reel_scanner_free(s);
}

static void check_mark(json_t *one) {
    AUTO(blob_clear) struct blob raw = check_hex(one, "mark");
    struct mark m;
    struct diag d = {0};
    err e = mark_verify(blob_bytes(&raw), &m, &d);
    check_error(one, e, &d);
    if (e) return;
    json_t *expected = json_object_get(one, "expected"), *hashes = json_object_get(expected, "hashes");
    check_equal(expected, "camera", BYTES_OF(m.camera));
    check_equal(expected, "segment", BYTES_OF(m.segment));
    check_equal(expected, "previous", BYTES_OF(m.previous));
    check_equal(expected, "hub", BYTES_OF(m.hub));
    assert_int_equal(check_int(expected, "slot"), m.slot);
    assert_int_equal(check_int(expected, "epoch"), m.epoch);
    assert_int_equal(json_array_size(hashes), m.count);
}

static void check_event(json_t *one) {
    AUTO(blob_clear) struct blob raw = check_hex(one, "event");
    AUTO(blob_clear) struct blob json = {0};
    AUTO(timekey_set_clear) struct timekey_set keys = {0};
    struct event_head head;
    struct diag d = {0};
    check_set(one, "keys", &keys);
    const char *wanted = json_string_value(json_object_get(one, "kind"));
    bool picture = wanted && strcmp(wanted, "picture") == 0;
    err e = event_open(&keys, picture ? EVENT_KIND_PICTURE : EVENT_KIND_EVENT, blob_bytes(&raw), &head, &json,
                       &d);
    check_error(one, e, &d);
    if (e) return;
    json_t *expected = json_object_get(one, "expected");
    check_equal(expected, "camera", BYTES_OF(head.camera));
    check_equal(expected, "id", BYTES_OF(head.id));
    assert_int_equal(check_int(expected, "slot"), head.slot);
    assert_int_equal(check_int(expected, "epoch"), head.epoch);
    check_equal(expected, picture ? "jpeg" : "json", blob_bytes(&json));
}

void check_segment_files(void **state) {
    (void)state;
    check_file("padme.json", check_padme);
    check_file("segment.json", check_segment);
    check_file("reel.json", check_reel);
    check_file("mark.json", check_mark);
    check_file("event.json", check_event);
}
