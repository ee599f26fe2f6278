/* cardea-labs-train: makes the built-in classifier's weights from footage. docs/recognition.md says how. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "labs/learn.h"

#define LABELS_MAX_BYTES (16u << 20)
#define HELD_OUT_MAX 8
#define COCO_LEAST 32 /* pixels of an object's longer side */

struct options {
    const char *footage, *stamps, *labels, *coco, *out, *crops, *keep;
    uint64_t seed;
    int steps;
    size_t pasted;
    int held_out[HELD_OUT_MAX];
    size_t held_out_count;
};

static const char usage[] =
    "usage: cardea-labs-train --footage DIR --stamps DIR --labels FILE [--coco DIR] [--seed N] [--steps N]\n"
    "       [--pasted N] [--hold-out PLACE]... [--keep FOLDER] [--sheet FILE.ppm] [-o WEIGHTS]\n"
    "  For each place held out: learns without it, and prints how its crops are classified;\n"
    "  --keep writes those weights to FOLDER/without-PLACE.bin. With -o also "
    "learns all places\n"
    "  and writes the weights. COCO's images are for tests only.\n";

static int place_of(const char *text) {
    for (int p = 0; p < CROP_PLACES; p++)
        if (!strcmp(text, crop_place_text((enum crop_place)p))) return p;
    return -1;
}

static bool read_options(int argc, char **argv, struct options *o) {
    static const struct option names[] = {{"footage", 1, 0, 'f'},
                                          {"stamps", 1, 0, 't'},
                                          {"labels", 1, 0, 'l'},
                                          {"coco", 1, 0, 'c'},
                                          {"seed", 1, 0, 's'},
                                          {"steps", 1, 0, 'n'},
                                          {"pasted", 1, 0, 'p'},
                                          {"hold-out", 1, 0, 'h'},
                                          {"sheet", 1, 0, 'g'},
                                          {"keep", 1, 0, 'k'},
                                          {0}};
    *o = (struct options){.seed = 1, .steps = 4000, .pasted = 3000};
    for (int k; (k = getopt_long(argc, argv, "o:", names, NULL)) != -1;) {
        switch (k) {
            case 'f': o->footage = optarg; break;
            case 't': o->stamps = optarg; break;
            case 'l': o->labels = optarg; break;
            case 'c': o->coco = optarg; break;
            case 'o': o->out = optarg; break;
            case 'g': o->crops = optarg; break;
            case 'k': o->keep = optarg; break;
            case 's': o->seed = strtoull(optarg, NULL, 10); break;
            case 'n': o->steps = (int)strtol(optarg, NULL, 10); break;
            case 'p': o->pasted = (size_t)strtol(optarg, NULL, 10); break;
            case 'h':
                if (o->held_out_count == HELD_OUT_MAX || place_of(optarg) < 0) return false;
                o->held_out[o->held_out_count++] = place_of(optarg);
                break;
            default: return false;
        }
    }
    return o->footage && o->stamps && o->labels && o->steps > 0 && optind == argc;
}

static err gather(const struct options *o, struct crop_set *crops, struct diag *d) {
    struct chance chance = chance_of(o->seed);
    AUTO(blob_clear) struct blob labels = {0};
    AUTO(cut_outs_clear) struct cut_outs objects = {0};
    AUTO(backgrounds_clear) struct backgrounds grounds = {0};
    err e = file_read(o->labels, LABELS_MAX_BYTES, &labels, d);
    if (!e) e = footage_crops(o->footage, blob_bytes(&labels), &chance, crops, &objects, &grounds, d);
    if (!e) e = stamps_read(o->stamps, &objects, d);
    if (!e) e = photos_read(o->footage, &grounds, d);
    if (!e) e = paste_crops(&objects, &grounds, o->pasted, &chance, crops, d);
    if (!e && o->coco) e = coco_crops(o->coco, COCO_LEAST, &chance, crops, d);
    return e;
}

static void print_counts(const struct crop_set *crops) {
    static unsigned counts[CROP_PLACES][CROP_ORIGINS][CLASSIFIER_CLASSES];
    static const char *const origins[CROP_ORIGINS] = {"seen", "by chance", "pasted"};
    for (size_t i = 0; i < crops->count; i++)
        counts[crops->items[i].places[0]][crops->items[i].origin][crops->items[i].class]++;
    printf("%-18s %-10s %8s %8s %8s %8s\n", "crops of", "", "nothing", "person", "vehicle", "animal");
    for (int p = 0; p < CROP_PLACES; p++)
        for (int o = 0; o < CROP_ORIGINS; o++) {
            const unsigned *c = counts[p][o];
            if (c[0] + c[1] + c[2] + c[3])
                printf("%-18s %-10s %8u %8u %8u %8u\n", crop_place_text((enum crop_place)p), origins[o], c[0],
                       c[1], c[2], c[3]);
        }
    fflush(stdout);
}

/* A sheet of crops by chance, to be looked at: one row for each class and origin. */
static err write_sheet(const struct crop_set *crops, const char *path, struct diag *d) {
    enum { ACROSS = 24 };
    AUTO(blob_clear) struct blob out = {0};
    struct chance c = chance_of(5);
    char head[64];
    int rows = CLASSIFIER_CLASSES * CROP_ORIGINS;
    size_t line = (size_t)ACROSS * CROP_SIDE * 3;
    int len = snprintf(head, sizeof head, "P6\n%d %d\n255\n", ACROSS * CROP_SIDE, rows * CROP_SIDE);
    if (blob_append(&out, BYTES(head, len)) ||
        blob_reserve(&out, out.len + line * (size_t)(rows * CROP_SIDE)))
        return diag_fail(d, ERR_NO_MEMORY, "no memory for a sheet");
    uint8_t *pixels = out.data + out.len;
    memset(pixels, 0, line * (size_t)(rows * CROP_SIDE));
    out.len += line * (size_t)(rows * CROP_SIDE);
    for (int row = 0; row < rows; row++)
        for (int i = 0, tries = 0; i < ACROSS && tries < 200000; tries++) {
            const struct crop *crop = &crops->items[chance_below(&c, (uint32_t)crops->count)];
            if (crop->class != row / CROP_ORIGINS || crop->origin != row % CROP_ORIGINS ||
                crop->places[0] == CROP_PLACE_COCO)
                continue;
            for (int y = 0; y < CROP_SIDE; y++)
                memcpy(pixels + (size_t)(row * CROP_SIDE + y) * line + (size_t)i * CROP_SIDE * 3,
                       crop->rgb + (size_t)y * CROP_SIDE * 3, CROP_SIDE * 3);
            i++;
        }
    return file_replace(path, blob_bytes(&out), 0644, d);
}

static err load_net(const struct net *n, struct bytes about, struct blob *file, struct classifier **out,
                    struct diag *d) {
    err e = net_write(n, about, file);
    return e ? diag_fail(d, e, "no memory for the weights") : classifier_load(blob_bytes(file), out, d);
}

static double percent(unsigned right, unsigned all) {
    return all ? round(1000.0 * right / all) / 10 : 0;
}

static void note(json_t *figures, const char *place, const struct learn_figures *f) {
    char name[96];
    for (int c = 0; c < CLASSIFIER_CLASSES; c++) {
        const unsigned *s = f->said[c];
        unsigned all = s[0] + s[1] + s[2] + s[3];
        snprintf(name, sizeof name, "%s held out: %s right, %% of %u", place,
                 classifier_class_text((enum classifier_class)c), all);
        if (all) json_object_set_new(figures, name, json_real(percent(s[c], all)));
    }
    snprintf(name, sizeof name, "%s held out: person against nothing, mean %%", place);
    if (f->person_of && f->nothing_of)
        json_object_set_new(
            figures, name,
            json_real((percent(f->person_right, f->person_of) + percent(f->nothing_right, f->nothing_of)) /
                      2));
}

static err learn_and_test(const struct options *o, const struct crop_set *crops, int without, int place,
                          json_t *figures, struct diag *d) {
    AUTO(net_release) struct net *n = NULL;
    AUTO(blob_clear) struct blob file = {0};
    AUTO(classifier_release) struct classifier *c = NULL;
    struct learn_plan plan = {o->seed, o->steps, without};
    struct learn_figures f;
    err e = learn_net(crops, &plan, &n, d);
    if (!e) e = load_net(n, bytes_text("{}"), &file, &c, d);
    if (e) return e;
    char title[96];
    snprintf(title, sizeof title, "%s, not learnt", crop_place_text((enum crop_place)place));
    learn_test(c, crops, place, &f);
    learn_print(stdout, title, &f);
    fflush(stdout);
    note(figures, crop_place_text((enum crop_place)place), &f);
    char name[64], path[PATH_TEXT_BYTES];
    snprintf(name, sizeof name, "without-%s.bin", crop_place_text((enum crop_place)place));
    if (!o->keep) return ERR_OK;
    return path_join(path, o->keep, name) ? ERR_LIMIT : file_replace(path, blob_bytes(&file), 0644, d);
}

static json_t *describe(const struct options *o, const struct crop_set *crops, json_t *figures) {
    return json_pack(
        "{s:i, s:s, s:s, s:s, s:I, s:i, s:I, s:[s,s,s,s,s,s], s:O}", "v", 1, "name", "motion-classifier",
        "licence", "AGPL-3.0-or-later", "origin", "src/labs of Cardea", "seed", (json_int_t)o->seed, "steps",
        o->steps, "crops", (json_int_t)crops->count, "lineage",
        "OpenCV samples vtest.avi and tree.avi and photos (Apache-2.0, BSD-3-Clause)",
        "Intel sample videos one-by-one-person-detection, car-detection, bottle-detection (CC-BY-4.0, Intel)",
        "porch-cat.mp4 of pi-tensorflow-lite-object-detection (MIT)",
        "Roboflow Packages, photos of front doors (public domain)",
        "tuxpaint-stamps-default 2022.06.04, cut-out photos (GPL-2.0-or-later)",
        "labels of the clips by PicoDet-S 416 (Apache-2.0; its weights were trained on COCO train2017); "
        "COCO's val2017 images only tested, never learnt",
        "figures", figures);
}

static err make_weights(const struct options *o, const struct crop_set *crops, json_t *figures,
                        struct diag *d) {
    AUTO(net_release) struct net *n = NULL;
    struct learn_plan plan = {o->seed, o->steps, -1};
    err e = learn_net(crops, &plan, &n, d);
    if (e) return e;
    if (o->coco) {
        AUTO(blob_clear) struct blob file = {0};
        AUTO(classifier_release) struct classifier *c = NULL;
        struct learn_figures f;
        if ((e = load_net(n, bytes_text("{}"), &file, &c, d))) return e;
        learn_test(c, crops, CROP_PLACE_COCO, &f);
        learn_print(stdout, "coco, not learnt, by the weights that are written", &f);
        note(figures, "coco", &f);
    }
    AUTO(json_release) json_t *about = describe(o, crops, figures);
    char *text = about ? json_dumps(about, JSON_COMPACT) : NULL;
    AUTO(blob_clear) struct blob file = {0};
    AUTO(classifier_release) struct classifier *c = NULL;
    e = text ? load_net(n, bytes_text(text), &file, &c, d)
             : diag_fail(d, ERR_NO_MEMORY, "no memory for a description");
    free(text);
    return e ? e : file_replace(o->out, blob_bytes(&file), 0644, d);
}

/* OpenBLAS chooses its code by the processor, and on one that it does not know the slowest. One kind and one
 * thread are the same additions in the same order everywhere. It reads both before main, so the program
 * starts once more. */
static void start_again(char **argv) {
    if (getenv("OPENBLAS_CORETYPE") && getenv("OPENBLAS_NUM_THREADS")) return;
    setenv("OPENBLAS_CORETYPE", "Haswell", 0);
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    execv("/proc/self/exe", argv);
}

int main(int argc, char **argv) {
    struct options o;
    struct diag d = {0};
    start_again(argv);
    AUTO(crop_set_clear) struct crop_set crops = {0};
    AUTO(json_release) json_t *figures = json_object();
    if (!read_options(argc, argv, &o) || !figures) {
        fputs(usage, stderr);
        return 2;
    }
    err e = gather(&o, &crops, &d);
    if (!e) print_counts(&crops);
    if (!e && o.crops) e = write_sheet(&crops, o.crops, &d);
    for (size_t i = 0; i < o.held_out_count && !e; i++)
        e = learn_and_test(&o, &crops, o.held_out[i], o.held_out[i], figures, &d);
    if (!e && o.out) e = make_weights(&o, &crops, figures, &d);
    if (e) fprintf(stderr, "cardea-labs-train: %s\n", d.text);
    return e ? 1 : 0;
}
