/* dnn.h: runs a neural network that lies in memory, with OpenCV's dnn module on the CPU. The one door to C++:
 * no exception leaves it. Threads: one at a time for each network; dnn_threads is for the whole process. */
#ifndef CARDEA_VISION_DNN_H
#define CARDEA_VISION_DNN_H

#include "base/bytes.h"

#define DNN_NAME_BYTES 96
#define DNN_RANK_MAX 6

struct dnn;

/* Threads that share the work of one run, and no GPU. */
void dnn_threads(int threads);

/* ERR_INVALID: not a network that OpenCV can read; d quotes it. The bytes are borrowed. */
err dnn_load_onnx(struct bytes model, struct dnn **out, struct diag *d) CHECKED;
err dnn_load_darknet(struct bytes config, struct bytes weights, struct dnn **out, struct diag *d) CHECKED;
void dnn_free(struct dnn *n);

/* The network's outputs, in its order; borrowed. NULL: there are not so many. */
const char *dnn_output_name(const struct dnn *n, size_t i);

struct dnn_output {
    const float *data; /* borrowed until the next run */
    size_t count;      /* of floats: the product of dims */
    int rank, dims[DNN_RANK_MAX];
};

/* One pass. `input` holds channels × height × width floats. outputs[i] gets the output names[i].
 *   ERR_INVALID  the network does not take such an input, or has no such output */
err dnn_run(struct dnn *n, const float *input, int channels, int height, int width, const char *const *names,
            size_t count, struct dnn_output *outputs, struct diag *d) CHECKED;

#endif
