/* cmd_account.c: where one is signed in, and what besides the passphrase is asked for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/account.h"
#include "cli/commands.h"
#include "cli/qr.h"
#include "cli/session.h"
#include "client/account.h"

static void print_list(json_t *list) {
    json_dumpf(list, stdout, JSON_INDENT(1));
    putchar('\n');
}

static const char *const hows[] = {"", "passphrase", "passkey", "recovery", "approved"};
static const char *const how_words[] = {"", "signed in by passphrase", "signed in by passkey",
                                        "signed in by recovery code", "let in by another device"};

static int64_t today(void) {
    return wall_now().us / 1000000 / 86400;
}

static json_t *session_json(const struct client_session *s) {
    const struct session_label *l = &s->label;
    char since[WALL_TEXT_BYTES], used[WALL_TEXT_BYTES];
    wall_format((struct wall_us){(int64_t)l->since * 1000000}, since);
    wall_format((struct wall_us){(int64_t)l->used * 1000000}, used);
    return json_pack("{s:s,s:s,s:s*,s:s*,s:s*,s:I,s:b,s:b}", "id", s->id, "name", l->name, "how",
                     l->how ? hows[l->how] : NULL, "since", l->how ? since : NULL, "used",
                     l->how ? used : NULL, "days", (json_int_t)(s->expires_day - today()), "current",
                     (int)s->current, "factor", (int)s->factor);
}

static void print_session(const struct client_session *s) {
    const struct session_label *l = &s->label;
    char since[48], used[48];
    printf("%.8s  %s%s\n", s->id, *l->name ? l->name : "(has no name)", s->current ? "  (this command)" : "");
    fputs("          ", stdout);
    if (l->how) {
        cli_time_text((struct wall_us){(int64_t)l->since * 1000000}, since);
        cli_time_text((struct wall_us){(int64_t)l->used * 1000000}, used);
        printf("%s %s, ", how_words[l->how], since);
        if (l->used / 86400 >= today())
            fputs("last used today, ", stdout);
        else
            printf("last used %.10s, ", used); /* the day: no device says more */
    }
    printf("%s%lld days left\n", s->factor ? "second factor, " : "", (long long)(s->expires_day - today()));
}

static int run_sessions(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(session_close) struct session s = {0};
    struct client_session list[CLIENT_SESSIONS_MAX];
    size_t count = 0;
    if (session_account(cli, &s, &d) || client_sessions(&s.client, list, &count, &d)) return cli_fail(&d);
    AUTO(json_release) json_t *rows = json_array();
    for (size_t i = 0; i < count; i++) {
        if (cli->json)
            json_array_append_new(rows, session_json(&list[i]));
        else
            print_session(&list[i]);
    }
    if (cli->json) print_list(rows);
    return STATUS_DONE;
}

/* The one whose id begins with what was typed. NULL: none or several; said. */
static const char *chosen(const char *typed, const char *ids, size_t stride, size_t count, const char *what,
                          const char *lister) {
    const char *found = NULL;
    for (size_t i = 0; i < count; i++) {
        const char *id = ids + i * stride;
        if (strncmp(id, typed, strlen(typed)) != 0) continue;
        if (found) {
            cli_fail_text("%.40s is the beginning of more than one %s: type more of it", typed, what);
            return NULL;
        }
        found = id;
    }
    if (!found) cli_fail_text("there is no %s %.40s; `cardea account %s` lists them", what, typed, lister);
    return found;
}

static int run_end(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(session_close) struct session s = {0};
    struct client_session list[CLIENT_SESSIONS_MAX];
    size_t count = 0, ended = 0;
    bool others = args_has(args, "others");
    if (others == (args->count == 1)) {
        (void)diag_fail(&d, ERR_INVALID, "give one session's ID, or --others");
        return cli_usage("account end", &d);
    }
    if (session_account(cli, &s, &d) || client_sessions(&s.client, list, &count, &d)) return cli_fail(&d);
    if (!others) {
        const char *id = chosen(args->positional[0], list[0].id, sizeof *list, count, "session", "sessions");
        if (!id) return STATUS_FAILED;
        if (client_session_end(&s.client, id, &d)) return cli_fail(&d);
        printf("ended: %.8s\n", id);
        return STATUS_DONE;
    }
    for (size_t i = 0; i < count; i++) {
        if (list[i].current) continue;
        err e = client_session_end(&s.client, list[i].id, &d);
        if (e && e != ERR_NOT_FOUND) return cli_fail(&d);
        ended++;
    }
    printf("ended: %zu\n", ended);
    return STATUS_DONE;
}

static int run_factors(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(session_close) struct session s = {0};
    struct client_factor list[CLIENT_FACTORS_MAX];
    size_t count = 0;
    if (session_account(cli, &s, &d) || client_factors(&s.client, list, &count, &d)) return cli_fail(&d);
    AUTO(json_release) json_t *rows = json_array();
    for (size_t i = 0; i < count; i++) {
        const char *kind = list[i].totp ? "authenticator app" : list[i].passkey ? "passkey" : "security key";
        if (cli->json)
            json_array_append_new(
                rows, json_pack("{s:s,s:s,s:s}", "id", list[i].id, "kind", kind, "name", list[i].name));
        else
            printf("%.8s  %-18s %s\n", list[i].id, kind, list[i].name);
    }
    if (cli->json)
        print_list(rows);
    else if (count == 0)
        puts("no second factor: the passphrase alone signs in. `cardea account factor add` adds one");
    return STATUS_DONE;
}

/* The address in the form that authenticator apps scan ("Key Uri Format"). */
static err totp_uri(const struct client *c, const char *secret, char out[512], struct diag *d) {
    char login[400];
    err e = http_escape(c->login, (struct buffer){(uint8_t *)login, sizeof login});
    if (e) return diag_fail(d, e, "the sign-in name is too long for a QR code");
    snprintf(out, 512, "otpauth://totp/Cardea:%s?secret=%s&issuer=Cardea", login, secret);
    return ERR_OK;
}

/* With --secret-file the secret is made for a machine: nobody types a code, the step before now makes one. */
static err confirm_by_machine(struct client *c, const struct client_totp *totp, const char *file,
                              const char *name, struct diag *d) {
    AUTO(blob_clear) struct blob secret = {0};
    char code[TOTP_TEXT_BYTES];
    err e = base32_decode(totp->secret, TOTP_SECRET_BYTES, &secret);
    if (!e) e = file_replace(file, bytes_text(totp->secret), 0600, d);
    if (e) return e;
    totp_code(blob_bytes(&secret), (uint64_t)(wall_now().us / 1000000) / TOTP_STEP_S - 1, TOTP_DIGITS, code);
    return client_totp_confirm(c, totp, code, name, d);
}

static err confirm_by_person(const struct cli *cli, struct client *c, const struct client_totp *totp,
                             const char *name, struct diag *d) {
    char uri[512], code[17];
    struct cli asking = *cli;
    asking.totp_file = ""; /* the new one's code, not that of one there is */
    err e = totp_uri(c, totp->secret, uri, d);
    if (e) return e;
    puts("scan this with your authenticator app, or type the secret into it:\n");
    if (isatty(STDOUT_FILENO)) qr_print(uri);
    printf("  secret   %s\n  address  %s\n\n", totp->secret, uri);
    wipe(uri, sizeof uri);
    const char *why = NULL;
    char held[sizeof d->text];
    for (int i = 0; i < 3; i++) {
        e = totp_read(&asking, why, code, d);
        if (!e) e = client_totp_confirm(c, totp, code, name, d);
        if (e != ERR_DENIED) return e;
        snprintf(held, sizeof held, "%s", d->text);
        why = held;
    }
    return e;
}

err account_add_app(const struct cli *cli, struct client *c, const char *file, const char *name,
                    struct diag *d) {
    struct client_totp totp;
    err e = client_totp_begin(c, &totp, d);
    if (!e)
        e = file ? confirm_by_machine(c, &totp, file, name, d) : confirm_by_person(cli, c, &totp, name, d);
    wipe(&totp, sizeof totp);
    return e;
}

static int run_factor_add(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(session_close) struct session s = {0};
    const char *name = args_value(args, "name");
    if (!name) name = "Authenticator app";
    if (session_account(cli, &s, &d) ||
        account_add_app(cli, &s.client, args_value(args, "secret-file"), name, &d))
        return cli_fail(&d);
    puts("done: from now on signing in asks for a code, after the passphrase. The recovery code needs none");
    return STATUS_DONE;
}

static int run_factor_remove(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(session_close) struct session s = {0};
    AUTO(secret_clear) struct secret passphrase = {0};
    struct client_factor list[CLIENT_FACTORS_MAX];
    size_t count = 0;
    if (session_account(cli, &s, &d) || client_factors(&s.client, list, &count, &d)) return cli_fail(&d);
    const char *id = chosen(args->positional[0], list[0].id, sizeof *list, count, "second factor", "factor");
    if (!id) return STATUS_FAILED;
    err e = passphrase_read(cli, "your passphrase again: ", false, &passphrase, &d);
    if (!e) e = client_factor_remove(&s.client, id, blob_bytes(&passphrase.text), &d);
    if (e) return cli_fail(&d);
    puts(count == 1 ? "removed: the passphrase alone signs in now" : "removed");
    return STATUS_DONE;
}

/* For scripts, and for who has no authenticator app at hand. */
static int run_code(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    char code[CLIENT_CODE_BYTES];
    if (!cli->totp_file && !getenv("CARDEA_TOTP_FILE")) {
        (void)diag_fail(&d, ERR_INVALID,
                        "--totp-file is missing: the secret that `account factor add` wrote");
        return cli_usage("account code", &d);
    }
    if (totp_read(cli, NULL, code, &d)) return cli_fail(&d);
    puts(code);
    wipe(code, sizeof code);
    return STATUS_DONE;
}

static const struct option_spec end_options[] = {{"others", 0, false, false}, {0}};
static const struct option_spec add_options[] = {
    {"name", 0, true, false}, {"secret-file", 0, true, false}, {0}};

const struct command commands_account[] = {
    {.name = "account sessions",
     .summary = "Where you are signed in",
     .usage = "[--json]",
     .help = "Of each: its name, how and when it signed in and when it was last used, as the device itself "
             "says; whether\nit passed a second factor, and when it ends, as the vault says.\n",
     .run = run_sessions},
    {.name = "account end",
     .summary = "End a session",
     .usage = "ID | --others",
     .help = "ID is what `cardea account sessions` lists, or its beginning.\n",
     .options = end_options,
     .most = 1,
     .run = run_end},
    {.name = "account code",
     .summary = "The authenticator's code of this moment",
     .usage = "--totp-file FILE",
     .help = "FILE holds the secret that `cardea account factor add --secret-file` wrote.\n",
     .run = run_code},
    {.name = "account factor", .summary = "Your second factors", .usage = "[--json]", .run = run_factors},
    {.name = "account factor add",
     .summary = "Ask for a code of an authenticator app too",
     .usage = "[--name NAME] [--secret-file FILE]",
     .help = "Shows a QR code for the app, and asks for a first code. Signing in asks for one from then on, "
             "after the\n"
             "passphrase. With --secret-file the secret is written to FILE, which --totp-file takes.\n"
             "Security keys and passkeys: in the app, under Account.\n",
     .options = add_options,
     .run = run_factor_add},
    {.name = "account factor remove",
     .summary = "Take a second factor away",
     .usage = "ID",
     .help = "Asks for the passphrase again. ID is what `cardea account factor` lists, or its beginning.\n",
     .least = 1,
     .most = 1,
     .run = run_factor_remove},
    {0},
};
