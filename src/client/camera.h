/* camera.h: the household's cameras: their profiles and their keys. Threads: one. */
#ifndef CARDEA_CLIENT_CAMERA_H
#define CARDEA_CLIENT_CAMERA_H

#include "client/client.h"
#include "crypto/timekey.h"
#include "format/segment.h"

#define CAMERAS_MAX 256
#define CAMERA_EPOCHS_MAX 1024
#define CAMERA_NAME_MAX_BYTES 128

struct camera_epoch {
    uint32_t epoch;
    uint64_t version; /* of the object */
    struct timekey_set keys;
};

struct camera {
    uint8_t id[CAMERA_ID_BYTES];
    char hex[2 * CAMERA_ID_BYTES + 1];
    char name[CAMERA_NAME_MAX_BYTES + 1]; /* empty for a substream */
    bool is_sub, has_sub;
    uint8_t sub[CAMERA_ID_BYTES], hub[HUB_ID_BYTES];
    json_t *profile;             /* owned */
    struct camera_epoch *epochs; /* after camera_load_keys */
    size_t epoch_count;
};
void camera_clear(struct camera *cam); /* wipes */

struct camera_list {
    struct camera *cameras;
    size_t count;
};
void camera_list_clear(struct camera_list *l);

/* All cameras whose profile this household's hubs have signed; substreams too. One that cannot be opened is
 * left out, and counted in *damaged with the reason of the last in d. */
err camera_list_read(struct client *c, struct camera_list *out, size_t *damaged, struct diag *d) CHECKED;

/* By name (any case), id, or a beginning of either that only one has. ERR_NOT_FOUND: d lists the names. */
err camera_find(struct camera_list *l, const char *name, struct camera **out, struct diag *d) CHECKED;
struct camera *camera_by_id(struct camera_list *l, const uint8_t id[CAMERA_ID_BYTES]);

/* A camera belongs to the hub that signs its profile. These take what has been verified as the household's
 * (an object by client_object_get) for what its own camera's hub may have said; ERR_FORGED otherwise. */
err camera_take_profile(const struct client *c, const struct object *profile, struct camera *cam,
                        struct diag *d) CHECKED;
/* A root may also be the household's own, after shredding. */
err camera_take_root(const struct client *c, const struct camera *cam, uint32_t epoch,
                     const struct object *root, struct timekey_set *out, struct diag *d) CHECKED;
/* Whose mark it is: *out is the certificate of the camera's hub. */
err camera_take_mark(const struct client *c, const struct camera *cam, struct bytes mark,
                     const struct hub_certificate **out, struct diag *d) CHECKED;

/* Reads and opens all roots of the camera; d as for objects. */
err camera_load_keys(struct client *c, struct camera *cam, struct diag *d) CHECKED;
/* The keys of an epoch, or NULL. */
const struct timekey_set *camera_keys(const struct camera *cam, uint32_t epoch);

#endif
