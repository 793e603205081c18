#include "base/thread_end.h"

#include <pthread.h>

#include "base/assert.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key; /* its value is what was registered last */

/* A release may use what another has released already; that is then made, and registered, anew. */
static void run(void *last)
{
    struct thread_end *end = last;

    while (end != NULL) {
        void (*release)(void) = end->release;

        last = end->next;
        end->release = NULL;
        release();
        end = last;
    }
}

static void make_key(void)
{
    int r = pthread_key_create(&key, run);

    ASSERT(r == 0);
}

void thread_end_register(struct thread_end *end, void (*release)(void))
{
    int r;

    pthread_once(&once, make_key);
    end->release = release;
    end->next = pthread_getspecific(key);
    r = pthread_setspecific(key, end);
    ASSERT(r == 0);
}
