#include "base/bytes.h"

#include <stdlib.h>

bool bytes_equal(struct bytes a, struct bytes b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool bytes_equal_secret(struct bytes a, struct bytes b) {
    if (a.len != b.len) return false;
    uint8_t difference = 0;
    for (size_t i = 0; i < a.len; i++) difference |= (uint8_t)(a.data[i] ^ b.data[i]);
    return difference == 0;
}

void wipe(void *data, size_t len) {
    if (data && len) explicit_bzero(data, len);
}

/* Growing copies by hand instead of realloc, so that no secret stays behind in freed memory. */
err blob_reserve(struct blob *b, size_t cap) {
    if (cap <= b->cap) return ERR_OK;
    size_t grown = b->cap ? b->cap : 64;
    while (grown < cap) {
        if (grown > SIZE_MAX / 2) return ERR_NO_MEMORY;
        grown *= 2;
    }
    uint8_t *data = malloc(grown);
    if (!data) return ERR_NO_MEMORY;
    if (b->len) memcpy(data, b->data, b->len);
    wipe(b->data, b->len);
    free(b->data);
    b->data = data;
    b->cap = grown;
    return ERR_OK;
}

err blob_append(struct blob *b, struct bytes more) {
    if (more.len > SIZE_MAX - b->len) return ERR_NO_MEMORY;
    err e = blob_reserve(b, b->len + more.len);
    if (e) return e;
    if (more.len) memcpy(b->data + b->len, more.data, more.len);
    b->len += more.len;
    return ERR_OK;
}

err blob_append_u8(struct blob *b, uint8_t v) {
    return blob_append(b, BYTES(&v, 1));
}

err blob_append_be32(struct blob *b, uint32_t v) {
    uint8_t raw[4];
    be32_put(raw, v);
    return blob_append(b, BYTES_OF(raw));
}

err blob_append_be64(struct blob *b, uint64_t v) {
    uint8_t raw[8];
    be64_put(raw, v);
    return blob_append(b, BYTES_OF(raw));
}

void blob_drop_front(struct blob *b, size_t n) {
    if (n == 0) return;
    memmove(b->data, b->data + n, b->len - n);
    b->len -= n;
}

void blob_clear(struct blob *b) {
    if (!b) return;
    wipe(b->data, b->len);
    free(b->data);
    *b = (struct blob){0};
}

void hex_encode(struct bytes in, char *out) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < in.len; i++) {
        out[2 * i] = digits[in.data[i] >> 4];
        out[2 * i + 1] = digits[in.data[i] & 15];
    }
    out[2 * in.len] = 0;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

err hex_decode(const char *text, struct buffer out) {
    if (strlen(text) != 2 * out.len) return ERR_INVALID;
    for (size_t i = 0; i < 2 * out.len; i++)
        if (hex_digit(text[i]) < 0) return ERR_INVALID;
    for (size_t i = 0; i < out.len; i++)
        out.data[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
    return ERR_OK;
}

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void base64_encode(struct bytes in, char *out) {
    size_t i = 0;
    for (; i + 3 <= in.len; i += 3) {
        uint32_t v = (uint32_t)in.data[i] << 16 | (uint32_t)in.data[i + 1] << 8 | in.data[i + 2];
        *out++ = base64_digits[v >> 18];
        *out++ = base64_digits[v >> 12 & 63];
        *out++ = base64_digits[v >> 6 & 63];
        *out++ = base64_digits[v & 63];
    }
    if (in.len - i == 1) {
        uint32_t v = (uint32_t)in.data[i] << 16;
        *out++ = base64_digits[v >> 18];
        *out++ = base64_digits[v >> 12 & 63];
    } else if (in.len - i == 2) {
        uint32_t v = (uint32_t)in.data[i] << 16 | (uint32_t)in.data[i + 1] << 8;
        *out++ = base64_digits[v >> 18];
        *out++ = base64_digits[v >> 12 & 63];
        *out++ = base64_digits[v >> 6 & 63];
    }
    *out = 0;
}

static int base64_digit(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '-') return 62;
    if (c == '_') return 63;
    return -1;
}

err base64_decode(const char *text, size_t len, struct blob *out) {
    if (len % 4 == 1) return ERR_INVALID;
    AUTO(blob_clear) struct blob decoded = {0};
    err e = blob_reserve(&decoded, len / 4 * 3 + 3);
    if (e) return e;
    uint32_t bits = 0;
    unsigned count = 0;
    for (size_t i = 0; i < len; i++) {
        int digit = base64_digit(text[i]);
        if (digit < 0) return ERR_INVALID;
        bits = bits << 6 | (uint32_t)digit;
        count += 6;
        if (count >= 8) {
            count -= 8;
            decoded.data[decoded.len++] = (uint8_t)(bits >> count);
        }
    }
    if (bits & ((1u << count) - 1)) return ERR_INVALID; /* one text for one value */
    blob_clear(out);
    *out = decoded;
    decoded = (struct blob){0};
    return ERR_OK;
}

bool reader_take(struct reader *r, size_t n, struct bytes *out) {
    if (reader_left(r) < n) return false;
    *out = BYTES(r->at, n);
    r->at += n;
    return true;
}

bool reader_copy(struct reader *r, void *out, size_t n) {
    struct bytes raw;
    if (!reader_take(r, n, &raw)) return false;
    if (n) memcpy(out, raw.data, n);
    return true;
}

bool reader_u8(struct reader *r, uint8_t *out) {
    return reader_copy(r, out, 1);
}

bool reader_be32(struct reader *r, uint32_t *out) {
    struct bytes raw;
    if (!reader_take(r, 4, &raw)) return false;
    *out = be32_get(raw.data);
    return true;
}

bool reader_be64(struct reader *r, uint64_t *out) {
    struct bytes raw;
    if (!reader_take(r, 8, &raw)) return false;
    *out = be64_get(raw.data);
    return true;
}
