/* live.h: the live view as a file. */
#ifndef CARDEA_CLI_LIVE_H
#define CARDEA_CLI_LIVE_H

#include "cli/cli.h"

struct camera;
struct client;

int run_live(struct cli *cli, const struct args *args);

/* Writes the live view to a file, NULL or "-": standard output. Returns the command's status. Where the
 * client's grant gives no leave to export there must be no file: see live_watch_check. */
int live_write(struct client *c, struct camera *cam, const char *file);
/* The same of what was recorded in slots [from, to), as far as the keys reach; says on standard error which
 * seconds came out. */
int recorded_write(struct client *c, struct camera *cam, uint64_t from, uint64_t to, const char *file);
/* Is there somewhere to write it to? ERR_INVALID: a terminal. */
err live_output_check(const char *file, struct diag *d) CHECKED;
/* For what may be watched and not kept: does it go to a player? What that does with it nobody here can know.
 *   ERR_DENIED  a file is named, or standard output is one     ERR_INVALID  a terminal */
err live_watch_check(const char *file, struct diag *d) CHECKED;

#endif
