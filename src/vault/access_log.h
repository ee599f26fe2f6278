/* access_log.h: the vault's public log of what was done to it (C2SP tlog-tiles, under /log/).
 *
 * An entry is a CBOR array: version 1 | time in µs | kind | blinded subject (null for acts that concern no
 * household) | details (text). Kinds so far: admin.act, for starts, mending and restoring. Grants will add
 * theirs; nobody but a household's owners holds keys in this version. An entry is durable before the act that
 * it records goes on.
 *
 * The log lies in FOLDER/log, its key in FOLDER/log.key, beside the index. Threads: any; one process at a
 * time. */
#ifndef CARDEA_VAULT_ACCESS_LOG_H
#define CARDEA_VAULT_ACCESS_LOG_H

#include "crypto/verify.h"
#include "net/http_server.h"

struct access_log;
/* ERR_BUSY: another process has it. ERR_FORGED: what lies there is not a log of this key. */
err access_log_open(const char *folder, struct access_log **out, struct diag *d) CHECKED;
void access_log_close(struct access_log **log); /* NULL inside is fine; for AUTO */
const uint8_t *access_log_key(const struct access_log *log);

err access_log_act(struct access_log *log, const char *details, struct diag *d) CHECKED;

/* Answers GET /log/PATH from the log's folder. */
void access_log_serve(const struct access_log *log, const char *path, struct http_reply *r);

#endif
