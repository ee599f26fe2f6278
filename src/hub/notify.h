/* notify.h: takes alerts to the household's channels (docs/seeing.md, "Alerts"), on a thread of its own.
 *
 * notify_alert never waits for a disk: the alert is copied, and notify's thread makes it durable before any
 * channel hears of it. It goes to each of its channels once, and is tried again with backoff for 24 h; each
 * channel has its own. DIR/notify.json (0600) holds the channels with their secrets, DIR/alerts/ what is
 * under way. Threads: any, but for notify_poll and notify_fd: the recording loop. */
#ifndef CARDEA_HUB_NOTIFY_H
#define CARDEA_HUB_NOTIFY_H

#include "base/bytes.h"
#include "base/clock.h"
#include "base/json.h"

#define ALERT_ID_BYTES 16
#define NOTIFY_CHANNELS_MAX 32
#define NOTIFY_CHANNEL_ID_BYTES 9 /* 8 hex digits */
#define NOTIFY_NAME_MAX_BYTES 64
#define ALERT_TEXT_MAX_BYTES 400
#define ALERT_ZONES_MAX 16
#define ALERT_JPEG_MAX_BYTES 49152
#define ALERT_JPEG_SMALL_MAX_BYTES 2400 /* fits a Web Push message beside 500 bytes of texts */
#define NOTIFY_INBOX_MAX 64             /* alerts and states that notify's thread has not seen yet */
#define NOTIFY_MAIL_MAX 64              /* rings and presence that the recording loop has not seen yet */

struct notify;

/* Everything is copied. Texts that are too long are cut; a picture that is too large is left out. */
struct alert {
    uint8_t id[ALERT_ID_BYTES];
    uint8_t event[16], camera[16];
    const char *camera_name, *label, *title, *text, *rule, *person /* or NULL */;
    const char *const *zones; /* names */
    size_t zone_count;
    struct wall_us at;           /* of the sighting */
    struct wall_us packet;       /* of the camera's packet: for measuring the way of it */
    struct bytes jpeg;           /* may be empty */
    struct bytes jpeg_small;     /* of at most ALERT_JPEG_SMALL_MAX_BYTES: for Web Push; may be empty */
    const char *const *channels; /* ids; none: all that are on */
    size_t channel_count;
};

struct notify_options {
    const char *data;    /* DIR/notify.json, DIR/alerts/ */
    const char *ca_file; /* trusted besides the system's roots; NULL */
};

err notify_new(const struct notify_options *options, struct notify **out, struct diag *d) CHECKED;
/* Gives what is under way a moment; the rest is sent after the next start. */
void notify_free(struct notify *n);

/* The same id again is no second alert. ERR_INVALID: a text is not UTF-8. ERR_BUSY: NOTIFY_INBOX_MAX wait. */
err notify_alert(struct notify *n, const struct alert *a, struct diag *d) CHECKED;

/* Things that are no alert, for MQTT: `what` is "motion", a label, or "ring" (which only begins). */
void notify_state(struct notify *n, const uint8_t camera[16], const char *camera_name, const char *what,
                  bool on);
/* Which cameras there are, for discovery: [{"camera":hex,"name":text}]. */
void notify_cameras(struct notify *n, json_t *cameras /* borrowed */);

/* Called on the recording loop's behalf when a channel says home or away, or rings (MQTT). Set before use. */
struct notify_events {
    void *context;
    void (*presence)(void *context, bool home, const char *by);
    void (*ring)(void *context, const uint8_t camera[16]);
};
/* Runs what came from channels; called by the recording loop, about once a second and when notify_fd is
 * readable. */
void notify_poll(struct notify *n, const struct notify_events *events);
int notify_fd(const struct notify *n);

/* Home or away, as it is now: for MQTT. */
void notify_presence(struct notify *n, bool home);

/* The channels without their secrets, with state: [{"id","kind","name","on","settings","state","message",
 * "since","waiting","dropped","latency_ms"}], as docs/seeing.md says. NULL: out of memory. */
json_t *notify_channels(struct notify *n);
/* notify.list, notify.add, notify.set, notify.remove, notify.key. *result may be left NULL. notify.test is
 * asynchronous: `done` is called from notify_poll, unless notify_test itself fails. ERR_BUSY: too many tests.
 */
typedef void notify_done_fn(void *context, err e, json_t *result /* taken */, const struct diag *d);
err notify_command(struct notify *n, const char *verb, json_t *args, json_t **result, struct diag *d) CHECKED;
err notify_test(struct notify *n, json_t *args, notify_done_fn *done, void *context, struct diag *d) CHECKED;

#endif
