/* log_bench.c: how many entries a second the access log takes, durable, sealed, numbered; beside SQLite (WAL,
 * synchronous=FULL) that inserts the same bytes in groups of the same size, and beside the disk's own rate of
 * syncs, in the same run. Usage: log_bench [--json] [--threads N] [--seconds N] [--households N] [--folder
 * DIR] */
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "crypto/unbox.h"
#include "must.h"
#include "vault/log_internal.h"

#define THREADS_MAX 512

struct bench {
    bool json;
    size_t threads, households;
    double seconds;
    char folder[PATH_TEXT_BYTES];
    struct vault vault;
    struct store_id *homes;
    atomic_bool over;
    atomic_uint_fast64_t done, slowest_us, waited_us;
    size_t entry_bytes;
};

static void path_in(const struct bench *b, const char *name, char out[PATH_TEXT_BYTES]) {
    must(path_join(out, b->folder, name), NULL);
}

static void make_homes(struct bench *b) {
    struct diag d = {0};
    struct index *index = b->vault.index;
    b->homes = calloc(b->households, sizeof *b->homes);
    for (size_t i = 0; i < b->households; i++) {
        struct store_key owner;
        struct index_household keys;
        struct box_key box;
        random_bytes(&b->homes[i], sizeof b->homes[i]);
        random_bytes(&owner, sizeof owner);
        random_bytes(&keys, sizeof keys);
        box_key_generate(&box);
        memcpy(keys.box.bytes, box.public_key, sizeof keys.box.bytes);
        must(index->ops->household_create(index, &b->homes[i], &owner, 0, &d), &d);
        must(index->ops->household_keys_put(index, &b->homes[i], &keys, &d), &d);
    }
}

static void open_vault(struct bench *b) {
    struct diag d = {0};
    char path[PATH_TEXT_BYTES];
    path_in(b, "index.db", path);
    vault_init(&b->vault);
    must(index_sqlite_open(path, &b->vault.index, &d), &d);
    must(bus_local_open(&b->vault.bus, &d), &d);
    must(access_log_open(b->folder, &b->vault.log, &d), &d);
    must(access_log_start(&b->vault, &d), &d);
}

/* As a grant's opening is logged. */
static json_t *details_of_use(void) {
    return json_pack("{s:s,s:s,s:s,s:[s],s:i,s:i,s:b}", "grant", "000102030405060708090a0b0c0d0e0f",
                     "purpose", "member", "key", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "cameras",
                     "000102030405060708090a0b0c0d0e0f", "from", 1700000000, "to", 1700003600, "live", 1);
}

struct worker {
    struct bench *b;
    size_t number;
};

static void *work(void *arg) {
    const struct worker *w = arg;
    struct bench *b = w->b;
    AUTO(json_release) json_t *details = details_of_use();
    uint8_t actor[LOG_ACTOR_BYTES] = {1};
    for (size_t i = w->number; !atomic_load(&b->over); i += b->threads) {
        struct diag d = {0};
        const struct access_act act = {.kind = "grant.use",
                                       .household = &b->homes[i % b->households],
                                       .actor = actor,
                                       .details = details};
        int64_t begun = steady_now().us;
        must(access_log_append(&b->vault, &act, NULL, NULL, &d), &d);
        uint64_t took = (uint64_t)(steady_now().us - begun), slowest = atomic_load(&b->slowest_us);
        while (took > slowest && !atomic_compare_exchange_weak(&b->slowest_us, &slowest, took)) continue;
        atomic_fetch_add(&b->waited_us, took);
        atomic_fetch_add(&b->done, 1);
    }
    return NULL;
}

struct figures {
    double rate, groups, mean_ms, worst_ms;
};

static struct figures measure_log(struct bench *b) {
    pthread_t threads[THREADS_MAX];
    struct worker workers[THREADS_MAX];
    uint64_t before = atomic_load(&b->vault.log->groups);
    double begun = now_s();
    for (size_t i = 0; i < b->threads; i++) {
        workers[i] = (struct worker){b, i};
        if (pthread_create(&threads[i], NULL, work, &workers[i])) stop("no thread", NULL);
    }
    struct timespec whole = {(time_t)b->seconds, 0};
    nanosleep(&whole, NULL);
    atomic_store(&b->over, true);
    for (size_t i = 0; i < b->threads; i++) pthread_join(threads[i], NULL);
    double seconds = now_s() - begun, done = (double)atomic_load(&b->done);
    return (struct figures){.rate = done / seconds,
                            .groups = (double)(atomic_load(&b->vault.log->groups) - before) / seconds,
                            .mean_ms = (double)atomic_load(&b->waited_us) / done / 1000,
                            .worst_ms = (double)atomic_load(&b->slowest_us) / 1000};
}

static size_t entry_size(struct bench *b) {
    AUTO(json_release) json_t *details = details_of_use();
    AUTO(blob_clear) struct blob entry = {0};
    uint8_t actor[LOG_ACTOR_BYTES] = {1};
    struct diag d = {0};
    const struct access_act act = {
        .kind = "grant.use", .household = b->homes, .actor = actor, .details = details};
    must(access_log_append(&b->vault, &act, NULL, &entry, &d), &d);
    return entry.len;
}

/* The same bytes, as many in a transaction as a group had. */
static double measure_sqlite(const struct bench *b, size_t group) {
    char path[PATH_TEXT_BYTES];
    sqlite3 *db = NULL;
    sqlite3_stmt *insert;
    uint8_t *entry = malloc(b->entry_bytes);
    uint64_t done = 0;
    path_in(b, "peer.db", path);
    if (!entry || sqlite3_open(path, &db)) stop("cannot open the peer", NULL);
    if (sqlite3_exec(db,
                     "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                     "CREATE TABLE log(number INTEGER PRIMARY KEY, entry BLOB NOT NULL)",
                     NULL, NULL, NULL) ||
        sqlite3_prepare_v2(db, "INSERT INTO log(entry) VALUES(?1)", -1, &insert, NULL))
        stop(sqlite3_errmsg(db), NULL);
    double begun = now_s();
    for (; now_s() - begun < b->seconds; done += group) {
        if (sqlite3_exec(db, "BEGIN", NULL, NULL, NULL)) stop(sqlite3_errmsg(db), NULL);
        for (size_t i = 0; i < group; i++) {
            random_bytes(entry, b->entry_bytes);
            sqlite3_bind_blob(insert, 1, entry, (int)b->entry_bytes, SQLITE_STATIC);
            if (sqlite3_step(insert) != SQLITE_DONE) stop(sqlite3_errmsg(db), NULL);
            sqlite3_reset(insert);
        }
        if (sqlite3_exec(db, "COMMIT", NULL, NULL, NULL)) stop(sqlite3_errmsg(db), NULL);
    }
    double rate = (double)done / (now_s() - begun);
    sqlite3_finalize(insert);
    sqlite3_close(db);
    free(entry);
    return rate;
}

/* What the disk gives to who does nothing else. */
static double measure_syncs(const struct bench *b, size_t bytes) {
    char path[PATH_TEXT_BYTES];
    uint8_t *data = calloc(1, bytes);
    uint64_t done = 0;
    path_in(b, "bare", path);
    AUTO(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || !data) stop("cannot open a file", NULL);
    double begun = now_s();
    for (; now_s() - begun < b->seconds; done++)
        if (fd_write_all(fd, BYTES(data, bytes)) || fdatasync(fd)) stop("cannot sync", NULL);
    free(data);
    return (double)done / (now_s() - begun);
}

static void read_arguments(struct bench *b, int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--json") == 0) {
            b->json = true;
            continue;
        }
        if (strcmp(argv[i], "--threads") == 0)
            b->threads = strtoul(value, NULL, 10);
        else if (strcmp(argv[i], "--seconds") == 0)
            b->seconds = strtod(value, NULL);
        else if (strcmp(argv[i], "--households") == 0)
            b->households = strtoul(value, NULL, 10);
        else if (strcmp(argv[i], "--folder") == 0)
            snprintf(b->folder, sizeof b->folder, "%s", value);
        else
            stop("usage: log_bench [--json] [--threads N] [--seconds N] [--households N] [--folder DIR]",
                 NULL);
        i++;
    }
    if (b->threads == 0 || b->threads > THREADS_MAX || b->households == 0 || b->seconds < 1)
        stop("--threads is 1 to 512, --households and --seconds at least 1", NULL);
}

int main(int argc, char **argv) {
    static struct bench b = {.threads = 64, .households = 100, .seconds = 5};
    read_arguments(&b, argc, argv);
    if (!b.folder[0]) {
        snprintf(b.folder, sizeof b.folder, "/var/tmp/cardea-log-bench-XXXXXX");
        if (!mkdtemp(b.folder)) stop("no folder", NULL);
    } else {
        struct diag d = {0};
        must(folder_make(b.folder, &d), &d);
    }
    open_vault(&b);
    make_homes(&b);
    b.entry_bytes = entry_size(&b);
    struct figures log = measure_log(&b);
    size_t group = (size_t)(log.rate / log.groups + 0.5);
    if (group == 0) group = 1;
    double peer = measure_sqlite(&b, group), syncs = measure_syncs(&b, group * b.entry_bytes);
    vault_clear(&b.vault);
    if (b.json)
        printf("{\"entries_s\":%.0f,\"syncs_s\":%.0f,\"group\":%zu,\"mean_ms\":%.2f,\"worst_ms\":%.1f,"
               "\"sqlite_entries_s\":%.0f,\"bare_syncs_s\":%.0f,\"entry_bytes\":%zu}\n",
               log.rate, log.groups, group, log.mean_ms, log.worst_ms, peer, syncs, b.entry_bytes);
    else
        printf("access log   %8.0f entries/s durable (%zu bytes each), %zu threads: %.0f syncs/s of %zu "
               "entries; an"
               " append waits %.1f ms, at most %.0f\n"
               "sqlite WAL   %8.0f entries/s of the same bytes, as many in a transaction\n"
               "the disk     %8.0f syncs/s of as many bytes: the log is at %.0f %% of that\n",
               log.rate, b.entry_bytes, b.threads, log.groups, group, log.mean_ms, log.worst_ms, peer, syncs,
               100 * log.groups / syncs);
    char *remove[] = {"rm", "-rf", b.folder, NULL};
    free(b.homes);
    fflush(stdout);
    execvp("rm", remove);
    return 1;
}
