/* programs.h: where this installation's other programs and files are, and how they are started and stopped.
 *
 * Children get their own process group, so that Ctrl-C reaches the supervisor alone, which then stops them in
 * order and by pid; they are told to stop should the supervisor die. Threads: one. */
#ifndef CARDEA_CLI_PROGRAMS_H
#define CARDEA_CLI_PROGRAMS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/file.h"

/* CARDEA_LIBEXEC, the build tree, beside this program, or where `make install` puts it.
 * ERR_NOT_FOUND names the places that were tried. `name` is "cardea-vault", … */
err program_find(const char *name, char out[PATH_TEXT_BYTES], struct diag *d) CHECKED;
/* A benchmark: in the build tree, or CARDEA_LIBEXEC. ERR_NOT_FOUND. */
err program_find_bench(const char *name, char out[PATH_TEXT_BYTES], struct diag *d) CHECKED;
/* The folder of the owner's app (CARDEA_WEB, the source tree, the installation). ERR_NOT_FOUND: run `make
 * build`. */
err program_web_folder(char out[PATH_TEXT_BYTES], struct diag *d) CHECKED;
/* A file that comes with the program: "demo/rtsp_cameras.py". */
err program_shared_file(const char *name, char out[PATH_TEXT_BYTES], struct diag *d) CHECKED;

#define CHILD_ARGS_MAX 96
#define CHILD_TEXT_MAX 16384
#define CHILD_READY_FD 3

struct child {
    const char *label;                /* for messages: "vault" */
    char program[PATH_TEXT_BYTES];    /* absolute, or found in PATH when it has no slash */
    const char *args[CHILD_ARGS_MAX]; /* after the program's name; point into text */
    size_t count;
    char text[CHILD_TEXT_MAX];
    size_t text_used;
    bool overflow;
    int log_fd;    /* standard output and error go here; -1: inherited */
    int stdout_fd; /* alone for standard output; -1: as log_fd */
    int ready_fd;  /* becomes CHILD_READY_FD in the child; -1: none */
    pid_t pid;     /* 0: not running */
    int status;    /* as waitpid says, once it has ended */
    struct steady_us started;
};

void child_init(struct child *c, const char *label);
void child_arg(struct child *c, const char *text); /* copies */
err child_start(struct child *c, struct diag *d) CHECKED;
/* True while it runs; reaps it when it has ended. */
bool child_alive(struct child *c);
/* Waits up to timeout_ms for its end; true when it has ended. */
bool child_wait(struct child *c, int timeout_ms);
/* Asks (SIGTERM), waits up to timeout_ms, then insists. By pid, and only while it is ours. */
void child_stop(struct child *c, int timeout_ms);
/* Its exit status once it has ended; -1 when a signal ended it. */
int child_status(const struct child *c);
/* "ended with status 3", "was killed by signal 9". */
void child_end_text(const struct child *c, char out[64]);

#endif
