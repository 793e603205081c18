#pragma once

/*
 * Restore
 *
 * Point-in-time recovery as an object sees it (platform.md §3.8). A restore is ordered now and
 * carried out when the object's next session begins, as one commit like any other: so it is
 * there as a whole or not at all, it can be undone, and it is itself history.
 */

#include <stdint.h>

#include "base/bytes.h"
#include "store/bookmark.h"
#include "store/store.h"

struct database;
struct err_text;

/* What these functions can find out. */
enum restore_result {
    RESTORE_REFUSED = 1, /* `why` is for whoever asked */
};

/* The state as it is now; what is committed must be durable. */
int restore_bookmark_now(struct database *db, char text[BOOKMARK_TEXT_SIZE], struct err_text *why);

/* The state at a time, ms since 1970. */
int restore_bookmark_at(struct database *db, int64_t time_ms, char text[BOOKMARK_TEXT_SIZE],
                        struct err_text *why);

/* Orders it; `undo` is the state just before it will have been carried out. */
int restore_later(struct database *db, struct bytes bookmark, char undo[BOOKMARK_TEXT_SIZE],
                  struct err_text *why);

/* For operators: `target` becomes what `source`, which may be the same, was. Any thread. */
struct restore_request {
    uint32_t source_namespace;
    uint8_t source_id[STORE_ID_SIZE];
    uint32_t target_namespace;
    uint8_t target_id[STORE_ID_SIZE];
    int64_t time_ms;
};

int restore_order(struct store *store, const struct restore_request *request, struct err_text *why);

/* When a session of the object begins, before its first look at its storage: carries out what was
 * ordered. Blocks until it is durable. What cannot be had any more is said in the log, and the
 * object is as it was. */
int restore_if_ordered(struct database *db, struct err_text *why);
