#include <openssl/sha.h>

#include "labs/net_internal.h"

/* IEEE 754 binary16, to the nearest, ties to even; too large becomes the largest. */
static uint16_t half_of(float v) {
    uint16_t sign = signbit(v) ? 0x8000 : 0;
    float size = fabsf(v);
    if (!(size < 65504)) return sign | 0x7bff;
    if (size < ldexpf(1, -14))
        return sign | (uint16_t)lrintf(ldexpf(size, 24)); /* also the step up to 2^-14 */
    int exponent;
    float fraction = frexpf(size, &exponent);     /* 0.5 to 1 */
    long mantissa = lrintf(ldexpf(fraction, 11)); /* 1024 to 2048 */
    return sign | (uint16_t)((long)(exponent + 13) * 1024 + mantissa);
}

static err append_u16(struct blob *out, unsigned v) {
    uint8_t b[2];
    be16_put(b, (uint16_t)v);
    return blob_append(out, BYTES_OF(b));
}

static err append_layer(struct blob *out, enum classifier_kind kind, int kernel, int stride, unsigned inputs,
                        unsigned outputs) {
    uint8_t b[8] = {(uint8_t)kind, (uint8_t)kernel, (uint8_t)stride};
    be16_put(b + 4, (uint16_t)inputs);
    be16_put(b + 6, (uint16_t)outputs);
    return blob_append(out, BYTES_OF(b));
}

/* A normalised convolution is a convolution: w scale / deviation, and shift - mean scale / deviation. */
static err append_convolution(struct blob *out, const struct net_layer *l) {
    for (unsigned o = 0; o < l->outputs; o++) {
        float factor = l->scale[o] / sqrtf(l->variance[o] + NET_EPSILON);
        for (unsigned k = 0; k < NET_KERNEL * NET_KERNEL; k++)
            for (unsigned i = 0; i < l->inputs; i++) {
                float w = l->weights[(size_t)o * l->taps + (size_t)i * NET_KERNEL * NET_KERNEL + k];
                if (append_u16(out, half_of(w * factor))) return ERR_NO_MEMORY;
            }
    }
    for (unsigned o = 0; o < l->outputs; o++) {
        float factor = l->scale[o] / sqrtf(l->variance[o] + NET_EPSILON);
        if (append_u16(out, half_of(l->shift[o] - l->mean[o] * factor))) return ERR_NO_MEMORY;
    }
    return ERR_OK;
}

err net_write(const struct net *n, struct bytes about, struct blob *out) {
    size_t start = out->len;
    uint8_t head[] = {
        'C', 'R', 'D', 'C', 1, (uint8_t)n->side, (uint8_t)n->classes, (uint8_t)(n->layer_count + 2)};
    unsigned channels = n->layers[n->layer_count - 1].outputs;
    err e = blob_append(out, BYTES_OF(head));
    if (!e) e = blob_append_be32(out, (uint32_t)about.len);
    if (!e) e = blob_append(out, about);
    for (size_t i = 0; i < n->layer_count && !e; i++)
        e = append_layer(out, CLASSIFIER_CONVOLUTION, NET_KERNEL, n->layers[i].stride, n->layers[i].inputs,
                         n->layers[i].outputs);
    if (!e) e = append_layer(out, CLASSIFIER_MEAN, 0, 1, channels, channels);
    if (!e) e = append_layer(out, CLASSIFIER_CONNECTED, 1, 1, channels, (unsigned)n->classes);
    for (size_t i = 0; i < n->layer_count && !e; i++) e = append_convolution(out, &n->layers[i]);
    for (size_t i = 0; i < (size_t)n->classes * channels && !e; i++)
        e = append_u16(out, half_of(n->last_weights[i]));
    for (int i = 0; i < n->classes && !e; i++) e = append_u16(out, half_of(n->last_biases[i]));
    if (e) return e;
    uint8_t hash[SHA256_DIGEST_LENGTH];
    SHA256(out->data + start, out->len - start, hash);
    return blob_append(out, BYTES_OF(hash));
}
