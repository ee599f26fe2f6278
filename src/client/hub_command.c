#include "client/hub_command.h"

#include <stdio.h>
#include <stdlib.h>

#include "client/internal.h"
#include "crypto/hash.h"
#include "format/command.h"

#define ANSWER_MARGIN_MS 5000
#define SET_WAIT_S 25

static err post(struct client *c, const struct hub_certificate *hub, struct bytes body, int wait_s,
                struct blob *out, struct diag *d) {
    char path[128], id[2 * HUB_ID_BYTES + 1];
    const char *access;
    err e = client_access(c, &access, d);
    if (e) return e;
    hex_encode(BYTES_OF(hub->hub), id);
    snprintf(path, sizeof path, "/v1/hubs/%s/commands?wait_s=%d", id, wait_s);
    struct http_request request = {.method = "POST",
                                   .path = path,
                                   .authorization = access,
                                   .body = body,
                                   .timeout_ms = (uint32_t)(wait_s * 1000 + ANSWER_MARGIN_MS)};
    AUTO(http_response_clear) struct http_response response = {0};
    e = http_client_do(c->http, &request, &response, d);
    if (e) return e;
    *out = response.body;
    response.body = (struct blob){0};
    return ERR_OK;
}

static err error_of_word(const char *word) {
    static const struct {
        const char *word;
        err e;
    } words[] = {
        {"invalid", ERR_INVALID},         {"denied", ERR_DENIED},     {"not_found", ERR_NOT_FOUND},
        {"exists", ERR_EXISTS},           {"conflict", ERR_CONFLICT}, {"limit", ERR_LIMIT},
        {"no_space", ERR_NO_SPACE},       {"busy", ERR_BUSY},         {"unsupported", ERR_UNSUPPORTED},
        {"unreachable", ERR_UNREACHABLE}, {"timeout", ERR_TIMEOUT}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].word, word) == 0) return words[i].e;
    return ERR_DENIED;
}

/* A hub that does not answer may have refused our clock, which it says to nobody whose command it cannot
 * trust. */
static void add_clock_hint(struct client *c, struct diag *d) {
    struct client_vault vault;
    struct diag ignored;
    if (client_vault(c, &vault, &ignored)) return;
    int64_t off_s = (wall_now().us - vault.time.us) / 1000000;
    if (llabs(off_s) < CLIENT_CLOCK_OFF_S) return;
    (void)diag_fail(d, ERR_DENIED,
                    "this machine's clock is %lld s %s the vault's: set it right and try again",
                    (long long)llabs(off_s), off_s > 0 ? "ahead of" : "behind");
}

err hub_command(struct client *c, const struct hub_certificate *hub, const char *verb, json_t *args,
                int wait_s, json_t **result, struct diag *d) {
    struct command command = {.time = wall_now(), .args = args};
    AUTO(blob_clear) struct blob body = {0}, answer = {0};
    if (snprintf(command.verb, sizeof command.verb, "%s", verb) >= (int)sizeof command.verb)
        return diag_fail(d, ERR_INVALID, "the verb is too long");
    random_bytes(command.id, sizeof command.id);
    err e = blob_append(&body, BYTES_OF(command.id));
    if (!e) e = command_seal(&command, &c->household.sign, hub->box, hub->hub, &body);
    if (e) return diag_fail(d, e, "the command does not fit");
    e = post(c, hub, blob_bytes(&body), wait_s, &answer, d);
    if (e == ERR_TIMEOUT) add_clock_hint(c, d);
    if (e) return e;
    AUTO(reply_clear) struct reply reply = {0};
    e = reply_open(blob_bytes(&answer), command.id, &c->household.box, hub->sign, &reply, d);
    if (e) return e;
    if (!reply.ok) {
        e = diag_fail(d, error_of_word(reply.error), "%s", reply.message);
        if (strstr(reply.message, "clock")) add_clock_hint(c, d);
        return e;
    }
    if (result) *result = json_incref(reply.result);
    return ERR_OK;
}

err hub_keep_days(struct client *c, const struct hub_certificate *hub, const char *camera, const char *sub,
                  uint32_t days, struct diag *d) {
    AUTO(json_release)
    json_t *set = json_pack("{s:s, s:I}", "camera", camera, "retention_days", (json_int_t)days);
    if (!set) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    err e = hub_command(c, hub, "camera.set", set, SET_WAIT_S, NULL, d);
    const char *const streams[] = {camera, sub};
    for (size_t i = 0; !e && i < 2; i++) {
        char path[80];
        if (!streams[i]) continue;
        AUTO(json_release) json_t *body = json_pack("{s:I}", "retention_days", (json_int_t)days);
        snprintf(path, sizeof path, "/v1/cameras/%.32s", streams[i]);
        e = body ? client_json(c, "PUT", path, body, NULL, d) : ERR_NO_MEMORY;
    }
    return e;
}

err hub_choose(struct client *c, const struct hub_certificate **out, struct diag *d) {
    if (c->hub_count == 0)
        return diag_fail(d, ERR_NOT_FOUND, "the household has no hub yet: run `cardea init`");
    *out = &c->hubs[0];
    if (c->hub_count == 1) return ERR_OK;
    AUTO(json_release) json_t *answer = NULL;
    err e = client_json(c, "GET", "/v1/hubs", NULL, &answer, d);
    if (e) return e;
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(answer, "hubs"), i, item) {
        uint8_t id[HUB_ID_BYTES];
        if (!json_is_true(json_object_get(item, "online")) ||
            hex_decode(client_text(item, "hub"), (struct buffer){id, sizeof id}))
            continue;
        const struct hub_certificate *hub = client_hub_by_id(c, id);
        if (hub) *out = hub;
        if (hub) return ERR_OK;
    }
    return ERR_OK;
}
