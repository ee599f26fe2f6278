/* Accounts, sessions, the sealed keyring. What answers a stranger here is the same, and leaves at the same
 * time, whether the login exists or not: each path does the same lookups and hashes, and the answer is held
 * until a fixed time after the request came. */
#include <stdio.h>
#include <stdlib.h>

#include "crypto/hash.h"
#include "vault/factor.h"
#include "vault/staff.h"

#define KEYRING_MAX_BYTES ACCOUNTS_KEYRING_MAX_BYTES
#define KEYRING_MIN_BYTES (30 + 2 * 60 + 32)
#define MEMORY_KIB_MIN 8192
#define MEMORY_KIB_MAX (1 << 20)
#define MEMORY_KIB_USUAL 65536
#define PASSES_MAX 16
#define PASSES_USUAL 3
#define LOGIN_MAX_BYTES 254

static void secrets_clear(struct account_secrets *s) {
    wipe(s, sizeof *s);
}

/* What is stored in place of what proves knowledge. */
static void auth_hash(const struct vault *v, const char *label, const struct store_key *login,
                      struct bytes auth, struct store_key *out) {
    uint8_t text[32 + 32] = {0};
    memcpy(text, login->bytes, 32);
    memcpy(text + 32, auth.data, auth.len < 32 ? auth.len : 32);
    vault_mac(v, label, BYTES_OF(text), out->bytes);
    wipe(text, sizeof text);
}
#define AUTH_LABEL "cardea/1 vault auth"
#define RECOVERY_LABEL "cardea/1 vault recovery"

static bool login_sound(const char *login, struct http_reply *r) {
    if (login[strspn(login, " \t")]) return true;
    reply_invalid(r, "\"login\" is empty");
    return false;
}

static bool keyring_sound(struct bytes keyring, struct http_reply *r) {
    if (keyring.len >= KEYRING_MIN_BYTES && memcmp(keyring.data, "CRDK\x01\x01", 6) == 0) return true;
    reply_invalid(r, "\"keyring\" is not a keyring");
    return false;
}

static bool auth_right(const struct vault *v, const struct store_key *login, const struct account *account,
                       struct bytes auth) {
    struct store_key hash;
    auth_hash(v, AUTH_LABEL, login, auth, &hash);
    return bytes_equal_secret(BYTES_OF(hash.bytes), BYTES_OF(account->secrets.auth_hash.bytes));
}

struct sign_up {
    const char *login, *code;
    struct blob salt, auth, recovery_auth, keyring;
    int64_t memory_kib, passes;
};

static void sign_up_clear(struct sign_up *s) {
    blob_clear(&s->salt);
    blob_clear(&s->auth);
    blob_clear(&s->recovery_auth);
    blob_clear(&s->keyring);
}

static void secrets_fill(const struct vault *v, const struct store_key *login, const struct sign_up *s,
                         struct account_secrets *out) {
    memcpy(out->salt, s->salt.data, ACCOUNTS_SALT_BYTES);
    out->memory_kib = (uint32_t)s->memory_kib;
    out->passes = (uint32_t)s->passes;
    auth_hash(v, AUTH_LABEL, login, blob_bytes(&s->auth), &out->auth_hash);
    auth_hash(v, RECOVERY_LABEL, login, blob_bytes(&s->recovery_auth), &out->recovery_hash);
}

/* May this stranger make accounts here? Sets the reply when not. */
static bool sign_up_open(struct vault *v, struct http_request *request, const char *code,
                         struct http_reply *r) {
    unsigned retry = 0;
    struct steady_us now = steady_now();
    uint64_t key = limiter_key(&v->strangers, BYTES_OF(request->peer.address), bytes_text("sign-up"));
    if (!limiter_ask(&v->strangers, key, now, &retry)) {
        atomic_fetch_add(&v->count.limited, 1);
        reply_limited(r, retry);
        return false;
    }
    if (v->signup == VAULT_SIGNUP_OPEN) {
        if (!request->peer.loopback) limiter_count(&v->strangers, key, now);
        return true;
    }
    if (code && staff_code_fits(v, code)) return true;
    if (v->signup == VAULT_SIGNUP_CODE && code &&
        (setup_code_fits(v, code) || invitation_fits(v, code, slot_now())))
        return true;
    limiter_count(&v->strangers, key, now);
    reply_error(r, 403, "denied",
                v->signup == VAULT_SIGNUP_CLOSED ? "this vault takes no new accounts"
                                                 : "the setup code is missing, wrong or used");
    return false;
}

static enum http_outcome sign_up(struct vault *v, const struct sign_up *s, struct http_reply *r) {
    struct store_key login;
    AUTO(secrets_clear) struct account_secrets secrets = {0};
    struct diag d = {0};
    login_key(v, s->login, &login);
    secrets_fill(v, &login, s, &secrets);
    err e = v->accounts->ops->create(v->accounts, &login, &secrets, blob_bytes(&s->keyring), &d);
    bool taken = e == ERR_EXISTS;
    if (taken && v->signup == VAULT_SIGNUP_CODE)
        return reply_error(r, 409, "exists", "there is an account of that name already");
    if (e && !taken) return reply_err(r, e, &d);
    char token[BASE64_CHARS(32)];
    e = session_make(v, taken ? NULL : &login, false, (struct bytes){0}, token, &d);
    if (e) return reply_err(r, e, &d);
    enum http_outcome o = reply_json(r, 201, json_pack("{s:s}", "token", token));
    wipe(token, sizeof token);
    return o;
}

enum http_outcome account_create(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    AUTO(sign_up_clear) struct sign_up s = {0};
    AUTO(json_release) json_t *document = NULL;
    const struct json_field fields[] = {
        {"login", JSON_KIND_TEXT, true, 1, LOGIN_MAX_BYTES, &s.login, NULL},
        {"salt", JSON_KIND_BASE64, true, ACCOUNTS_SALT_BYTES, ACCOUNTS_SALT_BYTES, &s.salt, NULL},
        {"memory_kib", JSON_KIND_INT, true, MEMORY_KIB_MIN, MEMORY_KIB_MAX, &s.memory_kib, NULL},
        {"passes", JSON_KIND_INT, true, 1, PASSES_MAX, &s.passes, NULL},
        {"auth", JSON_KIND_BASE64, true, 32, 32, &s.auth, NULL},
        {"recovery_auth", JSON_KIND_BASE64, true, 32, 32, &s.recovery_auth, NULL},
        {"keyring", JSON_KIND_BASE64, true, 1, KEYRING_MAX_BYTES, &s.keyring, NULL},
        {"setup_code", JSON_KIND_TEXT, false, 0, 63, &s.code, NULL},
    };
    if (!REQUEST_JSON(request, fields, &document, r)) return HTTP_DONE;
    if (!login_sound(s.login, r) || !keyring_sound(blob_bytes(&s.keyring), r)) return HTTP_DONE;
    struct steady_us hold = {steady_now().us + VAULT_SIGN_UP_HOLD_US};
    if (sign_up_open(v, request, s.code, r)) sign_up(v, &s, r);
    r->hold_until = hold;
    return HTTP_DONE;
}

/* The account, or one that is made up of the login: same shape, nobody's, the same each time. */
static err account_or_nobody(struct vault *v, const struct store_key *login, struct account *out, bool *found,
                             struct diag *d) {
    uint8_t made_up[32];
    vault_mac(v, "cardea/1 vault salt", BYTES_OF(login->bytes), made_up);
    err e = v->accounts->ops->get(v->accounts, login, out, d);
    *found = e == ERR_OK;
    if (e != ERR_NOT_FOUND) return e;
    *out =
        (struct account){.secrets = {.memory_kib = MEMORY_KIB_USUAL, .passes = PASSES_USUAL}, .version = 1};
    memcpy(out->secrets.salt, made_up, ACCOUNTS_SALT_BYTES);
    random_bytes(&out->secrets.auth_hash, sizeof out->secrets.auth_hash);
    random_bytes(&out->secrets.recovery_hash, sizeof out->secrets.recovery_hash);
    return ERR_OK;
}

enum http_outcome session_params(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    const char *name = NULL;
    AUTO(json_release) json_t *document = NULL;
    const struct json_field fields[] = {{"login", JSON_KIND_TEXT, true, 1, LOGIN_MAX_BYTES, &name, NULL}};
    if (!REQUEST_JSON(request, fields, &document, r) || !login_sound(name, r)) return HTTP_DONE;
    struct steady_us hold = {steady_now().us + VAULT_SIGN_IN_HOLD_US};
    struct store_key login;
    AUTO(account_clear) struct account account = {0};
    bool found;
    struct diag d = {0};
    login_key(v, name, &login);
    err e = account_or_nobody(v, &login, &account, &found, &d);
    if (e) return reply_err(r, e, &d);
    reply_json(r, 200,
               json_pack("{s:o,s:I,s:I}", "salt", json_base64(BYTES_OF(account.secrets.salt)), "memory_kib",
                         (json_int_t)account.secrets.memory_kib, "passes",
                         (json_int_t)account.secrets.passes));
    r->hold_until = hold;
    return HTTP_DONE;
}

/* What a sign-in brings. */
struct sign_in {
    const char *login;
    struct blob auth, label;
    bool recovery;
    struct factor_proof proof;
};

static void sign_in_clear(struct sign_in *s) {
    blob_clear(&s->auth);
    blob_clear(&s->label);
    factor_proof_clear(&s->proof);
}

static enum http_outcome signed_in(struct vault *v, const struct store_key *login,
                                   const struct account *account, bool factor, struct bytes label,
                                   struct http_reply *r) {
    char token[BASE64_CHARS(32)];
    struct diag d = {0};
    err e = session_make(v, login, factor, label, token, &d);
    if (e) return reply_err(r, e, &d);
    enum http_outcome o = reply_json(r, 200,
                                     json_pack("{s:s,s:o,s:I}", "token", token, "keyring",
                                               json_base64(blob_bytes(&account->keyring)), "version",
                                               (json_int_t)account->version));
    wipe(token, sizeof token);
    return o;
}

/* The passphrase is right. The recovery code needs no second factor, or a lost phone would be a lost
 * household; a session that came by it counts as without one. */
static enum http_outcome second_factor(struct vault *v, const struct http_request *request,
                                       const struct store_key *login, const struct account *account,
                                       const struct sign_in *s, struct http_reply *r) {
    AUTO(account_factors_free) struct account_factors *factors = account_factors_new();
    struct diag d = {0};
    struct bytes label = blob_bytes(&s->label);
    struct factor_tries tries;
    if (s->recovery) {
        factor_known_from(v, request, login);
        return signed_in(v, login, account, false, label, r);
    }
    err e = factors ? v->accounts->ops->factor_list(v->accounts, login, factors, &d) : ERR_NO_MEMORY;
    if (e) return reply_err(r, e, &d);
    if (factors->count == 0) return signed_in(v, login, account, false, label, r);
    if (!factor_proof_given(&s->proof)) return factor_ask(v, login, factors, "a second factor is needed", r);
    if (!factor_may_try(v, request, login, &s->proof, &tries, r)) return HTTP_DONE;
    e = factor_check(v, login, factors, &s->proof, &d);
    if (!e) {
        factor_known_from(v, request, login);
        return signed_in(v, login, account, true, label, r);
    }
    if (e != ERR_DENIED && e != ERR_EXISTS) return reply_err(r, e, &d);
    if (e == ERR_DENIED) factor_count_failure(v, &tries);
    return factor_ask(v, login, factors, d.text, r);
}

/* Tries of a secret. The limit is of the pair of address and login, so that nobody locks out somebody else,
 * and a wide one of the address. */
struct tries {
    uint64_t pair, alone;
    struct steady_us now;
};

static bool may_try(struct vault *v, const struct http_request *request, const struct store_key *login,
                    struct tries *t, struct http_reply *r) {
    unsigned retry = 0;
    t->now = steady_now();
    t->pair = limiter_key(&v->sign_ins, BYTES_OF(request->peer.address), BYTES_OF(login->bytes));
    t->alone = limiter_key(&v->strangers, BYTES_OF(request->peer.address), bytes_text("sign-in"));
    if (limiter_ask(&v->sign_ins, t->pair, t->now, &retry) &&
        limiter_ask(&v->strangers, t->alone, t->now, &retry))
        return true;
    atomic_fetch_add(&v->count.limited, 1);
    reply_limited(r, retry);
    return false;
}

static void count_failure(struct vault *v, const struct tries *t) {
    limiter_count(&v->sign_ins, t->pair, t->now);
    limiter_count(&v->strangers, t->alone, t->now);
    atomic_fetch_add(&v->count.sign_in_failures, 1);
}

static bool recovery_right(const struct vault *v, const struct store_key *login,
                           const struct account *account, struct bytes auth) {
    struct store_key hash;
    auth_hash(v, RECOVERY_LABEL, login, auth, &hash);
    return bytes_equal_secret(BYTES_OF(hash.bytes), BYTES_OF(account->secrets.recovery_hash.bytes));
}

/* For what a session alone is not enough for: is one of these the caller's present secret (empty: not given)?
 * Failures count as those of sign-in. Else the reply is set. */
static bool auth_proven(struct vault *v, struct http_request *request, const struct account *account,
                        struct bytes auth, struct bytes recovery_auth, struct http_reply *r) {
    const struct store_key *login = &caller_of(request)->login;
    struct tries tries;
    if (!auth.len && !recovery_auth.len) {
        reply_error(r, 403, "denied",
                    "this needs your present passphrase again: being signed in is not enough");
        return false;
    }
    if (!may_try(v, request, login, &tries, r)) return false;
    if (auth.len ? auth_right(v, login, account, auth) : recovery_right(v, login, account, recovery_auth)) {
        limiter_forget(&v->sign_ins, tries.pair);
        return true;
    }
    count_failure(v, &tries);
    reply_error(r, 403, "denied",
                auth.len ? "that is not your present passphrase" : "that is not your present recovery code");
    return false;
}

bool owner_proven(struct vault *v, struct http_request *request, struct http_reply *r) {
    AUTO(account_clear) struct account account = {0};
    AUTO(blob_clear) struct blob auth = {0}, recovery_auth = {0};
    AUTO(json_release) json_t *document = NULL;
    struct diag d = {0};
    const struct json_field fields[] = {
        {"present_auth", JSON_KIND_BASE64, false, 32, 32, &auth, NULL},
        {"present_recovery_auth", JSON_KIND_BASE64, false, 32, 32, &recovery_auth, NULL},
    };
    if (!REQUEST_JSON(request, fields, &document, r)) return false;
    err e = v->accounts->ops->get(v->accounts, &caller_of(request)->login, &account, &d);
    if (e) reply_err(r, e, &d);
    return !e && auth_proven(v, request, &account, blob_bytes(&auth), blob_bytes(&recovery_auth), r);
}

/* Sign-in by either secret. */
static enum http_outcome sign_in(struct vault *v, struct http_request *request, const struct sign_in *s,
                                 struct http_reply *r) {
    struct store_key login;
    struct tries tries;
    login_key(v, s->login, &login);
    if (!may_try(v, request, &login, &tries, r)) return HTTP_DONE;
    AUTO(account_clear) struct account account = {0};
    bool found;
    struct diag d = {0};
    err e = account_or_nobody(v, &login, &account, &found, &d);
    if (e) return reply_err(r, e, &d);
    bool right = s->recovery ? recovery_right(v, &login, &account, blob_bytes(&s->auth))
                             : auth_right(v, &login, &account, blob_bytes(&s->auth));
    if (right && found) {
        limiter_forget(&v->sign_ins, tries.pair);
        return second_factor(v, request, &login, &account, s, r);
    }
    count_failure(v, &tries);
    return reply_error(r, 403, "denied",
                       s->recovery ? "wrong name or recovery code" : "wrong name or passphrase");
}

static enum http_outcome sign_in_request(void *vault, struct http_request *request, struct http_reply *r,
                                         bool recovery) {
    AUTO(sign_in_clear) struct sign_in s = {.recovery = recovery};
    AUTO(json_release) json_t *document = NULL;
    json_t *factor = NULL;
    const struct json_field fields[] = {
        {"login", JSON_KIND_TEXT, true, 1, LOGIN_MAX_BYTES, &s.login, NULL},
        {recovery ? "recovery_auth" : "auth", JSON_KIND_BASE64, true, 32, 32, &s.auth, NULL},
        {"label", JSON_KIND_BASE64, false, 1, ACCOUNTS_LABEL_MAX_BYTES, &s.label, NULL},
        {"factor", JSON_KIND_OBJECT, false, 0, 0, &factor, NULL},
    };
    size_t count = sizeof fields / sizeof *fields - recovery; /* "factor" is the last */
    if (!request_json(request, fields, count, &document, r) || !login_sound(s.login, r)) return HTTP_DONE;
    if (!factor_proof_read(factor, &s.proof, r)) return HTTP_DONE;
    struct steady_us hold = {steady_now().us + VAULT_SIGN_IN_HOLD_US};
    sign_in(vault, request, &s, r);
    r->hold_until = hold;
    return HTTP_DONE;
}

enum http_outcome session_create(void *vault, struct http_request *request, struct http_reply *r) {
    return sign_in_request(vault, request, r, false);
}

enum http_outcome session_recover(void *vault, struct http_request *request, struct http_reply *r) {
    return sign_in_request(vault, request, r, true);
}

enum http_outcome keyring_get(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    AUTO(account_clear) struct account account = {0};
    struct diag d = {0};
    err e = v->accounts->ops->get(v->accounts, &caller_of(request)->login, &account, &d);
    if (e) return reply_err(r, e, &d);
    return reply_json(r, 200,
                      json_pack("{s:o,s:I}", "keyring", json_base64(blob_bytes(&account.keyring)), "version",
                                (json_int_t)account.version));
}

/* A change of either secret changes the salt with it; what is not sent stays. */
static void changed_secrets(const struct vault *v, const struct store_key *login, const struct sign_up *s,
                            const bool present[5], struct account_secrets *out) {
    if (present[0]) memcpy(out->salt, s->salt.data, ACCOUNTS_SALT_BYTES);
    if (present[1]) out->memory_kib = (uint32_t)s->memory_kib;
    if (present[2]) out->passes = (uint32_t)s->passes;
    if (present[3]) auth_hash(v, AUTH_LABEL, login, blob_bytes(&s->auth), &out->auth_hash);
    if (present[4]) auth_hash(v, RECOVERY_LABEL, login, blob_bytes(&s->recovery_auth), &out->recovery_hash);
}

/* [{"id","wrap"}]: the keyring's key for passkeys. */
static bool read_wraps(json_t *array, struct account_wrap *out, size_t *count, struct http_reply *r) {
    struct diag d = {0};
    size_t i;
    json_t *item;
    *count = 0;
    json_array_foreach(array, i, item) {
        AUTO(blob_clear) struct blob wrap = {0};
        const struct json_field fields[] = {
            {"id", JSON_KIND_HEX, true, 0, STORE_ID_BYTES, out[i].factor.bytes, NULL},
            {"wrap", JSON_KIND_BASE64, true, ACCOUNTS_WRAP_BYTES, ACCOUNTS_WRAP_BYTES, &wrap, NULL},
        };
        if (!json_is_object(item)) {
            reply_invalid(r, "\"wraps\" must hold objects");
            return false;
        }
        err e = JSON_READ(item, fields, &d);
        if (e) {
            reply_err(r, e, &d);
            return false;
        }
        memcpy(out[(*count)++].bytes, wrap.data, ACCOUNTS_WRAP_BYTES);
    }
    return true;
}

enum http_outcome keyring_put(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    const struct caller *caller = caller_of(request);
    AUTO(sign_up_clear) struct sign_up s = {0};
    AUTO(json_release) json_t *document = NULL;
    AUTO(account_clear) struct account account = {0};
    AUTO(blob_clear) struct blob present_auth = {0}, present_recovery_auth = {0};
    struct account_wrap wraps[ACCOUNTS_FACTORS_MAX];
    size_t wrap_count = 0;
    json_t *wrap_list = NULL;
    int64_t version = 0;
    bool present[5] = {false};
    const struct json_field fields[] = {
        {"keyring", JSON_KIND_BASE64, true, 1, KEYRING_MAX_BYTES, &s.keyring, NULL},
        {"version", JSON_KIND_INT, true, 2, INT64_MAX, &version, NULL},
        {"salt", JSON_KIND_BASE64, false, ACCOUNTS_SALT_BYTES, ACCOUNTS_SALT_BYTES, &s.salt, &present[0]},
        {"memory_kib", JSON_KIND_INT, false, MEMORY_KIB_MIN, MEMORY_KIB_MAX, &s.memory_kib, &present[1]},
        {"passes", JSON_KIND_INT, false, 1, PASSES_MAX, &s.passes, &present[2]},
        {"auth", JSON_KIND_BASE64, false, 32, 32, &s.auth, &present[3]},
        {"recovery_auth", JSON_KIND_BASE64, false, 32, 32, &s.recovery_auth, &present[4]},
        {"wraps", JSON_KIND_ARRAY, false, 0, ACCOUNTS_FACTORS_MAX, &wrap_list, NULL},
        {"present_auth", JSON_KIND_BASE64, false, 32, 32, &present_auth, NULL},
        {"present_recovery_auth", JSON_KIND_BASE64, false, 32, 32, &present_recovery_auth, NULL},
    };
    if (!REQUEST_JSON(request, fields, &document, r)) return HTTP_DONE;
    if (!keyring_sound(blob_bytes(&s.keyring), r) || !read_wraps(wrap_list, wraps, &wrap_count, r))
        return HTTP_DONE;
    if ((present[0] || present[1] || present[2]) && !present[3])
        return reply_invalid(r, "\"auth\" is missing: it comes with a new salt or cost");
    bool any = present[3] || present[4], proven = any || wrap_count;
    struct diag d = {0};
    err e = proven ? v->accounts->ops->get(v->accounts, &caller->login, &account, &d) : ERR_OK;
    if (!e && proven) {
        if (!auth_proven(v, request, &account, blob_bytes(&present_auth), blob_bytes(&present_recovery_auth),
                         r))
            return HTTP_DONE;
        if (account.version + 1 != (uint64_t)version) e = ERR_CONFLICT; /* what was proven is of this one */
        if (any) changed_secrets(v, &caller->login, &s, present, &account.secrets);
    }
    if (!e)
        e = v->accounts->ops->update(v->accounts, &caller->login, (uint64_t)version, blob_bytes(&s.keyring),
                                     any ? &account.secrets : NULL, &caller->token, wraps, wrap_count, &d);
    if (e == ERR_CONFLICT)
        return reply_error(r, 409, "conflict", "the keyring was changed elsewhere: read it again");
    if (e) return reply_err(r, e, &d);
    if (any) brief_end(&v->brief, &caller->login, &caller->token);
    return reply_json(r, 200, json_pack("{s:I}", "version", (json_int_t)version));
}
