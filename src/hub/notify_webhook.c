/* Webhook: the alert's JSON, signed, to an address of the owner's.
 *
 *     Cardea-Signature: t=<seconds since 1970>,v1=<hex HMAC-SHA256 under the secret of "t.body">
 *     Idempotency-Key: <the alert's id>
 *
 * The receiver recomputes v1 over the time, a full stop and the body as it came, compares in constant time,
 * and refuses a time that is more than five minutes off: so nobody else can send alerts, nor these again. */
#include <stdio.h>
#include <stdlib.h>

#include "crypto/hash.h"
#include "hub/notify_channel.h"

#define SECRET_MIN_BYTES 16
#define SECRET_MADE_BYTES 32

struct webhook {
    struct request_channel request;
    char url[OUTGOING_URL_MAX_BYTES + 1];
    char secret[CHANNEL_SECRET_MAX_BYTES + 1];
};

static err read_settings(json_t *settings, const char **url, const char **secret, struct diag *d) {
    const struct json_field fields[] = {
        {.name = "url",
         .kind = JSON_KIND_TEXT,
         .required = true,
         .min = 1,
         .max = OUTGOING_URL_MAX_BYTES,
         .out = url},
        {.name = "secret",
         .kind = JSON_KIND_TEXT,
         .min = SECRET_MIN_BYTES,
         .max = CHANNEL_SECRET_MAX_BYTES,
         .out = secret},
    };
    return JSON_READ(settings, fields, d);
}

static err check(json_t *settings, json_t *shown, struct diag *d) {
    const char *url = NULL, *secret = NULL;
    err e = read_settings(settings, &url, &secret, d);
    if (!e) e = outgoing_check_url(url, OUTGOING_HTTPS | OUTGOING_HTTP, d);
    if (e || secret) return e;
    uint8_t made[SECRET_MADE_BYTES];
    random_bytes(made, sizeof made);
    if (json_object_set_new(settings, "secret", json_hex(BYTES_OF(made))) ||
        json_object_set(shown, "secret", json_object_get(settings, "secret")))
        e = diag_fail(d, ERR_NO_MEMORY, "out of memory");
    wipe(made, sizeof made);
    return e;
}

static err open_channel(const struct channel_host *host, json_t *settings, struct channel **out,
                        struct diag *d) {
    const char *url = NULL, *secret = NULL;
    err e = read_settings(settings, &url, &secret, d);
    if (e) return e;
    struct webhook *w =
        request_channel_new(sizeof *w, &channel_webhook, host, "look at what the receiver expects", d);
    if (!w) return ERR_NO_MEMORY;
    snprintf(w->secret, sizeof w->secret, "%s", secret ? secret : "");
    snprintf(w->url, sizeof w->url, "%s", url);
    *out = &w->request.base;
    return ERR_OK;
}

static void sign(const struct webhook *w, long long t, struct bytes body, struct blob *scratch,
                 char out[2 * HASH_BYTES + 1]) {
    char head[24];
    uint8_t mac[HASH_BYTES];
    snprintf(head, sizeof head, "%lld.", t);
    out[0] = 0;
    if (blob_append(scratch, bytes_text(head)) || blob_append(scratch, body)) return;
    hash_hmac(bytes_text(w->secret), blob_bytes(scratch), mac);
    hex_encode(BYTES_OF(mac), out);
}

static err send_alert(struct channel *c, const struct alert_message *m, struct diag *d) {
    struct webhook *w = (struct webhook *)c;
    AUTO(blob_clear) struct blob scratch = {0};
    char signature[128], key[80], hex[2 * HASH_BYTES + 1];
    char *body = channel_alert_json(m);
    if (!body) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    long long t = wall_now().us / 1000000;
    sign(w, t, bytes_text(body), &scratch, hex);
    snprintf(signature, sizeof signature, "Cardea-Signature: t=%lld,v1=%s", t, hex);
    snprintf(key, sizeof key, "Idempotency-Key: %.32s", alert_text(m, "id"));
    const char *const headers[] = {"Content-Type: application/json", signature, key, NULL};
    const struct outgoing_request request = {.url = w->url,
                                             .method = "POST",
                                             .headers = headers,
                                             .body = bytes_text(body),
                                             .timeout_ms = CHANNEL_TIMEOUT_MS};
    err e = hex[0] ? request_send(&w->request, &request, d) : diag_fail(d, ERR_NO_MEMORY, "out of memory");
    free(body);
    return e;
}

static const char *const secrets[] = {"secret", NULL};

const struct channel_ops channel_webhook = {
    .kind = "webhook",
    .secrets = secrets,
    .check = check,
    .open = open_channel,
    .close = request_channel_close,
    .send = send_alert,
};
