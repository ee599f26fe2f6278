/* notify_topics.h: topics of MQTT, and what Home Assistant is told of them (its "MQTT discovery").
 *
 *     PREFIX/status               online | offline (retained; the broker says offline when the hub vanishes)
 *     PREFIX/presence             home | away (retained)     PREFIX/presence/set   home | away
 *     PREFIX/CAMERA/motion        ON | OFF (retained); the same for each label that is seen: person, car, …
 *     PREFIX/CAMERA/ring          {"event_type":"ring"}      PREFIX/CAMERA/ring/set   anything but off, 0,
 * false PREFIX/CAMERA/alert         the alert's JSON, without its picture PREFIX/CAMERA/picture       the
 * picture of the last alert, JPEG (retained) PREFIX/test                 of notify.test
 *     homeassistant/KIND/cardea_CAMERA/WHAT/config            (retained)
 *
 * CAMERA is the camera's id in hex. Threads: no shared state. */
#ifndef CARDEA_HUB_NOTIFY_TOPICS_H
#define CARDEA_HUB_NOTIFY_TOPICS_H

#include "base/bytes.h"
#include "base/json.h"
#include "net/mqtt.h"

#define TOPIC_PREFIX_MAX_BYTES 64
#define TOPIC_CAMERA_ENTITIES 6

/* Letters, digits, "_", "-" and single "/" between them. */
bool topic_prefix_valid(const char *prefix);

enum topic_order { TOPIC_ORDER_NONE, TOPIC_ORDER_HOME, TOPIC_ORDER_AWAY, TOPIC_ORDER_RING };
/* What a message asks for; the camera of a ring in *camera. A stranger may have sent it. */
enum topic_order topic_read(const char *prefix, const char *topic, struct bytes payload, uint8_t camera[16]);

/* Entity number `which` of a camera: where its configuration goes, and what it is. `name` is not needed when
 * the camera is to be forgotten (payload NULL). ERR_NO_MEMORY. */
err topic_discovery(const char *prefix, const char *camera, const char *name, size_t which,
                    char topic[MQTT_TOPIC_MAX_BYTES + 1], char **payload /* freed by the caller */) CHECKED;
/* The hub itself: the household's presence. */
err topic_discovery_hub(const char *prefix, const char *hub, char topic[MQTT_TOPIC_MAX_BYTES + 1],
                        char **payload) CHECKED;

#endif
