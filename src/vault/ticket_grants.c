/* The grants of a ticket: found by the ticket that their statements name. */
#include "base/log.h"
#include "vault/staff.h"

struct finding {
    char ticket[2 * STORE_ID_BYTES + 1];
    const struct store_key *grantee; /* NULL: anybody's */
    uint32_t now;
    json_t *list;
};

static err add_grant(void *arg, const struct grant_row *row, const struct grant_bytes *bytes) {
    const struct finding *f = arg;
    if (strcmp(row->ticket, f->ticket) != 0) return ERR_OK;
    if (f->grantee && (!store_key_equal(&row->grantee, f->grantee) || row->revoked || row->expires <= f->now))
        return ERR_OK;
    return json_array_append_new(f->list, json_hex(BYTES_OF(row->grant.bytes))) ? ERR_NO_MEMORY : ERR_OK;
}

err ticket_grants(struct vault *v, const struct desk_ticket *t, const struct caller *caller, json_t **out,
                  struct diag *d) {
    struct finding f = {.grantee = caller->who & WHO_STAFF ? &caller->staff_sign : NULL,
                        .now = slot_now(),
                        .list = json_array()};
    hex_encode(BYTES_OF(t->ticket.bytes), f.ticket);
    err e = v->index->ops->grant_list(v->index, &t->household, add_grant, &f, d);
    if (e)
        json_decref(f.list);
    else
        *out = f.list;
    return e;
}
