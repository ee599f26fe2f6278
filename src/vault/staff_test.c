/* The support desk over HTTP, against the real daemon: who gets in, what they reach, and how it ends. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>
#include <curl/curl.h>

#include "base/clock.h"
#include "crypto/hash.h"
#include "format/pairing.h"
#include "vault/grant_fixture.h"
#include "vault/staff_fixture.h"

static struct provider provider;
static char key_path[128];

static int start(void **state) {
    curl_global_init(CURL_GLOBAL_ALL);
    daemon_make(&vault, true);
    snprintf(key_path, sizeof key_path, "%s/staff.pub", vault.folder);
    vault.more[0] = "--staff-key";
    vault.more[1] = key_path;
    daemon_start(&vault);
    provider_make(&vault, key_path, &provider);
    return 0;
}

static json_t *message_json(size_t bytes) {
    AUTO(blob_clear) struct blob box = {0};
    for (size_t i = 0; i < bytes; i++)
        if (blob_append_u8(&box, (uint8_t)i)) fail();
    return json_pack("{s:o,s:o}", "household", json_base64(blob_bytes(&box)), "desk",
                     json_base64(blob_bytes(&box)));
}

static void ticket_open(const struct household *h, char ticket[33]) {
    random_hex(ticket);
    ASK(&vault, 201, NULL, "POST", "/v1/tickets", h->owner_auth,
        .json = json_pack("{s:s,s:o}", "ticket", ticket, "message", message_json(100)));
}

/* How many entries of a kind the public log has, by whom; and what they count together. */
static uint64_t log_count(const char *kind, const struct member *by, uint64_t *counted) {
    uint64_t entries = 0, sum = 0;
    staff_log_read(&vault, kind, by ? by->sign.public_key : NULL, &entries, &sum);
    if (counted) *counted = sum;
    return entries;
}

static void test_key_is_told(void **state) {
    AUTO(answer_clear) struct answer a = {0};
    AUTO(blob_clear) struct blob raw = {0};
    struct staff_key told;
    ASK(&vault, 200, &a, "GET", "/v1/vault");
    const char *text = answer_text(&a, "staff");
    assert_int_equal(base64_decode(text, strlen(text), &raw), ERR_OK);
    assert_int_equal(staff_key_read(blob_bytes(&raw), &told, NULL), ERR_OK);
    assert_string_equal(told.name, "Example Support");
    assert_int_equal(log_count("staff.key", NULL, NULL), 1);
}

static void test_provider_proves(void **state) {
    struct provider stranger = provider;
    AUTO(answer_clear) struct answer asked = {0}, again = {0};
    AUTO(blob_clear) struct blob challenge = {0};
    uint8_t signature[SIGNATURE_BYTES];
    sign_key_generate(&stranger.staff);
    ASK(&vault, 200, &asked, "GET", "/v1/access/challenge");
    const char *text = answer_text(&asked, "challenge");
    assert_int_equal(base64_decode(text, strlen(text), &challenge), ERR_OK);
    sign_message(&stranger.staff, "cardea/1 staff access", blob_bytes(&challenge), signature);
    ASK(&vault, 403, NULL, "POST", "/v1/staff/provider",
        .json = json_pack("{s:s,s:o}", "challenge", text, "signature", json_base64(BYTES_OF(signature))));
    sign_message(&provider.staff, "cardea/1 access", blob_bytes(&challenge), signature); /* another domain */
    ASK(&vault, 403, NULL, "POST", "/v1/staff/provider",
        .json = json_pack("{s:s,s:o}", "challenge", text, "signature", json_base64(BYTES_OF(signature))));
    sign_message(&provider.staff, "cardea/1 staff access", blob_bytes(&challenge), signature);
    ASK(&vault, 200, NULL, "POST", "/v1/staff/provider",
        .json = json_pack("{s:s,s:o}", "challenge", text, "signature", json_base64(BYTES_OF(signature))));
    ASK(&vault, 403, &again, "POST", "/v1/staff/provider", /* once */
        .json = json_pack("{s:s,s:o}", "challenge", text, "signature", json_base64(BYTES_OF(signature))));
}

static void test_life_of_an_agent(void **state) {
    AUTO(member_clear) struct member ann = {0};
    AUTO(answer_clear) struct answer list = {0}, a = {0};
    AUTO(blob_clear) struct blob raw = {0};
    uint64_t before = log_count("staff.certify", NULL, NULL);
    member_join(&vault, &provider, "ann", STAFF_AGENT, &ann);
    member_access(&vault, &ann, 403); /* not certified yet */
    /* Whom another key certifies is nobody here; nor is a certificate good that says more than the
     * invitation. */
    struct provider stranger = provider;
    sign_key_generate(&stranger.staff);
    member_certificate(&stranger, &ann, 3600, &raw);
    ASK(&vault, 403, NULL, "POST", "/v1/staff/certificates", provider.auth,
        .json = json_pack("{s:o,s:o}", "certificate", json_base64(blob_bytes(&raw)), "desk",
                          json_base64(BYTES(raw.data, 80))));
    struct member wide = ann;
    wide.roles |= STAFF_OPERATOR;
    raw.len = 0;
    member_certificate(&provider, &wide, 3600, &raw);
    ASK(&vault, 409, &a, "POST", "/v1/staff/certificates", provider.auth,
        .json = json_pack("{s:o,s:o}", "certificate", json_base64(blob_bytes(&raw)), "desk",
                          json_base64(BYTES(raw.data, 80))));
    assert_non_null(strstr(answer_text(&a, "message"), "roles"));
    assert_int_equal(log_count("staff.certify", NULL, NULL), before);

    member_certify(&vault, &provider, &ann, 86400);
    assert_int_equal(log_count("staff.certify", &ann, NULL), 1);
    member_access(&vault, &ann, 200);
    ASK(&vault, 200, NULL, "GET", "/v1/tickets", ann.auth);
    ASK(&vault, 200, &list, "GET", "/v1/staff", provider.auth);

    /* The session behind the access ends, and the access with it. */
    ASK(&vault, 204, NULL, "DELETE", "/v1/sessions/current", ann.session);
    ASK(&vault, 401, NULL, "GET", "/v1/tickets", ann.auth);
    member_access(&vault, &ann, 401);
}

/* An account that has no factor, or was signed in without it, gets nowhere, whatever code it has. */
static void test_no_second_factor(void **state) {
    AUTO(answer_clear) struct answer made = {0}, a = {0};
    char session[128], text[PAIRING_TEXT_BYTES];
    uint8_t key[32] = {2}, secret[PAIRING_SECRET_BYTES] = {7}, hash[HASH_BYTES];
    hash_sha256(BYTES_OF(secret), hash);
    pairing_format(secret, text);
    ASK(&vault, 201, NULL, "POST", "/v1/staff/invites", provider.auth,
        .json = json_pack("{s:s,s:[s],s:o}", "name", "plain", "roles", "agent", "code_hash",
                          json_base64(BYTES_OF(hash))));
    ASK(&vault, 201, &made, "POST", "/v1/accounts", .json = account_json("plain", 1, text));
    snprintf(session, sizeof session, "Session %s", answer_text(&made, "token"));
    ASK(&vault, 403, &a, "POST", "/v1/staff/requests", session,
        .json = json_pack("{s:o,s:o,s:o}", "code", json_base64(BYTES_OF(secret)), "sign",
                          json_base64(BYTES_OF(key)), "box", json_base64(BYTES_OF(key))));
    assert_non_null(strstr(answer_text(&a, "message"), "second factor"));
}

static void test_revoked_ends_at_once(void **state) {
    AUTO(member_clear) struct member dora = {0};
    AUTO(answer_clear) struct answer a = {0};
    struct household h;
    char ticket[33], path[128];
    struct listener waiting;
    household_make(&vault, &h);
    member_make(&vault, &provider, "dora", STAFF_AGENT, &dora);
    ticket_open(&h, ticket);
    snprintf(path, sizeof path, "/v1/tickets/%s?after=1&wait_s=25", ticket);
    listener_start(&waiting, &vault, path, dora.auth, false);
    member_revoke(&vault, &provider, &dora);
    ASK(&vault, 401, &a, "GET", "/v1/tickets", dora.auth);
    assert_non_null(strstr(answer_text(&a, "message"), "revoked"));
    /* A request that waited is shown out. */
    AUTO(blob_clear) struct blob got = {0};
    assert_true(listener_wait(&waiting, 1, &got));
    assert_non_null(memmem(got.data, got.len, "revoked", 7));
    listener_stop(&waiting);
    member_access(&vault, &dora, 403);
    assert_int_equal(log_count("staff.revoke", &dora, NULL), 1);
}

static void test_expired(void **state) {
    AUTO(member_clear) struct member eva = {0};
    AUTO(answer_clear) struct answer a = {0};
    const struct timespec tick = {0, 50000000};
    member_join(&vault, &provider, "eva", STAFF_AGENT, &eva);
    member_certify(&vault, &provider, &eva, 4);
    uint32_t end = wall_slot(wall_now()) + 4;
    member_access(&vault, &eva, 200);
    ASK(&vault, 200, NULL, "GET", "/v1/tickets", eva.auth);
    while (wall_slot(wall_now()) <= end) nanosleep(&tick, NULL);
    ASK(&vault, 401, &a, "GET", "/v1/tickets", eva.auth);
    assert_non_null(strstr(answer_text(&a, "message"), "expired"));
    member_certify(&vault, &provider, &eva, 3600); /* renewed */
    ASK(&vault, 200, NULL, "GET", "/v1/tickets", eva.auth);
}

/* Whatever there is, and whatever there is not, the answer is the same; and it is written down. */
static void test_nothing_of_a_household(void **state) {
    AUTO(member_clear) struct member fay = {0}, admin = {0};
    struct household h;
    struct camera c;
    char there[128], not_there[128], hex[33];
    uint64_t refused = 0;
    household_make(&vault, &h);
    camera_make(&c);
    AUTO(blob_clear) struct blob reel = {0};
    segment_append(&c, wall_slot(wall_now()) - 10, 2, 1, 1000, &reel);
    random_hex(hex);
    reel_send(&vault, &h, &c, hex, blob_bytes(&reel), 0, 201, NULL);
    member_make(&vault, &provider, "fay", STAFF_AGENT | STAFF_OPERATOR | STAFF_MODERATOR, &fay);
    member_make(&vault, &provider, "gil", STAFF_ADMINISTRATOR, &admin);
    static const struct {
        const char *before, *after;
        bool reel;
    } asked[] = {{"/v1/live?cameras=", "", false},
                 {"/v1/reels/", "", true},
                 {"/v1/timeline?camera=", "&from=0&to=5", false},
                 {"/v1/events?camera=", "&day=1", false}};
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        AUTO(answer_clear) struct answer a = {0}, b = {0}, e = {0};
        char other[33];
        random_hex(other);
        snprintf(there, sizeof there, "%s%s%s", asked[i].before, asked[i].reel ? hex : c.hex, asked[i].after);
        snprintf(not_there, sizeof not_there, "%s%s%s", asked[i].before, other, asked[i].after);
        ASK(&vault, 403, &a, "GET", there, fay.auth);
        ASK(&vault, 403, &b, "GET", not_there, fay.auth);
        ASK(&vault, 403, &e, "GET", there, admin.auth);
        assert_true(bytes_equal(blob_bytes(&a.body), blob_bytes(&b.body)));
        assert_true(bytes_equal(blob_bytes(&a.body), blob_bytes(&e.body)));
    }
    assert_int_equal(log_count("admin.refused", &fay, &refused), 8);
    assert_int_equal(refused, 8);
    assert_int_equal(log_count("admin.refused", &admin, &refused), 4);
    /* Nobody can drown the log: from the eleventh on they are counted, and the count is written when the
     * vault ends at the latest. */
    for (int i = 0; i < 30; i++) ASK(&vault, 403, NULL, "GET", "/v1/usage", fay.auth);
    assert_int_equal(log_count("admin.refused", &fay, &refused), 10);
    daemon_stop(&vault, SIGTERM);
    daemon_start(&vault);
    assert_int_equal(log_count("admin.refused", &fay, &refused), 11);
    assert_int_equal(refused, 38);
    provider_access(&vault, &provider);
    camera_clear(&c);
}

/* Duties are apart: an administrator reads no ticket, an agent no list of staff; neither invites. */
static void test_duties_are_apart(void **state) {
    AUTO(member_clear) struct member hal = {0}, ida = {0};
    struct household h;
    household_make(&vault, &h);
    member_make(&vault, &provider, "hal", STAFF_AGENT, &hal);
    member_make(&vault, &provider, "ida", STAFF_ADMINISTRATOR, &ida);
    ASK(&vault, 200, NULL, "GET", "/v1/staff", ida.auth);
    ASK(&vault, 403, NULL, "GET", "/v1/tickets", ida.auth);
    ASK(&vault, 403, NULL, "GET", "/v1/staff", hal.auth);
    ASK(&vault, 403, NULL, "GET", "/v1/staff", h.owner_auth);
    ASK(&vault, 403, NULL, "GET", "/v1/tickets", provider.auth);
    ASK(&vault, 403, NULL, "GET", "/v1/tickets", h.writer_auth);
    uint8_t hash[32] = {5};
    ASK(&vault, 400, NULL, "POST", "/v1/staff/invites", provider.auth,
        .json = json_pack("{s:s,s:[s,s],s:o}", "name", "both", "roles", "administrator", "agent", "code_hash",
                          json_base64(BYTES_OF(hash))));
    ASK(&vault, 403, NULL, "POST", "/v1/staff/invites", ida.auth,
        .json = json_pack("{s:s,s:[s],s:o}", "name", "more", "roles", "agent", "code_hash",
                          json_base64(BYTES_OF(hash))));
}

static void test_tickets(void **state) {
    AUTO(member_clear) struct member jo = {0};
    AUTO(answer_clear) struct answer a = {0}, b = {0}, e = {0};
    struct household h, other;
    struct listener waiting;
    char ticket[33], path[128], say[128];
    household_make(&vault, &h);
    household_make(&vault, &other);
    member_make(&vault, &provider, "jo", STAFF_AGENT, &jo);
    ticket_open(&h, ticket);
    ASK(&vault, 409, NULL, "POST", "/v1/tickets", other.owner_auth,
        .json = json_pack("{s:s,s:o}", "ticket", ticket, "message", message_json(100)));
    snprintf(path, sizeof path, "/v1/tickets/%s", ticket);
    snprintf(say, sizeof say, "/v1/tickets/%s/messages", ticket);
    ASK(&vault, 404, NULL, "GET", path, other.owner_auth);
    ASK(&vault, 404, NULL, "POST", say, other.owner_auth,
        .json = json_pack("{s:o}", "message", message_json(60)));
    ASK(&vault, 200, &a, "GET", path, jo.auth);
    assert_int_equal(json_array_size(json_object_get(a.json, "messages")), 1);
    /* A long poll is woken by the next word. */
    snprintf(path, sizeof path, "/v1/tickets/%s?after=1&wait_s=25", ticket);
    listener_start(&waiting, &vault, path, h.owner_auth, false);
    ASK(&vault, 201, NULL, "POST", say, jo.auth, .json = json_pack("{s:o}", "message", message_json(60)));
    AUTO(blob_clear) struct blob got = {0};
    assert_true(listener_wait(&waiting, 20, &got));
    assert_non_null(memmem(got.data, got.len, "\"staff\"", 7));
    listener_stop(&waiting);
    /* Staff write to both, since the owner would not see it else. */
    ASK(&vault, 400, NULL, "POST", say, jo.auth,
        .json = json_pack("{s:{s:s}}", "message", "desk",
                          "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
    snprintf(path, sizeof path, "/v1/tickets/%s/close", ticket);
    ASK(&vault, 404, NULL, "POST", path, other.owner_auth);
    ASK(&vault, 204, NULL, "POST", path, jo.auth);
    ASK(&vault, 403, &b, "POST", say, h.owner_auth, .json = json_pack("{s:o}", "message", message_json(60)));
    assert_non_null(strstr(answer_text(&b, "message"), "closed"));
    ASK(&vault, 200, &e, "GET", "/v1/tickets", h.owner_auth);
    json_t *one = json_array_get(json_object_get(e.json, "tickets"), 0);
    assert_string_equal(json_string_value(json_object_get(one, "state")), "closed");
}

static void support_open(const struct member *m, const uint8_t grant[GRANT_ID_BYTES], const char *auth,
                         long status, struct answer *out, char token[128]) {
    AUTO(answer_clear) struct answer asked = {0};
    AUTO(blob_clear) struct blob challenge = {0};
    uint8_t signature[SIGNATURE_BYTES];
    char path[128];
    ASK(&vault, 200, &asked, "GET", "/v1/access/challenge");
    const char *text = answer_text(&asked, "challenge");
    assert_int_equal(base64_decode(text, strlen(text), &challenge), ERR_OK);
    assert_int_equal(grant_open_sign(&m->sign, blob_bytes(&challenge), grant, signature), ERR_OK);
    ASK(&vault, status, out, "POST", grant_path(grant, "/open", path), auth,
        .json = json_pack("{s:s,s:o}", "challenge", text, "signature", json_base64(BYTES_OF(signature))));
    if (status == 200) snprintf(token, 128, "Access %s", answer_text(out, "token"));
}

/* A grant for support is for a certified agent and an open ticket; it ends with either. */
static void test_grant_for_support(void **state) {
    AUTO(member_clear) struct member lea = {0}, max = {0};
    AUTO(answer_clear) struct answer a = {0}, b = {0}, e = {0}, g = {0}, h = {0};
    AUTO(blob_clear) struct blob raw = {0};
    struct sharing s;
    char ticket[33], path[128], token[128] = "", timeline[128];
    uint32_t now = wall_slot(wall_now());
    sharing_make(&vault, &s);
    member_make(&vault, &provider, "lea", STAFF_AGENT, &lea);
    member_make(&vault, &provider, "max", STAFF_AGENT, &max);
    ticket_open(&s.h, ticket);
    struct grantee agent = {.sign = lea.sign, .box = lea.box};
    struct grant_statement statement = sharing_statement(&s, &agent, now - 600, now);
    statement.purpose = GRANT_SUPPORT;
    statement.live = false;
    statement.witness_count = 1;
    memcpy(statement.witnesses[0], s.sign.public_key, sizeof statement.witnesses[0]);
    snprintf(statement.ticket, sizeof statement.ticket, "00112233445566778899aabbccddeeff");
    sharing_issue(&s, &statement, &raw);
    sharing_post(&vault, &s, blob_bytes(&raw), 403, &a); /* no such ticket */
    memcpy(statement.ticket, ticket, sizeof ticket);
    statement.grantee[0] ^= 1;
    sharing_issue(&s, &statement, &raw);
    sharing_post(&vault, &s, blob_bytes(&raw), 403, &b); /* another box than the certified one */
    statement.grantee[0] ^= 1;
    sharing_give(&vault, &s, &statement);
    support_open(&lea, statement.id, NULL, 403, &e, token);     /* without an agent's access */
    support_open(&lea, statement.id, max.auth, 403, &g, token); /* with another agent's */
    assert_non_null(strstr(answer_text(&g, "message"), "another agent"));
    support_open(&lea, statement.id, lea.auth, 200, &h, token);
    snprintf(timeline, sizeof timeline, "/v1/timeline?camera=%s&from=0&to=4294967295", s.porch.hex);
    ASK(&vault, 200, NULL, "GET", timeline, token);
    snprintf(path, sizeof path, "/v1/tickets/%s/close", ticket);
    ASK(&vault, 204, NULL, "POST", path, s.h.owner_auth);
    AUTO(answer_clear) struct answer closed = {0}, again = {0};
    ASK(&vault, 403, &closed, "GET", timeline, token);
    assert_non_null(strstr(answer_text(&closed, "message"), "closed"));
    support_open(&lea, statement.id, lea.auth, 403, &again, token);
    sharing_clear(&s);
}

/* A key that changes is public, and whom the former certified is out. Last: it ends what the others made. */
static void test_swapped_key(void **state) {
    AUTO(member_clear) struct member kim = {0};
    AUTO(answer_clear) struct answer a = {0};
    struct provider next;
    member_make(&vault, &provider, "kim", STAFF_AGENT, &kim);
    uint64_t before = log_count("staff.key", NULL, NULL);
    provider_make(&vault, key_path, &next);
    assert_int_equal(log_count("staff.key", NULL, NULL), before + 1);
    ASK(&vault, 401, &a, "GET", "/v1/tickets", kim.auth);
    ASK(&vault, 401, NULL, "GET", "/v1/staff", provider.auth);
    ASK(&vault, 200, NULL, "GET", "/v1/staff", next.auth);
    provider = next;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key_is_told),
        cmocka_unit_test(test_provider_proves),
        cmocka_unit_test(test_life_of_an_agent),
        cmocka_unit_test(test_no_second_factor),
        cmocka_unit_test(test_revoked_ends_at_once),
        cmocka_unit_test(test_expired),
        cmocka_unit_test(test_duties_are_apart),
        cmocka_unit_test(test_tickets),
        cmocka_unit_test(test_nothing_of_a_household),
        cmocka_unit_test(test_grant_for_support),
        cmocka_unit_test(test_swapped_key),
    };
    return cmocka_run_group_tests_name("staff", tests, start, vault_stop);
}
