#include "cli/home.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/authority.h"
#include "cli/ca_page.h"
#include "cli/home_private.h"
#include "cli/staff.h"
#include "client/client.h"

#define RETRY_FIRST_MS 500
#define RETRY_MAX_MS 30000
#define RETRY_FORGET_S 60 /* a program that ran this long starts again without delay */
#define CERTIFICATE_CHECK_S 3600

void home_init(struct home *h, const char *data) {
    *h = (struct home){.lock_fd = -1, .log_fd = -1};
    snprintf(h->data, sizeof h->data, "%s", data);
    child_init(&h->vault, "vault");
    child_init(&h->hub, "hub");
}

static err in_data(const struct home *h, const char *name, char out[PATH_TEXT_BYTES], struct diag *d) {
    if (path_join(out, h->data, name)) return diag_fail(d, ERR_LIMIT, "the path %s is too long", h->data);
    return ERR_OK;
}

static void arg_pair(struct child *c, const char *name, const char *value) {
    child_arg(c, name);
    child_arg(c, value);
}

static void arg_path(struct child *c, const char *name, const char *scheme, const char *path) {
    char text[PATH_TEXT_BYTES + 16];
    snprintf(text, sizeof text, "%s%s", scheme, path);
    arg_pair(c, name, text);
}

static err prepare_folders(const struct home *h, struct diag *d) {
    static const char *const names[] = {"vault", "vault/blobs", "hub"};
    char path[PATH_TEXT_BYTES];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        err e = in_data(h, names[i], path, d);
        if (!e) e = folder_make(path, d);
        if (e) return e;
    }
    return ERR_OK;
}

static err prepare_certificates(const struct home *h, bool *changed, struct diag *d) {
    char folder[PATH_TEXT_BYTES];
    struct authority_names names;
    authority_names_of_host(&names);
    err e = in_data(h, "tls", folder, d);
    if (!e) e = authority_make(folder, names.host, wall_now(), d);
    if (!e) e = authority_issue(folder, &names, wall_now(), changed, d);
    return e;
}

static bool port_is_free(uint16_t port) {
    AUTO(fd_close) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
           bind(fd, (const struct sockaddr *)&address, sizeof address) == 0;
}

/* The standard port, or two after it where the network has that one; else any: home.json says which. */
static uint16_t local_port(struct home *h) {
    uint16_t wanted = h->listen.port == HOME_DEFAULT_PORT ? HOME_DEFAULT_PORT + 2 : HOME_DEFAULT_PORT;
    const char *colon = strrchr(h->state.url, ':');
    if (colon && *h->state.url) return (uint16_t)strtoul(colon + 1, NULL, 10); /* started again: the same */
    return port_is_free(wanted) ? wanted : 0;
}

/* Both listeners: the plain one on loopback always, so that commands on this machine need no certificate. */
static err vault_listeners(struct home *h, struct child *c, struct diag *d) {
    char text[ADDRESS_TEXT_BYTES + 16], path[PATH_TEXT_BYTES];
    if (!h->tls) {
        listen_format(&h->listen, text);
        arg_pair(c, "--listen", text);
        return ERR_OK;
    }
    struct listen_address local = {.host = "127.0.0.1", .port = local_port(h), .loopback = true};
    listen_format(&local, text);
    arg_pair(c, "--listen", text);
    listen_format(&h->listen, text);
    arg_pair(c, "--listen", text);
    static const char *const files[][2] = {
        {"--tls-cert", "tls/server.crt"}, {"--tls-key", "tls/server.key"}, {"--ca-cert", "tls/ca.crt"}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        err e = in_data(h, files[i][1], path, d);
        if (e) return e;
        arg_pair(c, files[i][0], path);
    }
    return ERR_OK;
}

static err vault_command(struct home *h, struct diag *d) {
    char path[PATH_TEXT_BYTES];
    struct child *c = &h->vault;
    child_init(c, "vault");
    c->log_fd = h->log_fd;
    if (c->log_fd < 0) c->stdout_fd = STDERR_FILENO; /* our standard output is for people and scripts */
    err e = program_find("cardea-vault", c->program, d);
    if (!e) e = vault_listeners(h, c, d);
    if (!e) e = in_data(h, "vault", path, d);
    if (e) return e;
    arg_path(c, "--index", "sqlite:", path);
    e = in_data(h, "vault/blobs", path, d);
    if (e) return e;
    arg_path(c, "--blobs", "disk:", path);
    struct diag no_web;
    if (program_web_folder(path, &no_web) == ERR_OK)
        arg_pair(c, "--web", path);
    else if (!h->temporary)
        log_warning("%s", no_web.text);
    e = in_data(h, "setup-code", path, d);
    if (e) return e;
    arg_pair(c, "--setup-code-file", path);
    e = in_data(h, STAFF_PUBLIC_FILE, path, d); /* which may come later: the vault looks for it */
    if (!e) arg_pair(c, "--staff-key", path);
    return e;
}

static err hub_command(struct home *h, struct diag *d) {
    char path[PATH_TEXT_BYTES];
    struct child *c = &h->hub;
    child_init(c, "hub");
    c->log_fd = h->log_fd;
    if (c->log_fd < 0) c->stdout_fd = STDERR_FILENO;
    err e = program_find("cardea-hub", c->program, d);
    if (!e) e = in_data(h, "hub", path, d);
    if (e) return e;
    arg_pair(c, "--vault", h->state.url);
    arg_pair(c, "--data", path);
    e = in_data(h, "setup-code", path, d);
    if (e) return e;
    arg_pair(c, "--setup-code-file", path);
    return ERR_OK;
}

/* The children's last line, when they write to a log file, so that a failed start says why. */
static void last_log_line(const struct home *h, char out[300]) {
    out[0] = 0;
    struct stat info;
    if (h->log_fd < 0 || fstat(h->log_fd, &info)) return;
    char tail[300];
    off_t from = info.st_size > (off_t)sizeof tail - 1 ? info.st_size - (off_t)sizeof tail + 1 : 0;
    ssize_t n = pread(h->log_fd, tail, sizeof tail - 1, from);
    if (n <= 0) return;
    tail[n] = 0;
    while (n > 0 && tail[n - 1] == '\n') tail[--n] = 0;
    const char *line = strrchr(tail, '\n');
    snprintf(out, 300, "%s", line ? line + 1 : tail);
}

static err vault_not_ready(struct home *h, struct diag *d) {
    char line[300] = "";
    if (child_alive(&h->vault))
        return diag_fail(d, ERR_TIMEOUT, "cardea-vault does not answer after %d s", HOME_START_MS / 1000);
    char how[64];
    child_end_text(&h->vault, how);
    last_log_line(h, line);
    return diag_fail(d, ERR_IO, "cardea-vault %s%s%s", how, *line ? ": " : "; its messages are above", line);
}

/* Reads "ready URL" lines until `wanted` of them or the end; the first is the loopback listener's. */
static err read_ready(struct home *h, int fd, size_t wanted, struct diag *d) {
    char text[512];
    size_t len = 0, lines = 0;
    int64_t end = steady_now().us + (int64_t)HOME_START_MS * 1000;
    while (lines < wanted) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int64_t left_ms = (end - steady_now().us) / 1000;
        if (left_ms <= 0 || len == sizeof text - 1) return vault_not_ready(h, d);
        if (poll(&p, 1, (int)left_ms) <= 0) continue;
        ssize_t n = read(fd, text + len, sizeof text - 1 - len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            child_wait(&h->vault, 1000);
            return vault_not_ready(h, d);
        }
        len += (size_t)n;
        text[len] = 0;
        lines = 0;
        for (size_t i = 0; i < len; i++) lines += text[i] == '\n';
    }
    const char *second = strchr(text, '\n') + 1;
    if (sscanf(text, "ready %127s", h->state.url) != 1 ||
        (wanted > 1 && sscanf(second, "ready %127s", h->state.lan_url) != 1))
        return diag_fail(d, ERR_INVALID, "cardea-vault says '%.60s' where it should say its address", text);
    return ERR_OK;
}

static err start_vault(struct home *h, struct diag *d) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC)) return diag_fail(d, ERR_IO, "cannot make a pipe: %s", strerror(errno));
    AUTO(fd_close) int ready = ends[0];
    AUTO(fd_close) int theirs = ends[1];
    err e = vault_command(h, d);
    if (e) return e;
    char number[16];
    snprintf(number, sizeof number, "%d", CHILD_READY_FD);
    arg_pair(&h->vault, "--ready-fd", number);
    h->vault.ready_fd = theirs;
    e = child_start(&h->vault, d);
    if (e) return e;
    fd_close(&theirs);
    e = read_ready(h, ready, h->tls ? 2 : 1, d);
    if (e) child_stop(&h->vault, HOME_STOP_MS);
    return e;
}

static err start_hub(struct home *h, struct diag *d) {
    err e = hub_command(h, d);
    return e ? e : child_start(&h->hub, d);
}

static err write_state(struct home *h, struct diag *d) {
    h->state.home = getpid();
    h->state.vault = h->vault.pid;
    h->state.hub = h->hub.pid;
    return home_state_write(h->data, &h->state, d);
}

static err open_log(struct home *h, struct diag *d) {
    if (!*h->log_path) return ERR_OK;
    h->log_fd = open(h->log_path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (h->log_fd < 0) return diag_fail(d, ERR_IO, "cannot write %s: %s", h->log_path, strerror(errno));
    return ERR_OK;
}

/* The address people use, where the vault listens on every network. */
static void name_lan_url(struct home *h) {
    struct authority_names names;
    authority_names_of_host(&names);
    if (!h->listen.any) return;
    const char *host = *names.host ? names.host : "localhost";
    for (size_t i = 0; i < names.count; i++) {
        if (strchr(names.addresses[i], ':')) continue;
        host = names.addresses[i];
        break;
    }
    const char *colon = strrchr(h->state.lan_url, ':');
    if (h->listen.port == 0 && colon) h->listen.port = (uint16_t)strtoul(colon + 1, NULL, 10);
    snprintf(h->state.lan_url, sizeof h->state.lan_url, "https://%.90s:%u", host, (unsigned)h->listen.port);
}

static err start_locked(struct home *h, struct diag *d) {
    char code[SETUP_CODE_BYTES];
    bool changed;
    h->tls = !h->listen.loopback;
    err e = open_log(h, d);
    if (!e) e = prepare_folders(h, d);
    if (!e) e = home_setup_code(h->data, code, d);
    wipe(code, sizeof code);
    if (!e && h->tls) e = prepare_certificates(h, &changed, d);
    if (!e) e = start_vault(h, d);
    if (!e) e = start_hub(h, d);
    if (e) return e;
    if (h->tls) name_lan_url(h);
    h->next_certificate_check.us = steady_now().us + (int64_t)CERTIFICATE_CHECK_S * 1000000;
    return write_state(h, d);
}

bool home_has_household(const struct home *h) {
    AUTO(client_clear) struct client c;
    struct client_vault vault;
    struct diag ignored;
    return client_open(&c, h->state.url, NULL, &ignored) == ERR_OK &&
           client_vault(&c, &vault, &ignored) == ERR_OK && !*vault.setup_code;
}

err home_start(struct home *h, struct diag *d) {
    err e = home_lock(h->data, &h->lock_fd, d);
    if (!e) e = start_locked(h, d);
    if (e) home_stop(h);
    return e;
}

static void plan_restart(struct child *c, int *delay_ms, struct steady_us *next) {
    char how[64];
    int64_t ran_s = (steady_now().us - c->started.us) / 1000000;
    child_end_text(c, how);
    *delay_ms = ran_s >= RETRY_FORGET_S || *delay_ms == 0 ? RETRY_FIRST_MS : *delay_ms * 2;
    if (*delay_ms > RETRY_MAX_MS) *delay_ms = RETRY_MAX_MS;
    next->us = steady_now().us + (int64_t)*delay_ms * 1000;
    log_warning("the %s %s after %lld s; it starts again in %d ms", c->label, how, (long long)ran_s,
                *delay_ms);
}

static bool due(const struct steady_us *next) {
    return next->us && steady_now().us >= next->us;
}

static void tend_vault(struct home *h) {
    struct diag d;
    if (h->vault_retry.next.us == 0) {
        if (!child_alive(&h->vault)) plan_restart(&h->vault, &h->vault_retry.delay_ms, &h->vault_retry.next);
        return;
    }
    if (!due(&h->vault_retry.next)) return;
    h->vault_retry.next.us = 0;
    /* The same port again: the hub and everybody's bookmarks point there. */
    struct listen_address again;
    const char *old_port = strrchr(h->state.url, ':');
    if (!h->tls && old_port && h->listen.port == 0 &&
        snprintf(d.text, sizeof d.text, "%s%s", h->listen.host, old_port) > 0 &&
        listen_parse(d.text, &again, NULL) == 0)
        h->listen = again;
    err e = start_vault(h, &d);
    if (!e && h->tls) name_lan_url(h);
    if (!e) e = write_state(h, &d);
    if (e) {
        log_error("%s", d.text);
        plan_restart(&h->vault, &h->vault_retry.delay_ms, &h->vault_retry.next);
    }
}

static void tend_hub(struct home *h) {
    struct diag d;
    if (h->hub_retry.next.us == 0) {
        if (!child_alive(&h->hub)) plan_restart(&h->hub, &h->hub_retry.delay_ms, &h->hub_retry.next);
        return;
    }
    if (!due(&h->hub_retry.next)) return;
    h->hub_retry.next.us = 0;
    err e = start_hub(h, &d);
    if (!e) e = write_state(h, &d);
    if (e) log_error("%s", d.text);
}

static void tend_certificates(struct home *h) {
    if (!h->tls || steady_now().us < h->next_certificate_check.us) return;
    h->next_certificate_check.us = steady_now().us + (int64_t)CERTIFICATE_CHECK_S * 1000000;
    bool changed = false;
    struct diag d;
    if (prepare_certificates(h, &changed, &d)) {
        log_error("%s", d.text);
        return;
    }
    if (!changed || !child_alive(&h->vault)) return;
    log_info("the server's certificate was renewed");
    kill(h->vault.pid, SIGHUP);
}

void home_tend(struct home *h) {
    tend_vault(h);
    tend_hub(h);
    tend_certificates(h);
}

void home_stop(struct home *h) {
    ca_page_stop(h->page);
    h->page = NULL;
    child_stop(&h->hub, HOME_STOP_MS);
    child_stop(&h->vault, HOME_STOP_MS);
    char path[PATH_TEXT_BYTES];
    if (h->lock_fd >= 0 && path_join(path, h->data, "home.json") == ERR_OK) unlink(path);
    fd_close(&h->log_fd);
    fd_close(&h->lock_fd);
}
