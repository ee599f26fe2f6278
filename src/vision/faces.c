#include "vision/faces.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "vision/dnn.h"
#include "vision/sharpness.h"

#define FIND_SIDE 320
#define FACE_SIDE 128
#define POINTS 5
#define OUTPUTS 12
#define CANDIDATES_MAX 64
#define SAME_FACE_IOU 0.3f
#define SAMPLES_MAX 4 /* for each aligned pixel, across and down */

static const int strides[] = {8, 16, 32};
#define STRIDES (sizeof strides / sizeof *strides)
static const char *const kinds[] = {"cls", "obj", "bbox", "kps"};
static const int columns[] = {1, 1, 4, 2 * POINTS};
enum { CLS, OBJ, BBOX, KPS, KINDS };

/* Where eyes, nose and mouth corners lie in what the embedder was trained on, in parts of its side (Open
 * Model Zoo, face-reidentification-retail-0095). The eye at the picture's left comes first. */
static const float straight[POINTS][2] = {
    {0.31556875f, 0.46157410f}, {0.68262292f, 0.45983393f}, {0.50026249f, 0.64050537f},
    {0.34947187f, 0.82469195f}, {0.65343645f, 0.82325487f},
};

struct faces {
    struct dnn *finder, *embedder;
    const char *embedding_name;
    char names[OUTPUTS][16];
    const char *name_list[OUTPUTS];
    float input[3 * FIND_SIDE * FIND_SIDE];
    float aligned[3 * FACE_SIDE * FACE_SIDE];
    uint8_t grey[FACE_SIDE * FACE_SIDE];
};

struct candidate { /* in pixels of the picture */
    float score, x0, y0, x1, y1, points[POINTS][2];
};

struct point {
    float x, y;
};

/* --- Finding --- */

struct grid {
    int across;
    float step;
    const float *outputs[KINDS];
};

static void decode(const struct grid *g, int i, struct candidate *c) {
    const float *box = g->outputs[BBOX] + 4 * i, *points = g->outputs[KPS] + 2 * POINTS * i;
    float column = (float)(i % g->across), row = (float)(i / g->across);
    float x = (column + box[0]) * g->step, y = (row + box[1]) * g->step;
    float w = expf(fminf(box[2], 8)) * g->step / 2, h = expf(fminf(box[3], 8)) * g->step / 2;
    c->x0 = x - w;
    c->y0 = y - h;
    c->x1 = x + w;
    c->y1 = y + h;
    for (int p = 0; p < POINTS; p++) {
        c->points[p][0] = (points[2 * p] + column) * g->step;
        c->points[p][1] = (points[2 * p + 1] + row) * g->step;
    }
}

/* From the finder's input to the picture. */
static void to_picture(struct candidate *c, struct rect part, float scale) {
    float ox = (float)part.x, oy = (float)part.y;
    c->x0 = ox + c->x0 / scale;
    c->y0 = oy + c->y0 / scale;
    c->x1 = ox + c->x1 / scale;
    c->y1 = oy + c->y1 / scale;
    for (int p = 0; p < POINTS; p++) {
        c->points[p][0] = ox + c->points[p][0] / scale;
        c->points[p][1] = oy + c->points[p][1] / scale;
    }
}

static size_t decode_all(const struct dnn_output *outputs, struct candidate list[CANDIDATES_MAX]) {
    size_t count = 0;
    for (size_t s = 0; s < STRIDES; s++) {
        struct grid g = {.across = FIND_SIDE / strides[s], .step = (float)strides[s]};
        for (size_t k = 0; k < KINDS; k++) g.outputs[k] = outputs[s * KINDS + k].data;
        for (int i = 0; i < g.across * g.across && count < CANDIDATES_MAX; i++) {
            float cls = fminf(1, fmaxf(0, g.outputs[CLS][i])), obj = fminf(1, fmaxf(0, g.outputs[OBJ][i]));
            float score = sqrtf(cls * obj);
            if (!(score >= FACE_SCORE_LEAST)) continue;
            list[count].score = score;
            decode(&g, i, &list[count++]);
        }
    }
    return count;
}

static int by_score(const void *a, const void *b) {
    const struct candidate *x = a, *y = b;
    return x->score < y->score ? 1 : x->score > y->score ? -1 : 0;
}

static struct area area_of(const struct candidate *c) {
    return (struct area){c->x0, c->y0, c->x1, c->y1};
}

static size_t suppress(struct candidate *list, size_t count) {
    size_t kept = 0;
    qsort(list, count, sizeof *list, by_score);
    for (size_t i = 0; i < count && kept < VISION_FACES_MAX; i++) {
        bool known = false;
        for (size_t k = 0; k < kept && !known; k++)
            known = area_iou(area_of(&list[k]), area_of(&list[i])) > SAME_FACE_IOU;
        if (!known) list[kept++] = list[i];
    }
    return kept;
}

static err check_finder(const struct dnn_output *outputs, struct diag *d) {
    for (size_t i = 0; i < OUTPUTS; i++) {
        size_t cells = (size_t)(FIND_SIDE / strides[i / KINDS]) * (size_t)(FIND_SIDE / strides[i / KINDS]);
        if (outputs[i].count != cells * (size_t)columns[i % KINDS])
            return diag_fail(d, ERR_INVALID, "the face detector's output %zu has another shape", i);
    }
    return ERR_OK;
}

static err find(struct faces *f, const struct image *m, struct rect part,
                struct candidate list[CANDIDATES_MAX], size_t *count, struct diag *d) {
    static const struct image_levels levels = {.bgr = true, .scale = {1, 1, 1}};
    struct dnn_output outputs[OUTPUTS];
    float scale = fminf((float)FIND_SIDE / (float)part.w, (float)FIND_SIDE / (float)part.h);
    int w = (int)((float)part.w * scale), h = (int)((float)part.h * scale);
    memset(f->input, 0, sizeof f->input);
    image_planes(m, part, w < 1 ? 1 : w, h < 1 ? 1 : h, &levels, f->input, FIND_SIDE * FIND_SIDE, FIND_SIDE);
    err e = dnn_run(f->finder, f->input, 3, FIND_SIDE, FIND_SIDE, f->name_list, OUTPUTS, outputs, d);
    if (!e) e = check_finder(outputs, d);
    if (e) return e;
    *count = suppress(list, decode_all(outputs, list));
    for (size_t i = 0; i < *count; i++) to_picture(&list[i], part, scale);
    return ERR_OK;
}

/* --- Laying straight --- */

/* A turn, a scale and a shift: x' = a x - b y + tx, y' = b x + a y + ty. */
struct similarity {
    float a, b, tx, ty;
};

/* The one that brings the straight points nearest to the face's (least squares; Umeyama 1991 in two
 * dimensions). */
static struct similarity fit(const struct candidate *c) {
    struct point from = {0, 0}, to = {0, 0};
    for (int i = 0; i < POINTS; i++) {
        from.x += straight[i][0] * FACE_SIDE / POINTS;
        from.y += straight[i][1] * FACE_SIDE / POINTS;
        to.x += c->points[i][0] / POINTS;
        to.y += c->points[i][1] / POINTS;
    }
    float dot = 0, cross = 0, size = 0;
    for (int i = 0; i < POINTS; i++) {
        float x = straight[i][0] * FACE_SIDE - from.x, y = straight[i][1] * FACE_SIDE - from.y;
        float u = c->points[i][0] - to.x, v = c->points[i][1] - to.y;
        dot += x * u + y * v;
        cross += x * v - y * u;
        size += x * x + y * y;
    }
    struct similarity s = {.a = dot / size, .b = cross / size};
    s.tx = to.x - s.a * from.x + s.b * from.y;
    s.ty = to.y - s.b * from.x - s.a * from.y;
    return s;
}

static float sample(const uint8_t *plane, int width, int height, float x, float y) {
    x = fminf(fmaxf(x, 0), (float)width - 1.001f);
    y = fminf(fmaxf(y, 0), (float)height - 1.001f);
    int at = (int)x, row = (int)y;
    float px = x - (float)at, py = y - (float)row;
    const uint8_t *p = plane + (size_t)row * (size_t)width + (size_t)at;
    float top = (float)p[0] + px * (float)(p[1] - p[0]);
    float bottom = (float)p[width] + px * (float)(p[width + 1] - p[width]);
    return top + py * (bottom - top);
}

static float level(float v) {
    return fminf(255, fmaxf(0, v));
}

/* BGR planes and grey of the face. Large faces are sampled several times for each pixel, against aliasing. */
static void align(struct faces *f, const struct image *m, const struct candidate *c) {
    struct similarity s = fit(c);
    int n = (int)ceilf(sqrtf(s.a * s.a + s.b * s.b));
    n = n < 1 ? 1 : n > SAMPLES_MAX ? SAMPLES_MAX : n;
    const size_t plane = FACE_SIDE * FACE_SIDE;
    for (int i = 0; i < FACE_SIDE * FACE_SIDE; i++) {
        float l = 0, cb = 0, cr = 0;
        for (int k = 0; k < n * n; k++) {
            float x = (float)(i % FACE_SIDE) + ((float)(k % n) + 0.5f) / (float)n;
            float y = (float)(i / FACE_SIDE) + ((float)(k / n) + 0.5f) / (float)n;
            float u = s.a * x - s.b * y + s.tx - 0.5f, v = s.b * x + s.a * y + s.ty - 0.5f;
            l += sample(m->y, m->width, m->height, u, v);
            cb += sample(m->u, m->width / 2, m->height / 2, u / 2 - 0.25f, v / 2 - 0.25f);
            cr += sample(m->v, m->width / 2, m->height / 2, u / 2 - 0.25f, v / 2 - 0.25f);
        }
        float count = (float)(n * n);
        l = 1.164384f * (l / count - 16);
        cb = cb / count - 128;
        cr = cr / count - 128;
        f->grey[i] = (uint8_t)level(l);
        f->aligned[i] = level(l + 2.017232f * cb);
        f->aligned[(size_t)i + plane] = level(l - 0.391762f * cb - 0.812968f * cr);
        f->aligned[(size_t)i + 2 * plane] = level(l + 1.596027f * cr);
    }
}

/* --- Of use? --- */

/* How far the nose is off the middle between eyes and mouth, along the eyes, in eye distances: 0 looks at the
 * camera, and about 0.6 shows a profile. */
static float turned(const struct candidate *c) {
    float ex = c->points[1][0] - c->points[0][0], ey = c->points[1][1] - c->points[0][1];
    float eyes = ex * ex + ey * ey;
    if (!(eyes > 1)) return 1;
    float mx = 0, my = 0;
    for (int i = 0; i < POINTS; i++) {
        if (i == 2) continue;
        mx += c->points[i][0] / 4;
        my += c->points[i][1] / 4;
    }
    return fabsf((c->points[2][0] - mx) * ex + (c->points[2][1] - my) * ey) / eyes;
}

static float part_of(float value, float least, float good) {
    return fminf(1, fmaxf(0, (value - least) / (good - least)));
}

/* Sets quality and, where something is wrong, the reason. */
static void judge(struct faces *f, const struct image *m, const struct candidate *c, struct found_face *out) {
    float w = c->x1 - c->x0, h = c->y1 - c->y0, px = fminf(w, h), turn = turned(c);
    float width = (float)m->width, height = (float)m->height;
    struct area box = area_clip((struct area){c->x0 / width, c->y0 / height, c->x1 / width, c->y1 / height});
    *out = (struct found_face){.face = {.box = area_box(box)}};
    if (px < FACE_LEAST_PX) {
        snprintf(out->reason, sizeof out->reason, "the face is too small: %d pixels, at least %d are needed",
                 (int)px, FACE_LEAST_PX);
        return;
    }
    align(f, m, c);
    /* A small face is soft once it is enlarged, and is judged as it is. */
    float sharp = px < FACE_SIDE ? sharpness(m, image_rect(m, box))
                                 : sharpness_grey(f->grey, FACE_SIDE, FACE_SIDE, FACE_SIDE);
    float size_part = part_of(px, FACE_LEAST_PX / 2, FACE_GOOD_PX);
    float sharp_part = part_of(sqrtf(sharp), 0, sqrtf(FACE_SHARP_GOOD));
    out->face.quality = sqrtf(size_part * sharp_part) * (1 - fminf(1, turn / (2 * FACE_TURNED_MOST)));
    if (turn > FACE_TURNED_MOST)
        snprintf(out->reason, sizeof out->reason, "the face is turned away from the camera");
    else if (sharp < FACE_SHARP_LEAST)
        snprintf(out->reason, sizeof out->reason, "the face is blurred");
}

static err embed(struct faces *f, struct seen_face *out, struct diag *d) {
    struct dnn_output output;
    err e = dnn_run(f->embedder, f->aligned, 3, FACE_SIDE, FACE_SIDE, &f->embedding_name, 1, &output, d);
    if (e) return e;
    if (output.count != VISION_EMBEDDING_FLOATS)
        return diag_fail(d, ERR_INVALID, "the face embedder gives %zu numbers, not %d", output.count,
                         VISION_EMBEDDING_FLOATS);
    float squares = 0;
    for (size_t i = 0; i < VISION_EMBEDDING_FLOATS; i++) squares += output.data[i] * output.data[i];
    float length = sqrtf(squares);
    for (size_t i = 0; i < VISION_EMBEDDING_FLOATS; i++)
        out->embedding[i] = length > 0 ? output.data[i] / length : 0;
    return ERR_OK;
}

static int by_quality(const void *a, const void *b) {
    const struct found_face *x = a, *y = b;
    if (!x->reason[0] != !y->reason[0]) return x->reason[0] ? 1 : -1;
    return x->face.quality < y->face.quality ? 1 : x->face.quality > y->face.quality ? -1 : 0;
}

err faces_find(struct faces *f, const struct image *m, struct rect part, float better_than,
               struct found_face out[VISION_FACES_MAX], size_t *count, struct diag *d) {
    struct candidate list[CANDIDATES_MAX];
    err e = find(f, m, part, list, count, d);
    for (size_t i = 0; !e && i < *count; i++) {
        judge(f, m, &list[i], &out[i]);
        if (out[i].reason[0]) continue;
        if (out[i].face.quality <= better_than)
            snprintf(out[i].reason, sizeof out[i].reason, "no better than before");
        else
            e = embed(f, &out[i].face, d);
    }
    if (!e) qsort(out, *count, sizeof *out, by_quality);
    return e;
}

/* --- Loading --- */

static err load(struct faces *f, const struct bytes files[FACES_FILES], struct diag *d) {
    struct candidate list[CANDIDATES_MAX];
    struct seen_face face;
    size_t count;
    for (size_t i = 0; i < OUTPUTS; i++) {
        snprintf(f->names[i], sizeof f->names[i], "%s_%d", kinds[i % KINDS], strides[i / KINDS]);
        f->name_list[i] = f->names[i];
    }
    static const uint8_t black[FIND_SIDE * FIND_SIDE * 3 / 2];
    const struct image m = image_i420(black, FIND_SIDE, FIND_SIDE);
    err e = dnn_load_onnx(files[0], &f->finder, d);
    if (!e) e = find(f, &m, (struct rect){0, 0, FIND_SIDE, FIND_SIDE}, list, &count, d);
    if (!e) e = dnn_load_onnx(files[1], &f->embedder, d);
    if (e) return e;
    f->embedding_name = dnn_output_name(f->embedder, 0);
    if (!f->embedding_name) return diag_fail(d, ERR_INVALID, "the face embedder has no output");
    return embed(f, &face, d);
}

err faces_load(const struct bytes files[FACES_FILES], struct faces **out, struct diag *d) {
    struct faces *f = calloc(1, sizeof *f);
    if (!f) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    err e = load(f, files, d);
    if (e) {
        diag_prefix(d, "the models for faces");
        faces_unload(f);
        return e;
    }
    *out = f;
    return ERR_OK;
}

void faces_unload(struct faces *f) {
    if (!f) return;
    dnn_free(f->finder);
    dnn_free(f->embedder);
    wipe(f, sizeof *f); /* the last face that was seen */
    free(f);
}
