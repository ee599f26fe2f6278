/* cmd_home.c: home, hub, vault. (demo is in cmd_demo.c.) */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "base/log.h"
#include "cli/authority.h"
#include "cli/ca_page.h"
#include "cli/commands.h"
#include "cli/demo.h"
#include "cli/home.h"
#include "cli/qr.h"

#define FREE_PORT_TRIES 16
#define TEND_MS 1000

int signals_open(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &set, NULL)) return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

bool signals_wait(int fd, int timeout_ms) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    struct signalfd_siginfo info;
    if (poll(&p, 1, timeout_ms) <= 0) return false;
    bool stop = false;
    while (read(fd, &info, sizeof info) == (ssize_t)sizeof info)
        stop = stop || info.ssi_signo == SIGINT || info.ssi_signo == SIGTERM || info.ssi_signo == SIGHUP;
    return stop;
}

/* The page with the authority's certificate, on the port after the listener's, and how to reach it. */
static err offer_certificate(struct home *h, bool free_port, struct diag *d) {
    char folder[PATH_TEXT_BYTES], certificate[PATH_TEXT_BYTES], fingerprint[AUTHORITY_FINGERPRINT_BYTES];
    struct listen_address address = h->listen;
    err e = path_join(folder, h->data, "tls");
    if (!e) e = path_join(certificate, folder, "ca.crt");
    if (e) return diag_fail(d, e, "the path %s is too long", h->data);
    e = authority_fingerprint(folder, fingerprint, d);
    if (e) return e;
    if (address.port == 65535)
        return diag_fail(d, ERR_INVALID, "choose a port below 65535: the next one serves the certificate");
    /* The next one; where the network's own port was any, the next that is free. */
    for (int tries = free_port ? FREE_PORT_TRIES : 1; tries > 0 && address.port < 65535; tries--) {
        address.port++;
        e = ca_page_start(&address, certificate, fingerprint, h->state.lan_url, &h->page, d);
        if (!e) break;
    }
    if (e) return e;
    char page[HOME_URL_BYTES + 16];
    const char *host = h->state.lan_url + strlen("https://"), *colon = strrchr(host, ':');
    snprintf(page, sizeof page, "http://%.*s:%u/", colon ? (int)(colon - host) : (int)strlen(host), host,
             (unsigned)address.port);
    printf("\nphones and other computers: first trust this home's certificate, from %s\n", page);
    if (isatty(STDOUT_FILENO)) qr_print(page);
    printf("  its SHA-256 fingerprint is %s\nthen open %s\n", fingerprint, h->state.lan_url);
    return ERR_OK;
}

static void print_next_steps(const struct home *h) {
    struct home_owner owner;
    struct diag ignored;
    char code[SETUP_CODE_BYTES];
    printf("cardea home: %s\n", h->state.url);
    if (home_owner_read(h->data, &owner, &ignored) == ERR_OK || home_has_household(h)) return;
    if (home_setup_code(h->data, code, &ignored)) return;
    printf("\nno household yet: open %s/#setup=%s in a browser on this machine,\n"
           "or run `cardea init%s%s` in another terminal\n",
           h->state.url, code, h->data_given ? " --data " : "", h->data_given ? h->data : "");
    wipe(code, sizeof code);
}

int home_run(struct home *h, int signals) {
    while (!signals_wait(signals, TEND_MS)) {
        home_tend(h);
        sd_notify(0, "WATCHDOG=1");
    }
    sd_notify(0, "STOPPING=1");
    return STATUS_DONE;
}

static int run_home(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(home_stop) struct home h;
    home_init(&h, cli->data);
    h.data_given = cli->data_given;
    const char *listen = args_value(args, "listen");
    char standard[32];
    snprintf(standard, sizeof standard, "127.0.0.1:%d", HOME_DEFAULT_PORT);
    if (listen_parse(listen ? listen : standard, &h.listen, &d)) return cli_usage("home", &d);
    AUTO(fd_close) int signals = signals_open();
    if (signals < 0) return cli_fail_text("cannot wait for signals: %s", strerror(errno));
    const bool free_port = h.listen.port == 0;
    if (home_start(&h, &d)) return cli_fail(&d);
    print_next_steps(&h);
    if (h.tls && offer_certificate(&h, free_port, &d)) return cli_fail(&d);
    fflush(stdout);
    sd_notify(0, "READY=1");
    return home_run(&h, signals);
}

static int become(const char *program, int argc, char **argv) {
    char path[PATH_TEXT_BYTES];
    struct diag d = {{0}};
    if (program_find(program, path, &d)) return cli_fail(&d);
    char **full = calloc((size_t)argc + 2, sizeof *full);
    if (!full) return cli_fail_text("out of memory");
    full[0] = path;
    for (int i = 0; i < argc; i++) full[i + 1] = argv[i];
    signal(SIGPIPE, SIG_DFL);
    execv(path, full);
    free(full);
    return cli_fail_text("cannot start %s: %s", path, strerror(errno));
}

static int run_hub(int argc, char **argv) {
    return become("cardea-hub", argc, argv);
}
static int run_vault(int argc, char **argv) {
    return become("cardea-vault", argc, argv);
}

static const struct option_spec home_options[] = {{"listen", 0, true, false}, {0}};
static const struct option_spec demo_options[] = {{"port", 0, true, false}, {0}};

const struct command commands_home[] = {
    {.name = "demo",
     .summary = "A home with two cameras on real footage, ready to look at",
     .usage = "[--data DIR] [--port N]",
     .help = "Makes a household with a passphrase of its own and prints where to look. Its folder is kept "
             "between runs\n"
             "(default: cardea-demo in $XDG_CACHE_HOME). CARDEA_FOOTAGE may name a folder with other clips. "
             "Ctrl-C ends it.\n"
             "  --port N     of the app, on this machine alone; default 8450\n",
     .options = demo_options,
     .run = run_demo},
    {.name = "home",
     .summary = "This machine is hub and vault; runs until interrupted",
     .usage = "[--data DIR] [--listen ADDR:PORT]",
     .help = "  --listen ADDR:PORT   default 127.0.0.1:8440, in plain HTTP for browsers on this machine "
             "alone. Any other\n"
             "                       address, such as 0.0.0.0:8443 for the whole network, is served with TLS "
             "under this\n"
             "                       home's own certificate authority, which the next port (8444) offers to "
             "phones;\n"
             "                       this machine then also has 127.0.0.1:8440 (8442 where 8440 is the\n"
             "                       network's). Port 0 takes a free one.\n"
             "What dies is started again. One home runs on one folder.\n",
     .options = home_options,
     .run = run_home},
    {.name = "hub",
     .summary = "The hub alone, for another machine's vault",
     .usage = "--vault URL [--data DIR] …",
     .help = "Becomes cardea-hub with these arguments; `cardea hub --help` lists them.\n",
     .run_raw = run_hub},
    {.name = "vault",
     .summary = "The vault alone, for a provider",
     .usage = "--listen ADDR:PORT --index sqlite:FILE --blobs disk:DIR [--tls-cert FILE --tls-key FILE] …",
     .help = "Becomes cardea-vault with these arguments; `cardea vault --help` lists them.\n",
     .run_raw = run_vault},
    {0},
};
