#include "media/worker_message.h"

/* The longest length of a message of this type; 0 for types that do not exist. */
uint32_t worker_type_limit(uint8_t type) {
    switch (type) {
        case WORKER_TYPE_CONFIG:
        case WORKER_TYPE_DESCRIPTOR:
        case WORKER_TYPE_WANT:
        case WORKER_TYPE_RING:
        case WORKER_TYPE_STATUS: return 1 + WORKER_JSON_MAX_BYTES;
        case WORKER_TYPE_STOP: return 1;
        case WORKER_TYPE_PACE: return 2;
        case WORKER_TYPE_INIT: return 1 + 4 + WORKER_JSON_MAX_BYTES + WORKER_INIT_MAX_BYTES;
        case WORKER_TYPE_FRAGMENT: return WORKER_MESSAGE_MAX_BYTES;
        case WORKER_TYPE_PICTURE: return 1 + 8 + WORKER_PICTURE_MAX_BYTES;
        case WORKER_TYPE_FRAME:
            return 1 + WORKER_FRAME_HEAD_BYTES + 4 * WORKER_REGIONS_MAX +
                   WORKER_FRAME_MAX_WIDTH * WORKER_FRAME_MAX_HEIGHT * 3 / 2;
        case WORKER_TYPE_MOTION: return 1 + 10 + 4 * WORKER_REGIONS_MAX;
        default: return 0;
    }
}

err worker_reader_fill(struct worker_reader *r, int socket, bool descriptors, struct diag *d) {
    return message_reader_fill(&r->reader, socket, descriptors, worker_type_limit, d);
}

err worker_reader_feed(struct worker_reader *r, struct bytes more) {
    return message_reader_feed(&r->reader, more);
}

err worker_reader_next(struct worker_reader *r, struct worker_message *out, struct diag *d) {
    struct message m;
    err e = message_reader_next(&r->reader, worker_type_limit, &m, d);
    if (!e) *out = (struct worker_message){(enum worker_type)m.type, m.payload};
    return e;
}

int worker_reader_take_descriptor(struct worker_reader *r) {
    return message_reader_take_descriptor(&r->reader);
}

void worker_reader_clear(struct worker_reader *r) {
    if (r) message_reader_clear(&r->reader);
}

err worker_message_send(int socket, struct bytes messages, int descriptor) {
    return message_send(socket, messages, descriptor);
}
