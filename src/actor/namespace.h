#pragma once

/*
 * Namespace and object id
 *
 * Ids are derived as in platform.md §2.2: 32 bytes, the second half a check that ties them to the
 * namespace. A namespace lives as long as the process and is known to all shards.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define OBJECT_ID_SIZE 32
#define OBJECT_ID_HEX  (2 * OBJECT_ID_SIZE)

struct object_id {
    uint8_t bytes[OBJECT_ID_SIZE];
};

struct namespace;
struct os;
struct store;

/* `unique_key`: `<worker>-<Class>`; class_name is for error texts. Registers it with the store. */
int namespace_create(struct namespace **out, struct store *store, const char *unique_key,
                     const char *class_name, unsigned index);
void namespace_destroy(struct namespace *ns);

const char *namespace_unique_key(const struct namespace *ns);
const char *namespace_class_name(const struct namespace *ns);
uint32_t namespace_number(const struct namespace *ns); /* in the store */
unsigned namespace_index(const struct namespace *ns);  /* among the process's, from 0 */
/* Declared by new_sqlite_classes: has `sql` and `kv` (§3.1). */
bool namespace_sql(const struct namespace *ns);
void namespace_set_sql(struct namespace *ns, bool sql);

void object_id_from_name(const struct namespace *ns, struct bytes name, struct object_id *id);

/* For tools that have no store: the id of a name, and whether an id is one of the namespace's. */
void object_id_of_key(const char *unique_key, struct bytes name, struct object_id *id);
bool object_id_belongs(const char *unique_key, const struct object_id *id);
void object_id_unique(const struct namespace *ns, struct os *os, struct object_id *id);

enum object_id_result {
    OBJECT_ID_NOT_HEX = 1, /* "Invalid Durable Object ID: must be 64 hex digits" */
    OBJECT_ID_FOREIGN,     /* "Durable Object ID is not valid for this namespace." */
};

int object_id_from_string(const struct namespace *ns, struct bytes hex, struct object_id *id);
/* The same for text that came from object_id_format(): false if it did not. */
bool object_id_parse(struct bytes hex, struct object_id *id);
void object_id_format(const struct object_id *id, char hex[OBJECT_ID_HEX + 1]);
bool object_id_equal(const struct object_id *a, const struct object_id *b);
