/* log_verify_bench.c: how soon an owner's device that has never looked proves a household's entries in a
 * large log: by default 1000 of its own among 1 000 000, over HTTP on loopback, all that `cardea log verify`
 * checks but the hub's word. The log is made by the real writer and served by the real vault. Usage:
 * log_verify_bench [--json] [--entries N] [--mine N] [--folder DIR] [--vault PROGRAM] */
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <curl/curl.h>

#include "base/clock.h"
#include "client/log_check.h"
#include "must.h"
#include "store/index.h"
#include "tlog/log_writer.h"

#define GROUP 512
#define OTHER_DETAILS_BYTES 260 /* as a sealed use has */

struct bench {
    bool json;
    uint64_t entries, mine;
    char folder[PATH_TEXT_BYTES], program[PATH_TEXT_BYTES];
    struct household_keys household;
    struct sign_key owner;
    pid_t vault;
    char url[64];
    double made_s, started_s;
};

/* --- the log --- */

static void own_entry(const struct bench *b, uint64_t n, struct blob *out) {
    uint8_t log_key[LOG_KEY_BYTES];
    struct log_entry e = {.time = wall_now(), .tagged = true, .acted = true};
    AUTO(blob_clear) struct blob sealed = {0};
    char details[320];
    log_key_derive(b->household.sign.seed, log_key);
    log_tag(log_key, n, e.tag);
    snprintf(e.kind, sizeof e.kind, "%s", n ? "grant.use" : "grant.create");
    snprintf(
        details, sizeof details,
        "{\"grant\":\"000102030405060708090a0b0c0d0e0f\",\"purpose\":\"member\",\"key\":"
        "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"cameras\":[\"000102030405060708090a0b0c0d0e0f\"],"
        "\"from\":1700000000,\"to\":4294967295,\"live\":true}");
    must(box_seal(b->household.box.public_key, LOG_BOX_INFO, BYTES_OF(e.tag), bytes_text(details), &sealed),
         NULL);
    e.details = blob_bytes(&sealed);
    out->len = 0;
    must(log_entry_encode(&e, out), NULL);
}

static void other_entry(struct blob *out) {
    uint8_t details[OTHER_DETAILS_BYTES];
    struct log_entry e = {.time = wall_now(), .kind = "grant.use", .tagged = true, .acted = true};
    random_bytes(e.tag, sizeof e.tag);
    random_bytes(details, sizeof details);
    e.details = BYTES_OF(details);
    out->len = 0;
    must(log_entry_encode(&e, out), NULL);
}

static void write_log(struct bench *b, struct log_writer *log) {
    struct blob *texts = calloc(GROUP, sizeof *texts);
    struct bytes *entries = calloc(GROUP, sizeof *entries);
    struct diag d = {0};
    uint64_t n = 0, first;
    if (!texts || !entries) stop("no memory", NULL);
    for (uint64_t i = 0; i < b->entries;) {
        size_t count = b->entries - i < GROUP ? (size_t)(b->entries - i) : GROUP;
        for (size_t k = 0; k < count; k++, i++) { /* ours lie spread over the whole */
            if (n < b->mine && i >= n * b->entries / b->mine)
                own_entry(b, n++, &texts[k]);
            else
                other_entry(&texts[k]);
            entries[k] = blob_bytes(&texts[k]);
        }
        must(log_writer_append(log, entries, count, &first, &d), &d);
    }
    for (size_t i = 0; i < GROUP; i++) blob_clear(&texts[i]);
    free(texts);
    free(entries);
}

/* As the vault opens it: its key, and its name after that. */
static void make_log(struct bench *b) {
    char path[PATH_TEXT_BYTES], origin[64] = "cardea-vault/";
    struct sign_key key;
    struct log_writer *log = NULL;
    struct diag d = {0};
    sign_key_generate(&key);
    must(path_join(path, b->folder, "log.key"), NULL);
    must(file_replace(path, BYTES_OF(key.seed), 0600, &d), &d);
    hex_encode(BYTES(key.public_key, 8), origin + strlen(origin));
    must(path_join(path, b->folder, "log"), NULL);
    must(log_writer_open(path, origin, &key, &log, &d), &d);
    write_log(b, log);
    log_writer_close(log);
}

static void make(struct bench *b) {
    AUTO(index_release) struct index *index = NULL;
    struct diag d = {0};
    struct store_id id;
    struct store_key owner;
    struct index_household keys;
    char path[PATH_TEXT_BYTES];
    double begun = now_s();
    random_bytes(b->household.id, sizeof b->household.id);
    box_key_generate(&b->household.box);
    sign_key_generate(&b->household.sign);
    sign_key_generate(&b->owner);
    memcpy(id.bytes, b->household.id, sizeof id.bytes);
    memcpy(owner.bytes, b->owner.public_key, sizeof owner.bytes);
    memcpy(keys.sign.bytes, b->household.sign.public_key, sizeof keys.sign.bytes);
    memcpy(keys.box.bytes, b->household.box.public_key, sizeof keys.box.bytes);
    log_key_derive(b->household.sign.seed, keys.log_key.bytes);
    must(path_join(path, b->folder, "index.db"), NULL);
    must(index_sqlite_open(path, &index, &d), &d);
    must(index->ops->household_create(index, &id, &owner, 0, &d), &d);
    must(index->ops->household_keys_put(index, &id, &keys, &d), &d);
    make_log(b);
    b->made_s = now_s() - begun;
}

/* --- the vault --- */

static void start_vault(struct bench *b) {
    int ends[2];
    char index[PATH_TEXT_BYTES + 16], blobs[PATH_TEXT_BYTES + 16], fd[16], line[128] = "";
    double begun = now_s();
    if (pipe(ends)) stop("no pipe", NULL);
    snprintf(index, sizeof index, "sqlite:%s", b->folder);
    snprintf(blobs, sizeof blobs, "disk:%s/blobs", b->folder);
    snprintf(fd, sizeof fd, "%d", ends[1]);
    b->vault = fork();
    if (b->vault == 0) {
        close(ends[0]);
        if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr)) _exit(126);
        execl(b->program, "cardea-vault", "--listen", "127.0.0.1:0", "--index", index, "--blobs", blobs,
              "--ready-fd", fd, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    FILE *ready = fdopen(ends[0], "r");
    if (!ready || !fgets(line, sizeof line, ready) || sscanf(line, "ready %63s", b->url) != 1)
        stop("the vault does not start: see --vault", NULL);
    fclose(ready);
    b->started_s = now_s() - begun;
}

/* --- the owner's device --- */

static double verify(struct bench *b, const char *folder, bool all, struct log_checked *r) {
    struct client c = {0};
    struct diag d = {0};
    must(client_open(&c, b->url, NULL, &d), &d);
    c.household = b->household;
    c.unlocked = c.has_keyring = true;
    c.keyring.count = 1;
    memcpy(c.keyring.households[0].id, b->household.id, sizeof b->household.id);
    c.keyring.households[0].capability = b->owner;
    const struct log_check_options o = {.folder = folder, .all = all};
    double begun = now_s();
    must(log_check(&c, &o, r, &d), &d);
    double took = now_s() - begun;
    c.has_keyring = false;
    client_clear(&c);
    return took;
}

static void find_program(struct bench *b, const char *self) {
    char path[PATH_TEXT_BYTES], real[PATH_MAX];
    if (b->program[0] || !realpath(self, real)) return;
    const char *folder = dirname(real);
    static const char *const beside[] = {"cardea-vault", "../src/vault/cardea-vault"};
    for (size_t i = 0; i < 2 && !b->program[0]; i++)
        if (!path_join(path, folder, beside[i]) && access(path, X_OK) == 0)
            memcpy(b->program, path, sizeof path);
}

static void read_arguments(struct bench *b, int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--json") == 0) {
            b->json = true;
            continue;
        }
        if (strcmp(argv[i], "--entries") == 0)
            b->entries = strtoull(value, NULL, 10);
        else if (strcmp(argv[i], "--mine") == 0)
            b->mine = strtoull(value, NULL, 10);
        else if (strcmp(argv[i], "--folder") == 0)
            snprintf(b->folder, sizeof b->folder, "%s", value);
        else if (strcmp(argv[i], "--vault") == 0)
            snprintf(b->program, sizeof b->program, "%s", value);
        else
            stop("usage: log_verify_bench [--json] [--entries N] [--mine N] [--folder DIR] [--vault PROGRAM]",
                 NULL);
        i++;
    }
    if (b->mine == 0 || b->entries < b->mine) stop("--entries is at least --mine, and that at least 1", NULL);
}

int main(int argc, char **argv) {
    static struct bench b = {.entries = 1000000, .mine = 1000};
    struct log_checked r = {0}, again = {0}, whole = {0};
    char device[PATH_TEXT_BYTES];
    struct diag d = {0};
    read_arguments(&b, argc, argv);
    find_program(&b, "/proc/self/exe");
    curl_global_init(CURL_GLOBAL_ALL);
    if (!b.folder[0]) {
        snprintf(b.folder, sizeof b.folder, "/var/tmp/cardea-log-verify-XXXXXX");
        if (!mkdtemp(b.folder)) stop("no folder", NULL);
    }
    must(folder_make(b.folder, &d), &d);
    must(path_join(device, b.folder, "device"), NULL);
    make(&b);
    start_vault(&b);
    /* Of more than LOG_WHOLE_MAX entries, which with the vault's own these are, all are read when asked for.
     */
    double cold = verify(&b, device, false, &r), warm = verify(&b, device, false, &again);
    double all = verify(&b, device, true, &whole);
    if (whole.read != whole.checkpoint.size) stop("not all was read", NULL);
    if (r.seen.count != b.mine || again.fresh) stop("not all was proven", NULL);
    kill(b.vault, SIGTERM);
    waitpid(b.vault, NULL, 0);
    if (b.json)
        printf("{\"entries\":%llu,\"mine\":%llu,\"cold_s\":%.3f,\"again_s\":%.3f,\"all_s\":%.3f,\"made_s\":%."
               "1f,\"started_"
               "s\":%.1f}\n",
               (unsigned long long)b.entries, (unsigned long long)b.mine, cold, warm, all, b.made_s,
               b.started_s);
    else
        printf("verified %llu entries of a household in a log of %llu in %.2f s from nothing, and again in "
               "%.2f s; all of it was read in %.2f s; the log "
               "was made in %.0f s, and the vault mapped all of it in %.1f s\n",
               (unsigned long long)b.mine, (unsigned long long)r.checkpoint.size, cold, warm, all, b.made_s,
               b.started_s);
    log_checked_clear(&r);
    log_checked_clear(&again);
    log_checked_clear(&whole);
    char *remove[] = {"rm", "-rf", b.folder, NULL};
    fflush(stdout);
    execvp("rm", remove);
    return 1;
}
