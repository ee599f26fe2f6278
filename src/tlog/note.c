#include "tlog/note.h"

#include <openssl/evp.h>

#include "crypto/hash.h"

static const char dash[] = "\xe2\x80\x94 "; /* an em dash and a space begin a signature line */
#define DASH_BYTES (sizeof dash - 1)

bool note_name_is_valid(const char *name) {
    size_t len = strlen(name);
    if (len == 0 || len > NOTE_NAME_MAX_BYTES) return false;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)name[i] <= ' ' || name[i] == '+' || name[i] == 127) return false;
    return true;
}

err note_key_id(const char *name, uint8_t algorithm, const uint8_t public_key[SIGN_PUBLIC_BYTES],
                uint8_t out[NOTE_KEY_ID_BYTES]) {
    const uint8_t middle[] = {'\n', algorithm};
    AUTO(blob_clear) struct blob input = {0};
    err e = blob_append(&input, bytes_text(name));
    if (!e) e = blob_append(&input, BYTES_OF(middle));
    if (!e) e = blob_append(&input, BYTES(public_key, SIGN_PUBLIC_BYTES));
    if (e) return e;
    uint8_t hash[HASH_BYTES];
    hash_sha256(blob_bytes(&input), hash);
    memcpy(out, hash, NOTE_KEY_ID_BYTES);
    return ERR_OK;
}

void note_base64(struct bytes in, char *out) {
    EVP_EncodeBlock((unsigned char *)out, in.data, (int)in.len);
}

bool note_unbase64(struct bytes text, uint8_t *out, size_t most, size_t *len) {
    unsigned char raw[NOTE_BASE64_CHARS(NOTE_SIGNATURE_MAX_BYTES) / 4 * 3];
    char again[NOTE_BASE64_CHARS(NOTE_SIGNATURE_MAX_BYTES) + 1];
    if (text.len == 0 || text.len % 4 || text.len > NOTE_BASE64_CHARS(most)) return false;
    int n = EVP_DecodeBlock(raw, text.data, (int)text.len);
    if (n <= 0) return false;
    size_t bytes = (size_t)n - (text.data[text.len - 1] == '=') - (text.data[text.len - 2] == '=');
    if (bytes > most) return false;
    note_base64(BYTES(raw, bytes), again);
    if (memcmp(again, text.data, text.len) != 0) return false; /* one text for one value */
    memcpy(out, raw, bytes);
    *len = bytes;
    return true;
}

bool note_line(struct bytes *text, struct bytes *line) {
    const uint8_t *end = text->len ? memchr(text->data, '\n', text->len) : NULL;
    if (!end) return false;
    *line = BYTES(text->data, (size_t)(end - text->data));
    *text = BYTES(end + 1, text->len - line->len - 1);
    return true;
}

err note_split(struct bytes text, struct note *out, struct diag *d) {
    if (text.len == 0 || text.data[text.len - 1] != '\n')
        return diag_fail(d, ERR_INVALID, "signed note: the last line has no end");
    size_t at = text.len - 1; /* the last empty line: two ends in a row */
    while (at > 0 && !(text.data[at] == '\n' && text.data[at - 1] == '\n')) at--;
    if (at == 0) return diag_fail(d, ERR_INVALID, "signed note: no signature");
    out->body = BYTES(text.data, at); /* with its last line's end, without the empty line */
    out->lines = BYTES(text.data + at + 1, text.len - at - 1);
    return ERR_OK;
}

err note_next(struct bytes *lines, struct note_signature *out) {
    struct bytes line;
    if (lines->len == 0) return ERR_NOT_FOUND;
    if (!note_line(lines, &line) || line.len < DASH_BYTES || memcmp(line.data, dash, DASH_BYTES) != 0)
        return ERR_INVALID;
    line = BYTES(line.data + DASH_BYTES, line.len - DASH_BYTES);
    const uint8_t *space = line.len ? memchr(line.data, ' ', line.len) : NULL;
    if (!space || space == line.data) return ERR_INVALID;
    *out = (struct note_signature){.name = BYTES(line.data, (size_t)(space - line.data))};
    struct bytes encoded = BYTES(space + 1, line.len - out->name.len - 1);
    if (!note_unbase64(encoded, out->raw, sizeof out->raw, &out->len)) out->len = 0;
    return ERR_OK;
}

bool note_signed_by(const struct note_signature *s, const char *name, const uint8_t id[NOTE_KEY_ID_BYTES],
                    size_t len) {
    return s->len == NOTE_KEY_ID_BYTES + len && bytes_equal(s->name, bytes_text(name)) &&
           memcmp(s->raw, id, NOTE_KEY_ID_BYTES) == 0;
}

err note_append(struct blob *out, const char *name, struct bytes raw) {
    char line[NOTE_BASE64_CHARS(NOTE_SIGNATURE_MAX_BYTES) + 1];
    if (raw.len > NOTE_SIGNATURE_MAX_BYTES) return ERR_LIMIT;
    note_base64(raw, line);
    const char *parts[] = {dash, name, " ", line, "\n"};
    err e = ERR_OK;
    for (size_t i = 0; !e && i < sizeof parts / sizeof *parts; i++)
        e = blob_append(out, bytes_text(parts[i]));
    return e;
}
