#include "client/log_pins.h"

#include <stdlib.h>

#include "client/internal.h"
#include "format/envelope.h"

#define PIN_KEY "trust/pins"
#define STAFF_DOMAIN "cardea/1 staff key"

static bool take_key(json_t *o, const char *name, uint8_t out[SIGN_PUBLIC_BYTES]) {
    AUTO(blob_clear) struct blob raw = {0};
    const char *text = client_text(o, name);
    if (!*text || base64_decode(text, strlen(text), &raw) || raw.len != SIGN_PUBLIC_BYTES) return false;
    memcpy(out, raw.data, SIGN_PUBLIC_BYTES);
    return true;
}

static err no_log(struct diag *d) {
    return diag_fail(
        d, ERR_NOT_FOUND,
        "this vault keeps no log of who looked: its stores are in memory, or it is older than this "
        "program and should be updated");
}

err log_key_shown(struct http_client *http, uint8_t out[SIGN_PUBLIC_BYTES], struct diag *d) {
    AUTO(json_release) json_t *answer = NULL;
    err e = http_client_json(http, "GET", "/v1/vault", NULL, NULL, &answer, d);
    if (e) return e;
    return take_key(answer, "log_key", out) ? ERR_OK : no_log(d);
}

/* The provider's staff key is who signed the statement that the vault shows. */
static bool take_staff(json_t *vault, uint8_t out[SIGN_PUBLIC_BYTES]) {
    AUTO(blob_clear) struct blob raw = {0};
    struct envelope envelope;
    const char *text = client_text(vault, "staff");
    if (!*text || base64_decode(text, strlen(text), &raw)) return false;
    if (envelope_verify(blob_bytes(&raw), STAFF_DOMAIN, &envelope, NULL)) return false;
    memcpy(out, envelope.signer, SIGN_PUBLIC_BYTES);
    return true;
}

static err read_pins(struct client *c, struct log_pins *out, uint64_t *version, struct diag *d) {
    AUTO(blob_clear) struct blob raw = {0};
    AUTO(json_release) json_t *json = NULL;
    struct object object;
    err e = client_object_get(c, PIN_KEY, c->household.sign.public_key, &raw, &object, d);
    if (!e) e = json_parse(object.payload, &json, d);
    if (e) return e;
    struct log_pins pins = {0};
    if (json_integer_value(json_object_get(json, "v")) != 1 || !take_key(json, "log", pins.log))
        return diag_fail(d, ERR_INVALID, "this household's pin of the log cannot be read");
    pins.has_staff = *client_text(json, "staff") != 0;
    if (pins.has_staff && !take_key(json, "staff", pins.staff))
        return diag_fail(d, ERR_INVALID, "this household's pin of the support desk cannot be read");
    *version = object.version;
    *out = pins;
    return ERR_OK;
}

err log_pins_held(struct client *c, struct log_pins *out, struct diag *d) {
    uint64_t version;
    return read_pins(c, out, &version, d);
}

static err write_pins(struct client *c, const struct log_pins *pins, uint64_t version, struct diag *d) {
    AUTO(json_release) json_t *json = json_pack("{s:i,s:o}", "v", 1, "log", json_base64(BYTES_OF(pins->log)));
    if (json && pins->has_staff) json_object_set_new(json, "staff", json_base64(BYTES_OF(pins->staff)));
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    err e = text ? client_object_put(c, PIN_KEY, version, bytes_text(text), d) : ERR_NO_MEMORY;
    free(text);
    return e;
}

err log_pins_get(struct client *c, struct log_pins *out, bool *fresh, struct diag *d) {
    AUTO(json_release) json_t *vault = NULL;
    struct log_pins pins = {0};
    uint64_t version = 0;
    err e = read_pins(c, &pins, &version, d);
    bool none = e == ERR_NOT_FOUND;
    if (e && !none) return e;
    e = http_client_json(c->http, "GET", "/v1/vault", NULL, NULL, &vault, d);
    if (e) return e;
    bool staff = !pins.has_staff && take_staff(vault, pins.staff);
    if (none && !take_key(vault, "log_key", pins.log)) return no_log(d);
    pins.has_staff |= staff;
    *fresh = none;
    if (none || staff) e = write_pins(c, &pins, version + 1, d);
    if (e == ERR_CONFLICT) e = read_pins(c, &pins, &version, d); /* another device was first */
    if (!e) *out = pins;
    return e;
}
