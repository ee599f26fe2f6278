#include "tlog/checkpoint.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#define KEY_HASH_BYTES 4
#define ALGORITHM_ED25519 1
#define SIGNATURE_LINE_BYTES (KEY_HASH_BYTES + SIGNATURE_BYTES)
static const char dash[] = "\xe2\x80\x94 "; /* an em dash and a space begin a signature line */

static bool origin_is_valid(const char *origin) {
    size_t len = strlen(origin);
    if (len == 0 || len > CHECKPOINT_ORIGIN_MAX_BYTES) return false;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)origin[i] <= ' ' || origin[i] == '+' || origin[i] == 127) return false;
    return true;
}

static err key_hash(const char *name, const uint8_t public_key[SIGN_PUBLIC_BYTES],
                    uint8_t out[KEY_HASH_BYTES]) {
    static const uint8_t middle[] = {'\n', ALGORITHM_ED25519};
    AUTO(blob_clear) struct blob input = {0};
    err e = blob_append(&input, bytes_text(name));
    if (!e) e = blob_append(&input, BYTES_OF(middle));
    if (!e) e = blob_append(&input, BYTES(public_key, SIGN_PUBLIC_BYTES));
    if (e) return e;
    uint8_t hash[HASH_BYTES];
    hash_sha256(blob_bytes(&input), hash);
    memcpy(out, hash, KEY_HASH_BYTES);
    return ERR_OK;
}

/* Standard base64 with padding, as signed notes want; base/bytes.h has the URL's. */
#define PADDED_CHARS(n) (((n) + 2) / 3 * 4)
static void padded_encode(struct bytes in, char *out) {
    EVP_EncodeBlock((unsigned char *)out, in.data, (int)in.len);
}

static bool padded_decode(struct bytes text, struct buffer out) {
    unsigned char raw[PADDED_CHARS(SIGNATURE_LINE_BYTES) / 4 * 3];
    char again[PADDED_CHARS(SIGNATURE_LINE_BYTES) + 1];
    if (text.len != PADDED_CHARS(out.len) || text.len > PADDED_CHARS(SIGNATURE_LINE_BYTES)) return false;
    if (EVP_DecodeBlock(raw, text.data, (int)text.len) < (int)out.len) return false;
    padded_encode(BYTES(raw, out.len), again);
    if (memcmp(again, text.data, text.len) != 0) return false; /* one text for one value */
    memcpy(out.data, raw, out.len);
    return true;
}

err checkpoint_sign(const struct checkpoint *c, const struct sign_key *key, struct blob *out) {
    if (!origin_is_valid(c->origin)) return ERR_INVALID;
    char root[PADDED_CHARS(HASH_BYTES) + 1], body[CHECKPOINT_ORIGIN_MAX_BYTES + 96];
    padded_encode(BYTES_OF(c->root), root);
    int n = snprintf(body, sizeof body, "%s\n%" PRIu64 "\n%s\n", c->origin, c->size, root);
    uint8_t signed_by[SIGNATURE_LINE_BYTES];
    err e = key_hash(c->origin, key->public_key, signed_by);
    if (e) return e;
    sign_raw(key, BYTES(body, (size_t)n), signed_by + KEY_HASH_BYTES);
    char line[PADDED_CHARS(SIGNATURE_LINE_BYTES) + 1];
    padded_encode(BYTES_OF(signed_by), line);
    const char *parts[] = {body, "\n", dash, c->origin, " ", line, "\n"};
    for (size_t i = 0; !e && i < sizeof parts / sizeof *parts; i++)
        e = blob_append(out, bytes_text(parts[i]));
    return e;
}

/* Takes a line without its end; false: there is none. */
static bool take_line(struct bytes *text, struct bytes *line) {
    const uint8_t *end = text->len ? memchr(text->data, '\n', text->len) : NULL;
    if (!end) return false;
    *line = BYTES(text->data, (size_t)(end - text->data));
    *text = BYTES(end + 1, text->len - line->len - 1);
    return true;
}

static err read_body(struct bytes *text, struct checkpoint *c, struct diag *d) {
    struct bytes origin, size, root;
    if (!take_line(text, &origin) || origin.len == 0 || origin.len > CHECKPOINT_ORIGIN_MAX_BYTES)
        return diag_fail(d, ERR_INVALID, "checkpoint: the origin is missing or too long");
    memcpy(c->origin, origin.data, origin.len);
    c->origin[origin.len] = 0;
    if (strlen(c->origin) != origin.len || !origin_is_valid(c->origin))
        return diag_fail(d, ERR_INVALID, "checkpoint: the origin has forbidden characters");
    if (!take_line(text, &size) || size.len == 0 || size.len > 19 || (size.len > 1 && size.data[0] == '0'))
        return diag_fail(d, ERR_INVALID, "checkpoint: the size is not a number");
    c->size = 0;
    for (size_t i = 0; i < size.len; i++) {
        if (size.data[i] < '0' || size.data[i] > '9')
            return diag_fail(d, ERR_INVALID, "checkpoint: the size is not a number");
        c->size = c->size * 10 + (uint64_t)(size.data[i] - '0');
    }
    if (c->size >> 63) return diag_fail(d, ERR_INVALID, "checkpoint: the size is too large");
    if (!take_line(text, &root) || !padded_decode(root, (struct buffer){c->root, HASH_BYTES}))
        return diag_fail(d, ERR_INVALID, "checkpoint: the root is not 32 bytes in base64");
    struct bytes line;
    do { /* extension lines may follow; an empty line ends the body */
        if (!take_line(text, &line)) return diag_fail(d, ERR_INVALID, "checkpoint: no signature");
    } while (line.len);
    return ERR_OK;
}

/* Is this line a signature by the key? ERR_NOT_FOUND: by another. */
static err check_signature(struct bytes line, const char *name, const uint8_t public_key[SIGN_PUBLIC_BYTES],
                           const uint8_t id[KEY_HASH_BYTES], struct bytes body) {
    size_t head = sizeof dash - 1, len = strlen(name);
    uint8_t raw[SIGNATURE_LINE_BYTES];
    if (line.len < head || memcmp(line.data, dash, head) != 0) return ERR_INVALID;
    if (line.len < head + len + 1 || memcmp(line.data + head, name, len) != 0 || line.data[head + len] != ' ')
        return ERR_NOT_FOUND;
    struct bytes encoded = BYTES(line.data + head + len + 1, line.len - head - len - 1);
    if (!padded_decode(encoded, (struct buffer){raw, sizeof raw}))
        return ERR_NOT_FOUND; /* another algorithm */
    if (memcmp(raw, id, KEY_HASH_BYTES) != 0) return ERR_NOT_FOUND;
    return verify_raw(public_key, body, raw + KEY_HASH_BYTES);
}

err checkpoint_verify(struct bytes text, const char *origin, const uint8_t public_key[SIGN_PUBLIC_BYTES],
                      struct checkpoint *out, struct diag *d) {
    struct checkpoint c = {0};
    struct bytes rest = text, line;
    uint8_t id[KEY_HASH_BYTES];
    if (text.len > CHECKPOINT_TEXT_MAX_BYTES) return diag_fail(d, ERR_INVALID, "checkpoint: too long");
    err e = read_body(&rest, &c, d);
    if (!e) e = key_hash(c.origin, public_key, id);
    if (e) return e;
    if (origin && strcmp(origin, c.origin) != 0)
        return diag_fail(d, ERR_FORGED, "checkpoint: of the log %s, not %s", c.origin, origin);
    struct bytes body = BYTES(text.data, (size_t)(rest.data - text.data) - 1); /* without the empty line */
    bool found = false;
    while (take_line(&rest, &line)) {
        e = check_signature(line, c.origin, public_key, id, body);
        if (e == ERR_NOT_FOUND) continue;
        if (e == ERR_INVALID) return diag_fail(d, e, "checkpoint: a line after the body is not a signature");
        if (e) return diag_fail(d, e, "checkpoint: the log's signature does not fit");
        found = true;
    }
    if (rest.len) return diag_fail(d, ERR_INVALID, "checkpoint: the last line has no end");
    if (!found) return diag_fail(d, ERR_FORGED, "checkpoint: not signed by the log's key");
    *out = c;
    return ERR_OK;
}
