/* seal_bench.c: what sealing costs by itself: the segment writer, against the bare cipher and against a copy,
 * on the same bytes in the same run. Usage: seal_bench [--json] [SECONDS per measurement]
 *
 * The frames are of a camera's sizes: 4 Mbit/s at 25 frames/s with a key frame each second, and larger. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "crypto/hash.h"
#include "crypto/seal.h"
#include "crypto/timekey.h"
#include "format/segment_writer.h"

#define SLOT 1700000000u
#define FRAMES 50 /* two seconds of 25 */
#define ROUNDS 5

struct bench {
    struct timekey_set keys;
    struct sign_key hub;
    struct segment_writer *writer;
    struct aead_sealer *sealer;
    struct hash *hash;
    struct blob frames[FRAMES], out;
    uint64_t plain_bytes; /* of all frames */
    uint32_t slot;
};

static void must(err e) {
    if (!e) return;
    fprintf(stderr, "seal_bench: %s\n", err_text(e));
    exit(1);
}

/* Processor time of this process: what others do on the machine meanwhile does not count. */
static double cpu_s(void) {
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (double)use.ru_utime.tv_sec + (double)use.ru_stime.tv_sec +
           1e-6 * (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
}

static void make_frames(struct bench *b, size_t mean) {
    b->plain_bytes = 0;
    for (unsigned i = 0; i < FRAMES; i++) {
        size_t len = i % 25 == 0 ? mean * 6 : mean * 19 / 24; /* 25 frames of `mean` together */
        blob_clear(&b->frames[i]);
        must(blob_reserve(&b->frames[i], len));
        b->frames[i].len = len;
        random_bytes(b->frames[i].data, len);
        b->plain_bytes += len;
    }
}

static void one_segment(struct bench *b) {
    const struct segment_totals totals = {FRAMES, FRAMES, 2000000};
    uint32_t slot = b->slot;
    b->slot += 2;
    b->out.len = 0;
    must(timekey_forward(&b->keys, slot)); /* as a hub does each second */
    must(segment_writer_begin(b->writer, &b->keys, 1, slot, &b->out));
    must(segment_writer_record(b->writer, &b->keys, RECORD_INIT, slot, bytes_text("init"), &b->out));
    for (unsigned i = 0; i < FRAMES; i++)
        must(segment_writer_record(b->writer, &b->keys, RECORD_FRAGMENT, slot + i / 25,
                                   blob_bytes(&b->frames[i]), &b->out));
    must(segment_writer_end(b->writer, &totals, &b->out));
}

static void one_cipher(struct bench *b) {
    static uint64_t count;
    uint8_t nonce[AEAD_NONCE_BYTES] = {0};
    size_t at = 0;
    for (unsigned i = 0; i < FRAMES; i++) {
        be64_put(nonce, count++);
        must(aead_seal(b->sealer, nonce, (struct bytes){0}, blob_bytes(&b->frames[i]),
                       (struct buffer){b->out.data + at, b->out.cap - at}));
        at += b->frames[i].len + AEAD_TAG_BYTES;
    }
}

static void one_hash(struct bench *b) {
    uint8_t hash[HASH_BYTES];
    for (unsigned i = 0; i < FRAMES; i++) {
        hash_start(b->hash);
        hash_update(b->hash, blob_bytes(&b->frames[i]));
        hash_finish(b->hash, hash);
    }
}

static void one_copy(struct bench *b) {
    size_t at = 0;
    for (unsigned i = 0; i < FRAMES; i++) {
        memcpy(b->out.data + at, b->frames[i].data, b->frames[i].len);
        __asm__ volatile("" ::"r"(b->out.data) : "memory"); /* the copy is not dead */
        at += b->frames[i].len;
    }
}

static double gigabytes_per_s(struct bench *b, void (*one)(struct bench *), double seconds) {
    uint64_t bytes = 0;
    double begin = cpu_s(), now = begin;
    while (now - begin < seconds) {
        one(b);
        bytes += b->plain_bytes;
        now = cpu_s();
    }
    return (double)bytes / (now - begin) / 1e9;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(struct bench *b, size_t mean, double seconds, bool json) {
    void (*const what[])(struct bench *) = {one_segment, one_cipher, one_hash, one_copy};
    double rates[4][ROUNDS];
    make_frames(b, mean);
    one_segment(b);
    double overhead = (double)b->out.len / (double)b->plain_bytes;
    for (unsigned round = 0; round < ROUNDS; round++) /* in turns, so that a slow spell hits all of them */
        for (unsigned i = 0; i < 4; i++) rates[i][round] = gigabytes_per_s(b, what[i], seconds / ROUNDS);
    for (unsigned i = 0; i < 4; i++) qsort(rates[i], ROUNDS, sizeof **rates, compare);
    const double writer = rates[0][ROUNDS / 2], cipher = rates[1][ROUNDS / 2], hash = rates[2][ROUNDS / 2],
                 copy = rates[3][ROUNDS / 2];
    double per_minute = 60 * 500000 / (writer * 1e9);
    if (json)
        printf("{\"bench\":\"seal\",\"frame_bytes\":%zu,\"writer_gb_s\":%.3f,\"aes_gcm_gb_s\":%.3f,"
               "\"sha256_gb_s\":%.3f,\"copy_gb_s\":%.3f,\"sealed_over_plain\":%.4f,"
               "\"cpu_s_per_camera_min_at_4_mbit\":%.5f}\n",
               mean, writer, cipher, hash, copy, overhead, per_minute);
    else
        printf("%10zu %12.2f %12.2f %12.2f %12.2f %12.4f %14.4f\n", mean, writer, cipher, hash, copy,
               overhead, per_minute);
}

int main(int argc, char **argv) {
    bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    double seconds = argc > (json ? 2 : 1) ? atof(argv[json ? 2 : 1]) : 2;
    static const uint8_t camera[CAMERA_ID_BYTES] = {1};
    static const size_t means[] = {2500, 20000, 160000};
    struct bench b = {.slot = SLOT};
    uint8_t key[AEAD_KEY_BYTES];
    random_bytes(key, sizeof key);
    must(timekey_generate(&b.keys));
    sign_key_generate(&b.hub);
    b.writer = segment_writer_new(camera, &b.hub);
    b.sealer = aead_sealer_new();
    b.hash = hash_new();
    if (!b.writer || !b.sealer || !b.hash) must(ERR_NO_MEMORY);
    aead_sealer_key(b.sealer, key);
    must(blob_reserve(&b.out, 16u << 20));
    if (!json)
        printf("%10s %12s %12s %12s %12s %12s %14s\n", "mean frame", "writer GB/s", "AES-GCM", "SHA-256",
               "copy", "sealed/plain", "CPU s/cam min*");
    for (size_t i = 0; i < sizeof means / sizeof *means; i++) measure(&b, means[i], seconds, json);
    if (!json) printf("* of a 4 Mbit/s camera; the writer also hashes every frame for its signed mark\n");
    for (unsigned i = 0; i < FRAMES; i++) blob_clear(&b.frames[i]);
    blob_clear(&b.out);
    segment_writer_free(b.writer);
    aead_sealer_free(b.sealer);
    hash_free(b.hash);
    timekey_set_clear(&b.keys);
    return 0;
}
