/* cmd_demo.c: a home with two cameras on real footage. Everything in it is what a real home has: only the
 * cameras' pictures come from files. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/demo.h"
#include "cli/demo_footage.h"
#include "cli/demo_staff.h"
#include "cli/household.h"
#include "cli/session.h"
#include "client/hub_command.h"
#include "crypto/passphrase.h"

#define DEMO_PORT 8450
#define DEMO_LOGIN "demo"
#define PASSPHRASE_WORDS 4 /* of five letters: 44 bits, for a demo on loopback */
#define STREAMING_S 20
#define POLL_MS 200
#define RETENTION_DAYS 1

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
}

static err demo_folder(const struct cli *cli, char out[PATH_TEXT_BYTES], struct diag *d) {
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int n;
    if (cli->data_given)
        n = snprintf(out, PATH_TEXT_BYTES, "%s", cli->data);
    else if (cache && cache[0] == '/')
        n = snprintf(out, PATH_TEXT_BYTES, "%s/cardea-demo", cache);
    else if (home && home[0] == '/')
        n = snprintf(out, PATH_TEXT_BYTES, "%s/.cache/cardea-demo", home);
    else
        n = snprintf(out, PATH_TEXT_BYTES, "/var/cache/cardea-demo");
    return n >= PATH_TEXT_BYTES - 64 ? diag_fail(d, ERR_LIMIT, "the demo folder's path is too long") : ERR_OK;
}

/* DIR/demo-passphrase, made on the first run. */
static err demo_passphrase(const char *data, struct secret *out, struct diag *d) {
    char path[PATH_TEXT_BYTES], words[RECOVERY_TEXT_BYTES];
    if (path_join(path, data, "demo-passphrase"))
        return diag_fail(d, ERR_LIMIT, "the path %s is too long", data);
    if (access(path, R_OK) != 0) {
        recovery_generate(words);
        words[PASSPHRASE_WORDS * 6 - 1] = '\n';
        err e = file_replace(path, BYTES(words, PASSPHRASE_WORDS * 6), 0600, d);
        wipe(words, sizeof words);
        if (e) return e;
    }
    return secret_read(path, "", out, d);
}

static err make_household(const struct home *h, const struct secret *passphrase, struct diag *d) {
    struct home_owner owner;
    char kit[PATH_TEXT_BYTES];
    if (home_owner_read(h->data, &owner, d) == ERR_OK) return ERR_OK;
    say("making the household");
    if (path_join(kit, h->data, "demo-recovery-kit"))
        return diag_fail(d, ERR_LIMIT, "the path %s is too long", h->data);
    unlink(kit); /* of a run that was interrupted before it had a household */
    struct init_request r = {.data = h->data,
                             .name = "Demo home",
                             .login = DEMO_LOGIN,
                             .recovery_file = kit,
                             .passphrase = passphrase};
    return init_household(&r, h->state.url, NULL, d);
}

/* A place to see on the picture, and to make rules of; the home's first rule is there from the start. */
static err add_zone(struct client *c, const struct hub_certificate *hub, json_t *camera, struct diag *d) {
    AUTO(json_release)
    json_t *ask =
        json_pack("{s:O, s:[{s:s, s:s, s:[[i,i],[i,i],[i,i],[i,i]]}]}", "camera", camera, "zones", "name",
                  "Path", "kind", "include", "points", 800, 3200, 9200, 3200, 9800, 9900, 200, 9900);
    return ask ? hub_command(c, hub, "zone.set", ask, 25, NULL, d)
               : diag_fail(d, ERR_NO_MEMORY, "out of memory");
}

static err add_camera(struct client *c, const struct hub_certificate *hub, const struct demo_footage *f,
                      size_t i, struct diag *d) {
    char url[DEMO_URL_BYTES], sub[DEMO_URL_BYTES];
    AUTO(json_release) json_t *result = NULL;
    demo_footage_urls(f, i, url, sub);
    AUTO(json_release)
    json_t *ask = json_pack("{s:s, s:s, s:s*, s:b, s:b}", "name", f->cameras[i].name, "url", url, "sub",
                            *sub ? sub : NULL, "indoor", 0, "audio", 0);
    err e = hub_command(c, hub, "camera.add", ask, 25, &result, d);
    if (e) return e;
    const char *camera = json_string_value(json_object_get(result, "camera"));
    if (!camera) return diag_fail(d, ERR_INVALID, "the hub names no camera");
    e = hub_keep_days(c, hub, camera, json_string_value(json_object_get(result, "sub")), RETENTION_DAYS, d);
    return e || i > 0 ? e : add_zone(c, hub, json_object_get(result, "camera"), d);
}

static err add_cameras(struct client *c, const struct demo_footage *f, struct diag *d) {
    AUTO(camera_list_clear) struct camera_list list = {0};
    const struct hub_certificate *hub;
    size_t damaged;
    err e = hub_choose(c, &hub, d);
    if (!e) e = camera_list_read(c, &list, &damaged, d);
    for (size_t i = 0; i < DEMO_CAMERAS && !e; i++) {
        struct camera *cam;
        struct diag ignored;
        if (camera_find(&list, f->cameras[i].name, &cam, &ignored) == ERR_OK) continue;
        say("adding the camera '%s'", f->cameras[i].name);
        e = add_camera(c, hub, f, i, d);
    }
    return e;
}

/* The hub may still be connecting: it was started a moment ago. */
static bool all_streaming(struct client *c, struct diag *d) {
    const struct hub_certificate *hub;
    AUTO(json_release) json_t *status = NULL;
    if (hub_choose(c, &hub, d) || hub_command(c, hub, "status", NULL, 5, &status, d)) return false;
    json_t *cameras = json_object_get(status, "cameras"), *cam;
    size_t i, streaming = 0;
    json_array_foreach(cameras, i, cam) {
        const char *state = json_string_value(json_object_get(cam, "state"));
        const char *message = json_string_value(json_object_get(cam, "message"));
        bool well = state && strcmp(state, "streaming") == 0;
        streaming += well;
        if (!well) (void)diag_fail(d, ERR_BUSY, "%s: %s", state ? state : "?", message ? message : "");
    }
    return streaming >= DEMO_CAMERAS && streaming == json_array_size(cameras);
}

static bool interrupted(void *context) {
    return signals_wait(*(int *)context, 0);
}

/* Asks the hub until it answers, or nothing will change by waiting. */
static err wait_hub(struct client *c, int signals, struct diag *d) {
    int64_t end = steady_now().us + (int64_t)STREAMING_S * 1000000;
    for (;;) {
        const struct hub_certificate *hub;
        err e = hub_choose(c, &hub, d);
        if (!e) e = hub_command(c, hub, "status", NULL, 5, NULL, d);
        if (!e || (e != ERR_NOT_FOUND && e != ERR_TIMEOUT) || steady_now().us > end) return e;
        if (signals_wait(signals, POLL_MS)) return diag_fail(d, ERR_CANCELLED, "interrupted");
    }
}

static err wait_streaming(struct client *c, int signals, struct diag *d) {
    int64_t end = steady_now().us + (int64_t)STREAMING_S * 1000000;
    struct diag why = {{0}};
    while (!all_streaming(c, &why)) {
        if (signals_wait(signals, POLL_MS)) return diag_fail(d, ERR_CANCELLED, "interrupted");
        if (steady_now().us <= end) continue;
        log_warning("the cameras do not all stream yet (%s)", why.text);
        return ERR_OK;
    }
    return ERR_OK;
}

static err furnish(const struct home *h, struct demo_footage *f, const struct secret *passphrase, int signals,
                   struct diag *d) {
    AUTO(client_clear) struct client c = {0};
    err e = make_household(h, passphrase, d);
    if (e) return e;
    if (!f->cameras[0].ready || !f->cameras[1].ready) say("preparing the footage");
    e = demo_footage_serve(f, interrupted, &signals, d);
    if (!e) e = client_open(&c, h->state.url, NULL, d);
    if (!e) e = client_sign_in(&c, DEMO_LOGIN, blob_bytes(&passphrase->text), d);
    if (!e) e = client_unlock(&c, d);
    if (!e) e = wait_hub(&c, signals, d);
    if (!e) e = add_cameras(&c, f, d);
    if (!e) e = demo_staff(h, blob_bytes(&passphrase->text), d);
    if (e) return e;
    say("waiting for the cameras");
    e = wait_streaming(&c, signals, d);
    struct diag ignored;
    (void)!client_sign_out(&c, &ignored);
    return e;
}

static void print_welcome(const struct home *h, const struct demo_footage *f,
                          const struct secret *passphrase) {
    char self[PATH_TEXT_BYTES];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n < 0) n = 0;
    self[n] = 0;
    printf("\nCardea's demo is ready.\n\n"
           "  open         %s\n"
           "  name         " DEMO_LOGIN "\n"
           "  passphrase   %.*s\n\n"
           "Watch %s and %s live, and drag the timeline back. Share a moment, and see who looked.\n\n"
           "The support desk, in another browser window:\n\n"
           "  open         %s/desk/\n"
           "  name         " DEMO_AGENT_LOGIN " (Ann; the same passphrase)\n"
           "  code         the first of these commands prints it\n\n"
           "She sees nothing until you open a ticket and allow it. In another terminal:\n\n",
           h->state.url, (int)passphrase->text.len, (const char *)passphrase->text.data, f->cameras[0].name,
           f->cameras[1].name, h->state.url);
    printf("  export CARDEA_DATA='%s' CARDEA_PASSPHRASE_FILE='%s/demo-passphrase'\n"
           "  alias cardea='%s'\n"
           "  cardea account code --totp-file \"$CARDEA_DATA/" DEMO_AGENT_CODE_FILE
           "\"    # Ann's, for 30 s\n"
           "  cardea status\n"
           "  cardea events    # who came, and what alerted\n"
           "  cardea live walkway | ffplay -\n"
           "  cardea export walkway --from -2m --to now -o clip.mp4 && cardea verify clip.mp4    # after a "
           "minute\n"
           "  cardea share walkway --from -1m --to now && cardea log    # a link, and who opened it\n"
           "  find \"$CARDEA_DATA/vault\" -type f    # all of it ciphertext that the vault cannot open\n\n"
           "Ctrl-C ends it. A day of recordings is kept in %s.\n",
           h->data, h->data, self, h->data);
    fflush(stdout);
}

static int run_until_stopped(struct home *h, struct demo_footage *f, int signals) {
    while (!signals_wait(signals, 1000)) {
        home_tend(h);
        demo_footage_tend(f);
    }
    say("\nstopping");
    return STATUS_DONE;
}

int run_demo(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    char data[PATH_TEXT_BYTES];
    int64_t port;
    AUTO(home_stop) struct home h;
    AUTO(demo_footage_stop) struct demo_footage footage = {.server_out = -1};
    AUTO(secret_clear) struct secret passphrase = {0};
    if (args_number(args, "port", 0, 65535, DEMO_PORT, &port, &d)) return cli_usage("demo", &d);
    home_init(&h, "");
    if (demo_folder(cli, data, &d)) return cli_fail(&d);
    home_init(&h, data);
    h.listen = (struct listen_address){.host = "127.0.0.1", .port = (uint16_t)port, .loopback = true};
    AUTO(fd_close) int signals = signals_open();
    if (signals < 0) return cli_fail_text("cannot wait for signals: %s", strerror(errno));
    say("starting a home in %s", data);
    if (folder_make(data, &d) || path_join(h.log_path, data, "home.log") || home_start(&h, &d) ||
        demo_footage_begin(&footage, data, &d) || demo_passphrase(data, &passphrase, &d) ||
        furnish(&h, &footage, &passphrase, signals, &d))
        return cli_fail(&d);
    print_welcome(&h, &footage, &passphrase);
    return run_until_stopped(&h, &footage, signals);
}
