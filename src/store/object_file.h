#pragma once

/*
 * Object file
 *
 * The SQLite file of one object on disk. It need not exist: until the first checkpoint makes it, it
 * reads as the template, an empty database of one page, so that a new object costs the file system
 * nothing. Shared by the object's shard, which reads and writes, and the keeper, which syncs.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct object_file;
struct os;

/* Opens the file if it is there. One reference; `path` and `dir` (its folder) are copied. */
int object_file_open(struct object_file **out, struct os *os, const char *dir, const char *path);

struct object_file *object_file_ref(struct object_file *file);

/* Closes with the last reference. NULL is allowed. Any thread. */
void object_file_unref(struct object_file *file);

/* Bytes there are, or of the template. */
uint64_t object_file_size(const struct object_file *file);

const char *object_file_path(const struct object_file *file);

/* Nothing but the template is there. */
bool object_file_missing(const struct object_file *file);

/* What is behind the end reads as zeros; *got is how much there was. */
int object_file_read(struct object_file *file, void *out, size_t len, uint64_t offset, size_t *got);

/* Makes the file if it is missing. */
int object_file_write(struct object_file *file, const void *data, size_t len, uint64_t offset);
int object_file_truncate(struct object_file *file, uint64_t size_bytes);

/* Makes durable what was written before, the file's name too. Any thread. */
int object_file_sync(struct object_file *file);

/* The same for many, each folder only once. `count` may be 0. */
int object_file_sync_all(struct object_file **files, size_t count);

/* The template: an empty database in WAL mode. Never NULL, PAGE_BYTES long. */
const uint8_t *object_file_template(void);
