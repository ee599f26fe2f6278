/* log_check.h: what an owner's software proves of the access log (docs/trust.md, "What an owner's software
 * proves").
 *
 *   the checkpoint is signed by the pinned key; it continues the one that this device saw before, and those
 * that the household's own hubs have witnessed; every number from 0 on of the household's entries is there,
 * included, and opens; none stands in the log that the vault keeps back, and none twice; each of the
 * household's own grants and revocations appears; a use is of a grant that it made; the successions of the
 * household's keys are those that it knows; time does not go back, and is not ahead of ours (log_clock.h).
 *
 * The whole log is read for entries that are kept back once, at a device's first check, if it is not larger
 * than LOG_WHOLE_MAX; from then on what came since. Of a larger one what came after the household's last
 * entry is read, until `all` is asked for.
 *
 * The vault is the one that is checked: nothing that it says is believed without the log. A check goes on
 * from the last (log_seen.h). When proof fails both checkpoints are kept in DIR/log-evidence/. Threads: one.
 */
#ifndef CARDEA_CLIENT_LOG_CHECK_H
#define CARDEA_CLIENT_LOG_CHECK_H

#include "base/file.h"
#include "client/client.h"
#include "client/grants.h"
#include "client/log_pins.h"
#include "client/log_seen.h"
#include "tlog/tile_tree.h"
#include "trust/unusual.h"

enum log_failure {
    LOG_FAILURE_NONE,
    LOG_FAILURE_KEY,           /* the device remembers another key than the household pinned */
    LOG_FAILURE_SIGNATURE,     /* the checkpoint is not the pinned log's */
    LOG_FAILURE_SHRANK,        /* fewer entries than this device saw */
    LOG_FAILURE_FORKED,        /* does not continue what this device saw */
    LOG_FAILURE_TILES,         /* the log's hashes contradict each other */
    LOG_FAILURE_MISSING,       /* a number of the household's is not given out, or another stands there */
    LOG_FAILURE_NOT_INCLUDED,  /* what the vault gives out is not in the log */
    LOG_FAILURE_ALTERED,       /* the details do not open, or the order is not the log's */
    LOG_FAILURE_WITHHELD,      /* an entry of the household's stands in the log and is not given out */
    LOG_FAILURE_GRANT_MISSING, /* a grant of the household's is not in the log */
    LOG_FAILURE_REVOCATION_MISSING, /* it was revoked, and the log does not say so */
    LOG_FAILURE_UNKNOWN_GRANT,      /* a use of a grant that the household did not make */
    LOG_FAILURE_WITNESS,            /* contradicts what a hub of the household has witnessed */
    LOG_FAILURE_TIME,               /* an entry is older than those before it, or is not yet */
    LOG_FAILURE_SUCCESSION,         /* more or fewer successions of keys than the household knows */
};
/* "missing", for --json and the names of evidence. */
extern const char *const log_failures[];

/* Told what goes on, for whoever waits; may be NULL. */
typedef void log_progress_fn(void *context, const char *what, uint64_t done, uint64_t of);

#define LOG_WHOLE_MAX 250000u /* read in less than 2 s; the app's limit too */

struct log_check_options {
    const char *folder; /* DIR: log-seen and log-evidence are in it */
    bool ask_hubs;      /* for what they have witnessed */
    bool all;           /* read the whole log, whatever its size and whatever was read before */
    bool accept_times;  /* of the entries that are there now: a person knows that the vault's clock was set */
    log_progress_fn *say;
    void *context;
};

struct log_checked {
    enum log_failure failure;
    struct log_pins pins;
    bool first; /* nothing was pinned before: this vault was trusted just now */
    struct checkpoint checkpoint;
    struct blob text;     /* the checkpoint that was proven, or failed */
    struct blob before;   /* what it contradicts, if anything */
    struct log_seen seen; /* the household's entries, proven */
    size_t fresh;         /* of them, how many are new since the last check */
    uint64_t read;        /* entries of the log that were looked through now */
    struct grant_list grants;
    /* The hubs' word. */
    size_t hubs_asked, hubs_agreed;
    uint64_t witnessed;             /* the largest size that one of them has witnessed */
    uint64_t hub_evidence;          /* what they keep against the vault */
    char hub_problem[200];          /* why a hub could not be asked */
    size_t cosigned;                /* hubs of the household whose cosignature the checkpoint has */
    char evidence[PATH_TEXT_BYTES]; /* where it was kept; empty: nothing was */
};
void log_checked_clear(struct log_checked *r); /* for AUTO */

/* ERR_OK: all of it holds, and is remembered. ERR_FORGED: it does not; r->failure says what, d in words, and
 * what there is of evidence is kept. Any other error: it could not be checked. *r is filled as far as it
 * came. */
err log_check(struct client *c, const struct log_check_options *o, struct log_checked *r,
              struct diag *d) CHECKED;

/* A person has read what failed, and this device goes on from the checkpoint that they were shown, and from
 * no other: after a backup was put back on purpose. `r` is of a check that failed with LOG_FAILURE_SHRANK or
 * LOG_FAILURE_FORKED, else ERR_INVALID. What the device knew until now goes to r->evidence, as "log-seen";
 * the household's entries are to be proven anew, by the next log_check. */
err log_accept(const char *folder, const struct log_checked *r, struct diag *d) CHECKED;

/* One of the household's entries, opened. */
struct log_look {
    uint64_t n, index;
    struct log_entry entry; /* its details point into r->seen */
    json_t *details;        /* owned: an object */
};
void log_look_clear(struct log_look *l);
/* ERR_FORGED: it does not open with the household's key. */
err log_look_at(const struct client *c, const struct log_seen *seen, size_t n, struct log_look *out,
                struct diag *d) CHECKED;

/* The rules of unusual use over the household's entries: *alarms is returned, free it. */
err log_alarms(const struct client *c, const struct log_seen *seen, struct unusual_alarm **alarms,
               size_t *count, struct diag *d) CHECKED;

/* The log_fetch_fn of a vault's files under /log/; context: its http_client. */
err log_fetch_http(void *http, const char *path, size_t limit, struct blob *out, struct diag *d) CHECKED;

#endif
