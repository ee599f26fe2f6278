/* fsck, garbage and backup on index and blobs together. */
#include "keep.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "store/backup.h"

#define NOW (KEEP_BASE + 5 * STORE_DAY_SLOTS)

struct fixture {
    char folder[64];
    char source[PATH_TEXT_BYTES], backup[PATH_TEXT_BYTES], target[PATH_TEXT_BYTES];
    struct keep k;
};

static int setup(void **state) {
    struct fixture *f = test_calloc(1, sizeof *f);
    folder_make_temporary(f->folder);
    assert_ok(path_join(f->source, f->folder, "source"));
    assert_ok(path_join(f->backup, f->folder, "backup"));
    assert_ok(path_join(f->target, f->folder, "target"));
    assert_ok(folder_make(f->source, D));
    assert_ok(folder_make(f->target, D));
    assert_ok(keep_open(&f->k, f->source, 0, D));
    for (uint32_t n = 0; n < 20; n++) assert_ok(keep_reel(&f->k, n, NOW, D));
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    keep_close(&f->k);
    folder_remove(f->folder);
    test_free(f);
    return 0;
}

/* What a vault computes from the framing; here the name says it all. */
static err scan(void *arg, struct blob_store *blobs, const struct reel_place *place, uint32_t epoch,
                const struct store_id *name, struct reel_info *out, struct blob *table, struct diag *d) {
    AUTO(blob_clear) struct blob got = {0};
    err e = blob_read_all(blobs, name, 1u << 20, &got, d);
    if (e) return e;
    for (uint32_t n = 0; n < 10000; n++) {
        uint8_t expected[20500];
        struct reel_info row = reel_row(n);
        if (!store_id_equal(&row.reel, name)) continue;
        reel_fill(n, expected);
        if (!bytes_equal(blob_bytes(&got), BYTES(expected, reel_bytes(n))))
            return diag_fail(d, ERR_INVALID, "a record is torn");
        *out = row;
        blob_clear(table);
        return blob_append(table, BYTES_OF(keep_table));
    }
    return diag_fail(d, ERR_INVALID, "not a reel");
}

struct lines {
    char text[4000];
};

static void note_line(void *arg, const char *line) {
    struct lines *l = arg;
    size_t at = strlen(l->text);
    snprintf(l->text + at, sizeof l->text - at, "%s\n", line);
}

static struct fsck_result check(struct fixture *f, uint32_t now, bool mend, bool every_blob,
                                struct lines *lines) {
    struct fsck_result result;
    *lines = (struct lines){0};
    struct fsck_options options = {.accounts = f->k.accounts,
                                   .index = f->k.index,
                                   .blobs = f->k.blobs,
                                   .now = now,
                                   .mend = mend,
                                   .every_blob = every_blob,
                                   .scan = scan,
                                   .report = note_line,
                                   .arg = lines};
    assert_ok(fsck_run(&options, &result, D));
    return result;
}

static void assert_whole(struct fixture *f) {
    struct lines lines;
    struct fsck_result r = check(f, NOW, false, true, &lines);
    if (r.faults || r.strays || r.staged || r.uploads_old) print_error("%s", lines.text);
    assert_int_equal(r.faults + r.strays + r.staged + r.uploads_old, 0);
}

static void blob_path(const struct fixture *f, uint32_t n, char out[PATH_TEXT_BYTES]) {
    struct store_id name = id_of(1000 + n);
    char hex[33];
    hex_encode(BYTES(name.bytes, 16), hex);
    snprintf(out, PATH_TEXT_BYTES, "%.900s/%.2s/%s", f->k.blobs_path, hex, hex);
}

static void test_whole(void **state) {
    struct fixture *f = *state;
    struct lines lines;
    assert_whole(f);
    struct fsck_result r = check(f, NOW, true, true, &lines);
    assert_int_equal(r.reels, 20);
    assert_string_equal(lines.text, "");
}

static void test_lost_blob(void **state) {
    struct fixture *f = *state;
    struct lines lines;
    char path[PATH_TEXT_BYTES];
    blob_path(f, 3, path);
    assert_int_equal(unlink(path), 0);
    struct fsck_result r = check(f, NOW, false, true, &lines);
    assert_int_equal(r.lost, 1);
    assert_int_equal(r.faults, 1);
    assert_non_null(strstr(lines.text, "is missing"));
    assert_err(keep_verify(&f->k, 3, D), ERR_NOT_FOUND);
    check(f, NOW, true, false, &lines);
    assert_whole(f);
    assert_ok(keep_verify(&f->k, 4, D));
}

static void test_damaged_blobs(void **state) {
    struct fixture *f = *state;
    struct lines lines;
    char path[PATH_TEXT_BYTES];
    blob_path(f, 3, path);
    assert_int_equal(truncate(path, 100), 0);
    blob_path(f, 4, path);
    AUTO(blob_clear) struct blob data = {0};
    assert_ok(file_read(path, 1u << 20, &data, D));
    data.data[17] ^= 1;
    assert_ok(file_replace(path, blob_bytes(&data), 0600, D));
    struct fsck_result r = check(f, NOW, false, false, &lines);
    assert_int_equal(r.lost, 1); /* the size tells */
    r = check(f, NOW, true, true, &lines);
    assert_int_equal(r.lost, 2); /* reading tells the other */
    assert_non_null(strstr(lines.text, "a record is torn"));
    r = check(f, NOW, false, true, &lines);
    assert_int_equal(r.lost, 2); /* neither is thrown away: the rest of it may be played */
}

static void test_strays(void **state) {
    struct fixture *f = *state;
    struct lines lines;
    assert_ok(keep_blob(&f->k, 50, D)); /* no row announces it */
    struct fsck_result r = check(f, NOW, false, false, &lines);
    assert_int_equal(r.strays, 1);
    assert_int_equal(r.faults, 0);
    r = check(f, NOW, true, false, &lines);
    assert_int_equal(r.removed, 0);
    r = check(f, NOW + STORE_DAY_SLOTS - 1, true, false, &lines);
    assert_int_equal(r.removed, 0);
    r = check(f, NOW + STORE_DAY_SLOTS, true, false, &lines);
    assert_int_equal(r.removed, 1);
    assert_whole(f);
    assert_ok(keep_blob(&f->k, 51, D));
    check(f, NOW, true, false, &lines);
    assert_ok(keep_reel(&f->k, 51, NOW, D)); /* its hub sends it again: it is no stray any more */
    check(f, NOW + STORE_DAY_SLOTS, true, false, &lines);
    assert_ok(keep_verify(&f->k, 51, D));
    assert_whole(f);
}

static void test_uploads_left_behind(void **state) {
    struct fixture *f = *state;
    struct lines lines;
    struct blob_writer *w;
    struct store_id known = id_of(1061), unknown = id_of(1062);
    uint64_t held;
    assert_ok(keep_begin(&f->k, 60, NOW, D)); /* its blob is whole */
    assert_ok(keep_blob(&f->k, 60, D));
    assert_ok(keep_begin(&f->k, 61, NOW, D)); /* its blob was never finished */
    assert_ok(f->k.blobs->ops->begin(f->k.blobs, &known, &w, &held, D));
    f->k.blobs->ops->pause(w);
    assert_ok(f->k.blobs->ops->begin(f->k.blobs, &unknown, &w, &held, D)); /* nobody announced it */
    f->k.blobs->ops->pause(w);
    struct fsck_result r = check(f, NOW + 1000, true, false, &lines);
    assert_int_equal(r.staged, 1);
    assert_int_equal(r.uploads_old + r.strays + r.faults, 0); /* they may yet go on */
    r = check(f, NOW + STORE_DAY_SLOTS + 1, true, false, &lines);
    assert_int_equal(r.uploads_old, 2);
    assert_ok(keep_verify(&f->k, 60, D));
    assert_err(keep_verify(&f->k, 61, D), ERR_NOT_FOUND);
    r = check(f, NOW + STORE_DAY_SLOTS + 1, false, true, &lines);
    assert_string_equal(lines.text, "");
    assert_int_equal(r.reels, 21);
}

static void spoil(struct fixture *f, const char *sql) {
    sqlite3 *db;
    assert_int_equal(sqlite3_open(f->k.index_path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* What disagrees within the index is told, and mended where it can be. */
static void test_index_disagrees(void **state) {
    struct fixture *f = *state;
    struct lines lines;
    uint64_t current;
    static const struct {
        const char *label, *sql;
        uint64_t faults, left;
    } cases[] = {
        {"counter of reels", "UPDATE cameras SET reels=reels+1", 1, 0},
        {"counter of bytes", "UPDATE cameras SET bytes=0", 1, 0},
        {"counter of uploads", "UPDATE cameras SET uploads=9", 1, 0},
        {"counter of events", "UPDATE cameras SET events_bytes=9", 1, 0},
        {"counter of objects", "UPDATE households SET objects_bytes=9", 1, 0},
        {"a reel without a name", "DELETE FROM names WHERE name=(SELECT min(reel) FROM reels)", 1, 0},
        {"a table without a reel", "INSERT INTO tables VALUES(1, 5, x'00', x'00')", 1, 0},
        {"a picture of no camera", "INSERT INTO events VALUES(99, 1, -1, 1, x'02', x'')", 1, 0},
        {"a grant of no household",
         "INSERT INTO grants(id, household, grantee, purpose, ticket, created, expires, views, entry, "
         "statement,"
         " note, box) VALUES(x'01', x'02', x'03', 1, '', 1, 2, 0, 0, x'', x'', x'')",
         1, 0},
        {"a deleted range of no camera", "INSERT INTO cuts VALUES(x'00', 99, 1, 2)", 1, 0},
        {"an event of no camera", "INSERT INTO events VALUES(99, 1, 1, 1, x'01', x'')", 1, 0},
        {"a reel without a table", "DELETE FROM tables WHERE reel=(SELECT min(reel) FROM tables)", 1, 1},
    };
    assert_ok(f->k.index->ops->object_put(f->k.index, &f->k.place.household, "k", 0, bytes_text("abc"),
                                          &current, D));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        spoil(f, cases[i].sql);
        struct fsck_result r = check(f, NOW, true, false, &lines);
        if (r.faults != cases[i].faults) print_error("%s: %s", cases[i].label, lines.text);
        assert_int_equal(r.faults, cases[i].faults);
        r = check(f, NOW, false, false, &lines);
        if (r.faults != cases[i].left) print_error("%s: %s", cases[i].label, lines.text);
        assert_int_equal(r.faults, cases[i].left);
    }
    for (uint32_t n = 0; n < 20; n++) assert_int_not_equal(keep_verify(&f->k, n, D), ERR_NOT_FOUND);
}

/* A row that is gone while its name and blob are there: the blob is kept for a day, not thrown away. */
static void test_row_gone(void **state) {
    struct fixture *f = *state;
    struct lines lines;
    spoil(f, "DELETE FROM reels WHERE reel=(SELECT min(reel) FROM reels)");
    struct fsck_result r = check(f, NOW, true, false, &lines);
    assert_true(r.faults >= 1);
    assert_int_equal(r.removed, 0);
}

static void test_garbage_waits_for_writers(void **state) {
    struct fixture *f = *state;
    struct blob_writer *w;
    struct store_id name = id_of(1070);
    uint64_t held, removed;
    assert_ok(keep_begin(&f->k, 70, NOW, D));
    assert_ok(f->k.blobs->ops->begin(f->k.blobs, &name, &w, &held, D));
    assert_ok(f->k.index->ops->upload_drop(f->k.index, &f->k.place.household, &name, NOW, D));
    assert_ok(garbage_collect(f->k.index, f->k.blobs, 100, &removed, D));
    assert_int_equal(removed, 0);
    assert_ok(f->k.blobs->ops->commit(w, D)); /* too late: its row is gone */
    assert_ok(garbage_collect(f->k.index, f->k.blobs, 100, &removed, D));
    assert_int_equal(removed, 1);
    assert_whole(f);
}

/* --- backup --- */

static struct backup_result back_up(struct fixture *f) {
    struct backup_result r;
    assert_ok(backup_make(f->k.accounts, f->k.index, f->k.blobs, f->backup, NULL, NULL, &r, D));
    return r;
}

static err restore(struct fixture *f, struct keep *k, struct backup_result *r) {
    char accounts[PATH_TEXT_BYTES], index[PATH_TEXT_BYTES], blobs[PATH_TEXT_BYTES];
    struct blob_store *store;
    assert_ok(path_join(accounts, f->target, "accounts.sqlite"));
    assert_ok(path_join(index, f->target, "index.sqlite"));
    assert_ok(path_join(blobs, f->target, "blobs"));
    assert_ok(blob_disk_open(blobs, 0, &store, D));
    err e = backup_restore(f->backup, accounts, index, store, NULL, NULL, r, D);
    blob_store_release(&store);
    return e ? e : keep_open(k, f->target, 0, D);
}

static void test_backup_and_restore(void **state) {
    struct fixture *f = *state;
    struct keep k;
    struct index_removed removed;
    struct store_key login = key_of(9);
    struct account_secrets secrets = {.passes = 3};
    uint64_t collected;
    const struct index_household keys = {key_of(1), key_of(2), key_of(3)};
    struct grant_row row = {.grant = id_of(70), .household = f->k.place.household, .expires = NOW}, got;
    const struct grant_bytes grant = {bytes_text("statement"), bytes_text("box"), bytes_text("note"), {0}};
    assert_ok(f->k.accounts->ops->create(f->k.accounts, &login, &secrets, bytes_text("keyring"), D));
    assert_ok(f->k.index->ops->household_keys_put(f->k.index, &row.household, &keys, D));
    assert_ok(f->k.index->ops->grant_add(f->k.index, &row, &grant, D));
    assert_ok(f->k.index->ops->grant_revoke(f->k.index, &row.household, &row.grant, bytes_text("r"), 9, D));
    struct backup_result r = back_up(f);
    assert_int_equal(r.reels, 20);
    assert_int_equal(r.copied, 20);
    for (uint32_t n = 20; n < 25; n++) assert_ok(keep_reel(&f->k, n, NOW, D));
    assert_ok(
        f->k.index->ops->range_remove(f->k.index, &f->k.place, 0, KEEP_BASE + 600, 100, NOW, &removed, D));
    assert_ok(garbage_collect(f->k.index, f->k.blobs, 100, &collected, D));
    assert_int_equal(collected, 10);
    r = back_up(f); /* only what is new; without what is gone */
    assert_int_equal(r.reels, 15);
    assert_int_equal(r.copied, 5);
    assert_int_equal(r.dropped, 10);
    assert_int_equal(r.missing, 0);
    r = back_up(f);
    assert_int_equal(r.copied + r.dropped, 0);

    assert_ok(restore(f, &k, &r));
    assert_int_equal(r.reels, 15);
    for (uint32_t n = 0; n < 10; n++) assert_err(keep_verify(&k, n, D), ERR_NOT_FOUND);
    for (uint32_t n = 10; n < 25; n++) assert_ok(keep_verify(&k, n, D));
    AUTO(account_clear) struct account account = {0};
    assert_ok(k.accounts->ops->get(k.accounts, &login, &account, D));
    AUTO(grant_blobs_clear) struct grant_blobs blobs = {0};
    struct index_household told;
    assert_ok(k.index->ops->household_keys_get(k.index, &row.household, &told, D));
    assert_memory_equal(&told, &keys, sizeof keys);
    assert_ok(k.index->ops->grant_get(k.index, &row.household, &row.grant, true, &got, &blobs, D));
    assert_true(got.revoked == 9 && bytes_equal(blob_bytes(&blobs.box), grant.box));
    struct lines lines = {0};
    struct fixture restored = {.k = k};
    struct fsck_result checked = check(&restored, NOW, false, true, &lines);
    assert_string_equal(lines.text, "");
    assert_int_equal(checked.reels, 15);
    keep_close(&k);
    assert_err(restore(f, &k, &r), ERR_EXISTS); /* never over a store that is there */
}

static void test_backup_of_a_store_that_lost_a_blob(void **state) {
    struct fixture *f = *state;
    struct keep k;
    char path[PATH_TEXT_BYTES];
    blob_path(f, 3, path);
    assert_int_equal(unlink(path), 0);
    struct backup_result r = back_up(f);
    assert_int_equal(r.reels, 19);
    assert_int_equal(r.missing, 1);
    assert_ok(restore(f, &k, &r)); /* what is in the backup is whole */
    assert_ok(keep_verify(&k, 4, D));
    keep_close(&k);
}

static void test_damaged_backup(void **state) {
    struct fixture *f = *state;
    struct keep k = {0};
    struct backup_result r;
    assert_err(restore(f, &k, &r), ERR_NOT_FOUND);
    back_up(f);
    struct store_id name = id_of(1003);
    char hex[33], path[PATH_TEXT_BYTES];
    hex_encode(BYTES(name.bytes, 16), hex);
    snprintf(path, sizeof path, "%.900s/blobs/%.2s/%s", f->backup, hex, hex);
    assert_int_equal(truncate(path, 10), 0);
    assert_err(restore(f, &k, &r), ERR_INVALID);
    assert_int_equal(unlink(path), 0);
    assert_err(restore(f, &k, &r), ERR_CUT_SHORT);
    assert_ok(path_join(path, f->target, "index.sqlite"));
    assert_int_not_equal(access(path, F_OK), 0); /* nothing that looks like a store */
    back_up(f);                                  /* puts it right */
    assert_ok(restore(f, &k, &r));               /* and the restore goes on where it stopped */
    assert_ok(keep_verify(&k, 3, D));
    keep_close(&k);
}

struct busy {
    struct fixture *f;
    atomic_bool stop;
    uint32_t stored;
    bool failed;
};

/* New reels, and the oldest removed, as fast as it goes. */
static void *keep_busy(void *arg) {
    struct busy *b = arg;
    struct keep *k = &b->f->k;
    struct index_removed removed;
    uint64_t collected;
    for (uint32_t n = 100; !atomic_load(&b->stop) && !b->failed; n++) {
        uint32_t to = KEEP_BASE + 60 * (n - 90);
        b->failed = keep_reel(k, n, NOW, NULL) ||
                    k->index->ops->range_remove(k->index, &k->place, 0, to, 100, NOW, &removed, NULL) ||
                    garbage_collect(k->index, k->blobs, 100, &collected, NULL);
        b->stored = n;
    }
    return NULL;
}

static void test_backup_beside_work(void **state) {
    struct fixture *f = *state;
    struct busy busy = {.f = f};
    struct keep k;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, keep_busy, &busy), 0);
    struct backup_result r = back_up(f);
    for (int i = 0; i < 3; i++) r = back_up(f);
    struct lines lines;
    struct fsck_result checked = check(f, NOW, true, false, &lines); /* so may fsck */
    atomic_store(&busy.stop, true);
    pthread_join(thread, NULL);
    assert_false(busy.failed);
    assert_int_equal(r.missing, 0);
    assert_string_equal(lines.text, "");
    assert_int_equal(checked.lost, 0);
    assert_ok(restore(f, &k, &r));
    struct fixture restored = {.k = k};
    checked = check(&restored, NOW, false, true, &lines);
    assert_int_equal(checked.lost, 0);
    assert_int_equal(checked.reels, r.reels);
    keep_close(&k);
    assert_whole(f);
}

static err cancel(void *arg, uint64_t done, uint64_t total) {
    return done == 5 ? ERR_CANCELLED : ERR_OK;
}

static void test_backup_cancelled(void **state) {
    struct fixture *f = *state;
    struct backup_result r;
    assert_err(backup_make(f->k.accounts, f->k.index, f->k.blobs, f->backup, cancel, NULL, &r, D),
               ERR_CANCELLED);
    struct keep k;
    assert_err(restore(f, &k, &r), ERR_NOT_FOUND); /* it was never completed */
    r = back_up(f);
    assert_int_equal(r.copied, 15);
}

/* Another process that opens and closes the index must not take the log away from this one. */
static void test_two_processes(void **state) {
    struct fixture *f = *state;
    char log[PATH_TEXT_BYTES + 8];
    int status;
    snprintf(log, sizeof log, "%s-wal", f->k.index_path);
    for (uint32_t n = 20; n < 25; n++) {
        pid_t child = fork();
        if (child == 0) {
            execl("/proc/self/exe", "store_test", f->k.index_path, (char *)NULL);
            _exit(127);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        assert_int_equal(access(log, F_OK), 0);
        assert_ok(keep_reel(&f->k, n, NOW, D));
    }
    assert_whole(f);
}

static int be_another_process(const char *path) {
    struct index *index;
    uint64_t households;
    if (index_sqlite_open(path, &index, NULL)) return 1;
    if (index->ops->household_count(index, &households, NULL) || households != 1) return 2;
    if (index->ops->setting_put(index, "seen", bytes_text("yes"), NULL)) return 3;
    index_release(&index);
    return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv) {
    if (argc > 1) return be_another_process(argv[1]);
    const struct CMUnitTest tests[] = {
        CASE(test_whole),
        CASE(test_lost_blob),
        CASE(test_damaged_blobs),
        CASE(test_strays),
        CASE(test_uploads_left_behind),
        CASE(test_index_disagrees),
        CASE(test_row_gone),
        CASE(test_garbage_waits_for_writers),
        CASE(test_two_processes),
        CASE(test_backup_and_restore),
        CASE(test_backup_of_a_store_that_lost_a_blob),
        CASE(test_damaged_backup),
        CASE(test_backup_beside_work),
        CASE(test_backup_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
