#include "vault/brief.h"

#include <string.h>

static bool same(const struct store_key *a, const struct store_key *b) {
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0; /* both are hashes of what is secret */
}

/* With the lock. NULL: there is none, or it has expired. */
static struct brief_session *find(struct brief_sessions *b, const struct store_key *token) {
    for (size_t i = 0; i < BRIEF_SESSIONS_MAX; i++)
        if (b->list[i].until.us > steady_now().us && same(&b->list[i].token, token)) return &b->list[i];
    return NULL;
}

void brief_init(struct brief_sessions *b) {
    *b = (struct brief_sessions){0};
    pthread_mutex_init(&b->lock, NULL);
}

void brief_clear(struct brief_sessions *b) {
    pthread_mutex_destroy(&b->lock);
}

void brief_add(struct brief_sessions *b, const struct store_key *token, const struct store_key *login,
               bool factor) {
    pthread_mutex_lock(&b->lock);
    struct brief_session *place = &b->list[0];
    for (size_t i = 1; i < BRIEF_SESSIONS_MAX; i++)
        if (b->list[i].until.us < place->until.us) place = &b->list[i];
    *place = (struct brief_session){*token, *login, factor, {steady_now().us + BRIEF_SESSION_US}};
    pthread_mutex_unlock(&b->lock);
}

bool brief_get(struct brief_sessions *b, const struct store_key *token, struct store_key *login,
               bool *factor) {
    pthread_mutex_lock(&b->lock);
    const struct brief_session *s = find(b, token);
    if (s) *login = s->login;
    if (s) *factor = s->factor;
    pthread_mutex_unlock(&b->lock);
    return s != NULL;
}

size_t brief_list(struct brief_sessions *b, const struct store_key *login,
                  struct brief_session out[BRIEF_SESSIONS_MAX]) {
    size_t count = 0;
    pthread_mutex_lock(&b->lock);
    for (size_t i = 0; i < BRIEF_SESSIONS_MAX; i++)
        if (b->list[i].until.us > steady_now().us && same(&b->list[i].login, login))
            out[count++] = b->list[i];
    pthread_mutex_unlock(&b->lock);
    return count;
}

bool brief_remove(struct brief_sessions *b, const struct store_key *token) {
    pthread_mutex_lock(&b->lock);
    struct brief_session *s = find(b, token);
    if (s) *s = (struct brief_session){0};
    pthread_mutex_unlock(&b->lock);
    return s != NULL;
}

void brief_end(struct brief_sessions *b, const struct store_key *login, const struct store_key *keep) {
    pthread_mutex_lock(&b->lock);
    for (size_t i = 0; i < BRIEF_SESSIONS_MAX; i++)
        if (same(&b->list[i].login, login) && !same(&b->list[i].token, keep))
            b->list[i] = (struct brief_session){0};
    pthread_mutex_unlock(&b->lock);
}
