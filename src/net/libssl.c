#include "net/libssl.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/log.h"

struct libssl_functions libssl_functions;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int loaded = -ENOENT;

static void load(void)
{
    void *library = dlopen("libssl.so.3", RTLD_NOW | RTLD_LOCAL);
    bool good = library != NULL;

    /* A function's address comes as a pointer to data: POSIX says how to take it. */
#define FIND(name)                                                                                 \
    if (good) {                                                                                    \
        *(void **)&libssl_functions.name##_ = dlsym(library, #name);                               \
        good = libssl_functions.name##_ != NULL;                                                   \
    }
    LIBSSL_FUNCTIONS(FIND)
#undef FIND
    if (good)
        loaded = 0;
    else
        log_error("libssl is needed for TLS connections to others: %s", dlerror());
}

int libssl_load(void)
{
    pthread_once(&once, load);
    return loaded < 0 ? err_raise(loaded) : 0;
}
