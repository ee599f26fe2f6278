/* mqtt.h: one connection to an MQTT broker, kept up (libmosquitto; MQTT 3.1.1).
 *
 * A thread of its own connects, again after 1 s doubling to 60 s, and calls the events. Publishing is at
 * least once (QoS 1); what is under way when a connection breaks is sent again after it, by the library.
 * Without TLS only addresses of the home are spoken to. Threads: mqtt_publish and mqtt_subscribe from any. */
#ifndef CARDEA_NET_MQTT_H
#define CARDEA_NET_MQTT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

#define MQTT_TOPIC_MAX_BYTES 200
#define MQTT_PAYLOAD_MAX_BYTES 256 /* of what is received; more is dropped */

struct mqtt;

struct mqtt_options {
    const char *host;
    uint16_t port;
    bool tls;
    const char *ca_file;         /* trusted instead of the system's roots; NULL: those */
    const char *user, *password; /* or NULL */
    const char *client_id;
    const char *will_topic, *will; /* retained by the broker when we vanish */
};

/* Called from the connection's thread; none after mqtt_free. */
struct mqtt_events {
    void *context;
    void (*connected)(void *context);
    void (*disconnected)(void *context, const char *why);
    void (*published)(void *context, int message);
    void (*received)(void *context, const char *topic, struct bytes payload, bool retained);
};

/* Copies the options. ERR_INVALID, ERR_NO_MEMORY. */
err mqtt_new(const struct mqtt_options *options, const struct mqtt_events *events, struct mqtt **out,
             struct diag *d) CHECKED;
/* Ends without a goodbye, so that the broker tells the will. NULL is fine. */
void mqtt_free(struct mqtt *m);

/* *message (may be NULL) is what `published` will name. ERR_UNREACHABLE: not connected. */
err mqtt_publish(struct mqtt *m, const char *topic, struct bytes payload, bool retain, int *message,
                 struct diag *d) CHECKED;
err mqtt_subscribe(struct mqtt *m, const char *topic, struct diag *d) CHECKED;

#endif
