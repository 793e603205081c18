#pragma once

/*
 * Recovery
 *
 * Brings every record that the journal still holds into the files of its object, and finds the
 * alarms that the records carry. Runs before anything else of the store does, may be interrupted
 * anywhere and begun again.
 */

#include <stddef.h>
#include <stdint.h>

struct err_text;
struct list;
struct object_file;
struct store;

/* Files that were written but not synced: the journal must keep what it has until they are. */
struct recovered {
    struct object_file **files; /* a reference each; owned */
    size_t count;
};

/* Afterwards all files have what the journal has: durably, or they are among `recovered`, which is
 * to be given to recovered_fini(). `notes` receives the alarms, in order (alarm_note.h). Results as
 * enum store_open_result. */
int recovery_run(struct store *store, struct list *notes, struct recovered *recovered,
                 struct err_text *why);

void recovered_fini(struct recovered *recovered);
