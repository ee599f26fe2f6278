#include "tlog/release.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever a server calls its release: each file of it can be found, and asked for. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct release r = {0};
    struct diag d;
    uint8_t hash[HASH_BYTES];
    char version[RELEASE_VERSION_MAX_BYTES + 1];
    if (release_details(BYTES(data, size), hash, version, &d) == ERR_OK && !*version) __builtin_trap();
    if (release_read(BYTES(data, size), &r, &d) != ERR_OK) return 0;
    for (size_t i = 0; i < r.count; i++)
        if (release_find(&r, r.files[i].path) != &r.files[i] || r.files[i].path[0] != '/') __builtin_trap();
    release_clear(&r);
    return 0;
}
