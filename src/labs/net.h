/* net.h: a small convolutional network that learns: convolution, batch normalisation (Ioffe and Szegedy
 * 2015), max(x, 0); a mean over the picture; a connected layer; softmax and cross entropy; Adam (Kingma and
 * Ba 2015) with decoupled weight decay (Loshchilov and Hutter 2019).
 *
 * A layer's values lie as [channels][batch][side][side], so that one product of matrices (OpenBLAS)
 * does a whole batch. Threads: one for each net. The same seed gives the same weights on the same kind of
 * machine; OpenBLAS adds up in another order on another. */
#ifndef CARDEA_LABS_NET_H
#define CARDEA_LABS_NET_H

#include "base/bytes.h"
#include "labs/chance.h"
#include "vision/classifier.h"

#define NET_LAYERS_MAX CLASSIFIER_LAYERS_MAX
#define NET_COLOURS 3

/* A convolution with 3 × 3 weights, or the last, connected layer. */
struct net_plan {
    int outputs, stride;
};

struct net;

/* `convolutions` layers, then the mean and a connected layer with `classes` outputs. Input: NET_COLOURS ×
 * side². ERR_INVALID, ERR_NO_MEMORY. */
err net_new(const struct net_plan *plan, size_t convolutions, int side, int classes, int batch,
            struct chance *chance, struct net **out) CHECKED;
void net_free(struct net *n);
void net_release(struct net **n);

/* Where to put the next batch: [colours][batch][side][side]. */
float *net_input(struct net *n);

/* Takes the batch in net_input forward. While learning, statistics are the batch's, and a part `drop` of the
 * means is left out; else they are the running ones. Scores are [batch][classes], borrowed until the next
 * call. */
const float *net_forward(struct net *n, bool learning, float drop, struct chance *chance);

/* After a learning net_forward: gradients of the mean cross entropy against targets [batch][classes] that
 * add up to 1. Returns the loss. */
float net_backward(struct net *n, const float *targets);

/* One step of Adam. */
void net_step(struct net *n, float rate, float decay);

/* All that is learnt, as one array, with its gradients; for tests and averages. */
size_t net_parameters(struct net *n, float **values, float **gradients);

/* Appends the weights file of vision/classifier.h, with normalisation folded into the convolutions. */
err net_write(const struct net *n, struct bytes about, struct blob *out) CHECKED;

#endif
