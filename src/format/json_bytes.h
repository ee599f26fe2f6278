/* json_bytes.h: JSON values to and from the formats' bytes. Internal to src/format. */
#ifndef CARDEA_FORMAT_JSON_BYTES_H
#define CARDEA_FORMAT_JSON_BYTES_H

#include "base/json.h"

/* Appends the compact text. NULL (a failed json_pack) is ERR_NO_MEMORY. */
err json_append(const json_t *value, struct blob *out) CHECKED;

/* A field of exactly max bytes of base64url, read into a blob that the caller clears. */
#define JSON_FIXED(name, bytes, blob)                                                                        \
    { (name), JSON_KIND_BASE64, true, (bytes), (bytes), (blob), NULL }
#define JSON_ID(name, bytes, out)                                                                            \
    { (name), JSON_KIND_HEX, true, 0, (bytes), (out), NULL }
/* Every JSON of ours starts with its version, which is 1. */
#define JSON_VERSION(out)                                                                                    \
    { "v", JSON_KIND_INT, true, 1, 1, (out), NULL }

#endif
