/* Tickets: what a household and the desk write to each other, sealed to both. The vault knows of a ticket
 * whose household's it is, when something came, and from which side. */
#include <stdio.h>
#include <stdlib.h>

#include "vault/staff.h"
#include "vault/stream.h"

#define CHANNEL "ticket/"
#define ANSWER_MAX_BYTES (2u << 20) /* of messages; then the caller asks on with after=last */

static void channel_ticket(const struct store_id *ticket, char out[CHANNEL_BYTES]) {
    memcpy(out, CHANNEL, sizeof CHANNEL - 1);
    hex_encode(BYTES_OF(ticket->bytes), out + sizeof CHANNEL - 1);
}

void ticket_announce(struct vault *v, const char *ticket) {
    char channel[CHANNEL_BYTES];
    if (snprintf(channel, sizeof channel, CHANNEL "%s", ticket) >= (int)sizeof channel) return;
    publish_json(v, channel, STREAM_WAKE, json_object());
}

static void announce(struct vault *v, const struct store_id *ticket) {
    char hex[2 * STORE_ID_BYTES + 1];
    hex_encode(BYTES_OF(ticket->bytes), hex);
    ticket_announce(v, hex);
}

err ticket_is_open(struct vault *v, const char *ticket, const struct store_id *household, struct diag *d) {
    struct store_id id;
    struct desk_ticket t;
    err e = hex_decode(ticket, (struct buffer){id.bytes, sizeof id.bytes}) ? ERR_NOT_FOUND : ERR_OK;
    if (!e) e = v->desk->ops->ticket_get(v->desk, &id, household, &t, d);
    if (e == ERR_NOT_FOUND) return diag_fail(d, ERR_DENIED, "there is no such ticket");
    if (!e && t.closed) return diag_fail(d, ERR_DENIED, "the ticket is closed");
    return e;
}

/* An owner's household; NULL for the desk. */
static const struct store_id *household_of(struct http_request *request) {
    const struct caller *caller = caller_of(request);
    return caller->who & WHO_OWNER ? &caller->capability.household : NULL;
}

/* --- messages --- */

/* The two boxes as they are kept: compact JSON. */
static bool read_message(json_t *message, bool by_staff, struct blob *out, struct http_reply *r) {
    AUTO(blob_clear) struct blob household = {0}, desk = {0};
    struct diag d = {0};
    const struct json_field fields[] = {
        {"household", JSON_KIND_BASE64, by_staff, BOX_OVERHEAD_BYTES, DESK_MESSAGE_MAX_BYTES, &household,
         NULL},
        {"desk", JSON_KIND_BASE64, true, BOX_OVERHEAD_BYTES, DESK_MESSAGE_MAX_BYTES, &desk, NULL},
    };
    err e = JSON_READ(message, fields, &d);
    if (e) {
        reply_err(r, e, &d);
        return false;
    }
    char *text = json_dumps(message, JSON_COMPACT);
    e = text ? blob_append(out, bytes_text(text)) : ERR_NO_MEMORY;
    free(text);
    if (e) reply_err(r, e, NULL);
    return !e;
}

enum http_outcome ticket_post(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    struct store_id ticket;
    struct staff_key key;
    json_t *message = NULL;
    AUTO(json_release) json_t *document = NULL;
    AUTO(blob_clear) struct blob text = {0};
    struct diag d = {0};
    const struct json_field fields[] = {
        {"ticket", JSON_KIND_HEX, true, 0, STORE_ID_BYTES, ticket.bytes, NULL},
        {"message", JSON_KIND_OBJECT, true, 0, 0, &message, NULL},
    };
    if (!REQUEST_JSON(request, fields, &document, r) || !read_message(message, false, &text, r))
        return HTTP_DONE;
    err e = staff_key_now(v, &key, &d);
    if (!e)
        e = v->desk->ops->ticket_open(v->desk, &ticket, household_of(request), blob_bytes(&text), slot_now(),
                                      &d);
    if (e) return reply_err(r, e, &d);
    return reply_json(r, 201, json_pack("{s:o}", "ticket", json_hex(BYTES_OF(ticket.bytes))));
}

/* The hubs raise an alert for the owner: the desk has written. */
static void tell_owner(struct vault *v, const struct desk_ticket *t) {
    char channel[CHANNEL_BYTES];
    channel_hubs(&t->household, channel);
    publish_json(v, channel, STREAM_HUB_NOTICE,
                 json_pack("{s:s,s:o}", "kind", "ticket", "ticket", json_hex(BYTES_OF(t->ticket.bytes))));
}

enum http_outcome ticket_message(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    const struct store_id *household = household_of(request);
    struct store_id ticket;
    struct desk_ticket t;
    uint32_t n = 0;
    json_t *message = NULL;
    AUTO(json_release) json_t *document = NULL;
    AUTO(blob_clear) struct blob text = {0};
    struct diag d = {0};
    const struct json_field fields[] = {{"message", JSON_KIND_OBJECT, true, 0, 0, &message, NULL}};
    if (!request_id(request, 0, "ticket", &ticket, r) || !REQUEST_JSON(request, fields, &document, r) ||
        !read_message(message, household == NULL, &text, r))
        return HTTP_DONE;
    err e = v->desk->ops->message_add(v->desk, &ticket, household, blob_bytes(&text), slot_now(), &n, &d);
    if (!e) e = v->desk->ops->ticket_get(v->desk, &ticket, NULL, &t, &d);
    if (e) return reply_err(r, e, &d);
    announce(v, &ticket);
    if (!household) tell_owner(v, &t);
    return reply_json(r, 201, json_pack("{s:i}", "n", (int)n));
}

enum http_outcome ticket_close(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    struct store_id ticket;
    struct desk_ticket t;
    struct diag d = {0};
    if (!request_id(request, 0, "ticket", &ticket, r)) return HTTP_DONE;
    err e = v->desk->ops->ticket_close(v->desk, &ticket, household_of(request), slot_now(), &d);
    if (!e) e = v->desk->ops->ticket_get(v->desk, &ticket, NULL, &t, &d);
    if (e) return reply_err(r, e, &d);
    ticket_ended(v, &t);
    announce(v, &ticket);
    return reply_empty(r, 204);
}

/* --- reading --- */

static err add_ticket(void *arg, const struct desk_ticket *t) {
    json_t *one = json_pack("{s:o,s:I,s:s,s:i,s:I}", "ticket", json_hex(BYTES_OF(t->ticket.bytes)), "opened",
                            (json_int_t)t->opened, "state", t->closed ? "closed" : "open", "messages",
                            (int)t->messages, "last", (json_int_t)t->last);
    return json_array_append_new(arg, one) ? ERR_NO_MEMORY : ERR_OK;
}

enum http_outcome ticket_list(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    json_t *list = json_array();
    struct diag d = {0};
    err e = v->desk->ops->ticket_list(v->desk, household_of(request), add_ticket, list, &d);
    if (!e) return reply_json(r, 200, json_pack("{s:o}", "tickets", list));
    json_decref(list);
    return reply_err(r, e, &d);
}

struct reading {
    json_t *list;
    size_t bytes;
};

static err add_message(void *arg, uint32_t n, bool staff, uint32_t time, struct bytes message) {
    struct reading *reading = arg;
    if (reading->bytes + message.len > ANSWER_MAX_BYTES) return ERR_LIMIT;
    reading->bytes += message.len;
    json_t *value = json_loadb((const char *)message.data, message.len, 0, NULL);
    json_t *one = json_pack("[i,s,I,o]", (int)n, staff ? "staff" : "owner", (json_int_t)time, value);
    return json_array_append_new(reading->list, one) ? ERR_NO_MEMORY : ERR_OK;
}

static enum http_outcome answer(struct vault *v, struct http_request *request, const struct desk_ticket *t,
                                uint32_t after, struct http_reply *r) {
    struct reading reading = {json_array(), 0};
    json_t *grants = NULL;
    struct diag d = {0};
    err e = v->desk->ops->message_list(v->desk, &t->ticket, after, add_message, &reading, &d);
    bool more = e == ERR_LIMIT;
    if (more) e = ERR_OK;
    if (!e) e = ticket_grants(v, t, caller_of(request), &grants, &d);
    if (!e)
        return reply_json(r, 200,
                          json_pack("{s:s,s:o,s:o,s:b}", "state", t->closed ? "closed" : "open", "messages",
                                    reading.list, "grants", grants, "more", (int)more));
    json_decref(reading.list);
    return reply_err(r, e, &d);
}

/* Staff who are revoked meanwhile do not wait on; who was before this heard of it is found by looking again.
 */
static err wait_open(struct vault *v, struct http_request *request, const struct store_id *ticket,
                     unsigned wait_s, struct diag *d) {
    char channel[CHANNEL_BYTES];
    channel_ticket(ticket, channel);
    err e = waiting_open(v, request, channel, wait_s, d);
    if (e || !(caller_of(request)->who & WHO_STAFF)) return e;
    const struct waiting *w = request->state;
    channel_end(&caller_of(request)->staff_sign, channel);
    e = v->bus->ops->add(w->subscription, channel, 0, false, d);
    return e ? e : staff_recheck(v, caller_of(request), d);
}

/* With wait_s: parked until something is said or granted, or the ticket is closed. */
enum http_outcome ticket_get(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    uint64_t after = 0, wait_s = 0;
    struct store_id ticket;
    struct desk_ticket t;
    struct diag d = {0};
    const struct query_field fields[] = {{"after", QUERY_UINT, false, UINT32_MAX, &after},
                                         {"wait_s", QUERY_UINT, false, VAULT_LONG_POLL_S, &wait_s}};
    if (!REQUEST_QUERY(request, fields, r) || !request_id(request, 0, "ticket", &ticket, r)) return HTTP_DONE;
    bool first = !request->state && !request->expired, woken = false;
    err e = first ? ERR_OK : staff_recheck(v, caller_of(request), &d);
    if (!e && first && wait_s) { /* before looking */
        e = wait_open(v, request, &ticket, (unsigned)wait_s, &d);
        if (e == ERR_BUSY) e = ERR_OK, wait_s = 0; /* no connection: answer what there is */
    }
    if (!e && request->state)
        for (struct payload *p; (p = waiting_take(request)); payload_unref(p)) woken = true;
    if (!e) e = v->desk->ops->ticket_get(v->desk, &ticket, household_of(request), &t, &d);
    if (e) return reply_err(r, e, &d);
    bool news = t.messages > after || (woken && !first) || t.closed;
    if (news || !wait_s || request->expired || atomic_load(&v->closing))
        return answer(v, request, &t, (uint32_t)after, r);
    return waiting_park(request, r);
}
