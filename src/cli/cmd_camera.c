/* cmd_camera.c: camera add, list, remove, test, discover. What changes something goes to the hub as a signed,
 * sealed command; the camera's password never reaches the vault. */
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/live.h"
#include "cli/session.h"
#include "client/hub_command.h"
#include "client/timeline.h"

#define TEST_WAIT_S 25

static const char *text_of(json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static int print_json(json_t *value) {
    if (!value || json_dumpf(value, stdout, JSON_INDENT(1))) return cli_fail_text("cannot write the answer");
    putchar('\n');
    return STATUS_DONE;
}

/* What every command here needs: the household, its hub, and the hub's answer. */
static err ask_hub(struct session *s, const char *verb, json_t *ask, int wait_s, json_t **result,
                   struct diag *d) {
    const struct hub_certificate *hub;
    err e = hub_choose(&s->client, &hub, d);
    return e ? e : hub_command(&s->client, hub, verb, ask, wait_s, result, d);
}

static err check_url(const char *url, struct diag *d) {
    static const char *const schemes[] = {"rtsp://", "rtsps://", "onvif://", "v4l2:", "file:"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (strncmp(url, schemes[i], strlen(schemes[i])) == 0) return ERR_OK;
    return diag_fail(d, ERR_INVALID,
                     "a camera's address begins with rtsp://, rtsps://, onvif://, v4l2: or file:");
}

/* A file's or device's path as the hub sees it. */
static err absolute_url(const char *url, char out[PATH_TEXT_BYTES + 16], struct diag *d) {
    err e = check_url(url, d);
    if (e) return e;
    const char *path = strncmp(url, "file:", 5) == 0 ? url + 5 : NULL;
    if (path && strncmp(path, "//", 2) == 0) path += 2;
    char real[PATH_TEXT_BYTES];
    if (!path || path[0] == '/')
        return snprintf(out, PATH_TEXT_BYTES + 16, "%s", url) >= PATH_TEXT_BYTES + 16
                   ? diag_fail(d, ERR_INVALID, "the camera's address is too long")
                   : ERR_OK;
    char *found = realpath(path, NULL);
    if (!found) return diag_fail(d, ERR_NOT_FOUND, "there is no file %s", path);
    int n = snprintf(real, sizeof real, "%s", found);
    free(found);
    if (n >= (int)sizeof real) return diag_fail(d, ERR_INVALID, "the camera's address is too long");
    snprintf(out, PATH_TEXT_BYTES + 16, "file:%s", real);
    return ERR_OK;
}

static err audio_wanted(const struct args *args, bool *out, struct diag *d) {
    const char *audio = args_value(args, "audio");
    *out = !audio || strcmp(audio, "on") == 0;
    if (audio && strcmp(audio, "on") != 0 && strcmp(audio, "off") != 0)
        return diag_fail(d, ERR_INVALID, "--audio is on or off");
    if (args_has(args, "indoor") && args_has(args, "outdoor"))
        return diag_fail(d, ERR_INVALID, "a camera is --indoor or --outdoor, not both");
    return ERR_OK;
}

static int run_add(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    char url[PATH_TEXT_BYTES + 16], sub[PATH_TEXT_BYTES + 16] = "";
    bool audio;
    const char *given_sub = args_value(args, "sub");
    if (!*args->positional[0]) {
        (void)diag_fail(&d, ERR_INVALID, "a camera needs a name");
        return cli_usage("camera add", &d);
    }
    if (audio_wanted(args, &audio, &d) || absolute_url(args->positional[1], url, &d) ||
        (given_sub && absolute_url(given_sub, sub, &d)))
        return cli_usage("camera add", &d);
    AUTO(session_close) struct session s = {0};
    AUTO(json_release) json_t *result = NULL;
    AUTO(json_release)
    json_t *ask = json_pack("{s:s, s:s, s:s*, s:b, s:b}", "name", args->positional[0], "url", url, "sub",
                            given_sub ? sub : NULL, "indoor", args_has(args, "indoor"), "audio", (int)audio);
    if (!ask) return cli_fail_text("the name or the address is not UTF-8 text");
    if (session_open(cli, &s, &d) || ask_hub(&s, "camera.add", ask, TEST_WAIT_S, &result, &d))
        return cli_fail(&d);
    if (cli->json) return print_json(result);
    printf("%s is added; `cardea status` says when it streams\n", args->positional[0]);
    return STATUS_DONE;
}

static json_t *camera_json(const struct camera *cam) {
    json_t *o = json_pack("{s:s, s:s, s:O}", "id", cam->hex, "name", cam->name, "profile", cam->profile);
    if (o && cam->has_sub) json_object_set_new(o, "sub", json_hex(BYTES_OF(cam->sub)));
    return o;
}

static int run_list(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(session_close) struct session s = {0};
    if (session_view(cli, NULL, &s, NULL, &d)) return cli_fail(&d);
    AUTO(json_release) json_t *list = json_array();
    size_t shown = 0;
    for (size_t i = 0; i < s.cameras.count; i++) {
        const struct camera *cam = &s.cameras.cameras[i];
        if (cam->is_sub) continue;
        shown++;
        if (cli->json) {
            json_array_append_new(list, camera_json(cam));
            continue;
        }
        json_t *p = cam->profile;
        char picture[64] = "not connected yet";
        if (json_integer_value(json_object_get(p, "width")))
            snprintf(picture, sizeof picture, "%lldx%lld %.30s",
                     (long long)json_integer_value(json_object_get(p, "width")),
                     (long long)json_integer_value(json_object_get(p, "height")), text_of(p, "codec"));
        if (s.client.grant) snprintf(picture, sizeof picture, "%.30s", text_of(p, "codec"));
        printf("%-20s %s  %s%s%s", cam->name, cam->hex, picture, cam->has_sub ? ", substream" : "",
               json_is_true(json_object_get(p, "indoor")) ? ", indoor" : "");
        if (!s.client.grant)
            printf("  kept %lld days", (long long)json_integer_value(json_object_get(p, "retention_days")));
        putchar('\n');
    }
    if (cli->json) return print_json(list);
    if (!shown) puts("no cameras; add one with `cardea camera add NAME URL`");
    return STATUS_DONE;
}

static int run_remove(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(session_close) struct session s = {0};
    struct camera *cam = NULL;
    if (session_camera(cli, args->positional[0], &s, &cam, &d)) return cli_fail(&d);
    char question[256];
    snprintf(question, sizeof question, "remove %s and everything recorded of it?", cam->name);
    if (!args_has(args, "yes") && !cli_confirm(question))
        return cli_fail_text("nothing was removed; --yes removes without asking");
    AUTO(json_release) json_t *ask = json_pack("{s:s}", "camera", cam->hex);
    const struct hub_certificate *hub = client_hub_by_id(&s.client, cam->hub);
    err e = hub ? hub_command(&s.client, hub, "camera.remove", ask, TEST_WAIT_S, NULL, &d)
                : diag_fail(&d, ERR_NOT_FOUND, "its hub is no longer part of the household");
    if (e && e != ERR_NOT_FOUND) return cli_fail(&d);
    if (e)
        fprintf(stderr, "cardea: the hub does not know it or is away (%s); removing what is recorded\n",
                d.text);
    const uint8_t *ids[2] = {cam->id, cam->has_sub ? cam->sub : NULL};
    for (size_t i = 0; i < 2; i++) {
        char path[64], hex[33];
        if (!ids[i]) continue;
        hex_encode(BYTES(ids[i], CAMERA_ID_BYTES), hex);
        snprintf(path, sizeof path, "/v1/cameras/%s", hex);
        e = client_json(&s.client, "DELETE", path, NULL, NULL, &d);
        if (e && e != ERR_NOT_FOUND) return cli_fail(&d);
    }
    printf("%s is removed, with its recordings and its keys\n", cam->name);
    return STATUS_DONE;
}

static int run_test(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    char url[PATH_TEXT_BYTES + 16];
    if (absolute_url(args->positional[0], url, &d)) return cli_usage("camera test", &d);
    AUTO(session_close) struct session s = {0};
    AUTO(json_release) json_t *result = NULL;
    AUTO(json_release) json_t *ask = json_pack("{s:s}", "url", url);
    if (!ask) return cli_fail_text("the address is not UTF-8 text");
    if (session_open(cli, &s, &d) || ask_hub(&s, "camera.test", ask, TEST_WAIT_S, &result, &d))
        return cli_fail(&d);
    const char *picture = text_of(result, "picture"), *file = args_value(args, "output");
    if (file) {
        AUTO(blob_clear) struct blob jpeg = {0};
        if (!*picture || base64_decode(picture, strlen(picture), &jpeg))
            return cli_fail_text("the camera sent no picture");
        if (file_replace(file, blob_bytes(&jpeg), 0600, &d)) return cli_fail(&d);
    }
    if (cli->json) return print_json(result);
    printf("%lldx%lld %s, %.3g pictures a second, %s\n",
           (long long)json_integer_value(json_object_get(result, "width")),
           (long long)json_integer_value(json_object_get(result, "height")), text_of(result, "codec"),
           json_number_value(json_object_get(result, "fps")),
           json_is_string(json_object_get(result, "audio")) || json_is_true(json_object_get(result, "audio"))
               ? "with sound"
               : "no sound");
    return STATUS_DONE;
}

static int run_discover(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(session_close) struct session s = {0};
    AUTO(json_release) json_t *result = NULL;
    if (session_open(cli, &s, &d) || ask_hub(&s, "camera.discover", NULL, TEST_WAIT_S, &result, &d))
        return cli_fail(&d);
    json_t *found = json_object_get(result, "found"), *item;
    if (cli->json) return print_json(found);
    size_t i;
    json_array_foreach(found, i, item)
        printf("%s  %s %s\n", text_of(item, "url"), text_of(item, "name"), text_of(item, "model"));
    if (json_array_size(found) == 0) puts("no ONVIF camera answers on the hub's network");
    return STATUS_DONE;
}

static const struct option_spec add_options[] = {{"sub", 0, true, false},
                                                 {"indoor", 0, false, false},
                                                 {"outdoor", 0, false, false},
                                                 {"audio", 0, true, false},
                                                 {0}};
static const struct option_spec remove_options[] = {{"yes", 'y', false, false}, {0}};
static const struct option_spec test_options[] = {{"output", 'o', true, false}, {0}};
static const struct option_spec live_options[] = {
    {"output", 'o', true, false}, {"sub", 0, false, false}, {0}};

const struct command commands_camera[] = {
    {.name = "camera add",
     .summary = "Add a camera",
     .usage = "NAME URL [--sub URL] [--indoor|--outdoor] [--audio on|off]",
     .help = "URL: rtsp://user:password@host/path, rtsps://…, onvif://user:password@host, v4l2:/dev/video0, "
             "file:clip.mp4\n"
             "(plays in a loop). The address and its password go to the hub alone, sealed.\n"
             "A name that leads to the hub's own machine is refused: write 127.0.0.1 if that is meant.\n"
             "  --sub URL   the camera's small stream: walls of cameras and old browsers use it\n",
     .options = add_options,
     .least = 2,
     .most = 2,
     .run = run_add},
    {.name = "camera list", .summary = "The household's cameras", .usage = "[--json]", .run = run_list},
    {.name = "camera remove",
     .summary = "Remove a camera and everything recorded of it",
     .usage = "NAME [--yes]",
     .options = remove_options,
     .least = 1,
     .most = 1,
     .run = run_remove},
    {.name = "camera test",
     .summary = "Does this address work?",
     .usage = "URL [-o PICTURE.jpg]",
     .options = test_options,
     .least = 1,
     .most = 1,
     .run = run_test},
    {.name = "camera discover",
     .summary = "ONVIF cameras on the hub's network",
     .usage = "[--json]",
     .run = run_discover},
    {.name = "live",
     .summary = "Open the live view as fragmented MP4",
     .usage = "CAMERA [-o FILE|-] [--sub]",
     .help = "To standard output unless -o names a file: cardea live porch | ffplay -\n"
             "Begins at a key frame, with what a player needs first; reconnects; ends when its reader does.\n"
             "  --sub   the small stream\n",
     .options = live_options,
     .least = 1,
     .most = 1,
     .run = run_live},
    {0},
};
