/* staff_sign.c: what the holder of a staff key signs; apart from reading, which a vault does. */
#include "format/json_bytes.h"
#include "format/staff_certificate.h"

err staff_key_sign(const struct staff_key *s, const struct sign_key *staff, struct blob *out) {
    AUTO(blob_clear) struct blob text = {0};
    AUTO(json_release)
    json_t *value =
        json_pack("{s:i, s:o, s:o, s:s, s:I}", "v", 1, "staff", json_base64(BYTES_OF(staff->public_key)),
                  "desk", json_base64(BYTES_OF(s->desk)), "name", s->name, "time", (json_int_t)s->time);
    err e = staff_name_check(s->name, NULL);
    if (!e) e = json_append(value, &text);
    return e ? e : envelope_sign(staff, "cardea/1 staff key", blob_bytes(&text), out);
}

err staff_certificate_sign(const struct staff_certificate *c, const struct sign_key *staff, struct blob *out,
                           struct diag *d) {
    AUTO(blob_clear) struct blob text = {0};
    err e = staff_certificate_check(c, d);
    if (e) return e;
    AUTO(json_release)
    json_t *value = json_pack("{s:i, s:I, s:s, s:o, s:o, s:o, s:I, s:I}", "v", 1, "number",
                              (json_int_t)c->number, "name", c->name, "roles", staff_roles_json(c->roles),
                              "sign", json_base64(BYTES_OF(c->sign)), "box", json_base64(BYTES_OF(c->box)),
                              "from", (json_int_t)c->from, "expires", (json_int_t)c->expires);
    e = json_append(value, &text);
    return e ? e : envelope_sign(staff, "cardea/1 staff", blob_bytes(&text), out);
}

err staff_revocation_sign(const struct staff_revocation *r, const struct sign_key *staff, struct blob *out) {
    AUTO(blob_clear) struct blob text = {0};
    AUTO(json_release)
    json_t *value = json_pack("{s:i, s:I, s:o, s:I}", "v", 1, "number", (json_int_t)r->number, "sign",
                              json_base64(BYTES_OF(r->sign)), "time", (json_int_t)r->time);
    err e = json_append(value, &text);
    return e ? e : envelope_sign(staff, "cardea/1 staff revoke", blob_bytes(&text), out);
}
