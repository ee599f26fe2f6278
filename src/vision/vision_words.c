/* The words of the protocol. */
#include "vision/vision_message.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char *const label_words[SEEN_LABELS] = {
    [SEEN_NOTHING] = "nothing", [SEEN_PERSON] = "person", [SEEN_CAR] = "car",
    [SEEN_TRUCK] = "truck",     [SEEN_BUS] = "bus",       [SEEN_MOTORCYCLE] = "motorcycle",
    [SEEN_BICYCLE] = "bicycle", [SEEN_DOG] = "dog",       [SEEN_CAT] = "cat",
    [SEEN_BIRD] = "bird",       [SEEN_ANIMAL] = "animal", [SEEN_PACKAGE] = "package",
};

static const char *const kind_words[VISION_KINDS] = {
    [VISION_PICODET] = "picodet",
    [VISION_YOLOX] = "yolox",
    [VISION_DARKNET] = "darknet",
    [VISION_MOTION_CLASSIFIER] = "motion-classifier",
};

const char *seen_label_text(enum seen_label l) {
    return (unsigned)l < SEEN_LABELS ? label_words[l] : label_words[SEEN_NOTHING];
}

err seen_label_read(const char *text, enum seen_label *out) {
    for (int i = SEEN_NOTHING + 1; i < SEEN_LABELS; i++) {
        if (strcmp(text, label_words[i]) != 0) continue;
        *out = (enum seen_label)i;
        return ERR_OK;
    }
    return ERR_NOT_FOUND;
}

bool seen_label_vehicle(enum seen_label l) {
    return l == SEEN_CAR || l == SEEN_TRUCK || l == SEEN_BUS || l == SEEN_MOTORCYCLE;
}

bool seen_label_animal(enum seen_label l) {
    return l == SEEN_DOG || l == SEEN_CAT || l == SEEN_BIRD || l == SEEN_ANIMAL;
}

const char *vision_kind_text(enum vision_kind k) {
    return (unsigned)k < VISION_KINDS ? kind_words[k] : "unknown";
}

err vision_kind_read(const char *text, enum vision_kind *out) {
    for (size_t i = 0; i < COUNT(kind_words); i++) {
        if (strcmp(text, kind_words[i]) != 0) continue;
        *out = (enum vision_kind)i;
        return ERR_OK;
    }
    return ERR_NOT_FOUND;
}
