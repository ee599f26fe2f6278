/* cmd_member.c: people of the household: inviting, listing, removing; and joining one. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/commands.h"
#include "cli/grants.h"
#include "cli/home.h"
#include "cli/household.h"
#include "cli/hub_ask.h"
#include "cli/session.h"
#include "client/members.h"
#include "client/setup.h"

#define ANSWER_POLL_MS 500
#define JOIN_WAIT_S 600

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number) {
    interrupted = number;
}

static void member_list_free(struct member_list **l) {
    member_list_clear(*l);
    free(*l);
}

/* ---- member add ---- */

static err read_role(const struct args *args, enum invitation_role *out, struct diag *d) {
    const char *role = args_value(args, "role");
    for (int i = 0; role && invitation_roles[i]; i++) {
        if (strcmp(invitation_roles[i], role) != 0) continue;
        *out = (enum invitation_role)i;
        return ERR_OK;
    }
    return diag_fail(d, ERR_INVALID, "--role is owner, member or viewer");
}

static err read_cameras(const struct args *args, struct camera_list *all, struct invitation *i,
                        struct diag *d) {
    for (size_t k = 0; k < args->given_count; k++) {
        struct camera *cam;
        if (strcmp(args->given[k].name, "camera") != 0) continue;
        if (i->camera_count == GRANT_CAMERAS_MAX) return diag_fail(d, ERR_LIMIT, "too many cameras");
        err e = camera_find(all, args->given[k].value, &cam, d);
        if (e) return e;
        memcpy(i->cameras[i->camera_count++], cam->id, CAMERA_ID_BYTES);
    }
    return ERR_OK;
}

static err check_wish(const struct args *args, struct invitation *i, struct diag *d) {
    bool named = args_has(args, "camera");
    if (snprintf(i->name, sizeof i->name, "%s", args->positional[0]) >= (int)sizeof i->name || !*i->name)
        return diag_fail(d, ERR_INVALID, "a name has 1 to %d bytes", INVITATION_NAME_MAX_BYTES);
    err e = read_role(args, &i->role, d);
    if (e) return e;
    if (named != (i->role == INVITATION_VIEWER))
        return diag_fail(d, ERR_INVALID,
                         named ? "--camera is for a viewer: an owner and a member have all of them"
                               : "a viewer sees the cameras that --camera names");
    i->past = args_has(args, "past");
    i->may_export = args_has(args, "export");
    if (i->role == INVITATION_OWNER && (i->past || i->may_export))
        return diag_fail(d, ERR_INVALID, "an owner may everything: leave --past and --export out");
    return ERR_OK;
}

/* Before the link is shown, since from then on nothing may be lost. */
static void catch_interrupts(void) {
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* Until the person has come, or Ctrl-C: the invitation holds without this command. */
static int await(struct session *s, const struct invitation *i) {
    const struct timespec pause = {0, ANSWER_POLL_MS * 1000000L};
    struct diag d = {{0}};
    bool in = false;
    fprintf(stderr, "waiting for %s to open it; Ctrl-C ends the waiting, not the invitation\n", i->name);
    while (!in && !interrupted) {
        if (members_answer(&s->client, &s->cameras, i, &in, &d)) return cli_fail(&d);
        if (!in) nanosleep(&pause, NULL);
    }
    if (in)
        printf("%s is in, as %s %s\n", i->name, i->role == INVITATION_OWNER ? "an" : "a",
               invitation_roles[i->role]);
    else
        puts("the invitation holds for a week: `cardea member list`, or any other command of yours, lets "
             "them in when "
             "they have come");
    return STATUS_DONE;
}

static int run_add(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(session_close) struct session s = {0};
    struct invitation i = {0};
    char url[SESSION_URL_BYTES], link[INVITATION_LINK_BYTES];
    bool alone = false;
    if (check_wish(args, &i, &d)) return cli_usage("member add", &d);
    if (session_public_address(cli, url, &alone, &d) || session_camera(cli, NULL, &s, NULL, &d) ||
        read_cameras(args, &s.cameras, &i, &d) || members_invite(&s.client, &i, &d))
        return cli_fail(&d);
    if (members_link(&i, url, link)) return cli_fail_text("the vault's address is too long for a link");
    if (!args_has(args, "no-wait")) catch_interrupts();
    if (cli->json) {
        AUTO(json_release)
        json_t *made =
            json_pack("{s:s, s:s, s:s}", "name", i.name, "role", invitation_roles[i.role], "link", link);
        (void)cli_print_json(made);
    } else {
        puts(link);
        fprintf(
            stderr,
            "give this link to %s, and to nobody else: whoever opens it first is let in. It holds for a "
            "week%s\n",
            i.name,
            args_has(args, "no-wait")
                ? "; `cardea member list`, or any other command of yours, lets them in when they have come"
                : "");
    }
    if (alone)
        fputs("cardea: the link's address is this machine's own: for others, run the home with --listen, or "
              "give "
              "--vault\n",
              stderr);
    fflush(stdout);
    int status = args_has(args, "no-wait") ? STATUS_DONE : await(&s, &i);
    wipe(&i, sizeof i);
    wipe(link, sizeof link);
    return status;
}

/* ---- member list ---- */

/* Those who have come since are let in. */
static void answer_waiting(struct session *s, struct member_list *l, size_t *answered) {
    for (size_t i = 0; i < l->invitation_count; i++) {
        struct diag why = {{0}};
        bool in = false;
        if (members_answer(&s->client, &s->cameras, &l->invitations[i], &in, &why))
            fprintf(stderr, "cardea: %s could not be let in: %s\n", l->invitations[i].name, why.text);
        if (in) ++*answered;
    }
}

static json_t *list_json(const struct session *s, const struct member_list *l) {
    json_t *list = json_array();
    for (size_t i = 0; i < l->count; i++) {
        const struct member *m = &l->members[i];
        if (members_is_self(&s->client, m)) continue;
        char added[WALL_TEXT_BYTES];
        wall_format(m->added, added);
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:s, s:o*}", "name", m->name, "role", invitation_roles[m->role],
                            "state", m->removed ? "removed" : "in", "added", added, "grant",
                            m->role == INVITATION_OWNER ? NULL : json_hex(BYTES_OF(m->grant))));
    }
    if (succession_awaited(&s->client, &s->keys))
        for (size_t i = 0; i < json_array_size(list); i++)
            if (strcmp(json_string_value(json_object_get(json_array_get(list, i), "state")), "removed") == 0)
                json_object_set_new(json_array_get(list, i), "hubs", session_awaited_json(s));
    for (size_t i = 0; i < l->invitation_count; i++)
        json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "name", l->invitations[i].name, "role",
                                              invitation_roles[l->invitations[i].role], "state", "invited"));
    return list;
}

static int run_list(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(session_close) struct session s = {0};
    AUTO(member_list_free) struct member_list *l = calloc(1, sizeof *l);
    size_t answered = 0;
    (void)args;
    if (!l) return cli_fail_text("out of memory");
    if (session_camera(cli, NULL, &s, NULL, &d) || members_read(&s.client, l, &d)) return cli_fail(&d);
    answer_waiting(&s, l, &answered);
    if (answered && members_read(&s.client, l, &d)) return cli_fail(&d);
    if (cli->json) {
        AUTO(json_release) json_t *list = list_json(&s, l);
        return cli_print_json(list);
    }
    size_t others = 0;
    for (size_t i = 0; i < l->count; i++) {
        char added[48];
        if (members_is_self(&s.client, &l->members[i])) continue;
        others++;
        cli_time_text(l->members[i].added, added);
        printf("%-20s %-7s since %s%s\n", l->members[i].name, invitation_roles[l->members[i].role], added,
               l->members[i].removed ? "; REMOVED, but see below" : "");
    }
    for (size_t i = 0; i < l->invitation_count; i++) {
        char until[48];
        cli_time_text((struct wall_us){(int64_t)l->invitations[i].until * 1000000}, until);
        printf("%-20s %-7s invited; the link holds until %s\n", l->invitations[i].name,
               invitation_roles[l->invitations[i].role], until);
    }
    (void)session_print_awaited(&s, stdout);
    if (others + l->invitation_count == 0)
        puts("nobody but you; `cardea member add NAME --role owner|member|viewer` invites somebody");
    return STATUS_DONE;
}

/* ---- member remove ---- */

static int cancel_invitation(struct session *s, const struct member_list *l, const char *name) {
    struct diag d = {{0}};
    for (size_t i = 0; i < l->invitation_count; i++) {
        if (strcmp(l->invitations[i].name, name) != 0) continue;
        if (members_cancel(&s->client, &l->invitations[i], &d)) return cli_fail(&d);
        printf("the invitation of %s is withdrawn\n", name);
        return STATUS_DONE;
    }
    return -1;
}

static int run_remove(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(session_close) struct session s = {0};
    AUTO(member_list_free) struct member_list *l = calloc(1, sizeof *l);
    const struct member *m = NULL;
    struct grants_ended ended;
    const struct grants_progress progress = {grants_say, NULL};
    char question[256];
    if (!l) return cli_fail_text("out of memory");
    if (session_camera(cli, NULL, &s, NULL, &d) || members_read(&s.client, l, &d)) return cli_fail(&d);
    int cancelled = cancel_invitation(&s, l, args->positional[0]);
    if (cancelled >= 0) return cancelled;
    if (members_find(l, args->positional[0], &m, &d)) return cli_fail(&d);
    snprintf(question, sizeof question,
             m->role == INVITATION_OWNER
                 ? "remove %.120s? The household, its hubs and cameras get new keys; open invitations are "
                   "withdrawn"
                 : "remove %.120s? They see nothing from now on, and the cameras get new keys",
             m->name);
    if (!args_has(args, "yes") && !cli_confirm(question))
        return cli_fail_text("nothing was removed (--yes removes without asking)");
    if (members_remove(&s.client, &s.cameras, m, &progress, &ended, &d)) return cli_fail(&d);
    printf("%s is removed: the vault serves them nothing any more; what they have seen they have seen\n",
           m->name);
    if (m->role == INVITATION_OWNER)
        puts("an owner has held the household's keys: whatever they copied from the vault while they were "
             "one still opens for them; nothing that is recorded from now on does");
    grants_print_left(&ended);
    return grants_print_ended(&ended);
}

/* ---- join ---- */

struct joining {
    const struct cli *cli;
    const char *recovery_file;
    char login[256], url[SESSION_URL_BYTES], ca_file[PATH_TEXT_BYTES], code[PAIRING_TEXT_BYTES], signup[64];
};

static err make_account(const struct joining *j, struct client *c, struct diag *d) {
    AUTO(secret_clear) struct secret passphrase = {0};
    char recovery[RECOVERY_TEXT_BYTES] = "";
    int fd = -1;
    fprintf(stderr, "'%s' has no account here with that passphrase; making one\n", j->login);
    err e = passphrase_read(j->cli, "the new account's passphrase: ", true, &passphrase, d);
    if (!e && j->recovery_file) e = kit_open(j->recovery_file, j->login, &fd, d);
    if (!e)
        e = setup_account(c, j->login, blob_bytes(&passphrase.text), *j->signup ? j->signup : NULL, recovery,
                          d);
    if (!e && *recovery) e = kit_deliver(j->login, j->recovery_file, j->url, recovery, fd, d);
    wipe(recovery, sizeof recovery);
    fd_close(&fd);
    return e;
}

static err reach(const struct joining *j, struct client *c, struct diag *d) {
    AUTO(secret_clear) struct secret passphrase = {0};
    char prompt[320];
    snprintf(prompt, sizeof prompt, "passphrase of %s: ", j->login);
    err e = passphrase_read(j->cli, prompt, false, &passphrase, d);
    if (!e) e = client_open(c, j->url, *j->ca_file ? j->ca_file : NULL, d);
    c->code = totp_read;
    c->code_context = j->cli;
    if (!e) e = client_sign_in(c, j->login, blob_bytes(&passphrase.text), d);
    if (e == ERR_UNREACHABLE || e == ERR_TIMEOUT) diag_prefix(d, "no vault answers at %s", j->url);
    return e == ERR_DENIED ? make_account(j, c, d) : e;
}

/* A folder that has an owner already keeps it: it is another's home. */
static void keep_owner(const struct joining *j, const struct invitation_answer *a) {
    struct home_owner owner = {0}, held;
    struct diag d = {{0}};
    char hex[2 * HOUSEHOLD_ID_BYTES + 1];
    hex_encode(BYTES_OF(a->household), hex);
    if (home_owner_read(j->cli->data, &held, &d) == ERR_OK && strcmp(held.household, hex) != 0) {
        fprintf(stderr,
                "cardea: %s is the home of another household: use --data with a folder of its own for '%s'\n",
                j->cli->data, a->name);
        return;
    }
    snprintf(owner.login, sizeof owner.login, "%s", j->login);
    memcpy(owner.household, hex, sizeof owner.household);
    memcpy(owner.sign, a->sign, sizeof owner.sign);
    snprintf(owner.vault, sizeof owner.vault, "%s", j->url);
    if (home_owner_write(j->cli->data, &owner, &d))
        fprintf(stderr, "cardea: this folder does not remember it (%s): give --login and --vault\n", d.text);
}

static int run_join(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    struct joining j = {.cli = cli, .recovery_file = args_value(args, "recovery-file")};
    AUTO(client_clear) struct client c = {0};
    AUTO(invitation_answer_clear) struct invitation_answer a = {0};
    char vault[LINK_URL_MAX_BYTES], *link = (char *)args->positional[0];
    struct cli at = *cli;
    if (members_link_parse(link, vault, j.code, j.signup, &d)) return cli_usage("join", &d);
    if (!at.vault) at.vault = vault;
    if (session_login(cli, j.login, &d))
        return cli_fail_text("who are you? Give --login NAME: the name you sign in with, or want to");
    if (session_vault(&at, j.url, j.ca_file, &d) || reach(&j, &c, &d)) return cli_fail(&d);
    fputs("waiting to be let in…\n", stderr);
    if (members_join(&c, j.code, JOIN_WAIT_S, &a, &d)) return cli_fail(&d);
    keep_owner(&j, &a);
    (void)!client_sign_out(&c, &d);
    wipe(&j, sizeof j);
    if (cli->json) {
        AUTO(json_release)
        json_t *made = json_pack("{s:s, s:s, s:o}", "household", a.name, "role", invitation_roles[a.role],
                                 "id", json_hex(BYTES_OF(a.household)));
        return cli_print_json(made);
    }
    printf("you are %s %s of '%s'; `cardea camera list` says what you see\n",
           a.role == INVITATION_OWNER ? "an" : "a", invitation_roles[a.role], a.name);
    return STATUS_DONE;
}

static const struct option_spec add_options[] = {{"role", 0, true, false},     {"camera", 0, true, true},
                                                 {"past", 0, false, false},    {"export", 0, false, false},
                                                 {"no-wait", 0, false, false}, {0}};
static const struct option_spec remove_options[] = {{"yes", 0, false, false}, {0}};
static const struct option_spec join_options[] = {{"recovery-file", 0, true, false}, {0}};

const struct command commands_member[] = {
    {.name = "member add",
     .summary = "Invite somebody into the household",
     .usage = "NAME --role owner|member|viewer [--camera C]... [--past] [--export] [--no-wait] [--json]",
     .help = "Prints the link to give them, and waits until they have opened it. It holds for a week.\n"
             "  --role owner     all that you may\n"
             "  --role member    sees all cameras, those added later too\n"
             "  --role viewer    sees the cameras that --camera names\n"
             "  --past           what was recorded before too; else from now on\n"
             "  --export         may keep clips\n"
             "  --no-wait        does not wait: `cardea member list` lets them in later\n",
     .options = add_options,
     .least = 1,
     .most = 1,
     .run = run_add},
    {.name = "member list",
     .summary = "Who is in, and who is invited",
     .usage = "[--json]",
     .help = "Lets in those who have opened their link meanwhile.\n",
     .run = run_list},
    {.name = "member remove",
     .summary = "Remove somebody: new keys for all that they saw",
     .usage = "NAME [--yes]",
     .help =
         "The vault ends at once what they look at, the cameras get new keys, and everybody else is "
         "handed them.\n"
         "An owner has held the household's own keys, so these are made anew: other owners go on without "
         "signing in\n"
         "again, grants and links hold, invitations that are open are withdrawn. A hub that is away seals to "
         "the\n"
         "former keys until it is back and an owner uses Cardea; `cardea member list` and `cardea status` "
         "name "
         "it.\n"
         "A NAME that is only invited: withdraws the invitation.\n",
     .options = remove_options,
     .least = 1,
     .most = 1,
     .run = run_remove},
    {.name = "join",
     .summary = "Accept an invitation into a household",
     .usage = "LINK [--login NAME] [--vault URL] [--recovery-file FILE] [--json]",
     .help =
         "Signs in with --login NAME, or makes that account, and waits for an owner's device to let you in.\n"
         "After it, `cardea camera list`, live, timeline, events, export and status work within what you "
         "were "
         "given.\n",
     .options = join_options,
     .least = 1,
     .most = 1,
     .run = run_join},
    {0},
};
