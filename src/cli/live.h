#ifndef CARDEA_CLI_LIVE_H
#define CARDEA_CLI_LIVE_H

#include "cli/cli.h"

int run_live(struct cli *cli, const struct args *args);

#endif
