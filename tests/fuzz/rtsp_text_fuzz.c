/* URLs, challenges and messages: the texts of RTSP. The first byte chooses. */
#include <stdlib.h>

#include "media/rtsp_auth.h"
#include "media/rtsp_message.h"
#include "media/rtsp_url.h"

static void url(struct bytes in) {
    char text[4096];
    struct rtsp_url u;
    struct diag d;
    if (in.len >= sizeof text) return;
    memcpy(text, in.data, in.len);
    text[in.len] = 0;
    if (rtsp_url_parse(text, &u, &d)) return;
    if (u.host[0] == 0 || u.port == 0) abort();
    if (strlen(u.password) > 8 && !strstr(text, "rtsp://host") && strstr(u.text, "@")) {
        const char *at = strchr(u.text, '@'), *slash = strchr(u.text + 8, '/');
        if (!slash || at < slash) abort(); /* a password in what is sent */
    }
}

static void challenge(struct bytes in) {
    struct rtsp_auth a = {0};
    char out[RTSP_AUTH_HEADER_BYTES];
    if (rtsp_auth_challenge(&a, in)) return;
    if (rtsp_auth_answer(&a, "us\"er", "secret\\", "DESCRIBE", "rtsp://camera.example/", "0123", out)) return;
    if (strpbrk(out, "\r\n") || strlen(out) >= sizeof out) abort();
}

static void message(struct bytes in) {
    struct rtsp_message whole, piecewise;
    struct diag d;
    size_t scanned = 0, scanned_once = 0;
    err a = rtsp_message_read(in, &scanned_once, &whole, &d), b = ERR_BUSY;
    for (size_t n = 1; n <= in.len && b == ERR_BUSY; n++)
        b = rtsp_message_read(BYTES(in.data, n), &scanned, &piecewise, &d);
    if (in.len && a != b) abort(); /* however it is cut, it says the same */
    if (!a && whole.total != piecewise.total) abort();
    struct bytes value;
    if (!a && rtsp_message_header(&whole, "Transport", 0, &value))
        (void)rtsp_field(value, "interleaved", &value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0 || size > 16384) return 0;
    struct bytes rest = BYTES(data + 1, size - 1);
    switch (data[0] % 3) {
        case 0: url(rest); break;
        case 1: challenge(rest); break;
        default: message(rest); break;
    }
    return 0;
}
