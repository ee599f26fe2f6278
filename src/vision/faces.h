/* faces.h: finds faces (YuNet, Wu et al. 2023), lays them straight by five points, and turns each into 256
 * numbers of which the cosine says whether two are of one person (Open Model Zoo,
 * face-reidentification-retail-0095).
 *
 * Only faces that are large, sharp and turned to the camera enough get numbers; for others it says in words
 * what is wrong. Nothing of a face is kept here. Threads: one for each. */
#ifndef CARDEA_VISION_FACES_H
#define CARDEA_VISION_FACES_H

#include "vision/image.h"

#define FACES_FILES 2          /* the detector's, the embedder's */
#define FACE_LEAST_PX 32       /* of the box's shorter side, in the picture */
#define FACE_GOOD_PX 96        /* more adds nothing */
#define FACE_SCORE_LEAST 0.7f  /* of the detector */
#define FACE_SHARP_LEAST 60.0f /* variance of the Laplacian */
#define FACE_SHARP_GOOD 600.0f
#define FACE_TURNED_MOST 0.35f /* how far the nose is off the middle of eyes and mouth, in eye distances */

struct faces;

/* ERR_INVALID: a network of another shape; d says which. */
err faces_load(const struct bytes files[FACES_FILES], struct faces **out, struct diag *d) CHECKED;
void faces_unload(struct faces *f);

struct found_face {
    struct seen_face face;
    char reason[VISION_REASON_MAX_BYTES + 1]; /* why it is of no use, and then without numbers; else empty */
};

/* Faces in a part of the picture, the best first; at most VISION_FACES_MAX. `better_than`: faces of no higher
 * quality get no numbers (reason "no better"). */
err faces_find(struct faces *f, const struct image *m, struct rect part, float better_than,
               struct found_face out[VISION_FACES_MAX], size_t *count, struct diag *d) CHECKED;

#endif
