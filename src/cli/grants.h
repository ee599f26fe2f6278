/* grants.h: the commands on grants, and what those on members share with them. */
#ifndef CARDEA_CLI_GRANTS_H
#define CARDEA_CLI_GRANTS_H

#include "cli/cli.h"
#include "client/grants.h"

int run_grants(struct cli *cli, const struct args *args);
int run_grants_revoke(struct cli *cli, const struct args *args);

/* A grants_progress_fn: on standard error. */
void grants_say(void *context, const char *what);
/* What was done beside ending it. Returns the command's status. */
int grants_print_ended(const struct grants_ended *ended);
/* What a succession of the household's keys left to be seen to, on standard error. */
void grants_print_left(const struct grants_ended *ended);

#endif
