/* ca_page.h: the one page that is served without TLS to the local network: how to trust this home's
 * certificate. It hands out the authority's certificate, which is public, and nothing else. Threads: runs its
 * own. */
#ifndef CARDEA_CLI_CA_PAGE_H
#define CARDEA_CLI_CA_PAGE_H

#include "base/err.h"
#include "cli/args.h"

struct ca_page;
/* `address` says where; `certificate` is the file, `fingerprint` and `app_url` are shown. ERR_IO: the port is
 * taken. */
err ca_page_start(const struct listen_address *address, const char *certificate, const char *fingerprint,
                  const char *app_url, struct ca_page **out, struct diag *d) CHECKED;
void ca_page_stop(struct ca_page *p); /* NULL is fine */

#endif
