#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "vault/access_log.h"
#include "vault/keeper.h"
#include "vault/options.h"
#include "vault/pages.h"
#include "vault/staff.h"
#include "vault/store_check.h"
#include "vault/stream.h"
#include "vault/upload.h"

#define STOP_PATIENCE_MS 4000
#define CERTIFICATE_MAX_BYTES (256u << 10)

struct serving {
    struct vault vault;
    struct pages pages;
    struct http_app app, metrics, ca;
    struct http_listen listen[OPTIONS_LISTEN_MAX + 2];
    size_t listen_count;
    struct blob cert, key;
    struct http_server *server;
    struct keeper *keeper;
};

static void listen_add(struct serving *s, const char *address, bool tls, const struct http_app *app) {
    s->listen[s->listen_count++] = (struct http_listen){address, tls, app};
}

static bool is_loopback(const char *address) {
    return strncmp(address, "127.", 4) == 0 || strncmp(address, "[::1]:", 6) == 0 ||
           strncmp(address, "localhost:", 10) == 0;
}

static err read_pem(const char *path, struct blob *out, struct diag *d) {
    err e = file_read(path, CERTIFICATE_MAX_BYTES, out, d);
    return e ? e : blob_append_u8(out, 0);
}

/* Before any page is served: they are those of a release, and the release is in the log. */
static err open_pages(struct serving *s, const struct options *o, struct diag *d) {
    struct pages *pages = &s->pages;
    if (!realpath(o->web, pages->folder)) return diag_fail(d, ERR_NOT_FOUND, "--web %s: %m", o->web);
    s->vault.pages = pages;
    err e = s->vault.log ? options_folder(o, pages->log_folder, d) : ERR_OK;
    return e ? e : pages_open(pages, &s->vault, d);
}

static err prepare(struct serving *s, const struct options *o, struct diag *d) {
    struct vault *v = &s->vault;
    v->signup = o->signup;
    v->quota_bytes = o->quota_bytes;
    v->metrics_open = o->metrics_listen != NULL;
    err e = stores_open(v, o, d);
    if (!e) e = log_open_beside(v, o, d);
    if (!e && v->log) e = access_log_start(v, d);
    if (!e && v->log) e = log_admin_act(v, "vault start", d);
    if (!e) e = staff_new(v, o->staff_key, d);
    if (!e && v->signup == VAULT_SIGNUP_CODE) e = setup_code_load(v, o->setup_code_file, d);
    if (!e && o->ca_file) e = file_read(o->ca_file, CERTIFICATE_MAX_BYTES, &v->ca_pem, d);
    if (!e && o->tls_cert) e = read_pem(o->tls_cert, &s->cert, d);
    if (!e && o->tls_key) e = read_pem(o->tls_key, &s->key, d);
    if (!e && o->web) e = open_pages(s, o, d);
    if (e) return e;
    s->app = vault_app(v);
    s->metrics = vault_metrics_app(v);
    s->ca = vault_ca_app(v);
    for (size_t i = 0; i < o->listen_count; i++)
        listen_add(s, o->listen[i], !is_loopback(o->listen[i]), &s->app);
    if (o->ca_listen) listen_add(s, o->ca_listen, false, &s->ca);
    if (o->metrics_listen) listen_add(s, o->metrics_listen, false, &s->metrics);
    return ERR_OK;
}

/* One line for each listener, in their order, for whoever started this with port 0. */
static void say_ready(const struct serving *s, const struct options *o) {
    for (size_t i = 0; i < o->listen_count; i++) {
        const char *colon = strrchr(o->listen[i], ':');
        int host = (int)(colon - o->listen[i]);
        const char *scheme = s->listen[i].tls ? "https" : "http";
        unsigned port = http_server_port(s->server, i);
        printf("listening %s://%.*s:%u\n", scheme, host, o->listen[i], port);
        if (o->ready_fd >= 0) dprintf(o->ready_fd, "ready %s://%.*s:%u\n", scheme, host, o->listen[i], port);
    }
    fflush(stdout);
    if (o->ready_fd > 2) close(o->ready_fd);
}

static void stop(struct serving *s) {
    sd_notify(0, "STOPPING=1");
    atomic_store(&s->vault.closing, true);
    http_server_close(s->server);
    streams_end_all(&s->vault);
    http_server_join(s->server, STOP_PATIENCE_MS);
    keeper_stop(s->keeper);
    staff_refused_flush(&s->vault);
}

/* SIGHUP: the certificate's files may have changed. */
static void reload(struct serving *s, const struct options *o) {
    struct diag d = {0};
    if (!o->tls_cert) return;
    s->cert.len = s->key.len = 0;
    err e = read_pem(o->tls_cert, &s->cert, &d);
    if (!e) e = read_pem(o->tls_key, &s->key, &d);
    if (!e) e = http_server_certificate((const char *)s->cert.data, (const char *)s->key.data, &d);
    if (e)
        log_error("the certificate was not replaced: %s", d.text);
    else
        log_info("a new certificate is shown");
}

static int serve(const struct options *o) {
    static struct serving s; /* its tables are large, and there is one */
    struct diag d = {0};
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &ends, NULL); /* before any thread, so that none of them takes one */
    vault_init(&s.vault);
    err e = prepare(&s, o, &d);
    struct http_server_options server = {.tls_cert_pem = (const char *)s.cert.data,
                                         .tls_key_pem = (const char *)s.key.data,
                                         .behind_proxy = o->proxy};
    if (!e && cuts_apply_due(&s.vault, &d)) log_error("what was deleted is not all removed yet: %s", d.text);
    if (!e && watches_sweep(&s.vault, &d)) log_error("live views that a crash ended: %s", d.text);
    if (!e && staff_key_refresh(&s.vault, &d)) log_error("%s", d.text); /* the household's part goes on */
    if (!e) e = keeper_start(&s.vault, o->sweep_s, &s.keeper, &d);
    if (!e) e = http_server_start(&server, s.listen, s.listen_count, &s.server, &d);
    if (!e) {
        say_ready(&s, o);
        sd_notify(0, "READY=1");
        log_info("serving");
        int signal_number = 0;
        while (!sigwait(&ends, &signal_number) && signal_number == SIGHUP) reload(&s, o);
        stop(&s);
    } else {
        keeper_stop(s.keeper);
        log_error("%s", d.text[0] ? d.text : err_text(e));
    }
    blob_clear(&s.cert);
    blob_clear(&s.key);
    pages_close(&s.pages);
    vault_clear(&s.vault);
    return e == ERR_INVALID ? 2 : e ? 1 : 0;
}

int main(int argc, char **argv) {
    struct options o;
    struct diag d = {0};
    log_open("cardea-vault", LOG_LEVEL_INFO);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* no core file with the secret in it */
    if (options_read(argc, argv, &o, &d)) {
        fprintf(stderr, "cardea-vault: %s\n%s", d.text, options_use);
        return 2;
    }
    return o.mode == MODE_SERVE ? serve(&o) : store_check_run(&o);
}
