/* bench_home.h: a folder under /tmp with a clip, simulated cameras, and a home that records them; for
 * benchmarks. What goes wrong ends the program with a message. */
#ifndef CARDEA_BENCH_BENCH_HOME_H
#define CARDEA_BENCH_BENCH_HOME_H

#include "base/file.h"
#include "bench/meter.h"

#define BENCH_CAMERAS_MAX 64
#define BENCH_LOGIN "bench@example.org"
#define BENCH_PASSPHRASE "a long passphrase for a benchmark"

struct bench_home {
    const char *clip; /* an H.264 file, or NULL: one is made */
    char folder[64], data[PATH_TEXT_BYTES], cardea[PATH_TEXT_BYTES], log[PATH_TEXT_BYTES],
        made_clip[PATH_TEXT_BYTES];
    pid_t simulator, home;
    long port;     /* the simulator's */
    char url[128]; /* the home's */
};

void bench_quit(const char *what) __attribute__((noreturn));
void bench_pause_ms(int ms);

/* Makes the folder and the clip, and starts the simulator. */
void bench_open(struct bench_home *b);
/* Stops what runs and removes the folder. */
void bench_close(struct bench_home *b);

/* Starts a home with N cameras and waits until all stream. */
void bench_start(struct bench_home *b, int cameras);
void bench_stop(struct bench_home *b); /* and removes its data */

/* Runs `cardea ARGS… --data …`; returns its exit status. */
int bench_cardea(struct bench_home *b, struct blob *output, char *const args[]);

/* The cameras that stream, and the packets lost so far, as `cardea status --json` tells. */
int bench_streaming(struct bench_home *b, long *lost);

#endif
