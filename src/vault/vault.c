#include "vault/vault.h"

#include "crypto/seal.h"
#include "vault/access_log.h"
#include "vault/factor.h"
#include "vault/grant.h"
#include "vault/staff.h"
#include "vault/stream.h"
#include "vault/upload.h"

#define SIGN_IN_TRIES 10 /* in ten minutes, then one in 30 s */
#define STRANGER_TRIES 300
#define USES_MAX 60   /* of one grant from one address, in ten minutes, then one in 10 s: each is an entry */
#define OPEN_TRIES 10 /* of one grant and address, in ten minutes, then one in 30 s */

void vault_init(struct vault *v) {
    memset(v, 0, sizeof *v);
    pthread_mutex_init(&v->setup_lock, NULL);
    pthread_mutex_init(&v->uploads_lock, NULL);
    pthread_mutex_init(&v->streams_lock, NULL);
    pthread_mutex_init(&v->grants_lock, NULL);
    pthread_mutex_init(&v->activity_lock, NULL);
    pthread_mutex_init(&v->hubs_lock, NULL);
    for (size_t i = 0; i < VAULT_REEL_LOCKS; i++) pthread_mutex_init(&v->reel_locks[i], NULL);
    brief_init(&v->brief);
    limiter_init(&v->sign_ins, SIGN_IN_TRIES, 600, 30);
    limiter_init(&v->strangers, STRANGER_TRIES, 600, 30);
    limiter_init(&v->factors, FACTOR_ADDRESS_TRIES, FACTOR_TRIES_S, FACTOR_ADDRESS_SLOW_S);
    limiter_init(&v->factor_accounts, FACTOR_ACCOUNT_TRIES, FACTOR_TRIES_S, 0);
    limiter_init(&v->factor_places, 1, FACTOR_KNOWN_S, 0);
    limiter_init(&v->pairings, VAULT_PAIRINGS_PER_PEER, VAULT_PAIRING_S, 0);
    limiter_init(&v->rings, VAULT_RINGS_PER_PEER, 60, 2);
    limiter_init(&v->opens, OPEN_TRIES, 600, 30);
    limiter_init(&v->uses, USES_MAX, 600, 10);
    random_bytes(v->node.bytes, sizeof v->node.bytes);
    v->started = steady_now();
}

void vault_clear(struct vault *v) {
    activity_clear(v);
    access_log_close(&v->log);
    bus_release(&v->bus);
    blob_store_release(&v->blobs);
    accounts_release(&v->accounts);
    desk_release(&v->desk);
    staff_free(v);
    index_release(&v->index);
    blob_clear(&v->ca_pem);
    wipe(v->secret, sizeof v->secret);
    wipe(v->setup_code, sizeof v->setup_code);
    brief_clear(&v->brief);
    limiter_clear(&v->sign_ins);
    limiter_clear(&v->strangers);
    limiter_clear(&v->factors);
    limiter_clear(&v->factor_accounts);
    limiter_clear(&v->factor_places);
    limiter_clear(&v->pairings);
    limiter_clear(&v->rings);
    limiter_clear(&v->opens);
    limiter_clear(&v->uses);
    pthread_mutex_destroy(&v->setup_lock);
    for (size_t i = 0; i < VAULT_REEL_LOCKS; i++) pthread_mutex_destroy(&v->reel_locks[i]);
    pthread_mutex_destroy(&v->uploads_lock);
    pthread_mutex_destroy(&v->streams_lock);
    pthread_mutex_destroy(&v->grants_lock);
    pthread_mutex_destroy(&v->activity_lock);
    pthread_mutex_destroy(&v->hubs_lock);
}
