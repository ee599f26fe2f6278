#include "vault/staff_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <time.h>

#include "base/clock.h"
#include "base/file.h"
#include "crypto/hash.h"
#include "crypto/totp.h"
#include "format/pairing.h"
#include "tlog/log_audit.h"
#include "tlog/log_entry.h"

static void must(err e) {
    if (e) fail_msg("%s", err_text(e));
}

void provider_write(const struct provider *p, const char *path) {
    struct staff_key statement = {.name = "Example Support", .time = 1700000000};
    AUTO(blob_clear) struct blob raw = {0};
    memcpy(statement.desk, p->desk.public_key, sizeof statement.desk);
    must(staff_key_sign(&statement, &p->staff, &raw));
    must(file_replace(path, blob_bytes(&raw), 0600, NULL));
}

/* The vault looks once a second; it tells nobody when it has. */
static void wait_told(const struct daemon *d, const struct provider *p) {
    const struct timespec step = {0, 20000000};
    for (int i = 0; i < 500; i++) {
        AUTO(answer_clear) struct answer a = {0};
        AUTO(blob_clear) struct blob raw = {0};
        struct staff_key told;
        ASK(d, 200, &a, "GET", "/v1/vault");
        const char *text = answer_text(&a, "staff");
        if (*text && !base64_decode(text, strlen(text), &raw) &&
            !staff_key_read(blob_bytes(&raw), &told, NULL) &&
            memcmp(told.staff, p->staff.public_key, sizeof told.staff) == 0)
            return;
        nanosleep(&step, NULL);
    }
    fail_msg("the vault does not take the staff key");
}

void provider_access(const struct daemon *d, struct provider *p) {
    AUTO(answer_clear) struct answer asked = {0}, got = {0};
    AUTO(blob_clear) struct blob challenge = {0};
    uint8_t signature[SIGNATURE_BYTES];
    ASK(d, 200, &asked, "GET", "/v1/access/challenge");
    const char *text = answer_text(&asked, "challenge");
    must(base64_decode(text, strlen(text), &challenge));
    sign_message(&p->staff, "cardea/1 staff access", blob_bytes(&challenge), signature);
    ASK(d, 200, &got, "POST", "/v1/staff/provider",
        .json = json_pack("{s:s,s:o}", "challenge", text, "signature", json_base64(BYTES_OF(signature))));
    snprintf(p->auth, sizeof p->auth, "Access %s", answer_text(&got, "token"));
}

void provider_make(const struct daemon *d, const char *path, struct provider *p) {
    sign_key_generate(&p->staff);
    box_key_generate(&p->desk);
    provider_write(p, path);
    wait_told(d, p);
    provider_access(d, p);
}

/* --- members --- */

#define AUTH_BYTE 1

void member_clear(struct member *m) {
    blob_clear(&m->totp);
}

/* Leaves some seconds before the next code, so that what follows falls in one step. */
static uint64_t early_step(void) {
    const struct timespec tick = {0, 100000000};
    while (wall_now().us / 1000000 % TOTP_STEP_S > TOTP_STEP_S - 8) nanosleep(&tick, NULL);
    return (uint64_t)(wall_now().us / 1000000) / TOTP_STEP_S;
}

static void sign_in(const struct daemon *d, const struct member *m, const char *code, char session[128]) {
    AUTO(answer_clear) struct answer a = {0};
    uint8_t auth[32] = {AUTH_BYTE};
    json_t *body = json_pack("{s:s,s:o}", "login", m->login, "auth", json_base64(BYTES_OF(auth)));
    if (code) json_object_set_new(body, "factor", json_pack("{s:s}", "totp", code));
    ASK(d, 200, &a, "POST", "/v1/sessions", .json = body);
    snprintf(session, 128, "Session %s", answer_text(&a, "token"));
}

static void add_factor(const struct daemon *d, struct member *m) {
    AUTO(answer_clear) struct answer a = {0};
    char code[TOTP_TEXT_BYTES], plain[128];
    uint64_t step = early_step();
    sign_in(d, m, NULL, plain);
    uint8_t auth[32] = {AUTH_BYTE};
    ASK(d, 200, &a, "POST", "/v1/factors/totp", plain,
        .json = json_pack("{s:o}", "present_auth", json_base64(BYTES_OF(auth))));
    must(base32_decode(answer_text(&a, "secret"), TOTP_SECRET_BYTES, &m->totp));
    totp_code(blob_bytes(&m->totp), step - 1, TOTP_DIGITS, code);
    ASK(d, 201, NULL, "POST", "/v1/factors/totp/confirm", plain,
        .json = json_pack("{s:s,s:s,s:s}", "pending", answer_text(&a, "pending"), "code", code, "label",
                          "c2VhbGVk"));
    totp_code(blob_bytes(&m->totp), step, TOTP_DIGITS, code);
    sign_in(d, m, code, m->session);
}

void member_join(const struct daemon *d, const struct provider *p, const char *name, unsigned roles,
                 struct member *m) {
    AUTO(answer_clear) struct answer invited = {0}, joined = {0};
    uint8_t code[PAIRING_SECRET_BYTES], hash[HASH_BYTES];
    char text[PAIRING_TEXT_BYTES];
    *m = (struct member){.roles = roles};
    snprintf(m->name, sizeof m->name, "%s", name);
    snprintf(m->login, sizeof m->login, "staff-%s", name);
    random_bytes(code, sizeof code);
    hash_sha256(BYTES_OF(code), hash);
    pairing_format(code, text);
    sign_key_generate(&m->sign);
    box_key_generate(&m->box);
    ASK(d, 201, &invited, "POST", "/v1/staff/invites", p->auth,
        .json = json_pack("{s:s,s:o,s:o}", "name", name, "roles", staff_roles_json(roles), "code_hash",
                          json_base64(BYTES_OF(hash))));
    m->number = (uint64_t)json_integer_value(json_object_get(invited.json, "number"));
    ASK(d, 201, NULL, "POST", "/v1/accounts", .json = account_json(m->login, AUTH_BYTE, text));
    add_factor(d, m);
    ASK(d, 201, &joined, "POST", "/v1/staff/requests", m->session,
        .json = json_pack("{s:o,s:o,s:o}", "code", json_base64(BYTES_OF(code)), "sign",
                          json_base64(BYTES_OF(m->sign.public_key)), "box",
                          json_base64(BYTES_OF(m->box.public_key))));
    assert_string_equal(answer_text(&joined, "name"), name);
}

void member_certificate(const struct provider *p, const struct member *m, int expires_s, struct blob *out) {
    uint32_t now = wall_slot(wall_now());
    struct staff_certificate c = {
        .number = m->number, .roles = m->roles, .from = now, .expires = now + (uint32_t)expires_s};
    snprintf(c.name, sizeof c.name, "%s", m->name);
    memcpy(c.sign, m->sign.public_key, sizeof c.sign);
    memcpy(c.box, m->box.public_key, sizeof c.box);
    must(staff_certificate_sign(&c, &p->staff, out, NULL));
}

void member_certify(const struct daemon *d, const struct provider *p, const struct member *m, int expires_s) {
    AUTO(blob_clear) struct blob raw = {0}, secret = {0};
    member_certificate(p, m, expires_s, &raw);
    must(box_seal(m->box.public_key, "cardea/1 desk key", (struct bytes){0}, BYTES_OF(p->desk.secret),
                  &secret));
    ASK(d, 204, NULL, "POST", "/v1/staff/certificates", p->auth,
        .json = json_pack("{s:o,s:o}", "certificate", json_base64(blob_bytes(&raw)), "desk",
                          json_base64(blob_bytes(&secret))));
}

void member_access(const struct daemon *d, struct member *m, long status) {
    AUTO(answer_clear) struct answer asked = {0}, got = {0};
    AUTO(blob_clear) struct blob challenge = {0};
    uint8_t signature[SIGNATURE_BYTES];
    ASK(d, 200, &asked, "GET", "/v1/access/challenge");
    const char *text = answer_text(&asked, "challenge");
    must(base64_decode(text, strlen(text), &challenge));
    sign_message(&m->sign, "cardea/1 staff access", blob_bytes(&challenge), signature);
    ASK(d, status, &got, "POST", "/v1/staff/access", m->session,
        .json = json_pack("{s:s,s:o}", "challenge", text, "signature", json_base64(BYTES_OF(signature))));
    if (status == 200) snprintf(m->auth, sizeof m->auth, "Access %s", answer_text(&got, "token"));
}

void member_revoke(const struct daemon *d, const struct provider *p, const struct member *m) {
    struct staff_revocation r = {.number = m->number, .time = wall_slot(wall_now())};
    AUTO(blob_clear) struct blob raw = {0};
    memcpy(r.sign, m->sign.public_key, sizeof r.sign);
    must(staff_revocation_sign(&r, &p->staff, &raw));
    ASK(d, 204, NULL, "POST", "/v1/staff/revocations", p->auth,
        .json = json_pack("{s:o}", "revocation", json_base64(blob_bytes(&raw))));
}

void member_make(const struct daemon *d, const struct provider *p, const char *name, unsigned roles,
                 struct member *m) {
    member_join(d, p, name, roles, m);
    member_certify(d, p, m, 86400);
    member_access(d, m, 200);
}

/* --- the log --- */

static err fetch(void *context, const char *path, size_t limit, struct blob *out, struct diag *d) {
    AUTO(answer_clear) struct answer a = {0};
    char full[300];
    snprintf(full, sizeof full, "/log/%s", path);
    ask(context, &(struct ask){"GET", full}, &a);
    return a.status == 200 && a.body.len <= limit ? blob_append(out, blob_bytes(&a.body)) : ERR_NOT_FOUND;
}

struct looking {
    const char *kind;
    const uint8_t *actor;
    uint64_t entries, counted;
};

static err look(void *context, uint64_t number, struct bytes raw) {
    struct looking *l = context;
    struct log_entry entry;
    uint64_t count = 0;
    if (log_entry_decode(raw, &entry, NULL) || strcmp(entry.kind, l->kind) != 0) return ERR_OK;
    if (l->actor && (!entry.acted || memcmp(entry.actor, l->actor, sizeof entry.actor) != 0)) return ERR_OK;
    l->entries++;
    if (log_entry_fact(&entry, "count", &count)) l->counted += count;
    return ERR_OK;
}

void staff_log_read(const struct daemon *d, const char *kind, const uint8_t *sign, uint64_t *entries,
                    uint64_t *counted) {
    uint8_t actor[LOG_ACTOR_BYTES];
    AUTO(answer_clear) struct answer a = {0};
    AUTO(blob_clear) struct blob key = {0};
    struct tlog_tree seen = {0};
    struct checkpoint checkpoint;
    struct diag why = {0};
    if (sign) log_actor_staff(sign, actor);
    struct looking l = {.kind = kind, .actor = sign ? actor : NULL};
    ASK(d, 200, &a, "GET", "/v1/vault");
    const char *text = answer_text(&a, "log_key");
    must(base64_decode(text, strlen(text), &key));
    const struct log_source source = {.fetch = fetch, .context = (void *)d, .public_key = key.data};
    if (log_audit(&source, &seen, look, &l, &checkpoint, &why)) fail_msg("%s", why.text);
    *entries = l.entries;
    *counted = l.counted;
}
