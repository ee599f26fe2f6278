/* What the holder of a grant may see, to the second: over HTTP, against the real daemon. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/file.h"
#include "format/event.h"
#include "vault/grant_fixture.h"

#define SEGMENTS 4u
#define SECONDS (2 * SEGMENTS)

/* Of the day before yesterday, and of that day alone. */
static uint32_t day_slot(void) {
    return (wall_slot(wall_now()) / 86400 - 2) * 86400 + 40000;
}

struct recorded {
    uint32_t base;
    char reel[33];
    struct blob bytes;
    size_t ends[SEGMENTS];
    uint8_t events[SECONDS + 4][EVENT_ID_BYTES]; /* of base - 2 and on */
};

static void recorded_clear(struct recorded *r) {
    blob_clear(&r->bytes);
}

static void record(const struct sharing *s, struct recorded *r) {
    char path[128];
    r->base = day_slot();
    random_hex(r->reel);
    for (unsigned i = 0; i < SEGMENTS; i++) {
        segment_append(&s->porch, r->base + 2 * i, 2, 2, 500 + 10 * i, &r->bytes);
        r->ends[i] = r->bytes.len;
    }
    reel_send(&vault, &s->h, &s->porch, r->reel, blob_bytes(&r->bytes), 0, 201, NULL);
    snprintf(path, sizeof path, "/v1/events?camera=%s&day=%u", s->porch.hex, r->base / 86400);
    for (unsigned i = 0; i < SECONDS + 4; i++) {
        AUTO(blob_clear) struct blob event = {0};
        assert_int_equal(event_seal(&s->porch.keys, EVENT_KIND_EVENT, s->porch.id, 1, r->base - 2 + i,
                                    bytes_text("{\"v\":1}"), r->events[i], &event),
                         ERR_OK);
        ASK(&vault, 201, NULL, "POST", path, s->h.writer_auth, .body = blob_bytes(&event));
    }
}

/* --- every neighboring second --- */

static bool touches(const struct recorded *r, unsigned segment, uint64_t from, uint64_t to) {
    uint32_t begin = r->base + 2 * segment;
    return begin < to && begin + 2 > from;
}

static int64_t cell(json_t *row, size_t i) {
    return json_integer_value(json_array_get(row, i));
}

static void check_timeline(const struct sharing *s, const struct recorded *r, const char *auth, uint32_t from,
                           uint32_t to, bool tables) {
    AUTO(answer_clear) struct answer a = {0};
    char path[200];
    unsigned count = 0;
    uint32_t first = 0, last = 0;
    for (unsigned i = 0; i < SEGMENTS; i++) {
        if (!touches(r, i, from, to)) continue;
        if (!count++) first = r->base + 2 * i;
        last = r->base + 2 * i + 2;
    }
    snprintf(path, sizeof path, "/v1/timeline?camera=%s&from=0&to=4294967295%s", s->porch.hex,
             tables ? "&detail=segments" : "");
    ASK(&vault, 200, &a, "GET", path, auth);
    json_t *rows = json_object_get(a.json, "reels"), *row = json_array_get(rows, 0);
    assert_int_equal(json_array_size(rows), count ? 1 : 0);
    if (!count) return;
    assert_int_equal(cell(row, 2), first < from ? from : first);
    assert_int_equal(cell(row, 3), last > to ? to : last);
    assert_int_equal(cell(row, 5), count);
    assert_int_equal(json_array_size(row), tables ? 8 : 7);
    if (!tables) return;
    AUTO(blob_clear) struct blob table = {0};
    const char *text = json_string_value(json_array_get(row, 7));
    assert_int_equal(base64_decode(text, strlen(text), &table), ERR_OK);
    assert_int_equal(table.len, count * REEL_ENTRY_BYTES);
    for (unsigned i = 0; i < count; i++) {
        struct reel_entry entry;
        assert_int_equal(reel_entry_decode(table.data + i * REEL_ENTRY_BYTES, &entry), ERR_OK);
        assert_int_equal(entry.slot, first + 2 * i);
    }
}

static void get_range(const char *reel, const char *auth, size_t begin, size_t end, long status) {
    char path[128], range[80];
    snprintf(path, sizeof path, "/v1/reels/%s", reel);
    snprintf(range, sizeof range, "Range: bytes=%zu-%zu", begin, end - 1);
    ASK(&vault, status, NULL, "GET", path, auth, .headers = {range});
}

static void check_reel(const struct recorded *r, const char *auth, uint32_t from, uint32_t to) {
    char path[128];
    size_t low = SIZE_MAX, high = 0;
    for (unsigned i = 0; i < SEGMENTS; i++) {
        size_t begin = i ? r->ends[i - 1] : 0;
        bool seen = touches(r, i, from, to);
        get_range(r->reel, auth, begin, r->ends[i], seen ? 206 : 403);
        get_range(r->reel, auth, r->ends[i] - 1, r->ends[i], seen ? 206 : 403);
        if (!seen) continue;
        if (begin < low) low = begin;
        high = r->ends[i];
    }
    bool all = low == 0 && high == r->bytes.len;
    snprintf(path, sizeof path, "/v1/reels/%s", r->reel);
    ASK(&vault, all ? 200 : 403, NULL, "GET", path, auth);
    if (!high) return;
    get_range(r->reel, auth, low, high, 206);
    if (low) get_range(r->reel, auth, low - 1, high, 403);
    if (high < r->bytes.len) get_range(r->reel, auth, low, high + 1, 403);
}

static void check_events(const struct sharing *s, const struct recorded *r, const char *auth, uint32_t from,
                         uint32_t to) {
    AUTO(answer_clear) struct answer a = {0};
    char path[200], hex[33];
    unsigned count = 0;
    for (unsigned i = 0; i < SECONDS + 4; i++) {
        uint32_t slot = r->base - 2 + i;
        bool seen = slot >= from && slot < to;
        count += seen;
        hex_encode(BYTES_OF(r->events[i]), hex);
        snprintf(path, sizeof path, "/v1/events/%s?camera=%s&day=%u", hex, s->porch.hex, r->base / 86400);
        ASK(&vault, seen ? 200 : 404, NULL, "GET", path, auth);
    }
    snprintf(path, sizeof path, "/v1/events?camera=%s&day=%u", s->porch.hex, r->base / 86400);
    ASK(&vault, 200, &a, "GET", path, auth);
    assert_int_equal(json_array_size(json_object_get(a.json, "events")), count);
}

static void test_every_second(void **state) {
    struct sharing s;
    struct grantee g;
    AUTO(recorded_clear) struct recorded r = {0};
    sharing_make(&vault, &s);
    grantee_make(&g);
    record(&s, &r);
    for (uint32_t from = r.base - 1; from <= r.base + SECONDS; from++)
        for (uint32_t to = from + 1; to <= r.base + SECONDS + 1; to++) {
            char auth[128];
            const struct grant_statement statement = sharing_statement(&s, &g, from, to);
            sharing_give(&vault, &s, &statement);
            sharing_open(&vault, &g, statement.id, 200, auth, NULL);
            check_timeline(&s, &r, auth, from, to, true);
            check_timeline(&s, &r, auth, from, to, false);
            check_reel(&r, auth, from, to);
            check_events(&s, &r, auth, from, to);
        }
    sharing_clear(&s);
}

/* An owner still sees everything, and what is another camera's or household's is nobody else's. */
static void test_other_cameras(void **state) {
    struct sharing s, other;
    struct grantee g;
    AUTO(recorded_clear) struct recorded r = {0}, foreign = {0};
    AUTO(blob_clear) struct blob bytes = {0};
    AUTO(answer_clear) struct answer a = {0};
    char auth[128], garden[33], path[200];
    sharing_make(&vault, &s);
    sharing_make(&vault, &other);
    grantee_make(&g);
    record(&s, &r);
    record(&other, &foreign);
    segment_append(&s.garden, r.base, 2, 2, 500, &bytes);
    random_hex(garden);
    reel_send(&vault, &s.h, &s.garden, garden, blob_bytes(&bytes), 0, 201, NULL);
    const struct grant_statement statement = sharing_statement(&s, &g, 0, TIMEKEY_SLOT_END);
    sharing_give(&vault, &s, &statement);
    sharing_open(&vault, &g, statement.id, 200, auth, NULL);

    snprintf(path, sizeof path, "/v1/reels/%s", r.reel);
    ASK(&vault, 200, &a, "GET", path, auth);
    assert_true(bytes_equal(blob_bytes(&a.body), blob_bytes(&r.bytes)));
    char text[200];
    assert_string_equal(answer_header(&a, "Cache-Control", text), "no-store");
    snprintf(path, sizeof path, "/v1/reels/%s", garden);
    ASK(&vault, 403, NULL, "GET", path, auth);
    ASK(&vault, 200, NULL, "GET", path, s.h.owner_auth);
    snprintf(path, sizeof path, "/v1/reels/%s", foreign.reel);
    ASK(&vault, 404, NULL, "GET", path, auth);
    snprintf(path, sizeof path, "/v1/timeline?camera=%s&from=0&to=4294967295", s.garden.hex);
    ASK(&vault, 403, &a, "GET", path, auth);
    assert_non_null(strstr(answer_text(&a, "message"), "does not name this camera"));
    snprintf(path, sizeof path, "/v1/events?camera=%s&day=1", s.garden.hex);
    ASK(&vault, 403, NULL, "GET", path, auth);
    snprintf(path, sizeof path, "/v1/live?cameras=%s,%s", s.porch.hex, s.garden.hex);
    ASK(&vault, 403, NULL, "GET", path, auth);

    ASK(&vault, 200, &a, "GET", "/v1/cameras", auth);
    json_t *cameras = json_object_get(a.json, "cameras"), *one = json_array_get(cameras, 0);
    assert_int_equal(json_array_size(cameras), 1);
    assert_string_equal(json_string_value(json_object_get(one, "camera")), s.porch.hex);
    assert_int_equal(json_integer_value(json_object_get(one, "first")), r.base);
    assert_int_equal(json_integer_value(json_object_get(one, "last")), r.base + SECONDS);
    assert_int_equal(json_integer_value(json_object_get(one, "bytes")), 0);
    ASK(&vault, 200, &a, "GET", "/v1/cameras", s.h.owner_auth);
    assert_int_equal(json_array_size(json_object_get(a.json, "cameras")), 2);

    const struct grant_statement narrow = sharing_statement(&s, &g, r.base + 3, r.base + 5);
    sharing_give(&vault, &s, &narrow);
    sharing_open(&vault, &g, narrow.id, 200, auth, NULL);
    ASK(&vault, 200, &a, "GET", "/v1/cameras", auth);
    one = json_array_get(json_object_get(a.json, "cameras"), 0);
    assert_int_equal(json_integer_value(json_object_get(one, "first")), r.base + 3);
    assert_int_equal(json_integer_value(json_object_get(one, "last")), r.base + 5);
    sharing_clear(&s);
    sharing_clear(&other);
}

/* --- reels that still arrive --- */

static int upload_begin(const struct sharing *s, const char *reel, bool live) {
    char head[600];
    int fd = daemon_dial(&vault);
    int n = snprintf(head, sizeof head,
                     "PUT /v1/reels/%s?camera=%s&epoch=1&offset=0&live=%d HTTP/1.1\r\nHost: x\r\n"
                     "Authorization: %s\r\nTransfer-Encoding: chunked\r\n\r\n",
                     reel, s->porch.hex, live, s->h.writer_auth);
    send_all(fd, head, (size_t)n);
    return fd;
}

static void upload_piece(int fd, struct bytes piece) {
    char chunk[32];
    int n = snprintf(chunk, sizeof chunk, "%zx\r\n", piece.len);
    send_all(fd, chunk, (size_t)n);
    send_all(fd, piece.data, piece.len);
    send_all(fd, "\r\n", 2);
}

static void test_arriving(void **state) {
    struct sharing s;
    struct grantee g;
    AUTO(blob_clear) struct blob bytes = {0};
    char auth[128], reel[33], path[200];
    size_t ends[3];
    uint32_t base = day_slot();
    sharing_make(&vault, &s);
    grantee_make(&g);
    for (unsigned i = 0; i < 3; i++) {
        segment_append(&s.porch, base + 2 * i, 2, 2, 500, &bytes);
        ends[i] = bytes.len;
    }
    const struct grant_statement statement = sharing_statement(&s, &g, base + 2, base + 4);
    sharing_give(&vault, &s, &statement);
    sharing_open(&vault, &g, statement.id, 200, auth, NULL);
    random_hex(reel);
    int fd = upload_begin(&s, reel, false);
    upload_piece(fd, blob_bytes(&bytes));
    snprintf(path, sizeof path, "/v1/timeline?camera=%s&from=0&to=4294967295", s.porch.hex);
    for (int64_t until = steady_now().us + 20000000;;) { /* until the owner sees all three */
        AUTO(answer_clear) struct answer a = {0};
        ASK(&vault, 200, &a, "GET", path, s.h.owner_auth);
        if (cell(json_array_get(json_object_get(a.json, "reels"), 0), 5) == 3) break;
        if (steady_now().us > until) fail_msg("the reel does not arrive");
    }
    AUTO(answer_clear) struct answer a = {0};
    ASK(&vault, 200, &a, "GET", path, auth);
    json_t *row = json_array_get(json_object_get(a.json, "reels"), 0);
    assert_true(cell(row, 2) == base + 2 && cell(row, 3) == base + 4 && cell(row, 5) == 1);
    get_range(reel, auth, ends[0], ends[1], 206);
    get_range(reel, auth, ends[0] - 1, ends[1], 403);
    get_range(reel, auth, ends[0], ends[1] + 1, 403);
    get_range(reel, auth, 0, ends[0], 403);
    get_range(reel, auth, ends[1], ends[2], 403);
    snprintf(path, sizeof path, "/v1/reels/%s", reel);
    ASK(&vault, 403, NULL, "GET", path, auth);
    ASK(&vault, 200, NULL, "GET", path, s.h.owner_auth);
    close(fd);
    sharing_clear(&s);
}

/* --- live --- */

/* Whether a message of this type has come that holds the text; waits until one has. */
static bool wait_message(struct listener *l, uint8_t type, const char *holds) {
    AUTO(blob_clear) struct blob all = {0};
    for (size_t n = 1;; n = all.len + 1) {
        bool there = listener_wait(l, n, &all);
        struct bytes at = blob_bytes(&all);
        struct message m;
        while (message_read(&at, &m))
            if (m.type == type && (!holds || memmem(m.payload.data, m.payload.len, holds, strlen(holds))))
                return true;
        if (!there) return false;
    }
}

/* Until its end; false: it goes on for 20 s. */
static bool wait_end(struct listener *l) {
    for (size_t n = 1;;) {
        AUTO(blob_clear) struct blob all = {0};
        if (!listener_wait(l, n, &all)) break;
        n = all.len + 1;
    }
    pthread_mutex_lock(&l->lock);
    bool ended = l->ended;
    pthread_mutex_unlock(&l->lock);
    return ended;
}

static size_t payload_bytes(struct listener *l, uint8_t type) {
    AUTO(blob_clear) struct blob all = {0};
    size_t sum = 0;
    (void)!listener_wait(l, 0, &all);
    struct bytes at = blob_bytes(&all);
    struct message m;
    while (message_read(&at, &m))
        if (m.type == type) sum += m.payload.len;
    return sum;
}

static void test_watched(void **state) {
    struct sharing s;
    struct grantee g;
    struct listener hub, owner, live;
    AUTO(blob_clear) struct blob bytes = {0};
    AUTO(answer_clear) struct answer a = {0};
    char auth[128], reel[33], path[200], hex[33], grant[128];
    sharing_make(&vault, &s);
    grantee_make(&g);
    uint32_t now = wall_slot(wall_now());
    const struct grant_statement statement = sharing_statement(&s, &g, now - 10, now + 1000);
    hex_encode(BYTES_OF(statement.id), hex);
    sharing_give(&vault, &s, &statement);
    listener_start(&hub, &vault, "/v1/hub/commands?instance=a", s.h.writer_auth, false);
    listener_start(&owner, &vault, "/v1/activity", s.h.owner_auth, false);
    assert_true(wait_message(&hub, 4, NULL));
    assert_true(wait_message(&owner, 20, "{\"grants\":[]}"));

    /* The household's hubs hear of the opening. */
    sharing_open(&vault, &g, statement.id, 200, auth, NULL);
    assert_true(wait_message(&hub, 19, "\"grant.use\""));
    assert_true(wait_message(&hub, 19, hex));
    assert_true(wait_message(&hub, 19, "\"purpose\":\"link\""));

    snprintf(path, sizeof path, "/v1/live?cameras=%s", s.porch.hex);
    listener_start(&live, &vault, path, auth, false);
    assert_true(wait_message(&live, 4, NULL));
    assert_true(wait_message(&owner, 20, s.porch.hex));
    assert_true(wait_message(&owner, 20, hex));
    log_wait(&vault, &s, "live.begin", 1);
    ASK(&vault, 200, &a, "GET", grant_path(statement.id, "", grant), s.h.owner_auth);
    json_t *active = json_object_get(a.json, "active");
    assert_int_equal(json_array_size(active), 1);
    assert_true(json_is_true(json_object_get(json_array_get(active, 0), "live")));
    assert_true(wait_message(&hub, 17, s.porch.hex)); /* as any viewer's */

    char recorded[200]; /* who asks for recordings is seen too */
    snprintf(recorded, sizeof recorded, "/v1/timeline?camera=%s&from=0&to=4294967295", s.porch.hex);
    ASK(&vault, 200, NULL, "GET", recorded, auth);
    ASK(&vault, 200, &a, "GET", grant, s.h.owner_auth);
    active = json_object_get(a.json, "active");
    assert_int_equal(json_array_size(active), 2);
    assert_false(json_is_true(json_object_get(json_array_get(active, 1), "live")));

    segment_append(&s.porch, now, 2, 2, 500, &bytes);
    random_hex(reel);
    int fd = upload_begin(&s, reel, true);
    upload_piece(fd, blob_bytes(&bytes));
    assert_true(wait_message(&live, 2, NULL));
    /* What concerns the whole household is an owner's: that its hub went is not among what came. */
    listener_stop(&hub);

    sharing_revoke(&vault, &s, statement.id, 200);
    assert_true(wait_end(&live));
    log_wait(&vault, &s, "live.end", 1);
    assert_int_equal(payload_bytes(&live, 3), 0);
    ASK(&vault, 200, &a, "GET", grant, s.h.owner_auth);
    assert_int_equal(json_array_size(json_object_get(a.json, "active")), 0);
    ASK(&vault, 403, &a, "GET", path, auth);
    assert_non_null(strstr(answer_text(&a, "message"), "revoked"));
    close(fd);
    listener_stop(&live);
    listener_stop(&owner);

    AUTO(json_release) json_t *log = log_of(&vault, &s);
    json_t *end = json_array_get(log, json_array_size(log) - 1);
    assert_true(json_is_true(json_object_get(end, "live")));
    assert_int_equal(json_integer_value(json_object_get(end, "from")) / 100, now / 100);
    sharing_clear(&s);
}

/* At its end, whether that is the grant's or its range's, it shows nothing more. */
static void test_ends_by_itself(void **state) {
    struct sharing s;
    struct grantee g;
    struct listener live[2];
    char auth[2][128], path[200];
    sharing_make(&vault, &s);
    grantee_make(&g);
    snprintf(path, sizeof path, "/v1/live?cameras=%s", s.porch.hex);
    uint32_t until = 0;
    for (int i = 0; i < 2; i++) {
        uint32_t now = wall_slot(wall_now());
        until = now + 3;
        struct grant_statement statement = sharing_statement(&s, &g, now - 10, i ? until : until + 1000);
        if (!i) statement.expires = until;
        sharing_give(&vault, &s, &statement);
        sharing_open(&vault, &g, statement.id, 200, auth[i], NULL);
        listener_start(&live[i], &vault, path, auth[i], false);
        assert_true(wait_message(&live[i], 4, NULL));
    }
    for (int i = 0; i < 2; i++) {
        assert_true(wait_end(&live[i]));
        listener_stop(&live[i]);
    }
    assert_true(wall_slot(wall_now()) <= until + 3);
    AUTO(answer_clear) struct answer a = {0};
    ASK(&vault, 401, NULL, "GET", path, auth[0]);
    ASK(&vault, 403, &a, "GET", path, auth[1]);
    assert_non_null(strstr(answer_text(&a, "message"), "shows nothing from"));
    log_wait(&vault, &s, "live.end", 2);
    sharing_clear(&s);
}

static void test_not_watched(void **state) {
    struct sharing s;
    struct grantee g;
    struct listener live;
    AUTO(answer_clear) struct answer a = {0};
    AUTO(blob_clear) struct blob raw = {0};
    char auth[128], path[200], grant[128];
    sharing_make(&vault, &s);
    grantee_make(&g);
    uint32_t now = wall_slot(wall_now());
    snprintf(path, sizeof path, "/v1/live?cameras=%s", s.porch.hex);
    const struct {
        const char *says;
        uint32_t from, to;
        bool live;
    } cases[] = {{"not for live viewing", now - 10, now + 1000, false},
                 {"shows nothing before", now + 500, now + 1000, true},
                 {"shows nothing from", now - 100, now - 50, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct grant_statement statement = sharing_statement(&s, &g, cases[i].from, cases[i].to);
        statement.live = cases[i].live;
        sharing_give(&vault, &s, &statement);
        sharing_open(&vault, &g, statement.id, 200, auth, NULL);
        ASK(&vault, 403, &a, "GET", path, auth);
        assert_non_null(strstr(answer_text(&a, "message"), cases[i].says));
    }
    log_wait(&vault, &s, "live.begin", 0);

    /* A narrower statement ends what is more than it. */
    struct grant_statement statement = sharing_statement(&s, &g, now - 10, now + 1000);
    statement.time -= 10;
    sharing_give(&vault, &s, &statement);
    sharing_open(&vault, &g, statement.id, 200, auth, NULL);
    listener_start(&live, &vault, path, auth, false);
    assert_true(wait_message(&live, 4, NULL));
    statement.live = false;
    statement.time++;
    sharing_issue(&s, &statement, &raw);
    ASK(&vault, 200, NULL, "PUT", grant_path(statement.id, "", grant), s.h.owner_auth,
        .json = json_pack("{s:o}", "grant", json_base64(blob_bytes(&raw))));
    assert_true(wait_end(&live));
    listener_stop(&live);
    ASK(&vault, 403, NULL, "GET", path, auth);
    sharing_clear(&s);
}

static json_t *last_of(json_t *log, const char *kind, size_t *count) {
    json_t *entry, *last = NULL;
    size_t i;
    *count = 0;
    json_array_foreach(log, i, entry) {
        if (strcmp(json_string_value(json_object_get(entry, "kind")), kind) != 0) continue;
        last = entry;
        (*count)++;
    }
    return last;
}

/* A vault that is killed cannot log who stopped watching: the next one does, once, and says that it was cut
 * off. What had ended before is not said again. */
static void test_cut_off(void **state) {
    struct sharing s;
    struct grantee g;
    struct listener live[2];
    char auth[128], path[200];
    size_t count;
    sharing_make(&vault, &s);
    grantee_make(&g);
    uint32_t now = wall_slot(wall_now());
    snprintf(path, sizeof path, "/v1/live?cameras=%s", s.porch.hex);
    for (int i = 0; i < 2; i++) {
        const struct grant_statement statement = sharing_statement(&s, &g, now - 10, now + 1000);
        sharing_give(&vault, &s, &statement);
        sharing_open(&vault, &g, statement.id, 200, auth, NULL);
        listener_start(&live[i], &vault, path, auth, false);
        assert_true(wait_message(&live[i], 4, NULL));
        if (i) break;
        sharing_revoke(&vault, &s, statement.id, 200);
        assert_true(wait_end(&live[i]));
        listener_stop(&live[i]);
        log_wait(&vault, &s, "live.end", 1);
    }
    uint32_t before = wall_slot(wall_now());
    daemon_stop(&vault, SIGKILL);
    listener_stop(&live[1]);
    for (int starts = 0; starts < 2; starts++) {
        daemon_start(&vault);
        log_wait(&vault, &s, "live.end", 2);
        AUTO(json_release) json_t *log = log_of(&vault, &s);
        json_t *begin = last_of(log, "live.begin", &count);
        json_t *end = last_of(log, "live.end", &count);
        assert_int_equal(count, 2);
        assert_true(json_is_true(json_object_get(end, "cut")));
        assert_true(json_equal(json_object_get(begin, "use"), json_object_get(end, "use")));
        assert_true(json_equal(json_object_get(begin, "cameras"), json_object_get(end, "cameras")));
        assert_true(json_equal(json_object_get(begin, "actor"), json_object_get(end, "actor")));
        assert_true(json_equal(json_object_get(begin, "from"), json_object_get(end, "from")));
        json_int_t to = json_integer_value(json_object_get(end, "to"));
        assert_true(to > json_integer_value(json_object_get(end, "from")) && to <= before + 1);
        if (!starts) daemon_stop(&vault, SIGKILL);
    }
    sharing_clear(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_second),   cmocka_unit_test(test_other_cameras),
        cmocka_unit_test(test_arriving),       cmocka_unit_test(test_watched),
        cmocka_unit_test(test_ends_by_itself), cmocka_unit_test(test_not_watched),
        cmocka_unit_test(test_cut_off),
    };
    return cmocka_run_group_tests(tests, vault_start, vault_stop);
}
