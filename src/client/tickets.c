#include "client/tickets.h"

#include <stdio.h>
#include <stdlib.h>

#include "client/internal.h"
#include "client/log_pins.h"
#include "crypto/hash.h"

#define FIND_LEAST_DIGITS 4

/* ---- sides ---- */

/* A pin that this household made binds: tickets are sealed to the desk that it knows. The first that is asked
 * for pins it, so that a later swap is seen. */
static err check_pin(struct client *c, const struct staff_key *told, struct diag *d) {
    struct log_pins pins;
    bool fresh;
    err e = log_pins_get(c, &pins, &fresh, d);
    if (e) return e == ERR_NOT_FOUND ? ERR_OK : e;
    if (pins.has_staff && memcmp(pins.staff, told->staff, SIGN_PUBLIC_BYTES) != 0)
        return diag_fail(
            d, ERR_FORGED,
            "the vault tells another staff key (of '%s') than the one that this household pinned: "
            "nothing was sent. Ask the provider, by another way, whether its key was changed",
            told->name);
    return ERR_OK;
}

err ticket_side_owner(struct client *c, struct ticket_side *out, struct diag *d) {
    *out = (struct ticket_side){.client = c};
    err e = staff_key_told(c, &out->provider, d);
    return e ? e : check_pin(c, &out->provider, d);
}

void ticket_side_agent(struct staff_link *s, struct ticket_side *out) {
    *out = (struct ticket_side){.client = s->client, .staff = s, .provider = s->provider};
}

err ticket_side_json(struct ticket_side *side, const char *method, const char *path, json_t *body,
                     json_t **out, struct diag *d) {
    return side->staff ? staff_json(side->staff, method, path, body, out, d)
                       : client_json(side->client, method, path, body, out, d);
}

/* ---- reading ---- */

void ticket_clear(struct ticket *t) {
    if (!t) return;
    for (size_t i = 0; i < t->count; i++) ticket_message_clear(&t->lines[i].message);
    free(t->lines);
    json_decref(t->grants);
    *t = (struct ticket){0};
}

/* Who may have written it: staff by a certificate of the desk's that held then, else the household. */
static err check_writer(const struct ticket_side *side, const struct ticket *t, struct ticket_line *line,
                        struct diag *d) {
    const struct ticket_message *m = &line->message;
    if (!line->by_staff) {
        if (m->has_certificate)
            return diag_fail(d, ERR_FORGED, "the vault gives staff's words as the owner's");
        if (!t->has_household || memcmp(m->signer, t->household_sign, sizeof m->signer) == 0) return ERR_OK;
        if (!side->staff && succession_chain_has(&side->client->household.chain, m->signer)) return ERR_OK;
        return diag_fail(d, ERR_FORGED, "it is not signed by the household of this ticket");
    }
    if (!m->has_certificate) return diag_fail(d, ERR_FORGED, "it has no certificate of the support desk's");
    err e = staff_certificate_read(blob_bytes(&m->certificate), side->provider.staff, &line->certificate, d);
    if (!e && memcmp(line->certificate.sign, m->signer, sizeof m->signer) != 0)
        e = diag_fail(d, ERR_FORGED, "it is signed by another key than its certificate is for");
    if (!e && !(line->certificate.roles & STAFF_AGENT))
        e = diag_fail(d, ERR_FORGED, "it is written by staff who are no agents");
    return e ? e : staff_certificate_valid_at(&line->certificate, m->time, d);
}

static err open_line(struct ticket_side *side, struct ticket *t, struct ticket_line *line, json_t *boxes,
                     struct diag *d) {
    AUTO(blob_clear) struct blob raw = {0};
    const struct household_keys *keys = &side->client->household;
    const struct box_key *key = side->staff ? &side->staff->desk : household_keys_box(keys, 0);
    const char *text = client_text(boxes, side->staff ? "desk" : "household");
    if (!*text) return diag_fail(d, ERR_NOT_FOUND, "it was not sealed to the household");
    err e = base64_decode(text, strlen(text), &raw);
    if (!e) e = ticket_message_open(blob_bytes(&raw), t->id, key, &line->message, d);
    for (size_t i = 1; e == ERR_FORGED && !side->staff && (key = household_keys_box(keys, i)); i++)
        e = ticket_message_open(blob_bytes(&raw), t->id, key, &line->message,
                                d); /* from before a succession */
    if (e) return e;
    if (line->n == 1 &&
        side->staff) { /* whose it is stands in its first message, and is theirs who signed it */
        if (line->message.kind != TICKET_OPEN ||
            memcmp(line->message.household_sign, line->message.signer, SIGN_PUBLIC_BYTES) != 0)
            return diag_fail(d, ERR_FORGED, "the ticket does not begin with its household's words");
        memcpy(t->household_sign, line->message.household_sign, sizeof t->household_sign);
        memcpy(t->household_box, line->message.household_box, sizeof t->household_box);
        t->has_household = true;
    }
    return check_writer(side, t, line, d);
}

static err take_line(struct ticket_side *side, struct ticket *t, json_t *item, struct diag *d) {
    struct ticket_line *line = &t->lines[t->count];
    struct diag why = {{0}};
    json_int_t n = json_integer_value(json_array_get(item, 0));
    const char *side_word = json_string_value(json_array_get(item, 1));
    if (n != (json_int_t)t->count + 1 || !side_word)
        return diag_fail(d, ERR_INVALID, "the vault's answer lacks message %zu of the ticket", t->count + 1);
    *line = (struct ticket_line){.n = (uint32_t)n, .by_staff = strcmp(side_word, "staff") == 0};
    t->count++;
    line->sound = open_line(side, t, line, json_array_get(item, 3), &why) == ERR_OK;
    if (line->sound) return ERR_OK;
    snprintf(line->why, sizeof line->why, "%.150s", why.text);
    ticket_message_clear(&line->message);
    return ERR_OK;
}

static err take_answer(struct ticket_side *side, json_t *answer, struct ticket *t, struct diag *d) {
    json_t *list = json_object_get(answer, "messages"), *item;
    size_t i, count = json_array_size(list);
    if (!json_is_array(list) || t->count + count > TICKET_LINES_MAX)
        return diag_fail(d, ERR_INVALID, "the vault's answer holds no messages");
    t->closed = strcmp(client_text(answer, "state"), "closed") == 0;
    json_decref(t->grants);
    t->grants = json_incref(json_object_get(answer, "grants"));
    json_array_foreach(list, i, item) {
        err e = take_line(side, t, item, d);
        if (e) return e;
    }
    return ERR_OK;
}

/* All of them, in as many answers as it takes. */
static err take_all(struct ticket_side *side, struct ticket *t, struct diag *d) {
    char path[128];
    t->lines = calloc(TICKET_LINES_MAX, sizeof *t->lines);
    if (!t->lines) return diag_fail(d, ERR_NO_MEMORY, "no memory for the ticket");
    for (;;) {
        AUTO(json_release) json_t *answer = NULL;
        size_t before = t->count;
        snprintf(path, sizeof path, "/v1/tickets/%s?after=%zu", t->hex, before);
        err e = ticket_side_json(side, "GET", path, NULL, &answer, d);
        if (!e) e = take_answer(side, answer, t, d);
        if (e || t->count == before || !json_is_true(json_object_get(answer, "more"))) return e;
    }
}

err ticket_read(struct ticket_side *side, const char *hex, uint32_t after, unsigned wait_s,
                struct ticket *out, struct diag *d) {
    AUTO(ticket_clear) struct ticket t = {0};
    char path[128];
    ticket_clear(out);
    if (strlen(hex) != 2 * TICKET_ID_BYTES || hex_decode(hex, (struct buffer){t.id, sizeof t.id}))
        return diag_fail(d, ERR_INVALID, "a ticket's id has %d hex digits", 2 * TICKET_ID_BYTES);
    memcpy(t.hex, hex, sizeof t.hex);
    if (!side->staff) {
        memcpy(t.household_sign, side->client->household.sign.public_key, sizeof t.household_sign);
        memcpy(t.household_box, side->client->household.box.public_key, sizeof t.household_box);
        t.has_household = true;
    }
    if (wait_s) {
        snprintf(path, sizeof path, "/v1/tickets/%s?after=%u&wait_s=%u", hex, after, wait_s);
        err e = ticket_side_json(side, "GET", path, NULL, NULL, d);
        if (e) return e;
    }
    err e = take_all(side, &t, d);
    if (e) return e;
    *out = t;
    t = (struct ticket){0};
    return ERR_OK;
}

err ticket_list_read(struct ticket_side *side, json_t **out, struct diag *d) {
    AUTO(json_release) json_t *answer = NULL;
    err e = ticket_side_json(side, "GET", "/v1/tickets", NULL, &answer, d);
    if (e) return e;
    json_t *list = json_object_get(answer, "tickets");
    if (!json_is_array(list)) return diag_fail(d, ERR_INVALID, "the vault's answer holds no list of tickets");
    *out = json_incref(list);
    return ERR_OK;
}

err ticket_find(struct ticket_side *side, const char *begin, char hex[2 * TICKET_ID_BYTES + 1],
                struct diag *d) {
    AUTO(json_release) json_t *list = NULL;
    json_t *item;
    size_t i, found = 0, len = strlen(begin);
    err e = ticket_list_read(side, &list, d);
    if (e) return e;
    json_array_foreach(list, i, item) {
        const char *id = client_text(item, "ticket");
        if (len < FIND_LEAST_DIGITS || strncmp(id, begin, len) != 0 || strlen(id) != 2 * TICKET_ID_BYTES)
            continue;
        memcpy(hex, id, 2 * TICKET_ID_BYTES + 1);
        found++;
    }
    if (found == 1) return ERR_OK;
    return diag_fail(
        d, ERR_NOT_FOUND,
        found ? "more than one ticket begins with %.32s: give more of it"
              : "there is no ticket %.32s: `cardea support list` shows yours, `cardea support desk` "
                "the desk's (at least four digits)",
        begin);
}

/* ---- writing ---- */

/* {"household","desk"}: the same words to both. */
static err seal_both(struct ticket_side *side, const struct ticket *t, const struct ticket_message *m,
                     json_t **out, struct diag *d) {
    const struct sign_key *signer = side->staff ? &side->client->keyring.sign : &side->client->household.sign;
    AUTO(blob_clear) struct blob household = {0}, desk = {0};
    err e = ticket_message_seal(m, signer, t->household_box, &household, d);
    if (!e) e = ticket_message_seal(m, signer, side->provider.desk, &desk, d);
    if (e) return e;
    *out = json_pack("{s:o, s:o}", "household", json_base64(blob_bytes(&household)), "desk",
                     json_base64(blob_bytes(&desk)));
    return *out ? ERR_OK : diag_fail(d, ERR_NO_MEMORY, "out of memory");
}

err ticket_open(struct ticket_side *side, const char *text, uint8_t id[TICKET_ID_BYTES], struct diag *d) {
    struct client *c = side->client;
    struct ticket t = {0};
    struct ticket_message m = {
        .kind = TICKET_OPEN, .text = text, .has_household = true, .time = wall_slot(wall_now())};
    random_bytes(t.id, sizeof t.id);
    memcpy(t.household_box, c->household.box.public_key, sizeof t.household_box);
    memcpy(m.ticket, t.id, sizeof m.ticket);
    memcpy(m.household_sign, c->household.sign.public_key, sizeof m.household_sign);
    memcpy(m.household_box, c->household.box.public_key, sizeof m.household_box);
    json_t *boxes = NULL;
    err e = seal_both(side, &t, &m, &boxes, d);
    if (e) return e;
    AUTO(json_release)
    json_t *ask = json_pack("{s:o, s:o}", "ticket", json_hex(BYTES_OF(t.id)), "message", boxes);
    if (!ask) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    e = client_json(c, "POST", "/v1/tickets", ask, NULL, d);
    if (!e) memcpy(id, t.id, sizeof t.id);
    return e;
}

err ticket_say(struct ticket_side *side, const struct ticket *t, struct ticket_message *m, struct diag *d) {
    char path[128];
    json_t *boxes = NULL;
    if (!t->has_household) return diag_fail(d, ERR_FORGED, "it is not known whose ticket this is");
    memcpy(m->ticket, t->id, sizeof m->ticket);
    m->time = wall_slot(wall_now());
    if (side->staff && !m->has_certificate) {
        err e = blob_append(&m->certificate, blob_bytes(&side->staff->certificate_raw));
        if (e) return diag_fail(d, e, "out of memory");
        m->has_certificate = true;
    }
    err e = seal_both(side, t, m, &boxes, d);
    if (e) return e;
    AUTO(json_release) json_t *ask = json_pack("{s:o}", "message", boxes);
    if (!ask) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    snprintf(path, sizeof path, "/v1/tickets/%s/messages", t->hex);
    return ticket_side_json(side, "POST", path, ask, NULL, d);
}

err ticket_end(struct ticket_side *side, const struct ticket *t, struct diag *d) {
    char path[128];
    snprintf(path, sizeof path, "/v1/tickets/%s/close", t->hex);
    return ticket_side_json(side, "POST", path, NULL, NULL, d);
}

/* ---- requests ---- */

static const struct ticket_line *answer_to(const struct ticket *t,
                                           const uint8_t id[TICKET_REQUEST_ID_BYTES]) {
    for (size_t i = 0; i < t->count; i++) {
        const struct ticket_line *line = &t->lines[i];
        if (line->sound && line->message.has_answers &&
            memcmp(line->message.answers, id, TICKET_REQUEST_ID_BYTES) == 0)
            return line;
    }
    return NULL;
}

err ticket_request_find(const struct ticket *t, const char *begin, const struct ticket_line **out,
                        const struct ticket_line **answered, struct diag *d) {
    const struct ticket_line *found = NULL;
    size_t count = 0;
    for (size_t i = 0; i < t->count; i++) {
        const struct ticket_line *line = &t->lines[i];
        char hex[2 * TICKET_REQUEST_ID_BYTES + 1];
        if (!line->sound || line->message.kind != TICKET_REQUEST) continue;
        hex_encode(BYTES_OF(line->message.request.id), hex);
        if (begin ? strncmp(hex, begin, strlen(begin)) != 0 : answer_to(t, line->message.request.id) != NULL)
            continue;
        found = line;
        count++;
    }
    if (count != 1)
        return diag_fail(d, ERR_NOT_FOUND,
                         count
                             ? "the ticket has several such requests: name one, as `cardea support requests` "
                               "lists them"
                             : "there is no such request in this ticket, or it has been answered");
    *out = found;
    if (answered) *answered = answer_to(t, found->message.request.id);
    return ERR_OK;
}
