/* meter.h: starts processes and measures what whole process trees use, from /proc (Linux). One thread. */
#ifndef CARDEA_BENCH_METER_H
#define CARDEA_BENCH_METER_H

#include <sys/types.h>

#include "base/bytes.h"

/* Starts argv with standard input from /dev/null and standard error into `log` (appended; NULL: discarded).
 * With `ready`, waits for a line of standard output that contains it, and copies the line; else output is
 * discarded. 0: it did not start, or ended before it was ready. */
pid_t meter_start(char *const argv[], const char *log, const char *ready, char *line, size_t line_bytes);

/* Runs to the end; standard output goes to *output (may be NULL), at most 1 MiB. Returns the exit status, or
 * -1. */
int meter_run(char *const argv[], const char *log, struct blob *output);

/* SIGTERM, then SIGKILL after 20 s; reaps. */
void meter_stop(pid_t pid);

struct meter_use {
    double cpu_s;  /* of all threads of all processes in the tree, so far */
    double pss_mb; /* proportional set size, sum */
    unsigned processes;
};
/* `pid` and all its descendants. */
struct meter_use meter_tree(pid_t pid);

/* The first descendant whose name (comm) begins so; 0: none. */
pid_t meter_find(pid_t pid, const char *name);

#endif
