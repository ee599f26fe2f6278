#include "format/ticket.h"

#include "crypto/hash.h"
#include "format/json_bytes.h"

#define LABEL "cardea/1 ticket"

const char *const ticket_kind_names[TICKET_KIND_COUNT] = {"open",   "words",  "health", "request",
                                                          "answer", "refuse", "close"};

void ticket_message_clear(struct ticket_message *m) {
    if (!m) return;
    json_decref(m->value);
    blob_clear(&m->certificate);
    *m = (struct ticket_message){0};
}

/* --- what each kind needs, and what may be there --- */

#define FIELD_TEXT 1u
#define FIELD_HEALTH 2u
#define FIELD_REQUEST 4u
#define FIELD_ANSWERS 8u
#define FIELD_GRANT 16u
#define FIELD_HOUSEHOLD 32u
#define FIELD_CERTIFICATE 64u
static const char *const field_names[] = {"text",  "health",    "request",    "answers",
                                          "grant", "household", "certificate"};
static const struct {
    unsigned needs, may;
} kinds[TICKET_KIND_COUNT] = {
    [TICKET_OPEN] = {FIELD_TEXT | FIELD_HOUSEHOLD, 0},
    [TICKET_WORDS] = {FIELD_TEXT, FIELD_CERTIFICATE},
    [TICKET_HEALTH] = {FIELD_HEALTH, FIELD_TEXT},
    [TICKET_REQUEST] = {FIELD_REQUEST | FIELD_CERTIFICATE, FIELD_TEXT},
    [TICKET_ANSWER] = {FIELD_ANSWERS | FIELD_GRANT, FIELD_TEXT | FIELD_REQUEST},
    [TICKET_REFUSE] = {FIELD_ANSWERS, FIELD_TEXT},
    [TICKET_CLOSE] = {0, FIELD_TEXT | FIELD_CERTIFICATE},
};

static unsigned fields_of(const struct ticket_message *m) {
    return (m->text ? FIELD_TEXT : 0u) | (m->health ? FIELD_HEALTH : 0u) |
           (m->has_request ? FIELD_REQUEST : 0u) | (m->has_answers ? FIELD_ANSWERS : 0u) |
           (m->has_grant ? FIELD_GRANT : 0u) | (m->has_household ? FIELD_HOUSEHOLD : 0u) |
           (m->has_certificate ? FIELD_CERTIFICATE : 0u);
}

static const char *first_field(unsigned set) {
    size_t i = 0;
    while (!(set & 1u << i)) i++;
    return field_names[i];
}

static err message_check(const struct ticket_message *m, struct diag *d) {
    unsigned has = fields_of(m), lacks = kinds[m->kind].needs & ~has,
             odd = has & ~(kinds[m->kind].needs | kinds[m->kind].may);
    const char *kind = ticket_kind_names[m->kind];
    if (lacks) return diag_fail(d, ERR_INVALID, "\"%s\" is missing in \"%s\"", first_field(lacks), kind);
    if (odd) return diag_fail(d, ERR_INVALID, "\"%s\" does not belong in \"%s\"", first_field(odd), kind);
    if (m->has_request && m->request.live_minutes == 0 && m->request.to == 0)
        return diag_fail(d, ERR_INVALID, "\"request\" asks for nothing: live_minutes, or from and to");
    return m->health ? ticket_health_check(m->health, d) : ERR_OK;
}

/* --- making --- */

static json_t *request_json(const struct ticket_request *r) {
    json_t *value = json_pack("{s:o, s:O}", "id", json_hex(BYTES_OF(r->id)), "cameras", r->cameras);
    if (value && r->live_minutes) json_object_set_new(value, "live_minutes", json_integer(r->live_minutes));
    if (value && r->to) {
        json_object_set_new(value, "from", json_integer(r->from));
        json_object_set_new(value, "to", json_integer(r->to));
    }
    if (value) json_object_set_new(value, "reason", json_string(r->reason ? r->reason : ""));
    return value;
}

static json_t *message_json(const struct ticket_message *m) {
    json_t *v = json_pack("{s:i, s:o, s:I, s:s}", "v", 1, "ticket", json_hex(BYTES_OF(m->ticket)), "time",
                          (json_int_t)m->time, "kind", ticket_kind_names[m->kind]);
    bool ok = v != NULL;
    if (ok && m->text) ok = !json_object_set_new(v, "text", json_string(m->text));
    if (ok && m->health) ok = !json_object_set(v, "health", (json_t *)m->health);
    if (ok && m->has_request) ok = !json_object_set_new(v, "request", request_json(&m->request));
    if (ok && m->has_answers) ok = !json_object_set_new(v, "answers", json_hex(BYTES_OF(m->answers)));
    if (ok && m->has_grant) ok = !json_object_set_new(v, "grant", json_hex(BYTES_OF(m->grant)));
    if (ok && m->has_household)
        ok = !json_object_set_new(v, "household",
                                  json_pack("{s:o, s:o}", "sign", json_base64(BYTES_OF(m->household_sign)),
                                            "box", json_base64(BYTES_OF(m->household_box))));
    if (ok && m->has_certificate)
        ok = !json_object_set_new(v, "certificate", json_base64(blob_bytes(&m->certificate)));
    if (ok) return v;
    json_decref(v);
    return NULL;
}

err ticket_message_seal_with(const struct ticket_message *m, const struct sign_key *signer,
                             const uint8_t to[BOX_PUBLIC_BYTES], const uint8_t ephemeral[BOX_SECRET_BYTES],
                             struct blob *out, struct diag *d) {
    AUTO(blob_clear) struct blob text = {0};
    AUTO(blob_clear) struct blob envelope = {0};
    err e = message_check(m, d);
    if (e) return e;
    AUTO(json_release) json_t *value = message_json(m);
    e = value ? json_append(value, &text) : diag_fail(d, ERR_INVALID, "the message is not UTF-8 text");
    if (!e) e = envelope_sign(signer, LABEL, blob_bytes(&text), &envelope);
    if (!e && envelope.len > TICKET_BOX_MAX_BYTES - BOX_OVERHEAD_BYTES)
        e = diag_fail(d, ERR_LIMIT, "the message is larger than %u bytes", TICKET_BOX_MAX_BYTES);
    if (!e) e = box_seal_with(to, ephemeral, LABEL, BYTES_OF(m->ticket), blob_bytes(&envelope), out);
    return e;
}

err ticket_message_seal(const struct ticket_message *m, const struct sign_key *signer,
                        const uint8_t to[BOX_PUBLIC_BYTES], struct blob *out, struct diag *d) {
    uint8_t ephemeral[BOX_SECRET_BYTES];
    random_bytes(ephemeral, sizeof ephemeral);
    err e = ticket_message_seal_with(m, signer, to, ephemeral, out, d);
    wipe(ephemeral, sizeof ephemeral);
    return e;
}

/* --- reading --- */

static err request_decode(json_t *value, struct ticket_request *out, struct diag *d) {
    int64_t live = 0, from = 0, to = 0;
    bool has_from = false, has_to = false;
    const struct json_field fields[] = {
        JSON_ID("id", TICKET_REQUEST_ID_BYTES, out->id),
        {"cameras", JSON_KIND_ARRAY, true, 0, TICKET_CAMERAS_MAX, &out->cameras, NULL},
        {"live_minutes", JSON_KIND_INT, false, 1, TICKET_LIVE_MINUTES_MAX, &live, NULL},
        {"from", JSON_KIND_INT, false, 0, UINT32_MAX, &from, &has_from},
        {"to", JSON_KIND_INT, false, 1, UINT32_MAX, &to, &has_to},
        {"reason", JSON_KIND_TEXT, true, 0, TICKET_REASON_MAX_BYTES, &out->reason, NULL},
    };
    err e = JSON_READ(value, fields, d);
    if (e) return e;
    if (has_from != has_to || (has_to && from >= to))
        return diag_fail(d, ERR_INVALID, "\"to\" must be after \"from\"");
    if (json_array_size(out->cameras) == 0)
        return diag_fail(d, ERR_INVALID, "\"cameras\" must name 1 to %d", TICKET_CAMERAS_MAX);
    for (size_t i = 0; i < json_array_size(out->cameras); i++) {
        const json_t *one = json_array_get(out->cameras, i);
        if (!json_is_string(one) || json_string_length(one) == 0 ||
            json_string_length(one) > TICKET_CAMERA_NAME_MAX_BYTES)
            return diag_fail(d, ERR_INVALID, "\"cameras\" must hold names");
    }
    out->live_minutes = (uint32_t)live;
    out->from = (uint32_t)from;
    out->to = (uint32_t)to;
    return ERR_OK;
}

static err household_decode(json_t *value, struct ticket_message *out, struct diag *d) {
    AUTO(blob_clear) struct blob sign = {0};
    AUTO(blob_clear) struct blob box = {0};
    const struct json_field fields[] = {JSON_FIXED("sign", SIGN_PUBLIC_BYTES, &sign),
                                        JSON_FIXED("box", BOX_PUBLIC_BYTES, &box)};
    err e = JSON_READ(value, fields, d);
    if (e) return e;
    memcpy(out->household_sign, sign.data, sign.len);
    memcpy(out->household_box, box.data, box.len);
    return ERR_OK;
}

static err kind_decode(const char *text, enum ticket_kind *out, struct diag *d) {
    for (int i = 0; i < TICKET_KIND_COUNT; i++) {
        if (strcmp(ticket_kind_names[i], text) != 0) continue;
        *out = (enum ticket_kind)i;
        return ERR_OK;
    }
    return diag_fail(d, ERR_INVALID, "the \"kind\" is not known");
}

static err decode(struct ticket_message *out, struct diag *d) {
    int64_t version = 0, time = 0;
    const char *kind = NULL;
    json_t *health = NULL, *request = NULL, *household = NULL;
    const struct json_field fields[] = {
        JSON_VERSION(&version),
        JSON_ID("ticket", TICKET_ID_BYTES, out->ticket),
        {"time", JSON_KIND_INT, true, 0, UINT32_MAX, &time, NULL},
        {"kind", JSON_KIND_TEXT, true, 1, 16, &kind, NULL},
        {"text", JSON_KIND_TEXT, false, 0, TICKET_TEXT_MAX_BYTES, &out->text, NULL},
        {"health", JSON_KIND_OBJECT, false, 0, 0, &health, NULL},
        {"request", JSON_KIND_OBJECT, false, 0, 0, &request, &out->has_request},
        {"answers", JSON_KIND_HEX, false, 0, TICKET_REQUEST_ID_BYTES, out->answers, &out->has_answers},
        {"grant", JSON_KIND_HEX, false, 0, TICKET_GRANT_ID_BYTES, out->grant, &out->has_grant},
        {"household", JSON_KIND_OBJECT, false, 0, 0, &household, &out->has_household},
        {"certificate", JSON_KIND_BASE64, false, 1, STAFF_CERTIFICATE_MAX_BYTES, &out->certificate,
         &out->has_certificate},
    };
    err e = JSON_READ(out->value, fields, d);
    if (!e) e = kind_decode(kind, &out->kind, d);
    if (!e && request) e = request_decode(request, &out->request, d);
    if (!e && household) e = household_decode(household, out, d);
    if (e) return e;
    out->health = health;
    out->time = (uint32_t)time;
    return message_check(out, d);
}

err ticket_message_open(struct bytes raw, const uint8_t ticket[TICKET_ID_BYTES], const struct box_key *key,
                        struct ticket_message *out, struct diag *d) {
    AUTO(blob_clear) struct blob plain = {0};
    AUTO(ticket_message_clear) struct ticket_message found = {0};
    struct envelope envelope;
    ticket_message_clear(out);
    if (raw.len > TICKET_BOX_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT, "ticket: larger than %u bytes", TICKET_BOX_MAX_BYTES);
    err e = box_open(key, LABEL, BYTES(ticket, TICKET_ID_BYTES), raw, &plain);
    if (e) return diag_fail(d, e, "ticket: not for this receiver or ticket, or damaged");
    e = envelope_verify(blob_bytes(&plain), LABEL, &envelope, d);
    if (!e) e = json_parse(envelope.message, &found.value, d);
    if (!e) e = decode(&found, d);
    if (!e && memcmp(found.ticket, ticket, TICKET_ID_BYTES) != 0)
        e = diag_fail(d, ERR_FORGED, "it was written in another ticket");
    if (e) {
        diag_prefix(d, "ticket");
        return e;
    }
    memcpy(found.signer, envelope.signer, sizeof found.signer);
    *out = found;
    found = (struct ticket_message){0};
    return ERR_OK;
}
