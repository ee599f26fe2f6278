/* bytes.h: views of memory, growable bytes, big-endian access, hex and base64.
 *
 * `struct bytes` borrows, `struct buffer` is a borrowed place to write,
 * `struct blob` owns. Threads: no shared state. */
#ifndef CARDEA_BASE_BYTES_H
#define CARDEA_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

struct bytes {
    const uint8_t *data;
    size_t len;
};

struct buffer {
    uint8_t *data;
    size_t len; /* capacity */
};

/* Owned, growable. Zero-initialised is empty and valid. */
struct blob {
    uint8_t *data;
    size_t len;
    size_t cap;
};

#define BYTES(p, n) ((struct bytes){(const uint8_t *)(p), (n)})
#define BYTES_OF(array) ((struct bytes){(const uint8_t *)(array), sizeof(array)})
static inline struct bytes bytes_text(const char *s) {
    return BYTES(s, strlen(s));
}
static inline struct bytes blob_bytes(const struct blob *b) {
    return BYTES(b->data, b->len);
}

bool bytes_equal(struct bytes a, struct bytes b);        /* not constant time */
bool bytes_equal_secret(struct bytes a, struct bytes b); /* constant time in the contents */

/* Runs fn(&variable) when the variable leaves scope. */
#define AUTO(fn) __attribute__((cleanup(fn)))

/* Overwrites with zeros in a way that the compiler keeps. NULL with 0 is fine. */
void wipe(void *data, size_t len);

err blob_reserve(struct blob *b, size_t cap) CHECKED;       /* ERR_NO_MEMORY */
err blob_append(struct blob *b, struct bytes more) CHECKED; /* ERR_NO_MEMORY */
err blob_append_u8(struct blob *b, uint8_t v) CHECKED;
err blob_append_be32(struct blob *b, uint32_t v) CHECKED;
err blob_append_be64(struct blob *b, uint64_t v) CHECKED;
void blob_drop_front(struct blob *b, size_t n); /* n <= len */
void blob_clear(struct blob *b);                /* wipes, then frees */

static inline uint16_t be16_get(const uint8_t *p) {
    return (uint16_t)(p[0] << 8 | p[1]);
}
static inline uint32_t be32_get(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline uint64_t be64_get(const uint8_t *p) {
    return (uint64_t)be32_get(p) << 32 | be32_get(p + 4);
}
static inline void be16_put(uint8_t *p, uint16_t v) {
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static inline void be32_put(uint8_t *p, uint32_t v) {
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}
static inline void be64_put(uint8_t *p, uint64_t v) {
    be32_put(p, (uint32_t)(v >> 32));
    be32_put(p + 4, (uint32_t)v);
}

/* Lower-case hex. `out` holds 2 * in.len + 1 characters. */
void hex_encode(struct bytes in, char *out);
/* Exactly out.len bytes from 2 * out.len characters; ERR_INVALID otherwise. */
err hex_decode(const char *text, struct buffer out) CHECKED;

/* base64url without padding (RFC 4648 section 5). `out` holds BASE64_CHARS(in.len) characters. */
#define BASE64_CHARS(n) (((n)*4 + 2) / 3 + 1)
void base64_encode(struct bytes in, char *out);
/* Replaces *out. ERR_INVALID for anything but base64url without padding. */
err base64_decode(const char *text, size_t len, struct blob *out) CHECKED;

/* A cursor that reads big-endian fields and never runs past the end. */
struct reader {
    const uint8_t *at;
    const uint8_t *end;
};
static inline struct reader reader_of(struct bytes b) {
    return (struct reader){b.data, b.len ? b.data + b.len : b.data}; /* NULL + 0 is undefined */
}
static inline size_t reader_left(const struct reader *r) {
    return (size_t)(r->end - r->at);
}
bool reader_u8(struct reader *r, uint8_t *out);
bool reader_be32(struct reader *r, uint32_t *out);
bool reader_be64(struct reader *r, uint64_t *out);
bool reader_take(struct reader *r, size_t n, struct bytes *out);
bool reader_copy(struct reader *r, void *out, size_t n);

#endif
