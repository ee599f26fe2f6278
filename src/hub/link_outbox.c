/* The outbox, one entry after another. */
#include <stdio.h>

#include "base/log.h"
#include "format/camera_object.h"
#include "hub/link_internal.h"

#define ENTRY_MS 30000

static void over(struct link *l, bool done) {
    uint64_t number = l->entry.number;
    l->posting_entry = false;
    outbox_entry_clear(&l->entry);
    blob_clear(&l->entry_body);
    if (done) outbox_remove(l->outbox, number);
}

static void on_sent(void *context, err e, const struct http_response *response, const struct diag *d) {
    struct link *l = context;
    bool create = json_is_true(json_object_get(l->entry.head, "create"));
    if (!e) {
        link_worked(l);
        over(l, true);
    } else if (e == ERR_CONFLICT || e == ERR_EXISTS) {
        /* Created before, and the answer was lost; else somebody was faster, and the next look sees the new
         * version. */
        over(l, create);
    } else if (e == ERR_INVALID || e == ERR_NOT_FOUND || (e == ERR_DENIED && response->status == 403)) {
        log_warning("the vault refuses %s, which is dropped: %s",
                    json_string_value(json_object_get(l->entry.head, "kind")), d->text);
        over(l, true);
    } else {
        link_failed(l, e, d->text);
        over(l, false);
    }
}

static void send_object(struct link *l, uint64_t version) {
    const char *key = json_string_value(json_object_get(l->entry.head, "key"));
    char path[256], match[32];
    struct diag d = {{0}};
    blob_clear(&l->entry_body);
    err e =
        key ? object_sign(&l->identity->sign, key, version + 1, blob_bytes(&l->entry.payload), &l->entry_body)
            : ERR_INVALID;
    snprintf(path, sizeof path, "/v1/objects/%s", key ? key : "");
    snprintf(match, sizeof match, "%llu", (unsigned long long)version);
    struct http_request put = {.method = "PUT",
                               .path = path,
                               .authorization = l->authorization,
                               .if_match = match,
                               .body = blob_bytes(&l->entry_body),
                               .timeout_ms = ENTRY_MS};
    if (!e) e = http_client_start(l->http, &put, on_sent, l, NULL, &d);
    if (e) over(l, e == ERR_INVALID);
}

static void on_version(void *context, err e, const struct http_response *response, const struct diag *d) {
    struct link *l = context;
    char etag[40] = "0";
    if (e && e != ERR_NOT_FOUND) {
        link_failed(l, e, d->text);
        over(l, false);
        return;
    }
    unsigned long long version = 0;
    if (!e) {
        if (http_response_header(response, "ETag", (struct buffer){(uint8_t *)etag, sizeof etag}) ||
            sscanf(etag, "\"%llu\"", &version) != 1) {
            struct object o;
            version = object_verify(blob_bytes(&response->body), &o, NULL) ? 0 : o.version;
        }
    }
    send_object(l, version);
}

static err ask_version(struct link *l) {
    const char *key = json_string_value(json_object_get(l->entry.head, "key"));
    char path[256];
    snprintf(path, sizeof path, "/v1/objects/%s", key ? key : "");
    struct http_request get = {.method = "GET",
                               .path = path,
                               .authorization = l->authorization,
                               .timeout_ms = ENTRY_MS,
                               .answer_max_bytes = OBJECT_MAX_BYTES};
    return http_client_start(l->http, &get, on_version, l, NULL, NULL);
}

static err post_event(struct link *l) {
    char path[256];
    snprintf(path, sizeof path, "/v1/events?camera=%s&day=%lld",
             json_string_value(json_object_get(l->entry.head, "camera")),
             (long long)json_integer_value(json_object_get(l->entry.head, "day")));
    struct http_request post = {.method = "POST",
                                .path = path,
                                .authorization = l->authorization,
                                .body = blob_bytes(&l->entry.payload),
                                .timeout_ms = ENTRY_MS};
    return http_client_start(l->http, &post, on_sent, l, NULL, NULL);
}

static err put_retention(struct link *l) {
    char path[256];
    snprintf(path, sizeof path, "/v1/cameras/%s",
             json_string_value(json_object_get(l->entry.head, "camera")));
    AUTO(json_release)
    json_t *body = json_pack("{s:O}", "retention_days", json_object_get(l->entry.head, "days"));
    struct http_request put = {.method = "PUT",
                               .path = path,
                               .authorization = l->authorization,
                               .json = body,
                               .timeout_ms = ENTRY_MS};
    return body ? http_client_start(l->http, &put, on_sent, l, NULL, NULL) : ERR_NO_MEMORY;
}

void link_outbox_step(struct link *l) {
    if (l->posting_entry || outbox_peek(l->outbox, &l->entry)) return;
    const char *kind = json_string_value(json_object_get(l->entry.head, "kind"));
    l->posting_entry = true;
    err e = ERR_INVALID;
    if (kind && strcmp(kind, "object") == 0) {
        if (json_is_true(json_object_get(l->entry.head, "create"))) {
            send_object(l, 0);
            return;
        }
        e = ask_version(l);
    } else if (kind && strcmp(kind, "event") == 0) {
        e = post_event(l);
    } else if (kind && strcmp(kind, "retention") == 0) {
        e = put_retention(l);
    }
    if (e) over(l, e == ERR_INVALID);
}
