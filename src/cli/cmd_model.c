/* cmd_model.c: model list, use, add, test, get, remove. The hub checks and keeps the models; a file goes
 * there in pieces, as signed and sealed commands, so this works from anywhere. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/commands.h"
#include "cli/model_file.h"
#include "cli/session.h"
#include "client/hub_command.h"

#define ANSWER_S 25
#define TRIAL_ROUNDS 180 /* of half a second */
#define PIECE_BYTES (40u << 10)
#define FILES_MAX 4

static const char *text_of(json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static err ask(struct session *s, const char *verb, json_t *args, json_t **result, struct diag *d) {
    const struct hub_certificate *hub;
    err e = hub_choose(&s->client, &hub, d);
    return e ? e : hub_command(&s->client, hub, verb, args, ANSWER_S, result, d);
}

/* --- Lists --- */

static void print_model(json_t *m, const char *at_work) {
    const char *name = text_of(m, "name");
    bool here = json_is_true(json_object_get(m, "here"));
    const char *where = here                                          ? "here"
                        : json_is_true(json_object_get(m, "address")) ? "can be fetched"
                        : text_of(m, "message")[0]                    ? text_of(m, "message")
                                                                      : "not here";
    printf("%c %-22s %-10s %-16s %s%s\n", strcmp(name, at_work) == 0 ? '*' : ' ', name, text_of(m, "kind"),
           where, text_of(m, "licence"), json_is_true(json_object_get(m, "own")) ? "  (added by you)" : "");
}

static int run_list(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(session_close) struct session s = {0};
    AUTO(json_release) json_t *result = NULL;
    (void)args;
    if (session_open(cli, &s, &d) || ask(&s, "model.list", NULL, &result, &d)) return cli_fail(&d);
    if (cli->json) {
        if (json_dumpf(result, stdout, JSON_INDENT(1))) return cli_fail_text("cannot write the answer");
        putchar('\n');
        return STATUS_DONE;
    }
    json_t *now = json_object_get(result, "model");
    size_t i;
    json_t *m;
    json_array_foreach(json_object_get(result, "models"), i, m) print_model(m, text_of(now, "name"));
    printf("chosen: %s; %s%s%s%s\n", text_of(result, "use"), text_of(now, "name"),
           text_of(now, "name")[0] ? " is " : "recognition is ", text_of(now, "state"),
           text_of(now, "message")[0] ? ":" : "");
    if (text_of(now, "message")[0]) printf("%s\n", text_of(now, "message"));
    return STATUS_DONE;
}

/* --- Trials --- */

/* The hub tries a model in a process of its own, which takes a moment. */
static err await_trial(struct session *s, json_t **trial, struct diag *d) {
    for (int i = 0; i < TRIAL_ROUNDS; i++) {
        AUTO(json_release) json_t *list = NULL;
        err e = ask(s, "model.list", NULL, &list, d);
        if (e) return e;
        json_t *now = json_object_get(list, "trial");
        if (strcmp(text_of(now, "state"), "trying") != 0) {
            *trial = json_incref(now);
            return ERR_OK;
        }
        const struct timespec half = {.tv_nsec = 500000000};
        nanosleep(&half, NULL);
    }
    return diag_fail(d, ERR_TIMEOUT, "the hub is still trying it; `cardea model list` says what came of it");
}

static int try_model(struct cli *cli, const char *verb, const char *name) {
    struct diag d = {{0}};
    AUTO(session_close) struct session s = {0};
    AUTO(json_release) json_t *trial = NULL;
    AUTO(json_release) json_t *args = json_pack("{s:s}", "name", name);
    if (!args) return cli_fail_text("the name is not UTF-8 text");
    if (session_open(cli, &s, &d) || ask(&s, verb, args, NULL, &d) || await_trial(&s, &trial, &d))
        return cli_fail(&d);
    if (strcmp(text_of(trial, "state"), "refused") == 0)
        return cli_fail_text("%s was refused, and what was at work stays: %s", text_of(trial, "name"),
                             text_of(trial, "message"));
    if (strcmp(text_of(trial, "state"), "at work") == 0)
        printf("%s looks from now on\n", text_of(trial, "name"));
    else
        printf("%s works: loaded in %lld ms, one part of a picture in %lld ms\n", text_of(trial, "name"),
               (long long)json_integer_value(json_object_get(trial, "load_ms")),
               (long long)json_integer_value(json_object_get(trial, "ms")));
    if (text_of(trial, "message")[0]) printf("%s\n", text_of(trial, "message"));
    return STATUS_DONE;
}

static int run_use(struct cli *cli, const struct args *args) {
    return try_model(cli, "model.use", args->positional[0]);
}

static int run_test(struct cli *cli, const struct args *args) {
    return try_model(cli, "model.test", args->positional[0]);
}

/* --- Sending --- */

struct sending {
    const char *model, *file, *licence, *origin;
    const struct vision_detector *detector; /* NULL: a published model */
};

static json_t *piece_json(const struct sending *s, struct bytes whole, const uint8_t hash[HASH_BYTES],
                          size_t at, size_t len) {
    json_t *o = s->detector ? vision_detector_json(s->detector) : json_pack("{s:s}", "name", s->model);
    json_t *file = json_pack("{s:s,s:I,s:o}", "name", s->file, "bytes", (json_int_t)whole.len, "sha256",
                             json_hex(BYTES(hash, HASH_BYTES)));
    int bad = json_object_set_new(o, "file", file);
    bad |= json_object_set_new(o, "at", json_integer((json_int_t)at));
    bad |= json_object_set_new(o, "data", json_base64(BYTES(whole.data + at, len)));
    if (s->licence) bad |= json_object_set_new(o, "licence", json_string(s->licence));
    if (s->origin) bad |= json_object_set_new(o, "origin", json_string(s->origin));
    if (bad) json_release(&o);
    return o;
}

static err send_file(struct session *session, const struct sending *s, struct bytes whole, struct diag *d) {
    uint8_t hash[HASH_BYTES];
    hash_sha256(whole, hash);
    for (size_t at = 0; at < whole.len;) {
        size_t len = whole.len - at < PIECE_BYTES ? whole.len - at : PIECE_BYTES;
        AUTO(json_release) json_t *args = piece_json(s, whole, hash, at, len);
        if (!args) return diag_fail(d, ERR_INVALID, "a name or a text is not UTF-8");
        err e = ask(session, "model.add", args, NULL, d);
        if (e) return e;
        at += len;
        fprintf(stderr, "\r%s: %zu %%", s->file, at * 100 / whole.len);
    }
    fputc('\n', stderr);
    return ERR_OK;
}

/* --- Adding --- */

static err read_size(const char *text, struct vision_detector *m, struct diag *d) {
    char *end = NULL;
    unsigned long w = isdigit((unsigned char)text[0]) ? strtoul(text, &end, 10) : 0, h = 0;
    if (w && *end == 'x' && isdigit((unsigned char)end[1])) h = strtoul(end + 1, &end, 10);
    if (!h || *end || w % 32 || h % 32 || w < VISION_MODEL_SIDE_MIN || h < VISION_MODEL_SIDE_MIN ||
        w > VISION_MODEL_SIDE_MAX || h > VISION_MODEL_SIDE_MAX)
        return diag_fail(d, ERR_INVALID, "--size is WxH, multiples of 32 from %d to %d: 416x416",
                         VISION_MODEL_SIDE_MIN, VISION_MODEL_SIDE_MAX);
    m->width = (uint16_t)w;
    m->height = (uint16_t)h;
    return ERR_OK;
}

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Name, kind, size and labels as the options say; labels of COCO, and the file's name, unless they do. */
static err read_description(const struct args *args, struct vision_detector *m, struct diag *d) {
    const char *kind = args_value(args, "kind"), *size = args_value(args, "size");
    const char *labels = args_value(args, "labels"), *name = args_value(args, "name");
    published_detector(&published_models[0], m);
    if (!kind || vision_kind_read(kind, &m->kind) || m->kind == VISION_MOTION_CLASSIFIER)
        return diag_fail(d, ERR_INVALID, "--kind is picodet, yolox or darknet");
    if (!size) return diag_fail(d, ERR_INVALID, "--size says what the model is fed: 416x416");
    err e = read_size(size, m, d);
    if (!e && labels) e = model_labels_read(labels, m, d);
    if (e) return e;
    const char *base = base_name(args->positional[0]), *dot = strrchr(base, '.');
    int n =
        name ? snprintf(m->name, sizeof m->name, "%s", name)
             : snprintf(m->name, sizeof m->name, "%.*s", (int)(dot ? dot - base : (long)strlen(base)), base);
    if (n < 1 || n >= (int)sizeof m->name)
        return diag_fail(d, ERR_INVALID, "--name has 1 to %d letters", VISION_MODEL_NAME_MAX_BYTES);
    if (published_find(m->name))
        return diag_fail(d, ERR_INVALID, "%s is the name of a published model; --name gives another",
                         m->name);
    size_t wanted = m->kind == VISION_DARKNET ? 2 : 1;
    return args->count == wanted ? ERR_OK
                                 : diag_fail(d, ERR_INVALID, "a %s model consists of %zu file%s", kind,
                                             wanted, wanted > 1 ? "s: FILE.cfg FILE.weights" : "");
}

static int run_add(struct cli *cli, const struct args *args) {
    static struct vision_detector m;
    struct diag d = {{0}};
    AUTO(session_close) struct session s = {0};
    if (read_description(args, &m, &d)) return cli_usage("model add", &d);
    if (session_open(cli, &s, &d)) return cli_fail(&d);
    for (size_t i = 0; i < args->count; i++) {
        AUTO(blob_clear) struct blob data = {0};
        const struct sending sending = {m.name, base_name(args->positional[i]), args_value(args, "licence"),
                                        args_value(args, "origin"), &m};
        if (file_read(args->positional[i], VISION_FILE_MAX_BYTES, &data, &d) ||
            send_file(&s, &sending, blob_bytes(&data), &d))
            return cli_fail(&d);
    }
    printf("%s is added; `cardea model test %s` tries it, `cardea model use %s` has it look\n", m.name,
           m.name, m.name);
    return STATUS_DONE;
}

static int run_get(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    const char *name = args->positional[0];
    const struct published_model *p = published_find(name);
    if (!p) {
        (void)diag_fail(&d, ERR_NOT_FOUND,
                        "there is no published model %.64s; `cardea model list` lists them", name);
        return cli_fail(&d);
    }
    struct blob files[PUBLISHED_FILES_MAX] = {{0}};
    err e = ERR_OK;
    for (size_t i = 0; !e && i < p->file_count; i++) e = model_file_fetch(&p->files[i], &files[i], &d);
    AUTO(session_close) struct session s = {0};
    if (!e) e = session_open(cli, &s, &d);
    for (size_t i = 0; !e && i < p->file_count; i++) {
        const struct sending sending = {.model = name, .file = p->files[i].name};
        e = send_file(&s, &sending, blob_bytes(&files[i]), &d);
    }
    for (size_t i = 0; i < p->file_count; i++) blob_clear(&files[i]);
    if (e) return cli_fail(&d);
    printf("%s is here\n", name);
    return STATUS_DONE;
}

static int run_remove(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(session_close) struct session s = {0};
    AUTO(json_release) json_t *ask_for = json_pack("{s:s}", "name", args->positional[0]);
    if (!ask_for) return cli_fail_text("the name is not UTF-8 text");
    if (session_open(cli, &s, &d) || ask(&s, "model.remove", ask_for, NULL, &d)) return cli_fail(&d);
    printf("%s is removed\n", args->positional[0]);
    return STATUS_DONE;
}

static const struct option_spec add_options[] = {{"kind", 0, true, false},
                                                 {"size", 0, true, false},
                                                 {"labels", 0, true, false},
                                                 {"name", 0, true, false},
                                                 {"licence", 0, true, false},
                                                 {"origin", 0, true, false},
                                                 {0}};

const struct command commands_model[] = {
    {.name = "model list",
     .summary = "What there is to look with, and what does",
     .usage = "[--json]",
     .run = run_list},
    {.name = "model get",
     .summary = "Fetch a published model, by its SHA-256",
     .usage = "NAME",
     .help = "From the address in the project's own list; \"faces\" are the two models for familiar faces.\n",
     .least = 1,
     .most = 1,
     .run = run_get},
    {.name = "model use",
     .summary = "Have a model look; auto: the best that is here",
     .usage = "NAME|auto",
     .help = "It is tried first: one with a wrong hash or shape is refused, and the old one stays at work.\n",
     .least = 1,
     .most = 1,
     .run = run_use},
    {.name = "model add",
     .summary = "Add a detector of your own",
     .usage = "FILE.onnx --kind picodet|yolox --size WxH [--labels FILE] [--name NAME] [--licence TEXT]",
     .help = "  --kind     how it is fed and read: picodet, yolox, or darknet (FILE.cfg FILE.weights)\n"
             "  --size     what it is fed, multiples of 32\n"
             "  --labels   one a line, in the model's order; without it those of COCO\n"
             "Of its labels these count: person car truck bus motorcycle bicycle dog cat bird animal "
             "package, and\n"
             "COCO's animals.\n",
     .options = add_options,
     .least = 1,
     .most = FILES_MAX,
     .run = run_add},
    {.name = "model remove",
     .summary = "Delete a model that was added or fetched",
     .usage = "NAME",
     .least = 1,
     .most = 1,
     .run = run_remove},
    {.name = "model test",
     .summary = "Try a model without having it look",
     .usage = "NAME",
     .least = 1,
     .most = 1,
     .run = run_test},
    {0},
};
