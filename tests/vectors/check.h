/* check.h: reading the test vectors in C. Every file must hold cases, and every case must pass. */
#ifndef CARDEA_TESTS_VECTORS_CHECK_H
#define CARDEA_TESTS_VECTORS_CHECK_H

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "crypto/timekey.h"

/* Runs check on each case of tests/vectors/`file`. */
void check_file(const char *file, void (*check)(json_t *one));

const char *check_name(json_t *one);
/* A hex field, appended; the field must be there. */
struct blob check_hex(json_t *one, const char *field);
void check_hex_into(json_t *one, const char *field, void *out, size_t len);
int64_t check_int(json_t *one, const char *field);
const char *check_text(json_t *one, const char *field);
void check_set(json_t *one, const char *field, struct timekey_set *out);

/* Fails unless `e` is what the case says: ERR_OK without "error". */
void check_error(json_t *one, err e, const struct diag *d);
void check_equal(json_t *one, const char *field, struct bytes got);

void check_crypto_files(void **state);
void check_people_files(void **state);
void check_segment_files(void **state);
void check_message_files(void **state);
void check_grant_files(void **state);
void check_staff_files(void **state);
void check_share_files(void **state);
void check_log_files(void **state);
void check_hidden_mark_files(void **state);

#endif
