/* export_writer.h: writes recorded fragments as a plain MP4 with its signature chain (docs/formats.md,
 * "Export").
 *
 * The clip is written beside its final name and takes that name when it is finished. Threads: one. */
#ifndef CARDEA_CLIENT_EXPORT_WRITER_H
#define CARDEA_CLIENT_EXPORT_WRITER_H

#include "client/export_box.h"
#include "client/mp4.h"

struct export_writer {
    char path[1024], part[1024];
    int fd;
    struct blob shifted; /* the fragment that is being written */
    uint8_t init_hash[32];
    struct mp4_init tracks;
    struct export_box box;
    struct export_segment *segment; /* in progress */
    uint64_t bytes;
};

/* Starts the file. `init` is the first segment's; `zero_us` the wall time that becomes the clip's zero, at or
 * before the first fragment's of any track. ERR_EXISTS  the file is there already     ERR_INVALID  the init
 */
err export_writer_open(struct export_writer *w, const char *path, const uint8_t camera[CAMERA_ID_BYTES],
                       struct bytes certificate, const uint8_t household[32], struct bytes init,
                       int64_t zero_us, struct diag *d) CHECKED;
/* The next segment, whose first exported fragment stands at `from` in its mark. */
err export_writer_segment(struct export_writer *w, uint32_t slot, uint32_t from, struct diag *d) CHECKED;
err export_writer_fragment(struct export_writer *w, struct bytes fragment, struct diag *d) CHECKED;
/* The segment's mark; not called for one that was cut short. */
err export_writer_mark(struct export_writer *w, struct bytes mark, struct diag *d) CHECKED;
err export_writer_gap(struct export_writer *w, int64_t from_us, int64_t to_us, struct diag *d) CHECKED;
/* Writes the signatures and gives the file its name. */
err export_writer_finish(struct export_writer *w, struct diag *d) CHECKED;
/* Frees; removes an unfinished file. For AUTO. */
void export_writer_clear(struct export_writer *w);

#endif
