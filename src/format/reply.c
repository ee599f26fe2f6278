#include "crypto/hash.h"
#include "format/command.h"
#include "format/envelope.h"
#include "format/json_bytes.h"

void reply_clear(struct reply *r) {
    if (!r) return;
    json_decref(r->result);
    *r = (struct reply){0};
}

err reply_seal(const struct reply *r, const uint8_t command[COMMAND_ID_BYTES], const struct sign_key *hub,
               const uint8_t household_box[BOX_PUBLIC_BYTES], struct blob *out) {
    uint8_t ephemeral[BOX_SECRET_BYTES];
    random_bytes(ephemeral, sizeof ephemeral);
    err e = reply_seal_with(r, command, hub, household_box, ephemeral, out);
    wipe(ephemeral, sizeof ephemeral);
    return e;
}

static json_t *encode(const struct reply *r, const uint8_t command[COMMAND_ID_BYTES]) {
    json_t *id = json_hex(BYTES(command, COMMAND_ID_BYTES));
    if (r->ok)
        return json_pack("{s:o, s:b, s:o}", "id", id, "ok", 1, "result",
                         r->result ? json_incref(r->result) : json_object());
    return json_pack("{s:o, s:b, s:s, s:s}", "id", id, "ok", 0, "error", r->error, "message", r->message);
}

err reply_seal_with(const struct reply *r, const uint8_t command[COMMAND_ID_BYTES],
                    const struct sign_key *hub, const uint8_t household_box[BOX_PUBLIC_BYTES],
                    const uint8_t ephemeral[BOX_SECRET_BYTES], struct blob *out) {
    AUTO(json_release) json_t *value = encode(r, command);
    AUTO(blob_clear) struct blob text = {0};
    AUTO(blob_clear) struct blob envelope = {0};
    err e = json_append(value, &text);
    if (!e) e = envelope_sign(hub, "cardea/1 reply", blob_bytes(&text), &envelope);
    if (!e && envelope.len > REPLY_MAX_BYTES - BOX_OVERHEAD_BYTES) e = ERR_LIMIT;
    if (e) return e;
    return box_seal_with(household_box, ephemeral, "cardea/1 reply", BYTES(command, COMMAND_ID_BYTES),
                         blob_bytes(&envelope), out);
}

static err decode(struct bytes text, const uint8_t command[COMMAND_ID_BYTES], struct reply *out,
                  struct diag *d) {
    AUTO(json_release) json_t *value = NULL;
    uint8_t id[COMMAND_ID_BYTES];
    json_t *result = NULL;
    const char *error = NULL, *message = NULL;
    const struct json_field fields[] = {
        JSON_ID("id", COMMAND_ID_BYTES, id),
        {"ok", JSON_KIND_BOOL, true, 0, 0, &out->ok, NULL},
        {"result", JSON_KIND_OBJECT, false, 0, 0, &result, NULL},
        {"error", JSON_KIND_TEXT, false, 1, sizeof out->error - 1, &error, NULL},
        {"message", JSON_KIND_TEXT, false, 0, sizeof out->message - 1, &message, NULL},
    };
    err e = json_parse(text, &value, d);
    if (!e) e = JSON_READ(value, fields, d);
    if (e) return e;
    if (out->ok ? !result || error || message : result || !error || !message)
        return diag_fail(d, ERR_INVALID, "\"ok\" does not fit the other fields");
    if (memcmp(id, command, sizeof id) != 0) return diag_fail(d, ERR_FORGED, "it answers another command");
    out->result = json_incref(result);
    if (error) memcpy(out->error, error, strlen(error) + 1);
    if (message) memcpy(out->message, message, strlen(message) + 1);
    return ERR_OK;
}

err reply_open(struct bytes raw, const uint8_t command[COMMAND_ID_BYTES], const struct box_key *household,
               const uint8_t hub_sign[SIGN_PUBLIC_BYTES], struct reply *out, struct diag *d) {
    if (raw.len > REPLY_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT, "reply: larger than %u bytes", REPLY_MAX_BYTES);
    AUTO(blob_clear) struct blob envelope = {0};
    struct bytes text;
    err e = box_open(household, "cardea/1 reply", BYTES(command, COMMAND_ID_BYTES), raw, &envelope);
    if (e) return diag_fail(d, e, "reply: not for this household and command, or damaged");
    AUTO(reply_clear) struct reply found = {0};
    e = envelope_verify_from(blob_bytes(&envelope), hub_sign, "cardea/1 reply", &text, d);
    if (!e) e = decode(text, command, &found, d);
    if (e) {
        diag_prefix(d, "reply");
        return e;
    }
    *out = found;
    found = (struct reply){0};
    return ERR_OK;
}
