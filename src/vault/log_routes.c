/* Requests about the access log. */

#include "vault/log_internal.h"

#define MINE_MAX 1000u

static enum http_outcome no_log(struct http_reply *r) {
    return reply_error(r, 404, "not_found", "this vault keeps no access log: its stores are in memory");
}

static err add_entry(void *list, const struct log_row *row, struct bytes entry, struct diag *d) {
    json_t *value = json_pack("[I,I,o]", (json_int_t)row->n, (json_int_t)row->entry, json_base64(entry));
    bool added = value && !json_array_append_new(list, value);
    return added ? ERR_OK : diag_fail(d, ERR_NO_MEMORY, "no memory for the entries of the access log");
}

enum http_outcome log_mine(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    size_t count = 0;
    uint64_t from = 0;
    struct diag d = {0};
    const struct query_field fields[] = {{"from", QUERY_UINT, false, INT64_MAX, &from}};
    if (!REQUEST_QUERY(request, fields, r)) return HTTP_DONE;
    if (!v->log) return no_log(r);
    const struct store_id *household = &caller_of(request)->capability.household;
    AUTO(json_release) json_t *list = json_array();
    uint64_t next = 0; /* before the rows: an entry that comes meanwhile is then one more, not one too few */
    err e = list ? log_count(v, household, &next, &d) : ERR_NO_MEMORY;
    if (!e) e = log_each_from(v, household, from, MINE_MAX, add_entry, list, &count, &d);
    if (e) return reply_err(r, e, &d);
    return reply_json(r, 200, json_pack("{s:I,s:O}", "next", (json_int_t)next, "entries", list));
}

enum http_outcome log_proof(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    uint64_t index = UINT64_MAX, old = UINT64_MAX, size = 0;
    uint8_t proof[TLOG_PROOF_MAX + 1][HASH_BYTES];
    size_t count = 0;
    struct tile_tree *tree;
    struct diag d = {0};
    const struct query_field fields[] = {{"index", QUERY_UINT, false, INT64_MAX, &index},
                                         {"old", QUERY_UINT, false, INT64_MAX, &old},
                                         {"size", QUERY_UINT, true, INT64_MAX, &size}};
    if (!REQUEST_QUERY(request, fields, r)) return HTTP_DONE;
    if ((index == UINT64_MAX) == (old == UINT64_MAX))
        return reply_invalid(r,
                             "give one of \"index\" (is it included?) and \"old\" (did the log only grow?)");
    if (index != UINT64_MAX ? index >= size : old > size)
        return reply_invalid(r, "\"size\" must be larger than that");
    if (!v->log) return no_log(r);
    err e = log_tree(v->log, size, &tree, &d);
    if (e) return reply_err(r, e, &d);
    e = index != UINT64_MAX ? tile_tree_prove_inclusion(tree, index, size, proof, &count, &d)
                            : tile_tree_prove_consistency(tree, old, size, proof, &count, &d);
    log_tree_done(v->log);
    if (e) return reply_err(r, e, &d);
    return reply_json(
        r, 200, json_pack("{s:o}", "proof", log_proof_json((const uint8_t(*)[HASH_BYTES])proof, count)));
}

enum http_outcome log_cosignature(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    const struct capability *capability = &caller_of(request)->capability;
    AUTO(json_release) json_t *document = NULL;
    const char *line = NULL;
    int64_t size = 0;
    struct diag d = {0};
    const struct json_field fields[] = {
        {"size", JSON_KIND_INT, true, 0, INT64_MAX, &size, NULL},
        {"cosignature", JSON_KIND_TEXT, false, 1, 511, &line, NULL},
    };
    if (!REQUEST_JSON(request, fields, &document, r)) return HTTP_DONE;
    err e = log_cosign(v, &capability->household, &capability->hub, (uint64_t)size, line, &d);
    if (e == ERR_FORGED || e == ERR_NOT_FOUND) return reply_invalid(r, "%s", d.text);
    return e ? reply_err(r, e, &d) : reply_empty(r, 204);
}
