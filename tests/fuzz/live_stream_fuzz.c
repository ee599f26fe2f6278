/* live_stream_fuzz.c: what a hostile vault sends as a live view. The first byte says how large the pieces
 * are. */
#include <stdlib.h>

#include "client/live_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static err look(void *context, const struct live_message *m, struct diag *d) {
    size_t *total = context;
    if (m->payload.len > LIVE_RECORD_MAX_BYTES) abort();
    for (size_t i = 0; i < m->payload.len; i++) *total += m->payload.data[i];
    if (m->type == LIVE_HEADER) {
        struct segment_header header;
        (void)!segment_header_decode(m->payload, &header, d);
    } else if (m->type == LIVE_RECORD) {
        struct record_frame frame;
        (void)!record_frame_read(m->payload, 0, &frame, d);
    }
    return ERR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct live_stream s;
    struct diag d;
    size_t total = 0;
    if (size < 1) return 0;
    size_t step = (size_t)data[0] + 1;
    live_stream_init(&s, 3);
    for (size_t at = 1; at < size; at += step) {
        size_t n = size - at < step ? size - at : step;
        if (live_stream_feed(&s, BYTES(data + at, n), look, &total, &d)) break;
    }
    live_stream_clear(&s);
    return 0;
}
