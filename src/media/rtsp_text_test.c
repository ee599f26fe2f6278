#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "media/rtsp_auth.h"
#include "media/rtsp_message.h"
#include "media/rtsp_url.h"
#include "media/sdp.h"

/* RFC 7616 section 3.9.1, RFC 2617 section 3.5, RFC 2069 section 2.4 as corrected, RFC 7617 section 2. */
static void test_auth_vectors(void **state) {
    (void)state;
    static const struct {
        const char *challenge, *user, *password, *cnonce, *expected;
    } cases[] = {
        {"Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=MD5, "
         "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", "
         "opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"",
         "Mufasa", "Circle of Life", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
         "response=\"8ca523f5e9506fed4657c9700eebdbec\""},
        {"Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=SHA-256, "
         "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", "
         "opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"",
         "Mufasa", "Circle of Life", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
         "response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\""},
        {"Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", "
         "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"",
         "Mufasa", "Circle Of Life", "0a4f113b", "response=\"6629fae49393a05397450978507c4ef1\""},
        {"Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"", "Mufasa",
         "CircleOfLife", "unused", "response=\"1949323746fe6a43ef61f9606e7febea\""},
        {"Basic realm=\"foo\"", "Aladdin", "open sesame", "", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rtsp_auth a = {0};
        char out[RTSP_AUTH_HEADER_BYTES] = "";
        assert_int_equal(rtsp_auth_challenge(&a, bytes_text(cases[i].challenge)), ERR_OK);
        assert_int_equal(rtsp_auth_answer(&a, cases[i].user, cases[i].password, "GET", "/dir/index.html",
                                          cases[i].cnonce, out),
                         ERR_OK);
        if (!strstr(out, cases[i].expected)) fail_msg("%s\n%s", cases[i].challenge, out);
        assert_int_equal(strstr(out, "algorithm") != NULL, strstr(cases[i].challenge, "algorithm") != NULL);
        assert_int_equal(strstr(out, "nc=00000001") != NULL, strstr(cases[i].challenge, "qop") != NULL);
    }
}

static void test_auth_choice(void **state) {
    (void)state;
    struct rtsp_auth a = {0};
    assert_int_equal(rtsp_auth_challenge(&a, bytes_text("Basic realm=\"x\"")), ERR_OK);
    assert_int_equal(a.scheme, RTSP_AUTH_BASIC);
    assert_int_equal(
        rtsp_auth_challenge(&a, bytes_text("Digest realm=x,nonce=\"1\",algorithm=\"SHA-256\",stale=TRUE")),
        ERR_OK);
    assert_int_equal(a.scheme, RTSP_AUTH_SHA256);
    assert_true(a.stale);
    assert_int_equal(rtsp_auth_challenge(&a, bytes_text("Digest realm=\"x\", nonce=\"2\"")), ERR_OK);
    assert_string_equal(a.nonce, "1"); /* MD5 does not replace the better */
    static const char *const refused[] = {"NTLM", "Digest realm=\"x\"",
                                          "Digest nonce=\"1\", algorithm=SHA-512-256",
                                          "Digest nonce=\"1\", qop=\"auth-int\"", ""};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        rtsp_auth_forget(&a);
        if (rtsp_auth_challenge(&a, bytes_text(refused[i])) != ERR_UNSUPPORTED) fail_msg("%s", refused[i]);
        char out[RTSP_AUTH_HEADER_BYTES];
        assert_int_equal(rtsp_auth_answer(&a, "u", "p", "GET", "/", "1", out), ERR_INVALID);
    }
    /* A quote in a name or a realm cannot break out of its header; a line end is refused. */
    rtsp_auth_forget(&a);
    assert_int_equal(rtsp_auth_challenge(&a, bytes_text("Digest realm=\"a\\\"b\", nonce=\"n\"")), ERR_OK);
    assert_string_equal(a.realm, "a\"b");
    char out[RTSP_AUTH_HEADER_BYTES];
    assert_int_equal(rtsp_auth_answer(&a, "u\"x", "p", "GET", "/", "1", out), ERR_OK);
    assert_non_null(strstr(out, "username=\"u\\\"x\", realm=\"a\\\"b\""));
    rtsp_auth_forget(&a);
    assert_int_equal(rtsp_auth_challenge(&a, bytes_text("Digest nonce=\"a\r\nX: y\"")), ERR_LIMIT);
}

static void test_url(void **state) {
    (void)state;
    static const struct {
        const char *text, *host, *user, *password, *sent;
        uint16_t port;
        bool tls;
    } cases[] = {
        {"rtsp://camera.example/", "camera.example", "", "", "rtsp://camera.example/", 554, false},
        {"rtsps://camera.example", "camera.example", "", "", "rtsps://camera.example", 322, true},
        {"RTSP://10.0.0.9:8554/Streaming/Channels/101?transportmode=unicast", "10.0.0.9", "", "",
         "rtsp://10.0.0.9:8554/Streaming/Channels/101?transportmode=unicast", 8554, false},
        {"rtsp://admin:p%40ss%3Aw%2Ford@cam/cam/realmonitor?channel=1&subtype=0", "cam", "admin",
         "p@ss:w/ord", "rtsp://cam/cam/realmonitor?channel=1&subtype=0", 554, false},
        {"rtsp://admin:pa@ss@cam/x", "cam", "admin", "pa@ss", "rtsp://cam/x", 554, false},
        {"rtsp://admin:100%@cam/x", "cam", "admin", "100%", "rtsp://cam/x", 554, false},
        {"rtsp://admin@[fe80::1]:554/h264#fragment", "fe80::1", "admin", "", "rtsp://[fe80::1]:554/h264", 554,
         false},
        {"rtsp://cam?stream=1", "cam", "", "", "rtsp://cam?stream=1", 554, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rtsp_url u;
        struct diag d = {0};
        if (rtsp_url_parse(cases[i].text, &u, &d)) fail_msg("%s: %s", cases[i].text, d.text);
        assert_string_equal(u.host, cases[i].host);
        assert_string_equal(u.user, cases[i].user);
        assert_string_equal(u.password, cases[i].password);
        assert_string_equal(u.text, cases[i].sent);
        assert_int_equal(u.port, cases[i].port);
        assert_int_equal(u.tls, cases[i].tls);
    }
    static const struct {
        const char *text, *names;
    } wrong[] = {
        {"http://cam/", "begin with rtsp://"},       {"rtsp://", "names no host"},
        {"rtsp:///path", "names no host"},           {"rtsp://cam:0/", "1 to 65535"},
        {"rtsp://cam:65536/", "1 to 65535"},         {"rtsp://[::1/", "closing bracket"},
        {"rtsp://u:secret word@cam/", "a space"},    {"rtsp://u:secret%00@cam/", "not text"},
        {"rtsp://u:secret%0d%0aX@cam/", "not text"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct rtsp_url u;
        struct diag d = {0};
        assert_int_equal(rtsp_url_parse(wrong[i].text, &u, &d), ERR_INVALID);
        if (!strstr(d.text, wrong[i].names) || strstr(d.text, "secret"))
            fail_msg("%s: %s", wrong[i].text, d.text);
    }
}

static void test_control(void **state) {
    (void)state;
    static const struct {
        const char *base, *control, *expected;
    } cases[] = {
        {"rtsp://h/live/", "trackID=0", "rtsp://h/live/trackID=0"},
        {"rtsp://h/live", "trackID=0", "rtsp://h/live/trackID=0"},
        {"rtsp://h/live/", "/trackID=0", "rtsp://h/live/trackID=0"},
        {"rtsp://h/live/", "*", "rtsp://h/live/"},
        {"rtsp://h/live/", "", "rtsp://h/live/"},
        {"rtsp://h/live", "rtsp://10.1.2.3/other/track1", "rtsp://10.1.2.3/other/track1"},
        {"rtsp://h/cam/realmonitor?channel=1&subtype=0/", "trackID=1",
         "rtsp://h/cam/realmonitor?channel=1&subtype=0/trackID=1"},
        {"rtsp://h/video", "?ctype=video", "rtsp://h/video?ctype=video"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[RTSP_URL_TEXT_BYTES];
        assert_int_equal(rtsp_url_control(cases[i].base, bytes_text(cases[i].control), out), ERR_OK);
        assert_string_equal(out, cases[i].expected);
    }
    char out[RTSP_URL_TEXT_BYTES];
    assert_int_equal(rtsp_url_control("rtsp://h/", bytes_text("a b"), out), ERR_INVALID);
    assert_int_equal(rtsp_url_control("rtsp://h/", bytes_text("a\r\nX: y"), out), ERR_INVALID);
}

static void test_message(void **state) {
    (void)state;
    static const char text[] = "RTSP/1.0 200 OK\r\nCSeq: 2\r\nSession:  12ab ;timeout=30\r\nno colon here\r\n"
                               "Content-length: 4\r\n\r\nbodyRTSP/1.0";
    struct rtsp_message m;
    struct diag d = {0};
    size_t scanned = 0;
    for (size_t n = 1; n < sizeof text - 1 - 8; n++)
        assert_int_equal(rtsp_message_read(BYTES(text, n), &scanned, &m, &d), ERR_BUSY);
    assert_int_equal(rtsp_message_read(BYTES(text, sizeof text - 1), &scanned, &m, &d), ERR_OK);
    assert_int_equal(m.status, 200);
    assert_true(bytes_equal(m.body, bytes_text("body")));
    assert_int_equal(m.total, sizeof text - 1 - 8);
    struct bytes value;
    uint64_t number;
    assert_true(rtsp_message_number(&m, "cseq", 9, &number));
    assert_int_equal(number, 2);
    assert_true(rtsp_message_header(&m, "SESSION", 0, &value));
    assert_true(rtsp_field(value, "timeout", &value));
    assert_true(bytes_equal(value, bytes_text("30")));
    assert_false(rtsp_message_header(&m, "session", 1, &value));
    static const struct {
        const char *text;
        err expected;
    } cases[] = {
        {"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", ERR_OK},
        {"HTTP/1.1 400 Bad Request\r\n\r\n", ERR_OK},
        {"RTSP/1.0 xx\r\n\r\n", ERR_INVALID},
        {"SSH-2.0-dropbear\r\n\r\n", ERR_INVALID},
        {"RTSP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n", ERR_LIMIT},
        {"RTSP/1.0 200 OK\r\nContent-Length: 65537\r\n\r\n", ERR_LIMIT},
        {"RTSP/1.0 200 OK\r\nContent-Length: 65536\r\n\r\n", ERR_BUSY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        scanned = 0;
        err e = rtsp_message_read(bytes_text(cases[i].text), &scanned, &m, &d);
        if (e != cases[i].expected) fail_msg("%s: %s", cases[i].text, err_text(e));
    }
}

/* At each limit and one past it. */
static void test_message_limits(void **state) {
    (void)state;
    for (size_t headers = RTSP_HEADERS_MAX; headers <= RTSP_HEADERS_MAX + 1; headers++) {
        AUTO(blob_clear) struct blob b = {0};
        assert_int_equal(blob_append(&b, bytes_text("RTSP/1.0 200 OK\r\n")), ERR_OK);
        for (size_t i = 0; i < headers; i++)
            assert_int_equal(blob_append(&b, bytes_text("a: b\r\n")), ERR_OK);
        assert_int_equal(blob_append(&b, bytes_text("\r\n")), ERR_OK);
        struct rtsp_message m;
        size_t scanned = 0;
        assert_int_equal(rtsp_message_read(blob_bytes(&b), &scanned, &m, NULL),
                         headers > RTSP_HEADERS_MAX ? ERR_LIMIT : ERR_OK);
    }
    for (size_t line = RTSP_LINE_MAX_BYTES - 1; line <= RTSP_LINE_MAX_BYTES; line++) {
        AUTO(blob_clear) struct blob b = {0};
        assert_int_equal(blob_append(&b, bytes_text("RTSP/1.0 200 OK\r\n")), ERR_OK);
        for (size_t i = 0; i < line; i++) assert_int_equal(blob_append_u8(&b, 'x'), ERR_OK);
        assert_int_equal(blob_append(&b, bytes_text("\n\r\n")), ERR_OK);
        struct rtsp_message m;
        size_t scanned = 0;
        assert_int_equal(rtsp_message_read(blob_bytes(&b), &scanned, &m, NULL),
                         line >= RTSP_LINE_MAX_BYTES ? ERR_LIMIT : ERR_OK);
    }
}

/* Descriptions in the manner of several makers. */
static void test_sdp(void **state) {
    (void)state;
    static const struct {
        const char *label, *text;
        enum media_codec video;
        int sound; /* -1: none */
        const char *control;
    } cases[] = {
        {"absolute controls, metadata track",
         "v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=Media Presentation\r\ne=NONE\r\nb=AS:5100\r\nt=0 0\r\n"
         "a=control:rtsp://10.0.0.9:554/Streaming/Channels/101/\r\nm=video 0 RTP/AVP 96\r\nc=IN IP4 "
         "0.0.0.0\r\nb=AS:5000\r\n"
         "a=recvonly\r\na=x-dimensions:1920,1080\r\na=control:rtsp://10.0.0.9:554/Streaming/Channels/101/"
         "trackID=1\r\n"
         "a=rtpmap:96 H264/90000\r\na=fmtp:96 profile-level-id=420029; packetization-mode=1; "
         "sprop-parameter-sets=Z0IAKQ==,aM48gA==\r\n"
         "m=audio 0 RTP/AVP "
         "8\r\na=recvonly\r\na=control:rtsp://10.0.0.9:554/Streaming/Channels/101/trackID=2\r\n"
         "a=rtpmap:8 PCMA/8000\r\nm=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\n",
         MEDIA_CODEC_H264, MEDIA_CODEC_PCMA, "rtsp://10.0.0.9:554/Streaming/Channels/101/trackID=1"},
        {"relative controls, lower-case names, bare line ends",
         "v=0\no=- 2251938208 2251938208 IN IP4 0.0.0.0\ns=RTSP Session/2.0\nt=0 0\na=control:*\nm=video 0 "
         "RTP/AVP 98\n"
         "a=control:trackID=0\na=rtpmap:98 h265/90000\na=fmtp:98 profile-id=1;sprop-sps=QgEB\na=recvonly\n"
         "m=audio 0 RTP/AVP 97\na=control:trackID=1\na=rtpmap:97 mpeg4-generic/16000\n"
         "a=fmtp:97 "
         "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config="
         "1408\n",
         MEDIA_CODEC_H265, MEDIA_CODEC_AAC, "trackID=0"},
        {"back channel first",
         "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:v\r\nm=audio 0 RTP/AVP "
         "0\r\na=sendonly\r\n"
         "m=audio 0 RTP/AVP 98\r\na=rtpmap:98 opus/48000/2\r\na=recvonly\r\n",
         MEDIA_CODEC_H264, MEDIA_CODEC_PCMU, "v"},
        {"AVP over secure or feedback profiles, no rtpmap for static types",
         "v=0\r\nm=video 0 RTP/AVPF 96\r\na=rtpmap:96 H264/90000\r\na=control:track1\r\nm=audio 0 RTP/SAVP "
         "0\r\na=control:track2\r\n",
         MEDIA_CODEC_H264, MEDIA_CODEC_PCMU, "track1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sdp s;
        struct diag d = {0};
        if (sdp_parse(bytes_text(cases[i].text), &s, &d)) fail_msg("%s: %s", cases[i].label, d.text);
        enum media_codec codec;
        assert_true(sdp_codec(&s.media[0], &codec));
        assert_int_equal(codec, cases[i].video);
        assert_true(bytes_equal(s.media[0].control, bytes_text(cases[i].control)));
        assert_true(sdp_codec(&s.media[1], &codec));
        assert_int_equal(codec, cases[i].sound);
    }
    struct sdp s;
    struct diag d = {0};
    assert_int_equal(sdp_parse(bytes_text(cases[2].text), &s, &d), ERR_OK);
    assert_true(s.media[1].sendonly);
    assert_false(s.media[2].sendonly);
    assert_int_equal(s.media[2].clock_hz, 48000);
    assert_int_equal(s.media[2].channels, 2);
    struct bytes value;
    assert_int_equal(sdp_parse(bytes_text(cases[0].text), &s, &d), ERR_OK);
    assert_true(sdp_param(s.media[0].fmtp, "SPROP-parameter-sets", &value));
    uint8_t raw[8];
    size_t len, used;
    assert_int_equal(sdp_base64(value, (struct buffer){raw, sizeof raw}, &len, &used), ERR_OK);
    assert_int_equal(len, 4);
    assert_int_equal(be32_get(raw), 0x67420029);
    assert_int_equal(used, 9);
    assert_int_equal(sdp_base64(value, (struct buffer){raw, 3}, &len, &used), ERR_LIMIT);
    assert_int_equal(sdp_base64(bytes_text("a!b"), (struct buffer){raw, 8}, &len, &used), ERR_INVALID);
    assert_int_equal(sdp_parse(bytes_text("v=0\r\n"), &s, &d), ERR_INVALID);
}

static void test_sdp_limits(void **state) {
    (void)state;
    AUTO(blob_clear) struct blob b = {0};
    for (size_t i = 0; i <= SDP_MEDIA_MAX; i++)
        assert_int_equal(
            blob_append(&b, bytes_text("m=video 0 RTP/AVP 96\r\na=control:x\r\na=rtpmap:96 H264/90000\r\n")),
            ERR_OK);
    assert_int_equal(blob_append(&b, bytes_text("a=rtpmap:96 JPEG/90000\r\n")), ERR_OK);
    struct sdp s;
    assert_int_equal(sdp_parse(blob_bytes(&b), &s, NULL), ERR_OK);
    assert_int_equal(s.count, SDP_MEDIA_MAX);
    assert_true(
        bytes_equal(s.media[SDP_MEDIA_MAX - 1].encoding, bytes_text("H264"))); /* not the surplus one's */
    while (b.len < SDP_MAX_BYTES) assert_int_equal(blob_append_u8(&b, '\n'), ERR_OK);
    assert_int_equal(sdp_parse(BYTES(b.data, SDP_MAX_BYTES), &s, NULL), ERR_OK);
    assert_int_equal(blob_append_u8(&b, '\n'), ERR_OK);
    assert_int_equal(sdp_parse(BYTES(b.data, SDP_MAX_BYTES + 1), &s, NULL), ERR_LIMIT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_auth_vectors), cmocka_unit_test(test_auth_choice),
        cmocka_unit_test(test_url),          cmocka_unit_test(test_control),
        cmocka_unit_test(test_message),      cmocka_unit_test(test_message_limits),
        cmocka_unit_test(test_sdp),          cmocka_unit_test(test_sdp_limits),
    };
    return cmocka_run_group_tests_name("rtsp_text", tests, NULL, NULL);
}
