/* main.c: the table of commands, and how one is chosen. */
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/cli.h"
#include "cli/commands.h"

const struct option_spec cli_common_options[] = {
    {"data", 0, true, false},      {"vault", 0, true, false},
    {"login", 0, true, false},     {"passphrase-file", 0, true, false},
    {"totp-file", 0, true, false}, {"json", 0, false, false},
    {"help", 'h', false, false},   {0},
};

static const struct command *const groups[] = {
    commands_home, commands_household, commands_account, commands_camera, commands_model,  commands_see,
    commands_rule, commands_notify,    commands_footage, commands_share,  commands_member, commands_trust,
    commands_web,  commands_support,   commands_desk,    commands_staff,  commands_mark,   commands_store,
};

/* Named in the design, and not in this version. */
static const char *const later[] = {"neighbors", "labs"};

static const char common_help[] =
    "Everywhere:\n"
    "  --data DIR               the home's folder (or CARDEA_DATA); else $XDG_DATA_HOME/cardea\n"
    "  --vault URL              another vault than the running home's\n"
    "  --login NAME             the sign-in name; else the one that `cardea init` remembered\n"
    "  --passphrase-file FILE   instead of asking (or CARDEA_PASSPHRASE_FILE)\n"
    "  --totp-file FILE         the code of the authenticator app, or its secret (or CARDEA_TOTP_FILE)\n"
    "  --json                   lists as JSON\n"
    "Times are ISO 8601 (2026-11-22T14:03, local without a zone), now, or relative (-5m). Durations: 30s, "
    "10m, 7d.\n";

int cli_fail(const struct diag *d) {
    fprintf(stderr, "cardea: %s\n", d->text);
    return STATUS_FAILED;
}

int cli_fail_text(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("cardea: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return STATUS_FAILED;
}

static const struct command *find_exact(const char *name) {
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++)
        for (const struct command *c = groups[g]; c->name; c++)
            if (strcmp(c->name, name) == 0) return c;
    return NULL;
}

#define WORDS_MAX 3

/* The command that begins argv: the one of most words. *used says how many. */
static const struct command *find(int argc, char *const *argv, int *used) {
    for (int words = argc < WORDS_MAX ? argc : WORDS_MAX; words > 0; words--) {
        char name[96] = "";
        size_t len = 0;
        for (int i = 0; i < words && len < sizeof name; i++)
            len += (size_t)snprintf(name + len, sizeof name - len, "%s%s", i ? " " : "", argv[i]);
        const struct command *c = len < sizeof name ? find_exact(name) : NULL;
        *used = words;
        if (c) return c;
    }
    return NULL;
}

static void print_usage(FILE *out, const struct command *c) {
    fprintf(out, "usage: cardea %s%s%s\n", c->name, *c->usage ? " " : "", c->usage);
}

static bool is_group(const char *word) {
    size_t len = strlen(word);
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++)
        for (const struct command *c = groups[g]; c->name; c++)
            if (strncmp(c->name, word, len) == 0 && c->name[len] == ' ') return true;
    return false;
}

/* Prints how the commands that begin with `word` and go on are used, and what each does; returns how many. */
static size_t print_group(FILE *out, const char *first, const char *word) {
    size_t found = 0, len = strlen(word);
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++)
        for (const struct command *c = groups[g]; c->name; c++) {
            if (strncmp(c->name, word, len) != 0 || c->name[len] != ' ') continue;
            fprintf(out, "%-6s cardea %s%s%s\n           %s\n", found ? "" : first, c->name,
                    *c->usage ? " " : "", c->usage, c->summary);
            found++;
        }
    return found;
}

int cli_usage(const char *command, const struct diag *d) {
    const struct command *c = find_exact(command);
    if (d) fprintf(stderr, "cardea %s: %s\n", command, d->text);
    if (c) print_usage(stderr, c);
    return STATUS_USAGE;
}

static void print_help(FILE *out) {
    fputs("cardea: home cameras under keys that only the household holds\n\nusage: cardea COMMAND ...\n\n",
          out);
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
        for (const struct command *c = groups[g]; c->name; c++)
            fprintf(out, "  %-21s %s\n", c->name, c->summary);
        fputc('\n', out);
    }
    fputs("  help COMMAND          how one is used\n  version               which version this is\n\n", out);
    fputs(common_help, out);
}

static int help_command(int argc, char *const *argv) {
    if (argc == 0) {
        print_help(stdout);
        return STATUS_DONE;
    }
    int used;
    const struct command *c = find(argc, argv, &used);
    if (c) {
        print_usage(stdout, c);
        printf("\n%s%s\n", c->summary, c->summary[strlen(c->summary) - 1] == '?' ? "" : ".");
        if (c->help) printf("\n%s", c->help);
        if (is_group(c->name)) putchar('\n');
        (void)print_group(stdout, "also:", c->name);
        if (!c->run_raw) printf("\n%s", common_help);
        return STATUS_DONE;
    }
    if (print_group(stdout, "usage:", argv[0])) return STATUS_DONE;
    fprintf(stderr, "cardea help: there is no command '%.40s'; `cardea help` lists them\n", argv[0]);
    return STATUS_USAGE;
}

/* `second` may be NULL. */
static int unknown_command(const char *word, const char *second) {
    for (size_t i = 0; i < sizeof later / sizeof *later; i++)
        if (strcmp(later[i], word) == 0)
            return cli_fail_text("'%s' is not in this version (" CARDEA_VERSION ")", word);
    if (is_group(word) && !second) {
        fprintf(stderr, "cardea %s: which one?\n", word);
    } else if (is_group(word)) {
        fprintf(stderr, "cardea: there is no command '%.40s %.40s'\n", word, second);
    } else {
        fprintf(stderr, "cardea: there is no command '%.40s'; `cardea help` lists them\n", word);
    }
    (void)print_group(stderr, "usage:", word);
    return STATUS_USAGE;
}

/* The folder that --data, CARDEA_DATA or the system's conventions name, absolute. */
static err choose_data(struct cli *cli, const struct args *args, struct diag *d) {
    const char *given = args_value(args, "data");
    if (!given) given = getenv("CARDEA_DATA");
    if (given && *given) {
        cli->data_given = true;
        if (given[0] == '/')
            return snprintf(cli->data, sizeof cli->data, "%s", given) >= (int)sizeof cli->data
                       ? diag_fail(d, ERR_LIMIT, "the path of --data is too long")
                       : ERR_OK;
        char here[PATH_TEXT_BYTES];
        if (!getcwd(here, sizeof here) || path_join(cli->data, here, given))
            return diag_fail(d, ERR_LIMIT, "the path of --data is too long");
        return ERR_OK;
    }
    const char *xdg = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    int n;
    if (xdg && xdg[0] == '/')
        n = snprintf(cli->data, sizeof cli->data, "%s/cardea", xdg);
    else if (home && home[0] == '/' && !getenv("INVOCATION_ID"))
        n = snprintf(cli->data, sizeof cli->data, "%s/.local/share/cardea", home);
    else
        n = snprintf(cli->data, sizeof cli->data, "/var/lib/cardea");
    return n >= (int)sizeof cli->data ? diag_fail(d, ERR_LIMIT, "the data folder's path is too long")
                                      : ERR_OK;
}

/* The usage begins with the arguments that are needed, in their order. */
static void say_missing(const struct command *c, size_t given, struct diag *d) {
    const char *word = c->usage;
    while (given-- && strchr(word, ' ')) word = strchr(word, ' ') + 1;
    (void)diag_fail(d, ERR_INVALID, "%.*s is missing", (int)strcspn(word, " "), word);
}

static int run(const struct command *c, int argc, char **argv) {
    if (c->run_raw) return c->run_raw(argc, argv);
    struct args args;
    struct diag d = {{0}};
    if (args_parse(argc, argv, c->options, cli_common_options, &args, &d)) return cli_usage(c->name, &d);
    if (args_has(&args, "help")) {
        char *name[] = {(char *)c->name};
        return help_command(1, name);
    }
    if (args.count < c->least || args.count > c->most) {
        if (args.count < c->least)
            say_missing(c, args.count, &d);
        else
            (void)diag_fail(&d, ERR_INVALID, "too many arguments");
        return cli_usage(c->name, &d);
    }
    struct cli cli = {
        .vault = args_value(&args, "vault"),
        .login = args_value(&args, "login"),
        .passphrase_file = args_value(&args, "passphrase-file"),
        .totp_file = args_value(&args, "totp-file"),
        .json = args_has(&args, "json"),
    };
    if (!cli.login) cli.login = getenv("CARDEA_LOGIN");
    if (choose_data(&cli, &args, &d)) return cli_fail(&d);
    return c->run(&cli, &args);
}

/* Commands hold the household's keys for a moment: no core file may. */
static void harden(void) {
    const struct rlimit none = {0, 0};
    (void)!setrlimit(RLIMIT_CORE, &none);
}

int main(int argc, char **argv) {
    harden();
    log_open("cardea", LOG_LEVEL_INFO);
    signal(SIGPIPE, SIG_IGN);
    if (argc < 2) {
        print_help(stderr);
        return STATUS_USAGE;
    }
    const char *word = argv[1];
    if (strcmp(word, "help") == 0) return help_command(argc - 2, argv + 2);
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) return help_command(0, NULL);
    if (strcmp(word, "version") == 0 || strcmp(word, "--version") == 0) {
        puts("cardea " CARDEA_VERSION);
        return STATUS_DONE;
    }
    int used;
    const struct command *c = find(argc - 1, argv + 1, &used);
    if (!c) return unknown_command(word, argc > 2 ? argv[2] : NULL);
    return run(c, argc - 1 - used, argv + 1 + used);
}
