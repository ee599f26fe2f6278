/* file_source.h: a video file as a camera: at the speed of its own clock, over and over, timestamps going on.
 *
 * H.264, H.265, AAC and Opus are copied; anything else is transcoded. Opens nothing: it reads the descriptor
 * that it is given, at positions of its own. What is in the file is not trusted. Threads: one at a time. */
#ifndef CARDEA_MEDIA_FILE_SOURCE_H
#define CARDEA_MEDIA_FILE_SOURCE_H

#include "media/source.h"

struct file_source;

/* Takes fd, also on error. *sink is borrowed until file_source_free.
 *   ERR_UNSUPPORTED  no video in a format that this build of FFmpeg reads     ERR_INVALID  broken     ERR_IO
 */
err file_source_new(int fd, bool audio, const struct media_sink *sink, struct file_source **out,
                    struct diag *d) CHECKED;
void file_source_free(struct file_source *s);

/* When file_source_ready has something to do. */
struct steady_us file_source_deadline(const struct file_source *s);

/* Hands on all that is due. Errors: the sink's, or ERR_INVALID when the file holds nothing more that can be
 * read. */
err file_source_ready(struct file_source *s, struct steady_us now, struct diag *d) CHECKED;

#endif
