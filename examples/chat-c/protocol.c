#include "protocol.h"

#include "text.h"

#define FRAME_UNITS_MAX (16 * 1024)
#define TEXT_UNITS_MAX  2000
#define AS_TEXT_(x)     #x
#define AS_TEXT(x)      AS_TEXT_(x)

static enum protocol_verdict broken(struct say *say, uint16_t code, const char *why)
{
    say->code = code;
    say->why = why;
    return PROTOCOL_BROKEN;
}

static enum protocol_verdict bad_text(struct say *say, const char *why)
{
    say->why = why;
    return PROTOCOL_BAD_TEXT;
}

/* In small letters, as crypto.randomUUID() makes them. */
static bool is_uuid(struct dm_bytes text)
{
    const char *at = text.data;

    if (text.len != DM_UUID_TEXT - 1)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        bool is_hyphen = i == 8 || i == 13 || i == 18 || i == 23;

        if (is_hyphen ? at[i] != '-' : memchr(WEB_DIGITS "abcdef", at[i], 16) == NULL)
            return false;
    }
    return true;
}

static bool is_string(const struct dm_value *value)
{
    return value != NULL && value->type == DM_STRING;
}

enum protocol_verdict protocol_parse(struct dm_object *room, struct dm_bytes data, bool text,
                                     struct say *say)
{
    const struct dm_value *value, *type, *id, *words;

    if (!text)
        return broken(say, 1007, "Expected text");
    if (text_units(data) > FRAME_UNITS_MAX)
        return broken(say, 1009, "Message too big");
    if (dm->json_read(room, data, &value) != 0)
        return broken(say, 1007, "Expected JSON");
    if (value->type != DM_OBJECT)
        return broken(say, 1007, "Expected a JSON object");
    type = dm_get(value, "type");
    if (!is_string(type) || !dm_is(type->bytes, "say"))
        return broken(say, 1008, "Unknown type of message");
    id = dm_get(value, "id");
    if (!is_string(id) || !is_uuid(id->bytes))
        return broken(say, 1008, "Invalid id");
    say->id = id->bytes;

    words = dm_get(value, "text");
    if (!is_string(words))
        return bad_text(say, "The text must be a string");
    say->text = text_trim(words->bytes);
    if (say->text.len == 0)
        return bad_text(say, "The text is empty");
    if (text_units(say->text) > TEXT_UNITS_MAX)
        return bad_text(say, "The text is longer than " AS_TEXT(TEXT_UNITS_MAX) " characters");
    return PROTOCOL_SAY;
}
