/* timeline_bench.c: what the index answers, and how soon, when it has grown for a year: by default 8 cameras,
 * a reel each minute, 20 segments in a reel: 4.2 million reels. Usage: timeline_bench [--json] [--cameras N]
 * [--days N] [--folder DIR]
 *
 * The year is written past the interface, in the order in which it would have come, without a sync for each
 * reel; all that is measured goes through the interface. "cold" is with the file dropped from the page cache
 * and from the index's own. DIR needs some 3 GB; what is made there is removed. */
#include <fcntl.h>
#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "store/garbage.h"
#include "store/index.h"

#define FIRST_DAY 20000u
#define SEGMENTS 20u
#define CAMERAS_MAX 64u
#define ROUNDS 200u

struct bench {
    bool json;
    uint32_t cameras, days;
    char folder[PATH_TEXT_BYTES], path[PATH_TEXT_BYTES];
    struct store_id home, camera[CAMERAS_MAX];
    struct index *index;
};

static void stop(const char *what, const struct diag *d) {
    fprintf(stderr, "timeline_bench: %s: %s\n", what, d ? d->text : "failed");
    exit(1);
}

static void must(err e, const struct diag *d) {
    if (e) stop(err_text(e), d);
}

static double now_ms(void) {
    return (double)steady_now().us / 1000;
}

static void random_fill(void *out, size_t size) {
    if (getrandom(out, size, 0) != (ssize_t)size) stop("getrandom", NULL);
}

/* --- making the year --- */

static void sql(sqlite3 *db, const char *text) {
    if (sqlite3_exec(db, text, NULL, NULL, NULL)) stop(sqlite3_errmsg(db), NULL);
}

static sqlite3_stmt *prepared(sqlite3 *db, const char *text) {
    sqlite3_stmt *stmt;
    if (sqlite3_prepare_v2(db, text, -1, &stmt, NULL)) stop(sqlite3_errmsg(db), NULL);
    return stmt;
}

static void put(sqlite3 *db, sqlite3_stmt *stmt) {
    if (sqlite3_step(stmt) != SQLITE_DONE) stop(sqlite3_errmsg(db), NULL);
    sqlite3_reset(stmt);
}

static void put_reel(sqlite3 *db, sqlite3_stmt *const stmts[3], uint32_t camera, uint32_t first) {
    uint8_t name[STORE_ID_BYTES], table[SEGMENTS * 20];
    random_fill(name, sizeof name);
    memset(table, 0, sizeof table);
    for (uint32_t i = 0; i < SEGMENTS; i++) {
        be32_put(table + 20 * i, first + 3 * i);
        be32_put(table + 20 * i + 8, 190000 * i);
    }
    for (unsigned i = 0; i < 2; i++) {
        sqlite3_bind_int64(stmts[i], 1, camera);
        sqlite3_bind_int64(stmts[i], 2, first);
        sqlite3_bind_blob(stmts[i], 3, name, sizeof name, SQLITE_STATIC);
    }
    sqlite3_bind_int64(stmts[0], 4, first + 60);
    sqlite3_bind_blob(stmts[1], 4, table, sizeof table, SQLITE_STATIC);
    sqlite3_bind_blob(stmts[2], 1, name, sizeof name, SQLITE_STATIC);
    sqlite3_bind_int64(stmts[2], 2, camera);
    sqlite3_bind_int64(stmts[2], 3, first);
    for (unsigned i = 0; i < 3; i++) put(db, stmts[i]);
}

static void write_year(struct bench *b) {
    sqlite3 *db;
    if (sqlite3_open(b->path, &db)) stop("cannot open the index", NULL);
    sql(db, "PRAGMA synchronous=OFF; PRAGMA cache_size=-400000; BEGIN");
    sqlite3_stmt *const stmts[3] = {
        prepared(db, "INSERT INTO reels VALUES(?1, ?2, ?3, 1, ?4, 3800000, 20, 0)"),
        prepared(db, "INSERT INTO tables VALUES(?1, ?2, ?3, ?4)"),
        prepared(db, "INSERT INTO names VALUES(?1, 2, ?2, ?3, NULL)"),
    };
    for (uint32_t minute = 0; minute < b->days * 1440; minute++) {
        for (uint32_t c = 1; c <= b->cameras; c++) /* cameras do not start in the same second */
            put_reel(db, stmts, c, FIRST_DAY * STORE_DAY_SLOTS + 60 * minute + c);
        if (minute % 14400 == 14399) sql(db, "COMMIT; BEGIN");
    }
    sql(db,
        "UPDATE cameras SET (reels, bytes) = (SELECT count(*), sum(bytes) FROM reels WHERE camera=number)");
    sql(db, "COMMIT; PRAGMA wal_checkpoint(TRUNCATE)");
    for (unsigned i = 0; i < 3; i++) sqlite3_finalize(stmts[i]);
    sqlite3_close(db);
}

static void make(struct bench *b) {
    struct diag d;
    struct store_key owner;
    random_fill(&owner, sizeof owner);
    random_fill(&b->home, sizeof b->home);
    must(index_sqlite_open(b->path, &b->index, &d), &d);
    must(b->index->ops->household_create(b->index, &b->home, &owner, 0, &d), &d);
    for (uint32_t c = 0; c < b->cameras; c++) { /* numbered from 1 in this order */
        random_fill(&b->camera[c], sizeof b->camera[c]);
        must(b->index->ops->camera_set_retention(b->index, &b->home, &b->camera[c], 0, false, &d), &d);
    }
    index_release(&b->index);
    double begin = now_ms();
    write_year(b);
    struct stat info;
    if (stat(b->path, &info)) stop("cannot look at the index", NULL);
    if (!b->json)
        printf("%u cameras, %u days: %u reels, index of %.2f GB, written in %.0f s\n", b->cameras, b->days,
               b->cameras * b->days * 1440, (double)info.st_size / 1e9, (now_ms() - begin) / 1000);
    must(index_sqlite_open(b->path, &b->index, &d), &d);
}

/* --- measuring --- */

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void tell(const struct bench *b, const char *what, double *ms, size_t count, double goal_ms) {
    qsort(ms, count, sizeof *ms, compare);
    double median = ms[count / 2], most = ms[count * 99 / 100];
    if (b->json)
        printf("{\"bench\":\"timeline\",\"what\":\"%s\",\"reels\":%u,\"median_ms\":%.3f,\"p99_ms\":%.3f,"
               "\"worst_ms\":%.3f}\n",
               what, b->cameras * b->days * 1440, median, most, ms[count - 1]);
    else {
        printf("%-44s %9.2f %9.2f %9.2f", what, median, most, ms[count - 1]);
        if (goal_ms > 0) printf("   goal %.0f: %s", goal_ms, median <= goal_ms ? "met" : "MISSED");
        printf("\n");
    }
}

static uint32_t random_below(uint32_t n) {
    uint32_t value;
    random_fill(&value, sizeof value);
    return value % n;
}

/* Drops the file from the page cache, and the index's own caches with their connections. */
static void make_cold(struct bench *b) {
    struct diag d;
    index_release(&b->index);
    AUTO(fd_close) int fd = open(b->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED))
        stop("cannot drop the cache", NULL);
    must(index_sqlite_open(b->path, &b->index, &d), &d);
}

static void one_day(struct bench *b, uint32_t camera, uint32_t day, bool tables) {
    AUTO(timeline_clear) struct timeline t = {0};
    struct diag d;
    struct reel_place place = {b->home, b->camera[camera]};
    uint32_t from = (FIRST_DAY + day) * STORE_DAY_SLOTS;
    must(b->index->ops->timeline(b->index, &place, from, from + STORE_DAY_SLOTS, INDEX_TIMELINE_MAX, tables,
                                 &t, &d),
         &d);
    if (t.count < 1440 - 1) stop("a day has too few reels", NULL);
}

static void measure_days(struct bench *b, const char *what, bool cold, bool all_cameras, bool tables,
                         double goal_ms) {
    double ms[ROUNDS];
    uint32_t rounds = cold ? 30 : ROUNDS;
    for (uint32_t i = 0; i < rounds; i++) {
        uint32_t day = random_below(b->days), camera = random_below(b->cameras);
        if (cold) make_cold(b);
        double begin = now_ms();
        if (!all_cameras) one_day(b, camera, day, tables);
        for (uint32_t c = 0; all_cameras && c < b->cameras; c++) one_day(b, c, day, tables);
        ms[i] = now_ms() - begin;
    }
    tell(b, what, ms, rounds, goal_ms);
}

static err count_camera(void *arg, const struct camera_info *camera) {
    ++*(uint32_t *)arg;
    return ERR_OK;
}

static void measure_cameras(struct bench *b) {
    double ms[ROUNDS];
    struct diag d;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t count = 0;
        double begin = now_ms();
        must(b->index->ops->camera_list(b->index, &b->home, count_camera, &count, &d), &d);
        ms[i] = now_ms() - begin;
        if (count != b->cameras) stop("cameras are missing", NULL);
    }
    tell(b, "list of cameras with their ends", ms, ROUNDS, 0);
}

/* A reel announced and committed: two transactions, each synced. */
static void measure_commits(struct bench *b) {
    double ms[ROUNDS];
    struct diag d;
    static const uint8_t table[SEGMENTS * 20];
    uint32_t slot = (FIRST_DAY + b->days) * STORE_DAY_SLOTS;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct index_upload upload = {
            .place = {b->home, b->camera[i % b->cameras]}, .epoch = 1, .begun = slot};
        random_fill(&upload.reel, sizeof upload.reel);
        struct reel_info reel = {.reel = upload.reel,
                                 .first = slot + 60 * i,
                                 .end = slot + 60 * i + 60,
                                 .bytes = 3800000,
                                 .segments = SEGMENTS,
                                 .table = BYTES_OF(table)};
        double begin = now_ms();
        must(b->index->ops->reel_begin(b->index, &upload, &d), &d);
        must(b->index->ops->reel_commit(b->index, &b->home, &reel, NULL, slot, &d), &d);
        ms[i] = now_ms() - begin;
    }
    tell(b, "a reel begun and committed (two syncs)", ms, ROUNDS, 0);
}

/* Batches of 500 reels: how long others have to wait for one. */
static void measure_removal(struct bench *b) {
    static double ms[4096];
    struct diag d;
    struct index_removed removed = {.more = true};
    uint32_t from = FIRST_DAY * STORE_DAY_SLOTS, month = b->days < 30 ? b->days : 30, count = 0;
    struct reel_place place = {b->home, b->camera[0]};
    double begin = now_ms();
    uint64_t reels = 0;
    while (removed.more && count < 4096) {
        double batch = now_ms();
        must(b->index->ops->range_remove(b->index, &place, from, from + month * STORE_DAY_SLOTS, 500, from,
                                         &removed, &d),
             &d);
        ms[count++] = now_ms() - batch;
        reels += removed.reels;
    }
    if (!b->json)
        printf("%u days of one camera removed: %llu reels in %.0f ms\n", month, (unsigned long long)reels,
               now_ms() - begin);
    tell(b, "  a batch of 500 of them", ms, count, 0);

    for (uint32_t c = 1; c < b->cameras; c++)
        must(b->index->ops->camera_set_retention(b->index, &b->home, &b->camera[c], 1, false, &d), &d);
    struct index_sweep sweep = {0};
    uint32_t now = (FIRST_DAY + 2) * STORE_DAY_SLOTS + 60;
    begin = now_ms();
    reels = count = 0;
    do {
        double batch = now_ms();
        must(b->index->ops->retention_sweep(b->index, &sweep, now, 500, &removed, &d), &d);
        ms[count++] = now_ms() - batch;
        reels += removed.reels;
    } while (removed.more && count < 4096);
    if (!b->json)
        printf("a day's retention of the other cameras: %llu reels in %.0f ms\n", (unsigned long long)reels,
               now_ms() - begin);
    tell(b, "  a batch of 500 of them", ms, count, 0);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *at) {
    return remove(path);
}

static void parse(struct bench *b, int argc, char **argv) {
    const char *folder = "/tmp";
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            b->json = true;
        else if (strcmp(argv[i], "--cameras") == 0 && i + 1 < argc)
            b->cameras = (uint32_t)strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--days") == 0 && i + 1 < argc)
            b->days = (uint32_t)strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--folder") == 0 && i + 1 < argc)
            folder = argv[++i];
        else
            b->cameras = 0;
    }
    if (b->cameras < 1 || b->cameras > CAMERAS_MAX || b->days < 1 || b->days > 3650) {
        fprintf(stderr, "usage: timeline_bench [--json] [--cameras 1..64] [--days 1..3650] [--folder DIR]\n");
        exit(2);
    }
    snprintf(b->folder, sizeof b->folder, "%.900s/cardea-timeline-XXXXXX", folder);
    if (!mkdtemp(b->folder)) stop("cannot make a folder", NULL);
    must(path_join(b->path, b->folder, "index.sqlite"), NULL);
}

int main(int argc, char **argv) {
    struct bench b = {.cameras = 8, .days = 365};
    parse(&b, argc, argv);
    make(&b);
    if (!b.json) printf("%-44s %9s %9s %9s\n", "", "median ms", "99 % ms", "worst ms");
    measure_days(&b, "a day of one camera", false, false, false, 20);
    measure_days(&b, "a day of all cameras", false, true, false, 20);
    measure_days(&b, "a day of one camera, cold", true, false, false, 20);
    measure_days(&b, "a day of all cameras, cold", true, true, false, 0);
    measure_days(&b, "a day of one camera, with segments", false, false, true, 0);
    measure_days(&b, "a day of one camera, with segments, cold", true, false, true, 0);
    measure_cameras(&b);
    measure_commits(&b);
    measure_removal(&b);
    index_release(&b.index);
    return nftw(b.folder, remove_one, 8, FTW_DEPTH | FTW_PHYS) ? 1 : 0;
}
