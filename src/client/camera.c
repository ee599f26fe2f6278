#include "client/camera.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "client/grantee.h"
#include "client/internal.h"
#include "format/camera_object.h"
#include "format/mark.h"

#define NAME_LIST_BYTES 240

void camera_clear(struct camera *cam) {
    json_decref(cam->profile);
    for (size_t i = 0; i < cam->epoch_count; i++) timekey_set_clear(&cam->epochs[i].keys);
    free(cam->epochs);
    *cam = (struct camera){0};
}

void camera_list_clear(struct camera_list *l) {
    for (size_t i = 0; i < l->count; i++) camera_clear(&l->cameras[i]);
    free(l->cameras);
    *l = (struct camera_list){0};
}

/* "camera/<hex>/profile" → the id. */
static bool profile_id(const char *key, uint8_t id[CAMERA_ID_BYTES]) {
    char hex[2 * CAMERA_ID_BYTES + 1];
    if (strncmp(key, "camera/", 7) != 0 || strlen(key) != 7 + 2 * CAMERA_ID_BYTES + 8) return false;
    memcpy(hex, key + 7, sizeof hex - 1);
    hex[sizeof hex - 1] = 0;
    return strcmp(key + 7 + 2 * CAMERA_ID_BYTES, "/profile") == 0 &&
           hex_decode(hex, (struct buffer){id, CAMERA_ID_BYTES}) == ERR_OK;
}

static err read_profile(struct camera *cam, struct diag *d) {
    const char *kind = client_text(cam->profile, "kind");
    cam->is_sub = strcmp(kind, "sub") == 0;
    snprintf(cam->name, sizeof cam->name, "%s", client_text(cam->profile, "name"));
    if (hex_decode(client_text(cam->profile, "hub"), (struct buffer){cam->hub, sizeof cam->hub}))
        return diag_fail(d, ERR_INVALID, "the camera's profile names no hub");
    const char *sub = client_text(cam->profile, "sub");
    cam->has_sub = *sub && hex_decode(sub, (struct buffer){cam->sub, sizeof cam->sub}) == ERR_OK;
    return ERR_OK;
}

err camera_take_profile(const struct client *c, const struct object *profile, struct camera *cam,
                        struct diag *d) {
    AUTO(blob_clear) struct blob text = {0};
    const struct hub_certificate *signer = client_hub_by_key(c, profile->signer);
    if (!signer) return diag_fail(d, ERR_FORGED, "its profile is signed by no hub of this household");
    const struct box_key *key;
    err e = ERR_FORGED;
    for (size_t i = 0; e == ERR_FORGED && (key = household_keys_box(&c->household, i)); i++)
        e = camera_profile_open(key, cam->id, profile->payload, &text, d);
    if (!e) e = json_parse(blob_bytes(&text), &cam->profile, d);
    if (!e) e = read_profile(cam, d);
    if (!e && memcmp(signer->hub, cam->hub, HUB_ID_BYTES) != 0)
        e = diag_fail(d, ERR_FORGED, "its profile is signed by another hub than it names");
    return e;
}

err camera_take_root(const struct client *c, const struct camera *cam, uint32_t epoch,
                     const struct object *root, struct timekey_set *out, struct diag *d) {
    const struct hub_certificate *signer = client_hub_by_key(c, root->signer);
    bool ours = memcmp(root->signer, c->household.sign.public_key, sizeof root->signer) == 0 ||
                succession_chain_has(&c->household.chain, root->signer);
    if (!ours && (!signer || memcmp(signer->hub, cam->hub, HUB_ID_BYTES) != 0))
        return diag_fail(d, ERR_FORGED, "%s is signed by another hub than the camera's", root->key);
    const struct box_key *key;
    err e = ERR_FORGED;
    for (size_t i = 0; e == ERR_FORGED && (key = household_keys_box(&c->household, i)); i++)
        e = camera_root_open(key, cam->id, epoch, root->payload, out, d);
    return e;
}

err camera_take_mark(const struct client *c, const struct camera *cam, struct bytes mark,
                     const struct hub_certificate **out, struct diag *d) {
    struct mark read;
    err e = mark_verify(mark, &read, d);
    if (e) return e;
    const struct hub_certificate *signer = client_hub_by_key(c, read.hub);
    if (!signer) return diag_fail(d, ERR_FORGED, "a segment is signed by a hub that is not this household's");
    if (memcmp(signer->hub, cam->hub, HUB_ID_BYTES) != 0)
        return diag_fail(d, ERR_FORGED, "a segment is signed by another hub than the camera's");
    *out = signer;
    return ERR_OK;
}

static err open_camera(struct client *c, const char *key, struct camera *cam, struct diag *d) {
    AUTO(blob_clear) struct blob raw = {0};
    struct object object;
    hex_encode(BYTES_OF(cam->id), cam->hex);
    err e = client_object_get(c, key, NULL, &raw, &object, d);
    if (!e) e = camera_take_profile(c, &object, cam, d);
    if (e) diag_prefix(d, "camera %s", cam->hex);
    return e;
}

struct listing {
    struct client *client;
    struct camera_list *list;
    size_t damaged;
};

static err add_camera(void *context, const char *key, int64_t version, struct diag *d) {
    struct listing *l = context;
    struct camera cam = {0};
    if (!profile_id(key, cam.id)) return ERR_OK;
    if (l->list->count == CAMERAS_MAX) return diag_fail(d, ERR_LIMIT, "more than %d cameras", CAMERAS_MAX);
    err e = open_camera(l->client, key, &cam, d);
    if (e == ERR_FORGED || e == ERR_INVALID) {
        camera_clear(&cam);
        l->damaged++;
        return ERR_OK;
    }
    struct camera *more = e ? NULL : realloc(l->list->cameras, (l->list->count + 1) * sizeof *more);
    if (!more) {
        camera_clear(&cam);
        return e == ERR_NOT_FOUND ? ERR_OK : e ? e : diag_fail(d, ERR_NO_MEMORY, "out of memory");
    }
    l->list->cameras = more;
    l->list->cameras[l->list->count++] = cam;
    return ERR_OK;
}

err camera_list_read(struct client *c, struct camera_list *out, size_t *damaged, struct diag *d) {
    *damaged = 0;
    if (c->grant) return grantee_cameras(c, out, d);
    AUTO(camera_list_clear) struct camera_list list = {0};
    struct listing l = {.client = c, .list = &list};
    err e = client_object_list(c, "camera/", add_camera, &l, d);
    if (e) return e;
    *damaged = l.damaged;
    *out = list;
    list = (struct camera_list){0};
    return ERR_OK;
}

static void list_names(const struct camera_list *l, char out[NAME_LIST_BYTES]) {
    size_t at = 0;
    out[0] = 0;
    for (size_t i = 0; i < l->count; i++) {
        if (l->cameras[i].is_sub) continue;
        int n = snprintf(out + at, NAME_LIST_BYTES - at, "%s%s", at ? ", " : "", l->cameras[i].name);
        if (n < 0 || at + (size_t)n >= NAME_LIST_BYTES) return;
        at += (size_t)n;
    }
}

err camera_find(struct camera_list *l, const char *name, struct camera **out, struct diag *d) {
    struct camera *begin = NULL;
    size_t begins = 0, len = strlen(name);
    for (size_t i = 0; i < l->count; i++) {
        struct camera *cam = &l->cameras[i];
        if (strcmp(cam->hex, name) == 0 || (!cam->is_sub && strcasecmp(cam->name, name) == 0)) {
            *out = cam;
            return ERR_OK;
        }
        if (cam->is_sub || !len) continue;
        if (strncasecmp(cam->name, name, len) == 0 || (len >= 4 && strncmp(cam->hex, name, len) == 0)) {
            begin = cam;
            begins++;
        }
    }
    if (begins == 1) {
        *out = begin;
        return ERR_OK;
    }
    char names[NAME_LIST_BYTES];
    list_names(l, names);
    if (!*names)
        return diag_fail(
            d, ERR_NOT_FOUND,
            "there is no camera '%.60s': the household has none; add one with `cardea camera add`", name);
    return diag_fail(d, ERR_NOT_FOUND,
                     begins ? "'%.60s' could be several cameras; there are: %s"
                            : "there is no camera '%.60s'; there are: %s",
                     name, names);
}

struct camera *camera_by_id(struct camera_list *l, const uint8_t id[CAMERA_ID_BYTES]) {
    for (size_t i = 0; i < l->count; i++)
        if (memcmp(l->cameras[i].id, id, CAMERA_ID_BYTES) == 0) return &l->cameras[i];
    return NULL;
}

struct loading {
    struct client *client;
    struct camera *camera;
};

static err add_epoch(void *context, const char *key, int64_t version, struct diag *d) {
    struct loading *l = context;
    struct camera *cam = l->camera;
    AUTO(blob_clear) struct blob raw = {0};
    struct object object;
    char expected[CAMERA_KEY_TEXT_BYTES];
    const char *number = strrchr(key, '/');
    uint32_t epoch = (uint32_t)strtoul(number ? number + 1 : "", NULL, 10);
    camera_root_key(cam->id, epoch, expected);
    if (strcmp(key, expected) != 0) return ERR_OK;
    if (cam->epoch_count == CAMERA_EPOCHS_MAX)
        return diag_fail(d, ERR_LIMIT, "more than %d epochs", CAMERA_EPOCHS_MAX);
    err e = client_object_get(l->client, key, NULL, &raw, &object, d);
    if (e) return e;
    struct camera_epoch *more = realloc(cam->epochs, (cam->epoch_count + 1) * sizeof *more);
    if (!more) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    cam->epochs = more;
    struct camera_epoch *slot = &more[cam->epoch_count];
    *slot = (struct camera_epoch){.epoch = epoch, .version = object.version};
    e = camera_take_root(l->client, cam, epoch, &object, &slot->keys, d);
    if (!e) cam->epoch_count++;
    return e;
}

err camera_load_keys(struct client *c, struct camera *cam, struct diag *d) {
    char prefix[80];
    for (size_t i = 0; i < cam->epoch_count; i++) timekey_set_clear(&cam->epochs[i].keys);
    cam->epoch_count = 0;
    if (c->grant) return grantee_keys(c, cam, d);
    snprintf(prefix, sizeof prefix, "camera/%s/root/", cam->hex);
    struct loading l = {c, cam};
    return client_object_list(c, prefix, add_epoch, &l, d);
}

const struct timekey_set *camera_keys(const struct camera *cam, uint32_t epoch) {
    for (size_t i = 0; i < cam->epoch_count; i++)
        if (cam->epochs[i].epoch == epoch) return &cam->epochs[i].keys;
    return NULL;
}
