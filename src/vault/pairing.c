/* The mailbox by which a hub, a member's or an owner's new device and an owner's software find each other
 * under a code that the vault never sees. What is kept of an announcement: sign (32) | box (32) | mac (32) |
 * about (0 to 256). */
#include <stdlib.h>

#include "vault/stream.h"

#define PAIRING_ANSWER_MAX_BYTES INDEX_PAIRING_MAX_BYTES
#define PAIRING_ABOUT_MAX_BYTES 256
#define PAIRING_KEYS_BYTES 96

static bool pairings_open(struct vault *v, struct http_request *request, struct http_reply *r) {
    unsigned retry = 0;
    uint64_t key = limiter_key(&v->pairings, BYTES_OF(request->peer.address), (struct bytes){0});
    struct steady_us now = steady_now();
    if (!limiter_ask(&v->pairings, key, now, &retry)) {
        atomic_fetch_add(&v->count.limited, 1);
        reply_limited(r, retry);
        return false;
    }
    limiter_count(&v->pairings, key, now);
    return true;
}

enum http_outcome pairing_post(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    struct store_id id;
    AUTO(blob_clear) struct blob sign = {0}, box = {0}, mac = {0}, about = {0};
    AUTO(json_release) json_t *document = NULL;
    const struct json_field fields[] = {
        {"id", JSON_KIND_HEX, true, 0, STORE_ID_BYTES, id.bytes, NULL},
        {"sign", JSON_KIND_BASE64, true, 32, 32, &sign, NULL},
        {"box", JSON_KIND_BASE64, true, 32, 32, &box, NULL},
        {"mac", JSON_KIND_BASE64, true, 32, 32, &mac, NULL},
        {"about", JSON_KIND_BASE64, false, 1, PAIRING_ABOUT_MAX_BYTES, &about, NULL},
    };
    if (!REQUEST_JSON(request, fields, &document, r) || !pairings_open(v, request, r)) return HTTP_DONE;
    uint8_t bytes[PAIRING_KEYS_BYTES + PAIRING_ABOUT_MAX_BYTES];
    struct bytes announcement = {bytes, PAIRING_KEYS_BYTES + about.len};
    memcpy(bytes, sign.data, 32);
    memcpy(bytes + 32, box.data, 32);
    memcpy(bytes + 64, mac.data, 32);
    if (about.len) memcpy(bytes + PAIRING_KEYS_BYTES, about.data, about.len);
    struct diag d = {0};
    err e = v->index->ops->pairing_put(v->index, &id, announcement, slot_now() + VAULT_PAIRING_S, &d);
    if (e == ERR_EXISTS) { /* the same hub again is no harm */
        AUTO(blob_clear) struct blob held = {0};
        err got = v->index->ops->pairing_get(v->index, &id, slot_now(), &held, NULL, &d);
        if (!got && bytes_equal(blob_bytes(&held), announcement)) e = ERR_OK;
    }
    if (e == ERR_EXISTS) return reply_error(r, 409, "exists", "that pairing is announced by another already");
    if (e) return reply_err(r, e, &d);
    return reply_json(r, 201, json_pack("{s:i}", "expires_in_s", VAULT_PAIRING_S));
}

enum http_outcome pairing_get(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    struct store_id id;
    AUTO(blob_clear) struct blob announcement = {0};
    struct diag d = {0};
    if (!request_id(request, 0, "pairing", &id, r)) return HTTP_DONE;
    err e = v->index->ops->pairing_get(v->index, &id, slot_now(), &announcement, NULL, &d);
    if (!e && (announcement.len < PAIRING_KEYS_BYTES ||
               announcement.len > PAIRING_KEYS_BYTES + PAIRING_ABOUT_MAX_BYTES))
        e = ERR_NOT_FOUND;
    if (e == ERR_NOT_FOUND)
        return reply_error(r, 404, "not_found", "no hub has announced itself under that code");
    if (e) return reply_err(r, e, &d);
    json_t *answer = json_pack("{s:o,s:o,s:o}", "sign", json_base64(BYTES(announcement.data, 32)), "box",
                               json_base64(BYTES(announcement.data + 32, 32)), "mac",
                               json_base64(BYTES(announcement.data + 64, 32)));
    size_t more = announcement.len - PAIRING_KEYS_BYTES;
    if (more && json_object_set_new(answer, "about",
                                    json_base64(BYTES(announcement.data + PAIRING_KEYS_BYTES, more)))) {
        json_decref(answer);
        answer = NULL;
    }
    return reply_json(r, 200, answer);
}

enum http_outcome pairing_answer_post(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    struct store_id id;
    AUTO(blob_clear) struct blob answer = {0};
    AUTO(json_release) json_t *document = NULL;
    const struct json_field fields[] = {
        {"answer", JSON_KIND_BASE64, true, 1, PAIRING_ANSWER_MAX_BYTES, &answer, NULL}};
    if (!request_id(request, 0, "pairing", &id, r) || !REQUEST_JSON(request, fields, &document, r))
        return HTTP_DONE;
    struct diag d = {0};
    err e = v->index->ops->pairing_answer(v->index, &id, slot_now(), blob_bytes(&answer), &d);
    if (e == ERR_NOT_FOUND)
        return reply_error(r, 404, "not_found", "no hub has announced itself under that code");
    if (e == ERR_EXISTS) return reply_error(r, 409, "exists", "that hub has been answered already");
    if (e) return reply_err(r, e, &d);
    char channel[CHANNEL_BYTES];
    channel_pairing(&id, channel);
    publish_json(v, channel, STREAM_WAKE, json_object());
    return reply_empty(r, 201);
}

enum http_outcome pairing_answer_get(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    struct store_id id;
    char channel[CHANNEL_BYTES];
    struct diag d = {0};
    if (!request_id(request, 0, "pairing", &id, r)) return HTTP_DONE;
    channel_pairing(&id, channel);
    err e = request->state || request->expired
                ? ERR_OK
                : waiting_open(v, request, channel, VAULT_LONG_POLL_S, &d); /* before looking */
    AUTO(blob_clear) struct blob answer = {0};
    payload_unref(waiting_take(request));
    if (e == ERR_BUSY) e = ERR_OK; /* no connection: answer what there is */
    if (!e) e = v->index->ops->pairing_get(v->index, &id, slot_now(), NULL, &answer, &d);
    if (e == ERR_NOT_FOUND)
        return reply_error(r, 404, "not_found", "no hub has announced itself under that code");
    if (e) return reply_err(r, e, &d);
    if (answer.len) return reply_json(r, 200, json_pack("{s:o}", "answer", json_base64(blob_bytes(&answer))));
    if (request->expired || atomic_load(&v->closing)) return reply_empty(r, 204);
    return waiting_park(request, r);
}
