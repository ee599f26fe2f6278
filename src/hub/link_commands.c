/* Commands and viewers down the long answer; replies up. Framing: docs/protocol.md, "Live" and "Hub". */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "hub/link_internal.h"

#define HEAD_BYTES 6
#define TYPE_BEAT 4
#define TYPE_COMMAND 16
#define TYPE_VIEWERS 17
#define TYPE_RING 18
#define TYPE_NOTICE 19
#define TYPE_WITNESS 21
#define NOTICE_MAX_BYTES 1024
#define PATH_BYTES (128 + LINK_RINGS_MAX * (2 * LINK_RING_BYTES + 1))
#define SILENCE_MS 30000 /* the vault says something every 10 s */
#define MESSAGE_MAX_BYTES (COMMAND_MAX_BYTES + 4096)
#define AGAIN_US 2000000
#define CONFLICT_AGAIN_US 15000000
#define REPLY_MS 20000

static void tell(struct link *l) {
    uint64_t one = 1;
    if (write(l->event_fd, &one, sizeof one) < 0) return; /* it is readable already */
}

/* Puts it where the recording loop looks. False: it is full. */
static bool put_mail(struct link *l, const struct link_mail *m) {
    pthread_mutex_lock(&l->lock);
    bool full = l->mail_count == LINK_MAIL_MAX;
    if (!full) l->mail[(l->mail_first + l->mail_count++) % LINK_MAIL_MAX] = *m;
    pthread_mutex_unlock(&l->lock);
    tell(l);
    return !full;
}

static err take_ring(struct link *l, struct bytes payload) {
    struct link_mail m = {.kind = LINK_MAIL_RING};
    if (payload.len != LINK_RING_BYTES) return ERR_INVALID;
    memcpy(m.ring, payload.data, LINK_RING_BYTES);
    if (!put_mail(l, &m)) log_warning("a ring was lost: too much waits already");
    return ERR_OK;
}

/* One that does not fit is left out: the owner's app shows the same. */
static err take_notice(struct link *l, struct bytes payload) {
    struct link_mail m = {.kind = LINK_MAIL_NOTICE};
    if (payload.len > NOTICE_MAX_BYTES) return ERR_INVALID;
    err e = blob_append(&m.box, payload);
    if (e) return e;
    if (put_mail(l, &m)) return ERR_OK;
    log_warning("a notice of the vault was lost: too much waits already");
    link_mail_clear(&m);
    return ERR_OK;
}

/* Here, not in the recording loop: it syncs a file. A witness that cannot write does not sign, and says so.
 */
static err take_checkpoint(struct link *l, struct bytes payload) {
    struct diag d = {{0}};
    AUTO(witness_answer_clear) struct witness_answer answer = {0};
    if (!l->witness) return ERR_OK;
    if (witness_take(l->witness, payload, wall_now(), &answer, &d))
        log_warning("the vault's log was not witnessed: %s", d.text);
    if (answer.body.len) link_cosign(l, blob_bytes(&answer.body));
    if (!answer.alarm[0]) return ERR_OK;
    struct link_mail m = {.kind = LINK_MAIL_LOG};
    log_error("%s", answer.alarm);
    if (blob_append(&m.box, bytes_text(answer.alarm)) || !put_mail(l, &m)) link_mail_clear(&m);
    return ERR_OK;
}

static err take_command(struct link *l, struct bytes payload) {
    if (payload.len <= COMMAND_ID_BYTES || payload.len > COMMAND_MAX_BYTES + COMMAND_ID_BYTES)
        return ERR_INVALID;
    struct link_mail m = {.kind = LINK_MAIL_COMMAND};
    memcpy(m.command, payload.data, COMMAND_ID_BYTES);
    err e = blob_append(&m.box, BYTES(payload.data + COMMAND_ID_BYTES, payload.len - COMMAND_ID_BYTES));
    if (e) return e;
    if (!put_mail(l, &m)) link_mail_clear(&m); /* its sender hears nothing, and asks again */
    return ERR_OK;
}

static err take_viewers(struct link *l, struct bytes payload) {
    AUTO(json_release) json_t *o = NULL;
    err e = json_parse(payload, &o, NULL);
    if (e) return e;
    json_t *cameras = json_object_get(o, "cameras"), *count;
    const char *hex;
    if (!json_is_object(cameras)) return ERR_INVALID;
    pthread_mutex_lock(&l->lock);
    l->viewed_count = 0;
    json_object_foreach(cameras, hex, count) {
        struct viewed v;
        if (l->viewed_count == LINK_VIEWED_MAX || hex_decode(hex, (struct buffer){v.camera, sizeof v.camera}))
            continue;
        json_int_t n = json_integer_value(count);
        v.count = n < 0 ? 0 : n > 100000 ? 100000 : (uint32_t)n;
        if (v.count) l->viewed[l->viewed_count++] = v;
    }
    l->viewers_changed = true;
    pthread_mutex_unlock(&l->lock);
    atomic_store(&l->fresh, true);
    atomic_store(&l->more, true); /* what lies ready goes at once */
    tell(l);
    return ERR_OK;
}

static void accepted(struct link *l) {
    pthread_mutex_lock(&l->lock);
    bool was = l->state.conflict;
    l->state.conflict = false;
    pthread_mutex_unlock(&l->lock);
    link_worked(l);
    if (was) log_info("no other hub uses this identity any more");
}

static err on_bytes(void *context, struct bytes piece) {
    struct link *l = context;
    if (l->command_bytes.len == 0) accepted(l);
    err e = blob_append(&l->command_bytes, piece);
    size_t at = 0;
    while (!e && l->command_bytes.len - at >= HEAD_BYTES) {
        const uint8_t *head = l->command_bytes.data + at;
        size_t len = be32_get(head + 2);
        if (len > MESSAGE_MAX_BYTES) return ERR_INVALID;
        if (l->command_bytes.len - at < HEAD_BYTES + len) break;
        struct bytes payload = BYTES(head + HEAD_BYTES, len);
        if (head[0] == TYPE_COMMAND)
            e = take_command(l, payload);
        else if (head[0] == TYPE_VIEWERS)
            e = take_viewers(l, payload);
        else if (head[0] == TYPE_RING)
            e = take_ring(l, payload);
        else if (head[0] == TYPE_NOTICE)
            e = take_notice(l, payload);
        else if (head[0] == TYPE_WITNESS)
            e = take_checkpoint(l, payload);
        at += HEAD_BYTES + len;
    }
    blob_drop_front(&l->command_bytes, at);
    return e;
}

static void forget_viewers(struct link *l) {
    pthread_mutex_lock(&l->lock);
    bool any = l->viewed_count > 0;
    l->viewed_count = 0;
    l->viewers_changed = any;
    pthread_mutex_unlock(&l->lock);
    if (any) tell(l);
}

static void on_end(void *context, err e, const struct http_response *response, const struct diag *d) {
    struct link *l = context;
    l->commands = NULL;
    blob_clear(&l->command_bytes);
    forget_viewers(l);
    int64_t now = steady_now().us;
    l->commands_at.us = e == ERR_CANCELLED ? now : now + AGAIN_US; /* cancelled: to ask for other rings */
    if (response->status == 409) {
        pthread_mutex_lock(&l->lock);
        bool was = l->state.conflict;
        l->state.conflict = true;
        pthread_mutex_unlock(&l->lock);
        l->commands_at.us = now + CONFLICT_AGAIN_US;
        if (!was)
            log_error(
                "another hub uses this identity: nothing is sent until it stops. If a hub was copied, remove "
                "household.json and identity.json from one of them and pair it anew");
        return;
    }
    if (e) link_failed(l, e, d->text);
}

static void on_reply_sent(void *context, err e, const struct http_response *response, const struct diag *d) {
    struct link *l = context;
    (void)response;
    (void)d;
    l->posting_reply = false;
    if (e) log_debug("a reply was not taken: %s", err_text(e)); /* who asked has gone; nothing to mend */
    blob_clear(&l->reply->box);
    free(l->reply);
    l->reply = NULL;
}

static void reply_step(struct link *l) {
    if (l->posting_reply) return;
    pthread_mutex_lock(&l->lock);
    struct reply_waiting *r = l->replies;
    if (r) {
        l->replies = r->next;
        l->reply_count--;
    }
    pthread_mutex_unlock(&l->lock);
    if (!r) return;
    char hex[2 * COMMAND_ID_BYTES + 1], path[128];
    hex_encode(BYTES_OF(r->command), hex);
    snprintf(path, sizeof path, "/v1/%s%s", r->cosignature ? "log/cosignatures" : "hub/replies/",
             r->cosignature ? "" : hex);
    struct http_request post = {.method = "POST",
                                .path = path,
                                .authorization = l->authorization,
                                .body = blob_bytes(&r->box),
                                .timeout_ms = REPLY_MS};
    l->reply = r;
    l->posting_reply = http_client_start(l->http, &post, on_reply_sent, l, NULL, NULL) == ERR_OK;
    if (l->posting_reply) return;
    blob_clear(&r->box);
    free(r);
    l->reply = NULL;
}

/* With the doorbells of now. */
static void make_path(struct link *l, char path[PATH_BYTES]) {
    char hex[2 * LINK_RING_BYTES + 1];
    hex_encode(BYTES_OF(l->identity->instance), hex);
    int used = snprintf(path, PATH_BYTES, "/v1/hub/commands?instance=%s", hex);
    pthread_mutex_lock(&l->lock);
    for (size_t i = 0; i < l->ring_count; i++) {
        hex_encode(BYTES_OF(l->rings[i]), hex);
        used += snprintf(path + used, PATH_BYTES - (size_t)used, "%s%s", i ? "," : "&rings=", hex);
    }
    l->rings_changed = false;
    pthread_mutex_unlock(&l->lock);
}

/* The vault listens for what it was told when the answer began: other doorbells need another one. */
static void ask_for_other_rings(struct link *l) {
    pthread_mutex_lock(&l->lock);
    bool changed = l->rings_changed;
    l->rings_changed = false;
    pthread_mutex_unlock(&l->lock);
    if (changed && l->commands) http_transfer_cancel(l->commands);
}

void link_commands_step(struct link *l) {
    reply_step(l);
    ask_for_other_rings(l);
    if (l->commands || steady_now().us < l->commands_at.us) return;
    char path[PATH_BYTES];
    make_path(l, path);
    struct http_request get = {.method = "GET",
                               .path = path,
                               .authorization = l->authorization,
                               .data = on_bytes,
                               .context = l,
                               .idle_ms = SILENCE_MS};
    if (http_client_start(l->http, &get, on_end, l, &l->commands, NULL)) l->commands = NULL;
}
