#include "hub/identity.h"

#include <stdio.h>
#include <systemd/sd-daemon.h>

#include "base/file.h"
#include "base/log.h"
#include "crypto/hash.h"

#define IDENTITY_MAX_BYTES 4096
#define HOUSEHOLD_MAX_BYTES (32u << 10)
#define OFFER_US (6 * 3600 * INT64_C(1000000)) /* the vault keeps an offer for 24 h */
#define POLL_MS 40000
#define RETRY_US 2000000

void identity_clear(struct identity *id) {
    sign_key_clear(&id->sign);
    box_key_clear(&id->box);
    if (id->paired) pairing_answer_clear(&id->household);
    id->paired = false;
}

/* Base64 text of exactly `len` bytes. */
static err take_secret(json_t *o, const char *name, uint8_t *out, size_t len) {
    json_t *text = json_object_get(o, name);
    AUTO(blob_clear) struct blob raw = {0};
    if (!json_is_string(text) || base64_decode(json_string_value(text), json_string_length(text), &raw) ||
        raw.len != len)
        return ERR_INVALID;
    memcpy(out, raw.data, len);
    return ERR_OK;
}

static err store_json(const char *path, json_t *value, struct diag *d) {
    char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;
    if (!text) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    err e = file_replace(path, bytes_text(text), 0600, d);
    wipe(text, strlen(text));
    free(text);
    return e;
}

static err make_identity(const char *path, struct identity *id, struct diag *d) {
    sign_key_generate(&id->sign);
    box_key_generate(&id->box);
    AUTO(json_release) json_t *o = json_pack("{s:i}", "v", 1);
    if (!o || json_object_set_new(o, "sign", json_base64(BYTES_OF(id->sign.seed))) ||
        json_object_set_new(o, "box", json_base64(BYTES_OF(id->box.secret))))
        return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    return store_json(path, o, d);
}

static err load_identity(const char *path, struct identity *id, struct diag *d) {
    AUTO(blob_clear) struct blob raw = {0};
    err e = file_read(path, IDENTITY_MAX_BYTES, &raw, d);
    if (e == ERR_NOT_FOUND) return make_identity(path, id, d);
    if (e) return e;
    AUTO(json_release) json_t *o = NULL;
    uint8_t seed[SIGN_SEED_BYTES], secret[BOX_SECRET_BYTES];
    if (json_parse(blob_bytes(&raw), &o, d) || take_secret(o, "sign", seed, sizeof seed) ||
        take_secret(o, "box", secret, sizeof secret))
        return diag_fail(d, ERR_INVALID,
                         "%s is damaged: put it back from a backup, or remove it and pair this hub anew",
                         path);
    sign_key_from_seed(seed, &id->sign);
    box_key_from_secret(secret, &id->box);
    wipe(seed, sizeof seed);
    wipe(secret, sizeof secret);
    return ERR_OK;
}

static err load_household(const char *path, struct identity *id, struct diag *d) {
    AUTO(blob_clear) struct blob raw = {0};
    err e = file_read(path, HOUSEHOLD_MAX_BYTES, &raw, d);
    if (e == ERR_NOT_FOUND) return ERR_OK;
    if (e) return e;
    AUTO(json_release) json_t *o = NULL;
    struct pairing_answer *h = &id->household;
    uint8_t seed[SIGN_SEED_BYTES];
    const char *household = NULL, *certificate = NULL;
    if (!json_parse(blob_bytes(&raw), &o, d)) {
        household = json_string_value(json_object_get(o, "household"));
        certificate = json_string_value(json_object_get(o, "certificate"));
    }
    if (!household || hex_decode(household, (struct buffer){h->household, sizeof h->household}) ||
        !certificate || base64_decode(certificate, strlen(certificate), &h->certificate) ||
        take_secret(o, "box", h->box, sizeof h->box) || take_secret(o, "sign", h->sign, sizeof h->sign) ||
        take_secret(o, "writer", seed, sizeof seed))
        return diag_fail(d, ERR_INVALID, "%s is damaged: remove it and pair this hub anew", path);
    sign_key_from_seed(seed, &h->writer);
    wipe(seed, sizeof seed);
    id->rekey = json_is_true(json_object_get(o, "rekey"));
    id->paired = true;
    return ERR_OK;
}

static err store_household(const char *data, const struct pairing_answer *h, bool rekey, struct diag *d) {
    char path[PATH_TEXT_BYTES];
    err e = path_join(path, data, "household.json");
    if (e) return diag_fail(d, e, "the path is too long");
    AUTO(json_release) json_t *o = json_pack("{s:i}", "v", 1);
    if (!o || json_object_set_new(o, "household", json_hex(BYTES_OF(h->household))) ||
        json_object_set_new(o, "box", json_base64(BYTES_OF(h->box))) ||
        json_object_set_new(o, "sign", json_base64(BYTES_OF(h->sign))) ||
        json_object_set_new(o, "writer", json_base64(BYTES_OF(h->writer.seed))) ||
        json_object_set_new(o, "certificate", json_base64(blob_bytes(&h->certificate))) ||
        (rekey && json_object_set_new(o, "rekey", json_true())))
        return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    return store_json(path, o, d);
}

err identity_load(const char *data, struct identity *out, struct diag *d) {
    char path[PATH_TEXT_BYTES];
    *out = (struct identity){0};
    if (path_join(path, data, "identity.json")) return diag_fail(d, ERR_LIMIT, "the path is too long");
    err e = load_identity(path, out, d);
    if (e) return e;
    hub_id_of(out->sign.public_key, out->hub);
    random_bytes(out->instance, sizeof out->instance);
    if (path_join(path, data, "household.json")) return diag_fail(d, ERR_LIMIT, "the path is too long");
    return load_household(path, out, d);
}

err identity_succeed(struct identity *id, const char *data, const uint8_t sign[SIGN_PUBLIC_BYTES],
                     const uint8_t box[BOX_PUBLIC_BYTES], struct bytes certificate, struct diag *d) {
    struct pairing_answer next = id->household;
    memcpy(next.sign, sign, sizeof next.sign);
    memcpy(next.box, box, sizeof next.box);
    next.certificate = (struct blob){0};
    err e = blob_append(&next.certificate, certificate);
    if (!e) e = store_household(data, &next, true, d);
    if (e) {
        blob_clear(&next.certificate);
        wipe(&next, sizeof next);
        return e;
    }
    blob_clear(&id->household.certificate);
    id->household = next;
    id->rekey = true;
    wipe(&next, sizeof next);
    return ERR_OK;
}

err identity_rekeyed(struct identity *id, const char *data, struct diag *d) {
    err e = store_household(data, &id->household, false, d);
    if (!e) id->rekey = false;
    return e;
}

/* --- Pairing
 * ------------------------------------------------------------------------------------------------------ */

struct wait {
    bool over;
    err e;
    int status;
    struct blob body;
    struct diag d;
};

static void on_answer(void *context, err e, const struct http_response *response, const struct diag *d) {
    struct wait *w = context;
    w->over = true;
    w->e = e;
    w->status = response->status;
    w->d = *d;
    if (blob_append(&w->body, blob_bytes(&response->body))) w->e = ERR_NO_MEMORY;
}

/* As http_client_do, but looks at *stop four times a second. */
static err ask(struct http_client *vault, const struct http_request *request, volatile sig_atomic_t *stop,
               struct wait *w) {
    blob_clear(&w->body);
    *w = (struct wait){0};
    struct http_transfer *transfer;
    err e = http_client_start(vault, request, on_answer, w, &transfer, &w->d);
    if (e) return e;
    while (!w->over) {
        if (*stop) http_transfer_cancel(transfer);
        http_client_run(vault, 250);
        sd_notify(0, "WATCHDOG=1"); /* an owner may take days to pair */
    }
    return w->e;
}

static err offer(const struct identity *id, struct http_client *vault, const struct pairing *p,
                 volatile sig_atomic_t *stop, struct wait *w) {
    uint8_t mac[32];
    pairing_mac(p, id->sign.public_key, id->box.public_key, mac);
    AUTO(json_release) json_t *o = json_object();
    if (!o || json_object_set_new(o, "id", json_hex(BYTES_OF(p->id))) ||
        json_object_set_new(o, "sign", json_base64(BYTES_OF(id->sign.public_key))) ||
        json_object_set_new(o, "box", json_base64(BYTES_OF(id->box.public_key))) ||
        json_object_set_new(o, "mac", json_base64(BYTES_OF(mac))))
        return ERR_NO_MEMORY;
    struct http_request request = {.method = "POST", .path = "/v1/pairing", .json = o, .timeout_ms = 20000};
    err e = ask(vault, &request, stop, w);
    return e == ERR_EXISTS || (e == ERR_CONFLICT && w->status == 409) ? ERR_OK : e;
}

static err accept_answer(struct identity *id, const char *data, const struct pairing *p, const struct wait *w,
                         struct diag *d) {
    AUTO(json_release) json_t *o = NULL;
    AUTO(blob_clear) struct blob raw = {0};
    err e = json_parse(blob_bytes(&w->body), &o, d);
    if (e) return e;
    json_t *text = json_object_get(o, "answer");
    if (!json_is_string(text) || base64_decode(json_string_value(text), json_string_length(text), &raw))
        return diag_fail(d, ERR_INVALID, "the answer to the pairing is not readable");
    e = pairing_answer_open(blob_bytes(&raw), p, &id->box, id->sign.public_key, &id->household, d);
    if (e) return e;
    e = store_household(data, &id->household, false, d);
    if (e)
        pairing_answer_clear(&id->household);
    else
        id->paired = true;
    return e;
}

static void pause_until(struct http_client *vault, int64_t us, volatile sig_atomic_t *stop) {
    while (!*stop && steady_now().us < us) {
        http_client_run(vault, 250);
        sd_notify(0, "WATCHDOG=1");
    }
}

static err pair(struct identity *id, const char *data, struct http_client *vault, const struct pairing *p,
                volatile sig_atomic_t *stop, struct wait *w, struct diag *d) {
    char hex[2 * PAIRING_ID_BYTES + 1], path[128];
    hex_encode(BYTES_OF(p->id), hex);
    snprintf(path, sizeof path, "/v1/pairing/%s/answer", hex);
    int64_t offered = 0;
    bool told = false;
    while (!*stop) {
        err e = ERR_OK;
        if (!offered || steady_now().us - offered > OFFER_US) {
            e = offer(id, vault, p, stop, w);
            if (!e) offered = steady_now().us;
        }
        if (!e) {
            struct http_request request = {.method = "GET", .path = path, .timeout_ms = POLL_MS};
            e = ask(vault, &request, stop, w);
        }
        if (!e && w->status == 200) {
            e = accept_answer(id, data, p, w, d);
            if (!e || e == ERR_NO_MEMORY || e == ERR_IO || e == ERR_NO_SPACE) return e;
            log_warning("somebody answered the pairing without the code, or it was garbled: %s", d->text);
            offered = 0;
        } else if (e == ERR_NOT_FOUND) {
            offered = 0; /* the vault forgot it */
        }
        if (e && e != ERR_CANCELLED) {
            if (!told) log_warning("pairing: %s; trying on", w->d.text);
            told = true;
            pause_until(vault, steady_now().us + RETRY_US, stop);
        }
    }
    return diag_fail(d, ERR_CANCELLED, "stopped");
}

err identity_pair(struct identity *id, const char *data, struct http_client *vault,
                  const uint8_t secret[PAIRING_SECRET_BYTES], volatile sig_atomic_t *stop, struct diag *d) {
    struct pairing p;
    struct wait w = {0};
    pairing_derive(secret, &p);
    err e = pair(id, data, vault, &p, stop, &w, d);
    pairing_clear(&p);
    blob_clear(&w.body);
    return e;
}
