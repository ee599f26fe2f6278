/* DIR/notify.json, mode 0600:
 *
 *     {"v":1,"vapid":base64url of the secret?,"channels":[{"id","kind","name","on","gone"?,"settings":{…}}]}
 *
 * It holds the channels' secrets, which leave it for the other side alone. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "crypto/hash.h"
#include "hub/notify_internal.h"

#define FILE_MAX_BYTES (1u << 20)

static const struct channel_ops *const kinds[] = {&channel_webpush, &channel_webhook, &channel_ntfy,
                                                  &channel_smtp, &channel_mqtt};

static const struct channel_ops *kind_find(const char *kind) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i]->kind, kind) == 0) return kinds[i];
    return NULL;
}

struct channel_record *settings_find(struct notify *n, const char *id) {
    for (size_t i = 0; i < NOTIFY_CHANNELS_MAX; i++)
        if (n->records[i].used && strcmp(n->records[i].id, id) == 0) return &n->records[i];
    return NULL;
}

static void changed(struct notify *n, struct channel_record *r) {
    r->generation = ++n->generation;
}

/* --- The file --- */

static err load_channel(struct notify *n, size_t slot, json_t *o) {
    struct channel_record *r = &n->records[slot];
    const char *id = json_string_value(json_object_get(o, "id")),
               *kind = json_string_value(json_object_get(o, "kind"));
    const char *name = json_string_value(json_object_get(o, "name"));
    json_t *settings = json_object_get(o, "settings");
    struct diag d = {{0}};
    AUTO(json_release) json_t *shown = json_object();
    r->ops = kind ? kind_find(kind) : NULL;
    if (!id || strlen(id) != NOTIFY_CHANNEL_ID_BYTES - 1 || !name || !r->ops || !json_is_object(settings) ||
        r->ops->check(settings, shown, &d)) {
        log_warning("a channel in notify.json is not usable, and is left out: %s", d.text);
        return ERR_OK;
    }
    r->used = true;
    r->on = json_is_true(json_object_get(o, "on"));
    r->gone = json_is_true(json_object_get(o, "gone"));
    snprintf(r->id, sizeof r->id, "%s", id);
    snprintf(r->name, sizeof r->name, "%.*s", NOTIFY_NAME_MAX_BYTES, name);
    r->settings = json_incref(settings);
    changed(n, r);
    return ERR_OK;
}

static err load_vapid(struct notify *n, json_t *file) {
    const char *text = json_string_value(json_object_get(file, "vapid"));
    AUTO(blob_clear) struct blob secret = {0};
    if (!text) return ERR_OK;
    if (base64_decode(text, strlen(text), &secret) || secret.len != WEB_PUSH_SECRET_BYTES) return ERR_INVALID;
    n->have_vapid = web_push_key_from_secret(secret.data, &n->vapid) == ERR_OK;
    return n->have_vapid ? ERR_OK : ERR_INVALID;
}

err settings_load(struct notify *n, struct diag *d) {
    char path[PATH_TEXT_BYTES];
    AUTO(blob_clear) struct blob raw = {0};
    AUTO(json_release) json_t *file = NULL;
    if (path_join(path, n->data, "notify.json")) return diag_fail(d, ERR_LIMIT, "the path is too long");
    err e = file_read(path, FILE_MAX_BYTES, &raw, d);
    if (e == ERR_NOT_FOUND) return ERR_OK;
    if (!e) e = json_parse(blob_bytes(&raw), &file, d);
    if (!e && (json_integer_value(json_object_get(file, "v")) != 1 || load_vapid(n, file)))
        e = diag_fail(d, ERR_INVALID, "this version does not understand it");
    if (e) {
        diag_prefix(d, "%s", path);
        return e;
    }
    json_t *list = json_object_get(file, "channels"), *one;
    size_t i;
    json_array_foreach(list, i, one) {
        if (i < NOTIFY_CHANNELS_MAX && !e) e = load_channel(n, i, one);
    }
    return e;
}

static json_t *file_json(const struct notify *n) {
    json_t *list = json_array();
    for (size_t i = 0; i < NOTIFY_CHANNELS_MAX; i++) {
        const struct channel_record *r = &n->records[i];
        if (!r->used) continue;
        json_t *o = json_pack("{s:s,s:s,s:s,s:b,s:O}", "id", r->id, "kind", r->ops->kind, "name", r->name,
                              "on", r->on, "settings", r->settings);
        if (o && r->gone) json_object_set_new(o, "gone", json_true());
        if (json_array_append_new(list, o)) {
            json_decref(list);
            return NULL;
        }
    }
    json_t *file = json_pack("{s:i,s:o}", "v", 1, "channels", list);
    if (file && n->have_vapid && json_object_set_new(file, "vapid", json_base64(BYTES_OF(n->vapid.secret)))) {
        json_decref(file);
        return NULL;
    }
    return file;
}

err settings_save(struct notify *n, struct diag *d) {
    char path[PATH_TEXT_BYTES];
    if (path_join(path, n->data, "notify.json")) return diag_fail(d, ERR_LIMIT, "the path is too long");
    AUTO(json_release) json_t *file = file_json(n);
    char *text = file ? json_dumps(file, JSON_INDENT(1)) : NULL;
    if (!text) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    err e = file_replace(path, bytes_text(text), 0600, d);
    wipe(text, strlen(text));
    free(text);
    return e;
}

/* --- What lists show --- */

static bool is_secret(const struct channel_ops *ops, const char *name) {
    for (size_t i = 0; ops->secrets[i]; i++)
        if (strcmp(ops->secrets[i], name) == 0) return true;
    return false;
}

json_t *settings_shown(const struct channel_record *r) {
    json_t *out = json_object(), *value;
    const char *name;
    json_object_foreach(r->settings, name, value) {
        if (!is_secret(r->ops, name)) {
            json_object_set_new(out, name, json_deep_copy(value));
            continue;
        }
        const char *text = json_string_value(value), *host = text ? strstr(text, "://") : NULL;
        if (host) /* of a secret address: where it leads */
            json_object_set_new(out, name,
                                json_stringn(text, (size_t)(host + 3 - text) + strcspn(host + 3, "/?#")));
        else
            json_object_set_new(out, name, json_true()); /* there is one */
    }
    return out;
}

/* --- Verbs --- */

/* Takes a text out of args: what is left are the channel's settings. */
static err take_text(json_t *args, const char *name, size_t max, bool required, char *out, bool *given,
                     struct diag *d) {
    json_t *value = json_object_get(args, name);
    if (given) *given = value != NULL;
    if (!value) return required ? diag_fail(d, ERR_INVALID, "\"%s\" is missing", name) : ERR_OK;
    size_t len = json_string_length(value);
    if (!json_is_string(value) || len == 0 || len > max)
        return diag_fail(d, ERR_INVALID, "\"%s\" must be a text of 1 to %zu bytes", name, max);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)json_string_value(value)[i] < ' ')
            return diag_fail(d, ERR_INVALID, "\"%s\" must be one line", name);
    memcpy(out, json_string_value(value), len + 1);
    json_object_del(args, name);
    return ERR_OK;
}

static err take_channel(struct notify *n, json_t *args, struct channel_record **out, struct diag *d) {
    char id[NOTIFY_CHANNEL_ID_BYTES];
    err e = take_text(args, "id", sizeof id - 1, true, id, NULL, d);
    if (e) return e;
    *out = settings_find(n, id);
    return *out ? ERR_OK : diag_fail(d, ERR_NOT_FOUND, "there is no such channel");
}

static void make_vapid(struct notify *n) {
    if (n->have_vapid) return;
    web_push_key_generate(&n->vapid);
    n->have_vapid = true;
}

/* The channel of the same browser, or one of that name whose subscription has ended: it is replaced. */
static struct channel_record *same_browser(struct notify *n, const struct channel_ops *ops, const char *name,
                                           json_t *settings) {
    if (ops != &channel_webpush) return NULL;
    for (size_t i = 0; i < NOTIFY_CHANNELS_MAX; i++) {
        struct channel_record *r = &n->records[i];
        if (!r->used || r->ops != ops) continue;
        if (json_equal(json_object_get(r->settings, "endpoint"), json_object_get(settings, "endpoint")))
            return r;
        if (r->gone && strcmp(r->name, name) == 0) return r;
    }
    return NULL;
}

static struct channel_record *room(struct notify *n) {
    for (size_t i = 0; i < NOTIFY_CHANNELS_MAX; i++)
        if (!n->records[i].used) return &n->records[i];
    for (size_t i = 0; i < NOTIFY_CHANNELS_MAX; i++)
        if (n->records[i].gone) return &n->records[i];
    return NULL;
}

static err name_free(const struct notify *n, const struct channel_record *self, const char *name,
                     struct diag *d) {
    for (size_t i = 0; i < NOTIFY_CHANNELS_MAX; i++)
        if (n->records[i].used && &n->records[i] != self && strcmp(n->records[i].name, name) == 0)
            return diag_fail(d, ERR_EXISTS, "there is a channel named \"%s\" already", name);
    return ERR_OK;
}

/* Puts the new record in place of the old; back again when it cannot be saved. */
static err put(struct notify *n, struct channel_record *r, const struct channel_record *with,
               struct diag *d) {
    struct channel_record before = *r;
    *r = *with;
    changed(n, r);
    err e = settings_save(n, d);
    if (e) {
        *r = before;
        return e;
    }
    if (strcmp(before.id, r->id) != 0) n->health[r - n->records] = (struct channel_health){0};
    if (before.settings != r->settings) json_decref(before.settings);
    return ERR_OK;
}

static err do_add(struct notify *n, json_t *args, json_t **result, struct diag *d) {
    struct channel_record made = {.used = true, .on = true};
    char kind[16];
    err e = take_text(args, "kind", sizeof kind - 1, true, kind, NULL, d);
    if (!e) e = take_text(args, "name", NOTIFY_NAME_MAX_BYTES, true, made.name, NULL, d);
    if (e) return e;
    made.ops = kind_find(kind);
    if (!made.ops) return diag_fail(d, ERR_INVALID, "\"kind\" must be webpush, mqtt, webhook, smtp or ntfy");
    AUTO(json_release) json_t *shown = json_object();
    AUTO(json_release) json_t *settings = json_deep_copy(args);
    if (!shown || !settings) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    e = made.ops->check(settings, shown, d);
    if (e) return e;
    struct channel_record *r = same_browser(n, made.ops, made.name, settings), *same = r;
    e = name_free(n, r, made.name, d);
    if (!e && !r && !(r = room(n)))
        e = diag_fail(d, ERR_LIMIT, "there are %d channels already", NOTIFY_CHANNELS_MAX);
    if (e) return e;
    if (same) {
        memcpy(made.id, same->id, sizeof made.id);
    } else {
        uint8_t id[(NOTIFY_CHANNEL_ID_BYTES - 1) / 2];
        do {
            random_bytes(id, sizeof id);
            hex_encode(BYTES_OF(id), made.id);
        } while (settings_find(n, made.id));
    }
    if (made.ops == &channel_webpush) make_vapid(n);
    made.settings = json_incref(settings);
    e = put(n, r, &made, d);
    if (e) {
        json_decref(settings);
        return e;
    }
    log_info("channel %s (%s): added", made.name, kind);
    json_object_set_new(shown, "id", json_string(made.id));
    *result = json_incref(shown);
    return ERR_OK;
}

static err do_set(struct notify *n, json_t *args, json_t **result, struct diag *d) {
    struct channel_record *r, next;
    bool renamed;
    err e = take_channel(n, args, &r, d);
    if (e) return e;
    next = *r;
    e = take_text(args, "name", NOTIFY_NAME_MAX_BYTES, false, next.name, &renamed, d);
    if (!e && renamed) e = name_free(n, r, next.name, d);
    json_t *on = json_object_get(args, "on");
    if (!e && on && !json_is_boolean(on)) e = diag_fail(d, ERR_INVALID, "\"on\" must be true or false");
    if (e) return e;
    if (on) next.on = json_is_true(on);
    json_object_del(args, "on");
    if (next.gone && next.on && json_object_size(args) == 0)
        return diag_fail(d, ERR_INVALID,
                         "that browser has ended its subscription: turn notifications on in it again");
    AUTO(json_release) json_t *shown = json_object();
    AUTO(json_release) json_t *settings = json_deep_copy(r->settings);
    if (!shown || !settings || json_object_update(settings, args))
        return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    const char *name;
    json_t *value;
    void *after;
    json_object_foreach_safe(settings, after, name, value) {
        if (json_is_null(value)) json_object_del(settings, name); /* null takes a setting away */
    }
    e = next.ops->check(settings, shown, d);
    if (e) return e;
    if (json_object_size(args)) next.gone = false;
    next.settings = json_incref(settings);
    e = put(n, r, &next, d);
    if (e)
        json_decref(settings);
    else if (json_object_size(shown))
        *result = json_incref(shown);
    return e;
}

static err do_remove(struct notify *n, json_t *args, json_t **result, struct diag *d) {
    struct channel_record *r, none = {0};
    (void)result;
    err e = take_channel(n, args, &r, d);
    if (e) return e;
    log_info("channel %s: removed", r->name);
    return put(n, r, &none, d);
}

static err do_key(struct notify *n, json_t *args, json_t **result, struct diag *d) {
    (void)args;
    bool had = n->have_vapid;
    make_vapid(n);
    err e = had ? ERR_OK : settings_save(n, d);
    if (e) {
        n->have_vapid = false;
        return e;
    }
    *result = json_pack("{s:o}", "vapid", json_base64(BYTES_OF(n->vapid.public_key)));
    return *result ? ERR_OK : diag_fail(d, ERR_NO_MEMORY, "out of memory");
}

err settings_command(struct notify *n, const char *verb, json_t *args, json_t **result, struct diag *d) {
    static const struct {
        const char *verb;
        err (*run)(struct notify *n, json_t *args, json_t **result, struct diag *d);
    } verbs[] = {
        {"notify.add", do_add}, {"notify.set", do_set}, {"notify.remove", do_remove}, {"notify.key", do_key}};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(verb, verbs[i].verb) == 0) return verbs[i].run(n, args, result, d);
    return diag_fail(d, ERR_UNSUPPORTED, "this hub does not know \"%s\"", verb);
}
