/* cmd_see.c: see, zone …, mask …, face …: what is looked for, and where. (rule … is in cmd_rule.c.) */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/hub_ask.h"

#define PICTURE_MAX_BYTES (24u << 10)
#define PERCENT 100 /* of a hundredth of the picture: its places are ten-thousandths */

/* ---- see ---- */

static void print_model(const json_t *seeing) {
    const json_t *model = json_object_get(seeing, "model"), *vision = json_object_get(seeing, "vision");
    const char *message = json_text(model, "message");
    if (!*message) message = json_text(vision, "message");
    printf("looking: %s", json_is_true(json_object_get(seeing, "on")) ? "on" : "off");
    printf(", %s (%s)%s%s\n", json_text(model, "name"), json_text(model, "state"), *message ? ": " : "",
           message);
}

static void print_seeing(const json_t *seeing) {
    const json_t *presence = json_object_get(seeing, "presence"), *faces = json_object_get(seeing, "faces");
    json_int_t muted = json_integer_value(json_object_get(seeing, "muted_until"));
    char until[48];
    print_model(seeing);
    printf("at home: %s%s%s%s\n", strcmp(json_text(presence, "now"), "home") == 0 ? "somebody" : "nobody",
           *json_text(presence, "by") ? " (says " : "", json_text(presence, "by"),
           *json_text(presence, "by") ? ")" : "");
    if (muted > wall_now().us) {
        cli_time_text((struct wall_us){muted}, until);
        printf("alerts are muted until %s\n", until);
    }
    printf("rules: %zu; familiar faces: %s\n", json_array_size(json_object_get(seeing, "rules")),
           json_is_true(json_object_get(faces, "on")) ? "on" : "off");
}

/* What `word` changes; NULL: the word is not known, or d says what is wrong with its duration. */
static json_t *see_change(const char *word, const char *duration, struct diag *d) {
    int64_t seconds = 0;
    if (strcmp(word, "on") == 0 || strcmp(word, "off") == 0) return json_pack("{s:b}", "on", word[1] == 'n');
    if (strcmp(word, "home") == 0 || strcmp(word, "away") == 0) return json_pack("{s:s}", "presence", word);
    if (strcmp(word, "unmute") == 0) return json_pack("{s:i}", "muted_until", 0);
    if (strcmp(word, "mute") != 0 || !duration || duration_parse(duration, &seconds, d)) {
        if (!d->text[0]) (void)diag_fail(d, ERR_INVALID, "on, off, home, away, mute DURATION or unmute");
        return NULL;
    }
    return json_pack("{s:I}", "muted_until", (json_int_t)(wall_now().us + seconds * 1000000));
}

static int run_see(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    json_t *change = NULL;
    if (args->count)
        change = see_change(args->positional[0], args->count > 1 ? args->positional[1] : NULL, &d);
    if (change && args->count > 1 && strcmp(args->positional[0], "mute") != 0) {
        json_decref(change);
        change = NULL;
        (void)diag_fail(&d, ERR_INVALID, "nothing follows %s", args->positional[0]);
    }
    if (args->count && !change) return cli_usage("see", &d);
    AUTO(session_close) struct session s = {0};
    AUTO(json_release) json_t *seeing = NULL;
    err e = session_open(cli, &s, &d);
    if (e) json_decref(change);
    if (!e && change) e = hub_ask(&s, "see.set", change, NULL, &d);
    if (!e) e = hub_ask_seeing(&s, &seeing, &d);
    if (e) return cli_fail(&d);
    if (cli->json) return cli_print_json(seeing);
    print_seeing(seeing);
    return STATUS_DONE;
}

static int run_see_why(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(session_close) struct session s = {0};
    struct camera *cam = NULL;
    AUTO(json_release) json_t *debug = NULL;
    if (session_camera(cli, args->positional[0], &s, &cam, &d) ||
        hub_ask(&s, "see.debug", json_pack("{s:s}", "camera", cam->hex), &debug, &d))
        return cli_fail(&d);
    if (cli->json) return cli_print_json(debug);
    json_t *one;
    size_t i;
    printf("%zu frames in the last minute\n", json_array_size(json_object_get(debug, "frames")));
    json_array_foreach(json_object_get(debug, "why"), i, one)
        printf("%-12s %-24s %s\n", json_text(one, "label"), json_text(one, "rule"), json_text(one, "text"));
    return STATUS_DONE;
}

/* ---- zone ---- */

/* "x,y x,y …" in per cent of the picture. */
static err read_points(const char *text, json_t **out, struct diag *d) {
    json_t *points = json_array();
    const char *at = text;
    while (*at) {
        char *end;
        double x = strtod(at, &end), y = -1;
        if (end != at && *end == ',') {
            at = end + 1;
            y = strtod(at, &end);
        }
        if (end == at || !(x >= 0 && x <= 100) || !(y >= 0 && y <= 100) || (*end && *end != ' ')) {
            json_decref(points);
            return diag_fail(d, ERR_INVALID,
                             "--points is like \"10,20 50,20 50,90\": per cent from the top left");
        }
        json_array_append_new(points, json_pack("[i,i]", (int)(x * PERCENT + 0.5), (int)(y * PERCENT + 0.5)));
        for (at = end; *at == ' ';) at++;
    }
    *out = points;
    return ERR_OK;
}

static json_t *zones_of(const json_t *seeing, const struct camera *cam) {
    return json_object_get(json_object_get(seeing, "zones"), cam->hex);
}

static void print_zone(const char *camera, const json_t *z) {
    json_t *point;
    size_t i;
    printf("%-16s %-20s %-8s", camera, json_text(z, "name"), json_text(z, "kind"));
    json_array_foreach(json_object_get(z, "points"), i, point)
        printf(" %g,%g", (double)json_integer_value(json_array_get(point, 0)) / PERCENT,
               (double)json_integer_value(json_array_get(point, 1)) / PERCENT);
    if (strcmp(json_text(z, "kind"), "line") == 0) printf("  %s", json_text(z, "direction"));
    putchar('\n');
}

/* What is drawn in cameras' pictures: each kind under a key of `see.get`, by camera. */
struct drawn {
    const char *key, *none;
    void (*print)(const char *camera, const json_t *one);
    json_t *(*listed)(const char *camera, json_t *one);
};

static int list_drawn(struct cli *cli, const struct args *args, const struct drawn *kind) {
    struct diag d = {{0}};
    AUTO(session_close) struct session s = {0};
    struct camera *only = NULL;
    AUTO(json_release) json_t *seeing = NULL;
    AUTO(json_release) json_t *list = json_array();
    if (session_camera(cli, args->count ? args->positional[0] : NULL, &s, &only, &d) ||
        hub_ask_seeing(&s, &seeing, &d))
        return cli_fail(&d);
    for (size_t i = 0; i < s.cameras.count; i++) {
        const struct camera *cam = &s.cameras.cameras[i];
        json_t *one;
        size_t k;
        if (only && only != cam) continue;
        json_array_foreach(json_object_get(json_object_get(seeing, kind->key), cam->hex), k, one) {
            if (!cli->json) kind->print(cam->name, one);
            json_array_append_new(list, kind->listed(cam->name, one));
        }
    }
    if (cli->json) return cli_print_json(list);
    if (json_array_size(list) == 0) puts(kind->none);
    return STATUS_DONE;
}

static json_t *zone_listed(const char *camera, json_t *zone) {
    json_t *copy = json_copy(zone);
    json_object_set_new(copy, "camera", json_string(camera));
    return copy;
}

static int run_zone_list(struct cli *cli, const struct args *args) {
    static const struct drawn zones = {"zones",
                                       "no zones: rules look at the whole picture (`cardea help zone add`)",
                                       print_zone, zone_listed};
    return list_drawn(cli, args, &zones);
}

static err set_zones(struct session *s, const struct camera *cam, json_t *zones, struct diag *d) {
    return hub_ask(s, "zone.set", json_pack("{s:s,s:O}", "camera", cam->hex, "zones", zones), NULL, d);
}

static int run_zone_add(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    const char *kind = args_value(args, "kind"), *direction = args_value(args, "direction");
    const char *text = args_value(args, "points");
    json_t *points = NULL;
    if (!text) (void)diag_fail(&d, ERR_INVALID, "--points is needed");
    if (!text || read_points(text, &points, &d)) return cli_usage("zone add", &d);
    size_t corners = json_array_size(points);
    bool line = kind && strcmp(kind, "line") == 0;
    if (line ? corners != 2 : corners < 3) {
        json_decref(points);
        (void)diag_fail(&d, ERR_INVALID, "%s, and --points has %zu",
                        line ? "a line has 2 points" : "an area has at least 3 points", corners);
        return cli_usage("zone add", &d);
    }
    AUTO(json_release)
    json_t *zone = json_pack("{s:s,s:s,s:o,s:s*}", "name", args->positional[1], "kind",
                             kind ? kind : "include", "points", points, "direction", direction);
    if (!zone) return cli_fail_text("the name is not UTF-8 text");
    AUTO(session_close) struct session s = {0};
    struct camera *cam = NULL;
    AUTO(json_release) json_t *seeing = NULL;
    if (session_camera(cli, args->positional[0], &s, &cam, &d) || hub_ask_seeing(&s, &seeing, &d))
        return cli_fail(&d);
    json_t *zones = zones_of(seeing, cam);
    AUTO(json_release) json_t *next = zones ? json_copy(zones) : json_array();
    json_array_append(next, zone);
    if (set_zones(&s, cam, next, &d)) return cli_fail(&d);
    printf("%s is a zone of %s\n", args->positional[1], cam->name);
    return STATUS_DONE;
}

static int run_zone_remove(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(session_close) struct session s = {0};
    struct camera *cam = NULL;
    AUTO(json_release) json_t *seeing = NULL;
    if (session_camera(cli, args->positional[0], &s, &cam, &d) || hub_ask_seeing(&s, &seeing, &d))
        return cli_fail(&d);
    json_t *zones = zones_of(seeing, cam), *gone = json_named(zones, args->positional[1]), *z;
    if (!gone)
        return cli_fail_text("%s has no zone '%.64s': see `cardea zone list`", cam->name,
                             args->positional[1]);
    AUTO(json_release) json_t *next = json_array();
    size_t i;
    json_array_foreach(zones, i, z) if (z != gone) json_array_append(next, z);
    if (set_zones(&s, cam, next, &d)) return cli_fail(&d);
    printf("removed\n");
    return STATUS_DONE;
}

/* ---- mask ---- */

static void print_mask(const char *camera, const json_t *mask) {
    json_t *point;
    size_t i;
    printf("%-16s", camera);
    json_array_foreach((json_t *)mask, i, point)
        printf(" %g,%g", (double)json_integer_value(json_array_get(point, 0)) / PERCENT,
               (double)json_integer_value(json_array_get(point, 1)) / PERCENT);
    putchar('\n');
}

static json_t *mask_listed(const char *camera, json_t *mask) {
    return json_pack("{s:s,s:O}", "camera", camera, "points", mask);
}

static int run_mask_list(struct cli *cli, const struct args *args) {
    static const struct drawn masks = {"masks", "no masks: the whole picture is recorded", print_mask,
                                       mask_listed};
    return list_drawn(cli, args, &masks);
}

static int set_masks(struct cli *cli, const char *camera, json_t *masks) {
    struct diag d = {{0}};
    AUTO(session_close) struct session s = {0};
    struct camera *cam = NULL;
    size_t count = json_array_size(masks);
    if (session_camera(cli, camera, &s, &cam, &d) ||
        hub_ask(&s, "mask.set", json_pack("{s:s,s:O}", "camera", cam->hex, "masks", masks), NULL, &d))
        return cli_fail(&d);
    if (count == 0)
        printf("%s has no masks: the whole picture is recorded from now on\n", cam->name);
    else
        printf("%s has %zu mask%s: what is behind is recorded nowhere from now on\n", cam->name, count,
               count > 1 ? "s" : "");
    return STATUS_DONE;
}

static int run_mask_set(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(json_release) json_t *masks = json_array();
    for (size_t i = 0; i < args->given_count; i++) {
        json_t *points = NULL;
        if (strcmp(args->given[i].name, "points") != 0) continue;
        if (read_points(args->given[i].value, &points, &d)) return cli_usage("mask set", &d);
        size_t corners = json_array_size(points);
        json_array_append_new(masks, points);
        if (corners >= 3) continue;
        (void)diag_fail(&d, ERR_INVALID, "a mask has at least 3 points, and --points has %zu", corners);
        return cli_usage("mask set", &d);
    }
    if (json_array_size(masks) == 0) {
        (void)diag_fail(&d, ERR_INVALID, "--points is needed; `cardea mask clear` takes the masks away");
        return cli_usage("mask set", &d);
    }
    return set_masks(cli, args->positional[0], masks);
}

static int run_mask_clear(struct cli *cli, const struct args *args) {
    AUTO(json_release) json_t *masks = json_array();
    return set_masks(cli, args->positional[0], masks);
}

/* ---- face ---- */

static int run_face_list(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(session_close) struct session s = {0};
    AUTO(json_release) json_t *seeing = NULL;
    if (session_open(cli, &s, &d) || hub_ask_seeing(&s, &seeing, &d)) return cli_fail(&d);
    json_t *faces = json_object_get(seeing, "faces"), *one;
    if (cli->json) return cli_print_json(faces);
    size_t i;
    printf("familiar faces: %s\n", json_is_true(json_object_get(faces, "on")) ? "on" : "off");
    if (*json_text(faces, "message")) puts(json_text(faces, "message"));
    json_array_foreach(json_object_get(faces, "people"), i, one)
        printf("%s  %-24s %lld picture%s; consent by %s%s\n", json_text(one, "id"), json_text(one, "name"),
               (long long)json_integer_value(json_object_get(one, "templates")),
               json_integer_value(json_object_get(one, "templates")) == 1 ? "" : "s",
               json_text(json_object_get(one, "consent"), "by"),
               json_is_true(json_object_get(one, "exclude")) ? "; never recognised" : "");
    return STATUS_DONE;
}

static err read_pictures(const struct args *args, json_t **out, struct diag *d) {
    json_t *list = json_array();
    err e = ERR_OK;
    for (size_t i = 1; i < args->count && !e; i++) {
        AUTO(blob_clear) struct blob jpeg = {0};
        e = file_read(args->positional[i], PICTURE_MAX_BYTES, &jpeg, d);
        if (e == ERR_LIMIT)
            e = diag_fail(
                d, e,
                "%s is larger than %u KiB: `ffmpeg -i %s -vf scale=320:-2 -q:v 10 face.jpg` makes a "
                "smaller one",
                args->positional[i], PICTURE_MAX_BYTES >> 10, args->positional[i]);
        if (!e) json_array_append_new(list, json_base64(blob_bytes(&jpeg)));
    }
    if (e) json_decref(list);
    if (!e) *out = list;
    return e;
}

static int run_face_add(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    const char *by = args_value(args, "consent"), *name = args->positional[0];
    json_t *pictures = NULL, *refused;
    if (!by) {
        (void)diag_fail(&d, ERR_INVALID, "--consent is needed: who has asked this person, and may say so");
        return cli_usage("face add", &d);
    }
    if (read_pictures(args, &pictures, &d)) return cli_fail(&d);
    json_t *ask = json_pack("{s:s,s:{s:s},s:o}", "name", name, "consent", "by", by, "pictures", pictures);
    if (!ask) return cli_fail_text("the name is not UTF-8 text");
    AUTO(session_close) struct session s = {0};
    AUTO(json_release) json_t *result = NULL;
    if (session_open(cli, &s, &d)) {
        json_decref(ask);
        return cli_fail(&d);
    }
    if (hub_ask(&s, "face.add", ask, &result, &d)) return cli_fail(&d);
    if (cli->json) return cli_print_json(result);
    size_t i;
    json_array_foreach(json_object_get(result, "refused"), i, refused)
        fprintf(stderr, "%s\n", json_string_value(refused));
    json_int_t templates = json_integer_value(json_object_get(result, "templates"));
    printf("%s is known by %lld picture%s\n", name, (long long)templates, templates == 1 ? "" : "s");
    return STATUS_DONE;
}

static err find_person(struct session *s, const char *name, char id[40], struct diag *d) {
    AUTO(json_release) json_t *seeing = NULL;
    err e = hub_ask_seeing(s, &seeing, d);
    if (e) return e;
    const json_t *one = json_named(json_object_get(json_object_get(seeing, "faces"), "people"), name);
    if (!one) return diag_fail(d, ERR_NOT_FOUND, "nobody is called '%.64s': see `cardea face list`", name);
    snprintf(id, 40, "%s", json_text(one, "id"));
    return ERR_OK;
}

static int run_face_remove(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    char id[40];
    AUTO(session_close) struct session s = {0};
    if (session_open(cli, &s, &d) || find_person(&s, args->positional[0], id, &d) ||
        hub_ask(&s, "face.remove", json_pack("{s:s}", "person", id), NULL, &d))
        return cli_fail(&d);
    printf("%s is forgotten: what could recognise the face is gone, and the key of every copy with it\n",
           args->positional[0]);
    return STATUS_DONE;
}

static int set_faces(struct cli *cli, bool on) {
    struct diag d = {{0}};
    AUTO(session_close) struct session s = {0};
    if (session_open(cli, &s, &d) ||
        hub_ask(&s, "see.set", json_pack(on ? "{s:b}" : "{s:b,s:b}", "faces", on, "suggest", 0), NULL, &d))
        return cli_fail(&d);
    printf("familiar faces are %s\n", on ? "on" : "off");
    AUTO(json_release) json_t *seeing = NULL;
    if (on && hub_ask_seeing(&s, &seeing, &d) == ERR_OK &&
        *json_text(json_object_get(seeing, "faces"), "message"))
        puts(json_text(json_object_get(seeing, "faces"), "message"));
    return STATUS_DONE;
}

static int run_face_on(struct cli *cli, const struct args *args) {
    return set_faces(cli, true);
}

static int run_face_off(struct cli *cli, const struct args *args) {
    return set_faces(cli, false);
}

static int set_excluded(struct cli *cli, const struct args *args, bool exclude) {
    struct diag d = {{0}};
    char id[40];
    AUTO(session_close) struct session s = {0};
    if (session_open(cli, &s, &d) || find_person(&s, args->positional[0], id, &d) ||
        hub_ask(&s, "face.set", json_pack("{s:s,s:b}", "person", id, "exclude", exclude), NULL, &d))
        return cli_fail(&d);
    printf(exclude ? "%s is never recognised\n" : "%s is recognised\n", args->positional[0]);
    return STATUS_DONE;
}

static int run_face_exclude(struct cli *cli, const struct args *args) {
    return set_excluded(cli, args, true);
}

static int run_face_include(struct cli *cli, const struct args *args) {
    return set_excluded(cli, args, false);
}

static const struct option_spec zone_options[] = {
    {"points", 0, true, false}, {"kind", 0, true, false}, {"direction", 0, true, false}, {0}};
static const struct option_spec mask_options[] = {{"points", 0, true, true}, {0}};
static const struct option_spec face_options[] = {{"consent", 0, true, false}, {0}};

const struct command commands_see[] = {
    {.name = "see",
     .summary = "What is looked for; on, off, home, away, mute",
     .usage = "[on|off|home|away|mute DURATION|unmute] [--json]",
     .help = "Without a word it says whether somebody looks, by which model, and who is at home.\n"
             "  cardea see mute 1h    no alerts for an hour; what is seen is kept all the same\n",
     .most = 2,
     .run = run_see},
    {.name = "see why",
     .summary = "What is seen now, and what the rules say of it",
     .usage = "CAMERA [--json]",
     .help = "--json has the last minute, frame by frame.\n",
     .least = 1,
     .most = 1,
     .run = run_see_why},
    {.name = "zone list",
     .summary = "Places in the pictures",
     .usage = "[CAMERA] [--json]",
     .most = 1,
     .run = run_zone_list},
    {.name = "zone add",
     .summary = "A place in a camera's picture",
     .usage = "CAMERA NAME --points \"X,Y X,Y …\" [--kind include|exclude|line] [--direction both|in|out]",
     .help = "Points are in per cent of the picture, from the top left: 3 to 16 of an area, 2 of a line. An "
             "object is\n"
             "where it stands. Rules name areas and lines; in an area to exclude nothing is told. A line is "
             "crossed\n"
             "`in` from its left to its right, seen from its first point to its second.\n"
             "  cardea zone add porch Drive --points \"10,60 90,60 95,100 5,100\"\n",
     .options = zone_options,
     .least = 2,
     .most = 2,
     .run = run_zone_add},
    {.name = "zone remove",
     .summary = "Forget a place",
     .usage = "CAMERA NAME",
     .least = 2,
     .most = 2,
     .run = run_zone_remove},
    {.name = "mask list",
     .summary = "What nobody may see",
     .usage = "[CAMERA] [--json]",
     .most = 1,
     .run = run_mask_list},
    {.name = "mask set",
     .summary = "Paint parts of a camera's picture black",
     .usage = "CAMERA --points \"X,Y X,Y …\" [--points …]",
     .help =
         "Before anything is recorded or shown: what is behind a mask exists nowhere. These masks take the\n"
         "place of those that the camera had. What was recorded before stays as it is. Points are as those\n"
         "of `cardea zone add`: 3 to 12 of each mask, and at most 8 masks.\n"
         "  cardea mask set porch --points \"0,0 30,0 30,45 0,45\"\n",
     .options = mask_options,
     .least = 1,
     .most = 1,
     .run = run_mask_set},
    {.name = "mask clear",
     .summary = "Record the whole picture again",
     .usage = "CAMERA",
     .least = 1,
     .most = 1,
     .run = run_mask_clear},
    {.name = "face list", .summary = "Familiar faces", .usage = "[--json]", .run = run_face_list},
    {.name = "face add",
     .summary = "Name somebody who has agreed to it",
     .usage = "NAME PICTURE.jpg... --consent WHO",
     .help = "Up to 4 pictures of at most 24 KiB, each with this face alone. What is kept are numbers, on "
             "the hub, sealed.\n"
             "  --consent WHO   who has asked this person: it is written down\n",
     .options = face_options,
     .least = 2,
     .most = 5,
     .run = run_face_add},
    {.name = "face remove",
     .summary = "Forget somebody, for good",
     .usage = "NAME",
     .help = "What could recognise the face is deleted, and the key that sealed it replaced: no copy opens "
             "after that.\n",
     .least = 1,
     .most = 1,
     .run = run_face_remove},
    {.name = "face exclude",
     .summary = "Never say that it is this person",
     .usage = "NAME",
     .least = 1,
     .most = 1,
     .run = run_face_exclude},
    {.name = "face include",
     .summary = "Say it again",
     .usage = "NAME",
     .least = 1,
     .most = 1,
     .run = run_face_include},
    {.name = "face on", .summary = "Recognise familiar faces", .usage = "", .run = run_face_on},
    {.name = "face off",
     .summary = "Recognise nobody; what is named stays",
     .usage = "",
     .run = run_face_off},
    {0},
};
