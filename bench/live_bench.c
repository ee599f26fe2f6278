/* live_bench.c: how old a picture is when a viewer has opened it, and how many sealed bytes carry it.
 *
 * The simulator stamps each frame with the steady time at which its last packet leaves; this viewer opens the
 * live view over HTTP as the owner does (sign in, unlock, /v1/live, decrypt), finds the stamp in the opened
 * fragment, and takes the difference. Usage: live_bench [--cameras 1] [--seconds 30] [--clip FILE.h264]
 * [--json] */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "bench/bench_home.h"
#include "bench/stamp.h"
#include "client/live.h"
#include "format/padme.h"

#define SAMPLES_MAX 2000000

struct viewer {
    int64_t *ages_us;
    size_t count;
    int64_t until_us, begin_us;
    uint64_t sealed_bytes, plain_bytes;
};

static err take(void *context, const struct live_item *item, struct diag *d) {
    struct viewer *v = context;
    int64_t now = steady_now().us, sent;
    (void)d;
    if (now > v->until_us) return ERR_CANCELLED;
    if (now < v->begin_us) return ERR_OK; /* the segment in progress comes at once, and is old */
    v->plain_bytes += item->kind == RECORD_FRAGMENT ? item->data.len : 0;
    v->sealed_bytes += padded_size(item->data.len) + 4 + 2 + 16;
    if (item->kind != RECORD_FRAGMENT || !stamp_find(item->data, &sent) || v->count == SAMPLES_MAX)
        return ERR_OK;
    v->ages_us[v->count++] = now - sent;
    return ERR_OK;
}

static int by_value(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double percentile_ms(const struct viewer *v, double p) {
    return (double)v->ages_us[(size_t)(p * (double)(v->count - 1))] / 1000;
}

static void view(struct bench_home *b, int seconds, struct viewer *v) {
    AUTO(client_clear) struct client c = {0};
    AUTO(camera_list_clear) struct camera_list list = {0};
    struct diag d = {0};
    struct camera *cameras[BENCH_CAMERAS_MAX];
    size_t damaged, count = 0;
    if (client_open(&c, b->url, NULL, &d) ||
        client_sign_in(&c, BENCH_LOGIN, bytes_text(BENCH_PASSPHRASE), &d) || client_unlock(&c, &d) ||
        camera_list_read(&c, &list, &damaged, &d))
        bench_quit(d.text);
    for (size_t i = 0; i < list.count && count < BENCH_CAMERAS_MAX; i++) {
        if (camera_load_keys(&c, &list.cameras[i], &d)) bench_quit(d.text);
        cameras[count++] = &list.cameras[i];
    }
    v->begin_us = steady_now().us + 5000000;
    v->until_us = v->begin_us + seconds * 1000000LL;
    const struct live_handler handler = {.context = v, .item = take};
    err e = live_run(&c, cameras, count, &handler, &d);
    if (e != ERR_CANCELLED) bench_quit(d.text);
    if (!v->count) bench_quit("no stamped frame arrived");
    qsort(v->ages_us, v->count, sizeof *v->ages_us, by_value);
}

int main(int argc, char **argv) {
    static const struct option names[] = {
        {"cameras", 1, 0, 'c'}, {"seconds", 1, 0, 's'}, {"clip", 1, 0, 'f'}, {"json", 0, 0, 'j'}, {0}};
    struct bench_home b = {0};
    struct viewer v = {.ages_us = calloc(SAMPLES_MAX, sizeof *v.ages_us)};
    int cameras = 1, seconds = 30;
    bool json = false;
    signal(SIGPIPE, SIG_IGN);
    for (int o; (o = getopt_long(argc, argv, "", names, NULL)) > 0;) {
        if (o == 'c')
            cameras = (int)strtol(optarg, NULL, 10);
        else if (o == 's')
            seconds = (int)strtol(optarg, NULL, 10);
        else if (o == 'f')
            b.clip = optarg;
        else if (o == 'j')
            json = true;
        else
            return 2;
    }
    if (!v.ages_us || cameras < 1 || cameras > BENCH_CAMERAS_MAX || seconds < 1) return 2;
    bench_open(&b);
    bench_start(&b, cameras);
    view(&b, seconds, &v);
    double ratio = (double)v.sealed_bytes / (double)v.plain_bytes;
    if (json)
        printf("{\"bench\":\"live\",\"cameras\":%d,\"frames\":%zu,\"median_ms\":%.1f,\"p99_ms\":%.1f,\"max_"
               "ms\":%.1f,"
               "\"sealed_over_plain\":%.4f}\n",
               cameras, v.count, percentile_ms(&v, 0.5), percentile_ms(&v, 0.99), percentile_ms(&v, 1),
               ratio);
    else
        printf("%d camera%s, %zu frames: camera's last packet to opened record: median %.1f ms, 99 %% %.1f "
               "ms, worst %.1f ms\n"
               "sealed bytes over the fragments' bytes: %.4f\n",
               cameras, cameras > 1 ? "s" : "", v.count, percentile_ms(&v, 0.5), percentile_ms(&v, 0.99),
               percentile_ms(&v, 1), ratio);
    bench_close(&b);
    free(v.ages_us);
    return 0;
}
