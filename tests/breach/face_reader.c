/* face_reader DIR: what the hub's folder would tell whoever has all of it: each template of a familiar face,
 * in hex, as the bytes that it has in memory. Exit status 1: nothing, or nothing that opens. */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "crypto/file_box.h"
#include "hub/faces.h"

static err read_file(const char *folder, const char *name, struct blob *out) {
    char path[PATH_TEXT_BYTES];
    return path_join(path, folder, name) ? ERR_LIMIT : file_read(path, 4u << 20, out, NULL);
}

static void print_template(const float t[VISION_EMBEDDING_FLOATS]) {
    static char hex[2 * VISION_EMBEDDING_FLOATS * sizeof(float) + 1];
    hex_encode(BYTES(t, VISION_EMBEDDING_FLOATS * sizeof *t), hex);
    puts(hex);
}

int main(int argc, char **argv) {
    static struct face_book book;
    AUTO(blob_clear) struct blob keys = {0};
    AUTO(blob_clear) struct blob sealed = {0};
    if (argc != 2 || read_file(argv[1], "faces.key", &keys) || read_file(argv[1], "faces", &sealed)) return 1;
    for (size_t at = 0; at + FILE_BOX_KEY_BYTES <= keys.len; at += FILE_BOX_KEY_BYTES) {
        AUTO(blob_clear) struct blob plain = {0};
        if (file_box_open(keys.data + at, "faces", blob_bytes(&sealed), &plain)) continue;
        if (face_book_read(blob_bytes(&plain), &book)) return 1;
        for (size_t i = 0; i < book.people_count; i++)
            for (size_t t = 0; t < book.people[i].count; t++) print_template(book.people[i].templates[t]);
        return 0;
    }
    return 1;
}
