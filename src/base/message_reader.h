/* message_reader.h: messages over a Unix stream socket, as the hub and its workers exchange them.
 *
 *     length (4): counts what follows | type (1) | payload
 *
 * Which types there are, and how long each may be, is the protocol's (docs/worker.md, docs/seeing.md): it
 * gives a function for that. Neither side trusts the other. Threads: no shared state. */
#ifndef CARDEA_BASE_MESSAGE_READER_H
#define CARDEA_BASE_MESSAGE_READER_H

#include <stdbool.h>

#include "base/bytes.h"

#define MESSAGE_HEAD_BYTES 5
#define MESSAGE_DESCRIPTORS_MAX 4 /* received and not yet taken */

/* The most that `length` may be for a message of this type, at least 1; 0: there is no such type. */
typedef uint32_t message_limit_fn(uint8_t type);

/* Zero-initialised (with count 0) is empty and valid. Holds at most one message more than it has handed out.
 */
struct message_reader {
    struct blob data;
    size_t start,
        taken; /* where the first unread byte lies; bytes that the message handed out last takes up */
    int descriptors[MESSAGE_DESCRIPTORS_MAX];
    size_t descriptor_count;
};

/* A whole message. The payload is borrowed from the reader until its next call. */
struct message {
    uint8_t type;
    struct bytes payload;
};

/* Reads once from a socket, without waiting, at most what completes the message at hand and some more.
 * Descriptors that come along are kept only if `descriptors` is true.
 *   ERR_BUSY  nothing there      ERR_CUT_SHORT  the other end closed      ERR_LIMIT  too many descriptors
 *   ERR_IO */
err message_reader_fill(struct message_reader *r, int socket, bool descriptors, message_limit_fn *limit,
                        struct diag *d) CHECKED;

/* The same from memory. */
err message_reader_feed(struct message_reader *r, struct bytes more) CHECKED;

/* The next whole message.
 *   ERR_BUSY  not whole yet: fill again      ERR_LIMIT  too long for its type
 *   ERR_INVALID  unknown type, or no type at all */
err message_reader_next(struct message_reader *r, message_limit_fn *limit, struct message *out,
                        struct diag *d) CHECKED;

/* The oldest received descriptor, now the caller's; -1 when there is none. */
int message_reader_take_descriptor(struct message_reader *r);

/* Closes what is left and wipes. */
void message_reader_clear(struct message_reader *r);

/* Begins a message; what is appended to *out before message_end is its payload. On ERR_NO_MEMORY *out is as
 * it was. */
err message_begin(struct blob *out, uint8_t type, size_t *mark) CHECKED;
/* ERR_LIMIT: longer than `limit` says, or no such type; it is removed again. */
err message_end(struct blob *out, size_t mark, message_limit_fn *limit) CHECKED;

/* Sends what it can of *rest without waiting, and takes it off the front; a descriptor (-1: none) goes with
 * the first byte and stays the caller's. ERR_BUSY  the socket is full      ERR_UNREACHABLE  the other end is
 * gone      ERR_IO */
err message_send_some(int socket, struct bytes *rest, int descriptor) CHECKED;

/* Sends whole messages over a blocking or non-blocking socket, waiting up to a second. ERR_TIMEOUT,
 * ERR_UNREACHABLE, ERR_IO. */
err message_send(int socket, struct bytes messages, int descriptor) CHECKED;

#endif
