/* camera_simulator.c: many cheap cameras for benchmarks, on loopback, in one thread.
 *
 * Serves one Annex-B H.264 file (one slice for each picture) in a loop and in real time as
 * rtsp://127.0.0.1:PORT/camN, over interleaved TCP. Packets of a frame leave -g microseconds apart, as from a
 * camera's 100 Mbit/s port, and each frame begins with an SEI message (ITU-T H.264 D.1.7, user data
 * unregistered) that holds the steady time at which its last packet is due, so that a viewer can tell how old
 * a picture is. Prints "port N" when ready, and its own CPU and the frames sent on SIGTERM. Options: -f FILE
 * -r FPS  -p PORT (0: any)  -g GAP_US  -x SPEED. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "bench/stamp.h"

#define PAYLOAD_BYTES 1400
#define CLIENTS_MAX 1024
#define PENDING_MAX_BYTES (4u << 20) /* a client that reads slower loses frames, which is counted */

struct frame {
    struct blob
        packets; /* interleaved RTP packets; channel, sequence, time and source are patched when sent */
    bool key;
};

struct clip {
    struct frame *frames;
    size_t count;
    struct blob sps, pps;
};

struct client {
    int fd;
    char request[8192];
    size_t request_len;
    struct blob pending;
    size_t sent, allowed; /* pending bytes that left, and that pacing lets leave */
    bool playing, blocked;
    uint8_t channel;
    uint16_t sequence;
    uint32_t time, source;
    size_t next_frame;
    int64_t next_frame_us, next_packet_us;
};

static struct clip clip;
static struct client *clients[CLIENTS_MAX];
static int poller, gap_us = 116;
static double fps = 25, speed = 1;
static uint64_t frames_sent, frames_dropped;
static volatile sig_atomic_t stopping;

static void must(err e, const char *what) {
    if (!e) return;
    fprintf(stderr, "camera_simulator: %s: %s\n", what, err_text(e));
    exit(1);
}

static void add_packet(struct blob *out, struct bytes head, struct bytes body, bool marker) {
    uint8_t framing[16] = {'$'};
    be16_put(framing + 2, (uint16_t)(12 + head.len + body.len));
    framing[4] = 0x80;
    framing[5] = (uint8_t)((marker ? 0x80 : 0) | 96);
    must(blob_append(out, BYTES_OF(framing)), "memory");
    must(blob_append(out, head), "memory");
    must(blob_append(out, body), "memory");
}

/* RFC 6184: single NAL units and FU-A. */
static void add_nal(struct blob *out, struct bytes nal, bool last) {
    if (nal.len <= PAYLOAD_BYTES) {
        add_packet(out, BYTES(NULL, 0), nal, last);
        return;
    }
    uint8_t head[2] = {(uint8_t)((nal.data[0] & 0x60) | 28), 0};
    for (size_t at = 1; at < nal.len;) {
        size_t n = nal.len - at < PAYLOAD_BYTES - 2 ? nal.len - at : PAYLOAD_BYTES - 2;
        head[1] = (uint8_t)((nal.data[0] & 31) | (at == 1 ? 0x80 : 0) | (at + n == nal.len ? 0x40 : 0));
        add_packet(out, BYTES_OF(head), BYTES(nal.data + at, n), last && at + n == nal.len);
        at += n;
    }
}

static size_t next_start_code(struct bytes file, size_t at) {
    for (; at + 3 <= file.len; at++)
        if (file.data[at] == 0 && file.data[at + 1] == 0 && file.data[at + 2] == 1) return at;
    return file.len;
}

static void add_frame(struct bytes nal, bool key) {
    struct frame *grown = realloc(clip.frames, (clip.count + 1) * sizeof *grown);
    if (!grown) must(ERR_NO_MEMORY, "memory");
    clip.frames = grown;
    struct frame *f = &clip.frames[clip.count++];
    *f = (struct frame){.key = key};
    uint8_t stamp[STAMP_BYTES];
    stamp_write(stamp, 0);
    add_packet(&f->packets, BYTES(NULL, 0), BYTES_OF(stamp), false);
    if (key) {
        add_nal(&f->packets, blob_bytes(&clip.sps), false);
        add_nal(&f->packets, blob_bytes(&clip.pps), false);
    }
    add_nal(&f->packets, nal, true);
}

static void load(const char *path) {
    struct blob file = {0};
    struct diag d = {0};
    if (file_read(path, 256u << 20, &file, &d)) {
        fprintf(stderr, "camera_simulator: %s\n", d.text);
        exit(1);
    }
    struct bytes raw = blob_bytes(&file);
    for (size_t at = next_start_code(raw, 0); at < raw.len;) {
        size_t begin = at + 3, end = next_start_code(raw, begin);
        at = end;
        while (end > begin && raw.data[end - 1] == 0) end--;
        struct bytes nal = BYTES(raw.data + begin, end - begin);
        int type = nal.len ? nal.data[0] & 31 : 0;
        if (type == 7 && !clip.sps.len) must(blob_append(&clip.sps, nal), "memory");
        if (type == 8 && !clip.pps.len) must(blob_append(&clip.pps, nal), "memory");
        if (type == 1 || type == 5) add_frame(nal, type == 5);
    }
    blob_clear(&file);
    if (!clip.count || !clip.frames[0].key)
        must(ERR_INVALID, "the clip has no pictures, or does not start at a key frame");
}

static void watch(struct client *c, bool writable) {
    if (c->blocked == writable) return;
    struct epoll_event event = {.events = EPOLLIN | (writable ? EPOLLOUT : 0u), .data.fd = c->fd};
    epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &event);
    c->blocked = writable;
}

static void drop(struct client *c) {
    clients[c->fd] = NULL;
    close(c->fd);
    blob_clear(&c->pending);
    free(c);
}

/* False: the client is gone. */
static bool flush(struct client *c) {
    while (c->sent < c->allowed) {
        ssize_t n = send(c->fd, c->pending.data + c->sent, c->allowed - c->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            watch(c, true);
            return true;
        }
        if (n < 0) return false;
        c->sent += (size_t)n;
    }
    if (c->sent == c->pending.len) c->pending.len = c->sent = c->allowed = 0;
    watch(c, false);
    return true;
}

static void queue_frame(struct client *c, int64_t now) {
    const struct frame *f = &clip.frames[c->next_frame];
    if (c->pending.len - c->sent > PENDING_MAX_BYTES) {
        frames_dropped++;
        return;
    }
    if (c->sent == c->pending.len || c->pending.len > PENDING_MAX_BYTES) {
        blob_drop_front(&c->pending, c->sent);
        c->allowed -= c->sent;
        c->sent = 0;
    }
    size_t begin = c->pending.len;
    must(blob_append(&c->pending, blob_bytes(&f->packets)), "memory");
    int64_t due = now;
    for (size_t at = begin; at < c->pending.len; due += gap_us) {
        uint8_t *p = c->pending.data + at;
        p[1] = c->channel;
        be16_put(p + 6, c->sequence++);
        be32_put(p + 8, c->time);
        be32_put(p + 12, c->source);
        at += 4u + be16_get(p + 2);
    }
    stamp_write(c->pending.data + begin + 16, due - gap_us);
    if (c->allowed <= begin) c->next_packet_us = now;
    if (!gap_us) c->allowed = c->pending.len;
    frames_sent++;
}

/* Lets packets leave as their time comes, never a part of one, so that answers fit between them. */
static bool pace(struct client *c, int64_t now) {
    while (c->allowed < c->pending.len && c->next_packet_us <= now) {
        c->allowed += 4u + be16_get(c->pending.data + c->allowed + 2);
        c->next_packet_us += gap_us;
    }
    return flush(c);
}

static void answer(struct client *c, const char *cseq, const char *headers, const char *body) {
    char text[4096];
    int n = snprintf(text, sizeof text, "RTSP/1.0 200 OK\r\nCSeq: %s\r\n%sContent-Length: %zu\r\n\r\n%s",
                     cseq, headers, strlen(body), body);
    struct blob after = {0};
    must(blob_append(&after, BYTES(c->pending.data + c->allowed, c->pending.len - c->allowed)), "memory");
    c->pending.len = c->allowed;
    must(blob_append(&c->pending, BYTES(text, (size_t)n)), "memory");
    c->allowed = c->pending.len;
    must(blob_append(&c->pending, blob_bytes(&after)), "memory");
    blob_clear(&after);
}

static void describe(struct client *c, const char *cseq, const char *url) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char sets[2][512], sdp[2048], headers[700];
    const struct blob *from[2] = {&clip.sps, &clip.pps};
    for (int i = 0; i < 2; i++) { /* base64 with padding, as SDP wants it */
        char *o = sets[i];
        for (size_t at = 0; at < from[i]->len && o < sets[i] + 500; at += 3) {
            uint32_t v = 0;
            size_t left = from[i]->len - at;
            for (size_t k = 0; k < 3; k++) v = v << 8 | (k < left ? from[i]->data[at + k] : 0u);
            for (size_t k = 0; k < 4; k++) *o++ = k <= left ? digits[v >> (18 - 6 * k) & 63] : '=';
        }
        *o = 0;
    }
    snprintf(
        sdp, sizeof sdp,
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=simulator\r\nt=0 0\r\na=control:*\r\nm=video 0 RTP/AVP 96\r\n"
        "c=IN IP4 0.0.0.0\r\na=rtpmap:96 H264/90000\r\na=framerate:%.0f\r\n"
        "a=fmtp:96 packetization-mode=1;sprop-parameter-sets=%s,%s\r\na=control:trackID=0\r\n",
        fps, sets[0], sets[1]);
    snprintf(headers, sizeof headers, "Content-Base: %.500s/\r\nContent-Type: application/sdp\r\n", url);
    answer(c, cseq, headers, sdp);
}

static void play(struct client *c, const char *cseq) {
    char headers[128];
    snprintf(headers, sizeof headers, "Session: %08X\r\n", c->source);
    answer(c, cseq, headers, "");
    c->playing = true;
    c->next_frame = 0;
    c->next_frame_us = steady_now().us + (c->fd * 13 % 40) * 1000; /* cameras are not in step */
}

/* Handles one request at the start of the buffer; false: incomplete, or the client is to go. */
static bool handle_one(struct client *c, bool *gone) {
    if (c->request_len >= 4 && c->request[0] == '$') { /* the receiver's RTCP */
        size_t n = 4u + be16_get((uint8_t *)c->request + 2);
        if (n > c->request_len) return false;
        memmove(c->request, c->request + n, c->request_len -= n);
        return true;
    }
    c->request[c->request_len] = 0;
    char *end = strstr(c->request, "\r\n\r\n"), method[16], url[512], cseq[16] = "0";
    if (!end) return false;
    *end = 0;
    const char *header = strcasestr(c->request, "\r\nCSeq:"),
               *channels = strcasestr(c->request, "interleaved=");
    if (header) sscanf(header + 7, "%15s", cseq);
    if (sscanf(c->request, "%15s %511s", method, url) != 2)
        *gone = true;
    else if (strcmp(method, "DESCRIBE") == 0)
        describe(c, cseq, url);
    else if (strcmp(method, "SETUP") == 0) {
        char headers[200];
        c->channel = channels ? (uint8_t)strtoul(channels + 12, NULL, 10) : 0;
        snprintf(headers, sizeof headers,
                 "Transport: RTP/AVP/TCP;unicast;interleaved=%u-%u\r\nSession: %08X;timeout=60\r\n",
                 c->channel, c->channel + 1u, c->source);
        answer(c, cseq, headers, "");
    } else if (strcmp(method, "PLAY") == 0)
        play(c, cseq);
    else {
        answer(c, cseq, "Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN\r\n", "");
        *gone = strcmp(method, "TEARDOWN") == 0;
    }
    size_t used = (size_t)(end + 4 - c->request);
    c->request_len -= used;
    memmove(c->request, c->request + used, c->request_len);
    return !*gone;
}

static bool receive(struct client *c) {
    size_t room = sizeof c->request - 1 - c->request_len;
    ssize_t n = recv(c->fd, c->request + c->request_len, room, 0);
    if (n < 0 && errno == EAGAIN) return true;
    if (n <= 0) return false;
    c->request_len += (size_t)n;
    bool gone = false;
    while (handle_one(c, &gone)) {
    }
    return !gone && flush(c);
}

static void accept_clients(int listener) {
    int fd, one = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct client *c = fd < CLIENTS_MAX ? calloc(1, sizeof *c) : NULL;
        if (!c) {
            close(fd);
            continue;
        }
        *c = (struct client){.fd = fd, .source = 0x43410000u + (uint32_t)fd, .time = (uint32_t)fd * 7777};
        clients[fd] = c;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
    }
}

/* Sends what is due; returns when something is due next. */
static int64_t advance(void) {
    int64_t now = steady_now().us, next = now + 200000;
    for (int i = 0; i < CLIENTS_MAX; i++) {
        struct client *c = clients[i];
        if (!c || !c->playing) continue;
        while (c->next_frame_us <= now) {
            queue_frame(c, c->next_frame_us);
            c->next_frame = (c->next_frame + 1) % clip.count;
            c->time += (uint32_t)(90000 / fps);
            c->next_frame_us += (int64_t)(1e6 / fps / speed);
        }
        if (!pace(c, now)) {
            drop(c);
            continue;
        }
        if (c->next_frame_us < next) next = c->next_frame_us;
        if (c->allowed < c->pending.len && c->next_packet_us < next) next = c->next_packet_us;
    }
    return next;
}

static int listen_on(int port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) || listen(fd, 512) ||
        getsockname(fd, (struct sockaddr *)&address, &len)) {
        perror("camera_simulator");
        exit(1);
    }
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void on_signal(int number) {
    (void)number;
    stopping = 1;
}

static void serve(int listener) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[256];
    poller = epoll_create1(EPOLL_CLOEXEC);
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    while (!stopping) {
        int64_t wait_us = advance() - steady_now().us;
        if (wait_us < 0) wait_us = 0;
        struct timespec wait = {wait_us / 1000000, wait_us % 1000000 * 1000};
        int n = epoll_pwait2(poller, events, 256, &wait, NULL);
        for (int i = 0; i < n; i++) {
            struct client *c = clients[events[i].data.fd];
            if (events[i].data.fd == listener)
                accept_clients(listener);
            else if (c && ((events[i].events & EPOLLOUT && !flush(c)) ||
                           (events[i].events & ~(unsigned)EPOLLOUT && !receive(c))))
                drop(c);
        }
    }
}

int main(int argc, char **argv) {
    const char *file = "main.h264";
    int option, port = 0;
    while ((option = getopt(argc, argv, "f:r:p:g:x:")) > 0) {
        if (option == 'f')
            file = optarg;
        else if (option == 'r')
            fps = strtod(optarg, NULL);
        else if (option == 'p')
            port = (int)strtol(optarg, NULL, 10);
        else if (option == 'g')
            gap_us = (int)strtol(optarg, NULL, 10);
        else if (option == 'x')
            speed = strtod(optarg, NULL);
        else
            return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    load(file);
    serve(listen_on(port));
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    printf("frames %llu dropped %llu cpu_ms %ld\n", (unsigned long long)frames_sent,
           (unsigned long long)frames_dropped,
           (use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000 +
               (use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1000);
    return 0;
}
