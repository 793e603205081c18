#include "store/alarm_note.h"

#include <string.h>

#include "base/mem.h"

struct alarm_note *alarm_note_create(uint32_t namespace_number, const uint8_t id[STORE_ID_SIZE],
                                     const struct record_alarm *alarm)
{
    struct alarm_note *note = mem_alloc_zero(sizeof *note + alarm->name.len + 1);

    list_init(&note->base.link);
    note->namespace_number = namespace_number;
    memcpy(note->id, id, STORE_ID_SIZE);
    memcpy(note->key, id, STORE_ID_SIZE);
    memcpy(note->key + STORE_ID_SIZE, &namespace_number, sizeof namespace_number);
    note->alarm = *alarm;
    if (alarm->name.data != NULL) {
        memcpy(note->text, alarm->name.data, alarm->name.len);
        note->alarm.name.data = (const uint8_t *)note->text;
    }
    return note;
}
