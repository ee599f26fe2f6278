#include "format/camera_object.h"

err camera_root_open(const struct box_key *household, const uint8_t camera[CAMERA_ID_BYTES], uint32_t epoch,
                     struct bytes payload, struct timekey_set *out, struct diag *d) {
    uint8_t aad[CAMERA_ID_BYTES + 4];
    memcpy(aad, camera, CAMERA_ID_BYTES);
    be32_put(aad + CAMERA_ID_BYTES, epoch);
    AUTO(blob_clear) struct blob raw = {0};
    err e = box_open(household, "cardea/1 root", BYTES_OF(aad), payload, &raw);
    if (e) return diag_fail(d, e, "camera's root: not of this household, camera and epoch, or damaged");
    return timekey_decode(blob_bytes(&raw), out, d);
}

err camera_profile_open(const struct box_key *household, const uint8_t camera[CAMERA_ID_BYTES],
                        struct bytes payload, struct blob *out, struct diag *d) {
    err e = box_open(household, "cardea/1 profile", BYTES(camera, CAMERA_ID_BYTES), payload, out);
    if (e) return diag_fail(d, e, "camera's profile: not of this household and camera, or damaged");
    return ERR_OK;
}
