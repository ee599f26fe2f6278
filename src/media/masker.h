/* masker.h: stands between a source and whoever records it, so that what privacy masks cover never gets
 * there: decodes the picture, paints the masks black and encodes it again, as H.264 with a key frame at least
 * every two seconds and at most the source's own bit rate. Sound passes through. A picture that cannot be
 * masked ends the source; it is never passed on as it came. Threads: one. */
#ifndef CARDEA_MEDIA_MASKER_H
#define CARDEA_MEDIA_MASKER_H

#include "media/source.h"
#include "media/worker_message.h"

struct masker;

/* Copies the masks; *target is borrowed until masker_free. */
err masker_new(const struct worker_masks *masks, const struct media_sink *target, struct masker **out,
               struct diag *d) CHECKED;
void masker_free(struct masker *m);

/* For the source. Its calls fail with what the target's do, or with ERR_UNSUPPORTED and ERR_NO_MEMORY of the
 * decoder and the encoder. */
const struct media_sink *masker_sink(const struct masker *m);

#endif
