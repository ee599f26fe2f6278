/* `camera.test`: a worker that lives until the first picture or the first failure. */
#include <stdio.h>
#include <stdlib.h>

#include "hub/hub.h"

#define FRAGMENTS_ENOUGH 20 /* to tell how many pictures come in a second */

static err on_init(void *context, const struct worker_init *m, struct diag *d) {
    struct hub_test *t = context;
    (void)d;
    t->init = *m;
    t->init.data = (struct bytes){0};
    t->have_init = true;
    return ERR_OK;
}

static err on_fragment(void *context, const struct worker_fragment *m, struct diag *d) {
    struct hub_test *t = context;
    (void)d;
    if (m->flags & WORKER_FRAGMENT_SOUND) return ERR_OK;
    if (t->fragments++ == 0) t->first = m->wall;
    int64_t apart = m->wall.us - t->first.us;
    if (apart > 0) t->fps = (double)t->samples * 1e6 / (double)apart; /* those before this one */
    t->samples += fragment_samples(m->data);
    return ERR_OK;
}

static err on_picture(void *context, const struct worker_picture *m, struct diag *d) {
    struct hub_test *t = context;
    if (t->picture.len) return ERR_OK;
    err e = blob_append(&t->picture, m->jpeg);
    return e ? diag_fail(d, e, "out of memory") : ERR_OK;
}

static void on_motion(void *context, const struct worker_motion *m) {
    (void)context;
    (void)m;
}

static void on_nothing(void *context) {
    (void)context;
}

static void end_test(struct hub_test *t, err e, const struct diag *d) {
    json_t *result = NULL;
    if (!e) {
        double fps = t->init.fps > 0 ? t->init.fps : t->fps;
        result = json_pack("{s:i,s:i,s:s,s:f,s:o,s:o}", "width", t->init.width, "height", t->init.height,
                           "codec", t->init.codec, "fps", fps, "audio",
                           t->init.audio_codec[0] ? json_string(t->init.audio_codec) : json_null(), "picture",
                           t->picture.len ? json_base64(blob_bytes(&t->picture)) : json_null());
    }
    hub_reply(t->hub, t->command, e, result, d);
    worker_free(t->worker);
    blob_clear(&t->picture);
    t->used = false;
}

err hub_test_start(struct hub *h, const uint8_t command[COMMAND_ID_BYTES], const char *url, struct diag *d) {
    for (size_t i = 0; i < HUB_TESTS_MAX; i++) {
        struct hub_test *t = &h->tests[i];
        if (t->used) continue;
        *t = (struct hub_test){.hub = h, .deadline.us = steady_now().us + HUB_TEST_US};
        memcpy(t->command, command, sizeof t->command);
        const struct worker_options o = {
            .program = h->camera_program,
            .name = "test",
            .url = url,
            .audio = true,
            .picture_s = 1,
            .loop = h->loop,
            .events = {.context = t,
                       .init = on_init,
                       .fragment = on_fragment,
                       .picture = on_picture,
                       .motion = on_motion,
                       .paused = on_nothing,
                       .ended = on_nothing},
        };
        err e = worker_new(&o, &t->worker, d);
        if (e) return e;
        t->used = true;
        worker_tick(t->worker, steady_now());
        return ERR_OK;
    }
    return diag_fail(d, ERR_BUSY, "%d tests are under way: try again in a moment", HUB_TESTS_MAX);
}

static void tick(struct hub_test *t, struct steady_us now) {
    struct worker_view v;
    struct diag d = {{0}};
    worker_view(t->worker, &v);
    if (t->have_init && t->fragments >= FRAGMENTS_ENOUGH && t->picture.len)
        end_test(t, ERR_OK, &d);
    else if (strcmp(v.state, "failed") == 0)
        end_test(t, diag_fail(&d, ERR_UNREACHABLE, "%s", v.message), &d);
    else if (now.us > t->deadline.us && t->have_init && t->fragments)
        end_test(t, ERR_OK, &d);
    else if (now.us > t->deadline.us)
        end_test(t, diag_fail(&d, ERR_TIMEOUT, "no picture came within 20 s"), &d);
    else
        worker_tick(t->worker, now);
}

void hub_tests_tick(struct hub *h) {
    for (size_t i = 0; i < HUB_TESTS_MAX; i++)
        if (h->tests[i].used) tick(&h->tests[i], steady_now());
}

void hub_tests_clear(struct hub *h) {
    for (size_t i = 0; i < HUB_TESTS_MAX; i++) {
        if (!h->tests[i].used) continue;
        worker_free(h->tests[i].worker);
        blob_clear(&h->tests[i].picture);
        h->tests[i].used = false;
    }
}
