/* hub.h: one household's box: cameras, their workers and recorders, and what the owner asks of them.
 * Threads: the recording loop. */
#ifndef CARDEA_HUB_HUB_H
#define CARDEA_HUB_HUB_H

#include "hub/cameras.h"
#include "hub/doorbell.h"
#include "hub/link.h"
#include "hub/recorder.h"
#include "hub/seeing.h"
#include "hub/vision.h"
#include "hub/worker.h"
#include "media/onvif.h"

#define HUB_TESTS_MAX 4
#define HUB_TEST_US 20000000
#define HUB_PICTURE_S 10
#define HUB_BATCH_MS 250
#define HUB_EPOCH_AGAIN_US 2000000

struct hub_camera;

struct hub_stream {
    struct hub_camera *camera;
    bool sub;
    uint8_t id[CAMERA_ID_BYTES];
    struct worker *worker;
    struct recorder *recorder;
    char codec[40], audio_codec[40];
    uint16_t width, height;
    struct steady_us epoch_tried;
    bool published;
};

struct hub_camera {
    struct hub *hub;
    struct hub_camera *next;
    uint8_t number;               /* by which vision knows it */
    struct hub_stream streams[2]; /* main, sub */
    size_t stream_count;
};

/* A `camera.test` under way. */
struct hub_test {
    bool used;
    struct hub *hub;
    uint8_t command[COMMAND_ID_BYTES];
    struct worker *worker;
    struct worker_init init;
    bool have_init;
    double fps;
    uint32_t fragments;
    uint64_t samples;
    struct wall_us first;
    struct blob picture;
    struct steady_us deadline;
};

#define HUB_FOUND_MAX 64
#define HUB_DISCOVER_US 3000000

/* A `camera.discover` under way: one at a time. */
struct hub_discovery {
    bool used;
    uint8_t command[COMMAND_ID_BYTES];
    char probe[ONVIF_PROBE_ID_BYTES];
    struct watch socket;
    json_t *found;
    struct steady_us deadline;
};

struct hub {
    struct identity *identity;
    struct event_loop *loop;
    struct disk_thread *disk;
    struct spool *spool;
    struct outbox *outbox;
    struct forward_keys *keys;
    struct link *link;
    struct witness *witness;
    struct vision *vision;
    struct seeing *seeing;
    struct notify *notify;
    struct doorbells doorbells;
    struct watch alerts; /* what channels say: notify_fd */
    struct cameras cameras;
    struct hub_camera *list;
    struct hub_test tests[HUB_TESTS_MAX];
    struct hub_discovery discovery;
    struct command_seen *seen;
    const char *camera_program, *data, *vault;
    bool offline_known, offline_noted;
    struct steady_us offline_at;
    struct watch mail;
    struct steady_us started;
};

struct hub_options {
    const char *data, *vault, *ca_file, *camera_program, *vision_program;
    const char *models;  /* a folder with published weights; NULL */
    const char *builtin; /* the weights of the built-in classifier; NULL */
    uint64_t spool_limit_bytes;
    struct identity *identity; /* paired; borrowed */
};

/* *h is filled, whatever is returned; hub_clear clears what there is. */
err hub_init(struct hub *h, const struct hub_options *options, struct diag *d) CHECKED;
/* Ends segments, gives uploads a moment, and frees everything: at most about 4 s. */
void hub_clear(struct hub *h);
void hub_tick(struct hub *h);
/* Tells the workers whether somebody waits for their frames. */
void hub_pace(struct hub *h);
/* Handles what there is, waiting up to timeout_ms for it. While nobody watches and nothing else is going on,
 * what the workers send is taken HUB_BATCH_MS at a time: it saves most of the work, and nobody notices. */
void hub_round(struct hub *h, int timeout_ms);

/* hub_cameras.c */
err hub_camera_start(struct hub *h, const struct camera_settings *s, struct diag *d) CHECKED;
void hub_camera_stop(struct hub *h, const uint8_t camera[CAMERA_ID_BYTES]);
struct hub_camera *hub_camera_find(const struct hub *h, const uint8_t camera[CAMERA_ID_BYTES]);
err hub_camera_apply(struct hub *h, struct hub_camera *c, const struct camera_settings *s, bool restart,
                     struct diag *d) CHECKED;
/* Its workers start anew, by the settings that are in force now. */
err hub_camera_restart(struct hub *h, struct hub_camera *c, struct diag *d) CHECKED;
err hub_new_epoch(void *context, const uint8_t stream[CAMERA_ID_BYTES], struct diag *d) CHECKED;
err hub_publish(struct hub *h, const struct camera_settings *s, struct hub_stream *stream,
                struct diag *d) CHECKED;
err hub_publish_retention(struct hub *h, const struct camera_settings *s, struct diag *d) CHECKED;

/* hub_commands.c */
void hub_command(struct hub *h, const uint8_t id[COMMAND_ID_BYTES], struct bytes box);
void hub_reply(struct hub *h, const uint8_t command[COMMAND_ID_BYTES], err e, json_t *result /* taken */,
               const struct diag *d);

/* hub_succeed.c: the household's keys are succeeded. hub_succession_open opens a command that is not by the
 * household's key but by the newest of a chain which leads there from it. ERR_FORGED: it is no such thing.
 * hub_succeed carries it out, *signer being who signed it. */
err hub_succession_open(const struct hub *h, const uint8_t id[COMMAND_ID_BYTES], struct bytes box,
                        struct command *out, uint8_t signer[SIGN_PUBLIC_BYTES], struct diag *d) CHECKED;
err hub_succeed(struct hub *h, const struct command *c, const uint8_t signer[SIGN_PUBLIC_BYTES],
                json_t **result, struct diag *d) CHECKED;
void hub_rekey_tick(struct hub *h);

/* hub_notice.c: what the vault tells of by a notice. ERR_INVALID: it is none. */
err hub_noticed(struct hub *h, struct bytes json, struct diag *d) CHECKED;
/* An alert of no camera's, on all channels; the same `what` again within again_s is no second one. */
void hub_alert_system(struct hub *h, const char *what, unsigned again_s, const char *title, const char *text);

/* hub_offline.c: tells this machine's `cardea status` while the vault is away. */
void hub_offline_tick(struct hub *h, bool ending);

/* hub_tests.c: `camera.test` */
err hub_test_start(struct hub *h, const uint8_t command[COMMAND_ID_BYTES], const char *url,
                   struct diag *d) CHECKED;
void hub_tests_tick(struct hub *h);
void hub_tests_clear(struct hub *h);

/* hub_discover.c: `camera.discover`. ERR_BUSY: one is under way. */
err hub_discover_start(struct hub *h, const uint8_t command[COMMAND_ID_BYTES], struct diag *d) CHECKED;
void hub_discover_tick(struct hub *h);
void hub_discover_clear(struct hub *h);

/* hub_seeing.c: what is seen, and who is told. Before the cameras start; after them; about once a second. */
err hub_seeing_init(struct hub *h, const struct hub_options *options, struct diag *d) CHECKED;
void hub_seeing_start(struct hub *h);
void hub_seeing_tick(struct hub *h, struct steady_us now);
void hub_seeing_clear(struct hub *h);
void hub_seen_frame(struct hub_stream *s, const struct worker_frame *m);
void hub_seen_motion(struct hub_stream *s, const struct worker_motion *m);
void hub_seen_ring(struct hub_stream *s);
/* A doorbell's request to the vault: which, as a hash. */
void hub_pressed(struct hub *h, const uint8_t ring[LINK_RING_BYTES]);
/* The camera's worker is gone: so is what was seen. */
void hub_seen_end(struct hub_camera *c);
void hub_seen_forget(struct hub *h, const uint8_t camera[CAMERA_ID_BYTES]);
/* Cameras came, went or were renamed. */
void hub_seen_cameras(struct hub *h);
/* Verbs from see. to model. ERR_UNSUPPORTED: none of them. */
err hub_seeing_command(struct hub *h, const struct command *c, json_t **result, bool *later,
                       struct diag *d) CHECKED;

/* hub_status.c. NULL: out of memory. */
json_t *hub_status(struct hub *h);

#endif
