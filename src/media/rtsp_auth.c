#include "media/rtsp_auth.h"

#include <openssl/evp.h>
#include <stdio.h>

#include "media/sdp.h"

#define DIGEST_CHARS 65

void rtsp_auth_forget(struct rtsp_auth *a) {
    *a = (struct rtsp_auth){0};
}

/* Takes `name = value` or `name = "value"` off the front of a challenge. */
static bool param_take(struct bytes *rest, struct bytes *name, char out[RTSP_AUTH_FIELD_BYTES], bool *fits) {
    while (rest->len && (rest->data[0] == ',' || rest->data[0] == ' ' || rest->data[0] == '\t'))
        *rest = BYTES(rest->data + 1, rest->len - 1);
    const uint8_t *equals = rest->len ? memchr(rest->data, '=', rest->len) : NULL;
    if (!equals) return false;
    *name = text_trim(BYTES(rest->data, (size_t)(equals - rest->data)));
    struct bytes r = text_trim(BYTES(equals + 1, rest->len - (size_t)(equals - rest->data) - 1));
    bool quoted = r.len && r.data[0] == '"';
    size_t at = quoted ? 1 : 0, n = 0;
    *fits = true;
    for (; at < r.len && r.data[at] != (quoted ? '"' : ','); at++) {
        if (quoted && r.data[at] == '\\' && at + 1 < r.len) at++;
        if (r.data[at] < ' ' || n + 1 >= RTSP_AUTH_FIELD_BYTES)
            *fits = false;
        else
            out[n++] = (char)r.data[at];
    }
    if (quoted && at < r.len) at++;
    if (!quoted)
        while (n && out[n - 1] == ' ') n--;
    out[n] = 0;
    *rest = BYTES(r.data + at, r.len - at);
    return true;
}

static bool list_has(const char *list, const char *word) {
    struct bytes rest = bytes_text(list);
    while (rest.len) {
        const uint8_t *comma = memchr(rest.data, ',', rest.len);
        size_t len = comma ? (size_t)(comma - rest.data) : rest.len;
        if (text_equal_nocase(text_trim(BYTES(rest.data, len)), word)) return true;
        rest = comma ? BYTES(comma + 1, rest.len - len - 1) : BYTES(rest.data, 0);
    }
    return false;
}

static err algorithm_read(struct rtsp_auth *a, const char *text) {
    static const struct {
        const char *name;
        enum rtsp_auth_scheme scheme;
        bool session;
    } table[] = {{"MD5", RTSP_AUTH_MD5, false},
                 {"MD5-sess", RTSP_AUTH_MD5, true},
                 {"SHA-256", RTSP_AUTH_SHA256, false},
                 {"SHA-256-sess", RTSP_AUTH_SHA256, true}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (!text_equal_nocase(bytes_text(text), table[i].name)) continue;
        a->scheme = table[i].scheme;
        a->session = table[i].session;
        return ERR_OK;
    }
    return ERR_UNSUPPORTED;
}

static err digest_read(struct rtsp_auth *a, struct bytes rest) {
    char value[RTSP_AUTH_FIELD_BYTES];
    struct bytes name;
    bool fits, qop_given = false;
    a->scheme = RTSP_AUTH_MD5;
    while (param_take(&rest, &name, value, &fits)) {
        if (!fits) return ERR_LIMIT;
        if (text_equal_nocase(name, "realm")) memcpy(a->realm, value, sizeof value);
        if (text_equal_nocase(name, "nonce")) memcpy(a->nonce, value, sizeof value);
        if (text_equal_nocase(name, "stale")) a->stale = text_equal_nocase(bytes_text(value), "true");
        if (text_equal_nocase(name, "opaque")) {
            memcpy(a->opaque, value, sizeof value);
            a->has_opaque = true;
        }
        if (text_equal_nocase(name, "qop")) {
            qop_given = value[0] != 0;
            a->qop = list_has(value, "auth");
        }
        if (text_equal_nocase(name, "algorithm")) {
            a->algorithm_named = true;
            if (algorithm_read(a, value)) return ERR_UNSUPPORTED;
        }
    }
    if (qop_given && !a->qop) return ERR_UNSUPPORTED; /* auth-int alone */
    return a->nonce[0] ? ERR_OK : ERR_UNSUPPORTED;
}

err rtsp_auth_challenge(struct rtsp_auth *a, struct bytes value) {
    size_t len = 0;
    value = text_trim(value);
    while (len < value.len && value.data[len] != ' ') len++;
    struct bytes scheme = BYTES(value.data, len), rest = BYTES(value.data + len, value.len - len);
    struct rtsp_auth offered = {0};
    err e = ERR_OK;
    if (text_equal_nocase(scheme, "Digest"))
        e = digest_read(&offered, rest);
    else if (text_equal_nocase(scheme, "Basic"))
        offered.scheme = RTSP_AUTH_BASIC;
    else
        e = ERR_UNSUPPORTED;
    if (!e && offered.scheme > a->scheme) *a = offered;
    return e;
}

/* Hash of the parts joined by colons, in lower-case hex. */
static err digest(bool sha256, const char *const *parts, char out[DIGEST_CHARS]) {
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (!ctx) return ERR_NO_MEMORY;
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    bool ok = EVP_DigestInit_ex(ctx, sha256 ? EVP_sha256() : EVP_md5(), NULL) == 1;
    for (size_t i = 0; ok && parts[i]; i++) {
        if (i) ok = EVP_DigestUpdate(ctx, ":", 1) == 1;
        ok = ok && EVP_DigestUpdate(ctx, parts[i], strlen(parts[i])) == 1;
    }
    ok = ok && EVP_DigestFinal_ex(ctx, hash, &len) == 1 && len <= 32;
    EVP_MD_CTX_free(ctx);
    if (ok) hex_encode(BYTES(hash, len), out);
    wipe(hash, sizeof hash);
    return ok ? ERR_OK : ERR_UNSUPPORTED;
}

static err basic_answer(const char *user, const char *password, char *out) {
    char plain[1024];
    int n = snprintf(plain, sizeof plain, "%s:%s", user, password);
    err e = n > 0 && (size_t)n < sizeof plain ? ERR_OK : ERR_LIMIT;
    if (!e) {
        memcpy(out, "Basic ", 6);
        EVP_EncodeBlock((uint8_t *)out + 6, (const uint8_t *)plain,
                        n); /* 4 characters for 3, and a 0: it fits */
    }
    wipe(plain, sizeof plain);
    return e;
}

/* Adds `text` with its quotes and backslashes escaped. */
static bool append_quoted(char *out, size_t *at, const char *name, const char *text) {
    int n = snprintf(out + *at, RTSP_AUTH_HEADER_BYTES - *at, "%s%s=\"", *at > 7 ? ", " : "", name);
    *at += (size_t)n;
    for (; *text && *at + 4 < RTSP_AUTH_HEADER_BYTES; text++) {
        if (*text == '"' || *text == '\\') out[(*at)++] = '\\';
        out[(*at)++] = *text;
    }
    if (*text || *at + 2 >= RTSP_AUTH_HEADER_BYTES) return false;
    out[(*at)++] = '"';
    out[*at] = 0;
    return true;
}

static err digest_response(const struct rtsp_auth *a, const char *user, const char *password,
                           const char *method, const char *uri, const char *nc, const char *cnonce,
                           char out[DIGEST_CHARS]) {
    bool sha256 = a->scheme == RTSP_AUTH_SHA256;
    char secret[DIGEST_CHARS], request[DIGEST_CHARS];
    err e = digest(sha256, (const char *const[]){user, a->realm, password, NULL}, secret);
    if (!e && a->session) e = digest(sha256, (const char *const[]){secret, a->nonce, cnonce, NULL}, secret);
    if (!e) e = digest(sha256, (const char *const[]){method, uri, NULL}, request);
    if (!e && a->qop)
        e = digest(sha256, (const char *const[]){secret, a->nonce, nc, cnonce, "auth", request, NULL}, out);
    else if (!e)
        e = digest(sha256, (const char *const[]){secret, a->nonce, request, NULL}, out);
    wipe(secret, sizeof secret);
    return e;
}

err rtsp_auth_answer(struct rtsp_auth *a, const char *user, const char *password, const char *method,
                     const char *uri, const char *cnonce, char out[RTSP_AUTH_HEADER_BYTES]) {
    if (a->scheme == RTSP_AUTH_NONE) return ERR_INVALID;
    if (a->scheme == RTSP_AUTH_BASIC) return basic_answer(user, password, out);
    char nc[9], response[DIGEST_CHARS];
    snprintf(nc, sizeof nc, "%08x", ++a->count);
    err e = digest_response(a, user, password, method, uri, nc, cnonce, response);
    if (e) return e;
    size_t at = 7;
    memcpy(out, "Digest ", 8);
    bool fits = append_quoted(out, &at, "username", user) && append_quoted(out, &at, "realm", a->realm) &&
                append_quoted(out, &at, "nonce", a->nonce) && append_quoted(out, &at, "uri", uri) &&
                append_quoted(out, &at, "response", response) &&
                (!a->has_opaque || append_quoted(out, &at, "opaque", a->opaque));
    char tail[200];
    int n = 0;
    if (a->algorithm_named)
        n += snprintf(tail, sizeof tail, ", algorithm=%s%s",
                      a->scheme == RTSP_AUTH_SHA256 ? "SHA-256" : "MD5", a->session ? "-sess" : "");
    if (a->qop) n += snprintf(tail + n, sizeof tail - (size_t)n, ", qop=auth, nc=%s", nc);
    if (a->qop || a->session) n += snprintf(tail + n, sizeof tail - (size_t)n, ", cnonce=\"%.64s\"", cnonce);
    tail[n] = 0;
    if (!fits || at + (size_t)n >= RTSP_AUTH_HEADER_BYTES) return ERR_LIMIT;
    memcpy(out + at, tail, (size_t)n + 1);
    return ERR_OK;
}
