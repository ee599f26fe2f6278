/* What every driver of desk.h does. Usage: desk_conformance sqlite|memory */
#include "conformance.h"

#include "store/backup.h"

static const char *driver = "sqlite";

struct fixture {
    char folder[64];
    char path[PATH_TEXT_BYTES];
    struct desk *desk;
};

static void open_desk(struct fixture *f) {
    if (strcmp(driver, "memory") == 0)
        assert_ok(desk_memory_open(&f->desk, D));
    else
        assert_ok(desk_sqlite_open(f->path, &f->desk, D));
}

static int setup(void **state) {
    struct fixture *f = test_calloc(1, sizeof *f);
    folder_make_fleeting(f->folder);
    assert_ok(path_join(f->path, f->folder, "desk.db"));
    open_desk(f);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    AUTO(blob_clear) struct blob report = {0};
    assert_ok(f->desk->ops->check(f->desk, &report, D));
    assert_int_equal(report.len, 0);
    desk_release(&f->desk);
    folder_remove(f->folder);
    test_free(f);
    return 0;
}

static uint64_t invite(struct desk *desk, const char *name, uint32_t code) {
    struct store_key hash = key_of(code);
    uint64_t number = 0;
    assert_ok(desk->ops->member_invite(desk, name, 1, &hash, 100, 1000, &number, D));
    return number;
}

static err request(struct desk *desk, uint32_t code, uint32_t account, uint32_t sign, uint32_t now,
                   struct desk_member *out) {
    struct store_key c = key_of(code), a = key_of(account), s = key_of(sign), b = key_of(sign + 500);
    return desk->ops->member_request(desk, &c, &a, &s, &b, now, out, D);
}

static err certify(struct desk *desk, uint64_t number, uint32_t sign, const char *text) {
    struct desk_certification c = {.number = number,
                                   .sign = key_of(sign),
                                   .by = key_of(77),
                                   .certificate = bytes_text(text),
                                   .secret = bytes_text("secret"),
                                   .expires = 9000};
    return desk->ops->member_certify(desk, &c, 300, D);
}

static void test_member_life(void **state) {
    struct fixture *f = *state;
    const struct desk_ops *ops = f->desk->ops;
    AUTO(desk_member_clear) struct desk_member m = {0};
    struct store_key code = key_of(1), other = key_of(3), account = key_of(20), sign = key_of(30),
                     by = key_of(77);
    uint64_t number = 0, ann = invite(f->desk, "ann", 1), ben = invite(f->desk, "ben", 2);
    assert_int_equal(ann, 1);
    assert_int_equal(ben, 2);
    assert_err(ops->member_invite(f->desk, "ann", 1, &other, 100, 1000, &number, D), ERR_EXISTS);
    assert_err(ops->member_invite(f->desk, "cleo", 1, &code, 100, 1000, &number, D), ERR_EXISTS);
    assert_err(certify(f->desk, ann, 30, "certificate"), ERR_NOT_FOUND);

    assert_ok(ops->invite_open(f->desk, &code, 999, D));
    assert_err(ops->invite_open(f->desk, &code, 1000, D), ERR_NOT_FOUND);
    assert_err(ops->invite_open(f->desk, &other, 200, D), ERR_NOT_FOUND);
    assert_err(request(f->desk, 9, 20, 30, 200, &m), ERR_NOT_FOUND);
    assert_err(request(f->desk, 1, 20, 30, 1000, &m), ERR_NOT_FOUND); /* expired */
    assert_ok(request(f->desk, 1, 20, 30, 999, &m));
    assert_int_equal(m.state, DESK_REQUESTED);
    assert_string_equal(m.name, "ann");
    assert_ok(request(f->desk, 1, 20, 30, 5000, &m)); /* the same again, late */
    assert_err(ops->invite_open(f->desk, &code, 200, D), ERR_NOT_FOUND);
    assert_err(request(f->desk, 1, 21, 31, 200, &m), ERR_EXISTS);
    assert_err(request(f->desk, 2, 20, 31, 200, &m), ERR_EXISTS); /* that account is ann's */
    assert_err(request(f->desk, 2, 21, 30, 200, &m), ERR_EXISTS); /* that key */

    assert_err(certify(f->desk, ann, 31, "certificate"), ERR_NOT_FOUND);
    assert_ok(certify(f->desk, ann, 30, "certificate"));
    assert_ok(certify(f->desk, ann, 30, "renewed"));
    assert_ok(ops->member_of_account(f->desk, &account, &m, D));
    assert_int_equal(m.number, ann);
    assert_int_equal(m.expires, 9000);
    assert_true(bytes_equal(blob_bytes(&m.certificate), bytes_text("renewed")));
    assert_true(bytes_equal(blob_bytes(&m.secret), bytes_text("secret")));
    assert_true(store_key_equal(&m.by, &by));

    assert_ok(ops->member_revoke(f->desk, ann, 400, D));
    assert_err(ops->member_revoke(f->desk, ann, 400, D), ERR_EXISTS);
    assert_err(ops->member_revoke(f->desk, 99, 400, D), ERR_NOT_FOUND);
    assert_err(ops->member_of_account(f->desk, &account, &m, D), ERR_NOT_FOUND);
    assert_ok(ops->member_of_key(f->desk, &sign, &m, D)); /* is still known, as revoked */
    assert_int_equal(m.state, DESK_REVOKED);
    assert_int_equal(m.secret.len, 0);
    assert_err(certify(f->desk, ann, 30, "again"), ERR_NOT_FOUND);
    assert_int_equal(invite(f->desk, "ann", 5), 3); /* the name is free again, the number is not */
}

static err count_member(void *arg, const struct desk_member *m) {
    ++*(size_t *)arg;
    return ERR_OK;
}

static void test_invitation_expires(void **state) {
    struct fixture *f = *state;
    struct store_key code = key_of(2);
    uint64_t number = 0;
    size_t count = 0;
    invite(f->desk, "ann", 1);
    assert_err(f->desk->ops->member_invite(f->desk, "ann", 1, &code, 999, 2000, &number, D), ERR_EXISTS);
    assert_ok(f->desk->ops->member_invite(f->desk, "ann", 1, &code, 1000, 2000, &number, D));
    assert_int_equal(number, 2);
    assert_ok(f->desk->ops->member_list(f->desk, count_member, &count, D));
    assert_int_equal(count, 1);
}

static void test_members_limit(void **state) {
    struct fixture *f = *state;
    struct store_key code = key_of(5000);
    uint64_t number = 0;
    char name[16], large[DESK_NAME_CHARS + 2];
    memset(large, 'a', sizeof large);
    large[DESK_NAME_CHARS + 1] = 0;
    assert_err(f->desk->ops->member_invite(f->desk, large, 1, &code, 1, 2000, &number, D), ERR_LIMIT);
    large[DESK_NAME_CHARS] = 0;
    invite(f->desk, large, 4999);
    for (uint32_t i = 1; i < DESK_MEMBERS_MAX; i++) {
        snprintf(name, sizeof name, "m%u", i);
        invite(f->desk, name, i);
    }
    assert_err(f->desk->ops->member_invite(f->desk, "one more", 1, &code, 1, 2000, &number, D), ERR_LIMIT);
}

struct seen {
    uint32_t count, last_n, staff;
    char text[32];
};

static err see_message(void *arg, uint32_t n, bool staff, uint32_t time, struct bytes message) {
    struct seen *s = arg;
    s->count++;
    s->last_n = n;
    s->staff += staff;
    snprintf(s->text, sizeof s->text, "%.*s", (int)message.len, (const char *)message.data);
    return ERR_OK;
}

static err see_ticket(void *arg, const struct desk_ticket *t) {
    struct seen *s = arg;
    s->count++;
    s->last_n = t->messages;
    return ERR_OK;
}

static void test_ticket_life(void **state) {
    struct fixture *f = *state;
    const struct desk_ops *ops = f->desk->ops;
    struct store_id ticket = id_of(1), other = id_of(2), home = id_of(10), neighbour = id_of(11);
    struct desk_ticket t;
    struct seen s = {0};
    uint32_t n = 0;
    assert_err(ops->ticket_get(f->desk, &ticket, NULL, &t, D), ERR_NOT_FOUND);
    assert_ok(ops->ticket_open(f->desk, &ticket, &home, bytes_text("one"), 100, D));
    assert_err(ops->ticket_open(f->desk, &ticket, &neighbour, bytes_text("one"), 100, D), ERR_EXISTS);
    assert_err(ops->ticket_get(f->desk, &ticket, &neighbour, &t, D), ERR_NOT_FOUND);
    assert_err(ops->message_add(f->desk, &ticket, &neighbour, bytes_text("x"), 101, &n, D), ERR_NOT_FOUND);
    assert_err(ops->ticket_close(f->desk, &ticket, &neighbour, 101, D), ERR_NOT_FOUND);
    assert_err(ops->message_add(f->desk, &other, NULL, bytes_text("x"), 101, &n, D), ERR_NOT_FOUND);
    assert_ok(ops->message_add(f->desk, &ticket, NULL, bytes_text("two"), 110, &n, D));
    assert_int_equal(n, 2);
    assert_ok(ops->message_add(f->desk, &ticket, &home, bytes_text("three"), 120, &n, D));
    assert_ok(ops->message_list(f->desk, &ticket, 1, see_message, &s, D));
    assert_int_equal(s.count, 2);
    assert_int_equal(s.staff, 1);
    assert_string_equal(s.text, "three");
    assert_ok(ops->ticket_get(f->desk, &ticket, NULL, &t, D));
    assert_int_equal(t.messages, 3);
    assert_int_equal(t.last, 120);
    assert_true(store_id_equal(&t.household, &home));
    assert_ok(ops->ticket_close(f->desk, &ticket, NULL, 130, D));
    assert_ok(ops->ticket_close(f->desk, &ticket, &home, 130, D));
    assert_err(ops->message_add(f->desk, &ticket, &home, bytes_text("x"), 140, &n, D), ERR_DENIED);
    s = (struct seen){0};
    assert_ok(ops->ticket_list(f->desk, &neighbour, see_ticket, &s, D));
    assert_int_equal(s.count, 0);
    assert_ok(ops->ticket_list(f->desk, NULL, see_ticket, &s, D));
    assert_int_equal(s.count, 1);
}

static void test_ticket_limits(void **state) {
    struct fixture *f = *state;
    const struct desk_ops *ops = f->desk->ops;
    struct store_id home = id_of(10), neighbour = id_of(11), first = id_of(1000), one;
    uint32_t n = 0;
    uint8_t *large = test_calloc(1, DESK_MESSAGE_MAX_BYTES + 1);
    assert_err(ops->ticket_open(f->desk, &first, &home, BYTES(large, DESK_MESSAGE_MAX_BYTES + 1), 1, D),
               ERR_LIMIT);
    assert_ok(ops->ticket_open(f->desk, &first, &home, BYTES(large, DESK_MESSAGE_MAX_BYTES), 1, D));
    assert_err(ops->message_add(f->desk, &first, NULL, BYTES(large, DESK_MESSAGE_MAX_BYTES + 1), 1, &n, D),
               ERR_LIMIT);
    test_free(large);
    for (uint32_t i = 2; i <= DESK_MESSAGES_MAX; i++)
        assert_ok(ops->message_add(f->desk, &first, NULL, bytes_text("m"), 2, &n, D));
    assert_int_equal(n, DESK_MESSAGES_MAX);
    assert_err(ops->message_add(f->desk, &first, NULL, bytes_text("m"), 2, &n, D), ERR_LIMIT);

    for (uint32_t i = 1; i < DESK_TICKETS_OPEN_MAX; i++) {
        one = id_of(1000 + i);
        assert_ok(ops->ticket_open(f->desk, &one, &home, bytes_text("t"), 10 + i, D));
    }
    one = id_of(5000);
    assert_err(ops->ticket_open(f->desk, &one, &home, bytes_text("t"), 100, D), ERR_LIMIT);
    assert_ok(ops->ticket_open(f->desk, &one, &neighbour, bytes_text("t"), 100, D)); /* of others not */
    assert_ok(ops->ticket_close(f->desk, &first, NULL, 100, D));
    one = id_of(5001);
    assert_ok(ops->ticket_open(f->desk, &one, &home, bytes_text("t"), 100, D));
}

/* Closed ones are kept, and the one that was silent longest gives way. */
static void test_tickets_forgotten(void **state) {
    struct fixture *f = *state;
    const struct desk_ops *ops = f->desk->ops;
    struct store_id home = id_of(10), neighbour = id_of(11), one = id_of(1);
    struct desk_ticket t;
    struct seen s = {0};
    assert_ok(ops->ticket_open(f->desk, &one, &neighbour, bytes_text("kept"), 1, D));
    assert_ok(ops->ticket_close(f->desk, &one, NULL, 1, D));
    for (uint32_t i = 0; i < DESK_TICKETS_MAX; i++) {
        one = id_of(10000 + i);
        assert_ok(ops->ticket_open(f->desk, &one, &home, bytes_text("t"), 10 + i, D));
        assert_ok(ops->ticket_close(f->desk, &one, NULL, 10 + i, D));
    }
    one = id_of(10000);
    assert_ok(ops->ticket_get(f->desk, &one, &home, &t, D));
    one = id_of(20000);
    assert_ok(ops->ticket_open(f->desk, &one, &home, bytes_text("t"), 9999, D));
    one = id_of(10000);
    assert_err(ops->ticket_get(f->desk, &one, &home, &t, D), ERR_NOT_FOUND);
    assert_ok(ops->message_list(f->desk, &one, 0, see_message, &s, D));
    assert_int_equal(s.count, 0);
    one = id_of(1);
    assert_ok(ops->message_list(f->desk, &one, 0, see_message, &s, D));
    assert_int_equal(s.count, 1);
}

static err see_alarm(void *arg, const struct desk_alarm *a) {
    struct seen *s = arg;
    s->count++;
    s->last_n = a->rule;
    return ERR_OK;
}

static void test_alarms(void **state) {
    struct fixture *f = *state;
    struct seen s = {0};
    struct desk_alarm a = {.entry = 7, .time = 100, .rule = 1, .value = 13, .actor = {1}};
    assert_ok(f->desk->ops->alarm_add(f->desk, &a, D));
    assert_err(f->desk->ops->alarm_add(f->desk, &a, D), ERR_EXISTS);
    a.rule = 2;
    assert_ok(f->desk->ops->alarm_add(f->desk, &a, D));
    a.actor[0] = 2;
    assert_ok(f->desk->ops->alarm_add(f->desk, &a, D));
    assert_ok(f->desk->ops->alarm_list(f->desk, see_alarm, &s, D));
    assert_int_equal(s.count, 3);
    assert_int_equal(s.last_n, 1); /* newest first */
}

static void test_uses(void **state) {
    struct fixture *f = *state;
    struct store_id home = id_of(10), got;
    assert_err(f->desk->ops->use_get(f->desk, 7, &got, D), ERR_NOT_FOUND);
    assert_ok(f->desk->ops->use_add(f->desk, 7, &home, D));
    assert_ok(f->desk->ops->use_get(f->desk, 7, &got, D));
    assert_true(store_id_equal(&got, &home));
}

static void test_reopen_and_copy(void **state) {
    struct fixture *f = *state;
    char copy[PATH_TEXT_BYTES];
    struct store_id ticket = id_of(1), home = id_of(10);
    struct desk_ticket t;
    assert_ok(path_join(copy, f->folder, "copy.sqlite"));
    assert_ok(f->desk->ops->ticket_open(f->desk, &ticket, &home, bytes_text("one"), 100, D));
    if (strcmp(driver, "memory") == 0) {
        assert_err(f->desk->ops->copy(f->desk, copy, D), ERR_UNSUPPORTED);
        return;
    }
    assert_ok(f->desk->ops->copy(f->desk, copy, D));
    assert_err(f->desk->ops->copy(f->desk, copy, D), ERR_EXISTS);
    desk_release(&f->desk);
    open_desk(f);
    assert_ok(f->desk->ops->ticket_get(f->desk, &ticket, &home, &t, D));
    char restored[PATH_TEXT_BYTES];
    assert_ok(path_join(restored, f->folder, "restored.sqlite"));
    assert_ok(restore_desk(f->folder, restored, D)); /* a backup without a desk */
    assert_int_not_equal(access(restored, F_OK), 0);
    assert_ok(backup_desk(f->desk, f->folder, D));
    assert_ok(restore_desk(f->folder, restored, D));
    assert_err(restore_desk(f->folder, restored, D), ERR_EXISTS);
    struct desk *other = NULL;
    assert_ok(desk_sqlite_open(restored, &other, D));
    assert_ok(other->ops->ticket_get(other, &ticket, &home, &t, D));
    desk_release(&other);
    assert_ok(desk_sqlite_open(copy, &other, D));
    assert_ok(other->ops->ticket_get(other, &ticket, &home, &t, D));
    desk_release(&other);
}

int main(int argc, char **argv) {
    if (argc > 1) driver = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_member_life, setup, teardown),
        cmocka_unit_test_setup_teardown(test_invitation_expires, setup, teardown),
        cmocka_unit_test_setup_teardown(test_members_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ticket_life, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ticket_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tickets_forgotten, setup, teardown),
        cmocka_unit_test_setup_teardown(test_alarms, setup, teardown),
        cmocka_unit_test_setup_teardown(test_uses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reopen_and_copy, setup, teardown),
    };
    return cmocka_run_group_tests_name("desk", tests, NULL, NULL);
}
