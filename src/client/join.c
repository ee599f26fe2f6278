/* join.c: the side of who was invited. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/internal.h"
#include "client/members.h"

#define POLL_MS 30000 /* the vault holds each question for 25 s */

static bool copy_until(const char *from, const char *stop, char *out, size_t size) {
    size_t len = strcspn(from, stop);
    if (len == 0 || len >= size) return false;
    memcpy(out, from, len);
    out[len] = 0;
    return true;
}

err members_link_parse(const char *text, char vault[LINK_URL_MAX_BYTES], char code[PAIRING_TEXT_BYTES],
                       char signup[64], struct diag *d) {
    const char *join = strstr(text, "/#join="), *up = strstr(text, "&signup=");
    char found[64];
    uint8_t secret[PAIRING_SECRET_BYTES];
    signup[0] = 0;
    if ((strncmp(text, "https://", 8) != 0 && strncmp(text, "http://", 7) != 0) || !join ||
        join - text >= LINK_URL_MAX_BYTES || !copy_until(join + 7, "&", found, sizeof found))
        return diag_fail(d, ERR_INVALID,
                         "this is no invitation: it looks like https://vault/#join=XXXX-XXXX-XXXX-XXXX");
    if (up && !copy_until(up + 8, "&", signup, 64))
        return diag_fail(d, ERR_INVALID, "the invitation's sign-up code is damaged: copy the whole link");
    err e = pairing_parse(found, secret, d);
    if (e) return e;
    pairing_format(secret, code);
    wipe(secret, sizeof secret);
    memcpy(vault, text, (size_t)(join - text));
    vault[join - text] = 0;
    return ERR_OK;
}

/* Somebody announced themselves under this code before: this account, which may wait on, or another. */
static err check_ours(struct client *c, const struct pairing *p, struct diag *d) {
    AUTO(json_release) json_t *held = NULL;
    AUTO(blob_clear) struct blob sign = {0};
    char path[64], id[2 * PAIRING_ID_BYTES + 1];
    hex_encode(BYTES_OF(p->id), id);
    snprintf(path, sizeof path, "/v1/pairing/%s", id);
    err e = http_client_json(c->http, "GET", path, NULL, NULL, &held, d);
    if (e) return e;
    const char *text = client_text(held, "sign");
    if (!base64_decode(text, strlen(text), &sign) &&
        bytes_equal(blob_bytes(&sign), BYTES_OF(c->keyring.sign.public_key)))
        return ERR_OK;
    return diag_fail(d, ERR_DENIED, "this invitation was used by somebody else: ask for a new one");
}

static err announce(struct client *c, const struct pairing *p, struct diag *d) {
    uint8_t mac[32];
    pairing_member_mac(p, c->keyring.sign.public_key, c->keyring.box.public_key, mac);
    AUTO(json_release)
    json_t *ask =
        json_pack("{s:o, s:o, s:o, s:o}", "id", json_hex(BYTES_OF(p->id)), "sign",
                  json_base64(BYTES_OF(c->keyring.sign.public_key)), "box",
                  json_base64(BYTES_OF(c->keyring.box.public_key)), "mac", json_base64(BYTES_OF(mac)));
    if (!ask) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    err e = http_client_json(c->http, "POST", "/v1/pairing", NULL, ask, NULL, d);
    return e == ERR_EXISTS || e == ERR_CONFLICT ? check_ours(c, p, d) : e;
}

/* One long poll. *box is empty while nobody has answered. */
static err poll_answer(struct client *c, const struct pairing *p, struct blob *box, struct diag *d) {
    char path[80], id[2 * PAIRING_ID_BYTES + 1];
    AUTO(http_response_clear) struct http_response response = {0};
    AUTO(json_release) json_t *answer = NULL;
    hex_encode(BYTES_OF(p->id), id);
    snprintf(path, sizeof path, "/v1/pairing/%s/answer", id);
    struct http_request request = {.method = "GET", .path = path, .timeout_ms = POLL_MS};
    err e = http_client_do(c->http, &request, &response, d);
    if (e || response.body.len == 0) return e;
    e = json_parse(blob_bytes(&response.body), &answer, d);
    if (e) return e;
    const char *text = client_text(answer, "answer");
    if (base64_decode(text, strlen(text), box) || box->len == 0)
        return diag_fail(d, ERR_INVALID, "the vault's answer holds no \"answer\"");
    return ERR_OK;
}

static err keep(struct client *c, const struct invitation_answer *a, struct diag *d) {
    _Static_assert((int)INVITATION_OWNER == (int)KEYRING_OWNER &&
                       (int)INVITATION_VIEWER == (int)KEYRING_VIEWER,
                   "roles are the same");
    struct keyring_household h = {.capability = a->capability,
                                  .role = (enum keyring_role)a->role,
                                  .has_sign = true,
                                  .has_grant = a->role != INVITATION_OWNER};
    memcpy(h.id, a->household, sizeof h.id);
    memcpy(h.name, a->name, sizeof h.name);
    memcpy(h.sign, a->sign, sizeof h.sign);
    memcpy(h.grant, a->grant, sizeof h.grant);
    err e = keyring_join_household(&c->keyring, &h);
    wipe(&h, sizeof h);
    if (e == ERR_EXISTS)
        return diag_fail(d, e, "'%s' is your own household: nobody need invite you", a->name);
    if (e) return diag_fail(d, e, "this account belongs to %d households already", KEYRING_HOUSEHOLDS_MAX);
    e = client_store_keyring(c, d);
    for (size_t i = 0; i < c->keyring.count; i++)
        if (memcmp(c->keyring.households[i].id, a->household, sizeof a->household) == 0)
            c->household_index = i;
    return e;
}

err members_join(struct client *c, const char *code, int wait_s, struct invitation_answer *out,
                 struct diag *d) {
    AUTO(pairing_clear) struct pairing p;
    AUTO(blob_clear) struct blob box = {0};
    uint8_t secret[PAIRING_SECRET_BYTES];
    int64_t until_us = steady_now().us + wait_s * INT64_C(1000000);
    err e = pairing_parse(code, secret, d);
    if (e) return e;
    pairing_derive(secret, &p);
    wipe(secret, sizeof secret);
    e = announce(c, &p, d);
    while (!e && box.len == 0) {
        e = poll_answer(c, &p, &box, d);
        if (!e && box.len == 0 && steady_now().us > until_us)
            e = diag_fail(d, ERR_TIMEOUT,
                          "nobody of the household has let you in yet: it happens when an owner next uses "
                          "Cardea. Run this "
                          "again then; the invitation holds");
    }
    if (!e) e = invitation_answer_open(blob_bytes(&box), &p, &c->keyring.box, out, d);
    return e ? e : keep(c, out, d);
}
