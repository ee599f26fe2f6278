/* cmd_log.c: who looked, and whether the log that says so is whole (docs/trust.md, "What an owner's software
 * proves"). Nothing is shown that was not proven just now. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/hub_ask.h"
#include "cli/log_command.h"
#include "cli/session.h"
#include "client/log_check.h"
#include "client/tickets.h"

#define NAMES_BYTES 160
#define WHO_BYTES 160

const struct option_spec log_accept_options[] = {{"yes", 0, false, false}, {0}};
const struct option_spec log_show_options[] = {{"camera", 0, true, false}, {"from", 0, true, false},
                                               {"to", 0, true, false},     {"all", 0, false, false},
                                               {"each", 0, false, false},  {0}};

const struct option_spec log_verify_options[] = {
    {"all", 0, false, false}, {"accept-times", 0, false, false}, {0}};

/* A member of staff, as a ticket of the household's has their certificate. */
struct agent {
    uint8_t sign[SIGN_PUBLIC_BYTES], actor[LOG_ACTOR_BYTES];
    uint64_t number;
};

/* What is done again by the same person, by the same grant and on the same day; [n]: of the household's entry
 * n, of which the first of a day stands for all. */
struct sum {
    size_t count; /* 0: another one stands for it */
    struct wall_us last;
};

struct shown {
    struct session s;
    struct log_checked r;
    struct agent *agents;
    size_t agent_count;
    struct sum *sums; /* NULL: each is shown */
    struct unusual_alarm *alarms;
    size_t alarm_count;
};

static void shown_clear(struct shown *w) {
    free(w->alarms);
    free(w->agents);
    free(w->sums);
    log_checked_clear(&w->r);
    session_close(&w->s);
}

/* --- proving --- */

static void say_progress(void *context, const char *what, uint64_t done, uint64_t of) {
    if (!isatty(STDERR_FILENO)) return;
    if (of)
        fprintf(stderr, "\r\033[K%s: %llu of %llu", what, (unsigned long long)done, (unsigned long long)of);
    else
        fprintf(stderr, "\r\033[K%s", what);
    *(bool *)context = true;
}

static int fail_proof(const struct cli *cli, const struct log_checked *r, const struct diag *d) {
    if (cli->json) {
        AUTO(json_release)
        json_t *o = json_pack("{s:b,s:s,s:s,s:s*}", "proven", 0, "failure", log_failures[r->failure],
                              "message", d->text, "evidence", r->evidence[0] ? r->evidence : NULL);
        cli_print_json(o);
    }
    cli_fail_text("THE LOG IS NOT WHOLE (%s): %s", log_failures[r->failure], d->text);
    if (r->failure == LOG_FAILURE_TIME)
        fprintf(stderr, "cardea: if you know that the vault's clock was set, `cardea log verify "
                        "--accept-times` goes on from there\n");
    if (r->evidence[0])
        fprintf(stderr, "cardea: what the vault showed, and what it contradicts, is kept in %s\n",
                r->evidence);
    fprintf(stderr,
            "cardea: revoke what you have granted (`cardea grants`), and ask whoever runs the vault why\n");
    return STATUS_FAILED;
}

static err sign_in(const struct cli *cli, const char *camera, struct shown *w, struct diag *d) {
    struct camera *named;
    err e = session_camera(cli, camera, &w->s, &named, d);
    if (e) return e;
    struct client *c = &w->s.client;
    if (c->keyring.households[c->household_index].role == KEYRING_OWNER) return ERR_OK;
    return diag_fail(d, ERR_DENIED,
                     "the log of who looked is the owners': as a member you see your own use in theirs");
}

static err check(const struct cli *cli, const struct args *args, struct shown *w, struct diag *d) {
    bool said = false;
    const struct log_check_options o = {.folder = cli->data,
                                        .ask_hubs = true,
                                        .all = args && args_has(args, "all"),
                                        .accept_times = args && args_has(args, "accept-times"),
                                        .say = say_progress,
                                        .context = &said};
    err e = log_check(&w->s.client, &o, &w->r, d);
    if (said) fprintf(stderr, "\r\033[K");
    return e;
}

/* Signs in and proves; on failure it has been said. */
static int prove(const struct cli *cli, const char *camera, const struct args *args, struct shown *w) {
    struct diag d = {{0}};
    err e = sign_in(cli, camera, w, &d);
    if (!e) e = check(cli, args, w, &d);
    if (e == ERR_FORGED && w->r.failure) return fail_proof(cli, &w->r, &d);
    if (!e) e = log_alarms(&w->s.client, &w->r.seen, &w->alarms, &w->alarm_count, &d);
    return e ? cli_fail(&d) : STATUS_DONE;
}

/* --- words --- */

static json_t *camera_names(struct shown *w, const json_t *details) {
    json_t *names = json_array(), *id;
    size_t i;
    json_array_foreach(json_object_get(details, "cameras"), i, id) {
        uint8_t raw[CAMERA_ID_BYTES];
        const char *hex = json_string_value(id);
        if (!hex || hex_decode(hex, (struct buffer){raw, sizeof raw})) continue;
        const struct camera *cam = camera_by_id(&w->s.cameras, raw);
        if (cam && cam->is_sub) continue; /* the main stream beside it has the same name */
        json_array_append_new(names, json_string(cam ? cam->name : "a camera that is gone"));
    }
    return names;
}

static void join(const json_t *names, char out[NAMES_BYTES]) {
    size_t i, at = 0;
    json_t *name;
    out[0] = 0;
    json_array_foreach(names, i, name) {
        int n = snprintf(out + at, NAMES_BYTES - at, "%s%s", at ? ", " : "", json_string_value(name));
        if (n < 0 || at + (size_t)n >= NAMES_BYTES) return;
        at += (size_t)n;
    }
}

static const struct grant_item *grant_of(const struct shown *w, const char *id) {
    for (size_t i = 0; i < w->r.grants.count; i++) {
        char hex[2 * GRANT_ID_BYTES + 1];
        hex_encode(BYTES_OF(w->r.grants.items[i].statement.id), hex);
        if (strcmp(hex, id) == 0) return &w->r.grants.items[i];
    }
    return NULL;
}

/* --- members of staff, by their numbers --- */

static err add_agents(struct shown *w, const struct ticket *t) {
    for (size_t i = 0; i < t->count; i++) {
        const struct ticket_line *line = &t->lines[i];
        if (!line->sound || !line->by_staff) continue;
        struct agent *larger = realloc(w->agents, (w->agent_count + 1) * sizeof *larger);
        if (!larger) return ERR_NO_MEMORY;
        w->agents = larger;
        struct agent *one = &larger[w->agent_count++];
        one->number = line->certificate.number;
        memcpy(one->sign, line->certificate.sign, sizeof one->sign);
        log_actor_staff(one->sign, one->actor);
    }
    return ERR_OK;
}

/* From the certificates in the household's tickets, which are of the desk's key that it pinned. Whoever is in
 * none (or if the vault does not give them out) is told by what the log calls them. */
static err read_agents(struct shown *w, struct diag *d) {
    struct ticket_side side;
    struct diag why = {{0}};
    AUTO(json_release) json_t *list = NULL;
    json_t *row;
    size_t i;
    bool any = false;
    for (i = 0; !any && i < w->r.grants.count; i++)
        any = w->r.grants.items[i].statement.purpose == GRANT_SUPPORT;
    if (!any && !w->alarm_count) return ERR_OK;
    if (ticket_side_owner(&w->s.client, &side, &why) || ticket_list_read(&side, &list, &why)) return ERR_OK;
    json_array_foreach(list, i, row) {
        AUTO(ticket_clear) struct ticket t = {0};
        if (ticket_read(&side, json_text(row, "ticket"), 0, 0, &t, &why)) continue;
        if (add_agents(w, &t)) return diag_fail(d, ERR_NO_MEMORY, "no memory for the tickets");
    }
    return ERR_OK;
}

/* "Agent 7", as the app says. */
static void agent_text(const struct shown *w, const uint8_t actor[LOG_ACTOR_BYTES], char out[WHO_BYTES]) {
    char hex[2 * LOG_ACTOR_BYTES + 1];
    for (size_t i = 0; i < w->agent_count; i++) {
        if (memcmp(w->agents[i].actor, actor, LOG_ACTOR_BYTES) != 0) continue;
        snprintf(out, WHO_BYTES, "Agent %llu", (unsigned long long)w->agents[i].number);
        return;
    }
    hex_encode(BYTES(actor, LOG_ACTOR_BYTES), hex);
    snprintf(out, WHO_BYTES, "A member of the support desk (%.8s in the log)", hex);
}

/* Of an entry of support: of whoever acts, or to whom it was given. */
static void support_text(const struct shown *w, const struct log_look *l, char out[WHO_BYTES]) {
    const char *key = json_text(l->details, "key");
    uint8_t actor[LOG_ACTOR_BYTES];
    AUTO(blob_clear) struct blob sign = {0};
    const struct grant_item *g = grant_of(w, json_text(l->details, "grant"));
    bool theirs = log_entry_by_staff(&l->entry) && l->entry.acted;
    if (theirs)
        memcpy(actor, l->entry.actor, sizeof actor);
    else if (g)
        log_actor_staff(g->statement.grantee_sign, actor);
    else if (*key && base64_decode(key, strlen(key), &sign) == ERR_OK && sign.len == SIGN_PUBLIC_BYTES)
        log_actor_staff(sign.data, actor);
    else
        memset(actor, 0, sizeof actor);
    agent_text(w, actor, out);
}

/* Who holds the grant, as the owner called them. */
static void who_text(const struct shown *w, const struct log_look *l, char out[WHO_BYTES]) {
    const char *purpose = json_text(l->details, "purpose"), *id = json_text(l->details, "grant");
    const struct grant_item *g = grant_of(w, id);
    const char *name = g ? grant_item_text(g, "name") : "";
    char actor[2 * LOG_ACTOR_BYTES + 1] = "";
    if (l->entry.acted) hex_encode(BYTES_OF(l->entry.actor), actor);
    if (strcmp(l->entry.kind, "household.succeed") == 0)
        snprintf(out, WHO_BYTES, "an owner");
    else if (strcmp(purpose, "support") == 0)
        support_text(w, l, out);
    else if (strcmp(purpose, "link") == 0)
        snprintf(out, WHO_BYTES, "%sthe link%s%.80s",
                 strncmp(l->entry.kind, "grant.", 6) != 0 || strcmp(l->entry.kind, "grant.use") == 0
                     ? "whoever has "
                     : "",
                 *name ? " for " : "", name);
    else if (*name)
        snprintf(out, WHO_BYTES, "%.100s", name);
    else if (*id)
        snprintf(out, WHO_BYTES, "%s %.8s", *purpose ? purpose : "grant", id);
    else
        snprintf(out, WHO_BYTES, "%s", *actor ? actor : "the vault");
}

static const char *what_text(const char *kind, const json_t *details) {
    static const struct {
        const char *kind, *what;
    } words[] = {
        {"grant.create", "was given access"},
        {"grant.use", "opened"},
        {"grant.revoke", "was ended"},
        {"grant.expire", "ran out"},
        {"grant.cancel", "was not given access after all"},
        {"live.begin", "began to watch"},
        {"live.end", "stopped watching"},
        {"household.succeed", "renewed the household's keys"},
        {"consent.give", "consent given"},
        {"consent.withdraw", "consent withdrawn"},
    };
    if (json_is_true(json_object_get(details, "cut"))) return "watched until the vault was cut off";
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].kind, kind) == 0) return words[i].what;
    return kind;
}

static void range_text(const json_t *details, char out[128]) {
    json_int_t from = json_integer_value(json_object_get(details, "from")),
               to = json_integer_value(json_object_get(details, "to"));
    char begin[48], end[48];
    out[0] = 0;
    if (from <= 0 || to <= from) return;
    cli_time_text((struct wall_us){from * 1000000}, begin);
    cli_time_text((struct wall_us){to * 1000000}, end);
    if (to >= (json_int_t)UINT32_MAX)
        snprintf(out, 128, ", from %s on", begin);
    else
        snprintf(out, 128, ", %s to %s", begin, end);
}

/* --- entries --- */

static json_t *look_json(struct shown *w, const struct log_look *l) {
    char time[WALL_TEXT_BYTES], who[WHO_BYTES];
    wall_format(l->entry.time, time);
    who_text(w, l, who);
    json_t *o = json_pack("{s:I,s:I,s:s,s:s,s:s,s:o,s:O}", "n", (json_int_t)l->n, "index",
                          (json_int_t)l->index, "time", time, "kind", l->entry.kind, "who", who, "cameras",
                          camera_names(w, l->details), "details", l->details);
    if (o && l->entry.acted) json_object_set_new(o, "actor", json_hex(BYTES_OF(l->entry.actor)));
    return o;
}

static void print_look(struct shown *w, const struct log_look *l) {
    char time[48], who[WHO_BYTES], names[NAMES_BYTES], range[128];
    AUTO(json_release) json_t *cameras = camera_names(w, l->details);
    const char *ticket = json_text(l->details, "ticket"), *purpose = json_text(l->details, "purpose");
    cli_time_text(l->entry.time, time);
    who_text(w, l, who);
    join(cameras, names);
    range_text(l->details, range);
    printf("%s  %s %s", time, who, what_text(l->entry.kind, l->details));
    if (*names) printf(": %s", names);
    if (w->sums && w->sums[l->n].count > 1) {
        cli_time_text(w->sums[l->n].last, time);
        printf(", %zu times that day, last %s", w->sums[l->n].count, time);
    } else if (strcmp(l->entry.kind, "grant.use") == 0 || strcmp(l->entry.kind, "grant.create") == 0) {
        printf("%s", range);
    }
    if (*ticket)
        printf(" (support desk, ticket %.12s)", ticket);
    else if (*purpose && strcmp(purpose, "link") != 0)
        printf(" (%s)", purpose);
    putchar('\n');
}

struct wanted {
    const char *camera;
    struct wall_us from, to;
    bool all; /* those too that nobody looked in */
};

static bool is_wanted(struct shown *w, const struct wanted *f, const struct log_look *l) {
    static const char *const looks[] = {"grant.use", "live.begin", "live.end", "admin.refused"};
    bool look = f->all, there = !f->camera;
    for (size_t i = 0; i < sizeof looks / sizeof *looks; i++) look |= strcmp(l->entry.kind, looks[i]) == 0;
    if (!look || l->entry.time.us < f->from.us || l->entry.time.us >= f->to.us) return false;
    AUTO(json_release) json_t *names = there ? NULL : camera_names(w, l->details);
    size_t i;
    json_t *name;
    json_array_foreach(names, i, name) there |= strcasecmp(json_string_value(name), f->camera) == 0;
    return there;
}

/* --- what is done again and again --- */

#define SUM_KEY_BYTES 160

struct summed {
    char key[SUM_KEY_BYTES];
    size_t n;
    struct wall_us time;
};

static int compare_summed(const void *x, const void *y) {
    const struct summed *a = x, *b = y;
    int order = strcmp(a->key, b->key);
    return order ? order : (a->n > b->n) - (a->n < b->n);
}

/* A member opens the app many times a day. The same day, act, grant and person; of links and of the desk each
 * is one of its own. */
static void sum_key(const struct log_look *l, char out[SUM_KEY_BYTES]) {
    char day[48], actor[2 * LOG_ACTOR_BYTES + 1] = "";
    bool member = strcmp(json_text(l->details, "purpose"), "member") == 0;
    bool again = strcmp(l->entry.kind, "grant.use") == 0 || strncmp(l->entry.kind, "live.", 5) == 0;
    cli_time_text(l->entry.time, day);
    if (l->entry.acted) hex_encode(BYTES_OF(l->entry.actor), actor);
    if (member && again)
        snprintf(out, SUM_KEY_BYTES, "%.10s %.32s %.32s %s", day, l->entry.kind,
                 json_text(l->details, "grant"), actor);
    else
        snprintf(out, SUM_KEY_BYTES, "%zu", l->n);
}

static void sum_up(const struct summed *all, size_t count, struct sum *sums) {
    for (size_t i = 0, first = 0; i < count; i++) {
        if (strcmp(all[i].key, all[first].key) != 0) first = i;
        struct sum *sum = &sums[all[first].n];
        sum->count++;
        sum->last = all[i].time;
    }
}

static err make_sums(struct shown *w, const struct wanted *f, struct diag *d) {
    size_t count = 0, most = w->r.seen.count;
    struct summed *all = calloc(most + 1, sizeof *all);
    w->sums = calloc(most + 1, sizeof *w->sums);
    err e = all && w->sums ? ERR_OK : diag_fail(d, ERR_NO_MEMORY, "no memory for the log's entries");
    for (size_t n = 0; !e && n < most; n++) {
        AUTO(log_look_clear) struct log_look l = {0};
        e = log_look_at(&w->s.client, &w->r.seen, n, &l, d);
        if (e || !is_wanted(w, f, &l)) continue;
        sum_key(&l, all[count].key);
        all[count].n = n;
        all[count++].time = l.entry.time;
    }
    if (!e) {
        qsort(all, count, sizeof *all, compare_summed);
        sum_up(all, count, w->sums);
    }
    free(all);
    return e;
}

static err show_entries(struct shown *w, const struct wanted *f, json_t *list, size_t *count,
                        struct diag *d) {
    for (size_t n = 0; n < w->r.seen.count; n++) {
        AUTO(log_look_clear) struct log_look l = {0};
        err e = log_look_at(&w->s.client, &w->r.seen, n, &l, d);
        if (e) return e;
        if (!is_wanted(w, f, &l)) continue;
        (*count)++;
        if (w->sums && !w->sums[n].count) continue;
        if (list && json_array_append_new(list, look_json(w, &l))) return ERR_NO_MEMORY;
        if (!list) print_look(w, &l);
    }
    return ERR_OK;
}

static json_t *alarms_json(const struct shown *w) {
    json_t *list = json_array();
    for (size_t i = 0; i < w->alarm_count; i++) {
        const struct unusual_alarm *a = &w->alarms[i];
        char time[WALL_TEXT_BYTES];
        wall_format(a->time, time);
        json_array_append_new(list, json_pack("{s:i,s:s,s:s,s:s,s:o,s:I}", "rule", (int)a->rule, "name",
                                              unusual_name(a->rule), "text", unusual_text(a->rule), "time",
                                              time, "actor", json_hex(BYTES_OF(a->actor)), "value",
                                              (json_int_t)a->value));
    }
    return list;
}

static void print_alarms(const struct shown *w) {
    for (size_t i = 0; i < w->alarm_count; i++) {
        const struct unusual_alarm *a = &w->alarms[i];
        char time[48], who[WHO_BYTES];
        cli_time_text(a->time, time);
        agent_text(w, a->actor, who);
        printf("UNUSUAL (rule %d, %s): %s, %s %s (%llu)\n", (int)a->rule, unusual_name(a->rule), time, who,
               unusual_text(a->rule), (unsigned long long)a->value);
    }
}

static json_t *proof_json(const struct shown *w) {
    const struct log_checked *r = &w->r;
    return json_pack("{s:b,s:s,s:I,s:o,s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:s*}", "proven", 1, "origin",
                     r->checkpoint.origin, "size", (json_int_t)r->checkpoint.size, "root",
                     json_base64(BYTES_OF(r->checkpoint.root)), "log", json_base64(BYTES_OF(r->pins.log)),
                     "entries", (json_int_t)r->seen.count, "new", (json_int_t)r->fresh, "hubs_asked",
                     (json_int_t)r->hubs_asked, "hubs_agreed", (json_int_t)r->hubs_agreed, "witnessed",
                     (json_int_t)r->witnessed, "cosigned", (json_int_t)r->cosigned, "hub_problem",
                     r->hub_problem[0] ? r->hub_problem : NULL);
}

int run_log_show(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(shown_clear) struct shown w = {0};
    AUTO(json_release) json_t *list = cli->json ? json_array() : NULL;
    size_t count = 0;
    struct wanted f = {.camera = args_value(args, "camera"), .all = args_has(args, "all")};
    if (cli_range(args, (struct wall_us){0}, (struct wall_us){INT64_MAX}, &f.from, &f.to, &d))
        return cli_usage("log", &d);
    int status = prove(cli, f.camera, NULL, &w);
    if (status) return status;
    err e = read_agents(&w, &d);
    if (!e && !list && !args_has(args, "each")) e = make_sums(&w, &f, &d);
    if (!e) e = show_entries(&w, &f, list, &count, &d);
    if (e) return cli_fail(&d);
    if (cli->json) {
        AUTO(json_release) json_t *o = proof_json(&w);
        if (o) json_object_set(o, "list", list);
        if (o) json_object_set_new(o, "alarms", alarms_json(&w));
        return cli_print_json(o);
    }
    if (!count)
        printf("nobody but the owners has looked%s; --all shows what was given and ended too\n",
               w.r.seen.count ? " in what you asked for" : "");
    print_alarms(&w);
    printf("proven: %zu %s of yours, none missing, in a log of %llu\n", w.r.seen.count,
           w.r.seen.count == 1 ? "entry" : "entries", (unsigned long long)w.r.checkpoint.size);
    return STATUS_DONE;
}

static void print_hubs(const struct shown *w) {
    const struct log_checked *r = &w->r;
    if (r->hubs_agreed)
        printf("your hub has witnessed %llu of its entries, and this log continues them\n",
               (unsigned long long)r->witnessed);
    else if (w->s.client.hub_count == 0)
        puts("no hub is paired: nobody but this device has seen what the log was before");
    else
        printf("no hub of yours could say what it has witnessed: %s\n", r->hub_problem);
    if (r->hub_evidence)
        printf("WARNING: your hub keeps %llu pairs of states that contradict each other: look in its folder, "
               "evidence/\n",
               (unsigned long long)r->hub_evidence);
}

static void print_read(const struct log_checked *r) {
    unsigned long long from = r->seen.from, size = r->checkpoint.size, now = r->read;
    if (from)
        printf("looked through from entry %llu on, %llu of them now: nothing of yours is kept back there; "
               "--all reads the rest too\n",
               from, now);
    else
        printf("looked through all of it, %llu of its %llu entries now: nothing of yours is kept back, no "
               "number stands twice, and time does not go back\n",
               now, size);
}

int run_log_verify(struct cli *cli, const struct args *args) {
    AUTO(shown_clear) struct shown w = {0};
    int status = prove(cli, NULL, args, &w);
    if (status) return status;
    const struct log_checked *r = &w.r;
    struct diag d = {{0}};
    if (read_agents(&w, &d)) return cli_fail(&d);
    if (cli->json) {
        AUTO(json_release) json_t *o = proof_json(&w);
        if (o) json_object_set_new(o, "alarms", alarms_json(&w));
        if (o) json_object_set_new(o, "hub_evidence", json_integer((json_int_t)r->hub_evidence));
        if (o) json_object_set_new(o, "from", json_integer((json_int_t)r->seen.from));
        if (o) json_object_set_new(o, "read", json_integer((json_int_t)r->read));
        return cli_print_json(o);
    }
    printf("whole: %s has %llu entries and continues what this device saw%s\n", r->checkpoint.origin,
           (unsigned long long)r->checkpoint.size, r->first ? " (its key was pinned just now)" : "");
    printf("yours: %zu entries, numbered without a gap, each in the log, %zu of them new; every grant and "
           "its end is "
           "there\n",
           r->seen.count, r->fresh);
    print_read(r);
    print_hubs(&w);
    print_alarms(&w);
    return STATUS_DONE;
}

/* --- accepting --- */

static void print_state(const char *who, const struct checkpoint *c) {
    char root[2 * HASH_BYTES + 1];
    hex_encode(BYTES_OF(c->root), root);
    printf("%s  %llu entries, root %s\n", who, (unsigned long long)c->size, root);
}

/* Both states side by side, and what would be gone. */
static void print_both(const struct log_checked *r, const char *why) {
    size_t gone = 0;
    for (size_t n = 0; n < r->seen.count; n++) gone += log_seen_at(&r->seen, n).index >= r->checkpoint.size;
    printf("%s\n\n", why);
    print_state("this device has seen:", &r->seen.checkpoint);
    print_state("the vault shows now: ", &r->checkpoint);
    if (r->failure == LOG_FAILURE_SHRANK)
        printf("\nentries of yours that this device has proven and the vault has no longer: %zu\n", gone);
    printf("\nThat is so after a backup was put back. If nobody did that, somebody changed the log, and what "
           "they "
           "did\nsince is hidden: accept nothing, and keep %s.\n\n",
           r->evidence);
}

int run_log_accept(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(shown_clear) struct shown w = {0};
    err e = sign_in(cli, NULL, &w, &d);
    if (!e) e = check(cli, NULL, &w, &d);
    if (!e) {
        puts("there is nothing to accept: the log is whole");
        return STATUS_DONE;
    }
    bool memory = w.r.failure == LOG_FAILURE_SHRANK || w.r.failure == LOG_FAILURE_FORKED;
    if (e != ERR_FORGED || !w.r.failure) return cli_fail(&d);
    if (!memory) return fail_proof(cli, &w.r, &d);
    print_both(&w.r, d.text);
    if (!args_has(args, "yes") && !cli_confirm("Was a backup put back, and does this device go on from it?"))
        return cli_fail_text("nothing was accepted; --yes accepts without asking");
    if (log_accept(cli->data, &w.r, &d)) return cli_fail(&d);
    printf("accepted; what this device knew is kept in %s\n", w.r.evidence);
    log_checked_clear(&w.r);
    e = check(cli, NULL, &w, &d);
    if (e == ERR_FORGED && w.r.failure) return fail_proof(cli, &w.r, &d);
    if (e) return cli_fail(&d);
    printf("whole from there: %zu entries of yours, in a log of %llu\n", w.r.seen.count,
           (unsigned long long)w.r.checkpoint.size);
    return STATUS_DONE;
}
