/* cmd_trust.c: grants and the log. */
#include <string.h>

#include "cli/commands.h"
#include "cli/grants.h"
#include "cli/log_command.h"

const struct command commands_trust[] = {
    {.name = "grants",
     .summary = "Who may open what, besides the owners",
     .usage = "[list] [--json]",
     .help = "For each: who, what, until when, how often it was opened, and whether somebody looks now.\n",
     .most = 1,
     .run = run_grants},
    {.name = "grants revoke",
     .summary = "End a grant",
     .usage = "ID",
     .help =
         "ID is what `cardea grants` shows, or a beginning of it. The vault ends at once what runs under it. "
         "If "
         "the\n"
         "grant reached beyond now, its cameras get new keys, which everybody else who may look is handed.\n",
     .least = 1,
     .most = 1,
     .run = run_grants_revoke},
    {.name = "log", .summary = "Who looked", .usage = "[show] [--json]", .most = 1, .run = run_log_show},
    {.name = "log verify",
     .summary = "Is the log whole and consistent?",
     .usage = "[--json]",
     .help = "Reads the vault's public log (/log/), and proves that it is whole and has only grown since the "
             "last look,\n"
             "which is remembered in DIR/log-seen.\n",
     .run = run_log_verify},
    {0},
};
