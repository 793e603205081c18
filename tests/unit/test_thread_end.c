#include <pthread.h>

#include "base/thread_end.h"
#include "test.h"

static _Thread_local struct thread_end first;
static _Thread_local struct thread_end second;
static _Thread_local int used;
static int first_released; /* written by a thread that has been joined */
static int second_released;
static int used_at_the_end;

static void release_first(void)
{
    first_released++;
    used_at_the_end = used;
}

static void release_second(void)
{
    second_released++;
    if (second_released == 1)
        thread_end_call(&first, release_first);
}

static void *use(void *unused)
{
    (void)unused;
    for (used = 0; used < 3; used++)
        thread_end_call(&first, release_first);
    return NULL;
}

static void *use_both(void *unused)
{
    thread_end_call(&second, release_second);
    return use(unused);
}

static void run(void *(*body)(void *))
{
    pthread_t thread;

    first_released = second_released = used_at_the_end = 0;
    CHECK_EQ(pthread_create(&thread, NULL, body, NULL), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

TEST(what_a_thread_keeps_is_released_once_when_it_ends)
{
    run(use);
    CHECK_EQ(first_released, 1);
    CHECK_EQ(used_at_the_end, 3);
}

TEST(another_thread_has_its_own)
{
    run(use);
    run(use);
    CHECK_EQ(first_released, 1);
}

TEST(a_release_may_use_what_was_released_before_it)
{
    run(use_both);
    CHECK_EQ(second_released, 1);
    CHECK_EQ(first_released, 2);
}
