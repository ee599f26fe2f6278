/* notify_internal.h: shared by the parts of notify; see notify.h.
 *
 *     notify.c           what others call; the thread; what waits between the two
 *     notify_settings.c  DIR/notify.json, and the verbs that change it
 *     notify_runner.c    one channel at work: backoff, what came of it, its state
 *
 * `lock` guards all but what is marked as the thread's. The thread never holds it across anything that waits,
 * so that the recording loop does not wait for it; notify.json is written by the recording loop alone. */
#ifndef CARDEA_HUB_NOTIFY_INTERNAL_H
#define CARDEA_HUB_NOTIFY_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/file.h"
#include "hub/notify_channel.h"

#define STATES_MAX 512 /* cameras × labels that MQTT is told of */
#define STATE_WHAT_BYTES 24
#define TESTS_MAX 4
#define LATENCIES_KEPT 64
#define BACKOFF_FIRST_MS 5000
#define BACKOFF_MAX_MS 600000
#define GONE_AGAIN_S 3600 /* should the recording loop not come to switch it off */
#define GONE_WORDS "the browser has ended its subscription: turn notifications on again in that browser"

/* A channel as it is set. */
struct channel_record {
    bool used, on, gone;
    uint64_t generation; /* another each time something changes */
    char id[NOTIFY_CHANNEL_ID_BYTES];
    char name[NOTIFY_NAME_MAX_BYTES + 1];
    const struct channel_ops *ops;
    json_t *settings;
};

/* How it does; written by the thread. */
struct channel_health {
    const char *state;
    char message[CHANNEL_SAID_BYTES];
    struct wall_us since;
    size_t waiting;
    uint64_t dropped;
    int64_t latency_us[LATENCIES_KEPT]; /* of those handed over last, from the camera's packet on */
    size_t latency_count;
};

/* The thread's. */
struct runner {
    struct notify *notify;
    size_t slot;
    uint64_t generation;
    char id[NOTIFY_CHANNEL_ID_BYTES];
    struct channel_host host;
    struct channel *channel;
    bool busy, testing, fresh; /* fresh: everything is to be told again */
    uint64_t number;           /* of the alert under way */
    struct wall_us packet;     /* its */
    struct steady_us retry_at, began;
    uint32_t backoff_ms;
};

struct notify_test {
    enum { TEST_FREE, TEST_WAITING, TEST_SENT, TEST_OVER } stage;
    char channel[NOTIFY_CHANNEL_ID_BYTES];
    struct steady_us deadline;
    notify_done_fn *done;
    void *context;
    err e;
    json_t *result;
    struct diag d;
};

struct camera_state {
    uint8_t camera[16];
    char what[STATE_WHAT_BYTES];
    bool on, dirty, pulse; /* pulse: it began, whatever it is now */
};

enum mail_kind { MAIL_HOME, MAIL_AWAY, MAIL_RING, MAIL_GONE };
struct notify_mail {
    enum mail_kind kind;
    char by[NOTIFY_NAME_MAX_BYTES + 1];
    uint8_t camera[16];
    size_t slot; /* of MAIL_GONE, and which record is meant */
    uint64_t generation;
};

struct inbox_item {
    struct alert_message message;
    char channels[NOTIFY_CHANNELS_MAX][NOTIFY_CHANNEL_ID_BYTES];
    size_t channel_count;
};

struct notify {
    char data[PATH_TEXT_BYTES - 64];
    char *ca_file;
    pthread_t thread;
    bool running;
    atomic_bool ending;
    int event_fd;

    pthread_mutex_t lock;
    struct channel_record records[NOTIFY_CHANNELS_MAX];
    struct channel_health health[NOTIFY_CHANNELS_MAX];
    uint64_t generation;
    struct web_push_key vapid;
    bool have_vapid;
    struct inbox_item *inbox[NOTIFY_INBOX_MAX];
    size_t inbox_count;
    struct notify_test tests[TESTS_MAX];
    struct camera_state states[STATES_MAX];
    size_t state_count;
    bool states_dirty, presence_dirty, home, have_presence;
    json_t *cameras;
    bool cameras_dirty;
    struct notify_mail mail[NOTIFY_MAIL_MAX];
    size_t mail_count;

    /* The thread's. */
    struct outgoing *outgoing;
    struct alert_queue *queue;
    struct runner runners[NOTIFY_CHANNELS_MAX];
};

/* notify_settings.c; called with the lock, but for settings_load. */
err settings_load(struct notify *n, struct diag *d) CHECKED;
err settings_save(struct notify *n, struct diag *d) CHECKED;
json_t *settings_shown(const struct channel_record *r);
err settings_command(struct notify *n, const char *verb, json_t *args, json_t **result,
                     struct diag *d) CHECKED;
/* The other side has ended a channel: it stays, switched off, so that the owner sees why it is silent. */
void settings_retire(struct notify *n, size_t slot, uint64_t generation);
struct channel_record *settings_find(struct notify *n, const char *id);

/* notify_runner.c; the thread. */
void runner_sync(struct runner *r); /* takes over what was set */
void runner_step(struct runner *r); /* begins what is to be done */
void runner_tell(struct runner *r, const struct camera_state *s, bool pulse);
void runner_close(struct runner *r);
void health_set(struct notify *n, size_t slot, const char *state, const char *message); /* locks */

/* notify.c: from the thread. */
void notify_post(struct notify *n, const struct notify_mail *m);

#endif
