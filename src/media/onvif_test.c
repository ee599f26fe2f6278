#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "media/onvif_events.h"

#define HEAD                                                                                                 \
    "<?xml version=\"1.0\" encoding=\"utf-8\"?><env:Envelope "                                               \
    "xmlns:env=\"http://www.w3.org/2003/05/soap-envelope\" "                                                 \
    "xmlns:tt=\"http://www.onvif.org/ver10/schema\" "                                                        \
    "xmlns:trt=\"http://www.onvif.org/ver10/media/wsdl\"><env:Body>"
#define TAIL "</env:Body></env:Envelope>"

static bool has(const struct blob *b, const char *text) {
    return memmem(b->data, b->len, text, strlen(text)) != NULL;
}

/* The digest of the ONVIF Application Programmer's Guide: nonce LKqI6G/AikKCQrN0zqZFlg==, userpassword. */
static void test_login(void **state) {
    (void)state;
    const struct onvif_login login = {.user = "a<b>&\"c",
                                      .password = "userpassword",
                                      .camera_now = {1284624447000000},
                                      .nonce = {0x2c, 0xaa, 0x88, 0xe8, 0x6f, 0xc0, 0x8a, 0x42, 0x82, 0x42,
                                                0xb3, 0x74, 0xce, 0xa6, 0x45, 0x96}};
    AUTO(blob_clear) struct blob b = {0};
    assert_int_equal(onvif_stream_request(&login, "pro<file", &b), ERR_OK);
    assert_true(has(&b, ">LKqI6G/AikKCQrN0zqZFlg=="));
    assert_true(has(&b, "<w:Username>a&lt;b&gt;&amp;&quot;c</w:Username>"));
    assert_true(has(&b, "<ProfileToken>pro&lt;file</ProfileToken>"));
    assert_true(has(&b, "2010-09-16T08:07:27.000Z</c:Created>"));
    assert_false(has(&b, "userpassword"));
    AUTO(blob_clear) struct blob open = {0};
    const struct onvif_login none = {0};
    assert_int_equal(onvif_profiles_request(&none, &open), ERR_OK);
    assert_false(has(&open, "Security"));
}

static void test_time(void **state) {
    (void)state;
    struct wall_us out;
    struct diag d;
    static const char good[] = HEAD "<r><tt:UTCDateTime><tt:Time><tt:Hour>12</tt:Hour><tt:Minute>34</"
                                    "tt:Minute><tt:Second>56</tt:Second></tt:Time>"
                                    "<tt:Date><tt:Year>2026</tt:Year><tt:Month>11</tt:Month><tt:Day>22</"
                                    "tt:Day></tt:Date></tt:UTCDateTime></r>" TAIL;
    assert_int_equal(onvif_time_parse(bytes_text(good), &out, &d), ERR_OK);
    assert_int_equal(out.us, 1795350896000000);
    static const char bad[] =
        HEAD "<r><tt:UTCDateTime><tt:Time><tt:Hour>-1</tt:Hour></tt:Time></tt:UTCDateTime></r>" TAIL;
    assert_int_equal(onvif_time_parse(bytes_text(bad), &out, &d), ERR_INVALID);
}

static void test_profiles(void **state) {
    (void)state;
    struct onvif_profile p[ONVIF_PROFILES_MAX];
    size_t count = 0;
    struct diag d;
#define PROFILE(token, encoding, w, h)                                                                       \
    "<trt:Profiles token=\"" token "\" fixed=\"true\"><tt:Name>n " token                                     \
    "</tt:Name><tt:VideoSourceConfiguration/>"                                                               \
    "<tt:VideoEncoderConfiguration token=\"e\"><tt:Name>e</tt:Name><tt:Encoding>" encoding                   \
    "</tt:Encoding><tt:Resolution><tt:Width>" w "</tt:Width><tt:Height>" h                                   \
    "</tt:Height></tt:Resolution></tt:VideoEncoderConfiguration></trt:Profiles>"
    static const char text[] = HEAD "<trt:GetProfilesResponse>" PROFILE("sub", "H264", "640", "360")
        PROFILE("main", "H264", "2560", "1440")
            PROFILE("jpeg", "JPEG", "3840", "2160") "<trt:Profiles token=\"novideo\"/>"
                                                    "</trt:GetProfilesResponse>" TAIL;
    assert_int_equal(onvif_profiles_parse(bytes_text(text), p, &count, &d), ERR_OK);
    assert_int_equal(count, 3);
    assert_string_equal(p[0].name, "n sub");
    assert_string_equal(onvif_profile_choose(p, count, false)->token, "main");
    assert_string_equal(onvif_profile_choose(p, count, true)->token, "sub");
    assert_null(onvif_profile_choose(p + 2, 1, false));
    AUTO(blob_clear) struct blob many = {0};
    assert_int_equal(blob_append(&many, bytes_text(HEAD "<trt:GetProfilesResponse>")), ERR_OK);
    for (unsigned i = 0; i <= ONVIF_PROFILES_MAX; i++)
        assert_int_equal(blob_append(&many, bytes_text(PROFILE("x", "H264", "640", "360"))), ERR_OK);
    assert_int_equal(blob_append(&many, bytes_text("</trt:GetProfilesResponse>" TAIL)), ERR_OK);
    assert_int_equal(onvif_profiles_parse(blob_bytes(&many), p, &count, &d), ERR_OK);
    assert_int_equal(count, ONVIF_PROFILES_MAX);
}

static void test_addresses(void **state) {
    (void)state;
    struct diag d;
    char path[ONVIF_ADDRESS_BYTES], url[ONVIF_ADDRESS_BYTES];
    uint16_t port;
    assert_int_equal(onvif_service_parse(bytes_text(HEAD "<r><c><tt:Media><tt:XAddr>http://192.168.1.9:8899/"
                                                         "onvif/Media</tt:XAddr></tt:Media></c></r>" TAIL),
                                         "Media", &port, path, &d),
                     ERR_OK);
    assert_int_equal(port, 8899);
    assert_string_equal(path, "/onvif/Media");
    static const struct {
        const char *uri, *host, *user, *expected;
    } cases[] = {
        {"rtsp://192.168.1.9:554/cam?channel=1&amp;subtype=0", "cam.example", "ad min",
         "rtsp://ad%20min:p%40%2F@cam.example:554/cam?channel=1&subtype=0"},
        {"rtsp://x:y@10.0.0.1/live", "fe80::1", NULL, "rtsp://[fe80::1]/live"},
        {"rtsps://[::1]:322/live", "h", NULL, "rtsps://h:322/live"},
        {"http://10.0.0.1/live", "h", NULL, NULL},
        {"rtsp:", "h", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[2048];
        snprintf(text, sizeof text,
                 HEAD "<trt:GetStreamUriResponse><trt:MediaUri><tt:Uri>%s</tt:Uri></trt:MediaUri></"
                      "trt:GetStreamUriResponse>" TAIL,
                 cases[i].uri);
        err e = onvif_stream_parse(bytes_text(text), cases[i].host, cases[i].user, "p@/", url, &d);
        if ((e == ERR_OK) != (cases[i].expected != NULL)) fail_msg("%s: %s", cases[i].uri, err_text(e));
        if (!e) assert_string_equal(url, cases[i].expected);
    }
}

static void test_refusals(void **state) {
    (void)state;
    struct diag d = {0};
    char path[ONVIF_ADDRESS_BYTES];
    uint16_t port;
    static const struct {
        const char *label, *text;
        err expected;
        const char *says;
    } cases[] = {
        {"not authorised",
         HEAD "<env:Fault><env:Code><env:Value>env:Sender</"
              "env:Value><env:Subcode><env:Value>ter:NotAuthorized</env:Value></env:Subcode>"
              "</env:Code><env:Reason><env:Text>no</env:Text></env:Reason></env:Fault>" TAIL,
         ERR_DENIED, "refused the ONVIF user name or password"},
        {"another fault",
         HEAD "<env:Fault><env:Reason><env:Text>Action \033[31mNot "
              "Implemented</env:Text></env:Reason></env:Fault>" TAIL,
         ERR_INVALID, "no XML"},
        {"a third fault",
         HEAD "<env:Fault><env:Reason><env:Text>Not Implemented</env:Text></env:Reason></env:Fault>" TAIL,
         ERR_UNSUPPORTED, "Not Implemented"},
        {"entities", "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><x>&b;</x>", ERR_INVALID,
         "document type"},
        {"a file", "<!DOCTYPE x [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><x>&a;</x>", ERR_INVALID,
         "document type"},
        {"no XML", "<html><body>hello", ERR_INVALID, "no XML"},
        {"empty", "", ERR_INVALID, "no XML"},
        {"another answer", HEAD "<x/>" TAIL, ERR_INVALID, "has no Media"},
        {"another kind of address", HEAD "<Media><XAddr>ftp://h/</XAddr></Media>" TAIL, ERR_INVALID,
         "no http address"},
        {"a line end in an address", HEAD "<Media><XAddr>http://h/a&#13;&#10;X: y</XAddr></Media>" TAIL,
         ERR_INVALID, "no http address"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        err e = onvif_service_parse(bytes_text(cases[i].text), "Media", &port, path, &d);
        if (e != cases[i].expected || !strstr(d.text, cases[i].says))
            fail_msg("%s: %s: %s", cases[i].label, err_text(e), d.text);
    }
    AUTO(blob_clear) struct blob large = {0};
    assert_int_equal(blob_append(&large, bytes_text(HEAD "<Media><XAddr>http://h/</XAddr></Media>" TAIL)),
                     ERR_OK);
    while (large.len < ONVIF_REPLY_MAX_BYTES) assert_int_equal(blob_append_u8(&large, ' '), ERR_OK);
    assert_int_equal(onvif_service_parse(blob_bytes(&large), "Media", &port, path, &d), ERR_OK);
    assert_int_equal(blob_append_u8(&large, ' '), ERR_OK);
    assert_int_equal(onvif_service_parse(blob_bytes(&large), "Media", &port, path, &d), ERR_LIMIT);
}

static void test_probe(void **state) {
    (void)state;
    struct onvif_device device;
    struct diag d;
    char id[ONVIF_PROBE_ID_BYTES], text[2048];
    AUTO(blob_clear) struct blob probe = {0};
    const uint8_t random[16] = {0xde, 0xad, 0xbe, 0xef};
    assert_int_equal(onvif_probe_build(random, id, &probe), ERR_OK);
    assert_string_equal(id, "urn:uuid:deadbeef-0000-4000-8000-000000000000");
    assert_true(has(&probe, id));
    snprintf(text, sizeof text,
             "<e:Envelope "
             "xmlns:e=\"http://www.w3.org/2003/05/soap-envelope\"><e:Header><RelatesTo>%s</RelatesTo></"
             "e:Header><e:Body><ProbeMatches>"
             "<ProbeMatch><Scopes>onvif://www.onvif.org/type/video_encoder\n "
             "onvif://www.onvif.org/name/Front%%20Door onvif://www.onvif.org/hardware/X-1</Scopes>"
             "<XAddrs>https://10.0.0.9/onvif http://10.0.0.9:8080/onvif/device_service "
             "http://[fe80::9]/x</XAddrs></ProbeMatch></ProbeMatches></e:Body></e:Envelope>",
             id);
    assert_int_equal(onvif_probe_parse(bytes_text(text), id, &device, &d), ERR_OK);
    assert_string_equal(device.address, "http://10.0.0.9:8080/onvif/device_service");
    assert_string_equal(device.host, "10.0.0.9");
    assert_int_equal(device.port, 8080);
    assert_string_equal(device.name, "Front Door");
    assert_string_equal(device.hardware, "X-1");
    snprintf(
        text, sizeof text,
        "<E><RelatesTo>%s</RelatesTo><ProbeMatch><XAddrs>http://[fe80::9]:81/x</XAddrs></ProbeMatch></E>",
        id);
    assert_int_equal(onvif_probe_parse(bytes_text(text), id, &device, &d), ERR_OK);
    assert_string_equal(device.host, "fe80::9");
    assert_int_equal(device.port, 81);
    assert_int_equal(onvif_probe_parse(bytes_text(text), "urn:uuid:other", &device, &d), ERR_INVALID);
}

static void count_presses(void *context, const char *topic) {
    (void)topic;
    ++*(int *)context;
}

#define NOTE(topic, operation, name, value)                                                                  \
    "<wsnt:NotificationMessage><wsnt:Topic Dialect=\"d\">" topic "</wsnt:Topic><wsnt:Message><tt:Message "   \
    "UtcTime=\"2026-11-22T10:00:00Z\" PropertyOperation=\"" operation "\"><tt:Source><tt:SimpleItem "        \
    "Name=\"Token\" Value=\"1\"/></tt:Source><tt:Data><tt:SimpleItem Name=\"" name "\" Value=\"" value       \
    "\"/></tt:Data></tt:Message></wsnt:Message></wsnt:NotificationMessage>"
#define PULLED(notes)                                                                                        \
    "<e:Envelope xmlns:e=\"http://www.w3.org/2003/05/soap-envelope\" xmlns:wsnt=\"w\" "                      \
    "xmlns:tt=\"t\"><e:Body><PullMessagesResponse>" notes "</PullMessagesResponse></e:Body></e:Envelope>"

static void test_button(void **state) {
    (void)state;
    static const struct {
        const char *label, *text;
        err expected;
        int presses;
    } cases[] = {
        {"pressed", PULLED(NOTE("tns1:Device/Trigger/DigitalInput", "Changed", "LogicalState", "true")),
         ERR_OK, 1},
        {"let go", PULLED(NOTE("tns1:Device/Trigger/DigitalInput", "Changed", "LogicalState", "false")),
         ERR_OK, 0},
        {"as it was", PULLED(NOTE("tns1:Device/Trigger/DigitalInput", "Initialized", "LogicalState", "true")),
         ERR_OK, 0},
        {"a visitor", PULLED(NOTE("tns1:RuleEngine/MyRuleDetector/Visitor", "Changed", "State", "true")),
         ERR_OK, 1},
        {"two prefixes", PULLED(NOTE("tns1:Device/tnsaxis:IO/Port", "Changed", "state", "1")), ERR_OK, 1},
        {"motion", PULLED(NOTE("tns1:VideoSource/MotionAlarm", "Changed", "State", "true")), ERR_OK, 0},
        {"nothing", PULLED(""), ERR_OK, 0},
        {"two presses",
         PULLED(NOTE("tns1:Device/Trigger/DigitalInput", "Changed", "LogicalState", "1")
                    NOTE("a:Device/Trigger/DigitalInput", "Changed", "other", "0")),
         ERR_OK, 2},
        {"no answer", HEAD "<r/>" TAIL, ERR_INVALID, 0},
        {"a fault", HEAD "<env:Fault><env:Reason><env:Text>gone</env:Text></env:Reason></env:Fault>" TAIL,
         ERR_UNSUPPORTED, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int presses = 0;
        struct diag d = {0};
        err e = onvif_pull_parse(bytes_text(cases[i].text), count_presses, &presses, &d);
        if (e != cases[i].expected || presses != cases[i].presses)
            fail_msg("%s: %s, %d presses; %s", cases[i].label, err_text(e), presses, d.text);
    }
    AUTO(blob_clear) struct blob many = {0};
    int presses = 0;
    struct diag d;
    assert_int_equal(
        blob_append(
            &many,
            bytes_text(
                "<e:Envelope xmlns:e=\"x\" xmlns:wsnt=\"w\" xmlns:tt=\"t\"><e:Body><PullMessagesResponse>")),
        ERR_OK);
    for (int i = 0; i <= ONVIF_MESSAGES_MAX; i++)
        assert_int_equal(
            blob_append(&many, bytes_text(NOTE("tns1:Device/Trigger/DigitalInput", "Changed", "State", "1"))),
            ERR_OK);
    assert_int_equal(blob_append(&many, bytes_text("</PullMessagesResponse></e:Body></e:Envelope>")), ERR_OK);
    assert_int_equal(onvif_pull_parse(blob_bytes(&many), count_presses, &presses, &d), ERR_OK);
    assert_int_equal(presses, ONVIF_MESSAGES_MAX);
}

static void test_pull_point(void **state) {
    (void)state;
    struct onvif_pull_point p = {0};
    struct diag d;
    static const char good[] =
        HEAD "<CreatePullPointSubscriptionResponse><SubscriptionReference><a:Address "
             "xmlns:a=\"x\">http://10.0.0.9:81/sub?id=7</a:Address>"
             "<a:ReferenceParameters xmlns:a=\"x\"><v:Id "
             "xmlns:v=\"urn:&lt;v&gt;\">a&lt;b</v:Id></a:ReferenceParameters></SubscriptionReference>"
             "</CreatePullPointSubscriptionResponse>" TAIL;
    assert_int_equal(onvif_subscribe_parse(bytes_text(good), &p, &d), ERR_OK);
    assert_int_equal(p.port, 81);
    assert_string_equal(p.path, "/sub?id=7");
    assert_non_null(strstr(p.reference, "<Id xmlns=\"urn:&lt;v&gt;\""));
    assert_non_null(strstr(p.reference, ">a&lt;b</Id>"));
    AUTO(blob_clear) struct blob b = {0};
    const struct onvif_login none = {0};
    assert_int_equal(onvif_pull_request(&none, &p, "http://10.0.0.9:81/sub?id=7&x", &b), ERR_OK);
    assert_true(has(&b, ">http://10.0.0.9:81/sub?id=7&amp;x</a:To>"));
    assert_true(has(&b, p.reference));
    assert_true(has(&b, "<Timeout>PT20S</Timeout>"));
    assert_int_equal(
        onvif_subscribe_parse(
            bytes_text(HEAD
                       "<SubscriptionReference><Address>ftp://x/</Address></SubscriptionReference>" TAIL),
            &p, &d),
        ERR_INVALID);
    assert_string_equal(p.path, "/sub?id=7");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_login),    cmocka_unit_test(test_button),   cmocka_unit_test(test_pull_point),
        cmocka_unit_test(test_time),     cmocka_unit_test(test_profiles), cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_probe),
    };
    return cmocka_run_group_tests_name("onvif", tests, NULL, NULL);
}
