#pragma once

/*
 * Recovery
 *
 * Reads what the journal still holds, applies it in memory to the pages of each object, and finds
 * the alarms that the records carry. Runs before anything else of the store does, may be
 * interrupted anywhere and begun again.
 *
 * Nobody waits for the files: an object's pages are written when its database is opened, or by and
 * by by the keeper, which syncs them too. Until all that is done the journal keeps what it has.
 */

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

struct err_text;
struct list;
struct recovery;
struct store;

/* `notes` receives the alarms, in order (alarm_note.h). Results as enum store_open_result; *out on
 * 0 only, free with recovery_destroy(). */
int recovery_run(struct recovery **out, struct store *store, struct list *notes,
                 struct err_text *why);

/* NULL is allowed. The journal is gone. */
void recovery_destroy(struct recovery *recovery);

/* The journal and the keeper are there: keeps what is not in the files yet. */
void recovery_pin(struct recovery *recovery);

/* What was recovered of one object goes into its file. Before anybody looks at the file; any
 * thread; NULL is allowed. */
int recovery_bring(struct recovery *recovery, uint32_t namespace_number,
                   const uint8_t id[STORE_ID_SIZE]);

/* The same for as many as `count_max`; the keeper's thread. */
int recovery_bring_some(struct recovery *recovery, unsigned count_max);

/* Nothing is left to bring. */
bool recovery_is_done(struct recovery *recovery);

/* It is done, and what it has written is synced: the journal may go on. The keeper's thread. */
void recovery_unpin(struct recovery *recovery);
