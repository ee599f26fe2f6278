/* log.h: one line for each thing that programs report. Modules return errors; programs log, once.
 *
 * Lines go to standard error as "LEVEL program: text". Under systemd (JOURNAL_STREAM is set) the
 * level becomes a "<3>" prefix. No line ever holds a secret. Threads: safe. */
#ifndef CARDEA_BASE_LOG_H
#define CARDEA_BASE_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* `program` is kept by reference. CARDEA_LOG=error|warning|info|debug overrides `least`. */
void log_open(const char *program, enum log_level least);
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
