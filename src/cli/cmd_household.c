/* cmd_household.c: init, recover, status. (doctor is in cmd_doctor.c.) */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/doctor.h"
#include "cli/home.h"
#include "cli/household.h"
#include "cli/hub_ask.h"
#include "cli/session.h"
#include "cli/verify.h"
#include "client/grantee.h"
#include "client/hub_command.h"
#include "client/setup.h"

#define PAIR_TIMEOUT_S 40
#define KIT_MAX_BYTES 4096
#define KIT_CODE_LINE "Recovery code:"

/* ---- init ---- */

static void kit_text(const char *login, const char *url, const char *code, char out[KIT_MAX_BYTES]) {
    char when[48];
    cli_time_text(wall_now(), when);
    snprintf(out, KIT_MAX_BYTES,
             "Cardea recovery kit, %s\n\n"
             "Sign-in name:  %s\n"
             "Vault:         %s\n" KIT_CODE_LINE " %s\n\n"
             "With this code and the sign-in name, `cardea recover` sets a new passphrase. Without the "
             "passphrase and\n"
             "without this code nobody can open the recordings: no company has another key. Print it, and "
             "keep it\n"
             "where you keep your other papers, away from the machine that records.\n",
             when, login, url, code);
}

/* Opened before anything is made: a household whose kit cannot be written would be a poor start. */
err kit_open(const char *path, const char *login, int *fd, struct diag *d) {
    char name_line[OWNER_LOGIN_BYTES + 32];
    AUTO(secret_clear) struct secret old = {0};
    *fd = -1;
    /* The kit of a start that was interrupted stays as it is. */
    snprintf(name_line, sizeof name_line, "Sign-in name:  %s\n", login);
    struct diag ignored;
    if (access(path, R_OK) == 0 && secret_read(path, "", &old, &ignored) == ERR_OK &&
        memmem(old.text.data, old.text.len, name_line, strlen(name_line)) &&
        memmem(old.text.data, old.text.len, KIT_CODE_LINE, strlen(KIT_CODE_LINE)))
        return ERR_OK;
    *fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (*fd >= 0) return ERR_OK;
    if (errno == EEXIST)
        return diag_fail(d, ERR_EXISTS, "%s is there already: choose another file for the recovery kit",
                         path);
    return diag_fail(d, ERR_IO, "cannot write the recovery kit to %s: %s", path, strerror(errno));
}

err kit_deliver(const char *login, const char *file, const char *url, const char *code, int fd,
                struct diag *d) {
    char text[KIT_MAX_BYTES];
    kit_text(login, url, code, text);
    err e = ERR_OK;
    if (fd >= 0) {
        e = fd_write_all(fd, bytes_text(text));
        if (!e && fsync(fd)) e = ERR_IO;
        if (e)
            e = diag_fail(d, e, "cannot write %s: %s; the household is made, and this is its only kit", file,
                          strerror(errno));
    }
    if (fd < 0 || e) printf("\n%s\n", text);
    wipe(text, sizeof text);
    fflush(stdout);
    return e;
}

static err pairing_code(const struct init_request *r, char out[64], struct diag *d) {
    AUTO(secret_clear) struct secret code = {0};
    char path[PATH_TEXT_BYTES];
    if (path_join(path, r->data, "setup-code"))
        return diag_fail(d, ERR_LIMIT, "the path %s is too long", r->data);
    bool here = access(path, R_OK) == 0;
    const char *file = r->pairing_file ? r->pairing_file : here ? path : NULL;
    err e = secret_read(file, "the hub's pairing code (it prints it when it starts): ", &code, d);
    if (e) return e;
    if (code.text.len >= 64) return diag_fail(d, ERR_INVALID, "a pairing code is XXXX-XXXX-XXXX-XXXX");
    memcpy(out, code.text.data, code.text.len);
    out[code.text.len] = 0;
    return ERR_OK;
}

static err remember(const struct init_request *r, const struct client *c, struct diag *d) {
    struct home_owner owner = {0};
    snprintf(owner.login, sizeof owner.login, "%s", r->login);
    hex_encode(BYTES_OF(c->household.id), owner.household);
    memcpy(owner.sign, c->household.sign.public_key, sizeof owner.sign);
    return home_owner_write(r->data, &owner, d);
}

static err make_household(const struct init_request *r, const char *url, const char *ca_file, int kit_fd,
                          struct diag *d) {
    AUTO(client_clear) struct client c;
    struct client_vault vault;
    char recovery[RECOVERY_TEXT_BYTES] = "", code[64] = "";
    const char *setup_code = NULL;
    err e = client_open(&c, url, ca_file, d);
    if (!e) e = client_vault(&c, &vault, d);
    if (e) return e;
    if (*vault.setup_code) {
        setup_code = vault.setup_code;
    } else if (strcmp(vault.signup, "open") != 0) {
        e = pairing_code(r, code, d);
        if (e) return e;
        setup_code = code;
    }
    e = setup_household(&c, r->login, blob_bytes(&r->passphrase->text), r->name, setup_code, recovery, d);
    if (!e && *recovery) e = kit_deliver(r->login, r->recovery_file, url, recovery, kit_fd, d);
    if (!e && !*recovery)
        fprintf(
            stderr,
            "cardea: an interrupted start was completed; the recovery kit is the one that was shown then\n");
    wipe(recovery, sizeof recovery);
    if (!e && c.hub_count == 0) {
        if (!*code) e = pairing_code(r, code, d);
        if (!e) e = setup_pair_hub(&c, code, PAIR_TIMEOUT_S, d);
    }
    wipe(code, sizeof code);
    if (!e) e = remember(r, &c, d);
    struct diag ignored;
    (void)!client_sign_out(&c, &ignored);
    return e;
}

err init_household(const struct init_request *r, const char *url, const char *ca_file, struct diag *d) {
    int fd = -1;
    if (r->recovery_file) {
        err e = kit_open(r->recovery_file, r->login, &fd, d);
        if (e) return e;
    }
    err e = make_household(r, url, ca_file, fd, d);
    off_t written = fd >= 0 ? lseek(fd, 0, SEEK_CUR) : 0;
    if (fd >= 0 && written == 0) unlink(r->recovery_file); /* nothing was made that it could recover */
    fd_close(&fd);
    return e;
}

static err start_temporary(struct home *h, const char *data, struct diag *d) {
    home_init(h, data);
    h->temporary = true;
    h->listen = (struct listen_address){.host = "127.0.0.1", .loopback = true};
    err e = folder_make(data, d);
    if (e) return e;
    if (path_join(h->log_path, data, "home.log"))
        return diag_fail(d, ERR_LIMIT, "the path %s is too long", data);
    return home_start(h, d);
}

static err init_here(const struct init_request *r, const struct cli *cli, struct diag *d) {
    char url[SESSION_URL_BYTES], ca_file[PATH_TEXT_BYTES];
    AUTO(home_stop) struct home h;
    home_init(&h, cli->data);
    err e = session_vault(cli, url, ca_file, d);
    if (e == ERR_NOT_FOUND && !cli->vault) {
        e = start_temporary(&h, cli->data, d);
        if (!e) snprintf(url, sizeof url, "%s", h.state.url);
    }
    return e ? e : init_household(r, url, *ca_file ? ca_file : NULL, d);
}

static int run_init(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    struct home_owner owner;
    AUTO(secret_clear) struct secret passphrase = {0};
    const char *name = args_value(args, "name");
    struct init_request r = {.data = cli->data,
                             .name = name ? name : "home",
                             .login = cli->login,
                             .recovery_file = args_value(args, "recovery-file"),
                             .pairing_file = args_value(args, "pairing-code-file"),
                             .passphrase = &passphrase};
    if (!r.login) r.login = r.name;
    if (home_owner_read(cli->data, &owner, &d) == ERR_OK)
        return cli_fail_text("%s has its household already; its sign-in name is '%s'", cli->data,
                             owner.login);
    if (passphrase_read(cli, "a passphrase for the household: ", true, &passphrase, &d)) return cli_fail(&d);
    if (init_here(&r, cli, &d)) return cli_fail(&d);
    printf("the household is made; the sign-in name is '%s'\n", r.login);
    if (r.recovery_file) printf("its recovery kit is in %s: print it and remove the file\n", r.recovery_file);
    return STATUS_DONE;
}

/* ---- recover ---- */

/* The code out of a kit's text, or the text itself. */
static void find_code(struct secret *s, char out[256]) {
    const char *text = (const char *)s->text.data;
    size_t len = s->text.len, at = 0, skip = strlen(KIT_CODE_LINE);
    const char *line = len >= skip ? memmem(text, len, KIT_CODE_LINE, skip) : NULL;
    if (line) at = (size_t)(line - text) + skip;
    size_t n = 0;
    while (at < len && (text[at] == ' ' || text[at] == '\t')) at++;
    while (at < len && n < 255 && (text[at] != '\n' || !line)) out[n++] = text[at++];
    out[n] = 0;
}

static int run_recover(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    char url[SESSION_URL_BYTES], ca_file[PATH_TEXT_BYTES], login[256], code[256];
    AUTO(secret_clear) struct secret kit = {0}, passphrase = {0};
    AUTO(client_clear) struct client c = {0};
    err e = session_login(cli, login, &d);
    if (!e) e = session_vault(cli, url, ca_file, &d);
    if (!e)
        e = secret_read(args_value(args, "recovery-file"), "the recovery code (twelve words): ", &kit, &d);
    if (e) return cli_fail(&d);
    find_code(&kit, code);
    uint8_t checked[RECOVERY_SECRET_BYTES]; /* a mistyped word is told before a passphrase is asked for */
    e = recovery_parse(code, checked, &d);
    wipe(checked, sizeof checked);
    if (!e) e = passphrase_read(cli, "the new passphrase: ", true, &passphrase, &d);
    if (!e) e = client_open(&c, url, *ca_file ? ca_file : NULL, &d);
    if (!e) e = client_sign_in_recovery(&c, login, code, &d);
    wipe(code, sizeof code);
    if (!e) e = client_change_passphrase(&c, blob_bytes(&passphrase.text), &d);
    if (e) return cli_fail(&d);
    puts("the passphrase is changed; the recovery code stays what it was");
    (void)!client_sign_out(&c, &d);
    return STATUS_DONE;
}

/* ---- status ---- */

#define STATUS_PATIENCE_MS 6000 /* for each answer of the vault */
#define HUB_WAIT_S 8            /* for a hub's, by the vault */
#define HUB_PATIENCE_MS ((HUB_WAIT_S + 2) * 1000)

static json_int_t number(json_t *object, const char *name) {
    return json_integer_value(json_object_get(object, name));
}

static const char *text_of(json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static void print_camera(json_t *cam, bool *well) {
    const char *state = text_of(cam, "state"), *message = text_of(cam, "message");
    bool streaming = strcmp(state, "streaming") == 0;
    *well = *well && streaming;
    printf("  %-20s %s%s", text_of(cam, "name"), strcmp(text_of(cam, "kind"), "sub") == 0 ? "(small) " : "",
           state);
    if (streaming)
        printf("  %lldx%lld %s  %.0f fps  %lld kbit/s%s", (long long)number(cam, "width"),
               (long long)number(cam, "height"), text_of(cam, "codec"),
               json_number_value(json_object_get(cam, "fps")), (long long)number(cam, "kbit_s"),
               json_is_true(json_object_get(cam, "recording")) ? "  recording" : "");
    if (number(cam, "lost")) printf("  %lld packets lost", (long long)number(cam, "lost"));
    if (*message) printf("  (%s)", message);
    putchar('\n');
}

/* A time of the hub's, for people. */
static void time_text(const char *iso, char out[48]) {
    struct wall_us t;
    if (wall_parse(iso, wall_now(), &t, NULL))
        snprintf(out, 48, "%.40s", iso);
    else
        cli_time_text(t, out);
}

static void print_channel(json_t *one, bool *well) {
    const char *state = text_of(one, "state"), *name = text_of(one, "name");
    bool failing = strcmp(state, "failing") == 0, gone = strcmp(state, "gone") == 0;
    char since[48];
    time_text(text_of(one, "since"), since);
    printf("  alerts by %s (%s): %s", name, text_of(one, "kind"), state);
    if (failing || gone) printf(" since %s", since);
    if (*text_of(one, "message")) printf(": %s", text_of(one, "message"));
    if (number(one, "waiting")) printf("; %lld waiting", (long long)number(one, "waiting"));
    if (number(one, "dropped")) printf("; %lld never arrived", (long long)number(one, "dropped"));
    putchar('\n');
    if (failing)
        printf(
            "    tried again by itself for 24 h; `cardea notify test %s` tries now, `cardea notify set %s` "
            "changes it\n",
            name, name);
    if (failing || gone) *well = false;
}

/* Whether somebody looks, and whether those who are to be told can be. */
static void print_seeing(json_t *seeing, bool *well) {
    json_t *model = json_object_get(seeing, "model"), *vision = json_object_get(seeing, "vision"), *one;
    const char *state = text_of(vision, "state"), *message = text_of(vision, "message");
    if (!seeing) return;
    if (!json_is_true(json_object_get(seeing, "on"))) {
        puts("looking: off; `cardea see on` turns it on");
        return;
    }
    if (!*message) message = text_of(model, "message");
    printf("looking: %s, %s%s%s\n", text_of(model, "name"), state, *message ? ": " : "", message);
    if (number(vision, "restarts"))
        printf("  it was started again %lld time%s\n", (long long)number(vision, "restarts"),
               number(vision, "restarts") > 1 ? "s" : "");
    if (strcmp(state, "failed") == 0) {
        char since[48];
        time_text(text_of(vision, "since"), since);
        printf(
            "  nobody looks since %s: events are of motion alone; recording goes on. It is started again by\n"
            "  itself; if it stays so, `cardea model use auto` has another model look\n",
            since);
        *well = false;
    } else if (strcmp(text_of(model, "kind"), "motion-classifier") == 0) {
        puts("  that is the small one that is built in; `cardea model get yolox-nano` and `cardea model use "
             "auto` "
             "look better");
    }
    size_t i;
    json_array_foreach(json_object_get(seeing, "channels"), i, one) print_channel(one, well);
}

static void print_hub(json_t *status, bool *well) {
    json_t *hub = json_object_get(status, "hub"), *cam;
    char spool[24], limit[24], dropped[24], up[32];
    cli_bytes_text((uint64_t)number(hub, "spool_bytes"), spool);
    cli_bytes_text((uint64_t)number(hub, "spool_limit_bytes"), limit);
    cli_bytes_text((uint64_t)number(hub, "dropped_bytes"), dropped);
    cli_span_text(number(hub, "uptime_s"), up);
    printf("hub: version %s, up %s; spool %s of %s\n", text_of(hub, "version"), up, spool, limit);
    const char *since = text_of(hub, "vault_since");
    if (*since) {
        char when[48];
        time_text(since, when);
        printf("  it has not reached the vault since %s; recordings wait in its spool\n", when);
        *well = false;
    }
    if (*text_of(hub, "message")) {
        printf("  %s\n", text_of(hub, "message"));
        *well = false;
    }
    if (number(hub, "dropped_bytes")) {
        printf("  the spool was full: %s of recordings were dropped\n", dropped);
        *well = false;
    }
    if (json_is_false(json_object_get(hub, "clock_ok"))) {
        puts("  its clock jumped: recordings may be stamped wrongly; set up NTP");
        *well = false;
    }
    json_t *cameras = json_object_get(status, "cameras");
    puts(json_array_size(cameras) ? "cameras:" : "cameras: none; add one with `cardea camera add`");
    size_t i;
    json_array_foreach(cameras, i, cam) print_camera(cam, well);
    print_seeing(json_object_get(status, "seeing"), well);
}

static err read_usage(struct client *c, json_t **out, struct diag *d) {
    return client_json(c, "GET", "/v1/usage", NULL, out, d);
}

static void print_vault(const struct client_vault *v, json_t *usage, bool *well) {
    char held[24], quota[24];
    int64_t off_s = (wall_now().us - v->time.us) / 1000000;
    cli_bytes_text((uint64_t)number(usage, "bytes"), held);
    cli_bytes_text((uint64_t)number(usage, "quota_bytes"), quota);
    printf("vault: version %s, holds %s", v->version, held);
    if (number(usage, "quota_bytes")) printf(" of %s", quota);
    putchar('\n');
    if (llabs(off_s) < 30) return;
    printf("  its clock is %lld s %s this machine's\n", (long long)llabs(off_s),
           off_s > 0 ? "behind" : "ahead of");
    *well = false;
}

/* Each hub's own status, or why there is none. */
static err collect_hubs(struct client *c, json_t *list, bool *well, bool print, struct diag *d) {
    for (size_t i = 0; i < c->hub_count; i++) {
        AUTO(json_release) json_t *status = NULL;
        char id[33];
        hex_encode(BYTES_OF(c->hubs[i].hub), id);
        err e = hub_command(c, &c->hubs[i], "status", NULL, HUB_WAIT_S, &status, d);
        if (e == ERR_DENIED || e == ERR_FORGED || e == ERR_NO_MEMORY) return e;
        if (e) {
            *well = false;
            if (print) printf("hub: %s\n", d->text);
            json_array_append_new(list,
                                  json_pack("{s:s, s:b, s:s}", "id", id, "online", 0, "message", d->text));
            continue;
        }
        if (print) print_hub(status, well);
        json_object_set_new(status, "id", json_string(id));
        json_object_set_new(status, "online", json_true());
        json_array_append(list, status);
    }
    if (c->hub_count == 0) *well = false;
    if (c->hub_count == 0 && print) puts("hub: none; run `cardea init`");
    return ERR_OK;
}

/* The vault is away: what this machine knows without it. One line of standard error says what is wrong. */
static json_t *known_here(const struct cli *cli, const struct diag *d) {
    struct home_owner owner;
    struct home_state home;
    struct home_offline away;
    struct diag ignored;
    char since[WALL_TEXT_BYTES];
    json_t *all = json_pack("{s:{s:b, s:s}, s:[]}", "vault", "online", 0, "message", d->text, "hubs");
    if (all && home_owner_read(cli->data, &owner, &ignored) == ERR_OK)
        json_object_set_new(all, "household",
                            json_pack("{s:s, s:s}", "id", owner.household, "login", owner.login));
    if (all && home_state_read(cli->data, &home, &ignored) == ERR_OK)
        json_object_set_new(all, "home",
                            json_pack("{s:I, s:I, s:I}", "process", (json_int_t)home.home, "vault_process",
                                      (json_int_t)home.vault, "hub_process", (json_int_t)home.hub));
    if (all && home_offline_read(cli->data, &away)) {
        wall_format(away.since, since);
        json_object_set_new(
            all, "offline",
            json_pack("{s:s, s:I}", "since", since, "spool_bytes", (json_int_t)away.spool_bytes));
    }
    return all;
}

static int vault_is_away(const struct cli *cli, const struct diag *d) {
    AUTO(json_release) json_t *known = known_here(cli, d);
    json_t *household = json_object_get(known, "household"), *home = json_object_get(known, "home");
    struct home_offline away;
    char since[48], waiting[24];
    if (cli->json && known) (void)!cli_print_json(known);
    if (!cli->json && household) printf("household: signs in as %s\n", text_of(household, "login"));
    if (!cli->json && home)
        printf("home: its programs run on this machine: vault (process %lld), hub (process %lld)\n",
               (long long)number(home, "vault_process"), (long long)number(home, "hub_process"));
    if (!home_offline_read(cli->data, &away)) return cli_fail(d);
    cli_time_text(away.since, since);
    cli_bytes_text(away.spool_bytes, waiting);
    return cli_fail_text(
        "%s; this machine's hub has not reached it since %s and records on, %s wait in its spool", d->text,
        since, waiting);
}

static bool is_away(err e) {
    return e == ERR_UNREACHABLE || e == ERR_TIMEOUT;
}

/* A vault that takes connections and does not answer is another trouble than one that is not there. */
static void say_hangs(err e, struct diag *d) {
    struct diag why = *d;
    if (e != ERR_TIMEOUT) return;
    (void)!diag_fail(d, e, "%.300s; it hangs, or is overloaded: nothing came for %u s", why.text,
                     STATUS_PATIENCE_MS / 1000);
}

/* A member sees what was given, and not how the hub is. */
static int member_status(const struct cli *cli, const struct session *s) {
    const struct keyring_household *h = &s->client.keyring.households[s->client.household_index];
    const struct grant_statement *g = &s->client.grant->statement;
    char fingerprint[17], from[48];
    household_fingerprint(g->issuer, fingerprint);
    cli_time_text((struct wall_us){(int64_t)g->from * 1000000}, from);
    if (cli->json) {
        AUTO(json_release)
        json_t *all =
            json_pack("{s:{s:s, s:s}, s:s, s:i, s:b, s:b}", "household", "name", s->client.household.name,
                      "fingerprint", fingerprint, "role", keyring_roles[h->role], "streams",
                      (int)g->camera_count, "live", (int)g->live, "export", (int)g->may_export);
        return cli_print_json(all);
    }
    printf("household: %s, its key's fingerprint %s\n", s->client.household.name, fingerprint);
    printf("you are a %s: what is recorded from %s on%s%s\n", keyring_roles[h->role],
           g->from ? from : "the beginning", g->live ? ", and live" : "",
           g->may_export ? "; you may export" : "");
    puts("`cardea camera list` says of which cameras");
    return STATUS_DONE;
}

/* What the vault says of itself. One that went silent after the sign-in is told, and the rest not asked. */
static json_t *vault_status(struct client *c, bool print, bool *well, err *e, struct diag *d) {
    struct client_vault vault;
    AUTO(json_release) json_t *usage = NULL;
    *e = client_vault(c, &vault, d);
    if (!*e) *e = read_usage(c, &usage, d);
    if (*e && !is_away(*e)) return NULL;
    say_hangs(*e, d);
    if (*e) *well = false;
    if (*e && print) printf("vault: %s\n", d->text);
    if (*e) return json_pack("{s:b, s:s}", "online", 0, "message", d->text);
    if (print) print_vault(&vault, usage, well);
    return json_pack("{s:s, s:O}", "version", vault.version, "usage", usage);
}

static int run_status(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(session_close) struct session s = {0};
    AUTO(json_release) json_t *vault = NULL;
    AUTO(json_release) json_t *hubs = json_array();
    bool well = true;
    cli->patience_ms = STATUS_PATIENCE_MS;
    err e = session_open_any(cli, &s, &d);
    if (is_away(e)) {
        say_hangs(e, &d);
        return vault_is_away(cli, &d);
    }
    if (!e && s.client.grant) return member_status(cli, &s);
    if (e) return cli_fail(&d);
    char fingerprint[17];
    household_fingerprint(s.client.household.sign.public_key, fingerprint);
    if (!cli->json) printf("household: %s, its key's fingerprint %s\n", s.client.household.name, fingerprint);
    vault = vault_status(&s.client, !cli->json, &well, &e, &d);
    if (!vault) return cli_fail(&d);
    http_client_patience(s.client.http, HUB_PATIENCE_MS);
    if (!e && collect_hubs(&s.client, hubs, &well, !cli->json, &d)) return cli_fail(&d);
    if (!cli->json && session_print_awaited(&s, stdout)) well = false;
    if (cli->json) {
        AUTO(json_release)
        json_t *all = json_pack("{s:{s:s, s:s}, s:O, s:O, s:o}", "household", "name", s.client.household.name,
                                "fingerprint", fingerprint, "vault", vault, "hubs", hubs, "former_keys",
                                session_awaited_json(&s));
        json_dumpf(all, stdout, JSON_INDENT(1));
        putchar('\n');
    } else {
        puts(well ? "all is well" : "something is not well: see above; `cardea doctor` has the mends");
    }
    return e ? STATUS_FAILED : STATUS_DONE;
}

static const struct option_spec init_options[] = {
    {"name", 0, true, false}, {"recovery-file", 0, true, false}, {"pairing-code-file", 0, true, false}, {0}};
static const struct option_spec recover_options[] = {{"recovery-file", 0, true, false}, {0}};

const struct command commands_household[] = {
    {.name = "init",
     .summary = "Make the household; prints the recovery kit once",
     .usage = "[--name NAME] [--recovery-file FILE]",
     .help = "Makes an account and a household on this home's vault, running or not, and pairs its hub.\n"
             "  --name NAME              the household's name, and the sign-in name unless --login gives "
             "another;\n"
             "                           default 'home'\n"
             "  --recovery-file FILE     writes the kit there (0600) instead of printing it\n"
             "  --pairing-code-file FILE the code of a hub elsewhere; else DIR/setup-code, or asks\n"
             "A new passphrase has at least 10 characters.\n",
     .options = init_options,
     .run = run_init},
    {.name = "recover",
     .summary = "A new passphrase, by the recovery code",
     .usage = "[--recovery-file FILE]",
     .help = "Asks for the code and for a new passphrase. A mistyped word is named by its number.\n"
             "  --recovery-file FILE   the kit, or a file with the code alone\n"
             "--passphrase-file holds the new passphrase.\n",
     .options = recover_options,
     .run = run_recover},
    {.name = "status",
     .summary = "Cameras, spool, vault: what is well and what is not",
     .usage = "[--json]",
     .run = run_status},
    {.name = "doctor",
     .summary = "What is wrong with this installation, and the mend",
     .usage = "[--json]",
     .help = "Needs no passphrase; with one (--passphrase-file) it also asks the hub about its cameras.\n"
             "Exit status 1 when something has to be mended.\n",
     .run = run_doctor},
    {0},
};
