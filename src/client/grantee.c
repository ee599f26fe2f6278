#include "client/grantee.h"

#include <stdio.h>
#include <stdlib.h>

#include "client/internal.h"
#include "crypto/hash.h"
#include "tlog/log_clock.h"
#include "tlog/log_entry.h"
#include "tlog/log_proof.h"

#define PROOF_MAX 64
#define RENEW_S 60

void grantee_clear(struct grantee *g) {
    if (g) wipe(g, sizeof *g);
}

void client_grant_free(struct client_grant *g) {
    if (!g) return;
    grantee_clear(&g->who);
    grant_about_clear(&g->about);
    grant_parts_clear(&g->keys);
    free(g);
}

void grant_answer_clear(struct grant_answer *a) {
    blob_clear(&a->grant);
    blob_clear(&a->leaf);
    blob_clear(&a->proof);
    free(a->checkpoint);
    *a = (struct grant_answer){0};
}

err grantee_of_link(const struct link *l, struct bytes password, struct grantee *out, struct diag *d) {
    AUTO(link_keys_clear) struct link_keys keys = {0};
    err e = link_derive(l, password, &keys, d);
    if (e) return e;
    *out = (struct grantee){.box = keys.box, .sign = keys.sign};
    memcpy(out->grant, l->grant, sizeof out->grant);
    memcpy(out->issuer, l->issuer, sizeof out->issuer);
    return ERR_OK;
}

err grantee_of_member(const struct keyring *k, const struct keyring_household *h, struct grantee *out,
                      struct diag *d) {
    if (h->role == KEYRING_OWNER || !h->has_grant || !h->has_sign)
        return diag_fail(d, ERR_INVALID, "an owner of '%s' needs no grant", h->name);
    *out = (struct grantee){.box = k->box, .sign = k->sign, .by_key = true};
    memcpy(out->grant, h->grant, sizeof out->grant);
    memcpy(out->issuer_key, h->sign, sizeof out->issuer_key);
    return ERR_OK;
}

/* ---- what is held against an answer ---- */

static bool is_known(const struct grantee *who, const uint8_t sign[SIGN_PUBLIC_BYTES]) {
    uint8_t hash[LINK_ISSUER_BYTES];
    if (who->by_key) return memcmp(sign, who->issuer_key, SIGN_PUBLIC_BYTES) == 0;
    link_issuer(sign, hash);
    return memcmp(hash, who->issuer, sizeof hash) == 0;
}

/* The issuer's key that the holder knows, or one to which it leads. */
static bool may_issue(const struct grantee *who, const struct succession_chain *chain,
                      const uint8_t sign[SIGN_PUBLIC_BYTES]) {
    if (is_known(who, sign)) return true;
    for (size_t i = 0; i < chain->count; i++) {
        const uint8_t *former = chain->links[i].statement.former;
        if (is_known(who, former)) return succession_chain_leads(chain, NULL, former, sign, NULL) == ERR_OK;
    }
    return false;
}

static err check_statement(const struct grantee *who, const struct succession_chain *chain,
                           const struct grant_statement *s, struct wall_us now, struct diag *d) {
    if (!may_issue(who, chain, s->issuer))
        return diag_fail(d, ERR_FORGED,
                         "the vault sent a grant that another household signed: nothing was opened");
    if (memcmp(s->id, who->grant, sizeof s->id) != 0)
        return diag_fail(d, ERR_FORGED,
                         "the vault sent another grant than was asked for: nothing was opened");
    if (memcmp(s->grantee, who->box.public_key, sizeof s->grantee) != 0 ||
        memcmp(s->grantee_sign, who->sign.public_key, sizeof s->grantee_sign) != 0)
        return diag_fail(d, ERR_FORGED, "the vault sent a grant for somebody else: nothing was opened");
    return grant_valid_at(s, wall_slot(now), d);
}

static err check_proof(const struct grant_statement *s, const struct grant_answer *a, struct diag *d) {
    uint8_t hashes[PROOF_MAX][HASH_BYTES];
    struct checkpoint checkpoint;
    if (a->proof.len > sizeof hashes || a->proof.len % HASH_BYTES)
        return diag_fail(d, ERR_INVALID,
                         "the proof that this use is in the log cannot be: nothing was opened");
    if (a->proof.len) memcpy(hashes, a->proof.data, a->proof.len);
    err e =
        log_proof_check(s->log, a->checkpoint, strlen(a->checkpoint), a->entry, blob_bytes(&a->leaf),
                        (const uint8_t(*)[HASH_BYTES])hashes, a->proof.len / HASH_BYTES,
                        (const uint8_t(*)[SIGN_PUBLIC_BYTES])s->witnesses, s->witness_count, &checkpoint, d);
    if (e) diag_prefix(d, "it is not proven that this use is in the log, so nothing was opened");
    return e;
}

/* That it is in the log is proven; that it is this use, and not somebody's or yesterday's, is asked here. */
static err check_entry(const struct client_grant *g, const struct grant_statement *s,
                       const struct grant_about *about, const struct grant_answer *a, struct wall_us now,
                       struct diag *d) {
    struct log_entry entry;
    uint8_t actor[LOG_ACTOR_BYTES];
    err e = log_entry_decode(blob_bytes(&a->leaf), &entry, d);
    if (e) return e;
    if (strcmp(entry.kind, "grant.use") != 0)
        return diag_fail(d, ERR_FORGED,
                         "the vault proved another entry of its log than this use: nothing was opened");
    log_actor_staff(s->grantee_sign, actor);
    if (s->purpose != GRANT_SUPPORT) {
        if (!about->has_actor)
            return diag_fail(d, ERR_INVALID, "grant: it does not say what the log calls its holder");
        memcpy(actor, about->actor, sizeof actor);
    }
    if (!entry.acted || memcmp(entry.actor, actor, sizeof actor) != 0)
        return diag_fail(d, ERR_FORGED,
                         "the vault proved somebody else's use, not yours: nothing was opened");
    if (llabs(entry.time.us - now.us) > LOG_CLOCK_OFF_S * INT64_C(1000000))
        return diag_fail(
            d, ERR_FORGED,
            "the vault proved a use of another time and did not log this one, or this machine's clock is "
            "off by more than %d minutes: nothing was opened",
            LOG_CLOCK_OFF_S / 60);
    uint64_t fact = 0;
    if (s->purpose == GRANT_SUPPORT &&
        (!log_entry_fact(&entry, "grant", &fact) || fact != log_grant_fact(s->id)))
        return diag_fail(
            d, ERR_FORGED,
            "the vault proved your use of another grant, and did not log this one: nothing was opened");
    if (!log_entry_fact(&entry, LOG_OPENING_FACT, &fact) || fact != a->opening)
        return diag_fail(
            d, ERR_FORGED,
            "the vault proved another opening than this one, which it did not log, or it is older "
            "than this program: nothing was opened");
    if (g->opened && a->entry <= g->entry)
        return diag_fail(d, ERR_FORGED, "the vault proved an earlier use, and did not log this one");
    return ERR_OK;
}

err client_grant_check(struct client_grant *g, const struct grant_answer *a, struct wall_us now,
                       struct diag *d) {
    struct grant_statement *s = malloc(sizeof *s);
    struct grant_about *about = calloc(1, sizeof *about);
    AUTO(grant_parts_clear) struct grant_parts keys = {0};
    err e = s && about ? ERR_OK : diag_fail(d, ERR_NO_MEMORY, "out of memory");
    if (!e) e = grant_read(blob_bytes(&a->grant), NULL, s, d);
    if (!e) e = check_statement(&g->who, &a->chain, s, now, d);
    if (!e) e = check_proof(s, a, d);
    if (!e) e = grant_open(blob_bytes(&a->grant), s->issuer, &g->who.box, s, &keys, d);
    if (!e) e = grant_about_read(blob_bytes(&keys.about), s, about, d);
    if (!e) e = check_entry(g, s, about, a, now, d);
    if (!e) {
        grant_about_clear(&g->about);
        grant_parts_clear(&g->keys);
        g->statement = *s;
        g->about = *about;
        *about = (struct grant_about){0};
        g->keys = keys;
        keys = (struct grant_parts){0};
        g->entry = a->entry;
        const struct succession *last = succession_chain_last(&a->chain);
        bool led = last && may_issue(&g->who, &a->chain, last->sign);
        memcpy(g->newest, led ? last->sign : s->issuer, sizeof g->newest);
        g->opened = true;
    }
    if (about) grant_about_clear(about);
    free(about);
    free(s);
    return e;
}

/* ---- asking the vault ---- */

static err read_bytes(json_t *answer, const char *name, struct blob *out, struct diag *d) {
    const char *text = client_text(answer, name);
    if (!*text || base64_decode(text, strlen(text), out))
        return diag_fail(d, ERR_INVALID, "the vault's answer holds no \"%s\"", name);
    return ERR_OK;
}

static err read_answer(json_t *answer, struct grant_answer *out, struct diag *d) {
    json_t *entry = json_object_get(answer, "entry"), *proof = json_object_get(answer, "proof"), *one;
    const char *checkpoint = client_text(answer, "checkpoint");
    size_t i;
    err e = read_bytes(answer, "grant", &out->grant, d);
    if (!e) e = read_bytes(answer, "leaf", &out->leaf, d);
    if (e) return e;
    if (!json_is_integer(entry) || json_integer_value(entry) < 0 || !json_is_array(proof) ||
        json_array_size(proof) > PROOF_MAX || !*checkpoint)
        return diag_fail(d, ERR_INVALID, "the vault's answer holds no proof that this use is in its log");
    e = succession_chain_parse(json_object_get(answer, "succession"), &out->chain, d);
    if (e) return e;
    out->entry = (uint64_t)json_integer_value(entry);
    out->checkpoint = strdup(checkpoint);
    if (!out->checkpoint) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    json_array_foreach(proof, i, one) {
        AUTO(blob_clear) struct blob hash = {0};
        if (!json_is_string(one) || base64_decode(json_string_value(one), json_string_length(one), &hash) ||
            hash.len != HASH_BYTES)
            return diag_fail(d, ERR_INVALID, "the vault's proof holds what is no hash");
        e = blob_append(&out->proof, blob_bytes(&hash));
        if (e) return e;
    }
    return ERR_OK;
}

/* *opening is what the entry of this opening has to say. */
static err post_open(struct client *c, const struct grantee *who, uint64_t *opening, json_t **answer,
                     struct diag *d) {
    AUTO(json_release) json_t *challenge = NULL;
    AUTO(blob_clear) struct blob raw = {0};
    uint8_t signature[SIGNATURE_BYTES], nonce[LOG_OPENING_NONCE_BYTES];
    char path[80], id[2 * GRANT_ID_BYTES + 1];
    err e = http_client_json(c->http, "GET", "/v1/access/challenge", NULL, NULL, &challenge, d);
    if (!e) e = read_bytes(challenge, "challenge", &raw, d);
    if (e) return e;
    e = grant_open_sign(&who->sign, blob_bytes(&raw), who->grant, signature);
    if (e) return diag_fail(d, ERR_INVALID, "the vault's challenge is longer than any can be");
    /* The vault chooses the challenge and could choose the same one again; not so the nonce. */
    random_bytes(nonce, sizeof nonce);
    *opening = log_opening_fact(nonce, signature);
    /* With the token before it this goes on with that opening, and is no further view. */
    const char *renews = c->grant->opened && strncmp(c->access, "Access ", 7) == 0 ? c->access + 7 : NULL;
    AUTO(json_release)
    json_t *ask =
        json_pack("{s:s, s:o, s:o, s:s*}", "challenge", client_text(challenge, "challenge"), "signature",
                  json_base64(BYTES_OF(signature)), "nonce", json_base64(BYTES_OF(nonce)), "renews", renews);
    if (!ask) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    hex_encode(BYTES_OF(who->grant), id);
    snprintf(path, sizeof path, "/v1/grants/%s/open", id);
    return http_client_json(c->http, "POST", path, who->access, ask, answer, d);
}

static err take_token(struct client *c, json_t *answer, struct diag *d) {
    const char *token = client_text(answer, "token");
    int64_t lasts = json_integer_value(json_object_get(answer, "expires_in_s"));
    if (!*token || lasts <= 0 ||
        snprintf(c->access, sizeof c->access, "Access %s", token) >= (int)sizeof c->access)
        return diag_fail(d, ERR_INVALID, "the vault's answer holds no token");
    int64_t early = lasts > 2 * RENEW_S ? RENEW_S : 0;
    c->access_until.us = steady_now().us + (lasts - early) * 1000000;
    return ERR_OK;
}

/* What a household's hubs are, for whoever looks at marks: only what its issuer certified. */
static err take_hubs(struct client *c, struct diag *d) {
    const struct client_grant *g = c->grant;
    for (size_t i = 0; i < c->hub_count; i++) blob_clear(&c->hub_envelopes[i]);
    c->hub_count = 0;
    for (size_t i = 0; i < g->about.hub_count; i++) {
        c->hubs[i] = g->about.hubs[i];
        c->hub_count++;
        if (blob_append(&c->hub_envelopes[i], blob_bytes(&g->about.envelopes[i])))
            return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    }
    memcpy(c->household.sign.public_key, g->statement.issuer, sizeof c->household.sign.public_key);
    memcpy(c->household.name, g->about.household, sizeof c->household.name);
    return ERR_OK;
}

err grantee_open_again(struct client *c, struct diag *d) {
    AUTO(json_release) json_t *answer = NULL;
    AUTO(grant_answer_clear) struct grant_answer a = {0};
    err e = post_open(c, &c->grant->who, &a.opening, &answer, d);
    if (!e) e = read_answer(answer, &a, d);
    if (!e) e = client_grant_check(c->grant, &a, wall_now(), d);
    if (!e) e = take_token(c, answer, d);
    return e ? e : take_hubs(c, d);
}

err grantee_open(struct client *c, const struct grantee *who, struct diag *d) {
    _Static_assert(GRANT_HUBS_MAX <= CLIENT_HUBS_MAX, "a grant's hubs fit a client");
    _Static_assert(GRANT_NAME_MAX_BYTES <= HOUSEHOLD_NAME_MAX_BYTES, "a grant's name fits a household's");
    client_grant_free(c->grant);
    c->grant = calloc(1, sizeof *c->grant);
    if (!c->grant) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    c->grant->who = *who;
    return grantee_open_again(c, d);
}

err grantee_link_check(struct client *c, const struct link *l, struct diag *d) {
    AUTO(json_release) json_t *answer = NULL;
    char hex[2 * GRANT_ID_BYTES + 1], path[64];
    hex_encode(BYTES_OF(l->grant), hex);
    snprintf(path, sizeof path, "/v1/grants/%s/ended", hex);
    err e = http_client_json(c->http, "GET", path, NULL, NULL, &answer, d);
    if (e || !json_is_true(json_object_get(answer, "ended"))) return e;
    return diag_fail(d, ERR_DENIED, "this link has ended: ask whoever sent it for a new one");
}

/* ---- cameras ---- */

static err read_camera(const struct grant_camera *from, struct camera *out, struct diag *d) {
    memcpy(out->id, from->id, sizeof out->id);
    hex_encode(BYTES_OF(out->id), out->hex);
    snprintf(out->name, sizeof out->name, "%s", from->is_sub ? "" : from->name);
    out->is_sub = from->is_sub;
    out->has_sub = from->has_sub;
    memcpy(out->sub, from->sub, sizeof out->sub);
    memcpy(out->hub, from->hub, sizeof out->hub);
    out->profile = json_pack("{s:s, s:s, s:s*, s:o*, s:o*, s:b, s:o}", "kind", from->is_sub ? "sub" : "main",
                             "name", from->name, "codec", from->codec[0] ? from->codec : NULL, "main",
                             from->is_sub ? json_hex(BYTES_OF(from->main)) : NULL, "sub",
                             from->has_sub ? json_hex(BYTES_OF(from->sub)) : NULL, "indoor",
                             (int)from->indoor, "hub", json_hex(BYTES_OF(from->hub)));
    return out->profile ? ERR_OK : diag_fail(d, ERR_NO_MEMORY, "out of memory");
}

err grantee_cameras(const struct client *c, struct camera_list *out, struct diag *d) {
    const struct grant_about *about = &c->grant->about;
    AUTO(camera_list_clear) struct camera_list list = {0};
    list.cameras = calloc(about->camera_count + 1, sizeof *list.cameras);
    if (!list.cameras) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < about->camera_count; i++) {
        err e = read_camera(&about->cameras[i], &list.cameras[list.count++], d);
        if (e) return e;
    }
    *out = list;
    list = (struct camera_list){0};
    return ERR_OK;
}

err grantee_keys(const struct client *c, struct camera *cam, struct diag *d) {
    const struct grant_parts *keys = &c->grant->keys;
    for (size_t i = 0; i < keys->count; i++) {
        const struct grant_part *part = &keys->parts[i];
        if (memcmp(part->camera, cam->id, CAMERA_ID_BYTES) != 0) continue;
        struct camera_epoch *more = realloc(cam->epochs, (cam->epoch_count + 1) * sizeof *more);
        if (!more) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
        cam->epochs = more;
        more[cam->epoch_count] = (struct camera_epoch){.epoch = part->epoch};
        if (timekey_set_copy(&part->keys, &more[cam->epoch_count].keys))
            return diag_fail(d, ERR_NO_MEMORY, "out of memory");
        cam->epoch_count++;
    }
    return ERR_OK;
}
