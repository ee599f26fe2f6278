#ifndef CARDEA_CLI_VERIFY_H
#define CARDEA_CLI_VERIFY_H

#include "cli/cli.h"

int run_verify(struct cli *cli, const struct args *args);

#endif
