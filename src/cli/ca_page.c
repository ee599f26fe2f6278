#include "cli/ca_page.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <microhttpd.h>

#include "base/file.h"

#define PAGE_BYTES 4096
#define CONNECTIONS_MAX 32
#define CONNECTIONS_PER_ADDRESS 8
#define IDLE_S 15

struct ca_page {
    struct MHD_Daemon *daemon;
    struct blob certificate;
    char page[PAGE_BYTES];
};

static const char template[] =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>Trust this home</title>"
    "<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:2rem auto;padding:0 "
    "1rem;color-scheme:light "
    "dark}code{overflow-wrap:anywhere}</style>"
    "<h1>Trust this home</h1>"
    "<ol><li><a href=\"/ca.crt\">Download the certificate</a> and open it. It is good for this home's "
    "addresses alone."
    "<li>Android: Settings, Security, Install a certificate, CA certificate. iPhone: Settings, Profile "
    "downloaded, "
    "Install; then General, About, Certificate Trust Settings. Computers: add it to the browser's "
    "authorities."
    "<li>Compare its SHA-256 fingerprint with the one that <code>cardea home</code> printed: <code>%s</code>"
    "<li>Open <a href=\"%s\">%s</a>.</ol>";

static enum MHD_Result answer(struct ca_page *p, struct MHD_Connection *connection, const char *url) {
    bool cert = strcmp(url, "/ca.crt") == 0, page = strcmp(url, "/") == 0;
    static char missing[] = "not found\n";
    struct MHD_Response *response =
        cert
            ? MHD_create_response_from_buffer(p->certificate.len, p->certificate.data, MHD_RESPMEM_PERSISTENT)
        : page ? MHD_create_response_from_buffer(strlen(p->page), p->page, MHD_RESPMEM_PERSISTENT)
               : MHD_create_response_from_buffer(strlen(missing), missing, MHD_RESPMEM_PERSISTENT);
    if (!response) return MHD_NO;
    MHD_add_response_header(response, "Content-Type",
                            cert   ? "application/x-x509-ca-cert"
                            : page ? "text/html; charset=utf-8"
                                   : "text/plain");
    MHD_add_response_header(response, "Content-Security-Policy",
                            "default-src 'none'; style-src 'unsafe-inline'");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (cert)
        MHD_add_response_header(response, "Content-Disposition", "attachment; filename=\"cardea-home.crt\"");
    enum MHD_Result ok =
        MHD_queue_response(connection, cert || page ? MHD_HTTP_OK : MHD_HTTP_NOT_FOUND, response);
    MHD_destroy_response(response);
    return ok;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload, size_t *upload_len,
                              void **state) {
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) return MHD_NO;
    return answer(context, connection, url);
}

static struct MHD_Daemon *listen_on(const struct listen_address *address, struct ca_page *p) {
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(address->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(address->port)};
    const struct sockaddr *sock = address->v6 ? (const struct sockaddr *)&v6 : (const struct sockaddr *)&v4;
    if (inet_pton(address->v6 ? AF_INET6 : AF_INET, address->host,
                  address->v6 ? (void *)&v6.sin6_addr : (void *)&v4.sin_addr) != 1)
        return NULL;
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO | (address->v6 ? MHD_USE_IPv6 : 0);
    return MHD_start_daemon(flags, address->port, NULL, NULL, handle, p, MHD_OPTION_SOCK_ADDR, sock,
                            MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
                            MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)CONNECTIONS_PER_ADDRESS,
                            MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S, MHD_OPTION_END);
}

err ca_page_start(const struct listen_address *address, const char *certificate, const char *fingerprint,
                  const char *app_url, struct ca_page **out, struct diag *d) {
    struct ca_page *p = calloc(1, sizeof *p);
    if (!p) return diag_fail(d, ERR_NO_MEMORY, "no memory for the certificate's page");
    err e = file_read(certificate, 1u << 16, &p->certificate, d);
    if (!e &&
        snprintf(p->page, sizeof p->page, template, fingerprint, app_url, app_url) >= (int)sizeof p->page)
        e = diag_fail(d, ERR_LIMIT, "the certificate's page is too long");
    if (!e) p->daemon = listen_on(address, p);
    if (!e && !p->daemon)
        e = diag_fail(d, ERR_IO, "cannot serve the certificate on %s port %u: %s", address->host,
                      (unsigned)address->port, strerror(errno));
    if (e) {
        ca_page_stop(p);
        return e;
    }
    *out = p;
    return ERR_OK;
}

void ca_page_stop(struct ca_page *p) {
    if (!p) return;
    if (p->daemon) MHD_stop_daemon(p->daemon);
    blob_clear(&p->certificate);
    free(p);
}
