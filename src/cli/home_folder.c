/* home_folder.c: the files of a home's folder that commands read (docs/programs.md). */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/home_private.h"
#include "crypto/hash.h"
#include "format/pairing.h"

#define STATE_MAX_BYTES 16384

static err read_json(const char *data, const char *name, json_t **out, struct diag *d) {
    char path[PATH_TEXT_BYTES];
    if (path_join(path, data, name)) return diag_fail(d, ERR_LIMIT, "the path %s is too long", data);
    AUTO(blob_clear) struct blob text = {0};
    err e = file_read(path, STATE_MAX_BYTES, &text, d);
    if (e) return e;
    e = json_parse(blob_bytes(&text), out, d);
    if (e) diag_prefix(d, "%s", path);
    return e;
}

static err write_json(const char *data, const char *name, json_t *value, struct diag *d) {
    char path[PATH_TEXT_BYTES];
    if (path_join(path, data, name)) return diag_fail(d, ERR_LIMIT, "the path %s is too long", data);
    char *text = value ? json_dumps(value, JSON_INDENT(1)) : NULL;
    if (!text) return diag_fail(d, ERR_NO_MEMORY, "no memory for %s", path);
    err e = file_replace(path, bytes_text(text), 0600, d);
    free(text);
    return e;
}

static err copy_text(char *out, size_t size, const char *text, const char *name, struct diag *d) {
    if (strlen(text) >= size) return diag_fail(d, ERR_INVALID, "%s is too long", name);
    memcpy(out, text, strlen(text) + 1);
    return ERR_OK;
}

/* Is the lock held? Looking takes it for a moment, shared, which no home mistakes for another home (see
 * home_lock). */
static bool lock_is_held(const char *data) {
    char path[PATH_TEXT_BYTES];
    if (path_join(path, data, "home.lock")) return false;
    AUTO(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    return flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

static err parse_state(json_t *json, struct home_state *out, struct diag *d) {
    const char *url = NULL, *lan = "";
    int64_t home = 0, vault = 0, hub = 0;
    const struct json_field fields[] = {
        {.name = "url", .kind = JSON_KIND_TEXT, .required = true, .max = HOME_URL_BYTES - 1, .out = &url},
        {.name = "lan_url", .kind = JSON_KIND_TEXT, .max = HOME_URL_BYTES - 1, .out = &lan},
        {.name = "home", .kind = JSON_KIND_INT, .required = true, .min = 1, .max = INT32_MAX, .out = &home},
        {.name = "vault", .kind = JSON_KIND_INT, .required = true, .min = 0, .max = INT32_MAX, .out = &vault},
        {.name = "hub", .kind = JSON_KIND_INT, .required = true, .min = 0, .max = INT32_MAX, .out = &hub},
    };
    err e = JSON_READ(json, fields, d);
    if (!e) e = copy_text(out->url, sizeof out->url, url, "url", d);
    if (!e) e = copy_text(out->lan_url, sizeof out->lan_url, lan, "lan_url", d);
    if (e) return e;
    out->home = (pid_t)home;
    out->vault = (pid_t)vault;
    out->hub = (pid_t)hub;
    return ERR_OK;
}

err home_state_read(const char *data, struct home_state *out, struct diag *d) {
    if (!lock_is_held(data))
        return diag_fail(d, ERR_NOT_FOUND,
                         "no home runs on %s: start `cardea home`, or name its folder with --data", data);
    AUTO(json_release) json_t *json = NULL;
    err e = read_json(data, "home.json", &json, d);
    if (e == ERR_NOT_FOUND)
        return diag_fail(d, ERR_BUSY, "the home on %s is still starting: try again", data);
    if (e) return e;
    struct home_state s = {0};
    e = parse_state(json, &s, d);
    if (e) {
        diag_prefix(d, "%s/home.json", data);
        return e;
    }
    *out = s;
    return ERR_OK;
}

err home_state_write(const char *data, const struct home_state *s, struct diag *d) {
    AUTO(json_release)
    json_t *json = json_pack("{s:s, s:s, s:I, s:I, s:I}", "url", s->url, "lan_url", s->lan_url, "home",
                             (json_int_t)s->home, "vault", (json_int_t)s->vault, "hub", (json_int_t)s->hub);
    return write_json(data, "home.json", json, d);
}

err home_lock(const char *data, int *fd, struct diag *d) {
    char path[PATH_TEXT_BYTES];
    err e = folder_make(data, d);
    if (e) return e;
    if (path_join(path, data, "home.lock")) return diag_fail(d, ERR_LIMIT, "the path %s is too long", data);
    AUTO(fd_close) int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0) return diag_fail(d, ERR_DENIED, "cannot use %s: %s", path, strerror(errno));
    for (int attempt = 0; flock(lock, LOCK_EX | LOCK_NB); attempt++) {
        struct home_state s;
        struct diag ignored;
        if (errno == EINTR) continue;
        /* A command that only looks holds it shared for microseconds; a home holds it for good. */
        if (attempt < 5 && usleep(20000) == 0) continue;
        if (home_state_read(data, &s, &ignored) == ERR_OK)
            return diag_fail(d, ERR_BUSY, "a home already runs on %s: process %d, at %s", data, (int)s.home,
                             s.url);
        return diag_fail(d, ERR_BUSY, "a home already runs on %s", data);
    }
    *fd = lock;
    lock = -1;
    return ERR_OK;
}

bool home_offline_read(const char *data, struct home_offline *out) {
    struct diag d = {{0}};
    AUTO(json_release) json_t *note = NULL;
    if (read_json(data, "hub/offline.json", &note, &d) && read_json(data, "offline.json", &note, &d))
        return false;
    const char *since = json_string_value(json_object_get(note, "since"));
    pid_t hub = (pid_t)json_integer_value(json_object_get(note, "hub"));
    if (!since || wall_parse(since, wall_now(), &out->since, &d)) return false;
    if (hub <= 0 || (kill(hub, 0) && errno == ESRCH)) return false; /* it was killed meanwhile */
    out->spool_bytes = (uint64_t)json_integer_value(json_object_get(note, "spool_bytes"));
    return true;
}

err home_owner_read(const char *data, struct home_owner *out, struct diag *d) {
    AUTO(json_release) json_t *json = NULL;
    err e = read_json(data, "owner.json", &json, d);
    if (e) return e;
    const char *login = NULL, *vault = "";
    uint8_t household[16];
    AUTO(blob_clear) struct blob sign = {0};
    const struct json_field fields[] = {
        {.name = "login",
         .kind = JSON_KIND_TEXT,
         .required = true,
         .min = 1,
         .max = OWNER_LOGIN_BYTES - 1,
         .out = &login},
        {.name = "household",
         .kind = JSON_KIND_HEX,
         .required = true,
         .max = sizeof household,
         .out = household},
        {.name = "sign", .kind = JSON_KIND_BASE64, .required = true, .min = 32, .max = 32, .out = &sign},
        {.name = "vault", .kind = JSON_KIND_TEXT, .min = 1, .max = sizeof out->vault - 1, .out = &vault},
    };
    e = JSON_READ(json, fields, d);
    if (e) {
        diag_prefix(d, "%s/owner.json", data);
        return e;
    }
    struct home_owner o = {0};
    snprintf(o.vault, sizeof o.vault, "%s", vault);
    e = copy_text(o.login, sizeof o.login, login, "login", d);
    if (e) return e;
    hex_encode(BYTES_OF(household), o.household);
    memcpy(o.sign, sign.data, sizeof o.sign);
    *out = o;
    return ERR_OK;
}

err home_owner_write(const char *data, const struct home_owner *owner, struct diag *d) {
    err e = folder_make(data, d);
    if (e) return e;
    AUTO(json_release)
    json_t *json =
        json_pack("{s:s, s:s, s:o, s:s*}", "login", owner->login, "household", owner->household, "sign",
                  json_base64(BYTES_OF(owner->sign)), "vault", *owner->vault ? owner->vault : NULL);
    return write_json(data, "owner.json", json, d);
}

err home_setup_code(const char *data, char out[SETUP_CODE_BYTES], struct diag *d) {
    char path[PATH_TEXT_BYTES];
    if (path_join(path, data, "setup-code")) return diag_fail(d, ERR_LIMIT, "the path %s is too long", data);
    AUTO(blob_clear) struct blob text = {0};
    err e = file_read(path, 64, &text, d);
    if (e == ERR_OK) {
        while (text.len && (text.data[text.len - 1] == '\n' || text.data[text.len - 1] == ' ')) text.len--;
        if (text.len != SETUP_CODE_BYTES - 1)
            return diag_fail(d, ERR_INVALID, "%s holds no setup code: remove it and start again", path);
        memcpy(out, text.data, text.len);
        out[text.len] = 0;
        return ERR_OK;
    }
    if (e != ERR_NOT_FOUND) return e;
    uint8_t secret[PAIRING_SECRET_BYTES];
    random_bytes(secret, sizeof secret);
    pairing_format(secret, out);
    wipe(secret, sizeof secret);
    char line[SETUP_CODE_BYTES + 1];
    snprintf(line, sizeof line, "%s\n", out);
    return file_replace(path, bytes_text(line), 0600, d);
}
