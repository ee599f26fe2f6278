/* What a crash leaves of a log: at any byte of its journal, and with nothing else of what was not synced. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "tlog/log_audit.h"
#include "tlog/log_journal.h"
#include "tlog/log_writer.h"

#define ORIGIN "log.example.org"

struct scene {
    char folder[80];
    struct sign_key key;
    struct log_writer *w;
};

static void run(const char *const *argv) {
    pid_t pid = fork();
    if (pid == 0) {
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void open_log(struct scene *s) {
    struct diag d = {0};
    if (log_writer_open(s->folder, ORIGIN, &s->key, &s->w, &d)) fail_msg("%s", d.text);
}

static int setup(void **state) {
    struct scene *s = calloc(1, sizeof *s);
    snprintf(s->folder, sizeof s->folder, "/tmp/cardea-log-writer-XXXXXX");
    if (!mkdtemp(s->folder)) return -1;
    sign_key_generate(&s->key);
    open_log(s);
    *state = s;
    return 0;
}

static int teardown(void **state) {
    struct scene *s = *state;
    log_writer_close(s->w);
    run((const char *const[]){"rm", "-rf", s->folder, NULL});
    free(s);
    return 0;
}

static void entry_of(uint64_t number, char out[32]) {
    snprintf(out, 32, "entry %llu", (unsigned long long)number);
}

static err try_append(struct scene *s, unsigned count, struct diag *d) {
    uint64_t first = log_writer_checkpoint(s->w)->size, got;
    char texts[64][32];
    struct bytes entries[64];
    for (unsigned i = 0; i < count; i++) {
        entry_of(first + i, texts[i]);
        entries[i] = bytes_text(texts[i]);
    }
    err e = log_writer_append(s->w, entries, count, &got, d);
    if (!e) assert_int_equal(got, first);
    return e;
}

static void append(struct scene *s, unsigned count) {
    struct diag d = {0};
    if (try_append(s, count, &d)) fail_msg("%s", d.text);
}

static err fetch_file(void *context, const char *path, size_t limit, struct blob *out, struct diag *d) {
    char full[PATH_TEXT_BYTES];
    err e = path_join(full, context, path);
    return e ? e : file_read(full, limit, out, d);
}

static err check_entry(void *context, uint64_t number, struct bytes entry) {
    char text[32];
    entry_of(number, text);
    return bytes_equal(entry, bytes_text(text)) ? ERR_OK : ERR_INVALID;
}

/* A stranger finds exactly these entries, and they continue what he saw. */
static void audit(struct scene *s, struct tlog_tree *seen, uint64_t size) {
    struct log_source source = {fetch_file, s->folder, ORIGIN, s->key.public_key};
    struct checkpoint c;
    struct diag d = {0};
    if (log_audit(&source, seen, check_entry, NULL, &c, &d)) fail_msg("%s", d.text);
    assert_int_equal(c.size, size);
}

static void path_of(const struct scene *s, const char *name, char out[PATH_TEXT_BYTES]) {
    assert_int_equal(path_join(out, s->folder, name), ERR_OK);
}

/* The writer dies without a word: what it holds is dropped, and its files stay as they are. */
static void die(struct scene *s, const char *copy) {
    run((const char *const[]){"rm", "-rf", copy, NULL});
    run((const char *const[]){"cp", "-r", s->folder, copy, NULL});
}

static void test_a_journal_cut_at_any_byte(void **state) {
    struct scene *s = *state;
    char copy[80], journal[PATH_TEXT_BYTES], checkpoint[PATH_TEXT_BYTES];
    AUTO(blob_clear) struct blob raw = {0};
    struct diag d = {0};
    struct scene other = *s;
    static const unsigned groups[] = {3, 1, 7};
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) append(s, groups[i]);
    snprintf(copy, sizeof copy, "%.60s-copy", s->folder);
    memcpy(other.folder, copy, strlen(copy) + 1);
    path_of(s, "journal", journal);
    assert_int_equal(file_read(journal, 1 << 20, &raw, &d), ERR_OK);
    struct bytes base, batches, batch, rest;
    assert_int_equal(log_journal_read(blob_bytes(&raw), &base, &batches, &d), ERR_OK);
    rest = batches;
    size_t ends[4] = {(size_t)(batches.data - raw.data)};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(log_journal_next(blob_bytes(&raw), &rest, &batch), ERR_OK);
        ends[i + 1] = (size_t)(rest.data - raw.data);
    }
    for (size_t cut = ends[0]; cut <= raw.len; cut++) {
        bool border = false;
        for (size_t i = 0; i < 4; i++) border |= cut + 2 >= ends[i] && cut <= ends[i] + 2;
        if (!border && cut % 11) continue; /* each opening syncs some ten files */
        uint64_t expected = cut >= ends[3] ? 11 : cut >= ends[2] ? 4 : cut >= ends[1] ? 3 : 0;
        die(s, copy);
        path_of(&other, "journal", journal);
        path_of(&other, "checkpoint", checkpoint);
        assert_int_equal(file_replace(journal, BYTES(raw.data, cut), 0600, &d), ERR_OK);
        if (expected < 11) assert_int_equal(truncate(checkpoint, 10), 0); /* nobody saw what is not durable */
        open_log(&other);
        assert_int_equal(log_writer_checkpoint(other.w)->size, expected);
        append(&other, 2);
        log_writer_close(other.w);
        struct tlog_tree seen = {0};
        audit(&other, &seen, expected + 2);
    }
    run((const char *const[]){"rm", "-rf", copy, NULL});
}

static void test_a_journal_altered_at_any_byte(void **state) {
    struct scene *s = *state;
    AUTO(blob_clear) struct blob raw = {0};
    char journal[PATH_TEXT_BYTES];
    struct diag d = {0};
    append(s, 3);
    append(s, 2);
    path_of(s, "journal", journal);
    assert_int_equal(file_read(journal, 1 << 20, &raw, &d), ERR_OK);
    struct bytes base, batches, batch;
    for (size_t i = 0; i < raw.len; i++) { /* never an entry that was not written */
        raw.data[i] ^= 1;
        size_t count = 0;
        if (log_journal_read(blob_bytes(&raw), &base, &batches, &d) == ERR_OK)
            while (log_journal_next(blob_bytes(&raw), &batches, &batch) == ERR_OK) count++;
        assert_true(count < 2 || i < (size_t)(9 + base.len));
        raw.data[i] ^= 1;
    }
}

/* The power fails: of what was not synced, nothing is left. */
static void test_only_what_was_synced_is_left(void **state) {
    struct scene *s = *state;
    char copy[80], path[PATH_TEXT_BYTES];
    struct scene other = *s;
    struct tlog_tree seen = {0}, after = {0};
    struct diag d = {0};
    snprintf(copy, sizeof copy, "%.60s-copy", s->folder);
    memcpy(other.folder, copy, strlen(copy) + 1);
    for (unsigned i = 0; i < 10; i++) append(s, 60); /* over two tiles, all in the journal */
    audit(s, &seen, 600);
    after = seen;
    die(s, copy);
    path_of(&other, "tile", path);
    run((const char *const[]){"rm", "-rf", path, NULL});
    path_of(&other, "checkpoint", path);
    assert_int_equal(file_replace(path, bytes_text(""), 0644, &d), ERR_OK);
    open_log(&other);
    append(&other, 5);
    log_writer_close(other.w);
    audit(&other, &after, 605);
    run((const char *const[]){"rm", "-rf", copy, NULL});
}

static void test_a_checkpoint_ahead_of_the_journal_is_refused(void **state) {
    struct scene *s = *state;
    char copy[80], path[PATH_TEXT_BYTES];
    struct diag d = {0};
    snprintf(copy, sizeof copy, "%.60s-copy", s->folder);
    append(s, 3);
    path_of(s, "journal", path);
    run((const char *const[]){"cp", path, copy, NULL});
    append(s, 3);
    run((const char *const[]){"cp", copy, path, NULL});
    struct scene other = *s;
    assert_int_equal(log_writer_open(s->folder, ORIGIN, &s->key, &other.w, &d), ERR_FORGED);
    assert_non_null(strstr(d.text, "journal"));
    run((const char *const[]){"rm", copy, NULL});
}

/* As a version before this one left it: no journal, and the checkpoint durable. */
static void test_a_folder_without_a_journal(void **state) {
    struct scene *s = *state;
    char path[PATH_TEXT_BYTES];
    struct tlog_tree seen = {0};
    append(s, 60);
    log_writer_close(s->w);
    path_of(s, "journal", path);
    assert_int_equal(unlink(path), 0);
    open_log(s);
    append(s, 1);
    audit(s, &seen, 61);
}

static size_t count_files(const char *folder) {
    size_t count = 0;
    DIR *dir = opendir(folder);
    if (!dir) return 0;
    while (readdir(dir)) count++;
    closedir(dir);
    return count;
}

static void test_partial_tiles_go_when_the_next_is_full(void **state) {
    struct scene *s = *state;
    char path[PATH_TEXT_BYTES];
    struct tlog_tree seen = {0};
    for (unsigned i = 0; i < TILE_WIDTH; i++) append(s, 1);
    path_of(s, "tile/entries/000.p", path);
    assert_int_equal(count_files(path), TILE_WIDTH - 1 + 2);
    for (unsigned i = 0; i < TILE_WIDTH; i++) append(s, 1);
    assert_int_equal(count_files(path), 0);
    path_of(s, "tile/entries/001.p", path);
    assert_int_equal(count_files(path), TILE_WIDTH - 1 + 2);
    audit(s, &seen, 2 * TILE_WIDTH);
}

/* The journal's base names partial tiles: they stay until another journal begins, or nothing could be made
 * again from it. */
static void test_the_journals_base_keeps_its_partial_tiles(void **state) {
    struct scene *s = *state;
    char copy[80], path[PATH_TEXT_BYTES];
    struct scene other = *s;
    struct tlog_tree seen = {0}, after = {0};
    append(s, 60);
    log_writer_close(s->w);
    open_log(s); /* a journal from 60 entries on */
    for (unsigned i = 0; i < 12; i++) append(s, 60);
    audit(s, &seen, 780); /* tiles 0, 1 and 2 are full */
    after = seen;
    snprintf(copy, sizeof copy, "%.60s-copy", s->folder);
    memcpy(other.folder, copy, strlen(copy) + 1);
    die(s, copy);
    open_log(&other);
    append(&other, 5);
    log_writer_close(other.w);
    audit(&other, &after, 785);
    run((const char *const[]){"rm", "-rf", copy, NULL});
    log_writer_close(s->w);
    open_log(s);
    path_of(s, "tile/entries/000.p", path);
    assert_int_equal(count_files(path), 0);
}

static void test_tiles_are_settled_and_the_journal_begins_anew(void **state) {
    struct scene *s = *state;
    static char large[60000];
    AUTO(blob_clear) struct blob raw = {0};
    char path[PATH_TEXT_BYTES];
    struct diag d = {0};
    uint64_t first;
    memset(large, 'a', sizeof large);
    const struct bytes entry = BYTES(large, sizeof large);
    for (unsigned i = 0; i < 200; i++)
        assert_int_equal(log_writer_append(s->w, &entry, 1, &first, &d), ERR_OK);
    path_of(s, "journal", path);
    assert_int_equal(file_read(path, 64 << 20, &raw, &d), ERR_OK);
    assert_true(raw.len <= LOG_WRITER_JOURNAL_BYTES + 2 * sizeof large);
    log_writer_close(s->w);
    open_log(s);
    assert_int_equal(log_writer_checkpoint(s->w)->size, 200);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_journal_cut_at_any_byte, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_journal_altered_at_any_byte, setup, teardown),
        cmocka_unit_test_setup_teardown(test_only_what_was_synced_is_left, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_checkpoint_ahead_of_the_journal_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_folder_without_a_journal, setup, teardown),
        cmocka_unit_test_setup_teardown(test_partial_tiles_go_when_the_next_is_full, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_journals_base_keeps_its_partial_tiles, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tiles_are_settled_and_the_journal_begins_anew, setup, teardown),
    };
    return cmocka_run_group_tests_name("log writer", tests, NULL, NULL);
}
