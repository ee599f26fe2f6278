/* cmd_desk.c: the agent's side of a support desk. (The owner's: cmd_support.c; the provider's: cmd_staff.c.)
 */
#include <string.h>
#include <unistd.h>

#include "cli/account.h"
#include "cli/commands.h"
#include "cli/household.h"
#include "cli/hub_ask.h"
#include "cli/kept_session.h"
#include "cli/live.h"
#include "cli/session.h"
#include "cli/staff.h"
#include "cli/ticket_text.h"
#include "client/account.h"
#include "client/grantee.h"
#include "client/setup.h"
#include "crypto/hash.h"

/* ---- join ---- */

struct joining {
    char login[256], url[SESSION_URL_BYTES], ca_file[PATH_TEXT_BYTES];
    const char *code, *recovery_file, *secret_file;
};

static err make_account(const struct cli *cli, const struct joining *j, struct client *c, struct diag *d) {
    AUTO(secret_clear) struct secret passphrase = {0};
    char recovery[RECOVERY_TEXT_BYTES] = "", prompt[320];
    int fd = -1;
    snprintf(prompt, sizeof prompt, "a passphrase for the account '%s': ", j->login);
    err e = passphrase_read(cli, prompt, true, &passphrase, d);
    if (!e && j->recovery_file) e = kit_open(j->recovery_file, j->login, &fd, d);
    if (!e) e = setup_account(c, j->login, blob_bytes(&passphrase.text), j->code, recovery, d);
    if (!e && *recovery) e = kit_deliver(j->login, j->recovery_file, j->url, recovery, fd, d);
    wipe(recovery, sizeof recovery);
    fd_close(&fd);
    return e;
}

static err reach(const struct cli *cli, const struct joining *j, struct client *c, struct diag *d) {
    err e = client_open(c, j->url, *j->ca_file ? j->ca_file : NULL, d);
    c->code = totp_read;
    c->code_context = cli;
    if (!e) e = make_account(cli, j, c, d);
    if (e == ERR_UNREACHABLE || e == ERR_TIMEOUT) diag_prefix(d, "no vault answers at %s", j->url);
    return e;
}

/* An authenticator app, unless the account has a second factor. */
static err need_factor(const struct cli *cli, const struct joining *j, struct client *c, struct diag *d) {
    struct client_factor list[CLIENT_FACTORS_MAX];
    size_t count = 0;
    err e = client_factors(c, list, &count, d);
    if (e || count) return e;
    fputs("staff need a second factor: an authenticator app\n", stderr);
    return account_add_app(cli, c, j->secret_file, "Authenticator app", d);
}

/* Signs in anew, with the second factor. */
static err sign_in_again(const struct cli *cli, const struct joining *j, struct session *s, struct diag *d) {
    struct cli again = *cli;
    again.login = j->login;
    if (j->secret_file) again.totp_file = j->secret_file;
    return session_account(&again, s, d);
}

static int run_join(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    struct joining j = {.code = args->positional[0],
                        .recovery_file = args_value(args, "recovery-file"),
                        .secret_file = args_value(args, "secret-file")};
    AUTO(client_clear) struct client first = {0};
    AUTO(kept_session_close) struct session s = {0};
    char name[STAFF_NAME_MAX_BYTES + 1], fingerprint[STAFF_FINGERPRINT_TEXT_BYTES];
    uint64_t number = 0;
    if (!cli->login || !*cli->login) {
        (void)diag_fail(&d, ERR_INVALID, "--login is missing: the sign-in name of your account as staff");
        return cli_usage("support join", &d);
    }
    err e = session_login(cli, j.login, &d);
    if (!e) e = session_vault(cli, j.url, j.ca_file, &d);
    if (!e) e = reach(cli, &j, &first, &d);
    if (!e) e = need_factor(cli, &j, &first, &d);
    if (!e) e = sign_in_again(cli, &j, &s, &d);
    if (!e) e = staff_join(&s.client, j.code, name, &number, &d);
    if (e) return cli_fail(&d);
    kept_session_keep(cli, &s);
    staff_fingerprint(s.client.keyring.sign.public_key, fingerprint);
    printf("you joined as %s (%llu); your key's fingerprint:\n  %s\n", name, (unsigned long long)number,
           fingerprint);
    puts("the provider compares it with what they see, and certifies you: then `cardea support desk`");
    return STATUS_DONE;
}

/* ---- the desk ---- */

struct agent {
    struct session session;
    struct staff_link link;
    struct ticket_side side;
    struct ticket ticket;
};
static void agent_close(struct agent *a) {
    ticket_clear(&a->ticket);
    staff_link_clear(&a->link);
    kept_session_close(&a->session);
}

static err agent_open(const struct cli *cli, struct agent *a, struct diag *d) {
    err e = kept_session_open(cli, &a->session, d);
    if (!e) e = staff_connect(&a->session.client, &a->link, d);
    if (!e && !(a->link.certificate.roles & STAFF_AGENT))
        e = diag_fail(d, ERR_DENIED, "%s is no agent: tickets are for agents alone",
                      a->link.certificate.name);
    if (!e) ticket_side_agent(&a->link, &a->side);
    return e;
}

static err agent_ticket(const struct cli *cli, const char *begin, struct agent *a, struct diag *d) {
    char hex[2 * TICKET_ID_BYTES + 1];
    err e = agent_open(cli, a, d);
    if (!e) e = ticket_find(&a->side, begin, hex, d);
    return e ? e : ticket_read(&a->side, hex, 0, 0, &a->ticket, d);
}

static int run_desk(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(agent_close) struct agent a = {0};
    AUTO(json_release) json_t *list = NULL;
    char subject[80], when[48];
    size_t shown = 0;
    if (agent_open(cli, &a, &d) || ticket_list_read(&a.side, &list, &d)) return cli_fail(&d);
    if (cli->json) return cli_print_json(list);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        if (strcmp(json_text(row, "state"), "open") != 0 && !args_has(args, "closed")) continue;
        if (ticket_read(&a.side, json_text(row, "ticket"), 0, 0, &a.ticket, &d)) return cli_fail(&d);
        const struct ticket_line *last = a.ticket.count ? &a.ticket.lines[a.ticket.count - 1] : NULL;
        ticket_subject(&a.ticket, subject);
        slot_time_text((uint64_t)json_integer_value(json_object_get(row, "last")), when);
        printf("%.8s  %-6s  %s%-15s  %s\n", a.ticket.hex, json_text(row, "state"), when,
               last && !last->by_staff ? ", waits for you" : "", subject);
        shown++;
    }
    if (!shown) puts("no open tickets");
    return STATUS_DONE;
}

static int run_read(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(agent_close) struct agent a = {0};
    if (agent_ticket(cli, args->positional[0], &a, &d)) return cli_fail(&d);
    if (cli->json) {
        AUTO(json_release) json_t *all = ticket_json(&a.ticket);
        return cli_print_json(all);
    }
    ticket_print(&a.ticket);
    return STATUS_DONE;
}

static int run_answer(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(agent_close) struct agent a = {0};
    AUTO(blob_clear) struct blob words = {0};
    if (ticket_words_read(args->positional[1], &words, &d) || agent_ticket(cli, args->positional[0], &a, &d))
        return cli_fail(&d);
    struct ticket_message m = {.kind = TICKET_WORDS, .text = (const char *)words.data};
    err e = ticket_say(&a.side, &a.ticket, &m, &d);
    blob_clear(&m.certificate);
    if (e) return cli_fail(&d);
    puts("sent");
    return STATUS_DONE;
}

/* ---- ask ---- */

static err read_ask(const struct args *args, struct ticket_request *r, struct diag *d) {
    int64_t minutes = 0;
    const char *reason = args_value(args, "reason");
    if (!reason || !*reason) return diag_fail(d, ERR_INVALID, "--reason says to the owner what it is for");
    if (strlen(reason) > TICKET_REASON_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT, "--reason has at most %d bytes", TICKET_REASON_MAX_BYTES);
    r->reason = reason;
    for (size_t i = 0; i < args->given_count; i++)
        if (strcmp(args->given[i].name, "camera") == 0)
            json_array_append_new(r->cameras, json_string(args->given[i].value));
    if (json_array_size(r->cameras) == 0) return diag_fail(d, ERR_INVALID, "--camera is missing");
    bool range = args_has(args, "from") || args_has(args, "to");
    if (range == args_has(args, "minutes"))
        return diag_fail(d, ERR_INVALID,
                         "--minutes N of the live view, or --from T --to T of what is recorded");
    if (!range) {
        err e = args_number(args, "minutes", 1, TICKET_LIVE_MINUTES_MAX, 0, &minutes, d);
        r->live_minutes = (uint32_t)minutes;
        return e;
    }
    if (!args_has(args, "from") || !args_has(args, "to"))
        return diag_fail(d, ERR_INVALID, "--from and --to go together");
    struct wall_us from = {0}, to = {0};
    err e = cli_range(args, from, to, &from, &to, d);
    r->from = wall_slot(from);
    r->to = (uint32_t)((to.us + 999999) / 1000000);
    return e;
}

static int run_ask(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(agent_close) struct agent a = {0};
    AUTO(json_release) json_t *cameras = json_array();
    char hex[2 * TICKET_REQUEST_ID_BYTES + 1];
    struct ticket_message m = {.kind = TICKET_REQUEST, .has_request = true, .request = {.cameras = cameras}};
    random_bytes(m.request.id, sizeof m.request.id);
    if (read_ask(args, &m.request, &d)) return cli_usage("support ask", &d);
    if (agent_ticket(cli, args->positional[0], &a, &d)) return cli_fail(&d);
    err e = ticket_say(&a.side, &a.ticket, &m, &d);
    blob_clear(&m.certificate);
    if (e) return cli_fail(&d);
    hex_encode(BYTES_OF(m.request.id), hex);
    printf("%s\n", hex);
    fprintf(stderr,
            "the owner is told, and approves, narrows or refuses it; then `cardea support watch %.8s`\n",
            a.ticket.hex);
    return STATUS_DONE;
}

/* ---- watch ---- */

/* The grant of the open ticket that begins so; or of the ticket that begins so, the newest. */
static bool take_grant(const struct ticket *t, const char *begin, uint8_t out[GRANT_ID_BYTES]) {
    size_t len = strlen(begin), count = json_array_size(t->grants);
    bool whole = strncmp(t->hex, begin, len) == 0;
    for (size_t i = count; i > 0; i--) {
        const char *hex = json_string_value(json_array_get(t->grants, i - 1));
        if (!hex || (!whole && strncmp(hex, begin, len) != 0)) continue;
        if (!hex_decode(hex, (struct buffer){out, GRANT_ID_BYTES})) return true;
    }
    return false;
}

/* With wait_s, also one that comes while we wait for the owner. */
static err wait_grant(struct agent *a, const char *begin, int64_t wait_s, uint8_t out[GRANT_ID_BYTES],
                      struct diag *d) {
    int64_t until = steady_now().us + wait_s * 1000000;
    for (;;) {
        if (take_grant(&a->ticket, begin, out)) return ERR_OK;
        int64_t left_s = (until - steady_now().us) / 1000000;
        if (left_s <= 0 || a->ticket.closed)
            return diag_fail(
                d, ERR_NOT_FOUND,
                "there is no grant of yours that is open: ask for one (`cardea support ask`), or wait "
                "for the owner (--wait)");
        char hex[2 * TICKET_ID_BYTES + 1];
        memcpy(hex, a->ticket.hex, sizeof hex);
        err e = ticket_read(&a->side, hex, (uint32_t)a->ticket.count, left_s > 25 ? 25 : (unsigned)left_s,
                            &a->ticket, d);
        if (e) return e;
    }
}

/* Finds the ticket by its own id, or by a grant's. */
static err find_watch(struct agent *a, const char *begin, struct diag *d) {
    AUTO(json_release) json_t *list = NULL;
    uint8_t ignored[GRANT_ID_BYTES];
    struct diag none;
    char hex[2 * TICKET_ID_BYTES + 1];
    if (ticket_find(&a->side, begin, hex, &none) == ERR_OK)
        return ticket_read(&a->side, hex, 0, 0, &a->ticket, d);
    err e = ticket_list_read(&a->side, &list, d);
    for (size_t i = 0; !e && i < json_array_size(list); i++) {
        e = ticket_read(&a->side, json_text(json_array_get(list, i), "ticket"), 0, 0, &a->ticket, d);
        if (!e && strlen(begin) >= 4 && take_grant(&a->ticket, begin, ignored)) return ERR_OK;
    }
    return e ? e
             : diag_fail(d, ERR_NOT_FOUND, "there is no grant or ticket %.32s: at least four digits", begin);
}

/* The issuer is known beforehand: whose ticket it is stands in its first message. */
static err open_grant(struct agent *a, const uint8_t grant[GRANT_ID_BYTES], struct diag *d) {
    struct client *c = &a->session.client;
    struct grantee who = {
        .box = c->keyring.box, .sign = c->keyring.sign, .by_key = true, .access = a->link.access};
    memcpy(who.grant, grant, sizeof who.grant);
    memcpy(who.issuer_key, a->ticket.household_sign, sizeof who.issuer_key);
    err e = a->ticket.has_household ? grantee_open(c, &who, d)
                                    : diag_fail(d, ERR_FORGED, "it is not known whose ticket this is");
    grantee_clear(&who);
    return e;
}

static void print_opened(const struct client *c) {
    const struct client_grant *g = c->grant;
    char until[48];
    slot_time_text(g->statement.expires, until);
    fprintf(stderr, "until %s; that you look stands in the vault's log, entry %llu, and the owner sees it\n",
            until, (unsigned long long)g->entry);
    for (size_t i = 0; i < g->about.camera_count; i++)
        if (!g->about.cameras[i].is_sub) fprintf(stderr, "camera: %s\n", g->about.cameras[i].name);
}

static err choose(struct camera_list *l, const char *name, struct camera **out, struct diag *d) {
    if (name) return camera_find(l, name, out, d);
    *out = NULL;
    for (size_t i = 0; i < l->count; i++) {
        if (l->cameras[i].is_sub) continue;
        if (*out) return diag_fail(d, ERR_INVALID, "it is of several cameras: say which with --camera NAME");
        *out = &l->cameras[i];
    }
    return *out ? ERR_OK : diag_fail(d, ERR_NOT_FOUND, "it names no camera");
}

static int run_watch(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(agent_close) struct agent a = {0};
    AUTO(camera_list_clear) struct camera_list cameras = {0};
    struct camera *cam = NULL;
    uint8_t grant[GRANT_ID_BYTES];
    size_t damaged;
    int64_t wait_s = 0;
    err e = live_watch_check(args_value(args, "output"), &d);
    if (e == ERR_DENIED) return cli_fail(&d); /* before anything is opened */
    if (!e) e = args_number(args, "wait", 0, 86400, 0, &wait_s, &d);
    if (e) return cli_usage("support watch", &d);
    e = agent_open(cli, &a, &d);
    if (!e) e = find_watch(&a, args->positional[0], &d);
    if (!e) e = wait_grant(&a, args->positional[0], wait_s, grant, &d);
    if (!e) e = open_grant(&a, grant, &d);
    if (e) return cli_fail(&d);
    print_opened(&a.session.client);
    const struct grant_statement *g = &a.session.client.grant->statement;
    if (camera_list_read(&a.session.client, &cameras, &damaged, &d) ||
        choose(&cameras, args_value(args, "camera"), &cam, &d))
        return cli_fail(&d);
    return g->live ? live_write(&a.session.client, cam, NULL)
                   : recorded_write(&a.session.client, cam, g->from, g->to, NULL);
}

static const struct option_spec join_options[] = {
    {"recovery-file", 0, true, false}, {"secret-file", 0, true, false}, {0}};
static const struct option_spec desk_options[] = {{"closed", 0, false, false}, {0}};
static const struct option_spec ask_options[] = {{"camera", 0, true, true},  {"minutes", 0, true, false},
                                                 {"from", 0, true, false},   {"to", 0, true, false},
                                                 {"reason", 0, true, false}, {0}};
static const struct option_spec watch_options[] = {
    {"output", 'o', true, false}, {"camera", 0, true, false}, {"wait", 0, true, false}, {0}};

const struct command commands_desk[] = {
    {.name = "support join",
     .summary = "Join the support desk as staff, by an invitation's code",
     .usage = "CODE --login NAME [--recovery-file FILE] [--secret-file FILE]",
     .help = "Makes your account (or signs in to it), adds an authenticator app unless it has a second "
             "factor, and "
             "asks the\nprovider to certify your key, whose fingerprint it shows.\n"
             "  --recovery-file FILE   writes the account's recovery kit there instead of printing it\n"
             "  --secret-file FILE     writes the app's secret there, for --totp-file; without a person\n",
     .options = join_options,
     .least = 1,
     .most = 1,
     .run = run_join},
    {.name = "support desk",
     .summary = "Staff: the tickets",
     .usage = "[--closed] [--json]",
     .options = desk_options,
     .run = run_desk},
    {.name = "support read",
     .summary = "Staff: what was said in one",
     .usage = "ID [--json]",
     .least = 1,
     .most = 1,
     .run = run_read},
    {.name = "support answer",
     .summary = "Staff: answer it",
     .usage = "ID TEXT|-",
     .least = 2,
     .most = 2,
     .run = run_answer},
    {.name = "support ask",
     .summary = "Staff: ask the owner for access",
     .usage = "ID --camera NAME… (--minutes N | --from T --to T) --reason TEXT",
     .help = "Cameras by the names that the health figures give. The owner may narrow it, or refuse.\n",
     .options = ask_options,
     .least = 1,
     .most = 1,
     .run = run_ask},
    {.name = "support watch",
     .summary = "Staff: see what an owner gave access to",
     .usage = "GRANT|ID [--camera NAME] [--wait SECONDS]",
     .help = "Opens nothing before it is proven that this stands in the vault's log, that one of the "
             "household's hubs "
             "has\nwitnessed it, and that the household of the ticket signed it. Writes MP4 to standard "
             "output for a player: the\nlive view until it ends, or the recorded seconds that were given. "
             "What support is given may be watched, not kept:\nit is written to no file. What the program "
             "behind the pipe does with it no key prevents.\n"
             "  --wait SECONDS   waits for the owner's approval\n"
             "  cardea support watch 3f2a91c0 | ffplay -\n",
     .options = watch_options,
     .least = 1,
     .most = 1,
     .run = run_watch},
    {0},
};
