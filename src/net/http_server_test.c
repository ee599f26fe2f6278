#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <curl/curl.h>
#include <pthread.h>

#include "base/file.h"
#include "net/http_server.h"

/* --- a small application --- */

struct stream {
    pthread_mutex_t lock;
    struct http_waker *waker;
    char pending[64];
    bool ended;
};

struct app {
    struct stream stream;
    struct http_waker *parked;
    pthread_mutex_t lock;
};

static void text(struct http_reply *r, unsigned status, const char *body) {
    r->status = status;
    r->type = "text/plain";
    assert_int_equal(blob_append(&r->body, bytes_text(body)), ERR_OK);
}

static enum http_outcome echo(void *app, struct http_request *request, struct http_reply *r) {
    r->status = 200;
    assert_int_equal(blob_append(&r->body, request->body), ERR_OK);
    http_reply_header(r, "X-Param", "%.100s", request->params[0] ? request->params[0] : "");
    return HTTP_DONE;
}

/* Sums a streamed body. */
struct sum {
    uint64_t bytes, sum;
};
static err sum_piece(void *state, struct bytes piece) {
    struct sum *s = state;
    for (size_t i = 0; i < piece.len; i++) s->sum += piece.data[i];
    s->bytes += piece.len;
    return s->bytes > 3000000 ? ERR_LIMIT : ERR_OK;
}
static enum http_outcome sum(void *app, struct http_request *request, struct http_reply *r) {
    char line[80];
    if (request->phase == HTTP_PHASE_HEADERS) {
        if (http_query(request, "refuse")) {
            text(r, 409, "refused");
            return HTTP_DONE;
        }
        request->state = calloc(1, sizeof(struct sum));
        request->state_free = free;
        request->sink = sum_piece;
        return HTTP_RECEIVE;
    }
    const struct sum *s = request->state;
    snprintf(line, sizeof line, "%llu %llu", (unsigned long long)s->bytes, (unsigned long long)s->sum);
    text(r, s->bytes > 3000000 ? 400 : 200, line);
    return HTTP_DONE;
}

static enum http_outcome park(void *context, struct http_request *request, struct http_reply *r) {
    struct app *a = context;
    if (request->woken || request->expired) {
        text(r, 200, request->woken ? "woken" : "expired");
        return HTTP_DONE;
    }
    if (!http_query(request, "alone")) {
        pthread_mutex_lock(&a->lock);
        a->parked = http_waker(request);
        pthread_mutex_unlock(&a->lock);
    }
    r->park_until.us = steady_now().us + (http_query(request, "alone") ? 100000 : 60000000);
    return HTTP_PARK;
}

static enum http_outcome hold(void *app, struct http_request *request, struct http_reply *r) {
    text(r, 200, "held");
    r->hold_until.us = steady_now().us + 100000;
    return HTTP_DONE;
}

static err stream_read(void *state, struct buffer out, size_t *len, bool *end) {
    struct stream *s = state;
    pthread_mutex_lock(&s->lock);
    *len = strlen(s->pending);
    memcpy(out.data, s->pending, *len);
    s->pending[0] = 0;
    *end = s->ended;
    pthread_mutex_unlock(&s->lock);
    return ERR_OK;
}
static void stream_free(void *state) {
    struct stream *s = state;
    pthread_mutex_lock(&s->lock);
    http_waker_unref(s->waker);
    s->waker = NULL;
    pthread_mutex_unlock(&s->lock);
}
static enum http_outcome stream(void *context, struct http_request *request, struct http_reply *r) {
    struct app *a = context;
    pthread_mutex_lock(&a->stream.lock);
    a->stream.waker = http_waker(request);
    pthread_mutex_unlock(&a->stream.lock);
    r->status = 200;
    r->source = (struct http_source){stream_read, stream_free, &a->stream};
    return HTTP_DONE;
}
static void stream_say(struct app *a, const char *line, bool end) {
    pthread_mutex_lock(&a->stream.lock);
    snprintf(a->stream.pending, sizeof a->stream.pending, "%s", line);
    a->stream.ended = end;
    struct http_waker *w = a->stream.waker;
    pthread_mutex_unlock(&a->stream.lock);
    if (w) http_wake(w);
}

static void refuse(void *app, unsigned status, const char *message, struct http_reply *r) {
    text(r, status, message);
}
static void fallback(void *app, struct http_request *request, struct http_reply *r) {
    text(r, 404, "no such thing");
}

static const struct http_route routes[] = {
    {"GET", "/echo/{x}", 0, 0, 0, echo},
    {"POST", "/echo/{x}", 0, 0, 1000, echo},
    {"GET", "/rest/{x…}", 0, HTTP_QUICK, 0, echo},
    {"PUT", "/sum", 0, HTTP_STREAMED_IN, 0, sum},
    {"GET", "/park", 0, 0, 0, park},
    {"GET", "/hold", 0, 0, 0, hold},
    {"GET", "/stream", 0, 0, 0, stream},
};

/* --- the fixture --- */

struct fixture {
    struct app app;
    struct http_app http;
    struct http_server *server;
    char url[64];
};

static int start(void **state) {
    static struct fixture f;
    memset(&f, 0, sizeof f);
    pthread_mutex_init(&f.app.lock, NULL);
    pthread_mutex_init(&f.app.stream.lock, NULL);
    f.http =
        (struct http_app){&f.app, routes, sizeof routes / sizeof *routes, NULL, fallback, refuse, NULL, NULL};
    const struct http_server_options options = {0};
    const struct http_listen listen_on = {"127.0.0.1:0", false, &f.http};
    struct diag d = {0};
    if (http_server_start(&options, &listen_on, 1, &f.server, &d)) fail_msg("%s", d.text);
    snprintf(f.url, sizeof f.url, "http://127.0.0.1:%u", http_server_port(f.server, 0));
    *state = &f;
    return 0;
}

static int stop(void **state) {
    struct fixture *f = *state;
    http_server_close(f->server);
    http_server_join(f->server, 2000);
    return 0;
}

static size_t collect(char *data, size_t size, size_t n, void *arg) {
    return blob_append(arg, BYTES(data, size * n)) ? 0 : size * n;
}

struct upload {
    size_t left, piece;
};
static size_t upload_read(char *out, size_t size, size_t n, void *arg) {
    struct upload *u = arg;
    size_t take = u->left < u->piece ? u->left : u->piece;
    if (take > size * n) take = size * n;
    memset(out, 1, take);
    u->left -= take;
    return take;
}

static long request(struct fixture *f, const char *method, const char *path, const char *body,
                    struct upload *upload, struct blob *out) {
    char url[5000];
    snprintf(url, sizeof url, "%s%s", f->url, path);
    CURL *c = curl_easy_init();
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(c, CURLOPT_TIMEOUT, 20L);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, out);
    if (body) curl_easy_setopt(c, CURLOPT_POSTFIELDS, body);
    if (upload) {
        curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(c, CURLOPT_READFUNCTION, upload_read);
        curl_easy_setopt(c, CURLOPT_READDATA, upload);
    }
    long status = 0;
    CURLcode e = curl_easy_perform(c);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(c);
    if (e) fail_msg("%s %.60s: %s", method, path, curl_easy_strerror(e));
    return status;
}

static void expect(struct fixture *f, const char *method, const char *path, const char *body, long status,
                   const char *answer) {
    AUTO(blob_clear) struct blob out = {0};
    long got = request(f, method, path, body, NULL, &out);
    if (got != status) fail_msg("%s %.60s: %ld, not %ld", method, path, got, status);
    if (answer && !bytes_equal(blob_bytes(&out), bytes_text(answer)))
        fail_msg("%s %.60s: \"%.*s\"", method, path, (int)out.len, (char *)out.data);
}

/* --- the tests --- */

static void test_routes(void **state) {
    struct fixture *f = *state;
    char longer[1002], path[4200];
    memset(longer, 'x', 1001);
    longer[1001] = 0;
    expect(f, "GET", "/echo/a", NULL, 200, "");
    expect(f, "POST", "/echo/a", "hello", 200, "hello");
    expect(f, "POST", "/echo/a", longer + 1, 200, longer + 1);
    expect(f, "POST", "/echo/a", longer, 413, NULL);
    expect(f, "GET", "/echo/a/b", NULL, 404, NULL);
    expect(f, "GET", "/echo/", NULL, 404, NULL);
    expect(f, "GET", "/rest/a/b", NULL, 200, "");
    expect(f, "PUT", "/echo/a", "x", 405, NULL);
    expect(f, "GET", "/echo/%zz", NULL, 400, NULL);
    expect(f, "GET", "/echo/%00", NULL, 400, NULL);
    expect(f, "GET", "/hold", NULL, 200, "held");
    expect(f, "GET", "/park?alone=1", NULL, 200, "expired");
    memset(path, 'a', sizeof path);
    memcpy(path, "/echo/", 6);
    path[4098] = 0;
    expect(f, "GET", path, NULL, 414, NULL);
    path[4096] = 0;
    expect(f, "GET", path, NULL, 200, NULL);
}

static void test_streams_in(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *path;
        size_t bytes, piece;
        long status;
        const char *answer;
    } cases[] = {
        {"/sum", 0, 100, 200, "0 0"},
        {"/sum", 2500000, 60000, 200, "2500000 2500000"},
        {"/sum", 5000, 1, 200, "5000 5000"},
        {"/sum", 4000000, 60000, 400, NULL},
        {"/sum?refuse=1", 4000000, 60000, 409, "refused"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        AUTO(blob_clear) struct blob out = {0};
        struct upload u = {cases[i].bytes, cases[i].piece};
        long status = request(f, "PUT", cases[i].path, NULL, &u, &out);
        if (status != cases[i].status) fail_msg("case %zu: %ld", i, status);
        if (cases[i].answer) assert_true(bytes_equal(blob_bytes(&out), bytes_text(cases[i].answer)));
    }
}

static int dial(struct fixture *f) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(http_server_port(f->server, 0))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void say(int fd, const char *line) {
    assert_int_equal(send(fd, line, strlen(line), MSG_NOSIGNAL), strlen(line));
}

/* Reads until `wanted` has been seen. */
static void hear(int fd, const char *wanted) {
    char got[4096] = "";
    size_t len = 0;
    while (!strstr(got, wanted)) {
        ssize_t n = recv(fd, got + len, sizeof got - 1 - len, 0);
        if (n <= 0) fail_msg("\"%s\" did not come; got \"%s\"", wanted, got);
        len += (size_t)n;
        got[len] = 0;
    }
}

static void test_streams_out(void **state) {
    struct fixture *f = *state;
    AUTO(fd_close) int fd = dial(f);
    stream_say(&f->app, "one", false);
    say(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    hear(fd, "one");
    int slow = 0;
    for (int i = 0; i < 200; i++) {
        char line[32];
        struct steady_us before = steady_now();
        snprintf(line, sizeof line, "line %d.", i);
        stream_say(&f->app, line, false);
        hear(fd, line);
        slow += steady_now().us - before.us >= 40000;
    }
    /* Pushed at once: a delayed acknowledgement or a cork would cost 40 to 200 ms for each, a busy machine
     * for some. */
    assert_true(slow < 50);
    stream_say(&f->app, "", true);
    hear(fd, "0\r\n\r\n");
    stream_say(&f->app, "", false);
}

static void test_parks(void **state) {
    struct fixture *f = *state;
    AUTO(fd_close) int fd = dial(f);
    say(fd, "GET /park HTTP/1.1\r\nHost: x\r\n\r\n");
    struct http_waker *w = NULL;
    while (!w) {
        pthread_mutex_lock(&f->app.lock);
        w = f->app.parked;
        pthread_mutex_unlock(&f->app.lock);
        sched_yield();
    }
    assert_true(http_waker_connected(w));
    http_wake(w);
    hear(fd, "woken");
    http_waker_unref(w);
    f->app.parked = NULL;
}

/* What the library cannot read is refused in the application's words too. */
static void test_no_requests(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *text, *line, *words;
    } cases[] = {
        {"GET / HTTP/9.9\r\n\r\n", "HTTP/1.1 505 ", "this server speaks"},
        {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 ", "this is not a request"}, /* without a Host */
        {"GET / HTTP/1.1\r\nHost: x\r\nno header\r\n\r\n", "HTTP/1.1 400 ", "this is not a request"},
        {"PUT /sum HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n", "HTTP/1.1 400 ",
         "this is not a request"},
        {"PUT /sum HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", "HTTP/1.1 413 ",
         "the body is longer"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char got[4096] = "";
        AUTO(fd_close) int fd = dial(f);
        say(fd, cases[i].text);
        for (ssize_t n, len = 0; (n = recv(fd, got + len, sizeof got - 1 - (size_t)len, 0)) > 0;) len += n;
        if (!strstr(got, cases[i].line) || !strstr(got, cases[i].words) || strstr(got, "<html>"))
            fail_msg("case %zu: %s", i, got);
    }
}

/* Stopping with a stream that waits, a parked request and half a request must neither hang nor crash. */
static void test_stops(void **state) {
    struct fixture *f = *state;
    AUTO(fd_close) int stream_fd = dial(f);
    AUTO(fd_close) int park_fd = dial(f);
    AUTO(fd_close) int half_fd = dial(f);
    stream_say(&f->app, "one", false);
    say(stream_fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    hear(stream_fd, "one");
    say(park_fd, "GET /park HTTP/1.1\r\nHost: x\r\n\r\n");
    say(half_fd, "POST /echo/a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhal");
    for (;;) {
        pthread_mutex_lock(&f->app.lock);
        bool parked = f->app.parked != NULL;
        pthread_mutex_unlock(&f->app.lock);
        if (parked && http_server_active(f->server) == 3) break;
        sched_yield();
    }
    http_server_close(f->server);
    struct steady_us before = steady_now();
    http_server_join(f->server, 50);
    assert_true(steady_now().us - before.us < 5000000);
    http_wake(f->app.parked);
    http_waker_unref(f->app.parked);
    f->app.parked = NULL;
    *state = f;
}

static void test_targets(void **state) {
    static const struct {
        const char *raw;
        err expected;
        const char *path, *a;
    } cases[] = {
        {"/x", ERR_OK, "/x", NULL},
        {"/x?a=1&b", ERR_OK, "/x", "1"},
        {"/x%20y?a=%2f%26", ERR_OK, "/x y", "/&"},
        {"/x?a=1&a=2", ERR_INVALID, NULL, NULL},
        {"/x?=1", ERR_INVALID, NULL, NULL},
        {"/x?a=%0a", ERR_INVALID, NULL, NULL},
        {"/x%2", ERR_INVALID, NULL, NULL},
        {"/../x", ERR_INVALID, NULL, NULL},
        {"/a/%2e%2e", ERR_INVALID, NULL, NULL},
        {"/a/..b", ERR_OK, "/a/..b", NULL},
        {"x", ERR_INVALID, NULL, NULL},
        {"", ERR_INVALID, NULL, NULL},
        {"/?1&2&3&4&5&6&7&8&9&10&11&12&13&14&15&16&17", ERR_LIMIT, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_request r = {0};
        err e = http_target_parse(cases[i].raw, &r.target, NULL);
        if (e != cases[i].expected) fail_msg("%s: %s", cases[i].raw, err_text(e));
        if (e) continue;
        assert_string_equal(r.target.path, cases[i].path);
        const char *a = http_query(&r, "a");
        if (cases[i].a)
            assert_string_equal(a, cases[i].a);
        else
            assert_null(a);
    }
}

static void test_ranges(void **state) {
    static const struct {
        const char *value;
        uint64_t total;
        err expected;
        uint64_t begin, end;
    } cases[] = {
        {"bytes=0-9", 100, ERR_OK, 0, 10},      {"bytes=0-", 100, ERR_OK, 0, 100},
        {"bytes=-5", 100, ERR_OK, 95, 100},     {"bytes=-500", 100, ERR_OK, 0, 100},
        {"bytes=99-200", 100, ERR_OK, 99, 100}, {"bytes=100-", 100, ERR_LIMIT, 0, 0},
        {"bytes=-0", 100, ERR_LIMIT, 0, 0},     {"bytes=0-0", 0, ERR_LIMIT, 0, 0},
        {"bytes=5-4", 100, ERR_INVALID, 0, 0},  {"bytes=0-1,5-6", 100, ERR_INVALID, 0, 0},
        {"bytes=-", 100, ERR_INVALID, 0, 0},    {"bytes=+1-2", 100, ERR_INVALID, 0, 0},
        {"items=0-1", 100, ERR_INVALID, 0, 0},  {"bytes=99999999999999999999-", 100, ERR_INVALID, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t begin = 0, end = 0;
        err e = http_range_parse(cases[i].value, cases[i].total, &begin, &end);
        if (e != cases[i].expected || begin != cases[i].begin || end != cases[i].end)
            fail_msg("%s: %s %llu %llu", cases[i].value, err_text(e), (unsigned long long)begin,
                     (unsigned long long)end);
    }
}

static void test_hosts(void **state) {
    static const struct {
        const char *host;
        bool loopback;
    } cases[] = {{"localhost", true},
                 {"LOCALHOST:80", true},
                 {"127.0.0.1:8080", true},
                 {"[::1]:1", true},
                 {"[::1]", true},
                 {"evil.test", false},
                 {"localhost.evil.test", false},
                 {"127.0.0.1.evil", false},
                 {"", false},
                 {"[::1", false},
                 {"localhost:x", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (http_host_is_loopback(cases[i].host) != cases[i].loopback) fail_msg("%s", cases[i].host);
    assert_false(http_host_is_loopback(NULL));
}

int main(void) {
    curl_global_init(CURL_GLOBAL_ALL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test_setup_teardown(test_routes, start, stop),
        cmocka_unit_test_setup_teardown(test_streams_in, start, stop),
        cmocka_unit_test_setup_teardown(test_streams_out, start, stop),
        cmocka_unit_test_setup_teardown(test_parks, start, stop),
        cmocka_unit_test_setup_teardown(test_no_requests, start, stop),
        cmocka_unit_test_setup(test_stops, start),
    };
    int failed = cmocka_run_group_tests_name("http server", tests, NULL, NULL);
    curl_global_cleanup();
    return failed;
}
