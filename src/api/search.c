#include "api/search.h"

#include <time.h>

enum {
    SECONDS_MAX = 30,
};

static double seconds_used(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void search_begin(struct search *search)
{
    search->end_seconds = seconds_used() + SECONDS_MAX;
}

bool search_goes_on(const struct search *search)
{
    return seconds_used() < search->end_seconds;
}
