#pragma once

/*
 * SQL functions
 *
 * Those of the platform's list that the linked SQLite may be too old to have: octet_length, concat,
 * concat_ws, string_agg, unhex and timediff, to the letter of SQLite's documentation. A newer
 * SQLite keeps its own.
 */

struct sqlite3;

/* Registers what is missing on this connection. An SQLite code. */
int sql_functions_register(struct sqlite3 *sql);
