#include "make.h"

#include <string.h>

#include "base/file.h"
#include "crypto/hash.h"

void make_bytes(const char *label, void *out, size_t len) {
    uint8_t key[HASH_BYTES];
    hash_sha256(bytes_text("cardea vectors"), key);
    hash_hkdf_expand(key, label, (struct bytes){0}, (struct buffer){out, len});
}

void make_sign_key(const char *label, struct sign_key *out) {
    uint8_t seed[SIGN_SEED_BYTES];
    make_bytes(label, seed, sizeof seed);
    sign_key_from_seed(seed, out);
}

void make_box_key(const char *label, struct box_key *out) {
    uint8_t secret[BOX_SECRET_BYTES];
    make_bytes(label, secret, sizeof secret);
    box_key_from_secret(secret, out);
}

void make_root(const char *label, struct timekey_set *out) {
    MUST(timekey_generate(out));
    make_bytes(label, out->nodes[0].key, TIMEKEY_BYTES);
}

json_t *make_hex(struct bytes data) {
    char *text = malloc(2 * data.len + 1);
    if (!text) exit(1);
    hex_encode(data, text);
    json_t *value = json_string(text);
    free(text);
    return value;
}

json_t *make_set(const struct timekey_set *set) {
    AUTO(blob_clear) struct blob raw = {0};
    MUST(timekey_encode(set, &raw));
    return make_hex(blob_bytes(&raw));
}

void make_case(json_t *cases, const char *error, json_t *one) {
    if (!one) {
        fprintf(stderr, "case %zu cannot be packed\n", json_array_size(cases));
        exit(1);
    }
    if (error) json_object_set_new(one, "error", json_string(error));
    if (json_array_append_new(cases, one)) exit(1);
}

void make_file(const char *folder, const char *name, const char *description, const char *source,
               json_t *cases) {
    char path[PATH_TEXT_BYTES];
    MUST(path_join(path, folder, name));
    json_t *value =
        json_pack("{s:s, s:s, s:o}", "description", description, "source", source, "cases", cases);
    char *text = json_dumps(value, JSON_INDENT(1));
    AUTO(blob_clear) struct blob out = {0};
    struct diag d;
    MUST(blob_append(&out, bytes_text(text)));
    MUST(blob_append_u8(&out, '\n'));
    MUST(file_replace(path, blob_bytes(&out), 0644, &d));
    free(text);
    json_decref(value);
}
