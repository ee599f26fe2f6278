/* timekey_code.c: time key sets as bytes (docs/formats.md, "Time key set"). */
#include "crypto/timekey.h"

#include <stdlib.h>

#define MAGIC "CRDT"
#define VERSION 1
#define SUITE 1

err timekey_encode(const struct timekey_set *set, struct blob *out) {
    if (set->count > TIMEKEY_SET_MAX) return ERR_LIMIT;
    size_t before = out->len;
    err e = blob_append(out, bytes_text(MAGIC));
    if (!e) e = blob_append_u8(out, VERSION);
    if (!e) e = blob_append_u8(out, SUITE);
    if (!e) e = blob_append_be32(out, (uint32_t)set->count);
    for (size_t i = 0; !e && i < set->count; i++) {
        e = blob_append_u8(out, set->nodes[i].depth);
        if (!e) e = blob_append_be32(out, set->nodes[i].first);
        if (!e) e = blob_append(out, BYTES_OF(set->nodes[i].key));
    }
    if (e && out->data) { /* nothing half-written, and no key left beyond the end */
        wipe(out->data + before, out->len - before);
        out->len = before;
    }
    return e;
}

static err read_head(struct reader *r, uint32_t *count, struct diag *d) {
    uint8_t magic[4], version, suite;
    if (!reader_copy(r, magic, 4) || memcmp(magic, MAGIC, 4) != 0)
        return diag_fail(d, ERR_INVALID, "time key set: the magic is not CRDT");
    if (!reader_u8(r, &version) || version != VERSION)
        return diag_fail(d, ERR_INVALID, "time key set: this version is not known");
    if (!reader_u8(r, &suite) || suite != SUITE)
        return diag_fail(d, ERR_INVALID, "time key set: this suite is not known");
    if (!reader_be32(r, count) || *count > TIMEKEY_SET_MAX ||
        reader_left(r) != *count * (size_t)(1 + 4 + TIMEKEY_BYTES))
        return diag_fail(d, ERR_INVALID, "time key set: the count does not fit the length");
    return ERR_OK;
}

static err read_nodes(struct reader *r, uint32_t count, struct timekey_node *nodes, struct diag *d) {
    uint64_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct timekey_node *n = &nodes[i];
        if (!reader_u8(r, &n->depth) || n->depth > TIMEKEY_DEPTH)
            return diag_fail(d, ERR_INVALID, "time key set: the depth of node %u is over 32", i);
        uint64_t span = (uint64_t)1 << (TIMEKEY_DEPTH - n->depth);
        if (!reader_be32(r, &n->first) || n->first & (span - 1))
            return diag_fail(d, ERR_INVALID, "time key set: the first slot of node %u does not fit its depth",
                             i);
        if (n->first < at) return diag_fail(d, ERR_INVALID, "time key set: the order of node %u is wrong", i);
        at = n->first + span;
        if (!reader_copy(r, n->key, TIMEKEY_BYTES))
            return diag_fail(d, ERR_INVALID, "time key set: the count does not fit the length");
    }
    return ERR_OK;
}

err timekey_decode(struct bytes raw, struct timekey_set *out, struct diag *d) {
    struct reader r = reader_of(raw);
    uint32_t count = 0;
    err e = read_head(&r, &count, d);
    if (e) return e;
    AUTO(timekey_set_clear) struct timekey_set made = {0};
    made.nodes = calloc(count ? count : 1, sizeof *made.nodes);
    if (!made.nodes) return ERR_NO_MEMORY;
    made.count = made.cap = count;
    if (made.cap == 0) made.cap = 1;
    e = read_nodes(&r, count, made.nodes, d);
    if (e) return e;
    timekey_set_clear(out);
    *out = made;
    made = (struct timekey_set){0};
    return ERR_OK;
}
