/* Hubs behind NAT: commands come down a long GET that the hub holds open, replies go up as short POSTs. What
 * is in either is sealed between the household and the hub. */
#include <stdio.h>
#include <stdlib.h>

#include "crypto/hash.h"
#include "vault/stream.h"

#define HUB_CLAIM_S 30
#define INSTANCE_MAX_BYTES 64
#define COMMAND_ID_BYTES STORE_ID_BYTES

/* One hub's open stream on this node. */
struct hub_link {
    struct stream stream;
    struct store_id hub, owner; /* owner: of the claim, from the instance */
    struct store_key capability;
    struct store_id rings[VAULT_RINGS_MAX];
    size_t ring_count;
    char since[WALL_TEXT_BYTES];
    char claim[CHANNEL_BYTES];
    struct hub_link *next, **link;
};

static err claim(struct vault *v, const struct hub_link *l, struct diag *d) {
    return v->bus->ops->claim(v->bus, l->claim, &l->owner, HUB_CLAIM_S, bytes_text(l->since), d);
}

/* Is a stream of the same hub and instance still open here? Called with the lock. */
static bool has_twin(struct vault *v, const struct hub_link *l) {
    for (const struct hub_link *other = v->hubs; other; other = other->next)
        if (other != l && strcmp(other->claim, l->claim) == 0 && store_id_equal(&other->owner, &l->owner))
            return true;
    return false;
}

static void closed(struct stream *s) {
    struct hub_link *l = (struct hub_link *)s;
    struct vault *v = s->v;
    struct diag d;
    pthread_mutex_lock(&v->hubs_lock);
    bool last = !has_twin(v, l);
    if (l->link) {
        *l->link = l->next;
        if (l->next) l->next->link = l->link;
    }
    pthread_mutex_unlock(&v->hubs_lock);
    atomic_fetch_sub(&v->count.hubs, 1);
    if (last && v->bus->ops->release(v->bus, l->claim, &l->owner, &d) == ERR_OK) {
        err ignored = v->index->ops->capability_seen(v->index, &l->capability, slot_now(), &d);
        (void)ignored;
        hub_announce(v, &s->household, &l->hub, false);
    }
    free(l);
}

/* Takes the hub's name, from a stream of the same instance, or of one whose connection has broken. */
static err claim_hub(struct vault *v, struct hub_link *l, struct diag *d) {
    err e = claim(v, l, d);
    if (e != ERR_CONFLICT) return e;
    bool freed = false;
    pthread_mutex_lock(&v->hubs_lock);
    for (struct hub_link *other = v->hubs; other; other = other->next) {
        if (strcmp(other->claim, l->claim) != 0 || store_id_equal(&other->owner, &l->owner)) continue;
        if (http_waker_connected(other->stream.waker)) continue;
        stream_end(&other->stream);
        freed |= v->bus->ops->release(v->bus, other->claim, &other->owner, d) == ERR_OK;
    }
    pthread_mutex_unlock(&v->hubs_lock);
    return freed ? claim(v, l, d) : ERR_CONFLICT;
}

static void enlist(struct vault *v, struct hub_link *l) {
    pthread_mutex_lock(&v->hubs_lock);
    for (struct hub_link *other = v->hubs; other; other = other->next)
        if (strcmp(other->claim, l->claim) == 0) stream_end(&other->stream); /* the hub has come again */
    l->next = v->hubs;
    l->link = &v->hubs;
    if (l->next) l->next->link = &l->next;
    v->hubs = l;
    pthread_mutex_unlock(&v->hubs_lock);
}

static err subscribe(struct hub_link *l, struct diag *d) {
    struct vault *v = l->stream.v;
    char channel[CHANNEL_BYTES];
    channel_hub(&l->stream.household, &l->hub, channel);
    err e = v->bus->ops->add(l->stream.subscription, channel, STREAM_NO_CAMERA, false, d);
    channel_hubs(&l->stream.household, channel);
    if (!e) e = v->bus->ops->add(l->stream.subscription, channel, STREAM_NO_CAMERA, false, d);
    for (size_t i = 0; !e && i < l->ring_count; i++) {
        channel_ring(&l->rings[i], channel);
        e = v->bus->ops->add(l->stream.subscription, channel, STREAM_NO_CAMERA, false, d);
        if (e == ERR_EXISTS) e = ERR_OK;
    }
    return e;
}

enum http_outcome hub_commands(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    const struct capability *capability = &caller_of(request)->capability;
    const char *instance = NULL, *rings = "";
    uint8_t hash[HASH_BYTES];
    const struct query_field fields[] = {
        {"instance", QUERY_TEXT, true, INSTANCE_MAX_BYTES, &instance},
        {"rings", QUERY_TEXT, false, VAULT_RINGS_MAX * (2 * STORE_ID_BYTES + 1), &rings}};
    if (!REQUEST_QUERY(request, fields, r)) return HTTP_DONE;
    if (!*instance) return reply_invalid(r, "the parameter \"instance\" is empty");
    struct hub_link *l = calloc(1, sizeof *l);
    struct diag d = {0};
    if (!l) return reply_err(r, ERR_NO_MEMORY, NULL);
    if (!rings_read(rings, l->rings, &l->ring_count, r)) {
        free(l);
        return HTTP_DONE;
    }
    l->hub = capability->hub;
    l->capability = capability->key;
    l->stream.closed = closed;
    hash_sha256(bytes_text(instance), hash);
    memcpy(l->owner.bytes, hash, sizeof l->owner.bytes);
    wall_format(wall_now(), l->since);
    channel_hub(&capability->household, &l->hub, l->claim);
    err e = stream_open(&l->stream, v, request, BUS_LIMITS_COMMAND, &d);
    if (e) {
        free(l);
        return reply_err(r, e, &d);
    }
    atomic_fetch_add(&v->count.hubs, 1);
    e = claim_hub(v, l, &d);
    if (!e) {
        enlist(v, l);
        e = subscribe(l, &d);
    }
    if (e) {
        stream_close(&l->stream);
        if (e == ERR_CONFLICT)
            return reply_error(r, 409, "conflict",
                               "another instance of this hub is connected: stop it, or remove the "
                               "hub and pair it again");
        return reply_err(r, e, &d);
    }
    err ignored = v->index->ops->capability_seen(v->index, &l->capability, slot_now(), &d);
    (void)ignored;
    hub_announce(v, &capability->household, &l->hub, true);
    return stream_answer(&l->stream, r);
}

void hubs_renew(struct vault *v) {
    struct diag d;
    pthread_mutex_lock(&v->hubs_lock);
    for (struct hub_link *l = v->hubs; l; l = l->next)
        if (claim(v, l, &d) == ERR_CONFLICT) stream_end(&l->stream);
    pthread_mutex_unlock(&v->hubs_lock);
}

void hubs_each(struct vault *v, hub_visit *fn, void *arg) {
    pthread_mutex_lock(&v->hubs_lock);
    for (const struct hub_link *l = v->hubs; l; l = l->next) fn(arg, &l->stream.household, &l->hub);
    pthread_mutex_unlock(&v->hubs_lock);
}

/* --- replies --- */

enum http_outcome hub_reply(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    struct store_id command;
    char channel[CHANNEL_BYTES];
    if (!request_id(request, 0, "command's id", &command, r)) return HTTP_DONE;
    if (request->body.len == 0) return reply_invalid(r, "the body is empty");
    AUTO(payload_release) struct payload *payload = payload_copy(request->body);
    if (!payload) return reply_err(r, ERR_NO_MEMORY, NULL);
    struct diag d = {0};
    channel_reply(&caller_of(request)->capability.household, &command, channel);
    err e = v->bus->ops->publish(v->bus, channel, STREAM_WAKE, BUS_FLAG_NO_QUEUE, payload, NULL, &d);
    return e ? reply_err(r, e, &d) : reply_empty(r, 204);
}

/* --- the household's side --- */

struct hub_row {
    struct store_id hub;
    uint32_t seen;
};
struct hub_rows {
    struct hub_row rows[INDEX_CAPABILITIES_MAX];
    size_t count;
};

/* A hub may have had several capabilities; the one seen last counts. */
static err add_row(void *arg, const struct capability *c) {
    struct hub_rows *list = arg;
    if (c->role != CAPABILITY_ROLE_WRITER) return ERR_OK;
    for (size_t i = 0; i < list->count; i++) {
        if (!store_id_equal(&list->rows[i].hub, &c->hub)) continue;
        if (c->seen > list->rows[i].seen) list->rows[i].seen = c->seen;
        return ERR_OK;
    }
    if (list->count < INDEX_CAPABILITIES_MAX) list->rows[list->count++] = (struct hub_row){c->hub, c->seen};
    return ERR_OK;
}

/* Is it connected? *since: from when on, or when it was last; empty when never. */
static bool online(struct vault *v, const struct store_id *household, const struct hub_row *row,
                   char since[WALL_TEXT_BYTES]) {
    char name[CHANNEL_BYTES];
    struct store_id owner;
    AUTO(blob_clear) struct blob value = {0};
    struct diag d;
    since[0] = 0;
    if (row->seen) wall_format((struct wall_us){row->seen * INT64_C(1000000)}, since);
    channel_hub(household, &row->hub, name);
    if (v->bus->ops->holder(v->bus, name, &owner, &value, &d)) return false;
    if (value.len && value.len < WALL_TEXT_BYTES) {
        memcpy(since, value.data, value.len);
        since[value.len] = 0;
    }
    return true;
}

enum http_outcome hub_list(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    const struct store_id *household = &caller_of(request)->capability.household;
    struct hub_rows *list = calloc(1, sizeof *list);
    struct diag d = {0};
    if (!list) return reply_err(r, ERR_NO_MEMORY, NULL);
    err e = v->index->ops->capability_list(v->index, household, add_row, list, &d);
    json_t *hubs = json_array();
    for (size_t i = 0; !e && i < list->count; i++) {
        char since[WALL_TEXT_BYTES];
        bool here = online(v, household, &list->rows[i], since);
        json_array_append_new(hubs, json_pack("{s:o,s:b,s:o}", "hub",
                                              json_hex(BYTES_OF(list->rows[i].hub.bytes)), "online", here,
                                              "since", since[0] ? json_string(since) : json_null()));
    }
    free(list);
    if (!e) return reply_json(r, 200, json_pack("{s:o}", "hubs", hubs));
    json_decref(hubs);
    return reply_err(r, e, &d);
}

static enum http_outcome not_here(struct http_reply *r, const char *since) {
    if (!since[0]) return reply_error(r, 404, "not_found", "the hub has not been seen yet");
    return reply_error(r, 404, "not_found", "the hub has not been seen since %s", since);
}

/* Finds the household's hub; sets the reply when it is unknown or away. */
static bool hub_here(struct vault *v, const struct store_id *household, const struct store_id *hub,
                     struct http_reply *r) {
    struct hub_rows *list = calloc(1, sizeof *list);
    struct diag d = {0};
    err e = list ? v->index->ops->capability_list(v->index, household, add_row, list, &d) : ERR_NO_MEMORY;
    const struct hub_row *found = NULL;
    for (size_t i = 0; !e && i < list->count; i++)
        if (store_id_equal(&list->rows[i].hub, hub)) found = &list->rows[i];
    char since[WALL_TEXT_BYTES] = "";
    bool here = found && online(v, household, found, since);
    if (e)
        reply_err(r, e, &d);
    else if (!found)
        reply_error(r, 404, "not_found", "this household has no such hub");
    else if (!here)
        not_here(r, since);
    free(list);
    return here;
}

static enum http_outcome command_wait(struct http_request *request, struct http_reply *r) {
    AUTO(payload_release) struct payload *reply = waiting_take(request);
    if (!reply && request->expired)
        return reply_error(r, 504, "timeout", "the hub is connected but did not answer");
    if (!reply) return waiting_park(request, r);
    struct blob body = {0};
    if (blob_append(&body, BYTES(reply->data, reply->len))) return reply_err(r, ERR_NO_MEMORY, NULL);
    return reply_text(r, 200, "application/octet-stream", &body);
}

enum http_outcome hub_command(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    const struct store_id *household = &caller_of(request)->capability.household;
    uint64_t wait_s = VAULT_LONG_POLL_S;
    struct store_id hub, command;
    char channel[CHANNEL_BYTES];
    struct diag d = {0};
    const struct query_field fields[] = {{"wait_s", QUERY_UINT, false, VAULT_LONG_POLL_S, &wait_s}};
    if (!REQUEST_QUERY(request, fields, r) || !request_id(request, 0, "hub", &hub, r)) return HTTP_DONE;
    if (request->state) return command_wait(request, r);
    if (request->body.len <= COMMAND_ID_BYTES)
        return reply_invalid(r, "the body must be a command's id (%d bytes) and a box", COMMAND_ID_BYTES);
    if (!hub_here(v, household, &hub, r)) return HTTP_DONE;
    memcpy(command.bytes, request->body.data, COMMAND_ID_BYTES);
    channel_reply(household, &command, channel);
    err e = waiting_open(v, request, channel, (unsigned)wait_s, &d);
    AUTO(payload_release) struct payload *payload = e ? NULL : payload_copy(request->body);
    uint32_t receivers = 0;
    channel_hub(household, &hub, channel);
    if (!e && !payload) e = ERR_NO_MEMORY;
    if (!e) e = v->bus->ops->publish(v->bus, channel, STREAM_COMMAND, 0, payload, &receivers, &d);
    if (e) return reply_err(r, e, &d);
    if (receivers == 0) return not_here(r, "");
    return waiting_park(request, r);
}
