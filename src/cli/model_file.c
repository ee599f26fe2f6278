#include "cli/model_file.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "net/http_client.h"

#define FETCH_MS 300000
#define FETCH_IDLE_MS 20000
#define LABELS_MAX_BYTES (16u << 10)

static void client_free(struct http_client **c) {
    if (*c) http_client_free(*c);
}

/* "https://host/path" in two. */
static err split(const char *address, char host[HTTP_URL_MAX_BYTES], const char **path, struct diag *d) {
    const char *begin = strstr(address, "://"), *slash = begin ? strchr(begin + 3, '/') : NULL;
    if (!slash || slash - address >= HTTP_URL_MAX_BYTES)
        return diag_fail(d, ERR_INVALID, "%s is no address", address);
    snprintf(host, HTTP_URL_MAX_BYTES, "%.*s", (int)(slash - address), address);
    *path = slash;
    return ERR_OK;
}

err model_file_fetch(const struct published_file *f, struct blob *out, struct diag *d) {
    if (!f->address)
        return diag_fail(
            d, ERR_NOT_FOUND,
            "%s is a conversion of published weights and has no address of its own: put it where "
            "CARDEA_MODELS points, as %s/%s, or choose another model (`cardea model list`)",
            f->name, f->folder, f->name);
    char host[HTTP_URL_MAX_BYTES];
    const char *path = NULL;
    AUTO(client_free) struct http_client *client = NULL;
    AUTO(http_response_clear) struct http_response answer = {0};
    err e = split(f->address, host, &path, d);
    if (e) return e;
    const struct http_options options = {.url = host};
    const struct http_request request = {.method = "GET",
                                         .path = path,
                                         .timeout_ms = FETCH_MS,
                                         .idle_ms = FETCH_IDLE_MS,
                                         .answer_max_bytes = (size_t)f->bytes + 1};
    e = http_client_new(&options, &client, d);
    if (!e) e = http_client_do(client, &request, &answer, d);
    if (e) {
        const struct diag why = d ? *d : (struct diag){{0}};
        return diag_fail(d, e,
                         "%s could not be fetched from %s: %.160s; without a network, put it where "
                         "CARDEA_MODELS of the home points, as %s/%s, and start the home again",
                         f->name, host, why.text, f->folder, f->name);
    }
    char hex[2 * HASH_BYTES + 1];
    uint8_t hash[HASH_BYTES];
    hash_sha256(blob_bytes(&answer.body), hash);
    hex_encode(BYTES_OF(hash), hex);
    if (strcmp(hex, f->sha256) != 0)
        return diag_fail(d, ERR_FORGED, "what came from %s is not %s: its SHA-256 is %s", host, f->name, hex);
    *out = answer.body;
    answer.body = (struct blob){0};
    return ERR_OK;
}

err model_labels_read(const char *path, struct vision_detector *out, struct diag *d) {
    AUTO(blob_clear) struct blob text = {0};
    err e = file_read(path, LABELS_MAX_BYTES, &text, d);
    if (!e) e = blob_append_u8(&text, '\n');
    if (e) return e;
    out->label_count = 0;
    for (size_t at = 0; at < text.len;) {
        const uint8_t *end = memchr(text.data + at, '\n', text.len - at);
        size_t next = (size_t)(end - text.data) + 1, len = next - 1 - at;
        if (len && text.data[next - 2] == '\r') len--;
        if (len > VISION_MODEL_LABEL_MAX_BYTES || memchr(text.data + at, 0, len))
            return diag_fail(d, ERR_INVALID, "%s: a label has more than %d bytes", path,
                             VISION_MODEL_LABEL_MAX_BYTES);
        if (len && out->label_count == VISION_MODEL_LABELS_MAX)
            return diag_fail(d, ERR_LIMIT, "%s has more than %d labels", path, VISION_MODEL_LABELS_MAX);
        if (len) {
            char *to = out->labels[out->label_count++];
            memcpy(to, text.data + at, len);
            to[len] = 0;
        }
        at = next;
    }
    return out->label_count ? ERR_OK : diag_fail(d, ERR_INVALID, "%s holds no labels", path);
}
