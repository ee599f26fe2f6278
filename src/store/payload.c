#include <stdatomic.h>
#include <stdlib.h>

#include "store/bus.h"

/* The count stands before what the header shows, so that nobody else can touch it. */
struct counted {
    atomic_uint references;
    _Alignas(max_align_t) struct payload payload;
};

static struct counted *counted_of(struct payload *payload) {
    return (struct counted *)((char *)payload - offsetof(struct counted, payload));
}

struct payload *payload_new(size_t len) {
    if (len > BUS_MESSAGE_MAX_BYTES) return NULL;
    struct counted *c = malloc(sizeof *c + len);
    if (!c) return NULL;
    atomic_init(&c->references, 1);
    c->payload.len = len;
    return &c->payload;
}

struct payload *payload_copy(struct bytes data) {
    struct payload *payload = payload_new(data.len);
    if (payload && data.len) memcpy(payload->data, data.data, data.len);
    return payload;
}

struct payload *payload_ref(struct payload *payload) {
    atomic_fetch_add_explicit(&counted_of(payload)->references, 1, memory_order_relaxed);
    return payload;
}

void payload_unref(struct payload *payload) {
    if (!payload) return;
    struct counted *c = counted_of(payload);
    if (atomic_fetch_sub_explicit(&c->references, 1, memory_order_acq_rel) == 1) free(c);
}

void payload_release(struct payload **payload) {
    payload_unref(*payload);
    *payload = NULL;
}
