/* The queue of alerts on a real disk: order, limits, damage, and being killed at any moment. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/log.h"
#include "hub/alert_queue.h"

#define ONE "aaaaaaaa"
#define TWO "bbbbbbbb"

static const char both[][NOTIFY_CHANNEL_ID_BYTES] = {ONE, TWO};
static char folder[64];

static int make_folder(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/cardea-alerts-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static size_t files(bool remove) {
    DIR *d = opendir(folder);
    size_t n = 0;
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.') continue;
        n++;
        if (remove) unlinkat(dirfd(d), e->d_name, 0);
    }
    closedir(d);
    return n;
}

static void keys_path(char out[PATH_TEXT_BYTES]) {
    snprintf(out, PATH_TEXT_BYTES, "%s.keys", folder);
}

static int remove_folder(void **state) {
    char path[PATH_TEXT_BYTES];
    (void)state;
    keys_path(path);
    unlink(path);
    files(true);
    return rmdir(folder);
}

static struct alert_queue *open_queue(void) {
    struct alert_queue *q = NULL;
    struct diag d = {{0}};
    if (alert_queue_open(folder, &q, &d)) fail_msg("%s", d.text);
    return q;
}

static void make(uint32_t number, size_t picture, struct alert_message *m) {
    static uint8_t jpeg[ALERT_JPEG_MAX_BYTES + 1];
    struct alert a = {.camera_name = "porch",
                      .label = "person",
                      .title = "A person",
                      .text = "at the door",
                      .rule = "people",
                      .at = wall_now(),
                      .jpeg = BYTES(jpeg, picture),
                      .jpeg_small = BYTES(jpeg, picture ? 100 : 0)};
    struct diag d = {{0}};
    memset(jpeg, 0xd8, sizeof jpeg);
    be32_put(a.id, number);
    assert_int_equal(alert_message_make(&a, m, &d), ERR_OK);
}

static err add(struct alert_queue *q, uint32_t number, size_t channels) {
    AUTO(alert_message_clear) struct alert_message m = {0};
    make(number, 1000, &m);
    return alert_queue_add(q, &m, both, channels, NULL);
}

static uint32_t next_of(struct alert_queue *q, const char *channel, uint64_t *number) {
    AUTO(alert_message_clear) struct alert_message m = {0};
    uint8_t id[ALERT_ID_BYTES];
    if (alert_queue_next(q, channel, number)) return 0;
    assert_int_equal(alert_queue_load(q, *number, &m), ERR_OK);
    assert_int_equal(m.jpeg.len, 1000);
    assert_int_equal(m.jpeg_small.len, 100);
    assert_string_equal(alert_text(&m, "title"), "A person");
    assert_int_equal(hex_decode(alert_text(&m, "id"), (struct buffer){id, sizeof id}), ERR_OK);
    return be32_get(id);
}

static void test_order_and_restart(void **state) {
    (void)state;
    struct alert_queue *q = open_queue();
    uint64_t n;
    for (uint32_t i = 1; i <= 3; i++) assert_int_equal(add(q, i, 2), ERR_OK);
    assert_int_equal(add(q, 2, 2), ERR_EXISTS);
    assert_int_equal(next_of(q, ONE, &n), 1);
    alert_queue_settle(q, n, ONE, true);
    assert_int_equal(next_of(q, ONE, &n), 2);
    assert_int_equal(next_of(q, TWO, &n), 1);
    alert_queue_close(q);

    q = open_queue(); /* states survive */
    assert_int_equal(alert_queue_count(q), 3);
    assert_int_equal(next_of(q, ONE, &n), 2);
    alert_queue_refused(q, n, ONE); /* others first */
    assert_int_equal(next_of(q, ONE, &n), 3);
    alert_queue_settle(q, n, ONE, true);
    assert_int_equal(next_of(q, ONE, &n), 2);
    alert_queue_settle(q, n, ONE, false);
    assert_int_equal(alert_queue_dropped(q, ONE), 1);
    assert_int_equal(alert_queue_waiting(q, ONE), 0);
    assert_int_equal(alert_queue_waiting(q, TWO), 3);
    assert_int_equal(files(false), 3);
    alert_queue_forget(q, TWO);
    assert_int_equal(files(false), 0);
    assert_int_equal(alert_queue_count(q), 0);
    assert_int_equal(add(q, 2, 2), ERR_EXISTS); /* it was here */
    assert_int_equal(add(q, 9, 0), ERR_OK);     /* nobody to tell */
    assert_int_equal(files(false), 0);
    alert_queue_close(q);
}

static void test_limits(void **state) {
    (void)state;
    struct alert_queue *q = open_queue();
    uint64_t n;
    for (uint32_t i = 1; i <= ALERT_QUEUE_MAX; i++) assert_int_equal(add(q, i, 1), ERR_OK);
    assert_int_equal(alert_queue_dropped(q, ONE), 0);
    assert_int_equal(next_of(q, ONE, &n), 1);
    assert_int_equal(add(q, ALERT_QUEUE_MAX + 1, 1), ERR_OK);
    assert_int_equal(alert_queue_count(q), ALERT_QUEUE_MAX);
    assert_int_equal(alert_queue_dropped(q, ONE), 1);
    assert_int_equal(next_of(q, ONE, &n), 2);
    alert_queue_expire(q, (struct steady_us){steady_now().us + INT64_C(1000000) * (ALERT_LIFE_S - 60)});
    assert_int_equal(alert_queue_count(q), ALERT_QUEUE_MAX);
    alert_queue_expire(q, (struct steady_us){steady_now().us + INT64_C(1000000) * ALERT_LIFE_S});
    assert_int_equal(alert_queue_count(q), 0);
    assert_int_equal(alert_queue_dropped(q, ONE), ALERT_QUEUE_MAX + 1);
    assert_int_equal(files(false), 0);

    AUTO(alert_message_clear) struct alert_message at = {0}, past = {0};
    make(1, ALERT_JPEG_MAX_BYTES, &at);
    make(2, ALERT_JPEG_MAX_BYTES + 1, &past);
    assert_int_equal(at.jpeg.len, ALERT_JPEG_MAX_BYTES);
    assert_int_equal(past.jpeg.len, 0);
    alert_queue_close(q);
}

static void test_texts(void **state) {
    (void)state;
    static const char wide[] = "\xc3\xa9";
    char title[2 * ALERT_TEXT_MAX_BYTES + 2];
    for (size_t i = 0; i < ALERT_TEXT_MAX_BYTES + 1; i += 2) memcpy(title + i, wide, 2);
    memmove(title + 1, title, ALERT_TEXT_MAX_BYTES + 1);
    title[0] = 'x';
    title[ALERT_TEXT_MAX_BYTES + 1] = 0; /* x, then two bytes each: the limit lies within a character */
    struct alert a = {.camera_name = "a\r\nb", .label = "person", .title = title, .text = "", .rule = ""};
    AUTO(alert_message_clear) struct alert_message m = {0};
    struct diag d = {{0}};
    assert_int_equal(alert_message_make(&a, &m, &d), ERR_OK);
    assert_int_equal(strlen(alert_text(&m, "title")), ALERT_TEXT_MAX_BYTES - 1);
    assert_string_equal(alert_text(&m, "camera_name"), "a  b");
    a.title = "\xff";
    struct alert_message none = {0};
    assert_int_equal(alert_message_make(&a, &none, &d), ERR_INVALID);
}

/* Each single byte of a file changed, and each length: the alert is dropped, and never a wrong one handed
 * out. */
static void test_damage(void **state) {
    (void)state;
    char path[PATH_TEXT_BYTES];
    struct alert_queue *q = open_queue();
    AUTO(blob_clear) struct blob whole = {0};
    uint64_t n;
    assert_int_equal(add(q, 1, 2), ERR_OK);
    alert_queue_close(q);
    snprintf(path, sizeof path, "%s/0000000000000000", folder);
    assert_int_equal(file_read(path, 1 << 20, &whole, NULL), ERR_OK);
    for (size_t i = 0; i < whole.len; i += i < 600 || i + 60 > whole.len ? 1 : 97) {
        for (int cut = 0; cut < 2; cut++) {
            uint8_t was = whole.data[i];
            whole.data[i] ^= 0x40;
            int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
            assert_int_equal(fd_write_all(fd, cut ? BYTES(whole.data, i) : blob_bytes(&whole)), ERR_OK);
            close(fd);
            whole.data[i] = was;
            q = open_queue();
            if (alert_queue_count(q)) fail_msg("byte %zu, cut %d: taken", i, cut);
            assert_int_equal(alert_queue_next(q, ONE, &n), ERR_NOT_FOUND);
            alert_queue_close(q);
            assert_int_equal(files(false), 0);
        }
    }
    q = open_queue(); /* damaged while we run */
    assert_int_equal(add(q, 1, 1), ERR_OK);
    assert_int_equal(alert_queue_next(q, ONE, &n), ERR_OK);
    files(true);
    AUTO(alert_message_clear) struct alert_message m = {0};
    assert_int_equal(alert_queue_load(q, n, &m), ERR_NOT_FOUND);
    assert_int_equal(alert_queue_count(q), 0);
    alert_queue_close(q);
}

/* Bytes of the keys' file that are not zero. */
static size_t key_bytes(void) {
    char path[PATH_TEXT_BYTES];
    AUTO(blob_clear) struct blob keys = {0};
    size_t n = 0;
    keys_path(path);
    assert_int_equal(file_read(path, 1 << 20, &keys, NULL), ERR_OK);
    assert_int_equal(keys.len, ALERT_QUEUE_MAX * 32);
    for (size_t i = 0; i < keys.len; i++) n += keys.data[i] != 0;
    return n;
}

static bool holds(const struct blob *file, struct bytes what) {
    for (size_t i = 0; i + what.len <= file->len; i++)
        if (memcmp(file->data + i, what.data, what.len) == 0) return true;
    return false;
}

/* Nothing of an alert lies readable on the disk, and what was kept of its file is of no use when it is over.
 */
static void test_sealed(void **state) {
    (void)state;
    static const uint8_t pixels[] = {0xd8, 0xd8, 0xd8, 0xd8, 0xd8, 0xd8, 0xd8, 0xd8};
    char path[PATH_TEXT_BYTES];
    struct alert_queue *q = open_queue();
    AUTO(blob_clear) struct blob whole = {0};
    uint64_t n;
    assert_int_equal(key_bytes(), 0);
    assert_int_equal(add(q, 1, 2), ERR_OK);
    assert_int_equal(add(q, 2, 2), ERR_OK);
    assert_in_range(key_bytes(), 50, 64);
    snprintf(path, sizeof path, "%s/0000000000000000", folder);
    assert_int_equal(file_read(path, 1 << 20, &whole, NULL), ERR_OK);
    assert_false(holds(&whole, bytes_text("A person")));
    assert_false(holds(&whole, bytes_text("porch")));
    assert_false(holds(&whole, BYTES_OF(pixels)));
    assert_int_equal(next_of(q, ONE, &n), 1);
    alert_queue_settle(q, n, ONE, true);
    alert_queue_settle(q, n, TWO, false);
    assert_in_range(key_bytes(), 25, 32);
    alert_queue_close(q);
    assert_int_equal(file_replace(path, blob_bytes(&whole), 0600, NULL), ERR_OK); /* a thief's find */
    q = open_queue();
    assert_int_equal(alert_queue_count(q), 1);
    assert_int_equal(next_of(q, ONE, &n), 2);
    files(true); /* and a key whose file a crash took goes at the next start */
    alert_queue_close(q);
    q = open_queue();
    assert_int_equal(key_bytes(), 0);
    alert_queue_close(q);
}

static void fill_and_settle(int report) {
    struct alert_queue *q = open_queue();
    for (uint32_t i = 1;; i++) {
        uint64_t n;
        if (add(q, i, 2)) _exit(1);
        if (write(report, &i, sizeof i) != sizeof i) _exit(0);
        if (alert_queue_next(q, ONE, &n)) _exit(1);
        alert_queue_settle(q, n, ONE, true);
        uint32_t told = i | 0x80000000;
        if (write(report, &told, sizeof told) != sizeof told) _exit(0);
        if (i % 3 == 0 && !alert_queue_next(q, TWO, &n)) alert_queue_settle(q, n, TWO, true);
    }
}

/* A process that is killed -9 in the middle, again and again: what it had said is there, and nothing twice.
 */
static void test_kill(void **state) {
    (void)state;
    for (int round = 0; round < 15; round++) {
        int pipe_fd[2];
        uint32_t last = 0, added = 0, settled = 0;
        assert_int_equal(pipe(pipe_fd), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) fill_and_settle(pipe_fd[1]);
        close(pipe_fd[1]);
        for (int words = 0; words < 10 + 13 * round && read(pipe_fd[0], &last, sizeof last) == sizeof last;
             words++)
            last & 0x80000000 ? (settled = last & 0x7fffffff) : (added = last);
        kill(child, SIGKILL);
        while (read(pipe_fd[0], &last, sizeof last) == sizeof last)
            last & 0x80000000 ? (settled = last & 0x7fffffff) : (added = last);
        close(pipe_fd[0]);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));

        struct alert_queue *q = open_queue();
        uint64_t n;
        uint32_t first = next_of(q, ONE, &n);
        /* Each alert was taken before the next was added: at most the last is left for ONE. */
        assert_true(alert_queue_waiting(q, ONE) <= 1);
        if (first) assert_true(first > settled && first <= added + 1);
        assert_true(alert_queue_waiting(q, TWO) >= added - added / 3 - 1);
        assert_true(alert_queue_waiting(q, TWO) <= added + 1);
        alert_queue_close(q);
        files(true);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_order_and_restart, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_limits, make_folder, remove_folder),
        cmocka_unit_test(test_texts),
        cmocka_unit_test_setup_teardown(test_damage, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_sealed, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_kill, make_folder, remove_folder),
    };
    log_open("test", LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
