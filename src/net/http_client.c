#include "net/http_client.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "net/curl_setup.h"

#define UNACKNOWLEDGED_MS 30000 /* a peer that vanished without a word */
#define JSON_REQUEST_MS 30000

struct http_transfer {
    struct http_client *client;
    struct http_transfer *next, *previous;
    CURL *easy;
    struct curl_slist *headers;
    struct blob owned_body; /* of JSON */
    struct bytes body;      /* what is left to send of a body in memory */
    err (*feed)(void *context, struct buffer room, size_t *out_len);
    err (*data)(void *context, struct bytes piece);
    void *context;
    http_done_fn *done;
    void *done_context;
    struct http_response response;
    size_t answer_max_bytes;
    uint32_t idle_ms;
    struct steady_us active; /* when a byte last moved */
    bool paused;
    bool refused; /* the answer came before the body's end, and it is no: nothing more is sent */
    bool cancelled;
    err failure; /* of a callback */
    char words[CURL_ERROR_SIZE];
};

struct http_client {
    CURLM *multi;
    char *url, *ca_file;
    bool loopback;
    uint32_t patience_ms; /* 0: none of its own */
    struct http_transfer *transfers;
    atomic_bool stopped;
};

static bool is_loopback(const char *host) {
    return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 || strncmp(host, "127.", 4) == 0;
}

/* Takes the URL apart with libcurl's own parser, so that what is checked is what will be connected to. */
static err check_url(const char *url, char **out, bool *loopback, struct diag *d) {
    CURLU *parts = curl_url();
    char *scheme = NULL, *host = NULL, *path = NULL, *user = NULL, *query = NULL, *whole = NULL;
    err e = ERR_OK;
    if (!parts) return ERR_NO_MEMORY;
    if (strlen(url) > HTTP_URL_MAX_BYTES / 2 || curl_url_set(parts, CURLUPART_URL, url, 0) ||
        curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) || curl_url_get(parts, CURLUPART_HOST, &host, 0) ||
        curl_url_get(parts, CURLUPART_PATH, &path, 0) || strcmp(path, "/") != 0 ||
        curl_url_get(parts, CURLUPART_USER, &user, 0) == CURLUE_OK ||
        curl_url_get(parts, CURLUPART_QUERY, &query, 0) == CURLUE_OK ||
        (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0))
        e = diag_fail(d, ERR_INVALID, "the server's address must look like https://vault.example:8443");
    else if (strcmp(scheme, "http") == 0 && !is_loopback(host))
        e = diag_fail(d, ERR_INVALID,
                      "http:// is for this machine alone (127.0.0.1); use https:// for %.200s", host);
    else if (curl_url_get(parts, CURLUPART_URL, &whole, 0) || !(*out = strdup(whole)))
        e = ERR_NO_MEMORY;
    if (!e) {
        *loopback = is_loopback(host);
        size_t len = strlen(*out);
        if ((*out)[len - 1] == '/') (*out)[len - 1] = 0;
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(path);
    curl_free(user);
    curl_free(query);
    curl_free(whole);
    curl_url_cleanup(parts);
    return e;
}

err http_client_new(const struct http_options *options, struct http_client **out, struct diag *d) {
    err e = curl_begin(options->ca_file, d);
    if (e) return e;
    struct http_client *c = calloc(1, sizeof *c);
    if (!c) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    e = check_url(options->url, &c->url, &c->loopback, d);
    if (!e && options->ca_file && !(c->ca_file = strdup(options->ca_file))) e = ERR_NO_MEMORY;
    if (!e && !(c->multi = curl_multi_init())) e = ERR_NO_MEMORY;
    if (e) {
        http_client_free(c);
        return e;
    }
    *out = c;
    return ERR_OK;
}

static void transfer_free(struct http_transfer *t) {
    struct http_client *c = t->client;
    if (t->easy) {
        curl_multi_remove_handle(c->multi, t->easy);
        curl_easy_cleanup(t->easy);
    }
    if (t->previous)
        t->previous->next = t->next;
    else if (c->transfers == t)
        c->transfers = t->next;
    if (t->next) t->next->previous = t->previous;
    curl_lines_free(t->headers);
    blob_clear(&t->owned_body);
    http_response_clear(&t->response);
    free(t);
}

void http_client_free(struct http_client *c) {
    if (!c) return;
    while (c->transfers) transfer_free(c->transfers);
    if (c->multi) curl_multi_cleanup(c->multi);
    free(c->url);
    free(c->ca_file);
    free(c);
}

void http_response_clear(struct http_response *r) {
    blob_clear(&r->body);
    blob_clear(&r->headers);
    r->status = 0;
}

err http_response_header(const struct http_response *r, const char *name, struct buffer out) {
    size_t name_len = strlen(name);
    const char *at = (const char *)r->headers.data, *end = at + r->headers.len;
    while (at < end) {
        const char *eol = memchr(at, '\n', (size_t)(end - at));
        if (!eol) eol = end;
        if ((size_t)(eol - at) > name_len && at[name_len] == ':' && strncasecmp(at, name, name_len) == 0) {
            const char *from = at + name_len + 1, *to = eol;
            while (from < to && (*from == ' ' || *from == '\t')) from++;
            while (to > from && (to[-1] == '\r' || to[-1] == ' ')) to--;
            if ((size_t)(to - from) >= out.len) return ERR_LIMIT;
            memcpy(out.data, from, (size_t)(to - from));
            out.data[to - from] = 0;
            return ERR_OK;
        }
        at = eol + 1;
    }
    return ERR_NOT_FOUND;
}

static err status_error(int status) {
    switch (status) {
        case 400:
        case 413:
        case 415: return ERR_INVALID;
        case 401:
        case 403: return ERR_DENIED;
        case 404:
        case 405: return ERR_NOT_FOUND;
        case 409:
        case 412: return ERR_CONFLICT;
        case 429: return ERR_LIMIT;
        case 503: return ERR_BUSY;
        case 504: return ERR_TIMEOUT;
        case 507: return ERR_NO_SPACE;
        default: return ERR_IO;
    }
}

err http_response_error(const struct http_response *r, struct diag *d) {
    if (r->status >= 200 && r->status < 300) return ERR_OK;
    static const struct {
        const char *word;
        err e;
    } words[] = {{"invalid", ERR_INVALID},   {"denied", ERR_DENIED},     {"not_found", ERR_NOT_FOUND},
                 {"exists", ERR_EXISTS},     {"conflict", ERR_CONFLICT}, {"limit", ERR_LIMIT},
                 {"no_space", ERR_NO_SPACE}, {"busy", ERR_BUSY},         {"unsupported", ERR_UNSUPPORTED},
                 {"timeout", ERR_TIMEOUT},   {"internal", ERR_IO}};
    err e = status_error(r->status);
    AUTO(json_release) json_t *answer = NULL;
    if (json_parse(blob_bytes(&r->body), &answer, NULL))
        return diag_fail(d, e, "the server answered %d", r->status);
    const char *word = json_string_value(json_object_get(answer, "error"));
    const char *message = json_string_value(json_object_get(answer, "message"));
    for (size_t i = 0; word && i < sizeof words / sizeof *words; i++)
        if (strcmp(word, words[i].word) == 0) e = words[i].e;
    return diag_fail(d, e, "%.300s", message ? message : err_text(e));
}

static size_t on_header(char *text, size_t size, size_t count, void *context) {
    struct http_transfer *t = context;
    size_t len = size * count;
    t->active = steady_now();
    if (len > 5 && strncmp(text, "HTTP/", 5) == 0) t->response.headers.len = 0; /* after a 100 */
    if (t->response.headers.len + len > HTTP_HEADERS_MAX_BYTES) {
        t->failure = ERR_LIMIT;
        return 0;
    }
    t->failure = blob_append(&t->response.headers, BYTES(text, len));
    long status = 0;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 300) t->refused = true;
    return t->failure ? 0 : len;
}

static size_t on_data(char *data, size_t size, size_t count, void *context) {
    struct http_transfer *t = context;
    size_t len = size * count;
    long status = 0;
    t->active = steady_now();
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    if (t->data && status >= 200 && status < 300)
        t->failure = t->data(t->context, BYTES(data, len));
    else if (t->response.body.len + len > t->answer_max_bytes)
        t->failure = ERR_LIMIT;
    else
        t->failure = blob_append(&t->response.body, BYTES(data, len));
    return t->failure ? 0 : len;
}

static size_t on_feed(char *out, size_t size, size_t count, void *context) {
    struct http_transfer *t = context;
    size_t room = size * count, len = 0;
    t->active = steady_now();
    if (t->refused) return 0;
    if (!t->feed) {
        len = t->body.len < room ? t->body.len : room;
        if (len) memcpy(out, t->body.data, len);
        t->body = BYTES(t->body.data + len, t->body.len - len);
        return len;
    }
    err e = t->feed(t->context, (struct buffer){(uint8_t *)out, room}, &len);
    if (e == ERR_BUSY) {
        t->paused = true;
        return CURL_READFUNC_PAUSE;
    }
    if (e) {
        t->failure = e;
        return CURL_READFUNC_ABORT;
    }
    return len;
}

static int on_socket(void *context, curl_socket_t fd, curlsocktype purpose) {
    (void)context;
    (void)purpose;
    int ms = UNACKNOWLEDGED_MS;
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
    return CURL_SOCKOPT_OK;
}

static err add_header(struct http_transfer *t, const char *name, const char *value) {
    char line[HTTP_URL_MAX_BYTES];
    if (snprintf(line, sizeof line, "%s: %s", name, value) >= (int)sizeof line) return ERR_LIMIT;
    err e = curl_add_line(&t->headers, line);
    wipe(line, sizeof line);
    return e;
}

static err add_headers(struct http_transfer *t, const struct http_request *r) {
    char quoted[128];
    bool has_body = r->json || r->feed || r->body.len;
    err e = add_header(t, "User-Agent", "cardea/" CARDEA_VERSION);
    if (!e) e = curl_add_line(&t->headers, "Expect:"); /* no round trip before a body */
    if (!e && has_body)
        e = add_header(t, "Content-Type", r->json ? "application/json" : "application/octet-stream");
    if (!e && r->authorization) e = add_header(t, "Authorization", r->authorization);
    if (!e && r->if_match) {
        if (snprintf(quoted, sizeof quoted, "\"%s\"", r->if_match) >= (int)sizeof quoted) return ERR_LIMIT;
        e = add_header(t, "If-Match", quoted);
    }
    if (!e && r->feed) e = add_header(t, "Transfer-Encoding", "chunked");
    return e;
}

static err set_body(struct http_transfer *t, const struct http_request *r) {
    t->body = r->body;
    if (r->json) {
        char *text = json_dumps(r->json, JSON_COMPACT);
        if (!text) return ERR_NO_MEMORY;
        err e = blob_append(&t->owned_body, bytes_text(text));
        wipe(text, strlen(text));
        free(text);
        if (e) return e;
        t->body = blob_bytes(&t->owned_body);
    }
    bool sends = r->feed || t->body.len || strcmp(r->method, "PUT") == 0 || strcmp(r->method, "POST") == 0;
    if (!sends) {
        if (strcmp(r->method, "HEAD") == 0) curl_easy_setopt(t->easy, CURLOPT_NOBODY, 1L);
        return ERR_OK;
    }
    curl_easy_setopt(t->easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(t->easy, CURLOPT_READFUNCTION, on_feed);
    curl_easy_setopt(t->easy, CURLOPT_READDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_INFILESIZE_LARGE, r->feed ? (curl_off_t)-1 : (curl_off_t)t->body.len);
    return ERR_OK;
}

static err set_up(struct http_transfer *t, const struct http_request *r, struct diag *d) {
    struct http_client *c = t->client;
    char url[HTTP_URL_MAX_BYTES];
    if (r->path[0] != '/' || snprintf(url, sizeof url, "%s%s", c->url, r->path) >= (int)sizeof url)
        return diag_fail(d, ERR_INVALID, "the request's path is not usable");
    err e = add_headers(t, r);
    if (!e) e = set_body(t, r);
    if (e) return diag_fail(d, e, "cannot prepare the request: %s", err_text(e));
    CURL *h = t->easy;
    const struct curl_common common = {.url = url,
                                       .ca_file = c->ca_file,
                                       .direct = c->loopback,
                                       .owner = t,
                                       .on_header = on_header,
                                       .on_data = on_data,
                                       .words = t->words};
    curl_set_up(h, &common);
    curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, r->method);
    curl_easy_setopt(h, CURLOPT_HTTPHEADER, t->headers);
    curl_easy_setopt(h, CURLOPT_SOCKOPTFUNCTION, on_socket);
    curl_easy_setopt(h, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(h, CURLOPT_TCP_KEEPIDLE, 20L);
    curl_easy_setopt(h, CURLOPT_TCP_KEEPINTVL, 10L);
    if (r->timeout_ms) {
        bool less = c->patience_ms && c->patience_ms < r->timeout_ms;
        curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, (long)(less ? c->patience_ms : r->timeout_ms));
    }
    if (r->range) curl_easy_setopt(h, CURLOPT_RANGE, r->range);
    return ERR_OK;
}

err http_client_start(struct http_client *c, const struct http_request *request, http_done_fn *done,
                      void *done_context, struct http_transfer **out, struct diag *d) {
    if (atomic_load(&c->stopped)) return diag_fail(d, ERR_CANCELLED, "stopped");
    struct http_transfer *t = calloc(1, sizeof *t);
    if (!t) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    t->client = c;
    t->feed = request->feed;
    t->data = request->data;
    t->context = request->context;
    t->done = done;
    t->done_context = done_context;
    t->idle_ms = request->idle_ms;
    t->answer_max_bytes = request->answer_max_bytes ? request->answer_max_bytes : HTTP_ANSWER_MAX_BYTES;
    t->active = steady_now();
    t->easy = curl_easy_init();
    err e = t->easy ? set_up(t, request, d) : diag_fail(d, ERR_NO_MEMORY, "out of memory");
    if (!e && curl_multi_add_handle(c->multi, t->easy)) e = diag_fail(d, ERR_NO_MEMORY, "out of memory");
    if (e) {
        transfer_free(t);
        return e;
    }
    t->next = c->transfers;
    if (t->next) t->next->previous = t;
    c->transfers = t;
    if (out) *out = t;
    return ERR_OK;
}

void http_transfer_resume(struct http_transfer *t) {
    if (!t->paused) return;
    t->paused = false;
    t->active = steady_now();
    curl_easy_pause(t->easy, CURLPAUSE_CONT);
}

void http_transfer_cancel(struct http_transfer *t) {
    t->cancelled = true;
}

static err curl_error(const struct http_transfer *t, CURLcode code, struct diag *d) {
    const char *words = t->words[0] ? t->words : curl_easy_strerror(code);
    switch (code) {
        case CURLE_OPERATION_TIMEDOUT: return diag_fail(d, ERR_TIMEOUT, "no answer in time: %s", words);
        case CURLE_PEER_FAILED_VERIFICATION:
            return diag_fail(d, ERR_FORGED,
                             "the server's certificate is not trusted: %s; if it is your own, name its "
                             "authority's file with --ca",
                             words);
        case CURLE_SSL_CACERT_BADFILE:
            return diag_fail(d, ERR_INVALID, "the certificate file is not usable: %s", words);
        case CURLE_OUT_OF_MEMORY: return diag_fail(d, ERR_NO_MEMORY, "out of memory");
        default: return diag_fail(d, ERR_UNREACHABLE, "%s", words);
    }
}

static void finish(struct http_transfer *t, err e, const struct diag *d) {
    long status = 0;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    t->response.status = (int)status;
    struct diag words = *d;
    if (!e) e = http_response_error(&t->response, &words);
    if (t->done) t->done(t->done_context, e, &t->response, &words);
    transfer_free(t);
}

static void finish_completed(struct http_client *c) {
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(c->multi, &left))) {
        if (message->msg != CURLMSG_DONE) continue;
        char *owner = NULL;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &owner);
        struct http_transfer *t = (struct http_transfer *)(void *)owner;
        struct diag d = {{0}};
        err e = ERR_OK;
        long status = 0;
        curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
        if (t->failure)
            e = diag_fail(&d, t->failure, "%s", err_text(t->failure));
        else if (code != CURLE_OK && status < 300)
            e = curl_error(t, code, &d);
        /* A refusal that came before all was sent counts, whatever became of the connection after it. */
        finish(t, e, &d);
    }
}

/* libcurl stops sending after a refusal, but does not notice while the body is paused. */
static void unpause_refused(struct http_client *c) {
    for (struct http_transfer *t = c->transfers; t; t = t->next)
        if (t->refused) http_transfer_resume(t);
}

/* Ends one that was cancelled or fell silent; true when there was one. Starts over each time, since `done`
 * may change the list. */
static bool finish_one_dead(struct http_client *c, struct steady_us now) {
    bool stopped = atomic_load(&c->stopped);
    for (struct http_transfer *t = c->transfers; t; t = t->next) {
        struct diag d = {{0}};
        if (stopped || t->cancelled) {
            finish(t, diag_fail(&d, ERR_CANCELLED, "cancelled"), &d);
            return true;
        }
        if (t->idle_ms && !t->paused && now.us - t->active.us > (int64_t)t->idle_ms * 1000) {
            finish(t, diag_fail(&d, ERR_TIMEOUT, "the connection fell silent for %u s", t->idle_ms / 1000),
                   &d);
            return true;
        }
    }
    return false;
}

static int wait_ms(const struct http_client *c, int timeout_ms) {
    int64_t now = steady_now().us;
    for (const struct http_transfer *t = c->transfers; t; t = t->next) {
        if (!t->idle_ms || t->paused) continue;
        int64_t left = (t->active.us - now) / 1000 + t->idle_ms + 1;
        if (left < timeout_ms) timeout_ms = left < 0 ? 0 : (int)left;
    }
    return timeout_ms;
}

void http_client_run(struct http_client *c, int timeout_ms) {
    int running = 0;
    curl_multi_perform(c->multi, &running);
    unpause_refused(c);
    struct http_transfer *before = c->transfers;
    finish_completed(c);
    while (finish_one_dead(c, steady_now())) continue;
    if (before && !c->transfers) return; /* something ended: let the caller look before it waits */
    if (atomic_load(&c->stopped)) return;
    curl_multi_poll(c->multi, NULL, 0, wait_ms(c, timeout_ms), NULL);
    curl_multi_perform(c->multi, &running);
    unpause_refused(c);
    finish_completed(c);
}

void http_client_wake(struct http_client *c) {
    curl_multi_wakeup(c->multi);
}

void http_client_stop(struct http_client *c) {
    atomic_store(&c->stopped, true);
    curl_multi_wakeup(c->multi);
}

void http_client_patience(struct http_client *c, uint32_t timeout_ms) {
    c->patience_ms = timeout_ms;
}

struct waiting {
    bool over;
    err e;
    struct http_response *response;
    struct diag *d;
};

static void on_waited(void *context, err e, const struct http_response *response, const struct diag *d) {
    struct waiting *w = context;
    w->over = true;
    w->e = e;
    w->response->status = response->status;
    if (blob_append(&w->response->body, blob_bytes(&response->body)) ||
        blob_append(&w->response->headers, blob_bytes(&response->headers)))
        w->e = ERR_NO_MEMORY;
    if (w->d && e) *w->d = *d;
}

err http_client_do(struct http_client *c, const struct http_request *request, struct http_response *out,
                   struct diag *d) {
    struct http_response unwanted = {0};
    http_response_clear(out ? out : &unwanted);
    struct waiting w = {.response = out ? out : &unwanted, .d = d};
    err e = http_client_start(c, request, on_waited, &w, NULL, d);
    if (e) return e;
    while (!w.over) http_client_run(c, 1000);
    http_response_clear(&unwanted);
    return w.e;
}

err http_client_json(struct http_client *c, const char *method, const char *path, const char *authorization,
                     json_t *body, json_t **out, struct diag *d) {
    AUTO(http_response_clear) struct http_response response = {0};
    struct http_request request = {.method = method,
                                   .path = path,
                                   .authorization = authorization,
                                   .json = body,
                                   .timeout_ms = JSON_REQUEST_MS};
    err e = http_client_do(c, &request, &response, d);
    if (e || !out) return e;
    *out = NULL;
    if (response.body.len == 0) return ERR_OK;
    e = json_parse(blob_bytes(&response.body), out, d);
    if (e) diag_prefix(d, "the server's answer to %s %s", method, path);
    return e;
}

err http_escape(const char *text, struct buffer out) {
    static const char digits[] = "0123456789ABCDEF";
    size_t n = 0;
    for (; *text; text++) {
        unsigned char ch = (unsigned char)*text;
        bool plain = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
                     strchr("-._~", ch);
        if (n + (plain ? 1u : 3u) >= out.len) return ERR_LIMIT;
        if (plain) {
            out.data[n++] = ch;
            continue;
        }
        out.data[n++] = '%';
        out.data[n++] = (uint8_t)digits[ch >> 4];
        out.data[n++] = (uint8_t)digits[ch & 15];
    }
    if (out.len) out.data[n] = 0;
    return ERR_OK;
}
