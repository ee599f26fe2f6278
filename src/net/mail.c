#include "net/mail.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define WORD_RAW_BYTES                                                                                       \
    39 /* 52 characters of base64: with frame and "Subject: " under 76 (RFC 2047 section 2) */
#define DATE_BYTES 128
#define PLAIN_MAX_BYTES 60
#define LINE_RAW_BYTES 54 /* 72 characters */

static err put(struct blob *out, const char *text) {
    return blob_append(out, bytes_text(text));
}

/* --- Addresses --- */

static bool atom(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/* Dots lie between others, never first, last or side by side. */
static bool dotted(const char *text, size_t len, bool host) {
    bool after_dot = true;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '.') {
            if (after_dot) return false;
            after_dot = true;
            continue;
        }
        if (!atom(c) || (host && c != '-' && strchr("!#$%&'*+/=?^_`{|}~", c))) return false;
        after_dot = false;
    }
    return !after_dot;
}

bool mail_address_valid(const char *text, size_t len) {
    const char *at = memchr(text, '@', len);
    if (!at || len > MAIL_ADDRESS_MAX_BYTES) return false;
    size_t local = (size_t)(at - text);
    return local <= 64 && dotted(text, local, false) && dotted(at + 1, len - local - 1, true);
}

/* --- Encoding --- */

/* Standard base64, a line at a time. */
static err put_base64(struct blob *out, struct bytes data) {
    unsigned char line[LINE_RAW_BYTES / 3 * 4 + 1];
    err e = ERR_OK;
    for (size_t at = 0; at < data.len && !e; at += LINE_RAW_BYTES) {
        size_t n = data.len - at < LINE_RAW_BYTES ? data.len - at : LINE_RAW_BYTES;
        int chars = EVP_EncodeBlock(line, data.data + at, (int)n);
        e = blob_append(out, BYTES(line, (size_t)chars));
        if (!e) e = put(out, "\r\n");
    }
    return e;
}

static bool is_plain(const char *text) {
    for (const char *c = text; *c; c++)
        if (*c < ' ' || *c > '~') return false;
    /* What looks like an encoded word would be decoded by the reader; spaces at the ends would be lost. */
    return strlen(text) <= PLAIN_MAX_BYTES && !strstr(text, "=?") && *text != ' ' &&
           (!*text || text[strlen(text) - 1] != ' ');
}

err mail_header_text(const char *text, const char *fold, struct blob *out) {
    if (is_plain(text)) return put(out, text);
    size_t len = strlen(text);
    err e = ERR_OK;
    for (size_t at = 0; at < len && !e;) {
        size_t n = len - at < WORD_RAW_BYTES ? len - at : WORD_RAW_BYTES;
        while (at + n < len && n > WORD_RAW_BYTES - 4 && ((unsigned char)text[at + n] & 0xc0) == 0x80)
            n--; /* whole characters */
        char raw[WORD_RAW_BYTES];
        unsigned char word[WORD_RAW_BYTES / 3 * 4 + 1];
        for (size_t i = 0; i < n; i++)
            raw[i] = (unsigned char)text[at + i] < ' ' || text[at + i] == 0x7f ? ' ' : text[at + i];
        EVP_EncodeBlock(word, (const unsigned char *)raw, (int)n);
        if (at) e = put(out, fold);
        if (!e) e = put(out, "=?UTF-8?B?");
        if (!e) e = put(out, (const char *)word);
        if (!e) e = put(out, "?=");
        at += n;
    }
    return e;
}

static err put_html_text(struct blob *out, const char *text) {
    err e = ERR_OK;
    for (; *text && !e; text++) {
        switch (*text) {
            case '<': e = put(out, "&lt;"); break;
            case '>': e = put(out, "&gt;"); break;
            case '&': e = put(out, "&amp;"); break;
            case '"': e = put(out, "&quot;"); break;
            default: e = blob_append_u8(out, (uint8_t)*text);
        }
    }
    return e;
}

/* --- The message --- */

/* English whatever the locale (RFC 5322 section 3.3). */
static void date_text(struct wall_us t, char out[DATE_BYTES]) {
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t s = (time_t)(t.us / 1000000);
    struct tm parts;
    if (!gmtime_r(&s, &parts)) memset(&parts, 0, sizeof parts);
    snprintf(out, DATE_BYTES, "%s, %d %s %04d %02d:%02d:%02d +0000", days[parts.tm_wday], parts.tm_mday,
             months[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

static err put_head(const struct mail *m, struct blob *out) {
    char date[DATE_BYTES], line[MAIL_ADDRESS_MAX_BYTES + MAIL_ID_MAX_BYTES + DATE_BYTES + 64];
    date_text(m->date, date);
    snprintf(line, sizeof line, "From: Cardea <%s>\r\nTo: ", m->from);
    err e = put(out, line);
    for (size_t i = 0; m->to[i] && !e; i++) {
        if (i) e = put(out, ",\r\n ");
        if (!e) e = put(out, m->to[i]);
    }
    if (!e) e = put(out, "\r\nSubject: ");
    if (!e) e = mail_header_text(m->subject, "\r\n ", out);
    snprintf(line, sizeof line, "\r\nDate: %s\r\nMessage-ID:\r\n <%s@%s>\r\n", date, m->id,
             strchr(m->from, '@') + 1);
    if (!e) e = put(out, line);
    if (!e) e = put(out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n");
    return e;
}

/* The text, and the same for readers that show the picture in its place. */
static err put_texts(const struct mail *m, struct blob *out) {
    AUTO(blob_clear) struct blob html = {0};
    char line[MAIL_ID_MAX_BYTES + 64];
    err e = put(&html, "<!doctype html><meta charset=utf-8><p>");
    if (!e) e = put_html_text(&html, m->text);
    snprintf(line, sizeof line, "</p><p><img src=\"cid:%s.picture\" alt=\"\"></p>", m->id);
    if (!e && m->jpeg.len) e = put(&html, line);
    if (!e)
        e = put(out, "Content-Type: multipart/alternative; boundary=\"texts\"\r\n\r\n--texts\r\n"
                     "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n");
    if (!e) e = put_base64(out, bytes_text(m->text));
    if (!e)
        e = put(
            out,
            "--texts\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n");
    if (!e) e = put_base64(out, blob_bytes(&html));
    return e ? e : put(out, "--texts--\r\n");
}

static err put_picture(const struct mail *m, struct blob *out) {
    char line[MAIL_ID_MAX_BYTES + 64];
    err e =
        put(out,
            "--parts\r\nContent-Type: image/jpeg; name=\"alert.jpg\"\r\nContent-Transfer-Encoding: base64\r\n"
            "Content-Disposition: inline; filename=\"alert.jpg\"\r\n");
    snprintf(line, sizeof line, "Content-ID: <%s.picture>\r\n\r\n", m->id);
    if (!e) e = put(out, line);
    return e ? e : put_base64(out, m->jpeg);
}

static bool id_valid(const char *id) {
    size_t len = strlen(id);
    for (size_t i = 0; i < len; i++)
        if (!((id[i] >= 'a' && id[i] <= 'z') || (id[i] >= 'A' && id[i] <= 'Z') ||
              (id[i] >= '0' && id[i] <= '9')))
            return false;
    return len > 0 && len <= MAIL_ID_MAX_BYTES;
}

err mail_write(const struct mail *m, struct blob *out, struct diag *d) {
    bool good = id_valid(m->id) && mail_address_valid(m->from, strlen(m->from)) && m->to[0];
    for (size_t i = 0; good && m->to[i]; i++) good = mail_address_valid(m->to[i], strlen(m->to[i]));
    if (!good) return diag_fail(d, ERR_INVALID, "an address must look like user@host.example");
    err e = put_head(m, out);
    /* No boundary occurs in what lies between: all of it is base64. */
    if (!e && m->jpeg.len)
        e = put(out, "Content-Type: multipart/related; type=\"multipart/alternative\";\r\n "
                     "boundary=\"parts\"\r\n\r\n--parts\r\n");
    if (!e) e = put_texts(m, out);
    if (!e && m->jpeg.len) e = put_picture(m, out);
    if (!e && m->jpeg.len) e = put(out, "--parts--\r\n");
    return e ? diag_fail(d, e, "out of memory") : ERR_OK;
}
