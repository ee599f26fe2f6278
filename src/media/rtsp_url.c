#include "media/rtsp_url.h"

#include <stdio.h>
#include <strings.h>

#include "media/rtsp.h"
#include "media/sdp.h"

static int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* A percent sign that begins no escape stands for itself: people paste passwords as they are. */
static bool percent_decode(struct bytes in, char out[RTSP_NAME_BYTES]) {
    size_t n = 0;
    for (size_t i = 0; i < in.len; i++) {
        if (n + 1 >= RTSP_NAME_BYTES) return false;
        char c = (char)in.data[i];
        if (c == '%' && i + 2 < in.len) {
            int high = hex_value((char)in.data[i + 1]), low = hex_value((char)in.data[i + 2]);
            if (high >= 0 && low >= 0) {
                c = (char)(high << 4 | low);
                i += 2;
            }
        }
        if (c == 0 || c == '\r' || c == '\n') return false;
        out[n++] = c;
    }
    out[n] = 0;
    return true;
}

static err user_read(struct bytes part, struct rtsp_url *out, struct diag *d) {
    const uint8_t *colon = memchr(part.data, ':', part.len);
    size_t user_len = colon ? (size_t)(colon - part.data) : part.len;
    struct bytes password = colon ? BYTES(colon + 1, part.len - user_len - 1) : BYTES("", 0);
    out->has_user = true;
    if (percent_decode(BYTES(part.data, user_len), out->user) && percent_decode(password, out->password))
        return ERR_OK;
    return diag_fail(d, ERR_INVALID, "the camera URL's user name or password is too long or not text");
}

static err host_read(struct bytes part, struct rtsp_url *out, struct diag *d) {
    struct bytes host = part, port = {0};
    if (part.len && part.data[0] == '[') {
        const uint8_t *end = memchr(part.data, ']', part.len);
        if (!end) return diag_fail(d, ERR_INVALID, "the camera URL's IPv6 address has no closing bracket");
        host = BYTES(part.data + 1, (size_t)(end - part.data) - 1);
        port = BYTES(end + 1, part.len - host.len - 2);
    } else {
        const uint8_t *colon = part.len ? memchr(part.data, ':', part.len) : NULL;
        if (colon) {
            host.len = (size_t)(colon - part.data);
            port = BYTES(colon, part.len - host.len);
        }
    }
    uint64_t number = out->port;
    if (port.len && port.data[0] != ':')
        return diag_fail(d, ERR_INVALID, "the camera URL's host is malformed");
    if (port.len > 1 && (!text_number(BYTES(port.data + 1, port.len - 1), 65535, &number) || number == 0))
        return diag_fail(d, ERR_INVALID, "the camera URL's port is no number from 1 to 65535");
    if (host.len == 0) return diag_fail(d, ERR_INVALID, "the camera URL names no host");
    if (host.len >= sizeof out->host) return diag_fail(d, ERR_INVALID, "the camera URL's host is too long");
    memcpy(out->host, host.data, host.len);
    out->port = (uint16_t)number;
    return ERR_OK;
}

/* `authority` is where the host and what goes with it begin. */
static err split(const char *text, const char *authority, struct rtsp_url *out, struct diag *d) {
    size_t len = strlen(text);
    if (len > RTSP_URL_MAX_BYTES)
        return diag_fail(d, ERR_INVALID, "the camera URL is longer than %d characters", RTSP_URL_MAX_BYTES);
    for (size_t i = 0; i < len; i++)
        if ((uint8_t)text[i] <= ' ' || text[i] == 127)
            return diag_fail(d, ERR_INVALID,
                             "the camera URL holds a space or a control character: write %%20");
    size_t span = strcspn(authority, "/");
    const char *path = authority + span, *at = memrchr(authority, '@', span);
    const char *query = at ? NULL : memchr(authority, '?', span);
    if (query) { /* no path: "rtsp://host?channel=1" */
        path = query;
        span = (size_t)(query - authority);
    }
    const char *host = at ? at + 1 : authority;
    err e = at ? user_read(BYTES(authority, (size_t)(at - authority)), out, d) : ERR_OK;
    if (!e) e = host_read(BYTES(host, span - (size_t)(host - authority)), out, d);
    if (e) return e;
    const char *hash = strchr(path, '#');
    int path_len = (int)(hash ? (size_t)(hash - path) : strlen(path));
    int n = snprintf(out->text, sizeof out->text, "rtsp%s://%.*s%.*s", out->tls ? "s" : "",
                     (int)(span - (size_t)(host - authority)), host, path_len, path);
    return n < (int)sizeof out->text ? ERR_OK : ERR_INVALID;
}

err rtsp_url_parse(const char *text, struct rtsp_url *out, struct diag *d) {
    memset(out, 0, sizeof *out);
    out->tls = strncasecmp(text, "rtsps://", 8) == 0;
    out->port = out->tls ? 322 : 554;
    if (!out->tls && strncasecmp(text, "rtsp://", 7) != 0)
        return diag_fail(d, ERR_INVALID, "the camera URL must begin with rtsp:// or rtsps://");
    err e = split(text, text + (out->tls ? 8 : 7), out, d);
    if (e) wipe(out, sizeof *out);
    return e;
}

err onvif_url_parse(const char *text, struct rtsp_url *out, struct diag *d) {
    memset(out, 0, sizeof *out);
    out->port = 80;
    if (strncasecmp(text, "onvif://", 8) != 0)
        return diag_fail(d, ERR_INVALID, "the camera URL must begin with onvif://");
    err e = split(text, text + 8, out, d);
    if (e) wipe(out, sizeof *out);
    return e;
}

err rtsp_url_control(const char *base, struct bytes control, char out[RTSP_URL_TEXT_BYTES]) {
    for (size_t i = 0; i < control.len; i++)
        if (control.data[i] <= ' ' || control.data[i] >= 127) return ERR_INVALID;
    bool absolute = (control.len > 7 && strncasecmp((const char *)control.data, "rtsp://", 7) == 0) ||
                    (control.len > 8 && strncasecmp((const char *)control.data, "rtsps://", 8) == 0);
    bool whole = control.len == 0 || (control.len == 1 && control.data[0] == '*');
    size_t base_len = absolute ? 0 : strlen(base);
    size_t slash = 0;
    if (!absolute && !whole) {
        bool has = base_len && base[base_len - 1] == '/', brings = control.data[0] == '/';
        if (has && brings) base_len--;
        slash = !has && !brings && control.data[0] != '?';
    }
    size_t control_len = whole ? 0 : control.len;
    if (base_len + slash + control_len >= RTSP_URL_TEXT_BYTES) return ERR_LIMIT;
    memmove(out, base, base_len);
    if (slash) out[base_len] = '/';
    if (control_len) memcpy(out + base_len + slash, control.data, control_len);
    out[base_len + slash + control_len] = 0;
    return ERR_OK;
}
