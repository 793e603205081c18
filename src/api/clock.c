/*
 * Natives of performance: milliseconds since this thread first made a realm.
 */

#include <time.h>

#include "api/pure.h"
#include "js/bind.h"

static _Thread_local double origin_ms; /* monotonic; 0 before there was a realm */

static double read_ms(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* now_ms() -> number */
static JSValueRef now_ms(struct js_call *call)
{
    return js_number(call->realm, read_ms(CLOCK_MONOTONIC) - origin_ms);
}

/* clang-format off */
#define CLOCK_NATIVES(X)      \
    X("now_ms", now_ms, 0)
/* clang-format on */

JS_NATIVES(clock_natives, CLOCK_NATIVES)

void api_clock_install(struct js_realm *realm, JSObjectRef natives)
{
    double now = read_ms(CLOCK_MONOTONIC);

    if (origin_ms == 0)
        origin_ms = now;
    js_natives_install(realm, natives, clock_natives, JS_COUNT(clock_natives));
    js_set(realm, natives, "time_origin",
           js_number(realm, read_ms(CLOCK_REALTIME) - (now - origin_ms)));
}
