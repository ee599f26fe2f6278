/* vision_internal.h: shared by vision.c and vision_models.c. */
#ifndef CARDEA_HUB_VISION_INTERNAL_H
#define CARDEA_HUB_VISION_INTERNAL_H

#include "hub/vision.h"
#include "hub/vision_process.h"

#define VISION_RESTART_MIN_US 1000000
#define VISION_RESTART_MAX_US 60000000
#define VISION_STEADY_US 60000000 /* after so long of good work a failure starts the backoff anew */
#define VISION_ABSENT_US 30000000 /* between looks for a model where there is none */
#define VISION_SLOW_US 60000000   /* over which a machine is judged too slow for a model */
#define VISION_SLOW_FRAMES 100    /* at least so many */
#define VISION_SLOW_PART 0.5      /* of them were overtaken */

#define VISION_WORDS_BYTES 600 /* names, and what a diag says */

enum trial_state { TRIAL_NONE, TRIAL_TRYING, TRIAL_AT_WORK, TRIAL_GOOD, TRIAL_REFUSED };

struct trial {
    enum trial_state state;
    bool use;       /* it takes over when it is ready; else it is a test */
    bool automatic; /* "auto" was asked for */
    struct vision_process *process;
    struct model model;
    uint32_t load_ms, ms;
    char message[VISION_WORDS_BYTES];
};

struct vision_slot {
    bool waiting;
    struct blob message;
};

struct vision {
    struct vision_options o;
    char *program;
    struct models models;
    struct vision_process *process; /* at work */
    struct model model;             /* of it, or of the one that failed */
    struct trial trial;
    char use[VISION_MODEL_NAME_MAX_BYTES + 1];     /* the owner's choice; empty: the best that is here */
    char refused[VISION_MODEL_NAME_MAX_BYTES + 1]; /* the choice that turned out to be of no use */
    char slower[VISION_MODEL_NAME_MAX_BYTES + 1];  /* the last that was too slow for this machine, if any */
    bool faces;                                    /* the models for them are at work */
    struct vision_slot slots[VISION_CAMERAS_MAX];
    uint8_t turn;
    const char *state;
    struct wall_us since;
    char message[VISION_WORDS_BYTES];
    char note[VISION_WORDS_BYTES]; /* why the model at work is not the one that was chosen */
    struct steady_us started, start_at;
    int64_t backoff_us;
    uint64_t frames, skipped;
    double detect_ms;
    uint32_t restarts;
    struct steady_us window;
    uint64_t window_frames, window_skipped;
};

/* vision.c */
void vision_set_state(struct vision *v, const char *state, const char *message);
/* Starts a process with a model; *faces: with those for faces, where they are here. */
err vision_launch(struct vision *v, const struct model *model, bool *faces, struct vision_process **out,
                  struct diag *d) CHECKED;
/* The process is at work from now on; what was before it ends. */
void vision_take_over(struct vision *v, struct vision_process *p, const struct model *model);

/* vision_models.c */
void vision_read_choice(struct vision *v);
err vision_choose(struct vision *v, struct model *out, struct diag *d) CHECKED;
void vision_trial_ready(struct vision *v, const struct vision_ready *m);
void vision_trial_seen(struct vision *v, const struct vision_sightings *m);
void vision_trial_ended(struct vision *v, const char *why);
/* Too many frames were overtaken: a faster model is tried, unless the owner chose. */
void vision_judge_speed(struct vision *v, struct steady_us now);

#endif
