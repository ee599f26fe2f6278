/* conformance.h: what the conformance suites of the store share. Usage: suite DRIVER. */
#ifndef CARDEA_CONFORMANCE_H
#define CARDEA_CONFORMANCE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/file.h"
#include "store/id.h"

#define assert_ok(e)                                                                                         \
    do {                                                                                                     \
        err assert_e = (e);                                                                                  \
        if (assert_e) print_error("%s: %s (%s)\n", #e, err_text(assert_e), conformance_diag.text);           \
        assert_int_equal(assert_e, ERR_OK);                                                                  \
    } while (0)
#define assert_err(e, expected) assert_int_equal((e), (expected))

static struct diag conformance_diag;
#define D (&conformance_diag)

static inline struct store_id id_of(uint32_t n) {
    struct store_id id;
    for (unsigned i = 0; i < 4; i++) be32_put(id.bytes + 4 * i, (n + i) * 2654435761u ^ 0x5bd1e995u * i);
    return id;
}

static inline struct store_key key_of(uint32_t n) {
    struct store_key key;
    for (unsigned i = 0; i < 8; i++) be32_put(key.bytes + 4 * i, (n + i) * 2246822519u ^ 0x27d4eb2fu * i);
    return key;
}

static inline int remove_one(const char *path, const struct stat *info, int type, struct FTW *at) {
    return remove(path);
}

static inline void folder_make_temporary(char out[64]) {
    snprintf(out, 64, "/tmp/cardea-store-XXXXXX");
    assert_non_null(mkdtemp(out));
}

/* In memory where there is such a place: for tests that are not about what survives. */
static inline void folder_make_fleeting(char out[64]) {
    snprintf(out, 64, "/dev/shm/cardea-store-XXXXXX");
    if (!mkdtemp(out)) folder_make_temporary(out);
}

static inline void folder_remove(const char *path) {
    if (path[0]) assert_int_equal(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

#endif
