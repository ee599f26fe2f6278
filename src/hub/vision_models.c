/* Which model looks: the owner's choice, trials of others, and one that is fast enough. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "hub/vision_internal.h"

#define CHOICE_MAX_BYTES 128
#define TEST_WIDTH 640
#define TEST_HEIGHT 360

/* --- The choice --- */

/* DIR/models/use; what is not a name is as good as nothing. */
void vision_read_choice(struct vision *v) {
    char path[PATH_TEXT_BYTES];
    AUTO(blob_clear) struct blob text = {0};
    if (path_join(path, v->models.folder, "use") || file_read(path, CHOICE_MAX_BYTES, &text, NULL)) return;
    size_t len = text.len;
    while (len && (text.data[len - 1] == '\n' || text.data[len - 1] == ' ')) len--;
    if (len == 0 || len > VISION_MODEL_NAME_MAX_BYTES || memchr(text.data, 0, len)) return;
    memcpy(v->use, text.data, len);
}

static err write_choice(struct vision *v, const char *name, struct diag *d) {
    char path[PATH_TEXT_BYTES];
    err e = folder_make(v->models.folder, d);
    if (!e) e = path_join(path, v->models.folder, "use");
    if (!e) e = file_replace(path, bytes_text(name), 0600, d);
    if (e) return e;
    snprintf(v->use, sizeof v->use, "%s", name);
    v->refused[0] = v->note[0] = v->slower[0] = 0;
    return ERR_OK;
}

/* The owner's choice, unless it is of no use: then the best there is, and the note says why. */
err vision_choose(struct vision *v, struct model *out, struct diag *d) {
    struct diag why = {{0}};
    if (v->use[0] && strcmp(v->use, v->refused) != 0) {
        if (models_find(&v->models, v->use, out, &why) == ERR_OK) return ERR_OK;
        snprintf(v->note, sizeof v->note, "%s cannot be used: %.200s", v->use, why.text);
    }
    return models_default(&v->models, v->slower[0] ? v->slower : NULL, out, d);
}

/* --- Trials --- */

static void end_trial(struct vision *v, enum trial_state state, const char *message) {
    v->trial.process = NULL;
    v->trial.state = state;
    snprintf(v->trial.message, sizeof v->trial.message, "%s", message);
    text_mend(v->trial.message);
}

static err begin_trial(struct vision *v, const struct model *model, bool use, bool automatic,
                       struct diag *d) {
    if (v->trial.process) return diag_fail(d, ERR_BUSY, "%s is being tried", v->trial.model.detector.name);
    struct vision_process *p = NULL;
    bool faces;
    err e = vision_launch(v, model, &faces, &p, d);
    if (e) {
        v->trial = (struct trial){.model = *model};
        end_trial(v, TRIAL_REFUSED, d ? d->text : err_text(e));
        return e;
    }
    v->trial = (struct trial){
        .state = TRIAL_TRYING, .use = use, .automatic = automatic, .process = p, .model = *model};
    if (use) v->faces = faces;
    return ERR_OK;
}

/* A test goes on with one frame, of noise, which takes as long as any. */
static void send_test_frame(struct vision *v) {
    static uint8_t pixels[TEST_WIDTH * TEST_HEIGHT * 3 / 2];
    AUTO(blob_clear) struct blob out = {0};
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * 2654435761u >> 24);
    const struct vision_frame m = {.wall = wall_now(),
                                   .source_width = TEST_WIDTH,
                                   .source_height = TEST_HEIGHT,
                                   .width = TEST_WIDTH,
                                   .height = TEST_HEIGHT,
                                   .region_count = 1,
                                   .regions = {{100, 100, 50, 50}},
                                   .i420 = BYTES_OF(pixels)};
    err e = vision_frame_append(&out, &m);
    if (!e) e = vision_process_send(v->trial.process, &out, VISION_TYPE_FRAME);
    if (e) log_warning("vision: a model's test: %s", err_text(e));
}

void vision_trial_ready(struct vision *v, const struct vision_ready *m) {
    struct trial *t = &v->trial;
    struct diag d = {{0}};
    t->load_ms = m->load_ms;
    if (!t->use) {
        send_test_frame(v);
        return;
    }
    struct vision_process *p = t->process;
    if (!t->automatic && write_choice(v, t->model.detector.name, &d)) {
        vision_process_free(p);
        end_trial(v, TRIAL_REFUSED, d.text);
        return;
    }
    if (m->message[0]) v->faces = false;
    end_trial(v, TRIAL_AT_WORK, m->message);
    vision_take_over(v, p, &t->model);
}

void vision_trial_seen(struct vision *v, const struct vision_sightings *m) {
    struct trial *t = &v->trial;
    t->ms = m->took_ms;
    vision_process_free(t->process);
    end_trial(v, TRIAL_GOOD, "");
}

void vision_trial_ended(struct vision *v, const char *why) {
    log_warning("vision: %s was refused: %s", v->trial.model.detector.name, why);
    if (v->trial.use && v->process) {
        snprintf(v->note, sizeof v->note, "%s was refused, %s stays: %.250s", v->trial.model.detector.name,
                 v->model.detector.name, why);
        vision_set_state(v, v->state, v->note);
    }
    end_trial(v, TRIAL_REFUSED, why);
}

void vision_judge_speed(struct vision *v, struct steady_us now) {
    if (now.us - v->window.us < VISION_SLOW_US) return;
    uint64_t frames = v->window_frames, skipped = v->window_skipped, all = frames + skipped;
    v->window = now;
    v->window_frames = v->window_skipped = 0;
    bool slow = all >= VISION_SLOW_FRAMES && (double)skipped > VISION_SLOW_PART * (double)all;
    static struct model faster;
    if (!slow || v->use[0] || !v->process || v->trial.process ||
        models_default(&v->models, v->model.detector.name, &faster, NULL))
        return;
    snprintf(v->slower, sizeof v->slower, "%s", v->model.detector.name);
    snprintf(v->note, sizeof v->note, "%s is too slow for this machine and its cameras: %s looks instead",
             v->slower, faster.detector.name);
    log_info("vision: %s", v->note);
    struct diag d = {{0}};
    if (begin_trial(v, &faster, true, true, &d)) log_warning("vision: %s", d.text);
}

/* --- Commands --- */

static json_t *trial_json(const struct vision *v) {
    static const char *const words[] = {[TRIAL_NONE] = "",
                                        [TRIAL_TRYING] = "trying",
                                        [TRIAL_AT_WORK] = "at work",
                                        [TRIAL_GOOD] = "good",
                                        [TRIAL_REFUSED] = "refused"};
    const struct trial *t = &v->trial;
    if (t->state == TRIAL_NONE) return json_null();
    return json_pack("{s:s,s:s,s:s,s:i,s:i}", "name", t->model.detector.name, "state", words[t->state],
                     "message", t->message, "load_ms", (int)t->load_ms, "ms", (int)t->ms);
}

static err do_list(struct vision *v, json_t *args, json_t **result, struct diag *d) {
    (void)args;
    *result = json_pack("{s:o,s:s,s:o,s:o}", "models", models_list(&v->models), "use",
                        v->use[0] ? v->use : "auto", "model", vision_model(v), "trial", trial_json(v));
    return *result ? ERR_OK : diag_fail(d, ERR_NO_MEMORY, "out of memory");
}

static err read_name(json_t *args, const char **name, struct diag *d) {
    const struct json_field fields[] = {
        {"name", JSON_KIND_TEXT, true, 1, VISION_MODEL_NAME_MAX_BYTES, name, NULL}};
    return JSON_READ(args, fields, d);
}

static err trying(json_t **result, struct diag *d) {
    *result = json_pack("{s:s}", "state", "trying");
    return *result ? ERR_OK : diag_fail(d, ERR_NO_MEMORY, "out of memory");
}

static err do_use(struct vision *v, json_t *args, json_t **result, struct diag *d) {
    static struct model model;
    const char *name = NULL;
    err e = read_name(args, &name, d);
    if (e) return e;
    bool automatic = strcmp(name, "auto") == 0;
    e = automatic ? models_default(&v->models, NULL, &model, d) : models_find(&v->models, name, &model, d);
    if (!e) e = begin_trial(v, &model, true, automatic, d);
    if (!e && automatic) e = write_choice(v, "", d);
    return e ? e : trying(result, d);
}

static err do_test(struct vision *v, json_t *args, json_t **result, struct diag *d) {
    static struct model model;
    const char *name = NULL;
    err e = read_name(args, &name, d);
    if (!e) e = models_find(&v->models, name, &model, d);
    if (!e) e = begin_trial(v, &model, false, false, d);
    return e ? e : trying(result, d);
}

static err do_add(struct vision *v, json_t *args, json_t **result, struct diag *d) {
    bool whole;
    err e = models_add(&v->models, args, &whole, d);
    if (e) return e;
    if (whole && !v->process) v->start_at.us = 0; /* there may be something to look with now */
    /* The models for faces have come: what looks is started anew with them, and goes on until then. */
    struct model_file faces[2];
    static struct model same;
    same = v->model;
    if (whole && v->process && !v->faces && models_faces(&v->models, faces, NULL) == ERR_OK &&
        begin_trial(v, &same, true, true, NULL) != ERR_OK)
        log_warning("vision: the models for faces are used from its next start on");
    *result = json_pack("{s:b}", "whole", (int)whole);
    return *result ? ERR_OK : diag_fail(d, ERR_NO_MEMORY, "out of memory");
}

/* What looks, or is about to, stays: the owner chooses another first. */
static err do_remove(struct vision *v, json_t *args, json_t **result, struct diag *d) {
    const char *name = NULL;
    (void)result;
    err e = read_name(args, &name, d);
    if (e) return e;
    bool trying = v->trial.process && strcmp(v->trial.model.detector.name, name) == 0;
    if (trying || strcmp(v->use, name) == 0 || (v->process && strcmp(v->model.detector.name, name) == 0))
        return diag_fail(d, ERR_CONFLICT, "%s is at work or chosen: `cardea model use` another first", name);
    e = models_remove(&v->models, name, d);
    size_t len = strlen(name);
    if (e || strncmp(v->note, name, len) != 0 || strncmp(v->note + len, " was refused", 12) != 0) return e;
    if (strcmp(v->message, v->note) == 0) vision_set_state(v, v->state, "");
    v->note[0] = 0; /* of what is no more, nothing is left to say */
    return ERR_OK;
}

err vision_command(struct vision *v, const char *verb, json_t *args, json_t **result, struct diag *d) {
    static const struct {
        const char *verb;
        err (*run)(struct vision *v, json_t *args, json_t **result, struct diag *d);
    } verbs[] = {{"model.list", do_list},
                 {"model.use", do_use},
                 {"model.test", do_test},
                 {"model.add", do_add},
                 {"model.remove", do_remove}};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(verb, verbs[i].verb) == 0) return verbs[i].run(v, args, result, d);
    return diag_fail(d, ERR_UNSUPPORTED, "this hub does not know \"%s\"", verb);
}
