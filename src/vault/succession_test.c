/* A household's keys are succeeded: over HTTP, against the real daemon. */
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "crypto/hash.h"
#include "format/succession.h"
#include "tlog/log_entry.h"
#include "vault/grant_fixture.h"

struct successor {
    struct sign_key sign;
    struct box_key box;
    struct blob statement;
};

static void successor_clear(struct successor *s) {
    blob_clear(&s->statement);
}

static void successor_make(const uint8_t household[16], const struct sign_key *former, uint32_t n,
                           struct successor *out) {
    struct succession s = {.n = n, .time = wall_slot(wall_now())};
    sign_key_generate(&out->sign);
    box_key_generate(&out->box);
    memcpy(s.household, household, sizeof s.household);
    memcpy(s.box, out->box.public_key, sizeof s.box);
    out->statement.len = 0;
    assert_int_equal(succession_make(&s, former, &out->sign, &out->statement), ERR_OK);
}

static void put(const struct sharing *s, const struct successor *next, long status, const char *error) {
    AUTO(answer_clear) struct answer a = {0};
    ASK(&vault, status, &a, "PUT", "/v1/household", s->h.owner_auth,
        .json = json_pack("{s:o}", "succession", json_base64(blob_bytes(&next->statement))));
    if (error) assert_string_equal(answer_text(&a, "error"), error);
}

static size_t chain_of(const struct sharing *s, struct succession_chain *chain) {
    AUTO(answer_clear) struct answer a = {0};
    struct diag d = {0};
    ASK(&vault, 200, &a, "GET", "/v1/household", s->h.owner_auth);
    if (succession_chain_parse(json_object_get(a.json, "succession"), chain, &d)) fail_msg("%s", d.text);
    return chain->count;
}

/* Kinds of the household's entries in the log; their details may be sealed to any of its keys. */
static unsigned logged(const struct sharing *s, const struct box_key *box) {
    AUTO(answer_clear) struct answer a = {0};
    unsigned count = 0;
    size_t i;
    json_t *row;
    ASK(&vault, 200, &a, "GET", "/v1/log/mine", s->h.owner_auth);
    json_array_foreach(json_object_get(a.json, "entries"), i, row) {
        AUTO(blob_clear) struct blob raw = {0}, details = {0};
        struct log_entry entry;
        const char *text = json_string_value(json_array_get(row, 2));
        assert_int_equal(base64_decode(text, strlen(text), &raw), ERR_OK);
        assert_int_equal(log_entry_decode(blob_bytes(&raw), &entry, NULL), ERR_OK);
        if (strcmp(entry.kind, "household.succeed") != 0) continue;
        count++;
        assert_int_equal(box_open(box, LOG_BOX_INFO, BYTES_OF(entry.tag), entry.details, &details), ERR_OK);
        AUTO(json_release) json_t *said = json_loadb((const char *)details.data, details.len, 0, NULL);
        assert_int_equal(json_integer_value(json_object_get(said, "n")), count);
    }
    return count;
}

static void test_succeeded(void **state) {
    struct sharing s;
    AUTO(successor_clear) struct successor next = {0}, odd = {0};
    static struct succession_chain chain;
    uint8_t id[16];
    sharing_make(&vault, &s);
    memcpy(id, s.h.id, sizeof id);
    assert_int_equal(chain_of(&s, &chain), 0);
    /* By another key, another number, of another household: none of them is one. */
    successor_make(id, &s.porch.hub, 1, &odd);
    put(&s, &odd, 409, "conflict");
    successor_make(id, &s.sign, 2, &odd);
    put(&s, &odd, 409, "conflict");
    id[0] ^= 1;
    successor_make(id, &s.sign, 1, &odd);
    put(&s, &odd, 400, "invalid");
    id[0] ^= 1;
    successor_make(id, &s.sign, 1, &next);
    next.statement.data[next.statement.len - 1] ^= 1;
    put(&s, &next, 403, NULL);
    next.statement.data[next.statement.len - 1] ^= 1;
    put(&s, &next, 204, NULL);
    put(&s, &next, 204, NULL); /* an answer was lost: the same again */
    assert_int_equal(chain_of(&s, &chain), 1);
    assert_memory_equal(chain.links[0].statement.sign, next.sign.public_key, 32);
    assert_int_equal(logged(&s, &next.box), 1);
    /* The former key hands over once. */
    successor_make(id, &s.sign, 1, &odd);
    put(&s, &odd, 409, "conflict");
    successor_make(id, &s.sign, 2, &odd);
    put(&s, &odd, 409, "conflict");
    assert_int_equal(logged(&s, &next.box), 1);
    sharing_clear(&s);
}

static void test_the_request_is_one_of_two(void **state) {
    struct sharing s;
    AUTO(successor_clear) struct successor next = {0};
    sharing_make(&vault, &s);
    successor_make(s.h.id, &s.sign, 1, &next);
    ASK(&vault, 400, NULL, "PUT", "/v1/household", s.h.owner_auth, .json = json_object());
    ASK(&vault, 400, NULL, "PUT", "/v1/household", s.h.owner_auth,
        .json = json_pack("{s:o,s:o}", "succession", json_base64(blob_bytes(&next.statement)), "sign",
                          json_base64(BYTES_OF(s.sign.public_key))));
    ASK(&vault, 403, NULL, "PUT", "/v1/household", s.h.writer_auth,
        .json = json_pack("{s:o}", "succession", json_base64(blob_bytes(&next.statement))));
    sharing_clear(&s);
}

/* From then on what the household signs is by the new key alone; what was given goes on, with the chain. */
static void test_grants_follow(void **state) {
    struct sharing s;
    struct grantee g;
    AUTO(successor_clear) struct successor next = {0};
    AUTO(answer_clear) struct answer opened = {0};
    AUTO(blob_clear) struct blob raw = {0};
    static struct succession_chain chain;
    uint32_t now = wall_slot(wall_now());
    sharing_make(&vault, &s);
    grantee_make(&g);
    struct grant_statement one = sharing_statement(&s, &g, now - 60, now + 600),
                           two = sharing_statement(&s, &g, now - 60, now + 600);
    sharing_give(&vault, &s, &one);
    sharing_open(&vault, &g, one.id, 200, NULL, &opened);
    assert_null(json_object_get(opened.json, "succession"));
    successor_make(s.h.id, &s.sign, 1, &next);
    put(&s, &next, 204, NULL);
    sharing_open(&vault, &g, one.id, 200, NULL, &opened);
    assert_int_equal(succession_chain_parse(json_object_get(opened.json, "succession"), &chain, NULL),
                     ERR_OK);
    assert_int_equal(chain.count, 1);
    /* By the former key: neither a grant, nor one again, nor an end. */
    sharing_issue(&s, &two, &raw);
    sharing_post(&vault, &s, blob_bytes(&raw), 403, NULL);
    sharing_revoke(&vault, &s, one.id, 403);
    struct sign_key former = s.sign;
    s.sign = next.sign;
    sharing_issue(&s, &two, &raw);
    sharing_post(&vault, &s, blob_bytes(&raw), 201, NULL);
    sharing_revoke(&vault, &s, one.id, 200); /* one that the former key had given */
    sharing_open(&vault, &g, one.id, 403, NULL, NULL);
    sign_key_clear(&former);
    sharing_clear(&s);
}

/* A vault that was killed knows the chain when it comes back, and does not log twice what it is told again.
 */
static void test_kept_over_a_restart(void **state) {
    struct sharing s;
    AUTO(successor_clear) struct successor one = {0}, two = {0};
    static struct succession_chain chain;
    sharing_make(&vault, &s);
    successor_make(s.h.id, &s.sign, 1, &one);
    put(&s, &one, 204, NULL);
    daemon_stop(&vault, SIGKILL);
    daemon_start(&vault);
    assert_int_equal(chain_of(&s, &chain), 1);
    put(&s, &one, 204, NULL);
    assert_int_equal(logged(&s, &one.box), 1);
    successor_make(s.h.id, &one.sign, 2, &two);
    put(&s, &two, 204, NULL);
    assert_int_equal(chain_of(&s, &chain), 2);
    sharing_clear(&s);
}

/* As a vault leaves its index that ended before it noted that the log has it, or before the log had it. */
static void forget_logged(const struct sharing *s, uint32_t n) {
    char path[300], sql[200], hex[33];
    sqlite3 *db = NULL;
    hex_encode(BYTES_OF(s->h.id), hex);
    snprintf(path, sizeof path, "%s/index/index.db", vault.folder);
    snprintf(sql, sizeof sql, "UPDATE successions SET logged=0 WHERE household=x'%s' AND n=%u", hex, n);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) fail_msg("%s", sqlite3_errmsg(db));
    assert_int_equal(sqlite3_changes(db), 1);
    sqlite3_close(db);
}

static void succeed_in_the_index_alone(const struct sharing *s, const struct successor *next) {
    char path[300], sql[400], id[33], sign[65], box[65];
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    hex_encode(BYTES_OF(s->h.id), id);
    hex_encode(BYTES_OF(next->sign.public_key), sign);
    hex_encode(BYTES_OF(next->box.public_key), box);
    snprintf(path, sizeof path, "%s/index/index.db", vault.folder);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    snprintf(sql, sizeof sql, "UPDATE households SET sign=x'%s', box=x'%s' WHERE household=x'%s'", sign, box,
             id);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) fail_msg("%s", sqlite3_errmsg(db));
    snprintf(sql, sizeof sql,
             "INSERT INTO successions(household, n, sign, box, statement) VALUES(x'%s', 1, x'%s', x'%s', ?1)",
             id, sign, box);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    sqlite3_bind_blob(stmt, 1, next->statement.data, (int)next->statement.len, SQLITE_STATIC);
    assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
}

static void test_logged_once_whatever_was_cut_off(void **state) {
    struct sharing s;
    AUTO(successor_clear) struct successor next = {0};
    sharing_make(&vault, &s);
    successor_make(s.h.id, &s.sign, 1, &next);
    put(&s, &next, 204, NULL);
    forget_logged(&s, 1);
    put(&s, &next, 204, NULL);
    assert_int_equal(logged(&s, &next.box), 1);
    sharing_clear(&s);
    /* The other side: the index has it, and the log does not. */
    sharing_make(&vault, &s);
    successor_make(s.h.id, &s.sign, 1, &next);
    succeed_in_the_index_alone(&s, &next);
    assert_int_equal(logged(&s, &next.box), 0);
    put(&s, &next, 204, NULL);
    put(&s, &next, 204, NULL);
    assert_int_equal(logged(&s, &next.box), 1);
    sharing_clear(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_succeeded),
        cmocka_unit_test(test_the_request_is_one_of_two),
        cmocka_unit_test(test_grants_follow),
        cmocka_unit_test(test_kept_over_a_restart),
        cmocka_unit_test(test_logged_once_whatever_was_cut_off),
    };
    return cmocka_run_group_tests(tests, vault_start, vault_stop);
}
