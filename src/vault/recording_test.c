/* Reels, time line, deletion, events: over HTTP, against the real daemon, killed where it hurts. */
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
#include "crypto/hash.h"
#include "format/event.h"
#include "vault/vault_fixture.h"

#define SLOT 1800000000u /* of 2027: what is recorded need not be now */

struct recorded {
    struct blob bytes;
    size_t ends[16]; /* of its segments */
};

/* `count` segments of 2 s each from `slot` on. */
static void record(const struct camera *c, uint32_t slot, unsigned count, struct recorded *out) {
    for (unsigned i = 0; i < count; i++) {
        segment_append(c, slot + 2 * i, 2, 3, 3000 + 100 * i, &out->bytes);
        out->ends[i] = out->bytes.len;
    }
}

static void recorded_clear(struct recorded *r) {
    blob_clear(&r->bytes);
}

static void reel_path(char out[128], const char *reel) {
    snprintf(out, 128, "/v1/reels/%s", reel);
}

static int64_t number(const struct answer *a, const char *field) {
    return json_integer_value(json_object_get(a->json, field));
}

static void test_reel(void **state) {
    struct household h, other;
    struct camera c;
    AUTO(recorded_clear) struct recorded r = {0};
    AUTO(answer_clear) struct answer a = {0};
    char reel[33], path[128], text[200];
    household_make(&vault, &h);
    household_make(&vault, &other);
    camera_make(&c);
    record(&c, SLOT, 5, &r);
    random_hex(reel);
    reel_path(path, reel);
    ASK(&vault, 404, NULL, "HEAD", path, h.writer_auth);
    reel_send(&vault, &h, &c, reel, blob_bytes(&r.bytes), 0, 201, &a);
    assert_int_equal(number(&a, "bytes"), r.bytes.len);
    assert_int_equal(number(&a, "segments"), 5);

    /* Replayed: the same answer, nothing stored twice. */
    reel_send(&vault, &h, &c, reel, blob_bytes(&r.bytes), 0, 200, &a);
    assert_int_equal(number(&a, "segments"), 5);
    ASK(&vault, 200, &a, "HEAD", path, h.writer_auth);
    assert_string_equal(answer_header(&a, "Upload-Complete", text), "?1");
    assert_int_equal(atoll(answer_header(&a, "Upload-Offset", text)), r.bytes.len);

    ASK(&vault, 200, &a, "GET", path, h.owner_auth);
    assert_true(bytes_equal(blob_bytes(&a.body), blob_bytes(&r.bytes)));
    ASK(&vault, 206, &a, "GET", path, h.owner_auth, .headers = {"Range: bytes=100-199"});
    assert_true(bytes_equal(blob_bytes(&a.body), BYTES(r.bytes.data + 100, 100)));
    answer_header(&a, "Content-Range", text);
    assert_true(strncmp(text, "bytes 100-199/", 14) == 0);
    ASK(&vault, 416, NULL, "GET", path, h.owner_auth, .headers = {"Range: bytes=99999999-"});
    char etag[200], match[240];
    snprintf(match, sizeof match, "If-None-Match: %s", answer_header(&a, "ETag", etag));
    ASK(&vault, 304, NULL, "GET", path, h.owner_auth, .headers = {match});
    ASK(&vault, 403, NULL, "GET", path, h.writer_auth);

    /* Unknown and foreign look the same. */
    ASK(&vault, 404, NULL, "GET", path, other.owner_auth);
    ASK(&vault, 404, NULL, "HEAD", path, other.owner_auth);
    struct camera same = c;
    reel_send(&vault, &other, &same, reel, blob_bytes(&r.bytes), 0, 400, NULL);

    snprintf(path, sizeof path, "/v1/timeline?camera=%s&from=%u&to=%u&detail=segments", c.hex, SLOT,
             SLOT + 100);
    ASK(&vault, 200, &a, "GET", path, h.owner_auth);
    json_t *row = json_array_get(json_object_get(a.json, "reels"), 0);
    assert_string_equal(json_string_value(json_array_get(row, 0)), reel);
    assert_int_equal(json_integer_value(json_array_get(row, 2)), SLOT);
    assert_int_equal(json_integer_value(json_array_get(row, 3)), SLOT + 10);
    assert_int_equal(json_string_length(json_array_get(row, 7)), (5 * REEL_ENTRY_BYTES * 4 + 2) / 3);
    ASK(&vault, 200, &a, "GET", path, other.owner_auth);
    assert_int_equal(json_array_size(json_object_get(a.json, "reels")), 0);
    ASK(&vault, 200, &a, "GET", "/v1/usage", h.owner_auth);
    assert_int_equal(number(&a, "reels"), 1);
    ASK(&vault, 200, &a, "GET", "/v1/cameras", h.owner_auth);
    assert_int_equal(json_array_size(json_object_get(a.json, "cameras")), 1);
    camera_clear(&c);
}

/* What is no reel of that camera and epoch is refused, and leaves nothing. */
static void test_reel_refused(void **state) {
    struct household h;
    struct camera c, stranger;
    AUTO(recorded_clear) struct recorded r = {0}, foreign = {0};
    AUTO(answer_clear) struct answer a = {0};
    char reel[33], path[128];
    household_make(&vault, &h);
    camera_make(&c);
    camera_make(&stranger);
    record(&c, SLOT, 3, &r);
    record(&stranger, SLOT, 1, &foreign);
    AUTO(blob_clear) struct blob swapped = {0}, broken = {0}, mixed = {0};
    size_t first = r.ends[0];
    assert_int_equal(blob_append(&swapped, BYTES(r.bytes.data + first, r.ends[1] - first)), ERR_OK);
    assert_int_equal(blob_append(&swapped, BYTES(r.bytes.data, first)), ERR_OK);
    assert_int_equal(blob_append(&broken, blob_bytes(&r.bytes)), ERR_OK);
    broken.data[first] ^= 1;
    assert_int_equal(blob_append(&mixed, BYTES(r.bytes.data, first)), ERR_OK);
    assert_int_equal(blob_append(&mixed, blob_bytes(&foreign.bytes)), ERR_OK);
    const struct {
        const char *label;
        struct bytes bytes;
    } cases[] = {
        {"empty", {NULL, 0}},
        {"not a header",
         bytes_text("this is not a reel, and it is longer than a segment's header would be, by a little")},
        {"half a header", BYTES(r.bytes.data, 40)},
        {"another camera's", blob_bytes(&foreign.bytes)},
        {"then another camera's", blob_bytes(&mixed)},
        {"segments in the wrong order", blob_bytes(&swapped)},
        {"a broken header in the middle", blob_bytes(&broken)},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        random_hex(reel);
        print_message("# %s\n", cases[i].label);
        reel_send(&vault, &h, &c, reel, cases[i].bytes, 0, 400, NULL);
        reel_path(path, reel);
        ASK(&vault, 404, NULL, "HEAD", path, h.writer_auth);
    }
    ASK(&vault, 200, &a, "GET", "/v1/usage", h.owner_auth);
    assert_int_equal(number(&a, "reels"), 0);
    camera_clear(&c);
    camera_clear(&stranger);
}

/* Half a reel on a connection that stays open: what a hub does while it records. */
static int start_upload_with(const struct daemon *d, const struct household *h, const struct camera *c,
                             const char *reel, uint64_t offset, const char *more, struct bytes bytes) {
    char head[600], chunk[32];
    int fd = daemon_dial(d);
    int n = snprintf(
        head, sizeof head,
        "PUT /v1/reels/%s?camera=%s&epoch=1&offset=%llu%s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n"
        "Transfer-Encoding: chunked\r\n\r\n",
        reel, c->hex, (unsigned long long)offset, more, h->writer_auth);
    send_all(fd, head, (size_t)n);
    n = snprintf(chunk, sizeof chunk, "%zx\r\n", bytes.len);
    send_all(fd, chunk, (size_t)n);
    send_all(fd, bytes.data, bytes.len);
    send_all(fd, "\r\n", 2);
    return fd;
}

static int start_upload(const struct daemon *d, const struct household *h, const struct camera *c,
                        const char *reel, uint64_t offset, struct bytes bytes) {
    return start_upload_with(d, h, c, reel, offset, "", bytes);
}

static void finish_upload(int fd, struct bytes rest) {
    char chunk[32], line[64] = "";
    if (rest.len) {
        int n = snprintf(chunk, sizeof chunk, "%zx\r\n", rest.len);
        send_all(fd, chunk, (size_t)n);
        send_all(fd, rest.data, rest.len);
        send_all(fd, "\r\n", 2);
    }
    send_all(fd, "0\r\n\r\n", 5);
    assert_true(recv(fd, line, sizeof line - 1, 0) > 0);
    assert_non_null(strstr(line, "201"));
}

static int64_t cell(json_t *rows, size_t row, size_t column) {
    return json_integer_value(json_array_get(json_array_get(rows, row), column));
}

static void rows_of(const struct daemon *d, const struct household *h, const struct camera *c,
                    struct answer *a) {
    char path[160];
    snprintf(path, sizeof path, "/v1/timeline?camera=%s&from=0&to=4294967295&detail=segments", c->hex);
    ASK(d, 200, a, "GET", path, h->owner_auth);
}

/* Until the vault says that it holds `whole` bytes of the reel. */
static void wait_held(const struct daemon *d, const struct household *h, const char *reel, uint64_t whole) {
    char path[128], text[200];
    int64_t until = steady_now().us + 20000000;
    reel_path(path, reel);
    for (;;) {
        AUTO(answer_clear) struct answer a = {0};
        const struct ask q = {"HEAD", path, h->writer_auth};
        ask(d, &q, &a);
        if (a.status == 200 && (uint64_t)atoll(answer_header(&a, "Upload-Offset", text)) == whole) {
            assert_string_equal(answer_header(&a, "Upload-Complete", text), "?0");
            return;
        }
        if (steady_now().us > until) fail_msg("held: %s, not %llu", text, (unsigned long long)whole);
    }
}

/* A connection that breaks in the middle of a segment: whole segments are kept, the rest comes again. */
static void test_resume(void **state) {
    struct household h;
    struct camera c;
    AUTO(recorded_clear) struct recorded r = {0};
    AUTO(answer_clear) struct answer a = {0};
    char reel[33], path[128], text[200];
    household_make(&vault, &h);
    camera_make(&c);
    record(&c, SLOT, 6, &r);
    random_hex(reel);
    reel_path(path, reel);
    int fd = start_upload(&vault, &h, &c, reel, 0, BYTES(r.bytes.data, r.ends[2] + 1000));
    wait_held(&vault, &h, reel, r.ends[2]);
    /* A second connection of the same reel, while the first is still open, has it from there on. */
    int second = start_upload(&vault, &h, &c, reel, r.ends[2],
                              BYTES(r.bytes.data + r.ends[2], r.ends[3] - r.ends[2] + 10));
    wait_held(&vault, &h, reel, r.ends[3]);
    fd_close(&second);
    fd_close(&fd);
    reel_send(&vault, &h, &c, reel, blob_bytes(&r.bytes), 0, 409, &a);
    assert_int_equal(atoll(answer_header(&a, "Upload-Offset", text)), r.ends[3]);
    reel_send(&vault, &h, &c, reel, BYTES(r.bytes.data + r.ends[3], r.bytes.len - r.ends[3]), r.ends[3], 201,
              &a);
    assert_int_equal(number(&a, "segments"), 6);
    ASK(&vault, 200, &a, "GET", path, h.owner_auth);
    assert_true(bytes_equal(blob_bytes(&a.body), blob_bytes(&r.bytes)));
    camera_clear(&c);
}

/* A reel's name is its household's: what another one sends for its own viewers under that name hides no
 * upload, and takes none over. */
static void test_names_are_apart(void **state) {
    struct household h, other;
    struct camera c;
    AUTO(recorded_clear) struct recorded r = {0};
    AUTO(answer_clear) struct answer a = {0}, shown = {0};
    char reel[33];
    household_make(&vault, &h);
    household_make(&vault, &other);
    camera_make(&c);
    record(&c, SLOT, 4, &r);
    random_hex(reel);
    int fd = start_upload(&vault, &h, &c, reel, 0, BYTES(r.bytes.data, r.ends[0]));
    wait_held(&vault, &h, reel, r.ends[0]);
    int theirs = start_upload_with(&vault, &other, &c, reel, 0, "&store=0", BYTES(r.bytes.data, r.ends[1]));
    int64_t until = steady_now().us + 500000; /* it is listed as soon as its head has come */
    while (steady_now().us < until) wait_held(&vault, &h, reel, r.ends[0]);
    int second =
        start_upload(&vault, &h, &c, reel, r.ends[0], BYTES(r.bytes.data + r.ends[0], r.ends[1] - r.ends[0]));
    wait_held(&vault, &h, reel, r.ends[1]);
    finish_upload(theirs, BYTES(NULL, 0));
    finish_upload(second, BYTES(r.bytes.data + r.ends[1], r.bytes.len - r.ends[1]));
    fd_close(&theirs);
    fd_close(&second);
    fd_close(&fd);
    rows_of(&vault, &h, &c, &a);
    assert_int_equal(cell(json_object_get(a.json, "reels"), 0, 5), 4);
    rows_of(&vault, &other, &c, &shown);
    assert_int_equal(json_array_size(json_object_get(shown.json, "reels")), 0);
    camera_clear(&c);
}

/* The daemon dies in the middle of an upload, more than once; what it said it held, it holds. */
static void test_killed(void **state) {
    struct daemon d;
    struct household h;
    struct camera c;
    AUTO(recorded_clear) struct recorded r = {0};
    AUTO(answer_clear) struct answer a = {0};
    char reel[33], path[128], complete[33];
    daemon_make(&d, true);
    daemon_start(&d);
    household_make(&d, &h);
    camera_make(&c);
    record(&c, SLOT, 6, &r);
    random_hex(reel);
    random_hex(complete);
    reel_send(&d, &h, &c, complete, blob_bytes(&r.bytes), 0, 201, NULL);
    size_t held = 0;
    for (unsigned i = 0; i < 3; i++) {
        int fd = start_upload(&d, &h, &c, reel, held, BYTES(r.bytes.data + held, r.ends[i * 2] + 700 - held));
        wait_held(&d, &h, reel, r.ends[i * 2]);
        held = r.ends[i * 2];
        daemon_stop(&d, SIGKILL);
        fd_close(&fd);
        daemon_start(&d);
        wait_held(&d, &h, reel, held);
    }
    reel_send(&d, &h, &c, reel, BYTES(r.bytes.data + held, r.bytes.len - held), held, 201, &a);
    assert_int_equal(number(&a, "segments"), 6);
    const char *const names[] = {reel, complete};
    for (unsigned i = 0; i < 2; i++) {
        reel_path(path, names[i]);
        ASK(&d, 200, &a, "GET", path, h.owner_auth);
        assert_true(bytes_equal(blob_bytes(&a.body), blob_bytes(&r.bytes)));
    }
    daemon_stop(&d, SIGTERM);
    AUTO(blob_clear) struct blob said = {0};
    const char *const fsck[] = {"fsck", NULL};
    if (daemon_run(&d, fsck, &said) != 0) fail_msg("fsck: %.*s", (int)said.len, (char *)said.data);
    camera_clear(&c);
    daemon_clean(&d);
}

static void timeline_rows(const struct household *h, const struct camera *c, struct answer *a) {
    rows_of(&vault, h, c, a);
}

static void test_delete(void **state) {
    struct household h;
    struct camera c;
    struct recorded r[3] = {0};
    AUTO(answer_clear) struct answer a = {0}, b = {0};
    char reel[33], path[160];
    household_make(&vault, &h);
    camera_make(&c);
    for (unsigned i = 0; i < 3; i++) {
        record(&c, SLOT + 20 * i, 10, &r[i]);
        random_hex(reel);
        reel_send(&vault, &h, &c, reel, blob_bytes(&r[i].bytes), 0, 201, NULL);
    }
    /* From within the first reel into the third: its segments [14,16) [16,18) [18,20), all of the second, two
     * of the third. */
    snprintf(path, sizeof path, "/v1/recordings?camera=%s&from=%u&to=%u", c.hex, SLOT + 15, SLOT + 43);
    ASK(&vault, 200, &a, "DELETE", path, h.owner_auth);
    assert_int_equal(number(&a, "segments"), 3 + 10 + 2);
    timeline_rows(&h, &c, &a);
    json_t *rows = json_object_get(a.json, "reels");
    assert_int_equal(json_array_size(rows), 2);
    assert_int_equal(json_integer_value(json_array_get(json_array_get(rows, 0), 3)), SLOT + 14);
    assert_int_equal(json_integer_value(json_array_get(json_array_get(rows, 1), 2)), SLOT + 44);
    snprintf(path, sizeof path, "/v1/reels/%s",
             json_string_value(json_array_get(json_array_get(rows, 1), 0)));
    ASK(&vault, 200, &b, "GET", path, h.owner_auth);
    assert_true(bytes_equal(blob_bytes(&b.body),
                            BYTES(r[2].bytes.data + r[2].ends[1], r[2].bytes.len - r[2].ends[1])));

    for (unsigned i = 0; i < 3; i++) recorded_clear(&r[i]);

    /* Out of the middle of one: two remain. */
    snprintf(path, sizeof path, "/v1/recordings?camera=%s&from=%u&to=%u", c.hex, SLOT + 4, SLOT + 6);
    ASK(&vault, 200, &a, "DELETE", path, h.owner_auth);
    assert_int_equal(number(&a, "segments"), 1);
    timeline_rows(&h, &c, &a);
    assert_int_equal(json_array_size(json_object_get(a.json, "reels")), 3);
    ASK(&vault, 200, &a, "DELETE", path, h.owner_auth);
    assert_int_equal(number(&a, "segments"), 0);

    /* What arrives while it is being deleted goes too. */
    AUTO(recorded_clear) struct recorded late = {0};
    record(&c, SLOT + 100, 4, &late);
    random_hex(reel);
    int fd = start_upload(&vault, &h, &c, reel, 0, BYTES(late.bytes.data, late.ends[1]));
    wait_held(&vault, &h, reel, late.ends[1]);
    snprintf(path, sizeof path, "/v1/recordings?camera=%s&from=%u&to=%u", c.hex, SLOT + 100, SLOT + 102);
    ASK(&vault, 200, NULL, "DELETE", path, h.owner_auth);
    char chunk[32];
    int n = snprintf(chunk, sizeof chunk, "%zx\r\n", late.bytes.len - late.ends[1]);
    send_all(fd, chunk, (size_t)n);
    send_all(fd, late.bytes.data + late.ends[1], late.bytes.len - late.ends[1]);
    send_all(fd, "\r\n0\r\n\r\n", 7);
    char line[64] = "";
    assert_true(recv(fd, line, sizeof line - 1, 0) > 0);
    assert_non_null(strstr(line, "201"));
    fd_close(&fd);
    timeline_rows(&h, &c, &a);
    rows = json_object_get(a.json, "reels");
    assert_int_equal(json_array_size(rows), 4);
    assert_int_equal(json_integer_value(json_array_get(json_array_get(rows, 3), 2)), SLOT + 102);

    snprintf(path, sizeof path, "/v1/cameras/%s", c.hex);
    ASK(&vault, 204, NULL, "PUT", path, h.owner_auth, .json = json_pack("{s:i}", "retention_days", 30));
    ASK(&vault, 204, NULL, "DELETE", path, h.owner_auth);
    ASK(&vault, 404, NULL, "DELETE", path, h.owner_auth);
    ASK(&vault, 200, &a, "GET", "/v1/usage", h.owner_auth);
    assert_int_equal(number(&a, "bytes"), 0);
    camera_clear(&c);
}

/* A hub, which may be a stolen one, keeps recordings for longer and never for shorter. */
static void test_retention_by_a_hub(void **state) {
    struct household h;
    AUTO(answer_clear) struct answer a = {0};
    char hex[33], path[64];
    household_make(&vault, &h);
    random_hex(hex);
    snprintf(path, sizeof path, "/v1/cameras/%s", hex);
    const struct {
        const char *auth;
        int days;
        long status;
    } steps[] = {{h.writer_auth, 30, 204}, {h.writer_auth, 29, 403}, {h.writer_auth, 31, 204},
                 {h.owner_auth, 7, 204},   {h.writer_auth, 6, 403},  {h.writer_auth, 0, 204},
                 {h.writer_auth, 1, 403}};
    int64_t kept = 0;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        ASK(&vault, steps[i].status, &a, "PUT", path, steps[i].auth,
            .json = json_pack("{s:i}", "retention_days", steps[i].days));
        if (steps[i].status == 403)
            assert_non_null(strstr(answer_text(&a, "message"), "only lengthen"));
        else
            kept = steps[i].days;
        ASK(&vault, 200, &a, "GET", "/v1/cameras", h.owner_auth);
        json_t *row = json_array_get(json_object_get(a.json, "cameras"), 0);
        assert_int_equal(json_integer_value(json_object_get(row, "retention_days")), kept);
    }
}

/* --- reels that are still arriving --- */

#define ARRIVING 128

/* The rows once the last of them has `segments` segments. */
static json_t *wait_arrived(const struct household *h, const struct camera *c, unsigned segments,
                            struct answer *a) {
    int64_t until = steady_now().us + 20000000;
    for (;;) {
        timeline_rows(h, c, a);
        json_t *rows = json_object_get(a->json, "reels");
        size_t count = json_array_size(rows);
        json_t *last = count ? json_array_get(rows, count - 1) : NULL;
        if (json_integer_value(json_array_get(last, 5)) == segments) return rows;
        if (steady_now().us > until) fail_msg("%u segments are not shown", segments);
    }
}

/* Whole segments are there to look at while the reel arrives, for its own household alone. */
static void test_arriving(void **state) {
    struct household h, other;
    struct camera c;
    AUTO(recorded_clear) struct recorded r = {0};
    AUTO(answer_clear) struct answer a = {0}, unknown = {0}, foreign = {0};
    char reel[33], nowhere[33], path[160], text[200], range[80];
    household_make(&vault, &h);
    household_make(&vault, &other);
    camera_make(&c);
    record(&c, SLOT, 6, &r);
    random_hex(reel);
    int fd = start_upload(&vault, &h, &c, reel, 0, BYTES(r.bytes.data, r.ends[2] + 1000));
    json_t *rows = wait_arrived(&h, &c, 3, &a);
    assert_int_equal(json_array_size(rows), 1);
    assert_string_equal(json_string_value(json_array_get(json_array_get(rows, 0), 0)), reel);
    assert_int_equal(cell(rows, 0, 2), SLOT);
    assert_int_equal(cell(rows, 0, 3), SLOT + 6);
    assert_int_equal(cell(rows, 0, 4), r.ends[2]);
    assert_true(cell(rows, 0, 6) & ARRIVING);
    assert_int_equal(json_string_length(json_array_get(json_array_get(rows, 0), 7)),
                     (3 * REEL_ENTRY_BYTES * 4 + 2) / 3);
    ASK(&vault, 200, &a, "GET", "/v1/cameras", h.owner_auth);
    json_t *camera = json_array_get(json_object_get(a.json, "cameras"), 0);
    assert_int_equal(json_integer_value(json_object_get(camera, "first")), SLOT);
    assert_int_equal(json_integer_value(json_object_get(camera, "last")), SLOT + 6);
    const struct {
        uint32_t from, to;
        size_t rows;
    } spans[] = {{0, SLOT, 0}, {0, SLOT + 1, 1}, {SLOT + 5, SLOT + 6, 1}, {SLOT + 6, SLOT + 100, 0}};
    for (size_t i = 0; i < sizeof spans / sizeof *spans; i++) {
        snprintf(path, sizeof path, "/v1/timeline?camera=%s&from=%u&to=%u", c.hex, spans[i].from,
                 spans[i].to);
        ASK(&vault, 200, &a, "GET", path, h.owner_auth);
        assert_int_equal(json_array_size(json_object_get(a.json, "reels")), spans[i].rows);
    }

    /* Its bytes: whole segments, to be kept by nobody. */
    reel_path(path, reel);
    ASK(&vault, 200, &a, "GET", path, h.owner_auth);
    assert_true(bytes_equal(blob_bytes(&a.body), BYTES(r.bytes.data, r.ends[2])));
    assert_string_equal(answer_header(&a, "Cache-Control", text), "no-store");
    assert_string_equal(answer_header(&a, "ETag", text), "");
    snprintf(range, sizeof range, "Range: bytes=%zu-%zu", r.ends[0], r.ends[1] - 1);
    ASK(&vault, 206, &a, "GET", path, h.owner_auth, .headers = {range});
    assert_true(bytes_equal(blob_bytes(&a.body), BYTES(r.bytes.data + r.ends[0], r.ends[1] - r.ends[0])));
    char expected[100];
    snprintf(expected, sizeof expected, "bytes %zu-%zu/%zu", r.ends[0], r.ends[1] - 1, r.ends[2]);
    assert_string_equal(answer_header(&a, "Content-Range", text), expected);
    snprintf(range, sizeof range, "Range: bytes=%zu-%zu", r.ends[1], r.ends[2] + 500);
    ASK(&vault, 206, &a, "GET", path, h.owner_auth, .headers = {range});
    assert_int_equal(a.body.len, r.ends[2] - r.ends[1]);
    snprintf(range, sizeof range, "Range: bytes=%zu-", r.ends[2]);
    ASK(&vault, 416, NULL, "GET", path, h.owner_auth, .headers = {range});
    ASK(&vault, 403, NULL, "GET", path, h.writer_auth);

    /* To another household it is as unknown as any. */
    ASK(&vault, 404, &foreign, "GET", path, other.owner_auth);
    timeline_rows(&other, &c, &a);
    assert_int_equal(json_array_size(json_object_get(a.json, "reels")), 0);
    ASK(&vault, 200, &a, "GET", "/v1/cameras", other.owner_auth);
    assert_int_equal(json_array_size(json_object_get(a.json, "cameras")), 0);
    random_hex(nowhere);
    reel_path(path, nowhere);
    ASK(&vault, 404, &unknown, "GET", path, other.owner_auth);
    assert_true(bytes_equal(blob_bytes(&foreign.body), blob_bytes(&unknown.body)));

    finish_upload(fd, BYTES(r.bytes.data + r.ends[2] + 1000, r.bytes.len - r.ends[2] - 1000));
    fd_close(&fd);
    rows = wait_arrived(&h, &c, 6, &a);
    assert_int_equal(json_array_size(rows), 1);
    assert_false(cell(rows, 0, 6) & ARRIVING);
    reel_path(path, reel);
    ASK(&vault, 200, &a, "GET", path, h.owner_auth);
    assert_true(bytes_equal(blob_bytes(&a.body), blob_bytes(&r.bytes)));
    camera_clear(&c);
}

/* What is deleted is not shown any more, though its reel still arrives. */
static void test_arriving_deleted(void **state) {
    struct household h;
    struct camera c;
    AUTO(recorded_clear) struct recorded r = {0};
    AUTO(answer_clear) struct answer a = {0};
    char reel[33], path[160], range[80];
    household_make(&vault, &h);
    camera_make(&c);
    record(&c, SLOT, 5, &r);
    random_hex(reel);
    int fd = start_upload(&vault, &h, &c, reel, 0, BYTES(r.bytes.data, r.ends[3]));
    wait_arrived(&h, &c, 4, &a);
    snprintf(path, sizeof path, "/v1/recordings?camera=%s&from=%u&to=%u", c.hex, SLOT + 2, SLOT + 3);
    ASK(&vault, 200, NULL, "DELETE", path, h.owner_auth);
    json_t *rows = wait_arrived(&h, &c, 3, &a);
    assert_int_equal(cell(rows, 0, 4), r.ends[3] - (r.ends[1] - r.ends[0]));
    reel_path(path, reel);
    ASK(&vault, 404, NULL, "GET", path, h.owner_auth);
    const struct {
        size_t from, to;
        long status;
    } cases[] = {{0, r.ends[0], 206},
                 {0, r.ends[0] + 1, 404},
                 {r.ends[1] - 1, r.ends[2], 404},
                 {r.ends[1], r.ends[3], 206}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(range, sizeof range, "Range: bytes=%zu-%zu", cases[i].from, cases[i].to - 1);
        ASK(&vault, cases[i].status, &a, "GET", path, h.owner_auth, .headers = {range});
        if (cases[i].status == 206)
            assert_true(bytes_equal(blob_bytes(&a.body),
                                    BYTES(r.bytes.data + cases[i].from, cases[i].to - cases[i].from)));
    }
    snprintf(path, sizeof path, "/v1/recordings?camera=%s&from=%u&to=%u", c.hex, SLOT, SLOT + 100);
    ASK(&vault, 200, NULL, "DELETE", path, h.owner_auth);
    timeline_rows(&h, &c, &a);
    assert_int_equal(json_array_size(json_object_get(a.json, "reels")), 0);
    finish_upload(fd, BYTES(r.bytes.data + r.ends[3], r.bytes.len - r.ends[3]));
    fd_close(&fd);
    camera_clear(&c);
}

/* Deletions stay with a reel whose connection changes, and however many they are, they touch that reel alone.
 */
static void test_arriving_deleted_often(void **state) {
    struct household h;
    struct camera c;
    AUTO(recorded_clear) struct recorded before = {0}, r = {0};
    AUTO(answer_clear) struct answer a = {0};
    char reel[33], earlier[33], path[160];
    household_make(&vault, &h);
    camera_make(&c);
    record(&c, SLOT - 100, 3, &before);
    record(&c, SLOT, 5, &r);
    random_hex(earlier);
    random_hex(reel);
    reel_send(&vault, &h, &c, earlier, blob_bytes(&before.bytes), 0, 201, NULL);
    int fd = start_upload(&vault, &h, &c, reel, 0, BYTES(r.bytes.data, r.ends[1]));
    wait_held(&vault, &h, reel, r.ends[1]);
    for (unsigned i = 0; i < 20; i++) { /* more than are told apart */
        snprintf(path, sizeof path, "/v1/recordings?camera=%s&from=%u&to=%u", c.hex, SLOT, SLOT + 1 + i % 3);
        ASK(&vault, 200, NULL, "DELETE", path, h.owner_auth);
    }
    int second =
        start_upload(&vault, &h, &c, reel, r.ends[1], BYTES(r.bytes.data + r.ends[1], r.ends[2] - r.ends[1]));
    json_t *rows = wait_arrived(&h, &c, 1, &a);
    assert_int_equal(json_array_size(rows), 2);
    assert_int_equal(cell(rows, 0, 5), 3);
    assert_int_equal(cell(rows, 1, 2), SLOT + 4);
    finish_upload(second, BYTES(r.bytes.data + r.ends[2], r.bytes.len - r.ends[2]));
    fd_close(&second);
    fd_close(&fd);
    rows = wait_arrived(&h, &c, 3, &a);
    assert_int_equal(json_array_size(rows), 2);
    assert_string_equal(json_string_value(json_array_get(json_array_get(rows, 0), 0)), earlier);
    assert_int_equal(cell(rows, 1, 2), SLOT + 4);
    camera_clear(&c);
}

/* What is deleted while its reel is staged and no hub is connected stays deleted when the hub is back: after
 * an hour, after a crash of the vault, and whether it was deleted before or after that. */
static void test_deleted_while_broken_off(void **state) {
    static const struct {
        const char *label;
        bool killed_before, killed_after;
    } cases[] = {{"no restart", false, false}, {"killed before", true, false}, {"killed after", false, true}};
    struct daemon d;
    struct household h;
    struct camera c;
    daemon_make(&d, true);
    daemon_start(&d);
    household_make(&d, &h);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        AUTO(recorded_clear) struct recorded r = {0};
        AUTO(answer_clear) struct answer a = {0};
        char reel[33], path[160];
        print_message("# %s\n", cases[i].label);
        camera_make(&c);
        record(&c, SLOT, 6, &r);
        random_hex(reel);
        int fd = start_upload(&d, &h, &c, reel, 0, BYTES(r.bytes.data, r.ends[3]));
        wait_held(&d, &h, reel, r.ends[3]);
        fd_close(&fd);
        if (cases[i].killed_before) {
            daemon_stop(&d, SIGKILL);
            daemon_start(&d);
        }
        wait_held(&d, &h, reel, r.ends[3]);
        const unsigned ranges[][2] = {
            {2, 3}, {6, 8}, {10, 200}}; /* segments 1, 3, and 5, which is still to come */
        for (size_t k = 0; k < 3; k++) {
            snprintf(path, sizeof path, "/v1/recordings?camera=%s&from=%u&to=%u", c.hex, SLOT + ranges[k][0],
                     SLOT + ranges[k][1]);
            ASK(&d, 200, NULL, "DELETE", path, h.owner_auth);
        }
        if (cases[i].killed_after) {
            daemon_stop(&d, SIGKILL);
            daemon_start(&d);
            wait_held(&d, &h, reel, r.ends[3]);
        }
        /* Not shown either, from the moment the hub is back. */
        fd =
            start_upload(&d, &h, &c, reel, r.ends[3], BYTES(r.bytes.data + r.ends[3], r.ends[4] - r.ends[3]));
        wait_held(&d, &h, reel, r.ends[4]);
        rows_of(&d, &h, &c, &a);
        assert_int_equal(cell(json_object_get(a.json, "reels"), 0, 5), 3);
        finish_upload(fd, BYTES(r.bytes.data + r.ends[4], r.bytes.len - r.ends[4]));
        fd_close(&fd);
        rows_of(&d, &h, &c, &a);
        json_t *rows = json_object_get(a.json, "reels");
        assert_int_equal(json_array_size(rows), 3);
        for (size_t k = 0; k < 3; k++) { /* segments 0, 2 and 4 */
            assert_int_equal(cell(rows, k, 2), SLOT + 4 * k);
            assert_int_equal(cell(rows, k, 5), 1);
        }
        /* The next reel brings what was recorded since: only what was on its way was deleted. */
        AUTO(recorded_clear) struct recorded next = {0};
        record(&c, SLOT + 60, 1, &next);
        random_hex(reel);
        reel_send(&d, &h, &c, reel, blob_bytes(&next.bytes), 0, 201, NULL);
        rows_of(&d, &h, &c, &a);
        assert_int_equal(json_array_size(json_object_get(a.json, "reels")), 4);
        camera_clear(&c);
    }
    daemon_stop(&d, SIGTERM);
    AUTO(blob_clear) struct blob said = {0};
    const char *const fsck[] = {"fsck", NULL};
    if (daemon_run(&d, fsck, &said) != 0) fail_msg("fsck: %.*s", (int)said.len, (char *)said.data);
    daemon_clean(&d);
}

/* While a reel becomes a row it is seen once at every moment, and its bytes can be had. */
static void test_arriving_commits(void **state) {
    struct household h;
    struct camera c;
    AUTO(answer_clear) struct answer a = {0};
    household_make(&vault, &h);
    camera_make(&c);
    for (uint32_t i = 0; i < 12; i++) {
        AUTO(recorded_clear) struct recorded r = {0};
        char reel[33], path[128];
        record(&c, SLOT + 60 * i, 3, &r);
        random_hex(reel);
        reel_path(path, reel);
        int fd = start_upload(&vault, &h, &c, reel, 0, blob_bytes(&r.bytes));
        int64_t until = steady_now().us + 20000000;
        for (size_t rows = 0; rows <= i;) {
            timeline_rows(&h, &c, &a);
            rows = json_array_size(json_object_get(a.json, "reels"));
            if (steady_now().us > until) fail_msg("reel %u is not shown", i);
        }
        wait_arrived(&h, &c, 3, &a);
        send_all(fd, "0\r\n\r\n", 5);
        for (bool arriving = true; arriving;) {
            timeline_rows(&h, &c, &a);
            json_t *rows = json_object_get(a.json, "reels");
            assert_int_equal(json_array_size(rows), i + 1);
            assert_int_equal(cell(rows, i, 5), 3);
            arriving = cell(rows, i, 6) & ARRIVING;
            ASK(&vault, 200, &a, "GET", path, h.owner_auth);
            assert_true(bytes_equal(blob_bytes(&a.body), blob_bytes(&r.bytes)));
            if (steady_now().us > until) fail_msg("reel %u is never stored", i);
        }
        fd_close(&fd);
    }
    camera_clear(&c);
}

static void test_events(void **state) {
    struct household h;
    struct camera c;
    AUTO(answer_clear) struct answer a = {0};
    AUTO(blob_clear) struct blob event = {0};
    uint8_t id[EVENT_ID_BYTES];
    char path[160];
    household_make(&vault, &h);
    camera_make(&c);
    assert_int_equal(
        event_seal(&c.keys, EVENT_KIND_EVENT, c.id, 1, SLOT, bytes_text("{\"v\":1}"), id, &event), ERR_OK);
    unsigned day = SLOT / 86400;
    snprintf(path, sizeof path, "/v1/events?camera=%s&day=%u", c.hex, day + 1);
    ASK(&vault, 400, NULL, "POST", path, h.writer_auth, .body = blob_bytes(&event));
    snprintf(path, sizeof path, "/v1/events?camera=%s&day=%u", c.hex, day);
    ASK(&vault, 400, NULL, "POST", path, h.writer_auth, .body = bytes_text("no event"));
    ASK(&vault, 403, NULL, "POST", path, h.owner_auth, .body = blob_bytes(&event));
    for (int i = 0; i < 2; i++) { /* again is the same */
        ASK(&vault, 201, &a, "POST", path, h.writer_auth, .body = blob_bytes(&event));
        assert_int_equal(number(&a, "sequence"), 1);
    }
    ASK(&vault, 200, &a, "GET", path, h.owner_auth);
    assert_int_equal(json_array_size(json_object_get(a.json, "events")), 1);
    assert_int_equal(number(&a, "last"), 1);
    snprintf(path, sizeof path, "/v1/events?camera=%s&day=%u&after=1", c.hex, day);
    ASK(&vault, 200, &a, "GET", path, h.owner_auth);
    assert_int_equal(json_array_size(json_object_get(a.json, "events")), 0);
    /* Its picture: stored and had by id, listed nowhere, and no larger than a picture may be. */
    AUTO(blob_clear) struct blob picture = {0}, huge = {0};
    static const uint8_t jpeg[EVENT_PICTURE_MAX_BYTES];
    char hex[2 * EVENT_ID_BYTES + 1];
    assert_int_equal(event_seal(&c.keys, EVENT_KIND_PICTURE, c.id, 1, SLOT, BYTES_OF(jpeg), id, &picture),
                     ERR_OK);
    hex_encode(BYTES_OF(id), hex);
    snprintf(path, sizeof path, "/v1/events?camera=%s&day=%u", c.hex, day);
    ASK(&vault, 201, &a, "POST", path, h.writer_auth, .body = blob_bytes(&picture));
    ASK(&vault, 200, &a, "GET", path, h.owner_auth);
    assert_int_equal(json_array_size(json_object_get(a.json, "events")), 1);
    assert_int_equal(blob_append(&huge, blob_bytes(&picture)), ERR_OK);
    huge.data[3] = 'V'; /* as large as a picture, and says it is an event */
    ASK(&vault, 400, NULL, "POST", path, h.writer_auth, .body = blob_bytes(&huge));
    snprintf(path, sizeof path, "/v1/events/%s?camera=%s&day=%u", hex, c.hex, day);
    ASK(&vault, 403, NULL, "GET", path, h.writer_auth);
    ASK(&vault, 200, &a, "GET", path, h.owner_auth);
    assert_true(bytes_equal(blob_bytes(&a.body), blob_bytes(&picture)));
    snprintf(path, sizeof path, "/v1/events/%s?camera=%s&day=%u", hex, c.hex, day + 1);
    ASK(&vault, 404, NULL, "GET", path, h.owner_auth);
    snprintf(path, sizeof path, "/v1/events/%s?camera=%s&day=%u", "xyz", c.hex, day);
    ASK(&vault, 400, NULL, "GET", path, h.owner_auth);
    camera_clear(&c);
}

/* A share of the vault that is used up: the upload is refused, what is there stays. */
static void test_quota(void **state) {
    struct daemon d;
    struct household h;
    struct camera c;
    AUTO(recorded_clear) struct recorded r = {0};
    char reel[33], path[128];
    daemon_make(&d, true);
    d.more[0] = "--quota-bytes", d.more[1] = "150000";
    daemon_start(&d);
    household_make(&d, &h);
    camera_make(&c);
    record(&c, SLOT, 5, &r);
    random_hex(reel);
    reel_send(&d, &h, &c, reel, blob_bytes(&r.bytes), 0, 201, NULL);
    reel_path(path, reel);
    random_hex(reel);
    reel_send(&d, &h, &c, reel, blob_bytes(&r.bytes), 0, 507, NULL);
    ASK(&d, 200, NULL, "GET", path, h.owner_auth);
    camera_clear(&c);
    daemon_clean(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reel),
        cmocka_unit_test(test_reel_refused),
        cmocka_unit_test(test_resume),
        cmocka_unit_test(test_names_are_apart),
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_delete),
        cmocka_unit_test(test_retention_by_a_hub),
        cmocka_unit_test(test_arriving),
        cmocka_unit_test(test_arriving_deleted),
        cmocka_unit_test(test_arriving_deleted_often),
        cmocka_unit_test(test_deleted_while_broken_off),
        cmocka_unit_test(test_arriving_commits),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_quota),
    };
    return cmocka_run_group_tests_name("vault recordings", tests, vault_start, vault_stop);
}
