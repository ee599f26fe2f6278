/* Live views, hubs behind NAT, pairing: over HTTP, against the real daemon. */
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
#include "vault/vault_fixture.h"

#define VIEWERS 40

/* --- a reel that is sent piece by piece --- */

struct sending {
    int fd;
};

static int upload_begin(const struct household *h, const struct camera *c, bool store) {
    char head[600], reel[33];
    int fd = daemon_dial(&vault);
    random_hex(reel);
    int n = snprintf(head, sizeof head,
                     "PUT /v1/reels/%s?camera=%s&epoch=1&offset=0&store=%d&live=1 HTTP/1.1\r\nHost: x\r\n"
                     "Authorization: %s\r\nTransfer-Encoding: chunked\r\n\r\n",
                     reel, c->hex, store, h->writer_auth);
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

static void upload_end(int fd, const char *status) {
    char line[1024] = "";
    send_all(fd, "0\r\n\r\n", 5);
    assert_true(recv(fd, line, sizeof line - 1, 0) > 0);
    if (!strstr(line, status)) fail_msg("%s", line);
    close(fd);
}

/* Waits until what a listener has holds `wanted` bytes of header and record messages; they are in *media. */
static void wait_media(struct listener *l, size_t wanted, struct blob *media) {
    AUTO(blob_clear) struct blob all = {0};
    for (size_t n = wanted;; n = all.len + 1) {
        bool there = listener_wait(l, n, &all);
        struct bytes at = blob_bytes(&all);
        struct message m;
        media->len = 0;
        while (message_read(&at, &m))
            if (m.type == 1 || m.type == 2) assert_int_equal(blob_append(media, m.payload), ERR_OK);
        if (media->len >= wanted) return;
        if (!there) fail_msg("%zu bytes of media came, of %zu", media->len, wanted);
    }
}

static void test_live(void **state) {
    struct household h, other;
    struct camera c;
    char path[128];
    AUTO(blob_clear) struct blob one = {0}, two = {0}, both = {0}, media = {0}, none = {0};
    household_make(&vault, &h);
    household_make(&vault, &other);
    camera_make(&c);
    uint32_t now = wall_slot(wall_now());
    segment_append(&c, now, 2, 5, 4000, &one);
    segment_append(&c, now + 2, 2, 5, 4000, &two);
    assert_int_equal(blob_append(&both, blob_bytes(&one)), ERR_OK);
    assert_int_equal(blob_append(&both, blob_bytes(&two)), ERR_OK);

    struct listener early, late, foreign;
    snprintf(path, sizeof path, "/v1/live?cameras=%s", c.hex);
    listener_start(&early, &vault, path, h.owner_auth, false);
    listener_start(&foreign, &vault, path, other.owner_auth, false);
    assert_true(listener_wait(&early, 6, &none)); /* the first beat: it is there */
    assert_true(listener_wait(&foreign, 6, &none));
    int fd = upload_begin(&h, &c, true);
    upload_piece(fd, blob_bytes(&one));
    wait_media(&early, one.len, &media);
    assert_true(bytes_equal(blob_bytes(&media), blob_bytes(&one)));

    /* Who joins in the middle of a segment gets it from its start; torn records are not passed on. */
    upload_piece(fd, BYTES(two.data, two.len / 2));
    listener_start(&late, &vault, path, h.owner_auth, false);
    upload_piece(fd, BYTES(two.data + two.len / 2, two.len - two.len / 2));
    wait_media(&late, two.len, &media);
    assert_true(media.len == two.len || media.len == both.len);
    assert_true(bytes_equal(BYTES(media.data + media.len - two.len, two.len), blob_bytes(&two)));
    wait_media(&early, both.len, &media);
    assert_true(bytes_equal(blob_bytes(&media), blob_bytes(&both)));
    upload_end(fd, "201");

    /* Another household hears nothing of it, not even that the camera exists. */
    assert_true(listener_wait(&foreign, 6, &none));
    assert_int_equal(none.len, 6);
    listener_stop(&early);
    listener_stop(&late);
    listener_stop(&foreign);
    camera_clear(&c);
}

/* store=0: for viewers alone. */
static void test_live_only(void **state) {
    struct household h;
    struct camera c;
    struct listener l;
    char path[128];
    AUTO(blob_clear) struct blob bytes = {0}, media = {0}, none = {0};
    AUTO(answer_clear) struct answer a = {0};
    household_make(&vault, &h);
    camera_make(&c);
    segment_append(&c, wall_slot(wall_now()), 2, 5, 4000, &bytes);
    snprintf(path, sizeof path, "/v1/live?cameras=%s", c.hex);
    listener_start(&l, &vault, path, h.owner_auth, false);
    assert_true(listener_wait(&l, 6, &none));
    int fd = upload_begin(&h, &c, false);
    upload_piece(fd, blob_bytes(&bytes));
    wait_media(&l, bytes.len, &media);
    upload_end(fd, "201");
    ASK(&vault, 200, &a, "GET", "/v1/usage", h.owner_auth);
    assert_int_equal(json_integer_value(json_object_get(a.json, "reels")), 0);
    listener_stop(&l);
    camera_clear(&c);
}

/* Many viewers share one copy; one who does not read is told what it missed, and costs the others nothing. */
static void test_many_and_slow(void **state) {
    struct household h;
    struct camera c;
    static struct listener viewers[VIEWERS];
    struct listener slow;
    char path[128];
    AUTO(blob_clear) struct blob none = {0}, media = {0}, sent = {0};
    household_make(&vault, &h);
    camera_make(&c);
    snprintf(path, sizeof path, "/v1/live?cameras=%s", c.hex);
    for (int i = 0; i < VIEWERS; i++) listener_start(&viewers[i], &vault, path, h.owner_auth, false);
    listener_start(&slow, &vault, path, h.owner_auth, true);
    for (int i = 0; i < VIEWERS; i++) assert_true(listener_wait(&viewers[i], 6, &none));
    int fd = upload_begin(&h, &c, false);
    uint32_t now = wall_slot(wall_now());
    for (unsigned i = 0; i < 12; i++) { /* 12 segments of 1 MB: past 8 MiB, and past 4 segments */
        AUTO(blob_clear) struct blob segment = {0};
        segment_append(&c, now + 2 * i, 2, 5, 100000, &segment);
        upload_piece(fd, blob_bytes(&segment));
        assert_int_equal(blob_append(&sent, blob_bytes(&segment)), ERR_OK);
        for (int j = 0; j < VIEWERS; j++) assert_true(listener_wait(&viewers[j], sent.len, NULL));
    }
    upload_end(fd, "201");
    for (int i = 0; i < VIEWERS; i++) {
        wait_media(&viewers[i], sent.len, &media);
        assert_true(bytes_equal(blob_bytes(&media), blob_bytes(&sent)));
        listener_stop(&viewers[i]);
    }
    /* A last segment, after which the slow one reads: what it has is whole segments, with a word about the
     * gap. */
    AUTO(blob_clear) struct blob last = {0}, all = {0};
    segment_append(&c, now + 30, 2, 5, 1000, &last);
    fd = upload_begin(&h, &c, false);
    upload_piece(fd, blob_bytes(&last));
    upload_end(fd, "201");
    listener_release(&slow);
    bool skipped = false, complete = false, in_segment = false;
    uint8_t ending[SEGMENT_HEADER_BYTES] = {0};
    for (size_t n = 1; !complete; n = all.len + 1) {
        if (!listener_wait(&slow, n, &all)) break;
        struct bytes at = blob_bytes(&all);
        struct message m;
        while (message_read(&at, &m)) {
            if (m.type == 3) skipped |= memmem(m.payload.data, m.payload.len, "skipped", 7) != NULL;
            if (m.type == 1) memcpy(ending, m.payload.data, sizeof ending);
            if (m.type == 1) in_segment = true;
            if (m.type == 2) assert_true(in_segment);
            if (m.type == 3) in_segment = false;
            complete = memcmp(ending, last.data, sizeof ending) == 0 && m.type == 2 &&
                       m.payload.data[4] == RECORD_END;
        }
    }
    print_message("# the slow one got %zu of %zu bytes\n", all.len, sent.len + last.len);
    assert_true(skipped);
    assert_true(complete);
    assert_true(all.len < sent.len + last.len);
    listener_stop(&slow);
    camera_clear(&c);
}

/* A record is with the viewer as soon as it is whole: no corking, no waiting for a full buffer. */
static void test_latency(void **state) {
    struct household h;
    struct camera c;
    struct listener l;
    char path[128];
    AUTO(blob_clear) struct blob bytes = {0}, media = {0}, none = {0};
    household_make(&vault, &h);
    camera_make(&c);
    segment_append(&c, wall_slot(wall_now()), 10, 10, 16000, &bytes);
    snprintf(path, sizeof path, "/v1/live?cameras=%s", c.hex);
    listener_start(&l, &vault, path, h.owner_auth, false);
    assert_true(listener_wait(&l, 6, &none));
    int fd = upload_begin(&h, &c, false);
    /* Record by record, each one waited for. */
    size_t at = SEGMENT_HEADER_BYTES, media_bytes = 0, records = 0, heard = 6;
    int64_t worst = 0, total = 0;
    upload_piece(fd, BYTES(bytes.data, at));
    while (at < bytes.len) {
        size_t len = 4 + be32_get(bytes.data + at);
        struct steady_us before = steady_now();
        upload_piece(fd, BYTES(bytes.data + at, len));
        at += len;
        media_bytes = at;
        heard = 6 + 6 + SEGMENT_HEADER_BYTES + (media_bytes - SEGMENT_HEADER_BYTES) + 6 * (records + 1);
        assert_true(listener_wait(&l, heard, &media));
        int64_t us = steady_now().us - before.us;
        total += us;
        worst = us > worst ? us : worst;
        records++;
    }
    upload_end(fd, "201");
    print_message("# %zu records, to the viewer in %lld us on average, %lld at worst\n", records,
                  (long long)(total / (int64_t)records), (long long)worst);
    assert_true(total / (int64_t)records < 20000);
    listener_stop(&l);
    camera_clear(&c);
}

static void test_live_wants(void **state) {
    struct household h;
    char path[4096] = "/v1/live?cameras=";
    household_make(&vault, &h);
    ASK(&vault, 400, NULL, "GET", "/v1/live", h.owner_auth);
    ASK(&vault, 400, NULL, "GET", "/v1/live?cameras=", h.owner_auth);
    ASK(&vault, 400, NULL, "GET", "/v1/live?cameras=zz", h.owner_auth);
    ASK(&vault, 403, NULL, "GET", "/v1/live?cameras=zz", h.writer_auth);
    char twice[33];
    random_hex(twice);
    snprintf(path, sizeof path, "/v1/live?cameras=%s,%s", twice, twice);
    ASK(&vault, 400, NULL, "GET", path, h.owner_auth);
    size_t used = (size_t)snprintf(path, sizeof path, "/v1/live?cameras=");
    for (int i = 0; i < 65; i++) {
        random_hex(twice);
        used += (size_t)snprintf(path + used, sizeof path - used, "%s%s", i ? "," : "", twice);
    }
    ASK(&vault, 400, NULL, "GET", path, h.owner_auth);
}

/* --- hubs --- */

/* Waits for the first message of `type` in a listener; its payload is copied to *out. */
static void wait_message(struct listener *l, uint8_t type, const char *holding, struct blob *out) {
    AUTO(blob_clear) struct blob all = {0};
    for (size_t n = 1;; n = all.len + 1) {
        bool there = listener_wait(l, n, &all);
        struct bytes at = blob_bytes(&all);
        struct message m;
        while (message_read(&at, &m)) {
            if (m.type != type ||
                (holding && !memmem(m.payload.data, m.payload.len, holding, strlen(holding))))
                continue;
            out->len = 0;
            assert_int_equal(blob_append(out, m.payload), ERR_OK);
            return;
        }
        if (!there) fail_msg("no message of type %u came", type);
    }
}

struct commanding {
    const struct household *h;
    uint8_t body[80];
    struct answer answer;
};

static void *command(void *arg) {
    struct commanding *c = arg;
    char path[128], hub[33];
    hex_encode(BYTES_OF(c->h->hub), hub);
    snprintf(path, sizeof path, "/v1/hubs/%s/commands?wait_s=20", hub);
    const struct ask q = {"POST", path, c->h->owner_auth, .body = BYTES_OF(c->body)};
    ask(&vault, &q, &c->answer);
    return NULL;
}

static void test_hub(void **state) {
    struct household h, other;
    struct listener hub, again, viewer;
    struct camera c;
    char path[160], hex[33], id[33];
    AUTO(blob_clear) struct blob none = {0}, got = {0};
    AUTO(answer_clear) struct answer a = {0};
    household_make(&vault, &h);
    household_make(&vault, &other);
    camera_make(&c);
    hex_encode(BYTES_OF(h.hub), hex);
    snprintf(path, sizeof path, "/v1/hubs/%s/commands", hex);
    uint8_t body[80];
    random_bytes(body, sizeof body);
    ASK(&vault, 404, &a, "POST", path, h.owner_auth, .body = BYTES_OF(body));
    ASK(&vault, 404, NULL, "POST", path, other.owner_auth, .body = BYTES_OF(body));

    listener_start(&hub, &vault, "/v1/hub/commands?instance=one", h.writer_auth, false);
    assert_true(listener_wait(&hub, 6, &none));
    ASK(&vault, 200, &a, "GET", "/v1/hubs", h.owner_auth);
    json_t *row = json_array_get(json_object_get(a.json, "hubs"), 0);
    assert_true(json_is_true(json_object_get(row, "online")));
    assert_string_equal(json_string_value(json_object_get(row, "hub")), hex);

    /* Two with one identity: the second is refused while the first is there. */
    ASK(&vault, 409, NULL, "GET", "/v1/hub/commands?instance=two", h.writer_auth);

    /* A command and its reply. */
    struct commanding q = {.h = &h};
    pthread_t thread;
    random_bytes(q.body, sizeof q.body);
    assert_int_equal(pthread_create(&thread, NULL, command, &q), 0);
    wait_message(&hub, 16, NULL, &got);
    assert_true(bytes_equal(blob_bytes(&got), BYTES_OF(q.body)));
    hex_encode(BYTES(q.body, 16), id);
    snprintf(path, sizeof path, "/v1/hub/replies/%s", id);
    ASK(&vault, 204, NULL, "POST", path, other.writer_auth,
        .body = bytes_text("not yours")); /* goes nowhere */
    ASK(&vault, 204, NULL, "POST", path, h.writer_auth, .body = bytes_text("done"));
    pthread_join(thread, NULL);
    assert_int_equal(q.answer.status, 200);
    assert_true(bytes_equal(blob_bytes(&q.answer.body), bytes_text("done")));
    answer_clear(&q.answer);

    /* One that is not answered. */
    snprintf(path, sizeof path, "/v1/hubs/%s/commands?wait_s=0", hex);
    ASK(&vault, 504, NULL, "POST", path, h.owner_auth, .body = BYTES_OF(body));

    /* Who watches. */
    snprintf(path, sizeof path, "/v1/live?cameras=%s", c.hex);
    listener_start(&viewer, &vault, path, h.owner_auth, false);
    char one[64], zero[64];
    snprintf(one, sizeof one, "\"%s\":1", c.hex);
    snprintf(zero, sizeof zero, "\"%s\":0", c.hex);
    wait_message(&hub, 17, one, &got);

    /* The same hub comes again before its old connection has been missed: it is told who watches. */
    listener_start(&again, &vault, "/v1/hub/commands?instance=one", h.writer_auth, false);
    wait_message(&again, 17, one, &got);
    wait_message(&viewer, 3, "\"online\":true", &got);
    /* The answer's end of the viewer shows when the vault next writes to it: here, with the hub's going. */
    char gone[128];
    hex_encode(BYTES_OF(h.writer.public_key), gone);
    char remove[200];
    snprintf(remove, sizeof remove, "/v1/capabilities/%s", gone);
    ASK(&vault, 204, NULL, "DELETE", remove, h.owner_auth);
    wait_message(&viewer, 3, "\"online\":false", &got);
    listener_stop(&again); /* both have been ended */
    listener_stop(&hub);
    ASK(&vault, 401, NULL, "GET", "/v1/hub/commands?instance=one", h.writer_auth);
    listener_stop(&viewer);
    camera_clear(&c);
}

/* Doorbells: the hub says which it listens for, the vault keeps nothing, and who has no token rings nowhere.
 */
static void test_doorbell(void **state) {
    (void)state;
    struct household h;
    struct listener hub;
    char token[64], path[1024], press[160], hex[33], *at;
    uint8_t hash[HASH_BYTES], expected[16];
    AUTO(blob_clear) struct blob none = {0}, got = {0};
    household_make(&vault, &h);
    memset(token, 'a', sizeof token);
    token[43] = 0;
    hash_sha256(bytes_text(token), hash);
    memcpy(expected, hash, sizeof expected);
    hex_encode(BYTES_OF(expected), hex);
    snprintf(press, sizeof press, "/v1/ring/%s", token);
    ASK(&vault, 404, NULL, "POST", press, NULL);
    static const char *const wrong[] = {"x", "0123", "0123456789abcdef0123456789abcdeg",
                                        "0123456789abcdef0123456789abcdef,"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(path, sizeof path, "/v1/hub/commands?instance=one&rings=%s", wrong[i]);
        ASK(&vault, 400, NULL, "GET", path, h.writer_auth);
    }
    at = path + snprintf(path, sizeof path, "/v1/hub/commands?instance=one&rings=%s", hex);
    for (int i = 0; i < 16; i++) at += snprintf(at, (size_t)(path + sizeof path - at), ",%032x", i + 1);
    ASK(&vault, 400, NULL, "GET", path, h.writer_auth); /* 17 */
    at[-33] = 0;                                        /* 16 */
    listener_start(&hub, &vault, path, h.writer_auth, false);
    assert_true(listener_wait(&hub, 6, &none));
    ASK(&vault, 204, NULL, "POST", press, NULL);
    wait_message(&hub, 18, NULL, &got);
    assert_true(bytes_equal(blob_bytes(&got), BYTES_OF(expected)));
    ASK(&vault, 204, NULL, "GET", press, NULL);
    press[strlen(press) - 1] = 'b';
    ASK(&vault, 404, NULL, "GET", press, NULL);
    press[strlen(press) - 1] = 0;
    ASK(&vault, 404, NULL, "GET", press, NULL);
    snprintf(press, sizeof press, "/v1/ring/%s", token);
    listener_stop(&hub);
    int status = 0;
    for (int i = 0; i < 40 && status != 429; i++) { /* somebody who leans on it */
        AUTO(answer_clear) struct answer a = {0};
        const struct ask q = {"POST", press, NULL, .body = {0}};
        ask(&vault, &q, &a);
        status = (int)a.status;
    }
    assert_int_equal(status, 429);
}

/* A hub whose connection has broken does not keep the next instance out. */
static void test_hub_replaced(void **state) {
    struct household h;
    struct listener first, second;
    AUTO(blob_clear) struct blob none = {0};
    household_make(&vault, &h);
    listener_start(&first, &vault, "/v1/hub/commands?instance=one", h.writer_auth, false);
    assert_true(listener_wait(&first, 6, &none));
    listener_stop(&first); /* its socket is closed; the vault has not written since */
    listener_start(&second, &vault, "/v1/hub/commands?instance=two", h.writer_auth, false);
    if (!listener_wait(&second, 6, &none)) fail_msg("%ld", second.status);
    listener_stop(&second);
}

static void *pairing_wait(void *arg) {
    struct answer *a = arg;
    char path[128];
    snprintf(path, sizeof path, "/v1/pairing/%s/answer", "00112233445566778899aabbccddeeff");
    const struct ask q = {"GET", path};
    ask(&vault, &q, a);
    return NULL;
}

static void test_pairing(void **state) {
    uint8_t bytes[32] = {1}, other[32] = {2};
    AUTO(answer_clear) struct answer a = {0}, waited = {0};
    const char *id = "00112233445566778899aabbccddeeff";
    ASK(&vault, 404, NULL, "GET", "/v1/pairing/00112233445566778899aabbccddeeff");
    ASK(&vault, 404, NULL, "GET", "/v1/pairing/00112233445566778899aabbccddeeff/answer");
    for (int i = 0; i < 3; i++)
        ASK(&vault, i == 2 ? 409 : 201, NULL, "POST", "/v1/pairing",
            .json = json_pack("{s:s,s:o,s:o,s:o}", "id", id, "sign", json_base64(BYTES_OF(bytes)), "box",
                              json_base64(BYTES_OF(bytes)), "mac",
                              json_base64(i == 2 ? BYTES_OF(other) : BYTES_OF(bytes))));
    ASK(&vault, 200, &a, "GET", "/v1/pairing/00112233445566778899aabbccddeeff");
    assert_int_equal(strlen(answer_text(&a, "mac")), 43);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, pairing_wait, &waited), 0);
    ASK(&vault, 201, NULL, "POST", "/v1/pairing/00112233445566778899aabbccddeeff/answer",
        .json = json_pack("{s:o}", "answer", json_base64(BYTES_OF(other))));
    pthread_join(thread, NULL);
    assert_int_equal(waited.status, 200);
    assert_int_equal(strlen(answer_text(&waited, "answer")), 43);
    ASK(&vault, 409, NULL, "POST", "/v1/pairing/00112233445566778899aabbccddeeff/answer",
        .json = json_pack("{s:o}", "answer", json_base64(BYTES_OF(bytes))));
}

/* SIGTERM with viewers, a hub and an upload open: it ends by itself, soon, with status 0. */
static void test_stop(void **state) {
    struct daemon d;
    struct household h;
    struct camera c;
    struct listener viewer, hub;
    char path[160];
    AUTO(blob_clear) struct blob none = {0}, bytes = {0};
    daemon_make(&d, true);
    daemon_start(&d);
    struct daemon main_vault = vault;
    household_make(&d, &h);
    camera_make(&c);
    snprintf(path, sizeof path, "/v1/live?cameras=%s", c.hex);
    listener_start(&viewer, &d, path, h.owner_auth, false);
    listener_start(&hub, &d, "/v1/hub/commands?instance=a", h.writer_auth, false);
    assert_true(listener_wait(&viewer, 6, &none));
    assert_true(listener_wait(&hub, 6, &none));
    segment_append(&c, wall_slot(wall_now()), 2, 5, 1000, &bytes);
    vault = d;
    int fd = upload_begin(&h, &c, true);
    upload_piece(fd, blob_bytes(&bytes));
    vault = main_vault;
    struct steady_us before = steady_now();
    daemon_stop(&d, SIGTERM);
    assert_true(steady_now().us - before.us < 10000000);
    close(fd);
    listener_stop(&viewer);
    listener_stop(&hub);
    camera_clear(&c);
    daemon_clean(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_live),          cmocka_unit_test(test_live_only),
        cmocka_unit_test(test_many_and_slow), cmocka_unit_test(test_latency),
        cmocka_unit_test(test_live_wants),    cmocka_unit_test(test_hub),
        cmocka_unit_test(test_doorbell),      cmocka_unit_test(test_hub_replaced),
        cmocka_unit_test(test_pairing),       cmocka_unit_test(test_stop),
    };
    return cmocka_run_group_tests_name("vault live", tests, vault_start, vault_stop);
}
