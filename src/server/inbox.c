#include "server/inbox.h"

#include <pthread.h>

#include "base/assert.h"
#include "base/mem.h"
#include "net/loop.h"
#include "net/wake.h"
#include "server/shard_thread.h"

struct inbox {
    pthread_mutex_t mutex;
    struct list answers; /* order.link, oldest first; under the mutex */
    struct wake *wake;
};

static void on_wake(void *ctx)
{
    (void)ctx; /* the control thread looks whenever its loop turned */
}

struct inbox *inbox_create(struct loop *loop)
{
    struct inbox *inbox = mem_new(struct inbox);
    int r;

    pthread_mutex_init(&inbox->mutex, NULL);
    list_init(&inbox->answers);
    r = wake_open(&inbox->wake, loop, on_wake, inbox);
    ASSERT(r == 0);
    return inbox;
}

void inbox_destroy(struct inbox *inbox)
{
    ASSERT(list_empty(&inbox->answers));
    wake_close(inbox->wake);
    pthread_mutex_destroy(&inbox->mutex);
    mem_free(inbox);
}

void inbox_put(struct inbox *inbox, struct order *order)
{
    pthread_mutex_lock(&inbox->mutex);
    list_push_back(&inbox->answers, &order->link);
    pthread_mutex_unlock(&inbox->mutex);
    wake_signal(inbox->wake);
}

struct order *inbox_take(struct inbox *inbox)
{
    struct list *first;

    pthread_mutex_lock(&inbox->mutex);
    first = list_pop_front(&inbox->answers);
    pthread_mutex_unlock(&inbox->mutex);
    return first != NULL ? container_of(first, struct order, link) : NULL;
}
