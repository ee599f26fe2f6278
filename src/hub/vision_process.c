#include "hub/vision_process.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/log.h"
#include "hub/worker_internal.h"

#define ROUND_READS 16 /* before others get their turn */
#define LOG_LINES_MAX 50

struct vision_process {
    struct event_loop *loop;
    struct vision_process_events events;
    pid_t pid;
    struct watch socket, log;
    struct message_reader reader;
    struct blob out; /* not sent yet */
    bool ready, refused, freed, frame_in_hand;
    uint8_t camera; /* of the frame in hand */
    uint64_t wall;
    bool forgotten; /* its camera is gone or was changed since: what is said of the frame is nobody's */
    unsigned embeds_in_hand;
    struct steady_us started, busy; /* busy: since when it has had something in hand without a word */
    char why[VISION_TEXT_MAX_BYTES + 1];
    char line[256];
    size_t line_len;
    unsigned lines;
};

/* --- Its end --- */

static void end_process(struct vision_process *p) {
    if (p->pid) worker_bury(p->pid);
    p->pid = 0;
    event_loop_close(p->loop, &p->socket);
    event_loop_close(p->loop, &p->log);
    message_reader_clear(&p->reader);
    blob_clear(&p->out);
}

static void release(void *context) {
    free(context);
}

void vision_process_free(struct vision_process *p) {
    if (!p || p->freed) return;
    p->freed = true;
    end_process(p);
    event_loop_later(p->loop, release, p);
}

static void fail(struct vision_process *p, const char *why) {
    if (!p->pid) return;
    if (!p->refused) snprintf(p->why, sizeof p->why, "%s", why);
    end_process(p);
    p->events.ended(p->events.context, p, p->why, p->refused);
}

/* --- Its log --- */

static void on_log(void *context, uint32_t events) {
    struct vision_process *p = context;
    char piece[1024];
    (void)events;
    ssize_t n = read(p->log.fd, piece, sizeof piece);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
        event_loop_close(p->loop, &p->log);
        return;
    }
    for (ssize_t i = 0; i < n; i++) {
        if (piece[i] != '\n' && p->line_len < sizeof p->line - 1) p->line[p->line_len++] = piece[i];
        if (piece[i] != '\n' && p->line_len < sizeof p->line - 1) continue;
        p->line[p->line_len] = 0;
        if (p->line_len && p->lines++ < LOG_LINES_MAX) log_info("vision: %s", p->line);
        p->line_len = 0;
    }
}

/* --- What it says --- */

/* It speaks of the frame that it was given, and of no other: so one that a camera has taken over says nothing
 * of another camera's time, nor of any time but now. */
static err of_frame(const struct vision_process *p, uint8_t camera, struct wall_us wall, struct diag *d) {
    if (!p->frame_in_hand) return diag_fail(d, ERR_INVALID, "it spoke of a frame, and has none");
    if (camera != p->camera || (uint64_t)wall.us != p->wall)
        return diag_fail(d, ERR_INVALID, "it spoke of another frame than it was given");
    return ERR_OK;
}

static err take_sightings(struct vision_process *p, struct bytes payload, struct diag *d) {
    static struct vision_sightings m; /* large, and one at a time */
    err e = vision_sightings_decode(payload, &m, d);
    if (!e) e = of_frame(p, m.camera, m.wall, d);
    if (!e) {
        p->frame_in_hand = false;
        if (!p->forgotten) p->events.sightings(p->events.context, p, &m);
    }
    wipe(&m, sizeof m); /* faces of whoever it was */
    return e;
}

static err take_picture(struct vision_process *p, struct bytes payload, struct diag *d) {
    struct vision_picture m;
    err e = vision_picture_decode(payload, &m, d);
    if (!e) e = of_frame(p, m.camera, m.wall, d);
    if (!e && !p->forgotten) p->events.picture(p->events.context, p, &m);
    return e;
}

static err take_faces(struct vision_process *p, struct bytes payload, struct diag *d) {
    static struct vision_faces m;
    err e = vision_faces_decode(payload, &m, d);
    if (!e && !p->embeds_in_hand) e = diag_fail(d, ERR_INVALID, "faces that nobody asked for");
    if (!e) {
        p->embeds_in_hand--;
        p->events.faces(p->events.context, p, &m);
    }
    wipe(&m, sizeof m);
    return e;
}

static err take_ready(struct vision_process *p, struct bytes payload, struct diag *d) {
    struct vision_ready m;
    err e = vision_ready_decode(payload, &m, d);
    if (!e && p->ready) e = diag_fail(d, ERR_INVALID, "it was ready already");
    if (e) return e;
    p->ready = true;
    p->events.ready(p->events.context, p, &m);
    return ERR_OK;
}

static err take_refused(struct vision_process *p, struct bytes payload, struct diag *d) {
    struct vision_refused m;
    err e = vision_refused_decode(payload, &m, d);
    if (e) return e;
    p->refused = !p->ready; /* later it is a failure like any other */
    snprintf(p->why, sizeof p->why, "%s", m.message);
    return diag_fail(d, ERR_CANCELLED, "%s", m.message);
}

static err take(struct vision_process *p, const struct message *m, struct diag *d) {
    struct vision_counts counts;
    err e;
    switch (m->type) {
        case VISION_TYPE_READY: return take_ready(p, m->payload, d);
        case VISION_TYPE_SIGHTINGS: return take_sightings(p, m->payload, d);
        case VISION_TYPE_PICTURE: return take_picture(p, m->payload, d);
        case VISION_TYPE_FACES: return take_faces(p, m->payload, d);
        case VISION_TYPE_STATUS:
            e = vision_counts_decode(m->payload, &counts, d);
            if (!e) p->events.counts(p->events.context, p, &counts);
            return e;
        case VISION_TYPE_REFUSED: return take_refused(p, m->payload, d);
        default: return diag_fail(d, ERR_INVALID, "message type %d is not for the hub", m->type);
    }
}

/* All whole messages; ERR_BUSY when the next is not whole yet. */
static err take_all(struct vision_process *p, struct diag *d) {
    struct message m;
    err e;
    while (!(e = message_reader_next(&p->reader, vision_type_limit, &m, d))) {
        p->busy = steady_now();
        e = take(p, &m, d);
        if (e || !p->pid) return e;
    }
    return e;
}

static void send_out(struct vision_process *p) {
    struct bytes rest = blob_bytes(&p->out);
    err e = rest.len ? message_send_some(p->socket.fd, &rest, -1) : ERR_OK;
    if (e && e != ERR_BUSY) return; /* reading will say so */
    if (rest.len == 0)
        p->out.len = 0;
    else
        blob_drop_front(&p->out, p->out.len - rest.len);
    if (event_loop_change(p->loop, &p->socket, p->out.len ? EPOLLIN | EPOLLOUT : EPOLLIN))
        log_warning("vision: its socket cannot be watched");
}

static void on_socket(void *context, uint32_t events) {
    struct vision_process *p = context;
    struct diag d = {{0}};
    if (events & EPOLLOUT) send_out(p);
    for (int i = 0; i < ROUND_READS; i++) {
        err e = message_reader_fill(&p->reader, p->socket.fd, false, vision_type_limit, &d);
        if (e == ERR_BUSY) break;
        if (!e) e = take_all(p, &d);
        if (!p->pid) return;
        if (e == ERR_BUSY) continue;
        if (e != ERR_CUT_SHORT && e != ERR_CANCELLED) diag_prefix(&d, "ended, since it broke the protocol");
        fail(p, e == ERR_CUT_SHORT ? "the vision process ended" : d.text);
        return;
    }
    if (vision_process_idle(p)) p->events.idle(p->events.context, p);
}

/* --- Starting --- */

struct open_files {
    int fds[VISION_MODEL_FILES_MAX + 2];
    size_t count;
};

static void open_files_clear(struct open_files *o) {
    for (size_t i = 0; i < o->count; i++) close(o->fds[i]);
}

static err open_files(const struct vision_process_options *options, struct open_files *o, struct diag *d) {
    if (options->file_count > sizeof o->fds / sizeof *o->fds)
        return diag_fail(d, ERR_LIMIT, "a model of too many files");
    for (size_t i = 0; i < options->file_count; i++) {
        err e = model_file_open(&options->files[i], &o->fds[i], d);
        if (e) return e;
        o->count++;
    }
    return ERR_OK;
}

/* A few small messages into an empty socket: they do not wait. */
static err hand_over(struct vision_process *p, const struct vision_process_options *options,
                     const struct open_files *o) {
    AUTO(blob_clear) struct blob out = {0};
    err e = vision_config_append(&out, options->config);
    if (!e) e = message_send(p->socket.fd, blob_bytes(&out), -1);
    for (size_t i = 0; !e && i < o->count; i++) {
        struct vision_file m = {.bytes = options->files[i].bytes};
        memcpy(m.sha256, options->files[i].sha256, sizeof m.sha256);
        out.len = 0;
        e = vision_file_append(&out, &m);
        if (!e) e = message_send(p->socket.fd, blob_bytes(&out), o->fds[i]);
    }
    return e;
}

static err start(struct vision_process *p, const struct vision_process_options *options,
                 const struct open_files *o, struct diag *d) {
    err e = worker_spawn(options->program, &p->pid, &p->socket.fd, &p->log.fd, d);
    if (e) return e;
    p->socket.ready = on_socket;
    p->log.ready = on_log;
    p->socket.context = p->log.context = p;
    e = event_loop_add(p->loop, &p->socket, EPOLLIN);
    if (!e) e = event_loop_add(p->loop, &p->log, EPOLLIN);
    if (!e) e = hand_over(p, options, o);
    return e ? diag_fail(d, e, "the vision process could not be started: %s", err_text(e)) : ERR_OK;
}

err vision_process_new(const struct vision_process_options *options, struct vision_process **out,
                       struct diag *d) {
    AUTO(open_files_clear) struct open_files files = {.count = 0};
    err e = open_files(options, &files, d);
    if (e) return e;
    struct vision_process *p = calloc(1, sizeof *p);
    if (!p) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    p->loop = options->loop;
    p->events = options->events;
    p->socket.fd = p->log.fd = -1;
    p->started = p->busy = steady_now();
    e = start(p, options, &files, d);
    if (e) {
        vision_process_free(p);
        return e;
    }
    *out = p;
    return ERR_OK;
}

/* --- At work --- */

int vision_process_pid(const struct vision_process *p) {
    return p ? (int)p->pid : 0;
}

bool vision_process_ready(const struct vision_process *p) {
    return p && p->pid && p->ready;
}

bool vision_process_idle(const struct vision_process *p) {
    return vision_process_ready(p) && !p->frame_in_hand && p->out.len == 0;
}

/* What has to be known of a message until it is answered. */
static void note(struct vision_process *p, struct bytes message, enum vision_type type) {
    const uint8_t *payload = message.data + MESSAGE_HEAD_BYTES;
    if (type == VISION_TYPE_EMBED) p->embeds_in_hand++;
    if (type == VISION_TYPE_FORGET && payload[0] == p->camera) p->forgotten = true;
    if (type != VISION_TYPE_FRAME) return;
    p->frame_in_hand = true;
    p->forgotten = false;
    p->camera = payload[0];
    p->wall = be64_get(payload + 2);
}

err vision_process_send(struct vision_process *p, struct blob *message, enum vision_type type) {
    if (!vision_process_ready(p)) return ERR_BUSY;
    if (type == VISION_TYPE_EMBED && p->embeds_in_hand == VISION_EMBEDS_MAX) return ERR_BUSY;
    if (!p->frame_in_hand && !p->embeds_in_hand) p->busy = steady_now();
    err e = p->out.len ? blob_reserve(&p->out, p->out.len + message->len) : ERR_OK;
    if (e) return e;
    note(p, blob_bytes(message), type);
    if (p->out.len == 0) {
        blob_clear(&p->out);
        p->out = *message;
        *message = (struct blob){0};
    } else {
        e = blob_append(&p->out, blob_bytes(message));
    }
    if (e) return e;
    send_out(p);
    return ERR_OK;
}

void vision_process_tick(struct vision_process *p, struct steady_us now) {
    if (!p->pid) return;
    if (!p->ready && now.us - p->started.us > VISION_START_US)
        fail(p, "ended, since it was not ready in 60 s");
    else if ((p->frame_in_hand || p->embeds_in_hand) && now.us - p->busy.us > VISION_HANG_US)
        fail(p, "ended, since it said nothing for 20 s with a frame in hand");
}
