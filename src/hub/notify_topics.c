#include "hub/notify_topics.h"

#include <stdio.h>
#include <strings.h>

#define CAMERA_HEX_CHARS 32

bool topic_prefix_valid(const char *prefix) {
    bool after_slash = true;
    size_t len = strlen(prefix);
    for (size_t i = 0; i < len; i++) {
        char c = prefix[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || c == '-';
        if (c == '/' ? after_slash : !letter) return false;
        after_slash = c == '/';
    }
    return len <= TOPIC_PREFIX_MAX_BYTES && !after_slash;
}

static bool says(struct bytes payload, const char *word) {
    return payload.len == strlen(word) && strncasecmp((const char *)payload.data, word, payload.len) == 0;
}

enum topic_order topic_read(const char *prefix, const char *topic, struct bytes payload, uint8_t camera[16]) {
    size_t len = strlen(prefix);
    char hex[CAMERA_HEX_CHARS + 1];
    if (strncmp(topic, prefix, len) != 0 || topic[len] != '/') return TOPIC_ORDER_NONE;
    const char *rest = topic + len + 1;
    if (strcmp(rest, "presence/set") == 0)
        return says(payload, "home")   ? TOPIC_ORDER_HOME
               : says(payload, "away") ? TOPIC_ORDER_AWAY
                                       : TOPIC_ORDER_NONE;
    if (strlen(rest) != CAMERA_HEX_CHARS + strlen("/ring/set") ||
        strcmp(rest + CAMERA_HEX_CHARS, "/ring/set") != 0)
        return TOPIC_ORDER_NONE;
    if (payload.len == 0 || says(payload, "off") || says(payload, "0") || says(payload, "false"))
        return TOPIC_ORDER_NONE;
    memcpy(hex, rest, CAMERA_HEX_CHARS);
    hex[CAMERA_HEX_CHARS] = 0;
    return hex_decode(hex, (struct buffer){camera, 16}) ? TOPIC_ORDER_NONE : TOPIC_ORDER_RING;
}

/* --- Discovery --- */

static const struct entity {
    const char *kind, *what, *name;
    const char *device_class; /* or NULL */
} entities[TOPIC_CAMERA_ENTITIES] = {
    {"binary_sensor", "motion", "Motion", "motion"}, {"binary_sensor", "person", "Person", "occupancy"},
    {"event", "ring", "Doorbell", "doorbell"},       {"image", "picture", "Last alert", NULL},
    {"device_automation", "ring", NULL, NULL},       {"device_automation", "alert", NULL, NULL},
};

static json_t *origin(void) {
    return json_pack("{s:s,s:s}", "name", "Cardea", "sw_version", CARDEA_VERSION);
}

static json_t *device_of(const char *id, const char *name, const char *model) {
    char identifier[64];
    snprintf(identifier, sizeof identifier, "cardea_%s", id);
    return json_pack("{s:[s],s:s,s:s,s:s}", "identifiers", identifier, "name", name, "manufacturer", "Cardea",
                     "model", model);
}

static void set_text(json_t *o, const char *name, const char *text) {
    json_object_set_new(o, name, json_string(text));
}

static json_t *trigger(const struct entity *e, const char *state_topic) {
    bool ring = strcmp(e->what, "ring") == 0;
    return json_pack("{s:s,s:s,s:s,s:s,s:i}", "automation_type", "trigger", "type",
                     ring ? "button_short_press" : "alert", "subtype", ring ? "doorbell" : "cardea", "topic",
                     state_topic, "qos", 1);
}

static json_t *entity(const struct entity *e, const char *prefix, const char *camera,
                      const char *state_topic) {
    char unique[80], status[MQTT_TOPIC_MAX_BYTES + 1];
    snprintf(unique, sizeof unique, "cardea_%s_%s", camera, e->what);
    snprintf(status, sizeof status, "%s/status", prefix);
    json_t *o = json_pack("{s:s,s:s,s:s,s:i}", "name", e->name, "unique_id", unique, "availability_topic",
                          status, "qos", 1);
    if (!o) return NULL;
    bool image = strcmp(e->kind, "image") == 0;
    set_text(o, image ? "image_topic" : "state_topic", state_topic);
    if (image) set_text(o, "content_type", "image/jpeg");
    if (e->device_class) set_text(o, "device_class", e->device_class);
    if (strcmp(e->kind, "event") == 0) json_object_set_new(o, "event_types", json_pack("[s]", "ring"));
    return o;
}

err topic_discovery(const char *prefix, const char *camera, const char *name, size_t which,
                    char topic[MQTT_TOPIC_MAX_BYTES + 1], char **payload) {
    const struct entity *e = &entities[which];
    char state_topic[MQTT_TOPIC_MAX_BYTES + 1];
    snprintf(topic, MQTT_TOPIC_MAX_BYTES + 1, "homeassistant/%s/cardea_%.32s/%s/config", e->kind, camera,
             e->what);
    if (!payload) return ERR_OK;
    snprintf(state_topic, sizeof state_topic, "%s/%.32s/%s", prefix, camera, e->what);
    AUTO(json_release)
    json_t *o = strcmp(e->kind, "device_automation") == 0 ? trigger(e, state_topic)
                                                          : entity(e, prefix, camera, state_topic);
    if (!o || json_object_set_new(o, "device", device_of(camera, name, "camera")) ||
        json_object_set_new(o, "origin", origin()))
        return ERR_NO_MEMORY;
    *payload = json_dumps(o, JSON_COMPACT);
    return *payload ? ERR_OK : ERR_NO_MEMORY;
}

err topic_discovery_hub(const char *prefix, const char *hub, char topic[MQTT_TOPIC_MAX_BYTES + 1],
                        char **payload) {
    char unique[80], status[MQTT_TOPIC_MAX_BYTES + 1], state_topic[MQTT_TOPIC_MAX_BYTES + 1],
        command[MQTT_TOPIC_MAX_BYTES + 1];
    snprintf(topic, MQTT_TOPIC_MAX_BYTES + 1, "homeassistant/select/cardea_%.32s/presence/config", hub);
    snprintf(unique, sizeof unique, "cardea_%.32s_presence", hub);
    snprintf(status, sizeof status, "%s/status", prefix);
    snprintf(state_topic, sizeof state_topic, "%s/presence", prefix);
    snprintf(command, sizeof command, "%s/presence/set", prefix);
    AUTO(json_release)
    json_t *o = json_pack("{s:s,s:s,s:s,s:s,s:s,s:[s,s],s:i,s:o,s:o}", "name", "Presence", "unique_id",
                          unique, "availability_topic", status, "state_topic", state_topic, "command_topic",
                          command, "options", "home", "away", "qos", 1, "device",
                          device_of(hub, "Cardea", "hub"), "origin", origin());
    *payload = o ? json_dumps(o, JSON_COMPACT) : NULL;
    return *payload ? ERR_OK : ERR_NO_MEMORY;
}
