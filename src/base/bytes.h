#pragma once

/*
 * Bytes
 *
 * A borrowed slice: where some bytes are and how many. It owns nothing and is passed by value;
 * whoever hands one out says how long it is good for. Text in a slice has no NUL at its end.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *data; /* borrowed; may be NULL when len is 0 */
    size_t len;
};

static inline struct bytes bytes_of(const void *data, size_t len)
{
    return (struct bytes){.data = (const uint8_t *)data, .len = len};
}

static inline struct bytes bytes_of_string(const char *text)
{
    return bytes_of(text, strlen(text));
}

/* A string literal, its length known to the compiler. */
#define BYTES(literal) bytes_of("" literal, sizeof(literal) - 1)

/* The part from `from` up to but not including `to`; both are cut to the length. */
struct bytes bytes_slice(struct bytes b, size_t from, size_t to);

/* Without spaces and tabs at either end. */
struct bytes bytes_trim(struct bytes b);

bool bytes_equal(struct bytes a, struct bytes b);
bool bytes_equal_string(struct bytes a, const char *text);

/* A to Z count as a to z; other bytes must be the same. */
bool bytes_equal_nocase(struct bytes a, struct bytes b);

bool bytes_starts_with(struct bytes b, struct bytes prefix);

/* Takes as long for different bytes as for equal ones; lengths are not secret. */
bool bytes_equal_secret(struct bytes a, struct bytes b);

/* < 0, 0, > 0 as memcmp(); a prefix comes before what it is a prefix of. */
int bytes_compare(struct bytes a, struct bytes b);

/* Index of the first `byte` at or after `from`, or `b.len` if there is none. */
size_t bytes_find_byte(struct bytes b, uint8_t byte, size_t from);

/* Index of the first `part` at or after `from`, or `b.len` if there is none. */
size_t bytes_find(struct bytes b, struct bytes part, size_t from);

/* Decimal digits only, at least one, no sign. False if something else is there or it does not
 * fit; `*out` is written on success only. */
bool bytes_parse_u64(struct bytes b, uint64_t *out);
