/* mail.h: one message with a text and a picture, as RFC 5322 and MIME (RFC 2045 to 2047, 2387) want it.
 *
 * Whatever a text holds, it cannot become a header: what is not plain ASCII is encoded, control characters
 * are refused or replaced. Lines end with CRLF; none is longer than 78 bytes. Threads: no shared state. */
#ifndef CARDEA_NET_MAIL_H
#define CARDEA_NET_MAIL_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/clock.h"

#define MAIL_ADDRESS_MAX_BYTES 254
#define MAIL_ID_MAX_BYTES 64

struct mail {
    const char *from;      /* an address; shown with the name "Cardea" */
    const char *const *to; /* addresses, NULL at the end */
    const char *subject, *text;
    const char *id; /* of letters and digits; the Message-ID is <id@domain of from> */
    struct wall_us date;
    struct bytes jpeg; /* may be empty */
};

/* "user@host.example": no name, no quotes, no comments, ASCII. */
bool mail_address_valid(const char *text, size_t len);

/* Appends the whole message. ERR_INVALID: an address or the id. ERR_NO_MEMORY. */
err mail_write(const struct mail *m, struct blob *out, struct diag *d) CHECKED;

/* Appends `text` as the value of a header: as it is, where it is short plain ASCII, else as encoded words
 * (RFC 2047) with `fold` between them: "\r\n " in mail, " " where a header is one line (HTTP). */
err mail_header_text(const char *text, const char *fold, struct blob *out) CHECKED;

#endif
