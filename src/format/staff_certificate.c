#include "format/staff_certificate.h"

#include "base/clock.h"
#include "format/json_bytes.h"

const char *const staff_role_names[STAFF_ROLE_COUNT] = {"agent", "operator", "moderator", "administrator"};

unsigned staff_role_of(const char *name) {
    for (unsigned i = 0; i < STAFF_ROLE_COUNT; i++)
        if (strcmp(staff_role_names[i], name) == 0) return 1u << i;
    return 0;
}

json_t *staff_roles_json(unsigned roles) {
    json_t *list = json_array();
    for (size_t i = 0; i < STAFF_ROLE_COUNT; i++)
        if (roles & 1u << i) json_array_append_new(list, json_string(staff_role_names[i]));
    return list;
}

err staff_roles_check(unsigned roles, struct diag *d) {
    if (roles == 0 || roles >= 1u << STAFF_ROLE_COUNT)
        return diag_fail(d, ERR_INVALID, "\"roles\" must hold agent, operator, moderator or administrator");
    if ((roles & STAFF_ADMINISTRATOR) && roles != STAFF_ADMINISTRATOR)
        return diag_fail(d, ERR_INVALID, "\"roles\": an administrator has no other role");
    return ERR_OK;
}

err staff_certificate_check(const struct staff_certificate *c, struct diag *d) {
    err e = staff_name_check(c->name, d);
    if (!e) e = staff_roles_check(c->roles, d);
    if (e) return e;
    if (c->number == 0 || c->number > STAFF_NUMBER_MAX)
        return diag_fail(d, ERR_INVALID, "\"number\" must be from 1 to %d", STAFF_NUMBER_MAX);
    if (c->from >= c->expires) return diag_fail(d, ERR_INVALID, "\"expires\" must be after \"from\"");
    return ERR_OK;
}

err staff_roles_read(const json_t *list, unsigned *out, struct diag *d) {
    unsigned roles = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        unsigned role = name ? staff_role_of(name) : 0;
        if (!role || (roles & role))
            return diag_fail(d, ERR_INVALID,
                             "\"roles\" must hold agent, operator, moderator or administrator");
        roles |= role;
    }
    err e = staff_roles_check(roles, d);
    if (!e) *out = roles;
    return e;
}

static err decode(struct bytes text, struct staff_certificate *out, struct diag *d) {
    AUTO(json_release) json_t *value = NULL;
    AUTO(blob_clear) struct blob sign = {0};
    AUTO(blob_clear) struct blob box = {0};
    int64_t version = 0, number = 0, from = 0, expires = 0;
    const char *name = NULL;
    json_t *roles = NULL;
    const struct json_field fields[] = {
        JSON_VERSION(&version),
        {"number", JSON_KIND_INT, true, 1, STAFF_NUMBER_MAX, &number, NULL},
        {"name", JSON_KIND_TEXT, true, 1, STAFF_NAME_MAX_BYTES, &name, NULL},
        {"roles", JSON_KIND_ARRAY, true, 0, STAFF_ROLE_COUNT, &roles, NULL},
        JSON_FIXED("sign", SIGN_PUBLIC_BYTES, &sign),
        JSON_FIXED("box", BOX_PUBLIC_BYTES, &box),
        {"from", JSON_KIND_INT, true, 0, UINT32_MAX, &from, NULL},
        {"expires", JSON_KIND_INT, true, 0, UINT32_MAX, &expires, NULL},
    };
    err e = json_parse(text, &value, d);
    if (!e) e = JSON_READ(value, fields, d);
    if (!e) e = staff_roles_read(roles, &out->roles, d);
    if (e) return e;
    out->number = (uint64_t)number;
    memcpy(out->name, name, strlen(name) + 1);
    memcpy(out->sign, sign.data, sign.len);
    memcpy(out->box, box.data, box.len);
    out->from = (uint32_t)from;
    out->expires = (uint32_t)expires;
    return staff_certificate_check(out, d);
}

err staff_certificate_read(struct bytes raw, const uint8_t staff[SIGN_PUBLIC_BYTES],
                           struct staff_certificate *out, struct diag *d) {
    struct bytes text;
    struct staff_certificate found = {0};
    if (raw.len > STAFF_CERTIFICATE_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT, "staff certificate: larger than %u bytes",
                         STAFF_CERTIFICATE_MAX_BYTES);
    err e = envelope_verify_from(raw, staff, "cardea/1 staff", &text, d);
    if (!e) e = decode(text, &found, d);
    if (e) {
        diag_prefix(d, "staff certificate");
        return e;
    }
    *out = found;
    return ERR_OK;
}

err staff_certificate_valid_at(const struct staff_certificate *c, uint32_t now, struct diag *d) {
    char when[WALL_TEXT_BYTES];
    if ((uint64_t)now + STAFF_SKEW_SLOTS < c->from) {
        wall_format((struct wall_us){c->from * INT64_C(1000000)}, when);
        return diag_fail(d, ERR_DENIED, "the certificate of %s is not valid before %s", c->name, when);
    }
    if (now >= c->expires) {
        wall_format((struct wall_us){c->expires * INT64_C(1000000)}, when);
        return diag_fail(d, ERR_DENIED, "the certificate of %s expired at %s", c->name, when);
    }
    return ERR_OK;
}

static err decode_revocation(struct bytes text, struct staff_revocation *out, struct diag *d) {
    AUTO(json_release) json_t *value = NULL;
    AUTO(blob_clear) struct blob sign = {0};
    int64_t version = 0, number = 0, time = 0;
    const struct json_field fields[] = {
        JSON_VERSION(&version),
        {"number", JSON_KIND_INT, true, 1, STAFF_NUMBER_MAX, &number, NULL},
        JSON_FIXED("sign", SIGN_PUBLIC_BYTES, &sign),
        {"time", JSON_KIND_INT, true, 0, UINT32_MAX, &time, NULL},
    };
    err e = json_parse(text, &value, d);
    if (!e) e = JSON_READ(value, fields, d);
    if (e) return e;
    out->number = (uint64_t)number;
    memcpy(out->sign, sign.data, sign.len);
    out->time = (uint32_t)time;
    return ERR_OK;
}

err staff_revocation_read(struct bytes raw, const uint8_t staff[SIGN_PUBLIC_BYTES],
                          struct staff_revocation *out, struct diag *d) {
    struct bytes text;
    struct staff_revocation found = {0};
    if (raw.len > STAFF_REVOCATION_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT, "staff revocation: larger than %u bytes", STAFF_REVOCATION_MAX_BYTES);
    err e = envelope_verify_from(raw, staff, "cardea/1 staff revoke", &text, d);
    if (!e) e = decode_revocation(text, &found, d);
    if (e) {
        diag_prefix(d, "staff revocation");
        return e;
    }
    *out = found;
    return ERR_OK;
}
