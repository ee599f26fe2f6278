/* see_clip: the whole way from a camera's coded frames to an alert, in one process and in the clip's own
 * time: the camera worker's motion and frames, vision's detector and tracker, the hub's rules. No machine is
 * too slow for it, and the same clip gives the same alerts. (What processes, queues and channels add is
 * measured by latency.py on a real home.)
 *
 * Usage: see_clip [-l LABEL,…] [-z JSON] [-p FOLDER] [-m MS] [-b SEED] [-v] SECONDS CLIP MODEL... (model.h)
 *   -l  what alerts; without: person, all vehicles, all animals
 *   -z  zones of the camera (docs/seeing.md)
 *   -p  writes each alert's picture there
 *   -m  looks at a frame only so long after the last one, as a machine that is too slow for all of them
 *   -b  a machine that is too busy: the worker and vision each stand still for up to PAUSE_MOST_US at
 *       times drawn from SEED (not 0). What comes meanwhile reaches the worker all at once, and vision as
 *       the newest frame alone
 *   -v  prints sightings too
 * Prints a JSON object for each alert and each event, then one with counts. */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"
#include "hub/seeing.h"
#include "media/file_source.h"
#include "media/frame_scaler.h"
#include "media/motion.h"
#include "model.h"
#include "vision/watcher.h"

#define BASE_US 1800000000000000 /* the wall's time when the clip begins */
#define STEP_US 20000
#define COOLDOWN_S 0
#define PAUSE_LEAST_US 50000
#define PAUSE_MOST_US 1600000
#define PAUSES 6 /* one in so many of the worker's turns, and of vision's, is a pause */
#define ALL_LABELS "person,car,truck,bus,motorcycle,bicycle,dog,cat,bird,animal"

/* What limits itself by the clock, as decoding does, must not find a busy machine slower: no time passes
 * between two frames. */
static int64_t steady_us = 1000000;
struct steady_us __wrap_steady_now(void);
struct steady_us __wrap_steady_now(void) {
    return (struct steady_us){steady_us};
}

static const uint8_t camera_id[CAMERA_ID_BYTES] = {1};

struct see_clip {
    const char *pictures;
    bool verbose;
    struct motion *motion;
    struct frame_scaler scaler;
    struct watcher *watcher;
    struct seeing *seeing;
    struct worker_reader reader;
    uint32_t clock_hz;
    int64_t first_dts, wall_us, ticked_us, looked_us, least_us; /* least_us: between two looks */
    uint64_t busy;       /* the seed, and what is drawn from it; 0: nothing is */
    int64_t busy_until;  /* of steady_us: vision */
    struct blob waiting; /* the newest frame that vision has not had */
    bool begun;
    unsigned entries, alerts, frames;
};

static double seconds(struct wall_us t) {
    return (double)(t.us - BASE_US) / 1e6;
}

/* --- What seeing does to the world --- */

static void next_id(struct see_clip *c, uint8_t id[16]) {
    memset(id, 0, 16);
    be32_put(id, ++c->entries);
}

static err port_event(void *context, const uint8_t camera[CAMERA_ID_BYTES], json_t *json, uint8_t id[16],
                      struct diag *d) {
    char *text = json_dumps(json, JSON_COMPACT);
    (void)camera, (void)d;
    next_id(context, id);
    printf("{\"event\":%s}\n", text ? text : "null");
    free(text);
    return ERR_OK;
}

static err port_picture(void *context, const uint8_t camera[CAMERA_ID_BYTES], struct bytes jpeg,
                        uint8_t id[16], struct diag *d) {
    (void)camera, (void)jpeg, (void)d;
    next_id(context, id);
    return ERR_OK;
}

static void port_worth(void *context, const uint8_t camera[CAMERA_ID_BYTES]) {
    (void)context, (void)camera;
}

static const char *port_name(void *context, const uint8_t camera[CAMERA_ID_BYTES]) {
    (void)context;
    return memcmp(camera, camera_id, sizeof camera_id) == 0 ? "clip" : NULL;
}

static uint32_t port_slot(void *context, const uint8_t camera[CAMERA_ID_BYTES]) {
    const struct see_clip *c = context;
    (void)camera;
    return wall_slot((struct wall_us){c->wall_us});
}

static err port_alert(void *context, const struct alert *a, struct diag *d) {
    struct see_clip *c = context;
    char name[64], path[PATH_TEXT_BYTES];
    printf("{\"alert\":{\"label\":\"%s\",\"seen\":%.2f,\"told\":%.2f}}\n", a->label, seconds(a->at),
           (double)(c->wall_us - BASE_US) / 1e6);
    c->alerts++;
    if (!c->pictures || a->jpeg.len == 0) return ERR_OK;
    snprintf(name, sizeof name, "%04.0f-%s.jpg", 10 * seconds(a->at), a->label);
    err e = path_join(path, c->pictures, name);
    return e ? e : file_replace(path, a->jpeg, 0644, d);
}

static void port_state(void *context, const uint8_t camera[CAMERA_ID_BYTES], const char *what, bool on) {
    (void)context, (void)camera, (void)what, (void)on;
}

static err port_embed(void *context, uint32_t request, struct bytes jpeg, struct diag *d) {
    (void)context, (void)request, (void)jpeg;
    return diag_fail(d, ERR_UNSUPPORTED, "no faces here");
}

static void port_masks(void *context, const uint8_t camera[CAMERA_ID_BYTES]) {
    (void)context, (void)camera;
}

/* --- What vision says --- */

static err on_sightings(void *context, const struct vision_sightings *m) {
    struct see_clip *c = context;
    for (size_t i = 0; c->verbose && i < m->count; i++) {
        const struct seen_track *t = &m->tracks[i];
        printf("{\"sighting\":[%.2f,%u,\"%s\",%.2f,%d,%u,%u,%u,%u]}\n", seconds(m->wall), (unsigned)t->id,
               seen_label_text(t->label), (double)t->score, t->state, t->box.x, t->box.y, t->box.w, t->box.h);
    }
    seeing_sightings(c->seeing, camera_id, m);
    return ERR_OK;
}

static err on_picture(void *context, const struct vision_picture *m) {
    struct see_clip *c = context;
    seeing_picture(c->seeing, camera_id, m);
    return ERR_OK;
}

/* --- What the camera sends --- */

/* Of a busy machine: now and then a pause, of which most are short (the square of an even draw). */
static int64_t pause_us(struct see_clip *c) {
    if (!c->busy) return 0;
    c->busy ^= c->busy << 13; /* xorshift64 */
    c->busy ^= c->busy >> 7;
    c->busy ^= c->busy << 17;
    if (c->busy % PAUSES) return 0;
    double even = (double)(c->busy >> 40) / (1 << 24);
    return PAUSE_LEAST_US + (int64_t)(even * even * (PAUSE_MOST_US - PAUSE_LEAST_US));
}

/* As the hub does it: worker's bytes in, vision's bytes out. */
static err pass_frame(struct see_clip *c, struct bytes payload, struct diag *d) {
    struct worker_frame f;
    err e = worker_frame_decode(payload, &f, d);
    if (e) return e;
    struct vision_frame m = {.wall = f.wall,
                             .source_width = f.source_width,
                             .source_height = f.source_height,
                             .width = f.width,
                             .height = f.height,
                             .region_count = f.region_count,
                             .i420 = f.i420};
    if (f.flags & WORKER_FRAME_SAFETY) m.flags |= VISION_FRAME_SAFETY;
    for (size_t i = 0; i < f.region_count; i++)
        m.regions[i] = (struct vision_region){f.regions[i].x, f.regions[i].y, f.regions[i].w, f.regions[i].h};
    seeing_frame(c->seeing, camera_id, &f);
    if (f.wall.us - c->looked_us < c->least_us) return ERR_OK;
    c->looked_us = f.wall.us;
    c->frames++;
    if (c->verbose) {
        printf("{\"frame\":[%.2f,%u", seconds(f.wall), m.flags);
        for (size_t i = 0; i < f.region_count; i++)
            printf(",[%u,%u,%u,%u]", f.regions[i].x, f.regions[i].y, f.regions[i].w, f.regions[i].h);
        printf("]}\n");
    }
    return watcher_frame(c->watcher, &m, d);
}

static err see(struct see_clip *c, const struct motion_seen *seen, struct diag *d) {
    AUTO(blob_clear) struct blob out = {0};
    struct worker_message m;
    struct worker_frame head = {.wall = seen->motion.wall,
                                .flags = seen->safety ? WORKER_FRAME_SAFETY : 0,
                                .region_count = seen->motion.count};
    memcpy(head.regions, seen->motion.regions, sizeof head.regions);
    err e = frame_scaler_append(&c->scaler, seen->picture, &head, &out, d);
    if (!e) e = worker_reader_feed(&c->reader, blob_bytes(&out));
    if (!e) e = worker_reader_next(&c->reader, &m, d);
    c->waiting.len = 0;
    return e ? e : blob_append(&c->waiting, m.payload);
}

/* The newest frame goes to vision once that is free. */
static err feed(struct see_clip *c, struct diag *d) {
    if (c->waiting.len == 0 || steady_us < c->busy_until) return ERR_OK;
    err e = pass_frame(c, blob_bytes(&c->waiting), d);
    c->waiting.len = 0;
    c->busy_until = steady_us + pause_us(c);
    return e;
}

static err on_tracks(void *context, const struct media_track *tracks, size_t count, struct diag *d) {
    struct see_clip *c = context;
    (void)count;
    c->clock_hz = tracks[0].clock_hz;
    motion_free(c->motion);
    c->motion = NULL;
    return motion_new(&tracks[0], &c->motion, d);
}

static err on_sample(void *context, const struct media_sample *s, struct diag *d) {
    struct see_clip *c = context;
    struct motion_seen seen = {0};
    if (s->track != 0) return ERR_OK;
    if (!c->begun) c->first_dts = s->dts_ticks;
    c->begun = true;
    c->wall_us = BASE_US + (s->dts_ticks - c->first_dts) * 1000000 / (int64_t)c->clock_hz;
    motion_frame(c->motion, s, (struct wall_us){c->wall_us}, &seen);
    if (seen.tell) seeing_motion(c->seeing, camera_id, seen.motion.wall, seen.motion.score);
    err e = seen.picture ? see(c, &seen, d) : ERR_OK;
    if (!e) e = feed(c, d);
    if (c->wall_us - c->ticked_us >= 500000) {
        c->ticked_us = c->wall_us;
        seeing_tick(c->seeing, (struct wall_us){c->wall_us});
    }
    return e;
}

static void on_lost(void *context, uint64_t packets) {
    (void)context, (void)packets;
}

/* --- All of it --- */

static err command(struct see_clip *c, const char *verb, json_t *args, struct diag *d) {
    static const uint8_t id[16] = {0};
    AUTO(json_release) json_t *owned = args, *result = NULL;
    bool later;
    return owned ? seeing_command(c->seeing, id, verb, owned, &result, &later, NULL, NULL, d) : ERR_NO_MEMORY;
}

static err set_rules(struct see_clip *c, const char *labels, const char *zones, struct diag *d) {
    AUTO(json_release) json_t *list = json_array(), *zone_list = zones ? json_loads(zones, 0, NULL) : NULL;
    AUTO(json_release) json_t *zone_ids = json_array();
    char text[256], *rest = NULL, camera[2 * CAMERA_ID_BYTES + 1];
    size_t i;
    json_t *zone;
    if (zones && !zone_list) return diag_fail(d, ERR_INVALID, "the zones are no JSON");
    snprintf(text, sizeof text, "%s", labels);
    for (char *l = strtok_r(text, ",", &rest); l; l = strtok_r(NULL, ",", &rest))
        json_array_append_new(list, json_string(l));
    hex_encode(BYTES_OF(camera_id), camera);
    err e = zones ? command(c, "zone.set", json_pack("{s:s,s:O}", "camera", camera, "zones", zone_list), d)
                  : ERR_OK;
    json_array_foreach(zone_list, i, zone) {
        const char *kind = json_string_value(json_object_get(zone, "kind"));
        if (kind && strcmp(kind, "exclude")) json_array_append(zone_ids, json_object_get(zone, "id"));
    }
    if (e) return e;
    /* The rule that every household begins with, made another. */
    return command(c, "rule.set",
                   json_pack("{s:s,s:s,s:O,s:O,s:i}", "id", "00000001", "name", "clip", "labels", list,
                             "zones", zone_ids, "cooldown_s", COOLDOWN_S),
                   d);
}

static err play(struct see_clip *c, const char *path, double length_s, struct diag *d) {
    const struct media_sink sink = {c, on_tracks, on_sample, on_lost};
    struct file_source *source = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return diag_fail(d, ERR_NOT_FOUND, "cannot open %s", path);
    err e = file_source_new(fd, false, &sink, &source, d);
    /* From one time that it has something to do to the next: the same steps each time. */
    int64_t at = e ? 0 : file_source_deadline(source).us, length_us = (int64_t)(length_s * 1e6);
    while (!e && c->wall_us - BASE_US <= length_us) {
        steady_us = at;
        e = file_source_ready(source, (struct steady_us){at}, d);
        int64_t next = file_source_deadline(source).us;
        at = (next > at ? next : at + STEP_US) + pause_us(c);
    }
    file_source_free(source);
    return e;
}

static double cpu_seconds(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static err begin(struct see_clip *c, const char *folder, const char *labels, const char *zones,
                 struct detector *t, struct diag *d) {
    const struct seeing_ports ports = {.context = c,
                                       .event = port_event,
                                       .picture = port_picture,
                                       .worth = port_worth,
                                       .camera_name = port_name,
                                       .slot = port_slot,
                                       .alert = port_alert,
                                       .state = port_state,
                                       .embed = port_embed,
                                       .masks = port_masks};
    const struct watcher_ports told = {c, on_sightings, on_picture};
    err e = seeing_new(folder, &ports, &c->seeing, d);
    if (e) return e;
    seeing_start(c->seeing);
    e = watcher_new(t, NULL, &told, &c->watcher, d);
    return e ? e : set_rules(c, labels, zones, d);
}

int main(int argc, char **argv) {
    const char *labels = ALL_LABELS, *zones = NULL;
    struct see_clip c = {.wall_us = BASE_US};
    struct model model = {0};
    struct diag d = {0};
    char folder[] = "/tmp/cardea-see-XXXXXX";
    for (int k; (k = getopt(argc, argv, "+l:z:p:m:b:v")) != -1;) {
        if (k == 'l')
            labels = optarg;
        else if (k == 'z')
            zones = optarg;
        else if (k == 'p')
            c.pictures = optarg;
        else if (k == 'm')
            c.least_us = strtol(optarg, NULL, 10) * 1000;
        else if (k == 'b')
            c.busy = strtoull(optarg, NULL, 10) * 0x9e3779b97f4a7c15u;
        else if (k == 'v')
            c.verbose = true;
        else
            return 2;
    }
    if (argc - optind < 7 || !mkdtemp(folder)) return 2;
    err e = model_load(argv + optind + 2, argc - optind - 2, &model, &d);
    if (!e) e = begin(&c, folder, labels, zones, model.detector, &d);
    double before = cpu_seconds();
    if (!e) e = play(&c, argv[optind + 1], strtod(argv[optind], NULL), &d);
    double used = cpu_seconds() - before;
    if (c.seeing) seeing_free(c.seeing);
    if (e)
        fprintf(stderr, "see_clip: %s\n", d.text);
    else
        printf("{\"counts\":{\"alerts\":%u,\"frames\":%u,\"cpu_s\":%.2f}}\n", c.alerts, c.frames, used);
    watcher_free(c.watcher);
    motion_free(c.motion);
    frame_scaler_clear(&c.scaler);
    worker_reader_clear(&c.reader);
    blob_clear(&c.waiting);
    model_clear(&model);
    char path[PATH_TEXT_BYTES];
    if (!path_join(path, folder, "seeing.json")) unlink(path);
    rmdir(folder);
    return e ? 1 : 0;
}
