/* The hub's supervisor with the real cardea-vision and the published weights of CARDEA_MODELS (skipped
 * without them): a process that is killed comes back, a model of another hash or shape is refused and the old
 * one stays. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/folder_fixture.h"
#include "base/sanitized.h"
#include "crypto/hash.h"
#include "hub/vision.h"
#include "hub/vision_internal.h"

#define WAIT_US 60000000
#define WIDTH 320
#define HEIGHT 180

struct fixture {
    char data[64];
    struct sign_key sign;
    struct event_loop *loop;
    struct vision *v;
    unsigned sightings, pictures, faces, gone;
    uint8_t camera;
};

static void on_sightings(void *context, const struct vision_sightings *s) {
    struct fixture *f = context;
    f->sightings++;
    f->camera = s->camera;
}
static void on_picture(void *context, const struct vision_picture *p) {
    ((struct fixture *)context)->pictures++;
}
static void on_faces(void *context, const struct vision_faces *m) {
    ((struct fixture *)context)->faces++;
}
static void on_gone(void *context) {
    ((struct fixture *)context)->gone++;
}

/* NULL: there are none, or the program is one that its own sandbox ends, since sanitizers make calls that it
 * has no need of. */
static const char *weights(void) {
    const char *folder = getenv("CARDEA_MODELS");
    return !SANITIZED && folder && *folder ? folder : NULL;
}

static void begin(struct fixture *f, const char *published) {
    struct diag d = {{0}};
    static char program[PATH_TEXT_BYTES];
    snprintf(program, sizeof program, "%s/src/vision/cardea-vision", getenv("CARDEA_BUILD"));
    const struct vision_options options = {
        .program = program,
        .data = f->data,
        .published = published,
        .sign = &f->sign,
        .loop = f->loop,
        .events = {f, on_sightings, on_picture, on_faces, on_gone},
    };
    assert_int_equal(vision_new(&options, &f->v, &d), ERR_OK);
}

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    struct diag d = {{0}};
    assert_non_null(f);
    snprintf(f->data, sizeof f->data, "/tmp/cardea-vision-XXXXXX");
    assert_non_null(mkdtemp(f->data));
    sign_key_generate(&f->sign);
    assert_int_equal(event_loop_new(&f->loop, &d), ERR_OK);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    vision_free(f->v);
    event_loop_free(f->loop);
    folder_fixture_remove(f->data);
    free(f);
    return 0;
}

/* Turns the loop until the word is the status's state. */
static bool until_state(struct fixture *f, const char *word) {
    struct steady_us end = {steady_now().us + WAIT_US};
    while (steady_now().us < end.us) {
        vision_tick(f->v, steady_now());
        event_loop_round(f->loop, 20);
        if (strcmp(f->v->state, word) == 0) return true;
    }
    print_message("state %s: %s\n", f->v->state, f->v->message);
    return false;
}

static bool until_trial_ends(struct fixture *f) {
    struct steady_us end = {steady_now().us + WAIT_US};
    while (steady_now().us < end.us && f->v->trial.process) {
        vision_tick(f->v, steady_now());
        event_loop_round(f->loop, 20);
    }
    return !f->v->trial.process;
}

static void send_frame(struct fixture *f, uint8_t camera) {
    static uint8_t pixels[WIDTH * HEIGHT * 3 / 2];
    const struct worker_frame m = {.wall = wall_now(),
                                   .flags = WORKER_FRAME_SAFETY,
                                   .source_width = WIDTH,
                                   .source_height = HEIGHT,
                                   .width = WIDTH,
                                   .height = HEIGHT,
                                   .i420 = BYTES_OF(pixels)};
    vision_frame(f->v, camera, &m, false);
}

static bool until_sightings(struct fixture *f, unsigned count) {
    struct steady_us end = {steady_now().us + WAIT_US};
    while (steady_now().us < end.us && f->sightings < count) {
        vision_tick(f->v, steady_now());
        event_loop_round(f->loop, 20);
    }
    return f->sightings >= count;
}

/* Runs a verb; *result may be NULL when what comes of it does not matter. */
static err run(struct fixture *f, const char *verb, json_t *args, json_t **result, struct diag *d) {
    AUTO(json_release) json_t *owned = args;
    json_t *out = NULL;
    err e = vision_command(f->v, verb, owned, &out, d);
    if (result)
        *result = out;
    else
        json_decref(out);
    return e;
}

static void test_no_model(void **state) {
    struct fixture *f = *state;
    begin(f, NULL);
    vision_tick(f->v, steady_now());
    assert_string_equal(f->v->state, "off");
    assert_non_null(strstr(f->v->message, "cardea model get"));
    send_frame(f, 0); /* nobody looks: it is counted, and that is all */
    AUTO(json_release) json_t *s = vision_status(f->v);
    assert_int_equal(json_integer_value(json_object_get(s, "skipped")), 1);
}

static void test_looks_and_comes_back(void **state) {
    struct fixture *f = *state;
    begin(f, weights());
    assert_true(until_state(f, "working"));
    AUTO(json_release) json_t *m = vision_model(f->v);
    assert_string_equal(json_string_value(json_object_get(m, "name")), "picodet-s-416");
    assert_string_equal(json_string_value(json_object_get(m, "state")), "at work");
    send_frame(f, 5);
    assert_true(until_sightings(f, 1));
    assert_int_equal(f->camera, 5);
    kill(vision_pid(f->v), SIGKILL);
    assert_true(until_state(f, "failed"));
    assert_int_equal(f->gone, 1);
    assert_true(until_state(f, "working"));
    send_frame(f, 6);
    assert_true(until_sightings(f, 2));
    AUTO(json_release) json_t *s = vision_status(f->v);
    assert_int_equal(json_integer_value(json_object_get(s, "restarts")), 1);
}

/* The newest frame of each camera, and cameras in turn. */
static void test_newest_frames(void **state) {
    struct fixture *f = *state;
    begin(f, weights());
    assert_true(until_state(f, "working"));
    kill(vision_pid(f->v), SIGSTOP); /* it must not be done with one before all are there */
    for (int i = 0; i < 10; i++)
        for (uint8_t camera = 0; camera < 3; camera++) send_frame(f, camera);
    kill(vision_pid(f->v), SIGCONT);
    assert_true(until_sightings(f, 4)); /* one in hand, and the last of each */
    AUTO(json_release) json_t *s = vision_status(f->v);
    assert_int_equal(json_integer_value(json_object_get(s, "frames")), 4);
    assert_int_equal(json_integer_value(json_object_get(s, "skipped")), 26);
}

/* A stopped process is one that hangs: with a clock 21 s on it is killed, and another begins. */
static void test_hang(void **state) {
    struct fixture *f = *state;
    begin(f, weights());
    assert_true(until_state(f, "working"));
    int pid = vision_pid(f->v);
    kill(pid, SIGSTOP);
    send_frame(f, 0);
    struct steady_us later = {steady_now().us + VISION_HANG_US - 1000000};
    vision_tick(f->v, later);
    assert_int_equal(vision_pid(f->v), pid);
    later.us += 2000000;
    vision_tick(f->v, later);
    assert_string_equal(f->v->state, "failed");
    assert_non_null(strstr(f->v->message, "20 s"));
    assert_int_equal(f->gone, 1);
    assert_true(until_state(f, "working"));
    assert_int_not_equal(vision_pid(f->v), pid);
}

/* Plays cardea-vision: of a frame of camera 2 it speaks when something more was said to it; of one of camera
 * 3 as if it were of camera 1; of one of camera 4 as if it were of another time; and after one of camera 5 it
 * says what nobody knows, in a word that is cut within a character. */
static const char liar[] =
    "#!/usr/bin/env python3\n"
    "import json, socket, struct\n"
    "s = socket.socket(fileno=3)\n"
    "def take(n):\n"
    "    data = b''\n"
    "    while len(data) < n:\n"
    "        more = s.recv(n - len(data))\n"
    "        if not more:\n"
    "            raise SystemExit\n"
    "        data += more\n"
    "    return data\n"
    "def message():\n"
    "    n, kind = struct.unpack('>IB', take(5))\n"
    "    return kind, take(n - 1)\n"
    "def say(kind, payload):\n"
    "    s.sendall(struct.pack('>IB', 1 + len(payload), kind) + payload)\n"
    "message(), message()\n"
    "say(16, b'{\"model\":\"liar\",\"load_ms\":1,\"sandbox\":[]}')\n"
    "while True:\n"
    "    kind, payload = message()\n"
    "    if kind != 3:\n"
    "        continue\n"
    "    if payload[0] == 5:\n"
    "        say(20, json.dumps({'detect_ms': 1, 'rate': 1, 'x' * 59 + chr(252): 1}, "
    "ensure_ascii=False).encode())\n"
    "    camera, wall = payload[0], struct.unpack('>Q', payload[2:10])[0]\n"
    "    if camera == 2:\n"
    "        assert message() == (4, b'\\x02')\n"
    "    if camera == 3:\n"
    "        camera = 1\n"
    "    if camera == 4:\n"
    "        wall += 1000000\n"
    "    say(18, struct.pack('>BQQII', camera, 1, wall, 9, 0) + b'\\xff\\xd8\\xff\\xd9')\n"
    "    say(17, json.dumps({'camera': camera, 'wall': wall, 'ms': 1, 'tracks': []}).encode())\n";

static void begin_liar(struct fixture *f) {
    struct diag d = {{0}};
    static char program[PATH_TEXT_BYTES];
    snprintf(program, sizeof program, "%s/liar", f->data);
    assert_int_equal(file_replace(program, bytes_text(liar), 0700, &d), ERR_OK);
    const struct vision_options options = {
        .program = program,
        .data = f->data,
        .builtin = program, /* any file: nobody reads it */
        .sign = &f->sign,
        .loop = f->loop,
        .events = {f, on_sightings, on_picture, on_faces, on_gone},
    };
    assert_int_equal(vision_new(&options, &f->v, &d), ERR_OK);
    assert_true(until_state(f, "working"));
}

/* What is said of a frame from before a camera was masked, changed or removed reaches nobody: the number may
 * be another camera's by now. */
static void test_a_frame_of_what_was_forgotten(void **state) {
    struct fixture *f = *state;
    begin_liar(f);
    send_frame(f, 2);
    vision_forget(f->v, 2);
    send_frame(f, 1);
    assert_true(until_sightings(f, 1));
    assert_int_equal(f->camera, 1);
    assert_int_equal(f->sightings, 1);
    assert_int_equal(f->pictures, 1);
    send_frame(f, 2);
    vision_forget(f->v, 5); /* another's */
    vision_forget(f->v, 2);
    send_frame(f, 1);
    assert_true(until_state(f, "failed")); /* it expects camera 2 to be forgotten, and nothing else */
    assert_int_equal(f->sightings, 1);
}

static void test_frames_that_it_was_not_given(void **state) {
    struct fixture *f = *state;
    for (uint8_t camera = 3; camera <= 4; camera++) {
        begin_liar(f);
        send_frame(f, camera);
        assert_true(until_state(f, "failed"));
        assert_non_null(strstr(f->v->message, "another frame"));
        assert_int_equal(f->sightings + f->pictures, 0);
        vision_free(f->v);
        f->v = NULL;
    }
}

/* Whatever it says, the owner is told how it does. */
static void test_words_that_are_cut(void **state) {
    struct fixture *f = *state;
    begin_liar(f);
    send_frame(f, 5);
    assert_true(until_state(f, "failed"));
    assert_non_null(strstr(f->v->message, "xxx?"));
    AUTO(json_release) json_t *s = vision_status(f->v), *m = vision_model(f->v);
    assert_non_null(s);
    assert_non_null(m);
}

/* Sends a file in pieces, as the command line does. */
static err add(struct fixture *f, const char *path, const char *name, const char *kind, int side, bool spoil,
               struct diag *d) {
    AUTO(blob_clear) struct blob data = {0};
    uint8_t hash[HASH_BYTES];
    assert_int_equal(file_read(path, VISION_FILE_MAX_BYTES, &data, d), ERR_OK);
    hash_sha256(blob_bytes(&data), hash);
    if (spoil) data.data[data.len / 2] ^= 1;
    bool whole = false;
    for (size_t at = 0; at < data.len;) {
        size_t n = data.len - at < MODEL_PIECE_MAX_BYTES ? data.len - at : MODEL_PIECE_MAX_BYTES;
        json_t *args =
            json_pack("{s:s,s:s,s:i,s:i,s:[s,s,s],s:{s:s,s:I,s:o},s:I,s:o}", "name", name, "kind", kind,
                      "width", side, "height", side, "labels", "person", "bicycle", "car", "file", "name",
                      "model.onnx", "bytes", (json_int_t)data.len, "sha256", json_hex(BYTES_OF(hash)), "at",
                      (json_int_t)at, "data", json_base64(BYTES(data.data + at, n)));
        json_t *result = NULL;
        err e = run(f, "model.add", args, &result, d);
        if (e) return e;
        whole = json_is_true(json_object_get(result, "whole"));
        json_decref(result);
        at += n;
    }
    assert_true(whole);
    return ERR_OK;
}

static void test_bad_models(void **state) {
    struct fixture *f = *state;
    struct diag d = {{0}};
    char path[PATH_TEXT_BYTES];
    begin(f, weights());
    assert_true(until_state(f, "working"));
    int pid = vision_pid(f->v);
    assert_int_equal(path_join(path, weights(), "detect/yolox_nano.onnx"), ERR_OK);
    /* Another hash than was said. */
    assert_int_equal(add(f, path, "mine", "yolox", 416, true, &d), ERR_FORGED);
    assert_int_equal(run(f, "model.use", json_pack("{s:s}", "name", "mine"), NULL, &d), ERR_NOT_FOUND);
    /* Another shape: three labels where the network has 80. */
    assert_int_equal(add(f, path, "mine", "yolox", 416, false, &d), ERR_OK);
    assert_int_equal(run(f, "model.use", json_pack("{s:s}", "name", "mine"), NULL, &d), ERR_OK);
    assert_true(until_trial_ends(f));
    assert_int_equal(f->v->trial.state, TRIAL_REFUSED);
    assert_non_null(strstr(f->v->message, "mine was refused, picodet-s-416 stays"));
    assert_int_equal(vision_pid(f->v), pid); /* nobody noticed */
    assert_int_equal(f->gone, 0);
    /* What lies there is changed: the signed manifest says otherwise. */
    char stored[PATH_TEXT_BYTES];
    snprintf(stored, sizeof stored, "%s/models/mine/model.onnx", f->data);
    assert_int_equal(truncate(stored, 1000), 0);
    assert_int_equal(run(f, "model.test", json_pack("{s:s}", "name", "mine"), NULL, &d), ERR_INVALID);
    /* Its manifest is another's. */
    snprintf(stored, sizeof stored, "%s/models/mine/manifest.json", f->data);
    assert_int_equal(truncate(stored, 50), 0);
    assert_int_not_equal(run(f, "model.use", json_pack("{s:s}", "name", "mine"), NULL, &d), ERR_OK);
    assert_int_equal(vision_pid(f->v), pid);
    /* A published name with other bytes. */
    assert_int_equal(add(f, path, "picodet-s-320", "picodet", 320, false, &d), ERR_INVALID);
}

static void test_good_models(void **state) {
    struct fixture *f = *state;
    struct diag d = {{0}};
    begin(f, weights());
    assert_true(until_state(f, "working"));
    int pid = vision_pid(f->v);
    assert_int_equal(run(f, "model.test", json_pack("{s:s}", "name", "yolo-fastest-1.1-xl"), NULL, &d),
                     ERR_OK);
    assert_true(until_trial_ends(f));
    assert_int_equal(f->v->trial.state, TRIAL_GOOD);
    assert_int_equal(vision_pid(f->v), pid);
    assert_int_equal(run(f, "model.use", json_pack("{s:s}", "name", "yolo-fastest-1.1-xl"), NULL, &d),
                     ERR_OK);
    assert_true(until_trial_ends(f));
    assert_int_equal(f->v->trial.state, TRIAL_AT_WORK);
    assert_int_not_equal(vision_pid(f->v), pid);
    assert_int_equal(f->gone, 1);
    send_frame(f, 0);
    assert_true(until_sightings(f, 1));
    /* The choice is kept. */
    vision_free(f->v);
    f->v = NULL;
    begin(f, weights());
    assert_true(until_state(f, "working"));
    AUTO(json_release) json_t *m = vision_model(f->v);
    assert_string_equal(json_string_value(json_object_get(m, "name")), "yolo-fastest-1.1-xl");
    assert_int_equal(run(f, "model.use", json_pack("{s:s}", "name", "auto"), NULL, &d), ERR_OK);
    assert_true(until_trial_ends(f));
    AUTO(json_release) json_t *list = NULL;
    assert_int_equal(run(f, "model.list", json_object(), &list, &d), ERR_OK);
    assert_string_equal(json_string_value(json_object_get(list, "use")), "auto");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_model, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_frame_of_what_was_forgotten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_frames_that_it_was_not_given, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_words_that_are_cut, set_up, tear_down),
        /* From here on the real cardea-vision, with weights. */
        cmocka_unit_test_setup_teardown(test_looks_and_comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_newest_frames, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hang, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_models, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_good_models, set_up, tear_down),
    };
    const struct CMUnitTest without_weights[] = {tests[0], tests[1], tests[2], tests[3]};
    if (weights()) return cmocka_run_group_tests(tests, NULL, NULL);
    print_message("# not run, for want of CARDEA_MODELS or because of a sanitizer: what needs weights\n");
    return cmocka_run_group_tests(without_weights, NULL, NULL);
}
