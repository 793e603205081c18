#include "base/utf8.h"

#include "base/assert.h"

/*
 * Two decoders that must agree, and do so in the fuzzer. whole() takes a character that is all
 * there, in one go: the usual case. begin() and go_on() take one byte after the other, for
 * characters cut off by the end of a fragment and for the extent of ill-formed parts: `need`
 * bytes are to come, the next of them between `low` and `high`, which are narrower than 80..BF
 * only behind E0, ED, F0 and F4 (Unicode table 3-7).
 */

#define HIGH_BITS UINT64_C(0x8080808080808080)

/* Length of the run of ASCII at the start, found eight bytes at a time. */
static size_t ascii_run(const uint8_t *p, size_t len)
{
    size_t i = 0;

    while (i + 8 <= len) {
        uint64_t word;

        memcpy(&word, p + i, sizeof word);
        if ((word & HIGH_BITS) != 0)
            break;
        i += 8;
    }
    while (i < len && p[i] < 0x80)
        i++;
    return i;
}

/* A byte that begins a character of several; false if no character begins so. */
static bool begin(struct utf8_check *check, uint8_t c)
{
    check->low = 0x80;
    check->high = 0xbf;
    if (c >= 0xc2 && c <= 0xdf) {
        check->need = 1;
    } else if (c >= 0xe0 && c <= 0xef) {
        check->need = 2;
        if (c == 0xe0)
            check->low = 0xa0;
        else if (c == 0xed)
            check->high = 0x9f;
    } else if (c >= 0xf0 && c <= 0xf4) {
        check->need = 3;
        if (c == 0xf0)
            check->low = 0x90;
        else if (c == 0xf4)
            check->high = 0x8f;
    } else {
        return false;
    }
    return true;
}

/* A byte inside a character; false if the character cannot go on so. */
static bool go_on(struct utf8_check *check, uint8_t c)
{
    if (c < check->low || c > check->high)
        return false;
    check->low = 0x80;
    check->high = 0xbf;
    check->need--;
    return true;
}

static inline bool is_inside(uint8_t c)
{
    return (c & 0xc0) == 0x80;
}

/* The character at `p`, all of it within `len`: its length, and the code point. 0: there is none.
 * The same as begin() and go_on() would say, without steps. */
static inline size_t whole(const uint8_t *p, size_t len, uint32_t *code_point)
{
    uint32_t c = p[0];

    if (c < 0x80) {
        *code_point = c;
        return 1;
    }
    if (c < 0xe0) {
        if (c < 0xc2 || len < 2 || !is_inside(p[1]))
            return 0;
        *code_point = (c & 0x1f) << 6 | (p[1] & 0x3fU);
        return 2;
    }
    if (c < 0xf0) {
        if (len < 3 || !is_inside(p[1]) || !is_inside(p[2]))
            return 0;
        *code_point = (c & 0x0f) << 12 | (p[1] & 0x3fU) << 6 | (p[2] & 0x3fU);
        return *code_point >= 0x800 && (*code_point & 0xf800) != 0xd800 ? 3 : 0;
    }
    if (c > 0xf4 || len < 4 || !is_inside(p[1]) || !is_inside(p[2]) || !is_inside(p[3]))
        return 0;
    *code_point = (c & 0x07) << 18 | (p[1] & 0x3fU) << 12 | (p[2] & 0x3fU) << 6 | (p[3] & 0x3fU);
    return *code_point >= 0x10000 && *code_point <= 0x10ffff ? 4 : 0;
}

size_t utf8_valid_prefix(struct bytes text)
{
    uint32_t code_point;
    size_t i = 0;

    while (i < text.len) {
        size_t n;

        if (text.data[i] < 0x80)
            n = ascii_run(text.data + i, text.len - i);
        else
            n = whole(text.data + i, text.len - i, &code_point);
        if (n == 0)
            break;
        i += n;
    }
    return i;
}

bool utf8_check_feed(struct utf8_check *check, struct bytes data)
{
    size_t i = 0;

    while (check->need > 0 && i < data.len) {
        if (!go_on(check, data.data[i++]))
            return false;
    }
    i += utf8_valid_prefix(bytes_slice(data, i, data.len));
    /* What is left is a character cut off by the end of the fragment, or an error. */
    if (i < data.len && !begin(check, data.data[i++]))
        return false;
    while (i < data.len) {
        if (check->need == 0 || !go_on(check, data.data[i++]))
            return false;
    }
    return true;
}

bool utf8_check_end(const struct utf8_check *check)
{
    return check->need == 0;
}

bool utf8_valid(struct bytes text)
{
    struct utf8_check check = {0};

    return utf8_check_feed(&check, text) && utf8_check_end(&check);
}

bool utf8_is_ascii(struct bytes text)
{
    return text.len == 0 || ascii_run(text.data, text.len) == text.len;
}

/* One character or one maximal ill-formed part, the latter with code point UINT32_MAX. Returns
 * its length, at least 1. */
static size_t decode(const uint8_t *p, size_t len, uint32_t *code_point, bool *cut_off)
{
    struct utf8_check check;
    size_t n = whole(p, len, code_point);

    *cut_off = false;
    if (n > 0)
        return n;
    *code_point = UINT32_MAX;
    if (!begin(&check, p[0]))
        return 1;
    for (n = 1; n < len; n++) {
        if (!go_on(&check, p[n]))
            return n;
    }
    *cut_off = true;
    return n;
}

size_t utf8_tail(struct bytes text)
{
    size_t back = text.len < 3 ? text.len : 3;

    for (size_t n = 1; n <= back; n++) {
        const uint8_t *p = text.data + text.len - n;
        uint32_t code_point;
        bool cut_off;

        if ((*p & 0xc0) == 0x80)
            continue; /* inside a character: look for its first byte */
        return decode(p, n, &code_point, &cut_off) == n && cut_off ? n : 0;
    }
    return 0;
}

size_t utf8_count(struct bytes text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += (text.data[i] & 0xc0) != 0x80;
    return count;
}

size_t utf8_utf16_len(struct bytes text)
{
    size_t count = 0;
    size_t i = 0;

    while (i < text.len) {
        size_t ascii = ascii_run(text.data + i, text.len - i);
        uint32_t code_point;
        bool cut_off;

        i += ascii;
        count += ascii;
        if (i == text.len)
            break;
        i += decode(text.data + i, text.len - i, &code_point, &cut_off);
        count += code_point != UINT32_MAX && code_point > 0xffff ? 2 : 1;
    }
    return count;
}

enum {
    BLOCK = 16, /* characters that compilers turn into one vector instruction or two */
};

static void widen(uint16_t *restrict out, const uint8_t *restrict in, size_t count)
{
    for (; count >= BLOCK; count -= BLOCK, in += BLOCK, out += BLOCK) {
        for (int k = 0; k < BLOCK; k++)
            out[k] = in[k];
    }
    while (count-- > 0)
        *out++ = *in++;
}

static void narrow(uint8_t *restrict out, const uint16_t *restrict in, size_t count)
{
    for (; count >= BLOCK; count -= BLOCK, in += BLOCK, out += BLOCK) {
        for (int k = 0; k < BLOCK; k++)
            out[k] = (uint8_t)in[k];
    }
    while (count-- > 0)
        *out++ = (uint8_t)*in++;
}

size_t utf8_to_utf16(struct bytes text, uint16_t *out)
{
    uint16_t *o = out;
    size_t i = 0;

    while (i < text.len) {
        uint32_t code_point;
        bool cut_off;

        if (text.data[i] < 0x80) {
            size_t run = ascii_run(text.data + i, text.len - i);

            widen(o, text.data + i, run);
            o += run;
            i += run;
            continue;
        }
        i += decode(text.data + i, text.len - i, &code_point, &cut_off);
        if (code_point == UINT32_MAX) {
            *o++ = 0xfffd;
        } else if (code_point > 0xffff) {
            *o++ = (uint16_t)(0xd7c0 + (code_point >> 10));
            *o++ = (uint16_t)(0xdc00 | (code_point & 0x3ff));
        } else {
            *o++ = (uint16_t)code_point;
        }
    }
    return (size_t)(o - out);
}

/* One code point; a lonely surrogate reads as U+FFFD. Returns the units it takes. */
static size_t utf16_decode(const uint16_t *units, size_t count, uint32_t *code_point)
{
    uint16_t unit = units[0];

    *code_point = unit;
    if ((unit & 0xf800) != 0xd800)
        return 1;
    if (unit < 0xdc00 && count > 1 && (units[1] & 0xfc00) == 0xdc00) {
        *code_point = 0x10000 + ((unit & 0x3ffU) << 10 | (units[1] & 0x3ffU));
        return 2;
    }
    *code_point = 0xfffd;
    return 1;
}

static size_t encoded_len(uint32_t code_point)
{
    return code_point < 0x80 ? 1 : code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
}

/* Length of the run of ASCII units at the start, found four units at a time. */
static size_t utf16_ascii_run(const uint16_t *units, size_t count)
{
    size_t i = 0;

    while (i + 4 <= count) {
        uint64_t word;

        memcpy(&word, units + i, sizeof word);
        if ((word & UINT64_C(0xff80ff80ff80ff80)) != 0)
            break;
        i += 4;
    }
    while (i < count && units[i] < 0x80)
        i++;
    return i;
}

size_t utf8_len_of_utf16(const uint16_t *units, size_t count)
{
    size_t len = 0;

    for (size_t i = 0; i < count;) {
        size_t run = utf16_ascii_run(units + i, count - i);
        uint32_t code_point;

        len += run;
        i += run;
        if (i == count)
            break;
        i += utf16_decode(units + i, count - i, &code_point);
        len += encoded_len(code_point);
    }
    return len;
}

size_t utf8_from_utf16(const uint16_t *units, size_t count, uint8_t *out)
{
    size_t read;

    return utf8_from_utf16_into(units, count, out, SIZE_MAX, &read);
}

size_t utf8_from_utf16_keep_halves(const uint16_t *units, size_t count, uint8_t *out)
{
    size_t written = utf8_from_utf16(units, count, out);
    size_t at = 0;

    /* Both forms of a half are as long, and the usual text has none. */
    if (memchr(out, 0xef, written) == NULL)
        return written;
    for (size_t i = 0; i < count;) {
        uint32_t code_point;
        size_t used = utf16_decode(units + i, count - i, &code_point);

        if (code_point == 0xfffd && units[i] != 0xfffd) {
            out[at] = 0xed;
            out[at + 1] = (uint8_t)(0x80 | (units[i] >> 6 & 0x3f));
            out[at + 2] = (uint8_t)(0x80 | (units[i] & 0x3f));
        }
        at += encoded_len(code_point);
        i += used;
    }
    return written;
}

size_t utf8_from_utf16_into(const uint16_t *units, size_t count, uint8_t *out, size_t cap,
                            size_t *read)
{
    size_t written = 0;
    size_t i = 0;

    while (i < count) {
        size_t run = utf16_ascii_run(units + i, count - i);
        uint32_t code_point;
        size_t used;

        if (run > cap - written)
            run = cap - written;
        narrow(out + written, units + i, run);
        written += run;
        i += run;
        if (i == count)
            break;
        used = utf16_decode(units + i, count - i, &code_point);
        if (encoded_len(code_point) > cap - written)
            break;
        written += utf8_put(code_point, out + written);
        i += used;
    }
    *read = i;
    return written;
}

size_t utf8_len_of_latin1(struct bytes latin1)
{
    size_t len = latin1.len;

    for (size_t i = 0; i < latin1.len; i++)
        len += latin1.data[i] >> 7;
    return len;
}

size_t utf8_from_latin1(struct bytes latin1, uint8_t *out)
{
    uint8_t *o = out;
    size_t i = 0;

    while (i < latin1.len) {
        size_t run = ascii_run(latin1.data + i, latin1.len - i);

        memcpy(o, latin1.data + i, run);
        o += run;
        i += run;
        for (; i < latin1.len && latin1.data[i] >= 0x80; i++)
            o += utf8_put(latin1.data[i], o);
    }
    return (size_t)(o - out);
}

size_t utf8_put(uint32_t code_point, uint8_t out[4])
{
    size_t len = encoded_len(code_point);

    ASSERT(code_point <= 0x10ffff && (code_point & 0xfffff800) != 0xd800);
    if (len == 1) {
        out[0] = (uint8_t)code_point;
        return 1;
    }
    for (size_t i = len - 1; i > 0; i--) {
        out[i] = (uint8_t)(0x80 | (code_point & 0x3f));
        code_point >>= 6;
    }
    out[0] = (uint8_t)(0xf00U >> len | code_point);
    return len;
}
