/* cardea-camera: one process for one stream of one camera. Speaks docs/worker.md over descriptor 3 and takes
 * no arguments. */
#include <libavutil/log.h>
#include <malloc.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/sanitized.h"
#include "camera/loop.h"
#include "camera/sandbox.h"

#define CONFIG_WAIT_MS 10000
#define MEMORY_MAX_BYTES (UINT64_C(1536) << 20) /* of address space; the libraries alone map some 200 MB */

static err receive_config(struct hub_link *hub, struct worker_config *config, struct diag *d) {
    for (;;) {
        struct worker_message m;
        err e = hub_link_next(hub, &m, d);
        if (!e && m.type != WORKER_TYPE_CONFIG)
            return diag_fail(d, ERR_INVALID, "the hub's first message is no config");
        if (!e) return worker_config_decode(m.payload, config, d);
        if (e != ERR_BUSY) return e;
        e = hub_link_wait(hub, CONFIG_WAIT_MS);
        if (e) return diag_fail(d, e, "the hub sent no configuration");
    }
}

/* Pictures come and go in megabytes: they are given back to the system rather than kept for the next one. */
static void set_up_memory(void) {
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, 128 << 10);
    mallopt(M_TRIM_THRESHOLD, 128 << 10);
}

static err run(struct hub_link *hub, struct worker_config *config, uint8_t *layers, struct diag *d) {
    enum feed_kind kind;
    const struct feed_ops *ops;
    err e = receive_config(hub, config, d);
    if (!e) e = feed_choose(config->url, &kind, &ops, d);
    if (!e) e = feed_prepare(kind, d);
    if (e) return e;
    const struct sandbox_options options = {.v4l2 = kind == FEED_DEVICE,
                                            .memory_bytes = SANITIZED ? 0 : MEMORY_MAX_BYTES};
    e = sandbox_enter(&options, layers, d);
    return e ? e : loop_run(hub, config, ops, *layers, d);
}

int main(void) {
    log_open("cardea-camera", LOG_LEVEL_WARNING);
    av_log_set_level(AV_LOG_QUIET); /* what libraries say of a camera's bytes is no news to anybody */
    set_up_memory();
    AUTO(hub_link_clear) struct hub_link hub = {.socket = WORKER_SOCKET};
    AUTO(worker_config_clear) struct worker_config config = {0};
    int type = 0;
    socklen_t len = sizeof type;
    if (getsockopt(WORKER_SOCKET, SOL_SOCKET, SO_TYPE, &type, &len) || type != SOCK_STREAM) {
        log_error("this program is started by cardea-hub; it has nothing to do on its own");
        return 2;
    }
    struct diag d = {0};
    uint8_t layers = 0;
    err e = run(&hub, &config, &layers, &d);
    if (e == ERR_CANCELLED || e == ERR_OK) return 0;
    loop_tell_failure(&hub, e, &d, layers);
    return 1;
}
