/* make.h: what the generator of the test vectors is made of. Everything is deterministic: what is random in
 * the product is here derived from a label, and enters through the `_with` functions of the formats. */
#ifndef CARDEA_TESTS_VECTORS_MAKE_H
#define CARDEA_TESTS_VECTORS_MAKE_H

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "crypto/sign.h"
#include "crypto/timekey.h"
#include "crypto/unbox.h"

#define SLOT 1700000000u

/* A vector that cannot be made is a mistake in the generator. */
#define MUST(call)                                                                                           \
    do {                                                                                                     \
        err must_e = (call);                                                                                 \
        if (must_e) {                                                                                        \
            fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call, err_text(must_e));                 \
            exit(1);                                                                                         \
        }                                                                                                    \
    } while (0)

/* HKDF-Expand(SHA-256("cardea vectors"), label). */
void make_bytes(const char *label, void *out, size_t len);
void make_sign_key(const char *label, struct sign_key *out);
void make_box_key(const char *label, struct box_key *out);
/* A set of one root. */
void make_root(const char *label, struct timekey_set *out);

json_t *make_hex(struct bytes data);
json_t *make_set(const struct timekey_set *set);
/* Takes `one`; the word is err's own, "forged", "invalid", … NULL: none. */
void make_case(json_t *cases, const char *error, json_t *one);
/* Takes `cases`. */
void make_file(const char *folder, const char *name, const char *description, const char *source,
               json_t *cases);

void make_crypto(const char *folder);
void make_people(const char *folder);
void make_segments(const char *folder);
void make_messages(const char *folder);
void make_grants(const char *folder);
void make_staff(const char *folder);
void make_shares(const char *folder);
void make_log(const char *folder);
void make_hidden_mark(const char *folder);

#endif
