/* mog2_hog: what OpenCV gives for the asking, as a peer of cardea-vision: the background model MOG2 finds
 * what moves, and where enough does, the HOG people detector looks. An alert begins with people in two looks
 * in a row and ends after five seconds without. Prints one line for each alert, "alert SECONDS", then "cpu
 * SECONDS of SECONDS". Usage: mog2_hog CLIP LOOKS_A_SECOND */
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <opencv2/imgproc.hpp>
#include <opencv2/objdetect.hpp>
#include <opencv2/video/background_segm.hpp>
#include <opencv2/videoio.hpp>

static const double moving_part = 0.002; /* of the picture, for a look at all */
static const double quiet_s = 5;

static bool sees_people(cv::HOGDescriptor &hog, const cv::Mat &frame, const cv::Mat &moving) {
    std::vector<cv::Rect> found;
    hog.detectMultiScale(frame, found, 0.3, cv::Size(8, 8), cv::Size(), 1.05, 2);
    for (cv::Rect r : found) {
        r &= cv::Rect(0, 0, frame.cols, frame.rows);
        if (r.area() && cv::countNonZero(moving(r)) > r.area() / 10) return true;
    }
    return false;
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    cv::setNumThreads(1);
    cv::VideoCapture clip(argv[1]);
    if (!clip.isOpened()) return 1;
    double fps = clip.get(cv::CAP_PROP_FPS), looks = strtod(argv[2], nullptr), at = 0, last = -1e9, next = 0;
    auto model = cv::createBackgroundSubtractorMOG2(500, 16, true);
    cv::HOGDescriptor hog;
    hog.setSVMDetector(cv::HOGDescriptor::getDefaultPeopleDetector());
    cv::Mat frame, moving;
    bool seen = false;
    for (long n = 0; clip.read(frame); n++, at = (double)n / fps) {
        if (at < next) continue;
        next += 1 / looks;
        model->apply(frame, moving);
        cv::threshold(moving, moving, 200, 255, cv::THRESH_BINARY); /* not its shadows */
        cv::erode(moving, moving, cv::Mat());
        bool people = at > 2 && cv::countNonZero(moving) > moving_part * (double)frame.total() &&
                      sees_people(hog, frame, moving);
        if (people && seen) {
            if (at - last > quiet_s) printf("alert %.1f\n", at);
            last = at;
        }
        seen = people;
    }
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    printf("cpu %.2f of %.1f\n",
           (double)used.ru_utime.tv_sec + (double)used.ru_stime.tv_sec +
               1e-6 * (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec),
           at);
    return 0;
}
