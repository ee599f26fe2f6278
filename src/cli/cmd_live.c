/* cmd_live.c: the live view as one fragmented MP4 whose time begins at zero. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/live.h"
#include "cli/session.h"
#include "client/live.h"
#include "client/mp4.h"
#include "client/timeline.h"
#include "format/segment_reader.h"

struct output {
    int fd;
    const char *name; /* for messages */
    bool begun, reader_left;
    struct blob init; /* of what is being written, as recorded */
    struct blob next; /* of the segment in progress */
    struct blob shifted;
    int64_t zero_us;
    struct mp4_init tracks;
};

static void output_clear(struct output *o) {
    blob_clear(&o->init);
    blob_clear(&o->next);
    blob_clear(&o->shifted);
    if (o->fd > STDERR_FILENO) close(o->fd);
}

static err put(struct output *o, struct bytes data, struct diag *d) {
    errno = 0;
    err e = fd_write_all(o->fd, data);
    o->reader_left = e && errno == EPIPE;
    if (o->reader_left) return diag_fail(d, ERR_CANCELLED, "the reader left");
    return e ? diag_fail(d, e == ERR_IO ? ERR_NO_SPACE : e, "cannot write %s: %s", o->name, strerror(errno))
             : ERR_OK;
}

/* The first picture decides where zero is. */
static err begin(struct output *o, const struct mp4_fragment *f, struct diag *d) {
    o->zero_us = f->time_us;
    err e = blob_append(&o->init, blob_bytes(&o->next));
    if (!e) e = put(o, blob_bytes(&o->init), d);
    o->begun = !e;
    return e;
}

static err take_fragment(struct output *o, struct bytes fragment, struct diag *d) {
    struct mp4_fragment f;
    err e = o->begun ? ERR_OK : mp4_init_read(blob_bytes(&o->next), &o->tracks, d);
    if (!e) e = mp4_fragment_read(&o->tracks, fragment, &f, d);
    if (e) return e;
    if (!o->begun && !f.video) return ERR_OK;
    if (!o->begun) e = begin(o, &f, d);
    if (e || f.time_us < o->zero_us) return e; /* sound from before the first picture */
    o->shifted.len = 0;
    e = mp4_fragment_shift(&o->tracks, fragment, o->zero_us, false, &o->shifted, d);
    return e ? e : put(o, blob_bytes(&o->shifted), d);
}

static err take(void *context, const struct live_item *item, struct diag *d) {
    struct output *o = context;
    if (item->kind == RECORD_INIT) {
        blob_clear(&o->next);
        if (o->begun && !bytes_equal(item->data, blob_bytes(&o->init)))
            return diag_fail(d, ERR_UNSUPPORTED,
                             "the camera changed its picture's size or codec: start again");
        return blob_append(&o->next, item->data);
    }
    if (item->kind != RECORD_FRAGMENT || o->next.len == 0) return ERR_OK;
    return take_fragment(o, item->data, d);
}

static void trouble(void *context, err e, const char *why) {
    fprintf(stderr, "cardea: %s; trying again\n", why);
}

static void late(void *context, size_t camera, const char *why) {
    fprintf(stderr, "cardea: %s; waiting for what is live\n", why);
}

static void notice(void *context, struct bytes text) {
    struct diag ignored;
    AUTO(json_release) json_t *json = NULL;
    if (json_parse(text, &json, &ignored)) return;
    const char *kind = json_string_value(json_object_get(json, "kind"));
    if (kind && strcmp(kind, "skipped") == 0)
        fputs("cardea: the reader is too slow: a part was skipped\n", stderr);
    if (kind && strcmp(kind, "offline") == 0)
        fputs("cardea: the camera is offline; waiting for it\n", stderr);
}

static bool is_stdout(const char *file) {
    return !file || strcmp(file, "-") == 0;
}

err live_output_check(const char *file, struct diag *d) {
    if (!is_stdout(file) || !isatty(STDOUT_FILENO)) return ERR_OK;
    return diag_fail(d, ERR_INVALID,
                     "video does not belong on a terminal: pipe it to a player (`… | ffplay -`), or -o FILE");
}

err live_watch_check(const char *file, struct diag *d) {
    struct stat info;
    if (is_stdout(file) && (fstat(STDOUT_FILENO, &info) || !S_ISREG(info.st_mode)))
        return live_output_check(file, d);
    return diag_fail(d, ERR_DENIED,
                     "you may watch this, and not keep it: pipe it to a player (`… | ffplay -`)");
}

static err open_output(const struct client *c, struct output *o, const char *file, struct diag *d) {
    struct diag ignored;
    *o = (struct output){.fd = STDOUT_FILENO, .name = "standard output"};
    err e = session_may_export(c, &ignored) ? ERR_OK : live_watch_check(file, d);
    if (e) return e;
    if (is_stdout(file)) return ERR_OK;
    o->name = file;
    o->fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    return o->fd < 0 ? diag_fail(d, ERR_IO, "cannot write %s: %s", file, strerror(errno)) : ERR_OK;
}

int live_write(struct client *c, struct camera *cam, const char *file) {
    struct diag d = {{0}};
    AUTO(output_clear) struct output o = {.fd = -1};
    if (open_output(c, &o, file, &d)) return cli_fail(&d);
    struct live_handler handler = {
        .context = &o, .item = take, .notice = notice, .late = late, .trouble = trouble};
    err e = live_run(c, &cam, 1, &handler, &d);
    return e == ERR_OK || o.reader_left ? STATUS_DONE : cli_fail(&d);
}

/* ---- recorded seconds ---- */

struct playing {
    struct output *out;
    struct camera *cam;
    struct segment_reader *reader;
    struct diag *d;
    uint32_t first, last; /* slots that came out; first 0: none */
    size_t closed;        /* segments that the keys do not open from their beginning */
};

static err play_record(void *context, enum record_kind kind, uint32_t slot, struct bytes data) {
    struct playing *p = context;
    const struct live_item item = {.kind = kind, .slot = slot, .data = data};
    err e = take(p->out, &item, p->d);
    if (e || kind != RECORD_FRAGMENT) return e;
    if (!p->first) p->first = slot;
    p->last = slot;
    return ERR_OK;
}

static err play_segment(void *context, const struct footage_segment *segment, struct diag *d) {
    struct playing *p = context;
    struct diag why = {{0}};
    const struct timekey_set *keys = camera_keys(p->cam, segment->epoch);
    p->d = &why;
    err e = keys ? segment_read(p->reader, keys, segment->sealed, play_record, p, &why) : ERR_NOT_FOUND;
    if (e == ERR_NOT_FOUND) p->closed++; /* it reaches beyond what was granted */
    if (e == ERR_NOT_FOUND || e == ERR_CUT_SHORT) return ERR_OK;
    if (e) *d = why;
    return e;
}

int recorded_write(struct client *c, struct camera *cam, uint64_t from, uint64_t to, const char *file) {
    struct diag d = {{0}};
    char first[48], last[48];
    AUTO(output_clear) struct output o = {.fd = -1};
    AUTO(timeline_clear) struct timeline t = {0};
    struct playing p = {.out = &o, .cam = cam, .reader = segment_reader_new()};
    if (!p.reader) return cli_fail_text("out of memory");
    err e = open_output(c, &o, file, &d);
    if (!e) e = camera_load_keys(c, cam, &d);
    if (!e) e = timeline_read(c, cam->id, from, to, true, &t, &d);
    if (!e) e = footage_walk(c, &t, from, to, play_segment, &p, &d);
    segment_reader_free(p.reader);
    if (e && !o.reader_left) return cli_fail(&d);
    if (!p.first) return cli_fail_text("nothing of it is recorded, or none of it opens");
    cli_time_text((struct wall_us){p.first * INT64_C(1000000)}, first);
    cli_time_text((struct wall_us){(p.last + INT64_C(1)) * 1000000}, last);
    fprintf(stderr, "%s to %s (slots %u to %u)\n", first, last, p.first, p.last);
    return STATUS_DONE;
}

int run_live(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(session_close) struct session s = {0};
    struct camera *cam = NULL;
    if (live_output_check(args_value(args, "output"), &d)) return cli_usage("live", &d);
    if (session_view(cli, args->positional[0], &s, &cam, &d)) return cli_fail(&d);
    if (args_has(args, "sub")) {
        struct camera *sub = cam->has_sub ? camera_by_id(&s.cameras, cam->sub) : NULL;
        if (!sub) return cli_fail_text("%s has no substream", cam->name);
        cam = sub;
    }
    if (!session_may_live(&s, &d)) return cli_fail(&d);
    return live_write(&s.client, cam, args_value(args, "output"));
}
