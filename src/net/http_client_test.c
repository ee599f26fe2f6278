/* Against a small server on libmicrohttpd, over a real socket. */
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "net/http_client.h"

struct request_state {
    struct blob body;
    bool begun;
};

static atomic_size_t server_received; /* of the upload in flight */

static enum MHD_Result answer(struct MHD_Connection *c, unsigned status, struct bytes body) {
    struct MHD_Response *r =
        MHD_create_response_from_buffer(body.len, (void *)(uintptr_t)body.data, MHD_RESPMEM_MUST_COPY);
    MHD_add_response_header(r, "Upload-Offset", "  42 ");
    enum MHD_Result result = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return result;
}

/* One piece each time it is asked, three in all, then silence for ever. */
static ssize_t drip(void *context, uint64_t position, char *out, size_t room) {
    (void)context;
    if (position >= 15) {
        struct timespec pause = {
            0, 20000000}; /* the library asks again in a loop: silence costs no more than this */
        nanosleep(&pause, NULL);
        return 0;
    }
    if (room < 5) return 0;
    memcpy(out, "piece", 5);
    return 5;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *c, const char *url, const char *method,
                              const char *version, const char *data, size_t *data_len, void **own) {
    (void)context;
    (void)version;
    struct request_state *state = *own;
    if (!state) {
        if (strcmp(url, "/early") == 0)
            return answer(c, 409, bytes_text("{\"error\":\"exists\",\"message\":\"had it\"}"));
        *own = calloc(1, sizeof *state);
        return *own ? MHD_YES : MHD_NO;
    }
    if (*data_len) {
        if (blob_append(&state->body, BYTES(data, *data_len))) return MHD_NO;
        atomic_fetch_add(&server_received, *data_len);
        *data_len = 0;
        return MHD_YES;
    }
    if (strcmp(url, "/drip") == 0) {
        struct MHD_Response *r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 1024, drip, NULL, NULL);
        enum MHD_Result result = MHD_queue_response(c, 200, r);
        MHD_destroy_response(r);
        return result;
    }
    if (strcmp(url, "/authorization") == 0) {
        const char *value = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Authorization");
        return answer(c, 200, bytes_text(value ? value : ""));
    }
    if (strcmp(url, "/refuse") == 0)
        return answer(c, 403, bytes_text("{\"error\":\"denied\",\"message\":\"not for you\"}"));
    if (strcmp(url, "/gone") == 0) return answer(c, 404, bytes_text("plain words"));
    if (strcmp(method, "HEAD") == 0) return answer(c, 200, (struct bytes){0});
    return answer(c, 201, blob_bytes(&state->body));
}

static void request_over(void *context, struct MHD_Connection *c, void **own,
                         enum MHD_RequestTerminationCode why) {
    (void)context;
    (void)c;
    (void)why;
    struct request_state *state = *own;
    if (!state) return;
    blob_clear(&state->body);
    free(state);
    *own = NULL;
}

static struct MHD_Daemon *server;
static struct http_client *client;

static int start(void **state) {
    (void)state;
    server = MHD_start_daemon(
        MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, handle, NULL,
        MHD_OPTION_SOCK_ADDR,
        &(struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
        MHD_OPTION_NOTIFY_COMPLETED, request_over, NULL, MHD_OPTION_END);
    if (!server) return -1;
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u",
             MHD_get_daemon_info(server, MHD_DAEMON_INFO_BIND_PORT)->port);
    return http_client_new(&(struct http_options){.url = url}, &client, NULL);
}

static int stop(void **state) {
    (void)state;
    http_client_free(client);
    MHD_stop_daemon(server);
    return 0;
}

static void test_short_requests(void **state) {
    (void)state;
    AUTO(http_response_clear) struct http_response r = {0};
    struct diag d = {{0}};
    struct http_request put = {
        .method = "PUT", .path = "/echo", .body = BYTES("a\0b", 3), .timeout_ms = 5000};
    assert_int_equal(http_client_do(client, &put, &r, &d), ERR_OK);
    assert_int_equal(r.status, 201);
    assert_true(bytes_equal(blob_bytes(&r.body), BYTES("a\0b", 3)));
    char value[8];
    assert_int_equal(
        http_response_header(&r, "upload-offset", (struct buffer){(uint8_t *)value, sizeof value}), ERR_OK);
    assert_string_equal(value, "42");
    assert_int_equal(http_response_header(&r, "upload", (struct buffer){(uint8_t *)value, sizeof value}),
                     ERR_NOT_FOUND);

    struct http_request head = {.method = "HEAD", .path = "/echo", .timeout_ms = 5000};
    assert_int_equal(http_client_do(client, &head, &r, &d), ERR_OK);
    assert_int_equal(r.body.len, 0);

    struct http_request get = {
        .method = "GET", .path = "/authorization", .authorization = "Access abc", .timeout_ms = 5000};
    assert_int_equal(http_client_do(client, &get, &r, &d), ERR_OK);
    assert_true(bytes_equal(blob_bytes(&r.body), bytes_text("Access abc")));
    get.authorization = "Access abc\r\nX: y";
    assert_int_equal(http_client_do(client, &get, &r, &d), ERR_INVALID);
}

static void test_json_and_refusals(void **state) {
    (void)state;
    struct diag d = {{0}};
    AUTO(json_release) json_t *body = json_pack("{s:i}", "n", 5), *back = NULL;
    assert_int_equal(http_client_json(client, "POST", "/echo", NULL, body, &back, &d), ERR_OK);
    assert_true(json_equal(body, back));
    assert_int_equal(http_client_json(client, "POST", "/refuse", NULL, body, NULL, &d), ERR_DENIED);
    assert_string_equal(d.text, "not for you");
    assert_int_equal(http_client_json(client, "GET", "/gone", NULL, NULL, NULL, &d), ERR_NOT_FOUND);
    assert_string_equal(d.text, "the server answered 404");
}

/* A body that another thread makes while it is sent. */
struct spout {
    pthread_mutex_t lock;
    size_t made, sent;
    bool ended;
};
#define SPOUT_PIECES 50
#define SPOUT_PIECE 3000

static void *make_pieces(void *context) {
    struct spout *s = context;
    for (int i = 0; i < SPOUT_PIECES; i++) {
        /* Each piece is offered only when the one before it has reached the server: nothing waits for more to
         * come. */
        while (atomic_load(&server_received) < (size_t)i * SPOUT_PIECE) sched_yield();
        pthread_mutex_lock(&s->lock);
        s->made += SPOUT_PIECE;
        s->ended = i == SPOUT_PIECES - 1;
        pthread_mutex_unlock(&s->lock);
        http_client_wake(client);
    }
    return NULL;
}

static err feed(void *context, struct buffer room, size_t *out_len) {
    struct spout *s = context;
    pthread_mutex_lock(&s->lock);
    size_t n = s->made - s->sent < room.len ? s->made - s->sent : room.len;
    bool wait = n == 0 && !s->ended;
    for (size_t i = 0; i < n; i++) room.data[i] = (uint8_t)((s->sent + i) % 251);
    s->sent += n;
    pthread_mutex_unlock(&s->lock);
    *out_len = n;
    return wait ? ERR_BUSY : ERR_OK;
}

struct outcome {
    bool over;
    err e;
    struct blob body;
};
static void on_done(void *context, err e, const struct http_response *r, const struct diag *d) {
    (void)d;
    struct outcome *o = context;
    o->over = true;
    o->e = e ? e : blob_append(&o->body, blob_bytes(&r->body));
}

static void test_upload_that_grows(void **state) {
    (void)state;
    struct spout spout = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct outcome o = {0};
    struct http_transfer *t;
    atomic_store(&server_received, 0);
    struct http_request put = {.method = "PUT", .path = "/echo", .feed = feed, .context = &spout};
    assert_int_equal(http_client_start(client, &put, on_done, &o, &t, NULL), ERR_OK);
    pthread_t maker;
    assert_int_equal(pthread_create(&maker, NULL, make_pieces, &spout), 0);
    while (!o.over) {
        http_client_run(client, 5000);
        if (!o.over) http_transfer_resume(t);
    }
    pthread_join(maker, NULL);
    assert_int_equal(o.e, ERR_OK);
    assert_int_equal(o.body.len, SPOUT_PIECES * SPOUT_PIECE);
    for (size_t i = 0; i < o.body.len; i++) assert_int_equal(o.body.data[i], i % 251);
    blob_clear(&o.body);
}

static err give_up(void *context, struct buffer room, size_t *out_len) {
    (void)context;
    (void)room;
    (void)out_len;
    return ERR_NO_SPACE;
}

static err take(void *context, struct bytes piece) {
    size_t *got = context;
    *got += piece.len;
    return ERR_OK;
}

static err take_ten(void *context, struct bytes piece) {
    size_t *got = context;
    *got += piece.len;
    return *got >= 10 ? ERR_EXISTS : ERR_OK;
}

static void test_streams_end(void **state) {
    (void)state;
    size_t got = 0;
    struct http_request put = {.method = "PUT", .path = "/echo", .feed = give_up};
    assert_int_equal(http_client_do(client, &put, NULL, NULL), ERR_NO_SPACE);
    struct spout endless = {.lock = PTHREAD_MUTEX_INITIALIZER, .made = 1 << 20};
    struct diag d = {{0}};
    struct http_request early = {.method = "PUT", .path = "/early", .feed = feed, .context = &endless};
    err e = ERR_UNREACHABLE; /* although the body never ends; a reset may overtake the answer, but not each
                                time */
    for (int tries = 0; e == ERR_UNREACHABLE && tries < 50; tries++) {
        endless.made = 1 << 20;
        e = http_client_do(client, &early, NULL, &d);
    }
    assert_int_equal(e, ERR_EXISTS);
    assert_string_equal(d.text, "had it");
    struct http_request silent = {
        .method = "GET", .path = "/drip", .data = take, .context = &got, .idle_ms = 300};
    assert_int_equal(http_client_do(client, &silent, NULL, NULL), ERR_TIMEOUT);
    assert_int_equal(got, 15);
    got = 0;
    struct http_request enough = {.method = "GET", .path = "/drip", .data = take_ten, .context = &got};
    assert_int_equal(http_client_do(client, &enough, NULL, NULL), ERR_EXISTS);
    struct http_request large = {
        .method = "PUT", .path = "/echo", .body = BYTES("0123456789", 10), .answer_max_bytes = 9};
    assert_int_equal(http_client_do(client, &large, NULL, NULL), ERR_LIMIT);
    large.answer_max_bytes = 10;
    assert_int_equal(http_client_do(client, &large, NULL, NULL), ERR_OK);

    struct outcome o = {0};
    struct http_transfer *t;
    assert_int_equal(http_client_start(client, &silent, on_done, &o, &t, NULL), ERR_OK);
    http_transfer_cancel(t);
    while (!o.over) http_client_run(client, 1000);
    assert_int_equal(o.e, ERR_CANCELLED);
}

static void *stop_soon(void *context) {
    while (atomic_load((atomic_bool *)context) == false) sched_yield();
    http_client_stop(client);
    return NULL;
}
static atomic_bool streaming;
static err note_streaming(void *context, struct bytes piece) {
    (void)context;
    (void)piece;
    atomic_store(&streaming, true);
    return ERR_OK;
}
static void test_stop_from_another_thread(void **state) {
    (void)state;
    pthread_t stopper;
    assert_int_equal(pthread_create(&stopper, NULL, stop_soon, &streaming), 0);
    struct http_request stream = {.method = "GET", .path = "/drip", .data = note_streaming};
    assert_int_equal(http_client_do(client, &stream, NULL, NULL), ERR_CANCELLED);
    pthread_join(stopper, NULL);
}

static void test_unreachable_and_addresses(void **state) {
    (void)state;
    static const struct {
        const char *url;
        err expected;
    } cases[] = {
        {"http://127.0.0.1:1", ERR_OK},
        {"https://example.org:8443/", ERR_OK},
        {"http://[::1]:80", ERR_OK},
        {"http://example.org", ERR_INVALID},
        {"http://127.0.0.1@x.org", ERR_INVALID},
        {"ftp://127.0.0.1", ERR_INVALID},
        {"https://example.org/path", ERR_INVALID},
        {"https://example.org?x", ERR_INVALID},
        {"file:///etc/passwd", ERR_INVALID},
        {"", ERR_INVALID},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_client *c = NULL;
        struct diag d = {{0}};
        err e = http_client_new(&(struct http_options){.url = cases[i].url}, &c, &d);
        if (e != cases[i].expected) fail_msg("%s: %s %s", cases[i].url, err_text(e), d.text);
        if (i == 0) assert_int_equal(http_client_json(c, "GET", "/", NULL, NULL, NULL, &d), ERR_UNREACHABLE);
        http_client_free(c);
    }
    struct http_client *c = NULL;
    assert_int_equal(
        http_client_new(&(struct http_options){"https://a.org", "/nonexistent/ca.pem"}, &c, NULL),
        ERR_NOT_FOUND);
    char out[16];
    assert_int_equal(http_escape("a b/é", (struct buffer){(uint8_t *)out, sizeof out}), ERR_OK);
    assert_string_equal(out, "a%20b%2F%C3%A9");
    assert_int_equal(http_escape("a b/é", (struct buffer){(uint8_t *)out, 14}), ERR_LIMIT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_short_requests, start, stop),
        cmocka_unit_test_setup_teardown(test_json_and_refusals, start, stop),
        cmocka_unit_test_setup_teardown(test_upload_that_grows, start, stop),
        cmocka_unit_test_setup_teardown(test_streams_end, start, stop),
        cmocka_unit_test_setup_teardown(test_stop_from_another_thread, start, stop),
        cmocka_unit_test(test_unreachable_and_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
