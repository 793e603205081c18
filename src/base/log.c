#include "base/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum {
    LINE_MAX_BYTES = 4096, /* longer lines are cut and end in "..." */
};

static const char *const names[] = {"error", "warn", "info", "debug", "trace"};

static atomic_int wanted = LOG_INFO;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static log_sink *sink_now;
static void *sink_arg;

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&wanted, (int)level, memory_order_relaxed);
}

void log_set_sink(log_sink *sink, void *arg)
{
    pthread_mutex_lock(&lock);
    sink_now = sink;
    sink_arg = arg;
    pthread_mutex_unlock(&lock);
}

bool log_wants(enum log_level level)
{
    return (int)level <= atomic_load_explicit(&wanted, memory_order_relaxed);
}

const char *log_level_name(enum log_level level)
{
    return names[level];
}

bool log_level_parse(const char *name, enum log_level *level)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

void log_line(enum log_level level, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_line_va(level, format, args);
    va_end(args);
}

void log_line_va(enum log_level level, const char *format, va_list args)
{
    char text[LINE_MAX_BYTES];
    int len;

    if (!log_wants(level))
        return;
    len = vsnprintf(text, sizeof text, format, args);
    if (len < 0)
        return;
    if ((size_t)len >= sizeof text)
        memcpy(text + sizeof text - 4, "...", 4);

    pthread_mutex_lock(&lock);
    if (sink_now != NULL)
        sink_now(sink_arg, level, text);
    else
        fprintf(stderr, "%s: %s\n", names[level], text);
    pthread_mutex_unlock(&lock);
}
