#include "net/outgoing.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "net/curl_setup.h"

#define AT_ONCE_MAX 64L

struct outgoing_transfer {
    struct outgoing *owner;
    struct outgoing_transfer *next, *previous;
    CURL *easy;
    struct curl_slist *headers, *to;
    struct blob body;
    size_t sent, received;
    outgoing_done_fn *done;
    void *context;
    struct outgoing_answer answer;
    size_t said_len;
    bool mail, home_only, refused_address;
    char words[CURL_ERROR_SIZE];
};

struct outgoing {
    CURLM *multi;
    char *ca_file;
    struct outgoing_transfer *transfers;
};

err outgoing_new(const char *ca_file, struct outgoing **out, struct diag *d) {
    err e = curl_begin(ca_file, d);
    if (e) return e;
    struct outgoing *o = calloc(1, sizeof *o);
    if (o) o->multi = curl_multi_init();
    if (!o || !o->multi || (ca_file && !(o->ca_file = strdup(ca_file)))) {
        outgoing_free(o);
        return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    }
    curl_multi_setopt(o->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, AT_ONCE_MAX);
    *out = o;
    return ERR_OK;
}

static void transfer_free(struct outgoing_transfer *t) {
    struct outgoing *o = t->owner;
    if (t->easy) {
        curl_multi_remove_handle(o->multi, t->easy);
        curl_easy_cleanup(t->easy);
    }
    if (t->previous)
        t->previous->next = t->next;
    else if (o->transfers == t)
        o->transfers = t->next;
    if (t->next) t->next->previous = t->previous;
    curl_lines_free(t->headers);
    curl_lines_free(t->to);
    blob_clear(&t->body);
    free(t);
}

void outgoing_free(struct outgoing *o) {
    if (!o) return;
    while (o->transfers) transfer_free(o->transfers);
    if (o->multi) curl_multi_cleanup(o->multi);
    free(o->ca_file);
    free(o);
}

/* --- What the other side says --- */

static void say(struct outgoing_transfer *t, const char *text, size_t len) {
    struct outgoing_answer *a = &t->answer;
    for (size_t i = 0; i < len && t->said_len + 1 < sizeof a->said; i++) {
        char c =
            text[i] > ' ' && text[i] <= '~' ? text[i] : ' '; /* bytes of a stranger, for a log and a page */
        if (c == ' ' && (t->said_len == 0 || a->said[t->said_len - 1] == ' ')) continue;
        a->said[t->said_len++] = c;
    }
    a->said[t->said_len] = 0;
}

static size_t on_header(char *text, size_t size, size_t count, void *context) {
    struct outgoing_transfer *t = context;
    size_t len = size * count;
    t->received += len;
    if (t->mail || (len > 5 && strncmp(text, "HTTP/", 5) == 0)) {
        t->said_len = 0; /* the last word counts */
        const char *from = text;
        if (!t->mail) from = memchr(text, ' ', len);
        if (from) say(t, from, len - (size_t)(from - text));
    } else if (len > 12 && len < 40 && strncasecmp(text, "Retry-After:", 12) == 0) {
        char number[40];
        memcpy(number, text + 12, len - 12);
        number[len - 12] = 0;
        long s = strtol(number, NULL, 10);
        t->answer.retry_after_s = s < 0                            ? 0
                                  : s > OUTGOING_RETRY_AFTER_MAX_S ? OUTGOING_RETRY_AFTER_MAX_S
                                                                   : (int)s;
    }
    return t->received > OUTGOING_READ_MAX_BYTES ? 0 : len;
}

static size_t on_data(char *data, size_t size, size_t count, void *context) {
    struct outgoing_transfer *t = context;
    size_t len = size * count;
    t->received += len;
    if (t->said_len) say(t, ": ", t->answer.said[t->said_len - 1] == ' ' ? 0 : 2);
    say(t, data, len < OUTGOING_SAID_BYTES ? len : OUTGOING_SAID_BYTES);
    return t->received > OUTGOING_READ_MAX_BYTES ? 0 : len;
}

static size_t on_read(char *out, size_t size, size_t count, void *context) {
    struct outgoing_transfer *t = context;
    size_t room = size * count, left = t->body.len - t->sent, n = left < room ? left : room;
    if (n) memcpy(out, t->body.data + t->sent, n);
    t->sent += n;
    return n;
}

static int on_seek(void *context, curl_off_t offset, int origin) {
    struct outgoing_transfer *t = context;
    if (origin != SEEK_SET || offset < 0 || (size_t)offset > t->body.len) return CURL_SEEKFUNC_FAIL;
    t->sent = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

/* What a name resolved to is judged here, so that no answer of a name server leads secrets out of the house.
 */
static curl_socket_t on_open(void *context, curlsocktype purpose, struct curl_sockaddr *address) {
    struct outgoing_transfer *t = context;
    (void)purpose;
    if (t->home_only && !outgoing_at_home(&address->addr)) {
        t->refused_address = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* --- Starting --- */

static err set_up_http(struct outgoing_transfer *t, const struct outgoing_request *r) {
    err e = curl_add_line(&t->headers, "User-Agent: cardea/" CARDEA_VERSION);
    if (!e) e = curl_add_line(&t->headers, "Expect:");
    for (size_t i = 0; !e && r->headers[i]; i++) e = curl_add_line(&t->headers, r->headers[i]);
    curl_easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
    curl_easy_setopt(t->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(t->easy, CURLOPT_POST, 1L);
    curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, r->method);
    curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->body.len);
    t->home_only = strncasecmp(r->url, "http:", 5) == 0;
    return e;
}

static err set_up_mail(struct outgoing_transfer *t, const struct outgoing_request *r) {
    char host[256] = "";
    CURLU *parts = curl_url();
    char *name = NULL;
    if (parts && !curl_url_set(parts, CURLUPART_URL, r->url, 0) &&
        !curl_url_get(parts, CURLUPART_HOST, &name, 0))
        snprintf(host, sizeof host, "%s", name);
    curl_free(name);
    curl_url_cleanup(parts);
    bool loopback = outgoing_loopback_name(host);
    err e = curl_plain_line(r->from) ? ERR_OK : ERR_INVALID;
    for (size_t i = 0; !e && r->to[i]; i++)
        e = i < OUTGOING_MAIL_TO_MAX ? curl_add_line(&t->to, r->to[i]) : ERR_LIMIT;
    curl_easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(t->easy, CURLOPT_MAIL_FROM, r->from);
    curl_easy_setopt(t->easy, CURLOPT_MAIL_RCPT, t->to);
    curl_easy_setopt(t->easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(t->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)t->body.len);
    curl_easy_setopt(t->easy, CURLOPT_USE_SSL, (long)(loopback ? CURLUSESSL_TRY : CURLUSESSL_ALL));
    if (r->user) curl_easy_setopt(t->easy, CURLOPT_USERNAME, r->user);
    if (r->password) curl_easy_setopt(t->easy, CURLOPT_PASSWORD, r->password);
    t->home_only = loopback;
    return e;
}

static void set_up(struct outgoing_transfer *t, const struct outgoing_request *r) {
    CURL *h = t->easy;
    const struct curl_common common = {.url = r->url,
                                       .ca_file = t->owner->ca_file,
                                       .direct = t->home_only,
                                       .owner = t,
                                       .on_header = on_header,
                                       .on_data = on_data,
                                       .words = t->words};
    curl_set_up(h, &common);
    curl_easy_setopt(h, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(h, CURLOPT_READDATA, t);
    curl_easy_setopt(h, CURLOPT_SEEKFUNCTION, on_seek);
    curl_easy_setopt(h, CURLOPT_SEEKDATA, t);
    curl_easy_setopt(h, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(h, CURLOPT_OPENSOCKETDATA, t);
    curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, (long)r->timeout_ms);
}

err outgoing_start(struct outgoing *o, const struct outgoing_request *request, outgoing_done_fn *done,
                   void *context, struct outgoing_transfer **out, struct diag *d) {
    struct outgoing_transfer *t = calloc(1, sizeof *t);
    if (!t) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    t->owner = o;
    t->done = done;
    t->context = context;
    t->mail = request->from != NULL;
    t->easy = curl_easy_init();
    err e = t->easy ? blob_append(&t->body, request->body) : ERR_NO_MEMORY;
    if (!e) e = t->mail ? set_up_mail(t, request) : set_up_http(t, request);
    if (!e) {
        set_up(t, request);
        if (curl_multi_add_handle(o->multi, t->easy)) e = ERR_NO_MEMORY;
    }
    if (e) {
        transfer_free(t);
        return diag_fail(d, e, "cannot prepare the request: %s", err_text(e));
    }
    t->next = o->transfers;
    if (t->next) t->next->previous = t;
    o->transfers = t;
    *out = t;
    return ERR_OK;
}

void outgoing_cancel(struct outgoing_transfer *t) {
    if (t) transfer_free(t);
}

/* --- Ending --- */

static err failure(const struct outgoing_transfer *t, CURLcode code, struct diag *d) {
    const char *words = t->words[0] ? t->words : curl_easy_strerror(code);
    if (t->refused_address)
        return diag_fail(
            d, ERR_DENIED,
            "the name leads to an address outside the home, and the connection would not be encrypted: "
            "use https://");
    switch (code) {
        case CURLE_OPERATION_TIMEDOUT: return diag_fail(d, ERR_TIMEOUT, "no answer in time: %.200s", words);
        case CURLE_PEER_FAILED_VERIFICATION:
            return diag_fail(d, ERR_FORGED, "the server's certificate is not trusted: %.200s", words);
        case CURLE_USE_SSL_FAILED:
            return diag_fail(d, ERR_DENIED,
                             "the mail server offers no STARTTLS: nothing is sent in the clear");
        case CURLE_LOGIN_DENIED:
            return diag_fail(d, ERR_DENIED, "the server refuses the user name or password");
        case CURLE_OUT_OF_MEMORY: return diag_fail(d, ERR_NO_MEMORY, "out of memory");
        default: return diag_fail(d, ERR_UNREACHABLE, "%.300s", words);
    }
}

static void finish(struct outgoing_transfer *t, CURLcode code) {
    struct diag d = {{0}};
    long status = 0;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    t->answer.status = (int)status;
    /* An HTTP server that has given its status has answered, whatever becomes of the rest: a body without an
     * end does not make an alert come twice. A mail server's last word counts only when all has been said. */
    bool answered = t->mail ? code == CURLE_OK : status >= 200;
    err e = answered ? ERR_OK : failure(t, code, &d);
    if (t->mail && e && status >= 400) diag_prefix(&d, "%.120s", t->answer.said);
    t->done(t->context, e, &t->answer, &d);
    transfer_free(t);
}

static void finish_completed(struct outgoing *o) {
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(o->multi, &left))) {
        if (message->msg != CURLMSG_DONE) continue;
        char *owner = NULL;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &owner);
        finish((struct outgoing_transfer *)(void *)owner, code);
    }
}

void outgoing_run(struct outgoing *o, int timeout_ms) {
    int running = 0;
    curl_multi_perform(o->multi, &running);
    finish_completed(o);
    curl_multi_poll(o->multi, NULL, 0, timeout_ms, NULL);
    curl_multi_perform(o->multi, &running);
    finish_completed(o);
}

void outgoing_wake(struct outgoing *o) {
    curl_multi_wakeup(o->multi);
}
