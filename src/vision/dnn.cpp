/* The only C++ here: OpenCV 4's dnn has no other interface. */
#include <cstring>
#include <opencv2/core.hpp>
#include <opencv2/core/ocl.hpp>
#include <opencv2/dnn.hpp>
#include <string>
#include <vector>

extern "C" {
#include "vision/dnn.h"
}

struct dnn {
    cv::dnn::Net net;
    std::vector<std::string> names;
    std::vector<cv::Mat> results;
};

namespace {

/* OpenCV says where in its sources it failed, over several lines: a person gets the reason, in plain ASCII. */
err refuse(struct diag *d, const char *what, const char *why) {
    std::string text;
    for (const char *p = why; *p && text.size() < 160; p++)
        text += *p >= ' ' && *p <= '~' && *p != '"' ? *p : ' ';
    return diag_fail(d, ERR_INVALID, "%s: %s", what, text.c_str());
}

/* Runs `work` and turns whatever it throws into an error. */
template <typename Work> err guarded(struct diag *d, const char *what, Work work) noexcept {
    try {
        return work();
    } catch (const std::bad_alloc &) {
        return diag_fail(d, ERR_NO_MEMORY, "%s: out of memory", what);
    } catch (const cv::Exception &e) {
        return e.code == cv::Error::StsNoMem ? diag_fail(d, ERR_NO_MEMORY, "%s: out of memory", what)
                                             : refuse(d, what, e.err.c_str());
    } catch (const std::exception &e) {
        return refuse(d, what, e.what());
    } catch (...) {
        return diag_fail(d, ERR_INVALID, "%s: an unknown failure", what);
    }
}

int quiet(int, const char *, const char *, const char *, int, void *) {
    return 0;
}

err adopt(cv::dnn::Net net, struct dnn **out, struct diag *d) {
    if (net.empty()) return diag_fail(d, ERR_INVALID, "the model holds no layers");
    net.setPreferableBackend(cv::dnn::DNN_BACKEND_OPENCV);
    net.setPreferableTarget(cv::dnn::DNN_TARGET_CPU);
    struct dnn *n = new struct dnn;
    n->net = net;
    n->names = net.getUnconnectedOutLayersNames();
    *out = n;
    return ERR_OK;
}

err take_output(const cv::Mat &m, struct dnn_output *out, struct diag *d) {
    if (m.type() != CV_32F || !m.isContinuous() || m.dims > DNN_RANK_MAX)
        return diag_fail(d, ERR_INVALID, "the model's output is not of plain floats");
    out->data = m.ptr<float>();
    out->count = m.total();
    out->rank = m.dims;
    for (int i = 0; i < m.dims; i++) out->dims[i] = m.size[i];
    return ERR_OK;
}

} // namespace

void dnn_threads(int threads) {
    (void)guarded(nullptr, "threads", [&] {
        cv::redirectError(quiet); /* it is thrown, too, and said once by who catches it */
        cv::ocl::setUseOpenCL(false);
        cv::setNumThreads(threads);
        return ERR_OK;
    });
}

err dnn_load_onnx(struct bytes model, struct dnn **out, struct diag *d) {
    return guarded(d, "the model could not be read", [&] {
        return adopt(cv::dnn::readNetFromONNX(reinterpret_cast<const char *>(model.data), model.len), out, d);
    });
}

err dnn_load_darknet(struct bytes config, struct bytes weights, struct dnn **out, struct diag *d) {
    return guarded(d, "the model could not be read", [&] {
        return adopt(cv::dnn::readNetFromDarknet(reinterpret_cast<const char *>(config.data), config.len,
                                                 reinterpret_cast<const char *>(weights.data), weights.len),
                     out, d);
    });
}

void dnn_free(struct dnn *n) {
    delete n;
}

const char *dnn_output_name(const struct dnn *n, size_t i) {
    return i < n->names.size() ? n->names[i].c_str() : nullptr;
}

err dnn_run(struct dnn *n, const float *input, int channels, int height, int width, const char *const *names,
            size_t count, struct dnn_output *outputs, struct diag *d) {
    return guarded(d, "the model did not run", [&] {
        const int sizes[] = {1, channels, height, width};
        const cv::Mat blob(4, sizes, CV_32F, const_cast<float *>(input));
        n->net.setInput(blob);
        n->net.forward(n->results, std::vector<cv::String>(names, names + count));
        if (n->results.size() != count) return diag_fail(d, ERR_INVALID, "the model lacks an output");
        for (size_t i = 0; i < count; i++) {
            err e = take_output(n->results[i], &outputs[i], d);
            if (e) return e;
        }
        return ERR_OK;
    });
}
