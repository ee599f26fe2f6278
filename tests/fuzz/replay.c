/* replay.c: runs a fuzz target over its corpus, and over mutations of it from a fixed seed.
 * Usage: NAME_fuzz CORPUS_FOLDER [MUTATIONS]. A missing or empty corpus is a failure. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX_BYTES (4u << 20)

static uint64_t state = 0x9e3779b97f4a7c15u;

static uint32_t next_random(void) { /* xorshift64* */
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)((state * 0x2545f4914f6cdd1du) >> 32);
}

/* A copy of exactly the input's size, so that the address sanitizer sees one byte too far. */
static void run_exact(struct bytes input) {
    uint8_t *copy = malloc(input.len ? input.len : 1);
    if (!copy) abort();
    if (input.len) memcpy(copy, input.data, input.len);
    LLVMFuzzerTestOneInput(copy, input.len);
    free(copy);
}

static void mutate(struct blob *b) {
    unsigned changes = 1 + next_random() % 4;
    for (unsigned i = 0; i < changes && b->len; i++) {
        size_t at = next_random() % b->len;
        switch (next_random() % 5) {
            case 0: b->data[at] = (uint8_t)next_random(); break;
            case 1: b->data[at] ^= (uint8_t)(1u << next_random() % 8); break;
            case 2: b->len = at; break;
            case 3: b->data[at] = next_random() % 2 ? 0xff : 0; break;
            default: {
                size_t from = next_random() % b->len, n = b->len - (at > from ? at : from);
                memmove(b->data + at, b->data + from, n < 64 ? n : 64);
            }
        }
    }
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    unsigned mutations = argc > 2 ? (unsigned)atoi(argv[2]) : 300;
    DIR *folder = opendir(argv[1]);
    if (!folder) {
        fprintf(stderr, "no corpus at %s\n", argv[1]);
        return 1;
    }
    unsigned inputs = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] == '.') continue;
        char path[PATH_TEXT_BYTES];
        struct diag d;
        AUTO(blob_clear) struct blob input = {0};
        if (path_join(path, argv[1], entry->d_name) || file_read(path, INPUT_MAX_BYTES, &input, &d)) return 1;
        run_exact(blob_bytes(&input));
        inputs++;
        for (unsigned i = 0; i < mutations; i++) {
            AUTO(blob_clear) struct blob changed = {0};
            if (blob_append(&changed, blob_bytes(&input))) return 1;
            mutate(&changed);
            run_exact(blob_bytes(&changed));
        }
    }
    closedir(folder);
    printf("%u inputs, %u mutations of each\n", inputs, mutations);
    return inputs ? 0 : 1;
}
