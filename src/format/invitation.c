#include "format/invitation.h"

#include "crypto/hash.h"
#include "format/json_bytes.h"

#define INFO "cardea/1 pairing"

const char *const invitation_roles[] = {"owner", "member", "viewer", NULL};

void invitation_answer_clear(struct invitation_answer *a) {
    if (a) wipe(a, sizeof *a);
}

err invitation_answer_seal_with(const struct invitation_answer *a, const struct pairing *p,
                                const uint8_t box[BOX_PUBLIC_BYTES],
                                const uint8_t ephemeral[BOX_SECRET_BYTES], struct blob *out) {
    bool owner = a->role == INVITATION_OWNER;
    AUTO(json_release)
    json_t *value = json_pack("{s:i, s:o, s:s, s:s, s:o, s:o*, s:o*}", "v", 1, "household",
                              json_hex(BYTES_OF(a->household)), "name", a->name, "role",
                              invitation_roles[a->role], "sign", json_base64(BYTES_OF(a->sign)), "grant",
                              owner ? NULL : json_hex(BYTES_OF(a->grant)), "capability",
                              owner ? json_base64(BYTES_OF(a->capability.seed)) : NULL);
    AUTO(blob_clear) struct blob text = {0};
    if (!value) return ERR_INVALID;
    err e = json_append(value, &text);
    return e ? e : box_seal_with(box, ephemeral, INFO, BYTES_OF(p->key), blob_bytes(&text), out);
}

err invitation_answer_seal(const struct invitation_answer *a, const struct pairing *p,
                           const uint8_t box[BOX_PUBLIC_BYTES], struct blob *out) {
    uint8_t ephemeral[BOX_SECRET_BYTES];
    random_bytes(ephemeral, sizeof ephemeral);
    err e = invitation_answer_seal_with(a, p, box, ephemeral, out);
    wipe(ephemeral, sizeof ephemeral);
    return e;
}

static err role_decode(const char *text, enum invitation_role *out, struct diag *d) {
    for (int i = 0; invitation_roles[i]; i++) {
        if (strcmp(invitation_roles[i], text) != 0) continue;
        *out = (enum invitation_role)i;
        return ERR_OK;
    }
    return diag_fail(d, ERR_INVALID, "\"role\" is not one that is known");
}

static err decode(struct bytes text, struct invitation_answer *out, struct diag *d) {
    AUTO(json_release) json_t *value = NULL;
    AUTO(blob_clear) struct blob sign = {0};
    AUTO(blob_clear) struct blob capability = {0};
    const char *name = NULL, *role = NULL;
    bool has_grant = false, has_capability = false;
    int64_t version = 0;
    const struct json_field fields[] = {
        JSON_VERSION(&version),
        JSON_ID("household", sizeof out->household, out->household),
        {"name", JSON_KIND_TEXT, true, 0, INVITATION_NAME_MAX_BYTES, &name, NULL},
        {"role", JSON_KIND_TEXT, true, 1, 16, &role, NULL},
        JSON_FIXED("sign", SIGN_PUBLIC_BYTES, &sign),
        {"grant", JSON_KIND_HEX, false, 0, INVITATION_GRANT_BYTES, out->grant, &has_grant},
        {"capability", JSON_KIND_BASE64, false, SIGN_SEED_BYTES, SIGN_SEED_BYTES, &capability,
         &has_capability},
    };
    err e = json_parse(text, &value, d);
    if (!e) e = JSON_READ(value, fields, d);
    if (!e) e = role_decode(role, &out->role, d);
    if (e) return e;
    bool owner = out->role == INVITATION_OWNER;
    if (has_capability != owner || has_grant == owner)
        return diag_fail(d, ERR_INVALID,
                         owner ? "an owner's needs \"capability\" and has no \"grant\""
                               : "a member's needs \"grant\" and has no \"capability\"");
    memcpy(out->name, name, strlen(name) + 1);
    memcpy(out->sign, sign.data, sign.len);
    if (owner) sign_key_from_seed(capability.data, &out->capability);
    return ERR_OK;
}

err invitation_answer_open(struct bytes raw, const struct pairing *p, const struct box_key *box,
                           struct invitation_answer *out, struct diag *d) {
    if (raw.len > PAIRING_ANSWER_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT, "invitation: the answer is larger than %u bytes",
                         PAIRING_ANSWER_MAX_BYTES);
    AUTO(blob_clear) struct blob text = {0};
    AUTO(invitation_answer_clear) struct invitation_answer found = {0};
    err e = box_open(box, INFO, BYTES_OF(p->key), raw, &text);
    if (e) return diag_fail(d, e, "invitation: the answer was made without the code, or for somebody else");
    e = decode(blob_bytes(&text), &found, d);
    if (e) {
        diag_prefix(d, "invitation");
        return e;
    }
    *out = found;
    return ERR_OK;
}
