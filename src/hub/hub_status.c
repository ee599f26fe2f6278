/* What `status` answers. No address of a camera is in it, since those hold passwords. */
#include "hub/hub.h"

static json_t *time_or_null(struct wall_us t) {
    char text[WALL_TEXT_BYTES];
    if (t.us == 0) return json_null();
    wall_format(t, text);
    return json_string(text);
}

static json_t *hub_part(struct hub *h) {
    struct spool_state spool;
    struct link_state link;
    struct diag keys = {{0}};
    spool_state(h->spool, &spool);
    link_state(h->link, &link);
    bool failing = forward_keys_failing(h->keys, &keys);
    const char *message =
        link.conflict ? "another hub uses this identity: nothing is sent"
        : failing     ? keys.text
        : spool.full  ? "the spool is full: the oldest recordings that are not in the vault are dropped"
                      : link.message;
    const char *state = link.conflict        ? "conflict"
                        : failing            ? "disk"
                        : spool.full         ? "full"
                        : link.down_since.us ? "offline"
                                             : "ok";
    return json_pack("{s:s,s:I,s:I,s:I,s:o,s:o,s:b,s:I,s:I,s:I,s:s,s:s}", "version", CARDEA_VERSION,
                     "uptime_s", (json_int_t)((steady_now().us - h->started.us) / 1000000), "spool_bytes",
                     (json_int_t)spool.bytes, "spool_limit_bytes", (json_int_t)spool.limit_bytes,
                     "spool_oldest", time_or_null((struct wall_us){(int64_t)spool.oldest_slot * 1000000}),
                     "vault_since", time_or_null(link.down_since), "clock_ok", forward_keys_clock_ok(h->keys),
                     "dropped_bytes", (json_int_t)spool.dropped_bytes, "spool_reels", (json_int_t)spool.reels,
                     "waiting", (json_int_t)outbox_count(h->outbox), "state", state, "message", message);
}

static json_t *camera_part(const struct hub_stream *s, const struct camera_settings *settings) {
    struct worker_view v;
    struct recorder_state r;
    worker_view(s->worker, &v);
    recorder_state(s->recorder, &r);
    const char *message = v.message[0] ? v.message : r.trouble;
    return json_pack("{s:o,s:s,s:s,s:s,s:s,s:o,s:f,s:I,s:I,s:I,s:i,s:i,s:s,s:s,s:b,s:b}", "camera",
                     json_hex(BYTES_OF(s->id)), "name", settings ? settings->name : "", "kind",
                     s->sub ? "sub" : "main", "state", v.state, "message", message, "since",
                     time_or_null(v.since), "fps", v.status->fps, "kbit_s", (json_int_t)v.status->kbit_s,
                     "lost", (json_int_t)v.status->lost, "restarts", (json_int_t)v.restarts, "width",
                     s->width, "height", s->height, "codec", s->codec, "audio", s->audio_codec, "motion",
                     r.motion, "recording", r.recording);
}

/* Whether somebody looks, by what, and whether who is to be told can be. */
static json_t *seeing_part(struct hub *h) {
    return json_pack("{s:b,s:o,s:o,s:o}", "on", seeing_on(h->seeing), "model", vision_model(h->vision),
                     "vision", vision_status(h->vision), "channels", notify_channels(h->notify));
}

json_t *hub_status(struct hub *h) {
    json_t *cameras = json_array();
    for (struct hub_camera *c = h->list; c && cameras; c = c->next)
        for (size_t i = 0; i < c->stream_count; i++)
            json_array_append_new(cameras,
                                  camera_part(&c->streams[i], cameras_find(&h->cameras, c->streams[i].id)));
    return json_pack("{s:o,s:o,s:o}", "hub", hub_part(h), "cameras", cameras, "seeing", seeing_part(h));
}
