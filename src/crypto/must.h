/* must.h: stops the program when OpenSSL fails at something that cannot fail: nothing it does after
 * that is safe. Internal to src/crypto. */
#ifndef CARDEA_CRYPTO_MUST_H
#define CARDEA_CRYPTO_MUST_H

#include <stdbool.h>
#include <stdlib.h>

static inline void must(bool worked) {
    if (!worked) abort();
}

#endif
