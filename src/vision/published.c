#include "vision/published.h"

static const char *const coco[] = {"person",        "bicycle",      "car",
                                   "motorcycle",    "airplane",     "bus",
                                   "train",         "truck",        "boat",
                                   "traffic light", "fire hydrant", "stop sign",
                                   "parking meter", "bench",        "bird",
                                   "cat",           "dog",          "horse",
                                   "sheep",         "cow",          "elephant",
                                   "bear",          "zebra",        "giraffe",
                                   "backpack",      "umbrella",     "handbag",
                                   "tie",           "suitcase",     "frisbee",
                                   "skis",          "snowboard",    "sports ball",
                                   "kite",          "baseball bat", "baseball glove",
                                   "skateboard",    "surfboard",    "tennis racket",
                                   "bottle",        "wine glass",   "cup",
                                   "fork",          "knife",        "spoon",
                                   "bowl",          "banana",       "apple",
                                   "sandwich",      "orange",       "broccoli",
                                   "carrot",        "hot dog",      "pizza",
                                   "donut",         "cake",         "chair",
                                   "couch",         "potted plant", "bed",
                                   "dining table",  "toilet",       "tv",
                                   "laptop",        "mouse",        "remote",
                                   "keyboard",      "cell phone",   "microwave",
                                   "oven",          "toaster",      "sink",
                                   "refrigerator",  "book",         "clock",
                                   "vase",          "scissors",     "teddy bear",
                                   "hair drier",    "toothbrush"};

const struct published_model published_models[] = {
    {.name = "picodet-s-416",
     .kind = VISION_PICODET,
     .side = 416,
     .licence = "Apache-2.0",
     .origin = "PaddleDetection, PicoDet-S of October 2021",
     .lineage = "trained on COCO 2017 by its authors; converted to ONNX operation by operation",
     .ms = 54,
     .file_count = 1,
     .files = {{"picodet-s-416.onnx", "detect", 3993630,
                "837b3da47091267fd0cbaf3705158661fe9b7a806e78a1e1f21179ec12bbfade", NULL}}},
    {.name = "yolox-nano",
     .kind = VISION_YOLOX,
     .side = 416,
     .licence = "Apache-2.0",
     .origin = "Megvii, YOLOX",
     .lineage = "trained on COCO 2017 by its authors",
     .ms = 40,
     .file_count = 1,
     .files =
         {{"yolox_nano.onnx", "detect", 3713911,
           "d39bee73564e338080378b0ad567fbb40e818b55bbfaf971de82a0267ed16b8a",
           "https://raw.githubusercontent.com/hamacom2004jp/iinfer/c7f9a3c5216c6f8b3e8b35886f863dffa2dc0bf9/"
           "models/yolox_nano.onnx"}}},
    {.name = "picodet-s-320",
     .kind = VISION_PICODET,
     .side = 320,
     .licence = "Apache-2.0",
     .origin = "PaddleDetection, PicoDet-S of October 2021",
     .lineage = "trained on COCO 2017 by its authors; converted to ONNX operation by operation",
     .ms = 33,
     .file_count = 1,
     .files = {{"picodet-s-320.onnx", "detect", 3993628,
                "f1dfa8097bc6f272597f97e14b140b48ac80557d38bb709d3f70769c54ef422e", NULL}}},
    {.name = "yolo-fastest-1.1-xl",
     .kind = VISION_DARKNET,
     .side = 320,
     .licence = "YOLO LICENSE v2 (public domain)",
     .origin = "dog-qiuqiu, Yolo-Fastest",
     .lineage = "trained on COCO 2017 by its author",
     .ms = 17,
     .file_count = 2,
     .files = {{"yolo-fastest-1.1-xl.cfg", "detect", 9696,
                "c458427acc4fbeabceff4528ef7b65b066c0308ce599460f8ba299eba63abad3",
                "https://raw.githubusercontent.com/dog-qiuqiu/Yolo-Fastest/"
                "96a2900d163196c396e73f3fdab04ca4dd9a2f70/"
                "ModelZoo/yolo-fastest-1.1_coco/yolo-fastest-1.1-xl.cfg"},
               {"yolo-fastest-1.1-xl.weights", "detect", 3693964,
                "fac5fb41786c1f38f04972a658443b189f48720d7d117f9a044100e98a35b0c5",
                "https://raw.githubusercontent.com/dog-qiuqiu/Yolo-Fastest/"
                "96a2900d163196c396e73f3fdab04ca4dd9a2f70/"
                "ModelZoo/yolo-fastest-1.1_coco/yolo-fastest-1.1-xl.weights"}}},
    {.name = NULL},
};

const struct published_model published_faces = {
    .name = PUBLISHED_FACES,
    .licence = "Apache-2.0",
    .origin = "libfacedetection (YuNet); Open Model Zoo (face-reidentification-retail-0095)",
    .lineage = "trained by their authors; the second converted to ONNX operation by operation",
    .file_count = 2,
    .files = {{"yunet_n_320_320.onnx", "face", 317434,
               "81dbde155e982455488235acb8ec2dec5d647edf7cf7080d33e4abb69b93a0d2",
               "https://raw.githubusercontent.com/ShiqiYu/libfacedetection.train/"
               "0047ac24afb1a50a0c6105001c89d1b5b805dbf1/"
               "onnx/yunet_n_320_320.onnx"},
              {"face-reid-0095.onnx", "face", 4446563,
               "ad671210cbfaa680ba8f3f9d0b153e656401e0356ac063cf7209be49da6c28d5", NULL}}};

const struct published_model *published_find(const char *name) {
    for (const struct published_model *p = published_models; p->name; p++)
        if (strcmp(p->name, name) == 0) return p;
    return strcmp(name, PUBLISHED_FACES) == 0 ? &published_faces : NULL;
}

void published_detector(const struct published_model *p, struct vision_detector *out) {
    *out = (struct vision_detector){
        .kind = p->kind, .width = p->side, .height = p->side, .files = (uint8_t)p->file_count};
    out->label_count = sizeof coco / sizeof *coco;
    memcpy(out->name, p->name, strlen(p->name));
    for (size_t i = 0; i < out->label_count; i++) memcpy(out->labels[i], coco[i], strlen(coco[i]));
}
