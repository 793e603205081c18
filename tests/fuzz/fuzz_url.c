/*
 * URL: what parses is serialised to ASCII that parses to itself; a setter leaves a URL of which the
 * same is true, but for http://h/C|/ that becomes a file: URL, whose drive letter the standard
 * mends only when it is parsed. The first byte says which part is set, the text up to the first
 * newline is the URL, up to the second the base, the rest the value.
 */

#include "api/url.h"
#include "base/assert.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_stable(const struct url *url)
{
    struct url again = {0};
    struct buf first = {0};
    struct buf second = {0};

    url_format(url, &first);
    ASSERT(utf8_is_ascii(buf_bytes(&first)));
    ASSERT(url_parse(&again, buf_bytes(&first), NULL) == 0);
    url_format(&again, &second);
    ASSERT(bytes_equal(buf_bytes(&first), buf_bytes(&second)));
    ASSERT(again.special == url->special && again.port == url->port);
    ASSERT(again.opaque_path == url->opaque_path && again.has_host == url->has_host);
    url_fini(&again);
    buf_fini(&first);
    buf_fini(&second);
}

static struct bytes take_line(struct bytes *rest)
{
    size_t end = bytes_find_byte(*rest, '\n', 0);
    struct bytes line = bytes_slice(*rest, 0, end);

    *rest = bytes_slice(*rest, end + 1, rest->len);
    return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes rest = bytes_of(data, size);
    struct bytes input;
    struct bytes base_text;
    struct url base = {0};
    struct url url = {0};
    enum url_part part;
    int r;

    if (size == 0)
        return 0;
    part = (enum url_part)(data[0] % (URL_HASH + 1));
    rest = bytes_slice(rest, 1, rest.len);
    input = take_line(&rest);
    base_text = take_line(&rest);

    r = url_parse(&base, base_text, NULL);
    if (r == 0)
        check_stable(&base);
    r = url_parse(&url, input, r == 0 ? &base : NULL);
    ASSERT(r == 0 || r == URL_INVALID);
    if (r == 0) {
        check_stable(&url);
        url_set(&url, part, rest);
        if (part != URL_PROTOCOL || !bytes_equal_string(buf_bytes(&url.scheme), "file"))
            check_stable(&url);
    }
    url_fini(&base);
    url_fini(&url);
    return 0;
}
