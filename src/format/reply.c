#include "crypto/hash.h"
#include "format/boxed.h"
#include "format/command.h"
#include "format/json_bytes.h"

static const struct boxed_kind kind = {"reply", "cardea/1 reply", REPLY_MAX_BYTES};

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
    return boxed_seal(&kind, value, hub, household_box, BYTES(command, COMMAND_ID_BYTES), ephemeral, out);
}

static err decode(json_t *value, const uint8_t command[COMMAND_ID_BYTES], struct reply *out, struct diag *d) {
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
    err e = JSON_READ(value, fields, d);
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
    AUTO(json_release) json_t *value = NULL;
    AUTO(reply_clear) struct reply found = {0};
    err e = boxed_open(&kind, raw, household, BYTES(command, COMMAND_ID_BYTES), hub_sign, &value, d);
    if (e) return e;
    e = decode(value, command, &found, d);
    if (e) {
        diag_prefix(d, "reply");
        return e;
    }
    *out = found;
    found = (struct reply){0};
    return ERR_OK;
}
