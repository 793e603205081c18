/*
 * JSON of classes in C: what the reader takes is what RFC 8259 allows, what it has read is written
 * so that it reads as the same, and any bytes at all are written as a string that can be read.
 */

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/utf8.h"
#include "native/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    DEPTH_MAX = 64,
    NUMBER_MAX = 512,
};

/* ---- the grammar once more, in other words ---- */

struct grammar {
    const uint8_t *at, *end;
    bool refusable; /* too deep, or a number of too many characters */
};

static bool value_follows(struct grammar *text, unsigned depth);

static bool next_is(struct grammar *text, char byte)
{
    if (text->at == text->end || *text->at != (uint8_t)byte)
        return false;
    text->at++;
    return true;
}

static size_t count_of(struct grammar *text, const char *bytes)
{
    const uint8_t *start = text->at;

    while (text->at < text->end && *text->at != 0 && strchr(bytes, *text->at) != NULL)
        text->at++;
    return (size_t)(text->at - start);
}

static bool word_follows(struct grammar *text, const char *word)
{
    for (; *word != '\0'; word++)
        if (!next_is(text, *word))
            return false;
    return true;
}

static bool number_follows(struct grammar *text)
{
    static const char digits[] = "0123456789";
    const uint8_t *start = text->at;

    next_is(text, '-');
    if (!next_is(text, '0') && count_of(text, digits) == 0)
        return false;
    if (next_is(text, '.') && count_of(text, digits) == 0)
        return false;
    if (next_is(text, 'e') || next_is(text, 'E')) {
        if (!next_is(text, '+'))
            next_is(text, '-');
        if (count_of(text, digits) == 0)
            return false;
    }
    text->refusable |= text->at - start > NUMBER_MAX;
    return true;
}

static bool string_follows(struct grammar *text)
{
    if (!next_is(text, '"'))
        return false;
    while (text->at < text->end && *text->at >= ' ') {
        uint8_t byte = *text->at++;

        if (byte == '"')
            return true;
        if (byte != '\\')
            continue;
        if (next_is(text, 'u')) {
            for (int i = 0; i < 4; i++) {
                uint8_t digit = text->at < text->end ? *text->at++ : 0;
                if (digit == 0 || strchr("0123456789abcdefABCDEF", digit) == NULL)
                    return false;
            }
        } else if (text->at == text->end || *text->at == 0 ||
                   strchr("\"\\/bfnrt", *text->at++) == NULL) {
            return false;
        }
    }
    return false;
}

static bool member_follows(struct grammar *text, unsigned depth)
{
    count_of(text, " \t\n\r");
    if (!string_follows(text))
        return false;
    count_of(text, " \t\n\r");
    return next_is(text, ':') && value_follows(text, depth);
}

/* Behind the bracket; `end` is the other one. */
static bool list_follows(struct grammar *text, char end, unsigned depth)
{
    count_of(text, " \t\n\r");
    if (next_is(text, end))
        return true;
    do {
        if (!(end == '}' ? member_follows(text, depth + 1) : value_follows(text, depth + 1)))
            return false;
        count_of(text, " \t\n\r");
    } while (next_is(text, ','));
    return next_is(text, end);
}

static bool value_follows(struct grammar *text, unsigned depth)
{
    count_of(text, " \t\n\r");
    if (depth > DEPTH_MAX) {
        text->refusable = true;
        return false;
    }
    switch (text->at < text->end ? *text->at : 0) {
    case '{': text->at++; return list_follows(text, '}', depth);
    case '[': text->at++; return list_follows(text, ']', depth);
    case '"': return string_follows(text);
    case 't': return word_follows(text, "true");
    case 'f': return word_follows(text, "false");
    case 'n': return word_follows(text, "null");
    default: return number_follows(text);
    }
}

static void check_verdict(struct bytes text, bool is_read)
{
    struct grammar grammar = {text.data, text.data + text.len, false};
    bool is_json = value_follows(&grammar, 0);

    if (grammar.refusable)
        return;
    count_of(&grammar, " \t\n\r");
    is_json = is_json && grammar.at == grammar.end && utf8_valid(text);
    ASSERT(is_json == is_read);
}

/* ---- there and back ---- */

static bool same_bytes(struct dm_bytes a, struct dm_bytes b)
{
    return bytes_equal(bytes_of(a.data, a.len), bytes_of(b.data, b.len));
}

static bool same(const struct dm_value *a, const struct dm_value *b)
{
    if (a->type == DM_NUMBER && !isfinite(a->number))
        return b->type == DM_NULL; /* as JSON.stringify() has it */
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case DM_BOOLEAN: return a->boolean == b->boolean;
    case DM_NUMBER: return a->number == b->number;
    case DM_STRING:
        ASSERT(((const char *)a->bytes.data)[a->bytes.len] == '\0');
        return same_bytes(a->bytes, b->bytes);
    case DM_ARRAY:
        if (a->array.count != b->array.count)
            return false;
        for (size_t i = 0; i < a->array.count; i++)
            if (!same(&a->array.items[i], &b->array.items[i]))
                return false;
        return true;
    case DM_OBJECT:
        if (a->record.count != b->record.count)
            return false;
        for (size_t i = 0; i < a->record.count; i++)
            if (!same_bytes(a->record.members[i].name, b->record.members[i].name) ||
                !same(&a->record.members[i].value, &b->record.members[i].value))
                return false;
        return true;
    default: return a->type == DM_NULL;
    }
}

/* What was written reads as the same, and is written in the same way again. */
static void check_round_trip(const struct dm_value *value, struct arena *arena)
{
    struct buf first = {0}, second = {0};
    const struct dm_value *back;
    struct err_text why;

    ASSERT(json_write(&first, value, &why) == 0);
    ASSERT(utf8_valid(bytes_of(first.data, first.len)));
    ASSERT(json_read(bytes_of(first.data, first.len), arena, &back, &why) == 0);
    ASSERT(same(value, back));
    ASSERT(json_write(&second, back, &why) == 0);
    ASSERT(bytes_equal(bytes_of(first.data, first.len), bytes_of(second.data, second.len)));
    buf_fini(&first);
    buf_fini(&second);
}

/* Any bytes: those that are no UTF-8 are replaced. */
static void check_string(struct bytes text, struct arena *arena)
{
    struct dm_value value = dm_string("");
    const struct dm_value *back;
    struct buf out = {0};
    struct err_text why;

    value.bytes = dm_bytes(text.data, text.len);
    ASSERT(json_write(&out, &value, &why) == 0);
    ASSERT(json_read(bytes_of(out.data, out.len), arena, &back, &why) == 0);
    ASSERT(back->type == DM_STRING);
    ASSERT(!utf8_valid(text) || same_bytes(back->bytes, value.bytes));
    buf_fini(&out);
}

/* Any UTF-16 units, each as an escape, are the text that they are. */
static void check_escapes(struct bytes units, struct arena *arena)
{
    size_t count = units.len / 2;
    uint16_t *list = arena_alloc(arena, 2 * count);
    uint8_t *text = arena_alloc(arena, 3 * count);
    const struct dm_value *value;
    struct buf json = {0};
    struct err_text why;
    size_t len;

    buf_append_byte(&json, '"');
    for (size_t i = 0; i < count; i++) {
        list[i] = (uint16_t)(units.data[2 * i] << 8 | units.data[2 * i + 1]);
        buf_append_format(&json, i % 2 == 0 ? "\\u%04x" : "\\u%04X", list[i]);
    }
    buf_append_byte(&json, '"');
    len = utf8_from_utf16(list, count, text);
    ASSERT(json_read(bytes_of(json.data, json.len), arena, &value, &why) == 0);
    ASSERT(value->type == DM_STRING && same_bytes(value->bytes, dm_bytes(text, len)));
    buf_fini(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = bytes_of(data, size);
    const struct dm_value *value;
    struct arena arena = {0};
    struct err_text why;
    bool is_read = json_read(text, &arena, &value, &why) == 0;

    check_verdict(text, is_read);
    if (is_read)
        check_round_trip(value, &arena);
    check_string(text, &arena);
    check_escapes(text, &arena);
    arena_fini(&arena);
    return 0;
}
