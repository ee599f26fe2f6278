/* grants.c: making grants, and making them again. */
#include "client/grants.h"

#include <stdio.h>
#include <stdlib.h>

#include "client/grants_private.h"
#include "client/internal.h"
#include "client/log_pins.h"
#include "crypto/hash.h"
#include "tlog/log_entry.h"

#define STREAMS_MAX GRANT_CAMERAS_MAX

/* What goes into one grant, while it is made. */
struct making {
    struct grant_statement statement;
    struct grant_about about;
    struct grant_part *parts;
    size_t part_count;
    json_t *epochs; /* {camera: [epoch]} */
};

static void making_free(struct making **m) {
    if (!*m) return;
    for (size_t i = 0; i < (*m)->part_count; i++) timekey_set_clear(&(*m)->parts[i].keys);
    free((*m)->parts);
    grant_about_clear(&(*m)->about);
    json_decref((*m)->epochs);
    free(*m);
}

/* ---- under which log ---- */

/* A pin that this household made binds: a vault that shows another log is not believed. */
static err check_pin(struct client *c, const uint8_t log[GRANT_LOG_KEY_BYTES], struct diag *d) {
    struct log_pins pins;
    err e = log_pins_held(c, &pins, d);
    if (e) return e == ERR_NOT_FOUND ? ERR_OK : e;
    if (memcmp(pins.log, log, GRANT_LOG_KEY_BYTES) != 0)
        return diag_fail(
            d, ERR_FORGED,
            "the vault's log has another key than the one that this household pinned: nothing was granted");
    return ERR_OK;
}

static err find_log(struct client *c, uint8_t log[GRANT_LOG_KEY_BYTES], struct diag *d) {
    AUTO(json_release) json_t *answer = NULL;
    AUTO(blob_clear) struct blob raw = {0};
    err e = http_client_json(c->http, "GET", "/v1/vault", NULL, NULL, &answer, d);
    if (e) return e;
    const char *text = client_text(answer, "log_key");
    if (base64_decode(text, strlen(text), &raw) || raw.len != GRANT_LOG_KEY_BYTES)
        return diag_fail(d, ERR_UNSUPPORTED, "this vault keeps no log, and without one nothing is granted");
    memcpy(log, raw.data, raw.len);
    return check_pin(c, log, d);
}

/* ---- what is handed over ---- */

static err add_stream(struct making *m, const struct camera *cam, struct diag *d) {
    struct grant_statement *s = &m->statement;
    struct grant_camera *told = &m->about.cameras[m->about.camera_count];
    if (s->camera_count == STREAMS_MAX)
        return diag_fail(d, ERR_LIMIT, "one grant holds at most %d streams", STREAMS_MAX);
    memcpy(s->cameras[s->camera_count++], cam->id, CAMERA_ID_BYTES);
    *told = (struct grant_camera){.is_sub = cam->is_sub, .has_sub = cam->has_sub};
    memcpy(told->id, cam->id, CAMERA_ID_BYTES);
    memcpy(told->sub, cam->sub, CAMERA_ID_BYTES);
    memcpy(told->hub, cam->hub, HUB_ID_BYTES);
    told->indoor = json_is_true(json_object_get(cam->profile, "indoor"));
    snprintf(told->codec, sizeof told->codec, "%s", client_text(cam->profile, "codec"));
    snprintf(told->name, sizeof told->name, "%s", cam->name);
    m->about.camera_count++;
    return ERR_OK;
}

/* The substream that goes with a camera; not one that a grant which stays as wide as it is does not name. */
static struct camera *sub_of(struct camera_list *all, const struct grant_statement *within,
                             const struct camera *cam) {
    struct camera *sub = cam->has_sub ? camera_by_id(all, cam->sub) : NULL;
    bool may = !within || within->role == GRANT_ROLE_MEMBER || (sub && grant_names_camera(within, sub->id));
    return may ? sub : NULL;
}

/* A camera's main stream and its substream, which has the same name. */
static err add_camera(struct making *m, struct camera_list *all, const struct grant_statement *within,
                      const struct camera *cam, struct diag *d) {
    err e = add_stream(m, cam, d);
    struct camera *sub = e ? NULL : sub_of(all, within, cam);
    if (e || !sub) return e;
    e = add_stream(m, sub, d);
    if (e) return e;
    struct grant_camera *told = &m->about.cameras[m->about.camera_count - 1];
    memcpy(told->main, cam->id, CAMERA_ID_BYTES);
    memcpy(told->name, cam->name, sizeof told->name);
    told->indoor = json_is_true(json_object_get(cam->profile, "indoor"));
    return ERR_OK;
}

static err add_hubs(struct making *m, const struct client *c, bool witnessed) {
    for (size_t h = 0; h < c->hub_count; h++) {
        bool used = false;
        for (size_t i = 0; i < m->about.camera_count; i++)
            used = used || memcmp(m->about.cameras[i].hub, c->hubs[h].hub, HUB_ID_BYTES) == 0;
        if (!used) continue;
        err e = blob_append(&m->about.envelopes[m->about.hub_count], blob_bytes(&c->hub_envelopes[h]));
        m->about.hub_count++;
        if (e) return e;
        if (witnessed)
            memcpy(m->statement.witnesses[m->statement.witness_count++], c->hubs[h].sign, SIGN_PUBLIC_BYTES);
    }
    return ERR_OK;
}

static err add_part(struct making *m, const struct camera *cam, const struct camera_epoch *epoch,
                    struct diag *d) {
    AUTO(timekey_set_clear) struct timekey_set within = {0};
    err e = timekey_intersect(&epoch->keys, m->statement.from, m->statement.to, &within);
    if (e || within.count == 0) return e;
    struct grant_part *more = realloc(m->parts, (m->part_count + 1) * sizeof *more);
    json_t *list = json_object_get(m->epochs, cam->hex);
    if (!list) {
        list = json_array();
        if (json_object_set_new(m->epochs, cam->hex, list)) list = NULL;
    }
    if (more) m->parts = more;
    if (!more || !list || json_array_append_new(list, json_integer(epoch->epoch)))
        return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    more[m->part_count] = (struct grant_part){.epoch = epoch->epoch, .keys = within};
    memcpy(more[m->part_count++].camera, cam->id, CAMERA_ID_BYTES);
    within = (struct timekey_set){0};
    return ERR_OK;
}

static err add_keys(struct making *m, struct client *c, struct camera_list *all, struct diag *d) {
    for (size_t i = 0; i < m->statement.camera_count; i++) {
        struct camera *cam = camera_by_id(all, m->statement.cameras[i]);
        err e = camera_load_keys(c, cam, d);
        for (size_t k = 0; !e && k < cam->epoch_count; k++) e = add_part(m, cam, &cam->epochs[k], d);
        if (e) return e;
    }
    if (m->part_count) return ERR_OK;
    return diag_fail(d, ERR_NOT_FOUND,
                     "there are no keys of that time: it was deleted, or the camera was not there");
}

static err make(struct client *c, struct camera_list *all, const struct grant_wish *w, uint64_t time,
                struct making **out, struct diag *d) {
    AUTO(making_free) struct making *m = calloc(1, sizeof *m);
    uint8_t log_key[LOG_KEY_BYTES];
    if (!m || !(m->epochs = json_object())) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    struct grant_statement *s = &m->statement;
    *s = (struct grant_statement){.purpose = w->purpose,
                                  .role = w->role,
                                  .from = w->from,
                                  .to = w->to,
                                  .live = w->live,
                                  .may_export = w->may_export,
                                  .not_before = w->not_before,
                                  .expires = w->expires,
                                  .time = time,
                                  .views = w->views};
    memcpy(s->id, w->id, sizeof s->id);
    memcpy(s->grantee, w->grantee, sizeof s->grantee);
    memcpy(s->grantee_sign, w->grantee_sign, sizeof s->grantee_sign);
    snprintf(s->ticket, sizeof s->ticket, "%s", w->ticket ? w->ticket : "");
    snprintf(m->about.household, sizeof m->about.household, "%s", c->household.name);
    if (w->words && strlen(w->words) > GRANT_WORDS_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT, "the words are longer than %d bytes", GRANT_WORDS_MAX_BYTES);
    snprintf(m->about.words, sizeof m->about.words, "%s", w->words ? w->words : "");
    client_log_key(c, log_key);
    log_actor_private(log_key, w->grantee_sign, m->about.actor);
    wipe(log_key, sizeof log_key);
    m->about.has_actor = w->purpose != GRANT_SUPPORT; /* staff are known by their key */
    err e = ERR_OK;
    for (size_t i = 0; !e && i < w->camera_count; i++) e = add_camera(m, all, w->within, w->cameras[i], d);
    if (!e) e = add_hubs(m, c, w->witnessed);
    if (!e) e = find_log(c, s->log, d);
    if (!e) e = add_keys(m, c, all, d);
    if (e) return e;
    *out = m;
    m = NULL;
    return ERR_OK;
}

/* ---- the note ---- */

err grants_note_seal(const struct client *c, const uint8_t id[GRANT_ID_BYTES], json_t *note, char **out,
                     struct diag *d) {
    AUTO(blob_clear) struct blob box = {0};
    char *text = json_dumps(note, JSON_COMPACT);
    err e = text ? box_seal(c->household.box.public_key, "cardea/1 note", BYTES(id, GRANT_ID_BYTES),
                            bytes_text(text), &box)
                 : ERR_NO_MEMORY;
    free(text);
    if (!e && box.len > GRANT_NOTE_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT,
                         "what is to be remembered of the grant is larger than %u bytes: fewer words",
                         GRANT_NOTE_MAX_BYTES);
    char *encoded = e ? NULL : malloc(BASE64_CHARS(box.len));
    if (!encoded) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    base64_encode(blob_bytes(&box), encoded);
    *out = encoded;
    return ERR_OK;
}

static json_t *first_note(const struct grant_wish *w, json_t *epochs) {
    char link[LINK_TEXT_BYTES] = "", *fragment = NULL;
    if (w->link && link_format(w->link, "", link) == ERR_OK) fragment = strchr(link, '#') + 1;
    json_t *note = json_pack("{s:i, s:s*, s:s*, s:O, s:s*}", "v", 1, "name", w->name, "words", w->words,
                             "epochs", epochs, "link", fragment);
    wipe(link, sizeof link);
    if (note && w->link && w->link->password) json_object_set_new(note, "password", json_true());
    return note;
}

static void text_free(char **text) {
    free(*text);
}

static err send(struct client *c, const struct making *m, json_t *note, bool again, struct diag *d) {
    AUTO(blob_clear) struct blob raw = {0}, about = {0};
    AUTO(text_free) char *sealed = NULL;
    char path[80], id[2 * GRANT_ID_BYTES + 1];
    err e = grant_about_encode(&m->about, &about, d);
    if (!e)
        e = grant_issue(&m->statement, &c->household.sign, blob_bytes(&about), m->parts, m->part_count, &raw,
                        d);
    if (!e) e = grants_note_seal(c, m->statement.id, note, &sealed, d);
    if (e) return e;
    AUTO(json_release)
    json_t *ask = json_pack("{s:o, s:s}", "grant", json_base64(blob_bytes(&raw)), "note", sealed);
    if (!ask) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    hex_encode(BYTES_OF(m->statement.id), id);
    snprintf(path, sizeof path, again ? "/v1/grants/%s" : "/v1/grants", id);
    return client_json(c, again ? "PUT" : "POST", path, ask, NULL, d);
}

err grants_issue(struct client *c, struct camera_list *all, const struct grant_wish *wish,
                 uint8_t id[GRANT_ID_BYTES], struct diag *d) {
    AUTO(making_free) struct making *m = NULL;
    struct grant_wish w = *wish;
    uint8_t fresh[GRANT_ID_BYTES];
    random_bytes(fresh, sizeof fresh);
    if (!w.id) w.id = fresh;
    err e = client_open_household(c, d);
    if (!e) e = make(c, all, &w, wall_slot(wall_now()), &m, d);
    if (e) return e;
    AUTO(json_release) json_t *note = first_note(&w, m->epochs);
    if (!note) return diag_fail(d, ERR_INVALID, "the name or the words are not UTF-8 text");
    e = send(c, m, note, false, d);
    if (!e) memcpy(id, m->statement.id, GRANT_ID_BYTES);
    return e;
}

err grants_share(struct client *c, struct camera_list *all, const struct grant_wish *wish,
                 struct bytes password, const char *vault, char out[LINK_TEXT_BYTES],
                 uint8_t id[GRANT_ID_BYTES], struct diag *d) {
    AUTO(link_clear) struct link l = {.password = password.len > 0};
    AUTO(link_keys_clear) struct link_keys keys = {0};
    struct grant_wish w = *wish;
    random_bytes(l.grant, sizeof l.grant);
    random_bytes(l.secret, sizeof l.secret);
    link_issuer(c->household.sign.public_key, l.issuer);
    err e = link_derive(&l, password, &keys, d);
    if (!e && link_format(&l, vault, out))
        e = diag_fail(d, ERR_LIMIT, "the vault's address is too long for a link");
    if (e) return e;
    w.id = l.grant;
    w.purpose = GRANT_LINK;
    w.grantee = keys.box.public_key;
    w.grantee_sign = keys.sign.public_key;
    w.link = &l;
    return grants_issue(c, all, &w, id, d);
}

/* ---- tending ---- */

/* Epochs of a stream, by the names of its root objects: the newest is what a grant must have. */
static err newest(void *context, const char *key, int64_t version, struct diag *d) {
    int64_t *most = context;
    const char *number = strrchr(key, '/');
    int64_t epoch = number ? (int64_t)strtoul(number + 1, NULL, 10) : 0;
    if (epoch > *most) *most = epoch;
    return ERR_OK;
}

err grants_newest_epoch(struct client *c, const struct camera *cam, int64_t *out, struct diag *d) {
    char prefix[80];
    *out = -1;
    snprintf(prefix, sizeof prefix, "camera/%s/root/", cam->hex);
    return client_object_list(c, prefix, newest, out, d);
}

/* The same of all streams, with one request: whoever tends looks at every grant of every camera. */
struct newest_list {
    struct camera_list *all;
    int64_t *epochs; /* by place in `all`; -1: none */
};

static err newest_of_any(void *context, const char *key, int64_t version, struct diag *d) {
    struct newest_list *l = context;
    uint8_t id[CAMERA_ID_BYTES];
    char hex[2 * CAMERA_ID_BYTES + 1];
    const char *rest = key + 7 + 2 * CAMERA_ID_BYTES;
    if (strlen(key) <= 7 + 2 * CAMERA_ID_BYTES || strncmp(rest, "/root/", 6) != 0) return ERR_OK;
    memcpy(hex, key + 7, sizeof hex - 1);
    hex[sizeof hex - 1] = 0;
    if (hex_decode(hex, (struct buffer){id, sizeof id})) return ERR_OK;
    struct camera *cam = camera_by_id(l->all, id);
    return cam ? newest(&l->epochs[cam - l->all->cameras], key, version, d) : ERR_OK;
}

static bool note_has(const struct grant_item *g, const struct camera *cam, int64_t epoch) {
    json_t *list = json_object_get(json_object_get(g->note, "epochs"), cam->hex), *one;
    size_t i;
    json_array_foreach(list, i, one) if (json_integer_value(one) == epoch) return true;
    return false;
}

/* Does the grant lack the newest keys of this camera or its substream? */
static bool lacks(const struct newest_list *newest_epochs, const struct grant_item *g, struct camera *cam) {
    struct camera_list *all = newest_epochs->all;
    struct camera *const streams[] = {cam, sub_of(all, &g->statement, cam)};
    for (size_t i = 0; i < 2; i++) {
        if (!streams[i]) continue;
        int64_t epoch = newest_epochs->epochs[streams[i] - all->cameras];
        if (epoch >= 0 && !note_has(g, streams[i], epoch)) return true;
    }
    return false;
}

/* Main streams that the grant is to have: of role member all there are, of others those that it names. */
static size_t wanted(struct camera_list *all, const struct grant_statement *s, struct camera **out) {
    size_t n = 0;
    for (size_t i = 0; i < all->count && n < STREAMS_MAX; i++) {
        struct camera *cam = &all->cameras[i];
        if (!cam->is_sub && (s->role == GRANT_ROLE_MEMBER || grant_names_camera(s, cam->id))) out[n++] = cam;
    }
    return n;
}

static err issue_again(struct client *c, struct camera_list *all, const struct grant_item *g,
                       struct camera **cameras, size_t count, struct diag *d) {
    const struct grant_statement *s = &g->statement;
    AUTO(making_free) struct making *m = NULL;
    const char *words = grant_item_text(g, "words");
    const struct grant_wish w = {.id = s->id,
                                 .within = s,
                                 .grantee = s->grantee,
                                 .grantee_sign = s->grantee_sign,
                                 .purpose = s->purpose,
                                 .role = s->role,
                                 .ticket = s->ticket,
                                 .cameras = cameras,
                                 .camera_count = count,
                                 .from = s->from,
                                 .to = s->to,
                                 .not_before = s->not_before,
                                 .expires = s->expires,
                                 .live = s->live,
                                 .may_export = s->may_export,
                                 .views = s->views,
                                 .words = *words ? words : NULL};
    uint64_t now = wall_slot(wall_now());
    err e = make(c, all, &w, s->time >= now ? s->time + 1 : now, &m, d);
    if (e) return e;
    memcpy(m->statement.witnesses, s->witnesses, sizeof s->witnesses);
    m->statement.witness_count = s->witness_count;
    AUTO(json_release) json_t *note = g->note ? json_deep_copy(g->note) : json_pack("{s:i}", "v", 1);
    if (!note || json_object_set(note, "epochs", m->epochs))
        return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    return send(c, m, note, true, d);
}

static err tend_one(struct client *c, const struct newest_list *newest_epochs, const struct grant_item *g,
                    size_t *tended, struct diag *d) {
    struct camera *cameras[STREAMS_MAX];
    bool lacking = false;
    if (g->state != GRANT_STATE_ACTIVE && g->state != GRANT_STATE_LATER) return ERR_OK;
    if (g->former) return ERR_OK; /* whoever kept the former key could have made it since */
    if (g->statement.to <= wall_slot(wall_now())) return ERR_OK;
    size_t count = wanted(newest_epochs->all, &g->statement, cameras);
    for (size_t i = 0; i < count && !lacking; i++) lacking = lacks(newest_epochs, g, cameras[i]);
    if (!lacking) return ERR_OK;
    err e = issue_again(c, newest_epochs->all, g, cameras, count, d);
    if (e == ERR_DENIED || e == ERR_CONFLICT) return ERR_OK; /* it ended, or another device was first */
    if (!e) ++*tended;
    return e;
}

/* A vault that lists it as if it went on would have us give new keys to whoever was shown out. */
static bool ended_before(const struct client *c, const struct grant_item *g) {
    char name[GRANTS_ENDED_NAME_BYTES];
    grants_ended_name(g->statement.id, name);
    return g->state != GRANT_STATE_REVOKED && g->statement.to > wall_slot(wall_now()) &&
           client_remembers(c, name);
}

err grants_tend(struct client *c, struct camera_list *all, size_t *tended, struct diag *d) {
    AUTO(grant_list_clear) struct grant_list l = {0};
    const struct grant_item *held_back = NULL;
    err e = grants_read(c, &l, d);
    if (e || l.count == 0) return e;
    struct newest_list newest_epochs = {all, malloc((all->count + 1) * sizeof(int64_t))};
    if (!newest_epochs.epochs) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < all->count; i++) newest_epochs.epochs[i] = -1;
    e = client_object_list(c, "camera/", newest_of_any, &newest_epochs, d);
    for (size_t i = 0; !e && i < l.count; i++) {
        if (ended_before(c, &l.items[i]))
            held_back = &l.items[i];
        else
            e = tend_one(c, &newest_epochs, &l.items[i], tended, d);
    }
    free(newest_epochs.epochs);
    if (e || !held_back) return e;
    char hex[2 * GRANT_ID_BYTES + 1];
    hex_encode(BYTES_OF(held_back->statement.id), hex);
    return diag_fail(
        d, ERR_FORGED,
        "the vault acts as if you had not ended the grant %.8s (%.60s): no new keys were given to it. If "
        "the vault was restored from a backup, end it again",
        hex, grant_item_text(held_back, "name"));
}

/* ---- under the household's new key ---- */

static err succeed_one(struct client *c, struct camera_list *all, const struct grant_item *g,
                       struct grants_succeeded *out, struct diag *d) {
    struct camera *cameras[STREAMS_MAX];
    size_t count = wanted(all, &g->statement, cameras);
    err e = count ? issue_again(c, all, g, cameras, count, &out->why)
                  : diag_fail(&out->why, ERR_NOT_FOUND, "its cameras are gone");
    if (!e) out->issued++;
    if (!e || e == ERR_CONFLICT) return ERR_OK; /* another device was first */
    if (e != ERR_NOT_FOUND && e != ERR_DENIED && e != ERR_INVALID)
        return diag_fail(d, e, "%s", out->why.text);
    out->failed++;
    return ERR_OK;
}

err grants_succeed(struct client *c, struct camera_list *all, struct grants_succeeded *out, struct diag *d) {
    AUTO(grant_list_clear) struct grant_list l = {0};
    err e = grants_read(c, &l, d);
    for (size_t i = 0; !e && i < l.count; i++) {
        const struct grant_item *g = &l.items[i];
        char name[GRANTS_AGAIN_NAME_BYTES];
        if (!g->former || (g->state != GRANT_STATE_ACTIVE && g->state != GRANT_STATE_LATER)) continue;
        grants_again_name(g->hash, name);
        if (ended_before(c, g)) {
            (void)!diag_fail(&out->why, ERR_FORGED,
                             "the vault acts as if you had not ended the grant of %.60s: end it again",
                             grant_item_text(g, "name"));
            out->failed++;
        } else if (client_remembers(c, name))
            e = succeed_one(c, all, g, out, d);
        else
            out->unknown++;
    }
    return e;
}

err grants_remember_again(struct client *c, const char *name, struct diag *d) {
    err e = client_remember(c, name, 1, d);
    if (e || client_remembers(c, name)) return e;
    return diag_fail(
        d, ERR_LIMIT,
        "this device cannot remember what it is to sign again (its folder cannot be read, or it has "
        "seen too much): the household's keys are not renewed. Use another device of an owner's");
}

err grants_remember(struct client *c, struct diag *d) {
    AUTO(grant_list_clear) struct grant_list l = {0};
    err e = grants_read(c, &l, d);
    for (size_t i = 0; !e && i < l.count; i++) {
        char name[GRANTS_AGAIN_NAME_BYTES];
        if (l.items[i].former) continue;
        grants_again_name(l.items[i].hash, name);
        e = grants_remember_again(c, name, d);
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}
