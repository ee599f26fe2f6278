/* Bytes from a vision process that a picture took over, as the hub reads them, and the other way round. */
#include <stdlib.h>

#include "vision/vision_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static err to_vision(const struct message *m, struct blob *again, struct diag *d) {
    static struct vision_config config;
    struct vision_file file;
    struct vision_frame frame;
    struct vision_embed embed;
    uint8_t camera;
    err e;
    switch (m->type) {
        case VISION_TYPE_CONFIG:
            e = vision_config_decode(m->payload, &config, d);
            if (!e && vision_config_append(again, &config) == ERR_INVALID) abort();
            return e;
        case VISION_TYPE_FILE:
            e = vision_file_decode(m->payload, &file, d);
            if (!e && vision_file_append(again, &file)) abort();
            return e;
        case VISION_TYPE_FRAME:
            e = vision_frame_decode(m->payload, &frame, d);
            if (!e && vision_frame_append(again, &frame)) abort();
            return e;
        case VISION_TYPE_FORGET: return vision_forget_decode(m->payload, &camera, d);
        case VISION_TYPE_EMBED:
            e = vision_embed_decode(m->payload, &embed, d);
            if (!e && vision_embed_append(again, &embed)) abort();
            return e;
        default: return ERR_OK;
    }
}

static err to_hub(const struct message *m, struct blob *again, struct diag *d) {
    static struct vision_sightings sightings;
    static struct vision_faces faces;
    struct vision_ready ready;
    struct vision_refused refused;
    struct vision_picture picture;
    struct vision_counts counts;
    err e;
    switch (m->type) {
        case VISION_TYPE_READY:
            e = vision_ready_decode(m->payload, &ready, d);
            if (!e && vision_ready_append(again, &ready)) abort();
            return e;
        case VISION_TYPE_SIGHTINGS:
            e = vision_sightings_decode(m->payload, &sightings, d);
            if (!e && vision_sightings_append(again, &sightings)) abort();
            return e;
        case VISION_TYPE_PICTURE:
            e = vision_picture_decode(m->payload, &picture, d);
            if (!e && vision_picture_append(again, &picture)) abort();
            return e;
        case VISION_TYPE_FACES:
            e = vision_faces_decode(m->payload, &faces, d);
            if (!e && vision_faces_append(again, &faces)) abort();
            return e;
        case VISION_TYPE_STATUS: return vision_counts_decode(m->payload, &counts, d);
        case VISION_TYPE_REFUSED: return vision_refused_decode(m->payload, &refused, d);
        default: return ERR_OK;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    AUTO(message_reader_clear) struct message_reader r = {0};
    struct message m;
    if (message_reader_feed(&r, BYTES(data, size))) return 0;
    for (;;) {
        struct diag d = {{0}};
        AUTO(blob_clear) struct blob again = {0};
        err e = message_reader_next(&r, vision_type_limit, &m, &d);
        if (e) return 0;
        e = m.type < VISION_TYPE_READY ? to_vision(&m, &again, &d) : to_hub(&m, &again, &d);
        if (e && !d.text[0]) abort(); /* every refusal says why */
    }
}
