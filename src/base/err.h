#pragma once

/*
 * Errors
 *
 * Every function that can fail returns int:
 *
 *     0    it worked
 *    < 0   fault: -errno. Nobody in between knows what to do about it; pass it up unchanged,
 *          wrapped in err_pass(), until something owns the consequence (a request, an object,
 *          the process).
 *    > 0   outcome: a value from the enum declared right above the function. The caller must
 *          deal with it and must not return it to its own caller.
 *
 * A fault leaves a trail on the way up, one per thread, so the log shows where it started and
 * who passed it on. Whoever owns the consequence logs err_trail().
 */

#include <stddef.h>

int err_raise_at(int fault, const char *func, const char *file, int line);
int err_pass_at(int fault, const char *func, const char *file, int line);

/* Start a fault here. `fault` is negative. */
#define err_raise(fault) err_raise_at((fault), __func__, __FILE__, __LINE__)

/* Forward a fault that a callee returned. */
#define err_pass(fault) err_pass_at((fault), __func__, __FILE__, __LINE__)

/* Symbol of a fault or errno of either sign: "EIO". Static, never NULL. */
const char *err_name(int fault);

/* The same in words: "Input/output error". Static, never NULL. */
const char *err_describe(int fault);

/* The way the last fault of this thread has come, in one line:
 * "Input/output error (EIO) at journal_sync journal.c:88 via journal_commit journal.c:120".
 * Valid until this thread raises or passes a fault again. Never NULL, "" before the first. */
const char *err_trail(void);

/* A message for people (configuration, admin, exceptions), as the last argument of a function.
 * The caller owns it; a callee that fails sets it. */
struct err_text {
    char text[512];
};

/* Format the message, cut off where it is too long. A NULL `err` is allowed: nobody listens. */
void err_text_set(struct err_text *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
