/* device_source.h: a V4L2 camera (USB): MJPEG or YUYV pictures, encoded to H.264.
 *
 * Opens nothing: it is given the device's descriptor. Threads: one at a time. */
#ifndef CARDEA_MEDIA_DEVICE_SOURCE_H
#define CARDEA_MEDIA_DEVICE_SOURCE_H

#include "media/source.h"

struct device_source;

/* Takes fd, also on error; sets a size of up to 1280 x 720 and starts the capture.
 *   ERR_UNSUPPORTED  no capture device, or none of the formats     ERR_BUSY  another program has it ERR_IO */
err device_source_new(int fd, const struct media_sink *sink, struct device_source **out,
                      struct diag *d) CHECKED;
void device_source_free(struct device_source *s);

/* What to wait for (POLLIN). */
int device_source_descriptor(const struct device_source *s);

/* Takes the frames that are there. ERR_UNREACHABLE: unplugged. Or the sink's errors. */
err device_source_ready(struct device_source *s, struct steady_us now, struct diag *d) CHECKED;

#endif
