/* camera_object.h: a camera's roots and profile as boxes to the household (docs/formats.md, "camera/…").
 *
 * Sealing is in format_writer, opening in format_reader. Threads: no shared state. */
#ifndef CARDEA_FORMAT_CAMERA_OBJECT_H
#define CARDEA_FORMAT_CAMERA_OBJECT_H

#include "crypto/timekey.h"
#include "crypto/unbox.h"
#include "format/segment.h"

#define CAMERA_KEY_TEXT_BYTES 64

/* Object keys: "camera/<hex>/profile", "camera/<hex>/root/<epoch>". */
void camera_profile_key(const uint8_t camera[CAMERA_ID_BYTES], char out[CAMERA_KEY_TEXT_BYTES]);
void camera_root_key(const uint8_t camera[CAMERA_ID_BYTES], uint32_t epoch, char out[CAMERA_KEY_TEXT_BYTES]);

/* Appends the payload; sign it with object_sign. */
err camera_root_seal(const uint8_t household[BOX_PUBLIC_BYTES], const uint8_t camera[CAMERA_ID_BYTES],
                     uint32_t epoch, const struct timekey_set *root, struct blob *out) CHECKED;
err camera_profile_seal(const uint8_t household[BOX_PUBLIC_BYTES], const uint8_t camera[CAMERA_ID_BYTES],
                        struct bytes json, struct blob *out) CHECKED;

/* Opens a payload.   ERR_INVALID  names the field     ERR_FORGED  not for this household, camera or epoch */
err camera_root_open(const struct box_key *household, const uint8_t camera[CAMERA_ID_BYTES], uint32_t epoch,
                     struct bytes payload, struct timekey_set *out, struct diag *d) CHECKED;
/* Appends the JSON. */
err camera_profile_open(const struct box_key *household, const uint8_t camera[CAMERA_ID_BYTES],
                        struct bytes payload, struct blob *out, struct diag *d) CHECKED;

#endif
