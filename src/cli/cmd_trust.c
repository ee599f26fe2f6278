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
    {.name = "log",
     .summary = "Who looked: when, who, at what, and why",
     .usage = "[show] [--camera NAME] [--from TIME] [--to TIME] [--all] [--each] [--json]",
     .help =
         "Nothing is shown that was not proven just now, as `cardea log verify` does. --all shows also "
         "what was\n"
         "given and ended, not only what was looked at. A member's uses of a day are one line; --each shows "
         "each.\n",
     .options = log_show_options,
     .most = 1,
     .run = run_log_show},
    {.name = "log verify",
     .summary = "Is the log of who looked whole?",
     .usage = "[--all] [--accept-times] [--json]",
     .help = "Proves that the log is signed by the key that this household pinned; that it continues what "
             "this device "
             "saw\n"
             "before (DIR/log-seen) and what your hub has witnessed; that none of your entries is missing or "
             "kept "
             "back;\n"
             "and that every grant, its use and its end is there. If not, it says what is wrong, and keeps "
             "what the "
             "vault\n"
             "showed in DIR/log-evidence/.\n"
             "\n"
             "A device's first look reads the whole log, where it has at most a million entries, and later "
             "ones what\n"
             "came since; --all reads all of it again, whatever its size. Time in the log may not go back, "
             "nor be ahead\n"
             "of this machine's, by more than five minutes; --accept-times takes the times of the entries "
             "that are\n"
             "there now as they are: for when you know that the vault's clock was set.\n",
     .options = log_verify_options,
     .run = run_log_verify},
    {.name = "log accept",
     .summary = "Go on from a log that a backup put back",
     .usage = "[--yes]",
     .help =
         "When `cardea log verify` says that the log shrank or was changed, and you have put back a backup "
         "of the\n"
         "vault: shows what this device has seen and what the vault shows now, and asks. This device then "
         "goes on\n"
         "from exactly that state. What it knew before is kept in DIR/log-evidence/. A hub that has "
         "witnessed the\n"
         "log that is gone goes on contradicting it.\n",
     .options = log_accept_options,
     .run = run_log_accept},
    {.name = "log audit",
     .summary = "Read a vault's whole log, as anybody can",
     .usage = "URL [--state FILE] [--key KEY] [--json]",
     .help = "Needs no account. Every entry is hashed and must lead to the signed checkpoint. --state FILE "
             "remembers "
             "what\n"
             "was seen, so that the next audit proves that the log only grew; --key KEY is the log's key, "
             "when you "
             "know\n"
             "it from elsewhere; else the one that the vault shows, and then the one in FILE.\n",
     .options = log_audit_options,
     .least = 1,
     .most = 1,
     .run = run_log_audit},
    {.name = "log report",
     .summary = "Count what a vault's staff did, as anybody can",
     .usage = "URL [--from TIME] [--to TIME] [--key KEY] [--json]",
     .help = "Needs no account. By day, kind of act, and member of staff; of all others the log shows "
             "numbers alone.\n",
     .options = log_audit_options,
     .least = 1,
     .most = 1,
     .run = run_log_report},
    {0},
};
