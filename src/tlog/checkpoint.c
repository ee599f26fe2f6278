#include "tlog/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>

#include "tlog/note.h"

#define SIGNED_BYTES (NOTE_KEY_ID_BYTES + SIGNATURE_BYTES)
_Static_assert(CHECKPOINT_ORIGIN_MAX_BYTES == NOTE_NAME_MAX_BYTES, "the log's name is its key's");

err checkpoint_sign(const struct checkpoint *c, const struct sign_key *key, struct blob *out) {
    if (!note_name_is_valid(c->origin)) return ERR_INVALID;
    char root[NOTE_BASE64_CHARS(HASH_BYTES) + 1], body[CHECKPOINT_ORIGIN_MAX_BYTES + 96];
    note_base64(BYTES_OF(c->root), root);
    int n = snprintf(body, sizeof body, "%s\n%" PRIu64 "\n%s\n", c->origin, c->size, root);
    uint8_t signed_by[SIGNED_BYTES];
    err e = note_key_id(c->origin, NOTE_ED25519, key->public_key, signed_by);
    if (e) return e;
    sign_raw(key, BYTES(body, (size_t)n), signed_by + NOTE_KEY_ID_BYTES);
    e = blob_append(out, bytes_text(body));
    if (!e) e = blob_append_u8(out, '\n');
    return e ? e : note_append(out, c->origin, BYTES_OF(signed_by));
}

static err read_origin(struct bytes line, struct checkpoint *c, struct diag *d) {
    if (line.len == 0 || line.len > CHECKPOINT_ORIGIN_MAX_BYTES)
        return diag_fail(d, ERR_INVALID, "checkpoint: the origin is missing or too long");
    memcpy(c->origin, line.data, line.len);
    c->origin[line.len] = 0;
    if (strlen(c->origin) != line.len || !note_name_is_valid(c->origin))
        return diag_fail(d, ERR_INVALID, "checkpoint: the origin has forbidden characters");
    return ERR_OK;
}

static err read_size(struct bytes line, struct checkpoint *c, struct diag *d) {
    c->size = 0;
    if (line.len == 0 || line.len > 19 || (line.len > 1 && line.data[0] == '0'))
        return diag_fail(d, ERR_INVALID, "checkpoint: the size is not a number");
    for (size_t i = 0; i < line.len; i++) {
        if (line.data[i] < '0' || line.data[i] > '9')
            return diag_fail(d, ERR_INVALID, "checkpoint: the size is not a number");
        c->size = c->size * 10 + (uint64_t)(line.data[i] - '0');
    }
    return c->size >> 63 ? diag_fail(d, ERR_INVALID, "checkpoint: the size is too large") : ERR_OK;
}

err checkpoint_parse(struct bytes text, struct checkpoint *out, struct note *note, struct diag *d) {
    struct checkpoint c = {0};
    struct bytes line, rest;
    size_t len;
    if (text.len > CHECKPOINT_TEXT_MAX_BYTES) return diag_fail(d, ERR_INVALID, "checkpoint: too long");
    err e = note_split(text, note, d);
    if (e) return e;
    rest = note->body;
    if (!note_line(&rest, &line)) line = (struct bytes){0};
    e = read_origin(line, &c, d);
    if (e) return e;
    if (!note_line(&rest, &line)) line = (struct bytes){0};
    e = read_size(line, &c, d);
    if (e) return e;
    if (!note_line(&rest, &line) || line.len != NOTE_BASE64_CHARS(HASH_BYTES) ||
        !note_unbase64(line, c.root, sizeof c.root, &len) || len != sizeof c.root)
        return diag_fail(d, ERR_INVALID, "checkpoint: the root is not 32 bytes in base64");
    while (note_line(&rest, &line)) /* extension lines are signed, and not ours to read */
        if (line.len == 0) return diag_fail(d, ERR_INVALID, "checkpoint: an empty line in its body");
    *out = c;
    return ERR_OK;
}

/* Every line must be a signature; one must be by this key, and all by this key must fit. */
static err check_lines(const struct note *note, const char *name, const uint8_t public_key[SIGN_PUBLIC_BYTES],
                       struct diag *d) {
    struct bytes lines = note->lines;
    struct note_signature s;
    uint8_t id[NOTE_KEY_ID_BYTES];
    bool found = false;
    err e = note_key_id(name, NOTE_ED25519, public_key, id), more;
    if (e) return e;
    while ((more = note_next(&lines, &s)) == ERR_OK) {
        if (!note_signed_by(&s, name, id, SIGNATURE_BYTES)) continue; /* a witness, or another algorithm */
        if (verify_raw(public_key, note->body, s.raw + NOTE_KEY_ID_BYTES))
            return diag_fail(d, ERR_FORGED, "checkpoint: the log's signature does not fit");
        found = true;
    }
    if (more != ERR_NOT_FOUND)
        return diag_fail(d, ERR_INVALID, "checkpoint: a line after the body is not a signature");
    return found ? ERR_OK : diag_fail(d, ERR_FORGED, "checkpoint: not signed by the log's key");
}

err checkpoint_verify(struct bytes text, const char *origin, const uint8_t public_key[SIGN_PUBLIC_BYTES],
                      struct checkpoint *out, struct diag *d) {
    struct checkpoint c;
    struct note note;
    err e = checkpoint_parse(text, &c, &note, d);
    if (e) return e;
    if (origin && strcmp(origin, c.origin) != 0)
        return diag_fail(d, ERR_FORGED, "checkpoint: of the log %s, not %s", c.origin, origin);
    e = check_lines(&note, c.origin, public_key, d);
    if (!e) *out = c;
    return e;
}
