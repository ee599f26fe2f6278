#include "client/succession.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "client/grants_private.h"
#include "client/hub_command.h"
#include "client/internal.h"
#include "client/members_private.h"
#include "crypto/hash.h"

#define STATE_KEY "household/succession"
#define HUB_WAIT_S 15
#define LATE_S 15 /* whoever set out to make new keys makes them within, or was cut off */
#define LATE_POLL_MS 500

struct going_on {
    struct client *c;
    const struct grants_progress *progress;
    struct grants_ended *ended;
    struct succession_state state;
    struct camera_list cameras;
    struct member owners[MEMBERS_MAX];
    size_t owner_count;
    const struct member *marked; /* this device wrote just now that they go; NULL: nobody */
};

static void going_on_free(struct going_on **g) {
    if (!*g) return;
    camera_list_clear(&(*g)->cameras);
    wipe(*g, sizeof **g);
    free(*g);
}

static void say(const struct going_on *g, const char *what) {
    if (g->progress && g->progress->say) g->progress->say(g->progress->context, what);
}

/* ---- how far it is ---- */

static err read_state(json_t *json, struct succession_state *out, struct diag *d) {
    int64_t version = 0, n = 0, begun = 0;
    json_t *hubs = NULL, *hub;
    size_t i;
    const struct json_field fields[] = {
        {"v", JSON_KIND_INT, true, 1, 1, &version, NULL},
        {"n", JSON_KIND_INT, true, 0, SUCCESSIONS_MAX, &n, NULL},
        {"hubs", JSON_KIND_ARRAY, true, 0, CLIENT_HUBS_MAX, &hubs, NULL},
        {"begun", JSON_KIND_INT, false, 1, SUCCESSIONS_MAX, &begun, NULL},
    };
    err e = JSON_READ(json, fields, d);
    if (e) return e;
    json_array_foreach(hubs, i, hub) {
        if (!json_is_string(hub) ||
            hex_decode(json_string_value(hub), (struct buffer){out->hubs[i], HUB_ID_BYTES}))
            return diag_fail(d, ERR_INVALID, "\"hubs\" must hold ids");
    }
    out->hub_count = json_array_size(hubs);
    out->n = (uint32_t)n;
    out->begun = (uint32_t)begun;
    return ERR_OK;
}

err succession_look(struct client *c, struct succession_state *out, struct diag *d) {
    AUTO(blob_clear) struct blob raw = {0};
    AUTO(json_release) json_t *json = NULL;
    struct object object;
    bool former = false;
    struct succession_state found = {0};
    err e = client_object_ours(c, STATE_KEY, &raw, &object, &former, d);
    if (e && e != ERR_NOT_FOUND) return e;
    if (!e) e = json_parse(object.payload, &json, d);
    if (json) e = read_state(json, &found, d);
    if (e && e != ERR_NOT_FOUND) {
        diag_prefix(d, "%s", STATE_KEY);
        return e;
    }
    found.version = json ? object.version : 0;
    if (former) found = (struct succession_state){.version = found.version}; /* of a succession before */
    found.unfinished = found.n < c->household.chain.count || found.begun > c->household.chain.count;
    *out = found;
    return ERR_OK;
}

bool succession_awaits(const struct client *c, const struct succession_state *s,
                       const uint8_t hub[HUB_ID_BYTES]) {
    if (c->household.chain.count == 0) return false;
    for (size_t i = 0; i < s->hub_count; i++)
        if (memcmp(s->hubs[i], hub, HUB_ID_BYTES) == 0) return false;
    return true;
}

size_t succession_awaited(const struct client *c, const struct succession_state *s) {
    size_t count = 0;
    for (size_t i = 0; i < c->hub_count; i++) count += succession_awaits(c, s, c->hubs[i].hub);
    return count;
}

static err put_state(struct client *c, struct succession_state *s, struct diag *d) {
    AUTO(json_release) json_t *hubs = json_array();
    for (size_t i = 0; i < s->hub_count; i++) json_array_append_new(hubs, json_hex(BYTES_OF(s->hubs[i])));
    AUTO(json_release)
    json_t *json = json_pack("{s:i, s:I, s:O}", "v", 1, "n", (json_int_t)s->n, "hubs", hubs);
    if (json && s->begun) json_object_set_new(json, "begun", json_integer(s->begun));
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    if (!text) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    err e = client_object_put(c, STATE_KEY, s->version + 1, bytes_text(text), d);
    free(text);
    if (!e) s->version++;
    return e;
}

/* ---- what may be signed again ---- */

static void again_name(struct bytes raw, char out[GRANTS_AGAIN_NAME_BYTES]) {
    uint8_t hash[HASH_BYTES];
    hash_sha256(raw, hash);
    grants_again_name(hash, out);
}

static void begun_name(size_t n, char out[32]) {
    snprintf(out, 32, "again/begun-%zu", n);
}

/* Did this device begin the last one? */
static bool is_beginner(const struct client *c) {
    char begun[32];
    begun_name(c->household.chain.count, begun);
    return client_remembers(c, begun);
}

/* An object by a former key: is it what this device knew before that key was succeeded? Whoever kept the key
 * could have made it since. The device that began knows each byte for byte; another goes by what it has seen
 * last. What is by a key before the last former one was not carried over when that one came, or is long gone.
 */
static bool was_known(const struct client *c, struct bytes raw, const struct object *object) {
    char name[GRANTS_AGAIN_NAME_BYTES];
    const struct succession *last = succession_chain_last(&c->household.chain);
    if (!last || memcmp(last->former, object->signer, sizeof last->former) != 0) return false;
    again_name(raw, name);
    if (is_beginner(c)) return client_remembers(c, name);
    return c->seen && seen_knows(c->seen, c->household.id, object);
}

static bool is_invitation(const char *key) {
    return strncmp(key, MEMBERS_INVITE_PREFIX, strlen(MEMBERS_INVITE_PREFIX)) == 0;
}

static err remember_object(void *context, const char *key, int64_t version, struct diag *d) {
    struct client *c = context;
    AUTO(blob_clear) struct blob raw = {0};
    struct object object;
    bool former = false;
    char name[GRANTS_AGAIN_NAME_BYTES];
    err e = client_object_ours(c, key, &raw, &object, &former, d);
    if (e == ERR_NOT_FOUND || (!e && former)) return ERR_OK;
    if (e) return e;
    again_name(blob_bytes(&raw), name);
    return grants_remember_again(c, name, d);
}

static const char *const signed_again[] = {"hub/", "member/", "trust/"};
#define SIGNED_AGAIN (sizeof signed_again / sizeof *signed_again)

static err remember_all(struct client *c, struct diag *d) {
    char begun[32];
    err e = ERR_OK;
    for (size_t i = 0; !e && i < SIGNED_AGAIN; i++)
        e = client_object_list(c, signed_again[i], remember_object, c, d);
    if (!e) e = grants_remember(c, d);
    begun_name(c->household.chain.count + 1, begun);
    if (!e) e = grants_remember_again(c, begun, d);
    return e || !c->seen ? e : seen_save(c->seen, d);
}

/* ---- the owners ---- */

/* One who goes is among them. What cannot be known or read is counted and left out. That somebody goes was
 * written by the former key: a vault can keep it from a device that has not written it itself. So that other
 * device takes nobody for an owner whom the present key does not call one. */
static err add_owner(void *context, const char *key, int64_t version, struct diag *d) {
    struct going_on *g = context;
    struct client *c = g->c;
    AUTO(blob_clear) struct blob raw = {0}, text = {0};
    AUTO(json_release) json_t *json = NULL;
    struct object object;
    struct diag why;
    bool former = false;
    struct member m = {0};
    if (is_invitation(key) || strlen(key) >= sizeof m.key || g->owner_count == MEMBERS_MAX) return ERR_OK;
    err e = client_object_ours(c, key, &raw, &object, &former, &why);
    if (e == ERR_NOT_FOUND) return ERR_OK;
    if (e && e != ERR_FORGED) return diag_fail(d, e, "%s", why.text);
    if (e || (former && (!is_beginner(c) || !was_known(c, blob_bytes(&raw), &object))))
        return ERR_OK; /* sign_object counts it */
    if (household_keys_unbox(&c->household, MEMBERS_INFO, bytes_text(key), object.payload, &text) ||
        json_parse(blob_bytes(&text), &json, &why) || members_parse(json, &m, &why))
        return ERR_OK;
    snprintf(m.key, sizeof m.key, "%s", key);
    m.version = object.version;
    if (m.role == INVITATION_OWNER) g->owners[g->owner_count++] = m;
    return ERR_OK;
}

static err read_owners(struct going_on *g, struct diag *d) {
    g->owner_count = 0;
    return client_object_list(g->c, MEMBERS_PREFIX, add_owner, g, d);
}

/* Their copy of the keys, by the present key. */
static err hand_keys(struct going_on *g, const struct member *m, struct diag *d) {
    struct client *c = g->c;
    AUTO(blob_clear) struct blob raw = {0}, payload = {0};
    struct object object = {0};
    bool former = false;
    char key[HOUSEHOLD_KEY_TEXT_BYTES], what[INVITATION_NAME_MAX_BYTES + 48];
    household_keys_key(m->box, key);
    err e = client_object_ours(c, key, &raw, &object, &former, d);
    if (e && e != ERR_NOT_FOUND) return e;
    if (!e && !former) return ERR_OK;
    snprintf(what, sizeof what, "handing the household's new keys to %s", m->name);
    say(g, what);
    e = household_keys_seal(&c->household, m->box, &payload);
    if (!e) e = client_object_put(c, key, object.version + 1, blob_bytes(&payload), d);
    return e == ERR_CONFLICT ? ERR_OK : e; /* another device of an owner's was first */
}

static bool is_owners(const struct going_on *g, const char *key) {
    char one[HOUSEHOLD_KEY_TEXT_BYTES];
    household_keys_key(g->c->keyring.box.public_key, one);
    bool found = strcmp(one, key) == 0;
    for (size_t i = 0; !found && i < g->owner_count; i++) {
        household_keys_key(g->owners[i].box, one);
        found = strcmp(one, key) == 0;
    }
    return found;
}

static err count_unknown(void *context, const char *key, int64_t version, struct diag *d) {
    struct going_on *g = context;
    g->ended->left.owners += !is_owners(g, key);
    return ERR_OK;
}

static err hand_all_keys(struct going_on *g, struct diag *d) {
    err e = ERR_OK;
    for (size_t i = 0; !e && i < g->owner_count; i++)
        if (!g->owners[i].removed && !members_is_self(g->c, &g->owners[i]))
            e = hand_keys(g, &g->owners[i], d);
    return e ? e : client_object_list(g->c, "household/keys/", count_unknown, g, d);
}

/* What the vault served the one who goes ends now. */
static err shut_out(struct client *c, const struct member *m, struct diag *d) {
    char path[128], hex[2 * SIGN_PUBLIC_BYTES + 1], key[HOUSEHOLD_KEY_TEXT_BYTES];
    hex_encode(BYTES_OF(m->capability), hex);
    snprintf(path, sizeof path, "/v1/capabilities/%s", hex);
    err e = client_json(c, "DELETE", path, NULL, NULL, d);
    household_keys_key(m->box, key);
    return e && e != ERR_NOT_FOUND ? e : members_drop(c, key, d);
}

/* ---- making them ---- */

/* From the PUT of this device's own copy on it has happened: whoever opens that goes on from there. */
static err begin(struct going_on *g, struct diag *d) {
    struct client *c = g->c;
    AUTO(household_keys_clear) struct household_keys next = {0}, before = c->household;
    AUTO(blob_clear) struct blob raw = {0}, payload = {0};
    uint8_t log_key[HOUSEHOLD_LOG_KEY_BYTES];
    struct object object;
    char key[HOUSEHOLD_KEY_TEXT_BYTES];
    household_keys_key(c->keyring.box.public_key, key);
    say(g, "making new keys for the household");
    err e = client_open_household(c, d); /* so that the vault knows those that are succeeded */
    if (!e) e = remember_all(c, d);
    if (!e) e = client_object_get(c, key, c->household.sign.public_key, &raw, &object, d);
    if (e) return e;
    client_log_key(c, log_key);
    e = household_keys_succeed(&c->household, log_key, wall_slot(wall_now()), &next, d);
    wipe(log_key, sizeof log_key);
    if (!e) e = household_keys_seal(&next, c->keyring.box.public_key, &payload);
    if (e) return e;
    c->household = next;
    e = client_object_put(c, key, object.version + 1, blob_bytes(&payload), d);
    if (e) c->household = before;
    return e;
}

/* ---- objects ---- */

static void leave_out(struct going_on *g, const char *key, const char *why) {
    char what[OBJECT_KEY_MAX_BYTES + 96];
    snprintf(what, sizeof what, "%s %s: left out", key, why);
    say(g, what);
    g->ended->left.objects++;
}

/* What cannot be read is taken for one. */
static bool is_of_owner(struct bytes text) {
    AUTO(json_release) json_t *json = NULL;
    struct member m = {0};
    struct diag ignored;
    return json_parse(text, &json, &ignored) || members_parse(json, &m, &ignored) ||
           m.role == INVITATION_OWNER;
}

static err sign_payload(struct going_on *g, const struct object *o, struct diag *d) {
    struct client *c = g->c;
    AUTO(blob_clear) struct blob text = {0}, box = {0};
    if (strncmp(o->key, MEMBERS_PREFIX, strlen(MEMBERS_PREFIX)) != 0)
        return client_object_put(c, o->key, o->version + 1, o->payload, d);
    if (household_keys_unbox(&c->household, MEMBERS_INFO, bytes_text(o->key), o->payload, &text)) {
        g->ended->left.objects++;
        return ERR_OK;
    }
    if (!is_beginner(c) && is_of_owner(blob_bytes(&text))) {
        leave_out(g, o->key, "is an owner's entry by a former key, which another device began to renew");
        return ERR_OK;
    }
    err e = box_seal(c->household.box.public_key, MEMBERS_INFO, bytes_text(o->key), blob_bytes(&text), &box);
    return e ? e : client_object_put(c, o->key, o->version + 1, blob_bytes(&box), d);
}

static err sign_object(void *context, const char *key, int64_t version, struct diag *d) {
    struct going_on *g = context;
    AUTO(blob_clear) struct blob raw = {0};
    struct object object;
    struct diag why;
    bool former = false;
    err e = client_object_ours(g->c, key, &raw, &object, &former, &why);
    if (e == ERR_NOT_FOUND || (!e && !former)) return ERR_OK;
    if (e && e != ERR_FORGED) return diag_fail(d, e, "%s", why.text);
    if (is_invitation(key)) return members_drop(g->c, key, d); /* whoever went has seen its code */
    if (e || !was_known(g->c, blob_bytes(&raw), &object)) {
        leave_out(g, key, "is by a former key, and not known to this device");
        return ERR_OK;
    }
    e = sign_payload(g, &object, d);
    return e == ERR_CONFLICT ? ERR_OK : e; /* another device was first */
}

static err sign_all(struct going_on *g, struct diag *d) {
    err e = ERR_OK;
    say(g, "signing hubs, members and pins with the new keys");
    for (size_t i = 0; !e && i < SIGNED_AGAIN; i++)
        e = client_object_list(g->c, signed_again[i], sign_object, g, d);
    return e;
}

/* ---- hubs ---- */

static json_t *succeed_args(const struct client *c, const struct hub_certificate *hub) {
    const struct blob *envelope = &c->hub_envelopes[hub - c->hubs];
    return json_pack("{s:o, s:o}", "succession", succession_chain_json(&c->household.chain), "certificate",
                     json_base64(blob_bytes(envelope)));
}

static bool is_of(const struct camera *cam, const struct hub_certificate *hub) {
    return memcmp(cam->hub, hub->hub, HUB_ID_BYTES) == 0;
}

/* Its streams have roots for the new box; what fails is counted by cameras. */
static err await_roots(struct going_on *g, const struct hub_certificate *hub, const int64_t *before,
                       struct diag *d) {
    for (size_t i = 0; i < g->cameras.count; i++) {
        const struct camera *cam = &g->cameras.cameras[i];
        if (!is_of(cam, hub)) continue;
        err e = grants_await_root(g->c, cam, before[i], &g->ended->why);
        if (e && e != ERR_TIMEOUT) return diag_fail(d, e, "%s", g->ended->why.text);
        if (cam->is_sub) continue;
        if (e)
            g->ended->failed++;
        else
            g->ended->rekeyed++;
    }
    return ERR_OK;
}

static void count_failed(struct going_on *g, const struct hub_certificate *hub) {
    for (size_t i = 0; i < g->cameras.count; i++)
        g->ended->failed += !g->cameras.cameras[i].is_sub && is_of(&g->cameras.cameras[i], hub);
}

static err tell_hub(struct going_on *g, const struct hub_certificate *hub, int64_t *before, struct diag *d) {
    AUTO(json_release) json_t *args = succeed_args(g->c, hub);
    AUTO(json_release) json_t *result = NULL;
    err e = args ? ERR_OK : diag_fail(d, ERR_NO_MEMORY, "out of memory");
    for (size_t i = 0; !e && i < g->cameras.count; i++)
        if (is_of(&g->cameras.cameras[i], hub))
            e = grants_newest_epoch(g->c, &g->cameras.cameras[i], &before[i], d);
    if (e) return e;
    say(g, "giving a hub the household's new keys");
    e = hub_command(g->c, hub, "succeed", args, HUB_WAIT_S, &result, &g->ended->why);
    if (e == ERR_NO_MEMORY || e == ERR_CANCELLED) return diag_fail(d, e, "%s", g->ended->why.text);
    if (e) {
        count_failed(g, hub);
        return ERR_OK;
    }
    if (g->state.hub_count < CLIENT_HUBS_MAX)
        memcpy(g->state.hubs[g->state.hub_count++], hub->hub, HUB_ID_BYTES);
    return json_is_true(json_object_get(result, "fresh")) ? await_roots(g, hub, before, d) : ERR_OK;
}

static err tell_hubs(struct going_on *g, struct diag *d) {
    size_t damaged = 0;
    camera_list_clear(&g->cameras);
    err e = camera_list_read(g->c, &g->cameras, &damaged, d);
    int64_t *before = e ? NULL : calloc(g->cameras.count + 1, sizeof *before);
    if (!e && !before) e = diag_fail(d, ERR_NO_MEMORY, "out of memory");
    for (size_t i = 0; !e && i < g->c->hub_count; i++)
        if (succession_awaits(g->c, &g->state, g->c->hubs[i].hub)) e = tell_hub(g, &g->c->hubs[i], before, d);
    free(before);
    return e;
}

/* ---- all of it ---- */

static err issue_grants(struct going_on *g, struct diag *d) {
    struct grants_succeeded made = {0};
    say(g, "giving everybody else's grants again, by the new keys");
    err e = grants_succeed(g->c, &g->cameras, &made, d);
    if (e == ERR_NOT_FOUND || e == ERR_UNSUPPORTED) e = ERR_OK; /* a vault without grants */
    g->ended->tended += made.issued;
    g->ended->left.grants = made.unknown;
    g->ended->left.failed = made.failed;
    g->ended->left.why = made.why;
    return e;
}

/* Those who went leave the list when nothing seals to keys that they know. */
static err forget_removed(struct going_on *g, struct diag *d) {
    if (succession_awaited(g->c, &g->state)) return ERR_OK;
    err e = read_owners(g, d);
    for (size_t i = 0; !e && i < g->owner_count; i++)
        if (g->owners[i].removed && g->owners[i].removed <= g->c->household.chain.count)
            e = members_drop(g->c, g->owners[i].key, d);
    return e;
}

static err keep_state(struct going_on *g, struct diag *d) {
    g->state.n = (uint32_t)g->c->household.chain.count;
    g->state.begun = 0;
    err e = put_state(g->c, &g->state, d);
    return e == ERR_CONFLICT ? ERR_OK : e; /* another device was first; what it did not do is seen then */
}

static err go_on(struct going_on *g, struct diag *d) {
    err e = read_owners(g, d);
    if (!e) e = hand_all_keys(g, d);
    if (!e) say(g, "telling the vault");
    if (!e) e = client_open_household(g->c, d);
    if (!e) e = sign_all(g, d);
    if (!e) e = client_read_hubs(g->c, d);
    if (!e) e = tell_hubs(g, d);
    if (!e) e = issue_grants(g, d);
    if (!e) e = forget_removed(g, d);
    return e ? e : keep_state(g, d);
}

static err withdraw_invitations(struct client *c, struct diag *d) {
    struct member_list *l = calloc(1, sizeof *l);
    err e = l ? members_read(c, l, d) : diag_fail(d, ERR_NO_MEMORY, "out of memory");
    for (size_t i = 0; !e && i < l->invitation_count; i++) e = members_cancel(c, &l->invitations[i], d);
    if (l) member_list_clear(l);
    free(l);
    return e;
}

/* One was begun, and its keys are not made: by whoever is marked as going. */
static err begin_again(struct going_on *g, struct diag *d) {
    bool any = false;
    err e = read_owners(g, d);
    for (size_t i = 0; !e && i < g->owner_count; i++) {
        if (g->owners[i].removed <= g->c->household.chain.count) continue;
        any = true;
        e = shut_out(g->c, &g->owners[i], d);
    }
    if (!e && !any && g->marked)
        return diag_fail(d, ERR_FORGED,
                         "the vault does not give back what was written about %s just now: they still have "
                         "the household's keys",
                         g->marked->name);
    if (e || !any) return e;
    e = withdraw_invitations(g->c, d);
    return e ? e : begin(g, d);
}

static err finish(struct going_on *g, struct diag *d) {
    err e = g->state.begun > g->c->household.chain.count ? begin_again(g, d) : ERR_OK;
    /* Hubs that have taken keys of before have not taken those of now. */
    if (!e && g->state.n < g->c->household.chain.count) g->state.hub_count = 0;
    return e ? e : go_on(g, d);
}

static err tend_hubs(struct going_on *g, struct diag *d) {
    size_t taken = g->state.hub_count;
    err e = tell_hubs(g, d);
    if (e || g->state.hub_count == taken) return e;
    e = forget_removed(g, d);
    return e ? e : keep_state(g, d);
}

/* Another device has set out to make new keys. It may be at it right now, and two must not: it is begun again
 * when nothing came of it for a while. */
static err await_other(struct going_on *g, struct diag *d) {
    const struct timespec pause = {0, LATE_POLL_MS * 1000000L};
    uint64_t version = g->state.version;
    int64_t until_us = steady_now().us + LATE_S * INT64_C(1000000);
    err e = ERR_OK;
    say(g, "somebody else's device set out to renew the household's keys; waiting for it");
    while (!e && g->state.version == version && steady_now().us < until_us) {
        nanosleep(&pause, NULL);
        e = succession_look(g->c, &g->state, d);
        if (e == ERR_FORGED) break; /* it is by the new key, which this device has not read yet */
    }
    if (!e || e == ERR_FORGED) e = client_unlock(g->c, d);
    return e ? e : succession_look(g->c, &g->state, d);
}

err succession_tend(struct client *c, const struct grants_progress *progress, struct grants_ended *ended,
                    bool *did, struct diag *d) {
    AUTO(going_on_free) struct going_on *g = calloc(1, sizeof *g);
    *did = false;
    *ended = (struct grants_ended){0};
    if (!g) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    *g = (struct going_on){.c = c, .progress = progress, .ended = ended};
    err e = succession_look(c, &g->state, d);
    if (e || (!g->state.unfinished && succession_awaited(c, &g->state) == 0)) return e;
    *did = ended->reached_beyond = true;
    if (g->state.begun > c->household.chain.count) e = await_other(g, d);
    if (e) return e;
    return g->state.unfinished ? finish(g, d) : tend_hubs(g, d);
}

err succession_remove(struct client *c, const struct member *m, const struct grants_progress *progress,
                      struct grants_ended *ended, struct diag *d) {
    AUTO(going_on_free) struct going_on *g = calloc(1, sizeof *g);
    struct member going = *m;
    bool did;
    if (!g) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    if (!c->seen)
        return diag_fail(
            d, ERR_UNSUPPORTED,
            "this device remembers nothing of the household, and could not tell afterwards what is to "
            "be signed again: remove them from another device of an owner's");
    err e = succession_tend(c, progress, ended, &did, d);
    if (e || (m->removed && m->removed <= c->household.chain.count))
        return e; /* it has happened; what was left was tried again */
    *g = (struct going_on){.c = c, .progress = progress, .ended = ended, .marked = &going};
    *ended = (struct grants_ended){.reached_beyond = true};
    e = succession_look(c, &g->state, d);
    if (e) return e;
    g->state.n = (uint32_t)c->household.chain.count;
    g->state.begun = going.removed = g->state.n + 1;
    going.version++;
    if (g->state.begun > SUCCESSIONS_MAX)
        return diag_fail(d, ERR_LIMIT,
                         "the household's keys were renewed %d times, which is the most: make a new "
                         "household",
                         SUCCESSIONS_MAX);
    e = put_state(c, &g->state, d);
    if (!e) e = members_put(c, &going, d);
    return e ? e : finish(g, d);
}
