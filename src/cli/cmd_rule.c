/* cmd_rule.c: rule list, add, set, remove: what is worth an alert. */
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/hub_ask.h"

/* ---- From options to a rule ---- */

struct rule_scope {
    struct session *s;
    json_t *seeing;
};

/* Ids of what the repeated option names; "any" alone is an empty list. */
typedef err find_fn(struct rule_scope *scope, const char *name, json_t *list, struct diag *d);

static err find_camera(struct rule_scope *scope, const char *name, json_t *list, struct diag *d) {
    struct camera *cam = NULL;
    err e = camera_find(&scope->s->cameras, name, &cam, d);
    if (!e) json_array_append_new(list, json_string(cam->hex));
    return e;
}

static err find_zone(struct rule_scope *scope, const char *name, json_t *list, struct diag *d) {
    const char *camera;
    json_t *zones;
    size_t before = json_array_size(list);
    json_object_foreach(json_object_get(scope->seeing, "zones"), camera, zones) {
        const json_t *z = json_named(zones, name);
        if (z) json_array_append_new(list, json_string(json_text(z, "id")));
    }
    if (json_array_size(list) > before) return ERR_OK;
    return diag_fail(d, ERR_NOT_FOUND, "there is no zone '%.64s': see `cardea zone list`", name);
}

static err find_channel(struct rule_scope *scope, const char *name, json_t *list, struct diag *d) {
    const json_t *c = json_named(json_object_get(scope->seeing, "channels"), name);
    if (!c) return diag_fail(d, ERR_NOT_FOUND, "there is no channel '%.64s': see `cardea notify list`", name);
    json_array_append_new(list, json_string(json_text(c, "id")));
    return ERR_OK;
}

static err find_label(struct rule_scope *scope, const char *name, json_t *list, struct diag *d) {
    json_array_append_new(list, json_string(name)); /* the hub knows which there are */
    return ERR_OK;
}

static err take_list(struct rule_scope *scope, const struct args *args, const char *option, const char *field,
                     find_fn *find, json_t *rule, struct diag *d) {
    json_t *list = json_array();
    err e = ERR_OK;
    for (size_t i = 0; i < args->given_count && !e; i++) {
        const char *value = args->given[i].value;
        if (strcmp(args->given[i].name, option) != 0 || strcmp(value, "any") == 0) continue;
        e = find(scope, value, list, d);
    }
    if (!e && args_has(args, option))
        json_object_set_new(rule, field, list);
    else
        json_decref(list);
    return e;
}

static err take_who(struct rule_scope *scope, const struct args *args, json_t *rule, struct diag *d) {
    static const char *const words[] = {"anyone", "unknown", "known"};
    json_t *people = json_object_get(json_object_get(scope->seeing, "faces"), "people"), *list = NULL;
    for (size_t i = 0; i < args->given_count; i++) {
        const char *value = args->given[i].value;
        if (strcmp(args->given[i].name, "who") != 0) continue;
        for (size_t w = 0; w < 3; w++)
            if (strcmp(value, words[w]) == 0) {
                json_decref(list);
                json_object_set_new(rule, "who", json_string(value));
                return ERR_OK;
            }
        const json_t *person = json_named(people, value);
        if (!person) {
            json_decref(list);
            return diag_fail(d, ERR_NOT_FOUND,
                             "--who is anyone, unknown, known, or somebody of `cardea face list`");
        }
        if (!list) list = json_array();
        json_array_append_new(list, json_string(json_text(person, "id")));
    }
    if (list) json_object_set_new(rule, "who", list);
    return ERR_OK;
}

/* "22:00-06:00", on --days "1-5" or "6,7" (1 is Monday); "always" takes the schedule away. */
static err take_schedule(const struct args *args, json_t *rule, struct diag *d) {
    const char *at = args_value(args, "at"), *days = args_value(args, "days");
    bool set[8] = {false};
    char from[6], to[6];
    int last = 0, used = 0;
    if (!at && !days) return ERR_OK;
    if (at && strcmp(at, "always") == 0)
        return json_object_set_new(rule, "schedule", json_array()) ? ERR_NO_MEMORY : ERR_OK;
    if (sscanf(at ? at : "00:00-24:00", "%5[0-9:]-%5[0-9:]%n", from, to, &used) != 2 || (at && at[used]))
        return diag_fail(d, ERR_INVALID, "--at is like 22:00-06:00, or always");
    for (const char *c = days ? days : "1-7"; *c; c++) {
        int day = *c - '0';
        if (*c == ',' || *c == '-') continue;
        if (day < 1 || day > 7) return diag_fail(d, ERR_INVALID, "--days is like 1-5 or 6,7; 1 is Monday");
        bool range = c != days && c[-1] == '-' && last;
        for (int i = range ? last : day; i <= day; i++) set[i] = true;
        last = day;
    }
    json_t *list = json_array();
    for (int i = 1; i <= 7; i++)
        if (set[i]) json_array_append_new(list, json_integer(i));
    json_object_set_new(rule, "schedule", json_pack("[{s:o,s:s,s:s}]", "days", list, "from", from, "to", to));
    return ERR_OK;
}

static err take_seconds(const struct args *args, const char *option, const char *field, json_t *rule,
                        struct diag *d) {
    const char *text = args_value(args, option);
    int64_t seconds = 0;
    if (!text) return ERR_OK;
    if (strcmp(text, "0") != 0 && duration_parse(text, &seconds, d)) {
        diag_prefix(d, "--%s", option);
        return ERR_INVALID;
    }
    json_object_set_new(rule, field, json_integer(seconds));
    return ERR_OK;
}

static err read_rule(struct rule_scope *scope, const struct args *args, json_t *rule, struct diag *d) {
    err e = take_list(scope, args, "label", "labels", find_label, rule, d);
    if (!e) e = take_list(scope, args, "camera", "cameras", find_camera, rule, d);
    if (!e) e = take_list(scope, args, "zone", "zones", find_zone, rule, d);
    if (!e) e = take_list(scope, args, "channel", "channels", find_channel, rule, d);
    if (!e) e = take_who(scope, args, rule, d);
    if (!e) e = take_schedule(args, rule, d);
    if (!e) e = take_seconds(args, "dwell", "dwell_s", rule, d);
    if (!e) e = take_seconds(args, "cooldown", "cooldown_s", rule, d);
    const char *presence = args_value(args, "presence");
    if (!e && presence) json_object_set_new(rule, "presence", json_string(presence));
    if (!e && (args_has(args, "on") || args_has(args, "off")))
        json_object_set_new(rule, "on", json_boolean(args_has(args, "on")));
    return e;
}

/* ---- The commands ---- */

static void print_list(const char *before, const json_t *list, const char *otherwise) {
    json_t *one;
    size_t i;
    printf("%s", before);
    if (json_array_size(list) == 0) printf("%s", otherwise);
    json_array_foreach((json_t *)list, i, one) printf("%s%s", i ? ", " : "", json_string_value(one));
}

/* Names of what a rule has by id: of the cameras, zones, channels, people of this household. */
static void print_named(const char *before, const json_t *ids, const json_t *all) {
    const json_t *id, *one;
    size_t i, k;
    json_array_foreach((json_t *)ids, i, id) {
        const char *hex = json_string_value(id), *name = "(gone)";
        json_array_foreach((json_t *)all, k, one) if (hex && strcmp(json_text(one, "id"), hex) == 0) name =
            json_text(one, "name");
        printf("%s%s", i ? ", " : before, name);
    }
}

/* "1-5", "6,7" */
static void print_days(const json_t *days) {
    bool set[9] = {false}, first = true;
    const json_t *day;
    size_t i;
    json_array_foreach((json_t *)days, i, day) {
        json_int_t n = json_integer_value(day);
        if (n >= 1 && n <= 7) set[n] = true;
    }
    if (json_array_size(days) >= 7) return;
    printf(" on days ");
    for (int from = 1; from <= 7; from++) {
        int to = from;
        if (!set[from]) continue;
        while (set[to + 1]) to++;
        printf(to > from ? "%s%d-%d" : "%s%d", first ? "" : ",", from, to);
        first = false;
        from = to;
    }
}

struct rule_names {
    json_t *cameras, *zones; /* owned */
    const json_t *channels, *people;
};

static void print_rule(const json_t *r, const struct rule_names *n) {
    json_int_t dwell = json_integer_value(json_object_get(r, "dwell_s"));
    json_int_t cooldown = json_integer_value(json_object_get(r, "cooldown_s"));
    const json_t *schedule = json_array_get(json_object_get(r, "schedule"), 0);
    char span[32];
    printf("%s  %-24s %-3s", json_text(r, "id"), json_text(r, "name"),
           json_is_true(json_object_get(r, "on")) ? "on" : "off");
    print_list(" ", json_object_get(r, "labels"), "");
    if (json_is_string(json_object_get(r, "who")))
        printf("; %s", json_text(r, "who"));
    else
        print_named("; ", json_object_get(r, "who"), n->people);
    print_named("; by ", json_object_get(r, "cameras"), n->cameras);
    print_named("; in ", json_object_get(r, "zones"), n->zones);
    if (schedule) {
        printf("; %s to %s", json_text(schedule, "from"), json_text(schedule, "to"));
        print_days(json_object_get(schedule, "days"));
    }
    if (strcmp(json_text(r, "presence"), "any") != 0) printf("; while %s", json_text(r, "presence"));
    cli_span_text(dwell, span);
    if (dwell) printf("; after %s", span);
    cli_span_text(cooldown, span);
    if (cooldown) printf("; once in %s", span);
    print_named("; told to ", json_object_get(r, "channels"), n->channels);
    putchar('\n');
}

static void rule_names_fill(struct rule_names *n, const struct session *s, const json_t *seeing) {
    const char *camera;
    json_t *zones;
    n->cameras = json_array();
    n->zones = json_array();
    n->channels = json_object_get(seeing, "channels");
    n->people = json_object_get(json_object_get(seeing, "faces"), "people");
    for (size_t i = 0; i < s->cameras.count; i++)
        json_array_append_new(n->cameras, json_pack("{s:s,s:s}", "id", s->cameras.cameras[i].hex, "name",
                                                    s->cameras.cameras[i].name));
    json_object_foreach(json_object_get(seeing, "zones"), camera, zones) json_array_extend(n->zones, zones);
}

static int run_list(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(session_close) struct session s = {0};
    AUTO(json_release) json_t *seeing = NULL;
    if (session_camera(cli, NULL, &s, NULL, &d) || hub_ask_seeing(&s, &seeing, &d)) return cli_fail(&d);
    json_t *rules = json_object_get(seeing, "rules"), *r;
    if (cli->json) return cli_print_json(rules);
    struct rule_names names;
    rule_names_fill(&names, &s, seeing);
    size_t i;
    json_array_foreach(rules, i, r) print_rule(r, &names);
    if (json_array_size(rules) == 0) puts("no rules, so nothing alerts; add one with `cardea rule add`");
    json_decref(names.cameras);
    json_decref(names.zones);
    return STATUS_DONE;
}

static err open_scope(struct cli *cli, struct session *s, struct rule_scope *scope, struct diag *d) {
    struct camera *none = NULL;
    scope->s = s;
    err e = session_camera(cli, NULL, s, &none, d);
    return e ? e : hub_ask_seeing(s, &scope->seeing, d);
}

static int run_add(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(session_close) struct session s = {0};
    struct rule_scope scope = {0};
    AUTO(json_release) json_t *result = NULL;
    if (!args_has(args, "label")) {
        (void)diag_fail(&d, ERR_INVALID, "--label is needed: what is it for?");
        return cli_usage("rule add", &d);
    }
    json_t *rule = json_pack("{s:s}", "name", args->positional[0]);
    if (!rule) return cli_fail_text("the name is not UTF-8 text");
    err e = open_scope(cli, &s, &scope, &d);
    if (!e) e = read_rule(&scope, args, rule, &d);
    if (!e)
        e = hub_ask(&s, "rule.add", rule, &result, &d);
    else
        json_decref(rule);
    json_decref(scope.seeing);
    if (e) return cli_fail(&d);
    if (cli->json) return cli_print_json(result);
    printf("%s is a rule\n", args->positional[0]);
    return STATUS_DONE;
}

static err find_rule(const struct rule_scope *scope, const char *name, const char **id, struct diag *d) {
    const json_t *r = json_named(json_object_get(scope->seeing, "rules"), name);
    if (!r) return diag_fail(d, ERR_NOT_FOUND, "there is no rule '%.64s': see `cardea rule list`", name);
    *id = json_text(r, "id");
    return ERR_OK;
}

static int change(struct cli *cli, const struct args *args, const char *verb) {
    struct diag d = {{0}};
    AUTO(session_close) struct session s = {0};
    struct rule_scope scope = {0};
    const char *id = NULL, *name = args_value(args, "name");
    json_t *rule = json_object();
    err e = open_scope(cli, &s, &scope, &d);
    if (!e) e = find_rule(&scope, args->positional[0], &id, &d);
    if (!e) e = read_rule(&scope, args, rule, &d);
    if (!e) json_object_set_new(rule, "id", json_string(id));
    if (!e && name) json_object_set_new(rule, "name", json_string(name));
    if (!e)
        e = hub_ask(&s, verb, rule, NULL, &d);
    else
        json_decref(rule);
    json_decref(scope.seeing);
    return e ? cli_fail(&d) : STATUS_DONE;
}

static int run_set(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    static const char *const what[] = {"label",    "camera", "zone",     "channel", "who", "at",  "days",
                                       "presence", "dwell",  "cooldown", "on",      "off", "name"};
    size_t given = 0;
    for (size_t i = 0; i < sizeof what / sizeof *what; i++) given += args_has(args, what[i]);
    if (given == 0) (void)diag_fail(&d, ERR_INVALID, "nothing is to be changed");
    if (args_has(args, "on") && args_has(args, "off"))
        (void)diag_fail(&d, ERR_INVALID, "--on and --off exclude each other");
    if (d.text[0]) return cli_usage("rule set", &d);
    int status = change(cli, args, "rule.set");
    if (status == STATUS_DONE) puts("changed");
    return status;
}

static int run_remove(struct cli *cli, const struct args *args) {
    int status = change(cli, args, "rule.remove");
    if (status == STATUS_DONE) puts("removed");
    return status;
}

#define RULE_OPTIONS                                                                                         \
    {"label", 0, true, true}, {"camera", 0, true, true}, {"zone", 0, true, true},                            \
        {"channel", 0, true, true}, {"who", 0, true, true}, {"at", 0, true, false},                          \
        {"days", 0, true, false}, {"presence", 0, true, false}, {"dwell", 0, true, false},                   \
        {"cooldown", 0, true, false}, {"on", 0, false, false}, {                                             \
        "off", 0, false, false                                                                               \
    }

static const struct option_spec add_options[] = {RULE_OPTIONS, {0}};
static const struct option_spec set_options[] = {RULE_OPTIONS, {"name", 0, true, false}, {0}};

const struct command commands_rule[] = {
    {.name = "rule list", .summary = "What is worth an alert", .usage = "[--json]", .run = run_list},
    {.name = "rule add",
     .summary = "Alert when this is seen",
     .usage = "NAME --label LABEL... [--camera C]... [--zone Z]... [--who WHO]... [--at 22:00-06:00] [--days "
              "1-5] …",
     .help = "  --label LABEL       person, car, truck, bus, motorcycle, bicycle, dog, cat, bird, animal, "
             "package; vehicle\n"
             "                      and pet stand for several; ring is a doorbell's button\n"
             "  --camera, --zone    there alone; anywhere without\n"
             "  --who WHO           unknown, known, or somebody of `cardea face list`; anyone without\n"
             "  --at, --days        then alone; 1 is Monday\n"
             "  --presence P        home or away: while somebody is at home, or nobody\n"
             "  --dwell DURATION    only after it has stayed so long\n"
             "  --cooldown DURATION once in so long; 1m without\n"
             "  --channel CHANNEL   tell these alone; all without\n"
             "An object alerts once for a rule. What a rule stays quiet about says why: `cardea events`.\n"
             "  cardea rule add 'Stranger at night' --label person --who unknown --at 22:00-06:00\n",
     .options = add_options,
     .least = 1,
     .most = 1,
     .run = run_add},
    {.name = "rule set",
     .summary = "Change a rule",
     .usage = "NAME [--on|--off] [--name NEW] [options of rule add]",
     .help = "What is not named stays. `any` empties --camera, --zone or --channel, `--at always` the "
             "schedule.\n",
     .options = set_options,
     .least = 1,
     .most = 1,
     .run = run_set},
    {.name = "rule remove",
     .summary = "Remove a rule",
     .usage = "NAME",
     .least = 1,
     .most = 1,
     .run = run_remove},
    {0},
};
