/* picture_file.h: pictures of photos, of drawings with transparent places, and of clips, as 4 bytes a pixel
 * (red, green, blue, opaque 0..255). FFmpeg reads them. Threads: no shared state. */
#ifndef CARDEA_LABS_PICTURE_FILE_H
#define CARDEA_LABS_PICTURE_FILE_H

#include "base/bytes.h"

struct picture {
    uint8_t *rgba;
    int width, height;
};
void picture_clear(struct picture *p);

struct picture_list {
    struct picture *items;
    size_t count, room;
};
void picture_list_clear(struct picture_list *l);
/* Takes the picture. ERR_NO_MEMORY: it is cleared. */
err picture_list_add(struct picture_list *l, struct picture *p) CHECKED;

/* ERR_NO_MEMORY. */
err picture_new(int width, int height, struct picture *out) CHECKED;

/* Appends each `step`th frame, scaled down to `width_max`; at most `count_max`. A photo is a clip of one
 * frame. ERR_NOT_FOUND, ERR_INVALID (nothing in it decodes), ERR_NO_MEMORY */
err picture_file_read(const char *path, int step, int width_max, size_t count_max, struct picture_list *out,
                      struct diag *d) CHECKED;

#endif
