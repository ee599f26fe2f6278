#include "tlog/tree.h"

err tlog_leaf_hash(struct bytes entry, uint8_t out[HASH_BYTES]) {
    uint8_t input[1 + TLOG_ENTRY_MAX_BYTES];
    if (entry.len > TLOG_ENTRY_MAX_BYTES) return ERR_LIMIT;
    input[0] = 0;
    if (entry.len) memcpy(input + 1, entry.data, entry.len);
    hash_sha256(BYTES(input, 1 + entry.len), out);
    return ERR_OK;
}

void tlog_node_hash(const uint8_t left[HASH_BYTES], const uint8_t right[HASH_BYTES],
                    uint8_t out[HASH_BYTES]) {
    uint8_t input[1 + 2 * HASH_BYTES] = {1};
    memcpy(input + 1, left, HASH_BYTES);
    memcpy(input + 1 + HASH_BYTES, right, HASH_BYTES);
    hash_sha256(BYTES_OF(input), out);
}

/* A subtree of height h is in the compact range when bit h of the size is set; roots[] is indexed by height.
 */
err tlog_tree_append(struct tlog_tree *t, const uint8_t leaf[HASH_BYTES], tlog_complete_fn *fn,
                     void *context) {
    if (t->size >> 63) return ERR_LIMIT;
    uint8_t hash[HASH_BYTES];
    memcpy(hash, leaf, HASH_BYTES);
    unsigned height = 0;
    for (;; height++) {
        if (fn) {
            err e = fn(context, height, t->size >> height, hash);
            if (e) return e;
        }
        if (!(t->size >> height & 1)) break;
        tlog_node_hash(t->roots[height], hash, hash);
    }
    memcpy(t->roots[height], hash, HASH_BYTES);
    t->size++;
    return ERR_OK;
}

void tlog_tree_root(const struct tlog_tree *t, uint8_t out[HASH_BYTES]) {
    bool any = false;
    if (t->size == 0) hash_sha256(BYTES(NULL, 0), out);
    for (unsigned height = 0; height < TLOG_LEVELS_MAX; height++) {
        if (!(t->size >> height & 1)) continue;
        if (any)
            tlog_node_hash(t->roots[height], out, out);
        else
            memcpy(out, t->roots[height], HASH_BYTES);
        any = true;
    }
}

static bool hash_equal(const uint8_t a[HASH_BYTES], const uint8_t b[HASH_BYTES]) {
    return bytes_equal(BYTES(a, HASH_BYTES), BYTES(b, HASH_BYTES));
}

err tlog_verify_inclusion(uint64_t index, uint64_t size, const uint8_t leaf[HASH_BYTES],
                          const uint8_t (*proof)[HASH_BYTES], size_t count, const uint8_t root[HASH_BYTES]) {
    if (index >= size || count > TLOG_PROOF_MAX) return ERR_INVALID;
    uint64_t fn = index, sn = size - 1;
    uint8_t hash[HASH_BYTES];
    memcpy(hash, leaf, HASH_BYTES);
    for (size_t i = 0; i < count; i++) {
        if (sn == 0) return ERR_INVALID;
        if (fn & 1 || fn == sn) {
            tlog_node_hash(proof[i], hash, hash);
            while (!(fn & 1) && fn) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            tlog_node_hash(hash, proof[i], hash);
        }
        fn >>= 1;
        sn >>= 1;
    }
    if (sn != 0) return ERR_INVALID;
    return hash_equal(hash, root) ? ERR_OK : ERR_FORGED;
}

err tlog_verify_consistency(uint64_t first, uint64_t second, const uint8_t first_root[HASH_BYTES],
                            const uint8_t second_root[HASH_BYTES], const uint8_t (*proof)[HASH_BYTES],
                            size_t count) {
    if (first > second || count > TLOG_PROOF_MAX + 1) return ERR_INVALID;
    if (first == second || first == 0) {
        if (count) return ERR_INVALID;
        return first == 0 || hash_equal(first_root, second_root) ? ERR_OK : ERR_FORGED;
    }
    bool power_of_two = (first & (first - 1)) == 0;
    if (!power_of_two && count == 0) return ERR_INVALID;
    uint64_t fn = first - 1, sn = second - 1;
    for (; fn & 1; fn >>= 1) sn >>= 1;
    uint8_t fr[HASH_BYTES], sr[HASH_BYTES];
    memcpy(fr, power_of_two ? first_root : proof[0], HASH_BYTES);
    memcpy(sr, fr, HASH_BYTES);
    for (size_t i = power_of_two ? 0 : 1; i < count; i++) {
        if (sn == 0) return ERR_INVALID;
        if (fn & 1 || fn == sn) {
            tlog_node_hash(proof[i], fr, fr);
            tlog_node_hash(proof[i], sr, sr);
            while (!(fn & 1) && fn) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            tlog_node_hash(sr, proof[i], sr);
        }
        fn >>= 1;
        sn >>= 1;
    }
    if (sn != 0) return ERR_INVALID;
    return hash_equal(fr, first_root) && hash_equal(sr, second_root) ? ERR_OK : ERR_FORGED;
}

struct prover {
    tlog_subtree_fn *fn;
    void *context;
    uint8_t (*proof)[HASH_BYTES];
    size_t count;
};

static unsigned height_of_split(uint64_t n) { /* the largest power of two below n, for n > 1 */
    return 63u - (unsigned)__builtin_clzll(n - 1);
}

/* MTH of the leaves [begin, end), where begin is a multiple of every power of two that the range needs. */
static err range_root(struct prover *p, uint64_t begin, uint64_t end, uint8_t out[HASH_BYTES]) {
    uint64_t n = end - begin;
    if ((n & (n - 1)) == 0) {
        unsigned height = (unsigned)__builtin_ctzll(n);
        return p->fn(p->context, height, begin >> height, out);
    }
    uint64_t middle = begin + (1ull << height_of_split(n));
    uint8_t left[HASH_BYTES], right[HASH_BYTES];
    err e = range_root(p, begin, middle, left);
    if (!e) e = range_root(p, middle, end, right);
    if (e) return e;
    tlog_node_hash(left, right, out);
    return ERR_OK;
}

static err prove_root(struct prover *p, uint64_t begin, uint64_t end) {
    err e = range_root(p, begin, end, p->proof[p->count]);
    if (!e) p->count++;
    return e;
}

/* PATH(m, D[n]) of RFC 6962 section 2.1.1, over [begin, end). */
static err inclusion_path(struct prover *p, uint64_t index, uint64_t begin, uint64_t end) {
    if (end - begin <= 1) return ERR_OK;
    uint64_t middle = begin + (1ull << height_of_split(end - begin));
    err e = index < middle ? inclusion_path(p, index, begin, middle) : inclusion_path(p, index, middle, end);
    if (e) return e;
    return index < middle ? prove_root(p, middle, end) : prove_root(p, begin, middle);
}

/* SUBPROOF(m, D[n], b) of RFC 6962 section 2.1.2; `first` counts from the tree's beginning. */
static err consistency_path(struct prover *p, uint64_t first, uint64_t begin, uint64_t end, bool whole) {
    if (first == end) return whole ? ERR_OK : prove_root(p, begin, end);
    uint64_t middle = begin + (1ull << height_of_split(end - begin));
    err e = first <= middle ? consistency_path(p, first, begin, middle, whole)
                            : consistency_path(p, first, middle, end, false);
    if (e) return e;
    return first <= middle ? prove_root(p, middle, end) : prove_root(p, begin, middle);
}

err tlog_prove_inclusion(uint64_t index, uint64_t size, tlog_subtree_fn *fn, void *context,
                         uint8_t (*proof)[HASH_BYTES], size_t *count) {
    if (index >= size || size >> 63) return ERR_INVALID;
    struct prover p = {fn, context, proof, 0};
    err e = inclusion_path(&p, index, 0, size);
    if (!e) *count = p.count;
    return e;
}

err tlog_prove_consistency(uint64_t first, uint64_t second, tlog_subtree_fn *fn, void *context,
                           uint8_t (*proof)[HASH_BYTES], size_t *count) {
    if (first > second || second >> 63) return ERR_INVALID;
    struct prover p = {fn, context, proof, 0};
    err e = first == 0 ? ERR_OK : consistency_path(&p, first, 0, second, true);
    if (!e) *count = p.count;
    return e;
}
