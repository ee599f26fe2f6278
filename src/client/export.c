#include "client/export.h"

#include <stdio.h>
#include <stdlib.h>

#include "client/export_writer.h"
#include "client/mp4.h"
#include "format/mark.h"
#include "format/segment_reader.h"

#define GAP_US 1500000 /* less than this between two pictures is the camera's rhythm */

struct part {
    size_t at, len; /* in content */
    uint32_t index; /* in the mark */
    int64_t time_us;
    bool video;
};

/* One opened segment. */
struct opened {
    struct blob init, content, mark;
    struct part *parts;
    size_t count, cap;
    uint32_t next_index;
    struct mp4_init tracks;
    struct diag *diag;
};

static void opened_clear(struct opened *o) {
    blob_clear(&o->init);
    blob_clear(&o->content);
    blob_clear(&o->mark);
    free(o->parts);
    *o = (struct opened){0};
}

struct export_state {
    struct client *client;
    struct camera *camera;
    const struct export_request *request;
    struct export_result *result;
    struct segment_reader *reader;
    struct export_writer writer;
    bool writing;
    const struct hub_certificate *hub;
    int64_t last_us; /* of the last exported picture; 0: none */
};

static void lack(struct export_state *s, int64_t from_us, int64_t to_us, enum export_lack why) {
    if (from_us >= to_us) return;
    if (s->result->lack_count < EXPORT_SPANS_MAX)
        s->result->lacks[s->result->lack_count] = (struct export_span){from_us, to_us, why};
    s->result->lack_count++;
}

static err add_part(struct opened *o, struct bytes data) {
    struct mp4_fragment f;
    err e = mp4_fragment_read(&o->tracks, data, &f, o->diag);
    if (e) return e;
    if (o->count == o->cap) {
        size_t cap = o->cap ? o->cap * 2 : 256;
        struct part *more = realloc(o->parts, cap * sizeof *more);
        if (!more) return ERR_NO_MEMORY;
        o->parts = more;
        o->cap = cap;
    }
    o->parts[o->count++] = (struct part){o->content.len, data.len, o->next_index++, f.time_us, f.video};
    return blob_append(&o->content, data);
}

static err take_record(void *context, enum record_kind kind, uint32_t slot, struct bytes data) {
    struct opened *o = context;
    err e;
    switch (kind) {
        case RECORD_INIT:
            o->next_index++;
            e = blob_append(&o->init, data);
            return e ? e : mp4_init_read(data, &o->tracks, o->diag);
        case RECORD_FRAGMENT: return add_part(o, data);
        case RECORD_PICTURE: o->next_index++; return ERR_OK;
        case RECORD_MARK: return blob_append(&o->mark, data);
        default: return ERR_OK;
    }
}

/* How many of the parts come before `to`: all up to the first picture that does not. */
static size_t parts_before(const struct opened *o, int64_t to_us) {
    for (size_t i = 0; i < o->count; i++)
        if (o->parts[i].video && o->parts[i].time_us >= to_us) return i;
    return o->count;
}

static int64_t first_picture(const struct opened *o) {
    for (size_t i = 0; i < o->count; i++)
        if (o->parts[i].video) return o->parts[i].time_us;
    return o->count ? o->parts[0].time_us : 0;
}

static int64_t earliest(const struct opened *o) { /* sound may begin before the first picture */
    int64_t time_us = o->parts[0].time_us;
    for (size_t i = 1; i < o->count; i++)
        if (o->parts[i].time_us < time_us) time_us = o->parts[i].time_us;
    return time_us;
}

static int64_t last_picture(const struct opened *o, size_t count) {
    for (size_t i = count; i-- > 0;)
        if (o->parts[i].video) return o->parts[i].time_us;
    return count ? o->parts[count - 1].time_us : 0;
}

/* "clip.mp4" → "clip-2.mp4" */
static err file_name(const char *path, size_t number, char out[1024], struct diag *d) {
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    if (dot && slash && dot < slash) dot = NULL;
    int stem = dot ? (int)(dot - path) : (int)strlen(path), n;
    if (number == 1)
        n = snprintf(out, 1024, "%s", path);
    else
        n = snprintf(out, 1024, "%.*s-%zu%s", stem, path, number, dot ? dot : "");
    return n >= 1024 ? diag_fail(d, ERR_LIMIT, "the path is too long") : ERR_OK;
}

static err finish_file(struct export_state *s, struct diag *d) {
    if (!s->writing) return ERR_OK;
    err e = export_writer_finish(&s->writer, d);
    s->result->bytes += s->writer.bytes;
    export_writer_clear(&s->writer);
    s->writing = false;
    return e;
}

static err start_file(struct export_state *s, const struct opened *o, const struct hub_certificate *hub,
                      struct diag *d) {
    struct export_result *r = s->result;
    err e = finish_file(s, d);
    if (e) return e;
    if (r->file_count == EXPORT_FILES_MAX)
        return diag_fail(d, ERR_LIMIT,
                         "the camera's picture changes more than %d times in that range: export less",
                         EXPORT_FILES_MAX);
    char *path = r->files[r->file_count];
    e = file_name(s->request->path, r->file_count + 1, path, d);
    if (e) return e;
    struct bytes certificate = blob_bytes(&s->client->hub_envelopes[hub - s->client->hubs]);
    e = export_writer_open(&s->writer, path, s->camera->id, certificate, s->client->household.sign.public_key,
                           blob_bytes(&o->init), earliest(o), d);
    s->writing = true;
    s->hub = hub;
    if (!e) r->file_count++;
    return e;
}

/* Which hub signed it; for a segment without a mark, the one before it. */
static err signer_of(struct export_state *s, struct opened *o, const struct hub_certificate **out,
                     struct diag *d) {
    *out = s->hub ? s->hub : client_hub_by_id(s->client, s->camera->hub);
    if (o->mark.len) return camera_take_mark(s->client, s->camera, blob_bytes(&o->mark), out, d);
    if (!*out) return diag_fail(d, ERR_FORGED, "a segment is signed by a hub that is not this household's");
    return ERR_OK;
}

static err write_parts(struct export_state *s, const struct opened *o, size_t count, uint32_t slot,
                       struct diag *d) {
    err e = export_writer_segment(&s->writer, slot, o->parts[0].index, d);
    for (size_t i = 0; i < count && !e; i++)
        e = export_writer_fragment(&s->writer, BYTES(o->content.data + o->parts[i].at, o->parts[i].len), d);
    if (!e && o->mark.len) e = export_writer_mark(&s->writer, blob_bytes(&o->mark), d);
    s->result->fragments += count;
    return e;
}

static err write_segment(struct export_state *s, struct opened *o, uint32_t slot, struct diag *d) {
    size_t count = parts_before(o, s->request->to.us);
    if (count == 0 || last_picture(o, o->count) + GAP_US < s->request->from.us) return ERR_OK;
    const struct hub_certificate *hub;
    int64_t first = first_picture(o);
    uint8_t hash[32];
    err e = signer_of(s, o, &hub, d);
    if (e) return e;
    mark_hash(RECORD_INIT, blob_bytes(&o->init), hash);
    bool same = s->writing && hub == s->hub && memcmp(hash, s->writer.init_hash, sizeof hash) == 0;
    if (!same) e = start_file(s, o, hub, d);
    if (e) return e;
    if (s->last_us == 0) {
        s->result->from_us = first;
        lack(s, s->request->from.us, first, EXPORT_LACK_NOT_RECORDED);
    } else if (first - s->last_us > GAP_US) {
        lack(s, s->last_us, first, EXPORT_LACK_NOT_RECORDED);
        if (same) e = export_writer_gap(&s->writer, s->last_us, first, d);
    }
    if (!e) e = write_parts(s, o, count, slot, d);
    s->last_us = last_picture(o, count);
    s->result->to_us = s->last_us;
    return e;
}

static err report_progress(struct export_state *s, uint32_t slot, struct diag *d) {
    if (!s->request->progress) return ERR_OK;
    double whole = (double)(s->request->to.us - s->request->from.us);
    double done = ((double)slot * 1e6 - (double)s->request->from.us) / whole;
    err e = s->request->progress(s->request->context,
                                 done < 0   ? 0
                                 : done > 1 ? 1
                                            : done,
                                 s->result->bytes + s->writer.bytes);
    return e ? diag_fail(d, e, "the export was cancelled: nothing was kept") : ERR_OK;
}

/* Each segment says in its own header where it belongs, and what is sealed hangs on that: one that a vault
 * puts in another's place is as bad as one that it made up. */
static err check_place(const struct export_state *s, const struct footage_segment *segment, struct diag *d) {
    struct segment_header header;
    err e = segment_header_decode(segment->sealed, &header, d);
    if (e) return e;
    if (memcmp(header.camera, s->camera->id, CAMERA_ID_BYTES) != 0)
        return diag_fail(d, ERR_FORGED, "the vault sent another camera's segment");
    if (header.slot != segment->slot || header.epoch != segment->epoch)
        return diag_fail(d, ERR_FORGED, "the vault sent a segment of another time");
    return ERR_OK;
}

static err export_segment(void *context, const struct footage_segment *segment, struct diag *d) {
    struct export_state *s = context;
    struct diag why = {{0}};
    AUTO(opened_clear) struct opened o = {.diag = &why};
    int64_t begin_us = (int64_t)segment->slot * 1000000,
            end_us = begin_us + segment->seconds * INT64_C(1000000);
    err e = report_progress(s, segment->slot, d);
    if (e) return e;
    const struct timekey_set *keys = camera_keys(s->camera, segment->epoch);
    e = check_place(s, segment, &why);
    if (!e) e = keys ? segment_read(s->reader, keys, segment->sealed, take_record, &o, &why) : ERR_NOT_FOUND;
    if (e == ERR_NO_MEMORY) return diag_fail(d, e, "no memory to open a segment");
    if (o.count && o.init.len) { /* what verifies is kept, whatever comes after it */
        if (e) blob_clear(&o.mark);
        int64_t got_us = o.parts[o.count - 1].time_us;
        err w = write_segment(s, &o, segment->slot, d);
        if (w) return w;
        begin_us = got_us > begin_us ? got_us : begin_us;
    }
    if (e == ERR_OK) return ERR_OK;
    lack(s, begin_us, end_us,
         e == ERR_NOT_FOUND   ? EXPORT_LACK_NO_KEY
         : e == ERR_CUT_SHORT ? EXPORT_LACK_CUT_SHORT
                              : EXPORT_LACK_DAMAGED);
    return ERR_OK;
}

static err nothing_there(struct client *c, struct camera *cam, struct export_state *s, struct diag *d) {
    uint32_t first = 0, last = 0;
    if (s->result->lack_count && s->result->lacks[0].lack == EXPORT_LACK_NO_KEY)
        return diag_fail(d, ERR_NOT_FOUND, "the keys of that footage are gone: it was deleted");
    if (s->result->lack_count && s->result->lacks[0].lack == EXPORT_LACK_DAMAGED)
        return diag_fail(d, ERR_FORGED,
                         "all footage in that range is damaged: it is not what the hub sealed");
    err e = timeline_extent(c, cam->id, &first, &last, d);
    if (e) diag_prefix(d, "%s", cam->name);
    if (e) return e;
    char from[WALL_TEXT_BYTES], to[WALL_TEXT_BYTES];
    wall_format((struct wall_us){(int64_t)first * 1000000}, from);
    wall_format((struct wall_us){(int64_t)last * 1000000}, to);
    return diag_fail(d, ERR_NOT_FOUND,
                     "nothing is recorded of '%s' in that range; recordings are from %s to %s", cam->name,
                     from, to);
}

static err run(struct export_state *s, struct diag *d) {
    AUTO(timeline_clear) struct timeline t = {0};
    uint64_t from = wall_slot(s->request->from),
             to = (uint64_t)wall_slot((struct wall_us){s->request->to.us - 1}) + 1;
    err e = camera_load_keys(s->client, s->camera, d);
    if (!e) e = timeline_read(s->client, s->camera->id, from, to, true, &t, d);
    if (!e) e = footage_walk(s->client, &t, from, to, export_segment, s, d);
    if (e) return e;
    if (s->result->file_count == 0) return nothing_there(s->client, s->camera, s, d);
    if (s->request->to.us - s->last_us > GAP_US)
        lack(s, s->last_us, s->request->to.us, EXPORT_LACK_NOT_RECORDED);
    return finish_file(s, d);
}

err export_run(struct client *c, struct camera *cam, const struct export_request *request,
               struct export_result *out, struct diag *d) {
    memset(out, 0, sizeof *out);
    struct export_state s = {
        .client = c, .camera = cam, .request = request, .result = out, .writer = {.fd = -1}};
    s.reader = segment_reader_new();
    if (!s.reader) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    err e = run(&s, d);
    export_writer_clear(&s.writer);
    segment_reader_free(s.reader);
    return e;
}
