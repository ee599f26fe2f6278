#ifndef CARDEA_CLI_BENCH_H
#define CARDEA_CLI_BENCH_H

#include "cli/cli.h"

int run_bench(struct cli *cli, const struct args *args);

#endif
