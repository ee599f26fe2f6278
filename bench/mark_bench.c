/* mark_bench.c: is the hidden mark read back from screenshots of real footage at half the size and JPEG
 * quality 70, how little does it change a frame, and does it ever speak of a mark that is not there?
 *
 * A frame is enlarged to what the portal draws (1280 pixels wide at least), gets the portal's border, and is
 * marked; the screenshot shows it --shown pixels wide, and is halved. Exits 1 when a goal is missed. Usage:
 * mark_bench [--shown 1280,960] [--step 15] FILE… */
#include <getopt.h>
#include <libswscale/swscale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <jpeglib.h>

#include "labs/picture_file.h"
#include "mark/hidden_mark.h"

#define FRAMES_MAX 400
#define READ_GOAL 0.95
#define PSNR_GOAL 42.0

struct tally {
    int frames, read, wrong, false_marks;
    double psnr_sum, psnr_least, embed_ms, read_ms;
};

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void must(bool well, const char *what) {
    if (well) return;
    fprintf(stderr, "mark_bench: %s\n", what);
    exit(2);
}

static struct picture scaled(const struct picture *p, int width, int height, int how) {
    struct picture out = {0};
    must(picture_new(width, height, &out) == ERR_OK, "no memory");
    struct SwsContext *scaler = sws_getContext(p->width, p->height, AV_PIX_FMT_RGBA, width, height,
                                               AV_PIX_FMT_RGBA, how, NULL, NULL, NULL);
    must(scaler, "cannot scale");
    const uint8_t *from[4] = {p->rgba};
    uint8_t *to[4] = {out.rgba};
    int from_stride[4] = {p->width * 4}, to_stride[4] = {width * 4};
    sws_scale(scaler, from, from_stride, 0, p->height, to, to_stride);
    sws_freeContext(scaler);
    return out;
}

static void draw_border(struct picture *p) {
    const uint8_t amber[4] = {MARK_BORDER_RED, MARK_BORDER_GREEN, MARK_BORDER_BLUE, 255};
    int thick = p->width / 213;
    for (int y = 0; y < p->height; y++)
        for (int x = 0; x < p->width; x++)
            if (x < thick || y < thick || x >= p->width - thick || y >= p->height - thick)
                memcpy(p->rgba + ((size_t)y * (size_t)p->width + (size_t)x) * 4, amber, 4);
}

static double psnr(const struct picture *a, const struct picture *b) {
    size_t pixels = (size_t)a->width * (size_t)a->height;
    double squares = 0;
    for (size_t i = 0; i < pixels * 4; i++)
        if (i % 4 != 3) squares += (a->rgba[i] - b->rgba[i]) * (a->rgba[i] - b->rgba[i]);
    return 10 * log10(255.0 * 255.0 * 3 * (double)pixels / (squares + 1e-9));
}

/* What a picture is once it was a JPEG of quality 70. */
static void through_jpeg(const struct picture *p, struct mark_picture *out) {
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr errors;
    unsigned char *data = NULL;
    unsigned long len = 0;
    struct diag d = {{0}};
    uint8_t *row = malloc((size_t)p->width * 3);
    must(row, "no memory");
    c.err = jpeg_std_error(&errors);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &data, &len);
    c.image_width = (JDIMENSION)p->width;
    c.image_height = (JDIMENSION)p->height;
    c.input_components = 3;
    c.in_color_space = JCS_RGB;
    jpeg_set_defaults(&c);
    jpeg_set_quality(&c, 70, TRUE);
    jpeg_start_compress(&c, TRUE);
    while (c.next_scanline < c.image_height) {
        const uint8_t *from = p->rgba + (size_t)c.next_scanline * (size_t)p->width * 4;
        for (size_t i = 0; i < (size_t)p->width; i++) memcpy(row + 3 * i, from + 4 * i, 3);
        JSAMPROW rows[] = {row};
        jpeg_write_scanlines(&c, rows, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    must(mark_picture_read(BYTES(data, len), out, &d) == ERR_OK, d.text);
    free(row);
    free(data);
}

static err read_screenshot(const struct picture *frame, int shown, struct mark_reading *out) {
    int width = shown / 2, height = (int)lround((double)frame->height * width / frame->width);
    AUTO(picture_clear) struct picture half = scaled(frame, width, height, SWS_BICUBIC);
    AUTO(mark_picture_clear) struct mark_picture seen = {0};
    through_jpeg(&half, &seen);
    return hidden_mark_find(&seen, out);
}

static void take(const struct picture *source, uint32_t number, int shown, struct tally *t) {
    int width = source->width < MARK_FRAME_WIDTH_MIN ? MARK_FRAME_WIDTH_MIN : source->width;
    int height = (int)lround((double)source->height * width / source->width);
    AUTO(picture_clear) struct picture plain = scaled(source, width, height, SWS_BILINEAR);
    draw_border(&plain);
    AUTO(picture_clear) struct picture marked = {0};
    must(picture_new(width, height, &marked) == ERR_OK, "no memory");
    memcpy(marked.rgba, plain.rgba, (size_t)width * (size_t)height * 4);
    const struct hidden_mark mark = {number * 2654435761u, (474000 + number) & 0xffffff};
    double begun = now_ms();
    hidden_mark_embed(marked.rgba, width, height, mark);
    t->embed_ms += now_ms() - begun;
    double likeness = psnr(&plain, &marked);
    t->psnr_sum += likeness;
    if (!t->frames || likeness < t->psnr_least) t->psnr_least = likeness;
    t->frames++;
    struct mark_reading r;
    begun = now_ms();
    if (read_screenshot(&marked, shown, &r) == ERR_OK) {
        bool same = r.mark.key == mark.key && r.mark.minute == mark.minute;
        t->read += same;
        t->wrong += !same;
    }
    t->read_ms += now_ms() - begun;
    if (read_screenshot(&plain, shown, &r) == ERR_OK) t->false_marks++;
}

static void print(const char *name, const struct tally *t) {
    printf("%-36s %5d frames  read %6.2f %%  wrong %d  PSNR %.2f dB, least %.2f  marks in unmarked %d  %.1f "
           "ms to embed, "
           "%.0f to shrink, compress and read\n",
           name, t->frames, 100.0 * t->read / t->frames, t->wrong, t->psnr_sum / t->frames, t->psnr_least,
           t->false_marks, t->embed_ms / t->frames, t->read_ms / t->frames);
}

static void add(struct tally *all, const struct tally *t) {
    if (!all->frames || t->psnr_least < all->psnr_least) all->psnr_least = t->psnr_least;
    all->frames += t->frames;
    all->read += t->read;
    all->wrong += t->wrong;
    all->false_marks += t->false_marks;
    all->psnr_sum += t->psnr_sum;
    all->embed_ms += t->embed_ms;
    all->read_ms += t->read_ms;
}

static bool run(char **files, int count, int step, int shown) {
    struct tally all = {0};
    printf("shown %d pixels wide, halved:\n", shown);
    for (int i = 0; i < count; i++) {
        AUTO(picture_list_clear) struct picture_list list = {0};
        struct tally t = {0};
        struct diag d = {{0}};
        must(picture_file_read(files[i], step, 1920, FRAMES_MAX, &list, &d) == ERR_OK, d.text);
        for (size_t k = 0; k < list.count; k++) take(&list.items[k], (uint32_t)(k + 1), shown, &t);
        const char *name = strrchr(files[i], '/');
        print(name ? name + 1 : files[i], &t);
        add(&all, &t);
    }
    print("all", &all);
    return all.read >= READ_GOAL * all.frames && all.psnr_least >= PSNR_GOAL && !all.wrong &&
           !all.false_marks;
}

int main(int argc, char **argv) {
    static const struct option options[] = {
        {"shown", required_argument, NULL, 's'}, {"step", required_argument, NULL, 'n'}, {0}};
    const char *shown = "1280,960";
    int step = 15;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 's')
            shown = optarg;
        else if (c == 'n')
            step = (int)strtol(optarg, NULL, 10);
        else
            return 2;
    }
    must(step > 0 && optind < argc, "usage: mark_bench [--shown 1280,960] [--step 15] FILE…");
    bool well = true;
    for (const char *at = shown; *at;) {
        char *end;
        long width = strtol(at, &end, 10);
        must(end != at && width >= 2 * MARK_READ_WIDTH_MIN && width <= 3840,
             "--shown is widths, 384 to 3840");
        well &= run(argv + optind, argc - optind, step, (int)width);
        at = *end == ',' ? end + 1 : end;
    }
    return well ? 0 : 1;
}
