/* Zones and rules: each question that is asked of an object, in tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "hub/negatives.h"
#include "hub/rules.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* --- Zones --- */

static void test_what_a_zone_may_be(void **state) {
    (void)state;
    static const struct {
        const char *label, *json;
        err expected;
    } cases[] = {
        {"none", "[]", ERR_OK},
        {"a triangle", "[{\"name\":\"a\",\"kind\":\"include\",\"points\":[[0,0],[10000,0],[0,10000]]}]",
         ERR_OK},
        {"a line",
         "[{\"name\":\"a\",\"kind\":\"line\",\"points\":[[0,0],[10000,10000]],\"direction\":\"in\"}]",
         ERR_OK},
        {"an edge that goes back",
         "[{\"name\":\"a\",\"kind\":\"include\",\"points\":[[0,0],[100,0],[50,0]]}]", ERR_INVALID},
        {"a point outside", "[{\"name\":\"a\",\"kind\":\"include\",\"points\":[[0,0],[10001,0],[0,10000]]}]",
         ERR_INVALID},
        {"a point before", "[{\"name\":\"a\",\"kind\":\"include\",\"points\":[[-1,0],[10000,0],[0,10000]]}]",
         ERR_INVALID},
        {"half a point", "[{\"name\":\"a\",\"kind\":\"include\",\"points\":[[0.5,0],[10000,0],[0,10000]]}]",
         ERR_INVALID},
        {"a point of one", "[{\"name\":\"a\",\"kind\":\"include\",\"points\":[[0],[10000,0],[0,10000]]}]",
         ERR_INVALID},
        {"two points", "[{\"name\":\"a\",\"kind\":\"include\",\"points\":[[0,0],[10000,0]]}]", ERR_INVALID},
        {"the same point twice",
         "[{\"name\":\"a\",\"kind\":\"include\",\"points\":[[0,0],[0,0],[100,0],[0,100]]}]", ERR_INVALID},
        {"a bow tie", "[{\"name\":\"a\",\"kind\":\"exclude\",\"points\":[[0,0],[100,100],[100,0],[0,100]]}]",
         ERR_INVALID},
        {"a corner on another edge",
         "[{\"name\":\"a\",\"kind\":\"include\",\"points\":[[0,0],[100,0],[100,100],[50,0],[0,100]]}]",
         ERR_INVALID},
        {"a line of three", "[{\"name\":\"a\",\"kind\":\"line\",\"points\":[[0,0],[1,1],[2,2]]}]",
         ERR_INVALID},
        {"a line without length", "[{\"name\":\"a\",\"kind\":\"line\",\"points\":[[5,5],[5,5]]}]",
         ERR_INVALID},
        {"no name", "[{\"kind\":\"line\",\"points\":[[0,0],[1,1]]}]", ERR_INVALID},
        {"an empty name", "[{\"name\":\"\",\"kind\":\"line\",\"points\":[[0,0],[1,1]]}]", ERR_INVALID},
        {"another kind", "[{\"name\":\"a\",\"kind\":\"circle\",\"points\":[[0,0],[1,1],[0,1]]}]",
         ERR_INVALID},
        {"another direction",
         "[{\"name\":\"a\",\"kind\":\"line\",\"points\":[[0,0],[1,1]],\"direction\":\"up\"}]", ERR_INVALID},
        {"an unknown field", "[{\"name\":\"a\",\"kind\":\"line\",\"points\":[[0,0],[1,1]],\"colour\":1}]",
         ERR_INVALID},
        {"an id that is none", "[{\"id\":\"xyz\",\"name\":\"a\",\"kind\":\"line\",\"points\":[[0,0],[1,1]]}]",
         ERR_INVALID},
        {"two of a name",
         "[{\"name\":\"a\",\"kind\":\"line\",\"points\":[[0,0],[1,1]]},"
         "{\"name\":\"a\",\"kind\":\"line\",\"points\":[[0,0],[1,1]]}]",
         ERR_INVALID},
        {"two of an id",
         "[{\"id\":\"00000001\",\"name\":\"a\",\"kind\":\"line\",\"points\":[[0,0],[1,1]]},"
         "{\"id\":\"00000001\",\"name\":\"b\",\"kind\":\"line\",\"points\":[[0,0],[1,1]]}]",
         ERR_INVALID},
        {"no list", "{}", ERR_INVALID},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct zone_list list = {0};
        struct diag d = {{0}};
        AUTO(json_release) json_t *o = json_loads(cases[i].json, 0, NULL);
        err e = zones_read(o, &list, &d);
        if (e != cases[i].expected) fail_msg("%s: %s (%s)", cases[i].label, err_text(e), d.text);
        if (e && !d.text[0]) fail_msg("%s: refused without a word", cases[i].label);
    }
}

/* At each limit, and one past it. */
static void test_zone_limits(void **state) {
    (void)state;
    for (size_t count = ZONES_MAX; count <= ZONES_MAX + 1; count++) {
        struct zone_list list;
        struct diag d;
        AUTO(json_release) json_t *o = json_array();
        for (size_t i = 0; i < count; i++) {
            char name[16];
            snprintf(name, sizeof name, "zone %zu", i);
            json_array_append_new(o, json_pack("{s:s,s:s,s:[[i,i],[i,i],[i,i]]}", "name", name, "kind",
                                               "include", "points", 0, 0, 10, 0, 0, 10));
        }
        assert_int_equal(zones_read(o, &list, &d), count > ZONES_MAX ? ERR_LIMIT : ERR_OK);
        if (count > ZONES_MAX) continue;
        AUTO(json_release) json_t *again = zones_json(&list);
        struct zone_list same;
        assert_int_equal(zones_read(again, &same, &d), ERR_OK);
        assert_memory_equal(&list, &same, sizeof list);
    }
    for (int count = ZONE_POINTS_MAX; count <= ZONE_POINTS_MAX + 1; count++) {
        struct zone_list list;
        struct diag d;
        json_t *points = json_array();
        for (int i = 0; i < count; i++) /* on a parabola: no three in a line */
            json_array_append_new(points, json_pack("[i,i]", i * 100, i * i * 10));
        AUTO(json_release)
        json_t *o = json_pack("[{s:s,s:s,s:o}]", "name", "many", "kind", "exclude", "points", points);
        assert_int_equal(zones_read(o, &list, &d), count > ZONE_POINTS_MAX ? ERR_INVALID : ERR_OK);
    }
}

static void test_foot_point(void **state) {
    (void)state;
    static const struct {
        struct place_box box;
        int x, y;
    } cases[] = {
        {{4000, 2000, 1000, 3000}, 4500, 5000},
        {{0, 0, 10000, 10000}, 5000, 10000},
        {{9000, 9000, 5000, 5000}, 10000, 10000}, /* a box that reaches out of the picture */
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct place_point p = place_foot(&cases[i].box);
        assert_int_equal(p.x, cases[i].x);
        assert_int_equal(p.y, cases[i].y);
    }
}

static void test_inside(void **state) {
    (void)state;
    /* An L: concave, so that a bounding box would not do. */
    const struct zone l = {
        .kind = ZONE_INCLUDE,
        .count = 6,
        .points = {{1000, 1000}, {3000, 1000}, {3000, 5000}, {7000, 5000}, {7000, 7000}, {1000, 7000}}};
    static const struct {
        const char *label;
        struct place_point p;
        bool inside;
    } cases[] = {
        {"in the stem", {2000, 3000}, true},
        {"in the foot", {6000, 6000}, true},
        {"in the corner", {2000, 6000}, true},
        {"in the gap", {5000, 3000}, false},
        {"on an edge", {3000, 3000}, true},
        {"on a corner", {7000, 7000}, true},
        {"level with a corner", {500, 5000}, false},
        {"right of it", {8000, 6000}, false},
        {"above", {2000, 999}, false},
        {"below", {2000, 7001}, false},
        {"level, between", {5000, 5000}, true},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        if (zone_holds(&l, cases[i].p) != cases[i].inside) fail_msg("%s", cases[i].label);
}

static void test_lines_have_a_direction(void **state) {
    (void)state;
    /* From left to right in the picture: its right-hand side is below. */
    static const struct {
        const char *label;
        struct place_point from, to;
        bool both, in, out;
    } cases[] = {
        {"down", {5000, 4000}, {5000, 6000}, true, true, false},
        {"up", {5000, 6000}, {5000, 4000}, true, false, true},
        {"past its end", {9500, 4000}, {9500, 6000}, false, false, false},
        {"along it", {2000, 4000}, {8000, 4000}, false, false, false},
        {"on to it from above", {5000, 4000}, {5000, 5000}, false, false, false},
        {"and on, down", {5000, 5000}, {5000, 6000}, true, true, false},
        {"on to it from below", {5000, 6000}, {5000, 5000}, true, false, true},
        {"and on, up", {5000, 5000}, {5000, 4000}, false, false, false},
        {"not at all", {5000, 6000}, {5000, 6000}, false, false, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        for (int direction = ZONE_BOTH; direction <= ZONE_OUT; direction++) {
            const struct zone line = {.kind = ZONE_LINE,
                                      .direction = (enum zone_direction)direction,
                                      .count = 2,
                                      .points = {{1000, 5000}, {9000, 5000}}};
            bool expected = direction == ZONE_BOTH ? cases[i].both
                            : direction == ZONE_IN ? cases[i].in
                                                   : cases[i].out;
            if (zone_crossed(&line, cases[i].from, cases[i].to) != expected)
                fail_msg("%s, direction %d", cases[i].label, direction);
            if (zone_holds(&line, cases[i].from)) fail_msg("a line holds nothing");
        }
}

/* --- Rules --- */

static const struct zone_list places = {
    .count = 3,
    .zones = {{.id = "00000001", .name = "Drive", .kind = ZONE_INCLUDE},
              {.id = "00000002", .name = "Gate", .kind = ZONE_LINE},
              {.id = "00000003", .name = "Street", .kind = ZONE_EXCLUDE}},
};

#define NOON 1700049600000000LL /* Wed 15 Nov 2023 12:00 UTC */
#define S 1000000LL
#define H (3600 * S)

static struct rule_facts facts(void) {
    return (struct rule_facts){.camera = {1},
                               .label = SEEN_PERSON,
                               .score = 0.8f,
                               .now = {NOON},
                               .begin = {NOON - 2 * S},
                               .zones = &places,
                               .home = true};
}

struct rule_case {
    const char *label;
    const char *rule; /* changes to the default */
    void (*change)(struct rule_facts *f);
    int because; /* the only reason; -1: it alerts */
};

static void is_car(struct rule_facts *f) {
    f->label = SEEN_CAR;
}
static void is_cat(struct rule_facts *f) {
    f->label = SEEN_CAT;
}
static void is_bird(struct rule_facts *f) {
    f->label = SEEN_BIRD;
}
static void is_bicycle(struct rule_facts *f) {
    f->label = SEEN_BICYCLE;
}
static void is_ring(struct rule_facts *f) {
    f->label = LABEL_RING;
}
static void is_other_camera(struct rule_facts *f) {
    f->camera[0] = 2;
}
static void is_on_drive(struct rule_facts *f) {
    f->touched = 1;
    f->since[0].us = f->now.us - 5 * S;
}
static void was_on_drive(struct rule_facts *f) {
    f->touched = 1;
}
static void crossed_gate(struct rule_facts *f) {
    f->touched = 2;
}
static void is_in_street(struct rule_facts *f) {
    f->touched = 4;
}
static void is_away(struct rule_facts *f) {
    f->home = false;
}
static void is_ada(struct rule_facts *f) {
    f->face = FACE_KNOWN;
    f->person = "00000000000000aa";
    f->person_name = "Ada";
}
static void is_bob(struct rule_facts *f) {
    is_ada(f);
    f->person = "00000000000000bb";
    f->person_name = "Bob";
}
static void is_stranger(struct rule_facts *f) {
    f->face = FACE_UNKNOWN;
}
static void waited_for_face(struct rule_facts *f) {
    f->begin.us = f->now.us - RULE_FACE_WAIT_US;
}
static void nearly_waited(struct rule_facts *f) {
    f->begin.us = f->now.us - RULE_FACE_WAIT_US + 1;
}
static void stayed_5(struct rule_facts *f) {
    f->begin.us = f->now.us - 5 * S;
}
static void stayed_nearly_5(struct rule_facts *f) {
    f->begin.us = f->now.us - 5 * S + 1;
}
static void alerted_59(struct rule_facts *f) {
    f->last_alert.us = f->now.us - 60 * S + 1;
}
static void alerted_60(struct rule_facts *f) {
    f->last_alert.us = f->now.us - 60 * S;
}
static void is_muted(struct rule_facts *f) {
    f->muted_until.us = f->now.us + 1;
}
static void was_muted(struct rule_facts *f) {
    f->muted_until.us = f->now.us;
}
static void is_disliked(struct rule_facts *f) {
    f->not_interesting = true;
}
static void is_still(struct rule_facts *f) {
    f->still = true;
}
static void is_unsure(struct rule_facts *f) {
    f->score = RULE_SCORE_MIN - 0.01f;
}
static void is_just_sure(struct rule_facts *f) {
    f->score = RULE_SCORE_MIN;
}
static void at_23(struct rule_facts *f) {
    f->now.us = NOON + 11 * H;
}
static void at_5(struct rule_facts *f) {
    f->now.us = NOON + 17 * H;
} /* Thursday */
static void at_6(struct rule_facts *f) {
    f->now.us = NOON + 18 * H;
}
static void thursday_23(struct rule_facts *f) {
    f->now.us = NOON + 35 * H;
}
static void friday_5(struct rule_facts *f) {
    f->now.us = NOON + 41 * H;
}

#define NIGHT "{\"schedule\":[{\"days\":[1,2,3,4,5,6,7],\"from\":\"22:00\",\"to\":\"06:00\"}]}"
#define WEDNESDAY_NIGHT "{\"schedule\":[{\"days\":[3],\"from\":\"22:00\",\"to\":\"06:00\"}]}"

static const struct rule_case rule_cases[] = {
    {"a person", "{}", NULL, -1},
    {"a rule that is off says nothing", "{\"on\":false}", NULL, -2},
    {"a car", "{}", is_car, BECAUSE_LABEL},
    {"a car for vehicles", "{\"labels\":[\"vehicle\"]}", is_car, -1},
    {"a bicycle for vehicles", "{\"labels\":[\"vehicle\"]}", is_bicycle, BECAUSE_LABEL},
    {"a cat for pets", "{\"labels\":[\"pet\"]}", is_cat, -1},
    {"a bird for pets", "{\"labels\":[\"pet\"]}", is_bird, BECAUSE_LABEL},
    {"a bird for animals", "{\"labels\":[\"animal\"]}", is_bird, -1},
    {"a person for animals", "{\"labels\":[\"animal\"]}", NULL, BECAUSE_LABEL},
    {"a ring", "{}", is_ring, -1},
    {"a ring for persons alone", "{\"labels\":[\"person\"]}", is_ring, BECAUSE_LABEL},
    {"this camera", "{\"cameras\":[\"01000000000000000000000000000000\"]}", NULL, -1},
    {"another camera", "{\"cameras\":[\"01000000000000000000000000000000\"]}", is_other_camera, BECAUSE_ZONE},
    {"not in the zone", "{\"zones\":[\"00000001\"]}", NULL, BECAUSE_ZONE},
    {"in the zone", "{\"zones\":[\"00000001\"]}", is_on_drive, -1},
    {"was in the zone", "{\"zones\":[\"00000001\"]}", was_on_drive, -1},
    {"in another", "{\"zones\":[\"00000001\"]}", is_in_street, BECAUSE_ZONE},
    {"over the line", "{\"zones\":[\"00000001\",\"00000002\"]}", crossed_gate, -1},
    {"a zone of nowhere", "{\"zones\":[\"0000000f\"]}", is_on_drive, BECAUSE_ZONE},
    {"noon, for the night", NIGHT, NULL, BECAUSE_SCHEDULE},
    {"before midnight", NIGHT, at_23, -1},
    {"after midnight", NIGHT, at_5, -1},
    {"when the night is over", NIGHT, at_6, BECAUSE_SCHEDULE},
    {"Wednesday's night, before", WEDNESDAY_NIGHT, at_23, -1},
    {"Wednesday's night, on Thursday morning", WEDNESDAY_NIGHT, at_5, -1},
    {"Thursday's night", WEDNESDAY_NIGHT, thursday_23, BECAUSE_SCHEDULE},
    {"Friday's morning", WEDNESDAY_NIGHT, friday_5, BECAUSE_SCHEDULE},
    {"at home, for away", "{\"presence\":\"away\"}", NULL, BECAUSE_PRESENCE},
    {"away, for away", "{\"presence\":\"away\"}", is_away, -1},
    {"away, for home", "{\"presence\":\"home\"}", is_away, BECAUSE_PRESENCE},
    {"at home, for home", "{\"presence\":\"home\"}", NULL, -1},
    {"Ada, for strangers", "{\"who\":\"unknown\"}", is_ada, BECAUSE_PERSON},
    {"a stranger, for strangers", "{\"who\":\"unknown\"}", is_stranger, -1},
    {"no face yet, for strangers", "{\"who\":\"unknown\"}", nearly_waited, BECAUSE_PERSON},
    {"no face in time, for strangers", "{\"who\":\"unknown\"}", waited_for_face, -1},
    {"Ada, for the known", "{\"who\":\"known\"}", is_ada, -1},
    {"a stranger, for the known", "{\"who\":\"known\"}", is_stranger, BECAUSE_PERSON},
    {"no face, for the known", "{\"who\":\"known\"}", waited_for_face, BECAUSE_PERSON},
    {"Ada, for Ada", "{\"who\":[\"00000000000000aa\"]}", is_ada, -1},
    {"Bob, for Ada", "{\"who\":[\"00000000000000aa\"]}", is_bob, BECAUSE_PERSON},
    {"a stranger, for Ada", "{\"who\":[\"00000000000000aa\"]}", is_stranger, BECAUSE_PERSON},
    {"a car is nobody", "{\"labels\":[\"car\"],\"who\":\"unknown\"}", is_car, -1},
    {"5 s of 5", "{\"dwell_s\":5}", stayed_5, -1},
    {"nearly 5 s", "{\"dwell_s\":5}", stayed_nearly_5, BECAUSE_DWELL},
    {"5 s in the zone", "{\"dwell_s\":5,\"zones\":[\"00000001\"]}", is_on_drive, -1},
    {"6 s in the zone", "{\"dwell_s\":6,\"zones\":[\"00000001\"]}", is_on_drive, BECAUSE_DWELL},
    {"was in the zone, and left", "{\"dwell_s\":1,\"zones\":[\"00000001\"]}", was_on_drive, BECAUSE_DWELL},
    {"within the cool-down", "{}", alerted_59, BECAUSE_COOLDOWN},
    {"after the cool-down", "{}", alerted_60, -1},
    {"without a cool-down", "{\"cooldown_s\":0}", alerted_59, -1},
    {"muted", "{}", is_muted, BECAUSE_MUTED},
    {"not muted any more", "{}", was_muted, -1},
    {"not interesting", "{}", is_disliked, BECAUSE_NOT_INTERESTING},
    {"still", "{}", is_still, BECAUSE_STILL},
    {"unsure", "{}", is_unsure, BECAUSE_SCORE},
    {"just sure enough", "{}", is_just_sure, -1},
};

static void test_rules_say_why(void **state) {
    (void)state;
    bool met[BECAUSE_COUNT] = {false};
    setenv("TZ", "UTC", 1);
    tzset();
    for (size_t i = 0; i < COUNT(rule_cases); i++) {
        const struct rule_case *c = &rule_cases[i];
        struct rule r;
        struct rule_verdict v;
        struct rule_facts f = facts();
        struct diag d = {{0}};
        AUTO(json_release) json_t *o = json_loads(c->rule, 0, NULL);
        rule_default(&r);
        if (rule_read(o, false, &r, &d)) fail_msg("%s: %s", c->label, d.text);
        if (c->change) c->change(&f);
        rule_judge(&r, &f, &v);
        if (v.alert != (c->because == -1))
            fail_msg("%s: %s", c->label, v.count ? v.reasons[0].text : "silent");
        if (c->because < 0) {
            assert_int_equal(v.count, 0);
            continue;
        }
        if (v.count != 1 || (int)v.reasons[0].because != c->because)
            fail_msg("%s: %zu reasons, first %s: %s", c->label, v.count, because_word(v.reasons[0].because),
                     v.reasons[0].text);
        if (strlen(v.reasons[0].text) < 10) fail_msg("%s: no words", c->label);
        met[c->because] = true;
    }
    for (int b = 0; b < BECAUSE_COUNT; b++)
        if (!met[b]) fail_msg("nothing was quiet because of %s", because_word((enum because)b));
}

/* All that would have to be otherwise is told, not only the first. */
static void test_reasons_add_up(void **state) {
    (void)state;
    struct rule r;
    struct rule_verdict v;
    struct rule_facts f = facts();
    struct diag d = {{0}};
    AUTO(json_release)
    json_t *o = json_loads("{\"presence\":\"away\",\"dwell_s\":60,\"who\":\"unknown\"}", 0, NULL);
    rule_default(&r);
    assert_int_equal(rule_read(o, false, &r, &d), ERR_OK);
    is_ada(&f);
    is_muted(&f);
    rule_judge(&r, &f, &v);
    const enum because expected[] = {BECAUSE_MUTED, BECAUSE_PRESENCE, BECAUSE_PERSON, BECAUSE_DWELL};
    assert_int_equal(v.count, COUNT(expected));
    for (size_t i = 0; i < COUNT(expected); i++) assert_int_equal(v.reasons[i].because, expected[i]);
    assert_non_null(strstr(v.reasons[2].text, "Ada"));
    char stoppers[ALERT_TEXT_MAX_BYTES];
    rule_stoppers(&r, stoppers);
    assert_non_null(strstr(stoppers, "at home"));
    assert_non_null(strstr(stoppers, "60 s"));
}

static void test_what_a_rule_may_be(void **state) {
    (void)state;
    static const struct {
        const char *label, *json;
        err expected;
    } cases[] = {
        {"the least", "{\"name\":\"a\",\"labels\":[\"person\"]}", ERR_OK},
        {"no name", "{\"labels\":[\"person\"]}", ERR_INVALID},
        {"no labels", "{\"name\":\"a\"}", ERR_INVALID},
        {"none of the labels", "{\"name\":\"a\",\"labels\":[]}", ERR_INVALID},
        {"motion never alerts", "{\"name\":\"a\",\"labels\":[\"motion\"]}", ERR_INVALID},
        {"an id", "{\"id\":\"00000001\",\"name\":\"a\",\"labels\":[\"person\"]}", ERR_INVALID},
        {"a dwell at its limit", "{\"name\":\"a\",\"labels\":[\"car\"],\"dwell_s\":600}", ERR_OK},
        {"a dwell past it", "{\"name\":\"a\",\"labels\":[\"car\"],\"dwell_s\":601}", ERR_INVALID},
        {"a cool-down at its limit", "{\"name\":\"a\",\"labels\":[\"car\"],\"cooldown_s\":86400}", ERR_OK},
        {"a cool-down past it", "{\"name\":\"a\",\"labels\":[\"car\"],\"cooldown_s\":86401}", ERR_INVALID},
        {"presence of nobody", "{\"name\":\"a\",\"labels\":[\"car\"],\"presence\":\"nobody\"}", ERR_INVALID},
        {"who of nobody", "{\"name\":\"a\",\"labels\":[\"car\"],\"who\":[]}", ERR_INVALID},
        {"who of a word", "{\"name\":\"a\",\"labels\":[\"car\"],\"who\":\"ada\"}", ERR_INVALID},
        {"who of ids", "{\"name\":\"a\",\"labels\":[\"car\"],\"who\":[\"00000000000000aa\"]}", ERR_OK},
        {"a day of eight",
         "{\"name\":\"a\",\"labels\":[\"car\"],\"schedule\":[{\"days\":[8],\"from\":\"00:00\",\"to\":\"01:"
         "00\"}]}",
         ERR_INVALID},
        {"a zone that is none", "{\"name\":\"a\",\"labels\":[\"car\"],\"zones\":[\"drive\"]}", ERR_INVALID},
        {"a camera that is none", "{\"name\":\"a\",\"labels\":[\"car\"],\"cameras\":[\"00\"]}", ERR_INVALID},
        {"a channel", "{\"name\":\"a\",\"labels\":[\"car\"],\"channels\":[\"0a0b0c0d\"]}", ERR_OK},
        {"a channel that is none", "{\"name\":\"a\",\"labels\":[\"car\"],\"channels\":[7]}", ERR_INVALID},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rule r, again;
        struct diag d = {{0}};
        AUTO(json_release) json_t *o = json_loads(cases[i].json, 0, NULL);
        rule_default(&r);
        err e = rule_read(o, true, &r, &d);
        if (e != cases[i].expected) fail_msg("%s: %s (%s)", cases[i].label, err_text(e), d.text);
        if (e) continue;
        AUTO(json_release) json_t *written = rule_json(&r); /* and is read as it was written */
        json_object_del(written, "id");
        memset(&again, 0, sizeof again);
        memcpy(again.id, r.id, sizeof again.id);
        if (rule_read(written, true, &again, &d)) fail_msg("%s: %s", cases[i].label, d.text);
        AUTO(json_release) json_t *twice = rule_json(&again);
        json_object_del(twice, "id");
        assert_true(json_equal(written, twice));
    }
}

/* --- What was called not interesting --- */

static struct negative thing(uint8_t camera, enum seen_label label, uint16_t x, int seed) {
    struct negative n = {
        .camera = {camera}, .event = {(uint8_t)seed}, .label = label, .box = {x, 5000, 1000, 2000}};
    for (size_t i = 0; i < VISION_LOOK_BYTES; i++) {
        seed = (int)((uint32_t)seed * 1103515245u + 12345u);
        n.look[i] = (int8_t)(seed >> 16);
    }
    return n;
}

static void test_not_interesting(void **state) {
    (void)state;
    static struct negative_list list;
    struct negative bush = thing(1, SEEN_PERSON, 3000, 1);
    negatives_add(&list, &bush);
    struct negative noisy = bush; /* the same a little otherwise, a little aside */
    for (size_t i = 0; i < VISION_LOOK_BYTES; i += 9) noisy.look[i] = (int8_t)(noisy.look[i] * 2 / 3);
    noisy.box.x += 200;
    const struct {
        const char *label;
        struct negative n;
        bool held;
    } cases[] = {
        {"itself", bush, true},
        {"itself, a little otherwise", noisy, true},
        {"something else in its place", thing(1, SEEN_PERSON, 3000, 2), false},
        {"the same elsewhere", thing(1, SEEN_PERSON, 6000, 1), false},
        {"the same on another camera", thing(2, SEEN_PERSON, 3000, 1), false},
        {"the same, called otherwise", thing(1, SEEN_CAR, 3000, 1), false},
        {"without a look", (struct negative){.camera = {1}, .label = SEEN_PERSON, .box = bush.box}, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        if (negatives_hold(&list, &cases[i].n) != cases[i].held) fail_msg("%s", cases[i].label);
    struct negative car = thing(1, SEEN_CAR, 8000, 3);
    negatives_add(&list, &car);
    car.label = SEEN_TRUCK;
    assert_true(negatives_hold(&list, &car));
    AUTO(json_release) json_t *o = negatives_json(&list);
    static struct negative_list again;
    struct diag d = {{0}};
    assert_int_equal(negatives_read(o, &again, &d), ERR_OK);
    assert_memory_equal(&list, &again, sizeof list);
    assert_int_equal(negatives_remove(&list, &bush), 1);
    assert_false(negatives_hold(&list, &bush));
    negatives_forget(&list, car.camera);
    assert_int_equal(list.count, 0);
    for (int i = 0; i < NEGATIVES_MAX + 1; i++) { /* the oldest makes room */
        struct negative n = thing(3, SEEN_DOG, (uint16_t)i, 100 + i);
        negatives_add(&list, &n);
    }
    assert_int_equal(list.count, NEGATIVES_MAX);
    assert_int_equal(list.items[0].box.x, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_zone_may_be),
        cmocka_unit_test(test_zone_limits),
        cmocka_unit_test(test_foot_point),
        cmocka_unit_test(test_inside),
        cmocka_unit_test(test_lines_have_a_direction),
        cmocka_unit_test(test_rules_say_why),
        cmocka_unit_test(test_reasons_add_up),
        cmocka_unit_test(test_what_a_rule_may_be),
        cmocka_unit_test(test_not_interesting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
