#include <stdio.h>

#include "format/camera_object.h"

void camera_profile_key(const uint8_t camera[CAMERA_ID_BYTES], char out[CAMERA_KEY_TEXT_BYTES]) {
    char id[2 * CAMERA_ID_BYTES + 1];
    hex_encode(BYTES(camera, CAMERA_ID_BYTES), id);
    snprintf(out, CAMERA_KEY_TEXT_BYTES, "camera/%s/profile", id);
}

void camera_root_key(const uint8_t camera[CAMERA_ID_BYTES], uint32_t epoch, char out[CAMERA_KEY_TEXT_BYTES]) {
    char id[2 * CAMERA_ID_BYTES + 1];
    hex_encode(BYTES(camera, CAMERA_ID_BYTES), id);
    snprintf(out, CAMERA_KEY_TEXT_BYTES, "camera/%s/root/%u", id, epoch);
}
