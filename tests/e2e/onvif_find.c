/* onvif_find.c: asks an ONVIF camera on 127.0.0.1 for its stream, or probes a port for cameras; one line of
 * JSON. Usage: onvif_find URL [sub] | onvif_find --probe PORT */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "media/onvif_client.h"

static struct onvif_client *client;

static int connected(int type, uint16_t port) {
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) == 0) return fd;
    close(fd);
    return -1;
}

static err want(void *context, const struct rtsp_want *w, struct diag *d) {
    (void)context, (void)d;
    int fd = connected(SOCK_STREAM, w->port);
    return fd < 0 ? onvif_client_refuse(client, w->request, "connection refused")
                  : onvif_client_give(client, w->request, fd);
}

static int say(json_t *line) {
    AUTO(json_release) json_t *owned = line;
    if (!owned) return 1;
    json_dumpf(owned, stdout, JSON_COMPACT);
    putchar('\n');
    return 0;
}

static int probe(uint16_t port) {
    uint8_t random[16], raw[ONVIF_DATAGRAM_MAX_BYTES];
    char id[ONVIF_PROBE_ID_BYTES];
    AUTO(blob_clear) struct blob b = {0};
    AUTO(fd_close) int fd = connected(SOCK_DGRAM, port);
    if (fd < 0 || getrandom(random, sizeof random, 0) < 0 || onvif_probe_build(random, id, &b)) return 1;
    if (send(fd, b.data, b.len, 0) < 0) return 1;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    json_t *found = json_array();
    for (unsigned refused = 0; refused < 8 && poll(&p, 1, 1000) > 0;) {
        struct onvif_device device;
        struct diag d = {0};
        ssize_t n = recv(fd, raw, sizeof raw, 0);
        if (n < 0) break;
        if (onvif_probe_parse(BYTES(raw, (size_t)n), id, &device, &d)) {
            refused++;
            continue;
        }
        json_array_append_new(found, json_pack("{s:s s:s s:s}", "address", device.address, "name",
                                               device.name, "hardware", device.hardware));
        break;
    }
    return say(found);
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    if (!strcmp(argv[1], "--probe")) return argc > 2 ? probe((uint16_t)(int)strtol(argv[2], NULL, 10)) : 2;
    const struct onvif_options options = {.sub = argc > 2, .want = want};
    struct diag d = {0};
    err e = onvif_client_new(argv[1], &options, &client, &d);
    while (!e && !(e = onvif_client_ready(client, steady_now(), &d)) && !onvif_client_url(client)) {
        struct pollfd fd;
        size_t n = onvif_client_poll(client, &fd, 1);
        int64_t left = onvif_client_deadline(client).us - steady_now().us;
        (void)poll(&fd, (nfds_t)n, left <= 0 ? 0 : (int)(left / 1000 + 1));
    }
    const char *url = e ? NULL : onvif_client_url(client);
    int status =
        say(json_pack("{s:s s:s s:s}", "error", err_text(e), "message", d.text, "url", url ? url : ""));
    onvif_client_free(client);
    return status;
}
