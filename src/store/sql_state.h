#pragma once

/*
 * What sql.c does for the database it works on.
 */

struct database;

/* Cursors with a statement give it back and fail from now on. */
void sql_cancel_cursors(struct database *db);
