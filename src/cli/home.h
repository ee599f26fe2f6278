/* home.h: one machine as hub and vault: its folder, and the processes that make it (docs/programs.md).
 * Threads: one. */
#ifndef CARDEA_CLI_HOME_H
#define CARDEA_CLI_HOME_H

#include <stdbool.h>

#include "cli/args.h"
#include "cli/programs.h"

#define HOME_URL_BYTES 128
#define HOME_DEFAULT_PORT 8440
#define HOME_START_MS 20000
#define HOME_STOP_MS 10000
#define SETUP_CODE_BYTES 20 /* "XXXX-XXXX-XXXX-XXXX" and its zero */

/* What home.json says, while somebody holds the lock. */
struct home_state {
    char url[HOME_URL_BYTES];     /* plain, on loopback */
    char lan_url[HOME_URL_BYTES]; /* or empty */
    pid_t home, vault, hub;
};

/* ERR_NOT_FOUND: no home runs on this folder. ERR_BUSY: one is starting. ERR_INVALID: home.json is damaged.
 */
err home_state_read(const char *data, struct home_state *out, struct diag *d) CHECKED;

/* Makes the folder if need be and takes its lock; the lock is gone when *fd is closed or its holder dies.
 *   ERR_BUSY  another home runs on it: d says which process and address */
err home_lock(const char *data, int *fd, struct diag *d) CHECKED;

/* What is remembered of the owner, so that a passphrase is all that commands ask for. */
#define OWNER_LOGIN_BYTES 256
struct home_owner {
    char login[OWNER_LOGIN_BYTES];
    char household[33];
    uint8_t sign[32]; /* the household's public signing key */
    char vault[256];  /* of somebody who joined from elsewhere; else empty: the home's own */
};
err home_owner_read(const char *data, struct home_owner *out, struct diag *d) CHECKED; /* ERR_NOT_FOUND */
err home_owner_write(const char *data, const struct home_owner *owner, struct diag *d) CHECKED;

/* What the hub of this folder, a home's or its own, notes while it cannot reach its vault. False: there is
 * none that says so. */
struct home_offline {
    struct wall_us since;
    uint64_t spool_bytes;
};
bool home_offline_read(const char *data, struct home_offline *out);

/* The setup code of DIR/setup-code, made on first use. */
err home_setup_code(const char *data, char out[SETUP_CODE_BYTES], struct diag *d) CHECKED;

struct home {
    char data[PATH_TEXT_BYTES];
    struct listen_address listen;
    bool temporary;  /* for one command: a free loopback port, nothing printed, logs to DIR/home.log */
    bool data_given; /* by the person: repeated in what is printed */
    char log_path[PATH_TEXT_BYTES]; /* children's output goes there when not empty */

    /* filled by home_start */
    int lock_fd, log_fd;
    bool tls;
    struct home_state state;
    struct child vault, hub;
    struct {
        int delay_ms;
        struct steady_us next; /* of the next start; 0: none planned */
    } vault_retry, hub_retry;
    struct steady_us next_certificate_check;
    struct ca_page *page;
};

void home_init(struct home *h, const char *data);
/* Locks, makes what is missing (folders, setup code, certificates), starts both programs and waits until the
 * vault answers; then writes home.json. On failure everything it started is stopped. */
err home_start(struct home *h, struct diag *d) CHECKED;
/* True when the vault says that somebody has made a household (it hands out no setup code any more). */
bool home_has_household(const struct home *h);
/* Restarts what has died (with backoff) and renews certificates. Call it every second or when a child ended.
 */
void home_tend(struct home *h);
/* Hub first, then vault, by pid; removes home.json. For AUTO(home_stop); fine when nothing was started. */
void home_stop(struct home *h);

#endif
