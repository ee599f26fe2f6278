/* What the hub reads of the household's settings for seeing: zones, rules, what was called not interesting, and the
 * book of faces. The first byte says which. What is read is written, and read again as the same. */
#include <stdlib.h>

#include "hub/faces.h"
#include "hub/negatives.h"
#include "hub/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static json_t *parse(struct bytes text) {
    return json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
}

static void zones(struct bytes text) {
    AUTO(json_release) json_t *o = parse(text);
    struct zone_list list, again;
    struct diag d = {{0}};
    if (!o) return;
    err e = zones_read(o, &list, &d);
    if (e && !d.text[0]) abort();
    if (e) return;
    AUTO(json_release) json_t *written = zones_json(&list);
    if (!written || zones_read(written, &again, &d) || again.count != list.count) abort();
    for (int32_t at = 0; at <= PLACE_WHOLE; at += 2500) {
        struct place_point p = {at, PLACE_WHOLE - at};
        uint32_t in = zones_at(&list, p), crossed = zones_crossed(&list, (struct place_point){at, 0}, p);
        if (list.count < 32 && ((in | crossed) >> list.count)) abort();
    }
}

static void rules(struct bytes text) {
    AUTO(json_release) json_t *o = parse(text);
    static const struct zone_list none;
    struct rule r;
    struct rule_verdict v;
    struct diag d = {{0}};
    char stoppers[ALERT_TEXT_MAX_BYTES];
    if (!json_is_object(o)) return;
    rule_default(&r);
    err e = rule_read(o, false, &r, &d);
    if (e && !d.text[0]) abort();
    AUTO(json_release) json_t *written = rule_json(&r);
    if (!written) abort();
    json_object_del(written, "id");
    if (rule_read(written, true, &r, &d)) abort();
    struct rule_facts f = {.label = SEEN_PERSON, .score = 1, .now = {1700000000000000}, .zones = &none};
    rule_judge(&r, &f, &v);
    if (v.alert != (r.on && v.count == 0)) abort();
    rule_stoppers(&r, stoppers);
}

static void negatives(struct bytes text) {
    static struct negative_list list, again;
    AUTO(json_release) json_t *o = parse(text);
    if (!o || negatives_read(o, &list, NULL)) return;
    AUTO(json_release) json_t *written = negatives_json(&list);
    if (!written || negatives_read(written, &again, NULL) || memcmp(&list, &again, sizeof list.count) != 0) abort();
    for (size_t i = 0; i < list.count; i++) (void)negatives_hold(&list, &list.items[i]);
}

static void faces(struct bytes raw) {
    static struct face_book book;
    AUTO(blob_clear) struct blob again = {0};
    if (face_book_read(raw, &book)) {
        if (book.people_count || book.suggestion_count) abort();
        return;
    }
    if (face_book_write(&book, &again) || !bytes_equal(raw, blob_bytes(&again))) abort();
    face_book_clear(&book);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    struct bytes rest = BYTES(data + 1, size - 1);
    if (data[0] == 'z') zones(rest);
    if (data[0] == 'r') rules(rest);
    if (data[0] == 'n') negatives(rest);
    if (data[0] == 'f') faces(rest);
    return 0;
}
