#pragma once

/*
 * Failure
 *
 * An error on its way to whoever asked: what JavaScript throws, what a C class returns, what the
 * platform says itself, with the properties callers look at (platform.md §2.5). Immutable and
 * reference-counted: any thread.
 */

#include <stdbool.h>

struct blob;

enum failure_flag {
    FAILURE_REMOTE = 1 << 0,         /* .remote: came through a stub */
    FAILURE_RETRYABLE = 1 << 1,      /* .retryable: lost connection, safe to retry if idempotent */
    FAILURE_OVERLOADED = 1 << 2,     /* .overloaded: do not retry at once */
    FAILURE_RESET = 1 << 3,          /* .durableObjectReset: the object was reset */
    FAILURE_NO_ALARM_RETRY = 1 << 4, /* abort(…, {retryAlarm: false}) */
    FAILURE_INTERNAL = 1 << 5,       /* ours, not the author's: alarm retries do not count it */
    FAILURE_METHOD = 1 << 6,         /* .durableObjectId: a remote method threw it */
};

struct failure {
    unsigned refs;       /* private, atomic */
    unsigned flags;      /* enum failure_flag */
    const char *name;    /* "Error", "TypeError", … or a DOMException name */
    const char *message; /* UTF-8 */
    const char *stack;   /* for the log of the side where it arose; may be NULL */
    struct blob *value;  /* the serialised error with its own properties; may be NULL */
};

/* All strings are copied. `stack` may be NULL. Free with failure_unref(). */
struct failure *failure_create(const char *name, const char *message, const char *stack,
                               unsigned flags);

/* printf-like, name "Error". */
struct failure *failure_format(unsigned flags, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A copy with `flags` added; takes no ownership of the old one. */
struct failure *failure_with_flags(const struct failure *failure, unsigned flags);

struct failure *failure_ref(struct failure *failure);
void failure_unref(struct failure *failure); /* NULL is allowed */
