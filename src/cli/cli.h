/* cli.h: what the commands share. main.c holds the table; each cmd_*.c the commands of one subject.
 *
 * Exit status: 0 done; 1 refused or failed, with one line on standard error; 2 wrong use, with the right use.
 */
#ifndef CARDEA_CLI_CLI_H
#define CARDEA_CLI_CLI_H

#include <stdio.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/file.h"
#include "cli/args.h"

enum { STATUS_DONE = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

/* What every command may be given. */
struct cli {
    char data[PATH_TEXT_BYTES]; /* the home's folder, absolute */
    bool data_given;            /* by --data or CARDEA_DATA */
    const char *vault;          /* another vault's URL, or NULL */
    const char *login;          /* sign-in name, or NULL: the one that init remembered */
    const char *passphrase_file;
    const char *totp_file; /* a code, or the secret that codes are made of */
    bool json;
    uint32_t patience_ms; /* how long an answer of the vault is waited for; 0: as long as each request says */
};

struct command {
    const char *name;    /* "camera add" */
    const char *summary; /* one line of `cardea help` */
    const char *usage;   /* after "cardea NAME " */
    const char *help;    /* the rest of `cardea help NAME`; may be NULL */
    const struct option_spec *options;
    size_t least, most; /* positionals */
    int (*run)(struct cli *cli, const struct args *args);
    /* Instead of run: gets everything after the name as it stands. */
    int (*run_raw)(int argc, char **argv);
};

extern const struct option_spec cli_common_options[];

/* Prints "cardea: text" on standard error; returns STATUS_FAILED. */
int cli_fail(const struct diag *d);
int cli_fail_text(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* As cli_fail, for wrong use: adds the command's right use; returns STATUS_USAGE. */
int cli_usage(const char *command, const struct diag *d);

/* --from and --to; what is absent becomes `from`, `to`. ERR_INVALID also when from >= to. */
err cli_range(const struct args *args, struct wall_us from, struct wall_us to, struct wall_us *out_from,
              struct wall_us *out_to, struct diag *d) CHECKED;

/* Wiped, and locked in memory where the system allows. For AUTO(secret_clear). */
struct secret {
    struct blob text; /* no terminating zero */
};
void secret_clear(struct secret *s);

/* The passphrase: --passphrase-file, CARDEA_PASSPHRASE_FILE, or a prompt on the terminal with echo off; asked
 * twice when `fresh`, which also applies the rules for new ones. A file's one trailing newline is dropped.
 *   ERR_INVALID  empty, too long, too short for a new one, or the two differ
 *   ERR_DENIED   there is no terminal to ask on */
err passphrase_read(const struct cli *cli, const char *prompt, bool fresh, struct secret *out,
                    struct diag *d) CHECKED;
/* The same from a given file; for what is not the passphrase (the recovery code). `file` NULL: asks. */
err secret_read(const char *file, const char *prompt, struct secret *out, struct diag *d) CHECKED;

/* A code of the authenticator app, for struct client's `code`: from --totp-file or CARDEA_TOTP_FILE (which
 * hold the code itself, or the secret in base32 or as otpauth://, from which codes are made), or asked for on
 * the terminal. `cli` is the context. */
err totp_read(const void *cli, const char *why, char out[17], struct diag *d);

/* Asks on the terminal; only "y" or "yes" is yes. Without a terminal: no. */
bool cli_confirm(const char *question);

/* Local time for people: "Sun 22 Nov 2026 14:03:00". */
void cli_time_text(struct wall_us t, char out[48]);
/* "3.4 GB". */
void cli_bytes_text(uint64_t bytes, char out[24]);
/* "3 min", "2 h 05 min". */
void cli_span_text(int64_t seconds, char out[32]);

#endif
