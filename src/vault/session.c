/* Sessions of an account: made at sign-in or by another session, listed, named, ended. A session's id is the
 * first 16 bytes of the SHA-256 of its token, so a device knows its own. */
#include "base/log.h"
#include "crypto/hash.h"
#include "vault/factor.h"

static void session_id(const struct store_key *token, struct store_id *out) {
    memcpy(out->bytes, token->bytes, STORE_ID_BYTES);
}

static uint32_t today(void) {
    return slot_now() / STORE_DAY_SLOTS;
}

err session_make(struct vault *v, const struct store_key *login, bool factor, struct bytes label,
                 char text[BASE64_CHARS(32)], struct diag *d) {
    uint8_t token[32];
    struct account_session s = {
        .expires_day = today() + VAULT_SESSION_DAYS, .factor = factor, .label.len = label.len};
    random_bytes(token, sizeof token);
    base64_encode(BYTES_OF(token), text);
    hash_sha256(BYTES_OF(token), s.token.bytes);
    wipe(token, sizeof token);
    if (!login) return ERR_OK; /* looks like one */
    s.login = *login;
    if (label.len) memcpy(s.label.bytes, label.data, label.len);
    err e = v->accounts->ops->session_add(v->accounts, &s, d);
    if (e != ERR_NO_SPACE) return e;
    log_warning("%s: a session is kept in memory", d->text);
    brief_add(&v->brief, &s.token, login, factor);
    return ERR_OK;
}

#define SESSIONS_LISTED_MAX (ACCOUNTS_SESSIONS_MAX + BRIEF_SESSIONS_MAX)

/* Those of the store, and those for which it had no room, which live for an hour. */
static err all_sessions(struct vault *v, const struct store_key *login,
                        struct account_session out[SESSIONS_LISTED_MAX], size_t *count, struct diag *d) {
    struct brief_session brief[BRIEF_SESSIONS_MAX];
    err e = v->accounts->ops->session_list(v->accounts, login, today(), out, count, d);
    if (e) return e;
    size_t more = brief_list(&v->brief, login, brief);
    for (size_t i = 0; i < more; i++)
        out[(*count)++] = (struct account_session){
            .token = brief[i].token, .login = *login, .expires_day = today() + 1, .factor = brief[i].factor};
    return ERR_OK;
}

enum http_outcome session_list(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    const struct caller *caller = caller_of(request);
    struct account_session list[SESSIONS_LISTED_MAX];
    size_t count = 0;
    struct diag d = {0};
    err e = all_sessions(v, &caller->login, list, &count, &d);
    if (e) return reply_err(r, e, &d);
    /* The app looks at this each minute: so a device that goes about is known wherever it has been. */
    if (caller->factor) factor_known_from(v, request, &caller->login);
    json_t *out = json_array();
    for (size_t i = 0; i < count; i++) {
        struct store_id id;
        session_id(&list[i].token, &id);
        json_array_append_new(out,
                              json_pack("{s:o,s:o,s:I,s:b,s:b}", "id", json_hex(BYTES_OF(id.bytes)), "label",
                                        json_base64(BYTES(list[i].label.bytes, list[i].label.len)),
                                        "expires_day", (json_int_t)list[i].expires_day, "current",
                                        (int)store_key_equal(&list[i].token, &caller->token), "factor",
                                        (int)list[i].factor));
    }
    return reply_json(r, 200, json_pack("{s:o}", "sessions", out));
}

static err end(struct vault *v, const struct store_key *token, struct diag *d) {
    if (brief_remove(&v->brief, token)) return ERR_OK;
    err e = v->accounts->ops->session_remove(v->accounts, token, d);
    return e == ERR_NOT_FOUND ? ERR_OK : e; /* it has ended already */
}

enum http_outcome session_end(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    struct diag d = {0};
    err e = end(v, &caller_of(request)->token, &d);
    return e ? reply_err(r, e, &d) : reply_empty(r, 204);
}

enum http_outcome session_end_other(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    struct account_session list[SESSIONS_LISTED_MAX];
    struct store_id id, other;
    size_t count = 0;
    struct diag d = {0};
    if (!request_id(request, 0, "session", &id, r)) return HTTP_DONE;
    err e = all_sessions(v, &caller_of(request)->login, list, &count, &d);
    if (e) return reply_err(r, e, &d);
    for (size_t i = 0; i < count; i++) {
        session_id(&list[i].token, &other);
        if (!store_id_equal(&id, &other)) continue;
        e = end(v, &list[i].token, &d);
        return e ? reply_err(r, e, &d) : reply_empty(r, 204);
    }
    return reply_error(r, 404, "not_found", "there is no such session: it has ended already");
}

static bool read_label(struct http_request *request, bool required, struct blob *label, json_t **document,
                       struct http_reply *r) {
    const struct json_field fields[] = {
        {"label", JSON_KIND_BASE64, required, 1, ACCOUNTS_LABEL_MAX_BYTES, label, NULL}};
    return REQUEST_JSON(request, fields, document, r);
}

/* The device can seal its name only once the keyring is open, which is after the session is made. */
enum http_outcome session_name(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    AUTO(blob_clear) struct blob given = {0};
    AUTO(json_release) json_t *document = NULL;
    struct diag d = {0};
    if (!read_label(request, true, &given, &document, r)) return HTTP_DONE;
    struct account_label label = {.len = given.len};
    if (given.len) memcpy(label.bytes, given.data, given.len);
    err e = v->accounts->ops->session_label(v->accounts, &caller_of(request)->token, &label, &d);
    return e && e != ERR_NOT_FOUND ? reply_err(r, e, &d)
                                   : reply_empty(r, 204); /* one in memory has no name */
}

/* For a device that this one lets in. It has passed what this one has. */
enum http_outcome session_another(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    const struct caller *caller = caller_of(request);
    AUTO(blob_clear) struct blob label = {0};
    AUTO(json_release) json_t *document = NULL;
    char token[BASE64_CHARS(32)];
    struct diag d = {0};
    if (!read_label(request, false, &label, &document, r)) return HTTP_DONE;
    err e = session_make(v, &caller->login, caller->factor, blob_bytes(&label), token, &d);
    if (e) return reply_err(r, e, &d);
    reply_json(r, 201, json_pack("{s:s}", "token", token));
    wipe(token, sizeof token);
    return HTTP_DONE;
}
