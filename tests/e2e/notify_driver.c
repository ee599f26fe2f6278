/* notify_driver.c: the hub's alerts without its cameras, driven by lines of JSON, so that a test may raise
 * alerts at will and kill the process at any moment.
 *
 *     notify_driver DIR [CA]
 *     {"do":"alert","id":hex,"title","text"?,"camera"?,"camera_name"?,"label"?,"jpeg"?:path,"small"?:path,"channels"?:[…]}
 *     {"do":"command","verb","args"} | {"do":"test","id"} | {"do":"channels"} |
 * {"do":"cameras","cameras":[…]}
 *     {"do":"state","camera":hex,"what","on"} | {"do":"presence","home"}
 *
 * Each line is answered by one line, {"ok":true,"result"} or {"ok":false,"error","message"}; what comes by
 * itself is
 * {"event":"presence"|"ring", …}. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "hub/notify.h"

#define LINE_MAX_BYTES 65536

static void print_json(json_t *o) {
    json_dumpf(o, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout);
    json_decref(o);
}

static void answer(err e, json_t *result, const struct diag *d) {
    if (e)
        print_json(json_pack("{s:b,s:s,s:s}", "ok", 0, "error", err_text(e), "message", d->text));
    else
        print_json(json_pack("{s:b,s:o}", "ok", 1, "result", result ? result : json_null()));
}

static const char *text_of(json_t *o, const char *name, const char *otherwise) {
    const char *text = json_string_value(json_object_get(o, name));
    return text ? text : otherwise;
}

static void hex_of(json_t *o, const char *name, uint8_t out[16]) {
    if (hex_decode(text_of(o, name, "00000000000000000000000000000000"), (struct buffer){out, 16})) exit(2);
}

static err do_alert(struct notify *n, json_t *o, struct diag *d) {
    AUTO(blob_clear) struct blob jpeg = {0}, small = {0};
    const char *channels[NOTIFY_CHANNELS_MAX];
    struct alert a = {.camera_name = text_of(o, "camera_name", "porch"),
                      .label = text_of(o, "label", "person"),
                      .title = text_of(o, "title", ""),
                      .text = text_of(o, "text", ""),
                      .rule = "people",
                      .at = wall_now(),
                      .packet = wall_now(),
                      .channels = channels};
    hex_of(o, "id", a.id);
    hex_of(o, "camera", a.camera);
    hex_of(o, "id", a.event);
    json_t *list = json_object_get(o, "channels"), *one;
    size_t i;
    json_array_foreach(list, i, one) {
        channels[a.channel_count++] = json_string_value(one);
    }
    err e = ERR_OK;
    if (json_object_get(o, "jpeg")) e = file_read(text_of(o, "jpeg", ""), 1 << 20, &jpeg, d);
    if (!e && json_object_get(o, "small")) e = file_read(text_of(o, "small", ""), 1 << 20, &small, d);
    a.jpeg = blob_bytes(&jpeg);
    a.jpeg_small = blob_bytes(&small);
    return e ? e : notify_alert(n, &a, d);
}

static void on_tested(void *context, err e, json_t *result, const struct diag *d) {
    (void)context;
    answer(e, result, d);
}

static void do_line(struct notify *n, json_t *o) {
    const char *what = text_of(o, "do", "");
    struct diag d = {{0}};
    json_t *result = NULL;
    err e = ERR_OK;
    uint8_t camera[16];
    hex_of(o, "camera", camera);
    if (strcmp(what, "alert") == 0) {
        e = do_alert(n, o, &d);
    } else if (strcmp(what, "command") == 0) {
        e = notify_command(n, text_of(o, "verb", ""), json_object_get(o, "args"), &result, &d);
    } else if (strcmp(what, "test") == 0) {
        json_object_del(o, "do");
        e = notify_test(n, o, on_tested, NULL, &d);
        if (!e) return; /* on_tested answers */
    } else if (strcmp(what, "channels") == 0) {
        result = notify_channels(n);
    } else if (strcmp(what, "cameras") == 0) {
        notify_cameras(n, json_object_get(o, "cameras"));
    } else if (strcmp(what, "presence") == 0) {
        notify_presence(n, json_is_true(json_object_get(o, "home")));
    } else if (strcmp(what, "state") == 0) {
        notify_state(n, camera, "", text_of(o, "what", ""), json_is_true(json_object_get(o, "on")));
    } else {
        e = diag_fail(&d, ERR_INVALID, "what is \"%s\"?", what);
    }
    answer(e, result, &d);
}

static void on_presence(void *context, bool home, const char *by) {
    (void)context;
    print_json(json_pack("{s:s,s:b,s:s}", "event", "presence", "home", home, "by", by));
}

static void on_ring(void *context, const uint8_t camera[16]) {
    (void)context;
    print_json(json_pack("{s:s,s:o}", "event", "ring", "camera", json_hex(BYTES(camera, 16))));
}

/* Lines from standard input until its end, and what notify has to say meanwhile. */
static void serve(struct notify *n) {
    static const struct notify_events events = {NULL, on_presence, on_ring};
    AUTO(blob_clear) struct blob in = {0};
    for (;;) {
        struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                               {.fd = notify_fd(n), .events = POLLIN}};
        if (poll(fds, 2, 1000) < 0) return;
        notify_poll(n, &events);
        if (!fds[0].revents) continue;
        if (blob_reserve(&in, in.len + LINE_MAX_BYTES)) return;
        ssize_t got = read(STDIN_FILENO, in.data + in.len, LINE_MAX_BYTES);
        if (got <= 0) return;
        in.len += (size_t)got;
        for (uint8_t *eol; in.len && (eol = memchr(in.data, '\n', in.len));) {
            size_t len = (size_t)(eol - in.data);
            AUTO(json_release) json_t *o = NULL;
            struct diag d = {{0}};
            if (json_parse(BYTES(in.data, len), &o, &d))
                answer(ERR_INVALID, NULL, &d);
            else
                do_line(n, o);
            blob_drop_front(&in, len + 1);
        }
    }
}

int main(int argc, char **argv) {
    struct diag d = {{0}};
    struct notify *n = NULL;
    if (argc < 2) return 2;
    log_open("notify_driver", LOG_LEVEL_DEBUG);
    const struct notify_options options = {.data = argv[1], .ca_file = argc > 2 ? argv[2] : NULL};
    if (notify_new(&options, &n, &d)) {
        log_error("%s", d.text);
        return 1;
    }
    serve(n);
    notify_free(n);
    return 0;
}
