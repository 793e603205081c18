#pragma once

/*
 * Watch
 *
 * Notices that files of a project changed. Folders are watched rather than files, because editors
 * replace files; a change counts when it names a file that is looked for, or any source file
 * while the watch is eager (after a build that failed, when what is missing may just have been
 * made). Changes that come in one go are reported once, after they have settled. Control thread.
 */

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct name_list;
struct watch;

/* Never NULL. */
struct watch *watch_create(struct loop *loop, uint32_t settle_ms);

/* Closes; the loop frees the memory. NULL is allowed. */
void watch_destroy(struct watch *watch);

/* The sources are about to be read: one that changes after this counts, noticed or not, as soon as
 * watch_set() names it. */
void watch_reading(struct watch *watch);

/* From now on these files count (absolute paths, there or not), and everything below `folders`. */
void watch_set(struct watch *watch, const struct name_list *files, const struct name_list *folders);

/* Any source file in a watched folder counts. */
void watch_set_eager(struct watch *watch, bool eager);

/* True once after a change has settled. */
bool watch_take(struct watch *watch);
