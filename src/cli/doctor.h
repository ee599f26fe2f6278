#ifndef CARDEA_CLI_DOCTOR_H
#define CARDEA_CLI_DOCTOR_H

#include "cli/cli.h"

int run_doctor(struct cli *cli, const struct args *args);

#endif
