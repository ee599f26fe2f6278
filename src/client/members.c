/* members.c: the owner's side. (Joining is in join.c.) */
#include "client/members.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "client/internal.h"
#include "client/members_private.h"
#include "client/succession.h"
#include "crypto/hash.h"

#define INVITE_PREFIX MEMBERS_INVITE_PREFIX
#define PREFIX MEMBERS_PREFIX
#define INFO MEMBERS_INFO
#define NAMES_BYTES 240
#define WITHDRAWN 2 /* a version that no invitation has: they are written once */

void member_list_clear(struct member_list *l) {
    if (l) wipe(l, sizeof *l);
}

/* ---- objects of people: boxes to the household ---- */

static err put_boxed(struct client *c, const char *key, uint64_t version, json_t *value, struct diag *d) {
    AUTO(blob_clear) struct blob box = {0};
    char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;
    if (!text) return diag_fail(d, ERR_INVALID, "the name is not UTF-8 text");
    err e = box_seal(c->household.box.public_key, INFO, bytes_text(key), bytes_text(text), &box);
    wipe(text, strlen(text));
    free(text);
    return e ? e : client_object_put(c, key, version, blob_bytes(&box), d);
}

static err get_boxed(struct client *c, const char *key, uint64_t *version, json_t **out, struct diag *d) {
    AUTO(blob_clear) struct blob raw = {0}, text = {0};
    struct object object;
    err e = client_object_get(c, key, c->household.sign.public_key, &raw, &object, d);
    if (e) return e;
    *version = object.version;
    if (household_keys_unbox(&c->household, INFO, bytes_text(key), object.payload, &text))
        return diag_fail(d, ERR_FORGED, "%s is not sealed to this household", key);
    return json_parse(blob_bytes(&text), out, d);
}

err members_drop(struct client *c, const char *key, struct diag *d) {
    char path[OBJECT_KEY_MAX_BYTES + 32];
    snprintf(path, sizeof path, "/v1/objects/%s", key);
    err e = client_json(c, "DELETE", path, NULL, NULL, d);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* One that was used or withdrawn lets nobody in again, should the vault bring it back. */
static err drop_invitation(struct client *c, const struct invitation *i, struct diag *d) {
    err e = members_drop(c, i->key, d);
    return e ? e : client_remember(c, i->key, WITHDRAWN, d);
}

static err role_of(json_t *value, enum invitation_role *out, struct diag *d) {
    const char *text = client_text(value, "role");
    for (int i = 0; invitation_roles[i]; i++) {
        if (strcmp(invitation_roles[i], text) != 0) continue;
        *out = (enum invitation_role)i;
        return ERR_OK;
    }
    return diag_fail(d, ERR_INVALID, "\"role\" is not one that is known");
}

static err fixed(json_t *value, const char *name, uint8_t *out, size_t len, struct diag *d) {
    AUTO(blob_clear) struct blob raw = {0};
    const char *text = client_text(value, name);
    if (base64_decode(text, strlen(text), &raw) || raw.len != len)
        return diag_fail(d, ERR_INVALID, "\"%s\" is not %zu bytes", name, len);
    memcpy(out, raw.data, len);
    return ERR_OK;
}

err members_parse(json_t *value, struct member *out, struct diag *d) {
    err e = role_of(value, &out->role, d);
    if (!e) e = fixed(value, "sign", out->sign, sizeof out->sign, d);
    if (!e) e = fixed(value, "box", out->box, sizeof out->box, d);
    if (!e && out->role == INVITATION_OWNER)
        e = fixed(value, "capability", out->capability, sizeof out->capability, d);
    else if (!e && hex_decode(client_text(value, "grant"), (struct buffer){out->grant, sizeof out->grant}))
        e = diag_fail(d, ERR_INVALID, "\"grant\" is no id");
    if (e) return e;
    snprintf(out->name, sizeof out->name, "%s", client_text(value, "name"));
    json_int_t removed = json_integer_value(json_object_get(value, "removed"));
    out->removed = removed > 0 && removed <= SUCCESSIONS_MAX ? (uint32_t)removed : 0;
    return wall_parse(client_text(value, "added"), (struct wall_us){0}, &out->added, d);
}

static err read_invitation(json_t *value, struct invitation *out, struct diag *d) {
    json_t *cameras = json_object_get(value, "cameras"), *one;
    size_t i;
    err e = role_of(value, &out->role, d);
    if (e) return e;
    json_array_foreach(cameras, i, one) {
        if (i == GRANT_CAMERAS_MAX || !json_is_string(one) ||
            hex_decode(json_string_value(one), (struct buffer){out->cameras[i], CAMERA_ID_BYTES}))
            return diag_fail(d, ERR_INVALID, "\"cameras\" must hold ids");
        out->camera_count++;
    }
    snprintf(out->name, sizeof out->name, "%s", client_text(value, "name"));
    snprintf(out->code, sizeof out->code, "%s", client_text(value, "code"));
    snprintf(out->signup, sizeof out->signup, "%s", client_text(value, "signup"));
    out->past = json_is_true(json_object_get(value, "past"));
    out->may_export = json_is_true(json_object_get(value, "export"));
    out->until = (uint64_t)json_integer_value(json_object_get(value, "until"));
    return ERR_OK;
}

struct reading {
    struct client *client;
    struct member_list *list;
};

static err add_one(void *context, const char *key, int64_t listed, struct diag *d) {
    struct reading *r = context;
    struct member_list *l = r->list;
    AUTO(json_release) json_t *value = NULL;
    uint64_t version = 0;
    bool invitation = strncmp(key, INVITE_PREFIX, strlen(INVITE_PREFIX)) == 0;
    if (strlen(key) >= (invitation ? INVITATION_KEY_BYTES : MEMBER_KEY_BYTES)) return ERR_OK;
    if (l->count == MEMBERS_MAX || l->invitation_count == MEMBERS_MAX)
        return diag_fail(d, ERR_LIMIT, "more than %d people", MEMBERS_MAX);
    err e = get_boxed(r->client, key, &version, &value, d);
    if (e == ERR_NOT_FOUND) return ERR_OK; /* another device removed it meanwhile */
    if (!e && invitation) {
        struct invitation *i = &l->invitations[l->invitation_count];
        e = read_invitation(value, i, d);
        snprintf(i->key, sizeof i->key, "%s", key);
        if (!e) l->invitation_count++;
    } else if (!e) {
        struct member *m = &l->members[l->count];
        e = members_parse(value, m, d);
        snprintf(m->key, sizeof m->key, "%s", key);
        m->version = version;
        if (!e) l->count++;
    }
    if (e) diag_prefix(d, "%s", key);
    return e;
}

static err forget_old(struct client *c, struct member_list *l, struct diag *d) {
    uint64_t now = wall_slot(wall_now());
    for (size_t i = 0; i < l->invitation_count;) {
        if (l->invitations[i].until > now) {
            i++;
            continue;
        }
        err e = drop_invitation(c, &l->invitations[i], d);
        if (e) return e;
        l->invitations[i] = l->invitations[--l->invitation_count];
    }
    return ERR_OK;
}

bool members_is_self(const struct client *c, const struct member *m) {
    return memcmp(m->sign, c->keyring.sign.public_key, sizeof m->sign) == 0;
}

static void member_key(const uint8_t sign[SIGN_PUBLIC_BYTES], char out[MEMBER_KEY_BYTES]) {
    uint8_t hash[HASH_BYTES];
    hash_sha256(BYTES(sign, SIGN_PUBLIC_BYTES), hash);
    memcpy(out, PREFIX, sizeof PREFIX);
    hex_encode(BYTES(hash, 8), out + strlen(PREFIX));
}

static err members_put_self(struct client *c, struct diag *d) {
    const struct sign_key *capability = &c->keyring.households[c->household_index].capability;
    struct member m = {.role = INVITATION_OWNER, .added = wall_now(), .version = 1};
    snprintf(m.name, sizeof m.name, "%.*s", INVITATION_NAME_MAX_BYTES, c->login);
    memcpy(m.sign, c->keyring.sign.public_key, sizeof m.sign);
    memcpy(m.box, c->keyring.box.public_key, sizeof m.box);
    memcpy(m.capability, capability->public_key, sizeof m.capability);
    member_key(m.sign, m.key);
    err e = members_put(c, &m, d);
    return e == ERR_CONFLICT ? ERR_OK : e; /* another device of this account was first */
}

static err put_self_beside(struct client *c, const struct member_list *l, struct diag *d) {
    bool others = false;
    for (size_t i = 0; i < l->count; i++) {
        if (members_is_self(c, &l->members[i])) return ERR_OK;
        others |= l->members[i].role == INVITATION_OWNER;
    }
    return others ? members_put_self(c, d) : ERR_OK;
}

err members_read(struct client *c, struct member_list *out, struct diag *d) {
    struct reading r = {c, out};
    member_list_clear(out);
    err e = client_object_list(c, PREFIX, add_one, &r, d);
    if (!e) e = put_self_beside(c, out, d);
    return e ? e : forget_old(c, out, d);
}

err members_find(const struct member_list *l, const char *name, const struct member **out, struct diag *d) {
    size_t begins = 0, at = 0;
    char names[NAMES_BYTES] = "";
    for (size_t i = 0; i < l->count; i++) {
        const struct member *m = &l->members[i];
        if (strcasecmp(m->name, name) == 0) {
            *out = m;
            return ERR_OK;
        }
        if (*name && strncasecmp(m->name, name, strlen(name)) == 0 && ++begins) *out = m;
        int n = snprintf(names + at, sizeof names - at, "%s%s", at ? ", " : "", m->name);
        if (n > 0 && at + (size_t)n < sizeof names) at += (size_t)n;
    }
    if (begins == 1) return ERR_OK;
    if (!*names)
        return diag_fail(d, ERR_NOT_FOUND, "there is no '%.60s': the household has no members", name);
    return diag_fail(d, ERR_NOT_FOUND,
                     begins ? "'%.60s' could be several; there are: %s"
                            : "there is no '%.60s'; there are: %s",
                     name, names);
}

/* ---- inviting ---- */

static json_t *invitation_json(const struct invitation *i) {
    AUTO(json_release) json_t *cameras = json_array();
    for (size_t k = 0; k < i->camera_count; k++)
        if (json_array_append_new(cameras, json_hex(BYTES_OF(i->cameras[k])))) return NULL;
    return json_pack("{s:i, s:s, s:s, s:O, s:b, s:b, s:s, s:I, s:s*}", "v", 1, "name", i->name, "role",
                     invitation_roles[i->role], "cameras", cameras, "past", (int)i->past, "export",
                     (int)i->may_export, "code", i->code, "until", (json_int_t)i->until, "signup",
                     *i->signup ? i->signup : NULL);
}

static err find_signup(struct client *c, char out[64], struct diag *d) {
    struct client_vault vault;
    AUTO(json_release) json_t *answer = NULL;
    out[0] = 0;
    err e = client_vault(c, &vault, d);
    if (e || strcmp(vault.signup, "code") != 0) return e; /* one that is closed lets in who has an account */
    e = client_json(c, "POST", "/v1/accounts/invitations", NULL, &answer, d);
    if (!e) snprintf(out, 64, "%s", client_text(answer, "setup_code"));
    return e;
}

err members_invite(struct client *c, struct invitation *i, struct diag *d) {
    struct member_list *l = calloc(1, sizeof *l);
    uint8_t secret[PAIRING_SECRET_BYTES];
    AUTO(pairing_clear) struct pairing pairing;
    if (!l) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    err e = members_read(c, l, d);
    for (size_t k = 0; !e && k < l->count; k++)
        if (strcasecmp(l->members[k].name, i->name) == 0)
            e = diag_fail(d, ERR_EXISTS, "'%s' is a member already: `cardea member list`", i->name);
    for (size_t k = 0; !e && k < l->invitation_count; k++)
        if (strcasecmp(l->invitations[k].name, i->name) == 0) e = members_cancel(c, &l->invitations[k], d);
    member_list_clear(l);
    free(l);
    if (!e) e = client_open_household(c, d);
    if (!e) e = find_signup(c, i->signup, d);
    if (e) return e;
    random_bytes(secret, sizeof secret);
    pairing_format(secret, i->code);
    pairing_derive(secret, &pairing);
    wipe(secret, sizeof secret);
    i->until = (uint64_t)wall_slot(wall_now()) + INVITATION_LASTS_S;
    memcpy(i->key, INVITE_PREFIX, sizeof INVITE_PREFIX);
    hex_encode(BYTES(pairing.id, 4), i->key + strlen(INVITE_PREFIX));
    AUTO(json_release) json_t *value = invitation_json(i);
    return put_boxed(c, i->key, 1, value, d);
}

err members_cancel(struct client *c, const struct invitation *i, struct diag *d) {
    return drop_invitation(c, i, d);
}

err members_link(const struct invitation *i, const char *vault, char out[INVITATION_LINK_BYTES]) {
    size_t len = strlen(vault);
    if (len && vault[len - 1] == '/') len--;
    int n = snprintf(out, INVITATION_LINK_BYTES, "%.*s/#join=%s%s%s", (int)len, vault, i->code,
                     *i->signup ? "&signup=" : "", i->signup);
    return n >= INVITATION_LINK_BYTES ? ERR_LIMIT : ERR_OK;
}

/* ---- letting in ---- */

struct coming {
    struct pairing pairing;
    uint8_t sign[SIGN_PUBLIC_BYTES], box[BOX_PUBLIC_BYTES];
};

static void coming_clear(struct coming *who) {
    pairing_clear(&who->pairing);
}

static err find_coming(struct client *c, const struct invitation *i, struct coming *out, bool *in,
                       struct diag *d) {
    AUTO(json_release) json_t *offer = NULL;
    uint8_t secret[PAIRING_SECRET_BYTES], mac[32];
    char path[64], id[2 * PAIRING_ID_BYTES + 1];
    *in = false;
    err e = pairing_parse(i->code, secret, d);
    if (e) return e;
    pairing_derive(secret, &out->pairing);
    wipe(secret, sizeof secret);
    hex_encode(BYTES_OF(out->pairing.id), id);
    snprintf(path, sizeof path, "/v1/pairing/%s", id);
    e = http_client_json(c->http, "GET", path, NULL, NULL, &offer, d);
    if (e == ERR_NOT_FOUND) return ERR_OK;
    if (!e) e = fixed(offer, "sign", out->sign, sizeof out->sign, d);
    if (!e) e = fixed(offer, "box", out->box, sizeof out->box, d);
    if (!e) e = fixed(offer, "mac", mac, sizeof mac, d);
    if (!e) e = pairing_member_check(&out->pairing, out->sign, out->box, mac, d);
    *in = !e;
    return e;
}

static err issue_member(struct client *c, struct camera_list *all, const struct invitation *i,
                        const struct coming *who, uint8_t grant[GRANT_ID_BYTES], struct diag *d) {
    struct camera *cameras[GRANT_CAMERAS_MAX];
    uint64_t now = wall_slot(wall_now());
    struct grant_wish w = {.grantee = who->box,
                           .grantee_sign = who->sign,
                           .purpose = GRANT_MEMBER,
                           .role = i->role == INVITATION_MEMBER ? GRANT_ROLE_MEMBER : GRANT_ROLE_VIEWER,
                           .cameras = cameras,
                           .from = i->past ? 0 : now,
                           .to = GRANTS_FOREVER,
                           .not_before = now,
                           .expires = GRANTS_FOREVER,
                           .live = true,
                           .may_export = i->may_export,
                           .name = i->name};
    for (size_t k = 0; k < all->count && w.camera_count < GRANT_CAMERAS_MAX; k++) {
        struct camera *cam = &all->cameras[k];
        bool named = i->role == INVITATION_MEMBER;
        for (size_t n = 0; !named && n < i->camera_count; n++)
            named = memcmp(i->cameras[n], cam->id, CAMERA_ID_BYTES) == 0;
        if (named && !cam->is_sub) cameras[w.camera_count++] = cam;
    }
    if (w.camera_count == 0)
        return diag_fail(d, ERR_NOT_FOUND, "there is no camera to give '%s': add one first", i->name);
    return grants_issue(c, all, &w, grant, d);
}

/* The household's keys, boxed to the new owner's account, and a capability of their own. */
static err make_owner(struct client *c, const struct coming *who, struct sign_key *capability,
                      struct diag *d) {
    char key[HOUSEHOLD_KEY_TEXT_BYTES];
    AUTO(blob_clear) struct blob payload = {0}, old = {0};
    struct object existing;
    struct diag ignored;
    sign_key_generate(capability);
    AUTO(json_release)
    json_t *ask =
        json_pack("{s:o, s:s}", "capability", json_base64(BYTES_OF(capability->public_key)), "role", "owner");
    err e = ask ? client_json(c, "POST", "/v1/capabilities", ask, NULL, d) : ERR_NO_MEMORY;
    household_keys_key(who->box, key);
    if (!e) e = household_keys_seal(&c->household, who->box, &payload);
    if (e) return e;
    uint64_t version = 1;
    if (client_object_get(c, key, c->household.sign.public_key, &old, &existing, &ignored) == ERR_OK)
        version = existing.version + 1;
    return client_object_put(c, key, version, blob_bytes(&payload), d);
}

err members_put(struct client *c, const struct member *m, struct diag *d) {
    char added[WALL_TEXT_BYTES];
    bool owner = m->role == INVITATION_OWNER;
    wall_format(m->added, added);
    AUTO(json_release)
    json_t *value =
        json_pack("{s:i, s:s, s:s, s:o, s:o, s:o*, s:o*, s:s}", "v", 1, "name", m->name, "role",
                  invitation_roles[m->role], "sign", json_base64(BYTES_OF(m->sign)), "box",
                  json_base64(BYTES_OF(m->box)), "grant", owner ? NULL : json_hex(BYTES_OF(m->grant)),
                  "capability", owner ? json_base64(BYTES_OF(m->capability)) : NULL, "added", added);
    if (value && m->removed) json_object_set_new(value, "removed", json_integer(m->removed));
    return put_boxed(c, m->key, m->version, value, d);
}

static err post_answer(struct client *c, const struct invitation_answer *a, const struct coming *who,
                       struct diag *d) {
    char path[80], id[2 * PAIRING_ID_BYTES + 1];
    AUTO(blob_clear) struct blob box = {0};
    err e = invitation_answer_seal(a, &who->pairing, who->box, &box);
    AUTO(json_release) json_t *ask = e ? NULL : json_pack("{s:o}", "answer", json_base64(blob_bytes(&box)));
    if (!ask) return diag_fail(d, e ? e : ERR_NO_MEMORY, "the answer could not be sealed");
    hex_encode(BYTES_OF(who->pairing.id), id);
    snprintf(path, sizeof path, "/v1/pairing/%s/answer", id);
    e = http_client_json(c->http, "POST", path, NULL, ask, NULL, d);
    return e == ERR_CONFLICT || e == ERR_EXISTS ? ERR_OK : e; /* another device of an owner's was first */
}

/* Somebody who is let in again, perhaps as something else: what was given before ends. */
static err end_before(struct client *c, struct camera_list *all, struct member *m, struct diag *d) {
    AUTO(json_release) json_t *value = NULL;
    struct member old = {0};
    struct grants_ended ended;
    err e = get_boxed(c, m->key, &m->version, &value, d);
    if (e == ERR_NOT_FOUND) {
        m->version = 1;
        return ERR_OK;
    }
    if (!e) e = members_parse(value, &old, d);
    if (e) return e;
    memcpy(old.key, m->key, sizeof old.key);
    old.version = m->version;
    e = members_remove(c, all, &old, NULL, &ended, d);
    if (e) return e;
    AUTO(json_release)
    json_t *left = NULL; /* the entry is kept where something failed, and this one replaces it */
    e = get_boxed(c, m->key, &m->version, &left, d);
    m->version = e ? 1 : m->version + 1;
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

err members_answer(struct client *c, struct camera_list *all, const struct invitation *i, bool *in,
                   struct diag *d) {
    AUTO(coming_clear) struct coming who = {0};
    struct member m = {.role = i->role, .added = wall_now(), .version = 1};
    AUTO(invitation_answer_clear) struct invitation_answer a = {.role = i->role};
    err e = find_coming(c, i, &who, in, d);
    if (e || !*in) return e;
    memcpy(m.name, i->name, sizeof m.name);
    memcpy(m.sign, who.sign, sizeof m.sign);
    memcpy(m.box, who.box, sizeof m.box);
    member_key(who.sign, m.key);
    e = end_before(c, all, &m, d);
    if (!e && i->role == INVITATION_OWNER) e = make_owner(c, &who, &a.capability, d);
    if (!e && i->role != INVITATION_OWNER) e = issue_member(c, all, i, &who, a.grant, d);
    if (e) return e;
    memcpy(m.grant, a.grant, sizeof m.grant);
    memcpy(m.capability, a.capability.public_key, sizeof m.capability);
    memcpy(a.household, c->household.id, sizeof a.household);
    memcpy(a.name, c->household.name, sizeof a.name);
    memcpy(a.sign, c->household.sign.public_key, sizeof a.sign);
    if (i->role == INVITATION_OWNER) e = members_put_self(c, d); /* beside the other owners, unless it is */
    if (!e) e = members_put(c, &m, d);
    if (!e) e = post_answer(c, &a, &who, d);
    return e ? e : members_cancel(c, i, d); /* it has done its work */
}

/* ---- removing ---- */

static err end_grant(struct client *c, struct camera_list *all, const struct member *m,
                     const struct grants_progress *progress, struct grants_ended *out, struct diag *d) {
    AUTO(grant_list_clear) struct grant_list l = {0};
    err e = grants_read(c, &l, d);
    for (size_t i = 0; !e && i < l.count; i++) {
        const struct grant_item *g = &l.items[i];
        if (memcmp(g->statement.id, m->grant, sizeof m->grant) != 0) continue;
        return grants_revoke(c, all, g, progress, out, d);
    }
    return e;
}

err members_remove(struct client *c, struct camera_list *all, const struct member *m,
                   const struct grants_progress *progress, struct grants_ended *out, struct diag *d) {
    *out = (struct grants_ended){0};
    if (members_is_self(c, m)) return diag_fail(d, ERR_INVALID, "that is you: another owner can remove you");
    if (m->role == INVITATION_OWNER) return succession_remove(c, m, progress, out, d);
    err e = end_grant(c, all, m, progress, out, d);
    /* While cameras lack new keys the member stays on the list, so that this can be done again. */
    return e || out->failed ? e : members_drop(c, m->key, d);
}
