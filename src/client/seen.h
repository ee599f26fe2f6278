/* seen.h: what this device has seen of households' objects (docs/formats.md, "What a device remembers"), so
 * that a vault cannot go back to an older one, however well that is signed. A file of the owner's own.
 * Threads: one. */
#ifndef CARDEA_CLIENT_SEEN_H
#define CARDEA_CLIENT_SEEN_H

#include "format/object.h"
#include "format/succession.h"

#define SEEN_HOUSEHOLD_BYTES 16
#define SEEN_KEYS_MAX 16384u /* of all households; what comes after them is not remembered */
#define SEEN_FILE_MAX_BYTES (8u << 20)

struct seen;

/* A file that is not there is an empty memory. ERR_INVALID: it is damaged; d says what to do. */
err seen_open(const char *path, struct seen **out, struct diag *d) CHECKED;
/* What other processes have written meanwhile is kept. Does nothing when nothing is new. */
err seen_save(struct seen *s, struct diag *d) CHECKED;
void seen_free(struct seen *s); /* NULL is fine */

/* Compares a verified object with what was seen before, and remembers it. `chain` (may be NULL) leads from
 * former keys of the household to its present one.
 *   ERR_FORGED  an older version, or one of a key whose signer cannot change by another signer: d names the
 * object. These are camera/…/profile, and household/keys/… unless the chain leads from the signer before. */
err seen_check(struct seen *s, const uint8_t household[SEEN_HOUSEHOLD_BYTES], const struct object *object,
               const struct succession_chain *chain, struct diag *d) CHECKED;

/* Compares alone, and remembers nothing. ERR_FORGED: an older version than was seen. */
err seen_not_older(const struct seen *s, const uint8_t household[SEEN_HOUSEHOLD_BYTES],
                   const struct object *object, struct diag *d) CHECKED;

/* Is this what was seen last of it: the same version and payload, by the same signer? Whoever kept a former
 * key can sign another payload under the same version. */
bool seen_knows(const struct seen *s, const uint8_t household[SEEN_HOUSEHOLD_BYTES],
                const struct object *object);

/* Has any version of it been seen? */
bool seen_has(const struct seen *s, const uint8_t household[SEEN_HOUSEHOLD_BYTES], const char *key);

#endif
