/*
 * Natives of URL, URLPattern and node:url. A URL is its text to JavaScript, which cuts the parts
 * out of it; here it is parsed, resolved and changed.
 */

#include "api/pure.h"
#include "api/url.h"
#include "base/thread_end.h"
#include "js/bind.h"

/* Kept from call to call, so that a parse allocates nothing. */
static _Thread_local struct {
    struct thread_end end;
    struct url base;
    struct url url;
    struct buf href;
} scratch;

enum {
    HREF_KEPT_MAX = 16384, /* after a longer one the memory is given back */
};

static void release_scratch(void)
{
    url_fini(&scratch.base);
    url_fini(&scratch.url);
    buf_fini(&scratch.href);
}

static JSValueRef finish_href(struct js_call *call, struct bytes input, JSValueRef same)
{
    JSValueRef value;

    url_format(&scratch.url, &scratch.href);
    if (bytes_equal(buf_bytes(&scratch.href), input) && JSValueIsString(call->ctx, same))
        value = same; /* the commonest case: it was serialised already */
    else
        value = js_string_from_utf8(call->realm, buf_bytes(&scratch.href));
    if (scratch.href.len > HREF_KEPT_MAX)
        release_scratch();
    buf_clear(&scratch.href);
    return value;
}

/* url_parse(input, base?) -> href | null */
static JSValueRef url_parse_native(struct js_call *call)
{
    struct js_text text;
    const struct url *base = NULL;
    JSValueRef value = call->realm->null;

    thread_end_call(&scratch.end, release_scratch);
    if (js_arg_given(call, 1)) {
        int r;

        if (!js_arg_text(call, 1, &text))
            return NULL;
        r = url_parse(&scratch.base, js_text_bytes(&text), NULL);
        js_text_fini(&text);
        if (r != 0)
            return value;
        base = &scratch.base;
    }
    if (!js_arg_text(call, 0, &text))
        return NULL;
    if (url_parse(&scratch.url, js_text_bytes(&text), base) == 0)
        value = finish_href(call, js_text_bytes(&text), call->argv[0]);
    js_text_fini(&text);
    return value;
}

static bool part_of(struct bytes name, enum url_part *out)
{
    static const char *const names[] = {
        [URL_PROTOCOL] = "protocol", [URL_USERNAME] = "username", [URL_PASSWORD] = "password",
        [URL_HOST] = "host",         [URL_HOSTNAME] = "hostname", [URL_PORT] = "port",
        [URL_PATHNAME] = "pathname", [URL_SEARCH] = "search",     [URL_HASH] = "hash",
    };
    size_t i;

    for (i = 0; i < JS_COUNT(names); i++) {
        if (bytes_equal_string(name, names[i])) {
            *out = (enum url_part)i;
            return true;
        }
    }
    return false;
}

/* url_set(href, part, value) -> href */
static JSValueRef url_set_native(struct js_call *call)
{
    struct js_text href;
    struct js_text name;
    struct js_text value;
    enum url_part part;
    bool known;
    int r;

    if (!js_arg_text(call, 1, &name))
        return NULL;
    if (bytes_equal_string(js_text_bytes(&name), "href")) {
        struct js_call parse = {call->ctx, call->realm, 1, call->argv + 2, call->exception};

        js_text_fini(&name);
        return url_parse_native(&parse);
    }
    known = part_of(js_text_bytes(&name), &part);
    js_text_fini(&name);
    if (!known)
        return js_throw_type_error(call, "A URL has no such part.");
    if (!js_arg_text(call, 2, &value))
        return NULL;
    if (!js_arg_text(call, 0, &href)) {
        js_text_fini(&value);
        return NULL;
    }
    thread_end_call(&scratch.end, release_scratch);
    r = url_parse(&scratch.url, js_text_bytes(&href), NULL);
    if (r == 0)
        url_set(&scratch.url, part, js_text_bytes(&value));
    js_text_fini(&value);
    js_text_fini(&href);
    if (r != 0)
        return js_throw_type_error(call, "Invalid URL");
    return finish_href(call, bytes_of(NULL, 0), call->realm->undefined);
}

/* domain_to_ascii(domain) -> string | null */
static JSValueRef domain_to_ascii(struct js_call *call)
{
    struct js_text domain;
    struct buf ascii = {0};
    JSValueRef value = call->realm->null;

    if (!js_arg_text(call, 0, &domain))
        return NULL;
    if (url_domain_to_ascii(js_text_bytes(&domain), &ascii) == 0)
        value = js_string_from_utf8(call->realm, buf_bytes(&ascii));
    js_text_fini(&domain);
    buf_fini(&ascii);
    return value;
}

/* clang-format off */
#define URL_NATIVES(X)                          \
    X("url_parse", url_parse_native, 1)         \
    X("url_set", url_set_native, 3)             \
    X("domain_to_ascii", domain_to_ascii, 1)
/* clang-format on */

JS_NATIVES(url_natives, URL_NATIVES)

void api_url_install(struct js_realm *realm, JSObjectRef natives)
{
    js_natives_install(realm, natives, url_natives, JS_COUNT(url_natives));
}
