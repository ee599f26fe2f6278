#include "vault/options.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "crypto/hash.h"
#include "store/desk.h"
#include "vault/access_log.h"
#include "vault/veil.h"

const char options_use[] =
    "use: cardea-vault --listen ADDR:PORT [--listen …] --index sqlite:FOLDER|memory --blobs "
    "disk:FOLDER|memory\n"
    "         [--tls-cert FILE --tls-key FILE] [--web FOLDER] [--signup open|code|closed] [--setup-code-file "
    "FILE]\n"
    "         [--quota-bytes N] [--ca-cert FILE] [--ca-listen ADDR:PORT] [--metrics-listen ADDR:PORT]\n"
    "         [--retention-sweep-s N] [--staff-key FILE] [--proxy] [--ready-fd N]\n"
    "     cardea-vault fsck --index … --blobs … [--mend] [--json]\n"
    "     cardea-vault backup|restore FOLDER --index … --blobs …\n";

enum option_name {
    OPTION_LISTEN = 256,
    OPTION_INDEX,
    OPTION_BLOBS,
    OPTION_BUS,
    OPTION_TLS_CERT,
    OPTION_TLS_KEY,
    OPTION_WEB,
    OPTION_SIGNUP,
    OPTION_SETUP_CODE_FILE,
    OPTION_QUOTA,
    OPTION_CA_FILE,
    OPTION_CA_LISTEN,
    OPTION_METRICS_LISTEN,
    OPTION_SWEEP,
    OPTION_STAFF_KEY,
    OPTION_PROXY,
    OPTION_READY_FD,
    OPTION_FSCK,
    OPTION_MEND,
    OPTION_JSON,
    OPTION_BACKUP,
    OPTION_RESTORE,
};

static const struct option names[] = {
    {"listen", required_argument, NULL, OPTION_LISTEN},
    {"index", required_argument, NULL, OPTION_INDEX},
    {"blobs", required_argument, NULL, OPTION_BLOBS},
    {"bus", required_argument, NULL, OPTION_BUS},
    {"tls-cert", required_argument, NULL, OPTION_TLS_CERT},
    {"tls-key", required_argument, NULL, OPTION_TLS_KEY},
    {"web", required_argument, NULL, OPTION_WEB},
    {"signup", required_argument, NULL, OPTION_SIGNUP},
    {"setup-code-file", required_argument, NULL, OPTION_SETUP_CODE_FILE},
    {"quota-bytes", required_argument, NULL, OPTION_QUOTA},
    {"ca-file", required_argument, NULL, OPTION_CA_FILE},
    {"ca-cert", required_argument, NULL, OPTION_CA_FILE},
    {"ca-listen", required_argument, NULL, OPTION_CA_LISTEN},
    {"metrics-listen", required_argument, NULL, OPTION_METRICS_LISTEN},
    {"retention-sweep-s", required_argument, NULL, OPTION_SWEEP},
    {"staff-key", required_argument, NULL, OPTION_STAFF_KEY},
    {"proxy", no_argument, NULL, OPTION_PROXY},
    {"ready-fd", required_argument, NULL, OPTION_READY_FD},
    {"fsck", no_argument, NULL, OPTION_FSCK},
    {"mend", no_argument, NULL, OPTION_MEND},
    {"json", no_argument, NULL, OPTION_JSON},
    {"backup", required_argument, NULL, OPTION_BACKUP},
    {"restore", required_argument, NULL, OPTION_RESTORE},
    {NULL, 0, NULL, 0},
};

static err read_number(const char *text, uint64_t max, uint64_t *out, struct diag *d) {
    char *end = NULL;
    uint64_t v = text[0] >= '0' && text[0] <= '9' ? strtoull(text, &end, 10) : 0;
    if (!end || *end || v > max)
        return diag_fail(d, ERR_INVALID, "\"%s\" is not a number from 0 to %llu", text,
                         (unsigned long long)max);
    *out = v;
    return ERR_OK;
}

static err read_signup(const char *text, enum vault_signup *out, struct diag *d) {
    static const char *const words[] = {"open", "code", "closed"};
    for (unsigned i = 0; i < 3; i++) {
        if (strcmp(text, words[i]) != 0) continue;
        *out = (enum vault_signup)i;
        return ERR_OK;
    }
    return diag_fail(d, ERR_INVALID, "--signup is open, code or closed, not \"%s\"", text);
}

static err take(struct options *o, int name, const char *value, struct diag *d) {
    uint64_t n = 0;
    err e = ERR_OK;
    switch (name) {
        case OPTION_LISTEN:
            if (o->listen_count == OPTIONS_LISTEN_MAX)
                return diag_fail(d, ERR_INVALID, "at most %d --listen are possible", OPTIONS_LISTEN_MAX);
            o->listen[o->listen_count++] = value;
            return ERR_OK;
        case OPTION_INDEX: o->index = value; return ERR_OK;
        case OPTION_BLOBS: o->blobs = value; return ERR_OK;
        case OPTION_BUS: o->bus = value; return ERR_OK;
        case OPTION_TLS_CERT: o->tls_cert = value; return ERR_OK;
        case OPTION_TLS_KEY: o->tls_key = value; return ERR_OK;
        case OPTION_WEB: o->web = value; return ERR_OK;
        case OPTION_SIGNUP: return read_signup(value, &o->signup, d);
        case OPTION_SETUP_CODE_FILE: o->setup_code_file = value; return ERR_OK;
        case OPTION_QUOTA: return read_number(value, INT64_MAX, &o->quota_bytes, d);
        case OPTION_CA_FILE: o->ca_file = value; return ERR_OK;
        case OPTION_STAFF_KEY: o->staff_key = value; return ERR_OK;
        case OPTION_CA_LISTEN: o->ca_listen = value; return ERR_OK;
        case OPTION_METRICS_LISTEN: o->metrics_listen = value; return ERR_OK;
        case OPTION_SWEEP:
            e = read_number(value, 86400, &n, d);
            o->sweep_s = (unsigned)n;
            return e;
        case OPTION_READY_FD:
            e = read_number(value, 1024, &n, d);
            o->ready_fd = (int)n;
            return e;
        case OPTION_PROXY: o->proxy = true; return ERR_OK;
        case OPTION_FSCK: o->mode = MODE_FSCK; return ERR_OK;
        case OPTION_MEND: o->mend = true; return ERR_OK;
        case OPTION_JSON: o->json = true; return ERR_OK;
        case OPTION_BACKUP: o->mode = MODE_BACKUP, o->folder = value; return ERR_OK;
        case OPTION_RESTORE: o->mode = MODE_RESTORE, o->folder = value; return ERR_OK;
        default: return diag_fail(d, ERR_INVALID, "an option is unknown, or lacks its value");
    }
}

/* `fsck`, `backup FOLDER`, `restore FOLDER` may also stand as words. */
static err take_words(struct options *o, char **words, int count, struct diag *d) {
    static const struct {
        const char *word;
        enum vault_mode mode;
        int count;
    } modes[] = {{"fsck", MODE_FSCK, 1}, {"backup", MODE_BACKUP, 2}, {"restore", MODE_RESTORE, 2}};
    if (count == 0) return ERR_OK;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(words[0], modes[i].word) != 0 || count != modes[i].count) continue;
        o->mode = modes[i].mode;
        if (count == 2) o->folder = words[1];
        return ERR_OK;
    }
    return diag_fail(d, ERR_INVALID, "\"%s\" is not expected here", words[0]);
}

static bool is_loopback(const char *address) {
    return strncmp(address, "127.", 4) == 0 || strncmp(address, "[::1]:", 6) == 0 ||
           strncmp(address, "localhost:", 10) == 0;
}

static err check(const struct options *o, struct diag *d) {
    if (!o->index || !o->blobs) return diag_fail(d, ERR_INVALID, "--index and --blobs are needed");
    if (o->mode == MODE_SERVE && o->listen_count == 0) return diag_fail(d, ERR_INVALID, "--listen is needed");
    if (!o->tls_cert != !o->tls_key) return diag_fail(d, ERR_INVALID, "--tls-cert and --tls-key go together");
    for (size_t i = 0; i < o->listen_count; i++)
        if (!is_loopback(o->listen[i]) && !o->tls_cert)
            return diag_fail(d, ERR_INVALID,
                             "%s is open to others: give --tls-cert and --tls-key, or listen on 127.0.0.1",
                             o->listen[i]);
    if (o->ca_listen && !o->ca_file) return diag_fail(d, ERR_INVALID, "--ca-listen needs --ca-cert");
    return ERR_OK;
}

err options_read(int argc, char **argv, struct options *out, struct diag *d) {
    *out = (struct options){.signup = VAULT_SIGNUP_CODE, .ready_fd = -1};
    opterr = 0;
    optind = 1;
    for (int name; (name = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        err e = take(out, name, optarg, d);
        if (e) return e;
    }
    err e = take_words(out, argv + optind, argc - optind, d);
    return e ? e : check(out, d);
}

/* --- stores --- */

err options_folder(const struct options *o, char out[PATH_MAX], struct diag *d) {
    const char *path = o->index + strlen("sqlite:");
    size_t len = strlen(path);
    if (len == 0 || len >= PATH_MAX - 32) return diag_fail(d, ERR_INVALID, "--index sqlite: needs a folder");
    memcpy(out, path, len + 1);
    if (len > 3 && strcmp(path + len - 3, ".db") == 0) {
        char *slash = strrchr(out, '/');
        if (!slash)
            memcpy(out, ".", 2);
        else if (slash == out)
            slash[1] = 0;
        else
            *slash = 0;
    }
    return ERR_OK;
}

/* Beside the databases and not in them: who gets hold of those alone cannot try logins against the hashes. */
static err secret_load(struct vault *v, const char *folder, struct diag *d) {
    char path[PATH_TEXT_BYTES];
    AUTO(blob_clear) struct blob held = {0};
    if (path_join(path, folder, "secret")) return diag_fail(d, ERR_LIMIT, "the path %s is too long", folder);
    err e = file_read(path, VAULT_SECRET_BYTES, &held, d);
    if (e == ERR_NOT_FOUND) {
        random_bytes(v->secret, sizeof v->secret);
        return file_replace(path, BYTES_OF(v->secret), 0600, d);
    }
    if (e) return e;
    if (held.len != VAULT_SECRET_BYTES)
        return diag_fail(d, ERR_INVALID, "%s is damaged: restore it from a backup", path);
    memcpy(v->secret, held.data, VAULT_SECRET_BYTES);
    return ERR_OK;
}

static err open_sqlite(struct vault *v, const struct options *o, struct diag *d) {
    char folder[PATH_MAX], path[PATH_TEXT_BYTES];
    err e = options_folder(o, folder, d);
    if (!e) e = folder_make(folder, d);
    if (!e) e = secret_load(v, folder, d);
    if (!e && path_join(path, folder, "index.db")) e = diag_fail(d, ERR_LIMIT, "the path is too long");
    if (!e) e = index_sqlite_open(path, &v->index, d);
    if (!e && path_join(path, folder, "accounts.db")) e = diag_fail(d, ERR_LIMIT, "the path is too long");
    if (!e) e = accounts_sqlite_open(path, &v->accounts, d);
    if (!e && path_join(path, folder, "desk.db")) e = diag_fail(d, ERR_LIMIT, "the path is too long");
    if (!e) e = desk_sqlite_open(path, &v->desk, d);
    return e;
}

static err open_memory(struct vault *v, struct diag *d) {
    random_bytes(v->secret, sizeof v->secret);
    err e = index_memory_open(&v->index, d);
    if (!e) e = accounts_memory_open(&v->accounts, d);
    return e ? e : desk_memory_open(&v->desk, d);
}

/* The blobs mean nothing without the index: their veil's key rests in it. */
static err veil_blobs(struct vault *v, struct diag *d) {
    uint8_t fresh[KEYSTREAM_KEY_BYTES];
    AUTO(blob_clear) struct blob key = {0};
    random_bytes(fresh, sizeof fresh);
    err e = v->index->ops->setting_init(v->index, "blob.veil", BYTES_OF(fresh), &key, d);
    wipe(fresh, sizeof fresh);
    if (!e && key.len != KEYSTREAM_KEY_BYTES)
        e = diag_fail(d, ERR_INVALID, "the index's key of the blobs is damaged");
    return e ? e : veil_open(v->blobs, key.data, &v->blobs);
}

err blobs_open(struct vault *v, const struct options *o, struct diag *d) {
    if (strncmp(o->blobs, "s3://", 5) == 0)
        return diag_fail(d, ERR_UNSUPPORTED, "S3 is not in this build: use --blobs disk:FOLDER");
    if (strcmp(o->blobs, "memory") == 0) return blob_memory_open(UINT64_MAX / 2, &v->blobs, d);
    if (strncmp(o->blobs, "disk:", 5) != 0)
        return diag_fail(d, ERR_INVALID, "--blobs is disk:FOLDER or memory, not \"%s\"", o->blobs);
    return blob_disk_open(o->blobs + 5, BLOB_RESERVE_DEFAULT_BYTES, &v->blobs, d);
}

err stores_open_bare(struct vault *v, const struct options *o, struct diag *d) {
    static const char *const later[] = {"postgres://", "postgresql://"};
    for (size_t i = 0; i < sizeof later / sizeof *later; i++)
        if (strncmp(o->index, later[i], strlen(later[i])) == 0)
            return diag_fail(d, ERR_UNSUPPORTED,
                             "PostgreSQL is not in this build: use --index sqlite:FOLDER");
    if (o->bus && strcmp(o->bus, "local") != 0)
        return diag_fail(d, ERR_UNSUPPORTED, "Redis is not in this build: leave out --bus");
    bool memory = strcmp(o->index, "memory") == 0;
    if (!memory && strncmp(o->index, "sqlite:", 7) != 0)
        return diag_fail(d, ERR_INVALID, "--index is sqlite:FOLDER or memory, not \"%s\"", o->index);
    err e = memory ? open_memory(v, d) : open_sqlite(v, o, d);
    if (!e) e = blobs_open(v, o, d);
    return e ? e : bus_local_open(&v->bus, d);
}

err stores_open(struct vault *v, const struct options *o, struct diag *d) {
    err e = stores_open_bare(v, o, d);
    return e ? e : veil_blobs(v, d);
}

err log_open_beside(struct vault *v, const struct options *o, struct diag *d) {
    char folder[PATH_MAX];
    if (strncmp(o->index, "sqlite:", 7) != 0) return ERR_OK;
    err e = options_folder(o, folder, d);
    return e ? e : access_log_open(folder, &v->log, d);
}
