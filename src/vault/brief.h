/* brief.h: sessions that the accounts' store had no room for. With a full disk an owner still has to get in,
 * to see what is wrong and to delete; so these live in this process alone, for an hour. Threads: any. */
#ifndef CARDEA_VAULT_BRIEF_H
#define CARDEA_VAULT_BRIEF_H

#include <pthread.h>

#include "base/clock.h"
#include "store/id.h"

#define BRIEF_SESSIONS_MAX 32 /* one more ends the one that would expire first */
#define BRIEF_SESSION_US INT64_C(3600000000)

struct brief_sessions {
    pthread_mutex_t lock;
    struct brief_session {
        struct store_key token, login;
        bool factor;            /* it passed a second factor */
        struct steady_us until; /* 0: unused */
    } list[BRIEF_SESSIONS_MAX];
};

void brief_init(struct brief_sessions *b);
void brief_clear(struct brief_sessions *b);
void brief_add(struct brief_sessions *b, const struct store_key *token, const struct store_key *login,
               bool factor);
bool brief_get(struct brief_sessions *b, const struct store_key *token, struct store_key *login,
               bool *factor);
/* The login's, at most BRIEF_SESSIONS_MAX; returns how many. */
size_t brief_list(struct brief_sessions *b, const struct store_key *login,
                  struct brief_session out[BRIEF_SESSIONS_MAX]);
bool brief_remove(struct brief_sessions *b, const struct store_key *token); /* false: there was none */
/* All of the login's, but *keep. */
void brief_end(struct brief_sessions *b, const struct store_key *login, const struct store_key *keep);

#endif
