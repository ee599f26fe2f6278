#ifndef CARDEA_CLI_LOG_COMMAND_H
#define CARDEA_CLI_LOG_COMMAND_H

#include "cli/cli.h"

int run_log_show(struct cli *cli, const struct args *args);
int run_log_verify(struct cli *cli, const struct args *args);

#endif
