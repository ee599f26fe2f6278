/* Grants for support, where they meet the desk: whose key may hold one, and what opening it needs besides. */
#include "vault/grant.h"

err staff_grantee_check(struct vault *v, const struct grant_statement *s, struct diag *d) {
    return diag_fail(d, ERR_UNSUPPORTED, "this vault has no support desk: nobody can be given such access");
}

bool staff_may_open(struct vault *v, struct http_request *request, const struct grant_statement *s,
                    struct diag *d) {
    err e = diag_fail(d, ERR_UNSUPPORTED, "this vault has no support desk: nobody can open such a grant");
    return !e;
}
