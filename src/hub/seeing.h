/* seeing.h: from what cardea-vision saw to events and alerts, by the household's zones, rules and familiar
 * faces (docs/seeing.md). DIR/seeing.json holds zones, masks, rules, presence and what was called not
 * interesting; faces.h and recent.h say what else there is. Cameras are named by their main stream. Threads:
 * the recording loop. */
#ifndef CARDEA_HUB_SEEING_H
#define CARDEA_HUB_SEEING_H

#include "base/json.h"
#include "format/segment.h"
#include "hub/notify.h"
#include "media/worker_message.h"
#include "vision/vision_message.h"

#define EVENT_MERGE_US 5000000 /* motion that returns within it is the same event */
#define EVENT_MOST_US 600000000
#define SEEING_SETTLE_US 60000000 /* what stands still for so long is one event, which ends */
#define SEEING_PICTURE_US 500000  /* so long an event waits for its first picture */
#define SEEING_LOOK_US 15000000   /* without a sighting for so long, nobody looks at the camera */
#define SEEING_PATH_MAX 40

struct seeing;

/* What seeing does to the world; all are called on the recording loop. */
struct seeing_ports {
    void *context;
    /* Seals json (an event) or jpeg (its picture) for the camera's main stream, now; *id is the entry's. */
    err (*event)(void *context, const uint8_t camera[CAMERA_ID_BYTES], json_t *json, uint8_t id[16],
                 struct diag *d);
    err (*picture)(void *context, const uint8_t camera[CAMERA_ID_BYTES], struct bytes jpeg, uint8_t id[16],
                   struct diag *d);
    /* Something that is worth keeping moves: recording by motion goes on. */
    void (*worth)(void *context, const uint8_t camera[CAMERA_ID_BYTES]);
    /* NULL: the hub has no such camera. */
    const char *(*camera_name)(void *context, const uint8_t camera[CAMERA_ID_BYTES]);
    /* The slot of the segment in progress, whose picture shows what happens now; 0: none. */
    uint32_t (*slot)(void *context, const uint8_t camera[CAMERA_ID_BYTES]);
    err (*alert)(void *context, const struct alert *a, struct diag *d);
    /* What is no alert: "motion", "person", … begin or end; "ring". */
    void (*state)(void *context, const uint8_t camera[CAMERA_ID_BYTES], const char *what, bool on);
    /* Asks for the faces of a picture; answered by seeing_faces. */
    err (*embed)(void *context, uint32_t request, struct bytes jpeg, struct diag *d);
    /* A camera's masks changed, or whether it is looked at: its worker needs other settings. */
    void (*masks)(void *context, const uint8_t camera[CAMERA_ID_BYTES]);
};

/* ERR_INVALID: DIR/seeing.json is damaged. It is left alone, and nothing may be recorded: what it masks is
 * not known. */
err seeing_new(const char *data, const struct seeing_ports *ports, struct seeing **out,
               struct diag *d) CHECKED;
/* When the cameras are known: ends events that the last run left open. */
void seeing_start(struct seeing *s);
/* Ends open events. */
void seeing_free(struct seeing *s);

void seeing_sightings(struct seeing *s, const uint8_t camera[CAMERA_ID_BYTES],
                      const struct vision_sightings *m);
void seeing_picture(struct seeing *s, const uint8_t camera[CAMERA_ID_BYTES], const struct vision_picture *p);
void seeing_faces(struct seeing *s, const struct vision_faces *f);
/* Regions of a frame that is on its way to vision, for see.debug. */
void seeing_frame(struct seeing *s, const uint8_t camera[CAMERA_ID_BYTES], const struct worker_frame *f);
/* score 0: it ended. */
void seeing_motion(struct seeing *s, const uint8_t camera[CAMERA_ID_BYTES], struct wall_us wall,
                   uint8_t score);
void seeing_ring(struct seeing *s, const uint8_t camera[CAMERA_ID_BYTES], struct wall_us wall);
void seeing_gone(struct seeing *s); /* vision is gone: open events end, with "gap" */
void seeing_ended(struct seeing *s, const uint8_t camera[CAMERA_ID_BYTES]); /* so does the camera's picture */
void seeing_presence(struct seeing *s, bool home, const char *by);
void seeing_forget(struct seeing *s, const uint8_t camera[CAMERA_ID_BYTES]); /* the camera was removed */
void seeing_tick(struct seeing *s, struct wall_us now);                      /* about once a second */

bool seeing_on(const struct seeing *s);
bool seeing_wants_faces(const struct seeing *s);
/* The masks of a camera; borrowed, NULL when there are none. */
const struct worker_masks *seeing_masks(const struct seeing *s, const uint8_t camera[CAMERA_ID_BYTES]);

/* Verbs of docs/seeing.md from see. to face.; *later: replied by `done` when all is well. `see.get` is what
 * seeing knows: the hub adds the model, vision and channels. */
typedef void seeing_done_fn(void *context, const uint8_t command[16], err e, json_t *result /* taken */,
                            const struct diag *d);
err seeing_command(struct seeing *s, const uint8_t command[16], const char *verb, json_t *args,
                   json_t **result, bool *later, seeing_done_fn *done, void *context, struct diag *d) CHECKED;

#endif
