/* release.h: what a release of the pages consists of (docs/trust.md, "The app, pinned").
 *
 *   {"v":1,"version":text,"files":{"/index.html": hex SHA-256, …}}
 *
 * The build writes it (web/build.mjs) beside the files; the log holds the SHA-256 of its bytes. The page's
 * own packed forms (.gz) are files like others; the list itself is in no list. Who reads it may have it from
 * a hostile server: paths are such that they can be asked for and joined to a folder. Threads: no shared
 * state. */
#ifndef CARDEA_TLOG_RELEASE_H
#define CARDEA_TLOG_RELEASE_H

#include "base/bytes.h"
#include "crypto/hash.h"

#define RELEASE_KIND "web.release" /* of its entry in the log */
#define RELEASE_PATH "/release.json"
#define RELEASE_MAX_BYTES (256u << 10)
#define RELEASE_FILES_MAX 1024u
#define RELEASE_NAME_MAX_BYTES 160u
#define RELEASE_VERSION_MAX_BYTES 64u

struct release_file {
    char path[RELEASE_NAME_MAX_BYTES + 1]; /* from "/" on */
    uint8_t hash[HASH_BYTES];
};

struct release {
    uint8_t hash[HASH_BYTES]; /* of the list */
    char version[RELEASE_VERSION_MAX_BYTES + 1];
    struct release_file *files; /* by path */
    size_t count;
};

/* Fills *out. ERR_INVALID names what is wrong; ERR_LIMIT: too large; ERR_NO_MEMORY. */
err release_read(struct bytes list, struct release *out, struct diag *d) CHECKED;
void release_clear(struct release *r); /* of zeros is fine */

/* NULL: it is not a file of this release. */
const struct release_file *release_find(const struct release *r, const char *path);

/* The details of a log's entry of RELEASE_KIND: {"release":hex,"version":text}; `version` has room for
 * RELEASE_VERSION_MAX_BYTES + 1. ERR_INVALID: they are none. */
err release_details(struct bytes details, uint8_t hash[HASH_BYTES], char *version, struct diag *d) CHECKED;

#endif
