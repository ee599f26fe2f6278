/* cmd_store.c: fsck, backup, restore: cardea-vault's own modes on a home's folder. (bench is in cmd_bench.c.)
 */
#include <string.h>
#include <unistd.h>

#include "cli/bench.h"
#include "cli/commands.h"
#include "cli/home.h"

/* Runs `cardea-vault MODE` on DIR/vault with its output on ours; its exit status becomes ours. */
static int vault_mode(const struct cli *cli, const char *mode, const char *const *more) {
    struct diag d = {{0}};
    struct child c;
    char index[PATH_TEXT_BYTES + 32], blobs[PATH_TEXT_BYTES + 32];
    child_init(&c, "vault");
    if (program_find("cardea-vault", c.program, &d)) return cli_fail(&d);
    snprintf(index, sizeof index, "sqlite:%s/vault", cli->data);
    snprintf(blobs, sizeof blobs, "disk:%s/vault/blobs", cli->data);
    const char *const standard[] = {mode, "--index", index, "--blobs", blobs};
    for (size_t i = 0; i < sizeof standard / sizeof *standard; i++) child_arg(&c, standard[i]);
    for (; *more; more++) child_arg(&c, *more);
    if (child_start(&c, &d)) return cli_fail(&d);
    while (!child_wait(&c, 1000)) continue;
    int status = child_status(&c);
    char how[64];
    child_end_text(&c, how);
    if (status < 0) return cli_fail_text("cardea-vault %s", how);
    return status == 0 ? STATUS_DONE : STATUS_FAILED;
}

static int need_stopped(const struct cli *cli, int *lock) {
    struct diag d = {{0}};
    char path[PATH_TEXT_BYTES];
    if (path_join(path, cli->data, "vault")) return cli_fail_text("the path %s is too long", cli->data);
    return home_lock(cli->data, lock, &d) ? cli_fail_text("%s: stop it first", d.text) : STATUS_DONE;
}

static int need_vault(const struct cli *cli) {
    char path[PATH_TEXT_BYTES];
    if (path_join(path, cli->data, "vault") == ERR_OK && access(path, F_OK) == 0) return STATUS_DONE;
    return cli_fail_text("there is no vault in %s: name the home's folder with --data", cli->data);
}

static int run_fsck(struct cli *cli, const struct args *args) {
    AUTO(fd_close) int lock = -1;
    int status = need_vault(cli);
    if (!status && args_has(args, "mend")) status = need_stopped(cli, &lock);
    if (status) return status;
    const char *more[4] = {0};
    size_t n = 0;
    if (args_has(args, "mend")) more[n++] = "--mend";
    if (cli->json) more[n++] = "--json";
    return vault_mode(cli, "fsck", more);
}

static int run_backup(struct cli *cli, const struct args *args) {
    int status = need_vault(cli);
    const char *const more[] = {args->positional[0], NULL};
    return status ? status : vault_mode(cli, "backup", more);
}

static int run_restore(struct cli *cli, const struct args *args) {
    AUTO(fd_close) int lock = -1;
    struct diag d = {{0}};
    if (folder_make(cli->data, &d)) return cli_fail(&d);
    int status = need_stopped(cli, &lock);
    const char *const more[] = {args->positional[0], NULL};
    return status ? status : vault_mode(cli, "restore", more);
}

static const struct option_spec fsck_options[] = {{"mend", 0, false, false}, {0}};

const struct command commands_store[] = {
    {.name = "fsck",
     .summary = "Check the vault's store, and mend it",
     .usage = "[--mend] [--json]",
     .help = "Compares index and blobs (docs/invariants.md). --mend needs the home stopped.\n",
     .options = fsck_options,
     .run = run_fsck},
    {.name = "backup",
     .summary = "Copy the vault's store to a folder, while it runs",
     .usage = "FOLDER",
     .help =
         "The copy is ciphertext, like the store itself. Again into the same folder copies what is new.\n",
     .least = 1,
     .most = 1,
     .run = run_backup},
    {.name = "restore",
     .summary = "Put a backup back, with the home stopped",
     .usage = "FOLDER",
     .least = 1,
     .most = 1,
     .run = run_restore},
    {.name = "bench",
     .summary = "Figures, with a peer where there is one",
     .usage = "record|seal|live|timeline|detect [--json] …",
     .help = "  seal      sealing a camera's fragments, against copying them\n"
             "  timeline  a day out of a year of cameras, on SQLite\n"
             "  record    CPU of recording, against ffmpeg\n"
             "  live      from a camera's packet to an opened record\n"
             "  detect    looking at a part of a picture and at a frame, for each model\n"
             "From a source tree; what follows the name goes to the benchmark (bench/).\n",
     .run_raw = run_bench},
    {0},
};
