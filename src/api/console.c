/* console_write(level, text), and files beside the bundle. */

#include <string.h>
#include <unistd.h>

#include "api/worker_parts.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "js/view.h"
#include "os/os.h"

/* A line of the program's own output: log, info and debug go to stdout as the platform's tools
 * print them, the rest to stderr. One write, so that lines of shards do not mix. */
static void write_line(int fd, struct bytes text)
{
    struct buf line = {0};
    struct bytes rest;

    buf_append_bytes(&line, text);
    buf_append_byte(&line, '\n');
    rest = buf_bytes(&line);
    while (rest.len > 0) {
        ssize_t written = write(fd, rest.data, rest.len);

        if (written <= 0)
            break; /* nobody reads: the program's output is not worth more */
        rest = bytes_of(rest.data + written, rest.len - (size_t)written);
    }
    buf_fini(&line);
}

static JSValueRef console_write(struct js_call *call)
{
    struct js_text level;
    struct js_text text;
    bool loud;

    if (!js_arg_text(call, 0, &level))
        return NULL;
    loud = strcmp(level.data, "error") == 0 || strcmp(level.data, "warn") == 0;
    js_text_fini(&level);
    if (!js_arg_text(call, 1, &text))
        return NULL;
    write_line(loud ? STDERR_FILENO : STDOUT_FILENO, js_text_bytes(&text));
    js_text_fini(&text);
    return call->realm->undefined;
}

/* clang-format off */
#define CONSOLE_NATIVES(X) \
    X("console_write", console_write, 2)
/* clang-format on */
JS_NATIVES(console_natives, CONSOLE_NATIVES)

void api_console_install(struct js_realm *realm, JSObjectRef natives)
{
    js_natives_install(realm, natives, console_natives, JS_COUNT(console_natives));
}
