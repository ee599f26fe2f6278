/* What staff are refused stands in the log: each of the first, then their number, so that nobody can drown
 * the log in refusals of his own. */
#include <stdio.h>

#include "base/log.h"
#include "crypto/hash.h"
#include "vault/access_log.h"
#include "vault/staff.h"

void staff_actor(const struct store_key *sign, uint8_t out[STAFF_ACTOR_BYTES]) {
    uint8_t hash[HASH_BYTES];
    hash_sha256(BYTES_OF(sign->bytes), hash);
    memcpy(out, hash, STAFF_ACTOR_BYTES);
}

void staff_account(const struct vault *v, const struct store_key *login, struct store_key *out) {
    vault_mac(v, "cardea/1 vault staff account", BYTES_OF(login->bytes), out->bytes);
}

err staff_log(struct vault *v, const char *kind, const uint8_t *actor, json_t *facts, json_t *details,
              struct diag *d) {
    const struct access_act act = {.kind = kind, .actor = actor, .facts = facts, .details = details};
    err e = v->log ? access_log_append(v, &act, NULL, NULL, d) : ERR_OK; /* stores in memory keep none */
    json_decref(facts);
    json_decref(details);
    return e;
}

/* `actor` NULL: of more than one. */
static void log_refusal(struct vault *v, const uint8_t *actor, uint64_t count, bool ticket,
                        const char *what) {
    struct diag d = {0};
    err e = staff_log(v, "admin.refused", actor,
                      json_pack("{s:I,s:i}", "count", (json_int_t)count, "ticket", (int)ticket),
                      json_pack("{s:s}", "request", what), &d);
    if (e) log_error("a refusal is not in the access log: %s", d.text[0] ? d.text : err_text(e));
}

/* A place of this actor, or a free one; that of the others when there is none, since nobody's refusals may
 * stand under somebody else's name. With the lock. */
static struct staff_refused *place_of(struct staff_desk *s, const uint8_t actor[STAFF_ACTOR_BYTES]) {
    struct staff_refused *free_place = NULL;
    for (size_t i = 0; i < STAFF_REFUSAL_ACTORS; i++) {
        struct staff_refused *one = &s->counted[i];
        if (one->count && memcmp(one->actor, actor, STAFF_ACTOR_BYTES) == 0) return one;
        if (!one->count && !free_place) free_place = one;
    }
    if (!free_place) return &s->others;
    memcpy(free_place->actor, actor, STAFF_ACTOR_BYTES);
    return free_place;
}

void staff_refused_note(struct vault *v, const struct store_key *sign, const char *what, bool ticket) {
    struct staff_desk *s = v->staff;
    uint8_t actor[STAFF_ACTOR_BYTES];
    unsigned retry;
    struct steady_us now = steady_now();
    staff_actor(sign, actor);
    uint64_t key = limiter_key(&s->refusals, BYTES_OF(actor), (struct bytes){0});
    if (limiter_ask(&s->refusals, key, now, &retry)) {
        limiter_count(&s->refusals, key, now);
        log_refusal(v, actor, 1, ticket, what);
        return;
    }
    pthread_mutex_lock(&s->lock);
    struct staff_refused *place = place_of(s, actor);
    place->count++;
    place->ticket = ticket;
    snprintf(place->what, sizeof place->what, "%s", what);
    pthread_mutex_unlock(&s->lock);
}

static struct staff_refused take(struct staff_desk *s, struct staff_refused *place) {
    pthread_mutex_lock(&s->lock);
    struct staff_refused one = *place;
    place->count = 0;
    pthread_mutex_unlock(&s->lock);
    return one;
}

void staff_refused_flush(struct vault *v) {
    struct staff_desk *s = v->staff;
    for (size_t i = 0; i < STAFF_REFUSAL_ACTORS; i++) {
        const struct staff_refused one = take(s, &s->counted[i]);
        if (one.count) log_refusal(v, one.actor, one.count, one.ticket, one.what);
    }
    const struct staff_refused others = take(s, &s->others);
    if (others.count) log_refusal(v, NULL, others.count, others.ticket, others.what);
}
