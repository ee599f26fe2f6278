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

    assert_err(ops->update(f->accounts, &login, 1, bytes_text("x"), NULL, NULL, D), ERR_CONFLICT);
    assert_err(ops->update(f->accounts, &login, 3, bytes_text("x"), NULL, NULL, D), ERR_CONFLICT);
    assert_err(ops->update(f->accounts, &stranger, 2, bytes_text("x"), NULL, NULL, D), ERR_NOT_FOUND);
    assert_ok(ops->update(f->accounts, &login, 2, bytes_text("second"), NULL, NULL, D));
    assert_ok(ops->get(f->accounts, &login, &got, D));
    assert_int_equal(got.version, 2);
    assert_memory_equal(&got.secrets, &secrets, sizeof secrets);
    assert_ok(ops->update(f->accounts, &login, 3, bytes_text("third"), &fresh, NULL, D));
    assert_ok(ops->get(f->accounts, &login, &got, D));
    assert_memory_equal(&got.secrets, &fresh, sizeof fresh);
    assert_true(bytes_equal(blob_bytes(&got.keyring), bytes_text("third")));

    uint8_t *large = test_calloc(1, ACCOUNTS_KEYRING_MAX_BYTES + 1);
    assert_ok(ops->update(f->accounts, &login, 4, BYTES(large, ACCOUNTS_KEYRING_MAX_BYTES), NULL, NULL, D));
    assert_err(
        ops->update(f->accounts, &login, 5, BYTES(large, ACCOUNTS_KEYRING_MAX_BYTES + 1), NULL, NULL, D),
        ERR_LIMIT);
    test_free(large);
    assert_ok(ops->remove(f->accounts, &login, D));
    assert_err(ops->remove(f->accounts, &login, D), ERR_NOT_FOUND);
    assert_err(ops->get(f->accounts, &login, &got, D), ERR_NOT_FOUND);
}

static void test_sessions(void **state) {
    struct fixture *f = *state;
    const struct accounts_ops *ops = f->accounts->ops;
    struct store_key login = key_of(1007), other = key_of(1008), got;
    struct store_key a = key_of(1), b = key_of(2), c = key_of(3);
    struct account_secrets fresh = secrets_of(9);
    create(f->accounts, 7);
    create(f->accounts, 8);
    struct store_key nobody = key_of(5);
    assert_err(ops->session_add(f->accounts, &a, &nobody, 100, D), ERR_NOT_FOUND);
    assert_ok(ops->session_add(f->accounts, &a, &login, 100, D));
    assert_err(ops->session_add(f->accounts, &a, &other, 100, D), ERR_EXISTS);
    assert_ok(ops->session_add(f->accounts, &b, &login, 120, D));
    assert_ok(ops->session_add(f->accounts, &c, &other, 120, D));
    assert_ok(ops->session_get(f->accounts, &a, 99, &got, D));
    assert_true(store_key_equal(&got, &login));
    assert_err(ops->session_get(f->accounts, &a, 100, &got, D), ERR_NOT_FOUND);
    assert_ok(ops->maintain(f->accounts, 100, D));
    assert_err(ops->session_get(f->accounts, &a, 0, &got, D), ERR_NOT_FOUND);
    assert_ok(ops->session_add(f->accounts, &a, &login, 110, D));

    /* New secrets end the others of that account, and nobody else's. */
    assert_ok(ops->update(f->accounts, &login, 2, bytes_text("k"), &fresh, &b, D));
    assert_err(ops->session_get(f->accounts, &a, 0, &got, D), ERR_NOT_FOUND);
    assert_ok(ops->session_get(f->accounts, &b, 0, &got, D));
    assert_ok(ops->session_get(f->accounts, &c, 0, &got, D));
    assert_ok(ops->update(f->accounts, &login, 3, bytes_text("k"), NULL, NULL, D));
    assert_ok(ops->session_get(f->accounts, &b, 0, &got, D));
    assert_ok(ops->update(f->accounts, &login, 4, bytes_text("k"), &fresh, NULL, D));
    assert_err(ops->session_get(f->accounts, &b, 0, &got, D), ERR_NOT_FOUND);
    assert_ok(ops->session_remove(f->accounts, &c, D));
    assert_err(ops->session_remove(f->accounts, &c, D), ERR_NOT_FOUND);
    assert_ok(ops->session_add(f->accounts, &c, &other, 120, D));
    assert_ok(ops->remove(f->accounts, &other, D));
    assert_err(ops->session_get(f->accounts, &c, 0, &got, D), ERR_NOT_FOUND);
}

static void test_session_limit(void **state) {
    struct fixture *f = *state;
    const struct accounts_ops *ops = f->accounts->ops;
    struct store_key login = key_of(1007), token, got;
    create(f->accounts, 7);
    for (uint32_t i = 0; i < ACCOUNTS_SESSIONS_MAX; i++) {
        token = key_of(100 + i);
        assert_ok(ops->session_add(f->accounts, &token, &login, 100 + i, D));
    }
    token = key_of(100);
    assert_ok(ops->session_get(f->accounts, &token, 0, &got, D));
    struct store_key newest = key_of(500); /* that would expire first of all, and yet stays */
    assert_ok(ops->session_add(f->accounts, &newest, &login, 50, D));
    assert_ok(ops->session_get(f->accounts, &newest, 0, &got, D));
    assert_err(ops->session_get(f->accounts, &token, 0, &got, D), ERR_NOT_FOUND);
    token = key_of(101);
    assert_ok(ops->session_get(f->accounts, &token, 0, &got, D));
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
    AUTO(blob_clear) struct blob a = {0}, b = {0};
    assert_ok(path_join(path, f->folder, "second.sqlite"));
    open_accounts(path, &second);
    for (uint32_t i = 0; i < 30; i++) create(f->accounts, i);
    for (uint32_t i = 30; i-- > 0;) create(second, i);
    assert_ok(f->accounts->ops->update(f->accounts, &login, 2, bytes_text("sealed keyrinh"), NULL, NULL, D));
    assert_ok(second->ops->update(second, &login, 2, bytes_text("sealed keyrinh"), NULL, NULL, D));
    assert_ok(second->ops->session_add(second, &token, &login, 9, D)); /* came, and went */
    assert_ok(second->ops->session_remove(second, &token, D));
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
    struct store_key login = key_of(1000 + w->number), got;
    for (uint32_t i = 0; i < ROUNDS && !w->failed; i++) {
        struct store_key token = key_of(5000 + 100 * w->number + i);
        AUTO(account_clear) struct account account = {0};
        w->failed = ops->session_add(w->f->accounts, &token, &login, 100, NULL) ||
                    ops->update(w->f->accounts, &login, i + 2, bytes_text("k"), NULL, NULL, NULL) ||
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
        CASE(test_threads),      CASE(test_order_is_not_told), CASE(test_kept_and_copied),
    };
    /* The last 2 are of what is kept in files. */
    size_t count = sizeof tests / sizeof *tests;
    if (strcmp(driver, "memory") == 0) count -= 2;
    return _cmocka_run_group_tests(driver, tests, count, NULL, NULL);
}
