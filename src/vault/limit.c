#include "vault/limit.h"

#include "crypto/hash.h"

void limiter_init(struct limiter *l, uint32_t allowed, int64_t window_s, int64_t slow_s) {
    memset(l, 0, sizeof *l);
    pthread_mutex_init(&l->lock, NULL);
    l->allowed = allowed;
    l->window_us = window_s * 1000000;
    l->slow_us = slow_s * 1000000;
    random_bytes(l->seed, sizeof l->seed);
}

void limiter_clear(struct limiter *l) {
    pthread_mutex_destroy(&l->lock);
}

uint64_t limiter_key(const struct limiter *l, struct bytes a, struct bytes b) {
    uint8_t text[16 + 256], mac[HASH_BYTES];
    size_t used = 0;
    size_t a_len = a.len < 128 ? a.len : 128, b_len = b.len < 128 ? b.len : 128;
    text[used++] = (uint8_t)a_len;
    memcpy(text + used, a.data, a_len);
    used += a_len;
    if (b_len) memcpy(text + used, b.data, b_len);
    used += b_len;
    hash_hmac(BYTES(l->seed, sizeof l->seed), BYTES(text, used), mac);
    uint64_t key = be64_get(mac);
    return key ? key : 1;
}

/* The key's entry, or with `make` the one that gives way to it. Called with the lock. */
static struct limit_entry *find(struct limiter *l, uint64_t key, bool make) {
    struct limit_entry *bucket = l->entries[key % LIMIT_BUCKETS], *oldest = bucket;
    for (size_t i = 0; i < LIMIT_WAYS; i++) {
        if (bucket[i].key == key) return &bucket[i];
        if (bucket[i].key == 0 || (oldest->key && bucket[i].last_us < oldest->last_us)) oldest = &bucket[i];
    }
    if (!make) return NULL;
    *oldest = (struct limit_entry){.key = key};
    return oldest;
}

bool limiter_ask(struct limiter *l, uint64_t key, struct steady_us now, unsigned *retry_after_s) {
    pthread_mutex_lock(&l->lock);
    int64_t wait = 0;
    const struct limit_entry *e = find(l, key, false);
    if (e && e->count >= l->allowed && now.us - e->window_us < l->window_us) {
        int64_t next = l->slow_us ? e->last_us + l->slow_us : e->window_us + l->window_us;
        wait = next > now.us ? next - now.us : 0;
    }
    pthread_mutex_unlock(&l->lock);
    *retry_after_s = (unsigned)((wait + 999999) / 1000000);
    return wait == 0;
}

void limiter_count(struct limiter *l, uint64_t key, struct steady_us now) {
    pthread_mutex_lock(&l->lock);
    struct limit_entry *e = find(l, key, true);
    if (e->count == 0 || now.us - e->window_us >= l->window_us) {
        e->window_us = now.us;
        e->count = 0;
    }
    e->count++;
    e->last_us = now.us;
    pthread_mutex_unlock(&l->lock);
}

bool limiter_counted(struct limiter *l, uint64_t key, struct steady_us now) {
    pthread_mutex_lock(&l->lock);
    const struct limit_entry *e = find(l, key, false);
    bool counted = e && e->count && now.us - e->window_us < l->window_us;
    pthread_mutex_unlock(&l->lock);
    return counted;
}

void limiter_forget(struct limiter *l, uint64_t key) {
    pthread_mutex_lock(&l->lock);
    struct limit_entry *e = find(l, key, false);
    if (e) *e = (struct limit_entry){0};
    pthread_mutex_unlock(&l->lock);
}
