/* cmd_notify.c: notify list, add, set, remove, test, on, off; doorbell list, add, remove. Secrets come from
 * files or a prompt, and go to the hub alone, sealed. */
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/session.h"
#include "client/hub_command.h"

#define WAIT_S 25
#define CA_MAX_BYTES 16384

static const char *text_of(json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static int print_json(json_t *value) {
    if (!value || json_dumpf(value, stdout, JSON_INDENT(1))) return cli_fail_text("cannot write the answer");
    putchar('\n');
    return STATUS_DONE;
}

static err ask_hub(struct session *s, const char *verb, json_t *ask, json_t **result, struct diag *d) {
    const struct hub_certificate *hub;
    err e = hub_choose(&s->client, &hub, d);
    return e ? e : hub_command(&s->client, hub, verb, ask, WAIT_S, result, d);
}

/* --- Settings from options --- */

enum from { FROM_OPTION, FROM_FILE, FROM_SECRET_FILE, FROM_NUMBER };

static const struct setting {
    const char *option, *name;
    enum from from;
} settings[] = {
    {"url", "url", FROM_OPTION},
    {"click", "click", FROM_OPTION},
    {"from", "from", FROM_OPTION},
    {"to", "to", FROM_OPTION},
    {"user", "user", FROM_OPTION},
    {"host", "host", FROM_OPTION},
    {"prefix", "prefix", FROM_OPTION},
    {"port", "port", FROM_NUMBER},
    {"ca", "ca", FROM_FILE},
    {"secret-file", "secret", FROM_SECRET_FILE},
    {"token-file", "token", FROM_SECRET_FILE},
    {"password-file", "password", FROM_SECRET_FILE},
};

static json_t *secret_json(const char *file, const char *prompt, struct diag *d) {
    AUTO(secret_clear) struct secret s = {0};
    if (secret_read(file, prompt, &s, d)) return NULL;
    json_t *value = json_stringn((const char *)s.text.data, s.text.len);
    if (!value) (void)diag_fail(d, ERR_INVALID, "%s is not UTF-8 text", file ? file : "what was typed");
    return value;
}

static json_t *file_json(const char *file, struct diag *d) {
    AUTO(blob_clear) struct blob text = {0};
    if (file_read(file, CA_MAX_BYTES, &text, d)) return NULL;
    json_t *value = json_stringn((const char *)text.data, text.len);
    if (!value) (void)diag_fail(d, ERR_INVALID, "%s is not text", file);
    return value;
}

static json_t *value_of(const struct setting *s, const struct args *args, struct diag *d) {
    const char *given = args_value(args, s->option);
    int64_t number = 0;
    switch (s->from) {
        case FROM_FILE: return file_json(given, d);
        case FROM_SECRET_FILE: return secret_json(given, "", d);
        case FROM_NUMBER:
            return args_number(args, s->option, 1, 65535, 0, &number, d) ? NULL
                                                                         : json_integer((json_int_t)number);
        case FROM_OPTION: break;
    }
    json_t *value = json_string(given);
    if (!value) (void)diag_fail(d, ERR_INVALID, "--%s is not UTF-8 text", s->option);
    return value;
}

/* Puts what was given into `ask`. A user without a password is asked for it. */
static err read_settings(const struct args *args, json_t *ask, struct diag *d) {
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        if (!args_has(args, settings[i].option)) continue;
        json_t *value = value_of(&settings[i], args, d);
        if (!value) return ERR_INVALID;
        if (json_object_set_new(ask, settings[i].name, value))
            return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    }
    if (args_has(args, "user") && !args_has(args, "password-file")) {
        json_t *value = secret_json(NULL, "password for that user (not shown): ", d);
        if (!value) return ERR_INVALID;
        json_object_set_new(ask, "password", value);
    }
    if (args_has(args, "tls") && args_has(args, "no-tls"))
        return diag_fail(d, ERR_INVALID, "--tls and --no-tls exclude each other");
    if (args_has(args, "tls") || args_has(args, "no-tls"))
        json_object_set_new(ask, "tls", json_boolean(args_has(args, "tls")));
    return ERR_OK;
}

/* --- Channels --- */

static err list_channels(struct session *s, json_t **channels, struct diag *d) {
    AUTO(json_release) json_t *result = NULL;
    err e = ask_hub(s, "notify.list", NULL, &result, d);
    if (!e) *channels = json_incref(json_object_get(result, "channels"));
    return e ? e : *channels ? ERR_OK : diag_fail(d, ERR_INVALID, "the hub's answer has no channels");
}

/* The id of the channel of that name. */
static err find_channel(struct session *s, const char *name, json_t **id, struct diag *d) {
    AUTO(json_release) json_t *channels = NULL;
    err e = list_channels(s, &channels, d);
    if (e) return e;
    json_t *one;
    size_t i;
    json_array_foreach(channels, i, one) {
        if (strcmp(text_of(one, "name"), name) != 0) continue;
        *id = json_incref(json_object_get(one, "id"));
        return *id ? ERR_OK : diag_fail(d, ERR_INVALID, "the hub's answer has no id");
    }
    return diag_fail(d, ERR_NOT_FOUND, "there is no channel named \"%s\"; `cardea notify list` names them",
                     name);
}

static int run_list(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    (void)args;
    AUTO(session_close) struct session s = {0};
    AUTO(json_release) json_t *channels = NULL;
    if (session_open(cli, &s, &d) || list_channels(&s, &channels, &d)) return cli_fail(&d);
    if (cli->json) return print_json(channels);
    json_t *one;
    size_t i;
    json_array_foreach(channels, i, one) {
        long long waiting = (long long)json_integer_value(json_object_get(one, "waiting"));
        long long dropped = (long long)json_integer_value(json_object_get(one, "dropped"));
        printf("%-20s %-8s %-8s %s", text_of(one, "name"), text_of(one, "kind"), text_of(one, "state"),
               text_of(one, "message"));
        if (waiting) printf("; %lld waiting", waiting);
        if (dropped) printf("; %lld never arrived", dropped);
        putchar('\n');
    }
    if (json_array_size(channels) == 0) puts("no channels; add one with `cardea notify add KIND NAME …`");
    return STATUS_DONE;
}

/* What each kind cannot do without, said before anybody is asked for a passphrase. */
static err check_needed(const char *kind, const struct args *args, struct diag *d) {
    static const struct {
        const char *kind, *needed[4];
    } kinds[] = {
        {"webhook", {"url"}}, {"ntfy", {"url"}}, {"smtp", {"url", "from", "to"}}, {"mqtt", {"host"}}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kind, kinds[i].kind) != 0) continue;
        for (size_t k = 0; kinds[i].needed[k]; k++)
            if (!args_has(args, kinds[i].needed[k]))
                return diag_fail(d, ERR_INVALID,
                                 "--%s is missing: `cardea help notify add` has all that %s takes",
                                 kinds[i].needed[k], kind);
        return ERR_OK;
    }
    return diag_fail(d, ERR_INVALID, "'%.32s' is not webhook, ntfy, smtp or mqtt", kind);
}

static int run_add(struct cli *cli, const struct args *args) {
    const char *kind = args->positional[0], *name = args->positional[1];
    struct diag d = {{0}};
    if (strcmp(kind, "webpush") == 0)
        return cli_fail_text("a browser adds itself: open the app in it and turn notifications on");
    if (check_needed(kind, args, &d)) return cli_usage("notify add", &d);
    AUTO(json_release) json_t *ask = json_pack("{s:s,s:s}", "kind", kind, "name", name), *result = NULL;
    if (!ask) return cli_fail_text("the name is not UTF-8 text");
    if (read_settings(args, ask, &d)) return cli_fail(&d);
    if (strcmp(kind, "mqtt") == 0 && !json_object_get(ask, "tls"))
        json_object_set_new(ask, "tls", json_true());
    AUTO(session_close) struct session s = {0};
    if (session_open(cli, &s, &d) || ask_hub(&s, "notify.add", ask, &result, &d)) return cli_fail(&d);
    if (cli->json) return print_json(result);
    printf("%s is added; `cardea notify test %s` sends something\n", name, name);
    if (*text_of(result, "secret"))
        printf("its secret, which the receiver needs to check signatures, shown this once:\n%s\n",
               text_of(result, "secret"));
    return STATUS_DONE;
}

/* Sends `verb` about the named channel with what `ask` holds. */
static int change(struct cli *cli, const char *name, const char *verb, json_t *ask, json_t **result) {
    struct diag d = {{0}};
    AUTO(session_close) struct session s = {0};
    AUTO(json_release) json_t *id = NULL;
    if (session_open(cli, &s, &d) || find_channel(&s, name, &id, &d)) return cli_fail(&d);
    if (json_object_set(ask, "id", id)) return cli_fail_text("out of memory");
    return ask_hub(&s, verb, ask, result, &d) ? cli_fail(&d) : STATUS_DONE;
}

static int run_set(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(json_release) json_t *ask = json_object(), *result = NULL;
    if (!ask || read_settings(args, ask, &d)) return cli_fail(&d);
    const char *name = args_value(args, "name");
    if (name && json_object_set_new(ask, "name", json_string(name)))
        return cli_fail_text("the name is not UTF-8 text");
    if (json_object_size(ask) == 0) {
        (void)diag_fail(&d, ERR_INVALID, "nothing is to be changed");
        return cli_usage("notify set", &d);
    }
    int status = change(cli, args->positional[0], "notify.set", ask, &result);
    if (!status) printf("%s is changed\n", args->positional[0]);
    return status;
}

static int run_remove(struct cli *cli, const struct args *args) {
    AUTO(json_release) json_t *ask = json_object(), *result = NULL;
    char question[256];
    snprintf(question, sizeof question, "remove the channel %.150s?", args->positional[0]);
    if (!args_has(args, "yes") && !cli_confirm(question))
        return cli_fail_text("nothing was removed; --yes removes without asking");
    int status = change(cli, args->positional[0], "notify.remove", ask, &result);
    if (!status) printf("%s is removed\n", args->positional[0]);
    return status;
}

static int run_test(struct cli *cli, const struct args *args) {
    AUTO(json_release) json_t *ask = json_object(), *result = NULL;
    int status = change(cli, args->positional[0], "notify.test", ask, &result);
    if (status) return status;
    if (cli->json) return print_json(result);
    printf("sent in %lld ms; the other side says: %s\n",
           (long long)json_integer_value(json_object_get(result, "ms")), text_of(result, "said"));
    return STATUS_DONE;
}

static int switch_channel(struct cli *cli, const struct args *args, bool on) {
    AUTO(json_release) json_t *ask = json_pack("{s:b}", "on", on), *result = NULL;
    int status = change(cli, args->positional[0], "notify.set", ask, &result);
    if (!status) printf("%s is %s\n", args->positional[0], on ? "on" : "off");
    return status;
}

static int run_on(struct cli *cli, const struct args *args) {
    return switch_channel(cli, args, true);
}

static int run_off(struct cli *cli, const struct args *args) {
    return switch_channel(cli, args, false);
}

/* --- Doorbells --- */

static int run_doorbell_add(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(session_close) struct session s = {0};
    AUTO(json_release) json_t *result = NULL;
    struct camera *cam = NULL;
    char url[SESSION_URL_BYTES], ca_file[PATH_TEXT_BYTES];
    if (session_camera(cli, args->positional[0], &s, &cam, &d)) return cli_fail(&d);
    AUTO(json_release) json_t *ask = json_pack("{s:s}", "camera", cam->hex);
    if (ask_hub(&s, "doorbell.add", ask, &result, &d) || session_vault(cli, url, ca_file, &d))
        return cli_fail(&d);
    if (cli->json) return print_json(result);
    printf(
        "have the doorbell ask for this address when it is pressed (GET or POST), shown this once:\n%s%s\n",
        url, text_of(result, "path"));
    return STATUS_DONE;
}

static int run_doorbell_remove(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(session_close) struct session s = {0};
    struct camera *cam = NULL;
    if (session_camera(cli, args->positional[0], &s, &cam, &d)) return cli_fail(&d);
    AUTO(json_release) json_t *ask = json_pack("{s:s}", "camera", cam->hex);
    if (ask_hub(&s, "doorbell.remove", ask, NULL, &d)) return cli_fail(&d);
    printf("the address that rang for %s does so no more\n", cam->name);
    return STATUS_DONE;
}

static int run_doorbell_list(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    (void)args;
    AUTO(session_close) struct session s = {0};
    AUTO(json_release) json_t *result = NULL;
    if (session_camera(cli, NULL, &s, NULL, &d) || ask_hub(&s, "doorbell.list", NULL, &result, &d))
        return cli_fail(&d);
    json_t *list = json_object_get(result, "doorbells"), *one;
    if (cli->json) return print_json(list);
    size_t i;
    json_array_foreach(list, i, one) {
        const char *name = text_of(one, "camera");
        for (size_t k = 0; k < s.cameras.count; k++)
            if (strcmp(s.cameras.cameras[k].hex, text_of(one, "camera")) == 0)
                name = s.cameras.cameras[k].name;
        char added[48] = "?";
        struct wall_us t;
        if (wall_parse(text_of(one, "added"), wall_now(), &t, NULL) == ERR_OK) cli_time_text(t, added);
        printf("%-20s since %s\n", name, added);
    }
    if (json_array_size(list) == 0) puts("no doorbells by HTTP; add one with `cardea doorbell add CAMERA`");
    return STATUS_DONE;
}

#define SETTING_OPTIONS                                                                                      \
    {"url", 0, true, false}, {"click", 0, true, false}, {"from", 0, true, false}, {"to", 0, true, false},    \
        {"user", 0, true, false}, {"host", 0, true, false}, {"port", 0, true, false},                        \
        {"prefix", 0, true, false}, {"ca", 0, true, false}, {"tls", 0, false, false},                        \
        {"no-tls", 0, false, false}, {"secret-file", 0, true, false}, {"token-file", 0, true, false}, {      \
        "password-file", 0, true, false                                                                      \
    }
static const struct option_spec add_options[] = {SETTING_OPTIONS, {0}};
static const struct option_spec set_options[] = {SETTING_OPTIONS, {"name", 0, true, false}, {0}};
static const struct option_spec remove_options[] = {{"yes", 'y', false, false}, {0}};

static const char add_help[] = "KIND and its settings:\n"
                               "  webhook  --url URL [--secret-file FILE]                signed JSON; "
                               "without a secret the hub makes one\n"
                               "  ntfy     --url URL/TOPIC [--token-file FILE] [--click URL]\n"
                               "  smtp     --url smtps://HOST|smtp://HOST:587 --from A --to A[,B…] [--user "
                               "NAME [--password-file FILE]]\n"
                               "  mqtt     --host HOST [--port N] [--no-tls] [--ca FILE] [--prefix P] "
                               "[--user NAME [--password-file FILE]]\n"
                               "A browser adds itself in the app. A password is asked for unless a file has "
                               "it. Without TLS only servers of the\n"
                               "home are spoken to. MQTT tells Home Assistant of each camera by itself.\n";

const struct command commands_notify[] = {
    {.name = "notify list",
     .summary = "Whom alerts go to, and how that goes",
     .usage = "[--json]",
     .run = run_list},
    {.name = "notify add",
     .summary = "Send alerts to one more place",
     .usage = "webhook|ntfy|smtp|mqtt NAME …",
     .help = add_help,
     .options = add_options,
     .least = 2,
     .most = 2,
     .run = run_add},
    {.name = "notify set",
     .summary = "Change a channel's settings",
     .usage = "NAME [--name NEW] …",
     .help = "The settings of `cardea help notify add`.\n",
     .options = set_options,
     .least = 1,
     .most = 1,
     .run = run_set},
    {.name = "notify remove",
     .summary = "Send no more alerts there",
     .usage = "NAME [--yes]",
     .options = remove_options,
     .least = 1,
     .most = 1,
     .run = run_remove},
    {.name = "notify test",
     .summary = "Send a test, and show what the other side says",
     .usage = "NAME [--json]",
     .least = 1,
     .most = 1,
     .run = run_test},
    {.name = "notify on",
     .summary = "Switch a channel on",
     .usage = "NAME",
     .least = 1,
     .most = 1,
     .run = run_on},
    {.name = "notify off",
     .summary = "Switch a channel off",
     .usage = "NAME",
     .least = 1,
     .most = 1,
     .run = run_off},
    {.name = "doorbell add",
     .summary = "An address that rings when it is asked for",
     .usage = "CAMERA [--json]",
     .help = "For a doorbell that can do an HTTP request. The camera's former address rings no more.\n",
     .least = 1,
     .most = 1,
     .run = run_doorbell_add},
    {.name = "doorbell list",
     .summary = "Cameras with such an address",
     .usage = "[--json]",
     .run = run_doorbell_list},
    {.name = "doorbell remove",
     .summary = "Forget a camera's address",
     .usage = "CAMERA",
     .least = 1,
     .most = 1,
     .run = run_doorbell_remove},
    {0},
};
