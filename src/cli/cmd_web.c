/* cmd_web.c: are the pages that a vault sends those of a release in its public log? (docs/trust.md, "The app,
 * pinned")
 *
 * What it proves is what the vault sends to whoever asks like this: no program can see what is sent to
 * somebody else. That the release is in the log makes it the same for everybody who looks into the log. */
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/session.h"
#include "tlog/checkpoint.h"
#include "tlog/log_entry.h"
#include "tlog/release.h"
#include "tlog/tile_tree.h"

#define FETCH_MS 30000u
#define PAGE_FILE_MAX_BYTES (16u << 20)
#define WRONG_MAX 20u /* that are told one by one */

struct looking {
    struct client client;
    uint8_t log_key[SIGN_PUBLIC_BYTES];
    bool pinned; /* the person said which key the log has */
    struct release release;
    struct checkpoint checkpoint;
    uint64_t entry;
    struct wall_us logged;
    json_t *wrong; /* [{"path","why"}] */
};

static void looking_clear(struct looking *l) {
    client_clear(&l->client);
    release_clear(&l->release);
    json_release(&l->wrong);
}

static err fetch(struct looking *l, const char *path, size_t limit, struct blob *out, struct diag *d) {
    struct http_request request = {
        .method = "GET", .path = path, .timeout_ms = FETCH_MS, .answer_max_bytes = limit};
    AUTO(http_response_clear) struct http_response response = {0};
    err e = http_client_do(l->client.http, &request, &response, d);
    out->len = 0;
    return e ? e : blob_append(out, blob_bytes(&response.body));
}

static err fetch_log(void *context, const char *path, size_t limit, struct blob *out, struct diag *d) {
    char full[TILE_PATH_BYTES + 16];
    AUTO(blob_clear) struct blob file = {0};
    snprintf(full, sizeof full, "/log/%s", path);
    err e = fetch(context, full, limit, &file, d);
    return e ? e : blob_append(out, blob_bytes(&file));
}

/* --- the pages --- */

static err find_wrong(struct looking *l, const char *path, const char *why) {
    json_t *row = json_pack("{s:s, s:s}", "path", path, "why", why);
    return json_array_append_new(l->wrong, row) ? ERR_NO_MEMORY : ERR_OK;
}

/* What the vault answers at `path` is the release's `file`. */
static err check_page(struct looking *l, const char *path, const struct release_file *file, struct diag *d) {
    AUTO(blob_clear) struct blob page = {0};
    struct diag why = {0};
    uint8_t hash[HASH_BYTES];
    err e = fetch(l, path, PAGE_FILE_MAX_BYTES, &page, &why);
    if (e == ERR_UNREACHABLE || e == ERR_TIMEOUT || e == ERR_CANCELLED || e == ERR_NO_MEMORY)
        return diag_fail(d, e, "%s: %s", path, why.text);
    if (e) return find_wrong(l, path, why.text[0] ? why.text : err_text(e));
    hash_sha256(blob_bytes(&page), hash);
    if (memcmp(hash, file->hash, HASH_BYTES) == 0) return ERR_OK;
    return find_wrong(l, path, "what the vault sends is not the release's file");
}

/* The app's own addresses are views of its pages: "/" is /index.html, "/share/" is /share/index.html. */
static err check_pages(struct looking *l, struct diag *d) {
    static const char index[] = "index.html";
    char folder[RELEASE_NAME_MAX_BYTES + 1];
    for (size_t i = 0; i < l->release.count; i++) {
        const struct release_file *file = &l->release.files[i];
        size_t len = strlen(file->path), tail = sizeof index - 1;
        err e = check_page(l, file->path, file, d);
        if (e) return e;
        if (len < tail || strcmp(file->path + len - tail, index) != 0) continue;
        memcpy(folder, file->path, len - tail);
        folder[len - tail] = 0;
        e = check_page(l, folder, file, d);
        if (e) return e;
    }
    return ERR_OK;
}

/* --- the log --- */

/* Its key, as the person or the vault says, and where the vault says that the release stands. */
static err ask_vault(struct looking *l, struct diag *d) {
    AUTO(json_release) json_t *answer = NULL;
    AUTO(blob_clear) struct blob key = {0};
    err e = http_client_json(l->client.http, "GET", "/v1/vault", NULL, NULL, &answer, d);
    if (e) return e;
    const char *text = json_string_value(json_object_get(answer, "log_key"));
    const json_t *entry = json_object_get(json_object_get(answer, "release"), "entry");
    if (!text) return diag_fail(d, ERR_NOT_FOUND, "this vault keeps no public log: its pages are in none");
    if (base64_decode(text, strlen(text), &key) || key.len != SIGN_PUBLIC_BYTES)
        return diag_fail(d, ERR_INVALID, "the vault's log key is no key");
    if (l->pinned && memcmp(key.data, l->log_key, SIGN_PUBLIC_BYTES) != 0)
        return diag_fail(d, ERR_FORGED, "the vault's log has another key than --log-key: it is another log");
    memcpy(l->log_key, key.data, SIGN_PUBLIC_BYTES);
    if (!json_is_integer(entry) || json_integer_value(entry) < 0)
        return diag_fail(d, ERR_NOT_FOUND, "the vault names no release in its log: its pages are not logged");
    l->entry = (uint64_t)json_integer_value(entry);
    return ERR_OK;
}

/* The entry is there, by the log's own hashes. */
static err read_entry(struct looking *l, struct blob *bundle, struct bytes *entry, struct diag *d) {
    AUTO(blob_clear) struct blob text = {0};
    struct tile_tree *tree = NULL;
    uint8_t said[HASH_BYTES], leaf[HASH_BYTES];
    err e = fetch(l, "/log/checkpoint", CHECKPOINT_TEXT_MAX_BYTES, &text, d);
    if (!e) e = checkpoint_verify(blob_bytes(&text), NULL, l->log_key, &l->checkpoint, d);
    if (e) return e;
    uint64_t size = l->checkpoint.size, index = l->entry / TILE_WIDTH, first = index * TILE_WIDTH;
    if (l->entry >= size)
        return diag_fail(d, ERR_FORGED, "the release is said to be entry %llu of a log of %llu",
                         (unsigned long long)l->entry, (unsigned long long)size);
    e = tile_tree_open(fetch_log, l, size, l->checkpoint.root, &tree, d);
    if (!e) e = tile_tree_leaf(tree, l->entry, leaf, d);
    tile_tree_free(tree);
    unsigned width = size - first < TILE_WIDTH ? (unsigned)(size - first) : TILE_WIDTH;
    if (!e) e = tile_fetch_bundle(fetch_log, l, index, width, bundle, d);
    struct bytes rest = blob_bytes(bundle);
    for (uint64_t i = first; !e && i <= l->entry; i++)
        if (tile_next_entry(&rest, entry)) e = diag_fail(d, ERR_INVALID, "the log's bundle is cut short");
    if (!e) e = tlog_leaf_hash(*entry, said);
    if (!e && memcmp(said, leaf, HASH_BYTES) != 0)
        e = diag_fail(d, ERR_FORGED, "the log's entry %llu is not what its hashes say",
                      (unsigned long long)l->entry);
    return e;
}

static err check_log(struct looking *l, struct diag *d) {
    AUTO(blob_clear) struct blob bundle = {0};
    struct bytes raw = {0};
    struct log_entry entry;
    uint8_t hash[HASH_BYTES];
    char version[RELEASE_VERSION_MAX_BYTES + 1];
    err e = read_entry(l, &bundle, &raw, d);
    if (!e) e = log_entry_decode(raw, &entry, d);
    if (e) return e;
    if (strcmp(entry.kind, RELEASE_KIND) != 0 || release_details(entry.details, hash, version, d))
        return diag_fail(d, ERR_FORGED, "the log's entry %llu is no release of pages",
                         (unsigned long long)l->entry);
    if (memcmp(hash, l->release.hash, HASH_BYTES) != 0)
        return diag_fail(
            d, ERR_FORGED,
            "the pages' list is not the one in the log: release %s was logged, and another is sent", version);
    l->logged = entry.time;
    return ERR_OK;
}

static err read_release(struct looking *l, struct diag *d) {
    AUTO(blob_clear) struct blob list = {0};
    err e = fetch(l, RELEASE_PATH, RELEASE_MAX_BYTES, &list, d);
    if (e == ERR_NOT_FOUND)
        return diag_fail(d, e, "the vault has no list of its pages (%s): they cannot be held against the log",
                         RELEASE_PATH);
    return e ? e : release_read(blob_bytes(&list), &l->release, d);
}

/* --- what is said --- */

static void say(const struct looking *l) {
    char when[48], key[BASE64_CHARS(SIGN_PUBLIC_BYTES)];
    size_t i, wrong = json_array_size(l->wrong);
    json_t *row;
    cli_time_text(l->logged, when);
    base64_encode(BYTES_OF(l->log_key), key);
    json_array_foreach(l->wrong, i, row) {
        if (i == WRONG_MAX) break;
        printf("%s: %s\n", json_string_value(json_object_get(row, "path")),
               json_string_value(json_object_get(row, "why")));
    }
    if (wrong > WRONG_MAX) printf("… and %zu more\n", wrong - WRONG_MAX);
    if (!wrong)
        printf("ok: the vault sends release %s, %zu files, each as it should be\n", l->release.version,
               l->release.count);
    printf("logged %s as entry %llu of %s\n", when, (unsigned long long)l->entry, l->checkpoint.origin);
    if (!l->pinned)
        printf("the log's key is the one that the vault says: %s (--log-key holds it to one)\n", key);
}

static int say_json(const struct looking *l, const struct diag *d) {
    char when[WALL_TEXT_BYTES];
    AUTO(json_release) json_t *o = json_object();
    wall_format(l->logged, when);
    bool ok = !d && json_array_size(l->wrong) == 0;
    json_object_set_new(o, "ok", json_boolean(ok));
    json_object_set_new(o, "problem", d ? json_string(d->text) : json_null());
    if (l->release.count) {
        json_object_set_new(o, "release", json_hex(BYTES_OF(l->release.hash)));
        json_object_set_new(o, "version", json_string(l->release.version));
        json_object_set_new(o, "files", json_integer((json_int_t)l->release.count));
    }
    if (!d) {
        json_object_set_new(o, "entry", json_integer((json_int_t)l->entry));
        json_object_set_new(o, "logged", json_string(when));
        json_object_set_new(o, "log", json_string(l->checkpoint.origin));
        json_object_set_new(o, "log_key", json_base64(BYTES_OF(l->log_key)));
    }
    json_object_set(o, "wrong", l->wrong);
    json_dumpf(o, stdout, JSON_INDENT(1));
    putchar('\n');
    return ok ? STATUS_DONE : STATUS_FAILED;
}

static err look(const struct cli *cli, struct looking *l, struct diag *d) {
    char url[SESSION_URL_BYTES], ca_file[PATH_TEXT_BYTES];
    l->wrong = json_array();
    if (!l->wrong) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    err e = session_vault(cli, url, ca_file, d);
    if (!e) e = client_open(&l->client, url, *ca_file ? ca_file : NULL, d);
    if (!e) e = read_release(l, d);
    if (!e) e = ask_vault(l, d);
    if (!e) e = check_log(l, d);
    return e ? e : check_pages(l, d);
}

static int run_web_verify(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(looking_clear) struct looking l = {.entry = 0};
    const char *key = args_value(args, "log-key");
    if (args->count) cli->vault = args->positional[0];
    if (key) {
        AUTO(blob_clear) struct blob raw = {0};
        if (base64_decode(key, strlen(key), &raw) || raw.len != SIGN_PUBLIC_BYTES) {
            (void)diag_fail(&d, ERR_INVALID, "--log-key is a key of 32 bytes in base64url");
            return cli_usage("web verify", &d);
        }
        memcpy(l.log_key, raw.data, SIGN_PUBLIC_BYTES);
        l.pinned = true;
    }
    err e = look(cli, &l, &d);
    if (cli->json) return say_json(&l, e ? &d : NULL);
    if (e) return cli_fail(&d);
    say(&l);
    size_t wrong = json_array_size(l.wrong);
    if (!wrong) return STATUS_DONE;
    return cli_fail_text("%zu of the files %s not the logged release's: do not enter a passphrase there, "
                         "and ask whoever runs the vault",
                         wrong, wrong == 1 ? "is" : "are");
}

static const struct option_spec verify_options[] = {{"log-key", 0, true, false}, {0}};

const struct command commands_web[] = {
    {.name = "web verify",
     .summary = "Are the vault's pages those of a logged release?",
     .usage = "[URL] [--log-key KEY] [--json]",
     .help =
         "Fetches every page's file and compares it with the release's list (/release.json), and proves "
         "that\n"
         "the list is in the vault's public log. Needs no account.\n"
         "  --log-key KEY   the log's key, as you know it (base64url); else the vault's word is taken for "
         "it\n"
         "It shows what the vault sends to you, not what it sends to somebody else; run it from where you\n"
         "open the page. Exit status 1: a page is another, or no log has it.\n",
     .options = verify_options,
     .most = 1,
     .run = run_web_verify},
    {0},
};
