#include "format/command.h"

#include "crypto/hash.h"
#include "format/boxed.h"
#include "format/json_bytes.h"

static const struct boxed_kind kind = {"command", "cardea/1 command", COMMAND_MAX_BYTES};

void command_clear(struct command *c) {
    if (!c) return;
    json_decref(c->args);
    *c = (struct command){0};
}

err command_seal(const struct command *c, const struct sign_key *household,
                 const uint8_t hub_box[BOX_PUBLIC_BYTES], const uint8_t hub[HUB_ID_BYTES], struct blob *out) {
    uint8_t ephemeral[BOX_SECRET_BYTES];
    random_bytes(ephemeral, sizeof ephemeral);
    err e = command_seal_with(c, household, hub_box, hub, ephemeral, out);
    wipe(ephemeral, sizeof ephemeral);
    return e;
}

err command_seal_with(const struct command *c, const struct sign_key *household,
                      const uint8_t hub_box[BOX_PUBLIC_BYTES], const uint8_t hub[HUB_ID_BYTES],
                      const uint8_t ephemeral[BOX_SECRET_BYTES], struct blob *out) {
    AUTO(json_release)
    json_t *value = json_pack("{s:o, s:I, s:o, s:s, s:o}", "id", json_hex(BYTES_OF(c->id)), "time",
                              (json_int_t)c->time.us, "hub", json_hex(BYTES(hub, HUB_ID_BYTES)), "verb",
                              c->verb, "args", c->args ? json_incref(c->args) : json_object());
    return boxed_seal(&kind, value, household, hub_box, BYTES(hub, HUB_ID_BYTES), ephemeral, out);
}

static err decode(json_t *value, const uint8_t hub[HUB_ID_BYTES], struct command *out, struct diag *d) {
    uint8_t named[HUB_ID_BYTES];
    const char *verb = NULL;
    json_t *args = NULL;
    const struct json_field fields[] = {
        JSON_ID("id", COMMAND_ID_BYTES, out->id),
        {"time", JSON_KIND_INT, true, 0, INT64_MAX, &out->time.us, NULL},
        JSON_ID("hub", HUB_ID_BYTES, named),
        {"verb", JSON_KIND_TEXT, true, 1, COMMAND_VERB_MAX_BYTES, &verb, NULL},
        {"args", JSON_KIND_OBJECT, true, 0, 0, &args, NULL},
    };
    err e = JSON_READ(value, fields, d);
    if (e) return e;
    if (memcmp(named, hub, HUB_ID_BYTES) != 0)
        return diag_fail(d, ERR_FORGED, "it was signed for another hub");
    memcpy(out->verb, verb, strlen(verb) + 1);
    out->args = json_incref(args);
    return ERR_OK;
}

static err take(json_t *value, const uint8_t id[COMMAND_ID_BYTES], const uint8_t hub[HUB_ID_BYTES],
                struct wall_us now, struct command *out, struct diag *d) {
    AUTO(command_clear) struct command found = {0};
    err e = decode(value, hub, &found, d);
    if (e) {
        diag_prefix(d, "command");
        return e;
    }
    if (memcmp(found.id, id, COMMAND_ID_BYTES) != 0)
        return diag_fail(d, ERR_FORGED, "command: it was delivered under another id");
    if (found.time.us > now.us + COMMAND_SKEW_US || found.time.us < now.us - COMMAND_SKEW_US)
        return diag_fail(d, ERR_DENIED, "command: the clocks of hub and owner are %lld s apart",
                         (long long)((now.us - found.time.us) / 1000000));
    *out = found;
    found = (struct command){0};
    return ERR_OK;
}

err command_open(struct bytes raw, const uint8_t id[COMMAND_ID_BYTES], const struct box_key *hub_key,
                 const uint8_t hub[HUB_ID_BYTES], const uint8_t household[SIGN_PUBLIC_BYTES],
                 struct wall_us now, struct command *out, struct diag *d) {
    AUTO(json_release) json_t *value = NULL;
    err e = boxed_open(&kind, raw, hub_key, BYTES(hub, HUB_ID_BYTES), household, &value, d);
    return e ? e : take(value, id, hub, now, out, d);
}

err command_open_any(struct bytes raw, const uint8_t id[COMMAND_ID_BYTES], const struct box_key *hub_key,
                     const uint8_t hub[HUB_ID_BYTES], struct wall_us now, struct command *out,
                     uint8_t signer[SIGN_PUBLIC_BYTES], struct diag *d) {
    AUTO(json_release) json_t *value = NULL;
    uint8_t by[SIGN_PUBLIC_BYTES];
    err e = boxed_open_any(&kind, raw, hub_key, BYTES(hub, HUB_ID_BYTES), by, &value, d);
    if (!e) e = take(value, id, hub, now, out, d);
    if (!e) memcpy(signer, by, sizeof by);
    return e;
}

err command_seen_add(struct command_seen *seen, const struct command *c, struct wall_us now, struct diag *d) {
    if (c->time.us < seen->since.us)
        return diag_fail(d, ERR_EXISTS, "command: it was made before this hub started");
    size_t kept = 0;
    for (size_t i = 0; i < seen->count; i++) {
        if (memcmp(seen->entries[i].id, c->id, COMMAND_ID_BYTES) == 0)
            return diag_fail(d, ERR_EXISTS, "command: it was carried out already");
    }
    for (size_t i = 0; i < seen->count; i++) {
        if (seen->entries[i].time.us < now.us - COMMAND_SKEW_US) continue; /* its time alone refuses it now */
        if (kept != i) seen->entries[kept] = seen->entries[i];
        kept++;
    }
    seen->count = kept;
    if (seen->count == COMMAND_SEEN_MAX)
        return diag_fail(d, ERR_BUSY, "command: more than %d in ten minutes", COMMAND_SEEN_MAX);
    memcpy(seen->entries[kept].id, c->id, COMMAND_ID_BYTES);
    seen->entries[kept].time = c->time;
    seen->count++;
    return ERR_OK;
}
