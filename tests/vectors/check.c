#include "check.h"

#include <string.h>

#include "base/file.h"

static const char *current_file;

void check_file(const char *file, void (*check)(json_t *one)) {
    const char *source = getenv("CARDEA_SOURCE");
    char path[PATH_TEXT_BYTES];
    snprintf(path, sizeof path, "%s/tests/vectors/%s", source ? source : ".", file);
    json_error_t why;
    json_t *whole = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
    if (!whole) fail_msg("%s: %s", path, why.text);
    json_t *cases = json_object_get(whole, "cases");
    assert_true(json_array_size(cases) > 0);
    current_file = file;
    for (size_t i = 0; i < json_array_size(cases); i++) check(json_array_get(cases, i));
    json_decref(whole);
}

const char *check_name(json_t *one) {
    const char *name = json_string_value(json_object_get(one, "name"));
    return name ? name : "(no name)";
}

const char *check_text(json_t *one, const char *field) {
    const char *text = json_string_value(json_object_get(one, field));
    if (!text) fail_msg("%s: %s: \"%s\" is missing", current_file, check_name(one), field);
    return text;
}

struct blob check_hex(json_t *one, const char *field) {
    const char *text = check_text(one, field);
    struct blob out = {0};
    size_t len = strlen(text) / 2;
    assert_int_equal(blob_reserve(&out, len + 1), ERR_OK);
    if (hex_decode(text, (struct buffer){out.data, len}))
        fail_msg("%s: %s: \"%s\" is not hex", current_file, check_name(one), field);
    out.len = len;
    return out;
}

void check_hex_into(json_t *one, const char *field, void *out, size_t len) {
    if (hex_decode(check_text(one, field), (struct buffer){out, len}))
        fail_msg("%s: %s: \"%s\" is not %zu bytes of hex", current_file, check_name(one), field, len);
}

int64_t check_int(json_t *one, const char *field) {
    json_t *value = json_object_get(one, field);
    if (!json_is_integer(value)) fail_msg("%s: %s: \"%s\" is missing", current_file, check_name(one), field);
    return json_integer_value(value);
}

void check_set(json_t *one, const char *field, struct timekey_set *out) {
    AUTO(blob_clear) struct blob raw = check_hex(one, field);
    struct diag d = {0};
    if (timekey_decode(blob_bytes(&raw), out, &d))
        fail_msg("%s: %s: %s", current_file, check_name(one), d.text);
}

void check_error(json_t *one, err e, const struct diag *d) {
    static const struct {
        const char *word;
        err e;
    } words[] = {{"unsupported", ERR_UNSUPPORTED}, {"invalid", ERR_INVALID}, {"forged", ERR_FORGED},
                 {"not_found", ERR_NOT_FOUND},     {"limit", ERR_LIMIT},     {"denied", ERR_DENIED},
                 {"cut_short", ERR_CUT_SHORT}};
    const char *word = json_string_value(json_object_get(one, "error"));
    err expected = word ? ERR_COUNT_ : ERR_OK;
    for (size_t i = 0; word && i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].word, word) == 0) expected = words[i].e;
    if (e != expected)
        fail_msg("%s: %s: got \"%s\" (%s), expected %s", current_file, check_name(one), err_text(e),
                 d ? d->text : "", word ? word : "success");
    if (e && d && !d->text[0]) fail_msg("%s: %s: no message", current_file, check_name(one));
}

void check_equal(json_t *one, const char *field, struct bytes got) {
    AUTO(blob_clear) struct blob expected = check_hex(one, field);
    if (!bytes_equal(blob_bytes(&expected), got))
        fail_msg("%s: %s: \"%s\"", current_file, check_name(one), field);
}
