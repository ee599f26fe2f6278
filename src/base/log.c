#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *program_name = "cardea";
static enum log_level least_level = LOG_LEVEL_INFO;
static bool journal;

static const char *const names[] = {"error", "warning", "info", "debug"};

void log_open(const char *program, enum log_level least) {
    program_name = program;
    least_level = least;
    journal = getenv("JOURNAL_STREAM") != NULL;
    const char *wanted = getenv("CARDEA_LOG");
    for (unsigned i = 0; wanted && i < sizeof names / sizeof *names; i++)
        if (strcmp(wanted, names[i]) == 0) least_level = (enum log_level)i;
}

/* One write for each line, so that lines of several processes do not mix. */
void log_write(enum log_level level, const char *format, ...) {
    if (level > least_level) return;
    static const int priorities[] = {3, 4, 6, 7};
    char line[1024];
    int n = journal ? snprintf(line, sizeof line, "<%d>", priorities[level])
                    : snprintf(line, sizeof line, "%-7s %s: ", names[level], program_name);
    va_list args;
    va_start(args, format);
    int m = vsnprintf(line + n, sizeof line - (size_t)n - 1, format, args);
    va_end(args);
    if (m < 0) return;
    size_t len = strnlen(line, sizeof line - 2);
    for (size_t i = 0; i < len; i++) /* what a peer sent must not forge lines or drive the terminal */
        if ((unsigned char)line[i] < 32 || line[i] == 127) line[i] = ' ';
    line[len++] = '\n';
    if (write(STDERR_FILENO, line, len) < 0) return; /* nowhere left to report it */
}
