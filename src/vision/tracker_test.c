/* The tracker on made-up scenes: what is one thing stays one, what is two stays two, what stands stays known.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "vision/tracker.h"

#define FRAME_US 200000
#define BEGIN_US INT64_C(1700000000000000)
#define THRESHOLD 0.5f

struct scene {
    uint64_t next_id;
    struct tracker tracker;
    struct tracker_input in;
    struct detections found;
    int8_t looks[DETECTIONS_MAX][VISION_LOOK_BYTES];
    int8_t place[VISION_LOOK_BYTES]; /* what any place looks like now */
    int64_t wall;
    unsigned seed;
};

static void place_look(void *context, struct area box, int8_t out[VISION_LOOK_BYTES]) {
    memcpy(out, ((struct scene *)context)->place, VISION_LOOK_BYTES);
}

static float threshold(void *context, enum seen_label l) {
    return THRESHOLD;
}

static struct scene *scene_new(void) {
    struct scene *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->next_id = 1;
    s->tracker.next_id = &s->next_id;
    s->wall = BEGIN_US;
    s->seed = 7;
    return s;
}

/* A look of its own for each number. */
static void look_number(int number, int8_t out[VISION_LOOK_BYTES]) {
    for (int i = 0; i < VISION_LOOK_BYTES; i++) out[i] = (int8_t)((i * 7 + number * 29) % 13 == 0 ? 60 : 2);
}

static void see(struct scene *s, enum seen_label label, float score, float x, float y, float w, float h,
                int look) {
    assert_true(s->found.count < DETECTIONS_MAX);
    look_number(look, s->looks[s->found.count]);
    s->found.list[s->found.count++] = (struct detection){
        .label = label, .score = score, .box = {x, y, x + w, y + h}, .side_px = (w > h ? w : h) * 416};
}

/* The next frame, in which everything was looked at, unless it says otherwise. */
static err next_frame(struct scene *s, bool looked) {
    s->in.wall.us = s->wall;
    s->in.found = &s->found;
    s->in.looks = (const int8_t(*)[VISION_LOOK_BYTES])s->looks;
    s->in.looked_count = looked;
    s->in.looked[0] = (struct looked){{0, 0, 1, 1}, 416, 416};
    s->in.context = s;
    s->in.look = place_look;
    s->in.threshold = threshold;
    err e = tracker_update(&s->tracker, &s->in);
    s->found.count = 0;
    s->wall += FRAME_US;
    return e;
}

static void frame(struct scene *s) {
    assert_int_equal(next_frame(s, true), ERR_OK);
}

static size_t confirmed(const struct scene *s) {
    size_t n = 0;
    for (size_t i = 0; i < s->tracker.count; i++)
        n += s->tracker.list[i].confirmed && s->tracker.list[i].state != TRACK_LOST;
    return n;
}

static const struct track *the_one(const struct scene *s) {
    const struct track *found = NULL;
    for (size_t i = 0; i < s->tracker.count; i++) {
        const struct track *t = &s->tracker.list[i];
        if (!t->confirmed) continue;
        assert_null(found);
        found = t;
    }
    return found;
}

/* -1 to 1, from a fixed seed. */
static float wobble(struct scene *s) {
    s->seed = s->seed * 1103515245u + 12345;
    return (float)(s->seed >> 16 & 0x7fff) / 16384.0f - 1;
}

static void test_confirms_once(void **state) {
    struct scene *s = scene_new();
    unsigned news = 0;
    for (int i = 0; i < 10; i++) {
        see(s, SEEN_PERSON, 0.8f, 0.1f + 0.02f * (float)i, 0.3f, 0.1f, 0.4f, 1);
        frame(s);
        const struct track *t = the_one(s);
        assert_int_equal(t != NULL, i >= 2);
        if (t) news += t->state == TRACK_NEW;
    }
    assert_int_equal(news, 1);
    assert_true(the_one(s)->first.us == BEGIN_US);
    free(s);
}

/* One high score among low ones is no person, and what is barely believed needs more frames. */
static void test_median(void **state) {
    struct scene *s = scene_new();
    const float scores[] = {0.9f, 0.3f, 0.3f, 0.9f, 0.3f, 0.3f, 0.3f, 0.3f};
    for (size_t i = 0; i < sizeof scores / sizeof *scores; i++) {
        see(s, SEEN_CAT, scores[i], 0.5f, 0.5f, 0.1f, 0.1f, 1);
        frame(s);
        assert_int_equal(confirmed(s), 0);
    }
    free(s);
    s = scene_new();
    for (int i = 0; i < TRACK_DOUBTED_HITS; i++) {
        assert_int_equal(confirmed(s), 0);
        see(s, SEEN_CAT, 0.55f, 0.5f, 0.5f, 0.1f, 0.1f, 1);
        frame(s);
    }
    assert_int_equal(confirmed(s), 1);
    free(s);
}

/* Two people walk through one another; for three frames only one is seen. */
static void test_crossing(void **state) {
    struct scene *s = scene_new();
    for (int i = 0; i < 40; i++) {
        float a = 0.1f + 0.02f * (float)i, b = 0.9f - 0.02f * (float)i;
        see(s, SEEN_PERSON, 0.8f, a, 0.3f, 0.08f, 0.4f, 1);
        if (a - b > 0.04f || b - a > 0.04f) see(s, SEEN_PERSON, 0.8f, b, 0.31f, 0.08f, 0.4f, 2);
        frame(s);
    }
    assert_int_equal(confirmed(s), 2);
    for (size_t i = 0; i < s->tracker.count; i++) {
        const struct track *t = &s->tracker.list[i];
        assert_true(t->id <= 2);
        float goes_to = t->id == 1 ? 0.88f : 0.12f;
        assert_true(t->box.x0 > goes_to - 0.05f && t->box.x0 < goes_to + 0.05f);
    }
    free(s);
}

/* Behind a pillar for a second, and out on the other side. */
static void test_occlusion(void **state) {
    struct scene *s = scene_new();
    uint64_t id = 0;
    for (int i = 0; i < 30; i++) {
        if (i < 12 || i >= 17) see(s, SEEN_PERSON, 0.8f, 0.1f + 0.015f * (float)i, 0.3f, 0.1f, 0.4f, 1);
        frame(s);
        if (i == 11) id = the_one(s)->id;
        if (i > 11) assert_int_equal(confirmed(s), 1);
    }
    assert_true(the_one(s)->id == id);
    free(s);
}

static void test_leaves(void **state) {
    struct scene *s = scene_new();
    int lost = -1;
    for (int i = 0; i < 40; i++) {
        if (i < 10) see(s, SEEN_PERSON, 0.8f, 0.3f, 0.3f, 0.1f, 0.4f, 1);
        frame(s);
        if (lost < 0 && s->tracker.count && s->tracker.list[0].state == TRACK_LOST) lost = i;
    }
    assert_true(lost >= 10 && lost < 10 + 2 * TRACK_LOST_US / FRAME_US);
    assert_int_equal(s->tracker.count, 0);
    free(s);
}

/* A parked car: found in a third of the frames, for a minute, with a box that trembles. */
static void test_parked(void **state) {
    struct scene *s = scene_new();
    for (int i = 0; i < 300; i++) {
        if (i < 10 || i % 3 == 0)
            see(s, SEEN_CAR, 0.7f, 0.5f + 0.004f * wobble(s), 0.6f + 0.004f * wobble(s),
                0.2f + 0.006f * wobble(s), 0.15f, 3);
        frame(s);
    }
    assert_int_equal(the_one(s)->id, 1);
    assert_true(the_one(s)->still);
    /* Nobody looks there for ten minutes: it stays known. */
    for (int i = 0; i < 60; i++) {
        s->wall += 10000000;
        assert_int_equal(next_frame(s, false), ERR_OK);
    }
    assert_int_equal(the_one(s)->id, 1);
    /* It drives away unseen: its place is looked at and found empty. */
    int frames = 0;
    while (confirmed(s) && frames < 50) {
        frame(s);
        frames++;
    }
    assert_true(frames >= 4 && frames < 50);
    free(s);
}

/* Not detected any more, but its place looks as it did: it is still there. */
static void test_parked_and_undetected(void **state) {
    struct scene *s = scene_new();
    for (int i = 0; i < 40; i++) {
        see(s, SEEN_CAR, 0.7f, 0.5f, 0.6f, 0.2f, 0.15f, 3);
        frame(s);
    }
    look_number(3, s->place);
    for (int i = 0; i < 200; i++) frame(s);
    assert_int_equal(confirmed(s), 1);
    look_number(4, s->place);
    for (int i = 0; i < 60; i++) frame(s);
    assert_int_equal(confirmed(s), 0);
    free(s);
}

/* A car that was parked drives off: the same track, no longer still. */
static void test_drives_off(void **state) {
    struct scene *s = scene_new();
    for (int i = 0; i < 60; i++) {
        float x = i < 30 ? 0.2f : 0.2f + 0.02f * (float)(i - 30);
        see(s, SEEN_CAR, 0.7f, x, 0.6f, 0.2f, 0.15f, 3);
        frame(s);
        if (i == 29) assert_true(the_one(s)->still);
    }
    assert_int_equal(the_one(s)->id, 1);
    assert_false(the_one(s)->still);
    free(s);
}

static void test_order_and_clocks(void **state) {
    struct scene *s = scene_new();
    for (int i = 0; i < 10; i++) {
        see(s, SEEN_PERSON, 0.8f, 0.3f, 0.3f, 0.1f, 0.4f, 1);
        frame(s);
    }
    /* Late: left out, and nothing changed. */
    s->wall -= 3 * FRAME_US;
    assert_int_equal(next_frame(s, true), ERR_CONFLICT);
    s->wall += 2 * FRAME_US;
    /* The clock is set back by an hour: the same track goes on, its times moved along. */
    s->wall -= INT64_C(3600) * 1000000;
    see(s, SEEN_PERSON, 0.8f, 0.3f, 0.3f, 0.1f, 0.4f, 1);
    frame(s);
    assert_int_equal(the_one(s)->id, 1);
    assert_true(the_one(s)->first.us < s->wall);
    free(s);
}

/* As many as there may be, and more; the rest is left out and nothing is lost of those that are known. */
static void test_crowd(void **state) {
    struct scene *s = scene_new();
    for (int i = 0; i < 6; i++) {
        for (int k = 0; k < 80; k++)
            see(s, SEEN_BIRD, 0.8f, 0.1f * (float)(k % 10), 0.1f * (float)(k / 10), 0.05f, 0.05f, k);
        frame(s);
    }
    assert_int_equal(confirmed(s), VISION_TRACKS_MAX);
    for (int i = 0; i < 20; i++) frame(s);
    assert_int_equal(s->tracker.count, 0);
    free(s);
}

/* A second box on half of a person starts nothing; a dog beside her does. */
static void test_duplicates(void **state) {
    struct scene *s = scene_new();
    for (int i = 0; i < 10; i++) {
        see(s, SEEN_PERSON, 0.9f, 0.3f, 0.2f, 0.2f, 0.6f, 1);
        see(s, SEEN_PERSON, 0.7f, 0.31f, 0.2f, 0.18f, 0.3f, 1);
        see(s, SEEN_DOG, 0.8f, 0.35f, 0.6f, 0.1f, 0.15f, 2);
        frame(s);
    }
    assert_int_equal(confirmed(s), 2);
    free(s);
}

/* A truck that is taken for a car now and then is a truck. */
static void test_label_votes(void **state) {
    struct scene *s = scene_new();
    for (int i = 0; i < 12; i++) {
        see(s, i % 3 == 0 ? SEEN_CAR : SEEN_TRUCK, 0.7f, 0.2f + 0.01f * (float)i, 0.5f, 0.2f, 0.2f, 1);
        frame(s);
    }
    assert_int_equal(the_one(s)->label, SEEN_TRUCK);
    free(s);
}

/* --- Arrivals --- */

static bool arrived(const struct scene *s) {
    const struct track *t = the_one(s);
    assert_non_null(t);
    return t->arrived;
}

/* Found as it stands, its box now the whole and now a part: so it came to light, and did not come. */
static void test_what_was_there(void **state) {
    static const struct {
        const char *what;
        size_t count;
        struct area moving[2];
    } cases[] = {{"nothing moves", 0, {{0, 0, 0, 0}}},
                 {"all of the picture", 2, {{0, 0, 1, 0.5f}, {0.35f, 0.45f, 0.65f, 0.75f}}},
                 {"a light sweeps over it", 1, {{0.3f, 0.1f, 0.7f, 0.9f}}},
                 {"a cat before it", 1, {{0.45f, 0.65f, 0.5f, 0.7f}}},
                 {"something elsewhere", 1, {{0.8f, 0.4f, 0.9f, 0.6f}}}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct scene *s = scene_new();
        for (int i = 0; i < 30; i++) {
            float half = i % 4 < 2 ? 0 : 0.1f;
            see(s, SEEN_CAR, 0.8f, 0.4f + 0.01f * wobble(s), 0.5f, 0.2f - half, 0.2f - half / 2, 1);
            s->in.moving = cases[c].moving;
            s->in.moving_count = cases[c].count;
            frame(s);
        }
        if (arrived(s)) fail_msg("%s: it has arrived", cases[c].what);
        free(s);
    }
}

static void test_arrives_by_its_way(void **state) {
    struct scene *s = scene_new();
    for (int i = 0; i < 8; i++) {
        see(s, SEEN_CAR, 0.8f, 0.4f, 0.5f, 0.2f, 0.2f, 1);
        frame(s);
    }
    assert_false(arrived(s));
    for (int i = 0; i < 4; i++) { /* a box that wanders while nothing moves */
        see(s, SEEN_CAR, 0.8f, 0.4f + 0.02f * (float)i, 0.5f, 0.2f, 0.2f, 1);
        frame(s);
    }
    assert_false(arrived(s));
    const struct area branches = {0.3f, 0.3f, 0.95f, 0.9f};
    s->in.moving = &branches; /* it drives off, behind what sways */
    s->in.moving_count = 1;
    for (int i = 0; i < 4; i++) {
        see(s, SEEN_CAR, 0.8f, 0.4f + 0.02f * (float)i, 0.5f, 0.2f, 0.2f, 1);
        frame(s);
        assert_false(arrived(s));
    }
    for (int i = 0; i < 2; i++) {
        see(s, SEEN_CAR, 0.8f, 0.46f + 0.02f * (float)i, 0.5f, 0.2f, 0.2f, 1);
        frame(s);
    }
    assert_true(arrived(s));
    free(s);
}

/* It moved where it is, or did so before it was found; somebody who sits moves an arm alone. */
static void test_arrives_by_motion(void **state) {
    static const struct {
        const char *what;
        enum seen_label label;
        int before; /* frames between the motion and the first sighting */
        struct area moving;
        bool arrives;
    } cases[] = {{"a car", SEEN_CAR, 0, {0.4f, 0.55f, 0.55f, 0.7f}, true},
                 {"a car, found when it stood", SEEN_CAR, 10, {0.4f, 0.55f, 0.55f, 0.7f}, true},
                 {"a car, found much later", SEEN_CAR, 16, {0.4f, 0.55f, 0.55f, 0.7f}, false},
                 {"a person's arm", SEEN_PERSON, 0, {0.4f, 0.5f, 0.45f, 0.6f}, true},
                 {"what swings at a car's mirror", SEEN_CAR, 0, {0.4f, 0.5f, 0.45f, 0.6f}, false}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct scene *s = scene_new();
        s->in.moving = &cases[c].moving;
        s->in.moving_count = 1;
        for (int i = 0; i < cases[c].before + 5; i++) {
            if (i >= cases[c].before) see(s, cases[c].label, 0.8f, 0.4f, 0.5f, 0.2f, 0.2f, 1);
            frame(s);
            s->in.moving_count = 0;
        }
        if (arrived(s) != cases[c].arrives) fail_msg("%s", cases[c].what);
        free(s);
    }
}

/* A classifier's word: by time and not by frames, and certain, or of what goes somewhere. */
static void test_words(void **state) {
    static const struct {
        const char *what;
        float score, way; /* way: to every second look's place, or with `goes` from each look to the next */
        bool goes, words;
        int64_t step_us;
        int told; /* at which look; 0: not within 40 */
    } cases[] = {
        {"certain, five looks a second", 0.9f, 0, false, true, FRAME_US, 5},
        {"certain, so few looks that the last is just in time", 0.9f, 0, false, true, 250000,
         TRACK_WORD_HITS},
        {"certain, but over too short a time", 0.9f, 0, false, true, 249999, TRACK_WORD_HITS + 1},
        {"certain, a look a second", 0.9f, 0, false, true, 1000000, TRACK_WORD_HITS},
        {"certain, looks close together", 0.9f, 0, false, true, 30000, 26},
        {"stands, just certain", 0.85f, 0, false, true, FRAME_US, 5},
        {"stands, not quite certain", 0.84f, 0, false, true, FRAME_US, 0},
        {"sways in its place", 0.8f, 0.018f, false, true, FRAME_US, 0},
        {"goes, clearly", 0.61f, 0.02f, true, true, FRAME_US, 5},
        {"goes, hardly believed", 0.59f, 0.02f, true, true, FRAME_US, 0},
        {"goes slowly: once it is away", 0.7f, 0.0021f, true, true, FRAME_US, 11},
        {"a detector's box", 0.7f, 0, false, false, FRAME_US, TRACK_CONFIRM_HITS},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct scene *s = scene_new();
        int told = 0;
        s->in.words = cases[c].words;
        for (int look = 1; look <= 40 && !told; look++) {
            float x = 0.1f + cases[c].way * (float)(cases[c].goes ? look - 1 : look % 2);
            see(s, SEEN_PERSON, cases[c].score, x, 0.4f, 0.1f, 0.3f, 1);
            frame(s);
            s->wall += cases[c].step_us - FRAME_US;
            if (the_one(s)) told = look;
        }
        if (told != cases[c].told) fail_msg("%s: told at look %d", cases[c].what, told);
        free(s);
    }
}

/* How many frames a person at this place is seen before it is told of; 0: not within 30. */
static int frames_until_told(float x, float y, float w, float h) {
    struct scene *s = scene_new();
    int told = 0;
    for (int frame = 1; frame <= 30 && !told; frame++) {
        see(s, SEEN_PERSON, 0.8f, x, y, w, h, 1);
        assert_int_equal(next_frame(s, true), ERR_OK);
        if (the_one(s)) told = frame;
    }
    free(s);
    return told;
}

/* An arm reaches in from an upper corner; a visitor whom the edges cut stands on the ground, or stays. */
static void test_reaches_in(void **state) {
    const int at_once = TRACK_CONFIRM_HITS, late = TRACK_REACHES_US / FRAME_US + 1;
    assert_int_equal(frames_until_told(0, 0, 0.2f, 0.66f), late);
    assert_int_equal(frames_until_told(0.8f, 0, 0.2f, 0.66f), late);
    assert_int_equal(frames_until_told(0, 0, 0.2f, 0.86f), at_once);     /* down to the ground */
    assert_int_equal(frames_until_told(0.02f, 0, 0.2f, 0.66f), at_once); /* comes in from the far side */
    assert_int_equal(frames_until_told(0, 0.02f, 0.2f, 0.66f), at_once); /* comes in from the side */
}

/* Nobody looks at what stands in the dark: that its box wandered a little is no speed to go on at. */
static void test_does_not_drift(void **state) {
    struct scene *s = scene_new();
    for (int i = 0; i < 6; i++) {
        see(s, SEEN_CAR, 0.8f, 0.4f + 0.005f * (float)i, 0.5f, 0.2f, 0.2f, 1);
        frame(s);
    }
    for (int i = 0; i < 15; i++) assert_int_equal(next_frame(s, false), ERR_OK);
    assert_false(arrived(s));
    assert_true(the_one(s)->box.x0 < 0.46f);
    free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_confirms_once),
        cmocka_unit_test(test_median),
        cmocka_unit_test(test_crossing),
        cmocka_unit_test(test_occlusion),
        cmocka_unit_test(test_leaves),
        cmocka_unit_test(test_parked),
        cmocka_unit_test(test_parked_and_undetected),
        cmocka_unit_test(test_drives_off),
        cmocka_unit_test(test_order_and_clocks),
        cmocka_unit_test(test_crowd),
        cmocka_unit_test(test_duplicates),
        cmocka_unit_test(test_label_votes),
        cmocka_unit_test(test_what_was_there),
        cmocka_unit_test(test_arrives_by_its_way),
        cmocka_unit_test(test_arrives_by_motion),
        cmocka_unit_test(test_reaches_in),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_does_not_drift),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
