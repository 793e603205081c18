#pragma once

/*
 * History
 *
 * What point-in-time recovery is made of (platform.md §3.8). Before a segment of the journal is let
 * go, the keeper sorts its records by object and adds them to the objects' history files; a pin
 * keeps the journal until that is durable. So the history of an object is its file and what the
 * journal still has. Nothing is done while a commit waits, and nothing for objects that rest.
 *
 * History must never be in the way of commits: where it cannot be written, that object's is given
 * up, with a line in the log, and begins anew.
 *
 * Orders to restore are files, too: restore.h carries them out.
 */

#include <stdbool.h>
#include <stdint.h>

#include "store/history_replay.h"
#include "store/store.h"

struct err_text;
struct history;

/* Before the keeper runs, after the recovery. *out is NULL where the store is to have none; what an
 * earlier life kept does not count any more then. `fresh`: nothing was ever written before. */
int history_open(struct history **out, struct store *store, bool fresh);
void history_close(struct history *history); /* NULL is allowed, as below */

/* Adds what the journal has to spare. The keeper's thread. */
void history_round(struct history *history);
/* Looks at some files whose turn it is, and takes away what the bounds do not want: to those of
 * objects that rest nothing is added. The keeper's thread, when nobody waits for it. */
void history_trim(struct history *history);
/* Clean stop: everything is in the objects' files. Lets go of the journal. */
void history_finish(struct history *history);

/* The database of an object as it was. HISTORY_MISSING: it cannot be had. Free the image with
 * history_image_fini(). Any thread; reads files, and the keeper waits meanwhile. */
int history_image(struct history *history, uint32_t namespace_number,
                  const uint8_t id[STORE_ID_SIZE], const struct bookmark *until,
                  struct history_image *image, struct err_text *why);

/* The first point that can be wanted. */
int64_t history_oldest_ms(const struct history *history);

/* While the files are copied nothing is added to them; also for lack of room in the journal it may
 * go on, and then the copy is given up. Any thread. */
void history_pause(struct history *history);
void history_resume(struct history *history);

/* ---- orders ---- */

struct history_order {
    uint64_t number; /* random, not 0 */
    struct bookmark until;
    uint32_t source_namespace; /* whose history; usually the object's own */
    uint8_t source_id[STORE_ID_SIZE];
};

/* Takes the place of an earlier one. Durable on return. Any thread. */
int history_order(struct history *history, uint32_t namespace_number,
                  const uint8_t id[STORE_ID_SIZE], const struct history_order *order);
/* False: there is none, which costs nothing. */
bool history_ordered(struct history *history, uint32_t namespace_number,
                     const uint8_t id[STORE_ID_SIZE], struct history_order *order);
/* It is done, or cannot be. */
int history_forget_order(struct history *history, uint32_t namespace_number,
                         const uint8_t id[STORE_ID_SIZE]);
