#pragma once

/*
 * Search
 *
 * Looking for primes may take minutes, and OpenSSL does not hear of a script's time limit. So it is
 * asked between two candidates, and gives up after what a turn of a script may take.
 */

#include <stdbool.h>

struct search {
    double end_seconds; /* of the thread's processor time */
};

void search_begin(struct search *search);
bool search_goes_on(const struct search *search);
