#pragma once

/*
 * Backup
 *
 * A copy of a data directory while it is in use. The journal is kept from being reused, then the
 * files of the objects are copied as they are, with whatever checkpoints are writing into them
 * meanwhile, and after them the journal. What is torn in a copied file is mended when the copy is
 * opened: the copied journal holds every change since the hold began, and replaying it over any
 * mixture of older and newer sectors gives the same file (rule 3). So the copy holds every commit
 * that was durable when it began, and some of those that came while it was made. Nothing is added
 * to the histories meanwhile, so they and the copied journal meet without a gap.
 *
 * The copy is made under the name `<to>.partial` and gets its own when all of it is synced.
 */

struct err_text;
struct store;

/* Blocks until it is done; any thread, while the store is open. `to` must not exist; `why` is a
 * sentence for the operator. -EBUSY: another is under way; -ENOSPC may also mean that the journal
 * needed its room back. */
int store_backup(struct store *store, const char *to, struct err_text *why);
