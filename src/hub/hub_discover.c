/* `camera.discover`: one WS-Discovery probe on each network, and three seconds of listening. */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/log.h"
#include "crypto/hash.h"
#include "hub/hub.h"

#define PROBE_GROUP "239.255.255.250"
#define PROBE_PORT 3702
#define ONVIF_PORT 80
#define DATAGRAM_BYTES 65536

static bool known(const struct hub_discovery *v, const char *url) {
    size_t i;
    json_t *one;
    json_array_foreach(v->found, i,
                       one) if (strcmp(json_string_value(json_object_get(one, "url")), url) == 0) return true;
    return false;
}

static void note(struct hub_discovery *v, const struct onvif_device *device) {
    char url[CAMERA_URL_MAX_BYTES], host[sizeof device->host + 2];
    struct camera_url parsed;
    snprintf(host, sizeof host, strchr(device->host, ':') ? "[%s]" : "%s", device->host);
    if (device->port == ONVIF_PORT)
        snprintf(url, sizeof url, "onvif://%s", host);
    else
        snprintf(url, sizeof url, "onvif://%s:%u", host, device->port);
    if (camera_url_parse(url, &parsed, NULL) || json_array_size(v->found) >= HUB_FOUND_MAX || known(v, url))
        return;
    json_t *one = json_pack("{s:s,s:s,s:s}", "url", url, "name", device->name, "model", device->hardware);
    if (one && json_array_append_new(v->found, one)) log_debug("a camera that was found is left out");
}

static void on_answer(void *context, uint32_t events) {
    struct hub_discovery *v = context;
    static uint8_t datagram[DATAGRAM_BYTES]; /* one loop, one discovery */
    (void)events;
    for (int i = 0; i < HUB_FOUND_MAX; i++) {
        ssize_t n = recv(v->socket.fd, datagram, sizeof datagram, MSG_DONTWAIT);
        if (n < 0) return;
        struct onvif_device device;
        struct diag d;
        if (!onvif_probe_parse(BYTES(datagram, (size_t)n), v->probe, &device, &d)) note(v, &device);
    }
}

/* True when it left on some network. */
static bool send_probe(int fd, struct bytes probe) {
    struct ifaddrs *list = NULL;
    struct sockaddr_in group = {.sin_family = AF_INET, .sin_port = htons(PROBE_PORT)};
    bool sent = false;
    if (inet_pton(AF_INET, PROBE_GROUP, &group.sin_addr) != 1 || getifaddrs(&list)) return false;
    for (struct ifaddrs *a = list; a; a = a->ifa_next) {
        if (!a->ifa_addr || a->ifa_addr->sa_family != AF_INET || !(a->ifa_flags & IFF_UP) ||
            !(a->ifa_flags & IFF_MULTICAST))
            continue;
        const struct in_addr *from = &((struct sockaddr_in *)(void *)a->ifa_addr)->sin_addr;
        if (setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, from, sizeof *from)) continue;
        sent |= sendto(fd, probe.data, probe.len, 0, (struct sockaddr *)&group, sizeof group) ==
                (ssize_t)probe.len;
    }
    freeifaddrs(list);
    return sent;
}

err hub_discover_start(struct hub *h, const uint8_t command[COMMAND_ID_BYTES], struct diag *d) {
    struct hub_discovery *v = &h->discovery;
    uint8_t random[16];
    AUTO(blob_clear) struct blob probe = {0};
    if (v->used)
        return diag_fail(d, ERR_BUSY, "the hub is looking for cameras already: try again in a moment");
    random_bytes(random, sizeof random);
    err e = onvif_probe_build(random, v->probe, &probe);
    if (e) return diag_fail(d, e, "out of memory");
    v->socket = (struct watch){.ready = on_answer, .context = v};
    v->socket.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (v->socket.fd < 0) return diag_fail(d, ERR_IO, "no socket: %s", strerror(errno));
    if (!send_probe(v->socket.fd, blob_bytes(&probe))) {
        event_loop_close(h->loop, &v->socket);
        return diag_fail(d, ERR_UNREACHABLE, "the hub is on no network that could be asked for cameras");
    }
    v->found = json_array();
    e = v->found ? event_loop_add(h->loop, &v->socket, EPOLLIN) : ERR_NO_MEMORY;
    if (e) {
        event_loop_close(h->loop, &v->socket);
        json_release(&v->found);
        return diag_fail(d, e, "cannot listen for answers");
    }
    memcpy(v->command, command, sizeof v->command);
    v->deadline.us = steady_now().us + HUB_DISCOVER_US;
    v->used = true;
    return ERR_OK;
}

void hub_discover_tick(struct hub *h) {
    struct hub_discovery *v = &h->discovery;
    if (!v->used || steady_now().us < v->deadline.us) return;
    hub_reply(h, v->command, ERR_OK, json_pack("{s:O}", "found", v->found), NULL);
    hub_discover_clear(h);
}

void hub_discover_clear(struct hub *h) {
    struct hub_discovery *v = &h->discovery;
    event_loop_close(h->loop, &v->socket);
    json_release(&v->found);
    v->used = false;
}
