/* cmd_staff.c: the provider's side of a support desk: its key, and who is of its staff. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/hub_ask.h"
#include "cli/session.h"
#include "cli/staff.h"

#define CERTIFICATE_DAYS 365
#define CERTIFICATE_DAYS_MAX 3650
#define KEY_KNOWN_S 3 /* a vault looks for its staff key once a second: one just made counts soon */

void slot_time_text(uint64_t slot, char out[48]) {
    cli_time_text((struct wall_us){(int64_t)slot * 1000000}, out);
}

/* ---- the provider's file ---- */

/* DIR/staff/provider and DIR/staff/public, or FILE and FILE.pub. */
static err provider_paths(const struct cli *cli, const struct args *args, char secret[PATH_TEXT_BYTES],
                          char public[PATH_TEXT_BYTES], struct diag *d) {
    const char *given = args_value(args, "provider-file");
    if (given) {
        if (snprintf(secret, PATH_TEXT_BYTES, "%s", given) < PATH_TEXT_BYTES &&
            snprintf(public, PATH_TEXT_BYTES, "%s.pub", given) < PATH_TEXT_BYTES)
            return ERR_OK;
    } else if (!path_join(secret, cli->data, STAFF_PROVIDER_FILE) &&
               !path_join(public, cli->data, STAFF_PUBLIC_FILE)) {
        return ERR_OK;
    }
    return diag_fail(d, ERR_LIMIT, "the path is too long");
}

static err folder_of(const char *path, struct diag *d) {
    char folder[PATH_TEXT_BYTES];
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path) return ERR_OK;
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    return folder_make(folder, d);
}

err provider_make(const char *secret, const char *public, struct bytes passphrase, struct provider_secrets *p,
                  struct diag *d) {
    AUTO(blob_clear) struct blob sealed = {0}, statement = {0};
    const struct passphrase_cost cost = {PASSPHRASE_MEMORY_KIB, PASSPHRASE_PASSES};
    p->time = wall_slot(wall_now());
    sign_key_generate(&p->staff);
    box_key_generate(&p->desk);
    err e = provider_file_seal(p, passphrase, cost, &sealed, d);
    if (!e) e = provider_statement(p, &statement);
    if (!e) e = folder_of(secret, d);
    if (!e) e = file_replace(secret, blob_bytes(&sealed), 0600, d);
    return e ? e : file_replace(public, blob_bytes(&statement), 0644, d);
}

/* From a staff key to the first agent who reads tickets. */
static void say_next(const struct cli *cli, const char *public) {
    struct diag ignored = {{0}};
    char url[SESSION_URL_BYTES], ca_file[PATH_TEXT_BYTES];
    bool known = session_vault(cli, url, ca_file, &ignored) == ERR_OK;
    printf("\nnext:\n"
           "  1  another vault than this home's is started with --staff-key %s\n"
           "  2  invite the first agent: `cardea staff add NAME --role agent` prints a code\n"
           "  3  the agent joins with it, in the browser at %s/desk/\n"
           "     or by `cardea support join CODE --login NAME`\n"
           "  4  compare the fingerprint that the agent sees: `cardea staff certify NAME`\n"
           "owners then find the desk in their app under Support, or by `cardea support open`\n",
           public, known ? url : "the vault's address,");
}

static int run_init(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    char secret[PATH_TEXT_BYTES], public[PATH_TEXT_BYTES], fingerprint[STAFF_FINGERPRINT_TEXT_BYTES];
    AUTO(provider_secrets_clear) struct provider_secrets p = {0};
    AUTO(secret_clear) struct secret passphrase = {0};
    const char *name = args_value(args, "name");
    if (!name || !*name || strlen(name) > STAFF_NAME_MAX_BYTES) {
        (void)diag_fail(&d, ERR_INVALID, "--name says who provides the support: 1 to %d bytes",
                        STAFF_NAME_MAX_BYTES);
        return cli_usage("staff init", &d);
    }
    if (provider_paths(cli, args, secret, public, &d)) return cli_fail(&d);
    if (access(secret, F_OK) == 0)
        return cli_fail_text(
            "%s is there already: a new staff key would make every certificate void; move it "
            "away first if that is what you want",
            secret);
    snprintf(p.name, sizeof p.name, "%s", name);
    if (passphrase_read(cli, "a passphrase for the staff key: ", true, &passphrase, &d) ||
        provider_make(secret, public, blob_bytes(&passphrase.text), &p, &d))
        return cli_fail(&d);
    staff_fingerprint(p.staff.public_key, fingerprint);
    printf("the support desk of '%s'; its staff key's fingerprint:\n  %s\n", p.name, fingerprint);
    printf("secret  %s  (sealed under the passphrase: keep both away from the vault's machine)\n", secret);
    printf("public  %s  (the vault takes it: --staff-key; this home's does so by itself)\n", public);
    say_next(cli, public);
    return STATUS_DONE;
}

/* Opens the file, connects, and proves the staff key. */
struct desk {
    struct provider_secrets secrets;
    struct client client;
    struct provider_link link;
};
static void desk_close(struct desk *s) {
    provider_secrets_clear(&s->secrets);
    client_clear(&s->client);
    wipe(&s->link, sizeof s->link);
}

static err desk_open(const struct cli *cli, const struct args *args, struct desk *s, struct diag *d) {
    char secret[PATH_TEXT_BYTES], public[PATH_TEXT_BYTES], url[SESSION_URL_BYTES], ca_file[PATH_TEXT_BYTES];
    AUTO(secret_clear) struct secret passphrase = {0};
    AUTO(blob_clear) struct blob raw = {0};
    err e = provider_paths(cli, args, secret, public, d);
    if (!e) e = file_read(secret, PROVIDER_FILE_MAX_BYTES, &raw, d);
    if (e == ERR_NOT_FOUND)
        return diag_fail(d, e, "there is no %s: run `cardea staff init`, or name it with --provider-file",
                         secret);
    if (!e) e = session_vault(cli, url, ca_file, d);
    if (!e) e = passphrase_read(cli, "passphrase of the staff key: ", false, &passphrase, d);
    if (!e) e = provider_file_open(blob_bytes(&raw), blob_bytes(&passphrase.text), &s->secrets, d);
    if (e) return e;
    e = client_open(&s->client, url, *ca_file ? ca_file : NULL, d);
    for (int left = e ? 0 : KEY_KNOWN_S; left >= 0 && !e; left--) {
        e = provider_connect(&s->client, &s->secrets, &s->link, d);
        if (e != ERR_NOT_FOUND || !left) break;
        e = ERR_OK;
        sleep(1);
    }
    if (e == ERR_UNREACHABLE || e == ERR_TIMEOUT) diag_prefix(d, "no vault answers at %s", url);
    if (e == ERR_NOT_FOUND) diag_prefix(d, "give the vault %s (--staff-key)", public);
    return e;
}

/* ---- add ---- */

static err read_roles(const struct args *args, unsigned *out, struct diag *d) {
    *out = 0;
    for (size_t i = 0; i < args->given_count; i++) {
        if (strcmp(args->given[i].name, "role") != 0) continue;
        unsigned role = staff_role_of(args->given[i].value);
        if (!role)
            return diag_fail(d, ERR_INVALID,
                             "--role is agent, operator, moderator or administrator, not '%s'",
                             args->given[i].value);
        *out |= role;
    }
    return *out ? staff_roles_check(*out, d) : diag_fail(d, ERR_INVALID, "--role is missing");
}

static int run_add(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(desk_close) struct desk s = {0};
    const char *name = args->positional[0];
    char code[24];
    unsigned roles;
    uint64_t number = 0;
    if (read_roles(args, &roles, &d)) return cli_usage("staff add", &d);
    if (desk_open(cli, args, &s, &d) || provider_invite(&s.link, name, roles, code, &number, &d))
        return cli_fail(&d);
    if (cli->json) {
        AUTO(json_release)
        json_t *made = json_pack("{s:I, s:s, s:s}", "number", (json_int_t)number, "name", name, "code", code);
        return cli_print_json(made);
    }
    printf("%s\n", code);
    fprintf(stderr,
            "%s joins with this code, within two weeks: `cardea support join CODE --login NAME`, or /desk/ "
            "in the "
            "browser.\nThen compare fingerprints with them, and run `cardea staff certify %s`\n",
            name, name);
    return STATUS_DONE;
}

/* ---- list ---- */

static void member_fingerprint(const json_t *member, char out[STAFF_FINGERPRINT_TEXT_BYTES]) {
    AUTO(blob_clear) struct blob raw = {0};
    const char *text = json_text(member, "sign");
    out[0] = 0;
    if (!base64_decode(text, strlen(text), &raw) && raw.len == SIGN_PUBLIC_BYTES)
        staff_fingerprint(raw.data, out);
}

static void print_roles(const json_t *member) {
    json_t *roles = json_object_get(member, "roles");
    for (size_t i = 0; i < json_array_size(roles); i++)
        printf("%s%s", i ? ", " : "", json_string_value(json_array_get(roles, i)));
}

static void print_member(const json_t *m) {
    char when[48], fingerprint[STAFF_FINGERPRINT_TEXT_BYTES];
    const char *state = json_text(m, "state"), *name = json_text(m, "name");
    slot_time_text(
        (uint64_t)json_integer_value(json_object_get(
            m, strcmp(state, "requested") == 0 || strcmp(state, "revoked") == 0 ? "since" : "expires")),
        when);
    member_fingerprint(m, fingerprint);
    printf("%3lld  %-20s ", (long long)json_integer_value(json_object_get(m, "number")), name);
    print_roles(m);
    if (strcmp(state, "invited") == 0) printf("; invited, until %s", when);
    if (strcmp(state, "requested") == 0) printf("; joined %s: `cardea staff certify %s`", when, name);
    if (strcmp(state, "certified") == 0) printf("; until %s", when);
    if (strcmp(state, "expired") == 0)
        printf("; the certificate ended: `cardea staff certify %s` renews it", name);
    if (strcmp(state, "revoked") == 0) printf("; revoked %s", when);
    printf("\n%s%s%s", *fingerprint ? "     " : "", fingerprint, *fingerprint ? "\n" : "");
}

static int run_list(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(desk_close) struct desk s = {0};
    AUTO(json_release) json_t *answer = NULL;
    if (desk_open(cli, args, &s, &d) || provider_json(&s.link, "GET", "/v1/staff", NULL, &answer, &d))
        return cli_fail(&d);
    json_t *list = json_object_get(answer, "staff");
    if (cli->json) return cli_print_json(list);
    for (size_t i = 0; i < json_array_size(list); i++) print_member(json_array_get(list, i));
    if (json_array_size(list) == 0) puts("nobody yet: `cardea staff add NAME --role agent`");
    return STATUS_DONE;
}

/* ---- certify and revoke ---- */

/* --yes, or a yes on the terminal. */
static bool confirmed(const struct args *args, const char *question) {
    return args_has(args, "yes") || cli_confirm(question);
}

static int run_certify(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(desk_close) struct desk s = {0};
    AUTO(json_release) json_t *list = NULL, *admins = NULL;
    json_t *member, *admin = NULL;
    int64_t days;
    char fingerprint[STAFF_FINGERPRINT_TEXT_BYTES];
    const char *by = args_value(args, "by");
    if (args_number(args, "days", 1, CERTIFICATE_DAYS_MAX, CERTIFICATE_DAYS, &days, &d))
        return cli_usage("staff certify", &d);
    if (desk_open(cli, args, &s, &d) || provider_find(&s.link, args->positional[0], &list, &member, &d))
        return cli_fail(&d);
    if (by && provider_find(&s.link, by, &admins, &admin, &d)) return cli_fail(&d);
    member_fingerprint(member, fingerprint);
    if (!*fingerprint)
        return cli_fail_text("%s has not joined yet: the code of `cardea staff add` is still to be used",
                             json_text(member, "name"));
    fprintf(stderr, "%s, ", json_text(member, "name"));
    fflush(stderr);
    fprintf(stderr,
            "fingerprint\n  %s\nDoes %s's own device show the same (`cardea support join` prints it)?\n",
            fingerprint, json_text(member, "name"));
    if (!confirmed(args, "certify this key?")) return cli_fail_text("nothing was certified");
    if (provider_certify(&s.link, member, days, admin ? json_text(admin, "sign") : NULL, &d))
        return cli_fail(&d);
    printf("%s is certified for %lld days; it stands in the vault's log\n", json_text(member, "name"),
           (long long)days);
    return STATUS_DONE;
}

static int run_revoke(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(desk_close) struct desk s = {0};
    AUTO(json_release) json_t *list = NULL;
    json_t *member;
    char question[200];
    if (desk_open(cli, args, &s, &d) || provider_find(&s.link, args->positional[0], &list, &member, &d))
        return cli_fail(&d);
    snprintf(question, sizeof question,
             "revoke %.80s? What they watch ends at once, and they need a new invitation",
             json_text(member, "name"));
    if (!confirmed(args, question)) return cli_fail_text("nobody was revoked");
    if (provider_revoke(&s.link, member, &d)) return cli_fail(&d);
    printf("%s is revoked\n", json_text(member, "name"));
    return STATUS_DONE;
}

/* ---- report and alarms ---- */

static int run_report(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(desk_close) struct desk s = {0};
    AUTO(json_release) json_t *answer = NULL;
    if (desk_open(cli, args, &s, &d) || provider_json(&s.link, "GET", "/v1/staff/report", NULL, &answer, &d))
        return cli_fail(&d);
    json_t *days = json_object_get(answer, "days"), *row;
    if (cli->json) return cli_print_json(days);
    size_t i;
    json_array_foreach(days, i, row) {
        const char *name = json_text(row, "name");
        printf("%s  %-16s %8lld  %.32s\n", json_text(row, "day"), json_text(row, "kind"),
               (long long)json_integer_value(json_object_get(row, "count")),
               *name ? name : json_text(row, "actor"));
    }
    if (json_array_size(days) == 0) puts("staff have done nothing yet");
    puts("these are counts of the public log: `cardea log report` of anybody shows the same");
    return STATUS_DONE;
}

static int run_alarms(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(desk_close) struct desk s = {0};
    AUTO(json_release) json_t *answer = NULL;
    if (desk_open(cli, args, &s, &d) || provider_json(&s.link, "GET", "/v1/alarms", NULL, &answer, &d))
        return cli_fail(&d);
    json_t *list = json_object_get(answer, "alarms"), *a;
    if (cli->json) return cli_print_json(list);
    size_t i;
    json_array_foreach(list, i, a) {
        char when[48];
        const char *name = json_text(a, "name");
        slot_time_text((uint64_t)json_integer_value(json_object_get(a, "time")), when);
        printf("%s  %s %s (%lld); entry %lld of the log\n", when, *name ? name : json_text(a, "actor"),
               json_text(a, "text"), (long long)json_integer_value(json_object_get(a, "value")),
               (long long)json_integer_value(json_object_get(a, "entry")));
    }
    if (json_array_size(list) == 0) puts("no unusual use");
    return STATUS_DONE;
}

static const struct option_spec init_options[] = {
    {"name", 0, true, false}, {"provider-file", 0, true, false}, {0}};
static const struct option_spec add_options[] = {
    {"role", 0, true, true}, {"provider-file", 0, true, false}, {0}};
static const struct option_spec plain_options[] = {{"provider-file", 0, true, false}, {0}};
static const struct option_spec certify_options[] = {{"days", 0, true, false},
                                                     {"by", 0, true, false},
                                                     {"yes", 0, false, false},
                                                     {"provider-file", 0, true, false},
                                                     {0}};
static const struct option_spec revoke_options[] = {
    {"yes", 0, false, false}, {"provider-file", 0, true, false}, {0}};

const struct command commands_staff[] = {
    {.name = "staff init",
     .summary = "Make a support desk: its keys, sealed under a passphrase",
     .usage = "--name PROVIDER [--provider-file FILE]",
     .help =
         "Writes the secret keys to DIR/staff/provider (or FILE), and their public statement to "
         "DIR/staff/public (or\n"
         "FILE.pub), which the vault takes by --staff-key; this home's does so by itself. The passphrase is "
         "the staff\n"
         "key's own: whoever has file and passphrase can certify staff and read tickets, and sees no "
         "camera.\n",
     .options = init_options,
     .run = run_init},
    {.name = "staff add",
     .summary = "Invite somebody to the support desk; prints the code",
     .usage = "NAME --role ROLE… [--provider-file FILE] [--json]",
     .help =
         "ROLE is agent (reads tickets, asks for access), operator, moderator or administrator (is told of "
         "unusual\nuse, and has no other role). The code holds for two weeks.\n",
     .options = add_options,
     .least = 1,
     .most = 1,
     .run = run_add},
    {.name = "staff list",
     .summary = "Who is of the staff, invited or former",
     .usage = "[--provider-file FILE] [--json]",
     .options = plain_options,
     .run = run_list},
    {.name = "staff certify",
     .summary = "Certify the key of somebody who has joined, or renew it",
     .usage = "NAME [--days N] [--by ADMINISTRATOR] [--yes] [--provider-file FILE]",
     .help = "Shows the key's fingerprint, to be compared with what their device shows, and asks. The "
             "certificate "
             "stands in\nthe public log before it counts. 365 days unless told otherwise. --by names the "
             "administrator who decided:\nalarms about this person go to another one, where there is one.\n",
     .options = certify_options,
     .least = 1,
     .most = 1,
     .run = run_certify},
    {.name = "staff revoke",
     .summary = "Revoke somebody; what they watch ends at once",
     .usage = "NAME [--yes] [--provider-file FILE]",
     .options = revoke_options,
     .least = 1,
     .most = 1,
     .run = run_revoke},
    {.name = "staff report",
     .summary = "What staff did, by day and kind",
     .usage = "[--provider-file FILE] [--json]",
     .options = plain_options,
     .run = run_report},
    {.name = "staff alarms",
     .summary = "Unusual use by staff",
     .usage = "[--provider-file FILE] [--json]",
     .help = "Rules: docs/trust.md, \"Unusual use\"; computed from the public log alone.\n",
     .options = plain_options,
     .run = run_alarms},
    {0},
};
