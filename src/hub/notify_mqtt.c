/* MQTT: alerts, states and pictures to a broker, presence and rings from it; Home Assistant finds them by
 * itself.
 *
 * The connection's thread leaves what happens in `inbox`; notify's thread takes it out in `poll`. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "hub/notify_channel.h"
#include "hub/notify_topics.h"

#define HOST_MAX_BYTES 253
#define USER_MAX_BYTES 128
#define CA_MAX_BYTES 16384
#define PORT_TLS 8883
#define PORT_PLAIN 1883
#define ORDERS_MAX 32 /* received and not yet looked at; more are dropped */
#define CAMERAS_MAX 64
#define RING_AGAIN_US 2000000 /* a button that is held, or bounces, rings once */

struct order {
    enum topic_order kind;
    uint8_t camera[16];
};

struct known_camera {
    char id[33];
    struct steady_us rang;
};

struct mqtt_channel {
    struct channel base;
    struct mqtt *mqtt;
    char prefix[TOPIC_PREFIX_MAX_BYTES + 1];
    char ca_path[PATH_TEXT_BYTES]; /* of the file that `ca` was written to; else empty */
    struct known_camera cameras[CAMERAS_MAX];
    size_t camera_count;
    bool busy, connected;
    int message;                          /* the alert under way */
    char pending[2 * ALERT_ID_BYTES + 1]; /* the alert that the broker has not acknowledged; empty: none */
    struct steady_us sent;

    pthread_mutex_t lock;
    struct { /* under the lock */
        bool connected, disconnected, taken;
        int waits_for; /* 0: nothing */
        char why[CHANNEL_SAID_BYTES];
        struct order orders[ORDERS_MAX];
        size_t order_count;
        int acknowledged[8]; /* that came before we knew what to wait for */
        size_t acknowledged_at;
    } inbox;
};

struct settings {
    const char *host, *ca, *user, *password, *prefix;
    int64_t port;
    bool tls;
};

static err read_settings(json_t *settings, struct settings *s, struct diag *d) {
    bool has_port = false;
    *s = (struct settings){.prefix = "cardea"};
    const struct json_field fields[] = {
        {.name = "host",
         .kind = JSON_KIND_TEXT,
         .required = true,
         .min = 1,
         .max = HOST_MAX_BYTES,
         .out = &s->host},
        {.name = "port",
         .kind = JSON_KIND_INT,
         .min = 1,
         .max = 65535,
         .out = &s->port,
         .present = &has_port},
        {.name = "tls", .kind = JSON_KIND_BOOL, .required = true, .out = &s->tls},
        {.name = "ca", .kind = JSON_KIND_TEXT, .min = 1, .max = CA_MAX_BYTES, .out = &s->ca},
        {.name = "user", .kind = JSON_KIND_TEXT, .min = 1, .max = USER_MAX_BYTES, .out = &s->user},
        {.name = "password",
         .kind = JSON_KIND_TEXT,
         .min = 1,
         .max = CHANNEL_SECRET_MAX_BYTES,
         .out = &s->password},
        {.name = "prefix",
         .kind = JSON_KIND_TEXT,
         .min = 1,
         .max = TOPIC_PREFIX_MAX_BYTES,
         .out = &s->prefix},
    };
    err e = JSON_READ(settings, fields, d);
    if (!e && !has_port) s->port = s->tls ? PORT_TLS : PORT_PLAIN;
    return e;
}

static err check(json_t *settings, json_t *shown, struct diag *d) {
    struct settings s;
    (void)shown;
    err e = read_settings(settings, &s, d);
    if (e) return e;
    for (const char *c = s.host; *c; c++)
        if (*c <= ' ' || *c > '~' || strchr("/@?#\\", *c))
            return diag_fail(d, ERR_INVALID,
                             "\"host\" must be a name or an address: broker.local, 192.168.1.2");
    if (!s.tls && !outgoing_home_name(s.host))
        return diag_fail(
            d, ERR_INVALID,
            "without TLS only a broker of this home is spoken to (192.168.…, name.local): use TLS for %.100s",
            s.host);
    if (s.ca && (!s.tls || strncmp(s.ca, "-----BEGIN CERTIFICATE-----", 27) != 0))
        return diag_fail(d, ERR_INVALID, "\"ca\" must be a certificate in PEM, for a connection with TLS");
    if (s.password && !s.user) return diag_fail(d, ERR_INVALID, "\"user\" is missing");
    if (!topic_prefix_valid(s.prefix))
        return diag_fail(d, ERR_INVALID, "\"prefix\" must be of letters, digits, _, - and / between them");
    return ERR_OK;
}

/* --- From the connection's thread --- */

static void tell(struct mqtt_channel *c) {
    outgoing_wake(c->base.host->outgoing);
}

static void on_connected(void *context) {
    struct mqtt_channel *c = context;
    pthread_mutex_lock(&c->lock);
    c->inbox.connected = true;
    c->inbox.disconnected = false;
    pthread_mutex_unlock(&c->lock);
    tell(c);
}

static void on_disconnected(void *context, const char *why) {
    struct mqtt_channel *c = context;
    pthread_mutex_lock(&c->lock);
    c->inbox.connected = false;
    c->inbox.disconnected = true;
    snprintf(c->inbox.why, sizeof c->inbox.why, "not connected to the broker: %.200s", why);
    pthread_mutex_unlock(&c->lock);
    tell(c);
}

static void on_published(void *context, int message) {
    struct mqtt_channel *c = context;
    pthread_mutex_lock(&c->lock);
    size_t places = sizeof c->inbox.acknowledged / sizeof *c->inbox.acknowledged;
    c->inbox.acknowledged[c->inbox.acknowledged_at++ % places] = message;
    bool wanted = c->inbox.waits_for == message;
    if (wanted) c->inbox.taken = true;
    pthread_mutex_unlock(&c->lock);
    if (wanted) tell(c);
}

static void on_received(void *context, const char *topic, struct bytes payload, bool retained) {
    struct mqtt_channel *c = context;
    struct order o = {.kind = topic_read(c->prefix, topic, payload, o.camera)};
    /* A retained one is of before, and would ring at each connection. */
    if (o.kind == TOPIC_ORDER_NONE || retained) return;
    pthread_mutex_lock(&c->lock);
    if (c->inbox.order_count < ORDERS_MAX) c->inbox.orders[c->inbox.order_count++] = o;
    pthread_mutex_unlock(&c->lock);
    tell(c);
}

/* --- Life --- */

static void close_channel(struct channel *base) {
    struct mqtt_channel *c = (struct mqtt_channel *)base;
    if (!c) return;
    mqtt_free(c->mqtt);
    if (c->ca_path[0]) unlink(c->ca_path);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

/* The library wants the authority's certificate in a file, at each connection. */
static err write_ca(struct mqtt_channel *c, const char *pem, struct diag *d) {
    char name[40];
    snprintf(name, sizeof name, "notify-%s.pem", c->base.host->id);
    if (path_join(c->ca_path, c->base.host->data, name))
        return diag_fail(d, ERR_LIMIT, "the path is too long");
    return file_replace(c->ca_path, bytes_text(pem), 0600, d);
}

static err connect_broker(struct mqtt_channel *c, const struct settings *s, struct diag *d) {
    char status[MQTT_TOPIC_MAX_BYTES + 1], client_id[40];
    snprintf(status, sizeof status, "%s/status", c->prefix);
    snprintf(client_id, sizeof client_id, "cardea-%s", c->base.host->id);
    const struct mqtt_options options = {.host = s->host,
                                         .port = (uint16_t)s->port,
                                         .tls = s->tls,
                                         .ca_file = c->ca_path[0] ? c->ca_path : c->base.host->ca_file,
                                         .user = s->user,
                                         .password = s->password,
                                         .client_id = client_id,
                                         .will_topic = status,
                                         .will = "offline"};
    const struct mqtt_events events = {c, on_connected, on_disconnected, on_published, on_received};
    return mqtt_new(&options, &events, &c->mqtt, d);
}

static err open_channel(const struct channel_host *host, json_t *settings, struct channel **out,
                        struct diag *d) {
    struct settings s;
    err e = read_settings(settings, &s, d);
    if (e) return e;
    struct mqtt_channel *c = calloc(1, sizeof *c);
    if (!c) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    c->base = (struct channel){&channel_mqtt, host};
    pthread_mutex_init(&c->lock, NULL);
    snprintf(c->prefix, sizeof c->prefix, "%s", s.prefix);
    if (s.ca) e = write_ca(c, s.ca, d);
    if (!e) e = connect_broker(c, &s, d);
    if (e) {
        close_channel(&c->base);
        return e;
    }
    *out = &c->base;
    return ERR_OK;
}

/* --- To the broker --- */

/* What is lost here is said again with the next connection. */
static void say(struct mqtt_channel *c, const char *topic, struct bytes payload, bool retain) {
    struct diag d = {{0}};
    if (c->connected && mqtt_publish(c->mqtt, topic, payload, retain, NULL, &d))
        log_debug("mqtt: %s: %s", topic, d.text);
}

static void say_of(struct mqtt_channel *c, const char *camera, const char *what, struct bytes payload,
                   bool retain) {
    char topic[MQTT_TOPIC_MAX_BYTES + 1];
    snprintf(topic, sizeof topic, "%s/%.32s/%s", c->prefix, camera, what);
    say(c, topic, payload, retain);
}

static err publish_alert(struct mqtt_channel *c, const struct alert_message *m, struct diag *d) {
    char topic[MQTT_TOPIC_MAX_BYTES + 1];
    const char *camera = alert_text(m, "camera");
    char *text = json_dumps(m->json, JSON_COMPACT);
    if (!text) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    if (m->test)
        snprintf(topic, sizeof topic, "%s/test", c->prefix);
    else
        snprintf(topic, sizeof topic, "%s/%.32s/alert", c->prefix, camera);
    if (m->jpeg.len) say_of(c, camera, "picture", blob_bytes(&m->jpeg), true);
    err e = mqtt_publish(c->mqtt, topic, bytes_text(text), false, &c->message, d);
    free(text);
    return e;
}

/* Whether what was sent before has been acknowledged by now. */
static bool settled(struct mqtt_channel *c) {
    pthread_mutex_lock(&c->lock);
    bool taken = c->inbox.taken;
    if (taken) c->inbox.taken = false;
    if (taken) c->inbox.waits_for = 0;
    pthread_mutex_unlock(&c->lock);
    return taken;
}

/* The library keeps what is not acknowledged, and sends it again itself: of a broker that acknowledges
 * nothing one alert waits there, and not each try of each alert. */
static err send_alert(struct channel *base, const struct alert_message *m, struct diag *d) {
    struct mqtt_channel *c = (struct mqtt_channel *)base;
    const char *id = alert_text(m, "id");
    bool same = strcmp(c->pending, id) == 0;
    if (!c->connected)
        return diag_fail(d, ERR_UNREACHABLE, "%s",
                         c->inbox.why[0] ? c->inbox.why : "not connected to the broker yet");
    if (c->pending[0] && !same && !settled(c))
        return diag_fail(d, ERR_BUSY, "the broker has not acknowledged the alert before");
    err e = same ? ERR_OK : publish_alert(c, m, d);
    if (e) return e;
    snprintf(c->pending, sizeof c->pending, "%s", id);
    c->busy = true;
    c->sent = steady_now();
    pthread_mutex_lock(&c->lock);
    c->inbox.waits_for = c->message;
    for (size_t i = 0; i < sizeof c->inbox.acknowledged / sizeof *c->inbox.acknowledged; i++)
        if (c->inbox.acknowledged[i] == c->message) c->inbox.taken = true; /* faster than we are */
    memset(c->inbox.acknowledged, 0, sizeof c->inbox.acknowledged);
    bool taken = c->inbox.taken;
    pthread_mutex_unlock(&c->lock);
    if (taken) tell(c);
    return ERR_OK;
}

static void announce(struct mqtt_channel *c, const char *camera, const char *name) {
    char topic[MQTT_TOPIC_MAX_BYTES + 1];
    for (size_t i = 0; i < TOPIC_CAMERA_ENTITIES; i++) {
        char *payload = NULL;
        if (topic_discovery(c->prefix, camera, name, i, topic, name ? &payload : NULL)) continue;
        say(c, topic, payload ? bytes_text(payload) : (struct bytes){0}, true);
        free(payload);
    }
}

static bool listed(json_t *cameras, const char *id) {
    json_t *one;
    size_t i;
    json_array_foreach(cameras, i, one) {
        const char *other = json_string_value(json_object_get(one, "camera"));
        if (other && strcmp(other, id) == 0) return true;
    }
    return false;
}

static void forget(struct mqtt_channel *c, const char *camera) {
    static const char *const kept[] = {"motion", "person", "picture"};
    announce(c, camera, NULL);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        say_of(c, camera, kept[i], (struct bytes){0}, true);
}

static void tell_cameras(struct channel *base, json_t *cameras) {
    struct mqtt_channel *c = (struct mqtt_channel *)base;
    struct known_camera before[CAMERAS_MAX];
    size_t count = c->camera_count, i;
    json_t *one;
    memcpy(before, c->cameras, sizeof before);
    c->camera_count = 0;
    json_array_foreach(cameras, i, one) {
        const char *id = json_string_value(json_object_get(one, "camera")),
                   *name = json_string_value(json_object_get(one, "name"));
        if (!id || !name || strlen(id) != 32 || c->camera_count == CAMERAS_MAX) continue;
        snprintf(c->cameras[c->camera_count++].id, sizeof c->cameras[0].id, "%s", id);
        announce(c, id, name);
    }
    for (i = 0; i < count; i++)
        if (!listed(cameras, before[i].id)) forget(c, before[i].id);
}

static void tell_state(struct channel *base, const struct channel_state *s) {
    struct mqtt_channel *c = (struct mqtt_channel *)base;
    char camera[33];
    hex_encode(BYTES(s->camera, 16), camera);
    if (strcmp(s->what, "ring") != 0)
        say_of(c, camera, s->what, bytes_text(s->on ? "ON" : "OFF"), true);
    else if (s->on)
        say_of(c, camera, "ring", bytes_text("{\"event_type\":\"ring\"}"), false);
}

static void tell_presence(struct channel *base, bool home) {
    struct mqtt_channel *c = (struct mqtt_channel *)base;
    char topic[MQTT_TOPIC_MAX_BYTES + 1];
    snprintf(topic, sizeof topic, "%s/presence", c->prefix);
    say(c, topic, bytes_text(home ? "home" : "away"), true);
}

/* --- What happened meanwhile --- */

static void begin(struct mqtt_channel *c) {
    char topic[MQTT_TOPIC_MAX_BYTES + 1];
    char *payload = NULL;
    struct diag d = {{0}};
    c->connected = true;
    snprintf(topic, sizeof topic, "%s/presence/set", c->prefix);
    err e = mqtt_subscribe(c->mqtt, topic, &d);
    snprintf(topic, sizeof topic, "%s/+/ring/set", c->prefix);
    if (!e) e = mqtt_subscribe(c->mqtt, topic, &d);
    if (e) log_warning("mqtt: %s", d.text);
    if (!topic_discovery_hub(c->prefix, c->base.host->id, topic, &payload))
        say(c, topic, bytes_text(payload), true);
    free(payload);
    snprintf(topic, sizeof topic, "%s/status", c->prefix);
    say(c, topic, bytes_text("online"), true);
    c->base.host->connected(c->base.host->context);
}

static void obey(struct mqtt_channel *c, const struct order *o) {
    const struct channel_host *host = c->base.host;
    char id[33];
    if (o->kind != TOPIC_ORDER_RING) {
        host->presence(host->context, o->kind == TOPIC_ORDER_HOME);
        return;
    }
    hex_encode(BYTES_OF(o->camera), id);
    for (size_t i = 0; i < c->camera_count; i++) {
        struct known_camera *k = &c->cameras[i];
        if (strcmp(k->id, id) != 0) continue;
        struct steady_us now = steady_now();
        if (k->rang.us && now.us - k->rang.us < RING_AGAIN_US) return;
        k->rang = now;
        host->ring(host->context, o->camera);
        return;
    }
    log_warning("mqtt: a ring for a camera that is not there: %s", id);
}

/* A broker that takes everything and acknowledges nothing must not look like one that works. */
static void give_up_waiting(struct mqtt_channel *c) {
    const struct channel_outcome o = {.result = CHANNEL_AGAIN,
                                      .said = "the broker does not acknowledge what it is sent"};
    if (!c->busy || steady_now().us - c->sent.us < CHANNEL_TIMEOUT_MS * INT64_C(1000)) return;
    c->busy = false; /* it may come yet: `pending` stays */
    c->base.host->done(c->base.host->context, &o);
}

static void poll_channel(struct channel *base) {
    struct mqtt_channel *c = (struct mqtt_channel *)base;
    const struct channel_host *host = c->base.host;
    struct order orders[ORDERS_MAX];
    char why[CHANNEL_SAID_BYTES];
    pthread_mutex_lock(&c->lock);
    bool connected = c->inbox.connected, disconnected = c->inbox.disconnected,
         taken = c->inbox.taken && c->busy;
    size_t count = c->inbox.order_count;
    memcpy(orders, c->inbox.orders, count * sizeof *orders);
    memcpy(why, c->inbox.why, sizeof why);
    c->inbox.connected = c->inbox.disconnected = false;
    c->inbox.order_count = 0;
    if (taken) c->inbox.taken = false;
    if (taken) c->inbox.waits_for = 0;
    pthread_mutex_unlock(&c->lock);
    if (disconnected) {
        c->connected = false;
        host->disconnected(host->context, why);
    }
    if (connected) begin(c);
    for (size_t i = 0; i < count; i++) obey(c, &orders[i]);
    if (!taken) {
        give_up_waiting(c);
        return;
    }
    const struct channel_outcome o = {.result = CHANNEL_TAKEN, .said = "the broker has acknowledged it"};
    c->busy = false;
    c->pending[0] = 0;
    host->done(host->context, &o);
}

static const char *const secrets[] = {"password", NULL};

const struct channel_ops channel_mqtt = {
    .kind = "mqtt",
    .secrets = secrets,
    .check = check,
    .open = open_channel,
    .close = close_channel,
    .send = send_alert,
    .poll = poll_channel,
    .cameras = tell_cameras,
    .state = tell_state,
    .presence = tell_presence,
};
