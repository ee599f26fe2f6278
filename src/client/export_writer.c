#include "client/export_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "format/mark.h"

static err put(struct export_writer *w, struct bytes data, struct diag *d) {
    err e = fd_write_all(w->fd, data);
    if (e == ERR_NO_SPACE) return diag_fail(d, e, "the disk is full: %s was not written", w->path);
    if (e) return diag_fail(d, e, "cannot write %s: %s", w->part, strerror(errno));
    w->bytes += data.len;
    return ERR_OK;
}

static err put_head(struct export_writer *w, struct bytes init, struct diag *d) {
    AUTO(blob_clear) struct blob head = {0};
    err e = blob_append(&head, init);
    if (!e) e = blob_append_be32(&head, (uint32_t)(8 + strlen(export_notice)));
    if (!e) e = blob_append_be32(&head, MP4_TYPE('f', 'r', 'e', 'e'));
    if (!e) e = blob_append(&head, bytes_text(export_notice));
    return e ? e : put(w, blob_bytes(&head), d);
}

err export_writer_open(struct export_writer *w, const char *path, const uint8_t camera[CAMERA_ID_BYTES],
                       struct bytes certificate, const uint8_t household[32], struct bytes init,
                       int64_t zero_us, struct diag *d) {
    *w = (struct export_writer){.fd = -1};
    if (snprintf(w->path, sizeof w->path, "%s", path) >= (int)sizeof w->path ||
        snprintf(w->part, sizeof w->part, "%s.part", path) >= (int)sizeof w->part)
        return diag_fail(d, ERR_LIMIT, "the path %.80s… is too long", path);
    if (access(path, F_OK) == 0)
        return diag_fail(d, ERR_EXISTS, "%s is there already: choose another name", path);
    err e = mp4_init_read(init, &w->tracks, d);
    if (!e) e = blob_append(&w->box.certificate, certificate);
    if (e) return e;
    w->box.zero_us = zero_us;
    memcpy(w->box.camera, camera, CAMERA_ID_BYTES);
    memcpy(w->box.household, household, sizeof w->box.household);
    mark_hash(RECORD_INIT, init, w->init_hash);
    w->fd = open(w->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (w->fd < 0) return diag_fail(d, ERR_IO, "cannot write %s: %s", w->part, strerror(errno));
    return put_head(w, init, d);
}

err export_writer_segment(struct export_writer *w, uint32_t slot, uint32_t from, struct diag *d) {
    w->segment = export_box_add_segment(&w->box);
    if (!w->segment)
        return diag_fail(d, ERR_LIMIT, "more than %d segments in one clip: export less", EXPORT_SEGMENTS_MAX);
    w->segment->slot = slot;
    w->segment->from = from;
    memcpy(w->segment->init, w->init_hash, sizeof w->segment->init);
    return ERR_OK;
}

err export_writer_fragment(struct export_writer *w, struct bytes fragment, struct diag *d) {
    w->shifted.len = 0;
    err e = mp4_fragment_shift(&w->tracks, fragment, w->box.zero_us, false, &w->shifted, d);
    if (!e) e = put(w, blob_bytes(&w->shifted), d);
    if (!e) w->segment->count++;
    return e;
}

err export_writer_mark(struct export_writer *w, struct bytes mark, struct diag *d) {
    err e = blob_append(&w->segment->mark, mark);
    return e ? diag_fail(d, e, "no memory for the signatures") : ERR_OK;
}

err export_writer_gap(struct export_writer *w, int64_t from_us, int64_t to_us, struct diag *d) {
    if (export_box_add_gap(&w->box, from_us, to_us))
        return diag_fail(d, ERR_LIMIT, "more than %d gaps in one clip: export less", EXPORT_GAPS_MAX);
    return ERR_OK;
}

err export_writer_finish(struct export_writer *w, struct diag *d) {
    AUTO(blob_clear) struct blob signatures = {0};
    err e = export_box_encode(&w->box, &signatures);
    if (e) return diag_fail(d, e, "the signatures do not fit: export less at a time");
    e = put(w, blob_bytes(&signatures), d);
    if (e) return e;
    if (fsync(w->fd)) return diag_fail(d, ERR_IO, "cannot write %s: %s", w->part, strerror(errno));
    fd_close(&w->fd);
    /* link, not rename: never over a file that appeared meanwhile. Not every file system has links. */
    if (link(w->part, w->path) == 0) {
        unlink(w->part);
    } else if (errno == EEXIST) {
        return diag_fail(d, ERR_EXISTS, "%s is there already: choose another name", w->path);
    } else if (rename(w->part, w->path)) {
        return diag_fail(d, ERR_IO, "cannot name %s: %s", w->path, strerror(errno));
    }
    w->part[0] = 0;
    return ERR_OK;
}

void export_writer_clear(struct export_writer *w) {
    if (w->fd > 0) close(w->fd);
    if (w->part[0]) unlink(w->part);
    blob_clear(&w->shifted);
    export_box_clear(&w->box);
    *w = (struct export_writer){.fd = -1};
}
