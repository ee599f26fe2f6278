/* err.h: what went wrong, named for what the caller can do next.
 *
 * Every function that can fail returns `err` and is marked CHECKED. Results
 * leave by out-parameter and are left alone on failure (plaintext is zeroed).
 * Words for people go to an optional `struct diag` that the caller owns. */
#ifndef CARDEA_BASE_ERR_H
#define CARDEA_BASE_ERR_H

#include <stddef.h>

#define CHECKED __attribute__((warn_unused_result))

typedef enum err {
    ERR_OK = 0,
    ERR_INVALID,     /* malformed input: retrying the same bytes is pointless */
    ERR_FORGED,      /* authentication failed: treat the source as hostile */
    ERR_DENIED,      /* understood, and refused */
    ERR_NOT_FOUND,   /* there is no such thing */
    ERR_EXISTS,      /* it is already there; nothing changed */
    ERR_CONFLICT,    /* somebody else changed it first: read again, then retry */
    ERR_LIMIT,       /* a named limit would be exceeded */
    ERR_NO_SPACE,    /* the disk or the quota is full */
    ERR_NO_MEMORY,   /* an allocation failed */
    ERR_BUSY,        /* try again soon */
    ERR_IO,          /* the system failed; the outcome may be unknown */
    ERR_UNREACHABLE, /* no connection, or it broke */
    ERR_TIMEOUT,     /* no answer in time */
    ERR_CUT_SHORT,   /* what was there is whole, but the end is missing */
    ERR_UNSUPPORTED, /* valid, but not something this build can do */
    ERR_CANCELLED,   /* the caller asked to stop */
    ERR_COUNT_
} err;

/* A short phrase for messages: "not found". Static storage, never NULL. */
const char *err_text(err e);

/* One line for people: what happened, to what, and what to do next. */
struct diag {
    char text[400];
};

/* Puts a question mark for each byte that is not UTF-8, such as what is left of a character that was cut.
 * What strangers have a part in is mended before it goes into JSON, which takes nothing else. */
void text_mend(char *text);

/* Formats into d (NULL is fine), mended, and returns e, so that a failure is one line:
 *   return diag_fail(d, ERR_INVALID, "slot %u is past the end", slot); */
err diag_fail(struct diag *d, err e, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts `context: ` before what d already says. */
void diag_prefix(struct diag *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
