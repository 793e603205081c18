#include "http/chunked.h"

#include "base/assert.h"
#include "base/limits.h"

/*
 *   SIZE --digits--> SIZE --;--> EXTENSION --\r--> SIZE_LF --\n--> DATA --all--> DATA_CR
 *     ^                 \------------\r------------^    |                          |
 *     |                                                 | size 0                   v
 *     +------------------------ \n -- DATA_LF <-- \r ---|----------------------- DATA_CR
 *                                                       v
 *   TRAILER_START --token--> TRAILER_NAME --:--> TRAILER_VALUE --\r--> TRAILER_LF --\n--+
 *     |  ^                                                                              |
 *     |  +------------------------------------------------------------------------------+
 *     +--\r--> LAST_LF --\n--> DONE
 *
 * Anything else leads to BROKEN.
 */
enum chunked_state {
    CHUNKED_SIZE = 0,
    CHUNKED_EXTENSION,
    CHUNKED_SIZE_LF,
    CHUNKED_IN_DATA,
    CHUNKED_DATA_CR,
    CHUNKED_DATA_LF,
    CHUNKED_TRAILER_START,
    CHUNKED_TRAILER_NAME,
    CHUNKED_TRAILER_VALUE,
    CHUNKED_TRAILER_LF,
    CHUNKED_LAST_LF,
    CHUNKED_DONE,
    CHUNKED_FAILED,
};

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool printable(uint8_t c)
{
    return (c >= 0x20 && c != 0x7f) || c == '\t';
}

static bool token_byte(uint8_t c)
{
    return c > 0x20 && c < 0x7f && memchr("\"(),/:;<=>?@[\\]{}", c, 17) == NULL;
}

static enum chunked_state size_byte(struct chunked_decoder *decoder, uint8_t c)
{
    int digit = hex_digit(c);

    if (digit >= 0) {
        if (decoder->digits++ == LIMIT_HTTP_CHUNK_DIGITS)
            return CHUNKED_FAILED;
        decoder->left = decoder->left * 16 + (unsigned)digit;
        return CHUNKED_SIZE;
    }
    if (decoder->digits == 0)
        return CHUNKED_FAILED;
    if (c == '\r')
        return CHUNKED_SIZE_LF;
    return c == ';' ? CHUNKED_EXTENSION : CHUNKED_FAILED;
}

/* Extensions and trailers cost the sender as much as they cost us, up to a bound. */
static enum chunked_state extra_byte(struct chunked_decoder *decoder, enum chunked_state next)
{
    return decoder->extra++ == LIMIT_HTTP_CHUNK_EXTRA_BYTES ? CHUNKED_FAILED : next;
}

static enum chunked_state trailer_byte(struct chunked_decoder *decoder, uint8_t c)
{
    switch ((enum chunked_state)decoder->state) {
    case CHUNKED_TRAILER_START:
        if (c == '\r')
            return CHUNKED_LAST_LF;
        return token_byte(c) ? extra_byte(decoder, CHUNKED_TRAILER_NAME) : CHUNKED_FAILED;
    case CHUNKED_TRAILER_NAME:
        if (c == ':')
            return CHUNKED_TRAILER_VALUE;
        return token_byte(c) ? extra_byte(decoder, CHUNKED_TRAILER_NAME) : CHUNKED_FAILED;
    case CHUNKED_TRAILER_VALUE:
        if (c == '\r')
            return CHUNKED_TRAILER_LF;
        return printable(c) ? extra_byte(decoder, CHUNKED_TRAILER_VALUE) : CHUNKED_FAILED;
    case CHUNKED_TRAILER_LF: return c == '\n' ? CHUNKED_TRAILER_START : CHUNKED_FAILED;
    default: UNREACHABLE();
    }
}

static enum chunked_state next_state(struct chunked_decoder *decoder, uint8_t c)
{
    switch ((enum chunked_state)decoder->state) {
    case CHUNKED_SIZE: return size_byte(decoder, c);
    case CHUNKED_EXTENSION:
        if (c == '\r')
            return CHUNKED_SIZE_LF;
        return printable(c) ? extra_byte(decoder, CHUNKED_EXTENSION) : CHUNKED_FAILED;
    case CHUNKED_SIZE_LF:
        decoder->digits = 0;
        if (c != '\n')
            return CHUNKED_FAILED;
        return decoder->left > 0 ? CHUNKED_IN_DATA : CHUNKED_TRAILER_START;
    case CHUNKED_DATA_CR: return c == '\r' ? CHUNKED_DATA_LF : CHUNKED_FAILED;
    case CHUNKED_DATA_LF: return c == '\n' ? CHUNKED_SIZE : CHUNKED_FAILED;
    case CHUNKED_LAST_LF: return c == '\n' ? CHUNKED_DONE : CHUNKED_FAILED;
    case CHUNKED_TRAILER_START:
    case CHUNKED_TRAILER_NAME:
    case CHUNKED_TRAILER_VALUE:
    case CHUNKED_TRAILER_LF: return trailer_byte(decoder, c);
    case CHUNKED_IN_DATA:
    case CHUNKED_DONE:
    case CHUNKED_FAILED:
    default: UNREACHABLE();
    }
}

/* A piece of the chunk, as long as the input allows. */
static void take_data(struct chunked_decoder *decoder, struct bytes *input, struct bytes *data)
{
    size_t len = decoder->left < input->len ? (size_t)decoder->left : input->len;

    *data = bytes_slice(*input, 0, len);
    *input = bytes_slice(*input, len, input->len);
    decoder->left -= len;
    if (decoder->left == 0)
        decoder->state = CHUNKED_DATA_CR;
}

int chunked_decode(struct chunked_decoder *decoder, struct bytes *input, struct bytes *data)
{
    *data = (struct bytes){0};
    for (;;) {
        if (decoder->state == CHUNKED_DONE)
            return CHUNKED_END;
        if (decoder->state == CHUNKED_FAILED)
            return CHUNKED_BROKEN;
        if (input->len == 0)
            return CHUNKED_MORE;
        if (decoder->state == CHUNKED_IN_DATA) {
            take_data(decoder, input, data);
            return CHUNKED_DATA;
        }
        decoder->state = (uint8_t)next_state(decoder, input->data[0]);
        *input = bytes_of(input->data + 1, input->len - 1);
    }
}

size_t chunked_head(char line[CHUNKED_HEAD_MAX], size_t size)
{
    static const char hex[] = "0123456789abcdef";
    unsigned digits = 1;
    size_t len = 0;

    ASSERT(size > 0);
    for (size_t rest = size >> 4; rest != 0; rest >>= 4)
        digits++;
    while (digits-- > 0)
        line[len++] = hex[(size >> (4 * digits)) & 15];
    line[len++] = '\r';
    line[len++] = '\n';
    return len;
}
