/* Grants for support, where they meet the desk: whose key may hold one, what opening it needs besides, and
 * what it needs with each request after that. */
#include <strings.h>

#include "vault/grant.h"
#include "vault/staff.h"

static err agent_of_key(struct vault *v, const uint8_t sign[SIGN_PUBLIC_BYTES], const uint8_t *box,
                        struct diag *d) {
    AUTO(desk_member_clear) struct desk_member m = {0};
    struct staff_certificate certificate;
    struct store_key key;
    memcpy(key.bytes, sign, sizeof key.bytes);
    err e = v->desk->ops->member_of_key(v->desk, &key, &m, d);
    if (e == ERR_NOT_FOUND) return diag_fail(d, ERR_DENIED, "grant: its holder is no member of the staff");
    if (!e) e = staff_member_valid(v, &m, &certificate, d);
    if (!e && !(certificate.roles & STAFF_AGENT))
        e = diag_fail(d, ERR_DENIED, "grant: %s is no agent of the support desk", m.name);
    if (!e && box && memcmp(certificate.box, box, sizeof certificate.box) != 0)
        e = diag_fail(d, ERR_DENIED, "grant: \"grantee\" is not the certified key of %s", m.name);
    return e;
}

err staff_grantee_check(struct vault *v, const struct store_id *household, const struct grant_statement *s,
                        struct diag *d) {
    struct staff_key key;
    err e = staff_key_now(v, &key, d);
    if (e == ERR_NOT_FOUND)
        return diag_fail(d, ERR_UNSUPPORTED,
                         "this vault has no support desk: nobody can be given such access");
    if (!e) e = agent_of_key(v, s->grantee_sign, s->grantee, d);
    return e ? e : ticket_is_open(v, s->ticket, household, d);
}

static bool refuse(struct vault *v, const struct grant_statement *s, bool ticket, const struct diag *d) {
    struct store_key sign;
    memcpy(sign.bytes, s->grantee_sign, sizeof sign.bytes);
    staff_refused_note(v, &sign, "POST /v1/grants/{id}/open", ticket);
    return false;
}

bool staff_may_open(struct vault *v, struct http_request *request, const struct grant_statement *s,
                    struct diag *d) {
    const char *value = http_header(request, "Authorization");
    struct caller caller = {0};
    struct diag no_ticket = {0};
    err closed = ticket_is_open(v, s->ticket, NULL, &no_ticket);
    err e = value && strncasecmp(value, "Access ", 7) == 0
                ? staff_find(v, value + 7, &caller, d)
                : diag_fail(d, ERR_DENIED, "this is opened with an agent's access alone");
    if (!e && !(caller.who & WHO_AGENT))
        e = diag_fail(d, ERR_DENIED, "this is for agents of the support desk alone");
    if (!e && memcmp(caller.staff_sign.bytes, s->grantee_sign, sizeof s->grantee_sign) != 0)
        e = diag_fail(d, ERR_DENIED, "this was granted to another agent");
    if (!e && closed) {
        e = closed;
        if (d) *d = no_ticket;
    }
    return e ? refuse(v, s, !closed, d) : true;
}

err staff_scope_check(struct vault *v, const struct grant_scope *scope, struct diag *d) {
    if (scope->purpose != GRANT_SUPPORT) return ERR_OK;
    err e = agent_of_key(v, scope->key, NULL, d);
    return e ? e : ticket_is_open(v, scope->ticket, NULL, d);
}

/* The seconds that a view may last: a certificate that ends is the end of what runs by it. */
err staff_scope_until(struct vault *v, const struct grant_scope *scope, uint64_t *until, struct diag *d) {
    AUTO(desk_member_clear) struct desk_member m = {0};
    struct store_key key;
    if (scope->purpose != GRANT_SUPPORT) return ERR_OK;
    memcpy(key.bytes, scope->key, sizeof key.bytes);
    err e = v->desk->ops->member_of_key(v->desk, &key, &m, d);
    if (!e && m.expires < *until) *until = m.expires;
    return e;
}

/* --- the end of a ticket is that of its grants --- */

static err end_one(void *arg, const struct grant_row *row, const struct grant_bytes *bytes) {
    struct ending *ending = arg;
    if (strcmp(row->ticket, ending->ticket) == 0 && ending->count < TICKET_GRANTS_MAX)
        ending->grants[ending->count++] = row->grant;
    return ERR_OK;
}

void ticket_ended(struct vault *v, const struct desk_ticket *t) {
    struct ending ending = {0};
    struct diag d;
    hex_encode(BYTES_OF(t->ticket.bytes), ending.ticket);
    if (v->index->ops->grant_list(v->index, &t->household, end_one, &ending, &d)) return;
    for (size_t i = 0; i < ending.count; i++) grant_end_announce(v, &ending.grants[i]);
}
