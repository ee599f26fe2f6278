/* authority.h: the home's own certificate authority, so that a phone on the local network gets a secure
 * context.
 *
 * It signs for this machine alone: its name constraints allow private and link-local addresses, .local,
 * localhost and this host's name, so that a stolen authority key cannot impersonate the rest of the web to
 * those who trust it. Files in one folder: ca.crt, ca.key, server.crt, server.key; keys are 0600. Threads:
 * one. */
#ifndef CARDEA_CLI_AUTHORITY_H
#define CARDEA_CLI_AUTHORITY_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/clock.h"

#define AUTHORITY_DAYS 3650
#define AUTHORITY_SERVER_DAYS 90
#define AUTHORITY_RENEW_DAYS 30 /* a server certificate with less left is replaced */
#define AUTHORITY_NAMES_MAX 64

/* What a server certificate is for. */
struct authority_names {
    char host[256]; /* this machine's name, without a domain; may be empty */
    char addresses[AUTHORITY_NAMES_MAX][48];
    size_t count;
};
/* The host's name and those of its addresses that are private or link-local (others are outside the
 * constraints). */
void authority_names_of_host(struct authority_names *out);

/* Makes the authority in `folder` unless it is there. ERR_INVALID: a file there cannot be read as what it
 * should be. */
err authority_make(const char *folder, const char *host, struct wall_us now, struct diag *d) CHECKED;

/* Makes the server's certificate unless the one there names all of `names` and has AUTHORITY_RENEW_DAYS left.
 */
err authority_issue(const char *folder, const struct authority_names *names, struct wall_us now,
                    bool *changed, struct diag *d) CHECKED;

/* SHA-256 of the authority's certificate as "AB:CD:…". */
#define AUTHORITY_FINGERPRINT_BYTES 96
err authority_fingerprint(const char *folder, char out[AUTHORITY_FINGERPRINT_BYTES], struct diag *d) CHECKED;

/* Seconds until server.crt ends (negative: ended). */
err authority_server_left(const char *folder, struct wall_us now, int64_t *out_s, struct diag *d) CHECKED;

#endif
