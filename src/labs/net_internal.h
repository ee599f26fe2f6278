/* net_internal.h: what net.c and net_write.c share. */
#ifndef CARDEA_LABS_NET_INTERNAL_H
#define CARDEA_LABS_NET_INTERNAL_H

#include "labs/net.h"

#define NET_KERNEL 3
#define NET_EPSILON 1e-5f /* added to a variance */

struct net_layer {
    unsigned inputs, outputs, taps; /* taps: inputs × 9 */
    int stride, side_in, side_out;
    size_t places; /* batch × side_out² */
    /* Borrowed from the net's arrays of all that is learnt. */
    float *weights, *scale, *shift; /* weights: [outputs][inputs][9] */
    float *weights_gradient, *scale_gradient, *shift_gradient;
    float mean[CLASSIFIER_CHANNELS_MAX], variance[CLASSIFIER_CHANNELS_MAX], shrink[CLASSIFIER_CHANNELS_MAX];
    float *columns;        /* [taps][places]: what each tap meets */
    float *made;           /* [outputs][places]: the product, then normalised */
    float *given;          /* [outputs][places]: after max(x, 0) */
    float *given_gradient; /* of given, then of made */
};

struct net {
    int side, classes, batch;
    size_t layer_count;
    struct net_layer layers[NET_LAYERS_MAX];
    float *input, *means, *means_gradient, *kept, *scores, *scores_gradient;
    float *scratch;
    size_t scratch_len;
    float *values, *gradients, *first, *second; /* first, second: Adam's moments */
    size_t count;
    float *last_weights, *last_biases; /* [classes][channels], [classes] */
    float *last_weights_gradient, *last_biases_gradient;
    uint32_t steps;
};

#endif
