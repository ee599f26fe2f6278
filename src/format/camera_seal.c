#include "format/camera_object.h"

err camera_root_seal(const uint8_t household[BOX_PUBLIC_BYTES], const uint8_t camera[CAMERA_ID_BYTES],
                     uint32_t epoch, const struct timekey_set *root, struct blob *out) {
    uint8_t aad[CAMERA_ID_BYTES + 4];
    memcpy(aad, camera, CAMERA_ID_BYTES);
    be32_put(aad + CAMERA_ID_BYTES, epoch);
    AUTO(blob_clear) struct blob raw = {0};
    err e = timekey_encode(root, &raw);
    return e ? e : box_seal(household, "cardea/1 root", BYTES_OF(aad), blob_bytes(&raw), out);
}

err camera_profile_seal(const uint8_t household[BOX_PUBLIC_BYTES], const uint8_t camera[CAMERA_ID_BYTES],
                        struct bytes json, struct blob *out) {
    return box_seal(household, "cardea/1 profile", BYTES(camera, CAMERA_ID_BYTES), json, out);
}
