/* What the access log says of grants: whose, by whom, and how much (docs/trust.md, "The access log"). */
#include <stdio.h>

#include "tlog/log_entry.h"
#include "vault/access_log.h"
#include "vault/grant.h"

struct grant_act grant_act_of(const char *kind, const struct store_id *household,
                              const struct grant_statement *s, bool by_household) {
    _Static_assert(sizeof(struct store_id) == GRANT_ID_BYTES, "a grant's id is a store's");
    return (struct grant_act){.kind = kind,
                              .household = household,
                              .grant = (const struct store_id *)(const void *)s->id,
                              .purpose = s->purpose,
                              .ticket = s->ticket,
                              .key = by_household ? s->issuer : s->grantee_sign,
                              .staff = !by_household && s->purpose == GRANT_SUPPORT,
                              .cameras = s->cameras,
                              .camera_count = s->camera_count,
                              .from = s->from,
                              .to = s->to,
                              .live = s->live};
}

static json_t *details_of(const struct grant_act *act, json_t *more) {
    json_t *cameras = json_array();
    bool sound = cameras != NULL;
    for (size_t i = 0; sound && i < act->camera_count; i++)
        sound = !json_array_append_new(cameras, json_hex(BYTES(act->cameras[i], CAMERA_ID_BYTES)));
    json_t *details = json_pack(
        "{s:o,s:s,s:o,s:o,s:I,s:I,s:b}", "grant", json_hex(BYTES_OF(act->grant->bytes)), "purpose",
        grant_purposes[act->purpose], "key", json_base64(BYTES(act->key, SIGN_PUBLIC_BYTES)), "cameras",
        cameras, "from", (json_int_t)act->from, "to", (json_int_t)act->to, "live", act->live);
    sound = sound && details;
    if (sound && act->ticket[0]) sound = !json_object_set_new(details, "ticket", json_string(act->ticket));
    if (sound && more) sound = !json_object_update(details, more);
    if (sound) return details;
    json_decref(details);
    return NULL;
}

static json_t *staff_facts(const struct grant_act *act) {
    return json_pack("{s:I,s:I,s:I,s:I,s:I}", "grant", (json_int_t)log_grant_fact(act->grant->bytes),
                     "cameras", (json_int_t)act->camera_count, "minutes",
                     (json_int_t)((act->to - act->from + 59) / 60), "live", (json_int_t)act->live, "ticket",
                     (json_int_t)(act->ticket[0] != 0));
}

/* Public numbers: what staff did, and which opening a use is. */
static json_t *facts_of(const struct grant_act *act) {
    json_t *facts = act->staff ? staff_facts(act) : json_object();
    if (!facts || !act->bound) return facts;
    if (json_object_set_new(facts, LOG_OPENING_FACT, json_integer((json_int_t)act->opening)) == 0)
        return facts;
    json_decref(facts);
    return NULL;
}

static err actor_of(struct vault *v, const struct grant_act *act, uint8_t actor[LOG_ACTOR_BYTES],
                    struct diag *d) {
    struct index_household keys;
    if (act->staff) {
        log_actor_staff(act->key, actor);
        return ERR_OK;
    }
    err e = v->index->ops->household_keys_get(v->index, act->household, &keys, d);
    if (e) return e;
    log_actor_private(keys.log_key.bytes, act->key, actor);
    wipe(&keys, sizeof keys);
    return ERR_OK;
}

bool grant_use_counts(struct vault *v, const struct http_request *request, const struct store_id *grant,
                      const char *what, struct http_reply *r) {
    char text[2 * STORE_ID_BYTES + 16];
    unsigned retry = 0;
    hex_encode(BYTES_OF(grant->bytes), text);
    snprintf(text + 2 * STORE_ID_BYTES, 16, " %.14s", what);
    uint64_t key = limiter_key(&v->uses, BYTES_OF(request->peer.address), bytes_text(text));
    struct steady_us now = steady_now();
    if (limiter_ask(&v->uses, key, now, &retry)) {
        limiter_count(&v->uses, key, now);
        return true;
    }
    atomic_fetch_add(&v->count.limited, 1);
    reply_limited(r, retry);
    return false;
}

err grant_log_words(struct vault *v, const struct grant_act *act, json_t *more, json_t **out,
                    struct diag *d) {
    _Static_assert(GRANT_ACTOR_BYTES == LOG_ACTOR_BYTES, "the log's actor");
    AUTO(json_release) json_t *extra = more;
    AUTO(json_release) json_t *details = details_of(act, extra);
    AUTO(json_release) json_t *facts = facts_of(act);
    uint8_t actor[LOG_ACTOR_BYTES];
    err e = actor_of(v, act, actor, d);
    if (e) return e;
    *out = details && facts ? json_pack("{s:o,s:O,s:O}", "actor", json_hex(BYTES_OF(actor)), "facts", facts,
                                        "details", details)
                            : NULL;
    return *out ? ERR_OK : diag_fail(d, ERR_NO_MEMORY, "no memory for an entry of the access log");
}

bool grant_log_actor(const json_t *words, uint8_t actor[GRANT_ACTOR_BYTES]) {
    const char *hex = json_string_value(json_object_get(words, "actor"));
    return hex && strlen(hex) == 2 * (size_t)GRANT_ACTOR_BYTES &&
           hex_decode(hex, (struct buffer){actor, GRANT_ACTOR_BYTES}) == ERR_OK;
}

static err append_words(struct vault *v, const char *kind, const struct store_id *household,
                        const json_t *words, uint64_t *index, struct blob *leaf, struct diag *d) {
    uint8_t actor[LOG_ACTOR_BYTES];
    json_t *facts = json_object_get(words, "facts"), *details = json_object_get(words, "details");
    if (!grant_log_actor(words, actor) || !facts || !details)
        return diag_fail(d, ERR_IO, "what the access log was to say is damaged: run cardea fsck");
    const struct access_act entry = {kind, household, actor, facts, details};
    return access_log_append(v, &entry, index, leaf, d);
}

err grant_log_said(struct vault *v, const char *kind, const struct store_id *household, const json_t *words,
                   struct diag *d) {
    return append_words(v, kind, household, words, NULL, NULL, d);
}

err grant_log(struct vault *v, const struct grant_act *act, json_t *more, uint64_t *index, struct blob *leaf,
              struct diag *d) {
    AUTO(json_release) json_t *words = NULL;
    err e = grant_log_words(v, act, more, &words, d);
    return e ? e : append_words(v, act->kind, act->household, words, index, leaf, d);
}
