#include "api/charset.h"

#include <string.h>
#include <unicode/ucnv.h>

#include "api/charset_parts.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"

enum {
    LABEL_MAX = 32,   /* the longest label has 19 characters */
    PIECE_MAX = 4096, /* bytes given to a converter at a time */
};

struct charset_decoder {
    const struct charset *charset;
    bool fatal;
    bool keep_bom;
    bool started;    /* something came out already: no mark is to be dropped any more */
    uint8_t held[4]; /* the beginning of a character; UTF-8 up to 3, UTF-16 1 or 3 bytes */
    size_t held_len;
    UConverter *converter; /* owned; CHARSET_MULTI */
};

const struct charset *charset_find(struct bytes label)
{
    char text[LABEL_MAX];
    size_t low = 0;
    size_t high = charset_label_count;
    size_t i;

    while (label.len > 0 && memchr("\t\n\f\r ", label.data[0], 5) != NULL)
        label = bytes_slice(label, 1, label.len);
    while (label.len > 0 && memchr("\t\n\f\r ", label.data[label.len - 1], 5) != NULL)
        label.len--;
    if (label.len >= sizeof text || (label.len > 0 && memchr(label.data, 0, label.len) != NULL))
        return NULL;
    for (i = 0; i < label.len; i++) {
        char c = (char)label.data[i];

        text[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
    text[label.len] = '\0';

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(text, charset_labels[middle].label);

        if (order == 0)
            return &charsets[charset_labels[middle].charset];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const char *charset_name(const struct charset *charset)
{
    return charset->name;
}

static void reset(struct charset_decoder *decoder)
{
    decoder->started = false;
    decoder->held_len = 0;
    if (decoder->converter != NULL)
        ucnv_reset(decoder->converter);
}

struct charset_decoder *charset_decoder_create(const struct charset *charset, bool fatal,
                                               bool keep_bom)
{
    struct charset_decoder *decoder = mem_new(struct charset_decoder);
    UErrorCode status = U_ZERO_ERROR;

    decoder->charset = charset;
    decoder->fatal = fatal;
    decoder->keep_bom = keep_bom;
    if (charset->kind == CHARSET_MULTI) {
        decoder->converter = ucnv_open(charset->converter, &status);
        ASSERT(U_SUCCESS(status));
        ucnv_setToUCallBack(decoder->converter,
                            fatal ? UCNV_TO_U_CALLBACK_STOP : UCNV_TO_U_CALLBACK_SUBSTITUTE, NULL,
                            NULL, NULL, &status);
        ASSERT(U_SUCCESS(status));
    }
    return decoder;
}

void charset_decoder_destroy(struct charset_decoder *decoder)
{
    if (decoder == NULL)
        return;
    if (decoder->converter != NULL)
        ucnv_close(decoder->converter);
    mem_free(decoder);
}

static uint16_t *reserve_units(struct buf *out, size_t count)
{
    /* Buffers grow by units only here, so they stay aligned. */
    return (uint16_t *)(void *)buf_reserve(out, count * sizeof(uint16_t));
}

static void added_units(struct buf *out, size_t count)
{
    buf_added(out, count * sizeof(uint16_t));
}

static int decode_single(const struct charset_decoder *decoder, struct bytes data, struct buf *out)
{
    const uint16_t *table = charset_single_bytes[decoder->charset->table];
    uint16_t *units = reserve_units(out, data.len);
    bool user = decoder->charset->kind == CHARSET_USER_DEFINED;
    size_t i;

    for (i = 0; i < data.len; i++) {
        uint8_t c = data.data[i];

        if (c < 0x80)
            units[i] = c;
        else
            units[i] = user ? (uint16_t)(0xf780 + c - 0x80) : table[c - 0x80];
        if (units[i] == 0xfffd && decoder->fatal)
            return CHARSET_MALFORMED;
    }
    added_units(out, data.len);
    return 0;
}

static int decode_utf8(struct charset_decoder *decoder, struct bytes data, bool flush,
                       struct buf *out)
{
    size_t tail = flush ? 0 : utf8_tail(data);
    struct bytes whole = bytes_of(data.data, data.len - tail);

    if (decoder->fatal && !utf8_valid(whole))
        return CHARSET_MALFORMED;
    if (whole.len > 0)
        added_units(out, utf8_to_utf16(whole, reserve_units(out, whole.len)));
    decoder->held_len = tail;
    if (tail > 0)
        memcpy(decoder->held, data.data + whole.len, tail);
    return 0;
}

static unsigned unit_at(const struct charset_decoder *decoder, const uint8_t *p)
{
    return decoder->charset->kind == CHARSET_UTF16LE ? p[0] | (unsigned)p[1] << 8
                                                     : p[1] | (unsigned)p[0] << 8;
}

/* Halves of pairs become U+FFFD; a first half at the end waits for the second. */
static int decode_utf16(struct charset_decoder *decoder, struct bytes data, bool flush,
                        struct buf *out)
{
    uint16_t *units = reserve_units(out, data.len / 2 + 2);
    size_t count = 0;
    size_t at = 0;
    bool bad = false;

    while (data.len - at >= 2) {
        unsigned unit = unit_at(decoder, data.data + at);
        bool first = (unit & 0xfc00) == 0xd800;

        if (first && data.len - at < 4 && !flush)
            break;
        if (first && data.len - at >= 4 &&
            (unit_at(decoder, data.data + at + 2) & 0xfc00) == 0xdc00) {
            units[count++] = (uint16_t)unit;
            units[count++] = (uint16_t)unit_at(decoder, data.data + at + 2);
            at += 4;
            continue;
        }
        if ((unit & 0xf800) == 0xd800) {
            bad = true;
            unit = 0xfffd;
        }
        units[count++] = (uint16_t)unit;
        at += 2;
    }
    if (flush && at < data.len) {
        bad = true;
        /* A first half and an odd byte behind it are one error, not two. */
        if (count == 0 || units[count - 1] != 0xfffd || at < 2 ||
            (unit_at(decoder, data.data + at - 2) & 0xfc00) != 0xd800)
            units[count++] = 0xfffd;
        at = data.len;
    }
    if (bad && decoder->fatal)
        return CHARSET_MALFORMED;
    added_units(out, count);
    decoder->held_len = data.len - at;
    ASSERT(decoder->held_len < sizeof decoder->held);
    if (decoder->held_len > 0)
        memcpy(decoder->held, data.data + at, decoder->held_len);
    return 0;
}

static int decode_multi(struct charset_decoder *decoder, struct bytes data, bool flush,
                        struct buf *out)
{
    const char *source = (const char *)data.data;
    const char *end = source + data.len;
    UErrorCode status;

    do {
        UChar *units = reserve_units(out, PIECE_MAX);
        UChar *at = units;

        status = U_ZERO_ERROR;
        ucnv_toUnicode(decoder->converter, &at, units + PIECE_MAX, &source, end, NULL, flush,
                       &status);
        added_units(out, (size_t)(at - units));
    } while (status == U_BUFFER_OVERFLOW_ERROR);
    return U_SUCCESS(status) ? 0 : CHARSET_MALFORMED;
}

/* UTF-8 and UTF-16 hold bytes back by themselves: put them in front of what comes now. */
static int decode_with_held(struct charset_decoder *decoder, struct bytes data, bool flush,
                            struct buf *out)
{
    struct buf joined = {0};
    int r;

    if (decoder->held_len > 0) {
        buf_append(&joined, decoder->held, decoder->held_len);
        buf_append_bytes(&joined, data);
        data = buf_bytes(&joined);
    }
    r = decoder->charset->kind == CHARSET_UTF8 ? decode_utf8(decoder, data, flush, out)
                                               : decode_utf16(decoder, data, flush, out);
    buf_fini(&joined);
    return r;
}

static void drop_bom(struct charset_decoder *decoder, size_t from, struct buf *out)
{
    uint16_t *units = (uint16_t *)(void *)(out->data + from);
    size_t count = (out->len - from) / sizeof *units;

    if (count == 0 || decoder->started)
        return;
    decoder->started = true;
    if (decoder->keep_bom || units[0] != 0xfeff || decoder->charset->kind > CHARSET_UTF16BE)
        return;
    memmove(units, units + 1, (count - 1) * sizeof *units);
    buf_truncate(out, out->len - sizeof *units);
}

int charset_decode(struct charset_decoder *decoder, struct bytes data, bool flush, struct buf *out)
{
    size_t from = out->len;
    int r;

    switch (decoder->charset->kind) {
    case CHARSET_SINGLE:
    case CHARSET_USER_DEFINED: r = decode_single(decoder, data, out); break;
    case CHARSET_MULTI: r = decode_multi(decoder, data, flush, out); break;
    default: r = decode_with_held(decoder, data, flush, out); break;
    }
    if (r == 0)
        drop_bom(decoder, from, out);
    if (r != 0 || flush)
        reset(decoder);
    return r;
}
