/* watcher.h: from the frames of all cameras to what is told of them: parts to look at, detections, tracks,
 * looks, pictures, faces. Threads: one. */
#ifndef CARDEA_VISION_WATCHER_H
#define CARDEA_VISION_WATCHER_H

#include "vision/detector.h"
#include "vision/faces.h"

#define WATCHER_PICTURE_SIDE 480    /* of a track's picture, at most */
#define WATCHER_SMALL_SIDE 128      /* of the one that goes into a Web Push message */
#define WATCHER_PICTURE_BETTER 1.3f /* than the one that was told */
#define WATCHER_PICTURE_AGAIN_US 1500000
#define WATCHER_STILL_AGAIN_US 15000000 /* a thing that stands still is looked for again */
#define WATCHER_LOOK_AGAIN_US 1000000   /* a thing that moved and is not in any part */
#define WATCHER_DOUBT_AGAIN_US 400000   /* a thing that was just looked for in vain: is it gone? */
#define WATCHER_FACE_AGAIN_US 400000    /* of one person */

struct watcher;

struct watcher_ports {
    void *context;
    err (*sightings)(void *context, const struct vision_sightings *m);
    err (*picture)(void *context, const struct vision_picture *m);
};

/* Takes the detector and the faces (NULL: none) on success. */
err watcher_new(struct detector *t, struct faces *f, const struct watcher_ports *ports, struct watcher **out,
                struct diag *d) CHECKED;
void watcher_free(struct watcher *w);

/* Calls sightings once, and picture before it for each track that has a better one. A frame that is older
 * than the camera's last is counted, answered with what is known, and left out. */
err watcher_frame(struct watcher *w, const struct vision_frame *frame, struct diag *d) CHECKED;
void watcher_forget(struct watcher *w, uint8_t camera);
/* Faces of a picture that the owner gave; what is wrong is in the message, not an error. */
void watcher_embed(struct watcher *w, const struct vision_embed *m, struct vision_faces *out);
void watcher_counts(const struct watcher *w, struct vision_counts *out);

#endif
