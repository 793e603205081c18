#pragma once

/*
 * Recovery
 *
 * Brings every record that the journal still holds into the files of its object, and finds the
 * alarms that the records carry. Runs before anything else of the store does, may be interrupted
 * anywhere and begun again.
 */

#include <stdint.h>

struct err_text;
struct list;
struct store;

/* Afterwards all files have what the journal has, durably. `notes` receives the alarms, in order
 * (alarm_note.h). Results as enum store_open_result. */
int recovery_run(struct store *store, struct list *notes, struct err_text *why);
