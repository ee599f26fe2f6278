/* notify_inputs_fuzz.c: what reaches the alerts' part of a hub from outside. The first byte chooses:
 *
 *     t  a topic, a newline, a payload: as a broker sends it
 *     p w s n m  JSON: the settings of a channel of that kind, as a browser or an owner gives them
 *     f  a file of DIR/alerts/ */
#include <stdlib.h>

#include "hub/notify_channel.h"
#include "hub/notify_topics.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_topic(struct bytes in) {
    char topic[MQTT_TOPIC_MAX_BYTES + 1];
    uint8_t camera[16];
    const uint8_t *newline = in.len ? memchr(in.data, '\n', in.len) : NULL;
    size_t len = newline ? (size_t)(newline - in.data) : in.len;
    if (len > MQTT_TOPIC_MAX_BYTES) return;
    if (len) memcpy(topic, in.data, len);
    topic[len] = 0;
    struct bytes payload = newline ? BYTES(newline + 1, in.len - len - 1) : BYTES(in.data, 0);
    enum topic_order order = topic_read("cardea", topic, payload, camera);
    if (order != TOPIC_ORDER_NONE && strncmp(topic, "cardea/", 7) != 0) abort();
    (void)topic_prefix_valid(topic);
}

static void try_settings(const struct channel_ops *ops, struct bytes in) {
    AUTO(json_release) json_t *settings = NULL;
    AUTO(json_release) json_t *shown = json_object();
    struct diag d = {{0}};
    if (json_parse(in, &settings, NULL)) return;
    err e = ops->check(settings, shown, &d);
    if (e && !d.text[0]) abort();
    if (e) return;
    /* What was taken once is taken again: it is read back at the next start. */
    if (ops->check(settings, shown, &d)) abort();
}

static void try_file(struct bytes in) {
    struct alert_message m = {0};
    if (alert_queue_decode(in, &m)) {
        if (m.json || m.jpeg.data || m.jpeg_small.data) abort();
        return;
    }
    if (!json_is_object(m.json) || m.jpeg.len > ALERT_JPEG_MAX_BYTES) abort();
    alert_message_clear(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    struct bytes in = BYTES(data + 1, size - 1);
    switch (data[0]) {
        case 't': try_topic(in); break;
        case 'p': try_settings(&channel_webpush, in); break;
        case 'w': try_settings(&channel_webhook, in); break;
        case 's': try_settings(&channel_smtp, in); break;
        case 'n': try_settings(&channel_ntfy, in); break;
        case 'm': try_settings(&channel_mqtt, in); break;
        case 'f': try_file(in); break;
        default: break;
    }
    return 0;
}
