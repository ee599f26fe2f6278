/* json.h: strict reading of JSON that strangers send (jansson underneath).
 *
 * A request names its fields in a table; what is missing, of another type, too long, or unknown is
 * refused with the field's name, before any handler sees it. */
#ifndef CARDEA_BASE_JSON_H
#define CARDEA_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "base/bytes.h"

/* For AUTO(json_release). */
void json_release(json_t **value);

enum json_kind {
    JSON_KIND_TEXT,   /* const char *: UTF-8, at most max bytes; borrowed from the document */
    JSON_KIND_BASE64, /* struct blob: base64url of at most max bytes; the caller clears it */
    JSON_KIND_HEX,    /* uint8_t[max]: exactly max bytes of lower-case hex */
    JSON_KIND_INT,    /* int64_t in [min, max] */
    JSON_KIND_BOOL,   /* bool */
    JSON_KIND_OBJECT, /* json_t *, borrowed */
    JSON_KIND_ARRAY,  /* json_t *, borrowed, at most max items */
};

struct json_field {
    const char *name;
    enum json_kind kind;
    bool required;
    int64_t min, max; /* see json_kind; BASE64 and TEXT also honour min as the least length */
    void *out;        /* left alone when the field is absent */
    bool *present;    /* may be NULL */
};

/* Parses an object, refusing duplicates, nesting deeper than 16 and trailing bytes. Takes nothing; *out is
 * returned. */
err json_parse(struct bytes text, json_t **out, struct diag *d) CHECKED;

/* ERR_INVALID with the field's name in d. Fields that are not in the table are refused too. On
 * failure nothing that needs clearing is left in the outputs. */
err json_read(json_t *object, const struct json_field *fields, size_t count, struct diag *d) CHECKED;

#define JSON_READ(object, fields, d) json_read(object, fields, sizeof(fields) / sizeof *(fields), d)

/* json_string of base64url / hex; NULL when out of memory. */
json_t *json_base64(struct bytes data);
json_t *json_hex(struct bytes data);

#endif
