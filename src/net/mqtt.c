#include "net/mqtt.h"

#include <errno.h>
#include <mosquitto.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "net/outgoing.h"

#define KEEPALIVE_S 30
#define CONNECT_US 15000000
#define LOOP_MS 500
#define AGAIN_FIRST_MS 1000
#define AGAIN_MAX_MS 60000
#define IN_FLIGHT_MAX 20
#define WORDS_BYTES 200

struct mqtt {
    struct mosquitto *client;
    char host[256];
    uint16_t port;
    bool tls;
    struct mqtt_events events;
    pthread_mutex_t lock; /* of `wanted`, and held while events are called: after mqtt_free there are none */
    pthread_cond_t changed;
    bool wanted;
    unsigned references; /* the owner and the thread */
    atomic_bool connected;
    char refusal[WORDS_BYTES]; /* the thread's: the broker's word */
};

static pthread_once_t library_once = PTHREAD_ONCE_INIT;
static void start_library(void) {
    mosquitto_lib_init();
}

static void unref(struct mqtt *m) {
    pthread_mutex_lock(&m->lock);
    bool last = --m->references == 0;
    pthread_mutex_unlock(&m->lock);
    if (!last) return;
    mosquitto_destroy(m->client);
    pthread_cond_destroy(&m->changed);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

/* --- Events: from mosquitto_loop, so from our thread --- */

static void on_connect(struct mosquitto *client, void *context, int code) {
    struct mqtt *m = context;
    (void)client;
    if (code) {
        snprintf(m->refusal, sizeof m->refusal, "%s", mosquitto_connack_string(code));
        return;
    }
    atomic_store(&m->connected, true);
    pthread_mutex_lock(&m->lock);
    if (m->wanted) m->events.connected(m->events.context);
    pthread_mutex_unlock(&m->lock);
}

static void on_publish(struct mosquitto *client, void *context, int message) {
    struct mqtt *m = context;
    (void)client;
    pthread_mutex_lock(&m->lock);
    if (m->wanted) m->events.published(m->events.context, message);
    pthread_mutex_unlock(&m->lock);
}

static void on_message(struct mosquitto *client, void *context, const struct mosquitto_message *message) {
    struct mqtt *m = context;
    (void)client;
    if (message->payloadlen < 0 || message->payloadlen > MQTT_PAYLOAD_MAX_BYTES ||
        strlen(message->topic) > MQTT_TOPIC_MAX_BYTES)
        return;
    pthread_mutex_lock(&m->lock);
    if (m->wanted)
        m->events.received(m->events.context, message->topic,
                           BYTES(message->payload, (size_t)message->payloadlen), message->retain);
    pthread_mutex_unlock(&m->lock);
}

/* --- The thread --- */

static bool wanted(struct mqtt *m) {
    pthread_mutex_lock(&m->lock);
    bool still = m->wanted;
    pthread_mutex_unlock(&m->lock);
    return still;
}

/* The numeric address to connect to, when it must be the home's: what the name resolves to is judged, and
 * then no name server is asked again. */
static bool resolve_at_home(const char *host, char out[NI_MAXHOST], char words[WORDS_BYTES]) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    int code = getaddrinfo(host, NULL, &hints, &list);
    if (code) {
        snprintf(words, WORDS_BYTES, "%.120s: %.60s", host, gai_strerror(code));
        return false;
    }
    bool found = false;
    for (const struct addrinfo *a = list; a && !found; a = a->ai_next)
        found = outgoing_at_home(a->ai_addr) &&
                getnameinfo(a->ai_addr, a->ai_addrlen, out, NI_MAXHOST, NULL, 0, NI_NUMERICHOST) == 0;
    freeaddrinfo(list);
    if (!found)
        snprintf(words, WORDS_BYTES,
                 "%.100s is outside the home, and the connection would not be encrypted: use TLS", host);
    return found;
}

static void explain(int code, char words[WORDS_BYTES]) {
    if (words[0]) return;
    if (code == MOSQ_ERR_ERRNO)
        snprintf(words, WORDS_BYTES, "%s", strerror(errno));
    else if (code == MOSQ_ERR_TLS)
        snprintf(words, WORDS_BYTES,
                 "no trusted TLS connection: is it a TLS port, and is its certificate's authority known?");
    else
        snprintf(words, WORDS_BYTES, "%s", mosquitto_strerror(code));
}

/* One connection, from its beginning to its end. */
static void converse(struct mqtt *m, bool *was_connected, char words[WORDS_BYTES]) {
    char address[NI_MAXHOST];
    const char *host = m->host;
    words[0] = 0;
    m->refusal[0] = 0;
    if (!m->tls) {
        if (!resolve_at_home(m->host, address, words)) return;
        host = address;
    }
    struct steady_us begun = steady_now();
    errno = 0;
    int code = mosquitto_connect_async(m->client, host, m->port, KEEPALIVE_S);
    while (code == MOSQ_ERR_SUCCESS && wanted(m)) {
        code = mosquitto_loop(m->client, LOOP_MS, 1);
        if (!atomic_load(&m->connected) && steady_now().us - begun.us > CONNECT_US) {
            snprintf(words, WORDS_BYTES, "no answer in time");
            break;
        }
    }
    *was_connected = atomic_exchange(&m->connected, false);
    if (m->refusal[0]) snprintf(words, WORDS_BYTES, "%.199s", m->refusal);
    explain(code, words);
}

static void wait_before_next(struct mqtt *m, uint32_t ms) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ms / 1000;
    pthread_mutex_lock(&m->lock);
    while (m->wanted && pthread_cond_timedwait(&m->changed, &m->lock, &until) == 0) continue;
    pthread_mutex_unlock(&m->lock);
}

static void *run(void *context) {
    struct mqtt *m = context;
    char words[WORDS_BYTES];
    uint32_t again_ms = AGAIN_FIRST_MS;
    while (wanted(m)) {
        bool was_connected = false;
        converse(m, &was_connected, words);
        if (was_connected) again_ms = AGAIN_FIRST_MS;
        pthread_mutex_lock(&m->lock);
        if (m->wanted) m->events.disconnected(m->events.context, words);
        pthread_mutex_unlock(&m->lock);
        wait_before_next(m, again_ms);
        again_ms = again_ms * 2 > AGAIN_MAX_MS ? AGAIN_MAX_MS : again_ms * 2;
    }
    unref(m);
    return NULL;
}

/* --- Making and using --- */

static err set_up(struct mqtt *m, const struct mqtt_options *o) {
    m->client = mosquitto_new(o->client_id, true, m);
    if (!m->client) return ERR_NO_MEMORY;
    mosquitto_threaded_set(m->client, true);
    mosquitto_connect_callback_set(m->client, on_connect);
    mosquitto_publish_callback_set(m->client, on_publish);
    mosquitto_message_callback_set(m->client, on_message);
    mosquitto_max_inflight_messages_set(m->client, IN_FLIGHT_MAX);
    int code = mosquitto_will_set(m->client, o->will_topic, (int)strlen(o->will), o->will, 1, true);
    if (!code && o->user) code = mosquitto_username_pw_set(m->client, o->user, o->password);
    if (!code && o->tls)
        code =
            mosquitto_tls_set(m->client, o->ca_file, o->ca_file ? NULL : "/etc/ssl/certs", NULL, NULL, NULL);
    return code == MOSQ_ERR_SUCCESS ? ERR_OK : code == MOSQ_ERR_NOMEM ? ERR_NO_MEMORY : ERR_INVALID;
}

err mqtt_new(const struct mqtt_options *options, const struct mqtt_events *events, struct mqtt **out,
             struct diag *d) {
    pthread_once(&library_once, start_library);
    struct mqtt *m = calloc(1, sizeof *m);
    if (!m) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    snprintf(m->host, sizeof m->host, "%s", options->host);
    m->port = options->port;
    m->tls = options->tls;
    m->events = *events;
    m->wanted = true;
    m->references = 2;
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->changed, NULL);
    err e = set_up(m, options);
    pthread_t thread;
    if (!e && pthread_create(&thread, NULL, run, m)) e = ERR_NO_MEMORY;
    if (e) {
        m->references = 1;
        unref(m);
        return diag_fail(d, e, "the connection to the broker cannot be set up: %s", err_text(e));
    }
    /* Never joined: it may sit in a name look-up for half a minute, and nothing waits for that. */
    pthread_detach(thread);
    *out = m;
    return ERR_OK;
}

void mqtt_free(struct mqtt *m) {
    if (!m) return;
    pthread_mutex_lock(&m->lock);
    m->wanted = false;
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
    unref(m);
}

static err failed(int code, struct diag *d) {
    err e = code == MOSQ_ERR_NOMEM                                   ? ERR_NO_MEMORY
            : code == MOSQ_ERR_NO_CONN || code == MOSQ_ERR_CONN_LOST ? ERR_UNREACHABLE
                                                                     : ERR_INVALID;
    return diag_fail(d, e, "%s", mosquitto_strerror(code));
}

err mqtt_publish(struct mqtt *m, const char *topic, struct bytes payload, bool retain, int *message,
                 struct diag *d) {
    if (!atomic_load(&m->connected)) return diag_fail(d, ERR_UNREACHABLE, "not connected to the broker");
    int code = mosquitto_publish(m->client, message, topic, (int)payload.len, payload.data, 1, retain);
    return code == MOSQ_ERR_SUCCESS ? ERR_OK : failed(code, d);
}

err mqtt_subscribe(struct mqtt *m, const char *topic, struct diag *d) {
    int code = mosquitto_subscribe(m->client, NULL, topic, 1);
    return code == MOSQ_ERR_SUCCESS ? ERR_OK : failed(code, d);
}
