#pragma once

/*
 * Vault
 *
 * An open database and the object it belongs to. Being awake and having a database open are
 * independent: the shard keeps the most recently used ones open, up to a bound and for a while. For
 * the files of actor/ only.
 */

#include <stdint.h>

struct database;
struct err_text;
struct object;
struct shard;
struct vault;

/* Opens it if it is not. Results as store/database.h. */
int vault_open(struct object *object, struct database **db, struct err_text *why);

/* Rolls back and closes; harmless if it is closed. */
void vault_close(struct object *object);

struct database *vault_database(const struct vault *vault);

/* Closes what nobody has used for a while; returns ms until there may be more, -1: nothing open. */
int64_t vault_close_unused(struct shard *shard, int64_t now_ms);
