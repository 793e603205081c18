/*
 * Reader and writer walk a tree of bounded depth, so that they may call themselves. The reader
 * trusts nothing: every length is held against what is left, and a list is never made longer than
 * the bytes that could fill it.
 *
 * Objects are numbered in the order of their tags; `^ i` is one met before. Here it becomes a copy
 * of the value struct, which shares what it points to. One that is still being read would be a
 * cycle.
 */

#include "native/value.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/utf8.h"

enum {
    DEPTH_MAX = 64,
    VERSION = 15,
    VERSION_WITH_VIEW_FLAGS = 14,
    MEMORY_MAX = 256 * 1024 * 1024, /* of one tree: a byte of an array becomes a struct dm_value */
};

/* ---- reading ---- */

struct reader {
    struct bytes data;
    size_t at;
    unsigned version;
    struct arena *arena;
    struct dm_value *known; /* owned: objects met so far, by number */
    bool *open;             /* owned: of each, whether it is still being read */
    size_t known_count;
    struct err_text *why;
};

static int damaged(struct reader *reader)
{
    err_text_set(reader->why, "Unable to deserialize cloned data.");
    return VALUE_REFUSED;
}

static int foreign(struct reader *reader, const char *what)
{
    err_text_set(reader->why, "A %s cannot be read by a class in C.", what);
    return VALUE_REFUSED;
}

static size_t left(const struct reader *reader)
{
    return reader->data.len - reader->at;
}

static bool read_varint(struct reader *reader, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 63 && left(reader) > 0; shift += 7) {
        uint8_t byte = reader->data.data[reader->at++];

        *value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            return true;
    }
    return false;
}

static bool read_tag(struct reader *reader, uint8_t *tag)
{
    while (left(reader) > 0) {
        *tag = reader->data.data[reader->at++];
        if (*tag != 0) /* padding */
            return true;
    }
    return false;
}

static bool read_bytes(struct reader *reader, struct bytes *bytes)
{
    uint64_t len;

    if (!read_varint(reader, &len) || len > left(reader))
        return false;
    *bytes = bytes_of(reader->data.data + reader->at, (size_t)len);
    reader->at += (size_t)len;
    return true;
}

static bool read_double(struct reader *reader, double *number)
{
    if (left(reader) < sizeof *number)
        return false;
    memcpy(number, reader->data.data + reader->at, sizeof *number);
    reader->at += sizeof *number;
    return true;
}

static size_t remember(struct reader *reader)
{
    size_t number = reader->known_count++;

    if ((number & (number - 1)) == 0) {
        size_t cap = number == 0 ? 1 : 2 * number;
        reader->known = mem_realloc_array(reader->known, cap, sizeof *reader->known);
        reader->open = mem_realloc_array(reader->open, cap, sizeof *reader->open);
    }
    reader->open[number] = true;
    return number;
}

static void complete(struct reader *reader, size_t number, const struct dm_value *value)
{
    reader->known[number] = *value;
    reader->open[number] = false;
}

static struct dm_bytes text_of_latin1(struct reader *reader, struct bytes latin1)
{
    size_t len = utf8_len_of_latin1(latin1);
    uint8_t *text = arena_alloc(reader->arena, len + 1);

    utf8_from_latin1(latin1, text);
    text[len] = '\0';
    return dm_bytes(text, len);
}

static struct dm_bytes text_of_utf16(struct reader *reader, struct bytes bytes)
{
    size_t count = bytes.len / 2;
    uint16_t *units = mem_new_array(uint16_t, count + 1);
    uint8_t *text;
    size_t len;

    memcpy(units, bytes.data, 2 * count);
    len = utf8_len_of_utf16(units, count);
    text = arena_alloc(reader->arena, len + 1);
    utf8_from_utf16(units, count, text);
    text[len] = '\0';
    mem_free(units);
    return dm_bytes(text, len);
}

static int read_string(struct reader *reader, uint8_t tag, struct dm_value *value)
{
    struct bytes bytes;

    if (!read_bytes(reader, &bytes))
        return damaged(reader);
    value->type = DM_STRING;
    if (tag == '"') {
        value->bytes = text_of_latin1(reader, bytes);
    } else if (tag == 'c') {
        if (bytes.len % 2 != 0)
            return damaged(reader);
        value->bytes = text_of_utf16(reader, bytes);
    } else {
        if (!utf8_valid(bytes))
            return damaged(reader);
        value->bytes = dm_bytes(arena_string(reader->arena, bytes), bytes.len);
    }
    return 0;
}

static int read_value(struct reader *reader, struct dm_value *value, unsigned depth);
static int read_tagged(struct reader *reader, uint8_t tag, struct dm_value *value, unsigned depth);

/* A buffer may be followed by the view of it, which is then the value. */
static int read_view(struct reader *reader, struct dm_value *value)
{
    uint64_t kind, offset, len, flags = 0;
    size_t at = reader->at;
    uint8_t tag;

    if (!read_tag(reader, &tag) || tag != 'V') {
        reader->at = at;
        return 0;
    }
    if (!read_varint(reader, &kind) || !read_varint(reader, &offset) ||
        !read_varint(reader, &len) ||
        (reader->version >= VERSION_WITH_VIEW_FLAGS && !read_varint(reader, &flags)))
        return damaged(reader);
    if (offset > value->bytes.len || len > value->bytes.len - offset)
        return damaged(reader);
    if (flags & 1) /* as long as its buffer */
        len = value->bytes.len - offset;
    value->bytes = dm_bytes((const uint8_t *)value->bytes.data + offset, (size_t)len);
    complete(reader, remember(reader), value);
    return 0;
}

static int read_buffer(struct reader *reader, uint8_t tag, struct dm_value *value)
{
    uint64_t len, max;

    if (!read_varint(reader, &len) || (tag == '~' && !read_varint(reader, &max)) ||
        len > left(reader))
        return damaged(reader);
    value->type = DM_BYTES;
    value->bytes = dm_bytes(
        arena_dup(reader->arena, bytes_of(reader->data.data + reader->at, (size_t)len)).data,
        (size_t)len);
    reader->at += (size_t)len;
    complete(reader, remember(reader), value);
    return read_view(reader, value);
}

static int read_array(struct reader *reader, struct dm_value *value, unsigned depth)
{
    size_t number = remember(reader);
    struct dm_value *items;
    uint64_t count, properties, same;
    uint8_t tag;

    if (!read_varint(reader, &count) || count > left(reader))
        return damaged(reader);
    if (count > MEMORY_MAX / sizeof *items)
        return foreign(reader, "value that takes so much memory");
    items = arena_alloc_zero(reader->arena, (size_t)count * sizeof *items + 1);
    for (size_t i = 0; i < count; i++) {
        int r;

        if (!read_tag(reader, &tag))
            return damaged(reader);
        if (tag == '-') /* a hole */
            continue;
        r = read_tagged(reader, tag, &items[i], depth + 1);
        if (r != 0)
            return r;
    }
    if (!read_tag(reader, &tag))
        return damaged(reader);
    if (tag != '$')
        return foreign(reader, "array with named properties");
    if (!read_varint(reader, &properties) || properties != 0 || !read_varint(reader, &same) ||
        same != count)
        return damaged(reader);
    *value = dm_array(items, (size_t)count);
    complete(reader, number, value);
    return 0;
}

/* A property name: a string, or the number of an index. */
static int read_name(struct reader *reader, uint8_t tag, struct dm_bytes *name)
{
    struct dm_value value = {0};
    int r;

    if (tag == 0 || strchr("\"cSIUN", tag) == NULL)
        return damaged(reader);
    r = read_tagged(reader, tag, &value, 0);
    if (r != 0)
        return r;
    if (value.type == DM_NUMBER) {
        char *text = arena_format(reader->arena, "%.17g", value.number);
        *name = dm_str(text);
        return 0;
    }
    if (value.type != DM_STRING)
        return damaged(reader);
    *name = value.bytes;
    return 0;
}

static int read_object(struct reader *reader, struct dm_value *value, unsigned depth)
{
    size_t number = remember(reader);
    struct buf members = {0};
    struct dm_member *kept;
    uint64_t count;
    uint8_t tag;
    int r = 0;

    while (r == 0) {
        struct dm_member member = {0};

        if (!read_tag(reader, &tag)) {
            r = damaged(reader);
            break;
        }
        if (tag == '{')
            break;
        r = read_name(reader, tag, &member.name);
        if (r == 0)
            r = read_value(reader, &member.value, depth + 1);
        if (r == 0)
            buf_append(&members, &member, sizeof member);
    }
    if (r == 0 && (!read_varint(reader, &count) || count != members.len / sizeof *kept))
        r = damaged(reader);
    if (r == 0) {
        kept = arena_alloc(reader->arena, members.len + 1);
        if (members.len > 0)
            memcpy(kept, members.data, members.len);
        *value = dm_record(kept, members.len / sizeof *kept);
        complete(reader, number, value);
    }
    buf_fini(&members);
    return r;
}

static int read_reference(struct reader *reader, struct dm_value *value)
{
    uint64_t number;

    if (!read_varint(reader, &number) || number >= reader->known_count)
        return damaged(reader);
    if (reader->open[number])
        return foreign(reader, "value that contains itself");
    *value = reader->known[number];
    return value->type == DM_BYTES ? read_view(reader, value) : 0;
}

static int read_number(struct reader *reader, uint8_t tag, struct dm_value *value)
{
    uint64_t bits;

    value->type = tag == 'D' ? DM_DATE : DM_NUMBER;
    if (tag == 'N' || tag == 'D') {
        if (!read_double(reader, &value->number))
            return damaged(reader);
        if (tag == 'D')
            complete(reader, remember(reader), value);
        return 0;
    }
    if (!read_varint(reader, &bits) || bits > UINT32_MAX)
        return damaged(reader);
    if (tag == 'I')
        value->number = (int32_t)((uint32_t)bits >> 1) ^ -(int32_t)(bits & 1);
    else
        value->number = (double)bits;
    return 0;
}

static const char *kind_of(uint8_t tag)
{
    switch (tag) {
    case 'Z': return "bigint";
    case ';': return "Map";
    case '\'': return "Set";
    case 'R': return "RegExp";
    case 'a': return "sparse array";
    case 'r': return "Error";
    case 't': return "transferred ArrayBuffer";
    case 'x':
    case 'y':
    case 'n':
    case 'z':
    case 's': return "wrapper object";
    case '\\': return "platform object";
    default: return NULL;
    }
}

static int read_tagged(struct reader *reader, uint8_t tag, struct dm_value *value, unsigned depth)
{
    const char *kind = kind_of(tag);

    if (depth > DEPTH_MAX)
        return foreign(reader, "value that is nested so deeply");
    if (reader->arena->total > MEMORY_MAX)
        return foreign(reader, "value that takes so much memory");
    if (kind != NULL)
        return foreign(reader, kind);
    switch (tag) {
    case '_': value->type = DM_UNDEFINED; return 0;
    case '0': value->type = DM_NULL; return 0;
    case 'T':
    case 'F': *value = dm_boolean(tag == 'T'); return 0;
    case 'I':
    case 'U':
    case 'N':
    case 'D': return read_number(reader, tag, value);
    case '"':
    case 'c':
    case 'S': return read_string(reader, tag, value);
    case 'B':
    case '~': return read_buffer(reader, tag, value);
    case 'A': return read_array(reader, value, depth);
    case 'o': return read_object(reader, value, depth);
    case '^': return read_reference(reader, value);
    default: return damaged(reader);
    }
}

static int read_value(struct reader *reader, struct dm_value *value, unsigned depth)
{
    uint8_t tag;

    return read_tag(reader, &tag) ? read_tagged(reader, tag, value, depth) : damaged(reader);
}

int value_read(struct bytes data, struct arena *arena, const struct dm_value **out,
               struct err_text *why)
{
    struct reader reader = {.data = data, .version = 13, .arena = arena, .why = why};
    struct dm_value *value = arena_alloc_zero(arena, sizeof *value);
    uint64_t version = 13;
    int r = 0;

    if (data.len > 0 && data.data[0] == 0xff) {
        reader.at = 1;
        if (!read_varint(&reader, &version) || version > VERSION)
            r = damaged(&reader);
        reader.version = (unsigned)version;
    }
    if (r == 0)
        r = read_value(&reader, value, 0);
    mem_free(reader.known);
    mem_free(reader.open);
    *out = value;
    return r;
}

/* ---- writing ---- */

struct writer {
    struct buf *out;
    size_t start; /* where the value begins in `out`: characters are at even offsets from here */
    size_t max_bytes;
    struct err_text *why;
};

static int refuse(struct writer *writer, const char *what)
{
    err_text_set(writer->why, "%s", what);
    return VALUE_REFUSED;
}

static int write_value(struct writer *writer, const struct dm_value *value, unsigned depth);

static void write_double(struct writer *writer, uint8_t tag, double number)
{
    buf_append_byte(writer->out, tag);
    buf_append(writer->out, &number, sizeof number);
}

/* Integers of 31 bits are what workerd's V8, which compresses its pointers, does not keep as
 * doubles. */
static void write_number(struct writer *writer, double number)
{
    int32_t whole = number >= INT32_MIN / 2 && number <= INT32_MAX / 2 ? (int32_t)number : 0;

    if (number != whole || (whole == 0 && signbit(number))) {
        write_double(writer, 'N', number);
        return;
    }
    buf_append_byte(writer->out, 'I');
    buf_append_varint(writer->out, ((uint32_t)whole << 1) ^ (uint32_t)(whole >> 31));
}

static unsigned varint_size(uint64_t value)
{
    unsigned size = 1;

    while (value > 127) {
        value >>= 7;
        size++;
    }
    return size;
}

static void write_units(struct writer *writer, const uint16_t *units, size_t count)
{
    size_t at = writer->out->len - writer->start + 1 + varint_size(2 * count);

    if (at % 2 != 0)
        buf_append_byte(writer->out, 0);
    buf_append_byte(writer->out, 'c');
    buf_append_varint(writer->out, 2 * count);
    buf_append(writer->out, units, 2 * count);
}

/* One byte a character where all of them fit, as V8 does, two otherwise. */
static void write_string(struct writer *writer, struct dm_bytes text)
{
    struct bytes bytes = bytes_of(text.data, text.len);
    uint16_t *units;
    size_t count;
    uint16_t highest = 0;

    if (utf8_is_ascii(bytes)) {
        buf_append_byte(writer->out, '"');
        buf_append_varint(writer->out, bytes.len);
        buf_append_bytes(writer->out, bytes);
        return;
    }
    units = mem_new_array(uint16_t, bytes.len + 1);
    count = utf8_to_utf16(bytes, units);
    for (size_t i = 0; i < count; i++)
        highest |= units[i];
    if (highest > 0xff) {
        write_units(writer, units, count);
    } else {
        buf_append_byte(writer->out, '"');
        buf_append_varint(writer->out, count);
        for (size_t i = 0; i < count; i++)
            buf_append_byte(writer->out, (uint8_t)units[i]);
    }
    mem_free(units);
}

static void write_bytes(struct writer *writer, struct dm_bytes bytes)
{
    buf_append_byte(writer->out, 'B');
    buf_append_varint(writer->out, bytes.len);
    buf_append(writer->out, bytes.data, bytes.len);
    buf_append_byte(writer->out, 'V');
    buf_append_byte(writer->out, 'B'); /* Uint8Array */
    buf_append_varint(writer->out, 0);
    buf_append_varint(writer->out, bytes.len);
    buf_append_varint(writer->out, 0);
}

static int write_items(struct writer *writer, const struct dm_value *items, size_t count,
                       unsigned depth)
{
    int r = 0;

    buf_append_byte(writer->out, 'A');
    buf_append_varint(writer->out, count);
    for (size_t i = 0; i < count && r == 0; i++)
        r = write_value(writer, &items[i], depth + 1);
    buf_append_byte(writer->out, '$');
    buf_append_varint(writer->out, 0);
    buf_append_varint(writer->out, count);
    return r;
}

static int write_record(struct writer *writer, const struct dm_record *record, unsigned depth)
{
    int r = 0;

    buf_append_byte(writer->out, 'o');
    for (size_t i = 0; i < record->count && r == 0; i++) {
        write_string(writer, record->members[i].name);
        r = write_value(writer, &record->members[i].value, depth + 1);
    }
    buf_append_byte(writer->out, '{');
    buf_append_varint(writer->out, record->count);
    return r;
}

static size_t weight(const struct dm_value *value)
{
    return value->type == DM_STRING || value->type == DM_BYTES ? value->bytes.len : 0;
}

static int write_value(struct writer *writer, const struct dm_value *value, unsigned depth)
{
    if (depth > DEPTH_MAX)
        return refuse(writer, "A value is nested too deeply.");
    if (writer->out->len - writer->start + weight(value) > writer->max_bytes)
        return refuse(writer, "A value is too large.");
    switch (value->type) {
    case DM_UNDEFINED: buf_append_byte(writer->out, '_'); return 0;
    case DM_NULL: buf_append_byte(writer->out, '0'); return 0;
    case DM_BOOLEAN: buf_append_byte(writer->out, value->boolean ? 'T' : 'F'); return 0;
    case DM_NUMBER: write_number(writer, value->number); return 0;
    case DM_DATE: write_double(writer, 'D', value->number); return 0;
    case DM_STRING: write_string(writer, value->bytes); return 0;
    case DM_BYTES: write_bytes(writer, value->bytes); return 0;
    case DM_ARRAY: return write_items(writer, value->array.items, value->array.count, depth);
    case DM_OBJECT: return write_record(writer, &value->record, depth);
    }
    return refuse(writer, "A value has a type that does not exist.");
}

static void write_head(struct buf *out)
{
    buf_append_byte(out, 0xff);
    buf_append_byte(out, VERSION);
}

static int finish(struct writer *writer, int r)
{
    if (r == 0 && writer->out->len - writer->start > writer->max_bytes)
        r = refuse(writer, "A value is too large.");
    return r;
}

int value_write(struct buf *out, const struct dm_value *value, size_t max_bytes,
                struct err_text *why)
{
    struct writer writer = {out, out->len, max_bytes, why};
    struct dm_value undefined = {.type = DM_UNDEFINED};

    write_head(out);
    return finish(&writer, write_value(&writer, value != NULL ? value : &undefined, 0));
}

int value_write_array(struct buf *out, const struct dm_value *values, size_t count,
                      size_t max_bytes, struct err_text *why)
{
    struct writer writer = {out, out->len, max_bytes, why};

    write_head(out);
    return finish(&writer, write_items(&writer, values, count, 0));
}
