/* face_pairs: every pair of faces of labelled photos, through cardea-vision's own detector, alignment and
 * embedder.
 *
 * Usage: face_pairs YUNET EMBEDDER PHOTO:NAME[,NAME…]…  The names are of the people from left to right.
 * Prints each pair's cosine, and how many of the same and of different people reach the threshold. */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "vision/faces.h"
#include "vision/jpeg.h"

#define FILE_MAX_BYTES (64u << 20)
#define FOUND_MAX 256
#define THRESHOLD 0.50f /* docs/seeing.md */

struct known {
    char name[32];
    float numbers[VISION_EMBEDDING_FLOATS];
};

static int from_left(const void *a, const void *b) {
    const struct found_face *x = a, *y = b;
    return x->face.box.x < y->face.box.x ? -1 : x->face.box.x > y->face.box.x;
}

static err take_photo(struct faces *f, char *photo, struct known *out, size_t *count, struct diag *d) {
    AUTO(blob_clear) struct blob jpeg = {0}, pixels = {0};
    struct image m;
    struct found_face found[VISION_FACES_MAX];
    size_t n = 0;
    char *names = strrchr(photo, ':'), *rest = NULL;
    if (!names) return diag_fail(d, ERR_INVALID, "%s names nobody", photo);
    *names++ = 0;
    err e = file_read(photo, FILE_MAX_BYTES, &jpeg, d);
    if (!e) e = jpeg_decode(blob_bytes(&jpeg), &pixels, &m, d);
    if (!e) e = faces_find(f, &m, (struct rect){0, 0, m.width, m.height}, 0, found, &n, d);
    if (e) return e;
    qsort(found, n, sizeof *found, from_left);
    char *name = strtok_r(names, ",", &rest);
    for (size_t i = 0; i < n; i++) {
        printf("%s: %u,%u %ux%u quality %.2f %s%s\n", photo, found[i].face.box.x, found[i].face.box.y,
               found[i].face.box.w, found[i].face.box.h, (double)found[i].face.quality, found[i].reason,
               found[i].reason[0] ? ""
               : name             ? name
                                  : "somebody");
        if (found[i].reason[0] || !name || *count == FOUND_MAX) continue;
        struct known *k = &out[(*count)++];
        snprintf(k->name, sizeof k->name, "%s", name);
        memcpy(k->numbers, found[i].face.embedding, sizeof k->numbers);
        name = strtok_r(NULL, ",", &rest);
    }
    return ERR_OK;
}

static void print_pairs(const struct known *k, size_t count) {
    unsigned same = 0, same_taken = 0, other = 0, other_taken = 0;
    for (size_t a = 0; a < count; a++)
        for (size_t b = a + 1; b < count; b++) {
            float cosine = 0;
            for (size_t i = 0; i < VISION_EMBEDDING_FLOATS; i++) cosine += k[a].numbers[i] * k[b].numbers[i];
            bool is_same = strcmp(k[a].name, k[b].name) == 0, taken = cosine >= THRESHOLD;
            printf("%s %s %.3f%s\n", k[a].name, k[b].name, (double)cosine, is_same == taken ? "" : " wrong");
            same += is_same;
            same_taken += is_same && taken;
            other += !is_same;
            other_taken += !is_same && taken;
        }
    printf("at %.2f: %u of %u pairs of the same person accepted, %u of %u of different people\n",
           (double)THRESHOLD, same_taken, same, other_taken, other);
}

int main(int argc, char **argv) {
    static struct known known[FOUND_MAX];
    struct blob files[FACES_FILES] = {{0}};
    struct bytes bytes[FACES_FILES];
    struct faces *f = NULL;
    struct diag d = {0};
    size_t count = 0;
    err e = ERR_OK;
    if (argc < 4) return 2;
    for (int i = 0; i < FACES_FILES && !e; i++) {
        e = file_read(argv[1 + i], FILE_MAX_BYTES, &files[i], &d);
        bytes[i] = blob_bytes(&files[i]);
    }
    if (!e) e = faces_load(bytes, &f, &d);
    for (int i = 3; i < argc && !e; i++) e = take_photo(f, argv[i], known, &count, &d);
    if (e)
        fprintf(stderr, "face_pairs: %s\n", d.text);
    else
        print_pairs(known, count);
    faces_unload(f);
    for (int i = 0; i < FACES_FILES; i++) blob_clear(&files[i]);
    return e ? 1 : 0;
}
