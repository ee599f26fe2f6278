/* vision_process.h: one cardea-vision process: started with sealed models, written to without waiting,
 * listened to, and ended when it hangs or breaks the protocol. Who starts the next is vision.c's business.
 * Threads: the recording loop. */
#ifndef CARDEA_HUB_VISION_PROCESS_H
#define CARDEA_HUB_VISION_PROCESS_H

#include "hub/event_loop.h"
#include "hub/models.h"

#define VISION_HANG_US 20000000  /* with something in hand */
#define VISION_START_US 60000000 /* to be ready */
#define VISION_EMBEDS_MAX 8      /* that wait for an answer */

struct vision_process;

/* Calls from the loop. The process may be freed in each. */
struct vision_process_events {
    void *context;
    void (*ready)(void *context, struct vision_process *p, const struct vision_ready *m);
    void (*sightings)(void *context, struct vision_process *p, const struct vision_sightings *m);
    void (*picture)(void *context, struct vision_process *p, const struct vision_picture *m);
    void (*faces)(void *context, struct vision_process *p, const struct vision_faces *m);
    void (*counts)(void *context, struct vision_process *p, const struct vision_counts *m);
    /* It takes the next frame. */
    void (*idle)(void *context, struct vision_process *p);
    /* It is gone, for a reason in words for a person; `refused`: it said that its models are of no use. */
    void (*ended)(void *context, struct vision_process *p, const char *why, bool refused);
};

struct vision_process_options {
    const char *program;
    struct event_loop *loop;
    const struct vision_config *config;
    const struct model_file *files; /* the detector's, then the faces': config says how many */
    size_t file_count;
    struct vision_process_events events;
};

/* Opens and checks the files, starts the process and hands them over. ERR_FORGED, ERR_INVALID: a file is not
 * what it should be. */
err vision_process_new(const struct vision_process_options *options, struct vision_process **out,
                       struct diag *d) CHECKED;
/* Kills it without a call; freed after the round. */
void vision_process_free(struct vision_process *p);

/* 0 for NULL, and for one that has ended. */
int vision_process_pid(const struct vision_process *p);
bool vision_process_ready(const struct vision_process *p);
/* Ready, and nothing in hand. */
bool vision_process_idle(const struct vision_process *p);
/* Takes the message (a frame, a forget, an embed): it is sent as the socket takes it. ERR_BUSY: too many
 * embeds wait. */
err vision_process_send(struct vision_process *p, struct blob *message, enum vision_type type) CHECKED;
/* Notices that it hangs. */
void vision_process_tick(struct vision_process *p, struct steady_us now);

#endif
