/* seeing.h: from what cardea-vision saw to events and alerts, by the household's zones, rules and familiar
 * faces (docs/seeing.md). DIR/seeing.json holds zones, masks, rules and presence. Threads: the recording
 * loop. */
#ifndef CARDEA_HUB_SEEING_H
#define CARDEA_HUB_SEEING_H

#include "base/json.h"
#include "format/segment.h"
#include "hub/notify.h"
#include "vision/vision_message.h"

struct seeing;

/* How an event reaches the vault: sealed by the hub, put into the outbox. */
struct seeing_ports {
    void *context;
    /* Seals json (an event) or jpeg (its picture) for the camera's main stream, now; *id is the entry's. */
    err (*event)(void *context, const uint8_t camera[CAMERA_ID_BYTES], json_t *json, uint8_t id[16],
                 struct diag *d);
    err (*picture)(void *context, const uint8_t camera[CAMERA_ID_BYTES], struct bytes jpeg, uint8_t id[16],
                   struct diag *d);
    /* Something that is worth keeping moves: recording by motion goes on. */
    void (*worth)(void *context, const uint8_t camera[CAMERA_ID_BYTES]);
    const char *(*camera_name)(void *context, const uint8_t camera[CAMERA_ID_BYTES]);
    err (*alert)(void *context, const struct alert *a, struct diag *d);
    /* Asks for the faces of a picture; answered by seeing_faces. */
    err (*embed)(void *context, uint32_t request, struct bytes jpeg, struct diag *d);
    /* A camera's masks changed. */
    void (*masks)(void *context, const uint8_t camera[CAMERA_ID_BYTES]);
};

err seeing_new(const char *data, const struct seeing_ports *ports, struct seeing **out,
               struct diag *d) CHECKED;
void seeing_free(struct seeing *s);

void seeing_sightings(struct seeing *s, const uint8_t camera[CAMERA_ID_BYTES],
                      const struct vision_sightings *m);
void seeing_picture(struct seeing *s, const uint8_t camera[CAMERA_ID_BYTES], const struct vision_picture *p);
void seeing_faces(struct seeing *s, const struct vision_faces *f);
void seeing_motion(struct seeing *s, const uint8_t camera[CAMERA_ID_BYTES], struct wall_us wall,
                   uint8_t score);
void seeing_ring(struct seeing *s, const uint8_t camera[CAMERA_ID_BYTES], struct wall_us wall);
void seeing_gone(struct seeing *s); /* vision is gone: open events end, with "gap" */
void seeing_presence(struct seeing *s, bool home, const char *by);
void seeing_forget(struct seeing *s, const uint8_t camera[CAMERA_ID_BYTES]); /* the camera was removed */
void seeing_tick(struct seeing *s);

bool seeing_on(const struct seeing *s);
bool seeing_wants_faces(const struct seeing *s);
/* The masks of a camera, as in `config`; borrowed, NULL when there are none. */
json_t *seeing_masks(const struct seeing *s, const uint8_t camera[CAMERA_ID_BYTES]);

/* Verbs of docs/seeing.md from see. to face.; *later: replied by `done` when all is well. */
typedef void seeing_done_fn(void *context, const uint8_t command[16], err e, json_t *result /* taken */,
                            const struct diag *d);
err seeing_command(struct seeing *s, const uint8_t command[16], const char *verb, json_t *args,
                   json_t **result, bool *later, seeing_done_fn *done, void *context, struct diag *d) CHECKED;

#endif
