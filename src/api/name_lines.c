#include "api/name_lines.h"

#include "base/buf.h"

static void add_name(const char *name, void *data)
{
    struct buf *names = data;

    if (names->len > 0)
        buf_append_byte(names, '\n');
    buf_append_string(names, name);
}

JSValueRef name_lines_make(struct js_call *call,
                           void (*list)(void (*found)(const char *name, void *data), void *data))
{
    struct buf names = {0};
    JSValueRef value;

    list(add_name, &names);
    value = js_string_from_utf8(call->realm, buf_bytes(&names));
    buf_fini(&names);
    return value;
}
