#include "labs/net.h"

#include <cblas.h>
#include <stdlib.h>

#include "labs/net_internal.h"

#define RUNNING 0.02f /* how much of a batch's statistics goes into the running ones */

void net_free(struct net *n) {
    if (!n) return;
    for (size_t i = 0; i < n->layer_count; i++) {
        struct net_layer *l = &n->layers[i];
        free(l->columns);
        free(l->made);
        free(l->given);
        free(l->given_gradient);
    }
    free(n->input);
    free(n->means);
    free(n->means_gradient);
    free(n->kept);
    free(n->scores);
    free(n->scores_gradient);
    free(n->scratch);
    free(n->values);
    free(n->gradients);
    free(n->first);
    free(n->second);
    free(n);
}

void net_release(struct net **n) {
    net_free(*n);
}

float *net_input(struct net *n) {
    return n->input;
}

size_t net_parameters(struct net *n, float **values, float **gradients) {
    *values = n->values;
    *gradients = n->gradients;
    return n->count;
}

/* --- Making --- */

static float *floats(size_t count) {
    return calloc(count, sizeof(float));
}

/* Learnt: weights, then scale and shift of each output. Kept besides: running mean and variance, and the
 * batch's. */
static size_t layer_numbers(const struct net_layer *l) {
    return (size_t)l->taps * l->outputs + 2 * (size_t)l->outputs;
}

static bool layer_memory(struct net *n, struct net_layer *l) {
    size_t given = (size_t)l->outputs * l->places;
    l->columns = floats((size_t)l->taps * l->places);
    l->made = floats(given);
    l->given = floats(given);
    l->given_gradient = floats(given);
    if (n->scratch_len < (size_t)l->taps * l->places) n->scratch_len = (size_t)l->taps * l->places;
    return l->columns && l->made && l->given && l->given_gradient;
}

static bool net_memory(struct net *n) {
    size_t channels = n->layers[n->layer_count - 1].outputs, batch = (size_t)n->batch;
    n->input = floats(NET_COLOURS * batch * (size_t)(n->side * n->side));
    n->means = floats(channels * batch);
    n->means_gradient = floats(channels * batch);
    n->kept = floats(channels * batch);
    n->scores = floats(batch * (size_t)n->classes);
    n->scores_gradient = floats(batch * (size_t)n->classes);
    n->scratch = floats(n->scratch_len);
    n->values = floats(n->count);
    n->gradients = floats(n->count);
    n->first = floats(n->count);
    n->second = floats(n->count);
    return n->input && n->means && n->means_gradient && n->kept && n->scores && n->scores_gradient &&
           n->scratch && n->values && n->gradients && n->first && n->second;
}

/* He and others 2015: the values keep their size from layer to layer. */
static void start_values(struct net *n, struct chance *chance) {
    float *at = n->values, *gradient = n->gradients;
    for (size_t i = 0; i < n->layer_count; i++) {
        struct net_layer *l = &n->layers[i];
        size_t weights = (size_t)l->taps * l->outputs;
        l->weights = at;
        l->scale = at + weights;
        l->shift = l->scale + l->outputs;
        l->weights_gradient = gradient;
        l->scale_gradient = gradient + weights;
        l->shift_gradient = l->scale_gradient + l->outputs;
        for (size_t k = 0; k < weights; k++)
            l->weights[k] = chance_normal(chance) * sqrtf(2.0f / (float)l->taps);
        for (unsigned o = 0; o < l->outputs; o++) l->scale[o] = l->variance[o] = 1;
        at += layer_numbers(l);
        gradient += layer_numbers(l);
    }
    n->last_weights = at;
    n->last_weights_gradient = gradient;
    unsigned channels = n->layers[n->layer_count - 1].outputs;
    n->last_biases = at + (size_t)n->classes * channels;
    n->last_biases_gradient = gradient + (size_t)n->classes * channels;
    for (size_t k = 0; k < (size_t)n->classes * channels; k++)
        n->last_weights[k] = chance_normal(chance) * sqrtf(1.0f / (float)channels);
}

err net_new(const struct net_plan *plan, size_t convolutions, int side, int classes, int batch,
            struct chance *chance, struct net **out) {
    if (convolutions == 0 || convolutions > NET_LAYERS_MAX - 2 || side < 4 || classes < 2 || batch < 1)
        return ERR_INVALID;
    AUTO(net_release) struct net *n = calloc(1, sizeof *n);
    if (!n) return ERR_NO_MEMORY;
    n->side = side;
    n->classes = classes;
    n->batch = batch;
    unsigned inputs = NET_COLOURS;
    for (size_t i = 0; i < convolutions; i++) {
        struct net_layer *l = &n->layers[n->layer_count++];
        if (plan[i].outputs < 1 || plan[i].outputs > CLASSIFIER_CHANNELS_MAX || plan[i].stride < 1 ||
            plan[i].stride > 2)
            return ERR_INVALID;
        l->inputs = inputs;
        l->outputs = inputs = (unsigned)plan[i].outputs;
        l->taps = l->inputs * NET_KERNEL * NET_KERNEL;
        l->stride = plan[i].stride;
        l->side_in = side;
        l->side_out = side = (side + l->stride - 1) / l->stride;
        l->places = (size_t)(batch * side * side);
        n->count += layer_numbers(l);
        if (!layer_memory(n, l)) return ERR_NO_MEMORY;
    }
    n->count += (size_t)classes * inputs + (size_t)classes;
    if (!net_memory(n)) return ERR_NO_MEMORY;
    start_values(n, chance);
    *out = n;
    n = NULL;
    return ERR_OK;
}

/* --- Forward --- */

/* Adds up in lanes, so that the compiler may use whole vectors. */
#define LANES 16
static float sum_of(const float *a, const float *b, size_t count) {
    float lanes[LANES] = {0}, sum = 0;
    size_t whole = count / LANES * LANES;
    for (size_t i = 0; i < whole; i += LANES)
        for (size_t k = 0; k < LANES; k++) lanes[k] += b ? a[i + k] * b[i + k] : a[i + k];
    for (size_t i = whole; i < count; i++) sum += b ? a[i] * b[i] : a[i];
    for (size_t k = 0; k < LANES; k++) sum += lanes[k];
    return sum;
}

/* Row of `columns` for one input and tap: what the tap meets at each place. `back` adds the other way. */
static void tap_row(const struct net *n, const struct net_layer *l, unsigned row, float *values,
                    float *column, bool back) {
    int k = (int)(row % (NET_KERNEL * NET_KERNEL)), side = l->side_in, stride = l->stride;
    int down = k / NET_KERNEL - NET_KERNEL / 2, right = k % NET_KERNEL - NET_KERNEL / 2;
    /* From the first place whose tap is inside, to the first whose is not. */
    int first = right < 0 ? 1 : 0, last = (side - right + stride - 1) / stride;
    if (last > l->side_out) last = l->side_out;
    float *plane = values + (size_t)(row / (NET_KERNEL * NET_KERNEL)) * (size_t)(n->batch * side * side);
    for (int b = 0; b < n->batch; b++, plane += side * side) {
        for (int y = 0; y < l->side_out; y++, column += l->side_out) {
            int from = y * stride + down;
            float *line = plane + from * side + right;
            bool inside = from >= 0 && from < side;
            if (!back) memset(column, 0, (size_t)l->side_out * sizeof *column);
            if (!inside) continue;
            if (back && stride == 1)
                for (int x = first; x < last; x++) line[x] += column[x];
            else if (back)
                for (int x = first; x < last; x++) line[x * stride] += column[x];
            else if (stride == 1)
                memcpy(column + first, line + first, (size_t)(last - first) * sizeof *column);
            else
                for (int x = first; x < last; x++) column[x] = line[x * stride];
        }
    }
}

/* Normalises each output over the batch and all places, scales, shifts, and cuts below 0. */
static void normalise(struct net_layer *l, bool learning) {
    for (unsigned o = 0; o < l->outputs; o++) {
        float *made = l->made + (size_t)o * l->places, *given = l->given + (size_t)o * l->places;
        float mean = l->mean[o], variance = l->variance[o];
        if (learning) {
            mean = sum_of(made, NULL, l->places) / (float)l->places;
            for (size_t p = 0; p < l->places; p++) made[p] -= mean;
            variance = sum_of(made, made, l->places) / (float)l->places;
            l->mean[o] += RUNNING * (mean - l->mean[o]);
            l->variance[o] += RUNNING * (variance - l->variance[o]);
        }
        float shrink = l->shrink[o] = 1 / sqrtf(variance + NET_EPSILON), scale = l->scale[o],
              shift = l->shift[o];
        float less = learning ? 0 : mean;
        for (size_t p = 0; p < l->places; p++) {
            made[p] = (made[p] - less) * shrink;
            float v = made[p] * scale + shift;
            given[p] = v > 0 ? v : 0;
        }
    }
}

static void mean_places(struct net *n, bool learning, float drop, struct chance *chance) {
    const struct net_layer *l = &n->layers[n->layer_count - 1];
    size_t places = (size_t)(l->side_out * l->side_out), total = (size_t)l->outputs * (size_t)n->batch;
    for (size_t i = 0; i < total; i++) {
        float sum = 0;
        for (size_t p = 0; p < places; p++) sum += l->given[i * places + p];
        n->kept[i] = 1;
        if (learning && drop > 0) n->kept[i] = chance_is(chance, drop) ? 0 : 1 / (1 - drop);
        n->means[i] = sum / (float)places * n->kept[i];
    }
}

const float *net_forward(struct net *n, bool learning, float drop, struct chance *chance) {
    float *in = n->input;
    for (size_t i = 0; i < n->layer_count; i++) {
        struct net_layer *l = &n->layers[i];
        for (unsigned r = 0; r < l->taps; r++)
            tap_row(n, l, r, in, l->columns + (size_t)r * l->places, false);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)l->outputs, (int)l->places, (int)l->taps,
                    1, l->weights, (int)l->taps, l->columns, (int)l->places, 0, l->made, (int)l->places);
        normalise(l, learning);
        in = l->given;
    }
    mean_places(n, learning, drop, chance);
    int channels = (int)n->layers[n->layer_count - 1].outputs, classes = n->classes;
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasTrans, n->batch, classes, channels, 1, n->means, n->batch,
                n->last_weights, channels, 0, n->scores, classes);
    for (int b = 0; b < n->batch; b++) {
        float *s = n->scores + b * classes, most = -INFINITY, sum = 0;
        for (int c = 0; c < classes; c++) most = fmaxf(most, s[c] += n->last_biases[c]);
        for (int c = 0; c < classes; c++) sum += s[c] = expf(s[c] - most);
        for (int c = 0; c < classes; c++) s[c] /= sum;
    }
    return n->scores;
}

/* --- Backward --- */

static void last_backward(struct net *n) {
    struct net_layer *l = &n->layers[n->layer_count - 1];
    int channels = (int)l->outputs, classes = n->classes;
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasTrans, classes, channels, n->batch, 1, n->scores_gradient,
                classes, n->means, n->batch, 0, n->last_weights_gradient, channels);
    for (int c = 0; c < classes; c++) {
        n->last_biases_gradient[c] = 0;
        for (int b = 0; b < n->batch; b++) n->last_biases_gradient[c] += n->scores_gradient[b * classes + c];
    }
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasTrans, channels, n->batch, classes, 1, n->last_weights,
                channels, n->scores_gradient, classes, 0, n->means_gradient, n->batch);
    size_t places = (size_t)(l->side_out * l->side_out), total = (size_t)l->outputs * (size_t)n->batch;
    for (size_t i = 0; i < total; i++)
        for (size_t p = 0; p < places; p++)
            l->given_gradient[i * places + p] = n->means_gradient[i] * n->kept[i] / (float)places;
}

/* Turns the gradient of what the layer gives into that of what its product made. */
static void normalise_backward(struct net_layer *l) {
    for (unsigned o = 0; o < l->outputs; o++) {
        const float *made = l->made + (size_t)o * l->places, *given = l->given + (size_t)o * l->places;
        float *gradient = l->given_gradient + (size_t)o * l->places;
        for (size_t p = 0; p < l->places; p++) gradient[p] = given[p] > 0 ? gradient[p] : 0;
        float sum = sum_of(gradient, NULL, l->places), along = sum_of(gradient, made, l->places);
        l->shift_gradient[o] = sum;
        l->scale_gradient[o] = along;
        float mean = sum / (float)l->places, slope = along / (float)l->places,
              factor = l->scale[o] * l->shrink[o];
        for (size_t p = 0; p < l->places; p++) gradient[p] = (gradient[p] - mean - made[p] * slope) * factor;
    }
}

float net_backward(struct net *n, const float *targets) {
    double loss = 0;
    size_t total = (size_t)(n->batch * n->classes);
    for (size_t i = 0; i < total; i++) {
        if (targets[i] > 0) loss -= (double)(targets[i] * logf(fmaxf(n->scores[i], 1e-12f)));
        n->scores_gradient[i] = (n->scores[i] - targets[i]) / (float)n->batch;
    }
    last_backward(n);
    for (size_t i = n->layer_count; i-- > 0;) {
        struct net_layer *l = &n->layers[i];
        normalise_backward(l);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)l->outputs, (int)l->taps, (int)l->places, 1,
                    l->given_gradient, (int)l->places, l->columns, (int)l->places, 0, l->weights_gradient,
                    (int)l->taps);
        if (i == 0) break;
        struct net_layer *before = &n->layers[i - 1];
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)l->taps, (int)l->places, (int)l->outputs, 1,
                    l->weights, (int)l->taps, l->given_gradient, (int)l->places, 0, n->scratch,
                    (int)l->places);
        memset(before->given_gradient, 0, (size_t)before->outputs * before->places * sizeof(float));
        for (unsigned r = 0; r < l->taps; r++)
            tap_row(n, l, r, before->given_gradient, n->scratch + (size_t)r * l->places, true);
    }
    return (float)(loss / n->batch);
}

void net_step(struct net *n, float rate, float decay) {
    const float keep_first = 0.9f, keep_second = 0.999f;
    n->steps++;
    float first_part = 1 - powf(keep_first, (float)n->steps),
          second_part = 1 - powf(keep_second, (float)n->steps);
    for (size_t i = 0; i < n->count; i++) {
        float g = n->gradients[i];
        n->first[i] += (1 - keep_first) * (g - n->first[i]);
        n->second[i] += (1 - keep_second) * (g * g - n->second[i]);
        float along = n->first[i] / first_part / (sqrtf(n->second[i] / second_part) + 1e-8f);
        n->values[i] -= rate * (along + decay * n->values[i]);
    }
}
