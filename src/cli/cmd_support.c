/* cmd_support.c: the owner's side of a support desk. (The agent's: cmd_desk.c.) */
#include <string.h>

#include "cli/commands.h"
#include "cli/hub_ask.h"
#include "cli/session.h"
#include "cli/staff.h"
#include "cli/ticket_text.h"
#include "client/grants.h"

#define PAST_MINUTES 60 /* for how long recorded seconds can be looked at */

struct support {
    const char *data; /* DIR */
    struct session session;
    struct ticket_side side;
    struct ticket ticket;
};
static void support_close(struct support *s) {
    ticket_clear(&s->ticket);
    session_close(&s->session);
}

static err support_open(const struct cli *cli, struct support *s, struct diag *d) {
    s->data = cli->data;
    err e = session_open(cli, &s->session, d);
    return e ? e : ticket_side_owner(&s->session.client, &s->side, d);
}

/* With the ticket that the argument names, by the beginning of its id; what follows a slash is not looked at.
 */
static err support_ticket(const struct cli *cli, const char *id, struct support *s, struct diag *d) {
    char begin[80], hex[2 * TICKET_ID_BYTES + 1];
    snprintf(begin, sizeof begin, "%.*s", (int)strcspn(id, "/"), id);
    err e = support_open(cli, s, d);
    if (!e) e = ticket_find(&s->side, begin, hex, d);
    return e ? e : ticket_read(&s->side, hex, 0, 0, &s->ticket, d);
}

/* ---- open ---- */

static err read_health(struct support *s, json_t **out, struct diag *d) {
    AUTO(json_release) json_t *status = NULL;
    struct client_vault vault;
    err e = hub_ask(&s->session, "status", NULL, &status, d);
    if (!e) e = client_vault(&s->session.client, &vault, d);
    return e ? e : ticket_health_of(status, vault.version, out, d);
}

/* Shows what would go, and asks. *out stays NULL when it is not approved. */
static err approve_health(struct support *s, const struct args *args, json_t **out, struct diag *d) {
    AUTO(json_release) json_t *health = NULL;
    err e = read_health(s, &health, d);
    if (e) return e;
    fputs("these figures, and nothing else, would go to the support desk; no picture, no address, no "
          "password:\n",
          stderr);
    ticket_health_print(stderr, health);
    if (args_has(args, "yes") || cli_confirm("send them?"))
        *out = json_incref(health);
    else
        fputs("no figures are sent\n", stderr);
    return ERR_OK;
}

static err open_with(struct support *s, const char *text, json_t *health, struct diag *d) {
    uint8_t id[TICKET_ID_BYTES];
    char hex[2 * TICKET_ID_BYTES + 1];
    err e = ticket_open(&s->side, text, id, d);
    if (e) return e;
    hex_encode(BYTES_OF(id), hex);
    e = ticket_read(&s->side, hex, 0, 0, &s->ticket, d);
    if (e || !health) return e;
    struct ticket_message m = {.kind = TICKET_HEALTH, .health = health};
    e = ticket_say(&s->side, &s->ticket, &m, d);
    if (e) diag_prefix(d, "the ticket %.8s is open, but the figures were not sent", hex);
    return e;
}

static int run_open(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(support_close) struct support s = {0};
    AUTO(blob_clear) struct blob words = {0}, text = {0};
    AUTO(json_release) json_t *health = NULL;
    const char *subject = args_value(args, "subject"), *given = args_value(args, "words");
    if (!subject || !*subject) {
        (void)diag_fail(&d, ERR_INVALID, "--subject says in a line what it is about");
        return cli_usage("support open", &d);
    }
    err e = given ? ticket_words_read(given, &words, &d) : ERR_OK;
    if (!e) e = blob_append(&text, bytes_text(subject));
    if (!e && words.len) e = blob_append(&text, bytes_text("\n\n"));
    if (!e && words.len) e = blob_append(&text, BYTES(words.data, words.len - 1));
    if (!e) e = blob_append_u8(&text, 0);
    if (e) return cli_fail(&d);
    if (support_open(cli, &s, &d)) return cli_fail(&d);
    if (args_has(args, "health") && approve_health(&s, args, &health, &d)) return cli_fail(&d);
    if (open_with(&s, (const char *)text.data, health, &d)) return cli_fail(&d);
    if (cli->json) {
        AUTO(json_release)
        json_t *made = json_pack("{s:s, s:b}", "ticket", s.ticket.hex, "health", health != NULL);
        return cli_print_json(made);
    }
    printf("%s\n", s.ticket.hex);
    fprintf(stderr, "sent to '%s'; `cardea support show %.8s` shows the answer\n", s.side.provider.name,
            s.ticket.hex);
    return STATUS_DONE;
}

/* ---- list, show, say, close ---- */

static void print_row(const json_t *row, const struct ticket *t) {
    char when[48], subject[80];
    ticket_subject(t, subject);
    slot_time_text((uint64_t)json_integer_value(json_object_get(row, "last")), when);
    printf("%.8s  %-6s  %s  %3lld message%s  %s\n", json_text(row, "ticket"), json_text(row, "state"), when,
           (long long)json_integer_value(json_object_get(row, "messages")),
           json_integer_value(json_object_get(row, "messages")) == 1 ? " " : "s", subject);
}

static int run_list(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(support_close) struct support s = {0};
    AUTO(json_release) json_t *list = NULL;
    if (support_open(cli, &s, &d) || ticket_list_read(&s.side, &list, &d)) return cli_fail(&d);
    if (cli->json) return cli_print_json(list);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        if (ticket_read(&s.side, json_text(row, "ticket"), 0, 0, &s.ticket, &d)) return cli_fail(&d);
        print_row(row, &s.ticket);
        ticket_clear(&s.ticket);
    }
    if (json_array_size(list) == 0)
        printf("no tickets; `cardea support open --subject …` writes to '%s'\n", s.side.provider.name);
    return STATUS_DONE;
}

static int run_show(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(support_close) struct support s = {0};
    if (support_ticket(cli, args->positional[0], &s, &d)) return cli_fail(&d);
    if (cli->json) {
        AUTO(json_release) json_t *all = ticket_json(&s.ticket);
        return cli_print_json(all);
    }
    ticket_print(&s.ticket);
    return STATUS_DONE;
}

static int run_say(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(support_close) struct support s = {0};
    AUTO(blob_clear) struct blob words = {0};
    if (ticket_words_read(args->positional[1], &words, &d) ||
        support_ticket(cli, args->positional[0], &s, &d))
        return cli_fail(&d);
    struct ticket_message m = {.kind = TICKET_WORDS, .text = (const char *)words.data};
    if (ticket_say(&s.side, &s.ticket, &m, &d)) return cli_fail(&d);
    puts("sent");
    return STATUS_DONE;
}

static int run_close(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(support_close) struct support s = {0};
    if (support_ticket(cli, args->positional[0], &s, &d)) return cli_fail(&d);
    struct ticket_message m = {.kind = TICKET_CLOSE, .text = args_value(args, "words")};
    if ((!s.ticket.closed && ticket_say(&s.side, &s.ticket, &m, &d)) || ticket_end(&s.side, &s.ticket, &d))
        return cli_fail(&d);
    puts("closed; whatever was watched under its grants has ended");
    return STATUS_DONE;
}

/* ---- requests ---- */

static bool answered(const struct ticket *t, const struct ticket_message *request) {
    for (size_t i = 0; i < t->count; i++) {
        const struct ticket_message *m = &t->lines[i].message;
        if (t->lines[i].sound && m->has_answers &&
            memcmp(m->answers, request->request.id, sizeof m->answers) == 0)
            return true;
    }
    return false;
}

static size_t add_requests(const struct ticket *t, json_t *rows, bool print) {
    size_t found = 0;
    for (size_t i = 0; i < t->count; i++) {
        const struct ticket_line *line = &t->lines[i];
        char hex[2 * TICKET_REQUEST_ID_BYTES + 1], text[400];
        if (!line->sound || line->message.kind != TICKET_REQUEST || answered(t, &line->message)) continue;
        found++;
        hex_encode(BYTES_OF(line->message.request.id), hex);
        ticket_request_text(&line->message.request, text);
        if (print)
            printf("%.8s/%.8s  %s (agent %llu): %s\n  reason: %s\n", t->hex, hex, line->certificate.name,
                   (unsigned long long)line->certificate.number, text, line->message.request.reason);
        json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:I, s:O}", "ticket", t->hex, "request", hex,
                                              "agent", line->certificate.name, "number",
                                              (json_int_t)line->certificate.number, "asks",
                                              json_object_get(line->message.value, "request")));
    }
    return found;
}

static int run_requests(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(support_close) struct support s = {0};
    AUTO(json_release) json_t *list = NULL;
    AUTO(json_release) json_t *rows = json_array();
    size_t found = 0;
    if (support_open(cli, &s, &d) || ticket_list_read(&s.side, &list, &d)) return cli_fail(&d);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        if (strcmp(json_text(row, "state"), "open") != 0) continue;
        if (ticket_read(&s.side, json_text(row, "ticket"), 0, 0, &s.ticket, &d)) return cli_fail(&d);
        found += add_requests(&s.ticket, rows, !cli->json);
    }
    if (cli->json) return cli_print_json(rows);
    puts(found ? "`cardea support approve ID/REQUEST` gives access, `… refuse` does not"
               : "nobody asks for access");
    return STATUS_DONE;
}

/* The request that "ID/REQUEST" names; with "ID" alone the only open one. */
static err find_request(struct support *s, const char *argument, const struct ticket_line **out,
                        struct diag *d) {
    const char *slash = strchr(argument, '/');
    const struct ticket_line *before = NULL;
    err e = ticket_request_find(&s->ticket, slash ? slash + 1 : NULL, out, &before, d);
    if (!e && before) e = diag_fail(d, ERR_EXISTS, "this request has been answered (message %u)", before->n);
    if (!e && s->ticket.closed) e = diag_fail(d, ERR_DENIED, "the ticket is closed");
    return e;
}

/* ---- approve ---- */

struct approving {
    const struct ticket_line *line;
    struct camera *cameras[GRANT_CAMERAS_MAX];
    size_t count;
    json_t *names;
    uint32_t minutes, from, to; /* narrowed; minutes 0: recorded seconds */
};
static void approving_clear(struct approving *a) {
    json_decref(a->names);
}

static bool was_asked(const struct ticket_request *r, const char *name) {
    for (size_t i = 0; i < json_array_size(r->cameras); i++)
        if (strcmp(json_string_value(json_array_get(r->cameras, i)), name) == 0) return true;
    return false;
}

static err add_camera(struct support *s, struct approving *a, const char *name, struct diag *d) {
    struct camera *cam;
    err e = camera_find(&s->session.cameras, name, &cam, d);
    if (e) return e;
    if (!was_asked(&a->line->message.request, cam->name))
        return diag_fail(d, ERR_DENIED, "%s was not asked for: a request is narrowed, never widened",
                         cam->name);
    for (size_t i = 0; i < a->count; i++)
        if (a->cameras[i] == cam) return ERR_OK;
    if (a->count == GRANT_CAMERAS_MAX)
        return diag_fail(d, ERR_LIMIT, "at most %d cameras", GRANT_CAMERAS_MAX);
    a->cameras[a->count++] = cam;
    return json_array_append_new(a->names, json_string(cam->name)) ? ERR_NO_MEMORY : ERR_OK;
}

/* The cameras that --camera names, or all that were asked for. */
static err narrow_cameras(struct support *s, const struct args *args, struct approving *a, struct diag *d) {
    const struct ticket_request *r = &a->line->message.request;
    size_t damaged = 0;
    err e = camera_list_read(&s->session.client, &s->session.cameras, &damaged, d);
    a->names = json_array();
    for (size_t i = 0; !e && i < args->given_count; i++)
        if (strcmp(args->given[i].name, "camera") == 0) e = add_camera(s, a, args->given[i].value, d);
    for (size_t i = 0; !e && !args_has(args, "camera") && i < json_array_size(r->cameras); i++)
        e = add_camera(s, a, json_string_value(json_array_get(r->cameras, i)), d);
    return e;
}

static err narrow_time(const struct args *args, struct approving *a, struct diag *d) {
    const struct ticket_request *r = &a->line->message.request;
    int64_t minutes = 0;
    if (r->live_minutes && r->to && !args_has(args, "minutes") && !args_has(args, "from"))
        return diag_fail(
            d, ERR_INVALID,
            "it asks for the live view and for a recording: approve one, by --minutes or --from and --to");
    if (r->live_minutes && !args_has(args, "from")) {
        err e = args_number(args, "minutes", 1, r->live_minutes, r->live_minutes, &minutes, d);
        a->minutes = (uint32_t)minutes;
        return e;
    }
    struct wall_us from = {r->from * INT64_C(1000000)}, to = {r->to * INT64_C(1000000)};
    err e = cli_range(args, from, to, &from, &to, d);
    if (e) return e;
    a->from = wall_slot(from);
    a->to = (uint32_t)((to.us + 999999) / 1000000);
    if (a->from < r->from || a->to > r->to)
        return diag_fail(d, ERR_DENIED,
                         "that reaches beyond what was asked for: a request is narrowed, never widened");
    return ERR_OK;
}

static err issue(struct support *s, const struct approving *a, uint8_t id[GRANT_ID_BYTES], struct diag *d) {
    uint32_t now = wall_slot(wall_now());
    const struct staff_certificate *agent = &a->line->certificate;
    struct grant_wish w = {.grantee = agent->box,
                           .grantee_sign = agent->sign,
                           .purpose = GRANT_SUPPORT,
                           .ticket = s->ticket.hex,
                           .cameras = (struct camera **)a->cameras,
                           .camera_count = a->count,
                           .from = a->minutes ? now : a->from,
                           .to = a->minutes ? now + a->minutes * 60u : a->to,
                           .not_before = now,
                           .expires = now + (a->minutes ? a->minutes : PAST_MINUTES) * 60u,
                           .live = a->minutes != 0,
                           .witnessed = true,
                           .name = agent->name};
    err e = staff_certificate_valid_at(agent, now, d);
    if (!e)
        e = staff_certified(&s->session.client, s->data, blob_bytes(&a->line->message.certificate), agent, d);
    return e ? e : grants_issue(&s->session.client, &s->session.cameras, &w, id, d);
}

static err tell_approved(struct support *s, const struct approving *a, const uint8_t grant[GRANT_ID_BYTES],
                         struct diag *d) {
    const struct ticket_request *r = &a->line->message.request;
    struct ticket_message m = {
        .kind = TICKET_ANSWER, .has_answers = true, .has_grant = true, .has_request = true};
    memcpy(m.answers, r->id, sizeof m.answers);
    memcpy(m.grant, grant, sizeof m.grant);
    m.request = (struct ticket_request){
        .cameras = a->names, .live_minutes = a->minutes, .from = a->from, .to = a->to, .reason = r->reason};
    memcpy(m.request.id, r->id, sizeof m.request.id);
    return ticket_say(&s->side, &s->ticket, &m, d);
}

static int run_approve(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(support_close) struct support s = {0};
    AUTO(approving_clear) struct approving a = {0};
    uint8_t id[GRANT_ID_BYTES];
    char hex[2 * GRANT_ID_BYTES + 1], text[400];
    err e = support_ticket(cli, args->positional[0], &s, &d);
    if (!e) e = find_request(&s, args->positional[0], &a.line, &d);
    if (!e) e = narrow_cameras(&s, args, &a, &d);
    if (!e) e = narrow_time(args, &a, &d);
    if (!e) e = issue(&s, &a, id, &d);
    if (!e) e = tell_approved(&s, &a, id, &d);
    if (e) return cli_fail(&d);
    hex_encode(BYTES_OF(id), hex);
    if (cli->json) {
        AUTO(json_release) json_t *made = json_pack("{s:s, s:s}", "grant", hex, "ticket", s.ticket.hex);
        return cli_print_json(made);
    }
    const struct ticket_request given = {
        .cameras = a.names, .live_minutes = a.minutes, .from = a.from, .to = a.to, .reason = ""};
    ticket_request_text(&given, text);
    printf("%s (agent %llu) may see: %s\n", a.line->certificate.name,
           (unsigned long long)a.line->certificate.number, text);
    printf("end it at any time: `cardea grants revoke %.8s`\n", hex);
    return STATUS_DONE;
}

static int run_refuse(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(support_close) struct support s = {0};
    const struct ticket_line *line;
    if (support_ticket(cli, args->positional[0], &s, &d) || find_request(&s, args->positional[0], &line, &d))
        return cli_fail(&d);
    struct ticket_message m = {.kind = TICKET_REFUSE, .has_answers = true, .text = args_value(args, "words")};
    memcpy(m.answers, line->message.request.id, sizeof m.answers);
    if (ticket_say(&s.side, &s.ticket, &m, &d)) return cli_fail(&d);
    puts("refused; nothing was given");
    return STATUS_DONE;
}

static const struct option_spec open_options[] = {{"subject", 0, true, false},
                                                  {"words", 0, true, false},
                                                  {"health", 0, false, false},
                                                  {"yes", 0, false, false},
                                                  {0}};
static const struct option_spec words_options[] = {{"words", 0, true, false}, {0}};
static const struct option_spec approve_options[] = {{"camera", 0, true, true},
                                                     {"minutes", 0, true, false},
                                                     {"from", 0, true, false},
                                                     {"to", 0, true, false},
                                                     {0}};

const struct command commands_support[] = {
    {.name = "support open",
     .summary = "Write to the vault's support desk",
     .usage = "--subject TEXT [--words TEXT|-] [--health [--yes]] [--json]",
     .help = "Prints the ticket's id. What you write is sealed to your household and to the desk: the vault "
             "cannot "
             "read it.\n"
             "  --words -   reads them from standard input\n"
             "  --health    shows the cameras' figures (fps, bitrate, losses, errors, versions) and asks; "
             "none are sent "
             "without\n"
             "              a yes. No picture, no address and no password is ever among them\n"
             "Support sees no camera unless you approve a request of theirs (`cardea support requests`).\n",
     .options = open_options,
     .run = run_open},
    {.name = "support list", .summary = "Your tickets", .usage = "[--json]", .run = run_list},
    {.name = "support show",
     .summary = "What was said in a ticket",
     .usage = "ID [--json]",
     .least = 1,
     .most = 1,
     .run = run_show},
    {.name = "support say",
     .summary = "Say more",
     .usage = "ID TEXT|-",
     .least = 2,
     .most = 2,
     .run = run_say},
    {.name = "support close",
     .summary = "Close a ticket; what is watched under it ends",
     .usage = "ID [--words TEXT]",
     .options = words_options,
     .least = 1,
     .most = 1,
     .run = run_close},
    {.name = "support requests",
     .summary = "Who of the desk asks to see something",
     .usage = "[--json]",
     .run = run_requests},
    {.name = "support approve",
     .summary = "Give an agent access, all that was asked for or less",
     .usage = "ID[/REQUEST] [--camera NAME…] [--minutes N] [--from T --to T] [--json]",
     .help = "The keys of exactly those seconds of those cameras go to that agent; they can be widened by "
             "nobody. While "
             "it is\nused you are told, and `cardea grants revoke` ends it at once.\n"
             "  --camera NAME   only this one of those asked for (repeat for more)\n"
             "  --minutes N     fewer minutes of the live view than asked for\n"
             "  --from, --to    less of the recording than asked for; it can be looked at for an hour\n",
     .options = approve_options,
     .least = 1,
     .most = 1,
     .run = run_approve},
    {.name = "support refuse",
     .summary = "Give an agent no access",
     .usage = "ID[/REQUEST] [--words TEXT]",
     .options = words_options,
     .least = 1,
     .most = 1,
     .run = run_refuse},
    {0},
};
