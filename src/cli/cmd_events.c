/* cmd_events.c: events, events feedback: what was noticed, what alerted and why, what stayed quiet and why.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/events.h"
#include "cli/hub_ask.h"
#include "client/events.h"

const char events_help[] =
    "The last 24 hours unless --from says otherwise.\n"
    "  --label L          person, car, dog, … motion, ring; vehicle and pet stand for several\n"
    "  --zone Z           that were in it, or crossed it\n"
    "  --person P         of whom it was said that it was P; `unknown` for strangers\n"
    "  --alerts           that alerted somebody\n"
    "  --pictures FOLDER  writes each one's picture there: ID.jpg\n"
    "--json has all that is known of each: its way, zones, rules, and what would have let it pass.\n";

const struct option_spec events_options[] = {
    {"camera", 0, true, false}, {"label", 0, true, false},    {"zone", 0, true, false},
    {"person", 0, true, false}, {"alerts", 0, false, false},  {"from", 0, true, false},
    {"to", 0, true, false},     {"pictures", 0, true, false}, {0}};

struct events_output {
    struct session *session;
    const struct camera *camera;
    json_t *list;
    json_t *zones; /* names by id */
    const char *label, *zone, *person, *pictures;
    bool alerts;
};

/* ---- Which ---- */

static bool label_fits(const char *wanted, const char *label) {
    static const char *const groups[][6] = {{"vehicle", "car", "truck", "bus", "motorcycle"},
                                            {"pet", "dog", "cat"}};
    if (strcmp(wanted, label) == 0) return true;
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++)
        for (size_t i = 1; strcmp(wanted, groups[g][0]) == 0 && i < 6 && groups[g][i]; i++)
            if (strcmp(groups[g][i], label) == 0) return true;
    return false;
}

/* A word that no event can have finds nothing, which is no answer to a slip of the keys. */
static err check_label(const char *label, struct diag *d) {
    static const char *const words[] = {"person",  "car",     "truck", "bus",    "motorcycle",
                                        "bicycle", "dog",     "cat",   "bird",   "animal",
                                        "package", "vehicle", "pet",   "motion", "ring"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!label || strcmp(label, words[i]) == 0) return ERR_OK;
    return diag_fail(d, ERR_INVALID,
                     "--label: nothing is called '%.32s'; there are person, car, truck, bus, motorcycle, "
                     "bicycle, dog, cat, bird, animal, package, vehicle, pet, motion and ring",
                     label);
}

/* A zone that is gone may stand in old events by its id alone. */
static void warn_unknown(const char *zone, json_t *zones) {
    const char *id;
    json_t *name;
    if (!zone) return;
    json_object_foreach(zones, id, name) if (strcasecmp(json_string_value(name), zone) == 0 ||
                                             strcmp(id, zone) == 0) return;
    fprintf(stderr, "cardea: no zone is called '%.64s' now: see `cardea zone list`\n", zone);
}

static const char *zone_name(const struct events_output *o, const json_t *id) {
    const char *hex = json_string_value(id), *name = hex ? json_text(o->zones, hex) : "";
    return *name ? name : hex ? hex : "";
}

static bool touches(const struct events_output *o, const json_t *event, const char *field) {
    json_t *id;
    size_t i;
    json_array_foreach(json_object_get(event, field), i,
                       id) if (strcasecmp(zone_name(o, id), o->zone) == 0 ||
                               strcmp(json_string_value(id), o->zone) == 0) return true;
    return false;
}

static bool wanted(const struct events_output *o, const struct camera_event *event) {
    const json_t *face = json_object_get(event->json, "face");
    if (o->label && !label_fits(o->label, event->label)) return false;
    if (o->alerts && !json_object_get(event->json, "alert")) return false;
    if (o->zone && !touches(o, event->json, "zones") && !touches(o, event->json, "crossed")) return false;
    if (!o->person) return true;
    if (strcmp(o->person, "unknown") == 0) return json_is_true(json_object_get(face, "unknown"));
    return strcasecmp(json_text(face, "name"), o->person) == 0;
}

/* ---- Gathering ---- */

static json_t *time_json(struct wall_us t) {
    char text[WALL_TEXT_BYTES];
    wall_format(t, text);
    return json_string(text);
}

static json_t *zone_names(const struct events_output *o, const json_t *event) {
    json_t *names = json_array(), *id;
    size_t i;
    json_array_foreach(json_object_get(event, "zones"), i, id)
        json_array_append_new(names, json_string(zone_name(o, id)));
    json_array_foreach(json_object_get(event, "crossed"), i, id)
        json_array_append_new(names, json_string(zone_name(o, id)));
    return names;
}

/* One that cannot be had is said, and is no reason to leave the others out. */
static void save_picture(const struct events_output *o, const struct camera_event *event) {
    struct diag d = {{0}};
    char path[PATH_TEXT_BYTES], name[48];
    AUTO(blob_clear) struct blob jpeg = {0};
    const char *id = json_string_value(json_object_get(event->json, "picture"));
    if (!id) return;
    snprintf(name, sizeof name, "%s.jpg", event->id);
    err e = camera_event_picture(&o->session->client, o->camera, event->slot, id, &jpeg, &d);
    if (!e && path_join(path, o->pictures, name))
        e = diag_fail(&d, ERR_LIMIT, "the path of --pictures is too long");
    if (!e) e = file_replace(path, blob_bytes(&jpeg), 0600, &d);
    if (e) fprintf(stderr, "cardea: the picture of %s: %s\n", event->id, d.text[0] ? d.text : err_text(e));
}

static err show_event(void *context, const struct camera_event *event, struct diag *d) {
    struct events_output *o = context;
    if (!wanted(o, event)) return ERR_OK;
    if (o->pictures) save_picture(o, event);
    json_t *copy = json_copy(event->json);
    json_object_set_new(copy, "id", json_string(event->id));
    json_object_set_new(copy, "camera", json_string(o->camera->name));
    json_object_set_new(copy, "from", time_json((struct wall_us){event->begin_us}));
    json_object_set_new(copy, "to", time_json((struct wall_us){event->end_us}));
    json_object_set_new(copy, "zone_names", zone_names(o, event->json));
    return json_array_append_new(o->list, copy) ? diag_fail(d, ERR_NO_MEMORY, "out of memory") : ERR_OK;
}

static int by_begin(const void *a, const void *b) {
    json_int_t x = json_integer_value(json_object_get(*(json_t *const *)a, "begin"));
    json_int_t y = json_integer_value(json_object_get(*(json_t *const *)b, "begin"));
    return x < y ? -1 : x > y;
}

/* Of all cameras, by time. *out is returned. */
static err sort_events(json_t *list, json_t **out) {
    size_t n = json_array_size(list);
    json_t **items = calloc(n + 1, sizeof *items);
    json_t *sorted = json_array();
    for (size_t i = 0; items && i < n; i++) items[i] = json_array_get(list, i);
    if (items) qsort(items, n, sizeof *items, by_begin);
    for (size_t i = 0; items && i < n; i++) json_array_append(sorted, items[i]);
    bool whole = items && json_array_size(sorted) == n;
    free(items);
    *out = sorted;
    return whole ? ERR_OK : ERR_NO_MEMORY;
}

/* ---- Showing ---- */

static void print_why(const json_t *event) {
    const json_t *alert = json_object_get(event, "alert"), *quiet = json_object_get(event, "quiet"), *q;
    if (alert) printf("    alert: %s. %s\n", json_text(alert, "name"), json_text(alert, "text"));
    const char *last = ""; /* a rule may have several reasons: they share a line */
    size_t i;
    json_array_foreach((json_t *)quiet, i, q) {
        if (strcmp(json_text(q, "because"), "label") == 0) continue;
        if (strcmp(json_text(q, "rule"), last) == 0)
            printf(" %s", json_text(q, "text"));
        else
            printf("%s    quiet: %s. %s", *last ? "\n" : "", json_text(q, "name"), json_text(q, "text"));
        last = json_text(q, "rule");
    }
    if (*last) putchar('\n');
}

static void print_event(const json_t *event) {
    char from[48], length[32];
    json_int_t begin = json_integer_value(json_object_get(event, "begin"));
    json_int_t end = json_integer_value(json_object_get(event, "end"));
    const json_t *face = json_object_get(event, "face");
    json_t *name;
    size_t i;
    cli_time_text((struct wall_us){begin}, from);
    cli_span_text((end - begin + 999999) / 1000000, length);
    printf("%s  %8s  %-16s %-12s %3.0f %%", from, length, json_text(event, "camera"),
           json_text(event, "label"), json_number_value(json_object_get(event, "score")) * 100);
    if (*json_text(face, "name")) printf("  %s", json_text(face, "name"));
    if (json_is_true(json_object_get(face, "unknown"))) printf("  a stranger");
    json_array_foreach(json_object_get(event, "zone_names"), i, name)
        printf("%s%s", i ? ", " : "  in ", json_string_value(name));
    if (json_is_true(json_object_get(event, "open"))) printf("  (goes on)");
    if (json_is_true(json_object_get(event, "still"))) printf("  (stands still)");
    if (json_is_true(json_object_get(event, "gap"))) printf("  (nobody was looking for a part of it)");
    printf("  %.8s\n", json_text(event, "id"));
    print_why(event);
}

/* Names of zones are the hub's; without it their ids must do. */
static json_t *read_zone_names(struct session *s) {
    struct diag ignored = {{0}};
    AUTO(json_release) json_t *seeing = NULL;
    json_t *names = json_object(), *zones, *z;
    const char *camera;
    size_t i;
    if (s->client.grant || hub_ask_seeing(s, &seeing, &ignored)) return names; /* zones are the owners' */
    json_object_foreach(json_object_get(seeing, "zones"), camera, zones) json_array_foreach(zones, i, z)
        json_object_set(names, json_text(z, "id"), json_object_get(z, "name"));
    return names;
}

static err gather(struct events_output *o, const struct camera *only, struct wall_us from, struct wall_us to,
                  struct diag *d) {
    struct session *s = o->session;
    size_t unreadable = 0;
    for (size_t i = 0; i < s->cameras.count; i++) {
        struct camera *cam = &s->cameras.cameras[i];
        if (cam->is_sub || (only && cam != only)) continue;
        o->camera = cam;
        err e = camera_load_keys(&s->client, cam, d);
        if (!e) e = camera_events(&s->client, cam, from, to, show_event, o, &unreadable, d);
        if (e) return e;
    }
    if (unreadable) fprintf(stderr, "cardea: %zu events cannot be opened: deleted, or damaged\n", unreadable);
    return ERR_OK;
}

int run_events(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    struct wall_us from, to, now = wall_now();
    AUTO(session_close) struct session s = {0};
    struct camera *only = NULL;
    if (cli_range(args, (struct wall_us){now.us - 86400 * INT64_C(1000000)},
                  (struct wall_us){now.us + 1000000}, &from, &to, &d))
        return cli_usage("events", &d);
    struct events_output o = {.session = &s,
                              .label = args_value(args, "label"),
                              .zone = args_value(args, "zone"),
                              .person = args_value(args, "person"),
                              .pictures = args_value(args, "pictures"),
                              .alerts = args_has(args, "alerts")};
    if (check_label(o.label, &d)) return cli_usage("events", &d);
    if (o.pictures && folder_make(o.pictures, &d)) return cli_fail(&d);
    if (session_view(cli, args_value(args, "camera"), &s, &only, &d) ||
        session_cut_range(&s.client, &from, &to, &d))
        return cli_fail(&d);
    AUTO(json_release) json_t *list = json_array();
    AUTO(json_release) json_t *zones = read_zone_names(&s);
    AUTO(json_release) json_t *sorted = NULL;
    warn_unknown(o.zone, zones);
    o.list = list;
    o.zones = zones;
    if (gather(&o, only, from, to, &d)) return cli_fail(&d);
    if (sort_events(list, &sorted)) return cli_fail_text("out of memory");
    if (cli->json) return cli_print_json(sorted);
    json_t *event;
    size_t i;
    json_array_foreach(sorted, i, event) print_event(event);
    if (json_array_size(sorted) == 0) puts("nothing was noticed in that time");
    return STATUS_DONE;
}

/* ---- events feedback ---- */

#define FEEDBACK_BACK_S (7 * 86400)

struct lookup {
    const char *id;
    const struct camera *camera;
    size_t found;
    char event[33], camera_hex[33];
};

static err look_at(void *context, const struct camera_event *event, struct diag *d) {
    struct lookup *l = context;
    (void)d;
    if (strncmp(event->id, l->id, strlen(l->id)) != 0) return ERR_OK;
    l->found++;
    snprintf(l->event, sizeof l->event, "%s", event->id);
    snprintf(l->camera_hex, sizeof l->camera_hex, "%s", l->camera->hex);
    return ERR_OK;
}

/* The one event of the last week whose id begins so. */
static err find_event(struct session *s, struct lookup *l, struct diag *d) {
    struct wall_us now = wall_now();
    size_t unreadable = 0;
    for (size_t i = 0; i < s->cameras.count; i++) {
        struct camera *cam = &s->cameras.cameras[i];
        if (cam->is_sub) continue;
        l->camera = cam;
        err e = camera_load_keys(&s->client, cam, d);
        if (!e)
            e = camera_events(&s->client, cam, (struct wall_us){now.us - FEEDBACK_BACK_S * INT64_C(1000000)},
                              (struct wall_us){now.us + 1000000}, look_at, l, &unreadable, d);
        if (e) return e;
    }
    if (l->found == 1) return ERR_OK;
    if (l->found)
        return diag_fail(d, ERR_NOT_FOUND, "%zu events begin with %.32s: write more of it", l->found, l->id);
    return diag_fail(
        d, ERR_NOT_FOUND,
        "no event of the last week begins with %.32s: `cardea events` ends each line with its event", l->id);
}

int run_feedback(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    const char *verdict = args->positional[1];
    struct lookup l = {.id = args->positional[0]};
    bool interesting = strcmp(verdict, "interesting") == 0;
    if (!interesting && strcmp(verdict, "not-interesting") != 0)
        (void)diag_fail(&d, ERR_INVALID, "an event is interesting or not-interesting");
    if (strlen(l.id) < 4 || strspn(l.id, "0123456789abcdef") != strlen(l.id))
        (void)diag_fail(&d, ERR_INVALID,
                        "EVENT is at least 4 letters of what ends its line in `cardea events`");
    if (d.text[0]) return cli_usage("events feedback", &d);
    AUTO(session_close) struct session s = {0};
    AUTO(json_release) json_t *result = NULL;
    if (session_camera(cli, NULL, &s, NULL, &d) || find_event(&s, &l, &d) ||
        hub_ask(&s, "event.feedback",
                json_pack("{s:s,s:s,s:s}", "camera", l.camera_hex, "event", l.event, "verdict",
                          interesting ? "interesting" : "not_interesting"),
                &result, &d))
        return cli_fail(&d);
    if (cli->json) return cli_print_json(result);
    puts(interesting ? "what looks like it there alerts again"
                     : "what looks like it there stays quiet from now on; the event is kept");
    return STATUS_DONE;
}
