#pragma once

/*
 * Alarm note
 *
 * What a record says about an object's alarm, on its way from the commit to the alarm index: one
 * copy goes with the record through the journal to the table, one stays on the shard until the
 * record is durable.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/journal.h"
#include "store/record.h"

struct alarm_note {
    struct journal_note base;       /* first: the journal knows no more of it */
    uint8_t key[STORE_ID_SIZE + 4]; /* id and namespace: the object as a map's key */
    uint32_t namespace_number;
    uint8_t id[STORE_ID_SIZE];
    struct record_alarm alarm; /* its name is in `text` */
    char text[];
};

/* Never NULL; `alarm` is copied. Free with mem_free(). */
struct alarm_note *alarm_note_create(uint32_t namespace_number, const uint8_t id[STORE_ID_SIZE],
                                     const struct record_alarm *alarm);
