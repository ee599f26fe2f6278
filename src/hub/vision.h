/* vision.h: the hub's one cardea-vision process: started with its models, fed the newest frame of each camera
 * in turn, killed when it hangs or breaks the protocol, and started again. Recording never waits for it.
 * Protocol: docs/seeing.md. Threads: the recording loop. */
#ifndef CARDEA_HUB_VISION_H
#define CARDEA_HUB_VISION_H

#include "base/json.h"
#include "crypto/sign.h"
#include "hub/event_loop.h"
#include "media/worker_message.h"
#include "vision/vision_message.h"

struct vision;

struct vision_events {
    void *context;
    void (*sightings)(void *context, const struct vision_sightings *s);
    void (*picture)(void *context, const struct vision_picture *p);
    void (*faces)(void *context, const struct vision_faces *f);
    /* It is gone: all tracks are lost, and nobody looks until it is back. */
    void (*gone)(void *context);
};

struct vision_options {
    const char *program;         /* cardea-vision */
    const char *data;            /* the hub's folder: DIR/models, and DIR/models/use names the model */
    const char *published;       /* a folder of published weights (CARDEA_MODELS); NULL */
    const char *builtin;         /* the weights of the built-in classifier; NULL */
    const struct sign_key *sign; /* the hub's, for the manifests of the owner's models; borrowed */
    struct event_loop *loop;
    struct vision_events events;
};

err vision_new(const struct vision_options *options, struct vision **out, struct diag *d) CHECKED;
void vision_free(struct vision *v);
void vision_tick(struct vision *v, struct steady_us now);

/* Takes a copy; overtakes one of the same camera that still waits. `faces`: look for faces too. */
void vision_frame(struct vision *v, uint8_t camera, const struct worker_frame *frame, bool faces);
/* The camera is gone or was changed: its tracks end. */
void vision_forget(struct vision *v, uint8_t camera);
/* Faces of a picture that the owner gave; answered by events.faces. ERR_BUSY: not running; ERR_UNSUPPORTED:
 * no face models. */
err vision_embed(struct vision *v, uint32_t request, struct bytes jpeg, struct diag *d) CHECKED;

/* {"state":"working"|"starting"|"failed"|"off","since","message","frames","skipped","detect_ms","restarts"};
 * NULL: out of memory. */
json_t *vision_status(const struct vision *v);
/* {"name","kind","state":"at work"|"starting"|"failed"|"off","message"} */
json_t *vision_model(const struct vision *v);
/* Whom the process runs as; 0: it does not run. */
int vision_pid(const struct vision *v);

/* model.list {} -> {"models":[{"name","kind","here","own","licence","address"}],"use":name or
 * "auto","model":as above, "trial":{"name","state":"trying"|"at work"|"good"|"refused","message","ms"?}?}
 * model.use  {"name"} (or "auto") -> {"state":"trying"}: what comes of it stands in `trial`; until the new
 * one is ready the old one stays at work, and for good when it is refused model.test {"name"} -> the same,
 * without a change of what is at work model.add
 * {"name","kind","width","height","labels","thresholds"?,"licence"?,"origin"?,"file":{"name","bytes",
 *            "sha256"},"at","data"} -> {"whole":bool}: pieces of at most 40 KiB, in order; a published model
 * needs no more than name and file */
err vision_command(struct vision *v, const char *verb, json_t *args, json_t **result, struct diag *d) CHECKED;

#endif
