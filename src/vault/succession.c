/* When a household's keys are succeeded (docs/trust.md, "Removing an owner").
 *
 * First the index takes the statement and the keys that it names, in one transaction; then the access log has
 * it, once; then it is answered. A vault that ended between asks its log, when the statement comes again,
 * whether it has it already. */
#include "format/succession.h"

#include "tlog/log_entry.h"
#include "vault/log_internal.h"
#include "vault/succession.h"

#define KIND "household.succeed"
#define SCAN_MAX 1000u

struct found {
    uint32_t n;
    bool known, logged;
};

static err look(void *arg, const struct index_succession *s) {
    struct found *found = arg;
    if (s->n != found->n) return ERR_OK;
    found->known = true;
    found->logged = s->logged;
    return ERR_OK;
}

static err count_one(void *total, const struct log_row *row, struct bytes raw, struct diag *d) {
    struct log_entry entry;
    (void)row;
    err e = log_entry_decode(raw, &entry, d);
    if (!e) *(uint32_t *)total += strcmp(entry.kind, KIND) == 0;
    return e;
}

/* How many of them the log has of this household. */
static err count_logged(struct vault *v, const struct store_id *household, uint32_t *out, struct diag *d) {
    uint64_t from = 0;
    err e = ERR_OK;
    for (size_t count = SCAN_MAX; !e && count == SCAN_MAX; from += count)
        e = log_each_from(v, household, from, SCAN_MAX, count_one, out, &count, d);
    return e;
}

static err log_it(struct vault *v, const struct store_id *household, const struct succession *s,
                  struct diag *d) {
    struct index_household keys;
    uint8_t actor[LOG_ACTOR_BYTES];
    AUTO(json_release) json_t *details = json_pack("{s:I}", "n", (json_int_t)s->n);
    err e = details ? ERR_OK : diag_fail(d, ERR_NO_MEMORY, "no memory for an entry of the access log");
    if (!e) e = v->index->ops->household_keys_get(v->index, household, &keys, d);
    if (e) return e;
    log_actor_private(keys.log_key.bytes, s->sign, actor);
    wipe(&keys, sizeof keys);
    const struct access_act act = {KIND, household, actor, NULL, details};
    return access_log_append(v, &act, NULL, NULL, d);
}

static err take(struct vault *v, const struct store_id *household, const struct succession *s,
                struct bytes raw, struct diag *d) {
    struct index_succession row = {.n = s->n, .statement = raw};
    struct found before = {.n = s->n};
    uint32_t logged = 0;
    memcpy(row.former.bytes, s->former, sizeof row.former.bytes);
    memcpy(row.sign.bytes, s->sign, sizeof row.sign.bytes);
    memcpy(row.box.bytes, s->box, sizeof row.box.bytes);
    err e = v->index->ops->household_successions(v->index, household, look, &before, d);
    if (!e) e = v->index->ops->household_succeed(v->index, household, &row, d);
    if (e || before.logged || !v->log) return e;
    if (before.known) e = count_logged(v, household, &logged, d);
    if (!e && logged < s->n) e = log_it(v, household, s, d);
    return e ? e : v->index->ops->household_succession_logged(v->index, household, s->n, d);
}

err succession_take(struct vault *v, const struct store_id *household, struct bytes raw, struct diag *d) {
    struct succession s;
    err e = succession_read(raw, &s, d);
    if (e) return e;
    if (memcmp(s.household, household->bytes, sizeof s.household) != 0)
        return diag_fail(d, ERR_INVALID, "succession: it is of another household");
    pthread_mutex_lock(&v->grants_lock); /* so that it is logged once */
    e = take(v, household, &s, raw, d);
    pthread_mutex_unlock(&v->grants_lock);
    return e;
}

/* ---- giving them out ---- */

static err add_statement(void *arg, const struct index_succession *s) {
    json_t **list = arg;
    if (!*list) *list = json_array();
    return *list && !json_array_append_new(*list, json_base64(s->statement)) ? ERR_OK : ERR_NO_MEMORY;
}

err succession_list(struct vault *v, const struct store_id *household, json_t **out, struct diag *d) {
    AUTO(json_release) json_t *list = NULL;
    err e = v->index->ops->household_successions(v->index, household, add_statement, &list, d);
    if (e) return e;
    *out = list;
    list = NULL;
    return ERR_OK;
}
