/* events.h: the command `events`, for the table in cmd_footage.c. */
#ifndef CARDEA_CLI_EVENTS_H
#define CARDEA_CLI_EVENTS_H

#include "cli/cli.h"

#define EVENTS_USAGE                                                                                         \
    "[--camera C] [--label L] [--zone Z] [--person P] [--alerts] [--from T --to T] [--pictures FOLDER] "     \
    "[--json]"
extern const char events_help[];
extern const struct option_spec events_options[];
int run_events(struct cli *cli, const struct args *args);
int run_feedback(struct cli *cli, const struct args *args);

#endif
