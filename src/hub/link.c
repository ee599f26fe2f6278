#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "crypto/hash.h"
#include "hub/link_internal.h"

#define BACKOFF_MAX_MS 30000
#define TOKEN_EARLY_US 90000000
#define STEP_MS 1000
#define REQUEST_MS 20000

bool link_ready(struct link *l) {
    int64_t now = steady_now().us;
    return now >= l->retry_at.us && l->token_until.us > now;
}

void link_worked(struct link *l) {
    l->backoff_ms = 0;
    pthread_mutex_lock(&l->lock);
    bool was_down = l->state.down_since.us != 0;
    l->state.down_since.us = 0;
    l->state.message[0] = 0;
    pthread_mutex_unlock(&l->lock);
    if (was_down) {
        log_info("the vault answers again");
        atomic_store(&l->fresh, true);
    }
}

void link_failed(struct link *l, err e, const char *message) {
    if (e == ERR_CANCELLED || atomic_load(&l->ending)) return;
    if (e == ERR_DENIED) l->token_until.us = 0;
    uint8_t jitter;
    random_bytes(&jitter, 1);
    int64_t now = steady_now().us;
    if (l->retry_at.us > now) return; /* several break at once: that is one failure */
    l->backoff_ms = l->backoff_ms ? l->backoff_ms * 2 : 1000;
    if (l->backoff_ms > BACKOFF_MAX_MS) l->backoff_ms = BACKOFF_MAX_MS;
    l->retry_at.us = now + (int64_t)l->backoff_ms * 1000 * (192 + jitter / 2) / 256;
    pthread_mutex_lock(&l->lock);
    bool first = l->state.down_since.us == 0;
    if (first) l->state.down_since = wall_now();
    snprintf(l->state.message, sizeof l->state.message, "%.199s", message);
    pthread_mutex_unlock(&l->lock);
    if (first) log_warning("the vault: %s; recording goes on, and is sent later", message);
}

/* --- The access token
 * --------------------------------------------------------------------------------------------- */

static void on_token(void *context, err e, const struct http_response *response, const struct diag *d) {
    struct link *l = context;
    l->asking_token = false;
    AUTO(json_release) json_t *answer = NULL;
    if (!e) e = json_parse(blob_bytes(&response->body), &answer, NULL);
    const char *token = json_string_value(json_object_get(answer, "token"));
    json_int_t seconds = json_integer_value(json_object_get(answer, "expires_in_s"));
    if (e || !token || strlen(token) > 500 || seconds <= 0) {
        link_failed(l, e ? e : ERR_IO, e && d->text[0] ? d->text : "no access token came");
        return;
    }
    snprintf(l->authorization, sizeof l->authorization, "Access %s", token);
    l->token_until.us = steady_now().us + seconds * 1000000 - TOKEN_EARLY_US;
    if (l->token_until.us < steady_now().us) l->token_until.us = steady_now().us + seconds * 500000;
    link_worked(l);
    atomic_store(&l->fresh, true);
}

static void on_challenge(void *context, err e, const struct http_response *response, const struct diag *d) {
    struct link *l = context;
    l->asking_token = false;
    AUTO(json_release) json_t *answer = NULL, *request = json_object();
    AUTO(blob_clear) struct blob raw = {0};
    if (!e) e = json_parse(blob_bytes(&response->body), &answer, NULL);
    json_t *text = json_object_get(answer, "challenge");
    if (!e &&
        (!json_is_string(text) || base64_decode(json_string_value(text), json_string_length(text), &raw)))
        e = ERR_IO;
    if (e) {
        link_failed(l, e, d->text[0] ? d->text : "no challenge came");
        return;
    }
    uint8_t signature[SIGNATURE_BYTES];
    const struct sign_key *writer = &l->identity->household.writer;
    sign_message(writer, "cardea/1 access", blob_bytes(&raw), signature);
    if (!request || json_object_set_new(request, "capability", json_base64(BYTES_OF(writer->public_key))) ||
        json_object_set(request, "challenge", text) ||
        json_object_set_new(request, "signature", json_base64(BYTES_OF(signature))))
        return;
    struct http_request post = {
        .method = "POST", .path = "/v1/access", .json = request, .timeout_ms = REQUEST_MS};
    l->asking_token = http_client_start(l->http, &post, on_token, l, NULL, NULL) == ERR_OK;
}

static void token_step(struct link *l) {
    int64_t now = steady_now().us;
    if (l->asking_token || now < l->retry_at.us || l->token_until.us > now) return;
    struct http_request get = {.method = "GET", .path = "/v1/access/challenge", .timeout_ms = REQUEST_MS};
    l->asking_token = http_client_start(l->http, &get, on_challenge, l, NULL, NULL) == ERR_OK;
}

/* --- The thread
 * --------------------------------------------------------------------------------------------------- */

static void step(struct link *l) {
    token_step(l);
    bool more = atomic_exchange(&l->more, false);
    if (!link_ready(l)) {
        link_reels_step(l, false, more); /* what is in flight goes on */
        return;
    }
    link_commands_step(l);
    pthread_mutex_lock(&l->lock);
    bool conflict = l->state.conflict;
    pthread_mutex_unlock(&l->lock);
    if (conflict) {
        link_reels_stop(l);
        return;
    }
    bool fresh = atomic_exchange(&l->fresh, false);
    int64_t now = steady_now().us;
    if (now - l->scanned.us > STEP_MS * 1000) fresh = true;
    if (fresh) l->scanned.us = now;
    link_reels_step(l, fresh, more);
    link_outbox_step(l);
}

static void *run(void *context) {
    struct link *l = context;
    while (!atomic_load(&l->ending)) {
        step(l);
        http_client_run(l->http, STEP_MS);
    }
    return NULL;
}

static void on_outbox(void *context) {
    struct link *l = context;
    http_client_wake(l->http);
}

static void destroy(struct link *l) {
    http_client_free(l->http);
    while (l->uploads) {
        struct upload *u = l->uploads;
        l->uploads = u->next;
        fd_close(&u->fd);
        spool_reel_unref(u->reel);
        free(u);
    }
    while (l->replies) {
        struct reply_waiting *r = l->replies;
        l->replies = r->next;
        blob_clear(&r->box);
        free(r);
    }
    if (l->reply) {
        blob_clear(&l->reply->box);
        free(l->reply);
    }
    for (size_t i = 0; i < l->mail_count; i++) link_mail_clear(&l->mail[(l->mail_first + i) % LINK_MAIL_MAX]);
    outbox_entry_clear(&l->entry);
    blob_clear(&l->entry_body);
    blob_clear(&l->command_bytes);
    fd_close(&l->event_fd);
    pthread_mutex_destroy(&l->lock);
    wipe(l, sizeof *l);
    free(l);
}

err link_new(const struct link_options *options, struct link **out, struct diag *d) {
    struct link *l = calloc(1, sizeof *l);
    if (!l) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    pthread_mutex_init(&l->lock, NULL);
    l->identity = options->identity;
    l->spool = options->spool;
    l->outbox = options->outbox;
    l->witness = options->witness;
    l->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    atomic_store(&l->fresh, true);
    err e = l->event_fd < 0 ? diag_fail(d, ERR_IO, "cannot make an eventfd") : ERR_OK;
    if (!e)
        e = http_client_new(&(struct http_options){.url = options->vault, .ca_file = options->ca_file},
                            &l->http, d);
    if (!e && pthread_create(&l->thread, NULL, run, l))
        e = diag_fail(d, ERR_NO_MEMORY, "cannot start a thread");
    if (e) {
        destroy(l);
        return e;
    }
    outbox_on_change(l->outbox, on_outbox, l);
    *out = l;
    return ERR_OK;
}

static bool count_unsent(void *context, struct spool_reel *r) {
    size_t *n = context;
    if (r->kind != SPOOL_KIND_HELD && r->in_flight) (*n)++;
    return *n == 0;
}

void link_free(struct link *l, int grace_ms) {
    if (!l) return;
    outbox_on_change(l->outbox, NULL, NULL);
    int64_t until = steady_now().us + (int64_t)grace_ms * 1000;
    struct link_state state;
    for (;;) {
        size_t in_flight = 0;
        link_state(l, &state);
        spool_visit(l->spool, count_unsent, &in_flight);
        if (!in_flight || state.down_since.us || state.conflict || steady_now().us > until) break;
        usleep(20000);
    }
    atomic_store(&l->ending, true);
    http_client_wake(l->http);
    pthread_join(l->thread, NULL);
    destroy(l);
}

/* --- From other threads
 * ------------------------------------------------------------------------------------------- */

void link_wake(struct link *l, bool fresh) {
    if (fresh) atomic_store(&l->fresh, true);
    atomic_store(&l->more, true);
    if (fresh || link_any_viewers(l)) http_client_wake(l->http);
}

int link_fd(const struct link *l) {
    return l->event_fd;
}

err link_next(struct link *l, struct link_mail *out) {
    uint64_t ignored;
    pthread_mutex_lock(&l->lock);
    err e = ERR_OK;
    if (l->viewers_changed) {
        l->viewers_changed = false;
        *out = (struct link_mail){.kind = LINK_MAIL_VIEWERS};
    } else if (l->mail_count) {
        *out = l->mail[l->mail_first];
        l->mail_first = (l->mail_first + 1) % LINK_MAIL_MAX;
        l->mail_count--;
    } else {
        e = ERR_NOT_FOUND;
        if (read(l->event_fd, &ignored, sizeof ignored) < 0) e = ERR_NOT_FOUND;
    }
    pthread_mutex_unlock(&l->lock);
    return e;
}

void link_mail_clear(struct link_mail *m) {
    blob_clear(&m->box);
}

uint32_t link_viewers(struct link *l, const uint8_t camera[CAMERA_ID_BYTES]) {
    uint32_t count = 0;
    pthread_mutex_lock(&l->lock);
    for (size_t i = 0; i < l->viewed_count; i++)
        if (memcmp(l->viewed[i].camera, camera, CAMERA_ID_BYTES) == 0) count = l->viewed[i].count;
    pthread_mutex_unlock(&l->lock);
    return count;
}

bool link_any_viewers(struct link *l) {
    pthread_mutex_lock(&l->lock);
    bool any = l->viewed_count > 0;
    pthread_mutex_unlock(&l->lock);
    return any;
}

static void post(struct link *l, const uint8_t *command, struct bytes box) {
    struct reply_waiting *r = calloc(1, sizeof *r);
    if (!r || blob_append(&r->box, box)) {
        free(r);
        return;
    }
    if (command) memcpy(r->command, command, sizeof r->command);
    r->cosignature = !command;
    pthread_mutex_lock(&l->lock);
    struct reply_waiting **at = &l->replies;
    while (*at) at = &(*at)->next;
    bool full = l->reply_count >= LINK_REPLIES_MAX;
    if (!full) {
        *at = r;
        l->reply_count++;
    }
    pthread_mutex_unlock(&l->lock);
    if (full) {
        blob_clear(&r->box);
        free(r);
    }
    http_client_wake(l->http);
}

void link_reply(struct link *l, const uint8_t command[COMMAND_ID_BYTES], struct bytes box) {
    post(l, command, box);
}

void link_cosign(struct link *l, struct bytes json) {
    post(l, NULL, json);
}

void link_rings(struct link *l, const uint8_t (*rings)[LINK_RING_BYTES], size_t count) {
    pthread_mutex_lock(&l->lock);
    l->ring_count = count < LINK_RINGS_MAX ? count : LINK_RINGS_MAX;
    memcpy(l->rings, rings, l->ring_count * sizeof *rings);
    l->rings_changed = true;
    pthread_mutex_unlock(&l->lock);
    http_client_wake(l->http);
}

void link_state(struct link *l, struct link_state *out) {
    pthread_mutex_lock(&l->lock);
    *out = l->state;
    pthread_mutex_unlock(&l->lock);
}
