#include "hub/camera_url.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static const struct {
    const char *scheme;
    enum camera_url_kind kind;
    uint16_t port;
} schemes[] = {{"rtsp://", CAMERA_URL_RTSP, 554},
               {"rtsps://", CAMERA_URL_RTSPS, 322},
               {"onvif://", CAMERA_URL_ONVIF, 80},
               {"v4l2:", CAMERA_URL_V4L2, 0},
               {"file:", CAMERA_URL_FILE, 0}};

/* Where user and password end: the last '@' before the path, or NULL. */
static const char *credentials_end(const char *authority) {
    const char *end = authority + strcspn(authority, "/?#"), *at = NULL;
    for (const char *p = authority; p < end; p++)
        if (*p == '@') at = p;
    return at;
}

static err parse_port(const char *text, size_t len, uint16_t *out) {
    unsigned value = 0;
    if (len == 0 || len > 5) return ERR_INVALID;
    for (size_t i = 0; i < len; i++) {
        if (!isdigit((unsigned char)text[i])) return ERR_INVALID;
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    if (value == 0 || value > 65535) return ERR_INVALID;
    *out = (uint16_t)value;
    return ERR_OK;
}

static err parse_authority(const char *authority, struct camera_url *out, struct diag *d) {
    const char *at = credentials_end(authority), *host = at ? at + 1 : authority;
    const char *end = host + strcspn(host, "/?#"), *host_end = end, *port = NULL;
    if (*host == '[') {
        host++;
        host_end = memchr(host, ']', (size_t)(end - host));
        if (!host_end) return diag_fail(d, ERR_INVALID, "the address lacks the ] after its IPv6 host");
        if (host_end + 1 < end && host_end[1] == ':')
            port = host_end + 2;
        else if (host_end + 1 != end)
            return diag_fail(d, ERR_INVALID, "the address has something odd after ]");
    } else {
        const char *colon = memchr(host, ':', (size_t)(end - host));
        if (colon) {
            host_end = colon;
            port = colon + 1;
        }
    }
    size_t len = (size_t)(host_end - host);
    if (len == 0 || len >= sizeof out->host) return diag_fail(d, ERR_INVALID, "the address names no host");
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)host[i]) && !strchr(".-_:%", host[i]))
            return diag_fail(d, ERR_INVALID, "the address's host has a character that no host has");
    memcpy(out->host, host, len);
    out->host[len] = 0;
    if (port && parse_port(port, (size_t)(end - port), &out->port))
        return diag_fail(d, ERR_INVALID, "the address's port must be a number from 1 to 65535");
    return ERR_OK;
}

static err parse_path(const char *rest, struct camera_url *out, struct diag *d) {
    if (strncmp(rest, "///", 3) == 0) rest += 2;
    if (rest[0] != '/' || rest[1] == '/' || rest[1] == 0)
        return diag_fail(
            d, ERR_INVALID,
            "the address must name an absolute path: file:/path/to/clip.mp4 or v4l2:/dev/video0");
    if (strstr(rest, "/../") || (out->kind == CAMERA_URL_V4L2 && strncmp(rest, "/dev/", 5) != 0))
        return diag_fail(d, ERR_INVALID,
                         out->kind == CAMERA_URL_V4L2 ? "a v4l2: address names a device under /dev"
                                                      : "the address's path must not go up (..)");
    snprintf(out->path, sizeof out->path, "%s", rest);
    return ERR_OK;
}

err camera_url_parse(const char *url, struct camera_url *out, struct diag *d) {
    size_t len = strlen(url);
    if (len == 0 || len > CAMERA_URL_MAX_BYTES)
        return diag_fail(d, ERR_INVALID, "the address must have 1 to %d characters", CAMERA_URL_MAX_BYTES);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)url[i] <= 32 || url[i] == 127)
            return diag_fail(d, ERR_INVALID,
                             "the address has a space or control character in it: write it as %%20");
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t n = strlen(schemes[i].scheme);
        if (strncasecmp(url, schemes[i].scheme, n) != 0) continue;
        struct camera_url parsed = {.kind = schemes[i].kind, .port = schemes[i].port};
        err e = parsed.port ? parse_authority(url + n, &parsed, d) : parse_path(url + n, &parsed, d);
        if (!e) *out = parsed;
        return e;
    }
    return diag_fail(d, ERR_INVALID,
                     "the address must begin with rtsp://, rtsps://, onvif://, v4l2: or file:");
}

void camera_url_redact(const char *url, char out[CAMERA_URL_MAX_BYTES + 1]) {
    const char *authority = strstr(url, "://");
    struct camera_url parsed;
    bool known = !camera_url_parse(url, &parsed, NULL);
    /* Of what is no address (a slash in the password, a line that quotes one) nothing before the last @ is
     * shown. */
    const char *at = !known ? strrchr(url, '@') : authority ? credentials_end(authority + 3) : NULL;
    if (!at)
        snprintf(out, CAMERA_URL_MAX_BYTES + 1, "%.*s", CAMERA_URL_MAX_BYTES, url);
    else if (authority && authority < at && !memchr(url, '@', (size_t)(authority - url)))
        snprintf(out, CAMERA_URL_MAX_BYTES + 1, "%.*s://%s", (int)(authority - url), url, at + 1);
    else
        snprintf(out, CAMERA_URL_MAX_BYTES + 1, "%s", at + 1);
}

/* What follows the authority, "/" when nothing does. */
static const char *tail_of(const char *url) {
    const char *authority = strstr(url, "://");
    if (!authority) return url;
    const char *tail = authority + 3 + strcspn(authority + 3, "/?#");
    return *tail ? tail : "/";
}

bool camera_url_same(const char *a, const char *b) {
    struct camera_url x, y;
    if (camera_url_parse(a, &x, NULL) || camera_url_parse(b, &y, NULL) || x.kind != y.kind) return false;
    if (x.port == 0) return strcmp(x.path, y.path) == 0;
    return x.port == y.port && strcasecmp(x.host, y.host) == 0 && strcmp(tail_of(a), tail_of(b)) == 0;
}
