/* What every driver of blob.h does. Usage: blob_conformance disk|memory */
#include "conformance.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "store/blob.h"

static const char *driver = "disk";

struct fixture {
    char folder[64];
    struct blob_store *store;
};

static bool on_disk(void) {
    return strcmp(driver, "disk") == 0;
}

static void open_store(struct fixture *f, uint64_t reserve, uint64_t capacity) {
    char path[PATH_TEXT_BYTES];
    assert_ok(path_join(path, f->folder, "blobs"));
    if (on_disk())
        assert_ok(blob_disk_open(path, reserve, &f->store, D));
    else
        assert_ok(blob_memory_open(capacity, &f->store, D));
}

static int setup(void **state) {
    struct fixture *f = test_calloc(1, sizeof *f);
    folder_make_temporary(f->folder);
    open_store(f, 0, 64u << 20);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    blob_store_release(&f->store);
    folder_remove(f->folder);
    test_free(f);
    return 0;
}

static void store_blob(struct fixture *f, uint32_t number, struct bytes data) {
    struct store_id name = id_of(number);
    struct blob_writer *w;
    uint64_t held;
    assert_ok(f->store->ops->begin(f->store, &name, &w, &held, D));
    assert_int_equal(held, 0);
    assert_ok(f->store->ops->append(w, data, D));
    assert_ok(f->store->ops->commit(w, D));
}

static void assert_blob(struct fixture *f, uint32_t number, struct bytes expected) {
    struct store_id name = id_of(number);
    AUTO(blob_clear) struct blob got = {0};
    assert_ok(blob_read_all(f->store, &name, 1u << 24, &got, D));
    assert_true(bytes_equal(blob_bytes(&got), expected));
}

static err count_blob(void *arg, const struct store_id *name, uint64_t bytes) {
    ++*(unsigned *)arg;
    return ERR_OK;
}

static void assert_counts(struct fixture *f, unsigned committed, unsigned staged) {
    unsigned c = 0, s = 0;
    assert_ok(f->store->ops->list(f->store, NULL, count_blob, &c, D));
    assert_ok(f->store->ops->list_staged(f->store, count_blob, &s, D));
    assert_int_equal(c, committed);
    assert_int_equal(s, staged);
}

static void test_written_and_read(void **state) {
    struct fixture *f = *state;
    const struct blob_ops *ops = f->store->ops;
    struct store_id name = id_of(1);
    struct blob_writer *w, *second;
    struct blob_reader *r;
    uint64_t held, bytes;
    uint8_t part[8];
    size_t got;
    assert_err(ops->open(f->store, &name, &r, &bytes, D), ERR_NOT_FOUND);
    assert_ok(ops->begin(f->store, &name, &w, &held, D));
    assert_err(ops->begin(f->store, &name, &second, &held, D), ERR_BUSY);
    assert_err(ops->discard(f->store, &name, D), ERR_BUSY);
    assert_ok(ops->append(w, bytes_text("hello, "), D));
    assert_ok(ops->sync(w, D));
    assert_ok(ops->append(w, bytes_text("world"), D));
    assert_ok(ops->read_back(w, 5, (struct buffer){part, 8}, &got, D));
    assert_int_equal(got, 7);
    assert_memory_equal(part, ", world", 7);
    assert_err(ops->open(f->store, &name, &r, &bytes, D), ERR_NOT_FOUND); /* not before commit */
    assert_counts(f, 0, 1);
    assert_ok(ops->commit(w, D));
    assert_counts(f, 1, 0);
    assert_err(ops->begin(f->store, &name, &w, &held, D), ERR_EXISTS);
    assert_err(ops->discard(f->store, &name, D), ERR_NOT_FOUND);

    assert_ok(ops->open(f->store, &name, &r, &bytes, D));
    assert_int_equal(bytes, 12);
    assert_ok(ops->read(r, 7, (struct buffer){part, 3}, &got, D));
    assert_int_equal(got, 3);
    assert_memory_equal(part, "wor", 3);
    assert_ok(ops->read(r, 10, (struct buffer){part, 8}, &got, D));
    assert_int_equal(got, 2);
    assert_ok(ops->read(r, 12, (struct buffer){part, 8}, &got, D));
    assert_int_equal(got, 0);
    assert_ok(ops->read(r, 1000, (struct buffer){part, 8}, &got, D));
    assert_int_equal(got, 0);
    int fd = ops->descriptor(r);
    if (fd >= 0) assert_int_equal(pread(fd, part, 5, 0), 5);
    assert_ok(ops->remove(f->store, &name, D));
    assert_ok(ops->read(r, 0, (struct buffer){part, 5}, &got, D)); /* who reads it reads on */
    assert_memory_equal(part, "hello", 5);
    ops->done(r);
    assert_err(ops->remove(f->store, &name, D), ERR_NOT_FOUND);
    assert_err(ops->open(f->store, &name, &r, &bytes, D), ERR_NOT_FOUND);
    assert_counts(f, 0, 0);
}

static void test_nothing_in_it(void **state) {
    struct fixture *f = *state;
    store_blob(f, 1, BYTES(NULL, 0));
    assert_blob(f, 1, BYTES(NULL, 0));
    struct store_id name = id_of(1);
    AUTO(blob_clear) struct blob got = {0}, address = {0};
    store_blob(f, 2, bytes_text("12345"));
    name = id_of(2);
    assert_err(blob_read_all(f->store, &name, 4, &got, D), ERR_LIMIT);
    assert_ok(blob_read_all(f->store, &name, 5, &got, D));
    assert_err(f->store->ops->address(f->store, &name, 60, &address, D), ERR_UNSUPPORTED);
    f->store->ops->done(NULL);
    f->store->ops->pause(NULL);
    f->store->ops->abort(NULL);
}

static void test_resumed(void **state) {
    struct fixture *f = *state;
    const struct blob_ops *ops = f->store->ops;
    struct store_id name = id_of(1);
    struct blob_writer *w;
    uint64_t held;
    assert_ok(ops->begin(f->store, &name, &w, &held, D));
    assert_ok(ops->append(w, bytes_text("whole segment, torn seg"), D));
    ops->pause(w);
    assert_ok(ops->begin(f->store, &name, &w, &held, D));
    if (held) { /* a driver may hold nothing: then the sender begins anew */
        assert_int_equal(held, 23);
        assert_err(ops->truncate(w, 24, D), ERR_INVALID);
        assert_ok(ops->truncate(w, 14, D));
    } else {
        assert_ok(ops->append(w, bytes_text("whole segment,"), D));
    }
    assert_ok(ops->append(w, bytes_text(" the next"), D));
    assert_ok(ops->commit(w, D));
    assert_blob(f, 1, bytes_text("whole segment, the next"));
}

static void test_aborted(void **state) {
    struct fixture *f = *state;
    const struct blob_ops *ops = f->store->ops;
    struct store_id name = id_of(1), other = id_of(2);
    struct blob_writer *w;
    uint64_t held;
    assert_ok(ops->begin(f->store, &name, &w, &held, D));
    assert_ok(ops->append(w, bytes_text("nothing of this"), D));
    ops->abort(w);
    assert_counts(f, 0, 0);
    assert_ok(ops->begin(f->store, &name, &w, &held, D));
    assert_int_equal(held, 0);
    ops->pause(w);
    assert_ok(ops->begin(f->store, &other, &w, &held, D));
    assert_ok(ops->append(w, bytes_text("x"), D));
    ops->pause(w);
    assert_ok(ops->discard(f->store, &other, D));
    assert_err(ops->discard(f->store, &other, D), ERR_NOT_FOUND);
}

struct listing {
    struct store_id last;
    unsigned count;
};

static err check_order(void *arg, const struct store_id *name, uint64_t bytes) {
    struct listing *l = arg;
    if (l->count) assert_true(memcmp(l->last.bytes, name->bytes, STORE_ID_BYTES) < 0);
    assert_int_equal(bytes, 3);
    l->last = *name;
    l->count++;
    return ERR_OK;
}

static err stop(void *arg, const struct store_id *name, uint64_t bytes) {
    ++*(unsigned *)arg;
    return ERR_CANCELLED;
}

static void test_listed(void **state) {
    struct fixture *f = *state;
    struct listing all = {0}, rest = {0};
    unsigned visits = 0;
    for (uint32_t i = 0; i < 300; i++) store_blob(f, i, bytes_text("abc"));
    assert_ok(f->store->ops->list(f->store, NULL, check_order, &all, D));
    assert_int_equal(all.count, 300);
    assert_ok(f->store->ops->list(f->store, &all.last, check_order, &rest, D));
    assert_int_equal(rest.count, 1);
    assert_err(f->store->ops->list(f->store, NULL, stop, &visits, D), ERR_CANCELLED);
    assert_int_equal(visits, 1);
}

/* Free space below the reserve refuses, and what was there is not harmed. */
static void test_full(void **state) {
    struct fixture *f = *state;
    struct blob_writer *w;
    struct store_id name = id_of(2);
    uint64_t held, room;
    size_t got;
    blob_store_release(&f->store);
    open_store(f, 0, 3u << 20);
    store_blob(f, 1, bytes_text("here before"));
    uint8_t *data = test_calloc(1, 2u << 20);
    if (on_disk()) {
        assert_ok(f->store->ops->begin(f->store, &name, &w, &held, D));
        assert_ok(f->store->ops->append(w, BYTES(data, 4096), D));
        f->store->ops->pause(w);
        blob_store_release(&f->store);
        open_store(f, UINT64_MAX / 2, 0); /* no disk has that much free */
        assert_ok(f->store->ops->room(f->store, &room, D));
        assert_int_equal(room, 0);
        assert_err(f->store->ops->begin(f->store, &name, &w, &held, D), ERR_NO_SPACE);
    } else {
        assert_ok(f->store->ops->begin(f->store, &name, &w, &held, D));
        assert_ok(f->store->ops->append(w, BYTES(data, 2u << 20), D));
        assert_err(f->store->ops->append(w, BYTES(data, 2u << 20), D), ERR_NO_SPACE);
        assert_ok(f->store->ops->append(w, bytes_text("fits"), D)); /* it holds what it held */
        assert_ok(f->store->ops->read_back(w, 2u << 20, (struct buffer){data, 100}, &got, D));
        assert_int_equal(got, 4);
        f->store->ops->abort(w);
        assert_ok(f->store->ops->room(f->store, &room, D));
        assert_true(room > 2u << 20);
    }
    test_free(data);
    assert_blob(f, 1, bytes_text("here before"));
    struct store_id first = id_of(1);
    assert_ok(f->store->ops->remove(f->store, &first, D)); /* removing is possible when all is full */
}

/* A write that the system refuses half-way: the writer holds what it held. The child is limited, not this
 * process. */
static void test_refused_by_the_system(void **state) {
    struct fixture *f = *state;
    pid_t child = fork();
    if (child == 0) {
        const struct blob_ops *ops = f->store->ops;
        struct store_id name = id_of(1);
        struct blob_writer *w;
        uint64_t held;
        static uint8_t data[100000];
        signal(SIGXFSZ, SIG_IGN);
        if (setrlimit(RLIMIT_FSIZE, &(struct rlimit){150000, 150000})) _exit(1);
        if (ops->begin(f->store, &name, &w, &held, NULL)) _exit(2);
        if (ops->append(w, BYTES_OF(data), NULL)) _exit(3);
        if (ops->append(w, BYTES_OF(data), NULL) != ERR_NO_SPACE) _exit(4);
        if (ops->append(w, BYTES(data, 50000), NULL)) _exit(5); /* exactly what is left */
        if (ops->commit(w, NULL)) _exit(6);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    struct store_id name = id_of(1);
    AUTO(blob_clear) struct blob got = {0};
    assert_ok(blob_read_all(f->store, &name, 1u << 20, &got, D));
    assert_int_equal(got.len, 150000);
}

static int assert_telling_nothing(const char *path, const struct stat *info, int type, struct FTW *at) {
    if (at->level == 0) return 0; /* the folder around it */
    assert_int_equal(info->st_mtime, 0);
    assert_int_equal(info->st_mode & 077, 0);
    if (type == FTW_F) assert_int_equal(strlen(path + at->base), 2 * STORE_ID_BYTES);
    return 0;
}

static void test_tells_nothing(void **state) {
    struct fixture *f = *state;
    struct blob_writer *w;
    struct store_id name = id_of(100);
    uint64_t held;
    for (uint32_t i = 0; i < 20; i++) store_blob(f, i, bytes_text("sealed"));
    assert_ok(f->store->ops->begin(f->store, &name, &w, &held, D));
    assert_ok(f->store->ops->append(w, bytes_text("staged"), D));
    f->store->ops->pause(w);
    blob_store_release(&f->store);
    open_store(f, 0, 0);
    assert_int_equal(nftw(f->folder, assert_telling_nothing, 16, FTW_PHYS), 0);
}

static void test_others_files_are_left_alone(void **state) {
    struct fixture *f = *state;
    char path[PATH_TEXT_BYTES];
    store_blob(f, 1, bytes_text("abc"));
    struct store_id name = id_of(1);
    char hex[33];
    hex_encode(BYTES(name.bytes, 16), hex);
    snprintf(path, sizeof path, "%s/blobs/%.2s/README", f->folder, hex);
    assert_ok(file_replace(path, bytes_text("not a blob"), 0600, D));
    assert_counts(f, 1, 0);
    blob_store_release(&f->store);
    open_store(f, 0, 0);
    assert_blob(f, 1, bytes_text("abc"));
    assert_int_equal(access(path, F_OK), 0);
}

/* --- threads --- */

#define THREADS 4
#define ROUNDS 50

struct worker {
    struct fixture *f;
    uint32_t number;
    unsigned mine;
    bool failed;
};

/* All threads want the same names: of each exactly one gets it. */
static void *compete(void *arg) {
    struct worker *w = arg;
    const struct blob_ops *ops = w->f->store->ops;
    for (uint32_t i = 0; i < ROUNDS && !w->failed; i++) {
        struct store_id name = id_of(i);
        struct blob_writer *writer;
        uint64_t held;
        err e = ops->begin(w->f->store, &name, &writer, &held, NULL);
        if (e == ERR_EXISTS || e == ERR_BUSY) continue;
        if (e || held || ops->append(writer, bytes_text("content"), NULL)) w->failed = true;
        e = ops->commit(writer, NULL);
        if (e) w->failed = true;
        w->mine++;
    }
    return NULL;
}

static void test_threads(void **state) {
    struct fixture *f = *state;
    struct worker workers[THREADS];
    pthread_t threads[THREADS];
    unsigned sum = 0;
    for (uint32_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.f = f, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, compete, &workers[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_false(workers[i].failed);
        sum += workers[i].mine;
    }
    assert_int_equal(sum, ROUNDS);
    assert_counts(f, ROUNDS, 0);
    for (uint32_t i = 0; i < ROUNDS; i++) assert_blob(f, i, bytes_text("content"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv) {
    if (argc > 1) driver = argv[1];
    const struct CMUnitTest tests[] = {
        CASE(test_written_and_read), CASE(test_nothing_in_it),
        CASE(test_resumed),          CASE(test_aborted),
        CASE(test_listed),           CASE(test_full),
        CASE(test_threads),          CASE(test_refused_by_the_system),
        CASE(test_tells_nothing),    CASE(test_others_files_are_left_alone),
    };
    /* The last 3 are of what is kept in files. */
    size_t count = sizeof tests / sizeof *tests;
    if (strcmp(driver, "memory") == 0) count -= 3;
    return _cmocka_run_group_tests(driver, tests, count, NULL, NULL);
}
