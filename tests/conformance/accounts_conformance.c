/* What every driver of accounts.h does. Usage: accounts_conformance sqlite|memory */
#include "conformance.h"

#include <pthread.h>

#include "store/accounts.h"

static const char *driver = "sqlite";

struct fixture {
    char folder[64];
    char path[PATH_TEXT_BYTES];
    struct accounts *accounts;
};

static void open_accounts(const char *path, struct accounts **out) {
    if (strcmp(driver, "memory") == 0)
        assert_ok(accounts_memory_open(out, D));
    else
        assert_ok(accounts_sqlite_open(path, out, D));
}

static int setup(void **state) {
    struct fixture *f = test_calloc(1, sizeof *f);
    folder_make_fleeting(f->folder);
    assert_ok(path_join(f->path, f->folder, "accounts.sqlite"));
    open_accounts(f->path, &f->accounts);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    AUTO(blob_clear) struct blob report = {0};
    assert_ok(f->accounts->ops->check(f->accounts, &report, D));
    assert_int_equal(report.len, 0);
    accounts_release(&f->accounts);
    folder_remove(f->folder);
    test_free(f);
    return 0;
}

static struct account_secrets secrets_of(uint32_t n) {
    struct account_secrets s = {
        .memory_kib = 65536, .passes = 3, .auth_hash = key_of(n), .recovery_hash = key_of(n + 1)};
    memset(s.salt, (int)n, sizeof s.salt);
    return s;
}

#define SESSION(t, l, day) (&(struct account_session){.token = t, .login = l, .expires_day = day})

static void create(struct accounts *accounts, uint32_t n) {
    struct store_key login = key_of(1000 + n);
    struct account_secrets secrets = secrets_of(n);
    assert_ok(accounts->ops->create(accounts, &login, &secrets, bytes_text("sealed keyring"), D));
}

static void test_account_life(void **state) {
    struct fixture *f = *state;
    const struct accounts_ops *ops = f->accounts->ops;
    struct store_key login = key_of(1007), stranger = key_of(1);
    struct account_secrets secrets = secrets_of(7), fresh = secrets_of(8);
    AUTO(account_clear) struct account got = {0};
    assert_err(ops->get(f->accounts, &login, &got, D), ERR_NOT_FOUND);
    create(f->accounts, 7);
    assert_err(ops->create(f->accounts, &login, &fresh, bytes_text("other"), D), ERR_EXISTS);
    assert_ok(ops->get(f->accounts, &login, &got, D));
    assert_int_equal(got.version, 1);
    assert_memory_equal(&got.secrets, &secrets, sizeof secrets); /* not the refused one's */
    assert_true(bytes_equal(blob_bytes(&got.keyring), bytes_text("sealed keyring")));

    assert_err(ops->update(f->accounts, &login, 1, bytes_text("x"), NULL, NULL, NULL, 0, D), ERR_CONFLICT);
    assert_err(ops->update(f->accounts, &login, 3, bytes_text("x"), NULL, NULL, NULL, 0, D), ERR_CONFLICT);
    assert_err(ops->update(f->accounts, &stranger, 2, bytes_text("x"), NULL, NULL, NULL, 0, D),
               ERR_NOT_FOUND);
    assert_ok(ops->update(f->accounts, &login, 2, bytes_text("second"), NULL, NULL, NULL, 0, D));
    assert_ok(ops->get(f->accounts, &login, &got, D));
    assert_int_equal(got.version, 2);
    assert_memory_equal(&got.secrets, &secrets, sizeof secrets);
    assert_ok(ops->update(f->accounts, &login, 3, bytes_text("third"), &fresh, NULL, NULL, 0, D));
    assert_ok(ops->get(f->accounts, &login, &got, D));
    assert_memory_equal(&got.secrets, &fresh, sizeof fresh);
    assert_true(bytes_equal(blob_bytes(&got.keyring), bytes_text("third")));

    uint8_t *large = test_calloc(1, ACCOUNTS_KEYRING_MAX_BYTES + 1);
    assert_ok(ops->update(f->accounts, &login, 4, BYTES(large, ACCOUNTS_KEYRING_MAX_BYTES), NULL, NULL, NULL,
                          0, D));
    assert_err(ops->update(f->accounts, &login, 5, BYTES(large, ACCOUNTS_KEYRING_MAX_BYTES + 1), NULL, NULL,
                           NULL, 0, D),
               ERR_LIMIT);
    test_free(large);
    assert_ok(ops->remove(f->accounts, &login, D));
    assert_err(ops->remove(f->accounts, &login, D), ERR_NOT_FOUND);
    assert_err(ops->get(f->accounts, &login, &got, D), ERR_NOT_FOUND);
}

static void test_sessions(void **state) {
    struct fixture *f = *state;
    const struct accounts_ops *ops = f->accounts->ops;
    struct store_key login = key_of(1007), other = key_of(1008);
    struct account_session got;
    struct store_key a = key_of(1), b = key_of(2), c = key_of(3);
    struct account_secrets fresh = secrets_of(9);
    create(f->accounts, 7);
    create(f->accounts, 8);
    struct store_key nobody = key_of(5);
    assert_err(ops->session_add(f->accounts, SESSION(a, nobody, 100), D), ERR_NOT_FOUND);
    assert_ok(ops->session_add(f->accounts, SESSION(a, login, 100), D));
    assert_err(ops->session_add(f->accounts, SESSION(a, other, 100), D), ERR_EXISTS);
    assert_ok(ops->session_add(f->accounts, SESSION(b, login, 120), D));
    assert_ok(ops->session_add(f->accounts, SESSION(c, other, 120), D));
    assert_ok(ops->session_get(f->accounts, &a, 99, &got, D));
    assert_true(store_key_equal(&got.login, &login));
    assert_int_equal(got.expires_day, 100);
    assert_false(got.factor);
    assert_err(ops->session_get(f->accounts, &a, 100, &got, D), ERR_NOT_FOUND);
    assert_ok(ops->maintain(f->accounts, 100, D));
    assert_err(ops->session_get(f->accounts, &a, 0, &got, D), ERR_NOT_FOUND);
    assert_ok(ops->session_add(f->accounts, SESSION(a, login, 110), D));

    /* New secrets end the others of that account, and nobody else's. */
    assert_ok(ops->update(f->accounts, &login, 2, bytes_text("k"), &fresh, &b, NULL, 0, D));
    assert_err(ops->session_get(f->accounts, &a, 0, &got, D), ERR_NOT_FOUND);
    assert_ok(ops->session_get(f->accounts, &b, 0, &got, D));
    assert_ok(ops->session_get(f->accounts, &c, 0, &got, D));
    assert_ok(ops->update(f->accounts, &login, 3, bytes_text("k"), NULL, NULL, NULL, 0, D));
    assert_ok(ops->session_get(f->accounts, &b, 0, &got, D));
    assert_ok(ops->update(f->accounts, &login, 4, bytes_text("k"), &fresh, NULL, NULL, 0, D));
    assert_err(ops->session_get(f->accounts, &b, 0, &got, D), ERR_NOT_FOUND);
    assert_ok(ops->session_remove(f->accounts, &c, D));
    assert_err(ops->session_remove(f->accounts, &c, D), ERR_NOT_FOUND);
    assert_ok(ops->session_add(f->accounts, SESSION(c, other, 120), D));
    assert_ok(ops->remove(f->accounts, &other, D));
    assert_err(ops->session_get(f->accounts, &c, 0, &got, D), ERR_NOT_FOUND);
}

static void test_session_limit(void **state) {
    struct fixture *f = *state;
    const struct accounts_ops *ops = f->accounts->ops;
    struct store_key login = key_of(1007), token;
    struct account_session got;
    create(f->accounts, 7);
    for (uint32_t i = 0; i < ACCOUNTS_SESSIONS_MAX; i++) {
        token = key_of(100 + i);
        assert_ok(ops->session_add(f->accounts, SESSION(token, login, 100 + i), D));
    }
    token = key_of(100);
    assert_ok(ops->session_get(f->accounts, &token, 0, &got, D));
    struct store_key newest = key_of(500); /* that would expire first of all, and yet stays */
    assert_ok(ops->session_add(f->accounts, SESSION(newest, login, 50), D));
    assert_ok(ops->session_get(f->accounts, &newest, 0, &got, D));
    assert_err(ops->session_get(f->accounts, &token, 0, &got, D), ERR_NOT_FOUND);
    token = key_of(101);
    assert_ok(ops->session_get(f->accounts, &token, 0, &got, D));
}

static void test_session_list(void **state) {
    struct fixture *f = *state;
    const struct accounts_ops *ops = f->accounts->ops;
    struct store_key login = key_of(1007), other = key_of(1008), token = key_of(2), none = key_of(99);
    struct account_session list[ACCOUNTS_SESSIONS_MAX],
        given = {.token = key_of(1), .login = login, .expires_day = 110, .factor = true};
    size_t count = 99;
    create(f->accounts, 7);
    create(f->accounts, 8);
    assert_ok(ops->session_list(f->accounts, &login, 0, list, &count, D));
    assert_int_equal(count, 0);
    memset(given.label.bytes, 7, given.label.len = ACCOUNTS_LABEL_MAX_BYTES);
    assert_ok(ops->session_add(f->accounts, &given, D));
    assert_ok(ops->session_add(f->accounts, SESSION(token, login, 100), D));
    assert_ok(ops->session_add(f->accounts, SESSION(key_of(3), other, 100), D));
    assert_ok(ops->session_list(f->accounts, &login, 0, list, &count, D));
    assert_int_equal(count, 2);
    bool first = store_key_equal(&list[0].token, &given.token);
    const struct account_session *got = &list[!first];
    assert_true(store_key_equal(&got->token, &given.token) && store_key_equal(&got->login, &login));
    assert_true(got->factor && !list[first].factor);
    assert_int_equal(got->label.len, ACCOUNTS_LABEL_MAX_BYTES);
    assert_memory_equal(got->label.bytes, given.label.bytes, ACCOUNTS_LABEL_MAX_BYTES);
    assert_int_equal(list[first].label.len, 0);

    struct account_label label = {.len = 4, .bytes = "desk"};
    assert_ok(ops->session_label(f->accounts, &token, &label, D));
    assert_err(ops->session_label(f->accounts, &none, &label, D), ERR_NOT_FOUND);
    struct account_session one;
    assert_ok(ops->session_get(f->accounts, &token, 0, &one, D));
    assert_int_equal(one.label.len, 4);
    assert_memory_equal(one.label.bytes, "desk", 4);
    assert_ok(ops->session_list(f->accounts, &login, 100, list, &count, D)); /* the other has expired */
    assert_int_equal(count, 1);
    assert_true(store_key_equal(&list[0].token, &given.token));
}

static struct account_factor factor_of(uint8_t n) {
    struct account_factor f = {
        .id = {{n}}, .kind = ACCOUNT_FACTOR_WEBAUTHN, .algorithm = -257, .rp = "localhost"};
    memset(f.secret, n, f.secret_len = ACCOUNTS_FACTOR_SECRET_MAX_BYTES);
    memset(f.credential, n, f.credential_len = ACCOUNTS_CREDENTIAL_MAX_BYTES);
    memset(f.label.bytes, n, f.label.len = ACCOUNTS_LABEL_MAX_BYTES);
    return f;
}

static void test_factors(void **state) {
    struct fixture *f = *state;
    const struct accounts_ops *ops = f->accounts->ops;
    struct store_key login = key_of(1007), other = key_of(1008), nobody = key_of(5), owner;
    struct account_factors *got = test_calloc(1, sizeof *got);
    struct account_factor one = factor_of(1),
                          totp = {.id = {{2}}, .kind = ACCOUNT_FACTOR_TOTP, .secret_len = 36};
    struct store_id unknown = {{200}};
    create(f->accounts, 7);
    create(f->accounts, 8);
    assert_ok(ops->factor_list(f->accounts, &login, got, D));
    assert_int_equal(got->count, 0);
    assert_err(ops->factor_add(f->accounts, &nobody, &one, D), ERR_NOT_FOUND);
    assert_ok(ops->factor_add(f->accounts, &login, &totp, D));
    assert_ok(ops->factor_add(f->accounts, &login, &one, D));
    assert_err(ops->factor_add(f->accounts, &login, &one, D), ERR_EXISTS);
    assert_err(ops->factor_add(f->accounts, &other, &one, D), ERR_EXISTS); /* one key, one account */
    assert_ok(ops->factor_list(f->accounts, &login, got, D));
    assert_int_equal(got->count, 2);
    assert_memory_equal(&got->list[0], &one, sizeof one);
    assert_memory_equal(&got->list[1], &totp, sizeof totp);
    assert_ok(ops->factor_owner(f->accounts, &one.id, &owner, D));
    assert_true(store_key_equal(&owner, &login));
    assert_err(ops->factor_owner(f->accounts, &unknown, &owner, D), ERR_NOT_FOUND);

    /* Counters only rise; an authenticator that does not count stays at 0. */
    static const struct {
        uint32_t counter;
        err e;
    } counts[] = {{0, ERR_OK},       {0, ERR_OK}, {5, ERR_OK},          {5, ERR_CONFLICT},
                  {4, ERR_CONFLICT}, {6, ERR_OK}, {UINT32_MAX, ERR_OK}, {0, ERR_CONFLICT}};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        assert_err(ops->factor_count(f->accounts, &one.id, counts[i].counter, D), counts[i].e);
    assert_err(ops->factor_count(f->accounts, &unknown, 1, D), ERR_NOT_FOUND);

    assert_err(ops->factor_remove(f->accounts, &other, &one.id, D), ERR_NOT_FOUND);
    assert_ok(ops->factor_remove(f->accounts, &login, &one.id, D));
    assert_err(ops->factor_remove(f->accounts, &login, &one.id, D), ERR_NOT_FOUND);
    for (uint8_t i = 10; i < 10 + ACCOUNTS_FACTORS_MAX - 1; i++) {
        struct account_factor more = factor_of(i);
        assert_ok(ops->factor_add(f->accounts, &login, &more, D));
    }
    assert_err(ops->factor_add(f->accounts, &login, &one, D), ERR_LIMIT);
    assert_ok(ops->remove(f->accounts, &login, D));
    assert_ok(ops->factor_add(f->accounts, &other, &totp, D)); /* they went with the account */
    test_free(got);
}

/* A passkey's wrap is set with the keyring that it opens, and ends with it. */
static void test_wraps(void **state) {
    struct fixture *f = *state;
    const struct accounts_ops *ops = f->accounts->ops;
    struct store_key login = key_of(1007), other = key_of(1008);
    struct account_secrets fresh = secrets_of(9);
    struct account_factors *got = test_calloc(1, sizeof *got);
    struct account_factor a = factor_of(1), b = factor_of(2), c = factor_of(3);
    create(f->accounts, 7);
    create(f->accounts, 8);
    assert_ok(ops->factor_add(f->accounts, &login, &a, D));
    assert_ok(ops->factor_add(f->accounts, &login, &b, D));
    assert_ok(ops->factor_add(f->accounts, &other, &c, D));
    struct account_wrap wraps[2] = {{a.id, {1, 2}}, {c.id, {3, 4}}};
    struct bytes ring = bytes_text("k");
    assert_err(ops->update(f->accounts, &login, 2, ring, NULL, NULL, wraps, 2, D), ERR_NOT_FOUND);
    assert_ok(ops->factor_list(f->accounts, &login, got, D));
    assert_false(got->list[0].has_wrap); /* nothing of a refused change is kept */
    wraps[1].factor = b.id;
    assert_ok(ops->update(f->accounts, &login, 2, ring, NULL, NULL, wraps, 2, D));
    assert_ok(ops->factor_list(f->accounts, &login, got, D));
    assert_true(got->list[0].has_wrap && got->list[1].has_wrap);
    assert_memory_equal(got->list[1].wrap, wraps[1].bytes, ACCOUNTS_WRAP_BYTES);
    assert_ok(ops->update(f->accounts, &login, 3, ring, NULL, NULL, NULL, 0, D)); /* the same lock */
    assert_ok(ops->factor_list(f->accounts, &login, got, D));
    assert_true(got->list[0].has_wrap && got->list[1].has_wrap);
    assert_ok(ops->update(f->accounts, &login, 4, ring, &fresh, NULL, wraps, 1, D));
    assert_ok(ops->factor_list(f->accounts, &login, got, D));
    assert_true(got->list[0].has_wrap);
    assert_false(got->list[1].has_wrap);
    test_free(got);
}

static void read_file(const char *path, struct blob *out) {
    assert_ok(file_read(path, 1u << 26, out, D));
}

/* The same accounts, whatever the order in which they came, make the same file: so it does not tell that
 * order. The counters of SQLite's header differ with the number of writes, and nothing else may. */
static void test_order_is_not_told(void **state) {
    struct fixture *f = *state;
    char path[PATH_TEXT_BYTES];
    struct accounts *second;
    struct store_key login = key_of(1003), token = key_of(77);
    struct account_factor fleeting = factor_of(9);
    AUTO(blob_clear) struct blob a = {0}, b = {0};
    assert_ok(path_join(path, f->folder, "second.sqlite"));
    open_accounts(path, &second);
    for (uint32_t i = 0; i < 30; i++) create(f->accounts, i);
    for (uint32_t i = 30; i-- > 0;) create(second, i);
    assert_ok(f->accounts->ops->update(f->accounts, &login, 2, bytes_text("sealed keyrinh"), NULL, NULL, NULL,
                                       0, D));
    assert_ok(second->ops->update(second, &login, 2, bytes_text("sealed keyrinh"), NULL, NULL, NULL, 0, D));
    assert_ok(second->ops->session_add(second, SESSION(token, login, 9), D)); /* came, and went */
    assert_ok(second->ops->session_remove(second, &token, D));
    assert_ok(second->ops->factor_add(second, &login, &fleeting, D));
    assert_ok(second->ops->factor_remove(second, &login, &fleeting.id, D));
    accounts_release(&second);
    accounts_release(&f->accounts);
    read_file(f->path, &a);
    read_file(path, &b);
    open_accounts(f->path, &f->accounts);
    assert_int_equal(a.len, b.len);
    assert_true(a.len > 4096);
    assert_memory_equal(a.data + 100, b.data + 100, a.len - 100);
    char journal[PATH_TEXT_BYTES + 16];
    snprintf(journal, sizeof journal, "%s-journal", path);
    struct stat info;
    if (stat(journal, &info) == 0) assert_int_equal(info.st_size, 0);
    snprintf(journal, sizeof journal, "%s-wal", path);
    assert_int_not_equal(access(journal, F_OK), 0);
}

static void test_kept_and_copied(void **state) {
    struct fixture *f = *state;
    char path[PATH_TEXT_BYTES];
    struct accounts *copy;
    struct store_key login = key_of(1007);
    AUTO(account_clear) struct account got = {0};
    create(f->accounts, 7);
    accounts_release(&f->accounts);
    open_accounts(f->path, &f->accounts);
    assert_ok(f->accounts->ops->get(f->accounts, &login, &got, D));
    assert_ok(path_join(path, f->folder, "copy.sqlite"));
    assert_ok(f->accounts->ops->copy(f->accounts, path, D));
    open_accounts(path, &copy);
    assert_ok(copy->ops->get(copy, &login, &got, D));
    accounts_release(&copy);
    struct stat info;
    assert_int_equal(stat(f->path, &info), 0);
    assert_int_equal(info.st_mode & 077, 0);
}

#define THREADS 4
#define ROUNDS 12

struct worker {
    struct fixture *f;
    uint32_t number;
    bool failed;
};

static void *use_account(void *arg) {
    struct worker *w = arg;
    const struct accounts_ops *ops = w->f->accounts->ops;
    struct store_key login = key_of(1000 + w->number);
    struct account_session got;
    for (uint32_t i = 0; i < ROUNDS && !w->failed; i++) {
        struct store_key token = key_of(5000 + 100 * w->number + i);
        AUTO(account_clear) struct account account = {0};
        w->failed = ops->session_add(w->f->accounts, SESSION(token, login, 100), NULL) ||
                    ops->update(w->f->accounts, &login, i + 2, bytes_text("k"), NULL, NULL, NULL, 0, NULL) ||
                    ops->get(w->f->accounts, &login, &account, NULL) || account.version != i + 2 ||
                    ops->session_get(w->f->accounts, &token, 0, &got, NULL);
    }
    return NULL;
}

static void test_threads(void **state) {
    struct fixture *f = *state;
    struct worker workers[THREADS];
    pthread_t threads[THREADS];
    for (uint32_t i = 0; i < THREADS; i++) {
        create(f->accounts, i);
        workers[i] = (struct worker){.f = f, .number = i};
    }
    for (uint32_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_account, &workers[i]), 0);
    for (uint32_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_false(workers[i].failed);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv) {
    if (argc > 1) driver = argv[1];
    const struct CMUnitTest tests[] = {
        CASE(test_account_life), CASE(test_sessions),          CASE(test_session_limit),
        CASE(test_session_list), CASE(test_factors),           CASE(test_wraps),
        CASE(test_threads),      CASE(test_order_is_not_told), CASE(test_kept_and_copied),
    };
    /* The last 2 are of what is kept in files. */
    size_t count = sizeof tests / sizeof *tests;
    if (strcmp(driver, "memory") == 0) count -= 2;
    return _cmocka_run_group_tests(driver, tests, count, NULL, NULL);
}
