#ifndef CARDEA_CLI_BENCH_H
#define CARDEA_CLI_BENCH_H

#include "cli/cli.h"

int run_bench(int argc, char **argv);

#endif
