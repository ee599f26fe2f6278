#include "media/rtsp_message.h"

#include <strings.h>

#include "media/sdp.h"

/* Finds the empty line; *head_len gets all up to and with it. */
static err head_find(struct bytes in, size_t *scanned, size_t *head_len, struct diag *d) {
    size_t at = *scanned, line = at;
    while (line > 0 && in.data[line - 1] != '\n') line--;
    for (; at < in.len; at++) {
        if (at >= RTSP_HEAD_MAX_BYTES)
            return diag_fail(d, ERR_LIMIT, "the camera's answer has more than %u KiB of headers",
                             RTSP_HEAD_MAX_BYTES >> 10);
        if (at - line >= RTSP_LINE_MAX_BYTES)
            return diag_fail(d, ERR_LIMIT, "the camera's answer has a header line longer than %u KiB",
                             RTSP_LINE_MAX_BYTES >> 10);
        if (in.data[at] != '\n') continue;
        size_t len = at - line;
        if (len && in.data[at - 1] == '\r') len--;
        if (len == 0 && line > 0) {
            *head_len = at + 1;
            return ERR_OK;
        }
        line = at + 1;
    }
    *scanned = at;
    return ERR_BUSY;
}

static struct bytes line_take(struct bytes *rest) {
    const uint8_t *end = rest->len ? memchr(rest->data, '\n', rest->len) : NULL;
    size_t len = end ? (size_t)(end - rest->data) + 1 : rest->len;
    struct bytes line = BYTES(rest->data, len);
    *rest = BYTES(rest->data + len, rest->len - len);
    while (line.len && (line.data[line.len - 1] == '\n' || line.data[line.len - 1] == '\r')) line.len--;
    return line;
}

static struct bytes word_take(struct bytes *rest) {
    *rest = text_trim(*rest);
    size_t len = 0;
    while (len < rest->len && rest->data[len] != ' ') len++;
    struct bytes word = BYTES(rest->data, len);
    *rest = BYTES(rest->data + len, rest->len - len);
    return word;
}

static bool starts(struct bytes t, const char *with) {
    size_t len = strlen(with);
    return t.len >= len && strncasecmp((const char *)t.data, with, len) == 0;
}

static err first_line_read(struct bytes line, struct rtsp_message *out, struct diag *d) {
    struct bytes rest = line, first = word_take(&rest);
    if (starts(first, "RTSP/") || starts(first, "HTTP/")) {
        uint64_t status;
        if (!text_number(word_take(&rest), 999, &status) || status < 100)
            return diag_fail(d, ERR_INVALID, "the camera's answer has no status number");
        out->status = (unsigned)status;
        out->reason = text_trim(rest);
        return ERR_OK;
    }
    (void)word_take(&rest);
    if (!starts(word_take(&rest), "RTSP/"))
        return diag_fail(d, ERR_INVALID, "what the camera sends is not RTSP: check the port");
    out->request = true;
    out->method = first;
    return ERR_OK;
}

static err headers_read(struct bytes rest, struct rtsp_message *out, struct diag *d) {
    while (rest.len) {
        struct bytes line = line_take(&rest);
        if (line.len == 0) break;
        if (line.data[0] == ' ' || line.data[0] == '\t') continue; /* folded lines: none that matter */
        const uint8_t *colon = memchr(line.data, ':', line.len);
        if (!colon) continue; /* cameras write such lines */
        if (out->header_count == RTSP_HEADERS_MAX)
            return diag_fail(d, ERR_LIMIT, "the camera's answer has more than %d headers", RTSP_HEADERS_MAX);
        size_t name_len = (size_t)(colon - line.data);
        out->headers[out->header_count++] = (struct rtsp_header){
            text_trim(BYTES(line.data, name_len)), text_trim(BYTES(colon + 1, line.len - name_len - 1))};
    }
    return ERR_OK;
}

err rtsp_message_head(struct bytes in, size_t *scanned, struct rtsp_message *out, size_t *head_len,
                      struct diag *d) {
    err e = head_find(in, scanned, head_len, d);
    if (e) return e;
    out->request = false;
    out->status = 0;
    out->header_count = 0;
    out->reason = out->method = BYTES(in.data, 0);
    struct bytes rest = BYTES(in.data, *head_len);
    e = first_line_read(line_take(&rest), out, d);
    return e ? e : headers_read(rest, out, d);
}

err rtsp_message_read(struct bytes in, size_t *scanned, struct rtsp_message *out, struct diag *d) {
    size_t head_len = 0;
    err e = rtsp_message_head(in, scanned, out, &head_len, d);
    if (e) return e;
    uint64_t body = 0;
    struct bytes text;
    if (rtsp_message_header(out, "Content-Length", 0, &text) &&
        !text_number(text, RTSP_BODY_MAX_BYTES, &body))
        return diag_fail(d, ERR_LIMIT, "the camera's answer announces a body of more than %u KiB",
                         RTSP_BODY_MAX_BYTES >> 10);
    if (in.len - head_len < body) return ERR_BUSY;
    out->body = BYTES(in.data + head_len, (size_t)body);
    out->total = head_len + (size_t)body;
    return ERR_OK;
}

bool rtsp_message_header(const struct rtsp_message *m, const char *name, size_t n, struct bytes *out) {
    for (size_t i = 0; i < m->header_count; i++) {
        if (!text_equal_nocase(m->headers[i].name, name) || n--) continue;
        *out = m->headers[i].value;
        return true;
    }
    return false;
}

bool rtsp_message_number(const struct rtsp_message *m, const char *name, uint64_t max, uint64_t *out) {
    struct bytes text;
    return rtsp_message_header(m, name, 0, &text) && text_number(text, max, out);
}

bool rtsp_field(struct bytes value, const char *name, struct bytes *out) {
    while (value.len) {
        const uint8_t *end = memchr(value.data, ';', value.len);
        size_t len = end ? (size_t)(end - value.data) : value.len;
        struct bytes item = text_trim(BYTES(value.data, len));
        value = end ? BYTES(end + 1, value.len - len - 1) : BYTES(value.data + len, 0);
        const uint8_t *equals = item.len ? memchr(item.data, '=', item.len) : NULL;
        size_t name_len = equals ? (size_t)(equals - item.data) : item.len;
        if (!text_equal_nocase(text_trim(BYTES(item.data, name_len)), name)) continue;
        *out =
            equals ? text_trim(BYTES(equals + 1, item.len - name_len - 1)) : BYTES(item.data + item.len, 0);
        return true;
    }
    return false;
}
