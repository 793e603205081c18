#pragma once

/*
 * Thread end
 *
 * What a thread keeps from call to call is released when the thread ends:
 *
 *     static _Thread_local struct {
 *         struct thread_end end;
 *         struct buf text;
 *     } kept;
 *
 *     static void release(void)
 *     {
 *         buf_fini(&kept.text);
 *     }
 *
 *     thread_end_call(&kept.end, release); // before each use: it costs next to nothing
 *
 * The main thread's are released by the end of the process.
 */

#include <stddef.h>

/* All zero before its first use; in memory of the thread's own. */
struct thread_end {
    void (*release)(void);
    struct thread_end *next; /* private */
};

void thread_end_register(struct thread_end *end, void (*release)(void));

/* Have `release` called at the end of this thread, once however often this is said. */
static inline void thread_end_call(struct thread_end *end, void (*release)(void))
{
    if (end->release == NULL)
        thread_end_register(end, release);
}
