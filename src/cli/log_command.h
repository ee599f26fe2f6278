/* log_command.h: the commands on the access log. */
#ifndef CARDEA_CLI_LOG_COMMAND_H
#define CARDEA_CLI_LOG_COMMAND_H

#include "cli/cli.h"

/* cmd_log.c: an owner's; cmd_log_public.c: anybody's */
extern const struct option_spec log_accept_options[], log_show_options[], log_verify_options[],
    log_audit_options[];
int run_log_show(struct cli *cli, const struct args *args);
int run_log_verify(struct cli *cli, const struct args *args);
int run_log_accept(struct cli *cli, const struct args *args);
int run_log_audit(struct cli *cli, const struct args *args);
int run_log_report(struct cli *cli, const struct args *args);

#endif
