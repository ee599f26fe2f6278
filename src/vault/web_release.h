/* web_release.h: the pages that a vault serves are those of a logged release (docs/trust.md, "The app,
 * pinned").
 *
 * At its start the vault reads the release's list in its web folder, hashes every file, and logs the list's
 * hash when the newest release in the log is another. From then on it serves no file that is not in the list
 * or not as the list says, be it changed under way; another list is logged before it counts (pages.h). A
 * folder without a list (a page of one's own) is served as it is, and said to be in no log. Threads: any. */
#ifndef CARDEA_VAULT_WEB_RELEASE_H
#define CARDEA_VAULT_WEB_RELEASE_H

#include <sys/stat.h>

#include "tlog/release.h"
#include "vault/vault.h"

struct web_release;

/* Hashes the folder's files; what is not as the list says is told to the operator, once for each file, unless
 * `quiet`. ERR_NOT_FOUND: there is no list. ERR_INVALID: it cannot be read. */
err web_release_open(const char *folder, bool quiet, struct web_release **out, struct diag *d) CHECKED;
void web_release_free(struct web_release *w); /* with those that it supersedes; NULL is fine */
/* Was every file there, and as the list says, when it was hashed? */
bool web_release_whole(struct web_release *w);
/* Takes the one before it. From here on it tells. */
void web_release_supersedes(struct web_release *w, struct web_release *older);

/* May this open file be served as `path` (from "/" on)? Hashes it anew when it is another than before. The
 * list itself may always. */
bool web_release_allows(struct web_release *w, const char *path, int fd, const struct stat *info);

const struct release *web_release_of(const struct web_release *w);
/* Its entry in the log. */
void web_release_stands_at(struct web_release *w, uint64_t entry);

/* Logs the release unless it is the newest in the log, as `note` (a file beside the log) remembers and the
 * log confirms. v->log is open. Errors as access_log_append's. */
err web_release_log(struct web_release *w, struct vault *v, const char *folder, struct diag *d) CHECKED;

/* For GET /v1/vault: {"release":hex,"version":text,"entry":index}, a new reference; NULL: nothing is logged.
 */
json_t *web_release_json(const struct web_release *w);

#endif
