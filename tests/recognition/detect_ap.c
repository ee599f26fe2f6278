/* detect_ap: how well a model finds what labelled images show, through cardea-vision's own detector code.
 *
 * Usage: detect_ap KIND WIDTH HEIGHT NAMES IMAGES LABELS FILE...: NAMES has a label on each line;
 * IMAGES/x.jpg belongs to LABELS/x.txt with lines "class x y w h", relative, from the middle, the class an
 * index into NAMES. Prints one JSON object: average precision at IoU 0.5 (all points, as PASCAL VOC 2010 on)
 * of person, vehicle and animal. Objects whose longer side is below 32 pixels count neither way. The dnn runs
 * on one thread. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "model.h"
#include "vision/jpeg.h"

#define LEAST_PX 32
#define IMAGES_MAX 1000
#define OBJECTS_MAX 200 /* of an image */
#define FOUND_MAX 100000
#define IOU 0.5f

enum group { GROUP_PERSON, GROUP_VEHICLE, GROUP_ANIMAL, GROUPS };
static const char *const group_texts[GROUPS] = {"person", "vehicle", "animal"};

struct object {
    enum group group;
    struct area box;
    bool small, taken;
};
struct found {
    float score;
    bool right;
};
struct totals {
    struct found found[GROUPS][FOUND_MAX];
    size_t count[GROUPS], objects[GROUPS], images;
    double ms;
};

static int group_of(enum seen_label l) {
    if (l == SEEN_PERSON) return GROUP_PERSON;
    if (seen_label_vehicle(l) || l == SEEN_BICYCLE) return GROUP_VEHICLE;
    return seen_label_animal(l) ? GROUP_ANIMAL : -1;
}

static err read_objects(const char *path, const struct vision_detector *model, const struct image *m,
                        struct object *out, size_t *count, struct diag *d) {
    AUTO(blob_clear) struct blob text = {0};
    err e = file_read(path, MODEL_FILE_MAX_BYTES, &text, d);
    if (!e) e = blob_append_u8(&text, 0);
    *count = 0;
    char *rest = NULL;
    for (char *line = e ? NULL : strtok_r((char *)text.data, "\n", &rest); line;
         line = strtok_r(NULL, "\n", &rest)) {
        unsigned class;
        float x, y, w, h;
        if (*count == OBJECTS_MAX || sscanf(line, "%u %f %f %f %f", &class, &x, &y, &w, &h) != 5) continue;
        int group = class < model->label_count ? group_of(label_of_model(model->labels[class])) : -1;
        if (group < 0) continue;
        float wide = w * (float)m->width, high = h * (float)m->height;
        out[(*count)++] = (struct object){(enum group)group,
                                          {x - w / 2, y - h / 2, x + w / 2, y + h / 2},
                                          (wide > high ? wide : high) < LEAST_PX,
                                          false};
    }
    return e;
}

static int by_score(const void *a, const void *b) {
    const struct detection *x = a, *y = b;
    return x->score < y->score ? 1 : x->score > y->score ? -1 : 0;
}

/* The best first: each takes the object that it covers best, if no better one did. */
static void match(const struct detections *found, struct object *objects, size_t count, struct totals *t) {
    for (size_t i = 0; i < found->count; i++) {
        const struct detection *f = &found->list[i];
        int group = group_of(f->label);
        struct object *best = NULL, *small = NULL;
        float most = IOU;
        for (size_t k = 0; group >= 0 && k < count; k++) {
            struct object *o = &objects[k];
            if (o->group != (enum group)group || area_iou(o->box, f->box) < IOU) continue;
            if (o->small)
                small = o;
            else if (!o->taken && area_iou(o->box, f->box) >= most)
                most = area_iou((best = o)->box, f->box);
        }
        if (group < 0 || (!best && small) || t->count[group] == FOUND_MAX) continue;
        if (best) best->taken = true;
        t->found[group][t->count[group]++] = (struct found){f->score, best != NULL};
    }
}

static err one_image(struct detector *t, const struct vision_detector *model, const char *images,
                     const char *labels, const char *name, struct totals *totals, struct diag *d) {
    char path[PATH_TEXT_BYTES], stem[256];
    AUTO(blob_clear) struct blob jpeg = {0}, pixels = {0};
    struct image m;
    struct object objects[OBJECTS_MAX];
    struct detections found = {.count = 0};
    size_t count;
    err e = path_join(path, images, name);
    if (!e) e = file_read(path, MODEL_FILE_MAX_BYTES, &jpeg, d);
    if (!e) e = jpeg_decode(blob_bytes(&jpeg), &pixels, &m, d);
    snprintf(stem, sizeof stem, "%.*s.txt", (int)(strlen(name) - 4), name);
    if (!e) e = path_join(path, labels, stem);
    if (!e) e = read_objects(path, model, &m, objects, &count, d);
    if (e) return e;
    struct steady_us before = steady_now();
    e = detector_run(t, &m, (struct rect){0, 0, m.width, m.height}, &found, d);
    totals->ms += (double)(steady_now().us - before.us) / 1000;
    totals->images++;
    for (size_t i = 0; i < count; i++) totals->objects[objects[i].group] += !objects[i].small;
    qsort(found.list, found.count, sizeof *found.list, by_score);
    match(&found, objects, count, totals);
    return e;
}

static int found_by_score(const void *a, const void *b) {
    const struct found *x = a, *y = b;
    return x->score < y->score ? 1 : x->score > y->score ? -1 : 0;
}

/* The area under the precision that rises from the right. */
static double average_precision(struct found *f, size_t count, size_t objects) {
    qsort(f, count, sizeof *f, found_by_score);
    double area = 0, best = 0;
    size_t right = 0;
    for (size_t i = 0; i < count; i++) right += f[i].right;
    for (size_t i = count; i-- > 0;) {
        double precision = (double)right / (double)(i + 1);
        if (precision > best) best = precision;
        if (!f[i].right) continue;
        area += best / (double)objects;
        right--;
    }
    return area;
}

static err all_images(struct detector *t, const struct vision_detector *model, char **argv,
                      struct totals *totals, struct diag *d) {
    struct dirent **names;
    int count = scandir(argv[1], &names, NULL, alphasort);
    err e = count < 0 ? diag_fail(d, ERR_NOT_FOUND, "no folder %s", argv[1]) : ERR_OK;
    for (int i = 0; i < count; i++) {
        size_t len = strlen(names[i]->d_name);
        if (!e && len > 4 && !strcmp(names[i]->d_name + len - 4, ".jpg") && totals->images < IMAGES_MAX)
            e = one_image(t, model, argv[1], argv[2], names[i]->d_name, totals, d);
        free(names[i]);
    }
    if (count >= 0) free(names);
    return e;
}

int main(int argc, char **argv) {
    struct model model = {0};
    struct diag d = {0};
    struct totals *totals = calloc(1, sizeof *totals);
    if (argc < 8 || !totals) return 2;
    err e = model_load(argv + 3, argc - 3, &model, &d);
    if (!e) e = all_images(model.detector, &model.about, argv, totals, &d);
    if (e)
        fprintf(stderr, "detect_ap: %s\n", d.text);
    else
        printf("{\"images\":%zu,\"ms\":%.1f", totals->images, totals->ms / (double)totals->images);
    for (int g = 0; g < GROUPS && !e; g++)
        printf(",\"%s\":{\"objects\":%zu,\"ap50\":%.4f}", group_texts[g], totals->objects[g],
               totals->objects[g] ? average_precision(totals->found[g], totals->count[g], totals->objects[g])
                                  : 0);
    if (!e) puts("}");
    detector_free(model.detector);
    model_clear(&model);
    free(totals);
    return e ? 1 : 0;
}
