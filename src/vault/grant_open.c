/* Opening a grant: nothing is handed out before the log has it.
 *
 * Who does not hold the grantee's key learns of a grant that can be opened nothing: an id that is not known,
 * a wrong signature (which is what a wrong password makes) and a challenge that is not ours get one answer.
 * Who does hold it is told what ended the grant. Of a link that has ended, whoever knows its id (128 random
 * bits that stand in the link, and nowhere in public) is told that, so that nobody is asked for a password in
 * vain. */
#include <stdlib.h>

#include "base/log.h"
#include "crypto/hash.h"
#include "store/desk.h"
#include "tlog/log_entry.h"
#include "tlog/tree.h"
#include "vault/access_log.h"
#include "vault/grant.h"
#include "vault/stream.h"
#include "vault/succession.h"

#define PROOF_MAX (TLOG_PROOF_MAX + 1)

struct opening {
    struct store_id grant;
    uint8_t challenge[CHALLENGE_BYTES], signature[SIGNATURE_BYTES];
    bool bound; /* an older program sends no nonce, and believes an entry that is bound to none */
    uint8_t nonce[LOG_OPENING_NONCE_BYTES];
    struct grant_held held;
    struct blob raw, leaf, checkpoint;
    uint64_t entry;
    bool goes_on; /* with an earlier opening, and its use is: */
    uint64_t renews;
    uint8_t proof[PROOF_MAX][HASH_BYTES];
    size_t proof_count;
    /* While it waits for a hub's cosignature; http_request.state. No worker waits: the cosignature needs one.
     */
    struct vault *v;
    struct bus_subscription *subscription;
    struct http_waker *waker;
    struct steady_us until;
};

static void opening_clear(struct opening *o) {
    if (o->v) o->v->bus->ops->unsubscribe(o->subscription);
    http_waker_unref(o->waker);
    grant_held_clear(&o->held);
    blob_clear(&o->raw);
    blob_clear(&o->leaf);
    blob_clear(&o->checkpoint);
}

static bool read_body(struct vault *v, struct http_request *request, struct opening *o,
                      struct http_reply *r) {
    AUTO(json_release) json_t *document = NULL;
    AUTO(blob_clear) struct blob challenge = {0}, signature = {0}, nonce = {0};
    const char *renews = NULL;
    const struct json_field fields[] = {
        {"challenge", JSON_KIND_BASE64, true, CHALLENGE_BYTES, CHALLENGE_BYTES, &challenge, NULL},
        {"signature", JSON_KIND_BASE64, true, SIGNATURE_BYTES, SIGNATURE_BYTES, &signature, NULL},
        {"renews", JSON_KIND_TEXT, false, 1, GRANT_TOKEN_CHARS, &renews, NULL},
        {"nonce", JSON_KIND_BASE64, false, LOG_OPENING_NONCE_BYTES, LOG_OPENING_NONCE_BYTES, &nonce, NULL},
    };
    if (!REQUEST_JSON(request, fields, &document, r)) return false;
    memcpy(o->challenge, challenge.data, challenge.len);
    memcpy(o->signature, signature.data, signature.len);
    o->goes_on = renews && grant_token_renews(v, renews, slot_now(), &o->grant, &o->renews);
    o->bound = nonce.len != 0;
    if (o->bound) memcpy(o->nonce, nonce.data, nonce.len);
    return true;
}

/* ERR_DENIED with one text, and after the same work, whatever is wrong. */
static err prove_holder(struct vault *v, struct opening *o, struct diag *d) {
    err e = grant_load(v, NULL, &o->grant, true, &o->held, d);
    if (e && e != ERR_NOT_FOUND) return e;
    err stale = challenge_check(v, o->challenge, slot_now());
    if (e && v->log) { /* some sound key, against which checking takes as long */
        memcpy(o->held.statement.grantee_sign, access_log_key(v->log), SIGN_PUBLIC_BYTES);
        memcpy(o->held.statement.id, o->grant.bytes, sizeof o->held.statement.id);
    }
    err forged = grant_open_check(&o->held.statement, BYTES_OF(o->challenge), o->signature, d);
    if (!e && !stale && !forged)
        e = vault_once(v, "challenge", BYTES_OF(o->challenge), VAULT_CHALLENGE_S + 5, d);
    if (e && e != ERR_NOT_FOUND && e != ERR_DENIED) return e;
    if (!e && !stale && !forged) return ERR_OK;
    return diag_fail(d, ERR_DENIED,
                     "this cannot be opened: the link or its password is not right, or the try was too slow");
}

/* Its holder would not believe a proof of another log: after a vault was set up anew, say, from a backup. */
static err check_log(struct vault *v, const struct grant_statement *s, struct diag *d) {
    if (v->log && memcmp(s->log, access_log_key(v->log), sizeof s->log) == 0) return ERR_OK;
    return diag_fail(
        d, ERR_DENIED,
        "grant: it was made for another access log than this vault keeps now: ask for a new one");
}

static err check_staff(struct vault *v, struct http_request *request, const struct opening *o,
                       struct diag *d) {
    struct diag why = {0};
    if (o->held.statement.purpose != GRANT_SUPPORT || staff_may_open(v, request, &o->held.statement, &why))
        return ERR_OK;
    return diag_fail(d, ERR_DENIED, "%s", why.text[0] ? why.text : "this is for the support desk alone");
}

/* The household's hubs alert its owner; what the grant is called they look up themselves, or do not know. */
static void tell_hubs(struct vault *v, const struct grant_held *g) {
    char channel[CHANNEL_BYTES];
    json_t *notice =
        json_pack("{s:s,s:o,s:s}", "kind", "grant.use", "grant", json_hex(BYTES_OF(g->row.grant.bytes)),
                  "purpose", grant_purposes[g->statement.purpose]);
    if (notice && g->statement.ticket[0])
        json_object_set_new(notice, "ticket", json_string(g->statement.ticket));
    channel_hubs(&g->row.household, channel);
    publish_json(v, channel, STREAM_HUB_NOTICE, notice);
}

/* One that goes on is no further view: who watches for longer than a token lasts has opened it once. */
static err count_use(struct vault *v, struct opening *o, struct diag *d) {
    struct grant_row *row = &o->held.row;
    if (!o->goes_on) return v->index->ops->grant_used(v->index, &o->grant, slot_now(), row, d);
    err e = v->index->ops->grant_get(v->index, NULL, &o->grant, false, row, NULL, d);
    return e ? e : grant_alive(&o->held, slot_now(), d);
}

static err log_use(struct vault *v, struct opening *o, struct diag *d) {
    struct grant_held *g = &o->held;
    json_t *more = NULL;
    err e = count_use(v, o, d);
    if (e) return e;
    if (o->goes_on) more = json_pack("{s:I}", "renews", (json_int_t)o->renews);
    struct grant_act act = grant_act_of("grant.use", &g->row.household, &g->statement, false);
    act.bound = o->bound;
    if (o->bound) act.opening = log_opening_fact(o->nonce, o->signature);
    e = grant_log(v, &act, more, &o->entry, &o->leaf, d);
    if (e) return e;
    if (g->statement.purpose == GRANT_SUPPORT) {
        e = v->desk->ops->use_add(v->desk, o->entry, &g->row.household, d);
        if (e) return e;
    }
    tell_hubs(v, g);
    return ERR_OK;
}

/* --- the proof, with a hub's cosignature where the statement asks for one --- */

static void parked_free(void *state) {
    opening_clear(state);
    free(state);
}

static void wake(void *arg) {
    http_wake(arg);
}

/* Hears of the household's cosignatures from here on. Without a connection there is nothing to wait on. */
static err hear_cosigned(struct vault *v, struct http_request *request, struct opening *o, struct diag *d) {
    char channel[CHANNEL_BYTES];
    o->until.us = steady_now().us + GRANT_WITNESS_WAIT_MS * INT64_C(1000);
    o->waker = http_waker(request);
    if (!o->waker) return ERR_OK;
    err e = v->bus->ops->subscribe(v->bus, BUS_LIMITS_COMMAND, wake, o->waker, &o->subscription, d);
    if (e) return e;
    o->v = v;
    channel_cosigned(&o->held.row.household, channel);
    return v->bus->ops->add(o->subscription, channel, 0, false, d);
}

/* *cosigned: it need not be waited for any longer. `ask`: the hubs are asked now. */
static err prove(struct vault *v, struct opening *o, bool ask, bool *cosigned, struct diag *d) {
    struct bus_message m;
    while (o->subscription && v->bus->ops->take(o->subscription, &m) == ERR_OK) payload_unref(m.payload);
    o->proof_count = 0;
    return access_log_prove(v, o->entry, &o->held.row.household, ask, &o->checkpoint, o->proof,
                            &o->proof_count, cosigned, d);
}

static enum http_outcome park(struct http_request *request, struct opening *o, struct http_reply *r) {
    if (!request->state) {
        struct opening *kept = malloc(sizeof *kept);
        if (!kept) return reply_err(r, ERR_NO_MEMORY, NULL);
        *kept = *o;
        *o = (struct opening){0};
        request->state = o = kept;
        request->state_free = parked_free;
    }
    r->park_until = o->until;
    return HTTP_PARK;
}

/* How the key that its holder knows leads to the one that signed the grant. */
static err add_chain(struct vault *v, const struct opening *o, json_t *answer, struct diag *d) {
    AUTO(json_release) json_t *list = NULL;
    err e = answer ? succession_list(v, &o->held.row.household, &list, d) : ERR_NO_MEMORY;
    if (!e && list && json_object_set(answer, "succession", list)) e = ERR_NO_MEMORY;
    return e;
}

static enum http_outcome answer(struct vault *v, struct opening *o, struct http_reply *r) {
    uint32_t now = slot_now();
    uint64_t left = o->held.statement.expires > now ? o->held.statement.expires - now : 0;
    uint32_t lasts = left < GRANT_TOKEN_S ? (uint32_t)left : GRANT_TOKEN_S;
    char token[GRANT_TOKEN_CHARS];
    struct diag d = {0};
    if (grant_bytes_join(&o->held.blobs, &o->raw)) return reply_err(r, ERR_NO_MEMORY, NULL);
    grant_token_make(v, &o->grant, o->entry, now + lasts, token);
    json_t *checkpoint = json_stringn((const char *)o->checkpoint.data, o->checkpoint.len);
    AUTO(json_release)
    json_t *said =
        json_pack("{s:s,s:I,s:o,s:I,s:o,s:o,s:o}", "token", token, "expires_in_s", (json_int_t)lasts, "grant",
                  json_base64(blob_bytes(&o->raw)), "entry", (json_int_t)o->entry, "leaf",
                  json_base64(blob_bytes(&o->leaf)), "checkpoint", checkpoint, "proof",
                  log_proof_json((const uint8_t(*)[HASH_BYTES])o->proof, o->proof_count));
    wipe(token, sizeof token);
    err e = add_chain(v, o, said, &d);
    if (e) return reply_err(r, e, &d);
    reply_json(r, 200, json_incref(said));
    http_reply_header(r, "Cache-Control", "no-store");
    return HTTP_DONE;
}

/* The grant as it is now: while a cosignature was waited for it may have been revoked, or made narrower. */
static err still_alive(struct vault *v, struct opening *o, struct diag *d) {
    AUTO(grant_held_clear) struct grant_held now = {0};
    err e = grant_load(v, NULL, &o->grant, true, &now, d);
    if (!e) e = grant_alive(&now, slot_now(), d);
    if (e) return e;
    grant_held_clear(&o->held);
    o->held = now;
    now = (struct grant_held){0};
    return ERR_OK;
}

/* Without a cosignature after all that time it is answered too: whoever asked for one judges that. */
static enum http_outcome waited(struct vault *v, struct http_request *request, struct http_reply *r) {
    struct opening *o = request->state;
    bool cosigned = false;
    struct diag d = {0};
    err e = prove(v, o, false, &cosigned, &d);
    if (e) return reply_err(r, e, &d);
    bool over = request->expired || atomic_load(&v->closing) || steady_now().us >= o->until.us;
    if (!cosigned && !over) return park(request, o, r);
    e = still_alive(v, o, &d);
    return e ? reply_err(r, e, &d) : answer(v, o, r);
}

enum http_outcome grant_open_post(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    AUTO(opening_clear) struct opening o = {0};
    unsigned retry = 0;
    struct diag d = {0};
    if (request->state) return waited(v, request, r);
    if (!request_id(request, 0, "grant", &o.grant, r) || !read_body(v, request, &o, r)) return HTTP_DONE;
    uint64_t key = limiter_key(&v->opens, BYTES_OF(request->peer.address), BYTES_OF(o.grant.bytes));
    struct steady_us now = steady_now();
    if (!limiter_ask(&v->opens, key, now, &retry)) {
        atomic_fetch_add(&v->count.limited, 1);
        return reply_limited(r, retry);
    }
    err e = prove_holder(v, &o, &d);
    if (e == ERR_DENIED) limiter_count(&v->opens, key, now);
    if (!e) e = grant_alive(&o.held, slot_now(), &d);
    if (!e) e = check_log(v, &o.held.statement, &d);
    if (!e) e = check_staff(v, request, &o, &d);
    if (!e && !grant_use_counts(v, request, &o.grant, "open", r)) return HTTP_DONE;
    if (!e) e = log_use(v, &o, &d);
    bool wanted = !e && o.held.statement.witness_count, cosigned = false;
    if (wanted) e = hear_cosigned(v, request, &o, &d);
    if (!e) e = prove(v, &o, wanted, &cosigned, &d);
    if (e) return reply_err(r, e, &d);
    return wanted && !cosigned && o.waker ? park(request, &o, r) : answer(v, &o, r);
}

/* Not how it ended, nor of whom it was; "no" of an id that is not known, and of all that is no link. */
enum http_outcome grant_ended_get(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    AUTO(grant_held_clear) struct grant_held g = {0};
    struct store_id id;
    struct diag d = {0};
    if (!request_id(request, 0, "grant", &id, r)) return HTTP_DONE;
    err e = grant_load(v, NULL, &id, false, &g, &d);
    if (e && e != ERR_NOT_FOUND) return reply_err(r, e, &d);
    bool over = g.row.revoked || g.row.expires <= slot_now() || (g.row.views && g.row.uses >= g.row.views);
    bool ended = !e && g.statement.purpose == GRANT_LINK && over;
    http_reply_header(r, "Cache-Control", "no-store");
    return reply_json(r, 200, json_pack("{s:b}", "ended", (int)ended));
}
