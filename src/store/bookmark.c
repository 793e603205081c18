#include "store/bookmark.h"

#include <stdio.h>
#include <string.h>

#include "base/hex.h"

/* time-time-lsn-lsnundo........: 32 bits each where there is a hyphen, high ones first. */
static const uint8_t groups[] = {8, 8, 8, 32};

void bookmark_format(const struct bookmark *bookmark, char text[BOOKMARK_TEXT_SIZE])
{
    uint64_t time = (uint64_t)bookmark->time_ms;

    snprintf(text, BOOKMARK_TEXT_SIZE, "%08x-%08x-%08x-%08x00000000%016llx", (uint32_t)(time >> 32),
             (uint32_t)time, (uint32_t)(bookmark->lsn >> 32), (uint32_t)bookmark->lsn,
             (unsigned long long)bookmark->undo_of);
}

bool bookmark_parse(struct bytes text, struct bookmark *bookmark)
{
    uint64_t numbers[7] = {0}; /* of 32 bits */
    size_t digits = 0;
    size_t at = 0;

    if (text.len != BOOKMARK_TEXT_SIZE - 1)
        return false;
    for (size_t g = 0; g < sizeof groups; g++) {
        for (size_t i = 0; i < groups[g]; i++, digits++) {
            int digit = hex_digit((char)text.data[at++]);

            if (digit < 0)
                return false;
            numbers[digits / 8] = numbers[digits / 8] << 4 | (unsigned)digit;
        }
        if (g + 1 < sizeof groups && text.data[at++] != '-')
            return false;
    }
    *bookmark = (struct bookmark){
        .time_ms = (int64_t)(numbers[0] << 32 | numbers[1]),
        .lsn = numbers[2] << 32 | numbers[3],
        .undo_of = numbers[5] << 32 | numbers[6],
    };
    return numbers[4] == 0 && bookmark->time_ms >= 0;
}
