#include "net/timer.h"

#include "base/assert.h"
#include "net/loop.h"

static void arm(struct loop *loop);

static void on_clock(uv_timer_t *clock)
{
    struct loop *loop = container_of(clock, struct loop, clock);
    uint64_t now = loop_now_ms(loop);
    size_t bound =
        loop->timers.count; /* one that restarts itself at once waits for the next turn */
    struct heap_node *node;

    while (bound-- > 0 && (node = heap_peek(&loop->timers)) != NULL && node->key <= now) {
        struct timer *timer = container_of(node, struct timer, node);

        heap_remove(&loop->timers, node);
        timer->loop = NULL;
        timer->cb(timer);
    }
    arm(loop);
}

/* Set the loop's one clock to the earliest timer. */
static void arm(struct loop *loop)
{
    struct heap_node *first = heap_peek(&loop->timers);
    uint64_t now = loop_now_ms(loop);

    if (first == NULL)
        uv_timer_stop(&loop->clock);
    else
        uv_timer_start(&loop->clock, on_clock, first->key > now ? first->key - now : 0, 0);
}

void timer_start(struct timer *timer, struct loop *loop, uint64_t delay_ms)
{
    struct heap_node *before = heap_peek(&loop->timers);

    ASSERT(timer->cb != NULL && (timer->loop == NULL || timer->loop == loop));
    timer->loop = loop;
    heap_update(&loop->timers, &timer->node, loop_now_ms(loop) + delay_ms);
    if (before == &timer->node || heap_peek(&loop->timers) == &timer->node)
        arm(loop);
}

void timer_stop(struct timer *timer)
{
    struct loop *loop = timer->loop;
    bool first;

    if (loop == NULL)
        return;
    first = heap_peek(&loop->timers) == &timer->node;
    heap_remove(&loop->timers, &timer->node);
    timer->loop = NULL;
    if (first)
        arm(loop);
}

bool timer_running(const struct timer *timer)
{
    return timer->loop != NULL;
}
