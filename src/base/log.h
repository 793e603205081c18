#pragma once

/*
 * Log
 *
 * One line per event, for whoever runs the process. Nothing below server/ logs above debug: it
 * returns a fault, and the owner of the consequence decides what is worth a line. (One exception:
 * store/ names a damaged database, since nobody above knows its file.) The sink is called under a
 * lock, one line at a time. Any thread; a line that is not wanted costs one load.
 */

#include <stdarg.h>
#include <stdbool.h>

enum log_level {
    LOG_ERROR, /* something was lost, or the process cannot go on */
    LOG_WARN,  /* somebody should look at this */
    LOG_INFO,  /* what an operator wants to have seen: started, deployed, stopped */
    LOG_DEBUG, /* what a developer of Dormouse wants to see */
    LOG_TRACE, /* every step */
};

/* `text` has no newline at its end and is valid during the call. */
typedef void log_sink(void *arg, enum log_level level, const char *text);

/* Lines above this level are dropped. LOG_INFO at start. */
void log_set_level(enum log_level level);

/* Where lines go; NULL: stderr, with the level in front. `arg` is borrowed until changed. */
void log_set_sink(log_sink *sink, void *arg);

bool log_wants(enum log_level level);

/* "error", "warn", "info", "debug", "trace". Static, never NULL. */
const char *log_level_name(enum log_level level);

/* False if the name is none of these; `*level` is written on success only. */
bool log_level_parse(const char *name, enum log_level *level);

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_line_va(enum log_level level, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/* The arguments are not evaluated when the line is not wanted. */
#define log_at(level, ...) (log_wants(level) ? log_line((level), __VA_ARGS__) : (void)0)

#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)
#define log_trace(...) log_at(LOG_TRACE, __VA_ARGS__)
