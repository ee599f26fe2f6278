#include "crypto/timekey.h"

#include <stdlib.h>

#include "crypto/hash.h"

static uint64_t node_end(const struct timekey_node *n) {
    return (uint64_t)n->first + ((uint64_t)1 << (TIMEKEY_DEPTH - n->depth));
}

static void node_children(const struct timekey_node *n, struct timekey_node children[2]) {
    uint8_t both[2 * TIMEKEY_BYTES];
    hash_hkdf_expand(n->key, "cardea/1 node", (struct bytes){0}, (struct buffer){both, sizeof both});
    for (unsigned i = 0; i < 2; i++) {
        children[i].depth = (uint8_t)(n->depth + 1);
        children[i].first = n->first;
        if (i) children[i].first |= 1u << (TIMEKEY_DEPTH - children[i].depth);
        memcpy(children[i].key, both + i * TIMEKEY_BYTES, TIMEKEY_BYTES);
    }
    wipe(both, sizeof both);
}

/* Grows by hand, as blob_reserve does, so that no key stays behind in freed memory. */
static err set_append(struct timekey_set *set, const struct timekey_node *node) {
    if (set->count == set->cap) {
        size_t cap = set->cap ? set->cap * 2 : 64;
        struct timekey_node *nodes = malloc(cap * sizeof *nodes);
        if (!nodes) return ERR_NO_MEMORY;
        if (set->count) memcpy(nodes, set->nodes, set->count * sizeof *nodes);
        wipe(set->nodes, set->count * sizeof *nodes);
        free(set->nodes);
        set->nodes = nodes;
        set->cap = cap;
    }
    set->nodes[set->count++] = *node;
    return ERR_OK;
}

static void set_replace(struct timekey_set *set, struct timekey_set *with) {
    timekey_set_clear(set);
    *set = *with;
    *with = (struct timekey_set){0};
}

void timekey_set_clear(struct timekey_set *set) {
    if (!set) return;
    wipe(set->nodes, set->count * sizeof *set->nodes);
    free(set->nodes);
    *set = (struct timekey_set){0};
}

/* Appends what of `node` lies within [begin, end). Recursion is at most TIMEKEY_DEPTH deep. */
static err collect(const struct timekey_node *node, uint64_t begin, uint64_t end, struct timekey_set *out) {
    if (node_end(node) <= begin || end <= node->first) return ERR_OK;
    if (begin <= node->first && node_end(node) <= end) return set_append(out, node);
    struct timekey_node children[2];
    node_children(node, children);
    err e = collect(&children[0], begin, end, out);
    if (!e) e = collect(&children[1], begin, end, out);
    wipe(children, sizeof children);
    return e;
}

static err collect_all(const struct timekey_set *from, uint64_t begin, uint64_t end,
                       struct timekey_set *out) {
    for (size_t i = 0; i < from->count; i++) {
        err e = collect(&from->nodes[i], begin, end, out);
        if (e) return e;
    }
    return ERR_OK;
}

err timekey_set_copy(const struct timekey_set *from, struct timekey_set *out) {
    return timekey_intersect(from, 0, TIMEKEY_SLOT_END, out);
}

err timekey_generate(struct timekey_set *out) {
    AUTO(timekey_set_clear) struct timekey_set made = {0};
    struct timekey_node root = {0};
    random_bytes(root.key, sizeof root.key);
    err e = set_append(&made, &root);
    wipe(&root, sizeof root);
    if (!e) set_replace(out, &made);
    return e;
}

err timekey_cover(const struct timekey_set *from, uint64_t begin, uint64_t end, struct timekey_set *out) {
    if (begin >= end || end > TIMEKEY_SLOT_END) return ERR_INVALID;
    if (!timekey_covers(from, begin, end)) return ERR_NOT_FOUND;
    return timekey_intersect(from, begin, end, out);
}

err timekey_intersect(const struct timekey_set *from, uint64_t begin, uint64_t end, struct timekey_set *out) {
    AUTO(timekey_set_clear) struct timekey_set made = {0};
    err e = begin < end ? collect_all(from, begin, end, &made) : ERR_OK;
    if (!e) set_replace(out, &made);
    return e;
}

err timekey_remove(struct timekey_set *set, uint64_t begin, uint64_t end) {
    if (begin >= end) return ERR_OK;
    AUTO(timekey_set_clear) struct timekey_set rest = {0};
    err e = collect_all(set, 0, begin, &rest);
    if (!e) e = collect_all(set, end, TIMEKEY_SLOT_END, &rest);
    if (!e) set_replace(set, &rest);
    return e;
}

err timekey_forward(struct timekey_set *set, uint64_t now) {
    return timekey_remove(set, 0, now);
}

bool timekey_covers(const struct timekey_set *set, uint64_t begin, uint64_t end) {
    uint64_t at = begin;
    for (size_t i = 0; i < set->count && at < end; i++) {
        if (node_end(&set->nodes[i]) <= at) continue;
        if (set->nodes[i].first > at) return false;
        at = node_end(&set->nodes[i]);
    }
    return at >= end;
}

static const struct timekey_node *find(const struct timekey_set *set, uint32_t slot) {
    size_t low = 0, high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (node_end(&set->nodes[middle]) <= slot)
            low = middle + 1;
        else
            high = middle;
    }
    return low < set->count && set->nodes[low].first <= slot ? &set->nodes[low] : NULL;
}

err timekey_leaf(const struct timekey_set *set, uint32_t slot, uint8_t out[TIMEKEY_BYTES]) {
    const struct timekey_node *found = find(set, slot);
    if (!found) return ERR_NOT_FOUND;
    struct timekey_node at = *found, children[2];
    while (at.depth < TIMEKEY_DEPTH) {
        node_children(&at, children);
        at = children[slot >> (TIMEKEY_DEPTH - 1 - at.depth) & 1];
    }
    memcpy(out, at.key, TIMEKEY_BYTES);
    wipe(&at, sizeof at);
    wipe(children, sizeof children);
    return ERR_OK;
}

void timekey_segment_key(const uint8_t leaf[TIMEKEY_BYTES], const uint8_t id[SEGMENT_ID_BYTES],
                         uint8_t out[32]) {
    hash_hkdf_expand(leaf, "cardea/1 segment", BYTES(id, SEGMENT_ID_BYTES), (struct buffer){out, 32});
}

void timekey_segment_commitment(const uint8_t leaf[TIMEKEY_BYTES], const uint8_t id[SEGMENT_ID_BYTES],
                                uint8_t out[32]) {
    hash_hkdf_expand(leaf, "cardea/1 commit", BYTES(id, SEGMENT_ID_BYTES), (struct buffer){out, 32});
}

void timekey_event_key(const uint8_t leaf[TIMEKEY_BYTES], const uint8_t id[SEGMENT_ID_BYTES],
                       uint8_t out[32]) {
    hash_hkdf_expand(leaf, "cardea/1 event", BYTES(id, SEGMENT_ID_BYTES), (struct buffer){out, 32});
}
