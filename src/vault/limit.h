/* limit.h: how often a stranger may try. A table of fixed size; the oldest entries give way. Threads: any. */
#ifndef CARDEA_VAULT_LIMIT_H
#define CARDEA_VAULT_LIMIT_H

#include <pthread.h>

#include "base/bytes.h"
#include "base/clock.h"

#define LIMIT_BUCKETS 2048u
#define LIMIT_WAYS 8u

struct limit_entry {
    uint64_t key; /* 0: free */
    int64_t window_us, last_us;
    uint32_t count;
};

struct limiter {
    pthread_mutex_t lock;
    uint32_t allowed; /* in a window */
    int64_t window_us;
    int64_t slow_us; /* past it: one in this time; 0: none until the window ends */
    uint64_t seed[2];
    struct limit_entry entries[LIMIT_BUCKETS][LIMIT_WAYS];
};

void limiter_init(struct limiter *l, uint32_t allowed, int64_t window_s, int64_t slow_s);
void limiter_clear(struct limiter *l);
/* Mixes what is limited: an address, a login. */
uint64_t limiter_key(const struct limiter *l, struct bytes a, struct bytes b);
/* May `key` try now? Else in how many seconds. */
bool limiter_ask(struct limiter *l, uint64_t key, struct steady_us now, unsigned *retry_after_s);
/* Counts an attempt that failed (or, where each counts, one that was made). */
void limiter_count(struct limiter *l, uint64_t key, struct steady_us now);
/* Was anything counted of `key` in a window that has not ended? */
bool limiter_counted(struct limiter *l, uint64_t key, struct steady_us now);
void limiter_forget(struct limiter *l, uint64_t key);

#endif
