/* The release that a vault serves, in its log. Beside the log lies `log.release`, {"entry":index}: where the
 * newest one stands. It is a hint, held against the log: without it the release is logged once more. */
#include <stdio.h>

#include "base/file.h"
#include "base/log.h"
#include "tlog/checkpoint.h"
#include "tlog/log_entry.h"
#include "tlog/tile.h"
#include "vault/access_log.h"
#include "vault/web_release.h"

#define NOTE "log.release"
#define NOTE_MAX_BYTES 256u

static err read_note(const char *folder, uint64_t *entry, struct diag *d) {
    char path[PATH_TEXT_BYTES];
    AUTO(blob_clear) struct blob text = {0};
    AUTO(json_release) json_t *note = NULL;
    int64_t index = 0;
    const struct json_field fields[] = {{"entry", JSON_KIND_INT, true, 0, INT64_MAX, &index, NULL}};
    if (path_join(path, folder, NOTE)) return diag_fail(d, ERR_LIMIT, "the path %s is too long", folder);
    err e = file_read(path, NOTE_MAX_BYTES, &text, d);
    if (!e) e = json_parse(blob_bytes(&text), &note, d);
    if (!e) e = JSON_READ(note, fields, d);
    if (!e) *entry = (uint64_t)index;
    return e;
}

static err write_note(const char *folder, uint64_t entry, struct diag *d) {
    char path[PATH_TEXT_BYTES], text[64];
    if (path_join(path, folder, NOTE)) return diag_fail(d, ERR_LIMIT, "the path %s is too long", folder);
    snprintf(text, sizeof text, "{\"entry\":%llu}\n", (unsigned long long)entry);
    return file_replace(path, bytes_text(text), 0600, d);
}

/* The log's own entry at that index, from its files. */
static err read_entry(const struct vault *v, const char *folder, uint64_t index, struct blob *bundle,
                      struct log_entry *out, struct diag *d) {
    char path[PATH_TEXT_BYTES], name[TILE_PATH_BYTES + 8];
    AUTO(blob_clear) struct blob text = {0};
    struct checkpoint c;
    if (path_join(path, folder, "log/checkpoint")) return ERR_LIMIT;
    err e = file_read(path, CHECKPOINT_TEXT_MAX_BYTES, &text, d);
    if (!e) e = checkpoint_verify(blob_bytes(&text), NULL, access_log_key(v->log), &c, d);
    if (e) return e;
    if (index >= c.size)
        return diag_fail(d, ERR_NOT_FOUND, "the log has no entry %llu", (unsigned long long)index);
    uint64_t first = index / TILE_WIDTH * TILE_WIDTH;
    unsigned width = c.size - first < TILE_WIDTH ? (unsigned)(c.size - first) : TILE_WIDTH;
    memcpy(name, "log/", 4);
    tile_path(TILE_LEVEL_ENTRIES, index / TILE_WIDTH, width, name + 4);
    if (path_join(path, folder, name)) return ERR_LIMIT;
    e = file_read(path, TILE_BUNDLE_MAX_BYTES, bundle, d);
    struct bytes rest = blob_bytes(bundle), entry = {0};
    for (uint64_t i = first; !e && i <= index; i++) e = tile_next_entry(&rest, &entry);
    return e ? e : log_entry_decode(entry, out, d);
}

/* Is what stands at that index this release? */
static bool stands_there(const struct web_release *w, const struct vault *v, const char *folder,
                         uint64_t index) {
    AUTO(blob_clear) struct blob bundle = {0};
    struct log_entry entry;
    struct diag d = {0};
    uint8_t hash[HASH_BYTES];
    char version[RELEASE_VERSION_MAX_BYTES + 1];
    return read_entry(v, folder, index, &bundle, &entry, &d) == ERR_OK &&
           strcmp(entry.kind, RELEASE_KIND) == 0 &&
           release_details(entry.details, hash, version, &d) == ERR_OK &&
           memcmp(hash, web_release_of(w)->hash, HASH_BYTES) == 0;
}

err web_release_log(struct web_release *w, struct vault *v, const char *folder, struct diag *d) {
    const struct release *release = web_release_of(w);
    uint64_t index = 0;
    struct diag why = {0};
    err e = ERR_OK;
    if (read_note(folder, &index, &why) != ERR_OK || !stands_there(w, v, folder, index)) {
        AUTO(json_release)
        json_t *details = json_pack("{s:o, s:s}", "release", json_hex(BYTES_OF(release->hash)), "version",
                                    release->version);
        if (!details) return diag_fail(d, ERR_NO_MEMORY, "no memory for an entry of the access log");
        const struct access_act act = {.kind = RELEASE_KIND, .details = details};
        e = access_log_append(v, &act, &index, NULL, d);
        if (!e) e = write_note(folder, index, d);
    }
    if (e) return e;
    web_release_stands_at(w, index);
    log_info("the pages are release %s, entry %llu of the log", release->version, (unsigned long long)index);
    return ERR_OK;
}
