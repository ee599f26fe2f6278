/* From sightings to events and alerts: what is told, once, and in which order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "crypto/hash.h"
#include "hub/seeing.h"

#define NOON 1700049600000000LL
#define S 1000000LL
#define TOLD_MAX 64

/* What the ports were given. */
struct told {
    json_t *json; /* NULL: a picture */
    struct blob jpeg;
    uint8_t id[16];
};
struct world {
    char data[64];
    struct seeing *s;
    size_t told_count, alert_count, embed_count, worth, restarts;
    struct told told[TOLD_MAX];
    struct {
        char title[200], text[ALERT_TEXT_MAX_BYTES], rule[80];
        uint8_t event[16];
        size_t jpeg_bytes, zones;
    } alerts[TOLD_MAX];
    char states[400];
    uint32_t request;
    err embed_says;
    /* a late reply */
    bool replied;
    err reply;
    json_t *result;
    char reply_text[400];
};

static const uint8_t camera[CAMERA_ID_BYTES] = {0xca};
static const char *const camera_hex = "ca000000000000000000000000000000";

static err on_event(void *context, const uint8_t id_of[CAMERA_ID_BYTES], json_t *json, uint8_t id[16],
                    struct diag *d) {
    struct world *w = context;
    struct told *t = &w->told[w->told_count++];
    assert_true(w->told_count < TOLD_MAX);
    assert_memory_equal(id_of, camera, sizeof camera);
    random_bytes(t->id, sizeof t->id);
    memcpy(id, t->id, sizeof t->id);
    t->json = json_deep_copy(json);
    char *text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(3));
    assert_true(strlen(text) < 16384); /* what an event may be */
    free(text);
    return ERR_OK;
}

static err on_picture(void *context, const uint8_t id_of[CAMERA_ID_BYTES], struct bytes jpeg, uint8_t id[16],
                      struct diag *d) {
    struct world *w = context;
    struct told *t = &w->told[w->told_count++];
    random_bytes(t->id, sizeof t->id);
    memcpy(id, t->id, sizeof t->id);
    return blob_append(&t->jpeg, jpeg);
}

static void on_worth(void *context, const uint8_t id_of[CAMERA_ID_BYTES]) {
    ((struct world *)context)->worth++;
}

static const char *on_name(void *context, const uint8_t id_of[CAMERA_ID_BYTES]) {
    return memcmp(id_of, camera, sizeof camera) == 0 ? "Porch" : NULL;
}

static uint32_t on_slot(void *context, const uint8_t id_of[CAMERA_ID_BYTES]) {
    return 77;
}

static err on_alert(void *context, const struct alert *a, struct diag *d) {
    struct world *w = context;
    snprintf(w->alerts[w->alert_count].title, 200, "%s", a->title);
    snprintf(w->alerts[w->alert_count].text, ALERT_TEXT_MAX_BYTES, "%s", a->text);
    snprintf(w->alerts[w->alert_count].rule, 80, "%s", a->rule);
    memcpy(w->alerts[w->alert_count].event, a->event, 16);
    w->alerts[w->alert_count].jpeg_bytes = a->jpeg.len;
    w->alerts[w->alert_count].zones = a->zone_count;
    w->alert_count++;
    return ERR_OK;
}

static void on_state(void *context, const uint8_t id_of[CAMERA_ID_BYTES], const char *what, bool on) {
    struct world *w = context;
    size_t len = strlen(w->states);
    snprintf(w->states + len, sizeof w->states - len, "%s%s ", on ? "+" : "-", what);
}

static err on_embed(void *context, uint32_t request, struct bytes jpeg, struct diag *d) {
    struct world *w = context;
    w->embed_count++;
    w->request = request;
    return w->embed_says ? diag_fail(d, w->embed_says, "nobody is there to look") : ERR_OK;
}

static void on_masks(void *context, const uint8_t *id_of) {
    ((struct world *)context)->restarts++;
}

static void on_reply(void *context, const uint8_t command[16], err e, json_t *result, const struct diag *d) {
    struct world *w = context;
    w->replied = true;
    w->reply = e;
    json_decref(w->result);
    w->result = result;
    snprintf(w->reply_text, sizeof w->reply_text, "%s", d ? d->text : "");
}

static void open_seeing(struct world *w) {
    struct diag d = {{0}};
    const struct seeing_ports ports = {w,       on_event, on_picture, on_worth, on_name,
                                       on_slot, on_alert, on_state,   on_embed, on_masks};
    if (seeing_new(w->data, &ports, &w->s, &d)) fail_msg("%s", d.text);
    seeing_start(w->s);
}

static int setup(void **state) {
    struct world *w = calloc(1, sizeof *w);
    snprintf(w->data, sizeof w->data, "/tmp/seeing-test-XXXXXX");
    if (!mkdtemp(w->data)) return -1;
    open_seeing(w);
    *state = w;
    return 0;
}

static void forget_told(struct world *w) {
    for (size_t i = 0; i < w->told_count; i++) {
        json_decref(w->told[i].json);
        blob_clear(&w->told[i].jpeg);
    }
    memset(w->told, 0, sizeof w->told);
    w->told_count = w->alert_count = 0;
    w->states[0] = 0;
}

static int teardown(void **state) {
    static const char *const files[] = {"seeing.json", "faces", "faces.key", "recent"};
    struct world *w = *state;
    char path[PATH_TEXT_BYTES];
    seeing_free(w->s);
    forget_told(w);
    json_decref(w->result);
    for (size_t i = 0; i < 4; i++)
        if (!path_join(path, w->data, files[i])) unlink(path);
    rmdir(w->data);
    free(w);
    return 0;
}

/* Runs a command whose args are JSON with 'single' quotes. */
static err ask(struct world *w, const char *verb, const char *args, json_t **result) {
    static const uint8_t command[16] = {7};
    struct diag d = {{0}};
    bool later = false;
    char text[4000];
    json_t *ignored = NULL;
    snprintf(text, sizeof text, "%s", args);
    for (char *c = text; *c; c++)
        if (*c == '\'') *c = '"';
    AUTO(json_release) json_t *o = json_loads(text, 0, NULL);
    assert_non_null(o);
    w->replied = false;
    err e = seeing_command(w->s, command, verb, o, result ? result : &ignored, &later, on_reply, w, &d);
    snprintf(w->reply_text, sizeof w->reply_text, "%s", d.text);
    json_decref(ignored);
    return e;
}

static void must(struct world *w, const char *verb, const char *args) {
    err e = ask(w, verb, args, NULL);
    if (e) fail_msg("%s %s: %s", verb, args, w->reply_text);
}

/* --- A scene: one object that is moved about --- */

static struct seen_track object(uint64_t id, enum seen_label label, int seed) {
    struct seen_track t = {.id = id, .label = label, .score = 0.8f, .box = {1000, 2000, 1000, 3000}};
    for (size_t i = 0; i < VISION_LOOK_BYTES; i++) {
        seed = (int)((uint32_t)seed * 1103515245u + 12345u);
        t.look[i] = (int8_t)(seed >> 16);
    }
    return t;
}

static void see(struct world *w, int64_t at, struct seen_track *t, enum track_state state) {
    struct vision_sightings *m = calloc(1, sizeof *m);
    m->wall.us = at;
    m->count = t ? 1 : 0;
    if (t) {
        t->state = state;
        if (!t->first.us) t->first.us = at - S / 2;
        m->tracks[0] = *t;
    }
    seeing_sightings(w->s, camera, m);
    free(m);
}

static void picture(struct world *w, int64_t at, uint64_t track, uint32_t quality, const char *jpeg) {
    seeing_picture(
        w->s, camera,
        &(struct vision_picture){.track = track, .wall = {at}, .quality = quality, .jpeg = bytes_text(jpeg)});
}

/* Somebody has been looking for a while, so that what comes is an arrival. */
static void look(struct world *w, int64_t at) {
    for (int64_t t = at - 20 * S; t <= at; t += 5 * S) see(w, t, NULL, TRACK_SEEN);
}

static const char *text_of(const json_t *o, const char *name) {
    const char *text = json_string_value(json_object_get(o, name));
    return text ? text : "";
}

static void hex_of(const uint8_t id[16], char out[33]) {
    hex_encode(BYTES(id, 16), out);
}

static void test_an_arrival_is_told_once(void **state) {
    struct world *w = *state;
    struct seen_track t = object(5, SEEN_PERSON, 1);
    char hex[33];
    look(w, NOON);
    see(w, NOON + S, &t, TRACK_NEW);
    assert_int_equal(w->told_count, 0); /* it waits for a picture */
    picture(w, NOON + S, 5, 100, "first");
    assert_int_equal(w->told_count, 2);
    assert_null(w->told[0].json); /* the picture is there before the event that names it */
    hex_of(w->told[0].id, hex);
    json_t *open = w->told[1].json;
    assert_string_equal(text_of(open, "label"), "person");
    assert_string_equal(text_of(open, "picture"), hex);
    assert_true(json_is_true(json_object_get(open, "open")));
    assert_non_null(json_object_get(open, "alert"));
    assert_int_equal(w->alert_count, 1);
    assert_memory_equal(w->alerts[0].event, w->told[1].id, 16);
    assert_string_equal(w->alerts[0].title, "Porch: a person");
    assert_non_null(strstr(w->alerts[0].text, "60 s"));
    assert_int_equal(w->alerts[0].jpeg_bytes, 5);
    for (int i = 2; i < 40; i++) {
        t.box.x = (uint16_t)(t.box.x + 150);
        see(w, NOON + i * S / 2, &t, TRACK_SEEN);
    }
    picture(w, NOON + 20 * S, 5, 90, "worse");
    picture(w, NOON + 20 * S, 5, 200, "better");
    see(w, NOON + 21 * S, &t, TRACK_LOST);
    assert_int_equal(w->alert_count, 1); /* at most once */
    assert_int_equal(w->told_count, 4);
    assert_true(bytes_equal(blob_bytes(&w->told[2].jpeg), bytes_text("better")));
    json_t *end = w->told[3].json;
    hex_of(w->told[1].id, hex);
    assert_string_equal(text_of(end, "replaces"), hex);
    assert_null(json_object_get(end, "open"));
    assert_int_equal(json_integer_value(json_object_get(end, "end")), NOON + 21 * S);
    json_t *path = json_object_get(end, "path");
    size_t points = json_array_size(path);
    assert_in_range(points, 20, SEEING_PATH_MAX);
    assert_int_equal(json_integer_value(json_array_get(json_array_get(path, 0), 1)), 1000);
    assert_int_equal(json_integer_value(json_array_get(json_array_get(path, points - 1), 1)), t.box.x);
    assert_string_equal(w->states, "+person -person ");
    assert_true(w->worth > 30);
}

/* However long it goes about, its path stays within its limit, and in order. */
static void test_a_long_way(void **state) {
    struct world *w = *state;
    struct seen_track t = object(5, SEEN_PERSON, 1);
    look(w, NOON);
    see(w, NOON + S, &t, TRACK_NEW);
    for (int i = 0; i < 3000; i++) {
        t.box.x = (uint16_t)(1000 + i * 37 % 7000);
        see(w, NOON + S + i * S / 5, &t, TRACK_SEEN);
    }
    see(w, NOON + 700 * S, &t, TRACK_LOST);
    json_t *path = json_object_get(w->told[w->told_count - 1].json, "path");
    assert_in_range(json_array_size(path), 15, SEEING_PATH_MAX);
    json_int_t before = -1;
    for (size_t i = 0; i < json_array_size(path); i++) {
        json_int_t ms = json_integer_value(json_array_get(json_array_get(path, i), 0));
        assert_true(ms > before);
        before = ms;
    }
}

static void test_without_a_picture_it_does_not_wait_long(void **state) {
    struct world *w = *state;
    struct seen_track t = object(5, SEEN_PERSON, 1);
    look(w, NOON);
    see(w, NOON + S, &t, TRACK_NEW);
    seeing_tick(w->s, (struct wall_us){NOON + S + SEEING_PICTURE_US - 1});
    assert_int_equal(w->told_count, 0);
    seeing_tick(w->s, (struct wall_us){NOON + S + SEEING_PICTURE_US});
    assert_int_equal(w->told_count, 1);
    assert_int_equal(w->alert_count, 1);
}

static void test_dwell_alerts_later(void **state) {
    struct world *w = *state;
    struct seen_track t = object(5, SEEN_PERSON, 1);
    must(w, "rule.set", "{'id':'00000001','dwell_s':10}");
    look(w, NOON);
    see(w, NOON + S, &t, TRACK_NEW);
    picture(w, NOON + S, 5, 100, "first");
    assert_int_equal(w->told_count, 2);
    json_t *quiet = json_array_get(json_object_get(w->told[1].json, "quiet"), 0);
    assert_string_equal(text_of(quiet, "because"), "dwell");
    assert_int_equal(w->alert_count, 0);
    for (int i = 0; i <= 24; i++) see(w, NOON + S + i * S / 2, &t, TRACK_SEEN);
    assert_int_equal(w->alert_count, 1);
    json_t *told = w->told[w->told_count - 1].json;
    assert_non_null(json_object_get(told, "alert"));
    assert_null(json_object_get(told, "quiet"));
    assert_non_null(json_object_get(told, "replaces"));
    assert_memory_equal(w->alerts[0].event, w->told[w->told_count - 1].id, 16);
}

static void test_zones_on_the_way(void **state) {
    struct world *w = *state;
    struct seen_track t = object(5, SEEN_PERSON, 1);
    AUTO(json_release) json_t *set = NULL;
    char args[1000];
    snprintf(
        args, sizeof args,
        "{'camera':'%s','zones':["
        "{'id':'00000011','name':'Street','kind':'exclude','points':[[0,0],[3000,0],[3000,10000],[0,10000]]},"
        "{'id':'00000012','name':'Drive','kind':'include','points':[[5000,0],[9999,0],[9999,9999],[5000,9999]"
        "]},"
        "{'id':'00000013','name':'Gate','kind':'line','direction':'in','points':[[4000,10000],[4000,0]]}]}",
        camera_hex);
    assert_int_equal(ask(w, "zone.set", args, &set), ERR_OK);
    assert_int_equal(json_array_size(json_object_get(set, "zones")), 3);
    must(w, "rule.set", "{'id':'00000001','zones':['00000012']}");
    look(w, NOON);
    see(w, NOON + S, &t, TRACK_NEW); /* in the street: nothing */
    picture(w, NOON + S, 5, 100, "first");
    see(w, NOON + 2 * S, &t, TRACK_SEEN);
    assert_int_equal(w->told_count, 0);
    t.box.x = 3100; /* out of the street: told, and quiet */
    see(w, NOON + 3 * S, &t, TRACK_SEEN);
    assert_int_equal(w->told_count, 2);
    assert_int_equal(w->alert_count, 0);
    assert_string_equal(text_of(json_array_get(json_object_get(w->told[1].json, "quiet"), 0), "because"),
                        "zone");
    t.box.x = 6000; /* through the gate, into the drive */
    see(w, NOON + 4 * S, &t, TRACK_SEEN);
    assert_int_equal(w->alert_count, 1);
    see(w, NOON + 5 * S, &t, TRACK_LOST);
    json_t *end = w->told[w->told_count - 1].json;
    assert_int_equal(json_array_size(json_object_get(end, "zones")), 2);
    assert_string_equal(json_string_value(json_array_get(json_object_get(end, "crossed"), 0)), "00000013");
    /* A rule's zone does not vanish under it. */
    snprintf(args, sizeof args, "{'camera':'%s','zones':[]}", camera_hex);
    assert_int_equal(ask(w, "zone.set", args, NULL), ERR_CONFLICT);
    assert_non_null(strstr(w->reply_text, "Drive"));
    must(w, "rule.set", "{'id':'00000001','zones':[]}");
    must(w, "zone.set", args);
}

static void test_what_stays_in_the_street_is_nothing(void **state) {
    struct world *w = *state;
    struct seen_track t = object(5, SEEN_PERSON, 1);
    char args[400];
    snprintf(args, sizeof args,
             "{'camera':'%s','zones':[{'name':'Street','kind':'exclude','points':[[0,0],[3000,0],[3000,10000]"
             ",[0,10000]]}]}",
             camera_hex);
    must(w, "zone.set", args);
    look(w, NOON);
    see(w, NOON + S, &t, TRACK_NEW);
    picture(w, NOON + S, 5, 100, "first");
    for (int i = 2; i < 20; i++) see(w, NOON + i * S, &t, TRACK_SEEN);
    see(w, NOON + 20 * S, &t, TRACK_LOST);
    assert_int_equal(w->told_count, 0);
    assert_int_equal(w->alert_count, 0);
}

static void test_a_parked_car(void **state) {
    struct world *w = *state;
    struct seen_track car = object(5, SEEN_CAR, 1), again = object(9, SEEN_CAR, 1);
    must(w, "rule.set", "{'id':'00000001','labels':['vehicle'],'cooldown_s':0}");
    see(w, NOON, NULL, TRACK_SEEN); /* looking has just begun, and it stands there */
    car.first.us = NOON;
    see(w, NOON + S, &car, TRACK_NEW);
    picture(w, NOON + S, 5, 100, "car");
    assert_int_equal(w->alert_count, 0);
    assert_string_equal(text_of(json_array_get(json_object_get(w->told[1].json, "quiet"), 0), "because"),
                        "still");
    car.still = true;
    for (int i = 2; i < 200; i++) see(w, NOON + i * S, &car, TRACK_SEEN);
    assert_int_equal(w->told_count, 3); /* opened, and ended when it had settled: not a thousand */
    json_t *end = w->told[2].json;
    assert_true(json_is_true(json_object_get(end, "still")));
    assert_null(json_object_get(end, "open"));
    assert_int_equal(w->worth, 0);
    car.still = false; /* it leaves: another event, and by its own */
    for (int i = 0; i < 5; i++) {
        car.box.x = (uint16_t)(car.box.x + 1000);
        see(w, NOON + (200 + i) * S, &car, TRACK_SEEN);
    }
    see(w, NOON + 206 * S, &car, TRACK_LOST);
    assert_true(w->told_count > 4);
    assert_null(json_object_get(w->told[4].json, "replaces"));
    size_t alerts = w->alert_count;
    /* The tracker loses it and finds it again: the same object, as far as alerts go. */
    again.box = car.box;
    see(w, NOON + 208 * S, &again, TRACK_NEW);
    picture(w, NOON + 208 * S, 9, 100, "car");
    assert_int_equal(w->alert_count, alerts);
}

static void test_cool_down_and_feedback(void **state) {
    struct world *w = *state;
    char hex[33], args[200];
    AUTO(json_release) json_t *kept = NULL;
    look(w, NOON);
    for (uint64_t i = 0; i < 3; i++) { /* three persons 40 s apart: the second is within the cool-down */
        struct seen_track t = object(10 + i, SEEN_PERSON, 50 + (int)i);
        int64_t at = NOON + S + (int64_t)i * 40 * S;
        see(w, at - 5 * S, NULL, TRACK_SEEN);
        see(w, at, &t, TRACK_NEW);
        picture(w, at, t.id, 100, "one");
        see(w, at + 2 * S, &t, TRACK_LOST);
        for (int64_t k = 3; k < 40; k += 5) see(w, at + k * S, NULL, TRACK_SEEN);
    }
    assert_int_equal(w->alert_count, 2);
    hex_of(w->alerts[1].event, hex);
    snprintf(args, sizeof args, "{'camera':'%s','event':'%s','verdict':'not_interesting'}", camera_hex, hex);
    assert_int_equal(ask(w, "event.feedback", args, &kept), ERR_OK);
    assert_int_equal(json_integer_value(json_object_get(kept, "kept")), 1);
    forget_told(w);
    struct seen_track alike = object(20, SEEN_PERSON, 52), other = object(21, SEEN_PERSON, 99);
    look(w, NOON + 1000 * S);
    see(w, NOON + 1000 * S, &alike, TRACK_NEW);
    picture(w, NOON + 1000 * S, 20, 100, "alike");
    assert_int_equal(w->alert_count, 0);
    assert_string_equal(text_of(json_array_get(json_object_get(w->told[1].json, "quiet"), 0), "because"),
                        "not_interesting");
    see(w, NOON + 1001 * S, &alike, TRACK_SEEN);
    assert_int_equal(w->alert_count, 0); /* quiet while it is there */
    see(w, NOON + 1001 * S, &alike, TRACK_LOST);
    struct seen_track walker = object(25, SEEN_PERSON, 52); /* looks like it, and walks past */
    see(w, NOON + 1100 * S, NULL, TRACK_SEEN);
    see(w, NOON + 1100 * S, &walker, TRACK_NEW);
    picture(w, NOON + 1100 * S, 25, 100, "walker");
    assert_int_equal(w->alert_count, 0);
    walker.box.x = (uint16_t)(walker.box.x + 900);
    see(w, NOON + 1101 * S, &walker, TRACK_SEEN);
    assert_int_equal(w->alert_count, 1);
    see(w, NOON + 1102 * S, &walker, TRACK_LOST);
    forget_told(w);
    look(w, NOON + 1200 * S);
    see(w, NOON + 1202 * S, &other, TRACK_NEW);
    picture(w, NOON + 1202 * S, 21, 100, "other");
    assert_int_equal(w->alert_count, 1); /* somebody else in that place */
    /* It is remembered over a restart, and can be taken back. */
    see(w, NOON + 1203 * S, &other, TRACK_LOST);
    seeing_free(w->s);
    open_seeing(w);
    snprintf(args, sizeof args, "{'camera':'%s','event':'%s','verdict':'interesting'}", camera_hex, hex);
    must(w, "event.feedback", args);
    forget_told(w);
    struct seen_track back = object(22, SEEN_PERSON, 52);
    look(w, NOON + 2000 * S);
    see(w, NOON + 2000 * S, &back, TRACK_NEW);
    picture(w, NOON + 2000 * S, 22, 100, "back");
    assert_int_equal(w->alert_count, 1);
    snprintf(args, sizeof args, "{'camera':'%s','event':'%032d','verdict':'interesting'}", camera_hex, 7);
    assert_int_equal(ask(w, "event.feedback", args, NULL), ERR_NOT_FOUND);
}

static void test_vision_goes_and_comes(void **state) {
    struct world *w = *state;
    struct seen_track t = object(5, SEEN_PERSON, 1), same = object(1, SEEN_PERSON, 1);
    look(w, NOON);
    see(w, NOON + S, &t, TRACK_NEW);
    picture(w, NOON + S, 5, 100, "first");
    see(w, NOON + 2 * S, &t, TRACK_SEEN);
    seeing_gone(w->s);
    json_t *end = w->told[w->told_count - 1].json;
    assert_true(json_is_true(json_object_get(end, "gap")));
    assert_null(json_object_get(end, "open"));
    seeing_motion(w->s, camera, (struct wall_us){NOON + 3 * S}, 100);
    json_t *motion = w->told[w->told_count - 1].json; /* nobody looks: motion is told at once, and says so */
    assert_string_equal(text_of(motion, "label"), "motion");
    assert_true(json_is_true(json_object_get(motion, "gap")));
    size_t told = w->told_count;
    seeing_tick(w->s, (struct wall_us){NOON + 9 * S});
    assert_int_equal(w->told_count, told + 1);
    same.first.us = NOON + 10 * S;
    see(w, NOON + 10 * S, &same, TRACK_NEW); /* it is back, with other numbers, and so is the person */
    picture(w, NOON + 10 * S, 1, 100, "again");
    assert_int_equal(w->alert_count, 1);
}

/* What was open when the hub ended is ended by the next one. */
static void test_a_crash_leaves_nothing_open(void **state) {
    struct world *w = *state;
    struct seen_track t = object(5, SEEN_PERSON, 1);
    char hex[33];
    look(w, NOON);
    see(w, NOON + S, &t, TRACK_NEW);
    picture(w, NOON + S, 5, 100, "first");
    assert_int_equal(w->told_count, 2);
    hex_of(w->told[1].id, hex);
    struct seeing *dead = w->s; /* as a kill leaves it: nothing is told */
    open_seeing(w);
    assert_int_equal(w->told_count, 3);
    json_t *end = w->told[2].json;
    assert_string_equal(text_of(end, "replaces"), hex);
    assert_true(json_is_true(json_object_get(end, "gap")));
    assert_string_equal(text_of(end, "label"), "person");
    seeing_free(dead);
}

static void test_motion_without_objects(void **state) {
    struct world *w = *state;
    static const struct {
        const char *label;
        bool on, looks, person;
        size_t motion_events; /* told */
    } cases[] = {
        {"seeing is off: at once, and again at its end", false, false, false, 2},
        {"somebody looks, and it is nothing: at its end", true, true, false, 1},
        {"somebody looks, and it is a person", true, true, true, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t at = NOON + (int64_t)i * 1000 * S;
        struct seen_track t = object(30 + i, SEEN_PERSON, 1);
        must(w, "see.set", cases[i].on ? "{'on':true}" : "{'on':false}");
        forget_told(w);
        if (cases[i].looks) look(w, at);
        seeing_motion(w->s, camera, (struct wall_us){at + S}, 100);
        if (cases[i].looks) see(w, at + S, cases[i].person ? &t : NULL, TRACK_NEW);
        seeing_motion(w->s, camera, (struct wall_us){at + 2 * S}, 200);
        if (cases[i].person) see(w, at + 3 * S, &t, TRACK_LOST);
        seeing_tick(w->s, (struct wall_us){at + 2 * S + EVENT_MERGE_US - 1});
        seeing_tick(w->s, (struct wall_us){at + 2 * S + EVENT_MERGE_US});
        size_t told = 0;
        for (size_t k = 0; k < w->told_count; k++)
            if (w->told[k].json && strcmp(text_of(w->told[k].json, "label"), "motion") == 0) told++;
        if (told != cases[i].motion_events) fail_msg("%s: %zu", cases[i].label, told);
        assert_int_equal(w->alert_count, cases[i].person);
        if (told == 0) continue;
        json_t *last = w->told[w->told_count - 1].json;
        assert_int_equal(json_integer_value(json_object_get(last, "begin")), at + S);
        assert_int_equal(json_integer_value(json_object_get(last, "end")), at + 2 * S);
        assert_true(json_number_value(json_object_get(last, "score")) > 0.78);
        assert_int_equal(json_integer_value(json_object_get(json_object_get(last, "picture"), "slot")), 77);
    }
}

static void test_rings(void **state) {
    struct world *w = *state;
    struct seen_track t = object(5, SEEN_PERSON, 1);
    look(w, NOON);
    see(w, NOON + S, &t, TRACK_NEW);
    picture(w, NOON + S, 5, 100, "first");
    assert_int_equal(w->alert_count, 1);
    seeing_ring(w->s, camera, (struct wall_us){NOON + 3 * S}); /* within the cool-down of the person */
    assert_int_equal(w->alert_count, 2);
    assert_string_equal(w->alerts[1].title, "Porch: somebody rings");
    assert_int_equal(w->alerts[1].jpeg_bytes, 5);
    json_t *ring = w->told[w->told_count - 1].json;
    assert_string_equal(text_of(ring, "label"), "ring");
    seeing_ring(w->s, camera, (struct wall_us){NOON + 4 * S}); /* and again, impatiently */
    assert_int_equal(w->alert_count, 2);
    must(w, "see.set", "{'muted_until':1700050600000000}");
    seeing_ring(w->s, camera, (struct wall_us){NOON + 100 * S});
    assert_int_equal(w->alert_count, 2);
    ring = w->told[w->told_count - 1].json;
    assert_string_equal(text_of(json_array_get(json_object_get(ring, "quiet"), 0), "because"), "muted");
}

/* Without end, as by a camera that is not its owner's any more. */
static void test_rings_without_end(void **state) {
    struct world *w = *state;
    look(w, NOON);
    for (int i = 0; i < 100; i++) seeing_ring(w->s, camera, (struct wall_us){NOON + i * S / 100});
    assert_int_equal(w->told_count, 1);
    forget_told(w);
    for (int i = 1; i < 300; i++) {
        seeing_ring(w->s, camera, (struct wall_us){NOON + i * S});
        if (w->told_count == TOLD_MAX - 1) break;
    }
    assert_int_equal(w->told_count, 59);
    seeing_ring(w->s, camera, (struct wall_us){NOON + 600 * S}); /* it is heard again */
    assert_int_equal(w->told_count, 60);
}

static bool home_on_disk(const struct world *w) {
    char path[PATH_TEXT_BYTES];
    AUTO(blob_clear) struct blob text = {0};
    AUTO(json_release) json_t *o = NULL;
    assert_int_equal(path_join(path, w->data, "seeing.json"), ERR_OK);
    assert_int_equal(file_read(path, 1 << 20, &text, NULL), ERR_OK);
    assert_int_equal(json_parse(blob_bytes(&text), &o, NULL), ERR_OK);
    return json_is_true(json_object_get(o, "home"));
}

/* What a broker says again and again is in force at once, and written now and then. */
static void test_presence_that_flaps(void **state) {
    struct world *w = *state;
    must(w, "see.set", "{'presence':'home'}");
    seeing_presence(w->s, false, "broker");
    assert_true(home_on_disk(w));
    seeing_tick(w->s, (struct wall_us){NOON});
    assert_false(home_on_disk(w));
    seeing_presence(w->s, true, "broker");
    seeing_tick(w->s, (struct wall_us){NOON + 9 * S});
    assert_false(home_on_disk(w));
    seeing_tick(w->s, (struct wall_us){NOON + 10 * S});
    assert_true(home_on_disk(w));
    seeing_presence(w->s, false, "broker");
    seeing_free(w->s); /* and when the hub ends */
    assert_false(home_on_disk(w));
    open_seeing(w);
}

static void test_settings_survive(void **state) {
    struct world *w = *state;
    AUTO(json_release) json_t *before = NULL;
    AUTO(json_release) json_t *after = NULL;
    char args[400];
    must(w, "rule.add",
         "{'name':'Cars','labels':['vehicle'],'presence':'away','schedule':[{'days':[1],'from':'22:00','to':'"
         "06:00'}]}");
    assert_int_equal(ask(w, "rule.add", "{'name':'Cars','labels':['car']}", NULL), ERR_EXISTS);
    snprintf(args, sizeof args, "{'camera':'%s','masks':[[[0,0],[100,0],[100,100]]]}", camera_hex);
    must(w, "mask.set", args);
    assert_int_equal(w->restarts, 1);
    snprintf(args, sizeof args, "{'camera':'%s','masks':[[[0,0],[100,0],[20000,100]]]}", camera_hex);
    assert_int_equal(ask(w, "mask.set", args, NULL), ERR_INVALID);
    assert_int_equal(ask(w, "mask.set", "{'camera':'cb000000000000000000000000000000','masks':[]}", NULL),
                     ERR_NOT_FOUND);
    must(w, "see.set", "{'presence':'away'}");
    assert_int_equal(ask(w, "see.get", "{}", &before), ERR_OK);
    seeing_free(w->s);
    open_seeing(w);
    assert_int_equal(ask(w, "see.get", "{}", &after), ERR_OK);
    assert_true(json_equal(before, after));
    assert_int_equal(json_array_size(json_object_get(after, "rules")), 2);
    assert_non_null(seeing_masks(w->s, camera));
    seeing_forget(w->s, camera);
    assert_null(seeing_masks(w->s, camera));
}

/* A damaged file is no reason to record what was masked. */
static void test_damaged_settings_are_refused(void **state) {
    struct world *w = *state;
    static const char *const damaged[] = {
        "",
        "{",
        "[]",
        "{\"v\":2}",
        "{\"v\":1,\"on\":true}",
        "{\"v\":1,\"on\":true,\"home\":true,\"presence_by\":\"\",\"muted_until\":0,\"faces\":false,"
        "\"suggest\":false,"
        "\"rules\":[{\"id\":\"zz\"}],\"cameras\":{},\"negatives\":[]}",
        "{\"v\":1,\"on\":true,\"home\":true,\"presence_by\":\"\",\"muted_until\":0,\"faces\":false,"
        "\"suggest\":false,"
        "\"rules\":[],\"cameras\":{\"xx\":{}},\"negatives\":[]}",
    };
    char path[PATH_TEXT_BYTES];
    const struct seeing_ports ports = {w,       on_event, on_picture, on_worth, on_name,
                                       on_slot, on_alert, on_state,   on_embed, on_masks};
    assert_int_equal(path_join(path, w->data, "seeing.json"), ERR_OK);
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        struct seeing *s = NULL;
        struct diag d = {{0}};
        AUTO(blob_clear) struct blob left = {0};
        assert_int_equal(file_replace(path, bytes_text(damaged[i]), 0600, &d), ERR_OK);
        err e = seeing_new(w->data, &ports, &s, &d);
        if (!e || s || !strstr(d.text, "seeing.json")) fail_msg("%zu: %s", i, d.text);
        assert_int_equal(file_read(path, 4096, &left, &d), ERR_OK);
        assert_true(bytes_equal(blob_bytes(&left), bytes_text(damaged[i])));
    }
}

/* --- Faces --- */

static void face_of(int person, float blur, float out[VISION_EMBEDDING_FLOATS]) {
    memset(out, 0, VISION_EMBEDDING_FLOATS * sizeof *out);
    out[person] = 1 - blur;
    out[200] = blur;
    float length = 0;
    for (size_t i = 0; i < VISION_EMBEDDING_FLOATS; i++) length += out[i] * out[i];
    length = __builtin_sqrtf(length);
    for (size_t i = 0; i < VISION_EMBEDDING_FLOATS; i++) out[i] /= length;
}

static void answer_faces(struct world *w, int person, const char *reason) {
    struct vision_faces *f = calloc(1, sizeof *f);
    f->request = w->request;
    f->count = 1;
    face_of(person, 0, f->faces[0].embedding);
    snprintf(f->reasons[0], sizeof f->reasons[0], "%s", reason);
    seeing_faces(w->s, f);
    free(f);
}

static void add_person(struct world *w, const char *name, int person) {
    char args[200];
    snprintf(args, sizeof args, "{'name':'%s','consent':{'by':'herself'},'pictures':['aGVsbG8']}", name);
    must(w, "face.add", args);
    assert_false(w->replied);
    answer_faces(w, person, "");
    assert_true(w->replied);
    if (w->reply) fail_msg("%s", w->reply_text);
}

static void pass_by(struct world *w, int64_t at, uint64_t id, int person, float quality) {
    struct seen_track t = object(id, SEEN_PERSON, (int)id);
    t.has_face = true;
    t.face.quality = quality;
    face_of(person, 0.2f, t.face.embedding);
    look(w, at - S);
    see(w, at, &t, TRACK_NEW);
    see(w, at + S / 5, &t, TRACK_SEEN);
    picture(w, at + S / 5, id, 100, "visitor");
    see(w, at + 2 * S, &t, TRACK_LOST);
}

static void test_who_it_was(void **state) {
    struct world *w = *state;
    AUTO(json_release) json_t *got = NULL;
    assert_false(seeing_wants_faces(w->s));
    assert_int_equal(
        ask(w, "face.add", "{'name':'Ada','consent':{'by':'herself'},'pictures':['aGVsbG8']}", NULL),
        ERR_DENIED);
    must(w, "see.set", "{'faces':true}");
    assert_false(seeing_wants_faces(w->s)); /* nobody is named yet */
    assert_int_equal(ask(w, "face.add", "{'name':'Ada','pictures':['aGVsbG8']}", NULL), ERR_INVALID);
    w->embed_says = ERR_UNSUPPORTED;
    assert_int_equal(ask(w, "face.add", "{'name':'Ada','consent':{'by':'x'},'pictures':['aGVsbG8']}", NULL),
                     ERR_UNSUPPORTED);
    w->embed_says = ERR_OK;
    must(w, "face.add", "{'name':'Ada','consent':{'by':'herself'},'pictures':['aGVsbG8']}");
    answer_faces(w, 1, "too blurred");
    assert_int_equal(w->reply, ERR_INVALID);
    assert_non_null(strstr(w->reply_text, "too blurred"));
    add_person(w, "Ada", 1);
    assert_true(seeing_wants_faces(w->s));
    pass_by(w, NOON, 40, 1, 0.9f);
    json_t *face = json_object_get(w->told[w->told_count - 1].json, "face");
    assert_string_equal(text_of(face, "name"), "Ada");
    pass_by(w, NOON + 100 * S, 41, 2, 0.9f);
    face = json_object_get(w->told[w->told_count - 1].json, "face");
    assert_true(json_is_true(json_object_get(face, "unknown")));
    pass_by(w, NOON + 200 * S, 42, 1, 0.1f); /* too poor a look to say anything */
    assert_null(json_object_get(w->told[w->told_count - 1].json, "face"));
    /* Never recognise this person: nothing is said, not even that it is a stranger. */
    assert_int_equal(ask(w, "see.get", "{}", &got), ERR_OK);
    json_t *ada = json_array_get(json_object_get(json_object_get(got, "faces"), "people"), 0);
    char args[100];
    snprintf(args, sizeof args, "{'person':'%s','exclude':true}", text_of(ada, "id"));
    must(w, "face.set", args);
    pass_by(w, NOON + 300 * S, 43, 1, 0.9f);
    assert_null(json_object_get(w->told[w->told_count - 1].json, "face"));
}

static void test_nobody_answers_about_a_picture(void **state) {
    struct world *w = *state;
    must(w, "see.set", "{'faces':true}");
    must(w, "face.add", "{'name':'Ada','consent':{'by':'herself'},'pictures':['aGVsbG8']}");
    seeing_tick(w->s, (struct wall_us){wall_now().us + 30 * S});
    assert_true(w->replied);
    assert_int_equal(w->reply, ERR_TIMEOUT);
    answer_faces(w, 1, ""); /* too late: nothing happens */
}

static void test_suggestions_are_asked_for_and_expire(void **state) {
    struct world *w = *state;
    AUTO(json_release) json_t *none = NULL;
    AUTO(json_release) json_t *some = NULL;
    AUTO(json_release) json_t *later = NULL;
    must(w, "see.set", "{'faces':true}");
    for (uint64_t i = 0; i < 4; i++) pass_by(w, NOON + (int64_t)i * 100 * S, 50 + i, 7, 0.9f);
    assert_int_equal(ask(w, "face.suggestions", "{}", &none), ERR_OK);
    assert_int_equal(json_array_size(json_object_get(none, "suggestions")), 0); /* not asked for */
    char path[PATH_TEXT_BYTES];
    assert_int_equal(path_join(path, w->data, "faces"), ERR_OK);
    assert_int_not_equal(access(path, F_OK), 0); /* and nothing was kept */
    must(w, "see.set", "{'suggest':true}");
    for (uint64_t i = 0; i < 4; i++) pass_by(w, NOON + (int64_t)(i + 10) * 100 * S, 60 + i, 7, 0.9f);
    assert_int_equal(ask(w, "face.suggestions", "{}", &some), ERR_OK);
    json_t *one = json_array_get(json_object_get(some, "suggestions"), 0);
    assert_int_equal(json_integer_value(json_object_get(one, "seen")), 4);
    assert_true(strlen(text_of(one, "picture")) > 0);
    struct wall_us now = wall_now();
    seeing_tick(w->s, (struct wall_us){now.us + (7 * 86400 - 60) * S});
    assert_int_equal(access(path, F_OK), 0);
    seeing_tick(w->s, (struct wall_us){now.us + 7 * 86400 * S});
    assert_int_equal(ask(w, "face.suggestions", "{}", &later), ERR_OK);
    assert_int_equal(json_array_size(json_object_get(later, "suggestions")), 0);
    assert_int_not_equal(access(path, F_OK), 0);
    /* Named in time, a suggestion is a person. */
    for (uint64_t i = 0; i < 3; i++) pass_by(w, NOON + (int64_t)(i + 20) * 100 * S, 70 + i, 7, 0.9f);
    AUTO(json_release) json_t *again = NULL;
    assert_int_equal(ask(w, "face.suggestions", "{}", &again), ERR_OK);
    one = json_array_get(json_object_get(again, "suggestions"), 0);
    char args[200];
    snprintf(args, sizeof args, "{'id':'%s','name':'Cleo','consent':{'by':'herself'}}", text_of(one, "id"));
    must(w, "face.name", args);
    pass_by(w, NOON + 4000 * S, 80, 7, 0.9f);
    assert_string_equal(text_of(json_object_get(w->told[w->told_count - 1].json, "face"), "name"), "Cleo");
}

static void test_debug_shows_frames_and_why(void **state) {
    struct world *w = *state;
    struct seen_track t = object(5, SEEN_CAR, 1);
    char args[100];
    AUTO(json_release) json_t *got = NULL;
    look(w, NOON);
    seeing_frame(w->s, camera,
                 &(struct worker_frame){.wall = {NOON + S}, .region_count = 1, .regions = {{1, 2, 3, 4}}});
    see(w, NOON + S, &t, TRACK_NEW);
    snprintf(args, sizeof args, "{'camera':'%s'}", camera_hex);
    assert_int_equal(ask(w, "see.debug", args, &got), ERR_OK);
    json_t *frames = json_object_get(got, "frames");
    assert_int_equal(json_array_size(frames), 6);
    json_t *last = json_array_get(frames, 5);
    assert_int_equal(json_array_size(json_object_get(last, "regions")), 1);
    assert_string_equal(text_of(json_array_get(json_object_get(last, "tracks"), 0), "label"), "car");
    assert_string_equal(text_of(json_array_get(json_object_get(got, "why"), 0), "because"), "label");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    setenv("TZ", "UTC", 1);
    const struct CMUnitTest tests[] = {
        CASE(test_an_arrival_is_told_once),
        CASE(test_a_long_way),
        CASE(test_without_a_picture_it_does_not_wait_long),
        CASE(test_dwell_alerts_later),
        CASE(test_zones_on_the_way),
        CASE(test_what_stays_in_the_street_is_nothing),
        CASE(test_a_parked_car),
        CASE(test_cool_down_and_feedback),
        CASE(test_vision_goes_and_comes),
        CASE(test_a_crash_leaves_nothing_open),
        CASE(test_motion_without_objects),
        CASE(test_rings),
        CASE(test_rings_without_end),
        CASE(test_presence_that_flaps),
        CASE(test_settings_survive),
        CASE(test_damaged_settings_are_refused),
        CASE(test_who_it_was),
        CASE(test_nobody_answers_about_a_picture),
        CASE(test_suggestions_are_asked_for_and_expire),
        CASE(test_debug_shows_frames_and_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
