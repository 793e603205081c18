/*
 * Reader and writer walk a tree of bounded depth, so that they may call themselves. Numbers are
 * read and written in the C locale, whatever the program that has loaded us has chosen.
 */

#include "native/json.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/utf8.h"

enum {
    DEPTH_MAX = 64,
    MEMORY_MAX = 256 * 1024 * 1024, /* of one tree: "0," becomes a struct dm_value */
    NUMBER_MAX = 512,               /* characters */
};

static locale_t c_locale;

static void c_locale_make(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", NULL);
}

static locale_t locale_enter(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, c_locale_make);
    return uselocale(c_locale);
}

/* ---- reading ---- */

struct reader {
    struct bytes text;
    size_t at;
    struct arena *arena;
    struct err_text *why;
};

static int read_value(struct reader *reader, struct dm_value *value, unsigned depth);

static int refuse_text(struct reader *reader)
{
    if (reader->at >= reader->text.len)
        err_text_set(reader->why, "This is no JSON: it ends too early.");
    else
        err_text_set(reader->why, "This is no JSON, from byte %zu on.", reader->at);
    return JSON_REFUSED;
}

/* 0 at the end: no byte of JSON. */
static uint8_t peek(const struct reader *reader)
{
    return reader->at < reader->text.len ? reader->text.data[reader->at] : 0;
}

static uint8_t skip_space(struct reader *reader)
{
    uint8_t byte = peek(reader);

    while (byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t') {
        reader->at++;
        byte = peek(reader);
    }
    return byte;
}

static bool take(struct reader *reader, const char *word)
{
    size_t len = strlen(word);

    if (reader->text.len - reader->at < len ||
        memcmp(reader->text.data + reader->at, word, len) != 0)
        return false;
    reader->at += len;
    return true;
}

static bool take_digits(struct reader *reader)
{
    size_t start = reader->at;

    while (peek(reader) >= '0' && peek(reader) <= '9')
        reader->at++;
    return reader->at > start;
}

static int read_number(struct reader *reader, struct dm_value *value)
{
    const uint8_t *start = reader->text.data + reader->at;
    char digits[NUMBER_MAX + 1];
    size_t len;

    take(reader, "-");
    if (!take(reader, "0") && !take_digits(reader))
        return refuse_text(reader);
    if (take(reader, ".") && !take_digits(reader))
        return refuse_text(reader);
    if (take(reader, "e") || take(reader, "E")) {
        if (!take(reader, "+"))
            take(reader, "-");
        if (!take_digits(reader))
            return refuse_text(reader);
    }
    len = (size_t)(reader->text.data + reader->at - start);
    if (len > NUMBER_MAX) {
        err_text_set(reader->why, "A number has more than %d characters.", NUMBER_MAX);
        return JSON_REFUSED;
    }
    memcpy(digits, start, len);
    digits[len] = '\0';
    *value = dm_number(strtod(digits, NULL));
    return 0;
}

static bool take_hex(struct reader *reader, uint32_t *unit)
{
    *unit = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t byte = peek(reader);
        uint8_t lower = byte | 0x20;

        if (byte >= '0' && byte <= '9')
            *unit = *unit << 4 | (uint32_t)(byte - '0');
        else if (lower >= 'a' && lower <= 'f')
            *unit = *unit << 4 | (uint32_t)(lower - 'a' + 10);
        else
            return false;
        reader->at++;
    }
    return true;
}

/* Behind \u. Half of a pair becomes U+FFFD. */
static bool take_unicode(struct reader *reader, uint8_t *out, size_t *len)
{
    uint32_t high, low;
    size_t behind;

    if (!take_hex(reader, &high))
        return false;
    behind = reader->at;
    if (high >= 0xd800 && high < 0xdc00 && take(reader, "\\u") && take_hex(reader, &low) &&
        low >= 0xdc00 && low < 0xe000) {
        *len += utf8_put(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00), out + *len);
        return true;
    }
    reader->at = behind;
    *len += utf8_put(high >= 0xd800 && high < 0xe000 ? 0xfffd : high, out + *len);
    return true;
}

static bool take_escape(struct reader *reader, uint8_t *out, size_t *len)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    uint8_t byte = peek(reader);
    const char *found;

    if (byte == 'u') {
        reader->at++;
        return take_unicode(reader, out, len);
    }
    found = byte != 0 ? strchr(from, byte) : NULL;
    if (found == NULL)
        return false;
    reader->at++;
    out[(*len)++] = (uint8_t)to[found - from];
    return true;
}

/* The end of the string that begins here; a text without one ends it. */
static size_t string_end(const struct reader *reader)
{
    size_t at = reader->at;

    while (at < reader->text.len && reader->text.data[at] != '"')
        at += reader->text.data[at] == '\\' ? 2 : 1;
    return at < reader->text.len ? at : reader->text.len;
}

/* No escape takes fewer bytes than the character it means. */
static int read_string(struct reader *reader, struct dm_bytes *string)
{
    uint8_t *out;
    size_t len = 0;

    reader->at++;
    out = arena_alloc(reader->arena, string_end(reader) - reader->at + 1);
    while (peek(reader) >= ' ' && peek(reader) != '"') {
        if (peek(reader) != '\\')
            out[len++] = reader->text.data[reader->at++];
        else if (reader->at++, !take_escape(reader, out, &len))
            return refuse_text(reader);
    }
    if (!take(reader, "\""))
        return refuse_text(reader);
    out[len] = '\0';
    *string = dm_bytes(out, len);
    return 0;
}

/* Behind an item: false at the end of the list, with *r saying whether it may be there. */
static bool more(struct reader *reader, uint8_t end, int *r)
{
    uint8_t byte = skip_space(reader);

    if (*r == 0 && byte != ',' && byte != end)
        *r = refuse_text(reader);
    if (*r != 0)
        return false;
    reader->at++;
    return byte == ',';
}

static void *keep(struct reader *reader, struct buf *list)
{
    void *kept = arena_alloc(reader->arena, list->len + 1);

    if (list->len > 0)
        memcpy(kept, list->data, list->len);
    buf_fini(list);
    return kept;
}

static int read_array(struct reader *reader, struct dm_value *value, unsigned depth)
{
    struct buf items = {0};
    size_t count;
    int r = 0;

    reader->at++;
    if (skip_space(reader) == ']') {
        reader->at++;
        *value = dm_array(NULL, 0);
        return 0;
    }
    do {
        struct dm_value item = {0};

        r = read_value(reader, &item, depth + 1);
        buf_append(&items, &item, sizeof item);
    } while (more(reader, ']', &r));
    count = items.len / sizeof(struct dm_value);
    *value = dm_array(keep(reader, &items), count);
    return r;
}

/* Keep the last of those with the same name. */
static size_t unique(struct dm_member *members, size_t count)
{
    struct map seen = {0};
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        struct bytes name = bytes_of(members[i].name.data, members[i].name.len);
        struct dm_member *first = map_get(&seen, name);

        if (first != NULL) {
            first->value = members[i].value;
            continue;
        }
        members[kept] = members[i];
        map_put(&seen, name, &members[kept++]);
    }
    map_fini(&seen);
    return kept;
}

static int read_member(struct reader *reader, struct dm_member *member, unsigned depth)
{
    int r;

    if (skip_space(reader) != '"')
        return refuse_text(reader);
    r = read_string(reader, &member->name);
    if (r != 0)
        return r;
    if (skip_space(reader) != ':')
        return refuse_text(reader);
    reader->at++;
    return read_value(reader, &member->value, depth + 1);
}

static int read_object(struct reader *reader, struct dm_value *value, unsigned depth)
{
    struct buf list = {0};
    struct dm_member *members;
    size_t count;
    int r = 0;

    reader->at++;
    if (skip_space(reader) == '}') {
        reader->at++;
        *value = dm_record(NULL, 0);
        return 0;
    }
    do {
        struct dm_member member = {0};

        r = read_member(reader, &member, depth);
        buf_append(&list, &member, sizeof member);
    } while (more(reader, '}', &r));
    count = list.len / sizeof *members;
    members = keep(reader, &list);
    *value = dm_record(members, r == 0 ? unique(members, count) : 0);
    return r;
}

static int read_value(struct reader *reader, struct dm_value *value, unsigned depth)
{
    uint8_t byte = skip_space(reader);

    if (depth > DEPTH_MAX || reader->arena->total > MEMORY_MAX) {
        err_text_set(reader->why, "The JSON is nested too deeply, or too large.");
        return JSON_REFUSED;
    }
    if (byte == '{')
        return read_object(reader, value, depth);
    if (byte == '[')
        return read_array(reader, value, depth);
    if (byte == '"') {
        value->type = DM_STRING;
        return read_string(reader, &value->bytes);
    }
    if (byte == '-' || (byte >= '0' && byte <= '9'))
        return read_number(reader, value);
    if (take(reader, "true"))
        *value = dm_boolean(true);
    else if (take(reader, "false"))
        *value = dm_boolean(false);
    else if (take(reader, "null"))
        *value = dm_null();
    else
        return refuse_text(reader);
    return 0;
}

int json_read(struct bytes text, struct arena *arena, const struct dm_value **out,
              struct err_text *why)
{
    struct reader reader = {.text = text, .arena = arena, .why = why};
    struct dm_value *value = arena_alloc_zero(arena, sizeof *value);
    locale_t before;
    int r;

    *out = value;
    if (!utf8_valid(text)) {
        err_text_set(why, "This is no JSON: it is not UTF-8.");
        return JSON_REFUSED;
    }
    before = locale_enter();
    r = read_value(&reader, value, 0);
    skip_space(&reader);
    if (r == 0 && reader.at < text.len)
        r = refuse_text(&reader);
    uselocale(before);
    return r;
}

/* ---- writing ---- */

struct writer {
    struct buf *out;
    struct err_text *why;
};

static int write_value(struct writer *writer, const struct dm_value *value, unsigned depth);

/* A number in the fewest digits that are read back as the same: 0.DIGITS times 10^point. */
struct decimal {
    char digits[20];
    int count;
    int point;
};

static void decimal_of(double number, struct decimal *decimal)
{
    /* Fifteen digits are always kept, but by numbers so small that they have fewer. */
    int count = number < DBL_MIN ? 1 : DBL_DIG;
    char text[40];

    do {
        snprintf(text, sizeof text, "%.*e", count - 1, number);
    } while (strtod(text, NULL) != number && count++ < DBL_DECIMAL_DIG);
    decimal->digits[0] = text[0];
    memcpy(decimal->digits + 1, text + 2, (size_t)count - 1);
    while (count > 1 && decimal->digits[count - 1] == '0')
        count--;
    decimal->count = count;
    decimal->point = (int)strtol(strchr(text, 'e') + 1, NULL, 10) + 1;
}

static void write_zeros(struct buf *out, int count)
{
    while (count-- > 0)
        buf_append_byte(out, '0');
}

/* `number` is positive. As JavaScript writes it (ECMA-262, Number::toString), because programs
 * compare what both languages have written. */
static void write_decimal(struct buf *out, double number)
{
    struct decimal decimal;
    int point, before;

    decimal_of(number, &decimal);
    point = decimal.point;
    if (point <= -6 || point > 21) {
        before = 1;
    } else if (point <= 0) {
        buf_append_string(out, "0.");
        write_zeros(out, -point);
        before = decimal.count;
    } else {
        before = point < decimal.count ? point : decimal.count;
    }
    buf_append(out, decimal.digits, (size_t)before);
    if (before < decimal.count) {
        buf_append_byte(out, '.');
        buf_append(out, decimal.digits + before, (size_t)(decimal.count - before));
    }
    if (point <= -6 || point > 21)
        buf_append_format(out, "e%+d", point - 1);
    else
        write_zeros(out, point - decimal.count);
}

static void write_number(struct writer *writer, double number)
{
    if (!isfinite(number)) {
        buf_append_string(writer->out, "null");
        return;
    }
    if (fabs(number) < 1e15 && number == (double)(int64_t)number) {
        buf_append_format(writer->out, "%.0f", number == 0 ? 0 : number);
        return;
    }
    if (number < 0)
        buf_append_byte(writer->out, '-');
    write_decimal(writer->out, fabs(number));
}

static void write_clean(struct writer *writer, struct bytes text)
{
    static const char named[] = "\b\f\n\r\t\"\\";
    static const char names[] = "bfnrt\"\\";

    buf_append_byte(writer->out, '"');
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];
        const char *found = byte != 0 ? strchr(named, byte) : NULL;

        if (found != NULL) {
            buf_append_byte(writer->out, '\\');
            buf_append_byte(writer->out, (uint8_t)names[found - named]);
        } else if (byte < ' ') {
            buf_append_format(writer->out, "\\u%04x", byte);
        } else {
            buf_append_byte(writer->out, byte);
        }
    }
    buf_append_byte(writer->out, '"');
}

/* What is no UTF-8 in a string becomes U+FFFD. */
static void write_string(struct writer *writer, struct dm_bytes string)
{
    struct bytes text = bytes_of(string.data, string.len);
    uint16_t *units;
    uint8_t *clean;
    size_t count;

    if (utf8_valid(text)) {
        write_clean(writer, text);
        return;
    }
    units = mem_new_array(uint16_t, text.len);
    count = utf8_to_utf16(text, units);
    clean = mem_alloc(3 * count + 1);
    write_clean(writer, bytes_of(clean, utf8_from_utf16(units, count, clean)));
    mem_free(clean);
    mem_free(units);
}

/* As toISOString() writes it. */
static void write_date(struct writer *writer, double ms)
{
    struct tm utc;
    time_t seconds;
    int millis;

    if (!(fabs(ms) <= 8.64e15)) {
        buf_append_string(writer->out, "null");
        return;
    }
    millis = (int)((int64_t)ms % 1000);
    if (millis < 0)
        millis += 1000;
    seconds = (time_t)(((int64_t)ms - millis) / 1000);
    gmtime_r(&seconds, &utc);
    if (utc.tm_year + 1900 >= 0 && utc.tm_year + 1900 <= 9999)
        buf_append_format(writer->out, "\"%04d", utc.tm_year + 1900);
    else
        buf_append_format(writer->out, "\"%+07d", utc.tm_year + 1900);
    buf_append_format(writer->out, "-%02d-%02dT%02d:%02d:%02d.%03dZ\"", utc.tm_mon + 1, utc.tm_mday,
                      utc.tm_hour, utc.tm_min, utc.tm_sec, millis);
}

static int write_items(struct writer *writer, const struct dm_array *array, unsigned depth)
{
    int r = 0;

    buf_append_byte(writer->out, '[');
    for (size_t i = 0; i < array->count && r == 0; i++) {
        if (i > 0)
            buf_append_byte(writer->out, ',');
        if (array->items[i].type == DM_UNDEFINED)
            buf_append_string(writer->out, "null");
        else
            r = write_value(writer, &array->items[i], depth + 1);
    }
    buf_append_byte(writer->out, ']');
    return r;
}

static int write_record(struct writer *writer, const struct dm_record *record, unsigned depth)
{
    bool first = true;
    int r = 0;

    buf_append_byte(writer->out, '{');
    for (size_t i = 0; i < record->count && r == 0; i++) {
        if (record->members[i].value.type == DM_UNDEFINED)
            continue;
        if (!first)
            buf_append_byte(writer->out, ',');
        first = false;
        write_string(writer, record->members[i].name);
        buf_append_byte(writer->out, ':');
        r = write_value(writer, &record->members[i].value, depth + 1);
    }
    buf_append_byte(writer->out, '}');
    return r;
}

static int refuse_value(struct writer *writer, const char *words)
{
    err_text_set(writer->why, "%s", words);
    return JSON_REFUSED;
}

static int write_value(struct writer *writer, const struct dm_value *value, unsigned depth)
{
    if (depth > DEPTH_MAX)
        return refuse_value(writer, "A value is nested too deeply.");
    switch (value->type) {
    case DM_UNDEFINED: return refuse_value(writer, "There is no JSON for undefined.");
    case DM_NULL: buf_append_string(writer->out, "null"); return 0;
    case DM_BOOLEAN: buf_append_string(writer->out, value->boolean ? "true" : "false"); return 0;
    case DM_NUMBER: write_number(writer, value->number); return 0;
    case DM_STRING: write_string(writer, value->bytes); return 0;
    case DM_BYTES: return refuse_value(writer, "There is no JSON for bytes.");
    case DM_DATE: write_date(writer, value->number); return 0;
    case DM_ARRAY: return write_items(writer, &value->array, depth);
    case DM_OBJECT: return write_record(writer, &value->record, depth);
    }
    return refuse_value(writer, "A value has a type that does not exist.");
}

int json_write(struct buf *out, const struct dm_value *value, struct err_text *why)
{
    struct writer writer = {out, why};
    locale_t before = locale_enter();
    int r = write_value(&writer, value, 0);

    uselocale(before);
    return r;
}
