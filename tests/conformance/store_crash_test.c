/* A process that stores, replaces and removes is killed at random moments; what it acknowledged must be
 * there, and the invariants of docs/invariants.md must hold. Then the same with a disk that has no more room.
 */
#include "keep.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#define KILLS 40
#define KEPT 25 /* reels that are never removed: the newest */

static void report_line(void *arg, const char *line) {
    print_error("%s\n", line);
}

/* No fault, no stray, and nothing staged but what an upload knows. */
static void assert_invariants(struct keep *k, uint32_t now) {
    struct fsck_result r;
    struct fsck_options options = {
        .accounts = k->accounts, .index = k->index, .blobs = k->blobs, .now = now, .report = report_line};
    assert_ok(fsck_run(&options, &r, D));
    assert_int_equal(r.faults, 0);
    assert_int_equal(r.strays, 0);
    assert_int_equal(r.staged, 0);
}

/* Stores reels from `from` on, each acknowledged on the pipe, and removes the oldest, until it is killed. */
static void work(const char *folder, uint32_t from, int pipe) {
    struct keep k;
    struct index_removed removed;
    uint64_t collected, current = 0;
    if (keep_open(&k, folder, 0, D)) _exit(1);
    for (uint32_t n = from;; n++) {
        if (keep_reel(&k, n, KEEP_BASE + n, D)) _exit(2);
        if (write(pipe, &n, sizeof n) != sizeof n) _exit(3);
        if (n < KEPT) continue;
        uint32_t to = KEEP_BASE + 60 * (n - KEPT);
        if (k.index->ops->range_remove(k.index, &k.place, 0, to, 3, KEEP_BASE + n, &removed, D)) _exit(4);
        if (garbage_collect(k.index, k.blobs, 10, &collected, D)) _exit(5);
        err e = k.index->ops->object_put(k.index, &k.place.household, "k", current, BYTES(&n, sizeof n),
                                         &current, D);
        if (!e)
            current++;
        else if (e != ERR_CONFLICT)
            _exit(6);
    }
}

static void sleep_us(uint32_t us) {
    struct timespec time = {us / 1000000, us % 1000000 * 1000};
    while (nanosleep(&time, &time)) continue;
}

/* Reads what is acknowledged, up to `count` of them or to the end; the highest number. */
static uint32_t acknowledged(int pipe, uint32_t count, uint32_t before) {
    uint32_t n;
    while (count-- && read(pipe, &n, sizeof n) == sizeof n) before = n;
    return before;
}

/* Kills it some time after a number of reels. */
static void kill_once(const char *folder, uint32_t *last, uint32_t after_reels, uint32_t after_us) {
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        work(folder, *last + 1, ends[1]);
    }
    close(ends[1]);
    *last = acknowledged(ends[0], after_reels, *last);
    sleep_us(after_us);
    assert_int_equal(kill(child, SIGKILL), 0);
    *last = acknowledged(ends[0], UINT32_MAX, *last);
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSIGNALED(status)) print_error("the child ended by itself with %d\n", WEXITSTATUS(status));
    assert_true(WIFSIGNALED(status));
}

static void test_killed_at_any_moment(void **state) {
    char folder[64];
    struct keep k;
    uint32_t last = 0, random;
    folder_make_temporary(folder);
    for (int i = 0; i < KILLS; i++) {
        assert_int_equal(getrandom(&random, sizeof random, 0), sizeof random);
        kill_once(folder, &last, random % 8, (random >> 8) % 20000);
        assert_ok(keep_open(&k, folder, 0, D));
        assert_invariants(&k, KEEP_BASE + last);
        for (uint32_t n = last > KEPT ? last - KEPT + 2 : 1; n <= last; n++) {
            err e = keep_verify(&k, n, D);
            if (e) print_error("reel %u of %u, acknowledged before kill %d, is not there\n", n, last, i);
            assert_ok(e);
        }
        keep_close(&k);
    }
    print_message("# %d kills, %u reels acknowledged\n", KILLS, last);
    assert_true(last > KILLS); /* it did work between the kills */
    folder_remove(folder);
}

/* --- no more room --- */

/* Stores until it is refused: `refusal` is how, besides ERR_NO_SPACE. */
static int fill(const char *folder, uint64_t reserve, err refusal, int pipe) {
    struct keep k;
    if (keep_open(&k, folder, reserve, D)) return 1;
    for (uint32_t n = 1; n < 100000; n++) {
        err e = keep_reel(&k, n, KEEP_BASE + n, D);
        if (e == ERR_NO_SPACE || (e && e == refusal)) return 0;
        if (e) {
            print_error("%s: %s\n", err_text(e), conformance_diag.text);
            return 2;
        }
        if (write(pipe, &n, sizeof n) != sizeof n) return 3;
    }
    return 4;
}

static uint32_t fill_in_child(const char *folder, uint64_t reserve, rlim_t file_limit) {
    int ends[2], status;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_true(fcntl(ends[1], F_SETPIPE_SZ, 1 << 20) > 0);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGXFSZ, SIG_IGN);
        if (file_limit && setrlimit(RLIMIT_FSIZE, &(struct rlimit){file_limit, file_limit})) _exit(9);
        /* SQLite forgets that a failed write was one too far; of a full disk it knows. */
        _exit(fill(folder, reserve, file_limit ? ERR_IO : ERR_OK, ends[1]));
    }
    close(ends[1]);
    uint32_t last = acknowledged(ends[0], UINT32_MAX, 0);
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    return last;
}

static void assert_all_there(const char *folder, uint32_t last) {
    struct keep k;
    assert_ok(keep_open(&k, folder, 0, D));
    assert_invariants(&k, KEEP_BASE + last);
    for (uint32_t n = 1; n <= last; n++) assert_ok(keep_verify(&k, n, D));
    keep_close(&k);
}

/* The log of the index may not grow past the limit: its writes fail in the midst of a commit. */
static void test_index_refused_by_the_system(void **state) {
    char folder[64];
    struct keep k;
    folder_make_temporary(folder);
    uint32_t last = fill_in_child(folder, 0, 600000);
    assert_true(last > 2);
    assert_all_there(folder, last);
    assert_ok(keep_open(&k, folder, 0, D));
    for (uint32_t n = last + 1; n < last + 20; n++)
        assert_ok(keep_reel(&k, n, KEEP_BASE, D)); /* it goes on */
    keep_close(&k);
    folder_remove(folder);
}

static bool mounts_are_ours;

/* A real file system of 6 MiB, where the system lets us make one. With a reserve the blobs stop first, and
 * the index still has room to delete; without, whichever comes first is refused, and nothing acknowledged is
 * lost. */
static void fill_disk(uint64_t reserve) {
    char folder[64];
    struct keep k;
    struct index_removed removed;
    uint64_t collected;
    folder_make_temporary(folder);
    if (!mounts_are_ours || mount("cardea-test", folder, "tmpfs", 0, "size=6m")) {
        print_message("# no full disk: this system does not let the test mount one\n");
        folder_remove(folder);
        return;
    }
    uint32_t last = fill_in_child(folder, reserve, 0);
    assert_true(last > 20);
    assert_all_there(folder, last);
    if (reserve) {
        assert_ok(keep_open(&k, folder, reserve, D));
        err e = ERR_OK; /* closing the index has freed its log */
        while (!e) e = keep_reel(&k, last += 1, KEEP_BASE, D);
        assert_err(e, ERR_NO_SPACE);
        assert_ok(k.index->ops->range_remove(k.index, &k.place, 0, KEEP_BASE + 60 * (last / 2), 10000,
                                             KEEP_BASE, &removed, D));
        assert_true(removed.reels > 5);
        assert_ok(garbage_collect(k.index, k.blobs, 10000, &collected, D));
        assert_ok(keep_reel(&k, last + 1, KEEP_BASE, D)); /* there is room again */
        keep_close(&k);
    }
    assert_int_equal(umount(folder), 0);
    folder_remove(folder);
}

static void test_disk_full_before_the_reserve(void **state) {
    fill_disk(2u << 20);
}
static void test_disk_full_to_the_last_byte(void **state) {
    fill_disk(0);
}

int main(void) {
    /* Where it may, the test mounts for itself alone, and whatever is left mounted goes with it. */
    mounts_are_ours = unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_at_any_moment),
        cmocka_unit_test(test_index_refused_by_the_system),
        cmocka_unit_test(test_disk_full_before_the_reserve),
        cmocka_unit_test(test_disk_full_to_the_last_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
