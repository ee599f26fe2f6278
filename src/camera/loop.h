/* loop.h: the worker's life after it has its configuration: feeds the cutter, sends to the hub, says how it
 * goes. Threads: one. */
#ifndef CARDEA_CAMERA_LOOP_H
#define CARDEA_CAMERA_LOOP_H

#include "camera/cutter.h"
#include "camera/feed.h"
#include "camera/hub_link.h"

/* Runs until the hub says stop or is gone (ERR_CANCELLED), or the camera fails (its error; d says why, and
 * the hub was told). */
err loop_run(struct hub_link *hub, const struct worker_config *config, const struct feed_ops *ops,
             uint8_t sandbox, struct diag *d) CHECKED;

/* Tells the hub that the worker failed, waiting up to a second for the message to leave. */
void loop_tell_failure(struct hub_link *hub, err e, const struct diag *d, uint8_t sandbox);

#endif
