#include "net/wake.h"

#include <uv.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/list.h"
#include "base/mem.h"
#include "net/loop.h"

struct wake {
    uv_async_t async;
    void (*cb)(void *ctx);
    void *ctx; /* borrowed */
};

static void on_async(uv_async_t *async)
{
    struct wake *wake = container_of(async, struct wake, async);

    wake->cb(wake->ctx);
}

static void on_closed(uv_handle_t *handle)
{
    mem_free(container_of(handle, struct wake, async));
}

int wake_open(struct wake **out, struct loop *loop, void (*cb)(void *ctx), void *ctx)
{
    struct wake *wake = mem_new(struct wake);
    int r = uv_async_init(&loop->uv, &wake->async, on_async);

    if (r < 0) {
        mem_free(wake);
        return err_raise(r);
    }
    wake->cb = cb;
    wake->ctx = ctx;
    *out = wake;
    return 0;
}

void wake_signal(struct wake *wake)
{
    int r = uv_async_send(&wake->async);

    ASSERT(r == 0);
}

void wake_close(struct wake *wake)
{
    if (wake != NULL)
        uv_close((uv_handle_t *)&wake->async, on_closed);
}
