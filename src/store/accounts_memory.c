/* Accounts in memory, for tests. */
#include "store/accounts_memory.h"

#include <stdlib.h>

struct accounts_memory *accounts_enter(struct accounts *accounts) {
    struct accounts_memory *m = (struct accounts_memory *)accounts;
    pthread_mutex_lock(&m->lock);
    return m;
}

err accounts_leave(struct accounts_memory *m, err e) {
    pthread_mutex_unlock(&m->lock);
    return e;
}

err accounts_no_memory(struct diag *d) {
    return diag_fail(d, ERR_NO_MEMORY, "no memory for the accounts");
}

err accounts_no_account(struct diag *d) {
    return diag_fail(d, ERR_NOT_FOUND, "there is no such account");
}

struct accounts_entry *accounts_find(struct accounts_memory *m, const struct store_key *login) {
    struct accounts_entry *entry = m->entries;
    while (entry && !store_key_equal(&entry->login, login)) entry = entry->next;
    return entry;
}

static struct accounts_session *session_find(struct accounts_memory *m, const struct store_key *token) {
    struct accounts_session *s = m->sessions;
    while (s && !store_key_equal(&s->session.token, token)) s = s->next;
    return s;
}

static err copy_bytes(struct bytes value, struct blob *out, struct diag *d) {
    if (value.len > ACCOUNTS_KEYRING_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT, "a keyring has at most %u bytes", ACCOUNTS_KEYRING_MAX_BYTES);
    return blob_append(out, value) ? accounts_no_memory(d) : ERR_OK;
}

static err create(struct accounts_memory *m, const struct store_key *login,
                  const struct account_secrets *secrets, struct bytes keyring, struct diag *d) {
    if (accounts_find(m, login)) return diag_fail(d, ERR_EXISTS, "this account exists already");
    struct accounts_entry *entry = calloc(1, sizeof *entry);
    if (!entry) return accounts_no_memory(d);
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
    struct accounts_memory *m = accounts_enter(accounts);
    return accounts_leave(m, create(m, login, secrets, keyring, d));
}

static err get(struct accounts_memory *m, const struct store_key *login, struct account *out,
               struct diag *d) {
    struct accounts_entry *entry = accounts_find(m, login);
    struct account copy = {0};
    if (!entry) return accounts_no_account(d);
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
    struct accounts_memory *m = accounts_enter(accounts);
    return accounts_leave(m, get(m, login, out, d));
}

/* Drops the sessions of a login (NULL: of all) but `keep`, and those that expire by `day`. */
static void sessions_drop(struct accounts_memory *m, const struct store_key *login,
                          const struct store_key *keep, uint32_t day) {
    for (struct accounts_session **at = &m->sessions; *at;) {
        struct accounts_session *s = *at;
        bool of_login = login && store_key_equal(&s->session.login, login) &&
                        !(keep && store_key_equal(&s->session.token, keep));
        if (!of_login && s->session.expires_day > day) {
            at = &s->next;
            continue;
        }
        *at = s->next;
        free(s);
    }
}

static err update(struct accounts_memory *m, const struct store_key *login, uint64_t version,
                  struct bytes keyring, const struct account_secrets *secrets, const struct store_key *keep,
                  const struct account_wrap *wraps, size_t wrap_count, struct diag *d) {
    struct accounts_entry *entry = accounts_find(m, login);
    struct blob copy = {0};
    if (!entry) return accounts_no_account(d);
    if (entry->account.version + 1 != version)
        return diag_fail(d, ERR_CONFLICT, "the keyring's version is another: read it again");
    for (size_t i = 0; i < wrap_count; i++)
        if (!accounts_factor_find(entry, &wraps[i].factor)) return accounts_no_factor(d);
    err e = copy_bytes(keyring, &copy, d);
    if (e) return e;
    blob_clear(&entry->account.keyring);
    entry->account.keyring = copy;
    entry->account.version = version;
    if (secrets) {
        entry->account.secrets = *secrets;
        sessions_drop(m, login, keep, 0);
        for (size_t i = 0; i < entry->factors.count; i++) entry->factors.list[i].has_wrap = false;
    }
    for (size_t i = 0; i < wrap_count; i++) {
        struct account_factor *f = accounts_factor_find(entry, &wraps[i].factor);
        f->has_wrap = true;
        memcpy(f->wrap, wraps[i].bytes, sizeof f->wrap);
    }
    return ERR_OK;
}

static err mem_update(struct accounts *accounts, const struct store_key *login, uint64_t version,
                      struct bytes keyring, const struct account_secrets *secrets,
                      const struct store_key *keep, const struct account_wrap *wraps, size_t wrap_count,
                      struct diag *d) {
    struct accounts_memory *m = accounts_enter(accounts);
    return accounts_leave(m, update(m, login, version, keyring, secrets, keep, wraps, wrap_count, d));
}

static void entry_free(struct accounts_entry *entry) {
    account_clear(&entry->account);
    free(entry);
}

static err mem_remove(struct accounts *accounts, const struct store_key *login, struct diag *d) {
    struct accounts_memory *m = accounts_enter(accounts);
    struct accounts_entry **at = &m->entries;
    while (*at && !store_key_equal(&(*at)->login, login)) at = &(*at)->next;
    struct accounts_entry *entry = *at;
    if (!entry) return accounts_leave(m, accounts_no_account(d));
    *at = entry->next;
    entry_free(entry);
    sessions_drop(m, login, NULL, 0);
    return accounts_leave(m, ERR_OK);
}

/* When there are too many of one login, the one that expires first goes, but not the newest. */
static void sessions_limit(struct accounts_memory *m, const struct accounts_session *newest) {
    unsigned count = 0;
    struct accounts_session *first = NULL;
    for (struct accounts_session *s = m->sessions; s; s = s->next) {
        if (!store_key_equal(&s->session.login, &newest->session.login)) continue;
        count++;
        if (s != newest && (!first || s->session.expires_day < first->session.expires_day)) first = s;
    }
    if (count <= ACCOUNTS_SESSIONS_MAX) return;
    struct accounts_session **at = &m->sessions;
    while (*at != first) at = &(*at)->next;
    *at = first->next;
    free(first);
}

static err session_add(struct accounts_memory *m, const struct account_session *session, struct diag *d) {
    if (!accounts_find(m, &session->login)) return accounts_no_account(d);
    if (session_find(m, &session->token)) return diag_fail(d, ERR_EXISTS, "this session exists already");
    struct accounts_session *s = malloc(sizeof *s);
    if (!s) return accounts_no_memory(d);
    *s = (struct accounts_session){m->sessions, *session};
    m->sessions = s;
    sessions_limit(m, s);
    return ERR_OK;
}

static err mem_session_add(struct accounts *accounts, const struct account_session *session, struct diag *d) {
    struct accounts_memory *m = accounts_enter(accounts);
    return accounts_leave(m, session_add(m, session, d));
}

static err mem_session_get(struct accounts *accounts, const struct store_key *token, uint32_t today,
                           struct account_session *out, struct diag *d) {
    struct accounts_memory *m = accounts_enter(accounts);
    struct accounts_session *s = session_find(m, token);
    if (!s || s->session.expires_day <= today)
        return accounts_leave(m, diag_fail(d, ERR_NOT_FOUND, "this session has ended: sign in again"));
    *out = s->session;
    return accounts_leave(m, ERR_OK);
}

static int by_token(const void *a, const void *b) {
    return memcmp(((const struct account_session *)a)->token.bytes,
                  ((const struct account_session *)b)->token.bytes, STORE_KEY_BYTES);
}

static err mem_session_list(struct accounts *accounts, const struct store_key *login, uint32_t today,
                            struct account_session out[ACCOUNTS_SESSIONS_MAX], size_t *count,
                            struct diag *d) {
    struct accounts_memory *m = accounts_enter(accounts);
    *count = 0;
    for (struct accounts_session *s = m->sessions; s && *count < ACCOUNTS_SESSIONS_MAX; s = s->next)
        if (store_key_equal(&s->session.login, login) && s->session.expires_day > today)
            out[(*count)++] = s->session;
    qsort(out, *count, sizeof *out, by_token);
    return accounts_leave(m, ERR_OK);
}

static err mem_session_label(struct accounts *accounts, const struct store_key *token,
                             const struct account_label *label, struct diag *d) {
    struct accounts_memory *m = accounts_enter(accounts);
    struct accounts_session *s = session_find(m, token);
    if (!s) return accounts_leave(m, diag_fail(d, ERR_NOT_FOUND, "there is no such session"));
    s->session.label = *label;
    return accounts_leave(m, ERR_OK);
}

static err mem_session_remove(struct accounts *accounts, const struct store_key *token, struct diag *d) {
    struct accounts_memory *m = accounts_enter(accounts);
    struct accounts_session **at = &m->sessions;
    while (*at && !store_key_equal(&(*at)->session.token, token)) at = &(*at)->next;
    struct accounts_session *s = *at;
    if (!s) return accounts_leave(m, diag_fail(d, ERR_NOT_FOUND, "there is no such session"));
    *at = s->next;
    free(s);
    return accounts_leave(m, ERR_OK);
}

static err mem_maintain(struct accounts *accounts, uint32_t today, struct diag *d) {
    struct accounts_memory *m = accounts_enter(accounts);
    sessions_drop(m, NULL, NULL, today);
    return accounts_leave(m, ERR_OK);
}

static err mem_check(struct accounts *accounts, struct blob *report, struct diag *d) {
    return ERR_OK;
}

static err mem_copy(struct accounts *accounts, const char *path, struct diag *d) {
    return diag_fail(d, ERR_UNSUPPORTED, "accounts in memory make no copies");
}

static void mem_close(struct accounts *accounts) {
    if (!accounts) return;
    struct accounts_memory *m = (struct accounts_memory *)accounts;
    sessions_drop(m, NULL, NULL, UINT32_MAX);
    while (m->entries) {
        struct accounts_entry *entry = m->entries;
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
    .session_list = mem_session_list,
    .session_label = mem_session_label,
    .session_remove = mem_session_remove,
    .factor_add = mem_factor_add,
    .factor_list = mem_factor_list,
    .factor_owner = mem_factor_owner,
    .factor_count = mem_factor_count,
    .factor_remove = mem_factor_remove,
    .maintain = mem_maintain,
    .check = mem_check,
    .copy = mem_copy,
};

err accounts_memory_open(struct accounts **out, struct diag *d) {
    struct accounts_memory *m = calloc(1, sizeof *m);
    if (!m) return accounts_no_memory(d);
    m->accounts.ops = &memory_ops;
    pthread_mutex_init(&m->lock, NULL);
    *out = &m->accounts;
    return ERR_OK;
}
