/* Addresses, what is shown of them, schedules, and the list of cameras. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "hub/cameras.h"

static void test_addresses(void **state) {
    (void)state;
    static const struct {
        const char *url;
        err expected;
        const char *host;
        uint16_t port;
        const char *shown;
    } cases[] = {
        {"rtsp://cam/live", ERR_OK, "cam", 554, "rtsp://cam/live"},
        {"RTSP://user:pa@ss@cam.local:8554/live?x=1", ERR_OK, "cam.local", 8554,
         "RTSP://cam.local:8554/live?x=1"},
        {"rtsps://u:p@[fe80::1]:322/", ERR_OK, "fe80::1", 322, "rtsps://[fe80::1]:322/"},
        {"rtsp://u:p@[fe80::1]", ERR_OK, "fe80::1", 554, "rtsp://[fe80::1]"},
        {"onvif://admin:x@10.0.0.9", ERR_OK, "10.0.0.9", 80, "onvif://10.0.0.9"},
        {"rtsp://cam/@home", ERR_OK, "cam", 554, "rtsp://cam/@home"},
        {"rtsp://u:p@cam/@home", ERR_OK, "cam", 554, "rtsp://cam/@home"},
        {"file:/clips/a.mp4", ERR_OK, "", 0, "file:/clips/a.mp4"},
        {"file:///clips/a.mp4", ERR_OK, "", 0, "file:///clips/a.mp4"},
        {"v4l2:/dev/video0", ERR_OK, "", 0, "v4l2:/dev/video0"},
        {"v4l2:/etc/passwd", ERR_INVALID, "", 0, "v4l2:/etc/passwd"},
        {"file:clip.mp4", ERR_INVALID, "", 0, "file:clip.mp4"},
        {"file:/a/../b", ERR_INVALID, "", 0, "file:/a/../b"},
        {"rtsp://", ERR_INVALID, "", 0, "rtsp://"},
        {"rtsp://u:p@", ERR_INVALID, "", 0, "rtsp://"},
        {"rtsp://cam:0/", ERR_INVALID, "", 0, "rtsp://cam:0/"},
        {"rtsp://cam:99999/", ERR_INVALID, "", 0, "rtsp://cam:99999/"},
        {"rtsp://cam:8x/", ERR_INVALID, "", 0, "rtsp://cam:8x/"},
        {"rtsp://[::1/", ERR_INVALID, "", 0, "rtsp://[::1/"},
        {"rtsp://ca\nm/", ERR_INVALID, "", 0, "rtsp://ca\nm/"},
        {"http://u:p@cam/", ERR_INVALID, "", 0, "http://cam/"},
        {"u:secret@cam/", ERR_INVALID, "", 0, "cam/"},
        {"rtsp://u:sec/ret@cam/", ERR_INVALID, "", 0,
         "rtsp://cam/"}, /* "sec" is taken for a port: refused, and not shown */
        {"", ERR_INVALID, "", 0, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct camera_url u = {0};
        struct diag d = {{0}};
        char shown[CAMERA_URL_MAX_BYTES + 1];
        err e = camera_url_parse(cases[i].url, &u, &d);
        if (e != cases[i].expected) fail_msg("%s: %s", cases[i].url, err_text(e));
        assert_string_equal(u.host, cases[i].host);
        assert_int_equal(u.port, cases[i].port);
        camera_url_redact(cases[i].url, shown);
        assert_string_equal(shown, cases[i].shown);
        assert_null(strstr(d.text, "secret"));
        assert_null(strstr(d.text, "sec/ret"));
    }
    static const struct {
        const char *a, *b;
        bool same;
    } pairs[] = {
        {"rtsp://cam/live", "rtsp://user:pass@CAM:554/live", true},
        {"rtsp://cam/live", "rtsp://cam/live2", false},
        {"rtsp://cam/", "rtsp://cam", true},
        {"rtsp://cam/a?ch=1", "rtsp://cam/a?ch=2", false},
        {"rtsp://cam:554/a", "rtsp://cam:8554/a", false},
        {"file:/a.mp4", "file:///a.mp4", true},
        {"file:/a.mp4", "file:/b.mp4", false},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (camera_url_same(pairs[i].a, pairs[i].b) != pairs[i].same)
            fail_msg("%s, %s", pairs[i].a, pairs[i].b);
}

static void test_schedule(void **state) {
    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    struct record_settings r = {.mode = RECORD_MODE_SCHEDULE};
    AUTO(json_release)
    json_t *o = json_loads("{\"mode\":\"schedule\",\"schedule\":["
                           "{\"days\":[1,2,3,4,5],\"from\":\"08:00\",\"to\":\"17:30\"},"
                           "{\"days\":[5],\"from\":\"22:00\",\"to\":\"06:00\"},"
                           "{\"days\":[7],\"from\":\"00:00\",\"to\":\"00:00\"}]}",
                           0, NULL);
    struct diag d;
    assert_int_equal(record_settings_read(o, &r, &d), ERR_OK);
    static const struct {
        const char *time;
        bool wanted;
    } cases[] = {
        {"2026-11-16T07:59:59Z", false}, {"2026-11-16T08:00:00Z", true}, /* Monday */
        {"2026-11-16T17:29:59Z", true},  {"2026-11-16T17:30:00Z", false},
        {"2026-11-20T23:00:00Z", true},                                   /* Friday night */
        {"2026-11-21T05:59:59Z", true},  {"2026-11-21T06:00:00Z", false}, /* into Saturday */
        {"2026-11-21T23:00:00Z", false}, {"2026-11-22T12:00:00Z", true},  /* Sunday, all day */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct wall_us t;
        assert_int_equal(wall_parse(cases[i].time, wall_now(), &t, NULL), ERR_OK);
        if (schedule_wants(&r, t) != cases[i].wanted) fail_msg("%s", cases[i].time);
    }
    AUTO(json_release) json_t *again = record_settings_json(&r);
    struct record_settings back = {0};
    assert_int_equal(record_settings_read(again, &back, &d), ERR_OK);
    assert_int_equal(back.schedule_count, 3);
    assert_memory_equal(&back.schedule, &r.schedule, sizeof r.schedule);

    static const struct {
        const char *text, *names;
    } wrong[] = {
        {"{}", "\"mode\" is missing"},
        {"{\"mode\":\"sometimes\"}", "\"mode\" must be always, motion, schedule or off"},
        {"{\"mode\":\"always\",\"pre_s\":31}", "\"pre_s\""},
        {"{\"mode\":\"always\",\"fast\":true}", "\"fast\""},
        {"{\"mode\":\"schedule\",\"schedule\":[{\"days\":[8],\"from\":\"00:00\",\"to\":\"01:00\"}]}",
         "a day is 1"},
        {"{\"mode\":\"schedule\",\"schedule\":[{\"days\":[1],\"from\":\"0:00\",\"to\":\"01:00\"}]}",
         "\"from\" must be"},
        {"{\"mode\":\"schedule\",\"schedule\":[{\"days\":[1],\"from\":\"00:00\",\"to\":\"24:01\"}]}",
         "\"to\" must be"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        AUTO(json_release) json_t *bad = json_loads(wrong[i].text, 0, NULL);
        assert_int_equal(record_settings_read(bad, &back, &d), ERR_INVALID);
        if (!strstr(d.text, wrong[i].names)) fail_msg("%s: %s", wrong[i].text, d.text);
    }
}

static err add(struct cameras *c, const char *json, struct camera_settings **out, struct diag *d) {
    AUTO(json_release) json_t *args = json_loads(json, 0, NULL);
    assert_non_null(args);
    return cameras_add(c, args, wall_now(), out, d);
}

static void test_cameras(void **state) {
    (void)state;
    char folder[] = "/tmp/cardea-cameras-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/cameras.json", folder);
    struct cameras c, again;
    struct camera_settings *one, *two;
    struct diag d = {{0}};
    assert_int_equal(cameras_load(path, &c, &d), ERR_OK);
    assert_int_equal(
        add(&c, "{\"name\":\"porch\",\"url\":\"rtsp://u:secret@cam/1\",\"sub\":\"rtsp://u:secret@cam/2\"}",
            &one, &d),
        ERR_OK);
    static const struct {
        const char *json;
        err expected;
        const char *names;
    } cases[] = {
        {"{\"name\":\"porch\",\"url\":\"rtsp://b/1\"}", ERR_EXISTS, "named \"porch\""},
        {"{\"name\":\"b\",\"url\":\"rtsp://CAM:554/1\"}", ERR_EXISTS, "as \"porch\""},
        {"{\"name\":\"b\",\"url\":\"rtsp://cam/2\"}", ERR_EXISTS, "as \"porch\""},
        {"{\"name\":\"b\",\"url\":\"rtsp://b/1\",\"sub\":\"rtsp://cam/1\"}", ERR_EXISTS, "as \"porch\""},
        {"{\"name\":\"b\",\"url\":\"rtsp://b/1\",\"sub\":\"rtsp://b/1\"}", ERR_INVALID, "\"sub\""},
        {"{\"name\":\"b\",\"url\":\"ftp://x:secret@b/1\"}", ERR_INVALID, "\"url\""},
        {"{\"name\":\"\",\"url\":\"rtsp://b/1\"}", ERR_INVALID, "\"name\""},
        {"{\"url\":\"rtsp://b/1\"}", ERR_INVALID, "\"name\""},
        {"{\"name\":\"b\",\"url\":\"rtsp://b/1\",\"extra\":1}", ERR_INVALID, "\"extra\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(add(&c, cases[i].json, &two, &d), cases[i].expected);
        if (!strstr(d.text, cases[i].names)) fail_msg("%s: %s", cases[i].json, d.text);
        assert_null(strstr(d.text, "secret"));
        assert_int_equal(c.count, 1);
    }
    assert_int_equal(
        add(&c, "{\"name\":\"yard\",\"url\":\"file:/a.mp4\",\"indoor\":true,\"audio\":false}", &two, &d),
        ERR_OK);
    AUTO(json_release)
    json_t *set = json_loads(
        "{\"name\":\"garden\",\"retention_days\":7,\"record\":{\"mode\":\"motion\",\"pre_s\":3}}", 0, NULL);
    assert_int_equal(cameras_set(&c, two, set, &d), ERR_OK);

    assert_int_equal(cameras_load(path, &again, &d), ERR_OK);
    assert_int_equal(again.count, 2);
    assert_string_equal(again.list[1].name, "garden");
    assert_int_equal(again.list[1].retention_days, 7);
    assert_int_equal(again.list[1].record.mode, RECORD_MODE_MOTION);
    assert_int_equal(again.list[1].record.pre_s, 3);
    assert_true(again.list[1].indoor);
    assert_string_equal(again.list[0].url, "rtsp://u:secret@cam/1");
    assert_ptr_equal(cameras_find(&again, c.list[0].sub), &again.list[0]);
    uint8_t hub[16] = {1};
    AUTO(json_release) json_t *profile = camera_profile(&again.list[0], false, hub);
    char *text = json_dumps(profile, 0);
    assert_null(strstr(text, "secret"));
    assert_null(strstr(text, "rtsp"));
    free(text);
    assert_int_equal(cameras_remove(&again, &again.list[0], &d), ERR_OK);
    cameras_clear(&c);
    assert_int_equal(cameras_load(path, &c, &d), ERR_OK);
    assert_int_equal(c.count, 1);
    assert_string_equal(c.list[0].name, "garden");
    cameras_clear(&c);
    cameras_clear(&again);
    unlink(path);
    rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_schedule),
        cmocka_unit_test(test_cameras),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
