/* cmd_log.c: reads the vault's public log as a stranger would, and proves that it is whole and only grew.
 *
 * What was seen is kept in DIR/log-seen: the log's key (trusted on the first look) and its compact range:
 *     magic "CRDO" | version 1 | public key (32) | size (8) | roots (64 * 32) */
#include <stdlib.h>
#include <string.h>

#include "cli/log_command.h"
#include "cli/session.h"
#include "tlog/log_audit.h"

#define SEEN_MAGIC "CRDO"
#define SEEN_BYTES (4 + 1 + SIGN_PUBLIC_BYTES + 8 + TLOG_LEVELS_MAX * HASH_BYTES)

struct seen {
    bool known;
    uint8_t key[SIGN_PUBLIC_BYTES];
    struct tlog_tree tree;
};

struct reading {
    struct client client;
    uint64_t entries;
};

static err seen_path(const struct cli *cli, char out[PATH_TEXT_BYTES], struct diag *d) {
    return path_join(out, cli->data, "log-seen")
               ? diag_fail(d, ERR_LIMIT, "the path %s is too long", cli->data)
               : ERR_OK;
}

static err seen_read(const struct cli *cli, struct seen *out, struct diag *d) {
    char path[PATH_TEXT_BYTES];
    AUTO(blob_clear) struct blob raw = {0};
    err e = seen_path(cli, path, d);
    if (!e) e = file_read(path, SEEN_BYTES, &raw, d);
    if (e == ERR_NOT_FOUND) return ERR_OK;
    if (e) return e;
    if (raw.len != SEEN_BYTES || memcmp(raw.data, SEEN_MAGIC, 4) != 0 || raw.data[4] != 1)
        return diag_fail(
            d, ERR_INVALID,
            "%s is damaged: without it the log's past cannot be compared; remove it to begin anew", path);
    const uint8_t *at = raw.data + 5;
    memcpy(out->key, at, sizeof out->key);
    out->tree.size = be64_get(at + sizeof out->key);
    memcpy(out->tree.roots, at + sizeof out->key + 8, sizeof out->tree.roots);
    out->known = true;
    return ERR_OK;
}

static err seen_write(const struct cli *cli, const struct seen *s, struct diag *d) {
    char path[PATH_TEXT_BYTES];
    uint8_t raw[SEEN_BYTES] = SEEN_MAGIC;
    raw[4] = 1;
    memcpy(raw + 5, s->key, sizeof s->key);
    be64_put(raw + 5 + sizeof s->key, s->tree.size);
    memcpy(raw + 5 + sizeof s->key + 8, s->tree.roots, sizeof s->tree.roots);
    err e = seen_path(cli, path, d);
    if (!e) e = folder_make(cli->data, d);
    return e ? e : file_replace(path, BYTES_OF(raw), 0600, d);
}

static err fetch(void *context, const char *path, size_t limit, struct blob *out, struct diag *d) {
    struct reading *r = context;
    char full[TILE_PATH_BYTES + 16];
    snprintf(full, sizeof full, "/log/%s", path);
    struct http_request request = {
        .method = "GET", .path = full, .timeout_ms = 30000, .answer_max_bytes = limit};
    AUTO(http_response_clear) struct http_response response = {0};
    err e = http_client_do(r->client.http, &request, &response, d);
    return e ? e : blob_append(out, blob_bytes(&response.body));
}

static err count_entry(void *context, uint64_t number, struct bytes entry) {
    ((struct reading *)context)->entries++;
    return ERR_OK;
}

/* The log's key: as remembered, or as the vault says on the first look. ERR_NOT_FOUND: the vault keeps no
 * log. */
static err log_key(struct reading *r, struct seen *s, struct diag *d) {
    AUTO(json_release) json_t *answer = NULL;
    AUTO(blob_clear) struct blob key = {0};
    err e = http_client_json(r->client.http, "GET", "/v1/vault", NULL, NULL, &answer, d);
    if (e) return e;
    const char *text = json_string_value(json_object_get(answer, "log_key"));
    if (!text && s->known)
        return diag_fail(d, ERR_FORGED, "the vault had a public log of %llu entries and shows none now",
                         (unsigned long long)s->tree.size);
    if (!text)
        return diag_fail(
            d, ERR_NOT_FOUND,
            "this vault keeps no public log; in this version nobody but the household's owners holds keys");
    if (base64_decode(text, strlen(text), &key) || key.len != sizeof s->key)
        return diag_fail(d, ERR_INVALID, "the vault's log key is no key");
    if (s->known && memcmp(key.data, s->key, sizeof s->key) != 0)
        return diag_fail(d, ERR_FORGED, "the vault's log has another key than before: it is another log");
    memcpy(s->key, key.data, sizeof s->key);
    return ERR_OK;
}

static err audit(const struct cli *cli, struct reading *r, struct checkpoint *out, struct diag *d) {
    char url[SESSION_URL_BYTES], ca_file[PATH_TEXT_BYTES];
    struct seen seen = {0};
    err e = session_vault(cli, url, ca_file, d);
    if (!e) e = client_open(&r->client, url, *ca_file ? ca_file : NULL, d);
    if (!e) e = seen_read(cli, &seen, d);
    if (!e) e = log_key(r, &seen, d);
    if (e) return e;
    struct log_source source = {.fetch = fetch, .context = r, .public_key = seen.key};
    e = log_audit(&source, &seen.tree, count_entry, r, out, d);
    return e ? e : seen_write(cli, &seen, d);
}

static int run(struct cli *cli, bool proof) {
    struct diag d = {{0}};
    struct checkpoint checkpoint = {.size = 0};
    struct reading r = {.entries = 0};
    err e = audit(cli, &r, &checkpoint, &d);
    client_clear(&r.client);
    if (e) return cli_fail(&d);
    if (cli->json)
        printf("{\"whole\": true, \"origin\": \"%s\", \"entries\": %llu, \"new\": %llu}\n", checkpoint.origin,
               (unsigned long long)checkpoint.size, (unsigned long long)r.entries);
    else if (proof)
        printf("whole: %llu entries of %s, %llu of them new; it only grew\n",
               (unsigned long long)checkpoint.size, checkpoint.origin, (unsigned long long)r.entries);
    else
        printf(
            "%llu entries; this version proves the log, and a later one reads what concerns the household\n",
            (unsigned long long)checkpoint.size);
    return STATUS_DONE;
}

int run_log_show(struct cli *cli, const struct args *args) {
    return run(cli, false);
}
int run_log_verify(struct cli *cli, const struct args *args) {
    return run(cli, true);
}
