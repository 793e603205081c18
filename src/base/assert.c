#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void assert_failed(const char *text, const char *func, const char *file, int line)
{
    fprintf(stderr, "%s:%d: %s: assertion failed: %s\n", file, line, func, text);
    fflush(stderr);
    abort();
}
