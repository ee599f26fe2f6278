/* Bytes from a worker that a camera took over, as the hub reads them. */
#include <stdlib.h>

#include "media/worker_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode(const struct worker_message *m) {
    union {
        struct worker_config config;
        struct worker_descriptor descriptor;
        struct worker_want want;
        struct worker_init init;
        struct worker_fragment fragment;
        struct worker_picture picture;
        struct worker_motion motion;
        struct worker_frame frame;
        struct worker_ring ring;
        struct worker_status status;
    } out;
    memset(&out, 0, sizeof out);
    struct diag d = {0};
    AUTO(blob_clear) struct blob again = {0};
    err e = ERR_OK;
    switch (m->type) {
        case WORKER_TYPE_CONFIG:
            e = worker_config_decode(m->payload, &out.config, &d);
            if (!e && worker_config_append(&again, &out.config)) abort();
            break;
        case WORKER_TYPE_DESCRIPTOR: e = worker_descriptor_decode(m->payload, &out.descriptor, &d); break;
        case WORKER_TYPE_PACE: {
            bool watched;
            e = worker_pace_decode(m->payload, &watched, &d);
            break;
        }
        case WORKER_TYPE_STOP: break;
        case WORKER_TYPE_WANT: e = worker_want_decode(m->payload, &out.want, &d); break;
        case WORKER_TYPE_INIT: e = worker_init_decode(m->payload, &out.init, &d); break;
        case WORKER_TYPE_FRAGMENT: e = worker_fragment_decode(m->payload, &out.fragment, &d); break;
        case WORKER_TYPE_PICTURE: e = worker_picture_decode(m->payload, &out.picture, &d); break;
        case WORKER_TYPE_MOTION:
            e = worker_motion_decode(m->payload, &out.motion, &d);
            if (!e && worker_motion_append(&again, &out.motion)) abort();
            break;
        case WORKER_TYPE_FRAME:
            e = worker_frame_decode(m->payload, &out.frame, &d);
            if (e) break;
            if (worker_frame_append(&again, &out.frame) || again.len != WORKER_HEAD_BYTES + m->payload.len ||
                memcmp(again.data + WORKER_HEAD_BYTES, m->payload.data, m->payload.len))
                abort();
            break;
        case WORKER_TYPE_RING:
            e = worker_ring_decode(m->payload, &out.ring, &d);
            if (!e && worker_ring_append(&again, &out.ring)) abort();
            break;
        case WORKER_TYPE_STATUS:
            e = worker_status_decode(m->payload, &out.status, &d);
            if (!e && worker_status_append(&again, &out.status)) abort();
            break;
    }
    if (e && !d.text[0]) abort(); /* every refusal says why */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    AUTO(worker_reader_clear) struct worker_reader r = {0};
    struct diag d;
    size_t cut = size ? data[0] % size : 0;
    if (worker_reader_feed(&r, BYTES(data, cut))) return 0;
    struct worker_message m;
    while (worker_reader_next(&r, &m, &d) == ERR_OK) decode(&m);
    if (worker_reader_feed(&r, BYTES(data + cut, size - cut))) return 0;
    while (worker_reader_next(&r, &m, &d) == ERR_OK) decode(&m);
    return 0;
}
