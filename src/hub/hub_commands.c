/* What the owner asks for (docs/protocol.md, "Hub"). */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "hub/hub.h"

static const char *error_word(err e) {
    switch (e) {
        case ERR_INVALID:
        case ERR_FORGED: return "invalid";
        case ERR_DENIED: return "denied";
        case ERR_NOT_FOUND: return "not_found";
        case ERR_EXISTS: return "exists";
        case ERR_CONFLICT: return "conflict";
        case ERR_LIMIT: return "limit";
        case ERR_NO_SPACE: return "no_space";
        case ERR_BUSY: return "busy";
        case ERR_UNSUPPORTED: return "unsupported";
        case ERR_TIMEOUT:
        case ERR_UNREACHABLE: return "timeout";
        default: return "internal";
    }
}

void hub_reply(struct hub *h, const uint8_t command[COMMAND_ID_BYTES], err e, json_t *result,
               const struct diag *d) {
    struct reply r = {.ok = e == ERR_OK, .result = result};
    AUTO(blob_clear) struct blob box = {0};
    if (!r.ok) {
        snprintf(r.error, sizeof r.error, "%s", error_word(e));
        snprintf(r.message, sizeof r.message, "%s", d && d->text[0] ? d->text : err_text(e));
    } else if (!r.result) {
        r.result = json_object();
    }
    err sealed = reply_seal(&r, command, &h->identity->sign, h->identity->household.box, &box);
    if (sealed)
        log_warning("a reply could not be sealed: %s", err_text(sealed));
    else
        link_reply(h->link, command, blob_bytes(&box));
    if (!r.ok) json_decref(result);
    reply_clear(&r);
}

/* The camera that args names, which is taken out of them: what is left are settings. */
static err take_camera(struct hub *h, json_t *args, struct camera_settings **out, struct diag *d) {
    uint8_t id[CAMERA_ID_BYTES];
    const char *hex = json_string_value(json_object_get(args, "camera"));
    if (!hex || hex_decode(hex, (struct buffer){id, sizeof id}))
        return diag_fail(d, ERR_INVALID, "\"camera\" must be a camera's id");
    *out = cameras_find(&h->cameras, id);
    if (!*out) return diag_fail(d, ERR_NOT_FOUND, "this hub has no such camera");
    json_object_del(args, "camera");
    return ERR_OK;
}

static err do_status(struct hub *h, const struct command *c, json_t **result, struct diag *d) {
    (void)c;
    *result = hub_status(h);
    return *result ? ERR_OK : diag_fail(d, ERR_NO_MEMORY, "out of memory");
}

static err do_add(struct hub *h, const struct command *c, json_t **result, struct diag *d) {
    struct camera_settings *s;
    struct diag undo;
    err e = cameras_add(&h->cameras, c->args, wall_now(), &s, d);
    if (e) return e;
    e = hub_camera_start(h, s, d);
    if (!e) {
        struct hub_camera *camera = hub_camera_find(h, s->id);
        for (size_t i = 0; i < camera->stream_count && !e; i++) e = hub_publish(h, s, &camera->streams[i], d);
        if (!e) e = hub_publish_retention(h, s, d);
    }
    if (e) {
        hub_camera_stop(h, s->id);
        if (cameras_remove(&h->cameras, s, &undo))
            log_error("a camera could not be taken back: %s", undo.text);
        return e;
    }
    log_info("camera %s: added", s->name);
    *result = json_pack("{s:o,s:o*}", "camera", json_hex(BYTES_OF(s->id)), "sub",
                        s->has_sub ? json_hex(BYTES_OF(s->sub)) : NULL);
    return ERR_OK;
}

static err do_remove(struct hub *h, const struct command *c, json_t **result, struct diag *d) {
    struct camera_settings *s;
    (void)result;
    err e = take_camera(h, c->args, &s, d);
    if (e) return e;
    uint8_t ids[2][CAMERA_ID_BYTES];
    size_t count = s->has_sub ? 2 : 1;
    memcpy(ids[0], s->id, sizeof ids[0]);
    memcpy(ids[1], s->sub, sizeof ids[1]);
    log_info("camera %s: removed", s->name);
    e = cameras_remove(&h->cameras, s, d);
    if (e) return e;
    hub_camera_stop(h, ids[0]);
    hub_seen_forget(h, ids[0]);
    for (size_t i = 0; i < count; i++) {
        char hex[2 * CAMERA_ID_BYTES + 1];
        hex_encode(BYTES_OF(ids[i]), hex);
        outbox_forget(h->outbox, hex);
        spool_remove_camera(h->spool, ids[i]);
        forward_keys_forget(h->keys, ids[i]);
    }
    return ERR_OK;
}

static err do_set(struct hub *h, const struct command *c, json_t **result, struct diag *d) {
    struct camera_settings *s;
    (void)result;
    err e = take_camera(h, c->args, &s, d);
    if (e) return e;
    bool audio = s->audio, off = s->record.mode == RECORD_MODE_OFF;
    uint32_t retention = s->retention_days;
    e = cameras_set(&h->cameras, s, c->args, d);
    if (e) return e;
    bool restart = audio != s->audio || off != (s->record.mode == RECORD_MODE_OFF);
    struct hub_camera *camera = hub_camera_find(h, s->id);
    if (camera) e = hub_camera_apply(h, camera, s, restart, d);
    if (!e && retention != s->retention_days) e = hub_publish_retention(h, s, d);
    return e;
}

static err do_epoch(struct hub *h, const struct command *c, json_t **result, struct diag *d) {
    struct camera_settings *s;
    (void)result;
    err e = take_camera(h, c->args, &s, d);
    if (!e) e = hub_new_epoch(h, s->id, d);
    if (!e && s->has_sub) e = hub_new_epoch(h, s->sub, d);
    return e;
}

static err do_log_witness(struct hub *h, const struct command *c, json_t **result, struct diag *d) {
    (void)c;
    *result = witness_describe(h->witness);
    return *result ? ERR_OK : diag_fail(d, ERR_NO_MEMORY, "out of memory");
}

static err do_discover(struct hub *h, const struct command *c, json_t **result, struct diag *d) {
    (void)result;
    return hub_discover_start(h, c->id, d);
}

static err do_test(struct hub *h, const struct command *c, json_t **result, struct diag *d) {
    const char *url = NULL;
    const struct json_field fields[] = {{.name = "url",
                                         .kind = JSON_KIND_TEXT,
                                         .required = true,
                                         .min = 1,
                                         .max = CAMERA_URL_MAX_BYTES,
                                         .out = &url}};
    (void)result;
    err e = JSON_READ(c->args, fields, d);
    return e ? e : hub_test_start(h, c->id, url, d);
}

static const struct {
    const char *verb;
    err (*run)(struct hub *h, const struct command *c, json_t **result, struct diag *d);
    bool later; /* replies itself when all is well */
} verbs[] = {
    {"status", do_status, false},        {"camera.add", do_add, false},
    {"camera.remove", do_remove, false}, {"camera.set", do_set, false},
    {"camera.test", do_test, true},      {"camera.discover", do_discover, true},
    {"epoch", do_epoch, false},          {"log.witness", do_log_witness, false},
};

static err run(struct hub *h, const struct command *c, json_t **result, bool *later, struct diag *d) {
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(c->verb, verbs[i].verb) != 0) continue;
        *later = verbs[i].later;
        return verbs[i].run(h, c, result, d);
    }
    err e = hub_seeing_command(h, c, result, later, d);
    if (e != ERR_UNSUPPORTED || strchr(c->verb, '.')) return e;
    return diag_fail(d, ERR_UNSUPPORTED, "this hub does not know \"%s\"", c->verb);
}

void hub_command(struct hub *h, const uint8_t id[COMMAND_ID_BYTES], struct bytes box) {
    struct command c = {0};
    struct diag d = {{0}};
    const struct identity *me = h->identity;
    uint8_t signer[SIGN_PUBLIC_BYTES];
    memcpy(signer, me->household.sign, sizeof signer);
    err e = command_open(box, id, &me->box, me->hub, me->household.sign, wall_now(), &c, &d);
    if (e == ERR_FORGED) e = hub_succession_open(h, id, box, &c, signer, &d);
    if (e == ERR_DENIED) { /* it is the household's, and its owner needs to hear that a clock is wrong */
        hub_reply(h, id, e, NULL, &d);
        return;
    }
    if (e) {
        log_warning("a command was refused: %s", d.text);
        return;
    }
    e = command_seen_add(h->seen, &c, wall_now(), &d);
    json_t *result = NULL;
    bool later = false;
    if (!e && strcmp(c.verb, "succeed") == 0)
        e = hub_succeed(h, &c, signer, &result, &d);
    else if (!e)
        e = run(h, &c, &result, &later, &d);
    if (e || !later) hub_reply(h, id, e, result, &d);
    command_clear(&c);
}
