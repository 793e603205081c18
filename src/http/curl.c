#include "http/curl.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>

#include "base/err.h"
#include "base/log.h"

struct curl_functions curl_functions;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int loaded = -ENOENT;

/* Whatever it is linked with: all of them have this interface. */
static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4", "libcurl.so"};

static void *open_library(void)
{
    void *library = NULL;

    for (size_t i = 0; library == NULL && i < sizeof names / sizeof *names; i++)
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    return library;
}

static void load(void)
{
    void *library = open_library();
    bool good = library != NULL;

    /* A function's address comes as a pointer to data: POSIX says how to take it. */
#define FIND(name)                                                                                 \
    if (good) {                                                                                    \
        *(void **)&curl_functions.name##_ = dlsym(library, #name);                                 \
        good = curl_functions.name##_ != NULL;                                                     \
    }
    CURL_FUNCTIONS(FIND)
#undef FIND
    if (good && curl_functions.curl_global_init_(CURL_GLOBAL_DEFAULT) == CURLE_OK)
        loaded = 0;
    else
        log_error("libcurl is needed to fetch from other servers: %s", dlerror());
}

int curl_load(void)
{
    pthread_once(&once, load);
    return loaded < 0 ? err_raise(loaded) : 0;
}
