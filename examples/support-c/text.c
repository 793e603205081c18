#include "text.h"

/* Bytes of the character that begins with `lead`; at least 1, whatever it is. */
static size_t character_bytes(unsigned char lead)
{
    return lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
}

static size_t character_units(unsigned char lead)
{
    return lead >= 0xf0 ? 2 : 1;
}

struct dm_bytes text_cut(struct dm_bytes text, size_t units)
{
    const unsigned char *data = text.data;
    size_t at = 0;

    while (at < text.len && units >= character_units(data[at])) {
        units -= character_units(data[at]);
        at += character_bytes(data[at]);
    }
    return dm_bytes(text.data, at < text.len ? at : text.len);
}

size_t text_units(struct dm_bytes text)
{
    const unsigned char *data = text.data;
    size_t units = 0;

    for (size_t at = 0; at < text.len; at += character_bytes(data[at]))
        units += character_units(data[at]);
    return units;
}

/* ---- white space (ECMA-262, WhiteSpace and LineTerminator) ---- */

static const char *const spaces[] = {
    "\t",           "\n",           "\v",           "\f",           "\r",           " ",
    "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81", "\xe2\x80\x82", "\xe2\x80\x83",
    "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86", "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89",
    "\xe2\x80\x8a", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80",
    "\xef\xbb\xbf",
};

/* Bytes of the white space at the beginning, or at the end; 0: there is none. */
static size_t space_at(struct dm_bytes text, bool end)
{
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) {
        size_t len = strlen(spaces[i]);
        const char *from = text.data;

        if (len > text.len)
            continue;
        if (memcmp(end ? from + text.len - len : from, spaces[i], len) == 0)
            return len;
    }
    return 0;
}

struct dm_bytes text_trim(struct dm_bytes text)
{
    size_t len;

    while ((len = space_at(text, false)) > 0)
        text = dm_bytes((const char *)text.data + len, text.len - len);
    while ((len = space_at(text, true)) > 0)
        text.len -= len;
    return text;
}

/* ---- order (Unicode collation, the root's) ---- */

/* Its place, the same for both cases of a letter. */
static int primary(unsigned char byte)
{
    static const char order[] = "\t\n\v\f\r _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$"
                                "0123456789abcdefghijklmnopqrstuvwxyz";
    const char *found;

    if (byte >= 'A' && byte <= 'Z')
        byte = (unsigned char)(byte - 'A' + 'a');
    found = byte != '\0' ? strchr(order, byte) : NULL;
    return found != NULL ? (int)(found - order) : byte;
}

int text_compare(struct dm_bytes a, struct dm_bytes b)
{
    const unsigned char *left = a.data;
    const unsigned char *right = b.data;
    size_t len = a.len < b.len ? a.len : b.len;
    int difference = 0;

    for (size_t i = 0; i < len && difference == 0; i++)
        difference = primary(left[i]) - primary(right[i]);
    if (difference == 0 && a.len != b.len)
        difference = a.len < b.len ? -1 : 1;
    /* Only when all else is equal: small letters first. */
    for (size_t i = 0; i < len && difference == 0; i++)
        difference = right[i] - left[i];
    return difference;
}
