#pragma once

/*
 * What kv.c does for the database it works on.
 */

struct database;

/* Open lists give their statements back and fail from now on. */
void kv_cancel_lists(struct database *db);
