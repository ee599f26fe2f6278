/* Doorbells that can do no more than an HTTP request (docs/protocol.md, "Doorbells").
 *
 * The button's device knows a random token. The hub says, when it connects, which tokens' hashes it listens
 * for; the vault keeps nothing: who presses is passed on to who listens, as a hash. Neither the camera nor
 * the household is in the token, and a token whose hub is away rings nowhere. */
#include "crypto/hash.h"
#include "vault/stream.h"

bool rings_read(const char *text, struct store_id rings[VAULT_RINGS_MAX], size_t *count,
                struct http_reply *r) {
    *count = 0;
    for (const char *at = text; *at;) {
        char hex[2 * STORE_ID_BYTES + 1] = "";
        size_t len = strcspn(at, ",");
        if (*count == VAULT_RINGS_MAX) {
            reply_invalid(r, "\"rings\" names more than %d doorbells", VAULT_RINGS_MAX);
            return false;
        }
        if (len == sizeof hex - 1) memcpy(hex, at, len);
        struct store_id *ring = &rings[*count];
        if (hex_decode(hex, (struct buffer){ring->bytes, sizeof ring->bytes}) || (at[len] && !at[len + 1])) {
            reply_invalid(r, "\"rings\" must be hashes of %d lower-case hex digits with commas between them",
                          STORE_ID_BYTES * 2);
            return false;
        }
        ++*count;
        at += len + (at[len] == ',');
    }
    return true;
}

/* Also for right tokens: somebody who has one must not keep a household awake, nor a vault busy. */
static bool may_ring(struct vault *v, struct http_request *request, struct http_reply *r) {
    unsigned retry = 0;
    uint64_t key = limiter_key(&v->rings, BYTES_OF(request->peer.address), (struct bytes){0});
    struct steady_us now = steady_now();
    bool may = limiter_ask(&v->rings, key, now, &retry);
    if (may) {
        limiter_count(&v->rings, key, now);
        return true;
    }
    atomic_fetch_add(&v->count.limited, 1);
    reply_limited(r, retry);
    return false;
}

enum http_outcome ring_press(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    const char *token = request->params[0];
    size_t len = strlen(token);
    uint8_t hash[HASH_BYTES];
    struct store_id ring;
    char channel[CHANNEL_BYTES];
    uint32_t receivers = 0;
    struct diag d = {0};
    if (!may_ring(v, request, r)) return HTTP_DONE;
    if (len < VAULT_RING_TOKEN_MIN_CHARS || len > VAULT_RING_TOKEN_MAX_CHARS)
        return reply_error(r, 404, "not_found", "no hub listens for this doorbell");
    hash_sha256(BYTES(token, len), hash);
    memcpy(ring.bytes, hash, sizeof ring.bytes);
    channel_ring(&ring, channel);
    AUTO(payload_release) struct payload *payload = payload_copy(BYTES_OF(ring.bytes));
    err e = payload ? v->bus->ops->publish(v->bus, channel, STREAM_RING, 0, payload, &receivers, &d)
                    : ERR_NO_MEMORY;
    if (e) return reply_err(r, e, &d);
    if (receivers == 0) return reply_error(r, 404, "not_found", "no hub listens for this doorbell");
    return reply_empty(r, 204);
}
