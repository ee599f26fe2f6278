/* events.h: reads a camera's sealed events. Threads: one. */
#ifndef CARDEA_CLIENT_EVENTS_H
#define CARDEA_CLIENT_EVENTS_H

#include "client/camera.h"

struct camera_event {
    char id[33], label[64];
    int64_t begin_us, end_us;
    double score;
    uint32_t slot; /* in which it was sealed */
    json_t *json;  /* the whole event, borrowed for the call */
};
/* JPEG of an event, by the event's slot (its `json` names the picture's id). Appends to *jpeg.
 *   ERR_NOT_FOUND  no such picture, or no key for it     ERR_FORGED  not what the hub sealed */
err camera_event_picture(struct client *c, const struct camera *cam, uint32_t slot, const char *id,
                         struct blob *jpeg, struct diag *d) CHECKED;

typedef err camera_event_fn(void *context, const struct camera_event *event, struct diag *d);

/* Calls fn for each event that touches [from, to), by its begin; what another replaces is left out.
 * *unreadable counts those that could not be opened. Keys must be loaded. */
err camera_events(struct client *c, const struct camera *cam, struct wall_us from, struct wall_us to,
                  camera_event_fn *fn, void *context, size_t *unreadable, struct diag *d) CHECKED;

#endif
