/* outgoing.h: requests to servers that the owner named: push services, webhooks, mail servers.
 *
 * What they answer is a stranger's: the first words are kept for people, the rest is dropped, redirects are
 * not followed, certificates are verified, and a request ends in time. Without TLS only addresses of the home
 * are spoken to, checked when the connection is made, whatever a name resolves to. Threads: one, but for
 * outgoing_wake. */
#ifndef CARDEA_NET_OUTGOING_H
#define CARDEA_NET_OUTGOING_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/bytes.h"

#define OUTGOING_URL_MAX_BYTES 1024
#define OUTGOING_SAID_BYTES 200
#define OUTGOING_READ_MAX_BYTES 65536 /* of an answer; past it the connection is closed */
#define OUTGOING_MAIL_TO_MAX 8
#define OUTGOING_RETRY_AFTER_MAX_S 86400

enum outgoing_scheme {
    OUTGOING_HTTPS = 1,
    OUTGOING_HTTP = 2, /* to the home's own addresses alone */
    OUTGOING_SMTPS = 4,
    OUTGOING_SMTP = 8, /* with STARTTLS, but to this machine */
};
/* Does the URL follow the policy? `schemes` is a set. No user name or password may stand in it, since lists
 * and logs show URLs. ERR_INVALID: d says what is wrong and what is right. */
err outgoing_check_url(const char *url, unsigned schemes, struct diag *d) CHECKED;
/* 127/8, ::1, private (RFC 1918, RFC 4193) and link-local addresses. */
bool outgoing_at_home(const struct sockaddr *address);
/* Could the name or numeric address be one of the home's? Names: without a dot, or under .local, .lan, .home,
 * .internal, .home.arpa. */
bool outgoing_home_name(const char *host);
bool outgoing_loopback_name(const char *host);

struct outgoing;
struct outgoing_transfer;

/* `ca_file`: PEM, trusted besides the system's roots; NULL: those alone. */
err outgoing_new(const char *ca_file, struct outgoing **out, struct diag *d) CHECKED;
/* Ends what is in flight without calling its `done`. */
void outgoing_free(struct outgoing *o);

struct outgoing_request {
    const char *url;
    /* HTTP */
    const char *method;
    const char *const
        *headers; /* "Name: value", NULL at the end; a control character in one is ERR_INVALID */
    /* Mail */
    const char *from;
    const char *const *to; /* NULL at the end */
    const char *user, *password;
    struct bytes body; /* copied */
    uint32_t timeout_ms;
};

struct outgoing_answer {
    int status;                     /* of HTTP or SMTP; 0: there was none */
    int retry_after_s;              /* the answer's Retry-After in seconds; 0: none */
    char said[OUTGOING_SAID_BYTES]; /* one printable line: the status and the first words */
};

/* Called once from outgoing_run. e is ERR_OK when an answer came, whatever its status; else ERR_UNREACHABLE,
 * ERR_TIMEOUT, ERR_FORGED (certificate), ERR_DENIED (policy). Starting and cancelling others is allowed. */
typedef void outgoing_done_fn(void *context, err e, const struct outgoing_answer *answer,
                              const struct diag *d);

err outgoing_start(struct outgoing *o, const struct outgoing_request *request, outgoing_done_fn *done,
                   void *context, struct outgoing_transfer **out, struct diag *d) CHECKED;
/* `done` is not called. */
void outgoing_cancel(struct outgoing_transfer *t);
/* Moves bytes, calls `done`, and waits up to timeout_ms. */
void outgoing_run(struct outgoing *o, int timeout_ms);
/* From any thread: outgoing_run returns soon. */
void outgoing_wake(struct outgoing *o);

#endif
