/* log_made: an access log for measuring what reads it, through the vault's own writer.
 *
 *   log_made FOLDER ENTRIES OWN SEED BOX     SEED: a household's signing seed, BOX: its box key; hex
 *
 * FOLDER/log is the log; OWN of its entries are the household's: a grant and its uses, spread evenly to the
 * end. FOLDER/mine.jsonl has a line [n, index, b64 entry] for each, FOLDER/log.pub the log's key in hex. */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "crypto/seal.h"
#include "tlog/log_entry.h"
#include "tlog/log_writer.h"

#define AT_ONCE 16384u
#define GRANT "00112233445566778899aabbccddeeff"

struct made {
    uint8_t log_key[LOG_KEY_BYTES], box[BOX_PUBLIC_BYTES];
    uint64_t entries, own, n;
    struct wall_us now; /* one a second, up to now */
    FILE *mine;
};

static err own_details(struct made *m, struct log_entry *e, struct blob *sealed) {
    char details[400];
    int len = snprintf(details, sizeof details,
                       "{\"grant\":\"" GRANT
                       "\",\"purpose\":\"link\",\"key\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\","
                       "\"cameras\":[\"cacacacacacacacacacacacacacacaca\"],\"from\":1790000000,\"to\":"
                       "1790003600,\"live\":true}");
    log_tag(m->log_key, m->n, e->tag);
    e->tagged = true;
    snprintf(e->kind, sizeof e->kind, "%s", m->n ? "grant.use" : "grant.create");
    err fail = box_seal(m->box, LOG_BOX_INFO, BYTES_OF(e->tag), BYTES(details, (size_t)len), sealed);
    e->details = blob_bytes(sealed);
    return fail;
}

/* Others' entries: what they hold is noise to us. */
static void foreign(struct log_entry *e, uint8_t noise[240]) {
    random_bytes(noise, 240);
    memcpy(e->tag, noise, sizeof e->tag);
    e->tagged = true;
    snprintf(e->kind, sizeof e->kind, "grant.use");
    e->details = BYTES(noise, 240);
}

static bool is_own(const struct made *m, uint64_t index) {
    return m->n < m->own && index == (m->n + 1) * m->entries / m->own - 1;
}

static err make_one(struct made *m, uint64_t index, struct blob *out) {
    uint8_t noise[240];
    AUTO(blob_clear) struct blob sealed = {0};
    struct log_entry e = {.time = {m->now.us - (int64_t)(m->entries - index) * 1000000}, .acted = true};
    bool own = is_own(m, index);
    err fail = ERR_OK;
    if (own)
        fail = own_details(m, &e, &sealed);
    else
        foreign(&e, noise);
    if (!fail) fail = log_entry_encode(&e, out);
    if (fail || !own) return fail;
    char *text = malloc(BASE64_CHARS(out->len));
    if (!text) return ERR_NO_MEMORY;
    base64_encode(blob_bytes(out), text);
    fprintf(m->mine, "[%llu,%llu,\"%s\"]\n", (unsigned long long)m->n++, (unsigned long long)index, text);
    free(text);
    return ERR_OK;
}

static err fill(struct made *m, struct log_writer *w, struct diag *d) {
    struct blob *made = calloc(AT_ONCE, sizeof *made);
    struct bytes *bytes = calloc(AT_ONCE, sizeof *bytes);
    err e = made && bytes ? ERR_OK : ERR_NO_MEMORY;
    for (uint64_t done = 0; !e && done < m->entries;) {
        size_t count = 0;
        for (; !e && count < AT_ONCE && done + count < m->entries; count++) {
            made[count].len = 0;
            e = make_one(m, done + count, &made[count]);
            bytes[count] = blob_bytes(&made[count]);
        }
        uint64_t first;
        if (!e) e = log_writer_append(w, bytes, count, &first, d);
        done += count;
    }
    for (size_t i = 0; made && i < AT_ONCE; i++) blob_clear(&made[i]);
    free(made);
    free(bytes);
    return e;
}

int main(int argc, char **argv) {
    struct made m = {.now = wall_now()};
    struct diag d = {{0}};
    struct sign_key key;
    struct log_writer *w = NULL;
    uint8_t seed[SIGN_SEED_BYTES];
    char path[PATH_TEXT_BYTES], pub[2 * SIGN_PUBLIC_BYTES + 1];
    if (argc != 6 || hex_decode(argv[4], (struct buffer){seed, sizeof seed}) ||
        hex_decode(argv[5], (struct buffer){m.box, sizeof m.box})) {
        fputs("usage: log_made FOLDER ENTRIES OWN SEED BOX\n", stderr);
        return 2;
    }
    m.entries = strtoull(argv[2], NULL, 10);
    m.own = strtoull(argv[3], NULL, 10);
    log_key_derive(seed, m.log_key);
    sign_key_generate(&key);
    err e = folder_make(argv[1], &d);
    if (!e) e = path_join(path, argv[1], "mine.jsonl");
    if (!e && !(m.mine = fopen(path, "w"))) e = ERR_IO;
    if (!e) e = path_join(path, argv[1], "log");
    if (!e) e = log_writer_open(path, "cardea-vault/bench", &key, &w, &d);
    if (!e) e = fill(&m, w, &d);
    log_writer_close(w);
    if (m.mine && fclose(m.mine) && !e) e = ERR_IO;
    hex_encode(BYTES_OF(key.public_key), pub);
    if (!e) e = path_join(path, argv[1], "log.pub");
    if (!e) e = file_replace(path, bytes_text(pub), 0644, &d);
    sign_key_clear(&key);
    if (e) fprintf(stderr, "log_made: %s\n", d.text[0] ? d.text : err_text(e));
    return e ? 1 : 0;
}
