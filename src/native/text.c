/* JSON, queries and variables for class libraries, and memory of an event. */

#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "native/host.h"
#include "native/json.h"

int native_json_read(struct dm_object *host, struct dm_bytes text, const struct dm_value **value)
{
    return json_read(bytes_of(text.data, text.len), &host->scratch, value, &host->why) == 0
               ? 0
               : DM_ERROR;
}

int native_json_write(struct dm_object *host, const struct dm_value *value, struct dm_bytes *text)
{
    struct buf out = {0};
    int r = json_write(&out, value, &host->why);

    if (r == 0)
        *text = dm_bytes(arena_string(&host->scratch, buf_bytes(&out)), out.len);
    buf_fini(&out);
    return r == 0 ? 0 : DM_ERROR;
}

int native_respond_json(struct dm_event *event, const struct dm_response *head,
                        const struct dm_value *value)
{
    struct dm_response response = head != NULL ? *head : (struct dm_response){0};
    struct dm_header *headers = mem_new_array(struct dm_header, response.header_count + 1);
    struct buf out = {0};
    int r = DM_ERROR;

    headers[0] = (struct dm_header){"Content-Type", "application/json"};
    if (response.header_count > 0)
        memcpy(headers + 1, response.headers, response.header_count * sizeof *headers);
    response.headers = headers;
    response.header_count++;
    response.stream = NULL;
    if (json_write(&out, value, &event->host->why) == 0) {
        response.content = dm_bytes(out.data, out.len);
        r = native_respond(event, &response);
    }
    buf_fini(&out);
    mem_free(headers);
    return r;
}

static int hex_digit(char byte)
{
    const char *digits = "0123456789abcdef";
    const char *found = byte != '\0' ? strchr(digits, byte | (byte >= 'A' ? 0x20 : 0)) : NULL;

    return found != NULL ? (int)(found - digits) : -1;
}

/* As application/x-www-form-urlencoded says; at most `len` bytes. */
static size_t form_decode(const char *text, size_t len, uint8_t *out)
{
    size_t count = 0;

    for (size_t i = 0; i < len; i++) {
        if (text[i] == '%' && i + 2 < len && hex_digit(text[i + 1]) >= 0 &&
            hex_digit(text[i + 2]) >= 0) {
            out[count++] = (uint8_t)(hex_digit(text[i + 1]) << 4 | hex_digit(text[i + 2]));
            i += 2;
        } else {
            out[count++] = text[i] == '+' ? ' ' : (uint8_t)text[i];
        }
    }
    return count;
}

static struct dm_bytes decoded(struct arena *arena, const char *text, size_t len)
{
    struct bytes raw;
    uint16_t *units;
    uint8_t *clean;
    size_t count;

    raw.data = clean = arena_alloc(arena, len + 1);
    raw.len = form_decode(text, len, clean);
    if (!utf8_valid(raw)) {
        units = mem_new_array(uint16_t, raw.len);
        count = utf8_to_utf16(raw, units);
        raw.data = clean = arena_alloc(arena, 3 * count + 1);
        raw.len = utf8_from_utf16(units, count, clean);
        mem_free(units);
    }
    clean[raw.len] = '\0';
    return dm_bytes(raw.data, raw.len);
}

struct dm_bytes native_query(struct dm_object *host, const char *url, const char *name)
{
    const char *at = url + strcspn(url, "?#");

    while (*at == '?' || *at == '&') {
        size_t len = strcspn(++at, "&#");
        const char *equals = memchr(at, '=', len);
        size_t name_len = equals != NULL ? (size_t)(equals - at) : len;

        if (dm_is(decoded(&host->scratch, at, name_len), name))
            return equals != NULL ? decoded(&host->scratch, equals + 1, len - name_len - 1)
                                  : dm_str("");
        at += len;
    }
    return dm_bytes(NULL, 0);
}

int native_var(struct dm_object *host, const char *name, const struct dm_value **value)
{
    const struct dm_value *bindings =
        dm_get(native_settings(host->home->options.native), "bindings");

    for (size_t i = 0; bindings != NULL && i < bindings->array.count; i++) {
        const struct dm_value *binding = &bindings->array.items[i];
        const struct dm_value *found;

        if (!dm_is(dm_get(binding, "name")->bytes, name))
            continue;
        found = dm_get(binding, "json");
        *value = found != NULL ? found : dm_get(binding, "text");
        return *value != NULL ? 0 : DM_NONE;
    }
    return DM_NONE;
}

void *native_alloc(struct dm_event *event, size_t size)
{
    return arena_alloc_zero(&event->memory, size);
}
