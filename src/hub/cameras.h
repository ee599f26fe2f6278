/* cameras.h: the cameras of this hub and their settings; DIR/cameras.json, 0600, holds them with their
 * passwords.
 *
 *     {"v":1,"cameras":[{"camera":hex,"sub":hex|null,"name","url","sub_url":text|null,"indoor","audio","added":ISO,
 *      "record":{"mode","pre_s","post_s","schedule":[…]},"retention_days","epoch":n,"sub_epoch":n}]}
 *
 * `epoch` is the last number that was given out; a number is never given out twice. Threads: one. */
#ifndef CARDEA_HUB_CAMERAS_H
#define CARDEA_HUB_CAMERAS_H

#include "base/clock.h"
#include "base/json.h"
#include "format/segment.h"
#include "hub/camera_url.h"

#define CAMERAS_MAX 128
#define CAMERA_NAME_MAX_BYTES 64
#define SCHEDULE_MAX 16
#define PRE_MAX_S 30
#define POST_MAX_S 300
#define RETENTION_MAX_DAYS 3650

enum record_mode { RECORD_MODE_ALWAYS, RECORD_MODE_MOTION, RECORD_MODE_SCHEDULE, RECORD_MODE_OFF };

struct schedule_entry {
    uint8_t days;              /* bit 0: Monday */
    uint16_t from_min, to_min; /* of the day, local time; to before from: past midnight; equal: all day */
};

struct record_settings {
    enum record_mode mode;
    uint16_t pre_s, post_s;
    struct schedule_entry schedule[SCHEDULE_MAX];
    size_t schedule_count;
};

struct camera_settings {
    uint8_t id[CAMERA_ID_BYTES], sub[CAMERA_ID_BYTES];
    bool has_sub, indoor, audio;
    char name[CAMERA_NAME_MAX_BYTES + 1];
    char url[CAMERA_URL_MAX_BYTES + 1], sub_url[CAMERA_URL_MAX_BYTES + 1]; /* secret */
    struct wall_us added;
    struct record_settings record;
    uint32_t retention_days;
    uint32_t epoch, sub_epoch;
};

struct cameras {
    char path[1024];
    struct camera_settings *list;
    size_t count;
};

/* ERR_INVALID: the file is damaged; it is left alone. */
err cameras_load(const char *path, struct cameras *out, struct diag *d) CHECKED;
err cameras_store(const struct cameras *c, struct diag *d) CHECKED; /* durable */
void cameras_clear(struct cameras *c);                              /* wipes */

/* By main or substream id; NULL. */
struct camera_settings *cameras_find(const struct cameras *c, const uint8_t camera[CAMERA_ID_BYTES]);

/* Adds with fresh ids and stores. *out is borrowed until the list changes.
 *   ERR_INVALID  names the field     ERR_EXISTS  the name or the address is taken: d says by which ERR_LIMIT
 */
err cameras_add(struct cameras *c, json_t *args, struct wall_us now, struct camera_settings **out,
                struct diag *d) CHECKED;
/* Changes the given settings and stores. ERR_INVALID names the field; ERR_EXISTS. */
err cameras_set(struct cameras *c, struct camera_settings *camera, json_t *args, struct diag *d) CHECKED;
err cameras_remove(struct cameras *c, struct camera_settings *camera, struct diag *d) CHECKED;

/* The profile of docs/protocol.md, without codec, width and height. NULL: out of memory. */
json_t *camera_profile(const struct camera_settings *c, bool sub, const uint8_t hub[16]);
json_t *record_settings_json(const struct record_settings *r);
err record_settings_read(json_t *o, struct record_settings *out, struct diag *d) CHECKED;

/* The schedule alone: `list` is [{"days":[1..7],"from":"HH:MM","to":"HH:MM"}], at most SCHEDULE_MAX. */
err schedule_read(json_t *list, struct record_settings *out, struct diag *d) CHECKED;
json_t *schedule_json(const struct record_settings *r); /* NULL: out of memory */

/* Whether the schedule says to record at this time, in local time. */
bool schedule_wants(const struct record_settings *r, struct wall_us now);

#endif
