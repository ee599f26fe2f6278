/* cmd_footage.c: export, timeline, delete. (verify is in cmd_verify.c, events in cmd_events.c.) */
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/events.h"
#include "cli/footage.h"
#include "cli/session.h"
#include "cli/verify.h"
#include "client/export.h"
#include "client/shred.h"

#define SPAN_JOIN_SLOTS 2 /* closer than this is one recording */

static int print_json(json_t *value) {
    if (!value || json_dumpf(value, stdout, JSON_INDENT(1))) return cli_fail_text("cannot write the answer");
    putchar('\n');
    return STATUS_DONE;
}

static struct wall_us slot_time(uint64_t slot) {
    return (struct wall_us){(int64_t)slot * 1000000};
}

static json_t *time_json(struct wall_us t) {
    char text[WALL_TEXT_BYTES];
    wall_format(t, text);
    return json_string(text);
}

/* ---- export ---- */

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number) {
    interrupted = 1;
}

/* Ctrl-C ends the export in good order: the unfinished file goes away. */
static void catch_interrupts(void) {
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static err show_progress(void *context, double done, uint64_t bytes) {
    int *last = context;
    if (interrupted) return ERR_CANCELLED;
    if (!isatty(STDERR_FILENO)) return ERR_OK;
    int percent = (int)floor(done * 100);
    char size[24];
    if (percent == *last) return ERR_OK;
    *last = percent;
    cli_bytes_text(bytes, size);
    fprintf(stderr, "\r%3d %%  %-10s", percent, size);
    return ERR_OK;
}

static const char *lack_text(enum export_lack lack) {
    switch (lack) {
        case EXPORT_LACK_NO_KEY: return "there is no key for it: deleted, or not shared with you";
        case EXPORT_LACK_DAMAGED: return "DAMAGED: not what the hub sealed";
        case EXPORT_LACK_CUT_SHORT: return "the recording broke off";
        default: return "nothing recorded";
    }
}

static void print_lacks(const struct export_result *r) {
    size_t shown = r->lack_count < EXPORT_SPANS_MAX ? r->lack_count : EXPORT_SPANS_MAX;
    for (size_t i = 0; i < shown; i++) {
        char from[48], to[48];
        if (r->lacks[i].to_us - r->lacks[i].from_us < 1000000) continue;
        cli_time_text((struct wall_us){r->lacks[i].from_us}, from);
        cli_time_text((struct wall_us){r->lacks[i].to_us}, to);
        fprintf(stderr, "missing: %s to %s, %s\n", from, to, lack_text(r->lacks[i].lack));
    }
    if (r->lack_count > shown) fprintf(stderr, "missing: and %zu more spans\n", r->lack_count - shown);
}

static json_t *export_json(const struct export_result *r) {
    static const char *const words[] = {"not_recorded", "deleted", "damaged", "cut_short"};
    json_t *files = json_array(), *missing = json_array();
    for (size_t i = 0; i < r->file_count; i++) json_array_append_new(files, json_string(r->files[i]));
    for (size_t i = 0; i < r->lack_count && i < EXPORT_SPANS_MAX; i++)
        json_array_append_new(missing, json_pack("{s:o, s:o, s:s}", "from",
                                                 time_json((struct wall_us){r->lacks[i].from_us}), "to",
                                                 time_json((struct wall_us){r->lacks[i].to_us}), "why",
                                                 words[r->lacks[i].lack]));
    return json_pack("{s:o, s:o, s:o, s:I, s:I, s:o}", "files", files, "from",
                     time_json((struct wall_us){r->from_us}), "to", time_json((struct wall_us){r->to_us}),
                     "bytes", (json_int_t)r->bytes, "fragments", (json_int_t)r->fragments, "missing",
                     missing);
}

static void print_export(const struct export_result *r) {
    char from[48], length[32], size[24];
    cli_time_text((struct wall_us){r->from_us}, from);
    cli_span_text((r->to_us - r->from_us + 999999) / 1000000, length);
    cli_bytes_text(r->bytes, size);
    for (size_t i = 0; i < r->file_count; i++) printf("%s\n", r->files[i]);
    printf("%s from %s, %s\n", length, from, size);
    print_lacks(r);
}

int footage_export(struct client *c, struct camera *cam, struct wall_us from, struct wall_us to,
                   const char *path, bool as_json) {
    struct diag d = {{0}};
    int percent = -1, status = STATUS_DONE;
    const struct export_request request = {
        .path = path, .from = from, .to = to, .progress = show_progress, .context = &percent};
    catch_interrupts();
    struct export_result *r = calloc(1, sizeof *r);
    if (!r) return cli_fail_text("out of memory");
    err e = export_run(c, cam, &request, r, &d);
    if (percent >= 0) fputs("\r                      \r", stderr);
    if (e) {
        status = cli_fail(&d);
    } else if (as_json) {
        AUTO(json_release) json_t *json = export_json(r);
        status = print_json(json);
    } else {
        print_export(r);
    }
    free(r);
    return status;
}

err footage_path_check(const char *path, struct diag *d) {
    if (strcmp(path, "-") == 0)
        return diag_fail(d, ERR_INVALID,
                         "a clip is written to a file, which its signatures close: name one with -o");
    if (access(path, F_OK) == 0)
        return diag_fail(d, ERR_EXISTS, "%s is there already: choose another name", path);
    return ERR_OK;
}

static int run_export(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    struct wall_us from, to;
    const char *path = args_value(args, "output");
    if (!path || !args_has(args, "from") || !args_has(args, "to")) {
        (void)diag_fail(&d, ERR_INVALID, "--from, --to and -o are needed");
        return cli_usage("export", &d);
    }
    if (cli_range(args, (struct wall_us){0}, wall_now(), &from, &to, &d)) return cli_usage("export", &d);
    err e = footage_path_check(path, &d);
    if (e) return e == ERR_INVALID ? cli_usage("export", &d) : cli_fail(&d);
    AUTO(session_close) struct session s = {0};
    struct camera *cam = NULL;
    if (session_view(cli, args->positional[0], &s, &cam, &d)) return cli_fail(&d);
    if (!session_may_export(&s.client, &d) || session_cut_range(&s.client, &from, &to, &d))
        return cli_fail(&d);
    return footage_export(&s.client, cam, from, to, path, cli->json);
}

/* ---- timeline ---- */

static json_t *spans_json(const struct camera *cam, const struct timeline_span *spans, size_t count) {
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_pack("{s:o, s:o, s:I}", "from", time_json(slot_time(spans[i].from)),
                                              "to", time_json(slot_time(spans[i].to)), "bytes",
                                              (json_int_t)spans[i].bytes));
    return json_pack("{s:s, s:s, s:o}", "camera", cam->name, "id", cam->hex, "spans", list);
}

static void print_spans(const struct timeline_span *spans, size_t count) {
    for (size_t i = 0; i < count; i++) {
        char from[48], to[48], length[32], size[24];
        cli_time_text(slot_time(spans[i].from), from);
        cli_time_text(slot_time(spans[i].to), to);
        cli_span_text((int64_t)spans[i].to - spans[i].from, length);
        cli_bytes_text(spans[i].bytes, size);
        printf("%s  to  %s  %12s  %10s\n", from, to, length, size);
    }
}

static int run_timeline(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    struct wall_us from, to;
    AUTO(session_close) struct session s = {0};
    AUTO(timeline_clear) struct timeline t = {0};
    struct camera *cam = NULL;
    struct timeline_span *spans = NULL;
    size_t count = 0;
    struct wall_us now = wall_now();
    if (cli_range(args, (struct wall_us){now.us - 86400 * INT64_C(1000000)},
                  (struct wall_us){now.us + 1000000}, &from, &to, &d))
        return cli_usage("timeline", &d);
    if (session_view(cli, args->positional[0], &s, &cam, &d) || session_cut_range(&s.client, &from, &to, &d))
        return cli_fail(&d);
    bool segments = to.us - from.us <= 2 * 86400 * INT64_C(1000000);
    if (timeline_read(&s.client, cam->id, wall_slot(from),
                      (uint64_t)wall_slot((struct wall_us){to.us - 1}) + 1, segments, &t, &d) ||
        timeline_spans(&t, SPAN_JOIN_SLOTS, &spans, &count))
        return cli_fail(&d);
    int status = STATUS_DONE;
    if (cli->json) {
        AUTO(json_release) json_t *json = spans_json(cam, spans, count);
        status = print_json(json);
    } else {
        print_spans(spans, count);
    }
    free(spans);
    uint32_t first = 0, last = 0;
    if (count || cli->json) return status;
    if (timeline_extent(&s.client, cam->id, &first, &last, &d)) return cli_fail(&d);
    char a[48], b[48];
    cli_time_text(slot_time(first), a);
    cli_time_text(slot_time(last), b);
    printf("nothing in that range; recordings are from %s to %s\n", a, b);
    return status;
}

/* ---- delete ---- */

static err shred_both(struct session *s, struct camera *cam, uint64_t from, uint64_t to,
                      struct shred_result *r, struct diag *d) {
    err e = shred_range(&s->client, cam, from, to, r, d);
    struct camera *sub = cam->has_sub ? camera_by_id(&s->cameras, cam->sub) : NULL;
    return e || !sub ? e : shred_range(&s->client, sub, from, to, r, d);
}

static int run_delete(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    struct wall_us from, to, now = wall_now();
    if (!args_has(args, "from") || !args_has(args, "to")) {
        (void)diag_fail(&d, ERR_INVALID, "--from and --to are needed");
        return cli_usage("delete", &d);
    }
    if (cli_range(args, now, now, &from, &to, &d)) return cli_usage("delete", &d);
    if (to.us > now.us + 1000000)
        return cli_fail_text("--to lies in the future: what is not recorded yet cannot be deleted");
    AUTO(session_close) struct session s = {0};
    struct camera *cam = NULL;
    if (session_camera(cli, args->positional[0], &s, &cam, &d)) return cli_fail(&d);
    char a[48], b[48], question[300], size[24];
    cli_time_text(from, a);
    cli_time_text(to, b);
    snprintf(question, sizeof question, "delete %s from %s to %s, for good?", cam->name, a, b);
    if (!args_has(args, "yes") && !cli_confirm(question))
        return cli_fail_text("nothing was deleted; --yes deletes without asking");
    struct shred_result r = {0};
    uint64_t end = (uint64_t)wall_slot((struct wall_us){to.us - 1}) + 1, limit = wall_slot(wall_now());
    if (end > limit) end = limit; /* the second in progress still needs its key */
    if (shred_both(&s, cam, wall_slot(from), end, &r, &d)) return cli_fail(&d);
    cli_bytes_text(r.bytes, size);
    printf("deleted: %llu segments, %s, and their keys\n", (unsigned long long)r.segments, size);
    return STATUS_DONE;
}

static const struct option_spec range_options[] = {{"from", 0, true, false}, {"to", 0, true, false}, {0}};
static const struct option_spec export_options[] = {
    {"from", 0, true, false}, {"to", 0, true, false}, {"output", 'o', true, false}, {0}};
static const struct option_spec delete_options[] = {
    {"from", 0, true, false}, {"to", 0, true, false}, {"yes", 'y', false, false}, {0}};

const struct command commands_footage[] = {
    {.name = "export",
     .summary = "Plain MP4 with its signature chain",
     .usage = "CAMERA --from T --to T -o FILE.mp4 [--json]",
     .help = "The clip begins at the last key frame before --from and holds the pictures exactly as "
             "recorded. What is\n"
             "missing in between is said on standard error. When the picture's codec or size changes, "
             "FILE-2.mp4 follows.\n"
             "  cardea export porch --from -10m --to now -o visitor.mp4\n",
     .options = export_options,
     .least = 1,
     .most = 1,
     .run = run_export},
    {.name = "verify",
     .summary = "Is this clip what the hub recorded?",
     .usage = "FILE.mp4 [--json]",
     .help =
         "Says untouched, edited (and at which second), cut short, or unknown; and by which hub, and when.\n"
         "Needs no network and no passphrase. Exit status 0 only for untouched.\n",
     .least = 1,
     .most = 1,
     .run = run_verify},
    {.name = "timeline",
     .summary = "What is recorded, as spans",
     .usage = "CAMERA [--from T --to T] [--json]",
     .help = "The last 24 hours unless --from says otherwise.\n",
     .options = range_options,
     .least = 1,
     .most = 1,
     .run = run_timeline},
    {.name = "events",
     .summary = "What was noticed, and when",
     .usage = EVENTS_USAGE,
     .help = events_help,
     .options = events_options,
     .run = run_events},
    {.name = "events feedback",
     .summary = "Say of an event that nobody cares, or somebody does",
     .usage = "EVENT not-interesting|interesting [--json]",
     .help =
         "EVENT is what ends its line in `cardea events`. What looks like it in its place stays quiet from\n"
         "then on, of this household alone; `interesting` takes that back.\n",
     .least = 2,
     .most = 2,
     .run = run_feedback},
    {.name = "delete",
     .summary = "Delete a range: keys, rows and blobs",
     .usage = "CAMERA --from T --to T [--yes]",
     .help = "The keys go first: no copy of the recordings, in any backup, opens after that. There is no way "
             "back.\n",
     .options = delete_options,
     .least = 1,
     .most = 1,
     .run = run_delete},
    {0},
};
