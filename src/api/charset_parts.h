#pragma once

/*
 * The tables behind charset.h.
 */

#include <stddef.h>
#include <stdint.h>

enum charset_kind {
    CHARSET_UTF8,
    CHARSET_UTF16LE,
    CHARSET_UTF16BE,
    CHARSET_SINGLE,       /* one byte, one character, by a table */
    CHARSET_USER_DEFINED, /* bytes from 80 on are U+F780 and following */
    CHARSET_MULTI,        /* by a converter of ICU */
};

enum {
    CHARSET_SINGLES = 27,
};

struct charset {
    const char *name;
    enum charset_kind kind;
    int table;             /* CHARSET_SINGLE: which */
    const char *converter; /* CHARSET_MULTI: ICU's name for it */
};

struct charset_label {
    const char *label; /* lower case */
    int charset;       /* index in charsets[] */
};

extern const struct charset charsets[];
extern const struct charset_label charset_labels[];
extern const size_t charset_label_count;
extern const uint16_t charset_single_bytes[CHARSET_SINGLES][128];
