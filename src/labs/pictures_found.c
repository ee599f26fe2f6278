/* pictures_found.c: pictures that are not clips: cut-out photos, photos, labelled test images. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "labs/crops.h"

#define NAMES_MAX 4096
#define STAMP_WIDTH_MAX 160
#define PHOTO_WIDTH_MAX 640
#define LABELS_MAX_BYTES (1u << 20)

/* Which folders of tuxpaint-stamps hold photos of what. What is neither of these three only looks like one:
 * plants, tools, food, clothes, road signs. */
struct stamp_folder {
    const char *path;
    enum classifier_class class;
};
static const struct stamp_folder stamp_folders[] = {
    {"animals/mammals", CLASSIFIER_ANIMAL},
    {"animals/mammals/rodents", CLASSIFIER_ANIMAL},
    {"animals/mammals/bears", CLASSIFIER_ANIMAL},
    {"animals/mammals/equines", CLASSIFIER_ANIMAL},
    {"animals/mammals/cats", CLASSIFIER_ANIMAL},
    {"animals/mammals/bovines", CLASSIFIER_ANIMAL},
    {"animals/mammals/dogs", CLASSIFIER_ANIMAL},
    {"animals/mammals/deer", CLASSIFIER_ANIMAL},
    {"animals/birds", CLASSIFIER_ANIMAL},
    {"animals/marsupials", CLASSIFIER_ANIMAL},
    {"vehicles/auto", CLASSIFIER_VEHICLE},
    {"vehicles/emergency", CLASSIFIER_VEHICLE},
    {"vehicles/construction", CLASSIFIER_VEHICLE},
    {"vehicles/masstransit", CLASSIFIER_VEHICLE},
    {"people", CLASSIFIER_PERSON},
    {"plants", CLASSIFIER_NOTHING},
    {"plants/trees", CLASSIFIER_NOTHING},
    {"plants/flowers", CLASSIFIER_NOTHING},
    {"plants/mushrooms", CLASSIFIER_NOTHING},
    {"town/roadsigns", CLASSIFIER_NOTHING},
    {"food/fruit", CLASSIFIER_NOTHING},
    {"food/vegetables", CLASSIFIER_NOTHING},
    {"household", CLASSIFIER_NOTHING},
    {"household/tools", CLASSIFIER_NOTHING},
    {"household/electronics", CLASSIFIER_NOTHING},
    {"household/dishes", CLASSIFIER_NOTHING},
    {"clothes/hats", CLASSIFIER_NOTHING},
};
/* Drawings, parts and mirrored doubles among the photos. */
static const char *const stamps_left_out[] = {"hedgehog", "sedan_police", "_mirror", "mirror_"};

struct names {
    char *items[NAMES_MAX];
    size_t count;
};

static void names_clear(struct names *n) {
    for (size_t i = 0; i < n->count; i++) free(n->items[i]);
}

static int compare(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted, so that the same folder gives the same data. */
static err list_names(const char *folder, const char *ending, struct names *out, struct diag *d) {
    DIR *dir = opendir(folder);
    if (!dir) return diag_fail(d, ERR_NOT_FOUND, "no folder %s", folder);
    for (struct dirent *e; (e = readdir(dir)) && out->count < NAMES_MAX;) {
        size_t len = strlen(e->d_name), tail = strlen(ending);
        if (len <= tail || strcmp(e->d_name + len - tail, ending)) continue;
        if (!(out->items[out->count] = strdup(e->d_name))) break;
        out->count++;
    }
    closedir(dir);
    qsort(out->items, out->count, sizeof *out->items, compare);
    return ERR_OK;
}

static err read_one(const char *folder, const char *name, int width_max, struct picture *out,
                    struct diag *d) {
    char path[PATH_TEXT_BYTES];
    AUTO(picture_list_clear) struct picture_list list = {0};
    err e = path_join(path, folder, name);
    if (!e) e = picture_file_read(path, 1, width_max, 1, &list, d);
    if (e) return e;
    *out = list.items[0];
    list.items[0] = (struct picture){0};
    return ERR_OK;
}

static bool left_out(const char *name) {
    for (size_t i = 0; i < sizeof stamps_left_out / sizeof *stamps_left_out; i++)
        if (strstr(name, stamps_left_out[i])) return true;
    return false;
}

err stamps_read(const char *folder, struct cut_outs *objects, struct diag *d) {
    for (size_t f = 0; f < sizeof stamp_folders / sizeof *stamp_folders; f++) {
        char path[PATH_TEXT_BYTES];
        AUTO(names_clear) struct names names = {0};
        err e = path_join(path, folder, stamp_folders[f].path);
        if (!e) e = list_names(path, ".png", &names, d);
        for (size_t i = 0; i < names.count && !e; i++) {
            struct picture p = {0};
            if (left_out(names.items[i])) continue;
            e = read_one(path, names.items[i], STAMP_WIDTH_MAX, &p, d);
            if (!e) e = cut_outs_add(objects, &p, stamp_folders[f].class, CROP_PLACE_STAMPS);
        }
        if (e) return e;
    }
    return ERR_OK;
}

err photos_read(const char *footage, struct backgrounds *grounds, struct diag *d) {
    static const char *const others[] = {"aloeL.jpg",  "building.jpg", "graf1.png",        "home.jpg",
                                         "left01.jpg", "leuvenA.jpg",  "rubberwhale1.png", "box_in_scene.png",
                                         "fruits.jpg", "board.jpg",    "stuff.jpg"};
    const char *samples = "/usr/share/doc/opencv-doc/examples/data";
    char path[PATH_TEXT_BYTES];
    AUTO(names_clear) struct names names = {0};
    err e = path_join(path, footage, "packages/train/images");
    if (!e) e = list_names(path, ".jpg", &names, d);
    for (size_t i = 0; i < names.count && !e; i++) {
        struct picture p = {0};
        e = read_one(path, names.items[i], PHOTO_WIDTH_MAX, &p, d);
        if (!e) e = backgrounds_add(grounds, &p, CROP_PLACE_DOORS);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others && !e; i++) {
        struct picture p = {0};
        e = read_one(samples, others[i], PHOTO_WIDTH_MAX, &p, d);
        if (!e) e = backgrounds_add(grounds, &p, CROP_PLACE_PHOTOS);
    }
    return e;
}

/* --- Labelled test images --- */

/* Of the numbers of COCO's 80 classes. */
static int class_of_coco(int n) {
    if (n == 0) return CLASSIFIER_PERSON;
    if ((n >= 1 && n <= 3) || n == 5 || n == 7) return CLASSIFIER_VEHICLE;
    if (n >= 14 && n <= 23) return CLASSIFIER_ANIMAL;
    return -1;
}

static err read_boxes(const char *path, const struct picture *p, struct scene_boxes *out, struct diag *d) {
    AUTO(blob_clear) struct blob text = {0};
    err e = file_read(path, LABELS_MAX_BYTES, &text, d);
    if (!e) e = blob_append_u8(&text, 0);
    if (e) return e;
    char *rest = NULL;
    for (char *line = strtok_r((char *)text.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        int n;
        float x, y, w, h, width = (float)p->width, height = (float)p->height;
        if (sscanf(line, "%d %f %f %f %f", &n, &x, &y, &w, &h) != 5) continue;
        struct scene_box b = {0, (x - w / 2) * width, (y - h / 2) * height, w * width, h * height,
                              1, class_of_coco(n)};
        if ((e = scene_boxes_add(out, &b))) return e;
    }
    return ERR_OK;
}

static bool near_any(const struct scene_boxes *boxes, const struct scene_box *b,
                     const struct scene_box *but) {
    for (size_t i = 0; i < boxes->count; i++) {
        const struct scene_box *o = &boxes->items[i];
        float both = scene_overlap(o, b);
        if (o != but && o->class > 0 && (both > 0.1f * b->w * b->h || both > 0.1f * o->w * o->h)) return true;
    }
    return false;
}

static err take_image(const struct picture *p, const struct scene_boxes *boxes, int least,
                      struct chance *chance, struct crop_set *out) {
    size_t taken = 0;
    for (size_t i = 0; i < boxes->count; i++) {
        const struct scene_box *b = &boxes->items[i];
        /* A person in a crowd or on a motorcycle is not one class. */
        if (b->class <= 0 || fmaxf(b->w, b->h) < (float)least) continue;
        bool shared = false;
        for (size_t k = 0; k < boxes->count; k++)
            shared |= k != i && boxes->items[k].class > 0 && boxes->items[k].class != b->class &&
                      scene_overlap(b, &boxes->items[k]) > 0.2f * b->w * b->h;
        if (shared) continue;
        taken++;
        if (crop_set_cut(out, p, b->x, b->y, b->w, b->h, b->class, CROP_SEEN, CROP_PLACE_COCO))
            return ERR_NO_MEMORY;
    }
    for (int tries = 0; tries < 200 && taken; tries++) {
        float height = (float)p->height * chance_between(chance, 0.08f, 0.5f),
              width = height * chance_between(chance, 0.35f, 1.6f);
        struct scene_box b = {0,
                              chance_between(chance, 0, (float)p->width - width),
                              chance_between(chance, 0, (float)p->height - height),
                              width,
                              height,
                              1,
                              0};
        if (b.x < 0 || b.y < 0 || near_any(boxes, &b, NULL)) continue;
        taken--;
        if (crop_set_cut(out, p, b.x, b.y, b.w, b.h, CLASSIFIER_NOTHING, CROP_CHANCE, CROP_PLACE_COCO))
            return ERR_NO_MEMORY;
    }
    return ERR_OK;
}

err coco_crops(const char *folder, int least, struct chance *chance, struct crop_set *out, struct diag *d) {
    char images[PATH_TEXT_BYTES], labels[PATH_TEXT_BYTES];
    AUTO(names_clear) struct names names = {0};
    err e = path_join(images, folder, "images");
    if (!e) e = path_join(labels, folder, "labels");
    if (!e) e = list_names(images, ".jpg", &names, d);
    for (size_t i = 0; i < names.count && !e; i++) {
        char name[64], path[PATH_TEXT_BYTES];
        AUTO(picture_clear) struct picture p = {0};
        struct scene_boxes boxes = {0};
        snprintf(name, sizeof name, "%.*s.txt", (int)strcspn(names.items[i], "."), names.items[i]);
        e = read_one(images, names.items[i], SCENE_WIDTH_MAX, &p, d);
        if (!e) e = path_join(path, labels, name);
        if (!e) e = read_boxes(path, &p, &boxes, d);
        if (!e) e = take_image(&p, &boxes, least, chance, out);
        free(boxes.items);
    }
    return e;
}
