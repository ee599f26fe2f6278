#include "hub/vision.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "crypto/hash.h"
#include "hub/vision_internal.h"

#define THREADS_MAX 2

void vision_set_state(struct vision *v, const char *state, const char *message) {
    if (strcmp(v->state, state) != 0) v->since = wall_now();
    v->state = state;
    if (message != v->message) snprintf(v->message, sizeof v->message, "%s", message);
    text_mend(v->message);
}

/* --- Frames --- */

static void drop_frames(struct vision *v) {
    for (size_t i = 0; i < VISION_CAMERAS_MAX; i++) {
        blob_clear(&v->slots[i].message);
        v->slots[i].waiting = false;
    }
}

/* The newest frame of the camera whose turn it is. */
static void feed(struct vision *v) {
    if (!vision_process_idle(v->process)) return;
    for (size_t i = 0; i < VISION_CAMERAS_MAX; i++) {
        uint8_t camera = (uint8_t)((v->turn + i) % VISION_CAMERAS_MAX);
        struct vision_slot *s = &v->slots[camera];
        if (!s->waiting) continue;
        v->turn = (uint8_t)((camera + 1) % VISION_CAMERAS_MAX);
        s->waiting = false;
        if (vision_process_send(v->process, &s->message, VISION_TYPE_FRAME) == ERR_OK) {
            v->frames++;
            v->window_frames++;
        }
        s->message.len = 0;
        return;
    }
}

void vision_frame(struct vision *v, uint8_t camera, const struct worker_frame *frame, bool faces) {
    if (camera >= VISION_CAMERAS_MAX || frame->region_count > VISION_REGIONS_MAX) return;
    if (!v->process) { /* nobody looks; what is seen when somebody does again should be new */
        v->skipped++;
        return;
    }
    struct vision_slot *s = &v->slots[camera];
    struct vision_frame m = {.camera = camera,
                             .wall = frame->wall,
                             .source_width = frame->source_width,
                             .source_height = frame->source_height,
                             .width = frame->width,
                             .height = frame->height,
                             .region_count = frame->region_count,
                             .i420 = frame->i420};
    if (frame->flags & WORKER_FRAME_SAFETY) m.flags |= VISION_FRAME_SAFETY;
    if (faces && v->faces) m.flags |= VISION_FRAME_FACES;
    for (size_t i = 0; i < frame->region_count; i++) {
        const struct worker_region *r = &frame->regions[i];
        m.regions[i] = (struct vision_region){r->x, r->y, r->w, r->h};
    }
    v->skipped += s->waiting;
    v->window_skipped += s->waiting;
    s->message.len = 0;
    s->waiting = vision_frame_append(&s->message, &m) == ERR_OK;
    feed(v);
}

void vision_forget(struct vision *v, uint8_t camera) {
    AUTO(blob_clear) struct blob out = {0};
    if (camera >= VISION_CAMERAS_MAX) return;
    blob_clear(&v->slots[camera].message);
    v->slots[camera].waiting = false;
    if (vision_process_ready(v->process) && vision_forget_append(&out, camera) == ERR_OK &&
        vision_process_send(v->process, &out, VISION_TYPE_FORGET))
        log_warning("vision: a camera could not be forgotten");
}

err vision_embed(struct vision *v, uint32_t request, struct bytes jpeg, struct diag *d) {
    AUTO(blob_clear) struct blob out = {0};
    const struct vision_embed m = {request, jpeg};
    if (!vision_process_ready(v->process)) return diag_fail(d, ERR_BUSY, "nobody looks at pictures just now");
    if (!v->faces)
        return diag_fail(d, ERR_UNSUPPORTED, "the models for faces are not here: `cardea model get faces`");
    err e = vision_embed_append(&out, &m);
    if (e) return diag_fail(d, e, "the picture is no JPEG of at most %u KiB", VISION_EMBED_MAX_BYTES >> 10);
    e = vision_process_send(v->process, &out, VISION_TYPE_EMBED);
    return e ? diag_fail(d, e, "too many pictures wait already") : ERR_OK;
}

/* --- The process --- */

static void on_ready(void *context, struct vision_process *p, const struct vision_ready *m) {
    struct vision *v = context;
    if (p == v->trial.process) {
        vision_trial_ready(v, m);
        return;
    }
    if (m->message[0]) v->faces = false;
    if (m->message[0]) log_warning("vision: %s", m->message);
    log_info("vision: %s looks, after %u ms", m->model, m->load_ms);
    vision_set_state(v, "working", m->message[0] ? m->message : v->note);
    feed(v);
}

static void on_sightings(void *context, struct vision_process *p, const struct vision_sightings *m) {
    struct vision *v = context;
    if (p == v->trial.process)
        vision_trial_seen(v, m);
    else if (p == v->process)
        v->o.events.sightings(v->o.events.context, m);
}

static void on_picture(void *context, struct vision_process *p, const struct vision_picture *m) {
    struct vision *v = context;
    if (p == v->process) v->o.events.picture(v->o.events.context, m);
}

static void on_faces(void *context, struct vision_process *p, const struct vision_faces *m) {
    struct vision *v = context;
    if (p == v->process) v->o.events.faces(v->o.events.context, m);
}

static void on_counts(void *context, struct vision_process *p, const struct vision_counts *m) {
    struct vision *v = context;
    if (p == v->process) v->detect_ms = m->detect_ms;
}

static void on_idle(void *context, struct vision_process *p) {
    struct vision *v = context;
    if (p == v->process) feed(v);
}

static void schedule_restart(struct vision *v) {
    struct steady_us now = steady_now();
    uint8_t jitter;
    if (now.us - v->started.us > VISION_STEADY_US) v->backoff_us = 0;
    v->backoff_us = v->backoff_us ? v->backoff_us * 2 : VISION_RESTART_MIN_US;
    if (v->backoff_us > VISION_RESTART_MAX_US) v->backoff_us = VISION_RESTART_MAX_US;
    random_bytes(&jitter, 1);
    v->start_at.us = now.us + v->backoff_us * (224 + jitter / 4) / 256;
}

static void on_ended(void *context, struct vision_process *p, const char *why, bool refused) {
    struct vision *v = context;
    vision_process_free(p);
    if (p == v->trial.process) {
        vision_trial_ended(v, why);
        return;
    }
    v->process = NULL;
    drop_frames(v);
    log_warning("vision: %s", why);
    vision_set_state(v, "failed", why);
    if (refused && strcmp(v->model.detector.name, v->use) == 0) {
        snprintf(v->refused, sizeof v->refused, "%s", v->use);
        snprintf(v->note, sizeof v->note, "%s was refused: %s", v->use, why);
    }
    schedule_restart(v);
    v->o.events.gone(v->o.events.context);
}

/* Half of the processors, since recording has to go on, and more than two gain little for one part. */
static uint8_t thread_count(void) {
    long n = sysconf(_SC_NPROCESSORS_ONLN) / 2;
    return (uint8_t)(n < 1 ? 1 : n > THREADS_MAX ? THREADS_MAX : n);
}

err vision_launch(struct vision *v, const struct model *model, bool *faces, struct vision_process **out,
                  struct diag *d) {
    static struct model_file files[VISION_MODEL_FILES_MAX + 2];
    static struct vision_config config;
    size_t count = model->file_count;
    memcpy(files, model->files, count * sizeof *files);
    *faces = models_faces(&v->models, files + count, NULL) == ERR_OK;
    config = (struct vision_config){.threads = thread_count(), .faces = *faces};
    config.detector = model->detector;
    const struct vision_process_options options = {
        .program = v->program,
        .loop = v->o.loop,
        .config = &config,
        .files = files,
        .file_count = count + (*faces ? 2 : 0),
        .events = {v, on_ready, on_sightings, on_picture, on_faces, on_counts, on_idle, on_ended}};
    return vision_process_new(&options, out, d);
}

static void start(struct vision *v, struct steady_us now) {
    struct diag d = {{0}};
    err e = vision_choose(v, &v->model, &d);
    if (e) {
        if (strcmp(v->state, "off") != 0) log_warning("vision: %s", d.text);
        vision_set_state(v, "off", d.text);
        v->start_at.us = now.us + VISION_ABSENT_US;
        return;
    }
    v->restarts += v->started.us != 0;
    v->started = now;
    e = vision_launch(v, &v->model, &v->faces, &v->process, &d);
    if (!e) {
        vision_set_state(v, "starting", v->note);
        return;
    }
    if (strcmp(v->model.detector.name, v->use) == 0 && (e == ERR_FORGED || e == ERR_INVALID)) {
        snprintf(v->refused, sizeof v->refused, "%s", v->use);
        snprintf(v->note, sizeof v->note, "%s was refused: %s", v->use, d.text);
    }
    if (strcmp(v->message, d.text) != 0) log_warning("vision: %s", d.text);
    vision_set_state(v, "failed", d.text);
    schedule_restart(v);
}

void vision_take_over(struct vision *v, struct vision_process *p, const struct model *model) {
    bool before = v->process != NULL;
    vision_process_free(v->process);
    v->process = p;
    v->model = *model;
    v->started = steady_now();
    v->backoff_us = 0;
    v->detect_ms = 0;
    drop_frames(v);
    log_info("vision: %s looks", model->detector.name);
    vision_set_state(v, "working", v->note);
    if (before) v->o.events.gone(v->o.events.context); /* its tracks are not those of the next */
}

void vision_tick(struct vision *v, struct steady_us now) {
    if (v->trial.process) vision_process_tick(v->trial.process, now);
    if (v->process)
        vision_process_tick(v->process, now);
    else if (now.us >= v->start_at.us && !(v->trial.process && v->trial.use))
        start(v, now);
    vision_judge_speed(v, now);
}

/* --- Life --- */

err vision_new(const struct vision_options *options, struct vision **out, struct diag *d) {
    struct vision *v = calloc(1, sizeof *v);
    if (!v) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    v->o = *options;
    v->o.program = v->o.data = v->o.published = v->o.builtin = NULL; /* copied */
    v->program = strdup(options->program);
    v->state = "off";
    v->since = wall_now();
    err e = v->program ? models_init(&v->models, options->data, options->published, options->builtin,
                                     options->sign, d)
                       : diag_fail(d, ERR_NO_MEMORY, "out of memory");
    if (e) {
        vision_free(v);
        return e;
    }
    vision_read_choice(v);
    *out = v;
    return ERR_OK;
}

void vision_free(struct vision *v) {
    if (!v) return;
    vision_process_free(v->process);
    vision_process_free(v->trial.process);
    drop_frames(v);
    free(v->program);
    free(v);
}

json_t *vision_status(const struct vision *v) {
    char since[WALL_TEXT_BYTES];
    wall_format(v->since, since);
    return json_pack("{s:s,s:s,s:s,s:I,s:I,s:f,s:i}", "state", v->state, "since", since, "message",
                     v->message, "frames", (json_int_t)v->frames, "skipped", (json_int_t)v->skipped,
                     "detect_ms", v->detect_ms, "restarts", (int)v->restarts);
}

json_t *vision_model(const struct vision *v) {
    bool off = strcmp(v->state, "off") == 0, works = strcmp(v->state, "working") == 0;
    return json_pack("{s:s,s:s,s:s,s:s}", "name", off ? "" : v->model.detector.name, "kind",
                     off ? "" : vision_kind_text(v->model.detector.kind), "state",
                     works ? "at work" : v->state, "message", v->message);
}

int vision_pid(const struct vision *v) {
    return vision_process_pid(v->process);
}
