/* grant.c: the statement of a grant: reading it and holding uses against it. */
#include "format/grant.h"

#include "base/clock.h"
#include "format/json_bytes.h"

const char *const grant_purposes[] = {"owner", "member", "link", "support", "labs", "request", NULL};

err grant_split(struct bytes raw, struct bytes *statement, struct bytes *box, struct diag *d) {
    if (raw.len > GRANT_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT, "grant: larger than %u bytes", GRANT_MAX_BYTES);
    if (raw.len < 4 || memcmp(raw.data, "CRDG", 4) != 0)
        return diag_fail(d, ERR_INVALID, "grant: the magic is not CRDG");
    if (raw.len < 5 || raw.data[4] != 1) return diag_fail(d, ERR_INVALID, "grant: this version is not known");
    struct reader r = reader_of(BYTES(raw.data + 5, raw.len - 5));
    uint32_t length = 0;
    if (!reader_be32(&r, &length) || length > GRANT_STATEMENT_MAX_BYTES ||
        !reader_take(&r, length, statement))
        return diag_fail(d, ERR_INVALID, "grant: the statement's length cannot be");
    *box = BYTES(r.at, reader_left(&r));
    if (box->len < BOX_OVERHEAD_BYTES)
        return diag_fail(d, ERR_INVALID, "grant: the box's length is too small");
    return ERR_OK;
}

err grant_statement_check(const struct grant_statement *s, struct diag *d) {
    if (s->camera_count == 0 || s->camera_count > GRANT_CAMERAS_MAX)
        return diag_fail(d, ERR_INVALID, "grant: \"cameras\" must name 1 to %d", GRANT_CAMERAS_MAX);
    if (s->from >= s->to || s->to > TIMEKEY_SLOT_END)
        return diag_fail(d, ERR_INVALID, "grant: \"to\" must be after \"from\"");
    if (s->not_before >= s->expires)
        return diag_fail(d, ERR_INVALID, "grant: \"expires\" must be after \"not_before\"");
    return ERR_OK;
}

static err cameras_decode(json_t *list, struct grant_statement *s, struct diag *d) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *one = json_array_get(list, i);
        struct buffer id = {s->cameras[i], CAMERA_ID_BYTES};
        if (!json_is_string(one) || hex_decode(json_string_value(one), id))
            return diag_fail(d, ERR_INVALID, "\"cameras\" must hold ids of %d hex digits",
                             2 * CAMERA_ID_BYTES);
    }
    s->camera_count = json_array_size(list);
    return ERR_OK;
}

static err purpose_decode(const char *text, enum grant_purpose *out, struct diag *d) {
    for (int i = 0; grant_purposes[i]; i++) {
        if (strcmp(grant_purposes[i], text) != 0) continue;
        *out = (enum grant_purpose)i;
        return ERR_OK;
    }
    return diag_fail(d, ERR_INVALID, "\"purpose\" is not one that is known");
}

static err decode(struct bytes text, struct grant_statement *s, struct diag *d) {
    AUTO(json_release) json_t *value = NULL;
    AUTO(blob_clear) struct blob grantee = {0};
    AUTO(blob_clear) struct blob grantee_sign = {0};
    json_t *cameras = NULL;
    const char *purpose = NULL, *ticket = "";
    int64_t version = 0, from = 0, to = 0, not_before = 0, expires = 0, time = 0;
    const int64_t last = UINT32_MAX, end = (int64_t)TIMEKEY_SLOT_END;
    const struct json_field fields[] = {
        JSON_VERSION(&version),
        JSON_ID("id", GRANT_ID_BYTES, s->id),
        JSON_FIXED("grantee", BOX_PUBLIC_BYTES, &grantee),
        JSON_FIXED("grantee_sign", SIGN_PUBLIC_BYTES, &grantee_sign),
        {"purpose", JSON_KIND_TEXT, true, 1, 16, &purpose, NULL},
        {"ticket", JSON_KIND_TEXT, false, 1, GRANT_TICKET_MAX_BYTES, &ticket, NULL},
        {"cameras", JSON_KIND_ARRAY, true, 0, GRANT_CAMERAS_MAX, &cameras, NULL},
        {"from", JSON_KIND_INT, true, 0, last, &from, NULL},
        {"to", JSON_KIND_INT, true, 0, end, &to, NULL},
        {"live", JSON_KIND_BOOL, true, 0, 0, &s->live, NULL},
        {"export", JSON_KIND_BOOL, true, 0, 0, &s->may_export, NULL},
        {"not_before", JSON_KIND_INT, true, 0, last, &not_before, NULL},
        {"expires", JSON_KIND_INT, true, 0, end, &expires, NULL},
        {"time", JSON_KIND_INT, true, 0, last, &time, NULL},
    };
    err e = json_parse(text, &value, d);
    if (!e) e = JSON_READ(value, fields, d);
    if (!e) e = purpose_decode(purpose, &s->purpose, d);
    if (!e) e = cameras_decode(cameras, s, d);
    if (e) return e;
    memcpy(s->grantee, grantee.data, grantee.len);
    memcpy(s->grantee_sign, grantee_sign.data, grantee_sign.len);
    memcpy(s->ticket, ticket, strlen(ticket) + 1);
    s->from = (uint64_t)from;
    s->to = (uint64_t)to;
    s->not_before = (uint64_t)not_before;
    s->expires = (uint64_t)expires;
    s->time = (uint64_t)time;
    return grant_statement_check(s, d);
}

err grant_read(struct bytes raw, const uint8_t household[SIGN_PUBLIC_BYTES], struct grant_statement *out,
               struct diag *d) {
    struct bytes statement, box;
    struct envelope envelope;
    err e = grant_split(raw, &statement, &box, d);
    if (e) return e;
    e = envelope_verify(statement, "cardea/1 grant", &envelope, d);
    if (e) {
        diag_prefix(d, "grant");
        return e;
    }
    if (household && memcmp(envelope.signer, household, SIGN_PUBLIC_BYTES) != 0)
        return diag_fail(d, ERR_FORGED, "grant: it was issued by another household");
    struct grant_statement found = {0};
    e = decode(envelope.message, &found, d);
    if (e) {
        diag_prefix(d, "grant");
        return e;
    }
    memcpy(found.issuer, envelope.signer, SIGN_PUBLIC_BYTES);
    *out = found;
    return ERR_OK;
}

static void slot_format(uint64_t slot, char out[WALL_TEXT_BYTES]) {
    wall_format((struct wall_us){(int64_t)slot * 1000000}, out);
}

err grant_valid_at(const struct grant_statement *s, uint32_t now, struct diag *d) {
    char when[WALL_TEXT_BYTES];
    if (now >= s->expires) {
        slot_format(s->expires, when);
        return diag_fail(d, ERR_DENIED, "grant: it expired at %s", when);
    }
    if ((uint64_t)now + GRANT_SKEW_SLOTS < s->not_before) {
        slot_format(s->not_before, when);
        return diag_fail(d, ERR_DENIED, "grant: it is not valid before %s", when);
    }
    return ERR_OK;
}

static bool names_camera(const struct grant_statement *s, const uint8_t camera[CAMERA_ID_BYTES]) {
    for (size_t i = 0; i < s->camera_count; i++)
        if (memcmp(s->cameras[i], camera, CAMERA_ID_BYTES) == 0) return true;
    return false;
}

err grant_allows(const struct grant_statement *s, const struct grant_use *use, struct diag *d) {
    if (!names_camera(s, use->camera)) return diag_fail(d, ERR_DENIED, "grant: it does not name this camera");
    if (use->end && (use->begin < s->from || use->end > s->to || use->begin >= use->end)) {
        char from[WALL_TEXT_BYTES], to[WALL_TEXT_BYTES];
        slot_format(s->from, from);
        slot_format(s->to, to);
        return diag_fail(d, ERR_DENIED, "grant: it is for %s to %s alone", from, to);
    }
    if (use->live && !s->live) return diag_fail(d, ERR_DENIED, "grant: it is not for live viewing");
    if (use->exporting && !s->may_export) return diag_fail(d, ERR_DENIED, "grant: it does not allow exports");
    return ERR_OK;
}
