/* Accounts in memory, for tests. */
#include <pthread.h>
#include <stdlib.h>

#include "store/accounts.h"

struct entry {
    struct entry *next;
    struct store_key login;
    struct account account;
};

struct session {
    struct session *next;
    struct store_key token, login;
    uint32_t expires_day;
};

struct memory {
    struct accounts accounts;
    pthread_mutex_t lock;
    struct entry *entries;
    struct session *sessions;
};

static struct memory *enter(struct accounts *accounts) {
    struct memory *m = (struct memory *)accounts;
    pthread_mutex_lock(&m->lock);
    return m;
}

static err leave(struct memory *m, err e) {
    pthread_mutex_unlock(&m->lock);
    return e;
}

static err no_memory(struct diag *d) {
    return diag_fail(d, ERR_NO_MEMORY, "no memory for the accounts");
}

static err no_account(struct diag *d) {
    return diag_fail(d, ERR_NOT_FOUND, "there is no such account");
}

static struct entry *find(struct memory *m, const struct store_key *login) {
    struct entry *entry = m->entries;
    while (entry && !store_key_equal(&entry->login, login)) entry = entry->next;
    return entry;
}

static struct session *session_find(struct memory *m, const struct store_key *token) {
    struct session *s = m->sessions;
    while (s && !store_key_equal(&s->token, token)) s = s->next;
    return s;
}

static err copy_bytes(struct bytes value, struct blob *out, struct diag *d) {
    if (value.len > ACCOUNTS_KEYRING_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT, "a keyring has at most %u bytes", ACCOUNTS_KEYRING_MAX_BYTES);
    return blob_append(out, value) ? no_memory(d) : ERR_OK;
}

static err create(struct memory *m, const struct store_key *login, const struct account_secrets *secrets,
                  struct bytes keyring, struct diag *d) {
    if (find(m, login)) return diag_fail(d, ERR_EXISTS, "this account exists already");
    struct entry *entry = calloc(1, sizeof *entry);
    if (!entry) return no_memory(d);
    err e = copy_bytes(keyring, &entry->account.keyring, d);
    if (e) {
        free(entry);
        return e;
    }
    entry->login = *login;
    entry->account.secrets = *secrets;
    entry->account.version = 1;
    entry->next = m->entries;
    m->entries = entry;
    return ERR_OK;
}

static err mem_create(struct accounts *accounts, const struct store_key *login,
                      const struct account_secrets *secrets, struct bytes keyring, struct diag *d) {
    struct memory *m = enter(accounts);
    return leave(m, create(m, login, secrets, keyring, d));
}

static err get(struct memory *m, const struct store_key *login, struct account *out, struct diag *d) {
    struct entry *entry = find(m, login);
    struct account copy = {0};
    if (!entry) return no_account(d);
    err e = copy_bytes(blob_bytes(&entry->account.keyring), &copy.keyring, d);
    if (e) return e;
    copy.secrets = entry->account.secrets;
    copy.version = entry->account.version;
    account_clear(out);
    *out = copy;
    return ERR_OK;
}

static err mem_get(struct accounts *accounts, const struct store_key *login, struct account *out,
                   struct diag *d) {
    struct memory *m = enter(accounts);
    return leave(m, get(m, login, out, d));
}

/* Drops the sessions of a login (NULL: of all) but `keep`, and those that expire by `day`. */
static void sessions_drop(struct memory *m, const struct store_key *login, const struct store_key *keep,
                          uint32_t day) {
    for (struct session **at = &m->sessions; *at;) {
        struct session *s = *at;
        bool of_login =
            login && store_key_equal(&s->login, login) && !(keep && store_key_equal(&s->token, keep));
        if (!of_login && s->expires_day > day) {
            at = &s->next;
            continue;
        }
        *at = s->next;
        free(s);
    }
}

static err update(struct memory *m, const struct store_key *login, uint64_t version, struct bytes keyring,
                  const struct account_secrets *secrets, const struct store_key *keep, struct diag *d) {
    struct entry *entry = find(m, login);
    struct blob copy = {0};
    if (!entry) return no_account(d);
    if (entry->account.version + 1 != version)
        return diag_fail(d, ERR_CONFLICT, "the keyring's version is another: read it again");
    err e = copy_bytes(keyring, &copy, d);
    if (e) return e;
    blob_clear(&entry->account.keyring);
    entry->account.keyring = copy;
    entry->account.version = version;
    if (!secrets) return ERR_OK;
    entry->account.secrets = *secrets;
    sessions_drop(m, login, keep, 0);
    return ERR_OK;
}

static err mem_update(struct accounts *accounts, const struct store_key *login, uint64_t version,
                      struct bytes keyring, const struct account_secrets *secrets,
                      const struct store_key *keep, struct diag *d) {
    struct memory *m = enter(accounts);
    return leave(m, update(m, login, version, keyring, secrets, keep, d));
}

static void entry_free(struct entry *entry) {
    account_clear(&entry->account);
    free(entry);
}

static err mem_remove(struct accounts *accounts, const struct store_key *login, struct diag *d) {
    struct memory *m = enter(accounts);
    struct entry **at = &m->entries;
    while (*at && !store_key_equal(&(*at)->login, login)) at = &(*at)->next;
    struct entry *entry = *at;
    if (!entry) return leave(m, no_account(d));
    *at = entry->next;
    entry_free(entry);
    sessions_drop(m, login, NULL, 0);
    return leave(m, ERR_OK);
}

/* When there are too many of one login, the one that expires first goes, but not the newest. */
static void sessions_limit(struct memory *m, const struct session *newest) {
    unsigned count = 0;
    struct session *first = NULL;
    for (struct session *s = m->sessions; s; s = s->next) {
        if (!store_key_equal(&s->login, &newest->login)) continue;
        count++;
        if (s != newest && (!first || s->expires_day < first->expires_day)) first = s;
    }
    if (count <= ACCOUNTS_SESSIONS_MAX) return;
    struct session **at = &m->sessions;
    while (*at != first) at = &(*at)->next;
    *at = first->next;
    free(first);
}

static err session_add(struct memory *m, const struct store_key *token, const struct store_key *login,
                       uint32_t expires_day, struct diag *d) {
    if (!find(m, login)) return no_account(d);
    if (session_find(m, token)) return diag_fail(d, ERR_EXISTS, "this session exists already");
    struct session *s = malloc(sizeof *s);
    if (!s) return no_memory(d);
    *s = (struct session){m->sessions, *token, *login, expires_day};
    m->sessions = s;
    sessions_limit(m, s);
    return ERR_OK;
}

static err mem_session_add(struct accounts *accounts, const struct store_key *token,
                           const struct store_key *login, uint32_t expires_day, struct diag *d) {
    struct memory *m = enter(accounts);
    return leave(m, session_add(m, token, login, expires_day, d));
}

static err mem_session_get(struct accounts *accounts, const struct store_key *token, uint32_t today,
                           struct store_key *login, struct diag *d) {
    struct memory *m = enter(accounts);
    struct session *s = session_find(m, token);
    if (!s || s->expires_day <= today)
        return leave(m, diag_fail(d, ERR_NOT_FOUND, "this session has ended: sign in again"));
    *login = s->login;
    return leave(m, ERR_OK);
}

static err mem_session_remove(struct accounts *accounts, const struct store_key *token, struct diag *d) {
    struct memory *m = enter(accounts);
    struct session **at = &m->sessions;
    while (*at && !store_key_equal(&(*at)->token, token)) at = &(*at)->next;
    struct session *s = *at;
    if (!s) return leave(m, diag_fail(d, ERR_NOT_FOUND, "there is no such session"));
    *at = s->next;
    free(s);
    return leave(m, ERR_OK);
}

static err mem_maintain(struct accounts *accounts, uint32_t today, struct diag *d) {
    struct memory *m = enter(accounts);
    sessions_drop(m, NULL, NULL, today);
    return leave(m, ERR_OK);
}

static err mem_check(struct accounts *accounts, struct blob *report, struct diag *d) {
    return ERR_OK;
}

static err mem_copy(struct accounts *accounts, const char *path, struct diag *d) {
    return diag_fail(d, ERR_UNSUPPORTED, "accounts in memory make no copies");
}

static void mem_close(struct accounts *accounts) {
    if (!accounts) return;
    struct memory *m = (struct memory *)accounts;
    sessions_drop(m, NULL, NULL, UINT32_MAX);
    while (m->entries) {
        struct entry *entry = m->entries;
        m->entries = entry->next;
        entry_free(entry);
    }
    pthread_mutex_destroy(&m->lock);
    free(m);
}

static const struct accounts_ops memory_ops = {
    .name = "memory",
    .close = mem_close,
    .create = mem_create,
    .get = mem_get,
    .update = mem_update,
    .remove = mem_remove,
    .session_add = mem_session_add,
    .session_get = mem_session_get,
    .session_remove = mem_session_remove,
    .maintain = mem_maintain,
    .check = mem_check,
    .copy = mem_copy,
};

err accounts_memory_open(struct accounts **out, struct diag *d) {
    struct memory *m = calloc(1, sizeof *m);
    if (!m) return no_memory(d);
    m->accounts.ops = &memory_ops;
    pthread_mutex_init(&m->lock, NULL);
    *out = &m->accounts;
    return ERR_OK;
}
