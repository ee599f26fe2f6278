/* grant.c: the statement of a grant: reading it and holding uses against it. */
#include "format/grant.h"

#include "base/clock.h"
#include "format/json_bytes.h"

const char *const grant_purposes[] = {"owner", "member", "link", "support", "labs", "request", NULL};
const char *const grant_roles[] = {"", "member", "viewer", NULL};

#define VERSION 2
#define DOMAIN "cardea/1 grant"

err grant_split(struct bytes raw, struct bytes *statement, struct bytes *box, struct diag *d) {
    if (raw.len > GRANT_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT, "grant: larger than %u bytes", GRANT_MAX_BYTES);
    if (raw.len < 4 || memcmp(raw.data, "CRDG", 4) != 0)
        return diag_fail(d, ERR_INVALID, "grant: the magic is not CRDG");
    if (raw.len < 5 || raw.data[4] != VERSION)
        return diag_fail(d, ERR_INVALID, "grant: this version is not known");
    struct reader r = reader_of(BYTES(raw.data + 5, raw.len - 5));
    uint32_t length = 0;
    if (!reader_be32(&r, &length) || !reader_take(&r, length, statement))
        return diag_fail(d, ERR_INVALID, "grant: the statement's length cannot be");
    *box = BYTES(r.at, reader_left(&r));
    if (box->len < BOX_OVERHEAD_BYTES)
        return diag_fail(d, ERR_INVALID, "grant: the box's length is too small");
    return ERR_OK;
}

static err check_purpose(const struct grant_statement *s, struct diag *d) {
    if ((s->role != GRANT_ROLE_NONE) != (s->purpose == GRANT_MEMBER))
        return diag_fail(d, ERR_INVALID, "grant: \"role\" belongs to the purpose member, and to no other");
    if (s->purpose != GRANT_SUPPORT) return ERR_OK;
    if (!s->ticket[0]) return diag_fail(d, ERR_INVALID, "grant: for support, \"ticket\" must name one");
    if (s->may_export) return diag_fail(d, ERR_INVALID, "grant: for support, \"export\" must be false");
    if (!s->witness_count)
        return diag_fail(d, ERR_INVALID, "grant: for support, \"witnesses\" must name a hub");
    return ERR_OK;
}

err grant_statement_check(const struct grant_statement *s, struct diag *d) {
    if (s->camera_count == 0 || s->camera_count > GRANT_CAMERAS_MAX)
        return diag_fail(d, ERR_INVALID, "grant: \"cameras\" must name 1 to %d", GRANT_CAMERAS_MAX);
    for (size_t i = 1; i < s->camera_count; i++)
        for (size_t k = 0; k < i; k++)
            if (memcmp(s->cameras[i], s->cameras[k], CAMERA_ID_BYTES) == 0)
                return diag_fail(d, ERR_INVALID, "grant: \"cameras\" names one twice");
    if (s->from >= s->to || s->to > TIMEKEY_SLOT_END)
        return diag_fail(d, ERR_INVALID, "grant: \"to\" must be after \"from\"");
    if (s->not_before >= s->expires)
        return diag_fail(d, ERR_INVALID, "grant: \"expires\" must be after \"not_before\"");
    if (s->views > GRANT_VIEWS_MAX)
        return diag_fail(d, ERR_INVALID, "grant: \"views\" is at most %d", GRANT_VIEWS_MAX);
    if (s->witness_count > GRANT_WITNESSES_MAX)
        return diag_fail(d, ERR_INVALID, "grant: \"witnesses\" names at most %d", GRANT_WITNESSES_MAX);
    return check_purpose(s, d);
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

static err witnesses_decode(json_t *list, struct grant_statement *s, struct diag *d) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *one = json_array_get(list, i);
        AUTO(blob_clear) struct blob key = {0};
        err e = json_is_string(one) ? base64_decode(json_string_value(one), json_string_length(one), &key)
                                    : ERR_INVALID;
        if (e == ERR_NO_MEMORY) return e;
        if (e || key.len != SIGN_PUBLIC_BYTES)
            return diag_fail(d, ERR_INVALID, "\"witnesses\" must hold keys of %d bytes", SIGN_PUBLIC_BYTES);
        memcpy(s->witnesses[i], key.data, key.len);
    }
    s->witness_count = json_array_size(list);
    return ERR_OK;
}

static err word_decode(const char *text, const char *const words[], const char *field, int *out,
                       struct diag *d) {
    for (int i = 0; words[i]; i++) {
        if (strcmp(words[i], text) != 0) continue;
        *out = i;
        return ERR_OK;
    }
    return diag_fail(d, ERR_INVALID, "\"%s\" is not one that is known", field);
}

static err decode(struct bytes text, struct grant_statement *s, struct diag *d) {
    AUTO(json_release) json_t *value = NULL;
    AUTO(blob_clear) struct blob grantee = {0};
    AUTO(blob_clear) struct blob grantee_sign = {0};
    AUTO(blob_clear) struct blob log = {0};
    json_t *cameras = NULL, *witnesses = NULL;
    const char *purpose = NULL, *ticket = "", *role = "";
    int64_t version = 0, from = 0, to = 0, not_before = 0, expires = 0, time = 0, views = 0;
    const int64_t last = UINT32_MAX, end = (int64_t)TIMEKEY_SLOT_END;
    int which = 0, what = 0;
    const struct json_field fields[] = {
        {"v", JSON_KIND_INT, true, VERSION, VERSION, &version, NULL},
        JSON_ID("id", GRANT_ID_BYTES, s->id),
        JSON_FIXED("grantee", BOX_PUBLIC_BYTES, &grantee),
        JSON_FIXED("grantee_sign", SIGN_PUBLIC_BYTES, &grantee_sign),
        {"purpose", JSON_KIND_TEXT, true, 1, 16, &purpose, NULL},
        {"role", JSON_KIND_TEXT, false, 1, 16, &role, NULL},
        {"ticket", JSON_KIND_TEXT, false, 1, GRANT_TICKET_MAX_BYTES, &ticket, NULL},
        {"cameras", JSON_KIND_ARRAY, true, 0, GRANT_CAMERAS_MAX, &cameras, NULL},
        {"from", JSON_KIND_INT, true, 0, last, &from, NULL},
        {"to", JSON_KIND_INT, true, 0, end, &to, NULL},
        {"live", JSON_KIND_BOOL, true, 0, 0, &s->live, NULL},
        {"export", JSON_KIND_BOOL, true, 0, 0, &s->may_export, NULL},
        {"not_before", JSON_KIND_INT, true, 0, last, &not_before, NULL},
        {"expires", JSON_KIND_INT, true, 0, end, &expires, NULL},
        {"time", JSON_KIND_INT, true, 0, last, &time, NULL},
        {"views", JSON_KIND_INT, false, 1, GRANT_VIEWS_MAX, &views, NULL},
        JSON_FIXED("log", GRANT_LOG_KEY_BYTES, &log),
        {"witnesses", JSON_KIND_ARRAY, false, 0, GRANT_WITNESSES_MAX, &witnesses, NULL},
    };
    err e = json_parse(text, &value, d);
    if (!e) e = JSON_READ(value, fields, d);
    if (!e) e = word_decode(purpose, grant_purposes, "purpose", &what, d);
    if (!e) e = word_decode(role, grant_roles, "role", &which, d);
    if (!e) e = cameras_decode(cameras, s, d);
    if (!e) e = witnesses_decode(witnesses, s, d);
    if (e) return e;
    s->purpose = (enum grant_purpose)what;
    s->role = (enum grant_role)which;
    memcpy(s->grantee, grantee.data, grantee.len);
    memcpy(s->grantee_sign, grantee_sign.data, grantee_sign.len);
    memcpy(s->log, log.data, log.len);
    memcpy(s->ticket, ticket, strlen(ticket) + 1);
    s->from = (uint64_t)from;
    s->to = (uint64_t)to;
    s->not_before = (uint64_t)not_before;
    s->expires = (uint64_t)expires;
    s->time = (uint64_t)time;
    s->views = (uint32_t)views;
    return ERR_OK;
}

/* What is not signed at all is named as that, and so is what somebody signed over again. */
static err check_signed_once(struct bytes statement, struct diag *d) {
    if (statement.len && statement.data[0] == '{')
        return diag_fail(d, ERR_INVALID, "grant: the statement is not signed");
    if (statement.len > ENVELOPE_OVERHEAD_BYTES + 4 &&
        memcmp(statement.data + ENVELOPE_OVERHEAD_BYTES, "CRDS", 4) == 0)
        return diag_fail(d, ERR_INVALID, "grant: the statement is signed twice");
    return ERR_OK;
}

err grant_statement_read(struct bytes statement, const uint8_t household[SIGN_PUBLIC_BYTES],
                         struct grant_statement *out, struct diag *d) {
    struct envelope envelope;
    struct grant_statement found = {0};
    if (statement.len > GRANT_STATEMENT_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT, "grant: the statement is larger than %u bytes",
                         GRANT_STATEMENT_MAX_BYTES);
    err e = check_signed_once(statement, d);
    if (e) return e;
    e = envelope_verify(statement, DOMAIN, &envelope, d);
    if (!e && household && memcmp(envelope.signer, household, SIGN_PUBLIC_BYTES) != 0)
        e = diag_fail(d, ERR_FORGED, "it was issued by another household");
    if (!e) e = decode(envelope.message, &found, d);
    if (e) {
        diag_prefix(d, "grant");
        return e;
    }
    e = grant_statement_check(&found, d);
    if (e) return e;
    memcpy(found.issuer, envelope.signer, SIGN_PUBLIC_BYTES);
    *out = found;
    return ERR_OK;
}

err grant_read(struct bytes raw, const uint8_t household[SIGN_PUBLIC_BYTES], struct grant_statement *out,
               struct diag *d) {
    struct bytes statement, box;
    err e = grant_split(raw, &statement, &box, d);
    return e ? e : grant_statement_read(statement, household, out, d);
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

bool grant_names_camera(const struct grant_statement *s, const uint8_t camera[CAMERA_ID_BYTES]) {
    for (size_t i = 0; i < s->camera_count; i++)
        if (memcmp(s->cameras[i], camera, CAMERA_ID_BYTES) == 0) return true;
    return false;
}

err grant_allows(const struct grant_statement *s, const struct grant_use *use, struct diag *d) {
    if (!grant_names_camera(s, use->camera))
        return diag_fail(d, ERR_DENIED, "grant: it does not name this camera");
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
