/* log_forger: what whoever runs a vault can do to its access log with the log's own key: appends an entry of
 * any time, tag and actor, well signed. The vault must be stopped.
 *
 *     log_forger VAULT-FOLDER KIND SECONDS-FROM-NOW TAG ACTOR [NONCE SIGNATURE]
 *
 * TAG, ACTOR: hex, or "-" for random ones; with NONCE and SIGNATURE (hex) it is that opening's. Prints where
 * it stands, and its bytes in hex. */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "crypto/hash.h"
#include "tlog/log_entry.h"
#include "tlog/log_writer.h"

static bool take(const char *text, void *out, size_t len) {
    if (strcmp(text, "-") != 0) return hex_decode(text, (struct buffer){out, len}) == ERR_OK;
    random_bytes(out, len);
    return true;
}

static err append(const char *vault, const struct log_entry *entry, struct diag *d) {
    char path[PATH_TEXT_BYTES], origin[64] = "cardea-vault/";
    AUTO(blob_clear) struct blob seed = {0};
    AUTO(blob_clear) struct blob raw = {0};
    struct log_writer *writer = NULL;
    struct sign_key key;
    uint64_t first;
    err e = path_join(path, vault, "log.key");
    if (!e) e = file_read(path, SIGN_SEED_BYTES, &seed, d);
    if (!e && seed.len != SIGN_SEED_BYTES) e = ERR_INVALID;
    if (!e) e = path_join(path, vault, "log");
    if (e) return e;
    sign_key_from_seed(seed.data, &key);
    hex_encode(BYTES(key.public_key, 8), origin + strlen(origin));
    e = log_writer_open(path, origin, &key, &writer, d);
    if (!e) e = log_entry_encode(entry, &raw);
    struct bytes one = blob_bytes(&raw);
    if (!e) e = log_writer_append(writer, &one, 1, &first, d);
    if (!e) printf("%llu ", (unsigned long long)first);
    for (size_t i = 0; !e && i < raw.len; i++) printf("%02x", raw.data[i]);
    if (!e) putchar('\n');
    log_writer_close(writer);
    return e;
}

int main(int argc, char **argv) {
    struct diag d = {{0}};
    struct log_entry entry = {.tagged = true, .acted = true, .details = bytes_text("sealed to nobody")};
    uint8_t nonce[LOG_OPENING_NONCE_BYTES], signature[SIGNATURE_BYTES];
    if ((argc != 6 && argc != 8) || !take(argv[4], entry.tag, sizeof entry.tag) ||
        !take(argv[5], entry.actor, sizeof entry.actor))
        return 2;
    if (argc == 8) {
        if (!take(argv[6], nonce, sizeof nonce) || !take(argv[7], signature, sizeof signature)) return 2;
        entry.fact_count = 1;
        entry.facts[0] = (struct log_fact){LOG_OPENING_FACT, log_opening_fact(nonce, signature)};
    }
    snprintf(entry.kind, sizeof entry.kind, "%s", argv[2]);
    entry.time.us = wall_now().us + strtoll(argv[3], NULL, 10) * 1000000;
    err e = append(argv[1], &entry, &d);
    if (e) fprintf(stderr, "%s: %s\n", err_text(e), d.text);
    return e ? 1 : 0;
}
